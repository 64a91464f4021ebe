//! `invalid-metadata`: `nitro.json` cannot be read.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "invalid-metadata",
    severity: Severity::Error,
    summary: "`nitro.json` cannot be read",
    explanation: r#"Nitro writes `nitro.json` at the end of a build. One that cannot be read, or names no preset, may be
the trace of a build that did not come to its end."#,
};

/// `file` is the `nitro.json`.
pub(crate) fn diagnostic(file: &Path, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("failed to read `{}`: {reason}", file.display())).hint("build the app again")
}
