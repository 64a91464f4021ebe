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

/// What is known of a package of the build.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// The file whose code has to be followed, since it, or what it imports, may start Sentry or loads a module of the
    /// build. `None` for packages that are not in the build, and those that are not followed.
    pub(super) file: Option<ModulePath>,
    /// Whether it names a module of the build.
    pub(super) names_build: bool,
}

/// Looks at the code of a package, and at what it loads.
pub(super) fn followed(
    graph: &Graph<'_>,
    importer: &ModulePath,
    specifier: &str,
    means: Means,
    follow: Follow,
) -> Followed {
    const MOST: usize = 64;
    let mut found = Followed::default();
    let Some(start) = graph.files_of(importer, specifier, means).into_iter().next() else { return found };
    let is_followed = code(graph, &start, follow).is_some();
    let mut may_start = false;
    let mut seen = vec![start.clone()];
    let mut next = 0;
    while let Some(path) = seen.get(next).cloned() {
        next += 1;
        let Some(module) = code(graph, &path, Follow::Scripts) else { continue };
        let is_seen = code(graph, &path, follow).is_some();
        may_start = may_start || is_seen && crate::starts::may_start_sentry(module.text.as_bytes());
        for file in loaded(graph, &module) {
            found.names_build = found.names_build || !is_in_packages(&file);
            if seen.len() < MOST && !seen.contains(&file) {
                seen.push(file);
            }
        }
    }
    found.file = Some(start).filter(|_| is_followed && (may_start || found.names_build));
    found
}

pub(super) fn is_in_packages(file: &ModulePath) -> bool {
    file.as_str().split('/').any(|segment| segment == "node_modules")
}

/// The code of a file, where it is followed. CommonJS files that are not of packages always are.
pub(super) fn code(graph: &Graph<'_>, path: &ModulePath, follow: Follow) -> Option<Rc<Module>> {
    let module = graph.load(path).ok().flatten();
    module.or_else(|| if follow == Follow::Scripts || !is_in_packages(path) { graph.script(path) } else { None })
}

/// The files that a module imports or requires.
fn loaded(graph: &Graph<'_>, module: &Module) -> Vec<ModulePath> {
    let file = |specifier: &str, means| graph.files_of(&module.path, specifier, means).into_iter().next();
    if graph.load(&module.path).ok().flatten().is_none() {
        let requests = run_time_requests(&module.text, FileGoal::CommonJs).into_iter();
        let required = requests.filter_map(|request| file(&request.specifier.value, Means::Require));
        // Those in functions as well.
        let imports = if module.text.contains("import(") {
            presentry_parser::parse(&module.text).0.dynamic_imports
        } else {
            Vec::new()
        };
        let imported = imports.iter().filter_map(|import| file(&import.specifier.as_ref()?.value, Means::Import));
        return required.chain(imported).collect();
    }
    let edges = graph.static_edges(module).into_iter().chain(graph.dynamic_edges(module));
    let files = edges.filter_map(|(target, _)| match target {
        Target::File(file) => Some(file),
        Target::Package(specifier) => file(&specifier, Means::Import),
        _ => None,
    });
    files.collect()
}
