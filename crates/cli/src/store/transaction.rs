//! Writing to a build, all or nothing. This is the only caller of [`Root`](crate::store::fs_steps::Root).
//!
//! 1. *Stage*, in `.presentry/` alone: every file that will have other contents gets a second name there, the contents and
//!    the journal, which lists both, are written and synced, and last the journal takes its name.
//! 2. *Apply*: new directories are made, and each file is compared with what the plan was made for and replaced by a
//!    rename. A file that goes is renamed to its name in `.presentry/`, where no one else changes it, and compared there.
//! 3. *Commit*: the journal is renamed to be the manifest. Directories of ours in which nothing of ours is left go after
//!    it, so that undoing never has to make one.
//!
//! Whoever finds a journal finds a run that did not come to its end, and undoes it. Undoing renames and removes, so it
//! needs no space on a full disk, and it may itself be interrupted and begun again at any point.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use presentry_rewriter::Digest;
use thiserror::Error;

use crate::{
    failure::Failure,
    interruption::Section,
    parallel,
    paths::{OutputPath, is_absent},
    store::{
        fs_steps::read_regular,
        manifest::{
            JOURNAL, MANIFEST, Manifest, Original, PRUNED, PRUNED_PART, SavedName, State, WireChange, permissions,
        },
        place::Place,
        steps::{Contents, Step},
        view::Content,
    },
};

/// The journal while it is being written.
const JOURNAL_PART: &str = "journal.part";

/// Why nothing was written.
#[derive(Debug, Error)]
pub(crate) enum TransactionError {
    /// The file system is read-only, or the user may not write there.
    #[error("`{path}` cannot be written: {source}")]
    ReadOnly { path: String, source: io::Error },
    /// The disk is full, or the user's share of it is.
    #[error("no space left to write `{path}`")]
    DiskFull { path: String },
    /// A file is no longer what the plan was made for.
    #[error("`{path}` was changed by someone else while presentry was at work")]
    ChangedMeanwhile { path: String },
    /// It leads outside of the output directory.
    #[error("`{path}` leads outside of the output directory")]
    Outside { path: String },
    /// Another error of the file system.
    #[error("failed to write `{path}`: {source}")]
    Failed { path: String, source: io::Error },
    /// Something failed, and so did undoing what had been written. The journal is still there.
    #[error("{undo}, while undoing this: {cause}")]
    NotUndone { cause: Box<TransactionError>, undo: Box<TransactionError> },
}

/// What had to be done about an earlier run that was interrupted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing, or nothing worth a word.
    NotNeeded,
    /// The run had begun to change the build, and was undone.
    Undone {
        /// Files that someone else has changed since, and that were left as they are.
        foreign: Vec<OutputPath>,
    },
    /// The run had not begun to change the build, or had ended its work on it; what it had left was taken away.
    Tidied,
}

/// Applies all steps, and makes `next` the manifest; or changes nothing.
///
/// `next` holds the steps in their saved form. A manifest without files stands for the original build: nothing of
/// presentry is left then.
pub(crate) fn run(place: &Place, next: &Manifest, steps: &[Step]) -> Result<(), TransactionError> {
    // What comes after it is the report alone.
    let _section = Section::begin();
    let done = stage(place, next, steps).and_then(|()| apply(place, next, steps)).and_then(|()| commit(place));
    if let Err(cause) = done {
        return match undo(place, next) {
            Ok(_) => Err(cause),
            Err(undo) => Err(TransactionError::NotUndone { cause: Box::new(cause), undo: Box::new(undo) }),
        };
    }
    take_away_leftovers(place, Some(next));
    Ok(())
}

/// Whether an earlier run left something to be done.
pub(crate) fn needs_recovery(place: &Place) -> Result<bool, Failure> {
    if !place.has_directory()? {
        return Ok(false);
    }
    if place.journal()?.is_some() {
        return Ok(true);
    }
    let manifest = place.manifest()?;
    let rewritten = manifest.as_ref().is_some_and(|manifest| !manifest.files.is_empty());
    let emptied = manifest.as_ref().is_some_and(|manifest| !emptied_directories(place, manifest).is_empty());
    Ok(!rewritten || emptied || !leftovers(place, manifest.as_ref()).is_empty())
}

