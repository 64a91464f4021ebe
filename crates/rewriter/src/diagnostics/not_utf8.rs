//! `not-utf8`: a module of the build is not UTF-8.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "not-utf8",
    severity: Severity::Error,
    summary: "a module of the build is not UTF-8",
    explanation: r#"ECMAScript modules are UTF-8 text. Node would read the broken bytes as replacement characters;
editing such a file would lose them, so it is left alone."#,
};

pub(crate) fn not_utf8(path: &ModulePath, offset: usize) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{path}` is not UTF-8 at byte {offset}"))
        .hint("build again, or convert the file to UTF-8")
}
