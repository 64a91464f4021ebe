//! `presentry inspect`: what a build is, without changing it, and what follows from it.

use presentry_rewriter::{
    ChangeKind, EntryLoading, ExportStyle, InitTrust, InlinedInstrumentation, Mode, ModulePath, Plan as Rewriting,
    Proof, Request, Sources,
    diagnostics::{Diagnostic, Severity},
    facade_header, prove,
};

use crate::{
    args::{InspectArgs, RewriteArgs},
    commands::proven::proven,
    failure::Failure,
    find::{
        locate::Build,
        options::{self, Row},
        presets::{Runtime, loading_text},
        start_scripts,
    },
    open::for_reading,
    outcome::Outcome,
    passes::{
        Plan, View, bundle, channels, instrumentation,
        provided::{Origin, Planned, Provided},
    },
    pipeline,
    say::{
        output::Output,
        proof::{planned_exports, what_holds},
        report::{
            AheadReport, Fate, ImportReport, Inspection, Instrumented, OptionReport, Report, RequireReport, Shape,
        },
        verdict::{Closing, SEE_SPANS},
    },
    store::{
        disk::DiskSources,
        history::{self, Earlier},
        manifest::{Manifest, mode_name},
    },
};

/// What Node.js throws when `require()` meets top-level await.
const REQUIRE_ASYNC: &str = "ERR_REQUIRE_ASYNC_MODULE";

/// Looks at a build, and says what was found.
pub(crate) fn run(args: &InspectArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let place = &build.place;
    let named = instrumentation::built(build, args.instrumentation.as_deref())?;
    let _lock = for_reading(build, output)?;
    let disk = DiskSources::new(&place.server);
    let manifest = place.manifest()?.filter(|manifest| !manifest.files.is_empty());
    let proof = proven(build, &disk, &args.trust)?;
    let guard = manifest.is_none() || proof.guarded;
    let request = Request { trust: args.trust.trust(), guard, ..request(build, &named, manifest.as_ref()) };
    let (earlier, unknown) = match manifest.map(|manifest| history::track(place, manifest)).transpose() {
        Ok(earlier) => (earlier.unwrap_or_default(), Vec::new()),
        Err(Failure::Refused(diagnostics)) => (Earlier::default(), diagnostics),
        Err(other) => return Err(other),
    };
    let rewrite = RewriteArgs::of_inspect(args);
    let view = View::new(build, &rewrite, output, &earlier)?;
    let original = &view.modules;
    let remembered = Some(request.instrumentation.clone()).filter(|_| args.instrumentation.is_none());
    let decided = |plan: Plan| -> Result<Plan, Failure> {
        let (named, modules) = (args.instrumentation.as_deref(), plan.modules.as_ref().unwrap_or(original));
        let planned = match instrumentation::planned(build, named, remembered.clone(), modules, &plan.request) {
            // What a rewrite would refuse is a part of what is found.
            Err(Failure::Refused(diagnostics)) => Planned::refused(&plan.request.instrumentation, diagnostics),
            planned => planned?,
        };
        Ok(plan.decided(planned))
    };
    let with_packages =
        |request: Request| instrumentation::or_with_packages(&view, decided(Plan::new(request))?, decided);
    let for_hooks = with_packages(request.clone())?;
    let for_channels = |request| channels::pass(&view, with_packages(request)?);
    let mut planned = channels::or_for_channels(&view, for_hooks, for_channels);
    let modules = planned.modules.clone();
    let original = modules.as_ref().unwrap_or(original);
    let replaces = planned.request.inlined == InlinedInstrumentation::Replace && is_inlined(original, &build.entry);
    let provided = planned.provided.clone();
    let sources = provided.over(original);
    let is_injected = planned.rewriting.proof.as_ref().is_some_and(|proof| proof.injected.is_some());
    if !is_injected
        && let Some(injected) =
            channels::remembered(&planned.rewriting, &sources, &planned.request, &earlier.tracked, build)?
    {
        planned.rewriting = injected;
    }
    report.libraries = channels::of_build(proof.injected.as_ref(), &planned, &view);
    if let Some(bundled) = bundle::remembered(&planned.rewriting, &sources, &earlier.tracked, build, request.trust)? {
        planned.rewriting = bundled;
    }
    let plan = &planned.rewriting;
    let found = Found {
        rewrite: match unknown.as_slice() {
            [] => pipeline::would_do(&view, &planned)?,
            _ => Outcome::Refused,
        },
        unknown,
        facade: facade_version(build)?,
        there: place.read_file(&build.entry)?.is_some(),
        instrumentation: instrumentation(build, &disk, &named, &proof),
        wraps: matches!(request.exports, ExportStyle::Wrap(_)),
        build,
        options: build.options.rows(args.build.preset.as_deref(), args.build.output_dir.as_deref(), &[]),
        proof: &proof,
        plan,
        provided: &provided,
        replaces,
    };
    report.made_instrumentation_from(provided.origin.file());
    report.found_exports(planned_exports(&provided.over(original), plan, &build.entry));
    report.tried_proof(place, &proof);
    if let Some(Where::File(path)) = &found.instrumentation {
        report.found_instrumentation(place, path);
    }
    report.inspection = Some(found.inspection(args));
    // Shown in a line of its own, so that the frames of `presentry check` do not drown the rest.
    proof.failures.iter().for_each(|failure| output.record(failure, Some(place)));
    found.in_the_way(output);
    found.lines(report, output.is_verbose()).iter().for_each(|(name, line)| output.asked_row(name, WIDTH, line));
    let double_inits = start_scripts::double_inits(&args.build.app, place, &named);
    // What a rewrite would warn of was shown above.
    let of_proof = proof.warnings.iter().filter(|warning| !found_already(plan, warning));
    let of_build: Vec<Diagnostic> = build.warnings().collect();
    let warnings = of_build.iter().chain(&double_inits).chain(of_proof);
    warnings.for_each(|warning| output.diagnostic(warning, Some(place)));
    output.close(&found.closing().among_results());
    Ok(Outcome::Inspected)
}

