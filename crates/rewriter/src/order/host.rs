//! The names of the host: globals, and exports of its modules. What calling them does is not known here.

use std::rc::Rc;

use presentry_parser::Numeral;

use super::value::Value;

/// A name that nothing in the module declares.
pub(super) fn global(name: &str) -> Value {
    match name {
        "undefined" => Value::Undefined,
        "window" | "document" => Value::Undefined,
        "NaN" => Value::Number(Numeral { truth: false, value: None }),
        name => Value::Global(name.into()),
    }
}

/// Whether a specifier names a module of the host.
pub(super) fn is_builtin(specifier: &str) -> bool {
    crate::specifier::is_builtin(specifier)
}

/// The name of the host's that an export of one of its modules is.
pub(super) fn of_host(specifier: &str, path: &[Rc<str>]) -> Option<String> {
    let module = specifier.strip_prefix("node:").unwrap_or(specifier);
    let mut names: Vec<&str> = path.iter().map(|name| &**name).collect();
    if names.first() == Some(&"default") {
        names.remove(0);
    }
    let prefix = match module {
        "process" => "process",
        "module" => "module",
        "timers" if !names.is_empty() => return Some(names.join(".")),
        "timers" => return None,
        _ => return None,
    };
    Some(std::iter::once(prefix).chain(names).collect::<Vec<_>>().join("."))
}
