//! The command line of `cargo xtask`: the parsed flags are the commands, and each has its verb in a file of its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use presentry_e2e::scenario::Shard;
use xshell::Shell;

use crate::Outcome;

/// Everything a maintainer runs.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110,
    styles = Styles::plain()
)]
pub(crate) struct Xtask {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Commands by the names of their flags, each of which runs.
macro_rules! commands {
    ($commands:ident: $($flags:ident),*) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum $commands {
            $($flags($flags)),*
        }

        impl $commands {
            pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
                match self {
                    $(Self::$flags(flags) => flags.run(sh)),*
                }
            }
        }
    };
}

// In the order of the help.
commands!(Verb: E2e, Matrix, Report, Repro, Hosts, Libraries, Capture, Bench, Bounds, Book, Dist, Fuzz, Soak, Test, Tidy);

/// Install, build, rewrite and boot real apps, and judge what they do.
#[derive(Debug, Default, Args)]
pub(crate) struct E2e {
    /// Scenarios, by id or a part of it, or cells such as `basic@vinxi-0.5.3`; `basic` if not given.
    pub(crate) filter: Vec<String>,
    /// Run every cell of the matrix, in all columns; with versions, every scenario with these.
    #[arg(long)]
    pub(crate) all: bool,
    /// Run the scenarios of this preset of Nitro.
    #[arg(long)]
    pub(crate) preset: Option<String>,
    /// Judge the build that the SDK makes on its own as well; `--all` does.
    #[arg(long, conflicts_with = "no_sdk")]
    pub(crate) sdk: bool,
    /// Leave that build out.
    #[arg(long)]
    pub(crate) no_sdk: bool,
    /// Leave out the build with the SDK bundled.
    #[arg(long)]
    pub(crate) no_bundle: bool,
    /// Leave out the build with the libraries injected ahead of time.
    #[arg(long)]
    pub(crate) no_ahead: bool,
    /// Run the I-th of N parts of the cells.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Run so many cells beside each other.
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Judge this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
    /// Do not rewrite the build. The run must then end red.
    #[arg(long)]
    pub(crate) without_rewrite: bool,
    /// Install and build again, whatever earlier runs left.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Keep the work directories of cells that passed.
    #[arg(long)]
    pub(crate) keep: bool,
    /// The form of the result on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ResultFormat,
    /// Write `index.html`, `summary.md`, `e2e.json`, `e2e.xml` and what each cell printed.
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) versions: Versions,
}

/// Versions that replace those of the lockfile.
#[derive(Debug, Default, Clone, Args)]
#[command(
    next_help_heading = "Versions: one of `e2e/matrix.toml`, its beginning such as `0.4`, another one, or `latest`"
)]
pub(crate) struct Versions {
    /// Install this version of Vinxi.
    #[arg(long, value_name = "VERSION")]
    pub(crate) vinxi: Option<String>,
    /// Install this version of nitropack.
    #[arg(long, value_name = "VERSION")]
    pub(crate) nitropack: Option<String>,
    /// Install this version of `@sentry/solidstart`.
    #[arg(long, value_name = "VERSION")]
    pub(crate) sentry: Option<String>,
    /// Install this version of `@sentry/node`, in the scenarios whose server has that.
    #[arg(long, value_name = "VERSION")]
    pub(crate) sdk_version: Option<String>,
    /// Build and start with this version of Node.js, from npm.
    #[arg(long, value_name = "VERSION")]
    pub(crate) node: Option<String>,
}

/// List the cells: scenarios, and the versions that each is run with.
#[derive(Debug, Args)]
pub(crate) struct Matrix {
    /// `text`, or a matrix of GitHub Actions.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ListFormat,
    /// List the I-th of N parts of the cells.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
}

