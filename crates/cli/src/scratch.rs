//! Directories for temporary files. They go when they are dropped, and when the command is interrupted; SIGKILL leaves them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Those that are there.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn live() -> MutexGuard<'static, Vec<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory for temporary files, and the one way to write some.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
}

impl Scratch {
    /// Makes one whose name begins with `presentry-` and a word for what it is for.
    ///
    /// # Errors
    /// When there is no directory for temporary files, or it is full.
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        // Locked over the making, so that none is missed.
        let mut live = live();
        let directory = TempDir::with_prefix(format!("presentry-{purpose}-"))?;
        live.push(directory.path().to_owned());
        Ok(Self { directory })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where it is with links followed, as Node gives modules their real paths.
    pub(crate) fn real_path(&self) -> io::Result<PathBuf> {
        fs::canonicalize(self.path())
    }

    /// Writes a file, given by its path in here.
    pub(crate) fn write(&self, below: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        fs::write(self.path().join(below), bytes)
    }

    /// Makes a directory and those above it.
    pub(crate) fn directory(&self, below: &Path) -> io::Result<()> {
        fs::create_dir_all(self.path().join(below))
    }

    /// Makes a link that says where something lies. Nothing is written through it.
    pub(crate) fn link(&self, below: &Path, says: &Path) -> io::Result<()> {
        #[cfg(unix)]
        return std::os::unix::fs::symlink(says, self.path().join(below));
        // Packages are linked as directories.
        #[cfg(windows)]
        return std::os::windows::fs::symlink_dir(says, self.path().join(below));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // `TempDir` removes it next. One that is listed for a moment too long is only looked for in vain.
        let path = self.directory.path().to_owned();
        let _ = fs::remove_dir_all(&path);
        live().retain(|one| *one != path);
    }
}

/// Takes all of them away, before the process ends. None can be made any more.
pub(crate) fn remove_all() {
    const TRIES: usize = 5;
    let live = live();
    for directory in live.iter() {
        // The main thread may still be writing into it.
        for _ in 0..TRIES {
            if fs::remove_dir_all(directory).is_ok() || !directory.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    std::mem::forget(live);
}
