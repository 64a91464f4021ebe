//! Libraries of a build that hold the channels of the SDK before the server starts. Finds their files and has the SDK of the app
//! inject; what is written, the plan says.

mod child;
mod chunks;
mod sdk;
mod targets;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    args::Ahead,
    diagnostics::{ahead_failed, ahead_skipped, hooks_stay},
    failure::Failure,
    find::{locate::Build, presets::Runtime},
    passes::{
        Plan, Refusal, View, bundle,
        channels::{
            child::Sdk,
            chunks::{Bundled, Injection},
            targets::{Found, Target},
            wire::{Answer, Function, Listed, Named, Refused},
        },
    },
    say::{
        output::Output,
        report::{AheadReport, Fate, Instrumented, NamedFunction},
    },
    store::{
        self,
        history::{FileState, Tracked},
        manifest::WireChange,
        place::Place,
    },
};
use presentry_rewriter::{
    Holder, Hooks, Injected, Libraries, ModulePath, Outcome, Plan as Rewriting, Request, Sources, WithChannels, marker,
    module_for_chunks, package_imports, package_name, with_channels, without_bundle,
};

/// Injects channels into the libraries of the build, where that is wanted.
pub(crate) fn pass(view: &View<'_>, mut plan: Plan) -> Result<Plan, Refusal> {
    let ahead = view.args.ahead();
    if ahead == Ahead::No || !plan.rewrites() {
        return Ok(plan);
    }
    let written = written_before(&view.build.place, &view.earlier.tracked)?;
    let left = left_to_hooks(&plan);
    let stays = |libraries: &Libraries| libraries.hooks == Hooks::Off && left.is_empty();
    let made = match written.filter(stays) {
        Some(libraries) => {
            view.output.why("the libraries hold the channels that an earlier run injected");
            Ok((libraries, Vec::new(), Vec::new()))
        }
        None => {
            let (sources, files) = (&plan.sources(view), &plan.over(view)?);
            let instrumentation = &plan.request.instrumentation;
            let given = Given { rewriting: &plan.rewriting, sources, instrumentation, files, left: &left };
            view.output.during("injecting channels", || inject(&given, view))
        }
    };
    let (injected, libraries, left) = match (made, ahead) {
        (Ok(made), _) => made,
        (Err(refused), Ahead::Demanded) => return Err(ahead_failed::diagnostic(&refused.reason).into()),
        (Err(refused), _) => return Ok(skipped(view, plan, &refused)),
    };
    let mut with = with_channels(&plan.sources(view), plan.rewriting.clone(), &plan.request, injected);
    match (with.outcome, ahead) {
        (Outcome::Refused, Ahead::Demanded) => Err(Failure::Refused(with.diagnostics)),
        (Outcome::Refused, _) => {
            let reason = with.diagnostics.first().map_or("it is not proven", |first| &first.message);
            plan.rewriting.diagnostics.push(ahead_skipped::diagnostic(reason));
            Ok(plan)
        }
        _ => {
            with.diagnostics.extend(hooks_stay::diagnostic(&left));
            say(&libraries, view.output);
            Ok(Plan { rewriting: with, libraries, ..plan })
        }
    }
}

/// A plan that is refused since libraries are loaded too early for hooks, made anew for channels, which do not care about that;
/// the refused one where some of them get none.
pub(crate) fn or_for_channels(
    view: &View<'_>,
    for_hooks: Plan,
    anew: impl FnOnce(Request) -> Result<Plan, Failure>,
) -> Plan {
    let loses_any = |plan: &Plan| plan.rewriting.proof.as_ref().is_some_and(|proof| !proof.lost.is_empty());
    if view.args.ahead() == Ahead::No || !loses_any(&for_hooks) {
        return for_hooks;
    }
    let for_channels = anew(Request { channels_follow: true, ..for_hooks.request.clone() });
    for_channels.ok().filter(|plan| plan.rewrites() && !loses_any(plan)).unwrap_or(for_hooks)
}

