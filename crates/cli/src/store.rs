//! What presentry keeps in a build it has rewritten: `.presentry/` with the manifest and the original files. Reading
//! only; the transaction writes it.

use std::{
    fmt, fs, io,
    path::{Component, Path, PathBuf},
};

use presentry_rewriter::{Digest, Mode, ModulePath};
use serde::{Deserialize, Serialize};

use crate::{
    diagnostics::{outside_output, restore_data_missing, store_unreadable},
    disk::is_absent,
    failure::Failure,
};

/// The directory inside of the server directory.
pub(crate) const DIRECTORY: &str = ".presentry";

/// The manifest of a finished rewrite.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The manifest of a rewrite that has begun; renaming it to [`MANIFEST`] is what makes the rewrite so.
pub(crate) const JOURNAL: &str = "journal.json";

/// The form of manifest and journal that this version writes.
pub(crate) const SCHEMA: u32 = 1;

/// What a rewrite made of a build, and how it can be undone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Manifest {
    /// The form of this file, see [`SCHEMA`].
    pub(crate) schema: u32,
    /// The version of presentry that wrote it.
    pub(crate) presentry: String,
    /// What was asked for.
    pub(crate) request: SavedRequest,
    /// Every file that differs from the original build, in path order; none after a restore.
    pub(crate) files: Vec<SavedFile>,
    /// The directories that presentry made, parents first. They go when nothing of ours is in them any more.
    #[serde(default)]
    pub(crate) directories: Vec<OutputPath>,
    /// What this run did. It is read while this is the journal; in a manifest it tells a reader what happened last.
    pub(crate) steps: Vec<SavedStep>,
}

/// The request of a rewrite, for whoever reads the manifest.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct SavedRequest {
    /// The server entry.
    pub(crate) entry: String,
    /// The instrumentation; `null` after a restore.
    pub(crate) instrumentation: Option<String>,
    /// How the host loads the entry.
    pub(crate) loading: String,
    /// `await` or `wrap`.
    pub(crate) exports: String,
    /// The exports that were wrapped.
    pub(crate) wrapped: Vec<String>,
    /// `dynamic-import` or `top-level-import`; manifests of the first version have only the one.
    #[serde(default = "SavedRequest::first_mode")]
    pub(crate) mode: String,
    /// The directory of Node's compile cache.
    #[serde(default)]
    pub(crate) compile_cache: Option<String>,
}

impl SavedRequest {
    fn first_mode() -> String {
        mode_name(Mode::DynamicImport).to_owned()
    }
}

/// The name of a mode in a manifest, which is that on the command line.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::DynamicImport => "dynamic-import",
        Mode::TopLevelImport => "top-level-import",
    }
}

/// One file that differs from the original build.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct SavedFile {
    /// The file, relative to the server directory.
    pub(crate) path: OutputPath,
    /// Why it changed.
    pub(crate) kind: String,
    /// How it was; `null` when it was not there.
    pub(crate) before: Option<Original>,
    /// How it was written; `null` when it was taken away.
    pub(crate) after: Option<Written>,
}

/// A file of the original build.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Original {
    /// The digest of its bytes.
    #[serde(with = "digest")]
    pub(crate) sha256: Digest,
    /// The name under which it is kept in `.presentry/`.
    pub(crate) saved: SavedName,
    /// Its permissions, as `chmod` takes them; `null` where there are none.
    pub(crate) mode: Option<String>,
}

/// A file as presentry wrote it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    /// The digest of its bytes.
    #[serde(with = "digest")]
    pub(crate) sha256: Digest,
    /// The digest of its bytes without what `sentry-cli sourcemaps inject` adds.
    #[serde(with = "digest")]
    pub(crate) sha256_without_debug_id: Digest,
}

/// One change of one run.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct SavedStep {
    /// The file, relative to the server directory.
    pub(crate) path: OutputPath,
    /// The digest of its bytes before; `null` when it was not there.
    #[serde(with = "optional_digest")]
    pub(crate) before: Option<Digest>,
    /// The digest of its bytes after; `null` when it is taken away.
    #[serde(with = "optional_digest")]
    pub(crate) after: Option<Digest>,
    /// The name in `.presentry/` under which the bytes before are kept while the run lasts.
    pub(crate) undo: Option<SavedName>,
}

