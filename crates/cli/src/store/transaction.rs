//! Writing to a build, all or nothing. This is the only caller of [`crate::store::fs_steps`].
//!
//! 1. *Stage*, in `.presentry/` alone: every file that will change gets a second name there, new contents are written
//!    and synced, and last the journal, which lists both, takes its name.
//! 2. *Apply*: new directories are made, and each file is compared with what the plan was made for and replaced by a
//!    rename.
//! 3. *Commit*: the journal is renamed to be the manifest. Directories of ours in which nothing of ours is left go after
//!    it, so that undoing never has to make one.
//!
//! Whoever finds a journal finds a run that did not come to its end, and undoes it. Undoing renames and removes, so it
//! needs no space on a full disk, and it may itself be interrupted and begun again at any point.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use presentry_rewriter::Digest;
use thiserror::Error;

use crate::{
    failure::Failure,
    paths::{OutputPath, is_absent},
    store::{
        fs_steps,
        manifest::{JOURNAL, MANIFEST, Manifest, Original, SavedName, SavedStep, WireChange, permissions},
        place::Place,
    },
};

/// The journal while it is being written.
const JOURNAL_PART: &str = "journal.part";

/// What a file is to become, compared with the original build.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The file.
    pub(crate) path: OutputPath,
    /// Why it changes.
    pub(crate) kind: WireChange,
    /// Its bytes in the original build; `None` when it was not there.
    pub(crate) before: Option<Vec<u8>>,
    /// The bytes it will have; `None` when it is taken away.
    pub(crate) after: Option<Vec<u8>>,
    /// The file whose permissions a new file gets.
    pub(crate) like: Option<PathBuf>,
}

/// One file that changes.
#[derive(Debug)]
pub(crate) struct Step {
    /// The file, relative to the server directory.
    pub(crate) path: OutputPath,
    /// The file that is written for it.
    pub(crate) real: PathBuf,
    /// Its bytes now; `None` when it is not there.
    pub(crate) before: Option<Vec<u8>>,
    /// What it will be.
    pub(crate) after: Contents,
    /// Where its bytes are kept meanwhile.
    pub(crate) undo: Option<SavedName>,
    /// The file whose owner and permissions new contents get.
    pub(crate) like: Option<PathBuf>,
}

/// What a file will hold.
#[derive(Debug)]
pub(crate) enum Contents {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The original that was saved, with the permissions it had, and its bytes.
    Saved(Original, Vec<u8>),
    /// It will not be there.
    Absent,
}

impl Contents {
    /// The bytes it will hold.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Contents::Bytes(bytes) | Contents::Saved(_, bytes) => Some(bytes),
            Contents::Absent => None,
        }
    }
}

impl Step {
    fn to_saved(&self) -> SavedStep {
        SavedStep {
            path: self.path.clone(),
            before: self.before.as_deref().map(Digest::of),
            after: self.after.bytes().map(Digest::of),
            undo: self.undo.clone(),
        }
    }
}

/// Steps in the order in which they are applied, one for each file.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    list: Vec<Step>,
    by_file: HashMap<PathBuf, usize>,
}

impl Steps {
    /// Adds a step. Two names of one file, of which one is a link, make one step.
    pub(crate) fn add(&mut self, step: Step) -> Result<(), Failure> {
        let Some(number) = self.by_file.get(&step.real) else {
            self.by_file.insert(step.real.clone(), self.list.len());
            self.list.push(step);
            return Ok(());
        };
        let other = &self.list[*number];
        if other.after.bytes() == step.after.bytes() {
            return Ok(());
        }
        let (one, two) = (&other.path, &step.path);
        Err(Failure::Unexpected(anyhow::anyhow!("`{one}` and `{two}` are one file, and would have to differ")))
    }

    /// The steps as the journal holds them.
    pub(crate) fn to_saved(&self) -> Vec<SavedStep> {
        self.list.iter().map(Step::to_saved).collect()
    }
}

impl std::ops::Deref for Steps {
    type Target = [Step];

