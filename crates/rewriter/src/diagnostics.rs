//! What is said when something is in the way: the common shape of a diagnostic. Each code has a file of its own below.

mod bundle_changed;
mod bundle_two_copies;
mod bundle_untried;
mod channels_changed;
mod entry_asks_if_main;
mod entry_cannot_await;
mod entry_not_found;
mod entry_url;
mod exports_differ;
mod facade_without_original;
mod init_after_runtime;
mod init_by_require;
mod init_conditional;
mod init_later;
mod init_not_followed;
mod init_not_reached;
mod init_options;
mod init_vouched_for;
mod instrumentation_imports_elsewhere;
mod instrumentation_in_runtime;
mod instrumentation_missing;
mod instrumentation_shares_runtime;
mod instrumentation_throws;
mod library_before_init;
mod limited_tracing;
mod live_binding;
mod missing_module;
mod no_free_name;
mod not_utf8;
mod runtime_not_awaited;
mod runtime_not_deferred;
mod sentry_not_started;
mod static_edge_to_package;
mod static_edge_to_runtime;
mod syntax_error;
mod unknown_export;
mod unreadable;
mod unrepointable_specifier;
mod unresolved_star_export;
mod unwrappable_export;

pub use bundle_two_copies::sdk_of_package;
pub use instrumentation_in_runtime::init_in_runtime;
pub use missing_module::missing_file;
pub use sentry_not_started::call_it_in;
pub use unknown_export::unknown_export;
pub use unreadable::unreadable;

use std::ops::Range;

use presentry_parser::{Position, Span};

use crate::{
    graph::{Edge, Graph, LoadError, Module},
    order::Place,
    sources::ModulePath,
};

/// The functions that make the diagnostics, one for each code.
pub(crate) mod codes {
    pub(crate) use super::{
        bundle_changed::bundle_changed,
        bundle_two_copies::bundle_two_copies,
        bundle_untried::bundle_untried,
        channels_changed::{channels_changed, channels_not_first},
        entry_asks_if_main::entry_asks_if_main,
        entry_cannot_await::entry_cannot_await,
        entry_not_found::entry_not_found,
        entry_url::entry_url,
        exports_differ::exports_differ,
        facade_without_original::facade_without_original,
        init_after_runtime::init_after_runtime,
        init_by_require::init_by_require,
        init_conditional::init_conditional,
        init_later::init_later,
        init_not_followed::init_not_followed,
        init_not_reached::{init_not_called, init_not_reached},
        init_options::init_options,
        init_vouched_for::init_vouched_for,
        instrumentation_imports_elsewhere::{imports_elsewhere, instrumentation_imports_elsewhere},
        instrumentation_in_runtime::instrumentation_in_runtime,
        instrumentation_missing::instrumentation_missing,
        instrumentation_shares_runtime::instrumentation_shares_runtime,
        instrumentation_throws::{instrumentation_throws, unlinkable},
        library_before_init::{library_before_init, library_left_to_hooks},
        limited_tracing::limited_tracing,
        live_binding::live_binding,
        missing_module::missing_module,
        no_free_name::no_free_name,
        not_utf8::not_utf8,
        runtime_not_awaited::runtime_not_awaited,
        runtime_not_deferred::runtime_not_deferred,
        sentry_not_started::{not_rewritten, sentry_not_started},
        static_edge_to_package::static_edge_to_package,
        static_edge_to_runtime::static_edge_to_runtime,
        syntax_error::syntax_error,
        unknown_export::unknown_export,
        unreadable::unreadable,
        unrepointable_specifier::unrepointable_specifier,
        unresolved_star_export::unresolved_star_export,
        unwrappable_export::unwrappable_export,
    };
}

/// Every code of this crate, in alphabetical order.
#[must_use]
pub fn all() -> &'static [&'static Code] {
    ALL
}

