//! `presentry inspect`: what it says of builds of every shape, and that it changes none.

use expect_test::{Expect, expect};

use crate::{
    builds::{App, nitro_json},
    formats::json,
};

#[track_caller]
fn check(app: &App, arguments: &[&str], expected: Expect) {
    let before = app.snapshot();
    expected.assert_eq(&app.succeeds(&[&["inspect"], arguments].concat()));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn a_fresh_build() {
    check(
        &App::facade(),
        &[],
        expect![[r#"
            preset           node-server (`.output/nitro.json` says `node-server`, Nitro 2.13.5)
            runs on          Node.js
            server           .output/server
            entry            .output/server/index.mjs (loaded as: process)
            how it runs      `node .output/server/index.mjs`
            shape            as it was built: nothing starts Sentry before the runtime
            instrumentation  .output/server/instrument.server.mjs
            loaded at once   chunks/nitro/nitro.mjs
            exports          default (object)
            proof            not proven: sentry-not-started; `presentry check` shows where
            presentry        would rewrite this build; `presentry --dry-run` shows the diff
            with --import    node --import ./.output/server/instrument.server.mjs .output/server/index.mjs
            package.json     "start": "node --import ./.output/server/instrument.server.mjs .output/server/index.mjs"
            options          all have their default; `-v` lists them

            ✖ Sentry does not start first
              next: `presentry` rewrites the build, `presentry --dry-run` shows how
        "#]],
    );
}

#[test]
fn a_rewritten_build() {
    let app = App::facade();
    app.succeeds(&[]);
    check(
        &app,
        &["-q"],
        expect![[r#"
            preset           node-server (`.output/nitro.json` says `node-server`, Nitro 2.13.5)
            runs on          Node.js
            server           .output/server
            entry            .output/server/index.mjs (loaded as: process)
            how it runs      `node .output/server/index.mjs`
            shape            the facade of presentry 0.2.0
            instrumentation  .output/server/instrument.server.mjs
            loaded at once   instrument.server.mjs
            loaded later     entry.mjs
            exports          default (object)
            proof            proven: 2 modules and @sentry/solidstart before the runtime
            guard            prints a line if the running server differs from the proof
            presentry        has nothing to do
            with --import    node --import ./.output/server/instrument.server.mjs .output/server/index.mjs; not needed for this build
            package.json     "start": "node --import ./.output/server/instrument.server.mjs .output/server/index.mjs"
            options          all have their default; `-v` lists them
        "#]],
    );
}

#[test]
fn a_build_that_the_sdk_wrapped() {
    check(
        &App::wrapped_by_the_sdk(),
        &[],
        expect![[r#"
            preset           node-server (`.output/nitro.json` says `node-server`, Nitro 2.13.5)
            runs on          Node.js
            server           .output/server
            entry            .output/server/index.mjs (loaded as: process)
            how it runs      `node .output/server/index.mjs`
            shape            wrapped by the SDK (`experimental_dynamic-import`)
            instrumentation  inlined into `index.mjs`
            loaded at once   chunks/nitro/nitro.mjs
            loaded later     chunks/nitro/nitro.mjs
            exports          handler (unknown), listener (object)
            proof            not proven: static-edge-to-runtime; `presentry check` shows where
            presentry        would rewrite this build; `presentry --dry-run` shows the diff
            options          all have their default; `-v` lists them

            ✖ Sentry does not start first
              next: `presentry` rewrites the build, `presentry --dry-run` shows how
        "#]],
    );
}

#[test]
fn options_and_where_each_comes_from() {
    let app = App::facade();
    app.write(
        "app.config.ts",
        "import { defineConfig } from '@solidjs/start/config';
import { withSentry } from '@sentry/solidstart';
export default defineConfig(withSentry({ server: { preset: process.env.PRESET } }, { debug: true }));
",
    );
    let report = app.succeeds(&["inspect", "--preset", "node-server"]);
    let options = &report[report.find("options").unwrap()..];
    expect![[r#"
        options          autoInjectServerSentry: not set (default)
                         experimental_entrypointWrappedFunctions: default, handler, server (default)
                         instrumentation: src/instrument.server.* (default)
                         serverEntrypointFileName: as the preset has it (default)
                         debug: true (app.config.ts:3:93)
                         server.preset: node-server (--preset)
                         server.output.dir: as the preset has it (default)
                         server.output.serverDir: as the preset has it (default)
                         server.output.publicDir: as the preset has it (default)

        ✖ Sentry does not start first
          next: `presentry` rewrites the build, `presentry --dry-run` shows how
    "#]]
    .assert_eq(options);
    let document = json(&app, &["inspect", "--preset", "node-server"], 0);
    let options = document["inspection"]["options"].as_array().unwrap();
    let of = |name: &str| options.iter().find(|option| option["name"] == name).unwrap().clone();
    assert_eq!(
        of("debug"),
        serde_json::json!({ "name": "debug", "value": "true", "origin": "app-config", "at": "app.config.ts:3:93" })
    );
    assert_eq!(of("server.preset")["at"], "--preset");
    assert_eq!(of("instrumentation")["origin"], "default");
}

#[test]
fn a_host_that_may_require_the_entry() {
    let app = App::facade();
    app.write(".output/nitro.json", nitro_json("firebase"));
    app.write(
        ".output/server/chunks/nitro/nitro.mjs",
        "import 'graphql';\nprocess.env.NITRO_ENV_PREFIX;\nexport function n(request) {}\n",
    );
    let line = |app: &App| {
        let report = app.succeeds(&["inspect"]);
        report.lines().find(|line| line.starts_with("require()")).unwrap_or_default().to_owned()
    };
    expect![
        "require()        would fail with ERR_REQUIRE_ASYNC_MODULE after the rewrite, except with `--exports wrap`"
    ]
    .assert_eq(&line(&app));
    app.succeeds(&[]);
    expect![
        "require()        fails with ERR_REQUIRE_ASYNC_MODULE; a host that needs it needs `presentry --exports wrap`"
    ]
    .assert_eq(&line(&app));
    assert_eq!(json(&app, &["inspect"], 0)["inspection"]["require"]["now"], "ERR_REQUIRE_ASYNC_MODULE");
    app.succeeds(&["--exports", "wrap"]);
    expect!["require()        works: the facade has no top-level await"].assert_eq(&line(&app));
    let document = json(&app, &["inspect"], 0);
    assert_eq!(document["inspection"]["rewrite"], "already-first");
    assert_eq!(document["inspection"]["import"], serde_json::Value::Null);
}

#[test]
fn shapes() {
    let shape = |app: &App| json(app, &["inspect"], 0)["inspection"]["shape"].clone();
    let app = App::facade();
    assert_eq!(shape(&app), "fresh");
    app.write(
        ".output/server/index.mjs",
        "import './instrument.server.mjs';\n".to_owned() + &app.read(".output/server/index.mjs"),
    );
    assert_eq!(shape(&app), "top-level-import");
    app.succeeds(&[]);
    assert_eq!(shape(&app), "facade");
    assert_eq!(shape(&App::wrapped_by_the_sdk()), "sdk-wrapper");

    let app = App::facade();
    app.write(
        ".output/server/index.mjs",
        "import './instrument.server.mjs';\nawait import('./chunks/nitro/nitro.mjs');\n",
    );
    assert_eq!(shape(&app), "foreign");
    app.remove(".output/server/index.mjs");
    assert_eq!(shape(&app), "unreadable");
}

#[test]
fn a_build_that_was_changed_since_is_still_shown() {
    let app = App::facade();
    app.succeeds(&[]);
    app.append(".output/server/entry.mjs", "export const more = 1;\n");
    let document = json(&app, &["inspect"], 0);
    assert_eq!(document["inspection"]["rewrite"], "refused");
    assert_eq!(document["diagnostics"][0]["code"], "changed-since-rewrite");
    assert!(app.succeeds(&["inspect"]).contains("would refuse this build: changed-since-rewrite"));
}

#[test]
fn what_is_in_the_way_of_a_rewrite_is_said() {
    let app = App::facade();
    app.remove(".output/server/instrument.server.mjs");
    let report = app.succeeds(&["inspect"]);
    assert!(report.contains("would refuse this build: instrumentation-not-found\n"), "{report}");
    assert!(report.contains("  next: `presentry --dry-run` shows why it would be refused\n"), "{report}");
    assert!(report.contains("instrumentation  none\n") && !report.contains("with --import"), "{report}");
    assert_eq!(json(&app, &["inspect"], 0)["inspection"]["import"], serde_json::Value::Null);
}

#[test]
fn what_cannot_be_inspected_is_an_error() {
    let app = App::facade();
    app.write(".output/nitro.json", nitro_json("vercel-edge"));
    assert!(app.fails(&["inspect"], 1).starts_with("error[edge-runtime]: "));
    assert!(App::empty().fails(&["inspect"], 1).starts_with("error[build-not-found]: "));
}

#[test]
fn the_command_for_import_is_written_from_the_app() {
    let app = App::empty();
    for (path, found) in App::facade().snapshot() {
        if let crate::builds::Found::File(_, bytes) = found {
            app.write(&format!("my app/{path}"), bytes);
        }
    }
    let import = json(&app, &["inspect", "my app"], 0)["inspection"]["import"].clone();
    assert_eq!(import["command"], "node --import ./.output/server/instrument.server.mjs .output/server/index.mjs");
    let import =
        json(&app, &["inspect", "--entry", "my app/.output/server/index.mjs"], 0)["inspection"]["import"].clone();
    assert_eq!(
        import["script"],
        r#""start": "node --import \"./my app/.output/server/instrument.server.mjs\" \"my app/.output/server/index.mjs\"""#
    );
}

#[test]
fn a_second_init_is_warned_of() {
    let app = App::facade();
    app.write("instrument.mjs", "import * as Sentry from '@sentry/solidstart';\nSentry.init({});\n");
    app.write("loader.mjs", "// registers a loader of TypeScript\n");
    let script = |command: &str| app.write("package.json", format!(r#"{{ "scripts": {{ "start": "{command}" }} }}"#));
    let warned = || app.presentry(&["inspect"]).assert().success().get_output().stderr.clone();
    for fine in [
        "node --import ./.output/server/instrument.server.mjs .output/server/index.mjs",
        "node --import=./.output/../.output/server/instrument.server.mjs .output/server/index.mjs",
        "node --import ./loader.mjs .output/server/index.mjs",
        "node --import tsx .output/server/index.mjs",
        "node .output/server/index.mjs",
    ] {
        script(fine);
        assert_eq!(String::from_utf8(warned()).unwrap(), "", "{fine}");
    }
    script("node --import ./instrument.mjs .output/server/index.mjs");
    expect![[r#"
        warning[double-init]: the script `start` in `package.json` says `--import ./instrument.mjs`, which starts Sentry a second time: the build has `./.output/server/instrument.server.mjs`
         --> package.json:1:40
          |
        1 | { "scripts": { "start": "node --import ./instrument.mjs .output/server/index.mjs" } }
          |                                        ^^^^^^^^^^^^^^^^ another instrumentation
        hint: take it out of the script, or import `./.output/server/instrument.server.mjs`, which runs once however often it is named
    "#]].assert_eq(&String::from_utf8(warned()).unwrap());
    // Under `--strict` it keeps a rewrite from being done.
    assert!(app.fails(&["--strict"], 1).starts_with("error[double-init]: "));
}
