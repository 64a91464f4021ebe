//! The guard of a facade under real Node, with a stand-in for the SDK: silent where the server is as it was proven, one line
//! and `contexts.presentry` where it is not, and never in the way.

use std::process::{Command, Output};

use expect_test::expect;

use crate::{
    builds::{App, ENTRY},
    channels::with_libraries,
    formats::json,
};

const SERVER: &str = ".output/server";

/// What of the SDK a guard looks at. The scope is the one of the carrier, as in versions 8 to 11.
const SDK: &str = "class Scope {
  contexts = {};
  getClient() { return this.client; }
  setContext(name, value) { this.contexts[name] = value; }
}
const sentry = (globalThis.__SENTRY__ ??= { version: '10.70.0' });
const carrier = (sentry['10.70.0'] ??= {});
const scope = (carrier.defaultCurrentScope ??= new Scope());
export const init = (options) => {
  if (process.env.NO_CLIENT) return;
  const client = { getOptions: () => options, getTransport: () => (process.env.NO_DSN ? undefined : {}) };
  if (process.env.LATE) setTimeout(() => { scope.client = client; });
  else scope.client = client;
  if (process.env.ON_BUN) Object.defineProperty(process.versions, 'bun', { value: '1.3.0' });
  if (process.env.NO_HOOKS) globalThis.__SENTRY_ORCHESTRION__ = { runtimeUnavailable: true };
};
";

/// A runtime that ends by itself, and prints what events would carry.
const RUNTIME: &str = "process.on('exit', () => console.log(JSON.stringify(globalThis.__SENTRY__?.['10.70.0']?.globalScope?.contexts ?? null)));
setTimeout(() => {}, 50);
const nodeServer = { envPrefix: process.env.NITRO_ENV_PREFIX };
export { nodeServer as n };
";

fn app(instrumentation: &str) -> App {
    let app = App::facade();
    app.write(&format!("{SERVER}/node_modules/@sentry/solidstart/index.js"), SDK);
    app.write(&format!("{SERVER}/chunks/nitro/nitro.mjs"), RUNTIME);
    let import = "import * as Sentry from '@sentry/solidstart';\n";
    app.write(&format!("{SERVER}/instrument.server.mjs"), format!("{import}{instrumentation}"));
    app
}

const INIT: &str = "Sentry.init({ tracesSampleRate: 1 });\n";

fn boot(app: &App, variables: &[&str]) -> Output {
    let mut node = Command::new("node");
    node.arg(app.join(ENTRY)).envs(variables.iter().map(|name| (name, "1"))).env_remove("NODE_OPTIONS");
    node.output().expect("Node.js 20 or later has to be on PATH for these tests")
}

/// What a server prints on stderr, and the contexts of its events. It has to end well.
#[track_caller]
fn printed(app: &App, variables: &[&str]) -> (String, String) {
    let output = boot(app, variables);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    (stderr, stdout)
}

#[track_caller]
fn is_silent(app: &App, variables: &[&str]) {
    assert_eq!(printed(app, variables), (String::new(), "null\n".to_owned()));
}

#[test]
fn it_is_silent_where_the_server_is_as_proven() {
    let app = app(INIT);
    app.succeeds(&[]);
    is_silent(&app, &[]);
    // Without a DSN nothing is sent, whatever the libraries do.
    is_silent(&app, &["NO_DSN", "NO_HOOKS"]);
}

