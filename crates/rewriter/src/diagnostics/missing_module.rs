//! `missing-module`: a file that the server needs to start is not in the build.

use super::{Code, Diagnostic, Severity, Subject};
use crate::{
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "missing-module",
    severity: Severity::Error,
    summary: "a file that the server needs to start is not in the build",
    explanation: r#"Node ends with `ERR_MODULE_NOT_FOUND`. A static import of the entry, of the instrumentation or of
the runtime that the entry awaits names the file. A rebuild brings back what was deleted or left
behind when the output was copied. A directory is not a file that can be imported, and no version of
Node has a module with an unknown name such as `node:nothing`.

The SDK copies `instrument.server.mjs` into the build, but not the chunks that Vite split off it
when the app uses the same local module: they are left in `.vinxi/build/ssr/assets`."#,
};

pub(crate) fn missing_module(graph: &Graph<'_>, missing: &ModulePath, chain: &[Edge]) -> Diagnostic {
    let diagnostic = Diagnostic::new(&CODE, format!("`{missing}` is imported, but is not in the build"))
        .about(Subject::MissingModule);
    super::with_chain(diagnostic, graph, chain)
        .hint("copy it from `.vinxi/build/ssr`, or keep the instrumentation free of modules that the app imports, too")
}

/// The same for a file by the specifier that names it; both names are for people.
#[must_use]
pub fn missing_file(specifier: &str, importer: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{importer}` imports `{specifier}`, which is not in the build"))
        .about(Subject::MissingModule)
        .hint("build again, and copy the whole output directory; `presentry check` tells whether something is missing")
}
