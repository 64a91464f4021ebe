//! What every column works with: the app installed and built, copies of it, the command, and boots. Judges nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::app::{self, App};
use crate::cache::{self, Cache};
use crate::database::{self, Database};
use crate::host::{self, Placed};
use crate::matrix::{Cell, Matrix};
use crate::node::Node;
use crate::observe::Lab;
use crate::process::{Finished, Invocation};
use crate::progress::{Console, Took};
use crate::runtime;
use crate::scenario::{Manager, Scenario};
use crate::toolchain::Toolchain;
use crate::tree::{self, Snapshot};

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

/// Where one cell is run.
pub(crate) struct Workbench<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) scenario: &'a Scenario,
    pub(crate) config: &'a Config,
    pub(crate) cache: &'a Cache,
    /// What builds, and runs the command.
    pub(crate) builder: &'a Node,
    /// What starts the builds.
    pub(crate) node: &'a Node,
    pub(crate) work: &'a Path,
    pub(crate) logs: &'a Path,
    pub(crate) console: &'a Console,
    /// The fixture.
    pub(crate) source: PathBuf,
}

/// A copy of a build.
#[derive(Clone)]
pub(crate) struct Copy {
    /// Its directory: a copy of the whole fixture.
    pub(crate) root: PathBuf,
    /// The app in it.
    pub(crate) app: PathBuf,
}

/// The app as it is installed and built, and what starts it.
pub(crate) struct Prepared {
    /// Where it is installed.
    pub(crate) install: PathBuf,
    /// The build without the npm package.
    pub(crate) built: PathBuf,
    /// The build that the npm package rewrote, and what its command says of itself.
    pub(crate) packaged: Option<(PathBuf, Finished)>,
    /// The versions that were really installed.
    pub(crate) versions: BTreeMap<String, String>,
    hosts: Option<Placed>,
    /// Held until the last boot.
    _database: Option<Database>,
    env: Vec<(String, String)>,
}

impl Prepared {
    /// The build that is judged.
    pub(crate) fn subject(&self) -> &Path {
        self.packaged.as_ref().map_or(&self.built, |(build, _)| build)
    }
}

