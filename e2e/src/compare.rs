//! Two runs side by side: the verdicts that differ, by cell and column. Pure.

use std::collections::BTreeSet;
use std::fmt;

use crate::document::{Check, Document};
use crate::report::{Overview, Row, Standing};
use crate::summary::words;

/// A verdict that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The cell's id.
    pub cell: String,
    /// The title of the column.
    pub column: String,
    /// What it came to, before and after.
    pub verdicts: [String; 2],
    /// The oracles that passed and do not any more.
    pub lost: Vec<String>,
    /// Whether it became worse.
    pub worse: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, column, verdicts: [before, after], lost, worse } = self;
        let sign = if *worse { "worse" } else { "other" };
        write!(f, "{sign}  `{cell}`, {column}: {before} → {after}")?;
        if lost.is_empty() { Ok(()) } else { write!(f, "; no longer passed: {}", lost.join(", ")) }
    }
}

/// The verdicts that differ between two runs, in the order of the cells.
///
/// A verdict is worse where less is proven or judged than before, or where an oracle passed that does not any more.
pub fn compare(old: &Document, new: &Document) -> Vec<Difference> {
    let (old, new) = (Overview::new(old, &[], &[]), Overview::new(new, &[], &[]));
    let mut columns = old.columns.clone();
    columns.extend(new.columns.iter().filter(|column| !old.columns.contains(column)).cloned());
    let cells: BTreeSet<&str> = old.rows.iter().chain(&new.rows).map(|row| row.cell.id.as_str()).collect();
    let mut differences = Vec::new();
    for cell in cells {
        let [before, after] = [&old, &new].map(|overview| overview.rows.iter().find(|row| row.cell.id == cell));
        for (key, title) in &columns {
            let verdicts = [before, after].map(|row| row.map_or("no such cell".to_owned(), |row| words(row, key)));
            let [were, are] = [before, after].map(|row| rank(row, key));
            let passed = [before, after].map(|row| passed(row, key));
            let lost: Vec<String> = passed[0].difference(&passed[1]).cloned().collect();
            let worse = are < were || !lost.is_empty();
            if worse || verdicts[0] != verdicts[1] {
                differences.push(Difference { cell: cell.to_owned(), column: title.clone(), verdicts, lost, worse });
            }
        }
    }
    differences
}

/// How much a verdict is worth.
fn rank(row: Option<&Row<'_>>, column: &str) -> u8 {
    match row.map(|row| row.standing(column)) {
        Some(Standing::Proven { .. }) => 2,
        Some(Standing::Known | Standing::Absent(_)) => 1,
        Some(Standing::Failed | Standing::Missing | Standing::NotRun) | None => 0,
    }
}

fn passed(row: Option<&Row<'_>>, column: &str) -> BTreeSet<String> {
    let judged = row.and_then(|row| row.entry?.column(column));
    judged.into_iter().flat_map(|column| &column.checks).filter(|check| check.passed).map(Check::label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Entry, Judged, SDK};

    /// A cell with a column, whose oracles pass, are known to fail (`?`), or fail (`!`).
    fn cell(id: &str, checks: &[&str]) -> Entry {
        let check = |text: &&str| Check {
            oracle: None,
            name: text.trim_end_matches(['?', '!']).to_owned(),
            passed: !text.ends_with(['?', '!']),
            seen: String::new(),
            known: text.ends_with('?').then(|| "upstream".to_owned()),
            sources: Vec::new(),
        };
        let checks = checks.iter().map(check).collect();
        let column = Judged { column: SDK.to_owned(), title: "sdk".to_owned(), checks };
        Entry { id: id.to_owned(), server: true, columns: vec![column], ..Entry::default() }
    }

    #[track_caller]
    fn check(old: &[&[&str]], new: &[&[&str]], expected: &[&str]) {
        let document = |cells: &[&[&str]]| {
            Document::new(cells.iter().zip(["a", "b"]).map(|(checks, id)| cell(id, checks)).collect())
        };
        let found: Vec<String> = compare(&document(old), &document(new))
            .iter()
            .filter(|found| found.column == "sdk")
            .map(Difference::to_string)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_runs_do_not_differ() {
        check(&[&["x", "y?"], &["x!"]], &[&["x", "y?"], &["x!"]], &[]);
    }

    #[test]
    fn what_became_worse_is_told_from_what_is_other() {
        check(&[&["x"]], &[&["x!"]], &["worse  `a`, sdk: proven → **failed**: x; no longer passed: check x"]);
        check(&[&["x"]], &[&["x?"]], &["worse  `a`, sdk: proven → known: x; no longer passed: check x"]);
        check(&[&["x?"]], &[&["x"]], &["other  `a`, sdk: known: x → proven"]);
        check(&[&["x!"]], &[&["x?"]], &["other  `a`, sdk: **failed**: x → known: x"]);
        check(&[&["x"]], &[&["x"], &["x!"]], &["other  `b`, sdk: no such cell → **failed**: x"]);
    }

    #[test]
    fn what_is_no_longer_judged_is_worse() {
        check(&[&["x", "y"]], &[&["x"]], &["worse  `a`, sdk: proven → proven; no longer passed: check y"]);
        check(&[&["x"], &["x"]], &[&["x"]], &["worse  `b`, sdk: proven → no such cell; no longer passed: check x"]);
        check(
            &[&["x!", "y"]],
            &[&["x!", "y!"]],
            &["worse  `a`, sdk: **failed**: x → **failed**: x, y; no longer passed: check y"],
        );
    }
}
