//! From a fixture's sources to a finished build: `npm ci` and `vinxi build`, each done once for what goes in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cache::{Cache, Entry, Key};
use crate::process::Invocation;
use crate::toolchain::Toolchain;
use crate::tree::{self, Snapshot};

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const BUILD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What npm and Vinxi make of an app. None of it goes in.
const MADE: [&str; 3] = ["node_modules", ".output", ".vinxi"];

/// An app whose packages have to be installed and which has to be built.
#[derive(Debug)]
pub struct App<'a> {
    /// Where its sources are.
    pub source: &'a Path,
    /// What installs and builds it.
    pub toolchain: &'a Toolchain,
    /// Where the output of npm goes.
    pub logs: &'a Path,
}

impl App<'_> {
    /// The app's packages, installed by `npm ci`: a directory with `node_modules` and what decided its contents.
    ///
    /// # Errors
    /// When an input is missing or npm fails.
    pub fn install(&self, cache: &Cache) -> Result<Entry> {
        let inputs = self.install_inputs()?;
        let snapshot = Snapshot::take_some(self.source, |path| is_wanted(path, &inputs))?;
        let key = self.toolchain_key("install").with("inputs", &snapshot.checksum());
        cache.entry("install", &key, |directory| {
            tree::copy(self.source, directory, |path| is_wanted(path, &inputs))?;
            Invocation::new(&self.toolchain.npm, directory)
                .args(["ci", "--no-audit", "--no-fund", "--prefer-offline"])
                .run_ok(&self.logs.join("npm-ci.log"), INSTALL_LIMIT)
                .map(drop)
        })
    }

    /// The built app, without its `node_modules`: its sources and `.output`.
    ///
    /// # Errors
    /// When the build fails, or ends without `output` (a path relative to the app).
    pub fn build(&self, cache: &Cache, install: &Path, output: &Path) -> Result<Entry> {
        let source = Snapshot::take_some(self.source, is_source)?;
        let installed = install.file_name().unwrap_or_default().to_string_lossy();
        let key = self.toolchain_key("build").with("install", &installed).with("source", &source.checksum());
        cache.entry("build", &key, |directory| {
            tree::copy(self.source, directory, is_source)?;
            // A real copy: through a link, Vite and Nitro would resolve packages to another place than the app's.
            let packages = directory.join("node_modules");
            tree::copy(&install.join("node_modules"), &packages, |_| true)?;
            Invocation::new(&self.toolchain.npm, directory)
                .args(["run", "build"])
                .run_ok(&self.logs.join("vinxi-build.log"), BUILD_LIMIT)?;
            if !directory.join(output).exists() {
                bail!("`npm run build` made no `{}`", output.display());
            }
            crate::cache::remove(&packages)?;
            crate::cache::remove(&directory.join(".vinxi"))
        })
    }

    fn toolchain_key(&self, kind: &str) -> Key {
        Key::default()
            .with("kind", kind)
            .with("node", &self.toolchain.node_version)
            .with("npm", &self.toolchain.npm_version)
            .with("system", std::env::consts::OS)
            .with("architecture", std::env::consts::ARCH)
    }

    /// The files that decide what is installed, relative to the app.
    fn install_inputs(&self) -> Result<Vec<PathBuf>> {
        let manifest = self.source.join("package.json");
        let text = fs::read_to_string(&manifest).with_context(|| format!("failed to read `{}`", manifest.display()))?;
        let manifest: Value =
            serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", manifest.display()))?;
        if !self.source.join("package-lock.json").exists() {
            bail!("`{}` has no `package-lock.json`", self.source.display());
        }
        let mut inputs: Vec<PathBuf> =
            ["package.json", "package-lock.json", ".npmrc"].into_iter().map(PathBuf::from).collect();
        for group in ["dependencies", "devDependencies", "optionalDependencies"] {
            let packages = manifest[group].as_object().into_iter().flat_map(|group| group.values());
            inputs.extend(
                packages
                    .filter_map(|version| version.as_str()?.strip_prefix("file:"))
                    .map(|path| PathBuf::from(path.trim_start_matches("./"))),
            );
        }
        Ok(inputs)
    }
}

/// Whether `path` is one of `inputs`, lies in one, or leads to one.
fn is_wanted(path: &Path, inputs: &[PathBuf]) -> bool {
    is_source(path) && inputs.iter().any(|input| path.starts_with(input) || input.starts_with(path))
}

fn is_source(path: &Path) -> bool {
    !path.components().any(|part| MADE.iter().any(|made| part.as_os_str() == *made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_the_install_goes_into_it() {
        let inputs = [PathBuf::from("package.json"), PathBuf::from("packages/esm-probe")];
        for (path, wanted) in [
            ("package.json", true),
            ("packages", true),
            ("packages/esm-probe", true),
            ("packages/esm-probe/index.js", true),
            ("packages/esm-probe/node_modules", false),
            ("packages/other", false),
            ("src", false),
            ("node_modules", false),
        ] {
            assert_eq!(is_wanted(Path::new(path), &inputs), wanted, "`{path}`");
        }
    }
}
