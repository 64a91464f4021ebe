//! The modules of a build and the edges between them, read on demand from `Sources`. No decisions about a rewrite.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use presentry_parser::{Binding, Call, ModuleAnalysis, ModuleRecord, Phase, Span};

use crate::{
    bundle_header::{BundleHeader, bundle_header},
    diagnostics::{Diagnostic, Label, codes},
    sources::{ModulePath, Sources},
    specifier::{Target, resolve},
};

/// A module of the build with its record.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: ModulePath,
    pub(crate) text: String,
    pub(crate) record: ModuleRecord,
    /// The module's own top-level bindings.
    pub(crate) bindings: Vec<Binding>,
    /// The calls of bindings and imports.
    pub(crate) calls: Vec<Call>,
    /// What its first line says when it is a module of a bundle of the SDK.
    pub(crate) bundle: Option<BundleHeader>,
}

impl Module {
    /// Whether the file may be CommonJS: a `.js` file in which nothing stands that only an ES module can have.
    pub(crate) fn may_be_commonjs(&self) -> bool {
        let record = &self.record;
        self.path.as_str().ends_with(".js")
            && record.requested_modules.is_empty()
            && record.local_export_entries.is_empty()
            && record.import_metas.is_empty()
            && record.top_level_awaits.is_empty()
    }

    /// A place in this module.
    pub(crate) fn label(&self, span: Span, message: impl Into<String>) -> Label {
        Label::new(&self.path, &self.text, span, message)
    }

    /// The static edges in source order: what has to be linked before this module runs. `import source` links nothing.
    pub(crate) fn static_edges(&self) -> impl Iterator<Item = (Target, Span)> + '_ {
        self.record
            .requested_modules
            .iter()
            .filter(|request| request.phase != Phase::Source)
            .map(|request| (resolve(&self.path, &request.specifier.value), request.statement))
    }

    /// The dynamic imports whose specifier is known.
    pub(crate) fn dynamic_edges(&self) -> impl Iterator<Item = (Target, Span)> + '_ {
        self.record.dynamic_imports.iter().filter_map(|import| {
            let specifier = import.specifier.as_ref()?;
            Some((resolve(&self.path, &specifier.value), import.span))
        })
    }
}

/// Reads modules once and keeps them.
pub(crate) struct Graph<'a> {
    sources: &'a dyn Sources,
    modules: RefCell<BTreeMap<ModulePath, Option<Rc<Module>>>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(sources: &'a dyn Sources) -> Self {
        Self { sources, modules: RefCell::default() }
    }

    pub(crate) fn sources(&self) -> &'a dyn Sources {
        self.sources
    }

    /// An ES module of the build. `None` when there is no such file, and for files that are no ES modules: CommonJS,
    /// JSON, WebAssembly and native add-ons import nothing statically.
    pub(crate) fn load(&self, path: &ModulePath) -> Result<Option<Rc<Module>>, Box<Diagnostic>> {
        if let Some(known) = self.modules.borrow().get(path) {
            return Ok(known.clone());
        }
        let module = self.read(path)?.map(Rc::new);
        self.modules.borrow_mut().insert(path.clone(), module.clone());
        Ok(module)
    }

    fn read(&self, path: &ModulePath) -> Result<Option<Module>, Box<Diagnostic>> {
        let name = path.as_str();
        if !(name.ends_with(".mjs") || name.ends_with(".js")) {
            return Ok(None);
        }
        let Some(bytes) = self.sources.read(path).map_err(|error| Box::new(codes::unreadable(&error)))? else {
            return Ok(None);
        };
        let text = match String::from_utf8(bytes.into_owned()) {
            Ok(text) => text,
            Err(error) => return Err(Box::new(codes::not_utf8(path, error.utf8_error().valid_up_to()))),
        };
        let bundle = bundle_header(text.as_bytes());
        // One reading gives everything; the bindings cost little beside the syntax tree. Nobody asks for those of a bundle.
        let (ModuleAnalysis { record, bindings, calls }, errors) = match bundle {
            Some(_) => {
                let (record, errors) = presentry_parser::parse(&text);
                (ModuleAnalysis { record, bindings: Vec::new(), calls: Vec::new() }, errors)
            }
            None => presentry_parser::analyze(&text),
        };
        let module = Module { path: path.clone(), text, record, bindings, calls, bundle };
        match errors.first() {
            // A `.js` file that is no ES module is CommonJS, whatever `package.json` says.
            Some(_) if name.ends_with(".js") => Ok(None),
            Some(error) => Err(Box::new(codes::syntax_error(&module, error))),
            None => Ok(Some(module)),
        }
    }

    /// The static closure of a module, breadth first, with the edge by which each module was reached first: following
    /// those edges back gives the shortest import chain.
    pub(crate) fn closure(&self, start: &ModulePath) -> Result<Closure, Box<Diagnostic>> {
        let mut closure = Closure { start: start.clone(), reached: BTreeMap::new(), packages: Vec::new() };
        closure.reached.insert(start.clone(), None);
        let mut queue = VecDeque::from([start.clone()]);
        while let Some(path) = queue.pop_front() {
            let Some(module) = self.load(&path)? else { continue };
            for (target, span) in module.static_edges() {
                let edge = Edge { from: path.clone(), span };
                match target {
                    Target::File(file) => {
                        if !closure.reached.contains_key(&file) {
                            closure.reached.insert(file.clone(), Some(edge));
                            queue.push_back(file);
                        }
                    }
                    Target::Package(specifier) | Target::Elsewhere(specifier) => {
                        closure.packages.push(PackageEdge { specifier, edge });
                    }
                    Target::Builtin(_) => {}
                }
            }
        }
        Ok(closure)
    }
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
}

impl Closure {
    pub(crate) fn contains(&self, path: &ModulePath) -> bool {
        self.reached.contains_key(path)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.reached.keys()
    }

    /// The modules that can be reached from `start` in this closure, `start` included, when every module of it was
    /// loaded by `graph`.
    pub(crate) fn within(
        &self,
        graph: &Graph<'_>,
        start: &ModulePath,
    ) -> Result<BTreeSet<ModulePath>, Box<Diagnostic>> {
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
pub(crate) fn stands_for(graph: &Graph<'_>, module: &Module) -> Result<Option<String>, Box<Diagnostic>> {
    let Some(specifier) =
        module.bundle.as_ref().filter(|header| header.intact).and_then(|header| header.stands_for.clone())
    else {
        return Ok(None);
    };
    for (target, _) in module.static_edges() {
        let Target::File(file) = target else { continue };
        let part = graph.load(&file)?;
        if !part.is_some_and(|part| part.bundle.as_ref().is_some_and(|header| header.intact)) {
            return Ok(None);
        }
    }
    Ok(Some(specifier))
}
