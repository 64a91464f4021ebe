//! The captured corpus: real builds of real apps, read from `tests/corpus`, which `cargo xtask capture` writes.
//!
//! A manifest says what a build is and which files it has; the bytes of all builds lie in the archives, under their
//! hash. `e2e/captures.toml` tells how each was made.

#![allow(clippy::disallowed_methods, reason = "what holds for the crate's sources does not hold for its tests")]

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use presentry_rewriter::{MemorySources, ModulePath};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// One captured build.
#[allow(dead_code, reason = "the tests grow into what a manifest tells")]
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// Such as `node-server.nitropack-2.9.7.sdk-dynamic`: preset, what is unusual, mode.
    pub(crate) id: String,
    /// The preset that was asked for.
    pub(crate) preset: String,
    /// How the app called `withSentry`.
    pub(crate) mode: Mode,
    /// The server directory, relative to the app.
    pub(crate) server: String,
    /// The entry, relative to the server directory.
    pub(crate) entry: ModulePath,
    /// The instrumentation that the SDK put beside it, where it did.
    pub(crate) instrumentation: Option<ModulePath>,
    /// What Node sees when it imports the entry as it was built; `None` where it cannot.
    pub(crate) exports: Option<Vec<Export>>,
    /// What was really installed, `node` among it.
    pub(crate) versions: BTreeMap<String, String>,
    /// The files of the server directory, without packages. Source maps are there in builds whose id says so.
    pub(crate) sources: MemorySources,
    /// The files outside of the server directory that tell of the build, by paths relative to the app.
    pub(crate) outside: BTreeMap<String, Vec<u8>>,
    /// The symbolic links with their targets, by paths relative to the app.
    pub(crate) links: BTreeMap<String, String>,
    /// The Unix modes of all files, by paths relative to the app.
    pub(crate) modes: BTreeMap<String, u32>,
}

/// The SDK's `autoInjectServerSentry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Not given.
    Default,
    /// `top-level-import`
    TopLevelImport,
    /// `experimental_dynamic-import`
    DynamicImport,
}

/// One export of an entry, as Node sees it.
#[allow(dead_code, reason = "the tests grow into what a manifest tells")]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    pub(crate) name: String,
    /// As the operator `typeof` says it.
    #[serde(rename = "type")]
    pub(crate) type_of: String,
    /// The name of its prototype's constructor, such as `AsyncFunction`.
    pub(crate) constructor: Option<String>,
    /// Whether it is a class.
    #[serde(default)]
    pub(crate) class: bool,
    /// The `length` of a function.
    pub(crate) length: Option<u64>,
    /// Its own properties, without those that every function has.
    #[serde(default)]
    pub(crate) own: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    id: String,
    preset: String,
    #[serde(rename = "nitro_preset")]
    _nitro_preset: Option<String>,
    mode: Mode,
    #[serde(rename = "date")]
    _date: String,
    server: String,
    entry: String,
    instrumentation: Option<String>,
    #[serde(rename = "load_error")]
    _load_error: Option<String>,
    exports: Option<Vec<Export>>,
    files: Vec<File>,
    versions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    mode: Option<String>,
    sha256: Option<String>,
    link: Option<String>,
}

/// All captured builds, in the order of their ids.
pub(crate) fn builds() -> &'static [Build] {
    static BUILDS: OnceLock<Vec<Build>> = OnceLock::new();
    BUILDS.get_or_init(|| {
        let blobs = blobs();
        let builds = files(".toml").iter().map(|file| build(file, &blobs)).collect::<Vec<_>>();
        assert!(!builds.is_empty(), "the corpus is empty: run `cargo xtask capture`");
        builds
    })
}

/// The build of one id.
#[allow(dead_code, reason = "for a test of one build")]
pub(crate) fn build_of(id: &str) -> &'static Build {
    builds().iter().find(|build| build.id == id).unwrap_or_else(|| panic!("the corpus has no build `{id}`"))
}

fn build(file: &Path, blobs: &BTreeMap<String, Vec<u8>>) -> Build {
    let text = fs::read_to_string(file).unwrap();
    let manifest: Manifest =
        toml::from_str(&text).unwrap_or_else(|error| panic!("`{}` is no manifest: {error}", file.display()));
    let server = format!("{}/", manifest.server);
    let path = |text: &str| ModulePath::new(text).unwrap();
    let mut sources = MemorySources::default();
    let (mut outside, mut links, mut modes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for File { path: name, mode, sha256, link } in manifest.files {
        if let Some(target) = link {
            links.insert(name, target);
            continue;
        }
        let digest = sha256.unwrap_or_else(|| panic!("`{name}` of `{}` has no hash", manifest.id));
        let bytes = blobs.get(&digest).unwrap_or_else(|| panic!("no archive holds `{name}` of `{}`", manifest.id));
        match name.strip_prefix(&server) {
            Some(inside) => sources.insert(path(inside), bytes.clone()),
            None => drop(outside.insert(name.clone(), bytes.clone())),
        }
        modes.insert(name, u32::from_str_radix(&mode.unwrap(), 8).unwrap());
    }
    Build {
        id: manifest.id,
        preset: manifest.preset,
        mode: manifest.mode,
        server: manifest.server,
        entry: path(&manifest.entry),
        instrumentation: manifest.instrumentation.as_deref().map(path),
        exports: manifest.exports,
        versions: manifest.versions,
        sources,
        outside,
        links,
        modes,
    }
}

/// The bytes of all archives by their SHA-256, which is also the name that the archive has for them.
fn blobs() -> BTreeMap<String, Vec<u8>> {
    let mut blobs = BTreeMap::new();
    for file in files(".tar.xz") {
        let archive = fs::read(&file).unwrap();
        let mut archive = tar::Archive::new(lzma_rust2::XzReader::new(archive.as_slice(), false));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap_or_else(|error| panic!("`{}` is damaged: {error}", file.display()));
            let digest = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            blobs.insert(digest, bytes);
        }
    }
    blobs
}

/// The files of the corpus whose names end so, sorted.
fn files(end: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("corpus");
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("`{}`: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    files
}

#[test]
fn the_corpus_is_whole() {
    for (digest, bytes) in blobs() {
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, digest);
    }
    for Build { id, sources, entry, instrumentation, .. } in builds() {
        let has = |path: &ModulePath| sources.iter().any(|(file, _)| file == path);
        assert!(has(entry), "`{id}` has no entry");
        assert!(instrumentation.as_ref().is_none_or(has), "`{id}` has no instrumentation");
    }
}

#[test]
fn the_corpus_has_builds_of_all_kinds() {
    let builds = builds();
    assert!(builds.len() >= 64, "only {} builds", builds.len());
    for mode in [Mode::Default, Mode::TopLevelImport, Mode::DynamicImport] {
        assert!(builds.iter().any(|build| build.mode == mode), "no build of mode {mode:?}");
    }
    // A corpus of one kind of entry would let every property over it pass.
    assert!(builds.iter().any(|build| build.instrumentation.is_none()));
    assert!(builds.iter().any(|build| build.entry.as_str() != "index.mjs"));
}
