//! Imports at run time that a module makes and does not wait for.

use presentry_parser::{Expression, ExpressionKind, Name, Span, Step, evaluation};

use crate::{
    graph::{Graph, Module},
    sources::ModulePath,
    specifier::Target,
};

/// The modules of the build that a module always loads by a statement that waits for nothing and handles no error:
/// `import("./a.mjs")`, perhaps with `.then(…)` behind it. Each comes with its call.
pub(crate) fn floating_imports(graph: &Graph<'_>, module: &Module) -> Vec<(ModulePath, Span)> {
    let floats = |import: &presentry_parser::DynamicImport| import.top_level && !import.awaited;
    if !module.record.dynamic_imports.iter().any(floats) {
        return Vec::new();
    }
    let steps = evaluation(&module.text).map(|evaluation| evaluation.body).unwrap_or_default();
    let mut calls = Vec::new();
    for step in &steps {
        if let Step::Evaluate(expression) = step {
            floating(expression, &mut calls);
        }
    }
    let named = calls.into_iter().filter_map(|span| {
        let import = module.record.dynamic_imports.iter().find(|import| import.span == span && floats(import))?;
        match graph.resolve(&module.path, &import.specifier.as_ref()?.value) {
            Target::File(file) => Some((file, span)),
            _ => None,
        }
    });
    named.collect()
}

/// Gathers each `import()` whose promise a statement leaves alone.
fn floating(expression: &Expression, calls: &mut Vec<Span>) {
    match &expression.kind {
        ExpressionKind::Import(_) => calls.push(expression.at),
        // `void` is one, too.
        ExpressionKind::Sequence(parts) => parts.iter().for_each(|part| floating(part, calls)),
        ExpressionKind::Call { callee, arguments, .. } => {
            // A second argument handles the error.
            if let ExpressionKind::Member { object, name: Name::Known(name), .. } = &callee.kind
                && name == "then"
                && matches!(arguments.as_slice(), [only] if !only.is_spread)
            {
                floating(object, calls);
            }
        }
        _ => {}
    }
}
