//! A bundle of the SDK in a build: how its modules are known again, which modules ask for the SDK, and how their
//! specifiers are made to name the bundle. What makes a bundle is not here.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use memchr::memmem;
use presentry_parser::{ImportName, RequestForm, Span, StringLiteral, namespace_members, parse};

use crate::{
    bundle_header::{AskedFor, bundle_header},
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    entry_refs::{padded, specifiers, utf16_length},
    facade::facade_header,
    graph::{Graph, Module},
    injected::{Holder, marker},
    plan::{ChangeKind, FileChange, Outcome, Plan},
    prefilter::{literals, may_name},
    proof::{InitTrust, prove_with},
    sources::{ModulePath, Sources},
    specifier::{Target, package_name, relative, resolve},
};

/// What the modules of a build ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageImports {
    /// The specifiers of `@sentry/*` packages, with the exports that are asked for.
    pub sdk: BTreeMap<String, AskedFor>,
    /// All other bare specifiers, sorted. In a module that has nothing to do with the SDK, what stands in a comment as a
    /// specifier would counts, too.
    pub others: BTreeSet<String>,
}

/// What the modules of a build will ask for when a plan has been carried out.
///
/// # Errors
/// When a module cannot be read, or asks for the SDK in a way that no edit can change.
pub fn package_imports(sources: &dyn Sources, plan: &Plan) -> Result<PackageImports, Box<Diagnostic>> {
    let overlay = plan.over(sources);
    let graph = Graph::new(&overlay);
    let mut imports = PackageImports::default();
    for path in overlay.scripts().map_err(|error| Box::new(codes::unreadable(&error)))? {
        let bytes = overlay.read(&path).map_err(|error| Box::new(codes::unreadable(&error)))?.unwrap_or_default();
        // It imports of the SDK what registers hooks for a copy that is required, and such a copy is not bundled.
        if facade_header(&bytes).is_some() {
            continue;
        }
        if !may_name(&bytes, SCOPE) {
            imports.others.extend(literals(&bytes).filter_map(|literal| package_of(&path, literal)));
            continue;
        }
        let Some(module) = graph.load(&path)?.filter(|module| module.bundle.is_none()) else {
            refuse_hidden_import(&graph, &path)?;
            continue;
        };
        refuse_other_requests(&module)?;
        let mut asks_for_sdk = false;
        for specifier in specifiers(&module) {
            match package_of(&module.path, &specifier.value) {
                Some(specifier) if is_sdk(&specifier) => asks_for_sdk = true,
                Some(specifier) => {
                    imports.others.insert(specifier);
                }
                None => {}
            }
        }
        if asks_for_sdk {
            note_asked_for(&module, &mut imports.sdk);
        }
    }
    Ok(imports)
}

/// Notes which exports of the SDK a module asks for.
fn note_asked_for(module: &Module, sdk: &mut BTreeMap<String, AskedFor>) {
    let record = &module.record;
    let sdk_of =
        |literal: &StringLiteral| package_of(&module.path, &literal.value).filter(|specifier| is_sdk(specifier));
    let mut members = None;
    for (index, request) in record.requested_modules.iter().enumerate() {
        let Some(specifier) = sdk_of(&request.specifier) else { continue };
        let asked_for = sdk.entry(specifier).or_insert_with(AskedFor::nothing);
        if matches!(request.form, RequestForm::ExportStar | RequestForm::ExportStarAs) {
            *asked_for = AskedFor::All;
        }
        for entry in record.import_entries.iter().filter(|entry| entry.request == index) {
            match &entry.import_name {
                ImportName::Name(name) => asked_for.name(&name.value),
                ImportName::Namespace => {
                    let members = members.get_or_insert_with(|| namespace_members(&module.text));
                    match members.get(&entry.local_name) {
                        Some(Some(names)) => names.iter().for_each(|name| asked_for.name(name)),
                        _ => *asked_for = AskedFor::All,
                    }
                }
                ImportName::Source => *asked_for = AskedFor::All,
            }
        }
        for entry in record.indirect_export_entries.iter().filter(|entry| entry.request == index) {
            match &entry.import_name {
                ImportName::Name(name) => asked_for.name(&name.value),
                ImportName::Namespace | ImportName::Source => *asked_for = AskedFor::All,
            }
        }
    }
    for import in &record.dynamic_imports {
        if let Some(specifier) = import.specifier.as_ref().and_then(sdk_of) {
            sdk.insert(specifier, AskedFor::All);
        }
    }
}

/// The beginning of the names of all packages of the SDK.
const SCOPE: &str = "@sentry/";

