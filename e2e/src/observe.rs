//! Boots builds and writes down what they do. Judges nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::intake::Intake;
use crate::oracles::{Observation, ThrowObservation};
use crate::process::Source;
use crate::runtime::THROWN;
use crate::scenario::Scenario;
use crate::server::{self, Boot, Port, Spec};
use crate::trace::ModuleTrace;

/// How long the spans of a request may take after the SDK said that everything was sent.
const SPANS: Duration = Duration::from_secs(10);
/// How long an error that was thrown may take to be printed.
const PRINTED: Duration = Duration::from_secs(20);
/// How long the SDK may take to send an error that was printed. Nothing is wrong when it sends none.
const SENT: Duration = Duration::from_secs(3);

/// Where boots are made from, and where their files go.
#[derive(Debug, Clone)]
pub struct Lab<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The `node` executable.
    pub node: &'a Path,
    /// The directory for logs and traces; every boot needs a name of its own in it.
    pub logs: &'a Path,
}

/// Something seen, and the process it was seen of. `seen` is an error where the process did not let itself be
/// observed, such as a server that does not start: that is a finding about the build, not a fault of the harness.
#[derive(Debug)]
pub struct Seen<T> {
    /// What was seen.
    pub seen: Result<T>,
    /// Where the evidence is.
    pub source: Source,
}

impl Lab<'_> {
    /// Boots the build in `app`, sends the scenario's requests, and stops it.
    ///
    /// With `preload` Node gets the instrumentation by `--import` as well.
    ///
    /// # Errors
    /// When the intake cannot be started.
    pub fn exercise(&self, name: &str, app: &Path, preload: bool) -> Result<Seen<Observation>> {
        let intake = Intake::start()?;
        let trace = self.logs.join(format!("{name}.trace.jsonl"));
        let mut spec = self.spec(name, app, &intake, &trace);
        if preload {
            let instrumentation = format!("./{}/{}", self.scenario.server, self.scenario.instrumentation);
            spec.args.splice(0..0, [OsString::from("--import"), instrumentation.into()]);
        }
        let source = source_of(&spec);
        let seen = self.requests(&spec, &intake).and_then(|mut seen| {
            seen.trace = ModuleTrace::read(&trace)?;
            Ok(seen)
        });
        Ok(Seen { seen, source })
    }

    fn requests(&self, spec: &Spec, intake: &Intake) -> Result<Observation> {
        let scenario = self.scenario;
        let server = server::start(spec)?;
        let page = server.get(&scenario.page.path)?;
        let asset = server.get(&scenario.asset.path)?;
        let library = server.get(&scenario.library.path)?;
        let package = server.get(&scenario.package.path)?;
        // Twice: a request's span ends after its response was sent, so the first flush can miss the last one's.
        server.get(&scenario.status)?;
        let status = server.get(&scenario.status)?;
        if status.json()["active"] == Value::Bool(true) {
            // No error when it does not come: what came is judged.
            intake.wait_until(Instant::now() + SPANS, |received| {
                received.transactions().any(|transaction| transaction.path.as_deref() == Some(&scenario.library.path))
            });
        }
        server.stop();
        let received = intake.received();
        let trace = ModuleTrace::default();
        Ok(Observation { page, asset, library, package, status, trace, received })
    }

    /// Boots a build whose runtime throws, and writes down what becomes of it.
    ///
    /// # Errors
    /// When the intake cannot be started.
    pub fn throwing(&self, name: &str, app: &Path) -> Result<Seen<ThrowObservation>> {
        let intake = Intake::start()?;
        let trace = self.logs.join(format!("{name}.trace.jsonl"));
        let spec = self.spec(name, app, &intake, &trace);
        let source = source_of(&spec);
        let seen = server::boot(&spec).map(|boot| match boot {
            Boot::Ended(finished) => ThrowObservation {
                listened: false,
                exit: Some(finished.exit),
                printed: finished.text.contains(THROWN),
                asset: None,
            },
            Boot::Up(server) => {
                let printed = server.wait_for_text(THROWN, PRINTED);
                // Whoever ends the process for the error does so after the SDK has sent it.
                if printed && trace.exists() {
                    intake.wait_until(Instant::now() + SENT, |got| !got.envelopes.is_empty());
                }
                let asset = server.get(&self.scenario.asset.path).ok().map(|asset| asset.status);
                let exit = server.exit();
                server.stop();
                ThrowObservation { listened: true, exit, printed, asset }
            }
        });
        Ok(Seen { seen, source })
    }

    /// Imports the entry of the build in `app` in a process of its own, and describes its exports.
    ///
    /// # Errors
    /// When the intake cannot be started or the script cannot be written.
    pub fn exports(&self, name: &str, app: &Path) -> Result<Seen<Value>> {
        let intake = Intake::start()?;
        let script = self.logs.join(format!("{name}.mjs"));
        std::fs::write(&script, include_str!("exports.mjs"))
            .with_context(|| format!("failed to write `{}`", script.display()))?;
        let result = self.logs.join(format!("{name}.json"));
        let mut spec = self.spec(name, app, &intake, &self.logs.join(format!("{name}.trace.jsonl")));
        spec.args = vec![script.into(), self.entry(app).into(), result.clone().into()];
        let source = source_of(&spec);
        let seen = server::run(&spec).and_then(|finished| {
            let text = std::fs::read_to_string(&result)
                .with_context(|| format!("the entry cannot be imported: the script {}", finished.exit))?;
            serde_json::from_str(&text).context("the description of the exports is not JSON")
        });
        Ok(Seen { seen, source })
    }

    fn entry(&self, app: &Path) -> PathBuf {
        app.join(&self.scenario.server).join(&self.scenario.entry)
    }

    fn spec(&self, name: &str, app: &Path, intake: &Intake, trace: &Path) -> Spec {
        let entry = format!("{}/{}", self.scenario.server, self.scenario.entry);
        Spec {
            node: self.node.to_owned(),
            app: app.to_owned(),
            args: vec![entry.into()],
            env: vec![("SENTRY_DSN".to_owned(), intake.dsn().into()), ("MODULE_TRACE_FILE".to_owned(), trace.into())],
            port: Port::Reserved,
            log: self.logs.join(format!("{name}.log")),
        }
    }
}

fn source_of(spec: &Spec) -> Source {
    Source {
        command: std::iter::once(spec.node.as_os_str())
            .chain(spec.args.iter().map(OsString::as_os_str))
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        directory: spec.app.clone(),
        log: spec.log.clone(),
    }
}
