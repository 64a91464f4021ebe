//! The SDK of a build in one module beside the entry, made by the bundler of the app. Finds out what has to be in it; what
//! is written, the plan says.

mod bundler;
mod laid_out;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use presentry_parser::commonjs_wrappers;
use presentry_rewriter::{
    AskedFor, Bundle, Hooks, InitTrust, ModulePath, Outcome, PackageImports, Plan as Rewriting, Sources, bundle_header,
    bundle_line,
    diagnostics::{Diagnostic, sdk_of_package},
    injects_channels, is_script, marker, package_imports, package_name, sealed, tried, with_bundle,
};

use crate::{
    args::Bundling,
    diagnostics::{bundle_failed, bundle_skipped},
    failure::Failure,
    find::{
        locate::Build,
        reached::{Look, Packages},
    },
    passes::{
        Plan, Refusal, Remaining, View,
        bundle::{
            bundler::{Bundled, Order, Trial},
            laid_out::LaidOut,
        },
    },
    say::output::Output,
    store::{
        self,
        disk::DiskSources,
        history::{self, FileState, Tracked},
        manifest::WireChange,
        place::Place,
    },
};

/// The module with the code of the SDK.
const CODE: &str = "sentry";

/// Why a build is rewritten without a bundle although one is wanted where it is possible: the failure, as a warning. What is
/// wrong with the build itself without a bundle as well, the rewrite without it says.
pub(crate) fn skipped(failure: &Failure) -> Diagnostic {
    match failure {
        Failure::Refused(refusals) | Failure::NotProven(refusals) => match refusals.first() {
            Some(refusal) => bundle_skipped::refused(refusal),
            None => bundle_skipped::unexpected(&anyhow::anyhow!("it is refused")),
        },
        Failure::Usage(wrong) => bundle_skipped::refused(wrong),
        Failure::Unexpected(error) => bundle_skipped::unexpected(error),
    }
}

/// Bundles the SDK of the build, where that is wanted.
pub(crate) fn pass(view: &View<'_>, plan: Plan) -> Result<Plan, Refusal> {
    let bundling = view.args.bundling();
    if bundling == Bundling::No || plan.is_of_build_plugin() {
        return Ok(plan);
    }
    let made = bundled(view, &plan).and_then(|made| match made {
        Some((rewriting, _)) if bundling == Bundling::WherePossible && rewriting.outcome == Outcome::Refused => {
            Err(Failure::Refused(rewriting.diagnostics))
        }
        made => Ok(made),
    });
    match made {
        Ok(None) => Ok(plan),
        Ok(Some((rewriting, remaining))) => {
            let carries_packages = !packages_go(view, &plan)?;
            Ok(Plan { rewriting, remaining: Some(remaining), carries_packages, ..plan })
        }
        Err(failure) if bundling == Bundling::WherePossible => {
            let mut plan = plan;
            plan.rewriting.diagnostics.push(skipped(&failure));
            Ok(plan)
        }
        Err(failure) => Err(failure),
    }
}

/// Whether the packages go that an earlier run has traced in: nothing needs the SDK itself once it is bundled.
fn packages_go(view: &View<'_>, plan: &Plan) -> Result<bool, Failure> {
    let (place, tracked) = (&view.build.place, &view.earlier.tracked);
    let any = tracked.iter().any(|one| one.file.kind == WireChange::Package);
    Ok(view.args.prune && any && !can_stay(place, tracked, Some(is_injected(&plan.rewriting)))?)
}

/// The plan with a bundle; `None` where nothing in the build imports the SDK.
fn bundled(view: &View<'_>, plan: &Plan) -> Result<Option<(Rewriting, Remaining)>, Failure> {
    let (place, sources) = (&view.build.place, plan.sources(view));
    let PackageImports { sdk, others } =
        package_imports(&sources, &plan.rewriting).map_err(|error| Failure::from(*error))?;
    if sdk.is_empty() {
        return Ok(None);
    }
    let mut remaining = Remaining {
        sdk,
        others: others.into_iter().collect(),
        of_bundle: Vec::new(),
        nested: Vec::new(),
        modules: Vec::new(),
        files: BTreeMap::new(),
        is_of_earlier_run: false,
    };
    refuse_second_copies(view, plan, &remaining)?;
    let injected = is_injected(&plan.rewriting);
    let bundle = match written_before(place, &view.earlier.tracked, &remaining.sdk, injected)? {
        Some(bundle) => {
            view.output.why("the bundle of the SDK is the one that an earlier run made of this build");
            remaining.is_of_earlier_run = true;
            bundle
        }
        None => {
            // What was pruned for the other bundle is needed for this one.
            history::refuse_lost(view.earlier)?;
            let (bundle, files) = view.output.during("bundling the SDK", || make(view, plan, &sources, &remaining))?;
            remaining.files = files;
            bundle
        }
    };
    for (path, bytes) in bundle.files.iter().filter(|(path, _)| is_script(path.as_str())) {
        remaining.modules.push(path.clone());
        let text = String::from_utf8_lossy(bytes);
        remaining.note_requests_of(&place.server, &text, &view.files.readings().requests(&text).record);
    }
    Ok(Some((with_bundle(&sources, plan.rewriting.clone(), &view.build.entry, &bundle, plan.request.trust), remaining)))
}

