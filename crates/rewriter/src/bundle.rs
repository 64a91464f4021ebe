//! A bundle of the SDK in a build: how its modules are known again, which modules ask for the SDK, and how their
//! specifiers are made to name the bundle. What makes a bundle is not here.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use memchr::memmem;
use presentry_parser::{Span, StringLiteral};

use crate::{
    debug_id::without_debug_id,
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    entry_refs::{padded, specifiers, utf16_length},
    graph::{Graph, Module},
    overlay::Overlay,
    plan::{ChangeKind, Digest, FileChange, Outcome, Plan},
    proof::prove,
    sources::{ModulePath, Sources},
    specifier::{Target, package_name, relative, resolve},
};

/// The first words of a module of a bundle, and the word behind the version.
const MARK: &str = "// presentry ";
const WORD: &str = "bundle";

/// What the first line of a module of a bundle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// The version of presentry that wrote it.
    pub version: String,
    /// The specifier whose exports the module has; `None` where it holds code for other modules of the bundle.
    pub stands_for: Option<String>,
    /// Whether the module is as it was written, but for a debug id.
    pub intact: bool,
}

/// The first line of a module of a bundle, before its digest is known.
///
/// ```
/// # use presentry_rewriter::{bundle_header, bundle_line, sealed};
/// let text = format!("{}\nexport const init = () => {{}};\n", bundle_line(Some("@sentry/node")));
/// let header = bundle_header(sealed(text).as_bytes()).unwrap();
/// assert!(header.intact);
/// assert_eq!(header.stands_for.as_deref(), Some("@sentry/node"));
/// ```
#[must_use]
pub fn bundle_line(stands_for: Option<&str>) -> String {
    let specifier = stands_for.map(|specifier| format!(" {specifier}")).unwrap_or_default();
    format!("{MARK}{} {WORD} {}{specifier}", env!("CARGO_PKG_VERSION"), Digest::of(b""))
}

/// Writes the digest of a module into its first line, which [`bundle_line`] made.
#[must_use]
pub fn sealed(text: String) -> String {
    let Some(parts) = Parts::of(text.as_bytes()) else { return text };
    let (unsealed, digest) = (parts.digest.to_string(), parts.digest_of_rest().to_string());
    text.replacen(&unsealed, &digest, 1)
}

/// Reads the header of a module of a bundle; `None` when the file is none.
#[must_use]
pub fn bundle_header(bytes: &[u8]) -> Option<BundleHeader> {
    let parts = Parts::of(bytes)?;
    let intact = parts.digest_of_rest() == parts.digest;
    Some(BundleHeader { version: parts.version, stands_for: parts.stands_for, intact })
}

/// The first line, taken apart, and what stands around it.
struct Parts<'a> {
    version: String,
    digest: Digest,
    stands_for: Option<String>,
    text: Cow<'a, [u8]>,
    line: std::ops::Range<usize>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        // `sentry-cli` may have put its snippet before the line, so it need not be the first any more.
        const LINES: usize = 4;
        if !bytes.split(|byte| *byte == b'\n').take(LINES).any(|line| line.starts_with(MARK.as_bytes())) {
            return None;
        }
        let text = without_debug_id(bytes);
        let mut start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n').take(LINES) {
            let range = start..start + line.len();
            start = range.end;
            let Some(words) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(MARK)) else { continue };
            let words: Vec<&str> = words.split_ascii_whitespace().collect();
            let ([version, WORD, digest] | [version, WORD, digest, _]) = words[..] else { continue };
            let digest = Digest::from_hex(digest)?;
            let stands_for = words.get(3).map(|specifier| (*specifier).to_owned());
            return Some(Self { version: version.to_owned(), digest, stands_for, text, line: range });
        }
        None
    }

    fn digest_of_rest(&self) -> Digest {
        let specifier = self.stands_for.as_deref().unwrap_or_default();
        let (before, after) = (&self.text[..self.line.start], &self.text[self.line.end..]);
        Digest::of(&[specifier.as_bytes(), b"\n", before, after].concat())
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

/// What the modules of a build ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageImports {
    /// The specifiers of `@sentry/*` packages, sorted.
    pub sdk: Vec<String>,
    /// All other bare specifiers, sorted.
    pub others: BTreeSet<String>,
}

