//! Packages that a build lacks: what is reported, what is traced in from the app, and that nothing of it stays after
//! `restore`. The tracer is a stub of `@vercel/nft` with the same interface, run by the Node.js that is on the `PATH`.

use expect_test::expect;

use crate::builds::{ALREADY_FIRST, App, ENTRY, INSTRUMENTATION};

const SERVER: &str = ".output/server";

/// What `@vercel/nft` does, for modules that say what they need on lines `// needs: <path relative to the root>`.
pub(crate) const TRACER: &str = r#"
const fs = require("node:fs"), path = require("node:path");
exports.nodeFileTrace = async (entries, { base, processCwd, conditions, exportsOnly }) => {
  if (conditions.join() !== "node" || !exportsOnly || process.env.NODE_OPTIONS) throw new Error("other options");
  console.log("this goes to stderr");
  const reasons = new Map();
  const visit = (file, parent) => {
    const name = path.relative(base, file);
    const known = reasons.get(name) ?? { ignored: false, type: ["dependency"], parents: new Set() };
    if (parent) known.parents.add(path.relative(base, parent));
    if (reasons.has(name)) return;
    reasons.set(name, known);
    const needs = /\.[cm]?js$/.test(file) ? fs.readFileSync(file, "utf8").matchAll(/^\/\/ needs: (.*)$/gm) : [];
    for (const [, needed] of needs) visit(path.join(processCwd, needed), file);
  };
  for (const entry of entries) visit(entry);
  return { fileList: new Set(reasons.keys()), reasons };
};
"#;

/// A package of the app.
fn package(app: &App, directory: &str, manifest: &str, files: &[(&str, &str)]) {
    app.write(&format!("{directory}/package.json"), manifest);
    for (name, text) in files {
        app.write(&format!("{directory}/{name}"), text);
    }
}

