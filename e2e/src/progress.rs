//! What is printed while a run goes on: one line a step, with its time.

use std::io::Write;
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

/// Runs a step that prints its name at once and its time when it is done.
///
/// # Errors
/// The step's own.
pub fn step<T, E>(name: &str, work: impl FnOnce() -> Result<(T, Took), E>) -> Result<T, E> {
    print(&format!("  {name} {} ", dots(name)));
    let start = Instant::now();
    let done = work();
    match &done {
        Ok((_, Took::Cached)) => print("cached\n"),
        Ok((_, Took::Time)) => print(&format!("{}\n", seconds(start))),
        Err(_) => print(&format!("failed after {}\n", seconds(start))),
    }
    done.map(|(value, _)| value)
}

/// Runs a step beside others; its line is printed when it is done.
pub fn step_beside<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    print(&format!("  {name} {} {}\n", dots(name), seconds(start)));
    done
}

fn dots(name: &str) -> String {
    ".".repeat(WIDTH.saturating_sub(name.chars().count()).max(2))
}

fn seconds(start: Instant) -> String {
    format!("{:.1}s", start.elapsed().as_secs_f64())
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away shall not end the run, which has processes to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
