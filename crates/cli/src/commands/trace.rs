//! `presentry trace`: starts the real server, sends it requests, and shows when Sentry started and which spans arrived.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{self, Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use presentry_rewriter::{
    EntryLoading, ModulePath, Proof, Sources as _, Verdict, diagnostics::Diagnostic, holds_nitro_runtime, prove,
};

use crate::{
    args::TraceArgs,
    child::{self, environment, group::TICK},
    commands::proven::proven,
    diagnostics::{
        file_not_found, library_not_instrumented, node_not_found, request_failed, sentry_not_first, server_not_started,
        spans_missing, trace_needs_node,
    },
    failure::Failure,
    find::{
        locate::Build,
        presets::{Runtime, Style},
    },
    interruption::{self, Section},
    open::for_reading,
    outcome::Outcome,
    passes::{channels, instrumentation},
    paths,
    printable::printable,
    say::{
        output::Output,
        report::{
            AheadReport, ExpectedReport, LibraryReport, PackageReport, ProcessReport, Report, RequestReport,
            SpanReport, StepReport, TraceReport,
        },
        verdict::Closing,
    },
    similar::nearest,
    store::disk::DiskSources,
    trace::{
        Probe, Watched,
        events::{Event, Reader, What},
        html,
        intake::{Intake, Received},
        libraries::{self, Library, Lost},
        request::{self, Answered, Request},
        server::{self, Server},
        spans::{self, Node, Sent, Trees},
        timeline,
        verdict::{Client, Expected, Process, Trace},
    },
};

/// What a server may still do when it listens: other workers, the end of what was begun.
const SETTLE: Duration = Duration::from_millis(250);

/// How long the other workers of a cluster may take when one listens.
const WORKERS: Duration = Duration::from_secs(10);

/// How long a server may listen somewhere else before that is taken for all it does. An instrumentation may have a
/// server of its own.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// How long nothing may have come before what came is all.
const QUIET: Duration = Duration::from_millis(500);

/// The same for functions that are called without a server: no request has a span of its own there, so that none can be
/// waited for.
const QUIET_CALLED: Duration = Duration::from_secs(2);

/// How often the clients are asked to send what is waiting.
const FLUSH: Duration = Duration::from_secs(1);

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
    if let Some(missing) = args.env_files.iter().find(|file| !file.is_file()) {
        return Err(Failure::Usage(file_not_found::diagnostic(missing, "--env-file")));
    }
    args.html.as_deref().map_or(Ok(()), |file| paths::writable_file(file, "--html"))?;
    let _lock = for_reading(build, output)?;
    build.warnings().for_each(|warning| output.diagnostic(&warning, Some(&build.place)));
    let (proof, expected) = expected(args, build, report)?;
    if proof.untried_bundle.is_some() {
        return Err(Failure::NotProven(proof.failures));
    }
    if matches!(proof.verdict, Verdict::UnderCondition | Verdict::VouchedFor) {
        output.note(format!("that Sentry starts first is {}; this is one start", proof.verdict.as_str()));
    }
    let start = Start::new(args, build, node, &expected)?;
    output.why(format!("starting `{}`", start.shown()));
    let _section = Section::begin();
    let run = output.during("watching the server", || start.watch(args, &expected, output.echo()))?;
    report.trace = Some(wire(&run, &start, args));
    let judged = judge(&run, &start, args, &expected, output, report);
    if let (Some(file), Some(trace)) = (&args.html, &report.trace) {
        let page = html::page(trace, &headline(&judged), judged.is_ok());
        std::fs::write(file, page).with_context(|| format!("failed to write `{}`", file.display()))?;
        output.why(format!("wrote `{}`", paths::show(file)));
    }
    judged.map(|sentence| {
        let closing = Closing::good(sentence);
        output.close(&next(&run, args).into_iter().fold(closing, Closing::next));
        Outcome::First
    })
}

