//! Generated builds: the properties of `invariants.rs` over them, and what an importer sees before and after under a
//! real Node. A bounded run is a test; `cargo xtask fuzz` sets the budget.
//!
//! `arbitrary` turns bytes into decisions, so that this test (bytes from a seed) and the cargo-fuzz target (bytes that
//! follow coverage) share one grammar.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use presentry_rewriter::{ExportStyle, MemorySources, Plan};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    grammar::{self, Case, Dice, Shape},
    invariants::{self, Checked},
};

/// How many builds one Node process runs: starting it is dear, and every one of them adds its hooks to the chain.
const BATCH: usize = 32;

/// The entropy of one build. When it is used up the build is finished in the simplest way.
const ENTROPY: usize = 4096;

/// How long a batch may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The builds of the bounded run, and the seed of the first.
const BOUNDED: (u64, u64) = (96, 1);

/// What was done, over all builds.
#[derive(Debug, Default)]
struct Counts {
    builds: usize,
    modules: usize,
    parsed: usize,
    rewritten: usize,
    mangled: usize,
    executed: usize,
    /// Builds that Node refuses, or that wait for themselves, before anything was rewritten.
    broken: usize,
    refused: std::collections::BTreeMap<&'static str, usize>,
}

/// A rewritten build that waits to be run.
struct Rewritten {
    seed: u64,
    case: Case,
    before: MemorySources,
    after: MemorySources,
    plan: Plan,
}

/// What `run_batch.mjs` prints of one build.
#[derive(Debug, Deserialize)]
struct Seen {
    exports: Vec<(String, Value)>,
    /// What the calls of some exports gave.
    called: Vec<(String, Value)>,
    order: Vec<String>,
    error: Option<String>,
}

#[test]
fn generated_builds() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seconds = number("PRESENTRY_FUZZ_SECONDS");
    let seed = number("PRESENTRY_FUZZ_SEED");
    // A seed without a budget repeats one build.
    let (limit, deadline) = match (seconds, seed) {
        (Some(seconds), _) => (u64::MAX, Some(Instant::now() + Duration::from_secs(seconds))),
        (None, Some(_)) => (1, None),
        (None, None) => (BOUNDED.0, None),
    };
    if seed.is_some() {
        keep_quiet_about_the_library();
    }
    let first = seed.unwrap_or(BOUNDED.1);
    let mut counts = Counts::default();
    let mut waiting = Vec::new();
    let mut running = None;
    for seed in (0..limit).map(|number| first.wrapping_add(number)) {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
        waiting.extend(one(seed, &mut counts));
        if waiting.len() == BATCH {
            // While Node runs a batch, the next one is made.
            finish(running.replace(Batch::start(std::mem::take(&mut waiting))), &mut counts);
        }
    }
    finish(running, &mut counts);
    finish((!waiting.is_empty()).then(|| Batch::start(waiting)), &mut counts);
    // libtest has begun a line of its own.
    println!("\n{}", counts.show(first));
    if limit > 1 {
        assert!(counts.rewritten * 100 >= counts.builds * 30, "fewer than 30 % were rewritten");
        assert!(counts.executed * 100 >= counts.rewritten * 50, "fewer than half of the rewritten were executed");
    }
}

/// The control: a build that was not rewritten must fail what the rewritten one passes.
#[test]
fn the_original_fails_the_comparison() {
    let mut counts = Counts::default();
    let mut cases: Vec<Rewritten> = (0..12).filter_map(|seed| one(seed, &mut counts)).collect();
    cases.retain(|case| case.case.shape == Shape::Fresh);
    for case in &mut cases {
        case.after = case.before.clone();
    }
    let mut batch = Batch::start(cases);
    let seen = batch.seen().unwrap();
    let mut failed = 0;
    for (case, seen) in batch.cases.iter().zip(seen.chunks(2)) {
        match compare(case, &seen[0], &seen[1], "", "") {
            Ok(ran) => assert!(!ran, "seed {}: the original passes", case.seed),
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 2, "{failed} originals failed");
}

/// The parser turns a panic of its library, a debug assertion on mangled text, into an error. `cargo xtask fuzz` runs
/// nothing beside this test, so the hook of the process may be ours.
fn keep_quiet_about_the_library() {
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|location| location.file().contains("ecma_parser")) {
            shown(panic);
        }
    }));
}