/// A build without the SDK, in an app that has it, the tracer, and a package that the build has in another version.
pub(crate) fn incomplete() -> App {
    let app = App::without_sdk();
    app.write(
        ".output/server/package.json",
        "{\n  \"name\": \"app-prod\",\n  \"type\": \"module\",\n  \"dependencies\": {\n    \"debug\": \"1.0.0\"\n  }\n}",
    );
    package(
        &app,
        ".output/server/node_modules/debug",
        r#"{ "version": "1.0.0" }"#,
        &[("index.js", "exports.v = 1;\n")],
    );
    package(&app, "node_modules/vinxi", r#"{ "version": "0.5.11" }"#, &[]);
    package(&app, "node_modules/vinxi/node_modules/nitropack", r#"{ "version": "2.13.6" }"#, &[]);
    package(
        &app,
        "node_modules/vinxi/node_modules/nitropack/node_modules/@vercel/nft",
        r#"{ "main": "./index.js" }"#,
        &[("index.js", TRACER)],
    );
    package(
        &app,
        "node_modules/@sentry/solidstart",
        r#"{ "version": "10.70.0", "exports": { "browser": "./browser.js", "import": "./esm/index.mjs", "require": "./index.cjs" } }"#,
        &[
            (
                "esm/index.mjs",
                "// needs: node_modules/@sentry/solidstart/esm/loader.mjs\n\
                 // needs: node_modules/@sentry/solidstart/cli\n\
                 // needs: node_modules/@sentry/solidstart/esm/index.mjs.map\n\
                 // needs: node_modules/debug/index.js\n\
                 // needs: node_modules/native/index.js\n\
                 import './loader.mjs';\nimport debug from 'debug';\nimport native from 'native';\n\
                 export const init = () => console.log('init', debug.v, native);\n",
            ),
            (
                "esm/loader.mjs",
                "import * as m from 'node:module';\nfunction start() {\n  try { m.register('hooks/hook.mjs', import.meta.url); } catch {}\n}\nstart();\n",
            ),
            ("esm/index.mjs.map", "{}"),
            ("cli", "#!/bin/sh\n"),
            ("browser.js", ""),
        ],
    );
    crate::builds::set_mode(&app.join("node_modules/@sentry/solidstart/cli"), 0o755);
    package(&app, "node_modules/debug", r#"{ "version": "2.0.0" }"#, &[("index.js", "exports.v = 2;\n")]);
    package(
        &app,
        "node_modules/native",
        r#"{ "version": "3.0.0" }"#,
        &[
            (
                "index.js",
                "// needs: node_modules/native/build/addon.node\nlet addon; try { addon = require('./absent.node'); } catch {}\nmodule.exports = 'native';\n",
            ),
            ("build/addon.node", "\u{7f}ELF\0"),
        ],
    );
    package(
        &app,
        "node_modules/hooks",
        r#"{ "version": "4.0.0", "exports": { "./hook.mjs": "./hook.mjs" } }"#,
        &[
            ("hook.mjs", "// needs: node_modules/hooks/lib.mjs\nexport { load } from './lib.mjs';\n"),
            ("lib.mjs", "export const load = (url, context, next) => next(url, context);\n"),
        ],
    );
    app
}

/// A build that lacks one small package, in an app that has it.
pub(crate) fn lacking_one() -> App {
    let app = App::without_sdk();
    app.write(".output/server/package.json", "{\n  \"dependencies\": {}\n}");
    package(&app, "node_modules/@vercel/nft", r#"{ "main": "./index.js" }"#, &[("index.js", TRACER)]);
    package(
        &app,
        "node_modules/@sentry/solidstart",
        r#"{ "version": "10.70.0", "main": "./lib/index.js" }"#,
        &[("lib/index.js", "exports.init = () => {};\n")],
    );
    app
}

/// Runs a script of the build with Node.js, somewhere else; what it prints and says.
#[track_caller]
fn node_elsewhere(app: &App, script: &str) -> (String, String) {
    let away = tempfile::tempdir().expect("a temporary directory");
    let copied = std::process::Command::new("cp").arg("-a").arg(app.join(".output")).arg(away.path()).status();
    assert!(copied.expect("`cp` starts").success());
    let output = std::process::Command::new("node")
        .args(["--input-type=module", "--eval", script])
        .current_dir(away.path().join(SERVER))
        .env_remove("NODE_OPTIONS")
        .output()
        .expect("`node` starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

const START: &str = "await import('./instrument.server.mjs');";

#[test]
fn what_is_missing_is_traced_in() {
    let app = incomplete();
    let before = app.snapshot();
    expect![[r#"
        facade        .output/server/index.mjs
        moved         .output/server/index.mjs → entry.mjs
        dependencies  .output/server/package.json
        package       .output/server/node_modules/@sentry/solidstart 10.70.0 (4 files, 1 kB)
        package       .output/server/node_modules/@sentry/solidstart/node_modules/debug 2.0.0 (2 files, 1 kB)
        package       .output/server/node_modules/hooks 4.0.0 (3 files, 1 kB)
        package       .output/server/node_modules/native 3.0.0 (3 files, 1 kB)

        ✔ rewritten: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&app.succeeds(&[]));
    assert_eq!(node_elsewhere(&app, START), ("init 2 native\n".to_owned(), String::new()));
    expect![[r#"
        {
          "name": "app-prod",
          "type": "module",
          "dependencies": {
            "@sentry/solidstart": "10.70.0",
            "debug": "1.0.0",
            "hooks": "4.0.0",
            "native": "3.0.0"
          }
        }"#]]
    .assert_eq(&app.read(".output/server/package.json"));
    let after = app.snapshot();
    let sdk = ".output/server/node_modules/@sentry/solidstart";
    assert!(!after.contains_key(&format!("{sdk}/esm/index.mjs.map")));
    let cli = |path: &str| after[path].clone();
    assert_eq!(cli(&format!("{sdk}/cli")), cli("node_modules/@sentry/solidstart/cli"), "the mode is kept");

    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), after);
    expect![[r#"
        removed   .output/server/entry.mjs
        restored  .output/server/index.mjs
        restored  .output/server/package.json
        removed   .output/server/node_modules/@sentry/solidstart (4 files)
        removed   .output/server/node_modules/@sentry/solidstart/node_modules/debug (2 files)
        removed   .output/server/node_modules/hooks (3 files)
        removed   .output/server/node_modules/native (3 files)

        ✔ restored: the original build is back, byte for byte
    "#]]
    .assert_eq(&app.succeeds(&["restore"]));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn without_tracing_it_is_a_warning_and_the_build_cannot_start() {
    let app = incomplete();
    expect![[r#"
        warning[resolves-outside]: `@sentry/solidstart`, which `.output/server/instrument.server.mjs` needs, is not in the build but in `node_modules/@sentry/solidstart`
         --> .output/server/instrument.server.mjs:1:25
          |
        1 | import * as Sentry from '@sentry/solidstart';
          |                         ^^^^^^^^^^^^^^^^^^^^
        hint: run `presentry` in the directory of the app without `--no-collect`, deploy what lies outside along with the build, or say `--packages-elsewhere`
    "#]]
    .assert_eq(&String::from_utf8(app.presentry(&["--no-collect"]).assert().success().get_output().stderr.clone()).unwrap());
    let (_, stderr) = node_elsewhere(&app, START);
    assert!(stderr.contains("ERR_MODULE_NOT_FOUND"), "{stderr}");
    let app = incomplete();
    let before = app.snapshot();
    assert!(app.fails(&["--no-collect", "--strict"], 1).starts_with("error[resolves-outside]: "));
    assert_eq!(app.snapshot(), before);
}

/// Inside of the app the build starts, and elsewhere it does not.
#[test]
fn a_package_that_only_the_app_has_is_missing() {
    let app = incomplete();
    let beside = std::process::Command::new("node")
        .args(["--input-type=module", "--eval", START])
        .current_dir(app.join(SERVER))
        .output()
        .expect("`node` starts");
    assert_eq!(String::from_utf8(beside.stdout).unwrap(), "init 2 native\n");
    let stderr = app.presentry(&["--no-collect"]).assert().success().get_output().stderr.clone();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stderr.starts_with("warning[resolves-outside]: "), "{stderr}");
    let checked = app.presentry(&["check"]).assert().success().get_output().stderr.clone();
    assert_eq!(String::from_utf8(checked).unwrap(), stderr);
}

/// The output directory alone, as a container image has it, without its packages.
#[test]
fn a_build_that_could_not_start_is_not_rewritten() {
    let app = App::without_sdk();
    let before = app.snapshot();
    expect![[r#"
        error[package-missing]: the package `@sentry/solidstart`, which `.output/server/instrument.server.mjs` needs, is not in the build, and 1 more of its files
         --> .output/server/instrument.server.mjs:1:25
          |
        1 | import * as Sentry from '@sentry/solidstart';
          |                         ^^^^^^^^^^^^^^^^^^^^
        hint: install `@sentry/solidstart` in the app and run `presentry` in its directory without `--no-collect`, after the build; `--packages-elsewhere` where it is supplied in another way

        warning[tracer-not-found]: no `@vercel/nft` was found from the app through `vinxi`, `nitropack` or `nitro`
        hint: install the dependencies of the app, those that build it included, and run `presentry` in its directory

        ✖ refused: 1 error and 1 warning; nothing was changed
          next: `presentry explain package-missing` tells more
    "#]].assert_eq(&app.fails(&[], 1));
    assert_eq!(app.snapshot(), before);
    for arguments in
        [&["--packages-elsewhere"][..], &["--packages-elsewhere", "--strict"], &["check", "--packages-elsewhere"]]
    {
        app.presentry(arguments).assert().success().stderr("");
    }
    assert!(app.fails(&["check"], 1).starts_with("error[package-missing]: the package `@sentry/solidstart`"));
}

/// What a rewritten build has lost since: the moved entry, the runtime, what that imports, and a package that a package needs.
#[test]
fn a_broken_build_does_not_hold() {
    for (lost, expected) in [
        (
            ".output/server/entry.mjs",
            expect![
                "error[missing-module]: `.output/server/index.mjs` imports `./entry.mjs`, which is not in the build"
            ],
        ),
        (
            ".output/server/chunks/nitro/nitro.mjs",
            expect![
                "error[missing-module]: `.output/server/entry.mjs` imports `./chunks/nitro/nitro.mjs`, which is not in the build"
            ],
        ),
        (
            ".output/server/node_modules/graphql/index.js",
            expect![
                "error[package-missing]: the package `graphql`, which `.output/server/entry.mjs` needs, is not in the build, and 1 more of its files"
            ],
        ),
        (
            ".output/server/node_modules/vinxi/lib/invariant.js",
            expect![
                "error[package-missing]: `vinxi/lib/invariant` of the package `vinxi`, which `.output/server/entry.mjs` needs, is not in the build"
            ],
        ),
    ] {
        let app = App::facade();
        app.succeeds(&[]);
        app.remove(lost);
        let stderr = app.fails(&["check"], 1);
        expected.assert_eq(stderr.lines().next().unwrap_or_default());
    }
}

/// Node reads `.mjs` files by their URL: neither an extension nor `index.js` is guessed, and what is percent-encoded is decoded.
#[test]
fn files_are_found_as_node_finds_them() {
    for (specifier, is_there) in [
        ("./a b.mjs", true),
        ("./a%20b.mjs?v=1#x", true),
        ("./chunks//x.mjs", false),
        (".//a%20b.mjs", true),
        ("../server/a%20b.mjs", true),
        ("./a%20b", false),
        ("./dir", false),
        ("./a%2Fb.mjs", false),
    ] {
        let app = App::facade();
        app.write(".output/server/a b.mjs", "export {};\n");
        app.write(".output/server/dir/index.js", "export {};\n");
        app.append(".output/server/chunks/nitro/nitro.mjs", "import '../../x.mjs';\n");
        app.write(".output/server/x.mjs", format!("import '{specifier}';\n"));
        let holds = app.presentry(&[]).output().unwrap().status.success();
        assert_eq!(holds, is_there, "{specifier}");
        let node = std::process::Command::new("node").arg(app.join(".output/server/x.mjs")).output().unwrap();
        assert_eq!(node.status.success(), is_there, "{specifier}");
    }
}

/// `firebase deploy` installs what the `package.json` of the server names.
#[test]
fn a_deployment_that_installs_packages() {
    let app = App::without_sdk();
    app.write(".output/nitro.json", crate::builds::nitro_json("firebase"));
    assert!(app.fails(&[], 1).starts_with("error[package-missing]: "));
    app.write(".output/server/package.json", r#"{ "dependencies": { "@sentry/solidstart": "10.70.0" } }"#);
    app.presentry(&["--strict"]).assert().success().stderr("");
    app.succeeds(&["check"]);
}

#[test]
fn a_build_that_has_all_is_not_traced() {
    // There is no tracer, and nothing is said about it.
    let app = App::facade();
    app.presentry(&["--strict"]).assert().success().stderr("");
}

/// The company's own package starts Sentry, and the build does not have it.
#[test]
fn a_package_that_starts_sentry_is_traced_before_the_proof() {
    let start = "// needs: node_modules/@sentry/solidstart/lib/index.js\n\
                 import * as Sentry from '@sentry/solidstart';\nSentry.init({});\n";
    let app = lacking_one();
    app.write(".output/server/instrument.server.mjs", "import '@acme/observability';\n");
    let with = |text: &str| {
        let manifest = r#"{ "version": "1.2.3", "type": "module", "exports": "./index.js" }"#;
        package(&app, "node_modules/@acme/observability", manifest, &[("index.js", text)]);
        app.snapshot()
    };
    let before = with("export const nothing = 1;\n");
    assert!(app.fails(&[], 1).starts_with("error[sentry-not-started]: "));
    assert_eq!(app.snapshot(), before);
    let before = with(start);
    let refused = app.fails(&["--no-collect"], 1);
    assert!(refused.starts_with("error[sentry-not-started]: "), "{refused}");
    assert!(refused.contains("warning[resolves-outside]: `@acme/observability`, "), "{refused}");
    assert!(app.succeeds(&["inspect"]).contains("\n  next: `presentry` rewrites the build"));
    assert_eq!(app.snapshot(), before);
    let shown = app.succeeds(&[]);
    assert!(shown.contains(" .output/server/node_modules/@acme/observability 1.2.3 (2 files, 1 kB)\n"), "{shown}");
    assert!(shown.contains(" .output/server/node_modules/@sentry/solidstart 10.70.0 (2 files, 1 kB)\n"), "{shown}");
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(without_store(app.snapshot()), without_store(before));
}

/// Which hooks a start by `require()` registers, the version says of a package that the build does not have.
#[test]
fn what_registers_hooks_is_known_of_traced_packages() {
    let with = |version: &str, exports: &str| {
        let app = lacking_one();
        let text = "import { createRequire } from 'node:module';\n\
                    const Sentry = createRequire(import.meta.url)('@sentry/node');\nSentry.init({ tracesSampleRate: 1 });\n";
        app.write(".output/server/instrument.server.mjs", text);
        let manifest = format!(r#"{{ "version": "{version}", "exports": {{ ".": "./index.cjs"{exports} }} }}"#);
        let files = [("index.cjs", "exports.init = () => {};\n"), ("import-hook.mjs", "export {};\n")];
        package(&app, "node_modules/@sentry/node", &manifest, &files);
        app
    };
    let warned = |app: &App, args: &[&str]| {
        let output = app.presentry(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap().contains("warning[init-by-require]: ")
    };
    for (version, exports, imports, warns) in [
        ("10.70.0", r#", "./import": "./import-hook.mjs""#, true, false),
        ("10.70.0", "", false, true),
        ("11.12.0", r#", "./import": "./import-hook.mjs""#, false, false),
    ] {
        let app = with(version, exports);
        let output = app.presentry(&[]).output().unwrap();
        let (listed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(said.contains("warning[init-by-require]: "), warns, "{said}");
        assert_eq!(listed.matches("node_modules/@sentry/node ").count(), 1, "{listed}");
        assert_eq!(app.read(ENTRY).contains("import \"@sentry/node/import\";\n"), imports, "{}", app.read(ENTRY));
        assert_eq!(app.join(".output/server/node_modules/@sentry/node/import-hook.mjs").is_file(), imports);
        assert_eq!((warned(&app, &["check"]), warned(&app, &[])), (warns, warns));
    }
}

#[test]
fn a_dry_run_lists_packages_and_writes_nothing() {
    let app = incomplete();
    let before = app.snapshot();
    let shown = app.succeeds(&["--dry-run"]);
    assert!(shown.contains("package  .output/server/node_modules/native 3.0.0 (3 files, 1 kB)\n"), "{shown}");
    assert!(shown.contains("+    \"native\": \"3.0.0\""), "{shown}");
    assert!(!shown.contains("addon.node"), "{shown}");
    assert_eq!(app.snapshot(), before);
    let json: serde_json::Value = serde_json::from_str(&app.succeeds(&["--dry-run", "--format", "json"])).unwrap();
    assert_eq!(json["traced"][3]["name"], "native");
    assert_eq!(json["traced"][3]["files"], 3);
    let kinds: Vec<&str> =
        json["changes"].as_array().unwrap().iter().map(|change| change["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "package").count(), 12);
}

#[test]
fn files_that_were_lost_are_traced_in_again() {
    let app = incomplete();
    app.succeeds(&[]);
    let complete = app.snapshot();
    app.remove(".output/server/node_modules/hooks/lib.mjs");
    expect![[r#"
        package  .output/server/node_modules/hooks 4.0.0 (1 file, 1 kB)

        ✔ rewritten: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&app.succeeds(&[]));
    assert_eq!(without_store(app.snapshot()), without_store(complete));
}

fn without_store(mut snapshot: crate::builds::Snapshot) -> crate::builds::Snapshot {
    snapshot.retain(|path, _| !path.contains("/.presentry/"));
    snapshot
}

/// The SDK is there, and of the hook it registers only what something else needed.
#[test]
fn a_loader_hook_and_what_it_imports() {
    let app = incomplete();
    let sdk = ".output/server/node_modules/@sentry/solidstart";
    package(
        &app,
        sdk,
        r#"{ "version": "10.70.0", "exports": { "import": "./index.mjs" } }"#,
        &[(
            "index.mjs",
            "import { register } from 'node:module';\nexport const init = () => register('hooks/hook.mjs', import.meta.url);\n",
        )],
    );
    let missing = |app: &App| {
        let stderr = app.presentry(&["--no-collect", "--dry-run"]).assert().success().get_output().stderr.clone();
        String::from_utf8(stderr).unwrap().lines().next().unwrap_or_default().to_owned()
    };
    expect!["warning[resolves-outside]: `hooks/hook.mjs`, which `.output/server/node_modules/@sentry/solidstart/index.mjs` needs for its loader hooks, is not in the build but in `node_modules/hooks`"]
        .assert_eq(&missing(&app));
    let manifest = r#"{ "version": "4.0.0", "exports": { "./hook.mjs": "./hook.mjs" } }"#;
    let hooks = ".output/server/node_modules/hooks";
    package(&app, hooks, manifest, &[("hook.mjs", "export { load } from './lib.mjs';\n")]);
    expect!["warning[package-missing]: `./lib.mjs`, which `.output/server/node_modules/hooks/hook.mjs` needs for its loader hooks, is not in the build"]
        .assert_eq(&missing(&app));
    // The package is there in the same version, so the one file is added to it.
    let said = app.succeeds(&[]);
    assert!(said.contains("package       .output/server/node_modules/hooks 4.0.0 (1 file, 1 kB)\n"), "{said}");
    assert_eq!(app.read(&format!("{hooks}/package.json")), manifest, "a file of the build stays what it is");
}

#[test]
fn what_may_be_missing_is_no_matter() {
    let app = App::facade();
    package(
        &app,
        ".output/server/node_modules/@sentry/solidstart",
        r##"{ "name": "@sentry/solidstart", "imports": { "#own": "./own.js" }, "exports": { ".": { "import": "./index.mjs" }, "./own": "./own.js" } }"##,
        &[
            (
                "index.mjs",
                "import './own.js';\nimport '#own';\nimport '@sentry/solidstart/own';\nimport 'node:fs';\nimport 'fs/promises';\nimport 'data:text/javascript,1';\n\
                 export const lazy = () => import('absent');\nexport const init = () => {};\n",
            ),
            (
                "own.js",
                "try { require('absent') } catch {}\nif (process.env.X) require('./absent');\nfunction f() { return require('absent'); }\n\
                 require('./folder');\nrequire('./data');\n",
            ),
            ("folder/index.js", ""),
            ("data.json", "{}"),
        ],
    );
    app.presentry(&["--strict"]).assert().success().stderr("");
}

#[test]
fn conditions_and_subpaths_are_those_of_node() {
    for (manifest, file, specifier, found) in [
        (r#"{ "exports": { "node": { "import": "./a.mjs" }, "default": "./b.mjs" } }"#, "a.mjs", "dep", true),
        (r#"{ "exports": { "node": { "import": "./a.mjs" }, "default": "./b.mjs" } }"#, "b.mjs", "dep", false),
        (r#"{ "exports": { "./sub/*": "./lib/*.mjs" } }"#, "lib/x.mjs", "dep/sub/x", true),
        (r#"{ "exports": { ".": "./a.mjs" } }"#, "x.mjs", "dep/x.mjs", false),
        (r#"{ "main": "./lib/main" }"#, "lib/main.js", "dep", true),
        ("{}", "index.js", "dep", true),
        ("{}", "x.js", "dep/x.js", true),
        ("{}", "x.js", "dep/x", false),
        // Node 20 takes the one file, and Node 24 the other.
        (r#"{ "exports": { "module-sync": "./new.mjs", "default": "./old.cjs" } }"#, "old.cjs", "dep", true),
    ] {
        let app = App::facade();
        let sdk = ".output/server/node_modules/@sentry/solidstart/index.js";
        app.write(sdk, format!("import '{specifier}';\nexport const init = () => {{}};\n"));
        package(&app, ".output/server/node_modules/dep", manifest, &[(file, "")]);
        let run = app.presentry(&["--no-collect", "--strict"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.success(), found, "{manifest} {file} {specifier}: {stderr}");
    }
}

/// A chain of packages is shown, from the instrumentation to the file that asks.
#[test]
fn the_way_to_what_is_missing_is_shown() {
    let app = App::facade();
    app.write(
        ".output/server/node_modules/@sentry/solidstart/index.js",
        "import 'a';\nexport const init = () => {};\n",
    );
    package(&app, ".output/server/node_modules/a", "{}", &[("index.js", "const b = require('b');\n")]);
    expect![[r#"
        error[package-missing]: the package `b`, which `.output/server/node_modules/a/index.js` needs, is not in the build
         --> .output/server/instrument.server.mjs:1:25
          |
        1 | import * as Sentry from '@sentry/solidstart';
          |                         ^^^^^^^^^^^^^^^^^^^^
         --> .output/server/node_modules/@sentry/solidstart/index.js:1:8
          |
        1 | import 'a';
          |        ^^^
         --> .output/server/node_modules/a/index.js:1:19
          |
        1 | const b = require('b');
          |                   ^^^
        hint: install `b` in the app and run `presentry` in its directory without `--no-collect`, after the build; `--packages-elsewhere` where it is supplied in another way

        ✖ refused: 1 error; nothing was changed
          next: `presentry explain package-missing` tells more
    "#]]
    .assert_eq(&String::from_utf8(app.presentry(&["--no-collect"]).output().unwrap().stderr).unwrap());
}

#[cfg(unix)]
#[test]
fn packages_behind_the_links_of_pnpm() {
    use crate::builds::link;
    let app = incomplete();
    let store = app.join("node_modules/.pnpm/@sentry+solidstart@10.70.0/node_modules");
    std::fs::create_dir_all(store.join("@sentry")).unwrap();
    std::fs::rename(app.join("node_modules/@sentry/solidstart"), store.join("@sentry/solidstart")).unwrap();
    link(
        "../.pnpm/@sentry+solidstart@10.70.0/node_modules/@sentry/solidstart".as_ref(),
        &app.join("node_modules/@sentry/solidstart"),
    );
    for name in ["hooks", "native", "debug"] {
        std::fs::rename(app.join(&format!("node_modules/{name}")), store.join(name)).unwrap();
    }
    // The stub names files by their path in the app.
    for name in ["hooks", "native", "debug"] {
        link(store.join(name).as_ref(), &app.join(&format!("node_modules/{name}")));
    }
    let before = app.snapshot();
    app.succeeds(&[]);
    assert_eq!(node_elsewhere(&app, START).0, "init 2 native\n");
    let added = app.snapshot();
    let is_link = |found: &crate::builds::Found| matches!(found, crate::builds::Found::Link(_));
    assert!(!added.iter().any(|(path, found)| path.starts_with(".output") && is_link(found)), "links were resolved");
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), before);
}

/// Nitro has packages of two versions behind links, and of each only the files that it has traced.
#[cfg(unix)]
#[test]
fn files_are_added_to_packages_behind_links_of_the_build() {
    use crate::builds::link;
    let app = incomplete();
    let linked = ".output/server/node_modules/.nitro/native@3.0.0";
    let manifest = r#"{ "version": "3.0.0", "exports": { ".": "./index.js" } }"#;
    package(&app, "node_modules/native", manifest, &[]);
    package(&app, linked, manifest, &[("other.mjs", "")]);
    link(".nitro/native@3.0.0".as_ref(), &app.join(".output/server/node_modules/native"));
    let before = app.snapshot();
    app.succeeds(&[]);
    assert!(app.join(linked).join("index.js").is_file());
    assert_eq!(node_elsewhere(&app, START).0, "init 2 native\n");
    app.succeeds(&["check"]);
    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    app.succeeds(&["restore"]);
    assert_eq!(without_store(app.snapshot()), without_store(before));
}

#[test]
fn what_stands_in_the_way_of_tracing() {
    let first_line = |app: &App| {
        let output = app.presentry(&[]).assert().success().get_output().stderr.clone();
        String::from_utf8(output).unwrap().lines().next().unwrap_or_default().to_owned()
    };
    let app = incomplete();
    std::fs::remove_dir_all(app.join("node_modules/vinxi")).unwrap();
    expect![
        "warning[tracer-not-found]: no `@vercel/nft` was found from the app through `vinxi`, `nitropack` or `nitro`"
    ]
    .assert_eq(&first_line(&app));

    let app = incomplete();
    std::fs::remove_dir_all(app.join("node_modules")).unwrap();
    app.write(".pnp.cjs", "");
    let said = app.fails(&[], 1);
    assert!(said.starts_with("error[package-missing]: "), "{said}");
    assert!(said.contains("\nwarning[tracer-not-found]: the app is installed without `node_modules`"), "{said}");

    let app = incomplete();
    let stderr = app.presentry(&[]).env("PATH", app.path()).assert().success().get_output().stderr.clone();
    assert!(String::from_utf8(stderr).unwrap().starts_with("warning[tracer-not-found]: there is no `node`"));

    let app = incomplete();
    let tracer = "node_modules/vinxi/node_modules/nitropack/node_modules/@vercel/nft/index.js";
    app.write(tracer, "exports.nodeFileTrace = async () => { throw new Error('it broke'); };\n");
    let stderr = app.presentry(&[]).assert().success().get_output().stderr.clone();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stderr.starts_with("warning[tracer-failed]: ") && stderr.contains("it broke"), "{stderr}");
    assert!(stderr.contains("warning[resolves-outside]: "), "{stderr}");
}

#[test]
fn what_the_app_does_not_have_either() {
    let app = incomplete();
    app.write(".output/server/instrument.server.mjs", format!("import 'nowhere';\n{INSTRUMENTATION}"));
    let before = app.snapshot();
    let stderr = app.fails(&[], 1);
    assert!(stderr.starts_with("error[package-missing]: the package `nowhere`"), "{stderr}");
    assert_eq!(stderr.matches("[package-missing]").count(), 1, "{stderr}");
    assert_eq!(app.snapshot(), before);
}

/// The options of a build are not meant for the tracer.
#[test]
fn node_options_do_not_reach_the_tracer() {
    let app = incomplete();
    let stderr = app.presentry(&[]).env("NODE_OPTIONS", "--no-warnings").assert().success().get_output().stderr.clone();
    // A machine that is busy says that packages are being traced.
    assert!(["", "note: tracing packages …\n"].contains(&String::from_utf8(stderr).unwrap().as_str()));
}

const MANIFEST: &str = ".output/server/.presentry/manifest.json";

/// What it does not list could not come back.
#[test]
fn a_manifest_without_the_entry_takes_nothing_away() {
    let app = App::facade();
    app.succeeds(&[]);
    let manifest: serde_json::Value = serde_json::from_str(&app.read(MANIFEST)).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let others: Vec<_> = files.iter().filter(|file| file["path"] != "index.mjs").cloned().collect();
    assert_eq!(others.len() + 1, files.len());
    for files in [Vec::new(), others] {
        let mut edited = manifest.clone();
        edited["files"] = files.into();
        app.write(MANIFEST, edited.to_string());
        let before = app.snapshot();
        for command in [&["restore"][..], &["restore", "--dry-run"], &["check"], &["inspect"], &[]] {
            let said = String::from_utf8(app.presentry(command).output().unwrap().stderr).unwrap();
            let may_hold = matches!(command, ["check"] | ["inspect"] | ["restore", "--dry-run"]);
            assert!(may_hold || said.contains("error[store-unreadable]: "), "{command:?}: {said}");
            assert_eq!(app.snapshot(), before, "{command:?}");
        }
    }
    app.write(MANIFEST, manifest.to_string());
    app.succeeds(&["restore"]);
}

/// A pipe has no end, and a device neither.
#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    use crate::builds::link;

    for path in [
        MANIFEST,
        ".output/server/.presentry/journal.json",
        ".output/server/.presentry/original-0",
        ".output/server/entry.mjs",
        ".output/nitro.json",
        "app.config.ts",
        "package.json",
        ".output/server/package.json",
    ] {
        let app = App::facade();
        app.succeeds(&[]);
        if app.join(path).exists() {
            app.remove(path);
        }
        assert!(std::process::Command::new("mkfifo").arg(app.join(path)).status().unwrap().success());
        for command in [&["restore"][..], &["check"], &[]] {
            let ended = app.presentry(command).timeout(std::time::Duration::from_secs(60)).output().unwrap();
            assert!(ended.status.code().is_some_and(|code| code <= 2), "{path}, {command:?}: {ended:?}");
        }
    }
    let app = App::facade();
    link(std::path::Path::new("/dev/zero"), &app.join("app.config.ts"));
    let ended = app.presentry(&[]).timeout(std::time::Duration::from_secs(60)).output().unwrap();
    assert!(ended.status.code().is_some(), "{ended:?}");
}

/// A manifest is a file that anyone can edit.
#[test]
fn a_manifest_cannot_lead_outside_of_the_output_directory() {
    let app = App::facade();
    app.succeeds(&[]);
    app.write("victim.txt", "precious\n");
    let manifest = app.read(MANIFEST);
    for path in ["../../victim.txt", "../../../victim.txt", "a/../../../victim.txt", "/victim.txt", "../"] {
        let edited = manifest.replace("\"path\": \"entry.mjs\"", &format!("\"path\": \"{path}\""));
        assert_ne!(edited, manifest);
        app.write(MANIFEST, edited);
        assert!(app.fails(&["restore"], 1).starts_with("error[store-unreadable]: "), "{path}");
        assert_eq!(app.read("victim.txt"), "precious\n");
    }
}
