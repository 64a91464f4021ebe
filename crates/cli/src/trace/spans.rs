//! Which spans belong to which request, and which library made a span. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::trace::{
    envelope::Span,
    request::{Answered, Request},
};

/// A request that was sent, or was to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) request: Request,
    /// The trace that the server was asked to continue.
    pub(crate) trace_id: String,
    /// `None` when the run ended before.
    pub(crate) answered: Option<Answered>,
}

/// A span in its tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    /// How many spans are above it.
    pub(crate) depth: usize,
    /// Whether another span with the same parent follows.
    pub(crate) more: bool,
}

/// All spans of a run, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trees {
    /// Those of each request, in the order of the requests.
    pub(crate) of_requests: Vec<Vec<Node>>,
    /// Those of no request: of the start, of timers.
    pub(crate) others: Vec<Node>,
}

/// How far clocks of two programs may seem apart, in seconds.
const TOLERANCE: f64 = 0.05;

impl Trees {
    /// A trace belongs to the request whose identifier it has. A host that calls a function passes on no identifier; then
    /// the trace belongs to the request during which it began, as requests are sent one after another.
    pub(crate) fn of(spans: &[Span], sent: &[Sent]) -> Self {
        let mut traces: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for span in spans {
            traces.entry(&span.trace_id).or_default().push(span);
        }
        let mut of_requests = vec![Vec::new(); sent.len()];
        let mut others = Vec::new();
        let began = |spans: &[&Span]| spans.iter().map(|span| span.start).fold(f64::INFINITY, f64::min);
        let mut traces: Vec<(&str, Vec<&Span>)> = traces.into_iter().collect();
        traces.sort_by(|one, other| began(&one.1).total_cmp(&began(&other.1)));
        for (trace_id, spans) in traces {
            let at = began(&spans);
            let named = sent.iter().position(|sent| sent.trace_id == trace_id);
            let during = |answered: &Answered| answered.started - TOLERANCE <= at && at <= answered.ended + TOLERANCE;
            let timed = || sent.iter().rposition(|sent| sent.answered.as_ref().is_some_and(during));
            let place = match named.or_else(timed) {
                Some(index) => &mut of_requests[index],
                None => &mut others,
            };
            place.extend(tree(&spans));
        }
        Self { of_requests, others }
    }

    /// Whether every answered request has a span.
    pub(crate) fn are_complete(&self, sent: &[Sent]) -> bool {
        let answered = |sent: &Sent| sent.answered.as_ref().is_some_and(|answered| answered.status.is_ok());
        sent.iter().zip(&self.of_requests).all(|(sent, nodes)| !answered(sent) || !nodes.is_empty())
    }
}

/// The spans of a trace from top to bottom. Spans that name each other as parents, and those of a parent that never came,
/// are roots.
fn tree(spans: &[&Span]) -> Vec<Node> {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut below: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|one, other| spans[*one].start.total_cmp(&spans[*other].start));
    for index in &order {
        let parent = spans[*index].parent_span_id.as_deref().filter(|parent| ids.contains(parent));
        below.entry(parent).or_default().push(*index);
    }
    let mut nodes = Vec::new();
    let mut seen = vec![false; spans.len()];
    let roots = below.get(&None).cloned().unwrap_or_default();
    // What is left after the roots is a circle, which begins anywhere.
    for root in roots.iter().chain(&order).copied() {
        let mut stack = vec![(root, 0, false)];
        while let Some((index, depth, more)) = stack.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            nodes.push(Node { span: spans[index].clone(), depth, more });
            let children = below.get(&Some(spans[index].span_id.as_str())).map(Vec::as_slice).unwrap_or_default();
            for (place, child) in children.iter().enumerate().rev() {
                stack.push((*child, depth + 1, place + 1 < children.len()));
            }
        }
    }
    nodes
}

/// The word for a library in the origins of its spans, where it is another than its name. Mirrors the origins that
/// `@sentry/node` 8 to 11 and `@sentry/server-utils` 11 set.
static WORDS: &[(&str, &str)] = &[
    ("@anthropic-ai/sdk", "anthropic"),
    ("@firebase/firestore", "firestore"),
    ("@google/genai", "google_genai"),
    ("@hapi/hapi", "hapi"),
    ("@langchain/anthropic", "langchain"),
    ("@langchain/core", "langchain"),
    ("@langchain/google-genai", "langchain"),
    ("@langchain/google-vertexai", "langchain"),
    ("@langchain/groq", "langchain"),
    ("@langchain/langgraph", "langgraph"),
    ("@langchain/mistralai", "langchain"),
    ("@langchain/openai", "langchain"),
    ("@mistralai/mistralai", "mistralai"),
    ("@nestjs/common", "nestjs"),
    ("@nestjs/core", "nestjs"),
    ("@node-redis/client", "redis"),
    ("@prisma/client", "prisma"),
    ("@redis/client", "redis"),
    ("ai", "vercelai"),
    ("firebase-functions", "firebase"),
    ("generic-pool", "generic_pool"),
    ("groq-sdk", "groq"),
    ("ioredis", "redis"),
    ("lru-memoizer", "lru_memoizer"),
    ("mongodb", "mongo"),
    ("node-cron", "cron"),
    ("node-schedule", "cron"),
    ("pg", "postgres"),
    ("pg-pool", "postgres"),
    ("postgres", "postgresjs"),
    ("together-ai", "together_ai"),
];

