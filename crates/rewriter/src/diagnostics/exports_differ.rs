//! `exports-differ`: the facade would not export what the entry exports.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "exports-differ",
    severity: Severity::Error,
    summary: "the facade would not export what the entry exports",
    explanation: r#"The facade is parsed again and its export names are compared with those of the entry. They differ,
so nothing is written. This is a defect of presentry: please report it with the entry's last lines."#,
};

pub(crate) fn exports_differ(entry: &ModulePath, expected: &[String], found: &[String]) -> Diagnostic {
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Diagnostic::new(&CODE, format!("`{entry}` exports {}, its facade would export {}", list(expected), list(found)))
        .hint("please report this with the `export` statements of the entry")
}
