//! `presentry rewrite`: what it writes, what it says, and that a second run has nothing to do.

use expect_test::{Expect, expect};

use predicates::{prelude::PredicateBooleanExt as _, str::contains};

use crate::builds::{ALREADY_FIRST, App, nitro_json};

#[track_caller]
fn check(app: &App, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&app.succeeds(arguments));
}

#[test]
fn a_facade_over_chunks() {
    let app = App::facade();
    let entry = app.read(".output/server/index.mjs");
    check(
        &app,
        &[],
        expect![[r#"
            facade  .output/server/index.mjs
            moved   .output/server/index.mjs → entry.mjs

            ✔ rewritten: Sentry starts first
              loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert_eq!(app.read(".output/server/entry.mjs"), entry);
    assert!(app.read(".output/server/index.mjs").contains("await import(\"./entry.mjs\")"));
    check(
        &app,
        &["check"],
        expect![[r#"
            ✔ proven: Sentry starts first
              loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
}

#[test]
fn a_runtime_in_the_entry_with_modules_that_import_it_back() {
    let app = App::inline(2);
    check(
        &app,
        &["rewrite", "."],
        expect![[r#"
            facade     .output/server/index.mjs
            moved      .output/server/index.mjs → entry.mjs
            repointed  .output/server/chunks/build/app-0.mjs
            repointed  .output/server/chunks/build/app-1.mjs

            ✔ rewritten: Sentry starts first
              loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert!(app.read(".output/server/chunks/build/app-1.mjs").contains("'../../entry.mjs'"));
    app.succeeds(&["check"]);
}

#[test]
fn a_second_run_changes_nothing() {
    for app in [App::facade(), App::inline(3)] {
        app.succeeds(&[]);
        let rewritten = app.snapshot();
        assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
        assert_eq!(app.snapshot(), rewritten);
    }
}

#[test]
fn a_second_run_without_what_the_first_kept_changes_nothing() {
    let app = App::facade();
    app.succeeds(&[]);
    std::fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
    let rewritten = app.snapshot();
    check(
        &app,
        &[],
        expect![[r#"
            ✔ already first, nothing changed
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert_eq!(app.snapshot(), rewritten);
}

#[test]
fn a_debug_id_injected_after_the_rewrite_is_no_change() {
    let app = App::inline(1);
    app.succeeds(&[]);
    for file in ["index.mjs", "entry.mjs", "chunks/build/app-0.mjs"] {
        app.inject_debug_id(&format!(".output/server/{file}"));
    }
    let injected = app.snapshot();
    check(
        &app,
        &[],
        expect![[r#"
            ✔ already first, nothing changed
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert_eq!(app.snapshot(), injected);
    app.succeeds(&["check"]);
}

#[test]
fn other_options_change_what_they_concern_and_nothing_else() {
    let app = App::inline(2);
    app.write(".output/server/other.mjs", crate::builds::INSTRUMENTATION);
    let original = app.snapshot();
    app.succeeds(&[]);
    let first = app.snapshot();
    check(
        &app,
        &["--instrumentation", ".output/server/other.mjs"],
        expect![[r#"
            facade  .output/server/index.mjs

            ✔ rewritten: Sentry starts first
              loaded before the runtime: index.mjs, other.mjs and 1 package
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert!(app.read(".output/server/index.mjs").contains("other.mjs"));
    app.succeeds(&[]);
    let again: Vec<(String, _)> =
        app.snapshot().into_iter().filter(|(path, _)| !path.ends_with("manifest.json")).collect();
    let before: Vec<(String, _)> = first.into_iter().filter(|(path, _)| !path.ends_with("manifest.json")).collect();
    assert_eq!(again, before);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept() {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    let app = App::inline(2);
    let server = app.join(".output/server");
    crate::builds::set_mode(&server.join("index.mjs"), 0o750);
    fs::create_dir(server.join("real")).unwrap();
    fs::rename(server.join("chunks/build/app-1.mjs"), server.join("chunks/build/real-1.mjs")).unwrap();
    crate::builds::link("real-1.mjs".as_ref(), &server.join("chunks/build/app-1.mjs"));
    let original = app.snapshot();
    app.succeeds(&[]);
    let mode = |name: &str| fs::metadata(server.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("index.mjs"), mode("entry.mjs")), (0o750, 0o750));
    assert!(fs::symlink_metadata(server.join("chunks/build/app-1.mjs")).unwrap().is_symlink());
    assert!(app.read(".output/server/chunks/build/real-1.mjs").contains("entry.mjs"));
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn functions_are_wrapped_when_asked_for() {
    for names in [&[][..], &["--wrap", "default"]] {
        let app = App::facade();
        app.write(".output/server/chunks/nitro/nitro.mjs", "import 'graphql';\nexport function n(request) {}\n");
        app.succeeds(&[&["--exports", "wrap"], names].concat());
        let facade = app.read(".output/server/index.mjs");
        assert!(!facade.contains("await import") && facade.contains("async"), "{facade}");
        app.succeeds(&["check"]);
    }
}

#[test]
fn a_refused_build_is_left_as_it_was() {
    let app = App::facade();
    app.write(".output/server/instrument.server.mjs", "import 'node:fs';\n");
    let before = app.snapshot();
    app.fails(&[], 1);
    assert_eq!(app.snapshot(), before);
}

#[test]
fn warnings_are_errors_when_asked_for() {
    let app = App::facade();
    app.write(
        ".output/server/chunks/nitro/nitro.mjs",
        "import 'graphql';\nexport let n = {};\nexport function later() { n = 1; }\n",
    );
    let before = app.snapshot();
    let strict = app.fails(&["--strict"], 1);
    assert!(strict.starts_with("error[live-binding]: "), "{strict}");
    assert_eq!(app.snapshot(), before);
    let output = app.presentry(&[]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("warning[live-binding]: "));
}

#[test]
fn quiet_and_verbose() {
    let app = App::facade();
    check(&app, &["-q"], expect![[""]]);
    let output = app.presentry(&["check", "-v"]).assert().success().get_output().clone();
    expect![[r#"
        note: `.output/nitro.json` says preset `node-server`, Nitro 2.13.5; known as `node-server`
        note: the host loads the entry as: process
        note: packages in the static closure: @sentry/solidstart
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_entry_that_is_named_needs_no_metadata() {
    let app = App::facade();
    app.remove(".output/nitro.json");
    check(
        &app,
        &["--entry", ".output/server/index.mjs"],
        expect![[r#"
            facade  .output/server/index.mjs
            moved   .output/server/index.mjs → entry.mjs

            ✔ rewritten: Sentry starts first
              loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    app.succeeds(&["check", "--entry", ".output/server/index.mjs"]);
    app.succeeds(&["restore", "--entry", ".output/server/index.mjs"]);
}

/// What the SDK makes of an `aws-lambda` build when it works: nothing of the runtime is left in the static closure.
fn proven_sdk_wrapper() -> App {
    let app = App::wrapped_by_the_sdk();
    let wrapped = app.read(".output/server/index.mjs");
    let without = wrapped.replace("export { n as listener } from './chunks/nitro/nitro.mjs';\nimport 'graphql';\n", "");
    assert_ne!(without, wrapped);
    app.write(".output/server/index.mjs", without);
    app
}

#[test]
fn a_proven_wrapper_of_the_sdk_is_kept_when_asked_for() {
    let app = proven_sdk_wrapper();
    app.succeeds(&["check"]);
    let before = app.snapshot();
    check(
        &app,
        &["--keep-sdk-wrapper"],
        expect![[r#"
            ✔ already first, nothing changed: the wrapper of the SDK is proven, and is kept
              next: `presentry trace` starts the server and shows the spans that arrive
        "#]],
    );
    assert_eq!(app.snapshot(), before);
    assert_eq!(crate::formats::json(&app, &["--keep-sdk-wrapper"], 0)["outcome"], "already-first");
    app.succeeds(&[]);
    assert_ne!(app.snapshot(), before, "without the option it becomes a facade");

    let broken = App::wrapped_by_the_sdk();
    broken.fails(&["check"], 1);
    assert!(broken.succeeds(&["--keep-sdk-wrapper"]).contains("facade "), "what is not proven is rewritten");
    broken.succeeds(&["check"]);
    let fresh = App::facade();
    assert!(fresh.succeeds(&["--keep-sdk-wrapper"]).contains("facade "), "what is not wrapped is rewritten");
}

#[test]
fn the_why_of_each_choice() {
    let app = App::facade();
    let output = app.presentry(&["-v"]).assert().success().get_output().clone();
    expect![[r#"
        note: `.output/nitro.json` says preset `node-server`, Nitro 2.13.5; known as `node-server`
        note: the host loads the entry as: process
        note: the instrumentation is `.output/server/instrument.server.mjs`, beside the entry
        note: exports are passed on as the values they are, after top-level await
        note: libraries are instrumented at run time: `@sentry/solidstart` does not bring `@sentry/node`
        note: 7 files are needed to start
        note: the entry exports `default` (object)
        note: packages in the static closure: @sentry/solidstart
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn top_level_import_says_what_it_cannot_do_and_goes_both_ways() {
    let app = App::facade();
    let built = app.snapshot();
    let entry = app.read(".output/server/index.mjs");
    let run = app.presentry(&["--mode", "top-level-import"]).assert().success();
    run.stderr(contains("warning[limited-tracing]: ")).stdout(contains("nothing is proven"));
    let expected = format!("import \"./instrument.server.mjs\";{entry}");
    assert_eq!(app.read(".output/server/index.mjs"), expected);
    app.fails(&["check"], 1);
    let rewritten = app.snapshot();
    assert!(app.succeeds(&["--mode", "top-level-import", "-q"]).is_empty());
    assert_eq!(app.snapshot(), rewritten);
    let found = app.succeeds(&["inspect"]);
    assert!(found.contains("imports the instrumentation at its top"), "{found}");
    // The other mode starts from the original entry as well.
    app.succeeds(&[]);
    app.succeeds(&["check"]);
    assert_eq!(app.read(".output/server/entry.mjs"), entry);
    app.succeeds(&["--mode", "top-level-import"]);
    assert_eq!(app.read(".output/server/index.mjs"), expected);
    assert!(!app.join(".output/server/entry.mjs").exists());
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), built);
    let strict = app.fails(&["--mode", "top-level-import", "--strict"], 1);
    assert!(strict.contains("error[limited-tracing]"), "{strict}");
    assert_eq!(app.snapshot(), built);
}

#[test]
fn the_limits_of_other_runtimes_are_said() {
    for (preset, said) in [("bun", "Bun ignores `module.register`"), ("deno-server", "Deno has no `module.register`")] {
        let app = App::facade();
        app.write(".output/nitro.json", nitro_json(preset));
        app.presentry(&[]).assert().success().stderr(contains(said));
        app.presentry(&["inspect"]).assert().success().stdout(contains(said));
    }
    App::facade().presentry(&[]).assert().success().stderr(contains("module.register").not());
}
