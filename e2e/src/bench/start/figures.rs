//! What a run of `bench start` measured, and what follows from it: rows, tables, goals. Pure functions.

use std::fmt::Write;

use serde::Serialize;

use super::super::rows::{Goal, Sample, extremes, median, rounded};
use super::{AHEAD, BARE, BASELINE, BUNDLED, PRUNED};

/// Everything that a run measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Servers, grouped by fixture and Node.
    pub starts: Vec<Started>,
    /// The command itself.
    pub commands: Vec<Rewritten>,
    /// What the builds hold.
    pub packages: Vec<Packages>,
}

/// All starts of one contender of one fixture under one Node.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The fixture.
    pub fixture: String,
    /// The version of Node.
    pub node: String,
    /// The contender.
    pub label: &'static str,
    /// In the order of the runs: the time until the server listens, and its peak resident set until then.
    pub samples: Vec<Sample>,
    /// How many files of the app are opened until then, where the system tells.
    pub files: Option<usize>,
}

/// All runs of the command with the same flags on one fixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewritten {
    /// The fixture.
    pub fixture: String,
    /// What is run, with its flags.
    pub label: &'static str,
    /// In the order of the runs, in milliseconds.
    pub times: Vec<f64>,
}

/// How large the `node_modules` of a built server is, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// The fixture.
    pub fixture: String,
    /// As it was built.
    pub before: u64,
    /// After `--prune`.
    pub after: u64,
}

/// One row of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StartRow {
    /// The contender.
    pub label: &'static str,
    /// The version of Node.
    pub node: String,
    /// The fixture.
    pub fixture: String,
    /// The median over the runs.
    pub median_ms: f64,
    /// This median divided by that of `--import`, of the same fixture under the same Node.
    pub ratio: f64,
}

impl Started {
    pub(super) fn median_ms(&self) -> f64 {
        median(self.times())
    }

    /// The fastest and the slowest run.
    pub(super) fn extremes(&self) -> (f64, f64) {
        extremes(self.times())
    }

    /// The median of what processors spent, where that is known of every run.
    fn cpu_ms(&self) -> Option<f64> {
        let times: Option<Vec<f64>> = self.samples.iter().map(|sample| sample.cpu_ms).collect();
        times.map(|times| median(times.into_iter()))
    }

    fn times(&self) -> impl Iterator<Item = f64> + Clone {
        self.samples.iter().map(|sample| sample.ms)
    }

    /// Whether both are of one fixture under one Node, and so to be compared.
    pub(super) fn is_beside(&self, other: &Started) -> bool {
        self.fixture == other.fixture && self.node == other.node
    }
}

impl Figures {
    /// One row for each contender of each fixture under each Node.
    pub fn rows(&self) -> Vec<StartRow> {
        self.starts
            .iter()
            .map(|one| StartRow {
                label: one.label,
                node: one.node.clone(),
                fixture: one.fixture.clone(),
                median_ms: rounded(one.median_ms()),
                ratio: rounded(self.ratio(one)),
            })
            .collect()
    }

