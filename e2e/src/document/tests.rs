//! What runs come to. The documents of other tests are made here, too.

use super::*;
use crate::evidence::{Exports, Log};
use crate::timeline::{Moment, Timeline, What};

/// What a check saw that failed.
pub(crate) const NOTHING: &str = "nothing <b>\"came\"</b>";

pub(crate) fn judged(oracle: u8, passed: bool, known: Option<&str>) -> Judged {
    Judged {
        oracle: Some(oracle),
        name: format!("name {oracle}"),
        passed,
        seen: if passed { "fine".to_owned() } else { NOTHING.to_owned() },
        known: known.map(str::to_owned),
        sources: vec![Process { command: "node x".to_owned(), directory: "/d".into(), log: "/l".into() }],
    }
}

pub(crate) fn column(column: &str, checks: Vec<Judged>) -> Column {
    let title = if column == SDK { "SDK alone" } else { column };
    Column { column: column.to_owned(), title: title.to_owned(), checks }
}

pub(crate) fn entry(id: &str, columns: Vec<Column>) -> Entry {
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
    let passed = scenarios.iter().map(|entry| entry.passed).sum();
    let failed = scenarios.iter().map(|entry| entry.failed).sum();
    Document { passed, failed, scenarios }
}

pub(crate) fn wanted(id: &str) -> Wanted {
    Wanted { id: id.to_owned(), about: String::new(), preset: "node-server".to_owned(), server: true }
}

fn standing(checks: Vec<Judged>, reference: &[(u8, &str)]) -> Standing {
    let mut entry = entry("basic", vec![column(OURS, checks)]);
    entry.evidence.reference = reference.iter().map(|(oracle, seen)| (*oracle, (*seen).to_owned())).collect();
    Row { cell: wanted("basic"), entry: Some(&entry) }.standing(OURS)
}

#[test]
fn proven_is_what_passes_every_check() {
    assert_eq!(standing(vec![judged(1, true, None)], &[]), Standing::Proven { platform: vec![] });
    assert_eq!(standing(vec![judged(1, true, None), judged(2, false, None)], &[]), Standing::Failed);
    assert_eq!(standing(vec![], &[]), Standing::Failed);
}

#[test]
fn what_is_known_is_not_proven_but_where_the_reference_fails_it_too() {
    let known = || vec![judged(1, true, None), judged(7, false, Some("upstream"))];
    assert_eq!(standing(known(), &[]), Standing::Known);
    assert_eq!(standing(known(), &[(3, NOTHING)]), Standing::Known);
    assert_eq!(standing(known(), &[(7, NOTHING)]), Standing::Proven { platform: vec![7] });
    // Ours fails in a way of its own.
    assert_eq!(standing(known(), &[(7, "something else")]), Standing::Known);
    // What nobody knows of is a failure, whatever else fails it.
    assert_eq!(standing(vec![judged(7, false, None)], &[(7, NOTHING)]), Standing::Failed);
    let both = vec![judged(4, false, Some("upstream")), judged(7, false, Some("upstream"))];
    assert_eq!(standing(both, &[(7, NOTHING)]), Standing::Known);
}

#[test]
fn a_cell_that_was_not_run_counts_as_failed() {
    let document = document(vec![
        entry("basic", vec![column(OURS, vec![judged(1, true, None)]), column(SDK, vec![judged(1, true, None)])]),
        entry("extra", vec![column(OURS, vec![judged(1, true, None)]), column(SDK, vec![judged(1, false, None)])]),
    ]);
    let overview = Overview::new(&document, &[wanted("basic"), wanted("bare")], &[]);
    assert_eq!(overview.headline(), "presentry: 2 of 3 cells proven; SDK alone: 1 of 3");
    assert_eq!(overview.remarks(), ["Missing, and counted as failed: 1 of the 3 cells."]);
    assert!(!overview.success());
    assert!(Overview::new(&document, &[], &[]).success());
    assert!(!Overview::new(&Document::default(), &[], &[]).success());
    assert_eq!(overview.date(), "2026-11-22");
}

#[test]
fn a_build_without_a_server_is_not_counted_and_one_that_the_sdk_cannot_make_is_said() {
    let mut ends = entry("static", vec![column(OURS, vec![judged(1, true, None)])]);
    ends.server = false;
    let mut nuxt = entry("nuxt", vec![column(OURS, vec![judged(1, true, None)])]);
    nuxt.evidence.absent.insert(SDK.to_owned(), "another SDK".to_owned());
    let mut bare = entry("bare", vec![column(OURS, vec![judged(1, true, None)])]);
    bare.columns.push(column(SDK, vec![judged(4, false, Some("upstream"))]));
    bare.columns.push(column("bundled", vec![judged(1, true, None)]));
    let document = document(vec![ends, nuxt, bare]);
    let overview = Overview::new(&document, &[], &[]);
    assert_eq!(overview.headline(), "presentry: 2 of 2 cells proven; SDK alone: 0 of 2");
    let keys: Vec<&str> = overview.columns.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, [OURS, "bundled", SDK]);
    assert_eq!(overview.remarks().len(), 4, "{:?}", overview.remarks());
    assert_eq!(overview.remarks()[1], "`bundled`: 1 of 2 cells proven.");
    assert_eq!(overview.rows[1].standing(SDK), Standing::Absent("another SDK".to_owned()));
    assert_eq!(overview.rows[1].standing("bundled"), Standing::NotRun);
    // What the SDK's own build does never makes ours worse.
    assert_eq!(overview.rows[2].ours(&overview.columns), Standing::Proven { platform: vec![] });
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
