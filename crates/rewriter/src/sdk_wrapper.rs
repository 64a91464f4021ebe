//! Builds that the official SDK has wrapped already (`autoInjectServerSentry: "experimental_dynamic-import"`): how they
//! are recognised, and how they are taken apart into instrumentation and entry.
//!
//! The SDK's Rollup plugin (`@sentry/solidstart`, `wrapServerEntryWithDynamicImport`) puts the instrumentation, a
//! floating `import()` of the runtime and an async forwarder for each wrapped function into the entry, or into a chunk
//! of it. What it could not wrap stays a static re-export.

use std::{collections::BTreeSet, rc::Rc};

use presentry_parser::{DynamicImport, ModuleRequest, RequestForm, Span};

use crate::{
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    exports::{Resolution, exported_names},
    facade::{NO_SOURCE_MAP, export_name, local_names},
    graph::{Graph, Linked, Module},
    order::starts_itself,
    plan::{ChangeKind, FileChange, InlinedInstrumentation, Request},
    runtime::is_nitro_runtime,
    sources::ModulePath,
    specifier::{Target, literal, relative, resolve},
    starts::may_start_sentry,
};

const IN_RUNTIME: &str = "the same module holds the Nitro runtime";

/// A module that holds the instrumentation and loads the runtime.
pub(crate) struct Wrapper {
    module: Rc<Module>,
    /// The runtime's module, with the member of its namespace that is the entry's namespace, when it is one.
    runtime: ModulePath,
    member: Option<String>,
    /// The expressions that load the runtime without waiting for it.
    floating: Vec<Span>,
    /// The statements that are not part of the instrumentation.
    foreign: BTreeSet<Span>,
    /// The local names of the forwarders.
    forwarders: BTreeSet<String>,
    /// Whether the module holds something else that others import from it: then it stays where it is.
    shared: bool,
}

/// Finds the wrapper in a build: the entry itself, or a module that the entry imports statically.
///
/// # Errors
/// When Sentry is started in a module that cannot be taken apart.
pub(crate) fn find(
    graph: &Graph<'_>,
    entry: &Rc<Module>,
    request: &Request,
) -> Result<Option<Wrapper>, Box<Diagnostic>> {
    let mut candidates = vec![entry.path.clone()];
    candidates.extend(graph.static_edges(entry).into_iter().filter_map(|(target, _)| match target {
        Target::File(file) => Some(file),
        _ => None,
    }));
    for path in candidates {
        let bytes = graph.sources().read(&path).map_err(|error| Box::new(codes::unreadable(&error)))?;
        if !bytes.is_some_and(|bytes| may_start_sentry(&bytes)) {
            continue;
        }
        let Some(module) = graph.load(&path)? else { continue };
        if !starts_itself(graph, &path) {
            continue;
        }
        return take_apart(graph, entry, &module, request);
    }
    Ok(None)
}

/// Sorts the statements of a module that starts Sentry.
fn take_apart(
    graph: &Graph<'_>,
    entry: &Rc<Module>,
    module: &Rc<Module>,
    request: &Request,
) -> Result<Option<Wrapper>, Box<Diagnostic>> {
    let inlined = request.inlined;
    // What is imported by a statement of its own, or in a forwarder, is the runtime.
    let Some((import, runtime)) = runtime_import(graph, module) else {
        let is_beside = inlined == InlinedInstrumentation::TakeOut && graph.load(&request.instrumentation)?.is_some();
        if module.path == entry.path && is_nitro_runtime(graph, &module.path) && !is_beside {
            return Err(Box::new(codes::instrumentation_in_runtime(&module.path, IN_RUNTIME)));
        }
        // The instrumentation itself, imported by a static import of the entry, or the runtime with a plugin that starts
        // Sentry: no wrapper.
        return Ok(None);
    };
    if is_nitro_runtime(graph, &module.path) {
        return Err(Box::new(codes::instrumentation_in_runtime(&module.path, IN_RUNTIME)));
    }
    let (member, _) = namespace_member(module, import);
    let holds = |outer: Span, inner: Span| outer.start <= inner.start && inner.end <= outer.end;
    let of_runtime = |import: &&DynamicImport| names(graph, module, import, &runtime);
    let floating = module.record.dynamic_imports.iter().filter(of_runtime).filter(|import| import.top_level);
    let floating = floating.map(|import| Span { start: import.span.start, end: namespace_member(module, import).1 });
    let forwards = |statement: Span| {
        let mut imports = module.record.dynamic_imports.iter().filter(of_runtime);
        imports.any(|import| !import.top_level && holds(statement, import.span))
    };
    let mut foreign = BTreeSet::new();
    for statement in &module.record.statements {
        let request = module.record.requested_modules.iter().find(|request| request.statement == *statement);
        let is_foreign = match request {
            Some(request) => match request.form {
                RequestForm::Bare => is_hoisted(graph, module, &request.specifier.value, &runtime)?,
                RequestForm::Import => {
                    if inlined == InlinedInstrumentation::TakeOut {
                        refuse_what_cannot_be_taken_out(graph, module, request, &runtime)?;
                    }
                    false
                }
                RequestForm::ExportNamed | RequestForm::ExportStar | RequestForm::ExportStarAs => true,
            },
            None => forwards(*statement) || statement.of(&module.text).starts_with("export"),
        };
        if is_foreign {
            foreign.insert(*statement);
        }
    }
    let forwarding = module.bindings.iter().filter(|binding| {
        module.record.statements.iter().any(|statement| holds(*statement, binding.span) && forwards(*statement))
    });
    let forwarders: BTreeSet<String> = forwarding.map(|binding| binding.name.clone()).collect();
    let mut exports = module.record.local_export_entries.iter();
    let other = exports.find(|export| !export.local_name.as_ref().is_some_and(|name| forwarders.contains(name)));
    if let (Some(export), true) = (other, module.path == entry.path) {
        let reason = format!("the export `{}` of that module is no forwarder", export.export_name.value);
        return Err(Box::new(codes::instrumentation_in_runtime(&module.path, &reason)));
    }
    let floating = floating.collect();
    let shared = other.is_some();
    if shared && inlined == InlinedInstrumentation::Replace {
        let reason = "other modules import from that module, so that it cannot be dropped";
        return Err(Box::new(codes::instrumentation_in_runtime(&module.path, reason)));
    }
    Ok(Some(Wrapper { module: module.clone(), runtime, member, floating, foreign, forwarders, shared }))
}

