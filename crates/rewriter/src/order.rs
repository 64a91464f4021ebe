//! The abstract run: whether Sentry starts, and whether before the runtime is loaded, over all paths on which the
//! evaluation of an entry completes. It knows modules and the SDK, and nothing of diagnostics.
//!
//! Assumed: functions of the host, and packages that import nothing of the build, do not load the runtime; calls of the
//! SDK do not fail. What cannot be followed never starts Sentry, and may load the runtime wherever the modules could.

mod assignments;
mod builtins;
mod callbacks;
mod calls;
mod choices;
mod collections;
mod condition;
mod construct;
mod decisions;
mod escapes;
mod evaluator;
mod expressions;
mod generators;
mod harmless;
mod host;
mod log;
mod lookups;
mod loops;
mod modules;
mod packages;
mod patches;
mod path;
mod promises;
mod properties;
mod reach;
mod rules;
mod state;
mod steps;
mod targets;
mod value;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

pub use self::rules::Rule;
pub(crate) use self::{
    condition::{Condition, ConditionKind, Place},
    log::{EarlyPackage, LostBy, Why},
    reach::Reach,
    targets::serving_entry,
};
use self::{
    evaluator::{Changing, Evaluator, StepKey},
    packages::Follow,
    state::State,
    targets::Targets,
    value::{ObjectId, Value},
};
use crate::{diagnostics::Diagnostic, graph::Graph, sources::ModulePath};

/// What an abstract run has found.
#[derive(Debug)]
pub(crate) struct Run {
    /// What is possible when the evaluation has completed.
    pub(crate) reach: Reach,
    /// What decides whether Sentry starts, where something does.
    pub(crate) conditions: Vec<Condition>,
    /// The calls that start Sentry, each with the modules that were being evaluated, the entry first.
    pub(crate) starts: Vec<(Place, Vec<ModulePath>)>,
    /// Those that may come at any time, and why.
    pub(crate) late: Vec<(Place, Why)>,
    /// Loads of the runtime before Sentry has started.
    pub(crate) early: Vec<Place>,
    /// Loads before Sentry has started that may be loads of the runtime.
    pub(crate) doubtful: Vec<Place>,
    /// Packages that are loaded before Sentry has started.
    pub(crate) packages: Vec<EarlyPackage>,
    /// Code that was not followed.
    pub(crate) unknown: Vec<Place>,
    /// Whether a function that starts Sentry was given to something that is not followed.
    pub(crate) handed_out: bool,
    /// Options of `init` by which something is lost.
    pub(crate) options: Vec<(Place, LostBy)>,
    /// The starts of a copy of the SDK that `require()` gave, with its specifier.
    pub(crate) required: BTreeMap<Place, String>,
    /// The places at which the evaluation ends the process.
    pub(crate) ended: Vec<Place>,
    /// The places at which the evaluation ends in an error that nothing catches.
    pub(crate) thrown: Vec<Place>,
    /// The places at which the evaluation waits for a promise that nothing settles.
    pub(crate) stuck: Vec<Place>,
    /// Whether the run was given up, since it has too many steps.
    pub(crate) exhausted: bool,
    /// The modules whose code was run.
    pub(crate) evaluated: BTreeSet<ModulePath>,
    /// Whether a package names a module of the build, which CommonJS that is not followed may load.
    package_names_build: bool,
}

impl Run {
    /// Whether each path ends the process, or never comes to its end.
    pub(crate) fn never_completes(&self) -> bool {
        self.reach == Reach::NOWHERE && !self.exhausted
    }
}

