//! The archive that a preset has made of a build, made again as the build will be. Decides; the transaction writes.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use oxc_resolver::FileSystem as _;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{
    diagnostics::archive_unreadable,
    failure::Failure,
    passes::{Plan, Refusal, View},
    store::{
        manifest::{DIRECTORY, WireChange},
        place::Place,
        steps::Change,
        view::{self, Kind},
    },
};

/// Makes the archive of the build again, where the preset makes one and it is there.
///
/// Members that do not change are copied as they are. What is in the output directory and not in the archive is added: the
/// SDK copies the instrumentation into the build after the preset has packed it.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) fn pass(view: &View<'_>, mut plan: Plan) -> Result<Plan, Refusal> {
    if plan.rewrites()
        && let Some(change) = change(view, &plan)?
    {
        plan.added.push(change);
    }
    Ok(plan)
}

fn change(view: &View<'_>, plan: &Plan) -> Result<Option<Change>, Failure> {
    let place = &view.build.place;
    let Some(name) = view.build.found.as_ref().and_then(|found| found.preset.archive) else { return Ok(None) };
    let real = place.output.join(name);
    let Some(path) = place.path_of(&real) else { return Ok(None) };
    let unreadable = |reason: &str| Failure::from(archive_unreadable::diagnostic(&place.show(&path), reason));
    let Some(before) = view.files.file(&real).map_err(|error| unreadable(&error.to_string()))? else { return Ok(None) };
    let changes = plan.changes(view)?;
    let after = plan.over(view)?;
    let modes = modes(place, &changes)?;
    let mut walk =
        Walk { place, archive: name, view: &after, modes: &modes, followed: HashSet::new(), files: BTreeMap::new() };
    walk.list(&place.output, "")?;
    let gone = changes.iter().filter(|change| change.after.is_none());
    let gone: Result<Vec<PathBuf>, Failure> = gone.map(|change| place.entry_path(&change.path)).collect();
    let taken_away = TakenAway {
        files: gone?.iter().filter_map(|real| name_in(place, real)).collect(),
        below: plan.pruned.as_ref().and_then(|_| modules(place)),
    };
    let after = remade(&before, &walk.files, &taken_away).map_err(|reason| unreadable(&reason))?;
    Ok(Some(Change::edited(path, WireChange::Archive, before, after)))
}

/// The files whose permissions the files get that are new.
fn modes(place: &Place, changes: &[Change]) -> Result<BTreeMap<PathBuf, PathBuf>, Failure> {
    let new = changes.iter().filter_map(|change| Some((&change.path, change.like.clone()?)));
    new.map(|(path, like)| Ok((place.real_path(path)?, like))).collect()
}

/// What an archive has and the build will not have.
#[derive(Debug, Default)]
struct TakenAway {
    /// The names of single files.
    files: BTreeSet<String>,
    /// The directory, with its `/`, below which everything goes that is no file of the build: packages were pruned, and a
    /// linked one is in the archive under each of its names.
    below: Option<String>,
}

impl TakenAway {
    fn has(&self, name: &str, files: &BTreeMap<String, Member>) -> bool {
        let is_there = || {
            files.range(name.to_owned()..).next().is_some_and(|(next, _)| match name.ends_with('/') {
                true => next.starts_with(name),
                false => next == name,
            })
        };
        self.files.contains(name) || self.below.as_ref().is_some_and(|below| name.starts_with(below) && !is_there())
    }
}

/// The packages of a build, as a directory in the archive.
fn modules(place: &Place) -> Option<String> {
    name_in(place, &place.server.join("node_modules")).map(|name| format!("{name}/"))
}

/// A file that belongs into the archive.
#[derive(Debug)]
struct Member {
    bytes: Vec<u8>,
    /// Its permissions; `None` where there are none.
    mode: Option<u32>,
}

fn name_in(place: &Place, real: &Path) -> Option<String> {
    let below = real.strip_prefix(&place.output).ok()?;
    Some(below.iter().map(|segment| segment.to_str()).collect::<Option<Vec<&str>>>()?.join("/"))
}

/// Gathers every file of the output directory as it will be, by its name in the archive.
struct Walk<'a> {
    place: &'a Place,
    archive: &'a str,
    view: &'a view::View,
    modes: &'a BTreeMap<PathBuf, PathBuf>,
    /// The linked directories above the one that is listed, so that a circle of links ends.
    followed: HashSet<PathBuf>,
    files: BTreeMap<String, Member>,
}

impl Walk<'_> {
    /// Nitro's archiver follows links, so a linked package is in the archive under each of its names.
    fn list(&mut self, directory: &Path, prefix: &str) -> Result<(), Failure> {
        let failed = || format!("failed to read `{}`", directory.display());
        for (file_name, kind) in self.view.try_list(directory).with_context(failed)? {
            let (path, name) = (directory.join(&file_name), format!("{prefix}{file_name}"));
            let is_ours = file_name == DIRECTORY && directory == self.place.server;
            let Ok(real) = self.view.canonicalize(&path) else { continue };
            if is_ours || name == self.archive || !real.starts_with(&self.place.output) {
                continue;
            }
            if kind == Kind::Directory || !self.view.is_file(&real) {
                if kind == Kind::Link && !self.followed.insert(real.clone()) {
                    continue;
                }
                self.list(&path, &format!("{name}/"))?;
                self.followed.remove(&real);
                continue;
            }
            let Some(bytes) = self.view.file(&real).with_context(|| format!("failed to read `{}`", real.display()))?
            else {
                continue;
            };
            let like = self.modes.get(&real).cloned().unwrap_or_else(|| self.view.like(&real));
            self.files.insert(name, Member { bytes, mode: mode(&real).or_else(|| mode(&like)) });
        }
        Ok(())
    }
}

