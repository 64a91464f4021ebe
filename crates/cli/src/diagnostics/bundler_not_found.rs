//! `bundler-not-found`: there is no bundler to bundle the SDK with.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "bundler-not-found",
    severity: Severity::Error,
    summary: "there is no bundler to bundle the SDK with",
    explanation: r#"`--bundle-sdk` runs a bundler that the app has already: esbuild, which Vinxi, Nitro 2 and Vite up to
7 depend on, or rolldown, which Vite 8 and Nitro 3 depend on. Both are looked for below each of
them, wherever the package manager has put them, and esbuild is used if both are present. Its binary
has to be the one for this platform. A rolldown before 1.0.2 is not used: its bundles of the SDK
cannot be loaded. An image that holds only the build has no packages of the app: run `presentry`
where the app was built."#,
};

pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the SDK cannot be bundled: {reason}")).about_bundling(
        reason,
        Some("install the packages of the app, or `npm install --save-dev esbuild` (or `rolldown`)"),
    )
}
