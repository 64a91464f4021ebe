//! Traces files of the app's tree with the tracer that Nitro has used, `@vercel/nft`, in a child process of Node.js.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    child,
    passes::packages::place::{Traced, TracedPackage},
};

/// The packages through which the tracer comes to an app, each a dependency of the one before it. Nitro 2 depends on the tracer;
/// Nitro 3 depends on `nf3`, which carries its own dependencies in `dist`.
const BROUGHT_BY: [&[&str]; 6] = [
    &["vinxi", "nitropack"],
    &["nitropack"],
    &["nuxt", "@nuxt/nitro-server", "nitropack"],
    &["nuxt", "nitropack"],
    &["nitro", "nf3"],
    &[],
];

/// The tracer itself.
const NAME: &str = "@vercel/nft";

/// Where a package of [`BROUGHT_BY`] may carry it.
const CARRIED_IN: &str = "dist";

/// What runs in Node.js.
const SCRIPT: &str = include_str!("trace.mjs");

/// Why nothing can be traced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoTracer {
    /// No `@vercel/nft` belongs to the app.
    NotInstalled,
    /// The app is installed by Yarn without `node_modules`.
    PlugAndPlay(PathBuf),
    /// There is no `node` on the `PATH`.
    NoNode,
}

/// What is needed to trace.
#[derive(Debug)]
pub(crate) struct Tracer {
    /// The directory of `@vercel/nft`.
    directory: PathBuf,
    node: PathBuf,
    /// The app, canonical.
    app: PathBuf,
}

/// Finds the tracer of an app, whose path has to be canonical.
///
/// Package managers put the packages that bring it side by side, one inside the other, or behind links, so each is looked for
/// from the real path of the one before.
pub(crate) fn find(app: &Path) -> Result<Tracer, NoTracer> {
    let follow = |chain: &&[&str]| {
        let last = chain.iter().try_fold(app.to_owned(), |from, name| package_above(&from, name))?;
        // What is carried comes before what lies in the directories above.
        package_above(&if chain.is_empty() { last } else { last.join(CARRIED_IN) }, NAME)
    };
    let Some(directory) = BROUGHT_BY.iter().find_map(follow) else {
        let manifest = app.ancestors().map(|above| above.join(".pnp.cjs")).find(|manifest| manifest.is_file());
        return Err(manifest.map_or(NoTracer::NotInstalled, NoTracer::PlugAndPlay));
    };
    let node = child::node().ok_or(NoTracer::NoNode)?;
    Ok(Tracer { directory, node, app: app.to_owned() })
}

/// The real directory of a package that is found in a `node_modules` above a directory.
fn package_above(from: &Path, name: &str) -> Option<PathBuf> {
    let above = from.ancestors().filter(|above| !above.ends_with("node_modules"));
    let directories = above.map(|above| above.join("node_modules").join(name));
    directories
        .filter(|directory| directory.join("package.json").is_file())
        .find_map(|found| dunce::canonicalize(found).ok())
}

#[derive(Serialize)]
struct Input<'a> {
    tracer: &'a Path,
    entries: &'a [PathBuf],
    app: &'a Path,
}

#[derive(Deserialize)]
struct Answer {
    files: Vec<AnsweredFile>,
}

#[derive(Deserialize)]
struct AnsweredFile {
    path: PathBuf,
    parents: Vec<PathBuf>,
}

impl Tracer {
    /// The directory of the tracer.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The app, canonical.
    pub(crate) fn app(&self) -> &Path {
        &self.app
    }

    /// Traces what some files need; the packages they belong to count as asked for by the instrumentation.
    ///
    /// # Errors
    /// When the child fails, or a package cannot be read.
    pub(crate) fn trace(&self, entries: &[PathBuf], asked_for: &[PathBuf]) -> anyhow::Result<Traced> {
        let mut answer = self.run(entries)?;
        // The tracer reads many files at once, and lists them as they come.
        answer.files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut packages = Packages { app: &self.app, known: BTreeMap::new(), list: Vec::new() };
        for file in &answer.files {
            let Some(number) = packages.of(&file.path) else { continue };
            let parents: Vec<usize> = file.parents.iter().filter_map(|parent| packages.of(parent)).collect();
            let package = &mut packages.list[number];
            if let Ok(below) = file.path.strip_prefix(&package.directory) {
                package.files.insert(below.to_owned());
            }
            package.dependents.extend(parents.into_iter().filter(|parent| *parent != number));
        }
        let roots = asked_for.iter().filter_map(|entry| packages.of(entry)).collect();
        Ok(Traced { packages: packages.list, roots })
    }

    fn run(&self, entries: &[PathBuf]) -> anyhow::Result<Answer> {
        let input = Input { tracer: &self.directory, entries, app: &self.app };
        let answered = child::run(&self.node, SCRIPT, &input, &self.app).context("failed to run the tracer")?;
        if !answered.status.success() {
            anyhow::bail!("the tracer ended with {}: {}", answered.status, answered.stderr);
        }
        serde_json::from_slice(&answered.stdout).context("the tracer answered with something else than a list of files")
    }
}

/// The packages of traced files.
struct Packages<'a> {
    app: &'a Path,
    /// By the directory of a file.
    known: BTreeMap<PathBuf, Option<usize>>,
    list: Vec<TracedPackage>,
}

