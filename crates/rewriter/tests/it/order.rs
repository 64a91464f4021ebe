//! The order of evaluation: instrumentations of every form, each with the verdict that is right for it.

use presentry_rewriter::{InitTrust, Proof, Verdict, prove, prove_with};

use crate::written::{build, path, show_proof};

/// What stands beside the instrumentation.
const REST: &str = "--- index.mjs
import './instrument.server.mjs';
await import('./entry.mjs');
--- entry.mjs
export { n as default } from './chunks/nitro.mjs';
--- chunks/nitro.mjs
import 'pg';
export const n = process.env.NITRO_ENV_PREFIX;
--- noop.mjs
export const init = () => {};
--- setup.mjs
import * as Sentry from '@sentry/node';
export function start() { Sentry.init({ tracesSampleRate: 1 }); }
export default function () { start(); }
export { init as begin } from '@sentry/node';
export * as sdk from '@sentry/node';
--- barrel.mjs
export * from '@sentry/node';
--- load.mjs
export const load = () => import('./entry.mjs');
--- warm.mjs
await import('./chunks/nitro.mjs');
export {};
--- node_modules/@acme/observability/package.json
{ \"name\": \"@acme/observability\", \"type\": \"module\", \"exports\": \"./index.js\" }
--- node_modules/@acme/observability/index.js
import * as Sentry from '@sentry/node';
export function startObservability() { Sentry.init({ tracesSampleRate: 1 }); }
";

fn proof(instrumentation: &str) -> Proof {
    // A part that starts with `---` brings files of its own.
    let (own, files) = instrumentation.split_once("\n--- ").unwrap_or((instrumentation, ""));
    let files = if files.is_empty() { String::new() } else { format!("--- {files}\n") };
    prove(&build(&format!("{REST}{files}--- instrument.server.mjs\n{own}\n")), &path("index.mjs"))
}

#[track_caller]
fn check(expected: Verdict, code: Option<&str>, instrumentations: &[&str]) {
    let mut wrong = Vec::new();
    for instrumentation in instrumentations {
        let with_namespace = format!("import * as Sentry from '@sentry/node'; {instrumentation}");
        let text = if instrumentation.contains("@sentry") || instrumentation.contains("@acme") {
            instrumentation
        } else {
            with_namespace.as_str()
        };
        let proof = proof(text);
        let codes: Vec<&str> = proof.failures.iter().map(|failure| failure.code.name).collect();
        if proof.verdict != expected || code.is_some_and(|code| !codes.contains(&code)) {
            wrong.push(format!("{}: {instrumentation}\n{}", proof.verdict.as_str(), show_proof(&proof)));
        }
    }
    assert!(wrong.is_empty(), "not {}: {}\n{}", expected.as_str(), wrong.len(), wrong.join("\n"));
}

pub(crate) fn proven(instrumentations: &[&str]) {
    check(Verdict::Proven, None, instrumentations);
}

pub(crate) fn conditional(instrumentations: &[&str]) {
    check(Verdict::UnderCondition, None, instrumentations);
}

/// Sentry is not first.
#[track_caller]
pub(crate) fn not_proven(instrumentation: &str) {
    let proof = proof(&format!("import * as Sentry from '@sentry/node'; {instrumentation}"));
    assert_eq!(proof.verdict, Verdict::NotProven, "{instrumentation}");
}

/// Sentry is not first, or not always.
#[track_caller]
pub(crate) fn not_surely_proven(instrumentation: &str) {
    let proof = proof(&format!("import * as Sentry from '@sentry/node'; {instrumentation}"));
    assert_ne!(proof.verdict, Verdict::Proven, "{instrumentation}");
}

pub(crate) fn refused(code: &str, instrumentations: &[&str]) {
    check(Verdict::NotProven, Some(code), instrumentations);
}

#[test]
fn spellings_of_the_start() {
    proven(&[
        "Sentry.init({});",
        "Sentry['init']({});",
        "Sentry[`init`]({});",
        "const name = 'init'; Sentry[name]({});",
        "(0, Sentry.init)({});",
        "Sentry.init.call(Sentry, {});",
        "Sentry.init.apply(undefined, [{}]);",
        "Sentry.init.bind(null)({});",
        "Reflect.apply(Sentry.init, null, [{}]);",
        "Sentry?.init?.({});",
        "const { init } = Sentry; init({});",
        "const { init: begin } = Sentry; begin({});",
        "const { init, ...rest } = Sentry; init({});",
        "let begin; begin = Sentry.init; begin({});",
        "let begin; ({ init: begin } = Sentry); begin({});",
        "const [begin] = [Sentry.init]; begin({});",
        "const S = Sentry; const T = S; T.init({});",
        "const api = { Sentry }; api.Sentry.init({});",
        "const api = { ...{ go: Sentry.init } }; api.go({});",
        "const api = {}; api.go = () => Sentry.init({}); api.go();",
        "Sentry.initWithoutDefaultIntegrations({});",
        "new Sentry.NodeClient({}).init();",
        "const client = new Sentry.NodeClient({}); Sentry.setCurrentClient(client); client.init();",
        "import { init } from '@sentry/solidstart'; init({});",
        "import { init as i } from '@sentry/node/init'; i({});",
        "import Sentry from '@sentry/node'; Sentry.init({});",
        "import { default as S } from '@sentry/node'; S.init({});",
        "import '@sentry/node/init';",
        "import '@sentry/node/preload';",
        "import S from 'npm:@sentry/node@10'; S.init({});",
        "const S = await import('@sentry/node'); S.init({});",
        "const S = (await import('@sentry/node')).default; S.init({});",
        "(await import('@sentry/node')).init({});",
        "const { init } = await import('@sentry/node'); init({});",
        "await import('@sentry/node').then((S) => S.init({}));",
        "await import('@sentry/node').then(({ init }) => { init({}); });",
        "await import('@sentry/node/init');",
        "const p = import('@sentry/node').then((S) => S.init({})); await p;",
        "import { createRequire } from 'node:module'; createRequire(import.meta.url)('@sentry/node').init({});",
        "import module from 'node:module'; const require = module.createRequire(import.meta.url); const S = require('@sentry/node'); S.init({});",
        "process.getBuiltinModule('node:module').createRequire(import.meta.url)('@sentry/node').init({});",
    ]);
}

#[test]
fn what_is_no_start() {
    refused(
        "sentry-not-started",
        &[
            "import { init } from '@sentry/fake'; init({});",
            "import { init } from '@sentry/core'; init({});",
            "import { init } from '@sentry/browser'; init({});",
            "import { init } from '@sentryx/node'; init({});",
            "import * as S from '@sentry/solidstart/solidrouter'; S.init({});",
            "import { init } from './noop.mjs'; import '@sentry/node'; init({});",
            "import '@sentry/node';",
            "Sentry.close();",
            "{ const Sentry = { init() {} }; Sentry.init(); }",
            "((Sentry) => Sentry.init())({ init() {} });",
            "new Sentry.NodeClient({});",
            "const Sentry = import('@sentry/node'); try { Sentry.init(); } catch {}",
            "const { init: close, begin: init } = await import('@sentry/node'); init();",
            "// Sentry.init()\n'Sentry.init()';",
        ],
    );
}

#[test]
fn functions_methods_and_classes() {
    proven(&[
        "function start() { Sentry.init({}); } start();",
        "start(); function start() { Sentry.init({}); }",
        "const start = () => Sentry.init({}); start();",
        "const start = function () { Sentry.init({}); }; start();",
        "(() => { Sentry.init({}); })();",
        "(function () { Sentry.init({}); }).call(this);",
        "!function () { Sentry.init({}); }();",
        "(() => () => Sentry.init({}))()();",
        "function outer() { inner(); function inner() { Sentry.init({}); } } outer();",
        "const make = (f) => () => f({}); make(Sentry.init)();",
        "const once = (f) => { let done; return (...a) => done ? undefined : (done = true, f(...a)); }; once(() => Sentry.init({}))();",
        "function start(begin = Sentry.init({})) {} start();",
        "function start({ go = () => Sentry.init({}) } = {}) { go(); } start();",
        "function start(...list) { list[0]({}); } start(Sentry.init);",
        "const o = { start() { Sentry.init({}); } }; o.start();",
        "const o = { start: () => Sentry.init({}) }; o['start']();",
        "const o = { get begun() { return Sentry.init({}); } }; o.begun;",
        "const o = { set level(v) { Sentry.init({}); } }; o.level = 1;",
        "const o = { go() { this.now(); }, now() { Sentry.init({}); } }; o.go();",
        "class A { constructor() { Sentry.init({}); } } new A();",
        "class A { start() { Sentry.init({}); } } new A().start();",
        "class A { static start() { Sentry.init({}); } } A.start();",
        "class A { static { Sentry.init({}); } }",
        "class A { static x = Sentry.init({}); }",
        "class A { x = Sentry.init({}); } new A();",
        "class A { #go() { Sentry.init({}); } start() { this.#go(); } } new A().start();",
        "class A { #x = Sentry.init({}); } new A();",
        "class A { start = () => Sentry.init({}); } new A().start();",
        "class A { get go() { return Sentry.init({}); } } new A().go;",
        "class A { constructor() { Sentry.init({}); } } class B extends A {} new B();",
        "class A { constructor() { Sentry.init({}); } } class B extends A { constructor() { super(); } } new B();",
        "class A { go() { Sentry.init({}); } } class B extends A { go() { super.go(); } } new B().go();",
        "const B = class { static go() { Sentry.init({}); } }; B.go();",
        "class A { [Sentry.init({})]() {} }",
        "function A() { Sentry.init({}); } new A();",
        "[1].forEach(() => Sentry.init({}));",
        "[Sentry.init].map((f) => f({}));",
        "['a', 'b'].some(() => Sentry.init({}));",
        "[{}].reduce((all, o) => { Sentry.init(o); return all; }, 0);",
        "const tag = (s) => Sentry.init({}); tag`x`;",
        "`${Sentry.init({})}`;",
        "new Promise((done) => { Sentry.init({}); done(); });",
        "const f = { then(done) { Sentry.init({}); done(); } }; await f;",
    ]);
    refused("sentry-not-started", &["try { JSON.parse('{}'); } catch { Sentry.init({}); }"]);
    refused("init-not-reached", &["try { JSON.parse(process.env.A); } catch { Sentry.init({}); }"]);
}

#[test]
fn never() {
    for instrumentation in [
        "if (false) { Sentry.init({}); }",
        "0 && Sentry.init({});",
        "null?.x(Sentry.init({}));",
        "try { throw 1; Sentry.init({}); } catch {}",
        "label: { break label; Sentry.init({}); }",
        "function start() { return; Sentry.init({}); } start();",
        "const make = (f) => () => f(); const a = make(Sentry.init); const b = make(() => {}); b();",
        "(() => {})(() => Sentry.init({}));",
        "[].forEach(() => Sentry.init({}));",
        "while (false) Sentry.init({});",
        "for (const x of []) Sentry.init({});",
        "function f(x = Sentry.init({})) {} f(1);",
        "switch ('a') { case 'b': Sentry.init({}); }",
        "let start = () => Sentry.init({}); start = () => {}; start();",
        "process.exit(0); Sentry.init({});",
        "function start() { Sentry.init({}); }",
        "export async function register() { Sentry.init({}); }",
        "export default () => Sentry.init({});",
        "class A { start() { Sentry.init({}); } } new A();",
        "class A { constructor() { Sentry.init({}); } }",
        "function* g() { Sentry.init({}); } g();",
        "const g = (function* () { yield 1; Sentry.init({}); })(); g.next();",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
}

#[test]
fn waiting() {
    proven(&[
        "await 0; Sentry.init({});",
        "const dsn = await new Promise((r) => setTimeout(() => r(process.env.DSN), 30)); Sentry.init({ dsn });",
        "await (async () => { await 0; Sentry.init({}); })();",
        "async function main() { await 0; Sentry.init({}); } await main();",
        "const main = async () => { await 0; Sentry.init({}); }; await main();",
        "const main = async () => { await 0; Sentry.init({}); }; const p = main(); await p;",
        "async function main() { Sentry.init({}); await 0; } main();",
        "async function main() { Sentry.init({}); await 0; } main().catch(console.error);",
        "async function main() { Sentry.init({}); await 0; } void main();",
        "const wait = async () => { await 0; }; async function main() { await wait(); Sentry.init({}); } await main();",
        "const main = async () => { await 0; Sentry.init({}); }; const run = () => main(); await run();",
        "const main = async () => { await 0; Sentry.init({}); }; await Promise.all([main()]);",
        "const [S] = await Promise.all([import('@sentry/node'), import('node:fs')]); S.init({});",
        "await Promise.resolve().then(() => Sentry.init({}));",
        "await Promise.resolve(Sentry).then((S) => S.init({}));",
        "await Promise.allSettled([(async () => { Sentry.init({}); })()]);",
        "for await (const o of [{}]) Sentry.init(o);",
        "const { init } = await (async () => Sentry)(); init({});",
        "let S; async function load() { S = await import('@sentry/node'); } await load(); S.init({});",
        "class A { async start() { await 0; Sentry.init({}); } } await new A().start();",
        "export default async function () {} Sentry.init({});",
        "await using x = { async [Symbol.asyncDispose]() {} }; Sentry.init({});",
    ]);
    refused(
        "init-later",
        &[
            "async function main() { await 0; Sentry.init({}); } main();",
            "async function main() { await 0; Sentry.init({}); } main().catch(console.error);",
            "const main = async () => { await new Promise((r) => setTimeout(r, 60)); Sentry.init({}); }; void main();",
            "const wait = async () => { await 0; }; async function main() { await wait(); Sentry.init({}); } main();",
            "import('@sentry/node').then((S) => S.init({}));",
            "function start() { Sentry.init({}); } Promise.resolve().then(() => new Promise((r) => setTimeout(r, 30))).then(start);",
            "setTimeout(() => Sentry.init({}), 0);",
            "setImmediate(() => Sentry.init({}));",
            "process.nextTick(() => Sentry.init({}));",
            "import { setTimeout } from 'node:timers'; import * as Sentry from '@sentry/node'; setTimeout(() => Sentry.init({}), 0);",
            "process.once('ready', () => Sentry.init({}));",
            "import emitter from 'x'; import * as Sentry from '@sentry/node'; emitter.on('ready', () => Sentry.init({}));",
            "async function* settings() { await 0; yield {}; } (async () => { for await (const s of settings()) Sentry.init(s); })();",
            "const main = async () => { await 0; Sentry.init({}); }; [1].forEach(main);",
            "const main = async () => { await 0; Sentry.init({}); }; main() && 1;",
            "(async () => { const S = await import('@sentry/node'); S.init({}); })();",
            "const p = (async () => { await 0; Sentry.init({}); })(); p.finally(() => {});",
        ],
    );
}

#[test]
fn conditions() {
    conditional(&[
        "if (process.env.DSN) Sentry.init({});",
        "if (process.env.NODE_ENV !== 'test') { Sentry.init({}); }",
        "process.env.DSN && Sentry.init({});",
        "const c = process.env.DSN ? Sentry.init({}) : undefined;",
        "function start() { if (!process.env.DSN) return; Sentry.init({}); } start();",
        "async function start() { if (!process.env.DSN) return; await 0; Sentry.init({}); } await start();",
        "if (process.env.DSN) { const S = await import('@sentry/node'); S.init({}); }",
        "for (const dsn of (process.env.DSNS ?? '').split(',')) Sentry.init({ dsn });",
        "switch (process.env.MODE) { case 'production': Sentry.init({}); break; default: }",
        "try { check(); Sentry.init({}); } catch {}",
        "try { const { x } = await import('other'); Sentry.init({}); } catch (error) { console.error(error); }",
        "const mode = process.env.MODE; while (mode) { Sentry.init({}); break; }",
        "done: { if (process.env.OFF) break done; Sentry.init({}); }",
        "const start = process.env.DSN ? () => Sentry.init({}) : () => {}; if (process.env.DSN) Sentry.init({});",
        "process.env.DSN ?? Sentry.init({});",
        "let c; c ??= process.env.DSN && Sentry.init({});",
        "globalThis.begin?.(Sentry.init({}));",
        "const go = async () => { risky(); Sentry.init({}); }; go().catch(() => {});",
    ]);
    proven(&[
        "if (process.env.DSN) { Sentry.init({}); } else { Sentry.init({ enabled: true }); }",
        "const o = {}; if (process.env.X) o.dsn = 'x'; Sentry.init(o);",
        "if (true) Sentry.init({});",
        "if (typeof window === 'undefined') Sentry.init({});",
        "let c; c ??= Sentry.init({});",
        "try { Sentry.init({}); } catch (error) { console.error(error); }",
        "try { process.umask(); } finally { Sentry.init({}); }",
        "try { risky(); } catch {} Sentry.init({});",
        "try { risky(); Sentry.init({ a: 1 }); } catch { Sentry.init({}); }",
        "try { risky(); } finally { Sentry.init({}); }",
        "try { throw 1; } catch { Sentry.init({}); }",
        "for (;;) { Sentry.init({}); break; }",
        "do { Sentry.init({}); } while (process.env.X);",
        "for (let i = 0; i < 3; i++) {} Sentry.init({});",
        // Calls of the SDK do not throw.
        "try { Sentry.setTag('a', 'b'); Sentry.init({ integrations: [Sentry.httpIntegration()] }); } catch {}",
        "outer: for (const a of [1]) { for (const b of [1]) { Sentry.init({}); continue outer; } }",
        "switch (process.env.X) { case 'a': case 'b': default: Sentry.init({}); }",
        "switch (process.env.X) { case 'a': Sentry.init({}); break; default: Sentry.init({}); }",
        "if (!process.env.DSN) throw new Error('no dsn'); Sentry.init({});",
        "if (process.env.BUILD) process.exit(0); Sentry.init({});",
        "function f() { try { return 1; } finally { Sentry.init({}); } } f();",
        "function* g() { Sentry.init({}); yield 1; } g().next();",
        "function* g() { yield {}; } for (const o of g()) Sentry.init(o);",
        "function* g() { Sentry.init({}); } [...g()];",
        "function* g() { Sentry.init({}); } for (const x of g()) {}",
        "function* g() { yield* h(); } function* h() { Sentry.init({}); } [...g()];",
        "for (const o of [{}]) Sentry.init(o);",
    ]);
}

#[test]
fn one_of_two_functions() {
    conditional(&[
        "const start = process.env.DSN ? () => Sentry.init({}) : undefined; start?.();",
        "const start = process.env.DSN ? Sentry.init : () => {}; start({});",
        "(process.env.DSN ? Sentry.init : () => {})({});",
        "let start; if (process.env.DSN) start = () => Sentry.init({}); if (start) start();",
        "let start = () => {}; if (process.env.DSN) { start = Sentry.init; } start({});",
        "const { init } = process.env.DSN ? Sentry : { init() {} }; init({});",
        "const start = process.env.DSN && (() => Sentry.init({})); if (start) start();",
        "const start = process.env.OFF || (() => Sentry.init({})); if (!process.env.OFF) start();",
        "let start; start = process.env.DSN ? () => Sentry.init({}) : undefined; start?.();",
        "const tasks = []; if (process.env.DSN) tasks.push(() => Sentry.init({})); for (const task of tasks) task();",
        "const o = {}; if (process.env.DSN) o.start = () => Sentry.init({}); o.start?.();",
        "function run() { const f = process.env.DSN ? Sentry.init : () => {}; f({}); } run();",
    ]);
    proven(&[
        "const start = process.env.DSN ? () => Sentry.init({}) : () => Sentry.init({ enabled: true }); start();",
        "(process.env.DSN ? Sentry.init : Sentry.initWithoutDefaultIntegrations)({});",
    ]);
    check(
        Verdict::NotProven,
        None,
        &[
            "const start = process.env.DSN ? () => {} : undefined; start?.(); if (false) Sentry.init({});",
            "const start = process.env.DSN ? () => import('./entry.mjs') : Sentry.init; await start({}); Sentry.init({});",
        ],
    );
}

/// One of two functions that an expression or a call gives.
#[test]
fn one_of_two_functions_inside_of_an_expression() {
    conditional(&[
        "[...(process.env.DSN ? [() => Sentry.init({})] : [])].forEach((f) => f());",
        "const all = [...(process.env.DSN ? [() => Sentry.init({})] : [])]; for (const f of all) f();",
        "const run = (...all) => all.forEach((f) => f()); run(...(process.env.DSN ? [() => Sentry.init({})] : []));",
        "const o = { ...(process.env.DSN ? { start() { Sentry.init({}); } } : {}) }; o.start?.();",
        "const o = { ...(process.env.DSN && { start() { Sentry.init({}); } }) }; o.start?.();",
        "const o = { start() {}, ...(process.env.DSN && { start() { Sentry.init({}); } }) }; o.start();",
        "const o = { start() { Sentry.init({}); }, ...(process.env.OFF ? { start() {} } : {}) }; o.start();",
        "const o = { f: process.env.DSN ? Sentry.init : () => {} }; o.f({});",
        "((f) => f({}))(process.env.DSN ? Sentry.init : () => {});",
        "function start(f = () => Sentry.init({})) { f(); } start(process.env.OFF ? () => {} : undefined);",
        "function start(f = () => Sentry.init({})) { f(); } start(process.env.OFF && (() => {}) || undefined);",
        "function start({ f = () => Sentry.init({}) } = {}) { f(); } start(process.env.OFF ? { f() {} } : undefined);",
        "const pick = () => process.env.DSN ? Sentry.init : () => {}; pick()({});",
        "function pick() { if (process.env.DSN) return Sentry.init; return () => {}; } pick()({});",
        "function pick() { switch (process.env.MODE) { case 'on': return Sentry.init; default: return () => {}; } } pick()({});",
        "const pick = async () => process.env.DSN ? Sentry : undefined; (await pick())?.init({});",
        "let start; const setup = () => { if (process.env.DSN) start = () => Sentry.init({}); }; setup(); start?.();",
        "let start; process.env.DSN && (start = () => Sentry.init({})); start?.();",
        "let start; if (process.env.A) { if (process.env.B) start = () => Sentry.init({}); } start?.();",
        "let start = () => {}; try { risky(); start = () => Sentry.init({}); } catch {} start();",
        "class A { start = process.env.DSN ? () => Sentry.init({}) : () => {}; } new A().start();",
        "({ on: Sentry.init, off() {} })[process.env.DSN ? 'on' : 'off']({});",
    ]);
    // In a module, which those that import it read.
    let sdk = "--- a.mjs\nimport * as Sentry from '@sentry/node';\n";
    for (import, module) in [
        (
            "import { start } from './a.mjs'; start();",
            "export const start = process.env.DSN ? () => Sentry.init({}) : () => {};",
        ),
        (
            "import { start } from './a.mjs'; start();",
            "export let start = () => {}; if (process.env.DSN) start = Sentry.init;",
        ),
        ("import start from './a.mjs'; start();", "export default process.env.DSN ? Sentry.init : () => {};"),
        (
            "import { sdk } from './a.mjs'; sdk?.init({});",
            "export const sdk = process.env.DSN ? await import('@sentry/node') : null;",
        ),
        (
            "const { start } = await import('./a.mjs'); start();",
            "export const start = process.env.DSN ? Sentry.init : () => {};",
        ),
    ] {
        conditional(&[&format!("{import} '@sentry';\n{sdk}{module}")]);
    }
    proven(&[
        "const o = { ...Sentry, ...(process.env.X && { close() {} }) }; o.init({});",
        "const o = { start() { Sentry.init({}); }, ...(process.env.X ? { stop() {} } : {}) }; o.start();",
        "Sentry.init({ tracesSampleRate: 1, ...(process.env.X ? { beforeSend: (event) => event } : {}) });",
        "const base = { tracesSampleRate: 1 }; Sentry.init({ ...base, ...(process.env.X && { beforeSend() {} }) });",
        "const pick = () => process.env.X ? () => Sentry.init({}) : () => Sentry.init({ enabled: true }); pick()();",
        "function start(f = () => Sentry.init({})) { f(); } start(process.env.X ? Sentry.init : undefined);",
        "let sdk; try { sdk = await import('@sentry/node'); } catch {} sdk?.init({});",
        "let start = () => Sentry.init({}); try { start = risky() ? start : Sentry.init; } catch {} start({});",
    ]);
    for instrumentation in [
        "[...(process.env.X ? [() => import('./entry.mjs')] : [])].forEach((f) => f()); Sentry.init({});",
        "const o = { f() {}, ...(process.env.X && { f: () => import('./entry.mjs') }) }; o.f(); Sentry.init({});",
        "const pick = () => process.env.X ? () => import('./entry.mjs') : () => {}; pick()(); Sentry.init({});",
        "function start(f = () => import('./entry.mjs')) { f(); } start(process.env.X ? () => {} : undefined); Sentry.init({});",
        "let f; const set = () => { if (process.env.X) f = () => import('./entry.mjs'); }; set(); f?.(); Sentry.init({});",
        "let f; try { unknown(); f = () => import('./entry.mjs'); } catch {} f?.(); Sentry.init({});",
        "import { f } from './a.mjs'; import * as Sentry from '@sentry/node'; f(); Sentry.init({});\n--- a.mjs\nexport const f = process.env.X ? () => import('./entry.mjs') : () => {};",
        "const pick = async () => { await 0; return process.env.X ? () => import('./entry.mjs') : () => {}; }; (await pick())(); Sentry.init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
}

#[test]
fn tests_that_the_text_decides() {
    for test in [
        "process.env.X && false",
        "false && process.env.X",
        "!(process.env.X || true)",
        "process.env.X && process.env.Y && 0",
        "(process.env.X && null) || false",
        "'b' < 'a'",
        "1 > 2",
        "!1",
        "null ?? false",
        "process.env.X ? false : 0",
    ] {
        check(Verdict::NotProven, None, &[&format!("if ({test}) Sentry.init({{}});")]);
        proven(&[&format!("if ({test}) {{}} else Sentry.init({{}});")]);
    }
    conditional(&["if ((process.env.X && false) ?? true) Sentry.init({});"]);
}

#[test]
fn derived_classes() {
    proven(&[
        "class B {} class T extends B { constructor() { super(); this.x = 1; Sentry.init({}); } } new T();",
        "class B { constructor() { this.start(); } start() {} } class T extends B { start() { Sentry.init({}); } } new T();",
        "class B {} class M extends B {} class T extends M { constructor() { super(); this.go(); } go() { Sentry.init({}); } } new T();",
    ]);
    check(
        Verdict::NotProven,
        None,
        &[
            "class B {} class T extends B { constructor() { this.x; super(); Sentry.init({}); } } try { new T(); } catch {}",
            "class B {} class T extends B { constructor() {} } try { new T(); Sentry.init({}); } catch {}",
        ],
    );
}

#[test]
fn what_tells_a_construction_from_a_call() {
    proven(&[
        "function T() { if (!new.target) return new T(); Sentry.init({}); } new T();",
        "function T() { if (!new.target) return new T(); Sentry.init({}); } T();",
        "function T() { if (new.target) Sentry.init({}); } new T();",
        "function T() { if (new.target === undefined) Sentry.init({}); } T();",
        "class T { constructor() { if (new.target === T) Sentry.init({}); } } new T();",
        "class A { constructor() { if (new.target === A) throw 1; Sentry.init({}); } } class B extends A {} new B();",
        "class A { constructor() { (() => { if (new.target) Sentry.init({}); })(); } } new A();",
        "function A() { if (new.target) Sentry.init({}); } class B extends A { constructor() { super(); } } new B();",
        "class T { constructor() { if (new.target) Sentry.init({}); } } Reflect.construct(T, []);",
    ]);
    for instrumentation in [
        "function T() { if (new.target) Sentry.init({}); } T();",
        "function T() { if (!new.target) Sentry.init({}); } new T();",
        "class A { constructor() { if (new.target === A) Sentry.init({}); } } class B extends A {} new B();",
        "class A { x = new.target ? Sentry.init({}) : 0; } new A();",
        "function T() { (function () { if (new.target) Sentry.init({}); })(); } new T();",
        "function T() { if (new.target) import('./entry.mjs'); } unknown(T); Sentry.init({});",
        "function T() { if (!new.target) import('./entry.mjs'); } unknown(T); Sentry.init({});",
        "class A { constructor() { if (new.target !== A) import('./entry.mjs'); } } unknown(A); Sentry.init({});",
        "class A { constructor() { if (new.target !== A) import('./entry.mjs'); } } Reflect.construct(A, [], class {}); Sentry.init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
}

#[test]
fn what_never_completes() {
    refused(
        "instrumentation-throws",
        &[
            "Sentry.init({}); process.exit(0);",
            "import * as Sentry from '@sentry/node'; import { nothing } from './setup.mjs'; Sentry.init({});",
            "import * as Sentry from '@sentry/node'; import nothing from './load.mjs'; Sentry.init({});",
        ],
    );
    proven(&[
        "import { init } from './barrel.mjs'; import { anything } from './barrel.mjs'; init({}); '@sentry';",
        "Sentry.init({}); if (process.env.BUILD) process.exit(0);",
    ]);
}

#[test]
fn starts_by_require() {
    let warned = |instrumentation: &str, version: &str| {
        let sdk = format!(
            "node_modules/@sentry/node/package.json\n{{ \"name\": \"@sentry/node\", \"version\": \"{version}\", \"main\": \"index.js\" }}\n--- node_modules/@sentry/node/index.js\nexports.init = () => {{}};"
        );
        let proof = proof(&format!("{instrumentation}\n--- {sdk}"));
        assert!(proof.holds(), "{}", show_proof(&proof));
        proof.warnings.iter().any(|warning| warning.code.name == "init-by-require")
    };
    let require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    for start in [
        "const Sentry = require('@sentry/node'); Sentry.init({});",
        "const { init } = require('@sentry/node'); init({});",
        "const all = { ...require('@sentry/node') }; all.init({});",
        "require('@sentry/node').init.call(null, {});",
        "require('@sentry/node/init');",
    ] {
        assert!(warned(&format!("{require} {start}"), "10.70.0"), "{start}");
        assert!(!warned(&format!("{require} {start}"), "11.12.0"), "{start}");
        assert!(!warned(&format!("import '@sentry/node/import'; {require} {start}"), "10.70.0"), "{start}");
    }
    assert!(!warned("import * as Sentry from '@sentry/node'; Sentry.init({});", "10.70.0"));
}

#[test]
fn modules_and_packages() {
    proven(&[
        "import { start } from './setup.mjs'; start(); '@sentry';",
        "import start from './setup.mjs'; start(); '@sentry';",
        "import { begin } from './setup.mjs'; begin(); '@sentry';",
        "import { sdk } from './setup.mjs'; sdk.init(); '@sentry';",
        "import * as setup from './setup.mjs'; setup.start(); '@sentry';",
        "import { init } from './barrel.mjs'; init(); '@sentry';",
        "import * as all from './barrel.mjs'; all.init(); '@sentry';",
        "const { start } = await import('./setup.mjs'); start(); '@sentry';",
        "import { startObservability } from '@acme/observability'; startObservability();",
        "const { startObservability } = await import('@acme/observability'); startObservability();",
        "import './a.mjs'; '@sentry';\n--- a.mjs\nimport * as Sentry from '@sentry/node';\nSentry.init({});",
        "import './a.mjs'; import './b.mjs'; '@sentry';\n--- a.mjs\nawait 0;\n--- b.mjs\nimport * as Sentry from '@sentry/node';\nSentry.init({});",
    ]);
    check(
        Verdict::NotProven,
        None,
        &[
            "import { startObservability } from '@acme/observability';",
            "import { start } from './setup.mjs'; '@sentry';",
        ],
    );
}

#[test]
fn the_runtime_first() {
    for instrumentation in [
        "await import('./chunks/nitro.mjs'); Sentry.init({});",
        "await import(`./chunks/nitro.mjs`); Sentry.init({});",
        "import('./chunks/nitro.mjs'); Sentry.init({});",
        "const file = './chunks/' + 'nitro.mjs'; await import(file); Sentry.init({});",
        "import './warm.mjs'; import * as Sentry from '@sentry/node'; Sentry.init({});",
        "import { load } from './load.mjs'; import * as Sentry from '@sentry/node'; await load(); Sentry.init({});",
        "import { load } from './load.mjs'; import * as Sentry from '@sentry/node'; [1].forEach(load); Sentry.init({});",
        "import { load } from './load.mjs'; import * as Sentry from '@sentry/node'; unknown(load); Sentry.init({});",
        "const load = async () => { await 0; await import('./entry.mjs'); }; load(); await 0; Sentry.init({});",
        "const load = async () => { await import('./entry.mjs'); }; const init = async () => { await 0; Sentry.init({}); }; await Promise.all([load(), init()]);",
        "let f = () => {}; async function g() { await 0; await f(); } const p = g(); f = () => import('./entry.mjs'); await p; Sentry.init({});",
        "import './a.mjs'; import './b.mjs'; '@sentry';\n--- a.mjs\nimport * as Sentry from '@sentry/node';\nawait 0; Sentry.init({});\n--- b.mjs\nawait import('./entry.mjs');",
        "import './a.mjs'; import './b.mjs'; '@sentry';\n--- a.mjs\nawait 0; await import('./entry.mjs');\n--- b.mjs\nimport * as Sentry from '@sentry/node';\nSentry.init({});",
        "for (const f of [() => {}, () => import('./entry.mjs')]) await f(); Sentry.init({});",
        "setTimeout(() => import('./entry.mjs'), 0); await 0; Sentry.init({});",
        "const o = { f() {} }; o.f = () => import('./entry.mjs'); await o.f(); Sentry.init({});",
        "try { risky(); } catch { await import('./entry.mjs'); } Sentry.init({});",
        "if (process.env.X) await import('./entry.mjs'); Sentry.init({});",
        "let f = () => {}; const set = () => { f = () => import('./entry.mjs'); }; unknown(set); await f(); Sentry.init({});",
        "let f = () => {}; for (let i = 0; i < 2; i++) { await f(); f = () => import('./entry.mjs'); } Sentry.init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
    refused(
        "init-not-followed",
        &[
            "await eval('import(\"./chunks/nitro.mjs\")'); Sentry.init({});",
            "await import(process.env.FILE); Sentry.init({});",
            "eval('x'); Sentry.init({});",
        ],
    );
    proven(&[
        "Sentry.init({}); await import('./entry.mjs');",
        "setTimeout(() => import('./entry.mjs'), 0); Sentry.init({});",
        "await (async () => { await 0; Sentry.init({}); setTimeout(() => import('./entry.mjs'), 0); })();",
        "const f = async () => { await 0; Sentry.init({}); setTimeout(() => import('./entry.mjs'), 0); }; await Promise.all([f(), 0]);",
        "Sentry.init({ beforeSend: () => import('./entry.mjs') });",
    ]);
}

/// A start that cannot be followed may be vouched for; a runtime that is certainly first may not.
#[test]
fn vouching() {
    let vouched = |instrumentation: &str| {
        let files = build(&format!(
            "{REST}--- instrument.server.mjs\nimport * as Sentry from '@sentry/node'; {instrumentation}\n"
        ));
        prove_with(&files, &path("index.mjs"), InitTrust::Vouched).verdict
    };
    assert_eq!(vouched("lodash.once(() => Sentry.init({}))();"), Verdict::VouchedFor);
    assert_eq!(vouched("await import(process.env.FILE); Sentry.init({});"), Verdict::VouchedFor);
    assert_eq!(vouched("Sentry.init({});"), Verdict::Proven);
    assert_eq!(vouched("await import('./entry.mjs'); Sentry.init({});"), Verdict::NotProven);
    for (code, instrumentation, verdict) in [
        ("sentry-not-started", "Sentry.close();", Verdict::NotProven),
        ("instrumentation-throws", "throw 1; Sentry.init({});", Verdict::NotProven),
        ("missing-module", "import './none.mjs'; Sentry.init({});", Verdict::NotProven),
        ("syntax-error", "import './bad.mjs'; Sentry.init({});\n--- bad.mjs\n(;", Verdict::NotProven),
        ("init-not-reached", "try { JSON.parse(process.env.A); } catch { Sentry.init({}); }", Verdict::VouchedFor),
        ("init-later", "setTimeout(() => Sentry.init({}));", Verdict::VouchedFor),
        ("init-not-followed", "eval(''); Sentry.init({});", Verdict::VouchedFor),
        ("init-after-runtime", "import('./entry.mjs'); Sentry.init({});", Verdict::NotProven),
    ] {
        refused(code, &[instrumentation]);
        assert_eq!(vouched(instrumentation), verdict, "{instrumentation}");
    }
}

/// What is followed has bounds, and beyond them nothing is proven.
#[test]
fn bounds_of_what_is_followed() {
    let nested = |count: usize| {
        let bind = |n: usize| format!("const f{n} = process.env.V{n} ? f{} : () => {{}};", n - 1);
        let all: String = (1..=count).map(bind).collect();
        format!("const f0 = () => Sentry.init({{}}); {all} f{count}();")
    };
    let looked_up = |count: usize| {
        let all: String = (1..count).map(|n| format!("f{n}() {{}},")).collect();
        format!("({{ {all} start() {{ Sentry.init({{}}); }} }})[process.env.NAME]?.();")
    };
    let spread = |count: usize| {
        let all: String = (1..count).map(|n| format!("...(process.env.V{n} ? [() => {{}}] : []),")).collect();
        format!("[{all} ...(process.env.DSN ? [() => Sentry.init({{}})] : [])].forEach((f) => f());")
    };
    let calls = |count: usize| format!("const f = () => {{}}; {} Sentry.init({{}});", "f();".repeat(count));
    conditional(&[&nested(1), &nested(4), &looked_up(1), &looked_up(7), &spread(1), &spread(3)]);
    proven(&[&calls(10_000)]);
    for (number, instrumentation) in [nested(9), looked_up(8), spread(4), calls(60_000)].iter().enumerate() {
        assert_eq!(
            proof(&format!("import * as Sentry from '@sentry/node'; {instrumentation}")).verdict,
            Verdict::NotProven,
            "{number}"
        );
    }
    refused("init-not-followed", &[&calls(60_000)]);
}

/// Whatever cannot be followed makes a verdict worse, or leaves it.
#[test]
fn an_unknown_never_improves_a_verdict() {
    let rank = |text: &str| match proof(text).verdict {
        Verdict::Proven => 0,
        Verdict::UnderCondition => 1,
        Verdict::VouchedFor | Verdict::NotProven => 2,
    };
    let unknowns = ["unknown();", "globalThis.x.y(Sentry);", "await unknown();", "eval('');", "unknown(() => {});"];
    for steps in [
        &["Sentry.init({});", "await import('./entry.mjs');"][..],
        &["if (process.env.A) Sentry.init({});", "await 0;"],
        &["const f = async () => { await 0; Sentry.init({}); };", "const p = f();", "await p;"],
        &["let f = Sentry.init;", "const g = () => f({});", "g();"],
        &["const o = { go() { Sentry.init({}); } };", "o.go();"],
    ] {
        let head = "import * as Sentry from '@sentry/node';";
        let before = rank(&format!("{head}{}", steps.concat()));
        for unknown in unknowns {
            for at in 0..=steps.len() {
                let (first, last) = steps.split_at(at);
                let text = format!("{head}{}{unknown}{}", first.concat(), last.concat());
                assert!(rank(&text) >= before, "{text}");
            }
        }
    }
}

#[test]
fn a_name_that_nothing_defines_may_throw() {
    check(Verdict::UnderCondition, None, &["try { build_id; Sentry.init({ tracesSampleRate: 1 }); } catch {}"]);
    check(
        Verdict::Proven,
        None,
        &[
            "typeof build_id; Sentry.init({ tracesSampleRate: 1 });",
            "try { URL; Sentry.init({ tracesSampleRate: 1 }); } catch {}",
        ],
    );
    // ES modules have no `require`.
    check(
        Verdict::NotProven,
        None,
        &["try { require('@sentry/node').init({}); } catch {}", "try { module; Sentry.init({}); } catch {}"],
    );
}

/// What the judge has found.
#[test]
fn found_by_the_judge() {
    refused(
        "instrumentation-throws",
        &["await Promise.reject(1).catch(() => {}).then(() => process.exit()); Sentry.init({});"],
    );
    // What was begun before goes on while Node reads a module.
    let start = "\n--- first.mjs\nimport * as Sentry from '@sentry/node'; if (!process.env.A) Sentry.init({});";
    // What is called by what looks like no call.
    check(
        Verdict::NotProven,
        None,
        &[
            "let p; const o = { get a() { p = import('./entry.mjs'); return 1; } }; ({ ...o }); await p; Sentry.init({});",
            "let p; const o = { get a() { p = import('./entry.mjs'); return 1; } }; const { ...b } = o; await p; Sentry.init({});",
            "let p; Object.assign({ set a(v) { p = import('./entry.mjs'); } }, { a: 1 }); await p; Sentry.init({});",
            "let p; class A { static [Symbol.hasInstance]() { p = import('./entry.mjs'); } } 1 instanceof A; await p; Sentry.init({});",
        ],
    );
    // What is changed after the code was begun that reads it.
    check(
        Verdict::NotProven,
        None,
        &[
            "const o = {}; async function f() { await 0; o.x?.(); } f(); o.x = () => import('./entry.mjs'); await 1; Sentry.init({});",
            "const o = {}; const k = 'x'; async function f() { await 0; o[k](); } f(); o[k] = () => import('./entry.mjs'); await 1; Sentry.init({});",
            "const o = new Map(); async function f() { await 0; o.get('x')?.(); } f(); o.set('x', () => import('./entry.mjs')); await 1; Sentry.init({});",
            "const o = { x() {} }; async function f() { await 0; o.x(); } f(); Object.assign(o, { x: () => import('./entry.mjs') }); await 1; Sentry.init({});",
            "const o = [() => {}]; async function f() { await 0; o[0](); } f(); o[0] = () => import('./entry.mjs'); await 1; Sentry.init({});",
            "const o = []; async function f() { await 0; for (const g of o) g(); } f(); o.push(() => import('./entry.mjs')); await 1; Sentry.init({});",
            "const o = []; async function f() { await 0; for (const g of o.values()) g(); } f(); o.push(() => import('./entry.mjs')); await 1; Sentry.init({});",
            "const o = []; for (const a of process.argv) o.push(() => import('./entry.mjs')); for (const g of o) g(); Sentry.init({});",
            "const o = []; for (const a of process.argv) o.push(() => import('./entry.mjs')); o.forEach((g) => g()); Sentry.init({});",
            "const o = []; async function f() { await 0; o.forEach((g) => g()); } f(); o.push(() => import('./entry.mjs')); await 1; Sentry.init({});",
            "class A { x() {} } const o = new A(); async function f() { await 0; o.x(); } f(); o.x = () => import('./entry.mjs'); await 1; Sentry.init({});",
        ],
    );
    for load in ["await import('./first.mjs');", "const load = () => import('./first.mjs'); await load();"] {
        let runtime = "Promise.resolve().then(() => import('./entry.mjs')).catch(() => {});";
        check(Verdict::NotProven, None, &[&format!("{runtime} {load}{start}")]);
    }
    refused(
        "sentry-not-started",
        &[
            "switch (1) { case 2: Sentry.init({}); }",
            "if (process.env.A) {} else if (process.env.A) Sentry.init({});",
            "if (Boolean(process.env.A)) {} else if (process.env.A === 'x') Sentry.init({});",
            "try { const a = 1; a = 2; Sentry.init({}); } catch {}",
            "try { [Sentry] = []; Sentry.init({}); } catch {}",
            "for (const key in {}) Sentry.init({});",
            "for (let i = 0; i < 0; i++) Sentry.init({});",
            // A function alone initialises its own bindings, at whatever time it runs.
            "await Promise.allSettled([(async () => { await 0; t; let t = 1; Sentry.init({}); })()]);",
            "const f = async () => { await 0; t; let t = 1; Sentry.init({}); }; const p = f(); await p.catch(() => {});",
        ],
    );
    // A test that can only hold if something has changed what an earlier one found.
    refused(
        "init-not-reached",
        &[
            "if (Boolean(process.env.A)) { await globalThis.unknown; l: { if (process.env.A) break l; Sentry.init({}); } }",
            "function start() { globalThis.unknown?.(); if (process.env.A || process.env.B) return; Sentry.init({}); } process.env.A && start();",
            "if (!process.env.A) { await 0; if (process.env.B && process.env.A) Sentry.init({}); }",
            "if (process.env.A) { await 0; if (process.env.B ? !process.env.A : !process.env.A) Sentry.init({}); }",
            "if (process.env.A) { await 0; switch (process.env.A) { case '': Sentry.init({}); } }",
        ],
    );
    conditional(&[
        "if (!process.env.A) { await import('dotenv/config'); if (process.env.A) Sentry.init({}); }",
        "import { config } from 'dotenv'; import * as S from '@sentry/node'; if (!process.env.A) { config(); if (process.env.A) S.init({}); }",
        "if (!process.env.A) { process.env.A = globalThis.x; if (process.env.A) Sentry.init({}); }",
        "if (!process.env.A) { process.loadEnvFile(); if (process.env.A) Sentry.init({}); }",
        "if (process.env.A) { await 0; if (process.env.A) Sentry.init({}); }",
    ]);
    proven(&[
        "if (process.env.A) await 0; if (process.env.A) Sentry.init({}); else Sentry.init({});",
        "if (process.env.A) { await 0; } if (!process.env.A) { await 0; } Sentry.init({});",
    ]);
    refused("sentry-not-started", &["const api = { start() { Sentry.init({}); } }; delete api.start; api.start?.();"]);
    proven(&[
        "const Sentry = await import('@sentry/node'); await Promise.reject(1).catch(() => Sentry.init({}));",
        "Array.from([1], () => Sentry.init({}));",
        "new Map([[1, 1]]).forEach(() => Sentry.init({}));",
        "new Set(['a', 'b']).forEach(() => Sentry.init({}));",
        "[1].filter(Boolean).forEach(() => Sentry.init({}));",
        "Object.keys({ a: 1 }).forEach(() => Sentry.init({}));",
        "for (let i = 0; i < 1; i++) Sentry.init({});",
        "switch (2) { case 1: break; default: Sentry.init({}); }",
        "process.on('SIGUSR2', () => import('./entry.mjs')); await 0; Sentry.init({});",
        "Sentry.init({}); import('./index.mjs').catch(() => {});",
    ]);
    refused(
        "init-after-runtime",
        &["process.on('ready', () => import('./entry.mjs')); process.emit('ready'); await 0; Sentry.init({});"],
    );
}

/// A package of one's own may be CommonJS, as compilers write it.
#[test]
fn packages_that_are_scripts() {
    let package = |text: &str| {
        let manifest = "{ \"name\": \"@acme/cjs\", \"main\": \"index.js\" }";
        format!("node_modules/@acme/cjs/package.json\n{manifest}\n--- node_modules/@acme/cjs/index.js\n{text}\n")
    };
    let imported = |text: &str| format!("import '@acme/cjs';\n--- {}", package(text));
    let called = |text: &str| format!("import {{ start }} from '@acme/cjs'; start();\n--- {}", package(text));
    let required = "const node_1 = require('@sentry/node');";
    let good = [
        imported("require('@sentry/node').init({});"),
        imported("const Sentry = require('@sentry/node'); if (true) Sentry.init({});"),
        called("const Sentry = require('@sentry/node'); exports.start = function () { Sentry.init({}); };"),
        called("const Sentry = require('@sentry/node'); module.exports = { start() { Sentry.init({}); } };"),
        called("const S = require('@sentry/node'); exports = module.exports = { start: () => S.init({}) };"),
        called(&format!(
            "\"use strict\"; Object.defineProperty(exports, \"__esModule\", {{ value: true }}); exports.start = void 0;\n\
             {required} function start() {{ (0, node_1.init)({{}}); }} exports.start = start;"
        )),
        called(&format!(
            "{required} Object.defineProperty(exports, 'start', {{ get() {{ return () => node_1.init({{}}); }} }});"
        )),
    ];
    for instrumentation in good {
        assert_eq!(proof(&instrumentation).verdict, Verdict::Proven, "{instrumentation}");
    }
    let bad = [
        imported("const Sentry = require('@sentry/node'); exports.start = () => Sentry.init({});"),
        called("exports.start = () => {}; require('@sentry/node');"),
        imported("setTimeout(() => require('@sentry/node').init({}), 100);"),
        called("const S = require('@sentry/node'); exports.start = async () => { await 0; S.init({}); };"),
        imported("import('../../../entry.mjs'); require('@sentry/node').init({});"),
    ];
    for instrumentation in bad {
        assert_eq!(proof(&instrumentation).verdict, Verdict::NotProven, "{instrumentation}");
    }
}

/// What decides is what is named, wherever the ways part.
#[test]
fn the_condition_that_decides_is_named() {
    let mut wrong = Vec::new();
    for (instrumentation, named) in [
        ("function start() { if (process.env.A) return; Sentry.init({}); } start();", vec!["process.env.A"]),
        ("if (process.env.B) console.log(1); if (process.env.A) Sentry.init({});", vec!["process.env.A"]),
        ("if (process.env.A) { if (process.env.B) Sentry.init({}); }", vec!["process.env.A", "process.env.B"]),
        ("async function f() { await 0; if (process.env.A) Sentry.init({}); } await f();", vec!["process.env.A"]),
        ("switch (true) { case process.env.A === 'x': Sentry.init({}); }", vec!["process.env.A === 'x'"]),
        ("switch (process.env.A) { case 'x': break; default: Sentry.init({}); }", vec!["process.env.A"]),
        (
            "function* g() { try { JSON.parse(process.env.A); globalThis.a(); Sentry.init({}); } catch {} yield 1; } const [it] = g();",
            vec!["JSON.parse(process.env.A)", "globalThis.a()"],
        ),
        (
            "try { if (process.env.A) throw 1; JSON.parse(process.env.B); Sentry.init({}); } catch {}",
            vec!["process.env.A", "JSON.parse(process.env.B)"],
        ),
        (
            "try { JSON.parse(process.env.A); if (process.env.B) throw 1; Sentry.init({}); } catch {}",
            vec!["JSON.parse(process.env.A)", "process.env.B"],
        ),
        (
            "try { if (process.env.A) throw 1; if (process.env.B) throw 2; Sentry.init({}); } catch {}",
            vec!["process.env.A", "process.env.B"],
        ),
        (
            "const f = () => { if (process.env.A) throw 1; }; try { f(); JSON.parse(process.env.B); Sentry.init({}); } catch {}",
            vec!["process.env.A", "JSON.parse(process.env.B)"],
        ),
        (
            "if (process.env.A) { try { if (process.env.B) throw 1; JSON.parse(process.env.C); throw 2; } catch {} } else Sentry.init({});",
            vec!["process.env.A"],
        ),
        (
            "const f = async () => { if (process.env.A) throw 1; Sentry.init({}); }; f().catch(() => {});",
            vec!["process.env.A"],
        ),
        (
            "const f = async () => { if (process.env.A) throw 1; JSON.parse(process.env.B); Sentry.init({}); }; f().catch(() => {});",
            vec!["process.env.A", "JSON.parse(process.env.B)"],
        ),
        (
            "const f = async () => { await 0; if (process.env.A) throw 1; Sentry.init({}); }; await f().catch(() => {});",
            vec!["process.env.A"],
        ),
        (
            "const f = async () => { await 0; if (process.env.A) throw 1; Sentry.init({}); }; const p = f(); try { await p; } catch {}",
            vec!["process.env.A"],
        ),
        (
            "const p = Promise.resolve().then(() => { if (process.env.A) throw 1; Sentry.init({}); }).catch(() => {}); await p;",
            vec!["process.env.A"],
        ),
        (
            "const p = Promise.resolve().then(() => { if (process.env.A) throw 1; }).then(() => Sentry.init({}), () => {}); await p;",
            vec!["process.env.A"],
        ),
        (
            "const f = async () => { await 0; if (process.env.A) throw 1; Sentry.init({}); }; await Promise.allSettled([f()]);",
            vec!["process.env.A"],
        ),
        (
            "const f = async () => { await 0; if (process.env.A) throw 1; Sentry.init({}); }; await Promise.all([f()]).catch(() => {});",
            vec!["process.env.A"],
        ),
        ("new Promise(() => { if (process.env.A) throw 1; Sentry.init({}); }).catch(() => {});", vec!["process.env.A"]),
    ] {
        let text = format!("import * as Sentry from '@sentry/node'; {instrumentation}");
        let proof = proof(&text);
        let warning = proof.warnings.iter().find(|warning| warning.code.name == "init-conditional");
        let labels = warning.map_or(&[][..], |warning| &warning.labels);
        let places: Vec<&str> = labels.iter().map(|label| label.span.of(&text)).collect();
        if places != named || proof.verdict != Verdict::UnderCondition {
            wrong.push(format!("{places:?}: {instrumentation}\n{}", show_proof(&proof)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same code, run on two ways, decides alike on both.
#[test]
fn what_a_module_decides_on_two_ways_is_named() {
    let module =
        "import * as Sentry from '@sentry/node';\nconst f = process.env.A ? () => Sentry.init({}) : () => {}; f();\n";
    for instrumentation in [
        "await import('./m.mjs');",
        "if (process.env.B) await import('./m.mjs'); else await import('./m.mjs');",
        "if (process.env.B) { await import('./m.mjs'); } await import('./m.mjs');",
    ] {
        let proof = proof(&format!("/* @sentry */ {instrumentation}\n--- m.mjs\n{module}"));
        assert_eq!(proof.verdict, Verdict::UnderCondition, "{instrumentation}");
        let warning = proof.warnings.iter().find(|warning| warning.code.name == "init-conditional").unwrap();
        let places: Vec<_> = warning.labels.iter().map(|label| (label.path.as_str(), label.span.of(module))).collect();
        assert_eq!(places, [("m.mjs", "process.env.A")], "{instrumentation}");
    }
}

/// Functions of Node that surely call what they are given.
#[test]
fn callbacks_of_the_host() {
    proven(&[
        "JSON.parse('[1]', () => Sentry.init({}));",
        "'a'.replace('a', () => Sentry.init({}));",
        "[2, 1].sort(() => Sentry.init({}));",
        "Array.from({ length: 1 }, () => Sentry.init({}));",
        "Object.values({ a: () => Sentry.init({}) }).forEach((f) => f());",
        "for (const [, f] of Object.entries({ a: () => Sentry.init({}) })) f();",
        "(function () { arguments[0](); })(() => Sentry.init({}));",
        "(function () { (() => arguments[1]())(); })(0, () => Sentry.init({}));",
        "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); e.once('a', () => Sentry.init({})); e.emit('a');",
        "import Emitter from 'events'; import * as Sentry from '@sentry/node'; new Emitter().on('a', () => Sentry.init({})).emit('a', 1);",
        "({ ...Sentry }).init({});",
        "Object.assign({}, Sentry).init({});",
        "import * as setup from './setup.mjs'; /* @sentry */ ({ ...setup }).start();",
        "queueMicrotask(() => Sentry.init({})); await 0;",
        "for (const f of { *[Symbol.iterator]() { yield () => Sentry.init({}); } }) f();",
        "const [f] = { *[Symbol.iterator]() { yield () => {}; Sentry.init({}); } }; Sentry.init({});",
    ]);
    for instrumentation in [
        "'a'.replace('b', () => Sentry.init({}));",
        "[1].sort(() => Sentry.init({}));",
        "JSON.parse('{', () => Sentry.init({}));",
        "Array.from({ length: 0 }, () => Sentry.init({}));",
        "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); e.on('a', () => Sentry.init({})); e.emit('b');",
        "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); const f = () => Sentry.init({}); e.on('a', f); e.off('a', f); e.emit('a');",
        "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); let n = true; e.once('a', () => { if (n) n = false; else Sentry.init({}); }); e.emit('a'); e.emit('a');",
        "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); e.on('a', () => Sentry.init({})); unknown(e); e.emit('a');",
        "queueMicrotask(() => Sentry.init({}));",
        "setTimeout(() => Sentry.init({})); await 0;",
        "({ ...Sentry, init() {} }).init({});",
        "Object.assign({}, Sentry, { init() {} }).init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
    refused(
        "init-after-runtime",
        &[
            "(function () { arguments[0](); })(() => import('./entry.mjs')); Sentry.init({});",
            "[2, 1].sort(() => { import('./entry.mjs'); }); Sentry.init({});",
            "JSON.parse('1', () => import('./entry.mjs')); Sentry.init({});",
            "import { EventEmitter } from 'node:events'; import * as Sentry from '@sentry/node'; const e = new EventEmitter(); e.on('a', () => import('./entry.mjs')); e.emit('a'); Sentry.init({});",
            "Object.values({ z: () => import('./entry.mjs'), a: () => {} }).forEach((f) => f()); Sentry.init({});",
            "queueMicrotask(() => import('./entry.mjs')); await 0; Sentry.init({});",
            "for (const x of { *[Symbol.iterator]() { import('./entry.mjs'); } }) {} Sentry.init({});",
            "for await (const x of { async *[Symbol.asyncIterator]() { yield await import('./entry.mjs'); } }) {} Sentry.init({});",
        ],
    );
    for instrumentation in [
        "await new (async () => {}).constructor('u', 'await import(u)')('./entry.mjs'); Sentry.init({});",
        "import vm from 'node:vm'; import * as Sentry from '@sentry/node'; await vm.runInThisContext('(u) => import(u)')('x'); Sentry.init({});",
        "for (const x of { [Symbol.iterator]() { import('./entry.mjs'); return [][Symbol.iterator](); } }) {} Sentry.init({});",
        "{ using r = { [Symbol.dispose]() { import('./entry.mjs'); } }; } Sentry.init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
}

/// What settles a promise has run when its `await` goes on, if nothing else can settle it.
#[test]
fn timers_that_are_awaited() {
    proven(&[
        "await new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }, 5));",
        "await new Promise((r) => setTimeout(() => { r(); Sentry.init({}); }, 5));",
        "const p = new Promise((r) => setImmediate(() => { Sentry.init({}); r(); })); await p;",
        "await Promise.all([new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }))]);",
        "await new Promise((r, no) => setTimeout(() => { Sentry.init({}); no(); })).catch(() => {});",
        "await (() => new Promise((r) => setTimeout(() => { Sentry.init({}); r(); })))();",
    ]);
    conditional(&["await new Promise((r) => setTimeout(() => { if (process.env.DSN) Sentry.init({}); r(); }));"]);
    for instrumentation in [
        "new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }, 5));",
        "await new Promise((r) => { r(); setTimeout(() => { Sentry.init({}); r(); }, 5); });",
        "await new Promise((r) => { setTimeout(() => { Sentry.init({}); r(); }, 500); setTimeout(r, 1); });",
        "await new Promise((r) => { setTimeout(() => { Sentry.init({}); r(); }, 500); setTimeout(() => r(), 1); });",
        "let go; const p = new Promise((r) => { go = r; setTimeout(() => { Sentry.init({}); r(); }, 500); }); go(); await p;",
        "const o = {}; const p = new Promise((r) => { o.go = () => r(); setTimeout(() => { Sentry.init({}); r(); }, 500); }); o.go(); await p;",
        "const all = []; const p = new Promise((r) => { all.push(r); setTimeout(() => { Sentry.init({}); r(); }, 500); }); all[0](); await p;",
        "await new Promise((r) => { process.once('SIGUSR2', r); setTimeout(() => { Sentry.init({}); r(); }, 500); });",
        "await new Promise((r) => { globalThis.go = r; setTimeout(() => { Sentry.init({}); r(); }, 500); });",
        "await new Promise((r) => { Promise.resolve().then(r); setTimeout(() => { Sentry.init({}); r(); }, 500); });",
        "await new Promise((r) => { fetch('x').then(() => r()); setTimeout(() => { Sentry.init({}); r(); }, 500); });",
        "await new Promise((r) => { (async () => { await 0; r(); })(); setTimeout(() => { Sentry.init({}); r(); }, 500); });",
        "await new Promise((r) => setTimeout(async () => { r(); await 0; await 0; Sentry.init({}); }));",
        "await new Promise(function (r) { setTimeout(() => { Sentry.init({}); r(); }, 500); globalThis.x(arguments); });",
        "await Promise.race([new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }, 500)), Promise.resolve()]);",
        "await new Promise((r) => setTimeout(() => { import('./entry.mjs'); Sentry.init({}); r(); }, 5));",
        "setTimeout(async () => { await new Promise((r) => { r(); setTimeout(() => { Sentry.init({}); r(); }); }); import('./entry.mjs'); }); await new Promise((r) => setTimeout(r, 60)); Sentry.init({});",
    ] {
        check(Verdict::NotProven, None, &[instrumentation]);
    }
}

/// An error that a `catch` swallows before Sentry starts: the start is never certain.
#[test]
fn what_may_fail() {
    for failing in [
        "JSON.parse('{');",
        "process.env.A.length;",
        "const { a } = process.env.A;",
        "const [a] = undefined;",
        "const [a] = globalThis.a;",
        "delete Object.freeze({ a: 1 }).a;",
        "Object.freeze({ a: 1 }).a = 2;",
        "({ get a() { return 1; } }).a = 2;",
        "'a' in 'b';",
        "({}) instanceof 5;",
        "'a' in globalThis.a;",
        "1n + 1;",
        "`${Symbol('a')}`;",
        "for (const x of 5) {}",
        "for (const x of globalThis.a) {}",
        "Math.max(...undefined);",
        "new Array(-1);",
        "new URL(process.env.A);",
        "new Map(5);",
        "[].reduce(() => {});",
        "class A extends undefined_name {}",
        "class A { #x = 1; static get(o) { return o.#x; } } A.get({});",
        "undefined_name = 1;",
        "(function f() { return f() + 1; })();",
        "await Promise.any([]);",
        "await import('./missing.mjs');",
        "await import('missing');",
        "JSON.stringify(globalThis.a);",
        "Object.keys(globalThis.a);",
        "globalThis.a.b = 1;",
        "import.meta.env.PROD;",
        "process.getBuiltinModule('fs');",
        "Promise.try(() => {});",
        "new RegExp('(');",
        "decodeURIComponent('%');",
        "(1).toFixed(1000);",
        "Number(Symbol());",
        "Number(1n); Math.max(1n);",
        "Math.min(1, globalThis.a);",
        "isNaN(1n);",
        "new Date(1n);",
        "new Error(Symbol());",
        "new Proxy({}, null);",
        "new Promise();",
        "Symbol(Symbol());",
        "String.raw();",
        "setTimeout(undefined, 1);",
        "queueMicrotask(1);",
        "const handlers = { warn: console.warn }; process.on('uncaughtException', handlers.fatal);",
        "Object.assign(Object.freeze({ a: 1 }), { a: 2 });",
        "Object.freeze(class A { static a = 1; }).a = 2;",
        "[].length = -1;",
        "[1].with(5, 1);",
        "[Symbol()].join();",
        "undefined = 1;",
        "process.env.A = Symbol();",
        "process.env[Symbol()] = 'a';",
        "console.log('%s', { toString() { throw 1; } });",
        "const made = { Client(options) { this.options = options; } }; new made.Client({});",
        "const sdk = { setup() { Sentry.init({}); } }; new sdk.setup();",
        "class A { static setup() {} } new A.setup();",
        "Reflect.construct({ setup() {} }.setup, []);",
        "({ get a() { return 1; } }).a++;",
    ] {
        let proof = proof(&format!(
            "import * as Sentry from '@sentry/node'; try {{ {failing} Sentry.init({{}}); }} catch {{}}"
        ));
        assert!(
            matches!(proof.verdict, Verdict::UnderCondition | Verdict::NotProven),
            "{failing}: {}",
            show_proof(&proof)
        );
    }
    proven(&[
        "try { process.env.A; console.log(process.env.A); Sentry.init({}); } catch {}",
        "try { const { A } = process.env; Sentry.init({ dsn: A, tracesSampleRate: 1 }); } catch {}",
        "try { JSON.parse('{}'); Sentry.init({}); } catch {}",
        "try { JSON.parse('{'); } catch { Sentry.init({}); }",
    ]);
    conditional(&[
        "try { undefined_name; } catch { Sentry.init({}); }",
        "try { new URL(process.env.DSN); Sentry.init({}); } catch {}",
    ]);
}

/// Packages and CommonJS files that load the runtime when they are called.
#[test]
fn what_names_the_build() {
    let package = |kind: &str, text: &str| {
        let manifest = format!("{{ \"name\": \"@acme/warm\", \"type\": \"{kind}\", \"main\": \"index.js\" }}");
        format!("node_modules/@acme/warm/package.json\n{manifest}\n--- node_modules/@acme/warm/index.js\n{text}\n")
    };
    let init = "import * as Sentry from '@sentry/node';";
    let after = "Sentry.init({});";
    for instrumentation in [
        format!(
            "import warm from '@acme/warm'; {init} await warm(); {after}\n--- {}",
            package("commonjs", "module.exports = () => import('../../../entry.mjs');")
        ),
        format!(
            "import {{ warm }} from '@acme/warm'; {init} await warm(); {after}\n--- {}",
            package("module", "export const warm = () => import('../../../entry.mjs');")
        ),
        format!(
            "import warm from './load.cjs'; {init} await warm(); {after}\n--- load.cjs\nmodule.exports = () => import('./entry.mjs');\n"
        ),
    ] {
        check(Verdict::NotProven, Some("init-after-runtime"), &[&instrumentation]);
    }
    proven(&[&format!(
        "import warm from '@acme/warm'; {init} {after} await warm();\n--- {}",
        package("commonjs", "module.exports = () => import('../../../entry.mjs');")
    )]);
}

/// The `imports` of a package lead to packages.
#[test]
fn names_of_ones_own_package() {
    let manifest = "package.json\n{ \"name\": \"app\", \"imports\": { \"#sdk\": \"@sentry/node\" } }\n";
    proven(&[&format!("/* @sentry */ import * as Sentry from '#sdk'; Sentry.init({{}});\n--- {manifest}")]);
}

/// What the host makes of texts, numbers and truths without an error.
#[test]
fn what_cannot_fail() {
    for safe in [
        "const rate = Number(process.env.RATE ?? 0.1);",
        "const rate = Math.min(1, parseFloat(process.env.RATE || '0.5'));",
        "const at = new Date(); const since = Date.now() - process.uptime();",
        "const text = `${process.env.A ?? 'a'}-${process.pid}`; String(text);",
        "const is = Boolean(process.env.A) && !isNaN(Number(process.env.A));",
        "let n = 0; n += 1; n++; console.log('n', n, { n });",
        "const at = setTimeout(() => {}, 1); clearTimeout(at);",
        "process.on('exit', () => {});",
        "const all = Object.keys({ a: 1 }).includes('a');",
    ] {
        proven(&[&format!("try {{ {safe} Sentry.init({{}}); }} catch {{}}")]);
    }
}

/// Functions that code which is not followed gets from those that it calls.
#[test]
fn functions_that_callbacks_give() {
    for before in [
        "const all = { a: () => import('./entry.mjs'), b() {} }; await Promise.all((process.env.X ?? 'a').split(',').map((n) => all[n]).map((f) => f()));",
        "const all = { a: () => import('./entry.mjs') }; for (const f of process.argv.map((n) => all[n])) await f?.();",
        "for (const f of Object.entries(process.env).map(([k]) => async () => { if (k) await import('./entry.mjs'); })) await f();",
        "'a,b'.split(',').map((n) => n === 'a' && (() => import('./entry.mjs'))).find(Boolean)();",
        "'a'.split(',').reduce((all, n) => ({ ...all, [n]: () => import('./entry.mjs') }), {}).a();",
        "class A { async setup() { await import('./entry.mjs'); } } const all = new Map([['a', A]]); for (const one of process.argv.map((n) => new (all.get(n) ?? Object)())) await one.setup?.();",
        "JSON.stringify({}, () => { import('./entry.mjs'); });",
        "console.log('%s', { toString() { import('./entry.mjs'); return ''; } });",
        "class A { get [Symbol.toStringTag]() { import('./entry.mjs'); return ''; } } console.log(new A());",
        "`${[{ toString() { import('./entry.mjs'); return ''; } }]}`;",
        "let a = { valueOf() { import('./entry.mjs'); return 1; } }; a++;",
        "['a', { toString() { import('./entry.mjs'); return ''; } }].sort();",
        "new Date({ valueOf() { import('./entry.mjs'); return 1; } });",
        "Promise.resolve({ get then() { import('./entry.mjs'); } });",
        "[].map.call({ length: 1, get 0() { import('./entry.mjs'); } }, () => {});",
        "Array.prototype.map.call({ length: 1, get 0() { import('./entry.mjs'); } }, () => {});",
    ] {
        not_proven(&format!("{before} Sentry.init({{}});"));
    }
    proven(&[
        "const names = (process.env.X ?? '').split(',').map((name) => name.trim()).filter(Boolean); Sentry.init({ names });",
        "const all = Object.entries(process.env).map(([key, value]) => ({ key, value })); Sentry.init({ all });",
        "const all = await Promise.all(process.argv.map(async (name) => name.length)); Sentry.init({ all });",
    ]);
}

/// What `init` calls of its options before there is a client.
#[test]
fn options_that_init_calls() {
    for options in [
        "integrations: (all) => { import('./entry.mjs'); return all; }",
        "get dsn() { import('./entry.mjs'); }",
        "transport: () => import('./entry.mjs')",
    ] {
        not_proven(&format!("Sentry.init({{ tracesSampleRate: 1, {options} }});"));
    }
    proven(&[
        "Sentry.init({ integrations: (all) => all.filter((one) => one.name !== 'Http') });",
        "Sentry.init({ beforeSend: () => import('./entry.mjs') });",
    ]);
}

/// One file is several modules if it is imported by several URLs.
#[test]
fn one_file_by_several_urls() {
    let state = "--- state.mjs\nimport * as Sentry from '@sentry/node'; let on = false;\n\
                 export const enable = () => { on = true; }; export const start = () => { if (on) Sentry.init({}); };";
    for second in ["./state.mjs?2", "./state.mjs#2"] {
        let own = "import { enable } from './state.mjs'; /* @sentry */";
        not_proven(&format!("{own} import {{ start }} from '{second}'; enable(); start();\n{state}"));
    }
    not_proven(&format!(
        "import {{ enable }} from './state.mjs'; enable(); (await import('./state.mjs?2')).start();\n{state}"
    ));
    not_proven(&format!(
        "import {{ enable }} from './state.mjs'; import {{ go }} from './go.mjs'; enable(); go();\n{state}\n\
         --- go.mjs\nimport {{ start }} from './state.mjs?2'; export const go = () => start();"
    ));
    let once = "import { enable, start } from './state.mjs?1'; /* @sentry */ enable(); start();";
    proven(&[&format!("{once}\n{state}")]);
    let by_url = "const { enable, start } = await import(new URL('./state.mjs', import.meta.url)); /* @sentry */ enable(); start();";
    proven(&[
        &format!("{by_url}\n{state}"),
        &format!("{}\n{state}", by_url.replace("import.meta.url)", "import.meta.url).href")),
        &format!(
            "{}\n{state}",
            by_url.replace("new URL('./state.mjs', import.meta.url)", "import.meta.resolve('./state.mjs')")
        ),
    ]);
}

/// How esbuild writes modules that it evaluates on demand.
#[test]
fn helpers_of_esbuild() {
    let names = "var names = Object.getOwnPropertyNames;";
    let esm = "var esm = (fn, res) => function __init() { return fn && (res = (0, fn[names(fn)[0]])(fn = 0)), res; };";
    let commonjs = "var commonJS = (cb, mod) => function __require() { return mod || (0, cb[names(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports; };";
    proven(&[
        &format!("{names} {esm} var init_a = esm({{ 'a.ts'() {{ Sentry.init({{}}); }} }}); init_a();"),
        &format!(
            "{names} {commonjs} var require_a = commonJS({{ 'a.js'(exports, module) {{ module.exports = {{ start() {{ Sentry.init({{}}); }} }}; }} }}); \
             require_a().start();"
        ),
    ]);
    not_proven(&format!("{names} {esm} var init_a = esm({{ 'a.ts'() {{ Sentry.init({{}}); }} }});"));
}

/// The code replaces functions of the host, which then do something else.
#[test]
fn functions_of_the_host_that_are_replaced() {
    for replaced in [
        "Array.prototype.forEach = function () {}; [1].forEach(() => Sentry.init({}));",
        "Object.defineProperty(Array.prototype, 'map', { value() {} }); [1].map(() => Sentry.init({}));",
        "Object.assign(Map.prototype, { forEach() {} }); new Map([[1, 2]]).forEach(() => Sentry.init({}));",
        "Function.prototype.call = function () {}; (() => Sentry.init({})).call();",
        "Reflect.apply = () => {}; Reflect.apply(() => Sentry.init({}), null, []);",
    ] {
        not_proven(replaced);
    }
    let require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    for changed in [
        "const p = require.resolve('./a.cjs'); require.cache[p] = { exports: { start() {} } }; require('./a.cjs').start();",
        "require('./a.cjs').start = () => {}; delete require.cache[require.resolve('./a.cjs')]; require('./a.cjs').start();",
    ] {
        not_proven(&format!(
            "{require} {changed}\n--- a.cjs\nexports.start = () => require('@sentry/node').init({{}});"
        ));
    }
    proven(&[
        "BigInt.prototype.toJSON = function () { return String(this); }; [1].forEach(() => Sentry.init({}));",
        "Error.stackTraceLimit = 50; [1].forEach(() => Sentry.init({}));",
        "process.env.TZ = 'UTC'; [1].forEach(() => Sentry.init({}));",
        "for (const [name, value] of Object.entries(JSON.parse('{}'))) process.env[name] = value; [1].forEach(() => Sentry.init({}));",
        "Object.assign(process.env, JSON.parse('{}')); [1].forEach(() => Sentry.init({}));",
    ]);
}

/// A library that is loaded where Sentry has not started and does not start later is not lost.
#[test]
fn libraries_without_a_start() {
    conditional(&[
        "if (process.env.DSN) Sentry.init({}); await import('pg');",
        "export async function f() {} if (process.env.DSN) Sentry.init({}); await import('pg'); await f();",
    ]);
    let library = "node_modules/graphql/package.json\n{ \"name\": \"graphql\", \"main\": \"index.js\" }\n\
                   --- node_modules/graphql/index.js\nexports.parse = 1;\n\
                   --- chunks/nitro.mjs\nimport 'graphql';\nexport const n = process.env.NITRO_ENV_PREFIX;\n";
    for instrumentation in [
        "await import('graphql'); Sentry.init({});",
        "if (process.env.A) Sentry.init({}); await import('graphql'); Sentry.init({});",
        "if (process.env.A) await import('graphql'); Sentry.init({});",
        "const f = process.env.A ? () => Sentry.init({}) : () => {}; await import('graphql'); f();",
        "await import('./node_modules/graphql/index.js'); Sentry.init({});",
    ] {
        let own = format!("import * as Sentry from '@sentry/node'; {instrumentation}\n--- {library}");
        check(Verdict::NotProven, Some("library-before-init"), &[&own]);
    }
    for after in [
        "if (process.env.A) Sentry.init({}); await import('graphql');",
        // Ways that are followed apart, since each has a function of its own.
        "try { const a = `${globalThis.a}`; Sentry.init({}); } catch {} await import('graphql');",
        "const f = process.env.A ? () => Sentry.init({}) : () => {}; f(); await import('graphql');",
    ] {
        conditional(&[&format!("import * as Sentry from '@sentry/node'; {after}\n--- {library}")]);
    }
    let by_export = "import { f } from './f.mjs'; f(); /* @sentry */ await import('graphql');\n--- f.mjs\n\
                     import * as Sentry from '@sentry/node'; export const f = process.env.A ? () => Sentry.init({}) : () => {};";
    conditional(&[&format!("{by_export}\n--- {library}")]);
}

/// Each calls `load`, which loads the runtime, in a way of its own before Sentry starts.
#[test]
fn code_that_runs_where_one_may_not_see_it() {
    for instrumentation in [
        "await { then(done) { load(); done(); } }; Sentry.init({});",
        "await new Promise((done) => done({ then(go) { load(); go(); } })); Sentry.init({});",
        "class A extends Array { static get [Symbol.species]() { load(); return Array; } } new A(1, 2).map((x) => x); await 0; Sentry.init({});",
        "class A extends Array { static get [Symbol.species]() { load(); return Array; } } class B extends A {} new B(1, 2).slice(1); await 0; Sentry.init({});",
        "class A extends Promise { static get [Symbol.species]() { load(); return Promise; } } new A((done) => done()).then(() => 1); await 0; Sentry.init({});",
        "class A extends Promise { static get [Symbol.species]() { load(); return Promise; } } A.resolve().then(() => 1); await 0; Sentry.init({});",
        "`${{ toString() { load(); return ''; } }}`; await 0; Sentry.init({});",
        "JSON.stringify({ toJSON() { load(); } }); await 0; Sentry.init({});",
        "+{ valueOf() { load(); return 1; } }; await 0; Sentry.init({});",
        "({ [Symbol.toPrimitive]() { load(); return 1; } }) + 1; await 0; Sentry.init({});",
        "({ ...{ get a() { load(); } } }); await 0; Sentry.init({});",
        "Object.entries({ get a() { load(); } }); await 0; Sentry.init({});",
        "Object.values({ get a() { load(); } }); await 0; Sentry.init({});",
        "Object.assign({}, { get a() { load(); } }); await 0; Sentry.init({});",
        "Object.assign({ set a(x) { load(); } }, { a: 1 }); await 0; Sentry.init({});",
        "Array.from({ *[Symbol.iterator]() { load(); } }); await 0; Sentry.init({});",
        "[...{ *[Symbol.iterator]() { load(); } }]; await 0; Sentry.init({});",
        "for (const x of { *[Symbol.iterator]() { load(); } }) {} await 0; Sentry.init({});",
        "for await (const x of { async *[Symbol.asyncIterator]() { load(); } }) {} await 0; Sentry.init({});",
        "const [a] = { *[Symbol.iterator]() { load(); } }; await 0; Sentry.init({});",
        "const { a = load() } = {}; await 0; Sentry.init({});",
        "const { [load()]: a } = {}; await 0; Sentry.init({});",
        "1 instanceof { [Symbol.hasInstance]() { load(); } }; await 0; Sentry.init({});",
        "'a' in new Proxy({}, { has() { load(); } }); await 0; Sentry.init({});",
        "new Proxy({}, { get() { load(); } }).x; await 0; Sentry.init({});",
        "new Proxy(() => {}, { apply() { load(); } })(); await 0; Sentry.init({});",
        "new (new Proxy(class {}, { construct() { load(); return {}; } }))(); await 0; Sentry.init({});",
        "Reflect.get({ get a() { load(); } }, 'a'); await 0; Sentry.init({});",
        "Reflect.construct(class { constructor() { load(); } }, []); await 0; Sentry.init({});",
        "Reflect.apply(load, null, []); await 0; Sentry.init({});",
        "load`x`; await 0; Sentry.init({});",
        "String.raw({ raw: { get length() { load(); return 0; } } }); await 0; Sentry.init({});",
        "'x'.replace(/x/, load); await 0; Sentry.init({});",
        "'x'.replace({ [Symbol.replace]() { load(); } }, ''); await 0; Sentry.init({});",
        "'x'.split({ [Symbol.split]() { load(); } }); await 0; Sentry.init({});",
        "[3, 1].toSorted(load); await 0; Sentry.init({});",
        "Array.prototype.run = function () { load(); }; [].run(); await 0; Sentry.init({});",
        "Object.prototype.run = function () { load(); }; ({}).run(); await 0; Sentry.init({});",
        "Function.prototype.run = function () { load(); }; (() => {}).run(); await 0; Sentry.init({});",
        "Promise.prototype.then = function (f) { load(); f(); }; await Promise.resolve(); Sentry.init({});",
        "Array.prototype.map = function () { load(); return []; }; [1].map((x) => x); await 0; Sentry.init({});",
        "globalThis.setTimeout = (f) => { load(); }; setTimeout(() => {}); await 0; Sentry.init({});",
        "globalThis.hook = load; globalThis.hook(); await 0; Sentry.init({});",
        "globalThis.hook = load; hook(); await 0; Sentry.init({});",
        "console.log = load; console.log(); await 0; Sentry.init({});",
        "const { log } = console; console.log = load; console.log('x'); await 0; Sentry.init({});",
        "process.on('go', load); process.emit('go'); await 0; Sentry.init({});",
        "process.nextTick(load); await 0; Sentry.init({});",
        "queueMicrotask(load); await 0; Sentry.init({});",
        "setImmediate(load); await new Promise((r) => setTimeout(r, 5)); Sentry.init({});",
        "const t = { get then() { load(); return undefined; } }; await t; Sentry.init({});",
        "async function* g() { load(); yield 1; } for await (const x of g()) break; Sentry.init({});",
        "function* g() { try { yield 1; } finally { load(); } } for (const x of g()) break; await 0; Sentry.init({});",
        "const it = { [Symbol.iterator]() { return { next() { return { done: false }; }, return() { load(); return {}; } }; } }; for (const x of it) break; await 0; Sentry.init({});",
        "a: { try { break a; } finally { load(); } } await 0; Sentry.init({});",
        "function f() { try { return 1; } finally { load(); } } f(); await 0; Sentry.init({});",
        "class A { static #x = load(); } await 0; Sentry.init({});",
        "class A { static { load(); } } await 0; Sentry.init({});",
        "class A { accessor = load(); } new A(); await 0; Sentry.init({});",
        "class A extends (load(), Object) {} await 0; Sentry.init({});",
        "class A { [load()]() {} } await 0; Sentry.init({});",
        "class A { constructor() { load(); } } class B extends A {} new B(); await 0; Sentry.init({});",
        "new (class extends Promise { constructor(f) { super(f); load(); } })(() => {}); await 0; Sentry.init({});",
        "const o = { get x() { load(); return 1; } }; const { x } = o; await 0; Sentry.init({});",
        "const o = { __proto__: { start() { load(); } } }; o.start(); await 0; Sentry.init({});",
        "const o = Object.create({ start() { load(); } }); o.start(); await 0; Sentry.init({});",
        "const o = Object.setPrototypeOf({}, { start() { load(); } }); o.start(); await 0; Sentry.init({});",
        "with_(load); function with_(f) { arguments[0](); } await 0; Sentry.init({});",
        "function f(g = load()) {} f(); await 0; Sentry.init({});",
        "(() => load())?.(); await 0; Sentry.init({});",
        "let f; f ??= load; f(); await 0; Sentry.init({});",
        "let f = () => {}; f &&= load; f(); await 0; Sentry.init({});",
        "let f; [f] = [load]; f(); await 0; Sentry.init({});",
        "let f; ({ f } = { f: load }); f(); await 0; Sentry.init({});",
        "let f; for (f of [load]); f(); await 0; Sentry.init({});",
        "const m = new Map([[1, load]]); for (const [, f] of m) f(); await 0; Sentry.init({});",
        "const s = new Set([load]); s.forEach((f) => f()); await 0; Sentry.init({});",
        "new WeakMap([[{}, load]]); const w = new WeakRef(load); w.deref()(); await 0; Sentry.init({});",
        "structuredClone({ get a() { load(); return 1; } }); await 0; Sentry.init({});",
        "eval('import(\"./entry.mjs\")'); await 0; Sentry.init({});",
        "new Function('return import(\"./entry.mjs\")')(); await 0; Sentry.init({});",
        "setTimeout('1'); (0, eval)('1'); await import('./ent' + 'ry.mjs'); Sentry.init({});",
        "const name = 'entry'; await import(`./${name}.mjs`); Sentry.init({});",
        "await import(new URL('./entry.mjs', import.meta.url)); Sentry.init({});",
        "await import(import.meta.resolve('./entry.mjs')); Sentry.init({});",
        "await import(String(new URL('entry.mjs', import.meta.url))); Sentry.init({});",
        "import { pathToFileURL } from 'node:url'; import { join } from 'node:path'; await import(pathToFileURL(join(import.meta.dirname, 'entry.mjs')).href); Sentry.init({});",
        "import { createRequire } from 'node:module'; createRequire(import.meta.url)('./entry.mjs'); Sentry.init({});",
        "const bound = load.bind(null); bound(); await 0; Sentry.init({});",
        "const f = Function.prototype.call.bind(load); f(); await 0; Sentry.init({});",
        "Function.prototype.call.call(load); await 0; Sentry.init({});",
        "Reflect.getOwnPropertyDescriptor({ get a() { return 1; }, b: load }, 'b').value(); await 0; Sentry.init({});",
        "Object.getOwnPropertyDescriptor({ b: load }, 'b').value(); await 0; Sentry.init({});",
        "Object.fromEntries([['a', load]]).a(); await 0; Sentry.init({});",
        "Object.groupBy([1], load); await 0; Sentry.init({});",
        "Array.of(load)[0](); await 0; Sentry.init({});",
        "[load].at(0)(); await 0; Sentry.init({});",
        "[load].pop()(); await 0; Sentry.init({});",
        "[[load]].flat()[0](); await 0; Sentry.init({});",
        "[1].with(0, load)[0](); await 0; Sentry.init({});",
        "const { f } = { f: load }; f(); await 0; Sentry.init({});",
        "const { ...rest } = { f: load }; rest.f(); await 0; Sentry.init({});",
        "const [, ...rest] = [1, load]; rest[0](); await 0; Sentry.init({});",
        "Promise.resolve(load).then((f) => f()); await 0; await 0; Sentry.init({});",
        "await Promise.all([load()]); Sentry.init({});",
        "await Promise.race([load(), 1]); Sentry.init({});",
        "await Promise.any([load()]); Sentry.init({});",
        "await Promise.allSettled([load()]); Sentry.init({});",
        "const { promise, resolve } = Promise.withResolvers(); promise.then(load); resolve(); await promise; await 0; Sentry.init({});",
        "await Promise.try?.(load); Sentry.init({});",
        "const controller = new AbortController(); controller.signal.addEventListener('abort', load); controller.abort(); await 0; Sentry.init({});",
        "const target = new EventTarget(); target.addEventListener('x', load); target.dispatchEvent(new Event('x')); await 0; Sentry.init({});",
        "import { channel } from 'node:diagnostics_channel'; channel('x').subscribe(load); channel('x').publish(1); await 0; Sentry.init({});",
        "import { subscribe, channel } from 'node:diagnostics_channel'; subscribe('x', load); channel('x').publish(1); await 0; Sentry.init({});",
        "import { AsyncResource } from 'node:async_hooks'; new AsyncResource('x').runInAsyncScope(load); await 0; Sentry.init({});",
        "import { createHook } from 'node:async_hooks'; createHook({ init() { load(); } }).enable(); await 0; Sentry.init({});",
        "import { promisify } from 'node:util'; await promisify((done) => { load(); done(); })(); Sentry.init({});",
        "import { callbackify } from 'node:util'; callbackify(load)(() => {}); await 0; Sentry.init({});",
        "import { once, EventEmitter } from 'node:events'; const e = new EventEmitter(); e.once('x', load); e.emit('x'); await 0; Sentry.init({});",
        "import { inspect } from 'node:util'; inspect({ [inspect.custom]() { load(); } }); await 0; Sentry.init({});",
        "import { Readable } from 'node:stream'; Readable.from([1]).on('data', load); await new Promise((r) => setTimeout(r, 5)); Sentry.init({});",
        "import vm from 'node:vm'; vm.runInThisContext('1'); await import('./warm.mjs'); Sentry.init({});",
        "import { test } from 'node:test'; load(); await 0; Sentry.init({});",
    ] {
        not_proven(&format!("import {{ load }} from './load.mjs'; {instrumentation}"));
    }
}

/// None of these starts Sentry, or none surely, before the runtime.
#[test]
fn calls_that_do_not_happen() {
    for instrumentation in [
        "{ const Sentry = { init() {} }; Sentry.init({}); }",
        "((Sentry) => Sentry.init({}))({ init() {} });",
        "try { throw { init() {} }; } catch (Sentry) { Sentry.init({}); }",
        "for (const Sentry of [{ init() {} }]) Sentry.init({});",
        "[].forEach(() => Sentry.init({}));",
        "new Array(3).forEach(() => Sentry.init({}));",
        "Array(3).map(() => Sentry.init({}));",
        "[,].forEach(() => Sentry.init({}));",
        "[1].filter((x) => x > 1).forEach(() => Sentry.init({}));",
        "Array.from({ length: 0 }, () => Sentry.init({}));",
        "''.split('').forEach(() => Sentry.init({}));",
        "[...''].forEach(() => Sentry.init({}));",
        "Object.keys({}).forEach(() => Sentry.init({}));",
        "new Map().forEach(() => Sentry.init({}));",
        "new Set([]).forEach(() => Sentry.init({}));",
        "for (const k in []) Sentry.init({});",
        "for (let i = 0; i > 1; i++) Sentry.init({});",
        "let i = 0; while (i-- > 0) Sentry.init({});",
        "a: for (const x of [1]) { continue a; Sentry.init({}); }",
        "do { if (true) break; Sentry.init({}); } while (false);",
        "function* g() { Sentry.init({}); } g();",
        "function* g() { yield 1; Sentry.init({}); } g().next();",
        "async function* g() { Sentry.init({}); } g();",
        "function* g() { yield 1; Sentry.init({}); } for (const x of g()) break;",
        "function* g() { yield 1; Sentry.init({}); } const [x] = g();",
        "({ get a() { Sentry.init({}); } });",
        "class A { start() { Sentry.init({}); } }",
        "class A { constructor() { Sentry.init({}); } }",
        "class A { x = Sentry.init({}); }",
        "class A { static start() { Sentry.init({}); } }",
        "class A { static set x(v) { Sentry.init({}); } } A.x;",
        "class A { constructor() { Sentry.init({}); } } class B extends A { constructor() { if (process.env.X) super(); else return {}; } } new B();",
        "Promise.reject(1).then(() => Sentry.init({})).catch(() => {});",
        "await Promise.resolve().catch(() => Sentry.init({}));",
        "setTimeout(() => Sentry.init({}));",
        "await Promise.race([new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }, 50)), 1]);",
        "await Promise.any([1, new Promise((r) => setTimeout(() => { Sentry.init({}); r(); }, 50))]);",
        "(function () { return; Sentry.init({}); })();",
        "(function () { try { return; } finally { } Sentry.init({}); })();",
        "(function () { if (process.env.X) return; Sentry.init({}); })();",
        "try { throw 1; Sentry.init({}); } catch {}",
        "try { null.x; Sentry.init({}); } catch {}",
        "try { (() => { throw 1; })(); Sentry.init({}); } catch {}",
        "try { JSON.parse('{'); Sentry.init({}); } catch {}",
        "try { new URL('x'); Sentry.init({}); } catch {}",
        "try { undefined_thing; Sentry.init({}); } catch {}",
        "try { await Promise.reject(1); Sentry.init({}); } catch {}",
        "try { const x = 1; x = 2; Sentry.init({}); } catch {}",
        "try { x; let x = 1; Sentry.init({}); } catch {}",
        "try { (void 0)(); Sentry.init({}); } catch {}",
        "try { new (() => {})(); Sentry.init({}); } catch {}",
        "try { class A { constructor() { this.x; } } class B extends A { constructor() { this.y; super(); } } new B(); Sentry.init({}); } catch {}",
        "try { ({}).x.y; Sentry.init({}); } catch {}",
        "try { [...1]; Sentry.init({}); } catch {}",
        "try { const { a } = null; Sentry.init({}); } catch {}",
        "try { 1n + 1; Sentry.init({}); } catch {}",
        "try { Symbol() + ''; Sentry.init({}); } catch {}",
        "try { 'a' in 'b'; Sentry.init({}); } catch {}",
        "try { ({}) instanceof 1; Sentry.init({}); } catch {}",
        "try { structuredClone(() => {}); Sentry.init({}); } catch {}",
        "try { decodeURIComponent('%'); Sentry.init({}); } catch {}",
        "try { new RegExp('('); Sentry.init({}); } catch {}",
        "try { 'x'.repeat(-1); Sentry.init({}); } catch {}",
        "try { new Array(-1); Sentry.init({}); } catch {}",
        "try { (1).toFixed(101); Sentry.init({}); } catch {}",
        "try { Object.defineProperty(1, 'a', {}); Sentry.init({}); } catch {}",
        "try { Reflect.construct(1); Sentry.init({}); } catch {}",
        "try { await import('./nothing.mjs'); Sentry.init({}); } catch {}",
        "try { await import('no-such-package-anywhere'); Sentry.init({}); } catch {}",
        "try { Object.freeze([]).push(1); Sentry.init({}); } catch {}",
        "try { BigInt('x'); Sentry.init({}); } catch {}",
        "try { JSON.stringify(1n); Sentry.init({}); } catch {}",
        "try { const o = {}; o.o = o; JSON.stringify(o); Sentry.init({}); } catch {}",
        "try { process.kill(-1.5, 'SIGNOPE'); Sentry.init({}); } catch {}",
        "try { process.chdir('/no/such/place'); Sentry.init({}); } catch {}",
        "import { readFileSync } from 'node:fs'; try { readFileSync('/no/such/file'); Sentry.init({}); } catch {}",
        "import assert from 'node:assert'; try { assert(false); Sentry.init({}); } catch {}",
        "import assert from 'node:assert'; try { assert.equal(1, 2); Sentry.init({}); } catch {}",
        "switch (1) { case 2: Sentry.init({}); }",
        "switch ('a') { case 'b': Sentry.init({}); break; default: }",
        "void Sentry.init;",
        "Sentry.init.name;",
        "Sentry.init.bind(null, {});",
        "(async () => { await 0; Sentry.init({}); })();",
        "import { init } from '@sentry/browser'; init({});",
        "import { init } from '@sentry/core'; init({});",
        "let init = Sentry.init; init = () => {}; init({});",
        "const o = { init: Sentry.init }; o.init = () => {}; o.init({});",
        "const o = { init: Sentry.init }; delete o.init; o.init?.({});",
        "const o = { init: Sentry.init }; Object.assign(o, { init() {} }); o.init({});",
        "const o = { init: Sentry.init }; o['in' + 'it'] = () => {}; o.init({});",
        "const o = { init: Sentry.init }; const p = o; p.init = () => {}; o.init({});",
        "const o = { init: Sentry.init }; ((p) => { p.init = () => {}; })(o); o.init({});",
        "const o = { init: Sentry.init }; Reflect.set(o, 'init', () => {}); o.init({});",
        "const o = { init: Sentry.init }; Object.defineProperty(o, 'init', { value() {} }); o.init({});",
        "const o = { init: Sentry.init }; Reflect.deleteProperty(o, 'init'); o.init?.({});",
        "const o = { init: Sentry.init, ...{ init() {} } }; o.init({});",
        "const o = { init: Sentry.init, ['init']() {} }; o.init({});",
        "const a = [Sentry.init]; a[0] = () => {}; a[0]({});",
        "const a = [() => Sentry.init({})]; a.length = 0; a.forEach((f) => f());",
        "const a = [() => Sentry.init({})]; a.shift(); a.forEach((f) => f());",
        "const a = [() => Sentry.init({})]; a.splice(0); a.forEach((f) => f());",
        "const a = [() => Sentry.init({})]; a.pop(); for (const f of a) f();",
        "const a = [() => Sentry.init({})]; a.fill(() => {}); for (const f of a) f();",
        "const a = [() => Sentry.init({}), () => {}]; a.reverse(); a[0]();",
        "const a = [() => Sentry.init({})]; a.copyWithin?.(0, 1); a.unshift(() => {}); a[0]();",
        "const m = new Map([['a', () => Sentry.init({})]]); m.delete('a'); m.get('a')?.();",
        "const m = new Map([['a', () => Sentry.init({})]]); m.clear(); m.forEach((f) => f());",
        "const m = new Map([['a', () => Sentry.init({})]]); m.set('a', () => {}); m.get('a')();",
        "const s = new Set([1]); s.delete(1); s.forEach(() => Sentry.init({}));",
        "function f(x = Sentry.init({})) {} f(1);",
        "const { a = Sentry.init({}) } = { a: 1 };",
        "const [a = Sentry.init({})] = [1];",
        "let a = 1; a ??= Sentry.init({});",
        "let a = 1; a ||= Sentry.init({});",
        "let a = 0; a &&= Sentry.init({});",
        "undefined?.[Sentry.init({})];",
        "null?.x(Sentry.init({}));",
        "null?.x.y.z(Sentry.init({}));",
        "false && Sentry.init({}); true || Sentry.init({}); 1 ?? Sentry.init({});",
        "function tag() {} tag`${() => Sentry.init({})}`;",
        "try { process.umask(); } catch { Sentry.init({}); }",
        "import('@sentry/node').then((S) => S.init({}));",
        "await import('./setup.mjs');",
        "export const start = () => Sentry.init({});",
        "'a'.replace('b', () => Sentry.init({}));",
        "'a'.replace(/b/, () => Sentry.init({}));",
        "'ab'.replaceAll('c', () => Sentry.init({}));",
        "[3].sort(() => Sentry.init({}));",
        "[].reduce(() => Sentry.init({}), 0);",
        "[1].reduce(() => Sentry.init({}));",
        "Array.prototype.forEach.call([], () => Sentry.init({}));",
        "[].concat([]).flatMap(() => Sentry.init({}));",
        "Reflect.apply(() => {}, null, [() => Sentry.init({})]);",
        "const f = (g) => g; f(() => Sentry.init({}));",
        "const once = (f) => { let done = true; return () => { if (done) return; done = true; f(); }; }; once(() => Sentry.init({}))();",
        "let ready = false; const start = () => { if (ready) Sentry.init({}); }; start(); ready = true;",
        "let n = 0; const start = () => { if (++n > 1) Sentry.init({}); }; start();",
        "const start = ((on) => () => { if (on) Sentry.init({}); })(false); start();",
        "const o = { on: false, start() { if (this.on) Sentry.init({}); } }; o.start();",
        "const o = { on: true, start() { if (this?.on) Sentry.init({}); } }; const { start } = o; start();",
        "class A { on = false; start() { if (this.on) Sentry.init({}); } } new A().start();",
        "class A { static on = true; start() { if (A.on) Sentry.init({}); } } A.on = false; new A().start();",
        "class A { start() { Sentry.init({}); } } class B extends A { start() {} } new B().start();",
        "class A { start() { Sentry.init({}); } } const a = new A(); a.start = () => {}; a.start();",
        "class A { start = () => {}; } class B extends A { start() { Sentry.init({}); } } new B().start();",
        "var start = () => Sentry.init({}); var start = () => {}; start();",
        "function start() { Sentry.init({}); } function start() {} start();",
        "start(); function start() { if (x) Sentry.init({}); } var x = true;",
        "if (import.meta.main === false && false) Sentry.init({});",
        "const { init } = { ...Sentry, init() {} }; init({});",
        "const S = Object.assign({}, Sentry, { init() {} }); S.init({});",
        "import * as all from './noop.mjs'; all.init({});",
        "import { begin as init } from './setup.mjs'; import { init as noop } from './noop.mjs'; (process.env.X ? init : noop)({});",
        "const f = new Function('Sentry', 'return 1'); f(Sentry);",
        "label: { break label; Sentry.init({}); }",
        "for (const x of [1, 2]) { if (x === 3) Sentry.init({}); }",
        "for (const x of ['a']) { if (x === 'b') Sentry.init({}); }",
        "if ([].length) Sentry.init({});",
        "if (''.length) Sentry.init({});",
        "if (new Map().size) Sentry.init({});",
        "if (Object.keys({}).length > 0) Sentry.init({});",
        "if (process.argv.includes('--no-such-flag')) Sentry.init({});",
        "if (typeof window !== 'undefined') Sentry.init({});",
        "if (typeof process === 'undefined') Sentry.init({});",
        "if (globalThis.document) Sentry.init({});",
        "if (import.meta.url.startsWith('http')) Sentry.init({});",
        "if (NaN) Sentry.init({}); if (-0) Sentry.init({}); if (0n) Sentry.init({});",
        "with_({}, () => {}); function with_(o, f) { f(); } ({ f: () => Sentry.init({}) });",
        "await (async () => { if (process.env.X) return; await 0; Sentry.init({}); })();",
        "await Promise.all([].map(async () => Sentry.init({})));",
        "await Promise.allSettled([Promise.reject(1).then(() => Sentry.init({}))]);",
        "const p = new Promise((r) => r(1)); p.then(() => Sentry.init({}));",
        "new Promise((r, j) => { j(1); }).then(() => Sentry.init({}), () => {});",
        "process.on('exit', () => Sentry.init({}));",
        "process.once('never', () => Sentry.init({}));",
        "import { EventEmitter } from 'node:events'; const e = new EventEmitter(); e.emit('x'); e.on('x', () => Sentry.init({}));",
        "import { EventEmitter } from 'node:events'; const e = new EventEmitter(); e.on('x', () => Sentry.init({})); e.removeAllListeners(); e.emit('x');",
        "import { EventEmitter } from 'node:events'; const e = new EventEmitter(); const f = () => Sentry.init({}); e.on('x', f); e.off('x', f); e.emit('x');",
        "import { EventEmitter } from 'node:events'; const e = new EventEmitter(); e.on('x', () => Sentry.init({})); e.emit('y');",
        "import { AsyncLocalStorage } from 'node:async_hooks'; AsyncLocalStorage.bind(() => Sentry.init({}));",
        "import { isMainThread } from 'node:worker_threads'; if (!isMainThread) Sentry.init({});",
        "import cluster from 'node:cluster'; if (cluster.isWorker) Sentry.init({});",
    ] {
        not_surely_proven(instrumentation);
    }
}

/// A class constructs its parent, and a bound function calls what it was bound to. However many there are, nothing runs out of
/// stack.
#[test]
fn classes_and_bound_functions_that_lead_to_each_other() {
    let classes: String = (1..15_000).map(|n| format!("class C{n} extends C{} {{}}\n", n - 1)).collect();
    let bound: String = (1..5_000).map(|n| format!("const f{n} = f{}.bind(null);\n", n - 1)).collect();
    for text in [format!("class C0 {{}}\n{classes}new C14999();"), format!("function f0() {{}}\n{bound}f4999();")] {
        let proof = proof(&format!("import * as Sentry from '@sentry/node';\n{text}\nSentry.init({{}});"));
        assert_eq!(proof.verdict, Verdict::Proven, "{}", show_proof(&proof));
    }
}
