//! What a plan does to builds that are written down here.

use expect_test::{Expect, expect};
use presentry_rewriter::{EntryLoading, ExportStyle, Mode, Outcome, Request, plan};

use crate::written::{INSTRUMENTATION, applied, build, request, show_plan};

#[track_caller]
fn check(text: &str, expected: Expect) {
    check_request(text, &request(), expected);
}

#[track_caller]
fn check_request(text: &str, request: &Request, expected: Expect) {
    let files = build(&format!("{INSTRUMENTATION}{text}"));
    let planned = plan(&files, request);
    expected.assert_eq(&show_plan(&planned));
    // A second run changes nothing.
    if planned.outcome == Outcome::Rewritten {
        let again = plan(&applied(files, &planned), request);
        assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}", show_plan(&again));
        assert_eq!(again.exports, planned.exports);
    }
}

#[test]
fn facade_over_chunks() {
    check(
        "--- index.mjs
import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};import 'node:http';
export { n as default } from './chunks/nitro/nitro.mjs';
import '@sentry/solidstart';
import 'pg';
//# sourceMappingURL=index.mjs.map
--- chunks/nitro/nitro.mjs
import 'pg';
const nodeServer = {};
export { nodeServer as n };
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};import 'node:http';
            export { n as default } from './chunks/nitro/nitro.mjs';
            import '@sentry/solidstart';
            import 'pg';
            //# sourceMappingURL=index.mjs.map
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            import("./entry.mjs").catch((_error) => { process.exitCode = 1; process.nextTick(() => { throw _error; }); });
            const _default = {};
            export { _default as default };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn runtime_in_the_entry_with_back_importers() {
    check(
        "--- index.mjs
import 'pg';
export const t = () => import('./chunks/app.mjs');
export function B() {}
--- chunks/app.mjs
import { t, B as Bt } from '../index.mjs'; const lazy = () => import('../index.mjs?again'); const not = './index.mjs';
--- chunks/unrelated.mjs
import './index.mjs';
--- chunks/index.mjs
export {};
",
        expect![[r#"
            Rewritten
            --- chunks/app.mjs (repointed)
            import { t, B as Bt } from '../entry.mjs'; const lazy = () => import('../entry.mjs?again'); const not = './index.mjs';
            --- entry.mjs (moved entry)
            import 'pg';
            export const t = () => import('./chunks/app.mjs');
            export function B() {}
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { t: _t, B: _B } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _t as t, _B as B };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn a_module_in_front_of_the_entry_keeps_naming_it() {
    let request = Request { entry: crate::written::path("main.mjs"), loading: EntryLoading::Imported, ..request() };
    check_request(
        "--- main.mjs
export { n as default } from './chunks/nitro.mjs';
--- server.mjs
export { default } from \"./main.mjs\";
export const config = { path: '/*' };
--- chunks/nitro.mjs
export const n = async () => new Response();
",
        &request,
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export { n as default } from './chunks/nitro.mjs';
            --- main.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default } = await import("./entry.mjs");
            export { _default as default };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn a_launcher_floats_the_import() {
    let request = Request { loading: EntryLoading::Launcher, ..request() };
    check_request(
        "--- index.mjs
export { n as default } from './nitro.mjs';
--- nitro.mjs
export const n = 1;
",
        &request,
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export { n as default } from './nitro.mjs';
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            let _runtime;
            try {
              _runtime = await import("./entry.mjs");
            } catch (_error) {
              process.exitCode = 1;
              process.nextTick(() => { throw _error; });
              throw _error;
            }
            const { default: _default } = _runtime;
            export { _default as default };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
    check_request(
        "--- index.mjs\nimport './nitro.mjs';\n--- nitro.mjs\n1;\n",
        &request,
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import './nitro.mjs';
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            let _runtime;
            try {
              _runtime = await import("./entry.mjs");
            } catch (_error) {
              process.exitCode = 1;
              process.nextTick(() => { throw _error; });
              throw _error;
            }
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn every_export_name() {
    check(
        "--- index.mjs
export default function () {}
const plain = 1, b = 2;
export { plain, b as \"a-b\", b as 'it\\'s \"q\"', b as class, b as await, b as _a_b, b as '' };
export * as ns from './stars.mjs';
export * from './stars.mjs';
--- stars.mjs
export * from './one.mjs';
export * from './two.mjs';
export const own = 1;
export default 'never carried';
--- one.mjs
export const same = 1, one = 1, own = 2;
export * from './stars.mjs';
--- two.mjs
export const same = 2, two = 2;
export { one } from './one.mjs';
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export default function () {}
            const plain = 1, b = 2;
            export { plain, b as "a-b", b as 'it\'s "q"', b as class, b as await, b as _a_b, b as '' };
            export * as ns from './stars.mjs';
            export * from './stars.mjs';
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default, plain: _plain, "a-b": _a_b, "it's \"q\"": _it_s__q_, class: _class, await: _await, _a_b: __a_b, "": _, ns: _ns, own: _own, one: _one, two: _two } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _default as default, _plain as plain, _a_b as "a-b", _it_s__q_ as "it's \"q\"", _class as class, _await as await, __a_b as _a_b, _ as "", _ns as ns, _own as own, _one as one, _two as two };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn an_entry_that_exports_then() {
    check(
        "--- index.mjs\nexport function then(resolve) { resolve(1); }\nexport const a = 1;\n",
        expect![[r#"
            Rewritten
            --- entr1.mjs (passage)
            export * as runtime from "./entry.mjs";
            --- entry.mjs (moved entry)
            export function then(resolve) { resolve(1); }
            export const a = 1;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { then: _then, a: _a } = (await import("./entr1.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            })).runtime;
            export { _then as then, _a as a };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn an_entry_that_imports_itself() {
    check(
        "--- index.mjs\nimport * as self from './index.mjs';\nexport const a = () => self;\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import * as self from './entry.mjs';
            export const a = () => self;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { a: _a } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _a as a };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn top_level_import_of_the_sdk_is_taken_over() {
    check(
        "--- index.mjs\nimport './instrument.server.mjs';\nimport 'pg';\nexport const a = 1;\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import 'pg';
            export const a = 1;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { a: _a } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _a as a };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn hashbang_and_byte_order_mark() {
    check(
        "--- index.mjs\n#!/usr/bin/env node\nimport 'pg';\r\nexport const a = 1;\r\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            #!/usr/bin/env node
            import 'pg';
            export const a = 1;
            --- index.mjs (facade)
            #!/usr/bin/env node
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { a: _a } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _a as a };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
    check(
        "--- index.mjs\n\u{feff}import 'pg'; export const a = 1;\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            ﻿import 'pg'; export const a = 1;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { a: _a } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _a as a };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn what_is_warned_of() {
    check(
        "--- index.mjs
export let count = 0;
export function next() { count += 1; }
if (import.meta.main) next();
import './worker-host.mjs';
--- worker-host.mjs
import { count } from './index.mjs';
new Worker(new URL('./index.mjs', import.meta.url));
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export let count = 0;
            export function next() { count += 1; }
            if (globalThis[Symbol.for("presentry.main " + new URL("./index.mjs", import.meta.url).href)]) next();
            import './worker-host.mjs';
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            globalThis[Symbol.for("presentry.main " + import.meta.url)] = import.meta.main;
            const { count: _count, next: _next } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _count as count, _next as next };
            --- worker-host.mjs (repointed)
            import { count } from './entry.mjs';
            new Worker(new URL('./index.mjs', import.meta.url));
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
            warning[live-binding]: the export `count` is assigned in a function, and importers will not see the new value
              index.mjs:2:26: export function next() { count += 1; }
            warning[entry-url]: `worker-host.mjs` names the entry by its URL, which is the facade now
              worker-host.mjs:2:12: new Worker(new URL('./index.mjs', import.meta.url));
        "#]],
    );
}

#[test]
fn what_is_refused() {
    check(
        "--- other.mjs\n",
        expect![[r#"
        Refused
        error[entry-not-found]: `index.mjs` is not there, or is no ES module
    "#]],
    );
    check(
        "--- index.mjs\nimport {\n",
        expect![[r#"
            Refused
            error[syntax-error]: `index.mjs` is no valid module: unexpected token `<eof>`, expected identifier or string
              index.mjs:2:1: 
        "#]],
    );
    check(
        "--- index.mjs\nexport * from 'some-package';\n",
        expect![[r#"
        Refused
        error[unresolved-star-export]: the names that `export *` takes from `some-package` cannot be known
          index.mjs:1:1: export * from 'some-package';
    "#]],
    );
    check(
        "--- index.mjs\nexport const a = 1;\n--- instrument.server.mjs\nimport * as S from 'other'; S.init();\n",
        expect![[r#"
            Refused
            error[sentry-not-started]: no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package
        "#]],
    );
    check(
        "--- index.mjs
import './chunks/nitro.mjs';
--- instrument.server.mjs
import { init } from '@sentry/node';
import { url } from './chunks/shared.mjs';
init({ url });
--- chunks/shared.mjs
export { url } from './nitro.mjs';
--- chunks/nitro.mjs
export const url = process.env.NITRO_ENV_PREFIX;
",
        expect![[r#"
            Refused
            error[static-edge-to-runtime]: `index.mjs` reaches `chunks/nitro.mjs` by static imports, before `Sentry.init()` can run
              index.mjs:2:1: import "./instrument.server.mjs";
              instrument.server.mjs:2:1: import { url } from './chunks/shared.mjs';
              chunks/shared.mjs:1:1: export { url } from './nitro.mjs';
        "#]],
    );
    check(
        "--- index.mjs\nexport const a = 1;\n--- instrument.server.mjs\nimport { init } from '@sentry/node'; import { a } from './index.mjs'; init(a);\n",
        expect![[r#"
            Refused
            error[static-edge-to-runtime]: `index.mjs` reaches `index.mjs` by static imports, before `Sentry.init()` can run
              index.mjs:2:1: import "./instrument.server.mjs";
              instrument.server.mjs:1:38: import { init } from '@sentry/node'; import { a } from './index.mjs'; init(a);
        "#]],
    );
    let required = Request { loading: EntryLoading::Required, ..request() };
    check_request(
        "--- index.mjs\nexport const a = 1;\n",
        &required,
        expect![[r#"
        Refused
        error[entry-cannot-await]: the host loads `index.mjs` by `require()`, which fails with `ERR_REQUIRE_ASYNC_MODULE` at a top-level await
    "#]],
    );
}

#[test]
fn wrapped_functions() {
    let wrap = |names: &[&str]| Request {
        exports: ExportStyle::Wrap(names.iter().map(|name| (*name).to_owned()).collect()),
        loading: EntryLoading::Required,
        ..request()
    };
    check_request(
        "--- index.mjs\nexport { h as handler } from './nitro.mjs';\n--- nitro.mjs\nasync function h(event, context) {}\nexport { h };\n",
        &wrap(&["handler"]),
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export { h as handler } from './nitro.mjs';
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const _runtime = import("./entry.mjs");
            _runtime.catch((_error) => { process.exitCode = 1; process.nextTick(() => { throw _error; }); });
            async function _handler() { return (await _runtime)["handler"].apply(this, arguments); }
            Object.defineProperty(_handler, "length", { value: 2, configurable: true });
            export { _handler as handler };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
    let refused = "--- index.mjs
export const called = onRequest(() => {});
export function changed() {}
changed.x = 1;
export class Klass {}
export function plain() {}
";
    check_request(
        refused,
        &wrap(&["called", "changed", "Klass", "plain"]),
        expect![[r#"
        Refused
        error[unwrappable-export]: the export `called` cannot be wrapped: it is not provably a plain function, but: call result
          index.mjs:1:14: export const called = onRequest(() => {});
    "#]],
    );
    check_request(
        &refused.replace("export const called", "const called"),
        &wrap(&["changed", "Klass", "plain"]),
        expect![[r#"
            Refused
            error[unwrappable-export]: the export `changed` cannot be wrapped: it is assigned again or carries properties
              index.mjs:2:17: export function changed() {}
              index.mjs:3:1: changed.x = 1;
        "#]],
    );
    check_request(
        "--- index.mjs\nexport class Klass {}\n",
        &wrap(&["Klass"]),
        expect![[r#"
        Refused
        error[unwrappable-export]: the export `Klass` cannot be wrapped: it is not provably a plain function, but: class
          index.mjs:1:14: export class Klass {}
    "#]],
    );
    check_request(
        "--- index.mjs\nexport function* g() {}\n",
        &wrap(&["g"]),
        expect![[r#"
        Refused
        error[unwrappable-export]: the export `g` cannot be wrapped: it is a generator
          index.mjs:1:18: export function* g() {}
    "#]],
    );
    check_request(
        "--- index.mjs\nexport function a() {}\nexport function b() {}\n",
        &wrap(&["a"]),
        expect![[r#"
        Refused
        error[unwrappable-export]: the export `b` cannot be wrapped: it is not listed, and passing it on would need a static edge to the runtime
    "#]],
    );
    check_request(
        "--- index.mjs\nexport function a() {}\n",
        &wrap(&["a", "handler"]),
        expect![[r#"
        Refused
        error[unknown-export]: `handler` is no export of the entry, which exports `a`
    "#]],
    );
    check_request(
        "--- index.mjs\nexport function a() {}\n--- instrument.server.mjs\nimport { init } from '@sentry/node';\nawait 1;\ninit();\n",
        &wrap(&["a"]),
        expect![[r#"
            Refused
            error[entry-cannot-await]: the host loads `index.mjs` by `require()`, which fails with `ERR_REQUIRE_ASYNC_MODULE` at a top-level await
              instrument.server.mjs:2:1: await 1;
        "#]],
    );
}

#[test]
fn specifiers_that_cannot_be_repointed() {
    let entry = "--- index.mjs\nimport './chunks/a.mjs';\nexport const a = 1;\n";
    check(
        &format!("{entry}--- chunks/a.mjs\nimport '../\\x69ndex.m\\\njs';\n"),
        expect![[r#"
        Refused
        error[unrepointable-specifier]: an import of the entry in `chunks/a.mjs` cannot be repointed
          chunks/a.mjs:1:8: import '../\x69ndex.m\
    "#]],
    );
    // Node finds the entry by the name of the server directory, which the rewriter is not told.
    check(
        &format!("{entry}--- chunks/a.mjs\nimport '../../server/index.mjs';\n"),
        expect![[r#"
        Refused
        error[unrepointable-specifier]: an import of the entry in `chunks/a.mjs` cannot be repointed
          chunks/a.mjs:1:8: import '../../server/index.mjs';
    "#]],
    );
}

#[test]
fn instances_of_a_module_are_different_modules() {
    check(
        "--- index.mjs
export * from './c.mjs';
export * from './c.mjs?x';
export * from './d.mjs';
export * from './d.mjs?#';
export const own = 1;
--- c.mjs
export const a = 1;
--- d.mjs
export const d = 1;
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            export * from './c.mjs';
            export * from './c.mjs?x';
            export * from './d.mjs';
            export * from './d.mjs?#';
            export const own = 1;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { own: _own, d: _d } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _own as own, _d as d };
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn an_entry_that_is_no_module() {
    let request = Request { entry: crate::written::path("index.js"), ..request() };
    check_request(
        "--- index.js\nexports.handler = () => {};\n",
        &request,
        expect![[r#"
        Refused
        error[entry-not-found]: `index.js` is not there, or is no ES module
    "#]],
    );
}

fn at_the_top() -> Request {
    Request { mode: Mode::TopLevelImport, ..request() }
}

#[test]
fn top_level_import_keeps_every_line() {
    check_request(
        "--- index.mjs
#!/usr/bin/env node
import 'pg';
export { n as default } from './chunks/nitro/nitro.mjs';
--- chunks/nitro/nitro.mjs
export const n = {};
",
        &at_the_top(),
        expect![[r#"
            Rewritten
            --- index.mjs (top-level import)
            #!/usr/bin/env node
            import "./instrument.server.mjs";import 'pg';
            export { n as default } from './chunks/nitro/nitro.mjs';
            warning[limited-tracing]: tracing is limited: libraries that are ES modules are loaded before `index.mjs` runs
        "#]],
    );
}

#[test]
fn top_level_import_of_what_starts_nothing_is_refused() {
    let files = build("--- index.mjs\nexport default {};\n--- instrument.server.mjs\nexport const init = 1;\n");
    let planned = plan(&files, &at_the_top());
    expect![[r#"
        Refused
        error[sentry-not-started]: no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package
    "#]]
    .assert_eq(&show_plan(&planned));
}

#[test]
fn an_entry_that_asks_if_it_is_the_main_module_reads_what_the_facade_would() {
    check(
        "--- index.mjs
import { pathToFileURL } from 'node:url';
const run = () => import('./app.mjs');
if (import.meta.url === pathToFileURL(process.argv[1]).href || import.meta.filename === process.argv[1]) run();
const here = import.meta.dirname;
--- app.mjs
export {};
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import { pathToFileURL } from 'node:url';
            const run = () => import('./app.mjs');
            if (new URL("./index.mjs", import.meta.url).href === pathToFileURL(process.argv[1]).href || (import.meta.filename?.slice(0, -9) + "index.mjs") === process.argv[1]) run();
            const here = import.meta.dirname;
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
    check(
        "--- index.mjs\nimport isMain from 'is-main';\nif (isMain(import.meta)) import('./app.mjs');\n--- app.mjs\nexport {};\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import isMain from 'is-main';
            if (isMain(({ ...import.meta, url: new URL("./index.mjs", import.meta.url).href, filename: (import.meta.filename?.slice(0, -9) + "index.mjs"), main: globalThis[Symbol.for("presentry.main " + new URL("./index.mjs", import.meta.url).href)] }))) import('./app.mjs');
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            globalThis[Symbol.for("presentry.main " + import.meta.url)] = import.meta.main;
            await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
            warning[entry-asks-if-main]: `index.mjs` hands `import.meta` to other code, which gets a copy behind the facade
              index.mjs:2:12: if (isMain(import.meta)) import('./app.mjs');
        "#]],
    );
}

#[test]
fn an_import_that_the_entry_does_not_wait_for_decides_the_exit_code() {
    check(
        "--- index.mjs\nimport './instrument.server.mjs';\nimport('./app.mjs');\n--- app.mjs\nimport 'pg';\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import('./app.mjs');
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            import("./app.mjs").catch((_error) => { process.exitCode = 1; process.nextTick(() => { throw _error; }); });
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
    for statement in [
        "void import('./app.mjs');",
        "import('./app.mjs').then((app) => app.start());",
        "\nimport(\n  './app.mjs'\n)\n",
    ] {
        let text = format!("{INSTRUMENTATION}--- index.mjs\n{statement}\n--- app.mjs\nimport 'pg';\n");
        let planned = show_plan(&plan(&build(&text), &request()));
        assert!(planned.contains("\nimport(\"./app.mjs\").catch("), "{planned}");
    }
    // Where a condition decides, or something handles the error, it is left to the entry.
    check(
        "--- index.mjs\nif (process.env.X) import('./app.mjs');\nimport('./app.mjs').catch(() => {});\nimport('./app.mjs').then(() => {}, () => {});\n--- app.mjs\nimport 'pg';\n",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            if (process.env.X) import('./app.mjs');
            import('./app.mjs').catch(() => {});
            import('./app.mjs').then(() => {}, () => {});
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: Sentry.init({});
        "#]],
    );
}

#[test]
fn objects_that_are_not_surely_empty_are_passed_on() {
    for runtime in [
        "const server = {};\nserver.a = 1;\nexport { server as n };\n",
        "const server = { a: 1 };\nexport { server as n };\n",
        "let server;\nserver = {};\nexport { server as n };\n",
        "const server = {}.a;\nexport { server as n };\n",
        "function server() {}\nexport { server as n };\n",
    ] {
        let text = format!(
            "{INSTRUMENTATION}--- index.mjs\nexport {{ n as default }} from './nitro.mjs';\n--- nitro.mjs\n{runtime}"
        );
        let planned = show_plan(&plan(&build(&text), &request()));
        assert!(planned.contains("default: _default } = await import"), "{planned}");
    }
}

#[test]
fn a_facade_for_require_has_no_await() {
    // With an instrumentation that waits, it is of no use.
    let waiting = "--- instrument.server.mjs\nimport * as Sentry from '@sentry/node';\nawait 0;\nSentry.init({});\n";
    let text =
        "--- index.mjs\nexport { n as default } from './nitro.mjs';\n--- nitro.mjs\nconst n = {};\nexport { n };\n";
    let awaits = |text: &str, request: &Request| {
        let planned = show_plan(&plan(&build(text), request));
        assert!(planned.starts_with("Rewritten"), "{planned}");
        planned.contains("await import")
    };
    assert!(!awaits(&format!("{INSTRUMENTATION}{text}"), &request()));
    assert!(awaits(&format!("{waiting}{text}"), &request()));
    let launched = Request { loading: EntryLoading::Launcher, ..request() };
    assert!(awaits(&format!("{INSTRUMENTATION}{text}"), &launched));
}

#[test]
fn an_instrumentation_that_always_throws() {
    let throwing = |text: &str| {
        let files = build(&format!("--- instrument.server.mjs\n{text}--- index.mjs\nexport const a = 1;\n"));
        show_plan(&plan(&files, &request()))
    };
    expect![[r#"
        Refused
        error[instrumentation-throws]: `instrument.server.mjs` always throws before it starts Sentry, so the server never starts
          instrument.server.mjs:2:7: throw new Error('no DSN');
    "#]].assert_eq(&throwing("import * as S from '@sentry/node';\nthrow new Error('no DSN');\nS.init({});\n"));
    expect![[r#"
        Refused
        error[instrumentation-throws]: `instrument.server.mjs` always throws after it starts Sentry, so the server never starts
          instrument.server.mjs:3:7: throw new Error('late');
    "#]].assert_eq(&throwing("import * as S from '@sentry/node';\nS.init({});\nthrow new Error('late');\n"));
    expect![[r#"
        Refused
        error[instrumentation-throws]: `instrument.server.mjs` always throws before it starts Sentry, so the server never starts
          instrument.server.mjs:1:11: const S = require('@sentry/node');
    "#]].assert_eq(&throwing("const S = require('@sentry/node');\nS.init({});\n"));
    // One that may throw is a path that starts no server.
    let maybe = throwing("import * as S from '@sentry/node';\nif (!process.env.A) throw 1;\nS.init({});\n");
    assert!(maybe.starts_with("Rewritten"), "{maybe}");
}

#[test]
fn a_facade_registers_the_hooks_that_require_does_not() {
    let facade_of = |start: &str, version: &str, exports: &str| {
        let files = build(&format!(
            "--- instrument.server.mjs
import {{ createRequire }} from 'node:module'; const require = createRequire(import.meta.url); {start}
--- index.mjs
import 'pg';
export {{ n as default }} from './chunks/nitro.mjs';
--- chunks/nitro.mjs
import 'pg'; export const n = process.env.NITRO_ENV_PREFIX;
--- node_modules/@sentry/node/package.json
{{ \"name\": \"@sentry/node\", \"version\": \"{version}\", \"exports\": {{ \".\": \"./index.js\"{exports} }} }}
--- node_modules/@sentry/node/index.js
exports.init = () => {{}};
--- node_modules/@sentry/node/import.mjs
export {{}};
"
        ));
        let planned = plan(&files, &request());
        let shown = show_plan(&planned);
        assert_eq!(plan(&applied(files, &planned), &request()).outcome, Outcome::AlreadyFirst, "{shown}");
        let imported = shown.contains("\nimport \"@sentry/node/import\";\nimport \"./instrument.server.mjs\";\n");
        (imported, shown.contains("[init-by-require]"))
    };
    let (start, with_hooks) = ("require('@sentry/node').init({});", ", \"./import\": \"./import.mjs\"");
    assert_eq!(facade_of(start, "10.70.0", with_hooks), (true, false));
    assert_eq!(facade_of(start, "10.70.0", ""), (false, true), "the SDK has no such entry");
    assert_eq!(facade_of(start, "11.12.0", with_hooks), (false, false), "it registers them itself");
    let by_hand = "await import('@sentry/node/import'); require('@sentry/node').init({});";
    assert_eq!(facade_of(by_hand, "10.70.0", with_hooks), (true, false), "a dynamic import is not looked for");
}