/// Makes the build of a seed, and plans.
fn one(seed: u64, counts: &mut Counts) -> Option<Rewritten> {
    let mut entropy = vec![0; ENTROPY];
    fastrand::Rng::with_seed(seed).fill(&mut entropy);
    let mut dice = Dice::new(&entropy);
    let case = grammar::case(&mut dice);
    let files = invariants::sources(&case);
    let parses = |bytes: &[u8]| presentry_parser::parse(&String::from_utf8_lossy(bytes)).1.is_empty();
    let scripts = || files.iter().filter(|(path, _)| path.as_str().ends_with("js"));
    counts.builds += 1;
    counts.modules += scripts().count();
    counts.parsed += scripts().filter(|(_, bytes)| parses(bytes)).count();
    let checked = guarded(seed, &files, || invariants::check(&files, &case.request, case.shape, true));
    // The same build with some bytes wrong: anything may come of it but a panic, and what is rewritten holds.
    let mangled = grammar::mangled(&files, &mut dice);
    guarded(seed, &mangled, || invariants::check(&mangled, &case.request, case.shape, false));
    counts.mangled += 1;
    let Checked { plan, after } = checked;
    let Some(after) = after else {
        *counts.refused.entry(plan.diagnostics[0].code.name).or_default() += 1;
        return None;
    };
    counts.rewritten += 1;
    Some(Rewritten { seed, case, before: files, after, plan })
}

/// Runs a check; where it fails or panics, the build is written down.
#[track_caller]
fn guarded(seed: u64, files: &MemorySources, check: impl FnOnce() -> Result<Checked, String>) -> Checked {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(checked)) => checked,
        Ok(Err(reason)) => fail(seed, &reason, &[("before", files)]),
        Err(_) => fail(seed, "it panicked", &[("before", files)]),
    }
}

/// Writes a failing build down for good, and ends the run.
fn fail(seed: u64, reason: &str, builds: &[(&str, &MemorySources)]) -> ! {
    let directory = tempfile::Builder::new().prefix("presentry-fuzz-").disable_cleanup(true).tempdir().unwrap();
    for (name, files) in builds {
        write(&directory.path().join(name), files);
    }
    panic!(
        "seed {seed}: {reason}\nthe build is in {}\nrepeat it with `cargo xtask fuzz --seed {seed}`",
        directory.path().display()
    );
}

/// Writes the server directory of a build, and the packages beside it.
fn write(directory: &Path, files: &MemorySources) {
    let put = |path: PathBuf, bytes: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (path, bytes) in files.iter() {
        put(directory.join("server").join(path.as_str()), bytes);
    }
    for (path, text) in PACKAGES {
        put(directory.join("node_modules").join(path), text.as_bytes());
    }
}

