//! `presentry completions` and `presentry man`: what a shell and a pager can be told about the command line. Made from the
//! definitions that clap parses with.

use clap::CommandFactory as _;

use crate::{
    args::{Cli, CompletionsArgs, ManArgs},
    failure::Failure,
    say::output::Output,
};

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs, output: &Output) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "presentry", &mut script);
    output.text(&String::from_utf8_lossy(&script));
}

/// Prints a manual page in roff.
pub(crate) fn man(args: &ManArgs, output: &Output) -> Result<(), Failure> {
    let mut command = Cli::command();
    // Gives each command the name of its page, for example `presentry-check`.
    command.build();
    if let Some(name) = &args.of {
        let of = command.find_subcommand(name).expect("clap takes the names of commands alone");
        command = of.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::Unexpected(anyhow::Error::from(error).context("failed to write the manual page")))?;
    output.text(&String::from_utf8_lossy(&page));
    Ok(())
}
