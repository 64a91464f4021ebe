//! Directories kept by the hash of what went into them: whole, or not there at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::tree;

/// Changes when the layout of an entry changes, so that an entry of an older harness is not taken for one of ours.
const LAYOUT: &str = "1";

/// A directory of finished work. One process at a time holds it; others wait. Threads of that process share it.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    reuse: bool,
    /// A lock for each entry that was asked for; in it, whether this process made the entry.
    made: Mutex<BTreeMap<String, Arc<Mutex<bool>>>>,
    // Released by the system when the process ends, however it ends.
    _lock: File,
}

/// What identifies an entry: every fact that decides what the entry holds.
#[derive(Debug, Clone, Default)]
pub struct Key {
    facts: String,
}

impl Key {
    /// Adds one named fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Key {
        // The lengths keep two facts from running into each other.
        self.facts.push_str(&format!("{}:{name}={}:{value}\n", name.len(), value.len()));
        self
    }

    /// The hash over all facts, in hexadecimal.
    pub fn digest(&self) -> String {
        tree::digest(format!("layout={LAYOUT}\n{}", self.facts).as_bytes())
    }
}

/// An entry, and whether it was there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's directory. Not to be written to.
    pub path: PathBuf,
    /// Whether nothing had to be done.
    pub hit: bool,
}

impl Cache {
    /// Opens the cache in `root`. With `reuse` off every entry is made again the first time it is asked for.
    ///
    /// Waits while another process holds the cache, then removes what an interrupted one left behind.
    ///
    /// # Errors
    /// When `root` cannot be created or locked.
    pub fn open(root: &Path, reuse: bool) -> Result<Cache> {
        fs::create_dir_all(root).with_context(|| format!("failed to create the cache `{}`", root.display()))?;
        let path = root.join("lock");
        let file = File::create(&path).with_context(|| format!("failed to create `{}`", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("waiting for another run to release `{}`", root.display());
            file.lock().with_context(|| format!("failed to lock `{}`", path.display()))?;
        }
        let cache = Cache { root: root.to_owned(), reuse, made: Mutex::default(), _lock: file };
        remove(&cache.unfinished())?;
        Ok(cache)
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// The entry of this kind and key. Where there is none, `fill` makes it in an empty directory, which becomes the
    /// entry by one rename when `fill` succeeds. Whoever asks for an entry that another thread makes waits for it.
    ///
    /// # Errors
    /// When `fill` fails, or the directory cannot be created or renamed.
    pub fn entry(&self, kind: &str, key: &Key, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Entry> {
        let name = format!("{kind}-{}", &key.digest()[..16]);
        let path = self.root.join(&name);
        let made =
            Arc::clone(self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default());
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if (self.reuse || *made) && path.is_dir() {
            return Ok(Entry { path, hit: true });
        }
        let unfinished = self.unfinished().join(&name);
        remove(&unfinished)?;
        fs::create_dir_all(&unfinished).with_context(|| format!("failed to create `{}`", unfinished.display()))?;
        fill(&unfinished)?;
        // A rename cannot replace a directory that holds something.
        let old = self.unfinished().join(format!("{name}-old"));
        if path.exists() {
            rename(&path, &old)?;
        }
        rename(&unfinished, &path)?;
        remove(&old)?;
        *made = true;
        Ok(Entry { path, hit: false })
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("failed to rename `{}` to `{}`", from.display(), to.display()))
}

/// Removes a directory and all it holds, where there is one.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("failed to remove `{}`", directory.display())),
    }
}
