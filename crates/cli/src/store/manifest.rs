//! The manifest and the journal of `.presentry/`, as they lie on disk.

use std::{fs, path::PathBuf};

use presentry_rewriter::{ChangeKind, Digest, Mode, ModulePath};
use serde::{Deserialize, Serialize};

use crate::paths::OutputPath;

/// The directory inside of the server directory.
pub(crate) const DIRECTORY: &str = ".presentry";

/// The manifest of a finished rewrite.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The manifest of a rewrite that has begun; renaming it to [`MANIFEST`] is what makes the rewrite so.
pub(crate) const JOURNAL: &str = "journal.json";

/// The form of manifest and journal that this version writes.
pub(crate) const SCHEMA: u32 = 2;

/// The oldest form that it reads, that of 0.1.0, which kept its list of pruned files beside the manifest.
pub(crate) const OLDEST: u32 = 1;

/// That list.
pub(crate) const PRUNED: &str = "pruned.json";

/// The same while it was being written.
pub(crate) const PRUNED_PART: &str = "pruned.part";

/// What a rewrite made of a build, and how it can be undone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Manifest {
    /// The form of this file, see [`SCHEMA`].
    pub(crate) schema: u32,
    /// The version of presentry that wrote it.
    pub(crate) presentry: String,
    /// What the run was to do.
    pub(crate) request: SavedRequest,
    /// Every file that differs from the original build, in path order; none after a restore.
    pub(crate) files: Vec<SavedFile>,
    /// The directories that presentry made, parents first. They go when nothing of ours is in them any more.
    #[serde(default)]
    pub(crate) directories: Vec<OutputPath>,
    /// The directories of the original build that this run brings back, parents first.
    #[serde(default)]
    pub(crate) brought_back: Vec<OutputPath>,
    /// What `--prune` took out, if anything; its files are among `files`.
    #[serde(default)]
    pub(crate) pruned: Option<PrunedPackages>,
    /// What this run did. It is read while this is the journal; in a manifest it tells a reader what happened last.
    pub(crate) steps: Vec<SavedStep>,
}

impl Manifest {
    /// A manifest of this version that names nothing yet.
    pub(crate) fn empty() -> Self {
        Self {
            schema: SCHEMA,
            presentry: env!("CARGO_PKG_VERSION").to_owned(),
            request: SavedRequest::default(),
            files: Vec::new(),
            directories: Vec::new(),
            brought_back: Vec::new(),
            pruned: None,
            steps: Vec::new(),
        }
    }

    /// Whether 0.1.0 wrote it.
    pub(crate) fn is_of_0_1_0(&self) -> bool {
        self.schema == OLDEST
    }

    /// Adds the list that 0.1.0 kept of what it had pruned. A journal of it has no such files.
    pub(crate) fn add_pruned(&mut self, list: Option<PrunedList>) {
        let Some(PrunedList { of, files }) = list else { return };
        let file =
            |PrunedFile { path, was }| SavedFile { path, kind: WireChange::Pruned, before: Some(was), after: None };
        self.files.extend(files.into_iter().map(file));
        self.pruned = Some(of);
    }
}

/// The list of what was pruned, as 0.1.0 wrote it.
#[derive(Debug, Deserialize)]
pub(crate) struct PrunedList {
    #[serde(flatten)]
    of: PrunedPackages,
    files: Vec<PrunedFile>,
}

#[derive(Debug, Deserialize)]
struct PrunedFile {
    path: OutputPath,
    #[serde(flatten)]
    was: Original,
}

impl PrunedList {
    /// Whether it names nothing but files of packages.
    pub(crate) fn is_in_node_modules(&self) -> bool {
        self.files.iter().all(|file| file.path.as_str().starts_with("node_modules/"))
    }
}

/// The request of a rewrite, for whoever reads the manifest.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
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
    /// What there is to say of a build in which nothing of presentry is left.
    pub(crate) fn of_original(entry: &ModulePath, loading: &str) -> Self {
        Self {
            entry: entry.to_string(),
            instrumentation: None,
            loading: loading.to_owned(),
            exports: "await".to_owned(),
            wrapped: Vec::new(),
            mode: Self::first_mode(),
            compile_cache: None,
        }
    }

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
    pub(crate) kind: WireChange,
    /// How it was; `null` when it was not there.
    pub(crate) before: Option<Original>,
    /// How it was written; `null` when it was taken away.
    pub(crate) after: Option<Written>,
}

