//! An outline is what all of the module tells.

use crate::{
    Outline, RequestMeans, module_requests, outline,
    outline::{is_told_by_tokens, links},
    parse,
};

/// Where the whole module can be read, the outline is the same. Returns whether tokens told it.
#[track_caller]
pub(super) fn same(text: &str) -> bool {
    let (record, errors) = parse(text);
    let (found, found_errors) = outline(text);
    if errors.is_empty() {
        let (_, requests, _) = module_requests(text);
        let requests = requests.into_iter().filter(|request| request.always && request.means != RequestMeans::Register);
        assert_eq!(found, Outline { links: links(record), requests: requests.collect() }, "{text}");
        assert_eq!(found_errors, [], "{text}");
    }
    is_told_by_tokens(text)
}

#[track_caller]
fn told(texts: &[&str], expected: bool) {
    for text in texts {
        assert_eq!(parse(text).1, [], "{text}");
        assert_eq!(same(text), expected, "{text}");
    }
}

#[test]
fn imports_and_exports() {
    told(
        &[
            "import 'a'; import b, { c as d, 'e f' as g } from \"b\"; import * as h from 'h'\nfoo()\nexport { b, d as e };",
            "import a from 'a'\nimport b from 'b'\nexport * from 'c'\nexport * as d from 'd'\nexport { e } from 'e'\n",
            "import a from 'a' with { type: 'json' }; import 'b'\nwith { type: 'json' }\nexport { a }\nfrom 'c'",
            "import defer * as a from 'a'; import source b from 'b'; import.meta.url; import('c').then(d => { d() })",
            "export const a = 1, { b, c: [d] } = { b: 1, c: [] }; export default class { e() { return import('e') } }",
            "export function a() { import('b') } export async function* c() {} export default a",
            "import{a}from'a';export{a as default};function b(){return a/2}",
            "import a from 'a' // b\n/* c */ import d from 'd' /* \n */ e()\nvar e = { import: 1, export: 2, from: a.import }",
            "class A { import(a) { return a } export() {} } export { A }",
            "\u{feff}#!/usr/bin/env node\nimport 'a'; const b = 'ä'; export { b }",
            "export { if as else } from 'a'; export * as import from 'b'; export { import as \"x y\" } from 'c'",
            "async function assert() {}\nimport 'a'\nassert()\nimport b from 'b'\nwithin: for (;;) break within\nexport { b }",
        ],
        true,
    );
}

#[test]
fn what_is_requested_at_once() {
    told(
        &[
            "import 'a'; await import('b'); const c = () => import('c'); async () => { await import('d') }",
            "const { a } = (await import('a')).b, c = async () => await import('c'); if (a) { await import('d') }",
            "const a = require('a'), b = { require: () => require('b'), c: require }; a.require('c')",
            "import { createRequire as a } from 'node:module'; const b = a(import.meta.url), c = b('c'); c.d();",
            "foo()\n{ require('a'); await import('b') }",
            "{ await import('a') } for await (const b of c) { await import('d') } switch (b) { case 1: await import('e') }",
            "try { await import('a') } catch (b) { await import('c') } do { await import('d') } while (b) { await import('e') }",
            "class A extends b(c) { static { require('d') } static e = require('e'); [require('f')]() { require('g') } }",
            "class A extends b.c`${() => { require('d') }}` { static { require('e') } }",
            "if (a) { await import('b') } while (c) { await import('d') } with_(e)\n{ await import('f') }",
            "const a = { if(b) { require('c') }, async *d() { await import('e') }, get f() { return require('g') } };",
        ],
        true,
    );
}

