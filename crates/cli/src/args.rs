//! The command line as clap reads it, and what clap cannot say about it.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{
    ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::ErrorKind,
    parser::ValueSource,
};
use presentry_rewriter::{InitTrust, Mode};

use crate::{
    child::environment::Variable,
    diagnostics, find,
    trace::request::{Request, RequestError},
};

/// Makes Sentry start before everything else in a SolidStart server build, and proves it.
///
/// Run it after `vinxi build`. The built server entry moves aside, and a small facade takes its place that imports the
/// instrumentation first and the Nitro runtime dynamically after it. Nothing is written unless the result is proven.
#[derive(Debug, Parser)]
#[command(name = "presentry", version, override_usage = USAGE, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) rewrite: RewriteArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Cli {
    /// Reads a command line that begins with the name of the program. Help and version are errors too, as clap has it.
    pub(crate) fn of_arguments(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        // `args_conflicts_with_subcommands` of clap would refuse `presentry -v check` as well.
        if matches.subcommand_name().is_some() {
            let options = RewriteArgs::augment_args(clap::Command::new("rewrite"));
            let given =
                |option: &&clap::Arg| matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine);
            if let Some(option) = options.get_arguments().find(given) {
                let option = option.get_long().map_or("[APP]".to_owned(), |name| format!("--{name}"));
                let message = format!("`{option}` has to stand after the command, if the command takes it");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        let cli = Self::from_arg_matches(&matches)?;
        cli.reject_what_nothing_looks_at(&mut command)?;
        Ok(cli)
    }

    /// Which build a command is about, where it is about one.
    pub(crate) fn build_mut(&mut self) -> Option<&mut BuildArgs> {
        match &mut self.command {
            None => Some(&mut self.rewrite.build),
            Some(Command::Rewrite(args)) => Some(&mut args.build),
            Some(Command::Check(args)) => Some(&mut args.build),
            Some(Command::Trace(args)) => Some(&mut args.build),
            Some(Command::Inspect(args)) => Some(&mut args.build),
            Some(Command::Restore(args)) => Some(&mut args.build),
            Some(Command::Repro(args)) => Some(&mut args.build),
            Some(Command::Explain(_) | Command::Completions(_) | Command::Man(_)) => None,
        }
    }

    /// Passing what nothing would look at must not look like success.
    fn reject_what_nothing_looks_at(&self, command: &mut clap::Command) -> Result<(), clap::Error> {
        let args = match &self.command {
            Some(Command::Rewrite(args)) => args,
            None => &self.rewrite,
            Some(_) => return Ok(()),
        };
        if args.mode == ModeArg::TopLevelImport && (args.exports == ExportsArg::Wrap || args.keep_sdk_wrapper) {
            let message = "`--exports wrap` and `--keep-sdk-wrapper` cannot be used with `--mode top-level-import`, which \
                           writes no facade";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        if args.compile_cache.is_some() && (args.mode == ModeArg::TopLevelImport || args.keep_sdk_wrapper) {
            let message = "`--compile-cache` is a line of the facade, so it cannot be used with `--mode top-level-import` \
                           or `--keep-sdk-wrapper`";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        if args.bundle_sdk.is_some() && !args.writes_facade() {
            let message = "`--bundle-sdk` needs a facade, so it cannot be used with `--mode top-level-import` or \
                           `--keep-sdk-wrapper`";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        if args.prune && args.bundling() == Bundling::No {
            let message = "`--prune` removes packages that only an SDK in its packages needs, so it cannot be used with \
                           `--no-bundle-sdk`, `--mode top-level-import` or `--keep-sdk-wrapper`";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        if args.exports != ExportsArg::Wrap && !args.wrap.is_empty() {
            let message = "`--wrap` needs `--exports wrap`; under `--exports await` every export is passed on as it is";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        Ok(())
    }
}

const USAGE: &str = "presentry [OPTIONS] [APP]\n       presentry <COMMAND>";

const AFTER_HELP: &str = "\
Exit codes:
  0  done, or already right
  1  refused, or a proof failed; nothing was changed (0 with `--allow-failure`)
  2  wrong usage

`presentry explain <CODE>` tells more about a diagnostic.";

/// The command that a command line means, and the form of report it asks for, as far as that can be told of one that is
/// wrong.
pub(crate) fn meant_by(arguments: &[OsString]) -> (String, FormatArg) {
    let words: Vec<&str> = arguments.iter().skip(1).map_while(|word| word.to_str()).collect();
    let definition = Cli::command();
    let named = words.iter().find(|word| definition.find_subcommand(word).is_some());
    let values =
        words.iter().zip(words.iter().skip(1)).filter(|(flag, _)| **flag == "--format").map(|(_, value)| *value);
    let format = words.iter().filter_map(|word| word.strip_prefix("--format=")).chain(values).last();
    let reports = named.is_none_or(|name| definition.find_subcommand(name).is_some_and(has_reports));
    let format = format.filter(|_| reports).and_then(|format| FormatArg::from_str(format, false).ok());
    (named.unwrap_or(&"rewrite").to_string(), format.unwrap_or(FormatArg::Text))
}

fn has_reports(command: &clap::Command) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == "allow_failure")
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rewrite the build of the app, and prove the result (the default)
    Rewrite(RewriteArgs),
    /// Prove that Sentry starts first, whoever wrapped the build; show the import chain if it does not
    Check(CheckArgs),
    /// Start the real server under Node.js, send it requests, and show Sentry's start and the spans that arrive
    Trace(TraceArgs),
    /// Show the preset, the entry, the runtime, exports, libraries, options and the verdict
    Inspect(InspectArgs),
    /// Put the original build back, byte for byte
    Restore(RestoreArgs),
    /// Write what a bug report needs: versions, the tree of the build, verdicts; without secrets and content of files
    Repro(ReproArgs),
    /// Explain a diagnostic code, or list them all; list the presets
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
}

/// Text for which a shell suggests words. Other text is not refused here: whoever reads it says more.
#[derive(Clone)]
struct Suggested(fn() -> Vec<&'static str>);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0().into_iter().map(PossibleValue::new)))
    }
}

fn presets() -> Vec<&'static str> {
    find::presets::names().collect()
}

fn codes() -> Vec<&'static str> {
    diagnostics::all().into_iter().map(|code| code.name).collect()
}

