//! `library-before-init`: a library that Sentry instruments is loaded before Sentry has started.

use super::{Code, Diagnostic, Label, Severity, Subject};
use crate::{
    graph::Graph,
    libraries::{Early, labels},
};

pub(super) static CODE: Code = Code {
    name: "library-before-init",
    severity: Severity::Error,
    summary: "a library that Sentry instruments is loaded before Sentry has started",
    explanation: r#"The SDK changes a library while it is loaded, so one that is there before `Sentry.init()` is not
instrumented: its spans are missing, without a message. Static imports are loaded before any code of
the module that has them, wherever they stand, and so is what packages import in turn.

Import what needs the library after `Sentry.init()`, by `await import("./db")`, or in a file that
the instrumentation does not import. A library of which the SDK changes the exports alone, such as
`pg`, is instrumented all the same where the runtime imports it itself, and is not reported then.
One that presentry injects ahead of time (SDK 11, `docs/ahead.md`) is instrumented whenever it is
loaded. Where no module of the runtime imports it itself, this is a warning: it may be used through another
package, or by the instrumentation alone."#,
};

pub(crate) fn library_before_init(graph: &Graph<'_>, early: &Early) -> Diagnostic {
    let package = &early.package;
    let loader = early.chain.first().map_or("the instrumentation", |edge| edge.from.as_str());
    let message = format!("`{package}` is loaded before `Sentry.init()` has run, so Sentry cannot instrument it");
    let diagnostic = labels(graph, &early.chain).into_iter().fold(Diagnostic::new(&CODE, message), Diagnostic::label);
    let severity = if early.used_by.is_some() { Severity::Error } else { Severity::Warning };
    let users = early.used_by.as_ref().map_or(String::new(), |user| format!("; `{user}` uses it"));
    let hint = format!(
        "have `{loader}` import it after `Sentry.init()`, with `await import(…)`, or take it out of the instrumentation{users}"
    );
    Diagnostic { severity, ..diagnostic.about(Subject::UnfitInstrumentation).hint(hint) }
}

/// The same in a build that Sentry's build plugin made, of a library that the plugin has not seen.
pub(crate) fn library_left_to_hooks(package: &str, chain: Vec<Label>) -> Diagnostic {
    let message = format!(
        "`{package}` is loaded before `Sentry.init()` has run, and Sentry's build plugin did not instrument it, since it is \
         outside of the bundle"
    );
    let diagnostic = chain.into_iter().fold(Diagnostic::new(&CODE, message), Diagnostic::label);
    diagnostic.about(Subject::UnfitInstrumentation).hint(format!(
        "have Nitro bundle `{package}` (without `traceDeps` for it), or move `Sentry.init()` to `src/instrument.server.ts` \
         and run `presentry` after the build"
    ))
}
