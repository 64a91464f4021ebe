//! `sentry-not-first`: a run of the server showed that something was loaded before Sentry.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "sentry-not-first",
    severity: Severity::Error,
    summary: "a run of the server did not show that Sentry was first",
    explanation: r#"`presentry trace` started the server and watched it. Sentry is first when a client of the SDK became
active, the SDK registered module hooks, and then every module of the runtime came through those
hooks. One of these was not so; the message says which.

The order in which a server prints lines proves none of it: ECMAScript links all static imports
before the first line of any module runs, so a library can be loaded before `Sentry.init()` although
`Sentry.init()` prints first."#,
};

/// `sentence` says what came before what.
pub(crate) fn diagnostic(sentence: &str, proven: bool) -> Diagnostic {
    let hint = if proven {
        "the static proof holds, so look at what the instrumentation does: `Sentry.init()` has to be reached, with a `dsn`, and without `registerEsmLoaderHooks: false`"
    } else {
        "run `presentry` on the build; `presentry check` shows the import chain"
    };
    Diagnostic::new(&CODE, sentence.to_owned()).hint(hint)
}
