//! `cargo xtask bench start`: how long a server takes to listen, rewritten in each way, beside `--import` and the SDK's own
//! build; and what the rewrite itself takes and saves.
//!
//! Every contender is a copy of the same built app, is judged by the oracles of a scenario before anything is timed, and
//! tells after each timed start that Sentry is active in it. They take turns run by run, each time in another order.

mod figures;
mod opened;
mod plot;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::rows::Sample;
use crate::app::{self, App};
use crate::cache::{self, Cache};
use crate::columns::sdk;
use crate::database::{self, Database};
use crate::intake::Intake;
use crate::node::Node;
use crate::observe::{Lab, Manner};
use crate::oracles;
use crate::pins::Pins;
use crate::process::Invocation;
use crate::runtime;
use crate::scenario::Scenario;
use crate::seen::Observation;
use crate::server::{self, Response, Server, Spec};
use crate::toolchain::Toolchain;
use crate::tree;

pub use figures::{Figures, Packages, Rewritten, StartRow, Started};
pub use plot::plot;

/// The scenarios whose apps are started.
pub const FIXTURES: [&str; 4] = ["basic", "database", "sdk-basic", "sdk-alone"];

/// What makes a build of any of them without Sentry.
pub const WITHOUT_SENTRY: &str = "e2e/bench/without-sentry";

/// The versions of Node that start them, as the list of versions completes them.
pub const NODES: [&str; 3] = ["20", "22", "24"];

/// What the others are compared with.
pub const BASELINE: &str = "--import";
const UNBUNDLED: &str = "--no-bundle-sdk";
const BUNDLED: &str = "--bundle-sdk";
const PRUNED: &str = "--bundle-sdk --prune";
const AHEAD: &str = "ahead + bundle";
const AHEAD_PRUNED: &str = "ahead + bundle + prune";

/// Where `--compile-cache` has Node keep compiled code, beside the entry.
const COMPILE_CACHE: &str = ".compile-cache";

/// A rewrite that has the app's bundler run takes seconds.
const COMMAND_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What is needed to measure.
#[derive(Debug)]
pub struct Config {
    /// What is built, and what is true of it, with the versions that are installed instead of the lockfile's.
    pub scenarios: Vec<(Scenario, Pins)>,
    /// Exact versions of Node, which npm brings.
    pub nodes: Vec<String>,
    /// The directory that holds the fixtures.
    pub fixtures: PathBuf,
    /// The directory with what makes the SDK's own build of a fixture.
    pub overlays: PathBuf,
    /// The directory with what makes a build of any fixture without Sentry.
    pub without_sentry: PathBuf,
    /// The command, built as it is released.
    pub presentry: PathBuf,
    /// What installs and builds the apps, and runs the command.
    pub toolchain: Toolchain,
    /// The directory for caches and work directories.
    pub target: PathBuf,
    /// How often each contender starts.
    pub runs: usize,
}

/// Whose build is started, and how.
#[derive(Debug, Clone, Copy)]
struct Contender {
    label: &'static str,
    build: Build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    /// As Nitro left it, with the instrumentation preloaded.
    Unrewritten,
    /// As the SDK wraps it on its own.
    Sdk,
    /// As presentry leaves it, run with these flags.
    Presentry(&'static [&'static str]),
    /// As Nitro left it, of the app without Sentry: no start can take less.
    Bare,
}

/// In the order of the table.
const CONTENDERS: [Contender; 8] = [
    Contender { label: BASELINE, build: Build::Unrewritten },
    Contender { label: "SDK dynamic", build: Build::Sdk },
    Contender { label: UNBUNDLED, build: Build::Presentry(&[UNBUNDLED]) },
    Contender { label: BUNDLED, build: Build::Presentry(&["--bundle-sdk"]) },
    Contender { label: "--bundle-sdk --no-guard", build: Build::Presentry(&["--bundle-sdk", "--no-guard"]) },
    Contender { label: PRUNED, build: Build::Presentry(&["--bundle-sdk", "--prune"]) },
    Contender {
        label: "--bundle-sdk --prune --compile-cache",
        build: Build::Presentry(&["--bundle-sdk", "--prune", "--compile-cache"]),
    },
    BARE,
];

