//! How a plan gets libraries with channels, and the marker that tells the SDK of them. What injects channels is not here.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use presentry_parser::Span;

use crate::{
    diagnostics::{Diagnostic, codes},
    edits::{TextEdit, apply},
    graph::Graph,
    injected::{Holder, Hooks, Injected},
    insertions::{Insertion, split_at_mappings},
    plan::{ChangeKind, FileChange, Mode, Outcome, Plan, Request, tell_guard},
    proof::prove_with,
    sources::{ModulePath, Sources},
    specifier::literal,
};

/// A file of a library, as it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithChannels {
    /// What is in it.
    pub text: Vec<u8>,
    /// The channels, each with the function that publishes on it.
    pub channels: Vec<(String, String)>,
}

/// Libraries with channels, as they will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libraries {
    /// The packages, by name.
    pub names: Vec<String>,
    /// Their files, the chunks that they are bundled in, and the module that makes the channels of these.
    pub files: BTreeMap<ModulePath, WithChannels>,
    /// The source maps of the chunks.
    pub maps: BTreeMap<ModulePath, Vec<u8>>,
    /// Whether hooks are registered beside them.
    pub hooks: Hooks,
}

impl Libraries {
    fn channels(&self) -> BTreeSet<&str> {
        self.files.values().flat_map(|file| &file.channels).map(|(channel, _)| channel.as_str()).collect()
    }

    fn injected(&self) -> Injected {
        let holder =
            |(path, file): (&ModulePath, &WithChannels)| (path.clone(), Holder::of(&file.text, file.channels.clone()));
        Injected { libraries: self.names.clone(), files: self.files.iter().map(holder).collect(), hooks: self.hooks }
    }
}

/// Adds libraries with channels, and the marker, to a plan, and proves it again. A plan that is refused, or has nothing to
/// change, stays as it is.
#[must_use]
pub fn with_channels(sources: &dyn Sources, plan: Plan, request: &Request, libraries: Libraries) -> Plan {
    if plan.outcome != Outcome::Rewritten {
        return plan;
    }
    match changes(sources, &plan, &request.instrumentation, libraries) {
        Ok(changes) => proven(sources, Plan { changes, ..plan }, request),
        Err(error) => refused(plan, vec![*error]),
    }
}

fn refused(plan: Plan, diagnostics: Vec<Diagnostic>) -> Plan {
    Plan { outcome: Outcome::Refused, changes: Vec::new(), proof: None, diagnostics, ..plan }
}

fn changes(
    sources: &dyn Sources,
    plan: &Plan,
    instrumentation: &ModulePath,
    libraries: Libraries,
) -> Result<Vec<FileChange>, Box<Diagnostic>> {
    let overlay = plan.over(sources);
    let mut changes: BTreeMap<ModulePath, FileChange> =
        plan.changes.iter().map(|change| (change.path.clone(), change.clone())).collect();
    let path = free_name(&overlay, instrumentation, "channels")?;
    for (file, edited) in with_import(&overlay, instrumentation, &path)? {
        set(&mut changes, sources, &file, ChangeKind::Repointed, edited.into_bytes(), None)?;
    }
    if let (Some(facade), Some(proof)) =
        (changes.values_mut().find(|change| change.kind == ChangeKind::Facade), &plan.proof)
    {
        tell_guard(facade, proof.verdict, &libraries.channels());
    }
    let text = libraries.injected().marker().into_bytes();
    set(&mut changes, sources, &path, ChangeKind::Channels, text, Some(instrumentation.clone()))?;
    for (path, file) in libraries.files {
        // A module that was not there has the mode of the others.
        let like = (!sources.exists(&path)).then(|| instrumentation.clone());
        set(&mut changes, sources, &path, ChangeKind::Channels, file.text, like)?;
    }
    for (path, map) in libraries.maps {
        set(&mut changes, sources, &path, ChangeKind::Channels, map, None)?;
    }
    Ok(changes.into_values().collect())
}

/// Gives a file its new text. One that the plan changes already keeps its kind.
fn set(
    changes: &mut BTreeMap<ModulePath, FileChange>,
    sources: &dyn Sources,
    path: &ModulePath,
    kind: ChangeKind,
    text: Vec<u8>,
    mode_from: Option<ModulePath>,
) -> Result<(), Box<Diagnostic>> {
    if let Some(change) = changes.get_mut(path) {
        change.after = Some(text);
        return Ok(());
    }
    let before = sources.read(path).map_err(|error| Box::new(codes::unreadable(&error)))?.map(Cow::into_owned);
    let change = FileChange { path: path.clone(), kind, before, after: Some(text), mode_from };
    changes.insert(path.clone(), change);
    Ok(())
}

