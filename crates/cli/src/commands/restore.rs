//! `presentry restore`: puts the original build back, byte for byte, and leaves nothing of presentry.

use std::collections::{BTreeMap, BTreeSet};

use presentry_rewriter::{Digest, FacadeHeader, Mode, ModulePath, Sources, bundle_header, facade_header};

use crate::{
    args::RestoreArgs,
    commands::{not_written, open_for_changing, open_for_dry_run},
    diagnostics::restore_data_missing,
    failure::Failure,
    find::{locate::Build, presets::loading_text},
    outcome::Outcome,
    passes::{
        packages::{package_directory, removed},
        prune,
    },
    paths::OutputPath,
    say::{diff, output::Output, report::Report},
    store::{
        disk::DiskSources,
        history::{self, FileState, Tracked},
        manifest::{Manifest, SCHEMA, SavedName, SavedRequest, WireChange, mode_name},
        place::Place,
        transaction::{self, Contents, Step, Steps},
    },
};

/// Restores a build, or finds that there is nothing to restore.
pub(crate) fn run(args: &RestoreArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let place = &build.place;
    let _lock = if args.dry_run { open_for_dry_run(build)? } else { open_for_changing(build, output)? };
    let disk = DiskSources::new(&place.server);
    let restore = match place.manifest()?.filter(|manifest| !manifest.files.is_empty()) {
        Some(manifest) => {
            output.why(format!("the originals are in `{}`", place.shown_directory()));
            let directories = manifest.directories.clone();
            Restore { directories, ..from_saved(place, &history::track(place, manifest)?)? }
        }
        None => match from_moved_entry(build, &disk)? {
            Some(restore) => {
                let directory = place.shown_directory();
                output.why(format!("`{directory}` is gone; the moved entry is the only file that was changed"));
                restore
            }
            None => {
                output.line("nothing to restore");
                return Ok(Outcome::NothingToRestore);
            }
        },
    };
    for step in restore.steps.iter() {
        report.changed(place.show(&step.path), kind(&step.after));
    }
    if args.dry_run {
        let shown = restore.steps.iter().filter(|step| !restore.packages.contains(&step.path));
        let diff = diff::of_steps(shown, &std::collections::BTreeMap::new());
        output.text(&diff);
        report.diff = Some(diff);
        return Ok(Outcome::WouldRestore);
    }
    match prune::read(place)? {
        Some(pruned) => {
            prune::undo(place, &pruned)?;
            output.line(format!("restored  {} packages", pruned.packages.len()));
        }
        None => prune::tidy(place),
    }
    let next = original_build(build, &restore);
    transaction::run(place, &next, &restore.steps).map_err(|error| not_written(&error))?;
    for line in restore.lines(place) {
        output.line(line);
    }
    for path in &restore.injected {
        let shown = place.show(path);
        output.line(format!("taken away from {shown}: the debug id that was injected after the rewrite"));
    }
    output.line("the original build is back, byte for byte");
    if place.directory().exists() {
        output.note(format!("`{}` could not be taken away; the next run will try again", place.shown_directory()));
    }
    Ok(Outcome::Restored)
}

fn kind(after: &Contents) -> WireChange {
    match after {
        Contents::Absent => WireChange::Removed,
        Contents::Saved(..) | Contents::Bytes(_) => WireChange::Restored,
    }
}

struct Restore {
    steps: Steps,
    /// Files that carry a debug id which was injected after the rewrite.
    injected: Vec<OutputPath>,
    /// The files of packages that were traced in.
    packages: BTreeSet<OutputPath>,
    /// The directories that presentry made.
    directories: Vec<OutputPath>,
}

impl Restore {
    fn new() -> Self {
        Self { steps: Steps::default(), injected: Vec::new(), packages: BTreeSet::new(), directories: Vec::new() }
    }

    /// One line for each file, and for each package that was traced in.
    fn lines(&self, place: &Place) -> Vec<String> {
        let mut packages: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for step in self.steps.iter() {
            if self.packages.contains(&step.path) {
                *packages.entry(package_directory(step.path.as_str())).or_default() += 1;
                continue;
            }
            lines.push(format!("{:8}  {}", kind(&step.after).words(), place.show(&step.path)));
        }
        let kind = WireChange::Removed.words();
        let line = |(package, files): (&str, usize)| format!("{kind:8}  {}", removed(place, package, files));
        lines.extend(packages.into_iter().map(line));
        lines
    }
}

