//! `option-not-static`: an option of `app.config.*` that matters cannot be read without running the file.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Label, Severity};

pub(super) static CODE: Code = Code {
    name: "option-not-static",
    severity: Severity::Warning,
    summary: "an option of `app.config.*` cannot be read without running the file",
    explanation: r#"`app.config.*` is read, and never run. Constants, spreads of object literals, functions of the file
itself, type assertions, `defineConfig` and `withSentry` are followed. A value that is imported,
called, read from the environment, chosen by a condition or changed later is unknown, and presentry
does not guess. It reports the option where the value matters, and the hint names the flag that sets
it.

It is an error if presentry cannot go on without the value, and a warning if the file found on disk
may be the wrong one."#,
};

/// `option` is the name, `reason` says why it is not known, `flag` sets it.
pub(crate) fn diagnostic(option: &str, reason: &str, label: Label, flag: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the value of `{option}` is not known without running `{}`: {reason}", label.path))
        .label(label)
        .hint(format!("write the value out, or set it with `{flag}`"))
}
