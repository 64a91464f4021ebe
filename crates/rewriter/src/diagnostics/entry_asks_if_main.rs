//! `entry-asks-if-main`: the entry asks whether it is the module that the process was started with.

use super::{Code, Diagnostic, Severity};
use presentry_parser::Span;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "entry-asks-if-main",
    severity: Severity::Warning,
    summary: "the entry asks whether it is the module that the process was started with",
    explanation: r#"Behind the facade the entry has another URL than the one that the process was started with, so that `import.meta.main` is
false, and its own URL differs from `process.argv[1]`."#,
};

pub(crate) fn entry_asks_if_main(module: &Module, span: Span) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("`{}` asks whether it is the main module, and behind the facade it is not", module.path),
    )
    .label(module.label(span, ""))
    .hint("check what the entry does when it is imported")
}
