//! `init-not-reached`: there is a call of `init`, and no path leads to it.

use super::{Code, Diagnostic, Label, Severity, init_later::reason, with_place};
use crate::{graph::Graph, order::Run, sources::ModulePath};

pub(super) static CODE: Code = Code {
    name: "init-not-reached",
    severity: Severity::Error,
    summary: "nothing that is evaluated before the runtime starts Sentry",
    explanation: r#"A call of `Sentry.init()` is there, but evaluating the instrumentation does not reach it: it stands
in a function that nothing calls, after a `return` or `throw`, in a branch that is never taken, or
in a `catch` that runs only when something else fails."#,
};

pub(crate) fn init_not_reached(graph: &Graph<'_>, entry: &ModulePath, run: &Run) -> Diagnostic {
    let mut diagnostic = not_reached(entry);
    for (place, why) in &run.late {
        diagnostic = with_place(diagnostic, graph, place, reason(*why));
    }
    for (place, _) in run.starts.iter().filter(|(place, _)| !run.late.iter().any(|(late, _)| late == place)) {
        diagnostic = with_place(diagnostic, graph, place, "reached only when something else fails");
    }
    diagnostic.hint(HINT)
}

/// The same where the text alone decides that no path leads to the `calls`.
pub(crate) fn init_not_called(entry: &ModulePath, calls: &[Label]) -> Diagnostic {
    calls.iter().cloned().fold(not_reached(entry), Diagnostic::label).hint(HINT)
}

const HINT: &str = "call `Sentry.init()` at the top level of the instrumentation";

fn not_reached(entry: &ModulePath) -> Diagnostic {
    let message = format!("nothing that `{entry}` evaluates before the runtime reaches the start of Sentry");
    Diagnostic::new(&CODE, message)
}
