//! A Sentry intake on loopback: takes envelopes over the real protocol, and lets others wait for what they hold.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::envelope::{Envelope, Event, Item, Streamed, Transaction};

const PROJECT: &str = "1";
const PUBLIC_KEY: &str = "key";
/// Relay's own limit for a decompressed envelope is of this order; a body beyond it is a mistake.
const LIMIT: u64 = 100 * 1024 * 1024;
const THREADS: usize = 2;

/// What has come in so far.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Every envelope that was accepted.
    pub envelopes: Vec<Envelope>,
    /// Why each request that was refused was refused.
    pub refused: Vec<String>,
}

impl Received {
    /// The transactions of all envelopes, and the segments of all spans that came by themselves, which are the same: a root
    /// with the spans below it, in whatever envelopes they came.
    pub fn transactions(&self) -> Vec<Transaction> {
        let items = || self.envelopes.iter().flat_map(|envelope| &envelope.items);
        let streamed: Vec<&Streamed> = items()
            .filter_map(|item| if let Item::Spans(spans) = item { Some(spans) } else { None })
            .flatten()
            .collect();
        let within = |root: &Streamed| {
            let is_within = |one: &&&Streamed| !one.is_segment && one.segment.as_ref() == Some(&root.span.span_id);
            streamed.iter().filter(is_within).map(|one| one.span.clone()).collect()
        };
        let segments = streamed.iter().filter(|one| one.is_segment).map(|root| Transaction {
            name: root.span.description.clone().unwrap_or_default(),
            root: root.span.clone(),
            path: root.path.clone(),
            spans: within(root),
            sdk: root.sdk.clone(),
        });
        let whole = items().filter_map(|item| if let Item::Transaction(one) = item { Some(one.clone()) } else { None });
        whole.chain(segments).collect()
    }

    /// The errors of all envelopes.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.envelopes.iter().flat_map(|envelope| &envelope.items).filter_map(|item| match item {
            Item::Event(event) => Some(event),
            Item::Transaction(_) | Item::Spans(_) | Item::Other(_) => None,
        })
    }
}

#[derive(Default)]
struct Shared {
    received: Mutex<Received>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running intake. It stops when it is dropped.
pub struct Intake {
    server: Arc<Server>,
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

impl Intake {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Intake> {
        let server = Server::http("127.0.0.1:0")
            .map_err(|error| anyhow!(error))
            .context("failed to start the Sentry intake on 127.0.0.1")?;
        let address = server.server_addr().to_ip().context("the intake has no IP address")?;
        let server = Arc::new(server);
        let shared = Arc::new(Shared::default());
        let threads = (0..THREADS)
            .map(|_| {
                let (server, shared) = (Arc::clone(&server), Arc::clone(&shared));
                std::thread::spawn(move || {
                    while let Ok(request) = server.recv() {
                        answer(request, &shared);
                    }
                })
            })
            .collect();
        Ok(Intake { server, shared, address, threads })
    }

