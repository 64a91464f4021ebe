//! Whether a build has everything that its server needs to start, and what has to be added so that it has. Decides; the
//! transaction writes.

mod check;
pub(crate) mod dependencies;
mod place;
mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use oxc_resolver::FileSystem as _;
use presentry_parser::{RequestMeans, Span};
use presentry_rewriter::{
    ModulePath, Proof,
    diagnostics::{Diagnostic, Label, Severity, missing_file},
    package_name,
};

use crate::{
    diagnostics::{package_missing, resolves_outside, tracer_failed, tracer_not_found},
    failure::Failure,
    find::locate::Build,
    passes::{
        self, Asks, Plan, Refusal, Remaining,
        packages::{
            check::{Checked, Missing, check, resolve_from, resolves},
            place::{Installed, Placed, Traced},
            trace::{NoTracer, Tracer, text_member},
        },
    },
    paths::{OutputPath, package_directory, show},
    say::report::TracedReport,
    store::{
        disk::DiskSources,
        manifest::WireChange,
        place::Place,
        steps::Change,
        view::{Entry, View},
    },
};

/// What a build needs besides the plan.
#[derive(Debug, Default)]
struct Completion {
    /// The files that are added.
    changes: Vec<Change>,
    /// The packages they belong to.
    traced: Vec<TracedReport>,
    /// What is still missing: errors, then warnings.
    diagnostics: Vec<Diagnostic>,
}

/// Adds the packages that the build lacks, or reports them.
pub(crate) fn pass(view: &passes::View<'_>, mut plan: Plan) -> Result<Plan, Refusal> {
    let completion = complete(view, &plan, plan.rewrites())?;
    plan.added.extend(completion.changes);
    for more in completion.traced {
        match plan.traced.iter_mut().find(|known| known.directory == more.directory) {
            Some(known) => {
                known.files += more.files;
                known.bytes += more.bytes;
            }
            None => plan.traced.push(more),
        }
    }
    plan.rewriting.diagnostics.extend(completion.diagnostics);
    Ok(plan)
}

/// The plan for a build whose instrumentation needs packages that the build lacks, with these added and nothing decided.
pub(crate) fn for_instrumentation(view: &passes::View<'_>, refused: &Plan) -> Result<Plan, Refusal> {
    let Completion { changes, traced, .. } = complete(view, refused, true)?;
    let left_to_hooks = refused.left_to_hooks.clone();
    let plan = Plan { added: changes, traced, left_to_hooks, ..Plan::new(refused.request.clone()) };
    let modules = DiskSources::of(plan.over(view)?, &view.build.place.server);
    Ok(Plan { modules: Some(modules), ..plan })
}

/// What the instrumentation needs and a build lacks.
pub(crate) fn lacks_for_instrumentation(view: &passes::View<'_>, refused: &Plan) -> Result<Vec<Diagnostic>, Refusal> {
    complete(view, refused, false).map(|completion| completion.diagnostics)
}

/// Has the `package.json` of the server name the packages that the build will have, and no others.
pub(crate) fn name_them(view: &passes::View<'_>, mut plan: Plan) -> Result<Plan, Refusal> {
    if plan.rewrites()
        && let Some(change) = dependencies::change(view, &plan)?
    {
        plan.added.push(change);
    }
    Ok(plan)
}

/// Who brings the packages to the place where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// The build has them.
    Build,
    /// The deployment installs what the `package.json` of the server names.
    Deployment,
    /// Somebody else, as `--packages-elsewhere` says.
    Elsewhere,
}

impl Supply {
    /// How it is with a build.
    pub(crate) fn of(build: &Build, elsewhere: bool) -> Self {
        match &build.found {
            _ if elsewhere => Supply::Elsewhere,
            Some(found) if found.preset.installs => Supply::Deployment,
            _ => Supply::Build,
        }
    }

