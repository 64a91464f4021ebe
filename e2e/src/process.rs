//! Child processes as groups that end: by themselves, at a deadline, when their guard is dropped, or with the harness.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use shared_child::SharedChild;

use crate::evidence::Source;

/// How long a group has between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(3);

/// A command that is not started yet. Its environment is the harness's own without what [`is_scrubbed`] names.
#[derive(Debug, Clone)]
pub struct Invocation {
    program: PathBuf,
    args: Vec<OsString>,
    directory: PathBuf,
    variables: Vec<(String, OsString)>,
    removed: Vec<String>,
    #[cfg(unix)]
    account: Option<(u32, u32)>,
}

impl Invocation {
    /// `program`, to be run in `directory`.
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Invocation {
        Invocation {
            program: program.into(),
            args: Vec::new(),
            directory: directory.into(),
            variables: Vec::new(),
            removed: Vec::new(),
            #[cfg(unix)]
            account: None,
        }
    }

    /// Appends one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Invocation {
        self.args.push(arg.into());
        self
    }

    /// Appends several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Invocation {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the child's environment. It is set after the scrubbing, so scrubbed names can be given.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Invocation {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Removes a variable from the child's environment, besides the scrubbed ones.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Invocation {
        self.removed.push(name.to_owned());
        self
    }

    /// Runs the command as another user and group, which only root may.
    #[cfg(unix)]
    #[must_use]
    pub fn account(mut self, uid: u32, gid: u32) -> Invocation {
        self.account = Some((uid, gid));
        self
    }

    /// Where the command runs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The command as one would type it in a POSIX shell, with the variables that the harness sets.
    pub fn shell_line(&self) -> String {
        let variables =
            self.variables.iter().map(|(name, value)| format!("{name}={}", shell_word(&value.to_string_lossy())));
        let words = std::iter::once(self.program.as_os_str())
            .chain(self.args.iter().map(OsString::as_os_str))
            .map(|word| shell_word(&word.to_string_lossy()));
        variables.chain(words).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, mark: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_scrubbed) {
                command.env_remove(&name);
            }
        }
        for name in &self.removed {
            command.env_remove(name);
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.env(MARK, mark);
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            command.process_group(0);
            if let Some((uid, gid)) = self.account {
                command.uid(uid).gid(gid);
            }
        }
        command
    }

    /// Starts the command. What it prints is kept in memory and written to `log`, which begins with the command itself.
    ///
    /// # Errors
    /// When the log cannot be created or the program cannot be started.
    pub fn spawn(&self, log: &Path) -> Result<Running> {
        let mut file = File::create(log).with_context(|| format!("failed to create the log `{}`", log.display()))?;
        writeln!(file, "$ cd {}", shell_word(&self.directory.to_string_lossy()))?;
        writeln!(file, "$ {}", self.shell_line())?;

        let file = Arc::new(Mutex::new(file));
        let shared = Arc::new(Shared::default());
        let mark = new_mark();
        // The lock is held over the spawn, so an interrupt sees either no child or a child it can end.
        let mut live = lock(&LIVE);
        let child = SharedChild::spawn(&mut self.command(&mark))
            .with_context(|| format!("failed to start `{}`", self.shell_line()))?;
        let child = Arc::new(child);
        let id = child.id();
        live.insert(id, (Arc::clone(&child), mark.clone()));
        drop(live);

        if let Some(stdout) = child.take_stdout() {
            read_lines(stdout, Stream::Stdout, &shared, &file);
        }
        if let Some(stderr) = child.take_stderr() {
            read_lines(stderr, Stream::Stderr, &shared, &file);
        }
        let waiter = {
            let (child, shared) = (Arc::clone(&child), Arc::clone(&shared));
            std::thread::spawn(move || {
                let status = child.wait();
                // What the leader left behind goes with it. The number cannot have been given to another group yet as
                // long as a member lives; with none left there is nothing to signal.
                signal_group(&child, Signal::Kill);
                kill_marked(&mark);
                lock(&LIVE).remove(&id);
                let mut output = lock(&shared.output);
                output.exit = Some(Exit::from_wait(&status));
                drop(output);
                shared.changed.notify_all();
            })
        };
        Ok(Running {
            child,
            shared,
            waiter: Some(waiter),
            command: self.shell_line(),
            directory: self.directory.clone(),
            log: log.to_owned(),
        })
    }

    /// Runs the command to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started, or has not ended within `limit`; it is killed then.
    pub fn run(&self, log: &Path, limit: Duration) -> Result<Finished> {
        let running = self.spawn(log)?;
        let ended = running.wait_for(Instant::now() + limit, |output| output.exit().map(|_| ()));
        if ended.is_none() {
            let report = running.describe();
            drop(running);
            bail!("`{}` did not end within {}s\n{report}", self.shell_line(), limit.as_secs());
        }
        Ok(running.finish())
    }

    /// Runs the command to its end and demands success.
    ///
    /// # Errors
    /// As [`Invocation::run`], and when the exit code is not 0: the message carries the end of the output, the log, the
    /// command and the directory.
    pub fn run_ok(&self, log: &Path, limit: Duration) -> Result<Finished> {
        let finished = self.run(log, limit)?;
        if !finished.exit.success() {
            bail!("{}", finished.failure());
        }
        Ok(finished)
    }
}

