//! The pages that are generated from the code say what the code says. `UPDATE_EXPECT=1` writes them anew.

use expect_test::expect_file;

use crate::builds::App;

#[test]
fn diagnostics() {
    let page = App::empty().succeeds(&["explain", "--all", "--format", "markdown"]);
    expect_file!["../../../../docs/diagnostics.md"].assert_eq(&page);
}

#[test]
fn presets() {
    let page = App::empty().succeeds(&["explain", "--presets", "--format", "markdown"]);
    expect_file!["../../../../docs/presets.md"].assert_eq(&page);
}
