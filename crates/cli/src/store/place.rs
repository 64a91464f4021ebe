//! What presentry keeps in a build it has rewritten: `.presentry/` with the manifest and the original files. Reading
//! only; the transaction writes it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use presentry_rewriter::Digest;
use serde::Deserialize;

use crate::{
    diagnostics::{outside_output, restore_data_missing, store_unreadable},
    failure::Failure,
    paths::{OutputPath, is_absent},
    store::manifest::{DIRECTORY, JOURNAL, MANIFEST, Manifest, Original, SCHEMA, SavedName},
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
}

impl Place {
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
            _ => format!("{}/{rest}", shown.display()),
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

    /// The file that has to be written for a path: what a symbolic link leads to, so that it stays a link. Directories
    /// that are not there yet are taken as they are named.
    pub(crate) fn real_path(&self, path: impl Into<OutputPath>) -> Result<PathBuf, Failure> {
        let path = path.into();
        let mut named = self.server.clone();
        for segment in path.as_str().split('/') {
            match segment {
                ".." => _ = named.pop(),
                segment => named.push(segment),
            }
        }
        if !named.starts_with(&self.output) {
            return Err(outside_output::diagnostic(&self.show(&path), &named).into());
        }
        let mut missing = Vec::new();
        let mut there = named.as_path();
        let mut real = loop {
            match fs::canonicalize(there) {
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
        let failed =
            |error: io::Error| Failure::Unexpected(anyhow::anyhow!("failed to read `{}`: {error}", self.show(&path)));
        match fs::metadata(&real) {
            Ok(metadata) if !metadata.is_file() => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(_) => {}
        }
        match fs::read(&real) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads the manifest; `None` when there is none.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        self.read(MANIFEST)
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

    /// Reads a saved original, and makes sure that it is what was saved.
    pub(crate) fn original(&self, path: &OutputPath, original: &Original) -> Result<Vec<u8>, Failure> {
        let bytes = fs::read(self.saved(&original.saved))
            .map_err(|error| Failure::from(restore_data_missing::unreadable(&self.show(path), &error.to_string())))?;
        if Digest::of(&bytes) != original.sha256 {
            return Err(restore_data_missing::unreadable(&self.show(path), "the saved bytes were changed").into());
        }
        Ok(bytes)
    }

    /// `.presentry/` as the user would write it.
    pub(crate) fn shown_directory(&self) -> String {
        self.shown_file(Path::new(DIRECTORY))
    }

    fn shown_file(&self, file: &Path) -> String {
        match self.shown.as_str() {
            "." => file.display().to_string(),
            shown => format!("{shown}/{}", file.display()),
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
        let bytes = match fs::read(self.directory().join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(unreadable(format!("it has form {}, and this version knows form {SCHEMA}", head.schema)));
        }
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let above = self.server.strip_prefix(&self.output).map_or(0, |below| below.components().count());
        let paths = manifest.files.iter().map(|file| &file.path).chain(manifest.steps.iter().map(|step| &step.path));
        if let Some(path) = paths.chain(&manifest.directories).find(|path| path.levels_up() > above) {
            return Err(unreadable(format!("`{path}` lies outside of the output directory")));
        }
        Ok(Some(manifest))
    }
}
