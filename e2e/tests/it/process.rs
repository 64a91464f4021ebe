//! Process groups: deadlines, guards, and what they leave behind.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use presentry_e2e::process::{Exit, Invocation};

use crate::{node, write};

/// A process with a child of its own; both connect to the port given. A connection ends with its process.
const PARENT: &str = r#"
import { spawn } from "node:child_process";
import { connect } from "node:net";
const [, script, port, role] = process.argv;
if (role !== "child") spawn(process.execPath, [script, port, "child"], { stdio: "inherit" });
if (process.env.STUBBORN) process.on("SIGTERM", () => {});
connect(Number(port), "127.0.0.1");
setInterval(() => {}, 1000);
"#;

struct Family {
    listener: TcpListener,
    invocation: Invocation,
}

impl Family {
    fn new(directory: &Path) -> Family {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let script = write(directory, "parent.mjs", PARENT);
        let port = listener.local_addr().unwrap().port();
        let invocation = Invocation::new(node(), directory).arg(script).arg(port.to_string());
        Family { listener, invocation }
    }

    /// Waits until both have connected.
    fn members(&self) -> Vec<TcpStream> {
        (0..2).map(|_| self.listener.accept().unwrap().0).collect()
    }
}

/// Whether the process at the other end is gone, which closes the connection.
fn is_gone(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn output_and_exit_code_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let finished = Invocation::new(node(), directory.path())
        .args(["-e", "console.log('out'); console.error('err'); process.exitCode = 7"])
        .run(&log, Duration::from_secs(60))
        .unwrap();
    assert_eq!(finished.exit, Exit::Code(7));
    assert_eq!(finished.stdout, "out\n");
    assert!(finished.text.contains("err"));
}

#[test]
fn a_failure_carries_its_evidence() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let error = Invocation::new(node(), directory.path())
        .args(["-e", "console.error('what went wrong'); process.exit(2)"])
        .run_ok(&log, Duration::from_secs(60))
        .unwrap_err()
        .to_string();
    for part in ["exited with code 2", "what went wrong", "  command: ", "  directory: ", "  log: "] {
        assert!(error.contains(part), "`{part}` is not in `{error}`");
    }
    assert!(std::fs::read_to_string(log).unwrap().contains("what went wrong"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = Invocation::new(&missing, directory.path())
        .run(&directory.path().join("log"), Duration::from_secs(1))
        .unwrap_err();
    assert!(error.to_string().starts_with("failed to start `"), "{error}");
}

#[test]
fn the_environment_is_scrubbed() {
    // `cargo test` itself must not set these, so the child is asked for one that is always set and one given.
    let directory = tempfile::tempdir().unwrap();
    let finished = Invocation::new(node(), directory.path())
        .args(["-p", "[process.env.PATH !== undefined, process.env.PORT, process.env.HOME2].join()"])
        .env("PORT", "81")
        .env_remove("HOME2")
        .run(&directory.path().join("log"), Duration::from_secs(60))
        .unwrap();
    assert_eq!(finished.stdout, "true,81,\n");
}

#[cfg(unix)]
#[test]
fn a_dropped_guard_leaves_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let family = Family::new(directory.path());
    let running = family.invocation.spawn(&directory.path().join("log")).unwrap();
    let members = family.members();
    drop(running);
    assert!(members.iter().all(is_gone));
}

#[cfg(unix)]
#[test]
fn a_deadline_leaves_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let family = Family::new(directory.path());
    let log = directory.path().join("log");
    let (error, members) = std::thread::scope(|scope| {
        let run = scope.spawn(|| family.invocation.run(&log, Duration::from_secs(3)));
        let members = family.members();
        (run.join().unwrap().unwrap_err(), members)
    });
    assert!(error.to_string().contains("did not end within 3s"), "{error}");
    assert!(members.iter().all(is_gone));
}

#[cfg(unix)]
#[test]
fn a_leader_that_dies_leaves_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let family = Family::new(directory.path());
    let running = family.invocation.spawn(&directory.path().join("log")).unwrap();
    let members = family.members();
    let leader = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(leader, rustix::process::Signal::KILL).unwrap();
    let exit = running.wait_for(Instant::now() + Duration::from_secs(20), |output| output.exit());
    assert_eq!(exit, Some(Exit::Signal(9)));
    assert!(members.iter().all(is_gone));
}

#[cfg(unix)]
#[test]
fn who_ignores_sigterm_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut family = Family::new(directory.path());
    family.invocation = family.invocation.env("STUBBORN", "1");
    let running = family.invocation.spawn(&directory.path().join("log")).unwrap();
    let members = family.members();
    assert_eq!(running.stop().exit, Exit::Signal(9));
    assert!(members.iter().all(is_gone));
}

/// Not a test of its own: the process that [`an_interrupt_leaves_no_process`] interrupts.
#[cfg(unix)]
#[test]
fn interrupted() {
    let Some(port) = std::env::var_os("INTERRUPTED_FAMILY_PORT") else { return };
    presentry_e2e::process::end_children_on_interrupt().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let script = write(directory.path(), "parent.mjs", PARENT);
    let family = Invocation::new(node(), directory.path()).arg(script).arg(port);
    let running = family.spawn(&directory.path().join("log")).unwrap();
    running.wait_for(Instant::now() + Duration::from_secs(60), |output| output.exit());
    panic!("an interrupt must end this process before it sees its children end");
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_process() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::INT, Signal::TERM] {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let harness = Invocation::new(std::env::current_exe().unwrap(), directory.path())
            .args(["--exact", "process::interrupted", "--nocapture"])
            .env("INTERRUPTED_FAMILY_PORT", port.to_string())
            .spawn(&directory.path().join("log"))
            .unwrap();
        let members: Vec<TcpStream> = (0..2).map(|_| listener.accept().unwrap().0).collect();
        kill_process(Pid::from_raw(i32::try_from(harness.id()).unwrap()).unwrap(), signal).unwrap();
        let exit = harness.wait_for(Instant::now() + Duration::from_secs(20), |output| output.exit());
        assert_eq!(exit, Some(Exit::Code(130)), "{}", harness.describe());
        // The children lead a group of their own, so it was not our guard that ended them.
        assert!(members.iter().all(is_gone));
    }
}
