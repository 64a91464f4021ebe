//! What a module exports: `GetExportedNames` and `ResolveExport` of the specification over the graph of a build.

use std::collections::BTreeSet;

use presentry_parser::ImportName;

use crate::{
    diagnostics::{Diagnostic, codes},
    graph::{Graph, Linked, OwnExport, stands_for},
    sources::ModulePath,
    specifier::Target,
};

/// What an export name of a module stands for
/// ([`ResolveExport`](https://tc39.es/ecma262/#sec-resolveexport)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// A binding of a module of the build; without a name it is an anonymous default export. A module that is imported
    /// with another query or fragment is another instance, with bindings of its own.
    Binding { module: ModulePath, instance: String, local_name: Option<String> },
    /// The namespace object of a module, as a binding of the module that imports it. The specification takes two such
    /// bindings for one thing; V8 does not (it makes a local variable of each), and an `export *` of both is ambiguous in
    /// Node. The build runs in Node.
    Namespace { of: Target, module: ModulePath, instance: String },
    /// An export of something that is no ES module of the build.
    External { target: Target, name: String },
    /// The module has no such export, or only itself in a circle.
    NotFound,
    /// Two `export *` give different bindings.
    Ambiguous,
}

/// The names that the namespace object of a module has, in the order of declaration: own names first, then those of
/// `export *` ([`GetExportedNames`](https://tc39.es/ecma262/#sec-getexportednames)). Names that are ambiguous are left
/// out, as the specification does. Modules behind named re-exports need not be read for this.
///
/// # Errors
/// When a module cannot be read, or when an `export *` names something whose exports cannot be known from here.
pub(crate) fn export_names(graph: &Graph<'_>, module: &Linked) -> Result<Vec<String>, Box<Diagnostic>> {
    let mut all = Vec::new();
    collect_names(graph, module, &mut BTreeSet::new(), &mut all)?;
    let own = module.local_export_entries().iter().map(|entry| &entry.export_name);
    let own: BTreeSet<&str> = own
        .chain(module.indirect_export_entries().iter().map(|entry| &entry.export_name))
        .map(|name| name.value.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for name in all {
        if !seen.insert(name.clone()) {
            continue;
        }
        let starred = !own.contains(name.as_str());
        if starred && resolve_export(graph, module.path(), &name)? == Resolution::Ambiguous {
            continue;
        }
        names.push(name);
    }
    Ok(names)
}

/// The export names of a module, each with what it stands for.
///
/// # Errors
/// As [`export_names`], and when a module on the way to a binding cannot be read.
pub(crate) fn exported_names(graph: &Graph<'_>, module: &Linked) -> Result<Vec<(String, Resolution)>, Box<Diagnostic>> {
    let resolved = |name: String| resolve_export(graph, module.path(), &name).map(|resolution| (name, resolution));
    export_names(graph, module)?.into_iter().map(resolved).collect()
}

fn collect_names(
    graph: &Graph<'_>,
    module: &Linked,
    visited: &mut BTreeSet<ModulePath>,
    names: &mut Vec<String>,
) -> Result<(), Box<Diagnostic>> {
    if !visited.insert(module.path().clone()) {
        return Ok(());
    }
    // Local and indirect entries in the order they stand in the text, so that a report reads like the source.
    let mut own: Vec<(usize, &str)> = Vec::new();
    own.extend(module.local_export_entries().iter().map(|e| (e.export_name.span.start, e.export_name.value.as_str())));
    own.extend(
        module.indirect_export_entries().iter().map(|e| (e.export_name.span.start, e.export_name.value.as_str())),
    );
    own.sort_unstable();
    names.extend(own.into_iter().map(|(_, name)| name.to_owned()));
    for star in module.star_export_entries() {
        let request = &module.requested_modules()[star.request];
        let target = graph.resolve(module.path(), &request.specifier.value);
        let starred = match &target {
            Target::File(path) => graph.linked(path)?,
            _ => None,
        };
        let Some(starred) = starred else {
            return Err(Box::new(codes::unresolved_star_export(module, request)));
        };
        let mut inner = Vec::new();
        collect_names(graph, &starred, visited, &mut inner)?;
        names.extend(inner.into_iter().filter(|name| name != "default"));
    }
    Ok(())
}

/// Finds what an export name stands for, through re-exports, `export *`, circles and ambiguities.
///
/// # Errors
/// When a module on the way cannot be read or parsed.
pub(crate) fn resolve_export(
    graph: &Graph<'_>,
    module: &ModulePath,
    name: &str,
) -> Result<Resolution, Box<Diagnostic>> {
    resolve_in(graph, module, "", name, &mut BTreeSet::new())
}

fn resolve_in(
    graph: &Graph<'_>,
    path: &ModulePath,
    instance: &str,
    name: &str,
    resolve_set: &mut BTreeSet<(ModulePath, String, String)>,
) -> Result<Resolution, Box<Diagnostic>> {
    if !resolve_set.insert((path.clone(), instance.to_owned(), name.to_owned())) {
        // A circular import request.
        return Ok(Resolution::NotFound);
    }
    let Some(module) = graph.linked(path)? else {
        return Ok(Resolution::External { target: Target::File(path.clone()), name: name.to_owned() });
    };
    if let Some(specifier) = stands_for(graph, &module)? {
        return Ok(Resolution::External { target: Target::Package(specifier), name: name.to_owned() });
    }
    let namespace = |of: Target| Resolution::Namespace { of, module: path.clone(), instance: instance.to_owned() };
    match module.own_export(name) {
        Some(OwnExport::Namespace(request)) => {
            let specifier = &module.requested_modules()[request].specifier.value;
            return Ok(namespace(graph.resolve(path, specifier)));
        }
        Some(OwnExport::Local(at)) => {
            return Ok(Resolution::Binding {
                module: path.clone(),
                instance: instance.to_owned(),
                local_name: module.local_export_entries()[at].local_name.clone(),
            });
        }
        Some(OwnExport::Indirect(at)) => {
            let entry = &module.indirect_export_entries()[at];
            let specifier = &module.requested_modules()[entry.request].specifier.value;
            let target = graph.resolve(path, specifier);
            return match (&entry.import_name, target) {
                (ImportName::Name(import), Target::File(file)) => {
                    resolve_in(graph, &file, &instance_of(specifier), &import.value, resolve_set)
                }
                (ImportName::Name(import), target) => Ok(Resolution::External { target, name: import.value.clone() }),
                (ImportName::Namespace | ImportName::Source, target) => Ok(namespace(target)),
            };
        }
        None => {}
    }
    if name == "default" {
        // `export *` never carries a default export.
        return Ok(Resolution::NotFound);
    }
    let mut found = Resolution::NotFound;
    for star in module.star_export_entries() {
        let specifier = &module.requested_modules()[star.request].specifier.value;
        let resolution = match graph.resolve(path, specifier) {
            Target::File(file) => match graph.linked(&file)? {
                Some(_) => resolve_in(graph, &file, &instance_of(specifier), name, resolve_set)?,
                None => continue,
            },
            _ => continue,
        };
        match resolution {
            Resolution::Ambiguous => return Ok(Resolution::Ambiguous),
            Resolution::NotFound => {}
            resolution if found == Resolution::NotFound => found = resolution,
            resolution if found == resolution => {}
            _ => return Ok(Resolution::Ambiguous),
        }
    }
    Ok(found)
}

/// The query and fragment of a specifier: Node keeps one instance of a module for each. Empty ones count as none.
fn instance_of(specifier: &str) -> String {
    let (rest, fragment) = specifier.split_once('#').unwrap_or((specifier, ""));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let part = |sign: &str, text: &str| if text.is_empty() { String::new() } else { format!("{sign}{text}") };
    part("?", query) + &part("#", fragment)
}
