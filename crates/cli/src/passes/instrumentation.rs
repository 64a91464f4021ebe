//! Where the instrumentation of a build comes from: the file that the SDK copied into it, the one that Vite built, or the
//! source, compiled here. What the build lacks is given as new files; nothing is written here.

mod along;
mod at_source;
mod dotenv;
mod environment;
mod resolution;
mod source;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use presentry_parser::SourceSyntax;
use presentry_rewriter::{
    ChangeKind, ExportStyle, InlinedInstrumentation, Mode, ModuleHooks, ModulePath, Outcome, Plan as Rewriting, Proof,
    Request, Sources,
    diagnostics::{Diagnostic, Subject, init_in_runtime},
    is_script, plan, prove_with,
};
use serde::Deserialize;

use crate::{
    args::ExportsArg,
    diagnostics::{instrumentation_not_found, instrumentation_outside},
    failure::Failure,
    find::{
        locate::Build,
        options::{Setting, WRAPPED},
        source_map,
    },
    passes::{
        packages,
        plan::{Plan, Refusal, View},
        provided::{NewFile, Origin, Planned, Provided},
    },
    paths::{existing_file, module_path, show},
};

/// The file that the SDK for SolidStart copies beside the entry.
const INSTRUMENTATION: &str = "instrument.server.mjs";

/// The file that the SDK for Nuxt has Nitro build beside the entry.
const OF_NUXT: &str = "sentry.server.config.mjs";

/// The sources that the SDKs look for, without their extension: in `appRoot`, then beside the configuration of the app,
/// where apps have them that are not SolidStart's.
const SOURCES: [&str; 2] = ["instrument.server", "sentry.server.config"];

/// The extensions of a source, in the order in which they are looked for.
const SOURCE_EXTENSIONS: [&str; 5] = ["ts", "mts", "js", "mjs", "cjs"];

/// Where Vinxi has Vite build the modules of the server, below the app.
const VITE_OUTPUT: &str = ".vinxi/build/ssr";

/// The list of what Vite built of which source.
const VITE_MANIFEST: &str = ".vite/manifest.json";

/// Chooses the instrumentation, and has the rewriter plan with it.
pub(crate) fn pass(view: &View<'_>, plan: Plan) -> Result<Plan, Refusal> {
    let named = view.args.instrumentation.as_deref();
    let decided = |plan: Plan| {
        let modules = plan.modules.as_ref().unwrap_or(&view.modules);
        planned(view.build, named, None, modules, &plan.request).map(|planned| plan.decided(planned))
    };
    let plan = view.output.during("planning and proving the rewrite", || decided(plan))?;
    let plan = or_with_packages(view, plan, decided)?;
    say_choices(view, &plan);
    if view.args.keep_sdk_wrapper && view.earlier.tracked.is_empty() {
        return Ok(Plan { kept_wrapper: proven_wrapper(view, &plan), ..plan });
    }
    Ok(plan)
}

/// A plan made anew with the packages that the instrumentation needs and the build lacks, where those decide: nothing else
/// starts Sentry, or the version of the SDK tells what registers its hooks. The same plan where that changes nothing.
pub(crate) fn or_with_packages(
    view: &View<'_>,
    mut plan: Plan,
    anew: impl FnOnce(Plan) -> Result<Plan, Failure>,
) -> Result<Plan, Failure> {
    let starts_nowhere = |one: &Diagnostic| one.subject.as_deref() == Some(&Subject::NoInit);
    let hooks = plan.rewriting.proof.as_ref().map(|proof| &proof.module_hooks);
    let packages_decide = match plan.is_refused() {
        true => plan.rewriting.diagnostics.iter().any(starts_nowhere),
        false => hooks == Some(&ModuleHooks::Unknown),
    };
    if !packages_decide {
        return Ok(plan);
    }
    if view.args.no_collect && plan.is_refused() {
        plan.rewriting.diagnostics.extend(packages::lacks_for_instrumentation(view, &plan)?);
        return Ok(plan);
    }
    let with_packages = anew(packages::for_instrumentation(view, &plan)?)?;
    Ok(if with_packages.is_refused() { plan } else { with_packages })
}

