//! Which packages of the build are followed: those that may start Sentry.

use crate::{
    graph::{Graph, Module},
    packages::Means,
    sources::ModulePath,
    specifier::Target,
};

/// The file of a package whose code has to be followed, since it, or what it imports, may start Sentry. `None` for
/// packages that are not in the build, are CommonJS, or never name a package of Sentry.
pub(super) fn followed(graph: &Graph<'_>, importer: &Module, specifier: &str) -> Option<ModulePath> {
    const MOST: usize = 64;
    let start = file_of(graph, importer, specifier)?;
    graph.load(&start).ok().flatten()?;
    let mut seen = vec![start.clone()];
    let mut next = 0;
    while let Some(path) = seen.get(next).cloned() {
        next += 1;
        let Some(module) = graph.load(&path).ok().flatten() else { continue };
        if crate::starts::may_start_sentry(module.text.as_bytes()) {
            return Some(start);
        }
        for (target, _) in graph.static_edges(&module).into_iter().chain(graph.dynamic_edges(&module)) {
            let file = match target {
                Target::File(file) => Some(file),
                Target::Package(specifier) => file_of(graph, &module, &specifier),
                _ => None,
            };
            if let Some(file) = file
                && seen.len() < MOST
                && !seen.contains(&file)
            {
                seen.push(file);
            }
        }
    }
    None
}

fn file_of(graph: &Graph<'_>, importer: &Module, specifier: &str) -> Option<ModulePath> {
    graph.files_of(&importer.path, specifier, Means::Import).into_iter().next()
}
