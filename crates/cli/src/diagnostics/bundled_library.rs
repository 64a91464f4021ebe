//! `bundled-library`: Nitro put a library that Sentry instruments into a module of its own.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "bundled-library",
    severity: Severity::Warning,
    summary: "a library that Sentry instruments is bundled, so no hook sees it",
    explanation: r#"Sentry knows a library by the path of its package when it is loaded. Nitro 3, on which SolidStart 2
and TanStack Start are built, bundles packages into `_libs/` instead of leaving them in
`node_modules`, so Sentry starts first and still makes no spans of them. With SDK 11, presentry
injects channels into such a library where it can (`docs/ahead.md`), and does not report it then.
Otherwise list the libraries in Nitro's option `traceDeps` (`nitro({ traceDeps: ["pg"] })` in
`vite.config.ts`); they are then copied to
`.output/server/node_modules` and imported from there. A name that ends in `*` copies the whole
package, which those need whose `main` is another file than the one that bundlers take, such as
`graphql`. The Vite plugins of Sentry's SDKs for frameworks (`sentrySolidStartVite` of
`@sentry/solidstart`, which knows SolidStart 1 alone) do not change what Nitro bundles. Nitro 2
bundles a package that its options `externals.inline` or `noExternals` name; its source maps show
them. In a script without one, a library of the app that is not in `node_modules` of the build is
recognised by its messages; one with few of them is missed. A library into which the build plugin of SDK 11
(`@sentry/node/vite`, `@sentry/node/rollup`) injected channels is not reported either."#,
};

/// The same of a build of Nitro 2. `file` is the first script that holds one.
pub(crate) fn inlined(libraries: &[&str], file: &str) -> Diagnostic {
    let it = if libraries.len() == 1 { "it" } else { "them" };
    Diagnostic::new(&CODE, message(libraries, file)).hint(format!(
        "take {it} out of `externals.inline`, or `noExternals` out of Nitro's options (`server` in `app.config.*`), and build again"
    ))
}

fn message(libraries: &[&str], place: &str) -> String {
    let names = libraries.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (is, it) = if libraries.len() == 1 { ("is", "it") } else { ("are", "them") };
    format!("{names} {is} bundled in `{place}`, where Sentry cannot instrument {it}")
}

/// `libraries` are the packages, and `directory` is where they are, as the user would write it.
pub(crate) fn diagnostic(libraries: &[&str], directory: &str) -> Diagnostic {
    let wanted = libraries.iter().map(|name| format!("\"{name}*\"")).collect::<Vec<_>>().join(", ");
    Diagnostic::new(&CODE, message(libraries, directory)).hint(format!(
        "add `traceDeps: [{wanted}]` to Nitro's options, as in `nitro({{ … }})` of `vite.config.ts`, and build again"
    ))
}
