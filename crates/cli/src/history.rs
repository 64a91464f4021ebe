//! How a build differs from what the manifest says: the original view of it, and what happened since. Reads only.

use std::borrow::Cow;

use presentry_rewriter::{Digest, ModulePath, Overlay, Sources, without_debug_id};

use crate::{
    diagnostics::changed_since_rewrite,
    failure::Failure,
    store::{Manifest, Original, Place, SavedFile, Written},
};

/// A file of the manifest beside what is on disk now.
#[derive(Debug)]
pub(crate) struct Tracked {
    /// What the manifest says.
    pub(crate) file: SavedFile,
    /// What became of it.
    pub(crate) state: FileState,
    /// Its bytes in the original build; `None` where it was not there.
    pub(crate) original: Option<Vec<u8>>,
}

/// What became of a file since it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    /// It is as it was written.
    Written,
    /// `sentry-cli sourcemaps inject` has run since, and nothing else has changed it.
    DebugIdInjected,
    /// It is as it was before.
    Original,
}

/// Compares every file of a manifest with the disk, and reads the originals.
///
/// A file that someone else has changed is an error: neither of the two versions that are known is the right one.
pub(crate) fn track(place: &Place, disk: &dyn Sources, manifest: Manifest) -> Result<Vec<Tracked>, Failure> {
    let mut tracked = Vec::new();
    let mut changed = Vec::new();
    for file in manifest.files {
        let bytes = read(disk, &file.path)?;
        match state(&file, bytes.as_deref()) {
            Some(state) => {
                let original = file.before.as_ref().map(|original| place.original(&file.path, original)).transpose()?;
                tracked.push(Tracked { file, state, original });
            }
            None => changed.push(place.show(&file.path)),
        }
    }
    if changed.is_empty() { Ok(tracked) } else { Err(changed_since_rewrite::diagnostic(&changed).into()) }
}

/// The build as it was before presentry came.
pub(crate) fn original_view<'a>(disk: &'a dyn Sources, tracked: &'a [Tracked]) -> Overlay<'a> {
    let mut overlay = Overlay::new(disk);
    for one in tracked {
        overlay.set(one.file.path.clone(), one.original.as_deref().map(Cow::Borrowed));
    }
    overlay
}

/// Reads a file of the build.
pub(crate) fn read(sources: &dyn Sources, path: &ModulePath) -> Result<Option<Vec<u8>>, Failure> {
    match sources.read(path) {
        Ok(bytes) => Ok(bytes.map(Cow::into_owned)),
        Err(error) => Err(Failure::Unexpected(error.into())),
    }
}

fn state(file: &SavedFile, bytes: Option<&[u8]>) -> Option<FileState> {
    let digest = bytes.map(Digest::of);
    if digest == file.after.as_ref().map(|written| written.sha256) {
        return Some(FileState::Written);
    }
    if digest == file.before.as_ref().map(|original: &Original| original.sha256) {
        return Some(FileState::Original);
    }
    let injected =
        |(bytes, written): (&[u8], &Written)| Digest::of(&without_debug_id(bytes)) == written.sha256_without_debug_id;
    bytes.zip(file.after.as_ref()).is_some_and(injected).then_some(FileState::DebugIdInjected)
}
