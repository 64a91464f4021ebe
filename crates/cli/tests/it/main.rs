//! The command as a user runs it, on builds written by hand in temporary directories. No npm, no Node.

mod builds;
mod check;
mod codes;
mod docs;
mod dry_run;
mod find;
mod formats;
mod inspect;
mod interruption;
mod options;
mod restore;
mod rewrite;
mod schema;
mod shell;
mod usage;
