//! Running a server with a probe in it, sending it requests, and what the probe and the intake saw. The child process and
//! its events are here; the parts below judge and draw.

pub(crate) mod envelope;
pub(crate) mod events;
pub(crate) mod html;
pub(crate) mod intake;
pub(crate) mod libraries;
pub(crate) mod packages;
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod spans;
mod targets;
pub(crate) mod timeline;
pub(crate) mod verdict;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;

use crate::{find::presets::Style, scratch::Scratch, trace::request::Request};

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
const OPTIONS: &str = "options.json";

/// A directory of its own for the scripts and for what they write down, so that nothing is written into the build. It
/// goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    directory: Scratch,
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
    /// How a loader of ours calls what the entry exports; `None` where it only loads.
    pub(crate) called: Option<(Style, &'static str)>,
    /// What it is called with.
    pub(crate) requests: &'a [Request],
    /// Where clients of the SDK send to.
    pub(crate) intake: serde_json::Value,
}

impl Probe {
    /// Writes the scripts.
    ///
    /// # Errors
    /// When there is no directory for temporary files, or it is full.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let directory = Scratch::new("trace").context("failed to make a temporary directory")?;
        for (name, text) in SCRIPTS.into_iter().chain([(Self::EVENTS, "")]) {
            directory.write(name, text).with_context(|| format!("failed to write `{name}`"))?;
        }
        let path = directory.real_path().context("failed to resolve a temporary directory")?;
        Ok(Self { directory, path })
    }

    const EVENTS: &str = "events.jsonl";
    const FLUSH: &str = "flush";

    /// Asks the clients of the server to send what is waiting.
    ///
    /// # Errors
    /// When the file that says it cannot be written.
    pub(crate) fn flush(&self, nth: usize) -> std::io::Result<()> {
        self.directory.write(Self::FLUSH, nth.to_string())
    }

    /// The file that the probe appends to.
    pub(crate) fn events(&self) -> PathBuf {
        self.path.join(Self::EVENTS)
    }

    /// The script that loads an entry.
    pub(crate) fn loader(&self) -> PathBuf {
        self.path.join(LOADER)
    }

    /// The variables that put the probe into a process and into all that it starts. `node_options` is what the server gets
    /// besides.
    ///
    /// # Errors
    /// When the file with the options cannot be written. A variable could not hold them, as bodies may be long.
    pub(crate) fn environment(
        &self,
        watched: &Watched<'_>,
        node_options: &OsStr,
    ) -> std::io::Result<[(&'static str, OsString); 2]> {
        let called = watched.called.map(|(style, export)| json!({ "style": style, "export": export }));
        let request = |request: &Request| {
            let Request { method, path, headers, body } = request;
            json!({ "method": method, "path": path, "headers": headers, "body": body })
        };
        let requests: Vec<serde_json::Value> = watched.requests.iter().map(request).collect();
        let text = json!({
            "events": self.events(), "hooks": self.path.join(HOOKS), "watcher": self.path.join(WATCHER),
            "flush": self.path.join(Self::FLUSH), "marked": watched.marked, "targets": targets::names(),
            "entry": watched.entry, "required": watched.required, "lambda": watched.lambda, "called": called,
            "requests": requests, "intake": watched.intake, "presentry": std::process::id(),
        });
        self.directory.write(OPTIONS, text.to_string())?;
        // In front of what the user preloads: preloads of `NODE_OPTIONS` come before those of the command line, and
        // `--require` before `--import`.
        let mut options_of_node = OsString::from(format!("--require {} ", quoted(&self.path.join(PROBE))));
        options_of_node.push(node_options);
        Ok([("PRESENTRY_TRACE", self.path.join(OPTIONS).into()), ("NODE_OPTIONS", options_of_node)])
    }
}

/// A path as one word of `NODE_OPTIONS`, where a backslash escapes between quotes.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}