/// The path of a file in the output directory of a build, relative to the server directory: `../` as often as it has to
/// leave that, then `/` between segments. How far up it may lead is known to the [`Place`] alone, which checks it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OutputPath(String);

impl OutputPath {
    /// The path as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub(crate) fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of a module, when it stays in the server directory.
    pub(crate) fn module(&self) -> Option<ModulePath> {
        ModulePath::new(self.0.as_str()).ok()
    }

    /// Whether another path lies below this one.
    pub(crate) fn holds(&self, other: &OutputPath) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// How many directories it leads up before it leads down.
    fn levels_up(&self) -> usize {
        self.0.split('/').take_while(|segment| *segment == "..").count()
    }
}

impl TryFrom<String> for OutputPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut inside = text.as_str();
        while let Some(rest) = inside.strip_prefix("../") {
            inside = rest;
        }
        match ModulePath::new(inside) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(format!("`{text}` is not the path of a file in a build")),
        }
    }
}

impl From<OutputPath> for String {
    fn from(path: OutputPath) -> Self {
        path.0
    }
}

impl From<ModulePath> for OutputPath {
    fn from(path: ModulePath) -> Self {
        Self(path.as_str().to_owned())
    }
}

impl From<&ModulePath> for OutputPath {
    fn from(path: &ModulePath) -> Self {
        Self(path.as_str().to_owned())
    }
}

impl From<&OutputPath> for OutputPath {
    fn from(path: &OutputPath) -> Self {
        path.clone()
    }
}

impl PartialEq<ModulePath> for OutputPath {
    fn eq(&self, other: &ModulePath) -> bool {
        self.0 == other.as_str()
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a file in `.presentry/`. None has the extension of a script, so that `sentry-cli sourcemaps inject`
/// leaves them alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SavedName(String);

impl SavedName {
    const PREFIXES: [&'static str; 3] = ["original-", "undo-", "new-"];

    /// The place of an original file.
    pub(crate) fn original(number: usize) -> Self {
        Self(format!("original-{number}"))
    }

    /// The place of what a step replaces, for as long as the run lasts.
    pub(crate) fn undo(number: usize) -> Self {
        Self(format!("undo-{number}"))
    }

    /// The place where the new contents of a step wait.
    pub(crate) fn new_contents(number: usize) -> Self {
        Self(format!("new-{number}"))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of an original.
    pub(crate) fn original_number(&self) -> Option<usize> {
        self.0.strip_prefix("original-")?.parse().ok()
    }
}

impl TryFrom<String> for SavedName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let number = Self::PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
            Ok(Self(name))
        } else {
            Err(format!("`{name}` is no name that presentry gives"))
        }
    }
}

impl From<SavedName> for String {
    fn from(name: SavedName) -> Self {
        name.0
    }
}

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

/// The permissions of a file as the manifest shows them.
#[cfg(unix)]
pub(crate) fn mode_text(metadata: &fs::Metadata) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(format!("{:04o}", metadata.permissions().mode() & 0o7777))
}

/// The permissions of a file as the manifest shows them.
#[cfg(not(unix))]
pub(crate) fn mode_text(_: &fs::Metadata) -> Option<String> {
    None
}

/// The permissions that a text of the manifest stands for.
#[cfg(unix)]
pub(crate) fn permissions(mode: &str) -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    u32::from_str_radix(mode, 8).ok().map(fs::Permissions::from_mode)
}

/// The permissions that a text of the manifest stands for.
#[cfg(not(unix))]
pub(crate) fn permissions(_: &str) -> Option<fs::Permissions> {
    None
}

mod digest {
    //! A [`Digest`] as JSON.

    use presentry_rewriter::Digest;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::from_hex(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is no SHA-256")))
    }
}

mod optional_digest {
    //! A [`Digest`] that may be missing as JSON.

    use presentry_rewriter::Digest;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        digest.map(|digest| digest.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let digest = Digest::from_hex(&text);
        digest.map(Some).ok_or_else(|| D::Error::custom(format_args!("`{text}` is no SHA-256")))
    }
}
