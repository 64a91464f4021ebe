//! `server-not-started`: the server that was to be watched did not come up.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "server-not-started",
    severity: Severity::Error,
    summary: "the server that was to be watched did not come up",
    explanation: r#"`presentry trace` starts the server as its host does, in the directory of the app. The server has to
listen within the time that `--timeout` allows; for functions the entry has to be loaded. The last
lines that the server printed are shown with the error, and all of them with `-v`.

Often a variable is missing: the server does not get those of your shell, unless `--env NAME` or
`--env-file FILE` gives them. Or a package is missing that was not collected into the build."#,
};

/// The process ended; `how` follows its name.
pub(crate) fn ended(command: &str, how: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the server {how} before it was up"))
        .hint(format!("see whether `{command}` starts it"))
}

/// It took too long.
pub(crate) fn too_late(command: &str, seconds: u64) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the server was not up after {seconds} s"))
        .hint(format!("give it longer with `--timeout`, or see whether `{command}` starts it"))
}
