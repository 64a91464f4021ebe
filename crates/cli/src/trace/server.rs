//! The server as a process group: what it prints, and its end. Nothing of it is left when the guard is dropped; on Linux
//! that holds for processes that left the group as well.

use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the group has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// How often something is looked at that nothing tells about.
pub(crate) const TICK: Duration = Duration::from_millis(15);

/// How long pipes may stay open after their last holder was killed.
const PIPES: Duration = Duration::from_millis(500);

/// Of a server that prints without end, the last lines are kept.
const KEPT: usize = 200;

/// Set by Ctrl-C, SIGTERM and SIGHUP.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Has interruptions end the server before they end the command.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn watch_interruptions() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
}

/// Whether the user wants to have it end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    printed: Arc<Mutex<Printed>>,
    ended: bool,
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
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // What the server leaves behind becomes a child of this process, so that it can be found.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let mut child = command.spawn()?;
        let printed = Arc::new(Mutex::new(Printed::default()));
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            lock(&printed).open += 1;
            let printed = Arc::clone(&printed);
            thread::spawn(move || gather(stream, &printed, echo));
        }
        Ok(Self { child, printed, ended: false })
    }

    /// The process id of the leader.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the leader has ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Ends the group: SIGTERM, and SIGKILL for whoever is left after [`GRACE`].
    pub(crate) fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        // Those that left the group are not asked with it.
        let below = descendants_outside(self.child.id());
        self.signal(Signal::Terminate);
        signal_each(&below, Signal::Terminate);
        let deadline = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(TICK);
        }
        // Also where the leader has ended: members of its group may not have.
        self.signal(Signal::Kill);
        let _ = self.child.wait();
        signal_each(&descendants_outside(self.child.id()), Signal::Kill);
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

    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        use rustix::process::{Pid, kill_process_group};
        let number = signal.number();
        if let Some(leader) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The one error that can happen, ESRCH, says that the work is done.
            let _ = kill_process_group(leader, number);
        }
    }

    /// Windows has neither groups in this sense nor SIGTERM; `taskkill /T` ends the tree.
    #[cfg(not(unix))]
    fn signal(&mut self, signal: Signal) {
        if matches!(signal, Signal::Terminate) {
            let id = self.child.id().to_string();
            let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &id]).output();
        }
        let _ = self.child.kill();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
impl Signal {
    fn number(self) -> rustix::process::Signal {
        match self {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        }
    }
}

/// The processes below this one that are not in a group. Nothing but the server is started while it runs.
#[cfg(target_os = "linux")]
fn descendants_outside(group: u32) -> Vec<i32> {
    let mut below: std::collections::BTreeMap<i32, Vec<(i32, u32)>> = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent group …`, where the name may hold anything (proc_pid_stat(5)).
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(1);
        let (parent, group) = (fields.next(), fields.next());
        let number = |field: Option<&str>| field.and_then(|field| field.parse().ok()).unwrap_or_default();
        let group = group.and_then(|group| group.parse().ok()).unwrap_or_default();
        below.entry(number(parent)).or_default().push((pid, group));
    }
    let mut found = Vec::new();
    let mut parents = vec![rustix::process::getpid().as_raw_pid()];
    while let Some(parent) = parents.pop() {
        let children = below.remove(&parent).unwrap_or_default();
        parents.extend(children.iter().map(|(pid, _)| *pid));
        found.extend(children.iter().filter(|(_, of)| *of != group).map(|(pid, _)| *pid));
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn descendants_outside(_: u32) -> Vec<i32> {
    Vec::new()
}

#[cfg(unix)]
fn signal_each(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(pid, signal.number());
    }
}

#[cfg(not(unix))]
fn signal_each(_: &[i32], _: Signal) {}

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
