//! One scenario from sources to a report: install, build, controls, rewrite, boots, oracles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::app::{self, App};
use crate::bundle_column::{self, Unbundled};
use crate::cache::{self, Cache};
use crate::database::{self, Database};
use crate::document::{self, Wanted};
use crate::evidence::{self, Evidence, Exports};
use crate::host::{self, Host, Placed};
use crate::matrix::{Cell, Column, Matrix};
use crate::node::Node;
use crate::observe::{Lab, Manner, Seen};
use crate::oracles::{self, ControlSeen, Judgement, Observation, Proof, RuntimeModules, StartSeen, ThrowObservation};
use crate::process::{Exit, Finished, Invocation, Source};
use crate::progress::{Bar, Console, Shown, Took};
use crate::report::{BUNDLED, Check, Ran, Report, UNBUNDLED};
use crate::runtime;
use crate::scenario::{Control, Ends, Manager, Scenario};
use crate::sdk_column;
use crate::timeline::Timeline;
use crate::toolchain::Toolchain;
use crate::tree::{self, Snapshot};

/// What the command gets so that the SDK stays in its packages.
const NO_BUNDLE: &str = "--no-bundle-sdk";

/// The command reads one build, and traces packages where the build lacks some; what takes longer than this hangs.
const COMMAND_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What a run needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory that holds the fixtures.
    pub fixtures: PathBuf,
    /// The directory with what makes the SDK's own build of a fixture.
    pub overlays: PathBuf,
    /// What is known to fail.
    pub matrix: Matrix,
    /// The command that is judged.
    pub binary: PathBuf,
    /// The tarballs of the npm package, with the executable of this machine in one of them. Scenarios that build with the
    /// package need them.
    pub tarballs: Vec<PathBuf>,
    /// What installs the app, and builds and starts it where neither cell nor scenario names a Node.
    pub toolchain: Toolchain,
    /// The directory for caches and work directories; cargo's target directory does.
    pub target: PathBuf,
    /// Whether the command rewrites the build. Without it the run must end red.
    pub rewrite: bool,
    /// Whether installs and builds of earlier runs are used.
    pub cache: bool,
    /// Whether the work directories stay when everything passed.
    pub keep: bool,
}

/// Where the files of a run of `scenario`, or of its cell, go, below `target`. Each run starts with an empty one.
pub fn work_directory(target: &Path, scenario: &str) -> PathBuf {
    target.join("e2e-work").join(scenario)
}

/// Runs cells, `jobs` at a time, in their order. A cell that fails does not stop the others. What they do and find is
/// printed to a console of `shown`; where several run beside each other, cell by cell.
///
/// # Errors
/// When there are no cells, or the cache cannot be opened.
pub fn run_all(cells: &[Cell], config: &Config, jobs: usize, shown: Shown) -> Result<Vec<Ran>> {
    run_each(cells, config, jobs, shown, &|_| ())
}

/// As [`run_all`], and calls `done` with each run as it ends.
///
/// # Errors
/// As [`run_all`].
pub fn run_each(
    cells: &[Cell],
    config: &Config,
    jobs: usize,
    shown: Shown,
    done: &(dyn Fn(&Ran) + Sync),
) -> Result<Vec<Ran>> {
    if cells.is_empty() {
        bail!("zero cells are selected");
    }
    let cache = Cache::open(&config.target.join("e2e-cache"), config.cache)?;
    let jobs = jobs.clamp(1, cells.len());
    let next = Mutex::new(cells.iter().enumerate());
    let runs = Mutex::new(Vec::new());
    let bar = Bar::over(cells.len(), shown);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, cell)) = taken else { break };
                    let shown_here = if jobs == 1 { shown } else { Shown::Nowhere };
                    let console = Console::beside(shown_here, bar.clone(), &format!("{}:", cell.id()));
                    let ran = run(cell, config, &cache, &console);
                    bar.done();
                    done(&ran);
                    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                    if jobs > 1 {
                        Console::beside(shown, bar.clone(), "").print(&ran.text);
                    }
                    runs.push((at, ran));
                }
            });
        }
    });
    bar.clear();
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|(at, _)| *at);
    Ok(runs.into_iter().map(|(_, ran)| ran).collect())
}

/// Runs one cell. A step before the boots that fails leaves it without a judgement; the work directory is kept then,
/// and the message names it.
fn run(cell: &Cell, config: &Config, cache: &Cache, console: &Console) -> Ran {
    let (start, started) = (Instant::now(), SystemTime::now());
    let Toolchain { node_version, npm_version, .. } = &config.toolchain;
    let node_version = cell.versions.node.as_ref().unwrap_or(node_version);
    console.print(&format!("scenario {} (Node.js {node_version}, npm {npm_version})\n", cell.id()));
    let report = judged(cell, config, cache, console);
    let mut ran = Ran {
        scenario: cell.id(),
        cell: Wanted::from(cell),
        requested: cell.requested(),
        started,
        took: start.elapsed(),
        phases: console.phases(),
        report,
        text: String::new(),
    };
    console.print(&format!("\n{}", ran.summary()));
    ran.text = console.text();
    ran
}

fn judged(cell: &Cell, config: &Config, cache: &Cache, console: &Console) -> Result<Report> {
    let work = work_directory(&config.target, &cell.id());
    cache::remove(&work)?;
    std::fs::create_dir_all(work.join("logs")).with_context(|| format!("failed to create `{}`", work.display()))?;
    // Node reports real paths, and the trace is compared with ours.
    let work = work.canonicalize().with_context(|| format!("failed to find `{}`", work.display()))?;

    let judge = || {
        let node = match cell.versions.node.as_ref().or(cell.scenario.node.as_ref()) {
            None => Node::of(&config.toolchain),
            Some(version) => Node::install(version, cache, &config.toolchain, &work.join("logs"))?,
        };
        let on_path = Node::of(&config.toolchain);
        let builder = if cell.starts_only { &on_path } else { &node };
        Run { cell, scenario: &cell.scenario, config, builder, node: &node, work: &work, console }.judge(cache)
    };
    let mut report = judge().with_context(|| {
        format!("scenario {} was not judged; its work directory is `{}`", cell.id(), work.display())
    })?;
    let sources: Vec<Source> = report
        .columns()
        .into_iter()
        .flat_map(|(_, _, checks)| checks)
        .flat_map(|check| check.sources.clone())
        .collect();
    report.evidence.logs = evidence::logs(sources.iter(), &work);
    if config.keep || !report.success() {
        report.kept = Some(work);
    } else {
        cache::remove(&work)?;
    }
    Ok(report)
}

