//! One cell from sources to its entry in the document: install, build, controls, columns, oracles.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail};

use crate::cache::{self, Cache};
use crate::column::Column;
use crate::columns::{COLUMNS, Made, Material, Outcome, before};
use crate::document::{Check, Entry, Judged};
use crate::evidence::{self, Evidence, Exports, Source};
use crate::matrix::Cell;
use crate::node::Node;
use crate::oracles::{self, BUILD, Judgement, ORACLES};
use crate::progress::{Bar, Console, Shown};
use crate::scenario::{Ends, Traced};
use crate::seen::{Before, Facts, Seen};
use crate::timeline::Timeline;
use crate::toolchain::Toolchain;
use crate::trace::RuntimeModules;
use crate::tree::Snapshot;
use crate::workbench::{Config, Copy, Prepared, Workbench};

/// The run of a cell.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What is kept of it.
    pub entry: Entry,
    /// What was printed meanwhile.
    pub text: String,
}

/// Where the files of a run of `scenario`, or of its cell, go, below `target`. Each run starts with an empty one.
pub fn work_directory(target: &Path, scenario: &str) -> PathBuf {
    target.join("e2e-work").join(scenario)
}

/// Runs cells, `jobs` at a time, in their order. A cell that fails does not stop the others. What they do and find is
/// printed to a console of `shown`; where several run beside each other, cell by cell. `done` is called with each run as it
/// ends.
///
/// # Errors
/// When there are no cells, or the cache cannot be opened.
pub fn run_all(
    cells: &[Cell],
    config: &Config,
    jobs: usize,
    shown: Shown,
    done: &(dyn Fn(&Ran) + Sync),
) -> Result<Vec<Ran>> {
    if cells.is_empty() {
        bail!("zero cells are selected");
    }
    let cache = Cache::open(&config.target.join("e2e-cache"), config.cache)?;
    let jobs = jobs.clamp(1, cells.len());
    let next = Mutex::new(cells.iter().enumerate());
    let runs = Mutex::new(Vec::new());
    let bar = Bar::over(cells.len(), shown);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, cell)) = taken else { break };
                    let shown_here = if jobs == 1 { shown } else { Shown::Nowhere };
                    let console = Console::beside(shown_here, bar.clone(), &format!("{}:", cell.id()));
                    let ran = run(cell, config, &cache, &console);
                    bar.done();
                    done(&ran);
                    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                    if jobs > 1 {
                        Console::beside(shown, bar.clone(), "").print(&ran.text);
                    }
                    runs.push((at, ran));
                }
            });
        }
    });
    bar.clear();
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|(at, _)| *at);
    Ok(runs.into_iter().map(|(_, ran)| ran).collect())
}

/// Runs one cell. A step before the boots that fails leaves it without a judgement; the work directory is kept then,
/// and the message names it.
fn run(cell: &Cell, config: &Config, cache: &Cache, console: &Console) -> Ran {
    let start = Instant::now();
    let mut entry = Entry {
        id: cell.id(),
        about: cell.scenario.about.clone(),
        preset: cell.scenario.nitro_preset().to_owned(),
        server: cell.scenario.ends.is_none(),
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        requested: cell.requested(),
        ..Entry::default()
    };
    let Toolchain { node_version, npm_version, .. } = &config.toolchain;
    let node_version = cell.versions.node.as_ref().unwrap_or(node_version);
    console.print(&format!("scenario {} (Node.js {node_version}, npm {npm_version})\n", entry.id));
    if let Err(error) = in_work_directory(cell, config, cache, console, &mut entry) {
        entry.error = Some(format!("{error:#}"));
    }
    entry.seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    entry.phases = console.phases();
    entry.count();
    console.print(&format!("\n{}", entry.summary()));
    Ran { entry, text: console.text() }
}