const BARE: Contender = Contender { label: "no Sentry at all", build: Build::Bare };

/// The flag by which the SDK injects channels itself.
const NOT_AHEAD: &str = "--no-instrument-ahead";

/// Where the server has an SDK of its own, which injects channels: the SDK for SolidStart makes no build of it.
const OF_CHANNELS: [Contender; 8] = [
    CONTENDERS[0],
    Contender { label: UNBUNDLED, build: Build::Presentry(&[UNBUNDLED, NOT_AHEAD]) },
    Contender { label: "bundle", build: Build::Presentry(&["--bundle-sdk", NOT_AHEAD]) },
    Contender { label: "ahead", build: Build::Presentry(&[UNBUNDLED, "--instrument-ahead"]) },
    Contender { label: AHEAD, build: Build::Presentry(&["--bundle-sdk", "--instrument-ahead"]) },
    Contender {
        label: "ahead + bundle, no guard",
        build: Build::Presentry(&["--bundle-sdk", "--instrument-ahead", "--no-guard"]),
    },
    Contender { label: AHEAD_PRUNED, build: Build::Presentry(&["--bundle-sdk", "--instrument-ahead", "--prune"]) },
    BARE,
];

/// Whose builds of a scenario are started.
fn contenders(scenario: &Scenario) -> &'static [Contender] {
    if scenario.sdk.absent.is_some() { &OF_CHANNELS } else { &CONTENDERS }
}

/// What is timed of the command: of all flags, or of those that have to do with channels.
fn commands(scenario: &Scenario) -> &'static [(&'static str, &'static [&'static str])] {
    if scenario.sdk.absent.is_some() { &OF_COMMAND_WITH_CHANNELS } else { &COMMANDS }
}

const OF_COMMAND_WITH_CHANNELS: [(&str, &[&str]); 3] = [
    (UNBUNDLED, &[UNBUNDLED, NOT_AHEAD]),
    ("--no-bundle-sdk, a second run", &[UNBUNDLED, NOT_AHEAD]),
    (AHEAD, &["--bundle-sdk", "--instrument-ahead"]),
];

/// What is timed of the command, in this order; after each but the first, what it did is undone.
const COMMANDS: [(&str, &[&str]); 4] = [
    (UNBUNDLED, &[UNBUNDLED]),
    ("--no-bundle-sdk, a second run", &[UNBUNDLED]),
    (BUNDLED, &["--bundle-sdk"]),
    (PRUNED, &["--bundle-sdk", "--prune"]),
];

/// An app, built, with a copy for each contender.
struct Subject<'a> {
    scenario: &'a Scenario,
    /// The app as it is installed.
    installed: PathBuf,
    /// What the static file holds.
    asset: Vec<u8>,
    /// In the order of its [`contenders`].
    copies: Vec<PathBuf>,
    /// One more, with the packages of the app in it, on which the command is timed.
    command: PathBuf,
    /// Where a contender is pruned.
    packages: Option<Packages>,
}

/// Measures all contenders. What is going on is told to `say`, a line at a time.
///
/// # Errors
/// When a contender cannot be made, is not the server that it should be, or does not have Sentry active in any run.
pub fn run(config: &Config, say: &dyn Fn(&str)) -> Result<Figures> {
    let work = config.target.join("bench-start");
    cache::remove(&work)?;
    let logs = work.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("failed to create `{}`", logs.display()))?;
    // Node reports real paths, and traces are compared with ours.
    let work = work.canonicalize().with_context(|| format!("failed to find `{}`", work.display()))?;
    let bench = Bench { config, logs: work.join("logs"), work: work.clone(), intake: Intake::start()?, say };
    let figures = bench.measure(&Cache::open(&config.target.join("e2e-cache"), true)?)?;
    cache::remove(&work)?;
    Ok(figures)
}

struct Bench<'a> {
    config: &'a Config,
    work: PathBuf,
    logs: PathBuf,
    /// What the timed servers would send goes here.
    intake: Intake,
    say: &'a dyn Fn(&str),
}

