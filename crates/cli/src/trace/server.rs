//! The server as a process group: what it prints, and its end.

use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::child::{Group, group::TICK};

/// How long the group has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// How long pipes may stay open after their last holder was killed.
const PIPES: Duration = Duration::from_millis(500);

/// Of a server that prints without end, the last lines are kept.
const KEPT: usize = 200;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    group: Group,
    printed: Arc<Mutex<Printed>>,
}

/// What a server has printed.
#[derive(Debug, Default)]
struct Printed {
    lines: Vec<String>,
    /// What the SDK warns of, as far as it says that it does.
    warnings: Vec<String>,
    open: u8,
}

impl Server {
    /// Starts a command as the leader of a group of its own. `echo` gets each line as it comes.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(mut command: Command, echo: Option<fn(&str)>) -> io::Result<Self> {
        command.stdin(Stdio::null());
        let mut group = Group::start(command)?;
        let printed = Arc::new(Mutex::new(Printed::default()));
        let streams = group.streams();
        for stream in streams.into_iter().flatten() {
            lock(&printed).open += 1;
            let printed = Arc::clone(&printed);
            thread::spawn(move || gather(stream, &printed, echo));
        }
        Ok(Self { group, printed })
    }

    /// The process id of the leader.
    pub(crate) fn id(&self) -> u32 {
        self.group.id()
    }

    /// How the leader has ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.group.exited()
    }

    /// Ends the group: SIGTERM, and SIGKILL for whoever is left after [`GRACE`].
    pub(crate) fn end(&mut self) {
        self.group.end(GRACE);
        let deadline = Instant::now() + PIPES;
        while lock(&self.printed).open > 0 && Instant::now() < deadline {
            thread::sleep(TICK);
        }
    }

    /// The last lines of what it printed, to both streams.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let printed = lock(&self.printed);
        let lines = printed.lines.iter().filter(|line| !line.trim().is_empty());
        let mut lines: Vec<String> = lines.rev().take(count).cloned().collect();
        lines.reverse();
        lines
    }

    /// What the SDK has warned of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        lock(&self.printed).warnings.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn gather(stream: impl Read, printed: &Mutex<Printed>, echo: Option<fn(&str)>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if let Some(echo) = echo {
            echo(&text);
        }
        let mut printed = lock(printed);
        if let Some(warning) = warning(&text).filter(|_| printed.warnings.len() < KEPT) {
            printed.warnings.push(warning.to_owned());
        }
        let lines = &mut printed.lines;
        lines.push(text);
        if lines.len() > 2 * KEPT {
            lines.drain(..KEPT);
        }
        line.clear();
    }
    lock(printed).open -= 1;
}

fn lock(printed: &Mutex<Printed>) -> std::sync::MutexGuard<'_, Printed> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A warning of the SDK in a line, without its mark. `debug: true` prints the second kind.
fn warning(line: &str) -> Option<&str> {
    let marks = ["[Sentry] ", "Sentry Logger [warn]: ", "Sentry Logger [error]: "];
    let text = marks.iter().find_map(|mark| line.trim_start().strip_prefix(mark))?;
    // What follows the first sentence is advice of the SDK to people who bundle by themselves.
    Some(text.split_once(". ").map_or(text, |(first, _)| first).trim())
}

/// How a process ended, in words that follow its name.
pub(crate) fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "ended, and the system does not say how".to_owned(),
    }
}

/// A command as one would type it.
pub(crate) fn shown(words: &[&OsStr]) -> String {
    let word = |word: &&OsStr| {
        let word = word.to_string_lossy();
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "./-_+@%:=,\\".contains(c));
        if plain { word.into_owned() } else { format!("'{word}'") }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}
