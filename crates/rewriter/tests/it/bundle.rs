//! How modules are made to name a bundle of the SDK, and what of it the proof accepts.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use presentry_rewriter::{
    AskedFor, Bundle, InitTrust, ModulePath, Outcome, Plan, bundle_header, bundle_line, package_imports, plan, prove,
    sealed, tried, with_bundle,
};

use crate::written::{INSTRUMENTATION, applied, build, path, request, show_plan};

/// A bundle with one module for each specifier.
fn bundle(modules: &[(&str, &str)]) -> Bundle {
    let mut bundle = Bundle { files: BTreeMap::new(), modules: BTreeMap::new() };
    for (specifier, file) in modules {
        let text =
            sealed(format!("{}\nexport const init = () => {{}};\n", bundle_line(Some((specifier, &AskedFor::All)))));
        bundle.files.insert(path(file), text.into_bytes());
        bundle.modules.insert((*specifier).to_owned(), path(file));
    }
    bundle
}

const RUNTIME: &str = "--- index.mjs
import 'pg';
export { n as default } from './chunks/nitro/nitro.mjs';
";

fn bundled(text: &str, modules: &[(&str, &str)]) -> Plan {
    let files = build(&format!("{INSTRUMENTATION}{RUNTIME}{text}"));
    let planned = plan(&files, &request());
    let bundled = with_bundle(&files, planned, &path("index.mjs"), &bundle(modules), InitTrust::Proof);
    if bundled.outcome == Outcome::Rewritten {
        assert!(prove(&applied(files, &bundled), &path("index.mjs")).holds());
    }
    bundled
}

/// The text of one file of a bundled build.
#[track_caller]
fn check(chunk: &str, expected: Expect) {
    let modules = [
        ("@sentry/solidstart", "sentry-1.mjs"),
        ("@sentry/solidstart/solidrouter", "sentry-2.mjs"),
        ("@sentry/node", "sentry-3.mjs"),
    ];
    let bundled = bundled(&format!("--- chunks/nitro/nitro.mjs\n{chunk}"), &modules);
    assert_eq!(bundled.outcome, Outcome::Rewritten, "{}", show_plan(&bundled));
    let change = bundled.changes.iter().find(|change| change.path == path("chunks/nitro/nitro.mjs"));
    let text = change.and_then(|change| change.after.clone()).unwrap_or_default();
    expected.assert_eq(&String::from_utf8(text).unwrap());
}