fn is_sdk(specifier: &str) -> bool {
    package_name(specifier).starts_with(SCOPE)
}

fn package_of(importer: &ModulePath, specifier: &str) -> Option<String> {
    match resolve(importer, specifier) {
        Target::Package(specifier) => Some(specifier),
        _ => None,
    }
}

/// A script that is no ES module and names the SDK would load a copy of its own.
fn refuse_hidden_import(graph: &Graph<'_>, path: &ModulePath) -> Result<(), Box<Diagnostic>> {
    let bytes = graph.sources().read(path).map_err(|error| Box::new(codes::unreadable(&error)))?;
    let Some(bytes) = bytes.filter(|bytes| bundle_header(bytes).is_none()) else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    match requests_by_call(&text).next() {
        Some(span) => Err(Box::new(codes::bundle_two_copies(path, &text, span))),
        None => Ok(()),
    }
}

/// `require("@sentry/node")`, `import.meta.resolve("@sentry/node")` and `import("@sentry/" + name)` cannot be made to
/// name the bundle.
fn refuse_other_requests(module: &Module) -> Result<(), Box<Diagnostic>> {
    let by_call = requests_by_call(&module.text).next();
    let mut imports = module.record.dynamic_imports.iter().filter(|import| import.specifier.is_none());
    let computed =
        imports.find(|import| import.argument.of(&module.text).contains("@sentry/")).map(|import| import.span);
    match by_call.or(computed) {
        Some(span) => Err(Box::new(codes::bundle_two_copies(&module.path, &module.text, span))),
        None => Ok(()),
    }
}

/// The literals that name the SDK and are the first argument of a call of `require` or `resolve`.
fn requests_by_call(text: &str) -> impl Iterator<Item = Span> + '_ {
    memmem::find_iter(text.as_bytes(), b"@sentry/").filter_map(move |at| {
        let quote = text[..at].chars().next_back().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
        let callee = text[..at - quote.len_utf8()].trim_end().strip_suffix('(')?.trim_end();
        let called = ["require", "resolve"].iter().any(|name| callee.ends_with(name));
        let end = at + text[at..].find(quote)? + quote.len_utf8();
        called.then_some(Span { start: at - quote.len_utf8(), end })
    })
}

/// A bundle of the SDK, ready to be put into a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its files, maps and texts included.
    pub files: BTreeMap<ModulePath, Vec<u8>>,
    /// The module that has the exports of a specifier.
    pub modules: BTreeMap<String, ModulePath>,
}

/// A plan that also puts a bundle of the SDK into the build and makes every module name it, proven again.
///
/// The modules keep every position that a source map may name as long as the new specifier is no longer than the old
/// one; where it is longer, what stands behind it on its line moves.
#[must_use]
pub fn with_bundle(sources: &dyn Sources, plan: Plan, entry: &ModulePath, bundle: &Bundle, trust: InitTrust) -> Plan {
    match repointed(sources, &plan, entry, bundle) {
        Ok(changes) => proven_again(sources, plan, entry, changes, trust),
        Err(error) => {
            Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: None, diagnostics: vec![*error], ..plan }
        }
    }
}

/// The text of a module as it was before [`with_bundle`] made it name a bundle, whose `modules` stand for these specifiers;
/// `None` for a text with errors.
///
/// ```
/// use presentry_rewriter::{ModulePath, without_bundle};
///
/// let path = |path: &str| ModulePath::new(path).unwrap();
/// let modules = [(path("sentry.mjs"), "@sentry/node".to_owned())].into();
/// let text = "import { init } from '../sentry.mjs';";
/// let before = without_bundle(&path("chunks/a.mjs"), text, &modules);
/// assert_eq!(before.as_deref(), Some("import { init } from '@sentry/node';"));
/// ```
#[must_use]
pub fn without_bundle(path: &ModulePath, text: &str, modules: &BTreeMap<ModulePath, String>) -> Option<String> {
    let (record, errors) = parse(text);
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    let edits = requested.chain(imported).filter_map(|literal| {
        let Target::File(file) = resolve(path, &literal.value) else { return None };
        let span = Span { start: literal.span.start + 1, end: literal.span.end - 1 };
        Some(TextEdit { span, replacement: modules.get(&file)?.clone() })
    });
    errors.is_empty().then(|| apply(text, edits.collect()))
}

