//! `presentry trace`: starts the real server, and shows when Sentry started and when the runtime was loaded.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    net::TcpListener,
    path::{self, Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use presentry_rewriter::{EntryLoading, ModulePath, Proof, Sources as _, prove};

use crate::{
    args::TraceArgs,
    commands::open_for_reading,
    diagnostics::{node_not_found, sentry_not_first, server_not_started, trace_needs_node},
    failure::Failure,
    find::{locate::Build, presets::Runtime},
    outcome::Outcome,
    passes::instrumentation,
    paths,
    say::{
        output::Output,
        report::{PackageReport, ProcessReport, Report, StepReport, TraceReport},
    },
    store::disk::DiskSources,
    trace::{
        Probe, Watched,
        events::{Reader, What},
        server::{self, Server, TICK},
        timeline,
        verdict::{Expected, Process, Trace},
    },
};

/// What a server may still do when it listens: other workers, the end of what was begun.
const SETTLE: Duration = Duration::from_millis(250);

/// How long the other workers of a cluster may take when one listens.
const WORKERS: Duration = Duration::from_secs(10);

/// How long a server may listen somewhere else before that is taken for all it does. An instrumentation may have a
/// server of its own.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// How many of the last lines of a server that fails are shown.
const LINES: usize = 15;

/// Watches a start of the server.
pub(crate) fn run(args: &TraceArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    if let Some(found) = &build.found
        && found.preset.runtime != Runtime::Node
    {
        return Err(trace_needs_node::diagnostic(found.preset.name, found.preset.runtime.name()).into());
    }
    let node = node(args.node.as_deref())?;
    let _lock = open_for_reading(build, output)?;
    build.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
    let (proof, expected) = expected(args, build, report)?;
    if proof.untried_bundle.is_some() {
        return Err(Failure::NotProven(proof.failures));
    }
    let start = Start::new(args, build, node, &expected)?;
    output.why(format!("starting `{}`", start.shown()));
    server::watch_interruptions().context("failed to prepare for Ctrl-C")?;
    let (ended, trace, lines) = output.during("starting the server", || start.watch(args, &expected, output.echo()))?;
    report.trace = Some(wire(&trace, &start));
    let failure = match ended {
        Ended::Up => None,
        Ended::Interrupted => {
            return Err(anyhow::anyhow!("interrupted; the server was ended").into());
        }
        Ended::Exited(status) => Some(server_not_started::ended(&start.shown(), &server::how(status))),
        Ended::TooLate => Some(server_not_started::too_late(&start.shown(), args.timeout)),
    };
    if let Some(failure) = failure {
        show(&trace, output);
        if output.echo().is_none() {
            lines.iter().for_each(|line| output.note(format!("the server printed: {line}")));
        }
        return Err(Failure::NotProven(vec![failure]));
    }
    show(&trace, output);
    let telling = trace.telling().context("the server ran without the probe; it may reset `NODE_OPTIONS`")?;
    say_clients(telling, output);
    let sentence = telling.verdict.sentence(telling.through_hooks);
    if !trace.is_first() {
        return Err(Failure::NotProven(vec![sentry_not_first::diagnostic(&sentence, expected.proven)]));
    }
    let workers = trace.processes.iter().filter(|process| process.worker).count();
    let workers = match workers {
        0 => String::new(),
        1 => ", and so it was in its worker".to_owned(),
        many => format!(", and so it was in each of its {many} workers"),
    };
    output.line(format!("{sentence}{workers}"));
    Ok(Outcome::First)
}

/// The executable. It is not resolved further: version managers look at the name they are called by.
fn node(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let found = which::which(named.unwrap_or(Path::new("node"))).ok();
    let found = found.and_then(|found| path::absolute(found).ok());
    let shown = named.map(paths::show);
    found.ok_or_else(|| node_not_found::diagnostic(shown.as_deref()).into())
}

/// What is known of the build without running it.
fn expected(args: &TraceArgs, build: &Build, report: &mut Report) -> Result<(Proof, Expected), Failure> {
    let place = &build.place;
    let disk = DiskSources::new(&place.server);
    let proof = prove(&disk, &build.entry);
    report.tried_proof(place, &proof);
    let beside = instrumentation::built(build, args.instrumentation.as_deref())?;
    let instrumentation = proof.instrumentation.clone().or_else(|| disk.exists(&beside).then_some(beside));
    if let Some(path) = &instrumentation {
        report.found_instrumentation(place, path);
    }
    let scripts = disk.scripts().map_err(anyhow::Error::from)?;
    let on_disk = |path: &ModulePath| place.server.join(path.as_str());
    let holds_nitro = |path: &&ModulePath| {
        // The part of the runtime that reads the environment; a minifier keeps the name of a variable.
        let text = std::fs::read(on_disk(path)).unwrap_or_default();
        String::from_utf8_lossy(&text).contains("NITRO_ENV_PREFIX")
    };
    let mut nitro: BTreeSet<PathBuf> = scripts.iter().filter(holds_nitro).map(on_disk).collect();
    if nitro.is_empty() {
        nitro.insert(on_disk(&build.entry));
    }
    let mut closure: BTreeSet<PathBuf> = proof.closure.iter().map(on_disk).collect();
    // What the instrumentation loads by `import()`, such as its own configuration, is not the runtime either.
    let own = instrumentation.as_ref().filter(|path| **path != build.entry).map(|path| prove(&disk, path).runtime);
    for target in own.into_iter().flatten() {
        let reached: Vec<PathBuf> = prove(&disk, &target).closure.iter().map(on_disk).collect();
        if !reached.iter().any(|file| nitro.contains(file)) {
            closure.extend(reached);
        }
    }
    let start = build.found.as_ref().and_then(|found| found.preset.start).map(|start| place.server.join(start));
    let start = start.and_then(|start| std::fs::canonicalize(start).ok());
    let expected = Expected {
        server: place.server.clone(),
        entry: on_disk(&build.entry),
        instrumentation: instrumentation.as_ref().map(on_disk),
        proven: proof.holds(),
        closure: closure.into_iter().chain(start.clone()).collect(),
        file: start.unwrap_or_else(|| on_disk(&build.entry)),
        dynamic: proof.runtime.iter().map(on_disk).collect(),
        nitro,
        listens: matches!(build.loading, EntryLoading::Process | EntryLoading::Launcher),
    };
    Ok((proof, expected))
}

/// How the wait for a server ended.
enum Ended {
    /// It listens, or the entry was loaded.
    Up,
    Exited(ExitStatus),
    TooLate,
    Interrupted,
}

/// How the server is started.
struct Start {
    node: PathBuf,
    /// Options of Node.js, then what is started.
    arguments: Vec<OsString>,
    directory: PathBuf,
    /// What the loader loads, or what Node.js is started with.
    file: PathBuf,
    /// Whether the loader is needed, and how it loads.
    loaded: Option<EntryLoading>,
    lambda: bool,
    probe: Probe,
}

impl Start {
    fn new(args: &TraceArgs, build: &Build, node: PathBuf, expected: &Expected) -> Result<Self, Failure> {
        let probe = Probe::new()?;
        let preset = build.found.as_ref().map(|found| found.preset);
        let file = expected.file.clone();
        let loaded = (!expected.listens).then_some(build.loading);
        let mut arguments = args.node_options.clone();
        arguments.push(if loaded.is_some() { probe.loader().into() } else { file.clone().into() });
        let lambda = preset.is_some_and(|preset| preset.name == "aws-lambda");
        Ok(Self { node, arguments, directory: args.build.app.clone(), file, loaded, lambda, probe })
    }

    /// As one would type it, without the probe.
    fn words(&self) -> Vec<&OsStr> {
        let options = &self.arguments[..self.arguments.len() - 1];
        let words = std::iter::once(OsStr::new("node")).chain(options.iter().map(OsString::as_os_str));
        words.chain([self.file_from_app()]).collect()
    }

    fn file_from_app(&self) -> &OsStr {
        let app = std::fs::canonicalize(&self.directory).unwrap_or_default();
        self.file.strip_prefix(app).unwrap_or(&self.file).as_os_str()
    }

    fn shown(&self) -> String {
        server::shown(&self.words())
    }

    /// Starts the server, waits for it, and ends it.
    fn watch(
        &self,
        args: &TraceArgs,
        expected: &Expected,
        echo: Option<fn(&str)>,
    ) -> anyhow::Result<(Ended, Trace, Vec<String>)> {
        let mut command = Command::new(&self.node);
        command.args(&self.arguments).current_dir(&self.directory);
        let required = self.loaded == Some(EntryLoading::Required);
        let marked = expected.marked();
        let watched = Watched { marked: &marked, entry: &self.file, required, lambda: self.lambda };
        command.envs(self.probe.environment(&watched));
        let port = match args.port {
            Some(port) => port,
            None => {
                command.env("HOST", "127.0.0.1").env("NITRO_HOST", "127.0.0.1");
                free_port()?
            }
        };
        command.env("PORT", port.to_string()).env("NITRO_PORT", port.to_string());
        let mut reader = Reader::open(&self.probe.events()).context("failed to open the events of the probe")?;
        let mut server =
            Server::start(command, echo).with_context(|| format!("failed to start `{}`", self.node.display()))?;
        let deadline = Instant::now() + Duration::from_secs(args.timeout);
        let ended = wait(&mut server, &mut reader, port, deadline)?;
        server.end();
        reader.read().context("failed to read the events of the probe")?;
        let trace = Trace::of(&reader.events, server.id(), expected);
        Ok((ended, trace, server.last_lines(LINES)))
    }
}

/// Older versions of Nitro read the port 0 as 3000, so a port is found first.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("failed to find a free port")?;
    Ok(listener.local_addr().context("failed to find a free port")?.port())
}