/// The proof of a build that the SDK has wrapped, when it holds. The plan tells whose wrapper it is: it takes one of the SDK
/// apart.
fn proven_wrapper(view: &View<'_>, plan: &Plan) -> Option<Proof> {
    if !plan.rewriting.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation) {
        return None;
    }
    let proof = prove_with(&view.modules, &plan.request.entry, plan.request.trust);
    if !proof.holds() {
        view.output.why("the wrapper of the SDK is not kept: the proof does not hold for it");
    }
    Some(proof).filter(Proof::holds)
}

fn say_choices(view: &View<'_>, plan: &Plan) {
    let (args, output) = (view.args, view.output);
    let instrumentation = view.build.place.show(&plan.request.instrumentation);
    output.why(match (&args.instrumentation, &plan.provided.origin) {
        (Some(_), Origin::Build) => format!("the instrumentation is `{instrumentation}`, as `--instrumentation` says"),
        (None, Origin::Build) => format!("the instrumentation is `{instrumentation}`, beside the entry"),
        (_, origin) => format!("the instrumentation is `{instrumentation}`, {origin}"),
    });
    plan.provided.reasons.iter().for_each(|reason| output.why(reason));
    if plan.request.mode == Mode::TopLevelImport {
        output.why("the runtime stays a static import of the entry, as `--mode top-level-import` says");
        return;
    }
    output.why(match args.exports {
        ExportsArg::Await => "exports are passed on as the values they are, after top-level await",
        ExportsArg::Wrap => "exports become async forwarders, as `--exports wrap` says",
    });
}

/// Default names are not named by the user, so those that the entry does not export are left out.
fn with_wrapped_defaults(mut request: Request, sources: &dyn Sources) -> Request {
    if request.exports == ExportStyle::Wrap(Vec::new()) {
        let awaiting = Request { exports: ExportStyle::Await, ..request.clone() };
        let exported = plan(sources, &awaiting).exports;
        let there = WRAPPED.into_iter().filter(|name| exported.iter().any(|export| export == name));
        request.exports = ExportStyle::Wrap(there.map(str::to_owned).collect());
    }
    request
}

/// Chooses the instrumentation and makes the plan for it. `named` is what `--instrumentation` says, and `remembered` the
/// one of an earlier run; `original` is the build as it was before presentry came.
///
/// The built file comes first. When there is none, or what it needs is nowhere, or the SDK has put the instrumentation
/// where it cannot be taken out, the file that Vite built comes next, and then the source.
pub(crate) fn planned(
    build: &Build,
    named: Option<&Path>,
    remembered: Option<ModulePath>,
    original: &dyn Sources,
    request: &Request,
) -> Result<Planned, Failure> {
    if let Some(named) = named
        && let Named::Source(real) = which(build, named)?
    {
        let provided = source::compile(build, original, &real, &show(named))?;
        return Ok(with(provided, InlinedInstrumentation::Replace, original, request));
    }
    let built = match (named, remembered) {
        (Some(_), _) | (None, None) => built(build, named)?,
        (None, Some(path)) => path,
    };
    let gathered = along::gather(build, original, &built, along::Start::InBuild)?;
    let provided =
        Provided { files: gathered.files.clone(), reasons: gathered.reasons(build), ..Provided::built(built.clone()) };
    let mut first = with(provided, InlinedInstrumentation::TakeOut, original, request);
    let of_build_plugin = first.plan.proof.as_ref().is_some_and(|proof| proof.build_plugin.is_some());
    let curable = of_build_plugin
        || first.plan.outcome == Outcome::Refused
            && first.plan.diagnostics.iter().any(|one| one.subject.as_deref().is_some_and(Subject::is_instrumentation));
    if !(curable || gathered.is_lacking()) || named.is_some() && original.exists(&built) {
        where_chunks_were_looked_for(&mut first.plan, build);
        return Ok(first);
    }
    let refusal = first.plan.diagnostics.first().and_then(|diagnostic| diagnostic.subject.as_deref());
    let missing = curable && refusal == Some(&Subject::MissingInstrumentation);
    let why = why_not_as_built(&first.plan, curable, &gathered);
    let mut failed = Vec::new();
    let mut refused = None;
    for other in [vite, from_source] {
        let mut provided = match other(build, original) {
            Ok(Some(provided)) => provided,
            Ok(None) => continue,
            Err(Failure::Refused(mut diagnostics)) => {
                failed.append(&mut diagnostics);
                continue;
            }
            Err(other) => return Err(other),
        };
        if !missing {
            provided.reasons.insert(0, why.clone());
        }
        let planned = with(provided, InlinedInstrumentation::Replace, original, request);
        if planned.plan.outcome != Outcome::Refused {
            return Ok(planned);
        }
        refused = Some(planned);
    }
    if let Some(refused) = refused.filter(|_| missing && failed.is_empty()) {
        return Ok(refused);
    }
    match (missing, curable) {
        // Nothing was found, so nothing failed.
        (true, _) if failed.is_empty() => Err(not_found(build).into()),
        (true, _) => Err(Failure::Refused(failed)),
        (false, true) => {
            where_chunks_were_looked_for(&mut first.plan, build);
            name_the_source(&mut first.plan, build);
            first.plan.diagnostics.append(&mut failed);
            Ok(first)
        }
        // It starts, and what is wrong with it is seen by whoever asks why.
        (false, false) => {
            let reasons = &mut first.provided.reasons;
            reasons.push(format!("{}; there is nothing better, so it is used all the same", gathered.lack()));
            reasons.extend(failed.into_iter().map(|diagnostic| diagnostic.message));
            Ok(first)
        }
    }
}

