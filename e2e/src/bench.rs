//! `cargo xtask bench rewrite`: presentry, the same job in Node, and copying the same files, side by side on real builds.
//!
//! Every run starts from the same files, on the disk before the clock starts, and the contenders take turns, so that a
//! slow minute of the machine is everybody's. Nothing is timed whose output is wrong.

pub mod builds;
pub(crate) mod child;
mod rows;
pub mod start;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::process::Invocation;
use crate::tree::{self, Snapshot};

pub use builds::{Build, Synthetic, capture, synthetic};
pub use child::child;
pub use rows::{Goal, Measurement, Row, Sample, goals, json, rows, table};

/// The peer's directory in the repository.
pub const PEER: &str = "e2e/bench";

/// One run takes a second or two; a minute of them means that something hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The chunks of the large builds, and how many of them import the entry back in one of the two.
const CHUNKS: usize = 10_000;
const BACK_IMPORTERS: usize = 500;

/// What is needed to measure.
#[derive(Debug)]
pub struct Config {
    /// The captured corpus.
    pub corpus: PathBuf,
    /// The command, built as it is released.
    pub presentry: PathBuf,
    /// Another one, with which it is compared.
    pub before: Option<PathBuf>,
    /// The `node` executable.
    pub node: PathBuf,
    /// The peer's script, with its packages beside it.
    pub peer: PathBuf,
    /// A program that hands its arguments to [`child`].
    pub helper: PathBuf,
    /// Where everything happens. What is in it goes away.
    pub work: PathBuf,
    /// Where the output of the processes goes.
    pub logs: PathBuf,
    /// How often each contender runs on each build.
    pub runs: usize,
}

/// Who is measured, in the order of their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// The command that users run.
    Presentry,
    /// Another version of it.
    Before,
    /// The script that does the same with es-module-lexer and magic-string.
    Node,
    /// Copies the files that a rewrite changes or creates, as they are after it, to new names, as durably.
    Copy,
}

impl Contender {
    /// All of them, where there is another version to compare with.
    pub const ALL: [Contender; 4] = [Contender::Presentry, Contender::Before, Contender::Node, Contender::Copy];
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contender::Presentry => "presentry",
            Contender::Before => "the other one",
            Contender::Node => "node peer",
            Contender::Copy => "copy and sync",
        })
    }
}

/// A build with what a rewrite makes of it.
struct Subject {
    build: Build,
    rewritten: Snapshot,
    /// What the other version makes of it.
    by_other: Option<Snapshot>,
    /// A copy of the build as presentry leaves it.
    finished: PathBuf,
    /// What presentry changes or creates, relative to the app.
    touched: BTreeSet<PathBuf>,
    /// The copy in which the contenders work.
    app: PathBuf,
}

/// Measures all contenders on all builds. What is going on is told to `say`, a line at a time.
///
/// # Errors
/// When a contender fails, or when the peer's output is not presentry's, byte for byte and mode for mode, in any run.
pub fn run(config: &Config, say: &dyn Fn(&str)) -> Result<Vec<Measurement>> {
    cache::remove(&config.work)?;
    let facade = capture(&config.corpus, "node-server.default", "facade", &config.work.join("facade"))?;
    let inline = capture(&config.corpus, "node-cluster.default", "inline", &config.work.join("inline"))?;
    let large = |name: &str, back_importers| {
        let shape = Synthetic { chunks: CHUNKS, back_importers };
        synthetic(&facade, shape, name, &config.work.join(format!("large-{back_importers}")))
    };
    let large = [large("10,000 chunks", 0)?, large("10,000 chunks, 500 import back", BACK_IMPORTERS)?];
    let [plain, back] = large;
    let mut subjects = Vec::new();
    for build in [facade, inline, plain, back] {
        let subject = config.subject(build)?;
        let (name, touched) = (&subject.build.name, subject.touched.len());
        say(&format!("{name}: the node peer's output equals presentry's, {touched} files changed or created"));
        subjects.push(subject);
    }
    let mut measured: Vec<Measurement> = subjects
        .iter()
        .flat_map(|subject| config.contenders().map(|contender| Measurement::new(&subject.build.name, contender)))
        .collect();
    let start = Instant::now();
    for round in 1..=config.runs {
        let mut slots = measured.iter_mut();
        for subject in &subjects {
            for contender in config.contenders() {
                let slot = slots.next().context("there is a slot for each contender on each build")?;
                slot.samples.push(config.once(subject, contender)?);
            }
        }
        say(&format!("round {round} of {}, {:.0}s", config.runs, start.elapsed().as_secs_f64()));
    }
    cache::remove(&config.work)?;
    Ok(measured)
}

impl Config {
    fn contenders(&self) -> impl Iterator<Item = Contender> {
        let other = self.before.is_some();
        Contender::ALL.into_iter().filter(move |contender| other || *contender != Contender::Before)
    }

