//! What runs came to: their checks, how they are printed, for people and for programs, and their count.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::document::{self, Document, Wanted};
use crate::evidence::Evidence;
use crate::oracles::Judgement;
use crate::process::Source;
use crate::progress::Phase;

/// The title of the column of the build with the SDK bundled.
pub const BUNDLED: &str = "presentry --prune";

/// What the column without the bundle is called. The npm package rewrites a build as it does by default.
pub const UNBUNDLED: &str = "presentry --no-bundle-sdk";

/// One oracle, or one check beside them.
#[derive(Debug, Clone)]
pub struct Check {
    /// The oracle's number in the design; nothing for the checks beside them.
    pub oracle: Option<u8>,
    /// Its name.
    pub name: &'static str,
    /// What was seen.
    pub judgement: Judgement,
    /// Why it fails upstream, where that is known. It does not count as failed then, and passing is news.
    pub known: Option<String>,
    /// The processes that were looked at.
    pub sources: Vec<Source>,
}

/// The checks of one scenario.
#[derive(Debug, Clone)]
pub struct Report {
    /// The name of the scenario, or of its cell.
    pub scenario: String,
    /// The versions that were asked for instead of the lockfile's.
    pub requested: BTreeMap<String, String>,
    /// The versions that were really installed, and Node's.
    pub versions: BTreeMap<String, String>,
    /// In the order they are printed.
    pub checks: Vec<Check>,
    /// What the same oracles say of the SDK's own build, where it was looked at. Never counted as ours.
    pub sdk: Option<Vec<Check>>,
    /// What was seen besides.
    pub evidence: Evidence,
    /// What they say of the build with the SDK bundled, where it was looked at. Counted as ours.
    pub bundled: Option<Vec<Check>>,
    /// The work directory, where it was kept.
    pub kept: Option<PathBuf>,
}

impl Check {
    /// `ok oracle 2 name: seen`, or `FAIL …` followed by the evidence.
    pub fn render(&self) -> String {
        match (&self.judgement, &self.known) {
            (Ok(seen), None) => format!("ok {}: {seen}\n", self.label()),
            (Ok(seen), Some(reason)) => format!(
                "news {}: {seen}\n  passes, although it is known to fail: {reason}\n  hint: remove that from `{}`\n",
                self.label(),
                crate::matrix::FILE
            ),
            (Err(seen), Some(reason)) => format!("known {}: {seen}\n  {reason}\n", self.label()),
            (Err(seen), None) => {
                let mut text = format!("FAIL {}: {seen}\n", self.label());
                for source in &self.sources {
                    let _ = writeln!(text, "{source}");
                }
                text
            }
        }
    }

    fn label(&self) -> String {
        label(self.oracle, self.name)
    }

    /// Whether it failed, and not for a known reason.
    fn failed(&self) -> bool {
        self.judgement.is_err() && self.known.is_none()
    }
}

/// `oracle 2 name`, or `check name`.
pub(crate) fn label(oracle: Option<u8>, name: &str) -> String {
    match oracle {
        Some(number) => format!("oracle {number} {name}"),
        None => format!("check {name}"),
    }
}

impl Report {
    /// The columns: what a program calls them, what a reader is shown, and their checks. Ours is the first.
    pub fn columns(&self) -> Vec<(&'static str, &'static str, &[Check])> {
        let mut columns = vec![(document::OURS, UNBUNDLED, &self.checks[..])];
        columns.extend(self.bundled.iter().map(|checks| (document::BUNDLED, BUNDLED, &checks[..])));
        columns.extend(self.sdk.iter().map(|checks| (document::SDK, "SDK alone", &checks[..])));
        columns
    }

