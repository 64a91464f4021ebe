//! The manifest and the journal of `.presentry/`, as they lie on disk.

use std::fs;

use presentry_rewriter::{ChangeKind, Digest, Mode};
use serde::{Deserialize, Serialize};

use crate::paths::OutputPath;

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

/// Why a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WireChange {
    /// The facade, where the entry was.
    Facade,
    /// The original entry under its new name.
    MovedEntry,
    /// A module whose imports name the moved entry now.
    Repointed,
    /// The instrumentation, split out of a module of the build.
    Instrumentation,
    /// A module between facade and moved entry.
    Passage,
    /// The entry, with the instrumentation imported at its top.
    TopLevelImport,
    /// A file of the bundle of the SDK.
    Bundle,
    /// A file of a package that was traced in.
    Package,
    /// The `package.json` that names those packages.
    Dependencies,
    /// An archive of the build.
    Archive,
    /// A file that got its original bytes back.
    Restored,
    /// A file that was taken away.
    Removed,
}

impl From<ChangeKind> for WireChange {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Facade => WireChange::Facade,
            ChangeKind::MovedEntry => WireChange::MovedEntry,
            ChangeKind::Repointed => WireChange::Repointed,
            ChangeKind::Instrumentation => WireChange::Instrumentation,
            ChangeKind::Passage => WireChange::Passage,
            ChangeKind::TopLevelImport => WireChange::TopLevelImport,
            ChangeKind::Bundle => WireChange::Bundle,
        }
    }
}

impl WireChange {
    /// A word or two for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            WireChange::Facade => "facade",
            WireChange::MovedEntry => "moved entry",
            WireChange::Repointed => "repointed",
            WireChange::Instrumentation => "instrumentation",
            WireChange::Passage => "passage",
            WireChange::TopLevelImport => "top-level import",
            WireChange::Bundle => "bundle",
            WireChange::Package => "package",
            WireChange::Dependencies => "dependencies",
            WireChange::Archive => "archive",
            WireChange::Restored => "restored",
            WireChange::Removed => "removed",
        }
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
