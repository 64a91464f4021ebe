//! `changed-since-rewrite`: a file that presentry wrote was changed by someone else.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "changed-since-rewrite",
    severity: Severity::Error,
    summary: "a file that presentry wrote was changed by someone else",
    explanation: r#"The file is neither the original nor what presentry wrote. A rewrite or a restore would lose what
was changed in it. A debug id that
`sentry-cli sourcemaps inject` adds does not count as a change."#,
};

/// `files` are the files that changed.
pub(crate) fn diagnostic(files: &[String]) -> Diagnostic {
    let list: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    let verb = if files.len() == 1 { "was" } else { "were" };
    Diagnostic::new(&CODE, format!("{} {verb} changed since presentry wrote them", list.join(", ")))
        .hint("delete the output directory, build the app again, then run `presentry`")
}
