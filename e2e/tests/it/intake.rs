//! The intake over real sockets: encodings, transfer, authentication, bad input.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use presentry_e2e::envelope::Item;
use presentry_e2e::intake::{Intake, Received};

const ENVELOPE: &str = "{\"event_id\":\"e1\"}\n{\"type\":\"client_report\"}\n{}\n";
const PATH: &str = "/api/1/envelope/?sentry_key=key";

/// Sends raw bytes and returns the status.
fn send(intake: &Intake, head: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(intake.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("`{response}`"))
}

fn post(intake: &Intake, path: &str, headers: &str, body: &[u8]) -> u16 {
    send(intake, &format!("POST {path} HTTP/1.1\r\ncontent-length: {}{headers}", body.len()), body)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in body.chunks(7) {
        out.extend(format!("{:x}\r\n", part.len()).bytes());
        out.extend(part);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn took_one(intake: &Intake) {
    let received = intake.received();
    assert_eq!(received.envelopes.len(), 1, "{:?}", received.refused);
    assert_eq!(received.envelopes[0].event_id.as_deref(), Some("e1"));
    assert_eq!(received.envelopes[0].items, [Item::Other("client_report".into())]);
}

#[test]
fn takes_every_encoding() {
    let body = ENVELOPE.as_bytes();
    for (headers, body) in [
        ("", body.to_vec()),
        ("\r\ncontent-encoding: identity", body.to_vec()),
        ("\r\ncontent-encoding: gzip", gzip(body)),
        ("\r\nContent-Encoding: GZIP", gzip(body)),
        ("\r\ncontent-encoding: deflate", deflate(body)),
    ] {
        let intake = Intake::start().unwrap();
        assert_eq!(post(&intake, PATH, headers, &body), 200, "`{headers}`");
        took_one(&intake);
    }
}

#[test]
fn takes_chunked_transfer() {
    // Node's SDK streams its gzip, so this is the common case.
    for (headers, body) in
        [("", chunked(ENVELOPE.as_bytes())), ("\r\ncontent-encoding: gzip", chunked(&gzip(ENVELOPE.as_bytes())))]
    {
        let intake = Intake::start().unwrap();
        let head = format!("POST {PATH} HTTP/1.1\r\ntransfer-encoding: chunked{headers}");
        assert_eq!(send(&intake, &head, &body), 200);
        took_one(&intake);
    }
}

#[test]
fn takes_the_key_from_the_header() {
    let intake = Intake::start().unwrap();
    let auth = "\r\nX-Sentry-Auth: Sentry sentry_version=7, sentry_client=x/1, sentry_key=key";
    assert_eq!(post(&intake, "/api/1/envelope/", auth, ENVELOPE.as_bytes()), 200);
    took_one(&intake);
}

#[test]
fn refuses_and_records_what_is_wrong() {
    let intake = Intake::start().unwrap();
    let body = ENVELOPE.as_bytes();
    assert_eq!(post(&intake, "/api/1/envelope/", "", body), 401);
    assert_eq!(post(&intake, "/api/1/envelope/?sentry_key=other", "", body), 403);
    assert_eq!(post(&intake, "/api/2/envelope/?sentry_key=key", "", body), 404);
    assert_eq!(post(&intake, "/api/1/store/?sentry_key=key", "", body), 404);
    assert_eq!(post(&intake, PATH, "\r\ncontent-encoding: zstd", body), 415);
    assert_eq!(post(&intake, PATH, "\r\ncontent-encoding: gzip", body), 400);
    assert_eq!(post(&intake, PATH, "", b"no envelope"), 400);
    assert_eq!(post(&intake, PATH, "", b""), 400);
    assert_eq!(send(&intake, &format!("GET {PATH} HTTP/1.1"), b""), 405);
    let received = intake.received();
    assert_eq!(received.envelopes, []);
    assert_eq!(received.refused.len(), 9, "{:?}", received.refused);
    assert!(received.refused[0].contains("401, no `sentry_key`"), "{:?}", received.refused[0]);
    // It is still there for who does it right.
    assert_eq!(post(&intake, PATH, "", body), 200);
}

#[test]
fn waits_for_what_it_is_told_and_not_longer() {
    let intake = Intake::start().unwrap();
    let soon = Instant::now() + Duration::from_millis(50);
    assert!(!intake.wait_until(soon, |received: &Received| !received.envelopes.is_empty()));
    let far = Instant::now() + Duration::from_secs(60);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| intake.wait_until(far, |received| !received.envelopes.is_empty()));
        assert_eq!(post(&intake, PATH, "", ENVELOPE.as_bytes()), 200);
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn its_dsn_leads_to_it() {
    let intake = Intake::start().unwrap();
    assert_eq!(intake.dsn(), format!("http://key@{}/1", intake.address()));
}
