//! `presentry rewrite`: makes the plan on the original view of the build, and writes what is still missing on disk.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use presentry_rewriter::{
    ChangeKind, Digest, ExportStyle, FileChange, InitTrust, InlinedInstrumentation, Mode, ModulePath, Outcome, Overlay,
    Plan, Proof, Request, Sources,
    diagnostics::{Diagnostic, Severity, unknown_export},
    plan, prove, prove_with, without_debug_id,
};

use crate::{
    args::{Bundling, ExportsArg, RewriteArgs},
    commands::{not_written, open_for_changing, open_for_dry_run, planned_exports, say_packages, what_holds},
    failure::Failure,
    find::{
        locate::Build,
        options::{Names, Setting, WRAPPED},
        presets::loading_text,
        start_scripts,
    },
    outcome::Outcome as Ended,
    passes::{
        archive,
        bundle::{self, Remaining},
        instrumentation::{self, Origin, Planned, Provided},
        packages::{self, Completion, Lacking, Supply, dependencies},
        prune::{self, Pruned},
    },
    paths::OutputPath,
    say::{
        diff,
        output::Output,
        report::{Report, TracedReport},
    },
    store::{
        disk::DiskSources,
        history::{self, FileState, Tracked},
        manifest::{
            Manifest, Original, SCHEMA, SavedFile, SavedName, SavedRequest, WireChange, Written, mode_name, mode_text,
        },
        place::Place,
        transaction::{self, Change, Contents, Step, Steps},
    },
};

