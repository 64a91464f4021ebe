//! Builds that the SDK's `experimental_dynamic-import` made, brought to the canonical form.

use expect_test::{Expect, expect};
use presentry_rewriter::{InlinedInstrumentation, Outcome, Request, plan};

use crate::written::{applied, build, request, show_plan};

#[track_caller]
fn check(text: &str, expected: Expect) {
    let files = build(text);
    let planned = plan(&files, &request());
    expected.assert_eq(&show_plan(&planned));
    if planned.outcome == Outcome::Rewritten {
        let again = plan(&applied(files, &planned), &request());
        assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}", show_plan(&again));
    }
}

const RUNTIME: &str = "--- chunks/nitro.mjs
import 'pg';
const server = {};
const l = (req, res) => {};
const ns = /*#__PURE__*/Object.freeze({ __proto__: null, default: server });
export { ns as h, l };
";

#[test]
fn proven_wrapper() {
    check(
        &format!(
            "{RUNTIME}--- index.mjs
import process from 'node:process';globalThis._importMeta_={{url:import.meta.url,env:process.env}};import * as t from '@sentry/solidstart';
import 'dotenv/config';

t.init({{}});

import('./chunks/nitro.mjs').then(function (n) {{ return n.h; }});
async function default_sentryWrapped(...args) {{
  const res = await import('./chunks/nitro.mjs').then(function (n) {{ return n.h; }});
  return res.default.call(this, ...args);
}}

export {{ default_sentryWrapped as default }};
//# sourceMappingURL=index.mjs.map
"
        ),
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            globalThis._importMeta_ = { url: import.meta.url, env: process.env };
            import { h as _runtime } from "./chunks/nitro.mjs";
            const { default: _default } = _runtime;
            export { _default as default };
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _default as default };
            --- instrument.server.mjs (instrumentation)
            import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};import * as t from '@sentry/solidstart';
            import 'dotenv/config';

            t.init({});

            0                                                              ;






            //# sourceMappingURL=index.mjs.map
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:4:1: t.init({});
        "#]],
    );
}

#[test]
fn minified_wrapper() {
    check(
        &format!(
            "{RUNTIME}--- index.mjs
import*as t from\"@sentry/solidstart\";async function default_sentryWrapped(...n){{return(await import(\"./chunks/nitro.mjs\").then(function(n){{return n.h}})).default.call(this,...n)}}t.init({{}}),import(\"./chunks/nitro.mjs\").then(function(n){{return n.h}});export{{default_sentryWrapped as default}};
"
        ),
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import { h as _runtime } from "./chunks/nitro.mjs";
            const { default: _default } = _runtime;
            export { _default as default };
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _default as default };
            --- instrument.server.mjs (instrumentation)
            import*as t from"@sentry/solidstart";                                                                                                                                            t.init({}),0                                                         ;
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:1:178: …                                                       t.init({}),0                                                     …
        "#]],
    );
}

#[test]
fn wrapper_with_a_static_edge_is_repaired() {
    check(
        &format!(
            "{RUNTIME}--- index.mjs
import * as t from '@sentry/solidstart';
export {{ l as listener }} from './chunks/nitro.mjs';
import 'pg';
import 'node:http';

t.init({{}});

import('./chunks/nitro.mjs').then(function (n) {{ return n.h; }});
async function handler_sentryWrapped(...args) {{
  const res = await import('./chunks/nitro.mjs').then(function (n) {{ return n.h; }});
  return res.handler.call(this, ...args);
}}

export {{ handler_sentryWrapped as handler }};
"
        ),
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import { h as _runtime } from "./chunks/nitro.mjs";
            import 'pg';
            const { handler: _handler } = _runtime;
            export { _handler as handler };
            export { l as listener } from "./chunks/nitro.mjs";
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { handler: _handler, listener: _listener } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _handler as handler, _listener as listener };
            --- instrument.server.mjs (instrumentation)
            import * as t from '@sentry/solidstart';


            import 'node:http';

            t.init({});

            0                                                              ;






            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:6:1: t.init({});
        "#]],
    );
}

