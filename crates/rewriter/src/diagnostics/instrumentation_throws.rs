//! `instrumentation-throws`: the evaluation of the instrumentation always ends in an error.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{
    graph::{Graph, Module},
    order::Run,
};

pub(super) static CODE: Code = Code {
    name: "instrumentation-throws",
    severity: Severity::Error,
    summary: "the evaluation of the instrumentation always ends in an error",
    explanation: r#"On each path the instrumentation, or a module that it imports, throws an error that nothing catches,
so the server never starts. A name that ES modules lack, such as `require` or `__dirname`, is such
an error, too, and so is an import of a name that a module of the build does not export. A call of
`process.exit()` on each path has the same effect.

The labels show where the errors are thrown."#,
};

pub(crate) fn instrumentation_throws(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let when = if run.starts.is_empty() { "before it starts Sentry" } else { "after it starts Sentry" };
    let module = run.thrown.first().map(|place| place.module.to_string()).unwrap_or_default();
    if run.thrown.is_empty() {
        return ends_the_process(graph, run);
    }
    let message = format!("`{module}` always throws {when}, so the server never starts");
    let diagnostic = Diagnostic::new(&CODE, message);
    let diagnostic = run
        .thrown
        .iter()
        .fold(diagnostic, |diagnostic, place| with_place(diagnostic, graph, place, "nothing catches this"));
    diagnostic.hint("catch the error, or throw it only where the server shall not start")
}

fn ends_the_process(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let module = run.ended.first().map(|place| place.module.to_string()).unwrap_or_default();
    let message = format!("`{module}` always ends the process, so the server never starts");
    let diagnostic = Diagnostic::new(&CODE, message);
    let diagnostic = run.ended.iter().fold(diagnostic, |diagnostic, place| with_place(diagnostic, graph, place, ""));
    diagnostic.hint("end the process only where the server shall not start")
}

/// The import entry with this index names no export of the module that it imports.
pub(crate) fn missing_export(module: &Module, import: usize) -> Diagnostic {
    let import = &module.record.import_entries[import];
    let request = &module.record.requested_modules[import.request];
    let name = match &import.import_name {
        presentry_parser::ImportName::Name(name) => name.value.as_str(),
        _ => &import.local_name,
    };
    let (path, specifier) = (&module.path, &request.specifier.value);
    let message = format!("`{specifier}` does not export `{name}`, which `{path}` imports, so the server never starts");
    Diagnostic::new(&CODE, message)
        .label(module.label(request.statement, ""))
        .hint("import a name that the module exports, and build the app again")
}