/// Rewrites a build, or finds that it is right already.
pub(crate) fn run(args: &RewriteArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Ended, Failure> {
    let place = &build.place;
    let mut request = request(args, build)?;
    let _lock = if args.dry_run { open_for_dry_run(build)? } else { open_for_changing(build, output)? };
    let disk = DiskSources::new(&place.server);
    let manifest = place.manifest()?.filter(|manifest| !manifest.files.is_empty());
    let directories = manifest.as_ref().map_or_else(Vec::new, |manifest| manifest.directories.clone());
    let tracked = match manifest {
        Some(manifest) => history::track(place, manifest)?,
        None => Vec::new(),
    };
    prune::bring_back(place, args, &tracked, output)?;
    let original = history::original_view(&disk, &tracked);
    let mut planned = output.during("planning and proving the rewrite", || {
        instrumentation::planned(build, args.instrumentation.as_deref(), None, &original, &|sources, path, inlined| {
            let request = Request { instrumentation: path.clone(), inlined, ..request.clone() };
            plan(sources, &with_wrapped_defaults(request, sources))
        })
    })?;
    request.instrumentation = planned.provided.path.clone();
    request.inlined = planned.inlined;
    say_choices(args, &request, &planned.provided, place, output);
    if args.keep_sdk_wrapper
        && tracked.is_empty()
        && let Some(proof) = proven_sdk_wrapper(&disk, &request.entry, request.trust, &planned.plan, output)
    {
        report.tried_proof(place, &proof);
        let supply = Supply::of(build, args.packages_elsewhere);
        let mut kept = planned.plan;
        kept.diagnostics = packages::lacks(place, &args.build.app, &proof, supply)?;
        judged(&mut kept, args, build, output)?;
        say_packages(&proof, output);
        output.line(format!("{ALREADY_FIRST}: the wrapper of the SDK is proven, and is kept"));
        return Ok(Ended::AlreadyFirst);
    }
    let mut packages = packages_of_earlier_run(args, place, &tracked)?;
    let mut remaining = None;
    if args.bundling() != Bundling::No && planned.plan.outcome != Outcome::Refused {
        let from = if packages == Packages::Go { bundle::From::App } else { bundle::From::Build };
        let sources = planned.provided.over(&original);
        let bundled = bundle::add(&planned.plan, &sources, &tracked, build, &args.build.app, from, output);
        let bundled = bundled.and_then(|bundled| match (args.bundling(), bundled.plan.outcome) {
            (Bundling::WherePossible, Outcome::Refused) => Err(Failure::Refused(bundled.plan.diagnostics)),
            _ => Ok(bundled),
        });
        match bundled {
            Ok(bundled) => (planned.plan, remaining) = (bundled.plan, bundled.remaining),
            Err(failure) if args.bundling() == Bundling::WherePossible => {
                planned.plan.diagnostics.push(bundle::skipped(&failure));
                // What was there for the SDK alone is needed again.
                packages = Packages::Stay;
                prune::bring_all_back(place, args, output)?;
            }
            Err(failure) => return Err(failure),
        }
    }
    let plan = &mut planned.plan;
    report.found_instrumentation(place, &request.instrumentation);
    report.made_instrumentation_from(planned.provided.origin.file());
    if let Some(proof) = &plan.proof {
        report.tried_proof(place, proof);
    }
    if output.wants_details() {
        let exports = planned_exports(&planned.provided.over(&original), plan, &request.entry);
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
    let mut rewrite =
        Rewrite::new(place, &tracked, packages, Rewrite::changes(place, planned.changes(&original, &request.entry)?)?)?;
    let completion = match planned.plan.outcome {
        Outcome::Refused => Completion::default(),
        outcome => {
            let first = loaded_first(&planned, &original, &request);
            let rules = (lacking(args, outcome), Supply::of(build, args.packages_elsewhere));
            rewrite.complete(place, args, &first, remaining.as_ref(), rules, output)?
        }
    };
    let plan = &mut planned.plan;
    plan.diagnostics.extend(completion.diagnostics);
    judged(plan, args, build, output)?;
    let plan = &planned.plan;
    let preset = build.found.as_ref().map(|found| found.preset);
    let pruning = pruning(args, place, remaining.as_ref(), &rewrite)?;
    if plan.outcome == Outcome::Rewritten {
        rewrite.name_packages(place, &completion.traced, pruning.as_ref())?;
    }
    if plan.outcome == Outcome::Rewritten
        && let Some(change) = archive::change(place, preset, &tracked, &rewrite.steps, pruning.as_ref())?
    {
        rewrite.add(place, change)?;
    }
    if plan.outcome == Outcome::AlreadyFirst {
        return Ok(already_first(plan, output));
    }
    if plan.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation) {
        output.why("the SDK has wrapped this build; its instrumentation becomes a file of its own");
    }

    report.pruned = pruning.as_ref().map(Pruned::report);
    let pruning = pruning.filter(|pruned| !pruned.is_done(place));
    if rewrite.steps.is_empty() && pruning.is_none() {
        return Ok(already_first(plan, output));
    }
    if let Some(pruned) = &pruning {
        output.line(pruned.line());
        output.why(format!("taken out of the build: {}", pruned.packages.join(", ")));
    }
    for step in rewrite.steps.iter() {
        report.changed(place.show(&step.path), rewrite.wire_kind(step));
    }
    report.traced = completion.traced;
    if args.dry_run {
        let diff = diff::of_steps(rewrite.shown_steps(), &rewrite.copies(&request.entry));
        output.text(&diff);
        for line in rewrite.report_in_short(place, &report.traced) {
            output.line(line);
        }
        report.diff = Some(diff);
        return Ok(Ended::WouldRewrite);
    }
    let next = rewrite.manifest(place, &request, directories);
    if !rewrite.steps.is_empty() {
        transaction::run(place, &next, &rewrite.steps).map_err(|error| not_written(&error))?;
    }
    if let Some(pruned) = &pruning {
        prune::apply(place, pruned)?;
    }
    for line in rewrite.report(place, &request.entry, &report.traced, output.wants_details()) {
        output.line(line);
    }
    if let Some(limits) = build.found.as_ref().and_then(|found| found.preset.runtime.limits()) {
        output.note(limits);
    }
    if let Some(proof) = &plan.proof {
        say_packages(proof, output);
        output.line(what_holds(proof));
    } else {
        output.line("Sentry is imported at the top of the entry; nothing is proven, and tracing is limited");
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

/// What becomes of the packages that an earlier run has traced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packages {
    /// They stay.
    Stay,
    /// They go, and what is still needed is traced again: nothing needs the SDK itself once it is bundled.
    Go,
}

fn packages_of_earlier_run(args: &RewriteArgs, place: &Place, tracked: &[Tracked]) -> Result<Packages, Failure> {
    let any = tracked.iter().any(|one| one.file.kind == WireChange::Package.words());
    let go = args.bundling() != Bundling::No && args.prune && any && !bundle::can_stay(place, tracked)?;
    Ok(if go { Packages::Go } else { Packages::Stay })
}

/// What `--prune` takes out of the build, or an earlier run has taken out; `None` when that is nothing.
fn pruning(
    args: &RewriteArgs,
    place: &Place,
    remaining: Option<&Remaining>,
    rewrite: &Rewrite<'_>,
) -> Result<Option<Pruned>, Failure> {
    let Some(remaining) = remaining.filter(|_| args.prune) else { return Ok(None) };
    let pruned = match prune::read(place)? {
        Some(pruned) => pruned,
        None => prune::plan(place, &args.build.app, remaining, &rewrite.packages(place)?, &rewrite.steps),
    };
    Ok(Some(pruned).filter(|pruned| !pruned.packages.is_empty()))
}

/// The same lines, with one for all files of a kind that has many.
fn in_short<'k>(lines: &[(u8, &'k str, String)]) -> Vec<(u8, &'k str, String)> {
    const MANY: usize = 4;
    let alike = |one: &(u8, &str, String), other: &(u8, &str, String)| one.1 == other.1;
    let kinds = lines.chunk_by(alike).flat_map(|lines| match lines {
        [(rank, kind @ ("bundle" | "repointed" | "removed" | "restored"), first), more @ ..] if lines.len() >= MANY => {
            // `sentry.mjs`, of all that stands beside it.
            let shown = lines.iter().map(|(_, _, shown)| shown).min_by_key(|shown| shown.len()).unwrap_or(first);
            vec![(*rank, *kind, format!("{shown} and {} more", more.len()))]
        }
        lines => lines.to_vec(),
    });
    kinds.collect()
}