fn with(provided: Provided, inlined: InlinedInstrumentation, original: &dyn Sources, request: &Request) -> Planned {
    let sources = provided.over(original);
    let request = Request { instrumentation: provided.path.clone(), inlined, ..request.clone() };
    let mut plan = plan(&sources, &with_wrapped_defaults(request, &sources));
    if plan.outcome == Outcome::AlreadyFirst && !provided.files.is_empty() {
        plan.outcome = Outcome::Rewritten;
    }
    at_source::named(&mut plan.diagnostics, &provided);
    plan.diagnostics.extend(provided.warnings.iter().cloned());
    Planned { plan, provided, inlined }
}

fn why_not_as_built(plan: &Rewriting, curable: bool, gathered: &along::Gathered) -> String {
    match plan.diagnostics.first() {
        Some(diagnostic) if curable => {
            format!("the instrumentation is not used as it was built: {}", diagnostic.message)
        }
        _ => format!("the instrumentation is not used as it was built: {}", gathered.lack()),
    }
}

/// The rewriter knows what is missing; where it was looked for is known here.
fn where_chunks_were_looked_for(plan: &mut Rewriting, build: &Build) {
    let Some(app) = &build.app else { return };
    let looked = show(&app.join(VITE_OUTPUT));
    let missing = |diagnostic: &&mut Diagnostic| diagnostic.subject.as_deref() == Some(&Subject::MissingModule);
    for diagnostic in plan.diagnostics.iter_mut().filter(missing) {
        diagnostic.hint = Some(format!(
            "it is not in `{looked}` either, and there is no source to compile: build again, and run `presentry` in the \
             same checkout"
        ));
    }
}

/// The source of a call that the runtime makes is known here.
fn name_the_source(plan: &mut Rewriting, build: &Build) {
    let in_runtime = |diagnostic: &&mut Diagnostic| diagnostic.subject.as_deref() == Some(&Subject::InitInRuntime);
    for diagnostic in plan.diagnostics.iter_mut().filter(in_runtime) {
        let source = diagnostic.labels.first().zip(build.app.as_deref());
        let source = source.and_then(|(label, app)| source_map::source_of(&build.place.server, app, label));
        if let Some(source) = source {
            *diagnostic = init_in_runtime(Some(&source), std::mem::take(&mut diagnostic.labels));
        }
    }
}

/// What `--instrumentation` names.
enum Named {
    /// A file of the build.
    Built(ModulePath),
    /// A source.
    Source(PathBuf),
}

fn which(build: &Build, named: &Path) -> Result<Named, Failure> {
    let real = existing_file(named, "--instrumentation")?;
    let in_build = module_path(&build.place.server, &real);
    if let Some(path) = in_build.filter(|path| is_script(path.as_str())) {
        return Ok(Named::Built(path));
    }
    match real.extension().and_then(|extension| SourceSyntax::of_extension(extension.to_str()?)) {
        Some(_) => Ok(Named::Source(real)),
        None => Err(instrumentation_outside::diagnostic(named, &build.place.shown).into()),
    }
}