/// The word for a library in the origins of its spans.
pub(crate) fn word_of(library: &str) -> &str {
    WORDS.iter().find(|(name, _)| *name == library).map_or(library, |(_, word)| word)
}

/// Whether a library made a span, by the word for it.
pub(crate) fn is_of_library(span: &Span, library: &str) -> bool {
    has_word(span, word_of(library))
}

/// Whether a span is what `--expect` names: an origin or the beginning of one, or a library. `postgres` is a library and a
/// word in the origins of another one, so the word counts only where the library was not loaded.
pub(crate) fn is_expected(span: &Span, name: &str, loaded: &[&str]) -> bool {
    let Some(origin) = span.origin.as_deref() else { return false };
    let below = origin.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    below || is_of_library(span, name) || (!loaded.contains(&name) && has_word(span, name))
}

fn has_word(span: &Span, word: &str) -> bool {
    span.origin.as_deref().is_some_and(|origin| origin.split('.').any(|part| part == word))
}

/// The origins of spans, each with how many there are, the most frequent first.
pub(crate) fn origins(spans: &[Span]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for span in spans {
        *counts.entry(span.origin.as_deref().unwrap_or("manual")).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(trace: &str, id: &str, parent: Option<&str>, start: f64) -> Span {
        Span {
            trace_id: trace.to_owned(),
            span_id: id.to_owned(),
            parent_span_id: parent.map(str::to_owned),
            name: id.to_owned(),
            start,
            ..Span::default()
        }
    }

    fn sent(trace: &str, started: f64) -> Sent {
        let answered = Answered { index: 0, started, ended: started + 1.0, status: Ok(200) };
        Sent { request: Request::root(), trace_id: trace.to_owned(), answered: Some(answered) }
    }

    fn shape(nodes: &[Node]) -> Vec<(&str, usize, bool)> {
        nodes.iter().map(|node| (node.span.name.as_str(), node.depth, node.more)).collect()
    }

    #[test]
    fn a_trace_belongs_to_its_request_and_else_to_the_time() {
        let spans = [
            span("one", "c", Some("a"), 13.0),
            span("one", "a", Some("elsewhere"), 10.0),
            span("one", "b", Some("a"), 11.0),
            span("one", "d", Some("b"), 12.0),
            span("x", "timed", None, 20.5),
            span("y", "start", None, 3.0),
        ];
        let sent = [sent("one", 10.0), sent("two", 20.0)];
        let trees = Trees::of(&spans, &sent);
        let first = [("a", 0, false), ("b", 1, true), ("d", 2, false), ("c", 1, false)];
        assert_eq!(shape(&trees.of_requests[0]), first);
        assert_eq!(shape(&trees.of_requests[1]), [("timed", 0, false)]);
        assert_eq!(shape(&trees.others), [("start", 0, false)]);
        assert!(trees.are_complete(&sent));
        assert!(!Trees::of(&spans[..4], &sent).are_complete(&sent));
    }

    #[test]
    fn circles_and_doubles_end() {
        let spans = [span("t", "a", Some("b"), 1.0), span("t", "b", Some("a"), 2.0), span("t", "s", Some("s"), 3.0)];
        let trees = Trees::of(&spans, &[]);
        assert_eq!(trees.others.len(), 3);
        let twice = [span("t", "a", None, 1.0), span("t", "a", None, 1.0)];
        assert_eq!(Trees::of(&twice, &[]).others.len(), 2);
    }

    #[test]
    fn a_library_is_known_by_its_word() {
        let of = |origin: &str| Span { origin: Some(origin.to_owned()), ..Span::default() };
        for (origin, library) in [
            ("auto.graphql.otel.graphql", "graphql"),
            ("auto.graphql.graphql", "graphql"),
            ("auto.db.otel.postgres", "pg"),
            ("auto.db.postgres", "pg"),
            ("auto.db.otel.postgresjs", "postgres"),
            ("auto.db.otel.redis", "ioredis"),
            ("auto.ai.anthropic", "@anthropic-ai/sdk"),
        ] {
            assert!(is_of_library(&of(origin), library), "{origin} {library}");
        }
        assert!(!is_of_library(&of("auto.db.otel.postgres"), "postgres"));
        assert!(!is_of_library(&of("auto.http.otel.http"), "graphql"));
        // What a person may expect: a library, an origin, its beginning, a word of it.
        for name in ["pg", "auto.db.otel.postgres", "auto.db", "postgres", "db"] {
            assert!(is_expected(&of("auto.db.otel.postgres"), name, &["pg"]), "{name}");
        }
        assert!(!is_expected(&of("auto.db.otel.postgres"), "postgres", &["postgres"]));
        assert!(!is_expected(&of("auto.db.otel.postgres"), "auto.d", &[]));
        assert!(!is_expected(&Span::default(), "", &[]));
    }
}
