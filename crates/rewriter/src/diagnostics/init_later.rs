//! `init-later`: the start of Sentry comes at a time that is not known, and the runtime does not wait for it.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{
    graph::Graph,
    order::{Run, Why},
};

pub(super) static CODE: Code = Code {
    name: "init-later",
    severity: Severity::Error,
    summary: "Sentry starts at some later time, and the runtime does not wait for it",
    explanation: r#"The call stands where the evaluation of the instrumentation does not wait for it: behind an `await`
in an async function that nothing awaits, in a callback of a timer or an event, in a function that
is handed to other code. The runtime is loaded meanwhile.

Await the function at the top level of the instrumentation (`await main()`), or call `Sentry.init()`
before the first `await` in it."#,
};

pub(crate) fn init_later(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(&CODE, "Sentry starts at some later time, and the runtime does not wait for it");
    for (place, why) in &run.late {
        diagnostic = with_place(diagnostic, graph, place, reason(*why));
    }
    diagnostic.hint("await the call at the top level of the instrumentation, or call `Sentry.init()` there")
}

/// Why a start does not count.
pub(super) fn reason(why: Why) -> &'static str {
    match why {
        Why::NotAwaited => "behind an `await` that the module does not wait for",
        Why::Callback => "in a function that other code may call at some time",
        Why::Generator => "in a generator that is not iterated",
        Why::NeverCalled => "in a function that nothing calls",
    }
}
