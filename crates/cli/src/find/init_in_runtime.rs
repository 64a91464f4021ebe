//! Calls of `init` in the runtime, besides the one that comes first.

use presentry_rewriter::{Proof, diagnostics::Diagnostic};

use crate::{
    diagnostics::double_init,
    find::{locate::Build, source_map},
};

/// A warning of them, where there are any.
pub(crate) fn warning(build: &Build, proof: &Proof) -> Option<Diagnostic> {
    let first = proof.later_inits.first()?;
    let source = build.app.as_deref().and_then(|app| source_map::source_of(&build.place.server, app, first));
    Some(double_init::in_runtime(source.as_deref(), &proof.later_inits))
}
