//! From what a build is to become to the steps that make it so, and what the manifest says of it. Reads only.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use presentry_rewriter::{Digest, without_debug_id};

use crate::{
    failure::Failure,
    paths::OutputPath,
    store::{
        history::{Earlier, FileState, Tracked},
        manifest::{Manifest, Original, SavedFile, SavedName, SavedStep, State, WireChange, Written, mode_text},
        place::Place,
        view::Content,
    },
};

/// What a file is to become, compared with the original build.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The file.
    pub(crate) path: OutputPath,
    /// Why it changes.
    pub(crate) kind: WireChange,
    /// What was there in the original build; `None` when nothing was.
    pub(crate) before: Option<Content>,
    /// The bytes it will have; `None` when it is taken away.
    pub(crate) after: Option<Vec<u8>>,
    /// The file whose permissions a new file gets.
    pub(crate) like: Option<PathBuf>,
}

impl Change {
    /// A file that the original build does not have.
    pub(crate) fn added(path: OutputPath, kind: WireChange, after: Vec<u8>, like: PathBuf) -> Self {
        Self { path, kind, before: None, after: Some(after), like: Some(like) }
    }

    /// A file of the original build with other bytes.
    pub(crate) fn edited(path: OutputPath, kind: WireChange, before: Vec<u8>, after: Vec<u8>) -> Self {
        Self { path, kind, before: Some(Content::Bytes(before)), after: Some(after), like: None }
    }

    /// A file or link of a package that goes; `content` says where its bytes are meanwhile.
    pub(crate) fn pruned(path: OutputPath, content: Content) -> Self {
        Self { path, kind: WireChange::Pruned, before: Some(content), after: None, like: None }
    }
}

/// One file that changes.
#[derive(Debug)]
pub(crate) struct Step {
    /// The file, relative to the server directory.
    pub(crate) path: OutputPath,
    /// What the file is, or was, for presentry.
    pub(crate) file: WireChange,
    /// Whether it gets back what it was in the original build.
    pub(crate) is_undone: bool,
    /// The file that is written for it.
    pub(crate) real: PathBuf,
    /// What is there now; `None` when nothing is.
    pub(crate) before: Option<State>,
    /// Its bytes now, where they are shown.
    pub(crate) bytes_before: Option<Vec<u8>>,
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
    /// These bytes, which have this digest.
    Bytes(Vec<u8>, Digest),
    /// The original that was saved, with the permissions it had, and what it holds.
    Saved(Original, Content),
    /// It will not be there.
    Absent,
}

impl Contents {
    /// These bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let sha256 = Digest::of(&bytes);
        Self::Bytes(bytes, sha256)
    }

    /// The bytes it will hold, where they are at hand.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Contents::Bytes(bytes, _) => Some(bytes),
            Contents::Saved(_, content) => content.bytes(),
            Contents::Absent => None,
        }
    }

    /// What will be there.
    pub(crate) fn state(&self) -> Option<State> {
        match self {
            Contents::Bytes(_, sha256) => Some(State::File(*sha256)),
            Contents::Saved(original, _) => Some(original.state()),
            Contents::Absent => None,
        }
    }

    /// Whether nothing will be there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Contents::Absent)
    }
}

impl Step {
    /// The step of a path that gets these contents; what is there now is read.
    pub(crate) fn new(place: &Place, path: OutputPath, file: WireChange, after: Contents) -> Result<Self, Failure> {
        if file == WireChange::Pruned {
            let before = place.state_of(&path)?;
            return Self::of_entry(place, path, before, after);
        }
        let bytes = place.read_file(&path)?;
        let before = bytes.as_deref().map(|bytes| State::File(Digest::of(bytes)));
        let real = place.real_path(&path)?;
        Ok(Self { path, file, is_undone: false, real, before, bytes_before: bytes, after, undo: None, like: None })
    }

    /// The step of a file or link of a package, of which it is known what is there now.
    fn of_entry(place: &Place, path: OutputPath, before: Option<State>, after: Contents) -> Result<Self, Failure> {
        let (file, real) = (WireChange::Pruned, place.entry_path(&path)?);
        Ok(Self { path, file, is_undone: false, real, before, bytes_before: None, after, undo: None, like: None })
    }

    /// The name in `.presentry/` that it gets when it is taken away.
    pub(crate) fn goes_to(&self) -> Option<&SavedName> {
        self.undo.as_ref().filter(|_| self.after.is_absent())
    }

    /// What it is for reports.
    pub(crate) fn wire_kind(&self) -> WireChange {
        match (self.is_undone, self.after.is_absent()) {
            (false, _) => self.file,
            (true, true) => WireChange::Removed,
            (true, false) => WireChange::Restored,
        }
    }

