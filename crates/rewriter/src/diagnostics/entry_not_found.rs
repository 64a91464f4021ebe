//! `entry-not-found`: the server entry is not in the build.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "entry-not-found",
    severity: Severity::Error,
    summary: "the server entry is not in the build",
    explanation: r#"The entry was named by the build's metadata or by `--entry`, but that file does not exist, or is not
an ES module.

Build the app again, or name the file that the platform starts with `--entry`."#,
};

pub(crate) fn entry_not_found(entry: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{entry}` is not there, or is no ES module"))
        .hint("run the build again, or name the file that the platform starts with `--entry`")
}