/// What a rewrite would come to, given the plan on the original view of a build.
pub(crate) fn would_do(
    place: &Place,
    tracked: &[Tracked],
    planned: &Planned,
    changes: Vec<FileChange>,
) -> Result<Ended, Failure> {
    Ok(match planned.plan.outcome {
        Outcome::Refused => Ended::Refused,
        Outcome::AlreadyFirst => Ended::AlreadyFirst,
        Outcome::Rewritten => {
            let rewrite = Rewrite::new(place, tracked, Packages::Stay, Rewrite::changes(place, changes)?)?;
            if rewrite.steps.is_empty() { Ended::AlreadyFirst } else { Ended::Rewritten }
        }
    })
}

fn say_choices(args: &RewriteArgs, request: &Request, provided: &Provided, place: &Place, output: &Output) {
    let instrumentation = place.show(&request.instrumentation);
    output.why(match (&args.instrumentation, &provided.origin) {
        (Some(_), Origin::Build) => format!("the instrumentation is `{instrumentation}`, as `--instrumentation` says"),
        (None, Origin::Build) => format!("the instrumentation is `{instrumentation}`, beside the entry"),
        (_, origin) => format!("the instrumentation is `{instrumentation}`, {origin}"),
    });
    provided.reasons.iter().for_each(|reason| output.why(reason));
    if request.mode == Mode::TopLevelImport {
        output.why("the runtime stays a static import of the entry, as `--mode top-level-import` says");
        return;
    }
    output.why(match args.exports {
        ExportsArg::Await => "exports are passed on as the values they are, after top-level await",
        ExportsArg::Wrap => "exports become async forwarders, as `--exports wrap` says",
    });
}

