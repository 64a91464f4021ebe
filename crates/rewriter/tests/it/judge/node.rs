//! Has Node run builds, many in one process with stand-ins of the packages, or each in its own with the real SDK, and tells
//! what was seen. What it means is decided elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::judge::program::{Environment, FRAME, PACKAGES, Program, RUNTIME, Reader, VALUE, VARIABLES};

/// How long a process may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was seen of one run: when each thing happened first, on one clock.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Seen {
    /// Sentry was started.
    started: Option<u32>,
    /// By which function.
    pub(crate) how: Option<String>,
    /// The runtime was asked for.
    loaded: Option<u32>,
    /// The runtime was evaluated.
    runtime: Option<u32>,
    /// The library was evaluated.
    library: Option<u32>,
    /// The process would have ended, by an error that nothing handles.
    ended: Option<u32>,
    pub(crate) error: Option<String>,
    /// It went on after its time.
    #[serde(default)]
    stale: bool,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Sentry had started when the runtime was asked for.
    First,
    /// It started, and too late.
    Late,
    /// The runtime ran, and Sentry never started.
    Without,
    /// The runtime was never evaluated: an error, or something that is awaited never comes.
    Ended,
}

impl Seen {
    /// What is seen when these happen one after the other.
    pub(crate) fn of(happened: &[&str]) -> Self {
        let times = happened.iter().zip(1u32..).map(|(what, time)| ((*what).to_owned(), time.into()));
        serde_json::from_value(serde_json::Value::Object(times.collect())).unwrap()
    }

    pub(crate) fn fact(&self) -> Fact {
        let Some(runtime) = self.runtime.filter(|runtime| self.ended.is_none_or(|ended| *runtime < ended)) else {
            return Fact::Ended;
        };
        match (self.started, self.loaded) {
            (Some(started), loaded) if started < loaded.unwrap_or(runtime) => Fact::First,
            (Some(_), _) => Fact::Late,
            (None, _) => Fact::Without,
        }
    }

    /// Whether Sentry had started when the runtime was evaluated, which the real one can tell.
    pub(crate) fn has_client(&self) -> bool {
        self.started.zip(self.runtime).is_some_and(|(started, runtime)| started < runtime)
    }

    /// Whether the library was evaluated before Sentry started, so that it is not instrumented.
    pub(crate) fn library_lost(&self) -> bool {
        self.library.zip(self.started).is_some_and(|(library, started)| library < started)
    }

    /// Whether the real SDK and the real library showed the same; why not.
    pub(crate) fn agrees(&self, real: Option<Real>) -> Result<(), String> {
        let expected = (self.fact() != Fact::Ended).then(|| {
            // `init` of the ES module with options of its own is what sets up all of it.
            let hooks = self.has_client() && self.how.as_deref() == Some("init");
            (self.has_client(), hooks.then(|| (!self.library_lost(), self.fact() == Fact::First)))
        });
        let seen = real.map(|real| {
            let hooks = expected.is_some_and(|(_, hooks)| hooks.is_some());
            (real.client, hooks.then_some((real.graphql, real.anthropic)))
        });
        if seen == expected {
            return Ok(());
        }
        Err(format!("the stand-in: (client, (graphql, hooks)) {expected:?}; the real SDK: {seen:?}"))
    }
}

/// Runs builds, each in one environment, in one process. On a busy machine some are too slow for their time; they are run
/// again by themselves.
pub(crate) fn run(programs: &[(&Program, Environment)]) -> Vec<Seen> {
    const ATTEMPTS: usize = 4;
    let mut seen = run_once(programs);
    for _ in 1..ATTEMPTS {
        let slow: Vec<usize> = (0..seen.len()).filter(|number| seen[*number].stale).collect();
        let again: Vec<_> = slow.iter().map(|number| programs[*number].clone()).collect();
        slow.into_iter().zip(run_once(&again)).for_each(|(number, again)| seen[number] = again);
    }
    assert!(seen.iter().all(|seen| !seen.stale), "the machine is too busy for the judge");
    seen
}

