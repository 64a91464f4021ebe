//! The archive that a preset made of the build before presentry came: it is made again, and comes back by `restore`.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _, Write as _},
};

use zip::{DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::builds::{ALREADY_FIRST, App, nitro_json};

const ARCHIVE: &str = ".output/deploy.zip";

/// A build of the preset `azure-functions`: the archive is packed first, and has itself as a member, half written; the SDK
/// copies the instrumentation into the build later.
pub(crate) fn packed() -> App {
    let app = App::facade();
    pack(&app, &[]);
    app
}

/// Makes such a build of an app; its archive has more members beside the usual ones.
pub(crate) fn pack(app: &App, more: &[String]) {
    app.write(".output/nitro.json", nitro_json("azure-functions"));
    app.write(".output/host.json", "{}");
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let date = DateTime::from_date_and_time(2026, 1, 2, 3, 4, 6).unwrap();
    let options = SimpleFileOptions::default().last_modified_time(date).unix_permissions(0o644);
    archive.start_file("deploy.zip", options).unwrap();
    archive.write_all(b"half").unwrap();
    let usual = ["host.json", "nitro.json", "server/index.mjs", "server/chunks/nitro/nitro.mjs", "server/package.json"];
    for name in usual.into_iter().chain(more.iter().map(String::as_str)) {
        archive.start_file(name, options).unwrap();
        archive.write_all(app.read(&format!(".output/{name}")).as_bytes()).unwrap();
    }
    app.write(ARCHIVE, archive.finish().unwrap().into_inner());
}

pub(crate) fn members(app: &App) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(app.join(ARCHIVE)).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|number| {
            let mut member = archive.by_index(number).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            (member.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

#[test]
fn it_holds_the_rewritten_build() {
    let app = packed();
    let before = app.snapshot();
    let said = app.succeeds(&[]);
    assert!(said.contains("archive  .output/deploy.zip\n"), "{said}");
    let members = members(&app);
    for name in
        ["server/index.mjs", "server/entry.mjs", "server/instrument.server.mjs", "server/chunks/nitro/nitro.mjs"]
    {
        assert_eq!(members[name], app.read(&format!(".output/{name}")).as_bytes(), "{name}");
    }
    assert_eq!(members["deploy.zip"], b"half");
    assert!(members.contains_key("public/robots.txt"));
    assert!(!members.keys().any(|name| name.contains(".presentry")), "{:?}", members.keys());

    let written = app.snapshot();
    assert_eq!(app.succeeds(&[]), ALREADY_FIRST);
    assert_eq!(app.snapshot(), written);
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), before);
    app.succeeds(&[]);
    assert_eq!(app.snapshot(), written, "the same build gives the same bytes");
}

#[test]
fn it_follows_what_changes_later() {
    let app = packed();
    app.succeeds(&[]);
    app.inject_debug_id(".output/server/entry.mjs");
    app.succeeds(&[]);
    assert_eq!(members(&app)["server/entry.mjs"], app.read(".output/server/entry.mjs").as_bytes());
}

#[test]
fn a_build_whose_archive_is_gone_has_none() {
    let app = packed();
    app.remove(ARCHIVE);
    app.succeeds(&[]);
    assert!(!app.join(ARCHIVE).exists());
}

#[test]
fn other_presets_have_no_archive() {
    let app = packed();
    app.write(".output/nitro.json", nitro_json("node-server"));
    let archive = std::fs::read(app.join(ARCHIVE)).unwrap();
    app.succeeds(&[]);
    assert_eq!(std::fs::read(app.join(ARCHIVE)).unwrap(), archive);
}

#[test]
fn a_dry_run_names_it() {
    let app = packed();
    let before = app.snapshot();
    assert!(app.succeeds(&["--dry-run"]).contains("archive  .output/deploy.zip\n"));
    assert_eq!(app.snapshot(), before);
}
