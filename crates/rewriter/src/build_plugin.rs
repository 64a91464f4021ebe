//! Libraries that Sentry's own build plugin instrumented: how they are known, and the proof of a build that starts Sentry in
//! its runtime. Such libraries publish whenever they were loaded, so Sentry need not come before them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use memchr::memmem;

use crate::{
    diagnostics::{Diagnostic, codes},
    graph::{Closure, Graph},
    injected::marker,
    libraries::{Load, follow, labels, lost},
    order::{Reach, Run, run_alone},
    sdk::is_of_sentry,
    sources::{ModulePath, Sources},
    starts::may_start_sentry,
};

/// What the plugin puts at the head of each chunk that is an entry (`ORCHESTRION_BUNDLER_MARKER_BANNER` in
/// `moduleInjectedTransform.js` of `@sentry/server-utils` 11), however it is printed.
const BANNER: &[u8] = b"globalThis.__SENTRY_ORCHESTRION__";
const MEMBER: &[u8] = b".bundler";

/// What it puts into each module that it instruments: a call with the name of the library (`moduleInjectedSnippet` there).
const SINK: &[u8] = b"__SENTRY_ORCHESTRION_INJECT__";

/// How far behind the words the rest of such a statement is looked for.
const NEAR: usize = 200;

/// A build whose libraries Sentry's build plugin instrumented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPlugin {
    /// The names of those libraries, sorted.
    pub libraries: Vec<String>,
}

/// The libraries that the plugin instrumented in a script, as their names stand in it.
///
/// ```
/// let chunk = br#"globalThis.__SENTRY_ORCHESTRION_INJECT__ = orchestrionModuleInjected("pg", () => postgresIntegration());"#;
/// assert_eq!(presentry_rewriter::instrumented_by_plugin(chunk), ["pg"]);
/// ```
#[must_use]
pub fn instrumented_by_plugin(script: &[u8]) -> Vec<String> {
    let behind = memmem::find_iter(script, SINK).map(|at| near(script, at + SINK.len()));
    behind.filter_map(|rest| first_argument(&rest)).collect()
}

fn near(script: &[u8], at: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(&script[at..script.len().min(at + NEAR)])
}

/// The literal in ` = call("literal"`.
fn first_argument(text: &str) -> Option<String> {
    let call = text.trim_start().strip_prefix('=')?;
    let (_, arguments) = call.split_once('(')?;
    let arguments = arguments.trim_start();
    let quote = arguments.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let literal = &arguments[1..];
    Some(literal[..literal.find(quote)?].to_owned())
}

/// Whether the plugin built a chunk.
fn has_banner(script: &[u8]) -> bool {
    let is_of_plugin = |at: usize| memmem::find(near(script, at + BANNER.len()).as_bytes(), MEMBER).is_some();
    memmem::find_iter(script, BANNER).any(is_of_plugin) && marker(script).is_none()
}

/// What the proof of such a build comes to.
#[derive(Debug)]
pub(crate) struct Found {
    /// The module of the runtime that starts Sentry.
    pub(crate) start: ModulePath,
    pub(crate) plugin: BuildPlugin,
    /// How the start was found.
    pub(crate) run: Run,
    /// The libraries that neither the plugin instruments nor a hook, each with the reason.
    pub(crate) lost: BTreeMap<String, Diagnostic>,
}

impl Found {
    /// Whether Sentry starts on every path.
    pub(crate) fn is_certain(&self) -> bool {
        !self.run.reach.is_early()
    }
}

