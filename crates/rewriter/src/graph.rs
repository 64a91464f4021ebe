//! The modules of a build and the edges between them, read on demand from `Sources`. No decisions about a rewrite.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use presentry_parser::{
    Binding, FileGoal, ImportEntry, ImportName, IndirectExportEntry, LocalExportEntry, ModuleRecord, ModuleRequest,
    Phase, RequestMeans, Span, StarExportEntry, SyntaxError, run_time_requests,
};

use crate::{
    bundle_header::{BundleHeader, bundle_header},
    digest::Digest,
    packages::{Means, PackageType, Packages, Resolved},
    readings::{ReadModule, Readings},
    sources::{ModulePath, ReadError, Sources, is_script},
    specifier::{Target, data_module, resolve_below},
};

/// A module of the build with its record.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: ModulePath,
    pub(crate) text: String,
    pub(crate) record: Arc<ModuleRecord>,
    /// The module's own top-level bindings.
    pub(crate) bindings: Arc<[Binding]>,
    /// The calls of `import()` that nothing waits for.
    pub(crate) floating_imports: Arc<[Span]>,
    /// What its first line says when it is a module of a bundle of the SDK.
    pub(crate) bundle: Option<BundleHeader>,
    /// Where names are in the lists of the record and of the bindings, made when one is looked up.
    index: OnceCell<Index>,
}

#[derive(Debug)]
struct Index {
    exports: HashMap<String, OwnExport>,
    bindings: HashMap<String, usize>,
    /// The import entries, by their local names.
    imports: HashMap<String, usize>,
}

impl Index {
    fn of(record: &ModuleRecord, bindings: &[Binding]) -> Self {
        let mut imports = HashMap::new();
        for (at, import) in record.import_entries.iter().enumerate() {
            imports.entry(import.local_name.clone()).or_insert(at);
        }
        let mut exports = HashMap::new();
        for (at, entry) in record.local_export_entries.iter().enumerate() {
            // A namespace object that is imported and exported again is a local export in the specification.
            let import = entry.local_name.as_deref().and_then(|local| imports.get(local));
            let import = import.map(|import| &record.import_entries[*import]);
            let namespace = import.filter(|import| matches!(import.import_name, ImportName::Namespace));
            let export = namespace.map_or(OwnExport::Local(at), |import| OwnExport::Namespace(import.request));
            exports.entry(entry.export_name.value.clone()).or_insert(export);
        }
        for (at, entry) in record.indirect_export_entries.iter().enumerate() {
            exports.entry(entry.export_name.value.clone()).or_insert(OwnExport::Indirect(at));
        }
        let mut named = HashMap::new();
        for (at, binding) in bindings.iter().enumerate() {
            named.entry(binding.name.clone()).or_insert(at);
        }
        Self { exports, bindings: named, imports }
    }
}

/// An export that a module declares itself, by its place in the lists of the record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OwnExport {
    /// One of a binding.
    Local(usize),
    /// One of the namespace object that this request gives.
    Namespace(usize),
    /// One of a name that another module exports.
    Indirect(usize),
}

impl Module {
    fn new(path: ModulePath, text: String, read: ReadModule, bundle: Option<BundleHeader>) -> Self {
        let ReadModule { record, bindings, floating_imports, .. } = read;
        Self { path, text, record, bindings, floating_imports, bundle, index: OnceCell::new() }
    }

    /// What the module declares under an export name; nothing of what `export *` gives.
    pub(crate) fn own_export(&self, name: &str) -> Option<OwnExport> {
        self.index().exports.get(name).copied()
    }

    /// Its own top-level binding of a name.
    pub(crate) fn binding(&self, name: &str) -> Option<&Binding> {
        self.index().bindings.get(name).map(|at| &self.bindings[*at])
    }

    /// The import that a name is of.
    pub(crate) fn import(&self, name: &str) -> Option<&ImportEntry> {
        self.index().imports.get(name).map(|at| &self.record.import_entries[*at])
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.record, &self.bindings))
    }
}

