//! Each oracle: an observation that it passes, and controls that it must fail.

use serde_json::json;
use url::Url;

use super::*;
use crate::envelope::{Envelope, Item};

fn root() -> PathBuf {
    std::env::temp_dir()
}

fn modules() -> RuntimeModules {
    RuntimeModules { moved_entry: Some(root().join("entry.mjs")), chunk: root().join("chunks/nitro.mjs") }
}

fn response(body: &str) -> Response {
    Response { status: 200, body: body.into() }
}

fn span(origin: &str, trace_id: &str) -> Span {
    Span {
        trace_id: trace_id.to_owned(),
        span_id: "a".repeat(16),
        parent_span_id: None,
        op: Some("http.server".to_owned()),
        origin: Some(origin.to_owned()),
        description: None,
    }
}

fn transaction(path: &str, spans: Vec<Span>) -> Transaction {
    Transaction { name: format!("GET {path}"), root: span(HTTP_ORIGIN, "t"), path: Some(path.to_owned()), spans }
}

fn received(transactions: Vec<Transaction>) -> Received {
    let items = transactions.into_iter().map(Item::Transaction).collect();
    Received { envelopes: vec![Envelope { event_id: None, items }], refused: Vec::new() }
}

fn loads(files: &[&str]) -> Vec<String> {
    files.iter().map(|file| Url::from_file_path(root().join(file)).unwrap().to_string()).collect()
}

