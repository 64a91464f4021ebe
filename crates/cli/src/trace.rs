//! Running a server with a probe in it, and what the probe saw. The child process and its events are here; the parts
//! below judge and draw.

pub(crate) mod events;
pub(crate) mod packages;
pub(crate) mod server;
pub(crate) mod timeline;
pub(crate) mod verdict;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;

/// The scripts that run inside of the server, by the names that they have beside each other.
const SCRIPTS: [(&str, &str); 4] = [
    (PROBE, include_str!("trace/probe.cjs")),
    (WATCHER, include_str!("trace/watcher.cjs")),
    (HOOKS, include_str!("trace/hooks.mjs")),
    (LOADER, include_str!("trace/loader.mjs")),
];

const PROBE: &str = "probe.cjs";
const WATCHER: &str = "watcher.cjs";
const HOOKS: &str = "hooks.mjs";
const LOADER: &str = "loader.mjs";

/// A directory of its own for the scripts and for what they write down, so that nothing is written into the build. It
/// goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    _directory: TempDir,
    path: PathBuf,
}

/// What the probe has to know of the build.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    /// The modules whose end is to be seen.
    pub(crate) marked: &'a [PathBuf],
    /// What a loader of ours loads, where no process is started with the entry.
    pub(crate) entry: &'a Path,
    /// Whether that is by `require()`.
    pub(crate) required: bool,
    /// Whether the host is AWS Lambda.
    pub(crate) lambda: bool,
}

impl Probe {
    /// Writes the scripts.
    ///
    /// # Errors
    /// When there is no directory for temporary files, or it is full.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("presentry-trace-").tempdir();
        let directory = directory.context("failed to make a temporary directory")?;
        // Node gives modules their real paths.
        let path = fs::canonicalize(directory.path()).context("failed to resolve a temporary directory")?;
        for (name, text) in SCRIPTS {
            fs::write(path.join(name), text).with_context(|| format!("failed to write `{name}`"))?;
        }
        fs::write(path.join(Self::EVENTS), "").context("failed to write a temporary file")?;
        Ok(Self { _directory: directory, path })
    }

    const EVENTS: &str = "events.jsonl";

    /// The file that the probe appends to.
    pub(crate) fn events(&self) -> PathBuf {
        self.path.join(Self::EVENTS)
    }

    /// The script that loads an entry.
    pub(crate) fn loader(&self) -> PathBuf {
        self.path.join(LOADER)
    }

    /// The variables that put the probe into a process and into all that it starts.
    pub(crate) fn environment(&self, watched: &Watched<'_>) -> [(&'static str, OsString); 2] {
        let options = json!({
            "events": self.events(), "hooks": self.path.join(HOOKS), "watcher": self.path.join(WATCHER),
            "marked": watched.marked, "entry": watched.entry, "required": watched.required, "lambda": watched.lambda,
        });
        // In front of what the user preloads: preloads of `NODE_OPTIONS` come before those of the command line, and
        // `--require` before `--import`.
        let given = std::env::var_os("NODE_OPTIONS").unwrap_or_default();
        let mut node_options = OsString::from(format!("--require {} ", quoted(&self.path.join(PROBE))));
        node_options.push(given);
        [("PRESENTRY_TRACE", options.to_string().into()), ("NODE_OPTIONS", node_options)]
    }
}

/// A path as one word of `NODE_OPTIONS`, where a backslash escapes between quotes.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}
