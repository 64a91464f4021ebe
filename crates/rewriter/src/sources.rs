//! Where modules come from: the read-only view of a build that the caller provides. No file system here.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use crate::readings::Readings;

/// The path of a file, relative to the server directory: `/` between segments, no `.` or `..`, nothing percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(String);

impl ModulePath {
    /// Makes a path from its text.
    ///
    /// # Errors
    /// When the text is empty, absolute, ends in `/`, or has an empty, `.` or `..` segment.
    ///
    /// ```
    /// use presentry_rewriter::ModulePath;
    /// assert!(ModulePath::new("chunks/nitro/nitro.mjs").is_ok());
    /// assert!(ModulePath::new("../public/robots.txt").is_err());
    /// ```
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidModulePath> {
        let text = text.into();
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(InvalidModulePath(text));
        }
        Ok(Self(text))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// What stands before the last segment, with its `/`; empty at the top.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.0[..self.0.len() - self.file_name().len()]
    }

    /// The path of another file in the same directory.
    ///
    /// # Errors
    /// When `file_name` is not a single path segment.
    pub fn sibling(&self, file_name: &str) -> Result<Self, InvalidModulePath> {
        if file_name.contains('/') {
            return Err(InvalidModulePath(file_name.to_owned()));
        }
        Self::new(format!("{}{file_name}", self.directory()))
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no [`ModulePath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path inside the server directory")]
pub struct InvalidModulePath(pub String);

/// A file of the build that is there but cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read `{path}`: {reason}")]
pub struct ReadError {
    /// The file or directory.
    pub path: String,
    /// What the operating system says.
    pub reason: String,
}

/// A look at the bytes of a script, on any thread.
pub type Test<'t> = dyn Fn(&ModulePath, &[u8]) -> bool + Sync + 't;

/// A read-only view of one server directory.
pub trait Sources {
    /// The bytes of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    fn read(&self, path: &ModulePath) -> Result<Option<Cow<'_, [u8]>>, ReadError>;

    /// Every script of the build (`.mjs`, `.js`, `.cjs`) outside of `node_modules`, in path order.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    fn scripts(&self) -> Result<Vec<ModulePath>, ReadError>;

    /// Those of some scripts whose bytes pass a test, in their order. A disk has them read side by side.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn filter(&self, scripts: &[ModulePath], passes: &Test<'_>) -> Result<Vec<ModulePath>, ReadError> {
        let mut passed = Vec::new();
        for script in scripts {
            if self.read(script)?.is_some_and(|bytes| passes(script, &bytes)) {
                passed.push(script.clone());
            }
        }
        Ok(passed)
    }

    /// Whether a file, directory or symbolic link of any kind has this path.
    fn exists(&self, path: &ModulePath) -> bool;

    /// Whether there is a file that can be read, links followed.
    fn is_file(&self, path: &ModulePath) -> bool {
        matches!(self.read(path), Ok(Some(_)))
    }

    /// The path of a file when links are followed, by which Node knows a module. A file that a link leads to outside of
    /// the server directory keeps the path it was named by.
    fn canonical(&self, path: &ModulePath) -> ModulePath {
        path.clone()
    }

    /// What was read of texts before, where it is kept for longer than one look at the build takes.
    fn readings(&self) -> Option<&Readings> {
        None
    }

    /// The absolute path of the server directory, with `/` between segments and links followed, where there is one: a
    /// specifier may name a file of the build by it.
    fn root(&self) -> Option<&str> {
        None
    }
}

/// Whether a path has the extension of a script that Node runs.
#[must_use]
pub fn is_script(path: &str) -> bool {
    [".mjs", ".js", ".cjs"].iter().any(|extension| path.ends_with(extension))
}

/// A build held in memory, for tests and for builds that come from somewhere else than a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemorySources {
    files: BTreeMap<ModulePath, Vec<u8>>,
    root: Option<String>,
}

impl MemorySources {
    /// A build of the given files.
    pub fn new(files: impl IntoIterator<Item = (ModulePath, Vec<u8>)>) -> Self {
        Self { files: files.into_iter().collect(), root: None }
    }

    /// The same build with an absolute path of its server directory.
    #[must_use]
    pub fn at(mut self, root: impl Into<String>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: ModulePath, contents: Vec<u8>) {
        self.files.insert(path, contents);
    }

    /// Takes a file away.
    pub fn remove(&mut self, path: &ModulePath) -> Option<Vec<u8>> {
        self.files.remove(path)
    }

    /// The files in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&ModulePath, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path, bytes.as_slice()))
    }
}

impl Sources for MemorySources {
    fn read(&self, path: &ModulePath) -> Result<Option<Cow<'_, [u8]>>, ReadError> {
        Ok(self.files.get(path).map(|bytes| Cow::Borrowed(bytes.as_slice())))
    }

    fn scripts(&self) -> Result<Vec<ModulePath>, ReadError> {
        let outside = |path: &&ModulePath| !path.as_str().split('/').any(|segment| segment == "node_modules");
        Ok(self.files.keys().filter(|path| is_script(path.as_str())).filter(outside).cloned().collect())
    }

    fn exists(&self, path: &ModulePath) -> bool {
        self.files.contains_key(path)
            || self
                .files
                .keys()
                .any(|file| file.as_str().strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }

    fn is_file(&self, path: &ModulePath) -> bool {
        self.files.contains_key(path)
    }

    fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }
}