impl Finished {
    /// What it printed last, as a failure that its caller cannot explain.
    pub fn failure(&self) -> String {
        let Finished { exit, text, source, .. } = self;
        format!("`{}` {exit}\n{}\n{source}", source.command, indent(&tail(text, 25)))
    }
}

/// Whether a variable of the harness's own environment must not reach a child: it would change what the child does.
///
/// Names are compared without case, as npm reads `NPM_CONFIG_X` and `npm_config_x` alike.
pub fn is_scrubbed(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    const PREFIXES: [&str; 4] = ["NPM_CONFIG_", "NPM_PACKAGE_", "SENTRY_", "NITRO_"];
    const NAMES: [&str; 10] = [
        "NODE_OPTIONS",
        "NODE_ENV",
        "NODE_PATH",
        "NODE_DEBUG",
        "PORT",
        "HOST",
        "SERVER_PRESET",
        "MODULE_TRACE_FILE",
        "UNIX_SOCKET",
        "DEBUG",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name.as_str())
}

/// One of the two streams of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// A signal ended it (Unix).
    Signal(i32),
    /// The system did not tell.
    Unknown,
}

impl Exit {
    fn from_wait(status: &std::io::Result<ExitStatus>) -> Exit {
        let Ok(status) = status else { return Exit::Unknown };
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if let Some(signal) = status.signal() {
                return Exit::Signal(signal);
            }
        }
        status.code().map_or(Exit::Unknown, Exit::Code)
    }

    /// Whether the process returned 0.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with code {code}"),
            Exit::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Exit::Unknown => write!(f, "ended, and the system does not tell how"),
        }
    }
}

/// What a child has printed so far, and whether it has ended.
#[derive(Debug, Default)]
pub struct Output {
    lines: Vec<(Stream, String)>,
    open_streams: u8,
    exit: Option<Exit>,
}

impl Output {
    /// The lines of one stream, in order.
    pub fn lines(&self, stream: Stream) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(from, _)| *from == stream).map(|(_, line)| line.as_str())
    }

    /// Whether a line of either stream contains `needle`.
    pub fn contains(&self, needle: &str) -> bool {
        self.lines.iter().any(|(_, line)| line.contains(needle))
    }

    /// How the process ended; nothing while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

#[derive(Debug, Default)]
struct Shared {
    output: Mutex<Output>,
    changed: Condvar,
}

/// A command that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to either stream, as the lines came in.
    pub text: String,
    /// Where this came from.
    pub source: Source,
}

