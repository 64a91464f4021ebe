//! `runtime-not-awaited`: the entry loads the runtime and does not wait for it.

use super::{Code, Diagnostic, Severity};
use crate::graph::Module;
use presentry_parser::Span;

pub(super) static CODE: Code = Code {
    name: "runtime-not-awaited",
    severity: Severity::Warning,
    summary: "the entry loads the runtime and does not wait for it",
    explanation: r#"Sentry handles the rejection of an `import()` that nothing awaits, also of one in a function that
the entry calls. Where the runtime fails while it is loaded, the process then ends with exit code 0
and no server, which a platform counts as a success.

A facade that presentry wrote ends with exit code 1 instead."#,
};

pub(crate) fn runtime_not_awaited(module: &Module, span: Span) -> Diagnostic {
    let message =
        format!("`{}` does not wait for the runtime: if it fails, the process ends with exit code 0", module.path);
    Diagnostic::new(&CODE, message)
        .label(module.label(span, ""))
        .hint("write `await` before the `import()`, or run `presentry`, which sees to the exit code")
}
