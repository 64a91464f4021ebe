//! A trace as text: the steps with a bar for the time each took to come, the requests with their spans, the libraries. No
//! decisions.

use std::{fmt::Write as _, path::Path};

use crate::{
    printable::printable,
    say::{
        render::Palette,
        report::{LibraryReport, RequestReport, SpanReport},
        terminal::{Terminal, columns_of, wrapped},
    },
    trace::verdict::{Process, Step, StepKind},
};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// How wide the longest bar is, in characters, and how wide it is where there is little room.
const BAR: usize = 24;
const SHORT_BAR: usize = 8;

impl StepKind {
    /// In words.
    pub(crate) fn label(self) -> &'static str {
        match self {
            StepKind::ProcessStart => "process start",
            StepKind::HooksRegistered => "hooks registered",
            StepKind::SentryActive => "Sentry client active",
            StepKind::InstrumentationEvaluated => "instrumentation evaluated",
            StepKind::RuntimeBeforeHooks => "runtime module, unseen by hooks",
            StepKind::FirstRuntimeModule => "first runtime module through hooks",
            StepKind::RuntimeEvaluated => "runtime evaluated",
            StepKind::Listening => "listening",
            StepKind::Imported => "entry loaded",
        }
    }
}

impl StepKind {
    /// Whether a step speaks against a start. Where Sentry was first, one that never came was not needed: libraries that
    /// have channels need no hooks.
    pub(crate) fn is_bad(self, ms: Option<f64>, first: bool) -> bool {
        !first && (ms.is_none() || self == StepKind::RuntimeBeforeHooks)
    }

    /// In words, for a start in which Sentry was first or not.
    pub(crate) fn label_of_start(self, first: bool) -> &'static str {
        if first && self == StepKind::RuntimeBeforeHooks { "first runtime module" } else { self.label() }
    }
}

/// The steps of a process, one on a line. A detail that does not fit goes below.
pub(crate) fn steps(process: &Process, terminal: &Terminal) -> String {
    let first = process.verdict.is_first();
    let steps: Vec<&Step> = process.steps.iter().filter(|step| step.ms.is_some() || !first).collect();
    let shown = |step: &Step| step.ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.1} ms"));
    let width = steps.iter().map(|step| shown(step).len()).max().unwrap_or(0);
    let labels = steps.iter().map(|step| step.kind.label_of_start(first).len()).max().unwrap_or(0);
    let detail = |step: &Step| step.detail.as_deref().map(printable);
    let details = steps.iter().filter_map(|step| detail(step)).map(|text| columns_of(&text) + 2).max().unwrap_or(0);
    let last = steps.iter().filter_map(|step| step.ms).fold(0.0, f64::max);
    let palette = Palette::of(terminal);
    let (quiet, bold, bad) = (palette.quiet(), palette.bold(), palette.bad());
    let room = terminal.width.unwrap_or(usize::MAX).saturating_sub(width + labels + 6);
    let is_beside = room >= SHORT_BAR + details;
    let longest = if is_beside { (room - details).min(BAR) } else { room.clamp(SHORT_BAR, BAR) };
    let mut text = String::new();
    for step in steps {
        let time = shown(step);
        let label = step.kind.label_of_start(first);
        let style = if step.kind.is_bad(step.ms, first) { bad } else { bold };
        let bar = bar(step.ms, last, longest);
        write!(text, "  {time:>width$}  {quiet}{bar:longest$}{quiet:#}  {style}{label}{style:#}").expect(INFALLIBLE);
        match detail(step) {
            Some(detail) if is_beside => {
                let gap = labels - label.len() + 2;
                write!(text, "{:gap$}{quiet}{detail}{quiet:#}", "").expect(INFALLIBLE);
            }
            Some(detail) => {
                let indent = " ".repeat(width + longest + 8);
                let lines = wrapped(&detail, &indent, &indent, terminal.width);
                write!(text, "\n{quiet}{lines}{quiet:#}").expect(INFALLIBLE);
            }
            None => {}
        }
        text.push('\n');
    }
    text
}

/// How far along a step came.
fn bar(ms: Option<f64>, last: f64, longest: usize) -> String {
    let Some(ms) = ms.filter(|_| last > 0.0) else { return String::new() };
    let of = |column: usize| f64::from(u32::try_from(column).unwrap_or(0));
    let columns = (1..longest).filter(|column| of(*column) / of(longest - 1) <= ms / last);
    let mut bar: String = columns.map(|_| '─').collect();
    bar.push('●');
    bar
}

/// Each request with its spans below it, as a tree.
pub(crate) fn requests(requests: &[RequestReport], others: &[SpanReport], terminal: &Terminal) -> String {
    let palette = Palette::of(terminal);
    let (bold, bad, quiet) = (palette.bold(), palette.bad(), palette.quiet());
    let mut text = String::new();
    for request in requests {
        let shown = printable(&format!("{} {}", request.method, request.path));
        let took = request.ms.map(|ms| format!("  {}", duration(ms))).unwrap_or_default();
        let answer = match (request.status, &request.error) {
            (Some(status), _) => format!("  {status}{took}"),
            (None, Some(error)) => format!("  {bad}{}{bad:#}", printable(error)),
            (None, None) => "  not sent".to_owned(),
        };
        writeln!(text, "{bold}{shown}{bold:#}{answer}").expect(INFALLIBLE);
        if request.spans.is_empty() {
            writeln!(text, "{quiet}             no span arrived{quiet:#}").expect(INFALLIBLE);
        }
        tree(&mut text, &request.spans, terminal);
    }
    if !others.is_empty() {
        writeln!(text, "{bold}outside of requests{bold:#}").expect(INFALLIBLE);
        tree(&mut text, others, terminal);
    }
    text
}

