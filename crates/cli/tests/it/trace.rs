//! `presentry trace`: a real Node.js runs builds with a stand-in for the SDK that does to the process what the SDK does.

#[cfg(unix)]
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    builds::{App, ENTRY, nitro_json},
    formats::json,
};

/// Sets a client on the default scope of its version, registers hooks, and sends a transaction for each request that has
/// been answered, as `@sentry/node` 8 to 10 do. With `hooks: 'channels'` its spans are those of SDK 11: each by itself,
/// in lists that wait to be flushed, and libraries have to be injected into.
const SDK: &str = "import * as nodeModule from 'node:module';
import diagnostics from 'node:diagnostics_channel';
import http from 'node:http';
import { gzipSync } from 'node:zlib';

const id = () => Math.random().toString(16).slice(2).padEnd(16, '0').slice(0, 16);
const now = () => Date.now() / 1000;

class Scope {
  getClient() { return this.client; }
  setClient(client) { this.client = client; }
}

const transport = ({ url }) => ({
  send: (envelope) => new Promise((resolve) => {
    const headers = { 'content-encoding': 'gzip' };
    const request = http.request(url, { method: 'POST', headers }, (answer) => answer.resume().on('end', resolve));
    request.on('error', resolve);
    request.end(gzipSync(envelope));
  }),
});

class Client {
  waiting = [];
  constructor(options) {
    this.options = options;
    const dsn = options.dsn && new URL(options.dsn);
    if (!dsn) return;
    this.dsn = { host: dsn.hostname, port: dsn.port, publicKey: dsn.username };
    const endpoint = `${dsn.protocol}//${dsn.host}/api${dsn.pathname}/envelope/?sentry_key=${dsn.username}`;
    this._transport = options.transport({ url: options.tunnel ?? endpoint });
  }
  getDsn() { return this.dsn; }
  getOptions() { return this.options; }
  getTransport() { return this._transport; }
  sendEnvelope(lines) { return this._transport?.send(lines.map((line) => JSON.stringify(line) + '\\n').join('')); }
  async flush() {
    const items = this.waiting.splice(0);
    const type = 'application/vnd.sentry.items.span.v2+json';
    if (items.length > 0) await this.sendEnvelope([{}, { type: 'span', content_type: type }, { version: 2, items }]);
  }
  finish(trace_id, root, spans) {
    if (this.options.hooks === 'channels') {
      const text = (value) => ({ type: 'string', value });
      for (const { op, origin, timestamp, description, ...span } of [root, ...spans]) {
        const attributes = { 'sentry.op': text(op), 'sentry.origin': text(origin) };
        this.waiting.push({ ...span, trace_id, name: description, end_timestamp: timestamp, attributes });
      }
      return;
    }
    const { description, ...trace } = root;
    const { start_timestamp, timestamp } = root;
    const event = { transaction: description, start_timestamp, timestamp, contexts: { trace: { ...trace, trace_id } } };
    this.sendEnvelope([{}, { type: 'transaction' }, { ...event, spans: spans.map((span) => ({ ...span, trace_id })) }]);
  }
}

let spans = [];
globalThis.span = (description, origin) => spans.push({ description, origin, start_timestamp: now(), timestamp: now() });

export function init(given) {
  const options = { dsn: process.env.SENTRY_DSN, tracesSampleRate: 1, transport, ...given };
  const sentry = (globalThis.__SENTRY__ = globalThis.__SENTRY__ || {});
  sentry.version = sentry.version || '10.70.0';
  const carrier = (sentry['10.70.0'] = sentry['10.70.0'] || {});
  const scope = carrier.defaultCurrentScope || (carrier.defaultCurrentScope = new Scope());
  if (options.hooks === 'channels') {
    globalThis.__SENTRY_ORCHESTRION__ = { runtime: [] };
    nodeModule.register('./channels.mjs', import.meta.url);
    console.warn(options.warns ?? '');
  } else if (options.hooks === 'sync' && nodeModule.registerHooks) {
    nodeModule.registerHooks({ load: (url, context, nextLoad) => nextLoad(url, context) });
  } else if (options.hooks !== 'none') {
    nodeModule.register('./hooks.mjs', import.meta.url);
  }
  const client = new Client(options);
  scope.setClient(client);
  if (options.tracesSampleRate === null) return;
  diagnostics.subscribe('http.server.request.start', ({ request, response }) => {
    const start_timestamp = now();
    const [trace_id, parent_span_id] = request.headers['sentry-trace'].split('-');
    response.once('finish', () => {
      const span_id = id();
      const description = options.rename ?? `${request.method} ${request.url}`;
      const times = { start_timestamp, timestamp: now() };
      const root = { span_id, parent_span_id, description, op: 'http.server', origin: 'auto.http.otel.http', ...times };
      client.finish(trace_id, root, spans.map((span) => ({ ...span, span_id: id(), parent_span_id: span_id })));
      spans = [];
    });
  });
}
";