/// The instrumentation that a build would have, whether or not it is there: what `--instrumentation` names, or what the
/// SDK copies.
pub(crate) fn built(build: &Build, named: Option<&Path>) -> Result<ModulePath, Failure> {
    match named.map(|named| which(build, named)).transpose()? {
        Some(Named::Built(path)) => Ok(path),
        Some(Named::Source(real)) => Ok(path_in_build(build, &real.to_string_lossy())),
        None => Ok(match build.options.instrumentation() {
            Setting::Given { value, .. } => path_in_build(build, &value),
            _ => by_default(build),
        }),
    }
}

fn by_default(build: &Build) -> ModulePath {
    let beside = |name| build.entry.sibling(name).expect("a constant without `/`");
    let is_there = |path: &ModulePath| build.place.server.join(path.as_str()).is_file();
    let (usual, of_nuxt) = (beside(INSTRUMENTATION), beside(OF_NUXT));
    if !is_there(&usual) && is_there(&of_nuxt) { of_nuxt } else { usual }
}

/// The path that a source has in the build: the base name without its extension, as Rollup names an entry point. The name
/// of the entry itself cannot be the one.
fn path_in_build(build: &Build, source: &str) -> ModulePath {
    build
        .entry
        .sibling(&format!("{}.mjs", stem(source)))
        .ok()
        .filter(|path| *path != build.entry)
        .unwrap_or_else(|| by_default(build))
}