/// The plan that an earlier run with a bundle has carried out, as far as it is the same as one without; `None` where
/// the build has no bundle, or one that would be made anew.
pub(crate) fn remembered(
    plan: &Rewriting,
    sources: &dyn Sources,
    tracked: &[Tracked],
    build: &Build,
    trust: InitTrust,
) -> Result<Option<Rewriting>, Failure> {
    let Ok(PackageImports { sdk, .. }) = package_imports(sources, plan) else { return Ok(None) };
    let bundle = written_before(&build.place, tracked, &sdk, is_injected(plan))?;
    Ok(bundle.map(|bundle| with_bundle(sources, plan.clone(), &build.entry, &bundle, trust)))
}

/// Whether the files of an earlier run hold a bundle that can stay: one that injects channels itself, or, where all libraries
/// are injected ahead of time, one that does not. `None` stands for either.
pub(crate) fn can_stay(place: &Place, tracked: &[Tracked], is_injected: Option<bool>) -> Result<bool, Failure> {
    let injected = was_injected(place, tracked)?;
    if is_injected.is_some_and(|is_injected| is_injected != injected) {
        return Ok(false);
    }
    let disk = DiskSources::new(&place.server);
    let written = tracked.iter().filter(|one| one.file.kind == WireChange::Bundle);
    let mut any = false;
    for one in written {
        any = true;
        let Some(bytes) = place.read_file(&one.file.path)? else { return Ok(false) };
        let ours =
            bundle_header(&bytes).is_none_or(|header| header.intact && header.version == env!("CARGO_PKG_VERSION"));
        if one.state == FileState::Original || !ours || !injected && is_untried(&disk, &bytes)? {
            return Ok(false);
        }
    }
    Ok(any)
}

/// The bundle that an earlier run has written, when it holds what is asked for. The packages it was made of are part of
/// the build, and a new build has no bundle.
fn written_before(
    place: &Place,
    tracked: &[Tracked],
    sdk: &BTreeMap<String, AskedFor>,
    injected: bool,
) -> Result<Option<Bundle>, Failure> {
    if !can_stay(place, tracked, Some(injected))? {
        return Ok(None);
    }
    let mut bundle = Bundle { files: BTreeMap::new(), modules: BTreeMap::new() };
    for one in tracked.iter().filter(|one| one.file.kind == WireChange::Bundle) {
        let (Some(path), Some(bytes)) = (one.file.path.module(), place.read_file(&one.file.path)?) else {
            return Ok(None);
        };
        let header = bundle_header(&bytes);
        if let Some((specifier, has)) = header.and_then(|header| Some((header.stands_for?, header.asked_for))) {
            if !sdk.get(&specifier).is_some_and(|asked_for| has.covers(asked_for)) {
                return Ok(None);
            }
            bundle.modules.insert(specifier, path.clone());
        }
        bundle.files.insert(path, bytes);
    }
    Ok((bundle.modules.len() == sdk.len()).then_some(bundle))
}

/// The modules of the bundle that an earlier run has written, each with the specifier that it stands for.
pub(crate) fn modules_of(place: &Place, tracked: &[Tracked]) -> Result<BTreeMap<ModulePath, String>, Failure> {
    let mut modules = BTreeMap::new();
    for one in tracked.iter().filter(|one| one.file.kind == WireChange::Bundle) {
        let (Some(path), Some(bytes)) = (one.file.path.module(), place.read_file(&one.file.path)?) else { continue };
        if let Some(specifier) = bundle_header(&bytes).and_then(|header| header.stands_for) {
            modules.insert(path, specifier);
        }
    }
    Ok(modules)
}

/// Whether everything that the SDK would inject is injected in the build as a plan leaves it, so that its bundle need not be
/// able to.
fn is_injected(plan: &Rewriting) -> bool {
    let injected = plan.proof.as_ref().and_then(|proof| proof.injected.as_ref());
    injected.is_some_and(|injected| injected.hooks == Hooks::Off)
}

/// The same of what an earlier run left.
fn was_injected(place: &Place, tracked: &[Tracked]) -> Result<bool, Failure> {
    for one in tracked.iter().filter(|one| one.file.kind == WireChange::Channels) {
        let found = place.read_file(&one.file.path)?.and_then(|bytes| marker(&bytes));
        if let Some(found) = found {
            return Ok(found.injected.hooks == Hooks::Off);
        }
    }
    Ok(false)
}

