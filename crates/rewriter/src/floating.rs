//! Imports at run time that a module makes and does not wait for.

use presentry_parser::Span;

use crate::{
    graph::{Graph, Module},
    sources::ModulePath,
    specifier::Target,
};

/// The modules of the build that a module always loads by a statement that waits for nothing and handles no error. Each comes
/// with its call.
pub(crate) fn floating_imports(graph: &Graph<'_>, module: &Module) -> Vec<(ModulePath, Span)> {
    let named = module.floating_imports.iter().filter_map(|span| {
        let import = module.record.dynamic_imports.iter().find(|import| import.span == *span)?;
        match graph.resolve(&module.path, &import.specifier.as_ref()?.value) {
            Target::File(file) => Some((file, *span)),
            _ => None,
        }
    });
    named.collect()
}
