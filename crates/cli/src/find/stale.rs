//! Whether sources of an app were changed after its build. Reads times, never contents.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use presentry_rewriter::diagnostics::Diagnostic;

use crate::{diagnostics::stale_build, find::options::Options, paths::show};

/// Some file systems count in steps of two seconds.
const PRECISION: Duration = Duration::from_secs(2);

/// A warning when sources are newer than the build, which ended at `built`. `entry` is what is shown as the build.
pub(crate) fn warning(app: &Path, options: &Options, built: SystemTime, entry: &str) -> Option<Diagnostic> {
    let limit = built.checked_add(PRECISION)?;
    let mut newer: Vec<(SystemTime, PathBuf)> = Vec::new();
    let mut look = |path: PathBuf| {
        let modified = fs::metadata(&path).ok().filter(fs::Metadata::is_file).and_then(|file| file.modified().ok());
        if let Some(modified) = modified.filter(|modified| *modified > limit) {
            newer.push((modified, path));
        }
    };
    options.config_path().map(Path::to_owned).into_iter().for_each(&mut look);
    let mut directories = vec![options.source_directory(app)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // What an editor or the operating system leaves there is no source.
            if name.starts_with('.') || name == "node_modules" {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(_) => look(entry.path()),
                Err(_) => {}
            }
        }
    }
    newer.sort();
    let (_, newest) = newer.last()?;
    Some(stale_build::diagnostic(&show(newest), newer.len() - 1, entry))
}
