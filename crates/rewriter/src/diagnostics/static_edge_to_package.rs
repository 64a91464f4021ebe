//! `static-edge-to-package`: the static closure of the entry holds a package that the instrumentation does not import.

use super::{Code, Diagnostic, Severity};
use crate::{
    diagnostics::Stage,
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "static-edge-to-package",
    severity: Severity::Error,
    summary: "the static closure of the entry holds a package that the instrumentation does not import",
    explanation: r#"Rollup hoists bare imports such as `import "pg"` into the entry. Each of them is loaded before the
hooks of Sentry exist, and can never be instrumented.

The labels show the shortest import chain from the entry to the first such import."#,
};

pub(crate) fn static_edge_to_package(
    graph: &Graph<'_>,
    entry: &ModulePath,
    packages: &[&str],
    chain: &[Edge],
    stage: &Stage,
) -> Diagnostic {
    let names: Vec<String> = packages.iter().map(|package| format!("`{package}`")).collect();
    let message = format!("`{entry}` imports {} statically, before `Sentry.init()` can run", names.join(", "));
    super::with_chain(Diagnostic::new(&CODE, message), graph, chain).hint(super::advice(stage, |instrumentation| {
        format!("let `{instrumentation}` be a module of its own, which imports no library")
    }))
}
