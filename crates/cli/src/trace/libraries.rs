//! What became of each library that the SDK instruments: injected, hooked or neither, and why. Pure.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::trace::{
    envelope::Span,
    spans,
    targets::{self, Version},
    verdict::{LoadedBy, Package, Process},
};

/// A library that a run has loaded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Library {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) loaded: LoadedBy,
    pub(crate) how: How,
    /// How many spans of it arrived.
    pub(crate) spans: usize,
    /// Why its spans are lost.
    pub(crate) lost: Option<Lost>,
    /// Where it was loaded from.
    pub(crate) directory: PathBuf,
}

/// How a library is instrumented; the names are part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// Its code has Sentry's channels.
    Injected,
    /// It came through Sentry's hooks.
    Hooked,
    /// Neither.
    Neither,
}

/// Why the spans of a library are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was loaded before `Sentry.init()`.
    TooEarly,
    /// It came to the hooks of the SDK, and they injected nothing. The SDK may have said why.
    NotInjected { warning: Option<String> },
}

impl Library {
    /// Whether Sentry sees what it does.
    pub(crate) fn is_instrumented(&self) -> bool {
        self.spans > 0 || self.how != How::Neither
    }

    /// The reason in a few words that follow *instrumented* or *not instrumented*.
    pub(crate) fn because(&self) -> String {
        let way = match (self.how, self.loaded) {
            (How::Injected, _) => "Sentry's channels are in its code",
            (How::Hooked, LoadedBy::ModuleHooks) => "it came through module hooks",
            (How::Hooked, LoadedBy::RequireHooksInPart) => "it came through require hooks in part",
            (How::Hooked, _) => "it came through require hooks",
            (How::Neither, _) => match &self.lost {
                Some(Lost::TooEarly) => "it was loaded before `Sentry.init()`",
                Some(Lost::NotInjected { .. }) => "it came to the hooks of the SDK, which injected nothing",
                None if self.loaded == LoadedBy::TooEarly => "it was loaded before there were hooks",
                None if self.loaded == LoadedBy::Unhooked => "the SDK has not hooked `require`",
                None => "the SDK injects nothing into this version, or into these files of it",
            },
        };
        match (&self.lost, self.spans) {
            (Some(Lost::NotInjected { warning: Some(warning) }), _) => format!("{way}: {warning}"),
            (Some(_), _) => way.to_owned(),
            (None, 0) => format!("{way}; no span in this run"),
            (None, 1) => format!("{way}; 1 span"),
            (None, many) => format!("{way}; {many} spans"),
        }
    }
}

/// The libraries of all processes, by name. Of one that several processes have loaded, the worst counts. `version` tells
/// the version of the package in a directory, and `warnings` is what the SDK printed.
pub(crate) fn of(
    processes: &[Process],
    spans: &[Span],
    warnings: &[String],
    version: impl Fn(&Path) -> Option<String>,
) -> Vec<Library> {
    let all = || processes.iter().flat_map(|process| &process.packages);
    let mut libraries: Vec<Library> = Vec::new();
    for process in processes {
        for package in &process.packages {
            let count = spans.iter().filter(|span| spans::is_of_library(span, &package.name)).count();
            let word = spans::word_of(&package.name);
            let shared = all().any(|other| other.name != package.name && spans::word_of(&other.name) == word);
            let version = version(&package.directory);
            let proof = if shared { 0 } else { count };
            let library = library(process, package, version, (count, proof), warnings);
            match libraries.iter_mut().find(|known| known.directory == package.directory) {
                Some(known) if known.lost.is_none() && library.lost.is_some() => *known = library,
                Some(_) => {}
                None => libraries.push(library),
            }
        }
    }
    libraries.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.directory.cmp(&other.directory)));
    libraries
}

/// `spans` is how many spans arrived that may be of the library, and how many that can be of no other one.
fn library(
    process: &Process,
    package: &Package,
    version: Option<String>,
    spans: (usize, usize),
    warnings: &[String],
) -> Library {
    let number = version.as_deref().and_then(targets::version);
    let injects = process.injection.as_ref().is_some_and(|injection| injection.runtime.is_some());
    let hooked = match package.loaded {
        // Hooks that inject into what they know do nothing else.
        _ if injects && targets::has_package(&package.name) => false,
        LoadedBy::ModuleHooks | LoadedBy::RequireHooks | LoadedBy::RequireHooksInPart => true,
        LoadedBy::Unhooked | LoadedBy::TooEarly => false,
    };
    let how = match (package.injected, hooked) {
        (true, _) => How::Injected,
        (false, true) => How::Hooked,
        (false, false) => How::Neither,
    };
    let lost = match how {
        How::Neither if spans.1 == 0 => lost(package, number, injects, warnings),
        _ => None,
    };
    let (name, directory) = (package.name.clone(), package.directory.clone());
    Library { name, version, loaded: package.loaded, how, spans: spans.0, lost, directory }
}

