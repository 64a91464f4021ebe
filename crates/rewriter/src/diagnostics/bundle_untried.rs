//! `bundle-untried`: the bundle of the SDK injects channels, and was never tried.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "bundle-untried",
    severity: Severity::Error,
    summary: "the bundle of the SDK injects channels into libraries, and was never tried",
    explanation: r#"Version 11 of the SDK, and version 10 after `experimentalUseDiagnosticsChannelInjection()`, write
diagnostics channels into the code of a library while Node loads it. Earlier versions of presentry
put that SDK into one module without the parser that it needs: Sentry started first, no library was
instrumented, and no span of one arrived. `presentry` replaces the bundle, or leaves the SDK in its
packages."#,
};

pub(crate) fn bundle_untried(module: &ModulePath) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("the bundle of the SDK in `{module}` may instrument no library: nothing has tried it"),
    )
    .hint("run `presentry` again; it replaces the bundle")
}
