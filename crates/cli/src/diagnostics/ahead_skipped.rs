//! `ahead-skipped`: libraries get their channels at run time, as they cannot be injected ahead of time.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "ahead-skipped",
    severity: Severity::Warning,
    summary: "libraries get their channels at run time, as they cannot be injected ahead of time",
    explanation: r#"The channels of the SDK are injected once, into the finished build, where that is possible. Here it
is not: the SDK of the build is not whole in the app, or it is another one, or it does something
else than is known of it. The build is rewritten and proven all the same; the SDK injects while the
server starts, which takes longer. `--instrument-ahead` refuses instead, and so does `--strict`;
with `--no-instrument-ahead` nothing is tried."#,
};

pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("libraries are not injected ahead of time: {reason}"))
        .hint("install the packages of the app anew and build it again; or pass `--no-instrument-ahead`")
}