fn lost(package: &Package, version: Option<Version>, injects: bool, warnings: &[String]) -> Option<Lost> {
    if package.loaded == LoadedBy::TooEarly {
        return Some(Lost::TooEarly);
    }
    let known: Vec<&str> = targets::of_package(&package.name, version).collect();
    let came = injects && package.targets.iter().any(|file| known.contains(&file.as_str()));
    let quoted = format!("`{}`", package.name);
    let of_injection = |warning: &&String| warning.contains("instrument") || warning.contains("injection");
    let named = warnings.iter().find(|warning| warning.contains(&quoted));
    let warning = || named.or_else(|| warnings.iter().find(of_injection)).cloned();
    came.then(|| Lost::NotInjected { warning: warning() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::verdict::{Injection, Verdict};

    fn process(loaded: LoadedBy, injected: bool, targets: &[&str], injection: Option<Injection>) -> Process {
        let targets = targets.iter().map(|&file| file.to_owned()).collect();
        let package =
            Package { name: "pg".into(), directory: "/app/node_modules/pg".into(), loaded, injected, targets };
        Process {
            pid: 1,
            worker: false,
            steps: Vec::new(),
            through_hooks: 1,
            packages: vec![package],
            clients: 1,
            client: None,
            injection,
            verdict: Verdict::First { client: 1.0, runtime: 2.0 },
        }
    }

    fn hooks() -> Option<Injection> {
        Some(Injection { runtime: Some(Vec::new()), ..Injection::default() })
    }

    #[track_caller]
    fn check(process: &Process, spans: usize, version: &str, expected: (How, bool, &str)) {
        let span = Span { origin: Some("auto.db.otel.postgres".to_owned()), ..Span::default() };
        let warnings = ["Could not instrument `pg` (parse is not a function)".to_owned()];
        let spans = vec![span; spans];
        let found = of(std::slice::from_ref(process), &spans, &warnings, |_| Some(version.to_owned()));
        let library = &found[0];
        assert_eq!((library.how, library.lost.is_some(), library.because().as_str()), expected);
    }

    #[test]
    fn a_library_came_through_hooks_or_was_injected() {
        let hooked = process(LoadedBy::ModuleHooks, false, &[], None);
        check(&hooked, 2, "8.16.3", (How::Hooked, false, "it came through module hooks; 2 spans"));
        check(&hooked, 0, "8.16.3", (How::Hooked, false, "it came through module hooks; no span in this run"));
        let injected = process(LoadedBy::ModuleHooks, true, &["lib/client.js"], hooks());
        check(&injected, 1, "8.16.3", (How::Injected, false, "Sentry's channels are in its code; 1 span"));
        let ahead = process(LoadedBy::TooEarly, true, &[], None);
        check(&ahead, 1, "8.16.3", (How::Injected, false, "Sentry's channels are in its code; 1 span"));
    }

    #[test]
    fn what_came_to_hooks_that_inject_has_to_be_injected() {
        let came = process(LoadedBy::ModuleHooks, false, &["lib/client.js"], hooks());
        let because = "it came to the hooks of the SDK, which injected nothing: \
                       Could not instrument `pg` (parse is not a function)";
        check(&came, 0, "8.16.3", (How::Neither, true, because));
        let because = "the SDK injects nothing into this version, or into these files of it; no span in this run";
        check(&came, 0, "7.0.0", (How::Neither, false, because));
        let other = process(LoadedBy::ModuleHooks, false, &["lib/defaults.js"], hooks());
        check(&other, 0, "8.16.3", (How::Neither, false, because));
    }

    #[test]
    fn what_was_loaded_too_early_is_lost_unless_its_spans_arrive() {
        let early = process(LoadedBy::TooEarly, false, &[], None);
        check(&early, 0, "8.16.3", (How::Neither, true, "it was loaded before `Sentry.init()`"));
        check(&early, 3, "8.16.3", (How::Neither, false, "it was loaded before there were hooks; 3 spans"));
    }
}
