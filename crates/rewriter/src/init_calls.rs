//! Whether a module really starts Sentry: calls of `init` of a `@sentry/*` package that run when modules are evaluated,
//! found by their bindings and not by their names.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use memchr::memmem;
use presentry_parser::{Binding, Call, Enclosing, ImportName, Span};

use crate::{
    bundle_header::bundle_header,
    diagnostics::{Diagnostic, codes},
    exports::{Resolution, resolve_export},
    graph::{Graph, Module, stands_for},
    sources::ModulePath,
    specifier::{Target, package_name},
};

/// Whether a script may hold a call of `init` of a `@sentry/*` package, by a cheap look at its import clauses: yes too
/// often, never no wrongly. A call needs a binding that is imported from the package, so a script whose imports from
/// `@sentry/*` all name something else than `init` cannot.
pub(crate) fn may_start_sentry(script: &[u8]) -> bool {
    let mut packages = memmem::find_iter(script, b"@sentry/");
    packages.any(|at| {
        let before = script[..at].trim_ascii_end();
        let Some(before) = before.strip_suffix(b"'").or_else(|| before.strip_suffix(b"\"")) else { return false };
        let before = before.trim_ascii_end();
        if before.ends_with(b"import") {
            return false;
        }
        let Some(clause) = before.strip_suffix(b"from") else { return true };
        let Some(start) = memmem::rfind(clause, b"import").or(memmem::rfind(clause, b"export")) else { return true };
        let clause = &clause[start + "import".len()..];
        let braces = clause.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        let Some(names) = braces else { return true };
        let plain = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b',' | b' ' | b'\n' | b'\t' | b'\r')
        };
        !names.iter().all(plain)
            || names.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| matches!(word, b"init" | b"default"))
    })
}