impl Packages<'_> {
    /// The package a file belongs to; `None` for a file of the app itself.
    fn of(&mut self, file: &Path) -> Option<usize> {
        let directory = file.parent()?;
        if let Some(known) = self.known.get(directory) {
            return *known;
        }
        let number = self.find(directory);
        self.known.insert(directory.to_owned(), number);
        number
    }

    fn find(&mut self, directory: &Path) -> Option<usize> {
        let (root, name) = package_in_node_modules(directory).or_else(|| self.linked_package(directory))?;
        if let Some(number) = self.list.iter().position(|package| package.directory == root) {
            return Some(number);
        }
        let version = member(&root, "version").unwrap_or_else(|| "0.0.0".to_owned());
        self.list.push(TracedPackage {
            name,
            version,
            directory: root,
            files: [PathBuf::from("package.json")].into(),
            dependents: Default::default(),
        });
        Some(self.list.len() - 1)
    }

    /// A package of a workspace, which is linked into `node_modules` and lies elsewhere.
    fn linked_package(&self, directory: &Path) -> Option<(PathBuf, String)> {
        let root = directory.ancestors().find(|above| member(above, "name").is_some())?;
        // What the app has of its own was built, and is not traced.
        if self.app.starts_with(root) {
            return None;
        }
        Some((root.to_owned(), member(root, "name")?))
    }
}

/// The root and the name of the innermost package in a `node_modules` that holds a directory.
fn package_in_node_modules(directory: &Path) -> Option<(PathBuf, String)> {
    let names: Vec<&std::ffi::OsStr> = directory.iter().collect();
    let last = names.iter().rposition(|name| *name == "node_modules")?;
    let first = names.get(last + 1)?.to_str()?;
    let count = if first.starts_with('@') { 2 } else { 1 };
    let name: Option<Vec<&str>> = names.get(last + 1..last + 1 + count)?.iter().map(|name| name.to_str()).collect();
    Some((names[..last + 1 + count].iter().collect(), name?.join("/")))
}

/// A member of a `package.json` that is text.
fn member(package: &Path, name: &str) -> Option<String> {
    text_member(&fs::read(package.join("package.json")).ok()?, name)
}

/// The same of its bytes.
pub(crate) fn text_member(manifest: &[u8], name: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(manifest).ok()?;
    json.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(root: &Path, path: &str) -> PathBuf {
        let directory = root.join(path);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("package.json"), "{}").unwrap();
        directory
    }

    #[test]
    fn the_tracer_is_found_in_every_layout() {
        for layout in [
            // npm, hoisted and not.
            ["app/node_modules/vinxi", "app/node_modules/nitropack", "app/node_modules/@vercel/nft"],
            [
                "app/node_modules/vinxi",
                "app/node_modules/vinxi/node_modules/nitropack",
                "app/node_modules/vinxi/node_modules/nitropack/node_modules/@vercel/nft",
            ],
            // A workspace.
            ["node_modules/vinxi", "node_modules/nitropack", "node_modules/@vercel/nft"],
            ["app/node_modules/nitropack", "app/node_modules/nitropack/node_modules/@vercel/nft", ""],
            // Nitro 3, whose tracer lies in another package.
            ["app/node_modules/nitro", "app/node_modules/nf3", "app/node_modules/nf3/dist/node_modules/@vercel/nft"],
            ["app/node_modules/nitro", "app/node_modules/nitro/node_modules/nf3", "app/node_modules/@vercel/nft"],
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = dunce::canonicalize(directory.path()).unwrap();
            fs::create_dir_all(root.join("app")).unwrap();
            let packages: Vec<PathBuf> =
                layout.iter().filter(|path| !path.is_empty()).map(|path| package(&root, path)).collect();
            assert_eq!(find(&root.join("app")).unwrap().directory(), packages.last().unwrap());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_tracer_is_found_behind_the_links_of_pnpm() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        let store = root.join("node_modules/.pnpm");
        let vinxi = package(&store, "vinxi@1/node_modules/vinxi");
        let nitropack = package(&store, "nitropack@2/node_modules/nitropack");
        let nft = package(&store, "@vercel+nft@1/node_modules/@vercel/nft");
        fs::create_dir_all(nitropack.parent().unwrap().join("@vercel")).unwrap();
        symlink(&vinxi, root.join("node_modules/vinxi")).unwrap();
        symlink(&nitropack, vinxi.parent().unwrap().join("nitropack")).unwrap();
        symlink(&nft, nitropack.parent().unwrap().join("@vercel/nft")).unwrap();
        assert_eq!(find(&root).unwrap().directory(), nft);
    }

    #[test]
    fn an_app_without_a_tracer() {
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        assert_eq!(find(&root).unwrap_err(), NoTracer::NotInstalled);
        fs::write(root.join(".pnp.cjs"), "").unwrap();
        assert_eq!(find(&root).unwrap_err(), NoTracer::PlugAndPlay(root.join(".pnp.cjs")));
    }

    #[test]
    fn the_innermost_package_counts() {
        for (directory, expected) in [
            ("/a/node_modules/b/lib", Some(("/a/node_modules/b", "b"))),
            (
                "/a/node_modules/.pnpm/b@1/node_modules/@c/b",
                Some(("/a/node_modules/.pnpm/b@1/node_modules/@c/b", "@c/b")),
            ),
            ("/a/node_modules/b/node_modules/c", Some(("/a/node_modules/b/node_modules/c", "c"))),
            ("/a/node_modules/@b", None),
            ("/a/b", None),
        ] {
            let expected = expected.map(|(root, name)| (PathBuf::from(root), name.to_owned()));
            assert_eq!(package_in_node_modules(Path::new(directory)), expected);
        }
    }
}
