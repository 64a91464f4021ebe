//! `limited-tracing`: the instrumentation is a static import beside the runtime.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "limited-tracing",
    severity: Severity::Warning,
    summary: "with `--mode top-level-import` libraries are loaded before Sentry",
    explanation: r#"ES modules are linked before any of them runs. With the instrumentation as a static import at the
top of the entry, `Sentry.init()` is the first code of the app to run, but the runtime and its
libraries have been loaded by then: no hook can reach a library that is an ES module. Errors are
reported, the SDK's own HTTP spans arrive, and CommonJS libraries are patched.

`presentry check` and `presentry trace` exit 1 on such a build, as the proof does not hold for it.
The default mode, `dynamic-import`, has none of these limits."#,
};

pub(crate) fn limited_tracing(entry: &ModulePath) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("tracing is limited: libraries that are ES modules are loaded before `{entry}` runs"),
    )
    .hint("leave out `--mode top-level-import` unless the host cannot wait for a top-level `await`")
}