/// Runs a module, and what it imports, abstractly. With `left_out` a rule does not hold.
///
/// Packages that are CommonJS are followed only where no other code that is reached starts Sentry, or where one of them
/// names a module of the build.
///
/// # Errors
/// When a module of its static closure cannot be read.
pub(crate) fn run(graph: &Graph<'_>, entry: &ModulePath, left_out: Option<Rule>) -> Result<Run, Box<Diagnostic>> {
    let may_start = |run: &Run| run.reach.has(Reach::STARTED.or(Reach::STARTED_AFTER_FAILURE));
    let modules = run_following(graph, entry, left_out, Follow::Modules)?;
    if may_start(&modules) && !modules.package_names_build {
        return Ok(modules);
    }
    let scripts = run_following(graph, entry, left_out, Follow::Scripts)?;
    let is_better = may_start(&scripts) || modules.starts.is_empty() && !scripts.starts.is_empty();
    let is_better = is_better || modules.package_names_build;
    Ok(if is_better { scripts } else { modules })
}

/// Runs a module until it is known which objects are changed after code has read them that may run at another time, and
/// which steps give one of several functions.
fn run_following(
    graph: &Graph<'_>,
    entry: &ModulePath,
    left_out: Option<Rule>,
    follow: Follow,
) -> Result<Run, Box<Diagnostic>> {
    const MOST: usize = 3;
    let mut apart = BTreeSet::new();
    let run = run_until_settled(graph, entry, left_out, follow, &mut apart)?;
    if apart.is_empty() || run.reach == Reach::STARTED || run.exhausted {
        return Ok(run);
    }
    // A step that is run on each way may lead to others.
    let mut precise = run;
    for _ in 0..MOST {
        let known = apart.len();
        let next = run_until_settled(graph, entry, left_out, follow, &mut apart)?;
        if next.exhausted {
            break;
        }
        precise = next;
        if apart.len() == known {
            break;
        }
    }
    Ok(precise)
}

/// Runs a module until it is known which objects are changed late, with the steps that are run on each way.
fn run_until_settled(
    graph: &Graph<'_>,
    entry: &ModulePath,
    left_out: Option<Rule>,
    follow: Follow,
    apart: &mut BTreeSet<StepKey>,
) -> Result<Run, Box<Diagnostic>> {
    /// After so many runs, each object is taken to be changed.
    const MOST: usize = 3;
    let on_each_way = apart.clone();
    let mut changing = BTreeSet::new();
    for _ in 0..MOST {
        let with = Changing::These(changing.clone());
        let (run, found) = run_where(graph, entry, left_out, follow, with, &on_each_way)?;
        apart.extend(found.wanted);
        if found.changed.is_subset(&changing) {
            return Ok(run);
        }
        changing.extend(found.changed);
    }
    let (run, found) = run_where(graph, entry, left_out, follow, Changing::All, &on_each_way)?;
    apart.extend(found.wanted);
    Ok(run)
}

/// What a run has found by which another one is more exact.
struct Found {
    /// The objects that are changed late.
    changed: BTreeSet<ObjectId>,
    /// The steps that give one of several functions.
    wanted: BTreeSet<StepKey>,
}

fn run_where(
    graph: &Graph<'_>,
    entry: &ModulePath,
    left_out: Option<Rule>,
    follow: Follow,
    changing: Changing,
    apart: &BTreeSet<StepKey>,
) -> Result<(Run, Found), Box<Diagnostic>> {
    let mut evaluator = Evaluator::new(graph, Targets::of(graph, entry)?);
    evaluator.left_out = left_out;
    evaluator.follow = follow;
    evaluator.changing = changing;
    evaluator.apart = apart.clone();
    let watch = evaluator.watch.clone();
    let (run, wanted) = ended(evaluator, entry);
    Ok((run, Found { changed: watch.changed(), wanted }))
}

/// Runs a module, and of what it imports nothing but what it binds. It loads no runtime.
pub(crate) fn run_alone(graph: &Graph<'_>, module: &ModulePath) -> Run {
    let mut evaluator = Evaluator::new(graph, Targets::none());
    evaluator.alone = true;
    ended(evaluator, module).0
}

/// The stack of a run, of which nothing is used but what it needs. What leads from value to value may be as long as the steps
/// allow: a class constructs its parent, a bound function calls another.
const STACK: usize = 1 << 28;

fn ended(evaluator: Evaluator<'_>, entry: &ModulePath) -> (Run, BTreeSet<StepKey>) {
    stacker::grow(STACK, || ended_here(evaluator, entry))
}

