//! `invalid-metadata`: `nitro.json` cannot be read.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "invalid-metadata",
    severity: Severity::Error,
    summary: "`nitro.json` cannot be read",
    explanation: r#"Nitro writes `nitro.json` at the end of a build. If it cannot be read or names no preset, the build
may not have finished."#,
};

/// `file` is the `nitro.json`.
pub(crate) fn diagnostic(file: &Path, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("failed to read `{}`: {reason}", file.display())).hint("build the app again")
}
