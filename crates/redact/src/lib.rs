//! What must not leave the machine of whoever reports a bug. Text in, text out: the command and the harness tell where the
//! values come from, and both remove them with this.

mod env;
mod known;
mod patterns;

pub use env::{Variable, expanded, variables, without_values};
pub use known::{Redactor, Secrets, auth_tokens, is_harmless};
pub use patterns::{DSN, REDACTED, redirect};

/// Why nothing can be searched for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern of this crate is not a regular expression.
    #[error("the pattern of {what} is wrong")]
    Pattern {
        /// What it looks for.
        what: &'static str,
        /// Why it is wrong.
        source: Box<regex::Error>,
    },
    /// The secrets of an app are more than can be searched for at once.
    #[error("there are too many secrets to search for")]
    TooMany(#[source] Box<aho_corasick::BuildError>),
}

impl Error {
    fn pattern(what: &'static str) -> impl FnOnce(regex::Error) -> Error {
        move |source| Error::Pattern { what, source: Box::new(source) }
    }

    fn too_many(source: aho_corasick::BuildError) -> Error {
        Error::TooMany(Box::new(source))
    }
}