/// Whether a plan says the same of the build as it will be.
fn found_already(plan: &Rewriting, warning: &Diagnostic) -> bool {
    plan.diagnostics.iter().any(|diagnostic| diagnostic.code == warning.code)
}

const WIDTH: usize = 17;

/// Where the instrumentation is.
enum Where {
    /// In a file of its own.
    File(ModulePath),
    /// In the entry.
    Entry,
}

/// What is known of a build.
struct Found<'a> {
    build: &'a Build,
    options: Vec<Row>,
    proof: &'a Proof,
    plan: &'a Rewriting,
    /// The instrumentation that it is made for.
    provided: &'a Provided,
    /// Whether it takes the place of one that the SDK has put into the entry.
    replaces: bool,
    /// What `presentry rewrite` would do.
    rewrite: Outcome,
    /// Why it is not known what an earlier rewrite made of the build.
    unknown: Vec<Diagnostic>,
    /// The version in the header of the facade, when the entry is one.
    facade: Option<String>,
    /// Whether there is an entry.
    there: bool,
    instrumentation: Option<Where>,
    /// Whether exports are forwarders.
    wraps: bool,
}

/// What an earlier rewrite was asked for is what the next one would be asked for.
fn request(build: &Build, instrumentation: &ModulePath, manifest: Option<&Manifest>) -> Request {
    let saved = manifest.map(|manifest| &manifest.request);
    let exports = match saved {
        Some(saved) if saved.exports == "wrap" => ExportStyle::Wrap(saved.wrapped.clone()),
        _ => ExportStyle::Await,
    };
    let top_level = saved.is_some_and(|saved| saved.mode == mode_name(Mode::TopLevelImport));
    let mode = if top_level { Mode::TopLevelImport } else { Mode::DynamicImport };
    let instrumented = saved.and_then(|saved| ModulePath::new(saved.instrumentation.clone()?).ok());
    let instrumentation = instrumented.unwrap_or_else(|| instrumentation.clone());
    Request {
        entry: build.entry.clone(),
        instrumentation,
        loading: build.loading,
        exports,
        mode,
        inlined: InlinedInstrumentation::TakeOut,
        compile_cache: saved.and_then(|saved| saved.compile_cache.clone()),
        guard: true,
        trust: InitTrust::Proof,
        channels_follow: false,
    }
}