    /// Rewrites a build once with presentry and once with the peer, and compares everything.
    fn subject(&self, build: Build) -> Result<Subject> {
        let original = Snapshot::take(&build.app)?;
        let copy = |kind: &str| -> Result<PathBuf> {
            let app = self.work.join(kind).join(slug(&build.name));
            tree::copy(&build.app, &app, |_| true)?;
            Ok(app)
        };
        let (finished, app) = (copy("finished")?, copy("run")?);
        self.measure(&self.rewrite(&self.presentry, &finished))?;
        self.measure(&self.peer(&build, &app))?;
        let rewritten = without_store(&finished)?;
        must_be_equal(&rewritten, &without_store(&app)?)
            .with_context(|| format!("what the node peer makes of `{}` is not what presentry makes", build.name))?;
        let touched: BTreeSet<PathBuf> = rewritten.files_not_in(&original).into_iter().collect();
        if touched.is_empty() {
            bail!("presentry changed nothing in the build `{}`", build.name);
        }
        let rewritten = Snapshot::take_some(&finished, |path| leads_to(path, &touched))?;
        let by_other = self.before.as_deref().map(|before| self.by_other(before, &build, &original, &touched));
        Ok(Subject { rewritten, by_other: by_other.transpose()?, build, finished, touched, app })
    }

    /// What another version makes of a build: other text, but in the same files.
    fn by_other(
        &self,
        before: &Path,
        build: &Build,
        original: &Snapshot,
        touched: &BTreeSet<PathBuf>,
    ) -> Result<Snapshot> {
        let app = self.work.join("other").join(slug(&build.name));
        tree::copy(&build.app, &app, |_| true)?;
        self.measure(&self.rewrite(before, &app))?;
        let all: BTreeSet<PathBuf> = without_store(&app)?.files_not_in(original).into_iter().collect();
        if all != *touched {
            bail!("`{}` changes other files of `{}`: {all:?}, not {touched:?}", before.display(), build.name);
        }
        Snapshot::take_some(&app, |path| leads_to(path, touched))
    }

    /// One run, whose result is checked.
    fn once(&self, subject: &Subject, contender: Contender) -> Result<Sample> {
        let Subject { build, touched, app, .. } = subject;
        subject.reset(contender)?;
        flush();
        let sample = self.measure(&match contender {
            Contender::Presentry => self.rewrite(&self.presentry, app),
            Contender::Before => self.rewrite(self.before.as_deref().unwrap_or(&self.presentry), app),
            Contender::Node => self.peer(build, app),
            Contender::Copy => self.copy(touched, app)?,
        })?;
        let wrong = || format!("{contender} left `{}` in another state than it should", build.name);
        let expected = subject.by_other.as_ref().filter(|_| contender == Contender::Before);
        must_be_equal(
            expected.unwrap_or(&subject.rewritten),
            &Snapshot::take_some(app, |path| leads_to(path, touched))?,
        )
        .with_context(wrong)?;
        if contender == Contender::Copy && !touched.iter().all(|file| child::copied(&app.join(file)).is_file()) {
            bail!("{}: a copy is missing", wrong());
        }
        Ok(sample)
    }

    fn rewrite(&self, presentry: &Path, app: &Path) -> Invocation {
        // Bundling the SDK is the work of another program; `bench start` has its time. The peer writes no guard, and another
        // version may have no such flag.
        let as_the_peer = (presentry == self.presentry).then_some("--no-guard");
        self.helper().arg(presentry).arg("--no-bundle-sdk").args(as_the_peer).arg(app)
    }

    fn peer(&self, build: &Build, app: &Path) -> Invocation {
        let server = app.join(&build.server);
        self.helper()
            .arg(&self.node)
            .arg(&self.peer)
            .args([server.join(&build.entry), server.join(&build.instrumentation)])
            // All packages of the workspace have one version, and it is in the facade.
            .arg(env!("CARGO_PKG_VERSION"))
    }

    fn copy(&self, touched: &BTreeSet<PathBuf>, app: &Path) -> Result<Invocation> {
        let list = self.work.join("touched.json");
        fs::write(&list, serde_json::to_vec(touched)?)
            .with_context(|| format!("failed to write `{}`", list.display()))?;
        Ok(self.helper().arg(&self.helper).arg(child::NAME).arg(child::COPY).args([app, &list]))
    }

    fn helper(&self) -> Invocation {
        Invocation::new(&self.helper, &self.work).arg(child::NAME).arg(child::MEASURE)
    }

    /// Starts a process through the helper, which takes the time and the memory.
    fn measure(&self, invocation: &Invocation) -> Result<Sample> {
        let finished = invocation.run_ok(&self.logs.join("bench.log"), LIMIT)?;
        serde_json::from_str(finished.stdout.trim()).with_context(|| format!("no measurement: `{}`", finished.stdout))
    }
}

