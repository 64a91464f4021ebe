//! `cargo xtask soak`: commands with random options on real builds. They are killed, run side by side, meet full disks
//! and builds that were made again. At the end of each round, a command that is left alone has to find its way: the build
//! is what the command makes of a fresh build, and then the original.

mod disk;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fastrand::Rng;

use crate::cache;

pub use disk::Disk;
use stage::Stage;

/// An app with a build.
#[derive(Debug, Clone)]
pub struct App {
    /// What the report calls it.
    pub name: String,
    /// Its directory, which is copied.
    pub directory: PathBuf,
    /// The directory with its `node_modules`, where they are elsewhere.
    pub packages: Option<PathBuf>,
}

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// No round begins after this time.
    For(Duration),
    /// So many rounds.
    Rounds(u64),
}

/// What is needed.
#[derive(Debug)]
pub struct Config {
    /// The command.
    pub presentry: PathBuf,
    /// The apps; each round takes one of them.
    pub apps: Vec<App>,
    /// Where everything happens. What is in it goes away.
    pub work: PathBuf,
    /// Where the output of the commands goes.
    pub logs: PathBuf,
    /// The seed of the first round; each further round has the next one.
    pub seed: u64,
    /// How long to go on.
    pub length: Length,
    /// Whether a byte is changed behind the back of presentry in each round, which must be seen.
    pub plants: bool,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rounds.
    pub rounds: u64,
    /// Commands, the ones that were left alone among them.
    pub commands: u64,
    /// Commands that SIGKILL ended.
    pub killed: u64,
    /// Commands that got SIGTERM, and ended.
    pub terminated: u64,
    /// Commands that ran on a full disk, or into the limit of the size of a file, and failed.
    pub full: u64,
    /// Commands that ran beside others on one build.
    pub beside: u64,
    /// Builds that were made again, in place of a build or over it.
    pub rebuilt: u64,
    /// Rounds whose build came back as the original.
    pub originals: u64,
    /// Rounds whose build became what the command makes of a fresh build.
    pub references: u64,
    /// What went wrong, with the seed of the round.
    pub failures: Vec<String>,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures { rounds, commands, killed, terminated, full, beside, rebuilt, originals, references, failures } =
            self;
        write!(
            f,
            "{rounds} rounds, {commands} commands: {killed} killed, {terminated} terminated, {full} failed on a full disk, \
             {beside} beside others; {rebuilt} builds made again; {references} times the reference, {originals} times the \
             original, {} failures",
            failures.len()
        )
    }
}

/// After so many failures there is enough to look at.
const ENOUGH: usize = 5;

/// Runs the rounds. `say` gets each failure as it comes, and the figures once a minute.
///
/// # Errors
/// When nothing can be run, or a fault that is planted to try the judge is not seen.
pub fn run(config: &Config, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<Figures> {
    cache::remove(&config.work)?;
    std::fs::create_dir_all(&config.work).with_context(|| format!("failed to create `{}`", config.work.display()))?;
    let disk = Disk::find(&config.work)?;
    say(&format!("full disks: {disk}"))?;
    let mut stages = Vec::new();
    for (number, app) in config.apps.iter().enumerate() {
        stages.push(Stage::new(config, app, disk, &config.work.join(number.to_string()))?);
    }
    if stages.is_empty() {
        bail!("there is no app\nhint: name one with --app");
    }
    if !config.plants {
        control(config.seed, &mut stages)?;
    }
    let mut figures = Figures::default();
    let (start, mut told) = (Instant::now(), Instant::now());
    while figures.failures.len() < ENOUGH && is_wanted(config.length, start, figures.rounds) {
        let seed = config.seed + figures.rounds;
        figures.rounds += 1;
        if let Some(failure) = round(seed, &mut stages, config.plants, &mut figures)? {
            say(&failure)?;
            figures.failures.push(failure);
        }
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            say(&format!("{} min: {figures}", start.elapsed().as_secs() / 60))?;
        }
    }
    for stage in &stages {
        figures.failures.extend(stage.damage_to_packages()?);
    }
    if figures.failures.is_empty() {
        cache::remove(&config.work)?;
    }
    Ok(figures)
}

fn is_wanted(length: Length, start: Instant, rounds: u64) -> bool {
    match length {
        Length::For(time) => start.elapsed() < time,
        Length::Rounds(wanted) => rounds < wanted,
    }
}

/// A fault that is planted must be seen.
fn control(seed: u64, stages: &mut [Stage<'_>]) -> Result<()> {
    match round(seed, stages, true, &mut Figures::default())? {
        Some(_) => Ok(()),
        None => bail!("a byte was changed behind the back of presentry, and the judge did not see it"),
    }
}

/// One round: what went wrong, if anything did.
fn round(seed: u64, stages: &mut [Stage<'_>], plants: bool, figures: &mut Figures) -> Result<Option<String>> {
    let mut rng = Rng::with_seed(seed);
    let number = rng.usize(..stages.len());
    let stage = &mut stages[number];
    stage.begin()?;
    let mut failure = None;
    for _ in 0..rng.usize(1..=6) {
        failure = failure.or(stage.disturb(&mut rng, figures)?);
    }
    failure = failure.or(stage.settle(&mut rng, plants, figures)?);
    Ok(failure.map(|failure| {
        let did = stage.history().join("\n  ");
        format!(
            "seed {seed}, `{}`: {failure}\n  {did}\n  the build is left in `{}`",
            stage.name(),
            stage.keep(seed).display()
        )
    }))
}
