//! Whether everything that a server needs to start resolves, as Node does it: packages, their exports maps and
//! conditions, `require()`, and the loader hooks that are registered. Reads only.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Mutex,
};

use memchr::memmem;
use oxc_resolver::{FileSystem as _, ModuleType, ResolveError, ResolveOptions, ResolverGeneric};
use presentry_parser::{FileGoal, Phase, RequestMeans, Span, StringLiteral, run_time_requests};
use url::Url;

use crate::{parallel, store::view::View};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Every file that was reached, with how it was reached.
    pub(crate) files: BTreeMap<PathBuf, Option<Reached>>,
    /// The files that are registered as loader hooks.
    pub(crate) hooks: BTreeSet<PathBuf>,
    /// What does not resolve, in the order of the importers.
    pub(crate) missing: Vec<Missing>,
}

/// The first request that led to a file.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// The file that asks for it.
    pub(crate) from: PathBuf,
    /// As what it asks for it.
    pub(crate) specifier: String,
    /// Where in that file.
    pub(crate) span: Span,
    /// How it is requested.
    pub(crate) means: RequestMeans,
}

/// A request that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The file that asks.
    pub(crate) importer: PathBuf,
    /// What it asks for.
    pub(crate) specifier: String,
    /// Where in the importer.
    pub(crate) span: Span,
    /// Whether loader hooks alone need it: then a server starts without it, and instruments nothing.
    pub(crate) hook: bool,
    /// How it is requested.
    pub(crate) means: RequestMeans,
    /// The file outside of the build that it resolves to on this machine.
    pub(crate) outside: Option<PathBuf>,
}

impl Checked {
    /// The requests from a start to a file, first the one of the start.
    pub(crate) fn chain(&self, file: &Path) -> Vec<Reached> {
        let mut chain = Vec::new();
        let mut at = file.to_owned();
        while let Some(Some(reached)) = self.files.get(&at) {
            at = reached.from.clone();
            chain.push(reached.clone());
        }
        chain.reverse();
        chain
    }
}

/// Walks from `starts` along everything that has to be there for them to load, the runtime that they await included.
///
/// What is asked for in a function, in a condition or in a `try` may be missing, and is not looked at; loader hooks are
/// the exception, because the SDK registers them in a `try`, and instruments nothing without them.
///
/// The `entry` loads its runtime also by an `import()` that it does not await.
pub(crate) fn check(view: &View, starts: &[PathBuf], entry: Option<&Path>) -> Checked {
    let resolvers = Resolvers::new(view);
    let mut checked = walk(&resolvers, starts, entry);
    if !checked.missing.is_empty() {
        let everything = View::everything();
        let resolvers = Resolvers::new(&everything);
        for missing in &mut checked.missing {
            let found = resolvers.resolve(&missing.importer, &missing.specifier, missing.means);
            // A file of the build that is on disk and not in the view will be gone.
            let path = found.and_then(|found| found.into_iter().next()).map(|(path, _)| path);
            missing.outside = path.filter(|path| !view.holds(path));
        }
    }
    checked
}

fn walk(resolvers: &Resolvers<'_>, starts: &[PathBuf], entry: Option<&Path>) -> Checked {
    let mut checked = Checked::default();
    let mut wave: Vec<(PathBuf, Format)> = Vec::new();
    // They come last: what they alone need may be missing, and the server starts.
    let mut hooks: Vec<(PathBuf, Format, Reached)> = Vec::new();
    let mut only_hooks = false;
    for start in starts {
        if checked.files.insert(start.clone(), None).is_none() {
            wave.push((start.clone(), resolvers.format(start)));
        }
    }
    while !wave.is_empty() {
        let found =
            parallel::map(&wave, |(file, format)| resolvers.requests_of(file, *format, entry == Some(file.as_path())));
        let mut next = Vec::new();
        for ((file, _), answers) in wave.iter().zip(found) {
            for answer in answers {
                let Answer { specifier, span, means, found } = answer;
                let hook = means == RequestMeans::Register || only_hooks;
                if found.is_empty() {
                    let importer = file.clone();
                    checked.missing.push(Missing { importer, specifier, span, hook, means, outside: None });
                    continue;
                }
                for (target, format) in found {
                    if means == RequestMeans::Register {
                        checked.hooks.insert(target.clone());
                        let reached = Reached { from: file.clone(), specifier: specifier.clone(), span, means };
                        hooks.push((target, format, reached));
                        continue;
                    }
                    if let std::collections::btree_map::Entry::Vacant(entry) = checked.files.entry(target.clone()) {
                        entry.insert(Some(Reached { from: file.clone(), specifier: specifier.clone(), span, means }));
                        next.push((target, format));
                    }
                }
            }
        }
        wave = next;
        if wave.is_empty() {
            only_hooks = true;
            for (file, format, reached) in std::mem::take(&mut hooks) {
                if let std::collections::btree_map::Entry::Vacant(entry) = checked.files.entry(file.clone()) {
                    entry.insert(Some(reached));
                    wave.push((file, format));
                }
            }
        }
    }
    checked
}

