//! How a command ends: the word for it, and the exit code.

use serde::Serialize;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Files were written, and the result is proven.
    Rewritten,
    /// Files would have been written, and the result is proven.
    WouldRewrite,
    /// Nothing had to be changed.
    AlreadyFirst,
    /// The proof holds.
    Proven,
    /// A run of the server showed that Sentry was first.
    First,
    /// The proof does not hold, or a run of the server did not show that Sentry was first.
    Failed,
    /// The original build is back.
    Restored,
    /// The original build would be back.
    WouldRestore,
    /// The build is the original one.
    NothingToRestore,
    /// The build was looked at.
    Inspected,
    /// The preset builds no server.
    NoServer,
    /// Something is in the way; nothing was changed.
    Refused,
    /// Something on the command line is wrong.
    WrongUsage,
    /// Something went wrong that has no code.
    Error,
}

impl Outcome {
    /// The exit code, unless failures are allowed.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Outcome::Failed | Outcome::Refused | Outcome::Error => 1,
            Outcome::WrongUsage => 2,
            _ => 0,
        }
    }

    /// The word in the document.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Rewritten => "rewritten",
            Outcome::WouldRewrite => "would-rewrite",
            Outcome::AlreadyFirst => "already-first",
            Outcome::Proven => "proven",
            Outcome::First => "first",
            Outcome::Failed => "failed",
            Outcome::Restored => "restored",
            Outcome::WouldRestore => "would-restore",
            Outcome::NothingToRestore => "nothing-to-restore",
            Outcome::Inspected => "inspected",
            Outcome::NoServer => "no-server",
            Outcome::Refused => "refused",
            Outcome::WrongUsage => "wrong-usage",
            Outcome::Error => "error",
        }
    }
}
