//! A rewrite, from the build to the report: open → view → plan → complete → judge → commit → report.
//!
//! The passes read the original build and hand a plan on; nothing is written before all of it was judged.

use presentry_rewriter::{
    ExportStyle, InlinedInstrumentation, Outcome, Proof, Request,
    diagnostics::{Diagnostic, Severity, Subject, unknown_export},
    prove_with,
};

use crate::{
    args::{Ahead, ExportsArg, RewriteArgs},
    failure::Failure,
    find::{
        init_in_runtime,
        locate::Build,
        options::{Names, Setting},
        presets::loading_text,
        start_scripts,
    },
    open::{for_changing, for_dry_run, not_written},
    outcome::Outcome as Ended,
    passes::{
        Pass, Plan, View, archive, bundle, channels, instrumentation,
        packages::{self, Supply},
        prune,
    },
    say::{
        changes, diff,
        output::Output,
        proof::{before_the_runtime, planned_exports, say_packages, what_holds},
        report::Report,
        verdict::{Closing, SEE_SPANS, size},
    },
    store::{
        disk::DiskSources,
        history::{self, Earlier},
        manifest::{Manifest, SavedRequest, WireChange, mode_name},
        steps::{Change, Writing},
        transaction,
    },
};

/// What makes the plan, in order: the first has the rewriter decide, the others add to that.
const PASSES: [Pass; 7] = [
    instrumentation::pass,
    channels::pass,
    bundle::pass,
    packages::pass,
    prune::pass,
    packages::name_them,
    archive::pass,
];

/// Rewrites a build, or finds that it is right already.
pub(crate) fn rewrite(
    args: &RewriteArgs,
    build: &Build,
    output: &Output,
    report: &mut Report,
) -> Result<Ended, Failure> {
    let request = request(args, build)?;
    let _lock = if args.dry_run { for_dry_run(build)? } else { for_changing(build, output)? };
    let earlier = history::earlier(&build.place)?;
    let view = view(args, build, output, &earlier)?;
    let mut plan = complete(&view, Plan::new(request))?;
    if let Some(proof) = &plan.kept_wrapper {
        return keep_sdk_wrapper(&view, proof, report);
    }
    found(&view, &plan, report);
    let writing = judge(&view, &mut plan)?;
    if writing.steps.is_empty() {
        return Ok(already_first(&view, &plan));
    }
    announce(&view, &plan, &writing, report);
    if args.dry_run {
        return Ok(would_rewrite(&view, &plan, &writing, report));
    }
    commit(&view, &plan, &writing)?;
    Ok(rewritten(&view, &plan, &writing))
}

/// The original build.
fn view<'a>(
    args: &'a RewriteArgs,
    build: &'a Build,
    output: &'a Output,
    earlier: &'a Earlier,
) -> Result<View<'a>, Failure> {
    // Where what was pruned stays away, it need not be found. Whether libraries can be injected is not known yet.
    let injected = (args.ahead() == Ahead::No).then_some(false);
    if !(args.prune && bundle::can_stay(&build.place, &earlier.tracked, injected)?) {
        history::refuse_lost(earlier)?;
    }
    View::new(build, args, output, earlier)
}

/// Runs the passes. Where one has added files of libraries that were injected before, they run once more with those left to
/// hooks: a library with channels in a part of its files would lose spans.
fn complete(view: &View<'_>, plan: Plan) -> Result<Plan, Failure> {
    let completed = passed_with_channels(view, plan.clone())?;
    match channels::not_reached(view, &completed) {
        left if left.is_empty() => Ok(completed),
        left_to_hooks => passed_with_channels(view, Plan { left_to_hooks, ..plan }),
    }
}

/// Runs the passes, for hooks first: libraries that are loaded too early for those may get channels.
fn passed_with_channels(view: &View<'_>, plan: Plan) -> Result<Plan, Failure> {
    let for_hooks = passed(view, plan.clone())?;
    Ok(channels::or_for_channels(view, for_hooks, |request| passed(view, Plan { request, ..plan })))
}

