//! The build of an app, and what is known of it before a module is read.

pub(crate) mod app;
pub(crate) mod init_in_runtime;
pub(crate) mod libraries;
pub(crate) mod locate;
pub(crate) mod nitro_json;
pub(crate) mod options;
pub(crate) mod presets;
pub(crate) mod reached;
pub(crate) mod source_map;
pub(crate) mod stale;
pub(crate) mod start_scripts;
mod texts;
