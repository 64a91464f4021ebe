//! `presentry rewrite`: makes the plan on the original view of the build, and writes what is still missing on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use presentry_rewriter::{
    ChangeKind, Digest, ExportStyle, FileChange, ModulePath, Outcome, Plan, Proof, Request, Sources,
    diagnostics::{Diagnostic, Severity, unknown_export},
    plan, prove, without_debug_id,
};

use crate::{
    args::{ExportsArg, RewriteArgs},
    commands::{not_written, open_for_changing, open_for_dry_run, planned_exports, say_packages, what_holds},
    diff,
    disk::DiskSources,
    failure::Failure,
    history::{self, FileState, Tracked},
    locate::{self, Build, loading_text},
    options::{Names, Setting, WRAPPED},
    output::Output,
    report::{Outcome as Ended, Report, WireChange},
    start_scripts,
    store::{Manifest, Original, Place, SCHEMA, SavedFile, SavedName, SavedRequest, Written, mode_text},
    transaction::{self, Contents, Step, Steps},
};

/// Rewrites a build, or finds that it is right already.
pub(crate) fn run(args: &RewriteArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Ended, Failure> {
    let place = &build.place;
    let request = request(args, build)?;
    say_choices(args, &request, place, output);
    let _lock = if args.dry_run { open_for_dry_run(build)? } else { open_for_changing(build, output)? };
    let disk = DiskSources::new(&place.server);
    let manifest = place.manifest()?.filter(|manifest| !manifest.files.is_empty());
    let tracked = match manifest {
        Some(manifest) => history::track(place, &disk, manifest)?,
        None => Vec::new(),
    };
    let original = history::original_view(&disk, &tracked);
    let mut plan = plan(&original, &with_wrapped_defaults(request.clone(), &original));
    if args.keep_sdk_wrapper
        && tracked.is_empty()
        && let Some(proof) = proven_sdk_wrapper(&disk, &request.entry, &plan, output)
    {
        report.tried_proof(place, &proof);
        say_packages(&proof, output);
        output.line(format!("{ALREADY_FIRST}: the wrapper of the SDK is proven, and is kept"));
        return Ok(Ended::AlreadyFirst);
    }
    report.found_instrumentation(place, &request.instrumentation);
    if let Some(proof) = &plan.proof {
        report.tried_proof(place, proof);
    }
    if output.wants_details() {
        let exports = planned_exports(&original, &plan, &request.entry);
        let kinds: Vec<String> =
            exports.iter().map(|export| format!("`{}` ({})", export.name, export.kind.describe())).collect();
        if !kinds.is_empty() {
            output.why(format!("the entry exports {}", kinds.join(", ")));
        }
        report.found_exports(exports);
    }
    if plan.outcome != Outcome::Refused {
        refuse_unknown_names(args, build, &plan.exports)?;
        plan.diagnostics.extend(build.warnings.iter().cloned());
        plan.diagnostics.extend(start_scripts::double_inits(&args.build.app, place, &request.instrumentation));
    }
    let plan = judged(plan, args, build, output)?;
    if plan.outcome == Outcome::AlreadyFirst {
        return Ok(already_first(&plan, output));
    }
    if plan.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation) {
        output.why("the SDK has wrapped this build; its instrumentation becomes a file of its own");
    }

    let rewrite = Rewrite::new(place, &disk, &tracked, plan.changes.clone())?;
    if rewrite.steps.is_empty() {
        return Ok(already_first(&plan, output));
    }
    for step in rewrite.steps.iter() {
        report.changed(place.show(&step.path), rewrite.wire_kind(step));
    }
    if args.dry_run {
        let diff = diff::of_steps(&rewrite.steps, &rewrite.copies(&request.entry));
        output.text(&diff);
        report.diff = Some(diff);
        return Ok(Ended::WouldRewrite);
    }
    let next = rewrite.manifest(&request);
    transaction::run(place, &next, &rewrite.steps).map_err(|error| not_written(&error))?;
    for line in rewrite.report(place, &request.entry) {
        output.line(line);
    }
    if let Some(proof) = &plan.proof {
        say_packages(proof, output);
        output.line(what_holds(proof));
    }
    Ok(Ended::Rewritten)
}

const ALREADY_FIRST: &str = "already first, nothing changed";

