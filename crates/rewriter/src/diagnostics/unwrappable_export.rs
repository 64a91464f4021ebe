//! `unwrappable-export`: an export cannot be carried by an async forwarder.

use super::{Code, Diagnostic, Severity};
use crate::kinds::Origin;

pub(super) static CODE: Code = Code {
    name: "unwrappable-export",
    severity: Severity::Error,
    summary: "an export cannot be carried by an async forwarder",
    explanation: r#"With `--exports wrap` each export becomes an async function that forwards its call to the runtime.
That is right only for a plain function: what a call returns may carry properties (Firebase's
`__endpoint`, the symbol of a streaming Lambda handler), a class cannot be called, an object is not
a function, a generator is not async. An export that is not listed for wrapping would need a static
import of the runtime, which the facade has to avoid."#,
};

pub(crate) fn unwrappable_export(name: &str, reason: &str, origin: Option<&Origin>) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(&CODE, format!("the export `{name}` cannot be wrapped: {reason}"));
    if let Some((module, span)) = origin.and_then(|origin| origin.declared.as_ref()) {
        diagnostic = diagnostic.label(module.label(*span, "declared here"));
    }
    if let Some((module, span)) = origin.and_then(|origin| origin.disturbed.as_ref()) {
        diagnostic = diagnostic.label(module.label(*span, "changed here"));
    }
    diagnostic.hint("use `--exports await`, which passes every export on as the value it is")
}
