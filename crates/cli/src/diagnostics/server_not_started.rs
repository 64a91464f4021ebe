//! `server-not-started`: the server that was to be watched did not come up.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "server-not-started",
    severity: Severity::Error,
    summary: "the server that was to be watched did not come up",
    explanation: r#"`presentry trace` starts the server as its host does, in the directory of the app and with the
environment of the shell. It has to listen, or for functions the entry has to be loaded, within the
time that `--timeout` allows. What the server printed last is shown with the error, and all of it
with `-v`.

Often a variable that the host sets is missing, or a package that was not collected into the build."#,
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
