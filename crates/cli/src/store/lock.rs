//! Keeps two runs of presentry off the same build. Nothing is left in the build by it.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use crate::{diagnostics::locked, failure::Failure};

/// How a build is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is read; others may read it, too.
    Reading,
    /// It may be changed.
    Changing,
}

/// A lock that is held until it is dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Locks a server directory.
pub(crate) fn lock(server: &Path, shown: &str, how: Use) -> Result<Lock, Failure> {
    let failed = |error: &io::Error| Failure::Unexpected(anyhow::anyhow!("failed to lock `{shown}`: {error}"));
    match lock_directory(server, how) {
        Ok(lock) => return Ok(lock),
        Err(TryLockError::WouldBlock) => return Err(locked::diagnostic(shown).into()),
        // Windows locks no directories, and some network file systems lock nothing that is open for reading.
        Err(TryLockError::Error(_)) => {}
    }
    let file = lock_file(server).map_err(|error| failed(&error))?;
    match take(file, how) {
        Ok(lock) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(locked::diagnostic(shown).into()),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// The directory itself is locked where that can be done: it is there before us and stays after us, so no lock file
/// has to be taken away while another run may be opening it.
fn lock_directory(server: &Path, how: Use) -> Result<Lock, TryLockError> {
    take(File::open(server).map_err(TryLockError::Error)?, how)
}

/// Elsewhere an empty file in the directory for temporary files stands for the server directory.
fn lock_file(server: &Path) -> io::Result<File> {
    let digest = presentry_rewriter::Digest::of(server.as_os_str().as_encoded_bytes()).to_string();
    let path = std::env::temp_dir().join(format!("presentry-{}.lock", &digest[..16]));
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

fn take(file: File, how: Use) -> Result<Lock, TryLockError> {
    match how {
        Use::Reading => file.try_lock_shared()?,
        Use::Changing => file.try_lock()?,
    }
    Ok(Lock { _file: file })
}