/// Looks for the plugin, and for a start of Sentry that the server waits for. `None` where one of them is not there: then
/// Sentry has to come first.
///
/// # Errors
/// When a module of the build cannot be read.
pub(crate) fn find(graph: &Graph<'_>, closure: &Closure) -> Result<Option<Found>, Box<Diagnostic>> {
    let mut built = false;
    let mut start = None;
    for path in closure.paths() {
        let Some(module) = graph.load(path)? else { return Ok(None) };
        built = built || has_banner(module.text.as_bytes());
        if start.is_none() && module.bundle.is_none() && may_start_sentry(module.text.as_bytes()) {
            start = started(graph, path).map(|run| (path.clone(), run));
        }
    }
    let Some((start, run)) = start.filter(|_| built && closure.elsewhere.is_empty()) else { return Ok(None) };
    let libraries = instrumented(graph.sources())?;
    let lost = too_early(graph, closure, &libraries)?;
    let plugin = BuildPlugin { libraries: libraries.into_iter().collect() };
    Ok(Some(Found { start, plugin, run, lost }))
}

/// The run of a module that starts Sentry itself.
fn started(graph: &Graph<'_>, path: &ModulePath) -> Option<Run> {
    let run = run_alone(graph, path);
    let is_own = run.starts.iter().any(|(place, _)| place.module == *path);
    (is_own && run.reach.has(Reach::STARTED)).then_some(run)
}

/// The libraries that the plugin instrumented in the chunks of a build.
fn instrumented(sources: &dyn Sources) -> Result<BTreeSet<String>, Box<Diagnostic>> {
    let unreadable = |error| Box::new(codes::unreadable(&error));
    let mut names = BTreeSet::new();
    for script in sources.scripts().map_err(unreadable)? {
        let bytes = sources.read(&script).map_err(unreadable)?.unwrap_or_default();
        names.extend(instrumented_by_plugin(&bytes));
    }
    Ok(names)
}

/// The packages that are loaded with the runtime, before its hooks are there, and hold no channels.
fn too_early(
    graph: &Graph<'_>,
    closure: &Closure,
    instrumented: &BTreeSet<String>,
) -> Result<BTreeMap<String, Diagnostic>, Box<Diagnostic>> {
    let loads: Vec<Load> = closure.packages.iter().map(Load::from).collect();
    let loaded = follow(graph, &loads)?;
    let sdk: Vec<Load> = loads.iter().filter(|load| is_of_sentry(&load.specifier)).cloned().collect();
    let before = closure.paths().cloned().collect();
    let early = lost(graph, &loaded, &before, &sdk)?.into_iter();
    let early = early.filter(|early| !instrumented.contains(&early.package));
    Ok(early
        .map(|early| {
            let diagnostic = codes::library_left_to_hooks(&early.package, labels(graph, &early.chain));
            (early.package, diagnostic)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_in_each_form() {
        let plain = b";(function(){var g=globalThis.__SENTRY_ORCHESTRION__=globalThis.__SENTRY_ORCHESTRION__||{};g.bundler=g.bundler||new Set();})();";
        assert!(has_banner(plain));
        assert!(has_banner(b"!function(){var e=globalThis.__SENTRY_ORCHESTRION__||={};e.bundler||=new Set}();"));
    }

    #[test]
    fn neither_the_sdk_nor_our_marker_is_a_banner() {
        assert!(!has_banner(b"const { runtime, bundler } = GLOBAL_OBJ.__SENTRY_ORCHESTRION__ ?? {};"));
        assert!(!has_banner(b"globalThis.__SENTRY_ORCHESTRION__ ??= {}; mod.registerHooks(hooks);"));
        let injected =
            crate::Injected { libraries: vec!["pg".to_owned()], files: BTreeMap::new(), hooks: crate::Hooks::Stay };
        assert!(!has_banner(injected.marker().as_bytes()));
    }

    #[test]
    fn names_of_libraries() {
        let minified = b"globalThis.__SENTRY_ORCHESTRION_INJECT__=e('@a/b',()=>t()),x;globalThis.__SENTRY_ORCHESTRION_INJECT__=e(`pg`)";
        assert_eq!(instrumented_by_plugin(minified), ["@a/b", "pg"]);
        assert!(instrumented_by_plugin(b"const sink = '__SENTRY_ORCHESTRION_INJECT__';").is_empty());
    }
}
