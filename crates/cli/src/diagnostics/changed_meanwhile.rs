//! `changed-meanwhile`: a file was changed by someone else while presentry was at work.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "changed-meanwhile",
    severity: Severity::Error,
    summary: "a file was changed by someone else while presentry was at work",
    explanation: r#"Just before presentry replaces a file, it compares the file with the one that it planned for. They
differ, so everything that this run had written was undone. A build or a watcher may still be
running."#,
};

/// `message` names the file.
pub(crate) fn diagnostic(message: String) -> Diagnostic {
    Diagnostic::new(&CODE, message).hint("wait until the build has ended, then run presentry again")
}