/// Whether a module of a bundle injects channels, and was never tried.
fn is_untried(sources: &dyn Sources, bytes: &[u8]) -> Result<bool, Failure> {
    if bundle_header(bytes).is_none_or(|header| header.tried) {
        return Ok(false);
    }
    injects_channels(sources, &String::from_utf8_lossy(bytes)).map_err(|error| Failure::from(*error))
}

/// The code of a bundle, marked as tried where it was; what failed its trial is not used.
fn proven_by_trial(sources: &dyn Sources, bundled: &mut Bundled, output: &Output) -> Result<String, Failure> {
    let code = compiled_at_once(std::mem::take(&mut bundled.code));
    if !injects_channels(sources, &code).map_err(|error| Failure::from(*error))? {
        return Ok(code);
    }
    match &bundled.trial {
        Some(Trial { failed: None, node }) => {
            output.why(format!("a trial of the bundle on Node.js {node}: it instruments CommonJS and ES modules"));
            Ok(tried(code))
        }
        Some(Trial { failed: Some(reason), .. }) => Err(bundle_failed::trial(reason).into()),
        None => Err(bundle_failed::trial("nothing tried it").into()),
    }
}

/// A package that stays outside of the bundle and asks for the SDK would load a copy of its own.
fn refuse_second_copies(view: &View<'_>, plan: &Plan, remaining: &Remaining) -> Result<(), Failure> {
    let (place, files) = (&view.build.place, plan.over(view)?);
    let packages = Packages::of(&files, &place.server);
    let specifiers = remaining.others.iter().map(String::as_str);
    let mut refused = Vec::new();
    for (directory, package) in packages.reached(specifiers, Look::Closely, |name| !name.starts_with("@sentry/")) {
        let asks = package.asks_for.iter().find(|(specifier, file)| {
            specifier.starts_with("@sentry/")
                && packages.find(package_name(specifier), &directory).is_some()
                && asks(&files, file, specifier)
        });
        if let Some((specifier, file)) = asks {
            let shown = file.strip_prefix(&place.server).unwrap_or(file);
            refused.push(sdk_of_package(&package.name, &crate::paths::show(shown), specifier));
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Refused(refused)) }
}

/// Whether a script that holds a specifier somewhere really asks for it: a comment of an ES module does not.
fn asks(files: &store::view::View, file: &Path, specifier: &str) -> bool {
    let Some(text) = files.bytes(file).and_then(|bytes| String::from_utf8(bytes).ok()) else { return true };
    let (record, errors) = presentry_parser::parse(&text);
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    let by_import = requested.chain(imported).any(|literal| literal.value == specifier);
    let by_call = ["require(", "resolve("]
        .iter()
        .any(|call| ["\"", "'", "`"].iter().any(|quote| text.contains(&format!("{call}{quote}{specifier}{quote}"))));
    by_import || by_call || !errors.is_empty()
}

/// Makes a bundle of what the build imports.
///
/// A bundler reads the disk. Where that is not the build that the plan is made for, it reads a copy of its packages.
fn make(
    view: &View<'_>,
    plan: &Plan,
    original: &dyn Sources,
    remaining: &Remaining,
) -> Result<(Bundle, BTreeMap<String, PathBuf>), Failure> {
    let app = dunce::canonicalize(&view.args.build.app).map_err(|error| Failure::Unexpected(error.into()))?;
    let names = Names::free_in(original, remaining.sdk.len());
    let alone = remaining.sdk.iter().next().filter(|_| remaining.sdk.len() == 1);
    let laid_out = LaidOut::of(&plan.over(view)?, &view.build.place)?;
    let mut bundled = bundler::run(&Order {
        app: &app,
        server: laid_out.server(),
        specifiers: remaining.sdk.keys().map(String::as_str).collect(),
        names: remaining.sdk.values().map(names_of).collect(),
        used: remaining.others.iter().map(String::as_str).collect(),
        header: bundle_line(alone.map(|(specifier, asked_for)| (specifier.as_str(), asked_for))),
        name: names.code.file_name(),
        hook_name: names.hook.file_name(),
        hook_header: bundle_line(None),
        from_app: packages_go(view, plan)?,
        injected: is_injected(&plan.rewriting),
    })?;
    say_what_is_in_it(&bundled, view.output);
    let code = proven_by_trial(original, &mut bundled, view.output)?;
    let files = bundled
        .external
        .into_iter()
        .map(|(specifier, external)| (specifier, laid_out.in_build(external.file)))
        .collect();
    let mut bundle = Bundle { files: BTreeMap::new(), modules: BTreeMap::new() };
    let beside = |path: &ModulePath, suffix: &str| ModulePath::new(format!("{path}{suffix}")).expect("a file name");
    bundle.files.insert(beside(&names.code, ".map"), bundled.map.into_bytes());
    bundle.files.insert(beside(&names.code, ".LEGAL.txt"), bundled.licences.into_bytes());
    if let Some(hook) = bundled.hook {
        bundle.files.insert(beside(&names.hook, ".map"), hook.map.into_bytes());
        bundle.files.insert(names.hook, sealed(hook.code).into_bytes());
    }
    bundle.files.insert(names.code.clone(), sealed(code).into_bytes());
    if let Some((specifier, _)) = alone {
        bundle.modules.insert(specifier.clone(), names.code);
        return Ok((bundle, files));
    }
    for (((specifier, asked_for), module), path) in remaining.sdk.iter().zip(bundled.modules).zip(names.specifiers) {
        let text = sealed(format!("{}\n{module}", bundle_line(Some((specifier, asked_for)))));
        bundle.files.insert(path.clone(), text.into_bytes());
        bundle.modules.insert(specifier.clone(), path);
    }
    Ok((bundle, files))
}

