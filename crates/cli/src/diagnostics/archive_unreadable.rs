//! `archive-unreadable`: the archive that the preset made of the build cannot be read.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "archive-unreadable",
    severity: Severity::Error,
    summary: "the archive that the preset made of the build cannot be read",
    explanation: r#"Some presets pack the build into an archive before anything else runs, and that archive is what is
deployed. It is made again after a rewrite, from the old one: what did not change is copied. When it
cannot be read, a rewritten build would lie beside an archive of the old one, so nothing is written."#,
};

/// `reason` says what is wrong with it.
pub(crate) fn diagnostic(archive: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{archive}` cannot be read: {reason}"))
        .hint("build the app again, or take the archive away and make it after `presentry`")
}
