//! From a request to a plan: what becomes of the entry, the facade, and the modules that import the entry back.

use std::{borrow::Cow, collections::BTreeSet, rc::Rc};

use presentry_parser::{ImportName, RequestForm, Span, StringLiteral};

use crate::{
    diagnostics::{Diagnostic, codes, init_in_runtime},
    digest::Digest,
    edits::{TextEdit, apply},
    entry_refs::{BackImporter, back_importers, moved_name, repoint},
    exports::{Resolution, export_names, resolve_export},
    facade::{EntryLoading, Facade, Forwarder, PASSAGE_EXPORT, facade_header, passage},
    floating::floating_imports,
    graph::{Graph, Linked, Module, OwnExport},
    guard,
    kinds::{ExportKind, origin},
    main_checks::{MainChecks, main_checks},
    overlay::Overlay,
    plan::{ChangeKind, ExportStyle, FileChange, Mode, Outcome, Plan, Request, changed, tell_guard},
    prefilter::{exports_constant, exports_empty_object},
    proof::{InitTrust, ModuleHooks, Verdict, prove_at, prove_with},
    runtime::inits_behind,
    sdk_wrapper::{self, Wrapper, wrapper_instrumentation},
    sources::{ModulePath, Sources},
    specifier::Target,
    top_level,
};

/// Decides what has to change so that the instrumentation is the only static import of the entry, and proves the
/// result on an overlay. Nothing is written, and a plan that cannot be proven has no changes.
///
/// ```
/// # use presentry_rewriter::{
/// #     EntryLoading, ExportStyle, InitTrust, InlinedInstrumentation, MemorySources, Mode, ModulePath, Outcome, Request,
/// #     plan,
/// # };
/// let path = |text: &str| ModulePath::new(text).unwrap();
/// let build = MemorySources::new([
///     (path("index.mjs"), b"import 'pg';\nexport { a as default } from './chunks/nitro.mjs';".to_vec()),
///     (path("instrument.server.mjs"), b"import * as s from '@sentry/solidstart'; s.init({});".to_vec()),
///     (path("chunks/nitro.mjs"), b"import 'pg'; export const a = {};".to_vec()),
/// ]);
/// let plan = plan(&build, &Request {
///     entry: path("index.mjs"),
///     instrumentation: path("instrument.server.mjs"),
///     loading: EntryLoading::Process,
///     exports: ExportStyle::Await,
///     mode: Mode::DynamicImport,
///     inlined: InlinedInstrumentation::TakeOut,
///     compile_cache: None,
///     guard: false,
///     trust: InitTrust::Proof,
///     channels_follow: false,
/// });
/// assert_eq!(plan.outcome, Outcome::Rewritten);
/// assert_eq!(plan.exports, ["default"]);
/// ```
#[must_use]
pub fn plan(sources: &dyn Sources, request: &Request) -> Plan {
    let mut warnings = Vec::new();
    match rewrite(sources, request, &mut warnings) {
        Ok(mut plan) => {
            plan.diagnostics.append(&mut warnings);
            plan
        }
        Err(error) => refused(*error),
    }
}

fn refused(error: Diagnostic) -> Plan {
    Plan { outcome: Outcome::Refused, changes: Vec::new(), exports: Vec::new(), proof: None, diagnostics: vec![error] }
}

