//! Which modules are the runtime, so that loading one is loading the runtime.

use std::{collections::BTreeSet, rc::Rc};

use crate::{
    diagnostics::Diagnostic,
    graph::{Graph, Module},
    runtime::{is_nitro_runtime, serving},
    sdk,
    sources::ModulePath,
    specifier::Target,
    starts::may_start_sentry,
};

/// Which modules are the runtime.
#[derive(Debug)]
pub(super) struct Targets {
    /// The modules whose load is a load of the runtime.
    roots: BTreeSet<ModulePath>,
    /// Whether some function of the modules may load the runtime, so that calling an unknown one may.
    pub(super) is_dangerous: bool,
}

impl Targets {
    /// Nothing is the runtime.
    pub(super) fn none() -> Self {
        Self { roots: BTreeSet::new(), is_dangerous: false }
    }

    /// Reads them from the entry: what it, or a module of its closure, loads by `import()`.
    pub(super) fn of(graph: &Graph<'_>, entry: &ModulePath) -> Result<Self, Box<Diagnostic>> {
        let closure = graph.closure_in_full(entry)?;
        let mut of_entry: BTreeSet<ModulePath> = BTreeSet::new();
        let mut of_all = BTreeSet::new();
        for path in closure.paths() {
            let Some(module) = graph.load(path)? else { continue };
            for (target, _) in graph.dynamic_edges(&module) {
                if let Target::File(file) = target {
                    if path == entry {
                        of_entry.insert(file.clone());
                    }
                    of_all.insert(file);
                }
            }
        }
        let candidates = if of_entry.is_empty() { of_all } else { of_entry.clone() };
        let mut marked = BTreeSet::new();
        for candidate in &candidates {
            if graph.closure(candidate)?.paths().any(|path| is_nitro_runtime(graph, path)) {
                marked.insert(candidate.clone());
            }
        }
        let mut roots = if marked.is_empty() { candidates } else { marked };
        // What such a module exports is declared in the chunk that serves, which the instrumentation may share.
        for root in roots.clone() {
            roots.extend(serving(graph, &root)?);
        }
        for module in serving_entry(graph, entry, &of_entry)? {
            roots.insert(module);
        }
        let mut targets = Self { roots, is_dangerous: false };
        for path in closure.paths() {
            let Some(module) = graph.load(path)? else {
                let is_script = |script: Rc<Module>| script.text.contains("import(") || names_loader(&script.text);
                targets.is_dangerous = targets.is_dangerous || graph.script(path).is_some_and(is_script);
                continue;
            };
            targets.is_dangerous = targets.is_dangerous || targets.may_load_in_a_function(graph, &module)?;
        }
        Ok(targets)
    }

    fn may_load_in_a_function(&self, graph: &Graph<'_>, module: &Module) -> Result<bool, Box<Diagnostic>> {
        if module.bundle.is_some() {
            return Ok(false);
        }
        if names_loader(&module.text) {
            return Ok(true);
        }
        for import in module.record.dynamic_imports.iter().filter(|import| !import.top_level) {
            let Some(specifier) = &import.specifier else { return Ok(true) };
            match graph.resolve(&module.path, &specifier.value) {
                Target::File(file) if self.is_runtime(graph, &file)? => return Ok(true),
                Target::Elsewhere(_) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Whether a module is the runtime itself: what it imports is evaluated with it.
    pub(super) fn is_root(&self, path: &ModulePath) -> bool {
        self.roots.contains(path)
    }

    /// Whether loading a module at run time loads the runtime, or a part of it with its libraries.
    pub(super) fn is_runtime(&self, graph: &Graph<'_>, path: &ModulePath) -> Result<bool, Box<Diagnostic>> {
        if self.is_root(path) {
            return Ok(true);
        }
        let closure = graph.closure(path)?;
        if closure.paths().any(|path| self.is_root(path)) {
            return Ok(true);
        }
        let loads = closure.packages.iter().any(|package| !sdk::is_of_sentry(&package.specifier));
        for root in self.roots.iter().filter(|_| loads) {
            if graph.closure(root)?.contains(path) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a text names something that loads modules by other means than `import`.
fn names_loader(text: &str) -> bool {
    const WORDS: [&str; 6] = ["createRequire", "eval", "Function(", "getBuiltinModule", ".constructor", "node:vm"];
    WORDS.iter().any(|word| text.contains(word))
}

/// What the entry itself serves from by static imports. A module that starts Sentry is not the runtime for that, unless it
/// holds what Nitro's does.
pub(crate) fn serving_entry(
    graph: &Graph<'_>,
    entry: &ModulePath,
    loaded: &BTreeSet<ModulePath>,
) -> Result<BTreeSet<ModulePath>, Box<Diagnostic>> {
    let mut serves = serving(graph, entry)?;
    let Some(module) = graph.load(entry)? else { return Ok(serves) };
    if !loaded.is_empty()
        && module.record.local_export_entries.is_empty()
        && module.record.indirect_export_entries.is_empty()
    {
        // An entry that exports nothing and loads something by `import()` imports what prepares that.
        serves.clear();
    }
    let starts = |path: &ModulePath| {
        graph.linked(path).ok().flatten().is_some_and(|module| may_start_sentry(module.text().as_bytes()))
    };
    let starting: BTreeSet<ModulePath> = graph.closure(entry)?.paths().filter(|path| starts(path)).cloned().collect();
    if !starting.is_empty() {
        let reaches =
            |path: &ModulePath| graph.closure(path).is_ok_and(|of| starting.iter().any(|one| of.contains(one)));
        serves.retain(|path| is_nitro_runtime(graph, path) || !reaches(path));
    }
    Ok(serves)
}
