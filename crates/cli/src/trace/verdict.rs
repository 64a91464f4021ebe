//! What the events of a run say: the steps of each process, and whether Sentry was first. Pure, and without a word of
//! what the server printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Serialize;

use presentry_rewriter::is_instrumented;

use crate::trace::{
    events::{Event, HookKind, What},
    packages, targets,
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
    /// When the primary began, in milliseconds since 1970.
    pub(crate) epoch: Option<f64>,
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
    /// The client that became active first.
    pub(crate) client: Option<Client>,
    /// What the SDK noted about channels that are injected into libraries.
    pub(crate) injection: Option<Injection>,
    pub(crate) verdict: Verdict,
}

/// What is known of a client of the SDK.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Client {
    /// Whether it has a DSN and is enabled.
    pub(crate) sends: bool,
    /// `tracesSampleRate`.
    pub(crate) rate: Option<f64>,
    /// Whether there is a `tracesSampler`.
    pub(crate) sampler: bool,
    /// Whether what it sends goes to the intake of the trace.
    pub(crate) redirected: bool,
}

impl Client {
    /// Whether it makes spans at all.
    pub(crate) fn traces(&self) -> bool {
        self.rate.is_some() || self.sampler
    }
}

/// `globalThis.__SENTRY_ORCHESTRION__`, as SDK 11 (and 10.71 and later, where it is turned on) keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Injection {
    /// The libraries that were injected into while they were loaded, or before that by whoever set it; `null` when no
    /// hooks were registered.
    pub(crate) runtime: Option<Vec<String>>,
    /// Whether the SDK could not register its hooks.
    pub(crate) runtime_unavailable: bool,
    /// The libraries that a plugin of a bundler injected into; `null` when none ran.
    pub(crate) bundler: Option<Vec<String>>,
}

