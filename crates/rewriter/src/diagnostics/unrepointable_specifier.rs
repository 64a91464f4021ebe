//! `unrepointable-specifier`: an import of the entry cannot be made to name the moved entry.

use presentry_parser::Span;

use super::{Code, Diagnostic, Severity};
use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "unrepointable-specifier",
    severity: Severity::Error,
    summary: "an import of the entry cannot be made to name the moved entry",
    explanation: r#"A module of the runtime imports the entry back. It has to import the moved entry instead, or it
waits for itself. The specifier cannot be changed without moving the rest of the line, to which a
source map points, or it leaves the server directory and comes back by that directory's name.
Bundlers do not write such specifiers."#,
};

pub(crate) fn unrepointable_specifier(module: &Module, span: Span) -> Diagnostic {
    Diagnostic::new(&CODE, format!("an import of the entry in `{}` cannot be repointed", module.path))
        .label(module.label(span, ""))
        .hint(
            "spell the specifier plainly, as `../index.mjs`, without escapes that span lines and inside the directory",
        )
}
