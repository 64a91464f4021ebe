//! `package-missing`: the build lacks a package that is needed before the runtime.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "package-missing",
    severity: Severity::Warning,
    summary: "the build lacks a package that is needed before the runtime",
    explanation: r#"What the instrumentation imports, and what that imports and so on, has to be in the build itself: where the build is deployed
there is no other `node_modules`. The SDK copies the instrumentation into the build after Nitro has traced the packages of the
server, so those that only the instrumentation imports are not there. presentry traces them in from the app, unless `--no-trace`
is given; this warning names what is missing and was not found in the app either, or was not looked for. Loader hooks that are
registered with `module.register()` count as well: without them the server starts, and no ES module is instrumented. What is
required in a function or in a `try` is not looked at. A package that only resolves because the build still lies inside the
app counts as missing."#,
};

/// `specifier` is asked for by `importer` and `more` others.
pub(crate) fn diagnostic(package: &str, specifier: &str, importer: &str, more: usize, hook: bool) -> Diagnostic {
    let what = match (specifier == package, hook) {
        (_, true) => format!("the loader hook `{specifier}`, which `{importer}` registers, is not in the build"),
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
    Diagnostic::new(&CODE, format!("{what}{more}")).hint(format!(
        "install `{package}` in the app and run `presentry` in its directory without `--no-trace`, after the build"
    ))
}