fn passed(view: &View<'_>, plan: Plan) -> Result<Plan, Failure> {
    PASSES.iter().try_fold(plan, |plan, pass| if plan.is_settled() { Ok(plan) } else { pass(view, plan) })
}

/// Proves the plan as a whole, applies the options, and shows what there is to show. Only what may be written comes out.
fn judge(view: &View<'_>, plan: &mut Plan) -> Result<Writing, Failure> {
    let build = view.build;
    if !plan.is_refused() {
        refuse_unknown_names(view.args, build, &plan.rewriting.exports)?;
        let double = start_scripts::double_inits(&view.args.build.app, &build.place, &plan.request.instrumentation);
        let in_runtime = plan.rewriting.proof.as_ref().and_then(|proof| init_in_runtime::warning(build, proof));
        let injected = channels::in_chunks(&plan.rewriting);
        plan.rewriting.diagnostics.extend(build.warnings_with(&injected).chain(double).chain(in_runtime));
        prove_whole(view, plan)?;
    }
    show(view, plan)?;
    if !plan.rewrites() {
        return Ok(Writing::default());
    }
    Writing::of(&build.place, view.earlier, plan.changes(view)?, |one| plan.stays(one))
}

/// What the rewriter proved holds for the build with what the passes have added. Node reads neither an archive nor the
/// `dependencies` of a `package.json`.
fn prove_whole(view: &View<'_>, plan: &Plan) -> Result<(), Failure> {
    let is_unread = |change: &Change| matches!(change.kind, WireChange::Dependencies | WireChange::Archive);
    if plan.added.iter().all(is_unread) || plan.rewriting.proof.is_none() {
        return Ok(());
    }
    let whole = DiskSources::of(plan.over(view)?, &view.build.place.server);
    let proof = prove_with(&whole, &plan.request.entry, plan.request.trust);
    if proof.holds() { Ok(()) } else { Err(Failure::Refused(proof.failures)) }
}

/// Says what the plan has to say, and lets only plans through that may be written.
fn show(view: &View<'_>, plan: &mut Plan) -> Result<(), Failure> {
    let diagnostics = std::mem::take(&mut plan.rewriting.diagnostics);
    if plan.is_refused() {
        let place = Some(&view.build.place);
        view.build.warnings().for_each(|warning| view.output.diagnostic(&warning, place));
        let told = diagnostics.into_iter().map(|diagnostic| where_it_looked(diagnostic, view.args, view.build));
        return Err(Failure::Refused(told.collect()));
    }
    allow(view, diagnostics)
}

/// Errors end the run, and under `--strict` warnings do.
fn allow(view: &View<'_>, diagnostics: Vec<Diagnostic>) -> Result<(), Failure> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Failure::Refused(errors.into_iter().chain(warnings).collect()));
    }
    if view.args.strict && !warnings.is_empty() {
        let strict = warnings.into_iter().map(|warning| Diagnostic { severity: Severity::Error, ..warning });
        return Err(Failure::Refused(strict.collect()));
    }
    warnings.iter().for_each(|warning| view.output.diagnostic(warning, Some(&view.build.place)));
    Ok(())
}

/// Writes: the one step of a rewrite that touches the build.
fn commit(view: &View<'_>, plan: &Plan, writing: &Writing) -> Result<(), Failure> {
    let request = &plan.request;
    let (exports, wrapped) = match &request.exports {
        ExportStyle::Await => ("await", Vec::new()),
        ExportStyle::Wrap(names) => ("wrap", names.clone()),
    };
    let next = Manifest {
        request: SavedRequest {
            instrumentation: Some(request.instrumentation.to_string()),
            exports: exports.to_owned(),
            wrapped,
            mode: mode_name(request.mode).to_owned(),
            compile_cache: request.compile_cache.clone(),
            ..SavedRequest::of_original(&request.entry, loading_text(request.loading))
        },
        pruned: plan.pruned.clone(),
        ..writing.manifest()
    };
    transaction::run(&view.build.place, &next, &writing.steps).map_err(|error| not_written(&error))
}