impl Bench<'_> {
    fn measure(&self, cache: &Cache) -> Result<Figures> {
        let Bench { config, logs, .. } = self;
        let install = |version: &String| Node::install(version, cache, &config.toolchain, logs);
        let nodes = config.nodes.iter().map(install).collect::<Result<Vec<_>>>()?;
        let subjects = config
            .scenarios
            .iter()
            .map(|(scenario, pins)| self.subject(scenario, pins, cache))
            .collect::<Result<Vec<_>>>()?;
        let given = std::env::var(database::VARIABLE).ok();
        let open = || Database::open(given.as_deref(), cache, &config.toolchain, &self.work.join("database"), logs);
        let wanted = config.scenarios.iter().any(|(scenario, _)| scenario.database);
        let database = if wanted { Some(open()?) } else { None };
        let env: Vec<(String, String)> =
            database.iter().map(|database| (database::VARIABLE.to_owned(), database.url().to_owned())).collect();

        let mut figures = Figures::default();
        for subject in &subjects {
            figures.packages.extend(subject.packages.clone());
            let timed = |(label, _): &(&'static str, _)| Rewritten {
                fixture: subject.scenario.id.clone(),
                label,
                times: Vec::new(),
            };
            figures.commands.extend(commands(subject.scenario).iter().map(timed));
            for node in &nodes {
                for (contender, app) in contenders(subject.scenario).iter().zip(&subject.copies) {
                    let lab = subject.lab(node, &env, logs);
                    figures.starts.push(Started {
                        fixture: subject.scenario.id.clone(),
                        node: node.version.clone(),
                        label: contender.label,
                        samples: Vec::new(),
                        files: self.warm_up(&lab, *contender, subject, app, &node.version)?,
                    });
                }
                (self.say)(&format!(
                    "{}, Node.js {}: every contender is the server that it should be",
                    subject.scenario.id, node.version
                ));
            }
        }
        let begin = Instant::now();
        for round in 0..config.runs {
            let mut starts = &mut figures.starts[..];
            let mut timed = &mut figures.commands[..];
            for subject in &subjects {
                let contenders = contenders(subject.scenario);
                for node in &nodes {
                    let (slots, rest) = starts.split_at_mut(contenders.len());
                    starts = rest;
                    let lab = subject.lab(node, &env, logs);
                    for turn in 0..contenders.len() {
                        let at = (turn + round) % contenders.len();
                        slots[at].samples.push(self.start(&lab, contenders[at], &subject.copies[at])?);
                    }
                }
                let (slots, rest) = timed.split_at_mut(commands(subject.scenario).len());
                timed = rest;
                self.commands(subject, slots)?;
            }
            let elapsed = begin.elapsed().as_secs_f64();
            (self.say)(&format!("round {} of {}, {elapsed:.0}s", round + 1, config.runs));
        }
        Ok(figures)
    }

    /// Builds an app in both ways, and makes the copies.
    fn subject<'a>(&self, scenario: &'a Scenario, pins: &Pins, cache: &Cache) -> Result<Subject<'a>> {
        let Bench { config, logs, say, .. } = self;
        let source = config.fixtures.join(&scenario.fixture);
        let app = App {
            source: &source,
            directory: Path::new(&scenario.app),
            manager: scenario.package_manager,
            files: &scenario.files,
            env: &scenario.build_env,
            pins,
            toolchain: &config.toolchain,
            node: &Node::of(&config.toolchain),
            logs,
        };
        say(&format!("{}: install and build", scenario.id));
        let install = app.install(cache)?.path;
        let entry = Path::new(&scenario.server).join(&scenario.entry);
        let built = app.build(cache, &install, &entry)?.path;
        let mut files = scenario.files.clone();
        files.extend(sdk::overlay(&config.without_sentry)?);
        let bare = App { files: &files, ..app }.build(cache, &install, &entry)?.path;
        let built_by_sdk = if contenders(scenario).iter().any(|contender| contender.build == Build::Sdk) {
            let by_sdk = sdk::scenario(scenario, &scenario.app_in(&source), &config.overlays)?;
            App { files: &by_sdk.files, ..app }.build(cache, &install, &entry)?.path
        } else {
            built.clone()
        };

        say(&format!("{}: rewrite copies", scenario.id));
        let work = self.work.join(&scenario.id);
        let packages = app::packages(&install)?;
        // They are in a copy while the command runs, as its bundler is among them, and in none that is started: a build has
        // to do with what is in it.
        let away = work.join("packages");
        for packages in &packages {
            tree::link(&install.join(packages), &away.join(packages))?;
        }
        let copy = |name: &str, built: &Path| -> Result<PathBuf> {
            let root = work.join(name);
            tree::copy(built, &root, |_| true)?;
            Ok(root)
        };
        let mut copies = Vec::new();
        for (at, contender) in contenders(scenario).iter().enumerate() {
            let source = match contender.build {
                Build::Sdk => &built_by_sdk,
                Build::Bare => &bare,
                Build::Unrewritten | Build::Presentry(_) => &built,
            };
            let root = copy(&at.to_string(), source)?;
            if let Build::Presentry(flags) = contender.build {
                put(&packages, &away, &root)?;
                self.presentry(None, flags, &scenario.app_in(&root))?;
                put(&packages, &root, &away)?;
            }
            let app = scenario.app_in(&root);
            if let (Build::Unrewritten, Some(module)) = (contender.build, &scenario.control_instrumentation) {
                // Nothing built it: what is preloaded is the source, with the packages that are in the build.
                let place = app.join(&scenario.server).join(&scenario.instrumentation);
                runtime::place_instrumentation(&app.join(module), &place)?;
            }
            copies.push(app);
        }
        let command = copy("command", &built)?;
        put(&packages, &away, &command)?;
        let size = |label: &str| {
            let at = contenders(scenario).iter().position(|contender| contender.label == label);
            at.map(|at| size_of(&copies[at].join(&scenario.server).join("node_modules"))).transpose()
        };
        let packages = match (size(BASELINE)?, size(PRUNED)?.or(size(AHEAD_PRUNED)?)) {
            (Some(before), Some(after)) => Some(Packages { fixture: scenario.id.clone(), before, after }),
            _ => None,
        };
        let asset = match &scenario.asset {
            Some(asset) => fs::read(scenario.app_in(&source).join(&asset.file))
                .with_context(|| format!("failed to read `{}`", asset.file))?,
            None => Vec::new(),
        };
        let installed = scenario.app_in(&install);
        Ok(Subject { scenario, installed, asset, copies, command: scenario.app_in(&command), packages })
    }

    /// Judges a contender, and starts it once more so that all it caches is there, and once more to count the files.
    fn warm_up(
        &self,
        lab: &Lab<'_>,
        contender: Contender,
        subject: &Subject<'_>,
        app: &Path,
        node: &str,
    ) -> Result<Option<usize>> {
        let who = || format!("`{}` of {} under Node.js {node}", contender.label, subject.scenario.id);
        let name = format!("{}-{node}-{}", subject.scenario.id, contender.label.replace([' ', '-'], ""));
        let seen = lab.exercise(&name, app, contender.manner())?;
        let judged = seen.seen.as_ref().map_err(|error| format!("{error:#}"));
        judged
            .and_then(|observed| is_the_server(subject.scenario, &subject.asset, contender.build, observed))
            .map_err(|error| anyhow!("{} is not the server that it should be: {error}\n{}", who(), seen.source))?;
        self.start(lab, contender, app).with_context(who)?;
        if contender.caches() && keeps_compiled_code(node) {
            demand_compiled_code(&app.join(&subject.scenario.server).join(COMPILE_CACHE), node).with_context(who)?;
        }
        self.count(lab, contender, app)
    }

    /// How many files of the app one start opens until the server listens.
    fn count(&self, lab: &Lab<'_>, contender: Contender, app: &Path) -> Result<Option<usize>> {
        let watch = opened::Watch::begin(app)?;
        let server = server::start(&self.spec(lab, contender, app))?;
        let files = watch.files()?;
        server.stop();
        Ok(files)
    }

    /// One start. That Sentry is active is asked after the clock was read.
    fn start(&self, lab: &Lab<'_>, contender: Contender, app: &Path) -> Result<Sample> {
        let server = server::start(&self.spec(lab, contender, app))?;
        let sample = sample(&server)?;
        let status = server.get(&lab.scenario.status)?;
        contender
            .build
            .demand_sentry(&status)
            .map_err(|error| anyhow!("`{}`: {error}\n{}", contender.label, server.source()))?;
        server.stop();
        Ok(sample)
    }

    fn spec(&self, lab: &Lab<'_>, contender: Contender, app: &Path) -> Spec {
        lab.untraced("start", app, &self.intake, contender.manner())
    }

    /// Times the command in each way, and leaves the build as it was.
    fn commands(&self, subject: &Subject<'_>, slots: &mut [Rewritten]) -> Result<()> {
        for (at, (slot, (_, flags))) in slots.iter_mut().zip(commands(subject.scenario)).enumerate() {
            super::flush();
            slot.times.push(self.presentry(None, flags, &subject.command)?);
            if at > 0 {
                self.presentry(Some("restore"), &[], &subject.command)?;
            }
        }
        // Nothing that was written here is still to be written while the next server starts.
        super::flush();
        Ok(())
    }

    /// Runs the command to its end, and returns how many milliseconds it took.
    fn presentry(&self, verb: Option<&str>, flags: &[&str], app: &Path) -> Result<f64> {
        let command = Invocation::new(&self.config.presentry, &self.work)
            .args(verb)
            .args(flags.iter().copied())
            .arg("--quiet")
            .arg(app);
        let start = Instant::now();
        command.run_ok(&self.logs.join("presentry.log"), COMMAND_LIMIT)?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }
}

