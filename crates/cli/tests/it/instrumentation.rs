//! Where the instrumentation comes from: built, left behind by Vite, or compiled from its source; what it brings along,
//! and what the compiled modules do under a real Node.

use std::{
    fs,
    process::Command,
    time::{Duration, SystemTime},
};

use expect_test::{Expect, expect};
use predicates::{prelude::PredicateBooleanExt as _, str::contains};
use serde_json::{Value, json};

use crate::builds::{ALREADY_FIRST, App, INSTRUMENTATION, nitro_json};

const BUILT: &str = ".output/server/instrument.server.mjs";

/// An app whose build has no instrumentation, with these sources.
fn app(sources: &[(&str, &str)]) -> App {
    let app = App::facade();
    app.remove(BUILT);
    app.write(".output/server/node_modules/pkg/package.json", r#"{ "main": "index.cjs" }"#);
    app.write(".output/server/node_modules/pkg/index.cjs", "module.exports = { pkg: 'pkg' };\n");
    for (path, text) in sources {
        app.write(path, text);
    }
    app
}

/// A source that starts Sentry, and does something else.
fn starting(rest: &str) -> String {
    format!("import * as Sentry from '@sentry/solidstart';\n{rest}\nSentry.init({{ tracesSampleRate: 1 }});\n")
}

/// What a rewrite promises whatever it is made of: it is proven, is not done twice, and can be undone.
#[track_caller]
fn rewrites(app: &App, arguments: &[&str]) {
    let before = app.snapshot();
    let dry = [arguments, &["--dry-run"]].concat();
    app.succeeds(&dry);
    assert_eq!(app.snapshot(), before, "a dry run wrote something");
    app.succeeds(arguments);
    app.succeeds(&["check"]);
    let after = app.snapshot();
    assert_eq!(app.succeeds(arguments), ALREADY_FIRST);
    assert_eq!(app.snapshot(), after, "a second run changed something");
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), before, "the original build is not back");
    app.succeeds(arguments);
}

#[track_caller]
fn refuses(app: &App, arguments: &[&str], expected: Expect) {
    let before = app.snapshot();
    expected.assert_eq(&app.fails(arguments, 1));
    assert_eq!(app.snapshot(), before);
}

