//! Directories for temporary files. They go when they are dropped, and when the command is interrupted. Those that SIGKILL leaves
//! go with the next run.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Those that are there.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn live() -> MutexGuard<'static, Vec<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the names of all of them begin.
const PREFIX: &str = "presentry-";

/// A directory for temporary files, and the one way to write some.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
    /// Locked as long as the process lives, which tells it from one that was left. Windows locks no directories.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes one whose name begins with `presentry-` and a word for what it is for.
    ///
    /// # Errors
    /// When there is no directory for temporary files, or it is full.
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        // Locked over the making, so that none is missed.
        let mut live = live();
        let directory = TempDir::with_prefix(format!("{PREFIX}{purpose}-"))?;
        live.push(directory.path().to_owned());
        let lock = locked(directory.path());
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(directory.path()));
        Ok(Self { directory, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where it is with links followed, as Node gives modules their real paths.
    pub(crate) fn real_path(&self) -> io::Result<PathBuf> {
        dunce::canonicalize(self.path())
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

/// A directory that no other process has locked.
fn locked(directory: &Path) -> Option<File> {
    let file = File::open(directory).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Takes away what runs that were killed have left beside this directory, of the same user.
#[cfg(unix)]
fn sweep(own: &Path) {
    use std::os::unix::fs::MetadataExt;
    /// A younger one may not be locked yet.
    const AGE: Duration = Duration::from_mins(10);
    let (Ok(this), Some(Ok(all))) = (fs::symlink_metadata(own), own.parent().map(fs::read_dir)) else { return };
    for entry in all.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let Ok(found) = entry.metadata() else { continue };
        let is_old = found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= AGE));
        // The lock is held while it goes.
        if found.is_dir()
            && found.uid() == this.uid()
            && is_old
            && let Some(_lock) = locked(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(not(unix))]
fn sweep(_own: &Path) {}

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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_killed_runs_have_left_goes_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in
            ["presentry-child-own", "presentry-child-left", "presentry-child-used", "presentry-child-new", "other"]
        {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file"), "").unwrap();
        }
        fs::write(at("presentry-0.lock"), "").unwrap();
        std::os::unix::fs::symlink(at("other"), at("presentry-link")).unwrap();
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        for name in ["presentry-child-left", "presentry-child-used", "other", "presentry-0.lock"] {
            File::open(at(name)).unwrap().set_modified(hour_ago).unwrap();
        }
        let _used = locked(&at("presentry-child-used")).unwrap();
        sweep(&at("presentry-child-own"));
        let mut left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        left.sort();
        let expected = [
            "other",
            "presentry-0.lock",
            "presentry-child-new",
            "presentry-child-own",
            "presentry-child-used",
            "presentry-link",
        ];
        assert_eq!(left, expected);
        assert!(at("other/file").exists());
    }
}