/// An import of the inlined instrumentation that a file of its own could not have.
fn refuse_what_cannot_be_taken_out(
    graph: &Graph<'_>,
    module: &Module,
    request: &ModuleRequest,
    runtime: &ModulePath,
) -> Result<(), Box<Diagnostic>> {
    match graph.resolve(&module.path, &request.specifier.value) {
        Target::File(file) if file == *runtime => Err(Box::new(codes::instrumentation_shares_runtime(module, request))),
        // Rollup writes the path of a module that it could not resolve as it was on the machine of the build.
        Target::Elsewhere(_) => Err(Box::new(codes::instrumentation_imports_elsewhere(module, request))),
        _ => Ok(()),
    }
}

/// The first dynamic import of a file of the build, and what it names.
fn runtime_import<'m>(graph: &Graph<'_>, module: &'m Module) -> Option<(&'m DynamicImport, ModulePath)> {
    module.record.dynamic_imports.iter().filter(|import| import.top_level).find_map(|import| {
        match graph.resolve(&module.path, &import.specifier.as_ref()?.value) {
            Target::File(file) => Some((import, file)),
            _ => None,
        }
    })
}

fn names(graph: &Graph<'_>, module: &Module, import: &DynamicImport, file: &ModulePath) -> bool {
    let specifier = import.specifier.as_ref();
    specifier.is_some_and(|specifier| graph.resolve(&module.path, &specifier.value) == Target::File(file.clone()))
}