fn from_saved(place: &Place, tracked: &[Tracked]) -> Result<Restore, Failure> {
    let mut restore = Restore::new();
    for one in tracked.iter().filter(|one| one.state != FileState::Original) {
        let after = match (&one.file.before, &one.original) {
            (Some(original), Some(bytes)) => Contents::Saved(original.clone(), bytes.clone()),
            _ => Contents::Absent,
        };
        if one.state == FileState::DebugIdInjected {
            restore.injected.push(one.file.path.clone());
        }
        if one.file.kind == WireChange::Package.words() {
            restore.packages.insert(one.file.path.clone());
        }
        let step = step(place, one.file.path.clone(), after, restore.steps.len())?;
        restore.steps.add(step)?;
    }
    Ok(restore)
}

/// An upload of artefacts may have dropped `.presentry/`. The moved entry is the original then, if nothing else in the
/// build was changed.
fn from_moved_entry(build: &Build, disk: &DiskSources) -> Result<Option<Restore>, Failure> {
    let place = &build.place;
    let Some(facade) = place.read_file(&build.entry)? else { return Ok(None) };
    let Some(header) = facade_header(&facade) else { return Ok(None) };
    let scripts = disk.scripts().map_err(|error| Failure::Unexpected(error.into()))?;
    let missing = |reason: &str| Failure::from(restore_data_missing::lost(&place.shown_directory(), reason));
    for script in &scripts {
        if history::read(disk, script)?.is_some_and(|bytes| bundle_header(&bytes).is_some()) {
            return Err(missing(&format!(
                "`{}` is a bundle of the SDK that other modules were made to name",
                place.show(script)
            )));
        }
    }
    let Some((moved, original)) = moved_entry(build, &scripts, &header)? else {
        return Err(missing("no file beside the facade is the entry that it replaced"));
    };
    for script in scripts.iter().filter(|script| **script != build.entry) {
        let Some(bytes) = place.read_file(script)? else { continue };
        if presentry_rewriter::may_name(&bytes, moved.file_name()) {
            let (script, moved) = (place.show(script), moved.file_name());
            return Err(missing(&format!("`{script}` names `{moved}`, and may have been changed")));
        }
    }
    let mut steps = Steps::default();
    steps.add(step(place, OutputPath::from(&moved), Contents::Absent, 0)?)?;
    let entry = step(place, OutputPath::from(&build.entry), Contents::Bytes(original), 1)?;
    steps.add(Step { like: Some(place.real_path(&moved)?), ..entry })?;
    Ok(Some(Restore { steps, ..Restore::new() }))
}

fn moved_entry(
    build: &Build,
    scripts: &[ModulePath],
    header: &FacadeHeader,
) -> Result<Option<(ModulePath, Vec<u8>)>, Failure> {
    let beside = scripts.iter().filter(|path| path.directory() == build.entry.directory() && **path != build.entry);
    for path in beside {
        if let Some(bytes) = build.place.read_file(path)?
            && Digest::of(&bytes) == header.replaced
        {
            return Ok(Some((path.clone(), bytes)));
        }
    }
    Ok(None)
}

fn step(place: &Place, path: OutputPath, after: Contents, number: usize) -> Result<Step, Failure> {
    let before = place.read_file(&path)?;
    let undo = before.as_ref().map(|_| SavedName::undo(number));
    Ok(Step { real: place.real_path(&path)?, path, before, after, undo, like: None })
}

/// The manifest of a build in which nothing of presentry is left.
fn original_build(build: &Build, restore: &Restore) -> Manifest {
    Manifest {
        schema: SCHEMA,
        presentry: env!("CARGO_PKG_VERSION").to_owned(),
        request: SavedRequest {
            entry: build.entry.to_string(),
            instrumentation: None,
            loading: loading_text(build.loading).to_owned(),
            exports: "await".to_owned(),
            wrapped: Vec::new(),
            mode: mode_name(Mode::DynamicImport).to_owned(),
            compile_cache: None,
        },
        files: Vec::new(),
        directories: restore.directories.clone(),
        steps: restore.steps.to_saved(),
    }
}