/// The path of a module that makes the channels of libraries in chunks, in the build as a plan leaves it.
///
/// # Errors
/// When there is a file for each name that it could have.
pub fn module_for_chunks(
    sources: &dyn Sources,
    plan: &Plan,
    instrumentation: &ModulePath,
) -> Result<ModulePath, Box<Diagnostic>> {
    free_name(&plan.over(sources), instrumentation, "channels-of-chunks")
}

/// What a chunk gets before everything else: an import of the channels that it publishes on. It stands before the first
/// statement on the same line, so that no line moves.
#[must_use]
pub fn import_of_channels(text: &str, chunk: &ModulePath, module: &ModulePath, names: &[String]) -> Insertion {
    let (record, _) = presentry_parser::parse(text);
    Insertion {
        line: usize::from(record.hashbang.is_some()),
        column: usize::from(record.byte_order_mark),
        text: format!("import {{ {} }} from {}; ", names.join(", "), literal(chunk, module)),
        instead_of: String::new(),
    }
}

fn free_name(sources: &dyn Sources, instrumentation: &ModulePath, stem: &str) -> Result<ModulePath, Box<Diagnostic>> {
    const TRIED: usize = 100;
    let names = std::iter::once(format!("{stem}.mjs")).chain((1..TRIED).map(|number| format!("{stem}-{number}.mjs")));
    let mut paths = names.filter_map(|name| instrumentation.sibling(&name).ok());
    paths.find(|path| !sources.exists(path)).ok_or_else(|| Box::new(codes::no_free_name(instrumentation)))
}

/// The instrumentation with an import of the marker on a line of its own before everything else, and its source map moved by
/// that line.
fn with_import(
    sources: &dyn Sources,
    instrumentation: &ModulePath,
    marker: &ModulePath,
) -> Result<Vec<(ModulePath, String)>, Box<Diagnostic>> {
    let graph = Graph::new(sources);
    let Some(module) = graph.load(instrumentation)? else {
        return Err(Box::new(codes::instrumentation_missing(instrumentation)));
    };
    let text = &module.text;
    // Behind a hashbang, which has to stay what it is, and behind a byte order mark.
    let start = match module.record.hashbang {
        Some(hashbang) => text[hashbang.end..].find('\n').map_or(text.len(), |end| hashbang.end + end + 1),
        None => text.len() - text.trim_start_matches('\u{feff}').len(),
    };
    let replacement = format!("import {};\n", literal(instrumentation, marker));
    let edit = TextEdit { span: Span { start, end: start }, replacement };
    let mut edited = vec![(instrumentation.clone(), apply(text, vec![edit]))];
    let map = instrumentation.sibling(&format!("{}.map", instrumentation.file_name())).expect("a file name");
    let bytes = sources.read(&map).map_err(|error| Box::new(codes::unreadable(&error)))?;
    let moved = bytes.and_then(|bytes| moved_by_a_line(std::str::from_utf8(&bytes).ok()?));
    edited.extend(moved.map(|moved| (map, moved)));
    Ok(edited)
}

/// A source map whose lines stand one further down. What has no mappings of its own, an index map, stays as it is.
fn moved_by_a_line(map: &str) -> Option<String> {
    let (before, mappings, behind) = split_at_mappings(map)?;
    Some(format!("{before};{mappings}{behind}"))
}

fn proven(sources: &dyn Sources, plan: Plan, request: &Request) -> Plan {
    if request.mode == Mode::TopLevelImport {
        return plan;
    }
    let proof = prove_with(&plan.over(sources), &request.entry, request.trust);
    if proof.holds() {
        // What was warned of without channels may not hold any more.
        let before = plan.proof.as_ref().map_or(&[][..], |proof| &proof.warnings);
        let others = plan.diagnostics.iter().filter(|diagnostic| !before.contains(diagnostic));
        let diagnostics = proof.warnings.iter().chain(others).cloned().collect();
        return Plan { diagnostics, proof: Some(proof), ..plan };
    }
    let failures = proof.failures.clone();
    Plan { proof: Some(proof), ..refused(plan, failures) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_moves_by_a_line() {
        let map = r#"{"sourcesContent":["\"mappings\":\"no\""],"mappings" : "AAAA","names":[]}"#;
        let moved = r#"{"sourcesContent":["\"mappings\":\"no\""],"mappings" : ";AAAA","names":[]}"#;
        assert_eq!(moved_by_a_line(map).as_deref(), Some(moved));
        assert_eq!(moved_by_a_line(r#"{"sections":[]}"#), None);
    }
}