/// Undoes or finishes what an interrupted run has left. The caller holds the lock for changing.
///
/// Saved originals that no manifest names come from a run that had not begun to change the build, unless
/// `entry_is_ours`: where the facade is in place they may be all that is left of the original, and stay.
pub(crate) fn recover(place: &Place, entry_is_ours: impl FnOnce() -> bool) -> Result<Recovery, RecoveryError> {
    if !place.has_directory()? {
        return Ok(Recovery::NotNeeded);
    }
    if let Some(journal) = place.journal()? {
        let foreign = undo(place, &journal)?;
        return Ok(Recovery::Undone { foreign });
    }
    let manifest = place.manifest()?;
    if manifest.as_ref().is_some_and(|manifest| !manifest.files.is_empty()) {
        take_away_leftovers(place, manifest.as_ref());
        return Ok(Recovery::NotNeeded);
    }
    if has_originals(place) && entry_is_ours() {
        return match manifest {
            None => Ok(Recovery::NotNeeded),
            Some(_) => Err(place.unreadable_manifest("it lists no files, and the entry is one that it wrote").into()),
        };
    }
    take_away_leftovers(place, manifest.as_ref());
    Ok(Recovery::Tidied)
}

/// Why an interrupted run could be neither undone nor finished.
#[derive(Debug)]
pub(crate) enum RecoveryError {
    /// What was left cannot be read.
    Failure(Failure),
    /// It cannot be written.
    Transaction(TransactionError),
}

impl From<Failure> for RecoveryError {
    fn from(failure: Failure) -> Self {
        RecoveryError::Failure(failure)
    }
}

impl From<TransactionError> for RecoveryError {
    fn from(error: TransactionError) -> Self {
        RecoveryError::Transaction(error)
    }
}

fn stage(place: &Place, next: &Manifest, steps: &[Step]) -> Result<(), TransactionError> {
    let directory = place.directory();
    let created = match place.root.create_dir(&directory) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(failed(place.shown_directory(), error)),
    };
    refuse_taken_names(place, steps)?;
    let mut written = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let shown = |error| failed(place.show(&step.path), error);
        if let (Some(state), Some(name), false) = (&step.before, &step.undo, step.after.is_absent()) {
            let saved = place.saved(name);
            if keep(place, step, state, &saved).map_err(shown)? {
                written.push(saved);
            }
        }
        let new = place.saved(&SavedName::new_contents(number));
        if lay_ready(place, step, &new).map_err(shown)? {
            written.push(new);
        }
    }
    let in_store = |error| failed(place.shown_directory(), error);
    let part = directory.join(JOURNAL_PART);
    let journal = serde_json::to_vec_pretty(next).map_err(|error| in_store(io::Error::other(error)))?;
    place.root.write_new(&part, &journal, None).map_err(in_store)?;
    written.push(part.clone());
    place.root.sync_files(&written).map_err(in_store)?;
    place.root.rename(&part, &directory.join(JOURNAL)).map_err(in_store)?;
    let server = created.then(|| place.server.clone());
    let names: Vec<PathBuf> = [directory].into_iter().chain(server).collect();
    place.root.sync_dirs(&names).map_err(in_store)
}

/// A rename replaces what has the name already.
fn refuse_taken_names(place: &Place, steps: &[Step]) -> Result<(), TransactionError> {
    let in_store = |error| failed(place.shown_directory(), error);
    let names = place.root.names(&place.directory()).map_err(in_store)?;
    let mut goes_to = steps.iter().filter_map(|step| step.undo.as_ref());
    match goes_to.find(|name| names.contains(name.as_str())) {
        Some(name) => Err(failed(place.show_saved(name), io::ErrorKind::AlreadyExists.into())),
        None => Ok(()),
    }
}

/// Keeps a file under a second name, which costs no copy; where the file system has no links, a copy is made. Whether one
/// was made, and has to be synced.
fn keep(place: &Place, step: &Step, state: &State, saved: &Path) -> io::Result<bool> {
    match state {
        State::Link { link } => place.root.symlink(link, saved).map(|()| false),
        State::File(_) => match place.root.hard_link(&step.real, saved) {
            Ok(()) => Ok(false),
            Err(_) => {
                let bytes = place.root.read(&step.real)?;
                place.root.write_new(saved, &bytes, fs::metadata(&step.real).ok().as_ref()).map(|()| true)
            }
        },
    }
}

