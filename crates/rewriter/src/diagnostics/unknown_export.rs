//! `unknown-export`: a function to wrap is not exported by the entry.

use super::{Code, Diagnostic, Severity, Subject};

pub(super) static CODE: Code = Code {
    name: "unknown-export",
    severity: Severity::Error,
    summary: "a function to wrap is not exported by the entry",
    explanation: r#"The names given by `--wrap` or `experimental_entrypointWrappedFunctions` have to be exports of the
server entry. The message lists the names it exports."#,
};

/// `name` is none of `exports`, the names that the entry exports.
#[must_use]
pub fn unknown_export(name: &str, exports: &[String]) -> Diagnostic {
    let list = exports.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let list = if list.is_empty() { "nothing".to_owned() } else { list };
    Diagnostic::new(&CODE, format!("`{name}` is no export of the entry, which exports {list}"))
        .about(Subject::Export(name.to_owned()))
        .hint("name the functions that the platform calls")
}
