//! Functions of the host that call nothing that they are given, and for which arguments they do not fail.

use super::{expressions::is_always_there, value::Value};

/// Functions of the host that do not fail and call nothing that they are given.
pub(super) fn is_harmless(name: &str) -> bool {
    let object = name.split('.').next().unwrap_or_default();
    matches!(
        object,
        "console" | "Math" | "Number" | "String" | "Boolean" | "Symbol" | "Date" | "parseInt" | "parseFloat"
    ) || matches!(
        name,
        "process.umask"
            | "process.cwd"
            | "process.uptime"
            | "process.hrtime"
            | "process.hrtime.bigint"
            | "process.memoryUsage"
            | "process.emitWarning"
            | "process.env.hasOwnProperty"
            | "Array.isArray"
            | "performance.now"
            | "performance.mark"
            | "clearTimeout"
            | "clearInterval"
            | "JSON.stringify"
            | "isNaN"
            | "isFinite"
            | "Object.keys"
            | "import.meta.resolve"
            | "process.stdout.write"
            | "process.stderr.write"
    )
}

/// What an argument of a function of the host has to be, so that it does not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Whatever it is.
    Anything,
    /// A text, a number or a truth.
    Primitives,
    /// What the text of the module gives.
    Literals,
    /// It may fail with each of them.
    Nothing,
}

/// What one of them takes.
pub(super) fn taken(name: &str) -> Taken {
    match name {
        "Boolean"
        | "Date"
        | "Date.now"
        | "Array.isArray"
        | "Math.random"
        | "performance.now"
        | "clearTimeout"
        | "clearInterval"
        | "process.cwd"
        | "process.uptime"
        | "process.memoryUsage"
        | "process.hrtime.bigint"
        | "process.env.hasOwnProperty" => Taken::Anything,
        _ if name.starts_with("console.") => Taken::Anything,
        "JSON.stringify" | "Object.keys" | "import.meta.resolve" => Taken::Literals,
        "String.fromCharCode" => Taken::Primitives,
        _ if ["String.", "Symbol."].iter().any(|of| name.starts_with(of)) => Taken::Nothing,
        _ => Taken::Primitives,
    }
}

/// What functions give that take primitives.
pub(super) fn given(name: &str) -> Value {
    match name.split('.').next() {
        Some("Math" | "Number" | "String" | "parseInt" | "parseFloat" | "isNaN" | "isFinite" | "Date") => {
            Value::Primitive
        }
        _ if matches!(name, "process.cwd" | "process.uptime" | "performance.now" | "Array.isArray") => Value::Primitive,
        _ => Value::External,
    }
}

/// Whether a value is an object or a text for certain, whose properties have names.
pub(super) fn is_object_or_text(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Class(_) | Value::Closure(_) | Value::Namespace(_) | Value::Text(_) => true,
        Value::Boolean(_) | Value::Number(_) => true,
        Value::Global(name) => is_always_there(name),
        _ => false,
    }
}

/// Whether a value is a function for certain.
pub(super) fn is_function(value: &Value) -> bool {
    matches!(value, Value::Closure(_) | Value::Bound(_) | Value::Method(_) | Value::Settle(_) | Value::Class(_))
        || matches!(value, Value::Require(_))
}