fn rewrite(sources: &dyn Sources, request: &Request, warnings: &mut Vec<Diagnostic>) -> Result<Plan, Box<Diagnostic>> {
    let graph = Graph::new(sources);
    let Some(entry) = graph.load(&request.entry)? else {
        return Err(Box::new(codes::entry_not_found(&request.entry)));
    };
    if facade_header(entry.text.as_bytes()).is_some() {
        return own_facade(&graph, &entry, request.trust);
    }
    let wrapper = sdk_wrapper::find(&graph, &entry, request)?;
    if request.mode == Mode::TopLevelImport {
        return top_level::rewrite(&graph, request, &entry, wrapper.as_ref(), warnings);
    }
    if let Some(wrapper) = wrapper {
        return take_over_wrapper(&graph, request, &entry, &wrapper);
    }
    if graph.load(&request.instrumentation)?.is_none() {
        if let Some(as_built) = of_build_plugin(sources, request) {
            return Ok(as_built);
        }
        let in_runtime = inits_behind(&graph, &request.entry)?;
        return Err(Box::new(match in_runtime.is_empty() {
            true => codes::instrumentation_missing(&request.instrumentation),
            false => init_in_runtime(None, in_runtime),
        }));
    }
    let exports = export_names(&graph, &Linked::from(&entry))?;
    warn_of_live_bindings(&graph, &entry, &exports, warnings)?;
    let asks_if_main = main_checks(&entry);
    warnings.extend(asks_if_main.as_ref().and_then(|asks| asks.cannot_be_kept(&entry)));
    let importers = back_importers(&graph, &request.entry, warnings)?;
    let moved = free_sibling(sources, &request.entry, !importers.is_empty())?;
    let mut changes = Vec::new();
    let moved_text = moved_text(&graph, &entry, request, &importers, &moved, asks_if_main.as_ref())?;
    changes.push(FileChange {
        path: moved.clone(),
        kind: ChangeKind::MovedEntry,
        before: None,
        after: Some(moved_text.into_bytes()),
        mode_from: Some(request.entry.clone()),
    });
    for importer in importers.iter().filter(|importer| importer.module.path != request.entry) {
        changes.push(FileChange {
            path: importer.module.path.clone(),
            kind: ChangeKind::Repointed,
            before: Some(importer.module.text.clone().into_bytes()),
            after: Some(apply(&importer.module.text, repointing(&graph, importer, &moved)?).into_bytes()),
            mode_from: None,
        });
    }
    let of_entry = OfEntry {
        floating: floating_imports(&graph, &entry).into_iter().map(|(file, _)| file).collect(),
        tells_main: asks_if_main.is_some_and(|asks| asks.needs_main()),
    };
    with_facade(&graph, request, &entry, &moved, exports, changes, &of_entry)
}

/// The plan for a build that needs no instrumentation of its own, since Sentry's build plugin instrumented its libraries.
fn of_build_plugin(sources: &dyn Sources, request: &Request) -> Option<Plan> {
    let proof = prove_with(sources, &request.entry, request.trust);
    proof.build_plugin.as_ref()?;
    if !proof.holds() {
        return Some(Plan { proof: Some(proof.clone()), ..Plan::refused(proof.failures) });
    }
    let diagnostics = proof.warnings.clone();
    let outcome = Outcome::AlreadyFirst;
    Some(Plan { outcome, changes: Vec::new(), exports: Vec::new(), proof: Some(proof), diagnostics })
}

/// The entry was wrapped by the SDK: its instrumentation becomes a file of its own, and the entry exports the runtime's
/// own values again.
fn take_over_wrapper(
    graph: &Graph<'_>,
    request: &Request,
    entry: &Rc<Module>,
    wrapper: &Wrapper,
) -> Result<Plan, Box<Diagnostic>> {
    let moved = free_sibling(graph.sources(), &request.entry, false)?;
    let moved_text = wrapper.entry(graph, entry, &moved)?;
    let mut changes = wrapper_instrumentation(graph, request, wrapper)?;
    changes.push(FileChange {
        path: moved.clone(),
        kind: ChangeKind::MovedEntry,
        before: None,
        after: Some(moved_text.into_bytes()),
        mode_from: Some(request.entry.clone()),
    });
    let mut overlay = Overlay::new(graph.sources());
    for change in &changes {
        overlay.set(change.path.clone(), change.after.clone().map(Cow::Owned));
    }
    let as_built = Graph::new(&overlay);
    let exports = match as_built.linked(&moved)? {
        Some(module) => export_names(&as_built, &module)?,
        None => Vec::new(),
    };
    with_facade(&as_built, request, entry, &moved, exports, changes, &OfEntry::default())
}

