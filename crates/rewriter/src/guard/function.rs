//! The function of a guard, and what stands for it where a facade is read.

use std::borrow::Cow;

use memchr::memmem;

/// The function that compares. It is declared at the end of a facade. It does not write `globalThis.` before
/// `__SENTRY_ORCHESTRION__`: `build_plugin.rs` knows the builds of Sentry's plugin by that.
pub(crate) const FUNCTION: &str = include_str!("function.mjs");

/// What stands for the function where a facade is read: it loads nothing and starts nothing, which
/// `tests/it/corpus_properties.rs` holds against the function itself.
const STAND_IN: &str = "function _guard() { return () => {}; }";

/// The text of a module with the stand-in in the place of the function, if it has that byte for byte. Everything else keeps
/// its place.
pub(crate) fn without_function(text: &str) -> Cow<'_, str> {
    let start = memmem::find(text.as_bytes(), &FUNCTION.as_bytes()[..32]);
    let Some((before, after)) = start.and_then(|at| Some((&text[..at], text[at..].strip_prefix(FUNCTION)?))) else {
        return Cow::Borrowed(text);
    };
    let padding = " ".repeat(FUNCTION.len() - STAND_IN.len());
    Cow::Owned([before, STAND_IN, &padding, after].concat())
}