/// The sentence of a run that is right, or why it is not.
fn judge(
    run: &Run,
    start: &Start,
    args: &TraceArgs,
    expected: &Expected,
    output: &Output,
    report: &Report,
) -> Result<String, Failure> {
    let shown = start.shown();
    let failure = match &run.ended {
        Ended::Up => None,
        Ended::Interrupted => return Err(anyhow::anyhow!("interrupted; the server was ended").into()),
        Ended::Exited(status) => Some(server_not_started::ended(&shown, &server::how(*status))),
        Ended::TooLate => Some(server_not_started::too_late(&shown, args.timeout)),
    };
    if let Some(failure) = failure {
        show(run, report, output);
        if output.echo().is_none() {
            run.lines.iter().for_each(|line| output.note(format!("the server printed: {}", printable(line))));
        }
        return Err(Failure::NotProven(vec![failure]));
    }
    show(run, report, output);
    let telling = run.trace.telling().context("the server ran without the probe; it may reset `NODE_OPTIONS`")?;
    start.limits().iter().for_each(|limit| output.note(limit));
    say_clients(telling, output);
    let sentence = telling.verdict.sentence(telling.through_hooks);
    if !run.trace.is_first() {
        let sentence = format!("{}{}", printable(&sentence), what_follows(run, args));
        return Err(Failure::NotProven(vec![sentry_not_first::diagnostic(&sentence, expected.proven)]));
    }
    let failures = failures(run, args);
    if !failures.is_empty() {
        return Err(Failure::NotProven(failures));
    }
    let workers = run.trace.processes.iter().filter(|process| process.worker).count();
    let workers = match workers {
        0 => String::new(),
        1 => ", and so it was in its worker".to_owned(),
        many => format!(", and so it was in each of its {many} workers"),
    };
    let arrived = match run.received.content.spans.len() {
        0 => String::new(),
        1 => "; 1 span arrived".to_owned(),
        many => format!("; {many} spans arrived"),
    };
    Ok(format!("{}{workers}{arrived}", printable(&sentence)))
}

/// What makes a run a test: a library of which a span arrived.
fn next(run: &Run, args: &TraceArgs) -> Option<String> {
    let seen = run.libraries.iter().find(|library| library.spans > 0).filter(|_| args.expected.is_empty())?;
    Some(format!("`--expect {}` makes this a test, which fails without such a span", printable(&seen.name)))
}

/// The last word on a page.
fn headline(judged: &Result<String, Failure>) -> String {
    match judged {
        Ok(sentence) => sentence.clone(),
        Err(Failure::Refused(found) | Failure::NotProven(found)) => {
            found.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default()
        }
        Err(Failure::Usage(found)) => found.message.clone(),
        Err(Failure::Unexpected(error)) => format!("{error:#}"),
    }
}

/// What is wrong with a run in which Sentry was first, the cause before what follows from it.
fn failures(run: &Run, args: &TraceArgs) -> Vec<Diagnostic> {
    let mut failures: Vec<Diagnostic> = Vec::new();
    let spans = &run.received.content.spans;
    let unanswered = run.sent.iter().filter_map(|sent| {
        let reason = sent.answered.as_ref()?.status.as_ref().err()?;
        Some(request_failed::diagnostic(&printable(&sent.request.shown()), reason))
    });
    failures.extend(unanswered);
    failures.extend(lost(&run.libraries));
    let nothing = failures.is_empty() && spans.is_empty() && run.serves && !run.sent.is_empty();
    if nothing && run.client().is_some_and(|client| client.sends && client.traces() && !client.sampler) {
        let requests: Vec<String> = run.sent.iter().map(|sent| format!("`{}`", sent.request.shown())).collect();
        failures.push(spans_missing::none(&printable(&requests.join(", "))));
        return failures;
    }
    let is_named = |name: &str| run.libraries.iter().any(|library| library.name == name && library.lost.is_some());
    let missing = args.expected.iter().filter(|name| run.expected(name) == 0 && !is_named(name));
    failures.extend(missing.map(|name| spans_missing::expected(name, &why_missing(run, name), &spans::origins(spans))));
    failures
}

