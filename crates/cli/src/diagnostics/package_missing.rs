//! `package-missing`: the build lacks a package that its server needs to start.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "package-missing",
    severity: Severity::Error,
    summary: "the build lacks a package that its server needs to start",
    explanation: r#"Node ends with `ERR_MODULE_NOT_FOUND`. Everything that the entry, the instrumentation and the
awaited runtime import statically, directly or not, has to be in the build: where it is deployed, it
has no other `node_modules`. presentry does not check what is required in a function or in a `try`.

The SDK copies the instrumentation into the build after Nitro has collected the packages of the
server, so those that only the instrumentation imports are missing. presentry collects them from the
app, unless `--no-collect` is given. An output directory that was copied without its `node_modules`
lacks all of them. Where the packages are supplied in another way, as a layer or by an install at
the place where the server runs, say `--packages-elsewhere`; of the preset `firebase` it is
known, and its packages count when the `package.json` of the server names them.

A loader hook that is registered with `module.register()` and is missing is a warning: the server
starts without it, and no ES module is instrumented."#,
};

/// `specifier` is asked for by `importer` and `more` others.
pub(crate) fn diagnostic(package: &str, specifier: &str, importer: &str, more: usize, hook: bool) -> Diagnostic {
    let what = match (specifier == package, hook) {
        (_, true) => format!("`{specifier}`, which `{importer}` needs for its loader hooks, is not in the build"),
        (true, false) => format!("the package `{package}`, which `{importer}` needs, is not in the build"),
        (false, false) => {
            format!("`{specifier}` of the package `{package}`, which `{importer}` needs, is not in the build")
        }
    };
    let more = match more {
        0 => String::new(),
        1 => ", and 1 more of its files".to_owned(),
        more => format!(", and {more} more of its files"),
    };
    let diagnostic = Diagnostic::new(&CODE, format!("{what}{more}")).hint(format!(
        "install `{package}` in the app and run `presentry` in its directory without `--no-collect`, after the build; \
         `--packages-elsewhere` where it is supplied in another way"
    ));
    // A server starts without it.
    let severity = if hook { Severity::Warning } else { diagnostic.severity };
    Diagnostic { severity, ..diagnostic }
}
