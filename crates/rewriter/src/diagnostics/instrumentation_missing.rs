//! `instrumentation-missing`: the instrumentation is not in the build.

use super::{Code, Diagnostic, Severity, Subject};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "instrumentation-missing",
    severity: Severity::Error,
    summary: "the instrumentation is not in the build",
    explanation: r#"The facade imports the instrumentation before anything else, so it has to be a file of the server
directory. The SDK copies `instrument.server.mjs` beside the entry when the config is wrapped in
`withSentry`."#,
};

pub(crate) fn instrumentation_missing(instrumentation: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{instrumentation}` is not there, or is no ES module")).about(Subject::MissingInstrumentation).hint(
        "wrap the config in `withSentry` so that the build emits it, or name the built file with `--instrumentation`",
    )
}
