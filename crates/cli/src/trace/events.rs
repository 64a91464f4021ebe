//! What the probe writes down, as it is read: one JSON object on a line, from every process and thread of the server.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Something that happened in a process.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Event {
    /// The process.
    pub(crate) pid: u32,
    /// When, in milliseconds of the clock that all processes of a machine share.
    pub(crate) at: f64,
    /// What.
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum What {
    /// A process with the probe began; `at` is when the process itself did.
    Start {
        node: String,
        worker: bool,
        /// The same time in milliseconds since 1970.
        epoch: f64,
    },
    /// A client was set on a scope of the SDK.
    Client {
        version: String,
        sdk: Option<String>,
        dsn: bool,
        enabled: bool,
        /// `tracesSampleRate`.
        rate: Option<f64>,
        /// Whether there is a `tracesSampler`.
        sampler: bool,
        /// Whether what it sends goes to the intake.
        redirected: bool,
    },
    /// A diagnostics channel of Sentry was made.
    Channel { name: String, by: Vec<PathBuf> },
    /// `globalThis.__SENTRY_ORCHESTRION__` is another than before.
    Injection { runtime: Option<Vec<String>>, unavailable: bool, bundler: Option<Vec<String>> },
    /// A file that SDK 11 injects into in some version was loaded as an ES module, or evaluated as CommonJS.
    Target { file: PathBuf },
    /// The loader called the handler with a request; times in milliseconds since 1970.
    Answered { index: usize, started: f64, ended: f64, status: Option<u16>, error: Option<String> },
    /// The program registered module hooks; `nth` counts in its process, from 1.
    Hooks { kind: HookKind, specifier: Option<String>, selective: bool, nth: u32, by: Vec<PathBuf> },
    /// The program replaced a method through which `require` goes.
    RequireHooks { by: Vec<PathBuf> },
    /// A module was loaded, whether or not hooks of the program saw it.
    Seen { file: PathBuf, wrapper: bool },
    /// A module came to the hooks of the program, the `nth` of them included.
    Loaded { file: PathBuf, wrapper: bool, nth: u32, kind: HookKind },
    /// The first file of a package was evaluated as CommonJS, after `require` or after an import.
    Commonjs { file: PathBuf, required: bool },
    /// A marked module was evaluated to its end.
    Evaluated { file: PathBuf },
    /// The loader has loaded the entry.
    Imported,
    /// A server listens.
    Listening { host: Option<String>, port: Option<u16>, path: Option<String> },
    /// The primary of a cluster started a worker.
    Fork { forked: u32 },
}

/// How module hooks were registered.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum HookKind {
    /// `module.register`: on a thread of their own.
    #[serde(rename = "register")]
    Asynchronous,
    /// `module.registerHooks`: on the thread that loads.
    #[serde(rename = "registerHooks")]
    Synchronous,
}

impl HookKind {
    /// The function of `node:module`.
    pub(crate) fn function(self) -> &'static str {
        match self {
            HookKind::Asynchronous => "module.register",
            HookKind::Synchronous => "module.registerHooks",
        }
    }
}

/// A file of events that others append to.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    /// A line whose end has not been written.
    rest: Vec<u8>,
    /// Everything so far.
    pub(crate) events: Vec<Event>,
}

impl Reader {
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, rest: Vec::new(), events: Vec::new() })
    }

    /// Takes in what was written since.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not what the probe writes.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        self.file.read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        for line in self.rest[..end].split(|byte| *byte == b'\n') {
            self.events.push(serde_json::from_slice(line)?);
        }
        self.rest.drain(..=end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write as _};

    use super::*;

    #[test]
    fn a_line_counts_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut written = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        reader.read().unwrap();
        written.write_all(b"{\"event\":\"imported\",\"pid\":1,\"at\":2.5}\n{\"event\":\"fork\",").unwrap();
        reader.read().unwrap();
        assert_eq!(reader.events, [Event { pid: 1, at: 2.5, what: What::Imported }]);
        written.write_all(b"\"pid\":1,\"at\":3,\"forked\":7}\n").unwrap();
        reader.read().unwrap();
        assert_eq!(reader.events[1].what, What::Fork { forked: 7 });
        written.write_all(b"nonsense\n").unwrap();
        assert!(reader.read().is_err());
    }
}
