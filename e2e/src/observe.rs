//! Boots builds and writes down what they do. Judges nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::envelope::Span;
use crate::evidence::Source;
use crate::host::{Host, Placed, Preload};
use crate::intake::{Intake, Received};
use crate::oracles;
use crate::runtime::THROWN;
use crate::scenario::{Feature, Library, Scenario, Start};
use crate::seen::{Observation, Seen, StartSeen, ThrowObservation};
use crate::server::{self, Boot, Port, Response, Server, Spec};
use crate::timeline::{self, Watched};
use crate::trace::{self, ModuleTrace};

/// How long the spans of a request may take after the SDK said that everything was sent.
const SPANS: Duration = Duration::from_secs(10);
/// How long a feature whose request may be sent again has to arrive, and how often it is sent again.
const AGAIN: Duration = Duration::from_secs(3);
const REPEATED: usize = 3;
/// How long an error that was thrown may take to be printed.
const PRINTED: Duration = Duration::from_secs(20);
/// How long a host may take to end once its function has printed an error. Nothing is wrong when it stays up.
const ENDED: Duration = Duration::from_secs(5);
/// How long the SDK may take to send an error that was printed. Nothing is wrong when it sends none.
const SENT: Duration = Duration::from_secs(3);

/// Where boots are made from, and where their files go.
#[derive(Debug, Clone)]
pub struct Lab<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The `node` executable.
    pub node: &'a Path,
    /// The app as it is installed.
    pub installed: PathBuf,
    /// The hosts, where one of them starts the build.
    pub hosts: Option<&'a Placed>,
    /// Variables for every start, besides the scenario's.
    pub env: &'a [(String, String)],
    /// The directory for logs and traces; every boot needs a name of its own in it.
    pub logs: &'a Path,
}

/// Which form of a build is started, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it was built or rewritten.
    Finished,
    /// Edited afterwards, so that an archive of it is out of date.
    Edited,
    /// Node gets the instrumentation by `--import` as well.
    Preloaded,
}

