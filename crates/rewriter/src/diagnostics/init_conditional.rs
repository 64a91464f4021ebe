//! `init-conditional`: Sentry starts first, but only under a condition.

use super::{Code, Diagnostic, Severity, with_place};
use crate::{
    graph::Graph,
    order::{Condition, ConditionKind, Run},
};

pub(super) static CODE: Code = Code {
    name: "init-conditional",
    severity: Severity::Warning,
    summary: "Sentry starts before the runtime, but only under a condition",
    explanation: r#"Each path on which Sentry starts was proven to start it before the runtime. There are other paths
that complete without starting it: an `if` around the call, an early `return`, a loop that may not
run once, something that may fail before it. The labels show what decides.

This is a normal setup, for instance `if (process.env.SENTRY_DSN)`. presentry names it because a
server without Sentry looks like one with it: make sure that the condition holds in production."#,
};

pub(crate) fn init_conditional(graph: &Graph<'_>, run: &Run) -> Diagnostic {
    let message = match run.conditions.first() {
        Some(condition) => format!("Sentry starts only {}", words(graph, condition)),
        None => "Sentry starts only under a condition".to_owned(),
    };
    let mut diagnostic = Diagnostic::new(&CODE, message);
    for condition in &run.conditions {
        diagnostic = with_place(diagnostic, graph, &condition.place, "");
    }
    diagnostic.hint("make sure that it holds in production, or call `Sentry.init()` unconditionally")
}

/// The condition in words, with its text.
fn words(graph: &Graph<'_>, condition: &Condition) -> String {
    const LONGEST: usize = 60;
    let module = graph.load(&condition.place.module).ok().flatten();
    let text =
        module.map(|module| condition.place.span.of(&module.text).split_whitespace().collect::<Vec<_>>().join(" "));
    let mut text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| "…".to_owned());
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST).chain(['…']).collect();
    }
    match condition.kind {
        ConditionKind::Test => format!("under a condition, which depends on `{text}`"),
        ConditionKind::Loop => format!("under a condition: the loop over `{text}` has to run"),
        ConditionKind::Failure => format!("under a condition: `{text}` must not fail"),
    }
}