/// Where the build is.
#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    /// The directory of the app, where it was built
    #[arg(default_value = ".")]
    pub(crate) app: PathBuf,

    /// The built server entry, for builds that are not found by their `nitro.json`
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: Option<PathBuf>,

    /// The preset of Nitro, where `nitro.json` is missing or names one of your own, or to choose among several builds
    #[arg(long, value_name = "NAME", value_parser = Suggested(presets), hide_possible_values = true)]
    pub(crate) preset: Option<String>,

    /// The output directory of the build, in which `nitro.json` lies
    #[arg(long, value_name = "DIR", conflicts_with = "entry")]
    pub(crate) output_dir: Option<PathBuf>,
}

/// The arguments of `presentry rewrite`.
#[derive(Debug, Args)]
pub(crate) struct RewriteArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    /// The instrumentation, where it is not `instrument.server.*`: a built file, or a source that is compiled
    #[arg(long, value_name = "FILE")]
    pub(crate) instrumentation: Option<PathBuf>,

    /// Print a diff of what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How the exports of the entry are passed on
    #[arg(long, value_enum, value_name = "STYLE", default_value = "await")]
    pub(crate) exports: ExportsArg,

    /// An export that becomes a forwarder under `--exports wrap` (repeatable) [default: default, handler, server]
    #[arg(long, value_name = "NAME", value_delimiter = ',', action = ArgAction::Append)]
    pub(crate) wrap: Vec<String>,

    /// Where the runtime goes
    #[arg(long, value_enum, value_name = "MODE", default_value = "dynamic-import")]
    pub(crate) mode: ModeArg,

    /// When to bundle the SDK into one module beside the entry; the server starts in about half the time [default:
    /// if-possible]
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub(crate) bundle_sdk: Option<BundleArg>,

    /// Leave the SDK in its packages
    #[arg(long, conflicts_with = "bundle_sdk")]
    pub(crate) no_bundle_sdk: bool,

    /// When to inject the channels of the SDK (11 or later) into the libraries of the build, not at each start [default:
    /// if-possible]
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub(crate) instrument_ahead: Option<AheadArg>,

    /// Leave the libraries as they were built
    #[arg(long, conflicts_with = "instrument_ahead")]
    pub(crate) no_instrument_ahead: bool,

    /// Remove the packages that the build no longer needs once the SDK is bundled
    #[arg(long)]
    pub(crate) prune: bool,

    /// Have Node (22.8 or later) keep compiled code in a directory, relative to that of the entry [default: .compile-cache]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".compile-cache")]
    pub(crate) compile_cache: Option<String>,

    /// Leave the guard out of the facade, which prints a line when the running server differs from what was proven
    #[arg(long)]
    pub(crate) no_guard: bool,

    /// Leave a wrapper of the SDK as it is when the proof holds for it
    #[arg(long)]
    pub(crate) keep_sdk_wrapper: bool,

    /// Report packages that the build lacks, and do not collect them from the app
    // Scripts and pipelines hold the old name.
    #[arg(long, alias = "no-trace")]
    pub(crate) no_collect: bool,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

