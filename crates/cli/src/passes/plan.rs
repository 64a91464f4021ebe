//! What the passes hand on: the view of the original build that they read, and the plan that they add to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use presentry_parser::ModuleRecord;
use presentry_rewriter::{
    AskedFor, FileChange, InlinedInstrumentation, ModulePath, Outcome, Overlay, Plan as Rewriting, Proof, Request,
    Sources, package_name, prove, without_debug_id,
};

use crate::{
    args::RewriteArgs,
    failure::Failure,
    find::{locate::Build, reached},
    passes::provided::{Planned, Provided},
    paths::OutputPath,
    say::{
        output::Output,
        report::{AheadReport, TracedReport},
    },
    store::{
        self,
        disk::DiskSources,
        history::{Earlier, FileState, Tracked},
        manifest::{PrunedPackages, WireChange},
        steps::Change,
        view::{Content, Entry},
    },
};

/// Why a pass ends the run.
pub(crate) type Refusal = Failure;

/// A pass: it reads the view, and adds to the plan. One that is optional and fails gives back the plan that it was given,
/// with a warning.
pub(crate) type Pass = fn(&View<'_>, Plan) -> Result<Plan, Refusal>;

/// The original build, whatever an earlier run has made of what is on disk, and what the run was told.
pub(crate) struct View<'a> {
    pub(crate) build: &'a Build,
    pub(crate) args: &'a RewriteArgs,
    pub(crate) output: &'a Output,
    /// What an earlier run did.
    pub(crate) earlier: &'a Earlier,
    /// The files of the output directory.
    pub(crate) files: store::view::View,
    /// The modules of the server directory.
    pub(crate) modules: DiskSources,
}

impl<'a> View<'a> {
    /// The view of a build.
    pub(crate) fn new(
        build: &'a Build,
        args: &'a RewriteArgs,
        output: &'a Output,
        earlier: &'a Earlier,
    ) -> Result<Self, Failure> {
        let files = store::history::original_view(&build.place, earlier)?;
        let modules = DiskSources::of(files.clone(), &build.place.server);
        Ok(Self { build, args, output, earlier, files, modules })
    }
}

/// What is to be made of a build.
#[derive(Clone)]
pub(crate) struct Plan {
    /// What the rewriter decided.
    pub(crate) rewriting: Rewriting,
    /// What it was asked.
    pub(crate) request: Request,
    /// The instrumentation, and the files that the build lacks for it.
    pub(crate) provided: Provided,
    /// The modules of the original build with the packages that its instrumentation needs to start Sentry, where the build
    /// lacks them.
    pub(crate) modules: Option<DiskSources>,
    /// The proof of the build as the SDK has wrapped it, where that is kept.
    pub(crate) kept_wrapper: Option<Proof>,
    /// What the passes add to the changes of the rewriter.
    pub(crate) added: Vec<Change>,
    /// What became of the libraries that the SDK instruments; none where nothing was injected, or an earlier run did it.
    pub(crate) libraries: Vec<AheadReport>,
    /// The libraries that must not be injected ahead of time, each with the reason.
    pub(crate) left_to_hooks: BTreeMap<String, String>,
    /// What a bundled build imports from packages; `None` where the SDK is not bundled.
    pub(crate) remaining: Option<Remaining>,
    /// The packages that this run traces in.
    pub(crate) traced: Vec<TracedReport>,
    /// Whether the packages that an earlier run has traced in stay. Else they go, and what is still needed is traced again.
    pub(crate) carries_packages: bool,
    /// The packages that are taken out.
    pub(crate) pruned: Option<PrunedPackages>,
    /// Whether they are those that an earlier run has taken out.
    pub(crate) keeps_pruned: bool,
}

impl Plan {
    /// One in which nothing is decided yet.
    pub(crate) fn new(request: Request) -> Self {
        Self {
            rewriting: Rewriting::nothing(),
            provided: Provided::built(request.instrumentation.clone()),
            request,
            modules: None,
            kept_wrapper: None,
            added: Vec::new(),
            libraries: Vec::new(),
            left_to_hooks: BTreeMap::new(),
            remaining: None,
            traced: Vec::new(),
            carries_packages: true,
            pruned: None,
            keeps_pruned: false,
        }
    }

