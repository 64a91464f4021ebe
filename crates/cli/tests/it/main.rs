//! The command as a user runs it, on builds written by hand in temporary directories. No npm, and Node for
//! what is about running alone.

mod archive;
mod builds;
mod bundle;
mod channels;
mod check;
#[cfg(unix)]
mod children;
mod codes;
mod docs;
mod dry_run;
mod field;
mod find;
mod formats;
mod guard;
mod hostile;
mod inspect;
mod instrumentation;
mod interruption;
mod npm;
mod options;
mod packages;
mod repro;
mod restore;
mod rewrite;
mod schema;
mod shell;
mod stores;
#[cfg(unix)]
mod terminal;
mod trace;
#[cfg(unix)]
mod transcripts;
mod usage;