/// What was found, for the document.
fn found(view: &View<'_>, plan: &Plan, report: &mut Report) {
    let place = &view.build.place;
    report.found_instrumentation(place, &plan.request.instrumentation);
    report.made_instrumentation_from(plan.provided.origin.file());
    report.libraries = plan.libraries.clone();
    report.pruned = plan.pruned.clone().map(Into::into);
    if let Some(proof) = &plan.rewriting.proof {
        report.tried_proof(place, proof);
    }
    if view.output.wants_details() {
        let exports = planned_exports(&plan.sources(view), &plan.rewriting, &plan.request.entry);
        let kinds: Vec<String> =
            exports.iter().map(|export| format!("`{}` ({})", export.name, export.kind.describe())).collect();
        if !kinds.is_empty() {
            view.output.why(format!("the entry exports {}", kinds.join(", ")));
        }
        report.found_exports(exports);
    }
}

/// What is going to be changed.
fn announce(view: &View<'_>, plan: &Plan, writing: &Writing, report: &mut Report) {
    let (place, output) = (&view.build.place, view.output);
    if plan.takes_instrumentation_out() {
        output.why("the SDK has wrapped this build; its instrumentation becomes a file of its own");
    }
    if let Some(line) = changes::brought_back(&writing.steps, view.earlier.pruned.as_ref()) {
        output.line(line);
    }
    if let Some(pruned) = plan.pruned.as_ref().filter(|_| !plan.keeps_pruned) {
        output.line(changes::pruned(pruned, &writing.steps));
        output.why(format!("taken out of the build: {}", pruned.packages.join(", ")));
    }
    for step in writing.steps.iter().filter(|step| !changes::is_pruned(step)) {
        report.changed(place.show(&step.path), step.wire_kind());
    }
    report.traced = plan.traced.clone();
}

fn would_rewrite(view: &View<'_>, plan: &Plan, writing: &Writing, report: &mut Report) -> Ended {
    let diff = diff::of_steps(changes::in_diff(&writing.steps), &changes::copies(&writing.steps, &plan.request.entry));
    view.output.diff(&diff);
    for line in changes::packages_and_archives(&view.build.place, &writing.steps, &plan.traced) {
        view.output.line(line);
    }
    report.diff = Some(diff);
    let closing = Closing::good(format!("would rewrite {} files; nothing was written", writing.steps.len()));
    let closing = sizes(view, plan).into_iter().fold(closing, Closing::more);
    view.output.close(&closing.next("the same without `--dry-run`"));
    Ended::WouldRewrite
}

fn rewritten(view: &View<'_>, plan: &Plan, writing: &Writing) -> Ended {
    let output = view.output;
    let all = output.wants_details();
    let lines = changes::lines(&view.build.place, &writing.steps, &plan.request.entry, &plan.traced, all);
    let width = lines.iter().map(|(kind, _)| kind.len() + 2).max().unwrap_or_default();
    lines.iter().for_each(|(kind, shown)| output.row(kind, width, shown));
    if let Some(limits) = view.build.found.as_ref().and_then(|found| found.preset.runtime.limits()) {
        output.note(limits);
    }
    if let Some(proof) = &plan.rewriting.proof {
        say_packages(proof, output);
        let closing = Closing::good(format!("rewritten: {}", what_holds(proof))).more(before_the_runtime(proof));
        let closing = sizes(view, plan).into_iter().fold(closing, Closing::more);
        output.close(&closing.next(SEE_SPANS));
    } else {
        let limited =
            "rewritten; nothing is proven: Sentry is imported at the top of the entry, and tracing is limited";
        output.close(&Closing::bad(limited).next(SEE_SPANS).among_results());
    }
    Ended::Rewritten
}

