//! What runs come to beside the cells that were wanted. The page, the summary and `docs/compatibility.md` are made of it.

use std::collections::BTreeMap;

use crate::column::Column;
use crate::document::{Document, Entry, Judged, OURS, SDK, SPANS};

/// A cell that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// What its scenario is there for.
    pub about: String,
    /// Nitro's preset.
    pub preset: String,
    /// Whether a server comes out of the build.
    pub server: bool,
}

/// Runs beside the cells that were wanted.
#[derive(Debug, Clone)]
pub struct Overview<'a> {
    /// The rows, in the order of the cells, then what was run besides.
    pub rows: Vec<Row<'a>>,
    /// The cells that cannot be judged.
    pub left_out: &'a [LeftOut],
    /// The columns that any row has: their keys and titles, ours first and the SDK's last.
    pub columns: Vec<(String, String)>,
}

/// One cell, and its run.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The cell.
    pub cell: Wanted,
    /// Its run; nothing where there is none.
    pub entry: Option<&'a Entry>,
}

/// What a column of a row came to.
///
/// A column is *proven* when each of its checks passes. A check that is known to fail does not pass. It does not count against
/// the column in one case alone: the reference of the same run, which is the build as it was under `--import`, fails the same
/// oracle in the same words. Then the platform cannot do it, whoever starts Sentry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Each check passed, or fails in the reference as well.
    Proven {
        /// The oracles that the reference fails.
        platform: Vec<u8>,
    },
    /// What fails is known to fail upstream.
    Known,
    /// Something fails, or there is no judgement.
    Failed,
    /// The cell was not run.
    Missing,
    /// The column has no build here, for this reason.
    Absent(String),
    /// The column was not asked for.
    NotRun,
}

/// A cell that cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The cell's id.
    pub id: String,
    /// Why.
    pub because: String,
}