fn in_work_directory(cell: &Cell, config: &Config, cache: &Cache, console: &Console, entry: &mut Entry) -> Result<()> {
    let work = work_directory(&config.target, &cell.id());
    cache::remove(&work)?;
    std::fs::create_dir_all(work.join("logs")).with_context(|| format!("failed to create `{}`", work.display()))?;
    // Node reports real paths, and the trace is compared with ours.
    let work = work.canonicalize().with_context(|| format!("failed to find `{}`", work.display()))?;
    let logs = work.join("logs");
    let mut judge = || {
        let on_path = Node::of(&config.toolchain);
        let get = |version: Option<&String>| match version {
            None => Ok(on_path.clone()),
            Some(version) => Node::install(version, cache, &config.toolchain, &logs),
        };
        let node = get(cell.versions.node.as_ref().or(cell.scenario.node.as_ref()))?;
        let builder = if cell.starts_only { get(cell.scenario.node.as_ref())? } else { node.clone() };
        let bench = Workbench {
            cell,
            scenario: &cell.scenario,
            config,
            cache,
            builder: &builder,
            node: &node,
            work: &work,
            logs: &logs,
            console,
            source: config.fixtures.join(&cell.scenario.fixture),
        };
        judge(&bench, entry)
    };
    judge().with_context(|| {
        format!("scenario {} was not judged; its work directory is `{}`", cell.id(), work.display())
    })?;
    let checks = || entry.columns.iter().flat_map(|column| &column.checks);
    let logs = evidence::logs(checks().flat_map(|check| &check.sources), &work);
    let failed = checks().next().is_none()
        || entry.columns.iter().any(|column| column.is_ours() && column.checks.iter().any(Check::failed));
    entry.evidence.logs = logs;
    if config.keep || failed {
        entry.kept = Some(work);
    } else {
        cache::remove(&work)?;
    }
    Ok(())
}

/// Makes the builds and judges each by the table of oracles.
fn judge(bench: &Workbench<'_>, entry: &mut Entry) -> Result<()> {
    let prepared = bench.prepare()?;
    entry.versions = prepared.versions.clone();
    if let Some(ends) = &bench.scenario.ends {
        entry.columns.push(judge_end(bench, ends, &prepared)?);
        return Ok(());
    }
    let unrewritten = &bench.copy(&prepared.built, "unrewritten")?;
    let chunk = &bench.chunk(unrewritten)?;
    let before = &before::seen(bench, &prepared, unrewritten, chunk)?;
    entry.evidence.exports.push(Exports::new("unrewritten", before.exports.up()));
    let mut ours: Option<Box<Made>> = None;
    // Without the rewrite, all of ours are the first.
    let is_made = |column: Column| bench.config.rewrite || column == Column::Presentry || !column.is_ours();
    // That there can be none is known without a build.
    let is_none = |column: Column| column == Column::Sdk && bench.scenario.sdk.absent.is_some();
    let wanted = |column: Column| (bench.cell.columns.contains(&column) || is_none(column)) && is_made(column);
    for (column, make) in COLUMNS.into_iter().filter(|(column, _)| wanted(*column)) {
        let material = Material { bench, prepared: &prepared, chunk, unrewritten, ours: ours.as_deref() };
        let judged = Judging { bench, column, versions: &entry.versions };
        let made = match make(&material)? {
            Outcome::Made(made) => made,
            Outcome::Failed(error) => {
                entry.columns.push(judged.all([(None, BUILD, Err(error), Vec::new())]));
                continue;
            }
            Outcome::Absent(reason) => {
                bench.console.print(&format!("{}: not built, {reason}\n", column.title()));
                entry.evidence.absent.insert(column.key().to_owned(), reason);
                continue;
            }
        };
        let facts = Facts {
            column,
            scenario: made.scenario.as_ref().unwrap_or(bench.scenario),
            build: &made.build,
            before,
            ours: ours.as_ref().map_or(&made.build, |ours| &ours.build),
        };
        let asked = ORACLES.iter().filter(|oracle| (oracle.columns)(column));
        entry.columns.push(judged.all(asked.filter_map(|oracle| {
            let (judgement, sources) = (oracle.judge)(&facts)?;
            Some((oracle.number, oracle.name, judgement, sources))
        })));
        see(&mut entry.evidence, column.title(), &made.build.seen, &made.build.modules);
        entry.evidence.exports.push(Exports::new(column.title(), made.build.exports.up()));
        if column == Column::Presentry {
            ours = Some(made);
        }
    }
    for control in &before.controls {
        see(&mut entry.evidence, control.control.name(), &control.seen, &control.modules);
    }
    entry.evidence.reference = reference(bench, entry, before);
    Ok(())
}

/// Keeps the timeline of a start that was watched.
fn see<T>(evidence: &mut Evidence, of: &str, seen: &Seen<T>, modules: &RuntimeModules) {
    evidence.timelines.extend(seen.watched.as_ref().map(|watched| Timeline::new(of, watched, modules)));
}

