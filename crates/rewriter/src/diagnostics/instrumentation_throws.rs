//! `instrumentation-throws`: the evaluation of the instrumentation always ends in an error.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{graph::Graph, order::Run};

pub(super) static CODE: Code = Code {
    name: "instrumentation-throws",
    severity: Severity::Error,
    summary: "the evaluation of the instrumentation always ends in an error",
    explanation: r#"On each path the instrumentation, or a module that it imports, throws an error that nothing catches,
so the server never starts. A name that ES modules lack, such as `require` or `__dirname`, is such
an error, too.

The labels show where the errors are thrown."#,
};

pub(crate) fn instrumentation_throws(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let when = if run.starts.is_empty() { "before it starts Sentry" } else { "after it starts Sentry" };
    let module = run.thrown.first().map(|place| place.module.to_string()).unwrap_or_default();
    let message = format!("`{module}` always throws {when}, so the server never starts");
    let diagnostic = Diagnostic::new(&CODE, message);
    let diagnostic = run
        .thrown
        .iter()
        .fold(diagnostic, |diagnostic, place| with_place(diagnostic, graph, place, "nothing catches this"));
    diagnostic.hint("catch the error, or throw it only where the server shall not start")
}
