//! A built server as a child process: ports, readiness, requests, and clear errors when it dies.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use crate::evidence::Source;
use crate::process::{Exit, Finished, Invocation, Output, Running, Stream};

/// How long a server may take to listen. A cold boot on a busy machine takes seconds.
const READY: Duration = Duration::from_secs(60);
const REQUEST: Duration = Duration::from_secs(30);
/// How often a reserved port may be lost to another process before that is an error.
const ATTEMPTS: usize = 3;
/// How a server says that it listens: Nitro 2, and srvx under Nitro 3.
const READY_LINES: [&str; 2] = ["Listening on http", "Listening on: http"];

/// Which port a server gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// A free one. Lost to another process in between, another one is tried.
    Reserved,
    /// This one.
    Fixed(u16),
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The `node` executable.
    pub node: PathBuf,
    /// The directory the server is started in.
    pub app: PathBuf,
    /// Arguments of Node, the entry last.
    pub args: Vec<OsString>,
    /// Variables for the server, besides those that give it its port.
    pub env: Vec<(String, OsString)>,
    /// The port it shall listen on.
    pub port: Port,
    /// Where its output goes.
    pub log: PathBuf,
}

/// What a start came to.
#[derive(Debug)]
pub enum Boot {
    /// It listens.
    Up(Server),
    /// It ended before it listened.
    Ended(Finished),
}

/// A server that listens. Dropping it kills its process group.
#[derive(Debug)]
pub struct Server {
    running: Running,
    port: u16,
    client: ureq::Agent,
    started: SystemTime,
    ready_after: Duration,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A port of 127.0.0.1 that is held by this process until it is handed over.
#[derive(Debug)]
pub struct Reservation {
    listener: TcpListener,
    port: u16,
}

impl Reservation {
    /// Reserves a free port.
    ///
    /// # Errors
    /// When the system has none.
    pub fn new() -> Result<Reservation> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("failed to reserve a port")?;
        let port = listener.local_addr().context("failed to read the reserved port")?.port();
        Ok(Reservation { listener, port })
    }

    /// Frees the port for whoever binds it next, and returns it.
    pub fn hand_over(self) -> u16 {
        drop(self.listener);
        self.port
    }
}

/// Starts a server and demands that it listens.
///
/// # Errors
/// As [`boot`], and when the server ends before it listens.
pub fn start(spec: &Spec) -> Result<Server> {
    match boot(spec)? {
        Boot::Up(server) => Ok(server),
        Boot::Ended(finished) => bail!(
            "the server {} before it listened\n{}\n{}",
            finished.exit,
            last_lines(&finished.text),
            finished.source
        ),
    }
}

/// Starts a server and waits until it says that it listens, or has ended.
///
/// # Errors
/// When it cannot be started, its port is busy, it listens elsewhere, or does neither within a minute.
pub fn boot(spec: &Spec) -> Result<Boot> {
    with_port(spec.port, |port| try_boot(spec, port))
}

/// Runs a server program that ends by itself, such as a script that imports the entry.
///
/// # Errors
/// When it cannot be started, its port is busy, or it does not end within a minute.
pub fn run(spec: &Spec) -> Result<Finished> {
    with_port(spec.port, |port| {
        let finished = invocation(spec, port).run(&spec.log, READY)?;
        Ok(if finished.text.contains("EADDRINUSE") { None } else { Some(finished) })
    })
}

/// Calls `attempt` with a port until it does not find that port busy.
fn with_port<T>(port: Port, mut attempt: impl FnMut(u16) -> Result<Option<T>>) -> Result<T> {
    let (attempts, fixed) = match port {
        Port::Reserved => (ATTEMPTS, None),
        Port::Fixed(port) => (1, Some(port)),
    };
    let mut busy = Vec::new();
    for _ in 0..attempts {
        let number = match fixed {
            Some(number) => number,
            None => Reservation::new()?.hand_over(),
        };
        if let Some(done) = attempt(number)? {
            return Ok(done);
        }
        busy.push(format!("`{number}`"));
    }
    bail!(
        "port {} of 127.0.0.1 is busy: the server printed `EADDRINUSE`\nhint: end the process that listens there",
        busy.join(", then ")
    )
}

