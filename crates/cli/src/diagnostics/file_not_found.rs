//! `file-not-found`: a file that was named on the command line is not there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::similar::nearest;

pub(super) static CODE: Code = Code {
    name: "file-not-found",
    severity: Severity::Error,
    summary: "a file that was named on the command line is not there",
    explanation: r#"The paths given to `--entry`, `--instrumentation` and `--env-file` are relative to the current
directory. The entry is a file of the finished build; the instrumentation is one as well, or a
source. `--html` and `--out` name a file to write, in a directory that exists."#,
};

/// `option` is the option that named the file.
pub(crate) fn diagnostic(file: &Path, option: &str) -> Diagnostic {
    let message = format!("`{option}` names `{}`, which is not a file", file.display());
    Diagnostic::new(&CODE, message).hint(match beside(file) {
        Some(near) => format!("did you mean `{}`? Paths are relative to the current directory", near.display()),
        None => "paths are relative to the current directory".to_owned(),
    })
}

/// `option` is the option that named the file to write, in a directory that is not there.
pub(crate) fn no_directory(file: &Path, option: &str) -> Diagnostic {
    let message = format!("`{option}` names `{}`, whose directory is not there", file.display());
    Diagnostic::new(&CODE, message).hint("create the directory, or name a file elsewhere")
}

/// The file in the same directory whose name is near.
fn beside(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?.flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let near = nearest(name, files.filter_map(|entry| entry.file_name().into_string().ok()))?;
    Some(parent.map_or_else(|| PathBuf::from(&near), |parent| parent.join(&near)))
}

/// The file is there, but its name is not text, so that no specifier can name it.
pub(crate) fn not_text(file: &Path) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the name of `{}` is not UTF-8, so that no module can import it", file.display()))
        .hint("give the file another name")
}
