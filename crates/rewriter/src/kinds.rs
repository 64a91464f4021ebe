//! What kind of value each export is, as far as the text of the modules tells. Nothing is run.

use std::collections::BTreeSet;

use presentry_parser::{Binding, FunctionShape, ImportName, Span, Value};

use crate::{
    diagnostics::{Diagnostic, codes},
    exports::{Resolution, exported_names, resolve_export},
    graph::{Graph, Module},
    sources::{ModulePath, Sources},
    specifier::Target,
};

/// The kind of an exported value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportKind {
    /// A function; async or generator as its shape says.
    Function(FunctionShape),
    /// A class.
    Class,
    /// An object or array literal, or a namespace object.
    Object,
    /// A primitive: the word `typeof` gives for it, `null` for null.
    Primitive(&'static str),
    /// What a call or `new` gives: any kind, and it may carry properties.
    CallResult,
    /// Not known: destructured, computed, assigned in several ways, or from a package.
    Unknown,
}

impl ExportKind {
    /// A few words for reports, for example `async function`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            ExportKind::Function(shape) => match (shape.is_async, shape.is_generator) {
                (false, false) => "function",
                (true, false) => "async function",
                (false, true) => "generator function",
                (true, true) => "async generator function",
            },
            ExportKind::Class => "class",
            ExportKind::Object => "object",
            ExportKind::Primitive(name) => name,
            ExportKind::CallResult => "call result",
            ExportKind::Unknown => "unknown",
        }
    }
}

/// An export with what is known of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name importers use.
    pub name: String,
    /// The kind of the value.
    pub kind: ExportKind,
}

/// What a module exports, with the kind of each value, on any build.
///
/// # Errors
/// When the module or one that it re-exports from is missing or cannot be read, or when an `export *` names something
/// whose exports cannot be known from here.
///
/// ```
/// # use presentry_rewriter::{ExportKind, MemorySources, ModulePath, exports};
/// let entry = ModulePath::new("index.mjs").unwrap();
/// let build = MemorySources::new([(entry.clone(), b"export const a = onRequest(() => {}), b = {};".to_vec())]);
/// let exports = exports(&build, &entry).unwrap();
/// assert_eq!(exports[0].kind, ExportKind::CallResult);
/// assert_eq!(exports[1].kind, ExportKind::Object);
/// ```
pub fn exports(sources: &dyn Sources, entry: &ModulePath) -> Result<Vec<Export>, Box<Diagnostic>> {
    let graph = Graph::new(sources);
    let Some(module) = graph.linked(entry)? else { return Err(Box::new(codes::entry_not_found(entry))) };
    let names = exported_names(&graph, &module)?;
    names.into_iter().map(|(name, resolution)| Ok(Export { name, kind: origin(&graph, &resolution)?.kind })).collect()
}

/// A value followed to where it is made.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) kind: ExportKind,
    /// The declaration, and the module it stands in, when it is in the build.
    pub(crate) declared: Option<(std::rc::Rc<Module>, Span)>,
    /// The first place at which a binding on the way is assigned again, or gets a property.
    pub(crate) disturbed: Option<(std::rc::Rc<Module>, Span)>,
}

impl Origin {
    fn of(kind: ExportKind) -> Self {
        Self { kind, declared: None, disturbed: None }
    }
}

/// Follows an export to its value.
pub(crate) fn origin(graph: &Graph<'_>, resolution: &Resolution) -> Result<Origin, Box<Diagnostic>> {
    follow(graph, resolution, &mut BTreeSet::new())
}

/// How many names are followed that stand for one another.
const DEEPEST: usize = 200;

type Visited = BTreeSet<(ModulePath, String)>;

fn follow(graph: &Graph<'_>, resolution: &Resolution, visited: &mut Visited) -> Result<Origin, Box<Diagnostic>> {
    match resolution {
        Resolution::Binding { module, local_name, .. } => {
            binding_origin(graph, module, local_name.as_deref().unwrap_or("*default*"), visited)
        }
        Resolution::Namespace { .. } => Ok(Origin::of(ExportKind::Object)),
        Resolution::External { .. } | Resolution::NotFound | Resolution::Ambiguous => {
            Ok(Origin::of(ExportKind::Unknown))
        }
    }
}

fn binding_origin(
    graph: &Graph<'_>,
    path: &ModulePath,
    name: &str,
    visited: &mut Visited,
) -> Result<Origin, Box<Diagnostic>> {
    if visited.len() > DEEPEST || !visited.insert((path.clone(), name.to_owned())) {
        return Ok(Origin::of(ExportKind::Unknown));
    }
    let Some(module) = graph.load(path)? else { return Ok(Origin::of(ExportKind::Unknown)) };
    let Some(binding) = module.binding(name) else {
        return imported_origin(graph, &module, name, visited);
    };
    let mut origin = match sole_value(binding) {
        Some(Value::Reference(other)) => binding_origin(graph, path, other, visited)?,
        Some(value) => Origin::of(kind_of(value)),
        None if binding.uninitialised && binding.writes.is_empty() => Origin::of(ExportKind::Primitive("undefined")),
        None => Origin::of(ExportKind::Unknown),
    };
    if origin.declared.is_none() {
        origin.declared = Some((module.clone(), binding.span));
    }
    let disturbed = binding.writes.first().map(|write| write.span).or(binding.property_writes.first().copied());
    if let Some(span) = disturbed {
        origin.disturbed = Some((module, span));
    }
    Ok(origin)
}

/// A name that is imported from elsewhere.
fn imported_origin(
    graph: &Graph<'_>,
    module: &Module,
    name: &str,
    visited: &mut Visited,
) -> Result<Origin, Box<Diagnostic>> {
    let Some(import) = module.import(name) else {
        return Ok(Origin::of(ExportKind::Unknown));
    };
    let target = graph.resolve(&module.path, &module.record.requested_modules[import.request].specifier.value);
    match (&import.import_name, target) {
        (ImportName::Name(name), Target::File(file)) => {
            let resolution = resolve_export(graph, &file, &name.value)?;
            follow(graph, &resolution, visited)
        }
        (ImportName::Namespace, _) => Ok(Origin::of(ExportKind::Object)),
        _ => Ok(Origin::of(ExportKind::Unknown)),
    }
}

/// The one value a binding ever has, as far as its kind goes.
fn sole_value(binding: &Binding) -> Option<&Value> {
    let initial = (!binding.uninitialised).then_some(&binding.value);
    let mut values = initial.into_iter().chain(binding.writes.iter().map(|write| &write.value));
    let first = values.next()?;
    // A reference is of no kind here: what it refers to says nothing about the other values.
    values.all(|value| kind_of(value) == kind_of(first) && kind_of(value) != ExportKind::Unknown).then_some(first)
}

fn kind_of(value: &Value) -> ExportKind {
    match value {
        Value::Function(shape) => ExportKind::Function(*shape),
        Value::Class => ExportKind::Class,
        Value::Object | Value::Array => ExportKind::Object,
        Value::Primitive(name) => ExportKind::Primitive(name),
        Value::Call { .. } | Value::New => ExportKind::CallResult,
        Value::Reference(_) | Value::Unknown => ExportKind::Unknown,
    }
}