#[cfg(unix)]
fn mode(file: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).ok().map(|metadata| metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// An archive with the given files, from an older one; the same files give the same bytes.
fn remade(before: &[u8], files: &BTreeMap<String, Member>, taken_away: &TakenAway) -> Result<Vec<u8>, String> {
    let said = |error: zip::result::ZipError| error.to_string();
    let mut old = ZipArchive::new(Cursor::new(before)).map_err(said)?;
    let mut known = BTreeSet::new();
    let mut changes = false;
    let mut newest: Option<DateTime> = None;
    let mut new = ZipWriter::new(Cursor::new(Vec::with_capacity(before.len())));
    new.set_raw_comment(old.comment().into()).map_err(said)?;
    for number in 0..old.len() {
        let member = old.by_index_raw(number).map_err(said)?;
        // A name that cannot be read is none that this build gives.
        let name = member.name().map(|name| name.into_owned()).unwrap_or_default();
        let modified = member.last_modified();
        newest = newest.max(modified);
        known.insert(name.clone());
        if taken_away.has(&name, files) {
            changes = true;
            continue;
        }
        match files.get(&name) {
            Some(file) if !is_same(&member, &file.bytes) => {
                changes = true;
                let mode = member.unix_mode().map(|mode| mode & 0o7777).or(file.mode);
                drop(member);
                add(&mut new, &name, &file.bytes, modified, mode).map_err(said)?;
            }
            _ => new.raw_copy_file(member).map_err(said)?,
        }
    }
    for (name, file) in files.iter().filter(|(name, _)| !known.contains(*name)) {
        changes = true;
        add(&mut new, name, &file.bytes, newest, file.mode).map_err(said)?;
    }
    if !changes {
        return Ok(before.to_vec());
    }
    Ok(new.finish().map_err(said)?.into_inner())
}

fn is_same<R: std::io::Read>(member: &zip::read::ZipFile<'_, R>, bytes: &[u8]) -> bool {
    member.size() == bytes.len() as u64 && member.crc32() == crc32fast::hash(bytes)
}

fn add(
    archive: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    bytes: &[u8],
    modified: Option<DateTime>,
    mode: Option<u32>,
) -> zip::result::ZipResult<()> {
    // As Nitro packs it: `new ZipArchive({ zlib: { level: 9 } })`.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(modified.unwrap_or_default())
        .unix_permissions(mode.unwrap_or(0o644));
    archive.start_file(name, options)?;
    archive.write_all(bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn member(text: &str) -> Member {
        Member { bytes: text.as_bytes().to_vec(), mode: Some(0o644) }
    }

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, Member> {
        list.iter().map(|(name, text)| ((*name).to_owned(), member(text))).collect()
    }

    fn archive(list: &[(&str, &str)]) -> Vec<u8> {
        let empty = ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
        remade(&empty, &files(list), &TakenAway::default()).unwrap()
    }

    fn contents(archive: &[u8]) -> Vec<(String, String)> {
        let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
        (0..archive.len())
            .map(|number| {
                let mut member = archive.by_index(number).unwrap();
                let mut text = String::new();
                member.read_to_string(&mut text).unwrap();
                (member.name().unwrap().into_owned(), text)
            })
            .collect()
    }

    #[test]
    fn members_are_kept_replaced_added_and_taken_away() {
        let before = archive(&[("a", "1"), ("b", "2"), ("gone", "3"), ("not on disk", "4")]);
        let gone = TakenAway { files: BTreeSet::from(["gone".to_owned()]), below: None };
        let after = remade(&before, &files(&[("a", "1"), ("b", "22"), ("c", "5")]), &gone).unwrap();
        let expected = [("a", "1"), ("b", "22"), ("not on disk", "4"), ("c", "5")];
        assert_eq!(contents(&after), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let again = remade(&before, &files(&[("a", "1"), ("b", "22"), ("c", "5")]), &gone).unwrap();
        assert_eq!(after, again, "the same files give the same bytes");
    }

    #[test]
    fn an_archive_that_is_right_stays_byte_for_byte() {
        let before = archive(&[("a", "1"), ("b", "2")]);
        assert_eq!(remade(&before, &files(&[("a", "1"), ("b", "2")]), &TakenAway::default()).unwrap(), before);
    }

    #[test]
    fn what_is_no_archive_is_said() {
        assert!(remade(b"PK", &files(&[]), &TakenAway::default()).is_err());
    }

    #[test]
    fn of_the_packages_only_those_of_the_build_stay() {
        let before = archive(&[("s/index.mjs", "1"), ("s/n/a/x.js", "2"), ("s/n/b/x.js", "3"), ("s/x", "4")]);
        let pruned = TakenAway { files: BTreeSet::new(), below: Some("s/n/".to_owned()) };
        let after = remade(&before, &files(&[("s/index.mjs", "1"), ("s/n/b/x.js", "3")]), &pruned).unwrap();
        let expected = [("s/index.mjs", "1"), ("s/n/b/x.js", "3"), ("s/x", "4")];
        assert_eq!(contents(&after), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let all = files(&[("s/n/a/x.js", ""), ("s/n/b", "")]);
        let gone = ["s/n/", "s/n/a/", "s/n/b", "s/n/c/", "s/n/a"].map(|name| pruned.has(name, &all));
        assert_eq!(gone, [false, false, false, true, true]);
    }
}
