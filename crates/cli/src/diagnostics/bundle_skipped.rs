//! `bundle-skipped`: the SDK stays in its packages, as it cannot be bundled.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity, Subject};

pub(super) static CODE: Code = Code {
    name: "bundle-skipped",
    severity: Severity::Warning,
    summary: "the SDK cannot be bundled, so it stays in its packages",
    explanation: r#"presentry bundles the SDK into one module if possible. Here it is not: the packages of the app have
no bundler, or files of the SDK are missing, or a second copy of it would be loaded. The build is
still rewritten and proven. It starts as slowly as before, and `--prune` removes nothing. With
`--bundle-sdk` or `--strict` this is an error; with `--no-bundle-sdk` presentry does not try."#,
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
