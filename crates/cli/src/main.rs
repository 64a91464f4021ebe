//! `presentry`: finds a finished build, has it rewritten and proven, and says what was done. Start here.

mod args;
mod commands;
mod diagnostics;
mod diff;
mod disk;
mod failure;
mod fs_steps;
mod github;
mod history;
mod locate;
mod lock;
mod nitro_json;
mod options;
mod output;
mod presets;
mod render;
mod report;
mod stale;
mod start_scripts;
mod store;
mod transaction;

use std::process::ExitCode;

use crate::{
    args::{BuildArgs, Cli, Command, FormatArg, OutputArgs, ReportArgs},
    failure::Failure,
    locate::{Build, Located},
    output::Output,
    report::{Outcome, Report},
};

fn main() -> ExitCode {
    let cli = Cli::of_process();
    let command = cli.command.unwrap_or(Command::Rewrite(cli.rewrite));
    let style = &cli.output;
    let code = match command {
        Command::Rewrite(args) => on_build("rewrite", &args.build, &args.report, style, |build, output, report| {
            commands::rewrite::run(&args, build, output, report)
        }),
        Command::Check(args) => on_build("check", &args.build, &args.report, style, |build, output, report| {
            commands::check::run(&args, build, output, report)
        }),
        Command::Inspect(args) => on_build("inspect", &args.build, &args.report, style, |build, output, report| {
            commands::inspect::run(&args, build, output, report)
        }),
        Command::Restore(args) => on_build("restore", &args.build, &args.report, style, |build, output, report| {
            commands::restore::run(&args, build, output, report)
        }),
        Command::Explain(args) => asked_for(style, |output| commands::explain::run(&args, output)),
        Command::Completions(args) => asked_for(style, |output| {
            commands::shell::completions(&args, output);
            Ok(())
        }),
        Command::Man(args) => asked_for(style, |output| commands::shell::man(&args, output)),
    };
    ExitCode::from(code)
}

/// Runs a command that needs no build, and only prints; the exit code.
fn asked_for(style: &OutputArgs, command: impl FnOnce(&Output) -> Result<(), Failure>) -> u8 {
    let output = Output::new(style, FormatArg::Text);
    match command(&output) {
        Ok(()) => 0,
        Err(failure) => {
            output.failure(&failure, None);
            failure.outcome().exit_code()
        }
    }
}

/// Finds the build, runs a command on it, and reports; the exit code.
fn on_build(
    name: &'static str,
    args: &BuildArgs,
    reporting: &ReportArgs,
    style: &OutputArgs,
    command: impl FnOnce(&Build, &Output, &mut Report) -> Result<Outcome, Failure>,
) -> u8 {
    let output = Output::new(style, reporting.format);
    let mut report = Report::new(name);
    let ended = match locate::build(args) {
        Ok(Located::Server(build)) => {
            report.found_build(&build);
            build.reasons.iter().for_each(|reason| output.why(reason));
            command(&build, &output, &mut report).unwrap_or_else(|failure| {
                output.failure(&failure, Some(&build.place));
                failure.outcome()
            })
        }
        Ok(Located::NoServer { found }) => {
            report.found_preset(&found);
            output.line(format!("a build of the preset `{}` has no server: nothing to do", found.preset.name));
            Outcome::NoServer
        }
        Err(failure) => {
            output.failure(&failure, None);
            failure.outcome()
        }
    };
    // Wrong usage stays wrong: what was meant to be allowed to fail has not been tried.
    let allowed = reporting.allow_failure && ended != Outcome::WrongUsage;
    let exit_code = if allowed { 0 } else { ended.exit_code() };
    output.report(report, ended, exit_code);
    exit_code
}