    /// The checks of what presentry makes of the build: those that count.
    fn counted(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().chain(self.bundled.iter().flatten())
    }

    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.counted().filter(|check| check.judgement.is_ok()).count()
    }

    /// How many checks failed.
    pub fn failed(&self) -> usize {
        self.counted().filter(|check| check.failed()).count()
    }

    /// The results in three numbers: passed, known to fail upstream, failed.
    fn tally(checks: &[Check]) -> String {
        let passed = checks.iter().filter(|check| check.judgement.is_ok()).count();
        let failed = checks.iter().filter(|check| check.failed()).count();
        match checks.len() - passed - failed {
            0 => format!("{passed} passed, {failed} failed"),
            known => format!("{passed} passed, {known} known to fail, {failed} failed"),
        }
    }

    /// Whether something was checked, and nothing failed.
    pub fn success(&self) -> bool {
        self.failed() == 0 && self.passed() > 0
    }

    /// `scenario basic: 10 passed, 0 failed`, and where the work directory is when it was kept.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        if let Some(kept) = &self.kept {
            let _ = writeln!(text, "work directory: {}", kept.display());
        }
        if let Some(sdk) = &self.sdk {
            let _ = writeln!(text, "the SDK alone: {} (not counted)", Report::tally(sdk));
        }
        if let Some(bundled) = &self.bundled {
            let _ = writeln!(text, "{BUNDLED}: {}", Report::tally(bundled));
        }
        let _ = writeln!(text, "scenario {}: {}", self.scenario, Report::tally(&self.checks));
        text
    }
}

/// One scenario's run.
#[derive(Debug)]
pub struct Ran {
    /// The name of the scenario, or of its cell.
    pub scenario: String,
    /// The cell, as a report names it.
    pub cell: Wanted,
    /// The versions that were asked for instead of the lockfile's.
    pub requested: BTreeMap<String, String>,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Its steps.
    pub phases: Vec<Phase>,
    /// The report; an error where the run came to no judgement.
    pub report: anyhow::Result<Report>,
    /// What was printed meanwhile.
    pub text: String,
}

impl Ran {
    /// What comes last: the summary, or why there is none.
    pub fn summary(&self) -> String {
        match &self.report {
            Ok(report) => report.summary(),
            Err(error) => format!("FAIL scenario {}: {error:#}\n", self.scenario),
        }
    }

    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.report.as_ref().map_or(0, Report::passed)
    }

    /// How many checks failed. A run without a judgement, or without a check, failed once.
    pub fn failed(&self) -> usize {
        match &self.report {
            Ok(report) if report.checks.is_empty() => 1,
            Ok(report) => report.failed(),
            Err(_) => 1,
        }
    }
}

/// `13 passed, 0 failed`, over all runs.
pub fn total(runs: &[Ran]) -> String {
    let (passed, failed) = counts(runs);
    format!("{passed} passed, {failed} failed\n")
}

/// Whether something was checked, and nothing failed.
pub fn success(runs: &[Ran]) -> bool {
    let (passed, failed) = counts(runs);
    passed > 0 && failed == 0
}

/// How many checks passed and failed in all runs.
pub fn counts(runs: &[Ran]) -> (usize, usize) {
    (runs.iter().map(Ran::passed).sum(), runs.iter().map(Ran::failed).sum())
}

/// All runs for a program: what [`Document`] has.
///
/// # Errors
/// When a path in it is not UTF-8.
pub fn json(runs: &[Ran]) -> serde_json::Result<Value> {
    serde_json::to_value(Document::new(runs))
}

