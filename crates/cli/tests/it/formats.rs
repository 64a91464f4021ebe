//! `--format json` and `--format github`: the document on every path, annotations, the job summary.

use std::fs;

use expect_test::{expect, expect_file};
use predicates::str::contains;
use serde_json::Value;

use crate::{
    builds::{App, nitro_json},
    schema,
};

/// Runs a command with `--format json`; its document, after it was compared with the schema.
#[track_caller]
pub(crate) fn json(app: &App, arguments: &[&str], exit: i32) -> Value {
    let output = app.presentry(&[arguments, &["--format", "json"]].concat()).assert().code(exit).get_output().clone();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "only the document is printed");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(schema::errors(&document), Vec::<String>::new(), "{document:#}");
    assert_eq!(document["exit_code"], exit);
    document
}

fn codes(document: &Value) -> Vec<&str> {
    document["diagnostics"].as_array().unwrap().iter().filter_map(|diagnostic| diagnostic["code"].as_str()).collect()
}

#[test]
fn every_outcome_has_a_document() {
    let app = App::facade();
    assert_eq!(json(&app, &["--dry-run"], 0)["outcome"], "would-rewrite");
    assert_eq!(json(&app, &["check"], 1)["outcome"], "failed");
    assert_eq!(json(&app, &["inspect"], 0)["outcome"], "inspected");
    assert_eq!(json(&app, &["restore"], 0)["outcome"], "nothing-to-restore");
    assert_eq!(json(&app, &["-q"], 0)["outcome"], "rewritten");
    assert_eq!(json(&app, &["-v"], 0)["outcome"], "already-first");
    assert_eq!(json(&app, &["check"], 0)["outcome"], "proven");
    assert_eq!(json(&app, &["inspect"], 0)["outcome"], "inspected");
    assert_eq!(json(&app, &["restore", "--dry-run"], 0)["outcome"], "would-restore");
    assert_eq!(json(&app, &["restore"], 0)["outcome"], "restored");
    assert_eq!(json(&app, &["nowhere"], 2)["outcome"], "wrong-usage");
    app.write(".output/nitro.json", nitro_json("cloudflare-module"));
    assert_eq!(json(&app, &[], 1)["outcome"], "refused");
    app.write(".output/nitro.json", nitro_json("static"));
    let none = json(&app, &[], 0);
    assert_eq!((&none["outcome"], &none["preset"]["runtime"]), (&"no-server".into(), &"static".into()));
    // Two outcomes are left: an error of the system that has no code, and what `trace.rs` sees.
    let listed = schema::schema()["properties"]["outcome"]["enum"].as_array().unwrap().len();
    assert_eq!(listed, 14);
}

#[test]
fn a_write_that_fails_has_a_document() {
    let app = App::facade();
    let mut command = app.presentry(&["--format", "json"]);
    let output = command.env("PRESENTRY_FAIL_AT", "1").env("PRESENTRY_FAIL_WITH", "broken").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema::errors(&document), Vec::<String>::new());
    assert_eq!(codes(&document), ["write-failed"]);
}

#[test]
fn an_error_of_the_system_has_a_document() {
    let app = App::facade();
    fs::create_dir(app.join("app.config.ts")).unwrap();
    let document = json(&app, &["inspect"], 1);
    assert_eq!((&document["outcome"], &document["diagnostics"][0]["code"]), (&"error".into(), &Value::Null));
}

