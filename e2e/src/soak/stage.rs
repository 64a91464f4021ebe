//! One app on which rounds are played: its build as it was, the build made again, and what the command makes of each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fastrand::Rng;

use super::disk::{self, Disk};
use super::{App, Config, Figures};
use crate::cache;
use crate::process::{Exit, Finished, Invocation, Running};
use crate::tree::{self, Snapshot};

/// What takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The rewrites.
const REWRITES: &[&[&str]] = &[
    &[],
    &["--no-bundle-sdk"],
    &["--bundle-sdk"],
    &["--prune"],
    &["--prune", "--instrument-ahead"],
    &["--bundle-sdk=if-possible", "--instrument-ahead=if-possible", "--compile-cache"],
    &["--instrument-ahead", "--no-bundle-sdk"],
    &["--no-instrument-ahead", "--prune"],
    &["--no-bundle-sdk", "--compile-cache"],
    &["--mode", "top-level-import"],
    &["--exports", "wrap"],
    &["--strict"],
    &["--no-collect", "--trust-init"],
    &["--packages-elsewhere"],
];

/// What changes nothing.
const READINGS: &[&[&str]] = &[
    &["check"],
    &["inspect"],
    &["rewrite", "--dry-run"],
    &["rewrite", "--dry-run", "--prune"],
    &["restore", "--dry-run"],
];

const FORMATS: &[&[&str]] = &[&[], &["--format", "json"], &["--format", "github"], &["--quiet"], &["--verbose"]];

/// What an undisturbed rewrite of a fresh build comes to.
struct Reference {
    code: Exit,
    tree: Snapshot,
    took: Duration,
}

/// The build as it was made first, and as it was made again.
struct Edition {
    directory: PathBuf,
    original: Snapshot,
}

pub(super) struct Stage<'c> {
    config: &'c Config,
    name: &'c str,
    disk: Disk,
    work: PathBuf,
    app: PathBuf,
    /// The files of the packages outside of the build, which nothing may touch.
    packages: Snapshot,
    editions: Vec<Edition>,
    /// The edition that is there.
    edition: usize,
    references: HashMap<(usize, usize), Reference>,
    history: Vec<String>,
}

/// A command that was started, and what is done to it.
struct Started {
    running: Running,
    words: Vec<String>,
    signal: Option<Signal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Kill,
    Terminate,
}