/// All runs as JUnit has them: a suite for each scenario, a case for each check.
pub fn junit(runs: &[Ran]) -> String {
    let (passed, failed) = counts(runs);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites tests=\"{}\" failures=\"{failed}\">", passed + failed);
    for run in runs {
        let name = xml(&run.scenario);
        let (tests, failures) = (run.passed() + run.failed(), run.failed());
        let seconds = run.took.as_secs_f64();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" time=\"{seconds:.3}\">"
        );
        match &run.report {
            Ok(report) => {
                text.push_str("    <properties>\n");
                for (package, version) in &report.versions {
                    let _ = writeln!(text, "      <property name=\"{}\" value=\"{}\"/>", xml(package), xml(version));
                }
                for (package, version) in &report.requested {
                    let _ = writeln!(
                        text,
                        "      <property name=\"requested {}\" value=\"{}\"/>",
                        xml(package),
                        xml(version)
                    );
                }
                for check in report.sdk.iter().flatten() {
                    let verdict = if check.judgement.is_ok() { "passes" } else { "fails" };
                    let name = xml(&format!("SDK alone: {}", check.label()));
                    let _ = writeln!(text, "      <property name=\"{name}\" value=\"{verdict}\"/>");
                }
                text.push_str("    </properties>\n");
                let columns = [("", &report.checks[..]), (BUNDLED, report.bundled.as_deref().unwrap_or_default())];
                for (column, check) in
                    columns.iter().flat_map(|(column, checks)| checks.iter().map(move |it| (column, it)))
                {
                    let column = if column.is_empty() { String::new() } else { format!("{column}: ") };
                    let label = xml(&format!("{column}{}", check.label()));
                    let _ = match &check.judgement {
                        Err(seen) if check.known.is_some() => writeln!(
                            text,
                            "    <testcase classname=\"{name}\" name=\"{label}\"><skipped message=\"{}\"/><system-out>{}</system-out></testcase>",
                            xml(check.known.as_deref().unwrap_or_default()),
                            xml(seen)
                        ),
                        Ok(seen) => writeln!(
                            text,
                            "    <testcase classname=\"{name}\" name=\"{label}\"><system-out>{}</system-out></testcase>",
                            xml(seen)
                        ),
                        Err(seen) => writeln!(
                            text,
                            "    <testcase classname=\"{name}\" name=\"{label}\"><failure message=\"{}\">{}</failure></testcase>",
                            xml(seen),
                            xml(&check.render())
                        ),
                    };
                }
            }
            Err(error) => {
                let error = xml(&format!("{error:#}"));
                let _ = writeln!(
                    text,
                    "    <testcase classname=\"{name}\" name=\"run\"><failure message=\"no judgement\">{error}</failure></testcase>"
                );
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn xml(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // As they are, a parser makes spaces of them in an attribute.
            '\n' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            // XML 1.0 has no way to write the other control characters, such as those of terminal colours.
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(judgements: &[Judgement]) -> Report {
        let check = |judgement: &Judgement| Check {
            oracle: Some(2),
            name: "name",
            judgement: judgement.clone(),
            known: None,
            sources: vec![Source { command: "node x".to_owned(), directory: "/d".into(), log: "/l".into() }],
        };
        Report {
            scenario: "basic".to_owned(),
            requested: BTreeMap::new(),
            versions: BTreeMap::from([("vinxi".to_owned(), "0.5.11".to_owned())]),
            checks: judgements.iter().map(check).collect(),
            sdk: None,
            evidence: Evidence::default(),
            bundled: None,
            kept: None,
        }
    }

    fn ran(report: anyhow::Result<Report>) -> Ran {
        let requested = BTreeMap::from([("vinxi".to_owned(), "0.5.11".to_owned())]);
        Ran {
            scenario: "basic".to_owned(),
            cell: document::tests::wanted("basic"),
            requested,
            started: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(1500),
            phases: Vec::new(),
            report,
            text: String::new(),
        }
    }

    #[test]
    fn counts_and_says_what_failed() {
        let report = report(&[Ok("fine".to_owned()), Err("nothing".to_owned())]);
        assert!(!report.success());
        assert_eq!(report.summary(), "scenario basic: 1 passed, 1 failed\n");
        assert_eq!(report.checks[0].render(), "ok oracle 2 name: fine\n");
        assert_eq!(
            report.checks[1].render(),
            "FAIL oracle 2 name: nothing\n  command: node x\n  directory: /d\n  log: /l\n"
        );
    }

    #[test]
    fn what_is_known_to_fail_does_not_count_and_is_news_when_it_passes() {
        let mut report = report(&[Ok("fine".to_owned()), Err("nothing".to_owned())]);
        for check in &mut report.checks {
            check.known = Some("upstream".to_owned());
        }
        assert!(report.success());
        assert_eq!(report.summary(), "scenario basic: 1 passed, 1 known to fail, 0 failed\n");
        assert!(report.checks[0].render().starts_with("news oracle 2 name: fine\n  passes, although"));
        assert_eq!(report.checks[1].render(), "known oracle 2 name: nothing\n  upstream\n");
        report.checks[1].known = None;
        assert!(!report.success());
        // Whatever the SDK's own build does, ours is not red for it.
        report.sdk = Some(std::mem::take(&mut report.checks));
        assert_eq!(report.failed(), 0);
        assert!(report.summary().contains("the SDK alone: 1 passed, 1 failed (not counted)"));
        let runs = [ran(Ok(report))];
        assert_eq!(json(&runs).unwrap()["scenarios"][0]["columns"][1]["checks"][1]["passed"], false);
        assert!(junit(&runs).contains("<property name=\"SDK alone: oracle 2 name\" value=\"fails\"/>"));
    }

    #[test]
    fn what_the_bundled_build_does_counts() {
        let mut whole = report(&[Ok("fine".to_owned())]);
        whole.bundled = Some(report(&[Ok("fine".to_owned()), Err("lost".to_owned())]).checks);
        assert!(!whole.success());
        assert_eq!((whole.passed(), whole.failed()), (2, 1));
        assert_eq!(whole.summary(), "presentry --prune: 1 passed, 1 failed\nscenario basic: 1 passed, 0 failed\n");
        let runs = [ran(Ok(whole))];
        assert_eq!(json(&runs).unwrap()["scenarios"][0]["columns"][1]["checks"][1]["passed"], false);
        let junit = junit(&runs);
        assert!(junit.contains("<testsuites tests=\"3\" failures=\"1\">"), "{junit}");
        assert!(junit.contains("name=\"presentry --prune: oracle 2 name\"><failure"), "{junit}");
    }

    #[test]
    fn nothing_checked_is_no_success() {
        assert!(!report(&[]).success());
        assert!(report(&[Ok(String::new())]).success());
        assert!(!success(&[]));
        assert!(!success(&[ran(Ok(report(&[]))), ran(Ok(report(&[Ok(String::new())])))]));
    }

    #[test]
    fn a_run_without_a_judgement_fails_and_the_others_count() {
        let runs = [ran(Ok(report(&[Ok("fine".to_owned())]))), ran(Err(anyhow::anyhow!("npm failed")))];
        assert_eq!(total(&runs), "1 passed, 1 failed\n");
        assert!(!success(&runs));
        assert!(success(&runs[..1]));
        assert_eq!(runs[1].summary(), "FAIL scenario basic: npm failed\n");
    }

    #[test]
    fn programs_read_the_same() {
        let runs = [
            ran(Ok(report(&[Ok("a < b".to_owned()), Err("\"no\"".to_owned())]))),
            ran(Err(anyhow::anyhow!("npm failed"))),
        ];
        let json = json(&runs).unwrap();
        assert_eq!(json["passed"], 1);
        assert_eq!(json["failed"], 2);
        assert_eq!(json["scenarios"][0]["columns"][0]["checks"][1]["seen"], "\"no\"");
        assert_eq!(json["scenarios"][0]["versions"]["vinxi"], "0.5.11");
        assert_eq!(json["scenarios"][1]["error"], "npm failed");
        let junit = junit(&runs);
        assert!(junit.contains("<testsuites tests=\"3\" failures=\"2\">"), "{junit}");
        assert!(junit.contains("<testsuite name=\"basic\" tests=\"2\" failures=\"1\" time=\"1.500\">"), "{junit}");
        assert!(junit.contains("<system-out>a &lt; b</system-out>"), "{junit}");
        assert!(junit.contains("<failure message=\"&quot;no&quot;\">"), "{junit}");
        assert!(junit.contains("npm failed"), "{junit}");
    }

    #[test]
    fn xml_has_no_control_characters() {
        assert_eq!(xml("a\u{1b}[1m\n&"), "a\u{fffd}[1m&#10;&amp;");
    }
}
