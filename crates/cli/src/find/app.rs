//! The app that a command is meant for when none is named: that of the current directory, or the nearest one above, as git
//! and biome look for theirs. Reads names alone.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    args::BuildArgs,
    find::{nitro_json, options, presets},
};

/// The directory of the nearest app above the current one, as a path from here; `None` where an app, an entry or an output
/// directory is named, where this is the directory of an app, and where there is none above.
pub(crate) fn above(args: &BuildArgs) -> Option<PathBuf> {
    let is_named = args.app != Path::new(".") || args.entry.is_some() || args.output_dir.is_some();
    let here = env::current_dir().ok().filter(|_| !is_named)?;
    let home = env::home_dir();
    let mut way = PathBuf::new();
    for directory in here.ancestors() {
        if is_app(directory) {
            return Some(way).filter(|way| !way.as_os_str().is_empty());
        }
        // What is above a repository or the home directory is somebody else's.
        if directory.join(".git").exists() || Some(directory) == home.as_deref() {
            return None;
        }
        way.push("..");
    }
    None
}

fn is_app(directory: &Path) -> bool {
    let has_build = |output: &str| directory.join(output).join(nitro_json::FILE_NAME).is_file();
    presets::output_directories().into_iter().any(has_build) || options::is_configured(directory)
}
