//! `--prune`: takes the packages out of a build that were there for the SDK alone, once it is bundled, and brings them
//! back. What was taken is listed in `.presentry/pruned.json` before a file goes, so that either can be done again after
//! an interruption.
//!
//! Keeping the files themselves in the build would keep its size. Nearly all of them are copies of files among the
//! packages of the app, so the list has the digest of each and the place of its twin, and they are copied back from there;
//! a file without a twin is kept. A twin that is gone or was changed makes the whole restoring refuse, before a file is
//! written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use presentry_rewriter::{Digest, ModulePath};
use serde::{Deserialize, Serialize};

use crate::{
    args::{Bundling, RewriteArgs},
    diagnostics::{restore_data_missing, write_failed},
    failure::Failure,
    find::reached::{Look, Packages, asked_for_by, files},
    parallel,
    passes::bundle::{Remaining, can_stay, digest_of, relative},
    paths::is_absent,
    say::{output::Output, report::PrunedReport},
    store::{fs_steps, history::Tracked, place::Place, transaction::Step},
};

/// The list, beside the manifest.
const LIST: &str = "pruned.json";
const PART: &str = "pruned.part";

/// What was taken out of a build.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Pruned {
    /// The packages, by their directories relative to the server directory.
    pub(crate) packages: Vec<String>,
    /// The size of the files in `node_modules` before, in bytes.
    pub(crate) bytes_before: u64,
    /// The size after.
    pub(crate) bytes_after: u64,
    files: Vec<PrunedFile>,
}

/// One file or link that was taken out; paths are relative to the server directory.
#[derive(Debug, Deserialize, Serialize)]
struct PrunedFile {
    path: String,
    #[serde(flatten)]
    was: Was,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
enum Was {
    /// A symbolic link, and what it says.
    Link { link: String },
    /// A file that has a twin among the packages of the app.
    Copy { sha256: String, mode: Option<String>, twin: String },
    /// A file that is kept in `.presentry/` under this name.
    Kept { sha256: String, mode: Option<String>, kept: String },
}

impl Pruned {
    /// The same for the report.
    pub(crate) fn report(&self) -> PrunedReport {
        let Self { packages, bytes_before, bytes_after, .. } = self;
        PrunedReport { packages: packages.clone(), bytes_before: *bytes_before, bytes_after: *bytes_after }
    }

    /// The same in one line.
    pub(crate) fn line(&self) -> String {
        let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
        let kept = self.files.iter().filter(|file| matches!(file.was, Was::Kept { .. })).count();
        let kept = if kept == 0 { String::new() } else { format!("; {kept} files are kept in `.presentry`") };
        let (before, after) = (megabytes(self.bytes_before), megabytes(self.bytes_after));
        format!("pruned    {} packages: node_modules has {after} instead of {before}{kept}", self.packages.len())
    }

    /// The names of the packages that are taken out of the top of `node_modules`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.packages.iter().filter_map(|package| package.strip_prefix("node_modules/"));
        names.filter(|name| !name.contains("node_modules/"))
    }

    /// The files that are taken out, by their canonical paths.
    pub(crate) fn files(&self, place: &Place) -> BTreeSet<PathBuf> {
        self.files.iter().map(|file| place.server.join(&file.path)).collect()
    }

    /// Whether everything that is listed is gone, and the directories that it left empty.
    pub(crate) fn is_done(&self, place: &Place) -> bool {
        let gone = |path: &Path| fs::symlink_metadata(path).is_err();
        self.files.iter().all(|file| {
            let path = place.server.join(&file.path);
            let nearest = path.ancestors().skip(1).find(|directory| directory.is_dir());
            gone(&path) && nearest.is_none_or(|directory| !is_empty(directory))
        })
    }
}

/// Brings back what an earlier run took out, unless this one is to take it out as well.
pub(crate) fn bring_back(
    place: &Place,
    args: &RewriteArgs,
    tracked: &[Tracked],
    output: &Output,
) -> Result<(), Failure> {
    if args.bundling() != Bundling::No && args.prune && read(place)?.is_some() && can_stay(place, tracked)? {
        return Ok(());
    }
    bring_all_back(place, args, output)
}

