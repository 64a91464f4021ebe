//! Instrumentations that Node does not link, or whose evaluation never comes to its end.

use crate::order::{conditional, proven, refused};

#[test]
fn json() {
    refused(
        "syntax-error",
        &["import a from './a.json' with { type: 'json' }; import * as S from '@sentry/node'; S.init({});
--- a.json
{bad"],
    );
    refused(
        "instrumentation-throws",
        &[
            "import './a.json'; import * as S from '@sentry/node'; S.init({});
--- a.json
{}",
            "import { b } from './a.json' with { type: 'json' }; import * as S from '@sentry/node'; S.init({});
--- a.json
{ \"b\": 1 }",
            "import './a.mjs' with { type: 'json' }; import * as S from '@sentry/node'; S.init({});
--- a.mjs
export {};",
            "import { createRequire } from 'node:module'; createRequire(import.meta.url)('./a.json'); import * as S from '@sentry/node'; S.init({});
--- a.json
[1, ]",
        ],
    );
    proven(&[
        "import a from './a.json' with { type: 'json' }; import * as S from '@sentry/node'; S.init({ debug: a.debug });
--- a.json
\u{feff}{ \"debug\": true, \"a\": \"\\ud800\", \"b\": 1e999 }",
        "import { createRequire } from 'node:module'; const a = createRequire(import.meta.url)('./a.json'); import * as S from '@sentry/node'; S.init(a);
--- a.json
{}",
    ]);
}

#[test]
fn kinds_of_files() {
    refused(
        "syntax-error",
        &[
            "import './lib/a.js'; import * as S from '@sentry/node'; S.init({});
--- lib/package.json
{ \"type\": \"commonjs\" }
--- lib/a.js
export const a = 1;",
            "import './a.cjs'; import * as S from '@sentry/node'; S.init({});
--- a.cjs
import 'node:fs';",
            "import './a.cjs'; import * as S from '@sentry/node'; S.init({});
--- a.cjs
exports.a = (;",
        ],
    );
    refused(
        "instrumentation-throws",
        &["import './a.css'; import * as S from '@sentry/node'; S.init({});
--- a.css
a {}"],
    );
    refused(
        "missing-module",
        &[
            "import 'node:nothing'; import * as S from '@sentry/node'; S.init({});",
            "import './lib'; import * as S from '@sentry/node'; S.init({});
--- lib/index.mjs
export {};",
        ],
    );
    proven(&[
        "import './a.cjs'; import * as S from '@sentry/node'; S.init({});
--- a.cjs
with (Math) { exports.a = max(1, 010); } if (exports.a) return;",
        "import './lib/a.js'; import * as S from '@sentry/node'; S.init({});
--- lib/a.js
export const a = 1;",
        "import 'node:sqlite'; import 'node:test/reporters'; import 'node:fs/promises'; import * as S from '@sentry/node'; S.init({});",
    ]);
}

/// What is not linked is not evaluated, and neither is what it imports.
#[test]
fn at_run_time() {
    let files = "
--- start.mjs
import * as Sentry from '@sentry/node'; Sentry.init({}); export const started = true;
--- a.json
{}
--- b.json
{bad
--- c.cjs
export {};
--- first.mjs
import './start.mjs'; import './missing.mjs';
--- second.mjs
import './start.mjs'; import './a.json';
--- third.mjs
import './start.mjs'; import 'node:nothing';
--- fourth.mjs
import { none } from './start.mjs';";
    let modules = ["./first.mjs", "./second.mjs", "./third.mjs", "./fourth.mjs", "./none.mjs", "./a.json", "./b.json"];
    for module in modules.into_iter().chain(["./c.cjs"]) {
        let after = format!(
            "import * as S from '@sentry/node'; try {{ await import('{module}'); S.init({{}}); }} catch {{}}{files}"
        );
        refused("sentry-not-started", &[&after]);
        let before = format!(
            "import * as S from '@sentry/node'; try {{ await import('{module}'); }} catch {{}} S.init({{}});{files}"
        );
        proven(&[&before]);
    }
    let required = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); import * as S from '@sentry/node';";
    for module in ["./none.cjs", "./b.json", "./c.cjs"] {
        refused(
            "sentry-not-started",
            &[&format!("{required} try {{ require('{module}'); S.init({{}}); }} catch {{}}{files}")],
        );
    }
    // Where the options are given they are taken to be right.
    let options = format!(
        "import * as S from '@sentry/node'; try {{ await import('./a.json', {{ with: {{ type: 'json' }} }}); S.init({{}}); }} catch {{}}{files}"
    );
    conditional(&[&options]);
    // Packages may lie outside of the build.
    conditional(&["import * as S from '@sentry/node'; try { await import('none'); S.init({}); } catch {}"]);
}

#[test]
fn what_never_comes_to_its_end() {
    refused(
        "instrumentation-throws",
        &[
            "Sentry.init({}); await new Promise(() => {});",
            "await new Promise(() => { setTimeout(() => {}, 10); }); Sentry.init({});",
            "async function wait() { await new Promise(() => {}); } Sentry.init({}); await wait();",
            "Sentry.init({}); await Promise.race([]);",
        ],
    );
    proven(&[
        "new Promise(() => {}); Sentry.init({});",
        "async function wait() { await new Promise(() => {}); } wait(); Sentry.init({});",
        "let done; const later = new Promise((resolve) => { done = resolve; }); done(); await later; Sentry.init({});",
        "await new Promise(function () { arguments[0](); }); Sentry.init({});",
        "if (process.env.A) { await new Promise(() => {}); } else { Sentry.init({}); }",
        "await Promise.race([new Promise(() => {}), 1]); Sentry.init({});",
    ]);
}

/// What surely fails in a `try` keeps Sentry from starting behind it.
#[test]
fn what_surely_fails() {
    refused(
        "sentry-not-started",
        &[
            "try { await Promise.any([]); Sentry.init({}); } catch {}",
            "try { Object.freeze({ a: 1 }).a = 2; Sentry.init({}); } catch {}",
            "try { delete Object.freeze({ a: 1 }).a; Sentry.init({}); } catch {}",
            "try { const o = { get a() { return 1; } }; o.a = 2; Sentry.init({}); } catch {}",
            "try { new URL('x'); Sentry.init({}); } catch {}",
        ],
    );
    conditional(&[
        "try { Object.seal({ a: 1 }).b = 2; Sentry.init({}); } catch {}",
        "try { new URL(process.env.A); Sentry.init({}); } catch {}",
    ]);
    proven(&[
        "try { new URL('https://o1.ingest.sentry.io/1'); Sentry.init({}); } catch {}",
        "try { new URL('./x', import.meta.url); Sentry.init({}); } catch {}",
    ]);
}
