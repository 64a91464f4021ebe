//! A whole reproduction of an app that is not real, with a package manager and a presentry that are stand-ins: what is
//! asked of them, what comes of their answers, and that the app stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::facts::Certainty;
use super::*;
use crate::progress::Shown;

/// Installs nothing, and builds what the app's script would: a server that holds a value of `.env`. Fails where the app asks
/// for it.
const NPM: &str = r#"#!/bin/sh
echo "npm $*"
case "$*" in *--dry-run*) [ ! -e unlocked.md ]; exit;; esac
case "$1" in
  --version) echo 11.0.0;;
  ci|install)
    [ -e fail-install ] && { echo "npm error code ERESOLVE" >&2; exit 7; }
    mkdir -p node_modules/vinxi && echo '{ "name": "vinxi", "version": "0.5.11" }' > node_modules/vinxi/package.json;;
  run)
    [ -e fail-build ] && { echo "cannot resolve ./gone in $PWD" >&2; exit 3; }
    cat .env
    echo "token=[$SENTRY_AUTH_TOKEN] cli=[$SENTRY_BINARY_PATH] preset=[$SERVER_PRESET]"
    mkdir -p .output/server/node_modules/pg
    echo '{ "name": "pg", "version": "8.0.0" }' > .output/server/node_modules/pg/package.json
    cat src/instrument.server.ts .env > .output/server/index.mjs
    echo '{}' > .output/nitro.json;;
esac
"#;

/// Says what presentry would, by what lies in the app.
const PRESENTRY: &str = r#"#!/bin/sh
verb=$1
[ "$verb" = --version ] && { echo "presentry 0.1.0"; exit 0; }
first=false; code=1
[ -e .output/rewritten ] && { first=true; code=0; }
case "$*" in *--dry-run*) code=0;; *rewrite*) code=0; [ -e refuse ] && code=1; [ $code = 0 ] && touch .output/rewritten;; esac
case "$verb" in inspect) code=0;; esac
error='"diagnostics": [{ "severity": "error", "code": "sentry-not-first" }]'
[ $code = 0 ] && error='"diagnostics": []'
case "$*" in
  *"--format json"*) printf '{ "exit_code": %s, "outcome": "x", "diff": "+ facade", "preset": { "name": "node-server", "nitro": "2.13.5", "file": ".output/nitro.json" }, "build": { "server": ".output/server" }, "inspection": { "shape": "fresh", "options": [] }, "trace": { "first": %s }, %s }\n' $code $first "$error";;
  *) echo "presentry $* in $PWD with $SENTRY_DSN";;
esac
exit $code
"#;

const SECRETS: [&str; 5] = [
    "planted-env-value",
    "planted-literal-token",
    "planted-registry-token",
    "0123456789abcdef@o1.ingest.sentry.io",
    "planted-url-password",
];

struct Bed {
    directory: tempfile::TempDir,
}

impl Bed {
    fn new() -> Bed {
        let directory = tempfile::tempdir().unwrap();
        let bed = Bed { directory };
        bed.program("npm", NPM);
        bed.program("presentry", PRESENTRY);
        for (path, text) in [
            (
                "package.json",
                "{ \"name\": \"shop\", \"scripts\": { \"build\": \"vinxi build\" }, \"dependencies\": { \"vinxi\": \"^0.5.0\" } }\n",
            ),
            (
                "package-lock.json",
                "{ \"packages\": { \"\": { \"dependencies\": { \"vinxi\": \"^0.5.0\" } }, \"node_modules/vinxi\": { \"version\": \"0.5.11\" } } }\n",
            ),
            (".gitignore", ".env\n"),
            (".env", "API=planted-env-value\nNODE_ENV=production\n"),
            (".npmrc", "//npm.example/:_authToken=planted-registry-token\n"),
            ("app.config.ts", "withSentry({}, { authToken: 'planted-literal-token' })"),
            (
                "src/instrument.server.ts",
                "init({ dsn: 'https://0123456789abcdef@o1.ingest.sentry.io/42' }); // http://me:planted-url-password@db\n",
            ),
            ("public/logo.bin", "\u{0}planted-env-value\u{1}"),
            ("node_modules/old/index.js", ""),
            (".output/server/old.mjs", ""),
        ] {
            bed.write(path, text);
        }
        fs::set_permissions(bed.app().join("src/instrument.server.ts"), fs::Permissions::from_mode(0o640)).unwrap();
        bed
    }