#[test]
fn slashes() {
    told(
        &[
            "const a = b / c / 2; d[0] / 2 / f(1) / `g` / 1. / 'h'; i++ / 2",
            "a = /[/\"]\\/'{/g; if (b) /[)}]/.test(c); while (d) /'/.test(e); f(/{/, /}/); [/`/]; g => /{/; !/'/",
            "return_ / 1; typeof /'/; void /{/; a.if(b) / c; a.typeof / 2 / d; this / 2 / 3",
            "class A { #if(b) { return this.#if(c) / 2 / 1 } }",
            "`${a / b}/${`${'`'}/`}'` / c / 2; a?.5:1 / 2 / 3",
            "x = a ? .5 / b / c : 1; y = 0x1e+5 / 2 / 3; z = 1..toFixed() / 2 / 3; w = 1_0n / 2n",
            "a = b /* ' */ / c // '\n",
        ],
        true,
    );
    // A statement or a division; a block or an object; an operand or a word of a loop.
    told(
        &[
            "a\n/ b / c",
            "function a() {}\n/'/.test(b)",
            "a = {} / 2 / b",
            "var a\n/'/.test(b)",
            "for (const a of /'/g) {}",
            "import 'a'\n/'/.test(b)",
            "++/'/.lastIndex",
        ],
        false,
    );
}

/// In the body of a function a slash is told by what stands before it.
#[test]
fn slashes_in_bodies() {
    let in_body = |text: &str| format!("import 'a'; function f() {{ {text} }} export {{ f }};");
    let told = |texts: &[&str], expected: bool| {
        let bodies: Vec<String> = texts.iter().map(|text| in_body(text)).collect();
        told(&bodies.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    };
    told(
        &[
            "const a = b / c / 2; d[0] / 2 / f(1) / `g` / 1 / 'h'; `${a / b}/${`${'`'}/`}'` / c / 2",
            "a = /[/\"]\\/'{/g; if (b) /[)}]/.test(c); while (d) /'/.test(e); f(/{/, /}/); [/`/]; g => /{/; !/'/",
            "return_ / 1; typeof /'/; void /{/; a.if(b) / c; a.typeof / 2 / d; this / 2 / 3; [...typeof /'/]",
            "for (a of b) /'/.test(c); for (const d in e) /}/.test(d)",
            "x = a ? .5 / b / c : 1; y = 0x1e+5 / 2 / 3; w = 1_0n / 2n; z = a?.b / 2 / 3",
            "a = b /* ' */ / c // '\n",
            "a = b // if\n ;(c) / 2 / 3",
            "a = [ // return\n // '\n /'/, /}/ /* ' */ ]; return /* ' */ /* ' */ /'/",
            "return // a\n /* b */ 1",
            "class A { #if(b) { return this.#if(c) / 2 / 1 } } (a) / 2 / 3",
        ],
        true,
    );
    told(
        &[
            "a\n/ b / c",
            "a // c\n/ b / c",
            "a = {} / 2 / b",
            "a++ / 2 / b",
            "++/'/.lastIndex",
            "/a/ / b / c",
            "a / /'/.lastIndex",
            "for (const a of /'/g) {}",
            "if /* a */ (b) /'/.test(c)",
            "if // a\n (b) /'/.test(c)",
            "a = (b // if\n (c)) / 2 / 3; a = b // if\n (c) / 2 / 3",
            "const \u{fc} = 1",
            "const a\\u0062 = 1",
        ],
        false,
    );
    told(&["async function g() { for await (const a of b) /'/.test(c) }"], true);
}

#[test]
fn what_tokens_do_not_tell() {
    told(
        &[
            "const \u{fc} = 1",
            "const a\\u0062 = 1",
            "class A extends class {} { static { await_() } }",
            "class A extends function () {} {}",
            "class A extends {}.b() { static { require('c') } }",
            "a(/\u{2019}/); \u{a0}b",
        ],
        false,
    );
}

#[test]
fn what_is_no_module_is_not_told_by_tokens() {
    for text in ["import a from 'a'; {", "(]", "`${", "'a\n'", "/a\n/", "export { a }; )", "/* ", "a = /[/"] {
        assert!(!is_told_by_tokens(text) && !outline(text).1.is_empty(), "{text}");
    }
    assert!(!outline("import { a as a.b } from 'c'").1.is_empty());
}
