//! Each oracle: an observation that it passes, and controls that it must fail.

use std::path::PathBuf;

use serde_json::json;
use url::Url;

use super::*;
use crate::envelope::{Envelope, Item};
use crate::scenario::tests::basic;
use crate::scenario::{Start, Values};

fn root() -> PathBuf {
    std::env::temp_dir()
}

/// The default scenario, started by a platform.
fn on(host: &str) -> Scenario {
    let host = Host::read(&crate::host::directory(), host).unwrap();
    Scenario { start: Start::Host(Box::new(host)), ..basic() }
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
    Transaction {
        name: format!("GET {path}"),
        root: span(HTTP_ORIGINS[0], "t"),
        path: Some(path.to_owned()),
        spans,
        sdk: Value::Null,
    }
}

fn received(transactions: Vec<Transaction>) -> Received {
    let items = transactions.into_iter().map(Item::Transaction).collect();
    Received { envelopes: vec![Envelope { event_id: None, sdk: Value::Null, items }], refused: Vec::new() }
}

fn loads(files: &[&str]) -> Vec<String> {
    files.iter().map(|file| Url::from_file_path(root().join(file)).unwrap().to_string()).collect()
}

/// What a proven build shows.
pub(crate) fn right() -> Observation {
    let meta = format!(r#"<meta name="sentry-trace" content="{}-{}-1">"#, "a".repeat(32), "b".repeat(16));
    Observation {
        page: response(&format!("<head>{meta}</head><p>Hello from the server, Node 20</p>")),
        asset: Some(response("User-agent: *")),
        libraries: vec![response(r#"{"data":{"hello":"Hello, presentry"}}"#)],
        package: Some(response(r#"{"probe":"patched"}"#)),
        values: vec![response(r#"{"team":"storefront"}"#)],
        features: Vec::new(),
        status: response(r#"{"active":true,"flushed":true}"#),
        trace: ModuleTrace {
            evaluations: 1,
            loads: loads(&["entry.mjs", "chunks/nitro.mjs", "node_modules/esm-probe/index.js"]),
        },
        received: received(vec![transaction("/api/graphql", vec![span("auto.graphql.otel.graphql", "t")])]),
        guard: Vec::new(),
    }
}

/// What the unrewritten build shows.
pub(crate) fn unrewritten() -> Observation {
    Observation {
        package: Some(response(r#"{"probe":"original"}"#)),
        values: vec![response("null")],
        status: response(r#"{"active":false,"flushed":false}"#),
        trace: ModuleTrace::default(),
        received: Received::default(),
        ..right()
    }
}

/// What a build shows whose entry imports the instrumentation first: the CommonJS library is instrumented, and lazy
/// chunks go through the hooks.
pub(crate) fn top_level() -> Observation {
    Observation {
        package: Some(response(r#"{"probe":"original"}"#)),
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
        let controls = [(Control::Unrewritten, check_unrewritten), (Control::TopLevelImport, refused)];
        static_proof(&Proof { rewrite, check, sources: Vec::new() }, &controls)
    };
    let (done, crashed) = (Exit::Code(0), Exit::Signal(6));
    passes(proof(Some(done), done, refused));
    fails(proof(Some(refused), done, refused), "`presentry` exited with code 1");
    fails(proof(None, refused, refused), "`presentry check` exited with code 1");
    fails(proof(Some(done), done, done), "on the unrewritten build exited with code 0");
    let controls = [(Control::Unrewritten, refused), (Control::TopLevelImport, done)];
    let right = Proof { rewrite: Some(done), check: done, sources: Vec::new() };
    fails(static_proof(&right, &controls), "on the top-level-import build exited with code 0");
    fails(proof(Some(done), done, crashed), "was killed by signal 6");
    fails(proof(Some(done), done, Exit::Code(2)), "wanted code 1");
}

#[test]
fn runtime_through_hooks_needs_entry_chunk_and_package() {
    let judge = |seen: &Observation, modules: &RuntimeModules| runtime_through_hooks(&basic(), modules, seen);
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
    let judge = |seen: &Observation| libraries_instrumented(&basic(), seen);
    passes(judge(&right()));
    fails(judge(&unrewritten()), "no `http.server` transaction");
    fails(judge(&unrewritten()), "`esm-probe` is `original`");
    fails(judge(&top_level()), "`esm-probe` is `original`");
    passes(library_spans(&basic(), 0, &top_level()));
}

#[test]
fn spans_count_in_the_trace_of_their_request_only() {
    let judge = |transactions| library_spans(&basic(), 0, &Observation { received: received(transactions), ..right() });
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
    let scenario = basic();
    let broken = Response { status: 500, body: "Hello, presentry".into() };
    fails(library_spans(&scenario, 0, &Observation { libraries: vec![broken], ..right() }), "answered 500");
    let empty = response(r#"{"data":null}"#);
    fails(
        library_spans(&scenario, 0, &Observation { libraries: vec![empty], ..right() }),
        "without `Hello, presentry`",
    );
    fails(package_patched(&scenario, &Observation { package: Some(response("{}")), ..right() }), "with `{}`");
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
    let judge = |plain, preloaded: usize| one_init(&basic(), &trace(plain), Some(&trace(preloaded)));
    passes(judge(1, 1));
    fails(judge(1, 2), "evaluated 2 times under `--import`");
    fails(judge(2, 1), "evaluated 2 times");
    fails(judge(0, 1), "evaluated 0 times");
    let cluster = on("node-cluster");
    passes(one_init(&cluster, &trace(3), Some(&trace(3))));
    fails(one_init(&cluster, &trace(1), Some(&trace(3))), "evaluated 1 time, wanted 3");
    let judgement = one_init(&on("bun"), &trace(1), None).unwrap();
    assert!(judgement.contains("`--import` does not apply (Bun never calls hooks"), "`{judgement}`");
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
    let before = ThrowObservation { listened: false, ..ended };
    passes(load_errors(&first, &ended, &before));
    let without_file = ThrowObservation { asset: Some(500), ..later.clone() };
    passes(load_errors(&first, &later, &without_file));
    fails(load_errors(&first, &without_file, &later), "static file 500; unrewritten");
    fails(load_errors(&first, &ThrowObservation { exit: Some(Exit::Code(0)), ..ended }, &before), "thrown later");
    let silent = ThrowObservation { printed: false, ..later };
    fails(load_errors(&first, &silent, &silent), "did not throw");
}

#[test]
fn page_and_assets_are_looked_at() {
    let scenario = basic();
    let judge = |seen: &Observation| page_and_assets(&scenario, b"User-agent: *", seen);
    passes(judge(&right()));
    let page = |body: String| Observation { page: response(&body), ..right() };
    let html = right().page.text();
    fails(judge(&page(html.replace("Hello from", "Bye from"))), "without `Hello from the server, Node `");
    fails(judge(&page(html.replace("sentry-trace", "other"))), "no `sentry-trace` meta tag");
    fails(judge(&page(html.replace(&"a".repeat(32), ""))), "no `sentry-trace` meta tag");
    fails(judge(&page(html.replace('a', "0"))), "no `sentry-trace` meta tag");
    fails(judge(&Observation { page: Response { status: 500, ..right().page }, ..right() }), "`GET /` answered 500");
    fails(judge(&Observation { asset: Some(response("other")), ..right() }), "other bytes");
    let gone = Response { status: 404, ..response("User-agent: *") };
    fails(judge(&Observation { asset: Some(gone), ..right() }), "answered 404");
    fails(judge(&Observation { asset: None, ..right() }), "was not sent");
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
    let scenario = basic();
    let modules = RuntimeModules { moved_entry: None, ..modules() };
    let judge = |unrewritten: &Observation, top_level: &Observation| {
        let of = |control, seen| ControlSeen { control, modules: &modules, seen };
        controls_fail(&scenario, &[of(Control::Unrewritten, unrewritten), of(Control::TopLevelImport, top_level)])
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
    let mute = Observation { package: Some(response("null")), ..top_level() };
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

#[test]
fn what_does_not_apply_is_said_with_its_reason() {
    let mut scenario = basic();
    scenario.package = None;
    scenario.absent.package = Some("no hook".to_owned());
    scenario.asset = None;
    scenario.absent.asset = Some("a host serves them".to_owned());
    scenario.absent.trace_meta = Some("no middleware".to_owned());
    scenario.absent.moved_entry = Some("it is taken apart".to_owned());
    let page = response("<p>Hello from the server, Node 20</p>");
    let trace = ModuleTrace { evaluations: 1, loads: loads(&["chunks/nitro.mjs"]) };
    let mut seen = Observation { page, asset: None, package: None, trace, ..right() };
    let modules = RuntimeModules { moved_entry: None, ..modules() };
    for (judgement, reason) in [
        (runtime_through_hooks(&scenario, &modules, &seen), "it is taken apart"),
        (runtime_through_hooks(&scenario, &modules, &seen), "no hook"),
        (libraries_instrumented(&scenario, &seen), "the package does not apply (no hook)"),
        (page_and_assets(&scenario, b"", &seen), "a host serves them"),
        (page_and_assets(&scenario, b"", &seen), "no middleware"),
    ] {
        let seen = judgement.unwrap();
        assert!(seen.contains(reason), "`{seen}` does not say `{reason}`");
    }
    // What is left still has to be right.
    fails(
        runtime_through_hooks(&scenario, &modules, &Observation { trace: ModuleTrace::default(), ..seen.clone() }),
        "nitro.mjs",
    );
    fails(page_and_assets(&scenario, b"", &right()), "has a `sentry-trace` meta tag");
    fails(
        controls_fail(&scenario, &[ControlSeen { control: Control::StaticEdge, modules: &modules, seen: &seen }]),
        "static-edge: the hooks saw the runtime",
    );
    seen.trace.loads.clear();
    passes(controls_fail(&scenario, &[ControlSeen { control: Control::StaticEdge, modules: &modules, seen: &seen }]));
    fails(controls_fail(&scenario, &[]), "there are no controls");
}

#[test]
fn restored_exports_are_those_named_and_not_those_before() {
    let kinds = BTreeMap::from([("default".to_owned(), "object".to_owned())]);
    let (object, function) =
        (json!({ "default": { "typeof": "object" } }), json!({ "default": { "typeof": "function" } }));
    passes(exports_restored(&kinds, &function, &object));
    fails(
        exports_restored(&kinds, &function, &function),
        "the exports are `default`: function, wanted `default`: object",
    );
    fails(exports_restored(&kinds, &object, &object), "no control");
    fails(exports_restored(&kinds, &function, &json!(null)), "the exports are nothing");
}

#[test]
fn values_are_those_of_the_instrumentation_alone() {
    let mut scenario = basic();
    fails(values_are(&scenario, &right(), None), "no value is looked at");
    let fields = BTreeMap::from([("team".to_owned(), json!("storefront"))]);
    scenario.values = vec![Values { path: "/api/instrumentation".to_owned(), fields }];
    passes(values_are(&scenario, &right(), Some(&unrewritten())));
    passes(values_are(&scenario, &right(), None));
    fails(values_are(&scenario, &unrewritten(), None), "`team` of `GET /api/instrumentation` is null");
    fails(values_are(&scenario, &right(), Some(&right())), "unrewritten: `GET /api/instrumentation`");
    let other = Observation { values: vec![response(r#"{"team":"other"}"#)], ..right() };
    fails(values_are(&scenario, &other, None), "is \"other\"");
}

#[test]
fn what_the_sdk_left_must_die_of_the_right_thing() {
    let ended = |exit, printed: &str| StartSeen::Ended { exit, printed: printed.to_owned() };
    passes(preload_dies("ERR_MODULE_NOT_FOUND", &ended(Exit::Code(1), "code: 'ERR_MODULE_NOT_FOUND'")));
    fails(preload_dies("ERR_MODULE_NOT_FOUND", &ended(Exit::Code(1), "TypeError")), "is not printed");
    fails(preload_dies("ERR_MODULE_NOT_FOUND", &ended(Exit::Code(0), "ERR_MODULE_NOT_FOUND")), "no control");
    fails(preload_dies("ERR_MODULE_NOT_FOUND", &StartSeen::Listened), "listens");
}

#[test]
fn a_deployment_finds_the_function() {
    let (found, nothing) = (json!({ "api": { "platform": "gcfv2" } }), json!({}));
    passes(deployed_the_same("api", &found, &found, &nothing));
    fails(deployed_the_same("api", &found, &nothing, &nothing), "found {}");
    fails(deployed_the_same("api", &nothing, &nothing, &nothing), "no control: `api` is not found");
    fails(deployed_the_same("api", &found, &found, &found), "behind a wrapper");
}

#[test]
fn where_hooks_reach_nothing_that_is_expected_and_said() {
    let bun = on("bun");
    let seen = Observation {
        package: Some(response(r#"{"probe":"original"}"#)),
        trace: ModuleTrace { evaluations: 1, loads: Vec::new() },
        ..right()
    };
    for judgement in [runtime_through_hooks(&bun, &modules(), &seen), libraries_instrumented(&bun, &seen)] {
        let seen = judgement.unwrap();
        assert!(seen.contains("Bun never calls hooks"), "`{seen}`");
    }
    // What is left still has to be right; and where Bun learns to do it, that is said.
    fails(runtime_through_hooks(&bun, &modules(), &unrewritten()), "never evaluated");
    fails(libraries_instrumented(&bun, &unrewritten()), "no span");
    fails(libraries_instrumented(&bun, &right()), "`esm-probe` is `patched`, but Bun never calls hooks");
    let modules = RuntimeModules { moved_entry: None, ..modules() };
    let judge = |seen: &Observation| {
        controls_fail(&bun, &[ControlSeen { control: Control::Unrewritten, modules: &modules, seen }])
    };
    passes(judge(&unrewritten()));
    fails(judge(&seen), "unrewritten: 1 span");
}

#[test]
fn where_no_request_is_a_transaction_the_spans_count() {
    let lambda = on("aws-lambda");
    let judge = |transactions| library_spans(&lambda, 0, &Observation { received: received(transactions), ..right() });
    let mut graphql = transaction("/", vec![]);
    graphql.root = span("auto.graphql.otel.graphql", "t");
    let judgement = judge(vec![graphql]).unwrap();
    assert!(judgement.contains("none comes through `node:http`"), "`{judgement}`");
    passes(judge(vec![transaction("/", vec![span("auto.graphql.otel.graphql", "t")])]));
    fails(judge(vec![transaction("/", vec![span("manual", "t")])]), "no span `auto.graphql.otel.graphql` after");
    fails(judge(vec![]), "no span");
}

/// The scenario with two libraries, the second of which is ESM.
fn two_libraries() -> Scenario {
    let mut scenario = basic();
    scenario.libraries[0].module = Some(Module::Commonjs);
    let wanted = |description: &str| WantedSpan {
        origin: vec!["auto.db.postgresjs".to_owned()],
        op: Some("db".to_owned()),
        description: Some(description.to_owned()),
    };
    scenario.libraries.push(Library {
        module: Some(Module::Esm),
        path: "/api/postgres".to_owned(),
        contains: "postgres".to_owned(),
        spans: vec![wanted("select 1"), wanted("select 2")],
    });
    scenario
}

/// What a build shows that has both libraries, with spans of these descriptions of the second.
fn with_spans(seen: Observation, descriptions: &[&str]) -> Observation {
    let spans = descriptions.iter().map(|description| Span {
        op: Some("db".to_owned()),
        description: Some((*description).to_owned()),
        ..span("auto.db.postgresjs", "t")
    });
    let mut received = seen.received;
    received.envelopes.push(Envelope {
        event_id: None,
        sdk: Value::Null,
        items: vec![Item::Transaction(transaction("/api/postgres", spans.collect()))],
    });
    let libraries = vec![seen.libraries[0].clone(), response("postgres")];
    Observation { received, libraries, ..seen }
}

#[test]
fn each_library_has_all_its_spans() {
    let judge = |seen: &Observation| libraries_instrumented(&two_libraries(), seen);
    passes(judge(&with_spans(right(), &["select 1", "select 2", "select 2"])));
    fails(judge(&with_spans(right(), &["select 1"])), "no span `select 2` (auto.db.postgresjs) in the `http.server`");
    fails(judge(&right()), "`GET /api/postgres` was not sent");
    let mut other = two_libraries();
    other.libraries[1].spans[0].op = Some("db.query".to_owned());
    fails(libraries_instrumented(&other, &with_spans(right(), &["select 1", "select 2"])), "no span `select 1`");
}

#[test]
fn what_the_top_level_import_must_show_depends_on_the_library() {
    let scenario = two_libraries();
    let modules = RuntimeModules { moved_entry: None, ..modules() };
    let judge = |seen: &Observation| {
        controls_fail(&scenario, &[ControlSeen { control: Control::TopLevelImport, modules: &modules, seen }])
    };
    passes(judge(&with_spans(top_level(), &[])));
    fails(judge(&with_spans(top_level(), &["select 1", "select 2"])), "top-level-import: 2 spans of 2 kinds");
    let silent = Observation { received: Received::default(), ..top_level() };
    fails(judge(&with_spans(silent, &[])), "no control, no `http.server` transaction of `GET /api/graphql`");
}

#[test]
fn the_command_ends_as_said() {
    let ends = Ends { exit: 1, says: "error[edge-runtime]".to_owned(), traced: None };
    passes(ends_as_said(&ends, Exit::Code(1), "error[edge-runtime]: no hooks"));
    fails(ends_as_said(&ends, Exit::Code(0), "error[edge-runtime]"), "exited with code 0, wanted code 1");
    fails(ends_as_said(&ends, Exit::Code(1), "error[other]"), "does not print `error[edge-runtime]`");
    passes(unchanged(&[], &"0".repeat(64)));
    fails(unchanged(&["`a` changed".to_owned()], &"0".repeat(64)), "`a` changed");
}

#[test]
fn spans_are_traced_and_missed_in_the_control() {
    let traced = Traced { path: "/api".to_owned(), expect: "graphql".to_owned(), control: BTreeMap::new() };
    let (seen, missed) = ((Exit::Code(0), "graphql 4"), (Exit::Code(1), "no span of `graphql` arrived"));
    passes(spans_traced(&traced, seen, missed));
    fails(spans_traced(&traced, missed, missed), "`trace --request /api --expect graphql` exited with code 1");
    fails(spans_traced(&traced, seen, seen), "no control");
    fails(spans_traced(&traced, seen, (Exit::Code(1), "error[not-proven]")), "no control");
}

#[test]
fn the_command_of_the_package_is_the_one_that_is_judged() {
    assert!(command_is("presentry 0.1.0", "presentry 0.1.0").is_ok());
    assert!(command_is("presentry 0.1.0", "presentry 0.0.9").is_err());
    assert!(command_is("", "").is_err());
}

/// What arrives of a feature with everything that can be looked at.
fn with_feature() -> (Scenario, Observation) {
    let feature = Feature {
        name: "all".to_owned(),
        path: "/api/fail".to_owned(),
        status: 200,
        contains: "captured".to_owned(),
        span: Some(WantedSpan { origin: vec!["manual".to_owned()], op: None, description: None }),
        trace: Some("t".to_owned()),
        error: Some("it fails".to_owned()),
        local: Some(json!(42)),
        item: Some("profile_chunk".to_owned()),
        ..Feature::default()
    };
    let event = Event {
        messages: vec!["it fails with 42".to_owned()],
        variables: vec![BTreeMap::from([("a".to_owned(), json!(42))])],
        sdk: Value::Null,
    };
    let mut received = received(vec![transaction("/api/fail", vec![span("manual", "t")])]);
    received.envelopes[0].items.extend([Item::Event(event), Item::Other("profile_chunk".to_owned())]);
    let seen = Observation { features: vec![response("captured")], received, ..right() };
    (Scenario { features: vec![feature], ..basic() }, seen)
}

#[test]
fn features_need_the_answer_the_span_the_trace_and_the_error_with_its_variables() {
    let (scenario, seen) = with_feature();
    let judge = |seen: &Observation| features(&scenario, seen, Some(&unrewritten()));
    passes(judge(&seen));
    let with = |change: &dyn Fn(&mut Observation)| {
        let mut changed = seen.clone();
        change(&mut changed);
        judge(&changed)
    };
    fails(with(&|seen| seen.features[0].status = 500), "the answer is 500");
    fails(with(&|seen| seen.features.clear()), "`GET /api/fail` was not sent");
    fails(with(&|seen| seen.received = Received::default()), "no span `manual` arrived");
    fails(with(&|seen| seen.received = received(vec![transaction("/api/fail", Vec::new())])), "no error `it fails`");
    let event = |change: &dyn Fn(&mut Event)| {
        with(&|seen| {
            for item in &mut seen.received.envelopes[0].items {
                if let Item::Event(event) = item {
                    change(event);
                }
            }
        })
    };
    fails(event(&|event| event.variables.clear()), "without its local variables");
    fails(event(&|event| event.messages.clear()), "no error `it fails` arrived");
    let other =
        |seen: &mut Observation| seen.received.envelopes[0].items.retain(|item| !matches!(item, Item::Other(_)));
    fails(with(&other), "no item `profile_chunk` arrived");
    let other_trace = Transaction { root: span(HTTP_ORIGINS[0], "u"), ..transaction("/api/fail", Vec::new()) };
    fails(with(&|seen| seen.received = received(vec![other_trace.clone()])), "the traces of `/api/fail` are [u]");
    fails(features(&scenario, &seen, Some(&seen)), "unrewritten: all arrives");
    fails(features(&basic(), &seen, None), "no feature is looked at");
}

#[test]
fn a_build_sends_the_spans_that_it_sends_under_import() {
    let scenario = two_libraries();
    let reference = with_spans(right(), &["select 1", "select 2", "select 2"]);
    let judge =
        |seen: &Observation, controls: &[(&str, &Observation)]| as_imported(&scenario, &reference, controls, seen);
    let judgement = judge(&reference, &[("unrewritten", &unrewritten())]).unwrap();
    assert_eq!(judgement, "3 library spans, as under `--import`: 3 of `auto.db.postgresjs`; not so unrewritten");
    // What a bundle with the parser emptied does: the hooks run, and nothing is injected.
    let lost = with_spans(right(), &["select 1"]);
    fails(judge(&lost, &[]), "`select 2` (auto.db.postgresjs) came 0 times, wanted 2 times");
    let once = with_spans(right(), &["select 1", "select 2"]);
    fails(judge(&once, &[]), "`select 2` (auto.db.postgresjs) came 1 time, wanted 2 times");
    let more = with_spans(right(), &["select 1", "select 2", "select 2", "select 3"]);
    fails(judge(&more, &[]), "`select 3` (auto.db.postgresjs) came 1 time, wanted 0 times");
    fails(judge(&unrewritten(), &[]), "wanted 1 time");
    // A control that sends the same shows that the oracle sees nothing, and so does a reference without a span.
    fails(judge(&reference, &[("the build without a parser", &reference)]), "no control: the build without a parser");
    fails(as_imported(&scenario, &unrewritten(), &[], &unrewritten()), "no span of a library arrives");
    // The build cannot change what the platform loads for itself.
    let Start::Host(mut host) = on("firebase-gen2").start else { unreachable!() };
    host.platform_spans = vec!["auto.db.postgresjs".to_owned()];
    let scenario = Scenario { start: Start::Host(host), ..scenario };
    fails(as_imported(&scenario, &reference, &[], &reference), "no span of a library arrives");
}

#[test]
fn libraries_in_chunks_send_what_they_send_in_packages() {
    let scenario = Scenario { in_chunks: [("auto.db.postgresjs".to_owned(), 2)].into(), ..two_libraries() };
    let judge = |seen: &Observation| as_in_packages(&scenario, &unrewritten(), seen);
    let right = |spans: &[&str]| with_spans(right(), spans);
    let judgement = judge(&right(&["select 1", "select 2"])).unwrap();
    assert_eq!(judgement, "as with the libraries in packages: 2 of `auto.db.postgresjs`; none under `--import`");
    fails(judge(&right(&["select 1"])), "1 of `auto.db.postgresjs` arrived, wanted 2 of `auto.db.postgresjs`");
    fails(judge(&unrewritten()), "arrived, wanted 2 of `auto.db.postgresjs`");
    let seen = right(&["select 1", "select 2"]);
    fails(as_in_packages(&scenario, &seen, &seen), "no control: hooks see the libraries");
}

#[test]
fn a_guard_speaks_only_without_sentry() {
    let line = "presentry: [not-as-proven] Sentry has no client, but the build is proven".to_owned();
    let speaks = Observation { guard: vec![line], ..unrewritten() };
    passes(guard(&right(), Some(&speaks)));
    passes(guard(&right(), None));
    fails(guard(&speaks, Some(&speaks)), "it printed `presentry: [not-as-proven]");
    fails(guard(&right(), Some(&unrewritten())), "did not tell that Sentry has no client");
}
