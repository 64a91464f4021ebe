//! What a command found and did, as the document that `--format json` prints. These structs are the wire format, described
//! in `docs/json.md` and `docs/schema.json`: a field that changes its meaning or goes needs another [`SCHEMA`].

use presentry_rewriter::{
    Export, ModulePath, Proof,
    diagnostics::{Diagnostic, Label},
};
use serde::{Deserialize, Serialize};

use crate::{
    find::{
        locate::{Build, FoundPreset},
        options::{Origin, Row},
        presets::{Runtime, loading_text},
    },
    outcome::Outcome,
    say::render,
    store::manifest::{PrunedPackages, WireChange},
    store::place::Place,
    trace::{
        libraries::How,
        verdict::{Injection, LoadedBy, StepKind},
    },
};

/// The version of the document.
pub(crate) const SCHEMA: u32 = 1;

/// The document. Every field is always there; `null` and empty lists stand for what is not known or does not apply.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    /// The version of presentry.
    pub(crate) presentry: &'static str,
    pub(crate) command: String,
    pub(crate) outcome: Outcome,
    pub(crate) exit_code: u8,
    pub(crate) preset: Option<PresetReport>,
    pub(crate) build: Option<BuildReport>,
    pub(crate) changes: Vec<ChangeReport>,
    /// The packages that were traced in by this run, or would be.
    pub(crate) traced: Vec<TracedReport>,
    /// What `--prune` took out of `node_modules`, or would.
    pub(crate) pruned: Option<PrunedReport>,
    /// What became of the libraries that the SDK instruments, where they were injected ahead of time.
    pub(crate) libraries: Vec<AheadReport>,
    /// What a dry run would change, as a unified diff.
    pub(crate) diff: Option<String>,
    pub(crate) exports: Vec<ExportReport>,
    pub(crate) proof: Option<ProofReport>,
    pub(crate) inspection: Option<Inspection>,
    pub(crate) trace: Option<TraceReport>,
    pub(crate) diagnostics: Vec<DiagnosticReport>,
    /// The reasons of choices, and what else happened, as `-v` says them.
    pub(crate) notes: Vec<String>,
}

/// The preset, and where it is known from.
#[derive(Debug, Serialize)]
pub(crate) struct PresetReport {
    /// The name in the table of presets.
    pub(crate) name: &'static str,
    /// The name in the metadata; `null` where `--preset` alone says it.
    pub(crate) written: Option<String>,
    /// The version of Nitro that the metadata names.
    pub(crate) nitro: Option<String>,
    /// The metadata.
    pub(crate) file: Option<String>,
    pub(crate) runtime: Runtime,
}

/// The build that the command worked on; all paths are relative to the working directory, or absolute.
#[derive(Debug, Serialize)]
pub(crate) struct BuildReport {
    pub(crate) server: String,
    pub(crate) entry: String,
    /// `process`, `launcher`, `imported` or `required`.
    pub(crate) loading: &'static str,
    pub(crate) instrumentation: Option<String>,
    /// The file outside of the build that the instrumentation is made from: what Vite built, or the source.
    pub(crate) instrumentation_source: Option<String>,
}

/// A file that was changed, or would be.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeReport {
    pub(crate) path: String,
    pub(crate) kind: WireChange,
}

/// What was taken out of the `node_modules` of the build.
#[derive(Debug, Serialize)]
pub(crate) struct PrunedReport {
    /// The directories of the packages, relative to the server directory.
    pub(crate) packages: Vec<String>,
    /// The size of all files in `node_modules` before.
    pub(crate) bytes_before: u64,
    /// The size after.
    pub(crate) bytes_after: u64,
}

impl From<PrunedPackages> for PrunedReport {
    fn from(pruned: PrunedPackages) -> Self {
        let PrunedPackages { packages, bytes_before, bytes_after } = pruned;
        Self { packages, bytes_before, bytes_after }
    }
}

/// What became of a library that the SDK instruments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AheadReport {
    pub(crate) name: String,
    /// `None` where it is not part of the build.
    pub(crate) version: Option<String>,
    /// Its directory, relative to the server directory.
    pub(crate) directory: Option<String>,
    pub(crate) instrumented: Instrumented,
    /// Why it is not injected, or not all of it.
    pub(crate) reason: Option<String>,
    /// The functions that the SDK names.
    pub(crate) functions: Vec<NamedFunction>,
}

/// How a library comes to its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Instrumented {
    /// They are in its files.
    Ahead,
    /// Hooks inject them when it is loaded.
    Hooks,
    /// It has none.
    Neither,
}