pub(crate) struct Run<'a> {
    cell: &'a Cell,
    pub(crate) scenario: &'a Scenario,
    pub(crate) config: &'a Config,
    /// What builds, and runs the command.
    builder: &'a Node,
    /// What starts the builds.
    node: &'a Node,
    pub(crate) work: &'a Path,
    pub(crate) console: &'a Console,
}

/// A copy of the build.
pub(crate) struct Copy {
    /// Its directory: a copy of the whole fixture.
    pub(crate) root: PathBuf,
    /// The app in it.
    pub(crate) app: PathBuf,
}

/// The app, built with the npm package.
struct WithModule {
    /// The build.
    build: PathBuf,
    /// What the package's command says of itself.
    version: String,
    /// Where that was seen.
    source: Source,
}

/// The copies that a run works with.
struct Copies {
    /// The build that is rewritten and judged.
    subject: Copy,
    /// The build as it was.
    unrewritten: Copy,
    /// Those controls that are judged as servers.
    controls: Vec<(Control, Copy)>,
}

/// From what the reference is made.
struct Reference<'a> {
    /// The build as it was.
    unrewritten: &'a Copy,
    /// The same where it is started, which may be without the rest of the app.
    started: &'a Path,
    /// The app as it is installed.
    install: &'a Path,
}

/// What the boots showed. Each is filled by a task of its own.
#[derive(Default)]
struct Boots {
    controls: Vec<Slot<Observation>>,
    subject: Slot<Observation>,
    preloaded: Slot<Observation>,
    preloaded_unrewritten: Slot<StartSeen>,
    throw_first: Slot<ThrowObservation>,
    throw_later: Slot<ThrowObservation>,
    throw_later_unrewritten: Slot<ThrowObservation>,
    exports: Slot<Value>,
    exports_unrewritten: Slot<Value>,
    stack: Slot<Value>,
    stack_unrewritten: Slot<Value>,
    stack_wrapped: Slot<Value>,
}

/// The SDK's own build.
struct SdkBuild {
    /// The scenario as it is built so.
    scenario: Scenario,
    /// Where the build is, or why there is none.
    built: Result<PathBuf, String>,
}

/// What is known of the unrewritten build, to compare the SDK's with.
struct Unrewritten<'a> {
    exports: &'a Seen<Value>,
    throw_later: &'a Seen<ThrowObservation>,
    chunk: &'a Path,
    /// What the static file holds.
    asset: &'a [u8],
}

/// An oracle's number, its name, what it says, and of which processes.
pub(crate) type Judged = (Option<u8>, &'static str, Judgement, Vec<Source>);

pub(crate) type Slot<T> = Mutex<Option<Result<Seen<T>>>>;
pub(crate) type Task<'a> = (String, Box<dyn FnOnce() + Send + 'a>);

