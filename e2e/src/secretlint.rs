//! secretlint, installed from npm once: it knows the forms of the tokens of many services, and its maintainers follow them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cache::{Cache, Key};
use crate::process::Invocation;
use crate::toolchain::Toolchain;

/// What is installed, and what calls it.
const FILES: [(&str, &str); 4] = [
    (".npmrc", include_str!("../secrets/.npmrc")),
    ("package.json", include_str!("../secrets/package.json")),
    ("package-lock.json", include_str!("../secrets/package-lock.json")),
    ("find.mjs", include_str!("../secrets/find.mjs")),
];

/// The name of the script.
const SCRIPT: &str = "find.mjs";

/// How long it may take to install, and to look through a directory.
const LIMIT: Duration = Duration::from_secs(300);

/// An installed secretlint.
#[derive(Debug, Clone)]
pub struct Secretlint {
    node: PathBuf,
    installed: PathBuf,
    logs: PathBuf,
}

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Finding {
    /// The file, relative to the directory, with `/`.
    pub file: String,
    /// The rule that found it.
    pub rule: String,
    /// Where it starts, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

impl Secretlint {
    /// Installs it into the cache, where it is not there yet.
    ///
    /// # Errors
    /// When npm cannot install it.
    pub fn install(cache: &Cache, toolchain: &Toolchain, logs: &Path) -> Result<Secretlint> {
        let key = FILES.iter().fold(Key::default(), |key, (name, text)| key.with(name, text));
        let entry = cache.entry("secretlint", &key, |directory| {
            for (name, text) in FILES {
                fs::write(directory.join(name), text).with_context(|| format!("failed to write `{name}`"))?;
            }
            Invocation::new(&toolchain.npm, directory)
                .args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"])
                .run_ok(&logs.join("secretlint-install.log"), LIMIT)
                .map(drop)
        })?;
        Ok(Secretlint { node: toolchain.node.clone(), installed: entry.path, logs: logs.to_owned() })
    }

    /// What it finds in the files of a directory.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn find(&self, directory: &Path) -> Result<Vec<Finding>> {
        let finished = Invocation::new(&self.node, &self.installed)
            .arg(SCRIPT)
            .arg(directory)
            .run_ok(&self.logs.join("secretlint.log"), LIMIT)?;
        serde_json::from_str(&finished.stdout).context("secretlint printed no list of findings")
    }
}
