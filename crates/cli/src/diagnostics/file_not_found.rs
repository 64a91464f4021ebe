//! `file-not-found`: a file that was named on the command line is not there.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "file-not-found",
    severity: Severity::Error,
    summary: "a file that was named on the command line is not there",
    explanation: r#"The paths given to `--entry`, `--instrumentation` and `--env-file` are relative to the current
directory. The entry is a file of the finished build; the instrumentation is one as well, or a
source."#,
};

/// `option` is the option that named the file.
pub(crate) fn diagnostic(file: &Path, option: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{option}` names `{}`, which is no file", file.display()))
        .hint("paths are relative to the current directory")
}

/// The file is there, but its name is not text, so that no specifier can name it.
pub(crate) fn not_text(file: &Path) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the name of `{}` is not UTF-8, so that no module can import it", file.display()))
        .hint("give the file another name")
}
