//! Finds Node and npm, and says what to install where they are missing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Invocation;

/// The oldest major version of Node the fixtures run on.
const OLDEST_NODE: u32 = 20;

/// The programs the harness needs besides cargo.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The `node` executable.
    pub node: PathBuf,
    /// The `npm` launcher (`npm.cmd` on Windows).
    pub npm: PathBuf,
    /// Such as `20.20.2`.
    pub node_version: String,
    /// Such as `11.19.1`.
    pub npm_version: String,
}

impl Toolchain {
    /// Finds both programs on `path` (a `PATH`) and asks them for their versions; their output goes to `logs`.
    ///
    /// # Errors
    /// When one is missing, does not answer, or is too old; the message says what to install.
    pub fn find(path: Option<&OsStr>, logs: &Path) -> Result<Toolchain> {
        let node = find_program("node", path)?;
        let npm = find_program("npm", path)?;
        let node_version = version(&node, &logs.join("node-version.log"))?;
        let npm_version = version(&npm, &logs.join("npm-version.log"))?;
        let node_version = node_version.trim_start_matches('v').to_owned();
        let major: u32 = node_version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .with_context(|| format!("`node --version` printed `{node_version}`"))?;
        if major < OLDEST_NODE {
            bail!("`{}` is Node.js {node_version}\nhint: install Node.js {OLDEST_NODE} or later", node.display());
        }
        Ok(Toolchain { node, npm, node_version, npm_version })
    }
}

/// Finds one program on `path`, a `PATH` as the environment has it.
///
/// # Errors
/// When it is not there; the message says what to install.
pub fn find_program(name: &str, path: Option<&OsStr>) -> Result<PathBuf> {
    let directory = std::env::current_dir().context("failed to read the current directory")?;
    match which::which_in(name, path.map(OsString::from), directory) {
        Ok(found) => Ok(found),
        Err(_) => {
            let brings = if name == "npm" { ", which brings npm" } else { "" };
            bail!("`{name}` was not found on PATH\nhint: install Node.js {OLDEST_NODE} or later{brings}")
        }
    }
}

fn version(program: &Path, log: &Path) -> Result<String> {
    let directory = log.parent().context("a log lies in a directory")?;
    let finished = Invocation::new(program, directory).arg("--version").run_ok(log, Duration::from_secs(60))?;
    Ok(finished.stdout.trim().to_owned())
}