fn facade_version(build: &Build) -> Result<Option<String>, Failure> {
    let bytes = build.place.read_file(&build.entry)?;
    Ok(bytes.and_then(|bytes| facade_header(&bytes)).map(|header| header.version))
}

fn instrumentation(build: &Build, disk: &DiskSources, named: &ModulePath, proof: &Proof) -> Option<Where> {
    match &proof.instrumentation {
        Some(path) if *path == build.entry => Some(Where::Entry),
        Some(path) => Some(Where::File(path.clone())),
        None => disk.exists(named).then(|| Where::File(named.clone())),
    }
}

impl Found<'_> {
    fn shape(&self) -> Shape {
        let taken_apart = self.plan.changes.iter().any(|change| change.kind == ChangeKind::Instrumentation);
        let inlined = ["instrumentation-shares-runtime", "instrumentation-imports-elsewhere"];
        let refused = self.plan.diagnostics.iter().any(|diagnostic| inlined.contains(&diagnostic.code.name));
        match &self.instrumentation {
            _ if !self.there => Shape::Unreadable,
            _ if self.facade.is_some() => Shape::Facade,
            _ if taken_apart || refused || self.replaces => Shape::SdkWrapper,
            _ if self.proof.holds() => Shape::Foreign,
            _ if self.proof.instrumentation.is_some() => Shape::TopLevelImport,
            _ => Shape::Fresh,
        }
    }

    fn shape_line(&self) -> String {
        match self.shape() {
            Shape::Fresh => "as it was built: nothing starts Sentry before the runtime".to_owned(),
            Shape::Facade => {
                let version = self.facade.as_deref().unwrap_or_default();
                format!("the facade of presentry {version}")
            }
            Shape::SdkWrapper => "wrapped by the SDK (`experimental_dynamic-import`)".to_owned(),
            Shape::TopLevelImport => {
                "imports the instrumentation at its top, and the runtime statically after it".to_owned()
            }
            Shape::Foreign if self.proof.build_plugin.is_some() => {
                "starts Sentry with the runtime; Sentry's build plugin instrumented libraries".to_owned()
            }
            Shape::Foreign => "loads the runtime after Sentry; not written by presentry".to_owned(),
            Shape::Unreadable => "missing".to_owned(),
        }
    }

    fn inspection(&self, args: &InspectArgs) -> Inspection {
        Inspection {
            shape: self.shape(),
            facade_version: self.facade.clone(),
            rewrite: self.rewrite,
            import: self.import(args),
            require: self.require(),
            options: self.options.iter().cloned().map(OptionReport::from).collect(),
        }
    }

    /// Only a host that starts Node.js with the entry can be given an option of Node.js in its command.
    fn import(&self, args: &InspectArgs) -> Option<ImportReport> {
        let node = self.build.found.as_ref().is_none_or(|found| found.preset.runtime == Runtime::Node);
        let Some(Where::File(path)) = &self.instrumentation else { return None };
        let needs_none = self.proof.build_plugin.is_some();
        if !node || needs_none || self.build.loading != EntryLoading::Process {
            return None;
        }
        let place = &self.build.place;
        let from_app = |path: &ModulePath| start_scripts::from_app(&args.build.app, &place.show(path));
        let preload = url_text(&from_app(path));
        let entry = from_app(&self.build.entry);
        let entry = entry.strip_prefix("./").unwrap_or(&entry);
        let command = format!("node --import {} {}", quoted(&preload), quoted(entry));
        let script = format!("\"start\": {}", serde_json::Value::from(command.as_str()));
        Some(ImportReport { command, script })
    }

    /// Only hosts that load the entry as a module of theirs may use `require()`.
    fn require(&self) -> Option<RequireReport> {
        let may = matches!(self.build.loading, EntryLoading::Imported | EntryLoading::Required);
        may.then(|| RequireReport {
            now: (self.facade.is_some() && !self.wraps).then_some(REQUIRE_ASYNC),
            rewritten: REQUIRE_ASYNC,
        })
    }

    /// What a rewrite would have to say, unless the proof has said it.
    fn refusals(&self) -> &[Diagnostic] {
        if self.unknown.is_empty() { &self.plan.diagnostics } else { &self.unknown }
    }

    /// Warnings are shown; errors, which the command that was asked for does not run into, have a line of their own.
    fn in_the_way(&self, output: &Output) {
        let place = Some(&self.build.place);
        for diagnostic in self.refusals().iter().filter(|diagnostic| !self.proof.failures.contains(diagnostic)) {
            match diagnostic.severity {
                Severity::Warning => output.diagnostic(diagnostic, place),
                Severity::Error => output.record(diagnostic, place),
            }
        }
    }

    /// What follows from what was found.
    fn closing(&self) -> Closing {
        let closing = match self.proof.holds() {
            true => Closing::good(what_holds(self.proof)),
            false => Closing::bad("Sentry does not start first"),
        };
        match self.rewrite {
            Outcome::Rewritten => closing.next("`presentry` rewrites the build, `presentry --dry-run` shows how"),
            Outcome::AlreadyFirst => closing.next(SEE_SPANS),
            _ => closing.next("`presentry --dry-run` shows why it would be refused"),
        }
    }

    fn lines(&self, report: &Report, all: bool) -> Vec<(&'static str, String)> {
        let place = &self.build.place;
        let mut lines = Vec::new();
        match &self.build.found {
            Some(found) => {
                let said = match (&found.file, &found.written, &found.nitro) {
                    (Some(file), Some(written), Some(nitro)) => format!("`{file}` says `{written}`, Nitro {nitro}"),
                    (Some(file), Some(written), None) => format!("`{file}` says `{written}`"),
                    _ => "`--preset` says so".to_owned(),
                };
                lines.push(("preset", format!("{} ({said})", found.preset.name)));
                let runtime = found.preset.runtime;
                let limits = runtime.limits().map(|limits| format!(" ({limits})")).unwrap_or_default();
                lines.push(("runs on", format!("{}{limits}", runtime.name())));
            }
            None => lines.push(("preset", "unknown: there is no `nitro.json`".to_owned())),
        }
        lines.push(("server", place.shown.clone()));
        let loading = loading_text(self.build.loading);
        lines.push(("entry", format!("{} (loaded as: {loading})", place.show(&self.build.entry))));
        lines.extend(self.build.found.as_ref().map(|found| ("how it runs", found.preset.invoked.to_owned())));
        lines.push(("shape", self.shape_line()));
        let made = (self.provided.origin != Origin::Build)
            .then(|| format!("{}, {}", place.show(&self.provided.path), self.provided.origin));
        let found = match &self.instrumentation {
            // It is there since an earlier run has made it.
            Some(Where::File(path)) if made.is_some() && *path == self.provided.path => None,
            Some(Where::File(path)) => Some(place.show(path)),
            Some(Where::Entry) => Some(format!("inlined into `{}`", self.build.entry)),
            None => Some("none".to_owned()),
        };
        let names = ["instrumentation", ""];
        lines.extend(names.into_iter().zip(found.into_iter().chain(made)));
        let added = self.provided.files.iter().filter(|file| !file.path.as_str().ends_with(".map"));
        let added: Vec<String> = added.map(|file| format!("{} ({})", file.path, file.from)).collect();
        if !added.is_empty() && self.rewrite != Outcome::AlreadyFirst {
            lines.push(("files to add", added.join(", ")));
        }
        let at_once: Vec<&ModulePath> = self.proof.closure.iter().filter(|path| **path != self.build.entry).collect();
        lines.extend(few(&at_once).map(|modules| ("loaded at once", modules)));
        lines.extend(few(&self.proof.runtime.iter().collect::<Vec<_>>()).map(|modules| ("loaded later", modules)));
        let exports: Vec<String> =
            report.exports.iter().map(|export| format!("{} ({})", export.name, export.kind)).collect();
        lines.push(("exports", if exports.is_empty() { "none".to_owned() } else { exports.join(", ") }));
        lines.push(("proof", self.proof_line()));
        if self.shape() == Shape::Facade {
            let guard =
                if self.proof.guarded { "prints a line if the running server differs from the proof" } else { "none" };
            lines.push(("guard", guard.to_owned()));
        }
        lines.push(("presentry", self.rewrite_line()));
        let heads = std::iter::once("libraries").chain(std::iter::repeat(""));
        lines.extend(heads.zip(report.libraries.iter().flat_map(library_lines)));
        if let Some(import) = report.inspection.as_ref().and_then(|inspection| inspection.import.as_ref()) {
            let needed = if self.proof.holds() { "; not needed for this build" } else { "" };
            lines.push(("with --import", format!("{}{needed}", import.command)));
            lines.push(("package.json", import.script.clone()));
        }
        lines.extend(self.require().map(|require| ("require()", self.require_line(&require))));
        let names = std::iter::once("options").chain(std::iter::repeat(""));
        let shown = self.options.iter().filter(|row| all || row.origin != options::Origin::Default);
        let mut rows: Vec<String> = shown.map(|row| format!("{}: {} ({})", row.name, row.value, row.origin)).collect();
        if rows.len() < self.options.len() {
            let rest = if rows.is_empty() { "all" } else { "the others" };
            rows.push(format!("{rest} have their default; `-v` lists them"));
        }
        lines.extend(names.zip(rows));
        lines
    }

    fn proof_line(&self) -> String {
        if self.proof.holds() {
            let (modules, packages) = (self.proof.closure.len(), self.proof.packages.join(", "));
            let packages = if packages.is_empty() { "no package".to_owned() } else { packages };
            let verdict = self.proof.verdict.as_str();
            if self.proof.build_plugin.is_some() {
                return format!("{verdict}: {}", what_holds(self.proof));
            }
            return format!("{verdict}: {modules} modules and {packages} before the runtime");
        }
        let codes: Vec<&str> = self.proof.failures.iter().map(|failure| failure.code.name).collect();
        format!("not proven: {}; `presentry check` shows where", codes.join(", "))
    }

    fn rewrite_line(&self) -> String {
        match self.rewrite {
            Outcome::Rewritten => "would rewrite this build; `presentry --dry-run` shows the diff".to_owned(),
            Outcome::AlreadyFirst => "has nothing to do".to_owned(),
            _ => {
                let codes: Vec<&str> = self.refusals().iter().map(|diagnostic| diagnostic.code.name).collect();
                format!("would refuse this build: {}", codes.join(", "))
            }
        }
    }

    fn require_line(&self, require: &RequireReport) -> String {
        match (require.now, self.facade.is_some()) {
            (Some(error), _) => {
                format!("fails with {error}; a host that needs it needs `presentry --exports wrap`")
            }
            (None, true) => "works: the facade has no top-level await".to_owned(),
            (None, false) => {
                format!("would fail with {} after the rewrite, except with `--exports wrap`", require.rewritten)
            }
        }
    }
}