/// What was asked: the number and name of an oracle, its answer, and the processes that were looked at.
type Asked = (Option<u8>, &'static str, Judgement, Vec<Source>);

/// One column's judgements on their way to the document.
struct Judging<'a> {
    bench: &'a Workbench<'a>,
    column: Column,
    versions: &'a std::collections::BTreeMap<String, String>,
}

impl Judging<'_> {
    fn all(&self, judgements: impl IntoIterator<Item = Asked>) -> Judged {
        let Judging { bench, column, versions } = *self;
        let check = |(oracle, name, judgement, sources): Asked| {
            let known = bench.config.matrix.known(column, bench.scenario, versions, (oracle, name)).map(str::to_owned);
            let passed = judgement.is_ok();
            let seen = judgement.unwrap_or_else(|seen| seen);
            let check = Check { oracle, name: name.to_owned(), passed, seen, known, sources };
            let of = if column == Column::Presentry { String::new() } else { format!("{}: ", column.title()) };
            bench.console.print(&format!("{of}{}", check.render()));
            check
        };
        Judged {
            column: column.key().to_owned(),
            title: column.title().to_owned(),
            checks: judgements.into_iter().map(check).collect(),
        }
    }
}

/// For oracles that are known to fail: what they say of the build as it was under `--import`, where they fail it as well.
/// That is how Sentry says that a server is to be started: what fails there no order of modules can mend. Only these oracles
/// want nothing but Sentry having started first, and only what fails in a column of ours is looked at: what ours can do, the
/// platform can. A reference that does not start shows nothing, so it excuses nothing.
fn reference(bench: &Workbench<'_>, entry: &Entry, before: &Before) -> std::collections::BTreeMap<u8, String> {
    let Some(Ok(seen)) = before.imported.as_ref().map(Seen::up) else { return Default::default() };
    let ours = entry.columns.iter().filter(|column| column.is_ours()).flat_map(|column| &column.checks);
    ours.filter(|check| check.known.is_some() && !check.passed)
        .filter_map(|check| {
            let fails = match check.oracle? {
                3 => oracles::libraries_instrumented(bench.scenario, seen).err()?,
                7 => oracles::page_and_assets(bench.scenario, &before.asset, seen).err()?,
                9 => oracles::as_imported(bench.scenario, seen, &[], seen).err()?,
                _ => return None,
            };
            Some((check.oracle?, fails))
        })
        .collect()
}

/// Where nothing is booted: the command ends as the scenario says, and changes nothing.
fn judge_end(bench: &Workbench<'_>, ends: &Ends, prepared: &Prepared) -> Result<Judged> {
    let subject = bench.copy(&prepared.built, "app")?;
    let before = Snapshot::take(&subject.root)?;
    let finished = bench.timed("presentry", || bench.command("presentry", None, &[], &subject))?;
    let after = Snapshot::take(&subject.root)?;
    let changed = oracles::unchanged(&before.differences(&after), &after.checksum());
    let source = || vec![finished.source.clone()];
    let mut judgements = vec![
        (None, "the command", oracles::ends_as_said(ends, finished.exit, &finished.text), source()),
        (None, "no byte is changed", changed, source()),
    ];
    if let Some(traced) = &ends.traced {
        judgements.push(spans_as_built(bench, traced, prepared, &subject)?);
    }
    Ok(Judging { bench, column: Column::Presentry, versions: &prepared.versions }.all(judgements))
}

/// What `presentry trace` sees of the build as it is, and of the control, which is built without what makes the spans.
fn spans_as_built(bench: &Workbench<'_>, traced: &Traced, prepared: &Prepared, subject: &Copy) -> Result<Asked> {
    let control = bench.copy(&bench.build_with(&prepared.install, &traced.control, "for the control")?, "control")?;
    let trace = |log, copy: &Copy| {
        let args = ["--request", &traced.path, "--expect", &traced.expect];
        bench.timed(log, || bench.command(log, Some("trace"), &args, copy))
    };
    let (seen, seen_of_control) = (trace("trace", subject)?, trace("trace-control", &control)?);
    let judgement =
        oracles::spans_traced(traced, (seen.exit, &seen.text), (seen_of_control.exit, &seen_of_control.text));
    Ok((None, "spans as it was built", judgement, vec![seen.source, seen_of_control.source]))
}
