//! Runs the SDK's transformer in a child process of Node. It reads files of the SDK alone, and writes nothing; texts go in and
//! come out, one JSON value a line.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    passes::channels::targets::{Target, Text},
    say::report::Fate,
};

/// What runs in Node.
const SCRIPT: &str = include_str!("child.mjs");

/// Which SDK is wanted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order<'a> {
    /// The directory of the app, canonical.
    pub(super) app: &'a Path,
    /// The directory of the SDK's client among its packages.
    pub(super) sdk: &'a Path,
}

/// Why nothing is injected.
#[derive(Debug)]
pub(super) struct Refused {
    /// Whether the SDK is one that has no channels, so that nothing is lost.
    pub(super) without_channels: bool,
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn without_channels(reason: impl Into<String>) -> Self {
        Self { without_channels: true, reason: reason.into() }
    }

    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self { without_channels: false, reason: reason.into() }
    }
}

/// What the transformer made of all files.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    /// In the order in which they were given.
    pub(super) files: Vec<Made>,
    /// The channels that the SDK subscribed to when it was started with the marker.
    pub(super) subscribed: Vec<String>,
    /// The functions of `node:module` by which it registered hooks all the same.
    pub(super) hooks: Vec<String>,
}

/// What became of a file.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    /// `None` where nothing was injected.
    pub(super) text: Option<String>,
    pub(super) functions: Vec<Function>,
}

/// A function that the SDK names for a file.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) function: String,
    pub(super) channel: String,
    pub(super) state: Fate,
    pub(super) why: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line<T> {
    Refused { error: String },
    Value(T),
}

#[derive(Deserialize)]
struct Started {
    packages: BTreeSet<String>,
}

/// The child, which waits for the next line.
pub(super) struct Child {
    process: std::process::Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    said: Option<JoinHandle<String>>,
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    /// Starts it, and gives the names of the packages that the SDK instruments.
    pub(super) fn start(order: &Order<'_>) -> Result<(Self, BTreeSet<String>), Refused> {
        let node = which::which("node").map_err(|_| Refused::because("there is no `node` on the `PATH`"))?;
        // What is set for the app's own processes, `--import` above all, must not reach this one.
        let mut process = Command::new(&node)
            .args(["--input-type=module", "--eval", SCRIPT])
            .current_dir(order.app)
            .env_remove("NODE_OPTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Refused::because(format!("failed to start `{}`: {error}", node.display())))?;
        let (stdin, stdout) = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        let mut stderr = process.stderr.take().expect("a pipe");
        // What packages print must not fill a pipe that is not read.
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let mut child = Self { process, stdin, stdout: BufReader::new(stdout), said: Some(said) };
        let Started { packages } = child.ask(order)?;
        Ok((child, packages))
    }

    /// The files that the SDK names, as numbers of a package and of a file in it.
    pub(super) fn wanted(&mut self, targets: &[Target]) -> Result<Vec<(usize, usize)>, Refused> {
        let wanted: Vec<(usize, usize)> = self.ask(&targets)?;
        let known =
            |(target, file): &(usize, usize)| targets.get(*target).is_some_and(|target| *file < target.files.len());
        if wanted.iter().all(known) { Ok(wanted) } else { Err(Refused::because("the transformer names unknown files")) }
    }

    /// Has the texts of those files injected, in the same order.
    pub(super) fn inject(&mut self, texts: &[Text]) -> Result<Answer, Refused> {
        let answer: Answer = self.ask(&texts)?;
        if answer.files.len() == texts.len() {
            Ok(answer)
        } else {
            Err(Refused::because("the transformer did not answer for each file"))
        }
    }

    fn ask<T: DeserializeOwned>(&mut self, what: &impl Serialize) -> Result<T, Refused> {
        let mut line = serde_json::to_string(what).map_err(|error| Refused::because(error.to_string()))?;
        line.push('\n');
        // A child that ended early says why below.
        let _ = self.stdin.write_all(line.as_bytes()).and_then(|()| self.stdin.flush());
        let mut answer = String::new();
        let read = self.stdout.read_line(&mut answer);
        match (read, serde_json::from_str::<Line<T>>(&answer)) {
            (Ok(1..), Ok(Line::Value(value))) => Ok(value),
            (Ok(1..), Ok(Line::Refused { error })) => Err(Refused::because(error)),
            _ => Err(self.ended()),
        }
    }

    /// Why there is no answer.
    fn ended(&mut self) -> Refused {
        let _ = self.process.kill();
        let status = self.process.wait();
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let last = said.lines().map(str::trim).find(|line| line.contains("Error")).unwrap_or_default();
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Refused::because(format!("the transformer of the SDK ended with {status}: {last}"))
    }
}
