//! `several-builds`: there is more than one build, and nothing says which is meant.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "several-builds",
    severity: Severity::Error,
    summary: "there are several builds, and none was chosen",
    explanation: r#"Builds of two presets lie side by side, for example in `.output` and `.vercel/output`. Rewriting the
wrong one would leave the right one without Sentry, so presentry does not guess."#,
};

/// `candidates` are output directories and their presets.
pub(crate) fn diagnostic(candidates: &[(String, String)]) -> Diagnostic {
    let list: Vec<String> =
        candidates.iter().map(|(directory, preset)| format!("`{directory}` (preset `{preset}`)")).collect();
    Diagnostic::new(&CODE, format!("there is more than one build: {}", list.join(", "))).hint(
        "delete the one that is not deployed, or name the preset of the other with `--preset`, its directory with \
             `--output-dir` or its entry with `--entry`",
    )
}
