//! Runs as they are kept in `e2e.json`, one document or several merged. What they come to is in `report`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::evidence::{Evidence, Phase, Source};

/// The name of the file in a report.
pub const FILE: &str = "e2e.json";

/// The key of the column that a cell is about.
pub const OURS: &str = Column::Presentry.key();

/// The number of the oracle that compares what arrives with what arrives under `--import`.
pub const SPANS: u8 = 9;

/// The key of the column that is not ours.
pub const SDK: &str = Column::Sdk.key();

/// All runs of a report. What it does not know is refused, so that merging loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// How many checks passed.
    pub passed: usize,
    /// How many failed, and for no known reason.
    pub failed: usize,
    /// One for each cell.
    pub scenarios: Vec<Entry>,
}

/// The run of one cell. All its columns were built, started and judged in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The cell's id.
    pub id: String,
    /// What its scenario is there for.
    pub about: String,
    /// Nitro's preset.
    pub preset: String,
    /// Whether a server comes out of the build.
    pub server: bool,
    /// When the run began, as RFC 3339 has it.
    pub date: String,
    /// The system it ran on.
    pub system: String,
    /// How long it took.
    pub seconds: f64,
    /// How many checks passed.
    pub passed: usize,
    /// How many failed, and for no known reason.
    pub failed: usize,
    /// The versions that were asked for instead of the lockfile's.
    pub requested: BTreeMap<String, String>,
    /// The versions that were really installed, and those of Node and npm.
    pub versions: BTreeMap<String, String>,
    /// Whose builds were judged; ours is the first.
    pub columns: Vec<Judged>,
    /// The steps, with their times.
    pub phases: Vec<Phase>,
    /// What was seen besides.
    pub evidence: Evidence,
    /// Why there is no judgement.
    pub error: Option<String>,
    /// The work directory, where it was kept.
    pub kept: Option<PathBuf>,
}

/// One build of a cell, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The key of its column.
    pub column: String,
    /// What a reader is shown.
    pub title: String,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// One check: an oracle, or what is looked at beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The oracle's number; nothing for the checks beside them.
    pub oracle: Option<u8>,
    /// Its name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
    /// Why it fails upstream, where that is known. It does not count as failed then, and passing is news.
    pub known: Option<String>,
    /// The processes that were looked at.
    pub sources: Vec<Source>,
}

impl Check {
    /// `oracle 2 name`, or `check name`.
    pub fn label(&self) -> String {
        match self.oracle {
            Some(number) => format!("oracle {number} {}", self.name),
            None => format!("check {}", self.name),
        }
    }

    /// Whether it failed, and not for a known reason.
    pub fn failed(&self) -> bool {
        !self.passed && self.known.is_none()
    }

    /// `ok oracle 2 name: seen`, or `FAIL …` followed by the evidence.
    pub fn render(&self) -> String {
        let (label, seen) = (self.label(), &self.seen);
        match (self.passed, &self.known) {
            (true, None) => format!("ok {label}: {seen}\n"),
            (true, Some(reason)) => format!(
                "news {label}: {seen}\n  passes, although it is known to fail: {reason}\n  hint: remove that from the matrix\n"
            ),
            (false, Some(reason)) => format!("known {label}: {seen}\n  {reason}\n"),
            (false, None) => {
                let sources: String = self.sources.iter().map(|source| format!("{source}\n")).collect();
                format!("FAIL {label}: {seen}\n{sources}")
            }
        }
    }
}

impl Judged {
    /// Whether presentry has made the build, so that it counts.
    pub fn is_ours(&self) -> bool {
        self.column != SDK
    }

    /// The results in three numbers: passed, known to fail upstream, failed.
    fn tally(&self) -> String {
        let passed = self.checks.iter().filter(|check| check.passed).count();
        let failed = self.checks.iter().filter(|check| check.failed()).count();
        match self.checks.len() - passed - failed {
            0 => format!("{passed} passed, {failed} failed"),
            known => format!("{passed} passed, {known} known to fail, {failed} failed"),
        }
    }
}

impl Document {
    /// The document of runs.
    pub fn new(scenarios: Vec<Entry>) -> Document {
        let sum = |of: fn(&Entry) -> usize| scenarios.iter().map(of).sum();
        Document { passed: sum(|entry| entry.passed), failed: sum(|entry| entry.failed), scenarios }
    }

    /// Whether something was checked, and nothing failed.
    pub fn success(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }

    /// `13 passed, 0 failed`, over all runs.
    pub fn total(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// Reads the document in the report `directory`.
    ///
    /// # Errors
    /// When there is none, or it is of another form than this harness writes.
    pub fn read(directory: &Path) -> Result<Document> {
        let file = directory.join(FILE);
        let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` is no report of this harness", file.display()))
    }

    /// One document of several. Where they come from is named in messages.
    ///
    /// # Errors
    /// When a cell is in two of them: which of both runs would count?
    pub fn merge(documents: Vec<(PathBuf, Document)>) -> Result<Document> {
        let mut merged = Document::default();
        let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (from, document) in documents {
            for entry in document.scenarios {
                if let Some(other) = seen.insert(entry.id.clone(), from.clone()) {
                    bail!(
                        "the cell `{}` is in `{}` and in `{}`\nhint: name each run once",
                        entry.id,
                        other.display(),
                        from.display()
                    );
                }
                merged.passed += entry.passed;
                merged.failed += entry.failed;
                merged.scenarios.push(entry);
            }
        }
        Ok(merged)
    }
}

impl Entry {
    /// Counts the checks of our columns. A run without a judgement, or without a check, failed once.
    pub fn count(&mut self) {
        let ours = || self.columns.iter().filter(|column| column.is_ours()).flat_map(|column| &column.checks);
        let nothing = self.error.is_some() || ours().next().is_none();
        let (passed, failed) =
            (ours().filter(|check| check.passed).count(), ours().filter(|check| check.failed()).count());
        (self.passed, self.failed) = if nothing { (0, 1) } else { (passed, failed) };
    }

    /// Whether something was checked, and nothing failed.
    pub fn success(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }

    /// What comes last: the numbers of each column and where the work directory is, or why there is no judgement.
    pub fn summary(&self) -> String {
        if let Some(error) = &self.error {
            return format!("FAIL scenario {}: {error}\n", self.id);
        }
        let kept = self.kept.iter().map(|kept| format!("work directory: {}\n", kept.display()));
        let columns = self.columns.iter().map(|column| match column.column.as_str() {
            OURS => format!("scenario {}: {}\n", self.id, column.tally()),
            _ if column.is_ours() => format!("{}: {}\n", column.title, column.tally()),
            _ => format!("{}: {} (not counted)\n", column.title, column.tally()),
        });
        kept.chain(columns.rev()).collect()
    }

    /// One of its columns.
    pub fn column(&self, key: &str) -> Option<&Judged> {
        self.columns.iter().find(|column| column.column == key)
    }

    /// Whether a check that fails does so in the reference as well, and in the same words: whatever else is wrong is not the
    /// platform's.
    pub fn is_platforms(&self, check: &Check) -> bool {
        let reference = check.oracle.and_then(|oracle| self.evidence.reference.get(&oracle));
        !check.passed && check.known.is_some() && reference == Some(&check.seen)
    }
}

#[cfg(test)]
pub(crate) mod tests;
