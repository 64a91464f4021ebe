//! The columns of a cell: who makes each build, in the order in which they are judged. What the builds must do is in `oracles`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::column::Column;
use crate::observe::Manner;
use crate::resolved;
use crate::runtime;
use crate::scenario::Scenario;
use crate::seen::{Again, Build, Proof};
use crate::trace::RuntimeModules;
use crate::tree::{self, Snapshot};
use crate::workbench::{Beside, Copy, Prepared, Workbench, sdk_packages_in, size_of_packages};

mod ahead;
pub(crate) mod before;
mod bundled;
mod ours;
pub mod sdk;

/// What a column is made from.
pub(crate) struct Material<'a> {
    pub(crate) bench: &'a Workbench<'a>,
    pub(crate) prepared: &'a Prepared,
    /// The module that holds the runtime of the build as it was, relative to the server directory.
    pub(crate) chunk: &'a Path,
    pub(crate) unrewritten: &'a Copy,
    /// The rewrite with the SDK in its packages, once that is there.
    pub(crate) ours: Option<&'a Made>,
}

/// What a column came to.
pub(crate) enum Outcome {
    /// A build that was started.
    Made(Box<Made>),
    /// There is none, for this reason, which is a finding.
    Failed(String),
    /// The cell has none, for this reason.
    Absent(String),
}

/// A build that was started.
pub(crate) struct Made {
    /// The scenario as it was built; nothing where that is the cell's.
    pub(crate) scenario: Option<Scenario>,
    pub(crate) build: Build,
    /// The name that the entry got.
    moved_entry: Option<OsString>,
}

/// Makes and starts a build.
pub(crate) type Make = fn(&Material<'_>) -> Result<Outcome>;

/// The table: whose build it is, and what makes it. Ours is the first, as others are compared with it.
pub(crate) const COLUMNS: [(Column, Make); 4] = [
    (Column::Presentry, ours::make),
    (Column::Bundled, bundled::make),
    (Column::Ahead, ahead::make),
    (Column::Sdk, sdk::make),
];

/// What the command gets so that the SDK injects channels itself.
const NOT_AHEAD: &str = "--no-instrument-ahead";

/// How presentry makes a build.
struct Rewrite<'a> {
    column: Column,
    /// The name of the copy, and how those of its logs begin.
    name: &'a str,
    /// Arguments of the command, beside the scenario's; nothing where the build is left as it is.
    args: Option<&'a [&'a str]>,
    /// Whether the packages of the app are there while the command runs.
    packages: bool,
    /// Whether the output is started from an empty directory elsewhere.
    elsewhere: bool,
}

