//! The build with the SDK bundled, as it is by default: the same build rewritten with `--prune`, started from what is left
//! of its output alone, judged by the same oracles, and compared with what the unbundled build does.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use anyhow::{Context, Result};
use serde_json::Value;
use walkdir::WalkDir;

use crate::app;
use crate::intake::Received;
use crate::observe::{Lab, Manner, Seen};
use crate::oracles::{self, Judgement, Observation, Proof, RuntimeModules, ThrowObservation, verdict};
use crate::report::BUNDLED;
use crate::run::{Copy, Judged, Run, Slot, Task, load_errors, put_away, run_beside, taken, up};
use crate::runtime;
use crate::tree::{self, Snapshot};

/// What the command gets beside the scenario's arguments. It bundles without being told; where it does not, packages of the
/// SDK are left, which is a check.
const FLAGS: [&str; 1] = ["--prune"];

/// What is known of the same cell without the bundle.
pub(crate) struct Unbundled<'a> {
    /// The build as it was built; by the npm package, where that rewrites it.
    pub(crate) build: &'a Path,
    /// The app as it is installed.
    pub(crate) install: &'a Path,
    /// What the rewritten build did.
    pub(crate) seen: &'a Seen<Observation>,
    /// The size of its packages, in bytes.
    pub(crate) size: u64,
    /// The name that its entry got. The entry of the bundled build has other bytes, as it asks for the bundle.
    pub(crate) moved_entry: Option<&'a OsStr>,
    /// The runtime chunk of a rewritten build.
    pub(crate) chunk: &'a Path,
    /// The exports of the unrewritten build.
    pub(crate) exports_unrewritten: &'a Seen<Value>,
    /// What the unrewritten build does when its runtime throws later.
    pub(crate) throw_later_unrewritten: &'a Seen<ThrowObservation>,
    /// What the unrewritten build would deploy, where it deploys a function.
    pub(crate) stack_unrewritten: Option<&'a Seen<Value>>,
    /// What the static file holds.
    pub(crate) asset: &'a [u8],
}

/// What the boots showed.
#[derive(Default)]
struct Boots {
    plain: Slot<Observation>,
    preloaded: Slot<Observation>,
    throw_first: Slot<ThrowObservation>,
    throw_later: Slot<ThrowObservation>,
    exports: Slot<Value>,
    stack: Slot<Value>,
}

