//! `double-init`: a start script, or the runtime, starts Sentry besides the instrumentation of the build.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Label, Severity};

pub(super) static CODE: Code = Code {
    name: "double-init",
    severity: Severity::Warning,
    summary: "Sentry is started a second time, outside of the instrumentation",
    explanation: r#"A script of `package.json` starts Node.js with `--import` (or `--require`) of a file that starts
Sentry, and the build starts Sentry as well. Two files are two modules, so `Sentry.init()` runs
twice: the second client replaces the first, and the setup of the first is lost or doubled.

The file that lies in the build runs once, whoever imports it, because it is one module at one URL.
With presentry no `--import` is needed at all.

The same happens where the app calls `Sentry.init()` in a Nitro plugin or in a module of the server.
A call that is meant for the browser, in a module that both share, is harmless if it is never
reached on the server."#,
};

/// `script` is the name of the script, `preload` what it says, and `instrumentation` the file in the build, from the
/// directory of the app.
pub(crate) fn diagnostic(package_json: &str, script: &str, preload: &str, instrumentation: &str) -> Diagnostic {
    let message = format!(
        "the script `{script}` in `{package_json}` says `{preload}`, which starts Sentry a second time: the build has `{instrumentation}`"
    );
    Diagnostic::new(&CODE, message).hint(format!(
        "take it out of the script, or import `{instrumentation}`, which runs once however often it is named"
    ))
}

/// The runtime calls `init` at `labels`; `file` is the source, where it is known.
pub(crate) fn in_runtime(file: Option<&str>, labels: &[Label]) -> Diagnostic {
    let module = labels.first().map(|label| label.path.as_str()).unwrap_or_default();
    let message = match file {
        Some(file) => format!("`{file}`, which the runtime loads, calls `Sentry.init()` as well"),
        None => format!("`{module}`, a module of the runtime, calls `Sentry.init()` as well"),
    };
    labels.iter().cloned().fold(Diagnostic::new(&CODE, message), Diagnostic::label).hint(
        "leave the call to the instrumentation; one for the browser belongs in `entry-client`, or behind `if (!isServer)`",
    )
}
