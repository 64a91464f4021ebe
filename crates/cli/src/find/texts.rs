//! Tells by their texts which packages are in a script: bundlers and minifiers keep the strings of a module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use presentry_rewriter::is_script;

/// How long a string has to be to tell something, and how long one is that is worth a search.
const TELLING: std::ops::RangeInclusive<usize> = 14..=160;

/// How many strings of a file have to be in a script, and of how many each: one file of a library may be left out of a bundle,
/// or half of it, and two libraries may say the same here and there.
const LEAST: usize = 3;
const OF: usize = 2;

/// How many files of a package are read, and how long each may be, in bytes.
const FILES: usize = 400;
const LONGEST: u64 = 1 << 20;

/// The longest script that is searched, in bytes.
const LONGEST_SCRIPT: u64 = 32 << 20;

/// The strings of some packages.
pub(crate) struct Texts {
    search: AhoCorasick,
    /// The file that each string belongs to.
    owners: Vec<usize>,
    /// Of each file, the package and the number of its strings.
    files: Vec<(String, usize)>,
}

impl Texts {
    /// Reads the packages, by their names and directories; `None` where no file of them has enough strings. What more than one
    /// file has tells nothing: several SDKs are generated from one template.
    pub(crate) fn of(packages: &BTreeMap<String, PathBuf>) -> Option<Texts> {
        let mut by_file: Vec<(String, BTreeSet<String>)> = Vec::new();
        for (name, directory) in packages {
            let texts = files(directory).into_iter().filter_map(|file| fs::read_to_string(file).ok());
            by_file.extend(texts.map(|text| (name.clone(), strings(&text))));
        }
        let mut owners: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, (_, strings)) in by_file.iter().enumerate() {
            strings.iter().for_each(|text| owners.entry(text).or_default().push(number));
        }
        // A package may have a file in two forms, as CommonJS and as ES module: the strings of both count for the first.
        let is_of_one = |numbers: &[usize]| numbers.iter().all(|&one| by_file[one].0 == by_file[numbers[0]].0);
        let mut telling: Vec<(&str, usize)> = Vec::new();
        for (text, numbers) in owners.iter().filter(|(_, numbers)| is_of_one(numbers)) {
            telling.push((text, numbers[0]));
        }
        let mut counts = vec![0; by_file.len()];
        telling.iter().for_each(|(_, owner)| counts[*owner] += 1);
        telling.retain(|(_, owner)| counts[*owner] >= LEAST);
        let search = AhoCorasick::new(telling.iter().map(|(text, _)| text)).ok().filter(|_| !telling.is_empty())?;
        let owners = telling.into_iter().map(|(_, owner)| owner).collect();
        let files = by_file.into_iter().zip(counts).map(|((name, _), count)| (name, count)).collect();
        Some(Texts { search, owners, files })
    }

    /// The packages of which a file is in a script, whole or mostly.
    pub(crate) fn packages_in(&self, script: &Path) -> BTreeSet<&str> {
        let short = fs::metadata(script).is_ok_and(|metadata| metadata.len() <= LONGEST_SCRIPT);
        let text = if short { fs::read(script).unwrap_or_default() } else { Vec::new() };
        let seen: BTreeSet<usize> =
            self.search.find_overlapping_iter(&text).map(|found| found.pattern().as_usize()).collect();
        let mut hits = vec![0; self.files.len()];
        seen.into_iter().for_each(|pattern| hits[self.owners[pattern]] += 1);
        let is_in = |&(hits, (_, count)): &(usize, &(String, usize))| hits >= LEAST && hits * OF >= *count;
        hits.into_iter().zip(&self.files).filter(is_in).map(|(_, (name, _))| name.as_str()).collect()
    }
}

/// The scripts of a package, without those of packages in it.
fn files(package: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![package.to_owned()];
    while let Some(directory) = directories.pop() {
        let mut entries: Vec<fs::DirEntry> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && name != "node_modules" {
                directories.push(path);
            } else if metadata.is_file() && metadata.len() <= LONGEST && name.to_str().is_some_and(is_script) {
                found.push(path);
            }
            if found.len() == FILES {
                return found;
            }
        }
    }
    found
}

/// The strings of a script that tell something: prose, as messages are. Names and paths are found elsewhere as well.
fn strings(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(start) = rest.find(['"', '\'']) {
            let quote = &rest[start..=start];
            rest = &rest[start + 1..];
            let Some(end) = rest.find(quote) else { break };
            let string = &rest[..end];
            rest = &rest[end + 1..];
            let is_plain = |byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b',' | b':' | b'-' | b'(' | b')')
            };
            if TELLING.contains(&string.len()) && string.trim().contains(' ') && string.bytes().all(is_plain) {
                found.insert(string.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with four messages of a library.
    fn library(name: &str) -> String {
        (1..5)
            .map(|number| format!("throw new Error('{name} failed for the reason {number}'); // isn't it \"so\"\n"))
            .collect()
    }

    fn told(script: &str) -> Vec<String> {
        let app = tempfile::tempdir().unwrap();
        let package = |name: &str| {
            let directory = app.path().join(name);
            fs::create_dir_all(directory.join("lib")).unwrap();
            fs::write(directory.join("lib/index.js"), library(name)).unwrap();
            // What is generated for both.
            fs::write(directory.join("lib/core.js"), library("the same core")).unwrap();
            (name.to_owned(), directory)
        };
        let packages = BTreeMap::from(["soup", "stew"].map(package));
        let file = app.path().join("chunk.mjs");
        fs::write(&file, script).unwrap();
        Texts::of(&packages).unwrap().packages_in(&file).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_messages_of_a_library_tell_that_it_is_there() {
        assert_eq!(told(&library("soup")), ["soup"]);
        let minified = library("soup").replace('\'', "`").replace("throw new Error", "E");
        assert_eq!(told(&minified), ["soup"]);
        assert_eq!(told(&format!("{}{}", library("stew"), library("soup"))), ["soup", "stew"]);
    }

    #[test]
    fn a_few_words_or_what_two_libraries_say_tell_nothing() {
        let two_of_four: String = library("soup").lines().take(2).collect();
        assert_eq!(told(&two_of_four), [""; 0]);
        assert_eq!(told(&library("the same core")), [""; 0]);
        assert_eq!(told("import 'soup'; import { serve } from \"stew\";"), [""; 0]);
    }
}