impl Build {
    /// Whether Sentry is active where it is to be, and there alone.
    fn demand_sentry(self, status: &Response) -> Result<(), String> {
        let active = status.json()["active"] == Value::Bool(true);
        match active == (self != Build::Bare) {
            true => Ok(()),
            false => Err(format!("Sentry is {}active: `{}`", if active { "" } else { "not " }, status.text())),
        }
    }
}

impl Contender {
    fn manner(self) -> Manner {
        if self.build == Build::Unrewritten { Manner::Preloaded } else { Manner::Finished }
    }

    fn caches(self) -> bool {
        matches!(self.build, Build::Presentry(flags) if flags.contains(&"--compile-cache"))
    }
}

impl Subject<'_> {
    fn lab<'a>(&'a self, node: &'a Node, env: &'a [(String, String)], logs: &'a Path) -> Lab<'a> {
        Lab {
            scenario: self.scenario,
            node: &node.executable,
            installed: self.installed.clone(),
            hosts: None,
            env,
            logs,
        }
    }
}

/// What a start came to: read at once, as a server that goes on needs more.
fn sample(server: &Server) -> Result<Sample> {
    let ms = server.ready_after().as_secs_f64() * 1000.0;
    Ok(Sample { ms, peak_mib: peak_mib(server.id())?, cpu_ms: cpu_ms(server.id())? })
}

