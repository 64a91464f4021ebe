//! What the events of a run say: the steps of each process, and whether Sentry was first. Pure, and without a word of
//! what the server printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::trace::{
    events::{Event, HookKind, What},
    packages,
};

/// What is known of a build before it runs; the paths are canonical.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The server directory.
    pub(crate) server: PathBuf,
    /// The server entry.
    pub(crate) entry: PathBuf,
    /// The module that starts Sentry, the entry itself where it is inlined.
    pub(crate) instrumentation: Option<PathBuf>,
    /// Whether the static proof holds. Then all that is not in the closure of the entry has to come through the hooks.
    pub(crate) proven: bool,
    /// The static closure of the entry, what the instrumentation loads besides, and the file that the host loads it all
    /// through.
    pub(crate) closure: BTreeSet<PathBuf>,
    /// The modules that hold the Nitro runtime, or the entry where none does.
    pub(crate) nitro: BTreeSet<PathBuf>,
    /// The modules that the closure loads dynamically.
    pub(crate) dynamic: BTreeSet<PathBuf>,
    /// What the host loads: the entry, or a file that loads it.
    pub(crate) file: PathBuf,
    /// Whether a process is to listen; otherwise the entry is to be loaded, and nothing called.
    pub(crate) listens: bool,
}

impl Expected {
    /// The modules whose end is to be seen.
    pub(crate) fn marked(&self) -> Vec<PathBuf> {
        let mut marked = self.nitro.clone();
        marked.insert(self.entry.clone());
        marked.extend(self.instrumentation.clone());
        if self.proven {
            marked.extend(self.dynamic.iter().cloned());
        }
        marked.into_iter().collect()
    }

    /// A path as it is shown.
    fn show(&self, file: &Path) -> String {
        let shown = file.strip_prefix(&self.server).unwrap_or(file).display().to_string();
        if cfg!(windows) { shown.replace('\\', "/") } else { shown }
    }

    /// Whether a file has to come through the hooks.
    fn is_runtime(&self, file: &Path) -> bool {
        if !self.proven {
            return self.nitro.contains(file);
        }
        let in_build = file.starts_with(&self.server) && packages::of_file(file).is_none();
        in_build && !self.closure.contains(file)
    }

    /// Whether whoever is on the stack belongs to the SDK or to the instrumentation. Hooks of others, such as a loader of
    /// TypeScript, show modules to nobody who instruments.
    fn is_sentry(&self, specifier: Option<&str>, by: &[PathBuf]) -> bool {
        const OWNERS: [&str; 4] = ["@sentry", "@opentelemetry", "import-in-the-middle", "@apm-js-collab"];
        let of_owner = |name: &str| OWNERS.iter().any(|owner| name.strip_prefix(owner).is_some_and(ends_a_name));
        let by_specifier = specifier.is_some_and(of_owner);
        by_specifier
            || by.iter().any(|file| {
                let of_package = packages::of_file(file).is_some_and(|(name, _)| of_owner(&name));
                of_package
                    || Some(file) == self.instrumentation.as_ref()
                    || (self.proven && self.closure.contains(file))
            })
    }
}

/// Whether a name ends here, or a part of it does.
fn ends_a_name(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// What a run showed.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The version of Node.js.
    pub(crate) node: Option<String>,
    /// The primary, then the workers of a cluster.
    pub(crate) processes: Vec<Process>,
}

/// What a process showed.
#[derive(Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Whether it is a worker of a cluster.
    pub(crate) worker: bool,
    /// In the order of time, those that never came last.
    pub(crate) steps: Vec<Step>,
    /// How many modules of the runtime came through the hooks.
    pub(crate) through_hooks: usize,
    /// The packages that the SDK instruments, by name.
    pub(crate) packages: Vec<Package>,
    /// How many clients were made.
    pub(crate) clients: usize,
    /// Whether the client has somewhere to send to.
    pub(crate) dsn: bool,
    pub(crate) verdict: Verdict,
}

/// A step of a start.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// Milliseconds since the process began; `None` when it never came.
    pub(crate) ms: Option<f64>,
    /// Which module, version or address.
    pub(crate) detail: Option<String>,
}

/// The kinds of step; the names are part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepKind {
    ProcessStart,
    HooksRegistered,
    SentryActive,
    InstrumentationEvaluated,
    /// Only where there is one.
    RuntimeBeforeHooks,
    FirstRuntimeModule,
    RuntimeEvaluated,
    Listening,
    Imported,
}

