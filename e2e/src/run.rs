//! One scenario from sources to a report: install, build, controls, rewrite, boots, oracles.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::app::App;
use crate::cache::{self, Cache};
use crate::observe::{Lab, Seen};
use crate::oracles::{self, Judgement, Observation, Proof, RuntimeModules, ThrowObservation};
use crate::process::{Exit, Finished, Invocation, Source};
use crate::progress::{Took, step, step_beside};
use crate::report::{Check, Report};
use crate::runtime;
use crate::scenario::Scenario;
use crate::toolchain::Toolchain;
use crate::tree::{self, Snapshot};

/// The command reads one build; what takes longer than this hangs.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// What a run needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory that holds the fixtures.
    pub fixtures: PathBuf,
    /// The command that is judged.
    pub binary: PathBuf,
    /// What installs, builds and starts the app.
    pub toolchain: Toolchain,
    /// The directory for caches and work directories; cargo's target directory does.
    pub target: PathBuf,
    /// Whether the command rewrites the build. Without it the run must end red.
    pub rewrite: bool,
    /// Whether installs and builds of earlier runs are used.
    pub cache: bool,
    /// Whether the work directory stays when everything passed.
    pub keep: bool,
}

/// Where the files of a run of `scenario` go, below `target`. Each run starts with an empty one.
pub fn work_directory(target: &Path, scenario: &str) -> PathBuf {
    target.join("e2e-work").join(scenario)
}

/// Runs one scenario and prints what it does and finds.
///
/// # Errors
/// When the run cannot come to a judgement: a step before the boots failed. The work directory is kept then, and the
/// message names it.
pub fn run(scenario: &Scenario, config: &Config) -> Result<Report> {
    let cache = Cache::open(&config.target.join("e2e-cache"), config.cache)?;
    let work = work_directory(&config.target, &scenario.id);
    cache::remove(&work)?;
    std::fs::create_dir_all(work.join("logs")).with_context(|| format!("failed to create `{}`", work.display()))?;
    // Node reports real paths, and the trace is compared with ours.
    let work = work.canonicalize().with_context(|| format!("failed to find `{}`", work.display()))?;

    let mut report = Run { scenario, config, work: &work }.judge(&cache).with_context(|| {
        format!("scenario {} was not judged; its work directory is `{}`", scenario.id, work.display())
    })?;
    if config.keep || !report.success() {
        report.kept = Some(work);
    } else {
        cache::remove(&work)?;
    }
    Ok(report)
}

struct Run<'a> {
    scenario: &'a Scenario,
    config: &'a Config,
    work: &'a Path,
}

/// What the boots showed. Each is filled by a task of its own.
#[derive(Default)]
struct Boots {
    unrewritten: Slot<Observation>,
    top_level: Slot<Observation>,
    subject: Slot<Observation>,
    preloaded: Slot<Observation>,
    throw_first: Slot<ThrowObservation>,
    throw_later: Slot<ThrowObservation>,
    throw_later_unrewritten: Slot<ThrowObservation>,
    exports: Slot<Value>,
    exports_unrewritten: Slot<Value>,
}

type Slot<T> = Mutex<Option<Result<Seen<T>>>>;
type Task<'a> = (&'static str, Box<dyn FnOnce() + Send + 'a>);

