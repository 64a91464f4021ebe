//! What a run refuses before it starts, and what it says of a scenario that cannot be judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use presentry_e2e::document::Document;
use presentry_e2e::progress::Shown;
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{Cell, Config, Matrix, Scenario, run_all};

fn config(root: &Path) -> Config {
    let (node, npm) = (crate::node(), PathBuf::from("npm"));
    let toolchain = Toolchain { node, npm, node_version: "20.0.0".to_owned(), npm_version: "11.0.0".to_owned() };
    Config {
        fixtures: root.join("fixtures-apps"),
        overlays: root.join("sdk"),
        matrix: Matrix::default(),
        binary: root.join("presentry"),
        tarballs: Vec::new(),
        toolchain,
        target: root.join("target"),
        rewrite: true,
        cache: true,
        keep: false,
    }
}

#[test]
fn no_scenario_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let error = run_all(&[], &config(root.path()), 1, Shown::Nowhere, &|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "zero cells are selected");
}

#[test]
fn a_scenario_that_cannot_be_judged_does_not_stop_the_next() {
    let root = tempfile::tempdir().unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut basic = Scenario::read(&directory.join("basic.toml")).unwrap();
    basic.fixture = "gone".to_owned();
    let second = Scenario { id: "second".to_owned(), files: BTreeMap::new(), ..basic.clone() };
    for jobs in [1, 2] {
        let cells = [basic.clone(), second.clone()].map(Cell::locked);
        let runs = run_all(&cells, &config(root.path()), jobs, Shown::Nowhere, &|_| ()).unwrap();
        let ids: Vec<&str> = runs.iter().map(|run| run.entry.id.as_str()).collect();
        assert_eq!(ids, ["basic", "second"]);
        let document = Document::new(runs.iter().map(|run| run.entry.clone()).collect());
        assert_eq!(document.total(), "0 passed, 2 failed");
        assert!(runs[1].text.contains("FAIL scenario second: "), "{}", runs[1].text);
    }
}
