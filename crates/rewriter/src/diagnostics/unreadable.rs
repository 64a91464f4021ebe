//! `unreadable`: a file of the build cannot be read.

use super::{Code, Diagnostic, Severity};
use crate::sources::ReadError;

pub(super) static CODE: Code = Code {
    name: "unreadable",
    severity: Severity::Error,
    summary: "a file of the build cannot be read",
    explanation: r#"The operating system refuses to read a file that the static closure of the entry needs. The message
says which file and why."#,
};

/// A file is there, and the system does not let it be read.
#[must_use]
pub fn unreadable(error: &ReadError) -> Diagnostic {
    Diagnostic::new(&CODE, error.to_string()).hint("check the permissions of the build's files")
}
