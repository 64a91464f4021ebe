//! `bundle-skipped`: the SDK stays in its packages, as it cannot be bundled.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "bundle-skipped",
    severity: Severity::Warning,
    summary: "the SDK stays in its packages, as it cannot be bundled",
    explanation: r#"The SDK is put into one module where that is possible. Here it is not: there is no bundler among the packages of the app, or the
files of the SDK are not to be found, or a second copy of it would be loaded. The build is rewritten and proven all the same; it
starts as slowly as before, and `--prune` takes nothing out. `--bundle-sdk` refuses instead, and so does `--strict`; with
`--no-bundle-sdk` nobody tries."#,
};

/// `cause` is what `--bundle-sdk` would have been refused with.
pub(crate) fn diagnostic(reason: &str, cause: Option<&Diagnostic>) -> Diagnostic {
    let reason = reason.strip_prefix("the SDK cannot be bundled: ").unwrap_or(reason);
    let mut diagnostic = Diagnostic::new(&CODE, format!("the SDK is not bundled: {reason}"));
    diagnostic.labels = cause.map(|cause| cause.labels.clone()).unwrap_or_default();
    let cure = match cause {
        // Its hint ends with what nobody has said here.
        Some(cause) => cause.hint.as_deref().and_then(|hint| hint.strip_suffix(", or leave `--bundle-sdk` out")),
        None => Some("run with `--bundle-sdk` to see all that is in the way"),
    };
    match cure {
        Some(cure) => diagnostic.hint(format!("{cure}; or say `--no-bundle-sdk`")),
        None => diagnostic.hint("say `--no-bundle-sdk`"),
    }
}
