//! The tests of the npm package, which drive this build of the command under the Node that is on `PATH`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn the_tests_of_the_npm_package_pass() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../npm/presentry");
    // Node 20 runs every module of a directory it is given, and knows no patterns.
    let test = package.join("test");
    let mut tests: Vec<PathBuf> = fs::read_dir(test).unwrap().map(|entry| entry.unwrap().path()).collect();
    tests.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    tests.sort();
    let output = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .args(&tests)
        .current_dir(&package)
        .env("PRESENTRY_BINARY", env!("CARGO_BIN_EXE_presentry"))
        .env_remove("NODE_OPTIONS")
        .output()
        .expect("node is on PATH");
    let tap = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{tap}\n{}", String::from_utf8_lossy(&output.stderr));
    // Without a test in it, a run is a success as well.
    let passed = tap.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<u32>().ok());
    assert!(passed.is_some_and(|passed| passed > 20), "{tap}");
}
