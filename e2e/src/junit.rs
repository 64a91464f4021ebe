//! Runs as JUnit has them, for the test reports of CI services: a suite for each cell, a case for each check.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::document::{Check, Document, Entry, Judged, OURS};
use crate::visible::visible;

/// The whole document.
///
/// # Errors
/// When it cannot be serialized.
pub fn xml(document: &Document) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("presentry");
    report.add_test_suites(document.scenarios.iter().map(suite));
    Ok(visible(&report.to_string()?))
}

fn suite(entry: &Entry) -> TestSuite {
    let mut suite = TestSuite::new(&*entry.id);
    suite.set_time(std::time::Duration::from_secs_f64(entry.seconds));
    for (package, version) in &entry.versions {
        suite.add_property(Property::new(&**package, &**version));
    }
    for (package, version) in &entry.requested {
        suite.add_property(Property::new(format!("requested {package}"), &**version));
    }
    for column in &entry.columns {
        for check in &column.checks {
            if column.is_ours() {
                suite.add_test_case(case(column, check));
            } else {
                let verdict = if check.passed { "passes" } else { "fails" };
                suite.add_property(Property::new(format!("{}: {}", column.title, check.label()), verdict));
            }
        }
    }
    if let Some(error) = &entry.error {
        suite.add_test_case(failed("run", "no judgement", error));
    }
    suite
}

fn case(column: &Judged, check: &Check) -> TestCase {
    let name = match column.column.as_str() {
        OURS => check.label(),
        _ => format!("{}: {}", column.title, check.label()),
    };
    let mut case = match (&check.known, check.passed) {
        (Some(reason), false) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&**reason);
            TestCase::new(name, status)
        }
        (_, true) => TestCase::new(name, TestCaseStatus::success()),
        (None, false) => return failed(&name, &check.seen, &check.render()),
    };
    case.set_system_out(&*check.seen);
    case
}

fn failed(name: &str, message: &str, text: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message).set_description(text);
    TestCase::new(name, status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SDK;
    use crate::document::tests::{column, entry, judged};

    #[test]
    fn a_suite_has_our_checks_and_the_sdks_are_properties() {
        let mut known = judged(7, false, Some("upstream"));
        known.seen = "a < b \u{1b}[1m\u{202e}]]></system-out>".to_owned();
        let ours = column(OURS, vec![judged(1, true, None), judged(2, false, None), known]);
        let mut run = entry("basic", vec![ours, column(SDK, vec![judged(4, false, None)])]);
        run.columns.push(column("bundled", vec![judged(1, true, None)]));
        let mut dead = entry("js", vec![]);
        dead.error = Some("npm failed".to_owned());
        let text = xml(&Document::new(vec![run, dead])).unwrap();
        for part in [
            "<testsuite name=\"basic\" tests=\"4\" disabled=\"1\" errors=\"0\" failures=\"1\" time=\"12.500\">",
            "<property name=\"vinxi\" value=\"0.5.11\"/>",
            "<property name=\"requested vinxi\" value=\"0.5.11\"/>",
            "<property name=\"SDK alone: oracle 4 name 4\" value=\"fails\"/>",
            "name=\"bundled: oracle 1 name 1\"",
            "<failure message=\"nothing &lt;b&gt;&quot;came&quot;&lt;/b&gt;\"",
            "<skipped message=\"upstream\"/>",
            "a &lt; b ",
            "<failure message=\"no judgement\">npm failed</failure>",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "XML 1.0 has no such character, or it is invisible");
        assert_eq!(text.matches("</system-out>").count(), text.matches("<system-out>").count(), "{text}");
    }
}
