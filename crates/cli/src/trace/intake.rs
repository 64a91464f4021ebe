//! The Sentry intake of a trace: a server on loopback that takes envelopes and keeps what they hold. Judges nothing.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::{self, Read},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context as _, anyhow};
use tiny_http::{Method, Request, Response, Server};

use super::envelope::{self, Content};

/// Relay's own limit for an envelope is of this order; more is a mistake.
const LIMIT: u64 = 100 << 20;

/// How many requests are answered at a time.
const THREADS: usize = 2;

/// What has come in so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) content: Content,
    /// How many envelopes there were.
    pub(crate) envelopes: usize,
    /// Why each request that was refused was refused.
    pub(crate) refused: Vec<String>,
    /// When something last came.
    pub(crate) last: Option<Instant>,
}

/// A running intake. It stops when it is dropped.
pub(crate) struct Intake {
    server: Arc<Server>,
    received: Arc<Mutex<Received>>,
    address: SocketAddr,
    key: String,
    threads: Vec<JoinHandle<()>>,
}

impl Intake {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let server = Server::http("127.0.0.1:0").map_err(|error| anyhow!(error));
        let server = Arc::new(server.context("failed to start an intake on 127.0.0.1")?);
        let address = server.server_addr().to_ip().context("the intake has no IP address")?;
        // Another program on this machine does not know it, so what arrives is of the traced server.
        let key = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
        let received = Arc::new(Mutex::new(Received::default()));
        let serve = || {
            let (server, received, key) = (Arc::clone(&server), Arc::clone(&received), key.clone());
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    answer(request, &received, &key);
                }
            })
        };
        let threads = (0..THREADS).map(|_| serve()).collect();
        Ok(Self { server, received, address, key, threads })
    }

    /// The DSN that leads here.
    pub(crate) fn dsn(&self) -> String {
        format!("http://{}@{}/1", self.key, self.address)
    }

    /// Where a client of the SDK posts envelopes to, and how its DSN is known.
    pub(crate) fn for_probe(&self) -> serde_json::Value {
        let Self { address, key, .. } = self;
        let url = format!("http://{address}/api/1/envelope/?sentry_version=7&sentry_key={key}");
        serde_json::json!({
            "host": address.ip().to_string(), "port": address.port(), "publicKey": key, "url": url,
        })
    }

    /// What has come in so far.
    pub(crate) fn received(&self) -> Received {
        lock(&self.received).clone()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut request: Request, received: &Mutex<Received>, key: &str) {
    let taken = take(&mut request, key);
    let status = match taken {
        Ok(content) => {
            // Kept before it is acknowledged: a client that was told so has been heard.
            let mut received = lock(received);
            received.envelopes += 1;
            received.content.spans.extend(content.spans);
            received.content.errors.extend(content.errors);
            received.last = Some(Instant::now());
            200
        }
        Err((status, reason)) => {
            lock(received).refused.push(reason);
            status
        }
    };
    // A client that hung up has nothing to be told.
    let _ = request.respond(Response::from_string("{}").with_status_code(status));
}

/// The content of an envelope, or the status and the reason why it is not taken.
fn take(request: &mut Request, key: &str) -> Result<Content, (u16, String)> {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    let header = |name: &str| {
        let headers = request.headers().iter();
        let found = headers.into_iter().find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name));
        found.map(|header| header.value.as_str().to_owned()).unwrap_or_default()
    };
    if *request.method() != Method::Post || path.trim_end_matches('/') != "/api/1/envelope" {
        return Err((404, format!("`{} {path}` is not the endpoint of envelopes", request.method())));
    }
    let given = format!("sentry_key={key}");
    let in_query = query.split('&').any(|part| part == given);
    if !in_query && !header("x-sentry-auth").split([',', ' ']).any(|part| part == given) {
        return Err((403, "an envelope with the key of another DSN came".to_owned()));
    }
    let encoding = header("content-encoding").to_ascii_lowercase();
    let body = decoded(request.as_reader(), &encoding)?;
    envelope::parse(&body).map_err(|error| (400, error.to_string()))
}

fn decoded(body: &mut dyn Read, encoding: &str) -> Result<Vec<u8>, (u16, String)> {
    let mut bytes = Vec::new();
    let read: io::Result<usize> = match encoding {
        "" | "identity" => body.take(LIMIT + 1).read_to_end(&mut bytes),
        "gzip" => flate2::read::MultiGzDecoder::new(body).take(LIMIT + 1).read_to_end(&mut bytes),
        "deflate" => flate2::read::ZlibDecoder::new(body).take(LIMIT + 1).read_to_end(&mut bytes),
        other => return Err((415, format!("`content-encoding: {other}` is not known"))),
    };
    read.map_err(|error| (400, format!("the body cannot be read: {error}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err((413, "an envelope is larger than 100 MB".to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SPAN: &str =
        "{}\n{\"type\":\"span\"}\n{\"trace_id\":\"t\",\"span_id\":\"s\",\"description\":\"x\",\"start_timestamp\":1}\n";

    fn post(intake: &Intake, query: &str, encoding: &str, body: &[u8]) -> u16 {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("http://{}/api/1/envelope/?{query}", intake.address);
        agent.post(url).header("content-encoding", encoding).send(body).unwrap().status().as_u16()
    }

    #[test]
    fn envelopes_are_taken_plain_and_compressed() {
        let intake = Intake::start().unwrap();
        let key = format!("sentry_version=7&sentry_key={}", intake.key);
        assert_eq!(post(&intake, &key, "identity", SPAN.as_bytes()), 200);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(SPAN.as_bytes()).unwrap();
        assert_eq!(post(&intake, &key, "gzip", &gzip.finish().unwrap()), 200);
        let received = intake.received();
        assert_eq!((received.envelopes, received.content.spans.len()), (2, 2));
        assert!(received.last.is_some() && received.refused.is_empty());
    }

    #[test]
    fn what_is_not_of_the_traced_server_is_refused() {
        let intake = Intake::start().unwrap();
        let key = format!("sentry_key={}", intake.key);
        assert_eq!(post(&intake, "sentry_key=other", "identity", SPAN.as_bytes()), 403);
        assert_eq!(post(&intake, &key, "identity", b"nonsense"), 400);
        assert_eq!(post(&intake, &key, "br", SPAN.as_bytes()), 415);
        assert_eq!(intake.received().refused.len(), 3);
        assert_eq!(intake.received().envelopes, 0);
    }
}
