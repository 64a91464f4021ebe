//! `read-only`: the build cannot be written.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "read-only",
    severity: Severity::Error,
    summary: "the build cannot be written",
    explanation: r#"The file system is mounted read-only, or the directory belongs to another user. Nothing was changed."#,
};

/// `message` names the file and the reason.
pub(crate) fn diagnostic(message: String) -> Diagnostic {
    Diagnostic::new(&CODE, message)
        .hint("run presentry where the build is made, before it is copied into its image or bundle")
}