/// Makes what a step writes, under a name that is then renamed. Whether it was written, and has to be synced.
fn lay_ready(place: &Place, step: &Step, new: &Path) -> io::Result<bool> {
    match &step.after {
        Contents::Bytes(bytes, _) => {
            let like = step.like.as_deref().and_then(|like| fs::metadata(like).ok());
            place.root.write_new(new, bytes, like.as_ref()).map(|()| true)
        }
        Contents::Saved(original, content) => put_back(place, original, content, new),
        Contents::Absent => Ok(false),
    }
}

/// Gives an original a second name that can be renamed into the build. Where it was saved, the file itself comes back, with
/// everything the file system knows about it. Whether it had to be written, and has to be synced.
fn put_back(place: &Place, original: &Original, content: &Content, new: &Path) -> io::Result<bool> {
    let (copied, mode) = match (original, content) {
        (Original::Link { link }, _) => return place.root.symlink(link, new).map(|()| false),
        (Original::Kept { saved, mode, .. }, _) => {
            let saved = place.saved(saved);
            let copied = place.root.hard_link(&saved, new).is_err();
            if copied {
                let bytes = place.root.read(&saved)?;
                place.root.write_new(new, &bytes, fs::metadata(&saved).ok().as_ref())?;
            }
            (copied, mode)
        }
        (Original::Twin { sha256, mode, .. }, Content::Copy { of, .. }) => {
            let bytes = read_regular(of)?;
            if Digest::of(&bytes) != *sha256 {
                return Err(io::Error::other(format!("`{}` is not the same file any more", of.display())));
            }
            place.root.write_new(new, &bytes, None)?;
            (true, mode)
        }
        (Original::Twin { .. }, _) => return Err(io::ErrorKind::InvalidData.into()),
    };
    // A mode that was changed since the original was saved changed with the saved name, too.
    match mode.as_deref().and_then(permissions) {
        Some(mode) if fs::metadata(new)?.permissions() != with_type_of(new, &mode)? => {
            place.root.set_permissions(new, mode)?;
        }
        _ => {}
    }
    Ok(copied)
}

/// Permissions as the file system reports them, with the bits that say what kind of file it is.
#[cfg(unix)]
fn with_type_of(path: &Path, permissions: &fs::Permissions) -> io::Result<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    let kind = fs::metadata(path)?.permissions().mode() & !0o7777;
    Ok(fs::Permissions::from_mode(kind | permissions.mode()))
}

#[cfg(not(unix))]
fn with_type_of(_: &Path, permissions: &fs::Permissions) -> io::Result<fs::Permissions> {
    Ok(permissions.clone())
}

fn apply(place: &Place, next: &Manifest, steps: &[Step]) -> Result<(), TransactionError> {
    let needed = |directory: &&OutputPath| {
        steps
            .iter()
            .any(|step| !step.after.is_absent() && place.path_of(&step.real).is_some_and(|path| directory.holds(&path)))
    };
    let made = make_directories(place, next.directories.iter().chain(&next.brought_back).filter(needed))?;
    for (number, step) in steps.iter().enumerate() {
        let failed = |error| failed(place.show(&step.path), error);
        if let Some(name) = step.goes_to() {
            match place.root.rename(&step.real, &place.saved(name)) {
                Err(error) if is_absent(&error) => return Err(changed_meanwhile(place, step)),
                moved => moved.map_err(failed)?,
            }
            continue;
        }
        if place.root.state(&step.real).map_err(failed)? != step.before {
            return Err(changed_meanwhile(place, step));
        }
        place.root.rename(&place.saved(&SavedName::new_contents(number)), &step.real).map_err(failed)?;
    }
    compare_what_went(place, steps)?;
    if steps.iter().any(|step| step.goes_to().is_some()) {
        // It has its new name on the disk before it loses the old one.
        place.root.sync_dir(&place.directory()).map_err(|error| failed(place.shown_directory(), error))?;
    }
    sync_directories(place, steps.iter().map(|step| step.real.as_path()).chain(made.iter().map(PathBuf::as_path)))
}

