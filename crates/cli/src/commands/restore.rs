//! `presentry restore`: puts the original build back, byte for byte, and leaves nothing of presentry.

use presentry_rewriter::{Digest, FacadeHeader, ModulePath, Sources, facade_header};

use crate::{
    args::RestoreArgs,
    commands::{not_written, open_for_changing, open_for_dry_run},
    diagnostics::restore_data_missing,
    diff,
    disk::DiskSources,
    failure::Failure,
    history::{self, FileState, Tracked},
    locate::{Build, loading_text},
    output::Output,
    report::{Outcome, Report, WireChange},
    store::{Manifest, Place, SCHEMA, SavedName, SavedRequest},
    transaction::{self, Contents, Step, Steps},
};

/// Restores a build, or finds that there is nothing to restore.
pub(crate) fn run(args: &RestoreArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let place = &build.place;
    let _lock = if args.dry_run { open_for_dry_run(build)? } else { open_for_changing(build, output)? };
    let disk = DiskSources::new(&place.server);
    let restore = match place.manifest()?.filter(|manifest| !manifest.files.is_empty()) {
        Some(manifest) => {
            output.why(format!("the originals are in `{}`", place.shown_directory()));
            from_saved(place, &disk, &history::track(place, &disk, manifest)?)?
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
        let diff = diff::of_steps(&restore.steps, &std::collections::BTreeMap::new());
        output.text(&diff);
        report.diff = Some(diff);
        return Ok(Outcome::WouldRestore);
    }
    let next = original_build(build, &restore.steps);
    transaction::run(place, &next, &restore.steps).map_err(|error| not_written(&error))?;
    for step in restore.steps.iter() {
        let shown = place.show(&step.path);
        output.line(format!("{:8}  {shown}", kind(&step.after).words()));
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
    injected: Vec<ModulePath>,
}

fn from_saved(place: &Place, disk: &DiskSources, tracked: &[Tracked]) -> Result<Restore, Failure> {
    let mut restore = Restore { steps: Steps::default(), injected: Vec::new() };
    for one in tracked.iter().filter(|one| one.state != FileState::Original) {
        let after = match (&one.file.before, &one.original) {
            (Some(original), Some(bytes)) => Contents::Saved(original.clone(), bytes.clone()),
            _ => Contents::Absent,
        };
        if one.state == FileState::DebugIdInjected {
            restore.injected.push(one.file.path.clone());
        }
        let step = step(place, disk, &one.file.path, after, restore.steps.len())?;
        restore.steps.add(step)?;
    }
    Ok(restore)
}

/// An upload of artefacts may have dropped `.presentry/`. The moved entry is the original then, if nothing else in the
/// build was changed.
fn from_moved_entry(build: &Build, disk: &DiskSources) -> Result<Option<Restore>, Failure> {
    let place = &build.place;
    let Some(facade) = history::read(disk, &build.entry)? else { return Ok(None) };
    let Some(header) = facade_header(&facade) else { return Ok(None) };
    let scripts = disk.scripts().map_err(|error| Failure::Unexpected(error.into()))?;
    let missing = |reason: &str| Failure::from(restore_data_missing::lost(&place.shown_directory(), reason));
    let Some((moved, original)) = moved_entry(build, disk, &scripts, &header)? else {
        return Err(missing("no file beside the facade is the entry that it replaced"));
    };
    for script in scripts.iter().filter(|script| **script != build.entry) {
        let Some(bytes) = history::read(disk, script)? else { continue };
        if presentry_rewriter::may_name(&bytes, moved.file_name()) {
            let (script, moved) = (place.show(script), moved.file_name());
            return Err(missing(&format!("`{script}` names `{moved}`, and may have been changed")));
        }
    }
    let mut steps = Steps::default();
    steps.add(step(place, disk, &moved, Contents::Absent, 0)?)?;
    let entry = step(place, disk, &build.entry, Contents::Bytes(original), 1)?;
    steps.add(Step { like: Some(place.real_path(&moved)?), ..entry })?;
    Ok(Some(Restore { steps, injected: Vec::new() }))
}

fn moved_entry(
    build: &Build,
    disk: &DiskSources,
    scripts: &[ModulePath],
    header: &FacadeHeader,
) -> Result<Option<(ModulePath, Vec<u8>)>, Failure> {
    let beside = scripts.iter().filter(|path| path.directory() == build.entry.directory() && **path != build.entry);
    for path in beside {
        if let Some(bytes) = history::read(disk, path)?
            && Digest::of(&bytes) == header.replaced
        {
            return Ok(Some((path.clone(), bytes)));
        }
    }
    Ok(None)
}

fn step(place: &Place, disk: &DiskSources, path: &ModulePath, after: Contents, number: usize) -> Result<Step, Failure> {
    let before = history::read(disk, path)?;
    let undo = before.as_ref().map(|_| SavedName::undo(number));
    Ok(Step { path: path.clone(), real: place.real_path(path)?, before, after, undo, like: None })
}

/// The manifest of a build in which nothing of presentry is left.
fn original_build(build: &Build, steps: &Steps) -> Manifest {
    Manifest {
        schema: SCHEMA,
        presentry: env!("CARGO_PKG_VERSION").to_owned(),
        request: SavedRequest {
            entry: build.entry.to_string(),
            instrumentation: None,
            loading: loading_text(build.loading).to_owned(),
            exports: "await".to_owned(),
            wrapped: Vec::new(),
        },
        files: Vec::new(),
        steps: steps.to_saved(),
    }
}
