//! `unresolved-star-export`: an `export *` names something whose exports cannot be known.

use super::{Code, Diagnostic, Label, Severity};
use presentry_parser::ModuleRequest;

use crate::graph::Linked;

pub(super) static CODE: Code = Code {
    name: "unresolved-star-export",
    severity: Severity::Error,
    summary: "an `export *` names something whose exports cannot be known",
    explanation: r#"The facade lists every export of the entry by name. `export * from "package"` hides the names in a
package outside of the build's modules, so that they cannot be listed."#,
};

pub(crate) fn unresolved_star_export(module: &Linked, request: &ModuleRequest) -> Diagnostic {
    let specifier = &request.specifier.value;
    Diagnostic::new(&CODE, format!("the names that `export *` takes from `{specifier}` cannot be known"))
        .label(Label::new(module.path(), module.text(), request.statement, "the exports of the entry depend on it"))
        .hint("export the names one by one in the source")
}