/// A package that the SDK instruments.
#[derive(Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Where it was loaded from.
    pub(crate) directory: PathBuf,
    pub(crate) loaded: LoadedBy,
}

/// How a package was loaded; the names are part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LoadedBy {
    /// Through module hooks.
    ModuleHooks,
    /// Required, after Sentry had hooked `require`.
    RequireHooks,
    /// Imported as CommonJS without module hooks, after Sentry had hooked `require`: only what its files require of each
    /// other came through.
    RequireHooksInPart,
    /// Evaluated as CommonJS when the SDK had hooked what is imported, but never hooked `require`.
    Unhooked,
    /// Before there were hooks.
    TooEarly,
}

/// Whether Sentry was first, or what was before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// A client, then the hooks' view of the whole runtime; times in milliseconds since the process began.
    First { client: f64, runtime: f64 },
    /// No client ever became active.
    NoClient,
    /// Sentry registered no module hooks.
    NoHooks { others: bool },
    /// A module of the runtime was loaded before there were hooks.
    BeforeHooks { module: String, at: f64, hooks: f64 },
    /// A module of the runtime was loaded before there was a client.
    BeforeClient { module: String, at: f64, client: f64 },
    /// A package that the SDK instruments was loaded by someone else than the instrumentation, before there were hooks.
    PackageBeforeHooks { package: String, hooks: f64 },
    /// No module of the runtime came to the hooks.
    NoRuntime,
}

impl Verdict {
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Verdict::First { .. })
    }

    /// In a sentence without its period.
    pub(crate) fn sentence(&self, through_hooks: usize) -> String {
        match self {
            Verdict::First { client, runtime } => {
                let earlier = runtime - client;
                let modules = match through_hooks {
                    1 => "the one module of the runtime, which came".to_owned(),
                    many => format!("the first of {many} modules of the runtime, all of which came"),
                };
                format!("Sentry was first: its client was active {earlier:.1} ms before {modules} through its hooks")
            }
            Verdict::NoClient => "Sentry was not first: no Sentry client became active at all".to_owned(),
            Verdict::NoHooks { others: false } => {
                "Sentry was not first: its client is active, but no module hooks were registered".to_owned()
            }
            Verdict::NoHooks { others: true } => {
                "Sentry was not first: its client is active, but the only module hooks are not Sentry's".to_owned()
            }
            Verdict::BeforeHooks { module, at, hooks } => format!(
                "Sentry was not first: `{module}` was loaded at {at:.0} ms, before Sentry's hooks were registered at {hooks:.0} ms"
            ),
            Verdict::BeforeClient { module, at, client } => format!(
                "Sentry was not first: `{module}` was loaded at {at:.0} ms, before the Sentry client was active at {client:.0} ms"
            ),
            Verdict::PackageBeforeHooks { package, hooks } => format!(
                "Sentry was not first: `{package}` was loaded before Sentry's hooks were registered at {hooks:.0} ms"
            ),
            Verdict::NoRuntime => "Sentry was not first: no module of the runtime came to its hooks".to_owned(),
        }
    }
}

impl Trace {
    /// Judges what was written down; `leader` is the process that was started.
    pub(crate) fn of(events: &[Event], leader: u32, expected: &Expected) -> Self {
        let mut of_process: BTreeMap<u32, Vec<&Event>> = BTreeMap::new();
        for event in events {
            of_process.entry(event.pid).or_default().push(event);
        }
        let mut node = None;
        let mut processes = Vec::new();
        for (pid, mut events) in of_process {
            // Threads append as they come to it.
            events.sort_by(|one, other| one.at.total_cmp(&other.at));
            let start = events.iter().find_map(|event| match &event.what {
                What::Start { node, worker } => Some((event.at, node, *worker)),
                _ => None,
            });
            // Other programs that the server starts with Node.js have the probe, too.
            let Some((start, version, worker)) = start.filter(|(_, _, worker)| *worker || pid == leader) else {
                continue;
            };
            node.get_or_insert_with(|| version.clone());
            processes.push(Facts::gather(&events, start, expected).process(pid, worker, expected));
        }
        processes.sort_by_key(|process| (process.worker, process.pid));
        Self { node, processes }
    }

    /// Whether Sentry was first in every process.
    pub(crate) fn is_first(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(|process| process.verdict.is_first())
    }

