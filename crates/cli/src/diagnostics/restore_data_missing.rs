//! `restore-data-missing`: the original build cannot be put back, because it is not known.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "restore-data-missing",
    severity: Severity::Error,
    summary: "the original build cannot be put back, because it is not known",
    explanation: r#"The originals are kept in `.presentry/` in the server directory. Where that is lost (uploads of
artefacts often drop names that start with a dot), the moved entry is the original as long as it has
the hash that the facade names, and as long as no other module of the build had to be changed. The
packages that `--prune` took out are copied back from the packages of the app, if every file there
still has the digest that was noted."#,
};

/// The directory is not there, and the build does not tell.
pub(crate) fn lost(directory: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{directory}` is lost, and {reason}")).hint(HINT)
}

/// A saved original is lost or was changed.
pub(crate) fn unreadable(file: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the saved original of `{file}` is of no use: {reason}")).hint(HINT)
}

/// A file that `--prune` took out has no source any more.
pub(crate) fn pruned(file: &str, source: &std::path::Path) -> Diagnostic {
    let message =
        format!("`{file}` was taken out by `--prune`, and `{}` is not the same file any more", source.display());
    Diagnostic::new(&CODE, message).hint(HINT)
}

const HINT: &str = "delete the output directory and build the app again";
