//! A trace as one page for people, which needs no network and no script. Everything that comes from a run is escaped.

use std::fmt::Write as _;

use crate::{
    printable::is_hidden,
    say::report::{LibraryReport, ProcessReport, RequestReport, SpanReport, TraceReport},
    trace::timeline::duration,
};

const INFALLIBLE: &str = "writing to a string cannot fail";

const STYLE: &str = include_str!("page.css");

/// How many spans of a request are drawn.
const SPANS: usize = 1000;

/// The whole page; `headline` is the verdict in a sentence.
pub(crate) fn page(trace: &TraceReport, headline: &str, passed: bool) -> String {
    let (mark, class) = if passed { ("✔", "pass") } else { ("✖", "fail") };
    let headline = escape(headline);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>presentry trace: {headline}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1 class=\"{class}\">{mark} {headline}</h1>\n"
    );
    let node = escape(trace.node.as_deref().unwrap_or("did not start"));
    let command = escape(&trace.command.join(" "));
    writeln!(page, "<p class=\"soft\"><code>{command}</code>, Node.js {node}</p>\n</header>\n<main>")
        .expect(INFALLIBLE);
    for request in &trace.requests {
        page.push_str(&self::request(request));
    }
    if !trace.other_spans.is_empty() {
        write!(page, "<section>\n<h2>Outside of requests</h2>\n{}</section>\n", spans(&trace.other_spans))
            .expect(INFALLIBLE);
    }
    page.push_str(&libraries(&trace.libraries));
    for process in &trace.processes {
        page.push_str(&start(process));
    }
    page.push_str(&list("Errors that arrived", &trace.errors));
    page.push_str(&list("Warnings of the SDK", &trace.sdk_warnings));
    page.push_str(&list("What is not here", &trace.limits));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn request(request: &RequestReport) -> String {
    let title = escape(&format!("{} {}", request.method, request.path));
    let answer = match (request.status, &request.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => format!("<span class=\"bad\">{}</span>", escape(error)),
        (None, None) => "not sent".to_owned(),
    };
    let took = request.ms.map(|ms| format!(", {}", duration(ms))).unwrap_or_default();
    let spans = if request.spans.is_empty() {
        "<p class=\"soft\">No span arrived.</p>\n".to_owned()
    } else {
        spans(&request.spans)
    };
    format!("<section>\n<h2>{title} <span class=\"soft\">{answer}{took}</span></h2>\n{spans}</section>\n")
}

/// The spans as a tree, each with a bar for when it was and how long.
fn spans(spans: &[SpanReport]) -> String {
    let first = spans.iter().map(|span| span.start_ms).fold(f64::INFINITY, f64::min);
    let last = spans.iter().map(|span| span.start_ms + span.ms).fold(first, f64::max);
    let mut rows = String::from("<div class=\"sheet\">\n");
    for span in spans.iter().take(SPANS) {
        let name = if span.name.is_empty() { "(no name)" } else { &span.name };
        let origin = span.origin.as_deref().unwrap_or("manual");
        let op = span.op.as_deref().map(|op| format!("{op}, ")).unwrap_or_default();
        let class = if span.depth == 0 { "root" } else { "" };
        writeln!(
            rows,
            "<div class=\"row\"><span style=\"padding-left:{:.1}em\">{}<small>{}{}</small></span>{}<span class=\"ms\">{}</span></div>",
            // Deeper trees would leave no room for names on a phone.
            span.depth.min(8) as f64 * 0.9,
            escape(name),
            escape(&op),
            escape(origin),
            bar(span.start_ms, span.ms, (first, last), class),
            duration(span.ms),
        )
        .expect(INFALLIBLE);
    }
    rows.push_str("</div>\n");
    if let Some(more) = spans.len().checked_sub(SPANS).filter(|more| *more > 0) {
        writeln!(rows, "<p class=\"soft\">And {more} more spans.</p>").expect(INFALLIBLE);
    }
    rows
}

