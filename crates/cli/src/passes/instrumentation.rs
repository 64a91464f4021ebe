//! Where the instrumentation of a build comes from: the file that the SDK copied into it, the one that Vite built, or the
//! source, compiled here. What the build lacks is given as new files; nothing is written here.

mod along;
mod dotenv;
mod environment;
mod resolution;
mod source;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use presentry_parser::SourceSyntax;
use presentry_rewriter::{
    ChangeKind, FileChange, InlinedInstrumentation, ModulePath, Outcome, Overlay, Plan, Sources,
    diagnostics::{Diagnostic, Subject, init_in_runtime},
    is_script,
};
use serde::Deserialize;

use crate::{
    diagnostics::{instrumentation_not_found, instrumentation_outside},
    failure::Failure,
    find::{locate::Build, options::Setting, source_map},
    paths::{existing_file, module_path, show},
    store::history,
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

/// Where an instrumentation comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is in the build.
    Build,
    /// Vite built it, and it was copied nowhere.
    Vite {
        /// The file as the user would write it.
        file: String,
    },
    /// It was compiled.
    Source {
        /// The source as the user would write it.
        file: String,
    },
}

impl Origin {
    /// The file outside of the build that it was made from.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Origin::Build => None,
            Origin::Vite { file } | Origin::Source { file } => Some(file),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Build => f.write_str("as it was built"),
            Origin::Vite { file } => write!(f, "copied from {file}"),
            Origin::Source { file } => write!(f, "compiled from {file}"),
        }
    }
}

/// A file that the build lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFile {
    /// Its path in the build.
    pub(crate) path: ModulePath,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
    /// The file that it comes from, as the user would write it.
    pub(crate) from: String,
}

/// An instrumentation, and what has to be added to the build for it.
#[derive(Clone, Debug)]
pub(crate) struct Provided {
    /// Its path in the build.
    pub(crate) path: ModulePath,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The files that the build lacks, the instrumentation among them unless it is there.
    pub(crate) files: Vec<NewFile>,
    /// Why it was chosen, for `-v`.
    pub(crate) reasons: Vec<String>,
    /// What speaks against it.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Provided {
    /// The files as changes of the original build. One of them may be there: what was built is replaced by what was
    /// compiled, where it cannot be used.
    fn changes(&self, original: &dyn Sources, entry: &ModulePath) -> Result<Vec<FileChange>, Failure> {
        let change = |file: &NewFile| {
            let before = history::read(original, &file.path)?;
            let mode_from = before.is_none().then(|| entry.clone());
            let after = Some(file.bytes.clone());
            Ok(FileChange { path: file.path.clone(), kind: ChangeKind::Instrumentation, before, after, mode_from })
        };
        self.files.iter().map(change).collect()
    }

    /// All changes: those of the plan, and the new files.
    pub(crate) fn with_changes(
        &self,
        of_plan: &[FileChange],
        original: &dyn Sources,
        entry: &ModulePath,
    ) -> Result<Vec<FileChange>, Failure> {
        let mut changes = of_plan.to_vec();
        for new in self.changes(original, entry)? {
            match changes.iter_mut().find(|change| change.path == new.path) {
                // The plan was made as if the file had been there.
                Some(change) if change.before == new.after => {
                    *change = FileChange { after: change.after.take(), ..new };
                }
                Some(_) => {}
                None => changes.push(new),
            }
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    /// A build with the files in it.
    pub(crate) fn over<'a>(&'a self, build: &'a dyn Sources) -> Overlay<'a> {
        let mut overlay = Overlay::new(build);
        for file in &self.files {
            overlay.set(file.path.clone(), Some(Cow::Borrowed(&file.bytes)));
        }
        overlay
    }
}

/// A plan, and the instrumentation it was made for.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The plan; the new files of the instrumentation are not among its changes.
    pub(crate) plan: Plan,
    /// The instrumentation.
    pub(crate) provided: Provided,
    /// What becomes of one that the SDK has put into the entry.
    pub(crate) inlined: InlinedInstrumentation,
}

impl Planned {
    /// What stands for a plan that was refused before it could be made.
    pub(crate) fn refused(instrumentation: &ModulePath, diagnostics: Vec<Diagnostic>) -> Self {
        let plan = Plan::refused(diagnostics);
        let provided = Provided {
            path: instrumentation.clone(),
            origin: Origin::Build,
            files: Vec::new(),
            reasons: Vec::new(),
            warnings: Vec::new(),
        };
        Self { plan, provided, inlined: InlinedInstrumentation::TakeOut }
    }
}

/// How a plan is made, given a build, the instrumentation, and what becomes of an inlined one.
pub(crate) type MakePlan<'m> = &'m dyn Fn(&dyn Sources, &ModulePath, InlinedInstrumentation) -> Plan;

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
    make: MakePlan<'_>,
) -> Result<Planned, Failure> {
    if let Some(named) = named
        && let Named::Source(real) = which(build, named)?
    {
        let provided = source::compile(build, original, &real, &show(named))?;
        return Ok(with(provided, InlinedInstrumentation::Replace, original, make));
    }
    let built = match (named, remembered) {
        (Some(_), _) | (None, None) => built(build, named)?,
        (None, Some(path)) => path,
    };
    let gathered = along::gather(build, original, &built, along::Start::InBuild)?;
    let provided = Provided {
        path: built.clone(),
        origin: Origin::Build,
        files: gathered.files.clone(),
        reasons: gathered.reasons(build),
        warnings: Vec::new(),
    };
    let mut first = with(provided, InlinedInstrumentation::TakeOut, original, make);
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
        let planned = with(provided, InlinedInstrumentation::Replace, original, make);
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

fn with(provided: Provided, inlined: InlinedInstrumentation, original: &dyn Sources, make: MakePlan<'_>) -> Planned {
    let mut plan = make(&provided.over(original), &provided.path, inlined);
    if plan.outcome == Outcome::AlreadyFirst && !provided.files.is_empty() {
        plan.outcome = Outcome::Rewritten;
    }
    plan.diagnostics.extend(provided.warnings.iter().cloned());
    Planned { plan, provided, inlined }
}

fn why_not_as_built(plan: &Plan, curable: bool, gathered: &along::Gathered) -> String {
    match plan.diagnostics.first() {
        Some(diagnostic) if curable => {
            format!("the instrumentation is not used as it was built: {}", diagnostic.message)
        }
        _ => format!("the instrumentation is not used as it was built: {}", gathered.lack()),
    }
}

/// The rewriter knows what is missing; where it was looked for is known here.
fn where_chunks_were_looked_for(plan: &mut Plan, build: &Build) {
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
fn name_the_source(plan: &mut Plan, build: &Build) {
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
    let real = fs::canonicalize(&source)
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
        Setting::Given { .. } | Setting::Unset => instrumentation_not_found::diagnostic(&places, build.app.is_some()),
    }
}
