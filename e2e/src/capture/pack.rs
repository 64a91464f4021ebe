//! From captures to the files of the corpus: a manifest for each build, and archives with the bytes of all.
//!
//! Most files are in many builds, alike or nearly so. So the bytes are stored once, under their hash, and files of one
//! name lie next to each other in the archive, where xz finds what they share. The same captures give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lzma_rust2::{XzOptions, XzWriter};
use walkdir::WalkDir;

use super::{Capture, List, RECORD, Row};
use crate::tree;

/// The size that an archive must not exceed, in bytes: forges and reviewers dislike larger files.
const LIMIT: usize = 900 * 1024;

/// What xz looks back for: more than all blobs together have.
const DICTIONARY: u32 = 64 * 1024 * 1024;

/// What has been packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// How many builds.
    pub builds: usize,
    /// How many files the builds have together.
    pub files: usize,
    /// How many of them differ.
    pub blobs: usize,
    /// How many bytes those are.
    pub bytes: usize,
    /// The archives and the size of each.
    pub archives: Vec<(String, usize)>,
}

/// Replaces what is in `corpus` by the captures of all builds of the list.
///
/// # Errors
/// When a build has no capture, a capture lacks the entry, a path in it is not Unicode, or the corpus cannot be written.
pub fn pack(list: &List, captures: &Path, corpus: &Path) -> Result<Packed> {
    let mut blobs = BTreeMap::new();
    let mut manifests = Vec::new();
    let mut files = 0;
    for row in &list.build {
        let build = Build::read(row, &captures.join(&row.id), &mut blobs)
            .with_context(|| format!("the capture `{}` cannot be packed", row.id))?;
        files += build.files.len();
        manifests.push((format!("{}.toml", row.id), build.manifest(row)));
    }
    let sorted = {
        let mut sorted: Vec<&Blob> = blobs.values().collect();
        sorted.sort_by(|a, b| (&a.name, a.bytes.len(), &a.digest).cmp(&(&b.name, b.bytes.len(), &b.digest)));
        sorted
    };
    let archives = archives(&sorted)?;

    remove_corpus(corpus)?;
    let write = |name: &str, bytes: &[u8]| {
        let file = corpus.join(name);
        fs::write(&file, bytes).with_context(|| format!("failed to write `{}`", file.display()))
    };
    for (name, text) in &manifests {
        write(name, text.as_bytes())?;
    }
    let mut sizes = Vec::new();
    for (index, archive) in archives.iter().enumerate() {
        let name = format!("blobs-{:02}.tar.xz", index + 1);
        write(&name, archive)?;
        sizes.push((name, archive.len()));
    }
    let bytes = sorted.iter().map(|blob| blob.bytes.len()).sum();
    Ok(Packed { builds: manifests.len(), files, blobs: sorted.len(), bytes, archives: sizes })
}

/// Contents that some file has.
struct Blob {
    digest: String,
    /// The name of the file that had them first, to lay like beside like.
    name: String,
    bytes: Vec<u8>,
}

struct Build {
    capture: Capture,
    instrumentation: Option<String>,
    files: Vec<File>,
}

struct File {
    /// Relative to the app, with `/`.
    path: String,
    is: Is,
}

enum Is {
    Contents { digest: String, mode: u32 },
    Link { target: String },
}

impl Build {
    fn read(row: &Row, directory: &Path, blobs: &mut BTreeMap<String, Blob>) -> Result<Build> {
        let record = directory.join(RECORD);
        let text = fs::read_to_string(&record).with_context(|| format!("failed to read `{}`", record.display()))?;
        let capture = serde_json::from_str(&text).with_context(|| format!("`{}` is no record", record.display()))?;
        let mut files = Vec::new();
        for entry in WalkDir::new(directory).sort_by_file_name() {
            let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
            let kind = entry.file_type();
            let path = text_of(entry.path().strip_prefix(directory).unwrap_or(entry.path()))?;
            if kind.is_dir() || !is_wanted(row, &path) {
                continue;
            }
            let is = if kind.is_symlink() {
                let target = fs::read_link(entry.path())
                    .with_context(|| format!("failed to read the link `{}`", entry.path().display()))?;
                Is::Link { target: text_of(&target)? }
            } else {
                let bytes =
                    fs::read(entry.path()).with_context(|| format!("failed to read `{}`", entry.path().display()))?;
                let digest = tree::digest(&bytes);
                let name = entry.file_name().to_string_lossy().into_owned();
                let mode = mode(&entry.metadata()?);
                blobs.entry(digest.clone()).or_insert_with(|| Blob { digest: digest.clone(), name, bytes });
                Is::Contents { digest, mode }
            };
            files.push(File { path, is });
        }
        let in_server = |name: &str| format!("{}/{name}", row.server);
        if !files.iter().any(|file| file.path == in_server(&row.entry)) {
            bail!("it has no `{}`", in_server(&row.entry));
        }
        let instrumentation = "instrument.server.mjs";
        let instrumentation =
            files.iter().any(|file| file.path == in_server(instrumentation)).then(|| instrumentation.to_owned());
        Ok(Build { capture, instrumentation, files })
    }

