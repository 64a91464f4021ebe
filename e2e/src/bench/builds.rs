//! The builds that are measured: two of the captured corpus, and large ones made from the chunks of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tree;

/// A build of an app on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What it is called in the table.
    pub name: String,
    /// The directory of the app.
    pub app: PathBuf,
    /// The server directory, relative to the app.
    pub server: PathBuf,
    /// The entry, relative to the server directory.
    pub entry: PathBuf,
    /// The instrumentation, relative to the server directory.
    pub instrumentation: PathBuf,
}

/// The part of a manifest that is needed here; `crates/rewriter/tests/it/corpus.rs` reads all of it.
#[derive(Deserialize)]
struct Manifest {
    server: String,
    entry: String,
    instrumentation: Option<String>,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    mode: Option<String>,
    sha256: Option<String>,
}

/// Unpacks the captured build `id` to `app`, which must not exist, under the name that the table has for it.
///
/// # Errors
/// When there is no such build with an instrumentation, when it holds links, or when an archive is damaged.
pub fn capture(corpus: &Path, id: &str, name: &str, app: &Path) -> Result<Build> {
    let manifest = extracted(corpus, id, app)?;
    let instrumentation = manifest.instrumentation.with_context(|| format!("`{id}` has no instrumentation"))?;
    Ok(Build {
        name: name.to_owned(),
        app: app.to_owned(),
        server: manifest.server.into(),
        entry: manifest.entry.into(),
        instrumentation: instrumentation.into(),
    })
}

/// Unpacks the captured build `id` to `app`, which must not exist. The SDK may have put its instrumentation into the entry.
///
/// # Errors
/// When there is no such build, when it holds links, or when an archive is damaged.
pub fn extract(corpus: &Path, id: &str, app: &Path) -> Result<()> {
    extracted(corpus, id, app).map(drop)
}

fn extracted(corpus: &Path, id: &str, app: &Path) -> Result<Manifest> {
    let file = corpus.join(format!("{id}.toml"));
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
    let mut manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("`{}` is no manifest", file.display()))?;
    let mut files: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    for File { path, mode, sha256 } in std::mem::take(&mut manifest.files) {
        let (Some(mode), Some(digest)) = (mode, sha256) else { bail!("`{path}` of `{id}` is no plain file") };
        let mode = u32::from_str_radix(&mode, 8).with_context(|| format!("`{path}` has the mode `{mode}`"))?;
        files.entry(digest).or_default().push((path, mode));
    }
    fs::create_dir_all(app).with_context(|| format!("failed to create `{}`", app.display()))?;
    unpack(corpus, &mut files, app)?;
    if let Some((path, _)) = files.into_values().flatten().next() {
        bail!("no archive holds `{path}` of `{id}`");
    }
    stand_ins(&app.join(&manifest.server))?;
    Ok(manifest)
}

/// Writes the files whose hashes the archives hold, and takes them out of `files`.
fn unpack(corpus: &Path, files: &mut BTreeMap<String, Vec<(String, u32)>>, app: &Path) -> Result<()> {
    for archive in entries(corpus)?.iter().filter(|file| file.to_string_lossy().ends_with(".tar.xz")) {
        let damaged = || format!("`{}` is damaged", archive.display());
        let bytes = fs::read(archive).with_context(|| format!("failed to read `{}`", archive.display()))?;
        let mut reader = tar::Archive::new(lzma_rust2::XzReader::new(bytes.as_slice(), false));
        for blob in reader.entries().with_context(damaged)? {
            let mut blob = blob.with_context(damaged)?;
            let name = blob.path().with_context(damaged)?.to_string_lossy().into_owned();
            let Some(wanted) = files.remove(&name) else { continue };
            let mut contents = Vec::new();
            blob.read_to_end(&mut contents).with_context(damaged)?;
            if tree::digest(&contents) != name {
                bail!("{}: `{name}` has another hash", damaged());
            }
            for (path, mode) in wanted {
                write(&app.join(path), &contents, mode)?;
            }
        }
    }
    Ok(())
}