fn run_once(programs: &[(&Program, Environment)]) -> Vec<Seen> {
    if programs.is_empty() {
        return Vec::new();
    }
    let directory = tempfile::Builder::new().prefix("presentry-judge-").tempdir().unwrap();
    let packages = directory.path().join("packages");
    PACKAGES.iter().for_each(|(path, text)| put(&packages.join(path), text));
    let mut runs = Vec::new();
    for (number, (program, environment)) in programs.iter().enumerate() {
        let at = directory.path().join(number.to_string());
        write(&at.join("server"), program, Reader::Node, &packages.join("node_modules"));
        runs.push(serde_json::json!({ "directory": at, "environment": environment }));
    }
    let list = directory.path().join("runs.json");
    let job = serde_json::json!({ "runs": runs, "variables": VARIABLES, "value": VALUE, "runtime": RUNTIME });
    put(&list, &job.to_string());
    let (output, errors) = (directory.path().join("seen"), directory.path().join("errors"));
    let mut node = node(directory.path())
        .arg("--preserve-symlinks")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/judge/run.mjs"))
        .arg(list)
        .stdout(fs::File::create(&output).unwrap())
        .stderr(fs::File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let status = wait(&mut node, PATIENCE);
    let text = fs::read_to_string(output).unwrap();
    let seen: Vec<Seen> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(seen.len(), programs.len(), "Node ended with {status}:\n{}", fs::read_to_string(errors).unwrap());
    seen
}

/// What the real SDK and the real library show when the runtime is evaluated.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Real {
    /// There is a client.
    pub(crate) client: bool,
    /// The library is instrumented.
    pub(crate) graphql: bool,
    /// An ES module that is a library is instrumented, so that it was loaded through the hooks of the SDK.
    pub(crate) anthropic: bool,
}

/// Runs a build in a process of its own with the real SDK, whose packages lie in `modules`; `None` when the runtime is
/// never evaluated.
pub(crate) fn run_real(program: &Program, environment: &Environment, modules: &Path) -> Option<Real> {
    let directory = tempfile::Builder::new().prefix("presentry-judge-").tempdir().unwrap();
    let server = directory.path().join("0/server");
    write(&server, program, Reader::Analysis, modules);
    let output = directory.path().join("seen");
    let mut command = node(directory.path());
    environment.iter().for_each(|variable| {
        command.env(variable, VALUE);
    });
    // This loads nothing.
    let probe = directory.path().join("probe.mjs");
    put(&probe, PROBE);
    command.arg("--import").arg(probe);
    let mut node = command
        .arg(server.join("index.mjs"))
        .stdout(fs::File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(&mut node, Duration::from_secs(30));
    let text = fs::read_to_string(output).unwrap();
    text.lines().find_map(|line| serde_json::from_str(line).ok())
}

/// What the runtime calls in the process of a build with the real SDK.
const PROBE: &str = r#"import { writeSync } from "node:fs";
globalThis.judge = { runtime(url, execute, Anthropic) {
const clients = Object.values(globalThis.__SENTRY__ ?? {}).map((v) => v?.defaultCurrentScope?.getClient?.());
writeSync(1, JSON.stringify({ client: clients.some(Boolean), graphql: Boolean(execute.__wrapped),
anthropic: !/^class/.test(Function.prototype.toString.call(Anthropic)) }) + "\n");
process.exit(0); } };"#;

/// Puts what only exists as a stand-in beside the real packages.
pub(crate) fn complete(modules: &Path) {
    for (path, text) in PACKAGES {
        let path = path.strip_prefix("node_modules/").unwrap();
        if !path.starts_with("@sentry/node/") && !path.starts_with("graphql/") {
            put(&modules.join(path), text);
        }
    }
}

fn node(at: &Path) -> Command {
    let mut command = Command::new(which::which("node").expect("Node.js 20 or later has to be on PATH"));
    command.current_dir(at).env_remove("NODE_OPTIONS").stdin(Stdio::null());
    VARIABLES.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    command.env("SENTRY_DSN", "http://key@127.0.0.1:9/1").env("SENTRY_TRACES_SAMPLE_RATE", "1");
    command
}

fn wait(node: &mut Child, patience: Duration) -> String {
    let deadline = Instant::now() + patience;
    loop {
        match node.try_wait().unwrap() {
            Some(status) => return status.to_string(),
            None if Instant::now() > deadline => {
                node.kill().unwrap();
                return format!("{}, after {patience:?}", node.wait().unwrap());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Writes a build; its packages are links to those of `packages`.
fn write(server: &Path, program: &Program, reader: Reader, packages: &Path) {
    FRAME.iter().for_each(|(path, text)| put(&server.join(path), text));
    program.texts(reader).iter().for_each(|(path, text)| put(&server.join(path), text));
    let modules = server.join("node_modules");
    fs::create_dir_all(&modules).unwrap();
    for name in ["@sentry", "@anthropic-ai", "graphql", "lookalike"] {
        std::os::unix::fs::symlink(packages.join(name), modules.join(name)).unwrap();
    }
}

fn put(path: &PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