    /// Whether a request that the build does not answer is answered where the server runs.
    fn has(self, missing: &Missing, named: &BTreeSet<String>) -> bool {
        let is_package = !missing.specifier.starts_with(['.', '/', '#']) && !missing.specifier.contains(':');
        match self {
            Supply::Build => false,
            Supply::Deployment => is_package && named.contains(package_name(&missing.specifier)),
            Supply::Elsewhere => is_package,
        }
    }
}

/// Whether a build that stays as it is can start.
///
/// # Errors
/// When a file of the build cannot be read.
pub(crate) fn lacks(
    disk: &DiskSources,
    place: &Place,
    app: &Path,
    proof: &Proof,
    supply: Supply,
) -> Result<Vec<Diagnostic>, Failure> {
    let view = disk.view().below(&place.output);
    let checked = checked(place, &view, proof)?;
    Ok(Reporter { place, app, supply }.diagnostics(&view, checked))
}

fn checked(place: &Place, view: &View, proof: &Proof) -> Result<Checked, Failure> {
    let starts: Result<Vec<PathBuf>, Failure> = proof.closure.iter().map(|module| place.real_path(module)).collect();
    Ok(check(view, &starts?, Some(&place.real_path(&proof.entry)?)))
}

/// Checks the build as it will be, from the modules in the closure of its proof, and finds what it lacks in the tree of the
/// app. Unless it `may_add` to the build, that is only reported: one that someone else has made right stays as it is.
fn complete(of: &passes::View<'_>, plan: &Plan, may_add: bool) -> Result<Completion, Failure> {
    let (place, app, output) = (&of.build.place, of.args.build.app.as_path(), of.output);
    let reporter = Reporter { place, app, supply: Supply::of(of.build, of.args.trust.packages_elsewhere) };
    let (view, first) = (plan.over(of)?, plan.loaded_first(of));
    let asks = plan.remaining.as_ref().map(Remaining::asks);
    let bundle = asks.as_ref();
    let looked = |view: &View| -> Result<Checked, Failure> {
        let mut checked = checked(place, view, &first)?;
        if let Some(bundle) = bundle {
            checked.missing.extend(missing_of_bundle(place, app, view, bundle, &checked)?);
        }
        Ok(checked)
    };
    let mut checked = looked(&view)?;
    output.why(format!("{} files are needed to start", checked.files.len()));
    checked.missing = reporter.unsupplied(&view, checked.missing);
    if checked.missing.is_empty() {
        return Ok(Completion::default());
    }
    let as_it_is = |checked: Checked, why: Option<Diagnostic>| {
        let mut diagnostics = reporter.diagnostics(&view, checked);
        let errors = diagnostics.iter().take_while(|diagnostic| diagnostic.severity == Severity::Error).count();
        diagnostics.splice(errors..errors, why);
        Ok(Completion { diagnostics, ..Completion::default() })
    };
    if of.args.no_collect || !may_add {
        return as_it_is(checked, None);
    }
    let tracer = match tracer(place, app) {
        Ok(tracer) => tracer,
        Err(warning) => return as_it_is(checked, warning),
    };
    let tree = View::everything();
    let asked_for = asked_for(place, &checked);
    let entries: Vec<PathBuf> = asked_for
        .iter()
        .flat_map(|(specifier, means)| in_app(&tree, tracer.app(), specifier, *means, bundle))
        .collect();
    if entries.is_empty() {
        return as_it_is(checked, None);
    }
    let hooks = check(&tree, &entries, None).hooks;
    let all: Vec<PathBuf> = entries.iter().cloned().chain(hooks).collect();
    output.why(format!("missing packages are traced with `{}`", tracer.directory().display()));
    let traced = match output.during("tracing packages", || tracer.trace(&all, &entries)) {
        Ok(traced) => traced,
        Err(error) => return as_it_is(checked, Some(tracer_failed::diagnostic(&format!("{error:#}")))),
    };
    let mut completion = added(place, &view, &traced)?;
    let mut entries = Vec::new();
    for change in &completion.changes {
        let entry = change.after.as_deref().map_or(Entry::Gone, |bytes| Entry::Bytes(bytes.into()));
        entries.push((place.real_path(&change.path)?, Some(entry)));
    }
    let view = view.with(entries);
    let checked = looked(&view)?;
    completion.diagnostics = reporter.diagnostics(&view, checked);
    Ok(completion)
}

