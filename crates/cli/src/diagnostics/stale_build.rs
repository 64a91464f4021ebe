//! `stale-build`: sources of the app are newer than the build.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "stale-build",
    severity: Severity::Warning,
    summary: "sources of the app are newer than the build",
    explanation: r#"A file below `src/` (or `appRoot`), or `app.config.*`, was changed after the build had ended. What
is rewritten and proven is then not what the sources say. The end of the build is the date in
`nitro.json`, or the time of that file when it is later; for a build without one it is the time of
the entry."#,
};

/// `newest` is the source that was changed last, and `more` how many others were.
pub(crate) fn diagnostic(newest: &str, more: usize, entry: &str) -> Diagnostic {
    let others = match more {
        0 => String::new(),
        1 => " and 1 more file are".to_owned(),
        more => format!(" and {more} more files are"),
    };
    let are = if others.is_empty() { " is" } else { &others };
    Diagnostic::new(&CODE, format!("`{newest}`{are} newer than the build of `{entry}`"))
        .hint("build the app again before `presentry`")
}
