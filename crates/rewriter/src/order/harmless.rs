//! Functions of the host that call nothing that they are given, and for which arguments they do not fail.

use super::{
    expressions::is_always_there,
    value::{Arguments, Value},
};

/// What the arguments of a function of the host have to be, so that it does not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Whatever they are.
    Anything,
    /// Texts, numbers and truths.
    Primitives,
    /// One text.
    Text,
    /// What the text of the module gives.
    Literals,
    /// Objects and texts.
    Objects,
    /// There may be none.
    Nothing,
}

impl Taken {
    /// Whether a function that takes this does not fail with these arguments.
    pub(super) fn holds_for(self, arguments: &Arguments) -> bool {
        let are_all = |test: &dyn Fn(&Value) -> bool| !arguments.open && arguments.values.iter().all(test);
        match self {
            Self::Anything => true,
            Self::Primitives => are_all(&Value::is_primitive),
            Self::Text => are_all(&|value| matches!(value, Value::Text(_))) && arguments.values.len() == 1,
            Self::Literals => are_all(&Value::is_literal),
            Self::Objects => are_all(&is_object_or_text) && !arguments.values.is_empty(),
            Self::Nothing => arguments.values.is_empty() && !arguments.open,
        }
    }
}

/// What a function of the host takes that calls nothing that it is given; `None` of all others.
pub(super) fn taken(name: &str) -> Option<Taken> {
    Some(match name {
        "console.log" | "console.error" | "console.warn" | "console.info" | "console.debug" | "console.trace" => {
            Taken::Anything
        }
        "console.assert" | "console.group" | "console.groupCollapsed" | "console.groupEnd" | "console.clear" => {
            Taken::Anything
        }
        "Boolean" | "Date" | "Date.now" | "Array.isArray" | "Math.random" | "performance.now" => Taken::Anything,
        "clearTimeout" | "clearInterval" | "clearImmediate" => Taken::Anything,
        "process.cwd" | "process.uptime" | "process.memoryUsage" | "process.hrtime.bigint" => Taken::Anything,
        "console.dir" | "console.time" | "console.timeEnd" | "console.timeLog" | "console.count" => Taken::Primitives,
        "Number" | "String" | "parseInt" | "parseFloat" | "isNaN" | "isFinite" => Taken::Primitives,
        "String.fromCharCode" | "Date.parse" | "Date.UTC" | "process.env.hasOwnProperty" => Taken::Primitives,
        "JSON.stringify" => Taken::Literals,
        "Object.keys" => Taken::Objects,
        "process.stdout.write" | "process.stderr.write" | "process.emitWarning" | "performance.mark" => Taken::Text,
        "process.umask" | "process.hrtime" => Taken::Nothing,
        _ => match name.split_once('.')? {
            ("Math", function) if OF_MATH.contains(&function) => Taken::Primitives,
            ("Number", function) if OF_NUMBER.contains(&function) => Taken::Primitives,
            _ => return None,
        },
    })
}

const OF_MATH: &[&str] = &[
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "clz32", "cos", "cosh", "exp",
    "expm1", "floor", "fround", "hypot", "imul", "log", "log10", "log1p", "log2", "max", "min", "pow", "round", "sign",
    "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
];

const OF_NUMBER: &[&str] = &["isFinite", "isInteger", "isNaN", "isSafeInteger", "parseFloat", "parseInt"];

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

/// Whether a function of the host fails if it is called on something else than what has it.
pub(super) fn needs_its_object(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some(("Promise" | "performance" | "process.stdout" | "process.stderr", _)) => true,
        Some(("process", method)) => method == "on" || method == "once" || method.ends_with("Listener"),
        _ => false,
    }
}

/// Whether a value can surely be assigned to this property of an object of the host.
pub(super) fn is_settable(object: &str, name: Option<&str>, value: &Value) -> bool {
    match (object, name) {
        ("process.env", Some(name)) => !name.starts_with("Symbol") && value.is_primitive(),
        ("process", Some("exitCode")) => matches!(value, Value::Undefined | Value::Null) || value.is_whole_number(),
        ("process", Some("noDeprecation")) | ("Error", Some("stackTraceLimit" | "prepareStackTrace")) => true,
        ("console" | "import.meta", Some(_)) => true,
        _ => false,
    }
}

/// Whether a value is an object or a text for certain, whose properties have names.
fn is_object_or_text(value: &Value) -> bool {
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
