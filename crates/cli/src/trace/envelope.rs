//! Sentry envelopes: from bytes to spans and errors, whichever version of the SDK sent them. No I/O.
//!
//! The framing is that of <https://develop.sentry.dev/sdk/data-model/envelopes/>. `sentry-types` (0.49) is not used: its
//! spans have no `origin`, it does not know the span items of SDK 11, and it fails a whole envelope for one item of a
//! type that it does not know.

use serde::Deserialize;
use serde_json::Value;

/// A span that arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    /// 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// 16 hexadecimal digits.
    pub(crate) span_id: String,
    /// The span above it, which another service may have.
    pub(crate) parent_span_id: Option<String>,
    /// Such as `graphql.parse`.
    pub(crate) name: String,
    /// Such as `http.server`.
    pub(crate) op: Option<String>,
    /// What made it, such as `auto.graphql.otel.graphql`.
    pub(crate) origin: Option<String>,
    /// Seconds since 1970.
    pub(crate) start: f64,
    /// Seconds since 1970.
    pub(crate) end: f64,
    /// Such as `ok` or `internal_error`.
    pub(crate) status: Option<String>,
}

/// What an envelope holds that a trace shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) spans: Vec<Span>,
    /// The messages of errors.
    pub(crate) errors: Vec<String>,
}

/// What makes an envelope unreadable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    /// The first line is not an object in JSON.
    #[error("the header of the envelope is not an object in JSON")]
    Header,
    /// The header of an item is not an object with a `type`.
    #[error("the header of item {0} is not an object in JSON with a `type`")]
    ItemHeader(usize),
    /// An item is longer than what came.
    #[error("the envelope ends within item {0}")]
    Cut(usize),
    /// A transaction or a list of spans is not what it should be.
    #[error("item {0} is not a valid {1}")]
    Item(usize, &'static str),
}

#[derive(Deserialize)]
struct ItemHeader {
    r#type: String,
    length: Option<usize>,
    content_type: Option<String>,
}

/// The type of the items of SDK 11, each of which holds many spans.
const SPANS_V2: &str = "application/vnd.sentry.items.span.v2+json";

/// Reads the body of a request to the envelope endpoint, already decompressed. Items of other types are passed over.
///
/// # Errors
/// When the framing is broken, or an item with spans cannot be read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Content, EnvelopeError> {
    let (header, mut rest) = line(bytes);
    if !serde_json::from_slice::<Value>(header).is_ok_and(|header| header.is_object()) {
        return Err(EnvelopeError::Header);
    }
    let mut content = Content::default();
    let mut index = 0;
    while !rest.is_empty() {
        let (header, after) = line(rest);
        if header.is_empty() {
            rest = after;
            continue;
        }
        let header: ItemHeader = serde_json::from_slice(header).map_err(|_| EnvelopeError::ItemHeader(index))?;
        let payload;
        (payload, rest) = match header.length {
            None => line(after),
            Some(length) => after.split_at_checked(length).ok_or(EnvelopeError::Cut(index))?,
        };
        item(&header, payload, &mut content).map_err(|what| EnvelopeError::Item(index, what))?;
        index += 1;
    }
    Ok(content)
}

fn item(header: &ItemHeader, payload: &[u8], content: &mut Content) -> Result<(), &'static str> {
    let json = |what| serde_json::from_slice::<Value>(payload).map_err(|_| what);
    match header.r#type.as_str() {
        "transaction" => content.spans.extend(transaction(&json("transaction")?).ok_or("transaction")?),
        "span" if header.content_type.as_deref() == Some(SPANS_V2) => {
            let payload = json("list of spans")?;
            let spans = payload["items"].as_array().ok_or("list of spans")?;
            for span in spans {
                content.spans.push(span_v2(span).ok_or("list of spans")?);
            }
        }
        // A span of its own, as `@sentry/node` 8 to 10 send some.
        "span" => content.spans.push(span(&json("span")?).ok_or("span")?),
        "event" => content.errors.push(message(&json("event")?)),
        _ => {}
    }
    Ok(())
}

/// The root and the spans below it (<https://develop.sentry.dev/sdk/data-model/event-payloads/transaction/>).
fn transaction(event: &Value) -> Option<Vec<Span>> {
    let root = Span {
        name: text(&event["transaction"]).unwrap_or_default(),
        start: seconds(&event["start_timestamp"])?,
        end: seconds(&event["timestamp"])?,
        ..identity(&event["contexts"]["trace"])?
    };
    let below = event["spans"].as_array().into_iter().flatten().map(span);
    std::iter::once(Some(root)).chain(below).collect()
}

/// A span of a transaction, or one of its own.
fn span(span: &Value) -> Option<Span> {
    let start = seconds(&span["start_timestamp"])?;
    Some(Span {
        name: text(&span["description"]).unwrap_or_default(),
        start,
        end: seconds(&span["timestamp"]).unwrap_or(start),
        ..identity(span)?
    })
}

