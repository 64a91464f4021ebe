//! A bundle of the SDK in a build: how its modules are known again, which modules ask for the SDK, and how their
//! specifiers are made to name the bundle. What makes a bundle is not here.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use memchr::memmem;
use presentry_parser::{ImportName, RequestForm, Span, StringLiteral, namespace_members};

use crate::{
    debug_id::without_debug_id,
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    entry_refs::{padded, specifiers, utf16_length},
    graph::{Graph, Module},
    overlay::Overlay,
    plan::{ChangeKind, Digest, FileChange, Outcome, Plan},
    prefilter::{literals, may_name},
    proof::prove,
    sources::{ModulePath, Sources},
    specifier::{Target, package_name, relative, resolve},
};

/// The first words of a module of a bundle, and the word behind the version.
const MARK: &str = "// presentry ";
const WORD: &str = "bundle";

/// Which exports of a module somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// Any of them: its namespace is handed on, or asked for a name that is put together.
    All,
    /// Those of these names; none where it is loaded for what it does.
    Names(BTreeSet<String>),
}

impl AskedFor {
    /// Nothing yet.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Names(BTreeSet::new())
    }

    /// Whether everything is among this that is among `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Names(_), Self::All) => false,
            (Self::Names(these), Self::Names(those)) => those.is_subset(these),
        }
    }

    fn name(&mut self, name: &str) {
        // A name that cannot stand in the first line of a module of a bundle.
        if name.is_empty() || name.contains(|char: char| char.is_whitespace() || matches!(char, ',' | '{' | '}')) {
            *self = Self::All;
        } else if let Self::Names(names) = self {
            names.insert(name.to_owned());
        }
    }

    /// The word of the first line of a module of a bundle, `None` for everything.
    fn word(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Names(names) => {
                Some(format!("{{{}}}", names.iter().map(String::as_str).collect::<Vec<_>>().join(",")))
            }
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let names = word.strip_prefix('{')?.strip_suffix('}')?;
        Some(Self::Names(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    }
}

/// What the first line of a module of a bundle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// The version of presentry that wrote it.
    pub version: String,
    /// The specifier whose exports the module has; `None` where it holds code for other modules of the bundle.
    pub stands_for: Option<String>,
    /// Which of those exports were asked for when it was made: it has no others.
    pub asked_for: AskedFor,
    /// Whether the module is as it was written, but for a debug id.
    pub intact: bool,
}

/// The first line of a module of a bundle, before its digest is known.
///
/// ```
/// # use presentry_rewriter::{AskedFor, bundle_header, bundle_line, sealed};
/// let line = bundle_line(Some(("@sentry/node", &AskedFor::All)));
/// let text = format!("{line}\nexport const init = () => {{}};\n");
/// let header = bundle_header(sealed(text).as_bytes()).unwrap();
/// assert!(header.intact);
/// assert_eq!(header.stands_for.as_deref(), Some("@sentry/node"));
/// ```
#[must_use]
pub fn bundle_line(stands_for: Option<(&str, &AskedFor)>) -> String {
    let mut line = format!("{MARK}{} {WORD} {}", env!("CARGO_PKG_VERSION"), Digest::of(b""));
    let words = stands_for.map(|(specifier, asked_for)| [Some(specifier.to_owned()), asked_for.word()]);
    for word in words.into_iter().flatten().flatten() {
        line.push(' ');
        line.push_str(&word);
    }
    line
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
    let asked_for = parts.asked_for.as_deref().and_then(AskedFor::of_word).unwrap_or(AskedFor::All);
    Some(BundleHeader { version: parts.version, stands_for: parts.stands_for, asked_for, intact })
}

/// The first line, taken apart, and what stands around it.
struct Parts<'a> {
    version: String,
    digest: Digest,
    stands_for: Option<String>,
    asked_for: Option<String>,
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
            let [version, WORD, digest, ref stands_for @ ..] = words[..] else { continue };
            if stands_for.len() > 2 {
                continue;
            }
            let digest = Digest::from_hex(digest)?;
            let word = |at: usize| stands_for.get(at).map(|word| (*word).to_owned());
            let (stands_for, asked_for) = (word(0), word(1));
            return Some(Self { version: version.to_owned(), digest, stands_for, asked_for, text, line: range });
        }
        None
    }

    fn digest_of_rest(&self) -> Digest {
        let words = [&self.stands_for, &self.asked_for].into_iter().flatten().map(String::as_str);
        let words = words.collect::<Vec<_>>().join(" ");
        let (before, after) = (&self.text[..self.line.start], &self.text[self.line.end..]);
        Digest::of(&[words.as_bytes(), b"\n", before, after].concat())
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
    let overlay = planned(sources, plan);
    let graph = Graph::new(&overlay);
    let mut imports = PackageImports::default();
    for path in overlay.scripts().map_err(|error| Box::new(codes::unreadable(&error)))? {
        let bytes = overlay.read(&path).map_err(|error| Box::new(codes::unreadable(&error)))?.unwrap_or_default();
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