impl Lab<'_> {
    /// Boots the build in `app`, sends the scenario's requests, and stops it.
    ///
    /// # Errors
    /// When the intake cannot be made.
    pub fn exercise(&self, name: &str, app: &Path, manner: Manner) -> Result<Seen<Observation>> {
        let intake = Intake::start()?;
        let trace = self.logs.join(format!("{name}.trace.jsonl"));
        let spec = self.spec(name, app, &intake, &trace, manner);
        let source = source_of(&spec);
        let mut watched = Watched::default();
        let seen = self.requests(&spec, &intake, &mut watched);
        let events = trace::events(&trace);
        // A start that failed has a timeline as well, as far as it came.
        watched.events = events.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
        let seen = seen.and_then(|seen| Ok(Observation { trace: ModuleTrace::of(&events?), ..seen }));
        Ok(Seen { seen, source, watched: Some(watched) })
    }

    fn requests(&self, spec: &Spec, intake: &Intake, watched: &mut Watched) -> Result<Observation> {
        let scenario = self.scenario;
        // Where no request is a transaction, the spans of the library are what can be waited for.
        let serves = scenario.start.host().is_none_or(|host| host.serves);
        watched.started = timeline::now();
        let server = server::start(spec)?;
        let (started, listened) = server.times();
        (watched.started, watched.listened) = (timeline::milliseconds(started), Some(timeline::milliseconds(listened)));
        let page = server.get(&scenario.page.path)?;
        watched.answered = Some(timeline::now());
        let asset = scenario.asset.as_ref().map(|asset| server.get(&asset.path)).transpose()?;
        let libraries =
            scenario.libraries.iter().map(|library| server.get(&library.path)).collect::<Result<Vec<_>>>()?;
        let package = scenario.package.as_ref().map(|package| server.get(&package.path)).transpose()?;
        let values = scenario.values.iter().map(|values| server.get(&values.path)).collect::<Result<Vec<_>>>()?;
        let features =
            scenario.features.iter().map(|feature| requested(&server, feature)).collect::<Result<Vec<_>>>()?;
        // Twice: a request's span ends after its response was sent, so the first flush can miss the last one's.
        server.get(&scenario.status)?;
        let status = server.get(&scenario.status)?;
        if status.json()["active"] == Value::Bool(true) {
            // No error when it does not come: what came is judged.
            let came = |received: &Received, library: &Library| {
                received.transactions().iter().any(|transaction| {
                    let mut spans = transaction.spans.iter().chain([&transaction.root]);
                    let is_wanted =
                        |span: &Span| span.origin.as_ref().is_some_and(|it| library.spans[0].origin.contains(it));
                    transaction.path.as_deref() == Some(&library.path) || !serves && spans.any(is_wanted)
                })
            };
            for feature in scenario.features.iter().filter(|feature| feature.again) {
                let arrived = || {
                    let arrived = |received: &Received| oracles::feature_arrived(feature, received).is_ok();
                    intake.wait_until(Instant::now() + AGAIN, arrived)
                };
                for _ in 0..REPEATED {
                    if arrived() {
                        break;
                    }
                    requested(&server, feature)?;
                }
            }
            intake.wait_until(Instant::now() + SPANS, |received| {
                let libraries = scenario.libraries.iter().all(|library| came(received, library));
                libraries && scenario.features.iter().all(|feature| oracles::feature_arrived(feature, received).is_ok())
            });
        }
        server.stop();
        let received = intake.received();
        let trace = ModuleTrace::default();
        let guard = guard_lines(&spec.log)?;
        Ok(Observation { page, asset, libraries, package, values, features, status, trace, received, guard })
    }

    /// Boots the build in `app` with `--import` of its instrumentation, and writes down whether it starts.
    ///
    /// # Errors
    /// When the intake cannot be made.
    pub fn start_preloaded(&self, name: &str, app: &Path) -> Result<Seen<StartSeen>> {
        let intake = Intake::start()?;
        let trace = self.logs.join(format!("{name}.trace.jsonl"));
        let spec = self.spec(name, app, &intake, &trace, Manner::Preloaded);
        let source = source_of(&spec);
        let seen = server::boot(&spec).map(|boot| match boot {
            Boot::Up(server) => {
                server.stop();
                StartSeen::Listened
            }
            Boot::Ended(finished) => StartSeen::Ended { exit: finished.exit, printed: finished.text },
        });
        Ok(Seen { seen, source, watched: None })
    }

    /// Boots a build whose runtime throws, and writes down what becomes of it.
    ///
    /// # Errors
    /// When the intake cannot be made.
    pub fn throwing(&self, name: &str, app: &Path) -> Result<Seen<ThrowObservation>> {
        let intake = Intake::start()?;
        let trace = self.logs.join(format!("{name}.trace.jsonl"));
        let spec = self.spec(name, app, &intake, &trace, Manner::Edited);
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
                // A host ends after its function has, and that after the SDK has sent the error.
                if printed && self.scenario.start.host().is_some_and(Host::loads_the_entry) {
                    server.wait_for_exit(ENDED);
                }
                let asset = self.scenario.asset.as_ref().and_then(|asset| server.get(&asset.path).ok());
                let asset = asset.map(|asset| asset.status);
                let exit = server.exit();
                server.stop();
                ThrowObservation { listened: true, exit, printed, asset }
            }
        });
        Ok(Seen { seen, source, watched: None })
    }

    /// Imports the entry of the build in `app` in a process of its own, and describes its exports.
    ///
    /// # Errors
    /// When the intake cannot be started or the script cannot be written.
    pub fn exports(&self, name: &str, app: &Path) -> Result<Seen<Value>> {
        let intake = Intake::start()?;
        let script = self.write_script(&format!("{name}.mjs"), include_str!("exports.mjs"))?;
        let result = self.logs.join(format!("{name}.json"));
        let mut spec = self.spec(name, app, &intake, &self.logs.join(format!("{name}.trace.jsonl")), Manner::Finished);
        spec.args = vec![script.into(), self.entry(app).into(), result.clone().into()];
        if let (Some(hosts), Some(host)) = (self.hosts, self.scenario.start.host()) {
            if let [program, args @ ..] = &host.engine[..] {
                spec.node = hosts.word(program, app).into();
                // Where the platform starts it: Deno installs what a manifest above its working directory names.
                spec.app = self.entry(app).ancestors().nth(2).unwrap_or(app).to_owned();
                spec.args.splice(..0, args.iter().map(|arg| hosts.word(arg, app)));
            } else {
                // Some entries listen on a port of their own choice.
                spec.args.splice(..0, ["--require".into(), hosts.file("runtimes/loopback.cjs").into()]);
                spec.env.push(("LOOPBACK_PORT".to_owned(), "0".into()));
            }
        }
        let source = source_of(&spec);
        let seen = server::run(&spec).and_then(|finished| {
            let text = std::fs::read_to_string(&result)
                .with_context(|| format!("the build cannot be imported: the script {}", finished.exit))?;
            serde_json::from_str(&text).context("what the script wrote is not JSON")
        });
        Ok(Seen { seen, source, watched: None })
    }

    /// Asks the loader of firebase-functions what a deployment of the build in `app` would make.
    ///
    /// # Errors
    /// When the intake cannot be started.
    pub fn firebase_stack(&self, name: &str, app: &Path) -> Result<Seen<Value>> {
        let intake = Intake::start()?;
        let hosts = self.hosts.context("only a scenario with a host is deployed")?;
        let mut spec = self.spec(name, app, &intake, &self.logs.join(format!("{name}.trace.jsonl")), Manner::Finished);
        // By its path: the package does not export its loader, which is what the command of Firebase runs.
        let loader = self.installed.join("node_modules/firebase-functions/lib/runtime/loader.js");
        let server = app.join(&self.scenario.server);
        spec.args = vec![hosts.file("runtimes/firebase-discovery.cjs").into(), loader.into(), server.into()];
        let source = source_of(&spec);
        let seen = server::run(&spec).and_then(|finished| {
            let stack: Value = serde_json::from_str(&finished.stdout)
                .with_context(|| format!("the build cannot be loaded: the script {}", finished.exit))?;
            Ok(stack["endpoints"].clone())
        });
        Ok(Seen { seen, source, watched: None })
    }

    /// How the build in `app` is started where nothing is looked into: without a module trace, which takes time.
    pub fn untraced(&self, name: &str, app: &Path, intake: &Intake, manner: Manner) -> Spec {
        let mut spec = self.spec(name, app, intake, Path::new(""), manner);
        spec.env.retain(|(name, _)| name != "MODULE_TRACE_FILE");
        spec
    }

    fn entry(&self, app: &Path) -> PathBuf {
        app.join(&self.scenario.server).join(&self.scenario.entry)
    }

    fn spec(&self, name: &str, app: &Path, intake: &Intake, trace: &Path, manner: Manner) -> Spec {
        let scenario = self.scenario;
        let instrumentation = format!("{}/{}", scenario.server, scenario.instrumentation);
        let mut spec = Spec {
            node: self.node.to_owned(),
            app: app.to_owned(),
            args: Vec::new(),
            env: vec![("SENTRY_DSN".to_owned(), intake.dsn().into()), ("MODULE_TRACE_FILE".to_owned(), trace.into())],
            port: Port::Reserved,
            log: self.logs.join(format!("{name}.log")),
        };
        let own = scenario.run_env.iter().map(|(name, value)| (name.clone(), value.into()));
        spec.env.extend(own.chain(self.env.iter().map(|(name, value)| (name.clone(), value.into()))));
        let preload = manner == Manner::Preloaded;
        let (Start::Host(host), Some(hosts)) = (&scenario.start, self.hosts) else {
            if preload {
                spec.args.extend(["--import".into(), format!("./{instrumentation}").into()]);
            }
            spec.args.push(format!("{}/{}", scenario.server, scenario.entry).into());
            return spec;
        };
        if host.start.program != "node" {
            spec.node = hosts.word(&host.start.program, app).into();
        }
        spec.app = hosts.word(&host.start.cwd, app).into();
        let in_place = (manner != Manner::Finished).then_some(&host.in_place);
        for (name, value) in host.env.iter().chain(in_place.into_iter().flatten()) {
            spec.env.push((name.clone(), value.into()));
        }
        // An absolute URL: each host starts the function in a directory of its own.
        let url = url::Url::from_file_path(app.join(&instrumentation)).map(String::from).unwrap_or_default();
        match host.preload.filter(|_| preload) {
            Some(Preload::Argument) => spec.args.extend(["--import".into(), url.into()]),
            Some(Preload::Environment) => {
                spec.env.push(("FUNCTION_NODE_OPTIONS".to_owned(), format!("--import={url}").into()));
            }
            None => {}
        }
        spec.args.extend(host.start.args.iter().map(|arg| hosts.word(arg, app)));
        spec
    }

    fn write_script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let script = self.logs.join(name);
        std::fs::write(&script, text).with_context(|| format!("failed to write `{}`", script.display()))?;
        Ok(script)
    }
}

