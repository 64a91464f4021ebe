//! Child processes: the one place that makes them. Each has an environment by an allow-list, a group of its own, a deadline,
//! and an end with all that it started.

pub(crate) mod environment;
pub(crate) mod group;
mod program;
mod script;

pub(crate) use group::{Group, end_all};
pub(crate) use program::{named, node};
pub(crate) use script::{ScriptError, run};
