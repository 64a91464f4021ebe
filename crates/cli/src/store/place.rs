//! What presentry keeps in a build it has rewritten: `.presentry/` with the manifest and the original files. Reading
//! only; the transaction writes it.

use std::{
    collections::HashMap,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use presentry_rewriter::{Digest, ReadError, diagnostics::unreadable};
use serde::Deserialize;

use crate::{
    diagnostics::{outside_output, restore_data_missing, store_unreadable},
    failure::Failure,
    paths::{OutputPath, is_absent, show},
    store::{
        fs_steps::{Root, read_regular},
        manifest::{
            DIRECTORY, JOURNAL, MANIFEST, Manifest, OLDEST, Original, PRUNED, PrunedList, SCHEMA, SavedFile, SavedName,
            State, WireChange,
        },
        view::Content,
    },
};

/// Where a build is on disk, and how far presentry may write.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The server directory, canonical.
    pub(crate) server: PathBuf,
    /// The output directory of the preset, canonical; nothing outside of it is written.
    pub(crate) output: PathBuf,
    /// The server directory as the user would write it.
    pub(crate) shown: String,
    /// The output directory, opened: what is written and read as ours goes through it, and it cannot be left.
    pub(crate) root: Arc<Root>,
    /// The directories that entries lie in, links followed: pruning names thousands of files in a few hundred directories.
    directories: Arc<Mutex<HashMap<OutputPath, PathBuf>>>,
}

impl Place {
    /// Opens a place; both paths have to be canonical.
    pub(crate) fn open(server: PathBuf, output: PathBuf, shown: String) -> Result<Self, Failure> {
        let root = Root::open(&output).with_context(|| format!("failed to open `{}`", output.display()))?;
        Ok(Self { server, output, shown, root: Arc::new(root), directories: Arc::default() })
    }

    /// A file of the output directory as the user would write it.
    pub(crate) fn show(&self, path: impl Into<OutputPath>) -> String {
        let path = path.into();
        let mut shown = Path::new(&self.shown).to_owned();
        let mut rest = path.as_str();
        while let Some(above) = rest.strip_prefix("../") {
            // Above the working directory a path can only be written with `..`.
            if !matches!(shown.components().next_back(), Some(Component::Normal(_))) || !shown.pop() {
                return format!("{}/{path}", self.shown);
            }
            rest = above;
        }
        match shown.to_str() {
            Some("" | ".") => rest.to_owned(),
            _ => format!("{}/{rest}", show(&shown)),
        }
    }

    /// A file below the output directory, by its canonical path.
    pub(crate) fn path_of(&self, real: &Path) -> Option<OutputPath> {
        let text = |path: &Path| -> Option<String> {
            Some(path.iter().map(|segment| segment.to_str()).collect::<Option<Vec<&str>>>()?.join("/"))
        };
        if let Ok(inside) = real.strip_prefix(&self.server) {
            return OutputPath::try_from(text(inside)?).ok();
        }
        let up = self.server.ancestors().take_while(|above| !real.starts_with(above)).count();
        let above = self.server.ancestors().nth(up).filter(|above| above.starts_with(&self.output))?;
        OutputPath::try_from("../".repeat(up) + &text(real.strip_prefix(above).ok()?)?).ok()
    }

    /// `.presentry/` itself.
    pub(crate) fn directory(&self) -> PathBuf {
        self.server.join(DIRECTORY)
    }

    /// A file in `.presentry/`.
    pub(crate) fn saved(&self, name: &SavedName) -> PathBuf {
        self.directory().join(name.as_str())
    }

    /// A path as it is named, links not followed.
    pub(crate) fn named(&self, path: &OutputPath) -> PathBuf {
        let mut named = self.server.clone();
        for segment in path.as_str().split('/') {
            match segment {
                ".." => _ = named.pop(),
                segment => named.push(segment),
            }
        }
        named
    }

