//! `live-binding`: an export changes after the runtime was evaluated, and the facade passes on its first value.

use super::{Code, Diagnostic, Severity};
use presentry_parser::Span;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "live-binding",
    severity: Severity::Warning,
    summary: "an export changes after the runtime was evaluated, and the facade passes on its first value",
    explanation: r#"The facade takes each export once, after `await import()`. An export that the runtime assigns again
later keeps its first value for importers of the facade."#,
};

pub(crate) fn live_binding(export: &str, module: &Module, write: Span) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("the export `{export}` is assigned in a function, and importers will not see the new value"),
    )
    .label(module.label(write, "assigned here"))
    .hint("export a function or an object that holds the changing value")
}
