//! `ahead-failed`: libraries cannot be injected ahead of time.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "ahead-failed",
    severity: Severity::Error,
    summary: "libraries cannot be injected ahead of time",
    explanation: r#"`--instrument-ahead` has the SDK of the app inject its channels into the libraries of the build.
That takes an SDK with channels (`@sentry/node` 11), the same version of it among the packages of
the app, and `node` on the `PATH`. With `=if-possible`, the default, the build is rewritten all the
same, and the SDK injects the channels while the server starts."#,
};

pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("libraries cannot be injected ahead of time: {reason}"))
        .hint("leave `--instrument-ahead` out")
}