/// Brings back what an earlier run took out.
pub(crate) fn bring_all_back(place: &Place, args: &RewriteArgs, output: &Output) -> Result<(), Failure> {
    let Some(pruned) = read(place)? else {
        if !args.dry_run {
            tidy(place);
        }
        return Ok(());
    };
    let packages = pruned.packages.len();
    if args.dry_run {
        output.note(format!("the {packages} packages that `--prune` took out would come back"));
        return Ok(());
    }
    undo(place, &pruned)?;
    output.line(format!("restored  {packages} packages"));
    Ok(())
}

/// Finds what can go from a build whose SDK is bundled. Nothing is written.
///
/// `traced` are the files of packages that presentry has traced into the build, or will by `steps`; what is needed for
/// them stays, and they go by steps if at all.
pub(crate) fn plan(
    place: &Place,
    app: &Path,
    remaining: &Remaining,
    traced: &BTreeSet<PathBuf>,
    steps: &[Step],
) -> Pruned {
    let modules = place.server.join("node_modules");
    let packages = Packages::of(&place.server);
    let for_sdk = packages.reached(remaining.sdk.keys().map(String::as_str), Look::AndDeclared, |_| true);
    let of_traced = steps.iter().filter(|step| traced.contains(&step.real)).filter_map(|step| step.after.bytes());
    let of_traced: BTreeSet<String> = of_traced.flat_map(asked_for_by).collect();
    let others = remaining.others.iter().chain(&remaining.of_bundle).chain(&of_traced).map(String::as_str);
    let needed = packages.reached(others, Look::Broadly, |name| !remaining.has_bundled(name));
    let holds_traced = |directory: &Path| files(directory).iter().any(|file| traced.contains(file));
    let stays = |directory: &PathBuf| {
        needed.contains_key(directory) || remaining.names_below(directory) || holds_traced(directory)
    };
    let gone: BTreeSet<&PathBuf> = for_sdk.keys().filter(|directory| !stays(directory)).collect();
    let mut pruned = Pruned { bytes_before: size_below(&modules), ..Pruned::default() };
    pruned.bytes_after = pruned.bytes_before;
    let mut gone_by_step = BTreeSet::new();
    for step in steps.iter().filter(|step| step.real.starts_with(&modules)) {
        let size = |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| bytes.len() as u64);
        pruned.bytes_after += size(step.after.bytes());
        pruned.bytes_after -= size(step.before.as_deref()).min(pruned.bytes_after);
        if step.after.bytes().is_none() {
            gone_by_step.insert(step.real.clone());
        }
    }
    let twins = Twins::of(app);
    let mut kept = 0;
    for directory in &gone {
        let going: Vec<PathBuf> = files(directory).into_iter().filter(|file| !gone_by_step.contains(file)).collect();
        if going.is_empty() {
            continue;
        }
        pruned.packages.push(shown(place, directory));
        let twin_directories = twins.of_package(directory);
        let looked_at = parallel::map(&going, |file| {
            let digest = if file.is_symlink() { None } else { digest_of(file) };
            let inside = file.strip_prefix(directory).unwrap_or(file);
            let mut twins = twin_directories.iter().map(|twin| twin.join(inside));
            (digest, twins.find(|twin| digest.is_some() && digest_of(twin) == digest))
        });
        for (file, (digest, twin)) in going.into_iter().zip(looked_at) {
            if let Ok(link) = fs::read_link(&file) {
                pruned.files.push(PrunedFile { path: shown(place, &file), was: Was::Link { link: text(&link) } });
                continue;
            }
            let Some(digest) = digest else { continue };
            let metadata = fs::metadata(&file).ok();
            pruned.bytes_after -= metadata.as_ref().map_or(0, fs::Metadata::len).min(pruned.bytes_after);
            let mode = metadata.as_ref().and_then(crate::store::manifest::mode_text);
            let sha256 = digest.to_string();
            let was = match twin {
                Some(twin) => Was::Copy { sha256, mode, twin: text(&relative(&place.server, &twin)) },
                None => {
                    kept += 1;
                    Was::Kept { sha256, mode, kept: format!("pruned-{kept}") }
                }
            };
            pruned.files.push(PrunedFile { path: shown(place, &file), was });
        }
    }
    for link in links_below(&place.server.join("node_modules")) {
        if fs::canonicalize(&link).is_ok_and(|target| gone.contains(&target)) {
            let says = fs::read_link(&link).map(|target| text(&target)).unwrap_or_default();
            pruned.files.push(PrunedFile { path: shown(place, &link), was: Was::Link { link: says } });
        }
    }
    pruned
}