/// Sends the request of a feature, or the form of its page.
fn requested(server: &Server, feature: &Feature) -> Result<Response> {
    let headers: Vec<(&str, &str)> =
        feature.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if !feature.form {
        return server.get_with(&feature.path, &headers);
    }
    let page = server.get(&feature.path)?;
    let text = page.text();
    let action = form_action(&text)
        .with_context(|| format!("the page `{}` has no form, it answered {}", feature.path, page.status))?;
    server.post_form(&action, &feature.path, &headers)
}

/// Where the first form of a page is sent to.
fn form_action(html: &str) -> Option<String> {
    let form = html.split("<form").nth(1)?.split('>').next()?;
    let (_, action) = form.split_once("action=\"")?;
    Some(action.split('"').next()?.replace("&amp;", "&"))
}

/// The lines of a log that the guard of a facade printed.
fn guard_lines(log: &Path) -> Result<Vec<String>> {
    let text = std::fs::read(log).with_context(|| format!("failed to read `{}`", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter(|line| line.contains("presentry: [")).map(str::to_owned).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_where_it_is_sent_to() {
        let html = r#"<p>x</p><form class="a" action="/_server?id=a&amp;args=b" method="post"><input></form>"#;
        assert_eq!(form_action(html).as_deref(), Some("/_server?id=a&args=b"));
        assert_eq!(form_action("<p>no form</p>"), None);
    }
}
