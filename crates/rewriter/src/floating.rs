//! Imports at run time that a module makes and does not wait for.

use presentry_parser::Span;

use crate::{
    graph::{Graph, Module},
    sources::ModulePath,
    specifier::Target,
};

/// The modules of the build that a module always loads by a statement that is an `import()` and nothing else, each with
/// its call.
pub(crate) fn floating_imports(graph: &Graph<'_>, module: &Module) -> Vec<(ModulePath, Span)> {
    let mut found = Vec::new();
    for import in module.record.dynamic_imports.iter().filter(|import| import.top_level && !import.awaited) {
        let is_whole = |statement: &&Span| {
            let text = statement.of(&module.text).trim_end_matches([';', ' ', '\n', '\r', '\t']);
            let text = text.strip_prefix("void ").unwrap_or(text);
            text == import.span.of(&module.text)
                && statement.start <= import.span.start
                && import.span.end <= statement.end
        };
        let Some(specifier) = &import.specifier else { continue };
        if module.record.statements.iter().any(|statement| is_whole(&statement))
            && let Target::File(file) = graph.resolve(&module.path, &specifier.value)
        {
            found.push((file, import.span));
        }
    }
    found
}
