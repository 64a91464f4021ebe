//! The packages of a build that the SDK may instrument: every copy in `node_modules`, nested ones and those behind links
//! included. Reads only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use oxc_resolver::FileSystem as _;
use presentry_rewriter::{ModulePath, Overlay, Sources, instrumented_by_plugin, is_script, package_name};
use serde::Deserialize;

use crate::{
    find::reached::{self, Look, Packages},
    passes::channels::wire::{Named, Text},
    store::{place::Place, view::View},
};

/// Why a package that is traced in is left to hooks.
pub(super) const TRACED_IN: &str = "is traced in, in whole or in part, and may go again";

/// A copy of a package.
#[derive(Debug)]
pub(super) struct Target {
    /// The name by which it is imported.
    pub(super) name: String,
    pub(super) version: String,
    /// Its directory, links followed.
    pub(super) directory: ModulePath,
    /// Its scripts, relative to the directory.
    pub(super) files: Vec<String>,
}

/// What a look into `node_modules` came to.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) targets: Vec<Target>,
    /// What lies where nothing may be written, with the reason.
    pub(super) outside: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct PackageJson {
    version: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Every copy of a package in the `node_modules` of a build: as it was in `original`, and as it will be in `files`.
pub(super) fn find(place: &Place, original: &View, files: &View) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    let mut directories = vec![place.server.join("node_modules")];
    while let Some(directory) = directories.pop() {
        let Ok(directory) = files.canonicalize(&directory) else { continue };
        if !directory.starts_with(&place.output) || !seen.insert(directory.clone()) {
            continue;
        }
        for (name, at) in packages_in(files, &directory) {
            let Ok(real) = files.canonicalize(&at) else { continue };
            // Behind the links of a package manager the packages that it needs lie beside it.
            let beside = real.ancestors().skip(1).find(|above| above.ends_with("node_modules"));
            directories.extend(beside.map(Path::to_owned));
            directories.push(real.join("node_modules"));
            if !seen.insert(real.join(&name)) {
                continue;
            }
            match target(place, files, &name, &real) {
                Some(_) if is_traced_in(original, files, &real) => _ = found.outside.insert(name, TRACED_IN.to_owned()),
                Some(target) => found.targets.push(target),
                None if real.starts_with(&place.server) => {
                    found.outside.insert(name, "has no `package.json` with a version".to_owned());
                }
                None => {
                    let why = format!("lies outside of the server directory, in `{}`", real.display());
                    found.outside.insert(name, why);
                }
            }
        }
    }
    found.targets.sort_by(|one, other| one.directory.cmp(&other.directory));
    found
}

/// The names and directories in a `node_modules`.
fn packages_in(files: &View, directory: &Path) -> Vec<(String, PathBuf)> {
    let mut packages = Vec::new();
    for (name, _) in files.list(directory).into_iter().filter(|(name, _)| !name.starts_with('.')) {
        let at = directory.join(&name);
        match name.starts_with('@') {
            true => {
                let below = files.list(&at).into_iter();
                packages.extend(below.map(|(below, _)| (format!("{name}/{below}"), at.join(below))));
            }
            false => packages.push((name, at)),
        }
    }
    packages
}

/// Whether files of a package are not those of the original build.
fn is_traced_in(original: &View, files: &View, real: &Path) -> bool {
    reached::files(files, real).iter().any(|file| !original.is_file(file))
}

/// `None` for a package whose files have no path in the server directory.
fn target(place: &Place, files: &View, name: &str, real: &Path) -> Option<Target> {
    let directory = place.path_of(real)?.module()?;
    let relative = |file: &Path| {
        let text: Option<Vec<&str>> = file.strip_prefix(real).ok()?.iter().map(|segment| segment.to_str()).collect();
        // A line of the marker holds a path.
        text.map(|segments| segments.join("/")).filter(|text| is_script(text) && !text.contains(char::is_control))
    };
    let scripts = reached::files(files, real).iter().filter_map(|file| relative(file)).collect();
    let manifest: PackageJson = serde_json::from_slice(&files.bytes(&real.join("package.json"))?).ok()?;
    Some(Target { name: name.to_owned(), version: manifest.version?, directory, files: scripts })
}

