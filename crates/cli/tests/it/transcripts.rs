//! What a person sees of each command in terminals of 60 and 100 columns. The transcripts are files beside this one, and
//! `UPDATE_EXPECT=1` writes them again. What differs between runs (times, ports, processes) is replaced.

use std::path::Path;

use expect_test::expect_file;

use crate::{
    builds::App,
    bundle::app_with_packages,
    terminal::{self, Seen},
    trace,
};

/// The widths that are looked at.
const WIDTHS: [u16; 2] = [60, 100];

/// A session: commands one after another in the directory of an app.
#[track_caller]
fn check(name: &str, app: impl Fn() -> App, commands: &[&str]) {
    for columns in WIDTHS {
        let app = app();
        let mut transcript = String::new();
        for command in commands {
            let arguments: Vec<&str> = command.split_whitespace().collect();
            let seen = terminal::run(app.path(), &arguments, columns, &[]);
            fits(&seen, command, columns);
            let lines = filtered(&seen.lines);
            let exit_code = seen.exit_code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
            let separator = if transcript.is_empty() { "" } else { "\n" };
            let shown = lines.join("\n");
            transcript.push_str(&format!("{separator}$ presentry {command}\n{shown}\n[exit code {exit_code}]\n"));
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/transcripts/{name}-{columns}.txt"));
        expect_file![file].assert_eq(&transcript);
    }
}

/// No line is wider than the terminal, but code, and commands to copy.
#[track_caller]
fn fits(seen: &Seen, command: &str, columns: u16) {
    let begins = |row: &&usize| !row.checked_sub(1).is_some_and(|before| seen.broken.contains(&before));
    for row in seen.broken.iter().filter(begins) {
        let line = &seen.lines[*row];
        let may = line.contains("node --import") || line.starts_with(['+', '-', ' ', '@']) || line.contains(" | ");
        assert!(may, "`presentry {command}` at {columns} columns has a line that does not fit: {line}");
    }
}

/// Lines without what differs between runs: times, and how they are laid out; ports and processes.
fn filtered(lines: &[String]) -> Vec<String> {
    let mut filtered: Vec<String> = Vec::new();
    for line in lines {
        let is_rest = line.starts_with("  ") && !line.starts_with("  next:");
        match filtered.last_mut() {
            // The sentence has a time, which may change where it is broken.
            Some(last) if is_rest && last.starts_with("✔ Sentry was first") => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => filtered.push(laid_out(line)),
        }
    }
    filtered.iter().map(|line| words(line)).collect()
}

/// A line of a timeline or a tree as if every time had as many digits.
fn laid_out(line: &str) -> String {
    const DETAIL: usize = 20;
    let text = line.trim_start();
    let is_timed = text.split_once(" ms  ").is_some_and(|(time, _)| time.parse::<f64>().is_ok());
    match line.split_once('●') {
        Some((_, step)) => format!("     0.0 ms  ──●  {}", step.trim_start()),
        // The column is as wide as the longest time.
        None if text.starts_with("never  ") => format!("     never  {}", text["never".len()..].trim_start()),
        None if line.len() - text.len() > DETAIL => format!("{:DETAIL$}{text}", ""),
        None if is_timed => format!("     0.0 ms  {}", text.split_once(" ms  ").expect("it is timed").1),
        None => line.to_owned(),
    }
}

fn words(line: &str) -> String {
    let is_time = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
    let mut after_process = false;
    let shown = line.split(' ').map(|word| match word {
        word if is_time(word) => "0.0",
        word if word.starts_with("127.0.0.1:") => "127.0.0.1:PORT",
        _ if std::mem::take(&mut after_process) => "PID",
        word if word.ends_with(',') && line.starts_with("Node.js") => "VERSION,",
        word => {
            after_process = word == "process" && line.starts_with("Node.js");
            word
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn rewrite_and_restore() {
    let commands = ["--bundle-sdk", "--bundle-sdk", "restore", "restore", "--bundle-sdk --prune"];
    check("rewrite", app_with_packages, &commands);
}

#[test]
fn check_and_inspect() {
    let commands = ["check", "inspect", "--no-bundle-sdk -q", "check", "inspect", "inspect -v"];
    check("check", App::facade, &commands);
}

#[test]
fn a_trace() {
    check("trace", trace::facade, &["trace --request /graphql --expect graphql", "trace --expect pg --wait 1"]);
}

#[test]
fn an_unrewritten_trace() {
    let app = || {
        let app = trace::facade();
        app.succeeds(&["restore", "-q"]);
        app
    };
    check("trace-unrewritten", app, &["trace --request /graphql --expect graphql"]);
}

#[test]
fn explanations_and_help() {
    let commands = [
        "explain sentry-not-started",
        "explain sentry-not-startd",
        "explain",
        "explain --presets",
        "--help",
        "check --help",
    ];
    check("explain", App::empty, &commands);
}

#[test]
fn mistakes() {
    let commands =
        ["chekc", "--dryrun", "check --preset node-servr", "check --entry .output/server/idnex.mjs", "check"];
    let app = || {
        let app = App::facade();
        app.write("app.config.ts", "export default { server: { output: { dir: process.env.OUT } } };\n");
        app.remove(".output/nitro.json");
        app
    };
    check("mistakes", app, &commands);
}

#[test]
fn a_report_of_a_bug() {
    check("repro", App::facade, &["repro --no-trace --out report.md"]);
}

#[test]
fn progress_colours_and_links_are_for_terminals() {
    let app = App::facade();
    let colored = |environment: &[(&str, &str)]| terminal::run(app.path(), &["check"], 80, environment).raw;
    assert!(colored(&[]).contains("\u{1b}[1m"), "a terminal has colours");
    assert!(!colored(&[("NO_COLOR", "1")]).contains("\u{1b}["), "unless they are not wanted");
    assert!(!colored(&[("CLICOLOR", "0")]).contains("\u{1b}["));
    let linked = colored(&[("FORCE_HYPERLINK", "1")]);
    assert!(linked.contains("/docs/diagnostics.md#sentry-not-started\u{1b}\\"), "{linked}");
    assert!(!colored(&[("FORCE_HYPERLINK", "0")]).contains("\u{1b}]8;;"));
    let piped = |name: &str| app.presentry(&["check"]).env(name, "1").assert().code(1).get_output().stderr.clone();
    assert!(piped("CLICOLOR_FORCE").starts_with(b"\x1b["));
    assert!(piped("NO_COLOR").starts_with(b"error["));
}

#[test]
fn an_app_is_found_from_below() {
    let app = App::facade();
    app.write("src/routes/index.tsx", "");
    for below in ["src/routes", ".output/server/chunks"] {
        let seen = terminal::run(&app.join(below), &["check"], 100, &[]);
        assert_eq!(
            seen.lines[0],
            "note: the app is in `../..`"
                .replace("../..", "../".repeat(below.split('/').count()).trim_end_matches('/'))
        );
        assert!(seen.raw.contains("sentry-not-started"), "{}", seen.raw);
    }
    // A directory that is named is meant.
    let seen = terminal::run(&app.join("src"), &["check", "routes"], 100, &[]);
    assert!(seen.raw.contains("build-not-found"), "{}", seen.raw);
}
