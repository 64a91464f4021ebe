//! `missing-module`: a static import in the closure of the entry names a file that is not in the build.

use super::{Code, Diagnostic, Severity};
use crate::{
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "missing-module",
    severity: Severity::Error,
    summary: "a static import in the closure of the entry names a file that is not in the build",
    explanation: r#"Node ends with `ERR_MODULE_NOT_FOUND` before Sentry can start. The SDK copies `instrument.server.mjs` into the build, but not
the chunks that Vite split off it when the app uses the same local module: they are left in `.vinxi/build/ssr/assets`."#,
};

pub(crate) fn missing_module(graph: &Graph<'_>, missing: &ModulePath, chain: &[Edge]) -> Diagnostic {
    let diagnostic = Diagnostic::new(&CODE, format!("`{missing}` is imported, but is not in the build"));
    super::with_chain(diagnostic, graph, chain)
        .hint("copy it from `.vinxi/build/ssr`, or keep the instrumentation free of modules that the app imports, too")
}
