//! A script that Node.js runs to its end: it is given a request, and answers on stdout.

use std::{
    env,
    io::{self, Read, Write as _},
    path::Path,
    process::{self, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;
use thiserror::Error;

use super::{
    environment,
    group::{Group, TICK},
};
use crate::{interruption, scratch::Scratch};

/// How long a script may take. Bundling and tracing take seconds, and a slow machine is given its time; but one that hangs
/// must end before CI gives up on the job.
const LIMIT: Duration = Duration::from_secs(300);

/// How long pipes may stay open after their last holder was killed.
const PIPES: Duration = Duration::from_millis(500);

/// A longer answer is not read.
const LONGEST: u64 = 512 << 20;

/// Ends the script when this process is killed.
const ORPHAN: &str = include_str!("orphan.mjs");

/// Why a script gave no answer.
#[derive(Debug, Error)]
pub(crate) enum ScriptError {
    /// What it is to do cannot be written down.
    #[error("failed to write down what is to be done: {0}")]
    Request(#[from] serde_json::Error),
    /// There is no directory for temporary files, or no more processes can be made.
    #[error("failed to start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    /// It was ended at the deadline.
    #[error("it did not end within {} s", .0.as_secs_f64())]
    TooLate(Duration),
    /// The system does not say how it ended.
    #[error("failed to wait for it: {0}")]
    Wait(io::Error),
}

/// What came of a script.
#[derive(Debug)]
pub(crate) struct Answered {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it printed to stdout.
    pub(crate) stdout: Vec<u8>,
    /// What it printed to stderr.
    pub(crate) stderr: String,
}

/// Has Node.js run a module that finds its request in the constant `request`.
///
/// Options of the build for its own processes, `--import` above all, do not reach it, and what it leaves in the directory for
/// temporary files goes with it.
///
/// # Errors
/// When it cannot be started, or does not come to its end.
pub(crate) fn run(
    node: &Path,
    script: &str,
    request: &impl Serialize,
    directory: &Path,
) -> Result<Answered, ScriptError> {
    let request = serde_json::to_string(request)?;
    // A command line has room for 32 kB on Windows.
    let text = format!("const presentry = {};\nconst request = {request};\n{ORPHAN}{script}", process::id());
    let started = |source| ScriptError::Start { program: node.display().to_string(), source };
    let temporary = Scratch::new("child").map_err(started)?;
    let mut command = Command::new(node);
    command.args(["--input-type=module", "-"]).current_dir(directory).stdin(Stdio::piped());
    command.env_clear().envs(environment::base(env::vars_os(), &[]));
    ["TMPDIR", "TEMP", "TMP"].iter().for_each(|name| {
        command.env(name, temporary.path());
    });
    let mut group = Group::start(command).map_err(started)?;
    if let Some(mut stdin) = group.stdin() {
        // A child that ended early says why on its stderr.
        thread::spawn(move || stdin.write_all(text.as_bytes()));
    }
    let open = Arc::new(AtomicUsize::new(0));
    let [stdout, stderr] = group.streams().map(|stream| gather(stream, &open));
    let limit = limit();
    let ended = wait(&mut group, limit);
    group.end(Duration::ZERO);
    interruption::checkpoint();
    let status = ended?.ok_or(ScriptError::TooLate(limit))?;
    let deadline = Instant::now() + PIPES;
    while open.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(TICK);
    }
    Ok(Answered { status, stdout: taken(&stdout), stderr: String::from_utf8_lossy(&taken(&stderr)).trim().to_owned() })
}

/// How the script has ended; nothing where the deadline came first.
fn wait(group: &mut Group, limit: Duration) -> Result<Option<ExitStatus>, ScriptError> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = group.exited().map_err(ScriptError::Wait)? {
            return Ok(Some(status));
        }
        thread::sleep(TICK);
    }
    Ok(None)
}

type Gathered = Arc<Mutex<Vec<u8>>>;

/// Reads a stream as it comes; `open` counts those that have not ended.
fn gather(stream: Option<Box<dyn Read + Send>>, open: &Arc<AtomicUsize>) -> Gathered {
    let gathered = Gathered::default();
    let Some(stream) = stream else { return gathered };
    open.fetch_add(1, Ordering::SeqCst);
    let (open, to) = (Arc::clone(open), Arc::clone(&gathered));
    thread::spawn(move || {
        let mut stream = stream.take(LONGEST);
        let mut part = vec![0; 64 << 10];
        while let Ok(read) = stream.read(&mut part)
            && read > 0
        {
            to.lock().unwrap_or_else(PoisonError::into_inner).extend(&part[..read]);
        }
        open.fetch_sub(1, Ordering::SeqCst);
    });
    gathered
}

fn taken(gathered: &Gathered) -> Vec<u8> {
    std::mem::take(&mut gathered.lock().unwrap_or_else(PoisonError::into_inner))
}

/// [`LIMIT`], or what a test sets.
fn limit() -> Duration {
    let of_test = || env::var("PRESENTRY_CHILD_LIMIT").ok()?.parse().ok().map(Duration::from_secs);
    if cfg!(debug_assertions) { of_test().unwrap_or(LIMIT) } else { LIMIT }
}