/// A function that the SDK names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NamedFunction {
    /// The file, relative to the directory of the library.
    pub(crate) file: String,
    pub(crate) function: String,
    pub(crate) channel: String,
    pub(crate) state: Fate,
    /// Why it is not injected.
    pub(crate) reason: Option<String>,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It publishes on its channel.
    Injected,
    /// The file has no such function.
    Absent,
    /// The version of the package is not one that the SDK instruments.
    OutOfRange,
    /// The transformer failed.
    Failed,
}

/// A package that was traced in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TracedReport {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) path: String,
    /// The same, relative to the server directory.
    #[serde(skip)]
    pub(crate) directory: String,
    pub(crate) files: usize,
    pub(crate) bytes: usize,
}

impl TracedReport {
    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let Self { version, path, files, bytes, .. } = self;
        let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        format!("{path} {version} ({files}, {} kB)", bytes.div_ceil(1000))
    }
}

/// An export of the entry.
#[derive(Debug, Serialize)]
pub(crate) struct ExportReport {
    pub(crate) name: String,
    /// A few words, `unknown` where the text of the modules does not tell.
    pub(crate) kind: &'static str,
}

/// The proof.
#[derive(Debug, Serialize)]
pub(crate) struct ProofReport {
    pub(crate) holds: bool,
    /// How certain it is: `proven`, `proven under a condition`, `vouched for`, `not proven`.
    pub(crate) verdict: &'static str,
    pub(crate) instrumentation: Option<String>,
    pub(crate) closure: Vec<String>,
    pub(crate) packages: Vec<String>,
    pub(crate) runtime: Vec<String>,
    /// The libraries that Sentry's build plugin instrumented, where Sentry need not come first for them; else `null`.
    pub(crate) build_plugin: Option<Vec<String>>,
    /// Whether the entry has a guard, which compares the running server with the proof.
    pub(crate) guard: bool,
    /// The codes of the diagnostics that speak against it.
    pub(crate) failures: Vec<&'static str>,
}

/// What `presentry inspect` adds.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    pub(crate) shape: Shape,
    /// The version of presentry that wrote the facade.
    pub(crate) facade_version: Option<String>,
    /// What `presentry rewrite` would do: `rewritten`, `already-first` or `refused`.
    pub(crate) rewrite: Outcome,
    /// How the build starts with `--import`; only for presets whose host starts Node.js with the entry.
    pub(crate) import: Option<ImportReport>,
    /// Whether the entry can be loaded by `require()`; only where a host may do that.
    pub(crate) require: Option<RequireReport>,
    pub(crate) options: Vec<OptionReport>,
}

/// An option, and where it was set.
#[derive(Debug, Serialize)]
pub(crate) struct OptionReport {
    /// The name in `app.config.*`.
    pub(crate) name: &'static str,
    /// In words; why it is not known.
    pub(crate) value: String,
    pub(crate) origin: OptionOrigin,
    /// The flag, or the place in the configuration file.
    pub(crate) at: Option<String>,
}

/// Where an option was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptionOrigin {
    /// On the command line.
    Flag,
    /// In `app.config.*`.
    AppConfig,
    /// Nowhere.
    Default,
}

impl From<Row> for OptionReport {
    fn from(row: Row) -> Self {
        let (origin, at) = match &row.origin {
            Origin::Flag(_) => (OptionOrigin::Flag, Some(row.origin.to_string())),
            Origin::AppConfig { .. } => (OptionOrigin::AppConfig, Some(row.origin.to_string())),
            Origin::Default => (OptionOrigin::Default, None),
        };
        Self { name: row.name, value: row.value, origin, at }
    }
}

/// What the entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// As Nitro built it: nothing starts Sentry before the runtime.
    Fresh,
    /// The facade of presentry.
    Facade,
    /// Wrapped by the SDK, with its instrumentation inlined.
    SdkWrapper,
    /// Imports the instrumentation at its top, and the runtime statically after it.
    TopLevelImport,
    /// Proven, but made by someone else.
    Foreign,
    /// It is missing or cannot be read.
    Unreadable,
}

/// How Node.js is started with the instrumentation, from the directory of the app.
#[derive(Debug, Serialize)]
pub(crate) struct ImportReport {
    pub(crate) command: String,
    /// A member of `scripts` in `package.json`.
    pub(crate) script: String,
}

/// What `require()` of the entry does.
#[derive(Debug, Serialize)]
pub(crate) struct RequireReport {
    /// Whether the entry as it is has top-level await of presentry.
    pub(crate) now: Option<&'static str>,
    /// The error after a rewrite in the `await` style.
    pub(crate) rewritten: &'static str,
}