/// A process group that runs. Dropping it kills the group.
#[derive(Debug)]
pub struct Running {
    child: Arc<SharedChild>,
    shared: Arc<Shared>,
    waiter: Option<JoinHandle<()>>,
    command: String,
    directory: PathBuf,
    log: PathBuf,
}

impl Running {
    /// The process id of the group's leader.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where the evidence is.
    pub fn source(&self) -> Source {
        Source { command: self.command.clone(), directory: self.directory.clone(), log: self.log.clone() }
    }

    /// Waits until `condition` gives a value; nothing once `deadline` has passed. It is asked again whenever a line
    /// came in or the process ended.
    pub fn wait_for<T>(&self, deadline: Instant, mut condition: impl FnMut(&Output) -> Option<T>) -> Option<T> {
        let mut output = lock(&self.shared.output);
        loop {
            if let Some(value) = condition(&output) {
                return Some(value);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            output = self.shared.changed.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Looks at the output so far.
    pub fn inspect<T>(&self, look: impl FnOnce(&Output) -> T) -> T {
        look(&lock(&self.shared.output))
    }

    /// The end of the output and where the rest is, for an error message.
    pub fn describe(&self) -> String {
        let text = self.inspect(Output::text);
        format!("{}\n{}", indent(&tail(&text, 15)), self.source())
    }

    /// Asks the group to end (SIGTERM), waits for [`GRACE`], then kills it.
    pub fn stop(self) -> Finished {
        self.end(Signal::Terminate)
    }

    /// As [`Running::stop`], by SIGINT: what some servers take for "now", and SIGTERM for "when the last client is gone".
    pub fn interrupt(self) -> Finished {
        self.end(Signal::Interrupt)
    }

    fn end(self, signal: Signal) -> Finished {
        signal_group(&self.child, signal);
        let ended = self.wait_for(Instant::now() + GRACE, |output| output.exit().map(|_| ()));
        if ended.is_none() {
            signal_group(&self.child, Signal::Kill);
        }
        self.finish()
    }

    /// Waits for the end, which must be near: the process has ended or was killed.
    fn finish(mut self) -> Finished {
        self.join();
        let output = lock(&self.shared.output);
        Finished {
            exit: output.exit().unwrap_or(Exit::Unknown),
            stdout: output.lines(Stream::Stdout).map(|line| format!("{line}\n")).collect(),
            text: output.text(),
            source: self.source(),
        }
    }

    fn join(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
        // The pipes close with their last holder, and the whole group is dead by now. The deadline is for a descendant
        // that left the group on its own account.
        self.wait_for(Instant::now() + GRACE, |output| (output.open_streams == 0).then_some(()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.waiter.is_some() {
            signal_group(&self.child, Signal::Kill);
            self.join();
        }
    }
}

/// The groups that live with their marks, by the id of their leader.
static LIVE: Mutex<BTreeMap<u32, (Arc<SharedChild>, String)>> = Mutex::new(BTreeMap::new());

/// The variable that all processes of a group inherit. A process manager starts servers in groups of their own.
const MARK: &str = "PRESENTRY_E2E_GROUP";

/// A value of [`MARK`] that no other group on this machine has.
fn new_mark() -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
}

/// Kills the processes that have this mark, wherever they went. Linux alone lists the variables of a process.
fn kill_marked(mark: &str) {
    let variable = format!("{MARK}={mark}");
    let is_marked = |environment: &[u8]| environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes());
    // One that is being killed may just have started another.
    for _ in 0..10 {
        let mut found = 0;
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // Nothing can be read of one that has ended.
            if std::fs::read(entry.path().join("environ")).is_ok_and(|environment| is_marked(&environment)) {
                kill(id);
                found += 1;
            }
        }
        if found == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes Ctrl-C, SIGTERM and SIGHUP end every group before they end the harness, with exit code 130.
///
/// # Errors
/// When a handler cannot be installed, or one is installed already.
pub fn end_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        // Never unlocked again: no child can be started from here on, and the main thread cannot mistake the end of
        // its children for a result.
        let live = lock(&LIVE);
        for (child, _) in live.values() {
            signal_group(child, Signal::Terminate);
        }
        let wait_for_all = || {
            let deadline = Instant::now() + GRACE;
            for (child, _) in live.values() {
                let _ = child.wait_deadline(deadline);
            }
        };
        wait_for_all();
        for (child, mark) in live.values() {
            signal_group(child, Signal::Kill);
            kill_marked(mark);
        }
        wait_for_all();
        eprintln!("error: interrupted, all child processes were ended");
        std::process::exit(130);
    })
    .context("failed to install the handler for Ctrl-C")
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Interrupt,
    Terminate,
    Kill,
}

/// Signals the group that `child` leads. Nothing is done where the group is gone.
#[cfg(unix)]
fn signal_group(child: &SharedChild, signal: Signal) {
    use rustix::process::{Pid, Signal as Number, kill_process_group};
    let number = match signal {
        Signal::Interrupt => Number::INT,
        Signal::Terminate => Number::TERM,
        Signal::Kill => Number::KILL,
    };
    if let Some(leader) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The one error that can happen, ESRCH, says that the work is done.
        let _ = kill_process_group(leader, number);
    }
}

