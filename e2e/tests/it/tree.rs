//! Copies are real and whole; snapshots notice every change.

use std::fs;
use std::path::Path;

use presentry_e2e::tree::{self, Snapshot};

use crate::write;

fn sample(root: &Path) {
    write(root, "server/index.mjs", "entry");
    write(root, "server/empty", "");
    fs::create_dir_all(root.join("server/empty-directory")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        symlink("index.mjs", root.join("server/link.mjs")).unwrap();
        symlink("nowhere", root.join("server/dangling")).unwrap();
        fs::set_permissions(root.join("server/index.mjs"), fs::Permissions::from_mode(0o751)).unwrap();
    }
}

#[test]
fn a_copy_is_equal_and_its_own() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    sample(&from);
    tree::copy(&from, &to, |_| true).unwrap();
    let (before, after) = (Snapshot::take(&from).unwrap(), Snapshot::take(&to).unwrap());
    assert_eq!(before.differences(&after), [""; 0]);
    assert_eq!(before.checksum(), after.checksum());
    fs::write(to.join("server/index.mjs"), "changed").unwrap();
    assert_eq!(fs::read_to_string(from.join("server/index.mjs")).unwrap(), "entry");
}

#[test]
fn a_copy_leaves_out_what_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    sample(&from);
    write(&from, "node_modules/a/index.js", "");
    tree::copy(&from, &to, |path| !path.starts_with("node_modules")).unwrap();
    assert!(to.join("server/index.mjs").exists());
    assert!(!to.join("node_modules").exists());
}

#[test]
fn every_change_is_noticed() {
    type Change = fn(&Path);
    let changes: &[(&str, Change)] = &[
        ("`index.mjs` changed", |root| fs::write(root.join("index.mjs"), "Entry").unwrap()),
        ("`empty` is gone", |root| fs::remove_file(root.join("empty")).unwrap()),
        ("`empty-directory` is gone", |root| fs::remove_dir(root.join("empty-directory")).unwrap()),
        ("`journal` is new", |root| fs::write(root.join("journal"), "").unwrap()),
        #[cfg(unix)]
        ("`index.mjs` changed", |root| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(root.join("index.mjs"), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        #[cfg(unix)]
        ("`link.mjs` changed", |root| {
            fs::remove_file(root.join("link.mjs")).unwrap();
            std::os::unix::fs::symlink("./index.mjs", root.join("link.mjs")).unwrap();
        }),
        #[cfg(unix)]
        ("`link.mjs` changed", |root| {
            fs::remove_file(root.join("link.mjs")).unwrap();
            fs::write(root.join("link.mjs"), "entry").unwrap();
        }),
    ];
    for (expected, change) in changes {
        let root = tempfile::tempdir().unwrap();
        sample(root.path());
        let server = root.path().join("server");
        let before = Snapshot::take(&server).unwrap();
        change(&server);
        let after = Snapshot::take(&server).unwrap();
        assert_eq!(before.differences(&after), [*expected]);
        assert_ne!(before.checksum(), after.checksum());
    }
}

#[test]
fn a_moved_file_is_found_by_its_bytes() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path());
    write(root.path(), "server/twin.mjs", "entry");
    let original = Snapshot::take(root.path()).unwrap();
    let entry = Path::new("server/index.mjs");
    assert!(original.same_bytes(entry, &original).is_empty());
    fs::rename(root.path().join(entry), root.path().join("server/entry.mjs")).unwrap();
    write(root.path(), "server/index.mjs", "facade");
    let rewritten = Snapshot::take(root.path()).unwrap();
    assert_eq!(rewritten.same_bytes(entry, &original), [Path::new("server/entry.mjs").to_owned()]);
}

#[test]
fn a_linked_tree_is_equal() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    sample(&from);
    tree::link(&from, &to).unwrap();
    assert_eq!(Snapshot::take(&from).unwrap().differences(&Snapshot::take(&to).unwrap()), [""; 0]);
    tree::rename(&to, &root.path().join("new/place")).unwrap();
    assert!(!to.exists() && root.path().join("new/place/server/index.mjs").is_file());
}
