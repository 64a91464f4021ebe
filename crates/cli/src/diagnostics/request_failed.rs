//! `request-failed`: the traced server gave no answer to a request.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::printable::printable;

pub(super) static CODE: Code = Code {
    name: "request-failed",
    severity: Severity::Error,
    summary: "the traced server gave no answer to a request",
    explanation: r#"`presentry trace` started the server and sent it a request (`--request`, or `GET /`). The server
ended, closed the connection, or took longer than `--timeout` allows; a function that has no server
threw an error. An answer with a status such as 500 is an answer."#,
};

/// `request` is method and path.
pub(crate) fn diagnostic(request: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{request}` got no answer: {}", printable(reason)))
        .hint("`-v` shows what the server prints; `--env` and `--env-file` give it variables")
}
