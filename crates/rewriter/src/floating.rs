//! Imports at run time that a module makes and does not wait for.

use presentry_parser::{Evaluation, Expression, ExpressionKind, FunctionId, Name, Pattern, SlotId, Span, Step};

use crate::{
    graph::{Graph, Module},
    sources::ModulePath,
    specifier::Target,
};

/// How many functions may call each other.
const DEEPEST: usize = 8;

/// The modules of the build that a module always loads by a statement that waits for nothing and handles no error:
/// `import("./a.mjs")`, perhaps with `.then(…)` behind it, in the module itself or in a function that it surely calls.
/// Each comes with its call.
pub(crate) fn floating_imports(graph: &Graph<'_>, module: &Module) -> Vec<(ModulePath, Span)> {
    let imports = &module.record.dynamic_imports;
    if !imports.iter().any(|import| !import.top_level || !import.awaited) {
        return Vec::new();
    }
    let Some(evaluation) = graph.readings().evaluation(&module.text) else { return Vec::new() };
    let mut search = Search { text: &module.text, evaluation: &evaluation, calls: Vec::new(), depth: 0 };
    for step in &evaluation.body {
        if let Step::Evaluate(expression) = step {
            search.left_alone(expression);
        }
    }
    let named = search.calls.into_iter().filter_map(|span| {
        let import = imports.iter().find(|import| import.span == span)?;
        match graph.resolve(&module.path, &import.specifier.as_ref()?.value) {
            Target::File(file) => Some((file, span)),
            _ => None,
        }
    });
    named.collect()
}

/// What a chain of members and calls begins with: `(await import("./a.mjs")).start()`.
fn awaited(expression: &Expression) -> &Expression {
    match &expression.kind {
        ExpressionKind::Member { object, .. } => awaited(object),
        ExpressionKind::Call { callee, .. } => awaited(callee),
        _ => expression,
    }
}

/// Gathers each `import()` whose promise is left alone.
struct Search<'e> {
    text: &'e str,
    evaluation: &'e Evaluation,
    calls: Vec<Span>,
    depth: usize,
}

impl Search<'_> {
    /// An expression whose promise is left alone.
    fn left_alone(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Import(_) => self.calls.push(expression.at),
            // `void` is one, too.
            ExpressionKind::Sequence(parts) => parts.iter().for_each(|part| self.left_alone(part)),
            ExpressionKind::Call { callee, arguments, .. } => {
                // A second argument handles the error.
                if let ExpressionKind::Member { object, name: Name::Known(name), .. } = &callee.kind
                    && name == "then"
                    && matches!(arguments.as_slice(), [only] if !only.is_spread)
                {
                    self.left_alone(object);
                } else if let Some(function) = self.function(callee) {
                    self.called(function);
                }
            }
            _ => {}
        }
    }

    /// A function that is called, and whose promise is left alone. What it waits for, or gives back, is left alone as well.
    fn called(&mut self, function: FunctionId) {
        let evaluation = self.evaluation;
        let function = &evaluation.functions[function];
        if self.depth == DEEPEST || function.is_generator {
            return;
        }
        self.depth += 1;
        for step in &function.body {
            let (value, is_alone) = match step {
                Step::Evaluate(value) | Step::Return { value: Some(value), .. } => (value, true),
                Step::Bind { value, .. } => (value, false),
                // What comes behind other statements may never be reached.
                _ => break,
            };
            match &awaited(value).kind {
                ExpressionKind::Await(operand) if function.is_async => self.left_alone(operand),
                _ if is_alone => self.left_alone(value),
                _ => {}
            }
            // What comes behind an `await` waits for it.
            let waits = !matches!(value.kind, ExpressionKind::Function(_)) && value.at.of(self.text).contains("await");
            if waits || matches!(step, Step::Return { .. }) {
                break;
            }
        }
        self.depth -= 1;
    }

    /// The function that a callee is: one that stands there, or one that is bound once by a declaration.
    fn function(&self, callee: &Expression) -> Option<FunctionId> {
        match &callee.kind {
            ExpressionKind::Function(function) => Some(*function),
            ExpressionKind::Slot(slot) if !self.evaluation.slots[*slot].reassigned => self.bound(*slot),
            _ => None,
        }
    }

    fn bound(&self, slot: SlotId) -> Option<FunctionId> {
        self.evaluation.body.iter().find_map(|step| match step {
            Step::Bind { target: Pattern::Slot(bound), value } if *bound == slot => match value.kind {
                ExpressionKind::Function(function) => Some(function),
                _ => None,
            },
            _ => None,
        })
    }
}