impl RewriteArgs {
    /// Whether the SDK is bundled.
    pub(crate) fn bundling(&self) -> Bundling {
        match self.bundle_sdk {
            Some(BundleArg::Always) => Bundling::Demanded,
            Some(BundleArg::IfPossible) => Bundling::WherePossible,
            None if self.no_bundle_sdk || !self.writes_facade() => Bundling::No,
            None => Bundling::DEFAULT,
        }
    }

    /// Whether libraries are injected ahead of time.
    pub(crate) fn ahead(&self) -> Ahead {
        match self.instrument_ahead {
            Some(AheadArg::Always) => Ahead::Demanded,
            Some(AheadArg::IfPossible) => Ahead::WherePossible,
            None if self.no_instrument_ahead || !self.writes_facade() => Ahead::No,
            None => Ahead::DEFAULT,
        }
    }

    fn writes_facade(&self) -> bool {
        self.mode != ModeArg::TopLevelImport && !self.keep_sdk_wrapper
    }
}

impl RewriteArgs {
    /// A rewrite of the build that is inspected, as no flag says otherwise.
    pub(crate) fn of_inspect(args: &InspectArgs) -> Self {
        let matches = Self::augment_args(clap::Command::new("rewrite")).get_matches_from(["rewrite"]);
        let defaults = Self::from_arg_matches(&matches).expect("every argument has a default");
        let (build, instrumentation) = (args.build.clone(), args.instrumentation.clone());
        Self { build, instrumentation, trust: args.trust, ..defaults }
    }
}

/// The arguments of `presentry check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What is not asked of the build itself.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TrustArgs {
    /// Packages that the build lacks are supplied where the server runs: they are neither collected nor missing
    #[arg(long)]
    pub(crate) packages_elsewhere: bool,

    /// Vouch for the start of Sentry where it cannot be proven; `presentry trace` shows whether it is true
    #[arg(long)]
    pub(crate) trust_init: bool,
}

impl TrustArgs {
    /// What a start of Sentry counts for that cannot be proven.
    pub(crate) fn trust(self) -> InitTrust {
        if self.trust_init { InitTrust::Vouched } else { InitTrust::Proof }
    }
}

