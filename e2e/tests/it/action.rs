//! The action of this repository: the script of its step, run as GitHub runs it, with a stand-in for presentry.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// Prints what it is called with, and says what the test wants.
const PRESENTRY: &str = r#"#!/bin/sh
case "$*" in
  *json*) echo '{ "outcome": "'"$WANTED"'" }';;
  *) echo "presentry $* in $(basename "$PWD")"; for word in "$@"; do echo "[$word]"; done; test "$WANTED" = proven;;
esac
"#;

/// The script of the one step.
fn script() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../action.yml");
    let text = fs::read_to_string(file).unwrap();
    let (_, run) = text.split_once("      run: |\n").unwrap();
    run.lines().map(|line| format!("{}\n", line.strip_prefix("        ").unwrap_or_default())).collect()
}

/// Runs it in a directory with an app, and returns what it printed and what it wrote to the outputs.
fn run(command: &str, args: &str, executable: &str, wanted: &str) -> (Output, String) {
    let directory = tempfile::tempdir().unwrap();
    let stand_in = crate::write(directory.path(), "presentry", PRESENTRY);
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(directory.path().join("my app")).unwrap();
    let outputs = crate::write(directory.path(), "outputs", "");
    let ran = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script()])
        .current_dir(directory.path())
        .envs([("COMMAND", command), ("APP", "my app"), ("ARGS", args), ("EXECUTABLE", executable), ("WANTED", wanted)])
        .env("GITHUB_OUTPUT", &outputs)
        .output()
        .unwrap();
    (ran, fs::read_to_string(outputs).unwrap())
}

#[test]
fn the_step_runs_the_command_in_the_app_and_tells_the_outcome() {
    let (ran, outputs) = run("rewrite", "--strict  --no-bundle-sdk", "presentry", "proven");
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(printed.starts_with("presentry rewrite --format github --strict --no-bundle-sdk in my app\n"), "{printed}");
    assert_eq!(outputs, "outcome=proven\n");
}

#[test]
fn a_build_that_is_not_proven_fails_the_step_and_tells_the_outcome() {
    let (ran, outputs) = run("check", "", "presentry", "failed");
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(outputs, "outcome=failed\n");
}

#[test]
fn text_of_an_input_is_never_a_part_of_the_script() {
    let (ran, _) = run("rewrite; touch here", "", "presentry", "proven");
    assert_eq!(ran.status.code(), Some(2));
    let (ran, _) = run("check", "$(touch ../here) *", "presentry", "proven");
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(printed.contains("[$(touch]\n[../here)]\n[*]\n"), "{printed}");
}
