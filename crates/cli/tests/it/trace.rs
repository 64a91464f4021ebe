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
    builds::{App, nitro_json},
    formats::json,
};

/// Sets a client on the default scope of its version, and registers hooks, as `@sentry/node` 8 to 10 do.
const SDK: &str = "import * as nodeModule from 'node:module';
class Scope {
  getClient() { return this.client; }
  setClient(client) { this.client = client; }
}
export function init(options) {
  const sentry = (globalThis.__SENTRY__ = globalThis.__SENTRY__ || {});
  sentry.version = sentry.version || '10.70.0';
  const carrier = (sentry['10.70.0'] = sentry['10.70.0'] || {});
  const scope = carrier.defaultCurrentScope || (carrier.defaultCurrentScope = new Scope());
  if (options.hooks === 'sync' && nodeModule.registerHooks) {
    nodeModule.registerHooks({ load: (url, context, nextLoad) => nextLoad(url, context) });
  } else if (options.hooks !== 'none') {
    nodeModule.register('./hooks.mjs', import.meta.url);
  }
  scope.setClient({ getDsn: () => options.dsn, getOptions: () => options });
}
";

const HOOKS: &str = "export async function load(url, context, nextLoad) { return nextLoad(url, context); }\n";

const INIT: &str = "import { init } from '@sentry/solidstart';\ninit({ dsn: 'https://key@example.invalid/1' });\n";

const LISTENS: &str = "import 'graphql';
import { createServer } from 'node:http';
const prefix = process.env.NITRO_ENV_PREFIX;
console.log('Sentry first!');
console.log('[Sentry] hooks registered, then Nitro');
createServer(() => {}).listen(process.env.PORT, process.env.HOST, () => console.log('Listening'));
export const n = { prefix };
";

const ENTRY: &str = ".output/server/index.mjs";
const RUNTIME: &str = ".output/server/chunks/nitro/nitro.mjs";
const INSTRUMENTATION: &str = ".output/server/instrument.server.mjs";

/// An unrewritten build of a preset, that runs.
fn app(preset: &str, runtime: &str) -> App {
    let app = App::empty();
    app.write(".output/nitro.json", nitro_json(preset));
    app.write(ENTRY, "import 'graphql';\nexport { n as default } from './chunks/nitro/nitro.mjs';\n");
    app.write(RUNTIME, runtime);
    app.write(INSTRUMENTATION, INIT);
    let package = |name: &str, text: &str| {
        let directory = format!(".output/server/node_modules/{name}");
        let manifest =
            format!(r#"{{ "name": "{name}", "version": "1.2.3", "type": "module", "exports": "./index.js" }}"#);
        app.write(&format!("{directory}/package.json"), manifest);
        app.write(&format!("{directory}/index.js"), text);
    };
    package("@sentry/solidstart", SDK);
    package("graphql", "export const version = '1.2.3';\n");
    app.write(".output/server/node_modules/@sentry/solidstart/hooks.mjs", HOOKS);
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
    let graphql = serde_json::json!([{ "name": "graphql", "version": "1.2.3", "loaded": "module-hooks" }]);
    assert_eq!(process["packages"], graphql);
    assert_eq!(app.snapshot(), before, "nothing is written into the build");

    let text = app.succeeds(&["trace", "--port", &free_port()]);
    for part in [" ms  ", "Sentry client active", "listening", "through module hooks", "\nSentry was first: "] {
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
    app.presentry(&["trace"]).env("NODE_OPTIONS", preload).assert().success();
}

#[test]
fn a_function_is_loaded_and_not_called() {
    let handler = LISTENS.lines().filter(|line| !line.contains("listen")).collect::<Vec<_>>().join("\n");
    let handler = handler + "\nexport function called() { process.exit(3); }\nexport { called as handler };\n";
    let app = rewritten("aws-lambda", &handler);
    let document = json(&app, &["trace"], 0);
    assert!(step(&document, "imported").0 > step(&document, "runtime-evaluated").0);
    app.succeeds(&["restore"]);
    assert_eq!(json(&app, &["trace"], 1)["outcome"], "failed");
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
  createServer(() => {}).listen(process.env.PORT, process.env.HOST);
}
";
    let app = app("node-cluster", "");
    app.write(ENTRY, entry);
    app.succeeds(&[]);
    let document = json(&app, &["trace"], 0);
    let processes = document["trace"]["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 3);
    assert_eq!(processes.iter().filter(|process| process["worker"] == true).count(), 2);
    assert!(app.succeeds(&["trace"]).contains("and so it was in each of its 2 workers\n"));
}

/// The server, and a process that it has started, refuse to end.
#[cfg(unix)]
const STUBBORN: &str = "import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
process.env.NITRO_ENV_PREFIX;
process.on('SIGTERM', () => {});
const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')`;
const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
child.stdout.on('data', () => appendFileSync(process.env.PIDS, `${process.pid} ${child.pid}\\n`));
setInterval(() => {}, 1000);
export const n = 1;
";

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_no_process() {
    for signal in ["TERM", "INT", "KILL"] {
        let app = rewritten("node-server", STUBBORN);
        let pids = app.join("pids");
        let temporary = app.join("temporary");
        fs::create_dir(&temporary).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
        command.env("TMPDIR", &temporary);
        command.args(["trace", "--timeout", "60"]).current_dir(app.path()).env("PIDS", &pids);
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = eventually(|| fs::read_to_string(&pids).ok().filter(|text| text.ends_with('\n')));
        let pids: Vec<String> = started.expect("the server starts").split_whitespace().map(str::to_owned).collect();
        assert_eq!(pids.len(), 2);
        assert!(pids.iter().all(|pid| lives(pid)));
        send(signal, &run.id().to_string());
        let status = run.wait().unwrap();
        assert_eq!(status.code(), (signal != "KILL").then_some(1), "SIG{signal}");
        let left = fs::read_dir(&temporary).unwrap().count();
        assert_eq!(left, usize::from(signal == "KILL"), "SIG{signal} leaves files");
        let gone = eventually(|| pids.iter().all(|pid| !lives(pid)).then_some(()));
        assert!(gone.is_some(), "SIG{signal} leaves a process");
    }
}

#[cfg(unix)]
fn eventually<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
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
fn send(signal: &str, pid: &str) -> bool {
    let kill = Command::new("kill").args(["-s", signal, pid]).stderr(Stdio::null()).status();
    kill.is_ok_and(|status| status.success())
}

/// A process that has ended and that nobody has asked about counts as gone.
#[cfg(unix)]
fn lives(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout);
    !state.trim().is_empty() && !state.trim_start().starts_with('Z')
}