    fn to_saved(&self) -> SavedStep {
        SavedStep {
            path: self.path.clone(),
            before: self.before.clone(),
            after: self.after.state(),
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
    /// Adds a step, unless it changes nothing. Two names of one file, of which one is a link, make one step.
    pub(crate) fn add(&mut self, mut step: Step) -> Result<(), Failure> {
        if step.before == step.after.state() {
            return Ok(());
        }
        let Some(number) = self.by_file.get(&step.real) else {
            if step.undo.is_none() && step.before.is_some() {
                step.undo = Some(SavedName::undo(self.list.len()));
            }
            self.by_file.insert(step.real.clone(), self.list.len());
            self.list.push(step);
            return Ok(());
        };
        let other = &self.list[*number];
        if other.after.state() == step.after.state() {
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

/// What a run writes: the steps from what is on disk, and the files that differ from the original build after it.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// What is to be done.
    pub(crate) steps: Steps,
    /// The files, in path order.
    pub(crate) files: Vec<SavedFile>,
    /// The directories that presentry has made and those it has to make, parents first.
    pub(crate) directories: Vec<OutputPath>,
    /// The directories of the original build that come back, parents first.
    pub(crate) brought_back: Vec<OutputPath>,
}

impl Writing {
    /// The manifest of this run, as far as its steps go.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest {
            files: self.files.clone(),
            directories: self.directories.clone(),
            brought_back: self.brought_back.clone(),
            steps: self.steps.to_saved(),
            ..Manifest::empty()
        }
    }

    /// Compares what a build is to become with what is on disk.
    ///
    /// What an earlier run has changed and `changes` does not name goes back to what it was, unless `stays` says
    /// otherwise.
    pub(crate) fn of(
        place: &Place,
        earlier: &Earlier,
        changes: Vec<Change>,
        stays: impl Fn(&Tracked) -> bool,
    ) -> Result<Self, Failure> {
        let used = earlier.tracked.iter().filter_map(|one| one.file.before.as_ref()?.saved()?.original_number());
        let mut writer = Writer {
            place,
            free: used.max().map_or(0, |last| last + 1),
            saved: BTreeMap::new(),
            writing: Writing::default(),
        };
        let tracked: BTreeMap<&OutputPath, &Tracked> =
            earlier.tracked.iter().map(|one| (&one.file.path, one)).collect();
        let planned: BTreeSet<OutputPath> = changes.iter().map(|change| change.path.clone()).collect();
        for one in earlier.tracked.iter().filter(|one| !planned.contains(&one.file.path)) {
            if stays(one) {
                writer.writing.files.push(one.file.clone());
            } else {
                writer.put_back(one)?;
            }
        }
        for change in changes {
            let known = tracked.get(&change.path).copied();
            writer.change(change, known)?;
        }
        let mut writing = writer.writing;
        writing.files.sort_by(|one, other| one.path.cmp(&other.path));
        writing.brought_back = directories(place, writing.steps.iter().filter(|step| step.is_undone), &[]);
        writing.directories =
            directories(place, writing.steps.iter().filter(|step| !step.is_undone), &earlier.directories);
        Ok(writing)
    }

    /// The original build.
    pub(crate) fn restoring(place: &Place, earlier: &Earlier) -> Result<Self, Failure> {
        Self::of(place, earlier, Vec::new(), |_| false)
    }
}

struct Writer<'a> {
    place: &'a Place,
    /// The number of the next original.
    free: usize,
    /// The originals that this run saves, by file.
    saved: BTreeMap<PathBuf, Original>,
    writing: Writing,
}

impl Writer<'_> {
    /// A file of an earlier rewrite that this one leaves alone.
    fn put_back(&mut self, one: &Tracked) -> Result<(), Failure> {
        if one.state == FileState::Original {
            return Ok(());
        }
        let after = match (&one.file.before, &one.original) {
            (Some(original), Some(content)) => Contents::Saved(original.clone(), content.clone()),
            _ => Contents::Absent,
        };
        let path = one.file.path.clone();
        let step = Step::new(self.place, path, one.file.kind, after)?;
        self.writing.steps.add(Step { is_undone: true, ..step })
    }