impl Target {
    /// What the SDK's list looks at.
    pub(super) fn named(&self) -> Named<'_> {
        Named { name: &self.name, version: &self.version, files: &self.files }
    }

    /// The path of a file in the build.
    pub(super) fn path(&self, file: usize) -> ModulePath {
        ModulePath::new(format!("{}/{}", self.directory, self.files[file])).expect("segments of a path")
    }

    /// What is in a file of it; nothing where that is not text.
    pub(super) fn text(&self, build: &Overlay<'_>, file: usize) -> Text {
        let read = |path: &ModulePath| build.read(path).ok().flatten().map(|bytes| bytes.into_owned());
        let text = read(&self.path(file)).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        match (self.files[file].ends_with(".js"), self.kind(file, &read)) {
            (true, Some(kind)) => Text { text, module: kind == "module" },
            _ => Text::of(&self.files[file], text),
        }
    }

    /// The `type` of the nearest `package.json`.
    fn kind(&self, file: usize, read: &impl Fn(&ModulePath) -> Option<Vec<u8>>) -> Option<String> {
        let below = &self.files[file];
        let mut ends: Vec<usize> = below.match_indices('/').map(|(at, _)| at + 1).collect();
        ends.insert(0, 0);
        for end in ends.into_iter().rev() {
            let path = ModulePath::new(format!("{}/{}package.json", self.directory, &below[..end])).ok()?;
            if let Some(json) = read(&path).and_then(|bytes| serde_json::from_slice::<PackageJson>(&bytes).ok()) {
                return json.kind;
            }
        }
        None
    }
}

/// The named packages that the build imports, and that Node finds above it.
pub(super) fn missing(
    place: &Place,
    files: &View,
    names: &BTreeSet<String>,
    targets: &[Target],
    build: &Overlay<'_>,
) -> BTreeMap<String, String> {
    let in_build: BTreeSet<&String> = targets.iter().map(|target| &target.name).collect();
    let above = |name: &&String| {
        let mut directories =
            place.server.ancestors().skip(1).map(|above| above.join("node_modules").join(name.as_str()));
        directories.find(|directory| directory.join("package.json").is_file())
    };
    let elsewhere: BTreeMap<&String, PathBuf> =
        names.iter().filter(|name| !in_build.contains(name)).filter_map(|name| Some((name, above(&name)?))).collect();
    if elsewhere.is_empty() {
        return BTreeMap::new();
    }
    let left = left_to_hooks(place, files, build);
    let named = elsewhere.into_iter().filter(|(name, _)| left.contains(*name));
    named.map(|(name, at)| (name.clone(), format!("is not in the build, and is found in `{}`", at.display()))).collect()
}

/// The packages that the modules of a build, and the packages in it, name. Nothing is left to hooks of a library that
/// Sentry's build plugin instrumented in a chunk.
fn left_to_hooks(place: &Place, files: &View, build: &Overlay<'_>) -> BTreeSet<String> {
    let (mut specifiers, mut by_plugin) = (BTreeSet::new(), BTreeSet::new());
    for path in build.scripts().unwrap_or_default() {
        let bytes = build.read(&path).ok().flatten().unwrap_or_default();
        specifiers.extend(reached::asked_for_by(&without_comment_lines(&bytes)));
        by_plugin.extend(instrumented_by_plugin(&bytes));
    }
    let of_sdk = |name: &str| name.starts_with("@sentry/");
    let packages = Packages::of(files, &place.server);
    let reached = packages.reached(specifiers.iter().map(String::as_str), Look::Closely, |name| !of_sdk(name));
    let through = reached.into_values().flat_map(|package| package.asks_for.into_keys());
    let named = specifiers.iter().cloned().chain(through).map(|specifier| package_name(&specifier).to_owned());
    named.filter(|name| !by_plugin.contains(name)).collect()
}

/// A script without the lines that are comments: a library that is bundled in it may show there how it is imported.
fn without_comment_lines(script: &[u8]) -> Vec<u8> {
    let is_comment = |line: &&[u8]| {
        let line = line.trim_ascii_start();
        line.starts_with(b"//") || line.starts_with(b"* ")
    };
    let lines: Vec<&[u8]> = script.split(|byte| *byte == b'\n').filter(|line| !is_comment(line)).collect();
    lines.join(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::without_comment_lines;

    #[test]
    fn examples_in_comments_are_left_out() {
        let script = b"/**\n * import { a } from 'a';\n */\n\t// require('b')\nimport 'c'; // d\n*e() {}";
        assert_eq!(without_comment_lines(script), b"/**\n */\nimport 'c'; // d\n*e() {}");
    }
}