/// Make one report of several, such as those of shards, beside the cells of the matrix. A missing cell has failed.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// What `cargo xtask e2e --report` wrote, or a directory of such directories.
    #[arg(required_unless_present = "compare")]
    pub(crate) directory: Vec<PathBuf>,
    /// Show which verdicts of two reports differ, by cell and column; the exit code is 1 where one became worse.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], exclusive = true)]
    pub(crate) compare: Vec<PathBuf>,
    /// Write `index.html`, `summary.md` and `e2e.json` to this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write `docs/compatibility.md`, of a full run, with the SDK's own builds in some cells.
    #[arg(long, value_name = "FILE", conflicts_with = "partial")]
    pub(crate) compatibility: Option<PathBuf>,
    /// Leave out the cells that were not run.
    #[arg(long)]
    pub(crate) partial: bool,
}

/// Make a directory that shows a bug of a setup to others: the app, its builds, what each does, and `REPORT.md`.
#[derive(Debug, Args)]
pub(crate) struct Repro {
    #[command(flatten)]
    pub(crate) source: AppSource,
    /// Build for this preset of Nitro.
    #[arg(long)]
    pub(crate) preset: Option<String>,
    /// Where the directory is made; `target/repro/NAME` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Report on this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
    /// Leave out the build that the SDK wraps alone.
    #[arg(long)]
    pub(crate) no_sdk: bool,
    /// Vouch for the start of Sentry where it cannot be proven.
    #[arg(long)]
    pub(crate) trust_init: bool,
    /// Have the package manager ask the registry for everything again.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Keep the copy that was built.
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) versions: Versions,
}

/// The app that is reproduced.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AppSource {
    /// The directory of the app. Nothing in it is changed.
    #[arg(long, value_name = "DIR")]
    pub(crate) app: Option<PathBuf>,
    /// A fixture of this repository instead.
    #[arg(long)]
    pub(crate) fixture: Option<String>,
}

/// Run the tests of the platform hosts, on stand-ins of builds.
#[derive(Debug, Args)]
pub(crate) struct Hosts {
    /// Install again, whatever earlier runs left.
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// Compare what presentry injects into 30 libraries, at two versions each, with what the hooks of SDK 11 inject. Asks npm.
#[derive(Debug, Args)]
pub(crate) struct Libraries {
    /// Judge this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
}

/// Make the captured corpus of the rewriter again, from `e2e/captures.toml`. Takes an hour.
#[derive(Debug, Args)]
pub(crate) struct Capture {
    /// Where the app is built. Nitro writes the path into what it builds.
    #[arg(long, value_name = "DIR", default_value = "/app")]
    pub(crate) app: PathBuf,
    /// Make this capture alone, and leave the corpus.
    #[arg(long, value_name = "ID")]
    pub(crate) only: Option<String>,
    /// Make all captures again, whatever earlier runs left.
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// Measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) what: Measured,
}

commands!(Measured: Rewrite, Start);

/// Measure `presentry rewrite` beside the same job in Node and beside copying the files, on real builds and a large one.
#[derive(Debug, Args)]
pub(crate) struct Rewrite {
    /// How often each contender runs on each build.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) runs: usize,
    /// An executable to measure in place of the one that is built.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
    /// Another executable, such as that of the version before, to measure beside it. It has to change the same files.
    #[arg(long, value_name = "FILE")]
    pub(crate) before: Option<PathBuf>,
    /// A table with the goals, or rows of label, times, ratios and peak_mib.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Measure how long servers take to listen: rewritten in each way, under `--import`, and the SDK's own build.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// How often each contender starts.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) runs: usize,
    /// Start with these versions of Node.js; 20, 22 and 24 if none is given.
    #[arg(long, value_name = "VERSION")]
    pub(crate) node: Vec<String>,
    /// Start these apps: `basic`, `database`, or `sdk-alone`, which has SDK 11; all if none is given.
    #[arg(long, value_name = "ID")]
    pub(crate) fixture: Vec<String>,
    /// A table with the goals, or rows of label, node, fixture, median_ms and ratio.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Draw the medians to this file, an SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Measure this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
}

/// Measure what 4 MB of each shape of code take, in each place of a build; a run over 2 s or 500 MB turns it red.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// The shapes whose names contain one of these words; all if none is given.
    pub(crate) shape: Vec<String>,
    /// Measure this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
}