/// How large the packages of the build are, and how large they would be.
fn sizes(view: &View<'_>, plan: &Plan) -> Option<String> {
    match &plan.pruned {
        Some(pruned) => {
            let (before, after) = (size(pruned.bytes_before), size(pruned.bytes_after));
            Some(format!("`node_modules`: {after} instead of {before}"))
        }
        None => {
            let would = prune::would_leave(view, plan)?;
            let now = size(would.bytes_before);
            Some(format!("`node_modules`: {now}, with `--prune` {}", size(would.bytes_after)))
        }
    }
}

const ALREADY_FIRST: &str = "already first, nothing changed";

fn already_first(view: &View<'_>, plan: &Plan) -> Ended {
    if let Some(proof) = &plan.rewriting.proof {
        say_packages(proof, view.output);
    }
    let as_built = plan.rewriting.proof.as_ref().filter(|_| plan.is_of_build_plugin());
    let closing = match as_built {
        Some(proof) => {
            Closing::good(format!("{}, nothing to change", what_holds(proof))).more(before_the_runtime(proof))
        }
        None => Closing::good(ALREADY_FIRST),
    };
    view.output.close(&closing.next(SEE_SPANS));
    Ended::AlreadyFirst
}

/// What a rewrite would come to, given the plan of the rewriter alone.
pub(crate) fn would_do(view: &View<'_>, plan: &Plan) -> Result<Ended, Failure> {
    Ok(match plan.rewriting.outcome {
        Outcome::Refused => Ended::Refused,
        Outcome::AlreadyFirst => Ended::AlreadyFirst,
        Outcome::Rewritten => {
            let stays = |one: &history::Tracked| one.is_pruned() || plan.stays(one);
            let writing = Writing::of(&view.build.place, view.earlier, plan.changes(view)?, stays)?;
            if writing.steps.is_empty() { Ended::AlreadyFirst } else { Ended::Rewritten }
        }
    })
}

fn keep_sdk_wrapper(view: &View<'_>, proof: &Proof, report: &mut Report) -> Result<Ended, Failure> {
    let place = &view.build.place;
    report.tried_proof(place, proof);
    let supply = Supply::of(view.build, view.args.trust.packages_elsewhere);
    let lacks = packages::lacks(&view.modules, place, &view.args.build.app, proof, supply)?;
    let in_runtime = init_in_runtime::warning(view.build, proof);
    allow(view, proof.warnings.iter().cloned().chain(lacks).chain(in_runtime).collect())?;
    say_packages(proof, view.output);
    let closing = Closing::good(format!("{ALREADY_FIRST}: the wrapper of the SDK is proven, and is kept"));
    view.output.close(&closing.next(SEE_SPANS));
    Ok(Ended::AlreadyFirst)
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
        trust: args.trust.trust(),
        compile_cache: args.compile_cache.clone(),
        guard: !args.no_guard,
        channels_follow: false,
    })
}

/// A name that the configuration gives and the entry does not export is a mistake in either style.
fn refuse_unknown_names(args: &RewriteArgs, build: &Build, exports: &[String]) -> Result<(), Failure> {
    let Setting::Given { value, .. } = build.options.wrapped(&args.wrap) else { return Ok(()) };
    let unknown = value.names.iter().filter(|name| !exports.contains(name));
    let told: Vec<Diagnostic> = unknown.map(|name| where_it_was_named(unknown_export(name, exports), &value)).collect();
    if told.is_empty() { Ok(()) } else { Err(Failure::Refused(told)) }
}

fn where_it_was_named(diagnostic: Diagnostic, names: &Names) -> Diagnostic {
    let label = match diagnostic.subject.as_deref() {
        Some(Subject::Export(name)) => names.label(name).cloned(),
        _ => None,
    };
    label.into_iter().fold(diagnostic, Diagnostic::label)
}

/// The rewriter knows which name is wrong; where the configuration has it is known here.
fn where_it_looked(diagnostic: Diagnostic, args: &RewriteArgs, build: &Build) -> Diagnostic {
    match build.options.wrapped(&args.wrap) {
        Setting::Given { value, .. } => where_it_was_named(diagnostic, &value),
        _ => diagnostic,
    }
}
