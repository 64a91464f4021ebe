//! `--mode top-level-import`: the instrumentation becomes the first static import of the entry, and nothing moves.

use std::rc::Rc;

use crate::{
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    exports::export_names,
    graph::{Graph, Linked, Module},
    order::{self, Reach},
    overlay::Overlay,
    plan::{ChangeKind, FileChange, Outcome, Plan, Request, changed},
    sdk_wrapper::{Wrapper, wrapper_instrumentation},
    sources::Sources as _,
    specifier::{Target, literal},
};
use presentry_parser::Span;

/// Makes the instrumentation the first import of the entry. An entry that the SDK has wrapped becomes one that exports
/// the runtime's own values first.
///
/// # Errors
/// When the instrumentation is missing, or does not start Sentry.
pub(crate) fn rewrite(
    graph: &Graph<'_>,
    request: &Request,
    entry: &Rc<Module>,
    wrapper: Option<&Wrapper>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Plan, Box<Diagnostic>> {
    if wrapper.is_none() && graph.load(&request.instrumentation)?.is_none() {
        return Err(Box::new(codes::instrumentation_missing(&request.instrumentation)));
    }
    warnings.push(codes::limited_tracing(&request.entry));
    let mut changes = Vec::new();
    let text = match wrapper {
        Some(wrapper) => {
            changes = wrapper_instrumentation(graph, request, wrapper)?;
            wrapper.entry(graph, entry, &request.entry)?
        }
        None => entry.text.clone(),
    };
    if wrapper.is_some() || !imports_first(graph, entry, request) {
        let at = if wrapper.is_some() { 0 } else { start_of_code(entry) };
        let import = format!("import {};", literal(&request.entry, &request.instrumentation));
        // On the line of what follows, so that every line keeps its number in the source map.
        let edit = TextEdit { span: Span { start: at, end: at }, replacement: import };
        changes.push(FileChange {
            path: request.entry.clone(),
            kind: ChangeKind::TopLevelImport,
            before: Some(entry.text.clone().into_bytes()),
            after: Some(apply(&text, vec![edit]).into_bytes()),
            mode_from: None,
        });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let overlay = changed(graph.sources(), &changes);
    let exports = judge(&overlay, request)?;
    let outcome = if changes.is_empty() { Outcome::AlreadyFirst } else { Outcome::Rewritten };
    Ok(Plan { outcome, changes, exports, proof: None, diagnostics: Vec::new() })
}

/// Reads the result again: the entry has to import the instrumentation first, and that has to start Sentry.
fn judge(overlay: &Overlay<'_>, request: &Request) -> Result<Vec<String>, Box<Diagnostic>> {
    let graph = Graph::new(overlay);
    let Some(entry) = graph.load(&request.entry)? else {
        return Err(Box::new(codes::entry_not_found(&request.entry)));
    };
    let closure = graph.closure(&request.instrumentation)?;
    let starts = order::run(&graph, &request.instrumentation, None)?.reach.has(Reach::STARTED);
    if !imports_first(&graph, &entry, request) || !starts {
        return Err(Box::new(codes::sentry_not_started(&request.entry, &request.stage())));
    }
    if let Some(missing) = closure.paths().find(|path| !overlay.exists(path)) {
        return Err(Box::new(codes::missing_module(&graph, missing, &closure.chain(missing))));
    }
    export_names(&graph, &Linked::from(&entry))
}

fn imports_first(graph: &Graph<'_>, entry: &Module, request: &Request) -> bool {
    let first = entry.record.requested_modules.first();
    first.is_some_and(|first| {
        graph.resolve(&entry.path, &first.specifier.value) == Target::File(request.instrumentation.clone())
    })
}

/// Where an import can be put before everything else: after a byte order mark and the line of a hashbang.
fn start_of_code(entry: &Module) -> usize {
    let mark = if entry.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let Some(hashbang) = entry.record.hashbang else { return mark };
    let rest = &entry.text[hashbang.end..];
    let line_end = rest.len() - rest.trim_start_matches(['\r', '\n', '\u{2028}', '\u{2029}']).len();
    hashbang.end + line_end
}
