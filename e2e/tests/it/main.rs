//! The harness against small servers written by hand: everything here needs `node`, and none of it npm.

mod cache;
mod intake;
mod process;
mod server;
mod toolchain;
mod tree;

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
