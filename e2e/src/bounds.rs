//! `cargo xtask bounds`: what the command spends on the longest texts that it has to bear, in every place of a build.
//!
//! A text that is refused because it is nested too deeply is made shorter until it is not: the deepest text that is
//! followed costs most.

mod builds;
mod shapes;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::bench::child::{self, Spent};
use crate::cache;
use crate::process::Invocation;

use builds::Large;

pub use builds::Place;
pub use shapes::{ALL, Shape};

/// What no run may pass.
pub const SECONDS: f64 = 2.0;

/// What no run may pass, in MB of 10^6 bytes.
pub const MEGABYTES: f64 = 500.0;

/// What a run on a build of 200 MB or 50,000 files may take.
const LARGE_SECONDS: f64 = 10.0;

/// The longest text.
pub const SIZE: usize = 4_000_000;

/// A text this short is followed whatever its shape.
const SHORT: usize = 1_000;

/// A run that takes this long hangs, and is ended. What processors spend on it has a limit of its own.
const LIMIT: Duration = Duration::from_secs(300);

/// The commands, with the end of the table's column that each has.
const COMMANDS: [&[&str]; 3] = [
    &["check", "--format", "json"],
    &["rewrite", "--dry-run", "--no-bundle-sdk", "--packages-elsewhere", "--trust-init"],
    &["rewrite", "--no-bundle-sdk", "--packages-elsewhere", "--trust-init", "--format", "json"],
];

/// What is needed to measure.
#[derive(Debug)]
pub struct Config {
    /// The command, built as it is released.
    pub presentry: PathBuf,
    /// A program that hands its arguments to [`crate::bench::child`].
    pub helper: PathBuf,
    /// Where everything happens. What is in it goes away.
    pub work: PathBuf,
    /// Where the output of the processes goes.
    pub logs: PathBuf,
}

/// A row of the table: the worst of the commands.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The name of the shape.
    pub shape: &'static str,
    /// Where it was put.
    pub place: Place,
    /// How long the text was that was followed, or the longest where all were refused.
    pub bytes: usize,
    /// The seconds of the slowest command, by the wall or, if that is less, by the processors; infinite when it was ended.
    pub seconds: f64,
    /// Its seconds by the wall.
    pub wall: f64,
    /// The memory of the largest command, where the system tells.
    pub megabytes: Option<f64>,
    /// The seconds that it may take.
    pub allowed: f64,
    /// How the rewrite ended: its code and the first diagnostic.
    pub ended: String,
}

impl Row {
    /// Whether the row passes a bound.
    pub fn is_past(&self) -> bool {
        self.seconds > self.allowed
            || self.megabytes.is_some_and(|megabytes| megabytes > MEGABYTES)
            || self.ended == "killed"
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let megabytes = self.megabytes.map_or("?".to_owned(), |megabytes| format!("{megabytes:.0}"));
        let mark = if self.is_past() { " PAST" } else { "" };
        let Row { shape, place, bytes, seconds, wall, ended, .. } = self;
        write!(f, "{shape:28} {place:16} {bytes:>8} {seconds:>6.2} {wall:>6.2} {megabytes:>6} {ended}{mark}")
    }
}

/// The head of the table whose lines are [`Row`]s.
pub fn head() -> String {
    format!("{:28} {:16} {:>8} {:>6} {:>6} {:>6} ended", "shape", "place", "bytes", "s", "wall", "MB")
}

/// Measures the shapes whose name contains one of the words, all if there are none, and gives each row to `say`.
///
/// # Errors
/// When the control stays within the bounds, when a short text is not followed, or when nothing can be measured.
pub fn run(config: &Config, words: &[String], say: &mut dyn FnMut(&Row) -> Result<()>) -> Result<Vec<Row>> {
    config.control()?;
    let mut rows = Vec::new();
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    for shape in ALL.iter().filter(|shape| is_wanted(shape.name)) {
        for place in Place::ALL.into_iter().filter(|place| !shape.typed || *place == Place::Source) {
            let row = config.row(shape, place)?;
            say(&row)?;
            rows.push(row);
        }
    }
    for large in Large::ALL.into_iter().filter(|large| is_wanted(large.name())) {
        let row = config.large(large)?;
        say(&row)?;
        rows.push(row);
    }
    cache::remove(&config.work)?;
    match rows.is_empty() {
        true => bail!("no shape is called so\nhint: `else if` and `parentheses` are two of them"),
        false => Ok(rows),
    }
}

impl Config {
    /// A process that passes both bounds must be seen to.
    fn control(&self) -> Result<()> {
        let spent = self.spent(&self.helper, &[child::NAME, child::SPEND], None)?;
        let row = Row::new("control", Place::Entry, 0, &[spent]);
        if row.seconds <= SECONDS || row.megabytes.is_some_and(|megabytes| megabytes <= MEGABYTES) {
            bail!("the control passes no bound, so nothing would be seen: {row}");
        }
        Ok(())
    }

