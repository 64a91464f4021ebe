//! `entry-cannot-await`: the host loads the entry by `require()`, where top-level await is an error.

use super::{Code, Diagnostic, Severity};
use crate::graph::Module;
use presentry_parser::Span;

pub(super) static CODE: Code = Code {
    name: "entry-cannot-await",
    severity: Severity::Error,
    summary: "the host loads the entry by `require()`, where top-level await is an error",
    explanation: r#"Node throws `ERR_REQUIRE_ASYNC_MODULE` when a module with top-level await in its static closure is
loaded by `require()`. The default facade awaits the runtime."#,
};

pub(crate) fn entry_cannot_await(module: Option<(&Module, Span)>, entry: &str) -> Diagnostic {
    let message = format!(
        "the host loads `{entry}` by `require()`, which fails with `ERR_REQUIRE_ASYNC_MODULE` at a top-level await"
    );
    let diagnostic = Diagnostic::new(&CODE, message);
    match module {
        Some((module, span)) => diagnostic
            .label(module.label(span, "the instrumentation awaits here"))
            .hint("move the `await` of the instrumentation into a function"),
        None => diagnostic.hint("use `--exports wrap`"),
    }
}
