//! The libraries that Sentry instruments, and which of them are loaded too early for that. The lists are facts; what the
//! packages of a build load is read from their files.
//!
//! A package is followed where it is loaded before Sentry has started: to the libraries behind it, and to modules of the
//! build that it imports. Packages of Sentry are trusted to load neither.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use memchr::memmem;
use presentry_parser::{FileGoal, RequestMeans, Span, run_time_requests};

use crate::{
    diagnostics::{Diagnostic, Label, codes},
    graph::{Edge, Graph, PackageEdge},
    packages::Means,
    sdk::{is_of_sentry, server_packages},
    sources::{ModulePath, Sources},
    specifier::{Target, package_name},
};

/// How the hooks of `@sentry/node` 8.55, 9.47 and 10.70 instrument a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patch {
    /// What its main module exports is changed, whenever that is imported through the hooks: by a later import as well.
    Exports,
    /// Files of it are changed while they are loaded for the first time (`InstrumentationNodeModuleFile`).
    Files,
}

/// The libraries that hooks instrument, sorted: what those versions set up by themselves or offer as an integration
/// (`src/integrations/tracing`), under the names that each of its instrumentations gives to
/// `InstrumentationNodeModuleDefinition`. What is instrumented through channels of Node or of the library is left out.
static LIBRARIES: &[(&str, Patch)] = &[
    ("@anthropic-ai/sdk", Patch::Exports),
    ("@firebase/firestore", Patch::Files),
    ("@google/genai", Patch::Exports),
    ("@hapi/hapi", Patch::Exports),
    ("@langchain/anthropic", Patch::Exports),
    ("@langchain/core", Patch::Exports),
    ("@langchain/google-genai", Patch::Exports),
    ("@langchain/google-vertexai", Patch::Exports),
    ("@langchain/groq", Patch::Exports),
    ("@langchain/langgraph", Patch::Exports),
    ("@langchain/mistralai", Patch::Exports),
    ("@langchain/openai", Patch::Exports),
    ("@nestjs/common", Patch::Files),
    ("@nestjs/core", Patch::Files),
    ("@node-redis/client", Patch::Files),
    ("@prisma/client", Patch::Exports),
    ("@redis/client", Patch::Files),
    ("ai", Patch::Exports),
    ("amqplib", Patch::Files),
    ("connect", Patch::Exports),
    ("dataloader", Patch::Exports),
    ("express", Patch::Exports),
    ("fastify", Patch::Exports),
    ("firebase-functions", Patch::Files),
    ("generic-pool", Patch::Exports),
    ("graphql", Patch::Files),
    ("hono", Patch::Exports),
    ("ioredis", Patch::Exports),
    ("kafkajs", Patch::Exports),
    ("knex", Patch::Files),
    ("koa", Patch::Exports),
    ("langchain", Patch::Exports),
    ("lru-memoizer", Patch::Exports),
    ("mongodb", Patch::Files),
    ("mongoose", Patch::Exports),
    ("mysql", Patch::Exports),
    ("mysql2", Patch::Exports),
    ("openai", Patch::Exports),
    ("pg", Patch::Exports),
    ("pg-pool", Patch::Exports),
    ("postgres", Patch::Exports),
    ("redis", Patch::Exports),
    ("tedious", Patch::Exports),
];

/// Whether the SDK instruments a package through hooks, up to version 10.
///
/// ```
/// assert!(presentry_rewriter::is_instrumented("pg"));
/// assert!(!presentry_rewriter::is_instrumented("h3"));
/// ```
#[must_use]
pub fn is_instrumented(package: &str) -> bool {
    patch(package).is_some()
}

/// The names of all those packages, sorted.
pub fn instrumented() -> impl Iterator<Item = &'static str> {
    LIBRARIES.iter().map(|(name, _)| *name)
}

/// The libraries that the SDK instruments which a module imports by the names of its server packages: from its own
/// configuration where it injects channels, as version 11 does. `None` where there is no such SDK.
#[must_use]
pub fn instrumented_by_sdk(sources: &dyn Sources, importer: &ModulePath) -> Option<BTreeSet<String>> {
    let load =
        |name: &str| Load { importer: importer.clone(), specifier: name.to_owned(), span: Span { start: 0, end: 0 } };
    let loads: Vec<Load> = server_packages().map(load).collect();
    injected(&Graph::new(sources), &loads).ok().flatten()
}

fn patch(package: &str) -> Option<Patch> {
    LIBRARIES.binary_search_by(|(name, _)| (*name).cmp(package)).ok().map(|at| LIBRARIES[at].1)
}

/// A request of a package that is made before Sentry has started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) importer: ModulePath,
    pub(crate) specifier: String,
    pub(crate) span: Span,
}