/// What the facade does for an entry that moves as it was.
#[derive(Default)]
struct OfEntry {
    /// What it loads without waiting for it.
    floating: Vec<ModulePath>,
    /// Whether it asks whether it is the main module.
    tells_main: bool,
}

/// Adds the facade to the other changes, and proves them.
fn with_facade(
    graph: &Graph<'_>,
    request: &Request,
    entry: &Rc<Module>,
    moved: &ModulePath,
    exports: Vec<String>,
    mut changes: Vec<FileChange>,
    of_entry: &OfEntry,
) -> Result<Plan, Box<Diagnostic>> {
    let sources = graph.sources();
    let through = exports.iter().any(|name| name == "then").then(|| free_sibling(sources, moved, true)).transpose()?;
    if let Some(path) = &through {
        changes.push(FileChange {
            path: path.clone(),
            kind: ChangeKind::Passage,
            before: None,
            after: Some(passage(path, moved).into_bytes()),
            mode_from: Some(request.entry.clone()),
        });
    }
    let guard = request.guard.then(|| guard::call(Verdict::Proven.as_str(), &BTreeSet::new()));
    let mut facade = Facade {
        version: env!("CARGO_PKG_VERSION"),
        replaced: Digest::of(entry.text.as_bytes()),
        hashbang: entry.record.hashbang.map(|span| span.of(&entry.text)),
        entry: &request.entry,
        hooks: None,
        instrumentation: &request.instrumentation,
        moved,
        passage: through.as_ref(),
        loading: request.loading,
        compile_cache: request.compile_cache.as_deref(),
        floating: &of_entry.floating,
        tells_main: of_entry.tells_main,
        guard: guard.as_deref(),
    };
    changes.push(FileChange {
        path: request.entry.clone(),
        kind: ChangeKind::Facade,
        before: Some(entry.text.clone().into_bytes()),
        after: Some(text_of(&facade, graph, request, entry, &exports)?.into_bytes()),
        mode_from: None,
    });
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let mut plan = prove_changes(sources, request, changes, exports)?;
    if let Some(ModuleHooks::Entry(hooks)) = plan.proof.as_ref().map(|proof| proof.module_hooks.clone()) {
        facade.hooks = Some(&hooks);
        let text = text_of(&facade, graph, request, entry, &plan.exports)?;
        let written = plan.changes.iter_mut().find(|change| change.kind == ChangeKind::Facade);
        written.expect("the plan has the facade").after = Some(text.into_bytes());
        plan = prove_changes(sources, request, plan.changes, plan.exports)?;
    }
    match &plan.proof {
        Some(proof) if request.guard && proof.holds() && proof.verdict != Verdict::Proven => {
            plan.changes.iter_mut().for_each(|change| tell_guard(change, proof.verdict, &BTreeSet::new()));
            prove_changes(sources, request, plan.changes, plan.exports)
        }
        _ => Ok(plan),
    }
}

/// The text of a facade in the style of the request.
fn text_of(
    facade: &Facade<'_>,
    graph: &Graph<'_>,
    request: &Request,
    entry: &Rc<Module>,
    exports: &[String],
) -> Result<String, Box<Diagnostic>> {
    match &request.exports {
        ExportStyle::Await if request.loading == EntryLoading::Required => {
            Err(Box::new(codes::entry_cannot_await(None, request.entry.as_str())))
        }
        ExportStyle::Await if needs_no_await(graph, request, entry, exports)? => Ok(facade.of_constants(exports)),
        ExportStyle::Await => Ok(facade.awaiting(exports)),
        ExportStyle::Wrap(wrapped) => {
            // In a build that was wrapped by the SDK the moved entry has the runtime's own values.
            let original = if graph.load(facade.moved)?.is_some() { facade.moved } else { &request.entry };
            refuse_awaiting_closure(graph, request)?;
            Ok(facade.forwarding(&forwarders(graph, original, exports, wrapped)?))
        }
    }
}

