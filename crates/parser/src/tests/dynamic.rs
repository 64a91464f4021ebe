//! What a module does while it runs: `import()`, `import.meta`, top-level await, URLs of its own files.

use expect_test::expect;

use super::check;

#[test]
fn dynamic_imports() {
    check(
        "import('a')",
        expect![[r#"
            dynamic import "a" `'a'` top-level `import('a')`
        "#]],
    );
    check(
        "import(`a`); import(`${b}`); import(b); import('a' + b)",
        expect![[r#"
            dynamic import "a" ``a`` top-level `import(`a`)`
            dynamic import of ``${b}`` top-level `import(`${b}`)`
            dynamic import of `b` top-level `import(b)`
            dynamic import of `'a' + b` top-level `import('a' + b)`
        "#]],
    );
    check(
        "import('a', { with: { type: 'json' } }); import('b',)",
        expect![[r#"
            dynamic import "a" `'a'` options top-level `import('a', { with: { type: 'json' } })`
            dynamic import "b" `'b'` top-level `import('b',)`
        "#]],
    );
    check(
        "import.defer('a'); import.source('b')",
        expect![[r#"
            dynamic import "a" `'a'` Defer top-level `import.defer('a')`
            dynamic import "b" `'b'` Source top-level `import.source('b')`
        "#]],
    );
    check(
        "import\n(/* c */ 'a' /* d */)",
        expect![[r#"
            dynamic import "a" `'a'` top-level `import\n(/* c */ 'a' /* d */)`
        "#]],
    );
    check(
        "import(('a')); import(import('b'))",
        expect![[r#"
            dynamic import "a" `'a'` top-level `import(('a'))`
            dynamic import of `import('b')` top-level `import(import('b'))`
            dynamic import "b" `'b'` top-level `import('b')`
        "#]],
    );
    check(
        r"import('\u0061\x62\
c'); import(`\u{61}`)",
        expect![[r#"
            dynamic import "abc" `'\u0061\x62\\nc'` top-level `import('\u0061\x62\\nc')`
            dynamic import "a" ``\u{61}`` top-level `import(`\u{61}`)`
        "#]],
    );
}

#[test]
fn where_a_dynamic_import_stands() {
    check(
        "await import('a'); await (import('b')); await import('c').then(d); (await import('e')).f; await (0, import('f'))",
        expect![[r#"
            dynamic import "a" `'a'` top-level awaited `import('a')`
            dynamic import "b" `'b'` top-level awaited `import('b')`
            dynamic import "c" `'c'` top-level `import('c')`
            dynamic import "e" `'e'` top-level awaited `import('e')`
            dynamic import "f" `'f'` top-level `import('f')`
            top-level await `await import('a')`
            top-level await `await (import('b'))`
            top-level await `await import('c').then(d)`
            top-level await `await import('e')`
            top-level await `await (0, import('f'))`
        "#]],
    );
    check(
        "const { handler: h } = await import(\"./entry.mjs\");",
        expect![[r#"
            dynamic import "./entry.mjs" `"./entry.mjs"` top-level awaited `import("./entry.mjs")`
            top-level await `await import("./entry.mjs")`
        "#]],
    );
    check(
        "function f() { import('a') } async () => await import('b')",
        expect![[r#"
            dynamic import "a" `'a'` `import('a')`
            dynamic import "b" `'b'` awaited `import('b')`
        "#]],
    );
    check(
        "class C { x = import('a'); static y = import('b'); static { import('c') } [import('d')]() { import('e') } }",
        expect![[r#"
            dynamic import "a" `'a'` `import('a')`
            dynamic import "b" `'b'` top-level `import('b')`
            dynamic import "c" `'c'` top-level `import('c')`
            dynamic import "d" `'d'` top-level `import('d')`
            dynamic import "e" `'e'` `import('e')`
        "#]],
    );
    check(
        "(() => import('a'))(); if (x) { import('b') }",
        expect![[r#"
            dynamic import "a" `'a'` `import('a')`
            dynamic import "b" `'b'` top-level `import('b')`
        "#]],
    );
    check(
        "const lazy = { a: () => import('./a.mjs').then(m => m.a), get b() { return import('./b.mjs') } }",
        expect![[r#"
            dynamic import "./a.mjs" `'./a.mjs'` `import('./a.mjs')`
            dynamic import "./b.mjs" `'./b.mjs'` `import('./b.mjs')`
        "#]],
    );
    check(
        "import('./chunk.mjs').then(function (n) { return n.n; }).finally(() => import('b'))",
        expect![[r#"
            dynamic import "./chunk.mjs" `'./chunk.mjs'` top-level `import('./chunk.mjs')`
            dynamic import "b" `'b'` `import('b')`
        "#]],
    );
    check(
        "f(import('a'), `${import('b')}`, g?.(import('c'))?.[import('d')], tag`${import('e')}`)",
        expect![[r#"
            dynamic import "a" `'a'` top-level `import('a')`
            dynamic import "b" `'b'` top-level `import('b')`
            dynamic import "c" `'c'` top-level `import('c')`
            dynamic import "d" `'d'` top-level `import('d')`
            dynamic import "e" `'e'` top-level `import('e')`
        "#]],
    );
}

#[test]
fn import_meta() {
    check(
        "import.meta; import.meta.url; import.meta.env.X; import.meta['dirname']; import.meta[x]",
        expect![[r#"
            import.meta "-" `import.meta`
            import.meta "url" `import.meta.url`
            import.meta "env" `import.meta.env`
            import.meta "dirname" `import.meta['dirname']`
            import.meta "-" `import.meta[x]`
        "#]],
    );
    check(
        "const { url } = import.meta; import.meta.main && f(); import\n.\nmeta.url; import.meta?.url",
        expect![[r#"
            import.meta "-" `import.meta`
            import.meta "main" `import.meta.main`
            import.meta "url" `import\n.\nmeta.url`
            import.meta "url" `import.meta?.url`
        "#]],
    );
    check(
        "import.meta.hot = 1; (import.meta).filename; function f() { return import.meta.url }",
        expect![[r#"
            import.meta "hot" `import.meta.hot`
            import.meta "filename" `(import.meta).filename`
            import.meta "url" `import.meta.url`
        "#]],
    );
    check(
        "globalThis._importMeta_={url:import.meta.url,env:process.env};",
        expect![[r#"
            import.meta "url" `import.meta.url`
        "#]],
    );
}

#[test]
fn top_level_await() {
    check(
        "await x; x = await y; f(await z)",
        expect![[r#"
            top-level await `await x`
            top-level await `await y`
            top-level await `await z`
        "#]],
    );
    check(
        "for await (const x of y) {}",
        expect![[r#"
            top-level await `for await (const x of y) {}`
        "#]],
    );
    check(
        "await using a = b; using c = d; for (await using e of f) {}",
        expect![[r#"
            top-level await `await using a = b;`
            top-level await `for (await using e of f) {}`
        "#]],
    );
    check(
        "for await (const x of await y) await z",
        expect![[r#"
            top-level await `for await (const x of await y) await z`
            top-level await `await y`
            top-level await `await z`
        "#]],
    );
    check(
        "export default await x; export const y = await z",
        expect![[r#"
            local export default of *default* `default` `export default await x;`
            local export y of y `y` `export const y = await z`
            top-level await `await x`
            top-level await `await z`
        "#]],
    );
    check(
        "await (async () => { await x })()",
        expect![[r#"
            top-level await `await (async () => { await x })()`
        "#]],
    );
    check(
        "if (a) { await b } else while (await c) {} `${await d}`",
        expect![[r#"
            top-level await `await b`
            top-level await `await c`
            top-level await `await d`
        "#]],
    );
    check(
        "class C extends (await a) { [await b] = 1 }",
        expect![[r#"
            top-level await `await a`
            top-level await `await b`
        "#]],
    );
}

#[test]
fn await_in_functions_is_not_the_modules() {
    check("async function f() { await x; for await (const y of z) {} }", expect![[""]]);
    check(
        "const f = async () => await x, g = { async m() { await x } }; class C { async m() { await x } }",
        expect![[""]],
    );
    check("async function f() { await using x = y }", expect![[""]]);
    check("async (a = b) => { await c }", expect![[""]]);
}

#[test]
fn await_where_it_is_not_allowed() {
    check(
        "class C { static { await x } }",
        expect![[r#"
            top-level await `await x`
            error 1:20 expected ident `await`
        "#]],
    );
    check(
        "class C { a = await x }",
        expect![[r#"
            error 1:15 expected ident `await`
        "#]],
    );
    check(
        "class C { static a = await x }",
        expect![[r#"
            top-level await `await x`
            error 1:22 expected ident `await`
        "#]],
    );
    check(
        "function f() { await x }",
        expect![[r#"
            error 1:16 await isn't allowed in non-async function `await`
        "#]],
    );
    check(
        "() => await x",
        expect![[r#"
            error 1:7 await isn't allowed in non-async function `await`
        "#]],
    );
    check(
        "async (a = await x) => {}",
        expect![[r#"
            error 1:12 `await` expressions cannot be used in a parameter initializer `await x`
        "#]],
    );
}

#[test]
fn urls() {
    check(
        "new URL('./a.mjs', import.meta.url)",
        expect![[r#"
            url NewUrl "./a.mjs" `'./a.mjs'` `new URL('./a.mjs', import.meta.url)`
            import.meta "url" `import.meta.url`
        "#]],
    );
    check(
        "new URL(`./a.mjs`, import.meta.url).pathname; new URL(a, import.meta.url); new URL('./b', c); new URL('./d')",
        expect![[r#"
            url NewUrl "./a.mjs" ``./a.mjs`` `new URL(`./a.mjs`, import.meta.url)`
            import.meta "url" `import.meta.url`
            import.meta "url" `import.meta.url`
        "#]],
    );
    check(
        "import.meta.resolve('./a.mjs'); import.meta.resolve(b); import.meta['resolve']('c')",
        expect![[r#"
            url Resolve "./a.mjs" `'./a.mjs'` `import.meta.resolve('./a.mjs')`
            url Resolve "c" `'c'` `import.meta['resolve']('c')`
            import.meta "resolve" `import.meta.resolve`
            import.meta "resolve" `import.meta.resolve`
            import.meta "resolve" `import.meta['resolve']`
        "#]],
    );
    check(
        "new Worker(new URL('./a.mjs', import.meta.url), { type: 'module' }); new SharedWorker(new URL('b', import.meta.url))",
        expect![[r#"
            url Started "./a.mjs" `'./a.mjs'` `new URL('./a.mjs', import.meta.url)`
            url Started "b" `'b'` `new URL('b', import.meta.url)`
            import.meta "url" `import.meta.url`
            import.meta "url" `import.meta.url`
        "#]],
    );
    check(
        "fork(new URL('./a.mjs', import.meta.url)); cluster.fork(fileURLToPath(new URL('b', import.meta.url)))",
        expect![[r#"
            url Started "./a.mjs" `'./a.mjs'` `new URL('./a.mjs', import.meta.url)`
            url Started "b" `'b'` `new URL('b', import.meta.url)`
            import.meta "url" `import.meta.url`
            import.meta "url" `import.meta.url`
        "#]],
    );
    check(
        "new Worker(new URL('./a.mjs', import.meta.url).href); new Worker(import.meta.resolve('./b.mjs'))",
        expect![[r#"
            url Started "./a.mjs" `'./a.mjs'` `new URL('./a.mjs', import.meta.url)`
            url Started "./b.mjs" `'./b.mjs'` `import.meta.resolve('./b.mjs')`
            import.meta "url" `import.meta.url`
            import.meta "resolve" `import.meta.resolve`
        "#]],
    );
    check(
        "new Worker('./a.mjs'); new Other(new URL('./b.mjs', import.meta.url))",
        expect![[r#"
            url NewUrl "./b.mjs" `'./b.mjs'` `new URL('./b.mjs', import.meta.url)`
            import.meta "url" `import.meta.url`
        "#]],
    );
}

#[test]
fn main_checks() {
    check(
        "if (process.argv[1] === fileURLToPath(import.meta.url)) run()",
        expect![[r#"
            import.meta "url" `import.meta.url`
            main check `process.argv[1]`
        "#]],
    );
    check(
        "process.argv[2]; process.argv.slice(2); process['argv']['1']; globalThis.process.argv[1]; argv[1]",
        expect![[r#"
            main check `process['argv']['1']`
            main check `globalThis.process.argv[1]`
        "#]],
    );
    check(
        "import { argv as a } from 'node:process'; a[1]",
        expect![[r#"
            request 0 Import "node:process" `'node:process'` `import { argv as a } from 'node:process';`
            import 0.argv(`argv`) as a `argv as a`
            main check `a[1]`
        "#]],
    );
    check(
        "import p from 'process'; import * as q from 'node:process'; p.argv[1] || q.argv[1]; r.argv[1]",
        expect![[r#"
            request 0 Import "process" `'process'` `import p from 'process';`
            request 1 Import "node:process" `'node:process'` `import * as q from 'node:process';`
            import 0.default(`p`) as p `p`
            import 1.* as q `* as q`
            main check `p.argv[1]`
            main check `q.argv[1]`
        "#]],
    );
}
