//! Which modules are the runtime: found by the graph, from the entry or from what it loads by `import()`.

use std::collections::BTreeSet;

use memchr::memmem;
use presentry_parser::RequestForm;

use crate::{
    diagnostics::{Diagnostic, Label},
    exports::{Resolution, exported_names},
    graph::{Graph, Linked},
    sdk,
    sources::ModulePath,
    specifier::Target,
    starts::may_start_sentry,
};

/// Whether a text holds the Nitro runtime: the part that reads the runtime config from the environment
/// (`nitropack/src/runtime/internal/config.ts`, 2.8 to 2.13) is in most server builds, and a minifier keeps the name of an
/// environment variable. The graph finds the runtime; this tells it among several modules that the graph allows, and tells
/// an entry that holds it. That a text lacks it tells nothing.
#[must_use]
pub fn holds_nitro_runtime(text: &[u8]) -> bool {
    memmem::find(text, b"NITRO_ENV_PREFIX").is_some()
}

/// Whether a module of the build holds the Nitro runtime, whatever its name.
pub(crate) fn is_nitro_runtime(graph: &Graph<'_>, path: &ModulePath) -> bool {
    let module = graph.linked(path).ok().flatten();
    module.is_some_and(|module| holds_nitro_runtime(module.text().as_bytes()))
}

/// The modules behind a root that are the server themselves: those that declare what it exports, and where it exports
/// nothing, those that it imports for what they do. What else a root imports may be shared.
pub(crate) fn serving(graph: &Graph<'_>, root: &ModulePath) -> Result<BTreeSet<ModulePath>, Box<Diagnostic>> {
    let mut found = BTreeSet::new();
    serving_in(graph, root, &mut BTreeSet::new(), &mut found)?;
    found.remove(root);
    Ok(found)
}

fn serving_in(
    graph: &Graph<'_>,
    root: &ModulePath,
    visited: &mut BTreeSet<ModulePath>,
    found: &mut BTreeSet<ModulePath>,
) -> Result<(), Box<Diagnostic>> {
    let Some(module) = graph.linked(root)?.filter(|_| visited.insert(root.clone())) else { return Ok(()) };
    // Exports that cannot be followed tell nothing.
    let exports = exported_names(graph, &module).unwrap_or_default();
    if exports.is_empty() {
        found.extend(for_what_they_do(graph, &module)?);
    }
    for (_, resolution) in exports {
        match resolution {
            Resolution::Binding { module, .. } => {
                found.insert(module);
            }
            Resolution::Namespace { of: Target::File(file), .. } => {
                found.insert(file.clone());
                serving_in(graph, &file, visited, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The modules that a module imports without bindings, without those that a bundler hoisted there: another import leads
/// to them. Several are left where some only prepare others: the last one, and those that load parts of the build later.
fn for_what_they_do(graph: &Graph<'_>, module: &Linked) -> Result<Vec<ModulePath>, Box<Diagnostic>> {
    let mut imports: Vec<(ModulePath, bool)> = Vec::new();
    for request in module.requested_modules() {
        if let Target::File(file) = graph.resolve(module.path(), &request.specifier.value) {
            imports.push((file, request.form == RequestForm::Bare));
        }
    }
    let mut own = Vec::new();
    for (file, _) in imports.iter().filter(|(_, is_bare)| *is_bare) {
        let behind = graph.closure(file)?;
        let mut is_hoisted = false;
        for (other, _) in imports.iter().filter(|(other, _)| other != file && !behind.contains(other)) {
            is_hoisted = is_hoisted || graph.closure(other)?.contains(file);
        }
        if !is_hoisted {
            own.push(file.clone());
        }
    }
    let last = own.last().cloned();
    own.retain(|file| {
        let module = graph.load(file).ok().flatten();
        let loads = module.is_some_and(|module| {
            graph.dynamic_edges(&module).iter().any(|(target, _)| matches!(target, Target::File(_)))
        });
        loads || Some(file) == last.as_ref()
    });
    Ok(own)
}

/// Whether one of the modules that an entry loads by `import()` imports the entry back: then the entry is a part of the
/// runtime itself.
pub(crate) fn is_imported_back<'p>(
    graph: &Graph<'_>,
    entry: &ModulePath,
    mut loaded: impl Iterator<Item = &'p ModulePath>,
) -> Result<bool, Box<Diagnostic>> {
    loaded.try_fold(false, |found, path| Ok(found || path != entry && graph.closure(path)?.contains(entry)))
}

/// The calls of `init` of a package of Sentry in the static closure of a module, wherever they stand. Only text is
/// looked at: whether such a call is ever reached is not known.
pub(crate) fn inits_behind(graph: &Graph<'_>, start: &ModulePath) -> Result<Vec<Label>, Box<Diagnostic>> {
    let mut labels = Vec::new();
    for path in graph.closure(start)?.paths() {
        let is_candidate = |module: &Linked| module.bundle().is_none() && may_start_sentry(module.text().as_bytes());
        let Some(module) = graph.load_where(path, is_candidate)? else { continue };
        labels.extend(sdk::calls_of_init(&module).into_iter().map(|span| module.label(span, "")));
    }
    Ok(labels)
}
