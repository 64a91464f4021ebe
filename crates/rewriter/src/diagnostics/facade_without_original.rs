//! `facade-without-original`: the entry is a presentry facade, but the module behind it is not the one it was made for.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "facade-without-original",
    severity: Severity::Error,
    summary: "the entry is a presentry facade, but the module behind it is not the one it was made for",
    explanation: r#"The facade passes on the exports of the entry it replaced. The module behind it is missing or
exports something else now, and what the facade was made from is not known any more."#,
};

pub(crate) fn facade_without_original(entry: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{entry}` is a facade of presentry, but what stands behind it has changed"))
        .hint("build again, then run `presentry`")
}