/// What processors have spent on a process so far, where the system tells. Linux counts for the process, threads that have
/// ended included, in ticks, of which user space sees a hundred in a second; and for each thread in nanoseconds. Either may
/// miss something, so the larger one counts.
fn cpu_ms(id: u32) -> Result<Option<f64>> {
    const MS_OF_TICK: f64 = 10.0;
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let file = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&file).with_context(|| format!("failed to read `{file}`"))?;
    // The name of the program, in parentheses, may hold anything; `utime` and `stime` are the 14th and 15th fields.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks: Option<Vec<f64>> = fields.and_then(|fields| fields.map(|field| field.parse().ok()).collect());
    let ticks = ticks.filter(|ticks| ticks.len() == 2).with_context(|| format!("`{file}` names no times"))?;
    Ok(Some((ticks.iter().sum::<f64>() * MS_OF_TICK).max(cpu_ms_of_threads(id))))
}

/// What processors have spent on the threads that a process has now; 0 where the system does not tell.
fn cpu_ms_of_threads(id: u32) -> f64 {
    const NS_OF_MS: f64 = 1e6;
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let ns = times.filter_map(|times| times.split_whitespace().next()?.parse::<f64>().ok());
    ns.sum::<f64>() / NS_OF_MS
}

/// The peak resident set of a process so far, where the system tells. Linux writes `VmHWM:    150284 kB`.
fn peak_mib(id: u32) -> Result<Option<f64>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let file = format!("/proc/{id}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("failed to read `{file}`"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    Ok(Some(kib.with_context(|| format!("`{file}` names no peak"))? / 1024.0))
}

