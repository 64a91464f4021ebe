//! `hooks-stay`: libraries are injected ahead of time, and the SDK registers its hooks all the same.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "hooks-stay",
    severity: Severity::Warning,
    summary: "libraries are injected ahead of time, and the SDK registers its hooks all the same",
    explanation: r#"The SDK registers no hooks where everything that they would inject was injected ahead of time. Here
something is left: a library that the build imports and that lies outside of it, or one in a chunk
that could not be injected. Hooks inject into what is loaded from packages, and the server starts as
slowly as it would with `--no-instrument-ahead`. Have a library outside copied into the build to be
rid of the hooks. Hooks do not reach a library in a chunk; leave it in `node_modules` of the build
(`bundled-library`) to get its spans."#,
};

/// `left` are the libraries that only hooks reach, each with the reason; nothing is given where there are none.
pub(crate) fn diagnostic(left: &[String]) -> Option<Diagnostic> {
    let (first, more) = left.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
    let message = format!("the SDK still registers its hooks: {first}{more}");
    Some(Diagnostic::new(&CODE, message).hint("`presentry inspect` lists what is left to them"))
}