/// Rollup writes `import('./chunk.mjs').then(function (n) { return n.h; })` when the namespace of the module it means is
/// an export of the chunk. Gives that export, and where the expression ends.
fn namespace_member(module: &Module, import: &DynamicImport) -> (Option<String>, usize) {
    let function = [".", "then", "(", "function", "(", "n", ")", "{", "return", "n", "."];
    let arrow = [".", "then", "(", "n", "=", ">", "n", "."];
    let bracketed = [".", "then", "(", "(", "n", ")", "=", ">", "n", "."];
    for (before, after) in [(&function[..], &["}", ")"][..]), (&arrow, &[")"]), (&bracketed, &[")"])] {
        let Some(at) = skip_tokens(&module.text, import.span.end, before) else { continue };
        let name = module.text[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
        let name: String = name.collect();
        let at = at + name.len();
        let end = skip_tokens(&module.text, at, &[";"]).unwrap_or(at);
        if let (false, Some(end)) = (name.is_empty(), skip_tokens(&module.text, end, after)) {
            return (Some(name), end);
        }
    }
    (None, import.span.end)
}

/// Where a sequence of tokens ends that starts at an offset, white space between them left out.
fn skip_tokens(text: &str, start: usize, tokens: &[&str]) -> Option<usize> {
    tokens.iter().try_fold(start, |at, token| {
        let spaces = text[at..].len() - text[at..].trim_start().len();
        text[at + spaces..].starts_with(token).then_some(at + spaces + token.len())
    })
}

/// Whether a bare import was hoisted from the runtime: the runtime asks for it, too.
fn is_hoisted(
    graph: &Graph<'_>,
    module: &Module,
    specifier: &str,
    runtime: &ModulePath,
) -> Result<bool, Box<Diagnostic>> {
    let target = graph.resolve(&module.path, specifier);
    let closure = graph.closure(runtime)?;
    for path in closure.paths() {
        if let Some(other) = graph.linked(path)?
            && graph.edges_of(&other).into_iter().any(|(wanted, _)| wanted == target)
        {
            return Ok(true);
        }
    }
    Ok(matches!(target, Target::File(file) if closure.contains(&file)))
}

impl Wrapper {
    /// The module, when it has to stay where it is because others import from it, and its text without the floating
    /// imports.
    pub(crate) fn in_place(&self) -> Option<(&Rc<Module>, String)> {
        self.shared.then(|| (&self.module, apply(&self.module.text, self.without_floating().collect())))
    }

    /// The text of the instrumentation on its own. What is not part of it becomes white space, so that the positions in
    /// the source map stay true.
    pub(crate) fn instrumentation(&self, path: &ModulePath) -> String {
        let module = &self.module;
        if self.shared {
            return format!("import {};\n{NO_SOURCE_MAP}", literal(path, &module.path));
        }
        let blank = |span: &Span| TextEdit { span: *span, replacement: blank(span.of(&module.text)) };
        let mut edits: Vec<TextEdit> = self.foreign.iter().map(blank).chain(self.without_floating()).collect();
        if path.directory() != module.path.directory() {
            edits.extend(self.moved_specifiers(path));
            edits.extend(self.moved_source_map(path));
        }
        apply(&module.text, edits)
    }

    /// A floating import becomes a zero of the same length; it may stand in a list of expressions.
    fn without_floating(&self) -> impl Iterator<Item = TextEdit> + '_ {
        self.floating.iter().map(|span| {
            let blank = blank(span.of(&self.module.text));
            TextEdit { span: *span, replacement: format!("0{}", &blank[1..]) }
        })
    }

    /// The specifiers of the instrumentation as seen from another directory.
    fn moved_specifiers<'s>(&'s self, path: &'s ModulePath) -> impl Iterator<Item = TextEdit> + 's {
        let module = &self.module;
        let requested = module.record.requested_modules.iter();
        let requested = requested.filter(|request| !self.foreign.contains(&request.statement)).map(|r| &r.specifier);
        let gone = || self.foreign.iter().chain(&self.floating);
        let kept = move |span: Span| !gone().any(|gone| gone.start <= span.start && span.end <= gone.end);
        let imported = module.record.dynamic_imports.iter().filter(move |import| kept(import.span));
        requested.chain(imported.filter_map(|import| import.specifier.as_ref())).filter_map(|specifier| {
            match resolve(&module.path, &specifier.value) {
                Target::File(file) => Some(TextEdit { span: specifier.span, replacement: literal(path, &file) }),
                _ => None,
            }
        })
    }

    /// The name of the source map as seen from another directory.
    fn moved_source_map(&self, path: &ModulePath) -> Option<TextEdit> {
        let map = self.module.record.source_mapping_url.as_ref()?;
        let Target::File(file) = resolve(&self.module.path, &format!("./{}", map.value)) else { return None };
        (!map.value.starts_with("data:")).then(|| TextEdit {
            span: map.span,
            replacement: format!("//# sourceMappingURL={}", relative(path, &file)),
        })
    }

    /// The text of an entry that exports the runtime's own values under the names of the wrapped entry, and has every
    /// other statement of it.
    ///
    /// # Errors
    /// When the exports of the entry cannot be listed.
    pub(crate) fn entry(
        &self,
        graph: &Graph<'_>,
        entry: &Rc<Module>,
        path: &ModulePath,
    ) -> Result<String, Box<Diagnostic>> {
        let mut text = String::new();
        if let Some(banner) = banner(entry) {
            text.push_str(banner);
            text.push('\n');
        }
        let runtime = literal(path, &self.runtime);
        let exports = exported_names(graph, &Linked::from(entry))?;
        let (wrapped, passed): (Vec<_>, Vec<_>) = exports.into_iter().partition(|(_, resolution)| {
            matches!(resolution, Resolution::Binding { module, local_name: Some(name), .. }
                if *module == self.module.path && self.forwarders.contains(name))
        });
        let wrapped: Vec<String> = wrapped.into_iter().map(|(name, _)| name).collect();
        match (&self.member, wrapped.is_empty()) {
            (_, true) => text += &format!("import {runtime};\n"),
            (Some(member), false) => {
                text += &format!("import {{ {member} as _runtime }} from {runtime};\n");
            }
            (None, false) => text += &format!("import * as _runtime from {runtime};\n"),
        }
        // The hoisted imports keep their order.
        for request in &self.module.record.requested_modules {
            if request.form == RequestForm::Bare && self.foreign.contains(&request.statement) {
                let specifier = match resolve(&self.module.path, &request.specifier.value) {
                    Target::File(file) => literal(path, &file),
                    _ => request.specifier.span.of(&self.module.text).to_owned(),
                };
                text += &format!("import {specifier};\n");
            }
        }
        if !wrapped.is_empty() {
            let locals = local_names(&wrapped);
            let pairs = || wrapped.iter().zip(&locals);
            let members: Vec<String> = pairs().map(|(name, local)| format!("{}: {local}", export_name(name))).collect();
            let list: Vec<String> = pairs().map(|(name, local)| format!("{local} as {}", export_name(name))).collect();
            text += &format!("const {{ {} }} = _runtime;\n", members.join(", "));
            text += &format!("export {{ {} }};\n", list.join(", "));
        }
        // What the SDK left static is taken from where it is declared: the wrapper is not loaded any more.
        for (name, resolution) in passed {
            let (from, import) = match resolution {
                Resolution::Binding { module, local_name, .. } => {
                    match public_name(graph, &module, local_name.as_deref())? {
                        Some(public) => (literal(path, &module), export_name(&public)),
                        None => {
                            let reason = format!("the export `{name}` cannot be followed");
                            return Err(Box::new(codes::instrumentation_in_runtime(&module, &reason)));
                        }
                    }
                }
                Resolution::Namespace { of: target, .. } => (specifier_of(path, &target), "*".to_owned()),
                Resolution::External { target, name } => (specifier_of(path, &target), export_name(&name)),
                Resolution::NotFound | Resolution::Ambiguous => continue,
            };
            let clause = match import.as_str() {
                "*" => format!("* as {}", export_name(&name)),
                import => format!("{{ {import} as {} }}", export_name(&name)),
            };
            text += &format!("export {clause} from {from};\n");
        }
        Ok(text)
    }
}