/// The modules among `paths` that hold a call of `init` which runs when all of them are evaluated.
pub(crate) fn starting_modules<'p>(
    graph: &Graph<'_>,
    paths: impl Iterator<Item = &'p ModulePath>,
) -> Result<Vec<ModulePath>, Box<Diagnostic>> {
    let mut modules: BTreeMap<ModulePath, Rc<Module>> = BTreeMap::new();
    for path in paths {
        // What a bundle of the SDK does for itself starts nothing; it is called.
        let module = graph.load(path)?.filter(|module| module.bundle.as_ref().is_none_or(|header| !header.intact));
        modules.extend(module.map(|module| (path.clone(), module)));
    }
    let asks_for_sdk = |module: &Rc<Module>| -> Result<bool, Box<Diagnostic>> {
        if module.text.contains("@sentry/") {
            return Ok(true);
        }
        for (target, _) in graph.static_edges(module).into_iter().chain(graph.dynamic_edges(module)) {
            if let Target::File(file) = target
                && names_bundle(graph, &file)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let mut asks = false;
    for module in modules.values() {
        asks = asks || asks_for_sdk(module)?;
    }
    if !asks {
        return Ok(Vec::new());
    }
    let mut starting = BTreeSet::new();
    // Top-level code runs in every module; functions run when something that runs calls them.
    let mut running: Vec<(ModulePath, Option<String>)> = modules.keys().map(|path| (path.clone(), None)).collect();
    let mut seen: BTreeSet<_> = running.iter().cloned().collect();
    while let Some((path, function)) = running.pop() {
        let Some(module) = modules.get(&path) else { continue };
        for call in module.calls.iter().filter(|call| runs_in(call, function.as_deref())) {
            let callee = match callee(graph, module, call)? {
                Callee::Init => {
                    starting.insert(path.clone());
                    continue;
                }
                Callee::Function(path, name) => (path, Some(name)),
                Callee::Other => continue,
            };
            if seen.insert(callee.clone()) {
                running.push(callee);
            }
        }
    }
    Ok(starting.into_iter().collect())
}

/// Whether a file is the module of a bundle that stands for a specifier of the SDK.
fn names_bundle(graph: &Graph<'_>, file: &ModulePath) -> Result<bool, Box<Diagnostic>> {
    // A look at the first bytes spares parsing every module that the runtime would load.
    let bytes = graph.sources().read(file).map_err(|error| Box::new(codes::unreadable(&error)))?;
    if bytes.is_none_or(|bytes| bundle_header(&bytes).is_none()) {
        return Ok(false);
    }
    let Some(module) = graph.load(file)? else { return Ok(false) };
    Ok(stands_for(graph, &module)?.is_some())
}

fn runs_in(call: &Call, function: Option<&str>) -> bool {
    match (&call.within, function) {
        (None, None) => true,
        (Some(Enclosing::Binding(name)), Some(function)) => name == function,
        _ => false,
    }
}

enum Callee {
    /// `init` of a `@sentry/*` package.
    Init,
    /// A top-level function of a module of the build.
    Function(ModulePath, String),
    /// Anything else.
    Other,
}

/// Whether a call is `Sentry.init()` after `const Sentry = await import("@sentry/…")`, or `init()` after
/// `const { init } = await import("@sentry/…")`.
fn is_awaited_init(graph: &Graph<'_>, module: &Module, binding: &Binding, call: &Call) -> bool {
    let holds = |outer: Span, inner: Span| outer.start <= inner.start && inner.end <= outer.end;
    let Some(statement) = module.record.statements.iter().find(|statement| holds(**statement, binding.span)) else {
        return false;
    };
    let from_sentry = module.record.dynamic_imports.iter().any(|import| {
        let specifier = import.specifier.as_ref().map(|specifier| specifier.value.as_str());
        let target = specifier.map(|specifier| graph.resolve(&module.path, specifier));
        import.awaited
            && holds(*statement, import.span)
            && match target {
                Some(Target::Package(package)) => package_name(&package).starts_with("@sentry/"),
                Some(Target::File(file)) => names_bundle(graph, &file).unwrap_or(false),
                _ => false,
            }
    });
    // What stands before the name tells a namespace from a member of one.
    let pattern = module.text[statement.start..binding.span.start].trim_end();
    let member = pattern.rsplit(['{', ',']).next().unwrap_or_default().trim();
    match call.path.as_slice() {
        [name] => from_sentry && name == "init" && !pattern.contains('{'),
        [] => {
            let renamed = member.strip_suffix(':').map(str::trim_end);
            from_sentry && pattern.contains('{') && renamed.unwrap_or(&binding.name) == "init"
        }
        _ => false,
    }
}

fn callee(graph: &Graph<'_>, module: &Rc<Module>, call: &Call) -> Result<Callee, Box<Diagnostic>> {
    if let Some(binding) = module.bindings.iter().find(|binding| binding.name == call.root) {
        if is_awaited_init(graph, module, binding, call) {
            return Ok(Callee::Init);
        }
        let function = call.path.is_empty().then(|| Callee::Function(module.path.clone(), call.root.clone()));
        return Ok(function.unwrap_or(Callee::Other));
    }
    let Some(import) = module.record.import_entries.iter().find(|import| import.local_name == call.root) else {
        return Ok(Callee::Other);
    };
    let target = graph.resolve(&module.path, &module.record.requested_modules[import.request].specifier.value);
    // What the callee is, followed to the module that declares it: a namespace with the path still to go, or a name.
    let resolution = match (&import.import_name, target) {
        (ImportName::Namespace, of) => {
            Resolution::Namespace { of, module: module.path.clone(), instance: String::new() }
        }
        (ImportName::Name(name), Target::File(file)) => resolve_export(graph, &file, &name.value)?,
        (ImportName::Name(name), target) => Resolution::External { target, name: name.value.clone() },
        (ImportName::Source, _) => return Ok(Callee::Other),
    };
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let resolution = match (resolution, path.as_slice()) {
        (Resolution::Namespace { of: Target::File(file), .. }, [name]) => resolve_export(graph, &file, name)?,
        (Resolution::Namespace { of: target, .. }, [name]) => Resolution::External { target, name: (*name).to_owned() },
        // The default export of a CommonJS package is its `module.exports`.
        (Resolution::External { target, name: default }, [name]) if default == "default" => {
            Resolution::External { target, name: (*name).to_owned() }
        }
        (resolution, []) => resolution,
        _ => return Ok(Callee::Other),
    };
    Ok(match resolution {
        Resolution::External { target: Target::Package(package), name }
            if name == "init" && package_name(&package).starts_with("@sentry/") =>
        {
            Callee::Init
        }
        Resolution::Binding { module, local_name: Some(name), .. } => Callee::Function(module, name),
        _ => Callee::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::may_start_sentry;

    #[test]
    fn cheap_look() {
        for script in [
            "import * as Sentry from '@sentry/solidstart'; Sentry.init()",
            "import*as a from\"@sentry/solidstart\";a.init()",
            "import { init } from '@sentry/node'",
            "import { x, init as y } from \"@sentry/node/x\"",
            "import Sentry from '@sentry/node'",
            "import S, { x } from '@sentry/node'",
            "import { default as S } from '@sentry/node'",
            "import { /* } */ init } from '@sentry/node'",
            "import { \"init\" as x } from '@sentry/node'",
            "import { i\\u006eit } from '@sentry/node'",
            "const S = await import('@sentry/node'); S.init()",
            "require('@sentry/node').init()",
            "export * from '@sentry/node'",
        ] {
            assert!(may_start_sentry(script.as_bytes()), "{script}");
        }
        for script in [
            "import '@sentry/solidstart';",
            "import { sentryBeforeResponseMiddleware } from '@sentry/solidstart';\nimport { withSentryRouterRouting } from '@sentry/solidstart/solidrouter';",
            "import { getClient as g, flush as f } from '@sentry/node'; init();",
            "init()",
            "// see @sentry/node",
        ] {
            assert!(!may_start_sentry(script.as_bytes()), "{script}");
        }
    }
}
