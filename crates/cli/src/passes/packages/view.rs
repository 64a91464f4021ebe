//! A directory as it will be after some steps, as a file system that the resolver reads and cannot leave. Reads only.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use oxc_resolver::{FileMetadata, FileSystem, FileSystemOs, ResolveError};

/// Files by their canonical paths; what lies outside of the root is not there.
#[derive(Clone)]
pub(crate) struct View {
    root: PathBuf,
    /// `None` stands for a file that is taken away.
    files: Arc<HashMap<PathBuf, Option<Vec<u8>>>>,
    /// The directories of the added files.
    directories: Arc<HashSet<PathBuf>>,
}

impl View {
    /// The files below `root`, which has to be canonical, with some changed.
    pub(crate) fn new(root: &Path, files: HashMap<PathBuf, Option<Vec<u8>>>) -> Self {
        let mut directories = HashSet::new();
        for (file, _) in files.iter().filter(|(_, bytes)| bytes.is_some()) {
            for above in file.ancestors().skip(1).take_while(|above| above.starts_with(root)) {
                if !directories.insert(above.to_owned()) {
                    break;
                }
            }
        }
        Self { root: root.to_owned(), files: Arc::new(files), directories: Arc::new(directories) }
    }

    /// Everything on the machine, as it is.
    pub(crate) fn everything() -> Self {
        Self { root: PathBuf::new(), files: Arc::default(), directories: Arc::default() }
    }

    /// The bytes of a file; `None` when there is none that can be read.
    pub(crate) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        FileSystem::read(self, path).ok()
    }

    /// Whether there is such a file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        FileSystem::metadata(self, path).is_ok_and(FileMetadata::is_file)
    }

    fn changed(&self, path: &Path) -> Option<&Option<Vec<u8>>> {
        self.files.get(path)
    }

    fn look(&self, path: &Path, on_disk: impl FnOnce(&Path) -> io::Result<FileMetadata>) -> io::Result<FileMetadata> {
        match self.changed(path) {
            Some(Some(_)) => return Ok(FileMetadata::new(true, false, false)),
            Some(None) => return Err(io::ErrorKind::NotFound.into()),
            None => {}
        }
        if path.starts_with(&self.root) {
            return match on_disk(path) {
                Err(_) if self.directories.contains(path) => Ok(FileMetadata::new(false, true, false)),
                other => other,
            };
        }
        // The root is canonical, so what lies above it are directories and no links.
        if self.root.starts_with(path) {
            return Ok(FileMetadata::new(false, true, false));
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

impl FileSystem for View {
    fn new() -> Self {
        Self::everything()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.changed(path) {
            Some(Some(bytes)) => Ok(bytes.clone()),
            Some(None) => Err(io::ErrorKind::NotFound.into()),
            None if !path.starts_with(&self.root) => Err(io::ErrorKind::NotFound.into()),
            None => fs::read(path),
        }
    }

    fn read_to_string(&self, path: &Path) -> io::Result<String> {
        FileSystemOs::validate_string(FileSystem::read(self, path)?)
    }

    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        self.look(path, FileSystemOs::metadata)
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        self.look(path, FileSystemOs::symlink_metadata)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, ResolveError> {
        FileSystemOs::read_link(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        match self.look(path, FileSystemOs::metadata)? {
            _ if self.files.contains_key(path) || self.directories.contains(path) => Ok(path.to_owned()),
            _ => fs::canonicalize(path),
        }
    }
}