/// White space of the same shape: the line ends stay, and positions in UTF-16 code units.
fn blank(text: &str) -> String {
    let spaces = |c: char| if matches!(c, '\n' | '\r') { c.to_string() } else { " ".repeat(c.len_utf16()) };
    text.chars().map(spaces).collect()
}

/// The name under which a module exports a binding.
fn public_name(graph: &Graph<'_>, module: &ModulePath, local: Option<&str>) -> Result<Option<String>, Box<Diagnostic>> {
    let Some(module) = graph.load(module)? else { return Ok(None) };
    let entry = module.record.local_export_entries.iter().find(|entry| entry.local_name.as_deref() == local);
    Ok(entry.map(|entry| entry.export_name.value.clone()))
}

fn specifier_of(path: &ModulePath, target: &Target) -> String {
    match target {
        Target::File(file) => literal(path, file),
        Target::Builtin(name) | Target::Package(name) | Target::Elsewhere(name) => {
            crate::specifier::string_literal(name)
        }
    }
}

/// What Nitro's first line does (`nitropack/src/rollup/config.ts`, `output.intro`): the runtime finds `../public` by it.
fn banner(entry: &Module) -> Option<&'static str> {
    let has = entry.text.contains("globalThis._importMeta_=");
    has.then_some("globalThis._importMeta_ = { url: import.meta.url, env: process.env };")
}

/// The changes that make the instrumentation of a wrapper a file of its own.
pub(crate) fn wrapper_instrumentation(
    graph: &Graph<'_>,
    request: &Request,
    wrapper: &Wrapper,
) -> Result<Vec<FileChange>, Box<Diagnostic>> {
    let on_disk = graph.load(&request.instrumentation)?;
    if request.inlined == InlinedInstrumentation::Replace {
        return match on_disk {
            Some(_) => Ok(Vec::new()),
            None => Err(Box::new(codes::instrumentation_missing(&request.instrumentation))),
        };
    }
    let mut changes = vec![FileChange {
        path: request.instrumentation.clone(),
        kind: ChangeKind::Instrumentation,
        before: on_disk.map(|module| module.text.clone().into_bytes()),
        after: Some(wrapper.instrumentation(&request.instrumentation).into_bytes()),
        mode_from: Some(request.entry.clone()),
    }];
    if let Some((module, text)) = wrapper.in_place() {
        changes.push(FileChange {
            path: module.path.clone(),
            kind: ChangeKind::Instrumentation,
            before: Some(module.text.clone().into_bytes()),
            after: Some(text.into_bytes()),
            mode_from: None,
        });
    }
    Ok(changes)
}
