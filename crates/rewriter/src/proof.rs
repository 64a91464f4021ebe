//! The proof: whether the static closure of an entry holds nothing but the instrumentation. Works on any build,
//! whoever wrapped it.

use std::{collections::BTreeSet, rc::Rc};

use presentry_parser::{RequestForm, Span};

use crate::{
    build_plugin::{self, BuildPlugin},
    channels::injects_channels,
    diagnostics::{Diagnostic, Label, Severity, Stage, codes},
    facade::facade_header,
    floating::floating_imports,
    graph::{Closure, Graph, Module, PackageEdge},
    guard::is_guarded,
    injected::{self, Hooks, Injected},
    libraries::{Load, follow, lost},
    linking::unlinkable,
    order::{self, Place, Reach, Rule, Run, serving_entry},
    runtime::{inits_behind, is_imported_back, is_nitro_runtime, serving},
    sdk::{self, is_of_sentry},
    sources::{ModulePath, Sources},
    specifier::{Target, package_name},
    starts::may_start_sentry,
};

/// What was found about the static closure of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The server entry.
    pub entry: ModulePath,
    /// The module that starts Sentry: the one that the entry imports for it, or the entry itself.
    pub instrumentation: Option<ModulePath>,
    /// The modules of the build in the static closure, the entry included, in path order.
    pub closure: Vec<ModulePath>,
    /// The packages in the static closure, by name, sorted. When the proof holds, the instrumentation asks for them.
    pub packages: Vec<String>,
    /// The modules of the build that the closure loads dynamically: the runtime.
    pub runtime: Vec<ModulePath>,
    /// A module of the bundle of the SDK that injects channels, and was never tried.
    pub untried_bundle: Option<ModulePath>,
    /// The packages that are loaded before Sentry starts, in no certain order.
    pub early_packages: Vec<EarlyPackage>,
    /// Calls of `init` in the runtime, which replace the client that was there first if they are reached.
    pub later_inits: Vec<Label>,
    /// How certain it is.
    pub verdict: Verdict,
    /// What holds channels before the server starts; `None` when the closure has no marker.
    pub injected: Option<Injected>,
    /// The libraries that Sentry's build plugin instrumented, in a build that starts Sentry in its runtime; `None` where
    /// Sentry has to come first.
    pub build_plugin: Option<BuildPlugin>,
    /// Whether the entry has a guard, which compares the running server with the proof.
    pub guarded: bool,
    /// What registers the SDK's hooks for ES modules.
    pub module_hooks: ModuleHooks,
    /// Why it does not hold; empty when it holds.
    pub failures: Vec<Diagnostic>,
    /// What should be known of a proof that holds: its condition, what was vouched for, what is lost by options.
    pub warnings: Vec<Diagnostic>,
    /// The libraries that the runtime imports and Sentry cannot instrument, since they are loaded too early. They are
    /// looked for where nothing else is in the way, and each is a failure, unless
    /// [channels follow](crate::Request::channels_follow).
    pub lost: Vec<String>,
}

/// How certain it is that Sentry starts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// On every path on which the evaluation completes, Sentry starts before the runtime is loaded.
    Proven,
    /// So it is on each path on which Sentry starts at all; a warning names the condition.
    UnderCondition,
    /// Nothing that is loaded statically is in the way, and somebody vouches for the start of Sentry.
    VouchedFor,
    /// It does not hold, or could not be shown.
    NotProven,
}

impl Verdict {
    /// The words for reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::UnderCondition => "proven under a condition",
            Self::VouchedFor => "vouched for",
            Self::NotProven => "not proven",
        }
    }
}

/// What registers the SDK's hooks for ES modules. A start by `require()` of SDK 8 to 10 does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleHooks {
    /// The start of Sentry, or an import before it.
    Start,
    /// This entry of the SDK, if a facade imports it first.
    Entry(String),
    /// Nothing: the SDK that is started has no such entry.
    Nothing,
    /// The version of the SDK decides, and the build lacks the package that is required.
    Unknown,
}

/// What a start of Sentry that cannot be proven counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InitTrust {
    /// The proof fails.
    Proof,
    /// Somebody vouches for it (`--trust-init`).
    Vouched,
}

/// A package that is loaded before Sentry starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EarlyPackage {
    /// The specifier by which it is loaded.
    pub specifier: String,
    /// The module that loads it.
    pub module: ModulePath,
    /// The import, or the call.
    pub span: Span,
}

