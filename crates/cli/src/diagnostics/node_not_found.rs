//! `node-not-found`: there is no Node.js to start the server with.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "node-not-found",
    severity: Severity::Error,
    summary: "there is no Node.js to start the server with",
    explanation: r#"`presentry trace` starts the real server, with the `node` that is found on PATH or with the program
that `--node` names. The other commands only read and write files, and need no Node.js."#,
};

/// `named` is what `--node` says.
pub(crate) fn diagnostic(named: Option<&str>) -> Diagnostic {
    let (message, hint) = match named {
        Some(named) => (
            format!("`{named}` is no program that can be started"),
            "let `--node` name the executable of Node.js 20 or later",
        ),
        None => (
            "there is no `node` on PATH".to_owned(),
            "install Node.js 20 or later (https://nodejs.org), or name its executable with `--node`",
        ),
    };
    Diagnostic::new(&CODE, message).hint(hint)
}