/// What a bundle asks for that a build lacks and the app has, without what is known to be missing. What the app does not
/// have either is optional: the bundler would have failed.
fn missing_of_bundle(
    place: &Place,
    app: &Path,
    view: &View,
    bundle: &Asks<'_>,
    checked: &Checked,
) -> Result<Vec<Missing>, Failure> {
    let app = dunce::canonicalize(app).unwrap_or_else(|_| app.to_owned());
    let tree = View::everything();
    let mut missing = Vec::new();
    for specifier in &bundle.specifiers {
        let is_known = checked.missing.iter().any(|missing| missing.specifier == **specifier);
        if is_known || resolves(view, &place.server, specifier) {
            continue;
        }
        let Some(outside) = in_app(&tree, &app, specifier, RequestMeans::Import, Some(bundle)).into_iter().next()
        else {
            continue;
        };
        for module in bundle.modules {
            let importer = place.real_path(module)?;
            let bytes = view.bytes(&importer).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let quoted = ['"', '\'', '`'].map(|quote| format!("{quote}{specifier}{quote}"));
            let found = quoted.iter().find_map(|literal| Some((text.find(literal.as_str())?, literal.len())));
            if let Some((start, length)) = found {
                let span = Span { start, end: start + length };
                let (specifier, means) = ((*specifier).clone(), RequestMeans::Import);
                missing.push(Missing { importer, specifier, span, hook: false, means, outside: Some(outside) });
                break;
            }
        }
    }
    Ok(missing)
}

/// The files that a specifier stands for in the app. What a bundle asks for may be seen by the SDK alone, and by what it
/// needs, so a package is also looked for from the files of that package which the bundler has found.
fn in_app(tree: &View, app: &Path, specifier: &str, means: RequestMeans, bundle: Option<&Asks<'_>>) -> Vec<PathBuf> {
    let found = resolve_from(tree, app, specifier, means);
    let Some(bundle) = bundle.filter(|_| found.is_empty()) else { return found };
    if let Some(file) = bundle.files.get(specifier) {
        return vec![file.clone()];
    }
    let of_package = bundle.files.iter().filter(|(known, _)| package_name(known) == package_name(specifier));
    let mut found = of_package.map(|(_, file)| resolve_from(tree, file.parent().unwrap_or(file), specifier, means));
    found.find(|found| !found.is_empty()).unwrap_or_default()
}

/// The tracer of the app that a build belongs to; else what is in the way, and nothing where only the build is there.
fn tracer(place: &Place, app: &Path) -> Result<Tracer, Option<Diagnostic>> {
    let app = dunce::canonicalize(app).map_err(|_| None)?;
    if !place.output.starts_with(&app) {
        return Err(None);
    }
    trace::find(&app).map_err(|reason| {
        Some(match reason {
            NoTracer::NotInstalled => tracer_not_found::not_installed(),
            NoTracer::PlugAndPlay(manifest) => tracer_not_found::plug_and_play(&manifest),
            NoTracer::NoNode => tracer_not_found::without_node(),
        })
    })
}

/// The packages through which the modules of the build itself need what is missing, and how they are requested.
fn asked_for(place: &Place, checked: &Checked) -> BTreeSet<(String, RequestMeans)> {
    let is_own = |file: &Path| {
        file.strip_prefix(&place.server).is_ok_and(|below| below.iter().all(|segment| segment != "node_modules"))
    };
    let mut asked_for = BTreeSet::new();
    for missing in &checked.missing {
        let chain = checked.chain(&missing.importer).into_iter();
        let requests = chain.map(|reached| (reached.from, reached.specifier, reached.means));
        let last = [(missing.importer.clone(), missing.specifier.clone(), missing.means)];
        let through = requests.chain(last).filter(|(from, specifier, _)| is_own(from) && !specifier.starts_with('.'));
        asked_for.extend(through.map(|(_, specifier, means)| (specifier, means)));
    }
    asked_for
}

