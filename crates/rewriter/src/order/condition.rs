//! What decides whether Sentry starts, and where. Plain data.

use presentry_parser::Span;

use crate::sources::ModulePath;

/// A place in a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) module: ModulePath,
    pub(crate) span: Span,
}

/// What decides whether Sentry starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) place: Place,
    pub(crate) kind: ConditionKind,
}

/// How a condition decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConditionKind {
    /// A test: `if`, `?:`, `&&`, `switch`.
    Test,
    /// A loop that may not run once.
    Loop,
    /// Something that may fail.
    Failure,
}
