//! What goes to the terminal and into reports. No decisions.

pub(crate) mod changes;
pub(crate) mod diff;
pub(crate) mod github;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod proof;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod terminal;
pub(crate) mod verdict;
