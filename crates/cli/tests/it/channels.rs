//! `--instrument-ahead`, with a stand-in for the SDK: its list of functions, its transformer and its client. These tests start the
//! Node that is on `PATH`, and no npm.

use std::fs;
use std::process::Command;

use expect_test::expect;
use serde_json::{Value, json};

use crate::builds::{ALREADY_FIRST, App, INSTRUMENTATION, Snapshot};
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
exports.createLoadHookTransform = ({ instrumentations }) => (file, code) => {
  const { version } = JSON.parse(fs.readFileSync(path.join(path.dirname(file), "package.json"), "utf8"));
  const fits = ({ module }) => version.split(".")[0] === module.versionRange && file.endsWith(`/node_modules/${module.name}/${module.filePath}`);
  const entries = instrumentations.filter(fits);
  if (entries.length === 0) return undefined;
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
    package(app, &format!("{scope}/server-utils"), &utils, &[("config.js", CONFIG), ("load-hook.js", LOAD_HOOK)]);
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
        // presentry 0.1.0 channels
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
fn a_library_that_is_loaded_early_is_refused_before_anything_is_injected() {
    let app = with_libraries();
    let instrumentation = app.read(".output/server/instrument.server.mjs");
    app.write(".output/server/instrument.server.mjs", format!("import 'graphql';\n{instrumentation}"));
    for flag in ["--no-instrument-ahead", "--instrument-ahead=if-possible"] {
        assert!(app.fails(&[flag], 1).contains("error[library-before-init]"));
    }
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
