//! `bundler-not-found`: there is no bundler to bundle the SDK with.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "bundler-not-found",
    severity: Severity::Error,
    summary: "there is no bundler to bundle the SDK with",
    explanation: r#"`--bundle-sdk` runs esbuild, which the app has already: it is a dependency of Vinxi, Nitro and Vite, and is looked for below each of
them, wherever the package manager has put it. Its binary has to be the one for this platform. In an image that holds the build
alone there are no packages of the app: run `presentry` where the app was built."#,
};

pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the SDK cannot be bundled: {reason}"))
        .hint("install the packages of the app, or `npm install --save-dev esbuild`, or leave `--bundle-sdk` out")
}