/// The arguments of `presentry trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    /// The built instrumentation, where it is not `instrument.server.mjs` beside the entry
    #[arg(long, value_name = "FILE")]
    pub(crate) instrumentation: Option<PathBuf>,

    /// The Node.js to start the server with, instead of the `node` on PATH
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) node: Option<PathBuf>,

    /// The port that the server is to listen on, instead of a free one of 127.0.0.1
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,

    /// How long the server may take to start, and to answer each request
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// A request to send (repeatable): `PATH`, `METHOD PATH BODY`, a message in the form of HTTP, or `@FILE` [default: GET /]
    #[arg(long = "request", value_name = "REQUEST", value_parser = Request::from_argument)]
    pub(crate) requests: Vec<Request>,

    /// A library or an origin, such as `graphql` or `auto.db`: a span of it has to arrive (repeatable)
    #[arg(long = "expect", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) expected: Vec<String>,

    /// How long to wait for spans after the last answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) wait: u64,

    /// A file of variables for the server, as `node --env-file` reads it (repeatable)
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,

    /// A variable for the server: one of the shell, or with a value (repeatable)
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = Variable::from_argument)]
    pub(crate) variables: Vec<Variable>,

    /// Write the trace as a page: timeline, spans, libraries and verdict
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// Options of Node.js, after `--`
    #[arg(last = true, value_name = "NODE OPTION")]
    pub(crate) node_options: Vec<OsString>,
}

/// The arguments of `presentry inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    /// The instrumentation, where it is not `instrument.server.*`: a built file, or a source that is compiled
    #[arg(long, value_name = "FILE")]
    pub(crate) instrumentation: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The arguments of `presentry restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    /// Print a diff of what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The arguments of `presentry repro`.
#[derive(Debug, Args)]
pub(crate) struct ReproArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,

    /// The file to write, or a directory for it, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Do not start the server
    #[arg(long)]
    pub(crate) no_trace: bool,

    /// A request to the server (repeatable), as `presentry trace --request` takes it [default: GET /]
    #[arg(long = "request", value_name = "REQUEST", value_parser = words_of_a_request, conflicts_with = "no_trace")]
    pub(crate) requests: Vec<String>,

    /// Vouch for the start of Sentry where it cannot be proven
    #[arg(long)]
    pub(crate) trust_init: bool,
}

/// The words of a request that is one.
fn words_of_a_request(text: &str) -> Result<String, RequestError> {
    Request::from_argument(text).map(|_| text.to_owned())
}

impl ReproArgs {
    /// Which build it is about, as words for another command.
    pub(crate) fn build_options(&self) -> Vec<OsString> {
        let BuildArgs { app, entry, preset, output_dir } = &self.build;
        let mut words = Vec::new();
        let mut option = |name: &str, value: Option<OsString>| {
            words.extend(value.into_iter().flat_map(|value| [OsString::from(name), value]));
        };
        option("--entry", entry.clone().map(Into::into));
        option("--preset", preset.clone().map(Into::into));
        option("--output-dir", output_dir.clone().map(Into::into));
        words.extend(self.trust_init.then(|| "--trust-init".into()));
        words.push(app.clone().into());
        words
    }
}

/// In which form a command reports, and what its failure means.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// The form of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: FormatArg,

    /// Report failures, but exit 0
    #[arg(long)]
    pub(crate) allow_failure: bool,
}

/// The arguments of `presentry completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// The arguments of `presentry man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page to print, instead of that of `presentry`
    #[arg(value_name = "COMMAND", value_parser = ["rewrite", "check", "trace", "inspect", "restore", "repro", "explain", "completions", "man"])]
    pub(crate) of: Option<String>,
}

/// The arguments of `presentry explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, as it stands between brackets in `error[code]`
    #[arg(conflicts_with = "all", value_parser = Suggested(codes), hide_possible_values = true)]
    pub(crate) code: Option<String>,

    /// Explain every code
    #[arg(long)]
    pub(crate) all: bool,

    /// List the presets of Nitro, and how each is treated
    #[arg(long, conflicts_with_all = ["code", "all"])]
    pub(crate) presets: bool,

    /// The form of the text
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ExplainFormat,
}

/// How much is said, and in which colours.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutputArgs {
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Explain each choice
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorArg,
}