/// The proof of a build that the SDK has wrapped, when it holds. The plan tells whose wrapper it is: it takes one of the
/// SDK apart.
fn proven_sdk_wrapper(
    disk: &DiskSources,
    entry: &ModulePath,
    trust: InitTrust,
    plan: &Plan,
    output: &Output,
) -> Option<Proof> {
    if !plan.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation) {
        return None;
    }
    let proof = prove_with(disk, entry, trust);
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
        instrumentation: instrumentation::built(build, args.instrumentation.as_deref())?,
        loading: build.loading,
        exports,
        mode: args.mode.into(),
        inlined: InlinedInstrumentation::TakeOut,
        compile_cache: args.compile_cache.clone(),
        trust: args.trust(),
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
fn judged(plan: &mut Plan, args: &RewriteArgs, build: &Build, output: &Output) -> Result<(), Failure> {
    let diagnostics = std::mem::take(&mut plan.diagnostics);
    if plan.outcome == Outcome::Refused {
        build.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
        let told = diagnostics.into_iter().map(|diagnostic| where_it_looked(diagnostic, args, build));
        return Err(Failure::Refused(told.collect()));
    }
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        return Err(Failure::Refused(errors.into_iter().chain(warnings).collect()));
    }
    if args.strict && !diagnostics.is_empty() {
        let strict = diagnostics.into_iter().map(|warning| Diagnostic { severity: Severity::Error, ..warning });
        return Err(Failure::Refused(strict.collect()));
    }
    diagnostics.iter().for_each(|diagnostic| output.diagnostic(diagnostic, Some(&build.place)));
    Ok(())
}

/// The rewriter knows what is wrong; where it was said is known here.
fn where_it_looked(diagnostic: Diagnostic, args: &RewriteArgs, build: &Build) -> Diagnostic {
    match diagnostic.code.name {
        "unknown-export" => match build.options.wrapped(&args.wrap) {
            Setting::Given { value, .. } => where_it_was_named(diagnostic, &value),
            _ => diagnostic,
        },
        _ => diagnostic,
    }
}

/// What is loaded before the runtime in the build as it will be: the closure of its proof, or where nothing is proven
/// that of the instrumentation.
fn loaded_first(planned: &Planned, original: &dyn Sources, request: &Request) -> Proof {
    let provided = planned.provided.over(original);
    planned.plan.proof.clone().unwrap_or_else(|| {
        let mut overlay = Overlay::new(&provided);
        for change in &planned.plan.changes {
            overlay.set(change.path.clone(), change.after.as_deref().map(Cow::Borrowed));
        }
        prove(&overlay, &request.instrumentation)
    })
}

/// What is done about missing packages. A build that someone else has made right stays as it is.
fn lacking(args: &RewriteArgs, outcome: Outcome) -> Lacking {
    if args.no_trace || outcome != Outcome::Rewritten { Lacking::Report } else { Lacking::Trace }
}

/// What has to be written, and what the manifest will say.
struct Rewrite<'a> {
    files: Vec<SavedFile>,
    steps: Steps,
    /// The kind of each step, by path; `None` for a file that gets its original bytes back.
    kinds: BTreeMap<OutputPath, Option<WireChange>>,
    /// The originals that this run saves, by file.
    saved: BTreeMap<PathBuf, Original>,
    /// What an earlier run has made of the build.
    tracked: BTreeMap<&'a OutputPath, &'a Tracked>,
    /// The files of packages that go unless they are traced in again.
    leaving: Vec<&'a Tracked>,
    /// The number of the next original.
    free: usize,
}