impl Proof {
    /// Whether Sentry starts before everything that needs it.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether Sentry starts before the runtime, if not before each library.
    #[must_use]
    pub fn is_before_runtime(&self) -> bool {
        self.build_plugin.is_none() && (self.holds() || !self.lost.is_empty())
    }

    fn failed(entry: &ModulePath, failure: Diagnostic) -> Self {
        Self {
            entry: entry.clone(),
            instrumentation: None,
            closure: Vec::new(),
            packages: Vec::new(),
            runtime: Vec::new(),
            untried_bundle: None,
            early_packages: Vec::new(),
            later_inits: Vec::new(),
            verdict: Verdict::NotProven,
            injected: None,
            build_plugin: None,
            guarded: false,
            module_hooks: ModuleHooks::Start,
            failures: vec![failure],
            warnings: Vec::new(),
            lost: Vec::new(),
        }
    }
}

/// Proves that the static closure of `entry` is exactly the entry, the instrumentation, what the instrumentation
/// imports, and modules of the host; that the instrumentation really calls `init` of a `@sentry/*` package; and that
/// the runtime is loaded dynamically.
///
/// ```
/// # use presentry_rewriter::{MemorySources, ModulePath, prove};
/// let path = |text: &str| ModulePath::new(text).unwrap();
/// let build = MemorySources::new([
///     (path("index.mjs"), b"import './instrument.mjs'; await import('./entry.mjs');".to_vec()),
///     (path("instrument.mjs"), b"import { init } from '@sentry/solidstart'; init({});".to_vec()),
///     (path("entry.mjs"), b"import 'pg';".to_vec()),
/// ]);
/// assert!(prove(&build, &path("index.mjs")).holds());
/// assert!(!prove(&build, &path("entry.mjs")).holds());
/// ```
#[must_use]
pub fn prove(sources: &dyn Sources, entry: &ModulePath) -> Proof {
    prove_with(sources, entry, InitTrust::Proof)
}

/// Like [`prove`], where a start of Sentry that cannot be proven may be vouched for.
#[must_use]
pub fn prove_with(sources: &dyn Sources, entry: &ModulePath, trust: InitTrust) -> Proof {
    prove_at(sources, entry, trust, &Stage::Found)
}

/// Like [`prove_with`], with advice for where the build stands.
pub(crate) fn prove_at(sources: &dyn Sources, entry: &ModulePath, trust: InitTrust, stage: &Stage) -> Proof {
    let graph = Graph::new(sources);
    prove_in(&graph, entry, trust, stage, None).unwrap_or_else(|diagnostic| Proof::failed(entry, *diagnostic))
}

/// Like [`prove`] without one of the rules of the abstract run: what the judge of the analysis has to notice.
#[doc(hidden)]
#[must_use]
pub fn prove_without(sources: &dyn Sources, entry: &ModulePath, left_out: Rule) -> Proof {
    let graph = Graph::new(sources);
    let proof = prove_in(&graph, entry, InitTrust::Proof, &Stage::Found, Some(left_out));
    proof.unwrap_or_else(|diagnostic| Proof::failed(entry, *diagnostic))
}

/// The calls of `init` of a package of Sentry in a module and what it imports statically.
///
/// # Errors
/// When a module cannot be read.
pub fn inits_in(sources: &dyn Sources, module: &ModulePath) -> Result<Vec<Label>, Box<Diagnostic>> {
    inits_behind(&Graph::new(sources), module)
}

