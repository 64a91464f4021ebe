//! What runs come to.

use super::*;
use crate::document::Check;
use crate::document::tests::{NOTHING, column, document, entry, judged};

pub(crate) fn wanted(id: &str) -> Wanted {
    Wanted { id: id.to_owned(), about: String::new(), preset: "node-server".to_owned(), server: true }
}

fn standing(checks: Vec<Check>, reference: &[(u8, &str)]) -> Standing {
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
        entry("basic", vec![column(OURS, vec![judged(SPANS, true, None)]), column(SDK, vec![judged(1, true, None)])]),
        entry("extra", vec![column(OURS, vec![judged(1, true, None)]), column(SDK, vec![judged(1, false, None)])]),
    ]);
    let overview = Overview::new(&document, &[wanted("basic"), wanted("bare")], &[]);
    assert_eq!(overview.headline(), "presentry: 2 of 3 cells proven, 1 by spans; SDK alone: 1 of 3");
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
    assert_eq!(overview.headline(), "presentry: 2 of 2 cells proven, 0 by spans; SDK alone: 0 of 2");
    let keys: Vec<&str> = overview.columns.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, [OURS, "bundled", SDK]);
    assert_eq!(overview.remarks().len(), 4, "{:?}", overview.remarks());
    assert_eq!(overview.remarks()[1], "`bundled`: 1 of 2 cells proven.");
    assert_eq!(overview.rows[1].standing(SDK), Standing::Absent("another SDK".to_owned()));
    assert_eq!(overview.rows[1].standing("bundled"), Standing::NotRun);
    // What the SDK's own build does never makes ours worse.
    assert_eq!(overview.rows[2].ours(&overview.columns), Standing::Proven { platform: vec![] });
}
