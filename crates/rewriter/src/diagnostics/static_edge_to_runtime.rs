//! `static-edge-to-runtime`: the static closure of the entry reaches the runtime.

use super::{Code, Diagnostic, Severity};
use crate::{
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "static-edge-to-runtime",
    severity: Severity::Error,
    summary: "the static closure of the entry reaches the runtime",
    explanation: r#"A static import is linked before the first line of the entry runs. One such edge to the runtime is enough: the runtime, and
every library it imports, is loaded before the hooks of Sentry exist, wherever the call of `Sentry.init()` stands.

The labels show the shortest import chain from the entry."#,
};

pub(crate) fn static_edge_to_runtime(
    graph: &Graph<'_>,
    entry: &ModulePath,
    to: &ModulePath,
    chain: &[Edge],
) -> Diagnostic {
    let message = format!("`{entry}` reaches `{to}` by static imports, before `Sentry.init()` can run");
    super::with_chain(Diagnostic::new(&CODE, message), graph, chain).hint("run `presentry` on the build")
}
