//! What a rewrite will do to the files of a build, decided in memory.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    diagnostics::{Diagnostic, Stage},
    facade::EntryLoading,
    guard,
    overlay::Overlay,
    proof::{InitTrust, Proof, Verdict},
    sources::{ModulePath, Sources},
};

/// How the facade passes the runtime's exports on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportStyle {
    /// `await import(…)`, and every export as the value it is.
    Await,
    /// Async forwarders for the named exports, without top-level await, for hosts that `require()` the entry. Every
    /// export has to be named, and every name has to be an export.
    Wrap(Vec<String>),
}

/// Where the runtime goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Behind an `import()` that a facade awaits: libraries are loaded after `Sentry.init()`.
    DynamicImport,
    /// It stays a static import of the entry, below the instrumentation: Sentry runs first, and every ESM library is
    /// loaded before it all the same.
    TopLevelImport,
}

/// What becomes of an instrumentation that the SDK has put into the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InlinedInstrumentation {
    /// It is taken out, and becomes the instrumentation.
    TakeOut,
    /// It is dropped: the instrumentation of the request takes its place.
    Replace,
}

/// What a plan is to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The server entry.
    pub entry: ModulePath,
    /// The built instrumentation.
    pub instrumentation: ModulePath,
    /// How the host loads the entry.
    pub loading: EntryLoading,
    /// How the exports are passed on; [`Mode::TopLevelImport`] leaves them alone.
    pub exports: ExportStyle,
    /// Where the runtime goes.
    pub mode: Mode,
    /// What becomes of an instrumentation that the SDK has put into the entry.
    pub inlined: InlinedInstrumentation,
    /// The directory in which Node keeps compiled code, absolute or relative to that of the entry; `None` for none.
    pub compile_cache: Option<String>,
    /// Whether the facade has a guard, which compares the running server with the proof.
    pub guard: bool,
    /// What a start of Sentry counts for that cannot be proven.
    pub trust: InitTrust,
    /// Whether libraries are to get channels after this, by [`with_channels`](crate::with_channels), which proves the plan again:
    /// those that are loaded before Sentry starts are noted in [`Proof::lost`](crate::Proof::lost), and refuse nothing yet.
    pub channels_follow: bool,
}

impl Request {
    /// Where the build stands that a plan for this leaves.
    pub(crate) fn stage(&self) -> Stage {
        Stage::Planned { instrumentation: self.instrumentation.clone(), channels_follow: self.channels_follow }
    }
}

/// Why a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The facade, written where the entry was.
    Facade,
    /// The original entry under its new name.
    MovedEntry,
    /// A module whose imports of the entry now name the moved entry, or whose imports of the SDK its bundle, or one that imports
    /// the marker of channels now.
    Repointed,
    /// The instrumentation, split out of a module of the build.
    Instrumentation,
    /// A module between facade and moved entry, for what `await import()` cannot carry.
    Passage,
    /// The entry with the instrumentation imported at its top.
    TopLevelImport,
    /// A file of the bundle of the SDK.
    Bundle,
    /// A file of a library that holds channels now, or the module that tells the SDK of them.
    Channels,
}

impl ChangeKind {
    /// A word or two for reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Facade => "facade",
            ChangeKind::MovedEntry => "moved entry",
            ChangeKind::Repointed => "repointed",
            ChangeKind::Instrumentation => "instrumentation",
            ChangeKind::Passage => "passage",
            ChangeKind::TopLevelImport => "top-level import",
            ChangeKind::Bundle => "bundle",
            ChangeKind::Channels => "channels",
        }
    }
}

/// The new state of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: ModulePath,
    /// Why it changes.
    pub kind: ChangeKind,
    /// The bytes it must have before; `None` when it must not exist.
    pub before: Option<Vec<u8>>,
    /// The bytes it will have; `None` when it is taken away.
    pub after: Option<Vec<u8>>,
    /// The file whose permissions a new file gets.
    pub mode_from: Option<ModulePath>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Files have to change, and the changed build is proven.
    Rewritten,
    /// The build is already what presentry would make of it.
    AlreadyFirst,
    /// It cannot be done; the diagnostics say why. There are no changes.
    Refused,
}

/// A decision about one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is to happen.
    pub outcome: Outcome,
    /// The files that change, in path order. Applying all of them or none keeps the build sound.
    pub changes: Vec<FileChange>,
    /// The names that the entry exports, in the order of declaration.
    pub exports: Vec<String>,
    /// The proof over the build as it will be; `None` when it did not come so far, or under [`Mode::TopLevelImport`],
    /// which cannot be proven.
    pub proof: Option<Proof>,
    /// Errors when refused, and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Plan {
    /// One that changes nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { outcome: Outcome::AlreadyFirst, ..Self::refused(Vec::new()) }
    }

    /// What stands for a plan that cannot be carried out.
    #[must_use]
    pub fn refused(diagnostics: Vec<Diagnostic>) -> Self {
        Self { outcome: Outcome::Refused, changes: Vec::new(), exports: Vec::new(), proof: None, diagnostics }
    }

    /// A build as the plan leaves it.
    #[must_use]
    pub fn over<'a>(&'a self, sources: &'a dyn Sources) -> Overlay<'a> {
        changed(sources, &self.changes)
    }
}

/// Gives the guard of a planned facade, if there is one, what was proven.
pub(crate) fn tell_guard(change: &mut FileChange, verdict: Verdict, channels: &BTreeSet<&str>) {
    let text = change.after.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    if let (ChangeKind::Facade, Some(facade)) = (change.kind, text) {
        change.after = Some(guard::told(facade, verdict.as_str(), channels).into_bytes());
    }
}

/// A build with some files changed.
pub(crate) fn changed<'a>(sources: &'a dyn Sources, changes: &'a [FileChange]) -> Overlay<'a> {
    let mut overlay = Overlay::new(sources);
    for change in changes {
        overlay.set(change.path.clone(), change.after.as_deref().map(Cow::Borrowed));
    }
    overlay
}
