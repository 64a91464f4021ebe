//! What was seen of the builds of a cell: plain data that the oracles look at. Nothing here runs or judges.

use anyhow::Result;
use serde_json::Value;

use crate::column::Column;
use crate::evidence::Source;
use crate::intake::Received;
use crate::process::Exit;
use crate::resolved::Found;
use crate::scenario::{Control, Scenario};
use crate::server::Response;
use crate::timeline::Watched;
use crate::trace::{ModuleTrace, RuntimeModules};

/// Something seen, and the process it was seen of. `seen` is an error where the process did not let itself be
/// observed, such as a server that does not start: that is a finding about the build, not a fault of the harness.
#[derive(Debug)]
pub struct Seen<T> {
    /// What was seen.
    pub seen: Result<T>,
    /// Where the evidence is.
    pub source: Source,
    /// When things happened, where a start was watched.
    pub watched: Option<Watched>,
}

impl<T> Seen<T> {
    /// What was seen, or why nothing was.
    ///
    /// # Errors
    /// When the process did not let itself be observed.
    pub fn up(&self) -> Result<&T, String> {
        self.seen.as_ref().map_err(|error| format!("{error:#}"))
    }
}

/// One boot, the requests sent to it, and what arrived at the intake.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The response to the page.
    pub page: Response,
    /// The response to the static file, where there is one.
    pub asset: Option<Response>,
    /// The responses of the routes that run the libraries, in the scenario's order.
    pub libraries: Vec<Response>,
    /// The response of the route that reports on the ESM package, where there is one.
    pub package: Option<Response>,
    /// The responses of the routes that report what the instrumentation computed, in the scenario's order.
    pub values: Vec<Response>,
    /// The last responses of the features, in the scenario's order.
    pub features: Vec<Response>,
    /// The last response of the status route.
    pub status: Response,
    /// What the instrumentation's hooks saw.
    pub trace: ModuleTrace,
    /// What arrived at the intake.
    pub received: Received,
    /// The lines that the guard of the facade printed.
    pub guard: Vec<String>,
}

/// What a server did whose runtime throws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrowObservation {
    /// Whether it ever said that it listens.
    pub listened: bool,
    /// How it ended; nothing where it stayed up.
    pub exit: Option<Exit>,
    /// Whether it printed the error.
    pub printed: bool,
    /// The status of the static file, where it listened and answered. Not of the page: lazy chunks import the module
    /// that threw, so a page never answers, in any build. The file is a 404, as the entry's own first statement, which
    /// says where files are, never runs.
    pub asset: Option<u16>,
}

impl std::fmt::Display for ThrowObservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listened = if self.listened { "listened" } else { "never listened" };
        let printed = if self.printed { "printed" } else { "did not print" };
        write!(f, "{listened}, {printed} the error, ")?;
        match self.exit {
            Some(exit) => write!(f, "{exit}")?,
            None => write!(f, "stayed up")?,
        }
        match self.asset {
            Some(status) => write!(f, ", static file {status}"),
            None => Ok(()),
        }
    }
}

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartSeen {
    /// The server said that it listens.
    Listened,
    /// It ended before.
    Ended {
        /// How.
        exit: Exit,
        /// What it printed.
        printed: String,
    },
}

/// A run of the command on a build that should be what it was: what changed.
#[derive(Debug)]
pub struct Again {
    /// How the command ended.
    pub exit: Exit,
    /// What is different, a line each.
    pub differences: Vec<String>,
    /// The checksum of the build.
    pub checksum: String,
    /// The command.
    pub source: Source,
}

/// What the npm package's own command says of itself, beside the one that is judged.
#[derive(Debug)]
pub struct PackagedCommand {
    /// What the command that is judged says.
    pub wanted: String,
    /// What the package's says.
    pub version: String,
    /// Where that was seen.
    pub source: Source,
}

/// The runs of the command on the build that is judged.
#[derive(Debug)]
pub struct Proof {
    /// `presentry <app>`; nothing where the command did not make the build.
    pub rewrite: Option<Exit>,
    /// `presentry check` after it.
    pub check: Exit,
    /// Both.
    pub sources: Vec<Source>,
}

/// One column's build, and what it did.
#[derive(Debug)]
pub struct Build {
    /// What the command says of it.
    pub proof: Proof,
    /// The modules of its runtime.
    pub modules: RuntimeModules,
    /// A start with all requests.
    pub seen: Seen<Observation>,
    /// The same with `--import` of the instrumentation as well, where that can be.
    pub preloaded: Option<Seen<Observation>>,
    /// A start whose runtime throws on its first line.
    pub throw_first: Seen<ThrowObservation>,
    /// A start whose runtime throws behind its last.
    pub throw_later: Seen<ThrowObservation>,
    /// What the entry exports.
    pub exports: Seen<Value>,
    /// What would be deployed, where a function is.
    pub stack: Option<Seen<Value>>,
    /// A start of the same with the parser taken out that SDK 11 injects channels with, where that is used: a build that has
    /// lost it must not pass for one that instruments.
    pub without_parser: Option<Seen<Observation>>,
    /// A start of the same with an empty instrumentation, where its facade was proven without a condition: the guard must
    /// tell that Sentry has no client.
    pub without_init: Option<Seen<Observation>>,
    /// The size of its packages, in bytes.
    pub packages: u64,
    /// The packages of the SDK among them.
    pub sdk_packages: Vec<String>,
    /// The versions of Sentry's packages that its files find.
    pub resolved: Found,
    /// A second run of the command.
    pub again: Option<Again>,
    /// `presentry restore`, compared with what the build was.
    pub restored: Option<Again>,
    /// The npm package's command, where that rewrote the build.
    pub command: Option<PackagedCommand>,
}

/// One control, and what it did.
#[derive(Debug)]
pub struct ControlBuild {
    /// Which one.
    pub control: Control,
    /// The modules of its runtime.
    pub modules: RuntimeModules,
    /// `presentry check` on it.
    pub check: Exit,
    /// That command.
    pub check_source: Source,
    /// A start with all requests.
    pub seen: Seen<Observation>,
}

/// What the build does without presentry: as it was, as the controls, and under `node --import`.
#[derive(Debug)]
pub struct Before {
    /// The builds that must fail.
    pub controls: Vec<ControlBuild>,
    /// As it was, with a runtime that throws behind its last line.
    pub throw_later: Seen<ThrowObservation>,
    /// What the entry exports.
    pub exports: Seen<Value>,
    /// What would be deployed, where a function is.
    pub stack: Option<Seen<Value>>,
    /// What would be deployed of a wrapped entry.
    pub stack_wrapped: Option<Seen<Value>>,
    /// A start under `--import` of what the SDK left, where that must die.
    pub preload_dies: Option<Seen<StartSeen>>,
    /// A start under `--import`, which is how Sentry says that a server is to be started; where that can be.
    pub imported: Option<Seen<Observation>>,
    /// What the static file holds.
    pub asset: Vec<u8>,
    /// The versions of Sentry's packages that the files of the app find, and those of the build as it was.
    pub resolved: Found,
}

/// What an oracle looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whose build is judged.
    pub column: Column,
    /// The scenario as the column builds it.
    pub scenario: &'a Scenario,
    /// The build.
    pub build: &'a Build,
    /// The build without presentry.
    pub before: &'a Before,
    /// The build with the SDK in its packages; this one itself in its own column.
    pub ours: &'a Build,
}