impl Subject {
    /// Makes the copy what a contender starts from: the build, or the rewritten build where the rewritten files are to be
    /// copied. No contender has changed another file than those.
    fn reset(&self, contender: Contender) -> Result<()> {
        let from = if contender == Contender::Copy { &self.finished } else { &self.build.app };
        cache::remove(&self.app.join(&self.build.server).join(STORE))?;
        for file in &self.touched {
            let (source, file) = (from.join(file), self.app.join(file));
            remove_file(&child::copied(&file))?;
            remove_file(&file)?;
            if source.is_file() {
                fs::copy(&source, &file).with_context(|| format!("failed to copy `{}`", source.display()))?;
            }
        }
        Ok(())
    }
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove `{}`", file.display()))
        }
        _ => Ok(()),
    }
}

/// Where presentry keeps what `restore` needs.
const STORE: &str = ".presentry";

/// Everything but what presentry keeps for `restore`.
fn without_store(app: &Path) -> Result<Snapshot> {
    Snapshot::take_some(app, |path| path.file_name().is_none_or(|name| name != STORE))
}

/// Whether a path is one of `files` or a directory above one.
fn leads_to(path: &Path, files: &BTreeSet<PathBuf>) -> bool {
    // In the order of paths, what lies in a directory follows it.
    files.range(path.to_owned()..).next().is_some_and(|next| next.starts_with(path))
}

fn must_be_equal(ours: &Snapshot, theirs: &Snapshot) -> Result<()> {
    let differences = ours.differences(theirs);
    if !differences.is_empty() {
        bail!("\n  {}", differences.join("\n  "));
    }
    Ok(())
}

/// Has everything on the disk, so that a contender that syncs does not pay for the copy it works on.
#[cfg(unix)]
fn flush() {
    nix::unistd::sync();
}

#[cfg(not(unix))]
fn flush() {}

fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What the bench calls equal, over what a rewrite touches and what it must not.
    #[test]
    fn outputs_that_differ_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let app = |name: &str| {
            let app = directory.path().join(name);
            fs::create_dir_all(app.join(".output/server")).unwrap();
            fs::write(app.join(".output/server/index.mjs"), "facade").unwrap();
            fs::write(app.join(".output/server/entry.mjs"), "entry").unwrap();
            app
        };
        let (ours, theirs) = (app("ours"), app("theirs"));
        fs::create_dir(ours.join(".output/server/.presentry")).unwrap();
        fs::write(ours.join(".output/server/.presentry/manifest.json"), "{}").unwrap();
        let compare = || must_be_equal(&without_store(&ours).unwrap(), &without_store(&theirs).unwrap());
        compare().unwrap();
        fs::write(theirs.join(".output/server/entry.mjs"), "entrY").unwrap();
        assert_eq!(compare().unwrap_err().to_string(), "\n  `.output/server/entry.mjs` changed");
        fs::write(theirs.join(".output/server/entry.mjs"), "entry").unwrap();
        fs::write(theirs.join(".output/server/entry.mjs.part"), "").unwrap();
        assert_eq!(compare().unwrap_err().to_string(), "\n  `.output/server/entry.mjs.part` is new");
    }

    #[test]
    fn paths_that_lead_to_touched_files() {
        let files = ["s/chunks/a.mjs", "s/index.mjs"].map(PathBuf::from).into();
        for (path, leads) in [
            ("s", true),
            ("s/chunks", true),
            ("s/chunks/a.mjs", true),
            ("s/chunks/a.mj", false),
            ("s/chunk", false),
            ("s/index.mjs", true),
            ("s/index.mjs.copy", false),
            ("t", false),
        ] {
            assert_eq!(leads_to(Path::new(path), &files), leads, "{path}");
        }
    }

    #[test]
    fn a_reset_undoes_what_a_contender_did() {
        let directory = tempfile::tempdir().unwrap();
        let app = |name: &str, files: &[(&str, &str)]| {
            let app = directory.path().join(name);
            fs::create_dir_all(app.join("server/.presentry")).unwrap();
            for (file, text) in files {
                fs::write(app.join("server").join(file), text).unwrap();
            }
            app
        };
        let original = [("index.mjs", "entry"), ("chunk.mjs", "chunk")];
        let rewritten = [("index.mjs", "facade"), ("chunk.mjs", "chunk"), ("entry.mjs", "entry")];
        let built = app("built", &original);
        let finished = app("finished", &rewritten);
        let run = app("run", &[&rewritten[..], &[("entry.mjs.copy", "entry")]].concat());
        let subject = Subject {
            build: Build {
                name: "built".to_owned(),
                app: built.clone(),
                server: "server".into(),
                entry: "index.mjs".into(),
                instrumentation: "instrument.server.mjs".into(),
            },
            rewritten: without_store(&finished).unwrap(),
            by_other: None,
            touched: ["server/index.mjs", "server/entry.mjs"].map(PathBuf::from).into(),
            finished: finished.clone(),
            app: run.clone(),
        };
        subject.reset(Contender::Node).unwrap();
        must_be_equal(&without_store(&built).unwrap(), &Snapshot::take(&run).unwrap()).unwrap();
        subject.reset(Contender::Copy).unwrap();
        must_be_equal(&without_store(&finished).unwrap(), &Snapshot::take(&run).unwrap()).unwrap();
    }
}
