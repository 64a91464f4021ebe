//! `instrumentation-name`: the source of the instrumentation reads a name that nothing defines.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Label, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-name",
    severity: Severity::Error,
    summary: "the source of the instrumentation reads a name that nothing defines",
    explanation: r#"presentry compiles the source of the instrumentation without the bundler of the app. A name that
only the bundler knows is declared nowhere then: one of `define` (Vite) or `replace` (Nitro), or an
auto-import such as `useRuntimeConfig` of Nuxt. The server would end with a `ReferenceError` when it
starts.

Import the function, read an environment variable (`process.env.RELEASE`), or use `globalThis.NAME`
where something else sets it. A name may be missing where the source tests for that:
`typeof NAME === "undefined"`, or a `try` around it. An instrumentation that needs the bundler has
to be built by it: name the built file with `--instrumentation`."#,
};

/// `names` are read at `labels`, one for each.
pub(crate) fn diagnostic(names: &[String], labels: Vec<Label>) -> Diagnostic {
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("the instrumentation reads {}, which nothing defines", listed.join(", "));
    let hint = "what the bundler defines or imports by itself is not there when presentry compiles the source: import it, or \
                read `process.env`";
    labels.into_iter().fold(Diagnostic::new(&CODE, message), Diagnostic::label).hint(hint)
}
