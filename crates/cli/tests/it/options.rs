//! The options of `app.config.*`: what they change, what a flag changes instead, and what is said when they cannot be read.

use expect_test::{Expect, expect};
use predicates::str::{contains, starts_with};

use crate::builds::{App, INSTRUMENTATION, nitro_json};

/// An app with a build and a configuration file.
fn configured(options: &str) -> App {
    let app = App::facade();
    app.write("app.config.ts", with_sentry("{}", options));
    app
}

fn with_sentry(config: &str, options: &str) -> String {
    format!(
        "import {{ withSentry }} from '@sentry/solidstart';
import {{ defineConfig }} from '@solidjs/start/config';
export default defineConfig(withSentry({config}, {options}));
"
    )
}

/// A build of the preset `node-listener` whose exports are functions.
fn functions() -> App {
    let app = App::facade();
    app.write(".output/nitro.json", nitro_json("node-listener"));
    app.write(
        ".output/server/index.mjs",
        "import 'graphql';\nexport { a as listener, a as handler } from './chunks/nitro/nitro.mjs';\n",
    );
    app.write(".output/server/chunks/nitro/nitro.mjs", "import 'graphql';\nexport function a() {}\n");
    app
}

/// Moves a build to another directory.
fn moved(app: &App, from: &str, to: &str) {
    std::fs::rename(app.join(from), app.join(to)).unwrap();
}

#[track_caller]
fn says(app: &App, arguments: &[&str], code: i32, expected: Expect) {
    let before = app.snapshot();
    expected.assert_eq(&app.fails(arguments, code));
    if code != 0 {
        assert_eq!(app.snapshot(), before);
    }
}

#[test]
fn the_fixture_app_says_nothing_special() {
    let app = App::facade();
    app.write("app.config.ts", include_str!("../../../../fixtures-apps/basic/app.config.ts"));
    app.presentry(&["-v"]).assert().success();
    app.presentry(&["check", "--color", "never"]).assert().success().stderr("");
}

#[test]
fn the_first_file_counts() {
    for extension in ["ts", "tsx", "mts", "js", "mjs"] {
        let app = App::facade();
        app.write(&format!("app.config.{extension}"), with_sentry("{}", "{ instrumentation: './src/start.mts' }"));
        app.presentry(&[]).assert().code(1).stderr(contains("looked for `.output/server/start.mjs`"));
        app.write("app.config.ts", "export default {};\n");
        app.succeeds(&[]);
    }
}

#[test]
fn the_origin_of_each_option_is_said() {
    let app = configured("{ instrumentation: './lib/instrument.server.ts', debug: process.env.DEBUG }");
    let output = app.presentry(&["-v", "--preset", "heroku"]).assert().success().get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let options: String =
        stderr.lines().filter(|line| line.contains("note: option ")).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        note: option `instrumentation`: ./lib/instrument.server.ts (app.config.ts:3:63)
        note: option `debug`: not known: it is read from the environment (app.config.ts:3:100)
        note: option `server.preset`: heroku (--preset)
    "#]]
    .assert_eq(&options);
}