/// A span of SDK 11, whose attributes have types (`createStreamedSpanEnvelope` in `@sentry/core` 11).
fn span_v2(span: &Value) -> Option<Span> {
    let attribute = |name: &str| text(&span["attributes"][name]["value"]);
    let start = seconds(&span["start_timestamp"])?;
    Some(Span {
        name: text(&span["name"]).unwrap_or_default(),
        op: attribute("sentry.op"),
        origin: attribute("sentry.origin"),
        start,
        end: seconds(&span["end_timestamp"]).unwrap_or(start),
        ..identity(span)?
    })
}

/// What all forms have under the same names.
fn identity(span: &Value) -> Option<Span> {
    Some(Span {
        trace_id: text(&span["trace_id"])?,
        span_id: text(&span["span_id"])?,
        parent_span_id: text(&span["parent_span_id"]),
        op: text(&span["op"]),
        origin: text(&span["origin"]),
        status: text(&span["status"]),
        ..Span::default()
    })
}

/// The text of an error: of the exception that was captured last, or the message.
fn message(event: &Value) -> String {
    let exception = event["exception"]["values"].as_array().and_then(|values| values.last());
    match exception {
        Some(exception) => {
            let part = |name: &str| exception[name].as_str().unwrap_or_default();
            format!("{}: {}", part("type"), part("value"))
        }
        None => text(&event["message"]).unwrap_or_else(|| "an event without a message".to_owned()),
    }
}

/// A time that can be: not before 1970, nor thousands of years away.
fn seconds(value: &Value) -> Option<f64> {
    value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The first line without its end, and what follows it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &str, payload: &str) -> Vec<u8> {
        format!("{{\"sent_at\":\"x\"}}\n{header}\n{payload}\n").into_bytes()
    }

    fn names(spans: &[Span]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        spans.iter().map(|span| (span.name.as_str(), span.op.as_deref(), span.origin.as_deref())).collect()
    }

    #[test]
    fn a_transaction_has_a_root_and_spans() {
        let payload = r#"{"transaction":"GET /x","start_timestamp":1.5,"timestamp":2.5,
            "contexts":{"trace":{"trace_id":"t","span_id":"r","op":"http.server","origin":"auto.http.otel.http"}},
            "spans":[{"trace_id":"t","span_id":"s","parent_span_id":"r","origin":"auto.graphql.otel.graphql",
            "description":"parse","start_timestamp":1.75,"timestamp":2}]}"#;
        let payload = payload.replace('\n', "");
        let content = parse(&envelope(r#"{"type":"transaction"}"#, &payload)).unwrap();
        let found = names(&content.spans);
        let root = ("GET /x", Some("http.server"), Some("auto.http.otel.http"));
        assert_eq!(found, [root, ("parse", None, Some("auto.graphql.otel.graphql"))]);
        assert_eq!((content.spans[0].start, content.spans[1].end), (1.5, 2.0));
        assert_eq!(content.spans[1].parent_span_id.as_deref(), Some("r"));
    }

    #[test]
    fn one_item_of_sdk_11_has_many_spans() {
        let payload = r#"{"version":2,"items":[{"trace_id":"t","span_id":"s","name":"pg.connect","start_timestamp":1,"end_timestamp":3,"status":"ok","is_segment":false,"attributes":{"sentry.op":{"type":"string","value":"db"},"sentry.origin":{"type":"string","value":"auto.db.postgres"}}},{"trace_id":"t","span_id":"u","name":"select","start_timestamp":1}]}"#;
        let header = format!(r#"{{"type":"span","item_count":2,"content_type":"{SPANS_V2}"}}"#);
        let content = parse(&envelope(&header, payload)).unwrap();
        assert_eq!(names(&content.spans)[0], ("pg.connect", Some("db"), Some("auto.db.postgres")));
        assert_eq!((content.spans[1].start, content.spans[1].end), (1.0, 1.0));
    }

    #[test]
    fn lengths_are_kept_to_and_other_items_are_passed_over() {
        let text = "{}\n{\"type\":\"attachment\",\"length\":3}\na\nb\n{\"type\":\"event\"}\n\
                    {\"exception\":{\"values\":[{\"type\":\"TypeError\",\"value\":\"x is not a function\"}]}}\n";
        assert_eq!(parse(text.as_bytes()).unwrap().errors, ["TypeError: x is not a function"]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert_eq!(parse(b"nonsense"), Err(EnvelopeError::Header));
        assert_eq!(parse(b"{}\n{}\n"), Err(EnvelopeError::ItemHeader(0)));
        assert_eq!(parse(b"{}\n{\"type\":\"x\",\"length\":9}\nabc"), Err(EnvelopeError::Cut(0)));
        assert_eq!(parse(&envelope(r#"{"type":"span"}"#, "{}")), Err(EnvelopeError::Item(0, "span")));
        assert_eq!(parse(&envelope(r#"{"type":"transaction"}"#, "{}")), Err(EnvelopeError::Item(0, "transaction")));
    }
}
