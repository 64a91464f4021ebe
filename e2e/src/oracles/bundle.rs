//! Checks of a build with the SDK bundled beside the one without: the same client, the same envelopes, less packages. No I/O.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::intake::Received;
use crate::oracles::{Judgement, verdict};

/// What the routes say of the client, in the build without the bundle and in the one with it: the SDK's version, its active
/// integrations in their order, and its options.
///
/// # Errors
/// Says what differs, or that a route has another client than the instrumentation.
pub(super) fn same_client(unbundled: &Value, bundled: &Value) -> Judgement {
    let mut wrong = Vec::new();
    for (build, status) in [("unbundled", unbundled), ("bundled", bundled)] {
        if status["ofInstrumentation"] != Value::Bool(true) {
            wrong.push(format!("{build}: the route has not the client of the instrumentation"));
        }
    }
    if unbundled["sdk"] != bundled["sdk"] || !bundled["sdk"].is_string() {
        wrong.push(format!("`SDK_VERSION` is {}, unbundled {}", bundled["sdk"], unbundled["sdk"]));
    }
    if unbundled["integrations"] != bundled["integrations"] || names(bundled).is_empty() {
        let (before, after) = (names(unbundled), names(bundled));
        wrong.push(format!("the integrations are [{}], unbundled [{}]", after.join(", "), before.join(", ")));
    }
    let (before, after) = (options(unbundled), options(bundled));
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        if before.get(name) != after.get(name) {
            let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
            let (before, after) = (shown(before.get(name)), shown(after.get(name)));
            wrong.push(format!("the option `{name}` is {after}, unbundled {before}"));
        }
    }
    if after.is_empty() {
        wrong.push("the route tells no options".to_owned());
    }
    verdict(&wrong, || {
        format!(
            "{} integrations and {} options of SDK {} are equal, and the client is that of the instrumentation",
            names(bundled).len(),
            after.len(),
            bundled["sdk"].as_str().unwrap_or_default()
        )
    })
}

fn names(status: &Value) -> Vec<String> {
    let list = status["integrations"].as_array().into_iter().flatten();
    list.map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
}

/// The options of the client, without what each boot has of its own: the address of the intake, and what integrations keep
/// to themselves, such as the profiler with the ids of its session.
fn options(status: &Value) -> serde_json::Map<String, Value> {
    let mut options = status["options"].as_object().cloned().unwrap_or_default();
    options.remove("dsn");
    let integrations = options.get_mut("integrations").and_then(Value::as_array_mut);
    for integration in integrations.into_iter().flatten().filter_map(Value::as_object_mut) {
        integration.retain(|member, _| !member.starts_with('_'));
    }
    options
}

/// What envelopes say of the SDK: name, version, packages and integrations. That nothing arrives at all is for the oracle of
/// the libraries to judge.
///
/// # Errors
/// Says what each of the builds says, where they differ.
pub(super) fn same_sdk(unbundled: &Received, bundled: &Received) -> Judgement {
    let (before, after) = (sdk_blocks(unbundled), sdk_blocks(bundled));
    if before.is_empty() && after.is_empty() {
        return Ok("nothing arrives from either build".to_owned());
    }
    if before != after {
        // A block lists every integration, so only the beginning of those that differ is shown.
        let shown = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
            let more = these.difference(those).map(|block| block.chars().take(400).collect::<String>());
            more.collect::<Vec<_>>().join(", ")
        };
        let (more, less) = (shown(&after, &before), shown(&before, &after));
        return Err(format!("{} blocks; bundled alone [{more}], unbundled alone [{less}]", after.len()));
    }
    let packages = after.iter().filter(|block| block.contains("\"packages\"")).count();
    Ok(format!("{} equal, {packages} of them with packages and integrations", after.len()))
}

/// Each block that arrived, once, by what it came in.
fn sdk_blocks(received: &Received) -> BTreeSet<String> {
    let headers = received.envelopes.iter().map(|envelope| ("header", &envelope.sdk));
    let transactions = received.transactions();
    let transactions = transactions.iter().map(|transaction| ("transaction", &transaction.sdk));
    let events = received.events().map(|event| ("event", &event.sdk));
    let all = headers.chain(transactions).chain(events).filter(|(_, block)| !block.is_null());
    all.map(|(kind, block)| format!("{kind} {block}")).collect()
}