/// Puts a package with one empty module for each package that the scripts of a server name into its `node_modules`: what was
/// captured are the files of the build alone, and one that lacks its packages is refused.
fn stand_ins(server: &Path) -> Result<()> {
    let bare = regex::Regex::new(r#"(?:from|import)\s*\(?\s*["']((?:@[\w.-]+/)?\w[\w.-]*)(?:/[\w./-]*)?["']"#)?;
    let manifest = r#"{ "version": "1.0.0", "exports": { ".": "./index.mjs", "./*": "./index.mjs" } }"#;
    let mut names = BTreeSet::new();
    for file in walkdir::WalkDir::new(server) {
        let file = file.with_context(|| format!("failed to list `{}`", server.display()))?;
        if file.path().extension().is_some_and(|extension| extension == "mjs") {
            let text = fs::read_to_string(file.path()).with_context(|| format!("failed to read {file:?}"))?;
            names.extend(bare.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
    for name in names {
        let package = server.join("node_modules").join(name);
        write(&package.join("package.json"), manifest.as_bytes(), 0o644)?;
        write(&package.join("index.mjs"), b"export {};\n", 0o644)?;
    }
    Ok(())
}

/// How large a build is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthetic {
    /// How many chunks it has besides those of the build it is made from.
    pub chunks: usize,
    /// How many of them import the entry back.
    pub back_importers: usize,
}

/// Makes a large build at `app`, which must not exist: a facade build whose chunks come many times, each under a name of
/// its own, and all of them loaded by the runtime.
///
/// # Errors
/// When the build is not of the expected shape: `chunks/nitro/nitro.mjs` with one `export { … }` clause at its end, and
/// chunks in `chunks/build` that import it.
pub fn synthetic(facade: &Build, shape: Synthetic, name: &str, app: &Path) -> Result<Build> {
    tree::copy(&facade.app, app, |_| true)?;
    let server = app.join(&facade.server);
    let chunks = server.join("chunks/build");
    let mut templates = Vec::new();
    for file in entries(&chunks)? {
        let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        if text.contains("'../nitro/nitro.mjs'") {
            // The comment at its end names the chunk.
            let body = text.lines().filter(|line| !line.starts_with("//# sourceMappingURL="));
            templates.push(body.fold(String::new(), |body, line| body + line + "\n"));
        }
    }
    if templates.is_empty() {
        bail!("no chunk in `{}` imports the runtime", chunks.display());
    }
    let back_every = shape.chunks.checked_div(shape.back_importers);
    let mut loads = String::from("\n");
    for number in 0..shape.chunks {
        let route = format!("route-{number:05}.mjs");
        let back = back_every.is_some_and(|every| number % every == 0 && number / every < shape.back_importers);
        let import = if back { "import _entry from '../../index.mjs';\n" } else { "" };
        let body = &templates[number % templates.len()];
        let text = format!("{import}{body}//# sourceMappingURL={route}.map\n");
        write(&chunks.join(&route), text.as_bytes(), 0o644)?;
        loads.push_str(&format!("const _route_{number:05} = () => import('../build/{route}');\n"));
    }
    let runtime = server.join("chunks/nitro/nitro.mjs");
    let text = fs::read_to_string(&runtime).with_context(|| format!("failed to read `{}`", runtime.display()))?;
    let exports = text.rfind("\nexport {").with_context(|| format!("`{}` exports nothing", runtime.display()))?;
    let (code, exports) = text.split_at(exports);
    write(&runtime, format!("{code}{loads}{exports}").as_bytes(), 0o644)?;
    Ok(Build { name: name.to_owned(), app: app.to_owned(), ..facade.clone() })
}

/// What a directory holds, sorted.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("failed to list `{}`", directory.display());
    let entries = fs::read_dir(directory).with_context(context)?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}

fn write(file: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let directory = file.parent().unwrap_or(file);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(file, contents))
        .and_then(|()| set_mode(file, mode))
        .with_context(|| format!("failed to write `{}`", file.display()))
}

#[cfg(unix)]
fn set_mode(file: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Snapshot;

    fn corpus() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/rewriter/tests/corpus")
    }

    fn facade(directory: &Path) -> Build {
        capture(&corpus(), "node-server.default", "facade", &directory.join("facade")).unwrap()
    }

    fn read(build: &Build, file: &str) -> String {
        fs::read_to_string(build.app.join(&build.server).join(file)).unwrap()
    }

    #[test]
    fn captured_builds_are_of_the_shapes_that_the_table_says() {
        let directory = tempfile::tempdir().unwrap();
        let facade = facade(directory.path());
        assert!(read(&facade, "index.mjs").contains("from './chunks/nitro/nitro.mjs'"));
        assert!(read(&facade, "instrument.server.mjs").contains("@sentry/solidstart"));
        assert!(read(&facade, "node_modules/@sentry/solidstart/package.json").contains("exports"));
        let inline = capture(&corpus(), "node-cluster.default", "inline", &directory.path().join("inline")).unwrap();
        assert!(read(&inline, "index.mjs").contains("NITRO_ENV_PREFIX"));
        assert!(read(&inline, "chunks/build/index.mjs").contains("from '../../index.mjs'"));
    }

    #[test]
    fn a_capture_that_is_not_there_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let error = capture(&corpus(), "none", "none", directory.path()).unwrap_err();
        assert!(error.to_string().contains("none.toml"), "{error:#}");
    }

    #[test]
    fn files_that_no_archive_holds_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = "server = 's'\nentry = 'e'\ninstrumentation = 'i'\nfiles = [{ path = 's/e', mode = '644', sha256 = '00' }]\n";
        fs::write(directory.path().join("x.toml"), manifest).unwrap();
        let error = capture(directory.path(), "x", "x", &directory.path().join("app")).unwrap_err();
        assert_eq!(error.to_string(), "no archive holds `s/e` of `x`");
    }

    #[test]
    fn large_builds_have_the_chunks_and_back_importers_that_were_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let facade = facade(directory.path());
        let shape = Synthetic { chunks: 10, back_importers: 3 };
        let large = synthetic(&facade, shape, "large", &directory.path().join("large")).unwrap();
        let chunks: Vec<String> =
            (0..10).map(|number| read(&large, &format!("chunks/build/route-{number:05}.mjs"))).collect();
        assert!(chunks.iter().all(|text| text.contains("'../nitro/nitro.mjs'")));
        assert_eq!(chunks.iter().filter(|text| text.contains("'../../index.mjs'")).count(), 3);
        let runtime = read(&large, "chunks/nitro/nitro.mjs");
        assert_eq!(runtime.matches("import('../build/route-").count(), 10);
        assert!(runtime.contains("\nexport {"));
        // The routes, the runtime that loads them, and nothing else.
        let before = Snapshot::take(&facade.app).unwrap();
        assert_eq!(Snapshot::take(&large.app).unwrap().files_not_in(&before).len(), 11);
    }
}
