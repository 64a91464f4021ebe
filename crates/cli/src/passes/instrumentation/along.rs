//! What a built instrumentation imports, and the build lacks: the SDK copies one file, and Vite may have split it. The
//! rest lies where Vite put it. Source maps stay there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use presentry_rewriter::{ModulePath, Readings, Sources, Target, package_name, resolve};

use super::{NewFile, VITE_OUTPUT};
use crate::{
    failure::Failure,
    find::locate::Build,
    paths::{is_absent, show},
    store::history,
};

/// Packages that no instrumentation needs and every page does: a chunk that imports one holds a part of the app.
const OF_PAGES: [&str; 4] = ["solid-js", "@solidjs/router", "@solidjs/start", "vinxi"];

/// Where the instrumentation is.
pub(super) enum Start<'a> {
    /// In the build.
    InBuild,
    /// Where Vite put it: its bytes, and the file.
    File(&'a [u8], &'a Path),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The files to add, in the order in which they were found.
    pub(super) files: Vec<NewFile>,
    /// What is imported, and is nowhere.
    missing: Vec<ModulePath>,
    /// A file to add that holds a part of the app, and the package that tells.
    of_the_app: Option<(String, String)>,
    /// What is imported by the path that it has on the machine of the build: Nitro leaves one where it bundles
    /// `import-in-the-middle`, whose files it takes for external.
    by_machine_path: Option<String>,
}

impl Gathered {
    /// Whether another instrumentation would be better.
    pub(super) fn is_lacking(&self) -> bool {
        !self.missing.is_empty() || self.of_the_app.is_some() || self.by_machine_path.is_some()
    }

    /// Why it would.
    pub(super) fn lack(&self) -> String {
        match (&self.of_the_app, self.missing.first()) {
            (Some((file, package)), _) => format!(
                "it imports `{file}`, which holds a part of the app \
                 (it imports `{package}`)"
            ),
            (None, Some(missing)) => {
                format!("it imports `{missing}`, which is nowhere")
            }
            (None, None) => match &self.by_machine_path {
                Some(path) => format!("it imports `{path}`, a path of the machine that built it"),
                None => "it has all that it imports".to_owned(),
            },
        }
    }

    /// What was fetched, for `-v`.
    pub(super) fn reasons(&self, build: &Build) -> Vec<String> {
        let fetched = |file: &NewFile| {
            format!(
                "`{}` is imported by the instrumentation, and comes from `{}`",
                build.place.show(&file.path),
                file.from
            )
        };
        self.files.iter().map(fetched).collect()
    }
}

/// Follows the relative imports of an instrumentation, static and dynamic ones, and gathers what the build lacks.
pub(super) fn gather(
    build: &Build,
    original: &dyn Sources,
    instrumentation: &ModulePath,
    start: Start<'_>,
) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let (bytes, directory) = match (start, &build.app) {
        (_, None) => return Ok(gathered),
        (Start::File(bytes, file), Some(_)) => {
            (bytes.to_vec(), file.parent().map_or_else(PathBuf::new, Path::to_owned))
        }
        (Start::InBuild, Some(app)) => match history::read(original, instrumentation)? {
            Some(bytes) => (bytes, app.join(VITE_OUTPUT)),
            None => return Ok(gathered),
        },
    };
    let own = Readings::default();
    let readings = original.readings().unwrap_or(&own);
    let mut seen = BTreeSet::from([instrumentation.clone()]);
    let mut waiting = vec![(instrumentation.clone(), bytes)];
    while let Some((importer, bytes)) = waiting.pop() {
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for target in imports(readings, &importer, text) {
            let path = match target {
                Target::File(path) => path,
                Target::Package(specifier) => {
                    gathered.imports_package(&importer, &specifier);
                    continue;
                }
                Target::Elsewhere(specifier) => {
                    if is_machine_path(&specifier) {
                        gathered.by_machine_path.get_or_insert(specifier);
                    }
                    continue;
                }
                Target::Builtin(_) => continue,
            };
            if !seen.insert(path.clone()) || original.exists(&path) {
                continue;
            }
            let below = path.as_str().strip_prefix(build.entry.directory()).unwrap_or(path.as_str());
            let file = directory.join(below);
            match fs::read(&file) {
                Ok(bytes) => {
                    gathered.files.push(NewFile { path: path.clone(), bytes: bytes.clone(), from: show(&file) });
                    waiting.push((path, bytes));
                }
                Err(error) if is_absent(&error) => gathered.missing.push(path),
                Err(error) => {
                    let shown = show(&file);
                    return Err(Failure::Unexpected(anyhow::anyhow!("failed to read `{shown}`: {error}")));
                }
            }
        }
    }
    gathered.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(gathered)
}

impl Gathered {
    /// Remembers a file to add that imports what only pages need.
    fn imports_package(&mut self, importer: &ModulePath, specifier: &str) {
        let package = package_name(specifier);
        let added = self.files.iter().find(|file| file.path == *importer);
        if let Some(file) = added.filter(|_| OF_PAGES.contains(&package)) {
            self.of_the_app.get_or_insert((file.from.clone(), package.to_owned()));
        }
    }
}

/// Whether a specifier is a path of the file system, or the URL of one.
fn is_machine_path(specifier: &str) -> bool {
    let mut characters = specifier.chars();
    let drive = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.next() == Some(':')
        && matches!(characters.next(), Some('/' | '\\'));
    specifier.starts_with('/') || specifier.starts_with("file:") || drive
}

/// What a module imports. One that cannot be read is the proof's to refuse.
fn imports(readings: &Readings, path: &ModulePath, text: &str) -> Vec<Target> {
    let record = readings.module(text).record;
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    requested.chain(imported).map(|specifier| resolve(path, &specifier.value)).collect()
}