/// How many spans of a tree are shown; the report has all of them.
const SPANS: usize = 100;

fn tree(text: &mut String, spans: &[SpanReport], terminal: &Terminal) {
    let quiet = Palette::of(terminal).quiet();
    for (index, span) in spans.iter().enumerate().take(SPANS) {
        // A line goes down past this span where another one follows at its depth before the tree goes further up.
        let follows = |depth: usize| {
            let mut rest = spans[index + 1..].iter();
            rest.find(|other| other.depth <= depth).is_some_and(|other| other.depth == depth)
        };
        const DEEPEST: usize = 20;
        let above: String =
            (0..span.depth.min(DEEPEST)).map(|depth| if follows(depth) { "│  " } else { "   " }).collect();
        let (corner, below) = if follows(span.depth) { ("├─", "│ ") } else { ("└─", "  ") };
        let took = duration(span.ms);
        let name = printable(if span.name.is_empty() { "(no name)" } else { &span.name });
        let origin = printable(span.origin.as_deref().unwrap_or("manual"));
        let (first, rest) = (format!("{took:>11}  {above}{corner} "), format!("{:13}{above}{below} ", ""));
        let fits = terminal.width.is_none_or(|width| columns_of(&format!("{first}{name}  {origin}")) <= width);
        let line = format!("{quiet}{took:>11}  {above}{corner}{quiet:#} ");
        let mut names = wrapped(&name, &first, &rest, terminal.width);
        names.replace_range(..first.len(), &line);
        if fits {
            writeln!(text, "{names}  {quiet}{origin}{quiet:#}").expect(INFALLIBLE);
        } else {
            writeln!(text, "{names}\n{quiet}{rest}  {origin}{quiet:#}").expect(INFALLIBLE);
        }
    }
    if let Some(more) = spans.len().checked_sub(SPANS).filter(|more| *more > 0) {
        writeln!(text, "{quiet}             and {more} more spans{quiet:#}").expect(INFALLIBLE);
    }
}

/// A duration in milliseconds, or seconds where they are many.
pub(crate) fn duration(ms: f64) -> String {
    if ms < 10_000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

/// What became of the libraries that the SDK instruments, one on a line.
pub(crate) fn libraries(libraries: &[LibraryReport], terminal: &Terminal) -> String {
    let palette = Palette::of(terminal);
    let title = |library: &LibraryReport| match &library.version {
        Some(version) => printable(&format!("{} {version}", library.name)),
        None => printable(&library.name),
    };
    let width = libraries.iter().map(|library| title(library).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for library in libraries {
        let (mark, style, word) = match library.instrumented {
            true => ("✔", palette.good(), "instrumented"),
            false => ("✖", palette.bad(), "not instrumented"),
        };
        let (title, because) = (title(library), printable(&library.because));
        let (first, rest) = (format!("{mark} {title:width$}  "), " ".repeat(4));
        let line = wrapped(&format!("{word}: {because}"), &first, &rest, terminal.width);
        writeln!(text, "{}", line.replacen(mark, &format!("{style}{mark}{style:#}"), 1)).expect(INFALLIBLE);
    }
    text
}

/// What the `package.json` of a package says.
pub(crate) fn version(directory: &Path) -> Option<String> {
    let text = std::fs::read(directory.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
    manifest["version"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn span(depth: usize, name: &str) -> SpanReport {
        SpanReport {
            trace_id: String::new(),
            span_id: String::new(),
            parent_span_id: None,
            depth,
            name: name.to_owned(),
            op: None,
            origin: Some("auto.x".to_owned()),
            status: None,
            start_ms: 0.0,
            ms: 1.25,
        }
    }

    #[test]
    fn spans_are_a_tree() {
        let request = RequestReport {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            status: Some(200),
            error: None,
            start_ms: Some(1.0),
            ms: Some(12_345.0),
            trace_id: String::new(),
            spans: [(0, "root"), (1, "a"), (2, "a.1"), (1, "b\u{1b}[31m"), (2, ""), (0, "second")]
                .map(|(depth, name)| span(depth, name))
                .to_vec(),
        };
        expect![[r#"
            GET /  200  12.3 s
                 1.2 ms  ├─ root  auto.x
                 1.2 ms  │  ├─ a  auto.x
                 1.2 ms  │  │  └─ a.1  auto.x
                 1.2 ms  │  └─ b\u{1b}[31m  auto.x
                 1.2 ms  │     └─ (no name)  auto.x
                 1.2 ms  └─ second  auto.x
        "#]]
        .assert_eq(&requests(&[request], &[], &Terminal::NONE));
    }
}
