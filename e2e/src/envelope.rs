//! Sentry envelopes: from bytes to the transactions and spans that the oracles look at.
//!
//! The `sentry-types` crate is not used for this: its `Span` (0.49) has no `origin`, which tells an OpenTelemetry span
//! from any other, and it fails a whole envelope for one item of a type it does not know, such as `span`. The framing
//! is that of <https://develop.sentry.dev/sdk/data-model/envelopes/>, the spans that SDK 11 streams those of
//! <https://develop.sentry.dev/sdk/telemetry/spans/span-protocol/>.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

/// One envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// `event_id` of the header, where there is one.
    pub event_id: Option<String>,
    /// What the header says of the SDK; `null` where it says nothing.
    pub sdk: Value,
    /// The items in order.
    pub items: Vec<Item>,
}

/// One item of an envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An item of type `transaction`.
    Transaction(Transaction),
    /// An item of type `event`: an error, or a message.
    Event(Event),
    /// An item of type `span`: spans that are sent by themselves, as SDK 11 does.
    Spans(Vec<Streamed>),
    /// Any other item, by its type.
    Other(String),
}

/// A span that was sent by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// The span.
    pub span: Span,
    /// Whether it is a segment, which is what a transaction was: the root of what one process did.
    pub is_segment: bool,
    /// The segment that it belongs to, by its id.
    pub segment: Option<String>,
    /// The path of the request's URL, where it has one.
    pub path: Option<String>,
    /// What it says of the SDK.
    pub sdk: Value,
}

/// A root span and those below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// Such as `GET /api/graphql`.
    pub name: String,
    /// The root span.
    pub root: Span,
    /// The path of the request's URL, where the transaction has one.
    pub path: Option<String>,
    /// All other spans, in the order they came.
    pub spans: Vec<Span>,
    /// What it says of the SDK.
    pub sdk: Value,
}

/// An error that was captured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// The texts of its exceptions, the one that was captured last.
    pub messages: Vec<String>,
    /// The local variables of its frames, as far as the SDK has read them.
    pub variables: Vec<BTreeMap<String, Value>>,
    /// What it says of the SDK.
    pub sdk: Value,
}

/// One span.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The span above it.
    pub parent_span_id: Option<String>,
    /// Such as `http.server`.
    pub op: Option<String>,
    /// What created it, such as `auto.graphql.otel.graphql`.
    pub origin: Option<String>,
    /// Such as `graphql.parse`.
    pub description: Option<String>,
}

/// What the header of an item says that has spans.
const SPANS: &str = "application/vnd.sentry.items.span.v2+json";

#[derive(Deserialize)]
struct ItemHeader {
    r#type: String,
    length: Option<usize>,
    content_type: Option<String>,
}

impl Envelope {
    /// Parses the body of a request to the envelope endpoint, already decompressed.
    ///
    /// # Errors
    /// When the framing is broken, a header is not JSON, or a transaction lacks its trace context. Items of unknown
    /// types are no error.
    pub fn parse(bytes: &[u8]) -> Result<Envelope> {
        let (header, mut rest) = line(bytes);
        let header: Value = serde_json::from_slice(header).context("the envelope's header is not JSON")?;
        if !header.is_object() {
            bail!("the envelope's header is not an object");
        }
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (header, after) = line(rest);
            if header.is_empty() {
                rest = after;
                continue;
            }
            let header: ItemHeader = serde_json::from_slice(header)
                .with_context(|| format!("the header of item {} is invalid", items.len()))?;
            let payload;
            (payload, rest) = match header.length {
                None => line(after),
                Some(length) => {
                    if after.len() < length {
                        bail!(
                            "item {} says it has {length} bytes, the envelope ends after {}",
                            items.len(),
                            after.len()
                        );
                    }
                    let (payload, rest) = after.split_at(length);
                    match rest {
                        [] => (payload, rest),
                        [b'\n', rest @ ..] => (payload, rest),
                        _ => bail!("item {} is longer than the {length} bytes it says", items.len()),
                    }
                }
            };
            let context = || format!("item {} is no {}", items.len(), header.r#type);
            items.push(match header.r#type.as_str() {
                "transaction" => Item::Transaction(Transaction::parse(payload).with_context(context)?),
                "event" => Item::Event(Event::parse(payload).with_context(context)?),
                "span" if header.content_type.as_deref() == Some(SPANS) => {
                    Item::Spans(Streamed::parse(payload).with_context(context)?)
                }
                _ => Item::Other(header.r#type),
            });
        }
        let event_id = header.get("event_id").and_then(Value::as_str).map(str::to_owned);
        Ok(Envelope { event_id, sdk: header["sdk"].clone(), items })
    }
}

