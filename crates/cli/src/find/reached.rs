//! The packages in a build's `node_modules`: which of them are reached from a set of specifiers, and by what. Reads
//! only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use memchr::memmem;
use oxc_resolver::FileSystem as _;
use presentry_rewriter::{is_script, package_name};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    parallel,
    store::view::{Kind, View},
};

/// The packages of one build.
#[derive(Debug)]
pub(crate) struct Packages<'v> {
    view: &'v View,
    server: PathBuf,
}

/// How a script is read for what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What stands where a specifier stands.
    Closely,
    /// What `package.json` declares as well: a name may be put together, as that of a package with a binary is.
    AndDeclared,
    /// Every literal that is the first argument of a call as well: rather too much than too little.
    Broadly,
}

/// A package that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name, as it was asked for.
    pub(crate) name: String,
    /// What its scripts ask for, with the first that does.
    pub(crate) asks_for: BTreeMap<String, PathBuf>,
}

impl<'v> Packages<'v> {
    /// Those of the build in a server directory, which has to be a canonical path.
    pub(crate) fn of(view: &'v View, server: &Path) -> Self {
        Self { view, server: server.to_owned() }
    }

    /// The directory of a package as Node finds it from a directory of the build, links followed. Packages above the
    /// server directory are not part of the build.
    pub(crate) fn find(&self, name: &str, from: &Path) -> Option<PathBuf> {
        let places = from.ancestors().take_while(|directory| directory.starts_with(&self.server));
        let mut found = places.map(|directory| directory.join("node_modules").join(name));
        found
            .find_map(|directory| self.view.canonicalize(&directory).ok().filter(|real| real.starts_with(&self.server)))
    }

    /// The packages that are loaded for these specifiers, by directory. What a script names counts as loaded; packages for
    /// which `enter` says no are reached, and nothing through them.
    pub(crate) fn reached<'s>(
        &self,
        specifiers: impl Iterator<Item = &'s str>,
        look: Look,
        enter: impl Fn(&str) -> bool,
    ) -> BTreeMap<PathBuf, Package> {
        let mut reached = BTreeMap::new();
        let mut queue: Vec<(String, PathBuf)> =
            specifiers.map(|specifier| (package_name(specifier).to_owned(), self.server.clone())).collect();
        while let Some((name, from)) = queue.pop() {
            let Some(directory) = self.find(&name, &from) else { continue };
            if reached.contains_key(&directory) {
                continue;
            }
            let asks_for = if enter(&name) { asked_for(self.view, &directory, look) } else { BTreeMap::new() };
            let names: BTreeSet<&str> = asks_for.keys().map(|specifier| package_name(specifier)).collect();
            queue.extend(names.into_iter().map(|name| (name.to_owned(), directory.clone())));
            reached.insert(directory, Package { name, asks_for });
        }
        reached
    }
}

/// The bare specifiers in the scripts of a package, with the first script that names each. What is declared counts only
/// where that is asked for: what Nitro traced of a package is often a file or two, which need little of it.
fn asked_for(view: &View, directory: &Path, look: Look) -> BTreeMap<String, PathBuf> {
    let mut found = if look == Look::AndDeclared { declared(view, directory) } else { BTreeMap::new() };
    let scripts: Vec<PathBuf> =
        files(view, directory).into_iter().filter(|file| file.to_str().is_some_and(is_script)).collect();
    let named = parallel::map(&scripts, |file| {
        let text = view.bytes(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        named_in(&text, look).into_iter().map(str::to_owned).collect::<Vec<String>>()
    });
    for (file, specifiers) in scripts.iter().zip(named) {
        for specifier in specifiers {
            found.entry(specifier).or_insert_with(|| file.clone());
        }
    }
    found
}

/// The bare specifiers in a script, with every literal that is the first argument of a call.
pub(crate) fn asked_for_by(script: &[u8]) -> BTreeSet<String> {
    named_in(&String::from_utf8_lossy(script), Look::Broadly).into_iter().map(str::to_owned).collect()
}

fn declared(view: &View, directory: &Path) -> BTreeMap<String, PathBuf> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Dependencies {
        dependencies: BTreeMap<String, IgnoredAny>,
        optional_dependencies: BTreeMap<String, IgnoredAny>,
    }
    let file = directory.join("package.json");
    let Dependencies { dependencies, optional_dependencies } =
        serde_json::from_slice(&view.bytes(&file).unwrap_or_default()).unwrap_or_default();
    dependencies.into_keys().chain(optional_dependencies.into_keys()).map(|name| (name, file.clone())).collect()
}

