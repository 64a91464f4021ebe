//! `bundle-skipped`: the SDK stays in its packages, as it cannot be bundled.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity, Subject};

pub(super) static CODE: Code = Code {
    name: "bundle-skipped",
    severity: Severity::Warning,
    summary: "the SDK stays in its packages, as it cannot be bundled",
    explanation: r#"The SDK is put into one module where that is possible. Here it is not: there is no bundler among the packages of the app, or the
files of the SDK are not to be found, or a second copy of it would be loaded. The build is rewritten and proven all the same; it
starts as slowly as before, and `--prune` takes nothing out. `--bundle-sdk` refuses instead, and so does `--strict`; with
`--no-bundle-sdk` nobody tries."#,
};

/// `refusal` is what `--bundle-sdk` would have been refused with.
pub(crate) fn refused(refusal: &Diagnostic) -> Diagnostic {
    let (reason, cure) = match refusal.subject.as_deref() {
        Some(Subject::Bundling { reason, cure }) => (reason, *cure),
        _ => (&refusal.message, None),
    };
    let labels = refusal.labels.iter().cloned();
    let diagnostic =
        labels.fold(Diagnostic::new(&CODE, format!("the SDK is not bundled: {reason}")), Diagnostic::label);
    match cure {
        Some(cure) => diagnostic.hint(format!("{cure}; or say `--no-bundle-sdk`")),
        None => diagnostic.hint("say `--no-bundle-sdk`"),
    }
}

/// Bundling failed in a way that has no code.
pub(crate) fn unexpected(error: &anyhow::Error) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the SDK is not bundled: {error:#}"))
        .hint("run with `--bundle-sdk` to see all that is in the way; or say `--no-bundle-sdk`")
}