/// Rewrites a copy of the build, boots it, and judges it. The controls are those of our column: they fail the same oracles.
pub(crate) fn judge(run: &Run<'_>, lab: &Lab<'_>, unbundled: &Unbundled<'_>) -> Result<Vec<Judged>> {
    let scenario = run.scenario;
    let root = run.work.join("bundled");
    tree::copy(unbundled.build, &root, |_| true)?;
    let copy = Copy { app: scenario.app_in(&root), root };
    // The bundler is one of the app's packages, which are there while the command runs, and not while the build does.
    for packages in app::packages(unbundled.install)? {
        tree::link(&unbundled.install.join(&packages), &put_away(&copy).join(&packages))?;
    }
    // What the npm package has rewritten is restored to what it found.
    let original = match scenario.module {
        None => Snapshot::take(&copy.root)?,
        Some(_) => run.restored("bundled-restored", &copy)?,
    };
    let (rewrite, rewrite_source) =
        run.timed(BUNDLED, || run.command_with("bundled-presentry", None, &FLAGS, &copy))?;
    let (checked, check_source) = run.command_with("bundled-presentry-check", Some("check"), &[], &copy)?;
    let rewritten = Snapshot::take(&copy.root)?;
    let size = size_of_packages(&run.server(&copy.app))?;
    let left = sdk_packages_in(&run.server(&copy.app));

    // A platform's program may need more of the app than the output.
    let elsewhere = scenario.r#move || scenario.start.host().is_none();
    let started = if elsewhere { run.move_output("moved-bundled", &copy.app)? } else { copy.app.clone() };
    let boots = boot(run, lab, &started, unbundled.chunk)?;
    let seen = taken(boots.plain)?;
    let preloaded = run.preloads().then(|| taken(boots.preloaded)).transpose()?;
    let (first, later) = (taken(boots.throw_first)?, taken(boots.throw_later)?);
    let exports = taken(boots.exports)?;

    let proof = Proof { rewrite: Some(rewrite.exit), check: checked.exit, check_controls: Vec::new() };
    let proven = oracles::static_proof(&proof).map(|_| "`presentry check` exits 0".to_owned());
    let server = run.traced_server(&started);
    let modules = RuntimeModules {
        moved_entry: unbundled.moved_entry.map(|name| server.join(&scenario.entry).with_file_name(name)),
        chunk: server.join(unbundled.chunk),
    };
    let boot = || vec![seen.source.clone()];
    let both = || up(unbundled.seen).and_then(|before| Ok((before, up(&seen)?)));
    let exported = up(unbundled.exports_unrewritten).and_then(|before| Ok((before, up(&exports)?)));
    let exported = exported.and_then(|(before, after)| match &scenario.exports {
        None => oracles::exports_equal(before, after),
        Some(kinds) => oracles::exports_restored(kinds, before, after),
    });
    let one_init = up(&seen)
        .and_then(|plain| Ok((plain, preloaded.as_ref().map(up).transpose()?)))
        .and_then(|(plain, preloaded)| oracles::one_init(scenario, &plain.trace, preloaded.map(|seen| &seen.trace)));
    let mut judged: Vec<Judged> = vec![
        (Some(1), "static proof", proven, vec![rewrite_source.clone(), check_source]),
        (
            Some(2),
            "runtime through hooks",
            up(&seen).and_then(|seen| oracles::runtime_through_hooks(scenario, &modules, seen)),
            boot(),
        ),
        (
            Some(3),
            "instrumented libraries",
            up(&seen).and_then(|seen| oracles::libraries_instrumented(scenario, seen)),
            boot(),
        ),
        (Some(4), "exports", exported, vec![exports.source]),
        (Some(5), "one init", one_init, boot().into_iter().chain(preloaded.map(|seen| seen.source)).collect()),
        (
            Some(6),
            "load errors",
            load_errors(&first, &later, unbundled.throw_later_unrewritten),
            vec![first.source, later.source, unbundled.throw_later_unrewritten.source.clone()],
        ),
        (
            Some(7),
            "page and assets",
            up(&seen).and_then(|seen| oracles::page_and_assets(scenario, unbundled.asset, seen)),
            boot(),
        ),
        (
            None,
            "the same client",
            both().and_then(|(before, after)| same_client(&before.status.json(), &after.status.json())),
            vec![unbundled.seen.source.clone(), seen.source.clone()],
        ),
        (
            None,
            "the same sdk block",
            both().and_then(|(before, after)| same_sdk(&before.received, &after.received)),
            vec![unbundled.seen.source.clone(), seen.source.clone()],
        ),
        (None, "packages", pruned(unbundled.size, size, &left), vec![rewrite_source]),
    ];
    if !scenario.values.is_empty() {
        let judgement = up(&seen).and_then(|seen| oracles::values_are(scenario, seen, None));
        judged.push((None, "values of the instrumentation", judgement, boot()));
    }
    if !scenario.features.is_empty() {
        let judgement = up(&seen).and_then(|seen| oracles::features(scenario, seen, None));
        judged.push((None, "features", judgement, boot()));
    }
    if let (Some(function), Some(before)) = (&scenario.deploys, unbundled.stack_unrewritten) {
        let after = taken(boots.stack)?;
        let judgement = up(before)
            .and_then(|before| Ok((before, up(&after)?)))
            .and_then(|(before, after)| oracles::deployed_the_same(function, before, after, &Value::Null));
        judged.push((None, "deployment", judgement, vec![after.source, before.source.clone()]));
    }
    let (again, source) = run.command_with("bundled-presentry-again", None, &FLAGS, &copy)?;
    let after = Snapshot::take(&copy.root)?;
    let judgement = oracles::nothing_changed(again.exit, &rewritten.differences(&after), &after.checksum());
    judged.push((None, "a second run changes nothing", judgement, vec![source]));
    let (restored, source) = run.command_with("bundled-presentry-restore", Some("restore"), &[], &copy)?;
    let after = Snapshot::take(&copy.root)?;
    let judgement = oracles::nothing_changed(restored.exit, &original.differences(&after), &after.checksum());
    judged.push((None, "restore gives back the original", judgement, vec![source]));
    Ok(judged)
}

