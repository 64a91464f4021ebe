//! Servers that live, die, throw, and find their port taken.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use presentry_e2e::process::Exit;
use presentry_e2e::server::{self, Boot, Port, Reservation, Spec};

use crate::{node, write};

/// What Nitro's node-server does, as far as the harness can tell.
const SERVER: &str = r#"
import { createServer } from "node:http";
const server = createServer((request, response) => {
  if (request.url === "/die") process.kill(process.pid, "SIGKILL");
  else if (request.url === "/exit") process.exit(3);
  else response.end(JSON.stringify({ url: request.url, env: Object.keys(process.env) }));
});
server.listen(process.env.NITRO_PORT, process.env.NITRO_HOST, () => {
  console.log(`Listening on http://${process.env.NITRO_HOST}:${server.address().port}`);
});
"#;

fn spec(directory: &Path, script: &str, port: Port) -> Spec {
    write(directory, "server.mjs", script);
    Spec {
        node: node(),
        app: directory.to_owned(),
        args: vec!["server.mjs".into()],
        env: vec![("SENTRY_DSN".to_owned(), "http://key@127.0.0.1:1/1".into())],
        port,
        log: directory.join("server.log"),
    }
}

#[test]
fn a_server_answers_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let server = server::start(&spec(directory.path(), SERVER, Port::Reserved)).unwrap();
    let response = server.get("/a?b").unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["url"], "/a?b");
    let env = response.json()["env"].to_string();
    assert!(env.contains("\"SENTRY_DSN\""), "what the harness sets arrives");
    assert!(!env.to_lowercase().contains("\"http_proxy\""), "a proxy does not reach a loopback intake");
    assert_eq!(server.exit(), None);
    let finished = server.stop();
    assert!(!finished.exit.success(), "it had no handler for SIGTERM: {}", finished.exit);
    let log = std::fs::read_to_string(directory.path().join("server.log")).unwrap();
    assert!(log.starts_with("$ cd ") && log.contains("server.mjs") && log.contains("Listening on"), "{log}");
}

#[test]
fn a_killed_server_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = server::start(&spec(directory.path(), SERVER, Port::Reserved)).unwrap();
    let error = server.get("/die").unwrap_err().to_string();
    if cfg!(unix) {
        assert!(error.starts_with("the server was killed by signal 9 while `GET /die` was under way"), "{error}");
    }
    assert!(error.contains("server.mjs") && error.contains("  log: "), "{error}");
}

#[test]
fn a_server_that_exits_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = server::start(&spec(directory.path(), SERVER, Port::Reserved)).unwrap();
    let error = server.get("/exit").unwrap_err().to_string();
    assert!(error.starts_with("the server exited with code 3 while `GET /exit` was under way"), "{error}");
}

#[test]
fn a_throwing_runtime_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let throwing = spec(directory.path(), "throw new Error('no database');", Port::Reserved);
    let error = server::start(&throwing).unwrap_err().to_string();
    assert!(error.starts_with("the server exited with code 1 before it listened"), "{error}");
    assert!(error.contains("Error: no database"), "{error}");
    match server::boot(&throwing).unwrap() {
        Boot::Ended(finished) => assert_eq!(finished.exit, Exit::Code(1)),
        Boot::Up(_) => panic!("it throws before it listens"),
    }
}

#[test]
fn a_server_that_ends_quietly_is_no_server() {
    let directory = tempfile::tempdir().unwrap();
    let error = server::start(&spec(directory.path(), "", Port::Reserved)).unwrap_err().to_string();
    assert!(error.starts_with("the server exited with code 0 before it listened"), "{error}");
}

#[test]
fn a_busy_port_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = server::start(&spec(directory.path(), SERVER, Port::Fixed(port))).unwrap_err().to_string();
    assert!(error.starts_with(&format!("port `{port}` of 127.0.0.1 is busy")), "{error}");
    assert!(error.contains("hint: "), "{error}");
}

#[test]
fn a_busy_port_is_seen_although_the_server_lives_on() {
    // Nitro's traps log the error and keep the process.
    let trapped = format!("process.on('uncaughtException', console.error); setInterval(() => {{}}, 1000);\n{SERVER}");
    let directory = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = server::start(&spec(directory.path(), &trapped, Port::Fixed(port))).unwrap_err().to_string();
    assert!(error.contains("is busy"), "{error}");
}

#[test]
fn a_port_lost_in_the_race_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let unlucky = format!(
        r#"import {{ existsSync, writeFileSync }} from "node:fs";
if (!existsSync("been-here")) {{
  writeFileSync("been-here", "");
  throw new Error("listen EADDRINUSE: address already in use");
}}
{SERVER}"#
    );
    let server = server::start(&spec(directory.path(), &unlucky, Port::Reserved)).unwrap();
    assert_eq!(server.get("/").unwrap().status, 200);
}

#[test]
fn a_server_on_another_port_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let stubborn = "console.log('Listening on http://127.0.0.1:1'); setInterval(() => {}, 1000);";
    let error = server::start(&spec(directory.path(), stubborn, Port::Reserved)).unwrap_err().to_string();
    assert!(error.contains("printed `Listening on http://127.0.0.1:1`"), "{error}");
}

#[test]
fn a_reserved_port_is_held_until_it_is_handed_over() {
    let reservation = Reservation::new().unwrap();
    let other = Reservation::new().unwrap();
    let (port, other) = (reservation.hand_over(), other.hand_over());
    assert_ne!(port, other);
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
}

#[test]
fn text_is_waited_for_and_its_absence_noticed() {
    let directory = tempfile::tempdir().unwrap();
    // From the moment that it listens, which comes late where the machine is busy.
    let end = "setTimeout(() => { console.error('late'); process.exit(0); }, 50)";
    let later = format!("{SERVER}\nserver.once('listening', () => {end});");
    let server = server::start(&spec(directory.path(), &later, Port::Reserved)).unwrap();
    assert!(server.wait_for_text("late", Duration::from_secs(20)));
    assert!(!server.wait_for_text("never", Duration::from_secs(20)), "the end of the process ends the wait");
}
