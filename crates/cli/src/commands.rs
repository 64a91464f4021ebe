//! The commands, one file each, and what they share: opening a build that an earlier run may have left half done.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod presets;
pub(crate) mod restore;
pub(crate) mod rewrite;
pub(crate) mod shell;
pub(crate) mod trace;

use std::{borrow::Cow, collections::BTreeSet};

use presentry_rewriter::{
    ChangeKind, Export, ModulePath, Overlay, Plan, Proof, Sources, Verdict, exports, facade_header,
};

use crate::{
    diagnostics::{changed_meanwhile, disk_full, interrupted, read_only, write_failed},
    failure::Failure,
    find::locate::Build,
    say::output::Output,
    store::{
        lock::{self, Lock, Use},
        transaction::{self, Recovery, RecoveryError, TransactionError},
    },
};

/// Locks a build that is going to be changed, after undoing or finishing what an earlier run left.
pub(crate) fn open_for_changing(build: &Build, output: &Output) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Changing)?;
    recover(build, output)?;
    Ok(lock)
}

/// Locks a build that is only read. What an earlier run left is undone or finished first.
pub(crate) fn open_for_reading(build: &Build, output: &Output) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Reading)?;
    if !transaction::needs_recovery(&build.place)? {
        return Ok(lock);
    }
    drop(lock);
    open_for_changing(build, output)
}

/// Locks a build for a run that has promised to write nothing at all.
pub(crate) fn open_for_dry_run(build: &Build) -> Result<Lock, Failure> {
    let lock = lock::lock(&build.place.server, &build.place.shown, Use::Reading)?;
    if build.place.journal()?.is_some() {
        return Err(interrupted::diagnostic(&build.place.shown_directory()).into());
    }
    Ok(lock)
}

fn recover(build: &Build, output: &Output) -> Result<(), Failure> {
    let recovery = transaction::recover(&build.place, || entry_is_ours(build)).map_err(|error| match error {
        RecoveryError::Failure(failure) => failure,
        RecoveryError::Transaction(error) => not_written(&error),
    })?;
    match recovery {
        Recovery::NotNeeded => {}
        Recovery::Undone { foreign } => {
            output.note("an earlier run was interrupted; what it had changed was undone");
            for path in foreign {
                let path = build.place.show(&path);
                output.note(format!("`{path}` was changed by someone else since, and was left as it is"));
            }
        }
        Recovery::Tidied => output.note("an earlier run was interrupted; what it had left was taken away"),
    }
    Ok(())
}

fn entry_is_ours(build: &Build) -> bool {
    std::fs::read(build.place.server.join(build.entry.as_str())).is_ok_and(|bytes| facade_header(&bytes).is_some())
}

/// The diagnostic for a transaction that left everything as it was.
pub(crate) fn not_written(error: &TransactionError) -> Failure {
    let message = error.to_string();
    let root = match error {
        TransactionError::NotUndone { undo, .. } => undo,
        other => other,
    };
    match root {
        TransactionError::ReadOnly { .. } => read_only::diagnostic(message),
        TransactionError::DiskFull { .. } => disk_full::diagnostic(message),
        TransactionError::ChangedMeanwhile { .. } => changed_meanwhile::diagnostic(message),
        TransactionError::Failed { .. } | TransactionError::NotUndone { .. } => write_failed::diagnostic(message),
    }
    .into()
}

/// The last line of a report: what holds.
pub(crate) fn what_holds(proof: &Proof) -> String {
    let mut closure: Vec<&ModulePath> = proof.closure.iter().collect();
    // The entry and the instrumentation come first, as they do when they run.
    closure.sort_by_key(|path| (**path != proof.entry, Some(*path) != proof.instrumentation.as_ref()));
    let mut items: Vec<String> = closure.iter().map(|path| path.file_name().to_owned()).collect();
    let entry = proof.entry.file_name();
    const SHOWN: usize = 3;
    if items.len() > SHOWN {
        let rest = items.len() - 2;
        items.truncate(2);
        items.push(format!("{rest} modules it imports"));
    }
    match proof.packages.len() {
        0 => {}
        1 => items.push("1 package".to_owned()),
        many => items.push(format!("{many} packages")),
    }
    let last = items.pop().unwrap_or_default();
    let list = if items.is_empty() { last } else { format!("{} and {last}", items.join(", ")) };
    let certainty = match proof.verdict {
        Verdict::UnderCondition => ", under a condition",
        Verdict::VouchedFor => ", as vouched for",
        Verdict::Proven | Verdict::NotProven => "",
    };
    format!("Sentry starts first{certainty}: the static closure of {entry} is {list}")
}

/// The exports of the entry of a build that may be wrapped, with the kind of each value. A facade only passes values on, so
/// the kinds are those of the module behind it, where that exports the same names.
pub(crate) fn exports_with_kinds(sources: &dyn Sources, proof: &Proof, moved: Option<&ModulePath>) -> Vec<Export> {
    let Ok(own) = exports(sources, &proof.entry) else { return Vec::new() };
    let sole = match proof.runtime.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let names = |exports: &[Export]| exports.iter().map(|export| export.name.clone()).collect::<BTreeSet<_>>();
    let behind = |module: &ModulePath| exports(sources, module).ok().filter(|found| names(found) == names(&own));
    [moved, sole].into_iter().flatten().find_map(behind).unwrap_or(own)
}

/// The same for a build as a plan leaves it.
pub(crate) fn planned_exports(sources: &dyn Sources, plan: &Plan, entry: &ModulePath) -> Vec<Export> {
    let Some(proof) = &plan.proof else { return exports(sources, entry).unwrap_or_default() };
    let mut overlay = Overlay::new(sources);
    for change in &plan.changes {
        overlay.set(change.path.clone(), change.after.as_deref().map(Cow::Borrowed));
    }
    let moved = plan.changes.iter().find(|change| change.kind == ChangeKind::MovedEntry).map(|change| &change.path);
    exports_with_kinds(&overlay, proof, moved)
}

/// The names of the packages in the closure, for `-v`.
pub(crate) fn say_packages(proof: &Proof, output: &Output) {
    if !proof.packages.is_empty() {
        output.why(format!("packages in the static closure: {}", proof.packages.join(", ")));
    }
}
