//! `store-unreadable`: what presentry keeps in the build cannot be read.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "store-unreadable",
    severity: Severity::Error,
    summary: "what presentry keeps in the build cannot be read",
    explanation: r#"`.presentry/` in the server directory holds the manifest of the rewrite and the original files. It
was changed by hand, or was written by a newer version of presentry."#,
};

/// `path` is the file or directory.
pub(crate) fn diagnostic(path: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("failed to read `{path}`: {reason}"))
        .hint("use the version of presentry that wrote it, or delete the output directory and build the app again")
}
