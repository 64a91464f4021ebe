//! `trace-needs-node`: the server of a build does not run on Node.js.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "trace-needs-node",
    severity: Severity::Error,
    summary: "`presentry trace` watches module hooks of Node.js, and the build is for another runtime",
    explanation: r#"Bun and Deno run the facade, and the static proof holds for them as well. But their module hooks are
not those of Node.js: there is nothing through which a run could show what Sentry saw."#,
};

/// `runtime` is the name that its makers use.
pub(crate) fn diagnostic(preset: &str, runtime: &str) -> Diagnostic {
    let message = format!("the preset `{preset}` is for {runtime}, whose module hooks cannot be watched");
    Diagnostic::new(&CODE, message).hint("`presentry check` proves the order without running anything")
}