/// Why no span arrived of what `--expect` names, the nearest cause first.
fn why_missing<'a>(run: &'a Run, name: &str) -> spans_missing::Why<'a> {
    let libraries = || run.libraries.iter().map(|library| library.name.as_str());
    // An origin names no package.
    let is_there = name.contains('.') || libraries().any(|library| library == name);
    if let Some(near) = nearest(name, libraries()).filter(|_| !is_there) {
        return spans_missing::Why::Misspelt { near };
    }
    let status = |sent: &Sent| sent.answered.as_ref()?.status.as_ref().ok().copied().filter(|status| *status >= 400);
    match run.sent.iter().find_map(|sent| Some((sent.request.shown(), status(sent)?))) {
        Some((request, status)) => spans_missing::Why::ErrorAnswer { request, status },
        None if is_there => spans_missing::Why::Unused,
        None => spans_missing::Why::NotLoaded,
    }
}

/// The libraries whose spans are lost: one diagnostic for each reason.
fn lost(libraries: &[Library]) -> Vec<Diagnostic> {
    let mut not_injected: Vec<&Library> = Vec::new();
    let mut too_early: Vec<&Library> = Vec::new();
    for library in libraries {
        match &library.lost {
            Some(Lost::NotInjected { .. }) => not_injected.push(library),
            Some(Lost::TooEarly) => too_early.push(library),
            None => {}
        }
    }
    let names = |libraries: &[&Library]| libraries.iter().map(|library| library.name.clone()).collect::<Vec<_>>();
    let because = |libraries: &[&Library]| libraries.first().map(|library| library.because());
    let hooks =
        because(&not_injected).map(|because| library_not_instrumented::not_injected(&names(&not_injected), &because));
    let order = because(&too_early).map(|because| library_not_instrumented::too_early(&names(&too_early), &because));
    hooks.into_iter().chain(order).collect()
}

/// What is missing because Sentry was not first: behind the cause, and no diagnostic of its own.
fn what_follows(run: &Run, args: &TraceArgs) -> String {
    let missing = args.expected.iter().filter(|name| run.expected(name) == 0);
    let missing: Vec<String> = missing.map(|name| format!("`{}`", printable(name))).collect();
    if missing.is_empty() { String::new() } else { format!("; so no span of {} arrived", missing.join(" or ")) }
}

/// The executable.
fn node(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let found = named.map_or_else(child::node, child::named);
    found.ok_or_else(|| node_not_found::diagnostic(named.map(paths::show).as_deref()).into())
}

