//! Exports, after the table
//! [Export Forms Mappings to ExportEntry Records](https://tc39.es/ecma262/#table-export-forms-mapping-to-exportentry-records).

use expect_test::expect;

use super::check;

#[test]
fn the_table_of_the_specification() {
    check(
        "export var v;",
        expect![[r#"
            local export v of v `v` `export var v;`
        "#]],
    );
    check(
        "export default function f() {}",
        expect![[r#"
            local export default of f `default` `export default function f() {}`
        "#]],
    );
    check(
        "export default function () {}",
        expect![[r#"
            local export default of *default* `default` `export default function () {}`
        "#]],
    );
    check(
        "export default 42;",
        expect![[r#"
            local export default of *default* `default` `export default 42;`
        "#]],
    );
    check(
        "var x; export {x};",
        expect![[r#"
            local export x of x `x` `x`
        "#]],
    );
    check(
        "var v; export {v as x};",
        expect![[r#"
            local export x of v `x` `v as x`
        "#]],
    );
    check(
        "export {x} from \"mod\";",
        expect![[r#"
            request 0 ExportNamed "mod" `"mod"` `export {x} from "mod";`
            indirect export x of 0.x(`x`) `x` `x`
        "#]],
    );
    check(
        "export {v as x} from \"mod\";",
        expect![[r#"
            request 0 ExportNamed "mod" `"mod"` `export {v as x} from "mod";`
            indirect export x of 0.v(`v`) `x` `v as x`
        "#]],
    );
    check(
        "export * from \"mod\";",
        expect![[r#"
            request 0 ExportStar "mod" `"mod"` `export * from "mod";`
            star export of 0
        "#]],
    );
    check(
        "export * as ns from \"mod\";",
        expect![[r#"
            request 0 ExportStarAs "mod" `"mod"` `export * as ns from "mod";`
            indirect export ns of 0.* `ns` `* as ns`
        "#]],
    );
}

#[test]
fn declarations() {
    check(
        "export const a = 1, b = 2; export let c",
        expect![[r#"
            local export a of a `a` `export const a = 1, b = 2;`
            local export b of b `b` `export const a = 1, b = 2;`
            local export c of c `c` `export let c`
        "#]],
    );
    check(
        "export function f() {} export async function g() {} export function* h() {}",
        expect![[r#"
            local export f of f `f` `export function f() {}`
            local export g of g `g` `export async function g() {}`
            local export h of h `h` `export function* h() {}`
        "#]],
    );
    check(
        "export async function* g() {}\nexport class C extends D {}",
        expect![[r#"
            local export g of g `g` `export async function* g() {}`
            local export C of C `C` `export class C extends D {}`
        "#]],
    );
    check(
        "export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;",
        expect![[r#"
            local export a of a `a` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export c of c `c` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export d of d `d` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export e of e `e` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export g of g `g` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export h of h `h` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export i of i `i` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
            local export j of j `j` `export const { a, b: [c, ...d], e = 1, 'f': { g }, ...h } = x, [i, , [j] = []] = y;`
        "#]],
    );
}

#[test]
fn default_declarations() {
    check(
        "export default async function f() {}",
        expect![[r#"
            local export default of f `default` `export default async function f() {}`
        "#]],
    );
    check(
        "export default async function () {}",
        expect![[r#"
            local export default of *default* `default` `export default async function () {}`
        "#]],
    );
    check(
        "export default function* () {}",
        expect![[r#"
            local export default of *default* `default` `export default function* () {}`
        "#]],
    );
    check(
        "export default async function* g() {}",
        expect![[r#"
            local export default of g `default` `export default async function* g() {}`
        "#]],
    );
    check(
        "export default class C {}",
        expect![[r#"
            local export default of C `default` `export default class C {}`
        "#]],
    );
    check(
        "export default class {}",
        expect![[r#"
            local export default of *default* `default` `export default class {}`
        "#]],
    );
    check(
        "export default class extends B {}",
        expect![[r#"
            local export default of *default* `default` `export default class extends B {}`
        "#]],
    );
}

#[test]
fn default_expressions() {
    check(
        "export default (function f() {});",
        expect![[r#"
            local export default of *default* `default` `export default (function f() {});`
        "#]],
    );
    check(
        "export default (class C {})",
        expect![[r#"
            local export default of *default* `default` `export default (class C {})`
        "#]],
    );
    check(
        "const f = 1; export default f;",
        expect![[r#"
            local export default of *default* `default` `export default f;`
        "#]],
    );
    check(
        "export default async () => {}",
        expect![[r#"
            local export default of *default* `default` `export default async () => {}`
        "#]],
    );
    check(
        "export default async",
        expect![[r#"
            local export default of *default* `default` `export default async`
        "#]],
    );
    check(
        "export default { fetch() {} }",
        expect![[r#"
            local export default of *default* `default` `export default { fetch() {} }`
        "#]],
    );
    check(
        "export /*/ default */ default [1]\n;",
        expect![[r#"
            local export default of *default* `default` `export /*/ default */ default [1]\n;`
        "#]],
    );
    check(
        "export default a = b",
        expect![[r#"
            local export default of *default* `default` `export default a = b`
        "#]],
    );
    check(
        "export default from",
        expect![[r#"
            local export default of *default* `default` `export default from`
        "#]],
    );
}

#[test]
fn names_of_every_kind() {
    check(
        "const a = 1; export { a as default, a as \"a-b\", a as 'x\\u0079', a as if, a as await }",
        expect![[r#"
            local export default of a `default` `a as default`
            local export a-b of a `"a-b"` `a as "a-b"`
            local export xy of a `'x\u0079'` `a as 'x\u0079'`
            local export if of a `if` `a as if`
            local export await of a `await` `a as await`
        "#]],
    );
    check(
        "export { \"a-b\" as \"c-d\", default, default as e, 'f' } from 'mod'",
        expect![[r#"
            request 0 ExportNamed "mod" `'mod'` `export { "a-b" as "c-d", default, default as e, 'f' } from 'mod'`
            indirect export c-d of 0.a-b(`"a-b"`) `"c-d"` `"a-b" as "c-d"`
            indirect export default of 0.default(`default`) `default` `default`
            indirect export e of 0.default(`default`) `e` `default as e`
            indirect export f of 0.f(`'f'`) `'f'` `'f'`
        "#]],
    );
    check(
        "export * as \"a string\" from 'mod'; export * as default from 'mod'",
        expect![[r#"
            request 0 ExportStarAs "mod" `'mod'` `export * as "a string" from 'mod';`
            request 1 ExportStarAs "mod" `'mod'` `export * as default from 'mod'`
            indirect export a string of 0.* `"a string"` `* as "a string"`
            indirect export default of 1.* `default` `* as default`
        "#]],
    );
    check(
        r"let \u0061; export { \u0061, a as \u{62} }",
        expect![[r#"
            local export a of a `\u0061` `\u0061`
            local export b of a `\u{62}` `a as \u{62}`
        "#]],
    );
    check(
        "const 𝒳 = 1; export { 𝒳 as 名前 }",
        expect![[r#"
            local export 名前 of 𝒳 `名前` `𝒳 as 名前`
        "#]],
    );
    check(
        "const a = 1; export { a as then, a as __proto__, a as constructor, a as '' }",
        expect![[r#"
            local export then of a `then` `a as then`
            local export __proto__ of a `__proto__` `a as __proto__`
            local export constructor of a `constructor` `a as constructor`
            local export  of a `''` `a as ''`
        "#]],
    );
}

#[test]
fn imports_that_are_exported_become_indirect() {
    check(
        "import { a } from 'x'; export { a };",
        expect![[r#"
            request 0 Import "x" `'x'` `import { a } from 'x';`
            import 0.a(`a`) as a `a`
            indirect export a of 0.a(`a`) `a` `a`
        "#]],
    );
    check(
        "export { b as c }; import { a as b } from 'x';",
        expect![[r#"
            request 0 Import "x" `'x'` `import { a as b } from 'x';`
            import 0.a(`a`) as b `a as b`
            indirect export c of 0.a(`a`) `c` `b as c`
        "#]],
    );
    check(
        "import d from 'x'; export { d, d as e };",
        expect![[r#"
            request 0 Import "x" `'x'` `import d from 'x';`
            import 0.default(`d`) as d `d`
            indirect export d of 0.default(`d`) `d` `d`
            indirect export e of 0.default(`d`) `e` `d as e`
        "#]],
    );
    check(
        "import { 'a-b' as b } from 'x'; export { b as 'c-d' };",
        expect![[r#"
            request 0 Import "x" `'x'` `import { 'a-b' as b } from 'x';`
            import 0.a-b(`'a-b'`) as b `'a-b' as b`
            indirect export c-d of 0.a-b(`'a-b'`) `'c-d'` `b as 'c-d'`
        "#]],
    );
    // The namespace object is this module's own.
    check(
        "import * as ns from 'x'; export { ns };",
        expect![[r#"
            request 0 Import "x" `'x'` `import * as ns from 'x';`
            import 0.* as ns `* as ns`
            local export ns of ns `ns` `ns`
        "#]],
    );
    check(
        "import defer * as ns from 'x'; import source s from 'y'; export { ns, s };",
        expect![[r#"
            request 0 Import "x" Defer `'x'` `import defer * as ns from 'x';`
            request 1 Import "y" Source `'y'` `import source s from 'y';`
            import 0.* as ns `* as ns`
            import 1.source as s `s`
            local export ns of ns `ns` `ns`
            local export s of s `s` `s`
        "#]],
    );
    // This makes a new binding.
    check(
        "import a from 'x'; export default a;",
        expect![[r#"
            request 0 Import "x" `'x'` `import a from 'x';`
            import 0.default(`a`) as a `a`
            local export default of *default* `default` `export default a;`
        "#]],
    );
}

#[test]
fn no_names() {
    check("export {};", expect![[""]]);
    check(
        "export {} from 'x';",
        expect![[r#"
            request 0 ExportNamed "x" `'x'` `export {} from 'x';`
        "#]],
    );
}

#[test]
fn entries_stand_in_source_order() {
    check(
        "export { z } from 'z'; import { y } from 'y'; export * from 'x'; export { y }; export { w } from 'w';\
         export const v = 1;",
        expect![[r#"
            request 0 ExportNamed "z" `'z'` `export { z } from 'z';`
            request 1 Import "y" `'y'` `import { y } from 'y';`
            request 2 ExportStar "x" `'x'` `export * from 'x';`
            request 3 ExportNamed "w" `'w'` `export { w } from 'w';`
            import 1.y(`y`) as y `y`
            local export v of v `v` `export const v = 1;`
            indirect export z of 0.z(`z`) `z` `z`
            indirect export y of 1.y(`y`) `y` `y`
            indirect export w of 3.w(`w`) `w` `w`
            star export of 2
        "#]],
    );
}

#[test]
fn attributes() {
    check(
        "export { default } from './a.json' with { type: 'json' };",
        expect![[r#"
            request 0 ExportNamed "./a.json" {"type": "json"} `'./a.json'` `export { default } from './a.json' with { type: 'json' };`
            indirect export default of 0.default(`default`) `default` `default`
        "#]],
    );
    check(
        "export * from './a.json' with { type: 'json' }",
        expect![[r#"
            request 0 ExportStar "./a.json" {"type": "json"} `'./a.json'` `export * from './a.json' with { type: 'json' }`
            star export of 0
        "#]],
    );
    check(
        "export * as a from './a.json' with { type: 'json' }",
        expect![[r#"
            request 0 ExportStarAs "./a.json" {"type": "json"} `'./a.json'` `export * as a from './a.json' with { type: 'json' }`
            indirect export a of 0.* `a` `* as a`
        "#]],
    );
}

#[test]
fn hoisted_names_can_be_exported() {
    check(
        "export { a, b, c, d, e }; { var a } for (var b of []) var c; if (x) try {} catch { var d } class e {}",
        expect![[r#"
            local export a of a `a` `a`
            local export b of b `b` `b`
            local export c of c `c` `c`
            local export d of d `d` `d`
            local export e of e `e` `e`
        "#]],
    );
}