/// Compares what went with what the plan was made for. Undoing brings back what is something else.
fn compare_what_went(place: &Place, steps: &[Step]) -> Result<(), TransactionError> {
    let went: Vec<(&Step, &SavedName)> = steps.iter().filter_map(|step| Some((step, step.goes_to()?))).collect();
    let states = parallel::map(&went, |(_, name)| place.root.state(&place.saved(name)));
    for ((step, _), state) in went.into_iter().zip(states) {
        if state.map_err(|error| failed(place.show(&step.path), error))? != step.before {
            return Err(changed_meanwhile(place, step));
        }
    }
    Ok(())
}

fn changed_meanwhile(place: &Place, step: &Step) -> TransactionError {
    TransactionError::ChangedMeanwhile { path: place.show(&step.path) }
}

/// Makes the directories that are not there yet; which they were.
fn make_directories<'a>(
    place: &Place,
    directories: impl Iterator<Item = &'a OutputPath>,
) -> Result<Vec<PathBuf>, TransactionError> {
    let mut made = Vec::new();
    for directory in directories {
        let real = within(place, directory, false)?;
        if !real.is_dir() {
            place.root.create_dir(&real).map_err(|error| failed(place.show(directory), error))?;
            made.push(real);
        }
    }
    Ok(made)
}

/// Where a path leads; that of a link is where it lies.
fn within(place: &Place, path: &OutputPath, is_link: bool) -> Result<PathBuf, TransactionError> {
    let real = if is_link { place.entry_path(path) } else { place.real_path(path) };
    real.map_err(|_| TransactionError::Outside { path: place.show(path) })
}

fn commit(place: &Place) -> Result<(), TransactionError> {
    let directory = place.directory();
    place
        .root
        .rename(&directory.join(JOURNAL), &directory.join(MANIFEST))
        .map_err(|error| failed(place.shown_directory(), error))?;
    // From here on the build is the new one. Should this sync fail and the power too, the next run finds the journal
    // again and undoes the run, which is sound as well.
    let _ = place.root.sync_dir(&directory);
    Ok(())
}

/// Puts every file back to what it was before a run, as far as it is what the run made of it.
fn undo(place: &Place, journal: &Manifest) -> Result<Vec<OutputPath>, TransactionError> {
    let mut foreign = Vec::new();
    let mut undone = Vec::new();
    for step in journal.steps.iter().rev() {
        let shown = || place.show(&step.path);
        let real = within(
            place,
            &step.path,
            matches!((&step.before, &step.after), (Some(State::Link { .. }), _) | (_, Some(State::Link { .. }))),
        )?;
        let current = place.root.state(&real).map_err(|error| failed(shown(), error))?;
        if current == step.before {
            continue;
        }
        if current != step.after {
            foreign.push(step.path.clone());
            continue;
        }
        match &step.undo {
            Some(name) => place.root.rename(&place.saved(name), &real),
            None => place.root.remove_file(&real),
        }
        .map_err(|error| failed(shown(), error))?;
        undone.push(real);
    }
    sync_directories(place, undone.iter().map(PathBuf::as_path))?;
    let in_store = |error| failed(place.shown_directory(), error);
    let manifest = place.manifest().map_err(|_| in_store(io::Error::other("the manifest cannot be read")))?;
    let known = manifest.as_ref().map_or(&[][..], |manifest| &manifest.directories);
    let made = journal.directories.iter().chain(&journal.brought_back);
    take_away_directories(place, made.filter(|directory| !known.contains(directory)))?;
    match place.root.remove_file(&place.directory().join(JOURNAL)) {
        Err(error) if !is_absent(&error) => return Err(in_store(error)),
        _ => {}
    }
    take_away_leftovers(place, manifest.as_ref());
    Ok(foreign)
}

/// Takes away directories in which nothing is left, children first, of directories that are given parents first. Those in
/// which someone else has put something stay.
fn take_away_directories<'a>(
    place: &Place,
    directories: impl DoubleEndedIterator<Item = &'a OutputPath>,
) -> Result<(), TransactionError> {
    for directory in directories.rev() {
        if let Ok(real) = place.real_path(directory)
            && is_empty_directory(&real)
        {
            place.root.remove_dir(&real).map_err(|error| failed(place.show(directory), error))?;
        }
    }
    Ok(())
}