fn ended_here(mut evaluator: Evaluator<'_>, entry: &ModulePath) -> (Run, BTreeSet<StepKey>) {
    let mut state = State::new();
    state.watch = Some(evaluator.watch.clone());
    let end = evaluator.entry(entry, state);
    let reach = end.as_ref().map_or(Reach::NOWHERE, |state| state.reach);
    let exhausted = evaluator.exhausted;
    let wanted = std::mem::take(&mut evaluator.wanted);
    if !reach.has(Reach::STARTED.or(Reach::STARTED_AFTER_FAILURE)) {
        // It starts where it is not followed, if at all.
        end.iter().for_each(|state| evaluator.too_early(state));
        evaluator.look_at_what_was_not_called(end.clone());
    }
    if exhausted && evaluator.log.starts.is_empty() && evaluator.log.late.is_empty() {
        evaluator.look_at_what_was_not_reached();
    }
    let conditions = end.map(|state| state.conditions.iter().cloned().collect()).unwrap_or_default();
    let evaluated = evaluator.modules.iter().filter(|(_, run)| run.is_run);
    let evaluated = evaluated.map(|(path, _)| path.clone()).collect();
    let package_names_build = evaluator.package_names_build;
    let log = evaluator.log;
    let run = Run {
        reach,
        conditions,
        starts: log.starts.into_iter().collect(),
        late: log.late.into_iter().collect(),
        early: log.early.into_iter().collect(),
        doubtful: log.doubtful.into_iter().collect(),
        packages: log.packages.into_iter().collect(),
        unknown: log.unknown.into_iter().collect(),
        handed_out: log.handed_out,
        options: log.options.into_iter().collect(),
        required: log.required,
        ended: log.ended.into_iter().collect(),
        thrown: log.thrown.into_iter().collect(),
        stuck: log.stuck.into_iter().collect(),
        exhausted,
        evaluated,
        package_names_build,
    };
    (run, wanted)
}

/// Whether a module's own code starts Sentry, or may, when it is evaluated.
pub(crate) fn starts_itself(graph: &Graph<'_>, module: &ModulePath) -> bool {
    run_alone(graph, module).starts.iter().any(|(place, _)| place.module == *module)
}

impl Evaluator<'_> {
    /// Finds the calls that start Sentry in the text of the modules that were run, where the run was given up before them.
    fn look_at_what_was_not_reached(&mut self) {
        let linked = self.modules.values().filter(|run| run.is_run).filter_map(|run| run.linked.as_ref());
        for (code, _) in linked {
            let place = |span| Place { module: code.module.path.clone(), span };
            let calls = crate::sdk::calls_of_init(&code.module).into_iter();
            self.log.late.extend(calls.map(|span| (place(span), Why::NeverCalled)));
        }
    }

    /// Finds the starts in functions that nothing called, so that they can be shown.
    fn look_at_what_was_not_called(&mut self, state: Option<State>) {
        self.fuel = evaluator::FUEL / 4;
        self.exhausted = false;
        let mut state = state.unwrap_or_else(State::new);
        state.watch = None;
        let linked: Vec<_> = self.modules.values().filter_map(|run| run.linked.clone()).collect();
        for (code, scope) in linked {
            let mut slots: Vec<usize> = code.steps.names.values().copied().collect();
            slots.sort_unstable();
            for slot in slots {
                let Some(cell) = scope.cell(slot) else { continue };
                let value = match state.cells.get(&cell) {
                    Some(Value::Uninitialised) | None => continue,
                    Some(value) => value.clone(),
                };
                if let Value::Closure(closure) = &value
                    && self.log.called.contains(&(closure.code.module.path.clone(), closure.function))
                {
                    continue;
                }
                if matches!(value, Value::Closure(_) | Value::Class(_) | Value::Object(_)) {
                    let why = self.log.why.replace(Why::NeverCalled);
                    self.escape(&value, &mut state);
                    self.log.why = why;
                }
            }
        }
    }
}