/// The files that a specifier stands for from a directory.
pub(crate) fn resolve_from(view: &View, directory: &Path, specifier: &str, means: RequestMeans) -> Vec<PathBuf> {
    let found = Resolvers::new(view).resolve(&directory.join(ANY_FILE), specifier, means);
    found.into_iter().flatten().map(|(path, _)| path).collect()
}

/// Whether a specifier stands for something from a directory, as an import or as an argument of `require()`.
pub(crate) fn resolves(view: &View, directory: &Path, specifier: &str) -> bool {
    let resolvers = Resolvers::new(view);
    let importer = directory.join(ANY_FILE);
    let found = |means| resolvers.resolve(&importer, specifier, means).is_none_or(|found| !found.is_empty());
    found(RequestMeans::Import) || found(RequestMeans::Require)
}

/// Stands for an importer of which only the directory counts.
const ANY_FILE: &str = "index.mjs";

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Module,
    CommonJs,
    /// JSON, WebAssembly, native: asks for nothing.
    Leaf,
}

impl Format {
    fn of(path: &Path, kind: Option<ModuleType>) -> Self {
        match (path.extension().and_then(|extension| extension.to_str()), kind) {
            (Some("json" | "node" | "wasm"), _) => Format::Leaf,
            (_, Some(ModuleType::Module)) => Format::Module,
            (_, Some(ModuleType::CommonJs)) => Format::CommonJs,
            (_, Some(_)) => Format::Leaf,
            (Some("mjs"), None) => Format::Module,
            // A file without a known extension is CommonJS for `require()`.
            (_, None) => Format::CommonJs,
        }
    }
}

struct Request {
    specifier: String,
    span: Span,
    means: RequestMeans,
}

struct Answer {
    specifier: String,
    span: Span,
    means: RequestMeans,
    /// Empty when it does not resolve. There are two where newer versions of Node take another file.
    found: Vec<(PathBuf, Format)>,
}

struct Resolvers<'v> {
    view: &'v View,
    import: ResolverGeneric<View>,
    require: ResolverGeneric<View>,
    /// The same for Node 22.10 and later, which know the condition `module-sync`.
    newer_import: ResolverGeneric<View>,
    newer_require: ResolverGeneric<View>,
    /// Whether a `package.json` names that condition.
    module_sync: Mutex<HashMap<PathBuf, bool>>,
}

impl<'v> Resolvers<'v> {
    fn new(view: &'v View) -> Self {
        let options = |conditions: &[&str], is_import: bool| ResolveOptions {
            condition_names: conditions.iter().map(|&name| name.to_owned()).collect(),
            extensions: [".js", ".json", ".node"].map(str::to_owned).to_vec(),
            fully_specified: is_import,
            builtin_modules: true,
            module_type: true,
            node_path: false,
            ..ResolveOptions::default()
        };
        let import = ResolverGeneric::new_with_file_system(
            view.clone(),
            options(&["node", "node-addons", "import", "default"], true),
        );
        let with = |conditions, is_import| import.clone_with_options(options(conditions, is_import));
        Self {
            view,
            require: with(&["node", "node-addons", "require", "default"], false),
            newer_import: with(&["node", "node-addons", "import", "module-sync", "default"], true),
            newer_require: with(&["node", "node-addons", "require", "module-sync", "default"], false),
            import,
            module_sync: Mutex::default(),
        }
    }

    fn requests_of(&self, file: &Path, format: Format, is_entry: bool) -> Vec<Answer> {
        let Some(bytes) = (format != Format::Leaf).then(|| self.view.bytes(file)).flatten() else { return Vec::new() };
        let mut seen = BTreeSet::new();
        let floating = is_entry.then(|| floating_imports(self.view, &bytes)).into_iter().flatten();
        requests(self.view, &bytes, format)
            .into_iter()
            .chain(floating)
            .filter(|request| seen.insert((request.specifier.clone(), request.means == RequestMeans::Require)))
            .filter_map(|Request { specifier, span, means }| {
                let found = self.resolve(file, &specifier, means)?;
                Some(Answer { specifier, span, means, found })
            })
            .collect()
    }