/// Runs the instrumentation of the build with a stand-in for the SDK, and gives what it left in `globalThis.seen`.
#[track_caller]
fn run(app: &App) -> Value {
    app.write(
        ".output/server/node_modules/@sentry/solidstart/package.json",
        r#"{ "type": "module", "exports": { "import": "./esm.js", "require": "./cjs.cjs" } }"#,
    );
    app.write(
        ".output/server/node_modules/@sentry/solidstart/esm.js",
        "export function init(options) { (globalThis.seen ??= {}).init = options ?? null; globalThis.seen.esm = true; }\nexport const flush = 1;\n",
    );
    app.write(
        ".output/server/node_modules/@sentry/solidstart/cjs.cjs",
        "exports.init = () => { (globalThis.seen ??= {}).esm = false; };\n",
    );
    app.write(
        "run.mjs",
        // Nothing keeps Node from ending but what the instrumentation has begun.
        "process.on('exit', () => console.log(JSON.stringify(globalThis.seen)));\nglobalThis.MANIFEST = 'manifest';\nawait import('./.output/server/instrument.server.mjs');\n",
    );
    let node = which::which("node").expect("Node.js 20 or later has to be on PATH for these tests");
    let output = Command::new(node).arg(app.join("run.mjs")).env_remove("NODE_OPTIONS").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_extension_of_a_source() {
    for extension in ["ts", "mts", "js", "mjs"] {
        let app = app(&[(&format!("src/instrument.server.{extension}"), INSTRUMENTATION)]);
        rewrites(&app, &[]);
        assert_eq!(run(&app)["init"]["dsn"], "https://key@example.invalid/1");
    }
    let app = app(&[("src/instrument.server.cjs", "require('@sentry/solidstart').init({ dsn: __filename });\n")]);
    rewrites(&app, &[]);
    let seen = run(&app);
    assert_eq!(seen["esm"], true, "the SDK was loaded as CommonJS");
    assert!(seen["init"]["dsn"].as_str().unwrap().ends_with("instrument.server.mjs"));
}

#[test]
fn the_first_of_several_sources_in_the_sources_of_the_app() {
    let app = app(&[
        ("code/instrument.server.js", &starting("globalThis.seen = { which: 'js' };")),
        ("code/instrument.server.ts", &starting("globalThis.seen = { which: 'ts' };")),
        ("src/instrument.server.ts", "nonsense("),
        ("app.config.ts", "export default { appRoot: './code' };\n"),
    ]);
    rewrites(&app, &[]);
    assert_eq!(run(&app)["which"], "ts");
}

#[test]
fn every_way_to_import_a_file_of_the_app() {
    let sources = [
        ("src/instrument.server.ts", starting(
            "import { plain, type Plain } from './lib/plain';
import type { Gone } from './lib/nowhere';
import { asJs } from './lib/typescript.js';
import folder from './lib/folder';
import { tilde } from '~/lib/tilde';
import { root } from '/src/lib/root';
import { byPaths } from '@lib/by-paths';
import { byBase } from 'src/lib/by-base';
import { inner } from '#inner';
import { self } from 'the-app/self';
import data, { name, nested } from './lib/data.json' with { type: 'json' };
import list from './lib/list.json';
import { outside } from '../../NEIGHBOUR/outside';
import pkg from 'pkg';
import { basename } from 'node:path';
import again from './instrument.server';
export { reexported } from './lib/re-export';
export * from './lib/star';
const gone: Gone | Plain = 1;
export default 'circle';
(globalThis as any).seen = { plain, asJs, folder, tilde, root, byPaths, byBase, inner, self, data, name, nested, list, outside, pkg: pkg.pkg, base: basename('/a/b') };
import('./lib/lazy').then(({ lazy }) => { (globalThis as any).seen.lazy = lazy; (globalThis as any).seen.circle = again; });",
        )),
        ("src/lib/plain.ts", "import { deeper } from './deeper/deeper';\nexport type Plain = number; export const plain: string = `plain ${deeper}`;\n".to_owned()),
        ("src/lib/deeper/deeper.ts", "export enum E { A = 'enum' }\nexport const deeper = E.A;\n".to_owned()),
        ("src/lib/typescript.ts", "export const asJs = 'js';\n".to_owned()),
        ("src/lib/folder/index.mts", "export default 'folder';\n".to_owned()),
        ("src/lib/tilde.js", "export const tilde = 'tilde';\n".to_owned()),
        ("src/lib/root.mjs", "export const root = 'root';\n".to_owned()),
        ("src/lib/by-paths.ts", "export const byPaths = 'paths';\n".to_owned()),
        ("src/lib/by-base.ts", "export const byBase = 'base';\n".to_owned()),
        ("src/lib/inner.ts", "export const inner = 'inner';\n".to_owned()),
        ("src/lib/self.ts", "export const self = 'self';\n".to_owned()),
        ("src/lib/data.json", "\u{feff}{ \"name\": \"n\", \"nested\": { \"a\": [1, null] }, \"a-b\": 1, \"class\": 2, \"__proto__\": { \"x\": 1 } }".to_owned()),
        ("src/lib/list.json", "[1, 2]".to_owned()),
        ("src/lib/re-export.ts", "export const reexported = 1;\n".to_owned()),
        ("src/lib/star.ts", "export const star = 1;\n".to_owned()),
        ("src/lib/lazy.ts", "export const lazy = 'lazy';\n".to_owned()),
        ("tsconfig.base.json", r#"{ "compilerOptions": { "paths": { "@lib/*": ["./src/lib/*"] } } }"#.to_owned()),
        ("tsconfig.json", "{ \"extends\": \"./tsconfig.base.json\", // comments are allowed\n \"compilerOptions\": { \"baseUrl\": \".\" }, }".to_owned()),
        ("package.json", r##"{ "name": "the-app", "type": "module", "imports": { "#inner": "./src/lib/inner.ts" }, "exports": { "./self": "./src/lib/self.ts" } }"##.to_owned()),
    ];
    // Something lies outside of the app, as in a monorepo.
    let neighbour = App::empty();
    neighbour.write("outside.ts", "export const outside = 'outside' as const;\n");
    let name = neighbour.path().file_name().unwrap().to_str().unwrap();
    let app = app(&[]);
    for (path, text) in &sources {
        app.write(path, text.replace("NEIGHBOUR", name));
    }
    rewrites(&app, &[]);
    let mut seen = run(&app);
    seen.as_object_mut().unwrap().remove("init");
    assert_eq!(
        seen,
        json!({
            "plain": "plain enum", "asJs": "js", "folder": "folder", "tilde": "tilde", "root": "root", "byPaths": "paths",
            "byBase": "base", "inner": "inner", "self": "self", "list": [1, 2], "outside": "outside", "pkg": "pkg",
            "base": "b", "name": "n", "nested": { "a": [1, null] }, "lazy": "lazy", "circle": "circle", "esm": true,
            "data": { "name": "n", "nested": { "a": [1, null] }, "a-b": 1, "class": 2, "__proto__": { "x": 1 } },
        })
    );
    let modules: Vec<String> = app
        .snapshot()
        .into_keys()
        .filter_map(|path| path.strip_prefix(".output/server/instrument.server.").map(str::to_owned))
        .filter(|name| !name.ends_with(".map"))
        .collect();
    expect![[r#"
        lib-by-base.mjs
        lib-by-paths.mjs
        lib-data.json.mjs
        lib-deeper-deeper.mjs
        lib-folder-index.mjs
        lib-inner.mjs
        lib-lazy.mjs
        lib-list.json.mjs
        lib-plain.mjs
        lib-re-export.mjs
        lib-root.mjs
        lib-self.mjs
        lib-star.mjs
        lib-tilde.mjs
        lib-typescript.mjs
        mjs
        outside.mjs
    "#]]
    .assert_eq(&format!("{}\n", modules.join("\n")));
}

#[test]
fn the_environment_is_that_of_the_server_build() {
    let app = app(&[
        ("src/instrument.server.ts", &starting(
            "(globalThis as any).seen = { mode: import.meta.env.MODE, flags: [import.meta.env.DEV, import.meta.env.PROD, import.meta.env.SSR],
  base: import.meta.env.BASE_URL, x: import.meta.env.VITE_X, secret: import.meta.env.SECRET === undefined, node: process.env.NODE_ENV,
  later: process.env.NOT_SET === undefined, whole: Object.keys(import.meta.env).filter((key) => key.startsWith('VITE_')),
  start: import.meta.env.START_SSR };
if (import.meta.env.DEV) await import('./only-in-development');",
        )),
        (".env", "VITE_X=env\nVITE_Y=${VITE_X}-y\nSECRET=1\n"),
        (".env.local", "VITE_X=local\n"),
        (".env.production", "VITE_X=production\n"),
        (".env.production.local", "VITE_X='production local'\n"),
        (".env.development", "VITE_X=development\n"),
        ("app.config.ts", "export default { ssr: false, server: { baseURL: '/shop/' } };\n"),
    ]);
    rewrites(&app, &[]);
    let mut seen = run(&app);
    seen.as_object_mut().unwrap().remove("init");
    assert_eq!(
        seen,
        json!({ "mode": "production", "flags": [false, true, true], "base": "/shop/_build", "x": "production local", "secret": true,
            "node": "production", "later": true, "whole": ["VITE_X", "VITE_Y"], "start": false, "esm": true })
    );
    // The process that builds comes first.
    app.presentry(&[]).env("VITE_X", "process").assert().success().stdout(contains("instrument.server.mjs\n"));
    assert_eq!(run(&app)["x"], "process");

    app.write("app.config.ts", "export default { ssr: process.env.SSR };\n");
    assert!(
        app.fails(&[], 1)
            .contains("`import.meta.env.START_SSR` is not known: it is made from `ssr`, and it is read from")
    );
}

#[test]
fn commonjs_uses_the_sdk_as_an_es_module() {
    let app = app(&[(
        "src/instrument.server.js",
        "const Sentry = require('@sentry/solidstart');\nconst { flush: f } = require('@sentry/solidstart');\nconst path = require('path');
globalThis.seen = { pkg: require('pkg').pkg, dir: path.basename(__dirname), f, main: require.main === module };
Sentry.init({ a: 1 });\nmodule.exports = {};\nexports.later = 1;\n",
    )]);
    rewrites(&app, &[]);
    assert_eq!(
        run(&app),
        json!({ "pkg": "pkg", "dir": "server", "f": 1, "main": false, "init": { "a": 1 }, "esm": true })
    );
}

#[test]
fn a_name_that_the_build_has_is_not_taken() {
    let app = app(&[
        (
            "src/instrument.server.ts",
            &starting(
                "import { a } from './a';\nimport j from './a.json';\nimport { b } from './a/index';\n(globalThis as any).seen = { a, j, b };",
            ),
        ),
        ("src/a.ts", "export const a = 'a';\n"),
        ("src/a.json", "3"),
        ("src/a/index.ts", "export const b = 'b';\n"),
        (".output/server/instrument.server.a.mjs", "throw new Error('of the build');\n"),
    ]);
    rewrites(&app, &[]);
    let seen = run(&app);
    assert_eq!((&seen["a"], &seen["j"], &seen["b"]), (&json!("a"), &json!(3), &json!("b")));
    assert!(app.join(".output/server/instrument.server.a-2.mjs").is_file());
}

#[test]
fn source_maps_lead_back_to_the_source() {
    let app = app(&[(
        "src/instrument.server.ts",
        &starting("type Gone = string;\nif (process.env.PATH)\nthrow new Error('from the source' satisfies Gone);"),
    )]);
    rewrites(&app, &[]);
    app.write(
        ".output/server/node_modules/@sentry/solidstart/package.json",
        r#"{ "type": "module", "exports": "./esm.js" }"#,
    );
    app.write(".output/server/node_modules/@sentry/solidstart/esm.js", "export function init() {}\n");
    let node = which::which("node").unwrap();
    let output = Command::new(node)
        .arg("--enable-source-maps")
        .arg(app.join(BUILT))
        .env_remove("NODE_OPTIONS")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("src/instrument.server.ts:4:7"), "{stderr}");
}

/// Puts a file where Vite puts what it builds.
fn vite(app: &App, file: &str, text: &str) {
    app.write(&format!(".vinxi/build/ssr/{file}"), text);
}

#[test]
fn chunks_that_the_sdk_forgets_come_along() {
    let app = App::facade();
    app.append(BUILT, "import { a } from './assets/shared-x.js';\nimport './assets/_sentry-release-injection-file-y.js';\nimport('./assets/lazy-z.js').then((lazy) => { globalThis.seen.lazy = lazy.default; });\nglobalThis.seen.a = a;\n");
    app.write(".output/server/assets/there.js", "export const there = 'there';\n");
    vite(
        &app,
        "assets/shared-x.js",
        "import { b } from './deeper-w.js';\nimport { there } from './there.js';\nexport const a = [b, there];\n//# sourceMappingURL=shared-x.js.map\n",
    );
    vite(&app, "assets/shared-x.js.map", "{}");
    vite(&app, "assets/deeper-w.js", "export const b = 'deeper';\n");
    vite(&app, "assets/there.js", "export const there = 'not this one';\n");
    vite(&app, "assets/lazy-z.js", "export default 'lazy';\n");
    vite(&app, "assets/_sentry-release-injection-file-y.js", "globalThis.SENTRY_RELEASE = { id: 'r' };\n");
    vite(&app, "assets/unrelated.js", "");
    let report = app.succeeds(&[]);
    assert!(report.contains("instrumentation  .output/server/assets/deeper-w.js\n"), "{report}");
    app.succeeds(&["restore"]);
    rewrites(&app, &[]);
    let seen = run(&app);
    assert_eq!((&seen["a"], &seen["lazy"]), (&json!(["deeper", "there"]), &json!("lazy")));
    for absent in ["shared-x.js.map", "unrelated.js"] {
        assert!(!app.join(&format!(".output/server/assets/{absent}")).exists());
    }
    app.presentry(&["restore"]).assert().success();
    let inspection = app.succeeds(&["inspect"]);
    assert!(
        inspection.contains("files to add     assets/_sentry-release-injection-file-y.js (.vinxi/build/ssr/assets/"),
        "{inspection}"
    );
}

#[test]
fn what_is_nowhere_is_compiled_from_the_source_or_refused() {
    let app = App::facade();
    app.append(BUILT, "import './assets/shared-x.js';\n");
    refuses(
        &app,
        &[],
        expect![[r#"
            error[missing-module]: `assets/shared-x.js` is imported, but is not in the build
             --> .output/server/index.mjs:2:1
              |
            2 | import "./instrument.server.mjs";
              | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
             --> .output/server/instrument.server.mjs:4:1
              |
            4 | import './assets/shared-x.js';
              | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: it is not in `.vinxi/build/ssr` either, and there is no source to compile: build again, and run `presentry` in the same checkout

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain missing-module` tells more
        "#]],
    );
    app.write("src/instrument.server.ts", starting("globalThis.seen = { from: 'source' };"));
    let output = app.presentry(&["-v"]).assert().success().get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("not used as it was built: `assets/shared-x.js` is imported, but is not in the build"),
        "{stderr}"
    );
    assert_eq!(run(&app)["from"], "source");
    // The file that the SDK copied was replaced, and comes back.
    app.succeeds(&["restore"]);
    assert!(app.read(BUILT).contains("shared-x.js"));

    // A lazy one stops no proof, and is nowhere all the same.
    let app = App::facade();
    app.append(BUILT, "import('./assets/lazy-x.js');\n");
    let output = app.presentry(&["-v", "--dry-run"]).assert().success().get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("it imports `assets/lazy-x.js`, which is nowhere; there is nothing better"), "{stderr}");
    rewrites(&app, &[]);
    app.write("src/instrument.server.ts", starting("globalThis.seen = { from: 'source' };"));
    app.succeeds(&[]);
    assert_eq!(run(&app)["from"], "source");
}

#[test]
fn a_chunk_with_a_part_of_the_app_is_not_taken_when_there_is_a_source() {
    let app = App::facade();
    app.append(BUILT, "import './assets/shared-x.js';\n");
    app.write(".output/server/assets/there.js", "");
    vite(&app, "assets/shared-x.js", "import { ssr } from 'solid-js/web';\nexport { ssr };\n");
    app.write(".output/server/node_modules/solid-js/package.json", r#"{ "exports": { "./web": "./web.js" } }"#);
    app.write(".output/server/node_modules/solid-js/web.js", "exports.ssr = 1;\n");
    let without_source = app.snapshot();
    app.succeeds(&[]);
    assert!(app.join(".output/server/assets/shared-x.js").is_file());
    app.reset(&without_source);
    app.write("src/instrument.server.ts", starting(""));
    let output = app.presentry(&["-v"]).assert().success().get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("`.vinxi/build/ssr/assets/shared-x.js`, which holds a part of the app (it imports `solid-js`)"),
        "{stderr}"
    );
    assert!(!app.join(".output/server/assets/shared-x.js").exists());
}

const NAMED: &str = "import { withSentry } from '@sentry/solidstart';\nexport default withSentry({}, { instrumentation: './src/start/sentry.ts' });\n";

#[test]
fn an_instrumentation_of_another_name_is_taken_from_vite() {
    let app =
        app(&[("app.config.ts", NAMED), ("src/start/sentry.ts", &starting("globalThis.seen = { from: 'source' };"))]);
    app.write(".output/server/assets/there.js", "");
    vite(&app, "sentry.js", &starting("import './assets/shared-x.js'; globalThis.seen = { from: 'vite' };"));
    vite(&app, "assets/shared-x.js", "");
    rewrites(&app, &[]);
    assert_eq!(app.read(".output/server/sentry.mjs"), app.read(".vinxi/build/ssr/sentry.js"));
    assert!(app.read(".output/server/index.mjs").contains("import \"./sentry.mjs\";"));
    let document: Value = serde_json::from_str(&app.succeeds(&["--dry-run", "--format", "json"])).unwrap();
    assert_eq!(document["build"]["instrumentation_source"], ".vinxi/build/ssr/sentry.js");

    // Two entry points of one name: the manifest says which is which.
    app.succeeds(&["restore"]);
    vite(&app, "sentry2.js", &starting("globalThis.seen = { from: 'the second' };"));
    let chunk = |file: &str| json!({ "file": file, "name": "sentry", "isEntry": true });
    let manifest =
        json!({ "src/routes/api/sentry.ts?pick=GET": chunk("sentry.js"), "src/start/sentry.ts": chunk("sentry2.js") });
    vite(&app, ".vite/manifest.json", &manifest.to_string());
    rewrites(&app, &[]);
    assert_eq!(app.read(".output/server/sentry.mjs"), app.read(".vinxi/build/ssr/sentry2.js"));
    app.remove(".vinxi/build/ssr/.vite/manifest.json");

    // It is of an older build than the source.
    app.succeeds(&["restore"]);
    let past = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(app.join(".vinxi/build/ssr/sentry.js")).unwrap().set_modified(past).unwrap();
    rewrites(&app, &[]);
    assert!(app.read(".output/server/sentry.mjs").contains("from: 'source'"));

    // The file of the default name is never the one then.
    let app = App::facade();
    app.write("app.config.ts", NAMED);
    app.write("src/start/sentry.ts", starting(""));
    app.succeeds(&[]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./sentry.mjs\";"));
}

#[test]
fn a_source_that_is_named_on_the_command_line() {
    let app = App::facade();
    app.write("elsewhere/start.mts", starting("import { x } from './x';\nglobalThis.seen = { x };"));
    app.write("elsewhere/x.ts", "export const x = 'x';\n");
    rewrites(&app, &["--instrumentation", "elsewhere/start.mts"]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./start.mjs\";"));
    assert!(app.read(".output/server/instrument.server.mjs").contains("example.invalid"), "it is another file");
    let output =
        app.presentry(&["-v", "--instrumentation", "elsewhere/start.mts"]).assert().success().get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("note: the instrumentation is `.output/server/start.mjs`, compiled from elsewhere/start.mts\n"),
        "{stderr}"
    );
}

#[test]
fn nothing_is_guessed_for_an_entry_elsewhere() {
    let other = app(&[]);
    let here = app(&[("src/instrument.server.ts", INSTRUMENTATION)]);
    let entry = other.join(".output/server/index.mjs");
    let stderr = here.fails(&["--entry", entry.to_str().unwrap()], 1);
    assert!(stderr.starts_with("error[instrumentation-not-found]") && !stderr.contains("src/"), "{stderr}");
    here.succeeds(&["--entry", ".output/server/index.mjs"]);
}

#[test]
fn apps_of_other_frameworks_have_it_in_their_own_directory() {
    for (source, built) in
        [("instrument.server.mjs", "instrument.server.mjs"), ("sentry.server.config.ts", "sentry.server.config.mjs")]
    {
        let app = app(&[(source, INSTRUMENTATION)]);
        rewrites(&app, &[]);
        assert!(app.read(".output/server/index.mjs").contains(&format!("import \"./{built}\";")), "{source}");
    }
    let app = app(&[("sentry.server.config.ts", "of no use;"), ("src/instrument.server.ts", INSTRUMENTATION)]);
    rewrites(&app, &[]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./instrument.server.mjs\";"));
}

#[test]
fn what_the_sdk_for_nuxt_has_built_is_found() {
    let app = app(&[(".output/server/sentry.server.config.mjs", INSTRUMENTATION)]);
    rewrites(&app, &[]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./sentry.server.config.mjs\";"));
    assert_eq!(app.read(".output/server/sentry.server.config.mjs"), INSTRUMENTATION);
}

#[test]
fn a_built_one_that_imports_by_a_path_of_the_build_machine_is_compiled_anew() {
    let built = format!("import '/build/node_modules/import-in-the-middle/lib/register';\n{INSTRUMENTATION}");
    let source = format!("{INSTRUMENTATION}console.log('compiled');\n");
    let app = app(&[(".output/server/sentry.server.config.mjs", &built), ("sentry.server.config.ts", &source)]);
    rewrites(&app, &[]);
    let used = app.read(".output/server/sentry.server.config.mjs");
    assert!(used.contains("compiled") && !used.contains("/build/node_modules"), "{used}");
}

#[test]
fn where_it_looked_is_said() {
    refuses(
        &app(&[]),
        &[],
        expect![[r#"
            error[instrumentation-not-found]: there is no instrumentation; looked for `.output/server/instrument.server.mjs`, `src/instrument.server.*`, `instrument.server.*`, `src/sentry.server.config.*`, `sentry.server.config.*`
            hint: write `src/instrument.server.ts` with `Sentry.init()` in it, or name the file, built or not, with `--instrumentation`

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain instrumentation-not-found` tells more
        "#]],
    );
    refuses(
        &app(&[("app.config.ts", NAMED)]),
        &[],
        expect![[r#"
            error[instrumentation-not-found]: there is no instrumentation; looked for `.output/server/sentry.mjs`, `.vinxi/build/ssr/sentry.js`, `.vinxi/build/ssr/sentry.mjs`, `src/start/sentry.ts`, as `instrumentation` is `./src/start/sentry.ts`
            hint: run `presentry` where the sources of the app are, or name the file, built or not, with `--instrumentation`

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain instrumentation-not-found` tells more
        "#]],
    );
}

#[test]
fn a_source_with_another_name_is_named() {
    let told = |files: &[(&str, &str)]| app(files).fails(&[], 1);
    let said = told(&[("src/instrumentation.server.mts", INSTRUMENTATION)]);
    let hint = "hint: `src/instrumentation.server.mts` starts Sentry: rename it to `src/instrument.server.mts`, or name \
                it with `--instrumentation src/instrumentation.server.mts`\n";
    assert!(said.contains(hint), "{said}");
    // What the browser runs, and what only imports Sentry.
    let other = [("src/entry-client.ts", INSTRUMENTATION), ("src/app.ts", "import '@sentry/solidstart';")];
    assert!(told(&other).contains("hint: write `src/instrument.server.ts`"));
}

#[test]
fn what_is_wrong_with_a_compiled_one_is_shown_in_its_source() {
    let later = "import * as Sentry from \"@sentry/solidstart\";\n\
                 type Level = { of: string };\n\
                 export function start(level: Level): void { Sentry.init({ dsn: level.of }); }\n";
    // Characters of several bytes, where the call is longer when it is compiled.
    for more in 0..6 {
        let text =
            format!("export const start = () => Sentry.init({{{}dsn:\"é€😀é€😀é€😀é€😀\"}});\n", " ".repeat(more));
        let text = format!("import * as Sentry from \"@sentry/solidstart\";\n{text}");
        assert!(app(&[("src/instrument.server.ts", &text)]).fails(&[], 1).contains("src/instrument.server.ts:2:"));
    }
    refuses(
        &app(&[("src/instrument.server.ts", later)]),
        &[],
        expect![[r#"
            error[init-later]: Sentry starts at some later time, and the runtime does not wait for it
             --> src/instrument.server.ts:3:45
              |
            3 | export function start(level: Level): void { Sentry.init({ dsn: level.of }); }
              |                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ in a function that nothing calls
            hint: await the call at the top level of the instrumentation, or call `Sentry.init()` there

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain init-later` tells more
        "#]],
    );
    refuses(
        &app(&[("src/instrument.server.ts", "export const started = false;\n")]),
        &[],
        expect![[r#"
            error[sentry-not-started]: no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package
            hint: call `Sentry.init()` at the top level of `src/instrument.server.ts`

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain sentry-not-started` tells more
        "#]],
    );
}

#[test]
fn what_cannot_be_compiled_is_shown_in_its_source() {
    let source = |text: &str| {
        app(&[
            ("src/instrument.server.ts", text),
            ("src/broken.json", "{ \"a\": 1,\n  b }"),
            ("src/style.css", ""),
            ("src/local.cjs", "module.exports = 1;\n"),
            ("src/view.tsx", "export const view = <p>hello</p>;\n"),
        ])
    };
    refuses(
        &source("export const a: = 1;\n"),
        &[],
        expect![[r#"
            error[instrumentation-syntax]: `src/instrument.server.ts` cannot be compiled: unexpected token `=`, expected an identifier, void, yield, null, await, break, a string literal, a numeric literal, true, false, `, -, import, this, typeof, {, [, (
             --> src/instrument.server.ts:1:17
              |
            1 | export const a: = 1;
              |                 ^
            hint: the instrumentation runs before everything else: keep it, and what it imports, plain TypeScript or JavaScript

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain instrumentation-syntax` tells more
        "#]],
    );
    refuses(
        &source(
            "import './lib/nowhere';\nimport '~/nowhere';\nimport '/nowhere.ts';\nimport '@/nowhere';\nimport '#nowhere';\n",
        ),
        &[],
        expect![[r#"
            error[instrumentation-import]: an import of the instrumentation cannot be followed: `./lib/nowhere` cannot be found
             --> src/instrument.server.ts:1:8
              |
            1 | import './lib/nowhere';
              |        ^^^^^^^^^^^^^^^
            hint: looked for `src/lib/nowhere.{mjs,js,mts,ts,jsx,tsx,json}` and `src/lib/nowhere/index.{mjs,js,mts,ts,jsx,tsx,json}`

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `~/nowhere` cannot be found
             --> src/instrument.server.ts:2:8
              |
            2 | import '~/nowhere';
              |        ^^^^^^^^^^^
            hint: looked for `src/nowhere.{mjs,js,mts,ts,jsx,tsx,json}` and `src/nowhere/index.{mjs,js,mts,ts,jsx,tsx,json}`

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `/nowhere.ts` cannot be found
             --> src/instrument.server.ts:3:8
              |
            3 | import '/nowhere.ts';
              |        ^^^^^^^^^^^^^
            hint: looked for `nowhere.ts`

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `@/nowhere` cannot be found
             --> src/instrument.server.ts:4:8
              |
            4 | import '@/nowhere';
              |        ^^^^^^^^^^^
            hint: an alias has to be in `paths` of `tsconfig.json`, as an alias of the configuration of Vite cannot be read without running it

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `#nowhere` cannot be found
             --> src/instrument.server.ts:5:8
              |
            5 | import '#nowhere';
              |        ^^^^^^^^^^
            hint: `imports` of the app's `package.json` has to name a file of the app (Cannot find module '#nowhere')

            ✖ refused: 5 errors; nothing was changed
              next: `presentry explain instrumentation-import` tells more
        "#]],
    );
    refuses(
        &source("import './style.css';\nimport text from './style.css?raw';\nimport 'virtual:x';\ntext;\n"),
        &[],
        expect![[r#"
            error[instrumentation-import]: an import of the instrumentation cannot be followed: `src/style.css` is no module that can be compiled
             --> src/instrument.server.ts:1:8
              |
            1 | import './style.css';
              |        ^^^^^^^^^^^^^
            hint: only TypeScript, JavaScript and JSON can be imported by the instrumentation

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `./style.css?raw` exists for Vite alone
             --> src/instrument.server.ts:2:18
              |
            2 | import text from './style.css?raw';
              |                  ^^^^^^^^^^^^^^^^^
            hint: take the import out of the instrumentation, or read what is needed when the server runs

            error[instrumentation-import]: an import of the instrumentation cannot be followed: `virtual:x` exists for Vite alone
             --> src/instrument.server.ts:3:8
              |
            3 | import 'virtual:x';
              |        ^^^^^^^^^^^
            hint: take the import out of the instrumentation, or read what is needed when the server runs

            ✖ refused: 3 errors; nothing was changed
              next: `presentry explain instrumentation-import` tells more
        "#]],
    );
    refuses(
        &source("import './broken.json';\nimport './local.cjs';\nimport { view } from './view';\nview;\n"),
        &[],
        expect![[r#"
            error[instrumentation-syntax]: `src/broken.json` is no valid JSON
             --> src/broken.json:2:3
              |
            2 |   b }
              |   ^
            hint: the instrumentation runs before everything else: keep it, and what it imports, plain TypeScript or JavaScript

            error[instrumentation-import]: `src/local.cjs` is imported by the instrumentation, and is CommonJS
            hint: write it as an ES module, with `import` and `export`, as Vite wants it, too

            error[instrumentation-syntax]: `src/view.tsx` cannot be compiled: an element of JSX cannot stand in the instrumentation
             --> src/view.tsx:1:21
              |
            1 | export const view = <p>hello</p>;
              |                     ^^^
            hint: the instrumentation runs before everything else: keep it, and what it imports, plain TypeScript or JavaScript

            ✖ refused: 3 errors; nothing was changed
              next: `presentry explain instrumentation-syntax` tells more
        "#]],
    );
    refuses(
        &app(&[("src/instrument.server.cjs", "require('./other.cjs');\n")]),
        &[],
        expect![[r#"
            error[instrumentation-syntax]: `src/instrument.server.cjs` cannot be compiled: `require("./other.cjs")` asks for a file of the app, which is not part of the build
             --> src/instrument.server.cjs:1:9
              |
            1 | require('./other.cjs');
              |         ^^^^^^^^^^^^^
            hint: write the instrumentation as an ES module, with `import` and `export`: what it imports is compiled as well then

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain instrumentation-syntax` tells more
        "#]],
    );
    // An instrumentation that starts nothing is refused by the proof, whatever it was made of.
    let app = source("console.log('nothing');\n");
    assert!(app.fails(&[], 1).starts_with("error[sentry-not-started]"));
}

#[test]
fn a_type_that_is_nowhere_is_not_looked_for() {
    let app = app(&[
        (
            "src/instrument.server.ts",
            &starting("import type { A } from './nowhere';\nimport { B } from './types';\nlet a: A | B;"),
        ),
        ("tsconfig.json", "{}"),
    ]);
    rewrites(&app, &[]);
    app.write("tsconfig.json", r#"{ "compilerOptions": { "verbatimModuleSyntax": true } }"#);
    assert!(app.fails(&[], 1).contains("`./types` cannot be found"));
}

#[cfg(unix)]
#[test]
fn a_package_of_the_workspace_stays_a_package() {
    let app = app(&[
        ("src/instrument.server.ts", &starting("import { x } from 'in-workspace';\nx;")),
        ("packages/it/package.json", r#"{ "name": "in-workspace", "type": "module", "exports": "./index.ts" }"#),
        ("packages/it/index.ts", "export const x = 1;\n"),
        ("node_modules/keep", ""),
    ]);
    crate::builds::link("../packages/it".as_ref(), &app.join("node_modules/in-workspace"));
    rewrites(&app, &[]);
    assert!(app.read(BUILT).contains("from 'in-workspace'"));
}

/// What the SDK's `experimental_dynamic-import` writes when the instrumentation and the runtime both use `h3`.
const SHARES: &str = "import * as Sentry from '@sentry/solidstart';
import { n as helper } from './chunks/nitro/nitro.mjs';
Sentry.init({ helper });
async function default_sentryWrapped(...args) {
  const runtime = await import('./chunks/nitro/nitro.mjs');
  return runtime.n.call(this, ...args);
}
import('./chunks/nitro/nitro.mjs');
export { default_sentryWrapped as default };
";

#[test]
fn what_the_sdk_inlined_where_it_shares_the_runtime_is_compiled_again() {
    let app = app(&[(".output/server/index.mjs", SHARES)]);
    assert!(app.fails(&[], 1).starts_with("error[instrumentation-shares-runtime]"));
    app.write("src/instrument.server.ts", starting("import pkg from 'pkg';\nglobalThis.seen = { pkg };"));
    let inspection = app.succeeds(&["inspect"]);
    assert!(
        inspection.contains("wrapped by the SDK") && inspection.contains("would rewrite this build"),
        "{inspection}"
    );
    assert!(inspection.contains("instrument.server.mjs, compiled from src/instrument.server.ts\n"), "{inspection}");
    rewrites(&app, &[]);
    let moved = app.read(".output/server/entry.mjs");
    assert!(!moved.contains("Sentry"), "{moved}");
    // A wrapper that can be taken apart is.
    let app = App::wrapped_by_the_sdk();
    app.write("src/instrument.server.ts", starting("globalThis.seen = { from: 'source' };"));
    app.succeeds(&[]);
    assert!(!app.read(BUILT).contains("from: 'source'"));
}

#[test]
fn a_server_directory_below_the_entry_of_another_preset() {
    let app = App::empty();
    app.write(".vercel/output/nitro.json", nitro_json("vercel"));
    app.write(
        ".vercel/output/functions/__fallback.func/index.mjs",
        "import 'graphql';\nexport { a as default } from './chunks/nitro.mjs';\n",
    );
    app.write(".vercel/output/functions/__fallback.func/chunks/nitro.mjs", "import 'graphql';\nexport const a = {};\n");
    app.write("src/instrument.server.ts", INSTRUMENTATION);
    let app = app.with_packages(".vercel/output/functions/__fallback.func");
    rewrites(&app, &[]);
    let map = app.read(".vercel/output/functions/__fallback.func/instrument.server.mjs.map");
    assert!(map.contains("\"../../../../src/instrument.server.ts\""), "{map}");
}

#[test]
fn a_second_run_sees_a_changed_source() {
    let app = app(&[("src/instrument.server.ts", &starting("import './a';")), ("src/a.ts", "export {};\n")]);
    app.succeeds(&[]);
    app.write("src/instrument.server.ts", starting("globalThis.seen = { second: true };"));
    let report = app.succeeds(&[]);
    assert!(report.contains("removed") && report.contains("instrument.server.a.mjs"), "{report}");
    assert_eq!(run(&app)["second"], true);
    app.presentry(&["--strict"]).assert().success().stdout(contains("already first").or(contains("facade")));
    let inspection = app.succeeds(&["inspect"]);
    let line =
        "instrumentation  .output/server/instrument.server.mjs, compiled from src/instrument.server.ts\nloaded at once";
    assert!(inspection.contains(line), "nothing is left to add: {inspection}");
}