/// Proves the build as it will be.
fn prove_changes(
    sources: &dyn Sources,
    request: &Request,
    changes: Vec<FileChange>,
    exports: Vec<String>,
) -> Result<Plan, Box<Diagnostic>> {
    let proof = {
        let overlay = changed(sources, &changes);
        let stage = request.stage();
        let proof = prove_at(&overlay, &request.entry, request.trust, &stage);
        let graph = Graph::new(&overlay);
        if let (true, Some(facade)) = (proof.holds(), graph.linked(&request.entry)?) {
            let shown = export_names(&graph, &facade)?;
            if shown != exports {
                return Err(Box::new(codes::exports_differ(&request.entry, &exports, &shown)));
            }
        }
        proof
    };
    if !proof.holds() {
        let diagnostics = proof.failures.clone();
        return Ok(Plan { outcome: Outcome::Refused, changes: Vec::new(), exports, proof: Some(proof), diagnostics });
    }
    let diagnostics = proof.warnings.clone();
    Ok(Plan { outcome: Outcome::Rewritten, changes, exports, proof: Some(proof), diagnostics })
}

/// The entry is a facade already, and what it replaced is not known any more: it is right when it passes on what the
/// module behind it exports now.
fn own_facade(graph: &Graph<'_>, facade: &Rc<Module>, trust: InitTrust) -> Result<Plan, Box<Diagnostic>> {
    let proof = prove_with(graph.sources(), &facade.path, trust);
    if !proof.holds() {
        let diagnostics = proof.failures.clone();
        return Ok(Plan {
            outcome: Outcome::Refused,
            changes: Vec::new(),
            exports: Vec::new(),
            proof: Some(proof),
            diagnostics,
        });
    }
    let exports = export_names(graph, &Linked::from(facade))?;
    for (target, _) in graph.dynamic_edges(facade) {
        let Target::File(path) = target else { continue };
        let Some(mut behind) = graph.linked(&path)? else { continue };
        if let Resolution::Namespace { of: Target::File(through), .. } = resolve_export(graph, &path, PASSAGE_EXPORT)? {
            let Some(module) = graph.linked(&through)? else { continue };
            behind = module;
        }
        if export_names(graph, &behind)? == exports {
            return Ok(Plan {
                outcome: Outcome::AlreadyFirst,
                changes: Vec::new(),
                exports,
                diagnostics: proof.warnings.clone(),
                proof: Some(proof),
            });
        }
    }
    Err(Box::new(codes::facade_without_original(&facade.path)))
}

/// A forwarder for each export, when every export is a plain function that is to be wrapped.
fn forwarders(
    graph: &Graph<'_>,
    module: &ModulePath,
    exports: &[String],
    wrapped: &[String],
) -> Result<Vec<Forwarder>, Box<Diagnostic>> {
    if let Some(missing) = wrapped.iter().find(|name| !exports.contains(name)) {
        return Err(Box::new(codes::unknown_export(missing, exports)));
    }
    let mut forwarders = Vec::new();
    for name in exports {
        if !wrapped.contains(name) {
            let reason = "it is not listed, and passing it on would need a static edge to the runtime";
            return Err(Box::new(codes::unwrappable_export(name, reason, None)));
        }
        let origin = origin(graph, &resolve_export(graph, module, name)?)?;
        let length = match origin.kind {
            ExportKind::Function(shape) if !shape.is_generator && origin.disturbed.is_none() => shape.length,
            kind => {
                let reason = match kind {
                    ExportKind::Function(shape) if shape.is_generator => "it is a generator".to_owned(),
                    ExportKind::Function(_) => "it is assigned again or carries properties".to_owned(),
                    kind => format!("it is not provably a plain function, but: {}", kind.describe()),
                };
                return Err(Box::new(codes::unwrappable_export(name, &reason, Some(&origin))));
            }
        };
        forwarders.push(Forwarder { name: name.clone(), length });
    }
    Ok(forwarders)
}