    fn deref(&self) -> &[Step] {
        &self.list
    }
}

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
    Ok(!rewritten || !leftovers(place, manifest.as_ref()).is_empty())
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
    if manifest.is_none() && has_originals(place) && entry_is_ours() {
        return Ok(Recovery::NotNeeded);
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
    let created = match fs_steps::create_dir(&directory) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(failed(place.shown_directory(), error)),
    };
    let mut written = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let shown = || place.show(&step.path);
        let like = step.like.as_deref().and_then(|like| fs::metadata(like).ok());
        if let (Some(bytes), Some(name)) = (&step.before, &step.undo) {
            let metadata = fs::metadata(&step.real).ok();
            let saved = place.saved(name);
            if keep(&step.real, &saved, bytes, metadata.as_ref()).map_err(|error| failed(shown(), error))? {
                written.push(saved);
            }
        }
        let new = place.saved(&SavedName::new_contents(number));
        let is_written = match &step.after {
            Contents::Bytes(bytes) => fs_steps::write_new(&new, bytes, like.as_ref()).map(|()| true),
            Contents::Saved(original, bytes) => put_back(&place.saved(&original.saved), &new, original, bytes),
            Contents::Absent => Ok(false),
        };
        if is_written.map_err(|error| failed(shown(), error))? {
            written.push(new);
        }
    }
    fs_steps::sync_files(&written).map_err(|error| failed(place.shown_directory(), error))?;
    let journal =
        serde_json::to_vec_pretty(next).map_err(|error| failed(place.shown_directory(), io::Error::other(error)))?;
    write_journal(&directory, &journal).map_err(|error| failed(place.shown_directory(), error))?;
    if created {
        fs_steps::sync_dir(&place.server).map_err(|error| failed(place.shown.clone(), error))?;
    }
    Ok(())
}

/// Keeps a file under a second name, which costs no copy; where the file system has no links, a copy is made. Whether one
/// was made, and has to be synced.
fn keep(real: &Path, saved: &Path, bytes: &[u8], metadata: Option<&fs::Metadata>) -> io::Result<bool> {
    match fs_steps::hard_link(real, saved) {
        Ok(()) => Ok(false),
        Err(_) => fs_steps::write_new(saved, bytes, metadata).map(|()| true),
    }
}