static ALL: &[&Code] = &[
    &bundle_changed::CODE,
    &bundle_two_copies::CODE,
    &bundle_untried::CODE,
    &channels_changed::CODE,
    &entry_asks_if_main::CODE,
    &entry_cannot_await::CODE,
    &entry_not_found::CODE,
    &entry_url::CODE,
    &exports_differ::CODE,
    &facade_without_original::CODE,
    &init_after_runtime::CODE,
    &init_conditional::CODE,
    &init_by_require::CODE,
    &init_later::CODE,
    &init_not_followed::CODE,
    &init_not_reached::CODE,
    &init_options::CODE,
    &init_vouched_for::CODE,
    &instrumentation_imports_elsewhere::CODE,
    &instrumentation_in_runtime::CODE,
    &instrumentation_missing::CODE,
    &instrumentation_shares_runtime::CODE,
    &instrumentation_throws::CODE,
    &library_before_init::CODE,
    &limited_tracing::CODE,
    &live_binding::CODE,
    &missing_module::CODE,
    &no_free_name::CODE,
    &not_utf8::CODE,
    &runtime_not_awaited::CODE,
    &runtime_not_deferred::CODE,
    &sentry_not_started::CODE,
    &static_edge_to_package::CODE,
    &static_edge_to_runtime::CODE,
    &syntax_error::CODE,
    &unknown_export::CODE,
    &unreadable::CODE,
    &unrepointable_specifier::CODE,
    &unresolved_star_export::CODE,
    &unwrappable_export::CODE,
];

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The work was not done.
    Error,
    /// The work was done; something should be known about it.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A diagnostic code with the text that explains it; one exists for each file of this module.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name in kebab case.
    pub name: &'static str,
    /// The severity it has unless the user asks for another.
    pub severity: Severity,
    /// One sentence: when it is given.
    pub summary: &'static str,
    /// Markdown: why it matters and what to do.
    pub explanation: &'static str,
}

/// A place in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The module, or another file the diagnostic is about.
    pub path: String,
    /// The bytes meant.
    pub span: Span,
    /// Line and column of the first of them.
    pub position: Position,
    /// The line they start on, without its end; a very long one is cut around the place, with `…` where it was cut.
    pub line: String,
    /// The characters of `line` that are meant.
    pub caret: Range<usize>,
    /// What is to be seen there; may be empty.
    pub message: String,
    /// Whether `path` is the path of a module, relative to the server directory. Other paths are as the caller gave them.
    pub in_build: bool,
}

/// Where a build stands when it is proven, which decides what can be advised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// As it was found: presentry may not have rewritten it.
    Found,
    /// As a rewrite for this instrumentation would leave it.
    Planned {
        instrumentation: ModulePath,
        /// Whether libraries get channels after that.
        channels_follow: bool,
    },
}

impl Stage {
    /// Whether libraries get channels after that, and then do not care when they are loaded.
    pub(crate) fn channels_follow(&self) -> bool {
        matches!(self, Stage::Planned { channels_follow: true, .. })
    }
}

/// What a diagnostic is about, for a caller that knows more of it or can mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The instrumentation is not in the build.
    MissingInstrumentation,
    /// The instrumentation is in the build and cannot be loaded before the runtime.
    UnfitInstrumentation,
    /// What starts Sentry is a part of the runtime, and the labels show the calls.
    InitInRuntime,
    /// Nothing calls `init`, and the instrumentation should.
    NoInit,
    /// The build lacks a module that it imports.
    MissingModule,
    /// The entry does not export this name.
    Export(String),
    /// The SDK cannot be bundled.
    Bundling {
        /// Why.
        reason: String,
        /// What would help, beside leaving it in its packages.
        cure: Option<&'static str>,
    },
}

impl Subject {
    /// Whether another instrumentation may help.
    #[must_use]
    pub fn is_instrumentation(&self) -> bool {
        matches!(
            self,
            Subject::MissingInstrumentation
                | Subject::UnfitInstrumentation
                | Subject::InitInRuntime
                | Subject::MissingModule
        )
    }
}

/// Something a user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which one.
    pub code: &'static Code,
    /// How much it weighs here.
    pub severity: Severity,
    /// What happened, with the names of this case: lower case, operands in backticks, no final period.
    pub message: String,
    /// The places it is about. For an import chain: one for each hop, in order.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it is about, where a caller can do more with it.
    pub subject: Option<Box<Subject>>,
}

