//! `--instrument-ahead`, with a stand-in for the SDK: its list of functions, its transformer and its client. These tests start the
//! Node that is on `PATH`, and no npm.

use std::fs;
use std::process::Command;

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use expect_test::expect;
use serde_json::{Value, json};

use crate::builds::{ALREADY_FIRST, App, ENTRY, INSTRUMENTATION, Snapshot};
use crate::formats::json;

const SERVER: &str = ".output/server";

/// The list: a function of an ES module and of its CommonJS twin, a method, two ranges for one file, and one that no version has.
const CONFIG: &str = r#"
const graphql = (filePath) => ({ channelName: "parse", module: { name: "graphql", versionRange: "16", filePath }, functionQuery: { functionName: "parse", kind: "Sync" } });
const db = (functionName, versionRange, channelName) => ({ channelName, module: { name: "db", versionRange, filePath: /^lib\/.*\.js$/ }, functionQuery: { functionName } });
exports.SENTRY_INSTRUMENTATIONS = [
  graphql("parser.js"), graphql("parser.mjs"),
  db("query", "2", "query"), db("query", "3", "query"), db("gone", "2", "gone"),
  { channelName: "query", module: { name: "@s/pool", versionRange: "1", filePath: "index.js" }, functionQuery: { className: "Pool", methodName: "query" } },
  { channelName: "module-registration", module: { name: "graphql", versionRange: "17", filePath: "parser.js" }, transform: "registration" },
];
"#;

/// The transformer, which finds functions by a look, and as the real one swallows its errors.
const LOAD_HOOK: &str = r#"
const fs = require("node:fs");
const path = require("node:path");
const ALL = ">=0.0.0-0";
exports.createLoadHookTransform = ({ instrumentations }) => (file, code) => {
  const { version } = JSON.parse(fs.readFileSync(path.join(path.dirname(file), "package.json"), "utf8"));
  const fits = ({ module }) => [ALL, version.split(".")[0]].includes(module.versionRange) && file.endsWith(`/node_modules/${module.name}/${module.filePath}`);
  const entries = instrumentations.filter(fits);
  if (entries.length === 0) return undefined;
  if (entries.some(({ module, transform }) => module.versionRange === ALL || typeof transform === "function")) {
    try {
      return require("./chunk-engine.cjs").transform(entries, code);
    } catch (error) {
      console.warn(`Code transformation failed for '${file}'`, error);
      return undefined;
    }
  }
  let made = code;
  for (const { channelName, module, functionQuery } of entries) {
    const head = `${functionQuery.methodName ?? `function ${functionQuery.functionName}`}(`;
    if (made.includes(head)) made = made.replace(head, `/* "orchestrion:${module.name}:${channelName}" */ ${head}`);
  }
  if (made === code) {
    console.warn(`Code transformation failed for '${file}'`, new Error("Failed to find injection points for: []"));
    return undefined;
  }
  return `/* ${path.extname(file)} */ ${made}`;
};
"#;

/// What the transformer does for libraries in chunks.
const CHUNK_ENGINE: &str = include_str!("chunk-engine.cjs");

/// The client, which subscribes to the channels of the packages that it is told of, and registers hooks where it is told of none.
const CLIENT: &str = r#"
const { tracingChannel } = require("node:diagnostics_channel");
const channels = { graphql: ["parse"], db: ["query"], "@s/pool": ["query"] };
exports.init = () => {
  const { runtime } = globalThis.__SENTRY_ORCHESTRION__ ?? {};
  if (!runtime) require("node:module").register("./hook.mjs");
  for (const name of runtime ?? []) channels[name].forEach((channel) => tracingChannel(`orchestrion:${name}:${channel}`).subscribe({ start() {} }));
};
"#;

fn package(app: &App, directory: &str, manifest: &Value, files: &[(&str, &str)]) {
    app.write(&format!("{directory}/package.json"), manifest.to_string());
    for (file, text) in files {
        app.write(&format!("{directory}/{file}"), text);
    }
}

fn install_sdk(app: &App, root: &str, version: &str) {
    let scope = format!("{root}/node_modules/@sentry");
    let exports = json!({ "./orchestrion/config": "./config.js", "./orchestrion/load-hook": "./load-hook.js" });
    let utils = json!({ "name": "@sentry/server-utils", "version": version, "exports": exports });
    let files = [("config.js", CONFIG), ("load-hook.js", LOAD_HOOK), ("chunk-engine.cjs", CHUNK_ENGINE)];
    package(app, &format!("{scope}/server-utils"), &utils, &files);
    let node = json!({ "name": "@sentry/node", "version": version, "main": "index.js" });
    package(app, &format!("{scope}/node"), &node, &[("index.js", CLIENT), ("hook.mjs", "export {};\n")]);
}

const PARSER: &str = "export function parse(text) { return text; }\n";

/// A build whose instrumentation imports an SDK with channels, and with libraries that have them, of each kind.
pub(crate) fn with_libraries() -> App {
    let app = App::facade();
    fs::remove_dir_all(app.join(".output/server/node_modules/@sentry/solidstart")).unwrap();
    app.write(".output/server/instrument.server.mjs", INSTRUMENTATION.replace("solidstart", "node"));
    app.write(
        ".output/server/index.mjs",
        app.read(".output/server/index.mjs").replace("@sentry/solidstart", "@sentry/node"),
    );
    for root in [".", SERVER] {
        install_sdk(&app, root, "11.0.0");
    }
    let modules = format!("{SERVER}/node_modules");
    let cjs = "exports.parse = parse;\nfunction parse(text) { return text; }\nexports.graphql = parse;\n";
    let graphql = json!({ "name": "graphql", "version": "16.12.0", "main": "parser.js" });
    package(&app, &format!("{modules}/graphql"), &graphql, &[("parser.js", cjs), ("parser.mjs", PARSER)]);
    let db = |version: &str| json!({ "name": "db", "version": version, "type": "module" });
    let query = "export function query() {}\n";
    package(&app, &format!("{modules}/db"), &db("2.1.0"), &[("lib/a.js", query), ("lib/b.js", "export {};\n")]);
    package(&app, &format!("{modules}/other/node_modules/db"), &db("3.0.0"), &[("lib/a.js", query)]);
    package(&app, &format!("{modules}/other"), &json!({ "name": "other", "version": "1.0.0" }), &[]);
    app
}

/// A second run has nothing to do, the build is proven, and it can be given back.
#[track_caller]
fn is_done_and_can_be_undone(app: &App, original: &Snapshot) {
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    app.succeeds(&["check"]);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), *original);
}