/// Stand-ins for packages. The SDK's `init` registers hooks, as the real one registers `import-in-the-middle`.
const PACKAGES: [(&str, &str); 6] = [
    ("stub-esm/package.json", r#"{ "type": "module", "exports": "./index.js" }"#),
    ("stub-esm/index.js", "order.push('stub-esm'); export const a = 1; export default function stub() {}\n"),
    ("stub-cjs/package.json", "{}"),
    ("stub-cjs/index.js", "globalThis.order.push('stub-cjs'); exports.a = () => 1;\n"),
    ("@sentry/solidstart/package.json", r#"{ "type": "module", "exports": "./index.js" }"#),
    (
        "@sentry/solidstart/index.js",
        r#"
import { register } from "node:module";
export function init() {
  order.push("init");
  register("data:text/javascript," + encodeURIComponent(`
    import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      if (url.startsWith(${JSON.stringify(run.url)})) appendFileSync(${JSON.stringify(run.loaded)}, url + "\\n");
      return next(url, context);
    }
  `));
}
"#,
    ),
];

/// Builds that a Node process runs.
struct Batch {
    directory: tempfile::TempDir,
    cases: Vec<Rewritten>,
    node: Child,
}

impl Batch {
    fn start(cases: Vec<Rewritten>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            for (name, files) in [("before", &case.before), ("after", &case.after)] {
                let at = directory.path().join(format!("{number}/{name}"));
                write(&at, files);
                let unwrapped = case.case.runtime.as_ref().filter(|_| name == "before");
                let call = match &case.case.request.exports {
                    ExportStyle::Await => None,
                    ExportStyle::Wrap(names) => Some(names),
                };
                runs.push(serde_json::json!({
                    "call": call,
                    "directory": at,
                    "entry": unwrapped.unwrap_or(&case.case.front),
                    "loaded": at.join("loaded"),
                }));
            }
        }
        let list = directory.path().join("runs.json");
        fs::write(&list, serde_json::to_vec(&runs).unwrap()).unwrap();
        let output = fs::File::create(directory.path().join("seen")).unwrap();
        let errors = fs::File::create(directory.path().join("errors")).unwrap();
        let node = Command::new(which::which("node").expect("Node.js 20 or later has to be on PATH"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/run_batch.mjs"))
            .arg(list)
            .env_remove("NODE_OPTIONS")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { directory, cases, node }
    }

    /// Waits for Node, and gives what it saw of each run.
    fn seen(&mut self) -> Result<Vec<Seen>, String> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.node.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.node.kill().unwrap();
                break self.node.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let read = |name: &str| fs::read_to_string(self.directory.path().join(name)).unwrap();
        let seen: Vec<Seen> = read("seen").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if seen.len() != self.cases.len() * 2 {
            return Err(format!("Node stopped after {} runs with {status}:\n{}", seen.len(), read("errors")));
        }
        Ok(seen)
    }
}

fn finish(batch: Option<Batch>, counts: &mut Counts) {
    let Some(mut batch) = batch else { return };
    let seen = batch.seen().unwrap_or_else(|reason| {
        // What comes after the runs that were printed is the one that stopped it.
        let seeds: Vec<u64> = batch.cases.iter().map(|case| case.seed).collect();
        panic!("seeds {seeds:?}: {reason}\nrepeat them one by one with `cargo xtask fuzz --seed …`");
    });
    for (number, (case, seen)) in batch.cases.iter().zip(seen.chunks(2)).enumerate() {
        let loaded = |name: &str| {
            let file = batch.directory.path().join(format!("{number}/{name}/loaded"));
            fs::read_to_string(file).unwrap_or_default()
        };
        match compare(case, &seen[0], &seen[1], &loaded("before"), &loaded("after")) {
            Ok(true) => counts.executed += 1,
            Ok(false) => counts.broken += 1,
            Err(reason) => fail(case.seed, &reason, &[("before", &case.before), ("after", &case.after)]),
        }
    }
}

/// Compares what an importer sees; `false` when the build as it was could not be run.
fn compare(rewritten: &Rewritten, before: &Seen, after: &Seen, unhooked: &str, hooked: &str) -> Result<bool, String> {
    let Rewritten { case, plan, .. } = rewritten;
    if before.error.is_some() {
        return match &after.error {
            Some(_) => Ok(false),
            // The forwarders are there before the runtime has failed, and then reject.
            None if case.request.exports != ExportStyle::Await => Ok(false),
            None => Err(format!("the build could not be run, and now can: {:?}", before.error)),
        };
    }
    if let Some(error) = &after.error {
        return Err(format!("the rewritten build cannot be run: {error}"));
    }
    match case.shape {
        Shape::SdkWrapped => {
            for (name, value) in &after.exports {
                if !before.exports.contains(&(name.clone(), value.clone())) {
                    return Err(format!("`{name}` is not the runtime's value: {value}"));
                }
            }
        }
        Shape::Fresh | Shape::TopLevelImport if case.request.exports == ExportStyle::Await => {
            if after.exports != before.exports {
                return Err(format!("exports differ: {:?} became {:?}", before.exports, after.exports));
            }
        }
        _ => {
            // Forwarders keep the name and the length.
            let lengths = |seen: &Seen| -> Vec<_> {
                seen.exports.iter().map(|(name, value)| (name.clone(), value["length"].clone())).collect()
            };
            if lengths(after) != lengths(before) {
                return Err(format!("wrapped exports differ: {:?} became {:?}", before.exports, after.exports));
            }
        }
    }
    if case.front == case.request.entry.as_str() && case.shape != Shape::SdkWrapped {
        let mut names: Vec<&str> = plan.exports.iter().map(String::as_str).collect();
        // A namespace object has its names in the order of their UTF-16 code units.
        names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
        if names != before.exports.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>() {
            return Err(format!("the plan names {names:?}, and Node sees {:?}", before.exports));
        }
    }
    if case.shape != Shape::SdkWrapped {
        let exports = presentry_rewriter::exports(&rewritten.before, &case.request.entry)
            .map_err(|error| format!("the kinds of the exports cannot be told: {}", error.message))?;
        for export in exports {
            if let Some((name, seen)) = before.exports.iter().find(|(name, _)| *name == export.name) {
                kind_is_true(name, export.kind, seen)?;
            }
        }
    }
    if after.called != before.called {
        return Err(format!("calls give other results: {:?} became {:?}", before.called, after.called));
    }
    let mut order = after.order.clone();
    if order.first().map(String::as_str) != Some("init") || order.iter().filter(|module| *module == "init").count() > 1
    {
        return Err(format!("Sentry did not start first, and once: {order:?}"));
    }
    order.remove(0);
    let mut expected: Vec<String> = before.order.iter().filter(|module| *module != "init").cloned().collect();
    if case.racing {
        order.sort();
        expected.sort();
    }
    if case.shape != Shape::SdkWrapped && case.request.exports == ExportStyle::Await && order != expected {
        return Err(format!("the runtime ran differently: {expected:?} became {order:?}"));
    }
    // The control: as it was, the hooks saw nothing that is loaded before the entry has run.
    let early = |loaded: &str| loaded.lines().filter(|url| url.contains("/server/")).count();
    if early(unhooked) > 0 && before.called.is_empty() && case.shape == Shape::Fresh {
        return Err(format!("hooks of the build as it was saw modules: {unhooked}"));
    }
    let moved = plan.changes.iter().find(|change| change.kind == presentry_rewriter::ChangeKind::MovedEntry);
    let moved = moved.map_or("", |change| change.path.file_name());
    let is_moved = |url: &str| {
        let name = url.split(['?', '#']).next().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        percent_encoding::percent_decode_str(name).decode_utf8_lossy() == moved
    };
    if !hooked.lines().any(is_moved) {
        return Err(format!("the runtime was not loaded through the hooks: {hooked}"));
    }
    Ok(true)
}

/// What was found statically must not contradict what Node sees.
fn kind_is_true(name: &str, kind: presentry_rewriter::ExportKind, seen: &Value) -> Result<(), String> {
    use presentry_rewriter::ExportKind;
    let right = match kind {
        ExportKind::CallResult | ExportKind::Unknown => true,
        ExportKind::Function(shape) => seen["kind"] == kind.describe() && seen["length"] == shape.length,
        kind => seen["kind"] == kind.describe(),
    };
    right.then_some(()).ok_or_else(|| format!("`{name}` was said to be {kind:?}, and is {seen}"))
}

impl Counts {
    fn show(&self, seed: u64) -> String {
        let percent = self.rewritten * 100 / self.builds.max(1);
        let refused: Vec<String> = self.refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
        format!(
            "fuzz: {} modules in {} builds generated, {} modules parsed, {} builds rewritten ({percent} %), {} executed \
             before and after, {} that Node refuses as they were, {} mangled; seed {seed}\nfuzz: refused: {}",
            self.modules,
            self.builds,
            self.parsed,
            self.rewritten,
            self.executed,
            self.broken,
            self.mangled,
            refused.join(", ")
        )
    }
}