impl Diagnostic {
    /// A diagnostic without places or hint.
    #[must_use]
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity, message: message.into(), labels: Vec::new(), hint: None, subject: None }
    }

    /// Adds a place.
    #[must_use]
    pub fn label(mut self, label: Label) -> Self {
        self.labels.push(label);
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(Box::new(subject));
        self
    }

    /// Sets why the SDK cannot be bundled, and the hint that goes with it.
    #[must_use]
    pub fn about_bundling(self, reason: impl Into<String>, cure: Option<&'static str>) -> Self {
        let hint = match cure {
            Some(cure) => format!("{cure}, or leave `--bundle-sdk` out"),
            None => "leave `--bundle-sdk` out".to_owned(),
        };
        self.about(Subject::Bundling { reason: reason.into(), cure }).hint(hint)
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<LoadError> for Box<Diagnostic> {
    fn from(error: LoadError) -> Self {
        Box::new(match error {
            LoadError::Unreadable(error) => codes::unreadable(&error),
            LoadError::NotUtf8 { path, valid_up_to } => codes::not_utf8(&path, valid_up_to),
            LoadError::Syntax { module, error } => codes::syntax_error(&module, &error),
        })
    }
}

impl Module {
    /// A place in this module.
    pub(crate) fn label(&self, span: Span, message: impl Into<String>) -> Label {
        Label::new(&self.path, &self.text, span, message)
    }
}

impl Label {
    /// The longest excerpt of a line, in characters.
    const EXCERPT: usize = 120;

    /// A place in the text of a module.
    #[must_use]
    pub fn new(path: &ModulePath, text: &str, span: Span, message: impl Into<String>) -> Self {
        Self { in_build: true, ..Self::in_file(path.as_str(), text, span, message) }
    }

    /// A place in the text of any file.
    #[must_use]
    pub fn in_file(path: &str, text: &str, span: Span, message: impl Into<String>) -> Self {
        let (line, caret) = Self::excerpt(text, span);
        Self {
            path: path.to_owned(),
            span,
            position: presentry_parser::position(text, span.start),
            line,
            caret,
            message: message.into(),
            in_build: false,
        }
    }

    fn excerpt(text: &str, span: Span) -> (String, Range<usize>) {
        let line = presentry_parser::line_text(text, span.start);
        let line_start = line.as_ptr() as usize - text.as_ptr() as usize;
        let before = span.start.saturating_sub(line_start).min(line.len());
        let after = span.end.saturating_sub(line_start).clamp(before, line.len());
        let start = line[..before].chars().count();
        let length = line[before..after].chars().count().max(1);
        let total = line.chars().count();
        if total <= Self::EXCERPT {
            return (line.to_owned(), start..start + length);
        }
        let length = length.min(Self::EXCERPT);
        let first = start.saturating_sub((Self::EXCERPT - length) / 2).min(total - Self::EXCERPT);
        let mut cut: String = line.chars().skip(first).take(Self::EXCERPT).collect();
        let mut caret = start - first;
        if first > 0 {
            cut.insert(0, '…');
            caret += 1;
        }
        if first + Self::EXCERPT < total {
            cut.push('…');
        }
        (cut, caret..caret + length)
    }
}

/// What is advised where a build is not as a facade leaves it.
fn advice(stage: &Stage, planned: impl FnOnce(&ModulePath) -> String) -> String {
    match stage {
        Stage::Found => "run `presentry` on the build".to_owned(),
        Stage::Planned { instrumentation, .. } => planned(instrumentation),
    }
}

/// Adds a place of the abstract run.
fn with_place(diagnostic: Diagnostic, graph: &Graph<'_>, place: &Place, message: &str) -> Diagnostic {
    match graph.load(&place.module) {
        Ok(Some(module)) => diagnostic.label(module.label(place.span, message)),
        _ => diagnostic,
    }
}

/// Adds one label for each hop of an import chain.
fn with_chain(mut diagnostic: Diagnostic, graph: &Graph<'_>, chain: &[Edge]) -> Diagnostic {
    for edge in chain {
        // Every hop was loaded when the chain was found.
        if let Ok(Some(module)) = graph.load(&edge.from) {
            diagnostic = diagnostic.label(module.label(edge.span, ""));
        }
    }
    diagnostic
}
