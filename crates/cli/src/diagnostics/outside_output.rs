//! `outside-output`: a file that would have to be written is outside of the output directory.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "outside-output",
    severity: Severity::Error,
    summary: "a file that would have to be written is outside of the output directory",
    explanation: r#"A symbolic link in the build leads to a file elsewhere. That file may belong to another build, or to
the sources, so it is not written."#,
};

/// `link` is in the build, `target` is what it leads to.
pub(crate) fn diagnostic(link: &str, target: &Path) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{link}` leads to `{}`, outside of the output directory", target.display()))
        .hint("put a copy of the file in the place of the link")
}
