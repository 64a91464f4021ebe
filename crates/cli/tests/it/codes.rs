//! Every diagnostic code, provoked: one row for each, and a reason for each that no build can provoke.

use std::{collections::BTreeMap, fs, time::SystemTime};

use crate::{
    archive::packed,
    builds::{App, ENTRY, Found, INSTRUMENTATION, Snapshot, nitro_json, presentry},
    bundle, channels,
    packages::incomplete,
    trace,
};

/// How a code is provoked: the command that has to give it, run on the app, and the exit code.
struct Case {
    code: &'static str,
    exit: i32,
    arguments: &'static [&'static str],
    app: fn() -> App,
}

const fn case(code: &'static str, exit: i32, arguments: &'static [&'static str], app: fn() -> App) -> Case {
    Case { code, exit, arguments, app }
}

const STORE: &str = ".output/server/.presentry";
const RUNTIME: &str = ".output/server/chunks/nitro/nitro.mjs";

static CASES: &[Case] = &[
    case("ahead-failed", 1, &["--instrument-ahead"], App::facade),
    case("ahead-skipped", 0, &["--instrument-ahead=if-possible"], channels::with_other_sdk),
    case("app-not-found", 2, &["nowhere"], App::empty),
    case("archive-unreadable", 1, &[], || {
        let app = packed();
        app.write(".output/deploy.zip", "PK");
        app
    }),
    case("build-not-found", 1, &[], App::empty),
    case("build-not-found", 1, &["check"], || {
        let app = App::empty();
        app.write(".output/nitro.json", nitro_json("node-server"));
        app
    }),
    case("bundle-changed", 1, &["check"], bundle::with_changed_bundle),
    case("bundle-failed", 1, &["--bundle-sdk"], bundle::without_sdk),
    case("bundle-skipped", 0, &["--bundle-sdk=if-possible"], App::facade),
    case("bundle-skipped", 1, &["--bundle-sdk=if-possible", "--strict"], App::facade),
    case("bundle-skipped", 0, &["--bundle-sdk=if-possible"], bundle::with_second_copy),
    case("bundle-two-copies", 1, &["--bundle-sdk"], || {
        with_runtime("import 'graphql';\nconst sdk = require(\"@sentry/solidstart\");\nexport const n = sdk;\n")
    }),
    case("bundle-two-copies", 1, &["--bundle-sdk"], bundle::with_second_copy),
    case("bundle-failed", 1, &["--bundle-sdk"], bundle::with_broken_channels),
    case("bundle-skipped", 0, &["--bundle-sdk=if-possible"], bundle::with_broken_channels),
    case("bundle-untried", 1, &["check"], bundle::with_untried_bundle),
    case("bundler-not-found", 1, &["--bundle-sdk"], App::facade),
    case("bundler-not-found", 1, &["--bundle-sdk"], bundle::with_old_rolldown),
    case("channels-changed", 1, &["check"], channels::with_changed_library),
    case("changed-since-rewrite", 1, &[], changed_since_rewrite),
    case("changed-since-rewrite", 1, &["restore"], changed_since_rewrite),
    case("double-init", 0, &[], || {
        let app = App::facade();
        app.write("instrument.mjs", INSTRUMENTATION);
        app.write(
            "package.json",
            r#"{ "scripts": { "start": "node --import ./instrument.mjs .output/server/index.mjs" } }"#,
        );
        app
    }),
    case("edge-runtime", 1, &[], edge),
    case("edge-runtime", 1, &["--entry", ENTRY], edge),
    case("entry-asks-if-main", 0, &[], || {
        with_entry("isMain(import.meta);\nexport { n as default } from './chunks/nitro/nitro.mjs';\n")
    }),
    case("entry-cannot-await", 1, &["--exports", "wrap"], || {
        let app = with_runtime("import 'graphql';\nexport function n() {}\n");
        app.append(".output/server/instrument.server.mjs", "await Promise.resolve();\n");
        app
    }),
    case("entry-not-found", 1, &[], without_entry),
    case("entry-not-found", 1, &["check"], without_entry),
    case("entry-url", 0, &[], || {
        with_runtime("import 'graphql';\nnew URL('../../index.mjs', import.meta.url);\nexport const n = {};\n")
    }),
    case("facade-without-original", 1, &[], || {
        let app = without_store();
        app.append(".output/server/entry.mjs", "export const more = 1;\n");
        app
    }),
    case("file-not-found", 2, &["--entry", "nowhere.mjs"], App::facade),
    // What no bundler writes: a specifier that goes over two lines.
    case("unrepointable-specifier", 1, &[], || {
        let app = App::inline(1);
        app.append(".output/server/chunks/build/app-0.mjs", "import '../../\\x69ndex.m\\\njs';\n");
        app
    }),
    case("missing-module", 1, &[], || {
        let app = App::facade();
        app.append(".output/server/instrument.server.mjs", "import './assets/release-x.js';\n");
        app
    }),
    // The runtime that the entry awaits, and what that imports.
    case("missing-module", 1, &["check"], || {
        let app = App::facade();
        app.succeeds(&[]);
        app.remove(RUNTIME);
        app
    }),
    case("file-not-found", 2, &["--instrumentation", "nowhere.mjs"], App::facade),
    case("init-after-runtime", 1, &[], || {
        instrumented("await import('./chunks/nitro/nitro.mjs');\nSentry.init({});\n")
    }),
    case("init-by-require", 0, &[], || {
        let app = instrumented("");
        app.write(
            ".output/server/instrument.server.mjs",
            "import { createRequire } from 'node:module';\nconst Sentry = createRequire(import.meta.url)('@sentry/solidstart');\nSentry.init({ tracesSampleRate: 1 });\n",
        );
        app
    }),
    case("init-conditional", 0, &[], || {
        instrumented("if (process.env.SENTRY_DSN) Sentry.init({ tracesSampleRate: 1 });\n")
    }),
    case("init-later", 1, &[], || instrumented("async function main() { await 0; Sentry.init({}); }\nmain();\n")),
    case("init-not-followed", 1, &[], || instrumented("await import(process.env.FILE);\nSentry.init({});\n")),
    case("init-not-reached", 1, &[], || {
        instrumented("try {} catch { Sentry.init({}); }\nlabel: { break label; Sentry.init({}); }\n")
    }),
    case("init-options", 0, &[], || instrumented("Sentry.init({ enabled: false, tracesSampleRate: 1 });\n")),
    case("init-vouched-for", 0, &["--trust-init"], || {
        instrumented("await import(process.env.FILE);\nSentry.init({});\n")
    }),
    case("instrumentation-imports-elsewhere", 1, &[], || {
        let app = App::wrapped_by_the_sdk();
        let entry = app.read(ENTRY);
        app.write(
            ENTRY,
            format!("import {{ register }} from '/build/node_modules/hook/register';\nregister();\n{entry}"),
        );
        app
    }),
    case("instrumentation-in-runtime", 1, &[], || {
        let app = with_runtime(
            "import * as Sentry from '@sentry/solidstart';\nSentry.init({});\nconst prefix = process.env.NITRO_ENV_PREFIX;\nexport const n = {};\n",
        );
        app.remove(".output/server/instrument.server.mjs");
        app
    }),
    // What the SDK's `experimental_dynamic-import` writes when the instrumentation and the runtime both use `h3`.
    case("instrumentation-shares-runtime", 1, &[], || {
        with_entry(
            "import * as Sentry from '@sentry/solidstart';
import { n as helper } from './chunks/nitro/nitro.mjs';
Sentry.init({ helper });
async function default_sentryWrapped(...args) {
  const runtime = await import('./chunks/nitro/nitro.mjs');
  return runtime.n.call(this, ...args);
}
import('./chunks/nitro/nitro.mjs');
export { default_sentryWrapped as default };
",
        )
    }),
    case("instrumentation-not-found", 1, &[], || {
        let app = App::facade();
        app.remove(".output/server/instrument.server.mjs");
        app
    }),
    case("instrumentation-outside", 1, &["--instrumentation", "start.css"], || {
        let app = App::facade();
        app.write("start.css", "");
        app
    }),
    case("instrumentation-throws", 1, &[], || instrumented("throw new Error('no DSN');\n")),
    case("runtime-not-awaited", 0, &["check"], || {
        with_entry("import './instrument.server.mjs';\nimport('./chunks/nitro/nitro.mjs');\n")
    }),
    case("instrumentation-name", 1, &[], || with_source("console.log(__BUILD__);\n")),
    case("hooks-stay", 0, &["--instrument-ahead"], channels::with_library_outside),
    case("instrumentation-import", 1, &[], || with_source("import './nowhere';\n")),
    case("instrumentation-syntax", 1, &[], || with_source("const view = <div/>;\n")),
    case("interrupted", 1, &["--dry-run"], interrupted),
    case("invalid-metadata", 1, &[], || {
        let app = App::facade();
        app.write(".output/nitro.json", "{ \"preset\": ");
        app
    }),
    case("library-before-init", 1, &[], || {
        let app = App::facade();
        app.write(".output/server/instrument.server.mjs", format!("import 'graphql';\n{INSTRUMENTATION}"));
        app
    }),
    case("limited-tracing", 0, &["--mode", "top-level-import"], App::facade),
    case("live-binding", 0, &[], || {
        with_runtime("import 'graphql';\nexport let n = {};\nexport function later() { n = 1; }\n")
    }),
    case("no-free-name", 1, &["--entry", ".output/server/a.mjs"], || {
        let app = App::facade();
        app.write(".output/server/a.mjs", "import './b.mjs';\nexport const a = 1;\n");
        app.write(".output/server/b.mjs", "import { a } from './a.mjs';\n");
        app.write(".output/server/e.mjs", "");
        app
    }),
    case("bundled-library", 0, &[], with_bundled_library),
    case("bundled-library", 1, &["--strict"], with_bundled_library),
    case("node-not-found", 1, &["trace", "--node", "nowhere"], App::facade),
    case("not-utf8", 1, &[], || {
        let app = App::facade();
        app.write(ENTRY, b"export default '\xff';\n");
        app
    }),
    case("option-not-static", 0, &[], || {
        let app = App::facade();
        app.write("app.config.ts", "export default { server: { output: { dir: process.env.DIR } } };\n");
        app
    }),
    case("option-not-static", 1, &["--exports", "wrap"], || {
        let app = App::facade();
        app.write(
            "app.config.mjs",
            "import { withSentry } from '@sentry/solidstart';\nimport { names } from './names.mjs';\n\
             export default withSentry({}, { experimental_entrypointWrappedFunctions: names });\n",
        );
        app
    }),
    case("package-missing", 1, &[], App::without_sdk),
    case("package-missing", 1, &["check"], || {
        let app = App::facade();
        app.succeeds(&[]);
        fs::remove_dir_all(app.join(".output/server/node_modules/graphql")).unwrap();
        app
    }),
    case("resolves-outside", 0, &["--no-collect"], incomplete),
    case("resolves-outside", 1, &["--strict", "--no-collect"], incomplete),
    case("restore-data-missing", 1, &["restore"], || {
        let app = App::facade();
        app.succeeds(&[]);
        app.append(".output/server/.presentry/original-0", "x");
        app
    }),
    case("restore-data-missing", 1, &["restore"], || {
        let app = without_store();
        app.append(".output/server/entry.mjs", "export const more = 1;\n");
        app
    }),
    case("restore-data-missing", 1, &["restore"], || {
        let app = App::inline(1);
        app.succeeds(&[]);
        fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
        app
    }),
    case("runtime-not-deferred", 1, &["check"], || {
        with_entry("import './instrument.server.mjs';\nconst server = {};\nexport { server as default };\n")
    }),
    case("sentry-not-started", 1, &[], || {
        let app = App::facade();
        app.write(".output/server/instrument.server.mjs", "import '@sentry/solidstart';\n");
        app
    }),
    case("library-not-instrumented", 1, &["trace"], trace::with_early_library),
    case("request-failed", 1, &["trace", "--request", "/dies", "--wait", "0"], trace::facade),
    case("spans-missing", 1, &["trace", "--expect", "graphql", "--wait", "1"], trace::facade),
    case("sentry-not-first", 1, &["trace"], || {
        let server =
            "createServer((request, response) => response.end()).listen(process.env.PORT, process.env.HOST);\n";
        with_entry(&format!("import {{ createServer }} from 'node:http';\n{server}"))
    }),
    // Its packages are not there.
    case("server-not-started", 1, &["trace"], App::without_sdk),
    case("server-not-started", 1, &["trace"], || {
        with_runtime("import 'graphql';\nthrow new Error('it broke');\nexport const n = {};\n")
    }),
    case("several-builds", 1, &[], || {
        let app = App::facade();
        app.write(".vercel/output/nitro.json", nitro_json("vercel"));
        app
    }),
    case("static-edge-to-package", 1, &["check"], || {
        with_entry("import './instrument.server.mjs';\nimport 'graphql';\nawait import('./chunks/nitro/nitro.mjs');\n")
    }),
    case("static-edge-to-runtime", 1, &["check"], || {
        with_entry("import './instrument.server.mjs';\nexport { n as default } from './chunks/nitro/nitro.mjs';\n")
    }),
    case("stale-build", 0, &["check"], || {
        let app = App::facade();
        app.succeeds(&[]);
        app.write_later("src/app.tsx", "");
        app
    }),
    case("store-unreadable", 1, &[], || {
        let app = App::facade();
        app.succeeds(&[]);
        let manifest = app.read(".output/server/.presentry/manifest.json");
        app.write(".output/server/.presentry/manifest.json", manifest.replace("\"schema\": 2", "\"schema\": 99"));
        app
    }),
    case("store-unreadable", 1, &["restore"], || {
        let app = App::facade();
        app.write(".output/server/.presentry", "");
        app
    }),
    case("syntax-error", 1, &[], || with_entry("export {;\n")),
    case("trace-needs-node", 1, &["trace"], || {
        let app = App::facade();
        app.write(".output/nitro.json", nitro_json("bun"));
        app
    }),
    case("tracer-failed", 0, &[], || {
        let app = incomplete();
        let tracer = "node_modules/vinxi/node_modules/nitropack/node_modules/@vercel/nft/index.js";
        app.write(tracer, "throw new Error('it broke');\n");
        app
    }),
    case("tracer-not-found", 0, &[], without_tracer),
    case("tracer-not-found", 1, &["--strict"], without_tracer),
    case("unknown-code", 2, &["explain", "nonsense"], App::empty),
    case("unknown-export", 1, &["--exports", "wrap", "--wrap", "handler"], App::facade),
    case("unwrappable-export", 1, &["--exports", "wrap"], App::facade),
    case("unknown-preset", 1, &[], || {
        let app = App::facade();
        app.write(".output/nitro.json", nitro_json("teapot"));
        app
    }),
    case("unresolved-star-export", 1, &[], || with_entry("export * from 'graphql';\n")),
];

/// A build of Nitro 3, as far as its names go.
fn with_bundled_library() -> App {
    let app = App::facade();
    app.write(".output/server/_libs/graphql+h3.mjs", "");
    app
}

/// Codes that cannot be provoked by a build and a command line alone.
static ELSEWHERE: &[(&str, &str)] = &[
    ("changed-meanwhile", "`interruption::a_file_that_changes_while_the_run_lasts` races with a run"),
    ("disk-full", "`interruption::a_step_that_fails_leaves_everything_as_it_was` lets steps fail"),
    ("exports-differ", "guards against a defect of the facade; the rewriter's own tests provoke it"),
    ("instrumentation-missing", "the command says `instrumentation-not-found` or `file-not-found` instead"),
    ("locked", "`locked_by_another_run` below holds the lock"),
    ("not-as-proven", "`guard` of these tests starts the servers that print it; no command does"),
    ("outside-output", "`a_link_that_leads_outside` below needs symbolic links"),
    ("read-only", "`interruption::a_step_that_fails_leaves_everything_as_it_was` lets steps fail"),
    ("unreadable", "`a_file_that_cannot_be_read` below needs symbolic links"),
    ("write-failed", "`interruption::a_step_that_fails_leaves_everything_as_it_was` lets steps fail"),
];

fn with_entry(text: &str) -> App {
    let app = App::facade();
    app.write(ENTRY, text);
    app
}

/// A build without an instrumentation, and a source of one.
fn with_source(text: &str) -> App {
    let app = App::facade();
    app.remove(".output/server/instrument.server.mjs");
    app.write("src/instrument.server.ts", format!("{INSTRUMENTATION}{text}"));
    app
}

fn with_runtime(text: &str) -> App {
    let app = App::facade();
    app.write(RUNTIME, text);
    app
}

fn without_entry() -> App {
    let app = App::facade();
    app.remove(ENTRY);
    app
}

fn without_store() -> App {
    let app = App::facade();
    app.succeeds(&[]);
    fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
    app
}

fn without_tracer() -> App {
    let app = incomplete();
    fs::remove_dir_all(app.join("node_modules/vinxi")).unwrap();
    app
}

fn edge() -> App {
    let app = App::facade();
    app.write(".output/nitro.json", nitro_json("cloudflare-module"));
    app
}

fn changed_since_rewrite() -> App {
    let app = App::facade();
    app.succeeds(&[]);
    app.append(".output/server/entry.mjs", "export const more = 1;\n");
    app
}

/// A build whose instrumentation has these lines after it has imported the SDK.
fn instrumented(lines: &str) -> App {
    let app = App::facade();
    app.write(
        ".output/server/instrument.server.mjs",
        format!("import * as Sentry from '@sentry/solidstart';\n{lines}"),
    );
    app
}

fn interrupted() -> App {
    let app = App::facade();
    interrupt(&app, &[]);
    app
}

fn interrupt(app: &App, arguments: &[&str]) {
    for step in 1.. {
        let run = app.presentry(arguments).env("PRESENTRY_ABORT_AT", step.to_string()).output().unwrap();
        if app.join(".output/server/.presentry/journal.json").exists() {
            break;
        }
        assert!(!run.status.success(), "no step leaves a journal");
    }
}

#[test]
fn each_case_gives_its_code() {
    for case in CASES {
        let app = (case.app)();
        let before = app.snapshot();
        let output = app.presentry(case.arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = case.code;
        assert_eq!(output.status.code(), Some(case.exit), "{code}: {stderr}");
        assert!(stderr.contains(&format!("[{code}]: ")), "{code}: {stderr}");
        assert!(stderr.lines().any(|line| line.starts_with("hint: ")), "{code} has no hint: {stderr}");
        let message = stderr.lines().next().unwrap_or_default();
        assert!(!message.ends_with('.'), "{message}");
        if case.exit != 0 {
            assert_eq!(app.snapshot(), before, "{code} changed something");
        }
    }
}

/// The states of a build in which a run may be refused.
fn states() -> Vec<(&'static str, App)> {
    let rewritten = |app: App, arguments: &[&str]| {
        app.succeeds(arguments);
        app
    };
    vec![
        ("fresh", App::facade()),
        ("rewritten", rewritten(App::facade(), &[])),
        ("bundled", rewritten(bundle::app_with_packages(), &["--bundle-sdk"])),
        ("pruned", rewritten(bundle::app_with_packages(), &["--bundle-sdk", "--prune"])),
        ("injected", rewritten(channels::with_libraries(), &["--instrument-ahead"])),
        ("injected and pruned", rewritten(channels::with_bundler(), channels::PRUNED)),
    ]
}

/// Every byte, mode and time of the output directory.
fn with_times(app: &App) -> (Snapshot, Vec<SystemTime>) {
    let mut snapshot = app.snapshot();
    // The stand-in for a bundler leaves it among the packages of the app.
    snapshot.retain(|path, _| !path.ends_with("/bundled-for-names"));
    let of_output = snapshot.keys().filter(|path| path.starts_with(".output"));
    let modified = |path: &String| fs::symlink_metadata(app.join(path)).and_then(|found| found.modified()).unwrap();
    let times = of_output.map(modified).collect();
    (snapshot, times)
}

/// What is wrong with the app of a case, laid over another one.
fn lay_over(case: &Case, app: &App, sound: &Snapshot) {
    let broken = (case.app)().snapshot();
    // An earlier run of the case itself is none of this build.
    let has_store = app.join(STORE).exists();
    let of_case = |path: &str| !has_store || !path.contains("/.presentry");
    let differs = broken.iter().filter(|(path, found)| sound.get(*path) != Some(*found));
    for (path, found) in differs.filter(|(path, _)| of_case(path)) {
        match found {
            Found::Directory => fs::create_dir_all(app.join(path)).unwrap(),
            Found::File(_, bytes) if app.join(path).is_dir() => _ = bytes,
            Found::File(_, bytes) => app.write(path, bytes),
            Found::Link(_) => {}
        }
    }
    let gone = sound.iter().filter(|(path, found)| matches!(found, Found::File(..)) && !broken.contains_key(*path));
    for (path, _) in gone.filter(|(path, _)| app.join(path).is_file()) {
        app.remove(path);
    }
}

/// A code, the command that gives it, and what makes a build so.
type Spoilt = (&'static str, &'static [&'static str], fn(&App));

/// What can be wrong with a build only after a run: the store, and the files that presentry wrote.
static AFTER_A_RUN: &[Spoilt] = &[
    ("facade-without-original", &[], |app| {
        fs::remove_dir_all(app.join(STORE)).unwrap();
        app.append(".output/server/entry.mjs", "export const more = 1;\n");
    }),
    ("interrupted", &["--dry-run"], |app| interrupt(app, &["restore"])),
    ("restore-data-missing", &["restore"], |app| app.append(".output/server/.presentry/original-0", "x")),
    ("store-unreadable", &[], |app| {
        let manifest = app.read(".output/server/.presentry/manifest.json");
        app.write(".output/server/.presentry/manifest.json", manifest.replace("\"schema\": 2", "\"schema\": 99"));
    }),
    ("static-edge-to-runtime", &["check"], |app| app.write(ENTRY, App::facade().read(ENTRY))),
    ("package-missing", &["check"], |app| {
        without_graphql(app);
        fs::remove_dir_all(app.join("node_modules/graphql")).unwrap();
    }),
    ("resolves-outside", &["--strict", "--no-collect", "--no-bundle-sdk"], without_graphql),
    ("tracer-not-found", &["--strict", "--no-bundle-sdk"], without_graphql),
    ("ahead-failed", &["--instrument-ahead"], |app| {
        app.write("node_modules/@sentry/node/package.json", "{}");
        fs::remove_dir_all(app.join("node_modules/@sentry")).unwrap();
    }),
];

fn without_graphql(app: &App) {
    let (in_build, in_app) = (app.join(".output/server/node_modules/graphql"), app.join("node_modules/graphql"));
    fs::create_dir_all(app.join("node_modules")).unwrap();
    if in_app.exists() {
        fs::remove_dir_all(&in_app).unwrap();
    }
    fs::rename(in_build, in_app).unwrap();
}

/// Where a code cannot come because of what an earlier run has done, with the reason. Besides these, a run that finds what
/// is wrong in a file that presentry wrote gives `changed-since-rewrite` in place of the code.
static CANNOT: &[(&str, &[&str], &str)] = &[
    ("bundle-failed", &["bundled"], BUNDLE_FITS),
    ("bundle-skipped", &["bundled", "pruned", "injected and pruned"], BUNDLE_FITS),
    ("bundler-not-found", &["bundled", "pruned"], BUNDLE_FITS),
    ("ahead-failed", &["injected", "injected and pruned"], "what was injected stays, and the SDK is not run again"),
];

const BUNDLE_FITS: &str = "the bundle of the earlier run fits, so no bundler runs";

/// Whatever is wrong, and whatever an earlier run has made of the build: a run that is refused changes nothing. Each code
/// comes in each state, or there is a reason.
#[test]
fn a_refused_run_changes_nothing() {
    let sound = App::facade().snapshot();
    let mut wrong = Vec::new();
    for (state, app) in states() {
        let build = app.snapshot();
        let tracked = app.join(STORE).exists().then(|| app.read(".output/server/.presentry/manifest.json"));
        let is_tracked = |path: &String| {
            let below = path.strip_prefix(".output/server/").map(|below| format!("\"{below}\""));
            below.is_some_and(|below| tracked.as_ref().is_some_and(|manifest| manifest.contains(&below)))
        };
        // Whether a code came, else whether it was what presentry wrote that changed.
        let mut came: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        let mut run = |code: &'static str, arguments: &[&str]| {
            let before = with_times(&app);
            let output = app.presentry(arguments).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            let (is, changed) = came.entry(code).or_default();
            if !output.status.success() {
                assert!(with_times(&app) == before, "{state}, {code}: {stderr}");
                *is |= stderr.contains(&format!("error[{code}]: "));
                let mut paths = build.keys().chain(before.0.keys());
                *changed |= stderr.contains("error[changed-since-rewrite]: ")
                    && paths.any(|path| build.get(path) != before.0.get(path) && is_tracked(path));
            }
        };
        for case in CASES.iter().filter(|case| case.exit != 0) {
            app.reset(&build);
            lay_over(case, &app, &sound);
            run(case.code, case.arguments);
        }
        for (code, arguments, spoil) in AFTER_A_RUN.iter().filter(|_| tracked.is_some()) {
            app.reset(&build);
            spoil(&app);
            run(code, arguments);
        }
        for (code, (is, changed)) in came {
            let reason = CANNOT.iter().find(|(one, states, _)| *one == code && states.contains(&state));
            match (is || changed, reason) {
                (true, None) | (false, Some(_)) => {}
                (true, Some(_)) => wrong.push(format!("{state}: `{code}` came, and is listed as one that cannot")),
                (false, None) => wrong.push(format!("{state}: `{code}` did not come, and no reason is given")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Another run has the build: nothing is changed in any state.
#[cfg(unix)]
#[test]
fn a_locked_build_stays_as_it_is() {
    for (state, app) in states() {
        let held = fs::File::open(app.join(".output/server")).unwrap();
        held.try_lock().unwrap();
        for arguments in [&[][..], &["--bundle-sdk", "--prune"], &["restore"]] {
            let before = with_times(&app);
            assert!(app.fails(arguments, 1).starts_with("error[locked]: "), "{state}");
            assert!(with_times(&app) == before, "{state}");
        }
    }
}

/// The options of a run may be wrong for a build whose packages it would bring back.
#[test]
fn packages_stay_away_when_a_run_is_refused() {
    let app = bundle::app_with_packages();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let before = with_times(&app);
    let said = app.fails(&["--no-bundle-sdk", "--exports", "wrap", "--wrap", "nope"], 1);
    assert!(said.starts_with("error[unknown-export]: "), "{said}");
    assert!(with_times(&app) == before);
}

#[test]
fn no_code_is_without_a_case() {
    let codes = App::empty().succeeds(&["explain"]);
    let codes: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let provoked = |code: &str| CASES.iter().any(|case| case.code == code);
    let elsewhere = |code: &str| ELSEWHERE.iter().any(|(name, _)| *name == code);
    for code in &codes {
        assert!(provoked(code) != elsewhere(code), "`{code}` needs a case, or a reason why it has none; not both");
    }
    for code in CASES.iter().map(|case| case.code).chain(ELSEWHERE.iter().map(|(code, _)| *code)) {
        assert!(codes.contains(&code), "`{code}` is no code any more");
    }
}

#[cfg(unix)]
#[test]
fn locked_by_another_run() {
    let app = App::facade();
    let held = fs::File::open(app.join(".output/server")).unwrap();
    held.try_lock().unwrap();
    for arguments in [&[][..], &["check"], &["restore"]] {
        assert!(app.fails(arguments, 1).starts_with("error[locked]: "));
    }
    held.unlock().unwrap();
    held.try_lock_shared().unwrap();
    app.fails(&["check"], 1);
    assert!(app.fails(&[], 1).starts_with("error[locked]: "), "one reads while another wants to write");
    drop(held);
    app.succeeds(&[]);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_outside() {
    let app = App::inline(1);
    app.write("elsewhere.mjs", app.read(".output/server/chunks/build/app-0.mjs"));
    app.remove(".output/server/chunks/build/app-0.mjs");
    crate::builds::link("../../../../elsewhere.mjs".as_ref(), &app.join(".output/server/chunks/build/app-0.mjs"));
    let before = app.snapshot();
    assert!(app.fails(&[], 1).starts_with("error[outside-output]: "));
    assert_eq!(app.snapshot(), before);

    let app = App::facade();
    fs::rename(app.join(ENTRY), app.join("entry.mjs")).unwrap();
    crate::builds::link("../../entry.mjs".as_ref(), &app.join(ENTRY));
    assert!(app.fails(&[], 1).starts_with("error[outside-output]: "));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read() {
    let app = App::facade();
    app.remove(RUNTIME);
    crate::builds::link("nitro.mjs".as_ref(), &app.join(RUNTIME));
    assert!(app.fails(&["check"], 1).contains("error[unreadable]: "));
}

#[test]
fn a_message_says_where_it_looked() {
    let app = App::empty();
    let directory = app.path().file_name().unwrap().to_str().unwrap();
    let output = presentry(app.path().parent().unwrap(), &[directory]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("`{directory}/.output/nitro.json`")), "{stderr}");
    app.write(".output/server/index.mjs", "");
    assert!(app.fails(&[], 1).contains("--entry .output/server/index.mjs"));
}