fn wait(server: &mut Server, reader: &mut Reader, port: u16, deadline: Instant) -> anyhow::Result<Ended> {
    let mut listening: Option<Instant> = None;
    let mut everywhere: Option<Instant> = None;
    let mut elsewhere: Option<Instant> = None;
    loop {
        if server::interrupted() {
            return Ok(Ended::Interrupted);
        }
        // Before the events are read, so that none is missed that was written before the end.
        let exited = server.exited().context("failed to ask for the state of the server")?;
        reader.read().context("failed to read the events of the probe")?;
        let events = &reader.events;
        if events.iter().any(|event| event.what == What::Imported) {
            return Ok(Ended::Up);
        }
        if let Some(status) = exited {
            return Ok(Ended::Exited(status));
        }
        let now = Instant::now();
        let is_ours = |what: &What| matches!(what, What::Listening { port: Some(at), .. } if *at == port);
        if events.iter().any(|event| is_ours(&event.what)) {
            listening.get_or_insert(now);
        } else if events.iter().any(|event| matches!(event.what, What::Listening { .. })) {
            elsewhere.get_or_insert(now);
        }
        if elsewhere.is_some_and(|since| now - since > ELSEWHERE) {
            listening.get_or_insert(now);
        }
        if let Some(since) = listening {
            let listens =
                |pid: u32| events.iter().any(|event| event.pid == pid && matches!(event.what, What::Listening { .. }));
            let workers_too = events.iter().all(|event| match event.what {
                What::Fork { forked } => listens(forked),
                _ => true,
            });
            if workers_too || now - since > WORKERS {
                everywhere.get_or_insert(now);
            }
        }
        if everywhere.is_some_and(|since| now - since > SETTLE) {
            return Ok(Ended::Up);
        }
        if now > deadline {
            return Ok(if listening.is_some() { Ended::Up } else { Ended::TooLate });
        }
        thread::sleep(TICK);
    }
}

