//! A process group and its end. Nothing of it is left when the guard is dropped or the command is interrupted; on Linux that
//! holds for processes that left the group as well. The command starts one group at a time.

#[cfg(windows)]
use std::path::PathBuf;
use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How often something is looked at that nothing tells about.
pub(crate) const TICK: Duration = Duration::from_millis(15);

/// How often what left the group is looked for: whoever is killed cannot start another one, but may just have done so.
const ROUNDS: usize = 10;

/// The leader of the group that runs.
static LIVE: Mutex<Option<u32>> = Mutex::new(None);

fn live() -> MutexGuard<'static, Option<u32>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process group that runs.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Child,
    ended: bool,
}

impl Group {
    /// Starts a command as the leader of a group of its own. What it prints can be taken.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // What the group leaves behind becomes a child of this process, so that it can be found.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        // Locked over the start, so that an interruption finds none or one that it can end.
        let mut live = live();
        let leader = command.spawn()?;
        *live = Some(leader.id());
        Ok(Self { leader, ended: false })
    }

    /// The process id of the leader.
    pub(crate) fn id(&self) -> u32 {
        self.leader.id()
    }

    /// How the leader has ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.leader.try_wait()
    }

    /// What the leader reads, which can be taken once.
    pub(crate) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.leader.stdin.take()
    }

    /// What the group prints, each of which can be taken once: stdout, stderr.
    pub(crate) fn streams(&mut self) -> [Option<Box<dyn Read + Send>>; 2] {
        let stdout = self.leader.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        [stdout, self.leader.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>)]
    }

    /// Ends the group, and what has left it: SIGTERM, and SIGKILL for whoever is left after `grace`.
    pub(crate) fn end(&mut self, grace: Duration) {
        if self.ended {
            return;
        }
        self.ended = true;
        if !grace.is_zero() {
            // Those that left the group are not asked with it.
            let below = descendants_outside(self.id());
            signal_group(self.id(), Signal::Terminate);
            signal_each(&below, Signal::Terminate);
            let deadline = Instant::now() + grace;
            while matches!(self.leader.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(TICK);
            }
        }
        let mut live = live();
        // Also where the leader has ended: members of its group may not have.
        signal_group(self.id(), Signal::Kill);
        let _ = self.leader.kill();
        let _ = self.leader.wait();
        kill_outside(self.id());
        *live = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Kills the group that runs, before the process ends. None can be started any more.
pub(crate) fn end_all() {
    let live = live();
    if let Some(leader) = *live {
        signal_group(leader, Signal::Kill);
        kill_outside(leader);
    }
    std::mem::forget(live);
}

fn kill_outside(leader: u32) {
    for _ in 0..ROUNDS {
        let left = descendants_outside(leader);
        if left.is_empty() {
            return;
        }
        signal_each(&left, Signal::Kill);
        thread::sleep(TICK);
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

#[cfg(unix)]
fn signal_group(leader: u32, signal: Signal) {
    use rustix::process::{Pid, kill_process_group};
    if let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // The one error that can happen, ESRCH, says that the work is done.
        let _ = kill_process_group(leader, signal.number());
    }
}

/// Windows has neither groups in this sense nor SIGTERM; `taskkill /T` ends the tree below a leader that still runs.
#[cfg(windows)]
fn signal_group(leader: u32, _: Signal) {
    let Some(root) = std::env::var_os("SystemRoot").map(PathBuf::from).filter(|root| root.is_absolute()) else {
        return;
    };
    let taskkill = root.join("System32").join("taskkill.exe");
    let _ = Command::new(taskkill).args(["/T", "/F", "/PID", &leader.to_string()]).output();
}

#[cfg(not(any(unix, windows)))]
fn signal_group(_: u32, _: Signal) {}

/// The processes below this one that are not in a group, and live. Nothing but the group is started while it runs.
#[cfg(target_os = "linux")]
fn descendants_outside(group: u32) -> Vec<i32> {
    let mut below: std::collections::BTreeMap<i32, Vec<Process>> = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent group …`, where the name may hold anything (proc_pid_stat(5)).
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ended = matches!(fields.next(), None | Some("Z" | "X"));
        let parent = fields.next().and_then(|field| field.parse().ok()).unwrap_or_default();
        let is_outside = fields.next().and_then(|field| field.parse().ok()) != Some(group);
        below.entry(parent).or_default().push(Process { id, counts: is_outside && !ended });
    }
    let mut found = Vec::new();
    let mut parents = vec![rustix::process::getpid().as_raw_pid()];
    while let Some(parent) = parents.pop() {
        let children = below.remove(&parent).unwrap_or_default();
        parents.extend(children.iter().map(|child| child.id));
        found.extend(children.iter().filter(|child| child.counts).map(|child| child.id));
    }
    found
}

#[cfg(target_os = "linux")]
struct Process {
    id: i32,
    /// Whether it lives outside of the group.
    counts: bool,
}

/// Elsewhere a process that leaves its group is not found again.
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