fn repointed(
    sources: &dyn Sources,
    plan: &Plan,
    entry: &ModulePath,
    bundle: &Bundle,
) -> Result<Vec<FileChange>, Box<Diagnostic>> {
    let overlay = plan.over(sources);
    let graph = Graph::new(&overlay);
    let mut changes: BTreeMap<ModulePath, FileChange> =
        plan.changes.iter().map(|change| (change.path.clone(), change.clone())).collect();
    for path in overlay.scripts().map_err(|error| Box::new(codes::unreadable(&error)))? {
        let bytes = overlay.read(&path).map_err(|error| Box::new(codes::unreadable(&error)))?;
        if bundle.files.contains_key(&path) || !bytes.is_some_and(|bytes| may_name(&bytes, SCOPE)) {
            continue;
        }
        let Some(module) = graph.load(&path)? else { continue };
        let edits: Vec<TextEdit> =
            specifiers(&module).filter_map(|literal| repoint(&module, literal, bundle)).collect();
        if edits.is_empty() {
            continue;
        }
        let text = apply(&module.text, edits).into_bytes();
        let change = changes.entry(path.clone()).or_insert_with(|| FileChange {
            path,
            kind: ChangeKind::Repointed,
            before: Some(module.text.clone().into_bytes()),
            after: None,
            mode_from: None,
        });
        change.after = Some(text);
    }
    renew_marker(&mut changes);
    for (path, contents) in &bundle.files {
        let before = sources.read(path).map_err(|error| Box::new(codes::unreadable(&error)))?;
        changes.insert(
            path.clone(),
            FileChange {
                path: path.clone(),
                kind: ChangeKind::Bundle,
                before: before.map(Cow::into_owned),
                after: Some(contents.clone()),
                mode_from: Some(entry.clone()),
            },
        );
    }
    Ok(changes.into_values().collect())
}

/// The marker lists by digest what holds channels, and a chunk that does may import the SDK.
fn renew_marker(changes: &mut BTreeMap<ModulePath, FileChange>) {
    let found = changes.iter().find_map(|(path, change)| Some((path.clone(), marker(change.after.as_deref()?)?)));
    let Some((path, mut found)) = found else { return };
    for (file, holder) in &mut found.injected.files {
        if let Some(text) = changes.get(file).and_then(|change| change.after.as_deref()) {
            *holder = Holder::of(text, std::mem::take(&mut holder.channels));
        }
    }
    if let Some(change) = changes.get_mut(&path) {
        change.after = Some(found.injected.marker().into_bytes());
    }
}

/// The edit that makes a specifier of the SDK name the bundle; `None` for every other specifier.
fn repoint(module: &Module, literal: &StringLiteral, bundle: &Bundle) -> Option<TextEdit> {
    let Target::Package(specifier) = resolve(&module.path, &literal.value) else { return None };
    let to = relative(&module.path, bundle.modules.get(&specifier)?);
    let span = Span { start: literal.span.start + 1, end: literal.span.end - 1 };
    let (directory, name) = to.split_at(to.rfind('/').map_or(0, |slash| slash + 1));
    let missing = utf16_length(span.of(&module.text)).saturating_sub(utf16_length(&to));
    Some(TextEdit { span, replacement: format!("{directory}{}", padded(name.to_owned(), missing)) })
}

fn proven_again(
    sources: &dyn Sources,
    plan: Plan,
    entry: &ModulePath,
    changes: Vec<FileChange>,
    trust: InitTrust,
) -> Plan {
    let plan = Plan { changes, ..plan };
    let overlay = plan.over(sources);
    let left = Graph::new(&overlay);
    if let Err(error) = refuse_leftovers(&left, &plan) {
        return Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: None, diagnostics: vec![*error], ..plan };
    }
    let proof = prove_with(&overlay, entry, trust);
    drop(left);
    drop(overlay);
    if !proof.holds() {
        let diagnostics = proof.failures.clone();
        return Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: Some(proof), diagnostics, ..plan };
    }
    Plan { outcome: Outcome::Rewritten, proof: Some(proof), ..plan }
}

/// What was edited is parsed again: every module names the bundle, and none the SDK.
fn refuse_leftovers(graph: &Graph<'_>, plan: &Plan) -> Result<(), Box<Diagnostic>> {
    for change in &plan.changes {
        let Some(module) = graph.load(&change.path)?.filter(|module| module.bundle.is_none()) else { continue };
        let left = specifiers(&module).find(
            |specifier| matches!(graph.resolve(&module.path, &specifier.value), Target::Package(package) if is_sdk(&package)),
        );
        if let Some(specifier) = left {
            return Err(Box::new(codes::bundle_two_copies(&module.path, &module.text, specifier.span)));
        }
    }
    Ok(())
}