    /// The path under which a file or link that is listed lies: a link itself is not followed.
    pub(crate) fn path_of_entry(&self, file: &SavedFile) -> Result<PathBuf, Failure> {
        match file.kind {
            WireChange::Pruned => self.entry_path(&file.path),
            _ => self.real_path(&file.path),
        }
    }

    /// The path of a name in its directory, which links may lead to; the name itself is not followed.
    pub(crate) fn entry_path(&self, path: &OutputPath) -> Result<PathBuf, Failure> {
        match path.as_str().rsplit_once('/') {
            Some((parent, name)) if name != ".." => {
                let parent = OutputPath::try_from(parent.to_owned()).map_err(|text| anyhow::anyhow!(text))?;
                Ok(self.directory_path(parent)?.join(name))
            }
            _ => Ok(self.named(path)),
        }
    }

    /// The same as [`Place::real_path`], found once for each directory. Whatever happens to it later, what is written
    /// through it cannot leave the output directory.
    fn directory_path(&self, path: OutputPath) -> Result<PathBuf, Failure> {
        let known = || self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(real) = known().get(&path) {
            return Ok(real.clone());
        }
        let real = self.real_path(&path)?;
        known().insert(path, real.clone());
        Ok(real)
    }

    /// What lies at a path of a package, links not followed.
    pub(crate) fn state_of(&self, path: &OutputPath) -> Result<Option<State>, Failure> {
        let at = self.entry_path(path)?;
        self.root.state(&at).map_err(|error| self.unreadable_file(path, &error))
    }

    /// The file that has to be written for a path: what a symbolic link leads to, so that it stays a link. Directories
    /// that are not there yet are taken as they are named.
    pub(crate) fn real_path(&self, path: impl Into<OutputPath>) -> Result<PathBuf, Failure> {
        let path = path.into();
        let named = self.named(&path);
        if !named.starts_with(&self.output) {
            return Err(outside_output::diagnostic(&self.show(&path), &named).into());
        }
        let mut missing = Vec::new();
        let mut there = named.as_path();
        let mut real = loop {
            match dunce::canonicalize(there) {
                Ok(real) => break real,
                Err(error) if is_absent(&error) => {}
                Err(error) => {
                    return Err(Failure::Unexpected(anyhow::anyhow!(
                        "failed to resolve `{}`: {error}",
                        self.show(&path)
                    )));
                }
            }
            let (Some(name), Some(parent)) = (there.file_name(), there.parent()) else { break there.to_owned() };
            missing.push(name);
            there = parent;
        };
        real.extend(missing.into_iter().rev());
        if real.starts_with(&self.output) {
            Ok(real)
        } else {
            Err(outside_output::diagnostic(&self.show(&path), &real).into())
        }
    }

    /// Reads a file of the output directory; `None` when there is none.
    pub(crate) fn read_file(&self, path: impl Into<OutputPath>) -> Result<Option<Vec<u8>>, Failure> {
        let path = path.into();
        let real = self.real_path(&path)?;
        let failed = |error: io::Error| self.unreadable_file(&path, &error);
        match fs::metadata(&real) {
            Ok(metadata) if !metadata.is_file() => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(_) => {}
        }
        match read_regular(&real) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads the manifest; `None` when there is none.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        let manifest = self.read(MANIFEST)?;
        if manifest.is_none()
            && self.has_directory()?
            && self.root.state(&self.directory().join(PRUNED)).is_ok_and(|list| list.is_some())
        {
            return Err(self.unreadable_manifest(&format!("it is not there, and `{PRUNED}` is")));
        }
        Ok(manifest)
    }

    /// Reads the journal; `None` when no run was interrupted.
    pub(crate) fn journal(&self) -> Result<Option<Manifest>, Failure> {
        self.read(JOURNAL)
    }

