//! `instrumentation-shares-runtime`: the instrumentation imports something from the runtime.

use super::{Code, Diagnostic, Severity, Subject};
use crate::graph::Module;
use presentry_parser::ModuleRequest;

pub(super) static CODE: Code = Code {
    name: "instrumentation-shares-runtime",
    severity: Severity::Error,
    summary: "the instrumentation imports something from the runtime",
    explanation: r#"When the instrumentation and the app use the same module, Rollup puts it into the chunk of the
runtime, and the inlined instrumentation imports that chunk statically: everything is loaded before
`Sentry.init()`. An instrumentation that is a file of its own has its own copy."#,
};

pub(crate) fn instrumentation_shares_runtime(module: &Module, request: &ModuleRequest) -> Diagnostic {
    let specifier = &request.specifier.value;
    Diagnostic::new(&CODE, format!("the instrumentation in `{}` imports from the runtime, `{specifier}`", module.path)).about(Subject::UnfitInstrumentation)
        .label(module.label(request.statement, ""))
        .hint("build without `autoInjectServerSentry`, so that the instrumentation is a file of its own, and run `presentry` again")
}