/// A module as far as it is linked, which is read much faster: its text, what it requests statically and what it exports.
#[derive(Clone, Debug)]
pub(crate) struct Linked(Rc<Module>);

impl Linked {
    pub(crate) fn path(&self) -> &ModulePath {
        &self.0.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn bundle(&self) -> Option<&BundleHeader> {
        self.0.bundle.as_ref()
    }

    pub(crate) fn requested_modules(&self) -> &[ModuleRequest] {
        &self.0.record.requested_modules
    }

    pub(crate) fn local_export_entries(&self) -> &[LocalExportEntry] {
        &self.0.record.local_export_entries
    }

    pub(crate) fn indirect_export_entries(&self) -> &[IndirectExportEntry] {
        &self.0.record.indirect_export_entries
    }

    pub(crate) fn own_export(&self, name: &str) -> Option<OwnExport> {
        self.0.own_export(name)
    }

    pub(crate) fn star_export_entries(&self) -> &[StarExportEntry] {
        &self.0.record.star_export_entries
    }
}

impl From<&Rc<Module>> for Linked {
    fn from(module: &Rc<Module>) -> Self {
        Self(module.clone())
    }
}

/// Why a module of the build cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The system does not let the file be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The file is not UTF-8.
    #[error("`{path}` is not UTF-8 at byte {valid_up_to}")]
    NotUtf8 { path: ModulePath, valid_up_to: usize },
    /// The file is not a valid module; `module` is what could be read of it.
    #[error("`{}` is not a valid module: {}", .module.path, .error.message)]
    Syntax { module: Box<Module>, error: SyntaxError },
}

/// The links of a module, each with its place in the text.
type Edges = Rc<[(Target, Span)]>;