/// Has a copy of the build rewritten, started, rewritten again and restored.
fn rewritten(of: &Material<'_>, how: &Rewrite<'_>) -> Result<Outcome> {
    let Material { bench, prepared, chunk, unrewritten, ours } = *of;
    let (scenario, name, title) = (bench.scenario, how.name, how.column.title());
    let copy = bench.copy(prepared.subject(), name)?;
    if how.packages {
        bench.put_packages_away(&copy, &prepared.install)?;
    }
    let log = |what: &str| format!("{name}-{what}");
    let original = match (&scenario.module, &prepared.packaged) {
        // What the npm package has rewritten is restored to what it found, which is what the build without it is, but for
        // what no two builds have in common.
        (Some(module), Some(_)) if how.column != Column::Presentry || module.varies(&scenario.entry) => {
            bench.snapshot_after(&log("before"), Some("restore"), &[], &copy)?
        }
        (_, Some(_)) => Snapshot::take(&unrewritten.root)?,
        (_, None) => Snapshot::take(&copy.root)?,
    };
    let mut sources = Vec::new();
    let mut run = |step: &str, what: &str, verb, args: &[&str]| {
        let finished = bench.timed(step, || bench.command(&log(what), verb, args, &copy))?;
        sources.push(finished.source);
        anyhow::Ok(finished.exit)
    };
    let rewrite = how.args.map(|args| run(title, "presentry", None, args)).transpose()?;
    let check = run(&format!("presentry check, {title}"), "check", Some("check"), &[])?;
    let after = Snapshot::take(&copy.root)?;
    let server = bench.server(&copy.app);
    let (packages, sdk_packages) = (size_of_packages(&server)?, sdk_packages_in(&server));
    // The entry of a build with the bundle has other bytes, as it imports the bundle, and the name of ours.
    let moved_entry = match ours {
        Some(ours) => ours.moved_entry.clone(),
        None if prepared.packaged.is_some() => moved_entry(
            bench,
            &original,
            &bench.snapshot_after(&log("unbundled"), None, &[ours::NO_BUNDLE, NOT_AHEAD], &copy)?,
        ),
        None => moved_entry(bench, &original, &after),
    };
    let started = match how.elsewhere {
        true => bench.move_output(&log("moved"), &copy.app)?,
        false => copy.app.clone(),
    };
    // The entry takes the runtime along where it holds it.
    let chunk = match &moved_entry {
        Some(name) if chunk == Path::new(&scenario.entry) => chunk.with_file_name(name),
        _ => chunk.to_owned(),
    };
    let traced = bench.traced_server(&started);
    let modules = RuntimeModules {
        moved_entry: moved_entry.as_ref().map(|name| traced.join(&scenario.entry).with_file_name(name)),
        chunk: traced.join(&chunk),
    };

    let (lab, started) = (&bench.lab(prepared, scenario), &started);
    let (first, later) = (log("throw-first"), log("throw-later"));
    let mut boots = Beside::default();
    let seen = boots.add(log("boot"), || lab.exercise(&log("boot"), started, Manner::Finished));
    let preloaded = bench
        .preloads()
        .then(|| boots.add(log("boot under --import"), || lab.exercise(&log("preloaded"), started, Manner::Preloaded)));
    let throw_later =
        boots.add(&*later, || lab.throwing(&later, &bench.patched(&later, started, &chunk, runtime::throw_last)?));
    let throw_first =
        boots.add(&*first, || lab.throwing(&first, &bench.patched(&first, started, &chunk, runtime::throw_first)?));
    let exports = boots.add(log("exports"), || lab.exports(&log("exports"), started));
    let without_parser = (how.column == Column::Presentry && injects(bench, prepared)).then(|| {
        let name = log("without-parser");
        boots.add(&*name.clone(), move || lab.exercise(&name, &without_parser(bench, &name, started)?, Manner::Edited))
    });
    let without_init = (how.column == Column::Presentry && is_guarded(bench, started)?).then(|| {
        let name = log("without-init");
        boots.add(&*name.clone(), move || lab.exercise(&name, &without_init(bench, &name, started)?, Manner::Edited))
    });
    let stack =
        scenario.deploys.as_ref().map(|_| boots.add(log("deployment"), || lab.firebase_stack(&log("stack"), started)));
    boots.run(bench.console);

    let again = |what: &str, verb, args: &[&str], before: &Snapshot| {
        let finished = bench.command(&log(what), verb, args, &copy)?;
        let after = Snapshot::take(&copy.root)?;
        let (differences, checksum) = (before.differences(&after), after.checksum());
        anyhow::Ok(Again { exit: finished.exit, differences, checksum, source: finished.source })
    };
    let rewrites = bench.config.rewrite;
    let build = Build {
        proof: Proof { rewrite, check, sources },
        modules,
        seen: seen.take()?,
        preloaded: preloaded.map(|boot| boot.take()).transpose()?,
        throw_first: throw_first.take()?,
        throw_later: throw_later.take()?,
        exports: exports.take()?,
        stack: stack.map(|boot| boot.take()).transpose()?,
        without_parser: without_parser.map(|boot| boot.take()).transpose()?,
        without_init: without_init.map(|boot| boot.take()).transpose()?,
        packages,
        sdk_packages,
        resolved: resolved::found(&server, &server)?,
        again: rewrites.then(|| again("again", None, how.args.unwrap_or_default(), &after)).transpose()?,
        restored: rewrites.then(|| again("restore", Some("restore"), &[], &original)).transpose()?,
        command: None,
    };
    Ok(Outcome::Made(Box::new(Made { scenario: None, build, moved_entry })))
}

