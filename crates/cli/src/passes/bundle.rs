//! The SDK of a build in one module beside the entry, made by the bundler of the app. Finds out what has to be in it; what
//! is written, the plan says.

mod bundler;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use presentry_parser::commonjs_wrappers;
use presentry_rewriter::{
    AskedFor, Bundle, ChangeKind, Digest, ModulePath, PackageImports, Plan, Sources, bundle_header, bundle_line,
    diagnostics::{Diagnostic, sdk_of_package},
    injects_channels, is_script, package_imports, package_name, sealed, tried, with_bundle,
};

use crate::{
    diagnostics::{bundle_failed, bundle_skipped},
    failure::Failure,
    find::{
        locate::Build,
        reached::{self, Look, Packages},
    },
    passes::{
        bundle::bundler::{Bundled, Order, Trial},
        packages::Asks,
    },
    say::output::Output,
    store::{
        disk::DiskSources,
        history::{FileState, Tracked},
        place::Place,
    },
};

/// The module with the code of the SDK.
const CODE: &str = "sentry";

/// What is never bundled, as `common.mjs` has it. Which other packages an earlier run left out is not written down.
const HOOKS: [&str; 2] = ["import-in-the-middle", "require-in-the-middle"];

/// What a bundled build asks packages for.
#[derive(Debug)]
pub(crate) struct Remaining {
    /// The specifiers of the SDK that are bundled, with the exports that the build asks for.
    pub(crate) sdk: BTreeMap<String, AskedFor>,
    /// The other bare specifiers of the build.
    pub(crate) others: Vec<String>,
    /// Those of the bundle.
    pub(crate) of_bundle: Vec<String>,
    /// The files of packages that the bundle names by their place.
    nested: Vec<PathBuf>,
    /// The modules of the bundle.
    modules: Vec<ModulePath>,
    /// The files that specifiers of the bundle stood for when it was made.
    files: BTreeMap<String, PathBuf>,
}

/// A plan with the SDK bundled.
#[derive(Debug)]
pub(crate) struct WithBundle {
    pub(crate) plan: Plan,
    /// `None` when nothing in the build asks for the SDK.
    pub(crate) remaining: Option<Remaining>,
}

/// Which packages a bundle is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Those of the build, or of the app where the build lacks some.
    Build,
    /// Those of the app: some of those in the build are about to go.
    App,
}

/// Why a build is rewritten without a bundle although one is wanted where it is possible: the failure, as a warning. What is
/// wrong with the build itself without a bundle as well, the rewrite without it says.
pub(crate) fn skipped(failure: &Failure) -> Diagnostic {
    match failure {
        Failure::Refused(refusals) | Failure::NotProven(refusals) => {
            let first = refusals.first();
            bundle_skipped::diagnostic(first.map_or("it is refused", |refusal| &refusal.message), first)
        }
        Failure::Usage(wrong) => bundle_skipped::diagnostic(&wrong.message, Some(wrong)),
        Failure::Unexpected(error) => bundle_skipped::diagnostic(&format!("{error:#}"), None),
    }
}

/// Adds a bundle of the SDK to a plan. `sources` is the build that the plan was made for: the original view, with the
/// instrumentation that it was given.
pub(crate) fn add(
    plan: &Plan,
    sources: &dyn Sources,
    tracked: &[Tracked],
    build: &Build,
    app: &Path,
    from: From,
    output: &Output,
) -> Result<WithBundle, Failure> {
    let place = &build.place;
    let PackageImports { sdk, others } = package_imports(sources, plan).map_err(|error| Failure::from(*error))?;
    if sdk.is_empty() {
        return Ok(WithBundle { plan: plan.clone(), remaining: None });
    }
    let mut remaining = Remaining {
        sdk,
        others: others.into_iter().collect(),
        of_bundle: Vec::new(),
        nested: Vec::new(),
        modules: Vec::new(),
        files: BTreeMap::new(),
    };
    refuse_second_copies(place, &remaining)?;
    let bundle = match written_before(place, tracked, &remaining.sdk)? {
        Some(bundle) => {
            output.why("the bundle of the SDK is the one that an earlier run made of this build");
            bundle
        }
        None => {
            let made = output.during("bundling the SDK", || make(sources, place, app, &remaining, from, output))?;
            remaining.files = made.1;
            made.0
        }
    };
    for (path, bytes) in bundle.files.iter().filter(|(path, _)| is_script(path.as_str())) {
        remaining.modules.push(path.clone());
        remaining.note_requests_of(place, &String::from_utf8_lossy(bytes));
    }
    Ok(WithBundle { plan: with_bundle(sources, plan.clone(), &build.entry, &bundle), remaining: Some(remaining) })
}

/// The plan that an earlier run with a bundle has carried out, as far as it is the same as one without; `None` where
/// the build has no bundle, or one that would be made anew.
pub(crate) fn remembered(
    plan: &Plan,
    sources: &dyn Sources,
    tracked: &[Tracked],
    build: &Build,
) -> Result<Option<Plan>, Failure> {
    let Ok(PackageImports { sdk, .. }) = package_imports(sources, plan) else { return Ok(None) };
    let bundle = written_before(&build.place, tracked, &sdk)?;
    Ok(bundle.map(|bundle| with_bundle(sources, plan.clone(), &build.entry, &bundle)))
}

