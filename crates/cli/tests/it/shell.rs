//! `presentry completions` and `presentry man`: made for every shell and command, and complete.

use predicates::str::contains;

use crate::builds::App;

const COMMANDS: [&str; 7] = ["rewrite", "check", "inspect", "restore", "explain", "completions", "man"];

#[test]
fn completions_name_every_command() {
    let app = App::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = app.succeeds(&["completions", shell]);
        for word in COMMANDS.iter().chain(&["keep-sdk-wrapper", "allow-failure"]) {
            assert!(script.contains(word), "the script for {shell} does not know `{word}`");
        }
    }
    app.presentry(&["completions", "tcsh"]).assert().code(2);
}

#[test]
fn the_manual_names_every_command() {
    let app = App::empty();
    let page = app.succeeds(&["man"]);
    assert!(page.contains(".TH presentry 1") && page.contains("Exit codes:"), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&format!("presentry\\-{command}(1)")), "{command}");
        let of_command = app.succeeds(&["man", command]);
        assert!(of_command.contains(&format!(".TH presentry-{command} 1")), "{of_command}");
        app.presentry(&["--help"]).assert().success().stdout(contains(command));
    }
    app.presentry(&["man", "nonsense"]).assert().code(2);
}

#[test]
fn shells_suggest_presets_and_codes() {
    let app = App::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = app.succeeds(&["completions", shell]);
        for word in ["aws-lambda", "node-server", "always", "if-possible", "github"] {
            assert!(script.contains(word), "{shell} does not suggest `{word}`");
        }
        // The script for fish knows the values of options alone.
        assert_eq!(script.contains("sentry-not-started"), shell != "fish", "{shell}");
    }
    // What is suggested is not all that is taken.
    app.presentry(&["explain", "nonsense-code"]).assert().code(2).stderr(contains("[unknown-code]"));
}