/// What `presentry trace` adds.
#[derive(Debug, Serialize)]
pub(crate) struct TraceReport {
    /// The version of Node.js; `null` when no process began.
    pub(crate) node: Option<String>,
    /// How the server was started, without the variables.
    pub(crate) command: Vec<String>,
    /// Whether Sentry was first in every process.
    pub(crate) first: bool,
    /// The primary, then the workers of a cluster.
    pub(crate) processes: Vec<ProcessReport>,
    /// The requests that were sent, each with the spans that arrived for it.
    pub(crate) requests: Vec<RequestReport>,
    /// The spans that belong to no request.
    pub(crate) other_spans: Vec<SpanReport>,
    /// The libraries that the SDK instruments, of those that were loaded.
    pub(crate) libraries: Vec<LibraryReport>,
    /// What `--expect` names.
    pub(crate) expected: Vec<ExpectedReport>,
    /// What the SDK noted about channels that are injected into libraries.
    pub(crate) injection: Option<Injection>,
    /// What the SDK warned of on the server's output.
    pub(crate) sdk_warnings: Vec<String>,
    /// The errors that arrived.
    pub(crate) errors: Vec<String>,
    /// What of the platform is not there in a trace.
    pub(crate) limits: Vec<String>,
}

/// A request, and what Sentry made of it.
#[derive(Debug, Serialize)]
pub(crate) struct RequestReport {
    pub(crate) method: String,
    pub(crate) path: String,
    /// `null` when there was no answer.
    pub(crate) status: Option<u16>,
    /// Why there was none.
    pub(crate) error: Option<String>,
    /// Milliseconds since the process began; `null` when it was not sent.
    pub(crate) start_ms: Option<f64>,
    /// How long it took.
    pub(crate) ms: Option<f64>,
    /// The trace that the server was asked to continue.
    pub(crate) trace_id: String,
    /// From top to bottom.
    pub(crate) spans: Vec<SpanReport>,
}

/// A span that arrived.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SpanReport {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    /// How many spans are above it in its tree.
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) op: Option<String>,
    /// What made it, such as `auto.graphql.otel.graphql`.
    pub(crate) origin: Option<String>,
    pub(crate) status: Option<String>,
    /// Milliseconds since the process began.
    pub(crate) start_ms: f64,
    pub(crate) ms: f64,
}

/// What became of a library.
#[derive(Debug, Serialize)]
pub(crate) struct LibraryReport {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) instrumented: bool,
    /// Why, or why not; for people.
    pub(crate) because: String,
    pub(crate) how: How,
    pub(crate) loaded: LoadedBy,
    /// How many spans of it arrived.
    pub(crate) spans: usize,
}

/// What `--expect` names.
#[derive(Debug, Serialize)]
pub(crate) struct ExpectedReport {
    pub(crate) name: String,
    /// How many spans of it arrived.
    pub(crate) spans: usize,
}

/// A process of the server.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessReport {
    pub(crate) pid: u32,
    /// Whether it is a worker of a cluster.
    pub(crate) worker: bool,
    pub(crate) first: bool,
    /// Whether it was, and why not, in a sentence.
    pub(crate) sentence: String,
    /// How many modules of the runtime came through the hooks.
    pub(crate) modules_through_hooks: usize,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) packages: Vec<PackageReport>,
}

/// A step of the start of a process.
#[derive(Debug, Serialize)]
pub(crate) struct StepReport {
    pub(crate) step: StepKind,
    /// Milliseconds since the process began; `null` when it never came.
    pub(crate) ms: Option<f64>,
    /// The module, the version or the address.
    pub(crate) detail: Option<String>,
}

/// A package that the SDK instruments.
#[derive(Debug, Serialize)]
pub(crate) struct PackageReport {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) loaded: LoadedBy,
}

/// A diagnostic.
#[derive(Debug, Serialize)]
pub(crate) struct DiagnosticReport {
    /// `null` for an error of the system that has no code.
    pub(crate) code: Option<&'static str>,
    pub(crate) severity: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) labels: Vec<LabelReport>,
}

/// A place in a file.
#[derive(Debug, Serialize)]
pub(crate) struct LabelReport {
    pub(crate) path: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1, in UTF-16 code units.
    pub(crate) column: usize,
    /// The line, or the part of a long one around the place.
    pub(crate) text: String,
    /// What is to be seen there; may be empty.
    pub(crate) message: String,
}