impl<'a> Overview<'a> {
    /// The runs of `document` beside the cells that were `wanted`; where that is nothing, the runs alone.
    pub fn new(document: &'a Document, wanted: &[Wanted], left_out: &'a [LeftOut]) -> Overview<'a> {
        let run_of = |id: &str| document.scenarios.iter().find(|entry| entry.id == id);
        let mut rows: Vec<Row<'_>> =
            wanted.iter().map(|cell| Row { cell: cell.clone(), entry: run_of(&cell.id) }).collect();
        for entry in &document.scenarios {
            if !wanted.iter().any(|cell| cell.id == entry.id) {
                let Entry { id, about, preset, server, .. } = entry.clone();
                rows.push(Row { cell: Wanted { id, about, preset, server }, entry: Some(entry) });
            }
        }
        let mut columns = vec![(OURS.to_owned(), Column::Presentry.title().to_owned())];
        for column in document.scenarios.iter().flat_map(|entry| &entry.columns) {
            if !columns.iter().any(|(key, _)| *key == column.column) {
                columns.push((column.column.clone(), column.title.clone()));
            }
        }
        // Not the first entry's order, as not every entry has each column. A stable sort leaves the others as they came.
        columns.sort_by_key(|(key, _)| key == SDK);
        Overview { rows, left_out, columns }
    }

    /// The rows that are counted: those where a server is started.
    pub fn counted(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| row.cell.server)
    }

    /// The rows where no server is started.
    pub fn without_server(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| !row.cell.server)
    }

    /// How many of the rows that are counted have the build of the default proven.
    fn proven_default(&self) -> usize {
        self.counted().filter(|row| row.is_default_proven()).count()
    }

    /// How many of the rows that are counted have this column proven.
    pub fn proven(&self, column: &str) -> usize {
        self.counted().filter(|row| matches!(row.standing(column), Standing::Proven { .. })).count()
    }

    /// How many of these were proven by spans: those of the libraries are those under `--import`.
    fn proven_by_spans(&self) -> usize {
        let has = |column: &Judged| column.checks.iter().any(|check| check.oracle == Some(SPANS) && check.passed);
        let by_spans = |row: &&Row<'_>| row.entry.and_then(|entry| entry.column(row.default_column())).is_some_and(has);
        self.counted().filter(|row| row.is_default_proven()).filter(by_spans).count()
    }

    /// `presentry: 3 of 3 cells proven, 2 by spans; SDK alone: 1 of 3`. Ours is what presentry makes where it is told
    /// nothing; the other columns are among the remarks.
    pub fn headline(&self) -> String {
        let cells = self.counted().count();
        let sdk = match self.judged(SDK) {
            0 => "not run".to_owned(),
            judged => format!("{} of {judged}", self.proven(SDK)),
        };
        let (proven, by_spans) = (self.proven_default(), self.proven_by_spans());
        format!("presentry: {proven} of {cells} cells proven, {by_spans} by spans; SDK alone: {sdk}")
    }

    /// In how many cells a column was wanted, whatever came of it.
    pub fn judged(&self, column: &str) -> usize {
        let is_column = self.columns.iter().any(|(key, _)| key == column);
        self.counted().filter(|row| is_column && row.standing(column) != Standing::NotRun).count()
    }

    /// What the headline does not say: the other columns, and what was not run or cannot be. Whole sentences.
    pub fn remarks(&self) -> Vec<String> {
        let cells = self.counted().count();
        let count = |column: &str, wanted: fn(&Standing) -> bool| {
            self.counted().filter(|row| wanted(&row.standing(column))).count()
        };
        let mut remarks = Vec::new();
        let ours = self.columns.iter().filter(|(key, _)| key != SDK);
        for (key, title) in ours.clone().filter(|_| ours.clone().count() > 1) {
            remarks.push(format!("`{title}`: {} of {cells} cells proven.", self.proven(key)));
        }
        match count(OURS, |standing| *standing == Standing::Missing) {
            0 => {}
            missing => remarks.push(format!("Missing, and counted as failed: {missing} of the {cells} cells.")),
        }
        match self.judged(SDK) {
            0 => {}
            judged if judged == cells => {}
            judged => remarks.push(format!("The SDK's own build was judged in {judged} of the {cells} cells.")),
        }
        match count(SDK, |standing| matches!(standing, Standing::Absent(_))) {
            0 => {}
            absent => {
                remarks.push(format!("Without a build that the SDK makes on its own: {absent} of the {cells} cells."));
            }
        }
        match self.without_server().count() {
            0 => {}
            1 => remarks.push("Not counted, as nothing is rewritten there: 1 cell.".to_owned()),
            others => remarks.push(format!("Not counted, as nothing is rewritten there: {others} cells.")),
        }
        remarks
    }

    /// Whether each row has its run, and none failed for an unknown reason.
    pub fn success(&self) -> bool {
        let fine = |row: &Row<'_>| row.entry.is_some_and(|entry| entry.failed == 0 && entry.passed > 0);
        !self.rows.is_empty() && self.rows.iter().all(fine)
    }

    /// The first and the last day of the runs, as RFC 3339 has them.
    pub fn days(&self) -> Option<(&str, &str)> {
        let days = || self.rows.iter().filter_map(|row| Some(row.entry?.date.split('T').next().unwrap_or_default()));
        Some((days().min()?, days().max()?))
    }

    /// `2026-11-22`, or `2026-11-22 to 2026-11-23`.
    pub fn date(&self) -> String {
        match self.days() {
            Some((first, last)) if first == last => first.to_owned(),
            Some((first, last)) => format!("{first} to {last}"),
            None => "no day".to_owned(),
        }
    }

    /// The versions of Node or npm of the runs, most used first: `20.20.2 (41 cells), 24.21.0 (3 cells)`.
    pub fn versions_of(&self, what: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for version in self.rows.iter().filter_map(|row| row.entry?.versions.get(what)) {
            *counts.entry(version).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        match &counts[..] {
            [] => "unknown".to_owned(),
            [(version, _)] => (*version).to_owned(),
            several => several
                .iter()
                .map(|(version, count)| format!("{version} ({count} cell{})", if *count == 1 { "" } else { "s" }))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

impl Standing {
    /// What it is called; of a build without a server nothing is proven.
    pub fn words(&self, server: bool) -> &'static str {
        match self {
            Standing::Proven { .. } if !server => "as expected",
            Standing::Proven { platform } if platform.is_empty() => "proven",
            Standing::Proven { .. } => "proven, but for the platform",
            Standing::Known => "known",
            Standing::Failed => "failed",
            Standing::Missing => "missing",
            Standing::Absent(_) => "no such build",
            Standing::NotRun => "not run",
        }
    }
}

impl Row<'_> {
    /// What a column came to.
    pub fn standing(&self, column: &str) -> Standing {
        let Some(entry) = self.entry else { return Standing::Missing };
        if entry.error.is_some() {
            return Standing::Failed;
        }
        let Some(Judged { checks, .. }) = entry.column(column) else {
            return entry.evidence.absent.get(column).cloned().map_or(Standing::NotRun, Standing::Absent);
        };
        let failed = || checks.iter().filter(|check| !check.passed);
        if checks.is_empty() || failed().any(|check| check.known.is_none()) {
            return Standing::Failed;
        }
        if failed().all(|check| entry.is_platforms(check)) {
            return Standing::Proven { platform: failed().filter_map(|check| check.oracle).collect() };
        }
        Standing::Known
    }

    /// The column of ours that is the default here: injected ahead of time where the SDK has channels, else bundled, else as it
    /// is.
    pub fn default_column(&self) -> &'static str {
        let is_judged = |column: &Column| self.entry.is_some_and(|entry| entry.column(column.key()).is_some());
        let best = [Column::Ahead, Column::Bundled].into_iter().find(is_judged);
        best.unwrap_or(Column::Presentry).key()
    }

    fn is_default_proven(&self) -> bool {
        matches!(self.standing(self.default_column()), Standing::Proven { .. })
    }

    /// The worst of the columns that are ours.
    pub fn ours(&self, columns: &[(String, String)]) -> Standing {
        let rank = |standing: &Standing| match standing {
            Standing::Missing => 4,
            Standing::Failed => 3,
            Standing::Known => 2,
            Standing::Proven { platform } if !platform.is_empty() => 1,
            Standing::Proven { .. } | Standing::Absent(_) | Standing::NotRun => 0,
        };
        let ours = columns.iter().filter(|(key, _)| key != SDK).map(|(key, _)| self.standing(key));
        // Of equals the last is taken, and the first column is the one that is always there.
        ours.rev().max_by_key(rank).unwrap_or(Standing::NotRun)
    }
}

#[cfg(test)]
pub(crate) mod tests;
