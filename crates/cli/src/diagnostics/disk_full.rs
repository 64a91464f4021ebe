//! `disk-full`: there is no space left.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "disk-full",
    severity: Severity::Error,
    summary: "there is no space left",
    explanation: r#"New contents are written beside the old ones before anything is replaced, so a full disk leaves
every file as it was."#,
};

/// `message` names the file.
pub(crate) fn diagnostic(message: String) -> Diagnostic {
    Diagnostic::new(&CODE, message).hint("make space, then run presentry again; nothing was changed")
}
