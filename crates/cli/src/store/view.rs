//! The files of a build as they are, were or will be, as a file system that the resolver reads and cannot leave. Reads
//! only.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use oxc_resolver::{FileMetadata, FileSystem, FileSystemOs, ResolveError};
use presentry_rewriter::{Digest, Readings};

use crate::{
    paths::is_absent,
    store::{
        fs_steps::{read_regular, regular_file},
        manifest::State,
    },
};

/// What a view has in the place of what is on disk.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A file with these bytes.
    Bytes(Arc<[u8]>),
    /// A file with the bytes of another one.
    Copy(PathBuf),
    /// A symbolic link.
    Link(PathBuf),
    /// Nothing.
    Gone,
}

/// What a file or link of the original build holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes of another file, which have this digest.
    Copy { of: PathBuf, sha256: Digest },
    /// A link that says this.
    Link(String),
}

impl Content {
    /// The bytes, where they are at hand.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Content::Bytes(bytes) => Some(bytes),
            Content::Copy { .. } | Content::Link(_) => None,
        }
    }

    /// What lies where this is.
    pub(crate) fn state(&self) -> State {
        match self {
            Content::Bytes(bytes) => State::File(Digest::of(bytes)),
            Content::Copy { sha256, .. } => State::File(*sha256),
            Content::Link(link) => State::Link { link: link.clone() },
        }
    }

    /// The same, as an overlay holds it.
    pub(crate) fn entry(&self) -> Entry {
        match self {
            Content::Bytes(bytes) => Entry::Bytes(bytes.as_slice().into()),
            Content::Copy { of, .. } => Entry::Copy(of.clone()),
            Content::Link(link) => Entry::Link(link.into()),
        }
    }
}

/// Files by their canonical paths; what lies outside of the root is not there.
#[derive(Clone, Debug)]
pub(crate) struct View {
    root: PathBuf,
    entries: Arc<BTreeMap<PathBuf, Entry>>,
    /// The directories of the files that are not on disk.
    directories: Arc<BTreeSet<PathBuf>>,
    has_links: bool,
    /// Whether files of packages differ. Links on disk may lead to those.
    differs_in_packages: bool,
    readings: Arc<Readings>,
}

impl View {
    /// The files below `root`, which has to be canonical, with some changed.
    pub(crate) fn new(root: &Path, entries: BTreeMap<PathBuf, Entry>) -> Self {
        Self::over(root, entries, Arc::default())
    }

    fn over(root: &Path, entries: BTreeMap<PathBuf, Entry>, readings: Arc<Readings>) -> Self {
        let mut directories = BTreeSet::new();
        for (file, _) in entries.iter().filter(|(_, entry)| !matches!(entry, Entry::Gone)) {
            for above in file.ancestors().skip(1).take_while(|above| above.starts_with(root)) {
                if !directories.insert(above.to_owned()) {
                    break;
                }
            }
        }
        let has_links = entries.values().any(|entry| matches!(entry, Entry::Link(_)));
        let is_package = |file: &PathBuf| file.iter().any(|segment| segment == "node_modules");
        let differs_in_packages = entries.keys().any(is_package);
        let (entries, directories) = (Arc::new(entries), Arc::new(directories));
        Self { root: root.to_owned(), entries, directories, has_links, differs_in_packages, readings }
    }

    /// Everything on the machine, as it is.
    pub(crate) fn everything() -> Self {
        Self::new(Path::new(""), BTreeMap::new())
    }

    /// The same with more changed; `None` stands for what is as it is on disk.
    pub(crate) fn with(&self, changes: impl IntoIterator<Item = (PathBuf, Option<Entry>)>) -> Self {
        let mut entries = (*self.entries).clone();
        for (path, entry) in changes {
            match entry {
                Some(entry) => entries.insert(path, entry),
                None => entries.remove(&path),
            };
        }
        Self::over(&self.root, entries, self.readings.clone())
    }

    /// The same below another root.
    pub(crate) fn below(&self, root: &Path) -> Self {
        Self::over(root, (*self.entries).clone(), self.readings.clone())
    }

    /// What was read of modules, shared by all views of a build.
    pub(crate) fn readings(&self) -> &Readings {
        &self.readings
    }

