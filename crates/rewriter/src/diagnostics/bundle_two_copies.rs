//! `bundle-two-copies`: beside the bundle of the SDK another copy of it would be loaded.

use presentry_parser::Span;

use super::{Code, Diagnostic, Label, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "bundle-two-copies",
    severity: Severity::Error,
    summary: "another copy of the SDK would be loaded beside its bundle",
    explanation: r#"If the SDK is bundled, every module of the build has to import Sentry from the bundle. Otherwise
there are two copies of the SDK, and only one is initialised. presentry edits static imports,
re-exports and `import()` of a literal to name the bundle. It cannot edit `require("@sentry/…")`,
`import.meta.resolve("@sentry/…")`, an `import()` with a computed name, or a package in
`node_modules` that loads the SDK itself. Without `--bundle-sdk`, `presentry` then leaves the SDK in
its packages."#,
};

/// A place in a script of the build.
pub(crate) fn bundle_two_copies(path: &ModulePath, text: &str, span: Span) -> Diagnostic {
    let message = format!("`{path}` names the SDK in a way that cannot be made to name the bundle");
    Diagnostic::new(&CODE, message.clone())
        .label(Label::new(path, text, span, ""))
        .about_bundling(message, Some("import the SDK by a plain `import` there"))
}

/// A package that is not bundled, and imports the SDK.
#[must_use]
pub fn sdk_of_package(package: &str, file: &str, specifier: &str) -> Diagnostic {
    let message = format!("the package `{package}` loads `{specifier}` itself, in `{file}`");
    Diagnostic::new(&CODE, message.clone()).about_bundling(message, None)
}