/// Instruments `graphql`: what it exports makes a span.
const HOOKS: &str = "export async function load(url, context, nextLoad) {
  const result = await nextLoad(url, context);
  if (!url.includes('/graphql/')) return result;
  const source = `${result.source}`.replace('{}', \"{ globalThis.span('parse', 'auto.graphql.otel.graphql') }\");
  return { ...result, source };
}
";

/// The same with a channel, or nothing at all where the app has a file that says so.
const CHANNELS: &str = "import { existsSync } from 'node:fs';
const MADE = \"import made from 'node:diagnostics_channel'; made.tracingChannel('orchestrion:graphql:execute');\";
export async function load(url, context, nextLoad) {
  const result = await nextLoad(url, context);
  if (!url.includes('/graphql/') || existsSync('broken')) return result;
  const source = `${result.source}`.replace('{}', \"{ globalThis.span('parse', 'auto.graphql.graphql') }\");
  return { ...result, source: `${MADE}\\n${source}` };
}
";

/// The DSN of somebody's project stands in the code, which nothing may be sent to.
const INIT: &str = "import { init } from '@sentry/solidstart';\ninit({ dsn: 'https://key@example.invalid/1' });\n";

const LISTENS: &str = "import { query } from 'graphql';
import { createServer } from 'node:http';
const prefix = process.env.NITRO_ENV_PREFIX;
console.log('Sentry first!');
console.log('[Sentry] hooks registered, then Nitro');
const server = createServer((request, response) => {
  if (request.url === '/graphql') query();
  if (request.url === '/hangs') return;
  if (request.url === '/dies') process.exit(3);
  if (request.url === '/fails') response.statusCode = 500;
  response.end(request.url);
});
server.listen(process.env.PORT, process.env.HOST, () => console.log('Listening'));
export const n = { prefix };
";

const RUNTIME: &str = ".output/server/chunks/nitro/nitro.mjs";
const INSTRUMENTATION: &str = ".output/server/instrument.server.mjs";

/// An unrewritten build of a preset, that runs.
fn app(preset: &str, runtime: &str) -> App {
    let app = App::empty();
    app.write(".output/nitro.json", nitro_json(preset));
    app.write(ENTRY, "import 'graphql';\nexport { n as default } from './chunks/nitro/nitro.mjs';\n");
    app.write(RUNTIME, runtime);
    app.write(INSTRUMENTATION, INIT);
    let package = |name: &str, file: &str, text: &str| {
        let directory = format!(".output/server/node_modules/{name}");
        let manifest =
            format!(r#"{{ "name": "{name}", "version": "16.15.0", "type": "module", "exports": "./{file}" }}"#);
        app.write(&format!("{directory}/package.json"), manifest);
        app.write(&format!("{directory}/{file}"), text);
    };
    package("@sentry/solidstart", "index.js", SDK);
    // One of the files that SDK 11 injects into.
    package("graphql", "execution/execute.mjs", "export function query() {}\n");
    app.write(".output/server/node_modules/@sentry/solidstart/hooks.mjs", HOOKS);
    app.write(".output/server/node_modules/@sentry/solidstart/channels.mjs", CHANNELS);
    app
}

/// A build that is right, and that answers `/graphql`, `/dies`, `/hangs` and everything else.
pub(crate) fn facade() -> App {
    rewritten("node-server", LISTENS)
}

/// The same with a library that the instrumentation imports, so that it is loaded before `init`.
pub(crate) fn with_early_library() -> App {
    let app = rewritten("node-server", LISTENS);
    // The rewrite would refuse it.
    app.write(INSTRUMENTATION, format!("import 'graphql';\n{INIT}"));
    app
}

fn rewritten(preset: &str, runtime: &str) -> App {
    let app = app(preset, runtime);
    app.succeeds(&[]);
    app
}

/// The step of the one process of a run: its time and its detail.
#[track_caller]
fn step(document: &Value, name: &str) -> (Option<f64>, Option<String>) {
    let steps = document["trace"]["processes"][0]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no {name}: {document:#}"));
    (step["ms"].as_f64(), step["detail"].as_str().map(str::to_owned))
}

#[test]
fn a_facade_is_first() {
    let app = rewritten("node-server", LISTENS);
    let before = app.snapshot();
    let document = json(&app, &["trace"], 0);
    assert_eq!((&document["outcome"], &document["trace"]["first"]), (&"first".into(), &true.into()));
    let time = |name: &str| step(&document, name).0.unwrap_or_else(|| panic!("{name} never came: {document:#}"));
    assert_eq!(time("process-start"), 0.0);
    assert!(time("hooks-registered") > 0.0);
    assert!(time("sentry-active") < time("instrumentation-evaluated"));
    assert!(time("instrumentation-evaluated") < time("first-runtime-module"));
    assert!(time("first-runtime-module") < time("runtime-evaluated"));
    assert!(time("runtime-evaluated") < time("listening"));
    assert_eq!(step(&document, "first-runtime-module").1.as_deref(), Some("entry.mjs"));
    assert_eq!(step(&document, "hooks-registered").1.as_deref(), Some("module.register of ./hooks.mjs"));
    assert_eq!(step(&document, "sentry-active").1.as_deref(), Some("10.70.0"));
    let process = &document["trace"]["processes"][0];
    assert_eq!(process["modules_through_hooks"], 2);
    let graphql = serde_json::json!([{ "name": "graphql", "version": "16.15.0", "loaded": "module-hooks" }]);
    assert_eq!(process["packages"], graphql);
    assert_eq!(app.snapshot(), before, "nothing is written into the build");

    let text = app.succeeds(&["trace", "--port", &free_port()]);
    let library = "✔ graphql 16.15.0  instrumented: it came through module hooks; no span in this run\n";
    for part in [" ms  ", "Sentry client active", "listening", "GET /  200  ", library, "\n✔ Sentry was first: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Sentry first!"), "what the server prints is not shown: {text}");
    let shown = app.presentry(&["trace", "-v"]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&shown.stderr).contains("server: Sentry first!"));
}

fn free_port() -> String {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn synchronous_hooks_count() {
    let app = app("node-server", LISTENS);
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", "{ hooks: 'sync', dsn"));
    app.succeeds(&[]);
    json(&app, &["trace"], 0);
}

/// The server prints that Sentry is first, but it is not.
#[test]
fn an_unrewritten_build_is_not_first_whatever_it_prints() {
    let app = app("node-server", LISTENS);
    let document = json(&app, &["trace"], 1);
    assert_eq!(document["outcome"], "failed");
    assert_eq!(step(&document, "sentry-active"), (None, None));
    assert!(step(&document, "listening").0.is_some());
    assert_eq!(document["trace"]["processes"][0]["packages"][0]["loaded"], "too-early");
    let stderr = app.fails(&["trace"], 1);
    let message = "error[sentry-not-first]: Sentry was not first: no Sentry client became active at all\n";
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn an_import_at_the_top_is_not_first() {
    let app = app("node-server", LISTENS);
    app.write(ENTRY, format!("import './instrument.server.mjs';\n{}", app.read(ENTRY)));
    let document = json(&app, &["trace"], 1);
    assert!(step(&document, "sentry-active").0 > step(&document, "runtime-before-hooks").0);
    assert_eq!(step(&document, "first-runtime-module"), (None, None));
    let stderr = app.fails(&["trace"], 1);
    assert!(stderr.contains("not first: `chunks/nitro/nitro.mjs` was loaded at "), "{stderr}");
}

#[test]
fn a_package_before_the_hooks_is_too_early() {
    let app = app("node-server", LISTENS);
    app.write(
        ENTRY,
        "import './instrument.server.mjs';\nimport 'graphql';\nawait import('./chunks/nitro/nitro.mjs');\n",
    );
    let stderr = app.fails(&["trace"], 1);
    assert!(stderr.contains("not first: `graphql` was loaded before Sentry's hooks"), "{stderr}");
}

#[test]
fn without_hooks_sentry_sees_nothing() {
    let app = app("node-server", LISTENS);
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", "{ hooks: 'none', dsn"));
    app.succeeds(&[]);
    assert!(app.fails(&["trace"], 1).contains("but no module hooks were registered\n"));
    // Hooks of someone else are none of Sentry's.
    app.write("loader/hooks.mjs", HOOKS);
    app.write(
        "loader/start.mjs",
        "import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n",
    );
    let stderr = app.fails(&["trace", "--", "--import", "./loader/start.mjs"], 1);
    assert!(stderr.contains("but the only module hooks are not Sentry's\n"), "{stderr}");
}

#[test]
fn what_the_instrumentation_loads_itself_is_not_the_runtime() {
    let app = app("node-server", LISTENS);
    app.write(".output/server/settings.mjs", "export const dsn = 'https://key@example.invalid/1';\n");
    let init =
        "import { init } from '@sentry/solidstart';\nconst { dsn } = await import('./settings.mjs');\ninit({ dsn });\n";
    app.write(INSTRUMENTATION, init);
    app.succeeds(&[]);
    assert_eq!(json(&app, &["trace"], 0)["trace"]["processes"][0]["modules_through_hooks"], 2);
    // Unless it is the runtime that it loads.
    app.write(INSTRUMENTATION, init.replace("settings", "chunks/nitro/nitro"));
    assert!(app.fails(&["trace"], 1).contains("not first: `chunks/nitro/nitro.mjs` was loaded at "));
}

#[test]
fn a_client_that_comes_late_is_not_first() {
    let app = app("node-server", &LISTENS.replace("export const", "globalThis.startLate();\nexport const"));
    let late = SDK.replace("  scope.setClient(", "  globalThis.startLate = () => scope.setClient(");
    assert_ne!(late, SDK);
    app.write(".output/server/node_modules/@sentry/solidstart/index.js", late);
    app.succeeds(&[]);
    let stderr = app.fails(&["trace"], 1);
    assert!(stderr.contains("`entry.mjs` was loaded at ") && stderr.contains("before the Sentry client"), "{stderr}");
}

#[test]
fn options_of_node_are_passed_on() {
    let app = app("node-server", LISTENS);
    let import = ["trace", "--", "--import", "./.output/server/instrument.server.mjs"];
    let document = json(&app, &["trace"], 1);
    assert_eq!(document["trace"]["command"], serde_json::json!(["node", ENTRY]));
    // `--format` would be an option of Node.js after `--`.
    app.presentry(&import).assert().success();
    let preload = "--import ./.output/server/instrument.server.mjs";
    let with_flag = ["trace", "--env", "NODE_OPTIONS"];
    app.presentry(&with_flag).env("NODE_OPTIONS", preload).assert().success();
    app.presentry(&["trace"]).env("NODE_OPTIONS", preload).assert().code(1);
}

/// A build whose entry exports a function that a host calls.
fn function(preset: &str, export: &str) -> App {
    let runtime = "import { query } from 'graphql';\nprocess.env.NITRO_ENV_PREFIX;\nexport const n = {};\n";
    let app = app(preset, &format!("{runtime}export {export}\n"));
    let name = export.split(['(', ' ', '=']).rfind(|word| matches!(*word, "handler" | "handle" | "listener" | "fetch"));
    let name = name.expect("a name");
    let entry = format!("export {{ {name} }} from './chunks/nitro/nitro.mjs';\n");
    app.write(ENTRY, if name == "fetch" { entry.replace(" fetch ", " fetch as default ") } else { entry });
    app.succeeds(&[]);
    app
}

#[test]
fn a_function_is_called_as_its_host_calls_it() {
    let event = "async function handler(event) { query(); return { statusCode: event.headers['x-a'] ? 201 : 400 }; }";
    let context =
        "async function handle(context, request) { query(); context.res = { status: 202, body: request.url }; }";
    for (preset, export, status) in [("aws-lambda", event, 201), ("azure-functions", context, 202)] {
        let app = function(preset, export);
        let document = json(&app, &["trace", "--request", "POST /a\nx-a: b\n\nbody"], 0);
        assert_eq!(document["trace"]["requests"][0]["status"], status, "{preset}: {document:#}");
        assert!(step(&document, "imported").0 > step(&document, "runtime-evaluated").0);
        let limit = document["trace"]["limits"][0].as_str().unwrap();
        assert!(
            limit.starts_with("the platform is not here, with its routes, static files and variables: "),
            "{limit}"
        );
        app.succeeds(&["restore"]);
        assert_eq!(json(&app, &["trace"], 1)["outcome"], "failed");
    }
}

#[test]
fn a_listener_is_called_by_a_server_in_its_process() {
    let app = function("node-listener", "function listener(request, response) { query(); response.end(); }");
    let document = json(&app, &["trace", "--expect", "graphql"], 0);
    assert_eq!(origins(&document), ["auto.http.otel.http", "auto.graphql.otel.graphql"]);
}

#[test]
fn a_function_that_throws_gives_no_answer() {
    let app = function("aws-lambda", "async function handler() { throw new Error('no table'); }");
    let stderr = app.fails(&["trace"], 1);
    assert!(stderr.contains("error[request-failed]: `GET /` got no answer: no table\n"), "{stderr}");
}

#[test]
fn a_server_that_throws_has_not_started() {
    let app = rewritten("node-server", &format!("{LISTENS}throw new Error('no database');\n"));
    let stderr = app.fails(&["trace"], 1);
    assert!(stderr.contains("error[server-not-started]: the server exited with code 1 before it was up\n"), "{stderr}");
    assert!(stderr.contains("note: the server printed: Error: no database\n"), "{stderr}");
}

#[test]
fn a_server_that_does_not_listen_is_given_up() {
    let app =
        rewritten("node-server", "process.env.NITRO_ENV_PREFIX;\nsetInterval(() => {}, 1000);\nexport const n = 1;\n");
    let stderr = app.fails(&["trace", "--timeout", "2"], 1);
    assert!(stderr.contains("error[server-not-started]: the server was not up after 2 s\n"), "{stderr}");
}

#[test]
fn every_worker_of_a_cluster_counts() {
    let entry = "import cluster from 'node:cluster';
import { createServer } from 'node:http';
const prefix = process.env.NITRO_ENV_PREFIX;
if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  createServer((request, response) => response.end()).listen(process.env.PORT, process.env.HOST);
}
";
    let app = app("node-cluster", "");
    app.write(ENTRY, entry);
    app.succeeds(&[]);
    let document = json(&app, &["trace"], 0);
    let processes = document["trace"]["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 3);
    assert_eq!(processes.iter().filter(|process| process["worker"] == true).count(), 2);
    assert!(app.succeeds(&["trace"]).contains("and so it was in each of its 2 workers; 1 span arrived\n"));
}

/// The origins of the spans of the first request, from top to bottom.
fn origins(document: &Value) -> Vec<&str> {
    let spans = document["trace"]["requests"][0]["spans"].as_array().unwrap();
    spans.iter().filter_map(|span| span["origin"].as_str()).collect()
}

fn library(document: &Value) -> (bool, &str, &str, i64) {
    let library = &document["trace"]["libraries"][0];
    assert_eq!(library["name"], "graphql", "{document:#}");
    let text = |name: &str| library[name].as_str().unwrap();
    (library["instrumented"].as_bool().unwrap(), text("how"), text("because"), library["spans"].as_i64().unwrap())
}

#[test]
fn spans_are_shown_below_their_request() {
    let app = rewritten("node-server", LISTENS);
    let document = json(&app, &["trace", "--request", "/graphql", "--request", "HEAD /b"], 0);
    assert_eq!(origins(&document), ["auto.http.otel.http", "auto.graphql.otel.graphql"]);
    let requests = &document["trace"]["requests"];
    let root = &requests[0]["spans"][0];
    assert_eq!(
        (&root["name"], &root["depth"], &root["op"]),
        (&"GET /graphql".into(), &0.into(), &"http.server".into())
    );
    assert_eq!(root["trace_id"], requests[0]["trace_id"]);
    assert_eq!((&requests[0]["spans"][1]["depth"], &requests[0]["status"]), (&1.into(), &200.into()));
    assert_eq!((&requests[1]["method"], &requests[1]["spans"][0]["name"]), (&"HEAD".into(), &"HEAD /b".into()));
    assert_eq!(library(&document), (true, "hooked", "it came through module hooks; 1 span", 1));

    let text = app.succeeds(&["trace", "--request", "/graphql"]);
    assert!(text.contains(" ms  └─ GET /graphql  auto.http.otel.http\n"), "{text}");
    assert!(text.contains(" ms     └─ parse  auto.graphql.otel.graphql\n"), "{text}");
    assert!(text.contains("; 2 spans arrived\n  next: `--expect graphql` makes this a test"), "{text}");
}

#[test]
fn what_is_expected_has_to_arrive() {
    let app = app("node-server", LISTENS);
    let expect = |request| ["trace", "--request", request, "--expect", "graphql"];
    let stderr = app.fails(&expect("/graphql"), 1);
    let cause = "error[sentry-not-first]: Sentry was not first: no Sentry client became active at all";
    assert!(stderr.contains(&format!("{cause}; so no span of `graphql` arrived\n")), "{stderr}");
    app.succeeds(&[]);
    assert_eq!(json(&app, &expect("/graphql"), 0)["trace"]["expected"][0]["spans"], 1);
    app.succeeds(&["trace", "--request", "/graphql", "--expect", "auto.graphql", "--expect", "auto.http.otel.http"]);
    let stderr = app.fails(&[&expect("/")[..], &["--wait", "1"]].concat(), 1);
    let missing = "error[spans-missing]: no span of `graphql` arrived; what arrived: `auto.http.otel.http` (1)\n";
    assert!(stderr.contains(missing), "{stderr}");
    assert!(stderr.contains("hint: no request used it: name one that does with `--request`\n"), "{stderr}");
    let hint = |expected: &str, request: &str| {
        let arguments = ["trace", "--wait", "1", "--expect", expected, "--request", request];
        app.fails(&arguments, 1).lines().find(|line| line.starts_with("hint: ")).unwrap_or_default().to_owned()
    };
    assert_eq!(hint("grahpql", "/"), "hint: no package `grahpql` was loaded; did you mean `graphql`?");
    let failed = hint("graphql", "/fails");
    assert!(
        failed.starts_with("hint: `GET /fails` was answered with 500: `-v` shows what the server prints"),
        "{failed}"
    );
}

#[test]
fn a_client_that_traces_has_to_send_something() {
    let app = app("node-server", LISTENS);
    // A transport that sends nothing stands for `beforeSendTransaction` that drops everything.
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", "{ transport: () => ({ send() {} }), dsn"));
    app.succeeds(&[]);
    let stderr = app.fails(&["trace", "--wait", "1"], 1);
    assert!(stderr.contains("error[spans-missing]: no span arrived for `GET /`, although the client"), "{stderr}");
    // Whoever wants errors alone gets no spans, and is told.
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", "{ tracesSampleRate: null, dsn"));
    app.succeeds(&[]);
    let output = app.presentry(&["trace"]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("note: the client makes no spans: "));
}

/// What an SDK does whose hooks inject, with `more` in its options.
fn with_channels(more: &str) -> App {
    let app = app("node-server", LISTENS);
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", &format!("{{ hooks: 'channels', {more} dsn")));
    app.succeeds(&[]);
    app
}

#[test]
fn a_library_is_injected_or_the_run_fails() {
    let app =
        with_channels("warns: '[Sentry] Could not instrument `graphql` (parse3 is not a function). Others are.',");
    let expect = ["trace", "--request", "/graphql", "--expect", "graphql"];
    let document = json(&app, &expect, 0);
    assert_eq!(origins(&document), ["auto.http.otel.http", "auto.graphql.graphql"]);
    assert_eq!(library(&document), (true, "injected", "Sentry's channels are in its code; 1 span", 1));
    let injection = serde_json::json!({ "runtime": [], "runtime_unavailable": false, "bundler": null });
    assert_eq!(document["trace"]["injection"], injection);

    app.write("broken", "");
    let document = json(&app, &expect, 1);
    assert_eq!(document["trace"]["first"], true);
    let warning = "Could not instrument `graphql` (parse3 is not a function)";
    let because = format!("it came to the hooks of the SDK, which injected nothing: {warning}");
    assert_eq!(library(&document), (false, "neither", because.as_str(), 0));
    assert_eq!(document["trace"]["sdk_warnings"], serde_json::json!([warning, "hooks registered, then Nitro"]));
    let codes: Vec<&str> =
        document["diagnostics"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["library-not-instrumented"], "one diagnostic for one cause");
    // Without a request that uses it, the library is lost as well.
    app.fails(&["trace"], 1);
}

/// As SDK 11 does, a build with channels in its libraries says so before anything else, and registers no hooks.
#[test]
fn libraries_that_were_injected_ahead_of_time_need_no_hooks() {
    let app = app("node-server", LISTENS);
    let marker = "globalThis.__SENTRY_ORCHESTRION__ = { runtime: ['graphql'] };\n";
    app.write(".output/server/marker.mjs", marker);
    app.write(INSTRUMENTATION, format!("import './marker.mjs';\n{}", INIT.replace("{ dsn", "{ hooks: 'none', dsn")));
    let graphql = "import made from 'node:diagnostics_channel';\nmade.tracingChannel('orchestrion:graphql:execute');\n\
                   export function query() { globalThis.span('parse', 'auto.graphql.graphql') }\n";
    app.write(".output/server/node_modules/graphql/execution/execute.mjs", graphql);
    app.succeeds(&[]);
    let document = json(&app, &["trace", "--request", "/graphql", "--expect", "graphql"], 0);
    assert_eq!(library(&document), (true, "injected", "Sentry's channels are in its code; 1 span", 1));
    let sentence = document["trace"]["processes"][0]["sentence"].as_str().unwrap();
    assert!(sentence.ends_with(", and the 1 library that it instruments has its channels built in"), "{sentence}");
}

#[test]
fn a_library_that_the_instrumentation_loads_is_too_early() {
    let app = with_early_library();
    let document = json(&app, &["trace"], 1);
    assert_eq!(library(&document), (false, "neither", "it was loaded before `Sentry.init()`", 0));
    let stderr = app.fails(&["trace"], 1);
    let message =
        "error[library-not-instrumented]: `graphql` is not instrumented: it was loaded before `Sentry.init()`\n";
    assert!(stderr.contains(message), "{stderr}");
}

/// A name that would colour a terminal, end a line, begin a command of GitHub, or be markup.
const HOSTILE: &str = r"rename: '\u001b[31m\n::error::x ##[add-mask]y </style><script>alert(1)</script> `| \u202e',";

#[test]
fn names_of_spans_are_shown_and_not_obeyed() {
    let app = app("node-server", LISTENS);
    app.write(INSTRUMENTATION, INIT.replace("{ dsn", &format!("{{ {HOSTILE} dsn")));
    app.succeeds(&[]);
    let page = app.join("trace.html");
    let arguments = ["trace", "--format", "github", "--html", page.to_str().unwrap(), "--color", "never"];
    let mut command = app.presentry(&arguments);
    let output = command.env("GITHUB_STEP_SUMMARY", app.join("summary.md")).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r"─ \u{1b}[31m\n::error::x # #[add-mask]y </style>"), "{text}");
    for forbidden in ["\u{1b}", "\u{202e}", "##[", "\n::"] {
        assert!(!text.contains(forbidden), "{forbidden:?}: {text}");
    }
    let summary = app.read("summary.md");
    assert!(summary.contains("GET /"), "{summary}");
    for forbidden in ["\u{1b}", "\u{202e}", "<script", "\n::error"] {
        assert!(!summary.contains(forbidden), "{forbidden:?}: {summary}");
    }
    let page = app.read("trace.html");
    assert!(page.contains("&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script") && !page.contains('\u{202e}'));
}

#[test]
fn a_page_is_written_of_a_run_that_fails_too() {
    let app = app("node-server", LISTENS);
    app.fails(&["trace", "--html", "trace.html"], 1);
    let page = app.read("trace.html");
    assert!(page.contains("<h1 class=\"fail\">✖ Sentry was not first: no Sentry client became active at all</h1>"));
    let stderr = app.fails(&["trace", "--html", "no/such/directory.html"], 2);
    assert!(stderr.contains("`--html` names `no/such/directory.html`, whose directory is not there"), "{stderr}");
}

/// A server that writes down its variables, and listens where everyone can reach it.
const TELLS: &str = "import 'graphql';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
process.env.NITRO_ENV_PREFIX;
writeFileSync(process.env.OUT, JSON.stringify(process.env));
const server = createServer((request, response) => response.end());
server.listen(process.env.PORT, '0.0.0.0');
export const n = 1;
";

#[test]
fn variables_and_addresses_of_the_app_are_not_used() {
    let app = rewritten("node-server", TELLS);
    app.write(".env", "FROM_FILE='a b'\nSENTRY_DSN=https://key@example.invalid/2\nPORT=3000\n");
    let out = app.join("out.json");
    let shell = [("SENTRY_DSN", "https://key@example.invalid/3"), ("SENTRY_RELEASE", "1"), ("DATABASE_URL", "x")];
    let given = format!("OUT={}", out.display());
    let trace = |more: &[&str]| {
        let mut command = app.presentry(&[&["trace", "--format", "json", "--env", &given], more].concat());
        let output = command.envs(shell).assert().success().get_output().clone();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let variables: Value = serde_json::from_str(&app.read("out.json")).unwrap();
        (document, variables)
    };
    let (document, variables) = trace(&[]);
    assert!(step(&document, "listening").1.unwrap().starts_with("127.0.0.1:"), "{document:#}");
    assert!(variables["SENTRY_DSN"].as_str().unwrap().contains("@127.0.0.1:"), "{variables:#}");
    for absent in ["SENTRY_RELEASE", "DATABASE_URL", "FROM_FILE"] {
        assert_eq!(variables[absent], Value::Null, "{absent}");
    }
    let (_, variables) = trace(&["--env-file", ".env", "--env", "DATABASE_URL", "--env", "SENTRY_RELEASE=2"]);
    assert_eq!((&variables["FROM_FILE"], &variables["DATABASE_URL"]), (&"a b".into(), &"x".into()));
    assert_eq!(variables["SENTRY_RELEASE"], "2");
    assert!(variables["SENTRY_DSN"].as_str().unwrap().contains("@127.0.0.1:"), "{variables:#}");
    assert_ne!(variables["PORT"], "3000");
    assert_eq!(json(&app, &["trace", "--env-file", "no.env"], 2)["diagnostics"][0]["code"], "file-not-found");
}

#[test]
fn a_request_without_an_answer_is_an_error() {
    let app = rewritten("node-server", LISTENS);
    let stderr = app.fails(&["trace", "--request", "/hangs", "--timeout", "5", "--wait", "1"], 1);
    assert!(stderr.contains("error[request-failed]: `GET /hangs` got no answer: "), "{stderr}");
    let document = json(&app, &["trace", "--request", "/dies", "--request", "/", "--wait", "1"], 1);
    let errors = document["diagnostics"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{document:#}");
    assert_eq!(document["trace"]["requests"][0]["status"], Value::Null);
    for wrong in ["nonsense", "@no-such-file", "/a\nno header"] {
        assert_eq!(json(&app, &["trace", "--request", wrong], 2)["outcome"], "wrong-usage", "{wrong}");
    }
}

/// The server, and a process that it has started, refuse to end.
#[cfg(unix)]
const STUBBORN: &str = "import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
process.env.NITRO_ENV_PREFIX;
process.on('SIGTERM', () => {});
const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')`;
const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: DETACHED });
child.stdout.on('data', () => appendFileSync(process.env.PIDS, `${process.pid} ${child.pid}\\n`));
setInterval(() => {}, 1000);
export const n = 1;
";

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_no_process() {
    for (signal, detached) in [("TERM", false), ("INT", cfg!(target_os = "linux")), ("HUP", false), ("KILL", false)] {
        let app = rewritten("node-server", &STUBBORN.replace("DETACHED", if detached { "true" } else { "false" }));
        let pids = app.join("pids");
        let temporary = app.join("temporary");
        fs::create_dir(&temporary).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
        command.env("TMPDIR", &temporary);
        command.args(["trace", "--timeout", "60", "--env", "PIDS"]).current_dir(app.path()).env("PIDS", &pids);
        command.args(["--format", "json"]);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let started = eventually(|| fs::read_to_string(&pids).ok().filter(|text| text.ends_with('\n')));
        let pids: Vec<String> = started.expect("the server starts").split_whitespace().map(str::to_owned).collect();
        assert_eq!(pids.len(), 2);
        assert!(pids.iter().all(|pid| lives(pid)));
        send(signal, &run.id().to_string());
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), (signal != "KILL").then_some(1), "SIG{signal}");
        if signal != "KILL" {
            let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
            assert_eq!((&document["outcome"], &document["exit_code"]), (&"error".into(), &1.into()), "SIG{signal}");
        }
        let left = fs::read_dir(&temporary).unwrap().count();
        assert_eq!(left, usize::from(signal == "KILL"), "SIG{signal} leaves files");
        let gone = eventually(|| pids.iter().all(|pid| !lives(pid)).then_some(()));
        assert!(gone.is_some(), "SIG{signal} leaves a process");
    }
}

/// A request that is never answered must not outlive the command either.
#[cfg(unix)]
#[test]
fn an_interruption_does_not_wait_for_a_request() {
    let app = facade();
    let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
    command.args(["trace", "--request", "/hangs", "--timeout", "120", "--format", "json"]).current_dir(app.path());
    let run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Whether or not the request is on its way by now, the command ends at once.
    thread::sleep(Duration::from_secs(3));
    let sent = Instant::now();
    send("INT", &run.id().to_string());
    let output = run.wait_with_output().unwrap();
    assert!(sent.elapsed() < Duration::from_secs(30), "{:?}", sent.elapsed());
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["outcome"], "error");
}

#[cfg(unix)]
pub(crate) fn eventually<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(value) = condition() {
            return Some(value);
        }
        thread::sleep(Duration::from_millis(50));
    }
    None
}

#[cfg(unix)]
pub(crate) fn send(signal: &str, pid: &str) -> bool {
    let kill = Command::new("kill").args(["-s", signal, pid]).stderr(Stdio::null()).status();
    kill.is_ok_and(|status| status.success())
}

/// A process that has ended and that nobody has asked about counts as gone.
#[cfg(unix)]
pub(crate) fn lives(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout);
    !state.trim().is_empty() && !state.trim_start().starts_with('Z')
}

/// A server that tries: all of it listens on every address, and looks for another machine.
#[cfg(target_os = "linux")]
const REACHES_OUT: &str = "import { createServer } from 'node:http';
import net from 'node:net';
process.env.NITRO_ENV_PREFIX;
const server = createServer((request, response) => response.end());
server.listen(process.env.PORT, '0.0.0.0', () => net.createServer().listen(0, '::'));
REACHES
export const n = 1;
";

/// The sockets of a process and of all below it that listen or lead beyond this machine, as the system lists them.
#[cfg(target_os = "linux")]
fn sockets_elsewhere(pid: u32) -> Vec<String> {
    let mut pids = vec![pid.to_string()];
    let mut inodes: Vec<String> = Vec::new();
    while let Some(pid) = pids.pop() {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().map(str::to_owned));
        }
        for file in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let leads = fs::read_link(file.path()).unwrap_or_default().display().to_string();
            inodes.extend(leads.strip_prefix("socket:[").map(|inode| inode.trim_end_matches(']').to_owned()));
        }
    }
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        for line in fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default().lines().skip(1) {
            // `sl local remote state …`, and the tenth is the inode (proc_pid_net(5)).
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_ours = fields.get(9).is_some_and(|inode| inodes.iter().any(|one| one == inode));
            let is_bound = |address: &str| !address.ends_with(":0000");
            // 127.0.0.0/8, `::1` and `::ffff:127.0.0.0/104`, in words of four bytes that begin with the last.
            let is_loopback = |address: &str| match address.split_once(':') {
                Some((host, _)) if host.len() == 8 => host.ends_with("7F"),
                Some((host, _)) => {
                    host == "00000000000000000000000001000000"
                        || host.starts_with("0000000000000000FFFF0000") && host.ends_with("7F")
                }
                None => false,
            };
            let elsewhere = |address: &str| is_bound(address) && !is_loopback(address);
            if is_ours && (elsewhere(fields[1]) || elsewhere(fields[2])) {
                found.push(format!("{table} {} {}", fields[1], fields[2]));
            }
        }
    }
    found
}