/// The files of packages that a build lacks.
fn added(place: &Place, view: &View, traced: &Traced) -> Result<Completion, Failure> {
    let installed = InBuild { place, view };
    let mut completion = Completion::default();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut packages: BTreeMap<String, TracedReport> = BTreeMap::new();
    for Placed { directory, package, .. } in self::place::place(traced, &installed) {
        let package = &traced.packages[package];
        for below in package.files.iter().filter(|file| is_needed_at_run_time(file)) {
            let Some(below_text) = text(below) else { continue };
            let path = format!("{directory}/{below_text}");
            let source = package.directory.join(below);
            // A file of the build stays what it is: Nitro has edited some `package.json`.
            if view.is_file(&place.server.join(&path)) || !source.is_file() || !known.insert(path.clone()) {
                continue;
            }
            let bytes = fs::read(&source)
                .with_context(|| format!("failed to read `{}`", source.display()))
                .map_err(Failure::Unexpected)?;
            let report = packages.entry(directory.clone()).or_insert_with(|| TracedReport {
                name: package.name.clone(),
                version: package.version.clone(),
                path: place.show(OutputPath::from(ModulePath::new(directory.as_str()).expect("a path of segments"))),
                directory: directory.clone(),
                files: 0,
                bytes: 0,
            });
            report.files += 1;
            report.bytes += bytes.len();
            let path = ModulePath::new(path).map_err(|error| Failure::Unexpected(error.into()))?;
            completion.changes.push(Change::added(path.into(), WireChange::Package, bytes, source));
        }
    }
    completion.traced = packages.into_values().collect();
    Ok(completion)
}

/// Source maps and types are for developers.
fn is_needed_at_run_time(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ![".map", ".d.ts", ".d.mts", ".d.cts"].iter().any(|end| name.ends_with(end))
}

fn text(path: &Path) -> Option<String> {
    Some(path.iter().map(|segment| segment.to_str()).collect::<Option<Vec<&str>>>()?.join("/"))
}

struct InBuild<'a> {
    place: &'a Place,
    view: &'a View,
}

impl Installed for InBuild<'_> {
    fn at(&self, path: &str) -> Option<(String, String)> {
        let named = self.place.server.join(path);
        if !self.view.is_file(&named.join("package.json")) {
            return None;
        }
        let real = self.view.canonicalize(&named).unwrap_or(named);
        let directory = real.strip_prefix(&self.place.server).ok().and_then(text)?;
        let manifest = self.view.bytes(&real.join("package.json")).unwrap_or_default();
        Some((directory, text_member(&manifest, "version").unwrap_or_else(|| "0.0.0".to_owned())))
    }
}

/// Says what a build lacks.
struct Reporter<'a> {
    place: &'a Place,
    app: &'a Path,
    supply: Supply,
}