/// Whether a contender does its work, and is worth a figure: it serves, Sentry was started once, and what it instruments is
/// instrumented. The error says what is not so.
fn is_the_server(scenario: &Scenario, asset: &[u8], build: Build, seen: &Observation) -> Result<(), String> {
    build.demand_sentry(&seen.status)?;
    if build == Build::Bare {
        let answers = seen.page.status == 200 && seen.page.text().contains(&scenario.page.contains);
        return if answers {
            Ok(())
        } else {
            Err(format!("`GET {}` answered {}", scenario.page.path, seen.page.status))
        };
    }
    oracles::page_and_assets(scenario, asset, seen)?;
    oracles::one_init(scenario, &seen.trace, None)?;
    oracles::libraries_instrumented(scenario, seen).map(drop)
}

/// `module.enableCompileCache()` came with Node 22.1.
fn keeps_compiled_code(node: &str) -> bool {
    let mut numbers = node.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (numbers.next(), numbers.next()) >= (Some(22), Some(1))
}

/// Node names what it keeps `v22.23.3-x64-…`. Without it the row would be of a cold cache.
fn demand_compiled_code(directory: &Path, node: &str) -> Result<()> {
    let of_node = format!("v{node}-");
    let kept = fs::read_dir(directory).into_iter().flatten().flatten();
    let of_node = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with(&of_node));
    if of_node.map(|entry| entry.path()).any(|kept| fs::read_dir(kept).is_ok_and(|mut files| files.next().is_some())) {
        return Ok(());
    }
    bail!("a start left no compiled code in `{}`", directory.display())
}

/// Moves directories of packages from one root to another.
fn put(packages: &[PathBuf], from: &Path, to: &Path) -> Result<()> {
    packages.iter().try_for_each(|packages| tree::rename(&from.join(packages), &to.join(packages)))
}