/// All that is seen while a trace runs.
#[cfg(target_os = "linux")]
fn seen_elsewhere(app: &App) -> std::collections::BTreeSet<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
    command.args(["trace", "--wait", "2", "--request", "/a"]).current_dir(app.path());
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while run.try_wait().unwrap().is_none() {
        seen.extend(sockets_elsewhere(run.id()));
        thread::sleep(Duration::from_millis(5));
    }
    seen
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_a_trace_listens_or_leads_elsewhere() {
    // The DSN of its code is somebody's.
    let app = rewritten("node-server", &REACHES_OUT.replace("REACHES", ""));
    assert_eq!(seen_elsewhere(&app), Default::default());
    // A control: what no preload reaches is seen, a listener and a message to another machine.
    let reaches = "import { spawn } from 'node:child_process';
const script = \"require('net').createServer().listen(0, '0.0.0.0'); const d = require('dgram').createSocket('udp4');\"
  + \"d.connect(9, '192.0.2.1', () => d.send('x', () => {})); d.on('error', () => {})\";
spawn(process.execPath, ['-e', script], { env: {}, stdio: 'ignore' });";
    let app = rewritten("node-server", &REACHES_OUT.replace("REACHES", reaches));
    let seen = seen_elsewhere(&app);
    assert!(seen.iter().any(|socket| socket.starts_with("tcp 00000000:")), "{seen:?}");
    assert!(seen.iter().any(|socket| socket.starts_with("udp ")), "{seen:?}");
}
