//! `instrumentation-imports-elsewhere`: the instrumentation imports a path outside of the build.

use super::{Code, Diagnostic, Severity};
use crate::graph::Module;
use presentry_parser::ModuleRequest;

pub(super) static CODE: Code = Code {
    name: "instrumentation-imports-elsewhere",
    severity: Severity::Error,
    summary: "the instrumentation imports a path outside of the build",
    explanation: r#"The SDK's `experimental_dynamic-import` has Nitro bundle the instrumentation, and with it packages that cannot be bundled.
`import-in-the-middle` is one: what is left of it imports a file by the path it had on the machine of the build, and the
server ends with `ERR_MODULE_NOT_FOUND` before it has begun.

Where the sources are at hand, presentry compiles the instrumentation from them instead, with packages left alone."#,
};

pub(crate) fn instrumentation_imports_elsewhere(module: &Module, request: &ModuleRequest) -> Diagnostic {
    let specifier = &request.specifier.value;
    Diagnostic::new(
        &CODE,
        format!("the instrumentation in `{}` imports `{specifier}`, outside of the build", module.path),
    )
    .label(module.label(request.statement, ""))
    .hint("run `presentry` where the sources of the app are, or build without `autoInjectServerSentry`")
}