/// The plan as it was. Most builds have an SDK without channels, and nothing is wrong with them.
fn skipped(view: &View<'_>, mut plan: Plan, refused: &Refused) -> Plan {
    let reason = &refused.reason;
    if refused.without_channels {
        view.output.why(format!("libraries are instrumented at run time: {reason}"));
    } else {
        plan.rewriting.diagnostics.push(ahead_skipped::diagnostic(reason));
    }
    plan
}

fn say(libraries: &[AheadReport], output: &Output) {
    for library in libraries {
        let count = library.functions.iter().filter(|function| function.state == Fate::Injected).count();
        let version = library.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        output.why(match (library.instrumented, &library.reason) {
            (Instrumented::Ahead, _) => format!("{}{version} holds channels in {count} functions", library.name),
            (Instrumented::Hooks, reason) => {
                format!("{}{version} is left to hooks: {}", library.name, reason.as_deref().unwrap_or_default())
            }
            (Instrumented::Neither, reason) => {
                format!("{}{version} gets no channels: {}", library.name, reason.as_deref().unwrap_or_default())
            }
        });
    }
}

/// What an earlier run has injected, where all of it is as it was written. The packages it was made of are part of the build,
/// and a new build has none.
fn written_before(place: &Place, tracked: &[Tracked]) -> Result<Option<Libraries>, Failure> {
    let mut found = None;
    let (mut others, mut maps) = (BTreeMap::new(), BTreeMap::new());
    let holds = |one: &&Tracked| matches!(one.file.kind, WireChange::Channels | WireChange::MovedEntry);
    for one in tracked.iter().filter(holds) {
        let (Some(path), Some(bytes)) = (one.file.path.module(), place.read_file(&one.file.path)?) else {
            return Ok(None);
        };
        if one.state == FileState::Original {
            return Ok(None);
        }
        match marker(&bytes) {
            Some(marker) if marker.intact && marker.version == env!("CARGO_PKG_VERSION") => {
                found = Some(marker.injected);
            }
            Some(_) => return Ok(None),
            None if path.as_str().ends_with(".map") => _ = maps.insert(path, bytes),
            None => _ = others.insert(path, (one.file.kind, bytes)),
        }
    }
    let Some(injected) = found else { return Ok(None) };
    let modules = bundle::modules_of(place, tracked)?;
    let mut files = BTreeMap::new();
    for (path, holder) in injected.files {
        let Some((_, mut text)) = others.remove(&path) else { return Ok(None) };
        if !modules.is_empty() && package_of(path.as_str()).is_none() {
            // The next pass makes it name the bundle, as it does with a text that was just injected.
            let code = String::from_utf8(text).ok();
            let Some(code) = code.and_then(|code| without_bundle(&path, &code, &modules)) else { return Ok(None) };
            text = code.into_bytes();
        }
        files.insert(path, WithChannels { text, channels: holder.channels });
    }
    // The moved entry need not hold channels.
    if others.values().any(|(kind, _)| *kind == WireChange::Channels) {
        return Ok(None);
    }
    Ok(Some(Libraries { names: injected.libraries, files, maps, hooks: injected.hooks }))
}

/// The plan that an earlier run with channels has carried out, as far as it is the same as one without; `None` where the build
/// has none.
pub(crate) fn remembered(
    plan: &Rewriting,
    sources: &dyn Sources,
    request: &Request,
    tracked: &[Tracked],
    build: &Build,
) -> Result<Option<Rewriting>, Failure> {
    let libraries = written_before(&build.place, tracked)?;
    Ok(libraries.map(|libraries| with_channels(sources, plan.clone(), request, libraries)))
}

