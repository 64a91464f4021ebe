//! Help, version, exit codes of wrong usage, and `presentry explain`.

use predicates::{
    prelude::PredicateBooleanExt as _,
    str::{contains, starts_with},
};

use crate::builds::App;

#[test]
fn help_and_version() {
    let app = App::empty();
    let version = format!("presentry {}\n", env!("CARGO_PKG_VERSION"));
    app.presentry(&["--version"]).assert().success().stdout(version);
    for command in ["rewrite", "check", "restore", "explain"] {
        app.presentry(&["--help"]).assert().success().stdout(contains(command));
        app.presentry(&[command, "--help"]).assert().success();
    }
    app.presentry(&["--help"]).assert().stdout(contains("--entry <FILE>").and(contains("Exit codes:")));
}

#[test]
fn wrong_usage_ends_with_2() {
    let app = App::facade();
    let before = app.snapshot();
    for arguments in [
        &["--nonsense"][..],
        &["check", "--dry-run"],
        &["--exports", "sideways"],
        &["--wrap", "handler"],
        &["-q", "-v"],
        &["one", "two"],
        &["--dry-run", "check"],
        &[".", "check"],
        &["check", ".", "two"],
        &["nowhere"],
        &["--entry", "nowhere.mjs"],
        &["explain", "nonsense-code"],
    ] {
        app.presentry(arguments).assert().code(2).stderr(starts_with("error"));
    }
    assert_eq!(app.snapshot(), before);
}

#[test]
fn options_of_the_output_stand_on_either_side_of_a_command() {
    let app = App::facade();
    app.succeeds(&["rewrite", "-q"]);
    app.succeeds(&["check", "--color", "never", "-v"]);
    app.succeeds(&["--color", "never", "-v"]);
    app.succeeds(&["--color", "never", "-v", "check"]);
    assert_eq!(app.succeeds(&["-q", "check"]), "");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let app = App::empty();
    app.presentry(&["check"]).assert().code(1).stderr(starts_with("error[build-not-found]: "));
    app.presentry(&["check", "--color", "always"]).assert().code(1).stderr(starts_with("\u{1b}["));
    app.presentry(&["check"]).env("FORCE_COLOR", "1").assert().code(1).stderr(starts_with("\u{1b}["));
    let both = app.presentry(&["check"]).env("FORCE_COLOR", "1").env("NO_COLOR", "1").assert();
    both.code(1).stderr(starts_with("error["));
}

#[test]
fn a_wrong_directory_is_told_from_an_app_without_a_build() {
    let app = App::empty();
    let hint = |app: &App| app.fails(&["check"], 1).lines().nth(1).unwrap_or_default().to_owned();
    assert!(hint(&app).starts_with("hint: there is no `package.json` either: "), "{}", hint(&app));
    app.write("package.json", "{}");
    assert!(hint(&app).starts_with("hint: build the app first"), "{}", hint(&app));
}

#[test]
fn a_path_of_a_request_is_no_directory() {
    let app = App::facade();
    let said = app.fails(&["trace", "/api/users"], 2);
    assert!(said.contains("`presentry trace --request /api/users` sends a request\n"), "{said}");
}

#[test]
fn a_page_in_a_directory_that_is_not_there_is_refused_at_once() {
    let app = App::facade();
    for arguments in [["trace", "--html", "nowhere/trace.html"], ["repro", "--out", "nowhere/report.md"]] {
        let said = app.fails(&arguments, 2);
        assert!(said.contains("error[file-not-found]: ") && said.contains("whose directory is not there"), "{said}");
    }
}

#[test]
fn explanations() {
    let app = App::empty();
    for code in ["error[locked]", "warning[locked]:"] {
        app.presentry(&["explain", code]).assert().success().stdout(starts_with("error[locked]: another presentry"));
    }
    app.presentry(&["explain", "locked"]).assert().success().stdout(starts_with("error[locked]: another presentry"));
    app.presentry(&["explain"]).assert().success().stdout(contains("\nlocked "));
    let page = app.succeeds(&["explain", "--all", "--format", "markdown"]);
    assert!(page.contains("# Diagnostics\n") && page.contains("\n## `locked`\n"), "{page}");
}