/// Lay out the npm packages, and pack those whose executable is there.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// Where the packages and their tarballs are written.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// A directory with an executable for each platform, as `TARGET/presentry`; without it, one is built for this machine.
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,
    /// The address of the repository, which provenance needs in every package.
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
}

/// What is repeated with other seeds.
#[derive(Debug, Args)]
pub(crate) struct Rounds {
    /// How long; 1 if neither this nor a seed is given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) minutes: Option<u64>,
    /// The seed of the first round; without `--minutes`, of the only round.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Generate builds, rewrite them, check what must hold for every build, and run them under Node.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    #[command(flatten)]
    pub(crate) rounds: Rounds,
    /// Generate instrumentations instead, and hold what is proven against what Node does.
    #[arg(long, conflicts_with = "minutes")]
    pub(crate) order: bool,
    /// How many instrumentations.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "order", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) programs: u64,
    /// How many of them run with the real SDK as well, which npm brings.
    #[arg(long, value_name = "N", requires = "order", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) real: Option<u64>,
}

/// Kill commands with random options, run them side by side, on full disks and on builds that are made again: what is left
/// must be the original or what an undisturbed run makes.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    pub(crate) rounds: Rounds,
    /// Use this built app (repeatable); captured builds and fixtures if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) app: Vec<PathBuf>,
    /// Run this command instead of the one of this repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) presentry: Option<PathBuf>,
    /// Change a byte of each build behind the command's back. The run must then end red.
    #[arg(long)]
    pub(crate) plant: bool,
}

/// Check formatting, lints and tidiness, and run all tests, e2e scenarios among them.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Leave out the e2e scenarios, where they cannot run.
    #[arg(long)]
    pub(crate) no_e2e: bool,
}

/// Make a site of the pages, with mdBook, and look up every link of it.
#[derive(Debug, Args)]
pub(crate) struct Book {
    /// Where the site goes.
    #[arg(long, value_name = "DIR", default_value = "target/site")]
    pub(crate) out: PathBuf,
    /// The executable of mdBook, if it is not on `PATH`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mdbook: Option<PathBuf>,
}

/// Check what neither the compiler nor clippy checks.
#[derive(Debug, Args)]
pub(crate) struct Tidy {}

/// The form of a result. Comments, as documentation of the values would make `--help` two screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    // What is done and found, as it comes.
    #[default]
    Text,
    // One document; the text goes to standard error.
    Json,
    // One document for the test reports of CI services; the text goes to standard error.
    Junit,
}

/// The form of a list of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    // A line for each.
    #[default]
    Text,
    // A matrix of GitHub Actions.
    Github,
}

/// The form of figures. Progress goes to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // A table, and the goals.
    #[default]
    Text,
    // Rows for a program.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_help_of_each_verb_is_one_screen() {
        let xtask = Xtask::command();
        xtask.clone().debug_assert();
        let verbs: Vec<&str> = xtask.get_subcommands().map(clap::Command::get_name).collect();
        assert!(verbs.len() > 10, "{verbs:?}");
        for verb in verbs {
            let help = Xtask::try_parse_from(["cargo xtask", verb, "--help"]).unwrap_err().to_string();
            assert!(help.lines().count() <= 40, "{verb}:\n{help}");
        }
    }

    #[test]
    fn a_word_that_is_nearly_right_is_suggested() {
        let says = |args: &[&str]| Xtask::try_parse_from([&["cargo xtask"], args].concat()).unwrap_err().to_string();
        assert!(says(&["e2"]).contains("'e2e'"));
        assert!(says(&["e2e", "--vinx", "0.5"]).contains("'--vinxi'"));
        assert!(says(&["e2e", "--format", "jsn"]).contains("'json'"));
        assert!(says(&["e2e", "--sdk", "--no-sdk"]).contains("cannot be used with"));
        assert!(says(&["repro"]).contains("--app <DIR>"));
    }
}
