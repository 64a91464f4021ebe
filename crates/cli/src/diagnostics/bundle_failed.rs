//! `bundle-failed`: the bundler could not bundle the SDK.

use std::time::Duration;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "bundle-failed",
    severity: Severity::Error,
    summary: "the bundler could not bundle the SDK",
    explanation: r#"The SDK is taken from the `node_modules` of the build, and from the packages of the app where a file
is missing there. Neither gave a whole SDK, or a specifier of it names a CommonJS module, whose
export names only running it would tell, or a package of it holds a native add-on beside its own
code (`@sentry/profiling-node` up to version 8). Version 11, and version 10 after
`experimentalUseDiagnosticsChannelInjection()`, injects channels into libraries while Node loads
them. A bundle of it is tried: it has to instrument a stand-in for a library as CommonJS and as an
ES module, in both ways in which versions of Node are hooked. Without `--bundle-sdk` the build is
still rewritten, and starts as slowly as before."#,
};

/// A package that can be neither bundled nor left out.
pub(crate) fn add_on(reason: &str) -> Diagnostic {
    failed(reason, None)
}

/// The SDK injects channels into libraries, and did not when its bundle was tried.
pub(crate) fn trial(reason: &str) -> Diagnostic {
    failed(&format!("a trial of the bundle failed: {reason}"), None)
}

/// The bundler was ended.
pub(crate) fn too_late(limit: Duration) -> Diagnostic {
    let reason = format!("the bundler did not end within {} s", limit.as_secs());
    failed(&reason, Some("look at what the machine is busy with"))
}

/// The bundler has stopped, for this reason.
pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    failed(reason, Some("install the packages of the app anew and build it again"))
}

fn failed(reason: &str, cure: Option<&'static str>) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the SDK cannot be bundled: {reason}")).about_bundling(reason, cure)
}
