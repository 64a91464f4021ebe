//! Which packages of the build are followed: those that may start Sentry.

use std::rc::Rc;

use presentry_parser::{FileGoal, run_time_requests};

use crate::{
    graph::{Graph, Module},
    packages::Means,
    sources::ModulePath,
    specifier::Target,
};

/// Which packages are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// Those that are ES modules.
    Modules,
    /// Those that are CommonJS as well.
    Scripts,
}

/// The file of a package whose code has to be followed, since it, or what it imports, may start Sentry. `None` for
/// packages that are not in the build, are not followed, or never name a package of Sentry.
pub(super) fn followed(
    graph: &Graph<'_>,
    importer: &ModulePath,
    specifier: &str,
    means: Means,
    follow: Follow,
) -> Option<ModulePath> {
    const MOST: usize = 64;
    let start = graph.files_of(importer, specifier, means).into_iter().next()?;
    code(graph, &start, follow)?;
    let mut seen = vec![start.clone()];
    let mut next = 0;
    while let Some(path) = seen.get(next).cloned() {
        next += 1;
        let Some(module) = code(graph, &path, follow) else { continue };
        if crate::starts::may_start_sentry(module.text.as_bytes()) {
            return Some(start);
        }
        for file in loaded(graph, &module) {
            if seen.len() < MOST && !seen.contains(&file) {
                seen.push(file);
            }
        }
    }
    None
}

/// The code of a file, where it is followed.
pub(super) fn code(graph: &Graph<'_>, path: &ModulePath, follow: Follow) -> Option<Rc<Module>> {
    let module = graph.load(path).ok().flatten();
    module.or_else(|| if follow == Follow::Scripts { graph.script(path) } else { None })
}

/// The files that a module imports or requires.
fn loaded(graph: &Graph<'_>, module: &Module) -> Vec<ModulePath> {
    let file = |specifier: &str, means| graph.files_of(&module.path, specifier, means).into_iter().next();
    if graph.load(&module.path).ok().flatten().is_none() {
        let requests = run_time_requests(&module.text, FileGoal::CommonJs).into_iter();
        return requests.filter_map(|request| file(&request.specifier.value, Means::Require)).collect();
    }
    let edges = graph.static_edges(module).into_iter().chain(graph.dynamic_edges(module));
    let files = edges.filter_map(|(target, _)| match target {
        Target::File(file) => Some(file),
        Target::Package(specifier) => file(&specifier, Means::Import),
        _ => None,
    });
    files.collect()
}
