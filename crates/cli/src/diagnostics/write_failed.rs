//! `write-failed`: the file system failed.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "write-failed",
    severity: Severity::Error,
    summary: "the file system failed",
    explanation: r#"What had been written was undone. If the message says that undoing failed as well, the next run of
presentry undoes it."#,
};

/// `message` names the file and the reason.
pub(crate) fn diagnostic(message: String) -> Diagnostic {
    Diagnostic::new(&CODE, message).hint("run `presentry check` to see in which state the build is")
}