/// The libraries that hold channels in chunks of a build as a plan leaves it.
pub(crate) fn in_chunks(plan: &Rewriting) -> BTreeSet<String> {
    let injected = plan.proof.iter().filter_map(|proof| proof.injected.as_ref());
    injected.flat_map(Injected::in_chunks).map(|(library, _)| library.to_owned()).collect()
}

/// The libraries of a build whose marker was found, as far as it tells of them.
pub(crate) fn of_marker(injected: &Injected, place: &Place) -> Vec<AheadReport> {
    let mut libraries: BTreeMap<&str, AheadReport> = BTreeMap::new();
    let mut bundled = BTreeMap::new();
    for (path, holder) in injected.files.iter().filter(|(_, holder)| !holder.channels.is_empty()) {
        let Some((directory, name, file)) = package_of(path.as_str()) else {
            in_chunk(path, holder, &mut bundled);
            continue;
        };
        let library = libraries.entry(directory).or_insert_with(|| AheadReport {
            name: name.to_owned(),
            version: sdk::version_of(&place.server.join(directory)),
            directory: Some(directory.to_owned()),
            instrumented: Instrumented::Ahead,
            reason: None,
            functions: Vec::new(),
        });
        let channels = holder.channels.iter();
        library.functions.extend(channels.map(|(channel, function)| NamedFunction::injected(file, function, channel)));
    }
    libraries.into_values().chain(bundled.into_values()).collect()
}

/// Notes the libraries that hold channels in a chunk. The build does not tell their versions.
fn in_chunk<'a>(path: &'a ModulePath, holder: &'a Holder, found: &mut BTreeMap<(&'a str, &'a str), AheadReport>) {
    let directory = chunks::directory_of(path);
    for name in holder.libraries() {
        let library = found.entry((directory, name)).or_insert_with(|| AheadReport {
            name: name.to_owned(),
            version: None,
            directory: Some(directory.to_owned()),
            instrumented: Instrumented::Ahead,
            reason: None,
            functions: Vec::new(),
        });
        let own = holder.channels.iter().filter(|(channel, _)| channel.split(':').nth(1) == Some(name));
        let file = path.file_name();
        library.functions.extend(own.map(|(channel, function)| NamedFunction::injected(file, function, channel)));
    }
}

/// The directory and the name of the package that a file belongs to, and the path of the file in it.
fn package_of(path: &str) -> Option<(&str, &str, &str)> {
    const PARENT: &str = "node_modules/";
    let start = path.rfind(PARENT)? + PARENT.len();
    let segments = if path[start..].starts_with('@') { 2 } else { 1 };
    let (end, _) = path[start..].match_indices('/').nth(segments - 1)?;
    Some((&path[..start + end], &path[start..start + end], &path[start + end + 1..]))
}

/// The libraries of a build, as it stands: those that hold channels, and those that are left.
pub(crate) fn of_build(injected: Option<&Injected>, plan: &Plan, view: &View<'_>) -> Vec<AheadReport> {
    let Some(injected) = injected else { return not_injected(plan, view) };
    let mut found = of_marker(injected, &view.build.place);
    if injected.hooks == Hooks::Stay {
        let is_found = |one: &AheadReport| {
            found.iter().any(|other| (&one.name, &one.directory) == (&other.name, &other.directory))
        };
        let left = looked_at(plan, view).into_iter().filter(|one| one.instrumented != Instrumented::Ahead);
        let left: Vec<AheadReport> = left.filter(|one| !is_found(one)).collect();
        found.extend(left);
    }
    found
}

/// What becomes of the libraries of a build that holds no channels; none where the SDK has none, or cannot be asked.
fn looked_at(plan: &Plan, view: &View<'_>) -> Vec<AheadReport> {
    if view.args.ahead() == Ahead::No {
        return Vec::new();
    }
    if !plan.libraries.is_empty() {
        return plan.libraries.clone();
    }
    let (rewriting, sources, instrumentation) = (&plan.rewriting, &plan.sources(view), &plan.request.instrumentation);
    let given = Given { rewriting, sources, instrumentation, files: &view.files, left: &BTreeMap::new() };
    inject(&given, view).map(|(_, libraries, _)| libraries).unwrap_or_default()
}

