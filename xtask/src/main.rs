//! `cargo xtask <verb>`: hands the parsed flags to their verb. What a verb does is not told here.

mod bench;
mod capture;
mod dist;
mod e2e;
// The generated part says `pub`.
#[allow(unreachable_pub)]
mod flags;
mod fuzz;
mod hosts;
mod report;
mod repro;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use xshell::Shell;

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
    let flags = flags::Xtask::from_env_or_exit();
    match run(flags) {
        Ok(Outcome::Green) => ExitCode::SUCCESS,
        Ok(Outcome::Red) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: flags::Xtask) -> Result<Outcome> {
    presentry_e2e::process::end_children_on_interrupt()?;
    let sh = Shell::new()?;
    sh.change_dir(root());
    match flags.subcommand {
        flags::XtaskCmd::Help(_) => {
            println!("{}", flags::Xtask::HELP);
            Ok(Outcome::Green)
        }
        flags::XtaskCmd::Bench(flags::Bench { subcommand }) => match subcommand {
            flags::BenchCmd::Rewrite(verb) => verb.run(&sh),
            flags::BenchCmd::Start(verb) => verb.run(&sh),
        },
        flags::XtaskCmd::Capture(verb) => verb.run(&sh),
        flags::XtaskCmd::Dist(verb) => verb.run(&sh),
        flags::XtaskCmd::E2e(verb) => verb.run(&sh),
        flags::XtaskCmd::Fuzz(verb) => verb.run(&sh),
        flags::XtaskCmd::Hosts(verb) => verb.run(&sh),
        flags::XtaskCmd::Matrix(verb) => verb.run(&sh),
        flags::XtaskCmd::Report(verb) => verb.run(&sh),
        flags::XtaskCmd::Repro(verb) => verb.run(&sh),
        flags::XtaskCmd::Test(verb) => verb.run(&sh),
        flags::XtaskCmd::Tidy(verb) => verb.run(&sh),
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
