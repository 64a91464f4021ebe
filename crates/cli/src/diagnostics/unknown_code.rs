//! `unknown-code`: there is no such diagnostic code.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "unknown-code",
    severity: Severity::Error,
    summary: "there is no such diagnostic code",
    explanation: r#"`presentry explain` takes the word between brackets in `error[code]` or `warning[code]`."#,
};

/// `codes` are those there are.
pub(crate) fn diagnostic(name: &str, codes: &[&Code]) -> Diagnostic {
    let near = codes.iter().map(|code| code.name).find(|code| code.contains(name) || name.contains(code));
    Diagnostic::new(&CODE, format!("there is no diagnostic `{name}`")).hint(match near {
        Some(near) => format!("there is `{near}`; `presentry explain` lists them all"),
        None => "`presentry explain` lists them all".to_owned(),
    })
}
