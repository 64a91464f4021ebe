//! Ring 3: rewritten builds run under a real Node, with a stand-in for the SDK whose `init` registers module hooks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use presentry_rewriter::{
    EntryLoading, Export, ExportKind, ExportStyle, MemorySources, Outcome, Request, exports, plan,
};
use serde::Deserialize;

use crate::written::{applied, build, request, show_plan};

/// What `describe.mjs` prints.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) exports: BTreeMap<String, SeenExport>,
    /// What the modules of the build pushed to `globalThis.order`.
    pub(crate) order: Vec<String>,
    /// What the wrapped functions gave.
    results: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct SeenExport {
    pub(crate) kind: String,
    length: Option<usize>,
    #[serde(default)]
    own: Vec<String>,
    value: Option<String>,
}

/// A build on disk.
pub(crate) struct OnDisk {
    pub(crate) directory: tempfile::TempDir,
}

/// An SDK that only registers hooks which write down what they load, as the real one registers `import-in-the-middle`.
pub(crate) const SDK: &str = r#"
import { register } from "node:module";
import { appendFileSync } from "node:fs";
export function init() {
  (globalThis.order ??= []).push("init");
  register("data:text/javascript," + encodeURIComponent(`
    import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(process.env.LOADED)}, url + "\\n");
      return next(url, context);
    }
  `));
}
"#;

impl OnDisk {
    pub(crate) fn new(files: &MemorySources) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, bytes) in files.iter() {
            let file = directory.path().join("server").join(path.as_str());
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        let sdk = directory.path().join("node_modules/@sentry/solidstart");
        fs::create_dir_all(&sdk).unwrap();
        fs::write(sdk.join("package.json"), r#"{ "type": "module", "exports": "./index.js" }"#).unwrap();
        fs::write(sdk.join("index.js"), SDK).unwrap();
        Self { directory }
    }

    fn server(&self) -> PathBuf {
        self.directory.path().join("server")
    }

    /// Runs `describe.mjs` on a module. Gives what it saw and the files that the hooks loaded.
    pub(crate) fn describe(&self, module: &str, call: &[String]) -> (Seen, Vec<String>) {
        let loaded = self.directory.path().join("loaded");
        fs::write(&loaded, "").unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/describe.mjs");
        let output = Command::new(node())
            .arg(script)
            .arg(self.server().join(module))
            .args(call)
            .env("LOADED", &loaded)
            // A Nitro server listens as soon as it is imported.
            .env("NITRO_UNIX_SOCKET", self.directory.path().join("socket"))
            .env_remove("NODE_OPTIONS")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen = serde_json::from_slice(&output.stdout).unwrap();
        let files = fs::read_to_string(loaded).unwrap();
        let names = files.lines().filter_map(|url| url.split("/server/").nth(1)).map(str::to_owned);
        (seen, names.collect())
    }
}

pub(crate) fn node() -> PathBuf {
    which::which("node").expect("Node.js 20 or later has to be on PATH for these tests")
}

/// Rewrites a build and compares what an importer sees before and after.
#[track_caller]
fn check(text: &str, request: &Request) -> (Vec<Export>, Seen) {
    let files = build(&format!(
        "--- instrument.server.mjs\nimport * as Sentry from '@sentry/solidstart';\nSentry.init({{}});\n{text}"
    ));
    let planned = plan(&files, request);
    assert_eq!(planned.outcome, Outcome::Rewritten, "{}", show_plan(&planned));
    let entry = request.entry.as_str();
    let call = match &request.exports {
        ExportStyle::Await => &[][..],
        ExportStyle::Wrap(names) => names,
    };
    let (before, unhooked) = OnDisk::new(&files).describe(entry, call);
    let (after, hooked) = OnDisk::new(&applied(files.clone(), &planned)).describe(entry, call);
    assert_eq!(after.results, before.results);
    assert_eq!(unhooked, [""; 0], "the unrewritten build must fail what the rewritten one passes");
    assert_eq!(after.order.first().map(String::as_str), Some("init"));
    assert!(!hooked.is_empty(), "the runtime was not loaded through the hooks");
    assert_eq!(after.order[1..], before.order[..], "the runtime ran differently");
    let exports = exports(&files, &request.entry).unwrap();
    for export in &exports {
        assert_kind(&export.name, export.kind, &before.exports[&export.name]);
    }
    if request.exports == ExportStyle::Await {
        assert_eq!(after.exports, before.exports);
    }
    (exports, after)
}

/// What was found statically must not contradict what Node sees.
#[track_caller]
pub(crate) fn assert_kind(name: &str, kind: ExportKind, seen: &SeenExport) {
    match kind {
        ExportKind::CallResult | ExportKind::Unknown => {}
        ExportKind::Function(shape) => {
            assert_eq!((kind.describe(), Some(shape.length)), (seen.kind.as_str(), seen.length), "{name}");
        }
        kind => assert_eq!(kind.describe(), seen.kind, "{name}"),
    }
}

