//! `entry-url`: a module of the build names the entry by its URL.

use super::{Code, Diagnostic, Severity};
use presentry_parser::Span;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "entry-url",
    severity: Severity::Warning,
    summary: "a module of the build names the entry by its URL",
    explanation: r#"`new URL("./index.mjs", import.meta.url)` and `import.meta.resolve()` name a file, they do not load
it. The name is left alone, so it means the facade now. That is right for a worker or a child
process, which needs Sentry first as well; code that reads or imports the file by that URL gets the
facade."#,
};

pub(crate) fn entry_url(module: &Module, span: Span) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{}` names the entry by its URL, which is the facade now", module.path))
        .label(module.label(span, ""))
        .hint("nothing to do when a worker or process is started from it")
}
