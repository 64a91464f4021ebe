//! Builds in temporary directories, how to run the command on them, and what they hold afterwards.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use assert_cmd::Command;
use tempfile::TempDir;

/// A `nitro.json` as Nitro writes it.
pub(crate) fn nitro_json(preset: &str) -> String {
    format!(
        r#"{{ "date": "2026-01-01T00:00:00.000Z", "preset": "{preset}", "framework": {{ "name": "nitro", "version": "2.13.5" }},
  "versions": {{ "nitro": "2.13.5" }}, "commands": {{ "preview": "node server/index.mjs" }}, "config": {{}} }}"#
    )
}

/// The instrumentation as the SDK copies it into a build.
pub(crate) const INSTRUMENTATION: &str = "import * as Sentry from '@sentry/solidstart';\n\nSentry.init({ dsn: 'https://key@example.invalid/1', tracesSampleRate: 1 });\n";

/// The manifest of `vinxi`, of which entries import a file.
pub(crate) const VINXI: &str =
    r#"{ "name": "vinxi", "version": "0.5.11", "type": "module", "exports": { "./lib/*": "./lib/*.js" } }"#;

/// A facade over a runtime chunk, as the preset `node-server` builds it.
const FACADE_ENTRY: &str = "import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};import 'node:http';
export { n as default } from './chunks/nitro/nitro.mjs';
import 'vinxi/lib/invariant';
import '@sentry/solidstart';
import 'graphql';
//# sourceMappingURL=index.mjs.map
";

const FACADE_RUNTIME: &str = "import 'graphql';
import { createServer } from 'node:http';
globalThis._importMeta_=globalThis._importMeta_||{url:\"file:///_entry.js\",env:process.env};
const envPrefix = process.env.NITRO_ENV_PREFIX ?? \"NITRO_\";
const nodeServer = { envPrefix };
createServer(() => {}).listen(3000);
export { nodeServer as n };
";

/// What the SDK's `experimental_dynamic-import` makes of a `node-listener` build: the instrumentation is inlined, and one
/// export stays a static edge.
const WRAPPED_ENTRY: &str = "import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};import * as t from '@sentry/solidstart';
export { n as listener } from './chunks/nitro/nitro.mjs';
import 'graphql';

t.init({ dsn: 'https://key@example.invalid/1', tracesSampleRate: 1 });

import('./chunks/nitro/nitro.mjs').then(function (n) { return n.h; });
async function handler_sentryWrapped(...args) {
  const res = await import('./chunks/nitro/nitro.mjs').then(function (n) { return n.h; });
  return res.handler.call(this, ...args);
}

export { handler_sentryWrapped as handler };
//# sourceMappingURL=index.mjs.map
";

/// A runtime that is inlined into the entry, as the preset `node-cluster` builds it.
fn inline_entry(importers: usize) -> String {
    let lazy: Vec<String> = (0..importers).map(|number| format!("import('./chunks/build/app-{number}.mjs')")).collect();
    format!(
        "import process from 'node:process';globalThis._importMeta_={{url:import.meta.url,env:process.env}};
import 'graphql';
import {{ createServer }} from 'node:http';
const nitroApp = {{ envPrefix: process.env.NITRO_ENV_PREFIX }};
const lazy = () => [{}];
createServer(lazy).listen(3000);
export {{ nitroApp as a, lazy as l }};
//# sourceMappingURL=index.mjs.map
",
        lazy.join(", ")
    )
}

/// The entry of a build.
pub(crate) const ENTRY: &str = ".output/server/index.mjs";

/// What a rewrite prints of a build that is right.
pub(crate) const ALREADY_FIRST: &str =
    "✔ already first, nothing changed\n  next: `presentry trace` starts the server and shows the spans that arrive\n";

/// An app with a finished build in a temporary directory.
pub(crate) struct App {
    directory: TempDir,
}

/// What a path of an app is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file, its permissions, and its bytes.
    File(u32, Vec<u8>),
    /// A symbolic link, and what it says.
    Link(PathBuf),
    /// A directory.
    Directory,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::File(mode, bytes) => write!(f, "{mode:o} {:?}", String::from_utf8_lossy(bytes)),
            Found::Link(target) => write!(f, "link to {target:?}"),
            Found::Directory => f.write_str("directory"),
        }
    }
}