/// The timeline: of the process that tells most, and how many there are beside it.
fn show(trace: &Trace, output: &Output) {
    let Some(process) = trace.telling() else { return };
    let node = trace.node.as_deref().unwrap_or_default();
    let workers = trace.processes.iter().filter(|process| process.worker).count();
    let which = match (process.worker, workers) {
        (_, 0) => format!("Node.js {node}, process {}", process.pid),
        (true, _) => format!("Node.js {node}, process {}, one of {workers} workers", process.pid),
        (false, 1) => format!("Node.js {node}, process {}, the primary of 1 worker", process.pid),
        (false, _) => format!("Node.js {node}, process {}, the primary of {workers} workers", process.pid),
    };
    output.line(which);
    output.line(timeline::steps(process, output.stdout_palette()).trim_end_matches('\n'));
    for worker in trace.processes.iter().filter(|process| process.worker) {
        let sentence = worker.verdict.sentence(worker.through_hooks);
        output.why(format!("worker {}: {sentence}", worker.pid));
    }
    let packages = timeline::packages(process);
    if !packages.is_empty() {
        output.line(packages.trim_end_matches('\n'));
    }
}

/// What is worth knowing of the client, and no question of order.
fn say_clients(process: &Process, output: &Output) {
    if process.clients > 1 {
        output.note(format!("Sentry was initialised {} times; the last client replaces the others", process.clients));
    }
    if process.clients > 0 && !process.dsn {
        output.note("the client has no DSN here, so the SDK sends nothing, and may instrument nothing");
    }
}

fn wire(trace: &Trace, start: &Start) -> TraceReport {
    let package = |package: &crate::trace::verdict::Package| PackageReport {
        name: package.name.clone(),
        version: timeline::version(&package.directory),
        loaded: package.loaded,
    };
    let step = |step: &crate::trace::verdict::Step| StepReport {
        step: step.kind,
        ms: step.ms.map(|ms| (ms * 1000.0).round() / 1000.0),
        detail: step.detail.clone(),
    };
    let process = |process: &Process| ProcessReport {
        pid: process.pid,
        worker: process.worker,
        first: process.verdict.is_first(),
        sentence: process.verdict.sentence(process.through_hooks),
        modules_through_hooks: process.through_hooks,
        steps: process.steps.iter().map(step).collect(),
        packages: process.packages.iter().map(package).collect(),
    };
    TraceReport {
        node: trace.node.clone(),
        command: start.words().iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        first: trace.is_first(),
        processes: trace.processes.iter().map(process).collect(),
    }
}