/// The lines of a marker without the digests.
fn marker(app: &App) -> String {
    let digit = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let line = |line: &str| line.split(' ').filter(|word| !digit(word)).collect::<Vec<_>>().join(" ");
    app.read(".output/server/channels.mjs").lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn libraries_hold_channels_and_the_sdk_is_told_first() {
    let app = with_libraries();
    let original = app.snapshot();
    expect![[r#"
        facade     .output/server/index.mjs
        moved      .output/server/index.mjs → entry.mjs
        channels   .output/server/channels.mjs and 4 more
        repointed  .output/server/instrument.server.mjs

        ✔ rewritten: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs, channels.mjs and 1 package
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&app.succeeds(&["--instrument-ahead"]));
    expect![[r#"
        // presentry 0.2.0 channels
        // node_modules/db/lib/a.js
        //   orchestrion:db:query query
        // node_modules/graphql/parser.js
        //   orchestrion:graphql:parse parse
        // node_modules/graphql/parser.mjs
        //   orchestrion:graphql:parse parse
        // node_modules/other/node_modules/db/lib/a.js
        //   orchestrion:db:query query
        const channels = (globalThis.__SENTRY_ORCHESTRION__ ??= {});
        channels.runtime = [...(channels.runtime ?? []), "db", "graphql"];"#]]
    .assert_eq(&marker(&app));
    let instrumentation = app.read(".output/server/instrument.server.mjs");
    assert!(instrumentation.starts_with("import \"./channels.mjs\";\nimport * as Sentry"), "{instrumentation}");
    let library = |file: &str| app.read(&format!("{SERVER}/node_modules/{file}"));
    assert_eq!(
        library("graphql/parser.mjs"),
        "/* .mjs */ export /* \"orchestrion:graphql:parse\" */ function parse(text) { return text; }\n"
    );
    // The kind of a module is Node's: by the extension, else by the package.
    assert!(library("graphql/parser.js").starts_with("/* .cjs */"));
    assert!(library("db/lib/a.js").starts_with("/* .mjs */"));
    app.succeeds(&["check"]);
    let rewritten = app.snapshot();
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), rewritten);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn libraries_are_injected_unless_told_otherwise() {
    let app = with_libraries();
    app.fails(&[], 0);
    assert!(app.join(".output/server/channels.mjs").exists());
    for args in [&["--no-instrument-ahead"][..], &["--mode", "top-level-import"]] {
        let app = with_libraries();
        app.fails(args, 0);
        assert!(!app.join(".output/server/channels.mjs").exists());
        assert_eq!(app.read(".output/server/node_modules/graphql/parser.mjs"), PARSER);
    }
}

#[test]
fn a_run_that_is_told_not_to_takes_the_channels_out() {
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead=if-possible"]);
    assert!(app.join(".output/server/channels.mjs").exists());
    app.fails(&["--no-instrument-ahead"], 0);
    assert!(!app.join(".output/server/channels.mjs").exists());
    assert_eq!(app.read(".output/server/node_modules/graphql/parser.mjs"), PARSER);
    app.succeeds(&["check"]);
}

#[test]
fn an_sdk_behind_another_package_injects() {
    let app = with_libraries();
    for root in [".", SERVER] {
        let manifest = json!({ "name": "@acme/observability", "version": "1.0.0", "main": "index.mjs", "dependencies": { "@sentry/node": "11" } });
        let starts =
            "import * as Sentry from '@sentry/node';\nSentry.init({ dsn: process.env.DSN, tracesSampleRate: 1 });\n";
        package(&app, &format!("{root}/node_modules/@acme/observability"), &manifest, &[("index.mjs", starts)]);
    }
    app.write(".output/server/instrument.server.mjs", "import '@acme/observability';\n");
    let entry = app.read(".output/server/index.mjs").replace("import '@sentry/node';\n", "");
    assert!(!entry.contains("@sentry/"));
    app.write(".output/server/index.mjs", entry);
    let original = app.snapshot();
    app.succeeds(&["--instrument-ahead"]);
    assert!(marker(&app).contains("channels.runtime = [...(channels.runtime ?? []), \"db\", \"graphql\"]"));
    is_done_and_can_be_undone(&app, &original);
    for root in [".", SERVER] {
        app.write(
            &format!("{root}/node_modules/@acme/observability/package.json"),
            json!({ "name": "@acme/observability", "version": "1.0.0", "main": "index.mjs" }).to_string(),
        );
    }
    let said = app.fails(&["--instrument-ahead"], 1);
    assert!(said.contains("no package that is loaded before the runtime depends on the SDK"), "{said}");
}

/// A build whose instrumentation loads a library before Sentry starts.
fn with_early_library() -> App {
    let app = with_libraries();
    let instrumentation = app.read(".output/server/instrument.server.mjs");
    app.write(".output/server/instrument.server.mjs", format!("import 'graphql';\n{instrumentation}"));
    app
}

#[test]
fn channels_do_not_care_when_a_library_is_loaded() {
    let app = with_early_library();
    let original = app.snapshot();
    assert!(app.fails(&["--no-instrument-ahead"], 1).contains("error[library-before-init]"));
    let inspected = app.succeeds(&["inspect"]);
    assert!(inspected.contains("presentry        would rewrite this build"), "{inspected}");
    app.succeeds(&["--instrument-ahead=if-possible"]);
    assert!(app.succeeds(&["inspect"]).contains("presentry        has nothing to do"));
    is_done_and_can_be_undone(&app, &original);
}

#[test]
fn an_early_library_without_channels_is_refused() {
    let app = with_early_library();
    let manifest = ".output/server/node_modules/graphql/package.json";
    app.write(manifest, app.read(manifest).replace("16.12.0", "1.0.0"));
    let original = app.snapshot();
    for flag in ["--instrument-ahead", "--instrument-ahead=if-possible"] {
        assert!(app.fails(&[flag], 1).contains("error[library-before-init]"));
    }
    let inspected = app.succeeds(&["inspect"]);
    assert!(inspected.contains("`presentry --dry-run` shows why it would be refused"), "{inspected}");
    assert_eq!(app.snapshot(), original);
}

#[test]
fn the_marker_tells_the_sdk_under_node() {
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    let script = "await import('./.output/server/instrument.server.mjs'); console.log(JSON.stringify(globalThis.__SENTRY_ORCHESTRION__))";
    let node =
        Command::new("node").args(["--input-type=module", "--eval", script]).current_dir(app.path()).output().unwrap();
    assert_eq!(String::from_utf8(node.stdout).unwrap(), "{\"runtime\":[\"db\",\"graphql\"]}\n", "{:?}", node.stderr);
}

#[test]
fn every_library_is_reported() {
    let app = with_libraries();
    let report = json(&app, &["--instrument-ahead", "--dry-run"], 0);
    let short = |library: &Value| {
        let functions = library["functions"].as_array().unwrap().iter();
        let functions = functions.map(|one| format!("{} {} {}", one["file"], one["function"], one["state"]));
        format!(
            "{} {} {} [{}]",
            library["directory"],
            library["version"],
            library["instrumented"],
            functions.collect::<Vec<_>>().join(", ")
        )
    };
    let lines: Vec<String> = report["libraries"].as_array().unwrap().iter().map(short).collect();
    expect![[r#"
        "node_modules/db" "2.1.0" "ahead" ["lib/a.js" "query" "injected", "lib/a.js" "query" "out-of-range", "lib/a.js" "gone" "absent", "lib/b.js" "query" "absent", "lib/b.js" "query" "out-of-range", "lib/b.js" "gone" "absent"]
        "node_modules/other/node_modules/db" "3.0.0" "ahead" ["lib/a.js" "query" "out-of-range", "lib/a.js" "query" "injected", "lib/a.js" "gone" "out-of-range"]
        "node_modules/graphql" "16.12.0" "ahead" ["parser.js" "parse" "injected", "parser.mjs" "parse" "injected"]"#]]
    .assert_eq(&lines.join("\n"));
}

#[cfg(unix)]
#[test]
fn packages_behind_links_are_injected_and_files_of_other_apps_are_not() {
    let app = with_libraries();
    let modules = format!("{SERVER}/node_modules");
    // As Nitro 2 lays out two versions, and pnpm all: the package that is needed lies beside the one that needs it.
    let pool = "exports.Pool = class Pool { query() {} };\n";
    let manifest = json!({ "name": "@s/pool", "version": "1.0.0" });
    package(&app, &format!("{modules}/.pnpm/@s+pool@1/node_modules/@s/pool"), &manifest, &[("index.js", pool)]);
    package(
        &app,
        &format!("{modules}/.pnpm/user@1/node_modules/user"),
        &json!({ "name": "user", "version": "1.0.0" }),
        &[],
    );
    fs::create_dir_all(app.join(&format!("{modules}/.pnpm/user@1/node_modules/@s"))).unwrap();
    crate::builds::link(
        "../../../@s+pool@1/node_modules/@s/pool".as_ref(),
        &app.join(&format!("{modules}/.pnpm/user@1/node_modules/@s/pool")),
    );
    crate::builds::link(".pnpm/user@1/node_modules/user".as_ref(), &app.join(&format!("{modules}/user")));
    // The store of a package manager shares its files with other apps.
    app.write("store/parser.mjs", PARSER);
    let shared = format!("{modules}/graphql/parser.mjs");
    app.remove(&shared);
    fs::hard_link(app.join("store/parser.mjs"), app.join(&shared)).unwrap();
    let original = app.snapshot();
    app.succeeds(&["--instrument-ahead"]);
    let real = format!("{modules}/.pnpm/@s+pool@1/node_modules/@s/pool/index.js");
    assert!(app.read(&real).contains("\"orchestrion:@s/pool:query\""));
    assert!(app.read(&shared).contains("\"orchestrion:graphql:parse\""));
    assert_eq!(app.read("store/parser.mjs"), PARSER);
    app.succeeds(&["check"]);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

/// A build that imports a library which only the app has.
pub(crate) fn with_library_outside() -> App {
    let app = with_libraries();
    let manifest = json!({ "name": "@s/pool", "version": "1.0.0" });
    package(&app, "node_modules/@s/pool", &manifest, &[("index.js", "exports.Pool = class { query() {} };\n")]);
    app.append(".output/server/chunks/build/index.mjs", "export const load = () => import('@s/pool');\n");
    app
}

#[test]
fn hooks_stay_where_a_library_lies_outside() {
    let app = with_library_outside();
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(
        said.contains("warning[hooks-stay]: the SDK still registers its hooks: `@s/pool` is not in the build"),
        "{said}"
    );
    let last = marker(&app).lines().last().unwrap().to_owned();
    assert_eq!(last, "channels.bundler = new Set([...(channels.bundler ?? []), \"db\", \"graphql\"]);");
    app.succeeds(&["check"]);
}

/// A build one of whose libraries was edited after it was injected.
pub(crate) fn with_changed_library() -> App {
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    app.append(".output/server/node_modules/graphql/parser.mjs", "// edited\n");
    app
}

#[test]
fn a_file_that_was_edited_later_is_found() {
    let edit = |app: &App, file: &str| app.append(&format!("{SERVER}/{file}"), "// edited\n");
    for (file, named) in
        [("node_modules/graphql/parser.mjs", "node_modules/graphql/parser.mjs"), ("channels.mjs", "channels.mjs")]
    {
        let app = with_libraries();
        app.succeeds(&["--instrument-ahead"]);
        edit(&app, file);
        let said = app.fails(&["check"], 1);
        assert!(said.contains(&format!("error[channels-changed]: `{named}` holds channels")), "{said}");
        assert!(app.fails(&["--instrument-ahead=if-possible"], 1).contains("changed-since-rewrite"));
    }
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    let instrumentation = app.read(".output/server/instrument.server.mjs");
    app.write(".output/server/instrument.server.mjs", format!("import '@sentry/node';\n{instrumentation}"));
    let said = app.fails(&["check"], 1);
    assert!(said.contains("`channels.mjs` is not the first import of `instrument.server.mjs`"), "{said}");
    // What uploads source maps adds does not count as a change.
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    for file in ["channels.mjs", "node_modules/graphql/parser.mjs", "instrument.server.mjs"] {
        app.inject_debug_id(&format!("{SERVER}/{file}"));
    }
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
}

#[test]
fn a_library_that_was_installed_again_is_injected_again() {
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    let newer = "export function parse(text) { return [text]; }\n";
    app.write(".output/server/node_modules/graphql/parser.mjs", newer);
    assert!(app.fails(&["check"], 1).contains("channels-changed"));
    app.succeeds(&["--instrument-ahead"]);
    assert!(
        app.read(".output/server/node_modules/graphql/parser.mjs")
            .contains("\"orchestrion:graphql:parse\" */ function")
    );
    app.succeeds(&["check"]);
    app.succeeds(&["restore"]);
    assert_eq!(app.read(".output/server/node_modules/graphql/parser.mjs"), newer);
}

#[test]
fn an_sdk_without_channels_is_left_alone() {
    let app = App::facade();
    assert_eq!(app.fails(&["--instrument-ahead=if-possible"], 0), "");
    let said = App::facade().fails(&["--instrument-ahead"], 1);
    assert!(said.contains("error[ahead-failed]"), "{said}");
    // Version 11.0 keeps its transformer to itself.
    let app = with_libraries();
    let inside = json!({ "name": "@sentry/server-utils", "version": "11.0.0", "exports": { "./orchestrion/config": "./config.js" } });
    app.write("node_modules/@sentry/server-utils/package.json", inside.to_string());
    assert_eq!(app.fails(&[], 0), "");
    assert!(!app.join(".output/server/channels.mjs").exists());
    assert!(app.fails(&["--instrument-ahead"], 1).contains("is not public"));
    let app = with_libraries();
    install_sdk(&app, SERVER, "10.78.0");
    install_sdk(&app, ".", "10.78.0");
    assert_eq!(app.fails(&["--instrument-ahead=if-possible"], 0), "");
    assert!(!app.join(".output/server/channels.mjs").exists());
}

/// An app that has another version of the SDK than its build.
pub(crate) fn with_other_sdk() -> App {
    let app = with_libraries();
    install_sdk(&app, ".", "11.0.1");
    app
}

#[test]
fn what_is_not_known_of_the_sdk_is_found_by_trying_it() {
    type Change = fn(&App);
    let cases: [(&str, Change); 6] = [
        ("the build has `@sentry/node` 11.0.0, and the app has 11.0.1", |app| install_sdk(app, ".", "11.0.1")),
        ("the SDK calls `module.register` although it is told that channels are there", |app| {
            app.write("node_modules/@sentry/node/index.js", CLIENT.replace("!runtime", "true"));
        }),
        ("the SDK does not subscribe to the channels that were injected", |app| {
            app.write(
                "node_modules/@sentry/node/index.js",
                CLIENT.replace("for (const name", "for (const name of []) for (const name"),
            );
        }),
        ("the SDK's list of functions has another form than the one that is known", |app| {
            app.write(
                "node_modules/@sentry/server-utils/config.js",
                "exports.SENTRY_INSTRUMENTATIONS = [{ name: 'x' }];\n",
            );
        }),
        ("the transformer of the SDK injects into none of the files that its list names", |app| {
            app.write(
                "node_modules/@sentry/server-utils/load-hook.js",
                "exports.createLoadHookTransform = () => () => undefined;\n",
            );
        }),
        ("the transformer of the SDK ended with", |app| {
            app.write("node_modules/@sentry/server-utils/load-hook.js", "process.exit(3);\n");
        }),
    ];
    for (reason, change) in cases {
        let app = with_libraries();
        change(&app);
        let said = app.fails(&["--instrument-ahead=if-possible"], 0);
        assert!(
            said.contains(&format!("warning[ahead-skipped]: libraries are not injected ahead of time: {reason}")),
            "{said}"
        );
        assert!(!app.join(".output/server/channels.mjs").exists());
        assert!(app.fails(&["--instrument-ahead"], 1).contains("error[ahead-failed]"));
    }
}

#[test]
fn a_source_map_of_the_instrumentation_stays_true() {
    let app = with_libraries();
    app.write(".output/server/instrument.server.mjs.map", r#"{"version":3,"sources":["a.ts"],"mappings":"AAAA;AACA"}"#);
    app.succeeds(&["--instrument-ahead"]);
    assert_eq!(
        app.read(".output/server/instrument.server.mjs.map"),
        r#"{"version":3,"sources":["a.ts"],"mappings":";AAAA;AACA"}"#
    );
}

#[test]
fn inspect_lists_libraries_before_and_after() {
    let app = with_library_outside();
    let libraries = |app: &App| {
        let text = app.succeeds(&["inspect"]);
        let from = text.find("libraries").expect("a line");
        let to = text.find("with --import").expect("a line");
        text[from..to].to_owned()
    };
    let before = libraries(&app);
    assert!(before.starts_with("libraries        @s/pool, left to hooks at run time: is not in the build"), "{before}");
    assert!(before.contains("graphql 16.12.0, left to hooks at run time: `presentry` would inject it"), "{before}");
    let app = with_libraries();
    app.succeeds(&["--instrument-ahead"]);
    expect![[r#"
        libraries        db 2.1.0, injected ahead of time
                           lib/a.js query → orchestrion:db:query
                         graphql 16.12.0, injected ahead of time
                           parser.js parse → orchestrion:graphql:parse
                           parser.mjs parse → orchestrion:graphql:parse
                         db 3.0.0, injected ahead of time
                           lib/a.js query → orchestrion:db:query
    "#]]
    .assert_eq(&libraries(&app));
}

/// The same app with a bundler, and with a package that is there for the SDK alone.
pub(crate) fn with_bundler() -> App {
    let app = with_libraries();
    crate::bundle::install_esbuild(&app, "node_modules/esbuild");
    let esm = "export function init() { console.log(typeof __SENTRY_CHANNEL_INJECTION__); }\n";
    for (root, main) in [(".", "index.js"), (SERVER, "index.mjs")] {
        let manifest =
            json!({ "name": "@sentry/node", "version": "11.0.0", "main": main, "dependencies": { "helper": "1" } });
        package(&app, &format!("{root}/node_modules/@sentry/node"), &manifest, &[("index.mjs", esm)]);
        let helper = json!({ "name": "helper", "version": "1.0.0" });
        package(&app, &format!("{root}/node_modules/helper"), &helper, &[("index.js", "exports.help = 1;\n")]);
    }
    app
}

pub(crate) const BUNDLED: &[&str] = &["--bundle-sdk", "--instrument-ahead"];
pub(crate) const PRUNED: &[&str] = &["--bundle-sdk", "--prune", "--instrument-ahead"];
const PRUNED_WITHOUT: &[&str] = &["--bundle-sdk", "--prune", "--no-instrument-ahead"];

/// What the SDK of the bundle prints when it starts: whether its own injection was taken out.
fn injection(app: &App) -> String {
    let script = "await import('./.output/server/instrument.server.mjs')";
    let node =
        Command::new("node").args(["--input-type=module", "--eval", script]).current_dir(app.path()).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    String::from_utf8(node.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_bundle_need_not_inject_what_was_injected() {
    let app = with_bundler();
    let original = app.snapshot();
    app.succeeds(BUNDLED);
    assert_eq!(injection(&app), "boolean");
    app.succeeds(&["check"]);
    let bundled = app.snapshot();
    assert_eq!(app.succeeds(BUNDLED), ALREADY_FIRST);
    assert_eq!(app.snapshot(), bundled);
    app.succeeds(PRUNED);
    assert!(!app.join(".output/server/node_modules/helper/index.js").exists());
    assert!(app.read(".output/server/node_modules/graphql/parser.mjs").contains("orchestrion:"));
    assert_eq!(injection(&app), "boolean");
    app.succeeds(&["check"]);
    app.succeeds(BUNDLED);
    same_build(&app.snapshot(), &bundled);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

/// Fails with the paths of what is not the same in two builds. How their originals are kept is not compared.
#[track_caller]
fn same_build(found: &Snapshot, expected: &Snapshot) {
    let paths: std::collections::BTreeSet<&String> =
        found.keys().chain(expected.keys()).filter(|path| !path.contains("/.presentry/")).collect();
    let differ: Vec<&&String> = paths.iter().filter(|path| found.get(**path) != expected.get(**path)).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn channels_go_into_a_pruned_build_and_out_of_it() {
    let made = |arguments: &[&str]| {
        let app = with_bundler();
        app.succeeds(arguments);
        app.snapshot()
    };
    let (with, without) = (made(PRUNED), made(PRUNED_WITHOUT));
    let app = with_bundler();
    let original = app.snapshot();
    for (arguments, expected, prints) in
        [(PRUNED_WITHOUT, &without, "undefined"), (PRUNED, &with, "boolean"), (PRUNED_WITHOUT, &without, "undefined")]
    {
        app.succeeds(arguments);
        same_build(&app.snapshot(), expected);
        assert_eq!(injection(&app), prints);
        app.succeeds(&["check"]);
        assert_eq!(app.succeeds(arguments), ALREADY_FIRST);
    }
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_pruned_build_whose_packages_are_lost_stays_as_it_is() {
    for [first, then] in [[PRUNED, PRUNED_WITHOUT], [PRUNED_WITHOUT, PRUNED]] {
        for bundling in ["--bundle-sdk", "--bundle-sdk=if-possible"] {
            let app = with_bundler();
            app.succeeds(first);
            app.remove("node_modules/helper/index.js");
            let before = app.snapshot();
            assert_eq!(app.succeeds(first), ALREADY_FIRST);
            let arguments: Vec<&str> = std::iter::once(bundling).chain(then[1..].iter().copied()).collect();
            let said = app.fails(&arguments, 1);
            assert!(said.contains("error[restore-data-missing]"), "{arguments:?}: {said}");
            assert_eq!(app.snapshot(), before);
        }
    }
}

/// A build that has a part of a library: its instrumentation loads a file that only the app has.
fn with_half_a_library() -> App {
    let app = with_libraries();
    app.write("node_modules/@vercel/nft/package.json", r#"{ "main": "./index.js" }"#);
    app.write("node_modules/@vercel/nft/index.js", crate::packages::TRACER);
    let query = "export function query() {}\n";
    let manifest = json!({ "name": "db", "version": "2.1.0", "type": "module", "main": "lib/b.js" });
    let whole = format!("// needs: node_modules/db/lib/c.js\nimport './c.js';\n{query}");
    package(&app, "node_modules/db", &manifest, &[("lib/b.js", &whole), ("lib/c.js", query)]);
    package(&app, &format!("{SERVER}/node_modules/db"), &manifest, &[("lib/b.js", "import './c.js';\n")]);
    app.append(".output/server/instrument.server.mjs", "import 'db';\n");
    app
}

#[test]
fn a_library_that_is_completed_later_is_left_to_hooks() {
    let app = with_half_a_library();
    let original = app.snapshot();
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(said.contains("warning[hooks-stay]: the SDK still registers its hooks: `db` is traced in"), "{said}");
    assert!(app.read(".output/server/node_modules/db/lib/c.js").contains("query"));
    let marker = marker(&app);
    assert!(!marker.contains("/db/"), "{marker}");
    assert!(marker.ends_with("channels.bundler = new Set([...(channels.bundler ?? []), \"graphql\"]);"), "{marker}");
    app.succeeds(&["check"]);
    let rewritten = app.snapshot();
    let again = app.fails(&["--instrument-ahead"], 0);
    assert!(again.contains("warning[hooks-stay]"), "{again}");
    same_build(&app.snapshot(), &rewritten);
    app.fails(&["--no-instrument-ahead"], 0);
    app.fails(&["--instrument-ahead"], 0);
    same_build(&app.snapshot(), &rewritten);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

const CHUNK: &str = "_libs/db+graphql.mjs";

/// What a bundler made of two libraries, one of whose functions it gave another name, and of a module of the app.
const BUNDLED_LIBRARIES: &str = "\
import { inspect } from 'node:util';
// node_modules/graphql/parser.mjs
/** Parses: import { parse } from 'graphql'. */
function parse(text) { return text; }
// node_modules/db/lib/a.js
async function query$1(sql, ...rest) { return inspect(sql) + rest; } // \u{1f600}
//#region src/own.ts
function query(sql) { return sql; }
//#endregion
export { parse, query, query$1 };
";

/// A build with libraries in a chunk, as Nitro 3 makes it, whose packages only the app has.
pub(crate) fn with_chunk() -> App {
    let app = with_libraries();
    add_chunk(&app);
    app
}

fn add_chunk(app: &App) {
    app.write(&format!("{SERVER}/{CHUNK}"), BUNDLED_LIBRARIES);
    app.append(".output/server/chunks/build/index.mjs", &format!("export * from '../../{CHUNK}';\n"));
    let graphql = json!({ "name": "graphql", "version": "16.12.0", "main": "parser.js" });
    package(app, "node_modules/graphql", &graphql, &[("parser.mjs", PARSER)]);
    let query = "export async function query(sql, ...rest) { return inspect(sql) + rest; }\n";
    package(app, "node_modules/db", &json!({ "name": "db", "version": "2.1.0" }), &[("lib/a.js", query)]);
}

#[test]
fn libraries_in_chunks_hold_channels() {
    let app = with_chunk();
    let original = app.snapshot();
    let without = app.fails(&["--no-instrument-ahead"], 0);
    assert!(without.contains("warning[bundled-library]: `graphql` is bundled in `.output/server/_libs`"), "{without}");
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(!said.contains("warning"), "{said}");
    expect![[r#"
        import { tr_ch_apm$db_query, tr_ch_apm$graphql_parse } from "../channels-of-chunks.mjs"; import { inspect } from 'node:util';
        // node_modules/graphql/parser.mjs
        /** Parses: import { parse } from 'graphql'. */
        function parse(__apm$arg0, ...__apm$args) { const __apm$wrapped = function (text) { return text; }; return tr_ch_apm$graphql_parse.traceSync(__apm$wrapped, {}, this, __apm$arg0, ...__apm$args); }
        // node_modules/db/lib/a.js
              function query$1(__apm$arg0, __apm$arg1, ...__apm$args) { const __apm$wrapped = async function (sql, ...rest) { return inspect(sql) + rest; }; return tr_ch_apm$db_query.traceSync(__apm$wrapped, {}, this, __apm$arg0, __apm$arg1, ...__apm$args); } // 😀
        //#region src/own.ts
        function query(sql) { return sql; }
        //#endregion
        export { parse, query, query$1 };
    "#]]
    .assert_eq(&app.read(&format!("{SERVER}/{CHUNK}")));
    let of_chunks = marker(&app);
    assert!(of_chunks.contains("// _libs/db+graphql.mjs\n//   orchestrion:graphql:parse parse\n"), "{of_chunks}");
    assert!(of_chunks.ends_with("[...(channels.runtime ?? []), \"db\", \"graphql\"];"), "{of_chunks}");
    let checked = app.succeeds(&["check"]);
    assert!(!checked.contains("warning"), "{checked}");
    let rewritten = app.snapshot();
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), rewritten);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_chunk_is_injected_in_a_bundled_and_pruned_build() {
    let app = with_bundler();
    add_chunk(&app);
    // A chunk of one file with the app imports the SDK as well, and is made to name the bundle. Nothing else imports one of
    // its packages.
    for root in [".", SERVER] {
        let manifest = json!({ "name": "@sentry/other", "version": "11.0.0", "main": "index.mjs" });
        package(
            &app,
            &format!("{root}/node_modules/@sentry/other"),
            &manifest,
            &[("index.mjs", "export const a = 1;\n")],
        );
    }
    let imports = "import { init } from '@sentry/node';\nimport { a } from '@sentry/other';\n";
    app.write(&format!("{SERVER}/{CHUNK}"), format!("{imports}{BUNDLED_LIBRARIES}"));
    let original = app.snapshot();
    for arguments in [BUNDLED, PRUNED] {
        app.succeeds(arguments);
        for module in ["sentry-1.mjs", "sentry-2.mjs"] {
            assert!(app.read(&format!("{SERVER}/{CHUNK}")).contains(module));
        }
        assert!(app.read(&format!("{SERVER}/{CHUNK}")).contains("tr_ch_apm$db_query.traceSync("));
        assert_eq!(injection(&app), "boolean", "the SDK of the bundle need not inject");
        app.succeeds(&["check"]);
        assert_eq!(app.succeeds(arguments), ALREADY_FIRST);
    }
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_chunk_publishes_on_the_channels_of_each_library() {
    let app = with_chunk();
    app.succeeds(&["--instrument-ahead"]);
    let script = "import dc from 'node:diagnostics_channel';
        const seen = [];
        for (const name of ['graphql:parse', 'db:query'])
          dc.tracingChannel(`orchestrion:${name}`).subscribe({ start() { seen.push(name); } });
        const { parse, query, query$1 } = await import('./.output/server/_libs/db+graphql.mjs');
        console.log(parse('a'), query('b'), await query$1('c', 'd'), seen.join(' '));";
    let node =
        Command::new("node").args(["--input-type=module", "--eval", script]).current_dir(app.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&node.stdout).into_owned();
    assert_eq!(printed, "a b 'c'd graphql:parse db:query\n", "{}", String::from_utf8_lossy(&node.stderr));
}

#[test]
fn libraries_in_chunks_are_listed() {
    let app = with_chunk();
    app.succeeds(&["--instrument-ahead"]);
    let report = json(&app, &["inspect"], 0);
    let libraries = report["libraries"].as_array().unwrap().iter();
    let in_chunk: Vec<&Value> = libraries.filter(|library| library["directory"] == "_libs").collect();
    assert_eq!(in_chunk.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["db", "graphql"]);
    assert_eq!(in_chunk[0]["instrumented"], "ahead");
    let function = json!({ "file": "db+graphql.mjs", "function": "query", "channel": "orchestrion:db:query", "state": "injected", "reason": null });
    assert_eq!(in_chunk[0]["functions"], json!([function]));
}

#[test]
fn what_is_uncertain_in_a_chunk_is_left_alone_and_named() {
    let changed = |from: &str, to: &str| {
        let app = with_chunk();
        app.write(&format!("{SERVER}/{CHUNK}"), BUNDLED_LIBRARIES.replace(from, to));
        app
    };
    let lacking = |file: &str| {
        let app = with_chunk();
        app.remove(file);
        app
    };
    for (app, why) in [
        (changed("parse(text)", "parse(text, more)"), "`parse`: the bundler changed the function, or a part of it"),
        (changed("export {", "class A {}\nexport {"), "`parse`: Unexpected token"),
        (
            lacking("node_modules/graphql/package.json"),
            "its version is not known, as the app has no `node_modules/graphql`",
        ),
        (lacking("node_modules/graphql/parser.mjs"), "`node_modules/graphql/parser.mjs` cannot be read"),
        (
            changed("inspect } ", "inspect, format as tr_ch_apm } "),
            "`parse`: something else has injected channels into the chunk",
        ),
    ] {
        let before = app.read(&format!("{SERVER}/{CHUNK}"));
        let said = app.fails(&["--instrument-ahead"], 0);
        let named =
            format!("warning[hooks-stay]: the SDK still registers its hooks: `graphql` is bundled in `{CHUNK}`: {why}");
        assert!(said.contains(&named), "{said}\n{named}");
        let after = app.read(&format!("{SERVER}/{CHUNK}"));
        assert!(!after.contains("tr_ch_apm$graphql_parse"), "{after}");
        assert!(after == before || after.contains("tr_ch_apm$db_query"), "{after}");
        assert!(marker(&app).lines().last().unwrap().starts_with("channels.bundler"), "{}", marker(&app));
        app.succeeds(&["check"]);
    }
}

#[test]
fn what_the_build_plugin_of_sentry_injected_is_left_alone() {
    let app = with_chunk();
    let by_plugin = |name: &str| format!("const tr_ch_apm${name} = channel(\"orchestrion:{name}:query\");\n");
    let chunk = format!("{BUNDLED_LIBRARIES}{}{}", by_plugin("db"), by_plugin("graphql"));
    app.write(&format!("{SERVER}/{CHUNK}"), &chunk);
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(!said.contains("hooks-stay"), "{said}");
    assert_eq!(app.read(&format!("{SERVER}/{CHUNK}")), chunk);
}

#[test]
fn a_chunk_that_was_edited_is_found_and_one_that_was_rebuilt_is_injected_again() {
    let app = with_chunk();
    app.succeeds(&["--instrument-ahead"]);
    let injected = app.read(&format!("{SERVER}/{CHUNK}"));
    app.append(&format!("{SERVER}/{CHUNK}"), "// edited\n");
    let said = app.fails(&["check"], 1);
    assert!(said.contains(&format!("error[channels-changed]: `{CHUNK}` holds channels")), "{said}");
    assert!(app.fails(&["--instrument-ahead"], 1).contains("changed-since-rewrite"));
    app.write(&format!("{SERVER}/{CHUNK}"), BUNDLED_LIBRARIES);
    assert!(app.fails(&["check"], 1).contains("error[channels-changed]"));
    app.fails(&["--instrument-ahead"], 0);
    assert_eq!(app.read(&format!("{SERVER}/{CHUNK}")), injected);
    app.succeeds(&["check"]);
}

#[test]
fn the_map_of_a_chunk_stays_true() {
    let app = with_chunk();
    // A place for each of the first lines, and two in that of the function with another name.
    let map = r#"{"version":3,"sources":["../../a.js"],"names":[],"mappings":"AAAA;;;AACA;;AACA,eAAe"}"#;
    app.write(&format!("{SERVER}/{CHUNK}.map"), map);
    app.append(&format!("{SERVER}/{CHUNK}"), "//# sourceMappingURL=db+graphql.mjs.map\n");
    let original = app.snapshot();
    app.succeeds(&["--instrument-ahead"]);
    let chunk = app.read(&format!("{SERVER}/{CHUNK}"));
    let moved: Value = serde_json::from_str(&app.read(&format!("{SERVER}/{CHUNK}.map"))).unwrap();
    assert_ne!(moved["mappings"], json!("AAAA;;;AACA;;AACA,eAAe"));
    assert_eq!(moved["sources"], json!(["../../a.js"]));
    let line = chunk.lines().next().unwrap();
    assert_eq!(line.find("import { inspect"), Some(column_of_first(&moved["mappings"])));
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    // Maps are uploaded with debug ids in them, and taken away then.
    let with_id = app.read(&format!("{SERVER}/{CHUNK}.map")).replace("{", "{\"debug_id\":\"a\",");
    app.write(&format!("{SERVER}/{CHUNK}.map"), with_id);
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
    app.succeeds(&["--instrument-ahead"]);
    app.remove(&format!("{SERVER}/{CHUNK}.map"));
    app.succeeds(&["check"]);
    app.succeeds(&["--instrument-ahead"]);
    app.write(&format!("{SERVER}/{CHUNK}"), BUNDLED_LIBRARIES);
    app.write(&format!("{SERVER}/{CHUNK}.map"), r#"{"version":3,"sections":[]}"#);
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(said.contains("its source map has another form than the one that is known"), "{said}");
    assert_eq!(app.read(&format!("{SERVER}/{CHUNK}")), BUNDLED_LIBRARIES);
}

/// A place in a chunk, and the place in a file that it comes from: lines and columns.
type Token = [u32; 4];

/// The source map of a chunk that was made of these files of packages.
fn map_of(files: &[(&str, &[Token])]) -> String {
    let mut builder = sourcemap::SourceMapBuilder::new(None);
    for (file, tokens) in files {
        let source = format!("../../../node_modules/{file}");
        builder.add_source(&source);
        for [line, column, line_of_source, column_of_source] in *tokens {
            builder.add(*line, *column, *line_of_source, *column_of_source, Some(&source), None::<&str>, false);
        }
    }
    let mut map = Vec::new();
    builder.into_sourcemap().to_writer(&mut map).unwrap();
    String::from_utf8(map).unwrap()
}

/// Where `parse` of the library stands in the second line of a chunk: its beginning, its name, and its parameter.
const PARSED: &[Token] = &[[1, 0, 0, 7], [1, 9, 0, 16], [1, 15, 0, 22]];

/// What stands at each place of a chunk that its map has, with the place that it comes from.
fn mapped(chunk: &str, map: &str) -> Vec<((u32, u32), String)> {
    let map = sourcemap::SourceMap::from_slice(map.as_bytes()).unwrap();
    let lines: Vec<&str> = chunk.lines().collect();
    let at = |(line, column): (u32, u32)| lines[line as usize][column as usize..].chars().take(1).collect();
    map.tokens().map(|token| (token.get_src(), at(token.get_dst()))).collect()
}

#[test]
fn a_map_in_the_chunk_itself_stays_true() {
    // A library has the beginning of such a map in a string.
    let code = "\
import { inspect } from 'node:util';
function parse(text) { return text; }
const url = '//# sourceMappingURL=data:application/json;base64,';
export { parse };
";
    let map = map_of(&[("graphql/parser.mjs", PARSED)]);
    let url = |kind: &str| format!("//# sourceMappingURL=data:application/json;{kind}base64,");
    for url in [url(""), url("charset=utf-8;")] {
        let app = with_chunk();
        let path = format!("{SERVER}/{CHUNK}");
        app.write(&path, format!("{code}{url}{}\n// the end\n", BASE64.encode(&map)));
        let original = app.snapshot();
        let said = app.fails(&["--instrument-ahead"], 0);
        assert!(!said.contains("hooks-stay"), "{said}");
        let chunk = app.read(&path);
        let (text, rest) = chunk.rsplit_once(&url).unwrap();
        let moved = BASE64.decode(rest.strip_suffix("\n// the end\n").unwrap()).unwrap();
        assert!(text.contains("tr_ch_apm$graphql_parse.traceSync("), "{text}");
        // Where a parameter stood, there is what was put before it.
        let places = mapped(text, std::str::from_utf8(&moved).unwrap());
        assert_eq!(places[..2], mapped(code, &map)[..2], "{text}");
        assert_eq!(places[2], ((0, 22), "t".to_owned()), "{text}");
        is_done_and_can_be_undone(&app, &original);
    }
}

#[test]
fn a_map_in_the_chunk_that_cannot_be_read_is_named() {
    let map = BASE64.encode(r#"{"version":3,"sections":[]}"#);
    for (url, why) in [
        ("data:application/json,%7B%7D".to_owned(), "its source map is neither in it nor the file beside it"),
        ("data:application/json;base64,AAA".to_owned(), "its source map cannot be read"),
        (format!("data:application/json;base64,{map}"), "its source map has another form than the one that is known"),
    ] {
        let app = with_chunk();
        app.append(&format!("{SERVER}/{CHUNK}"), &format!("//# sourceMappingURL={url}\n"));
        let before = app.read(&format!("{SERVER}/{CHUNK}"));
        let said = app.fails(&["--instrument-ahead"], 0);
        assert!(said.contains(&format!("`graphql` is bundled in `{CHUNK}`: {why}")), "{said}");
        assert_eq!(app.read(&format!("{SERVER}/{CHUNK}")), before);
    }
}

/// What a minifier made of two libraries: other names, and no path of a file.
const MINIFIED: &str = "\
import { inspect as i } from 'node:util';
function a(t) { return t; }
async function q(e, ...r) { return i(e) + r; }
function n(parse) { return parse; }
export { a as parse, q as query, n };
";

/// Where `query` of the library stands in the third line of it.
const QUERIED: &[Token] = &[[2, 0, 0, 7], [2, 15, 0, 22], [2, 17, 0, 28], [2, 20, 0, 33]];

/// A build with that chunk, and this map beside it.
fn with_minified_chunk(files: &[(&str, &[Token])]) -> App {
    let app = with_chunk();
    app.write(&format!("{SERVER}/{CHUNK}"), MINIFIED);
    app.write(&format!("{SERVER}/{CHUNK}.map"), map_of(files));
    app
}

#[test]
fn functions_of_a_minified_chunk_are_found_by_its_map() {
    let app = with_minified_chunk(&[
        ("graphql/parser.mjs", &[[1, 0, 0, 7], [1, 9, 0, 16], [1, 11, 0, 22]]),
        ("db/lib/a.js", QUERIED),
    ]);
    let original = app.snapshot();
    let [before, map] = ["", ".map"].map(|end| app.read(&format!("{SERVER}/{CHUNK}{end}")));
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(!said.contains("hooks-stay"), "{said}");
    let [after, moved] = ["", ".map"].map(|end| app.read(&format!("{SERVER}/{CHUNK}{end}")));
    expect![[r#"
        import { tr_ch_apm$db_query, tr_ch_apm$graphql_parse } from "../channels-of-chunks.mjs"; import { inspect as i } from 'node:util';
        function a(__apm$arg0, ...__apm$args) { const __apm$wrapped = function (t) { return t; }; return tr_ch_apm$graphql_parse.traceSync(__apm$wrapped, {}, this, __apm$arg0, ...__apm$args); }
              function q(__apm$arg0, __apm$arg1, ...__apm$args) { const __apm$wrapped = async function (e, ...r) { return i(e) + r; }; return tr_ch_apm$db_query.traceSync(__apm$wrapped, {}, this, __apm$arg0, __apm$arg1, ...__apm$args); }
        function n(parse) { return parse; }
        export { a as parse, q as query, n };
    "#]]
    .assert_eq(&after);
    let [before, after] = [mapped(&before, &map), mapped(&after, &moved)];
    let differ: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    // `async` has moved to the body.
    assert_eq!(differ.iter().map(|(before, _)| before.1.as_str()).collect::<Vec<_>>(), ["a"]);
    is_done_and_can_be_undone(&app, &original);
}

#[test]
fn comments_of_another_bundler_do_not_hide_the_map() {
    let app = with_minified_chunk(&[("graphql/parser.mjs", &[]), ("db/lib/a.js", QUERIED)]);
    app.append(
        &format!("{SERVER}/{CHUNK}"),
        "// node_modules/.pnpm/parsel-js@1.1.2/node_modules/parsel-js/dist/parsel.min.js\n",
    );
    app.fails(&["--instrument-ahead"], 0);
    assert!(app.read(&format!("{SERVER}/{CHUNK}")).contains("tr_ch_apm$db_query"));
}

#[test]
fn who_names_a_channel_has_not_injected_it() {
    let app = with_minified_chunk(&[("db/lib/a.js", QUERIED)]);
    app.append(&format!("{SERVER}/{CHUNK}"), "export const mine = { QUERY: \"orchestrion:db:query\" };\n");
    app.fails(&["--instrument-ahead"], 0);
    assert!(app.read(&format!("{SERVER}/{CHUNK}")).contains("tr_ch_apm$db_query"));
    let app = with_minified_chunk(&[("db/lib/a.js", QUERIED)]);
    app.append(&format!("{SERVER}/{CHUNK}"), "globalThis.__SENTRY_ORCHESTRION_INJECT__ = a(\"db\");\n");
    app.fails(&["--instrument-ahead=if-possible"], 0);
    assert!(!app.read(&format!("{SERVER}/{CHUNK}")).contains("tr_ch_apm$db_query"));
}

#[test]
fn every_library_that_is_left_in_a_chunk_is_named() {
    let app = with_minified_chunk(&[("graphql/parser.mjs", &[]), ("db/lib/a.js", &[])]);
    let said = app.fails(&["--instrument-ahead=if-possible"], 0);
    assert!(said.contains("does not tell where it is; as well as `"), "{said}");
    let report = json(&app, &["inspect"], 0);
    let libraries = report["libraries"].as_array().unwrap();
    for name in ["db", "graphql"] {
        let mut of_name = libraries.iter().filter(|library| library["name"] == name);
        assert!(of_name.any(|library| library["reason"].to_string().contains("is bundled in `_libs")), "{libraries:?}");
    }
    assert!(!report["libraries"].to_string().contains("channels.mjs"), "{libraries:?}");
}

#[test]
fn what_a_map_does_not_tell_for_certain_is_left_alone() {
    let changed = "`parse`: the bundler changed the function, or a part of it";
    let several = "`parse`: more than one function of the chunk may be it";
    let cases: [(&[Token], &str); 7] = [
        // The beginning is that of no function; that of one with other parameters; the name or the parameter is another's.
        (&[[1, 3, 0, 7]], changed),
        (&[[2, 0, 0, 7]], changed),
        (&[[1, 0, 0, 7], [1, 9, 0, 0]], changed),
        (&[[1, 0, 0, 7], [1, 11, 0, 23]], changed),
        // The beginning is told of another column, as maps with lines alone do.
        (&[[1, 0, 0, 0], [1, 11, 0, 22]], changed),
        (&[[1, 0, 0, 7], [3, 0, 0, 7]], several),
        (&[], "the source map does not tell where it is"),
    ];
    for (tokens, why) in cases {
        let app = with_minified_chunk(&[("graphql/parser.mjs", tokens), ("db/lib/a.js", QUERIED)]);
        let said = app.fails(&["--instrument-ahead"], 0);
        let named = format!("its hooks: `graphql` is bundled in `{CHUNK}`: {why}");
        assert!(said.contains(&named), "{said}\n{named}");
        let after = app.read(&format!("{SERVER}/{CHUNK}"));
        assert!(after.contains("tr_ch_apm$db_query") && !after.contains("tr_ch_apm$graphql_parse"), "{after}");
    }
}

#[test]
fn a_function_that_the_bundler_dropped_is_missed_by_nothing() {
    // What is left of the file lies behind the function.
    let parsed: &[Token] = &[[3, 0, 1, 0]];
    let app = with_minified_chunk(&[("graphql/parser.mjs", parsed), ("db/lib/a.js", QUERIED)]);
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(!said.contains("hooks-stay"), "{said}");
    assert!(app.read(&format!("{SERVER}/{CHUNK}")).contains("tr_ch_apm$db_query"));
}

const MOVED: &str = ".output/server/entry.mjs";

/// A build in one file: libraries are in the entry.
fn with_libraries_in_the_entry(code: &str) -> App {
    let app = with_chunk();
    app.write(".output/server/chunks/build/index.mjs", "export {};\n");
    app.remove(&format!("{SERVER}/{CHUNK}"));
    app.append(ENTRY, code);
    app
}

#[test]
fn libraries_in_the_entry_hold_channels() {
    let app = with_libraries_in_the_entry(BUNDLED_LIBRARIES);
    let (original, entry) = (app.snapshot(), app.read(ENTRY));
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(!said.contains("warning"), "{said}");
    let moved = app.read(MOVED);
    assert!(
        moved.contains("function query$1(__apm$arg0, __apm$arg1, ...__apm$args) { const __apm$wrapped = async"),
        "{moved}"
    );
    assert_eq!(moved.lines().count(), entry.lines().count());
    let of_chunks = marker(&app);
    assert!(of_chunks.contains("// entry.mjs\n//   orchestrion:graphql:parse parse\n"), "{of_chunks}");
    assert!(of_chunks.ends_with("[...(channels.runtime ?? []), \"db\", \"graphql\"];"), "{of_chunks}");
    app.succeeds(&["check"]);
    let report = json(&app, &["inspect"], 0);
    let libraries = report["libraries"].as_array().unwrap();
    let db = libraries.iter().find(|library| library["name"] == "db" && library["directory"] == ".").unwrap();
    let function = json!({ "file": "entry.mjs", "function": "query", "channel": "orchestrion:db:query", "state": "injected", "reason": null });
    assert_eq!((&db["instrumented"], &db["functions"]), (&json!("ahead"), &json!([function])));
    // What an earlier run injected needs no library of the app any more.
    app.remove("node_modules/graphql/parser.mjs");
    let rewritten = app.snapshot();
    assert_eq!(app.succeeds(&["--instrument-ahead"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), rewritten);
    app.fails(&["--no-instrument-ahead"], 0);
    assert_eq!(app.read(MOVED), entry);
    app.succeeds(&["restore"]);
    app.write("node_modules/graphql/parser.mjs", PARSER);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn an_entry_with_channels_that_was_edited_is_found() {
    let app = with_libraries_in_the_entry(BUNDLED_LIBRARIES);
    app.fails(&["--instrument-ahead"], 0);
    app.append(MOVED, "// edited\n");
    let said = app.fails(&["check"], 1);
    assert!(said.contains("error[channels-changed]: `entry.mjs` holds channels"), "{said}");
    assert!(app.fails(&["--instrument-ahead"], 1).contains("changed-since-rewrite"));
}

#[test]
fn an_entry_with_channels_cannot_come_back_from_itself() {
    let app = with_libraries_in_the_entry(BUNDLED_LIBRARIES);
    app.fails(&["--instrument-ahead"], 0);
    fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
    let before = app.snapshot();
    assert!(app.fails(&["restore"], 1).contains("error[restore-data-missing]"));
    assert_eq!(app.snapshot(), before);
    app.succeeds(&["check"]);
}

#[test]
fn the_map_of_the_entry_stays_true() {
    for asks in [false, true] {
        let app = with_libraries_in_the_entry("");
        let first = if asks { "globalThis.is_main = import.meta.main; " } else { "" };
        let built = app.read(ENTRY);
        let above = u32::try_from(built.lines().count()).unwrap();
        let code = format!("{first}{built}{MINIFIED}//# sourceMappingURL=index.mjs.map\n");
        app.write(ENTRY, &code);
        let below = |tokens: &[Token]| {
            tokens
                .iter()
                .map(|[line, rest @ ..]| [[line + above].as_slice(), rest].concat().try_into().unwrap())
                .collect::<Vec<Token>>()
        };
        let (parsed, queried) = (below(&[[1, 0, 0, 7], [1, 9, 0, 16], [1, 11, 0, 22]]), below(QUERIED));
        let map = map_of(&[("graphql/parser.mjs", &parsed), ("db/lib/a.js", &queried)])
            .replace("../../../node_modules", "../../node_modules");
        app.write(&format!("{ENTRY}.map"), &map);
        let original = app.snapshot();
        let said = app.fails(&["--instrument-ahead"], 0);
        assert!(!said.contains("hooks-stay"), "{said}");
        let [before, after] = [mapped(&code, &map), mapped(&app.read(MOVED), &app.read(&format!("{ENTRY}.map")))];
        let differ: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert_eq!(differ.iter().map(|(before, _)| before.1.as_str()).collect::<Vec<_>>(), ["a"], "`async` has moved");
        is_done_and_can_be_undone(&app, &original);
    }
}

#[test]
fn a_line_of_the_entry_that_changes_when_it_moves_has_no_places() {
    let app = with_libraries_in_the_entry("");
    let minified = MINIFIED.replace("function a(t)", "globalThis.is_main = import.meta.main; function a(t)");
    let built = app.read(ENTRY);
    app.write(ENTRY, format!("{minified}{built}"));
    let parsed: &[Token] = &[[1, 38, 0, 7], [1, 47, 0, 16], [1, 49, 0, 22]];
    let map = map_of(&[("graphql/parser.mjs", parsed), ("db/lib/a.js", QUERIED)])
        .replace("../../../node_modules", "../../node_modules");
    app.write(&format!("{ENTRY}.map"), map);
    let said = app.fails(&["--instrument-ahead"], 0);
    assert!(
        said.contains("its hooks: `graphql` is bundled in `entry.mjs`: the source map does not tell where it is"),
        "{said}"
    );
    let moved = app.read(MOVED);
    assert!(moved.contains("tr_ch_apm$db_query") && !moved.contains("tr_ch_apm$graphql_parse"), "{moved}");
}

/// The column in the first segment of mappings (base 64 VLQ).
fn column_of_first(mappings: &Value) -> usize {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = mappings.as_str().unwrap().chars().map(|char| DIGITS.find(char).unwrap());
    let mut value = 0;
    for (at, digit) in digits.enumerate() {
        value |= (digit & 31) << (5 * at);
        if digit & 32 == 0 {
            break;
        }
    }
    value >> 1
}
