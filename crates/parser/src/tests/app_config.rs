//! What is read from `app.config.*`: each form a configuration is written in, and what must not be guessed.

use std::fmt::{Debug, Write};

use expect_test::{Expect, expect};

use super::visible;
use crate::{AppConfig, ConfigSyntax, Known, Span, app_config};

/// Compares what is read from a TypeScript file, as text, with what is expected. The imports are added to it.
#[track_caller]
fn check(text: &str, expected: Expect) {
    const IMPORTS: &str = "import { withSentry } from '@sentry/solidstart';
import { defineConfig } from '@solidjs/start/config';
";
    check_file(&format!("{IMPORTS}{text}"), ConfigSyntax::TypeScript, expected);
}

#[track_caller]
fn check_file(text: &str, syntax: ConfigSyntax, expected: Expect) {
    expected.assert_eq(&render(text, &app_config(text, syntax)));
}

fn render(text: &str, config: &AppConfig) -> String {
    let mut out = String::new();
    if let Some(call) = config.with_sentry {
        assert!(call.of(text).ends_with(')'));
        out += "withSentry\n";
    }
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            writeln!(out, "{name}: {value}").unwrap();
        }
    };
    add("autoInjectServerSentry", known(text, &config.auto_inject_server_sentry));
    let list = match &config.entrypoint_wrapped_functions {
        Known::Value(items, span) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("{} `{}`", item.value, visible(item.span.of(text)))).collect();
            format!("[{}] `{}`", items.join(", "), visible(span.of(text)))
        }
        other => known(text, other),
    };
    add("experimental_entrypointWrappedFunctions", list);
    add("instrumentation", known(text, &config.instrumentation));
    add("serverEntrypointFileName", known(text, &config.server_entrypoint_file_name));
    add("debug", known(text, &config.debug));
    add("preset", known(text, &config.preset));
    add("output.dir", known(text, &config.output_dir));
    add("output.serverDir", known(text, &config.server_dir));
    add("output.publicDir", known(text, &config.public_dir));
    add("appRoot", known(text, &config.app_root));
    add("baseURL", known(text, &config.base_url));
    add("ssr", known(text, &config.ssr));
    add("devOverlay", known(text, &config.dev_overlay));
    add("islands", known(text, &config.islands));
    add("serialization.mode", known(text, &config.serialization_mode));
    out
}

fn known<T: Debug>(text: &str, value: &Known<T>) -> String {
    let at = |span: &Span| format!("`{}`", visible(span.of(text)));
    match value {
        Known::Value(value, span) => format!("{value:?} {}", at(span)),
        Known::Absent => String::new(),
        Known::Unknown { span, reason } => format!("unknown, {reason} {}", at(span)),
    }
}

#[test]
fn every_option() {
    check(
        "export default defineConfig(withSentry({
  appRoot: './app',
  server: { preset: 'node-server', output: { dir: 'dist', serverDir: '{{ output.dir }}/srv', publicDir: 'pub' } },
}, {
  autoInjectServerSentry: 'experimental_dynamic-import',
  experimental_entrypointWrappedFunctions: ['default', `handler`],
  instrumentation: './src/start.ts',
  serverEntrypointFileName: 'index',
  debug: true,
  authToken: process.env.TOKEN,
}));",
        expect![[r#"
            withSentry
            autoInjectServerSentry: DynamicImport `'experimental_dynamic-import'`
            experimental_entrypointWrappedFunctions: [default `'default'`, handler ``handler``] `['default', `handler`]`
            instrumentation: "./src/start.ts" `'./src/start.ts'`
            serverEntrypointFileName: "index" `'index'`
            debug: true `true`
            preset: "node-server" `'node-server'`
            output.dir: "dist" `'dist'`
            output.serverDir: "{{ output.dir }}/srv" `'{{ output.dir }}/srv'`
            output.publicDir: "pub" `'pub'`
            appRoot: "./app" `'./app'`
        "#]],
    );
}

