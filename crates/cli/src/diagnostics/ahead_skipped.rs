//! `ahead-skipped`: libraries get their channels at run time, as they cannot be injected ahead of time.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "ahead-skipped",
    severity: Severity::Warning,
    summary: "libraries cannot be injected ahead of time, so they get their channels at run time",
    explanation: r#"If possible, presentry injects the channels of the SDK once, into the finished build. Here it is
not: files of the SDK are missing among the packages of the app, or their version is another one, or
the SDK does not work as presentry expects. The build is rewritten and proven all the same; the SDK
injects while the server starts, which takes longer. `--instrument-ahead` refuses instead, and so
does `--strict`; with `--no-instrument-ahead` nothing is tried."#,
};

pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("libraries are not injected ahead of time: {reason}"))
        .hint("install the packages of the app anew and build it again; or pass `--no-instrument-ahead`")
}
