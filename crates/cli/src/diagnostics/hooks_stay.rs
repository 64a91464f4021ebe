//! `hooks-stay`: libraries are injected ahead of time, and the SDK registers its hooks all the same.

use std::collections::BTreeSet;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "hooks-stay",
    severity: Severity::Warning,
    summary: "libraries are injected ahead of time, and the SDK registers its hooks all the same",
    explanation: r#"The SDK registers no hooks if everything that they would inject was injected ahead of time. Here
something is left: a library that the build imports from outside, or one in a chunk that could not
be injected. The hooks inject into packages as they are loaded, so the server starts as slowly as
with `--no-instrument-ahead`. If the library is outside of the build, copy it into the build, and
the hooks are not needed. Hooks do not reach a library in a chunk; leave it in `node_modules` of the
build (`bundled-library`) to get its spans."#,
};

/// `left` are the libraries that only hooks reach, each with the reason; nothing is given where there are none.
pub(crate) fn diagnostic(left: &[(String, String)]) -> Option<Diagnostic> {
    let ((first, why), more) = left.split_first()?;
    let names: BTreeSet<&String> = more.iter().map(|(name, _)| name).filter(|name| *name != first).collect();
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let more = if names.is_empty() { String::new() } else { format!("; as well as {}", names.join(", ")) };
    let message = format!("the SDK still registers its hooks: {why}{more}");
    Some(Diagnostic::new(&CODE, message).hint("`presentry inspect` lists what is left to them"))
}
