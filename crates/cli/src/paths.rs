//! Paths as the command names and shows them: of files of a build, and of what the user wrote.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use presentry_rewriter::ModulePath;
use serde::{Deserialize, Serialize};

use crate::{diagnostics::file_not_found, failure::Failure};

/// The path of a file in the output directory of a build, relative to the server directory: `../` as often as it has to
/// leave that, then `/` between segments. How far up it may lead is known to the [`Place`] alone, which checks it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OutputPath(String);

impl OutputPath {
    /// The path as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub(crate) fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of a module, when it stays in the server directory.
    pub(crate) fn module(&self) -> Option<ModulePath> {
        ModulePath::new(self.0.as_str()).ok()
    }

    /// Whether another path lies below this one.
    pub(crate) fn holds(&self, other: &OutputPath) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// How many directories it leads up before it leads down.
    pub(crate) fn levels_up(&self) -> usize {
        self.0.split('/').take_while(|segment| *segment == "..").count()
    }
}

/// A path below a directory, as [`Path::join`] gives it, in the one allocation that it takes: there may be thousands.
pub(crate) fn join(directory: &Path, below: &str) -> PathBuf {
    let mut path = PathBuf::with_capacity(directory.as_os_str().len() + 1 + below.len());
    path.push(directory);
    path.push(below);
    path
}

impl TryFrom<String> for OutputPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut inside = text.as_str();
        while let Some(rest) = inside.strip_prefix("../") {
            inside = rest;
        }
        match ModulePath::new(inside) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(format!("`{text}` is not the path of a file in a build")),
        }
    }
}

impl From<OutputPath> for String {
    fn from(path: OutputPath) -> Self {
        path.0
    }
}

impl From<ModulePath> for OutputPath {
    fn from(path: ModulePath) -> Self {
        Self(path.as_str().to_owned())
    }
}

impl From<&ModulePath> for OutputPath {
    fn from(path: &ModulePath) -> Self {
        Self(path.as_str().to_owned())
    }
}

impl From<&OutputPath> for OutputPath {
    fn from(path: &OutputPath) -> Self {
        path.clone()
    }
}

impl PartialEq<ModulePath> for OutputPath {
    fn eq(&self, other: &ModulePath) -> bool {
        self.0 == other.as_str()
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that an option names, with its real path.
pub(crate) fn existing_file(named: &Path, option: &str) -> Result<PathBuf, Failure> {
    match dunce::canonicalize(named) {
        Ok(real) if real.is_file() => Ok(real),
        _ => Err(Failure::Usage(file_not_found::diagnostic(named, option))),
    }
}

/// A file that an option names and that will be written.
pub(crate) fn writable_file(named: &Path, option: &str) -> Result<(), Failure> {
    let parent = named.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent.is_none_or(Path::is_dir) {
        true => Ok(()),
        false => Err(Failure::Usage(file_not_found::no_directory(named, option))),
    }
}

pub(crate) fn canonical(path: &Path) -> Result<PathBuf, Failure> {
    dunce::canonicalize(path)
        .map_err(|error| Failure::Unexpected(anyhow::anyhow!("failed to resolve `{}`: {error}", path.display())))
}

/// A file below a directory as the path of a module; both have to be canonical.
pub(crate) fn module_path(directory: &Path, file: &Path) -> Option<ModulePath> {
    let segments: Option<Vec<&str>> =
        file.strip_prefix(directory).ok()?.iter().map(|segment| segment.to_str()).collect();
    ModulePath::new(segments?.join("/")).ok()
}

pub(crate) fn parent(file: &Path) -> String {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => show(parent),
        _ => ".".to_owned(),
    }
}

/// A path as the user would write it: without `./`, and with `/` on every platform.
pub(crate) fn show(path: &Path) -> String {
    let shown = path.display().to_string();
    let shown = if cfg!(windows) { shown.replace('\\', "/") } else { shown };
    match shown.strip_prefix("./") {
        Some("") => ".".to_owned(),
        Some(rest) => rest.to_owned(),
        None => shown,
    }
}

/// Whether an error says that there is no such file.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// The directory of the package a file of a build belongs to, both relative to the server directory.
pub(crate) fn package_directory(path: &str) -> &str {
    const PARENT: &str = "node_modules/";
    let Some(start) = path.rfind(PARENT).map(|at| at + PARENT.len()) else { return path };
    let segments = if path[start..].starts_with('@') { 2 } else { 1 };
    let end = path[start..].match_indices('/').nth(segments - 1);
    end.map_or(path, |(end, _)| &path[..start + end])
}