impl Workbench<'_> {
    /// The app, with `files` written over it.
    pub(crate) fn app_with<'a>(&'a self, files: &'a BTreeMap<String, String>, logs: &'a Path) -> App<'a> {
        let Workbench { scenario, config, .. } = *self;
        App {
            source: &self.source,
            directory: Path::new(&scenario.app),
            manager: scenario.package_manager,
            files,
            env: &scenario.build_env,
            pins: &self.cell.pins,
            toolchain: &config.toolchain,
            node: self.builder,
            logs,
        }
    }

    /// Where the entry is in the app.
    pub(crate) fn entry(&self) -> PathBuf {
        Path::new(&self.scenario.server).join(&self.scenario.entry)
    }

    /// What a build makes, relative to the app: the entry, or the output where nothing is booted.
    fn made(&self) -> PathBuf {
        if self.scenario.ends.is_some() { self.scenario.output().to_owned() } else { self.entry() }
    }

    /// Installs and builds the app, and starts what its builds need.
    pub(crate) fn prepare(&self) -> Result<Prepared> {
        let Workbench { scenario, config, console, cache, .. } = *self;
        let app = self.app_with(&scenario.files, self.logs);
        let install_step = match scenario.package_manager {
            Manager::Npm if self.cell.pins.is_empty() => "npm ci",
            Manager::Npm => "npm install",
            Manager::Pnpm => "pnpm install",
        };
        let install = console.step(install_step, || app.install(cache).map(cached))?.path;
        let mut versions = app::versions(&install, &scenario.app_in(&install))?;
        let shown: Vec<String> = versions.iter().map(|(package, version)| format!("{package} {version}")).collect();
        console.print(&format!("  installed: {}\n", shown.join(", ")));
        versions.insert("node".to_owned(), self.node.version.clone());
        versions.insert("npm".to_owned(), config.toolchain.npm_version.clone());
        let built = console.step(&app.builder()?, || app.build(cache, &install, &self.made()).map(cached))?.path;
        if scenario.ends.is_some() {
            let env = Vec::new();
            return Ok(Prepared { install, built, packaged: None, versions, hosts: None, _database: None, env });
        }
        app::demand_preset(&scenario.app_in(&built).join(scenario.output()), scenario.nitro_preset())?;
        let packaged = self.build_with_package(&install)?;
        let hosts = self.place_hosts()?;
        let database = if scenario.database { Some(self.database()?) } else { None };
        let env = database.iter().map(|database| (database::VARIABLE.to_owned(), database.url().to_owned())).collect();
        Ok(Prepared { install, built, packaged, versions, hosts, _database: database, env })
    }

    /// What boots builds of the app, which `scenario` describes.
    pub(crate) fn lab<'a>(&'a self, prepared: &'a Prepared, scenario: &'a Scenario) -> Lab<'a> {
        Lab {
            scenario,
            node: &self.node.executable,
            installed: scenario.app_in(&prepared.install),
            hosts: prepared.hosts.as_ref(),
            env: &prepared.env,
            logs: self.logs,
        }
    }

    /// The hosts beside the build. What one cannot do is printed, as it bounds what is shown.
    fn place_hosts(&self) -> Result<Option<Placed>> {
        let Workbench { scenario, config, console, work, .. } = *self;
        let Some(host) = scenario.start.host() else { return Ok(None) };
        let from = host::directory();
        let placed = self.timed("place the hosts", || {
            Placed::new(&from, &work.join("hosts"), &host.packages, self.cache, &config.toolchain, self.logs)
        })?;
        console.print(&format!("  host: {} (preset {})\n", host.id, host.preset));
        for limit in &host.limits {
            console.print(&format!("  limit: {limit}\n"));
        }
        Ok(Some(placed))
    }

    fn database(&self) -> Result<Database> {
        let given = std::env::var(database::VARIABLE).ok();
        self.timed("start a PostgreSQL", || {
            let directory = self.work.join("database");
            Database::open(given.as_deref(), self.cache, &self.config.toolchain, &directory, self.logs)
        })
    }

    /// Adds the npm package to the app and builds with it, where the scenario says so.
    fn build_with_package(&self, install: &Path) -> Result<Option<(PathBuf, Finished)>> {
        let Workbench { scenario, config, console, cache, .. } = *self;
        let Some(module) = scenario.module.as_ref().filter(|_| config.rewrite) else { return Ok(None) };
        if config.tarballs.is_empty() {
            bail!("scenario {} builds with the npm package, and there are no tarballs of it", scenario.id);
        }
        let app = self.app_with(&scenario.files, self.logs);
        let install = console.step("install the package", || app.add(cache, install, &config.tarballs).map(cached))?;
        let log = self.logs.join("package-version.log");
        let version = app.execute(cache, &install.path, &["presentry", "--version"], &log)?;
        let build = self.build_with(&install.path, &module.files, "with the package")?;
        Ok(Some((build, version)))
    }

    /// The app once more, built with `files` written over it; `what` tells the step from that of the other build.
    pub(crate) fn build_with(&self, install: &Path, files: &BTreeMap<String, String>, what: &str) -> Result<PathBuf> {
        let Workbench { scenario, console, cache, .. } = *self;
        let mut over = scenario.files.clone();
        over.extend(files.clone());
        let app = self.app_with(&over, self.logs);
        let step = format!("{} {what}", app.builder()?);
        Ok(console.step(&step, || app.build(cache, install, &self.made()).map(cached))?.path)
    }

    /// What the command that is judged says of itself.
    pub(crate) fn version(&self) -> Result<String> {
        let log = self.logs.join("presentry-version.log");
        let call = Invocation::new(&self.config.binary, self.work).arg("--version").run_ok(&log, COMMAND_LIMIT)?;
        Ok(call.stdout.trim().to_owned())
    }

    pub(crate) fn timed<T>(&self, step: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.console.step(step, || work().map(|done| (done, Took::Time)))
    }

    /// A copy of a build, in a directory of this name.
    pub(crate) fn copy(&self, built: &Path, name: &str) -> Result<Copy> {
        let root = self.work.join(name);
        tree::copy(built, &root, |_| true)?;
        Ok(Copy { app: self.scenario.app_in(&root), root })
    }

    /// Has the packages of the app ready for a copy of it: they are there while the command runs, and not while the build does.
    pub(crate) fn put_packages_away(&self, copy: &Copy, install: &Path) -> Result<()> {
        app::packages(install)?
            .iter()
            .try_for_each(|packages| tree::link(&install.join(packages), &put_away(copy).join(packages)))
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

    /// What the command makes of a copy of the build in `copy`.
    pub(crate) fn snapshot_after(
        &self,
        name: &str,
        verb: Option<&str>,
        args: &[&str],
        copy: &Copy,
    ) -> Result<Snapshot> {
        let copy = self.copy(&copy.root, name)?;
        self.command(name, verb, args, &copy)?;
        Snapshot::take(&copy.root)
    }

    /// Runs the command on a copy, with the packages in it that were put away for it.
    pub(crate) fn command(&self, log: &str, verb: Option<&str>, args: &[&str], copy: &Copy) -> Result<Finished> {
        let log = self.logs.join(format!("{log}.log"));
        let away = put_away(copy);
        let packages = if away.is_dir() { app::packages(&away)? } else { Vec::new() };
        for packages in &packages {
            tree::rename(&away.join(packages), &copy.root.join(packages))?;
        }
        let own = if verb == Some("restore") { &[][..] } else { &self.scenario.args[..] };
        let command = Invocation::new(&self.config.binary, self.work).args(verb).args(own).args(args).arg(&copy.app);
        let finished = self.builder.first_on_path(command).run(&log, COMMAND_LIMIT);
        for packages in &packages {
            tree::rename(&copy.root.join(packages), &away.join(packages))?;
        }
        finished
    }

    /// Whether builds can be started with `--import` as well.
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

    pub(crate) fn server(&self, app: &Path) -> PathBuf {
        app.join(&self.scenario.server)
    }

    /// A copy of the started app whose runtime `patch` has changed.
    pub(crate) fn patched(
        &self,
        name: &str,
        started: &Path,
        chunk: &Path,
        patch: fn(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let copy = self.work.join(name);
        tree::copy(started, &copy, |_| true)?;
        patch(&self.server(&copy).join(chunk))?;
        Ok(copy)
    }

    /// The module that holds the runtime of the build as it was, relative to the server directory.
    pub(crate) fn chunk(&self, unrewritten: &Copy) -> Result<PathBuf> {
        match &self.scenario.runtime {
            Some(runtime) => Ok(PathBuf::from(runtime)),
            None => {
                let Scenario { entry, instrumentation, .. } = self.scenario;
                runtime::find_chunk(&self.server(&unrewritten.app), entry, instrumentation)
            }
        }
    }
}

/// Where the packages of an app are while they are not in this copy of it.
fn put_away(copy: &Copy) -> PathBuf {
    let name = copy.root.file_name().unwrap_or_default();
    copy.root.with_file_name("packages").join(name)
}

fn cached(entry: cache::Entry) -> (cache::Entry, Took) {
    let took = if entry.hit { Took::Cached } else { Took::Time };
    (entry, took)
}

/// The size of the packages of a build, in bytes, links not followed; 0 where it has none.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn size_of_packages(server: &Path) -> Result<u64> {
    let packages = server.join("node_modules");
    if !packages.is_dir() {
        return Ok(0);
    }
    WalkDir::new(&packages).into_iter().try_fold(0, |size, entry| {
        let entry = entry.with_context(|| format!("failed to walk `{}`", packages.display()))?;
        let metadata = entry.metadata().with_context(|| format!("failed to read `{}`", entry.path().display()))?;
        Ok(size + if metadata.is_file() { metadata.len() } else { 0 })
    })
}