impl<'a> Rewrite<'a> {
    fn new(place: &Place, tracked: &'a [Tracked], packages: Packages, changes: Vec<Change>) -> Result<Self, Failure> {
        let used = tracked.iter().filter_map(|one| one.file.before.as_ref()?.saved.original_number());
        let mut rewrite = Self {
            files: Vec::new(),
            steps: Steps::default(),
            kinds: BTreeMap::new(),
            saved: BTreeMap::new(),
            tracked: tracked.iter().map(|one| (&one.file.path, one)).collect(),
            leaving: Vec::new(),
            free: used.max().map_or(0, |last| last + 1),
        };
        let planned: BTreeSet<OutputPath> = changes.iter().map(|change| change.path.clone()).collect();
        for one in tracked.iter().filter(|one| !planned.contains(&one.file.path)) {
            if is_carried_over(one) {
                match packages {
                    Packages::Go if one.file.kind == WireChange::Package.words() => rewrite.leaving.push(one),
                    _ => rewrite.files.push(one.file.clone()),
                }
            } else {
                rewrite.put_back(place, one)?;
            }
        }
        for change in changes {
            rewrite.add(place, change)?;
        }
        Ok(rewrite)
    }

    /// What a plan changes, and the files that come with it.
    fn changes(place: &Place, changes: Vec<FileChange>) -> Result<Vec<Change>, Failure> {
        let change = |change: FileChange| {
            Ok(Change {
                path: OutputPath::from(&change.path),
                kind: change.kind.into(),
                before: change.before,
                after: change.after,
                like: change.mode_from.as_ref().map(|path| place.real_path(path)).transpose()?,
            })
        };
        changes.into_iter().map(change).collect()
    }

    /// Adds what the build lacks.
    fn complete(
        &mut self,
        place: &Place,
        args: &RewriteArgs,
        first: &Proof,
        remaining: Option<&Remaining>,
        rules: (Lacking, Supply),
        output: &Output,
    ) -> Result<Completion, Failure> {
        let mut files: HashMap<PathBuf, Option<Vec<u8>>> =
            self.steps.iter().map(|step| (step.real.clone(), step.after.bytes().map(<[u8]>::to_vec))).collect();
        for one in &self.leaving {
            files.insert(place.real_path(&one.file.path)?, one.original.clone());
        }
        let asks = remaining.map(Remaining::asks);
        let mut completion = packages::complete(place, &args.build.app, files, first, asks.as_ref(), rules, output)?;
        let leaving = std::mem::take(&mut self.leaving);
        let stays = |one: &&Tracked| completion.changes.iter().any(|change| change.path == one.file.path);
        for one in leaving.into_iter().filter(|one| !stays(one)) {
            self.put_back(place, one)?;
        }
        for change in std::mem::take(&mut completion.changes) {
            self.add(place, change)?;
        }
        Ok(completion)
    }

    /// Has the `package.json` of the server name the packages that the build will have, and no others.
    fn name_packages(
        &mut self,
        place: &Place,
        traced: &[TracedReport],
        pruned: Option<&Pruned>,
    ) -> Result<(), Failure> {
        let path = OutputPath::from(ModulePath::new(dependencies::FILE).expect("one segment"));
        let Some(current) = place.read_file(&path)? else { return Ok(()) };
        let original = self.tracked.get(&path).and_then(|one| one.original.clone()).unwrap_or_else(|| current.clone());
        let of_top = |directory: &str, name: &str| directory.strip_prefix("node_modules/") == Some(name);
        let traced = traced.iter().filter(|package| of_top(&package.directory, &package.name));
        let mut added: BTreeMap<String, String> =
            traced.map(|package| (package.name.clone(), package.version.clone())).collect();
        // Those of an earlier run are named already, with their versions.
        let named = dependencies::versions(&current);
        for file in self.files.iter().filter(|file| file.kind == WireChange::Package.words()) {
            let directory = packages::package_directory(file.path.as_str());
            if let Some((name, version)) = named.iter().find(|(name, _)| of_top(directory, name)) {
                added.entry(name.clone()).or_insert_with(|| version.clone());
            }
        }
        let gone = pruned.into_iter().flat_map(Pruned::names).map(str::to_owned).collect();
        let after = dependencies::changed(&original, &added, &gone).unwrap_or_else(|| original.clone());
        let kind = WireChange::Dependencies;
        self.add(place, Change { path, kind, before: Some(original), after: Some(after), like: None })
    }