impl Run<'_> {
    fn judge(&self, cache: &Cache) -> Result<Report> {
        let Run { scenario, config, console, .. } = *self;
        let source = config.fixtures.join(&scenario.fixture);
        let logs = self.logs();
        let app_with = |files| App {
            source: &source,
            directory: Path::new(&scenario.app),
            manager: scenario.package_manager,
            files,
            env: &scenario.build_env,
            pins: &self.cell.pins,
            toolchain: &config.toolchain,
            node: self.builder,
            logs: &logs,
        };
        let app = app_with(&scenario.files);
        let install_step = match scenario.package_manager {
            Manager::Npm if self.cell.pins.is_empty() => "npm ci",
            Manager::Npm => "npm install",
            Manager::Pnpm => "pnpm install",
        };
        let install = console.step(install_step, || app.install(cache).map(cached))?;
        let installed = scenario.app_in(&install.path);
        let mut versions = app::versions(&install.path, &installed)?;
        let shown: Vec<String> = versions.iter().map(|(package, version)| format!("{package} {version}")).collect();
        console.print(&format!("  installed: {}\n", shown.join(", ")));
        versions.insert("node".to_owned(), self.node.version.clone());
        versions.insert("npm".to_owned(), config.toolchain.npm_version.clone());
        let entry = Path::new(&scenario.server).join(&scenario.entry);
        let made = if scenario.ends.is_some() { scenario.output() } else { &entry };
        let builder = app.builder()?;
        let built = console.step(&builder, || app.build(cache, &install.path, made).map(cached))?;
        if let Some(ends) = &scenario.ends {
            return self.judge_end(ends, &built.path, versions);
        }
        app::demand_preset(&scenario.app_in(&built.path).join(scenario.output()), scenario.nitro_preset())?;
        let module = scenario.module.as_ref().filter(|_| config.rewrite);
        let mut module_files = scenario.files.clone();
        module_files.extend(module.iter().flat_map(|module| module.files.clone()));
        let with_module =
            module.map(|_| self.build_with_module(cache, &app_with(&module_files), &install.path, &entry));
        let with_module = with_module.transpose()?;
        let subject_build = with_module.as_ref().map_or(&built.path, |with| &with.build);
        let hosts = scenario.start.host().map(|host| self.place(host, cache)).transpose()?;
        let database = if scenario.database { Some(self.database(cache)?) } else { None };
        let env: Vec<(String, String)> =
            database.iter().map(|database| (database::VARIABLE.to_owned(), database.url().to_owned())).collect();
        let (copies, chunk) = console.step("copy the build", || {
            let copies = self.copy(subject_build, &built.path, &install.path)?;
            let chunk = match &scenario.runtime {
                Some(runtime) => PathBuf::from(runtime),
                None => {
                    let server = self.server(&copies.unrewritten.app);
                    runtime::find_chunk(&server, &scenario.entry, &scenario.instrumentation)?
                }
            };
            self.make_controls(&copies, &chunk)?;
            anyhow::Ok(((copies, chunk), Took::Time))
        })?;
        let Copies { subject, .. } = &copies;

        let original = match module {
            None => Snapshot::take(&subject.root)?,
            Some(module) if module.varies(&scenario.entry) => self.restored("restored", subject)?,
            Some(_) => Snapshot::take(&copies.unrewritten.root)?,
        };
        let (proof, mut sources) = self.rewrite(&copies)?;
        let rewritten = Snapshot::take(&subject.root)?;
        let size = bundle_column::size_of_packages(&self.server(&subject.app))?;
        // Found by its bytes, so that the harness need not know how the command names it. It must be a module beside the
        // old place, from where it finds `../public`; a copy put by for `restore` is not meant. Where the SDK is bundled its
        // specifiers are others, and a copy without the bundle tells the name.
        let unbundled = module.map(|_| self.unbundled(subject)).transpose()?;
        let entry_in_root = scenario.app_in(Path::new("")).join(&entry);
        let beside =
            |at: &PathBuf| at.parent() == entry_in_root.parent() && at.extension() == entry_in_root.extension();
        let unbundled = unbundled.as_ref().unwrap_or(&rewritten);
        let moved_entry = unbundled.same_bytes(&entry_in_root, &original).into_iter().find(beside);
        let moved_entry = moved_entry.as_deref().and_then(Path::file_name);

        // Where the builds are started: where they are, or from where they were moved to.
        let (started, started_unrewritten) = if scenario.r#move {
            (self.move_output("moved", &subject.app)?, self.move_output("moved-unrewritten", &copies.unrewritten.app)?)
        } else {
            (subject.app.clone(), copies.unrewritten.app.clone())
        };
        // The entry takes the runtime along where it holds it.
        let moved_chunk = match moved_entry {
            Some(name) if chunk == Path::new(&scenario.entry) => chunk.with_file_name(name),
            _ => chunk.clone(),
        };
        let modules = |app: &Path, chunk: &Path, moved: Option<&std::ffi::OsStr>| {
            let server = self.traced_server(app);
            let moved_entry = moved.map(|name| server.join(&scenario.entry).with_file_name(name));
            RuntimeModules { moved_entry, chunk: server.join(chunk) }
        };

        let boots = Boots { controls: copies.controls.iter().map(|_| Slot::default()).collect(), ..Boots::default() };
        let node = &self.node.executable;
        let lab = Lab { scenario, node, installed: &installed, hosts: hosts.as_ref(), env: &env, logs: &logs };
        self.boot(&boots, &lab, [&moved_chunk, &chunk], &copies, [&started, &started_unrewritten])?;
        let asset = match &scenario.asset {
            Some(asset) => std::fs::read(scenario.app_in(&source).join(&asset.file))
                .with_context(|| format!("failed to read `{}`", asset.file))?,
            None => Vec::new(),
        };

        let seen = taken(boots.subject)?;
        let preloaded = self.preloads().then(|| taken(boots.preloaded)).transpose()?;
        let throw_first = taken(boots.throw_first)?;
        let throw_later = taken(boots.throw_later)?;
        let throw_later_unrewritten = taken(boots.throw_later_unrewritten)?;
        let exports = taken(boots.exports)?;
        let exports_unrewritten = taken(boots.exports_unrewritten)?;
        let mut controls = Vec::new();
        for ((control, copy), slot) in copies.controls.iter().zip(boots.controls) {
            controls.push((*control, modules(&copy.app, &chunk, None), taken(slot)?));
        }

        let subject_modules = modules(&started, &moved_chunk, moved_entry);
        let mut evidence = Evidence::default();
        evidence.timelines.extend(seen.timeline("presentry", &subject_modules));
        for (control, modules, seen) in &controls {
            evidence.timelines.extend(seen.timeline(control.name(), modules));
        }
        evidence.exports =
            vec![Exports::new("unrewritten", up(&exports_unrewritten)), Exports::new("presentry", up(&exports))];

        let mut checks = Vec::new();
        let known = |column, oracle, name: &str| {
            config.matrix.known(column, scenario, &versions, (oracle, name)).map(str::to_owned)
        };
        let mut check = |oracle, name, judgement, sources: Vec<Source>| {
            let check = Check { oracle, name, judgement, known: known(Column::Presentry, oracle, name), sources };
            console.print(&check.render());
            checks.push(check);
        };
        check(Some(1), "static proof", oracles::static_proof(&proof), std::mem::take(&mut sources));
        check(
            Some(2),
            "runtime through hooks",
            up(&seen).and_then(|seen| oracles::runtime_through_hooks(scenario, &subject_modules, seen)),
            vec![seen.source.clone()],
        );
        check(
            Some(3),
            "instrumented libraries",
            up(&seen).and_then(|seen| oracles::libraries_instrumented(scenario, seen)),
            vec![seen.source.clone()],
        );
        check(
            Some(4),
            "exports",
            up(&exports_unrewritten).and_then(|before| Ok((before, up(&exports)?))).and_then(|(before, after)| {
                match &scenario.exports {
                    None => oracles::exports_equal(before, after),
                    Some(kinds) => oracles::exports_restored(kinds, before, after),
                }
            }),
            vec![exports.source, exports_unrewritten.source.clone()],
        );
        check(
            Some(5),
            "one init",
            up(&seen).and_then(|plain| Ok((plain, preloaded.as_ref().map(up).transpose()?))).and_then(
                |(plain, preloaded)| {
                    oracles::one_init(scenario, &plain.trace, preloaded.map(|preloaded| &preloaded.trace))
                },
            ),
            std::iter::once(seen.source.clone()).chain(preloaded.map(|preloaded| preloaded.source)).collect(),
        );
        check(
            Some(6),
            "load errors",
            load_errors(&throw_first, &throw_later, &throw_later_unrewritten),
            vec![throw_first.source, throw_later.source, throw_later_unrewritten.source.clone()],
        );
        check(
            Some(7),
            "page and assets",
            up(&seen).and_then(|seen| oracles::page_and_assets(scenario, &asset, seen)),
            vec![seen.source.clone()],
        );
        let judged: Result<Vec<_>, String> = controls
            .iter()
            .map(|(control, modules, seen)| {
                let seen = up(seen).map_err(|error| format!("{}: no control, {error}", control.name()))?;
                Ok(ControlSeen { control: *control, modules, seen })
            })
            .collect();
        check(
            Some(8),
            "controls",
            judged.and_then(|controls| oracles::controls_fail(scenario, &controls)),
            controls.iter().map(|(_, _, seen)| seen.source.clone()).collect(),
        );
        if !scenario.values.is_empty() {
            let judgement = up(&seen).and_then(|seen| {
                let unrewritten = controls.iter().find(|(control, ..)| *control == Control::Unrewritten);
                let unrewritten = unrewritten.map(|(_, _, seen)| up(seen)).transpose()?;
                oracles::values_are(scenario, seen, unrewritten)
            });
            check(None, "values of the instrumentation", judgement, vec![seen.source.clone()]);
        }
        if !scenario.features.is_empty() {
            let unrewritten = controls.iter().find(|(control, ..)| *control == Control::Unrewritten);
            let judgement = up(&seen).and_then(|seen| {
                let unrewritten = unrewritten.map(|(_, _, seen)| up(seen)).transpose()?;
                oracles::features(scenario, seen, unrewritten)
            });
            check(None, "features", judgement, vec![seen.source.clone()]);
        }
        if let Some(wanted) = &scenario.preload_dies_of {
            let start = taken(boots.preloaded_unrewritten)?;
            let judgement = up(&start).and_then(|start| oracles::preload_dies(wanted, start));
            check(None, "what the SDK left does not start", judgement, vec![start.source]);
        }
        let mut stack_unrewritten = None;
        if let Some(function) = &scenario.deploys {
            let (after, before) = (taken(boots.stack)?, taken(boots.stack_unrewritten)?);
            let wrapped = taken(boots.stack_wrapped)?;
            let judgement = up(&before)
                .and_then(|before| Ok((before, up(&after)?, up(&wrapped)?)))
                .and_then(|(before, after, wrapped)| oracles::deployed_the_same(function, before, after, wrapped));
            check(None, "deployment", judgement, vec![after.source, before.source.clone(), wrapped.source]);
            stack_unrewritten = Some(before);
        }
        if let Some(WithModule { version, source, .. }) = &with_module {
            let wanted = self.version()?;
            check(None, "the command of the package", oracles::command_is(&wanted, version), vec![source.clone()]);
        }
        if config.rewrite {
            let (again, source) = self.command("presentry-again", None, subject)?;
            let after = Snapshot::take(&subject.root)?;
            let differences = rewritten.differences(&after);
            check(
                None,
                "a second run changes nothing",
                oracles::nothing_changed(again.exit, &differences, &after.checksum()),
                vec![source],
            );
            let (restored, source) = self.command("presentry-restore", Some("restore"), subject)?;
            let after = Snapshot::take(&subject.root)?;
            // The build that the package rewrote is another one than the unrewritten one.
            let differences = match module {
                None => original.differences(&after),
                Some(module) => {
                    let counts =
                        |line: &String| is_beside_the_entry(line, &entry_in_root, |name: &str| module.varies(name));
                    let unrewritten = Snapshot::take(&copies.unrewritten.root)?;
                    for (start, reason) in &module.varies {
                        console.print(&format!("  not compared: `{start}…`, {reason}\n"));
                    }
                    unrewritten.differences(&after).into_iter().filter(counts).collect()
                }
            };
            check(
                None,
                "restore gives back the original",
                oracles::nothing_changed(restored.exit, &differences, &after.checksum()),
                vec![source],
            );
        }
        if let (true, Some(reason)) = (self.cell.sdk, &scenario.sdk.absent) {
            console.print(&format!("the SDK alone: not built, {reason}\n"));
            evidence.absent.insert(document::SDK.to_owned(), reason.clone());
        }
        let sdk = if self.cell.sdk && scenario.sdk.absent.is_none() {
            let built = self.sdk_build(cache, &app, &install.path, &entry)?;
            let before = Unrewritten {
                exports: &exports_unrewritten,
                throw_later: &throw_later_unrewritten,
                chunk: &chunk,
                asset: &asset,
            };
            let mut checks = Vec::new();
            for (oracle, name, judgement, sources) in self.judge_sdk(built, &lab, &before, &mut evidence)? {
                let check = Check { oracle, name, judgement, known: known(Column::Sdk, oracle, name), sources };
                console.print(&format!("the SDK alone: {}", check.render()));
                checks.push(check);
            }
            Some(checks)
        } else {
            None
        };
        let bundled = if self.cell.bundle && config.rewrite {
            let unbundled = Unbundled {
                build: subject_build,
                install: &install.path,
                seen: &seen,
                size,
                moved_entry,
                chunk: &moved_chunk,
                exports_unrewritten: &exports_unrewritten,
                throw_later_unrewritten: &throw_later_unrewritten,
                stack_unrewritten: stack_unrewritten.as_ref(),
                asset: &asset,
            };
            let mut checks = Vec::new();
            for (oracle, name, judgement, sources) in bundle_column::judge(self, &lab, &unbundled)? {
                let check = Check { oracle, name, judgement, known: known(Column::Bundled, oracle, name), sources };
                console.print(&format!("{BUNDLED}: {}", check.render()));
                checks.push(check);
            }
            Some(checks)
        } else {
            None
        };
        let requested = self.cell.requested();
        let mut report =
            Report { scenario: self.cell.id(), requested, versions, checks, sdk, bundled, evidence, kept: None };
        let reference =
            Reference { unrewritten: &copies.unrewritten, started: &started_unrewritten, install: &install.path };
        report.evidence.reference = self.reference(&report, &lab, &reference, &asset)?;
        Ok(report)
    }

    /// For oracles that are known to fail: what they say of the reference, where it fails them as well. The reference is
    /// the unrewritten build under `--import`, which is how Sentry says that a server is to be started: what fails there
    /// no order of modules can mend. Only these oracles ask for nothing but Sentry having started first, and only what fails in
    /// a column of ours is asked for: what ours can do, the platform can.
    fn reference(
        &self,
        report: &Report,
        lab: &Lab<'_>,
        reference: &Reference<'_>,
        asset: &[u8],
    ) -> Result<BTreeMap<u8, String>> {
        let ours = report.columns().into_iter().filter(|(column, ..)| *column != document::SDK);
        let checks = ours.flat_map(|(_, _, checks)| checks);
        let asked: Vec<u8> = checks
            .filter(|check| check.known.is_some() && check.judgement.is_err())
            .filter_map(|check| check.oracle.filter(|oracle| [3, 7].contains(oracle)))
            .collect();
        if asked.is_empty() || !self.preloads() {
            return Ok(BTreeMap::new());
        }
        let seen = self.timed("boot under --import, unrewritten, for reference", || {
            let app = self.preloadable(reference)?;
            lab.exercise("boot-reference", &app, Manner::Preloaded)
        })?;
        // A reference that does not start shows nothing, so it excuses nothing.
        let Ok(seen) = up(&seen) else { return Ok(BTreeMap::new()) };
        let judge = |oracle| match oracle {
            3 => oracles::libraries_instrumented(self.scenario, seen),
            _ => oracles::page_and_assets(self.scenario, asset, seen),
        };
        Ok(asked.into_iter().filter_map(|oracle| Some((oracle, judge(oracle).err()?))).collect())
    }

    /// The unrewritten build with an instrumentation that can be preloaded: its own, or what the controls get, with the
    /// packages that it needs.
    fn preloadable(&self, reference: &Reference<'_>) -> Result<PathBuf> {
        let Reference { unrewritten, started, install } = reference;
        let Some(module) = &self.scenario.control_instrumentation else { return Ok(started.to_path_buf()) };
        let root = self.work.join("reference");
        tree::copy(&unrewritten.root, &root, |_| true)?;
        let app = self.scenario.app_in(&root);
        runtime::place_instrumentation(&app.join(module), &self.server(&app).join(&self.scenario.instrumentation))?;
        for packages in app::packages(install)? {
            tree::symlink_directory(&install.join(&packages), &root.join(&packages))?;
        }
        Ok(app)
    }

    /// The SDK's own build; the inner error says why there is none, which is a finding about the SDK.
    fn sdk_build(&self, cache: &Cache, app: &App<'_>, install: &Path, entry: &Path) -> Result<SdkBuild> {
        let scenario = sdk_column::scenario(self.scenario, &self.scenario.app_in(app.source), &self.config.overlays)?;
        let logs = self.logs().join("sdk");
        std::fs::create_dir_all(&logs).with_context(|| format!("failed to create `{}`", logs.display()))?;
        let app = App { files: &scenario.files, logs: &logs, ..*app };
        let built = self.console.step("vinxi build, the SDK alone", || {
            anyhow::Ok(match app.build(cache, install, entry) {
                Ok(entry) => {
                    let took = if entry.hit { Took::Cached } else { Took::Time };
                    (Ok(entry.path), took)
                }
                Err(error) => (Err(format!("{error:#}")), Took::Time),
            })
        })?;
        Ok(SdkBuild { scenario, built })
    }

    /// Boots the SDK's own build and judges it as ours, as far as the oracles apply to it: it has no instrumentation to
    /// preload, and no controls.
    fn judge_sdk(
        &self,
        build: SdkBuild,
        of: &Lab<'_>,
        before: &Unrewritten<'_>,
        evidence: &mut Evidence,
    ) -> Result<Vec<Judged>> {
        let SdkBuild { scenario, built } = build;
        let built = match built {
            Ok(built) => built,
            Err(error) => return Ok(vec![(None, "build", Err(error), Vec::new())]),
        };
        let root = self.work.join("sdk");
        tree::copy(&built, &root, |_| true)?;
        let copy = Copy { app: scenario.app_in(&root), root };
        let started = if scenario.r#move { self.move_output("moved-sdk", &copy.app)? } else { copy.app.clone() };
        let chunk = match &scenario.runtime {
            Some(runtime) => PathBuf::from(runtime),
            None => sdk_column::find_chunk(&self.server(&started), &scenario.entry, before.chunk)?,
        };
        let (checked, check_source) = self.command("sdk-presentry-check", Some("check"), &copy)?;
        let lab = Lab { scenario: &scenario, ..*of };
        let seen = self.timed("boot, the SDK alone", || lab.exercise("sdk-boot", &started, Manner::Finished))?;
        let exports = self.timed("exports, the SDK alone", || lab.exports("sdk-exports", &started))?;
        let throwing = |name: &str, patch: fn(&Path) -> Result<()>| {
            let copy = self.work.join(name);
            tree::copy(&started, &copy, |_| true)?;
            patch(&self.server(&copy).join(&chunk))?;
            lab.throwing(name, &copy)
        };
        let first =
            self.timed("boot, the SDK alone, throws first", || throwing("sdk-throw-first", runtime::throw_first))?;
        let later =
            self.timed("boot, the SDK alone, throws later", || throwing("sdk-throw-later", runtime::throw_last))?;

        let proof = Proof { rewrite: None, check: checked.exit, check_controls: Vec::new() };
        let proven = oracles::static_proof(&proof).map(|_| "`presentry check` exits 0".to_owned());
        let modules = RuntimeModules { moved_entry: None, chunk: self.server(&started).join(&chunk) };
        if let Some(timeline) = seen.timeline("SDK alone", &modules) {
            // Behind ours, so that the drawing has both beside each other.
            let behind = 1.min(evidence.timelines.len());
            evidence.timelines.insert(behind, timeline);
        }
        evidence.exports.push(Exports::new("SDK alone", up(&exports)));
        let exported = up(before.exports).and_then(|before| Ok((before, up(&exports)?)));
        let exported = exported.and_then(|(before, after)| match &scenario.exports {
            None => oracles::exports_equal(before, after),
            Some(kinds) => oracles::exports_of_kinds(kinds, after),
        });
        let boot = || vec![seen.source.clone()];
        Ok(vec![
            (None, "build", Ok("it builds".to_owned()), Vec::new()),
            (Some(1), "static proof", proven, vec![check_source]),
            (
                Some(2),
                "runtime through hooks",
                up(&seen).and_then(|seen| oracles::runtime_through_hooks(&scenario, &modules, seen)),
                boot(),
            ),
            (
                Some(3),
                "instrumented libraries",
                up(&seen).and_then(|seen| oracles::libraries_instrumented(&scenario, seen)),
                boot(),
            ),
            (Some(4), "exports", exported, vec![exports.source]),
            (
                Some(6),
                "load errors",
                load_errors(&first, &later, before.throw_later),
                vec![first.source, later.source, before.throw_later.source.clone()],
            ),
            (
                Some(7),
                "page and assets",
                up(&seen).and_then(|seen| oracles::page_and_assets(&scenario, before.asset, seen)),
                boot(),
            ),
        ])
    }

    pub(crate) fn timed<T>(&self, step: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.console.step(step, || work().map(|done| (done, Took::Time)))
    }

    /// Where nothing is booted: the command ends as the scenario says, and changes nothing.
    fn judge_end(&self, ends: &Ends, built: &Path, versions: BTreeMap<String, String>) -> Result<Report> {
        let Run { scenario, console, .. } = *self;
        let root = self.work.join("app");
        console.step("copy the build", || tree::copy(built, &root, |_| true).map(|()| ((), Took::Time)))?;
        let subject = Copy { app: scenario.app_in(&root), root };
        let before = Snapshot::take(&subject.root)?;
        let (finished, source) =
            console.step("presentry", || self.command("presentry", None, &subject).map(|done| (done, Took::Time)))?;
        let after = Snapshot::take(&subject.root)?;
        let judgements = [
            ("the command", oracles::ends_as_said(ends, finished.exit, &finished.text)),
            ("no byte is changed", oracles::unchanged(&before.differences(&after), &after.checksum())),
        ];
        let mut checks = Vec::new();
        for (name, judgement) in judgements {
            let check = Check { oracle: None, name, judgement, known: None, sources: vec![source.clone()] };
            console.print(&check.render());
            checks.push(check);
        }
        Ok(Report {
            scenario: self.cell.id(),
            requested: self.cell.requested(),
            versions,
            checks,
            sdk: None,
            bundled: None,
            evidence: Evidence::default(),
            kept: None,
        })
    }

    /// The hosts beside the build, with what `host` needs. What it cannot do is printed, as it bounds what is shown.
    fn place(&self, host: &Host, cache: &Cache) -> Result<Placed> {
        let Run { config, console, work, .. } = *self;
        let from = host::directory();
        let placed = console.step("place the hosts", || {
            Placed::new(&from, &work.join("hosts"), &host.packages, cache, &config.toolchain, &self.logs())
                .map(|placed| (placed, Took::Time))
        })?;
        console.print(&format!("  host: {} (preset {})\n", host.id, host.preset));
        for limit in &host.limits {
            console.print(&format!("  limit: {limit}\n"));
        }
        Ok(placed)
    }

    fn database(&self, cache: &Cache) -> Result<Database> {
        let Run { config, console, .. } = *self;
        let given = std::env::var(database::VARIABLE).ok();
        console.step("start a PostgreSQL", || {
            Database::open(given.as_deref(), cache, &config.toolchain, &self.work.join("database"), &self.logs())
                .map(|database| (database, Took::Time))
        })
    }

    /// Adds the npm package to the app and builds with it.
    fn build_with_module(&self, cache: &Cache, app: &App<'_>, install: &Path, entry: &Path) -> Result<WithModule> {
        let Run { scenario, config, console, .. } = *self;
        if config.tarballs.is_empty() {
            bail!("scenario {} builds with the npm package, and there are no tarballs of it", scenario.id);
        }
        let install = console.step("install the package", || app.add(cache, install, &config.tarballs).map(cached))?;
        let log = self.logs().join("package-version.log");
        let version = app.execute(cache, &install.path, &["presentry", "--version"], &log)?;
        let step = format!("{} with the package", app.builder()?);
        let build = console.step(&step, || app.build(cache, &install.path, entry).map(cached))?;
        let source = version.source.clone();
        Ok(WithModule { build: build.path, version: version.stdout.trim().to_owned(), source })
    }

    /// What the command that is judged says of itself.
    fn version(&self) -> Result<String> {
        let log = self.logs().join("presentry-version.log");
        let call = Invocation::new(&self.config.binary, self.work).arg("--version").run_ok(&log, COMMAND_LIMIT)?;
        Ok(call.stdout.trim().to_owned())
    }

    /// Copies the builds: the subject, the unrewritten one, and one for each other control.
    fn copy(&self, subject: &Path, unrewritten: &Path, install: &Path) -> Result<Copies> {
        let scenario = self.scenario;
        let packages = if scenario.packages { app::packages(install)? } else { Vec::new() };
        let copy_of = |built: &Path, name: &str| {
            let root = self.work.join(name);
            tree::copy(built, &root, |_| true)?;
            anyhow::Ok(Copy { app: scenario.app_in(&root), root })
        };
        let copy = |name: &str| copy_of(unrewritten, name);
        let subject = copy_of(subject, "app")?;
        for packages in &packages {
            tree::link(&install.join(packages), &put_away(&subject).join(packages))?;
        }
        let unrewritten = copy(Control::Unrewritten.name())?;
        let mut controls = Vec::new();
        for control in &scenario.controls {
            let copy = match control {
                // Not the copy that is started as the subject is.
                Control::Unrewritten if scenario.r#move => copy("unrewritten-in-place")?,
                Control::Unrewritten => Copy { root: unrewritten.root.clone(), app: unrewritten.app.clone() },
                _ => copy(control.name())?,
            };
            // A control has to work, so it gets the packages where they are looked for, whatever the build lacks.
            if *control != Control::Unrewritten || scenario.r#move {
                for packages in &packages {
                    tree::symlink_directory(&install.join(packages), &copy.root.join(packages))?;
                }
            }
            controls.push((*control, copy));
        }
        Ok(Copies { subject, unrewritten, controls })
    }

    fn make_controls(&self, copies: &Copies, chunk: &Path) -> Result<()> {
        let scenario = self.scenario;
        for (control, copy) in &copies.controls {
            let server = self.server(&copy.app);
            let entry = server.join(&scenario.entry);
            match control {
                Control::Unrewritten => {}
                Control::TopLevelImport => {
                    if let Some(module) = &scenario.control_instrumentation {
                        let built = server.join(&scenario.instrumentation);
                        runtime::place_instrumentation(&copy.app.join(module), &built)?;
                    }
                    runtime::import_at_top(&entry, &scenario.instrumentation)?;
                }
                Control::StaticEdge => runtime::import_runtime(&entry, chunk)?,
            }
        }
        Ok(())
    }

    /// Copies the output of a build, and nothing else, to an empty directory; the server is where it was in the app.
    pub(crate) fn move_output(&self, name: &str, app: &Path) -> Result<PathBuf> {
        let output = self.scenario.output();
        let elsewhere = self.work.join(name);
        let target = elsewhere.join(output);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))?;
        }
        tree::copy(&app.join(output), &target, |_| true)?;
        // Else Node finds what the build lacks, and nothing is shown.
        if let Some(reached) = elsewhere.ancestors().map(|at| at.join("node_modules")).find(|at| at.exists()) {
            bail!("`{}` can be reached from `{}`\nhint: set CARGO_TARGET_DIR", reached.display(), elsewhere.display());
        }
        Ok(elsewhere)
    }

    /// The subject as it was before its build rewrote it, as far as the command itself tells.
    pub(crate) fn restored(&self, name: &str, subject: &Copy) -> Result<Snapshot> {
        self.copied_and(name, Some("restore"), &[], subject)
    }

    /// The subject as it would be if its build had left the SDK in its packages.
    fn unbundled(&self, subject: &Copy) -> Result<Snapshot> {
        self.copied_and("unbundled", None, &[NO_BUNDLE], subject)
    }

    /// What the command makes of a copy.
    fn copied_and(&self, name: &str, verb: Option<&str>, args: &[&str], subject: &Copy) -> Result<Snapshot> {
        let root = self.work.join(name);
        tree::copy(&subject.root, &root, |_| true)?;
        let copy = Copy { app: self.scenario.app_in(&root), root };
        self.command_with(name, verb, args, &copy)?;
        Snapshot::take(&copy.root)
    }

    /// Rewrites the subject and runs the proof on it and on the controls.
    fn rewrite(&self, copies: &Copies) -> Result<(Proof, Vec<Source>)> {
        let mut sources = Vec::new();
        let mut run = |step: &str, log: &str, verb: Option<&str>, copy: &Copy| -> Result<Exit> {
            let (finished, source) =
                self.console.step(step, || self.command(log, verb, copy).map(|done| (done, Took::Time)))?;
            sources.push(source);
            Ok(finished.exit)
        };
        let rewrite = if self.config.rewrite && self.scenario.module.is_some() {
            self.console.print("  presentry: not run, the build ran it\n");
            None
        } else if self.config.rewrite {
            Some(run(UNBUNDLED, "presentry", None, &copies.subject)?)
        } else {
            self.console.print("  presentry: not run, the rewrite is disabled\n");
            None
        };
        let check = run("presentry check", "presentry-check", Some("check"), &copies.subject)?;
        let mut check_controls = Vec::new();
        for (control, copy) in &copies.controls {
            let name = control.name();
            let exit =
                run(&format!("presentry check, {name}"), &format!("presentry-check-{name}"), Some("check"), copy)?;
            check_controls.push((*control, exit));
        }
        Ok((Proof { rewrite, check, check_controls }, sources))
    }

    /// Runs the command on a copy, with the packages in it that were put away for it. A rewrite leaves the SDK in its
    /// packages, unless the build was rewritten by the npm package, which bundles it.
    fn command(&self, log: &str, verb: Option<&str>, copy: &Copy) -> Result<(Finished, Source)> {
        let unbundled = verb.is_none() && self.scenario.module.is_none();
        self.command_with(log, verb, if unbundled { &[NO_BUNDLE] } else { &[] }, copy)
    }

    /// As [`Run::command`], with more arguments.
    pub(crate) fn command_with(
        &self,
        log: &str,
        verb: Option<&str>,
        more: &[&str],
        copy: &Copy,
    ) -> Result<(Finished, Source)> {
        let log = self.logs().join(format!("{log}.log"));
        let away = put_away(copy);
        let packages = if away.is_dir() { app::packages(&away)? } else { Vec::new() };
        for packages in &packages {
            tree::rename(&away.join(packages), &copy.root.join(packages))?;
        }
        let args = if verb == Some("restore") { &[][..] } else { &self.scenario.args[..] };
        let command = Invocation::new(&self.config.binary, self.work).args(verb).args(args).args(more).arg(&copy.app);
        let finished = self.builder.first_on_path(command).run(&log, COMMAND_LIMIT);
        for packages in &packages {
            tree::rename(&copy.root.join(packages), &away.join(packages))?;
        }
        let finished = finished?;
        let source = finished.source.clone();
        Ok((finished, source))
    }

    /// Boots everything that has to be booted, as many at a time as there are cores.
    fn boot(
        &self,
        boots: &Boots,
        lab: &Lab<'_>,
        [chunk, chunk_unrewritten]: [&Path; 2],
        copies: &Copies,
        [started, started_unrewritten]: [&Path; 2],
    ) -> Result<()> {
        let scenario = self.scenario;
        fn fill<T>(slot: &Slot<T>, seen: Result<Seen<T>>) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        let patched = move |name: &str, from: &Path, chunk: &Path, patch: fn(&Path) -> Result<()>| {
            let copy = self.work.join(name);
            tree::copy(from, &copy, |_| true)?;
            patch(&self.server(&copy).join(chunk))?;
            lab.throwing(name, &copy)
        };
        // The longest first, so that the cores end together.
        let mut tasks: Vec<Task<'_>> = Vec::new();
        tasks.push((
            "boot".to_owned(),
            Box::new(|| fill(&boots.subject, lab.exercise("boot", started, Manner::Finished))),
        ));
        for ((control, copy), slot) in copies.controls.iter().zip(&boots.controls) {
            let name = control.name();
            let log = format!("boot-{name}");
            let manner = if *control == Control::Unrewritten { Manner::Finished } else { Manner::Edited };
            tasks.push((format!("boot, {name}"), Box::new(move || fill(slot, lab.exercise(&log, &copy.app, manner)))));
        }
        if self.preloads() {
            tasks.push((
                "boot under --import".to_owned(),
                Box::new(|| fill(&boots.preloaded, lab.exercise("boot-preloaded", started, Manner::Preloaded))),
            ));
        }
        if scenario.preload_dies_of.is_some() {
            tasks.push((
                "boot under --import, unrewritten".to_owned(),
                Box::new(|| {
                    let seen = lab.start_preloaded("boot-preloaded-unrewritten", started_unrewritten);
                    fill(&boots.preloaded_unrewritten, seen);
                }),
            ));
        }
        tasks.push((
            "boot, throws later".to_owned(),
            Box::new(|| fill(&boots.throw_later, patched("throw-later", started, chunk, runtime::throw_last))),
        ));
        tasks.push((
            "boot, throws later, unrewritten".to_owned(),
            Box::new(|| {
                let seen =
                    patched("throw-later-unrewritten", started_unrewritten, chunk_unrewritten, runtime::throw_last);
                fill(&boots.throw_later_unrewritten, seen);
            }),
        ));
        tasks.push((
            "boot, throws first".to_owned(),
            Box::new(|| fill(&boots.throw_first, patched("throw-first", started, chunk, runtime::throw_first))),
        ));
        tasks.push(("exports".to_owned(), Box::new(|| fill(&boots.exports, lab.exports("exports", started)))));
        tasks.push((
            "exports, unrewritten".to_owned(),
            Box::new(|| fill(&boots.exports_unrewritten, lab.exports("exports-unrewritten", started_unrewritten))),
        ));
        if let Some(function) = &scenario.deploys {
            let wrapped = self.work.join("wrapped");
            tree::copy(started_unrewritten, &wrapped, |_| true)?;
            runtime::wrap_export(&self.server(&wrapped).join(&scenario.entry), function)?;
            tasks
                .push(("deployment".to_owned(), Box::new(|| fill(&boots.stack, lab.firebase_stack("stack", started)))));
            tasks.push((
                "deployment, unrewritten".to_owned(),
                Box::new(|| {
                    fill(&boots.stack_unrewritten, lab.firebase_stack("stack-unrewritten", started_unrewritten));
                }),
            ));
            tasks.push((
                "deployment, wrapped".to_owned(),
                Box::new(move || fill(&boots.stack_wrapped, lab.firebase_stack("stack-wrapped", &wrapped))),
            ));
        }
        run_beside(tasks, self.console);
        Ok(())
    }

    /// Whether the build is started with `--import` as well.
    pub(crate) fn preloads(&self) -> bool {
        self.scenario.start.host().is_none_or(|host| host.preload.is_some())
    }

    /// The server directory as a module trace names it: relative where a copy is started whose place is not known.
    pub(crate) fn traced_server(&self, app: &Path) -> PathBuf {
        let server = Path::new(&self.scenario.server);
        let unpacks = self.scenario.start.host().and_then(|host| host.unpacks.as_deref());
        match unpacks.and_then(|output| server.strip_prefix(output).ok()) {
            Some(relative) => relative.to_owned(),
            None => app.join(server),
        }
    }

    fn logs(&self) -> PathBuf {
        self.work.join("logs")
    }

    pub(crate) fn server(&self, app: &Path) -> PathBuf {
        app.join(&self.scenario.server)
    }
}

