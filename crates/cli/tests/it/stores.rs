//! Builds with a `.presentry/` that version 0.1.0 wrote, each a file in `stores/`: they come back byte for byte.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::builds::{ALREADY_FIRST, App, Found, Snapshot, set_mode};

/// Each store, and what lies in it.
const STORES: [(&str, &str); 5] = [
    ("plain", include_str!("stores/plain.json")),
    ("bundled", include_str!("stores/bundled.json")),
    ("pruned", include_str!("stores/pruned.json")),
    ("interrupted", include_str!("stores/interrupted.json")),
    ("interrupted-pruning", include_str!("stores/interrupted-pruning.json")),
];

/// The build as 0.1.0 left it, and what it was before that.
fn laid_out(store: &str) -> (App, Snapshot) {
    let store: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(store).expect("JSON");
    let app = App::empty();
    lay_out(&app, &store["original"]);
    let original = app.snapshot();
    lay_out(&app, &store["changed"]);
    (app, original)
}

fn lay_out(app: &App, files: &BTreeMap<String, Value>) {
    for (path, file) in files {
        let Some(text) = file["text"].as_str() else {
            app.remove(path);
            continue;
        };
        app.write(path, text);
        let mode = u32::from_str_radix(file["mode"].as_str().expect("a mode"), 8).expect("a number");
        set_mode(&app.join(path), mode);
    }
    while take_empty_directories(&app.join(".output")) {}
}

fn take_empty_directories(directory: &std::path::Path) -> bool {
    let below = fs::read_dir(directory).expect("a directory").flatten().filter(|entry| entry.path().is_dir());
    let mut taken = false;
    for entry in below {
        taken |= take_empty_directories(&entry.path());
        taken |= fs::remove_dir(entry.path()).is_ok();
    }
    taken
}

#[test]
fn what_0_1_0_wrote_is_restored() {
    for (name, store) in STORES {
        let (app, original) = laid_out(store);
        assert_ne!(app.snapshot(), original, "{name}");
        app.presentry(&["restore"]).assert().success();
        assert_eq!(app.snapshot(), original, "{name}");
    }
}

#[test]
fn what_0_1_0_wrote_is_rewritten_and_restored() {
    for (name, store) in STORES {
        let (app, original) = laid_out(store);
        app.succeeds(&[]);
        app.succeeds(&["check"]);
        assert!(!app.join(".output/server/.presentry/pruned.json").exists(), "{name}");
        assert_eq!(app.succeeds(&[]), ALREADY_FIRST, "{name}");
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original, "{name}");
    }
}

/// The control: a store that says something else than what is there is refused, and nothing is written.
#[test]
fn a_store_of_0_1_0_that_was_changed_is_refused() {
    let (app, _) = laid_out(STORES[2].1);
    app.append("node_modules/helper/index.mjs", "// another version\n");
    let before = app.snapshot();
    app.fails(&["restore"], 1);
    assert_eq!(app.snapshot(), before);
    assert!(before.values().any(|found| matches!(found, Found::File(..))));
}

/// A list that says that files lie behind a link which leads elsewhere.
#[cfg(unix)]
#[test]
fn a_list_does_not_lead_outside() {
    let digest = "6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090";
    let outside = tempfile::tempdir().expect("a directory");
    let precious = outside.path().join("precious.txt");
    fs::write(&precious, "precious").expect("a file");
    let list = serde_json::json!({
        "packages": ["node_modules/x"], "bytes_before": 1, "bytes_after": 1,
        "files": [
            { "path": "node_modules/x", "link": outside.path() },
            { "path": "node_modules/x/precious.txt", "sha256": digest, "mode": "0755", "kept": "pruned-1" },
        ],
    });
    for with_link in [false, true] {
        for store in [None, Some(STORES[2].1)] {
            let app = store.map_or_else(App::facade, |store| laid_out(store).0);
            app.write(".output/server/.presentry/pruned.json", list.to_string());
            app.write(".output/server/.presentry/pruned-1", "abc123");
            if with_link {
                crate::builds::link(outside.path(), &app.join(".output/server/node_modules/x"));
            }
            let before = app.snapshot();
            for arguments in [&["restore"][..], &[], &["--bundle-sdk", "--prune"]] {
                app.fails(arguments, 1);
                assert_eq!(app.snapshot(), before, "{arguments:?}");
                assert_eq!(fs::read_to_string(&precious).expect("it is there"), "precious");
                assert_eq!(fs::read_dir(outside.path()).expect("a directory").count(), 1);
            }
        }
    }
}

/// What is kept may be replaced by a link to something else on the machine.
#[cfg(unix)]
#[test]
fn what_is_kept_is_not_read_through_a_link_that_leads_outside() {
    let (app, _) = laid_out(STORES[0].1);
    let original = app.join(".output/server/.presentry/original-0");
    let elsewhere = tempfile::tempdir().expect("a directory");
    fs::copy(&original, elsewhere.path().join("original")).expect("it can be copied");
    fs::remove_file(&original).expect("it can be taken away");
    crate::builds::link(&elsewhere.path().join("original"), &original);
    let before = app.snapshot();
    assert!(app.fails(&["restore"], 1).starts_with("error[restore-data-missing]: "));
    assert_eq!(app.snapshot(), before);
}
