//! Why a command ends without having done its work.

use presentry_rewriter::diagnostics::Diagnostic;

use crate::outcome::Outcome;

/// The end of a command that did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refused; nothing was changed: exit code 1.
    Refused(Vec<Diagnostic>),
    /// The proof that was asked for does not hold: exit code 1.
    NotProven(Vec<Diagnostic>),
    /// Something on the command line is wrong: exit code 2.
    Usage(Diagnostic),
    /// Nothing that has a code: exit code 1.
    Unexpected(anyhow::Error),
}

impl Failure {
    /// A mistake in presentry itself, which has printed its message.
    pub(crate) fn mistake() -> Self {
        Failure::Unexpected(anyhow::anyhow!("presentry stopped at a mistake of its own; please report it"))
    }

    /// What it makes of the command.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Failure::Refused(_) => Outcome::Refused,
            Failure::NotProven(_) => Outcome::Failed,
            Failure::Usage(_) => Outcome::WrongUsage,
            Failure::Unexpected(_) => Outcome::Error,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::Refused(vec![diagnostic])
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Unexpected(error)
    }
}