/// How exports are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportsArg {
    /// Top-level await; every export stays the value it is
    Await,
    /// Async forwarders, for hosts that `require()` the entry
    Wrap,
}

/// Where the runtime goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Behind an `import()` that a facade awaits; proven
    DynamicImport,
    /// It stays a static import, below the instrumentation; tracing is limited, and nothing is proven
    TopLevelImport,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::DynamicImport => Mode::DynamicImport,
            ModeArg::TopLevelImport => Mode::TopLevelImport,
        }
    }
}

/// Whether a rewrite bundles the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bundling {
    /// It does not.
    No,
    /// It does, or nothing is written.
    Demanded,
    /// Bundle if possible; otherwise warn.
    WherePossible,
}

impl Bundling {
    /// What a run does that is not told.
    pub(crate) const DEFAULT: Self = Self::WherePossible;
}

/// When the SDK is bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BundleArg {
    /// Always; if it is not possible, write nothing
    Always,
    /// Bundle if possible; otherwise warn
    IfPossible,
}

/// Whether libraries are injected ahead of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// They are not.
    No,
    /// They are, or nothing is written.
    Demanded,
    /// They are where that is possible, and elsewhere hooks inject at run time.
    WherePossible,
}

impl Ahead {
    /// What a run does that is not told.
    pub(crate) const DEFAULT: Self = Self::WherePossible;
}