    /// The rows as JSON: an array of objects with `label`, `node`, `fixture`, `median_ms` and `ratio`, and nothing else.
    ///
    /// # Errors
    /// Never, as numbers that JSON lacks become `null`.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.rows())
    }

    /// NaN where there is nothing to compare with.
    pub(super) fn ratio(&self, one: &Started) -> f64 {
        one.median_ms() / self.baseline(one).map_or(f64::NAN, Started::median_ms)
    }

    /// The same of what processors spent.
    fn cpu_ratio(&self, one: &Started) -> Option<f64> {
        Some(one.cpu_ms()? / self.baseline(one)?.cpu_ms()?)
    }

    fn baseline(&self, one: &Started) -> Option<&Started> {
        self.starts.iter().find(|other| other.is_beside(one) && other.label == BASELINE)
    }

    /// The tables for a reader, with everything that was measured.
    pub fn table(&self) -> String {
        let commands = self.commands.iter().map(|one| title(&one.fixture, one.label).len());
        let labels = self.starts.iter().map(|one| one.label.len() + INDENT.len());
        let titles = self.starts.iter().map(|one| node_title(one).len());
        let width = commands.chain(labels).chain(titles).max().unwrap_or_default();
        let mut text = String::new();
        let mut above: Option<&Started> = None;
        for one in &self.starts {
            if above.is_none_or(|above| !above.is_beside(one)) {
                let gap = if above.is_some() { "\n" } else { "" };
                let _ = writeln!(
                    text,
                    "{gap}{:width$}  {:>9}  {:>17}  {:>6}  {:>6}  {:>6}  {:>8}  {:>6}",
                    node_title(one),
                    "median ms",
                    "fastest … slowest",
                    "ratio",
                    "CPU ms",
                    "ratio",
                    "peak MiB",
                    "files"
                );
            }
            above = Some(one);
            let label = format!("{INDENT}{}", one.label);
            let peaks: Option<Vec<f64>> = one.samples.iter().map(|sample| sample.peak_mib).collect();
            let peak = peaks.map_or("?".to_owned(), |peaks| format!("{:.1}", extremes(peaks.into_iter()).1));
            let files = one.files.map_or("?".to_owned(), |files| files.to_string());
            let (median, range, ratio) = (one.median_ms(), range(one.extremes()), self.ratio(one));
            let cpu = one.cpu_ms().map_or("?".to_owned(), |cpu| format!("{cpu:.0}"));
            let of_cpu = self.cpu_ratio(one).map_or("?".to_owned(), |ratio| format!("{ratio:.2}"));
            let times = format!("{median:>9.0}  {range:>17}  {ratio:>6.2}  {cpu:>6}  {of_cpu:>6}");
            let _ = writeln!(text, "{label:width$}  {times}  {peak:>8}  {files:>6}");
        }
        let _ = writeln!(text, "\n{:width$}  {:>9}  {:>17}", "the command", "median ms", "fastest … slowest");
        for one in &self.commands {
            let label = title(&one.fixture, one.label);
            let times = one.times.iter().copied();
            let (median, range) = (median(times.clone()), range(extremes(times)));
            let _ = writeln!(text, "{label:width$}  {median:>9.0}  {range:>17}");
        }
        let _ = writeln!(text, "\n{:width$}  {:>9}  {:>17}  {:>6}", "node_modules", "MB", "MB after --prune", "ratio");
        for one in &self.packages {
            let [before, after] = [one.before, one.after].map(megabytes);
            let label = format!("{INDENT}{}", one.fixture);
            let _ = writeln!(text, "{label:width$}  {before:>9.1}  {after:>17.1}  {:>6.2}", one.ratio());
        }
        text
    }

    /// The goals of `docs/performance.md`.
    pub fn goals(&self) -> Vec<Goal> {
        let ratio = |fixture: &str, label| {
            let is_meant = |one: &&Started| one.fixture == fixture && one.label == label && one.node.starts_with("20.");
            self.starts.iter().find(is_meant).map(|one| self.ratio(one))
        };
        let mut goals = Vec::new();
        for (fixture, most) in [("basic", 0.45), ("database", 0.55)] {
            let wanted = format!("{fixture}, Node.js 20: `{BUNDLED}` in at most {most} of the time of `{BASELINE}`");
            goals.push(goal(wanted, "", ratio(fixture, BUNDLED), most));
        }
        for one in self.starts.iter().filter(|one| one.label == AHEAD) {
            goals.extend(self.goals_ahead(one));
        }
        for one in &self.packages {
            let wanted = format!("{}: with `--prune` at most half of `node_modules`", one.fixture);
            goals.push(goal(wanted, "", Some(one.ratio()), 0.5));
        }
        for one in self.commands.iter().filter(|one| [BUNDLED, PRUNED].contains(&one.label)) {
            let seconds = median(one.times.iter().copied()) / 1000.0;
            goals.push(goal(format!("{}: `presentry {}` under 2 s", one.fixture, one.label), " s", Some(seconds), 2.0));
        }
        goals
    }

    /// The goals of a build with SDK 11 whose libraries are injected ahead of time, under one Node.
    fn goals_ahead(&self, one: &Started) -> Vec<Goal> {
        let beside = |label| self.starts.iter().find(|other| other.label == label && one.is_beside(other));
        let wall = |of: &Started| Some(of.median_ms());
        let most_of_bare = if one.node.starts_with("20.") { 1.8 } else { 1.4 };
        let goal_beside = |label, what, of: &dyn Fn(&Started) -> Option<f64>, most| {
            let wanted = format!("{}: `{AHEAD}` in at most {most} of the {what} of `{label}`", node_title(one));
            let ratio = beside(label).and_then(|other| Some(of(one)? / of(other)?));
            goal(wanted, "", ratio, most)
        };
        [
            goal_beside(BASELINE, "time", &wall, 0.35),
            goal_beside(BASELINE, "processor time", &Started::cpu_ms, 0.35),
            goal_beside(BARE.label, "time", &wall, most_of_bare),
            goal_beside(BARE.label, "processor time", &Started::cpu_ms, 1.45),
        ]
        .into()
    }
}

