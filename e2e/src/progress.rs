//! What is printed while a run goes on: one line a step, with its time.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const WIDTH: usize = 44;

/// What a step came to, for its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// The work was done; its time is shown.
    Time,
    /// The work had been done by an earlier run.
    Cached,
}

/// Where the lines of a run go, and what they were.
#[derive(Debug)]
pub struct Console {
    shown: Shown,
    text: Mutex<String>,
}

/// Where lines are shown as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Standard output.
    Stdout,
    /// Standard error, as standard output is for a program.
    Stderr,
    /// Nowhere, as several runs go on beside each other; the text is shown when a run has ended.
    Nowhere,
}

impl Console {
    /// A console without text.
    pub fn new(shown: Shown) -> Console {
        Console { shown, text: Mutex::default() }
    }

    /// Prints `text` as it is.
    pub fn print(&self, text: &str) {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        // A reader that went away shall not end the run, which has processes to stop.
        let _ = match self.shown {
            Shown::Stdout => write(std::io::stdout().lock(), text),
            Shown::Stderr => write(std::io::stderr().lock(), text),
            Shown::Nowhere => Ok(()),
        };
    }

    /// Everything that was printed.
    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a step that prints its name at once and its time when it is done.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T, E>(&self, name: &str, work: impl FnOnce() -> Result<(T, Took), E>) -> Result<T, E> {
        self.print(&format!("  {name} {} ", dots(name)));
        let start = Instant::now();
        let done = work();
        match &done {
            Ok((_, Took::Cached)) => self.print("cached\n"),
            Ok((_, Took::Time)) => self.print(&format!("{}\n", seconds(start))),
            Err(_) => self.print(&format!("failed after {}\n", seconds(start))),
        }
        done.map(|(value, _)| value)
    }

    /// Runs a step beside others; its line is printed when it is done.
    pub fn step_beside<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.print(&format!("  {name} {} {}\n", dots(name), seconds(start)));
        done
    }
}

fn write(mut out: impl Write, text: &str) -> std::io::Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

fn dots(name: &str) -> String {
    ".".repeat(WIDTH.saturating_sub(name.chars().count()).max(2))
}

fn seconds(start: Instant) -> String {
    format!("{:.1}s", start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_keeps_what_it_prints() {
        let console = Console::new(Shown::Nowhere);
        let failed: Result<(), &str> = console.step("npm ci", || Err("no"));
        assert_eq!(failed, Err("no"));
        console.print("end\n");
        let text = console.text();
        assert!(
            text.starts_with("  npm ci ..") && text.contains(" failed after ") && text.ends_with("end\n"),
            "{text}"
        );
    }
}