    /// The files of packages that are traced in, by this run or an earlier one.
    fn packages(&self, place: &Place) -> Result<BTreeSet<PathBuf>, Failure> {
        let traced = self.files.iter().filter(|file| file.kind == WireChange::Package.words());
        traced.map(|file| place.real_path(&file.path)).collect()
    }

    /// A file of an earlier rewrite that this one leaves alone.
    fn put_back(&mut self, place: &Place, one: &Tracked) -> Result<(), Failure> {
        if one.state == FileState::Original {
            return Ok(());
        }
        let after = match (&one.file.before, &one.original) {
            (Some(original), Some(bytes)) => Contents::Saved(original.clone(), bytes.clone()),
            _ => Contents::Absent,
        };
        let before = place.read_file(&one.file.path)?;
        self.step(place, one.file.path.clone(), before, after, None, None, None)
    }

    fn add(&mut self, place: &Place, change: Change) -> Result<(), Failure> {
        let known = self.tracked.get(&change.path).copied();
        if known.is_some() {
            self.files.retain(|file| file.path != change.path);
        }
        if change.before == change.after {
            return match known {
                Some(one) => self.put_back(place, one),
                None => Ok(()),
            };
        }
        let current = place.read_file(&change.path)?;
        let real = place.real_path(&change.path)?;
        let saved_before = known.and_then(|one| one.file.before.clone());
        // Another name of the same file has saved it already.
        let saved_before = saved_before.or_else(|| self.saved.get(&real).cloned());
        let newly_saved = match (&saved_before, &change.before) {
            (None, Some(bytes)) => {
                let saved = SavedName::original(self.free);
                self.free += 1;
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
            kind: change.kind.words().to_owned(),
            before: newly_saved.or(saved_before),
            after: written,
        });
        if known.is_some_and(|one| one.state == FileState::DebugIdInjected) && only_debug_id(&current, &change.after) {
            return Ok(());
        }
        let like = change.like.filter(|_| current.is_none()).or(Some(real));
        let after = change.after.map_or(Contents::Absent, Contents::Bytes);
        self.step(place, change.path, current, after, undo, like, Some(change.kind))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a step")]
    fn step(
        &mut self,
        place: &Place,
        path: OutputPath,
        before: Option<Vec<u8>>,
        after: Contents,
        undo: Option<SavedName>,
        like: Option<PathBuf>,
        kind: Option<WireChange>,
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
            (Some(kind), _) => kind,
            (None, Contents::Absent) => WireChange::Removed,
            (None, _) => WireChange::Restored,
        }
    }

    /// The directories that presentry has made and those it has to make, parents first.
    fn directories(&self, place: &Place, made: Vec<OutputPath>) -> Vec<OutputPath> {
        let mut directories: BTreeSet<OutputPath> = made.into_iter().collect();
        for step in self.steps.iter().filter(|step| step.after.bytes().is_some()) {
            let above = step.real.ancestors().skip(1);
            for missing in above.take_while(|directory| !directory.exists()) {
                let Some(path) = place.path_of(missing) else { break };
                if !directories.insert(path) {
                    break;
                }
            }
        }
        directories.into_iter().collect()
    }

