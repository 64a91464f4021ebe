//! The command line of `cargo xtask`: the parsed flags are the commands, and each has its verb in a file of its own.

use std::path::PathBuf;

use presentry_e2e::scenario::Shard;

use crate::bench::Format;
use crate::e2e::{ListFormat, ResultFormat};

xflags::xflags! {
    src "./src/flags.rs"

    /// Everything a maintainer runs.
    cmd xtask {
        /// Print this help.
        default cmd help {}

        /// Install, build, rewrite and boot real apps, and judge what they do. Without a filter the scenario `basic`.
        cmd e2e {
            /// Run the scenarios of this id, or those whose ids contain this; or a cell that `cargo xtask matrix` lists,
            /// such as `basic@vinxi-0.5.3`.
            repeated filter: String
            /// Run all cells of the matrix, in all columns; with versions, all scenarios with these.
            optional --all
            /// Run with this version of Vinxi: one of `e2e/matrix.toml`, its beginning (`0.4`), another one, or `latest`.
            optional --vinxi vinxi: String
            /// Run with this version of nitropack.
            optional --nitropack nitropack: String
            /// Run with this version of `@sentry/solidstart`.
            optional --sentry sentry: String
            /// Build and boot with this version of Node.js, from npm.
            optional --node node: String
            /// Run the scenarios of this preset of Nitro.
            optional --preset preset: String
            /// Judge the build that the SDK makes on its own beside ours.
            optional --sdk
            /// Leave that out where `--all` has it.
            optional --no-sdk
            /// Judge the build that leaves the SDK in its packages alone, and not the one with the bundle, which is the default.
            optional --no-bundle
            /// Run the I-th of N parts of the cells, such as `1/3`.
            optional --shard shard: Shard
            /// How many scenarios run beside each other; 1 if not given.
            optional --jobs jobs: usize
            /// Judge this command instead of the one of this repository.
            optional --presentry presentry: PathBuf
            /// Do not rewrite the build. The run must then end red.
            optional --without-rewrite
            /// Install and build again, whatever earlier runs left.
            optional --no-cache
            /// Keep the work directories although everything passed.
            optional --keep
            /// `text` (if not given), `json`, or `junit`.
            optional --format format: ResultFormat
            /// Write the report to this directory: `index.html`, `summary.md`, `e2e.json`, `e2e.xml`, and what each cell
            /// printed.
            optional --report report: PathBuf
        }

        /// List the cells: scenarios, and the versions that each is run with.
        cmd matrix {
            /// `text` (if not given), or `github` for a matrix of GitHub Actions.
            optional --format format: ListFormat
            /// List the I-th of N parts of the cells, such as `1/3`.
            optional --shard shard: Shard
        }

        /// Make one report of several, such as those of shards, beside the cells of the matrix: what is missing has failed.
        cmd report {
            /// What `cargo xtask e2e --report` wrote, or a directory of such directories.
            repeated directory: PathBuf
            /// Write `index.html`, `summary.md` and `e2e.json` to this directory.
            optional --out out: PathBuf
            /// Write this file, which `docs/compatibility.md` is, of a full run with the SDK's own builds.
            optional --compatibility compatibility: PathBuf
            /// Leave out the cells that were not run.
            optional --partial
        }

        /// Make a directory that shows a bug of a setup to others: the app, its builds, what each does, and `REPORT.md`.
        cmd repro {
            /// The directory of the app. Nothing in it is changed.
            optional --app app: PathBuf
            /// A fixture of this repository instead.
            optional --fixture fixture: String
            /// Install this version of Vinxi: one of `e2e/matrix.toml`, its beginning (`0.4`), another one, or `latest`.
            optional --vinxi vinxi: String
            /// Install this version of nitropack.
            optional --nitropack nitropack: String
            /// Install this version of `@sentry/solidstart`.
            optional --sentry sentry: String
            /// Build and start with this version of Node.js, from npm.
            optional --node node: String
            /// Build for this preset of Nitro.
            optional --preset preset: String
            /// Where the directory is made; `target/repro/NAME` if not given.
            optional --out out: PathBuf
            /// Report on this command instead of the one of this repository.
            optional --presentry presentry: PathBuf
            /// Leave out the build that the SDK wraps alone.
            optional --no-sdk
            /// Have the package manager ask the registry for everything again.
            optional --no-cache
            /// Keep the copy that was built.
            optional --keep
        }

        /// Run the tests that the platform hosts of the scenarios have of their own, on stand-ins of builds.
        cmd hosts {
            /// Install again, whatever earlier runs left.
            optional --no-cache
        }

        /// Make the captured corpus of the rewriter again, from the list in `e2e/captures.toml`. Takes an hour.
        cmd capture {
            /// Where the app is built, `/app` if not given. Nitro writes the path into what it builds.
            optional --app app: PathBuf
            /// Make this capture alone, and leave the corpus.
            optional --only id: String
            /// Make all captures again, whatever earlier runs left.
            optional --no-cache
        }

        /// Measure.
        cmd bench {
            /// Measure `presentry rewrite` beside the same job in Node and beside copying the same files, on real builds
            /// and on one of 10,000 chunks.
            cmd rewrite {
                /// How often each contender runs on each build; 15 if not given.
                optional --runs runs: usize
                /// `text` (if not given), or `json` for rows of label, median_ms, ratio and peak_mib.
                optional --format format: Format
            }

            /// Measure how long servers take to listen: rewritten in each way, beside `--import` and the SDK's own build.
            /// What the rewrite takes and what `--prune` saves is measured as well.
            cmd start {
                /// How often each contender starts; 15 if not given.
                optional --runs runs: usize
                /// Start with this version of Node.js, from npm: one of `e2e/matrix.toml`, its beginning (`22`), or another
                /// one. With 20, 22 and 24 if none is given.
                repeated --node node: String
                /// Start this app: `basic` or `database`. Both if none is given.
                repeated --fixture fixture: String
                /// `text` (if not given), or `json` for rows of label, node, fixture, median_ms and ratio.
                optional --format format: Format
                /// Draw the medians to this file, an SVG.
                optional --plot plot: PathBuf
                /// Measure this command instead of the one of this repository.
                optional --presentry presentry: PathBuf
            }
        }

        /// Lay out the npm packages, and pack those whose executable is there.
        cmd dist {
            /// Where the packages and their tarballs are written.
            required --out out: PathBuf
            /// A directory with an executable for every platform, as `TARGET/presentry`. Without it the one for this
            /// machine is built.
            optional --binaries binaries: PathBuf
            /// The address of the repository, which provenance needs in every package.
            optional --repository repository: String
        }

        /// Generate builds, rewrite them, check what must hold for every build, and run them under Node.
        cmd fuzz {
            /// How long; 1 if neither this nor a seed is given.
            optional --minutes minutes: u64
            /// The seed of the first build; without `--minutes`, of the only one.
            optional --seed seed: u64
        }

        /// Check formatting, lints and tidiness, and run all tests, e2e scenarios among them.
        cmd test {
            /// Leave out the e2e scenarios, where they cannot run.
            optional --no-e2e
        }

        /// Check what neither the compiler nor clippy checks.
        cmd tidy {}
    }
}

