//! Bindings, what they hold, where they are written.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::visible;
use crate::{FunctionShape, Value, analyze};

/// Compares bindings, as text, with what is expected.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let (analysis, errors) = analyze(text);
    assert_eq!(errors, []);
    let mut out = String::new();
    for binding in &analysis.bindings {
        if binding.name != "*default*" {
            assert_eq!(binding.span.of(text), binding.name);
        }
        write!(out, "{} = {}", binding.name, render(&binding.value)).unwrap();
        if binding.uninitialised {
            out += " (uninitialised)";
        }
        for write in &binding.writes {
            let when = if write.in_function { " in a function" } else { "" };
            write!(out, ", write{when} {} `{}`", render(&write.value), visible(write.span.of(text))).unwrap();
        }
        for span in &binding.property_writes {
            write!(out, ", property `{}`", visible(span.of(text))).unwrap();
        }
        out += "\n";
    }
    expected.assert_eq(&out);
}

fn render(value: &Value) -> String {
    match value {
        Value::Function(FunctionShape { is_async, is_generator, is_arrow, length }) => format!(
            "{}{}{}({length})",
            if *is_async { "async " } else { "" },
            if *is_arrow { "arrow" } else { "function" },
            if *is_generator { "*" } else { "" },
        ),
        Value::Primitive(kind) => (*kind).to_owned(),
        Value::Reference(name) => format!("reference {name}"),
        Value::Call { callee, root } => format!("call `{}` of {}", visible(callee), root.as_deref().unwrap_or("-")),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[test]
fn functions_and_classes() {
    check(
        "function f() {} async function g(a) {} function* h(a, b) {} async function* i() {}",
        expect![[r#"
            f = function(0)
            g = async function(1)
            h = function*(2)
            i = async function*(0)
        "#]],
    );
    check(
        "const f = function () {}, g = async function n(a) {}, h = () => {}, i = async (a) => a;",
        expect![[r#"
            f = function(0)
            g = async function(1)
            h = arrow(0)
            i = async arrow(1)
        "#]],
    );
    check(
        "class C {} const D = class {}, E = class N extends C {};",
        expect![[r#"
            C = class
            D = class
            E = class
        "#]],
    );
}

#[test]
fn length_counts_parameters_before_a_default_or_rest() {
    check(
        "const a = (b, c) => 1, d = (e, f = 1, g) => 1, h = (...i) => 1, j = ({ k }, [l]) => 1",
        expect![[r#"
            a = arrow(2)
            d = arrow(1)
            h = arrow(0)
            j = arrow(2)
        "#]],
    );
    check(
        "function a(b, c = 1) {} function d(e, ...f) {} function g() { arguments }",
        expect![[r#"
            a = function(1)
            d = function(1)
            g = function(0)
        "#]],
    );
}

#[test]
fn values() {
    check(
        "const a = {}, b = [], c = 'x', d = `x${a}`, e = 1, f = 1n, g = true, h = null, i = undefined;",
        expect![[r#"
            a = object
            b = array
            c = string
            d = string
            e = number
            f = bigint
            g = boolean
            h = null
            i = undefined
        "#]],
    );
    check(
        "const a = -1, b = -1n, c = +x, d = -x, e = !x, f = void 0, g = typeof x, h = NaN, i = x > y, j = ~1;",
        expect![[r#"
            a = number
            b = bigint
            c = number
            d = unknown
            e = boolean
            f = undefined
            g = string
            h = number
            i = boolean
            j = number
        "#]],
    );
    check(
        "const a = /x/, b = new Map(), c = x ? 1 : 2, d = x || y, e = await x, f = x.y, g = import('x'), h = this;",
        expect![[r#"
            a = unknown
            b = new
            c = unknown
            d = unknown
            e = unknown
            f = unknown
            g = unknown
            h = unknown
        "#]],
    );
    check(
        "let a; var b; const c = (1, { d: 1 }), e = ((() => 1)), f = (g = function () {});",
        expect![[r#"
            a = unknown (uninitialised)
            b = unknown (uninitialised)
            c = object
            e = arrow(0)
            f = function(0)
        "#]],
    );
    check(
        "const { a, b: [c] } = d, [e] = f; using g = {};",
        expect![[r#"
            a = unknown
            c = unknown
            e = unknown
            g = object
        "#]],
    );
}

#[test]
fn references() {
    check(
        "import { a } from 'x'; const b = a, c = b, d = e; export default c;",
        expect![[r#"
            b = reference a
            c = reference b
            d = unknown
            *default* = reference c
        "#]],
    );
    check(
        "import * as ns from 'x'; const a = ns, b = ns.b; { const c = 1; var d = c }",
        expect![[r#"
            a = reference ns
            b = unknown
            d = unknown (uninitialised), write unknown `d = c`
        "#]],
    );
}

#[test]
fn call_results() {
    check(
        "import { onRequest } from 'firebase'; const a = onRequest({}, b => b), c = awslambda.streamifyResponse(d), e = Object.freeze({});",
        expect![[r#"
            a = call `onRequest` of onRequest
            c = call `awslambda.streamifyResponse` of -
            e = call `Object.freeze` of -
        "#]],
    );
    check(
        "import * as ns from 'x'; const a = ns.b.c(), d = ns.b().c(), e = (0, ns.f)(), g = (() => {})(), h = ns`x`();",
        expect![[r#"
            a = call `ns.b.c` of ns
            d = call `ns.b().c` of ns
            e = call `(0, ns.f)` of ns
            g = call `(() => {})` of -
            h = call `ns`x`` of ns
        "#]],
    );
    check(
        "const f = () => 1, a = f(), b = f?.(), c = (f)();",
        expect![[r#"
            f = arrow(0)
            a = call `f` of f
            b = unknown
            c = call `(f)` of f
        "#]],
    );
}

#[test]
fn default_exports() {
    check(
        "export default function () {}",
        expect![[r#"
            *default* = function(0)
        "#]],
    );
    check(
        "export default async function f(a) {}",
        expect![[r#"
            f = async function(1)
        "#]],
    );
    check(
        "export default class {}",
        expect![[r#"
            *default* = class
        "#]],
    );
    check(
        "export default class C {}",
        expect![[r#"
            C = class
        "#]],
    );
    check(
        "export default { fetch() {} };",
        expect![[r#"
            *default* = object
        "#]],
    );
    check(
        "import { a } from 'x'; export default a;",
        expect![[r#"
            *default* = reference a
        "#]],
    );
    check(
        "export default onRequest(() => {});",
        expect![[r#"
            *default* = call `onRequest` of -
        "#]],
    );
    check(
        "export default async (a, b) => {};",
        expect![[r#"
            *default* = async arrow(2)
        "#]],
    );
    check(
        "export const handler = async () => {}, config = { path: '/*' }; export function f() {}",
        expect![[r#"
            handler = async arrow(0)
            config = object
            f = function(0)
        "#]],
    );
}

#[test]
fn writes() {
    check(
        "let a; a = () => 1; function f() { a = 2 }",
        expect![[r#"
            a = unknown (uninitialised), write arrow(0) `a = () => 1`, write in a function number `a = 2`
            f = function(0)
        "#]],
    );
    check(
        "let a = 1, b = 2; a++; --b; a += 1; b ??= 2; [a, b] = []; ({ a, c: b, ...a } = {});",
        expect![[r#"
            a = number, write unknown `a++`, write unknown `a += 1`, write unknown `[a, b] = []`, write unknown `{ a, c: b, ...a } = {}`, write unknown `{ a, c: b, ...a } = {}`
            b = number, write unknown `--b`, write unknown `b ??= 2`, write unknown `[a, b] = []`, write unknown `{ a, c: b, ...a } = {}`
        "#]],
    );
    check(
        "let a, b; for (a of []) ; for (b in {}) ; for ([a] of []) ; for (a = 1; ;) ;",
        expect![[r#"
            a = unknown (uninitialised), write unknown `a`, write unknown `[a]`, write number `a = 1`
            b = unknown (uninitialised), write unknown `b`
        "#]],
    );
    check(
        "var a; var a = 1; var b = 1; var b = 2; var c = 1, c;",
        expect![[r#"
            a = unknown (uninitialised), write number `a = 1`
            b = number, write number `b = 2`
            c = number
        "#]],
    );
    check(
        "var a; if (x) { var a = 1 } { var b = () => {} } for (var c of []) ; for (var d = 1; ;) ;",
        expect![[r#"
            a = unknown (uninitialised), write number `a = 1`
            b = unknown (uninitialised), write arrow(0) `b = () => {}`
            c = unknown (uninitialised), write unknown `c`
            d = unknown (uninitialised), write number `d = 1`
        "#]],
    );
    check(
        "let a; (a) = 1; [(a)] = []; [b.c, [a = 1]] = []; a = b = () => {}",
        expect![[r#"
            a = unknown (uninitialised), write number `(a) = 1`, write unknown `[(a)] = []`, write unknown `[b.c, [a = 1]] = []`, write arrow(0) `a = b = () => {}`
        "#]],
    );
    check(
        "export let a = function () {}; export const set = (b) => { a = b };",
        expect![[r#"
            a = function(0), write in a function unknown `a = b`
            set = arrow(1)
        "#]],
    );
    check(
        "function f() {} f = 1; class C {} C = 2;",
        expect![[r#"
            f = function(0), write number `f = 1`
            C = class, write number `C = 2`
        "#]],
    );
}

#[test]
fn when_a_write_runs() {
    check(
        "let a; (() => { a = 1 })(); (function () { a = 2 }).call(x); { a = 3 }",
        expect![[r#"
            a = unknown (uninitialised), write number `a = 1`, write number `a = 2`, write number `a = 3`
        "#]],
    );
    check(
        "let a; (async () => { a = 1 })(); (function* () { a = 2 })(); f(() => { a = 3 });",
        expect![[r#"
            a = unknown (uninitialised), write in a function number `a = 1`, write in a function number `a = 2`, write in a function number `a = 3`
        "#]],
    );
    check(
        "let a; class C { static b = (a = 1); static { a = 2 } c = (a = 3); [a = 4]() { a = 5 } constructor() { a = 6 } }",
        expect![[r#"
            a = unknown (uninitialised), write number `a = 1`, write number `a = 2`, write in a function number `a = 3`, write number `a = 4`, write in a function number `a = 5`, write in a function number `a = 6`
            C = class
        "#]],
    );
    check(
        "let a; ({ get b() { a = 1 }, [a = 2]: 3 }); new (class { constructor() { a = 4 } })()",
        expect![[r#"
            a = unknown (uninitialised), write in a function number `a = 1`, write number `a = 2`, write in a function number `a = 4`
        "#]],
    );
}

#[test]
fn property_writes() {
    check(
        "function f() {} f.a = 1; f['b'] = 2; f[c] ||= 3; f.d++; delete f.e; delete f?.[g]; [f.h] = []; ({ i: f.j } = {});",
        expect![[r#"
            f = function(0), property `f.a = 1`, property `f['b'] = 2`, property `f[c] ||= 3`, property `f.d++`, property `delete f.e`, property `delete f?.[g]`, property `[f.h] = []`, property `{ i: f.j } = {}`
        "#]],
    );
    check(
        "function f() {} Object.assign(f, {}); Object.defineProperty(f, 'a', {}); Object.setPrototypeOf(f, null); Object.defineProperties((f), {}); Reflect.set(f, 'a', 1)",
        expect![[r#"
            f = function(0), property `Object.assign(f, {})`, property `Object.defineProperty(f, 'a', {})`, property `Object.setPrototypeOf(f, null)`, property `Object.defineProperties((f), {})`, property `Reflect.set(f, 'a', 1)`
        "#]],
    );
    check(
        "const f = () => {}; for (f.a of []) ; for (f.b in {}) ; (f.c) = 1; function g() { f.d = 1 }",
        expect![[r#"
            f = arrow(0), property `f.a`, property `f.b`, property `(f.c) = 1`, property `f.d = 1`
            g = function(0)
        "#]],
    );
    // None of these puts something on the function.
    check(
        "function f() {} f.a.b = 1; x.f = 1; Object.assign({}, f); Object.keys(f); f.call(x); f[a = 1];",
        expect![[r#"
            f = function(0)
        "#]],
    );
    check(
        "function f() {} function g(f) { f.a = 1; Object.assign(f) } function h(Object) { Object.assign(f) }",
        expect![[r#"
            f = function(0)
            g = function(1)
            h = function(1)
        "#]],
    );
}

#[test]
fn fatal_errors_leave_nothing() {
    let (analysis, errors) = analyze("\u{feff}const a = 1; a(; b");
    assert!(errors.iter().any(|error| error.fatal));
    assert!(analysis.record.byte_order_mark && analysis.bindings.is_empty());
}