/// Runs all tasks, in order of their start, on as many threads as there are cores.
pub(crate) fn run_beside(tasks: Vec<Task<'_>>, console: &Console) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(tasks.len());
    let queue = Mutex::new(tasks.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((name, task)) = next else { break };
                    console.step_beside(&name, task);
                }
            });
        }
    });
}

/// Where the packages of an app are while they are not in this copy of it.
pub(crate) fn put_away(copy: &Copy) -> PathBuf {
    let name = copy.root.file_name().unwrap_or_default();
    copy.root.with_file_name("packages").join(name)
}

/// Whether a difference is one of a file beside the entry that does not vary, where everything is that the rewrite makes. Two
/// builds of one app differ in the rest: in the date, in names of chunks that are hashes of paths, and in the packages that were
/// traced.
fn is_beside_the_entry(difference: &str, entry: &Path, varies: impl Fn(&str) -> bool) -> bool {
    let path = difference.split('`').nth(1).map(Path::new);
    path.is_some_and(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.parent() == entry.parent() && name != "package.json" && !varies(name)
    })
}

fn cached(entry: cache::Entry) -> (cache::Entry, Took) {
    let took = if entry.hit { Took::Cached } else { Took::Time };
    (entry, took)
}

pub(crate) fn taken<T>(slot: Slot<T>) -> Result<Seen<T>> {
    slot.into_inner().unwrap_or_else(PoisonError::into_inner).context("a boot ended without a result")?
}

