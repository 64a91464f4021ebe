//! Which packages of Sentry start it for a server, and by which exports. One row for each package.

use memchr::memmem;
use presentry_parser::{ImportName, Span};

use crate::{graph::Module, specifier::package_name};

/// A package whose `init` starts Sentry in a Node server.
struct ServerPackage {
    name: &'static str,
    /// The entries besides the main one that have the same exports.
    entries: &'static [&'static str],
}

const fn package(name: &'static str) -> ServerPackage {
    ServerPackage { name, entries: &["init"] }
}

/// The SDK's packages with an `init` for a server, as of 8.0 to 11.12. `@sentry/core` only makes clients for others,
/// `@sentry/browser` and the UI packages start the SDK of a browser, and those for edge runtimes have no module hooks.
const SERVER_PACKAGES: &[ServerPackage] = &[
    package("@sentry/node"),
    // 9.43 and later: without OpenTelemetry's instrumentation packages; `light` without OpenTelemetry.
    ServerPackage { name: "@sentry/node-core", entries: &["init", "light"] },
    package("@sentry/astro"),
    package("@sentry/aws-serverless"),
    package("@sentry/bun"),
    package("@sentry/deno"),
    package("@sentry/elysia"),
    package("@sentry/google-cloud-serverless"),
    package("@sentry/hono"),
    package("@sentry/nestjs"),
    package("@sentry/nextjs"),
    package("@sentry/nitro"),
    package("@sentry/nuxt"),
    package("@sentry/react-router"),
    package("@sentry/remix"),
    package("@sentry/serverless"),
    package("@sentry/solidstart"),
    package("@sentry/sveltekit"),
    package("@sentry/tanstackstart-react"),
];

/// The exports that start Sentry when they are called.
const STARTS: &[&str] = &["init", "initWithoutDefaultIntegrations"];

/// The classes whose instances start it by their `init()`.
const CLIENTS: &[&str] = &["NodeClient"];

/// The entries that start it when they are imported (`@sentry/node/init` since 8.0), or register its hooks (`preload`).
const STARTING_ENTRIES: &[&str] = &["init", "preload"];

/// The names of those packages.
pub(crate) fn server_packages() -> impl Iterator<Item = &'static str> {
    SERVER_PACKAGES.iter().map(|package| package.name)
}

fn server_package(specifier: &str) -> Option<(&'static ServerPackage, &str)> {
    let name = package_name(specifier);
    let package = SERVER_PACKAGES.iter().find(|package| package.name == name)?;
    Some((package, specifier[name.len()..].trim_start_matches('/')))
}

/// Whether `import "…"` of it starts Sentry.
pub(crate) fn starts_on_import(specifier: &str) -> bool {
    server_package(specifier).is_some_and(|(_, entry)| STARTING_ENTRIES.contains(&entry))
}

/// The names behind a specifier that has the exports of a server package; `default` of one that is CommonJS counts as
/// the package itself.
fn export<'p, S: AsRef<str>>(specifier: &str, path: &'p [S]) -> Option<Vec<&'p str>> {
    let (package, entry) = server_package(specifier)?;
    if !entry.is_empty() && !package.entries.contains(&entry) {
        return None;
    }
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    Some(path.into_iter().skip_while(|name| matches!(*name, "default" | REQUIRED)).collect())
}

/// What the names behind a specifier begin with if `require()` gave them.
pub(crate) const REQUIRED: &str = "module.exports";

/// Whether `require()` gave an export.
pub(crate) fn is_required<S: AsRef<str>>(path: &[S]) -> bool {
    path.first().is_some_and(|name| name.as_ref() == REQUIRED)
}

/// Whether it is what a package exports as a whole.
pub(crate) fn is_whole<S: AsRef<str>>(path: &[S]) -> bool {
    path.iter().all(|name| name.as_ref() == REQUIRED)
}

/// Whether `import "…"` of it registers the SDK's hooks for ES modules.
pub(crate) fn registers_hooks(specifier: &str) -> bool {
    server_package(specifier).is_some_and(|(_, entry)| matches!(entry, "import" | "loader" | "init" | "preload"))
}

