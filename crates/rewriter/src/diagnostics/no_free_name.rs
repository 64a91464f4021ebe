//! `no-free-name`: there is no free file name beside the entry.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "no-free-name",
    severity: Severity::Error,
    summary: "there is no free file name beside the entry",
    explanation: r#"The original entry moves aside under a name that no file has. Where modules of the build import the
entry back, the name has to be as long as the old one, so that the positions in their source maps
stay true. Every candidate is taken."#,
};

pub(crate) fn no_free_name(file: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("every name that `{file}` could move to is taken"))
        .hint("build again into an empty output directory")
}
