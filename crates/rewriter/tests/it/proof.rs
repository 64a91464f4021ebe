//! The proof over builds of any origin.

use expect_test::{Expect, expect};
use presentry_rewriter::prove;

use crate::written::{INSTRUMENTATION, build, path, show_proof};

#[track_caller]
fn check(text: &str, expected: Expect) {
    let files = build(&format!("{INSTRUMENTATION}{text}"));
    expected.assert_eq(&show_proof(&prove(&files, &path("index.mjs"))));
}

#[test]
fn unrewritten_build() {
    check(
        "--- index.mjs
import 'node:http';
import 'pg';
export { n as default } from './chunks/nitro/nitro.mjs';
--- chunks/nitro/nitro.mjs
import 'pg'; export const n = process.env.NITRO_ENV_PREFIX;
",
        expect![[r#"
            error[sentry-not-started]: no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package
              index.mjs:3:1: export { n as default } from './chunks/nitro/nitro.mjs';
        "#]],
    );
}

#[test]
fn top_level_import() {
    check(
        "--- index.mjs
import './instrument.server.mjs';
import './a.mjs';
import 'pg';
import 'graphql';
--- a.mjs
export {};
",
        expect![[r#"
            error[static-edge-to-runtime]: `index.mjs` reaches `a.mjs` by static imports, before `Sentry.init()` can run
              index.mjs:2:1: import './a.mjs';
        "#]],
    );
    // Everything in one file: the entry is the runtime.
    check(
        "--- index.mjs\nimport './instrument.server.mjs';\nconsole.log(1);\n",
        expect![[r#"
        error[runtime-not-deferred]: `index.mjs` is the runtime itself: it loads no module of the build by `import()`
    "#]],
    );
}

#[test]
fn sdk_dynamic_import() {
    check(
        "--- index.mjs
import * as Sentry from '@sentry/solidstart';
Sentry.init({});
const default_sentryWrapped = async (...args) => (await import('./chunks/nitro.mjs').then(function (n) { return n.n; })).default.apply(this, args);
import('./chunks/nitro.mjs').then(function (n) { return n.n; });
export { default_sentryWrapped as default };
--- chunks/nitro.mjs
import 'pg';
",
        expect![[r#"
            holds: index.mjs first
            closure: index.mjs
            packages: @sentry/solidstart
            runtime: chunks/nitro.mjs
        "#]],
    );
}

#[test]
fn sdk_dynamic_import_with_a_static_edge() {
    check(
        "--- index.mjs
import 'pg';
import * as Sentry from '@sentry/solidstart';
Sentry.init({});
import('./chunks/nitro.mjs').then(function (n) { return n.n; });
export { handle } from './chunks/nitro.mjs';
--- chunks/nitro.mjs
import 'pg'; export const handle = 1;
",
        expect![[r#"
            error[static-edge-to-runtime]: `index.mjs` reaches `chunks/nitro.mjs` by static imports, before `Sentry.init()` can run
              index.mjs:5:1: export { handle } from './chunks/nitro.mjs';
        "#]],
    );
}

#[test]
fn init_in_a_chunk_of_its_own() {
    check(
        "--- index.mjs
export { t as default } from './chunks/virtual/node-server.mjs';
--- chunks/virtual/node-server.mjs
import { init } from '@sentry/solidstart';
init({});
export const t = () => import('../runtime.mjs');
--- chunks/runtime.mjs
import 'pg'; process.env.NITRO_ENV_PREFIX;
",
        expect![[r#"
            holds: chunks/virtual/node-server.mjs first
            closure: chunks/virtual/node-server.mjs, index.mjs
            packages: @sentry/solidstart
            runtime: chunks/runtime.mjs
        "#]],
    );
}

#[test]
fn init_in_the_runtime_chunk() {
    check(
        "--- index.mjs
export { t as default } from './chunks/nitro.mjs';
--- chunks/nitro.mjs
import { init } from '@sentry/solidstart';
import 'pg';
init({});
export const t = () => import('./route.mjs');
process.env.NITRO_ENV_PREFIX;
--- chunks/route.mjs
export {};
",
        expect![[r#"
            error[static-edge-to-runtime]: `index.mjs` reaches `chunks/nitro.mjs` by static imports, before `Sentry.init()` can run
              index.mjs:1:1: export { t as default } from './chunks/nitro.mjs';
        "#]],
    );
}

#[test]
fn instrumentation_that_is_not_whole() {
    check(
        "--- instrument.server.mjs
import { init } from '@sentry/solidstart';
import { release } from './assets/release.js';
init({ release });
--- index.mjs
import './instrument.server.mjs';
await import('./runtime.mjs');
--- runtime.mjs
",
        expect![[r#"
            error[missing-module]: `assets/release.js` is imported, but is not in the build
              index.mjs:1:1: import './instrument.server.mjs';
              instrument.server.mjs:2:1: import { release } from './assets/release.js';
        "#]],
    );
}

/// What counts as a call of `init`, and what does not.
#[test]
fn calls_of_init() {
    #[track_caller]
    fn starts(instrumentation: &str, expected: bool) {
        let text = format!(
            "--- instrument.server.mjs\n{instrumentation}\n--- setup.mjs\nimport {{ init }} from '@sentry/node';\nexport function start() {{ init({{}}); }}\nexport {{ init as begin }};\nexport * as Sentry from '@sentry/node';\n--- index.mjs\nimport './instrument.server.mjs';\nawait import('./runtime.mjs');\n--- runtime.mjs\n"
        );
        let proof = prove(&build(&text), &path("index.mjs"));
        assert_eq!(proof.holds(), expected, "{instrumentation}: {}", show_proof(&proof));
    }
    starts("import * as Sentry from '@sentry/solidstart'; Sentry.init({});", true);
    starts("import*as a from\"@sentry/solidstart\";a.init({})", true);
    starts("import { init } from '@sentry/solidstart'; init({});", true);
    starts("import { init as i } from '@sentry/node/init'; if (process.env.DSN) i({});", true);
    starts("import Sentry from '@sentry/node'; Sentry.init({});", true);
    starts("import * as S from '@sentry/node'; function go() { S.init({}); } go();", true);
    starts("import * as S from '@sentry/node'; const go = () => S.init({}); (() => go())();", true);
    starts("import { start } from './setup.mjs'; start();", true);
    starts("import { begin } from './setup.mjs'; begin();", true);
    starts("import { Sentry } from './setup.mjs'; Sentry.init();", true);
    starts("import * as setup from './setup.mjs'; setup.start();", true);

    starts("const Sentry = await import('@sentry/node'); Sentry.init();", true);
    starts("const { init } = await import('@sentry/node'); init();", true);
    starts("const { close, init: begin } = await import('@sentry/node'); begin();", true);

    starts("const { init: close, begin: init } = await import('@sentry/node'); init();", false);
    starts("const Sentry = await import('other'); Sentry.init();", false);
    starts("const Sentry = import('@sentry/node'); Sentry.init();", false);
    starts("import * as Sentry from '@sentry/solidstart';", false);
    starts("import * as S from '@sentry/node'; function go() { S.init({}); }", false);
    starts("import * as S from '@sentry/node'; { const S = { init() {} }; S.init({}); }", false);
    starts("import { init } from 'other'; init({});", false);
    starts("import { init } from '@sentryx/node'; init({});", false);
    starts("import { start } from './setup.mjs';", false);
    starts("const Sentry = { init() {} }; Sentry.init(); import '@sentry/node';", false);
    starts("// Sentry.init()\nimport '@sentry/node'; 'Sentry.init()';", false);
}

/// A facade whose instrumentation shares a module with the runtime.
fn shared(instrumentation: &str, entry: &str, chunks: &str) -> String {
    let text = format!(
        "--- index.mjs\nimport './instrument.server.mjs';\nexport const {{ a }} = await import('./entry.mjs');\n--- \
         instrument.server.mjs\nimport {{ init }} from '@sentry/node';\n{instrumentation}\ninit({{ tracesSampleRate: 1 }});\n--- \
         entry.mjs\n{entry}\n{chunks}"
    );
    show_proof(&prove(&build(&text), &path("index.mjs")))
}

#[test]
fn what_is_shared_is_found_by_the_graph() {
    // The module that declares what the entry exports serves, whatever its name and text.
    let serving = "--- c/x.mjs\nimport 'node:http';\nexport const a = {}, release = 1;\n";
    for instrumentation in ["import { release } from './c/x.mjs';", "import './c/x.mjs';", "import './c/y.mjs';"] {
        let chunks = format!("{serving}--- c/y.mjs\nexport * from './x.mjs';\n");
        let shown = shared(instrumentation, "export { a } from './c/x.mjs';", &chunks);
        assert!(shown.starts_with("error[static-edge-to-runtime]"), "{shown}");
        let shown = shared("const x = await import('./c/x.mjs');", "export { a } from './c/x.mjs';", serving);
        assert!(shown.contains("error[init-after-runtime]"), "{shown}");
        // So does what an entry without exports imports for what it does.
        let shown = shared(instrumentation, "import './c/x.mjs';", &chunks);
        assert!(shown.starts_with("error[static-edge-to-runtime]"), "{shown}");
    }
    // What serves is not the module that both use, even where that reads what Nitro's runtime reads.
    for (entry, own) in [
        ("export { a } from './c/x.mjs';", "export const release = process.env.NITRO_ENV_PREFIX;"),
        ("import './c/s.mjs';\nimport './c/x.mjs';", "export const release = 1;"),
        ("import './c/x.mjs';\nimport './c/s.mjs';", "export const release = 1;"),
    ] {
        let chunks = format!("--- c/x.mjs\nimport './s.mjs';\nexport const a = {{}};\n--- c/s.mjs\n{own}\n");
        let shown = shared("import { release } from './c/s.mjs';", entry, &chunks);
        assert!(shown.starts_with("holds"), "{entry}: {shown}");
    }
}

#[test]
fn a_runtime_that_is_imported_back_is_no_entry() {
    let text = "--- index.mjs\nimport { init } from '@sentry/node';\ninit({ tracesSampleRate: 1 });\nexport const app = 1;\nexport const \
                lazy = () => import('./route.mjs');\n--- route.mjs\nimport { app } from './index.mjs';\nexport default app;\n";
    let shown = show_proof(&prove(&build(text), &path("index.mjs")));
    assert!(shown.contains("error[runtime-not-deferred]"), "{shown}");
}

#[test]
fn a_runtime_that_nothing_waits_for_is_warned_of() {
    let floating = "import './instrument.server.mjs';\nimport('./entry.mjs');\n";
    let shown = |entry: &str| {
        let files = build(&format!("{INSTRUMENTATION}--- entry.mjs\nimport 'pg';\n--- index.mjs\n{entry}"));
        let proof = prove(&files, &path("index.mjs"));
        assert!(proof.holds());
        proof.warnings.iter().map(|warning| warning.code.name).collect::<Vec<_>>()
    };
    assert_eq!(shown(floating), ["init-options", "runtime-not-awaited"]);
    assert_eq!(shown(&floating.replace("import('", "await import('")), ["init-options"]);
    assert_eq!(shown(&floating.replace("mjs');\n", "mjs').catch(() => process.exit(1));\n")).len(), 1);
    let first = "import './instrument.server.mjs';\n";
    for function in [
        "function start() { import('./entry.mjs'); } start();",
        "const start = () => import('./entry.mjs'); start();",
        "const start = () => { void import('./entry.mjs'); }; start();",
        "async function main() { const { n } = await import('./entry.mjs'); n(); } main();",
        "(async () => { (await import('./entry.mjs')).n(); })();",
        "async function main() { await load(); } function load() { return import('./entry.mjs'); } main();",
    ] {
        assert_eq!(shown(&format!("{first}{function}")).len(), 2, "{function}");
    }
    for function in [
        "async function main() { await import('./entry.mjs'); } await main();",
        "async function main() { await import('./entry.mjs'); } main().catch(() => process.exit(1));",
        "function start() { import('./entry.mjs').catch(() => process.exit(1)); } start();",
        "function start() { const server = import('./entry.mjs'); server.catch(() => process.exit(1)); } start();",
        "async function main() { await 0; await import('./entry.mjs'); } main();",
    ] {
        assert_eq!(shown(&format!("{first}{function}")).len(), 1, "{function}");
    }
}

#[test]
fn calls_of_init_in_the_runtime_are_seen() {
    let text = "--- index.mjs\nimport './instrument.server.mjs';\nawait import('./entry.mjs');\n--- entry.mjs\nimport './c.mjs';\n--- \
                c.mjs\nimport * as S from '@sentry/node';\nimport { init as start } from '@sentry/solidstart';\nimport * as B from \
                '@sentry/browser';\nB.init({});\nexport function plugin() { S.init({}); restart(); start({}); }\n";
    let proof = prove(&build(&format!("{INSTRUMENTATION}{text}")), &path("index.mjs"));
    assert!(proof.holds());
    let seen: Vec<_> = proof.later_inits.iter().map(|label| (label.path.as_str(), label.position.line)).collect();
    assert_eq!(seen, [("c.mjs", 5), ("c.mjs", 5)]);
}

/// A module that the instrumentation loads at run time is none of the runtime.
#[test]
fn the_call_that_starts_sentry_is_no_second_one() {
    let text = "--- index.mjs\nimport './instrument.mjs';\nawait import('./entry.mjs');\n--- entry.mjs\n--- instrument.mjs\nawait \
                import('./start.mjs');\n--- start.mjs\nimport { init } from '@sentry/node';\ninit({});\n";
    let proof = prove(&build(text), &path("index.mjs"));
    assert!(proof.holds());
    assert_eq!(proof.later_inits, []);
}

/// What Sentry's build plugin makes of a chunk of the runtime, and of a library in it.
const BANNER: &str = ";(function(){var g=globalThis.__SENTRY_ORCHESTRION__=globalThis.__SENTRY_ORCHESTRION__||{};g.bundler=g.bundler||new Set();})();";
const OF_PLUGIN: &str = "--- _libs/pg.mjs
import { orchestrionModuleInjected, postgresIntegration } from './sentry.mjs';
globalThis.__SENTRY_ORCHESTRION_INJECT__ = orchestrionModuleInjected(\"pg\", () => postgresIntegration());
export class Pool {}
--- _libs/sentry.mjs
export const orchestrionModuleInjected = (name) => name, postgresIntegration = () => {};
";

/// A build of the plugin whose Nitro plugin starts Sentry.
#[track_caller]
fn check_of_plugin(banner: &str, imports: &str, start: &str, more: &str, expected: Expect) {
    let entry = format!(
        "--- index.mjs\n{banner}\n{imports}import {{ Pool }} from './_libs/pg.mjs';\nimport * as Sentry from '@sentry/node';\n{start}\nconst pool = new Pool();\nexport const prefix = process.env.NITRO_ENV_PREFIX;\n"
    );
    let files = build(&format!("{entry}{OF_PLUGIN}{more}"));
    expected.assert_eq(&show_proof(&prove(&files, &path("index.mjs"))));
}

#[test]
fn sentry_in_the_runtime_of_a_build_of_its_plugin() {
    check_of_plugin(
        BANNER,
        "",
        "Sentry.init({ tracesSampleRate: 1 });",
        "",
        expect![[r#"
            holds: index.mjs proven, in the runtime; injected: pg
            closure: _libs/pg.mjs, _libs/sentry.mjs, index.mjs
            packages: @sentry/node
            runtime: 
        "#]],
    );
    check_of_plugin(
        BANNER,
        "",
        "if (process.env.SENTRY_DSN) Sentry.init({ tracesSampleRate: 1 });",
        "",
        expect![[r#"
            holds: index.mjs proven under a condition, in the runtime; injected: pg
            closure: _libs/pg.mjs, _libs/sentry.mjs, index.mjs
            packages: @sentry/node
            runtime: 
        "#]],
    );
}

#[test]
fn sentry_in_the_runtime_without_its_plugin() {
    check_of_plugin(
        "",
        "",
        "Sentry.init({ tracesSampleRate: 1 });",
        "",
        expect![[r#"
            error[runtime-not-deferred]: `index.mjs` is the runtime itself: it loads no module of the build by `import()`
        "#]],
    );
    // Nothing starts Sentry.
    check_of_plugin(
        BANNER,
        "",
        "const start = () => Sentry.init({ tracesSampleRate: 1 });",
        "",
        expect![[r#"
            error[runtime-not-deferred]: `index.mjs` is the runtime itself: it loads no module of the build by `import()`
        "#]],
    );
}

#[test]
fn a_library_that_the_build_plugin_has_not_seen() {
    check_of_plugin(
        BANNER,
        "import mysql from 'mysql';\n",
        "Sentry.init({ tracesSampleRate: 1 });",
        "--- node_modules/mysql/package.json
{ \"name\": \"mysql\", \"version\": \"2.18.1\", \"main\": \"index.js\" }
--- node_modules/mysql/index.js
exports.createPool = () => {};
",
        expect![[r#"
            error[library-before-init]: `mysql` is loaded before `Sentry.init()` has run, and Sentry's build plugin did not instrument it, since it is outside of the bundle
              index.mjs:2:1: import mysql from 'mysql';
        "#]],
    );
}