/// Everything below an app, by path.
pub(crate) type Snapshot = BTreeMap<String, Found>;

impl App {
    /// An app without a build.
    pub(crate) fn empty() -> Self {
        // In memory where that can be had: hundreds of runs sync what they write.
        let memory = Path::new("/dev/shm");
        let directory = match TempDir::with_prefix_in("presentry-app-", memory) {
            Ok(directory) if cfg!(target_os = "linux") => Ok(directory),
            _ => TempDir::with_prefix("presentry-app-"),
        };
        Self { directory: directory.expect("a temporary directory") }
    }

    /// A build of the preset `node-server`: a facade over chunks.
    pub(crate) fn facade() -> Self {
        let app = Self::empty();
        app.write(".output/nitro.json", nitro_json("node-server"));
        app.write(".output/public/robots.txt", "");
        app.write(".output/server/index.mjs", FACADE_ENTRY);
        app.write(".output/server/index.mjs.map", "{\"version\":3,\"sources\":[],\"mappings\":\"\"}");
        app.write(".output/server/instrument.server.mjs", INSTRUMENTATION);
        app.write(".output/server/chunks/nitro/nitro.mjs", FACADE_RUNTIME);
        app.write(
            ".output/server/chunks/build/index.mjs",
            "import { n } from '../nitro/nitro.mjs';\nexport default n;\n",
        );
        app.write(".output/server/package.json", "{ \"type\": \"module\" }");
        app.with_packages(".output/server")
    }

    /// A build whose instrumentation imports a chunk that is nowhere, and the source of it.
    pub(crate) fn with_source() -> Self {
        let app = Self::facade();
        app.append(".output/server/instrument.server.mjs", "import './assets/shared-x.js';\n");
        app.write("src/instrument.server.ts", format!("import './lib';\n{INSTRUMENTATION}"));
        app.write("src/lib.ts", "export {};\n");
        app
    }

    /// A build that the SDK wrapped, with one export left static.
    pub(crate) fn wrapped_by_the_sdk() -> Self {
        let app = Self::facade();
        app.remove(".output/server/instrument.server.mjs");
        app.write(".output/server/index.mjs", WRAPPED_ENTRY);
        app.append(".output/server/chunks/nitro/nitro.mjs", "export const h = { handler: nodeServer };\n");
        app
    }

    /// A build of the preset `node-cluster`: the runtime is the entry, and chunks import it back.
    pub(crate) fn inline(importers: usize) -> Self {
        let app = Self::empty();
        app.write(".output/nitro.json", nitro_json("node-cluster"));
        app.write(".output/server/index.mjs", inline_entry(importers));
        app.write(".output/server/instrument.server.mjs", INSTRUMENTATION);
        for number in 0..importers {
            app.write(
                &format!(".output/server/chunks/build/app-{number}.mjs"),
                format!("import {{ a as a{number} }} from '../../index.mjs';\nexport default a{number};\n"),
            );
        }
        app.write(".output/server/chunks/build/leaf.mjs", "export const leaf = 1;\n");
        app.with_packages(".output/server")
    }

    /// A build that has no SDK.
    pub(crate) fn without_sdk() -> Self {
        let app = Self::facade();
        fs::remove_dir_all(app.join(".output/server/node_modules/@sentry")).expect("it is there");
        app
    }

    /// The packages of a build with this server directory, as Nitro traces them for an app whose server imports the SDK.
    pub(crate) fn with_packages(self, server: &str) -> Self {
        for (file, text) in [
            ("graphql/package.json", r#"{ "name": "graphql", "version": "16.12.0", "main": "index.js" }"#),
            ("graphql/index.js", "exports.graphql = () => {};\n"),
            ("vinxi/package.json", VINXI),
            ("vinxi/lib/invariant.js", "export default () => {};\n"),
        ] {
            self.write(&format!("{server}/node_modules/{file}"), text);
        }
        let package = format!("{server}/node_modules/@sentry/solidstart");
        let manifest =
            r#"{ "name": "@sentry/solidstart", "version": "10.70.0", "type": "module", "exports": "./index.js" }"#;
        self.write(&format!("{package}/package.json"), manifest);
        self.write(&format!("{package}/index.js"), "export const init = () => {};\n");
        self
    }

    /// The directory of the app.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path below it.
    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file, and makes its directory.
    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a path below the app")).expect("a directory can be made");
        fs::write(path, contents).expect("a file can be written");
    }