    /// The same with what the rewriter decided.
    pub(crate) fn decided(self, planned: Planned) -> Self {
        let Planned { plan: rewriting, provided, inlined } = planned;
        let request = Request { instrumentation: provided.path.clone(), inlined, ..self.request };
        Self { rewriting, provided, request, ..self }
    }

    /// Whether no pass has anything to add.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_refused() || self.kept_wrapper.is_some()
    }

    /// Whether it is refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.rewriting.outcome == Outcome::Refused
    }

    /// Whether Sentry's build plugin made the build, and it stays as it is.
    pub(crate) fn is_of_build_plugin(&self) -> bool {
        self.rewriting.proof.as_ref().is_some_and(|proof| proof.build_plugin.is_some())
    }

    /// Whether the build changes.
    pub(crate) fn rewrites(&self) -> bool {
        self.rewriting.outcome == Outcome::Rewritten
    }

    /// Whether the SDK has wrapped the build, and its instrumentation becomes a file of its own.
    pub(crate) fn takes_instrumentation_out(&self) -> bool {
        let kind = presentry_rewriter::ChangeKind::Instrumentation;
        self.request.inlined == InlinedInstrumentation::TakeOut
            && self.rewriting.changes.iter().any(|change| change.kind == kind)
    }

    /// Every change, compared with the original build.
    pub(crate) fn changes(&self, view: &View<'_>) -> Result<Vec<Change>, Failure> {
        let place = &view.build.place;
        let change = |change: FileChange| {
            Ok(Change {
                path: OutputPath::from(&change.path),
                kind: change.kind.into(),
                before: change.before.map(Content::Bytes),
                after: change.after,
                like: change.mode_from.as_ref().map(|path| place.real_path(path)).transpose()?,
            })
        };
        let of_rewriter = self.provided.with_changes(&self.rewriting.changes, &view.modules, &self.request.entry)?;
        let mut changes: Vec<Change> = of_rewriter.into_iter().map(change).collect::<Result<_, Failure>>()?;
        changes.extend(self.added.iter().cloned());
        Ok(changes)
    }

    /// Whether what an earlier run has made of a file stays although no change names it.
    pub(crate) fn stays(&self, one: &Tracked) -> bool {
        match one.file.kind {
            WireChange::Package => self.carries_packages && one.state != FileState::Original,
            WireChange::Dependencies | WireChange::Archive => one.state != FileState::Original,
            WireChange::Pruned => self.keeps_pruned,
            _ => false,
        }
    }

    /// The files of the build as it will be.
    pub(crate) fn over(&self, view: &View<'_>) -> Result<store::view::View, Failure> {
        let place = &view.build.place;
        let mut entries = BTreeMap::new();
        for one in view.earlier.tracked.iter().filter(|one| self.stays(one)) {
            entries.insert(place.path_of_entry(&one.file)?, None);
            entries.insert(place.named(&one.file.path), None);
        }
        let mut injected = BTreeMap::new();
        for one in view.earlier.tracked.iter().filter(|one| one.state == FileState::DebugIdInjected) {
            let now = place.read_file(&one.file.path)?.unwrap_or_default();
            injected.insert(one.file.path.clone(), without_debug_id(&now).into_owned());
        }
        for change in self.changes(view)? {
            let path = match change.kind {
                WireChange::Pruned => place.entry_path(&change.path)?,
                _ => place.real_path(&change.path)?,
            };
            let entry = match change.after {
                // It is on disk, with the debug id that was injected after it was written.
                Some(bytes)
                    if injected
                        .get(&change.path)
                        .is_some_and(|now: &Vec<u8>| now.as_slice() == &*without_debug_id(&bytes)) =>
                {
                    None
                }
                Some(bytes) => Some(Entry::Bytes(bytes.into())),
                None => Some(Entry::Gone),
            };
            entries.insert(path, entry);
        }
        Ok(view.files.with(entries))
    }

    /// What is loaded before the runtime in the build as it will be: the closure of its proof, or where nothing is proven
    /// that of the instrumentation.
    pub(crate) fn loaded_first(&self, view: &View<'_>) -> Proof {
        let sources = self.sources(view);
        self.rewriting
            .proof
            .clone()
            .unwrap_or_else(|| prove(&self.rewriting.over(&sources), &self.request.instrumentation))
    }

    /// The modules of the build that the plan was made for.
    pub(crate) fn sources<'s>(&'s self, view: &'s View<'_>) -> Overlay<'s> {
        self.provided.over(self.modules.as_ref().unwrap_or(&view.modules) as &dyn Sources)
    }
}

