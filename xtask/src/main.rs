//! `cargo xtask <verb>`: hands the parsed flags to their verb. What a verb does is not told here.

// A reader that closes the pipe would make these panic; see `print`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod book;
mod bounds;
mod capture;
mod dist;
mod e2e;
mod flags;
mod fuzz;
mod hosts;
mod libraries;
mod pages;
mod print;
mod report;
mod repro;
mod soak;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xshell::Shell;

use crate::flags::{Verb, Xtask};

/// What a verb came to, where it did not stop at an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Green,
    /// What went wrong has been printed.
    Red,
}

fn main() -> ExitCode {
    // Nobody types this, so it is no verb: the bench starts this program again as a small process.
    if let Some(code) = presentry_e2e::bench::child(std::env::args_os()) {
        return code;
    }
    match run(Xtask::parse().verb) {
        Ok(Outcome::Green) => ExitCode::SUCCESS,
        Ok(Outcome::Red) => ExitCode::FAILURE,
        Err(error) => {
            print::note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<Outcome> {
    presentry_e2e::process::end_children_on_interrupt()?;
    let sh = Shell::new()?;
    sh.change_dir(root());
    verb.run(&sh)
}

/// The root of the repository.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
