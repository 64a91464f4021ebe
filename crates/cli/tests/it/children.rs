//! Child processes: what they are given, where they are found, and that nothing is left of them, however the command ends.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    builds::App,
    bundle::app_with_packages,
    packages,
    trace::{eventually, lives, send},
};

const ESBUILD: &str = "node_modules/esbuild/main.js";
const TRACER: &str = "node_modules/@vercel/nft/index.js";

/// A bundler, and a tracer: each is asked for something that it never answers.
const WAITS: &str =
    "exports.transform = exports.nodeFileTrace = () => new Promise(() => setInterval(() => {}, 1000));\n";

/// The same, so that nothing else of its thread is done.
const BLOCKS: &str = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);\n";

const FAILS: &str = "throw new Error('no binary');\n";

/// Starts a process that does not want to end, and leaves a file.
const LEAVES: &str = "const { spawn } = require('node:child_process');
const fs = require('node:fs');
const script = `for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(name, () => {}); setInterval(() => {}, 1000)`;
const child = spawn(process.execPath, ['-e', script], { stdio: 'inherit', detached: DETACHED });
child.unref();
fs.writeFileSync(`${require('node:os').tmpdir()}/left`, '');
fs.writeFileSync(`${__dirname}/pids`, `${process.pid} ${child.pid}\\n`);
";