/// Reads modules once and keeps them.
pub(crate) struct Graph<'a> {
    sources: &'a dyn Sources,
    /// What is read, where the sources do not keep it.
    readings: Readings,
    packages: Packages<'a>,
    modules: RefCell<BTreeMap<ModulePath, Option<Rc<Module>>>>,
    /// Those that were read in outline.
    linked: RefCell<BTreeMap<ModulePath, Linked>>,
    /// The paths of files when links are followed, which asking the system for takes long.
    canonical: RefCell<BTreeMap<ModulePath, ModulePath>>,
    /// What modules are linked to. Their closures overlap, and resolving takes long.
    edges: RefCell<BTreeMap<ModulePath, Edges>>,
    /// The texts of modules that are `data:` URLs, by the paths that stand for them.
    data: RefCell<BTreeMap<ModulePath, String>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(sources: &'a dyn Sources) -> Self {
        Self {
            sources,
            readings: Readings::default(),
            packages: Packages::new(sources),
            modules: RefCell::default(),
            linked: RefCell::default(),
            canonical: RefCell::default(),
            edges: RefCell::default(),
            data: RefCell::default(),
        }
    }

    pub(crate) fn sources(&self) -> &'a dyn Sources {
        self.sources
    }

    /// What a specifier names, as Node resolves it from the module that imports it: a file of the build however it is
    /// written, a module of Node, or a package. Files and packages that are not there are not told from those that are.
    pub(crate) fn resolve(&self, importer: &ModulePath, specifier: &str) -> Target {
        if self.is_data(importer) && !specifier.contains(':') {
            // A `data:` URL is no base for a path, and there are no packages above it.
            return match resolve_below(None, importer, specifier) {
                Target::Builtin(name) => Target::Builtin(name),
                _ => Target::Elsewhere(specifier.to_owned()),
            };
        }
        match resolve_below(self.sources.root(), importer, specifier) {
            Target::File(file) => Target::File(self.canonical(file)),
            Target::Package(bare) if self.packages.is_of_own_package(importer, &bare) => {
                if let Some(mapped) = self.packages.mapped_to_package(importer, &bare) {
                    return resolve_below(None, importer, &mapped);
                }
                match self.packages.resolve(importer, &bare, Means::Import).into_iter().next() {
                    Some(Resolved::File(file)) => Target::File(file),
                    Some(Resolved::Bare(bare)) => resolve_below(None, importer, &bare),
                    Some(Resolved::Nothing) | None => Target::Elsewhere(specifier.to_owned()),
                }
            }
            Target::Elsewhere(url) => match data_module(&url) {
                Some((text, true)) => Target::File(self.keep_data(text)),
                Some((_, false)) => Target::Builtin(url),
                None => Target::Elsewhere(url),
            },
            target => target,
        }
    }

    fn canonical(&self, file: ModulePath) -> ModulePath {
        let mut known = self.canonical.borrow_mut();
        known.entry(file).or_insert_with_key(|file| self.sources.canonical(file)).clone()
    }

    /// The files of the build that a specifier stands for: none where the build lacks it, two where newer versions of
    /// Node take another file of a package.
    pub(crate) fn files_of(&self, importer: &ModulePath, specifier: &str, means: Means) -> Vec<ModulePath> {
        let is_path = specifier.starts_with(['.', '/']);
        if means == Means::Require && is_path {
            let file = self.packages.required_path(importer, specifier, self.sources.root());
            return file.into_iter().collect();
        }
        match resolve_below(self.sources.root(), importer, specifier) {
            Target::File(_) if means == Means::Require => Vec::new(),
            Target::File(file) => {
                Some(self.canonical(file)).filter(|file| self.sources.is_file(file)).into_iter().collect()
            }
            Target::Package(bare) => {
                let resolved = self.packages.resolve(importer, &bare, means).into_iter();
                resolved.filter_map(|one| if let Resolved::File(file) = one { Some(file) } else { None }).collect()
            }
            Target::Builtin(_) | Target::Elsewhere(_) => Vec::new(),
        }
    }

    /// The packages of the build.
    pub(crate) fn packages(&self) -> &Packages<'a> {
        &self.packages
    }

    /// Whether a module is the text of a `data:` URL.
    pub(crate) fn is_data(&self, path: &ModulePath) -> bool {
        self.data.borrow().contains_key(path)
    }

    fn keep_data(&self, text: String) -> ModulePath {
        let path = ModulePath::new(format!("data:{}.mjs", Digest::of(text.as_bytes()))).expect("one segment");
        self.data.borrow_mut().insert(path.clone(), text);
        path
    }

    /// The static edges of a module in source order: what has to be linked before this module runs.
    pub(crate) fn static_edges(&self, module: &Module) -> Vec<(Target, Span)> {
        self.linking_edges(&module.path, &module.record.requested_modules)
    }

    /// The same for one that is read in outline.
    pub(crate) fn edges_of(&self, module: &Linked) -> Vec<(Target, Span)> {
        self.linking_edges(module.path(), module.requested_modules())
    }

    /// `import source` links nothing.
    fn linking_edges(&self, importer: &ModulePath, requests: &[ModuleRequest]) -> Vec<(Target, Span)> {
        let linking = requests.iter().filter(|request| request.phase != Phase::Source);
        linking.map(|request| (self.resolve(importer, &request.specifier.value), request.statement)).collect()
    }

    /// The dynamic imports of a module whose specifier is known.
    pub(crate) fn dynamic_edges(&self, module: &Module) -> Vec<(Target, Span)> {
        let imports = module.record.dynamic_imports.iter();
        let known = imports.filter_map(|import| Some((import.specifier.as_ref()?, import.span)));
        known.map(|(specifier, span)| (self.resolve(&module.path, &specifier.value), span)).collect()
    }

    /// What a CommonJS file of the build requires, at once or later.
    fn required_edges(&self, path: &ModulePath) -> Result<Vec<(Target, Span)>, LoadError> {
        if !is_script(path.as_str()) {
            return Ok(Vec::new());
        }
        let bytes = self.sources.read(path)?;
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default());
        let requests = run_time_requests(&text, FileGoal::CommonJs).into_iter();
        let requires = requests.filter(|request| request.means == RequestMeans::Require);
        let edges = requires.filter_map(|request| {
            let specifier = &request.specifier.value;
            let target = match self.files_of(path, specifier, Means::Require).into_iter().next() {
                Some(file) if !file.as_str().split('/').any(|segment| segment == "node_modules") => Target::File(file),
                _ => resolve_below(self.sources.root(), path, specifier),
            };
            // A file that is not there may be required in a `try`.
            let is_there = !matches!(&target, Target::File(file) if !self.sources.is_file(file));
            is_there.then_some((target, request.specifier.span))
        });
        Ok(edges.collect())
    }

    /// Whether there is such a module, or a file of that path.
    pub(crate) fn is_file(&self, path: &ModulePath) -> bool {
        self.is_data(path) || self.sources.is_file(path)
    }

    /// An ES module of the build. `None` when there is no such file, and for files that are no ES modules: CommonJS,
    /// JSON, WebAssembly and native add-ons import nothing statically.
    pub(crate) fn load(&self, path: &ModulePath) -> Result<Option<Rc<Module>>, LoadError> {
        if let Some(known) = self.modules.borrow().get(path) {
            return Ok(known.clone());
        }
        let module = self.read(path)?.map(Rc::new);
        self.modules.borrow_mut().insert(path.clone(), module.clone());
        Ok(module)
    }

    /// Like [`Graph::load`], for what is asked of modules that are linked. Where a module has errors all of it is read.
    pub(crate) fn linked(&self, path: &ModulePath) -> Result<Option<Linked>, LoadError> {
        if let Some(known) = self.linked.borrow().get(path) {
            return Ok(Some(known.clone()));
        }
        // Syntax that is in functions may tell what a file without a `type` is.
        if self.modules.borrow().contains_key(path) || self.kind(path) != Some(PackageType::Module) {
            return Ok(self.load(path)?.as_ref().map(Linked::from));
        }
        let Some(text) = self.text(path)? else { return Ok(None) };
        let read = self.readings().outline(&text);
        let (outline, errors) = &*read;
        if !errors.is_empty() {
            return Ok(self.load(path)?.as_ref().map(Linked::from));
        }
        let bundle = bundle_header(text.as_bytes());
        let read = ReadModule { record: outline.links.clone().into(), ..ReadModule::default() };
        let module = Module::new(path.clone(), text, read, bundle);
        let linked = Linked(Rc::new(module));
        self.linked.borrow_mut().insert(path.clone(), linked.clone());
        Ok(Some(linked))
    }

    /// What is read of the texts of modules.
    pub(crate) fn readings(&self) -> &Readings {
        self.sources.readings().unwrap_or(&self.readings)
    }

    /// A module as a whole, where what is known of all modules makes it worth reading.
    pub(crate) fn load_where(
        &self,
        path: &ModulePath,
        is_wanted: impl FnOnce(&Linked) -> bool,
    ) -> Result<Option<Rc<Module>>, LoadError> {
        if self.linked(path)?.is_some_and(|linked| is_wanted(&linked)) { self.load(path) } else { Ok(None) }
    }

    /// How Node reads a file; `None` where its syntax decides.
    fn kind(&self, path: &ModulePath) -> Option<PackageType> {
        if path.as_str().ends_with(".js") { self.packages.kind(path) } else { Some(PackageType::Module) }
    }

    /// The text of a file that may be an ES module.
    fn text(&self, path: &ModulePath) -> Result<Option<String>, LoadError> {
        let name = path.as_str();
        if !(name.ends_with(".mjs") || name.ends_with(".js")) {
            return Ok(None);
        }
        if let Some(text) = self.data.borrow().get(path) {
            return Ok(Some(text.clone()));
        }
        let Some(bytes) = self.sources.read(path)? else { return Ok(None) };
        String::from_utf8(bytes.into_owned()).map(Some).map_err(|error| {
            let valid_up_to = error.utf8_error().valid_up_to();
            LoadError::NotUtf8 { path: path.clone(), valid_up_to }
        })
    }

    fn read(&self, path: &ModulePath) -> Result<Option<Module>, LoadError> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        let kind = self.kind(path);
        if kind == Some(PackageType::CommonJs) {
            return Ok(None);
        }
        let bundle = bundle_header(text.as_bytes());
        let read = self.readings().module(&text);
        let errors = read.errors.clone();
        let module = Module::new(path.clone(), text, read, bundle);
        match errors.first() {
            // Node reads a `.js` file without a `type` as CommonJS, and as an ES module when only that has its syntax.
            _ if kind.is_none() && (!errors.is_empty() || !has_module_syntax(&module.record)) => Ok(None),
            Some(error) => Err(LoadError::Syntax { error: error.clone(), module: Box::new(module) }),
            None => Ok(Some(module)),
        }
    }

    /// A CommonJS file of the build: its text, and nothing that it imports statically. `None` for others, and for those
    /// that cannot be read.
    pub(crate) fn script(&self, path: &ModulePath) -> Option<Rc<Module>> {
        let name = path.as_str();
        if !(name.ends_with(".cjs") || name.ends_with(".js")) || self.load(path).ok()?.is_some() {
            return None;
        }
        let text = String::from_utf8(self.sources.read(path).ok()??.into_owned()).ok()?;
        Some(Rc::new(Module::new(path.clone(), text, ReadModule::default(), None)))
    }

    /// The static closure of a module, breadth first, with the edge by which each module was reached first: following
    /// those edges back gives the shortest import chain.
    pub(crate) fn closure(&self, start: &ModulePath) -> Result<Closure, LoadError> {
        self.closure_by(start, |path| {
            let known = self.edges.borrow().get(path).cloned();
            known.map_or_else(|| self.edges_at(path, self.linked(path)?.as_ref()), Ok)
        })
    }

    /// The same, where each module of it is read as a whole later on.
    pub(crate) fn closure_in_full(&self, start: &ModulePath) -> Result<Closure, LoadError> {
        self.closure_by(start, |path| self.edges_at(path, self.load(path)?.as_ref().map(Linked::from).as_ref()))
    }

    fn edges_at(&self, path: &ModulePath, module: Option<&Linked>) -> Result<Edges, LoadError> {
        let edges = match module {
            Some(module) => self.edges_of(module),
            None => self.required_edges(path)?,
        };
        let edges = Edges::from(edges);
        self.edges.borrow_mut().insert(path.clone(), edges.clone());
        Ok(edges)
    }

    fn closure_by(
        &self,
        start: &ModulePath,
        edges: impl Fn(&ModulePath) -> Result<Edges, LoadError>,
    ) -> Result<Closure, LoadError> {
        let mut closure =
            Closure { start: start.clone(), reached: BTreeMap::new(), packages: Vec::new(), elsewhere: Vec::new() };
        closure.reached.insert(start.clone(), None);
        let mut queue = VecDeque::from([start.clone()]);
        while let Some(path) = queue.pop_front() {
            for (target, span) in edges(&path)?.iter().cloned() {
                let edge = || Edge { from: path.clone(), span };
                match target {
                    Target::File(file) => {
                        if !closure.reached.contains_key(&file) {
                            closure.reached.insert(file.clone(), Some(edge()));
                            queue.push_back(file);
                        }
                    }
                    Target::Package(specifier) => closure.packages.push(PackageEdge { specifier, edge: edge() }),
                    Target::Elsewhere(specifier) => {
                        closure.elsewhere.push(PackageEdge { specifier, edge: edge() });
                    }
                    Target::Builtin(_) => {}
                }
            }
        }
        Ok(closure)
    }
}