impl Remaining {
    /// What the bundle asks packages for that were left out of it. A bundler puts CommonJS into functions, where nobody sees
    /// that it loads at once. Everything else that is asked for in a function, the build may lack, as without the bundle.
    pub(crate) fn asks(&self) -> Asks<'_> {
        let left_out = |specifier: &&String| {
            let package = package_name(specifier);
            HOOKS.contains(&package) || self.files.keys().any(|known| package_name(known) == package)
        };
        let specifiers = self.of_bundle.iter().filter(left_out).collect();
        Asks { modules: &self.modules, specifiers, files: &self.files }
    }

    /// Whether a package is one of the SDK's that went into the bundle.
    pub(crate) fn has_bundled(&self, package: &str) -> bool {
        package.starts_with("@sentry/") && !self.of_bundle.iter().any(|specifier| package_name(specifier) == package)
    }

    /// Whether a package of the build is asked for by its place.
    pub(crate) fn names_below(&self, directory: &Path) -> bool {
        self.nested.iter().any(|file| file.starts_with(directory))
    }

    /// Notes what a module of the bundle asks packages for: by import, by `require`, and by the name of a loader hook.
    fn note_requests_of(&mut self, place: &Place, text: &str) {
        let (record, _) = presentry_parser::parse(text);
        let requested = record.requested_modules.iter().map(|request| &request.specifier);
        let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
        let by_import = requested.chain(imported).map(|literal| (literal.value.clone(), true));
        let by_call = reached::literals_behind(text, &["equire", "register", "resolve"]);
        for (specifier, certain) in by_import.chain(by_call.into_iter().map(|literal| (literal.to_owned(), false))) {
            match specifier.strip_prefix("./") {
                Some(file) if file.starts_with("node_modules/") => self.nested.push(place.server.join(file)),
                Some(_) => {}
                // The SDK names its own packages in what it says. One with an add-on it asks for.
                None if specifier.starts_with("@sentry/") && !certain && !self.files.contains_key(&specifier) => {}
                None => self.of_bundle.push(specifier),
            }
        }
    }
}

/// Whether the files of an earlier run hold a bundle that can stay.
pub(crate) fn can_stay(place: &Place, tracked: &[Tracked]) -> Result<bool, Failure> {
    let disk = DiskSources::new(&place.server);
    let written = tracked.iter().filter(|one| one.file.kind == ChangeKind::Bundle.as_str());
    let mut any = false;
    for one in written {
        any = true;
        let Some(bytes) = place.read_file(&one.file.path)? else { return Ok(false) };
        let ours =
            bundle_header(&bytes).is_none_or(|header| header.intact && header.version == env!("CARGO_PKG_VERSION"));
        if one.state == FileState::Original || !ours || is_untried(&disk, &bytes)? {
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
) -> Result<Option<Bundle>, Failure> {
    if !can_stay(place, tracked)? {
        return Ok(None);
    }
    let mut bundle = Bundle { files: BTreeMap::new(), modules: BTreeMap::new() };
    for one in tracked.iter().filter(|one| one.file.kind == ChangeKind::Bundle.as_str()) {
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
fn refuse_second_copies(place: &Place, remaining: &Remaining) -> Result<(), Failure> {
    let packages = Packages::of(&place.server);
    let specifiers = remaining.others.iter().map(String::as_str);
    let mut refused = Vec::new();
    for (directory, package) in packages.reached(specifiers, Look::Closely, |name| !name.starts_with("@sentry/")) {
        let asks = package.asks_for.iter().find(|(specifier, file)| {
            specifier.starts_with("@sentry/")
                && packages.find(package_name(specifier), &directory).is_some()
                && asks(file, specifier)
        });
        if let Some((specifier, file)) = asks {
            let shown = file.strip_prefix(&place.server).unwrap_or(file);
            refused.push(sdk_of_package(&package.name, &shown.display().to_string(), specifier));
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Refused(refused)) }
}

/// Whether a script that holds a specifier somewhere really asks for it: a comment of an ES module does not.
fn asks(file: &Path, specifier: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return true };
    let (record, errors) = presentry_parser::parse(&text);
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    let by_import = requested.chain(imported).any(|literal| literal.value == specifier);
    let by_call = ["require(", "resolve("]
        .iter()
        .any(|call| ["\"", "'", "`"].iter().any(|quote| text.contains(&format!("{call}{quote}{specifier}{quote}"))));
    by_import || by_call || !errors.is_empty()
}

/// Makes a bundle of what the build asks for.
fn make(
    original: &dyn Sources,
    place: &Place,
    app: &Path,
    remaining: &Remaining,
    from: From,
    output: &Output,
) -> Result<(Bundle, BTreeMap<String, PathBuf>), Failure> {
    let app = fs::canonicalize(app).map_err(|error| Failure::Unexpected(error.into()))?;
    let names = Names::free_in(original, remaining.sdk.len());
    let alone = remaining.sdk.iter().next().filter(|_| remaining.sdk.len() == 1);
    let mut bundled = bundler::run(&Order {
        app: &app,
        server: &place.server,
        specifiers: remaining.sdk.keys().map(String::as_str).collect(),
        names: remaining.sdk.values().map(names_of).collect(),
        used: remaining.others.iter().map(String::as_str).collect(),
        header: bundle_line(alone.map(|(specifier, asked_for)| (specifier.as_str(), asked_for))),
        name: names.code.file_name(),
        hook_name: names.hook.file_name(),
        hook_header: bundle_line(None),
        from_app: from == From::App,
    })?;
    say_what_is_in_it(&bundled, output);
    let code = proven_by_trial(original, &mut bundled, output)?;
    let files = bundled.external.into_iter().map(|(specifier, external)| (specifier, external.file)).collect();
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

/// The digest of a file, for telling whether two are the same.
pub(crate) fn digest_of(file: &Path) -> Option<Digest> {
    fs::read(file).ok().map(|bytes| Digest::of(&bytes))
}

/// A path relative to a directory, with `/` between its segments.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.components().count() - common);
    up.map(PathBuf::from).chain(to.components().skip(common).map(|part| PathBuf::from(part.as_os_str()))).collect()
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