/// Nothing where the port is busy.
fn try_boot(spec: &Spec, port: u16) -> Result<Option<Boot>> {
    enum Seen {
        Ready(String),
        Busy,
        Ended,
    }
    let (started, start) = (SystemTime::now(), Instant::now());
    let running = invocation(spec, port).spawn(&spec.log)?;
    let look = |output: &Output| {
        if output.contains("EADDRINUSE") {
            // Nitro's traps keep a server alive that could not listen, so the exit is not waited for.
            return Some(Seen::Busy);
        }
        let ready = output.lines(Stream::Stdout).find(|line| READY_LINES.iter().any(|ready| line.contains(ready)));
        ready.map(|line| Seen::Ready(line.to_owned())).or(output.exit().map(|_| Seen::Ended))
    };
    match running.wait_for(Instant::now() + READY, look) {
        Some(Seen::Busy) => Ok(None),
        Some(Seen::Ended) => {
            let finished = running.stop();
            // The line may have come in after the end was seen.
            Ok(if finished.text.contains("EADDRINUSE") { None } else { Some(Boot::Ended(finished)) })
        }
        Some(Seen::Ready(line)) => {
            let ready_after = start.elapsed();
            if !line.contains(&format!(":{port}")) {
                bail!("the server was given port `{port}` and printed `{line}`\n{}", running.describe());
            }
            let client = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(REQUEST))
                .max_redirects(0)
                .proxy(None)
                .build();
            Ok(Some(Boot::Up(Server { running, port, client: client.into(), started, ready_after })))
        }
        None => {
            bail!("the server did not print `{}…` within {}s\n{}", READY_LINES[0], READY.as_secs(), running.describe())
        }
    }
}

fn invocation(spec: &Spec, port: u16) -> Invocation {
    let mut invocation = Invocation::new(&spec.node, &spec.app)
        .args(spec.args.iter().cloned())
        .env("HOST", "127.0.0.1")
        .env("NITRO_HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .env("NITRO_PORT", port.to_string());
    // The SDK sends through a proxy where one is named, and a proxy does not reach a loopback intake.
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        invocation = invocation.env_remove(proxy).env_remove(&proxy.to_ascii_uppercase());
    }
    for (name, value) in &spec.env {
        invocation = invocation.env(name, value.clone());
    }
    invocation
}

impl Server {
    /// Where the evidence is.
    pub fn source(&self) -> Source {
        self.running.source()
    }

    /// The process id of the server.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// When it was started, and when it said that it listens.
    pub fn times(&self) -> (SystemTime, SystemTime) {
        (self.started, self.started + self.ready_after)
    }

    /// The time from its start until it said that it listens.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Sends `GET path` and reads the whole response, whatever its status.
    ///
    /// # Errors
    /// When no response comes; the message says how the server ended where it did.
    pub fn get(&self, path: &str) -> Result<Response> {
        self.get_with(path, &[])
    }

    /// As [`Server::get`], with these headers.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let mut request = self.client.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answered("GET", path, request.call())
    }

    /// Sends a form that stands on the page `from` to `path`, with these headers.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub fn post_form(&self, path: &str, from: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let mut request =
            self.client.post(self.url(path)).header("referer", self.url(from)).header("origin", self.url(""));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answered("POST", path, request.send_form([("field", "value")]))
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Reads the whole response.
    fn answered(
        &self,
        method: &str,
        path: &str,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response> {
        let sent = sent.and_then(|mut response| {
            let body = response.body_mut().read_to_vec()?;
            Ok(Response { status: response.status().as_u16(), body })
        });
        sent.map_err(|error| {
            // A connection breaks a moment before the system reports the end of the process that held it.
            let soon = Instant::now() + Duration::from_secs(2);
            match self.running.wait_for(soon, Output::exit) {
                Some(exit) => {
                    anyhow::anyhow!(
                        "the server {exit} while `{method} {path}` was under way\n{}",
                        self.running.describe()
                    )
                }
                None => anyhow::anyhow!("`{method} {path}` failed: {error}\n{}", self.running.describe()),
            }
        })
    }

    /// How the server ended; nothing while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.running.inspect(Output::exit)
    }

    /// Waits until the server has ended; nothing where it has not within `limit`.
    pub fn wait_for_exit(&self, limit: Duration) -> Option<Exit> {
        self.running.wait_for(Instant::now() + limit, Output::exit)
    }

    /// Waits until the server has printed `needle` or has ended; true where it has printed it.
    pub fn wait_for_text(&self, needle: &str, limit: Duration) -> bool {
        self.running
            .wait_for(Instant::now() + limit, |output| {
                if output.contains(needle) { Some(true) } else { output.exit().map(|_| false) }
            })
            .unwrap_or(false)
    }

    /// Stops the server: SIGTERM, and after a few seconds SIGKILL.
    pub fn stop(self) -> Finished {
        self.running.stop()
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
