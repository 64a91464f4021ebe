//! Imports, after the table
//! [Import Forms Mappings to ImportEntry Records](https://tc39.es/ecma262/#table-import-forms-mapping-to-importentry-records).

use expect_test::expect;

use super::check;

#[test]
fn the_table_of_the_specification() {
    check(
        "import v from \"mod\";",
        expect![[r#"
            request 0 Import "mod" `"mod"` `import v from "mod";`
            import 0.default(`v`) as v `v`
        "#]],
    );
    check(
        "import * as ns from \"mod\";",
        expect![[r#"
            request 0 Import "mod" `"mod"` `import * as ns from "mod";`
            import 0.* as ns `* as ns`
        "#]],
    );
    check(
        "import {x} from \"mod\";",
        expect![[r#"
            request 0 Import "mod" `"mod"` `import {x} from "mod";`
            import 0.x(`x`) as x `x`
        "#]],
    );
    check(
        "import {x as v} from \"mod\";",
        expect![[r#"
            request 0 Import "mod" `"mod"` `import {x as v} from "mod";`
            import 0.x(`x`) as v `x as v`
        "#]],
    );
    check(
        "import \"mod\";",
        expect![[r#"
            request 0 Bare "mod" `"mod"` `import "mod";`
        "#]],
    );
}

#[test]
fn combined_forms() {
    check(
        "import d, { x, y as z } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import d, { x, y as z } from 'mod'`
            import 0.default(`d`) as d `d`
            import 0.x(`x`) as x `x`
            import 0.y(`y`) as z `y as z`
        "#]],
    );
    check(
        "import d, * as ns from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import d, * as ns from 'mod'`
            import 0.default(`d`) as d `d`
            import 0.* as ns `* as ns`
        "#]],
    );
    check(
        "import { default as d } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import { default as d } from 'mod'`
            import 0.default(`default`) as d `default as d`
        "#]],
    );
    check(
        "import { x, x as y, } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import { x, x as y, } from 'mod'`
            import 0.x(`x`) as x `x`
            import 0.x(`x`) as y `x as y`
        "#]],
    );
}

#[test]
fn no_names() {
    check(
        "import {} from 'mod';",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import {} from 'mod';`
        "#]],
    );
    check(
        "import d, {} from 'mod';",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import d, {} from 'mod';`
            import 0.default(`d`) as d `d`
        "#]],
    );
    check(
        "import/* { a } from */'mod'",
        expect![[r#"
            request 0 Bare "mod" `'mod'` `import/* { a } from */'mod'`
        "#]],
    );
    check(
        "import // \"comment\"\n'mod'",
        expect![[r#"
            request 0 Bare "mod" `'mod'` `import // "comment"\n'mod'`
        "#]],
    );
}

#[test]
fn names_of_every_kind() {
    check(
        "import { \"a-b\" as x, 'c d' as y, \"\" as z } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import { "a-b" as x, 'c d' as y, "" as z } from 'mod'`
            import 0.a-b(`"a-b"`) as x `"a-b" as x`
            import 0.c d(`'c d'`) as y `'c d' as y`
            import 0.(`""`) as z `"" as z`
        "#]],
    );
    check(
        "import { if as x, default as y, import as z, await as w } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import { if as x, default as y, import as z, await as w } from 'mod'`
            import 0.if(`if`) as x `if as x`
            import 0.default(`default`) as y `default as y`
            import 0.import(`import`) as z `import as z`
            import 0.await(`await`) as w `await as w`
        "#]],
    );
    check(
        r"import { \u0061 as \u{62}, 'x\x79' as z } from 'm\u006fd'",
        expect![[r#"
            request 0 Import "mod" `'m\u006fd'` `import { \u0061 as \u{62}, 'x\x79' as z } from 'm\u006fd'`
            import 0.a(`\u0061`) as b `\u0061 as \u{62}`
            import 0.xy(`'x\x79'`) as z `'x\x79' as z`
        "#]],
    );
    check(
        "import { 名前 as 𝒳 } from './ファイル.mjs'",
        expect![[r#"
            request 0 Import "./ファイル.mjs" `'./ファイル.mjs'` `import { 名前 as 𝒳 } from './ファイル.mjs'`
            import 0.名前(`名前`) as 𝒳 `名前 as 𝒳`
        "#]],
    );
    check(
        "import { $, _, a$1 } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import { $, _, a$1 } from 'mod'`
            import 0.$(`$`) as $ `$`
            import 0._(`_`) as _ `_`
            import 0.a$1(`a$1`) as a$1 `a$1`
        "#]],
    );
}

#[test]
fn words_that_are_keywords_elsewhere() {
    check(
        "import defer from 'mod'; import source from 'mod'; import from from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import defer from 'mod';`
            request 1 Import "mod" `'mod'` `import source from 'mod';`
            request 2 Import "mod" `'mod'` `import from from 'mod'`
            import 0.default(`defer`) as defer `defer`
            import 1.default(`source`) as source `source`
            import 2.default(`from`) as from `from`
        "#]],
    );
    check(
        "import { as } from 'a'; import { as as b } from 'b'; import { b as as1 } from 'c'",
        expect![[r#"
            request 0 Import "a" `'a'` `import { as } from 'a';`
            request 1 Import "b" `'b'` `import { as as b } from 'b';`
            request 2 Import "c" `'c'` `import { b as as1 } from 'c'`
            import 0.as(`as`) as as `as`
            import 1.as(`as`) as b `as as b`
            import 2.b(`b`) as as1 `b as as1`
        "#]],
    );
    check(
        "import type from 'mod'; import { of, async, get } from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import type from 'mod';`
            request 1 Import "mod" `'mod'` `import { of, async, get } from 'mod'`
            import 0.default(`type`) as type `type`
            import 1.of(`of`) as of `of`
            import 1.async(`async`) as async `async`
            import 1.get(`get`) as get `get`
        "#]],
    );
    check(
        "import defer, { a } from 'mod'; import defer2, * as source from 'mod'",
        expect![[r#"
            request 0 Import "mod" `'mod'` `import defer, { a } from 'mod';`
            request 1 Import "mod" `'mod'` `import defer2, * as source from 'mod'`
            import 0.default(`defer`) as defer `defer`
            import 0.a(`a`) as a `a`
            import 1.default(`defer2`) as defer2 `defer2`
            import 1.* as source `* as source`
        "#]],
    );
}

#[test]
fn phases() {
    check(
        "import defer * as ns from 'mod';",
        expect![[r#"
            request 0 Import "mod" Defer `'mod'` `import defer * as ns from 'mod';`
            import 0.* as ns `* as ns`
        "#]],
    );
    check(
        "import source x from './a.wasm';",
        expect![[r#"
            request 0 Import "./a.wasm" Source `'./a.wasm'` `import source x from './a.wasm';`
            import 0.source as x `x`
        "#]],
    );
    check(
        "import source from from './a.wasm'",
        expect![[r#"
            request 0 Import "./a.wasm" Source `'./a.wasm'` `import source from from './a.wasm'`
            import 0.source as from `from`
        "#]],
    );
}

#[test]
fn attributes() {
    check(
        "import data from './a.json' with { type: 'json' };",
        expect![[r#"
            request 0 Import "./a.json" {"type": "json"} `'./a.json'` `import data from './a.json' with { type: 'json' };`
            import 0.default(`data`) as data `data`
        "#]],
    );
    check(
        "import data from './a.json' with { \"type\": \"json\", 'a-b': 'c', };",
        expect![[r#"
            request 0 Import "./a.json" {"type": "json"} {"a-b": "c"} `'./a.json'` `import data from './a.json' with { "type": "json", 'a-b': 'c', };`
            import 0.default(`data`) as data `data`
        "#]],
    );
    check(
        "import './a.css' with {};",
        expect![[r#"
            request 0 Bare "./a.css" `'./a.css'` `import './a.css' with {};`
        "#]],
    );
    check(
        "import data from './a.json' assert { type: 'json' };",
        expect![[r#"
            request 0 Import "./a.json" {"type": "json"} `'./a.json'` `import data from './a.json' assert { type: 'json' };`
            import 0.default(`data`) as data `data`
        "#]],
    );
    check(
        "import 'a'\nwith\n{ type: 'json' }",
        expect![[r#"
            request 0 Bare "a" {"type": "json"} `'a'` `import 'a'\nwith\n{ type: 'json' }`
        "#]],
    );
}

#[test]
fn several_statements_of_one_module() {
    check(
        "import 'a'; import { b } from 'a';import*as c from\"a\"",
        expect![[r#"
            request 0 Bare "a" `'a'` `import 'a';`
            request 1 Import "a" `'a'` `import { b } from 'a';`
            request 2 Import "a" `"a"` `import*as c from"a"`
            import 1.b(`b`) as b `b`
            import 2.* as c `*as c`
        "#]],
    );
}

#[test]
fn statements_end_where_their_semicolon_is() {
    check(
        "import 'a' ; import 'b'\nimport 'c' // d\n;",
        expect![[r#"
            request 0 Bare "a" `'a'` `import 'a' ;`
            request 1 Bare "b" `'b'` `import 'b'`
            request 2 Bare "c" `'c'` `import 'c' // d\n;`
        "#]],
    );
}

#[test]
fn a_real_facade() {
    check(
        "import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};\
         import 'node:http';\nimport 'node:https';\nexport { n as default } from './chunks/nitro/nitro.mjs';\n\
         import 'node:fs';\n//# sourceMappingURL=index.mjs.map\n",
        expect![[r#"
            request 0 Import "node:process" `'node:process'` `import process from 'node:process';`
            request 1 Bare "node:http" `'node:http'` `import 'node:http';`
            request 2 Bare "node:https" `'node:https'` `import 'node:https';`
            request 3 ExportNamed "./chunks/nitro/nitro.mjs" `'./chunks/nitro/nitro.mjs'` `export { n as default } from './chunks/nitro/nitro.mjs';`
            request 4 Bare "node:fs" `'node:fs'` `import 'node:fs';`
            import 0.default(`process`) as process `process`
            indirect export default of 3.n(`n`) `default` `n as default`
            import.meta "url" `import.meta.url`
            source map index.mjs.map `//# sourceMappingURL=index.mjs.map`
        "#]],
    );
}