/// What the modules of a build will ask for when a plan has been carried out.
///
/// # Errors
/// When a module cannot be read, or asks for the SDK in a way that no edit can change.
pub fn package_imports(sources: &dyn Sources, plan: &Plan) -> Result<PackageImports, Box<Diagnostic>> {
    let overlay = planned(sources, plan);
    let graph = Graph::new(&overlay);
    let mut imports = PackageImports::default();
    for path in overlay.scripts().map_err(|error| Box::new(codes::unreadable(&error)))? {
        let Some(module) = graph.load(&path)?.filter(|module| module.bundle.is_none()) else {
            refuse_hidden_import(&graph, &path)?;
            continue;
        };
        refuse_other_requests(&module)?;
        for specifier in specifiers(&module) {
            if specifier.value.strip_prefix(DENO_SCHEME).is_some_and(is_sdk) {
                return Err(Box::new(codes::bundle_two_copies(&module.path, &module.text, specifier.span)));
            }
            let Target::Package(specifier) = resolve(&module.path, &specifier.value) else { continue };
            if !is_sdk(&specifier) {
                imports.others.insert(specifier);
            } else if !imports.sdk.contains(&specifier) {
                imports.sdk.push(specifier);
            }
        }
    }
    imports.sdk.sort();
    Ok(imports)
}

/// What Nitro's presets for Deno put before the name of a package.
const DENO_SCHEME: &str = "npm:";

fn is_sdk(specifier: &str) -> bool {
    package_name(specifier).starts_with("@sentry/")
}

fn planned<'p>(sources: &'p dyn Sources, plan: &'p Plan) -> Overlay<'p> {
    let mut overlay = Overlay::new(sources);
    for change in &plan.changes {
        overlay.set(change.path.clone(), change.after.as_deref().map(Cow::Borrowed));
    }
    overlay
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
pub fn with_bundle(sources: &dyn Sources, plan: Plan, entry: &ModulePath, bundle: &Bundle) -> Plan {
    match repointed(sources, &plan, entry, bundle) {
        Ok(changes) => proven_again(sources, plan, entry, changes),
        Err(error) => {
            Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: None, diagnostics: vec![*error], ..plan }
        }
    }
}

fn repointed(
    sources: &dyn Sources,
    plan: &Plan,
    entry: &ModulePath,
    bundle: &Bundle,
) -> Result<Vec<FileChange>, Box<Diagnostic>> {
    let overlay = planned(sources, plan);
    let graph = Graph::new(&overlay);
    let mut changes: BTreeMap<ModulePath, FileChange> =
        plan.changes.iter().map(|change| (change.path.clone(), change.clone())).collect();
    for path in overlay.scripts().map_err(|error| Box::new(codes::unreadable(&error)))? {
        let Some(module) = graph.load(&path)?.filter(|_| !bundle.files.contains_key(&path)) else { continue };
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

/// The edit that makes a specifier of the SDK name the bundle; `None` for every other specifier.
fn repoint(module: &Module, literal: &StringLiteral, bundle: &Bundle) -> Option<TextEdit> {
    let Target::Package(specifier) = resolve(&module.path, &literal.value) else { return None };
    let to = relative(&module.path, bundle.modules.get(&specifier)?);
    let span = Span { start: literal.span.start + 1, end: literal.span.end - 1 };
    let (directory, name) = to.split_at(to.rfind('/').map_or(0, |slash| slash + 1));
    let missing = utf16_length(span.of(&module.text)).saturating_sub(utf16_length(&to));
    Some(TextEdit { span, replacement: format!("{directory}{}", padded(name.to_owned(), missing)) })
}

fn proven_again(sources: &dyn Sources, plan: Plan, entry: &ModulePath, changes: Vec<FileChange>) -> Plan {
    let plan = Plan { changes, ..plan };
    let overlay = planned(sources, &plan);
    let left = Graph::new(&overlay);
    if let Err(error) = refuse_leftovers(&left, &plan) {
        return Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: None, diagnostics: vec![*error], ..plan };
    }
    let proof = prove(&overlay, entry);
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
            |specifier| matches!(resolve(&module.path, &specifier.value), Target::Package(package) if is_sdk(&package)),
        );
        if let Some(specifier) = left {
            return Err(Box::new(codes::bundle_two_copies(&module.path, &module.text, specifier.span)));
        }
    }
    Ok(())
}
