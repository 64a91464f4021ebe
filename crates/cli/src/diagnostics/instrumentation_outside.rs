//! `instrumentation-outside`: the instrumentation is neither in the server directory nor a source.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-outside",
    severity: Severity::Error,
    summary: "the instrumentation is neither in the server directory nor a source",
    explanation: r#"Only the server directory is deployed. A facade that imports something outside of it would start
only on this machine. A file outside of it is compiled as a source if its extension is one of
TypeScript or JavaScript."#,
};

/// `file` is what `--instrumentation` names.
pub(crate) fn diagnostic(file: &Path, server: &str) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!(
            "the instrumentation `{}` is no script of `{server}`, and no source that can be compiled",
            file.display()
        ),
    )
    .hint("name a built file of the server directory, or a source: `.ts`, `.mts`, `.js`, `.mjs` or `.cjs`")
}