fn is_empty_directory(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// The directories of packages in which pruning has left nothing, children first.
fn emptied_directories(place: &Place, manifest: &Manifest) -> Vec<PathBuf> {
    let modules = place.server.join("node_modules");
    let mut left = BTreeSet::new();
    for file in manifest.files.iter().filter(|file| file.kind == WireChange::Pruned) {
        let Ok(path) = place.entry_path(&file.path) else { continue };
        for above in path.ancestors().skip(1).take_while(|at| at.starts_with(&modules)) {
            if !left.insert(above.to_owned()) {
                break;
            }
        }
    }
    let mut emptied = BTreeSet::new();
    for directory in left.into_iter().rev() {
        let Ok(mut entries) = fs::read_dir(&directory) else { continue };
        if entries.all(|entry| entry.is_ok_and(|entry| emptied.contains(&entry.path()))) {
            emptied.insert(directory);
        }
    }
    emptied.into_iter().rev().collect()
}

/// The directories of ours in which a manifest has no file any more.
fn obsolete_directories(manifest: &Manifest) -> impl DoubleEndedIterator<Item = &OutputPath> {
    let written: Vec<&OutputPath> =
        manifest.files.iter().filter(|file| file.after.is_some()).map(|file| &file.path).collect();
    manifest.directories.iter().filter(move |directory| !written.iter().any(|file| directory.holds(file)))
}

fn sync_directories<'a>(place: &Place, files: impl Iterator<Item = &'a Path>) -> Result<(), TransactionError> {
    let directories: BTreeSet<PathBuf> = files.filter_map(Path::parent).map(Path::to_owned).collect();
    let directories: Vec<PathBuf> = directories.into_iter().collect();
    place.root.sync_dirs(&directories).map_err(|error| failed(place.shown.clone(), error))
}

/// Takes away what no manifest names, and the whole of `.presentry/` when there is none or it names nothing. What
/// cannot be taken away waits for the next run: it stands in nobody's way.
fn take_away_leftovers(place: &Place, manifest: Option<&Manifest>) {
    place.root.remove_files(&leftovers(place, manifest));
    for directory in manifest.map(|manifest| emptied_directories(place, manifest)).unwrap_or_default() {
        let _ = place.root.remove_dir(&directory);
    }
    let obsolete: Vec<&OutputPath> = manifest.into_iter().flat_map(obsolete_directories).collect();
    if take_away_directories(place, obsolete.into_iter()).is_err() {
        // The manifest stays, so that the next run knows which directories are ours.
        return;
    }
    if manifest.is_none_or(|manifest| manifest.files.is_empty()) {
        let directory = place.directory();
        if manifest.is_some() {
            let _ = place.root.remove_file(&directory.join(MANIFEST));
        }
        let _ = place.root.remove_dir(&directory);
    }
}

/// The files in `.presentry/` that we have written and that the manifest does not name.
fn leftovers(place: &Place, manifest: Option<&Manifest>) -> Vec<PathBuf> {
    let files = manifest.into_iter().flat_map(|manifest| &manifest.files);
    let kept: BTreeSet<&str> = files.filter_map(|file| Some(file.before.as_ref()?.saved()?.as_str())).collect();
    // The list of 0.1.0 is a part of its manifest, and of no other.
    let list = manifest.is_some_and(Manifest::is_of_0_1_0).then_some(PRUNED);
    let Ok(entries) = fs::read_dir(place.directory()) else { return Vec::new() };
    let mut leftovers: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let ours = [JOURNAL_PART, PRUNED, PRUNED_PART].contains(&name.as_str())
                || SavedName::try_from(name.clone()).is_ok();
            (ours && list != Some(name.as_str()) && !kept.contains(name.as_str())).then(|| entry.path())
        })
        .collect();
    // In an order that does not depend on the file system, so that a step has the same number in every run.
    leftovers.sort();
    leftovers
}

fn has_originals(place: &Place) -> bool {
    leftovers(place, None).iter().any(|path| {
        let name = path.file_name().and_then(|name| SavedName::try_from(name.to_str()?.to_owned()).ok());
        name.is_some_and(|name| name.original_number().is_some())
    })
}

fn failed(path: String, source: io::Error) -> TransactionError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TransactionError::DiskFull { path },
        // What would leave the opened directory is refused without asking the system.
        io::ErrorKind::PermissionDenied if source.raw_os_error().is_none() => TransactionError::Outside { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            TransactionError::ReadOnly { path, source }
        }
        _ => TransactionError::Failed { path, source },
    }
}