/// When libraries are injected ahead of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AheadArg {
    /// Always; if it is not possible, write nothing
    Always,
    /// Inject if possible; otherwise leave it to the SDK and warn
    IfPossible,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// On terminals; `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `FORCE_COLOR` count
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The form of explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For reading in a terminal
    Text,
    /// The content of `docs/diagnostics.md`, and with `--presets` of `docs/presets.md`
    Markdown,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For reading in a terminal
    Text,
    /// One JSON document on stdout, described in `docs/json.md`
    Json,
    /// Text, annotations for GitHub Actions, and a job summary
    Github,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_nothing_wrong_with_the_definitions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_old_name_of_no_collect_is_understood() {
        let matches = Cli::command().try_get_matches_from(["presentry", "--no-bundle-sdk", "--no-trace"]);
        assert!(matches.is_ok(), "{matches:?}");
    }

    /// Every line of a code block that runs the command, with or without `$` and `npx`, up to a comment or a pipe. Lines
    /// that are indented are output, and so are those that name a column: `presentry --prune: ok …`.
    fn command_lines(page: &str) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        let mut in_block = false;
        for line in page.lines() {
            if line.starts_with("```") {
                in_block = !in_block;
                continue;
            }
            let line = line.trim_start_matches("$ ").trim_start_matches("- run: ").trim_start_matches("npx ");
            let ends = |word: &String| ["#", "|", ">", ">>", "&&"].contains(&word.as_str());
            let words: Vec<String> = words(line).into_iter().take_while(|word| !ends(word)).collect();
            let is_output = words.iter().any(|word| word.ends_with(':'));
            if in_block
                && !is_output
                && line.starts_with("presentry")
                && words.first().is_some_and(|word| word == "presentry")
            {
                lines.push(words);
            }
        }
        lines
    }

    /// The words of a line as a shell reads them, as far as quotes go.
    fn words(line: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let (mut quote, mut within) = (None, false);
        for character in line.chars() {
            if quote.is_none() && character.is_whitespace() {
                within = false;
                continue;
            }
            if !std::mem::replace(&mut within, true) {
                words.push(String::new());
            }
            match quote {
                Some(open) if open == character => quote = None,
                None if matches!(character, '"' | '\'') => quote = Some(character),
                _ => words.last_mut().expect("a word has begun").push(character),
            }
        }
        words
    }

    #[test]
    fn the_command_lines_of_the_documentation_are_true() {
        let pages = [
            include_str!("../../../README.md"),
            include_str!("../../../docs/ci.md"),
            include_str!("../../../docs/json.md"),
            include_str!("../../../docs/trace.md"),
        ];
        for page in pages {
            let lines = command_lines(page);
            assert!(!lines.is_empty(), "the page shows no command line");
            for line in lines {
                // `--help` and `--version` are errors of clap as well, but none that go to stderr.
                if let Err(error) = Cli::of_arguments(&line) {
                    assert!(!error.use_stderr(), "`{}` is wrong: {error}", line.join(" "));
                }
            }
        }
    }

    /// What a command takes, a row for each argument: those of the `groups`, or all but those.
    fn table(command: &clap::Command, groups: &[clap::Id], of_groups: bool) -> String {
        let mut table = "| argument | what it does |\n|---|---|\n".to_owned();
        let arguments = command.get_arguments().filter(|argument| groups.contains(argument.get_id()) == of_groups);
        for argument in arguments.filter(|argument| !argument.is_hide_set()) {
            let mut what = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let values = argument.get_possible_values();
            for value in
                values.iter().filter(|value| argument.get_action().takes_values() && value.get_help().is_some())
            {
                what += &format!("<br>`{}`: {}", value.get_name(), value.get_help().expect("it has one"));
            }
            let default = argument.get_default_values().iter().filter_map(|value| value.to_str());
            let default = default.filter(|_| argument.get_action().takes_values()).collect::<Vec<_>>().join(", ");
            if !default.is_empty() {
                what += &format!(" [default: {default}]");
            }
            let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
            let shown = argument.to_string().replace("[=<", "[=").replace('<', "").replace(">]", "]").replace('>', "");
            table += &format!("| {short}`{}` | {} |\n", shown.replace('|', "\\|"), what.replace('|', "\\|"));
        }
        table
    }

    #[test]
    fn the_page_of_options_lists_every_argument() {
        const START: &str =
            "<!-- From here on generated from `crates/cli/src/args.rs`; `UPDATE_EXPECT=1` writes it anew. -->\n";
        let mut commands = Cli::command();
        commands.build();
        let ids = |command: clap::Command| command.get_arguments().map(|one| one.get_id().clone()).collect::<Vec<_>>();
        let of_builds = [
            ids(BuildArgs::augment_args(clap::Command::new(""))),
            ids(ReportArgs::augment_args(clap::Command::new(""))),
            ids(OutputArgs::augment_args(clap::Command::new(""))),
        ];
        let mut hidden = of_builds.concat();
        hidden.extend(["help", "version"].map(clap::Id::from));
        let mut page = "\n## Every command on a build\n\n".to_owned();
        page += &table(commands.find_subcommand("check").expect("a command"), &of_builds.concat(), true);
        for command in commands.get_subcommands() {
            let name = command.get_name();
            if command.get_arguments().any(|one| !hidden.contains(one.get_id())) && name != "help" {
                page += &format!("\n## `presentry {name}`\n\n{}", table(command, &hidden, false));
            }
        }
        let path = "../../../docs/options.md";
        let by_hand = include_str!("../../../docs/options.md").split(START).next().unwrap_or_default();
        expect_test::expect_file![path].assert_eq(&format!("{by_hand}{START}{page}"));
    }

    #[test]
    fn the_commands_that_the_readme_lists_are_there() {
        let rows = include_str!("../../../README.md").lines().filter_map(|line| line.strip_prefix("| `presentry "));
        let listed: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        assert!(listed.len() > 3, "{listed:?}");
        for row in listed {
            let words = row.split_whitespace().map(|word| match word {
                "[APP]" => ".",
                "CODE" => "locked",
                "SHELL" => "bash",
                other => other,
            });
            let line: Vec<&str> = std::iter::once("presentry").chain(words).collect();
            assert!(Cli::of_arguments(&line).is_ok(), "`{}` is wrong", line.join(" "));
        }
        let commands = Cli::command();
        for command in commands.get_subcommands().filter(|command| command.get_name() != "rewrite") {
            let start = format!("| `presentry {}", command.get_name());
            assert!(include_str!("../../../README.md").contains(&start), "the README has no row `{start}`");
        }
    }
}
