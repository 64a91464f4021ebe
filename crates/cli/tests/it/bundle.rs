//! `--bundle-sdk` and `--prune`, with stand-ins for the bundlers and packages that are written here. These tests start the
//! Node that is on `PATH`, and no npm.

use std::io::Write as _;
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::{
    archive,
    builds::{ALREADY_FIRST, App, VINXI, presentry},
    packages::TRACER,
};

/// The script that drives the bundler, as the command puts it together.
const SCRIPT: &str = concat!(
    include_str!("../../src/passes/bundle/common.mjs"),
    include_str!("../../src/passes/bundle/esbuild.mjs"),
    include_str!("../../src/passes/bundle/rolldown.mjs"),
    include_str!("../../src/passes/bundle/trial.mjs"),
    include_str!("../../src/passes/bundle/answer.mjs")
);

/// The SDK, as one file. It says that it was started.
const SDK: &str = r#"import { Hook } from "import-in-the-middle";
export function init(options) { console.log("started", typeof Hook, options.dsn); }
"#;

/// What another specifier of it exports.
const ROUTER: &str = "export function withSentryRouterRouting(router) { return router; }\n";

/// An app whose build has the SDK and its packages: `helper` is there for the SDK alone, and `graphql` for the app.
pub(crate) fn app_with_packages() -> App {
    let app = App::facade();
    let package = |root: &str, name: &str, main: &str, text: &str| {
        app.write(&format!("{root}/node_modules/{name}/{main}"), text);
        let manifest = format!(r#"{{ "name": "{name}", "version": "1.0.0", "main": "{main}", "dependencies": {{}} }}"#);
        app.write(&format!("{root}/node_modules/{name}/package.json"), manifest);
    };
    install_esbuild(&app, "node_modules/esbuild");
    for root in [".", ".output/server"] {
        package(root, "@sentry/solidstart", "index.mjs", SDK);
        app.write(&format!("{root}/node_modules/@sentry/solidstart/router.mjs"), ROUTER);
        package(root, "import-in-the-middle", "index.mjs", "export class Hook {}\n");
        package(root, "graphql", "index.mjs", "export const graphql = 1;\n");
        app.write(&format!("{root}/node_modules/vinxi/package.json"), VINXI);
        app.write(&format!("{root}/node_modules/vinxi/lib/invariant.js"), "export default () => {};\n");
        package(root, "helper", "index.mjs", "export const help = 1;\n");
    }
    // Nitro writes the manifests of the packages that it traces anew.
    let declared = r#"{"name":"@sentry/solidstart","version":"1.0.0","main":"index.mjs","dependencies":{"helper":"1","import-in-the-middle":"1"}}"#;
    app.write(".output/server/node_modules/@sentry/solidstart/package.json", declared);
    app
}

pub(crate) fn install_esbuild(app: &App, directory: &str) {
    app.write(&format!("{directory}/package.json"), r#"{ "name": "esbuild", "version": "1.0.0", "main": "main.js" }"#);
    app.write(&format!("{directory}/main.js"), include_str!("esbuild.cjs"));
    app.write(&format!("{directory}/bundler.cjs"), include_str!("bundler.cjs"));
}

fn install_rolldown(app: &App, directory: &str) {
    app.write(
        &format!("{directory}/package.json"),
        r#"{ "name": "rolldown", "version": "1.2.19", "main": "main.js" }"#,
    );
    app.write(&format!("{directory}/main.js"), include_str!("rolldown.cjs"));
    app.write(&format!("{directory}/utils.js"), include_str!("rolldown-utils.cjs"));
    app.write(&format!("{directory}/bundler.cjs"), include_str!("bundler.cjs"));
}

fn without_esbuild() -> App {
    let app = app_with_packages();
    std::fs::remove_dir_all(app.join("node_modules/esbuild")).unwrap();
    app
}

/// An app as Vite 8 and Nitro 3 leave it: with rolldown alone.
fn with_rolldown() -> App {
    let app = without_esbuild();
    install_rolldown(&app, "node_modules/rolldown");
    app
}

/// An app with a rolldown that bundles CommonJS wrongly.
pub(crate) fn with_old_rolldown() -> App {
    let app = with_rolldown();
    let main = app.read("node_modules/rolldown/main.js");
    app.write("node_modules/rolldown/main.js", main.replace("1.2.19", "1.0.1"));
    app
}

/// An app for each bundler.
fn with_each_bundler() -> [(App, &'static str); 2] {
    [(app_with_packages(), "esbuild 1.0.0"), (with_rolldown(), "rolldown 1.2.19")]
}

/// Bundles, and checks which bundler did.
#[track_caller]
fn bundles_with(app: &App, bundler: &str) {
    let output = app.presentry(&["--bundle-sdk", "-v"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{bundler} bundled the packages of the build: ")), "{said}");
    assert!(run(app, ".output/server/instrument.server.mjs").starts_with("started function"));
    app.succeeds(&["check"]);
}

/// What the script answers when the build asks for these names of these specifiers.
fn answer(app: &App, specifiers: &[(&str, Option<&[&str]>)]) -> serde_json::Value {
    let root = app.path().canonicalize().unwrap();
    let request = serde_json::json!({
        "app": root,
        "server": root.join(".output/server"),
        "specifiers": specifiers.iter().map(|(specifier, _)| specifier).collect::<Vec<_>>(),
        "names": specifiers.iter().map(|(_, names)| names).collect::<Vec<_>>(),
        "used": [],
        "header": "// header",
        "name": "sentry.mjs",
        "hook_name": "sentry-hook.mjs",
        "hook_header": "// header",
        "from_app": false,
    });
    let mut node = Command::new("node")
        .args(["--input-type=module", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(format!("const request = {request};\n{SCRIPT}").as_bytes()).unwrap();
    serde_json::from_slice(&node.wait_with_output().unwrap().stdout).unwrap()
}

/// Writes a bundle into the build, and says what a module of it exports.
fn exports(app: &App, answer: &serde_json::Value, module: Option<usize>) -> String {
    app.write(".output/server/sentry.mjs", answer["code"].as_str().expect("a bundle"));
    if let Some(number) = module {
        app.write(".output/server/sentry-1.mjs", answer["modules"][number].as_str().expect("a module"));
    }
    let file = app.join(&format!(".output/server/{}", if module.is_some() { "sentry-1.mjs" } else { "sentry.mjs" }));
    let script = format!("console.log(Object.keys(await import({:?})).join())", file.to_str().unwrap());
    let output = Command::new("node").args(["--input-type=module", "--eval", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// An app that has a bundler, and no SDK anywhere.
pub(crate) fn without_sdk() -> App {
    let app = app_with_packages();
    for root in ["node_modules", ".output/server/node_modules"] {
        std::fs::remove_dir_all(app.join(root).join("@sentry")).unwrap();
    }
    app
}

/// An app that never imports the SDK itself, so that its build has none of the packages; the app has a tracer.
fn bare() -> App {
    let app = app_with_packages();
    for package in ["@sentry", "import-in-the-middle", "helper"] {
        std::fs::remove_dir_all(app.join(".output/server/node_modules").join(package)).unwrap();
    }
    app.write("node_modules/@vercel/nft/package.json", r#"{ "main": "./index.js" }"#);
    app.write("node_modules/@vercel/nft/index.js", TRACER);
    app.write(
        "node_modules/@sentry/solidstart/index.mjs",
        format!("// needs: node_modules/import-in-the-middle/index.mjs\n{SDK}"),
    );
    app
}

/// An app one of whose packages asks for the SDK itself.
pub(crate) fn with_second_copy() -> App {
    let app = app_with_packages();
    app.append(".output/server/node_modules/graphql/index.mjs", "import '@sentry/solidstart';\n");
    app
}

/// An app whose bundle was changed after it was written.
pub(crate) fn with_changed_bundle() -> App {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk"]);
    app.append(".output/server/sentry.mjs", "export const more = 1;\n");
    app
}

/// An SDK that injects channels, as version 11 does: by hooks in this thread, or on one of their own, by name. What changes the
/// code of a library is imported for its effects alone.
const CHANNELS: [(&str, &str); 5] = [
    (
        "package.json",
        r#"{ "name": "@sentry/solidstart", "version": "11.0.0", "sideEffects": false, "exports": {
            ".": "./index.mjs", "./hook": "./hook.mjs", "./orchestrion/config": { "import": "./config.mjs" } } }"#,
    ),
    (
        "index.mjs",
        r#"import { Hook } from "import-in-the-middle";
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import "./parser.mjs";
const isLibrary = (place) => place.includes("/node_modules/lib/");
export function init(options) {
  console.log("started", typeof Hook, options.dsn);
  const notes = (globalThis.__SENTRY_ORCHESTRION__ ??= {});
  if (notes.runtime) return;
  notes.runtime = [];
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 13)) {
    nodeModule.registerHooks({ load(url, context, next) {
      const result = next(url, context);
      if (isLibrary(url)) result.source = globalThis.standInParser(String(result.source ?? readFileSync(new URL(url))));
      return result;
    } });
    return;
  }
  nodeModule.register("@sentry/solidstart/hook", { parentURL: import.meta.url });
  const compiled = nodeModule.default.prototype._compile;
  nodeModule.default.prototype._compile = function (text, file, ...more) {
    return compiled.call(this, isLibrary(file) ? globalThis.standInParser(text) : text, file, ...more);
  };
}
"#,
    ),
    (
        "hook.mjs",
        r#"import "./parser.mjs";
export const load = async (url, context, next) => {
  const result = await next(url, context);
  if (url.includes("/node_modules/lib/") && result.source) result.source = globalThis.standInParser(String(result.source));
  return result;
};
"#,
    ),
    ("parser.mjs", PARSER),
    (
        "config.mjs",
        r#"const query = { functionName: "run", kind: "Sync" };
export const SENTRY_INSTRUMENTATIONS = ["index.js", "index.mjs"].map((filePath) => (
  { channelName: "run", module: { name: "lib", versionRange: ">=1.0.0 <2", filePath }, functionQuery: query }));
"#,
    ),
];

const PARSER: &str = r#"globalThis.standInParser = (text) =>
  text.replace("run() {}", 'run() { process.getBuiltinModule("node:diagnostics_channel").channel("tracing:orchestrion:lib:run:start").publish({}); }');
"#;

/// Puts the SDK that injects channels into an app and its build, with another parser.
fn install_channels(app: &App, parser: &str) {
    for root in ["node_modules", ".output/server/node_modules"] {
        for (file, text) in CHANNELS {
            let text = if file == "parser.mjs" { parser } else { text };
            app.write(&format!("{root}/@sentry/solidstart/{file}"), text);
        }
    }
}

/// What the code of an SDK has in it that injects channels, without doing so.
const INJECTS: &str = "const notes = (globalThis.__SENTRY_ORCHESTRION__ ??= {});
notes.register = (hooks) => import(\"node:module\").then((module) => module.registerHooks(hooks));
";

/// An app with an SDK that injects channels, whose parser is broken.
pub(crate) fn with_broken_channels() -> App {
    let app = app_with_packages();
    install_channels(&app, "");
    app
}

/// The same after a version of presentry has bundled that SDK which tried nothing.
pub(crate) fn with_untried_bundle() -> App {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk"]);
    for root in ["node_modules", ".output/server/node_modules"] {
        app.append(&format!("{root}/@sentry/solidstart/index.mjs"), INJECTS);
    }
    let bundle = app.read(".output/server/sentry.mjs");
    let untried = presentry_rewriter::sealed(format!("{bundle}{INJECTS}"));
    let digest = |text: &str| presentry_rewriter::Digest::of(text.as_bytes()).to_string();
    let manifest = app.read(".output/server/.presentry/manifest.json");
    app.write(".output/server/.presentry/manifest.json", manifest.replace(&digest(&bundle), &digest(&untried)));
    app.write(".output/server/sentry.mjs", untried);
    app
}

/// What Node prints when it imports a file of the app.
fn run(app: &App, file: &str) -> String {
    let script = format!("await import({:?})", app.join(file).to_str().unwrap());
    let output = Command::new("node").args(["--input-type=module", "--eval", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_sdk_in_one_module() {
    let app = app_with_packages();
    let original = app.snapshot();
    expect![[r#"
        facade     .output/server/index.mjs
        moved      .output/server/index.mjs → entry.mjs
        bundle     .output/server/sentry.mjs
        bundle     .output/server/sentry.mjs.LEGAL.txt
        bundle     .output/server/sentry.mjs.map
        repointed  .output/server/instrument.server.mjs

        ✔ rewritten: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs, sentry.mjs and 1 package
          `node_modules`: 1 kB, with `--prune` 1 kB
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&app.succeeds(&["--bundle-sdk"]));
    let text = |file: &str| app.read(&format!(".output/server/{file}"));
    // The specifier takes exactly the place of the other one.
    assert!(text("instrument.server.mjs").starts_with("import * as Sentry from '././././sentry.mjs';\n"));
    assert!(text("entry.mjs").contains("import '././././sentry.mjs';\n"));
    assert_eq!(run(&app, ".output/server/instrument.server.mjs"), "started function https://key@example.invalid/1\n");
    app.succeeds(&["check"]);
    let bundled = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), bundled);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn rolldown_bundles_where_there_is_no_esbuild() {
    let app = with_rolldown();
    let original = app.snapshot();
    bundles_with(&app, "rolldown 1.2.19");
    let code = app.read(".output/server/sentry.mjs");
    assert!(code.starts_with("// presentry ") && code.contains("m0_init as init"), "{code}");
    assert!(code.ends_with("\n//# sourceURL=sentry.mjs#node_modules/@sentry\n"), "{code}");
    let bundled = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), bundled);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn esbuild_is_the_first_choice_and_what_cannot_be_loaded_is_none() {
    let app = app_with_packages();
    install_rolldown(&app, "node_modules/nitro/node_modules/rolldown");
    app.write("node_modules/nitro/package.json", r#"{ "name": "nitro", "version": "3.0.0" }"#);
    bundles_with(&app, "esbuild 1.0.0");
    app.succeeds(&["restore"]);
    // What it prints is no answer. The other starts its binary when it is first asked for something.
    for broken in [
        "console.log('no binary for this platform'); throw new Error();",
        "exports.transform = async () => { throw new Error('no binary for this platform'); };",
    ] {
        app.write("node_modules/esbuild/main.js", broken);
        bundles_with(&app, "rolldown 1.2.19");
        app.succeeds(&["restore"]);
    }
    app.write("node_modules/nitro/node_modules/rolldown/main.js", "throw new Error('no binding');");
    let said = app.fails(&["--bundle-sdk"], 1);
    assert!(said.contains("there is neither esbuild nor rolldown among the packages of the app"), "{said}");
}

#[test]
fn a_rolldown_that_bundles_wrongly_is_none() {
    let app = with_old_rolldown();
    let said = app.fails(&["--bundle-sdk"], 1);
    // On a busy machine the note that the SDK is being bundled stands before it.
    let error = said.lines().find(|line| line.starts_with("error["));
    let expected = "error[bundler-not-found]: the SDK cannot be bundled: rolldown 1.0.1 ";
    assert!(error.is_some_and(|error| error.starts_with(expected)), "{said}");
    install_rolldown(&app, "node_modules/vite/node_modules/rolldown");
    app.write("node_modules/vite/package.json", r#"{ "name": "vite", "version": "8.0.0" }"#);
    bundles_with(&app, "rolldown 1.2.19");
}

#[test]
fn a_bundle_that_was_never_tried_is_replaced() {
    let app = with_untried_bundle();
    for command in ["check", "trace"] {
        let said = app.fails(&[command], 1);
        assert!(said.starts_with("error[bundle-untried]: the bundle of the SDK in `sentry.mjs`"), "{said}");
    }
    let output = app.presentry(&["--bundle-sdk=if-possible"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning[bundle-skipped]: the SDK is not bundled: a trial of the bundle failed"), "{said}");
    assert!(output.status.success() && !app.join(".output/server/sentry.mjs").exists());
    app.succeeds(&["check"]);
}

/// Loads a library in both kinds of module behind the instrumentation of a build, and tells which publish.
const LIBRARY: &str = r#"
import { createRequire } from "node:module";
import { subscribe } from "node:diagnostics_channel";
let heard = 0;
subscribe("tracing:orchestrion:lib:run:start", () => heard++);
await import(process.argv[1] + "/server/instrument.server.mjs");
createRequire(process.argv[1] + "/")("lib/index.js").run();
(await import(process.argv[1] + "/node_modules/lib/index.mjs")).run();
console.log("heard", heard);
"#;

#[test]
fn a_bundle_that_injects_channels_is_tried_and_whole() {
    for (app, bundler) in with_each_bundler() {
        install_channels(&app, PARSER);
        let output = app.presentry(&["--bundle-sdk", "--prune", "-v"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains("a trial of the bundle on Node.js"), "{said}");
        assert!(app.read(".output/server/sentry.mjs").starts_with("// presentry 0.2.0 tried-bundle "), "{bundler}");
        app.succeeds(&["check"]);
        let again = app.succeeds(&["--bundle-sdk", "--prune"]);
        assert!(again.contains("already first"), "{again}");
        // The output alone, with no package of the SDK: hooks on a thread of their own are found beside the bundle.
        let alone = app.path().canonicalize().unwrap().join("alone");
        std::fs::create_dir(&alone).unwrap();
        std::fs::remove_dir_all(app.join("node_modules")).unwrap();
        std::fs::rename(app.join(".output/server"), alone.join("server")).unwrap();
        assert!(!alone.join("server/node_modules/@sentry").exists());
        let library = alone.join("node_modules/lib");
        std::fs::create_dir_all(&library).unwrap();
        for (file, text) in [
            ("package.json", "{ \"version\": \"1.0.0\" }"),
            ("index.js", "exports.run = function run() {};"),
            ("index.mjs", "export function run() {}"),
        ] {
            std::fs::write(library.join(file), text).unwrap();
        }
        let mut node = Command::new("node");
        let output = node.args(["--input-type=module", "--eval", LIBRARY]).arg(&alone).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("heard 2\n"), "{bundler}: {output:?}");
    }
}

#[test]
fn a_bundle_that_fails_its_trial_is_not_used() {
    let parsers = [
        (
            "globalThis.standInParser = (text) => text;",
            "a CommonJS module of `lib` is not instrumented; the SDK prints nothing",
        ),
        (
            "globalThis.standInParser = (text) => (console.warn('[Sentry] parse is not a function'), text);",
            "is not instrumented; the SDK prints `[Sentry] parse is not a function`",
        ),
        (
            "globalThis.standInParser = (text) => (text.includes('export const') ? text : text.replace('run() {}', 'run() { process.getBuiltinModule(\"node:diagnostics_channel\").channel(\"tracing:orchestrion:lib:run:start\").publish({}); }'));",
            "an ES module of `lib` is not instrumented",
        ),
        ("", "`lib` did not load: globalThis.standInParser is not a function"),
    ];
    for (parser, reason) in parsers {
        let app = app_with_packages();
        install_channels(&app, parser);
        let original = app.snapshot();
        let said = app.fails(&["--bundle-sdk"], 1);
        assert!(
            said.contains("error[bundle-failed]: the SDK cannot be bundled: a trial of the bundle failed: on Node.js "),
            "{said}"
        );
        assert!(said.contains(reason), "{said}");
        assert_eq!(app.snapshot(), original);
        app.succeeds(&["--bundle-sdk=if-possible"]);
        assert!(!app.join(".output/server/sentry.mjs").exists());
    }
}

/// Version 10 has the same code, and does nothing until it is told to: nothing depends on a trial.
#[test]
fn an_sdk_that_is_not_told_to_inject_channels_is_bundled() {
    let app = app_with_packages();
    let of_10 = format!("{INJECTS}export function experimentalUseDiagnosticsChannelInjection() {{}}\n");
    app.append(".output/server/node_modules/@sentry/solidstart/index.mjs", &of_10);
    app.succeeds(&["--bundle-sdk"]);
    assert!(app.read(".output/server/sentry.mjs").starts_with("// presentry 0.2.0 bundle "));
}

/// As 10.78 does, of which the bundler leaves out what injects where nothing turns it on.
#[test]
fn an_sdk_whose_injection_is_left_out_is_bundled() {
    for (app, _) in with_each_bundler() {
        let unused = "const inject = (module) => module.register(\"@sentry/solidstart/hook\");\n";
        app.append(".output/server/node_modules/@sentry/solidstart/index.mjs", unused);
        app.succeeds(&["--bundle-sdk"]);
        assert!(!app.join(".output/server/sentry-hook.mjs").exists());
    }
}

#[test]
fn a_bundle_exports_the_names_that_are_asked_for() {
    const ROUTER: &str = "@sentry/solidstart/router.mjs";
    const SDK: &str = "@sentry/solidstart";
    for (app, bundler) in with_each_bundler() {
        app.append(".output/server/node_modules/@sentry/solidstart/index.mjs", "export function flush() {}\n");
        let all = answer(&app, &[(SDK, None)]);
        assert!(all["bundler"] == bundler, "{all}");
        assert_eq!(exports(&app, &all, None), "flush,init");
        assert_eq!(exports(&app, &answer(&app, &[(SDK, Some(&["init", "gone", "init"]))]), None), "init");
        assert_eq!(exports(&app, &answer(&app, &[(SDK, Some(&[]))]), None), "");
        let both = answer(&app, &[(SDK, None), (ROUTER, Some(&["gone"]))]);
        assert_eq!(exports(&app, &both, Some(0)), "flush,init");
        assert_eq!(exports(&app, &both, Some(1)), "");
        let both = answer(&app, &[(SDK, Some(&["flush"])), (ROUTER, None)]);
        assert_eq!(exports(&app, &both, None), "s0_flush,s1_withSentryRouterRouting");
        assert_eq!(exports(&app, &both, Some(0)), "flush");
        assert_eq!(exports(&app, &both, Some(1)), "withSentryRouterRouting");
    }
}

/// What a module does when it is loaded, it does also where nobody asks for a name of it.
#[test]
fn a_specifier_without_names_is_evaluated() {
    for (app, _) in with_each_bundler() {
        app.append(".output/server/node_modules/@sentry/solidstart/router.mjs", "console.log('evaluated');\n");
        let asked = [("@sentry/solidstart", Some(&["init"][..])), ("@sentry/solidstart/router.mjs", Some(&[]))];
        assert_eq!(exports(&app, &answer(&app, &asked), Some(1)), "evaluated");
    }
}

/// A directory of a package may have packages of its own.
#[test]
fn a_package_is_looked_for_from_the_file_that_asks_for_it() {
    let app = app_with_packages();
    let sdk = ".output/server/node_modules/@sentry/solidstart";
    app.write(&format!("{sdk}/index.mjs"), format!("{SDK}export * from \"./deep/inner.mjs\";\n"));
    app.write(
        &format!("{sdk}/deep/inner.mjs"),
        "import { Hook } from \"import-in-the-middle\";\nexport const inner = typeof Hook;\n",
    );
    let own = format!("{sdk}/deep/node_modules/import-in-the-middle");
    app.write(&format!("{own}/index.mjs"), "export class Hook {}\n");
    app.write(
        &format!("{own}/package.json"),
        r#"{ "name": "import-in-the-middle", "version": "2.0.0", "main": "index.mjs" }"#,
    );
    let answer = answer(&app, &[("@sentry/solidstart", None)]);
    let file = answer["external"]["import-in-the-middle"]["file"].as_str();
    assert!(file.is_some_and(|file| file.ends_with("/deep/node_modules/import-in-the-middle/index.mjs")), "{answer}");
}

#[test]
fn a_module_keeps_its_place_and_what_builds_use_is_a_stub() {
    let module = "export const place = import.meta.url.split(\"/\").slice(-4).join(\"/\") + typeof require;\n";
    let build_time = "import \"gone\";\nexport function withSentry() { return \"a config\"; }\n";
    for (app, bundler) in with_each_bundler() {
        let sdk = ".output/server/node_modules/@sentry/solidstart";
        app.write(
            &format!("{sdk}/index.mjs"),
            "export * from \"./inner/place.mjs\";\nexport * from \"./build/config/index.mjs\";\n",
        );
        app.write(&format!("{sdk}/inner/place.mjs"), module);
        app.write(&format!("{sdk}/build/config/index.mjs"), build_time);
        let answer = answer(&app, &[("@sentry/solidstart", None)]);
        assert_eq!(exports(&app, &answer, None), "place,withSentry", "{bundler}");
        let script = format!(
            "const sdk = await import({:?}); console.log(sdk.place); try {{ sdk.withSentry(); }} catch (error) {{ console.log(sdk.withSentry.name, error.message); }}",
            app.join(".output/server/sentry.mjs")
        );
        let output = Command::new("node").args(["--input-type=module", "--eval", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "@sentry/solidstart/inner/place.mjsundefined\nwithSentry `withSentry` is for builds alone, and presentry has left it out of this server\n",
            "{bundler}"
        );
    }
}

#[test]
fn names_are_known_by_a_look_where_that_tells_them() {
    for (app, bundler) in with_each_bundler() {
        let sdk = |file: &str, text: &str| {
            app.write(&format!(".output/server/node_modules/@sentry/solidstart/{file}"), text);
        };
        let bundled_for_names = || {
            let directory = bundler.split(' ').next().unwrap();
            let trace = app.join(&format!("node_modules/{directory}/bundled-for-names"));
            std::fs::remove_file(trace).is_ok()
        };
        let asked = [("@sentry/solidstart", None), ("@sentry/solidstart/router.mjs", None)];
        sdk("index.mjs", "export * from \"./one.mjs\";\nexport * from \"./two.mjs\";\nexport const own = 1;\n");
        sdk("one.mjs", "export const one = 1;\nexport const own = 2;\n");
        sdk("two.mjs", "export const two = 1;\n");
        assert_eq!(exports(&app, &answer(&app, &asked), Some(0)), "one,own,two");
        assert!(!bundled_for_names(), "{bundler}: a look tells them");
        // Of two by one name neither counts, and a look does not see whether they are two.
        sdk("two.mjs", "export const two = 1;\nexport const one = 2;\n");
        assert_eq!(exports(&app, &answer(&app, &asked), Some(0)), "own,two");
        assert!(bundled_for_names(), "{bundler}: a look does not tell them");
        // A specifier of which no name is asked for has none to be known.
        let asked = [("@sentry/solidstart", Some(&[][..])), ("@sentry/solidstart/router.mjs", None)];
        assert_eq!(exports(&app, &answer(&app, &asked), Some(0)), "");
        assert!(!bundled_for_names(), "{bundler}: nothing has to be told");
    }
}

#[test]
fn what_cannot_be_bundled_is_said_in_one_line() {
    for (app, bundler) in with_each_bundler() {
        let refused = |specifier: &str, names: Option<&[&str]>| {
            let answer = answer(&app, &[(specifier, names)]);
            assert_eq!(answer["error"]["code"], "bundle-failed", "{bundler}: {answer}");
            answer["error"]["message"].as_str().unwrap().to_owned()
        };
        for root in [".", ".output/server"] {
            app.write(&format!("{root}/node_modules/@sentry/solidstart/old.cjs"), "exports.init = 1;\n");
        }
        for names in [None, Some(&["init"][..])] {
            let message = refused("@sentry/solidstart/old.cjs", names);
            assert_eq!(message, "`@sentry/solidstart/old.cjs` is no ES module, so its export names are not known");
        }
        assert_eq!(refused("@sentry/solidstart/gone.mjs", None), "Could not resolve \"@sentry/solidstart/gone.mjs\"");
    }
    // Rolldown takes what it does not find for external.
    let app = with_rolldown();
    for root in [".", ".output/server"] {
        app.append(&format!("{root}/node_modules/@sentry/solidstart/index.mjs"), "import { x } from \"gone\";\n");
    }
    let answer = answer(&app, &[("@sentry/solidstart", None)]);
    assert_eq!(answer["error"]["message"], "Could not resolve 'gone'", "{answer}");
}

#[test]
fn a_run_without_the_option_takes_the_bundle_away() {
    let app = app_with_packages();
    app.succeeds(&[]);
    let plain = app.snapshot();
    app.succeeds(&["--bundle-sdk"]);
    app.succeeds(&[]);
    let again = app.snapshot();
    let files = |snapshot: &crate::builds::Snapshot| -> Vec<String> { snapshot.keys().cloned().collect() };
    assert_eq!(files(&again), files(&plain));
    assert_eq!(again[".output/server/instrument.server.mjs"], plain[".output/server/instrument.server.mjs"]);
}

#[test]
fn each_specifier_has_a_module() {
    for (app, bundler) in with_each_bundler() {
        app.append(
            ".output/server/chunks/nitro/nitro.mjs",
            "export { withSentryRouterRouting } from '@sentry/solidstart/router.mjs';\n",
        );
        bundles_with(&app, bundler);
        let text = |file: &str| app.read(&format!(".output/server/{file}"));
        assert!(text("instrument.server.mjs").contains("/sentry-1.mjs';"), "{}", text("instrument.server.mjs"));
        assert!(text("chunks/nitro/nitro.mjs").contains("entry-2.mjs';"), "{}", text("chunks/nitro/nitro.mjs"));
        assert!(text("sentry-1.mjs").contains("s0_init as init"), "{}", text("sentry-1.mjs"));
        let stands_for = " @sentry/solidstart/router.mjs {withSentryRouterRouting}";
        assert!(text("sentry-2.mjs").lines().next().unwrap().ends_with(stands_for));
    }
}

/// A bundle has the exports that were asked for when it was made, so it does for as many or fewer, and no more.
#[test]
fn a_bundle_is_made_again_for_more_exports() {
    let app = app_with_packages();
    let headed = |end: &str| app.read(".output/server/sentry.mjs").lines().next().unwrap().ends_with(end);
    app.succeeds(&["--bundle-sdk"]);
    assert!(headed(" @sentry/solidstart {init}"), "{}", app.read(".output/server/sentry.mjs"));
    let modified = || std::fs::metadata(app.join(".output/server/sentry.mjs")).unwrap().modified().unwrap();
    let first = modified();
    app.write(".output/server/chunks/same.mjs", "import * as s from '@sentry/solidstart';\ns.init({});\n");
    app.succeeds(&["--bundle-sdk"]);
    assert_eq!(modified(), first, "the bundle is not written anew");
    app.write(".output/server/chunks/more.mjs", "export * as s from '@sentry/solidstart';\n");
    app.succeeds(&["--bundle-sdk"]);
    assert!(headed(" @sentry/solidstart"), "{}", app.read(".output/server/sentry.mjs"));
    app.succeeds(&["check"]);
}

#[test]
fn a_debug_id_in_the_bundle_is_no_change() {
    let app = app_with_packages();
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk"]);
    app.inject_debug_id(".output/server/sentry.mjs");
    app.write(
        ".output/server/sentry.mjs.map",
        r#"{"debug_id":"x","debugId":"x","version":3,"sources":[],"mappings":""}"#,
    );
    app.succeeds(&["check"]);
    let injected = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), injected);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_dry_run_shows_what_would_change() {
    let app = app_with_packages();
    let before = app.snapshot();
    let diff = app.succeeds(&["--bundle-sdk", "--prune", "--dry-run"]);
    assert!(diff.contains("+++ b/sentry.mjs") && diff.contains("pruned    2 packages"), "{diff}");
    assert_eq!(app.snapshot(), before);
}

#[test]
fn packages_for_the_sdk_alone_go_and_come_back() {
    let app = app_with_packages();
    let original = app.snapshot();
    let said = app.succeeds(&["--bundle-sdk", "--prune"]);
    assert!(said.contains("pruned    2 packages; ") && said.contains("`node_modules`: "), "{said}");
    let there = |name: &str| app.join(&format!(".output/server/node_modules/{name}")).exists();
    assert!(!there("@sentry") && !there("helper"), "the SDK and what only it needs");
    assert!(there("graphql") && there("vinxi") && there("import-in-the-middle"));
    assert!(run(&app, ".output/server/instrument.server.mjs").starts_with("started "));
    let pruned = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), pruned);
    let report = crate::formats::json(&app, &["--bundle-sdk", "--prune"], 0);
    assert_eq!(report["pruned"]["packages"].as_array().map(Vec::len), Some(2), "{report}");
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

/// As `@sentry/profiling-node` asks for `@sentry/node-cpu-profiler`.
#[test]
fn a_package_of_the_sdk_with_a_native_add_on_stays() {
    for (app, bundler) in with_each_bundler() {
        for root in [".", ".output/server"] {
            let package = |name: &str, main: &str| {
                app.write(&format!("{root}/node_modules/{name}/index.mjs"), main);
                let manifest = format!(r#"{{ "name": "{name}", "version": "1.0.0", "main": "index.mjs" }}"#);
                app.write(&format!("{root}/node_modules/{name}/package.json"), manifest);
            };
            package("@sentry/profiler", "import { found } from \"finds-add-ons\";\nexport const profiler = found;\n");
            package("finds-add-ons", "export const found = 1;\n");
            app.write(&format!("{root}/node_modules/@sentry/profiler/lib/linux.node"), "");
            let sdk = format!("{root}/node_modules/@sentry/solidstart/index.mjs");
            app.write(&sdk, format!("import {{ profiler }} from \"@sentry/profiler\";\n{}", app.read(&sdk)));
        }
        let original = app.snapshot();
        bundles_with(&app, bundler);
        let answered = answer(&app, &[("@sentry/solidstart", None)]);
        assert_eq!(answered["external"]["@sentry/profiler"]["reason"], "native", "{answered}");
        app.succeeds(&["--bundle-sdk", "--prune"]);
        let there = |name: &str| app.join(&format!(".output/server/node_modules/{name}")).exists();
        assert!(!there("@sentry/solidstart") && !there("helper"));
        assert!(there("@sentry/profiler/lib/linux.node") && there("finds-add-ons"));
        std::fs::rename(app.join("node_modules"), app.join("away")).unwrap();
        assert!(run(&app, ".output/server/instrument.server.mjs").starts_with("started "));
        std::fs::rename(app.join("away"), app.join("node_modules")).unwrap();
        assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
        // One that holds the client as well can neither stay nor be bundled.
        let manifest = r#"{ "name": "@sentry/profiler", "version": "1.0.0", "main": "index.mjs", "dependencies": { "@sentry/core": "1" } }"#;
        for root in [".", ".output/server"] {
            app.write(&format!("{root}/node_modules/@sentry/profiler/package.json"), manifest);
        }
        app.append(".output/server/instrument.server.mjs", "import '@sentry/profiler';\n");
        let why = "`@sentry/profiler` 1.0.0 has a native add-on, which it finds by its own place\n";
        let said = app.fails(&["--bundle-sdk"], 1);
        assert!(said.contains(&format!("error[bundle-failed]: the SDK cannot be bundled: {why}")), "{said}");
        let output = presentry(app.path(), &[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains(&format!("is not bundled: {why}hint: say `--no-bundle-sdk`")),
            "{said}"
        );
    }
}

/// What the `package.json` of the server names.
fn dependencies(app: &App) -> Vec<String> {
    let manifest: serde_json::Value = serde_json::from_str(&app.read(".output/server/package.json")).unwrap();
    manifest["dependencies"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_manifest_of_the_server_names_what_is_left() {
    let app = app_with_packages();
    let all = r#"{"dependencies":{"helper":"1.0.0","graphql":"1.0.0","@sentry/solidstart":"1.0.0"}}"#;
    app.write(".output/server/package.json", all);
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk"]);
    assert_eq!(app.read(".output/server/package.json"), all);
    let said = app.succeeds(&["--bundle-sdk", "--prune"]);
    assert!(said.contains("dependencies  .output/server/package.json\n"), "{said}");
    assert_eq!(dependencies(&app), ["graphql"]);
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    app.succeeds(&["--bundle-sdk"]);
    assert_eq!(app.read(".output/server/package.json"), all);
    app.succeeds(&["--bundle-sdk", "--prune"]);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn the_manifest_of_the_server_forgets_what_was_traced_in() {
    let app = bare();
    app.write(".output/server/package.json", r#"{"dependencies":{"graphql":"1.0.0"}}"#);
    let original = app.snapshot();
    app.succeeds(&[]);
    assert_eq!(dependencies(&app), ["@sentry/solidstart", "graphql", "import-in-the-middle"]);
    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    app.succeeds(&["--bundle-sdk", "--prune"]);
    assert_eq!(dependencies(&app), ["graphql", "import-in-the-middle"]);
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    app.succeeds(&[]);
    assert_eq!(dependencies(&app), ["@sentry/solidstart", "graphql", "import-in-the-middle"]);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_run_without_prune_brings_the_packages_back() {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk"]);
    let bundled = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    assert!(app.succeeds(&["--bundle-sdk"]).starts_with("restored  2 packages\n"));
    assert_eq!(without_store(&app.snapshot()), without_store(&bundled));
}

#[test]
fn what_stays_a_package_is_traced_in() {
    let app = bare();
    let original = app.snapshot();
    let said = app.succeeds(&["--bundle-sdk"]);
    assert!(said.contains("package    .output/server/node_modules/import-in-the-middle 1.0.0 (2 files, "), "{said}");
    assert!(!app.join(".output/server/node_modules/@sentry").exists());
    assert!(run(&app, ".output/server/instrument.server.mjs").starts_with("started function"));
    app.succeeds(&["check"]);
    let bundled = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), bundled);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
    let reported = app.presentry(&["--bundle-sdk", "--no-collect"]).output().unwrap();
    let said = String::from_utf8(reported.stderr).unwrap();
    assert!(said.contains("warning[resolves-outside]: "), "{said}");
}

#[test]
fn what_the_bundle_requires_in_a_function_is_traced_in() {
    let app = bare();
    // As a bundler writes the `require` of CommonJS.
    let sdk =
        r#"const load = (__require) => __require("import-in-the-middle"); export function init() { load(() => {}); }"#;
    app.write("node_modules/@sentry/solidstart/index.mjs", sdk);
    let said = app.succeeds(&["--bundle-sdk"]);
    assert!(said.contains("package    .output/server/node_modules/import-in-the-middle 1.0.0 "), "{said}");
    app.succeeds(&["restore"]);
    let reported = app.presentry(&["--bundle-sdk", "--no-collect"]).output().unwrap();
    let said = String::from_utf8(reported.stderr).unwrap();
    assert!(said.contains("warning[resolves-outside]: "), "{said}");
}

#[test]
fn packages_that_were_traced_in_for_the_sdk_go_when_it_is_bundled() {
    let app = bare();
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let (bundled, instrumentation) = (app.snapshot(), app.read(".output/server/instrument.server.mjs"));
    app.succeeds(&["restore"]);
    app.succeeds(&[]);
    assert!(app.join(".output/server/node_modules/@sentry/solidstart/index.mjs").exists());
    let said = app.succeeds(&["--bundle-sdk", "--prune"]);
    assert!(said.contains("removed    .output/server/node_modules/@sentry/solidstart (2 files)\n"), "{said}");
    assert!(!app.join(".output/server/node_modules/@sentry").exists());
    assert_eq!(app.read(".output/server/instrument.server.mjs"), instrumentation);
    let files = |snapshot: &crate::builds::Snapshot| -> Vec<String> {
        snapshot.keys().filter(|file| !file.contains(".presentry/")).cloned().collect()
    };
    assert_eq!(files(&app.snapshot()), files(&bundled));
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_source_is_compiled_and_then_bundled() {
    let app = app_with_packages();
    std::fs::remove_file(app.join(".output/server/instrument.server.mjs")).unwrap();
    app.write(
        "src/instrument.server.ts",
        "import { init } from '@sentry/solidstart';\ninit({ dsn: 'x' as string });\n",
    );
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    assert!(run(&app, ".output/server/instrument.server.mjs").starts_with("started "));
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn an_earlier_run_is_remembered() {
    for arguments in [&["--bundle-sdk"][..], &["--bundle-sdk", "--prune"], &["--compile-cache=/tmp/cache"]] {
        let app = app_with_packages();
        let would = |app: &App| crate::formats::json(app, &["inspect"], 0)["inspection"]["rewrite"].clone();
        assert_eq!(would(&app), "rewritten");
        app.succeeds(arguments);
        assert_eq!(would(&app), "already-first", "{arguments:?}");
        // A bundle that would be made anew is a change.
        if arguments[0] == "--bundle-sdk" {
            std::fs::remove_file(app.join(".output/server/sentry.mjs")).unwrap();
            assert_ne!(would(&app), "already-first");
        }
    }
}

#[test]
fn an_archive_has_what_the_build_has() {
    let app = app_with_packages();
    let packages =
        ["helper", "graphql", "@sentry/solidstart"].map(|name| format!("server/node_modules/{name}/index.mjs"));
    archive::pack(&app, &packages);
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let after: Vec<String> = archive::members(&app).into_keys().collect();
    assert!(after.contains(&"server/sentry.mjs".to_owned()), "{after:?}");
    assert!(after.contains(&"server/node_modules/graphql/index.mjs".to_owned()), "{after:?}");
    assert!(!after.iter().any(|name| name.contains("/helper/") || name.contains("@sentry")), "{after:?}");
    assert_eq!(app.succeeds(&["--bundle-sdk", "--prune"]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn what_cannot_come_back_as_it_was_is_not_replaced() {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let helper = app.read("node_modules/helper/index.mjs");
    app.append("node_modules/helper/index.mjs", "// another version\n");
    let pruned = app.snapshot();
    for arguments in [&["restore"][..], &[], &["--bundle-sdk"]] {
        let said = app.fails(arguments, 1);
        assert!(said.starts_with("error[restore-data-missing]: `node_modules/helper/index.mjs` "), "{said}");
        assert_eq!(app.snapshot(), pruned);
    }
    app.write("node_modules/helper/index.mjs", helper);
    app.succeeds(&["restore"]);
}

#[test]
fn a_list_that_names_other_files_is_refused() {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let list = ".output/server/.presentry/manifest.json";
    app.write(list, app.read(list).replace("\"node_modules/helper/index.mjs\"", "\"node_modules/../../x\""));
    let before = app.snapshot();
    assert!(app.fails(&["restore"], 1).starts_with("error[store-unreadable]: "));
    assert_eq!(app.snapshot(), before);
}

/// A new build that was laid over the output: `.presentry/` survives, and the package is another one.
#[test]
fn newer_files_in_the_place_of_pruned_ones_are_not_replaced() {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    app.write(".output/server/node_modules/helper/index.mjs", "export const help = 2;\n");
    let before = app.snapshot();
    for arguments in [&["restore"][..], &[], &["--bundle-sdk"], &["--bundle-sdk", "--prune"]] {
        let said = app.fails(arguments, 1);
        assert!(said.starts_with("error[changed-since-rewrite]: "), "{said}");
        assert_eq!(app.snapshot(), before);
    }
}

/// Everything but what presentry keeps for itself, which tells how a build came to be.
fn without_store(snapshot: &crate::builds::Snapshot) -> crate::builds::Snapshot {
    snapshot
        .iter()
        .filter(|(path, _)| !path.contains("/.presentry/"))
        .map(|(path, found)| (path.clone(), found.clone()))
        .collect()
}

#[test]
fn without_what_was_saved_a_bundled_build_is_not_restored() {
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk"]);
    std::fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
    let before = app.snapshot();
    assert!(app.fails(&["restore"], 1).contains("`.output/server/sentry"));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn nothing_is_changed_where_the_sdk_cannot_be_bundled() {
    for app in [without_esbuild(), without_sdk(), with_second_copy()] {
        let before = app.snapshot();
        app.fails(&["--bundle-sdk", "--prune"], 1);
        assert_eq!(app.snapshot(), before);
        app.succeeds(&["--packages-elsewhere"]);
    }
}

/// Whatever stands in the way of a bundle, a build that can be rewritten without one is.
#[test]
fn where_it_is_only_wished_for_the_build_is_rewritten_all_the_same() {
    for (app, reason) in [
        (without_esbuild(), "there is neither esbuild nor rolldown among the packages of the app"),
        (without_sdk(), "neither in the build nor among the packages of the app"),
        (with_second_copy(), "the package `graphql` loads `@sentry/solidstart` itself"),
    ] {
        let original = app.snapshot();
        app.succeeds(&["--no-bundle-sdk", "--packages-elsewhere"]);
        let plain = app.snapshot();
        app.succeeds(&["restore"]);
        for arguments in
            [&["--bundle-sdk=if-possible"][..], &["--bundle-sdk=if-possible", "--prune"], &["--prune"], &[]]
        {
            let output = presentry(app.path(), arguments).arg("--packages-elsewhere").output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{said}");
            assert!(said.contains("warning[bundle-skipped]: the SDK is not bundled: "), "{said}");
            assert!(said.contains(reason) && said.contains("hint: "), "{said}");
            assert_eq!(app.snapshot(), plain);
            app.succeeds(&["check", "--packages-elsewhere"]);
        }
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
    }
    let app = app_with_packages();
    app.succeeds(&["--bundle-sdk=if-possible"]);
    assert!(app.join(".output/server/sentry.mjs").exists());
    let bundled = app.snapshot();
    assert_eq!(app.succeeds(&["--bundle-sdk"]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), bundled);
    app.succeeds(&["--no-bundle-sdk"]);
    assert!(!app.join(".output/server/sentry.mjs").exists());
}

/// What a user gets who says nothing.
#[test]
fn the_sdk_is_bundled_by_default() {
    let app = app_with_packages();
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk"]);
    let bundled = app.snapshot();
    app.succeeds(&["restore"]);
    presentry(app.path(), &[]).assert().success();
    assert_eq!(app.snapshot(), bundled);
    let again = presentry(app.path(), &["rewrite"]).assert().success().get_output().clone();
    assert_eq!(String::from_utf8_lossy(&again.stdout), ALREADY_FIRST);
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let pruned = app.snapshot();
    app.succeeds(&["restore"]);
    presentry(app.path(), &["--prune"]).assert().success();
    assert_eq!(without_store(&app.snapshot()), without_store(&pruned));
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
    // What writes no facade has no use for a bundle, and nobody is told so.
    for arguments in [["--mode", "top-level-import"].as_slice(), &["--keep-sdk-wrapper"]] {
        let output = presentry(app.path(), arguments).output().unwrap();
        assert!(output.status.success());
        assert!(!String::from_utf8_lossy(&output.stderr).contains("bundle"), "{output:?}");
        assert!(!app.join(".output/server/sentry.mjs").exists());
        app.succeeds(&["restore"]);
    }
}

/// A pruned build that cannot be bundled anew needs its packages again.
#[test]
fn what_was_pruned_comes_back_where_the_bundle_cannot_be_made_again() {
    let app = app_with_packages();
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    std::fs::remove_dir_all(app.join("node_modules/esbuild")).unwrap();
    // Another specifier, for which the bundle that is there does not do.
    app.write(".output/server/chunks/more.mjs", "export * from '@sentry/solidstart/router.mjs';\n");
    let output = app.presentry(&["--bundle-sdk=if-possible", "--prune"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("warning[bundle-skipped]"), "{said}");
    assert!(app.join(".output/server/node_modules/@sentry/solidstart/index.mjs").exists());
    assert!(!app.join(".output/server/sentry.mjs").exists());
    assert!(run(&app, ".output/server/instrument.server.mjs").starts_with("started "));
    app.succeeds(&["restore"]);
    std::fs::remove_file(app.join(".output/server/chunks/more.mjs")).unwrap();
    let without_esbuild = |mut snapshot: crate::builds::Snapshot| {
        snapshot.retain(|file, _| !file.starts_with("node_modules/esbuild"));
        snapshot
    };
    assert_eq!(app.snapshot(), without_esbuild(original));
}

#[test]
fn compiled_code_is_kept_where_it_is_asked_for() {
    for (argument, line) in [
        ("--compile-cache", r#"_module.enableCompileCache?.(import.meta.dirname + "/.compile-cache");"#),
        ("--compile-cache=/tmp/cache", r#"_module.enableCompileCache?.("/tmp/cache");"#),
    ] {
        let app = App::facade();
        let original = app.snapshot();
        app.succeeds(&[argument]);
        let facade = app.read(".output/server/index.mjs");
        assert!(facade.contains(line), "{facade}");
        app.succeeds(&["check"]);
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
    }
}

/// Ends the command as `kill -9` does before each of its steps, one after the other, and says what a run after that finds.
fn interrupt(app: &App, arguments: &[&str], mut then: impl FnMut(&App)) {
    let before = app.snapshot();
    for number in 1.. {
        app.reset(&before);
        let ended = app.presentry(arguments).env("PRESENTRY_ABORT_AT", number.to_string()).output().unwrap();
        if ended.status.success() {
            assert!(number > 10, "nothing was interrupted");
            return;
        }
        then(app);
    }
}

#[test]
fn an_interrupted_pruning_is_ended_or_undone() {
    let app = app_with_packages();
    let original = app.snapshot();
    app.succeeds(&["--bundle-sdk"]);
    let bundled = app.snapshot();
    app.succeeds(&["--bundle-sdk", "--prune"]);
    let pruned = app.snapshot();
    app.reset(&bundled);
    interrupt(&app, &["--bundle-sdk", "--prune"], |app| {
        let interrupted = app.snapshot();
        app.succeeds(&["--bundle-sdk", "--prune"]);
        assert_eq!(app.snapshot(), pruned);
        app.reset(&interrupted);
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
    });
    app.reset(&pruned);
    interrupt(&app, &["restore"], |app| {
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
    });
}