impl<'c> Stage<'c> {
    pub(super) fn new(config: &'c Config, subject: &'c App, disk: Disk, work: &Path) -> Result<Stage<'c>> {
        let app = work.join("app");
        fs::create_dir_all(work).with_context(|| format!("failed to create `{}`", work.display()))?;
        tree::copy(&subject.directory, &app, |_| true)?;
        for packages in subject.packages.iter() {
            for directory in crate::app::packages(packages)? {
                tree::copy(&packages.join(&directory), &app.join(&directory), |_| true)?;
            }
        }
        fs::create_dir_all(work.join("scratch")).context("failed to create a directory")?;
        let packages = Snapshot::take_some(&app, |path| !is_output(path))?;
        let mut stage = Stage {
            config,
            name: &subject.name,
            disk,
            work: work.to_owned(),
            app,
            packages,
            editions: Vec::new(),
            edition: 0,
            references: HashMap::new(),
            history: Vec::new(),
        };
        stage.editions = vec![stage.keep_edition("first", |_| Ok(()))?, stage.keep_edition("again", built_again)?];
        Ok(stage)
    }

    fn keep_edition(&self, name: &str, change: impl Fn(&Path) -> Result<()>) -> Result<Edition> {
        let directory = self.work.join(name);
        let outputs = outputs(&self.app)?;
        if outputs.is_empty() {
            bail!("`{}` has no build", self.name);
        }
        for output in outputs {
            tree::copy(&self.app.join(&output), &directory.join(&output), |_| true)?;
        }
        change(&directory)?;
        Ok(Edition { original: Snapshot::take(&directory)?, directory })
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn history(&self) -> &[String] {
        &self.history
    }

    /// Puts the build aside, so that it can be looked at.
    pub(super) fn keep(&self, seed: u64) -> PathBuf {
        let kept = self.config.work.join(format!("failed-{seed}"));
        let _ = outputs(&self.app).map(|outputs| {
            outputs
                .iter()
                .map(|output| tree::copy(&self.app.join(output), &kept.join(output), |_| true))
                .collect::<Vec<_>>()
        });
        kept
    }

    /// What was done to the packages of the app.
    pub(super) fn damage_to_packages(&self) -> Result<Vec<String>> {
        let now = Snapshot::take_some(&self.app, |path| !is_output(path))?;
        let lines = self.packages.differences(&now);
        Ok(lines.into_iter().map(|line| format!("`{}`, outside of the build: {line}", self.name)).collect())
    }

    /// A fresh build.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.history.clear();
        self.lay_out(0)
    }

    fn lay_out(&mut self, edition: usize) -> Result<()> {
        for output in outputs(&self.app)? {
            cache::remove(&self.app.join(output))?;
        }
        self.lay_over(edition)
    }

    fn lay_over(&mut self, edition: usize) -> Result<()> {
        self.edition = edition;
        copy_over(&self.editions[edition].directory, &self.app)
    }

    fn tree(&self) -> Result<Snapshot> {
        Snapshot::take_some(&self.app, is_output)
    }

    /// What is deployed: the build without what presentry keeps for itself. That is named in the order in which it came, and
    /// whether it is right shows when the build is restored.
    fn deployed(&self) -> Result<Snapshot> {
        Snapshot::take_some(&self.app, |path| is_output(path) && path.file_name() != Some(OsStr::new(".presentry")))
    }

    /// One of the things that happen to a build.
    pub(super) fn disturb(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        match rng.u8(..10) {
            0..=1 => self.left_alone(rng, figures),
            2..=4 => self.signalled(rng, figures),
            5..=6 => self.on_a_full_disk(rng, figures),
            7..=8 => self.side_by_side(rng, figures),
            _ => self.made_again(rng, figures),
        }
    }

    fn left_alone(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        let words = any_command(rng);
        let started = self.start(self.plain(), words, None)?;
        self.end(started, figures)
    }

    fn signalled(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        let words = any_command(rng);
        let signal = if rng.bool() { Signal::Kill } else { Signal::Terminate };
        let started = self.start(self.plain(), words, Some(signal))?;
        self.wait_and_signal(rng, &started);
        self.end(started, figures)
    }

    fn on_a_full_disk(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        let words = any_command(rng);
        // Anything from nothing at all to enough, small amounts more often.
        let most = 1 << rng.u32(1..13);
        let spare = rng.u64(0..most);
        let outputs = outputs(&self.app)?;
        let at = &self.app.join(&outputs[rng.usize(..outputs.len())]);
        let program = &self.config.presentry;
        let command = match rng.bool() {
            true => disk::limited(program, &self.app, spare),
            false => self.disk.full(program, &self.app, at, &self.work.join("scratch"), spare)?,
        };
        self.history.push(format!("with {spare} kB left:"));
        let started = self.start(command, words, None)?;
        let ended = started.running.wait_for(Instant::now() + LIMIT, |output| output.exit());
        figures.full += u64::from(ended == Some(Exit::Code(1)));
        self.end(started, figures)
    }

    fn side_by_side(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        self.history.push("side by side:".to_owned());
        let mut all = Vec::new();
        for _ in 0..rng.usize(2..=4) {
            let signal = (rng.u8(..4) == 0).then_some(Signal::Kill);
            all.push(self.start(self.plain(), any_command(rng), signal)?);
            figures.beside += 1;
            std::thread::sleep(Duration::from_millis(rng.u64(..40)));
        }
        for started in &all {
            self.wait_and_signal(rng, started);
        }
        let mut failure = None;
        for started in all {
            let ended = self.end(started, figures)?;
            failure = failure.or(ended);
        }
        Ok(failure)
    }

    fn made_again(&mut self, rng: &mut Rng, figures: &mut Figures) -> Result<Option<String>> {
        figures.rebuilt += 1;
        let edition = rng.usize(..self.editions.len());
        self.history.push(format!("edition {edition} in place of the build"));
        self.lay_out(edition).map(|()| None)
    }

    /// A command that is left alone makes of the build what it makes of a fresh one, and the original is still there.
    pub(super) fn settle(&mut self, rng: &mut Rng, plants: bool, figures: &mut Figures) -> Result<Option<String>> {
        if rng.u8(..4) > 0 {
            let rewrite = rng.usize(..REWRITES.len());
            let code = self.reference(rewrite)?.code;
            let finished = self.finish(REWRITES[rewrite], figures)?;
            if finished.exit != code {
                return Ok(Some(format!("{}\na fresh build: {code}", finished.failure())));
            }
            // A run that is refused leaves whatever there was.
            if code.success() {
                let deployed = self.deployed()?;
                let differences = self.reference(rewrite)?.tree.differences(&deployed);
                if !differences.is_empty() {
                    return Ok(Some(format!("the build is not the reference: {}", shown(&differences))));
                }
                figures.references += 1;
            }
        }
        let finished = self.finish(&["restore"], figures)?;
        if !finished.exit.success() {
            return Ok(Some(finished.failure()));
        }
        if plants {
            plant(&self.app, rng)?;
        }
        let differences = self.editions[self.edition].original.differences(&self.tree()?);
        if !differences.is_empty() {
            return Ok(Some(format!("the build is not the original: {}", shown(&differences))));
        }
        figures.originals += 1;
        Ok(None)
    }

    /// What a rewrite comes to on a fresh build of the edition that is there, which stays as it is.
    fn reference(&mut self, rewrite: usize) -> Result<&Reference> {
        let key = (self.edition, rewrite);
        if !self.references.contains_key(&key) {
            let away = self.work.join("away");
            cache::remove(&away)?;
            for output in outputs(&self.app)? {
                tree::rename(&self.app.join(&output), &away.join(&output))?;
            }
            self.lay_over(self.edition)?;
            let start = Instant::now();
            let finished = self.plain().args(REWRITES[rewrite]).run(&self.log(), LIMIT)?;
            let reference = Reference { code: finished.exit, tree: self.deployed()?, took: start.elapsed() };
            if !matches!(reference.code, Exit::Code(0 | 1)) {
                bail!("on a fresh build {}", finished.failure());
            }
            for output in outputs(&self.app)? {
                cache::remove(&self.app.join(output))?;
            }
            for output in outputs(&away)? {
                tree::rename(&away.join(&output), &self.app.join(&output))?;
            }
            self.references.insert(key, reference);
        }
        Ok(&self.references[&key])
    }

    fn plain(&self) -> Invocation {
        Invocation::new(&self.config.presentry, &self.app)
    }

    fn log(&self) -> PathBuf {
        self.config.logs.join("soak.log")
    }

    fn finish(&mut self, words: &[&str], figures: &mut Figures) -> Result<Finished> {
        figures.commands += 1;
        self.history.push(format!("presentry {}", words.join(" ")));
        self.plain().args(words.iter().copied()).run(&self.log(), LIMIT)
    }

    fn start(&mut self, command: Invocation, words: Vec<String>, signal: Option<Signal>) -> Result<Started> {
        self.history.push(format!("presentry {}{}", words.join(" "), signal.map_or("", Signal::shown)));
        let running = command.args(words.clone()).spawn(&self.log())?;
        Ok(Started { running, words, signal })
    }

    /// Sends the signal, if one is meant for the command, at some time of its life.
    fn wait_and_signal(&self, rng: &mut Rng, started: &Started) {
        let Some(signal) = started.signal else { return };
        let longest = self.references.values().map(|reference| reference.took).max().unwrap_or(Duration::from_secs(1));
        let after = longest.mul_f64(rng.f64() * rng.f64());
        if started.running.wait_for(Instant::now() + after, |output| output.exit()).is_none() {
            signal.send(started.running.id());
        }
    }

    /// Waits for the end, and says what is wrong with it.
    fn end(&mut self, started: Started, figures: &mut Figures) -> Result<Option<String>> {
        let Started { running, words, signal } = started;
        figures.commands += 1;
        let Some(exit) = running.wait_for(Instant::now() + LIMIT, |output| output.exit()) else {
            return Ok(Some(format!("`presentry {}` hangs\n{}", words.join(" "), running.describe())));
        };
        let finished = running.stop();
        match (exit, signal) {
            (Exit::Code(0 | 1), _) => {
                figures.terminated +=
                    u64::from(signal == Some(Signal::Terminate) && finished.text.contains("interrupted"));
                let is_json = words.iter().any(|word| word == "json");
                let document = serde_json::from_str::<serde_json::Value>(&finished.stdout);
                let failure = |error| format!("it prints no document ({error}): {}", finished.failure());
                Ok(document.err().filter(|_| is_json).map(failure))
            }
            (Exit::Signal(9), Some(Signal::Kill)) => {
                figures.killed += 1;
                Ok(None)
            }
            // It came before the command could listen to it.
            (Exit::Signal(15), Some(Signal::Terminate)) => {
                figures.terminated += 1;
                Ok(None)
            }
            _ => Ok(Some(finished.failure())),
        }
    }
}