    /// Whether there is a `.presentry/`.
    pub(crate) fn has_directory(&self) -> Result<bool, Failure> {
        match fs::symlink_metadata(self.directory()) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(store_unreadable::diagnostic(&self.shown_directory(), "it is not a directory").into()),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(store_unreadable::diagnostic(&self.shown_directory(), &error.to_string()).into()),
        }
    }

    /// What was saved of an original; kept bytes are what was saved. A twin is read when it is needed.
    pub(crate) fn original(&self, path: &OutputPath, original: &Original) -> Result<Content, Failure> {
        let unreadable = |reason: &str| Failure::from(restore_data_missing::unreadable(&self.show(path), reason));
        match original {
            Original::Kept { sha256, saved, .. } => {
                let bytes = self.root.read(&self.saved(saved)).map_err(|error| unreadable(&error.to_string()))?;
                if Digest::of(&bytes) != *sha256 {
                    return Err(unreadable("the saved bytes were changed"));
                }
                Ok(Content::Bytes(bytes))
            }
            Original::Twin { sha256, twin, .. } => Ok(Content::Copy { of: self.server.join(twin), sha256: *sha256 }),
            Original::Link { link } => Ok(Content::Link(link.clone())),
        }
    }

    /// A manifest that does not say what one of ours says.
    pub(crate) fn unreadable_manifest(&self, reason: &str) -> Failure {
        store_unreadable::diagnostic(&format!("{}/{MANIFEST}", self.shown_directory()), reason).into()
    }

    fn unreadable_file(&self, path: &OutputPath, error: &io::Error) -> Failure {
        unreadable(&ReadError { path: self.show(path), reason: error.to_string() }).into()
    }

    /// `.presentry/` as the user would write it.
    pub(crate) fn shown_directory(&self) -> String {
        self.shown_file(Path::new(DIRECTORY))
    }

    /// A file in `.presentry/` as the user would write it.
    pub(crate) fn show_saved(&self, name: &SavedName) -> String {
        self.shown_file(&Path::new(DIRECTORY).join(name.as_str()))
    }

    fn shown_file(&self, file: &Path) -> String {
        match self.shown.as_str() {
            "." => show(file),
            shown => format!("{shown}/{}", show(file)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Manifest>, Failure> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        if !self.has_directory()? {
            return Ok(None);
        }
        let unreadable = |reason: String| {
            let shown = format!("{}/{name}", self.shown_directory());
            Failure::from(store_unreadable::diagnostic(&shown, &reason))
        };
        let bytes = match self.root.read(&self.directory().join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if !(OLDEST..=SCHEMA).contains(&head.schema) {
            return Err(unreadable(format!("it has form {}, and this version knows form {SCHEMA}", head.schema)));
        }
        let mut manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if manifest.is_of_0_1_0() {
            manifest.add_pruned(self.pruned_by_0_1_0()?);
        }
        let above = self.server.strip_prefix(&self.output).map_or(0, |below| below.components().count());
        let paths = manifest.files.iter().map(|file| &file.path).chain(manifest.steps.iter().map(|step| &step.path));
        if let Some(path) =
            paths.chain(&manifest.directories).chain(&manifest.brought_back).find(|path| path.levels_up() > above)
        {
            return Err(unreadable(format!("`{path}` lies outside of the output directory")));
        }
        Ok(Some(manifest))
    }

    /// The list that 0.1.0 kept of what it had pruned.
    fn pruned_by_0_1_0(&self) -> Result<Option<PrunedList>, Failure> {
        let unreadable = |reason: &str| {
            Failure::from(restore_data_missing::unreadable(&format!("{}/{PRUNED}", self.shown_directory()), reason))
        };
        let bytes = match self.root.read(&self.directory().join(PRUNED)) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(unreadable(&error.to_string())),
        };
        let list: PrunedList = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?;
        if list.is_in_node_modules() {
            Ok(Some(list))
        } else {
            Err(unreadable("it names files outside of `node_modules`"))
        }
    }
}
