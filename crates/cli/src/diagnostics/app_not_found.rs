//! `app-not-found`: the directory of the app is not there.

use std::{fs, path::Path};

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::similar::nearest;

pub(super) static CODE: Code = Code {
    name: "app-not-found",
    severity: Severity::Error,
    summary: "the directory of the app is not there",
    explanation: r#"The first argument is the directory in which the app is built; without one it is the current
directory, or the nearest directory above it that has an app. presentry treats a word that is not a
command as that directory, too."#,
};

/// The first argument may be a command.
const COMMANDS: [&str; 9] =
    ["rewrite", "check", "trace", "inspect", "restore", "repro", "explain", "completions", "man"];

/// `app` is the directory that was named.
pub(crate) fn diagnostic(app: &Path) -> Diagnostic {
    let message = format!("there is no directory `{}`", app.display());
    Diagnostic::new(&CODE, message).hint(match meant(app) {
        Some(meant) => format!("did you mean {meant}?"),
        None if may_be_request(app) => {
            format!("name the directory of the app; `presentry trace --request {}` sends a request", app.display())
        }
        None => "name the directory of the app; `presentry --help` lists the commands".to_owned(),
    })
}

/// A path such as `/api/users`, with nothing of it on this machine.
fn may_be_request(app: &Path) -> bool {
    app.has_root() && app.parent().is_some_and(|parent| parent.parent().is_none() || !parent.is_dir())
}

/// The command, or the directory beside, whose name is near.
fn meant(app: &Path) -> Option<String> {
    let name = app.file_name()?.to_str()?;
    let is_word = app.components().count() == 1;
    if let Some(command) = nearest(name, COMMANDS).filter(|_| is_word) {
        return Some(format!("the command `presentry {command}`"));
    }
    let parent = app.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?.flatten();
    let directories = entries.filter(|entry| entry.path().is_dir());
    let near = nearest(name, directories.filter_map(|entry| entry.file_name().into_string().ok()))?;
    let path = parent.map_or_else(|| near.clone().into(), |parent| parent.join(&near));
    Some(format!("the directory `{}`", path.display()))
}