impl From<&PackageEdge> for Load {
    fn from(PackageEdge { specifier, edge }: &PackageEdge) -> Self {
        Self { importer: edge.from.clone(), specifier: specifier.clone(), span: edge.span }
    }
}

/// What loads lead to.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The files of packages, each with the edge by which it was reached first.
    files: BTreeMap<ModulePath, Edge>,
    /// The packages of those files by name, with the first file of each.
    packages: BTreeMap<String, ModulePath>,
    /// Modules of the build that a package imports, with the edge.
    pub(crate) back: BTreeMap<ModulePath, Edge>,
}

impl Loaded {
    /// The edges from a module of the build to a file of a package.
    pub(crate) fn chain(&self, file: &ModulePath) -> Vec<Edge> {
        let mut chain = Vec::new();
        let mut at = file;
        while let Some(edge) = self.files.get(at) {
            chain.push(edge.clone());
            at = &edge.from;
        }
        chain.reverse();
        chain
    }
}

/// Follows loads through the packages of a build, as far as they load further files when they are loaded.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn follow(graph: &Graph<'_>, loads: &[Load]) -> Result<Loaded, Box<Diagnostic>> {
    let mut loaded = Loaded::default();
    let mut queue = VecDeque::new();
    for load in loads.iter().filter(|load| !is_of_sentry(package_name(&load.specifier))) {
        for file in graph.files_of(&load.importer, &load.specifier, Means::Import) {
            reach(graph, &mut loaded, &mut queue, file, Edge { from: load.importer.clone(), span: load.span });
        }
    }
    while let Some(path) = queue.pop_front() {
        for (file, span) in requests(graph, &path)? {
            reach(graph, &mut loaded, &mut queue, file, Edge { from: path.clone(), span });
        }
    }
    Ok(loaded)
}

fn reach(graph: &Graph<'_>, loaded: &mut Loaded, queue: &mut VecDeque<ModulePath>, file: ModulePath, edge: Edge) {
    if !is_in_packages(&file) {
        loaded.back.entry(file).or_insert(edge);
        return;
    }
    if loaded.files.contains_key(&file) {
        return;
    }
    if let Some(name) = graph.packages().name_of(&file) {
        if is_of_sentry(&name) {
            return;
        }
        loaded.packages.entry(name).or_insert_with(|| file.clone());
    }
    loaded.files.insert(file.clone(), edge);
    queue.push_back(file);
}

fn is_in_packages(file: &ModulePath) -> bool {
    file.as_str().split('/').any(|segment| segment == "node_modules")
}

/// The files of the build that a file of a package loads when it is loaded.
fn requests(graph: &Graph<'_>, path: &ModulePath) -> Result<Vec<(ModulePath, Span)>, Box<Diagnostic>> {
    if let Some(module) = graph.load(path)? {
        let requests = module.record.requested_modules.iter().map(|one| (&one.specifier.value, one.specifier.span));
        let awaited = module.record.dynamic_imports.iter().filter(|import| import.top_level && import.awaited);
        let awaited = awaited.filter_map(|import| import.specifier.as_ref());
        let all = requests.chain(awaited.map(|specifier| (&specifier.value, specifier.span)));
        return Ok(all
            .flat_map(|(specifier, span)| {
                graph.files_of(path, specifier, Means::Import).into_iter().map(move |file| (file, span))
            })
            .collect());
    }
    if !(path.as_str().ends_with(".js") || path.as_str().ends_with(".cjs")) {
        return Ok(Vec::new());
    }
    let bytes = graph.sources().read(path).map_err(|error| Box::new(codes::unreadable(&error)))?;
    let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default());
    let requests = run_time_requests(&text, FileGoal::CommonJs).into_iter();
    let always = requests.filter(|request| request.always && request.means == RequestMeans::Require);
    Ok(always
        .flat_map(|request| {
            let found = graph.files_of(path, &request.specifier.value, Means::Require);
            found.into_iter().map(move |file| (file, request.specifier.span))
        })
        .collect())
}

/// A library that Sentry cannot instrument any more once it starts.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) package: String,
    /// From the module of the build that loads it, over packages.
    pub(crate) chain: Vec<Edge>,
    /// The first module of the runtime that imports it, too.
    pub(crate) used_by: Option<ModulePath>,
}

