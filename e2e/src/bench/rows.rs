//! From samples to the table: medians, ratios, and whether the goals hold. Pure functions.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::Contender;

/// One run of one process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// From its start to its end, in milliseconds of the wall clock.
    pub ms: f64,
    /// Its peak resident set, where the system tells.
    pub peak_mib: Option<f64>,
    /// The time that processors spent on it, where it is measured.
    pub cpu_ms: Option<f64>,
}

/// All runs of one contender on one build.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The name of the build.
    pub build: String,
    /// Who ran.
    pub contender: Contender,
    /// In the order of the runs.
    pub samples: Vec<Sample>,
}

impl Measurement {
    /// Without a run yet.
    pub fn new(build: &str, contender: Contender) -> Measurement {
        Measurement { build: build.to_owned(), contender, samples: Vec::new() }
    }

    fn label(&self) -> String {
        label(&self.build, self.contender)
    }

    fn median_ms(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.ms))
    }

    /// The least, as other processes only ever add to it.
    fn least_cpu_ms(&self) -> Option<f64> {
        self.samples.iter().filter_map(|sample| sample.cpu_ms).reduce(f64::min)
    }
}

/// One row of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The build and the contender, such as `facade: node peer`.
    pub label: String,
    /// The median over the runs.
    pub median_ms: f64,
    /// This median divided by presentry's on the same build: 20 for a contender that takes 20 times as long.
    pub ratio: f64,
    /// What processors spent on the cheapest run; `null` where the system does not tell.
    pub cpu_ms: Option<f64>,
    /// The same divided by presentry's on the same build.
    pub cpu_ratio: Option<f64>,
    /// The largest peak resident set of the runs; `null` where the system does not tell.
    pub peak_mib: Option<f64>,
}

fn label(build: &str, contender: Contender) -> String {
    format!("{build}: {contender}")
}

/// The smallest and the largest of some numbers.
pub(super) fn extremes(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
}

/// The middle of some numbers, or the mean of the two in the middle; NaN of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        many if many % 2 == 1 => values[many / 2],
        many => values[many / 2 - 1].midpoint(values[many / 2]),
    }
}

/// One row for each measurement, in their order.
pub fn rows(measured: &[Measurement]) -> Vec<Row> {
    let row = |one: &Measurement| {
        let ours = measured.iter().find(|other| other.build == one.build && other.contender == Contender::Presentry);
        let (least, our_least) = (one.least_cpu_ms(), ours.and_then(Measurement::least_cpu_ms));
        let peaks: Option<Vec<f64>> = one.samples.iter().map(|sample| sample.peak_mib).collect();
        Row {
            label: one.label(),
            median_ms: rounded(one.median_ms()),
            ratio: rounded(one.median_ms() / ours.map_or(f64::NAN, Measurement::median_ms)),
            cpu_ms: least.map(rounded),
            cpu_ratio: least.zip(our_least).map(|(least, ours)| rounded(least / ours)),
            peak_mib: peaks.map(|peaks| rounded(peaks.into_iter().fold(0.0, f64::max))),
        }
    };
    measured.iter().map(row).collect()
}

/// To two places: the rest is noise.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The rows as JSON: an array of objects with `label`, `median_ms`, `ratio`, `cpu_ms`, `cpu_ratio` and `peak_mib`.
///
/// # Errors
/// Never, as numbers that JSON lacks become `null`.
pub fn json(rows: &[Row]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(rows)
}

/// The rows for a reader, with the fastest and the slowest run.
pub fn table(measured: &[Measurement]) -> String {
    let rows = rows(measured);
    let width = rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>9}  {:>19}  {:>6}  {:>8}  {:>6}  {:>8}\n",
        "", "median ms", "fastest … slowest", "ratio", "cpu ms", "ratio", "peak MiB"
    );
    for (row, one) in rows.iter().zip(measured) {
        let (fastest, slowest) = extremes(one.samples.iter().map(|sample| sample.ms));
        let range = format!("{fastest:.1} … {slowest:.1}");
        let shown = |value: Option<f64>, places| value.map_or("?".to_owned(), |value| format!("{value:.places$}"));
        let (cpu, times, peak) = (shown(row.cpu_ms, 1), shown(row.cpu_ratio, 2), shown(row.peak_mib, 1));
        let Row { label, median_ms, ratio, .. } = row;
        let _ = writeln!(
            text,
            "{label:width$}  {median_ms:>9.1}  {range:>19}  {ratio:>6.2}  {cpu:>8}  {times:>6}  {peak:>8}"
        );
    }
    text
}

/// Something the project wants to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// What is wanted.
    pub text: String,
    /// What was measured.
    pub seen: String,
    /// Whether it holds; nothing for a figure that is only shown beside, or that could not be measured.
    pub holds: Option<bool>,
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = match self.holds {
            Some(true) => "holds ",
            Some(false) => "MISSED",
            None => "beside",
        };
        write!(f, "{verdict}  {}: {}", self.text, self.seen)
    }
}