fn stem(source: &str) -> &str {
    let name = source.rsplit(['/', '\\']).next().unwrap_or(source);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The file that Vite built, when it is not older than its source: it is of another build then. Without the option
/// `instrumentation` the SDK would have copied it.
fn vite(build: &Build, original: &dyn Sources) -> Result<Option<Provided>, Failure> {
    let (Some(app), Setting::Given { value, .. }) = (&build.app, build.options.instrumentation()) else {
        return Ok(None);
    };
    let modified = |file: &Path| fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    let source = find_source(build);
    for file in vite_candidates(app, &value) {
        let Ok(bytes) = fs::read(&file) else { continue };
        let changed = source.as_deref().and_then(modified);
        if changed.zip(modified(&file)).is_some_and(|(source, built)| source > built) {
            continue;
        }
        let path = path_in_build(build, &value);
        let gathered = along::gather(build, original, &path, along::Start::File(&bytes, &file))?;
        if gathered.is_lacking() && source.is_some() {
            continue;
        }
        let shown = show(&file);
        let mut reasons = vec![format!("the SDK copied `{shown}` nowhere: it copies `instrument.server.js` alone")];
        reasons.extend(gathered.reasons(build));
        let mut files = vec![NewFile { path: path.clone(), bytes, from: shown.clone() }];
        files.extend(gathered.files);
        return Ok(Some(Provided { path, origin: Origin::Vite { file: shown }, files, reasons, warnings: Vec::new() }));
    }
    Ok(None)
}

/// What Vite may have built of a source: what its manifest says. Where there is none, the base name, which is not always
/// right: of two entry points with one name Rollup calls the second `name2.js`.
fn vite_candidates(app: &Path, source: &str) -> Vec<PathBuf> {
    let directory = app.join(VITE_OUTPUT);
    let manifest = fs::read(directory.join(VITE_MANIFEST)).ok();
    let manifest = manifest.and_then(|bytes| serde_json::from_slice::<BTreeMap<String, ViteChunk>>(&bytes).ok());
    let key = source.strip_prefix("./").unwrap_or(source).replace('\\', "/");
    match manifest {
        Some(mut manifest) => {
            let file = manifest.remove(&key).map(|chunk| chunk.file);
            let inside = |file: &String| ModulePath::new(file.as_str()).is_ok();
            file.filter(inside).map(|file| directory.join(file)).into_iter().collect()
        }
        None => ["js", "mjs"].iter().map(|extension| directory.join(format!("{}.{extension}", stem(source)))).collect(),
    }
}

/// What the manifest of Vite says of an entry point.
#[derive(Deserialize)]
struct ViteChunk {
    file: String,
}

/// The source, compiled.
fn from_source(build: &Build, original: &dyn Sources) -> Result<Option<Provided>, Failure> {
    if let Setting::NotStatic(unknown) = build.options.instrumentation() {
        return Err(unknown.error().into());
    }
    let Some(source) = find_source(build) else { return Ok(None) };
    let real = dunce::canonicalize(&source)
        .map_err(|error| Failure::Unexpected(anyhow::anyhow!("failed to resolve `{}`: {error}", show(&source))))?;
    source::compile(build, original, &real, &show(&source)).map(Some)
}

fn find_source(build: &Build) -> Option<PathBuf> {
    source_candidates(build).into_iter().find(|candidate| candidate.is_file())
}

/// Where a source is looked for: what the option names, or what the SDKs document.
fn source_candidates(build: &Build) -> Vec<PathBuf> {
    let Some(app) = &build.app else { return Vec::new() };
    match build.options.instrumentation() {
        Setting::Given { value, .. } => vec![app.join(value.strip_prefix("./").unwrap_or(&value))],
        Setting::NotStatic(_) => Vec::new(),
        Setting::Unset => {
            let mut directories = vec![build.options.source_directory(app)];
            if show(&directories[0]) != show(app) {
                directories.push(app.clone());
            }
            let named = |directory: &PathBuf, stem: &str| {
                SOURCE_EXTENSIONS.map(|extension| directory.join(format!("{stem}.{extension}")))
            };
            let stems = SOURCES.iter().flat_map(|stem| directories.iter().map(move |directory| (directory, stem)));
            stems.flat_map(|(directory, stem)| named(directory, stem)).collect()
        }
    }
}

/// Sources that differ in their extension alone, as one.
fn in_few_words(candidates: &[PathBuf]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for candidate in candidates {
        let shown = show(candidate);
        let all = match candidates.len() {
            1 => shown,
            _ => format!("{}.*", shown.rsplit_once('.').map_or(shown.as_str(), |(stem, _)| stem)),
        };
        if !words.contains(&all) {
            words.push(all);
        }
    }
    words
}

/// What is said when there is none.
fn not_found(build: &Build) -> Diagnostic {
    let looked = built(build, None).unwrap_or_else(|_| by_default(build));
    let mut places = vec![build.place.show(&looked)];
    if let (Some(app), Setting::Given { value, .. }) = (&build.app, build.options.instrumentation()) {
        places.extend(vite_candidates(app, &value).iter().map(|file| show(file)));
    }
    places.extend(in_few_words(&source_candidates(build)));
    match build.options.instrumentation() {
        Setting::NotStatic(unknown) => unknown.error(),
        Setting::Given { value, .. } if looked.file_name() != INSTRUMENTATION => {
            let copied = build.place.server.join(build.entry.directory()).join(INSTRUMENTATION);
            let there = copied.is_file().then(|| build.place.show(by_default(build)));
            instrumentation_not_found::configured(&places, &value, there.as_deref())
        }
        Setting::Given { .. } | Setting::Unset => {
            let meant = build.app.as_deref().and_then(|app| starts_sentry(build, app)).map(|file| show(&file));
            instrumentation_not_found::diagnostic(&places, build.app.is_some(), meant.as_deref())
        }
    }
}

/// A script of the app that may be the instrumentation under another name: it names `init` and a package of Sentry. What
/// the browser runs does, too.
fn starts_sentry(build: &Build, app: &Path) -> Option<PathBuf> {
    let sources = build.options.source_directory(app);
    let directories = [sources.clone(), sources.join("lib"), app.to_owned()];
    let scripts = directories.iter().flat_map(|directory| fs::read_dir(directory).into_iter().flatten().flatten());
    let is_meant = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_source = SOURCE_EXTENSIONS.iter().any(|extension| name.ends_with(&format!(".{extension}")));
        let is_wanted = is_source && !name.contains("client") && file.is_file();
        let text = if is_wanted { fs::read_to_string(file).ok() } else { None };
        text.is_some_and(|text| text.contains("@sentry/") && text.contains("init("))
    };
    let mut found: Vec<PathBuf> = scripts.map(|entry| entry.path()).filter(is_meant).collect();
    found.sort();
    found.into_iter().next()
}
