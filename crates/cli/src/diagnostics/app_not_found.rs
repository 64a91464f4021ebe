//! `app-not-found`: the directory of the app is not there.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "app-not-found",
    severity: Severity::Error,
    summary: "the directory of the app is not there",
    explanation: r#"The first argument is the directory in which the app is built; without one it is the current
directory. A word that is no command (`rewrite`, `check`, `trace`, `inspect`, `restore`, `explain`)
is taken for that directory, too."#,
};

/// `app` is the directory that was named.
pub(crate) fn diagnostic(app: &Path) -> Diagnostic {
    Diagnostic::new(&CODE, format!("there is no directory `{}`", app.display()))
        .hint("name the directory of the app; the commands are `rewrite`, `check`, `trace`, `inspect`, `restore` and `explain`")
}
