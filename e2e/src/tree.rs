//! Directory trees: real copies, and snapshots that tell whether anything in them changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// Copies `from` to `to`, which must not exist. Files are real copies with their modes, symbolic links stay links with
/// the same target. `keep` is asked with each path relative to `from`; a directory it refuses is left out whole.
///
/// # Errors
/// When something cannot be read or written; the message names it.
pub fn copy(from: &Path, to: &Path, keep: impl Fn(&Path) -> bool) -> Result<()> {
    copy_with(from, to, keep, |from, to| fs::copy(from, to).map(drop))
}

/// As [`copy`], but the files are hard links: at once there, and not to be written to. Where the file system does not
/// link, they are copies.
///
/// # Errors
/// As [`copy`].
pub fn link(from: &Path, to: &Path) -> Result<()> {
    copy_with(from, to, |_| true, |from, to| fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop)))
}

fn copy_with(
    from: &Path,
    to: &Path,
    keep: impl Fn(&Path) -> bool,
    file: impl Fn(&Path, &Path) -> std::io::Result<()>,
) -> Result<()> {
    let relative = |path: &Path| path.strip_prefix(from).map(Path::to_owned).unwrap_or_default();
    let walk = WalkDir::new(from).into_iter().filter_entry(|entry| entry.depth() == 0 || keep(&relative(entry.path())));
    for entry in walk {
        let entry = entry.with_context(|| format!("failed to walk `{}`", from.display()))?;
        let target = to.join(relative(entry.path()));
        let kind = entry.file_type();
        let copied = if kind.is_dir() {
            fs::create_dir_all(&target)
        } else if kind.is_symlink() {
            fs::read_link(entry.path()).and_then(|link| symlink(&link, &target, entry.path()))
        } else {
            file(entry.path(), &target)
        };
        copied.with_context(|| format!("failed to copy `{}` to `{}`", entry.path().display(), target.display()))?;
    }
    Ok(())
}

/// Renames what is at `from`, in a directory that is made where it is missing.
///
/// # Errors
/// When it cannot be renamed; the message names both.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))?;
    fs::rename(from, to).with_context(|| format!("failed to rename `{}` to `{}`", from.display(), to.display()))
}

/// Makes a symbolic link at `link` to the directory `target`, an absolute path.
///
/// # Errors
/// When it cannot be made; the message names both.
pub fn symlink_directory(target: &Path, link: &Path) -> Result<()> {
    symlink(target, link, target)
        .with_context(|| format!("failed to link `{}` to `{}`", link.display(), target.display()))
}

#[cfg(unix)]
fn symlink(link: &Path, target: &Path, _original: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(link, target)
}

/// Windows tells links to files from links to directories.
#[cfg(not(unix))]
fn symlink(link: &Path, target: &Path, original: &Path) -> std::io::Result<()> {
    if original.is_dir() {
        std::os::windows::fs::symlink_dir(link, target)
    } else {
        std::os::windows::fs::symlink_file(link, target)
    }
}

/// Everything a directory holds: names, bytes (as SHA-256), modes and link targets. Times are not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Directory { mode: u32 },
    File { mode: u32, digest: String },
    Link { target: PathBuf },
}

impl Snapshot {
    /// Reads the whole of `directory`.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn take(directory: &Path) -> Result<Snapshot> {
        Snapshot::take_some(directory, |_| true)
    }

    /// As [`Snapshot::take`], of the paths (relative to `directory`) that `keep` accepts.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn take_some(directory: &Path, keep: impl Fn(&Path) -> bool) -> Result<Snapshot> {
        let mut entries = BTreeMap::new();
        let relative = |path: &Path| path.strip_prefix(directory).map(Path::to_owned).unwrap_or_default();
        let walk = WalkDir::new(directory)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || keep(&relative(entry.path())));
        for entry in walk {
            let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
            let path = entry.path();
            let context = || format!("failed to read `{}`", path.display());
            let kind = entry.file_type();
            let seen = if kind.is_symlink() {
                Entry::Link { target: fs::read_link(path).with_context(context)? }
            } else {
                let mode = mode(&fs::symlink_metadata(path).with_context(context)?);
                if kind.is_dir() {
                    Entry::Directory { mode }
                } else {
                    let bytes = fs::read(path).with_context(context)?;
                    Entry::File { mode, digest: digest(&bytes) }
                }
            };
            entries.insert(relative(path), seen);
        }
        Ok(Snapshot { entries })
    }

    /// One checksum over everything in it.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for (path, entry) in &self.entries {
            // `Debug` quotes the path, so no name can be mistaken for the end of another.
            hash.update(format!("{path:?} {entry:?}\n"));
        }
        hex(&hash.finalize())
    }

    /// What must be done to `self` to get `other`, one line a path; empty where they are equal.
    pub fn differences(&self, other: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, entry) in &self.entries {
            let path_shown = path.display();
            match other.entries.get(path) {
                None => lines.push(format!("`{path_shown}` is gone")),
                Some(now) if now != entry => lines.push(format!("`{path_shown}` changed")),
                Some(_) => {}
            }
        }
        for path in other.entries.keys().filter(|path| !self.entries.contains_key(*path)) {
            lines.push(format!("`{}` is new", path.display()));
        }
        lines
    }

    /// The files that `other` does not have, or not with the same bytes and mode.
    pub fn files_not_in(&self, other: &Snapshot) -> Vec<PathBuf> {
        self.entries
            .iter()
            .filter(|(path, entry)| matches!(entry, Entry::File { .. }) && other.entries.get(*path) != Some(entry))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// The files whose bytes are those of `path`, without `path` itself.
    pub fn same_bytes(&self, path: &Path, original: &Snapshot) -> Vec<PathBuf> {
        let Some(Entry::File { digest: wanted, .. }) = original.entries.get(path) else {
            return Vec::new();
        };
        self.entries
            .iter()
            .filter(|(at, entry)| {
                at.as_path() != path
                    && !original.entries.contains_key(*at)
                    && matches!(entry, Entry::File { digest, .. } if digest == wanted)
            })
            .map(|(at, _)| at.clone())
            .collect()
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode()
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    u32::from(metadata.permissions().readonly())
}

/// SHA-256 of `bytes`, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