    fn manifest(&self, place: &Place, request: &Request, made: Vec<OutputPath>) -> Manifest {
        let mut files = self.files.clone();
        files.sort_by(|one, other| one.path.cmp(&other.path));
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
                mode: mode_name(request.mode).to_owned(),
                compile_cache: request.compile_cache.clone(),
            },
            files,
            directories: self.directories(place, made),
            steps: self.steps.to_saved(),
        }
    }

    /// Which new files are copies of which old ones, for the diff.
    fn copies(&self, entry: &ModulePath) -> BTreeMap<OutputPath, OutputPath> {
        let moved = self.kinds.iter().filter(|(_, kind)| **kind == Some(WireChange::MovedEntry));
        moved.map(|(path, _)| (path.clone(), entry.into())).collect()
    }

    /// The steps that are shown one by one.
    fn shown_steps(&self) -> impl Iterator<Item = &Step> {
        let in_short =
            |step: &&Step| matches!(self.kinds.get(&step.path), Some(Some(WireChange::Package | WireChange::Archive)));
        self.steps.iter().filter(move |step| !in_short(step) && !self.is_of_package_that_goes(step))
    }

    /// Whether a file goes that an earlier run has traced in.
    fn is_of_package_that_goes(&self, step: &Step) -> bool {
        let was_package = |one: &&Tracked| one.file.kind == WireChange::Package.words();
        step.after.bytes().is_none() && self.tracked.get(&step.path).is_some_and(was_package)
    }

    /// One line for each package that goes.
    fn packages_that_go(&self, place: &Place) -> Vec<String> {
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| self.is_of_package_that_goes(step)) {
            *files.entry(packages::package_directory(step.path.as_str())).or_default() += 1;
        }
        let line = |(package, files): (&str, usize)| packages::removed(place, package, files);
        files.into_iter().map(line).collect()
    }

    /// One line for each package and archive.
    fn report_in_short(&self, place: &Place, traced: &[TracedReport]) -> Vec<String> {
        let archives = self.kinds.iter().filter(|(_, kind)| **kind == Some(WireChange::Archive));
        let packages = traced.iter().map(|package| format!("package  {}", package.line()));
        packages.chain(archives.map(|(path, _)| format!("archive  {}", place.show(path)))).collect()
    }

    /// One line for each change; of many files of one kind the first, unless `all` are wanted.
    fn report(&self, place: &Place, entry: &ModulePath, traced: &[TracedReport], all: bool) -> Vec<String> {
        let mut lines: Vec<(u8, &str, String)> = Vec::new();
        for step in self.steps.iter() {
            if self.is_of_package_that_goes(step) {
                continue;
            }
            let shown = place.show(&step.path);
            lines.push(match self.kinds.get(&step.path).copied().flatten() {
                Some(WireChange::Facade) => (0, "facade", shown),
                Some(WireChange::MovedEntry) => {
                    (1, "moved", format!("{} → {}", place.show(entry), step.path.file_name()))
                }
                Some(WireChange::Package) => continue,
                Some(kind @ WireChange::Archive) => (5, kind.words(), shown),
                Some(kind) => (2, kind.words(), shown),
                None => match step.after {
                    Contents::Absent => (3, "removed", shown),
                    _ => (3, "restored", shown),
                },
            });
        }
        lines.extend(self.packages_that_go(place).into_iter().map(|line| (3, WireChange::Removed.words(), line)));
        lines.extend(traced.iter().map(|package| (4, WireChange::Package.words(), package.line())));
        lines.sort();
        if !all {
            lines = in_short(&lines);
        }
        let width = lines.iter().map(|(_, kind, _)| kind.len()).max().unwrap_or(0);
        lines.into_iter().map(|(_, kind, shown)| format!("{kind:width$}  {shown}")).collect()
    }
}

/// Whether a file of an earlier run may stay that no plan names: whether something is missing is asked of the build that has
/// the packages which were traced in.
fn is_carried_over(one: &Tracked) -> bool {
    let of_packages = [WireChange::Package, WireChange::Dependencies, WireChange::Archive];
    one.state != FileState::Original && of_packages.iter().any(|kind| one.file.kind == kind.words())
}

/// Whether a file on disk is the one that is to be written, but for a debug id that was injected after it was.
fn only_debug_id(current: &Option<Vec<u8>>, after: &Option<Vec<u8>>) -> bool {
    match (current, after) {
        (Some(current), Some(after)) => without_debug_id(current) == without_debug_id(after),
        _ => false,
    }
}