/// The libraries of a build that holds no channels yet.
fn not_injected(plan: &Plan, view: &View<'_>) -> Vec<AheadReport> {
    let libraries = looked_at(plan, view);
    let at_run_time = |library: AheadReport| match library.instrumented {
        Instrumented::Ahead => {
            let reason = Some("`presentry` would inject it".to_owned());
            AheadReport { instrumented: Instrumented::Hooks, reason, ..library }
        }
        _ => library,
    };
    libraries.into_iter().map(at_run_time).collect()
}

/// The libraries that other passes have added files to behind this one, with the reason why they are left to hooks; none in a
/// plan without channels.
pub(crate) fn not_reached(view: &View<'_>, plan: &Plan) -> BTreeMap<String, String> {
    let is_injected = plan.rewriting.proof.as_ref().is_some_and(|proof| proof.injected.is_some());
    let added: BTreeSet<&str> = added(plan).filter(|name| !plan.left_to_hooks.contains_key(*name)).collect();
    if added.is_empty() || !is_injected {
        return BTreeMap::new();
    }
    // What the SDK instruments it told a moment ago; where it does not tell now, each may be one.
    let listed = sdk_of(&plan.rewriting, &plan.sources(view), view).and_then(|sdk| sdk.asked(&[]));
    let names = listed.ok().map(|listed| listed.packages);
    let instrumented = added.into_iter().filter(|name| names.as_ref().is_none_or(|names| names.contains(*name)));
    let left = instrumented.map(|name| (name.to_owned(), targets::TRACED_IN.to_owned()));
    left.chain(plan.left_to_hooks.clone()).collect()
}

/// The names of the packages that a plan adds files to.
fn added(plan: &Plan) -> impl Iterator<Item = &str> {
    let added = plan.added.iter().filter(|change| change.kind == WireChange::Package);
    added.filter_map(|change| Some(package_of(change.path.as_str())?.1))
}

/// The libraries that must not be injected, each with the reason: those that are told, and those that the plan adds so far.
fn left_to_hooks(plan: &Plan) -> BTreeMap<String, String> {
    let added = added(plan).map(|name| (name.to_owned(), targets::TRACED_IN.to_owned()));
    added.chain(plan.left_to_hooks.clone()).collect()
}

/// What is injected into.
struct Given<'a> {
    /// The plan so far, and the modules that it was made for.
    rewriting: &'a Rewriting,
    sources: &'a dyn Sources,
    instrumentation: &'a ModulePath,
    /// The files of the build as it will be.
    files: &'a store::view::View,
    /// The libraries that must not be injected, with the reason.
    left: &'a BTreeMap<String, String>,
}

/// The SDK of a build, among the packages of the app.
struct OfApp {
    app: PathBuf,
    client: PathBuf,
}

impl OfApp {
    fn sdk(&self) -> Sdk<'_> {
        Sdk { app: &self.app, client: &self.client }
    }

    fn asked(&self, packages: &[Named<'_>]) -> Result<Listed, Refused> {
        self.sdk().list(packages)
    }
}

fn sdk_of(rewriting: &Rewriting, sources: &dyn Sources, view: &View<'_>) -> Result<OfApp, Refused> {
    if view.build.found.as_ref().is_some_and(|found| found.preset.runtime == Runtime::Edge) {
        return Err(Refused::because("an edge runtime loads no packages"));
    }
    let app = dunce::canonicalize(&view.args.build.app)
        .map_err(|error| Refused::because(format!("the app cannot be found: {error}")))?;
    let client = sdk::find(&view.build.place, &app, &names_of_sdk(rewriting, sources, &app)?)?;
    Ok(OfApp { app, client })
}