/// Gives a saved original a second name that can be renamed into the build. The file itself comes back, with
/// everything the file system knows about it. Whether it had to be written, and has to be synced.
fn put_back(saved: &Path, new: &Path, original: &Original, bytes: &[u8]) -> io::Result<bool> {
    let copied = fs_steps::hard_link(saved, new).is_err();
    if copied {
        fs_steps::write_new(new, bytes, fs::metadata(saved).ok().as_ref())?;
    }
    // A mode that was changed since the original was saved changed with the saved name, too.
    match original.mode.as_deref().and_then(permissions) {
        Some(mode) if fs::metadata(new)?.permissions() != with_type_of(new, &mode)? => {
            fs_steps::set_permissions(new, mode)?;
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

fn write_journal(directory: &Path, journal: &[u8]) -> io::Result<()> {
    let part = directory.join(JOURNAL_PART);
    fs_steps::write_new(&part, journal, None)?;
    fs_steps::sync_files(std::slice::from_ref(&part))?;
    fs_steps::rename(&part, &directory.join(JOURNAL))?;
    fs_steps::sync_dir(directory)
}

fn apply(place: &Place, next: &Manifest, steps: &[Step]) -> Result<(), TransactionError> {
    let needed = |directory: &&OutputPath| {
        steps.iter().any(|step| !matches!(step.after, Contents::Absent) && directory.holds(&step.path))
    };
    let made = make_directories(place, next.directories.iter().filter(needed))?;
    for (number, step) in steps.iter().enumerate() {
        let shown = || place.show(&step.path);
        if read(&step.real).map_err(|error| failed(shown(), error))? != step.before {
            return Err(TransactionError::ChangedMeanwhile { path: shown() });
        }
        match &step.after {
            Contents::Absent => fs_steps::remove_file(&step.real),
            _ => fs_steps::rename(&place.saved(&SavedName::new_contents(number)), &step.real),
        }
        .map_err(|error| failed(shown(), error))?;
    }
    sync_directories(place, steps.iter().map(|step| step.real.as_path()).chain(made.iter().map(PathBuf::as_path)))
}

/// Makes the directories that are not there yet; which they were.
fn make_directories<'a>(
    place: &Place,
    directories: impl Iterator<Item = &'a OutputPath>,
) -> Result<Vec<PathBuf>, TransactionError> {
    let mut made = Vec::new();
    for directory in directories {
        let real = within(place, directory)?;
        if !real.is_dir() {
            fs_steps::create_dir(&real).map_err(|error| failed(place.show(directory), error))?;
            made.push(real);
        }
    }
    Ok(made)
}

fn within(place: &Place, path: &OutputPath) -> Result<PathBuf, TransactionError> {
    let outside = || failed(place.show(path), io::Error::other("it now lies outside of the output directory"));
    place.real_path(path).map_err(|_| outside())
}

fn commit(place: &Place) -> Result<(), TransactionError> {
    let directory = place.directory();
    fs_steps::rename(&directory.join(JOURNAL), &directory.join(MANIFEST))
        .map_err(|error| failed(place.shown_directory(), error))?;
    // From here on the build is the new one. Should this sync fail and the power too, the next run finds the journal
    // again and undoes the run, which is sound as well.
    let _ = fs_steps::sync_dir(&directory);
    Ok(())
}

/// Puts every file back to what it was before a run, as far as it is what the run made of it.
fn undo(place: &Place, journal: &Manifest) -> Result<Vec<OutputPath>, TransactionError> {
    let mut foreign = Vec::new();
    let mut undone = Vec::new();
    for step in journal.steps.iter().rev() {
        let shown = || place.show(&step.path);
        let real = within(place, &step.path)?;
        let current = read(&real).map_err(|error| failed(shown(), error))?.as_deref().map(Digest::of);
        if current == step.before {
            continue;
        }
        if current != step.after {
            foreign.push(step.path.clone());
            continue;
        }
        match &step.undo {
            Some(name) => fs_steps::rename(&place.saved(name), &real),
            None => fs_steps::remove_file(&real),
        }
        .map_err(|error| failed(shown(), error))?;
        undone.push(real);
    }
    sync_directories(place, undone.iter().map(PathBuf::as_path))?;
    let in_store = |error| failed(place.shown_directory(), error);
    let manifest = place.manifest().map_err(|_| in_store(io::Error::other("the manifest cannot be read")))?;
    let known = manifest.as_ref().map_or(&[][..], |manifest| &manifest.directories);
    take_away_directories(place, journal.directories.iter().filter(|directory| !known.contains(directory)))?;
    match fs_steps::remove_file(&place.directory().join(JOURNAL)) {
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
            fs_steps::remove_dir(&real).map_err(|error| failed(place.show(directory), error))?;
        }
    }
    Ok(())
}

fn is_empty_directory(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
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
    fs_steps::sync_dirs(&directories).map_err(|error| failed(place.shown.clone(), error))
}

/// Takes away what no manifest names, and the whole of `.presentry/` when there is none or it names nothing. What
/// cannot be taken away waits for the next run: it stands in nobody's way.
fn take_away_leftovers(place: &Place, manifest: Option<&Manifest>) {
    for leftover in leftovers(place, manifest) {
        let _ = fs_steps::remove_file(&leftover);
    }
    let obsolete: Vec<&OutputPath> = manifest.into_iter().flat_map(obsolete_directories).collect();
    if take_away_directories(place, obsolete.into_iter()).is_err() {
        // The manifest stays, so that the next run knows which directories are ours.
        return;
    }
    if manifest.is_none_or(|manifest| manifest.files.is_empty()) {
        let directory = place.directory();
        if manifest.is_some() {
            let _ = fs_steps::remove_file(&directory.join(MANIFEST));
        }
        let _ = fs_steps::remove_dir(&directory);
    }
}

/// The files in `.presentry/` that we have written and that the manifest does not name.
fn leftovers(place: &Place, manifest: Option<&Manifest>) -> Vec<PathBuf> {
    let files = manifest.into_iter().flat_map(|manifest| &manifest.files);
    let kept: BTreeSet<&str> =
        files.filter_map(|file| file.before.as_ref().map(|original| original.saved.as_str())).collect();
    let Ok(entries) = fs::read_dir(place.directory()) else { return Vec::new() };
    let mut leftovers: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let ours = name == JOURNAL_PART || SavedName::try_from(name.clone()).is_ok();
            (ours && !kept.contains(name.as_str())).then(|| entry.path())
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

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(path: String, source: io::Error) -> TransactionError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TransactionError::DiskFull { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            TransactionError::ReadOnly { path, source }
        }
        _ => TransactionError::Failed { path, source },
    }
}
