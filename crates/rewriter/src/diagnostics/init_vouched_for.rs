//! `init-vouched-for`: the start of Sentry was not proven, and `--trust-init` vouches for it.

use super::{Code, Diagnostic, Severity, init_later::reason, with_place};
use crate::{graph::Graph, order::Run, sources::ModulePath};

pub(super) static CODE: Code = Code {
    name: "init-vouched-for",
    severity: Severity::Warning,
    summary: "the start of Sentry was not proven; `--trust-init` vouches for it",
    explanation: r#"The proof could not show that Sentry starts before the runtime, and the option `--trust-init` says
that it does. Everything else was proven: nothing that is loaded statically is in the way.
`presentry trace` shows whether it is true.

A build in which the runtime is certainly loaded first cannot be vouched for."#,
};

pub(crate) fn init_vouched_for(graph: &Graph<'_>, entry: &ModulePath, run: &Run) -> Diagnostic {
    let message = format!("that Sentry starts first is vouched for, not proven, from `{entry}` on");
    let mut diagnostic = Diagnostic::new(&CODE, message);
    for (place, why) in &run.late {
        diagnostic = with_place(diagnostic, graph, place, reason(*why));
    }
    for place in &run.doubtful {
        diagnostic = with_place(diagnostic, graph, place, "this may load the runtime");
    }
    diagnostic.hint("run `presentry trace` to see whether it is true")
}
