//! Syntax errors with their position.

use crate::record::Span;

/// Something the specification calls a syntax error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, lower case, without a final period.
    pub message: String,
    /// Where, in the given text.
    pub span: Span,
    /// Whether reading stopped there. The record that comes with a fatal error is empty; the one that comes with
    /// recovered errors alone is complete, but an engine will refuse to run the module.
    pub fatal: bool,
}
