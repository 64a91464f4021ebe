//! `instrumentation-not-found`: there is no built instrumentation beside the entry.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-not-found",
    severity: Severity::Error,
    summary: "there is no built instrumentation beside the entry",
    explanation: r#"`withSentry` of `@sentry/solidstart` copies the built `src/instrument.server.ts` to `instrument.server.mjs` beside the server
entry. Without it there is nothing that could start first.

It copies a file of that name alone. When its option `instrumentation` names a file with another base name, the file is built
(to `.vinxi/build/ssr/`), and copied nowhere."#,
};

/// `looked` is the file that was looked for, because the option `instrumentation` names `source`. `there` is the file
/// that the SDK would copy, if it is there.
pub(crate) fn configured(looked: &str, source: &str, there: Option<&str>) -> Diagnostic {
    let message =
        format!("there is no built instrumentation; looked for `{looked}`, as `instrumentation` is `{source}`");
    Diagnostic::new(&CODE, message).hint(match there {
        Some(there) => format!("`{there}` is there: name it with `--instrumentation {there}` if it is the one"),
        None => "the SDK copies a file only if its name begins with `instrument.server.`: name it \
                 `instrument.server.ts`, or name the built file with `--instrumentation`"
            .to_owned(),
    })
}

/// `looked` is the file that was looked for.
pub(crate) fn diagnostic(looked: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("there is no built instrumentation; looked for `{looked}`")).hint(
        "wrap the config in `withSentry` and write `src/instrument.server.ts`, so that the build emits it, \
         or name the built file with `--instrumentation`",
    )
}
