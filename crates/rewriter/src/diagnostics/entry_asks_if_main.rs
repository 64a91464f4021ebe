//! `entry-asks-if-main`: the entry asks whether it is the module that the process was started with.

use super::{Code, Diagnostic, Severity};
use presentry_parser::Span;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "entry-asks-if-main",
    severity: Severity::Warning,
    summary: "the entry hands `import.meta` to other code, which may ask whether it is the main module",
    explanation: r#"Behind the facade the entry has another URL than the one that the process was started with. Where an
entry compares its own URL with `process.argv[1]`, or reads `import.meta.main`, the moved entry gets
what the facade in its place reads, so that it listens as before. `import.meta` as a whole becomes a
copy with the same values; code that does more with it than reading may notice."#,
};

pub(crate) fn entry_asks_if_main(module: &Module, span: Span) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("`{}` hands `import.meta` to other code, which gets a copy behind the facade", module.path),
    )
    .label(module.label(span, ""))
    .hint("start the rewritten server once, and see whether it listens")
}