    /// Writes a file an hour from now.
    pub(crate) fn write_later(&self, path: &str, contents: impl AsRef<[u8]>) {
        self.write(path, contents);
        let later = SystemTime::now() + Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(self.join(path)).expect("a file");
        file.set_modified(later).expect("a time can be set");
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"));
    }

    /// Changes a file as an editor would.
    pub(crate) fn append(&self, path: &str, text: &str) {
        self.write(path, self.read(path) + text);
    }

    /// What `sentry-cli sourcemaps inject` does to a script.
    pub(crate) fn inject_debug_id(&self, path: &str) {
        let snippet = r#"!function(){try{var e="undefined"!=typeof window?window:{},n=(new e.Error).stack;n&&(e._sentryDebugIds=e._sentryDebugIds||{},e._sentryDebugIds[n]="x")}catch(e){}}();"#;
        self.write(
            path,
            format!("\n{snippet}\n{}\n//# debugId=e3f4dc9d-9da7-597d-b625-e239432568ed\n", self.read(path)),
        );
    }

    /// The command, run in the directory of the app. Most apps of these tests have no bundler: a rewrite leaves the SDK in
    /// its packages where the arguments do not speak of a bundle.
    pub(crate) fn presentry(&self, arguments: &[&str]) -> Command {
        let mut command = presentry(self.path(), arguments);
        let others = ["check", "completions", "explain", "help", "inspect", "man", "repro", "restore", "trace"];
        let rewrites = !arguments.iter().any(|argument| others.contains(argument));
        let speaks = arguments.iter().any(|argument| argument.contains("bundle-sdk") || *argument == "--prune");
        if rewrites && !speaks {
            command.arg("--no-bundle-sdk");
        }
        command
    }

    /// Runs the command, which has to end well; its standard output.
    #[track_caller]
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.presentry(arguments).assert().success().get_output().clone();
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs the command, which has to end with an exit code; its standard error.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.presentry(arguments).assert().code(code).get_output().clone();
        String::from_utf8(output.stderr).expect("text")
    }

    /// Everything that is there.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        gather(self.path(), "", &mut snapshot);
        snapshot
    }

    /// Puts everything back to what a snapshot says.
    pub(crate) fn reset(&self, snapshot: &Snapshot) {
        for entry in fs::read_dir(self.path()).expect("a directory").flatten() {
            if entry.file_type().expect("a type").is_dir() {
                fs::remove_dir_all(entry.path()).expect("it can be removed");
            } else {
                fs::remove_file(entry.path()).expect("it can be removed");
            }
        }
        for (path, found) in snapshot {
            match found {
                Found::Directory => fs::create_dir_all(self.join(path)).expect("a directory can be made"),
                Found::File(mode, bytes) => {
                    fs::write(self.join(path), bytes).expect("a file can be written");
                    set_mode(&self.join(path), *mode);
                }
                Found::Link(target) => link(target, &self.join(path)),
            }
        }
    }
}

/// The command, in an environment in which nothing changes what it prints or does.
pub(crate) fn presentry(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
    command.current_dir(directory).args(arguments);
    for name in [
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
        "PRESENTRY_ABORT_AT",
        "PRESENTRY_FAIL_AT",
        "PRESENTRY_FAIL_WITH",
        "GITHUB_WORKSPACE",
        "GITHUB_STEP_SUMMARY",
    ] {
        command.env_remove(name);
    }
    command
}

fn gather(directory: &Path, prefix: &str, snapshot: &mut Snapshot) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_str().expect("text"));
        let kind = entry.file_type().expect("a type");
        if kind.is_symlink() {
            snapshot.insert(path, Found::Link(fs::read_link(entry.path()).expect("a link")));
        } else if kind.is_dir() {
            gather(&entry.path(), &format!("{path}/"), snapshot);
            snapshot.insert(path, Found::Directory);
        } else {
            snapshot.insert(path, Found::File(mode(&entry.path()), fs::read(entry.path()).expect("a file")));
        }
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &Path) -> u32 {
    0
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_: &Path, _: u32) {}

#[cfg(unix)]
pub(crate) fn link(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).expect("a link can be made");
}

#[cfg(not(unix))]
pub(crate) fn link(_: &Path, _: &Path) {
    unreachable!("only tests for Unix make links");
}
