//! Missing programs.

use presentry_e2e::toolchain::{Toolchain, find_program};

#[test]
fn a_missing_npm_says_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let error = find_program("npm", Some(empty.path().as_os_str())).unwrap_err();
    assert_eq!(error.to_string(), "`npm` was not found on PATH\nhint: install Node.js 20 or later, which brings npm");
}

#[test]
fn a_missing_node_comes_first() {
    let empty = tempfile::tempdir().unwrap();
    let error = Toolchain::find(Some(empty.path().as_os_str()), empty.path()).unwrap_err();
    assert_eq!(error.to_string(), "`node` was not found on PATH\nhint: install Node.js 20 or later");
}

#[cfg(unix)]
#[test]
fn an_old_node_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    for (name, version) in [("node", "v18.20.0"), ("npm", "10.0.0")] {
        let path = crate::write(directory.path(), name, &format!("#!/bin/sh\necho {version}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let error = Toolchain::find(Some(directory.path().as_os_str()), directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("is Node.js 18.20.0\nhint: install Node.js 20 or later"), "{error}");
}
