//! What is printed while a run goes on: one line a step, with its time; on a terminal a bar over the cells below them.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::evidence::Phase;
use crate::visible::visible;

const WIDTH: usize = 44;

/// How often the bar shows the time again while a step goes on.
const TICK: Duration = Duration::from_millis(200);

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
    bar: Bar,
    /// What the bar says before the step.
    about: String,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    /// How much of the text was shown.
    shown: usize,
    phases: Vec<Phase>,
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

/// How far the cells are, and what is being done. Where standard error is no terminal, as in CI, there is none.
#[derive(Debug, Clone)]
pub struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    /// No bar.
    pub fn none() -> Bar {
        Bar { bar: None }
    }

    /// A bar over so many cells, where it can be seen beside lines that are `shown`.
    pub fn over(cells: usize, shown: Shown) -> Bar {
        if shown == Shown::Nowhere || !std::io::stderr().is_terminal() {
            return Bar::none();
        }
        let bar = ProgressBar::new(cells as u64);
        // A template that is wrong would be so at its first use.
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos} of {len} cells, {elapsed}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Bar { bar: Some(bar) }
    }

    /// One cell is done.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn says(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }

    /// Runs `print` while the bar is out of the way.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Console {
    /// A console without text.
    pub fn new(shown: Shown) -> Console {
        Console::beside(shown, Bar::none(), "")
    }

    /// A console whose steps the bar names, each after what they are `about`.
    pub fn beside(shown: Shown, bar: Bar, about: &str) -> Console {
        Console { shown, bar, about: about.to_owned(), lines: Mutex::default() }
    }

    /// Prints `text`, in which servers and builds may have their words.
    pub fn print(&self, text: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.text.push_str(&visible(text));
        // The bar takes the last line of the terminal, so a line that is not whole yet waits. The bar names the step.
        let whole = match self.bar.bar {
            Some(_) => lines.text.rfind('\n').map_or(0, |end| end + 1),
            None => lines.text.len(),
        };
        let from = std::mem::replace(&mut lines.shown, whole);
        let fresh = &lines.text[from..whole];
        if fresh.is_empty() {
            return;
        }
        // A reader that went away shall not end the run, which has processes to stop.
        self.bar.aside(|| {
            let _ = match self.shown {
                Shown::Stdout => write(std::io::stdout().lock(), fresh),
                Shown::Stderr => write(std::io::stderr().lock(), fresh),
                Shown::Nowhere => Ok(()),
            };
        });
    }

    /// Everything that was printed.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// The steps that are done, in the order of their ends.
    pub fn phases(&self) -> Vec<Phase> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).phases.clone()
    }

    /// Runs a step that prints its name at once and its time when it is done.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T, E>(&self, name: &str, work: impl FnOnce() -> Result<(T, Took), E>) -> Result<T, E> {
        self.bar.says(format!("{} {name}", self.about));
        self.print(&format!("  {name} {} ", dots(name)));
        let start = Instant::now();
        let done = work();
        let seconds = self.phase(name, start, matches!(done, Ok((_, Took::Cached))));
        match &done {
            Ok((_, Took::Cached)) => self.print("cached\n"),
            Ok((_, Took::Time)) => self.print(&format!("{seconds:.1}s\n")),
            Err(_) => self.print(&format!("failed after {seconds:.1}s\n")),
        }
        done.map(|(value, _)| value)
    }

    /// Runs a step beside others; its line is printed when it is done.
    pub fn step_beside<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        self.bar.says(format!("{} {name}", self.about));
        let start = Instant::now();
        let done = work();
        let seconds = self.phase(name, start, false);
        self.print(&format!("  {name} {} {seconds:.1}s\n", dots(name)));
        done
    }

    /// Writes a step down that began at `start` and is done; how long it took.
    fn phase(&self, name: &str, start: Instant, cached: bool) -> f64 {
        let seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.phases.push(Phase { name: name.to_owned(), seconds, cached });
        seconds
    }
}

fn write(mut out: impl Write, text: &str) -> std::io::Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

fn dots(name: &str) -> String {
    ".".repeat(WIDTH.saturating_sub(name.chars().count()).max(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_keeps_what_it_prints() {
        let console = Console::new(Shown::Nowhere);
        let failed: Result<(), &str> = console.step("npm ci", || Err("no"));
        assert_eq!(failed, Err("no"));
        console.print("\u{1b}end\n");
        let text = console.text();
        assert!(
            text.starts_with("  npm ci ..") && text.contains(" failed after ") && text.ends_with("\u{fffd}end\n"),
            "{text}"
        );
    }

    #[test]
    fn steps_are_timed() {
        let console = Console::new(Shown::Nowhere);
        let done: Result<(), ()> = console.step("npm ci", || Ok(((), Took::Cached)));
        done.unwrap();
        console.step_beside("boot", || std::thread::sleep(Duration::from_millis(20)));
        let phases = console.phases();
        let told: Vec<_> = phases.iter().map(|phase| (phase.name.as_str(), phase.cached)).collect();
        assert_eq!(told, [("npm ci", true), ("boot", false)]);
        assert!(phases[1].seconds >= 0.02, "{phases:?}");
    }

    #[test]
    fn beside_a_bar_lines_are_shown_whole() {
        let bar = Bar { bar: Some(ProgressBar::hidden()) };
        let console = Console::beside(Shown::Nowhere, bar.clone(), "basic:");
        let shown = |console: &Console| console.lines.lock().unwrap().shown;
        console.print("  npm ci ..... ");
        assert_eq!(shown(&console), 0);
        console.print("1.0s\n  vinxi");
        assert_eq!(shown(&console), "  npm ci ..... 1.0s\n".len());
        console.step_beside("boot", || ());
        assert_eq!(bar.bar.unwrap().message(), "basic: boot");
        let plain = Console::new(Shown::Nowhere);
        plain.print("  npm ci ");
        assert_eq!(shown(&plain), "  npm ci ".len());
    }
}
