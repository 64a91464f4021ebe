//! `resolves-outside`: what the server needs to start is not in the build, but is found outside of it on this machine.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "resolves-outside",
    severity: Severity::Warning,
    summary: "what the server needs to start is found outside of the build",
    explanation: r#"Node looks for packages in the `node_modules` of every directory above. A build that lies in its app
starts there, because it finds the packages of the app, and does not start where the output
directory alone is deployed: `ERR_MODULE_NOT_FOUND`.

presentry collects what the instrumentation needs, unless `--no-collect` is given.
`--packages-elsewhere` says that the packages are supplied at the place where the server runs."#,
};

/// `place` is where `specifier` leads to from `importer`.
pub(crate) fn diagnostic(specifier: &str, importer: &str, place: &str, hook: bool) -> Diagnostic {
    let why = if hook { " for its loader hooks" } else { "" };
    let message = format!("`{specifier}`, which `{importer}` needs{why}, is not in the build but in `{place}`");
    Diagnostic::new(&CODE, message).hint(
        "run `presentry` in the directory of the app without `--no-collect`, deploy what lies outside along with the \
         build, or say `--packages-elsewhere`",
    )
}
