//! `presentry`: finds a finished build, has it rewritten and proven, and says what was done. Start here.

mod args;
mod child;
mod commands;
mod diagnostics;
mod failure;
mod find;
mod interruption;
mod open;
mod outcome;
mod parallel;
mod passes;
mod paths;
mod pipeline;
mod printable;
mod repro;
mod say;
mod scratch;
mod similar;
mod store;
mod trace;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::ExitCode,
};

use crate::{
    args::{BuildArgs, Cli, ColorArg, Command, FormatArg, OutputArgs, ReportArgs},
    failure::Failure,
    find::locate::{Build, Located},
    outcome::Outcome,
    say::{
        output::{self, Output},
        report::Report,
        verdict::Closing,
    },
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut cli = match Cli::of_arguments(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(wrong_usage(&arguments, &error)),
    };
    let above = cli.build_mut().and_then(|build| {
        let above = find::app::above(build)?;
        build.app.clone_from(&above);
        Some(above)
    });
    let command = cli.command.unwrap_or(Command::Rewrite(cli.rewrite));
    let style = &Style { output: cli.output, above };
    let code = match command {
        Command::Rewrite(args) => on_build("rewrite", &args.build, &args.report, style, |build, output, report| {
            commands::rewrite::run(&args, build, output, report)
        }),
        Command::Check(args) => on_build("check", &args.build, &args.report, style, |build, output, report| {
            commands::check::run(&args, build, output, report)
        }),
        Command::Trace(args) => on_build("trace", &args.build, &args.report, style, |build, output, report| {
            commands::trace::run(&args, build, output, report)
        }),
        Command::Inspect(args) => on_build("inspect", &args.build, &args.report, style, |build, output, report| {
            commands::inspect::run(&args, build, output, report)
        }),
        Command::Restore(args) => on_build("restore", &args.build, &args.report, style, |build, output, report| {
            commands::restore::run(&args, build, output, report)
        }),
        Command::Repro(args) => asked_for(style, |output| commands::repro::run(&args, &style.output, output)),
        Command::Explain(args) => asked_for(style, |output| commands::explain::run(&args, output)),
        Command::Completions(args) => asked_for(style, |output| {
            commands::shell::completions(&args, output);
            Ok(())
        }),
        Command::Man(args) => asked_for(style, |output| commands::shell::man(&args, output)),
    };
    ExitCode::from(code)
}

/// How much is said, and what is to be said first.
struct Style {
    output: OutputArgs,
    /// Where the app is, if not here.
    above: Option<PathBuf>,
}

/// Help, the version, or what is wrong with a command line; the exit code. A program that asked for a document gets one.
fn wrong_usage(arguments: &[OsString], error: &clap::Error) -> u8 {
    let (command, format) = args::meant_by(arguments);
    if format != FormatArg::Json || !error.use_stderr() {
        // Where it goes, and in which colours, clap knows; a closed pipe is no news.
        let printed = error.print().and_then(|()| io::stdout().flush());
        if !error.use_stderr() {
            return printed.map_or_else(|error| output::not_printed(&error, FormatArg::Text, 0), |()| 0);
        }
    }
    let style = OutputArgs { quiet: false, verbose: false, color: ColorArg::Never };
    output::begin(&command, format);
    let output = Output::new(&style, format);
    let message = error.render().to_string();
    let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    output.said_already(message);
    output.report(Report::new(command), Outcome::WrongUsage, Outcome::WrongUsage.exit_code())
}

/// Runs a command that needs no build, and only prints; the exit code.
fn asked_for(style: &Style, command: impl FnOnce(&Output) -> Result<(), Failure>) -> u8 {
    let output = Output::new(&style.output, FormatArg::Text);
    match command(&output) {
        Ok(()) => output.exit_code(0),
        Err(failure) => {
            output.failure(&failure, None);
            failure.outcome().exit_code()
        }
    }
}

/// Finds the build, runs a command on it, and reports; the exit code.
fn on_build(
    name: &str,
    args: &BuildArgs,
    reporting: &ReportArgs,
    style: &Style,
    command: impl FnOnce(&Build, &Output, &mut Report) -> Result<Outcome, Failure>,
) -> u8 {
    output::begin(name, reporting.format);
    // Without a handler an interruption ends the command as the system does.
    let _ = interruption::watch(end_at_once);
    let mut output = Output::new(&style.output, reporting.format);
    if let Some(above) = &style.above {
        output.note(format!("the app is in `{}`", paths::show(above)));
    }
    let mut report = Report::new(name);
    let ended = match find::locate::build(args) {
        Ok(Located::Server(build)) => {
            if build.options.debug() {
                output.say_why();
            }
            report.found_build(&build);
            build.reasons.iter().for_each(|reason| output.why(reason));
            let run = || command(&build, &output, &mut report);
            // A mistake of ours gives a document, too, where the format is one.
            let ended = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Failure::mistake()));
            ended.unwrap_or_else(|failure| {
                output.failure(&failure, Some(&build.place));
                output.close(&Closing::of_failure(&failure, name));
                failure.outcome()
            })
        }
        Ok(Located::NoServer { found }) => {
            report.found_preset(&found);
            let preset = found.preset.name;
            output.close(&Closing::good(format!("nothing to do: a build of the preset `{preset}` has no server")));
            Outcome::NoServer
        }
        Err(failure) => {
            output.failure(&failure, None);
            output.close(&Closing::of_failure(&failure, name));
            failure.outcome()
        }
    };
    // Wrong usage stays wrong: what was meant to be allowed to fail has not been tried.
    let allowed = reporting.allow_failure && ended != Outcome::WrongUsage;
    let exit_code = if allowed { 0 } else { ended.exit_code() };
    output.report(report, ended, exit_code)
}

/// The end of an interrupted command: of its children, its temporary files, and its report. The exit code.
fn end_at_once() -> u8 {
    child::end_all();
    scratch::remove_all();
    output::interrupted()
}