/// The files of a build that a specifier stands for, as Node resolves it from a module: none where it is no file of the
/// build, and two where newer versions of Node take another file of a package than older ones.
///
/// ```
/// # use presentry_rewriter::{Means, MemorySources, ModulePath, files_of};
/// let path = |text: &str| ModulePath::new(text).unwrap();
/// let build = MemorySources::new([
///     (path("index.mjs"), Vec::new()),
///     (path("node_modules/a/package.json"), br#"{ "exports": { "import": "./a.mjs" } }"#.to_vec()),
///     (path("node_modules/a/a.mjs"), Vec::new()),
/// ]);
/// assert_eq!(files_of(&build, &path("index.mjs"), "a", Means::Import), [path("node_modules/a/a.mjs")]);
/// assert_eq!(files_of(&build, &path("index.mjs"), "a", Means::Require), []);
/// ```
#[must_use]
pub fn files_of(sources: &dyn Sources, importer: &ModulePath, specifier: &str, means: Means) -> Vec<ModulePath> {
    Graph::new(sources).files_of(importer, specifier, means)
}

/// Whether a module has what CommonJS cannot have.
fn has_module_syntax(record: &ModuleRecord) -> bool {
    !record.requested_modules.is_empty()
        || !record.local_export_entries.is_empty()
        || !record.import_metas.is_empty()
        || !record.top_level_awaits.is_empty()
}