#[test]
fn the_fixture_app() {
    check_file(
        include_str!("../../../../fixtures-apps/basic/app.config.ts"),
        ConfigSyntax::TypeScript,
        expect![[r#"
            withSentry
        "#]],
    );
}

#[test]
fn either_order_and_no_options() {
    check(
        "export default withSentry(defineConfig({ server: { preset: 'bun' } }), { debug: false });",
        expect![[r#"
            withSentry
            debug: false `false`
            preset: "bun" `'bun'`
        "#]],
    );
    check(
        "export default withSentry(undefined, { autoInjectServerSentry: 'top-level-import' });",
        expect![[r#"
            withSentry
            autoInjectServerSentry: TopLevelImport `'top-level-import'`
        "#]],
    );
    check(
        "export default defineConfig(withSentry());",
        expect![[r#"
            withSentry
        "#]],
    );
    check(
        "export default defineConfig({ server: { preset: 'heroku' } });",
        expect![[r#"
            preset: "heroku" `'heroku'`
        "#]],
    );
    check("export const other = withSentry({}, { debug: true });", expect![""]);
}

#[test]
fn every_form_of_import() {
    for import in [
        "import { withSentry as wrap } from '@sentry/solidstart';",
        "import { 'withSentry' as wrap } from '@sentry/solidstart';",
        "import * as s from '@sentry/solidstart'; const wrap = s.withSentry;",
        "import * as s from '@sentry/solidstart'; const { withSentry: wrap } = s;",
        "import s from '@sentry/solidstart'; const wrap = s['withSentry'];",
        "import { default as s } from '@sentry/solidstart'; const wrap = s.withSentry;",
        "const { withSentry: wrap } = require('@sentry/solidstart');",
    ] {
        let text = format!("{import}\nexport default wrap({{}}, {{ debug: true }});");
        let expected = "withSentry\ndebug: true `true`\n";
        for syntax in [ConfigSyntax::TypeScript, ConfigSyntax::TypeScriptJsx, ConfigSyntax::JavaScript] {
            assert_eq!(render(&text, &app_config(&text, syntax)), expected, "{text}");
        }
    }
}

#[test]
fn constants_and_spreads() {
    check(
        "const PRESET = 'node' + '-' + 'server';
const directory = `${'./dist'}/${1}`;
const base = { server: { preset: PRESET, output: { dir: directory } }, ssr: true };
const names = ['default'];
const options = { debug: false, instrumentation: './a.ts' };
const more = { ...options, debug: true, experimental_entrypointWrappedFunctions: [...names, 'x'] };
const config = withSentry({ ...base, middleware: './m.ts' }, more);
export default defineConfig(config);",
        expect![[r#"
            withSentry
            experimental_entrypointWrappedFunctions: [default `'default'`, x `'x'`] `[...names, 'x']`
            instrumentation: "./a.ts" `'./a.ts'`
            debug: true `true`
            preset: "node-server" `'node' + '-' + 'server'`
            output.dir: "./dist/1" ``${'./dist'}/${1}``
            ssr: true `true`
        "#]],
    );
    check(
        "const settings = { sentry: { file: './a.ts' }, presets: ['bun', 'node'] };
const { sentry: { file }, missing = 'dist' } = settings;
const key = 'instrumentation';
export default defineConfig({ ...withSentry({ server: { preset: settings.presets[1], output: { dir: missing } } }, { [key]: file }), ssr: false });",
        expect![[r#"
            withSentry
            instrumentation: "./a.ts" `'./a.ts'`
            preset: "node" `'node'`
            output.dir: "dist" `'dist'`
            ssr: false `false`
        "#]],
    );
}

#[test]
fn exports_by_name() {
    for export in ["export default config;", "export { config as default };", "export default (config as never)!;"] {
        let text = format!("const config = {{ server: {{ preset: 'bun' }} }};\n{export}");
        assert_eq!(render(&text, &app_config(&text, ConfigSyntax::TypeScript)), "preset: \"bun\" `'bun'`\n", "{text}");
    }
    check_file(
        "const { defineConfig } = require('@solidjs/start/config');
module.exports = defineConfig({ server: { preset: 'bun' } });",
        ConfigSyntax::JavaScript,
        expect![[r#"
            preset: "bun" `'bun'`
        "#]],
    );
}

#[test]
fn types() {
    check(
        "type Options = Parameters<typeof withSentry>[1];
enum Unused { A }
const options: Options = { debug: <boolean>true, instrumentation: ('./a.ts' as const)! } satisfies Options as Options;
const config = { server: { preset: 'bun' as string } } as const;
export default defineConfig(withSentry(config satisfies object, options));",
        expect![[r#"
            withSentry
            instrumentation: "./a.ts" `'./a.ts'`
            debug: true `true`
            preset: "bun" `'bun'`
        "#]],
    );
    check_file(
        "export default { server: { preset: 'bun' as const }, x: <div/> };",
        ConfigSyntax::TypeScriptJsx,
        expect![[r#"
            preset: "bun" `'bun'`
        "#]],
    );
}

#[test]
fn functions() {
    check(
        "export default defineConfig(() => ({ ...withSentry({ server: { preset: 'bun' } }, { debug: true }) }));",
        expect![[r#"
            withSentry
            debug: true `true`
            preset: "bun" `'bun'`
        "#]],
    );
    check(
        "const svg = async () => import('vite-plugin-svg');
export default async function () {
  const plugin = await svg();
  const options = { debug: true };
  return defineConfig(await withSentry({ vite: { plugins: [plugin] }, server: server('dist') }, options));
}
function server(dir: string, { preset = 'bun' } = {}) {
  return { preset, output: { dir, serverDir: `${dir}/server` } };
}",
        expect![[r#"
            withSentry
            debug: true `true`
            preset: "bun" `'bun'`
            output.dir: "dist" `'dist'`
            output.serverDir: "dist/server" ``${dir}/server``
        "#]],
    );
    check(
        "export default defineConfig(({ mode }) => {
  if (mode === 'x') return { server: { preset: 'bun', output: { dir: 'a' } } };
  return { server: { preset: 'bun', output: { dir: 'b' } } };
});",
        expect![[r#"
            preset: "bun" `'bun'`
            output.dir: unknown, the function returns more than one value `({ mode }) => {\n  if (mode === 'x') return { server: { preset: 'bun', output: { dir: 'a' } } };\n  return { server: { preset: 'bun', output: { dir: 'b' } } };\n}`
        "#]],
    );
}

#[test]
fn what_only_running_tells() {
    check(
        "import { preset, shared } from './shared';
import * as settings from './settings.json';
export default withSentry({
  server: { preset, output: { dir: process.env.DIR ?? 'dist', serverDir: join(dir, 'x'), publicDir: settings.a.b } },
  appRoot: `./${process.env['ROOT']}`,
}, {
  instrumentation: shared.instrumentation,
  debug: process.env.NODE_ENV !== 'production',
  serverEntrypointFileName: import.meta.env.ENTRY,
  experimental_entrypointWrappedFunctions: ['a', ...shared.names],
  get autoInjectServerSentry() { return 'top-level-import'; },
});",
        expect![[r#"
            withSentry
            autoInjectServerSentry: unknown, it is a getter `get autoInjectServerSentry() { return 'top-level-import'; }`
            experimental_entrypointWrappedFunctions: unknown, it is imported from `./shared` `shared.names`
            instrumentation: unknown, it is imported from `./shared` `shared.instrumentation`
            serverEntrypointFileName: unknown, it is read from the environment `import.meta.env.ENTRY`
            debug: unknown, it depends on a condition `process.env.NODE_ENV !== 'production'`
            preset: unknown, it is imported from `./shared` `preset`
            output.dir: unknown, it is read from the environment `process.env.DIR`
            output.serverDir: unknown, it is the result of a call of `join` `join(dir, 'x')`
            output.publicDir: unknown, it is imported from `./settings.json` `settings.a.b`
            appRoot: unknown, it is read from the environment `process.env['ROOT']`
        "#]],
    );
}

#[test]
fn what_is_no_constant() {
    check(
        "for (const instrumentation of ['a']) {
  var serverEntrypointFileName = instrumentation;
}
enum Preset { Bun = 'bun' }
export default withSentry({ server: { preset: Preset.Bun } }, { serverEntrypointFileName, debug: self });
const self = { self };",
        expect![[r#"
            withSentry
            serverEntrypointFileName: unknown, `serverEntrypointFileName` is no plain constant `serverEntrypointFileName`
            debug: unknown, it is not a boolean `{ self }`
            preset: unknown, `Preset` is no plain constant `Preset`
        "#]],
    );
}

#[test]
fn conditions() {
    check(
        "const ci = process.env.CI;
export default withSentry({
  server: { preset: ci ? 'bun' : 'node', output: { dir: ci ? 'dist' : `di${'st'}`, publicDir: true ? 'p' : ci } },
}, {
  instrumentation: './a.ts',
  ...(ci ? { debug: true } : { debug: true, serverEntrypointFileName: 'x' }),
  ...(ci && { autoInjectServerSentry: 'top-level-import' }),
  ...(false && { instrumentation: './b.ts' }),
  ...undefined,
});",
        expect![[r#"
            withSentry
            autoInjectServerSentry: unknown, it depends on a condition `ci && { autoInjectServerSentry: 'top-level-import' }`
            instrumentation: "./a.ts" `'./a.ts'`
            serverEntrypointFileName: unknown, it depends on a condition `ci ? { debug: true } : { debug: true, serverEntrypointFileName: 'x' }`
            debug: true `true`
            preset: unknown, it depends on a condition `ci ? 'bun' : 'node'`
            output.dir: "dist" `'dist'`
            output.publicDir: "p" `'p'`
        "#]],
    );
    check(
        "export default process.env.SENTRY ? withSentry({}, { debug: true }) : {};",
        expect![[r#"
            withSentry
            debug: unknown, it depends on a condition `process.env.SENTRY ? withSentry({}, { debug: true }) : {}`
        "#]],
    );
}

#[test]
fn what_is_spread_is_set_in_order() {
    check(
        "const ci = process.env.CI;
export default withSentry(Object.assign({ server: { preset: 'a' } }, { appRoot: 'x' }), {
  instrumentation: './a.ts', debug: true, serverEntrypointFileName: 'a',
  ...{ instrumentation: undefined, ...{ debug: false } },
  ...{ ...(ci && { serverEntrypointFileName: 'b' }), ...(ci ? { serverEntrypointFileName: 'b' } : {}) },
});",
        expect![[r#"
            withSentry
            serverEntrypointFileName: unknown, it depends on a condition `ci ? { serverEntrypointFileName: 'b' } : {}`
            debug: false `false`
            preset: "a" `'a'`
            appRoot: "x" `'x'`
        "#]],
    );
}

#[test]
fn what_may_not_be_set_yet() {
    check(
        "if (process.env.CI) { var instrumentation = './a.ts'; const debug = true; }
function late() { return { ssr: early, server: { preset: early } }; var early = 'bun'; }
const name = 'x';
export default withSentry(late(), { instrumentation, serverEntrypointFileName: name.length && 'y' });",
        expect![[r#"
            withSentry
            instrumentation: unknown, `instrumentation` is no plain constant `instrumentation`
            serverEntrypointFileName: unknown, it depends on a condition `name.length && 'y'`
            preset: unknown, `early` may be used before it is set `early`
            ssr: unknown, `early` may be used before it is set `early`
        "#]],
    );
}

#[test]
fn an_unknown_spread_hides_only_what_stands_before_it() {
    check(
        "import base from './base';
export default withSentry({}, { debug: true, instrumentation: './a.ts', ...base, debug: false });",
        expect![[r#"
            withSentry
            autoInjectServerSentry: unknown, it is imported from `./base` `base`
            experimental_entrypointWrappedFunctions: unknown, it is imported from `./base` `base`
            instrumentation: unknown, it is imported from `./base` `base`
            serverEntrypointFileName: unknown, it is imported from `./base` `base`
            debug: false `false`
        "#]],
    );
}

#[test]
fn what_is_changed_later_is_not_known() {
    check(
        "const options = { debug: true };
options.debug = false;
let preset = 'bun';
if (process.env.CI) preset = 'node';
const output: any = { dir: 'a' };
const alias = output;
delete alias.dir;
export default withSentry({ server: { preset, output } }, options);",
        expect![[r#"
            withSentry
            autoInjectServerSentry: unknown, `options` is changed `options.debug = false`
            experimental_entrypointWrappedFunctions: unknown, `options` is changed `options.debug = false`
            instrumentation: unknown, `options` is changed `options.debug = false`
            serverEntrypointFileName: unknown, `options` is changed `options.debug = false`
            debug: unknown, `options` is changed `options.debug = false`
            preset: unknown, `preset` is assigned again `preset = 'node'`
            output.dir: unknown, `output` is changed `delete alias.dir`
            output.serverDir: unknown, `output` is changed `delete alias.dir`
            output.publicDir: unknown, `output` is changed `delete alias.dir`
        "#]],
    );
    for change in [
        "names.push('x');",
        "extend(names);",
        "Object.assign(names, ['x']);",
        "const { length } = names; [names[0]] = ['b'];",
        "function change(list) { list[0] = 'x'; } change(names);",
        "const same = () => names; same()[0] = 'x';",
        "for (const list of [names]) list.length = 0;",
        "new Thing({ names });",
        "names.forEach((name, index, all) => { all[0] = 'x'; });",
        "(names as string[])[0] += 'x';",
        "[names].forEach((all) => { all[0] = 'x'; });",
        "Object.values({ names }).forEach((all) => { all[0] = 'x'; });",
        "((all) => { all[0] = 'x'; })(names);",
        "Reflect.set(names, 0, 'x');",
        "const { [0]: first, ...rest } = { names }; rest.names[0] = 'x';",
        "for (names[0] of ['x']);",
        "(process.env.CI ? names : [])[0] = 'x';",
        "({ names }).names[0] = 'x';",
        "const box: any = {}; box.open = () => names; box.open()[0] = 'x';",
        "const get = () => { const own = names; return own; }; get()[0] = 'x';",
        "tag`${names}`;",
        "try { throw names; } catch (caught) { caught[0] = 'x'; }",
        "function change(list = names) { list[0] = 'x'; } change();",
        "let other; ({ other = names } = {}); other[0] = 'x';",
        "load(() => names);",
        "let again: string[] = []; again = names; again[0] = 'x';",
        "const both = () => [withSentry, names]; both()[1][0] = 'x';",
    ] {
        let text = format!(
            "import {{ withSentry }} from '@sentry/solidstart';
const names = ['a'];
{change}
export default withSentry({{}}, {{ experimental_entrypointWrappedFunctions: names }});"
        );
        let config = app_config(&text, ConfigSyntax::TypeScript);
        assert!(matches!(config.entrypoint_wrapped_functions, Known::Unknown { .. }), "{text}");
    }
}

#[test]
fn what_only_reads_changes_nothing() {
    for reading in [
        "console.log(names, JSON.stringify(names));",
        "names.includes('x'); Object.keys(names);",
        "function show(list) { console.log(list); } show(names);",
        "const copy = [...names]; copy.length;",
        "{ const names = []; names.push('x'); }",
        "function other(names) { names.push('x'); }",
    ] {
        let text = format!(
            "import {{ withSentry }} from '@sentry/solidstart';
const names = ['a'];
{reading}
export default withSentry({{}}, {{ experimental_entrypointWrappedFunctions: names }});"
        );
        let config = app_config(&text, ConfigSyntax::TypeScript);
        assert!(config.entrypoint_wrapped_functions.value().is_some(), "{text}");
    }
}

#[test]
fn another_with_sentry_is_not_the_sdks() {
    check_file(
        "import { withSentry } from '@sentry/nuxt';
export default withSentry({}, { debug: true });",
        ConfigSyntax::JavaScript,
        expect![[r#"
            autoInjectServerSentry: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            experimental_entrypointWrappedFunctions: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            instrumentation: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            serverEntrypointFileName: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            debug: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            preset: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            output.dir: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            output.serverDir: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            output.publicDir: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            appRoot: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            baseURL: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            ssr: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            devOverlay: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            islands: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
            serialization.mode: unknown, it is the result of a call of `withSentry` `withSentry({}, { debug: true })`
        "#]],
    );
    check(
        "export default (() => {
  const withSentry = (config: object, _: object) => config;
  return withSentry({ server: { preset: 'bun' } }, { debug: true });
})();",
        expect![[r#"
            preset: "bun" `'bun'`
        "#]],
    );
}

#[test]
fn values_of_another_type() {
    check(
        "export default withSentry({ server: { preset: null, output: 'dist' } }, {
  autoInjectServerSentry: 'dynamic-import', experimental_entrypointWrappedFunctions: 'default',
  instrumentation: '', serverEntrypointFileName: 7, debug: 'yes',
});",
        expect![[r#"
            withSentry
            autoInjectServerSentry: unknown, it is neither `experimental_dynamic-import` nor `top-level-import` `'dynamic-import'`
            experimental_entrypointWrappedFunctions: unknown, it is not an array `'default'`
            serverEntrypointFileName: unknown, it is not a string `7`
            debug: unknown, it is not a boolean `'yes'`
            output.dir: unknown, it is a property of a string `'dist'`
            output.serverDir: unknown, it is a property of a string `'dist'`
            output.publicDir: unknown, it is a property of a string `'dist'`
        "#]],
    );
}

#[test]
fn what_refers_to_itself_ends() {
    for text in [
        "const a = { ...b }; const b = { ...a }; export default a;",
        "function f() { return f(); } export default f;",
        "const f = (x) => ({ ...f(x), ...f(x), server: f(x) }); export default f({});",
        "const a = () => [a(), a(), a()]; export default { server: { preset: a() } };",
    ] {
        let config = app_config(text, ConfigSyntax::JavaScript);
        assert!(matches!(config.preset, Known::Unknown { .. }), "{text}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    let fixture = include_str!("../../../../fixtures-apps/basic/app.config.ts");
    for end in (0..fixture.len()).filter(|end| fixture.is_char_boundary(*end)) {
        let _ = app_config(&fixture[..end], ConfigSyntax::TypeScript);
    }
    let types = format!("type A = {}B{};", "A<".repeat(3_000), ">".repeat(3_000));
    let operators = format!("type A = {} B;", "keyof ".repeat(3_000));
    let sums = format!("export default {{ server: {{ preset: 'a'{} }} }};", " + 'b'".repeat(3_000));
    let nested = format!("export default {}1{};", "{ server: (".repeat(1_000), ") }".repeat(1_000));
    let calls = format!("const f = (x) => x; export default {}{{}}{};", "f(".repeat(1_000), ")".repeat(1_000));
    for text in [types, operators, sums, nested, calls] {
        let _ = app_config(&text, ConfigSyntax::TypeScript);
    }
    check_file(
        "export default { server: { preset: 'bun' ;",
        ConfigSyntax::JavaScript,
        expect![[r#"
            autoInjectServerSentry: unknown, the file is not valid: expected `,`, got `;` `;`
            experimental_entrypointWrappedFunctions: unknown, the file is not valid: expected `,`, got `;` `;`
            instrumentation: unknown, the file is not valid: expected `,`, got `;` `;`
            serverEntrypointFileName: unknown, the file is not valid: expected `,`, got `;` `;`
            debug: unknown, the file is not valid: expected `,`, got `;` `;`
            preset: unknown, the file is not valid: expected `,`, got `;` `;`
            output.dir: unknown, the file is not valid: expected `,`, got `;` `;`
            output.serverDir: unknown, the file is not valid: expected `,`, got `;` `;`
            output.publicDir: unknown, the file is not valid: expected `,`, got `;` `;`
            appRoot: unknown, the file is not valid: expected `,`, got `;` `;`
            baseURL: unknown, the file is not valid: expected `,`, got `;` `;`
            ssr: unknown, the file is not valid: expected `,`, got `;` `;`
            devOverlay: unknown, the file is not valid: expected `,`, got `;` `;`
            islands: unknown, the file is not valid: expected `,`, got `;` `;`
            serialization.mode: unknown, the file is not valid: expected `,`, got `;` `;`
        "#]],
    );
}

#[test]
fn what_the_environment_of_vite_is_made_of() {
    check(
        "export default defineConfig({ ssr: false, devOverlay: false, experimental: { islands: true }, serialization: { mode: 'json' },
server: { baseURL: '/shop' } });",
        expect![[r#"
            baseURL: "/shop" `'/shop'`
            ssr: false `false`
            devOverlay: false `false`
            islands: true `true`
            serialization.mode: "json" `'json'`
        "#]],
    );
    check(
        "export default defineConfig({ ssr: process.env.SSR, server: {} });",
        expect![[r#"
        ssr: unknown, it is read from the environment `process.env.SSR`
    "#]],
    );
}