fn prove_in(
    graph: &Graph<'_>,
    entry: &ModulePath,
    trust: InitTrust,
    stage: &Stage,
    left_out: Option<Rule>,
) -> Result<Proof, Box<Diagnostic>> {
    let Some(module) = graph.load(entry)? else {
        return Ok(Proof::failed(entry, codes::entry_not_found(entry)));
    };
    let closure = graph.closure_in_full(entry)?;
    let run = order::run(graph, entry, left_out)?;
    let instrumentation = instrumentation(graph, &module, &run)?;
    let allowed = match &instrumentation {
        Some(path) => closure.within(graph, path)?,
        None => BTreeSet::new(),
    };
    let mut runtime = dynamic_targets(graph, &closure)?;
    // A module that imports the entry loads nothing: the entry is being evaluated.
    runtime.remove(entry);
    let serving = serving_modules(graph, entry, instrumentation.as_ref(), &runtime)?;
    let is_runtime_itself = is_nitro_runtime(graph, entry) || is_imported_back(graph, entry, runtime.iter())?;
    let mut failures = Vec::new();
    let ends = run.never_completes();
    // `init` of a changed bundle does not count, so that nothing starts Sentry.
    let changed = nearest(&closure, |path| is_changed_bundle(graph, path));
    // A build that starts no Sentry is as it was built: what it loads early is not a second cause.
    let is_unrewritten = instrumentation.is_none() && !ends && changed.is_none() && *stage == Stage::Found;
    if ends {
        failures.push(codes::instrumentation_throws(graph, &run));
    } else if instrumentation.is_none() && changed.is_none() && !is_unrewritten {
        failures.push(match calls_in(graph, &run)?.as_slice() {
            [] => codes::sentry_not_started(entry, stage),
            calls => codes::init_not_called(entry, calls),
        });
    }
    // A module that starts Sentry in the scope of the runtime.
    let holds_its_runtime = |path: &ModulePath| started_in(&run, path) && is_nitro_runtime(graph, path);
    let mut warnings = Vec::new();
    let started = instrumentation.is_some();
    let early = nearest(&closure, |path| started && path != entry && !allowed.contains(path))
        .or_else(|| nearest(&closure, |path| runtime.contains(path)))
        .or_else(|| nearest(&closure, |path| serving.contains(path)))
        .or_else(|| nearest(&closure, |path| holds_its_runtime(path) && path != entry));
    let reaches_runtime = early.is_some();
    match (early, &instrumentation) {
        (early, _) if is_unrewritten => {
            let chain = early.map(|early| closure.chain(&early)).unwrap_or_default();
            failures.push(codes::not_rewritten(graph, entry, &chain));
        }
        (Some(early), _) => {
            let chain = closure.chain(&early);
            failures.push(codes::static_edge_to_runtime(graph, entry, &early, &chain, stage));
        }
        // The instrumentation asks for the entry, so what the entry loads is what the instrumentation waits for.
        (None, Some(path)) if path != entry && allowed.contains(entry) => {
            let mut chain = closure.chain(path);
            chain.extend(graph.closure(path)?.chain(entry));
            failures.push(codes::static_edge_to_runtime(graph, entry, entry, &chain, stage));
        }
        (None, _) if runtime.is_empty() || is_runtime_itself => {
            failures.push(codes::runtime_not_deferred(entry, stage));
        }
        _ => {}
    }
    if let Some(changed) = changed {
        failures.push(codes::bundle_changed(&changed));
    }
    let channels = injected::find(graph, &closure, instrumentation.as_ref())?;
    failures.extend(channels.failures);
    // A bundle whose SDK finds everything injected injects nothing itself.
    let injects = channels.injected.as_ref().is_none_or(|injected| injected.hooks == Hooks::Stay);
    let untried_bundle = if injects { untried_bundle(graph, &closure)? } else { None };
    if let Some(untried) = &untried_bundle {
        failures.push(codes::bundle_untried(untried));
    }
    if let Some(missing) = nearest(&closure, |path| !graph.is_file(path)) {
        failures.push(codes::missing_module(graph, &missing, &closure.chain(&missing)));
    } else if let Some(found) = unlinkable(graph, &allowed)? {
        failures.push(codes::unlinkable(&found));
    }
    if let Some(elsewhere) = closure.elsewhere.first() {
        let mut chain = closure.chain(&elsewhere.edge.from);
        chain.push(elsewhere.edge.clone());
        failures.push(codes::imports_elsewhere(graph, &elsewhere.specifier, &chain));
    }
    let foreign = foreign_packages(graph, &module, &closure, instrumentation.as_ref(), &runtime)?;
    // What reaches the runtime reaches its packages.
    if let Some(first) = foreign.first().filter(|_| !is_unrewritten && !reaches_runtime) {
        let mut names: Vec<&str> = Vec::new();
        for package in &foreign {
            if !names.contains(&package.specifier.as_str()) {
                names.push(&package.specifier);
            }
        }
        let mut chain = closure.chain(&first.edge.from);
        chain.push(first.edge.clone());
        failures.push(codes::static_edge_to_package(graph, entry, &names, &chain, stage));
    }
    // What is linked too early is the cause of all else that comes too early.
    let mut verdict = if instrumentation.is_some() {
        judge_order(graph, entry, &run, trust, &mut failures, &mut warnings)
    } else {
        Verdict::NotProven
    };
    let (mut lost, mut module_hooks) = (Vec::new(), ModuleHooks::Start);
    if failures.is_empty() {
        let ahead = channels.injected.as_ref().map_or(&[][..], |injected| &injected.libraries);
        lost = judge_packages(graph, &closure, &run, stage, ahead, &mut failures, &mut warnings)?;
        if channels.injected.is_none() {
            module_hooks = judge_hooks(graph, entry, &closure, &run, &mut warnings)?;
        }
    }
    if !failures.is_empty() {
        if let Some(found) = build_plugin::find(graph, &closure)? {
            return Ok(of_build_plugin(graph, entry, &closure, runtime, found));
        }
        verdict = Verdict::NotProven;
    }
    let mut later_inits = Vec::new();
    for module in if failures.is_empty() { runtime.iter() } else { Default::default() } {
        let found = inits_behind(graph, module)?;
        let starts = || run.starts.iter().map(|(place, _)| &place.module);
        let is_own = |label: &Label| closure.paths().chain(starts()).any(|path| path.as_str() == label.path);
        later_inits.extend(found.into_iter().filter(|label| !is_own(label)));
    }
    later_inits.sort_by(|a: &Label, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
    later_inits.dedup();
    let floating = not_awaited(graph, &module, &runtime)?;
    warnings.extend(floating.into_iter().filter(|_| failures.is_empty()));
    let packages: BTreeSet<&str> = closure.packages.iter().map(|package| package_name(&package.specifier)).collect();
    Ok(Proof {
        entry: entry.clone(),
        instrumentation,
        closure: closure.paths().filter(|path| !graph.is_data(path)).cloned().collect(),
        packages: packages.into_iter().map(str::to_owned).collect(),
        runtime: runtime.into_iter().collect(),
        untried_bundle,
        early_packages: run.packages.into_iter().map(early_package).collect(),
        later_inits,
        verdict,
        injected: channels.injected,
        build_plugin: None,
        guarded: is_guarded(&module.text),
        module_hooks,
        failures,
        warnings,
        lost,
    })
}

/// The proof of a build whose libraries publish without hooks, so that Sentry may start with the runtime.
fn of_build_plugin(
    graph: &Graph<'_>,
    entry: &ModulePath,
    closure: &Closure,
    runtime: BTreeSet<ModulePath>,
    found: build_plugin::Found,
) -> Proof {
    let mut warnings: Vec<Diagnostic> = codes::init_options(graph, &found.run).into_iter().collect();
    let mut verdict = Verdict::Proven;
    if !found.is_certain() {
        warnings.push(codes::init_conditional(graph, &found.run));
        verdict = Verdict::UnderCondition;
    }
    if !found.lost.is_empty() {
        verdict = Verdict::NotProven;
    }
    let packages: BTreeSet<&str> = closure.packages.iter().map(|package| package_name(&package.specifier)).collect();
    Proof {
        entry: entry.clone(),
        instrumentation: Some(found.start),
        closure: closure.paths().filter(|path| !graph.is_data(path)).cloned().collect(),
        packages: packages.into_iter().map(str::to_owned).collect(),
        runtime: runtime.into_iter().collect(),
        untried_bundle: None,
        early_packages: Vec::new(),
        later_inits: Vec::new(),
        verdict,
        injected: None,
        build_plugin: Some(found.plugin),
        guarded: false,
        module_hooks: ModuleHooks::Start,
        lost: found.lost.keys().cloned().collect(),
        failures: found.lost.into_values().collect(),
        warnings,
    }
}

fn early_package(found: order::EarlyPackage) -> EarlyPackage {
    EarlyPackage { specifier: found.specifier, module: found.place.module, span: found.place.span }
}

/// What the packages that are loaded before Sentry has started come to: they may load the build, and libraries that
/// Sentry instruments. Those that were injected `ahead` of time publish whenever they were loaded.
fn judge_packages(
    graph: &Graph<'_>,
    closure: &Closure,
    run: &Run,
    stage: &Stage,
    ahead: &[String],
    failures: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<String>, Box<Diagnostic>> {
    let found = run.packages.iter().cloned();
    let stepwise = found.map(|order::EarlyPackage { specifier, place }| Load {
        importer: place.module,
        specifier,
        span: place.span,
    });
    // JSON of a library is no library.
    let linked = closure.packages.iter().filter(|package| !package.specifier.ends_with(".json"));
    let loads: Vec<Load> = linked.map(Load::from).chain(stepwise).collect();
    let loaded = follow(graph, &loads)?;
    let before: BTreeSet<ModulePath> = closure.paths().cloned().collect();
    if let Some((file, edge)) =
        loaded.back.iter().find(|(file, _)| !closure.contains(file) && !run.evaluated.contains(file))
    {
        let mut chain = loaded.chain(&edge.from);
        chain.push(edge.clone());
        failures.push(codes::static_edge_to_runtime(graph, closure.start(), file, &chain, stage));
        return Ok(Vec::new());
    }
    let of_sentry = |load: &&Load| is_of_sentry(&load.specifier);
    let sdk: Vec<Load> = loads.iter().filter(of_sentry).cloned().collect();
    let mut names = Vec::new();
    let lost = lost(graph, &loaded, &before, &sdk)?.into_iter();
    for early in lost.filter(|early| !ahead.contains(&early.package)) {
        let diagnostic = codes::library_before_init(graph, &early);
        match diagnostic.severity {
            Severity::Error => {
                names.push(early.package);
                failures.extend(Some(diagnostic).filter(|_| !stage.channels_follow()));
            }
            Severity::Warning => warnings.push(diagnostic),
        }
    }
    Ok(names)
}

/// From this version on, both copies of the SDK register hooks.
const BOTH_COPIES_HOOK: u64 = 11;

/// What a start by `require()` comes to, where nothing else registers the hooks for ES modules.
fn judge_hooks(
    graph: &Graph<'_>,
    entry: &ModulePath,
    closure: &Closure,
    run: &Run,
    warnings: &mut Vec<Diagnostic>,
) -> Result<ModuleHooks, Box<Diagnostic>> {
    if run.starts.is_empty()
        || !run.starts.iter().all(|(place, _)| run.required.contains_key(place))
        || closure.packages.iter().any(|package| sdk::registers_hooks(&package.specifier))
    {
        return Ok(ModuleHooks::Start);
    }
    for path in closure.paths() {
        // `module.register()` of the loader that the SDK registers.
        if graph.load(path)?.is_some_and(|module| module.text.contains("hook.mjs")) {
            return Ok(ModuleHooks::Start);
        }
    }
    let major = |importer: &ModulePath, specifier: &str| graph.packages().major_that_exports(importer, specifier);
    let is_older = |importer: &ModulePath, specifier: &str| {
        major(importer, specifier).is_some_and(|major| major < BOTH_COPIES_HOOK)
    };
    let required = || run.required.iter().map(|(place, specifier)| (place, specifier.as_str()));
    let Some((place, specifier)) = required().find(|(place, one)| is_older(&place.module, package_name(one))) else {
        let is_absent = |(place, one): (&Place, &str)| major(&place.module, package_name(one)).is_none();
        return Ok(if required().any(is_absent) { ModuleHooks::Unknown } else { ModuleHooks::Start });
    };
    warnings.push(codes::init_by_require(graph, place, specifier));
    let entries = sdk::hook_entries(specifier).into_iter();
    Ok(entries.filter(|name| is_older(entry, name)).map(ModuleHooks::Entry).next().unwrap_or(ModuleHooks::Nothing))
}

/// What the order of evaluation comes to. A failure is added only where no static edge explains it.
fn judge_order(
    graph: &Graph<'_>,
    entry: &ModulePath,
    run: &Run,
    trust: InitTrust,
    failures: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) -> Verdict {
    if run.reach == Reach::NOWHERE && !failures.is_empty() {
        return Verdict::NotProven;
    }
    let may_be_late = run.reach.has(Reach::TOO_LATE);
    let mut starts = run.reach.has(Reach::STARTED);
    // Where it starts on no other path, one behind a failure starts only when something fails.
    starts |= run.reach == Reach::STARTED_AFTER_FAILURE;
    if !run.exhausted && starts && !may_be_late {
        warnings.extend(codes::init_options(graph, run));
        if !run.reach.is_early() {
            return Verdict::Proven;
        }
        warnings.push(codes::init_conditional(graph, run));
        return Verdict::UnderCondition;
    }
    if !failures.is_empty() {
        return Verdict::NotProven;
    }
    let is_certain = may_be_late && !run.early.is_empty();
    if trust == InitTrust::Vouched && !is_certain {
        warnings.push(codes::init_vouched_for(graph, entry, run));
        return Verdict::VouchedFor;
    }
    failures.push(if is_certain {
        codes::init_after_runtime(graph, run)
    } else if may_be_late || run.exhausted || run.handed_out && run.late.is_empty() {
        codes::init_not_followed(graph, entry, run)
    } else if !run.late.is_empty() {
        codes::init_later(graph, run)
    } else {
        codes::init_not_reached(graph, entry, run)
    });
    Verdict::NotProven
}

/// The warning for an entry that exports nothing and does not wait for the runtime: with Sentry, an error while it is
/// loaded ends in exit code 0.
fn not_awaited(
    graph: &Graph<'_>,
    entry: &Module,
    runtime: &BTreeSet<ModulePath>,
) -> Result<Option<Diagnostic>, Box<Diagnostic>> {
    let exports = !entry.record.local_export_entries.is_empty() || !entry.record.indirect_export_entries.is_empty();
    if exports || facade_header(entry.text.as_bytes()).is_some() {
        return Ok(None);
    }
    let floating = floating_imports(graph, entry).into_iter().find(|(file, _)| runtime.contains(file));
    Ok(floating.map(|(_, span)| codes::runtime_not_awaited(entry, span)))
}

/// The calls of `init` in the modules whose code was run.
fn calls_in(graph: &Graph<'_>, run: &Run) -> Result<Vec<Label>, Box<Diagnostic>> {
    let mut calls = Vec::new();
    for path in &run.evaluated {
        if let Some(module) = graph.load_where(path, |module| may_start_sentry(module.text().as_bytes()))? {
            calls.extend(sdk::calls_of_init(&module).into_iter().map(|span| module.label(span, "")));
        }
    }
    Ok(calls)
}

/// Whether a module starts Sentry.
fn started_in(run: &Run, path: &ModulePath) -> bool {
    run.starts.iter().any(|(place, _)| place.module == *path)
}

/// The module that is the instrumentation: the entry itself when it starts Sentry, else the first static import of the
/// entry whose evaluation does.
fn instrumentation(graph: &Graph<'_>, entry: &Rc<Module>, run: &Run) -> Result<Option<ModulePath>, Box<Diagnostic>> {
    let of_starts = run.starts.iter().map(|(place, modules)| (&place.module, modules.get(1)));
    let mut of_starts: Vec<_> = of_starts.collect();
    if of_starts.is_empty() {
        of_starts.extend(run.late.iter().map(|(place, _)| (&place.module, None)));
    }
    if of_starts.is_empty() {
        return in_the_runtime(graph, entry);
    }
    if of_starts.iter().any(|(module, under)| **module == entry.path && under.is_none()) {
        return Ok(Some(entry.path.clone()));
    }
    for (target, _) in graph.static_edges(entry) {
        let Target::File(file) = target else { continue };
        let closure = graph.closure(&file)?;
        if of_starts.iter().any(|(module, under)| *under == Some(&file) || closure.contains(module)) {
            return Ok(Some(file));
        }
    }
    Ok(of_starts.first().map(|_| entry.path.clone()))
}

/// A static import of the entry that holds the runtime and starts Sentry in it.
fn in_the_runtime(graph: &Graph<'_>, entry: &Rc<Module>) -> Result<Option<ModulePath>, Box<Diagnostic>> {
    for (target, _) in graph.static_edges(entry) {
        let Target::File(file) = target else { continue };
        for path in graph.closure(&file)?.paths() {
            let module = graph.linked(path)?;
            let may_start = module.is_some_and(|module| may_start_sentry(module.text().as_bytes()));
            if may_start && is_nitro_runtime(graph, path) && order::starts_itself(graph, path) {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

/// The modules of the build that a closure loads by `import()`.
fn dynamic_targets(graph: &Graph<'_>, closure: &Closure) -> Result<BTreeSet<ModulePath>, Box<Diagnostic>> {
    let mut targets = BTreeSet::new();
    for path in closure.paths() {
        if let Some(module) = graph.load(path)? {
            targets.extend(graph.dynamic_edges(&module).into_iter().filter_map(|(target, _)| match target {
                Target::File(file) => Some(file),
                _ => None,
            }));
        }
    }
    Ok(targets)
}

/// The modules that serve: what the runtime exports is declared in them, and so are the exports of the entry where they
/// come by static imports. What else the instrumentation shares with the runtime is harmless unless it loads a library,
/// the entry, or a module that imports the entry, which is looked at elsewhere.
fn serving_modules(
    graph: &Graph<'_>,
    entry: &ModulePath,
    instrumentation: Option<&ModulePath>,
    runtime: &BTreeSet<ModulePath>,
) -> Result<BTreeSet<ModulePath>, Box<Diagnostic>> {
    let Some(module) = graph.load(entry)? else { return Ok(BTreeSet::new()) };
    let of_entry: BTreeSet<ModulePath> = file_targets(graph, &module).collect();
    let mut serves = serving_entry(graph, entry, &of_entry)?;
    let roots = if of_entry.is_empty() { runtime } else { &of_entry };
    for root in roots {
        serves.extend(serving(graph, root)?);
    }
    serves.retain(|path| {
        let is_bundle = graph.linked(path).ok().flatten().is_some_and(|module| module.bundle().is_some());
        !is_bundle && path != entry && (Some(path) != instrumentation || is_nitro_runtime(graph, path))
    });
    Ok(serves)
}

/// The modules of the build that a module loads by `import()`.
fn file_targets(graph: &Graph<'_>, module: &Module) -> impl Iterator<Item = ModulePath> {
    graph.dynamic_edges(module).into_iter().filter_map(|(target, _)| match target {
        Target::File(file) => Some(file),
        _ => None,
    })
}

/// The module of a closure that is wanted, with the shortest chain from its start.
fn nearest(closure: &Closure, wanted: impl Fn(&ModulePath) -> bool) -> Option<ModulePath> {
    closure.paths().filter(|path| wanted(path)).min_by_key(|path| closure.chain(path).len()).cloned()
}

fn is_changed_bundle(graph: &Graph<'_>, path: &ModulePath) -> bool {
    let module = graph.linked(path).ok().flatten();
    module.is_some_and(|module| module.bundle().is_some_and(|header| !header.intact))
}

/// The module of the bundle in a closure that injects channels, and was never tried.
fn untried_bundle(graph: &Graph<'_>, closure: &Closure) -> Result<Option<ModulePath>, Box<Diagnostic>> {
    for path in closure.paths() {
        let untried = |module: &Rc<Module>| module.bundle.as_ref().is_some_and(|header| !header.tried);
        let Some(module) = graph.load(path)?.filter(untried) else { continue };
        if injects_channels(graph.sources(), &module.text)? {
            return Ok(Some(path.clone()));
        }
    }
    Ok(None)
}

/// The packages of a closure that are loaded before Sentry without the instrumentation asking for them.
fn foreign_packages<'c>(
    graph: &Graph<'_>,
    entry: &Module,
    closure: &'c Closure,
    instrumentation: Option<&ModulePath>,
    runtime: &BTreeSet<ModulePath>,
) -> Result<Vec<&'c PackageEdge>, Box<Diagnostic>> {
    let of_entry = closure.packages.iter().filter(|package| package.edge.from == entry.path);
    let of_entry = of_entry.filter(|package| !sdk::registers_hooks(&package.specifier));
    if instrumentation != Some(&entry.path) {
        return Ok(of_entry.collect());
    }
    // The instrumentation is inlined into the entry, and its own imports stand beside those that Rollup hoisted there.
    // A hoisted one has no bindings, and the runtime asks for it as well.
    let bare = |package: &&PackageEdge| {
        let mut requests = entry.record.requested_modules.iter();
        requests.any(|request| request.statement == package.edge.span && request.form == RequestForm::Bare)
    };
    let mut of_runtime = BTreeSet::new();
    for module in runtime {
        of_runtime.extend(graph.closure(module)?.packages.into_iter().map(|package| package.specifier));
    }
    Ok(of_entry
        .filter(bare)
        .filter(|package| of_runtime.contains(&package.specifier) && !is_of_sentry(&package.specifier))
        .collect())
}
