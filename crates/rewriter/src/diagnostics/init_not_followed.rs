//! `init-not-followed`: whether Sentry starts first depends on code that could not be followed.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{graph::Graph, order::Run, sources::ModulePath};

pub(super) static CODE: Code = Code {
    name: "init-not-followed",
    severity: Severity::Error,
    summary: "whether Sentry starts first depends on code that could not be followed",
    explanation: r#"The proof follows the code of the instrumentation. It does not follow `eval`, an `import()` of a
name that is put together at run time, functions of packages that are given `Sentry.init`, or code
with very many steps. What it cannot follow may load the runtime and never starts Sentry.

Write the call in a simpler form, best at the top level of the instrumentation. If you know that
Sentry starts first, `--trust-init` vouches for it; `presentry trace` shows whether it is true."#,
};

pub(crate) fn init_not_followed(graph: &Graph<'_>, entry: &ModulePath, run: &Run) -> Diagnostic {
    let message = if run.exhausted {
        format!("what is evaluated before the runtime has too many steps to follow, from `{entry}` on")
    } else {
        format!("whether Sentry starts first cannot be followed, from `{entry}` on")
    };
    let mut diagnostic = Diagnostic::new(&CODE, message);
    for place in &run.doubtful {
        diagnostic = with_place(diagnostic, graph, place, "this may load the runtime");
    }
    if run.doubtful.is_empty() {
        for place in &run.unknown {
            diagnostic = with_place(diagnostic, graph, place, "this cannot be followed");
        }
    }
    for (place, _) in &run.starts {
        diagnostic = with_place(diagnostic, graph, place, "Sentry starts here");
    }
    diagnostic
        .hint("call `Sentry.init()` first, or pass `--trust-init` and see by `presentry trace` whether it is true")
}