/// The packages that were taken out of a build.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct PrunedPackages {
    /// Their directories, relative to the server directory.
    pub(crate) packages: Vec<String>,
    /// The size of the files in `node_modules` before, in bytes.
    pub(crate) bytes_before: u64,
    /// The size after.
    pub(crate) bytes_after: u64,
}

/// A file or link of the original build.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Original {
    /// A file whose bytes are kept in `.presentry/`.
    Kept {
        /// The digest of its bytes.
        #[serde(with = "digest")]
        sha256: Digest,
        /// The name under which it is kept.
        #[serde(alias = "kept")]
        saved: SavedName,
        /// Its permissions, as `chmod` takes them; `null` where there are none.
        mode: Option<String>,
    },
    /// A file that has a twin among the packages of the app.
    Twin {
        /// The digest of its bytes.
        #[serde(with = "digest")]
        sha256: Digest,
        /// The place of the twin, relative to the server directory. It is read, never written.
        twin: PathBuf,
        /// Its permissions.
        mode: Option<String>,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        link: String,
    },
}

impl Original {
    /// What lay there.
    pub(crate) fn state(&self) -> State {
        match self {
            Original::Kept { sha256, .. } | Original::Twin { sha256, .. } => State::File(*sha256),
            Original::Link { link } => State::Link { link: link.clone() },
        }
    }

    /// The name of the file in `.presentry/` that has its bytes.
    pub(crate) fn saved(&self) -> Option<&SavedName> {
        match self {
            Original::Kept { saved, .. } => Some(saved),
            Original::Twin { .. } | Original::Link { .. } => None,
        }
    }
}

/// What lies at a path.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum State {
    /// A file, by the digest of its bytes.
    File(#[serde(with = "digest")] Digest),
    /// A symbolic link, and what it says.
    Link { link: String },
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
    /// What was there before; `null` when nothing was.
    pub(crate) before: Option<State>,
    /// What is there after; `null` when it is taken away.
    pub(crate) after: Option<State>,
    /// The name in `.presentry/` under which the bytes before are kept while the run lasts.
    pub(crate) undo: Option<SavedName>,
}

/// Why a file changed. The aliases are how 0.1.0 wrote it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WireChange {
    /// The facade, where the entry was.
    Facade,
    /// The original entry under its new name.
    #[serde(alias = "moved entry")]
    MovedEntry,
    /// A module whose imports name the moved entry now.
    Repointed,
    /// The instrumentation, split out of a module of the build.
    Instrumentation,
    /// A module between facade and moved entry.
    Passage,
    /// The entry, with the instrumentation imported at its top.
    #[serde(alias = "top-level import")]
    TopLevelImport,
    /// A file of the bundle of the SDK.
    Bundle,
    /// A file of a library that holds channels, or the module that tells the SDK of them.
    Channels,
    /// A file of a package that was traced in.
    Package,
    /// The `package.json` that names those packages.
    Dependencies,
    /// An archive of the build.
    Archive,
    /// A file of a package that `--prune` took out.
    Pruned,
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
            ChangeKind::Channels => WireChange::Channels,
        }
    }
}

impl WireChange {
    /// A word or two for people; what is compared is the value.
    pub(crate) fn words(self) -> &'static str {
        match self {
            WireChange::Facade => "facade",
            WireChange::MovedEntry => "moved entry",
            WireChange::Repointed => "repointed",
            WireChange::Instrumentation => "instrumentation",
            WireChange::Passage => "passage",
            WireChange::TopLevelImport => "top-level import",
            WireChange::Bundle => "bundle",
            WireChange::Channels => "channels",
            WireChange::Package => "package",
            WireChange::Dependencies => "dependencies",
            WireChange::Archive => "archive",
            WireChange::Pruned => "pruned",
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
    /// The last is that of 0.1.0 for pruned files.
    const PREFIXES: [&'static str; 4] = ["original-", "undo-", "new-", "pruned-"];

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