/// Boots everything that has to be booted, as many at a time as there are cores.
fn boot(run: &Run<'_>, lab: &Lab<'_>, started: &Path, chunk: &Path) -> Result<Boots> {
    fn fill<T>(slot: &Slot<T>, seen: Result<Seen<T>>) {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
    let boots = Boots::default();
    let throwing = |name: &str, patch: fn(&Path) -> Result<()>| {
        let copy = run.work.join(name);
        tree::copy(started, &copy, |_| true)?;
        patch(&run.server(&copy).join(chunk))?;
        lab.throwing(name, &copy)
    };
    let mut tasks: Vec<Task<'_>> = vec![(
        "boot, bundled".to_owned(),
        Box::new(|| fill(&boots.plain, lab.exercise("bundled-boot", started, Manner::Finished))),
    )];
    if run.preloads() {
        tasks.push((
            "boot under --import, bundled".to_owned(),
            Box::new(|| fill(&boots.preloaded, lab.exercise("bundled-preloaded", started, Manner::Preloaded))),
        ));
    }
    tasks.push((
        "boot, bundled, throws later".to_owned(),
        Box::new(|| fill(&boots.throw_later, throwing("bundled-throw-later", runtime::throw_last))),
    ));
    tasks.push((
        "boot, bundled, throws first".to_owned(),
        Box::new(|| fill(&boots.throw_first, throwing("bundled-throw-first", runtime::throw_first))),
    ));
    tasks.push((
        "exports, bundled".to_owned(),
        Box::new(|| fill(&boots.exports, lab.exports("bundled-exports", started))),
    ));
    if run.scenario.deploys.is_some() {
        tasks.push((
            "deployment, bundled".to_owned(),
            Box::new(|| fill(&boots.stack, lab.firebase_stack("bundled-stack", started))),
        ));
    }
    run_beside(tasks, run.console);
    Ok(boots)
}

/// What the routes say of the client, in the build without the bundle and in the one with it: the SDK's version, its active
/// integrations in their order, and its options.
///
/// # Errors
/// Says what differs, or that a route has another client than the instrumentation.
fn same_client(unbundled: &Value, bundled: &Value) -> Judgement {
    let mut wrong = Vec::new();
    for (build, status) in [("unbundled", unbundled), ("bundled", bundled)] {
        if status["ofInstrumentation"] != Value::Bool(true) {
            wrong.push(format!("{build}: the route has not the client of the instrumentation"));
        }
    }
    if unbundled["sdk"] != bundled["sdk"] || !bundled["sdk"].is_string() {
        wrong.push(format!("`SDK_VERSION` is {}, unbundled {}", bundled["sdk"], unbundled["sdk"]));
    }
    if unbundled["integrations"] != bundled["integrations"] || names(bundled).is_empty() {
        let (before, after) = (names(unbundled), names(bundled));
        wrong.push(format!("the integrations are [{}], unbundled [{}]", after.join(", "), before.join(", ")));
    }
    let (before, after) = (options(unbundled), options(bundled));
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        if before.get(name) != after.get(name) {
            let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
            let (before, after) = (shown(before.get(name)), shown(after.get(name)));
            wrong.push(format!("the option `{name}` is {after}, unbundled {before}"));
        }
    }
    if after.is_empty() {
        wrong.push("the route tells no options".to_owned());
    }
    verdict(&wrong, || {
        format!(
            "{} integrations and {} options of SDK {} are equal, and the client is that of the instrumentation",
            names(bundled).len(),
            after.len(),
            bundled["sdk"].as_str().unwrap_or_default()
        )
    })
}

fn names(status: &Value) -> Vec<String> {
    let list = status["integrations"].as_array().into_iter().flatten();
    list.map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
}