#[test]
fn exports_of_every_kind() {
    let (exports, _) = check(
        "--- index.mjs
(globalThis.order ??= []).push('entry');
export default class { static x = 1 }
export function plain(a, b = 1, c) {}
export async function* generate() {}
export const arrow = async (a, b) => {}, object = { fetch() {} }, text = 'x', nothing = null, list = [1];
export let later;
later = 1;
export var undefinedYet;
export const called = Object.assign(() => {}, { __endpoint: 1 });
called[Symbol.for('streaming')] = 'response';
plain.extra = 1;
export * as space from './more.mjs';
export * from './more.mjs';
export { renamed as 'a b', renamed as delete } from './more.mjs';
export { default as viaDefault } from './more.mjs';
--- more.mjs
(globalThis.order ??= []).push('more');
export const renamed = () => {};
export default function named() {}
",
        &request(),
    );
    let unknown = exports.iter().filter(|export| export.kind == ExportKind::Unknown).count();
    assert_eq!(unknown, 0, "{exports:?}");
}

#[test]
fn entry_with_back_importers_and_itself() {
    check(
        "--- index.mjs
import * as self from './index.mjs';
(globalThis.order ??= []).push('entry');
export const value = 1, lazy = () => import('./chunks/lazy.mjs');
export const same = () => self.value;
--- chunks/lazy.mjs
import { value } from '../index.mjs?late';
export const back = () => value;
",
        &request(),
    );
    check(
        "--- index.mjs
import { back } from './chunks/app.mjs';
export function value() { return 1; }
export const result = back();
--- chunks/app.mjs
import { value } from '../index.mjs';
export const back = () => value() + 1;
",
        &request(),
    );
}

#[test]
fn an_entry_that_exports_then() {
    let (_, seen) = check("--- index.mjs\nexport function then(r) { r(5); }\nexport const a = 1;\n", &request());
    assert_eq!(seen.exports.keys().collect::<Vec<_>>(), ["a", "then"]);
    let wrapped = Request { exports: ExportStyle::Wrap(vec!["then".into()]), ..request() };
    let (_, seen) = check("--- index.mjs\nexport function then(r) { return [r, this.tag]; }\n", &wrapped);
    assert_eq!(seen.results["then"], serde_json::json!(["a", "this"]));
}

#[test]
fn names_that_need_escaping() {
    let text = "--- it's \"odd\" 100% [...x] gr\u{fc}n#?.mjs\nexport const a = 1;\nimport './chunks/[...404] %20.mjs';\n--- chunks/[...404] %20.mjs\n";
    let text = text.replace("import './chunks/[...404] %20.mjs'", "import './chunks/[...404]%20%2520.mjs'");
    let request = Request { entry: crate::written::path("it's \"odd\" 100% [...x] gr\u{fc}n#?.mjs"), ..request() };
    check(&text, &request);
}

#[test]
fn wrapped_functions_keep_length_and_this() {
    let wrapped = Request { exports: ExportStyle::Wrap(vec!["handler".into(), "default".into()]), ..request() };
    let (_, seen) = check(
        "--- index.mjs
function handler(a, b) { return [this?.tag, a, b]; }
export { handler };
export default async (event) => event;
",
        &wrapped,
    );
    assert_eq!(seen.exports["handler"].length, Some(2));
    assert_eq!(seen.exports["default"].length, Some(1));
    assert_eq!(seen.exports["handler"].kind, "async function");
    assert_eq!(seen.results["handler"], serde_json::json!(["this", "a", "b"]));
}

#[test]
fn a_wrapped_runtime_that_throws_ends_the_process() {
    let wrapped = Request { exports: ExportStyle::Wrap(vec!["handler".into()]), ..request() };
    let launched = Request { loading: EntryLoading::Launcher, ..request() };
    // What version 10 of the SDK does, and what 8 and 9 come to: the error is printed, and nothing is left to do.
    let handlers = [
        "process.on('unhandledRejection', () => {});",
        "process.on('uncaughtException', (error) => console.error(error));",
    ];
    let requests = [wrapped, launched, request()];
    for (request, handler) in requests.iter().flat_map(|request| handlers.map(|handler| (request, handler))) {
        let files = build(&format!(
            "--- instrument.server.mjs\nimport {{ init }} from '@sentry/solidstart';\ninit({{}});\n{handler}\n--- index.mjs\nthrow new Error('boom'); export function handler() {{}}\n",
        ));
        let planned = plan(&files, request);
        let disk = OnDisk::new(&applied(files, &planned));
        let output = Command::new(node())
            .arg(disk.server().join("index.mjs"))
            .env("LOADED", disk.directory.path().join("loaded"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("boom"));
    }
}