impl Signal {
    fn shown(self) -> &'static str {
        match self {
            Signal::Kill => " (SIGKILL)",
            Signal::Terminate => " (SIGTERM)",
        }
    }

    #[cfg(unix)]
    fn send(self, process: u32) {
        use nix::sys::signal::{Signal as Number, kill};
        let number = match self {
            Signal::Kill => Number::SIGKILL,
            Signal::Terminate => Number::SIGTERM,
        };
        if let Ok(process) = i32::try_from(process) {
            let _ = kill(nix::unistd::Pid::from_raw(process), number);
        }
    }

    #[cfg(not(unix))]
    fn send(self, _process: u32) {}
}

/// Any command with any options.
fn any_command(rng: &mut Rng) -> Vec<String> {
    let words = match rng.u8(..8) {
        0 => READINGS[rng.usize(..READINGS.len())],
        1..=2 => &["restore"],
        _ => REWRITES[rng.usize(..REWRITES.len())],
    };
    let format = FORMATS[rng.usize(..FORMATS.len())];
    words.iter().chain(format).map(|word| (*word).to_owned()).collect()
}

/// The directories of an app that are builds, whatever the preset.
fn outputs(app: &Path) -> Result<Vec<PathBuf>> {
    let mut outputs = Vec::new();
    for entry in fs::read_dir(app).with_context(|| format!("failed to list `{}`", app.display()))? {
        let name = PathBuf::from(entry.with_context(|| format!("failed to list `{}`", app.display()))?.file_name());
        if is_output(&name) {
            outputs.push(name);
        }
    }
    outputs.sort();
    Ok(outputs)
}

