//! Code of the SDK that injects diagnostics channels into libraries while Node loads them: how it is known. Reads text
//! alone.

use std::borrow::Cow;

use memchr::memmem;

use crate::{
    bundle_header::bundle_header,
    diagnostics::{Diagnostic, codes},
    sources::Sources,
};

/// Where the SDK notes what was injected, and the two ways to register hooks for it
/// (`register.js` of `@sentry/server-runtime-injection` 11, and of `@sentry/server-utils` 10.70 to 10.78).
const NOTES: &[u8] = b"__SENTRY_ORCHESTRION__";
const REGISTERS: [&[u8]; 2] = [b".registerHooks(", b".register("];

/// The function of `@sentry/node` 10 that turns the injection on. Version 11 always injects, and has no such function.
const TURNS_ON: &[u8] = b"experimentalUseDiagnosticsChannelInjection";

/// Whether a module of the SDK, bundled for this build, injects channels when Sentry starts.
///
/// ```
/// # use presentry_rewriter::{MemorySources, ModulePath, injects_channels};
/// let path = ModulePath::new("instrument.mjs").unwrap();
/// let build = MemorySources::new([(path, b"import { init } from '@sentry/node'; init({});".to_vec())]);
/// let of_11 = "globalThis.__SENTRY_ORCHESTRION__ ??= {}; mod.registerHooks(hooks);";
/// assert!(injects_channels(&build, of_11).unwrap());
/// let of_10 = format!("{of_11} export {{ experimentalUseDiagnosticsChannelInjection }};");
/// assert!(!injects_channels(&build, &of_10).unwrap());
/// ```
///
/// # Errors
/// When a module of the build cannot be read.
pub fn injects_channels(build: &dyn Sources, code: &str) -> Result<bool, Box<Diagnostic>> {
    let has = |word: &[u8]| memmem::find(code.as_bytes(), word).is_some();
    if !has(NOTES) || !REGISTERS.iter().any(|word| has(word)) {
        return Ok(false);
    }
    if !has(TURNS_ON) {
        return Ok(true);
    }
    let unreadable = |error| Box::new(codes::unreadable(&error));
    for path in build.scripts().map_err(unreadable)? {
        let text = build.read(&path).map_err(unreadable)?.unwrap_or(Cow::Borrowed(&[]));
        if memmem::find(&text, TURNS_ON).is_some() && bundle_header(&text).is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}
