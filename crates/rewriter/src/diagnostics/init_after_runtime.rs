//! `init-after-runtime`: the runtime is loaded, and Sentry starts after it.

use super::{Code, Diagnostic, Severity, Subject, with_place};
use crate::{graph::Graph, order::Run};

pub(super) static CODE: Code = Code {
    name: "init-after-runtime",
    severity: Severity::Error,
    summary: "the runtime is loaded before Sentry starts",
    explanation: r#"Something that is evaluated before the call of `Sentry.init()` loads the runtime: an `import()` in
the entry, in the instrumentation or in a module that it imports. The libraries of the runtime are
loaded without Sentry's hooks then.

The labels show the loads, and where Sentry starts."#,
};

pub(crate) fn init_after_runtime(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(&CODE, "the runtime is loaded before Sentry starts");
    for place in &run.early {
        diagnostic = with_place(diagnostic, graph, place, "the runtime is loaded here");
    }
    for (place, _) in &run.starts {
        diagnostic = with_place(diagnostic, graph, place, "Sentry starts here");
    }
    diagnostic
        .about(Subject::UnfitInstrumentation)
        .hint("load the runtime after `Sentry.init()`, or not at all: the facade loads it")
}
