//! What a rewrite adds to the plan of the rewriter, one module a pass. No pass knows another.

pub(crate) mod archive;
pub(crate) mod bundle;
pub(crate) mod channels;
pub(crate) mod instrumentation;
pub(crate) mod packages;
pub(crate) mod plan;
pub(crate) mod provided;
pub(crate) mod prune;

pub(crate) use plan::{Asks, Pass, Plan, Refusal, Remaining, View};