/// What is known of the build without running it.
fn expected(args: &TraceArgs, build: &Build, report: &mut Report) -> Result<(Proof, Expected), Failure> {
    let place = &build.place;
    let disk = DiskSources::new(&place.server);
    let proof = proven(build, &disk, &args.trust)?;
    report.tried_proof(place, &proof);
    report.libraries = proof.injected.as_ref().map_or_else(Vec::new, |injected| channels::of_marker(injected, place));
    let beside = instrumentation::built(build, args.instrumentation.as_deref())?;
    let instrumentation = proof.instrumentation.clone().or_else(|| disk.exists(&beside).then_some(beside));
    if let Some(path) = &instrumentation {
        report.found_instrumentation(place, path);
    }
    let scripts = disk.scripts().map_err(anyhow::Error::from)?;
    let on_disk = |path: &ModulePath| place.server.join(path.as_str());
    let holds_nitro = |path: &&ModulePath| holds_nitro_runtime(&std::fs::read(on_disk(path)).unwrap_or_default());
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
    let start = start.and_then(|start| dunce::canonicalize(start).ok());
    let expected = Expected {
        server: place.server.clone(),
        entry: on_disk(&build.entry),
        instrumentation: instrumentation.as_ref().map(on_disk),
        proven: proof.is_before_runtime(),
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

/// What a run of the server showed.
struct Run {
    ended: Ended,
    trace: Trace,
    /// The last lines that the server printed.
    lines: Vec<String>,
    warnings: Vec<String>,
    /// Whether a server in the traced process answers requests.
    serves: bool,
    sent: Vec<Sent>,
    received: Received,
    trees: Trees,
    libraries: Vec<Library>,
}

impl Run {
    fn client(&self) -> Option<&Client> {
        self.trace.telling().and_then(|process| process.client.as_ref())
    }

    /// How many spans arrived of what `--expect` names.
    fn expected(&self, name: &str) -> usize {
        let loaded: Vec<&str> = self.libraries.iter().map(|library| library.name.as_str()).collect();
        let spans = self.received.content.spans.iter();
        spans.filter(|span| spans::is_expected(span, name, &loaded)).count()
    }
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
    /// How the loader calls what the entry exports.
    called: Option<(Style, &'static str)>,
    lambda: bool,
    requests: Vec<Sent>,
    probe: Probe,
    intake: Intake,
}

impl Start {
    fn new(args: &TraceArgs, build: &Build, node: PathBuf, expected: &Expected) -> Result<Self, Failure> {
        let probe = Probe::new()?;
        let intake = Intake::start()?;
        let preset = build.found.as_ref().map(|found| found.preset);
        let file = expected.file.clone();
        let loaded = (!expected.listens).then_some(build.loading);
        let called = loaded.and_then(|_| preset?.called);
        let env_file = |file: &PathBuf| {
            let mut option = OsString::from("--env-file=");
            option.push(path::absolute(file).unwrap_or_else(|_| file.clone()));
            option
        };
        let mut arguments: Vec<OsString> = args.env_files.iter().map(env_file).collect();
        arguments.extend(args.node_options.iter().cloned());
        arguments.push(if loaded.is_some() { probe.loader().into() } else { file.clone().into() });
        let lambda = preset.is_some_and(|preset| preset.defines_awslambda);
        let requests = if args.requests.is_empty() { vec![Request::root()] } else { args.requests.clone() };
        let sent = |request: &Request| {
            let trace_id = trace_id();
            Sent { request: request.traced(&trace_id), trace_id, answered: None }
        };
        let requests = requests.iter().map(sent).collect();
        let directory = args.build.app.clone();
        Ok(Self { node, arguments, directory, file, loaded, called, lambda, requests, probe, intake })
    }

    /// Whether requests are sent to a server; otherwise the loader calls the handler.
    fn serves(&self) -> bool {
        self.loaded.is_none() || self.called.is_some_and(|(style, _)| style == Style::Listener)
    }

    /// Whether anything answers requests.
    fn answers(&self) -> bool {
        self.loaded.is_none() || self.called.is_some()
    }

    /// What of the platform is not there.
    fn limits(&self) -> Vec<String> {
        let limit = match (self.loaded, self.called) {
            (None, _) => return Vec::new(),
            (Some(_), None) => {
                "no request was sent: how the host calls the entry is not known; `--preset` tells".to_owned()
            }
            (Some(_), Some((style, export))) => format!(
                "the platform is not here, with its routes, static files and variables: `{export}` was called with {}",
                style.words()
            ),
        };
        vec![limit]
    }

    /// As one would type it, without the probe.
    fn words(&self) -> Vec<&OsStr> {
        let options = &self.arguments[..self.arguments.len() - 1];
        let words = std::iter::once(OsStr::new("node")).chain(options.iter().map(OsString::as_os_str));
        words.chain([self.file_from_app()]).collect()
    }

    fn file_from_app(&self) -> &OsStr {
        let app = dunce::canonicalize(&self.directory).unwrap_or_default();
        self.file.strip_prefix(app).unwrap_or(&self.file).as_os_str()
    }

    fn shown(&self) -> String {
        server::shown(&self.words())
    }

    /// The server with its probe, its variables and its port.
    fn command(&self, args: &TraceArgs, expected: &Expected, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.node);
        command.args(&self.arguments).current_dir(&self.directory).env_clear();
        let base = environment::base(std::env::vars_os(), &args.variables);
        let node_options = base.iter().find(|(name, _)| name == "NODE_OPTIONS").map(|(_, value)| value.clone());
        command.envs(base);
        // A DSN that a flag gives starts Sentry as well; what is sent comes to the intake in any case.
        if !args.variables.iter().any(|variable| variable.name == "SENTRY_DSN") {
            command.env("SENTRY_DSN", self.intake.dsn());
        }
        let marked = expected.marked();
        let requests: Vec<Request> = self.requests.iter().map(|sent| sent.request.clone()).collect();
        let watched = Watched {
            marked: &marked,
            entry: &self.file,
            required: self.loaded == Some(EntryLoading::Required),
            lambda: self.lambda,
            called: self.called,
            requests: &requests,
            intake: self.intake.for_probe(),
        };
        let probe = self.probe.environment(&watched, node_options.unwrap_or_default().as_os_str());
        command.envs(probe.context("failed to write a temporary file")?);
        for name in ["HOST", "NITRO_HOST"] {
            command.env(name, "127.0.0.1");
        }
        for name in ["PORT", "NITRO_PORT"] {
            command.env(name, port.to_string());
        }
        Ok(command)
    }

    /// Starts the server, waits for it, sends the requests, waits for their spans, and ends the server.
    fn watch(&self, args: &TraceArgs, expected: &Expected, echo: Option<fn(&str)>) -> anyhow::Result<Run> {
        let port = args.port.map_or_else(free_port, Ok)?;
        let command = self.command(args, expected, port)?;
        let mut reader = Reader::open(&self.probe.events()).context("failed to open the events of the probe")?;
        let mut server =
            Server::start(command, echo).with_context(|| format!("failed to start `{}`", self.node.display()))?;
        let patience = Duration::from_secs(args.timeout);
        let mut sent = self.requests.clone();
        let mut ended = self.wait(&mut server, &mut reader, port, Instant::now() + patience)?;
        if matches!(ended, Ended::Up) && self.answers() {
            ended = self.ask(&mut server, &mut reader, &mut sent, port, patience)?;
        }
        if matches!(ended, Ended::Up) && self.answers() {
            ended = self.listen(args, &mut server, &mut reader, &sent)?;
        }
        server.end();
        reader.read().context("failed to read the events of the probe")?;
        let trace = Trace::of(&reader.events, server.id(), expected);
        let received = self.intake.received();
        let warnings = server.warnings();
        let trees = Trees::of(&received.content.spans, &sent);
        let libraries = libraries::of(&trace.processes, &received.content.spans, &warnings, timeline::version);
        let lines = server.last_lines(LINES);
        Ok(Run { ended, trace, lines, warnings, serves: self.serves(), sent, received, trees, libraries })
    }

    fn wait(&self, server: &mut Server, reader: &mut Reader, port: u16, deadline: Instant) -> anyhow::Result<Ended> {
        let mut listening: Option<Instant> = None;
        let mut everywhere: Option<Instant> = None;
        let mut elsewhere: Option<Instant> = None;
        loop {
            if interruption::came() {
                return Ok(Ended::Interrupted);
            }
            let exited = look(server, reader)?;
            let events = &reader.events;
            // A listener is called by a server, which comes up after the entry was loaded.
            if events.iter().any(|event| event.what == What::Imported) && (!self.serves() || exited.is_some()) {
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
            if let Some(since) = listening
                && (workers_listen(events) || now - since > WORKERS)
            {
                everywhere.get_or_insert(now);
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

    /// Sends the requests, or waits for the loader to have made its calls.
    fn ask(
        &self,
        server: &mut Server,
        reader: &mut Reader,
        sent: &mut [Sent],
        port: u16,
        patience: Duration,
    ) -> anyhow::Result<Ended> {
        let requests: Vec<Request> = sent.iter().map(|sent| sent.request.clone()).collect();
        let address = self.serves().then(|| address(&reader.events, port)).flatten();
        if self.serves() && address.is_none() {
            return Ok(Ended::Up);
        }
        let answers = address.map(|to| request::send(requests, to, patience));
        let mut deadline = Instant::now() + patience;
        loop {
            if interruption::came() {
                return Ok(Ended::Interrupted);
            }
            let exited = look(server, reader)?;
            let before = answered(sent);
            match &answers {
                Some(answers) => answers.try_iter().for_each(|one| {
                    let index = one.index;
                    sent[index].answered = Some(one);
                }),
                None => take_calls(&reader.events, sent),
            }
            if answered(sent) == sent.len() {
                return Ok(Ended::Up);
            }
            if answered(sent) > before {
                deadline = Instant::now() + patience;
            }
            let late = Instant::now() > deadline + SETTLE;
            if exited.is_some() || late {
                let reason = match exited {
                    Some(status) => format!("the server {}", server::how(status)),
                    None => format!("there was none after {} s", patience.as_secs()),
                };
                give_up(sent, &reason);
                return Ok(Ended::Up);
            }
            thread::sleep(TICK);
        }
    }

    /// Waits for spans, until they are there and nothing more comes, or for as long as `--wait` says.
    fn listen(
        &self,
        args: &TraceArgs,
        server: &mut Server,
        reader: &mut Reader,
        sent: &[Sent],
    ) -> anyhow::Result<Ended> {
        let since = Instant::now();
        let mut flushes = 0;
        let quiet = if self.serves() { QUIET } else { QUIET_CALLED };
        loop {
            if interruption::came() {
                return Ok(Ended::Interrupted);
            }
            let exited = look(server, reader)?;
            let now = Instant::now();
            if exited.is_some() || now - since >= Duration::from_secs(args.wait) {
                return Ok(Ended::Up);
            }
            if now - since >= SETTLE + FLUSH * flushes {
                flushes += 1;
                self.probe.flush(usize::try_from(flushes)?).context("failed to write a temporary file")?;
            }
            let received = self.intake.received();
            let nothing_comes = now - since > quiet && received.last.is_none_or(|last| now - last > quiet);
            if nothing_comes && self.has_all(args, &reader.events, &received, sent) {
                return Ok(Ended::Up);
            }
            thread::sleep(TICK);
        }
    }

    /// Whether there is nothing more to be waited for.
    fn has_all(&self, args: &TraceArgs, events: &[Event], received: &Received, sent: &[Sent]) -> bool {
        let traces = events.iter().any(|event| match &event.what {
            What::Client { dsn, enabled, rate, sampler, .. } => *dsn && *enabled && (rate.is_some() || *sampler),
            _ => false,
        });
        let spans = &received.content.spans;
        let complete = !self.serves() || Trees::of(spans, sent).are_complete(sent);
        let expected = |name: &String| spans.iter().any(|span| spans::is_expected(span, name, &[]));
        !traces || (complete && args.expected.iter().all(expected))
    }
}

/// How the server has ended, if it has, and what was written down before that.
fn look(server: &mut Server, reader: &mut Reader) -> anyhow::Result<Option<ExitStatus>> {
    // Before the events are read, so that none is missed that was written before the end.
    let exited = server.exited().context("failed to read the state of the server")?;
    reader.read().context("failed to read the events of the probe")?;
    Ok(exited)
}

fn workers_listen(events: &[Event]) -> bool {
    let listens =
        |pid: u32| events.iter().any(|event| event.pid == pid && matches!(event.what, What::Listening { .. }));
    events.iter().all(|event| match event.what {
        What::Fork { forked } => listens(forked),
        _ => true,
    })
}

fn answered(sent: &[Sent]) -> usize {
    sent.iter().filter(|sent| sent.answered.is_some()).count()
}

/// Requests that get no answer any more.
fn give_up(sent: &mut [Sent], reason: &str) {
    let now = request::now();
    for (index, sent) in sent.iter_mut().enumerate() {
        sent.answered.get_or_insert_with(|| Answered {
            index,
            started: now,
            ended: now,
            status: Err(reason.to_owned()),
        });
    }
}

/// The calls that the loader has made.
fn take_calls(events: &[Event], sent: &mut [Sent]) {
    for event in events {
        let What::Answered { index, started, ended, status, error } = &event.what else { continue };
        let Some(sent) = sent.get_mut(*index) else { continue };
        let status = status.ok_or_else(|| error.clone().unwrap_or_default());
        let (started, ended) = (started / 1000.0, ended / 1000.0);
        sent.answered = Some(Answered { index: *index, started, ended, status });
    }
}

/// Where the server listens: at the port that it was given, or else where it listened last.
fn address(events: &[Event], port: u16) -> Option<SocketAddr> {
    let listening = events.iter().filter_map(|event| match &event.what {
        What::Listening { host, port: Some(port), .. } => Some((host.as_deref(), *port)),
        _ => None,
    });
    let found: Vec<(Option<&str>, u16)> = listening.collect();
    let (host, port) = *found.iter().find(|(_, at)| *at == port).or(found.last())?;
    let host = host.and_then(|host| host.parse::<IpAddr>().ok());
    Some(SocketAddr::new(host.filter(IpAddr::is_loopback).unwrap_or(Ipv4Addr::LOCALHOST.into()), port))
}

/// Older versions of Nitro read the port 0 as 3000, so a port is found first.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("failed to find a free port")?;
    Ok(listener.local_addr().context("failed to find a free port")?.port())
}

/// An identifier of a trace: 32 hexadecimal digits by chance.
fn trace_id() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one("one"), RandomState::new().hash_one("two"))
}

/// The timeline of the process that tells most, how many there are beside it, the requests and the libraries.
fn show(run: &Run, report: &Report, output: &Output) {
    let trace = &run.trace;
    let (Some(process), Some(wire)) = (trace.telling(), &report.trace) else { return };
    let node = trace.node.as_deref().unwrap_or_default();
    let workers = trace.processes.iter().filter(|process| process.worker).count();
    let which = match (process.worker, workers) {
        (_, 0) => format!("Node.js {node}, process {}", process.pid),
        (true, _) => format!("Node.js {node}, process {}, one of {workers} workers", process.pid),
        (false, 1) => format!("Node.js {node}, process {}, the primary of 1 worker", process.pid),
        (false, _) => format!("Node.js {node}, process {}, the primary of {workers} workers", process.pid),
    };
    let terminal = output.stdout();
    output.line(which);
    output.styled(timeline::steps(process, terminal).trim_end_matches('\n'));
    for worker in trace.processes.iter().filter(|process| process.worker) {
        let sentence = worker.verdict.sentence(worker.through_hooks);
        output.why(format!("worker {}: {}", worker.pid, printable(&sentence)));
    }
    let is_up = matches!(run.ended, Ended::Up) && !wire.requests.is_empty();
    let requests = is_up.then(|| timeline::requests(&wire.requests, &wire.other_spans, terminal));
    for part in [requests.unwrap_or_default(), timeline::libraries(&wire.libraries, terminal)] {
        if !part.is_empty() {
            output.styled(&format!("\n{}", part.trim_end_matches('\n')));
        }
    }
    // The files of a library that is listed above are for who asks.
    let is_listed = |library: &AheadReport| wire.libraries.iter().any(|listed| listed.name == library.name);
    for library in report.libraries.iter().filter(|library| output.is_verbose() || !is_listed(library)) {
        output.line(printable(&ahead(library)));
    }
}

/// Where a library is that was injected ahead of time, and which functions of it publish.
fn ahead(library: &AheadReport) -> String {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in &library.functions {
        files.entry(&function.file).or_default().push(&function.function);
    }
    let directory = library.directory.as_deref().unwrap_or_default();
    let files = files.into_iter().map(|(file, functions)| format!("{directory}/{file}: {}", functions.join(", ")));
    format!("{} is injected ahead of time in {}", library.name, files.collect::<Vec<_>>().join("; "))
}

/// What is worth knowing of the client, and no question of order.
fn say_clients(process: &Process, output: &Output) {
    if process.clients > 1 {
        output.note(format!("Sentry was initialised {} times; the last client replaces the others", process.clients));
    }
    let Some(client) = &process.client else { return };
    if !client.sends {
        output.note("the client has no DSN or is not enabled, so it sends nothing; `--env` gives the server variables");
    }
    if !client.redirected {
        output.note("what the client sends could not be led to this trace, so it was kept from sending");
    }
    if !client.traces() {
        output.note("the client makes no spans: neither `tracesSampleRate` nor `tracesSampler` is set");
    }
    if client.rate == Some(0.0) && !client.sampler {
        output.note("`tracesSampleRate` is 0: spans arrive here because the requests of a trace ask to be sampled");
    }
}

fn wire(run: &Run, start: &Start, args: &TraceArgs) -> TraceReport {
    let package = |package: &crate::trace::verdict::Package| PackageReport {
        name: package.name.clone(),
        version: timeline::version(&package.directory),
        loaded: package.loaded,
    };
    let step = |step: &crate::trace::verdict::Step| StepReport {
        step: step.kind,
        ms: step.ms.map(rounded),
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
    let library = |library: &Library| LibraryReport {
        name: library.name.clone(),
        version: library.version.clone(),
        instrumented: library.is_instrumented(),
        because: library.because(),
        how: library.how,
        loaded: library.loaded,
        spans: library.spans,
    };
    let epoch = run.trace.epoch.unwrap_or_default();
    let span = |node: &Node| wire_span(node, epoch);
    let expected = |name: &String| ExpectedReport { name: name.clone(), spans: run.expected(name) };
    let sent = if start.answers() { run.sent.as_slice() } else { &[] };
    let requests = sent
        .iter()
        .zip(&run.trees.of_requests)
        .map(|(sent, nodes)| RequestReport { spans: nodes.iter().map(span).collect(), ..wire_request(sent, epoch) });
    TraceReport {
        node: run.trace.node.clone(),
        command: start.words().iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        first: run.trace.is_first(),
        processes: run.trace.processes.iter().map(process).collect(),
        requests: requests.collect(),
        other_spans: run.trees.others.iter().map(span).collect(),
        libraries: run.libraries.iter().map(library).collect(),
        expected: args.expected.iter().map(expected).collect(),
        injection: run.trace.telling().and_then(|process| process.injection.clone()),
        sdk_warnings: run.warnings.clone(),
        errors: run.received.content.errors.clone(),
        limits: start.limits(),
    }
}

fn wire_request(sent: &Sent, epoch: f64) -> RequestReport {
    let answered = sent.answered.as_ref();
    RequestReport {
        method: sent.request.method.clone(),
        path: sent.request.path.clone(),
        status: answered.and_then(|answered| answered.status.as_ref().ok().copied()),
        error: answered.and_then(|answered| answered.status.as_ref().err().cloned()),
        start_ms: answered.map(|answered| rounded(answered.started * 1000.0 - epoch)),
        ms: answered.map(|answered| rounded((answered.ended - answered.started) * 1000.0)),
        trace_id: sent.trace_id.clone(),
        spans: Vec::new(),
    }
}

fn wire_span(node: &Node, epoch: f64) -> SpanReport {
    let span = &node.span;
    SpanReport {
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        parent_span_id: span.parent_span_id.clone(),
        depth: node.depth,
        name: span.name.clone(),
        op: span.op.clone(),
        origin: span.origin.clone(),
        status: span.status.clone(),
        start_ms: rounded(span.start * 1000.0 - epoch),
        ms: rounded((span.end - span.start) * 1000.0),
    }
}

/// Milliseconds with three digits after the point.
fn rounded(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}