#[test]
fn the_instrumentation_has_the_base_name_of_the_source() {
    let app = configured("{ instrumentation: './lib/instrument.server.mts' }");
    app.succeeds(&[]);

    let app = configured("{ instrumentation: './src/sentry.ts' }");
    says(
        &app,
        &[],
        1,
        expect![[r#"
            error[instrumentation-not-found]: there is no instrumentation; looked for `.output/server/sentry.mjs`, `.vinxi/build/ssr/sentry.js`, `.vinxi/build/ssr/sentry.mjs`, `src/sentry.ts`, as `instrumentation` is `./src/sentry.ts`
            hint: `.output/server/instrument.server.mjs` is there: name it with `--instrumentation .output/server/instrument.server.mjs` if it is the one

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain instrumentation-not-found` tells more
        "#]],
    );
    app.succeeds(&["--instrumentation", ".output/server/instrument.server.mjs"]);

    let app = configured("{ instrumentation: './src/sentry.ts' }");
    moved(&app, ".output/server/instrument.server.mjs", ".output/server/sentry.mjs");
    app.succeeds(&[]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./sentry.mjs\";"));

    // The name of the entry itself cannot be the one.
    configured("{ instrumentation: './src/sentry/index.ts' }").succeeds(&[]);
}

#[test]
fn an_instrumentation_that_is_not_static_matters_when_none_is_there() {
    let app = configured("{ instrumentation: process.env.FILE }");
    app.presentry(&[]).assert().success().stderr("");

    let app = configured("{ instrumentation: process.env.FILE }");
    moved(&app, ".output/server/instrument.server.mjs", ".output/server/start.mjs");
    says(
        &app,
        &[],
        1,
        expect![[r#"
            error[option-not-static]: the value of `instrumentation` is not known without running `app.config.ts`: it is read from the environment
             --> app.config.ts:3:63
              |
            3 | export default defineConfig(withSentry({}, { instrumentation: process.env.FILE }));
              |                                                               ^^^^^^^^^^^^^^^^
            hint: write the value out, or set it with `--instrumentation FILE`

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain option-not-static` tells more
        "#]],
    );
    app.succeeds(&["--instrumentation", ".output/server/start.mjs"]);
}

#[test]
fn the_entry_may_have_another_name() {
    let app = configured("{ serverEntrypointFileName: 'start' }");
    moved(&app, ".output/server/index.mjs", ".output/server/start.mjs");
    assert!(app.succeeds(&[]).starts_with("facade  .output/server/start.mjs\n"));

    // For the SDK it is a part of the name of a source of Nitro.
    let app = configured("{ serverEntrypointFileName: 'node-server' }");
    assert!(app.succeeds(&[]).starts_with("facade  .output/server/index.mjs\n"));

    let app = configured("{ serverEntrypointFileName: `${process.env.NAME}.mjs` }");
    app.presentry(&[]).assert().success().stderr("");
    let app = configured("{ serverEntrypointFileName: `${process.env.NAME}.mjs` }");
    moved(&app, ".output/server/index.mjs", ".output/server/start.mjs");
    let stderr = app.fails(&[], 1);
    assert!(stderr.contains("warning[option-not-static]") && stderr.contains("error[entry-not-found]"), "{stderr}");
}

#[test]
fn a_wrapped_function_has_to_be_an_export() {
    let app = configured("{ experimental_entrypointWrappedFunctions: ['default', 'handler'] }");
    says(
        &app,
        &[],
        1,
        expect![[r#"
            error[unknown-export]: `handler` is no export of the entry, which exports `default`
             --> app.config.ts:3:99
              |
            3 | export default defineConfig(withSentry({}, { experimental_entrypointWrappedFunctions: ['default', 'handler'] }));
              |                                                                                                   ^^^^^^^^^ named here
            hint: name the functions that the platform calls

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain unknown-export` tells more
        "#]],
    );
    configured("{ experimental_entrypointWrappedFunctions: ['default'] }").succeeds(&[]);
    // In this style every export is passed on, so the names do not matter when they are not known.
    configured("{ experimental_entrypointWrappedFunctions: names() }").presentry(&[]).assert().success().stderr("");
}

#[test]
fn the_list_decides_what_is_wrapped() {
    let app = functions();
    assert!(app.fails(&["--exports", "wrap"], 1).contains("listener"));

    let app = functions();
    let options = "{ experimental_entrypointWrappedFunctions: ['listener', 'handler'] }";
    app.write("app.config.ts", with_sentry("{}", options));
    app.succeeds(&["--exports", "wrap"]);
    assert!(!app.read(".output/server/index.mjs").contains("await import"));

    let app = functions();
    app.write("app.config.ts", with_sentry("{}", "{ experimental_entrypointWrappedFunctions: ['other'] }"));
    let stderr = app.fails(&["--exports", "wrap"], 1);
    assert!(stderr.starts_with("error[unknown-export]: `other`") && stderr.contains("app.config.ts:3:"), "{stderr}");
    app.succeeds(&["--exports", "wrap", "--wrap", "listener,handler"]);
}

#[test]
fn custom_output_directories() {
    for (config, to) in [
        ("{ server: { output: { dir: 'dist' } } }", "dist"),
        ("{ server: { output: { dir: './dist' } } }", "dist"),
        ("{ server: { output: { dir: '{{ rootDir }}/dist' } } }", "dist"),
        ("{ server: { output: { dir: 'dist', serverDir: '{{ output.dir }}/server' } } }", "dist"),
    ] {
        let app = App::facade();
        app.write("app.config.ts", with_sentry(config, "{}"));
        moved(&app, ".output", to);
        assert!(app.succeeds(&[]).starts_with("facade  dist/server/index.mjs\n"), "{config}");
        app.succeeds(&["check"]);
        app.succeeds(&["restore"]);
    }

    let app = App::facade();
    app.write("app.config.ts", with_sentry("{ server: { output: { serverDir: 'srv' } } }", "{}"));
    moved(&app, ".output/server", "srv");
    assert!(app.succeeds(&[]).starts_with("facade  srv/index.mjs\n"));

    let app = App::facade();
    moved(&app, ".output", "dist");
    assert!(app.succeeds(&["--output-dir", "dist"]).starts_with("facade  dist/server/index.mjs\n"));
}

#[test]
fn a_build_in_another_directory_is_not_taken_for_it() {
    let app = App::facade();
    app.write("app.config.ts", with_sentry("{ server: { output: { dir: 'dist' } } }", "{}"));
    says(
        &app,
        &[],
        1,
        expect![[r#"
            error[build-not-found]: no build found in `.`; looked for `dist/nitro.json`
            hint: build the app first, or name its output directory with `--output-dir`, or the built entry with `--entry`

            ✖ refused: 1 error; nothing was changed
              next: `presentry explain build-not-found` tells more
        "#]],
    );
    // A flag comes before the file.
    app.succeeds(&["--output-dir", ".output"]);
}

#[test]
fn an_output_directory_that_is_not_static() {
    let app = App::facade();
    app.write("app.config.ts", with_sentry("{ server: { output: { dir: process.env.DIR ?? 'dist' } } }", "{}"));
    let text = "warning[option-not-static]: the value of `server.output.dir` is not known";
    app.presentry(&["--dry-run"]).assert().success().stderr(contains(text));
    let stderr = app.fails(&["--strict"], 1);
    assert!(stderr.starts_with("error[option-not-static]") && stderr.contains(" --> app.config.ts:3:"), "{stderr}");
    app.presentry(&["--output-dir", ".output", "--strict"]).assert().success().stderr("");

    moved(&app, ".output", "elsewhere");
    assert!(app.fails(&[], 1).starts_with("error[option-not-static]: the value of `server.output.dir`"));
}

#[test]
fn the_preset_chooses_among_several_builds() {
    let several = || {
        let app = App::facade();
        for file in ["index.mjs", "instrument.server.mjs", "chunks/nitro/nitro.mjs"] {
            let text = app.read(&format!(".output/server/{file}"));
            app.write(&format!(".vercel/output/functions/__fallback.func/{file}"), text);
        }
        app.write(".vercel/output/nitro.json", nitro_json("vercel"));
        app.with_packages(".vercel/output/functions/__fallback.func")
    };
    let app = several();
    let stderr = app.fails(&[], 1);
    assert!(stderr.contains("[several-builds]") && stderr.contains("--preset"), "{stderr}");
    app.write("app.config.ts", with_sentry("{ server: { preset: 'vercel' } }", "{}"));
    assert!(app.succeeds(&[]).starts_with("facade  .vercel/output/"));
    assert!(app.succeeds(&["--preset", "node_server"]).starts_with("facade  .output/server/"));

    let app = several();
    app.write("app.config.ts", with_sentry("{ server: { preset: process.env.PRESET } }", "{}"));
    let stderr = app.fails(&[], 1);
    assert!(stderr.contains("error[several-builds]") && stderr.contains("error[option-not-static]"), "{stderr}");
}

#[test]
fn a_preset_that_is_named() {
    let app = App::facade();
    app.write(".output/nitro.json", nitro_json("my-own"));
    assert!(app.fails(&[], 1).contains("--preset"));
    app.succeeds(&["--preset", "node-server"]);

    let app = App::facade();
    app.remove(".output/nitro.json");
    app.succeeds(&["--preset", "heroku"]);

    let app = App::facade();
    assert!(app.fails(&["--preset", "teapot"], 2).starts_with("error[unknown-preset]"));
    assert!(app.fails(&["--preset", "static"], 2).starts_with("error[unknown-preset]"));
    assert!(app.fails(&["--preset", "cloudflare-pages"], 1).starts_with("error[edge-runtime]"));
    app.presentry(&["--entry", ".output/server/index.mjs", "--output-dir", "x"]).assert().code(2);
}

#[test]
fn an_entry_of_another_app_has_its_own_options() {
    let app = configured("{ instrumentation: './src/other.ts' }");
    let build = App::facade();
    let entry = build.join(".output/server/index.mjs");
    app.succeeds(&["--entry", entry.to_str().unwrap()]);
    let own = app.fails(&["--entry", ".output/server/index.mjs"], 1);
    assert!(own.contains("`.output/server/other.mjs`"), "{own}");
}

#[test]
fn a_file_that_is_not_valid() {
    let app = App::facade();
    app.write("app.config.ts", "export default {;\n");
    let stderr = app.fails(&["--strict"], 1);
    assert!(stderr.contains("[option-not-static]") && stderr.contains("the file is not valid"), "{stderr}");
}

#[test]
fn a_build_older_than_its_sources() {
    let app = App::facade();
    app.write("src/app.tsx", "");
    app.write("app.config.ts", "export default {};\n");
    app.presentry(&["--strict"]).assert().success().stderr("");

    app.write_later("src/routes/.swp", "");
    app.write_later("src/node_modules/x/index.js", "");
    app.write_later("elsewhere/app.tsx", "");
    app.presentry(&["--strict"]).assert().success().stderr("");

    app.write_later("src/routes/index.tsx", "");
    let warning = "warning[stale-build]: `src/routes/index.tsx` is newer than the build of `.output/server/index.mjs`\n\
                   hint: build the app again before `presentry`\n";
    for command in [&[][..], &["check"], &["inspect"], &["--entry", ".output/server/index.mjs"]] {
        app.presentry(command).assert().success().stderr(contains(warning));
    }
    app.presentry(&["restore"]).assert().success().stderr("");
    assert!(app.fails(&["--strict"], 1).starts_with("error[stale-build]"));

    app.write_later("app.config.ts", "export default { appRoot: './elsewhere' };\n");
    app.presentry(&[]).assert().success().stderr(contains(" and 1 more file are newer"));
}

#[test]
fn a_build_without_metadata_is_as_old_as_its_entry() {
    let app = App::empty();
    app.write("server/index.mjs", "import 'graphql';\nexport const a = {};\n");
    app.write("server/instrument.server.mjs", INSTRUMENTATION);
    let app = app.with_packages("server");
    app.presentry(&["--entry", "server/index.mjs", "--dry-run", "-q"]).assert().success().stderr("");
    app.write_later("src/app.tsx", "");
    app.presentry(&["--entry", "server/index.mjs", "--dry-run"]).assert().success().stderr(contains("[stale-build]"));
}

#[test]
fn debug_explains_each_choice() {
    let app = configured("{ debug: true }");
    app.presentry(&["--dry-run"]).assert().success().stderr(contains("note: the host loads the entry as: process"));
    app.presentry(&["--dry-run", "-q"]).assert().success().stderr("");
    let app = configured("{ debug: false }");
    app.presentry(&["--dry-run"]).assert().success().stderr(starts_with("✔ would rewrite 2 files"));
}