impl Run<'_> {
    fn judge(&self, cache: &Cache) -> Result<Report> {
        let Run { scenario, config, .. } = *self;
        let source = config.fixtures.join(&scenario.fixture);
        let logs = self.logs();
        let app = App { source: &source, toolchain: &config.toolchain, logs: &logs };
        let install = step("npm ci", || app.install(cache).map(cached))?;
        let built = step("vinxi build", || {
            let entry = self.server(Path::new("")).join(&scenario.entry);
            app.build(cache, &install.path, &entry).map(cached)
        })?;

        let unrewritten = self.work.join("unrewritten");
        let top_level = self.work.join("top-level-import");
        let subject = self.work.join("app");
        let chunk = step("copy the build", || {
            for copy in [&unrewritten, &top_level, &subject] {
                tree::copy(&built.path, copy, |_| true)?;
            }
            let entry = self.server(&top_level).join(&scenario.entry);
            runtime::import_at_top(&entry, &scenario.instrumentation)?;
            let server = self.server(&unrewritten);
            let chunk = runtime::find_chunk(&server, &scenario.entry, &scenario.instrumentation)?;
            anyhow::Ok((chunk, Took::Time))
        })?;

        let original = Snapshot::take(&subject)?;
        let (proof, mut sources) = self.rewrite(&unrewritten, &top_level, &subject)?;
        let rewritten = Snapshot::take(&subject)?;
        let modules = |app: &Path, moved: Option<PathBuf>| RuntimeModules {
            moved_entry: moved.map(|entry| app.join(entry)),
            chunk: self.server(app).join(&chunk),
        };
        let entry = self.server(Path::new("")).join(&scenario.entry);
        // Found by its bytes, so that the harness need not know how the command names it. It must be a module beside the
        // old place, from where it finds `../public`; a copy put by for `restore` is not meant.
        let beside = |at: &PathBuf| at.parent() == entry.parent() && at.extension() == entry.extension();
        let moved = rewritten.same_bytes(&entry, &original).into_iter().find(beside);

        let boots = Boots::default();
        self.boot(&boots, &chunk, &unrewritten, &top_level, &subject);
        let asset = std::fs::read(source.join(&scenario.asset.file))
            .with_context(|| format!("failed to read `{}`", scenario.asset.file))?;

        let Boots {
            unrewritten: seen_unrewritten,
            top_level: seen_top_level,
            subject: seen_subject,
            preloaded,
            throw_first,
            throw_later,
            throw_later_unrewritten,
            exports,
            exports_unrewritten,
        } = boots;
        let seen_unrewritten = taken(seen_unrewritten)?;
        let seen_top_level = taken(seen_top_level)?;
        let seen = taken(seen_subject)?;
        let preloaded = taken(preloaded)?;
        let throw_first = taken(throw_first)?;
        let throw_later = taken(throw_later)?;
        let throw_later_unrewritten = taken(throw_later_unrewritten)?;
        let exports = taken(exports)?;
        let exports_unrewritten = taken(exports_unrewritten)?;

        let mut checks = Vec::new();
        let mut check = |oracle, name, judgement, sources: Vec<Source>| {
            let check = Check { oracle, name, judgement, sources };
            print!("{}", check.render());
            checks.push(check);
        };
        check(Some(1), "static proof", oracles::static_proof(&proof), std::mem::take(&mut sources));
        let subject_modules = modules(&subject, moved);
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
            up(&exports_unrewritten)
                .and_then(|before| Ok((before, up(&exports)?)))
                .and_then(|(before, after)| oracles::exports_equal(before, after)),
            vec![exports.source, exports_unrewritten.source],
        );
        check(
            Some(5),
            "one init",
            up(&seen)
                .and_then(|plain| Ok((plain, up(&preloaded)?)))
                .and_then(|(plain, preloaded)| oracles::one_init(&plain.trace, &preloaded.trace)),
            vec![seen.source.clone(), preloaded.source],
        );
        check(
            Some(6),
            "load errors",
            load_errors(&throw_first, &throw_later, &throw_later_unrewritten),
            vec![throw_first.source.clone(), throw_later.source.clone(), throw_later_unrewritten.source.clone()],
        );
        check(
            Some(7),
            "page and assets",
            up(&seen).and_then(|seen| oracles::page_and_assets(scenario, &asset, seen)),
            vec![seen.source.clone()],
        );
        let controls = (modules(&unrewritten, None), modules(&top_level, None));
        check(
            Some(8),
            "controls",
            up(&seen_unrewritten).and_then(|unrewritten| Ok((unrewritten, up(&seen_top_level)?))).and_then(
                |(unrewritten, top_level)| {
                    let unrewritten = (&controls.0, unrewritten);
                    oracles::controls_fail(scenario, unrewritten, (&controls.1, top_level))
                },
            ),
            vec![seen_unrewritten.source, seen_top_level.source],
        );
        if config.rewrite {
            let (again, source) = self.command("presentry-again", &[], &subject)?;
            let after = Snapshot::take(&subject)?;
            let differences = rewritten.differences(&after);
            check(
                None,
                "a second run changes nothing",
                oracles::nothing_changed(again.exit, &differences, &after.checksum()),
                vec![source],
            );
            let (restored, source) = self.command("presentry-restore", &["restore"], &subject)?;
            let after = Snapshot::take(&subject)?;
            let differences = original.differences(&after);
            check(
                None,
                "restore gives back the original",
                oracles::nothing_changed(restored.exit, &differences, &after.checksum()),
                vec![source],
            );
        }
        Ok(Report { scenario: scenario.id.clone(), checks, kept: None })
    }

    /// Rewrites the subject and runs the proof on it and on the controls.
    fn rewrite(&self, unrewritten: &Path, top_level: &Path, subject: &Path) -> Result<(Proof, Vec<Source>)> {
        let mut sources = Vec::new();
        let mut run = |step_name: &str, log: &str, verb: &[&str], app: &Path| -> Result<Exit> {
            let (finished, source) = step(step_name, || self.command(log, verb, app).map(|done| (done, Took::Time)))?;
            sources.push(source);
            Ok(finished.exit)
        };
        let rewrite = if self.config.rewrite {
            Some(run("presentry", "presentry", &[], subject)?)
        } else {
            println!("  presentry: not run, the rewrite is disabled");
            None
        };
        let check = run("presentry check", "presentry-check", &["check"], subject)?;
        let name = "presentry check, unrewritten";
        let check_unrewritten = run(name, "presentry-check-unrewritten", &["check"], unrewritten)?;
        let name = "presentry check, top-level-import";
        let check_top_level = run(name, "presentry-check-top-level-import", &["check"], top_level)?;
        Ok((Proof { rewrite, check, check_unrewritten, check_top_level }, sources))
    }

    fn command(&self, log: &str, verb: &[&str], app: &Path) -> Result<(Finished, Source)> {
        let log = self.logs().join(format!("{log}.log"));
        let finished = Invocation::new(&self.config.binary, self.work).args(verb).arg(app).run(&log, COMMAND_LIMIT)?;
        let source = finished.source.clone();
        Ok((finished, source))
    }

    /// Boots everything that has to be booted, as many at a time as there are cores.
    fn boot(&self, boots: &Boots, chunk: &Path, unrewritten: &Path, top_level: &Path, subject: &Path) {
        let logs = &self.logs();
        let lab = &Lab { scenario: self.scenario, node: &self.config.toolchain.node, logs };
        fn fill<T>(slot: &Slot<T>, seen: Result<Seen<T>>) {
            *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(seen);
        }
        let patched = move |name: &str, from: &Path, patch: fn(&Path) -> Result<()>| {
            let copy = self.work.join(name);
            tree::copy(from, &copy, |_| true)?;
            patch(&self.server(&copy).join(chunk))?;
            lab.throwing(name, &copy)
        };
        // The longest first, so that the cores end together.
        let tasks: Vec<Task<'_>> = vec![
            ("boot", Box::new(|| fill(&boots.subject, lab.exercise("boot", subject, false)))),
            (
                "boot, top-level-import",
                Box::new(|| {
                    fill(&boots.top_level, lab.exercise("boot-top-level-import", top_level, false));
                }),
            ),
            (
                "boot, unrewritten",
                Box::new(|| {
                    fill(&boots.unrewritten, lab.exercise("boot-unrewritten", unrewritten, false));
                }),
            ),
            ("boot under --import", Box::new(|| fill(&boots.preloaded, lab.exercise("boot-preloaded", subject, true)))),
            (
                "boot, throws later",
                Box::new(|| {
                    let seen = patched("throw-later", subject, runtime::throw_last);
                    fill(&boots.throw_later, seen);
                }),
            ),
            (
                "boot, throws later, unrewritten",
                Box::new(|| {
                    let seen = patched("throw-later-unrewritten", unrewritten, runtime::throw_last);
                    fill(&boots.throw_later_unrewritten, seen);
                }),
            ),
            (
                "boot, throws first",
                Box::new(|| {
                    let seen = patched("throw-first", subject, runtime::throw_first);
                    fill(&boots.throw_first, seen);
                }),
            ),
            ("exports", Box::new(|| fill(&boots.exports, lab.exports("exports", subject)))),
            (
                "exports, unrewritten",
                Box::new(|| {
                    let seen = lab.exports("exports-unrewritten", unrewritten);
                    fill(&boots.exports_unrewritten, seen);
                }),
            ),
        ];
        run_beside(tasks);
    }

    fn logs(&self) -> PathBuf {
        self.work.join("logs")
    }

    fn server(&self, app: &Path) -> PathBuf {
        app.join(&self.scenario.server)
    }
}

/// Runs all tasks, in order of their start, on as many threads as there are cores.
fn run_beside(tasks: Vec<Task<'_>>) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(tasks.len());
    let queue = Mutex::new(tasks.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some((name, task)) = next else { break };
                    step_beside(name, task);
                }
            });
        }
    });
}

fn cached(entry: cache::Entry) -> (cache::Entry, Took) {
    let took = if entry.hit { Took::Cached } else { Took::Time };
    (entry, took)
}

fn taken<T>(slot: Slot<T>) -> Result<Seen<T>> {
    slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).context("a boot ended without a result")?
}

/// What was seen of a process; where it did not let itself be observed, that is the finding.
fn up<T>(seen: &Seen<T>) -> Result<&T, String> {
    seen.seen.as_ref().map_err(|error| format!("{error:#}"))
}

fn load_errors(
    first: &Seen<ThrowObservation>,
    later: &Seen<ThrowObservation>,
    later_unrewritten: &Seen<ThrowObservation>,
) -> Judgement {
    oracles::load_errors(up(first)?, up(later)?, up(later_unrewritten)?)
}