/// The packages of the SDK that a build has, those with a native add-on left out: such a package stays.
pub(crate) fn sdk_packages_in(server: &Path) -> Vec<String> {
    let scope: PathBuf = server.join("node_modules/@sentry");
    let is_add_on = |entry: &walkdir::DirEntry| entry.path().extension().is_some_and(|extension| extension == "node");
    let has_add_on = |package: &Path| WalkDir::new(package).into_iter().flatten().any(|entry| is_add_on(&entry));
    let entries = std::fs::read_dir(scope).into_iter().flatten().flatten();
    let packages = entries.filter(|entry| !has_add_on(&entry.path()));
    packages.map(|entry| format!("`@sentry/{}`", entry.file_name().to_string_lossy())).collect()
}

/// Work that goes on beside other work, and what each piece comes to.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    tasks: Vec<(String, Box<dyn FnOnce() + Send + 'a>)>,
}

/// What a piece of work will have come to.
pub(crate) struct Awaited<T>(Arc<Mutex<Option<Result<T>>>>);

impl<'a> Beside<'a> {
    /// Adds a piece of work; the longest come first, so that the cores end together.
    pub(crate) fn add<T: Send + 'a>(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> Result<T> + Send + 'a,
    ) -> Awaited<T> {
        let slot = Arc::new(Mutex::new(None));
        let awaited = Awaited(Arc::clone(&slot));
        let task = move || *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(work());
        self.tasks.push((name.into(), Box::new(task)));
        awaited
    }

    /// Does all of it, in order of the start, on as many threads as there are cores.
    pub(crate) fn run(self, console: &Console) {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(self.tasks.len());
        let queue = Mutex::new(self.tasks.into_iter());
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
}

impl<T> Awaited<T> {
    /// What the work came to, behind [`Beside::run`].
    pub(crate) fn take(self) -> Result<T> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.context("a boot ended without a result")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_weighed_and_those_of_the_sdk_named() {
        let server = tempfile::tempdir().unwrap();
        assert_eq!(size_of_packages(server.path()).unwrap(), 0);
        let package = server.path().join("node_modules/@sentry/node");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("index.js"), "12345").unwrap();
        assert_eq!(size_of_packages(server.path()).unwrap(), 5);
        assert_eq!(sdk_packages_in(server.path()), ["`@sentry/node`"]);
        let add_on = server.path().join("node_modules/@sentry/node-cpu-profiler/lib");
        std::fs::create_dir_all(&add_on).unwrap();
        std::fs::write(add_on.join("linux.node"), "").unwrap();
        assert_eq!(sdk_packages_in(server.path()), ["`@sentry/node`"]);
    }
}
