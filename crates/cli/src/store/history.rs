//! How a build differs from what the manifest says: the original view of it, and what happened since. Reads only.

use std::borrow::Cow;

use presentry_rewriter::{ChangeKind, Digest, ModulePath, Overlay, Sources, without_debug_id};

use crate::{
    diagnostics::changed_since_rewrite,
    failure::Failure,
    parallel,
    paths::OutputPath,
    store::{
        manifest::{Manifest, Original, SavedFile, Written},
        place::Place,
    },
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
pub(crate) fn track(place: &Place, manifest: Manifest) -> Result<Vec<Tracked>, Failure> {
    let states = parallel::map(&manifest.files, |file| {
        let bytes = place.read_file(&file.path)?;
        Ok::<_, Failure>(state(file, bytes.as_deref()))
    });
    let mut tracked = Vec::new();
    let mut changed = Vec::new();
    for (file, state) in manifest.files.into_iter().zip(states) {
        match state? {
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
        if let Some(path) = one.file.path.module() {
            overlay.set(path, one.original.as_deref().map(Cow::Borrowed));
        }
    }
    overlay
}

/// Reads a file of a view of the build.
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
    if file.kind == ChangeKind::Bundle.as_str() && bytes.is_some_and(|bytes| is_map_with_debug_id(&file.path, bytes)) {
        return Some(FileState::DebugIdInjected);
    }
    let injected =
        |(bytes, written): (&[u8], &Written)| Digest::of(&without_debug_id(bytes)) == written.sha256_without_debug_id;
    bytes.zip(file.after.as_ref()).is_some_and(injected).then_some(FileState::DebugIdInjected)
}

/// `sentry-cli sourcemaps inject` writes the maps of a build anew, the one of a bundle among them. Nothing else writes a
/// debug id into one.
fn is_map_with_debug_id(path: &OutputPath, bytes: &[u8]) -> bool {
    let is_map = path.as_str().ends_with(".map");
    let map = serde_json::from_slice::<serde_json::Value>(bytes).ok().filter(|_| is_map);
    map.is_some_and(|map| ["debug_id", "debugId"].iter().any(|name| map.get(name).is_some()))
}