/// What is left of the packages: nothing of the SDK, and less than without the bundle.
///
/// # Errors
/// Names what is left of the SDK, or says that nothing went.
pub(super) fn pruned(unbundled: u64, bundled: u64, sdk: &[String]) -> Judgement {
    let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    let sizes = format!("`node_modules`: {} → {}", megabytes(unbundled), megabytes(bundled));
    let mut wrong = Vec::new();
    if !sdk.is_empty() {
        wrong.push(format!("{} are left", sdk.join(", ")));
    }
    if bundled >= unbundled {
        wrong.push(format!("nothing went: {sizes}"));
    }
    verdict(&wrong, || sizes.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envelope::{Envelope, Event, Item};

    #[track_caller]
    fn fails(judgement: Judgement, saying: &str) {
        let seen = judgement.expect_err("it must fail");
        assert!(seen.contains(saying), "`{seen}` does not say `{saying}`");
    }

    fn status() -> Value {
        json!({
            "sdk": "10.70.0",
            "ofInstrumentation": true,
            "integrations": ["Http", "Graphql"],
            "options": { "dsn": "http://key@127.0.0.1:1/1", "transport": "function makeNodeTransport of 1" },
        })
    }

    #[test]
    fn the_client_is_the_same_in_all_that_a_route_tells() {
        let with = |key: &str, value: Value| {
            let mut status = status();
            status[key] = value;
            status
        };
        let mut elsewhere = status();
        elsewhere["options"]["dsn"] = json!("http://key@127.0.0.1:2/1");
        assert!(same_client(&status(), &elsewhere).unwrap().contains("2 integrations and 1 options of SDK 10.70.0"));
        let fails_with = |key, value, saying| fails(same_client(&status(), &with(key, value)), saying);
        fails_with("sdk", json!("10.69.0"), "`SDK_VERSION` is \"10.69.0\"");
        fails_with("ofInstrumentation", json!(false), "bundled: the route has not the client");
        fails_with("integrations", json!(["Graphql", "Http"]), "[Graphql, Http], unbundled [Http, Graphql]");
        fails_with("options", json!({ "transport": "function a of 1" }), "the option `transport` is");
        fails_with("options", json!({}), "is absent, unbundled");
        let profiler = |name: &str, id: u8| {
            with("options", json!({ "integrations": [{ "name": name, "_profiler": { "id": id } }] }))
        };
        assert!(same_client(&profiler("ProfilingIntegration", 1), &profiler("ProfilingIntegration", 2)).is_ok());
        fails(same_client(&profiler("ProfilingIntegration", 1), &profiler("Other", 1)), "the option `integrations` is");
        fails(same_client(&with("ofInstrumentation", Value::Null), &status()), "unbundled: the route has not");
        fails(same_client(&Value::Null, &Value::Null), "tells no options");
    }

    #[test]
    fn envelopes_say_the_same_of_the_sdk() {
        let received = |header: Value, event: Value| Received {
            envelopes: vec![Envelope {
                event_id: None,
                sdk: header,
                items: vec![Item::Event(Event { sdk: event, ..Event::default() })],
            }],
            refused: Vec::new(),
        };
        let header = || json!({ "name": "sentry.javascript.solidstart" });
        let event = || json!({ "packages": [], "integrations": ["Http"] });
        let right = received(header(), event());
        assert_eq!(same_sdk(&right, &right).unwrap(), "2 equal, 1 of them with packages and integrations");
        fails(same_sdk(&right, &received(json!({ "name": "sentry.javascript.node" }), event())), "javascript.node");
        fails(
            same_sdk(&right, &received(header(), json!({ "packages": [], "integrations": [] }))),
            "unbundled alone [event",
        );
        fails(same_sdk(&right, &Received::default()), "0 blocks");
        fails(same_sdk(&Received::default(), &right), "2 blocks");
        assert_eq!(same_sdk(&Received::default(), &Received::default()).unwrap(), "nothing arrives from either build");
    }

    #[test]
    fn what_is_left_of_the_packages_is_less_and_nothing_of_the_sdk() {
        assert_eq!(pruned(26_912_345, 2_200_000, &[]).unwrap(), "`node_modules`: 26.9 MB → 2.2 MB");
        fails(pruned(26_912_345, 2_200_000, &["`@sentry/node`".to_owned()]), "`@sentry/node` are left");
        fails(pruned(2_200_000, 2_200_000, &[]), "nothing went");
    }
}
