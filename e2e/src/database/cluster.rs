//! A cluster of our own: `initdb`, the server as a child, and the account that both run as where we are root.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::{Database, open_to_all, wait_until_accepting};
use crate::process::{Invocation, Output, Running};
use crate::server::Reservation;
use crate::tree;

const INITDB_LIMIT: Duration = Duration::from_secs(2 * 60);
/// How long the server may take to accept connections.
const READY: Duration = Duration::from_secs(60);
/// How often a reserved port may be lost to another process before that is an error.
const ATTEMPTS: usize = 3;

/// The superuser of the cluster.
const USER: &str = "presentry";

/// Accounts that own nothing of worth, the best first. They need an entry in the user database: `initdb` looks it up.
const ACCOUNTS: [&str; 3] = ["nobody", "postgres", "daemon"];

const READY_LINE: &str = "database system is ready to accept connections";
const BUSY: &str = "Address already in use";

/// What the server is told beside its directory and port. The cluster lives for one run, so nothing has to survive a
/// power failure; the statements in the log are the evidence that the app's queries came to a real server.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "log_statement=all",
    "max_connections=50",
];

/// Who the programs run as; nothing where they run as we do.
type Account = Option<(u32, u32)>;

/// See [`Database::start`]; `native` holds `bin`, `lib` and `share`.
pub(super) fn start(native: &Path, directory: &Path, logs: &Path) -> Result<Database> {
    let account = account()?;
    let mut place = Place { native: native.to_owned(), directory: directory.to_owned(), temporary: None };
    fs::create_dir_all(directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
    if let Some((uid, gid)) = account {
        if !(is_reachable(directory)? && is_reachable(native)?) {
            place = Place::temporary(native)?;
        }
        chown(&place.directory, Some(uid), Some(gid))
            .with_context(|| format!("failed to give `{}` to user {uid}", place.directory.display()))?;
    }
    let password = initdb(&place, account, logs)?;
    let mut busy = Vec::new();
    for _ in 0..ATTEMPTS {
        let port = Reservation::new()?.hand_over();
        if let Some(running) = postgres(&place, account, port, logs)? {
            let url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres");
            return Ok(Database { url, running: Some(running), _place: place.temporary });
        }
        busy.push(format!("`{port}`"));
    }
    bail!("port {} of 127.0.0.1 is busy: the server printed `{BUSY}`", busy.join(", then "))
}

/// Where the programs are and where the cluster goes.
#[derive(Debug)]
struct Place {
    native: PathBuf,
    directory: PathBuf,
    temporary: Option<TempDir>,
}

impl Place {
    /// A place that every user can reach, with a copy of the programs.
    fn temporary(native: &Path) -> Result<Place> {
        let temporary = tempfile::Builder::new()
            .prefix("presentry-postgres-")
            .tempdir()
            .context("failed to create a temporary directory")?;
        open_to_all(temporary.path())?;
        let copy = temporary.path().join("native");
        tree::copy(native, &copy, |_| true)?;
        open_to_all(&copy)?;
        let directory = temporary.path().join("cluster");
        fs::create_dir(&directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
        if !is_reachable(&directory)? {
            bail!("no other user can reach the temporary directory `{}`", directory.display());
        }
        Ok(Place { native: copy, directory, temporary: Some(temporary) })
    }

    /// One of the programs, to be run as `account`.
    fn program(&self, name: &str, account: Account) -> Invocation {
        // A locale that every system has: the lines that are waited for are English then, and on macOS the server does
        // not start without one.
        let mut invocation =
            Invocation::new(self.native.join("bin").join(name), &self.directory).env("LC_ALL", "C").env("TZ", "UTC");
        for (variable, _) in std::env::vars_os() {
            // `PGDATA`, `PGPORT`, `PGOPTIONS` and their like are meant for somebody else's server.
            if let Some(variable) = variable.to_str().filter(|variable| variable.starts_with("PG")) {
                invocation = invocation.env_remove(variable);
            }
        }
        match account {
            Some((uid, gid)) => invocation.account(uid, gid),
            None => invocation,
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

fn account() -> Result<Account> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ACCOUNTS {
        let user = User::from_name(name).with_context(|| format!("failed to look up the user `{name}`"))?;
        if let Some(user) = user.filter(|user| !user.uid.is_root()) {
            return Ok(Some((user.uid.as_raw(), user.gid.as_raw())));
        }
    }
    bail!("PostgreSQL refuses to run as root, and none of the users `{}` exists", ACCOUNTS.join("`, `"))
}

/// Whether every user can go to `path`, all directories above it included.
fn is_reachable(path: &Path) -> Result<bool> {
    let path = path.canonicalize().with_context(|| format!("failed to find `{}`", path.display()))?;
    for directory in path.ancestors().skip(1) {
        let metadata = fs::metadata(directory).with_context(|| format!("failed to read `{}`", directory.display()))?;
        if metadata.mode() & 0o001 == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the cluster and returns the password of [`USER`].
fn initdb(place: &Place, account: Account, logs: &Path) -> Result<String> {
    let password = password();
    let file = place.directory.join("password");
    // Whoever can log in can run commands as the server, so a password protects us from other users of the machine.
    let mut open = fs::OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    open.open(&file)
        .and_then(|mut file| file.write_all(password.as_bytes()))
        .with_context(|| format!("failed to write `{}`", file.display()))?;
    if let Some((uid, gid)) = account {
        chown(&file, Some(uid), Some(gid)).with_context(|| format!("failed to give `{}` away", file.display()))?;
    }
    place
        .program("initdb", account)
        .arg("--pgdata")
        .arg(place.data())
        .arg("--pwfile")
        .arg(&file)
        .args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"])
        .args(["--no-sync", "--no-instructions"])
        .run_ok(&logs.join("initdb.log"), INITDB_LIMIT)?;
    Ok(password)
}

/// 128 bits from the system's source of randomness, in hexadecimal: what seeds the hash maps of the standard library.
fn password() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

/// The server, once it accepts connections; nothing where the port is busy.
fn postgres(place: &Place, account: Account, port: u16, logs: &Path) -> Result<Option<Running>> {
    enum Seen {
        Ready,
        Busy,
        Ended,
    }
    let running = place
        .program("postgres", account)
        .arg("-D")
        .arg(place.data())
        .arg("-p")
        .arg(port.to_string())
        .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
        .spawn(&logs.join("postgres.log"))?;
    let deadline = Instant::now() + READY;
    let look = |output: &Output| {
        if output.contains(BUSY) {
            return Some(Seen::Busy);
        }
        if output.contains(READY_LINE) {
            return Some(Seen::Ready);
        }
        output.exit().map(|_| Seen::Ended)
    };
    match running.wait_for(deadline, look) {
        Some(Seen::Busy) => {
            running.interrupt();
            Ok(None)
        }
        Some(Seen::Ended) => {
            // Lines may come in after the end was seen: why the server ended is in the last one.
            let finished = running.interrupt();
            if finished.text.contains(BUSY) {
                return Ok(None);
            }
            bail!("the server {} before it accepted connections\n{}", finished.exit, finished.failure())
        }
        Some(Seen::Ready) => {
            let alive = || match running.inspect(Output::exit) {
                Some(exit) => bail!("the server {exit}\n{}", running.describe()),
                None => Ok(()),
            };
            wait_until_accepting(&("127.0.0.1".to_owned(), port), deadline, alive)
                .with_context(|| format!("the server does not accept connections\n{}", running.describe()))?;
            Ok(Some(running))
        }
        None => bail!("the server did not print `{READY_LINE}` within {}s\n{}", READY.as_secs(), running.describe()),
    }
}