/// The entries that register the hooks for ES modules (`build/import-hook.mjs` of 8.0 to 10.x), of the package of Sentry's that
/// is loaded, and of the one that it is made of.
pub(crate) fn hook_entries(specifier: &str) -> [String; 2] {
    [package_name(specifier), "@sentry/node"].map(|name| format!("{name}/import"))
}

/// Whether calling this export starts Sentry.
pub(crate) fn is_start<S: AsRef<str>>(specifier: &str, path: &[S]) -> bool {
    matches!(export(specifier, path).as_deref(), Some([name]) if STARTS.contains(name))
}

/// Whether this export is a class whose instances start Sentry.
pub(crate) fn is_client<S: AsRef<str>>(specifier: &str, path: &[S]) -> bool {
    matches!(export(specifier, path).as_deref(), Some([name]) if CLIENTS.contains(name))
}

/// Whether this export is a function that tells whether there is a client.
pub(crate) fn looks_for_client<S: AsRef<str>>(specifier: &str, path: &[S]) -> bool {
    matches!(export(specifier, path).as_deref(), Some(["isInitialized" | "getClient"]))
}

/// Whether a server package is known to have this export.
pub(crate) fn is_server_export<S: AsRef<str>>(specifier: &str, path: &[S]) -> bool {
    match export(specifier, path).as_deref() {
        Some([]) => true,
        Some([name]) => STARTS.contains(name) || CLIENTS.contains(name),
        _ => false,
    }
}

/// Whether an import of this name may be one that starts Sentry.
pub(crate) fn is_starting_name(name: &str) -> bool {
    name == "default" || STARTS.contains(&name) || CLIENTS.contains(&name)
}

/// The exports that start Sentry, or whose instances do.
pub(crate) fn starting_names() -> impl Iterator<Item = &'static str> {
    STARTS.iter().chain(CLIENTS).copied()
}

/// Whether a package, or the one of a specifier, is of the SDK or of what the SDK is made of: it loads no library before
/// `init`, loads nothing of the build, and its calls do not fail.
pub(crate) fn is_of_sentry(specifier: &str) -> bool {
    const SCOPES: [&str; 4] = ["@sentry/", "@sentry-internal/", "@opentelemetry/", "@apm-js-collab/"];
    SCOPES.iter().any(|scope| specifier.starts_with(scope))
        || matches!(package_name(specifier), "import-in-the-middle" | "require-in-the-middle")
}

/// The calls of `init` of a server package in the text of a module, by the bindings that it imports.
pub(crate) fn calls_of_init(module: &Module) -> Vec<Span> {
    let mut calls = Vec::new();
    for import in &module.record.import_entries {
        let specifier = &module.record.requested_modules[import.request].specifier.value;
        if server_package(specifier.strip_prefix("npm:").unwrap_or(specifier)).is_none() {
            continue;
        }
        let starts: Vec<String> = match &import.import_name {
            ImportName::Name(name) if STARTS.contains(&name.value.as_str()) => vec![format!("{}(", import.local_name)],
            ImportName::Name(name) if name.value != "default" => continue,
            _ => STARTS.iter().map(|start| format!("{}.{start}(", import.local_name)).collect(),
        };
        for call in &starts {
            let is_whole = |at: &usize| {
                let before = module.text[..*at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
            };
            let found = memmem::find_iter(module.text.as_bytes(), call.as_bytes()).filter(is_whole);
            calls.extend(found.map(|start| Span { start, end: start + call.len() - 1 }));
        }
    }
    calls.sort_unstable();
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts() {
        assert!(is_start("@sentry/node", &["init"]));
        assert!(is_start("@sentry/solidstart", &["default", "init"]));
        assert!(is_start("@sentry/node", &["initWithoutDefaultIntegrations"]));
        assert!(is_start("@sentry/node-core/light", &["init"]));
        assert!(!is_start("@sentry/node", &["close"]));
        assert!(!is_start("@sentry/core", &["init"]));
        assert!(!is_start("@sentry/browser", &["init"]));
        assert!(!is_start("@sentry/solidstart/solidrouter", &["init"]));
        assert!(!is_start("@sentry/fake", &["init"]));
        assert!(!is_start("@sentryx/node", &["init"]));
        assert!(starts_on_import("@sentry/node/init"));
        assert!(starts_on_import("@sentry/node/preload"));
        assert!(!starts_on_import("@sentry/node"));
    }
}