/// The files of a package, those of packages nested in it left out, in path order.
pub(crate) fn files(view: &View, directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(at) = directories.pop() {
        for (name, kind) in view.list(&at) {
            match kind {
                Kind::Directory if name == "node_modules" => {}
                Kind::Directory => directories.push(at.join(name)),
                Kind::File | Kind::Link => files.push(at.join(name)),
            }
        }
    }
    files.sort();
    files
}

/// The bare specifiers that a script names, by a look at the text: a comment may hold one as well.
fn named_in(text: &str, look: Look) -> BTreeSet<&str> {
    let mut words = vec!["from", "import", "require", "resolve", "register"];
    match look {
        Look::Closely | Look::AndDeclared => words.extend(made_by_create_require(text)),
        // Whatever is the first argument of a call: a function may hand it on to `require`.
        Look::Broadly => words.push("("),
    }
    let bare = |specifier: &&str| {
        specifier.starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, '@' | '_'))
            && specifier.chars().all(|char| char.is_ascii_alphanumeric() || "@/._-~".contains(char))
    };
    literals_behind(text, &words).into_iter().filter(bare).collect()
}

/// What holds a `require` of its own: `const req = createRequire(import.meta.url)`, and the end of
/// `createRequire(import.meta.url)` itself, which may be called in place.
fn made_by_create_require(text: &str) -> Vec<&str> {
    const MAKER: &str = "createRequire(";
    let assigned = text.match_indices(MAKER).filter_map(|(at, _)| {
        let before = text[..at].trim_end().strip_suffix('=')?.trim_end();
        let start =
            before.rfind(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | '$'))).map_or(0, |at| at + 1);
        Some(&before[start..]).filter(|name| !name.is_empty())
    });
    let in_place = text.contains(MAKER).then_some("import.meta.url)");
    assigned.chain(in_place).collect()
}

/// The literals behind some words, with or without a parenthesis between.
pub(crate) fn literals_behind<'t>(text: &'t str, words: &[&str]) -> Vec<&'t str> {
    let mut literals = Vec::new();
    for word in words {
        literals.extend(memmem::find_iter(text.as_bytes(), word).filter_map(|at| {
            let rest = text[at + word.len()..].trim_start();
            let rest = rest.strip_prefix('(').map_or(rest, str::trim_start);
            let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
            let literal = &rest[1..];
            Some(&literal[..literal.find(quote)?])
        }));
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_found_by_the_words_before_them() {
        let text = r#"import a from"a";import 'b';export*from "@s/c/d";import("e");const x=require( 'f/g' );
            require.resolve("h");register("i/hook.mjs", url);import "./no";import "node:fs";from(`${no}`);"no";"#;
        let plain = BTreeSet::from(["@s/c/d", "a", "b", "e", "f/g", "h", "i/hook.mjs"]);
        assert_eq!(named_in(text, Look::Closely), plain);
        assert_eq!(named_in("load('x'); y.z( \"@a/b\" );", Look::Broadly), BTreeSet::from(["@a/b", "x"]));
        assert_eq!(named_in("load('x');", Look::Closely), BTreeSet::new());
        let made =
            "const req = createRequire(import.meta.url); req('v'); createRequire(import.meta.url)(\"w\"); other('x')";
        assert_eq!(named_in(made, Look::Closely), BTreeSet::from(["v", "w"]));
    }
}
