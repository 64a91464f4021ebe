//! `instrumentation-imports-elsewhere`: the instrumentation imports a path outside of the build.

use super::{Code, Diagnostic, Severity, Subject};
use crate::graph::{Edge, Graph, Module};
use presentry_parser::ModuleRequest;

pub(super) static CODE: Code = Code {
    name: "instrumentation-imports-elsewhere",
    severity: Severity::Error,
    summary: "the instrumentation imports a path outside of the build",
    explanation: r#"The SDK's `experimental_dynamic-import` has Nitro bundle the instrumentation, and with it packages
that cannot be bundled. `import-in-the-middle` is one: its bundled code imports a file by its path
on the build machine, and the server ends with `ERR_MODULE_NOT_FOUND` as it starts.

presentry does not read what lies outside of the server directory, and it may load the runtime. That
holds for a path, for a URL, and for a name that the `imports` or `exports` of the build's
`package.json` do not resolve.

If the sources are there, presentry compiles the instrumentation from them instead, and leaves
packages as they are."#,
};

pub(crate) fn instrumentation_imports_elsewhere(module: &Module, request: &ModuleRequest) -> Diagnostic {
    let specifier = &request.specifier.value;
    Diagnostic::new(
        &CODE,
        format!("the instrumentation in `{}` imports `{specifier}`, outside of the build", module.path),
    )
    .about(Subject::UnfitInstrumentation)
    .label(module.label(request.statement, ""))
    .hint("run `presentry` where the sources of the app are, or build without `autoInjectServerSentry`")
}

/// The same for the last edge of a chain of imports.
pub(crate) fn imports_elsewhere(graph: &Graph<'_>, specifier: &str, chain: &[Edge]) -> Diagnostic {
    let importer = chain.last().map_or("", |edge| edge.from.as_str());
    let diagnostic = Diagnostic::new(&CODE, format!("`{importer}` imports `{specifier}`, outside of the build"))
        .about(Subject::UnfitInstrumentation);
    super::with_chain(diagnostic, graph, chain)
        .hint("put what it imports into the server directory, or import it as a package of the app")
}