/// What is never bundled, as `common.mjs` has it. Which other packages an earlier run left out is not written down.
const HOOKS: [&str; 2] = ["import-in-the-middle", "require-in-the-middle"];

/// What a bundled build imports from packages.
#[derive(Clone, Debug)]
pub(crate) struct Remaining {
    /// The specifiers of the SDK that are bundled, with the exports that the build imports.
    pub(crate) sdk: BTreeMap<String, AskedFor>,
    /// The other bare specifiers of the build.
    pub(crate) others: Vec<String>,
    /// Those of the bundle.
    pub(crate) of_bundle: Vec<String>,
    /// The files of packages that the bundle names by their place.
    pub(crate) nested: Vec<PathBuf>,
    /// The modules of the bundle.
    pub(crate) modules: Vec<ModulePath>,
    /// The files that specifiers of the bundle stood for when it was made.
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// Whether the bundle is the one that an earlier run has made.
    pub(crate) is_of_earlier_run: bool,
}

/// What a bundle of the SDK imports from packages.
#[derive(Debug)]
pub(crate) struct Asks<'a> {
    /// The modules of the bundle.
    pub(crate) modules: &'a [ModulePath],
    /// The specifiers by which they ask.
    pub(crate) specifiers: BTreeSet<&'a String>,
    /// The files that some of them stood for when the bundle was made, links followed: an app need not see what the SDK
    /// sees.
    pub(crate) files: &'a BTreeMap<String, PathBuf>,
}

impl Remaining {
    /// What the bundle loads of packages that were left out of it. A bundler puts CommonJS into functions, which hide
    /// that it loads at once. Everything else that a function loads, the build may lack, as without the bundle.
    pub(crate) fn asks(&self) -> Asks<'_> {
        let left_out = |specifier: &&String| {
            let package = package_name(specifier);
            HOOKS.contains(&package) || self.files.keys().any(|known| package_name(known) == package)
        };
        let specifiers = self.of_bundle.iter().filter(left_out).collect();
        Asks { modules: &self.modules, specifiers, files: &self.files }
    }

    /// Whether a package is one of the SDK's that went into the bundle.
    pub(crate) fn has_bundled(&self, package: &str) -> bool {
        package.starts_with("@sentry/") && !self.of_bundle.iter().any(|specifier| package_name(specifier) == package)
    }

    /// Whether a package of the build is asked for by its place.
    pub(crate) fn names_below(&self, directory: &Path) -> bool {
        self.nested.iter().any(|file| file.starts_with(directory))
    }

    /// Notes what a module of the bundle asks packages for: by import, by `require`, and by the name of a loader hook.
    pub(crate) fn note_requests_of(&mut self, server: &Path, text: &str, record: &ModuleRecord) {
        let requested = record.requested_modules.iter().map(|request| &request.specifier);
        let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
        let by_import = requested.chain(imported).map(|literal| (literal.value.clone(), true));
        let by_call = reached::literals_behind(text, &["equire", "register", "resolve"]);
        for (specifier, certain) in by_import.chain(by_call.into_iter().map(|literal| (literal.to_owned(), false))) {
            match specifier.strip_prefix("./") {
                Some(file) if file.starts_with("node_modules/") => self.nested.push(server.join(file)),
                Some(_) => {}
                // The SDK names its own packages in what it says. One with an add-on it asks for.
                None if specifier.starts_with("@sentry/") && !certain && !self.files.contains_key(&specifier) => {}
                None => self.of_bundle.push(specifier),
            }
        }
    }
}
