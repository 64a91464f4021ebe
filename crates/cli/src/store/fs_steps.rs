//! Every file-system call that changes a build, each one a numbered step; nothing else in this crate writes.
//!
//! In debug builds, and for tests alone, a step can be made to fail:
//! - `PRESENTRY_ABORT_AT=N` ends the process without any cleaning up, as `kill -9` does, before step N.
//! - `PRESENTRY_FAIL_AT=N` lets step N fail, and when the disk is full every later step that needs space as well.
//!   `PRESENTRY_FAIL_WITH` says how: `disk-full` (when it is not set), `read-only` or `broken`.
//! - `PRESENTRY_CHANGE_AT=N` adds a line to the file `PRESENTRY_CHANGE` before step N, as someone else would.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, Permissions},
};
use presentry_rewriter::Digest;

use crate::{paths::is_absent, store::manifest::State};

/// A directory that what is written cannot leave, whatever a link or a list says: each path is resolved below it by the
/// system itself. Paths are absolute, and lie in it.
#[derive(Debug)]
pub(crate) struct Root {
    directory: Dir,
    path: PathBuf,
}

impl Root {
    /// Opens a directory, given by its canonical path.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { directory: Dir::open_ambient_dir(path, ambient_authority())?, path: path.to_owned() })
    }

    fn below<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        path.strip_prefix(&self.path).map_err(|_| io::ErrorKind::PermissionDenied.into())
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let below = self.below(path)?;
        match self.directory.metadata(below)?.is_file() {
            true => self.directory.read(below),
            false => Err(not_regular()),
        }
    }

    /// What lies at a path, links not followed; a directory is nothing.
    pub(crate) fn state(&self, path: &Path) -> io::Result<Option<State>> {
        let below = self.below(path)?;
        let absent = |error: io::Error| if is_absent(&error) { Ok(None) } else { Err(error) };
        let metadata = match self.directory.symlink_metadata(below) {
            Ok(metadata) => metadata,
            Err(error) => return absent(error),
        };
        if metadata.is_symlink() {
            let link = self.directory.read_link_contents(below)?;
            return Ok(Some(State::Link { link: link.to_string_lossy().into_owned() }));
        }
        if metadata.is_dir() {
            return Ok(None);
        }
        match self.directory.read(below) {
            Ok(bytes) => Ok(Some(State::File(Digest::of(&bytes)))),
            Err(error) => absent(error),
        }
    }

    /// The names in a directory.
    pub(crate) fn names(&self, path: &Path) -> io::Result<BTreeSet<String>> {
        let entries = self.directory.read_dir(self.below(path)?)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Creates a directory.
    pub(crate) fn create_dir(&self, path: &Path) -> io::Result<()> {
        step(Needs::Space)?;
        self.directory.create_dir(self.below(path)?)
    }

    /// Creates a file with these bytes and the permissions of another one. They are on the disk after [`Root::sync_files`].
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8], like: Option<&fs::Metadata>) -> io::Result<()> {
        step(Needs::Space)?;
        let options = OpenOptions::new().write(true).create_new(true).clone();
        let mut file = self.directory.open_with(self.below(path)?, &options)?.into_std();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        step(Needs::Space)?;
        file.write_all(second)?;
        if let Some(like) = like {
            step(Needs::Nothing)?;
            take_owner_of(&file, like);
            file.set_permissions(like.permissions())?;
        }
        Ok(())
    }

    /// Has the bytes of files on the disk when it returns. Many files are synced at once, as a file system writes what waits
    /// together.
    pub(crate) fn sync_files(&self, paths: &[PathBuf]) -> io::Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        step(Needs::Space)?;
        let options = OpenOptions::new().read(true).write(cfg!(windows)).clone();
        at_once(paths, |path| self.directory.open_with(self.below(path)?, &options)?.into_std().sync_data())
    }

    /// Sets the permissions of a file.
    pub(crate) fn set_permissions(&self, path: &Path, permissions: fs::Permissions) -> io::Result<()> {
        step(Needs::Nothing)?;
        self.directory.set_permissions(self.below(path)?, Permissions::from_std(permissions))
    }

    /// Gives a file a second name.
    pub(crate) fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        step(Needs::Space)?;
        self.directory.hard_link(self.below(original)?, &self.directory, self.below(link)?)
    }

    /// Creates a symbolic link. Where it leads is not asked: nothing is written through it.
    pub(crate) fn symlink(&self, says: &str, link: &Path) -> io::Result<()> {
        step(Needs::Space)?;
        #[cfg(not(windows))]
        return self.directory.symlink_contents(says, self.below(link)?);
        // Nitro links directories alone.
        #[cfg(windows)]
        return self.directory.symlink_dir(says, self.below(link)?);
    }

    /// Moves a file over another name.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        step(Needs::Nothing)?;
        self.directory.rename(self.below(from)?, &self.directory, self.below(to)?)
    }

    /// Takes a file away.
    pub(crate) fn remove_file(&self, path: &Path) -> io::Result<()> {
        step(Needs::Nothing)?;
        self.directory.remove_file(self.below(path)?)
    }

    /// Takes files away, many at once, as far as they can be.
    pub(crate) fn remove_files(&self, paths: &[PathBuf]) {
        let _ = at_once(paths, |path| {
            let _ = self.remove_file(path);
            Ok(())
        });
    }

    /// Takes an empty directory away.
    pub(crate) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        step(Needs::Nothing)?;
        self.directory.remove_dir(self.below(path)?)
    }

    /// Has the names in a directory on the disk when it returns. Only Unix lets a directory be synced.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        step(Needs::Nothing)?;
        self.sync_names(path)
    }

    /// The same for many directories at once.
    pub(crate) fn sync_dirs(&self, paths: &[PathBuf]) -> io::Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        step(Needs::Nothing)?;
        at_once(paths, |path| self.sync_names(path))
    }

    fn sync_names(&self, path: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(());
        }
        let below = self.below(path)?;
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        self.directory.open(below)?.into_std().sync_all()
    }
}