#[test]
fn every_form_of_request() {
    check(
        "import { a } from '@sentry/solidstart'; import * as all from \"@sentry/solidstart\"; import d from '@sentry/solidstart';
import '@sentry/solidstart/solidrouter';
export { b } from '@sentry/solidstart'; export * as c from '@sentry/solidstart/solidrouter';
export const n = () => import('@sentry/solidstart'), m = () => import(`@sentry/solidstart/solidrouter`);
const not = '@sentry/solidstart';
",
        expect![[r#"
            import { a } from '../../sentry-1.mjs'; import * as all from "../../sentry-1.mjs"; import d from '../../sentry-1.mjs';
            import '../../././././././sentry-2.mjs';
            export { b } from '../../sentry-1.mjs'; export * as c from '../../././././././sentry-2.mjs';
            export const n = () => import('../../sentry-1.mjs'), m = () => import(`../../././././././sentry-2.mjs`);
            const not = '@sentry/solidstart';
        "#]],
    );
}

/// From a directory deep down the new specifier is longer than `@sentry/node`, and what stands behind it moves.
#[test]
fn a_short_specifier_grows() {
    check(
        "import { a } from '@sentry/node'; export const n = a;\n",
        expect![[r#"
            import { a } from '../../sentry-3.mjs'; export const n = a;
        "#]],
    );
}

#[test]
fn a_build_that_is_bundled_again_does_not_change() {
    let modules = [("@sentry/solidstart", "sentry.mjs")];
    let text = "--- chunks/nitro/nitro.mjs\nexport const n = 1;\n";
    let files = build(&format!("{INSTRUMENTATION}{RUNTIME}{text}"));
    let first = bundled(text, &modules);
    let files = applied(files, &first);
    let again = plan(&files, &request());
    assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}", show_plan(&again));
    assert_eq!(package_imports(&files, &again).unwrap().sdk, BTreeMap::new());
}

#[track_caller]
fn check_refused(text: &str) {
    let files = build(&format!("{INSTRUMENTATION}{RUNTIME}{text}"));
    let planned = plan(&files, &request());
    let error = package_imports(&files, &planned).expect_err("a second copy");
    assert_eq!(error.code.name, "bundle-two-copies", "{}", error.message);
    assert_eq!(error.labels.len(), 1);
}

#[test]
fn requests_that_no_edit_can_change() {
    for request in [
        "const s = require('@sentry/node');",
        "const s = require.resolve( \"@sentry/node\" );",
        "const s = import.meta.resolve('@sentry/node');",
        "const s = await import('@sentry/' + name);",
        "const s = await import(`@sentry/${name}`);",
    ] {
        check_refused(&format!("--- chunks/nitro/nitro.mjs\n{request}\nexport const n = 1;\n"));
    }
    check_refused(
        "--- chunks/nitro/nitro.mjs\nexport const n = 1;\n--- chunks/old.cjs\nmodule.exports = require('@sentry/node');\n",
    );
}

#[test]
fn what_a_build_asks_for() {
    let files = build(&format!(
        "{INSTRUMENTATION}{RUNTIME}--- chunks/nitro/nitro.mjs\nimport '@sentry/node/init'; import 'graphql/utilities'; import 'node:fs';\nexport const n = () => import('ioredis');\n"
    ));
    let imports = package_imports(&files, &plan(&files, &request())).unwrap();
    assert_eq!(imports.sdk.keys().map(String::as_str).collect::<Vec<_>>(), ["@sentry/node/init", "@sentry/solidstart"]);
    assert_eq!(imports.others.iter().map(String::as_str).collect::<Vec<_>>(), ["graphql/utilities", "ioredis", "pg"]);
}

/// Which exports of `@sentry/node` a build asks for whose runtime is `chunk`.
#[track_caller]
fn check_asked_for(chunk: &str, expected: &str) {
    let files = build(&format!("{INSTRUMENTATION}{RUNTIME}--- chunks/nitro/nitro.mjs\nexport const n = 1;\n{chunk}"));
    let mut imports = package_imports(&files, &plan(&files, &request())).unwrap();
    let shown = match imports.sdk.remove("@sentry/node").expect("it is asked for") {
        AskedFor::All => "everything".to_owned(),
        AskedFor::Names(names) => names.into_iter().collect::<Vec<_>>().join(" "),
    };
    assert_eq!(shown, expected, "{chunk}");
}

#[test]
fn exports_that_are_asked_for() {
    check_asked_for("import '@sentry/node';", "");
    check_asked_for("import {} from '@sentry/node';", "");
    check_asked_for("import d, { a as b } from '@sentry/node'; export { c as e } from '@sentry/node';", "a c default");
    check_asked_for("import { a } from '@sentry/node'; export { a };", "a");
    check_asked_for(
        "import * as s from '@sentry/node'; s.flush(); import { a } from 'npm:@sentry/node@10.1.0';",
        "a flush",
    );
    check_asked_for("import * as s from '@sentry/node'; use(s);", "everything");
    check_asked_for("import * as s from '@sentry/node'; export { s };", "everything");
    check_asked_for("export * from '@sentry/node';", "everything");
    check_asked_for("export * as s from '@sentry/node';", "everything");
    check_asked_for("import { a } from '@sentry/node'; const s = import('@sentry/node');", "everything");
    check_asked_for("import { 'a b' as a } from '@sentry/node';", "everything");
    for name in ["a b", "a,b", "{a}", ""] {
        check_asked_for(&format!("import * as s from '@sentry/node'; s.x(s['{name}']);"), "everything");
    }
    check_asked_for("import { a } from '@sentry/node';\n--- chunks/b.mjs\nimport { b } from '@sentry/node';", "a b");
}

#[test]
fn what_a_bundle_was_asked_for_is_sealed() {
    let names = |names: &[&str]| AskedFor::Names(names.iter().map(|name| (*name).to_owned()).collect());
    for asked_for in [AskedFor::All, names(&[]), names(&["default", "init"])] {
        let text = sealed(format!("{}\n1;\n", bundle_line(Some(("@sentry/node", &asked_for)))));
        let header = bundle_header(text.as_bytes()).unwrap();
        assert_eq!((header.asked_for, header.intact), (asked_for, true));
    }
    let text = sealed(format!("{}\n1;\n", bundle_line(Some(("@sentry/node", &names(&["init"]))))));
    assert!(!bundle_header(text.replace("{init}", "{flush,init}").as_bytes()).unwrap().intact);
    assert_eq!(bundle_header(text.replace("{init}", "{init} more").as_bytes()), None);
    assert!(names(&["a", "b"]).covers(&names(&["b"])) && !names(&["a"]).covers(&names(&["b"])));
    assert!(AskedFor::All.covers(&AskedFor::All) && !names(&["a"]).covers(&AskedFor::All));
}

/// Deno asks for the same packages in words of its own.
#[test]
fn packages_that_are_named_as_deno_names_them() {
    check(
        "import { a } from 'npm:@sentry/solidstart'; import 'npm:@sentry/node@10.70.0'; export const n = a;\n",
        expect![[r#"
            import { a } from '../../././sentry-1.mjs'; import '../.././././sentry-3.mjs'; export const n = a;
        "#]],
    );
    let text = "--- chunks/nitro/nitro.mjs\nimport 'npm:graphql'; import 'npm:/pg@8/lib'; export const n = 1;\n";
    let files = build(&format!("{INSTRUMENTATION}{RUNTIME}{text}"));
    let imports = package_imports(&files, &plan(&files, &request())).unwrap();
    assert_eq!(imports.others.iter().map(String::as_str).collect::<Vec<_>>(), ["graphql", "pg", "pg/lib"]);
}

/// The codes that speak against a build whose instrumentation is `text`.
fn failures(text: &str, bundle: &Bundle) -> Vec<&'static str> {
    let mut files = build(&format!(
        "--- index.mjs\nimport './instrument.mjs';\nawait import('./entry.mjs');\n--- entry.mjs\nimport 'pg';\n--- local.mjs\nexport {{ init as start }} from './sentry.mjs';\nexport const init = () => {{}};\n--- instrument.mjs\n{text}"
    ));
    for (path, contents) in &bundle.files {
        files.insert(path.clone(), contents.clone());
    }
    prove(&files, &path("index.mjs")).failures.iter().map(|failure| failure.code.name).collect()
}

fn sentry_mjs() -> ModulePath {
    path("sentry.mjs")
}

#[test]
fn init_of_a_bundle_counts() {
    let bundle = bundle(&[("@sentry/solidstart", "sentry.mjs")]);
    for text in [
        "import * as Sentry from './sentry.mjs'; Sentry.init({});",
        "import { init as start } from './sentry.mjs'; start({});",
        "import { start } from './local.mjs'; start({});",
        "const Sentry = await import('./sentry.mjs'); Sentry.init({});",
        "const { init } = await import('./sentry.mjs'); init({});",
    ] {
        assert_eq!(failures(text, &bundle), Vec::<&str>::new(), "{text}");
    }
    for text in [
        "import * as Sentry from './sentry.mjs'; Sentry.flush();",
        "import { flush as init } from './sentry.mjs'; init({});",
        "import { init } from './local.mjs'; init({});",
    ] {
        assert_eq!(failures(text, &bundle), ["sentry-not-started"], "{text}");
    }
}

#[test]
fn init_of_anything_else_does_not() {
    const INSTRUMENT: &str = "import * as Sentry from './sentry.mjs'; Sentry.init({});";
    let good = bundle(&[("@sentry/solidstart", "sentry.mjs")]);
    let with = |edit: &dyn Fn(String) -> String| {
        let mut bundle = good.clone();
        let text = String::from_utf8(bundle.files[&sentry_mjs()].clone()).unwrap();
        bundle.files.insert(sentry_mjs(), edit(text).into_bytes());
        failures(INSTRUMENT, &bundle)
    };
    assert_eq!(with(&|text| text), Vec::<&str>::new());
    assert_eq!(with(&|text| text + "more();\n"), ["bundle-changed"]);
    assert_eq!(with(&|text| text.replace("@sentry/solidstart", "@sentry/node")), ["bundle-changed"]);
    assert_eq!(with(&|text| text.split_once('\n').unwrap().1.to_owned()), ["sentry-not-started"]);
    assert_eq!(with(&|text| text.replace("() => {}", "() => 1")), ["bundle-changed"]);
    // Another package is not the SDK, however well it is sealed.
    let other = bundle(&[("lodash", "sentry.mjs")]);
    assert_eq!(failures(INSTRUMENT, &other), ["sentry-not-started"]);
    // A module of a bundle that takes `init` from elsewhere.
    let mut foreign = bundle(&[]);
    let text = sealed(format!(
        "{}\nexport {{ init }} from './other.mjs';\n",
        bundle_line(Some(("@sentry/solidstart", &AskedFor::All)))
    ));
    foreign.files.insert(sentry_mjs(), text.into_bytes());
    foreign.files.insert(path("other.mjs"), b"export const init = () => {};".to_vec());
    assert_eq!(failures(INSTRUMENT, &foreign), ["sentry-not-started"]);
}

/// What the SDK's code has in it where it injects channels.
const INJECTS: &str = "globalThis.__SENTRY_ORCHESTRION__ ??= {}; module.registerHooks({});";

/// A bundle whose code injects channels was tried, or proves nothing.
#[test]
fn a_bundle_that_injects_channels_and_was_never_tried() {
    let with = |instrument: &str, code: &str| {
        let line = bundle_line(Some(("@sentry/node", &AskedFor::All)));
        let mut injecting = bundle(&[("@sentry/node", "sentry.mjs")]);
        let text = sealed(format!("{line}\n{code}\nexport const init = () => {{}};\n"));
        injecting.files.insert(sentry_mjs(), text.into_bytes());
        failures(instrument, &injecting)
    };
    const INSTRUMENT: &str = "import { init } from './sentry.mjs'; init({});";
    assert_eq!(with(INSTRUMENT, ""), Vec::<&str>::new());
    assert_eq!(with(INSTRUMENT, INJECTS), ["bundle-untried"]);
    assert_eq!(with(INSTRUMENT, "globalThis.__SENTRY_ORCHESTRION__ ??= {};"), Vec::<&str>::new());
    // Version 10 injects nothing until it is told to.
    const TURN_ON: &str = "export function experimentalUseDiagnosticsChannelInjection() {}";
    let of_10 = format!("{INJECTS}\n{TURN_ON}");
    assert_eq!(with(INSTRUMENT, &of_10), Vec::<&str>::new());
    let turned_on = "import * as s from './sentry.mjs'; s.experimentalUseDiagnosticsChannelInjection(); s.init({});";
    assert_eq!(with(turned_on, &of_10), ["bundle-untried"]);
    // The word of the first line counts only with its digest.
    let mut injecting = bundle(&[("@sentry/node", "sentry.mjs")]);
    let line = bundle_line(Some(("@sentry/node", &AskedFor::All)));
    let text = tried(format!("{line}\n{INJECTS}\nexport const init = () => {{}};\n"));
    injecting.files.insert(sentry_mjs(), sealed(text).into_bytes());
    assert_eq!(failures(INSTRUMENT, &injecting), Vec::<&str>::new());
    let forged = tried(sealed(format!("{line}\n{INJECTS}\nexport const init = () => {{}};\n")));
    injecting.files.insert(sentry_mjs(), forged.into_bytes());
    assert_eq!(failures(INSTRUMENT, &injecting), ["bundle-changed"]);
}

#[test]
fn a_module_of_a_bundle_is_known_again() {
    let text = sealed(format!("{}\nexport const init = 1;\n//# sourceMappingURL=sentry.mjs.map\n", bundle_line(None)));
    let header = bundle_header(text.as_bytes()).unwrap();
    assert_eq!((header.stands_for, header.intact), (None, true));
    let snippet = r#"!function(){try{var e="undefined"!=typeof window?window:{},n=(new e.Error).stack;n&&(e._sentryDebugIds=e._sentryDebugIds||{},e._sentryDebugIds[n]="x")}catch(e){}}();"#;
    let injected = format!("\n{snippet}\n{text}\n//# debugId=e3f4dc9d-9da7-597d-b625-e239432568ed\n");
    assert!(bundle_header(injected.as_bytes()).unwrap().intact);
    assert!(!bundle_header(text.replace("= 1", "= 2").as_bytes()).unwrap().intact);
    assert_eq!(
        bundle_header(b"// presentry 0.1.0 155d1a8249282a13ed135d07c4bff8939dafe6781749bb8b61a8556742e9cdc6\n"),
        None
    );
    assert_eq!(bundle_header(b"export {};\n"), None);
}