    /// The DSN that leads here.
    pub fn dsn(&self) -> String {
        format!("http://{PUBLIC_KEY}@{}/{PROJECT}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A copy of what has come in so far.
    pub fn received(&self) -> Received {
        self.shared.lock().clone()
    }

    /// Waits until what came in satisfies `condition`, or `deadline` has passed; true where it was satisfied.
    pub fn wait_until(&self, deadline: Instant, condition: impl Fn(&Received) -> bool) -> bool {
        let mut received = self.shared.lock();
        loop {
            if condition(&received) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            received = self.shared.changed.wait_timeout(received, left).unwrap_or_else(PoisonError::into_inner).0;
        }
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

/// Why a request is not taken: the status that says so, and the reason.
type Refusal = (u16, String);

fn answer(mut request: Request, shared: &Shared) {
    let what = format!("{} {}", request.method(), request.url());
    let (status, body) = match take(&mut request) {
        Ok(envelope) => {
            // Recorded before it is acknowledged: a client that was told so has been heard.
            let id = serde_json::json!({ "id": envelope.event_id });
            shared.lock().envelopes.push(envelope);
            (200, id)
        }
        Err((status, reason)) => {
            let detail = serde_json::json!({ "detail": reason });
            shared.lock().refused.push(format!("`{what}`: {status}, {reason}"));
            (status, detail)
        }
    };
    shared.changed.notify_all();
    let mut response = Response::from_string(body.to_string()).with_status_code(status);
    if let Ok(header) = Header::from_bytes("content-type", "application/json") {
        response.add_header(header);
    }
    // A client that hung up has nothing to be told.
    let _ = request.respond(response);
}

fn take(request: &mut Request) -> Result<Envelope, Refusal> {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    if path.trim_end_matches('/') != format!("/api/{PROJECT}/envelope") {
        return Err((404, format!("only `/api/{PROJECT}/envelope/` is served")));
    }
    if *request.method() != Method::Post {
        return Err((405, "an envelope is sent by `POST`".to_owned()));
    }
    let header = |name: &str| {
        request
            .headers()
            .iter()
            .find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str().to_owned())
    };
    let key = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "sentry_key")
        .map(|(_, key)| key.into_owned())
        .or_else(|| header("x-sentry-auth").and_then(|auth| key_of_header(&auth)));
    match key.as_deref() {
        Some(PUBLIC_KEY) => {}
        Some(other) => return Err((403, format!("`sentry_key` is `{other}`"))),
        None => return Err((401, "no `sentry_key` in the query or `X-Sentry-Auth`".to_owned())),
    }
    let encoding = header("content-encoding").unwrap_or_default().to_ascii_lowercase();
    let body = decode(request.as_reader(), &encoding)?;
    Envelope::parse(&body).map_err(|error| (400, format!("{error:#}")))
}

/// `Sentry sentry_version=7, sentry_key=key` → `key`.
fn key_of_header(value: &str) -> Option<String> {
    let fields = value.strip_prefix("Sentry ")?;
    fields.split(',').find_map(|field| field.trim().strip_prefix("sentry_key=")).map(str::to_owned)
}

fn decode(body: &mut dyn Read, encoding: &str) -> Result<Vec<u8>, Refusal> {
    let mut reader: Box<dyn Read + '_> = match encoding {
        "" | "identity" => Box::new(body),
        "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(body)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(body)),
        other => return Err((415, format!("`content-encoding: {other}` is not known"))),
    };
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| (400, format!("the body cannot be read: {error}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err((413, format!("the body is larger than {LIMIT} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::envelope::Span;

    #[test]
    fn spans_of_one_segment_are_a_transaction_in_whatever_envelopes_they_come() {
        let span = |id: &str, segment: &str| Streamed {
            span: Span {
                trace_id: "t".to_owned(),
                span_id: id.to_owned(),
                parent_span_id: None,
                op: None,
                origin: None,
                description: Some(id.to_owned()),
            },
            is_segment: id == segment,
            segment: Some(segment.to_owned()),
            path: Some(format!("/{id}")),
            sdk: Value::Null,
        };
        let envelope =
            |spans: Vec<Streamed>| Envelope { event_id: None, sdk: Value::Null, items: vec![Item::Spans(spans)] };
        let envelopes =
            vec![envelope(vec![span("a", "r"), span("x", "s")]), envelope(vec![span("b", "r"), span("r", "r")])];
        let transactions = Received { envelopes, refused: Vec::new() }.transactions();
        let [one] = &transactions[..] else { panic!("{transactions:?}") };
        assert_eq!((one.name.as_str(), one.path.as_deref()), ("r", Some("/r")));
        let below: Vec<&str> = one.spans.iter().map(|span| span.span_id.as_str()).collect();
        assert_eq!(below, ["a", "b"]);
    }
}
