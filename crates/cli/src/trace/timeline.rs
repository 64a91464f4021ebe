//! A trace as text: the steps with a bar for the time each took to come, the packages, the sentence. No decisions.

use std::{fmt::Write as _, path::Path};

use crate::{
    say::render::Palette,
    trace::verdict::{LoadedBy, Package, Process, Step, StepKind},
};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// How wide the longest bar is, in characters.
const BAR: usize = 24;

impl StepKind {
    /// In words.
    fn label(self) -> &'static str {
        match self {
            StepKind::ProcessStart => "process start",
            StepKind::HooksRegistered => "hooks registered",
            StepKind::SentryActive => "Sentry client active",
            StepKind::InstrumentationEvaluated => "instrumentation evaluated",
            StepKind::RuntimeBeforeHooks => "runtime module, unseen by hooks",
            StepKind::FirstRuntimeModule => "first runtime module through hooks",
            StepKind::RuntimeEvaluated => "runtime evaluated",
            StepKind::Listening => "listening",
            StepKind::Imported => "entry loaded",
        }
    }
}

/// The steps of a process, one on a line.
pub(crate) fn steps(process: &Process, palette: &Palette) -> String {
    let shown = |step: &Step| step.ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.1} ms"));
    let width = process.steps.iter().map(|step| shown(step).len()).max().unwrap_or(0);
    let labels = process.steps.iter().map(|step| step.kind.label().len()).max().unwrap_or(0);
    let last = process.steps.iter().filter_map(|step| step.ms).fold(0.0, f64::max);
    let (quiet, bold, bad) = (palette.quiet(), palette.bold(), palette.bad());
    let mut text = String::new();
    for step in &process.steps {
        let time = shown(step);
        let label = step.kind.label();
        let is_bad = step.ms.is_none() || step.kind == StepKind::RuntimeBeforeHooks;
        let style = if is_bad { bad } else { bold };
        let bar = bar(step.ms, last);
        write!(text, "  {time:>width$}  {quiet}{bar:BAR$}{quiet:#}  {style}{label}{style:#}").expect(INFALLIBLE);
        if let Some(detail) = &step.detail {
            write!(text, "{:1$}{quiet}{detail}{quiet:#}", "", labels - label.len() + 2).expect(INFALLIBLE);
        }
        text.push('\n');
    }
    text
}

/// How far along a step came.
fn bar(ms: Option<f64>, last: f64) -> String {
    let Some(ms) = ms.filter(|_| last > 0.0) else { return String::new() };
    let columns = (1..BAR).filter(|column| f64::from(u32::try_from(*column).unwrap_or(0)) / 23.0 <= ms / last);
    let mut bar: String = columns.map(|_| '─').collect();
    bar.push('●');
    bar
}

/// What became of the packages that the SDK instruments, one line for each way.
pub(crate) fn packages(process: &Process) -> String {
    let line = |title: &str, loaded: LoadedBy| {
        let names = process.packages.iter().filter(|package| package.loaded == loaded).map(with_version);
        let names: Vec<String> = names.collect();
        if names.is_empty() { String::new() } else { format!("{title:31}{}\n", names.join(", ")) }
    };
    let lines = [
        line("through module hooks", LoadedBy::ModuleHooks),
        line("through require hooks", LoadedBy::RequireHooks),
        line("in part through require hooks", LoadedBy::RequireHooksInPart),
        line("not through hooks", LoadedBy::Unhooked),
        line("too early for hooks", LoadedBy::TooEarly),
    ];
    lines.concat()
}

/// A package as `name 1.2.3`.
fn with_version(package: &Package) -> String {
    match version(&package.directory) {
        Some(version) => format!("{} {version}", package.name),
        None => package.name.clone(),
    }
}

/// What the `package.json` of a package says.
pub(crate) fn version(directory: &Path) -> Option<String> {
    let text = std::fs::read(directory.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
    manifest["version"].as_str().map(str::to_owned)
}