/// Whether the SDK injects channels into libraries while they are loaded: from 11 on always, before that where the app says so.
fn injects(bench: &Workbench<'_>, prepared: &Prepared) -> bool {
    bench.scenario.channels || injects_in_every_build(prepared)
}

/// Whether the SDK does so without being told.
fn injects_in_every_build(prepared: &Prepared) -> bool {
    let version = prepared.versions.get("@sentry/node").and_then(|version| version.split('.').next()?.parse().ok());
    version.is_some_and(|major: u32| major >= 11)
}

/// A copy of the started app whose SDK has an empty module in the place of its parser, which is what a bundler leaves that
/// drops modules for their side effects.
fn without_parser(bench: &Workbench<'_>, name: &str, started: &Path) -> Result<PathBuf> {
    let copy = bench.work.join(name);
    tree::copy(started, &copy, |_| true)?;
    let mut emptied = 0;
    for entry in WalkDir::new(bench.server(&copy)) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", copy.display()))?;
        if is_parser(entry.path()) {
            std::fs::write(entry.path(), "")
                .with_context(|| format!("failed to empty `{}`", entry.path().display()))?;
            emptied += 1;
        }
    }
    if emptied == 0 {
        bail!("the build has no parser that could be taken out");
    }
    Ok(copy)
}

/// Whether the facade of a build has a guard that knows that Sentry starts on each path.
fn is_guarded(bench: &Workbench<'_>, app: &Path) -> Result<bool> {
    let entry = app.join(bench.entry());
    let text = std::fs::read(&entry).with_context(|| format!("failed to read `{}`", entry.display()))?;
    Ok(String::from_utf8_lossy(&text).contains("_guard(\"proven\","))
}

/// A copy of the started app whose instrumentation is empty.
fn without_init(bench: &Workbench<'_>, name: &str, started: &Path) -> Result<PathBuf> {
    let copy = bench.work.join(name);
    tree::copy(started, &copy, |_| true)?;
    let instrumentation = bench.server(&copy).join(&bench.scenario.instrumentation);
    std::fs::write(&instrumentation, "").with_context(|| format!("failed to empty `{}`", instrumentation.display()))?;
    Ok(copy)
}

/// Whether a file is the parser of the SDK: `meriyah.js` in 11.12, `meriyah2.js` in 10.78.
fn is_parser(file: &Path) -> bool {
    let is_of_parser = |name: &str| name.starts_with("meriyah") && name.ends_with(".js");
    file.parent().is_some_and(|directory| directory.ends_with("vendored/meriyah/dist"))
        && file.file_name().and_then(OsStr::to_str).is_some_and(is_of_parser)
}

/// The name that the entry got, found by its bytes, so that the harness need not know how the command names it. It must be a
/// module beside the old place, from where it finds `../public`; a copy put by for `restore` is not meant.
fn moved_entry(bench: &Workbench<'_>, original: &Snapshot, rewritten: &Snapshot) -> Option<OsString> {
    let entry = entry_in_root(bench);
    let beside = |at: &PathBuf| at.parent() == entry.parent() && at.extension() == entry.extension();
    let moved = rewritten.same_bytes(&entry, original).into_iter().find(beside)?;
    moved.file_name().map(ToOwned::to_owned)
}

/// Where the entry is in a copy of the fixture.
fn entry_in_root(bench: &Workbench<'_>) -> PathBuf {
    bench.scenario.app_in(Path::new("")).join(bench.entry())
}