    /// The files a specifier stands for; `None` where it is no file: a module of Node, a URL that is not of a file.
    fn resolve(&self, importer: &Path, specifier: &str, means: RequestMeans) -> Option<Vec<(PathBuf, Format)>> {
        let (older, newer) = match means {
            RequestMeans::Require => (&self.require, &self.newer_require),
            RequestMeans::Import | RequestMeans::Register => (&self.import, &self.newer_import),
        };
        if means != RequestMeans::Require && is_path(specifier) {
            let file = file_of_url(importer, specifier).filter(|file| self.view.is_file(file));
            let real = file.and_then(|file| self.view.canonicalize(&file).ok());
            return Some(real.map(|real| (real.clone(), self.format(&real))).into_iter().collect());
        }
        if is_url(specifier) {
            return None;
        }
        let directory = importer.parent().unwrap_or(importer);
        let mut found = Vec::new();
        let mut ask_newer = false;
        match older.resolve(directory, specifier) {
            Ok(resolution) => {
                let relative = specifier.starts_with('.');
                ask_newer = !relative
                    && resolution.package_json().is_some_and(|package| self.knows_module_sync(package.path()));
                let format = Format::of(resolution.path(), resolution.module_type());
                found.push((resolution.into_path_buf(), format));
            }
            Err(ResolveError::Builtin { .. }) => return None,
            Err(_) => {}
        }
        if ask_newer && let Ok(resolution) = newer.resolve(directory, specifier) {
            let format = Format::of(resolution.path(), resolution.module_type());
            if found.iter().all(|(path, _)| path != resolution.path()) {
                found.push((resolution.into_path_buf(), format));
            }
        }
        Some(found)
    }

    /// How a file is read that is imported by its path: the nearest `package.json` decides about `.js`.
    fn format(&self, file: &Path) -> Format {
        let kind = match file.extension().and_then(|extension| extension.to_str()) {
            Some("mjs") => ModuleType::Module,
            Some("cjs") => ModuleType::CommonJs,
            Some("js") if self.is_of_module_package(file) => ModuleType::Module,
            Some("js") => ModuleType::CommonJs,
            _ => return Format::Leaf,
        };
        Format::of(file, Some(kind))
    }

    fn is_of_module_package(&self, file: &Path) -> bool {
        let above = file.ancestors().skip(1).take_while(|directory| !directory.ends_with("node_modules"));
        let manifest = above.map(|directory| directory.join("package.json")).find_map(|path| self.view.bytes(&path));
        let manifest = manifest.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        manifest.is_some_and(|manifest| manifest["type"] == "module")
    }

    fn knows_module_sync(&self, package: &Path) -> bool {
        let mut known = self.module_sync.lock().expect("nothing panics while it is held");
        *known.entry(package.to_owned()).or_insert_with(|| {
            self.view.bytes(package).is_some_and(|bytes| memmem::find(&bytes, b"\"module-sync\"").is_some())
        })
    }
}

/// `data:`, `https:`, `file:` and the like; `C:\` is none. `node:` is one, too, and always there.
fn is_url(specifier: &str) -> bool {
    let scheme = specifier.split(':').next().filter(|scheme| scheme.len() < specifier.len() && scheme.len() > 1);
    scheme.is_some_and(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte)))
}

/// Whether a specifier is a URL reference to a file: such are not looked up among packages.
fn is_path(specifier: &str) -> bool {
    let file = specifier.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    file || ["./", "../", "/"].iter().any(|start| specifier.starts_with(start))
}

/// The file that a URL reference names from a module: `ESM_RESOLVE` of Node, which refuses separators that are
/// percent-encoded.
fn file_of_url(importer: &Path, specifier: &str) -> Option<PathBuf> {
    let url = Url::from_file_path(importer).ok()?.join(specifier).ok()?;
    let path = url.path().to_ascii_lowercase();
    if path.contains("%2f") || path.contains("%5c") { None } else { url.to_file_path().ok() }
}

