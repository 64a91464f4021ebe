//! What is kept of runs. The documents of other tests are made here, too.

use super::*;
use crate::evidence::{Exports, Log};
use crate::timeline::{Moment, Timeline, What};

/// What a check saw that failed.
pub(crate) const NOTHING: &str = "nothing <b>\"came\"</b>";

pub(crate) fn judged(oracle: u8, passed: bool, known: Option<&str>) -> Check {
    Check {
        oracle: Some(oracle),
        name: format!("name {oracle}"),
        passed,
        seen: if passed { "fine".to_owned() } else { NOTHING.to_owned() },
        known: known.map(str::to_owned),
        sources: vec![Source { command: "node x".to_owned(), directory: "/d".into(), log: "/l".into() }],
    }
}

pub(crate) fn column(column: &str, checks: Vec<Check>) -> Judged {
    let title = if column == SDK { "SDK alone" } else { column };
    Judged { column: column.to_owned(), title: title.to_owned(), checks }
}

pub(crate) fn entry(id: &str, columns: Vec<Judged>) -> Entry {
    let checks = || columns.iter().take(1).flat_map(|column| &column.checks);
    let versions = [("node", "20.20.2"), ("npm", "11.19.1"), ("vinxi", "0.5.11")];
    Entry {
        id: id.to_owned(),
        about: "what it is there for".to_owned(),
        preset: "node-server".to_owned(),
        server: true,
        date: "2026-11-22T14:37:32Z".to_owned(),
        system: "linux x86_64".to_owned(),
        seconds: 12.5,
        passed: checks().filter(|check| check.passed).count(),
        failed: checks().filter(|check| !check.passed && check.known.is_none()).count(),
        versions: versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into(),
        requested: [("vinxi".to_owned(), "0.5.11".to_owned())].into(),
        columns,
        phases: vec![Phase { name: "npm ci".to_owned(), seconds: 3.5, cached: false }],
        evidence: Evidence {
            timelines: vec![Timeline {
                of: "presentry".to_owned(),
                moments: [What::Sentry, What::Runtime, What::Listening]
                    .into_iter()
                    .zip([400, 450, 500])
                    .map(|(what, at)| Moment { what, at })
                    .collect(),
                loads: 27,
            }],
            exports: vec![Exports {
                of: "unrewritten".to_owned(),
                kinds: [("default".to_owned(), "object of `Object`".to_owned())].into(),
                error: None,
            }],
            logs: vec![Log {
                name: "boot.log".to_owned(),
                command: "node x".to_owned(),
                tail: "Listening <script>alert(1)</script>".to_owned(),
                before: 3,
            }],
            ..Evidence::default()
        },
        ..Entry::default()
    }
}

pub(crate) fn document(scenarios: Vec<Entry>) -> Document {
    Document::new(scenarios)
}

#[test]
fn counts_and_says_what_failed() {
    let mut run = entry("basic", vec![column(OURS, vec![judged(2, true, None), judged(3, false, None)])]);
    run.count();
    assert_eq!((run.passed, run.failed), (1, 1));
    assert_eq!(run.summary(), "scenario basic: 1 passed, 1 failed\n");
    let checks = &run.columns[0].checks;
    assert_eq!(checks[0].render(), "ok oracle 2 name 2: fine\n");
    let failed = checks[1].render();
    assert!(failed.starts_with("FAIL oracle 3 name 3: nothing"), "{failed}");
    assert!(failed.ends_with("\n  command: node x\n  directory: /d\n  log: /l\n"), "{failed}");
}

#[test]
fn what_is_known_to_fail_does_not_count_and_is_news_when_it_passes() {
    let checks = || vec![judged(2, true, Some("upstream")), judged(3, false, Some("upstream"))];
    let mut run = entry("basic", vec![column(OURS, checks())]);
    run.count();
    assert!(run.success());
    assert_eq!(run.summary(), "scenario basic: 1 passed, 1 known to fail, 0 failed\n");
    assert!(run.columns[0].checks[0].render().starts_with("news oracle 2 name 2: fine\n  passes, although"));
    assert!(run.columns[0].checks[1].render().starts_with("known oracle 3 name 3: nothing"));
}

#[test]
fn what_the_sdk_does_is_not_counted_and_what_any_of_ours_does_is() {
    let failing = |key| column(key, vec![judged(2, true, None), judged(3, false, None)]);
    let mut run = entry("basic", vec![column(OURS, vec![judged(1, true, None)]), failing(SDK)]);
    run.count();
    assert!(run.success());
    assert!(run.summary().contains("SDK alone: 1 passed, 1 failed (not counted)"));
    run.columns.push(failing("bundled"));
    run.count();
    assert_eq!((run.passed, run.failed), (2, 1));
    assert_eq!(run.summary().lines().last(), Some("scenario basic: 1 passed, 0 failed"));
}

#[test]
fn nothing_checked_is_a_failure() {
    let mut runs = [entry("basic", vec![]), entry("js", vec![column(OURS, vec![judged(1, true, None)])])];
    runs[1].error = Some("npm failed".to_owned());
    runs.iter_mut().for_each(Entry::count);
    assert_eq!(runs[1].summary(), "FAIL scenario js: npm failed\n");
    assert_eq!(Document::new(runs.to_vec()).total(), "0 passed, 2 failed");
    assert!(!Document::new(Vec::new()).success());
}

#[test]
fn merging_keeps_everything_and_refuses_a_cell_that_is_there_twice() {
    let one = document(vec![entry("basic", vec![column(OURS, vec![judged(1, true, None)])])]);
    let two = document(vec![entry("bare", vec![column(OURS, vec![judged(1, false, None)])])]);
    let directory = tempfile::tempdir().unwrap();
    let text = serde_json::to_string(&one).unwrap();
    std::fs::write(directory.path().join(FILE), &text).unwrap();
    let read = Document::read(directory.path()).unwrap();
    assert_eq!(read, one);
    let merged = Document::merge(vec![("a".into(), read.clone()), ("b".into(), two.clone())]).unwrap();
    assert_eq!((merged.passed, merged.failed), (1, 1));
    assert_eq!(merged.scenarios, [one.scenarios[0].clone(), two.scenarios[0].clone()]);
    let error = Document::merge(vec![("a".into(), read.clone()), ("b".into(), read)]).unwrap_err();
    assert!(error.to_string().starts_with("the cell `basic` is in `a` and in `b`"), "{error}");
    // What this harness does not know would be lost.
    std::fs::write(directory.path().join(FILE), text.replacen("\"about\"", "\"other\":1,\"about\"", 1)).unwrap();
    assert!(Document::read(directory.path()).is_err());
}
