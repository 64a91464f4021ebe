//! Opens a build that an earlier run may have left half done: locked, and undone or completed.

use presentry_rewriter::facade_header;

use crate::{
    diagnostics::{changed_meanwhile, disk_full, interrupted, outside_output, read_only, write_failed},
    failure::Failure,
    find::locate::Build,
    paths::OutputPath,
    say::output::Output,
    store::{
        lock::{self, Lock, Use},
        manifest::Manifest,
        transaction::{self, Recovery, RecoveryError, TransactionError},
    },
};

/// Locks a build that is going to be changed, after undoing or finishing what an earlier run left.
pub(crate) fn for_changing(build: &Build, output: &Output) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Changing)?;
    if build.place.journal()?.is_none() {
        refuse_unlisted_entry(build)?;
    }
    recover(build, output)?;
    Ok(lock)
}

/// Locks a build that is only read. What an earlier run left is undone or finished first.
pub(crate) fn for_reading(build: &Build, output: &Output) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Reading)?;
    if !transaction::needs_recovery(&build.place)? {
        return Ok(lock);
    }
    drop(lock);
    for_changing(build, output)
}

/// Locks a build for a run that has promised to write nothing at all.
pub(crate) fn for_dry_run(build: &Build) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Reading)?;
    if build.place.journal()?.is_some() {
        return Err(interrupted::diagnostic(&build.place.shown_directory()).into());
    }
    refuse_unlisted_entry(build)?;
    Ok(lock)
}

fn recover(build: &Build, output: &Output) -> Result<(), Failure> {
    let recovery = transaction::recover(&build.place, || entry_is_ours(build)).map_err(|error| match error {
        RecoveryError::Failure(failure) => failure,
        RecoveryError::Transaction(error) => not_written(&error),
    })?;
    match recovery {
        Recovery::NotNeeded => {}
        Recovery::Undone { foreign } => {
            output.note("an earlier run was interrupted; what it had changed was undone");
            for path in foreign {
                let path = build.place.show(&path);
                output.note(format!("`{path}` was changed by someone else since, and was left as it is"));
            }
        }
        Recovery::Tidied => output.note("an earlier run was interrupted; what it had left was taken away"),
    }
    Ok(())
}

/// Restoring would leave the facade, and take away what it loads.
fn refuse_unlisted_entry(build: &Build) -> Result<(), Failure> {
    let entry = OutputPath::from(&build.entry);
    let lists_others =
        |manifest: &Manifest| !manifest.files.is_empty() && !manifest.files.iter().any(|file| file.path == entry);
    if build.place.manifest()?.is_some_and(|manifest| lists_others(&manifest)) && entry_is_ours(build) {
        return Err(build.place.unreadable_manifest("it does not list the entry, which is one that it wrote"));
    }
    Ok(())
}

fn entry_is_ours(build: &Build) -> bool {
    build.place.read_file(&build.entry).is_ok_and(|bytes| bytes.is_some_and(|bytes| facade_header(&bytes).is_some()))
}

/// The diagnostic for a transaction that left everything as it was.
pub(crate) fn not_written(error: &TransactionError) -> Failure {
    let message = error.to_string();
    let root = match error {
        TransactionError::NotUndone { undo, .. } => undo,
        other => other,
    };
    match root {
        TransactionError::ReadOnly { .. } => read_only::diagnostic(message),
        TransactionError::DiskFull { .. } => disk_full::diagnostic(message),
        TransactionError::ChangedMeanwhile { .. } => changed_meanwhile::diagnostic(message),
        TransactionError::Outside { path } => outside_output::diagnostic(path, std::path::Path::new(path)),
        TransactionError::Failed { .. } | TransactionError::NotUndone { .. } => write_failed::diagnostic(message),
    }
    .into()
}