/// A host that calls `require()` cannot wait for a top-level await anywhere in the static closure.
fn refuse_awaiting_closure(graph: &Graph<'_>, request: &Request) -> Result<(), Box<Diagnostic>> {
    match first_await(graph, &request.instrumentation)? {
        Some((module, span)) => Err(Box::new(codes::entry_cannot_await(Some((&module, span)), request.entry.as_str()))),
        None => Ok(()),
    }
}

/// A top-level await in a module, or in what it imports.
fn first_await(graph: &Graph<'_>, module: &ModulePath) -> Result<Option<(Rc<Module>, Span)>, Box<Diagnostic>> {
    for path in graph.closure(module)?.paths() {
        if let Some(module) = graph.load(path)?
            && let Some(span) = module.record.top_level_awaits.first().copied()
        {
            return Ok(Some((module, span)));
        }
    }
    Ok(None)
}

/// The text of the moved entry: the original, but for imports of itself, which name the moved entry now, and for a
/// static import of the instrumentation at its top, which the facade has taken over.
fn moved_text(
    graph: &Graph<'_>,
    entry: &Module,
    request: &Request,
    importers: &[BackImporter],
    moved: &ModulePath,
    asks_if_main: Option<&MainChecks>,
) -> Result<String, Box<Diagnostic>> {
    let mut edits = asks_if_main.map(|asks| asks.edits(entry, moved)).unwrap_or_default();
    for importer in importers.iter().filter(|importer| importer.module.path == entry.path) {
        edits.extend(repointing(graph, importer, moved)?);
    }
    if let Some(first) = entry.record.requested_modules.first() {
        // `withSentry` with `autoInjectServerSentry: "top-level-import"` puts exactly this line before the entry.
        let line = "\n".len();
        let names_it =
            graph.resolve(&entry.path, &first.specifier.value) == Target::File(request.instrumentation.clone());
        if first.form == RequestForm::Bare && names_it && first.statement.start == 0 {
            let mut span = first.statement;
            if entry.text[span.end..].starts_with('\n') {
                span.end += line;
            }
            edits.push(TextEdit { span, replacement: String::new() });
        }
    }
    Ok(apply(&entry.text, edits))
}

/// The edits that make a module name the moved entry, tried out on the module.
///
/// # Errors
/// When a specifier cannot be changed in its place.
fn repointing(
    graph: &Graph<'_>,
    importer: &BackImporter,
    moved: &ModulePath,
) -> Result<Vec<TextEdit>, Box<Diagnostic>> {
    let module = &importer.module;
    let edit_of = |specifier: &StringLiteral| {
        let edit = repoint(&module.text, specifier, moved.file_name());
        // The proof does not look into the runtime, so what was meant is checked here.
        edit.filter(|edit| names_file(graph, &module.path, &literal_after(&module.text, specifier, edit), moved))
            .ok_or_else(|| Box::new(codes::unrepointable_specifier(module, specifier.span)))
    };
    importer.specifiers.iter().map(edit_of).collect()
}

/// The literal of a specifier with an edit in it.
fn literal_after(text: &str, specifier: &StringLiteral, edit: &TextEdit) -> String {
    let TextEdit { span: Span { start, end }, replacement } = edit.clone();
    let span = Span { start: start - specifier.span.start, end: end - specifier.span.start };
    apply(specifier.span.of(text), vec![TextEdit { span, replacement }])
}

/// Whether a text is a literal, and names a file from a module.
fn names_file(graph: &Graph<'_>, importer: &ModulePath, literal: &str, file: &ModulePath) -> bool {
    let (record, errors) = presentry_parser::parse(&format!("import({literal});"));
    let specifier = match record.dynamic_imports.as_slice() {
        [import] if errors.is_empty() => import.specifier.as_ref(),
        _ => None,
    };
    specifier.is_some_and(|specifier| graph.resolve(importer, &specifier.value) == Target::File(file.clone()))
}