/// An app with a child that starts another one, and then does what `then` says; where it writes, and how it is asked for.
fn app(child: &str, then: &str, detached: bool) -> (App, &'static str, &'static [&'static str]) {
    let text = format!("{}{then}", LEAVES.replace("DETACHED", if detached { "true" } else { "false" }));
    match child {
        "bundler" => {
            let app = app_with_packages();
            app.write(ESBUILD, text);
            (app, "node_modules/esbuild/pids", &["--bundle-sdk"])
        }
        _ => {
            let app = packages::lacking_one();
            app.write(TRACER, text);
            (app, "node_modules/@vercel/nft/pids", &["--no-bundle-sdk"])
        }
    }
}

/// The command, with an empty directory for its temporary files.
fn command(app: &App, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
    fs::create_dir_all(app.join("temporary")).unwrap();
    command.args(arguments).current_dir(app.path()).env("TMPDIR", app.join("temporary"));
    command.env_remove("GITHUB_STEP_SUMMARY").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn left(app: &App) -> usize {
    fs::read_dir(app.join("temporary")).unwrap().count()
}

#[track_caller]
fn all_are_gone(app: &App, pids: &str, what: &str) {
    let pids = app.read(pids);
    assert_eq!(pids.split_whitespace().count(), 2);
    let gone = eventually(|| pids.split_whitespace().all(|pid| !lives(pid)).then_some(()));
    assert!(gone.is_some(), "{what} leaves a process");
}

const LINUX: bool = cfg!(target_os = "linux");

#[test]
fn a_child_that_hangs_is_ended() {
    for (child, then, message) in [
        ("bundler", BLOCKS, "error[bundle-failed]: the SDK cannot be bundled: the bundler did not end within 3 s\n"),
        ("tracer", WAITS, "failed to run the tracer: it did not end within 3 s"),
    ] {
        let (app, pids, arguments) = app(child, then, LINUX);
        let output = command(&app, arguments).env("PRESENTRY_CHILD_LIMIT", "3").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(message), "{child}: {said}");
        all_are_gone(&app, pids, child);
        assert_eq!(left(&app), 0, "{child}");
    }
}

#[test]
fn what_a_child_leaves_behind_ends_with_it() {
    let (app, pids, arguments) = app("bundler", FAILS, LINUX);
    let started = Instant::now();
    let output = command(&app, arguments).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[bundler-not-found]: "));
    all_are_gone(&app, pids, "a child that ended");
    assert_eq!(left(&app), 0);
    // It holds the pipes of the child open, and is not waited for.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn an_interruption_ends_children() {
    for (signal, child, format, detached) in [
        ("INT", "bundler", "json", LINUX),
        ("TERM", "tracer", "json", LINUX),
        ("HUP", "bundler", "github", LINUX),
        ("TERM", "bundler", "text", false),
    ] {
        let (app, pids, arguments) = app(child, WAITS, detached);
        let before = build(&app);
        let output = interrupted(&app, pids, &[arguments, &["--format", format]].concat(), signal);
        assert_eq!(output.status.code(), Some(1), "SIG{signal}");
        match format {
            "json" => {
                let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
                assert_eq!(document["diagnostics"][0]["message"], "interrupted", "{document:#}");
                assert_eq!((&document["outcome"], &document["exit_code"]), (&"error".into(), &1.into()));
            }
            "github" => {
                assert_eq!(String::from_utf8_lossy(&output.stdout), "::error title=presentry::interrupted\n");
            }
            _ => assert!(String::from_utf8_lossy(&output.stderr).ends_with("error: interrupted\n")),
        }
        all_are_gone(&app, pids, signal);
        assert_eq!(left(&app), 0, "SIG{signal} leaves files");
        assert_eq!(build(&app), before, "SIG{signal} changes the build");
    }
}

/// SIGKILL leaves temporary files, and a process that left its group; the rest ends by itself.
#[test]
fn a_command_that_is_killed_leaves_no_child() {
    for child in ["bundler", "tracer"] {
        let (app, pids, arguments) = app(child, WAITS, false);
        let before = build(&app);
        interrupted(&app, pids, arguments, "KILL");
        all_are_gone(&app, pids, child);
        assert_eq!(left(&app), 1, "{child}");
        assert_eq!(build(&app), before, "{child}");
    }
}

/// What of an app a command may change.
fn build(app: &App) -> Vec<(String, crate::builds::Found)> {
    app.snapshot().into_iter().filter(|(path, _)| path.starts_with(".output/")).collect()
}

/// What came of a command that got a signal once its child was there.
#[track_caller]
fn interrupted(app: &App, pids: &str, arguments: &[&str], signal: &str) -> Output {
    let run = command(app, arguments).spawn().unwrap();
    let started = eventually(|| fs::read_to_string(app.join(pids)).ok().filter(|text| text.ends_with('\n')));
    assert!(started.is_some(), "the child starts");
    assert!(send(signal, &run.id().to_string()));
    run.wait_with_output().unwrap()
}

#[test]
fn children_get_no_tokens() {
    const WRITES: &str = "require('node:fs').writeFileSync(`${__dirname}/env.json`, JSON.stringify(process.env));\n";
    let bundles = app_with_packages();
    bundles.write(ESBUILD, format!("{WRITES}throw new Error('no binary');\n"));
    let traces = packages::lacking_one();
    traces.write(TRACER, format!("{WRITES}{}", packages::TRACER));
    for (app, arguments, directory) in [
        (&bundles, ["--bundle-sdk"], "node_modules/esbuild"),
        (&traces, ["--no-bundle-sdk"], "node_modules/@vercel/nft"),
    ] {
        let mut command = command(app, &arguments);
        let tokens = ["SENTRY_AUTH_TOKEN", "NPM_TOKEN", "GITHUB_TOKEN", "MISE_GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"];
        let others = ["SENTRY_DSN", "HTTPS_PROXY", "NODE_PATH", "npm_config__authToken", "DATABASE_URL"];
        tokens.iter().chain(&others).for_each(|name| {
            command.env(name, "hunter2");
        });
        command.env("NODE_OPTIONS", "--require=/nowhere.cjs").env("ESBUILD_BINARY_PATH", "bin/esbuild");
        command.output().unwrap();
        let text = app.read(&format!("{directory}/env.json"));
        assert!(!text.contains("hunter2"), "{text}");
        let variables: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&variables["NODE_OPTIONS"], &variables["ESBUILD_BINARY_PATH"]), (&Value::Null, &Value::Null));
        assert!(variables["PATH"].is_string() && variables["HOME"].is_string(), "{text}");
        // A control: what is set comes to children that are started by others.
        let all = Command::new("node").args(["-p", "process.env.NPM_TOKEN"]).env("NPM_TOKEN", "hunter2").output();
        assert_eq!(String::from_utf8(all.unwrap().stdout).unwrap(), "hunter2\n");
    }
}

#[test]
fn programs_of_the_app_are_not_run() {
    let (app, _, arguments) = app("bundler", FAILS, false);
    for path in ["node", "bin/node"] {
        app.write(path, "#!/bin/sh\ntouch \"$0.was-run\"\n");
        crate::builds::set_mode(&app.join(path), 0o755);
    }
    let output = command(&app, arguments).env("PATH", ".:bin:").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("there is no `node` on the `PATH`"), "{said}");
    let trace = command(&app, &["trace"]).env("PATH", ".:bin:").output().unwrap();
    assert!(String::from_utf8_lossy(&trace.stderr).contains("error[node-not-found]: "), "{trace:?}");
    for path in ["node", "bin/node"] {
        assert!(!app.join(&format!("{path}.was-run")).exists(), "{path} was run");
    }
    // A control: it can be run.
    Command::new(app.join("bin/node")).status().unwrap();
    assert!(Path::new(&app.join("bin/node.was-run")).exists());
}
