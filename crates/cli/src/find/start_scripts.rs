//! The scripts of an app's `package.json` that start the server, and what they preload. Reads, and never fails: a file
//! that is no use says nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use presentry_parser::Span;
use presentry_rewriter::{
    ModulePath,
    diagnostics::{Diagnostic, Label},
};
use serde::Deserialize;

use crate::{
    diagnostics::double_init,
    paths::show,
    store::{fs_steps::read_regular, place::Place},
};

/// The file that holds the scripts.
const PACKAGE_JSON: &str = "package.json";

/// A warning for each script that starts the server with another file that starts Sentry.
pub(crate) fn double_inits(app: &Path, place: &Place, instrumentation: &ModulePath) -> Vec<Diagnostic> {
    let package_json = app.join(PACKAGE_JSON);
    let in_build = place.server.join(instrumentation.as_str());
    let shown = from_app(app, &place.show(instrumentation));
    let mut warnings = Vec::new();
    let text = String::from_utf8(read_regular(&package_json).unwrap_or_default()).unwrap_or_default();
    for (name, command) in scripts(&text) {
        if !starts_server(&name, &command) {
            continue;
        }
        for preload in preloads(&command) {
            let Some(file) = file_of(app, preload.specifier) else { continue };
            if file != in_build && starts_sentry(&file) {
                let said = format!("{} {}", preload.flag, preload.specifier);
                let label = label(&show(&package_json), &text, &command, preload.specifier);
                let warning = double_init::diagnostic(&show(&package_json), &name, &said, &shown);
                warnings.push(label.into_iter().fold(warning, Diagnostic::label));
            }
        }
    }
    warnings
}

/// A path as it is written from the directory of the app.
pub(crate) fn from_app(app: &Path, shown: &str) -> String {
    let below = Path::new(shown).strip_prefix(show(app)).map_or_else(|_| shown.to_owned(), show);
    if Path::new(&below).is_absolute() { below } else { format!("./{below}") }
}

/// An option that has Node.js load a file before the program.
#[derive(Debug, PartialEq, Eq)]
struct Preload<'a> {
    flag: &'a str,
    specifier: &'a str,
}

fn scripts(text: &str) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        scripts: BTreeMap<String, String>,
    }
    serde_json::from_str::<Manifest>(text).map(|manifest| manifest.scripts).unwrap_or_default()
}

/// The place of a specifier, when the script is written as every formatter of JSON writes it.
fn label(shown: &str, text: &str, command: &str, specifier: &str) -> Option<Label> {
    let written = serde_json::to_string(command).ok()?;
    let start = text.find(&written)? + written.find(specifier)?;
    Some(Label::in_file(shown, text, Span { start, end: start + specifier.len() }, "another instrumentation"))
}

/// Whether a script runs what was built, and not the development server.
fn starts_server(name: &str, command: &str) -> bool {
    let stem = name.split([':', '-', '.']).next().unwrap_or_default();
    let starts =
        matches!(stem, "start" | "serve" | "preview" | "prod" | "production") || command.contains("vinxi start");
    starts && !command.contains("vinxi dev")
}

/// The preloads of a command line, `NODE_OPTIONS` included: quotes only separate words here.
fn preloads(command: &str) -> Vec<Preload<'_>> {
    let mut words = command.split([' ', '\t', '\n', '\'', '"']).filter(|word| !word.is_empty());
    let mut preloads = Vec::new();
    while let Some(word) = words.next() {
        let (flag, value) = word.split_once('=').unwrap_or((word, ""));
        if !matches!(flag, "--import" | "--require" | "-r") {
            continue;
        }
        let value = if value.is_empty() { words.next().unwrap_or_default() } else { value };
        preloads.push(Preload { flag, specifier: value });
    }
    preloads
}

/// The file that a specifier names; a package, which is none of the app's files, has none.
fn file_of(app: &Path, specifier: &str) -> Option<PathBuf> {
    let path = specifier.strip_prefix("file://").unwrap_or(specifier);
    let is_path = path.starts_with("./") || path.starts_with("../") || Path::new(path).is_absolute();
    let file = is_path.then(|| app.join(path))?;
    // The file itself need not be there: a build may be what makes it.
    match dunce::canonicalize(file.parent()?) {
        Ok(parent) => {
            Some(dunce::canonicalize(&file).unwrap_or_else(|_| parent.join(file.file_name().unwrap_or_default())))
        }
        Err(_) => Some(file),
    }
}

/// Other files are preloaded as well, for example a loader of TypeScript.
fn starts_sentry(file: &Path) -> bool {
    match fs::read(file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).to_ascii_lowercase().contains("sentry"),
        Err(_) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            name.contains("instrument") || name.contains("sentry")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preloads_are_found_in_every_spelling() {
        for command in [
            "node --import ./a.mjs .output/server/index.mjs",
            "node --import=./a.mjs .output/server/index.mjs",
            "NODE_OPTIONS='--import ./a.mjs' vinxi start",
            "cross-env NODE_OPTIONS=\"--import=./a.mjs\" vinxi start",
            "node --import './a.mjs' server.mjs",
        ] {
            assert_eq!(preloads(command), [Preload { flag: "--import", specifier: "./a.mjs" }], "{command}");
        }
        assert_eq!(preloads("node --important ./a.mjs"), []);
    }

    #[test]
    fn only_scripts_that_run_the_build_count() {
        for (name, command, starts) in [
            ("start", "node --import ./a.mjs .output/server/index.mjs", true),
            ("start:prod", "node .output/server/index.mjs", true),
            ("production-server", "vinxi start", true),
            ("dev", "NODE_OPTIONS='--import ./a.mjs' vinxi dev", false),
            ("start", "NODE_OPTIONS='--import ./a.mjs' vinxi dev", false),
            ("test", "node --import ./a.mjs --test", false),
        ] {
            assert_eq!(starts_server(name, command), starts, "{name}: {command}");
        }
    }
}
