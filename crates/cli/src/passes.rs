//! What a rewrite adds to the plan of the rewriter, one module a pass. No pass knows another.

pub(crate) mod archive;
pub(crate) mod bundle;
pub(crate) mod instrumentation;
pub(crate) mod packages;
pub(crate) mod prune;
