//! `sentry-not-started`: nothing in the static closure of the entry calls `init` of a `@sentry/*` package.

use super::{Code, Diagnostic, Severity, Subject};
use crate::{
    diagnostics::Stage,
    graph::{Edge, Graph},
    sources::ModulePath,
};

pub(super) static CODE: Code = Code {
    name: "sentry-not-started",
    severity: Severity::Error,
    summary: "nothing in the static closure of the entry calls `init` of a `@sentry/*` package",
    explanation: r#"The static closure of the entry is what runs before anything that is imported dynamically. Unless
`Sentry.init()` is called in it, Sentry starts too late or not at all.

The call is looked for by its binding, not by its name: it must be the `init` of a package
`@sentry/*`, and it must be reached when the module is evaluated.

The labels show the shortest chain of static imports from the entry to the runtime."#,
};

/// `chain` leads to the runtime of a build that was not rewritten.
pub(crate) fn not_rewritten(graph: &Graph<'_>, entry: &ModulePath, chain: &[Edge]) -> Diagnostic {
    super::with_chain(sentry_not_started(entry, &Stage::Found), graph, chain)
}

pub(crate) fn sentry_not_started(entry: &ModulePath, stage: &Stage) -> Diagnostic {
    let hint = match stage {
        Stage::Found => {
            "run `presentry` on the build; if it did run, call `Sentry.init()` at the top level of the instrumentation"
                .to_owned()
        }
        Stage::Planned { instrumentation, .. } => call_it_in(instrumentation.as_str()),
    };
    let message = format!("no module in the static closure of `{entry}` calls `init` of a `@sentry/*` package");
    let diagnostic = Diagnostic::new(&CODE, message).hint(hint);
    match stage {
        Stage::Found => diagnostic,
        Stage::Planned { .. } => diagnostic.about(Subject::NoInit),
    }
}

/// What to do about [`Subject::NoInit`], where the instrumentation is `file`.
#[must_use]
pub fn call_it_in(file: &str) -> String {
    format!("call `Sentry.init()` at the top level of `{file}`")
}
