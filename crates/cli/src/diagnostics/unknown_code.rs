//! `unknown-code`: there is no such diagnostic code.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::similar::nearest;

pub(super) static CODE: Code = Code {
    name: "unknown-code",
    severity: Severity::Error,
    summary: "there is no such diagnostic code",
    explanation: r#"`presentry explain` takes the word between brackets in `error[code]` or `warning[code]`."#,
};

/// `codes` are those there are.
pub(crate) fn diagnostic(name: &str, codes: &[&Code]) -> Diagnostic {
    let near = nearest(name, codes.iter().map(|code| code.name));
    Diagnostic::new(&CODE, format!("there is no diagnostic `{name}`")).hint(match near {
        Some(near) => format!("did you mean `{near}`? `presentry explain` lists them all"),
        None => "`presentry explain` lists them all".to_owned(),
    })
}
