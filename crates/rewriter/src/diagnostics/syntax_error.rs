//! `syntax-error`: a module of the build cannot be parsed.

use super::{Code, Diagnostic, Severity};
use presentry_parser::SyntaxError;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "syntax-error",
    severity: Severity::Error,
    summary: "a module of the build cannot be parsed",
    explanation: r#"A module that matters for the proof is not a valid ECMAScript module. Node would refuse it, too."#,
};

pub(crate) fn syntax_error(module: &Module, error: &SyntaxError) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{}` is no valid module: {}", module.path, error.message))
        .label(module.label(error.span, ""))
        .hint("build again; if Node accepts this file, please report it with the line above")
}