    /// The manifest. Written by hand, so that a file or an export is a line.
    fn manifest(&self, row: &Row) -> String {
        let Build { capture, instrumentation, files } = self;
        let mut text =
            String::from("# Written by `cargo xtask capture`; `e2e/captures.toml` has the row that was built.\n");
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("id = {}", quoted(&row.id)));
        line(format!("preset = {}", quoted(&row.preset)));
        if capture.preset != row.preset {
            line(format!("nitro_preset = {}", quoted(&capture.preset)));
        }
        line(format!("mode = {}", quoted(row.mode.name())));
        line(format!("date = {}", quoted(&capture.date)));
        line(format!("server = {}", quoted(&row.server)));
        line(format!("entry = {}", quoted(&row.entry)));
        if let Some(name) = instrumentation {
            line(format!("instrumentation = {}", quoted(name)));
        }
        if let Some(error) = &capture.load_error {
            line("# Node cannot import the entry as it was built.".to_owned());
            line(format!("load_error = {}", quoted(error)));
        }
        if let Some(exports) = &capture.exports {
            line(if exports.is_empty() { "exports = []".to_owned() } else { "exports = [".to_owned() });
            for export in exports {
                let mut row = format!("  {{ name = {}, type = {}", quoted(&export.name), quoted(&export.r#type));
                if let Some(constructor) = &export.constructor {
                    let _ = write!(row, ", constructor = {}", quoted(constructor));
                }
                if export.class {
                    row.push_str(", class = true");
                }
                if let Some(length) = export.length {
                    let _ = write!(row, ", length = {length}");
                }
                if !export.own.is_empty() {
                    let own: Vec<String> = export.own.iter().map(|key| quoted(key)).collect();
                    let _ = write!(row, ", own = [{}]", own.join(", "));
                }
                line(format!("{row} }},"));
            }
            if !exports.is_empty() {
                line("]".to_owned());
            }
        }
        line("files = [".to_owned());
        for File { path, is } in files {
            line(match is {
                Is::Link { target } => format!("  {{ path = {}, link = {} }},", quoted(path), quoted(target)),
                Is::Contents { digest, mode } => {
                    format!("  {{ path = {}, mode = \"{mode:o}\", sha256 = \"{digest}\" }},", quoted(path))
                }
            });
        }
        line("]".to_owned());
        line(String::new());
        line("[versions]".to_owned());
        for (package, version) in &capture.versions {
            line(format!("{} = {}", quoted(package), quoted(version)));
        }
        text
    }
}

/// Whether the rewriter, or whoever looks for the build, reads such a file.
fn is_wanted(row: &Row, path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    let Some((name, directories)) = segments.split_last() else { return false };
    if directories.is_empty() || directories.contains(&"node_modules") {
        return false;
    }
    if path.starts_with(&format!("{}/", row.server)) {
        return row.keep_maps || !name.ends_with(".map");
    }
    let is_public = directories.iter().any(|directory| ["public", "static", "dist"].contains(directory));
    let is_text = [".json", ".js", ".mjs", ".cjs", ".toml", ".yaml", ".func"].iter().any(|end| name.ends_with(end));
    !is_public && is_text
}

/// The blobs in as few archives as the limit allows.
fn archives(blobs: &[&Blob]) -> Result<Vec<Vec<u8>>> {
    let mut count = 1;
    loop {
        let archives: Vec<Vec<u8>> = shares(blobs, count).into_iter().map(archive).collect::<Result<_>>()?;
        if archives.iter().all(|archive| archive.len() <= LIMIT) {
            return Ok(archives);
        }
        if count >= blobs.len() {
            bail!("a single file takes more than {LIMIT} bytes, compressed");
        }
        count += 1;
    }
}

/// `count` runs of about as many bytes each.
fn shares<'a>(blobs: &'a [&'a Blob], count: usize) -> Vec<&'a [&'a Blob]> {
    let total: usize = blobs.iter().map(|blob| blob.bytes.len()).sum();
    let share = total.div_ceil(count).max(1);
    let mut before = 0;
    let numbers = blobs.iter().map(|blob| {
        let number = before / share;
        before += blob.bytes.len();
        number
    });
    let numbers: Vec<usize> = numbers.collect();
    let mut rest = blobs;
    let mut shares = Vec::new();
    for number in numbers.iter().collect::<BTreeSet<_>>() {
        let (run, after) = rest.split_at(numbers.iter().filter(|other| *other == number).count());
        shares.push(run);
        rest = after;
    }
    shares
}

fn archive(blobs: &[&Blob]) -> Result<Vec<u8>> {
    let mut options = XzOptions::with_preset(9);
    options.lzma_options.dict_size = DICTIONARY;
    let mut tar = tar::Builder::new(XzWriter::new(Vec::new(), options)?);
    for blob in blobs {
        let mut header = tar::Header::new_ustar();
        header.set_size(blob.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, &blob.digest, blob.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// Removes manifests and archives, of builds that are no longer in the list as well.
fn remove_corpus(corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("failed to create `{}`", corpus.display()))?;
    let entries = fs::read_dir(corpus).with_context(|| format!("failed to read `{}`", corpus.display()))?;
    for entry in entries {
        let file: PathBuf = entry.with_context(|| format!("failed to read `{}`", corpus.display()))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".toml") || name.ends_with(".tar.xz") {
            fs::remove_file(&file).with_context(|| format!("failed to remove `{}`", file.display()))?;
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn text_of(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("`{}` is not Unicode", path.display()))?;
    Ok(text.replace(std::path::MAIN_SEPARATOR, "/"))
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0o644
}