#[test]
fn wrapper_without_exports() {
    check(
        "--- index.mjs
import { init } from '@sentry/solidstart';
init({});
import('./chunks/nitro.mjs');
--- chunks/nitro.mjs
import 'pg';
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import "./chunks/nitro.mjs";
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            --- instrument.server.mjs (instrumentation)
            import { init } from '@sentry/solidstart';
            init({});
            0                           ;
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:2:1: init({});
        "#]],
    );
}

#[test]
fn wrapper_in_a_chunk() {
    check(
        "--- index.mjs
export { t as default } from './chunks/virtual/node-server.mjs';
--- chunks/virtual/node-server.mjs
import * as t$1 from '@sentry/solidstart';
import { setting } from '../settings.mjs';
t$1.init({ setting });
import('../runtime.mjs').then(function (n) { return n.j; });
async function default_sentryWrapped(...args) {
  const res = await import('../runtime.mjs').then(function (n) { return n.j; });
  return res.default.call(this, ...args);
}
export { default_sentryWrapped as t };
//# sourceMappingURL=node-server.mjs.map
--- chunks/settings.mjs
export const setting = 1;
--- chunks/runtime.mjs
import 'pg';
import { setting } from './settings.mjs';
export const j = { default: setting };
",
        expect![[r#"
            Rewritten
            --- entry.mjs (moved entry)
            import { j as _runtime } from "./chunks/runtime.mjs";
            const { default: _default } = _runtime;
            export { _default as default };
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _default as default };
            --- instrument.server.mjs (instrumentation)
            import * as t$1 from '@sentry/solidstart';
            import { setting } from "./chunks/settings.mjs";
            t$1.init({ setting });
            0                                                          ;





            //# sourceMappingURL=./chunks/virtual/node-server.mjs.map
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              instrument.server.mjs:3:1: t$1.init({ setting });
        "#]],
    );
}

/// nitropack 2.9 puts what instrumentation and runtime share into the wrapper's chunk: that chunk has to stay.
#[test]
fn wrapper_in_a_chunk_that_others_import() {
    check(
        "--- index.mjs
export { T as default } from './chunks/virtual/node-server.mjs';
--- chunks/virtual/node-server.mjs
import * as t from '@sentry/solidstart';
function createError() {}
t.init({ createError });
import('../runtime.mjs').then(function (n) { return n.j; });
async function default_sentryWrapped(...args) {
  const res = await import('../runtime.mjs').then(function (n) { return n.j; });
  return res.default.call(this, ...args);
}
export { createError as A, default_sentryWrapped as T };
--- chunks/runtime.mjs
import 'pg';
import { A } from './virtual/node-server.mjs';
export const j = { default: A };
",
        expect![[r#"
            Rewritten
            --- chunks/virtual/node-server.mjs (instrumentation)
            import * as t from '@sentry/solidstart';
            function createError() {}
            t.init({ createError });
            0                                                          ;
            async function default_sentryWrapped(...args) {
              const res = await import('../runtime.mjs').then(function (n) { return n.j; });
              return res.default.call(this, ...args);
            }
            export { createError as A, default_sentryWrapped as T };
            --- entry.mjs (moved entry)
            import { j as _runtime } from "./chunks/runtime.mjs";
            const { default: _default } = _runtime;
            export { _default as default };
            --- index.mjs (facade)
            // presentry <version> <digest>
            import "./instrument.server.mjs";
            const { default: _default } = await import("./entry.mjs").catch((_error) => {
              process.exitCode = 1;
              throw _error;
            });
            export { _default as default };
            --- instrument.server.mjs (instrumentation)
            import "./chunks/virtual/node-server.mjs";
            warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
              chunks/virtual/node-server.mjs:3:1: t.init({ createError });
        "#]],
    );
}

#[test]
fn what_cannot_be_taken_apart() {
    check(
        "--- index.mjs
import { init } from '@sentry/solidstart';
import { u } from './nitro.mjs';
init({ u });
import('./nitro.mjs');
--- nitro.mjs
export const u = 1;
",
        expect![[r#"
            Refused
            error[instrumentation-shares-runtime]: the instrumentation in `index.mjs` imports from the runtime, `./nitro.mjs`
              index.mjs:2:1: import { u } from './nitro.mjs';
        "#]],
    );
    check(
        "--- index.mjs
export { t as default } from './nitro.mjs';
--- nitro.mjs
import { init } from '@sentry/solidstart';
init({});
export const t = process.env.NITRO_ENV_PREFIX;
",
        expect![[r#"
            Refused
            error[instrumentation-in-runtime]: `Sentry.init()` in `nitro.mjs` is loaded with the runtime, after the libraries that the runtime imports
              nitro.mjs:2:1: init({});
        "#]],
    );
    check(
        "--- index.mjs
import { init } from '@sentry/solidstart';
init({});
import('./nitro.mjs');
export const shared = 1;
--- nitro.mjs
import { shared } from './index.mjs';
",
        expect![[r#"
            Refused
            error[instrumentation-in-runtime]: `Sentry.init()` stands in `index.mjs` and cannot be taken out: the export `shared` of that module is no forwarder
        "#]],
    );
}

/// The instrumentation and the runtime share `h3`, and Rollup put it into the chunk of the runtime.
const SHARED: &str = "--- index.mjs
import * as t from '@sentry/solidstart';
import { g as getRequestURL } from './chunks/nitro.mjs';
import 'pg';
t.init({ beforeSend: (event) => getRequestURL(event) });
import('./chunks/nitro.mjs').then(function (n) { return n.h; });
async function default_sentryWrapped(...args) {
  const res = await import('./chunks/nitro.mjs').then(function (n) { return n.h; });
  return res.default.call(this, ...args);
}
export { default_sentryWrapped as default };
--- chunks/nitro.mjs
import 'pg';
const g = () => {};
const ns = /*#__PURE__*/Object.freeze({ __proto__: null, default: {} });
export { ns as h, g };
";

#[test]
fn what_is_shared_with_the_runtime_is_refused_unless_there_is_another_instrumentation() {
    check(
        SHARED,
        expect![[r#"
            Refused
            error[instrumentation-shares-runtime]: the instrumentation in `index.mjs` imports from the runtime, `./chunks/nitro.mjs`
              index.mjs:2:1: import { g as getRequestURL } from './chunks/nitro.mjs';
        "#]],
    );
    let files = build(&format!("{}{SHARED}", crate::written::INSTRUMENTATION));
    let request = Request { inlined: InlinedInstrumentation::Replace, ..request() };
    let planned = plan(&files, &request);
    expect![[r#"
        Rewritten
        --- entry.mjs (moved entry)
        import { h as _runtime } from "./chunks/nitro.mjs";
        import 'pg';
        const { default: _default } = _runtime;
        export { _default as default };
        --- index.mjs (facade)
        // presentry <version> <digest>
        import "./instrument.server.mjs";
        const { default: _default } = await import("./entry.mjs").catch((_error) => {
          process.exitCode = 1;
          throw _error;
        });
        export { _default as default };
        warning[init-options]: no spans are recorded: `tracesSampleRate` is missing
          instrument.server.mjs:2:1: Sentry.init({});
    "#]]
    .assert_eq(&show_plan(&planned));
    let missing = plan(&build(SHARED), &request);
    assert_eq!(missing.diagnostics[0].code.name, "instrumentation-missing");
}

#[test]
fn a_path_of_the_machine_of_the_build_is_refused() {
    check(
        "--- index.mjs
import * as t from '@sentry/solidstart';
import { register } from '/app/node_modules/import-in-the-middle/lib/register';
t.init({});
register();
import('./chunks/nitro.mjs');
async function default_sentryWrapped(...args) {
  return (await import('./chunks/nitro.mjs')).default.call(this, ...args);
}
export { default_sentryWrapped as default };
--- chunks/nitro.mjs
export default {};
",
        expect![[r#"
            Refused
            error[instrumentation-imports-elsewhere]: the instrumentation in `index.mjs` imports `/app/node_modules/import-in-the-middle/lib/register`, outside of the build
              index.mjs:2:1: import { register } from '/app/node_modules/import-in-the-middle/lib/register';
        "#]],
    );
}