/// The options of the client, without what each boot has of its own: the address of the intake, and what integrations keep
/// to themselves, such as the profiler with the ids of its session.
fn options(status: &Value) -> serde_json::Map<String, Value> {
    let mut options = status["options"].as_object().cloned().unwrap_or_default();
    options.remove("dsn");
    let integrations = options.get_mut("integrations").and_then(Value::as_array_mut);
    for integration in integrations.into_iter().flatten().filter_map(Value::as_object_mut) {
        integration.retain(|member, _| !member.starts_with('_'));
    }
    options
}

/// What envelopes say of the SDK: name, version, packages and integrations. That nothing arrives at all is for the oracle of
/// the libraries to judge.
///
/// # Errors
/// Says what each of the builds says, where they differ.
fn same_sdk(unbundled: &Received, bundled: &Received) -> Judgement {
    let (before, after) = (sdk_blocks(unbundled), sdk_blocks(bundled));
    if before.is_empty() && after.is_empty() {
        return Ok("nothing arrives from either build".to_owned());
    }
    if before != after {
        // A block lists every integration, so only the beginning of those that differ is shown.
        let shown = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
            let more = these.difference(those).map(|block| block.chars().take(400).collect::<String>());
            more.collect::<Vec<_>>().join(", ")
        };
        let (more, less) = (shown(&after, &before), shown(&before, &after));
        return Err(format!("{} blocks; bundled alone [{more}], unbundled alone [{less}]", after.len()));
    }
    let packages = after.iter().filter(|block| block.contains("\"packages\"")).count();
    Ok(format!("{} equal, {packages} of them with packages and integrations", after.len()))
}

/// Each block that arrived, once, by what it came in.
fn sdk_blocks(received: &Received) -> BTreeSet<String> {
    let headers = received.envelopes.iter().map(|envelope| ("header", &envelope.sdk));
    let transactions = received.transactions().map(|transaction| ("transaction", &transaction.sdk));
    let events = received.events().map(|event| ("event", &event.sdk));
    let all = headers.chain(transactions).chain(events).filter(|(_, block)| !block.is_null());
    all.map(|(kind, block)| format!("{kind} {block}")).collect()
}

/// What is left of the packages: nothing of the SDK, and less than without the bundle.
///
/// # Errors
/// Names what is left of the SDK, or says that nothing went.
fn pruned(unbundled: u64, bundled: u64, sdk: &[String]) -> Judgement {
    let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    let sizes = format!("`node_modules`: {} → {}", megabytes(unbundled), megabytes(bundled));
    let mut wrong = Vec::new();
    if !sdk.is_empty() {
        wrong.push(format!("{} are left", sdk.join(", ")));
    }
    if bundled >= unbundled {
        wrong.push(format!("nothing went: {sizes}"));
    }
    verdict(&wrong, || sizes.clone())
}

/// The size of the packages of a build, in bytes, links not followed; 0 where it has none.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn size_of_packages(server: &Path) -> Result<u64> {
    let packages = server.join("node_modules");
    if !packages.is_dir() {
        return Ok(0);
    }
    WalkDir::new(&packages).into_iter().try_fold(0, |size, entry| {
        let entry = entry.with_context(|| format!("failed to walk `{}`", packages.display()))?;
        let metadata = entry.metadata().with_context(|| format!("failed to read `{}`", entry.path().display()))?;
        Ok(size + if metadata.is_file() { metadata.len() } else { 0 })
    })
}