#[test]
fn it_prints_one_line_where_there_is_no_client() {
    let app = app(INIT);
    app.succeeds(&[]);
    let (line, contexts) = printed(&app, &["NO_CLIENT"]);
    expect![[r#"
        presentry: [not-as-proven] Sentry has no client, but the build is proven (npx presentry explain not-as-proven)
    "#]]
    .assert_eq(&line);
    expect![[r#"
        {"presentry":{"code":"not-as-proven","found":"Sentry has no client","verdict":"proven"}}
    "#]]
    .assert_eq(&contexts);
    assert!(app.succeeds(&["explain", "not-as-proven"]).contains("Sentry has no client"));
    let (line, _) = printed(&app, &["LATE"]);
    assert!(line.contains("Sentry started only after the runtime was loaded, but the build is proven"), "{line}");
    // The control: without a guard a server prints nothing, whatever is wrong.
    app.succeeds(&["--no-guard"]);
    is_silent(&app, &["NO_CLIENT"]);
}

#[test]
fn it_tells_hooks_that_are_not_registered() {
    let app = app(INIT);
    app.succeeds(&[]);
    let (line, contexts) = printed(&app, &["NO_HOOKS"]);
    assert!(line.contains("the hooks of Sentry are not registered, but the build is proven"), "{line}");
    assert!(contexts.contains("\"found\":\"the hooks of Sentry are not registered\""), "{contexts}");
    // Bun has none, and none were proven.
    is_silent(&app, &["NO_HOOKS", "ON_BUN"]);
}

#[test]
fn a_condition_that_does_not_hold_is_no_finding() {
    let app = app(&format!("if (process.env.DSN) {INIT}"));
    app.succeeds(&[]);
    is_silent(&app, &[]);
    is_silent(&app, &["DSN"]);
    let (line, _) = printed(&app, &["DSN", "LATE"]);
    assert!(line.contains("only after the runtime was loaded, but the build is proven under a condition"), "{line}");
    let (line, _) = printed(&app, &["DSN", "NO_HOOKS"]);
    assert!(line.contains("but the build is proven under a condition"), "{line}");
}

#[test]
fn it_settles_what_was_vouched_for() {
    // What the proof cannot follow, and what is too late: the runtime is loaded before the timer.
    let app = app("const start = eval(process.env.TRUE ? '(go) => go()' : '(go) => setTimeout(go)');
start(() => Sentry.init({ tracesSampleRate: 1 }));
");
    app.succeeds(&["--trust-init"]);
    is_silent(&app, &["TRUE"]);
    let (line, contexts) = printed(&app, &[]);
    assert!(line.contains("Sentry started only after the runtime was loaded, but the build is vouched for"), "{line}");
    assert!(contexts.contains("\"verdict\":\"vouched for\""), "{contexts}");
    let (line, _) = printed(&app, &["TRUE", "NO_CLIENT"]);
    assert!(line.contains("Sentry has no client, but the build is vouched for"), "{line}");
}

#[test]
fn it_asks_whether_the_channels_in_libraries_are_heard() {
    let app = with_libraries();
    for (file, text) in [
        ("chunks/nitro/nitro.mjs", RUNTIME),
        ("index.mjs", "export { n as default } from './chunks/nitro/nitro.mjs';\n"),
    ] {
        app.write(&format!("{SERVER}/{file}"), text);
    }
    app.succeeds(&["--instrument-ahead"]);
    let facade = app.read(ENTRY);
    let call = r#"const _settle = _guard("proven", ["orchestrion:db:query", "orchestrion:graphql:parse"]);"#;
    assert!(facade.contains(call), "{facade}");
    // The stand-in of these tests has no carrier, so one that has is put beside what it does.
    let client = app.read(&format!("{SERVER}/node_modules/@sentry/node/index.js"));
    let commonjs = SDK.replace("export const init", "const begin");
    let both = |subscribes: &str| {
        format!(
            "{subscribes}\n{commonjs}\nconst listen = exports.init;\nexports.init = (options) => {{ begin(options); listen?.(options); }};\n"
        )
    };
    app.write(&format!("{SERVER}/node_modules/@sentry/node/index.js"), both(&client));
    is_silent(&app, &[]);
    app.write(&format!("{SERVER}/node_modules/@sentry/node/index.js"), both(""));
    let (line, _) = printed(&app, &[]);
    assert!(line.contains("Sentry does not listen to the channels in the libraries"), "{line}");
}

#[test]
fn a_broken_carrier_is_not_in_the_way() {
    let app = app(INIT);
    let runtime = "import { setTimeout } from 'node:timers';\nsetTimeout(() => {}, 50);\nexport const n = {};\n";
    app.write(&format!("{SERVER}/chunks/nitro/nitro.mjs"), runtime);
    app.succeeds(&[]);
    for broken in [
        "globalThis.__SENTRY__ = { get a() { throw new Error('broken'); } };",
        "globalThis.__SENTRY__ = 'text';",
        "globalThis.__SENTRY__ = { a: { get defaultCurrentScope() { throw new Error('broken'); } } };",
        "globalThis.__SENTRY__ = { a: { defaultCurrentScope: { getClient: () => { throw new Error('broken'); } } } };",
        "globalThis.__SENTRY__ = { a: { defaultCurrentScope: { getClient: () => ({}) } } };",
        "globalThis.__SENTRY__ = { a: Object.freeze({ defaultCurrentScope: Object.freeze({}) }) };",
        "Object.defineProperty(globalThis, '__SENTRY__', { get() { throw new Error('broken'); } });",
        "delete globalThis.setTimeout;",
        "delete globalThis.console;",
        "process.getBuiltinModule = undefined;",
    ] {
        let sdk = format!("{broken}\nexport const init = () => {{}};\n");
        app.write(&format!("{SERVER}/node_modules/@sentry/solidstart/index.js"), sdk);
        let output = boot(&app, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{broken}: {stderr}");
        let others = stderr.lines().filter(|line| !line.starts_with("presentry: [not-as-proven] "));
        assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{broken}");
    }
}

/// Its one timer keeps no process alive, and it imports nothing.
#[test]
fn it_keeps_no_process_alive_and_loads_no_file() {
    let app = app(INIT);
    let runtime = "globalThis.setTimeout = (look, time) => ({ unref() { console.log('unref', time); } });\nexport const n = {};\n";
    app.write(&format!("{SERVER}/chunks/nitro/nitro.mjs"), runtime);
    app.succeeds(&[]);
    assert_eq!(printed(&app, &["NO_CLIENT"]), (String::new(), "unref 0\n".to_owned()));
    let facade = app.read(ENTRY);
    let loads = facade.lines().filter(|line| line.contains("import") || line.contains("require"));
    let from_build = |line: &str| line.contains("\"./instrument.server.mjs\"") || line.contains("import(\"./");
    assert!(loads.clone().count() == 2 && loads.clone().all(from_build), "{facade}");
}

/// A runtime that fails ends as it does without a guard, which prints nothing of it.
#[test]
fn the_exit_code_of_a_failing_runtime_stays() {
    let app = app(INIT);
    app.write(&format!("{SERVER}/chunks/nitro/nitro.mjs"), "export const n = {};\nthrow new Error('broken');\n");
    for arguments in [&[][..], &["--no-guard"]] {
        app.succeeds(arguments);
        let output = boot(&app, &["NO_CLIENT"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("Error: broken") && !stderr.contains("not-as-proven"), "{stderr}");
    }
}

/// Each form of facade has a guard that speaks once: the awaiting one, as a process and below a launcher, and forwarders.
#[test]
fn each_facade_has_one() {
    for (preset, arguments) in [
        ("node-server", &[][..]),
        ("node", &[]),
        ("aws-lambda", &[]),
        ("aws-amplify", &[]),
        ("node", &["--exports", "wrap", "--wrap", "handler"]),
    ] {
        let app = app(INIT);
        // Names that the facade uses itself.
        let more = if arguments.is_empty() { ", h as guard, h as settle" } else { "" };
        app.write(".output/nitro.json", crate::builds::nitro_json(preset));
        app.write(
            &format!("{SERVER}/index.mjs"),
            format!("export {{ h as handler{more} }} from './chunks/nitro/nitro.mjs';\nimport 'graphql';\n"),
        );
        app.append(&format!("{SERVER}/chunks/nitro/nitro.mjs"), "export async function h() { return 1; }\n");
        app.presentry(arguments).args(["--entry", ENTRY]).assert().success();
        is_silent(&app, &[]);
        let (line, _) = printed(&app, &["NO_CLIENT"]);
        assert_eq!(line.matches("not-as-proven]").count(), 1, "{preset}: {line}");
    }
}

#[test]
fn reports_tell_whether_there_is_a_guard() {
    let app = app(INIT);
    let original = app.snapshot();
    for (arguments, guard, shown) in [
        (&[][..], true, "guard            prints a line if the running server differs from the proof"),
        (&["--no-guard"], false, "guard            none"),
    ] {
        app.succeeds(arguments);
        assert_eq!(json(&app, &["check"], 0)["proof"]["guard"], guard);
        let inspected = app.succeeds(&["inspect"]);
        assert!(inspected.contains(shown), "{inspected}");
        assert!(inspected.contains("has nothing to do"), "{inspected}");
        assert!(app.succeeds(arguments).contains("already first"));
    }
    app.succeeds(&["restore"]);
    assert_eq!(json(&app, &["check"], 1)["proof"]["guard"], false);
    app.succeeds(&["--mode", "top-level-import"]);
    assert_eq!(json(&app, &["check"], 1)["proof"]["guard"], false);
    app.succeeds(&["restore"]);
    let mut restored = app.snapshot();
    restored.retain(|path, _| original.contains_key(path) || !path.contains("/.presentry"));
    assert_eq!(restored, original);
}
