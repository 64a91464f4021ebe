//! `library-not-instrumented`: a run of the server loaded a library that Sentry instruments, and Sentry does not see it.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::printable::printable;

pub(super) static CODE: Code = Code {
    name: "library-not-instrumented",
    severity: Severity::Error,
    summary: "a run of the server loaded a library that Sentry does not see",
    explanation: r#"`presentry trace` started the server, and it loaded a library that Sentry instruments. The spans of
that library are lost, for one of two reasons.

It was loaded before `Sentry.init()`. Often the instrumentation imports it, or a module that does:
ECMAScript loads what a module imports before its first line runs. Import it after `Sentry.init()`,
with `await import()`, or not there at all.

Or it came to the hooks of SDK 11 (or of 10.71 and later, where channels are turned on), and they
injected nothing into it. That happens when the SDK is bundled without what it needs at run time.
What the SDK said about it is in the message."#,
};

/// The libraries were loaded before `Sentry.init()`, as `because` says.
pub(crate) fn too_early(libraries: &[String], because: &str) -> Diagnostic {
    diagnostic(libraries, because).hint("load it after `Sentry.init()`; `presentry check` shows what imports it before")
}

/// They came to hooks that inject, and nothing was injected.
pub(crate) fn not_injected(libraries: &[String], because: &str) -> Diagnostic {
    diagnostic(libraries, because).hint("leave the SDK in its packages: run `presentry --no-bundle-sdk`")
}

fn diagnostic(libraries: &[String], because: &str) -> Diagnostic {
    let names: Vec<String> = libraries.iter().map(|library| format!("`{}`", printable(library))).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    Diagnostic::new(&CODE, format!("{} {verb} not instrumented: {}", names.join(", "), printable(because)))
}
