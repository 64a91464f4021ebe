//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod presets;
mod proven;
pub(crate) mod repro;
pub(crate) mod restore;
pub(crate) mod rewrite;
pub(crate) mod shell;
pub(crate) mod trace;