    fn change(&mut self, change: Change, known: Option<&Tracked>) -> Result<(), Failure> {
        let after = change.after.as_deref();
        if after.is_some() && change.before.as_ref().and_then(Content::bytes) == after {
            return known.map_or(Ok(()), |one| self.put_back(one));
        }
        let path = change.path.clone();
        let contents = change.after.clone().map_or(Contents::Absent, Contents::of);
        let written = match &contents {
            Contents::Bytes(bytes, sha256) => {
                Some(Written { sha256: *sha256, sha256_without_debug_id: Digest::of(&without_debug_id(bytes)) })
            }
            Contents::Saved(..) | Contents::Absent => None,
        };
        let mut step = match (change.kind, known, &change.before) {
            // No earlier run has touched it, so it is what the pass has read. The transaction compares it once more.
            (WireChange::Pruned, None, Some(content)) => {
                Step::of_entry(self.place, path, Some(content.state()), contents)?
            }
            _ => Step::new(self.place, path, change.kind, contents)?,
        };
        let saved_before = known.and_then(|one| one.file.before.clone());
        // Another name of the same file has saved it already.
        let saved_before = saved_before.or_else(|| self.saved.get(&step.real).cloned());
        let newly_saved = match (&saved_before, &change.before) {
            (None, Some(content)) => Some(self.save(&step, content)),
            _ => None,
        };
        step.undo = newly_saved.as_ref().and_then(Original::saved).cloned();
        self.writing.files.push(SavedFile {
            path: change.path,
            kind: change.kind,
            before: newly_saved.or(saved_before),
            after: written,
        });
        if known.is_some_and(|one| one.state == FileState::DebugIdInjected)
            && only_debug_id(&step.bytes_before, &change.after)
        {
            return Ok(());
        }
        step.like = change.like.filter(|_| step.before.is_none()).or_else(|| Some(step.real.clone()));
        self.writing.steps.add(step)
    }

    /// Where a file of the original build is kept. It is on disk as it was, because no earlier run has changed it.
    fn save(&mut self, step: &Step, content: &Content) -> Original {
        let mode = || fs::metadata(&step.real).ok().as_ref().and_then(mode_text);
        let original = match (content, step.file) {
            (Content::Link(link), _) => Original::Link { link: link.clone() },
            (Content::Copy { of, sha256 }, WireChange::Pruned) if *of != step.real => {
                let twin = relative(&self.place.server, of);
                Original::Twin { sha256: *sha256, twin, mode: mode() }
            }
            (Content::Copy { sha256, .. }, _) => self.kept(*sha256, mode()),
            (Content::Bytes(bytes), _) => {
                let sha256 = match step.before {
                    Some(State::File(sha256)) if step.bytes_before.as_ref() == Some(bytes) => sha256,
                    _ => Digest::of(bytes),
                };
                self.kept(sha256, mode())
            }
        };
        self.saved.insert(step.real.clone(), original.clone());
        original
    }

    fn kept(&mut self, sha256: Digest, mode: Option<String>) -> Original {
        let saved = SavedName::original(self.free);
        self.free += 1;
        Original::Kept { sha256, saved, mode }
    }
}

/// A path relative to a directory.
fn relative(from: &std::path::Path, to: &std::path::Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.components().count() - common);
    up.map(PathBuf::from).chain(to.components().skip(common).map(|part| PathBuf::from(part.as_os_str()))).collect()
}

/// The directories that are not there yet and that steps need, with others that are known.
fn directories<'s>(place: &Place, steps: impl Iterator<Item = &'s Step>, known: &[OutputPath]) -> Vec<OutputPath> {
    let mut directories: BTreeSet<OutputPath> = known.iter().cloned().collect();
    for step in steps.filter(|step| !step.after.is_absent()) {
        let above = step.real.ancestors().skip(1);
        for missing in above.take_while(|directory| !directory.exists()) {
            let Some(path) = place.path_of(missing) else { break };
            if !directories.insert(path) {
                break;
            }
        }
    }
    directories.into_iter().collect()
}

/// Whether a file on disk is the one that is to be written, but for a debug id that was injected after it was.
fn only_debug_id(current: &Option<Vec<u8>>, after: &Option<Vec<u8>>) -> bool {
    match (current, after) {
        (Some(current), Some(after)) => {
            without_debug_id(current) == without_debug_id(after)
                || map_without_debug_id(current).is_some_and(|map| Some(map) == map_without_debug_id(after))
        }
        _ => false,
    }
}

/// A source map without the members in which `sentry-cli` puts its id; `None` for what is none.
fn map_without_debug_id(bytes: &[u8]) -> Option<serde_json::Value> {
    let mut map: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let members = map.as_object_mut().filter(|members| members.contains_key("mappings"))?;
    ["debug_id", "debugId"].iter().for_each(|name| _ = members.remove(*name));
    Some(map)
}