impl Transaction {
    fn parse(payload: &[u8]) -> Result<Transaction> {
        let event: Value = serde_json::from_slice(payload).context("the payload is not JSON")?;
        let trace = &event["contexts"]["trace"];
        let root = Span::deserialize(trace).context("`contexts.trace` is not a span")?;
        let spans = match &event["spans"] {
            Value::Null => Vec::new(),
            spans => Vec::deserialize(spans).context("`spans` is not a list of spans")?,
        };
        let data = &trace["data"];
        let url = std::iter::once(&event["request"]["url"]).chain(URLS.map(|key| &data[key])).find_map(Value::as_str);
        Ok(Transaction {
            name: event["transaction"].as_str().unwrap_or_default().to_owned(),
            root,
            path: url.map(path_of),
            spans,
            sdk: event["sdk"].clone(),
        })
    }
}

impl Streamed {
    fn parse(payload: &[u8]) -> Result<Vec<Streamed>> {
        let item: Value = serde_json::from_slice(payload).context("the payload is not JSON")?;
        let spans = item["items"].as_array().context("`items` is not a list of spans")?;
        spans.iter().map(Streamed::of).collect()
    }

    fn of(span: &Value) -> Result<Streamed> {
        let text = |key: &str| span[key].as_str().map(str::to_owned);
        let attribute = |key: &str| span["attributes"][key]["value"].as_str().map(str::to_owned);
        let url = URLS.into_iter().find_map(attribute);
        Ok(Streamed {
            span: Span {
                trace_id: text("trace_id").context("a span has no `trace_id`")?,
                span_id: text("span_id").context("a span has no `span_id`")?,
                parent_span_id: text("parent_span_id"),
                op: attribute("sentry.op"),
                origin: attribute("sentry.origin"),
                description: text("name"),
            },
            is_segment: span["is_segment"] == Value::Bool(true),
            segment: attribute("sentry.segment.id"),
            path: url.as_deref().map(path_of),
            sdk: json!({ "name": attribute("sentry.sdk.name"), "version": attribute("sentry.sdk.version") }),
        })
    }
}

impl Event {
    fn parse(payload: &[u8]) -> Result<Event> {
        let event: Value = serde_json::from_slice(payload).context("the payload is not JSON")?;
        let mut parsed = Event { sdk: event["sdk"].clone(), ..Event::default() };
        for exception in event["exception"]["values"].as_array().into_iter().flatten() {
            parsed.messages.push(exception["value"].as_str().unwrap_or_default().to_owned());
            let frames = exception["stacktrace"]["frames"].as_array().into_iter().flatten();
            let variables = frames.filter_map(|frame| BTreeMap::deserialize(&frame["vars"]).ok());
            parsed.variables.extend(variables);
        }
        Ok(parsed)
    }
}

/// The attributes that have the URL of a request, or its path.
const URLS: [&str; 5] = ["url.full", "http.url", "url", "url.path", "http.target"];