/// Whether packages were taken out of a build.
pub(crate) fn read(place: &Place) -> Result<Option<Pruned>, Failure> {
    let file = place.directory().join(LIST);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(Failure::Unexpected(error.into())),
    };
    let unreadable =
        |reason: &str| restore_data_missing::unreadable(&format!("{}/{LIST}", place.shown_directory()), reason);
    let list: Pruned = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?;
    // Nothing outside of the server directory is written, whatever the list says.
    let stays_inside = list.files.iter().all(|file| {
        let is_ours = match &file.was {
            Was::Kept { kept, .. } => is_kept_name(kept),
            _ => true,
        };
        is_ours && file.path.starts_with("node_modules/") && ModulePath::new(file.path.as_str()).is_ok()
    });
    if stays_inside { Ok(Some(list)) } else { Err(unreadable("it names files outside of `node_modules`").into()) }
}

/// Takes the packages out. `.presentry/` is there, as the build was rewritten.
pub(crate) fn apply(place: &Place, pruned: &Pruned) -> Result<(), Failure> {
    if pruned.files.is_empty() {
        return Ok(());
    }
    let directory = place.directory();
    if directory.join(LIST).exists() {
        // An earlier run has begun to, and was interrupted.
        return take_out(place, pruned);
    }
    for file in &pruned.files {
        if let Was::Kept { kept, .. } = &file.was {
            let (from, to) = (place.server.join(&file.path), directory.join(kept));
            written(place, &file.path, fs::read(&from).and_then(|bytes| replace(&to, &bytes, None)))?;
        }
    }
    let list = serde_json::to_vec_pretty(pruned).map_err(|error| Failure::Unexpected(error.into()))?;
    let part = directory.join(PART);
    let listed = replace(&part, &list, None).and_then(|()| fs_steps::rename(&part, &directory.join(LIST)));
    written(place, LIST, listed.and_then(|()| fs_steps::sync_dir(&directory)))?;
    take_out(place, pruned)
}