#[cfg(unix)]
fn kill(id: i32) {
    if let Some(id) = rustix::process::Pid::from_raw(id) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: i32) {}

/// Windows has neither groups in this sense nor SIGTERM; the servers started here have no children of their own.
#[cfg(not(unix))]
fn signal_group(child: &SharedChild, _signal: Signal) {
    let _ = child.kill();
}

fn read_lines(stream: impl Read + Send + 'static, from: Stream, shared: &Arc<Shared>, log: &Arc<Mutex<File>>) {
    let (shared, log) = (Arc::clone(shared), Arc::clone(log));
    lock(&shared.output).open_streams += 1;
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let _ = lock(&log).write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            lock(&shared.output).lines.push((from, text));
            shared.changed.notify_all();
            line.clear();
        }
        lock(&shared.output).open_streams -= 1;
        shared.changed.notify_all();
    });
}

/// A panic elsewhere must not keep the children from being ended.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A word as one types it in a POSIX shell.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrubs_what_would_change_a_child() {
        for name in [
            "NODE_OPTIONS",
            "npm_config_registry",
            "NPM_CONFIG_CACHE",
            "SENTRY_DSN",
            "NITRO_PORT",
            "PORT",
            "HOST",
            "MODULE_TRACE_FILE",
        ] {
            assert!(is_scrubbed(name), "`{name}` must be scrubbed");
        }
    }

    #[test]
    fn keeps_what_a_child_needs() {
        for name in ["PATH", "HOME", "NODE_EXTRA_CA_CERTS", "CARGO_TARGET_DIR", "HTTPS_PROXY", "SystemRoot"] {
            assert!(!is_scrubbed(name), "`{name}` must be kept");
        }
    }

    #[test]
    fn shell_lines_can_be_pasted() {
        let invocation = Invocation::new("node", "/app").arg("--import").arg("./it's here.mjs").env("PORT", "80");
        assert_eq!(invocation.shell_line(), r"PORT=80 node --import './it'\''s here.mjs'");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_left_the_group_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let script = "const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], \
            { detached: true, stdio: 'ignore' }); console.log(child.pid); setInterval(() => {}, 1e9);";
        let running = Invocation::new("node", directory.path()).arg("-e").arg(script);
        let running = running.spawn(&directory.path().join("log")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let printed = running.wait_for(deadline, |output| output.lines(Stream::Stdout).next().map(str::to_owned));
        let environment = PathBuf::from(format!("/proc/{}/environ", printed.unwrap()));
        assert!(environment.exists());
        running.stop();
        // There is nothing in it once the process has ended.
        assert!(std::fs::read(environment).unwrap_or_default().is_empty());
    }

    #[test]
    fn a_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