/// The packages of the SDK that a build has, those with a native add-on left out: such a package stays.
fn sdk_packages_in(server: &Path) -> Vec<String> {
    let scope: PathBuf = server.join("node_modules/@sentry");
    let is_add_on = |entry: &walkdir::DirEntry| entry.path().extension() == Some(OsStr::new("node"));
    let has_add_on = |package: &Path| WalkDir::new(package).into_iter().flatten().any(|entry| is_add_on(&entry));
    let entries = std::fs::read_dir(scope).into_iter().flatten().flatten();
    let packages = entries.filter(|entry| !has_add_on(&entry.path()));
    packages.map(|entry| format!("`@sentry/{}`", entry.file_name().to_string_lossy())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envelope::{Envelope, Event, Item};

    #[track_caller]
    fn fails(judgement: Judgement, saying: &str) {
        let seen = judgement.expect_err("it must fail");
        assert!(seen.contains(saying), "`{seen}` does not say `{saying}`");
    }

    fn status() -> Value {
        json!({
            "sdk": "10.70.0",
            "ofInstrumentation": true,
            "integrations": ["Http", "Graphql"],
            "options": { "dsn": "http://key@127.0.0.1:1/1", "transport": "function makeNodeTransport of 1" },
        })
    }

    #[test]
    fn the_client_is_the_same_in_all_that_a_route_tells() {
        let with = |key: &str, value: Value| {
            let mut status = status();
            status[key] = value;
            status
        };
        let mut elsewhere = status();
        elsewhere["options"]["dsn"] = json!("http://key@127.0.0.1:2/1");
        assert!(same_client(&status(), &elsewhere).unwrap().contains("2 integrations and 1 options of SDK 10.70.0"));
        let fails_with = |key, value, saying| fails(same_client(&status(), &with(key, value)), saying);
        fails_with("sdk", json!("10.69.0"), "`SDK_VERSION` is \"10.69.0\"");
        fails_with("ofInstrumentation", json!(false), "bundled: the route has not the client");
        fails_with("integrations", json!(["Graphql", "Http"]), "[Graphql, Http], unbundled [Http, Graphql]");
        fails_with("options", json!({ "transport": "function a of 1" }), "the option `transport` is");
        fails_with("options", json!({}), "is absent, unbundled");
        let profiler = |name: &str, id: u8| {
            with("options", json!({ "integrations": [{ "name": name, "_profiler": { "id": id } }] }))
        };
        assert!(same_client(&profiler("ProfilingIntegration", 1), &profiler("ProfilingIntegration", 2)).is_ok());
        fails(same_client(&profiler("ProfilingIntegration", 1), &profiler("Other", 1)), "the option `integrations` is");
        fails(same_client(&with("ofInstrumentation", Value::Null), &status()), "unbundled: the route has not");
        fails(same_client(&Value::Null, &Value::Null), "tells no options");
    }

    #[test]
    fn envelopes_say_the_same_of_the_sdk() {
        let received = |header: Value, event: Value| Received {
            envelopes: vec![Envelope {
                event_id: None,
                sdk: header,
                items: vec![Item::Event(Event { sdk: event, ..Event::default() })],
            }],
            refused: Vec::new(),
        };
        let header = || json!({ "name": "sentry.javascript.solidstart" });
        let event = || json!({ "packages": [], "integrations": ["Http"] });
        let right = received(header(), event());
        assert_eq!(same_sdk(&right, &right).unwrap(), "2 equal, 1 of them with packages and integrations");
        fails(same_sdk(&right, &received(json!({ "name": "sentry.javascript.node" }), event())), "javascript.node");
        fails(
            same_sdk(&right, &received(header(), json!({ "packages": [], "integrations": [] }))),
            "unbundled alone [event",
        );
        fails(same_sdk(&right, &Received::default()), "0 blocks");
        fails(same_sdk(&Received::default(), &right), "2 blocks");
        assert_eq!(same_sdk(&Received::default(), &Received::default()).unwrap(), "nothing arrives from either build");
    }

    #[test]
    fn what_is_left_of_the_packages_is_less_and_nothing_of_the_sdk() {
        assert_eq!(pruned(26_912_345, 2_200_000, &[]).unwrap(), "`node_modules`: 26.9 MB → 2.2 MB");
        fails(pruned(26_912_345, 2_200_000, &["`@sentry/node`".to_owned()]), "`@sentry/node` are left");
        fails(pruned(2_200_000, 2_200_000, &[]), "nothing went");
        let server = tempfile::tempdir().unwrap();
        assert_eq!(size_of_packages(server.path()).unwrap(), 0);
        let package = server.path().join("node_modules/@sentry/node");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("index.js"), "12345").unwrap();
        assert_eq!(size_of_packages(server.path()).unwrap(), 5);
        assert_eq!(sdk_packages_in(server.path()), ["`@sentry/node`"]);
        let add_on = server.path().join("node_modules/@sentry/node-cpu-profiler/lib");
        std::fs::create_dir_all(&add_on).unwrap();
        std::fs::write(add_on.join("linux.node"), "").unwrap();
        assert_eq!(sdk_packages_in(server.path()), ["`@sentry/node`"]);
    }
}
