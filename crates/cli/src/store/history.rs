//! How a build differs from what the manifest says: the original view of it, and what happened since. Reads only.

use std::{collections::BTreeMap, path::Path};

use memchr::memmem;
use presentry_rewriter::{Digest, ModulePath, Sources, without_debug_id};

use crate::{
    diagnostics::{changed_since_rewrite, restore_data_missing},
    failure::Failure,
    parallel,
    paths::OutputPath,
    store::{
        fs_steps::read_regular,
        manifest::{Manifest, Original, PrunedPackages, SavedFile, State, WireChange, Written},
        place::Place,
        view::{Content, Entry, View},
    },
};

/// What an earlier run has made of a build.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// Every file that differs from the original build.
    pub(crate) tracked: Vec<Tracked>,
    /// The directories that presentry made.
    pub(crate) directories: Vec<OutputPath>,
    /// What `--prune` took out.
    pub(crate) pruned: Option<PrunedPackages>,
}

/// A file of the manifest beside what is on disk now.
#[derive(Debug)]
pub(crate) struct Tracked {
    /// What the manifest says.
    pub(crate) file: SavedFile,
    /// What became of it.
    pub(crate) state: FileState,
    /// What was there in the original build; `None` where nothing was.
    pub(crate) original: Option<Content>,
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

impl Tracked {
    /// Whether it is a file of a package that an earlier run has taken out.
    pub(crate) fn is_pruned(&self) -> bool {
        self.file.kind == WireChange::Pruned
    }
}

/// What an earlier run has made of a build, compared with the disk.
///
/// A file that someone else has changed is an error: neither of the two versions that are known is the right one.
pub(crate) fn earlier(place: &Place) -> Result<Earlier, Failure> {
    match place.manifest()?.filter(|manifest| !manifest.files.is_empty()) {
        Some(manifest) => track(place, manifest),
        None => Ok(Earlier::default()),
    }
}

/// Compares every file of a manifest with the disk, and finds the originals.
pub(crate) fn track(place: &Place, manifest: Manifest) -> Result<Earlier, Failure> {
    refuse_files_behind_links(place, &manifest)?;
    let looked = parallel::map(&manifest.files, |file| look(place, file, manifest.is_of_0_1_0()));
    let mut tracked = Vec::new();
    let mut changed = Vec::new();
    for (file, looked) in manifest.files.into_iter().zip(looked) {
        match looked? {
            Some((state, original)) => tracked.push(Tracked { file, state, original }),
            // It was installed again since, and is as good as one that presentry has never seen.
            None if is_rebuilt_library(place, &file)? => {}
            None => changed.push(place.show(&file.path)),
        }
    }
    if !changed.is_empty() {
        return Err(changed_since_rewrite::diagnostic(&changed).into());
    }
    Ok(Earlier { tracked, directories: manifest.directories, pruned: manifest.pruned })
}

/// A link that comes back must not lead a file that comes back with it.
fn refuse_files_behind_links(place: &Place, manifest: &Manifest) -> Result<(), Failure> {
    let is_link = |file: &&SavedFile| matches!(file.before, Some(Original::Link { .. }));
    let links: Vec<&OutputPath> = manifest.files.iter().filter(is_link).map(|file| &file.path).collect();
    match manifest.files.iter().find(|file| links.iter().any(|link| link.holds(&file.path))) {
        Some(file) => Err(place.unreadable_manifest(&format!("`{}` lies behind a link that is listed", file.path))),
        None => Ok(()),
    }
}

type Looked = Option<(FileState, Option<Content>)>;

fn look(place: &Place, file: &SavedFile, of_0_1_0: bool) -> Result<Looked, Failure> {
    if file.kind == WireChange::Pruned {
        return look_for_pruned(place, file, of_0_1_0);
    }
    let bytes = place.read_file(&file.path)?;
    let Some(state) = state(file, bytes.as_deref()) else { return Ok(None) };
    let original = file.before.as_ref().map(|original| place.original(&file.path, original)).transpose()?;
    Ok(Some((state, original)))
}

fn look_for_pruned(place: &Place, file: &SavedFile, of_0_1_0: bool) -> Result<Looked, Failure> {
    let Some(before) = &file.before else { return Ok(None) };
    let original = Some(place.original(&file.path, before)?);
    let state = match place.state_of(&file.path)? {
        None => FileState::Written,
        Some(state) if state == before.state() => FileState::Original,
        // 0.1.0 wrote a file that it brought back in place, and may have been interrupted amid it.
        Some(State::File(_)) if of_0_1_0 && is_begun(place, file, original.as_ref())? => FileState::Written,
        Some(_) => return Ok(None),
    };
    Ok(Some((state, original)))
}

fn is_begun(place: &Place, file: &SavedFile, original: Option<&Content>) -> Result<bool, Failure> {
    let whole = match original {
        Some(Content::Bytes(bytes)) => bytes.clone(),
        Some(Content::Copy { of, .. }) => read_regular(of).unwrap_or_default(),
        _ => return Ok(false),
    };
    Ok(place.read_file(&file.path)?.is_some_and(|begun| whole.starts_with(&begun)))
}

/// Refuses where a file that was pruned cannot come back, before anything is done.
pub(crate) fn refuse_lost(earlier: &Earlier) -> Result<(), Failure> {
    let away: Vec<&Tracked> =
        earlier.tracked.iter().filter(|one| one.is_pruned() && one.state != FileState::Original).collect();
    let lost = parallel::map(&away, |one| match &one.original {
        Some(Content::Copy { of, sha256 }) => digest_of(of) != Some(*sha256),
        _ => false,
    });
    match away.iter().zip(lost).find(|(_, lost)| *lost) {
        Some((Tracked { file, original: Some(Content::Copy { of, .. }), .. }, _)) => {
            Err(restore_data_missing::pruned(file.path.as_str(), of).into())
        }
        _ => Ok(()),
    }
}

/// The digest of a file, for telling whether two are the same.
pub(crate) fn digest_of(file: &Path) -> Option<Digest> {
    read_regular(file).ok().map(|bytes| Digest::of(&bytes))
}

/// The build as it was before presentry came.
pub(crate) fn original_view(place: &Place, earlier: &Earlier) -> Result<View, Failure> {
    let mut entries = BTreeMap::new();
    for one in &earlier.tracked {
        let entry = one.original.as_ref().map_or(Entry::Gone, Content::entry);
        entries.insert(place.path_of_entry(&one.file)?, entry.clone());
        entries.insert(place.named(&one.file.path), entry);
    }
    Ok(View::new(&place.output, entries))
}

/// Reads a file of a view of the build.
pub(crate) fn read(sources: &dyn Sources, path: &ModulePath) -> Result<Option<Vec<u8>>, Failure> {
    match sources.read(path) {
        Ok(bytes) => Ok(bytes.map(std::borrow::Cow::into_owned)),
        Err(error) => Err(Failure::Unexpected(error.into())),
    }
}

fn state(file: &SavedFile, bytes: Option<&[u8]>) -> Option<FileState> {
    let digest = bytes.map(Digest::of);
    if digest == file.after.as_ref().map(|written| written.sha256) {
        return Some(FileState::Written);
    }
    if digest.map(State::File) == file.before.as_ref().map(Original::state) {
        return Some(FileState::Original);
    }
    if matches!(file.kind, WireChange::Bundle | WireChange::Channels)
        && bytes.is_some_and(|bytes| is_map_with_debug_id(&file.path, bytes))
    {
        return Some(FileState::DebugIdInjected);
    }
    let injected =
        |(bytes, written): (&[u8], &Written)| Digest::of(&without_debug_id(bytes)) == written.sha256_without_debug_id;
    bytes.zip(file.after.as_ref()).is_some_and(injected).then_some(FileState::DebugIdInjected)
}

/// Whether a file of a library that was injected holds no channel any more. One that does was edited.
fn is_rebuilt_library(place: &Place, file: &SavedFile) -> Result<bool, Failure> {
    if file.kind != WireChange::Channels || file.before.is_none() {
        return Ok(false);
    }
    let bytes = place.read_file(&file.path)?;
    // Maps are often taken away once they are uploaded.
    if bytes.is_none() && file.path.as_str().ends_with(".map") {
        return Ok(true);
    }
    Ok(bytes.is_some_and(|bytes| CHANNELS.iter().all(|word| memmem::find(&bytes, word).is_none())))
}

/// The beginning of the name of every channel of the SDK, and of each variable that holds one.
const CHANNELS: [&[u8]; 2] = [b"\"orchestrion:", b"tr_ch_apm"];

/// `sentry-cli sourcemaps inject` writes the maps of a build anew, the one of a bundle among them. Nothing else writes a
/// debug id into one.
fn is_map_with_debug_id(path: &OutputPath, bytes: &[u8]) -> bool {
    let is_map = path.as_str().ends_with(".map");
    let map = serde_json::from_slice::<serde_json::Value>(bytes).ok().filter(|_| is_map);
    map.is_some_and(|map| ["debug_id", "debugId"].iter().any(|name| map.get(name).is_some()))
}
