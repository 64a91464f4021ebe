//! `tracer-not-found`: packages are missing, and there is no tracer to collect them.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "tracer-not-found",
    severity: Severity::Warning,
    summary: "packages are missing, and there is no tracer to collect them",
    explanation: r#"presentry collects packages that the build lacks with the tracer that Nitro itself uses,
`@vercel/nft`. It looks for it from the app through `vinxi`, `nuxt` and `nitropack`, for Nitro 3
through `nitro` and `nf3`, and runs it under the `node` on the `PATH`. `package-missing` names the
packages."#,
};

/// No tracer belongs to the app.
pub(crate) fn not_installed() -> Diagnostic {
    Diagnostic::new(&CODE, "no `@vercel/nft` was found from the app through `vinxi`, `nitropack` or `nitro`")
        .hint("install the dependencies of the app, those that build it included, and run `presentry` in its directory")
}

/// The app is installed by Yarn Plug'n'Play.
pub(crate) fn plug_and_play(manifest: &Path) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the app is installed without `node_modules`, as `{}` says", manifest.display()))
        .hint("set `nodeLinker: node-modules` in `.yarnrc.yml`, install and build again")
}

/// There is no Node.js.
pub(crate) fn without_node() -> Diagnostic {
    Diagnostic::new(&CODE, "there is no `node` on the `PATH` to run the tracer with")
        .hint("run `presentry` where the app is built")
}
