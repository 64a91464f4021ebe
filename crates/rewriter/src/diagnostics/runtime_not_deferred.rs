//! `runtime-not-deferred`: the entry loads no module of the build dynamically, so the runtime is in its static closure.

use super::{Code, Diagnostic, Severity};
use crate::{diagnostics::Stage, sources::ModulePath};

pub(super) static CODE: Code = Code {
    name: "runtime-not-deferred",
    severity: Severity::Error,
    summary: "the entry loads no module of the build dynamically, so the runtime is in its static closure",
    explanation: r#"A proven entry is a small facade that loads the runtime by `import()`. This entry imports nothing of
the build that way: the runtime is in the entry itself, and its imports were linked before
`Sentry.init()` could run."#,
};

pub(crate) fn runtime_not_deferred(entry: &ModulePath, stage: &Stage) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{entry}` is the runtime itself: it loads no module of the build by `import()`"))
        .hint(super::advice(stage, |instrumentation| {
            format!("let `{instrumentation}` be a module of its own, beside the entry")
        }))
}
