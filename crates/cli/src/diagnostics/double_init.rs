//! `double-init`: a start script preloads another instrumentation than the one in the build.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "double-init",
    severity: Severity::Warning,
    summary: "a start script preloads another instrumentation than the one in the build",
    explanation: r#"A script of `package.json` starts Node.js with `--import` (or `--require`) of a file that starts Sentry, and the build starts
Sentry as well. Two files are two modules, so `Sentry.init()` runs twice: the second client replaces the first, and what the
first one had set up is lost or doubled.

The file that lies in the build runs once, whoever imports it, because it is one module at one URL. With presentry no
`--import` is needed at all."#,
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