/// The bytes of a file on disk; `None` where something else lies there. It is opened without waiting, and read only then: a
/// pipe has no end.
pub(crate) fn regular_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = match options.read(true).open(path) {
        Ok(file) => file,
        // Windows does not open one.
        Err(_) if path.is_dir() => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // The size is known, so no call is spent on it before or after the file is read.
    file.take(metadata.len()).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The bytes of a regular file. A pipe or a device is an error, and is not waited for.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    regular_file(path)?.ok_or_else(not_regular)
}

/// What is said of a pipe, a device or a directory where a file should be.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// The work waits for the disk and not for the processor, so there are more threads than processors. A thread takes longer to
/// start than a few files take that are written together anyhow.
fn at_once(paths: &[PathBuf], work: impl Fn(&Path) -> io::Result<()> + Sync) -> io::Result<()> {
    const THREADS: usize = 16;
    const FEW: usize = 4;
    let share = paths.len().div_ceil(THREADS).max(FEW);
    let work_on = |share: &[PathBuf]| share.iter().try_for_each(|path| work(path));
    std::thread::scope(|scope| {
        let mut shares = paths.chunks(share);
        let own = shares.next().unwrap_or_default();
        let threads: Vec<_> = shares.map(|share| scope.spawn(|| work_on(share))).collect();
        let own = work_on(own);
        threads.into_iter().map(|thread| thread.join().expect("a panic was printed")).fold(own, Result::and)
    })
}

/// A file that another user owns stays theirs where we may give it away; where we may not, its contents matter more.
#[cfg(unix)]
fn take_owner_of(file: &File, like: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let Ok(metadata) = file.metadata() else { return };
    if (metadata.uid(), metadata.gid()) != (like.uid(), like.gid()) {
        let _ = fchown(file, Some(like.uid()), Some(like.gid()));
    }
}

#[cfg(not(unix))]
fn take_owner_of(_: &File, _: &fs::Metadata) {}

/// Whether a step can fail on a full disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Space,
    Nothing,
}

static STEPS: AtomicU64 = AtomicU64::new(0);
static FAULTS: OnceLock<Faults> = OnceLock::new();

struct Faults {
    abort_at: Option<u64>,
    fail_at: Option<u64>,
    kind: io::ErrorKind,
    change_at: Option<u64>,
    change: Option<OsString>,
}

impl Faults {
    fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
        let kind = match std::env::var("PRESENTRY_FAIL_WITH").as_deref() {
            Ok("read-only") => io::ErrorKind::ReadOnlyFilesystem,
            Ok("broken") => io::ErrorKind::Other,
            _ => io::ErrorKind::StorageFull,
        };
        Self {
            abort_at: number("PRESENTRY_ABORT_AT"),
            fail_at: number("PRESENTRY_FAIL_AT"),
            kind,
            change_at: number("PRESENTRY_CHANGE_AT"),
            change: std::env::var_os("PRESENTRY_CHANGE"),
        }
    }
}

/// Counts one step, and lets it fail when a test asks for that.
fn step(needs: Needs) -> io::Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let number = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    let faults = FAULTS.get_or_init(Faults::of_environment);
    if faults.abort_at == Some(number) {
        std::process::abort();
    }
    if let (true, Some(file)) = (faults.change_at == Some(number), &faults.change) {
        File::options().append(true).open(file)?.write_all(b"// changed\n")?;
    }
    let still_full = |at| number > at && needs == Needs::Space && faults.kind == io::ErrorKind::StorageFull;
    if faults.fail_at.is_some_and(|at| at == number || still_full(at)) {
        return Err(faults.kind.into());
    }
    Ok(())
}