/// A bar on a track that shows from when to when.
fn bar(start: f64, length: f64, (first, last): (f64, f64), class: &str) -> String {
    let whole = (last - first).max(f64::MIN_POSITIVE);
    let left = ((start - first) / whole * 100.0).clamp(0.0, 99.0);
    let width = (length / whole * 100.0).clamp(0.0, 100.0 - left);
    format!("<span class=\"track\"><i class=\"{class}\" style=\"left:{left:.2}%;width:{width:.2}%\"></i></span>")
}

/// The start of a process, step by step.
fn start(process: &ProcessReport) -> String {
    let last = process.steps.iter().filter_map(|step| step.ms).fold(1.0, f64::max);
    let kind = if process.worker { "worker" } else { "process" };
    let mut section = format!(
        "<section>\n<h2>Start of {kind} {}</h2>\n<p class=\"soft\">{}</p>\n<div class=\"sheet\">\n",
        process.pid,
        escape(&process.sentence)
    );
    for step in process.steps.iter().filter(|step| step.ms.is_some() || !process.first) {
        let class = if step.step.is_bad(step.ms, process.first) { "bad" } else { "" };
        let (track, time) = match step.ms {
            Some(ms) => (bar(0.0, ms, (0.0, last), class), duration(ms)),
            None => ("<span class=\"track\"></span>".to_owned(), "never".to_owned()),
        };
        let detail = step.detail.as_deref().map(|text| format!("<small>{}</small>", escape(text))).unwrap_or_default();
        writeln!(
            section,
            "<div class=\"row\"><span class=\"{class}\">{}{detail}</span>{track}<span class=\"ms\">{time}</span></div>",
            step.step.label_of_start(process.first)
        )
        .expect(INFALLIBLE);
    }
    section.push_str("</div>\n</section>\n");
    section
}

fn libraries(libraries: &[LibraryReport]) -> String {
    if libraries.is_empty() {
        return String::new();
    }
    let mut section = String::from("<section>\n<h2>Libraries</h2>\n<ul class=\"sheet\">\n");
    for library in libraries {
        let (class, word) = if library.instrumented { ("pass", "instrumented") } else { ("fail", "not instrumented") };
        let version = library.version.as_deref().unwrap_or_default();
        let (name, version, because) = (escape(&library.name), escape(version), escape(&library.because));
        writeln!(section, "<li class=\"{class}\"><b>{name}</b> {version} <small>{word}: {because}</small></li>")
            .expect(INFALLIBLE);
    }
    section.push_str("</ul>\n</section>\n");
    section
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<section>\n<h2>{title}</h2>\n<ul class=\"sheet\">\n{items}</ul>\n</section>\n")
}

/// Text that is no markup, in an element or in an attribute between quotes. What turns the direction of writing is written
/// out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if is_hidden(character) => escaped.extend(character.escape_unicode()),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_a_run_is_no_markup() {
        let hostile = "</style><script>alert('x')</script>\"\u{202e}\u{1b}[31m&";
        let span = SpanReport {
            trace_id: hostile.to_owned(),
            span_id: hostile.to_owned(),
            parent_span_id: None,
            depth: 3,
            name: hostile.to_owned(),
            op: Some(hostile.to_owned()),
            origin: Some(hostile.to_owned()),
            status: None,
            start_ms: -1.0,
            ms: -5.0,
        };
        let request = RequestReport {
            method: "GET".to_owned(),
            path: hostile.to_owned(),
            status: None,
            error: Some(hostile.to_owned()),
            start_ms: None,
            ms: None,
            trace_id: String::new(),
            spans: vec![span.clone()],
        };
        let trace = TraceReport {
            node: Some(hostile.to_owned()),
            command: vec![hostile.to_owned()],
            first: false,
            processes: Vec::new(),
            requests: vec![request],
            other_spans: vec![span],
            libraries: Vec::new(),
            expected: Vec::new(),
            injection: None,
            sdk_warnings: vec![hostile.to_owned()],
            errors: vec![hostile.to_owned()],
            limits: Vec::new(),
        };
        let page = page(&trace, hostile, false);
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;"));
        assert!(!page.contains("http://") && !page.contains("https://"), "the page needs no network");
    }
}