impl Xtask {
    /// What `--help` prints.
    pub(crate) const HELP: &'static str = Self::HELP_;
}

// generated start
// The following code is generated by `xflags` macro.
// Run `env UPDATE_XFLAGS=1 cargo build` to regenerate.
#[derive(Debug)]
pub struct Xtask {
    pub subcommand: XtaskCmd,
}

#[derive(Debug)]
pub enum XtaskCmd {
    Help(Help),
    E2e(E2e),
    Matrix(Matrix),
    Report(Report),
    Repro(Repro),
    Hosts(Hosts),
    Capture(Capture),
    Bench(Bench),
    Dist(Dist),
    Fuzz(Fuzz),
    Test(Test),
    Tidy(Tidy),
}

#[derive(Debug)]
pub struct Help;

#[derive(Debug)]
pub struct E2e {
    pub filter: Vec<String>,

    pub all: bool,
    pub vinxi: Option<String>,
    pub nitropack: Option<String>,
    pub sentry: Option<String>,
    pub node: Option<String>,
    pub preset: Option<String>,
    pub sdk: bool,
    pub no_sdk: bool,
    pub no_bundle: bool,
    pub shard: Option<Shard>,
    pub jobs: Option<usize>,
    pub presentry: Option<PathBuf>,
    pub without_rewrite: bool,
    pub no_cache: bool,
    pub keep: bool,
    pub format: Option<ResultFormat>,
    pub report: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Matrix {
    pub format: Option<ListFormat>,
    pub shard: Option<Shard>,
}

#[derive(Debug)]
pub struct Report {
    pub directory: Vec<PathBuf>,

    pub out: Option<PathBuf>,
    pub compatibility: Option<PathBuf>,
    pub partial: bool,
}

#[derive(Debug)]
pub struct Repro {
    pub app: Option<PathBuf>,
    pub fixture: Option<String>,
    pub vinxi: Option<String>,
    pub nitropack: Option<String>,
    pub sentry: Option<String>,
    pub node: Option<String>,
    pub preset: Option<String>,
    pub out: Option<PathBuf>,
    pub presentry: Option<PathBuf>,
    pub no_sdk: bool,
    pub no_cache: bool,
    pub keep: bool,
}

#[derive(Debug)]
pub struct Hosts {
    pub no_cache: bool,
}

#[derive(Debug)]
pub struct Capture {
    pub app: Option<PathBuf>,
    pub only: Option<String>,
    pub no_cache: bool,
}

#[derive(Debug)]
pub struct Bench {
    pub subcommand: BenchCmd,
}

#[derive(Debug)]
pub enum BenchCmd {
    Rewrite(Rewrite),
    Start(Start),
}

#[derive(Debug)]
pub struct Rewrite {
    pub runs: Option<usize>,
    pub format: Option<Format>,
}

#[derive(Debug)]
pub struct Start {
    pub runs: Option<usize>,
    pub node: Vec<String>,
    pub fixture: Vec<String>,
    pub format: Option<Format>,
    pub plot: Option<PathBuf>,
    pub presentry: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Dist {
    pub out: PathBuf,
    pub binaries: Option<PathBuf>,
    pub repository: Option<String>,
}

#[derive(Debug)]
pub struct Fuzz {
    pub minutes: Option<u64>,
    pub seed: Option<u64>,
}

#[derive(Debug)]
pub struct Test {
    pub no_e2e: bool,
}

#[derive(Debug)]
pub struct Tidy;

impl Xtask {
    #[allow(dead_code)]
    pub fn from_env_or_exit() -> Self {
        Self::from_env_or_exit_()
    }

    #[allow(dead_code)]
    pub fn from_env() -> xflags::Result<Self> {
        Self::from_env_()
    }

    #[allow(dead_code)]
    pub fn from_vec(args: Vec<std::ffi::OsString>) -> xflags::Result<Self> {
        Self::from_vec_(args)
    }
}
// generated end
