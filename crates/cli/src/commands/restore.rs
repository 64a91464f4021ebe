//! `presentry restore`: puts the original build back, byte for byte, and leaves nothing of presentry.

use std::collections::BTreeMap;

use presentry_rewriter::{Digest, FacadeHeader, ModulePath, Sources, bundle_header, facade_header};

use crate::{
    args::RestoreArgs,
    diagnostics::restore_data_missing,
    failure::Failure,
    find::{locate::Build, presets::loading_text},
    open::{for_changing, for_dry_run, not_written},
    outcome::Outcome,
    say::{changes, diff, output::Output, report::Report, verdict::Closing},
    store::{
        disk::DiskSources,
        history::{self, Earlier, FileState},
        manifest::{Manifest, SavedRequest, WireChange},
        place::Place,
        steps::{Contents, Step, Steps, Writing},
        transaction,
    },
};

/// Restores a build, or finds that there is nothing to restore.
pub(crate) fn run(args: &RestoreArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let place = &build.place;
    let _lock = if args.dry_run { for_dry_run(build)? } else { for_changing(build, output)? };
    let earlier = history::earlier(place)?;
    let Some(writing) = writing(build, &earlier, output)? else {
        output.close(&Closing::good("nothing to restore: the build is the original one"));
        return Ok(Outcome::NothingToRestore);
    };
    for step in writing.steps.iter().filter(|step| !changes::is_pruned(step)) {
        report.changed(place.show(&step.path), step.wire_kind());
    }
    if args.dry_run {
        let shown = writing.steps.iter().filter(|step| !changes::is_of_package(step));
        let diff = diff::of_steps(shown, &BTreeMap::new());
        output.diff(&diff);
        report.diff = Some(diff);
        output.close(&Closing::good("would restore the original build; nothing was written"));
        return Ok(Outcome::WouldRestore);
    }
    let request = SavedRequest::of_original(&build.entry, loading_text(build.loading));
    let next = Manifest { request, ..writing.manifest() };
    transaction::run(place, &next, &writing.steps).map_err(|error| not_written(&error))?;
    say(place, &earlier, &writing, output);
    Ok(Outcome::Restored)
}

/// The way back; `None` where the build is the original one.
fn writing(build: &Build, earlier: &Earlier, output: &Output) -> Result<Option<Writing>, Failure> {
    let place = &build.place;
    if !earlier.tracked.is_empty() {
        output.why(format!("the originals are in `{}`", place.shown_directory()));
        history::refuse_lost(earlier)?;
        return Writing::restoring(place, earlier).map(Some);
    }
    let found = from_moved_entry(build, &DiskSources::new(&place.server))?;
    if found.is_some() {
        let directory = place.shown_directory();
        output.why(format!("`{directory}` is gone; the moved entry is the only file that was changed"));
    }
    Ok(found)
}

/// How wide the column of kinds is.
const WIDTH: usize = 10;

fn say(place: &Place, earlier: &Earlier, writing: &Writing, output: &Output) {
    if let Some(line) = changes::brought_back(&writing.steps, earlier.pruned.as_ref()) {
        output.line(line);
    }
    for step in writing.steps.iter().filter(|step| !changes::is_of_package(step)) {
        output.row(step.wire_kind().words(), WIDTH, place.show(&step.path));
    }
    for line in changes::packages_that_go(place, &writing.steps) {
        output.row(WireChange::Removed.words(), WIDTH, line);
    }
    for one in earlier.tracked.iter().filter(|one| one.state == FileState::DebugIdInjected) {
        let shown = place.show(&one.file.path);
        output.line(format!("taken away from {shown}: the debug id that was injected after the rewrite"));
    }
    if place.directory().exists() {
        output.note(format!("`{}` could not be taken away; the next run will try again", place.shown_directory()));
    }
    output.close(&Closing::good("restored: the original build is back, byte for byte"));
}

/// An upload of artefacts may have dropped `.presentry/`. The moved entry is the original then, if nothing else in the
/// build was changed.
fn from_moved_entry(build: &Build, disk: &DiskSources) -> Result<Option<Writing>, Failure> {
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
    let undone = |path: &ModulePath, after| {
        let step = Step::new(place, path.into(), WireChange::MovedEntry, after)?;
        Ok::<_, Failure>(Step { is_undone: true, ..step })
    };
    steps.add(undone(&moved, Contents::Absent)?)?;
    let entry = undone(&build.entry, Contents::of(original))?;
    steps.add(Step { like: Some(place.real_path(&moved)?), ..entry })?;
    Ok(Some(Writing { steps, ..Writing::default() }))
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
