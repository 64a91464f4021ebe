//! Whether a document is what `docs/schema.json` says. Knows the keywords that stand there and no other; a validator from
//! a crate would have all of swc compiled a second time, because it asks for another feature of a hasher that both use.

use serde_json::Value;

/// The schema.
pub(crate) fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/schema.json")).expect("the schema is JSON")
}

/// What is wrong with a document, each with its place.
pub(crate) fn errors(document: &Value) -> Vec<String> {
    let schema = schema();
    let mut errors = Vec::new();
    check(&schema, &schema, document, "$", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let pointer = wanted.as_str().and_then(|text| text.strip_prefix('#')).expect("a reference within");
                check(root, root.pointer(pointer).expect("the reference leads somewhere"), value, at, errors);
            }
            "anyOf" => {
                let fits = |schema: &Value| {
                    let mut errors = Vec::new();
                    check(root, schema, value, at, &mut errors);
                    errors.is_empty()
                };
                if !array(wanted).iter().any(fits) {
                    errors.push(format!("{at}: {value} fits none of {wanted}"));
                }
            }
            "type" => {
                let types = wanted.as_array().map_or_else(|| vec![wanted.clone()], Clone::clone);
                if !types.iter().any(|name| is_of(value, name.as_str().expect("a name"))) {
                    errors.push(format!("{at}: {value} is not of type {wanted}"));
                }
            }
            "const" if value == wanted => {}
            "enum" if array(wanted).contains(value) => {}
            "const" | "enum" => errors.push(format!("{at}: {value} is not {wanted}")),
            "required" => {
                let missing = array(wanted).iter().filter(|name| value.get(name.as_str().expect("a name")).is_none());
                errors.extend(missing.map(|name| format!("{at}: {name} is missing")));
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("schemas by name") {
                    if let Some(member) = value.get(name) {
                        check(root, schema, member, &format!("{at}.{name}"), errors);
                    }
                }
            }
            "additionalProperties" => {
                assert_eq!(*wanted, Value::Bool(false));
                let known = schema["properties"].as_object().expect("schemas by name");
                let members = value.as_object().into_iter().flatten();
                let unknown = members.filter(|(name, _)| !known.contains_key(name.as_str()));
                errors.extend(unknown.map(|(name, _)| format!("{at}: `{name}` is not in the schema")));
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{at}[{index}]"), errors);
                }
            }
            other => panic!("`{other}` is a keyword that this reader does not know"),
        }
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is a type that this reader does not know"),
    }
}

#[test]
fn the_reader_finds_what_is_wrong() {
    let mut document = serde_json::json!({ "schema": 2, "outcome": "done", "exit_code": "0", "more": 1 });
    document["changes"] = serde_json::json!([{ "path": 1, "kind": "facade" }]);
    let errors = errors(&document);
    for part in ["$.schema", "$.outcome", "$.exit_code", "`more`", "$.changes[0].path", "\"proof\" is missing"] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:#?}");
    }
}
