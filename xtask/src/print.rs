//! Printing to standard output, where a reader that went away ends nothing.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a line. `println!` panics when the reader has closed the pipe, as `head` does.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    printed(writeln!(io::stdout().lock(), "{text}"))
}

/// As [`line`], without its end.
pub(crate) fn text(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    printed(write!(out, "{text}").and_then(|()| out.flush()))
}

/// A line for people, beside what standard output is for.
pub(crate) fn note(text: impl Display) {
    // There is nowhere else to tell that this failed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn printed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_not_an_error_and_a_full_disk_is() {
        assert!(printed(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(printed(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
