//! What sources are compiled to; every result is read again by the parser that reads builds.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::render_errors;
use crate::{
    CompileOptions, Compiled, Environment, EnvironmentValue, ModuleUse, SourceSyntax, SyntaxError, UseKind, compile,
    is_binding_name, parse,
};

fn environment() -> Environment {
    let text = |text: &str| EnvironmentValue::Text(text.to_owned());
    Environment {
        values: BTreeMap::from([
            ("DEV".to_owned(), EnvironmentValue::Flag(false)),
            ("PROD".to_owned(), EnvironmentValue::Flag(true)),
            ("MODE".to_owned(), text("production")),
            ("VITE_QUOTED".to_owned(), text("line\n\"q\" \u{2028}")),
            ("ROUTERS".to_owned(), EnvironmentValue::List(vec!["public".to_owned(), "ssr".to_owned()])),
            ("MANIFEST".to_owned(), EnvironmentValue::Global("MANIFEST".to_owned())),
            ("START_SSR".to_owned(), EnvironmentValue::Unknown("it is computed".to_owned())),
        ]),
        node_env: Some("production".to_owned()),
    }
}

/// Relative specifiers become `.mjs`, all others stay.
fn to_mjs(module: &ModuleUse<'_>) -> Option<String> {
    module.specifier.starts_with('.').then(|| format!("{}.mjs", module.specifier))
}

fn compiled(syntax: SourceSyntax, text: &str) -> Result<Compiled, Vec<SyntaxError>> {
    let environment = environment();
    let options =
        CompileOptions { syntax, source: "../src/a.ts", verbatim_module_syntax: false, environment: &environment };
    let compiled = compile(text, &options, &mut to_mjs);
    if let Ok(compiled) = &compiled {
        let (_, errors) = parse(&compiled.code);
        assert_eq!(errors, [], "{}", compiled.code);
    }
    compiled
}

#[track_caller]
fn check_in(syntax: SourceSyntax, text: &str, expected: Expect) {
    let shown = match compiled(syntax, text) {
        Ok(compiled) => compiled.code,
        Err(errors) => render_errors(text, &errors),
    };
    expected.assert_eq(&shown);
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    check_in(SourceSyntax::TypeScript, text, expected);
}