fn already_first(plan: &Plan, output: &Output) -> Ended {
    if let Some(proof) = &plan.proof {
        say_packages(proof, output);
    }
    output.line(ALREADY_FIRST);
    Ended::AlreadyFirst
}

/// What a rewrite would come to, given the plan on the original view of a build.
pub(crate) fn would_do(place: &Place, disk: &DiskSources, tracked: &[Tracked], plan: &Plan) -> Result<Ended, Failure> {
    Ok(match plan.outcome {
        Outcome::Refused => Ended::Refused,
        Outcome::AlreadyFirst => Ended::AlreadyFirst,
        Outcome::Rewritten if Rewrite::new(place, disk, tracked, plan.changes.clone())?.steps.is_empty() => {
            Ended::AlreadyFirst
        }
        Outcome::Rewritten => Ended::Rewritten,
    })
}

fn say_choices(args: &RewriteArgs, request: &Request, place: &Place, output: &Output) {
    let instrumentation = place.show(&request.instrumentation);
    output.why(match args.instrumentation {
        Some(_) => format!("the instrumentation is `{instrumentation}`, as `--instrumentation` says"),
        None => format!("the instrumentation is `{instrumentation}`, beside the entry"),
    });
    output.why(match args.exports {
        ExportsArg::Await => "exports are passed on as the values they are, after top-level await",
        ExportsArg::Wrap => "exports become async forwarders, as `--exports wrap` says",
    });
}

/// The proof of a build that the SDK has wrapped, when it holds. The plan tells whose wrapper it is: it takes one of the
/// SDK apart.
fn proven_sdk_wrapper(disk: &DiskSources, entry: &ModulePath, plan: &Plan, output: &Output) -> Option<Proof> {
    if !plan.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation) {
        return None;
    }
    let proof = prove(disk, entry);
    if !proof.holds() {
        output.why("the wrapper of the SDK is not kept: the proof does not hold for it");
        return None;
    }
    Some(proof)
}

fn request(args: &RewriteArgs, build: &Build) -> Result<Request, Failure> {
    let exports = match args.exports {
        ExportsArg::Await => ExportStyle::Await,
        ExportsArg::Wrap => ExportStyle::Wrap(match build.options.wrapped(&args.wrap) {
            Setting::Given { value, .. } => value.names,
            Setting::Unset => Vec::new(),
            Setting::NotStatic(unknown) => return Err(unknown.error().into()),
        }),
    };
    Ok(Request {
        entry: build.entry.clone(),
        instrumentation: locate::instrumentation(build, args.instrumentation.as_deref())?,
        loading: build.loading,
        exports,
    })
}

/// Nobody asked for the default names, so those that the entry does not export are left out.
pub(crate) fn with_wrapped_defaults(mut request: Request, sources: &dyn Sources) -> Request {
    if request.exports == ExportStyle::Wrap(Vec::new()) {
        let awaiting = Request { exports: ExportStyle::Await, ..request.clone() };
        let exported = plan(sources, &awaiting).exports;
        let there = WRAPPED.into_iter().filter(|name| exported.iter().any(|export| export == name));
        request.exports = ExportStyle::Wrap(there.map(str::to_owned).collect());
    }
    request
}

/// A name that the configuration gives and the entry does not export is a mistake in either style.
fn refuse_unknown_names(args: &RewriteArgs, build: &Build, exports: &[String]) -> Result<(), Failure> {
    let Setting::Given { value, .. } = build.options.wrapped(&args.wrap) else { return Ok(()) };
    let unknown = value.names.iter().filter(|name| !exports.contains(name));
    let told: Vec<Diagnostic> = unknown.map(|name| where_it_was_named(unknown_export(name, exports), &value)).collect();
    if told.is_empty() { Ok(()) } else { Err(Failure::Refused(told)) }
}

fn where_it_was_named(diagnostic: Diagnostic, names: &Names) -> Diagnostic {
    let of = |name: &&String| diagnostic.message.starts_with(&format!("`{name}` "));
    match names.names.iter().find(of).and_then(|name| names.label(name)) {
        Some(label) => diagnostic.label(label.clone()),
        None => diagnostic,
    }
}

