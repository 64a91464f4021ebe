//! `static-edge-to-runtime`: the static closure of the entry reaches the runtime.

use super::{Code, Diagnostic, Severity, Subject};
use crate::{
    diagnostics::Stage,
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "static-edge-to-runtime",
    severity: Severity::Error,
    summary: "the static closure of the entry reaches the runtime",
    explanation: r#"A static import is linked before the first line of the entry runs. One such import of the runtime is
enough: the runtime, and every library it imports, is loaded before Sentry's hooks exist, wherever
`Sentry.init()` is called.

The labels show the shortest import chain from the entry."#,
};

pub(crate) fn static_edge_to_runtime(
    graph: &Graph<'_>,
    entry: &ModulePath,
    to: &ModulePath,
    chain: &[Edge],
    stage: &Stage,
) -> Diagnostic {
    let message = format!("`{entry}` reaches `{to}` by static imports, before `Sentry.init()` can run");
    super::with_chain(Diagnostic::new(&CODE, message), graph, chain).about(Subject::UnfitInstrumentation).hint(super::advice(stage, |instrumentation| {
        format!(
            "`{instrumentation}` imports a part of the runtime: move what it needs into a module that the server does not use, \
             or name the source of the instrumentation with `--instrumentation`"
        )
    }))
}
