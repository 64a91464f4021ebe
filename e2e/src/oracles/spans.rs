//! Oracle 9: a build sends the spans of libraries that the build as it was sends under `--import`. No I/O.

use std::collections::BTreeMap;

use crate::envelope::Span;
use crate::intake::Received;
use crate::oracles::{Judgement, is_http_server, is_of, listed, numbered, verdict};
use crate::scenario::Scenario;
use crate::seen::Observation;

/// How many differences are shown.
const SHOWN: usize = 6;

/// The spans of libraries that arrived, by origin and name, each with how often it came.
type LibrarySpans = BTreeMap<(String, String), usize>;

/// The spans below those of the requests that run the libraries. Where the process serves no HTTP, all that arrived.
fn library_spans_of(scenario: &Scenario, received: &Received) -> LibrarySpans {
    let host = scenario.start.host();
    let serves = host.is_none_or(|host| host.serves);
    let of_platform = host.map_or(&[][..], |host| &host.platform_spans);
    let mut spans = LibrarySpans::new();
    let mut count = |span: &Span| {
        // Of the requests themselves each build has the same, and other oracles look at them.
        let of_request = span.op.as_deref().is_some_and(|op| op.starts_with("http"));
        if !of_request && !span.origin.as_ref().is_some_and(|origin| of_platform.contains(origin)) {
            let text = |of: &Option<String>| of.clone().unwrap_or_default();
            *spans.entry((text(&span.origin), text(&span.description))).or_default() += 1;
        }
    };
    for transaction in received.transactions() {
        let of_library = scenario.libraries.iter().any(|library| is_of(library, &transaction));
        if !serves || of_library && is_http_server(&transaction.root) {
            transaction.spans.iter().for_each(&mut count);
            if !serves {
                count(&transaction.root);
            }
        }
    }
    spans
}

/// 9: names, origins and counts of the library spans are those of the `reference`, and not of the controls.
///
/// # Errors
/// Says which spans are missing and which are too many, or which control passes.
pub fn as_imported(
    scenario: &Scenario,
    reference: &Observation,
    controls: &[(&str, &Observation)],
    seen: &Observation,
) -> Judgement {
    let wanted = library_spans_of(scenario, &reference.received);
    if wanted.is_empty() {
        return Err("no control: under `--import` no span of a library arrives".to_owned());
    }
    let mut wrong: Vec<String> = differences(&wanted, &library_spans_of(scenario, &seen.received));
    for (name, control) in controls {
        if differences(&wanted, &library_spans_of(scenario, &control.received)).is_empty() {
            wrong.push(format!("no control: {name} sends the same"));
        }
    }
    verdict(&wrong, || {
        let mut origins: BTreeMap<&str, usize> = BTreeMap::new();
        for ((origin, _), count) in &wanted {
            *origins.entry(origin).or_default() += count;
        }
        let origins: Vec<String> = origins.iter().map(|(origin, count)| format!("{count} of `{origin}`")).collect();
        let names: Vec<String> = controls.iter().map(|(name, _)| (*name).to_owned()).collect();
        let not = if names.is_empty() { String::new() } else { format!("; not so {}", listed(&names)) };
        let all = numbered(wanted.values().sum(), "library span");
        format!("{all}, as under `--import`: {}{not}", listed(&origins))
    })
}

/// 9, for libraries in chunks, which no hook sees: what arrives is what the same app sends with the libraries left in packages,
/// and nothing does under `--import`.
///
/// # Errors
/// Says which origins differ, or that the reference has spans.
pub fn as_in_packages(scenario: &Scenario, reference: &Observation, seen: &Observation) -> Judgement {
    if !library_spans_of(scenario, &reference.received).is_empty() {
        return Err("no control: hooks see the libraries under `--import`".to_owned());
    }
    let mut got: BTreeMap<String, usize> = BTreeMap::new();
    for ((origin, _), count) in library_spans_of(scenario, &seen.received) {
        *got.entry(origin).or_default() += count;
    }
    let shown = |spans: &BTreeMap<String, usize>| {
        listed(&spans.iter().map(|(origin, count)| format!("{count} of `{origin}`")).collect::<Vec<_>>())
    };
    let wanted = &scenario.in_chunks;
    if got != *wanted {
        return Err(format!("{} arrived, wanted {}", shown(&got), shown(wanted)));
    }
    Ok(format!("as with the libraries in packages: {}; none under `--import`", shown(wanted)))
}

/// What differs, a line for each span.
fn differences(wanted: &LibrarySpans, got: &LibrarySpans) -> Vec<String> {
    let all = wanted.keys().chain(got.keys().filter(|key| !wanted.contains_key(*key)));
    let count = |spans: &LibrarySpans, key| spans.get(key).copied().unwrap_or_default();
    let mut found: Vec<String> = all
        .filter(|key| count(wanted, key) != count(got, key))
        .map(|key| {
            let (origin, name) = key;
            format!("`{name}` ({origin}) came {}, wanted {}", times(count(got, key)), times(count(wanted, key)))
        })
        .collect();
    if found.len() > SHOWN {
        let more = found.len() - SHOWN;
        found.truncate(SHOWN);
        found.push(format!("and {more} more"));
    }
    found
}

fn times(count: usize) -> String {
    numbered(count, "time")
}