    /// The process that speaks for all: one in which Sentry was not first, or the first.
    pub(crate) fn telling(&self) -> Option<&Process> {
        self.processes.iter().find(|process| !process.verdict.is_first()).or(self.processes.first())
    }
}

/// A registration of module hooks.
#[derive(Debug)]
struct Registration {
    at: f64,
    nth: u32,
    kind: HookKind,
    specifier: Option<String>,
    selective: bool,
    sentry: bool,
}

/// What the events of one process say, in milliseconds since it began.
#[derive(Debug, Default)]
struct Facts {
    client: Option<(f64, String)>,
    clients: usize,
    dsn: bool,
    registrations: Vec<Registration>,
    require_hooks: Option<f64>,
    /// When each file was first loaded, or read by hooks.
    seen: Vec<(f64, PathBuf)>,
    /// When each file first came to the hooks of Sentry.
    through: BTreeMap<PathBuf, f64>,
    /// The packages that import-in-the-middle wraps because something instruments them.
    wrapped: BTreeSet<PathBuf>,
    /// When each package was first evaluated as CommonJS, and whether by `require`.
    commonjs: BTreeMap<PathBuf, (f64, bool)>,
    evaluated: BTreeMap<PathBuf, f64>,
    imported: Option<f64>,
    listening: Vec<(f64, String)>,
}

impl Facts {
    fn gather(events: &[&Event], start: f64, expected: &Expected) -> Self {
        let mut facts = Self::default();
        for event in events {
            facts.take(event.at - start, &event.what, expected);
        }
        facts
    }

    fn take(&mut self, at: f64, what: &What, expected: &Expected) {
        match what {
            What::Start { .. } | What::Fork { .. } => {}
            What::Client { version, sdk, dsn, enabled } => {
                self.clients += 1;
                let sdk = sdk.as_deref().map(|sdk| format!("{sdk} ")).unwrap_or_default();
                let aim = match (enabled, dsn) {
                    (false, _) => ", not enabled",
                    (true, false) => ", without a DSN",
                    (true, true) => "",
                };
                if self.client.is_none() {
                    self.dsn = *dsn && *enabled;
                    self.client = Some((at, format!("{sdk}{version}{aim}")));
                }
            }
            What::Hooks { kind, specifier, selective, nth, by } => {
                let sentry = expected.is_sentry(specifier.as_deref(), by);
                let (kind, nth, selective) = (*kind, *nth, *selective);
                self.registrations.push(Registration {
                    at,
                    nth,
                    kind,
                    specifier: specifier.clone(),
                    selective,
                    sentry,
                });
            }
            What::RequireHooks { by } => {
                if expected.is_sentry(None, by) {
                    self.require_hooks.get_or_insert(at);
                }
            }
            What::Seen { file, wrapper: false } => self.seen.push((at, file.clone())),
            What::Seen { wrapper: true, .. } => {}
            What::Loaded { file, wrapper, nth, kind } => self.loaded(at, file, *wrapper, (*nth, *kind)),
            What::Commonjs { file, required } => {
                if let Some((_, package)) = packages::of_file(file) {
                    self.commonjs.entry(package).or_insert((at, *required));
                }
            }
            What::Evaluated { file } => {
                self.evaluated.entry(file.clone()).or_insert(at);
            }
            What::Imported => self.imported = Some(at),
            What::Listening { host, port, path } => {
                let address = match (host, port, path) {
                    (Some(host), Some(port), _) if host.contains(':') => format!("[{host}]:{port}"),
                    (Some(host), Some(port), _) => format!("{host}:{port}"),
                    (_, _, path) => path.clone().unwrap_or_default(),
                };
                self.listening.push((at, address));
            }
        }
    }

    /// A watcher that is not the outermost any more also sees what other hooks read, for example import-in-the-middle a
    /// module that was loaded long before. Synchronous hooks are outside of all others.
    fn loaded(&mut self, at: f64, file: &Path, wrapper: bool, by: (u32, HookKind)) {
        let last = |kind| self.registrations.iter().rfind(|one| one.kind == kind && one.at <= at);
        let outermost = last(HookKind::Synchronous).or_else(|| last(HookKind::Asynchronous));
        let through_sentry = self.registrations.iter().any(|one| one.sentry && one.at <= at);
        if outermost.map(|one| (one.nth, one.kind)) != Some(by) || !through_sentry {
            return;
        }
        if !wrapper {
            self.through.entry(file.to_owned()).or_insert(at);
        } else if self.registrations.iter().any(|one| one.selective)
            && let Some((_, package)) = packages::of_file(file)
        {
            self.wrapped.insert(package);
        }
    }

