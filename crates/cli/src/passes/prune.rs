//! `--prune`: the packages of a build that were there for the SDK alone go, once it is bundled.
//!
//! Keeping the files themselves in the build would keep its size. Nearly all of them are copies of files among the
//! packages of the app, so the manifest has the digest of each and the place of its twin, and they are copied back from
//! there; a file without a twin is kept. A twin that is gone or was changed makes the whole restoring refuse, before a file
//! is written.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use oxc_resolver::FileSystem as _;
use presentry_rewriter::{ChangeKind, Digest};
use serde::Deserialize;

use crate::{
    find::reached::{Look, Packages, asked_for_by, files},
    parallel,
    passes::{Plan, Refusal, Remaining, View},
    store::{
        history,
        manifest::{PrunedPackages, WireChange},
        steps::Change,
        view::{self, Content, Kind},
    },
};

/// Takes out what nothing reaches any more.
pub(crate) fn pass(view: &View<'_>, mut plan: Plan) -> Result<Plan, Refusal> {
    let remaining = plan.remaining.as_ref().filter(|_| view.args.prune);
    let is_of_earlier_run = remaining.is_some_and(|remaining| remaining.is_of_earlier_run);
    if let Some(pruned) = view.earlier.pruned.as_ref().filter(|_| is_of_earlier_run) {
        plan.pruned = Some(pruned.clone());
        plan.keeps_pruned = true;
        return Ok(plan);
    }
    history::refuse_lost(view.earlier)?;
    let Some(remaining) = remaining else { return Ok(plan) };
    let (changes, pruned) = find(view, &plan, remaining)?;
    if !pruned.packages.is_empty() {
        plan.added.extend(changes);
        plan.pruned = Some(pruned);
    }
    Ok(plan)
}

/// What the packages of a build would come to with `--prune`, where the SDK is bundled and something can go.
pub(crate) fn would_leave(view: &View<'_>, plan: &Plan) -> Option<PrunedPackages> {
    let remaining = plan.remaining.as_ref().filter(|remaining| !remaining.is_of_earlier_run)?;
    let place = &view.build.place;
    let after = plan.over(view).ok()?;
    let going = going(view, plan, remaining, &after).ok()?;
    let modules = Modules::of(view, &after);
    let size = |directory: &PathBuf| files(&after, directory).iter().map(|file| after.size(file)).sum::<u64>();
    let bytes_after = modules.bytes_after.saturating_sub(going.iter().map(size).sum());
    let packages = going.iter().filter_map(|directory| place.path_of(directory)).map(String::from).collect();
    (!going.is_empty()).then_some(PrunedPackages { packages, bytes_before: modules.bytes_before, bytes_after })
}

/// Finds what can go from a build whose SDK is bundled.
fn find(view: &View<'_>, plan: &Plan, remaining: &Remaining) -> Result<(Vec<Change>, PrunedPackages), Refusal> {
    let place = &view.build.place;
    let after = plan.over(view)?;
    let gone = going(view, plan, remaining, &after)?;
    let Modules { bytes_before, bytes_after, links } = Modules::of(view, &after);
    let mut pruned = PrunedPackages { packages: Vec::new(), bytes_before, bytes_after };
    let twins = Twins::of(&view.args.build.app);
    let mut going = Vec::new();
    for directory in &gone {
        let files = files(&after, directory);
        pruned.packages.extend(place.path_of(directory).filter(|_| !files.is_empty()).map(String::from));
        let twins = Arc::new(twins.of_package(&after, directory));
        going.extend(files.into_iter().map(|file| Going { file, directory, twins: twins.clone() }));
    }
    let contents = parallel::map(&going, |one| one.content(&after));
    let mut changes = Vec::new();
    let mut add = |file: &Path, content: Content| {
        if let Some(path) = place.path_of(file) {
            changes.push(Change::pruned(path, content));
        }
    };
    for (Going { file, .. }, (content, size)) in
        going.iter().zip(contents).filter_map(|(one, found)| Some((one, found?)))
    {
        pruned.bytes_after -= size.min(pruned.bytes_after);
        add(file, content);
    }
    for link in links {
        if after.canonicalize(&link).is_ok_and(|target| gone.contains(&target)) {
            let says = after.link(&link).unwrap_or_default();
            add(&link, Content::Link(text(&says)));
        }
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes.dedup_by(|one, other| one.path == other.path);
    Ok((changes, pruned))
}

/// A file or link that goes with its package.
struct Going<'a> {
    file: PathBuf,
    /// The package.
    directory: &'a Path,
    /// Where the app may have the same package.
    twins: Arc<Vec<PathBuf>>,
}

impl Going<'_> {
    /// What it holds, and its size; `None` where that cannot be read.
    fn content(&self, view: &view::View) -> Option<(Content, u64)> {
        if let Some(link) = view.link(&self.file) {
            return Some((Content::Link(text(&link)), 0));
        }
        let bytes = view.bytes(&self.file)?;
        let inside = self.file.strip_prefix(self.directory).unwrap_or(&self.file);
        let mut twins = self.twins.iter().map(|twin| twin.join(inside));
        let twin = twins.find(|twin| fs::read(twin).is_ok_and(|other| other == bytes));
        let of = twin.unwrap_or_else(|| self.file.clone());
        Some((Content::Copy { of, sha256: Digest::of(&bytes) }, bytes.len() as u64))
    }
}

