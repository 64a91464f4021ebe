//! The only room that writes to a build: `.presentry/`, and the transaction over the files of the build.

pub(crate) mod disk;
pub(crate) mod fs_steps;
pub(crate) mod history;
pub(crate) mod lock;
pub(crate) mod manifest;
pub(crate) mod place;
pub(crate) mod steps;
pub(crate) mod transaction;
pub(crate) mod view;
