//! The judge of `cargo xtask soak`, with stand-ins for presentry: what keeps its word is green, and what breaks it is red.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use presentry_e2e::soak::{self, App, Config, Figures, Length};

fn run(directory: &Path, script: &str, plants: bool) -> anyhow::Result<Figures> {
    let app = directory.join("app");
    crate::write(&app, ".output/server/index.mjs", "export default 1;\n");
    crate::write(&app, ".output/nitro.json", "{}\n");
    let presentry = crate::write(directory, "presentry", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&presentry, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(directory.join("logs")).unwrap();
    let config = Config {
        presentry,
        apps: vec![App { name: "app".to_owned(), directory: app, packages: None }],
        work: directory.join("work"),
        logs: directory.join("logs"),
        seed: 7,
        length: Length::Rounds(8),
        plants,
    };
    soak::run(&config, &mut |_| Ok(()))
}

/// Changes nothing, and says so in any format.
const NOTHING: &str = "echo '{}'";

#[test]
fn what_keeps_its_word_is_green_unless_a_fault_is_planted() {
    let directory = tempfile::tempdir().unwrap();
    let figures = run(directory.path(), NOTHING, false).unwrap();
    assert_eq!(figures.failures, [""; 0]);
    assert_eq!((figures.rounds, figures.originals), (8, 8));
    assert!(figures.commands > 8 && figures.references > 0 && figures.beside > 0, "{figures}");
    let figures = run(&directory.path().join("planted"), NOTHING, true).unwrap();
    assert_eq!(figures.originals, 0);
    assert!(!figures.failures.is_empty() && figures.failures.iter().all(|it| it.contains("is not the original")));
}

#[test]
fn what_breaks_its_word_is_red() {
    for (script, reason) in [
        // Each run leaves more than the one before.
        ("echo '{}'; echo >> .output/server/index.mjs", "is not the reference"),
        // What was rewritten does not come back.
        ("echo '{}'; test \"$1\" = restore || echo 2 > .output/server/index.mjs", "is not the original"),
        ("echo text", "prints no document"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let figures = run(directory.path(), script, false).unwrap();
        assert!(figures.failures.iter().any(|failure| failure.contains(reason)), "{script}: {:?}", figures.failures);
    }
    let directory = tempfile::tempdir().unwrap();
    let error = run(directory.path(), "exit 101", false).unwrap_err().to_string();
    assert!(error.starts_with("on a fresh build") && error.contains("exited with code 101"), "{error}");
}