/// Which libraries are lost among those that are loaded before Sentry has started. `before` are the modules of the
/// build that are loaded then, and so are no part of the runtime.
///
/// # Errors
/// When a module of the build cannot be read.
pub(crate) fn lost(
    graph: &Graph<'_>,
    loaded: &Loaded,
    before: &BTreeSet<ModulePath>,
    sdk: &[Load],
) -> Result<Vec<Early>, Box<Diagnostic>> {
    if loaded.packages.is_empty() {
        return Ok(Vec::new());
    }
    let injected = injected(graph, sdk)?;
    let mut lost = Vec::new();
    for (package, file) in &loaded.packages {
        let by_injection = injected.as_ref().is_some_and(|names| names.contains(package));
        let patch = if injected.is_some() { by_injection.then_some(Patch::Files) } else { patch(package) };
        let Some(patch) = patch else { continue };
        let used_by = user(graph, package, before)?;
        // The hooks see it again when the runtime imports it itself, and change what it exports.
        if patch == Patch::Exports && used_by.is_some() {
            continue;
        }
        lost.push(Early { package: package.clone(), chain: loaded.chain(file), used_by });
    }
    Ok(lost)
}

/// A module of the runtime that imports a package itself.
fn user(
    graph: &Graph<'_>,
    package: &str,
    before: &BTreeSet<ModulePath>,
) -> Result<Option<ModulePath>, Box<Diagnostic>> {
    let unreadable = |error| Box::new(codes::unreadable(&error));
    for script in graph.sources().scripts().map_err(unreadable)? {
        if before.contains(&script) {
            continue;
        }
        let bytes = graph.sources().read(&script).map_err(unreadable)?.unwrap_or_default();
        if memmem::find(&bytes, package.as_bytes()).is_none() {
            continue;
        }
        let Some(module) = graph.load(&script)? else { continue };
        let mut edges = graph.static_edges(&module).into_iter().chain(graph.dynamic_edges(&module));
        if edges.any(|(target, _)| matches!(target, Target::Package(bare) if package_name(&bare) == package)) {
            return Ok(Some(script));
        }
    }
    Ok(None)
}

/// The names of the libraries that the SDK of a build injects channels into while they are loaded, from its own
/// configuration (`build/*/orchestrion/config` of `@sentry/server-utils`): version 11 does that in place of hooks.
/// `None` where it does not.
fn injected(graph: &Graph<'_>, sdk: &[Load]) -> Result<Option<BTreeSet<String>>, Box<Diagnostic>> {
    const VERSION: u64 = 11;
    for load in sdk {
        for file in graph.files_of(&load.importer, &load.specifier, Means::Import) {
            if graph.packages().major_version(&file).is_none_or(|major| major < VERSION) {
                continue;
            }
            let mut names = BTreeSet::new();
            let configuration = "@sentry/server-utils/orchestrion/config";
            let mut queue = graph.files_of(&file, configuration, Means::Import);
            let mut seen: BTreeSet<ModulePath> = queue.iter().cloned().collect();
            while let Some(path) = queue.pop() {
                let Some(module) = graph.linked(&path)? else { continue };
                names.extend(names_in(module.text()));
                for (target, _) in graph.edges_of(&module) {
                    if let Target::File(file) = target
                        && seen.insert(file.clone())
                    {
                        queue.push(file);
                    }
                }
            }
            // Where it cannot be read, the libraries are taken to be the same ones.
            return Ok(Some(if names.is_empty() { instrumented().map(str::to_owned).collect() } else { names }));
        }
    }
    Ok(None)
}

/// The values of the members `name` of object literals. What `registrationOnly` is called with gets no channels: it is
/// transformed only so that a bundler keeps its integration.
fn names_in(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("name: ").filter_map(|(at, member)| {
        let before = text[..at].chars().next_back();
        let value = &text[at + member.len()..];
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let name = value[1..].split(quote).next()?;
        let is_member = before.is_some_and(|before| before.is_whitespace() || matches!(before, '{' | ','));
        let registers = text[..at].trim_end().ends_with("registrationOnly({");
        (is_member && !registers).then(|| name.to_owned())
    })
}

/// The places of a chain.
pub(crate) fn labels(graph: &Graph<'_>, chain: &[Edge]) -> Vec<Label> {
    let label = |edge: &Edge| {
        let bytes = graph.sources().read(&edge.from).ok()??;
        let text = String::from_utf8_lossy(&bytes);
        Some(Label::new(&edge.from, &text, edge.span, ""))
    };
    chain.iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(instrumented().is_sorted());
        assert_eq!(patch("graphql"), Some(Patch::Files));
        assert_eq!(patch("zod"), None);
    }

    #[test]
    fn names_of_a_configuration() {
        let text = r#"const m = { name: "@a/b", versionRange: "*" }; const c = [{ channelName: "q", module: { name: 'pg', x }, functionQuery: { functionName: "f" } }];"#;
        assert_eq!(names_in(text).collect::<Vec<_>>(), ["@a/b", "pg"]);
        let text = r#"[registrationOnly({ name: "h3", versionRange: ">=2" }), x.registrationOnly({ name: "ai" }), { module: { name: "ioredis" } }]"#;
        assert_eq!(names_in(text).collect::<Vec<_>>(), ["ioredis"]);
    }
}