/// The directories of the packages that can go.
///
/// Packages that presentry has traced into the build stay, or go by other changes, and what is needed for them stays.
fn going(
    view: &View<'_>,
    plan: &Plan,
    remaining: &Remaining,
    after: &view::View,
) -> Result<BTreeSet<PathBuf>, Refusal> {
    let place = &view.build.place;
    let packages = Packages::of(after, &place.server);
    let for_sdk = packages.reached(remaining.sdk.keys().map(String::as_str), Look::AndDeclared, |_| true);
    let added = plan.added.iter().filter(|change| change.kind == WireChange::Package);
    let of_traced: BTreeSet<String> =
        added.clone().filter_map(|change| change.after.as_deref()).flat_map(asked_for_by).collect();
    let mut traced: BTreeSet<PathBuf> = added.map(|change| place.real_path(&change.path)).collect::<Result<_, _>>()?;
    let carried = view.earlier.tracked.iter();
    for one in carried.filter(|one| one.file.kind == WireChange::Package && plan.carries_packages) {
        traced.insert(place.real_path(&one.file.path)?);
    }
    let others = remaining.others.iter().chain(&remaining.of_bundle).chain(&of_traced).map(String::as_str);
    let needed = packages.reached(others, Look::Broadly, |name| !remaining.has_bundled(name));
    let injected = plan.rewriting.changes.iter().filter(|change| change.kind == ChangeKind::Channels);
    let injected: BTreeSet<PathBuf> = injected.map(|change| place.real_path(&change.path)).collect::<Result<_, _>>()?;
    let is_of = |directory: &Path, file: &Path| {
        file.strip_prefix(directory).is_ok_and(|below| below.iter().all(|segment| segment != "node_modules"))
    };
    let holds_changed = |directory: &Path| traced.iter().chain(&injected).any(|file| is_of(directory, file));
    let stays = |directory: &PathBuf| {
        needed.contains_key(directory) || remaining.names_below(directory) || holds_changed(directory)
    };
    Ok(for_sdk.into_keys().filter(|directory| !stays(directory)).collect())
}

fn text(link: &Path) -> String {
    link.to_string_lossy().into_owned()
}

/// The packages of the app by name and version, wherever its package manager has put them.
struct Twins {
    directories: Vec<PathBuf>,
}

impl Twins {
    fn of(app: &Path) -> Self {
        let app = dunce::canonicalize(app).unwrap_or_else(|_| app.to_owned());
        let mut directories = Vec::new();
        for above in app.ancestors() {
            let modules = above.join("node_modules");
            if modules.is_dir() {
                directories.push(modules);
            }
        }
        Self { directories }
    }

    /// The directories that may hold the same files as a package of the build: those of its name and version. Nitro puts
    /// a second version of a package into `.nitro/name@version`.
    fn of_package(&self, view: &view::View, directory: &Path) -> Vec<PathBuf> {
        let Some((name, version)) = view.bytes(&directory.join("package.json")).and_then(|bytes| named(&bytes)) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for modules in &self.directories {
            self.look(modules, &name, &version, 0, &mut found);
        }
        found
    }

    fn look(&self, modules: &Path, name: &str, version: &str, depth: usize, found: &mut Vec<PathBuf>) {
        let candidate = modules.join(name);
        if manifest(&candidate).is_some_and(|(_, other)| other == version) {
            found.push(candidate);
        }
        // pnpm keeps every package in a directory of its own.
        let store = modules.join(".pnpm");
        let prefix = format!("{}@{version}", name.replace('/', "+"));
        for entry in fs::read_dir(store).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                found.push(entry.path().join("node_modules").join(name));
            }
        }
        // npm nests what it cannot hoist below the package that needs it.
        const DEPTH: usize = 3;
        if depth < DEPTH && found.is_empty() {
            for package in packages_in(modules) {
                let nested = package.join("node_modules");
                if nested.is_dir() {
                    self.look(&nested, name, version, depth + 1, found);
                }
            }
        }
    }
}

fn packages_in(modules: &Path) -> Vec<PathBuf> {
    let list = |at: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(at).into_iter().flatten().flatten();
        let mut list: Vec<PathBuf> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        list.sort();
        list
    };
    let scoped = |path: PathBuf| {
        let is_scope = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@'));
        if is_scope { list(&path) } else { vec![path] }
    };
    list(modules).into_iter().flat_map(scoped).collect()
}

/// The name and the version of a package.
fn manifest(directory: &Path) -> Option<(String, String)> {
    named(&fs::read(directory.join("package.json")).ok()?)
}

fn named(bytes: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Manifest {
        name: String,
        version: String,
    }
    let manifest: Manifest = serde_json::from_slice(bytes).ok()?;
    Some((manifest.name, manifest.version))
}

/// What `node_modules` of a build comes to.
struct Modules {
    /// The size of its files in the original build.
    bytes_before: u64,
    /// Their size as the build will be.
    bytes_after: u64,
    /// The links in it.
    links: Vec<PathBuf>,
}

impl Modules {
    fn of(view: &View<'_>, after: &view::View) -> Self {
        let mut found = Self { bytes_before: 0, bytes_after: 0, links: Vec::new() };
        walk(after, &view.build.place.server.join("node_modules"), &mut |path, kind| match kind {
            Kind::File => {
                let size = after.size(path);
                found.bytes_after += size;
                found.bytes_before += if after.differs_at(path, &view.files) { view.files.size(path) } else { size };
            }
            _ => found.links.push(path.to_owned()),
        });
        found
    }
}

/// Visits every file and link below a directory, links not followed, in path order.
fn walk(view: &view::View, directory: &Path, visit: &mut impl FnMut(&Path, Kind)) {
    for (name, kind) in view.list(directory) {
        match kind {
            Kind::Directory => walk(view, &directory.join(name), visit),
            _ => visit(&directory.join(name), kind),
        }
    }
}