#[test]
fn types_go() {
    check(
        "interface A { a: string }\ntype B = A | undefined;\ndeclare const c: number;\ndeclare global { var d: string }
export const e = (f?: A): B => f satisfies B as B;\nexport function g(this: A, h: string): asserts h;\nexport function g(this: A, h: string) {}
abstract class I<T> { declare j: T; protected abstract k(): void; private l?: T; m!: T; readonly n = 1 as const }
let o = <string>'p'!;\nexport type { A };\nexport type { Q } from './q';\nimport type { R } from './r';\nexport type * from './s';\n",
        expect![[r#"
            export const e = (f)=>f;
            export function g(h) {}
            class I {
                l;
                m;
                n = 1;
            }
            let o = 'p';
        "#]],
    );
}

#[test]
fn imports_that_only_types_use_go() {
    check(
        "import { A, b, type C } from './a';\nimport D from './d';\nimport * as E from './e';\nimport './f';\nimport { type G } from './g';
let x: A | D | E.F = b;\nexport { type C, b };\nexport { h, type I } from './h';\nimport {} from './j';\n",
        expect![[r#"
            import { b } from "./a.mjs";
            import "./f.mjs";
            let x = b;
            export { b };
            export { h } from "./h.mjs";
            import "./j.mjs";
        "#]],
    );
}

#[test]
fn verbatim_module_syntax_keeps_what_does_not_say_type() {
    let environment = Environment::default();
    let options = CompileOptions {
        syntax: SourceSyntax::TypeScript,
        source: "a.ts",
        verbatim_module_syntax: true,
        environment: &environment,
    };
    let text = "import { A, type B } from './a';\nimport type { C } from './c';\nimport { type D } from './d';\n";
    let compiled = compile(text, &options, &mut to_mjs).unwrap();
    expect![[r#"
        import { A } from "./a.mjs";
        import "./d.mjs";
    "#]]
    .assert_eq(&compiled.code);
}

#[test]
fn what_types_have_at_run_time() {
    check(
        "enum Color { Red, Green = 'green', Blue = 1 << 2 }\nexport const enum Level { Low = 1, High }\nexport enum Kind { A = Color.Blue }
namespace N { export const a = 1; export namespace M { export type T = string } }
class P { constructor(private readonly a: string, public b = 1) { console.log(a) } }
console.log(Color.Red, Level.High, N.a, new P('x'));\nimport fs = require('node:fs');\nimport Alias = N.a;\nconsole.log(fs, Alias);\n",
        expect![[r#"
            import { createRequire as _createRequire } from "module";
            const __require = _createRequire(import.meta.url);
            var Color = /*#__PURE__*/ function(Color) {
                Color[Color["Red"] = 0] = "Red";
                Color["Green"] = "green";
                Color[Color["Blue"] = 4] = "Blue";
                return Color;
            }(Color || {});
            export var Level = /*#__PURE__*/ function(Level) {
                Level[Level["Low"] = 1] = "Low";
                Level[Level["High"] = 2] = "High";
                return Level;
            }({});
            export var Kind = /*#__PURE__*/ function(Kind) {
                Kind[Kind["A"] = 4] = "A";
                return Kind;
            }({});
            (function(N) {
                N.a = 1;
            })(N || (N = {}));
            class P {
                a;
                b;
                constructor(a, b = 1){
                    this.a = a;
                    this.b = b;
                    console.log(a);
                }
            }
            console.log(0, 2, N.a, new P('x'));
            const fs = __require('node:fs');
            const Alias = N.a;
            console.log(fs, Alias);
            var N;
        "#]],
    );
    check(
        "import Sentry = require('@sentry/node');\nSentry.init({});\n",
        expect![[r#"
        import * as Sentry from '@sentry/node';
        Sentry.init({});
    "#]],
    );
}

#[test]
fn every_specifier_is_shown() {
    let text = "\u{feff}import a from './a';\nimport data from './data.json' with { type: 'json' };\nimport pkg from 'pkg/x.json' with { type: 'json' };
export { b } from './b'; export * from './c'; export * as d from './d';
a(data, pkg, import('./e'), import(`./f`), import('./g.json', { with: { type: 'json' } }), import(`./${a}`), import(a));
new URL('./h', import.meta.url); const i = './i';\n";
    let environment = Environment::default();
    let options = CompileOptions {
        syntax: SourceSyntax::JavaScript,
        source: "a.js",
        verbatim_module_syntax: false,
        environment: &environment,
    };
    let mut seen = Vec::new();
    let compiled = compile(text, &options, &mut |module| {
        assert_eq!(&text[module.span.start + 1..module.span.end - 1], module.specifier);
        seen.push(format!("{} {:?}", module.specifier, module.kind));
        to_mjs(module)
    });
    expect![[r#"
        [
            "./a Static",
            "./data.json Static",
            "pkg/x.json Static",
            "./b Static",
            "./c Static",
            "./d Static",
            "./e Dynamic",
            "./f Dynamic",
            "./g.json Dynamic",
        ]
    "#]]
    .assert_debug_eq(&seen);
    expect![[r#"
        import a from "./a.mjs";
        import data from "./data.json.mjs";
        import pkg from 'pkg/x.json' with {
            type: 'json'
        };
        export { b } from "./b.mjs";
        export * from "./c.mjs";
        export * as d from "./d.mjs";
        a(data, pkg, import("./e.mjs"), import("./f.mjs"), import("./g.json.mjs"), import(`./${a}`), import(a));
        new URL('./h', import.meta.url);
        const i = './i';
    "#]]
    .assert_eq(&compiled.unwrap().code);
}

#[test]
fn the_environment_of_vite() {
    check(
        "const a = [import.meta.env.MODE, import.meta.env['MODE'], import.meta.env?.MODE, import.meta?.env?.MODE, import.meta.env.NOPE];
const b = [import.meta.env.VITE_QUOTED, import.meta.env.ROUTERS, import.meta.env.MANIFEST, `${import.meta.env.MODE}`];
const c = [process.env.NODE_ENV, process.env['NODE_ENV'], process.env.OTHER, globalThis.process.env.NODE_ENV, 'import.meta.env.MODE'];
process.env.NODE_ENV = 'x'; process.env.NODE_ENV ||= 'y'; delete process.env.NODE_ENV; import.meta.hot?.accept();
function d(process: any) { return process.env.NODE_ENV }
export const e = import.meta.url + import.meta.dirname;\n",
        expect![[r#"
            const a = [
                "production",
                "production",
                "production",
                "production",
                void 0
            ];
            const b = [
                'line\n"q" \u2028',
                [
                    "public",
                    "ssr"
                ],
                globalThis.MANIFEST,
                `${"production"}`
            ];
            const c = [
                "production",
                "production",
                process.env.OTHER,
                globalThis.process.env.NODE_ENV,
                'import.meta.env.MODE'
            ];
            process.env.NODE_ENV = 'x';
            process.env.NODE_ENV ||= 'y';
            delete process.env.NODE_ENV;
            (void 0)?.accept();
            function d(process1) {
                return process1.env.NODE_ENV;
            }
            export const e = import.meta.url + import.meta.dirname;
        "#]],
    );
    check(
        "'use strict';\nimport x from 'x';\nlet import_meta_env = 1;\nconst { MODE, PROD } = import.meta.env;\nconsole.log(import.meta.env[x], import_meta_env);\n",
        expect![[r#"
            'use strict';
            import x from 'x';
            const import_meta_env = {
                "DEV": false,
                "MANIFEST": globalThis.MANIFEST,
                "MODE": "production",
                "PROD": true,
                "ROUTERS": [
                    "public",
                    "ssr"
                ],
                "VITE_QUOTED": 'line\n"q" \u2028'
            };
            let import_meta_env1 = 1;
            const { MODE, PROD } = import_meta_env;
            console.log(import_meta_env[x], import_meta_env1);
        "#]],
    );
}

#[test]
fn what_the_environment_decides_is_decided() {
    check(
        "if (import.meta.env.DEV) { await import('./dev') } else { await import('./prod') }
if (import.meta.env.DEV) await import('./dev');\nif (!import.meta.env.PROD) await import('./dev'); else prod();
const a = import.meta.env.DEV ? await import('./dev') : 1;\nconst b = process.env.NODE_ENV === 'production' && await import('./prod');
import.meta.env.DEV && import('./dev');\nconst c = import.meta.env.MODE !== 'test' || import('./test');
if (import.meta.env.DEV) { var hoisted = 1 }\nconst d = (import.meta.env.PROD && a.b)();\nfor (;;) if (import.meta.env.DEV) break;
async function f() { if (import.meta.env.DEV) { return import('./dev') } let g; }\n",
        expect![[r#"
            {
                await import("./prod.mjs");
            }{
                prod();
            }const a = 1;
            const b = await import("./prod.mjs");
            const c = true;
            if (false) {
                var hoisted = 1;
            }
            const d = (true && a.b)();
            for(;;);
            async function f() {
                ;
                let g;
            }
        "#]],
    );
}

#[test]
fn commonjs_of_the_sdk_is_imported() {
    check_in(
        SourceSyntax::CommonJs,
        "'use strict';\nconst Sentry = require('@sentry/solidstart'), dotenv = require('dotenv');\nconst { init, flush: f } = require(\"@sentry/node\");
require('@sentry/solidstart').init({ dsn: process.env.DSN });\nconst { ...rest } = require('@sentry/node');\nlet later = require('@sentry/core');
dotenv.config();\ninit({ integrations: [require('@sentry/profiling-node').nodeProfilingIntegration()] });
module.exports = { f, here: __dirname, file: __filename };\nexports.x = typeof require;\n",
        expect![[r#"
            import * as Sentry_core from "@sentry/core";
            import * as Sentry_node from "@sentry/node";
            import * as Sentry_profiling_node from "@sentry/profiling-node";
            import * as Sentry_solidstart from "@sentry/solidstart";
            import { createRequire } from "node:module";
            import { fileURLToPath } from "node:url";
            import { dirname } from "node:path";
            const require = createRequire(import.meta.url);
            const __filename = fileURLToPath(import.meta.url);
            const __dirname = dirname(__filename);
            const module = {
                exports: {}
            };
            const exports = module.exports;
            'use strict';
            import * as Sentry from '@sentry/solidstart';
            const dotenv = require('dotenv');
            import { init, flush as f } from "@sentry/node";
            Sentry_solidstart.init({
                dsn: process.env.DSN
            });
            const { ...rest } = Sentry_node;
            let later = Sentry_core;
            dotenv.config();
            init({
                integrations: [
                    Sentry_profiling_node.nodeProfilingIntegration()
                ]
            });
            module.exports = {
                f,
                here: __dirname,
                file: __filename
            };
            exports.x = typeof require;
        "#]],
    );
    check_in(
        SourceSyntax::JavaScript,
        "const Sentry = require('@sentry/node');\nfunction require2(require) { return require('@sentry/x') }\nSentry.init();\n",
        expect![[r#"
            import * as Sentry from '@sentry/node';
            function require2(require) {
                return require('@sentry/x');
            }
            Sentry.init();
        "#]],
    );
    check_in(
        SourceSyntax::CommonJs,
        "console.log(1)",
        expect![[r#"
        console.log(1);
    "#]],
    );
    check_in(
        SourceSyntax::JavaScript,
        "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nrequire('./x');\n",
        expect![[r#"
            import { createRequire } from 'node:module';
            const require = createRequire(import.meta.url);
            require('./x');
        "#]],
    );
}

#[test]
fn what_cannot_be_compiled_is_named_with_its_place() {
    check(
        "export const view = <div/>;\n",
        expect![[r#"
        error 1:25 expression expected `/`
        fatal 1:26 expression expected `>`
    "#]],
    );
    check_in(
        SourceSyntax::JavaScript,
        "\u{feff}export const view = <div a={1}>x</div>;\n",
        expect![[r#"
        fatal 1:21 an element of JSX cannot stand in the instrumentation `<div a={1}>`
    "#]],
    );
    check_in(
        SourceSyntax::TypeScriptJsx,
        "export const view = <T,>() => <></>;\n",
        expect![[r#"
        fatal 1:31 a fragment of JSX cannot stand in the instrumentation `<>`
    "#]],
    );
    check(
        "\u{feff}@sealed class A {}\nclass B { @log() c() {} }\n",
        expect![[r#"
        fatal 1:1 a decorator cannot stand in the instrumentation `@sealed`
        fatal 2:11 a decorator cannot stand in the instrumentation `@log()`
    "#]],
    );
    check(
        "const a = ;\n",
        expect![[r#"
        fatal 1:11 expression expected `;`
    "#]],
    );
    check(
        "const a = 1;\nexport = a;\n",
        expect![[r#"
        fatal 2:1 `export =`, which only CommonJS has, cannot stand in the instrumentation `export = a;`
    "#]],
    );
    check(
        "import.meta.glob('./*.ts');\n",
        expect![[r#"
        fatal 1:1 `import.meta.glob` is a feature of Vite, which does not compile this module `import.meta.glob('./*.ts')`
    "#]],
    );
    check(
        "console.log(import.meta.env.START_SSR);\n",
        expect![[r#"
        fatal 1:13 the value of `import.meta.env.START_SSR` is not known: it is computed `import.meta.env.START_SSR`
    "#]],
    );
    check(
        "let a: string = 1;\nlet a = 2;\n",
        expect![[r#"
        error 2:5 `a` is declared twice `a`
    "#]],
    );
    check_in(
        SourceSyntax::CommonJs,
        "require('./local');\nrequire('..');\n",
        expect![[r#"
        fatal 1:9 `require("./local")` asks for a file of the app, which is not part of the build `'./local'`
        fatal 2:9 `require("..")` asks for a file of the app, which is not part of the build `'..'`
    "#]],
    );
    check_in(
        SourceSyntax::CommonJs,
        "return 1;\n",
        expect![[r#"
        error 1:1 return statement is not allowed here `return 1;`
    "#]],
    );
}

/// Where a text of the source has gone, and where its map says that this came from.
#[track_caller]
fn maps(source: &str, compiled: &Compiled, name: &str) {
    let map = sourcemap::SourceMap::from_slice(compiled.source_map.as_bytes()).unwrap();
    let at = |text: &str| {
        let offset = text.find(name).unwrap_or_else(|| panic!("`{name}` is not in `{text}`"));
        let before = &text[..offset];
        let line = before.matches('\n').count();
        let column =
            before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').encode_utf16().count();
        (u32::try_from(line).unwrap(), u32::try_from(column).unwrap())
    };
    let (line, column) = at(&compiled.code);
    let token = map.lookup_token(line, column).unwrap();
    assert_eq!((token.get_dst_line(), token.get_dst_col()), (line, column), "`{name}` has no mapping of its own");
    assert_eq!((token.get_src_line(), token.get_src_col()), at(source), "`{name}`");
}

#[test]
fn the_source_map_names_the_places() {
    for text in [
        "type A = string;\n\nexport const first: A = 'x', second = 'größe 𝒳', third = second;\n\tthrow new Error(first);\n",
        "\u{feff}#!/usr/bin/env node\r\ninterface A {}\r\nexport const first: A = 'größe', second = `𝒳${first}`; const third = 1;\r\nthrow new Error('x');\r\n",
    ] {
        let compiled = compiled(SourceSyntax::TypeScript, text).unwrap();
        for name in ["first", "second", "third", "new Error"] {
            maps(text, &compiled, name);
        }
        let map: serde_json::Value = serde_json::from_str(&compiled.source_map).unwrap();
        assert_eq!(map["version"], 3);
        assert_eq!(map["sources"], serde_json::json!(["../src/a.ts"]));
        assert_eq!(map["sourcesContent"], serde_json::json!([text.trim_start_matches('\u{feff}')]));
    }
}

#[test]
fn odd_texts() {
    check("", expect![[""]]);
    check("\u{feff}", expect![[""]]);
    check(
        "#!/usr/bin/env node\r\nlet a: number = 1;\r\n",
        expect![[r#"
        #!/usr/bin/env node
        let a = 1;
    "#]],
    );
    check("// only a comment\n//# sourceMappingURL=a.js.map\n", expect![[""]]);
    check(
        "let a = '\\ud83d' + `\\n\\u{1F600}${1}` + 1_000n + /[/]\\p{L}/v.source;\n",
        expect![[r#"
        let a = '\ud83d' + `\n\u{1F600}${1}` + 1_000n + /[/]\p{L}/v.source;
    "#]],
    );
    check(
        "using a = b; await using c = d; accessor: for (;;) break accessor;\n",
        expect![[r#"
        using a = b;
        await using c = d;
        accessor: for(;;)break accessor;
    "#]],
    );
}

/// No text makes the compiler panic, and whatever it makes of one is a module.
#[test]
fn no_text_panics() {
    let sample = "\u{feff}import { a, type B } from './ä';\nenum C { D = 1, E = D << 2 }\nnamespace F { export const g = a }
export class H<T extends B> extends F.I { constructor(private j: T) { super() } static { import.meta.env.X } #k?: T }
export default async function l(this: any, { m = `t${a}` }: Record<string, B>) { if (import.meta.env.DEV) { for await (const n of o) {} } }
const p = require('@sentry/x'), q = <T>r satisfies B; export * from 's'; import t = require('u'); abstract class V { abstract w(): void }\n";
    for (at, _) in sample.char_indices() {
        for text in [&sample[..at], &sample[at..]] {
            for syntax in [SourceSyntax::TypeScript, SourceSyntax::TypeScriptJsx, SourceSyntax::CommonJs] {
                let _ = compiled(syntax, text);
            }
        }
    }
    for (open, close) in
        [("(", ")"), ("[", "]"), ("() => {", "}"), ("`${", "}`"), ("a ? ", ": 1"), ("!", ""), ("a(", ")")]
    {
        let text = format!("x = 0;{}1{}", open.repeat(1500), close.repeat(1500));
        assert!(compiled(SourceSyntax::TypeScript, &text).is_ok(), "{open}");
    }
    let deep = format!("let a: {}string{};", "Array<".repeat(1500), ">".repeat(1500));
    assert!(compiled(SourceSyntax::TypeScript, &deep).is_ok());
}

#[test]
fn names_of_bindings() {
    for name in ["a", "$", "_1", "größe", "of", "async"] {
        assert!(is_binding_name(name), "{name}");
    }
    for name in ["", "1a", "a-b", "class", "await", "default", "eval", "let", "static", "a b", "yield"] {
        assert!(!is_binding_name(name), "{name}");
    }
}

#[test]
fn kinds_of_uses() {
    let mut kinds = Vec::new();
    let environment = Environment::default();
    let options = CompileOptions {
        syntax: SourceSyntax::CommonJs,
        source: "a.cjs",
        verbatim_module_syntax: false,
        environment: &environment,
    };
    let compiled = compile("require('pg'); import('./x');", &options, &mut |module| {
        kinds.push(module.kind);
        None
    });
    assert!(compiled.is_ok());
    assert_eq!(kinds, [UseKind::Require, UseKind::Static, UseKind::Dynamic], "`node:module` is imported as well");
}

#[test]
fn names_that_nothing_defines() {
    let values = BTreeMap::from([("DEV".to_owned(), EnvironmentValue::Flag(false))]);
    let environment = Environment { values, node_env: None };
    let undeclared = |text: &str| {
        let options = CompileOptions {
            syntax: SourceSyntax::TypeScript,
            source: "a.ts",
            verbatim_module_syntax: false,
            environment: &environment,
        };
        let names = compile(text, &options, &mut |_| None).unwrap().names;
        names.undeclared.into_iter().map(|(name, span)| (name, span.of(text).to_owned())).collect::<Vec<_>>()
    };
    let names = |text: &str| undeclared(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        undeclared("declare const __BUILD__: string;\nf(`a${__BUILD__}`);\nimport { f } from 'f';"),
        [("__BUILD__".to_owned(), "__BUILD__".to_owned())]
    );
    assert_eq!(
        names("const config = useRuntimeConfig(); log({ VERSION, a: config }); declare global { var VERSION: 1 }"),
        ["VERSION", "log", "useRuntimeConfig"]
    );
    assert_eq!(names("export const f = () => __DEV__ && window.location; __dirname"), ["__DEV__", "__dirname"]);
    assert_eq!(names("window.a"), ["window"]);
    // What is there, what is asked for, what is caught, what the module itself defines, and what only types name.
    for text in [
        "console.log(process.env.A, Buffer, globalThis.X, new URLPattern(), navigator, Infinity, undefined)",
        "const release = typeof __BUILD__ === 'undefined' ? '' : __BUILD__; console.log(release)",
        "let a; try { a = useRuntimeConfig().a } catch {} console.log(a)",
        "globalThis.__BUILD__ ??= '1'; Object.assign(globalThis, { A: 1 }); console.log(__BUILD__, A)",
        "(globalThis as any).__BUILD__ = 1; console.log(__BUILD__)",
        "Object.defineProperty(globalThis, 'B', { value: 1 }); console.log(B)",
        "type A = __T__; interface B extends C {} const a: D = 1 as E; console.log(a satisfies F)",
        "function f() { return arguments.length } out: for (;;) { break out } class A { B = 1; static C() {} } f(A)",
        "if (import.meta.env.DEV) { __ONLY_IN_DEVELOPMENT__ }",
    ] {
        assert_eq!(names(text), [""; 0], "{text}");
    }
}

#[test]
fn constants_that_take_quadratic_memory_are_refused() {
    let sum = |operators: usize| format!("export const x: string = a{};\n", " + a".repeat(operators));
    assert!(compiled(SourceSyntax::TypeScript, &sum(1_000)).is_ok());
    let errors = compiled(SourceSyntax::TypeScript, &sum(2_000)).unwrap_err();
    assert_eq!(errors[0].message, "a constant with so many operators cannot stand in the instrumentation");
    // Nothing is copied in a source without types, and nothing of an expression that no enum can name.
    let untyped = sum(2_000).replace(": string", "");
    assert!(compiled(SourceSyntax::JavaScript, &untyped).is_ok());
    let tests = format!("export const x: unknown = a{};\n", " && a".repeat(20_000));
    assert!(compiled(SourceSyntax::TypeScript, &tests).is_ok());
    let nested_in = |depth: usize| format!("const x = {}a{};\n", "`${".repeat(depth), "}`".repeat(depth));
    assert!(compiled(SourceSyntax::TypeScript, &nested_in(20)).is_ok());
    assert!(compiled(SourceSyntax::TypeScript, &nested_in(1_500)).is_err());
    // Constants in constants are copied with each that they lie in.
    let nested = |depth: usize| {
        let body = "f();".repeat(20_000);
        format!("{}{body}{}\n", "const x = () => {".repeat(depth), "};".repeat(depth))
    };
    assert!(compiled(SourceSyntax::TypeScript, &nested(20)).is_ok());
    assert!(compiled(SourceSyntax::TypeScript, &nested(300)).is_err());
}

#[test]
fn what_is_too_long_to_be_compiled_is_refused() {
    let long = "f();\n".repeat(400_001);
    let errors = compiled(SourceSyntax::JavaScript, &long).unwrap_err();
    assert!(errors[0].message.starts_with("the source is longer than 2 MB"), "{}", errors[0].message);
    let imports = "import './a';\n".repeat(10_001);
    let errors = compiled(SourceSyntax::TypeScript, &imports).unwrap_err();
    assert_eq!(errors[0].message, "the module has more than 10,000 statements that import from others");
    assert!(compiled(SourceSyntax::TypeScript, &imports["import './a';\n".len()..]).is_ok());
    let exports: String = (0..=20_000).map(|n| format!("export const e{n} = 1;\n")).collect();
    let (record, errors) = parse(&exports);
    assert_eq!(
        (record.local_export_entries.len(), errors[0].message.as_str()),
        (0, "the module has more than 20,000 exports")
    );
    assert_eq!(parse(&exports["export const e0 = 1;\n".len()..]).0.local_export_entries.len(), 20_000);
}