/// The names of exports for the bundler; `None` for all.
fn names_of(asked_for: &AskedFor) -> Option<Vec<&str>> {
    match asked_for {
        AskedFor::All => None,
        AskedFor::Names(names) => Some(names.iter().map(String::as_str).collect()),
    }
}

/// The code with a parenthesis around each function that holds a CommonJS module. V8 compiles such a function with the
/// code around it, and reads any other twice: all of these are called while the bundle is loaded. A source map has one
/// position for each of the lines that change, at its start.
fn compiled_at_once(code: String) -> String {
    let wrappers = commonjs_wrappers(&code);
    let mut result = String::with_capacity(code.len() + wrappers.len() * ": (function)".len());
    let mut done = 0;
    for wrapper in wrappers {
        result.extend([&code[done..wrapper.start], ": (function", wrapper.of(&code), ")"]);
        done = wrapper.end;
    }
    result.push_str(&code[done..]);
    result
}

fn say_what_is_in_it(bundled: &Bundled, output: &Output) {
    let Bundled { bundler, packages, external, from, .. } = bundled;
    let whose =
        if from == "build" { "the packages of the build" } else { "the packages of the app, as the build lacks some" };
    output.why(format!("{bundler} bundled {whose}: {}", packages.join(", ")));
    for (specifier, external) in external {
        let reason = match external.reason.as_str() {
            "hook" => "module hooks are found by its files, and there is one list of them in a process",
            "native" => "a native add-on is found by its own place",
            "nested" => "the build has a copy for the SDK alone, in another version than the app's",
            _ => "the app uses it, too, and has to share it with the SDK",
        };
        output.why(format!("`{specifier}` stays a package: {reason}"));
    }
}

/// The names of the modules of a bundle. They are short, so that the specifiers that name them take the place of
/// `@sentry/…` without moving what stands behind.
struct Names {
    code: ModulePath,
    hook: ModulePath,
    specifiers: Vec<ModulePath>,
}

impl Names {
    fn free_in(sources: &dyn Sources, specifiers: usize) -> Self {
        let path = |name: String| ModulePath::new(name).expect("a file name");
        let free = |stem: &str| {
            let taken = |path: &ModulePath| sources.exists(path);
            let numbered = (1..).map(|number| path(format!("{CODE}-{stem}{number}.mjs")));
            numbered.into_iter().find(|path| !taken(path)).expect("a build has an end")
        };
        let code = path(format!("{CODE}.mjs"));
        let code = if sources.exists(&code) { free("sdk-") } else { code };
        let hook = path(format!("{CODE}-hook.mjs"));
        let hook = if sources.exists(&hook) { free("hook-") } else { hook };
        let mut names: Vec<ModulePath> = Vec::new();
        let mut number = 0;
        while names.len() < specifiers {
            number += 1;
            let name = path(format!("{CODE}-{number}.mjs"));
            if !sources.exists(&name) {
                names.push(name);
            }
        }
        Self { code, hook, specifiers: names }
    }
}

#[cfg(test)]
mod tests {
    use super::compiled_at_once;

    #[test]
    fn what_holds_commonjs_is_compiled_at_once() {
        let code = "var require_a = __commonJS({\n  \"a.js\"(exports, module) {\n    module.exports = { b() {} };\n  }\n});\nvar b = 1;\n";
        let expected = "var require_a = __commonJS({\n  \"a.js\": (function(exports, module) {\n    module.exports = { b() {} };\n  })\n});\nvar b = 1;\n";
        assert_eq!(compiled_at_once(code.to_owned()), expected);
        assert_eq!(compiled_at_once(expected.to_owned()), expected);
        assert_eq!(compiled_at_once("no { script".to_owned()), "no { script");
    }
}