/// What a proven build shows.
fn right() -> Observation {
    let meta = format!(r#"<meta name="sentry-trace" content="{}-{}-1">"#, "a".repeat(32), "b".repeat(16));
    Observation {
        page: response(&format!("<head>{meta}</head><p>Hello from the server, Node 20</p>")),
        asset: response("User-agent: *"),
        library: response(r#"{"data":{"hello":"Hello, presentry"}}"#),
        package: response(r#"{"probe":"patched"}"#),
        status: response(r#"{"active":true,"flushed":true}"#),
        trace: ModuleTrace {
            evaluations: 1,
            loads: loads(&["entry.mjs", "chunks/nitro.mjs", "node_modules/esm-probe/index.js"]),
        },
        received: received(vec![transaction("/api/graphql", vec![span("auto.graphql.otel.graphql", "t")])]),
    }
}

/// What the unrewritten build shows.
fn unrewritten() -> Observation {
    Observation {
        package: response(r#"{"probe":"original"}"#),
        status: response(r#"{"active":false,"flushed":false}"#),
        trace: ModuleTrace::default(),
        received: Received::default(),
        ..right()
    }
}

/// What a build shows whose entry imports the instrumentation first: the CommonJS library is instrumented, and lazy
/// chunks go through the hooks.
fn top_level() -> Observation {
    Observation {
        package: response(r#"{"probe":"original"}"#),
        trace: ModuleTrace { evaluations: 1, loads: loads(&["chunks/build/probe.mjs"]) },
        ..right()
    }
}

#[track_caller]
fn passes(judgement: Judgement) {
    if let Err(seen) = judgement {
        panic!("it must pass, and says `{seen}`");
    }
}

#[track_caller]
fn fails(judgement: Judgement, saying: &str) {
    match judgement {
        Ok(seen) => panic!("it must fail, and passes with `{seen}`"),
        Err(seen) => assert!(seen.contains(saying), "`{seen}` does not say `{saying}`"),
    }
}

#[test]
fn static_proof_needs_both_verdicts() {
    let refused = Exit::Code(1);
    let proof = |rewrite, check, check_unrewritten| {
        static_proof(&Proof { rewrite, check, check_unrewritten, check_top_level: refused })
    };
    let (done, crashed) = (Exit::Code(0), Exit::Signal(6));
    passes(proof(Some(done), done, refused));
    fails(proof(Some(refused), done, refused), "`presentry` exited with code 1");
    fails(proof(None, refused, refused), "`presentry check` exited with code 1");
    fails(proof(Some(done), done, done), "on the unrewritten build exited with code 0");
    let top_level_passes =
        Proof { rewrite: Some(done), check: done, check_unrewritten: refused, check_top_level: done };
    fails(static_proof(&top_level_passes), "on the top-level-import build exited with code 0");
    fails(proof(Some(done), done, crashed), "was killed by signal 6");
    fails(proof(Some(done), done, Exit::Code(2)), "wanted code 1");
}

#[test]
fn runtime_through_hooks_needs_entry_chunk_and_package() {
    let judge = |seen: &Observation, modules: &RuntimeModules| runtime_through_hooks(&Scenario::basic(), modules, seen);
    passes(judge(&right(), &modules()));
    fails(judge(&unrewritten(), &modules()), "evaluated 0 times");
    fails(judge(&top_level(), &modules()), "nitro.mjs");
    fails(judge(&right(), &RuntimeModules { moved_entry: None, ..modules() }), "the moved entry");
    for (index, name) in ["entry.mjs", "nitro.mjs", "`esm-probe`"].into_iter().enumerate() {
        let mut seen = right();
        seen.trace.loads.remove(index);
        fails(judge(&seen, &modules()), name);
    }
}

#[test]
fn libraries_instrumented_needs_both_parts() {
    let judge = |seen: &Observation| libraries_instrumented(&Scenario::basic(), seen);
    passes(judge(&right()));
    fails(judge(&unrewritten()), "no `http.server` transaction");
    fails(judge(&unrewritten()), "`esm-probe` is `original`");
    fails(judge(&top_level()), "`esm-probe` is `original`");
    passes(library_spans(&Scenario::basic(), &top_level()));
}

#[test]
fn spans_count_in_the_trace_of_their_request_only() {
    let judge =
        |transactions| library_spans(&Scenario::basic(), &Observation { received: received(transactions), ..right() });
    let graphql = |trace| span("auto.graphql.otel.graphql", trace);
    passes(judge(vec![transaction("/", vec![]), transaction("/api/graphql", vec![graphql("t")])]));
    fails(judge(vec![transaction("/api/graphql", vec![])]), "no span `auto.graphql.otel.graphql`");
    fails(judge(vec![transaction("/api/graphql", vec![graphql("other")])]), "no span");
    fails(judge(vec![transaction("/api/graphql", vec![span("manual", "t")])]), "no span");
    fails(judge(vec![transaction("/", vec![graphql("t")])]), "only [`GET /` (auto.http.otel.http)]");
    let mut other = transaction("/api/graphql", vec![graphql("t")]);
    other.root.origin = Some("manual".to_owned());
    fails(judge(vec![other]), "(manual)");
}

#[test]
fn a_route_that_does_not_answer_is_no_proof() {
    let scenario = Scenario::basic();
    let broken = Response { status: 500, body: "Hello, presentry".into() };
    fails(library_spans(&scenario, &Observation { library: broken, ..right() }), "answered 500");
    let empty = response(r#"{"data":null}"#);
    fails(library_spans(&scenario, &Observation { library: empty, ..right() }), "without `Hello, presentry`");
    fails(package_patched(&scenario, &Observation { package: response("{}"), ..right() }), "with `{}`");
}

#[test]
fn exports_are_compared_in_full() {
    let before =
        json!({ "default": { "typeof": "object", "own": [] }, "handler": { "typeof": "function", "length": 2 } });
    passes(exports_equal(&before, &before));
    fails(exports_equal(&before, &json!({ "default": before["default"] })), "`handler` is gone");
    let mut more = before.clone();
    more["extra"] = json!({ "typeof": "undefined" });
    fails(exports_equal(&before, &more), "`extra` is new");
    let mut other = before.clone();
    other["handler"]["length"] = json!(0);
    fails(exports_equal(&before, &other), "`handler` was");
    fails(exports_equal(&json!(null), &before), "not described");
    passes(exports_equal(&json!({}), &json!({})));
}

#[test]
fn one_init_is_one_in_both_starts() {
    let trace = |evaluations| ModuleTrace { evaluations, loads: Vec::new() };
    passes(one_init(&trace(1), &trace(1)));
    fails(one_init(&trace(1), &trace(2)), "evaluated 2 times under `--import`");
    fails(one_init(&trace(2), &trace(1)), "evaluated 2 times");
    fails(one_init(&trace(0), &trace(1)), "evaluated 0 times");
}

#[test]
fn load_errors_end_the_process() {
    let first = ThrowObservation { listened: false, exit: Some(Exit::Code(1)), printed: true, asset: None };
    let later = ThrowObservation { listened: true, exit: None, printed: true, asset: Some(200) };
    passes(load_errors(&first, &later, &later));
    let first_is = |change: fn(&mut ThrowObservation)| {
        let mut first = first.clone();
        change(&mut first);
        load_errors(&first, &later, &later)
    };
    fails(first_is(|first| first.exit = Some(Exit::Code(0))), "exits with code 0");
    fails(first_is(|first| first.exit = None), "stays up");
    fails(first_is(|first| first.exit = Some(Exit::Signal(9))), "signal 9");
    fails(first_is(|first| first.printed = false), "is not printed");
    fails(first_is(|first| first.listened = true), "the server listens");
    let ended = ThrowObservation { exit: Some(Exit::Code(1)), asset: None, ..later.clone() };
    fails(load_errors(&first, &ended, &later), "thrown later: listened, printed the error, exited with code 1");
    fails(load_errors(&first, &later, &ended), "unrewritten: listened");
    let silent = ThrowObservation { printed: false, ..later };
    fails(load_errors(&first, &silent, &silent), "did not throw");
}

#[test]
fn page_and_assets_are_looked_at() {
    let scenario = Scenario::basic();
    let judge = |seen: &Observation| page_and_assets(&scenario, b"User-agent: *", seen);
    passes(judge(&right()));
    let page = |body: String| Observation { page: response(&body), ..right() };
    let html = right().page.text();
    fails(judge(&page(html.replace("Hello from", "Bye from"))), "without `Hello from the server, Node `");
    fails(judge(&page(html.replace("sentry-trace", "other"))), "no `sentry-trace` meta tag");
    fails(judge(&page(html.replace(&"a".repeat(32), ""))), "no `sentry-trace` meta tag");
    fails(judge(&page(html.replace('a', "0"))), "no `sentry-trace` meta tag");
    fails(judge(&Observation { page: Response { status: 500, ..right().page }, ..right() }), "`GET /` answered 500");
    fails(judge(&Observation { asset: response("other"), ..right() }), "other bytes");
    fails(judge(&Observation { asset: Response { status: 404, ..right().asset }, ..right() }), "answered 404");
}

#[test]
fn a_meta_tag_is_found_in_any_order_of_attributes() {
    let content = format!("{}-{}", "a".repeat(32), "b".repeat(16));
    assert!(has_trace_meta(&format!(r#"<meta charset="utf-8"><meta content="{content}" name="sentry-trace"/>"#)));
    assert!(!has_trace_meta(&format!(r#"<meta name="baggage" content="{content}"><p>name="sentry-trace"</p>"#)));
    assert!(!has_trace_meta(r#"<meta name="sentry-trace" content="">"#));
}

#[test]
fn controls_must_fail_and_must_work() {
    let scenario = Scenario::basic();
    let modules = RuntimeModules { moved_entry: None, ..modules() };
    let judge = |unrewritten: &Observation, top_level: &Observation| {
        controls_fail(&scenario, (&modules, unrewritten), (&modules, top_level))
    };
    passes(judge(&unrewritten(), &top_level()));
    // It may fail the CommonJS part as well.
    passes(judge(&unrewritten(), &Observation { received: Received::default(), ..top_level() }));

    fails(judge(&right(), &top_level()), "unrewritten: the hooks saw the runtime");
    fails(judge(&unrewritten(), &right()), "top-level-import: the hooks saw the runtime");
    let patched = Observation { package: right().package, ..top_level() };
    fails(judge(&unrewritten(), &patched), "top-level-import: `esm-probe` is patched (oracle 3)");
    let spans = Observation { received: right().received, ..unrewritten() };
    fails(judge(&spans, &top_level()), "unrewritten: 1 span");
    let package_seen = ModuleTrace { evaluations: 1, loads: loads(&["node_modules/esm-probe/index.js"]) };
    fails(judge(&unrewritten(), &Observation { trace: package_seen, ..top_level() }), "the hooks saw `esm-probe`");

    let down = Observation { page: Response { status: 500, ..right().page }, ..unrewritten() };
    fails(judge(&down, &top_level()), "unrewritten: no control, `GET /` answered 500");
    let mute = Observation { package: response("null"), ..top_level() };
    fails(judge(&unrewritten(), &mute), "top-level-import: no control");
    let asleep = Observation { trace: ModuleTrace::default(), ..top_level() };
    fails(judge(&unrewritten(), &asleep), "the instrumentation was never evaluated");
}

#[test]
fn a_change_is_told() {
    let change = |exit, differences: &[String]| nothing_changed(exit, differences, &"0".repeat(64));
    passes(change(Exit::Code(0), &[]));
    fails(change(Exit::Code(1), &[]), "exited with code 1");
    let differences: Vec<String> = (0..7).map(|index| format!("`{index}` changed")).collect();
    fails(change(Exit::Code(0), &differences), "`0` changed");
    fails(change(Exit::Code(0), &differences), "and 2 more");
}
