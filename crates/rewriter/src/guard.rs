//! The guard of a facade: the lines that compare the running server with the proof, and how they are known again.

pub(crate) mod function;

use std::collections::BTreeSet;

use crate::specifier::string_literal;

pub(crate) use self::function::FUNCTION;

/// What a facade calls once the runtime is loaded.
pub(crate) const SETTLE: &str = "_settle";

/// How the line begins that looks for a client before the runtime is loaded.
const CALL: &str = "const _settle = _guard(";

/// Whether the text of an entry has a guard.
pub(crate) fn is_guarded(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(CALL))
}

/// The line that looks for a client before the runtime is loaded. It holds what was proven: the verdict, and the channels
/// in libraries.
pub(crate) fn call(verdict: &str, channels: &BTreeSet<&str>) -> String {
    let names: Vec<String> = channels.iter().map(|channel| string_literal(channel)).collect();
    format!("{CALL}{}, [{}]);\n", string_literal(verdict), names.join(", "))
}

/// The text of a facade whose guard, if it has one, knows what was proven.
pub(crate) fn told(facade: &str, verdict: &str, channels: &BTreeSet<&str>) -> String {
    let line = |line: &str| if line.starts_with(CALL) { call(verdict, channels) } else { line.to_owned() };
    facade.split_inclusive('\n').map(line).collect()
}