impl Reporter<'_> {
    /// One diagnostic for each file or package, errors first.
    fn diagnostics(&self, view: &View, mut checked: Checked) -> Vec<Diagnostic> {
        let missing = std::mem::take(&mut checked.missing);
        let mut alike: BTreeMap<(bool, String), Vec<Missing>> = BTreeMap::new();
        for missing in self.unsupplied(view, missing) {
            let package = lacking_package(self.place, &missing);
            alike.entry((missing.outside.is_some(), package)).or_default().push(missing);
        }
        let mut diagnostics: Vec<Diagnostic> = alike
            .iter()
            .map(|((_, package), requests)| {
                let labels = labels(self.place, view, &checked, &requests[0]);
                labels.into_iter().fold(self.diagnostic(package, requests), Diagnostic::label)
            })
            .collect();
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
        diagnostics
    }

    fn diagnostic(&self, package: &str, requests: &[Missing]) -> Diagnostic {
        let Missing { importer, specifier, hook, outside, .. } = &requests[0];
        let importer = self.place.path_of(importer).map_or_else(String::new, |path| self.place.show(path));
        match outside {
            Some(outside) => resolves_outside::diagnostic(specifier, &importer, &self.outside(outside), *hook),
            None if is_file_of_build(self.place, &requests[0]) => missing_file(specifier, &importer),
            None => package_missing::diagnostic(package, specifier, &importer, requests.len() - 1, *hook),
        }
    }

    /// A package outside of the build by its directory, and another file by its path.
    fn outside(&self, file: &Path) -> String {
        let place = text(file).map_or_else(|| file.to_owned(), |text| PathBuf::from(package_directory(&text)));
        match dunce::canonicalize(self.app).ok().and_then(|app| place.strip_prefix(app).ok().map(Path::to_owned)) {
            Some(below) => show(&self.app.join(below)),
            None => show(&place),
        }
    }

    /// What will not be there where the server runs either.
    fn unsupplied(&self, view: &View, missing: Vec<Missing>) -> Vec<Missing> {
        if missing.is_empty() {
            return missing;
        }
        let manifest = view.bytes(&self.place.server.join(dependencies::FILE)).unwrap_or_default();
        let named: BTreeSet<String> = dependencies::versions(&manifest).into_keys().collect();
        missing.into_iter().filter(|missing| !self.supply.has(missing, &named)).collect()
    }
}

/// Whether what is missing is a file that a module of the build itself names by its path.
fn is_file_of_build(place: &Place, missing: &Missing) -> bool {
    let of_package = place.path_of(&missing.importer).is_some_and(|path| path.as_str().contains("node_modules/"));
    !of_package && (missing.specifier.starts_with(['.', '/']) || missing.specifier.contains(':'))
}

fn lacking_package(place: &Place, missing: &Missing) -> String {
    if is_file_of_build(place, missing) {
        return missing.specifier.clone();
    }
    if !missing.specifier.starts_with(['.', '#']) {
        return package_name(&missing.specifier).to_owned();
    }
    let importer = place.path_of(&missing.importer).map(String::from).unwrap_or_default();
    let package = package_directory(&importer);
    package.rsplit_once("node_modules/").map_or(package, |(_, name)| name).to_owned()
}

/// The way to what is missing: its first request, and the last ones.
fn labels(place: &Place, view: &View, checked: &Checked, missing: &Missing) -> Vec<Label> {
    const LAST: usize = 3;
    let mut hops: Vec<(PathBuf, Span)> =
        checked.chain(&missing.importer).into_iter().map(|reached| (reached.from, reached.span)).collect();
    hops.push((missing.importer.clone(), missing.span));
    if hops.len() > LAST + 1 {
        hops.drain(1..hops.len() - LAST);
    }
    let label = |(file, span): (PathBuf, Span)| {
        let bytes = view.bytes(&file)?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let path = place.path_of(&file)?;
        Some(match path.module() {
            Some(module) => Label::new(&module, text, span, ""),
            None => Label::in_file(&place.show(path), text, span, ""),
        })
    };
    hops.into_iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_of_a_file() {
        for (path, expected) in [
            ("node_modules/a/lib/b.js", "node_modules/a"),
            ("node_modules/@s/a/b.js", "node_modules/@s/a"),
            ("node_modules/a/node_modules/@s/b/package.json", "node_modules/a/node_modules/@s/b"),
            ("chunks/a.mjs", "chunks/a.mjs"),
        ] {
            assert_eq!(package_directory(path), expected);
        }
    }

    #[test]
    fn types_and_maps_stay_behind() {
        for (file, expected) in
            [("a.js", true), ("a.js.map", false), ("a.d.ts", false), ("d.ts", true), ("a.node", true)]
        {
            assert_eq!(is_needed_at_run_time(Path::new(file)), expected, "{file}");
        }
    }
}
