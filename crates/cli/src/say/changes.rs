//! What a run changes, in lines for people.

use std::collections::BTreeMap;

use presentry_rewriter::ModulePath;

use crate::{
    paths::{OutputPath, package_directory},
    say::report::TracedReport,
    store::{
        manifest::{PrunedPackages, WireChange},
        place::Place,
        steps::Step,
    },
};

/// Whether a step is told in a line for its package, and not in one of its own.
pub(crate) fn is_of_package(step: &Step) -> bool {
    matches!(step.file, WireChange::Package | WireChange::Pruned)
}

/// Whether a step takes out a file of a package that is pruned, or brings it back.
pub(crate) fn is_pruned(step: &Step) -> bool {
    step.file == WireChange::Pruned
}

/// The steps of a dry run that its diff shows.
pub(crate) fn in_diff(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| !is_of_package(step) && step.wire_kind() != WireChange::Archive)
}

/// Which new files are copies of which old ones, for the diff.
pub(crate) fn copies(steps: &[Step], entry: &ModulePath) -> BTreeMap<OutputPath, OutputPath> {
    let moved = steps.iter().filter(|step| step.wire_kind() == WireChange::MovedEntry);
    moved.map(|step| (step.path.clone(), entry.into())).collect()
}

/// What `--prune` takes out, in one line.
pub(crate) fn pruned(pruned: &PrunedPackages, steps: &[Step]) -> String {
    let is_kept = |step: &&Step| {
        let is_file = step.file == WireChange::Pruned && !step.is_undone;
        is_file && step.undo.as_ref().is_some_and(|name| name.original_number().is_some())
    };
    let kept = match steps.iter().filter(is_kept).count() {
        0 => String::new(),
        kept => format!("; {kept} files are kept in `.presentry`"),
    };
    format!("pruned    {} packages{kept}", pruned.packages.len())
}

/// What comes back that was pruned, in one line.
pub(crate) fn brought_back(steps: &[Step], earlier: Option<&PrunedPackages>) -> Option<String> {
    let any = steps.iter().any(|step| step.file == WireChange::Pruned && step.is_undone);
    let packages = earlier.filter(|_| any)?.packages.len();
    Some(format!("restored  {packages} packages"))
}

/// One line for each package and archive.
pub(crate) fn packages_and_archives(place: &Place, steps: &[Step], traced: &[TracedReport]) -> Vec<String> {
    let archives = steps.iter().filter(|step| step.wire_kind() == WireChange::Archive);
    let packages = traced.iter().map(|package| format!("package  {}", package.line()));
    packages.chain(archives.map(|step| format!("archive  {}", place.show(&step.path)))).collect()
}

/// One line for each package that goes, of those that an earlier run has traced in.
pub(crate) fn packages_that_go(place: &Place, steps: &[Step]) -> Vec<String> {
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.file == WireChange::Package && step.after.is_absent()) {
        *files.entry(package_directory(step.path.as_str())).or_default() += 1;
    }
    let line = |(package, files): (&str, usize)| {
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        let shown = if place.shown == "." { package.to_owned() } else { format!("{}/{package}", place.shown) };
        format!("{shown} ({files})")
    };
    files.into_iter().map(line).collect()
}

/// One line for each change; of many files of one kind the first, unless `all` are wanted.
pub(crate) fn lines(
    place: &Place,
    steps: &[Step],
    entry: &ModulePath,
    traced: &[TracedReport],
    all: bool,
) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(u8, &'static str, String)> = Vec::new();
    for step in steps.iter().filter(|step| !is_of_package(step)) {
        let shown = place.show(&step.path);
        lines.push(match step.wire_kind() {
            WireChange::Facade => (0, "facade", shown),
            WireChange::MovedEntry => (1, "moved", format!("{} → {}", place.show(entry), step.path.file_name())),
            kind @ (WireChange::Removed | WireChange::Restored) => (3, kind.words(), shown),
            kind @ WireChange::Archive => (5, kind.words(), shown),
            kind => (2, kind.words(), shown),
        });
    }
    lines.extend(packages_that_go(place, steps).into_iter().map(|line| (3, WireChange::Removed.words(), line)));
    lines.extend(traced.iter().map(|package| (4, WireChange::Package.words(), package.line())));
    lines.sort();
    if !all {
        lines = in_short(&lines);
    }
    lines.into_iter().map(|(_, kind, shown)| (kind, shown)).collect()
}

/// The same lines, with one for all files of a kind that has many.
fn in_short(lines: &[(u8, &'static str, String)]) -> Vec<(u8, &'static str, String)> {
    const MANY: usize = 4;
    let alike = |one: &(u8, &'static str, String), other: &(u8, &'static str, String)| one.1 == other.1;
    let kinds = lines.chunk_by(alike).flat_map(|lines| match lines {
        [(rank, kind @ ("bundle" | "channels" | "repointed" | "removed" | "restored"), first), more @ ..]
            if lines.len() >= MANY =>
        {
            // `sentry.mjs`, of all that stands beside it.
            let shown = lines.iter().map(|(_, _, shown)| shown).min_by_key(|shown| shown.len()).unwrap_or(first);
            vec![(*rank, *kind, format!("{shown} and {} more", more.len()))]
        }
        lines => lines.to_vec(),
    });
    kinds.collect()
}
