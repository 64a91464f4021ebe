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
    /// Whether code of it names a module of the build, which it may load when it is called.
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
        for (file, is_called) in loaded(graph, &module) {
            found.names_build = found.names_build || is_called && !is_in_packages(&file);
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

/// The files that a module imports or requires, each with whether it does so only when some of its code is called: what a
/// package loads of the build at once is looked at elsewhere.
fn loaded(graph: &Graph<'_>, module: &Module) -> Vec<(ModulePath, bool)> {
    let file = |specifier: &str, means| graph.files_of(&module.path, specifier, means).into_iter().next();
    if graph.load(&module.path).ok().flatten().is_none() {
        let requests = run_time_requests(&module.text, FileGoal::CommonJs).into_iter();
        let required =
            requests.filter_map(|request| Some((file(&request.specifier.value, Means::Require)?, !request.always)));
        let may_import = module.text.contains("import(");
        let imports =
            if may_import { presentry_parser::parse(&module.text).0.dynamic_imports } else { Vec::new() }.into_iter();
        let imported = imports.filter_map(|import| Some((file(&import.specifier?.value, Means::Import)?, true)));
        return required.chain(imported).collect();
    }
    let at_once = graph.static_edges(module).into_iter().map(|(target, _)| (target, false));
    let edges = at_once.chain(graph.dynamic_edges(module).into_iter().map(|(target, _)| (target, true)));
    let files = edges.filter_map(|(target, is_called)| match target {
        Target::File(file) => Some((file, is_called)),
        Target::Package(specifier) => Some((file(&specifier, Means::Import)?, is_called)),
        _ => None,
    });
    files.collect()
}