    fn row(&self, shape: &Shape, place: Place) -> Result<Row> {
        let short = self.at(shape, place, SHORT)?;
        if short.ended.contains("syntax") || short.ended == "killed" {
            bail!("`{}` is not followed where it is short: {short}", shape.name);
        }
        let longest = self.at(shape, place, SIZE)?;
        let mut row = longest.clone();
        while row.ended.contains("syntax") && !row.is_past() && row.bytes / 4 * 3 > SHORT {
            row = self.at(shape, place, row.bytes / 4 * 3)?;
        }
        // Being refused must not take long either.
        Ok(if longest.is_past() { longest } else { row })
    }

    fn at(&self, shape: &Shape, place: Place, size: usize) -> Result<Row> {
        let app = self.work.join("app");
        cache::remove(&self.work)?;
        builds::write(&app, place, &shape.text(size))?;
        Ok(Row::new(shape.name, place, size, &self.commands(&app)?))
    }

    fn large(&self, large: Large) -> Result<Row> {
        let app = self.work.join("app");
        cache::remove(&self.work)?;
        large.write(&app)?;
        let row = Row::new(large.name(), Place::Chunk, 0, &self.commands(&app)?);
        if !row.ended.starts_with('0') {
            bail!("the build is not rewritten: {row}");
        }
        Ok(Row { allowed: LARGE_SECONDS, ..row })
    }

    fn commands(&self, app: &Path) -> Result<Vec<Option<Spent>>> {
        let mut runs = Vec::new();
        for words in COMMANDS {
            runs.push(self.spent(&self.presentry, words, Some(app))?);
            // One that was ended is past its bound already.
            if runs.last() == Some(&None) {
                break;
            }
        }
        Ok(runs)
    }

    /// Nothing when the run was ended.
    fn spent(&self, program: &Path, words: &[&str], app: Option<&Path>) -> Result<Option<Spent>> {
        std::fs::create_dir_all(&self.work).with_context(|| format!("failed to create `{}`", self.work.display()))?;
        let helper = Invocation::new(&self.helper, &self.work).arg(child::NAME).arg(child::BOUND);
        let running = helper.arg(program).args(words).args(app).spawn(&self.logs.join("bounds.log"))?;
        let ended = running.wait_for(Instant::now() + LIMIT, |output| output.exit().map(|_| ()));
        let finished = running.stop();
        if ended.is_none() {
            return Ok(None);
        }
        let spent = serde_json::from_str(finished.stdout.trim());
        spent.map(Some).with_context(|| format!("no measurement: `{}`", finished.text))
    }
}

impl Row {
    fn new(shape: &'static str, place: Place, bytes: usize, runs: &[Option<Spent>]) -> Row {
        let most = |of: &dyn Fn(&Spent) -> Option<f64>| {
            runs.iter()
                .flatten()
                .filter_map(of)
                .fold(None, |most: Option<f64>, next| Some(most.unwrap_or(0.0).max(next)))
        };
        let all_ended = runs.iter().all(Option::is_some);
        Row {
            shape,
            place,
            bytes,
            allowed: SECONDS,
            // A machine that does other work makes the clock of the wall run ahead, and several threads that of the
            // processors.
            seconds: match all_ended {
                true => most(&|run| Some(run.processor.map_or(run.wall, |processor| processor.min(run.wall))))
                    .unwrap_or(0.0),
                false => f64::INFINITY,
            },
            wall: most(&|run| Some(run.wall)).unwrap_or(0.0),
            megabytes: most(&|run| run.peak_mib.map(|peak| peak * 1.048_576)),
            ended: runs.last().map_or_else(String::new, |run| run.as_ref().map_or("killed".to_owned(), ended)),
        }
    }
}

/// The code of a run, and its first diagnostic.
fn ended(run: &Spent) -> String {
    let Some(code) = run.code else { return "killed".to_owned() };
    let report: Value = serde_json::from_str(&run.printed).unwrap_or_default();
    let first = report["diagnostics"].as_array().and_then(|all| all.iter().find_map(|one| one["code"].as_str()));
    first.map_or_else(|| code.to_string(), |first| format!("{code} {first}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(wall: f64, processor: f64, peak_mib: f64) -> Option<Spent> {
        let printed = r#"{ "diagnostics": [{ "code": "syntax-error" }] }"#.to_owned();
        Some(Spent { wall, processor: Some(processor), peak_mib: Some(peak_mib), code: Some(1), printed })
    }

    #[test]
    fn the_worst_run_counts_by_the_lesser_clock() {
        let row = Row::new("x", Place::Entry, 1, &[spent(9.0, 1.0, 10.0), spent(1.5, 3.0, 20.0)]);
        assert!((row.seconds - 1.5).abs() < 1e-9 && !row.is_past());
        assert_eq!(row.ended, "1 syntax-error");
        assert!(Row::new("x", Place::Entry, 1, &[spent(2.1, 2.2, 10.0)]).is_past());
        assert!(Row::new("x", Place::Entry, 1, &[spent(1.0, 1.0, 500.0)]).is_past());
    }

    #[test]
    fn a_run_that_was_ended_is_past() {
        assert!(Row::new("x", Place::Entry, 1, &[spent(0.1, 0.1, 1.0), None]).is_past());
        let killed = Spent { code: None, ..spent(0.1, 0.1, 1.0).unwrap() };
        assert!(Row::new("x", Place::Entry, 1, &[Some(killed)]).is_past());
    }
}