/// Says what the plan has to say, and lets only plans through that may be written.
fn judged(mut plan: Plan, args: &RewriteArgs, build: &Build, output: &Output) -> Result<Plan, Failure> {
    let diagnostics = std::mem::take(&mut plan.diagnostics);
    if plan.outcome == Outcome::Refused {
        build.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
        let told = diagnostics.into_iter().map(|diagnostic| where_it_looked(diagnostic, args, build));
        return Err(Failure::Refused(told.collect()));
    }
    if args.strict && !diagnostics.is_empty() {
        let strict = diagnostics.into_iter().map(|warning| Diagnostic { severity: Severity::Error, ..warning });
        return Err(Failure::Refused(strict.collect()));
    }
    diagnostics.iter().for_each(|diagnostic| output.diagnostic(diagnostic, Some(&build.place)));
    Ok(plan)
}

/// The rewriter knows that the instrumentation is missing; where one was looked for is known here.
fn where_it_looked(diagnostic: Diagnostic, args: &RewriteArgs, build: &Build) -> Diagnostic {
    match diagnostic.code.name {
        "instrumentation-missing" if args.instrumentation.is_none() => locate::no_instrumentation(build),
        "unknown-export" => match build.options.wrapped(&args.wrap) {
            Setting::Given { value, .. } => where_it_was_named(diagnostic, &value),
            _ => diagnostic,
        },
        _ => diagnostic,
    }
}

/// What has to be written, and what the manifest will say.
struct Rewrite {
    files: Vec<SavedFile>,
    steps: Steps,
    /// The kind of each step, by path; `None` for a file that gets its original bytes back.
    kinds: BTreeMap<ModulePath, Option<ChangeKind>>,
    /// The originals that this run saves, by file.
    saved: BTreeMap<PathBuf, Original>,
}

impl Rewrite {
    fn new(place: &Place, disk: &DiskSources, tracked: &[Tracked], changes: Vec<FileChange>) -> Result<Self, Failure> {
        let mut rewrite =
            Self { files: Vec::new(), steps: Steps::default(), kinds: BTreeMap::new(), saved: BTreeMap::new() };
        let used = tracked.iter().filter_map(|one| one.file.before.as_ref()?.saved.original_number());
        let mut free = used.max().map_or(0, |last| last + 1);
        let planned: BTreeSet<ModulePath> = changes.iter().map(|change| change.path.clone()).collect();
        for one in tracked.iter().filter(|one| !planned.contains(&one.file.path)) {
            rewrite.put_back(place, disk, one)?;
        }
        let known: BTreeMap<&ModulePath, &Tracked> = tracked.iter().map(|one| (&one.file.path, one)).collect();
        for change in changes {
            let known = known.get(&change.path).copied();
            rewrite.change(place, disk, known, change, &mut free)?;
        }
        Ok(rewrite)
    }

    /// A file of an earlier rewrite that this one leaves alone.
    fn put_back(&mut self, place: &Place, disk: &DiskSources, one: &Tracked) -> Result<(), Failure> {
        if one.state == FileState::Original {
            return Ok(());
        }
        let after = match (&one.file.before, &one.original) {
            (Some(original), Some(bytes)) => Contents::Saved(original.clone(), bytes.clone()),
            _ => Contents::Absent,
        };
        let before = history::read(disk, &one.file.path)?;
        self.step(place, one.file.path.clone(), before, after, None, None, None)
    }