    /// Whether a path lies in the root.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        // Most paths are spelled as the root is, and comparing those segment by segment takes long.
        let [path_bytes, root] = [path, &self.root].map(|path| path.as_os_str().as_encoded_bytes());
        let rest = path_bytes.strip_prefix(root);
        rest.is_some_and(|rest| rest.starts_with(b"/")) || path.starts_with(&self.root)
    }

    /// Whether files below a directory are other ones than on disk.
    pub(crate) fn differs_below(&self, directory: &Path) -> bool {
        self.entries.range(directory.to_owned()..).next().is_some_and(|(path, _)| path.starts_with(directory))
    }

    /// Whether a path may hold something else than in another view.
    pub(crate) fn differs_at(&self, path: &Path, other: &Self) -> bool {
        self.entries.contains_key(path) || other.entries.contains_key(path)
    }

    /// The bytes of a file; `None` when there is none that can be read.
    pub(crate) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        FileSystem::read(self, path).ok()
    }

    /// Whether there is such a file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        FileSystem::metadata(self, path).is_ok_and(FileMetadata::is_file)
    }

    /// A file; `None` when there is none.
    pub(crate) fn file(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let absent = |error: io::Error| if is_absent(&error) { Ok(None) } else { Err(error) };
        let of_disk =
            !self.has_links && !self.differs_in_packages && !self.entries.contains_key(path) && self.holds(path);
        let read = if of_disk { regular_file(path) } else { self.file_of_view(path) };
        read.or_else(absent)
    }

    fn file_of_view(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let is_file = FileSystem::metadata(self, path)?.is_file();
        is_file.then(|| FileSystem::read(self, path)).transpose()
    }

    /// What a directory holds, by name, links not followed; nothing where it cannot be listed.
    pub(crate) fn list(&self, directory: &Path) -> Vec<(String, Kind)> {
        self.try_list(directory).unwrap_or_default()
    }

    /// The same.
    pub(crate) fn try_list(&self, directory: &Path) -> io::Result<Vec<(String, Kind)>> {
        let mut found = Vec::new();
        let listed = match fs::read_dir(directory) {
            Ok(listed) => Some(listed),
            Err(error) if is_absent(&error) && self.directories.contains(directory) => None,
            Err(error) => return Err(error),
        };
        for entry in listed.into_iter().flatten() {
            let entry = entry?;
            if let (Some(kind), Ok(name)) = (Kind::of(entry.file_type()?), entry.file_name().into_string()) {
                found.push((name, kind));
            }
        }
        if self.differs_below(directory) {
            found = self.list_of_view(directory, found);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What a directory holds in the view, given what it holds on disk.
    fn list_of_view(&self, directory: &Path, on_disk: Vec<(String, Kind)>) -> Vec<(String, Kind)> {
        let mut found = HashMap::<String, Kind>::from_iter(on_disk);
        for (path, entry) in
            self.entries.range(directory.to_owned()..).take_while(|(path, _)| path.starts_with(directory))
        {
            let mut below = path.strip_prefix(directory).into_iter().flat_map(Path::iter);
            let Some(name) = below.next().and_then(|name| name.to_str()) else { continue };
            match (below.next(), entry) {
                (None, Entry::Gone) => _ = found.remove(name),
                (None, Entry::Link(_)) => _ = found.insert(name.to_owned(), Kind::Link),
                (None, _) => _ = found.insert(name.to_owned(), Kind::File),
                (Some(_), Entry::Gone) => {}
                (Some(_), _) => _ = found.insert(name.to_owned(), Kind::Directory),
            }
        }
        found.into_iter().collect()
    }

    /// What a link says, on disk or in the view.
    pub(crate) fn link(&self, path: &Path) -> Option<PathBuf> {
        match self.entries.get(path) {
            Some(Entry::Link(link)) => Some(link.clone()),
            Some(_) => None,
            None => fs::read_link(path).ok(),
        }
    }

    /// The size of a file in bytes.
    pub(crate) fn size(&self, path: &Path) -> u64 {
        match self.entries.get(path) {
            Some(Entry::Bytes(bytes)) => bytes.len() as u64,
            Some(Entry::Gone) => 0,
            _ => fs::metadata(self.like(path)).map_or(0, |metadata| metadata.len()),
        }
    }

    /// The file on disk that has the permissions and the size of one of the view.
    pub(crate) fn like(&self, path: &Path) -> PathBuf {
        match self.entries.get(path) {
            Some(Entry::Copy(of)) => of.clone(),
            _ => path.to_owned(),
        }
    }

    /// A path with the links of the view followed. Those on disk the system follows, where they lead to what is on disk.
    fn followed<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        match self.has_links {
            true => self.behind_links_on_disk(self.behind_links_of_view(path).into()),
            false => self.behind_links_on_disk(path.into()),
        }
    }

    /// Where the directories of a path lead by links on disk, if the path is something else there than on disk.
    fn behind_links_on_disk<'p>(&self, path: Cow<'p, Path>) -> Cow<'p, Path> {
        if !self.differs_in_packages || self.entries.contains_key(&*path) {
            return path;
        }
        let there = |above| Some((above, dunce::canonicalize(above).ok()?));
        let above = path.ancestors().skip(1).take_while(|above| self.holds(above)).find_map(there);
        let real = above.map(|(above, real)| real.join(path.strip_prefix(above).expect("one of its ancestors")));
        let differs = |real: &PathBuf| self.entries.contains_key(real) || self.directories.contains(real);
        real.filter(differs).map_or(path, Cow::Owned)
    }

    fn behind_links_of_view(&self, path: &Path) -> PathBuf {
        let mut path = path.to_owned();
        const MANY: usize = 40;
        for _ in 0..MANY {
            let link = path.ancestors().find_map(|above| match self.entries.get(above) {
                Some(Entry::Link(says)) => Some((above.to_owned(), says.clone())),
                _ => None,
            });
            let Some((link, says)) = link else { break };
            let rest = path.strip_prefix(&link).unwrap_or(Path::new("")).to_owned();
            path = normal(&link.parent().unwrap_or(&link).join(says).join(rest));
        }
        path
    }

    fn look(&self, path: &Path, on_disk: impl FnOnce(&Path) -> io::Result<FileMetadata>) -> io::Result<FileMetadata> {
        match self.entries.get(path) {
            Some(Entry::Bytes(_) | Entry::Copy(_)) => return Ok(FileMetadata::new(true, false, false)),
            Some(Entry::Link(_)) => return Ok(FileMetadata::new(false, false, true)),
            Some(Entry::Gone) => return Err(io::ErrorKind::NotFound.into()),
            None => {}
        }
        if self.holds(path) {
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

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

impl Kind {
    /// How it is with an entry of a directory; `None` for what is neither.
    fn of(on_disk: fs::FileType) -> Option<Self> {
        match on_disk {
            kind if kind.is_symlink() => Some(Self::Link),
            kind if kind.is_dir() => Some(Self::Directory),
            kind if kind.is_file() => Some(Self::File),
            _ => None,
        }
    }
}

/// A path without `..`, which a link may say.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

impl FileSystem for View {
    fn new() -> Self {
        Self::everything()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = &*self.followed(path);
        match self.entries.get(path) {
            Some(Entry::Bytes(bytes)) => Ok(bytes.to_vec()),
            Some(Entry::Copy(of)) => read_regular(of),
            Some(Entry::Gone | Entry::Link(_)) => Err(io::ErrorKind::NotFound.into()),
            None if !self.holds(path) => Err(io::ErrorKind::NotFound.into()),
            None => read_regular(path),
        }
    }

    fn read_to_string(&self, path: &Path) -> io::Result<String> {
        FileSystemOs::validate_string(FileSystem::read(self, path)?)
    }

    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        self.look(&self.followed(path), FileSystemOs::metadata)
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        let path = match path.parent().zip(path.file_name()).filter(|_| self.has_links) {
            Some((parent, name)) => self.behind_links_of_view(parent).join(name).into(),
            None => path.into(),
        };
        self.look(&self.behind_links_on_disk(path), FileSystemOs::symlink_metadata)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, ResolveError> {
        match self.entries.get(path) {
            Some(Entry::Link(link)) => Ok(link.clone()),
            _ => FileSystemOs::read_link(path),
        }
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let path = &*self.followed(path);
        match self.look(path, FileSystemOs::metadata)? {
            _ if self.entries.contains_key(path) => Ok(path.to_owned()),
            _ => match dunce::canonicalize(path) {
                Err(_) if self.directories.contains(path) => Ok(path.to_owned()),
                real => real,
            },
        }
    }
}