impl Packages {
    #[allow(clippy::cast_precision_loss, reason = "no build holds 2^53 bytes")]
    fn ratio(&self) -> f64 {
        self.after as f64 / self.before as f64
    }
}

const INDENT: &str = "  ";

fn node_title(one: &Started) -> String {
    format!("{}, Node.js {}", one.fixture, one.node)
}

fn title(fixture: &str, label: &str) -> String {
    format!("{INDENT}{fixture}: {label}")
}

fn range((fastest, slowest): (f64, f64)) -> String {
    format!("{fastest:.0} … {slowest:.0}")
}

#[allow(clippy::cast_precision_loss, reason = "no build holds 2^53 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn goal(text: String, unit: &str, value: Option<f64>, most: f64) -> Goal {
    Goal {
        text,
        seen: value.map_or("not measured".to_owned(), |value| format!("{value:.2}{unit}")),
        holds: value.map(|value| value <= most),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn started(fixture: &str, node: &str, label: &'static str, times: &[f64]) -> Started {
        let sample = |ms: &f64| Sample { ms: *ms, peak_mib: Some(130.0 + ms / 1000.0), cpu_ms: Some(ms * 1.5) };
        let (fixture, node) = (fixture.to_owned(), node.to_owned());
        Started { fixture, node, label, samples: times.iter().map(sample).collect(), files: Some(1200) }
    }

    /// Two fixtures under two Nodes.
    pub(in super::super) fn measured() -> Figures {
        let mut starts = Vec::new();
        for (fixture, slower) in [("basic", 1.0), ("database", 2.0)] {
            for (node, faster) in [("20.1.0", 1.0), ("22.1.0", 0.5)] {
                for (label, times) in [
                    (BASELINE, [1100.0, 900.0, 1000.0]),
                    ("--no-bundle-sdk", [900.0; 3]),
                    (BUNDLED, [390.0, 410.0, 400.0]),
                ] {
                    starts.push(started(fixture, node, label, &times.map(|time| time * slower * faster)));
                }
            }
        }
        let command = |label, times: &[f64]| Rewritten { fixture: "basic".to_owned(), label, times: times.to_vec() };
        let commands = vec![command("--no-bundle-sdk", &[80.0]), command(BUNDLED, &[1000.0, 3000.0, 1500.0])];
        let packages = vec![Packages { fixture: "basic".to_owned(), before: 27_000_000, after: 2_700_000 }];
        Figures { starts, commands, packages }
    }

    #[test]
    fn ratios_are_over_the_same_fixture_under_the_same_node() {
        let rows = measured().rows();
        let medians: Vec<f64> = rows.iter().map(|row| row.median_ms).collect();
        assert_eq!(medians, [1000.0, 900.0, 400.0, 500.0, 450.0, 200.0, 2000.0, 1800.0, 800.0, 1000.0, 900.0, 400.0]);
        for row in rows {
            let expected = [(BASELINE, 1.0), ("--no-bundle-sdk", 0.9), (BUNDLED, 0.4)];
            assert!(expected.contains(&(row.label, row.ratio)), "{row:?}");
        }
    }

    #[test]
    fn json_is_rows_of_five_fields_and_nothing_else() {
        let json: serde_json::Value = serde_json::from_str(&measured().json().unwrap()).unwrap();
        let expected = serde_json::json!({
            "label": "--bundle-sdk", "node": "22.1.0", "fixture": "database", "median_ms": 400.0, "ratio": 0.4,
        });
        assert_eq!(json[11], expected);
        assert_eq!(json.as_array().map(Vec::len), Some(12));
        for row in json.as_array().into_iter().flatten() {
            let keys: Vec<&String> = row.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
            assert_eq!(keys, ["label", "node", "fixture", "median_ms", "ratio"]);
        }
    }

    #[test]
    fn goals_hold_or_are_missed() {
        let verdicts =
            |figures: &Figures| -> Vec<Option<bool>> { figures.goals().iter().map(|goal| goal.holds).collect() };
        assert_eq!(verdicts(&measured()), [Some(true); 4]);
        let mut slow = measured();
        // 0.5 of the time of `--import`: too much for one fixture, and not for the other.
        for one in slow.starts.iter_mut().filter(|one| one.label == BUNDLED) {
            one.samples.iter_mut().for_each(|sample| sample.ms *= 1.25);
        }
        slow.packages[0].after = 14_000_000;
        slow.commands[1].times = vec![2100.0];
        assert_eq!(verdicts(&slow), [Some(false), Some(true), Some(false), Some(false)]);
        let mut without = measured();
        without.starts.retain(|one| one.node.starts_with("22"));
        assert_eq!(verdicts(&without)[..2], [None; 2], "what was not measured does not hold");
        without.starts = measured().starts;
        without.starts.retain(|one| one.label != BASELINE);
        assert!(without.goals()[0].seen.contains("NaN") && !without.goals()[0].holds.unwrap_or_default());
    }

    #[test]
    fn goals_ahead_compare_with_both() {
        let of = |ahead: f64| {
            let starts = [(BASELINE, 1000.0), (AHEAD, ahead), (BARE.label, 200.0)];
            let starts = starts.map(|(label, ms)| started("sdk-alone", "22.1.0", label, &[ms])).into();
            let goals = Figures { starts, ..Figures::default() }.goals();
            goals.iter().filter(|goal| goal.text.contains(AHEAD)).map(|goal| goal.holds).collect::<Vec<_>>()
        };
        assert_eq!(of(270.0), [Some(true); 4]);
        assert_eq!(of(285.0), [Some(true), Some(true), Some(false), Some(true)]);
        assert_eq!(of(400.0), [Some(false); 4]);
    }

    #[test]
    fn the_table_has_everything() {
        let mut figures = measured();
        let unknown = Sample { peak_mib: None, ..figures.starts[1].samples[0] };
        figures.starts[1].samples[0] = unknown;
        figures.starts[1].files = None;
        expect_test::expect![[r#"
            basic, Node.js 20.1.0     median ms  fastest … slowest   ratio  CPU ms   ratio  peak MiB   files
              --import                     1000         900 … 1100    1.00    1500    1.00     131.1    1200
              --no-bundle-sdk               900          900 … 900    0.90    1350    0.90         ?       ?
              --bundle-sdk                  400          390 … 410    0.40     600    0.40     130.4    1200

            basic, Node.js 22.1.0     median ms  fastest … slowest   ratio  CPU ms   ratio  peak MiB   files
              --import                      500          450 … 550    1.00     750    1.00     130.6    1200
              --no-bundle-sdk               450          450 … 450    0.90     675    0.90     130.4    1200
              --bundle-sdk                  200          195 … 205    0.40     300    0.40     130.2    1200

            database, Node.js 20.1.0  median ms  fastest … slowest   ratio  CPU ms   ratio  peak MiB   files
              --import                     2000        1800 … 2200    1.00    3000    1.00     132.2    1200
              --no-bundle-sdk              1800        1800 … 1800    0.90    2700    0.90     131.8    1200
              --bundle-sdk                  800          780 … 820    0.40    1200    0.40     130.8    1200

            database, Node.js 22.1.0  median ms  fastest … slowest   ratio  CPU ms   ratio  peak MiB   files
              --import                     1000         900 … 1100    1.00    1500    1.00     131.1    1200
              --no-bundle-sdk               900          900 … 900    0.90    1350    0.90     130.9    1200
              --bundle-sdk                  400          390 … 410    0.40     600    0.40     130.4    1200

            the command               median ms  fastest … slowest
              basic: --no-bundle-sdk         80            80 … 80
              basic: --bundle-sdk          1500        1000 … 3000

            node_modules                     MB   MB after --prune   ratio
              basic                        27.0                2.7    0.10
        "#]]
        .assert_eq(&figures.table());
    }
}