/// The statement by which one module asks for another.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) from: ModulePath,
    pub(crate) span: Span,
}

/// A request of something that is no file of the build.
#[derive(Clone, Debug)]
pub(crate) struct PackageEdge {
    pub(crate) specifier: String,
    pub(crate) edge: Edge,
}

/// The static closure of a module.
#[derive(Debug)]
pub(crate) struct Closure {
    start: ModulePath,
    reached: BTreeMap<ModulePath, Option<Edge>>,
    /// The requests of packages, in the order they were found.
    pub(crate) packages: Vec<PackageEdge>,
    /// The requests of what is no part of the build.
    pub(crate) elsewhere: Vec<PackageEdge>,
}

impl Closure {
    /// The module that it is the closure of.
    pub(crate) fn start(&self) -> &ModulePath {
        &self.start
    }

    pub(crate) fn contains(&self, path: &ModulePath) -> bool {
        self.reached.contains_key(path)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.reached.keys()
    }

    /// The modules that can be reached from `start` in this closure, `start` included, when every module of it was
    /// loaded by `graph`.
    pub(crate) fn within(&self, graph: &Graph<'_>, start: &ModulePath) -> Result<BTreeSet<ModulePath>, LoadError> {
        Ok(graph.closure(start)?.reached.into_keys().collect())
    }

    /// The shortest chain of edges from the start to a module of the closure.
    pub(crate) fn chain(&self, to: &ModulePath) -> Vec<Edge> {
        let mut chain = Vec::new();
        let mut at = to;
        while let Some(Some(edge)) = self.reached.get(at) {
            chain.push(edge.clone());
            at = &edge.from;
            if *at == self.start {
                break;
            }
        }
        chain.reverse();
        chain
    }
}

/// Which specifier a module has the exports of, when it belongs to a bundle that is as it was written.
///
/// # Errors
/// When a module that it imports cannot be read.
pub(crate) fn stands_for(graph: &Graph<'_>, module: &Linked) -> Result<Option<String>, LoadError> {
    let Some(specifier) = module.bundle().filter(|header| header.intact).and_then(|header| header.stands_for.clone())
    else {
        return Ok(None);
    };
    for (target, _) in graph.edges_of(module) {
        let Target::File(file) = target else { continue };
        let part = graph.linked(&file)?;
        if !part.is_some_and(|part| part.bundle().is_some_and(|header| header.intact)) {
            return Ok(None);
        }
    }
    Ok(Some(specifier))
}