    fn app(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    fn out(&self, path: &str) -> PathBuf {
        self.directory.path().join("out").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.out(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.app().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.directory.path().join("bin").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn make_with(&self, change: impl FnOnce(&mut Request)) -> Result<Made> {
        let bin = self.directory.path().join("bin");
        let toolchain = Toolchain {
            node: bin.join("node"),
            npm: bin.join("npm"),
            node_version: "20.20.2".to_owned(),
            npm_version: "11.0.0".to_owned(),
        };
        let node = Node::of(&toolchain);
        let mut request = Request {
            app: self.app(),
            pins: Pins::default(),
            preset: None,
            out: self.out(""),
            cache: true,
            sdk: true,
            keep: false,
            trust_init: false,
        };
        change(&mut request);
        let workshop = Workshop {
            binary: &bin.join("presentry"),
            toolchain: &toolchain,
            node: &node,
            path: Some(bin.clone().into_os_string()),
            secretlint: None,
            work: &self.directory.path().join("work"),
            paths: Vec::new(),
        };
        make(&request, &workshop, &Console::new(Shown::Nowhere))
    }

    fn make(&self) -> Made {
        self.make_with(|_| {}).unwrap()
    }
}

/// Bytes, modes and times of everything in a directory.
fn everything(directory: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(directory).into_iter().map(|entry| entry.unwrap().into_path());
    entries
        .map(|path| {
            let facts = fs::symlink_metadata(&path).unwrap();
            let bytes = if facts.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            (path, (facts.mode(), facts.mtime(), facts.mtime_nsec(), bytes))
        })
        .collect()
}

#[test]
fn the_app_stays_as_it_is_and_the_directory_has_everything() {
    let bed = Bed::new();
    let before = everything(&bed.app());
    let made = bed.make();
    assert_eq!(everything(&bed.app()), before);
    assert_eq!(made.facts.verdict(), Verdict::Holds(Certainty::Proven));
    for file in [
        "REPORT.md",
        "commands.sh",
        "report.json",
        "app/package.json",
        "app/package-lock.json",
        "app/.env",
        "app/src/instrument.server.ts",
        "builds/unrewritten/server/index.mjs",
        "builds/unrewritten/trace.txt",
        "builds/unrewritten/trace.json",
        "builds/unrewritten/check.txt",
        "builds/unrewritten/inspect.json",
        "builds/presentry/server/index.mjs",
        "builds/presentry/rewrite.diff",
        "builds/presentry/packages.txt",
        "logs/install.log",
        "logs/build.log",
    ] {
        assert!(bed.out(file).is_file(), "no `{file}`");
    }
    assert!(!bed.out("app/node_modules").exists() && !bed.out("app/.output").exists());
    assert!(!bed.out("builds/presentry/server/node_modules").exists());
    assert_eq!(bed.read("builds/presentry/packages.txt"), "pg 8.0.0\n");
    assert!(bed.read("app/package.json").contains("\"vinxi\": \"0.5.11\""));
    assert!(bed.read("app/package-lock.json").contains("\"vinxi\": \"0.5.11\""));
    let commands = bed.read("commands.sh");
    for step in
        ["step 0 . npm ci", "step 0 . npm run build", "step 1 . $PRESENTRY check -v", "step 0 . $PRESENTRY check -v"]
    {
        assert!(commands.contains(step), "no `{step}` in:\n{commands}");
    }
    assert!(commands.contains("$PRESENTRY trace -v --timeout 120 . -- --env-file=.env\n"), "{commands}");
    assert!(bed.read("REPORT.md").contains("there is no build of the SDK's own: `app.config.ts` has no `import"));
    assert!(!bed.directory.path().join("work").exists());
}

#[test]
fn the_build_has_the_real_values_and_the_directory_none() {
    let bed = Bed::new();
    let made = bed.make_with(|request| request.keep = true).unwrap();
    // What was built knows them, all but where it would send to.
    let built = fs::read_to_string(bed.directory.path().join("work/tree/.output/server/index.mjs")).unwrap();
    assert!(built.contains("planted-env-value") && built.contains("http://key@127.0.0.1:"), "{built}");
    assert!(!built.contains("o1.ingest.sentry.io"));
    for path in made.facts.files.iter() {
        let bytes = fs::read(bed.out(path)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in SECRETS {
            assert!(!text.contains(secret), "`{secret}` in `{path}`");
        }
        assert!(!text.contains(&*bed.directory.path().to_string_lossy()), "a path in `{path}`:\n{text}");
    }
    assert_eq!(bed.read("app/.env"), "API=<redacted>\nNODE_ENV=production\n");
    assert!(bed.read("app/src/instrument.server.ts").contains(presentry_redact::DSN));
    assert_eq!(fs::metadata(bed.out("app/src/instrument.server.ts")).unwrap().mode() & 0o777, 0o640);
    let log = bed.read("logs/build.log");
    assert!(log.contains("API=<redacted>") && log.contains("token=[] cli=[<work>/sentry-cli]"), "{log}");
}

#[test]
fn what_does_not_install_or_build_is_a_finding() {
    let bed = Bed::new();
    bed.write("fail-install", "");
    let made = bed.make();
    assert_eq!(made.facts.verdict(), Verdict::DoesNotInstall);
    let report = bed.read("REPORT.md");
    assert!(report.contains("**The app does not install.**") && report.contains("npm error code ERESOLVE"), "{report}");

    let bed = Bed::new();
    bed.write("fail-build", "");
    let made = bed.make();
    assert_eq!(made.facts.verdict(), Verdict::DoesNotBuild);
    let report = bed.read("REPORT.md");
    assert!(report.contains("cannot resolve ./gone in <app>"), "{report}");
    assert!(report.contains("The whole of it: `logs/build.log`."), "{report}");
    assert!(bed.read("commands.sh").contains("step 3 . npm run build\n"));
}

#[test]
fn a_lockfile_that_npm_does_not_accept_is_installed_from_all_the_same() {
    let bed = Bed::new();
    bed.write("unlocked.md", "");
    bed.make();
    assert!(bed.read("commands.sh").contains("step 0 . npm install --no-audit --no-fund\n"));
    assert!(bed.read("REPORT.md").contains("`npm ci` does not accept the lockfile"));
}

#[test]
fn a_refusal_is_a_finding() {
    let bed = Bed::new();
    bed.write("refuse", "");
    let made = bed.make();
    assert_eq!(made.facts.verdict(), Verdict::Refused(vec!["sentry-not-first".to_owned()]));
    assert!(!bed.out("builds/presentry/server").exists());
}

#[test]
fn versions_and_the_preset_go_into_the_copy() {
    let bed = Bed::new();
    let made = bed.make_with(|request| {
        request.pins.dependencies = [("vinxi".to_owned(), "0.4.3".to_owned())].into();
        request.preset = Some("heroku".to_owned());
    });
    let made = made.unwrap();
    // The stand-in installs what it likes.
    let missed = made.facts.missed();
    assert_eq!((missed.len(), missed[0].installed.as_str()), (1, "0.5.11"));
    assert!(bed.read("REPORT.md").contains("`vinxi` 0.4.3 was asked for and 0.5.11 is installed"));
    assert!(bed.read("logs/build.log").contains("preset=[heroku]"));
    assert!(bed.read("commands.sh").contains("env NITRO_PRESET=heroku SERVER_PRESET=heroku npm run build"));
    assert!(fs::read_to_string(bed.app().join("package.json")).unwrap().contains("^0.5.0"));
}

#[test]
fn what_cannot_be_reported_on_is_an_error_and_leaves_nothing() {
    let bed = Bed::new();
    let inside = bed.make_with(|request| request.out = bed.app().join("repro")).unwrap_err().to_string();
    assert!(inside.contains("is inside of the app"), "{inside}");
    bed.write("pnpm-lock.yaml", "");
    fs::remove_file(bed.app().join("package-lock.json")).unwrap();
    let missing = bed.make_with(|_| {}).unwrap_err().to_string();
    assert!(missing.contains("`pnpm`, which was not found on PATH\nhint: `npm install --global pnpm`"), "{missing}");
    assert!(!bed.out("").exists());
}
