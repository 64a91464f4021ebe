//! What fails and what does not: statements in a `try`, each with what Node does.

use std::process::Command;

use presentry_rewriter::{MemorySources, Proof, Rule, Verdict, prove, prove_without};

use crate::written::{build, path};

/// A line for each: `throws` or `passes`, and the statement.
const STATEMENTS: &str = include_str!("failing.txt");

/// Whether Node throws, and the statement.
fn statements() -> impl Iterator<Item = (bool, &'static str)> {
    STATEMENTS.lines().map(|line| match line.split_once(' ') {
        Some(("throws", statement)) => (true, statement),
        Some(("passes", statement)) => (false, statement),
        _ => panic!("a line of `failing.txt`: {line}"),
    })
}

/// What is written of an instrumentation that starts Sentry only if a statement fails, or does not.
fn written(statement: &str, starts: &str) -> MemorySources {
    let text = format!(
        "--- index.mjs
import './instrument.server.mjs';
await import('./entry.mjs');
--- entry.mjs
export const n = 1;
--- instrument.server.mjs
import * as Sentry from '@sentry/node';
let ok = true; try {{ {statement} }} catch (e) {{ ok = false }}
if ({starts}) Sentry.init({{ tracesSampleRate: 1 }});
"
    );
    build(&text)
}

/// What is wrongly proven, and how many are rightly.
fn judged(prove: impl Fn(&MemorySources) -> Proof) -> (Vec<String>, usize) {
    let (mut wrong, mut decided) = (Vec::new(), 0);
    for (throws, statement) in statements() {
        for (starts, is_so) in [("ok", !throws), ("!ok", throws)] {
            match prove(&written(statement, starts)).verdict {
                Verdict::Proven if is_so => decided += 1,
                Verdict::Proven => wrong.push(format!("proven with `if ({starts})`: {statement}")),
                Verdict::UnderCondition | Verdict::VouchedFor | Verdict::NotProven => {}
            }
        }
    }
    (wrong, decided)
}

#[test]
fn what_fails_is_never_said_to_pass() {
    let (wrong, decided) = judged(|build| prove(build, &path("index.mjs")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Not by saying nothing at all.
    assert!(decided >= 480, "{decided} are decided");
}

#[test]
fn an_analysis_for_which_nothing_fails_is_caught() {
    let (wrong, _) = judged(|build| prove_without(build, &path("index.mjs"), Rule::CallsMayFail));
    assert!(wrong.len() > 100, "{} are wrong", wrong.len());
}

#[test]
fn node_does_what_is_written_of_it() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/failing.mjs");
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/failing.txt");
    let output = Command::new("node").args([script, table]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let run: usize = said.trim().parse().unwrap();
    assert!(run >= 950, "{run} were run");
}