/// Takes out what is listed and still there; after an interruption as well.
pub(crate) fn take_out(place: &Place, pruned: &Pruned) -> Result<(), Failure> {
    let mut directories = BTreeSet::new();
    for file in &pruned.files {
        let path = place.server.join(&file.path);
        match fs_steps::remove_file(&path) {
            Err(error) if !is_absent(&error) => return Err(failed(place, &file.path, &error)),
            _ => {}
        }
        let up_to = place.server.join("node_modules");
        directories.extend(path.ancestors().skip(1).take_while(|at| at.starts_with(&up_to)).map(Path::to_owned));
    }
    // The deepest first; what is not empty stays.
    for directory in directories.iter().rev() {
        if is_empty(directory) {
            let _ = fs_steps::remove_dir(directory);
        }
    }
    Ok(())
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Brings everything back that was taken out of a build, or nothing.
pub(crate) fn undo(place: &Place, pruned: &Pruned) -> Result<(), Failure> {
    let mut contents: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for file in &pruned.files {
        let (sha256, source) = match &file.was {
            Was::Link { .. } => continue,
            Was::Copy { sha256, twin, .. } => (sha256, place.server.join(twin)),
            Was::Kept { sha256, kept, .. } => (sha256, place.directory().join(kept)),
        };
        let there = place.server.join(&file.path);
        let expected = Digest::from_hex(sha256);
        if fs::symlink_metadata(&there).is_ok() && digest_of(&there) == expected {
            continue;
        }
        let bytes = fs::read(&source).ok().filter(|bytes| Some(Digest::of(bytes)) == expected);
        let Some(bytes) = bytes else { return Err(restore_data_missing::pruned(&file.path, &source).into()) };
        contents.insert(&file.path, bytes);
    }
    for file in &pruned.files {
        let path = place.server.join(&file.path);
        if let Some(parent) = path.parent() {
            written(place, &file.path, create_directories(parent))?;
        }
        let done = match &file.was {
            Was::Link { link } if fs::symlink_metadata(&path).is_err() => fs_steps::symlink(Path::new(link), &path),
            Was::Link { .. } => Ok(()),
            Was::Copy { mode, .. } | Was::Kept { mode, .. } => match contents.get(file.path.as_str()) {
                Some(bytes) => replace(&path, bytes, mode.as_deref()),
                None => Ok(()),
            },
        };
        written(place, &file.path, done)?;
    }
    forget(place, pruned)
}

/// Takes the list away, and what was kept with it.
fn forget(place: &Place, pruned: &Pruned) -> Result<(), Failure> {
    let directory = place.directory();
    written(place, LIST, fs_steps::remove_file(&directory.join(LIST)))?;
    for file in &pruned.files {
        if let Was::Kept { kept, .. } = &file.was {
            written(place, kept, fs_steps::remove_file(&directory.join(kept)))?;
        }
    }
    Ok(())
}

/// Takes away what was kept for a list that an interrupted run never wrote, or had taken away already.
pub(crate) fn tidy(place: &Place) {
    let mut left: Vec<PathBuf> = fs::read_dir(place.directory())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name == PART || is_kept_name(name)))
        .map(|entry| entry.path())
        .collect();
    left.sort();
    for file in left {
        // It stands in nobody's way, and the next run tries again.
        let _ = fs_steps::remove_file(&file);
    }
}

/// Whether a name is one that is given to a kept file.
fn is_kept_name(name: &str) -> bool {
    name.strip_prefix("pruned-")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Writes a file that may be there in part, after an interruption.
fn replace(path: &Path, bytes: &[u8], mode: Option<&str>) -> io::Result<()> {
    match fs_steps::remove_file(path) {
        Err(error) if !is_absent(&error) => return Err(error),
        _ => {}
    }
    fs_steps::write_new(path, bytes, None)?;
    match mode.and_then(crate::store::manifest::permissions) {
        Some(mode) => fs_steps::set_permissions(path, mode),
        None => Ok(()),
    }
}

fn create_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_directories(parent)?;
    }
    fs_steps::create_dir(directory)
}

fn written(place: &Place, path: &str, done: io::Result<()>) -> Result<(), Failure> {
    done.map_err(|error| failed(place, path, &error))
}

fn failed(place: &Place, path: &str, error: &io::Error) -> Failure {
    write_failed::diagnostic(format!("failed to write `{}/{path}`: {error}", place.shown)).into()
}

fn shown(place: &Place, path: &Path) -> String {
    text(path.strip_prefix(&place.server).unwrap_or(path))
}

fn text(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/").replacen("//", "/", 1)
}

/// The packages of the app by name and version, wherever its package manager has put them.
struct Twins {
    directories: Vec<PathBuf>,
}

impl Twins {
    fn of(app: &Path) -> Self {
        let app = fs::canonicalize(app).unwrap_or_else(|_| app.to_owned());
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
    fn of_package(&self, directory: &Path) -> Vec<PathBuf> {
        let manifest = manifest(directory);
        let Some((name, version)) = manifest else { return Vec::new() };
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
    #[derive(Deserialize)]
    struct Manifest {
        name: String,
        version: String,
    }
    let bytes = fs::read(directory.join("package.json")).ok()?;
    let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    Some((manifest.name, manifest.version))
}

fn size_below(directory: &Path) -> u64 {
    let mut size = 0;
    walk(directory, &mut |path| {
        size += fs::symlink_metadata(path).map_or(0, |file| if file.is_file() { file.len() } else { 0 });
    });
    size
}

fn links_below(directory: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    walk(directory, &mut |path| {
        if fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink()) {
            links.push(path.to_owned());
        }
    });
    links
}

/// Visits every file and link below a directory, links not followed, in path order.
fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), visit),
            _ => visit(&entry.path()),
        }
    }
}