/// Whether a path belongs to a build.
fn is_output(path: &Path) -> bool {
    const OUTPUTS: [&str; 8] =
        [".output", ".vercel", ".netlify", ".amplify-hosting", "dist", ".zeabur", ".stormkit", ".vinxi"];
    let first = path.components().next().map(|part| part.as_os_str().to_owned());
    first.is_some_and(|first| OUTPUTS.iter().any(|output| first == *output))
}

/// Makes a build another one, as a changed source does.
fn built_again(directory: &Path) -> Result<()> {
    for file in modules(directory)? {
        let mut text = fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        text.extend_from_slice(b"\n// built again\n");
        fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))?;
    }
    Ok(())
}

/// Changes a byte of a module.
fn plant(app: &Path, rng: &mut Rng) -> Result<()> {
    let mut files = Vec::new();
    for output in outputs(app)? {
        files.extend(modules(&app.join(output))?);
    }
    let file = &files[rng.usize(..files.len())];
    let mut text = fs::read(file).with_context(|| format!("failed to read `{}`", file.display()))?;
    match text.last_mut() {
        Some(last) => *last ^= 1,
        None => text.push(b'\n'),
    }
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}

/// The modules of a build that the app itself has.
fn modules(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut modules = Vec::new();
    let walk = walkdir::WalkDir::new(directory).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| entry.file_name() != "node_modules") {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        let is_module = entry.path().extension().and_then(OsStr::to_str).is_some_and(|it| it == "mjs" || it == "js");
        if entry.file_type().is_file() && is_module {
            modules.push(entry.into_path());
        }
    }
    match modules.is_empty() {
        true => bail!("`{}` has no module", directory.display()),
        false => Ok(modules),
    }
}

/// Writes everything of `from` over what is in `to`.
fn copy_over(from: &Path, to: &Path) -> Result<()> {
    for output in outputs(from)? {
        tree::copy(&from.join(&output), &to.join(&output), |_| true)?;
    }
    Ok(())
}

/// The first of them.
fn shown(differences: &[String]) -> String {
    let first: Vec<&str> = differences.iter().take(8).map(String::as_str).collect();
    format!("{} ({} in all)", first.join(", "), differences.len())
}
