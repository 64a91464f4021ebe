//! `init-by-require`: Sentry is started by a copy of the SDK that registers no hooks for ES modules.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{graph::Graph, order::Place};

pub(super) static CODE: Code = Code {
    name: "init-by-require",
    severity: Severity::Warning,
    summary: "Sentry is started by `require()`, so ES modules are not instrumented",
    explanation: r#"Up to version 10 the SDK has its code twice: as ES modules and as CommonJS. `init` of the CommonJS
code registers no hooks for ES modules. Errors are sent, and libraries that are CommonJS are
instrumented, but libraries that are ES modules are not, whenever they are loaded. `require()` and
`createRequire()` give that code, and so does a CommonJS package that starts Sentry.

`presentry` has the server register the hooks if the SDK has an entry that does it,
`@sentry/node/import`. If it has none, import the SDK, or register the hooks before it starts:
`import "@sentry/node/import"`."#,
};

pub(crate) fn init_by_require(graph: &Graph<'_>, place: &Place, specifier: &str) -> Diagnostic {
    let message = format!("ES modules are not instrumented: `require()` of `{specifier}` registers no hooks for them");
    with_place(Diagnostic::new(&CODE, message), graph, place, "Sentry is started here").hint(
        "import it in place of `require()`, or write `import \"@sentry/node/import\";` first in the instrumentation",
    )
}
