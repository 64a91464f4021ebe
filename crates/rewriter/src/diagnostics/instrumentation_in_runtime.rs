//! `instrumentation-in-runtime`: the code that starts Sentry cannot be taken out of the module it stands in.

use super::{Code, Diagnostic, Severity, Subject};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "instrumentation-in-runtime",
    severity: Severity::Error,
    summary: "the code that starts Sentry cannot be taken out of the module it stands in",
    explanation: r#"With `autoInjectServerSentry: "experimental_dynamic-import"` the SDK lets Rollup place the instrumentation. With some
versions of Nitro it lands in the chunk that holds the runtime, and shares its scope: it cannot run before the runtime's
imports, and it cannot be split out without guessing."#,
};

pub(crate) fn instrumentation_in_runtime(module: &ModulePath, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`Sentry.init()` stands in `{module}` and cannot be taken out: {reason}")).about(Subject::UnfitInstrumentation)
        .hint("build without `autoInjectServerSentry`, so that the instrumentation is a file of its own, and run `presentry` again")
}