/// A path beside a file that nothing has.
fn free_sibling(sources: &dyn Sources, file: &ModulePath, same_length: bool) -> Result<ModulePath, Box<Diagnostic>> {
    let taken = |name: &str| file.sibling(name).is_ok_and(|path| sources.exists(&path));
    moved_name(file, same_length, &taken)
        .and_then(|name| file.sibling(&name).ok())
        .ok_or_else(|| Box::new(codes::no_free_name(file)))
}

fn warn_of_live_bindings(
    graph: &Graph<'_>,
    entry: &Rc<Module>,
    exports: &[String],
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Box<Diagnostic>> {
    for name in exports {
        if exports.len() <= FEW_EXPORTS && is_surely(graph, entry, name, exports_constant)? {
            continue;
        }
        let resolution = resolve_export(graph, &entry.path, name)?;
        let Resolution::Binding { module, local_name: Some(local), .. } = resolution else { continue };
        let Some(module) = graph.load(&module)? else { continue };
        let writes = module.binding(&local).map(|binding| &binding.writes);
        if let Some(write) = writes.and_then(|writes| writes.iter().find(|write| write.in_function)) {
            warnings.push(codes::live_binding(name, &module, write.span));
        }
    }
    Ok(())
}

/// A look at a module takes as long as the module is. For more exports than this it is read once instead.
const FEW_EXPORTS: usize = 64;

/// Whether a cheap look at the module that an export is taken from tells something of it, as that it never changes: the
/// runtime need not be parsed then.
fn is_surely(
    graph: &Graph<'_>,
    entry: &Module,
    name: &str,
    look: fn(&[u8], &str) -> bool,
) -> Result<bool, Box<Diagnostic>> {
    let Some(OwnExport::Indirect(at)) = entry.own_export(name) else {
        return Ok(look(entry.text.as_bytes(), name));
    };
    let export = &entry.record.indirect_export_entries[at];
    let ImportName::Name(imported) = &export.import_name else { return Ok(false) };
    let specifier = &entry.record.requested_modules[export.request].specifier.value;
    let Target::File(file) = graph.resolve(&entry.path, specifier) else { return Ok(false) };
    let bytes = graph.sources().read(&file).map_err(|error| Box::new(codes::unreadable(&error)))?;
    Ok(bytes.is_some_and(|bytes| look(&bytes, &imported.value)))
}

/// Whether the facade can go without top-level await, so that a startup file may `require()` it: every export is an empty
/// object that nothing touches, as the one of Nitro's `node-server`, and a new one does as well.
fn needs_no_await(
    graph: &Graph<'_>,
    request: &Request,
    entry: &Module,
    exports: &[String],
) -> Result<bool, Box<Diagnostic>> {
    let are_few = !exports.is_empty() && exports.len() <= FEW_EXPORTS;
    if request.loading != EntryLoading::Process || !are_few || exports.iter().any(|name| name == "then") {
        return Ok(false);
    }
    for name in exports {
        if !is_surely(graph, entry, name, exports_empty_object)? {
            return Ok(false);
        }
    }
    Ok(first_await(graph, &request.instrumentation)?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::MemorySources;

    #[test]
    fn a_repointed_literal_names_the_file_and_nothing_else() {
        let files = MemorySources::default();
        let graph = Graph::new(&files);
        let path = |text: &str| ModulePath::new(text).unwrap();
        let names = |literal: &str| names_file(&graph, &path("chunks/a.mjs"), literal, &path("entry.mjs"));
        for literal in ["'../entry.mjs'", r#""../\x65ntry.mjs""#, "`.././entry.mjs`"] {
            assert!(names(literal), "{literal}");
        }
        for literal in ["'../index.mjs'", "'../entry.mjs", "'../entry.mjs'); import('b'", "`../${a}.mjs`", "entry"] {
            assert!(!names(literal), "{literal}");
        }
    }
}
