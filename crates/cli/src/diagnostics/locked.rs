//! `locked`: another presentry is at work on this build.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "locked",
    severity: Severity::Error,
    summary: "another presentry is at work on this build",
    explanation: r#"Two runs at once would see each other's half-written files. The lock ends with the process that
holds it, however that ends."#,
};

/// `server` is the server directory.
pub(crate) fn diagnostic(server: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("another presentry is at work on `{server}`"))
        .hint("wait for it to end, then try again")
}
