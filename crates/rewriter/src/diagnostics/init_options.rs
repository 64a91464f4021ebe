//! `init-options`: Sentry starts, and an option of `init` takes away what it is started for.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{
    graph::Graph,
    order::{LostBy, Run},
};

pub(super) static CODE: Code = Code {
    name: "init-options",
    severity: Severity::Warning,
    summary: "an option of `Sentry.init()` turns off what Sentry is started for",
    explanation: r#"- `registerEsmLoaderHooks: false`: ES modules are not instrumented, whatever the order of loading.
- `enabled: false`, or an empty `dsn`: nothing is sent.
- neither `tracesSampleRate` nor `tracesSampler`: no spans are recorded; errors are still sent.

Only what the text of the call shows is seen: an option that comes from elsewhere is not."#,
};

pub(crate) fn init_options(graph: &Graph<'_>, run: &Run) -> Vec<Diagnostic> {
    let diagnostics = run.options.iter().map(|(place, lost)| {
        let (message, hint) = match lost {
            LostBy::NoLoaderHooks => (
                "ES modules are not instrumented: `registerEsmLoaderHooks` is `false`",
                "remove `registerEsmLoaderHooks: false`",
            ),
            LostBy::Disabled => ("nothing is sent to Sentry: `enabled` is `false`", "remove `enabled: false`"),
            LostBy::NoDsn => {
                ("nothing is sent to Sentry: `dsn` is empty", "give `Sentry.init()` the DSN of your project")
            }
            LostBy::NoTracing => (
                "no spans are recorded: `tracesSampleRate` is missing",
                "set `tracesSampleRate` or `tracesSampler` if you want spans",
            ),
        };
        with_place(Diagnostic::new(&CODE, message), graph, place, "").hint(hint)
    });
    diagnostics.collect()
}