impl<T> Seen<T> {
    /// The timeline of a start that was watched.
    fn timeline(&self, of: &str, modules: &RuntimeModules) -> Option<Timeline> {
        self.watched.as_ref().map(|watched| Timeline::new(of, watched, modules))
    }
}

/// What was seen of a process; where it did not let itself be observed, that is the finding.
pub(crate) fn up<T>(seen: &Seen<T>) -> Result<&T, String> {
    seen.seen.as_ref().map_err(|error| format!("{error:#}"))
}

pub(crate) fn load_errors(
    first: &Seen<ThrowObservation>,
    later: &Seen<ThrowObservation>,
    later_unrewritten: &Seen<ThrowObservation>,
) -> Judgement {
    oracles::load_errors(up(first)?, up(later)?, up(later_unrewritten)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_builds_what_is_beside_the_entry_is_compared() {
        let entry = Path::new("apps/web/.output/server/index.mjs");
        for (difference, counts) in [
            ("`apps/web/.output/server/index.mjs` changed", true),
            ("`apps/web/.output/server/entry.mjs` is new", true),
            ("`apps/web/.output/server/.presentry` is new", true),
            ("`apps/web/.output/server/package.json` changed", false),
            ("`apps/web/.output/server/chunks/build/app-1.mjs` is gone", false),
            ("`apps/web/.output/nitro.json` changed", false),
            ("`apps/web/.output/server/manifest-x.mjs` is new", false),
        ] {
            let beside = is_beside_the_entry(difference, entry, |name| name.starts_with("manifest-"));
            assert_eq!(beside, counts, "{difference}");
        }
    }
}
