//! `instrumentation-in-runtime`: the code that starts Sentry cannot be taken out of the module it stands in.

use super::{Code, Diagnostic, Label, Severity, Subject};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "instrumentation-in-runtime",
    severity: Severity::Error,
    summary: "the code that starts Sentry cannot be taken out of the module it stands in",
    explanation: r#"With `autoInjectServerSentry: "experimental_dynamic-import"` the SDK lets Rollup place the
instrumentation. With some versions of Nitro it ends up in the chunk that holds the runtime, and
shares its scope: it cannot run before the runtime's imports, and it cannot be split out without
guessing.

A call of `Sentry.init()` in a Nitro plugin is a part of the runtime as well: plugins run after
everything that the runtime imports was loaded. Such a call belongs in the instrumentation,
`src/instrument.server.ts`."#,
};

pub(crate) fn instrumentation_in_runtime(module: &ModulePath, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`Sentry.init()` stands in `{module}` and cannot be taken out: {reason}"))
        .about(Subject::UnfitInstrumentation)
        .hint(
        "build without `autoInjectServerSentry`, so that the instrumentation is a file of its own, and run `presentry` \
             again; a call in a Nitro plugin belongs in `src/instrument.server.ts`",
    )
}

/// Sentry is started by a part of the app that is loaded with the runtime, at `labels`; `file` is the source, where it is
/// known.
#[must_use]
pub fn init_in_runtime(file: Option<&str>, labels: Vec<Label>) -> Diagnostic {
    let module = labels.first().map(|label| label.path.clone()).unwrap_or_default();
    let place = file.map_or_else(|| format!("in `{module}`"), |file| format!("of `{file}`"));
    let message =
        format!("`Sentry.init()` {place} is loaded with the runtime, after the libraries that the runtime imports");
    labels.into_iter().fold(Diagnostic::new(&CODE, message), Diagnostic::label).about(Subject::InitInRuntime).hint(
        "move the call to `src/instrument.server.ts` (or `instrument.server.ts` beside the configuration), and run \
         `presentry` after the build; what else a Nitro plugin does for Sentry can stay",
    )
}
