//! `presentry restore`: the original bytes come back, and nothing of presentry is left.

use expect_test::expect;

use crate::builds::App;

#[test]
fn the_original_build_comes_back() {
    for app in [App::facade(), App::inline(3)] {
        let original = app.snapshot();
        app.succeeds(&[]);
        assert_ne!(app.snapshot(), original);
        app.succeeds(&["restore"]);
        assert_eq!(app.snapshot(), original);
        assert_eq!(app.succeeds(&["restore"]), "✔ nothing to restore: the build is the original one\n");
        assert_eq!(app.snapshot(), original);
    }
}

#[test]
fn it_says_what_it_did() {
    let app = App::facade();
    app.succeeds(&[]);
    expect![[r#"
        removed   .output/server/entry.mjs
        restored  .output/server/index.mjs

        ✔ restored: the original build is back, byte for byte
    "#]]
    .assert_eq(&app.succeeds(&["restore"]));
}

#[test]
fn an_injected_debug_id_is_taken_away_and_named() {
    let app = App::facade();
    let original = app.snapshot();
    app.succeeds(&[]);
    app.inject_debug_id(".output/server/index.mjs");
    app.inject_debug_id(".output/server/entry.mjs");
    expect![[r#"
        removed   .output/server/entry.mjs
        restored  .output/server/index.mjs
        taken away from .output/server/entry.mjs: the debug id that was injected after the rewrite
        taken away from .output/server/index.mjs: the debug id that was injected after the rewrite

        ✔ restored: the original build is back, byte for byte
    "#]]
    .assert_eq(&app.succeeds(&["restore"]));
    assert_eq!(app.snapshot(), original);
}

#[test]
fn the_moved_entry_is_enough_where_nothing_else_was_changed() {
    let app = App::facade();
    let original = app.snapshot();
    app.succeeds(&[]);
    std::fs::remove_dir_all(app.join(".output/server/.presentry")).unwrap();
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_mode_that_was_changed_meanwhile_comes_back() {
    let app = App::facade();
    crate::builds::set_mode(&app.join(".output/server/index.mjs"), 0o640);
    let original = app.snapshot();
    app.succeeds(&[]);
    crate::builds::set_mode(&app.join(".output/server/index.mjs"), 0o600);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}

#[test]
fn a_file_that_was_put_back_by_hand_is_right_already() {
    let app = App::inline(2);
    let original = app.snapshot();
    let chunk = app.read(".output/server/chunks/build/app-0.mjs");
    app.succeeds(&[]);
    app.write(".output/server/chunks/build/app-0.mjs", chunk);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}