/// The bytes of all files below a directory.
fn size_of(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(directory) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        if entry.file_type().is_file() {
            bytes += entry.metadata().with_context(|| format!("failed to read `{}`", entry.path().display()))?.len();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::tests::{right, top_level, unrewritten};
    use crate::scenario::tests::basic;

    #[test]
    fn a_build_without_sentry_is_no_contender() {
        let judge = |seen: &Observation| is_the_server(&basic(), b"User-agent: *", Build::Unrewritten, seen);
        assert_eq!(judge(&right()), Ok(()));
        assert!(judge(&unrewritten()).unwrap_err().starts_with("Sentry is not active"));
        let bare = |seen: &Observation| is_the_server(&basic(), b"", Build::Bare, seen);
        assert_eq!(bare(&unrewritten()), Ok(()));
        assert!(bare(&right()).unwrap_err().starts_with("Sentry is active"));
        assert!(judge(&top_level()).is_err(), "what it instruments is not instrumented");
        let mut twice = right();
        twice.trace.evaluations = 2;
        assert!(judge(&twice).unwrap_err().contains("2 times"));
        let mut failing = right();
        failing.page.status = 500;
        assert!(judge(&failing).is_err());
    }

    /// A start of a server that says of Sentry what it is told to say.
    fn starts(active: bool) -> Result<(Sample, Option<usize>)> {
        let directory = tempfile::tempdir()?;
        let app = directory.path().join("app");
        let server = app.join(".output/server");
        fs::create_dir_all(&server)?;
        fs::write(server.join("chunk.mjs"), format!("export const status = {{ active: {active} }};"))?;
        fs::write(server.join("unused.mjs"), "")?;
        fs::write(
            server.join("index.mjs"),
            r#"import { createServer } from "node:http";
import { status } from "./chunk.mjs";
const { NITRO_HOST: host, NITRO_PORT: port } = process.env;
const server = createServer((request, response) => response.end(JSON.stringify(status)));
server.listen(port, host, () => console.log(`Listening on http://${host}:${port}`));
"#,
        )?;
        let node = crate::toolchain::find_program("node", std::env::var_os("PATH").as_deref())?;
        let scenario = basic();
        let toolchain = Toolchain {
            node: node.clone(),
            npm: PathBuf::new(),
            node_version: String::new(),
            npm_version: String::new(),
        };
        let config = Config {
            scenarios: Vec::new(),
            nodes: Vec::new(),
            fixtures: PathBuf::new(),
            overlays: PathBuf::new(),
            without_sentry: PathBuf::new(),
            presentry: PathBuf::new(),
            toolchain,
            target: PathBuf::new(),
            runs: 1,
        };
        let logs = directory.path().to_owned();
        let bench = Bench { config: &config, work: logs.clone(), logs, intake: Intake::start()?, say: &|_| {} };
        let lab =
            Lab { scenario: &scenario, node: &node, installed: app.clone(), hosts: None, env: &[], logs: &bench.logs };
        let contender = CONTENDERS[2];
        let sample = bench.start(&lab, contender, &app)?;
        Ok((sample, bench.count(&lab, contender, &app)?))
    }

    #[test]
    fn a_start_is_timed_and_its_files_are_counted() {
        let (Sample { ms, peak_mib, cpu_ms }, files) = starts(true).unwrap();
        assert!(ms > 5.0, "Node takes longer to start than {ms} ms");
        if cfg!(target_os = "linux") {
            assert!(peak_mib.is_some_and(|peak| peak > 20.0), "Node needs more than {peak_mib:?}");
            assert!(cpu_ms.is_some_and(|cpu| cpu >= 10.0), "Node takes more than {cpu_ms:?}");
            assert_eq!(files, Some(2), "the entry and its chunk");
        }
    }

    #[test]
    fn a_start_without_sentry_is_an_error() {
        let error = starts(false).unwrap_err().to_string();
        assert!(error.starts_with("`--no-bundle-sdk`: Sentry is not active: `{\"active\":false}`"), "{error}");
    }

    #[test]
    fn a_cold_compile_cache_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let demand = || demand_compiled_code(directory.path(), "22.1.0");
        assert!(demand().is_err());
        let kept = directory.path().join("v22.1.0-x64-abc");
        fs::create_dir(&kept).unwrap();
        fs::create_dir(directory.path().join("v24.1.0-x64-abc")).unwrap();
        assert!(demand().is_err(), "nothing is in it");
        fs::write(kept.join("a"), "code").unwrap();
        demand().unwrap();
        assert!(demand_compiled_code(directory.path(), "24.1.0").is_err(), "that is what another Node kept");
        for (node, keeps) in
            [("20.20.2", false), ("22.0.0", false), ("22.1.0", true), ("24.21.0", true), ("100.0.0", true)]
        {
            assert_eq!(keeps_compiled_code(node), keeps, "{node}");
        }
    }

    #[test]
    fn the_size_is_that_of_all_files() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), [0; 10]).unwrap();
        fs::write(directory.path().join("c"), [0; 5]).unwrap();
        assert_eq!(size_of(directory.path()).unwrap(), 15);
        assert!(size_of(&directory.path().join("absent")).is_err(), "nothing is not small");
    }

    #[test]
    fn every_label_is_there_once_and_is_the_flags() {
        for (at, contender) in CONTENDERS.iter().enumerate() {
            assert!(CONTENDERS.iter().skip(at + 1).all(|other| other.label != contender.label));
            if let Build::Presentry(flags @ [_, ..]) = contender.build {
                assert_eq!(contender.label, flags.join(" "));
            }
        }
        for label in [BASELINE, BUNDLED, PRUNED] {
            assert!(CONTENDERS.iter().any(|contender| contender.label == label), "{label}");
        }
    }
}