/// What was said while a command ran.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) diagnostics: Vec<DiagnosticReport>,
    pub(crate) notes: Vec<String>,
}

impl Said {
    /// A diagnostic, with its paths as the user would write them.
    pub(crate) fn diagnostic(&mut self, diagnostic: &Diagnostic, place: Option<&Place>) {
        let label = |label: &Label| LabelReport {
            path: render::label_path(label, place),
            line: label.position.line,
            column: label.position.column,
            text: label.line.clone(),
            message: label.message.clone(),
        };
        self.diagnostics.push(DiagnosticReport {
            code: Some(diagnostic.code.name),
            severity: diagnostic.severity.as_str(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            labels: diagnostic.labels.iter().map(label).collect(),
        });
    }

    /// An error without a code.
    pub(crate) fn error(&mut self, message: String) {
        self.diagnostics.push(DiagnosticReport {
            code: None,
            severity: "error",
            message,
            hint: None,
            labels: Vec::new(),
        });
    }
}

impl Report {
    /// The report of a command that has not begun.
    pub(crate) fn new(command: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA,
            presentry: env!("CARGO_PKG_VERSION"),
            command: command.into(),
            outcome: Outcome::Error,
            exit_code: Outcome::Error.exit_code(),
            preset: None,
            build: None,
            changes: Vec::new(),
            traced: Vec::new(),
            pruned: None,
            libraries: Vec::new(),
            diff: None,
            exports: Vec::new(),
            proof: None,
            inspection: None,
            trace: None,
            diagnostics: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The preset is known.
    pub(crate) fn found_preset(&mut self, found: &FoundPreset) {
        self.preset = Some(PresetReport {
            name: found.preset.name,
            written: found.written.clone(),
            nitro: found.nitro.clone(),
            file: found.file.clone(),
            runtime: found.preset.runtime,
        });
    }

    /// The build is known.
    pub(crate) fn found_build(&mut self, build: &Build) {
        if let Some(found) = &build.found {
            self.found_preset(found);
        }
        self.build = Some(BuildReport {
            server: build.place.shown.clone(),
            entry: build.place.show(&build.entry),
            loading: loading_text(build.loading),
            instrumentation: None,
            instrumentation_source: None,
        });
    }

    /// What the instrumentation is made from is known.
    pub(crate) fn made_instrumentation_from(&mut self, file: Option<&str>) {
        if let Some(build) = &mut self.build {
            build.instrumentation_source = file.map(str::to_owned);
        }
    }

    /// The instrumentation is known.
    pub(crate) fn found_instrumentation(&mut self, place: &Place, path: &ModulePath) {
        if let Some(build) = &mut self.build {
            build.instrumentation = Some(place.show(path));
        }
    }

    /// The proof was tried.
    pub(crate) fn tried_proof(&mut self, place: &Place, proof: &Proof) {
        let shown = |paths: &[ModulePath]| paths.iter().map(|path| place.show(path)).collect();
        if let Some(instrumentation) = &proof.instrumentation {
            self.found_instrumentation(place, instrumentation);
        }
        self.proof = Some(ProofReport {
            holds: proof.holds(),
            verdict: proof.verdict.as_str(),
            instrumentation: proof.instrumentation.as_ref().map(|path| place.show(path)),
            closure: shown(&proof.closure),
            packages: proof.packages.clone(),
            runtime: shown(&proof.runtime),
            build_plugin: proof.build_plugin.as_ref().map(|plugin| plugin.libraries.clone()),
            guard: proof.guarded,
            failures: proof.failures.iter().map(|failure| failure.code.name).collect(),
        });
    }

    /// The exports are known.
    pub(crate) fn found_exports(&mut self, exports: Vec<Export>) {
        let wire = |export: Export| ExportReport { name: export.name, kind: export.kind.describe() };
        self.exports = exports.into_iter().map(wire).collect();
    }

    /// A file was changed, or would be.
    pub(crate) fn changed(&mut self, path: String, kind: WireChange) {
        self.changes.push(ChangeReport { path, kind });
    }

    /// The report of a command that has ended.
    pub(crate) fn finished(self, outcome: Outcome, exit_code: u8, said: Said) -> Self {
        Self { outcome, exit_code, diagnostics: said.diagnostics, notes: said.notes, ..self }
    }

    /// The document, with its last line end.
    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and lists can be written as JSON");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_has_one_name() {
        for outcome in [Outcome::WouldRewrite, Outcome::NothingToRestore, Outcome::NoServer, Outcome::WrongUsage] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }
}