    /// When Sentry first registered hooks.
    fn hooks(&self) -> Option<&Registration> {
        self.registrations.iter().find(|one| one.sentry)
    }

    fn process(self, pid: u32, worker: bool, expected: &Expected) -> Process {
        let packages = self.packages();
        let verdict = self.verdict(expected, &packages);
        let through_hooks = self.through.keys().filter(|file| expected.is_runtime(file)).count();
        Process {
            pid,
            worker,
            steps: self.steps(expected),
            through_hooks,
            packages,
            clients: self.clients,
            dsn: self.dsn,
            verdict,
        }
    }

    /// The first module of the runtime that came to the hooks.
    fn first_runtime_module(&self, expected: &Expected) -> Option<(f64, &PathBuf)> {
        let runtime = self.through.iter().filter(|(file, _)| expected.is_runtime(file));
        runtime.map(|(file, at)| (*at, file)).min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// The first module of the runtime that was loaded when there were no hooks, or never any.
    fn before_hooks(&self, expected: &Expected) -> Option<(f64, &PathBuf)> {
        let hooks = self.hooks().map_or(f64::INFINITY, |one| one.at);
        let early = self.seen.iter().find(|(at, file)| *at < hooks && expected.is_runtime(file));
        early.map(|(at, file)| (*at, file))
    }

    fn verdict(&self, expected: &Expected, packages: &[Package]) -> Verdict {
        let others = !self.registrations.is_empty();
        let Some((client, _)) = self.client else { return Verdict::NoClient };
        let Some(hooks) = self.hooks().map(|one| one.at) else { return Verdict::NoHooks { others } };
        if let Some((at, file)) = self.before_hooks(expected) {
            return Verdict::BeforeHooks { module: expected.show(file), at, hooks };
        }
        let Some((first, file)) = self.first_runtime_module(expected) else { return Verdict::NoRuntime };
        if first < client {
            return Verdict::BeforeClient { module: expected.show(file), at: first, client };
        }
        // Where the proof holds, what came before the hooks is what the instrumentation itself asks for.
        let early = packages.iter().find(|package| package.loaded == LoadedBy::TooEarly);
        if let Some(package) = early.filter(|_| !expected.proven) {
            return Verdict::PackageBeforeHooks { package: package.name.clone(), hooks };
        }
        Verdict::First { client, runtime: first }
    }

    fn packages(&self) -> Vec<Package> {
        let mut directories: BTreeMap<PathBuf, String> = BTreeMap::new();
        let files = self.seen.iter().map(|(_, file)| file).chain(self.through.keys());
        for (name, directory) in files.filter_map(|file| packages::of_file(file)) {
            directories.insert(directory, name);
        }
        for directory in self.commonjs.keys() {
            let name = packages::of_file(&directory.join("package.json")).map(|(name, _)| name);
            directories.insert(directory.clone(), name.unwrap_or_default());
        }
        directories.retain(|directory, name| packages::is_instrumentable(name) || self.wrapped.contains(directory));
        let mut packages: Vec<Package> = directories
            .into_iter()
            .filter_map(|(directory, name)| Some(Package { loaded: self.package(&directory)?, name, directory }))
            .collect();
        packages.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.directory.cmp(&other.directory)));
        packages
    }

    /// How a package was loaded. Hooks also read what is never loaded, for example when another import fails.
    fn package(&self, directory: &Path) -> Option<LoadedBy> {
        let within = |file: &Path| packages::of_file(file).is_some_and(|(_, of)| of == directory);
        let hooks = self.hooks().map_or(f64::INFINITY, |one| one.at);
        let active = self.client.as_ref().map_or(f64::INFINITY, |(at, _)| *at);
        let through = self.through.keys().any(|file| within(file));
        // A CommonJS file is loaded when the modules that import it are linked, but what counts is its evaluation.
        if let Some((evaluated, required)) = self.commonjs.get(directory).copied() {
            let hooked = self.require_hooks.is_some_and(|hooks| evaluated >= hooks && evaluated >= active);
            return Some(match (hooked, required) {
                _ if through && evaluated >= hooks => LoadedBy::ModuleHooks,
                (true, true) => LoadedBy::RequireHooks,
                (true, false) => LoadedBy::RequireHooksInPart,
                (false, _) if self.require_hooks.is_none() && evaluated >= hooks => LoadedBy::Unhooked,
                (false, _) => LoadedBy::TooEarly,
            });
        }
        match self.seen.iter().any(|(at, file)| *at < hooks && within(file)) {
            true => Some(LoadedBy::TooEarly),
            false => through.then_some(LoadedBy::ModuleHooks),
        }
    }

    fn steps(&self, expected: &Expected) -> Vec<Step> {
        let mut steps = vec![Step { kind: StepKind::ProcessStart, ms: Some(0.0), detail: None }];
        let mut step = |kind, found: Option<(f64, Option<String>)>| {
            let (ms, detail) = found.map_or((None, None), |(ms, detail)| (Some(ms), detail));
            steps.push(Step { kind, ms, detail });
        };
        let hooks = self.hooks().map(|one| {
            let specifier = one.specifier.as_deref().map(|specifier| format!(" of {specifier}")).unwrap_or_default();
            (one.at, Some(format!("{}{specifier}", one.kind.function())))
        });
        step(StepKind::HooksRegistered, hooks);
        step(StepKind::SentryActive, self.client.clone().map(|(at, detail)| (at, Some(detail))));
        let show = |at: f64, file: &Path| (at, Some(expected.show(file)));
        let instrumentation = expected.instrumentation.as_ref();
        let evaluated = instrumentation.and_then(|file| Some(show(*self.evaluated.get(file)?, file)));
        step(StepKind::InstrumentationEvaluated, evaluated);
        if let Some((at, file)) = self.before_hooks(expected) {
            step(StepKind::RuntimeBeforeHooks, Some(show(at, file)));
        }
        step(StepKind::FirstRuntimeModule, self.first_runtime_module(expected).map(|(at, file)| show(at, file)));
        // The last of them to end is the one that the others belong to.
        let is_runtime =
            |file: &Path| expected.is_runtime(file) || (!expected.proven && file == expected.entry.as_path());
        let ended = self.evaluated.iter().filter(|(file, _)| is_runtime(file));
        let ended = ended.max_by(|one, other| one.1.total_cmp(other.1)).map(|(file, at)| show(*at, file));
        step(StepKind::RuntimeEvaluated, ended);
        if expected.listens {
            let listening = self.listening.last().cloned();
            step(StepKind::Listening, listening.map(|(at, address)| (at, Some(address))));
        } else {
            step(StepKind::Imported, self.imported.map(|at| show(at, &expected.entry)));
        }
        steps.sort_by(|one, other| match (one.ms, other.ms) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (one, other) => one.is_none().cmp(&other.is_none()),
        });
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "/app/.output/server";

    fn file(path: &str) -> PathBuf {
        Path::new(SERVER).join(path)
    }

    fn expected(proven: bool) -> Expected {
        let set = |paths: &[&str]| paths.iter().map(|path| file(path)).collect();
        Expected {
            server: PathBuf::from(SERVER),
            entry: file("index.mjs"),
            instrumentation: Some(file("instrument.server.mjs")),
            proven,
            closure: set(&["index.mjs", "instrument.server.mjs"]),
            nitro: set(&["nitro.mjs"]),
            dynamic: set(&["entry.mjs"]),
            file: file("index.mjs"),
            listens: true,
        }
    }

    fn start() -> What {
        What::Start { node: "24.0.0".to_owned(), worker: false }
    }

    fn client() -> What {
        What::Client { version: "10.70.0".to_owned(), sdk: None, dsn: true, enabled: true }
    }

    fn hooks(kind: HookKind, nth: u32, by: &str) -> What {
        What::Hooks { kind, specifier: None, selective: true, nth, by: vec![file(by)] }
    }

    fn loaded(path: &str, kind: HookKind, nth: u32) -> What {
        What::Loaded { file: file(path), wrapper: false, nth, kind }
    }

    fn seen(path: &str) -> What {
        What::Seen { file: file(path), wrapper: false }
    }

    /// The one process in which things happened, one in each millisecond.
    fn judged(proven: bool, happened: impl IntoIterator<Item = What>) -> Process {
        let events: Vec<Event> =
            happened.into_iter().zip(0..).map(|(what, at)| Event { pid: 7, at: f64::from(at), what }).collect();
        Trace::of(&events, 7, &expected(proven)).processes.remove(0)
    }

    const SENTRY: &str = "node_modules/@sentry/node-core/esmLoader.js";
    use HookKind::{Asynchronous, Synchronous};

    #[test]
    fn a_client_and_then_the_runtime_through_its_hooks_is_first() {
        let right = [start(), hooks(Asynchronous, 1, SENTRY), client(), loaded("entry.mjs", Asynchronous, 1)];
        assert!(judged(true, right.clone()).verdict.is_first());
        for left_out in 1..right.len() {
            let mut events = right.to_vec();
            events.remove(left_out);
            assert!(!judged(true, events).verdict.is_first(), "without event {left_out}");
        }
        let [start, hooks, client, loaded] = right;
        let late = judged(true, [start.clone(), hooks.clone(), loaded.clone(), client.clone()]);
        assert!(matches!(late.verdict, Verdict::BeforeClient { .. }));
        let early = judged(true, [start, seen("chunks/other.mjs"), hooks, client, loaded]);
        assert!(matches!(early.verdict, Verdict::BeforeHooks { .. }));
    }

    /// The second hooks read a module through the first; the watcher behind the first is told.
    #[test]
    fn what_a_hook_inside_of_others_sees_does_not_count() {
        for (second, nth, counts) in [(Asynchronous, 1, false), (Asynchronous, 2, true), (Synchronous, 1, false)] {
            let events = [
                start(),
                hooks(Asynchronous, 1, SENTRY),
                hooks(second, 2, SENTRY),
                client(),
                loaded("entry.mjs", Asynchronous, nth),
            ];
            assert_eq!(judged(true, events).verdict.is_first(), counts, "{second:?} {nth}");
        }
        let inner = [
            start(),
            hooks(Synchronous, 1, SENTRY),
            hooks(Asynchronous, 2, SENTRY),
            client(),
            loaded("entry.mjs", Synchronous, 1),
        ];
        assert!(judged(true, inner).verdict.is_first(), "synchronous hooks are outside of all others");
    }

    #[test]
    fn hooks_of_others_do_not_count() {
        let of = |by: &str| {
            let events = [start(), hooks(Asynchronous, 1, by), client(), loaded("entry.mjs", Asynchronous, 1)];
            judged(true, events).verdict
        };
        assert_eq!(of("node_modules/tsx/dist/esm.mjs"), Verdict::NoHooks { others: true });
        assert_eq!(of("node_modules/@sentry-like/x.mjs"), Verdict::NoHooks { others: true });
        assert!(of("node_modules/@opentelemetry/instrumentation/hook.mjs").is_first());
        assert!(of("instrument.server.mjs").is_first());
    }

    #[test]
    fn a_package_came_in_one_of_five_ways() {
        let commonjs = |required| What::Commonjs { file: file("node_modules/pg/lib/index.js"), required };
        let require =
            || What::RequireHooks { by: vec![file("node_modules/require-in-the-middle/index.js"), file(SENTRY)] };
        let hooks = || hooks(Asynchronous, 1, SENTRY);
        let through = || loaded("node_modules/pg/lib/index.js", Asynchronous, 1);
        let runtime = || loaded("entry.mjs", Asynchronous, 1);
        let found = |events: Vec<What>| {
            let packages = judged(true, events).packages;
            packages.first().map(|package| package.loaded)
        };
        let pg = || seen("node_modules/pg/lib/index.js");
        let module = vec![start(), hooks(), client(), require(), runtime(), through(), commonjs(false)];
        assert_eq!(found(module), Some(LoadedBy::ModuleHooks));
        let required = vec![start(), hooks(), client(), require(), runtime(), commonjs(true)];
        assert_eq!(found(required), Some(LoadedBy::RequireHooks));
        let in_part = vec![start(), pg(), hooks(), client(), require(), commonjs(false)];
        assert_eq!(found(in_part), Some(LoadedBy::RequireHooksInPart));
        let early = vec![start(), pg(), commonjs(false), hooks(), client(), require(), runtime()];
        assert_eq!(found(early), Some(LoadedBy::TooEarly));
        let without_hooks = vec![start(), hooks(), client(), runtime(), commonjs(true)];
        assert_eq!(found(without_hooks), Some(LoadedBy::Unhooked));
        let only_read = vec![start(), hooks(), client(), pg(), runtime()];
        assert_eq!(found(only_read), None);
    }

    #[test]
    fn other_programs_are_not_the_server() {
        let events = [Event { pid: 8, at: 0.0, what: start() }, Event { pid: 7, at: 1.0, what: start() }];
        let trace = Trace::of(&events, 7, &expected(true));
        assert_eq!(trace.processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [7]);
        assert!(!trace.is_first());
    }
}