/// The goals of `docs/performance.md`, over the rows of a run.
pub fn goals(rows: &[Row]) -> Vec<Goal> {
    let row = |build: &str, contender| rows.iter().find(|row| row.label == label(build, contender));
    let faster = |build: &str| row(build, Contender::Node).map(|row| row.ratio);
    let over_copying = |build: &str| {
        let (ours, copy) = (row(build, Contender::Presentry)?, row(build, Contender::Copy)?);
        Some(ours.median_ms / copy.median_ms)
    };
    let large = row("10,000 chunks", Contender::Presentry);
    let back = row("10,000 chunks, 500 import back", Contender::Presentry);
    let time = |row: Option<&Row>| row.map(|row| row.median_ms);
    let peak_mb = |row: Option<&Row>| row.and_then(|row| row.peak_mib).map(|mib| mib * 1.048_576);
    let goal = |text: &str, unit: &str, value: Option<f64>, holds: Option<fn(f64) -> bool>| Goal {
        text: text.to_owned(),
        seen: value.map_or("not measured".to_owned(), |value| format!("{value:.1}{unit}")),
        holds: value.zip(holds).map(|(value, holds)| holds(value)),
    };
    vec![
        goal("facade: at least 15 times faster than the node peer", "", faster("facade"), Some(|it| it >= 15.0)),
        goal("facade: at most 3 times copying and syncing", "", over_copying("facade"), Some(|it| it <= 3.0)),
        goal("10,000 chunks: under 1000 ms", " ms", time(large), Some(|it| it < 1000.0)),
        goal("10,000 chunks: under 100 MB", " MB", peak_mb(large), Some(|it| it < 100.0)),
        goal("inline: times faster than the node peer", "", faster("inline"), None),
        goal("inline: times copying and syncing", "", over_copying("inline"), None),
        goal("10,000 chunks, 500 import back: time", " ms", time(back), None),
        goal("10,000 chunks, 500 import back: memory", " MB", peak_mb(back), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(build: &str, contender: Contender, times: &[f64], peak: f64) -> Measurement {
        let sample = |&ms: &f64| Sample { ms, peak_mib: Some(peak), cpu_ms: Some(ms / 2.0) };
        Measurement { samples: times.iter().map(sample).collect(), ..Measurement::new(build, contender) }
    }

    fn measured(node: f64) -> Vec<Measurement> {
        vec![
            measurement("facade", Contender::Presentry, &[9.0, 4.0, 5.0], 8.0),
            measurement("facade", Contender::Node, &[node], 50.0),
            measurement("facade", Contender::Copy, &[2.0, 3.0], 3.0),
            measurement("10,000 chunks", Contender::Presentry, &[300.0], 96.0),
        ]
    }

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn ratios_are_over_presentry_on_the_same_build() {
        let rows = rows(&measured(100.0));
        let ratios: Vec<(&str, f64)> = rows.iter().map(|row| (row.label.as_str(), row.ratio)).collect();
        let expected = [
            ("facade: presentry", 1.0),
            ("facade: node peer", 20.0),
            ("facade: copy and sync", 0.5),
            ("10,000 chunks: presentry", 1.0),
        ];
        assert_eq!(ratios, expected);
    }

    #[test]
    fn json_is_an_array_of_rows() {
        let json: serde_json::Value = serde_json::from_str(&json(&rows(&measured(100.0))).unwrap()).unwrap();
        let expected = serde_json::json!(
            { "label": "facade: node peer", "median_ms": 100.0, "ratio": 20.0, "cpu_ms": 50.0, "cpu_ratio": 25.0, "peak_mib": 50.0 }
        );
        assert_eq!(json[1], expected);
        assert_eq!(json.as_array().map(Vec::len), Some(4));
    }

    #[test]
    fn goals_hold_or_are_missed() {
        let verdicts = |measured: &[Measurement]| -> Vec<Option<bool>> {
            goals(&rows(measured)).iter().map(|goal| goal.holds).collect()
        };
        // 96 MiB are more than 100 MB.
        let figures = [None; 4];
        assert_eq!(verdicts(&measured(100.0))[..4], [Some(true), Some(true), Some(true), Some(false)]);
        assert_eq!(verdicts(&measured(74.0))[..1], [Some(false)]);
        assert_eq!(verdicts(&measured(74.0))[4..], figures);
        assert_eq!(verdicts(&[])[..4], figures, "nothing measured is nothing that holds");
    }

    #[test]
    fn the_table_shows_the_spread() {
        let table = table(&measured(100.0));
        assert!(table.lines().nth(1).is_some_and(|line| line.contains("4.0 … 9.0")), "{table}");
    }
}