impl Injection {
    /// Whether libraries were injected into before the process began. Hooks add to `runtime` what they inject.
    fn ahead(&self, hooks: bool) -> bool {
        let named = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| !names.is_empty());
        named(&self.bundler) || (named(&self.runtime) && !hooks)
    }
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
    /// Whether its code makes Sentry's channels, or the SDK noted it as injected.
    pub(crate) injected: bool,
    /// Its files that came to hooks which inject channels into such files of some version.
    pub(crate) targets: Vec<String>,
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
    /// A client, and libraries whose code had Sentry's channels before they were loaded, so that their order is of no
    /// importance.
    Ahead { client: f64, libraries: usize },
    /// No client ever became active.
    NoClient,
    /// Sentry registered no module hooks.
    NoHooks { others: bool, unavailable: bool },
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
        matches!(self, Verdict::First { .. } | Verdict::Ahead { .. })
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
            Verdict::Ahead { client, libraries } => {
                let libraries = match libraries {
                    1 => "the 1 library that it instruments has".to_owned(),
                    many => format!("the {many} libraries that it instruments have"),
                };
                format!("Sentry was active at {client:.1} ms, and {libraries} its channels built in")
            }
            Verdict::NoClient => "Sentry was not first: no Sentry client became active at all".to_owned(),
            Verdict::NoHooks { unavailable: true, .. } => {
                "Sentry was not first: its client is active, but the SDK could not register the hooks that instrument libraries".to_owned()
            }
            Verdict::NoHooks { others: false, .. } => {
                "Sentry was not first: its client is active, but no module hooks were registered".to_owned()
            }
            Verdict::NoHooks { others: true, .. } => {
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
        let mut began = None;
        let mut processes = Vec::new();
        for (pid, mut events) in of_process {
            // Threads append as they come to it.
            events.sort_by(|one, other| one.at.total_cmp(&other.at));
            let start = events.iter().find_map(|event| match &event.what {
                What::Start { node, worker, epoch } => Some((event.at, node, *worker, *epoch)),
                _ => None,
            });
            // Other programs that the server starts with Node.js have the probe, too.
            let Some((start, version, worker, epoch)) = start.filter(|(_, _, worker, _)| *worker || pid == leader)
            else {
                continue;
            };
            if pid == leader {
                began = Some(epoch);
            }
            node.get_or_insert_with(|| version.clone());
            processes.push(Facts::gather(&events, start, expected).process(pid, worker, expected));
        }
        processes.sort_by_key(|process| (process.worker, process.pid));
        Self { node, epoch: began, processes }
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
    facts: Option<Client>,
    injection: Option<Injection>,
    /// The libraries whose code made channels of Sentry.
    channels: BTreeSet<String>,
    /// When each file that the SDK may inject into was evaluated or loaded.
    targets: Vec<(f64, PathBuf)>,
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
            What::Start { .. } | What::Fork { .. } | What::Answered { .. } => {}
            What::Client { version, sdk, dsn, enabled, rate, sampler, redirected } => {
                self.clients += 1;
                let sdk = sdk.as_deref().map(|sdk| format!("{sdk} ")).unwrap_or_default();
                let aim = match (enabled, dsn) {
                    (false, _) => ", not enabled",
                    (true, false) => ", without a DSN",
                    (true, true) => "",
                };
                if self.client.is_none() {
                    let sends = *dsn && *enabled;
                    self.facts = Some(Client { sends, rate: *rate, sampler: *sampler, redirected: *redirected });
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
            What::Channel { name, by } => {
                let library = name.strip_prefix("orchestrion:").and_then(|rest| rest.rsplit_once(':'));
                if let (Some((library, _)), Some(nearest)) = (library, by.first())
                    && !expected.is_sentry(None, std::slice::from_ref(nearest))
                {
                    self.channels.insert(library.to_owned());
                }
            }
            What::Injection { runtime, unavailable, bundler } => {
                let (runtime, bundler) = (runtime.clone(), bundler.clone());
                self.injection = Some(Injection { runtime, runtime_unavailable: *unavailable, bundler });
            }
            What::Target { file } => self.targets.push((at, file.clone())),
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
            client: self.facts,
            injection: self.injection,
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
        if let Some(verdict) = self.ahead(client, expected, packages) {
            return verdict;
        }
        let unavailable = self.injection.as_ref().is_some_and(|injection| injection.runtime_unavailable);
        let Some(hooks) = self.hooks().map(|one| one.at) else {
            return Verdict::NoHooks { others, unavailable };
        };
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

    /// Where libraries have channels built in, it is enough that every library has them which hooks did not see. Without a
    /// library that has them, hooks decide.
    fn ahead(&self, client: f64, expected: &Expected, packages: &[Package]) -> Option<Verdict> {
        let injection = self.injection.as_ref().filter(|injection| injection.ahead(self.hooks().is_some()))?;
        let in_order = self.hooks().is_some()
            && self.before_hooks(expected).is_none()
            && self.first_runtime_module(expected).is_some_and(|(at, _)| at >= client);
        if in_order || packages.iter().any(|package| package.loaded == LoadedBy::TooEarly && !package.injected) {
            return None;
        }
        let named = [&injection.runtime, &injection.bundler].into_iter().flatten().flatten();
        let libraries = named.chain(&self.channels).collect::<BTreeSet<_>>().len();
        Some(Verdict::Ahead { client, libraries })
    }

    fn is_injected(&self, name: &str) -> bool {
        let noted = self.injection.iter().flat_map(|one| [&one.runtime, &one.bundler]).flatten().flatten();
        self.channels.contains(name) || noted.into_iter().any(|noted| noted == name)
    }

    /// The files of a package that came to hooks which inject, by their path in it.
    fn targets(&self, directory: &Path) -> Vec<String> {
        let injects = self.injection.as_ref().is_some_and(|injection| injection.runtime.is_some());
        let Some(hooks) = self.hooks().map(|one| one.at).filter(|_| injects) else { return Vec::new() };
        let after = self.targets.iter().filter(|(at, _)| *at >= hooks);
        let within = after.filter_map(|(_, file)| file.strip_prefix(directory).ok());
        let files = within.map(|file| file.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"));
        files.collect::<BTreeSet<_>>().into_iter().collect()
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
        let is_known = |name: &str| is_instrumented(name) || (self.injection.is_some() && targets::has_package(name));
        directories.retain(|directory, name| is_known(name) || self.wrapped.contains(directory));
        let package = |(directory, name): (PathBuf, String)| {
            let loaded = self.package(&directory)?;
            let (injected, targets) = (self.is_injected(&name), self.targets(&directory));
            Some(Package { name, directory, loaded, injected, targets })
        };
        let mut packages: Vec<Package> = directories.into_iter().filter_map(package).collect();
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
        What::Start { node: "24.0.0".to_owned(), worker: false, epoch: 0.0 }
    }

    fn client() -> What {
        let version = "10.70.0".to_owned();
        What::Client { version, sdk: None, dsn: true, enabled: true, rate: Some(1.0), sampler: false, redirected: true }
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
        assert_eq!(of("node_modules/tsx/dist/esm.mjs"), Verdict::NoHooks { others: true, unavailable: false });
        assert_eq!(of("node_modules/@sentry-like/x.mjs"), Verdict::NoHooks { others: true, unavailable: false });
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

    const PG: &str = "node_modules/pg/lib/client.js";

    fn channel(by: &str) -> What {
        What::Channel { name: "orchestrion:pg:query".to_owned(), by: vec![file(by)] }
    }

    fn injection(runtime: Option<&[&str]>, bundler: Option<&[&str]>) -> What {
        let names = |names: Option<&[&str]>| names.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        What::Injection { runtime: names(runtime), unavailable: false, bundler: names(bundler) }
    }

    #[test]
    fn what_makes_channels_is_injected_unless_it_is_the_sdk() {
        let pg = |made: What| {
            let commonjs = What::Commonjs { file: file(PG), required: true };
            let target = What::Target { file: file(PG) };
            let events = [start(), hooks(Synchronous, 1, SENTRY), client(), injection(Some(&[]), None), made, target];
            let packages = judged(true, events.into_iter().chain([commonjs])).packages;
            (packages[0].injected, packages[0].targets.clone())
        };
        assert_eq!(pg(channel(PG)), (true, vec!["lib/client.js".to_owned()]));
        assert!(pg(channel("chunks/nitro.mjs")).0, "a library in a chunk");
        assert!(!pg(channel(SENTRY)).0);
        assert!(!pg(channel("instrument.server.mjs")).0, "a bundle of the SDK");
        assert!(pg(injection(Some(&["pg"]), None)).0);
    }

    #[test]
    fn channels_that_are_built_in_need_no_order() {
        let late = |bundler: Option<&[&str]>, loaded: &str| {
            let commonjs = What::Commonjs { file: file(loaded), required: true };
            judged(true, [start(), seen("entry.mjs"), commonjs, injection(None, bundler), client()]).verdict
        };
        assert_eq!(late(Some(&["pg"]), PG), Verdict::Ahead { client: 4.0, libraries: 1 });
        let graphql = "node_modules/graphql/index.js";
        assert!(!late(Some(&["pg"]), graphql).is_first(), "a library without them was loaded before");
        assert!(!late(Some(&[]), PG).is_first());
        // Hooks of the SDK note what they inject in the same list as those who inject ahead of time.
        let by_hooks =
            [start(), seen("entry.mjs"), hooks(Synchronous, 1, SENTRY), client(), injection(Some(&["pg"]), None)];
        assert!(!judged(true, by_hooks).verdict.is_first());
        assert!(
            judged(true, [start(), seen("entry.mjs"), injection(Some(&["pg"]), None), client()]).verdict.is_first()
        );
        assert!(!late(None, PG).is_first());
        // A build with hooks in the right order is judged by them.
        let hooked = [start(), hooks(Synchronous, 1, SENTRY), client(), injection(Some(&["pg"]), None)];
        let verdict = judged(true, hooked.into_iter().chain([loaded("entry.mjs", Synchronous, 1)])).verdict;
        assert!(matches!(verdict, Verdict::First { .. }));
    }

    #[test]
    fn other_programs_are_not_the_server() {
        let events = [Event { pid: 8, at: 0.0, what: start() }, Event { pid: 7, at: 1.0, what: start() }];
        let trace = Trace::of(&events, 7, &expected(true));
        assert_eq!(trace.processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [7]);
        assert!(!trace.is_first());
    }
}