/// The libraries that hooks alone reach, or nothing: the name of each, and a line that tells why.
type ToHooks = Vec<(String, String)>;

/// Has the SDK inject, and tells what became of each library, and what only hooks reach.
fn inject(given: &Given<'_>, view: &View<'_>) -> Result<(Libraries, Vec<AheadReport>, ToHooks), Refused> {
    let place = &view.build.place;
    let of_app = sdk_of(given.rewriting, given.sources, view)?;
    let overlay = given.rewriting.over(given.sources);
    let Found { targets, outside } = targets::find(place, &view.files, given.files);
    let bundled = Bundled::find(given.rewriting, &overlay, &place.server, &of_app.app);
    let named: Vec<Named<'_>> = targets.iter().map(Target::named).collect();
    let asked: Vec<Named<'_>> = targets.iter().map(Target::named).chain(bundled.named()).collect();
    let Listed { packages: names, wanted } = of_app.asked(&asked)?;
    let (mut wanted, in_chunks): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(one, _)| *one < targets.len());
    let in_chunks: Vec<_> = in_chunks.into_iter().map(|(package, file)| (package - targets.len(), file)).collect();
    // One copy of a library is not told from another by what the SDK subscribes to.
    let left: BTreeMap<String, String> = outside.into_iter().chain(given.left.clone()).collect();
    wanted.retain(|(target, _)| !left.contains_key(&targets[*target].name));
    let texts: Vec<_> = wanted.iter().map(|(target, file)| targets[*target].text(&overlay, *file)).collect();
    let chunks = bundled.wanted(&in_chunks, given.rewriting, &overlay);
    let mut answer = of_app.sdk().inject(&named, &wanted, &texts, &chunks.given)?;
    check_trial(&answer)?;
    let module = module_for_chunks(given.sources, given.rewriting, given.instrumentation)
        .map_err(|error| Refused::because(error.message.clone()))?;
    let injection = chunks.injected(&mut answer, &module, given.rewriting, &overlay);
    let mut outside = targets::missing(place, given.files, &names, &targets, &overlay);
    outside.extend(left.into_iter().filter(|(name, _)| names.contains(name)));
    gathered(&targets, &wanted, answer, outside, injection)
}

/// What the SDK did in the trial is what the marker is for.
fn check_trial(answer: &Answer) -> Result<(), Refused> {
    if let Some(hook) = answer.hooks.first() {
        return Err(Refused::because(format!(
            "the SDK calls `module.{hook}` although it is told that channels are there"
        )));
    }
    let is_done = |function: &Function| function.state == Fate::Injected;
    let any = answer.files.iter().flat_map(|file| &file.functions).any(is_done);
    if !any && !answer.files.is_empty() {
        return Err(Refused::because("the transformer of the SDK injects into none of the files that its list names"));
    }
    let in_chunks = answer.chunks.iter().flat_map(|chunk| &chunk.parts).flatten().any(is_done);
    if (any || in_chunks) && answer.subscribed.is_empty() {
        return Err(Refused::because("the SDK does not subscribe to the channels that were injected"));
    }
    Ok(())
}

