//! Setups that people have reported: right ones that have to work, and wrong ones that have to be refused with the reason.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::builds::{ALREADY_FIRST, App, ENTRY, INSTRUMENTATION, nitro_json};

const BUILT: &str = ".output/server/instrument.server.mjs";
const RUNTIME: &str = ".output/server/chunks/nitro/nitro.mjs";

/// The document of a command, whatever its exit code.
#[track_caller]
fn document(app: &App, arguments: &[&str]) -> Value {
    let output = app.presentry(&[arguments, &["--format", "json"]].concat()).output().expect("it runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// Starts a file with Node, and gives its exit code and what it printed; a server that stays up is ended.
fn start(app: &App, file: &str) -> (Option<i32>, String) {
    let node = which::which("node").expect("Node.js 20 or later has to be on PATH for these tests");
    let mut command = Command::new(node);
    command.arg(app.join(file)).env_remove("NODE_OPTIONS").current_dir(app.path());
    let output = assert_cmd::Command::from_std(command).timeout(Duration::from_secs(30)).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A build whose runtime prints that it listens, with the instrumentation that Vite would have built.
fn listening(entry: &str) -> App {
    let app = App::facade();
    app.write(RUNTIME, "console.log('listening');\nconst nodeServer = {};\nexport { nodeServer as n };\n");
    app.write(ENTRY, entry);
    app
}

const NODE_SERVER: &str = "export { n as default } from './chunks/nitro/nitro.mjs';\n";

/// An SDK that handles rejections that nothing awaits, as Sentry's does.
fn with_handling_sdk(app: &App) {
    app.write(
        ".output/server/node_modules/@sentry/solidstart/index.js",
        "export const init = () => { process.on('unhandledRejection', () => {}); };\n",
    );
}

#[test]
fn a_startup_file_may_require_the_entry() {
    let app = listening(NODE_SERVER);
    app.write("app.cjs", "require('./.output/server/index.mjs');\n");
    app.succeeds(&[]);
    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    app.succeeds(&["check"]);
    for file in ["app.cjs", ENTRY] {
        let (code, said) = start(&app, file);
        // Node 20.17 and 22.0 to 22.11 have no `require()` of ES modules.
        assert!(said.contains("ERR_REQUIRE_ESM") || (code, said.contains("listening")) == (Some(0), true), "{said}");
    }
    with_handling_sdk(&app);
    app.write(RUNTIME, "throw new Error('broken');\nexport const n = {};\n");
    let (code, said) = start(&app, ENTRY);
    assert!(code == Some(1) && said.contains("broken"), "{code:?}: {said}");
}

#[test]
fn an_entry_that_asks_if_it_is_the_main_module_listens() {
    for check in [
        "import.meta.url === pathToFileURL(process.argv[1]).href",
        "fileURLToPath(import.meta.url) === process.argv[1]",
        "import.meta.filename === undefined || import.meta.filename === process.argv[1]",
        "process.argv.includes(fileURLToPath(import.meta.url))",
        "isMain(import.meta)",
        "import.meta.main ?? true",
    ] {
        let app = listening(&format!(
            "import {{ fileURLToPath, pathToFileURL }} from 'node:url';\nconst isMain = (meta) => meta.url === \
             pathToFileURL(process.argv[1]).href;\nif ({check}) await import('./chunks/nitro/nitro.mjs');\nelse \
             console.log('silent');\n"
        ));
        assert!(start(&app, ENTRY).1.contains("listening"), "{check}");
        app.succeeds(&[]);
        let (code, said) = start(&app, ENTRY);
        assert!(code == Some(0) && said.contains("listening"), "{check}: {said}");
        app.write("other.mjs", "await import('./.output/server/index.mjs');\n");
        let is_old = check.contains("undefined") || check.contains("true");
        assert!(is_old || start(&app, "other.mjs").1.contains("silent"), "{check}");
    }
}

#[test]
fn an_import_that_the_entry_does_not_wait_for_ends_in_exit_code_1() {
    let app = listening("import './instrument.server.mjs';\nimport('./chunks/nitro/nitro.mjs');\n");
    let by_hand = app.presentry(&["check"]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains("warning[runtime-not-awaited]"));
    with_handling_sdk(&app);
    app.write(RUNTIME, "throw new Error('broken');\n");
    assert_eq!(start(&app, ENTRY).0, Some(0), "Sentry handles the rejection");
    app.succeeds(&[]);
    let (code, said) = start(&app, ENTRY);
    assert!(code == Some(1) && said.contains("broken"), "{code:?}: {said}");
    let after = app.presentry(&["check"]).assert().success().get_output().clone();
    assert_eq!(String::from_utf8_lossy(&after.stderr), "");
}

/// A build whose instrumentation a bundler made share a chunk with the server, and its source.
fn sharing(import: &str) -> App {
    let app = App::facade();
    app.append(BUILT, import);
    app.append(RUNTIME, "export const release = 'a';\n");
    app.write(
        "src/instrument.server.ts",
        format!("import {{ release }} from './release';\n{INSTRUMENTATION}release;\n"),
    );
    app.write("src/release.ts", "export const release = 'a';\n");
    app
}

#[test]
fn an_instrumentation_that_shares_a_chunk_with_the_server_is_compiled_from_its_source() {
    for import in [
        "import { release } from './chunks/nitro/nitro.mjs';\n",
        "import 'graphql';\n",
        "import '../server/chunks/nitro/nitro.mjs';\n",
    ] {
        let app = sharing(import);
        app.succeeds(&[]);
        assert!(!app.read(BUILT).contains("nitro.mjs"), "{import}");
        app.succeeds(&["check"]);
    }
    let before = "import * as Sentry from '@sentry/solidstart';\nconst { release } = await import('./chunks/nitro/nitro.mjs');\n\
                  Sentry.init({ release, tracesSampleRate: 1 });\n";
    let app = sharing("");
    app.write(BUILT, before);
    app.succeeds(&[]);
    assert!(!app.read(BUILT).contains("nitro.mjs"));
}

#[test]
fn presentry_does_not_advise_to_run_presentry() {
    for text in [
        "import { n } from './chunks/nitro/nitro.mjs';\nimport * as Sentry from '@sentry/solidstart';\nSentry.init({ n });\n",
        "import * as Sentry from '@sentry/solidstart';\nawait import('./chunks/nitro/nitro.mjs');\nSentry.init({});\n",
        "import '@sentry/solidstart';\n",
        "import './index.mjs';\nimport * as Sentry from '@sentry/solidstart';\nSentry.init({});\n",
    ] {
        let app = App::facade();
        app.write(BUILT, text);
        let said = app.fails(&[], 1);
        assert!(said.contains("hint: ") && !said.contains("run `presentry` on the build"), "{said}");
    }
}

#[test]
fn init_in_a_plugin_of_nitro_has_a_hint_of_its_own() {
    let plugin = "import * as Sentry from '@sentry/solidstart';\nSentry.init({ tracesSampleRate: 1 });\n";
    let map = r#"{ "version": 3, "sources": ["../../../../plugins/sentry.ts"], "names": [], "mappings": "AAAA;AACA" }"#;
    let app = App::facade();
    app.write(RUNTIME, format!("{plugin}{}", app.read(RUNTIME)));
    app.write(".output/server/chunks/nitro/nitro.mjs.map", map);
    let both = app.presentry(&[]).assert().success().get_output().clone();
    let both = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(both.contains("warning[double-init]: `plugins/sentry.ts`, which the runtime loads"), "{both}");
    let checked = app.presentry(&["check"]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&checked.stderr).contains("warning[double-init]"));
    app.succeeds(&["restore"]);
    app.remove(BUILT);
    let alone = app.fails(&[], 1);
    assert!(alone.contains("`Sentry.init()` of `plugins/sentry.ts` is loaded with the runtime"), "{alone}");
    assert!(alone.contains("hint: move the call to `src/instrument.server.ts`"), "{alone}");
}

#[test]
fn init_for_the_browser_refuses_nothing() {
    for (imports, call) in [
        ("import * as Sentry from '@sentry/browser';\n", "Sentry.init({});\n"),
        ("import { init } from '@sentry/browser';\n", "if (!isServer) init({});\n"),
        ("import * as Sentry from '@sentry/solidstart';\n", "isServer || Sentry.init({});\n"),
        (
            "import * as Sentry from '@sentry/solidstart';\n",
            "function start() { if (!isServer) Sentry.init({}); }\nstart();\n",
        ),
    ] {
        let app = App::facade();
        let browser = ".output/server/node_modules/@sentry/browser";
        app.write(&format!("{browser}/package.json"), r#"{ "type": "module", "exports": "./index.js" }"#);
        app.write(&format!("{browser}/index.js"), "export const init = () => {};\n");
        app.write(RUNTIME, format!("{imports}const isServer = process.env.SSR;\n{}{call}", app.read(RUNTIME)));
        app.presentry(&[]).assert().success();
        app.presentry(&["check"]).assert().success();
    }
}

#[test]
fn a_name_that_nothing_defines_is_refused_and_named() {
    for (source, name) in [
        ("declare const __BUILD__: string;\nconst release = `a${__BUILD__}`;\n", "`__BUILD__`"),
        ("const release = useRuntimeConfig().release;\n", "`useRuntimeConfig`"),
        ("import { release } from './release';\n", "`RELEASE`"),
    ] {
        let app = App::facade();
        app.remove(BUILT);
        app.write("src/release.ts", "export const release = RELEASE;\n");
        app.write("src/instrument.server.ts", format!("{source}{INSTRUMENTATION}release;\n"));
        let before = app.snapshot();
        let said = app.fails(&[], 1);
        assert!(said.contains("error[instrumentation-name]") && said.contains(name), "{said}");
        assert_eq!(app.snapshot(), before);
    }
    let app = App::facade();
    app.remove(BUILT);
    app.write("src/globals.ts", "(globalThis as any).__BUILD__ = 'a';\nexport {};\n");
    app.write("src/instrument.server.ts", format!("import './globals';\n{INSTRUMENTATION}console.log(__BUILD__);\n"));
    app.succeeds(&[]);
}

#[test]
fn an_edge_build_is_refused_by_its_entry_as_well() {
    let entry_in = |file: &str| {
        let app = App::empty();
        app.write(file, "export default {};\n");
        app
    };
    let of = |app: &App, file: &str| app.fails(&["--entry", file], 1);
    let netlify = ".netlify/edge-functions/server/server.js";
    assert!(of(&entry_in(netlify), netlify).contains("error[edge-runtime]: the preset `netlify-edge`"));
    let worker = "dist/_worker.js/index.js";
    assert!(of(&entry_in(worker), worker).contains("error[edge-runtime]"));
    let vercel = "deploy/functions/x.func/index.mjs";
    let app = entry_in(vercel);
    app.write("deploy/functions/x.func/.vc-config.json", r#"{ "runtime": "edge", "entrypoint": "index.mjs" }"#);
    assert!(of(&app, vercel).contains("error[edge-runtime]"));
    // `nitro.json` lies in another tree.
    let other = "deploy/server.mjs";
    let app = entry_in(other);
    app.write("dist/nitro.json", nitro_json("cloudflare-pages"));
    assert!(of(&app, other).contains("error[edge-runtime]"));
    // The same beside a build for Node tells nothing.
    app.write(".output/nitro.json", nitro_json("node-server"));
    assert!(!of(&app, other).contains("error[edge-runtime]"));
}

#[test]
fn a_build_that_cannot_start_is_not_proven() {
    for file in [".output/server/entry.mjs", RUNTIME, ".output/server/node_modules/@sentry"] {
        let app = App::facade();
        app.succeeds(&[]);
        match app.join(file).is_dir() {
            true => std::fs::remove_dir_all(app.join(file)).unwrap(),
            false => app.remove(file),
        }
        let said = app.fails(&["check"], 1);
        assert!(said.contains("error[missing-module]") || said.contains("error[package-missing]"), "{file}: {said}");
        assert_eq!(document(&app, &["check"])["proof"]["verdict"], "not proven", "{file}");
    }
    // An output alone, without the packages that it imports.
    let app = App::without_sdk();
    let before = app.snapshot();
    assert!(app.fails(&[], 1).contains("error[package-missing]"));
    assert_eq!(app.snapshot(), before);
    app.succeeds(&["--packages-elsewhere"]);
}

#[test]
fn an_instrumentation_that_throws_is_told_where() {
    for (text, when) in [
        ("throw new Error('no DSN');\nSentry.init({});\n", "before it starts Sentry"),
        ("Sentry.init({});\nthrow new Error('late');\n", "after it starts Sentry"),
    ] {
        let app = App::facade();
        app.write(BUILT, format!("import * as Sentry from '@sentry/solidstart';\n{text}"));
        let said = app.fails(&[], 1);
        let expected = format!("error[instrumentation-throws]: `instrument.server.mjs` always throws {when}");
        assert!(said.contains(&expected) && said.contains("nothing catches this"), "{said}");
    }
}

/// A build, the options that each command is given for it, and the verdict.
struct Judged {
    name: &'static str,
    app: App,
    options: &'static [&'static str],
    verdict: &'static str,
}

/// A rewritten build whose runtime ends by itself, so that nothing has to be waited for.
fn rewritten(instrumentation: &str, options: &[&str]) -> App {
    let app = App::facade();
    app.write(RUNTIME, "import 'graphql';\nprocess.env.NITRO_ENV_PREFIX;\nexport const n = {};\n");
    app.write(BUILT, format!("import * as Sentry from '@sentry/solidstart';\n{instrumentation}"));
    app.succeeds(options);
    app
}

const CONDITIONAL: &str = "if (process.env.SENTRY_DSN) Sentry.init({ tracesSampleRate: 1 });\n";
const LATER: &str = "async function main() {\n  await 0;\n  Sentry.init({ tracesSampleRate: 1 });\n}\nmain();\n";
const TRUST: &[&str] = &["--trust-init"];

fn judged() -> Vec<Judged> {
    let without_packages = |app: App| {
        std::fs::remove_dir_all(app.join(".output/server/node_modules/@sentry")).unwrap();
        app
    };
    let always = "Sentry.init({ tracesSampleRate: 1 });\n";
    let of = |name, app, options, verdict| Judged { name, app, options, verdict };
    let unrewritten = App::facade();
    unrewritten.write(RUNTIME, "import 'graphql';\nprocess.env.NITRO_ENV_PREFIX;\nexport const n = {};\n");
    vec![
        of("unrewritten", unrewritten, &[], "not proven"),
        of("rewritten", rewritten(always, &[]), &[], "proven"),
        of("rewritten, trusted", rewritten(always, &[]), TRUST, "proven"),
        of("conditional", rewritten(CONDITIONAL, &[]), &[], "proven under a condition"),
        of("vouched for", rewritten(LATER, TRUST), TRUST, "vouched for"),
        of("vouched for no more", rewritten(LATER, TRUST), &[], "not proven"),
        of("without packages", without_packages(rewritten(always, &[])), &[], "not proven"),
        of("packages elsewhere", without_packages(rewritten(always, &[])), &["--packages-elsewhere"], "proven"),
    ]
}

#[test]
fn no_two_commands_contradict_each_other() {
    for Judged { name, app, options, verdict } in judged() {
        let before = app.snapshot();
        let check = document(&app, &[&["check"], options].concat());
        assert_eq!(check["proof"]["verdict"], verdict, "{name}");
        assert_eq!(check["exit_code"] == 0, verdict != "not proven", "{name}: the exit code of check");
        for command in ["inspect", "trace"] {
            let waiting: &[&str] = if command == "trace" { &["--timeout", "1", "--wait", "0"] } else { &[] };
            let other = document(&app, &[&[command], options, waiting].concat());
            assert_eq!(other["proof"], check["proof"], "{name}: {command}");
        }
        assert_eq!(app.snapshot(), before, "{name}");
        // A rewrite of a build that is right already has nothing else to say of it.
        if verdict != "not proven" {
            let again = document(&app, options);
            assert_eq!(again["outcome"], "already-first", "{name}");
            assert_eq!(again["proof"]["verdict"], verdict, "{name}");
            let codes = |document: &Value| {
                let all = document["diagnostics"].as_array().unwrap().iter();
                let mut codes: Vec<String> = all.map(|one| one["code"].to_string()).collect();
                codes.sort_unstable();
                codes
            };
            assert_eq!(codes(&again), codes(&check), "{name}: what is warned of");
            let line = app.succeeds(&[&["inspect"], options].concat());
            assert!(line.contains(&format!("{verdict}: ")), "{name}: {line}");
        }
    }
}

#[test]
fn a_kept_wrapper_of_the_sdk_is_warned_of_as_it_is_checked() {
    let app = App::wrapped_by_the_sdk();
    let wrapped = "import * as t from '@sentry/solidstart';\nif (process.env.A) t.init({ tracesSampleRate: 1 });\n\
                   import('./chunks/nitro/nitro.mjs').then(function (n) { return n.h; });\nasync function handler_sentryWrapped(...args) {\n  \
                   const res = await import('./chunks/nitro/nitro.mjs').then(function (n) { return n.h; });\n  return \
                   res.handler.call(this, ...args);\n}\nexport { handler_sentryWrapped as handler };\n";
    app.write(ENTRY, wrapped);
    let kept = document(&app, &["--keep-sdk-wrapper"]);
    let check = document(&app, &["check"]);
    assert_eq!(check["proof"]["verdict"], "proven under a condition");
    assert_eq!(kept["proof"]["verdict"], check["proof"]["verdict"]);
    assert_eq!(kept["diagnostics"], check["diagnostics"]);
    assert!(Path::new(&app.join(ENTRY)).is_file() && app.read(ENTRY) == wrapped);
}

/// A build with this instrumentation, and more packages of Sentry and of the app.
fn instrumented(text: &str) -> App {
    let app = App::facade();
    app.write(BUILT, text);
    let packages = ".output/server/node_modules";
    app.write(
        &format!("{packages}/@sentry/node/package.json"),
        r#"{ "name": "@sentry/node", "version": "10.70.0", "type": "module", "exports": { ".": "./index.js", "./init": "./init.js" } }"#,
    );
    app.write(&format!("{packages}/@sentry/node/index.js"), "export const init = () => {};\n");
    app.write(&format!("{packages}/@sentry/node/init.js"), "import { init } from './index.js';\ninit();\n");
    app.write(
        &format!("{packages}/@acme/observability/package.json"),
        r#"{ "name": "@acme/observability", "type": "module", "exports": "./index.js" }"#,
    );
    app.write(
        &format!("{packages}/@acme/observability/index.js"),
        "import * as Sentry from '@sentry/node';\nexport function start(options) { Sentry.init({ tracesSampleRate: 1, ...options }); }\n",
    );
    app
}

#[test]
fn each_form_of_a_start_that_people_write() {
    let sdk = "import * as Sentry from '@sentry/node';\n";
    for (form, verdict) in [
        ("import { start } from '@acme/observability';\nstart({ dsn: process.env.SENTRY_DSN });\n", "proven"),
        ("import '@sentry/node/init';\n", "proven"),
        ("SDK Sentry.initWithoutDefaultIntegrations({ tracesSampleRate: 1 });\n", "proven"),
        ("SDK const client = new Sentry.NodeClient({ tracesSampleRate: 1 });\nclient.init();\n", "proven"),
        ("const { init } = await import('@sentry/node');\ninit({ tracesSampleRate: 1 });\n", "proven"),
        (
            "if (process.env.SENTRY_DSN) {\n  const Sentry = await import('@sentry/node');\n  Sentry.init({ tracesSampleRate: 1 });\n}\n",
            "proven under a condition",
        ),
    ] {
        let app = instrumented(&form.replace("SDK ", sdk));
        let report = document(&app, &[]);
        assert_eq!(report["outcome"], "rewritten", "{form}: {}", report["diagnostics"]);
        assert_eq!(report["proof"]["verdict"], verdict, "{form}");
        assert!(!report["diagnostics"].to_string().contains("ahead-skipped"), "{form}: {}", report["diagnostics"]);
        assert_eq!(document(&app, &["check"])["proof"]["verdict"], verdict, "{form}");
    }
    let later = "SDK async function start() {\n  await new Promise((done) => setTimeout(done, 5));\n  Sentry.init({});\n}\n\
                 start().catch(console.error);\n";
    let app = instrumented(&later.replace("SDK ", sdk));
    let before = app.snapshot();
    assert!(app.fails(&[], 1).contains("error[init-later]"));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn a_library_that_the_instrumentation_loads_is_named() {
    for load in ["import { version } from 'graphql';\n", "import './db.mjs';\n"] {
        let app = App::facade();
        app.append(BUILT, load);
        app.write(".output/server/db.mjs", "import * as graphql from 'graphql';\nexport const db = graphql;\n");
        let said = app.fails(&[], 1);
        assert!(said.contains("error[library-before-init]") && said.contains("`graphql`"), "{said}");
        assert!(!load.contains("db") || said.contains("server/db.mjs:1"), "the chain: {said}");
    }
}

/// A build whose Nitro plugin starts Sentry. With `banner` it is one of Sentry's build plugin.
fn with_nitro_plugin(banner: &str) -> App {
    let app = App::facade();
    app.remove(BUILT);
    app.write(RUNTIME, "export const n = {};\n");
    let library =
        "globalThis.__SENTRY_ORCHESTRION_INJECT__ = orchestrionModuleInjected(\"pg\", () => postgresIntegration());";
    app.write(".output/server/_libs/pg.mjs", format!("const orchestrionModuleInjected = String;\n{library}\n"));
    app.write(ENTRY, format!("{banner}\nimport './_libs/pg.mjs';\n{INSTRUMENTATION}{NODE_SERVER}"));
    app
}

#[test]
fn a_build_of_sentrys_plugin_needs_no_change() {
    let banner = "globalThis.__SENTRY_ORCHESTRION__ = globalThis.__SENTRY_ORCHESTRION__ || {}, globalThis.__SENTRY_ORCHESTRION__.bundler = new Set();";
    let app = with_nitro_plugin(banner);
    let holds = "Sentry's build plugin instrumented pg";
    let said = app.succeeds(&[]);
    assert!(said.contains(&format!("{holds}, nothing to change")), "{said}");
    let said = app.succeeds(&["check"]);
    assert!(said.contains(holds) && said.contains("Sentry starts with the runtime, in index.mjs"), "{said}");
    let document = document(&app, &["inspect"]);
    assert_eq!(document["proof"]["build_plugin"], serde_json::json!(["pg"]));
    assert_eq!(document["inspection"]["rewrite"], "already-first");

    // An instrumentation of its own comes first all the same.
    app.write("src/instrument.server.ts", INSTRUMENTATION);
    assert!(app.succeeds(&[]).contains("facade"));
    app.succeeds(&["check"]);
    app.succeeds(&["restore"]);

    let without = with_nitro_plugin("");
    assert!(without.fails(&[], 1).contains("error[instrumentation-in-runtime]"));
    without.fails(&["check"], 1);
}