/// The path of an absolute URL, or of a request target such as `/a?b`.
fn path_of(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => url.path().to_owned(),
        Err(_) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

/// The first line without its end, and what follows it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSACTION: &str = r#"{"transaction":"GET /api/graphql","request":{"url":"http://127.0.0.1:1/api/graphql?x"},"contexts":{"trace":{"trace_id":"t","span_id":"r","op":"http.server","origin":"auto.http.otel.http"}},"spans":[{"trace_id":"t","span_id":"s","parent_span_id":"r","origin":"auto.graphql.otel.graphql","description":"graphql.parse"}]}"#;

    fn error(text: &str) -> String {
        format!("{:#}", Envelope::parse(text.as_bytes()).expect_err("it must be refused"))
    }

    #[test]
    fn reads_a_transaction_with_its_spans() {
        let text = format!("{{\"event_id\":\"e\"}}\n{{\"type\":\"transaction\"}}\n{TRANSACTION}\n");
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(envelope.event_id.as_deref(), Some("e"));
        let [Item::Transaction(transaction)] = &envelope.items[..] else { panic!("{envelope:?}") };
        assert_eq!(transaction.path.as_deref(), Some("/api/graphql"));
        assert_eq!(transaction.root.op.as_deref(), Some("http.server"));
        assert_eq!(transaction.spans[0].origin.as_deref(), Some("auto.graphql.otel.graphql"));
        assert_eq!(transaction.spans[0].parent_span_id.as_deref(), Some("r"));
    }

    #[test]
    fn reads_spans_that_come_by_themselves() {
        let header = format!(r#"{{"type":"span","item_count":1,"content_type":"{SPANS}"}}"#);
        let span = r#"{"name":"GET","span_id":"r","trace_id":"t","is_segment":true,"attributes":{"sentry.op":{"value":"http.server","type":"string"},"sentry.origin":{"value":"auto.http.http_server","type":"string"},"sentry.segment.id":{"value":"r","type":"string"},"url.full":{"value":"http://localhost:1/api/graphql?x","type":"string"},"sentry.sdk.version":{"value":"11.12.0","type":"string"}}}"#;
        let text = format!("{{}}\n{header}\n{{\"version\":2,\"items\":[{span}]}}\n");
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let [Item::Spans(spans)] = &envelope.items[..] else { panic!("{envelope:?}") };
        let [one] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(
            (one.path.as_deref(), one.segment.as_deref(), one.is_segment),
            (Some("/api/graphql"), Some("r"), true)
        );
        assert_eq!(one.span.origin.as_deref(), Some("auto.http.http_server"));
        assert_eq!((one.span.op.as_deref(), one.span.description.as_deref()), (Some("http.server"), Some("GET")));
        assert_eq!(one.sdk["version"], "11.12.0");
        assert!(error(&format!("{{}}\n{header}\n{{}}")).contains("`items` is not a list"));
        assert!(error(&format!("{{}}\n{header}\n{{\"items\":[{{}}]}}")).contains("no `trace_id`"));
    }

    #[test]
    fn reads_an_error_with_the_variables_of_its_frames() {
        let event = r#"{"sdk":{"name":"s"},"exception":{"values":[{"value":"it fails","stacktrace":{"frames":[{"function":"f"},{"vars":{"answer":42}}]}}]}}"#;
        let envelope =
            Envelope::parse(format!("{{\"sdk\":{{\"name\":\"h\"}}}}\n{{\"type\":\"event\"}}\n{event}").as_bytes());
        let envelope = envelope.unwrap();
        assert_eq!(envelope.sdk["name"], "h");
        let [Item::Event(event)] = &envelope.items[..] else { panic!("{envelope:?}") };
        assert_eq!(event.messages, ["it fails"]);
        assert_eq!(event.variables, [BTreeMap::from([("answer".to_owned(), 42.into())])]);
        assert_eq!(event.sdk["name"], "s");
        assert!(error("{}\n{\"type\":\"event\"}\nx").contains("item 0 is no event"));
    }

    #[test]
    fn a_length_counts_bytes_and_line_ends_are_payload() {
        let text = "{}\n{\"type\":\"attachment\",\"length\":5}\na\nä\n\n{\"type\":\"span\"}\n{}";
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(envelope.items, [Item::Other("attachment".into()), Item::Other("span".into())]);
    }

    #[test]
    fn an_unknown_item_spoils_nothing() {
        let text = format!(
            "{{}}\n{{\"type\":\"from-the-future\"}}\nnot json\n{{\"type\":\"transaction\",\"length\":{}}}\n{TRANSACTION}",
            TRANSACTION.len()
        );
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(envelope.items.len(), 2);
    }

    #[test]
    fn a_header_alone_is_an_envelope() {
        assert_eq!(Envelope::parse(b"{}").unwrap().items, []);
    }

    #[test]
    fn refuses_what_is_broken() {
        assert!(error("").contains("header is not JSON"));
        assert!(error("[]\n").contains("not an object"));
        assert!(error("{}\n{\"length\":1}\nx").contains("header of item 0"));
        assert!(error("{}\n{\"type\":\"event\",\"length\":9}\nshort").contains("ends after 5"));
        assert!(error("{}\n{\"type\":\"event\",\"length\":2}\nlong").contains("longer than the 2"));
        assert!(error("{}\n{\"type\":\"transaction\"}\n{}").contains("contexts.trace"));
    }
}