#[test]
fn what_was_done() {
    let app = App::inline(1);
    let document = json(&app, &[], 0);
    let changes: Vec<String> = document["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {}", change["kind"].as_str().unwrap(), change["path"].as_str().unwrap()))
        .collect();
    expect![[r#"
        [
            "repointed .output/server/chunks/build/app-0.mjs",
            "moved-entry .output/server/entry.mjs",
            "facade .output/server/index.mjs",
        ]
    "#]]
    .assert_debug_eq(&changes);
    assert_eq!(document["exports"][0], serde_json::json!({ "name": "a", "kind": "object" }));
    assert_eq!(document["exports"][1], serde_json::json!({ "name": "l", "kind": "function" }));
    assert_eq!(document["preset"]["file"], ".output/nitro.json");
    assert_eq!(document["build"]["instrumentation"], ".output/server/instrument.server.mjs");
    assert_eq!(document["proof"]["holds"], true);
    assert_eq!(document["proof"]["runtime"], serde_json::json!([".output/server/entry.mjs"]));
    // The kinds are known when a facade stands before them as well.
    assert_eq!(json(&app, &["check"], 0)["exports"], document["exports"]);
    assert_eq!(json(&app, &[], 0)["exports"], document["exports"]);
}

#[test]
fn what_is_in_the_way() {
    let document = json(&App::facade(), &["check"], 1);
    assert_eq!(codes(&document), ["sentry-not-started"]);
    assert_eq!(document["proof"]["failures"].as_array().unwrap().len(), 1);
    let label = &document["diagnostics"][0]["labels"][0];
    assert_eq!(
        *label,
        serde_json::json!({
            "path": ".output/server/index.mjs", "line": 2, "column": 1, "message": "",
            "text": "export { n as default } from './chunks/nitro/nitro.mjs';",
        })
    );
}

#[test]
fn a_dry_run_has_the_diff_in_the_document() {
    let app = App::facade();
    let before = app.snapshot();
    let document = json(&app, &["--dry-run"], 0);
    assert_eq!(document["diff"].as_str().unwrap(), app.succeeds(&["--dry-run"]));
    assert_eq!(document["changes"].as_array().unwrap().len(), 2);
    assert_eq!(app.snapshot(), before);
}

#[test]
fn annotations() {
    let app = App::facade();
    expect![[r#"
        ::error file=.output/server/index.mjs,line=2,col=1,title=sentry-not-started::no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package%0Ahint: run `presentry` on the build; if it did run, call `Sentry.init()` at the top level of the instrumentation
    "#]]
    .assert_eq(&github(&app, &["check"], 1));
    expect![[r#"
        facade  .output/server/index.mjs
        moved   .output/server/index.mjs → entry.mjs

        ✔ rewritten: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&github(&app, &[], 0));
}

#[test]
fn annotations_name_files_beside_the_build() {
    let app = App::facade();
    app.write("instrument.mjs", "import '@sentry/solidstart';");
    app.write(
        "package.json",
        "{\n  \"scripts\": {\n    \"start\": \"node --import ./instrument.mjs .output/server/index.mjs\"\n  }\n}\n",
    );
    let report = github(&app, &[], 0);
    assert!(report.contains("\n::warning file=package.json,line=3,col=29,title=double-init::"), "{report}");
}

#[track_caller]
fn github(app: &App, arguments: &[&str], exit: i32) -> String {
    let mut command = app.presentry(&[arguments, &["--format", "github"]].concat());
    command.env_remove("GITHUB_WORKSPACE").env_remove("GITHUB_STEP_SUMMARY");
    String::from_utf8(command.assert().code(exit).get_output().stdout.clone()).unwrap()
}

#[test]
fn annotations_name_files_from_the_root_of_the_repository() {
    let app = App::facade();
    let below = app.path().parent().unwrap();
    let mut command = app.presentry(&["check", "--format", "github"]);
    let output = command.env("GITHUB_WORKSPACE", below).env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
    let name = app.path().file_name().unwrap().to_str().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains(&format!("::error file={name}/.output/server/index.mjs,line=2,")), "{stdout}");
    // The frames stay where they are, for the log.
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: run `presentry` on the build"));
}

#[test]
fn a_job_summary_is_appended() {
    let app = App::facade();
    app.write("summary.md", "before\n");
    for arguments in [&["check", "--allow-failure"][..], &[]] {
        let mut command = app.presentry(&[arguments, &["--format", "github"]].concat());
        command.env("GITHUB_STEP_SUMMARY", app.join("summary.md")).assert().success();
    }
    expect_file!["./summary.md"].assert_eq(&app.read("summary.md"));
    // Text alone writes nothing of the kind.
    let written = app.read("summary.md");
    app.presentry(&["check"]).env("GITHUB_STEP_SUMMARY", app.join("summary.md")).assert().success();
    assert_eq!(app.read("summary.md"), written);
}

#[test]
fn a_summary_that_cannot_be_written_is_no_failure() {
    let app = App::facade();
    let mut command = app.presentry(&["--format", "github"]);
    let output = command.env("GITHUB_STEP_SUMMARY", app.join("no/such/file")).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("note: the job summary was not written"));
}

#[test]
fn failures_can_be_allowed() {
    let app = App::facade();
    let output = app.presentry(&["check", "--allow-failure"]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[sentry-not-started]: "));
    assert_eq!(json(&app, &["check", "--allow-failure"], 0)["outcome"], "failed");
    let empty = App::empty();
    assert_eq!(json(&empty, &["--allow-failure"], 0)["outcome"], "refused");
    // What was not tried has not failed.
    assert_eq!(json(&empty, &["nowhere", "--allow-failure"], 2)["outcome"], "wrong-usage");
}

#[test]
fn the_documented_output_is_real() {
    let app = App::facade();
    let document = app.succeeds(&["--format", "json"]);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/json.md")).unwrap();
    let (before, rest) = page.split_once("```json\n").expect("a block of JSON");
    let (_, after) = rest.split_once("```").expect("its end");
    expect_file!["../../../../docs/json.md"].assert_eq(&format!("{before}```json\n{document}```{after}"));
    let outcomes = schema::schema()["properties"]["outcome"]["enum"].clone();
    for outcome in outcomes.as_array().unwrap() {
        let outcome = outcome.as_str().unwrap();
        assert!(page.contains(&format!("| `{outcome}` |")), "`docs/json.md` has no row for `{outcome}`");
    }
}

#[test]
fn a_command_line_that_is_wrong_gives_a_document_too() {
    let app = App::facade();
    for (arguments, command) in
        [(&["--nonsense"][..], "rewrite"), (&["check", "--dry-run"], "check"), (&["--wrap", "handler"], "rewrite")]
    {
        let document = json(&app, arguments, 2);
        assert_eq!(document["outcome"], "wrong-usage", "{document}");
        assert_eq!(document["command"], command, "{document}");
        assert_eq!(document["diagnostics"][0]["severity"], "error", "{document}");
    }
    // Help is no error, and no document.
    app.presentry(&["--format", "json", "--help"]).assert().success().stdout(contains("Usage:"));
    app.presentry(&["explain", "--format", "json"]).assert().code(2).stdout("");
}

/// Runs a command whose stdout is something else; its exit code and what it prints to stderr.
#[cfg(target_os = "linux")]
fn printed_to(app: &App, arguments: &[&str], stdout: std::process::Stdio) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_presentry"));
    command.args(arguments).current_dir(app.path()).env_remove("GITHUB_STEP_SUMMARY");
    let output =
        command.stdout(stdout).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_swallows_is_an_error() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap().into();
    for arguments in [
        &["inspect", "--format", "json"][..],
        &["inspect", "--format", "github"],
        &["inspect"],
        &["--no-bundle-sdk", "--format", "json"],
        &["--no-bundle-sdk", "--dry-run"],
        &["explain", "double-init"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let app = App::facade();
        let (code, said) = printed_to(&app, arguments, full());
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("error: failed to write to stdout: No space left on device"), "{arguments:?}: {said}");
    }
    // What is wrong stays wrong in its own way.
    assert_eq!(printed_to(&App::facade(), &["nowhere", "--format", "json"], full()).0, Some(2));
    // A control: the same without a full disk.
    let app = App::facade();
    assert_eq!(printed_to(&app, &["inspect", "--format", "json"], std::process::Stdio::piped()).0, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn half_a_document_is_an_error_and_half_a_text_is_none() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer.into()
    };
    let app = App::facade();
    for (format, code) in [("json", 1), ("github", 1), ("text", 0)] {
        let (ended, said) = printed_to(&app, &["inspect", "--format", format], closed());
        assert_eq!(ended, Some(code), "{format}: {said}");
        assert_eq!(said.contains("error: failed to write to stdout: Broken pipe"), code == 1, "{format}: {said}");
    }
    assert_eq!(printed_to(&app, &["--help"], closed()).0, Some(0));
}