/// What a file asks for without which it does not load, and the loader hooks it registers.
fn requests(view: &View, bytes: &[u8], format: Format) -> Vec<Request> {
    let contains = |word: &[u8]| memmem::find(bytes, word).is_some();
    // Most files need nothing replaced, which is found out faster by itself.
    let text = str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    if format == Format::Module || (!contains(b"require") && has_module_syntax(bytes)) {
        return requests_of_module(view, &text);
    }
    let registers = contains(b"register") && names_node_module(bytes);
    if !contains(b"require") && !registers {
        return Vec::new();
    }
    let requests = run_time_requests(&text, FileGoal::CommonJs).into_iter().filter_map(|request| {
        let wanted = match request.means {
            RequestMeans::Require => request.always,
            RequestMeans::Import => false,
            RequestMeans::Register => registers && may_be_hook(&request.specifier.value),
        };
        wanted.then_some(Request {
            specifier: request.specifier.value,
            span: request.specifier.span,
            means: request.means,
        })
    });
    requests.collect()
}

/// What a module imports while it runs without waiting for it.
fn floating_imports(view: &View, bytes: &[u8]) -> Vec<Request> {
    let record = view.readings().module(&String::from_utf8_lossy(bytes)).record;
    let floating = record.dynamic_imports.iter().filter(|import| import.top_level && !import.awaited);
    let request = |StringLiteral { value, span }| Request { specifier: value, span, means: RequestMeans::Import };
    floating.filter_map(|import| import.specifier.clone()).map(request).collect()
}

fn requests_of_module(view: &View, text: &str) -> Vec<Request> {
    let bytes = text.as_bytes();
    let contains = |word: &[u8]| memmem::find(bytes, word).is_some();
    // Every static request has one of the two words.
    if !contains(b"import") && !contains(b"from") {
        return Vec::new();
    }
    let requires = contains(b"createRequire");
    let registers = contains(b"register") && names_node_module(bytes);
    // Hooks may be registered in a function.
    let (requested, at_run_time) = if registers {
        let read = view.readings().requests(text);
        (read.record.requested_modules.clone(), read.at_run_time.to_vec())
    } else {
        let (outline, _) = &*view.readings().outline(text);
        (outline.links.requested_modules.clone(), outline.requests.clone())
    };
    let by_import = requested.into_iter().filter(|request| request.phase != Phase::Source);
    let by_import = by_import.map(|request| (request.specifier, RequestMeans::Import));
    let more = at_run_time.into_iter().filter(|request| match request.means {
        RequestMeans::Require => requires && request.always,
        RequestMeans::Import => request.always,
        RequestMeans::Register => registers && may_be_hook(&request.specifier.value),
    });
    let more = more.map(|request| (request.specifier, request.means));
    by_import
        .chain(more)
        .map(|(StringLiteral { value, span }, means)| Request { specifier: value, span, means })
        .collect()
}

/// Node takes a `.js` file without a `type` in its `package.json` for an ES module when it has its syntax.
fn has_module_syntax(bytes: &[u8]) -> bool {
    let at_start = |word: &[u8]| bytes.starts_with(word) || memmem::find(bytes, &[b"\n", word].concat()).is_some();
    at_start(b"import ") || at_start(b"import{") || at_start(b"export ") || at_start(b"export{")
}

/// Whether a file may import `node:module`, whose `register` takes loader hooks.
fn names_node_module(bytes: &[u8]) -> bool {
    [&b"\"node:module\""[..], b"'node:module'", b"\"module\"", b"'module'"]
        .iter()
        .any(|name| memmem::find(bytes, name).is_some())
}

/// An absolute path is no specifier of a hook that a package brings.
fn may_be_hook(specifier: &str) -> bool {
    !specifier.starts_with('/') && !specifier.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::store::view::Entry;

    #[test]
    fn what_will_be_gone_is_not_outside() {
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        let (output, outside) = (root.join("output"), root.join("outside.mjs"));
        fs::create_dir(&output).unwrap();
        fs::write(output.join("index.mjs"), "import './gone.mjs'; import '../outside.mjs';").unwrap();
        for file in [&output.join("gone.mjs"), &outside] {
            fs::write(file, "").unwrap();
        }
        let view = View::new(&output, BTreeMap::from([(output.join("gone.mjs"), Entry::Gone)]));
        let missing = check(&view, &[output.join("index.mjs")], None).missing;
        let found: Vec<_> = missing.iter().map(|one| (one.specifier.as_str(), one.outside.clone())).collect();
        assert_eq!(found, [("./gone.mjs", None), ("../outside.mjs", Some(outside))]);
    }
}
