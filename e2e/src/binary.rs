//! Builds the command with cargo and finds it where cargo says that it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::Invocation;

/// A cold build compiles swc, which takes minutes on two cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Builds the package `presentry` of the workspace in `root` and returns the path of its executable.
///
/// # Errors
/// When the build fails, or cargo names no executable.
pub fn build(root: &Path, log: &Path) -> Result<PathBuf> {
    build_profile(root, log, "dev")
}

/// As [`build`], but as it is released: the executable whose speed counts.
///
/// # Errors
/// As [`build`].
pub fn build_release(root: &Path, log: &Path) -> Result<PathBuf> {
    build_profile(root, log, "release")
}

fn build_profile(root: &Path, log: &Path, profile: &str) -> Result<PathBuf> {
    let finished = Invocation::new(cargo(), root)
        .args(["build", "--package", "presentry", "--message-format=json-render-diagnostics", "--profile", profile])
        .run(log, LIMIT)?;
    if !finished.exit.success() {
        // The rendered errors; the messages for us are JSON on standard output.
        let errors: Vec<&str> = finished.text.lines().filter(|line| !line.starts_with('{')).collect();
        bail!("`cargo build --package presentry` {}\n{}\n{}", finished.exit, errors.join("\n"), finished.source);
    }
    executable(&finished.stdout, "presentry")
        .with_context(|| format!("cargo named no executable `presentry`\n{}", finished.source))
}

/// The target directory of the workspace in `root`, which `CARGO_TARGET_DIR` and cargo's configuration can move.
///
/// # Errors
/// When `cargo metadata` fails.
pub fn target_directory(root: &Path) -> Result<PathBuf> {
    let output = std::process::Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("failed to start `cargo metadata`")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("`cargo metadata` printed no JSON")?;
    let directory = metadata["target_directory"].as_str();
    directory.map(PathBuf::from).context("`cargo metadata` named no target directory")
}

/// The cargo that runs us, else the one on `PATH`.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The executable of the binary target `name`, from cargo's JSON messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_where_cargo_says() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"presentry-parser"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"presentry"},"executable":"/moved/debug/presentry"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "presentry"), Some("/moved/debug/presentry".into()));
        assert_eq!(executable(messages, "presentry-parser"), None);
    }
}
