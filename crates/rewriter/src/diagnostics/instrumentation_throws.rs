//! `instrumentation-throws`: the evaluation of the instrumentation always ends in an error.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{
    graph::Graph,
    linking::{Unlinkable, Unlinked},
    order::{Place, Run},
};

pub(super) static CODE: Code = Code {
    name: "instrumentation-throws",
    severity: Severity::Error,
    summary: "the evaluation of the instrumentation always ends in an error",
    explanation: r#"On each path the instrumentation, or a module that it imports, throws an error that nothing catches,
so the server never starts. A name that ES modules lack, such as `require` or `__dirname`, is such
an error, too, and so is an import that Node cannot link: of a name that a module of the build does
not export, of JSON without `with { type: "json" }`, of a file of another kind. A call of
`process.exit()` on each path has the same effect, and so has an `await` of a promise that nothing
settles: Node ends with exit code 13.

The labels show where this happens."#,
};

pub(crate) fn instrumentation_throws(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let when = if run.starts.is_empty() { "before it starts Sentry" } else { "after it starts Sentry" };
    let always = |places: &[Place], what: &str, label: &str, hint: &str| {
        let module = places.first().map_or("the instrumentation".to_owned(), |place| format!("`{}`", place.module));
        let diagnostic = Diagnostic::new(&CODE, format!("{module} always {what}, so the server never starts"));
        let labelled = places.iter().fold(diagnostic, |all, place| with_place(all, graph, place, label));
        labelled.hint(hint)
    };
    if run.thrown.is_empty() && !run.ended.is_empty() {
        return always(&run.ended, "ends the process", "", "end the process only where the server shall not start");
    }
    if run.thrown.is_empty() && !run.stuck.is_empty() {
        let hint = "settle the promise, or do not await it: Node ends with exit code 13 here";
        return always(&run.stuck, "waits for ever", "nothing settles this promise", hint);
    }
    let hint = "catch the error, or throw it only where the server shall not start";
    always(&run.thrown, &format!("throws {when}"), "nothing catches this", hint)
}

/// A request that keeps Node from linking the instrumentation.
pub(crate) fn unlinkable(found: &Unlinkable) -> Diagnostic {
    let (path, specifier) = (&found.importer.path, &found.specifier);
    let (code, what, hint) = match &found.why {
        Unlinked::NoExport(name) => (
            &CODE,
            format!("`{specifier}` does not export `{name}`, which `{path}` imports"),
            "import a name that the module exports, and build the app again",
        ),
        Unlinked::NoAttribute => (
            &CODE,
            format!("`{path}` imports `{specifier}` without `with {{ type: \"json\" }}`"),
            "add `with { type: \"json\" }` to the import, or let the bundler inline the file",
        ),
        Unlinked::WrongAttribute => (
            &CODE,
            format!("`{path}` imports `{specifier}` as JSON, which it is not"),
            "take the attribute off the import",
        ),
        Unlinked::UnknownExtension => (
            &CODE,
            format!("`{path}` imports `{specifier}`, and Node knows no modules with this extension"),
            "read the file with `node:fs`, or let the bundler inline it",
        ),
        Unlinked::Syntax(error) => (
            &super::syntax_error::CODE,
            format!("`{path}` imports `{specifier}`, which Node cannot read: {error}"),
            "mend the file; a file that Node runs as CommonJS cannot have `import` and `export`",
        ),
        Unlinked::NoBuiltin => (
            &super::missing_module::CODE,
            format!("`{path}` imports `{specifier}`, which Node does not have"),
            "import a module that the Node of the server has",
        ),
        Unlinked::Missing => (
            &super::missing_module::CODE,
            format!("`{path}` imports `{specifier}`, which is not a file"),
            "import the file itself: ES modules cannot import a directory",
        ),
    };
    Diagnostic::new(code, format!("{what}, so the server never starts"))
        .label(found.importer.label(found.at, ""))
        .hint(hint)
}