fn gathered(
    targets: &[Target],
    wanted: &[(usize, usize)],
    answer: Answer,
    outside: BTreeMap<String, String>,
    injection: Injection,
) -> Result<(Libraries, Vec<AheadReport>, ToHooks), Refused> {
    let mut libraries: Vec<AheadReport> = targets.iter().map(AheadReport::of).collect();
    let mut files = BTreeMap::new();
    for ((target, file), made) in wanted.iter().zip(answer.files) {
        let named = made.functions.into_iter().map(|function| NamedFunction {
            file: targets[*target].files[*file].clone(),
            function: function.function,
            channel: function.channel,
            state: function.state,
            reason: function.why,
        });
        let named: Vec<NamedFunction> = named.collect();
        let done = named.iter().filter(|function| function.state == Fate::Injected);
        let channels = done.map(|function| (function.channel.clone(), function.function.clone())).collect();
        libraries[*target].functions.extend(named);
        if let Some(text) = made.text {
            files.insert(targets[*target].path(*file), WithChannels { text: text.into_bytes(), channels });
        }
    }
    files.extend(injection.files);
    libraries.extend(injection.reports);
    libraries.iter_mut().for_each(AheadReport::judge);
    libraries.retain(|library| !library.functions.is_empty());
    let names: BTreeSet<&String> =
        libraries.iter().filter(|one| one.instrumented == Instrumented::Ahead).map(|one| &one.name).collect();
    let names = names.into_iter().cloned().collect();
    let of_chunks = injection.left.iter().map(|left| (left.name.clone(), left.line()));
    let of_outside = outside.iter().map(|(name, why)| (name.clone(), format!("`{name}` {why}")));
    let left: ToHooks = of_outside.chain(of_chunks).collect();
    let hooks = if left.is_empty() { Hooks::Off } else { Hooks::Stay };
    libraries.extend(outside.into_iter().map(|(name, why)| AheadReport::left_to_hooks(name, why)));
    for left in &injection.left {
        if !libraries.iter().any(|library| left.is_of(library)) {
            libraries.push(left.report());
        }
    }
    libraries.sort_by(|one, other| (&one.name, &one.directory).cmp(&(&other.name, &other.directory)));
    Ok((Libraries { names, files, maps: injection.maps, hooks }, libraries, left))
}

impl NamedFunction {
    fn injected(file: &str, function: &str, channel: &str) -> Self {
        let [file, function, channel] = [file, function, channel].map(str::to_owned);
        Self { file, function, channel, state: Fate::Injected, reason: None }
    }
}

impl AheadReport {
    fn of(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            version: Some(target.version.clone()),
            directory: Some(target.directory.to_string()),
            instrumented: Instrumented::Neither,
            reason: None,
            functions: Vec::new(),
        }
    }

    fn left_to_hooks(name: String, why: String) -> Self {
        Self {
            name,
            version: None,
            directory: None,
            instrumented: Instrumented::Hooks,
            reason: Some(why),
            functions: Vec::new(),
        }
    }

    /// What its functions come to. Hooks use the same transformer, so what it does not find here it would not find there.
    fn judge(&mut self) {
        if self.functions.iter().any(|function| function.state == Fate::Injected) {
            self.instrumented = Instrumented::Ahead;
            return;
        }
        self.reason = self.functions.first().map(|function| match (function.state, &function.reason) {
            (Fate::OutOfRange, Some(range)) => format!("the SDK instruments {range}"),
            (Fate::Failed, Some(why)) => why.clone(),
            _ => "it has none of the functions that the SDK names".to_owned(),
        });
    }
}

/// The build as the plan leaves it.
/// The packages of Sentry's that start it: those that are loaded before the runtime, or where nothing is proven all that the
/// build imports.
fn names_of_sdk(plan: &Rewriting, sources: &dyn Sources, app: &Path) -> Result<Vec<String>, Refused> {
    let of_proof = plan.proof.iter().flat_map(|proof| &proof.packages);
    let mut names: BTreeSet<String> = of_proof.clone().filter(|name| name.starts_with("@sentry/")).cloned().collect();
    if names.is_empty() {
        let imports = package_imports(sources, plan).map_err(|error| Refused::because(error.message.clone()))?;
        names = imports.sdk.keys().map(|specifier| package_name(specifier).to_owned()).collect();
    }
    if names.is_empty() {
        names = of_proof.filter(|name| sdk::is_dependency_of(name, app)).cloned().collect();
    }
    // Then hooks find it at run time, as in any build.
    if names.is_empty() {
        return Err(Refused::without_channels("no package that is loaded before the runtime depends on the SDK"));
    }
    Ok(names.into_iter().collect())
}