/// A line for a library, and one for each function of it that holds a channel, or would.
fn library_lines(library: &AheadReport) -> Vec<String> {
    let version = library.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let how = match library.instrumented {
        Instrumented::Ahead => "injected ahead of time",
        Instrumented::Hooks => "left to hooks at run time",
        Instrumented::Neither => "not instrumented",
    };
    let reason = library.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mut lines = vec![format!("{}{version}, {how}{reason}", library.name)];
    let done = library.functions.iter().filter(|function| function.state == Fate::Injected);
    lines.extend(done.map(|one| format!("  {} {} → {}", one.file, one.function, one.channel)));
    lines
}

/// Whether the entry itself starts Sentry.
fn is_inlined(original: &dyn Sources, entry: &ModulePath) -> bool {
    prove(original, entry).instrumentation.as_ref() == Some(entry)
}

/// The first of some modules, and how many more there are; `None` when there are none.
fn few(modules: &[&ModulePath]) -> Option<String> {
    const SHOWN: usize = 4;
    let mut names: Vec<String> = modules.iter().take(SHOWN).map(ToString::to_string).collect();
    if modules.len() > SHOWN {
        names.push(format!("and {} more", modules.len() - SHOWN));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// A path as a specifier, which is a URL.
fn url_text(path: &str) -> String {
    path.replace('%', "%25").replace('#', "%23").replace('?', "%3F")
}

/// A word of a command line that both a POSIX shell and `cmd.exe` read as it stands, or one in quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./-_+@%:".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}