    fn change(
        &mut self,
        place: &Place,
        disk: &DiskSources,
        known: Option<&Tracked>,
        change: FileChange,
        free: &mut usize,
    ) -> Result<(), Failure> {
        if change.before == change.after {
            return Ok(());
        }
        let current = history::read(disk, &change.path)?;
        let real = place.real_path(&change.path)?;
        let saved_before = known.and_then(|one| one.file.before.clone());
        // Another name of the same file has saved it already.
        let saved_before = saved_before.or_else(|| self.saved.get(&real).cloned());
        let newly_saved = match (&saved_before, &change.before) {
            (None, Some(bytes)) => {
                let saved = SavedName::original(*free);
                *free += 1;
                let mode = std::fs::metadata(&real).ok().as_ref().and_then(mode_text);
                let original = Original { sha256: Digest::of(bytes), saved, mode };
                self.saved.insert(real.clone(), original.clone());
                Some(original)
            }
            _ => None,
        };
        let written = change.after.as_deref().map(|bytes| Written {
            sha256: Digest::of(bytes),
            sha256_without_debug_id: Digest::of(&without_debug_id(bytes)),
        });
        let undo = newly_saved.as_ref().map(|original| original.saved.clone());
        self.files.push(SavedFile {
            path: change.path.clone(),
            kind: change.kind.as_str().to_owned(),
            before: newly_saved.or(saved_before),
            after: written,
        });
        if known.is_some_and(|one| one.state == FileState::DebugIdInjected) && only_debug_id(&current, &change.after) {
            return Ok(());
        }
        let like = match &change.mode_from {
            Some(path) if current.is_none() => Some(place.real_path(path)?),
            _ => Some(real),
        };
        let after = change.after.map_or(Contents::Absent, Contents::Bytes);
        self.step(place, change.path, current, after, undo, like, Some(change.kind))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a step")]
    fn step(
        &mut self,
        place: &Place,
        path: ModulePath,
        before: Option<Vec<u8>>,
        after: Contents,
        undo: Option<SavedName>,
        like: Option<PathBuf>,
        kind: Option<ChangeKind>,
    ) -> Result<(), Failure> {
        if before.as_deref() == after.bytes() {
            return Ok(());
        }
        let undo = undo.or_else(|| before.as_ref().map(|_| SavedName::undo(self.steps.len())));
        self.kinds.insert(path.clone(), kind);
        self.steps.add(Step { real: place.real_path(&path)?, path, before, after, undo, like })
    }

    fn wire_kind(&self, step: &Step) -> WireChange {
        match (self.kinds.get(&step.path).copied().flatten(), &step.after) {
            (Some(kind), _) => kind.into(),
            (None, Contents::Absent) => WireChange::Removed,
            (None, _) => WireChange::Restored,
        }
    }

    fn manifest(&self, request: &Request) -> Manifest {
        let (exports, wrapped) = match &request.exports {
            ExportStyle::Await => ("await", Vec::new()),
            ExportStyle::Wrap(names) => ("wrap", names.clone()),
        };
        Manifest {
            schema: SCHEMA,
            presentry: env!("CARGO_PKG_VERSION").to_owned(),
            request: SavedRequest {
                entry: request.entry.to_string(),
                instrumentation: Some(request.instrumentation.to_string()),
                loading: loading_text(request.loading).to_owned(),
                exports: exports.to_owned(),
                wrapped,
            },
            files: self.files.clone(),
            steps: self.steps.to_saved(),
        }
    }

    /// Which new files are copies of which old ones, for the diff.
    fn copies(&self, entry: &ModulePath) -> BTreeMap<ModulePath, ModulePath> {
        let moved = self.kinds.iter().filter(|(_, kind)| **kind == Some(ChangeKind::MovedEntry));
        moved.map(|(path, _)| (path.clone(), entry.clone())).collect()
    }

    fn report(&self, place: &Place, entry: &ModulePath) -> Vec<String> {
        let mut lines: Vec<(u8, &str, String)> = Vec::new();
        for step in self.steps.iter() {
            let shown = place.show(&step.path);
            lines.push(match self.kinds.get(&step.path).copied().flatten() {
                Some(ChangeKind::Facade) => (0, "facade", shown),
                Some(ChangeKind::MovedEntry) => {
                    (1, "moved", format!("{} → {}", place.show(entry), step.path.file_name()))
                }
                Some(kind) => (2, kind.as_str(), shown),
                None => match step.after {
                    Contents::Absent => (3, "removed", shown),
                    _ => (3, "restored", shown),
                },
            });
        }
        lines.sort();
        let width = lines.iter().map(|(_, kind, _)| kind.len()).max().unwrap_or(0);
        lines.into_iter().map(|(_, kind, shown)| format!("{kind:width$}  {shown}")).collect()
    }
}

/// Whether a file on disk is the one that is to be written, but for a debug id that was injected after it was.
fn only_debug_id(current: &Option<Vec<u8>>, after: &Option<Vec<u8>>) -> bool {
    match (current, after) {
        (Some(current), Some(after)) => without_debug_id(current) == without_debug_id(after),
        _ => false,
    }
}
