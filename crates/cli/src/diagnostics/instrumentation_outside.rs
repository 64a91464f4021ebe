//! `instrumentation-outside`: the instrumentation is not in the server directory.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-outside",
    severity: Severity::Error,
    summary: "the instrumentation is not in the server directory",
    explanation: r#"Only the server directory is deployed. A facade that imports something outside of it would start on this machine alone."#,
};

/// `file` is what `--instrumentation` names.
pub(crate) fn diagnostic(file: &Path, server: &str) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("the instrumentation `{}` is outside of the server directory `{server}`", file.display()),
    )
    .hint(format!("copy it to `{server}`, together with what it imports"))
}
