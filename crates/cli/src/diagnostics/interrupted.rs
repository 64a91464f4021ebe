//! `interrupted`: an earlier run was interrupted, and a dry run may not repair that.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "interrupted",
    severity: Severity::Error,
    summary: "an earlier run was interrupted, and a dry run may not repair that",
    explanation: r#"A run that was killed leaves a journal in `.presentry/`, and the next run undoes what it had
changed. `--dry-run` writes nothing at all, so it cannot do that."#,
};

/// `directory` is where the journal lies.
pub(crate) fn diagnostic(directory: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{directory}` holds the journal of a run that was interrupted"))
        .hint("run `presentry check`, which undoes it, then try again")
}
