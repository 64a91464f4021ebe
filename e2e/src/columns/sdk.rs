//! The column of the SDK's own way: the same app with `autoInjectServerSentry: "experimental_dynamic-import"`, built and booted
//! as ours. What it fails is the SDK's, and never counts as ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::columns::{Made, Material, Outcome};
use crate::observe::Manner;
use crate::progress::Took;
use crate::resolved;
use crate::runtime;
use crate::scenario::Scenario;
use crate::seen::{Build, Proof};
use crate::trace::RuntimeModules;
use crate::workbench::{Beside, sdk_packages_in, size_of_packages};

/// Where the files are that the SDK's build of a fixture needs, in a directory for each fixture.
pub const DIRECTORY: &str = "e2e/sdk";

/// The option that the column is about, as it is in the app's configuration.
const OPTION: &str = "autoInjectServerSentry: \"experimental_dynamic-import\"";

/// The option of `withSentry` that every configuration of this repository has, as nothing may be uploaded.
const ANCHOR: &str = "sourceMapsUploadOptions:";

/// The names of an app's configuration.
const CONFIGS: [&str; 2] = ["app.config.ts", "app.config.js"];

/// Builds and boots it, as far as the oracles apply to it: it has no instrumentation to preload, and nothing restores it.
pub(super) fn make(of: &Material<'_>) -> Result<Outcome> {
    let Material { bench, prepared, .. } = *of;
    if let Some(reason) = &bench.scenario.sdk.absent {
        return Ok(Outcome::Absent(reason.clone()));
    }
    let scenario = scenario(bench.scenario, &bench.scenario.app_in(&bench.source), &bench.config.overlays)?;
    let logs = bench.logs.join("sdk");
    fs::create_dir_all(&logs).with_context(|| format!("failed to create `{}`", logs.display()))?;
    let app = bench.app_with(&scenario.files, &logs);
    let built = bench.console.step("vinxi build, the SDK alone", || {
        anyhow::Ok(match app.build(bench.cache, &prepared.install, &bench.entry()) {
            Ok(entry) => (Ok(entry.path), if entry.hit { Took::Cached } else { Took::Time }),
            Err(error) => (Err(format!("{error:#}")), Took::Time),
        })
    })?;
    let built = match built {
        Ok(built) => built,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    let copy = bench.copy(&built, "sdk")?;
    let started = if scenario.r#move { bench.move_output("sdk-moved", &copy.app)? } else { copy.app.clone() };
    let server = bench.server(&started);
    let chunk = match &scenario.runtime {
        Some(runtime) => PathBuf::from(runtime),
        None => find_chunk(&server, &scenario.entry, of.chunk)?,
    };
    let check = bench.command("sdk-presentry-check", Some("check"), &[], &copy)?;

    let (lab, started) = (&bench.lab(prepared, &scenario), &started);
    let mut boots = Beside::default();
    let seen = boots.add("sdk-boot", || lab.exercise("sdk-boot", started, Manner::Finished));
    let exports = boots.add("sdk-exports", || lab.exports("sdk-exports", started));
    let throwing = |name: &str, patch| lab.throwing(name, &bench.patched(name, started, &chunk, patch)?);
    let throw_first = boots.add("sdk-throw-first", || throwing("sdk-throw-first", runtime::throw_first));
    let throw_later = boots.add("sdk-throw-later", || throwing("sdk-throw-later", runtime::throw_last));
    boots.run(bench.console);
    let build = Build {
        proof: Proof { rewrite: None, check: check.exit, sources: vec![check.source] },
        modules: RuntimeModules { moved_entry: None, chunk: server.join(&chunk) },
        seen: seen.take()?,
        preloaded: None,
        throw_first: throw_first.take()?,
        throw_later: throw_later.take()?,
        exports: exports.take()?,
        stack: None,
        without_parser: None,
        without_init: None,
        packages: size_of_packages(&server)?,
        sdk_packages: sdk_packages_in(&server),
        resolved: resolved::found(&server, &server)?,
        again: None,
        restored: None,
        command: None,
    };
    Ok(Outcome::Made(Box::new(Made { scenario: Some(scenario), build, moved_entry: None })))
}

/// The scenario as the SDK builds it: over the app in `app` go the files of the fixture from `overlays`, those of the
/// scenario, and the scenario's for this column. The configuration gets the option where it does not have it.
///
/// # Errors
/// When the files cannot be read, or the option cannot be set: another build would be judged than the column says.
pub fn scenario(scenario: &Scenario, app: &Path, overlays: &Path) -> Result<Scenario> {
    let mut files = overlay(&overlays.join(&scenario.fixture))?;
    // The instrumentation of the overlay is what this column's build can have, whatever the scenario does in ours.
    let kept = |name: &String| !(name.contains("instrument.server") && files.contains_key(name));
    let of_scenario: Vec<_> = scenario.files.iter().filter(|(name, _)| kept(name)).collect();
    files.extend(of_scenario.into_iter().map(|(name, text)| (name.clone(), text.clone())));
    files.extend(scenario.sdk.files.clone());
    let hint = format!("write one that has it under `[sdk.files]` of scenario `{}`", scenario.id);
    let written = CONFIGS.iter().find(|name| files.contains_key(**name));
    let Some(config) = written.or_else(|| CONFIGS.iter().find(|name| app.join(name).is_file())) else {
        bail!("`{}` has no {}\nhint: {hint}", app.display(), CONFIGS.join(" and no "));
    };
    let text = match files.get(*config) {
        Some(text) => text.clone(),
        None => fs::read_to_string(app.join(config)).with_context(|| format!("failed to read `{config}`"))?,
    };
    files.insert((*config).to_owned(), with_option(&text).with_context(|| format!("`{config}`, hint: {hint}"))?);
    let mut wrapped = Scenario { files, runtime: scenario.sdk.runtime.clone(), ..scenario.clone() };
    wrapped.absent.moved_entry = Some("the SDK moves none".to_owned());
    Ok(wrapped)
}

/// The configuration with the option. No parser: the configurations are the repository's own, and one that is not as
/// expected is an error.
fn with_option(config: &str) -> Result<String> {
    let mentions = config.matches("autoInjectServerSentry:").count();
    match (config.contains(OPTION), mentions, config.matches(ANCHOR).count()) {
        (true, 1, _) => Ok(config.to_owned()),
        (false, 0, 1) => Ok(config.replace(ANCHOR, &format!("{OPTION}, {ANCHOR}"))),
        _ => bail!("it is not known where `{OPTION}` goes: there is no single `{ANCHOR}`, or another mode is set"),
    }
}

/// The files of a directory, by their paths in it; none where it is not there.
pub(crate) fn overlay(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if !directory.is_dir() {
        return Ok(files);
    }
    for entry in WalkDir::new(directory) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        if entry.file_type().is_file() {
            let text = fs::read_to_string(entry.path())
                .with_context(|| format!("failed to read `{}`", entry.path().display()))?;
            let within = entry.path().strip_prefix(directory).unwrap_or(entry.path());
            files.insert(within.to_string_lossy().replace('\\', "/"), text);
        }
    }
    Ok(files)
}

/// The runtime chunk of a build that the SDK wrapped, relative to the server directory: where the unrewritten build has
/// it; else the largest module that the server directory has under `chunks`; with none the entry.
///
/// # Errors
/// When the directory cannot be read.
pub fn find_chunk(server: &Path, entry: &str, usual: &Path) -> Result<PathBuf> {
    if usual != Path::new(entry) && server.join(usual).is_file() {
        return Ok(usual.to_owned());
    }
    let chunks = server.join("chunks");
    let mut largest: Option<(u64, PathBuf)> = None;
    for directory in [chunks.clone(), chunks.join("nitro")].into_iter().filter(|directory| directory.is_dir()) {
        for entry in fs::read_dir(&directory).with_context(|| format!("failed to read `{}`", directory.display()))? {
            let file = entry?.path();
            let size = file.metadata().map_or(0, |it| it.len());
            let is_module = file.extension().is_some_and(|extension| extension == "mjs");
            if is_module && largest.as_ref().is_none_or(|(most, _)| size > *most) {
                largest = Some((size, file));
            }
        }
    }
    let found = largest.and_then(|(_, file)| file.strip_prefix(server).map(Path::to_owned).ok());
    Ok(found.unwrap_or_else(|| PathBuf::from(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::basic;

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    const DEFAULT_MODE: &str = "withSentry({}, { sourceMapsUploadOptions: { enabled: false } })";

    #[test]
    fn the_scenarios_files_go_over_the_overlay_but_for_the_instrumentation() {
        let root = tempfile::tempdir().unwrap();
        let (app, overlays) = (root.path().join("app"), root.path().join("overlays"));
        write(&app, "app.config.ts", DEFAULT_MODE);
        write(&overlays, "basic/src/instrument.server.ts", "overlay");
        let built = scenario(&basic(), &app, &overlays).unwrap();
        assert!(built.files["app.config.ts"].contains(&format!("{{ {OPTION}, sourceMaps")));
        let mut own = basic();
        own.files.insert("app.config.ts".to_owned(), format!("heroku, {OPTION}"));
        own.files.insert("src/instrument.server.ts".to_owned(), "own".to_owned());
        let built = scenario(&own, &app, &overlays).unwrap();
        assert_eq!(built.files["app.config.ts"], format!("heroku, {OPTION}"));
        assert_eq!(built.files["src/instrument.server.ts"], "overlay");
        assert!(built.absent.moved_entry.is_some());
        assert_eq!(scenario(&own, &app, &app).unwrap().files["src/instrument.server.ts"], "own");
    }

    #[test]
    fn a_build_without_the_option_is_not_judged_as_the_sdks() {
        let root = tempfile::tempdir().unwrap();
        assert!(scenario(&basic(), root.path(), root.path()).unwrap_err().to_string().contains("has no app.config"));
        for wrong in [
            "withSentry({}, {})",
            "withSentry({}, { autoInjectServerSentry: mode, sourceMapsUploadOptions: {} })",
            "sourceMapsUploadOptions: sourceMapsUploadOptions:",
        ] {
            assert!(with_option(wrong).is_err(), "`{wrong}`");
        }
    }

    #[test]
    fn every_scenario_has_a_build_of_the_sdk() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let all = Scenario::read_all(&root.join(crate::scenario::DIRECTORY)).unwrap();
        for one in all.into_iter().filter(|one| one.sdk.absent.is_none()) {
            let app = one.app_in(&root.join("fixtures-apps").join(&one.fixture));
            let built = scenario(&one, &app, &root.join(DIRECTORY)).unwrap();
            let config = CONFIGS.iter().find_map(|name| built.files.get(*name)).unwrap();
            assert!(config.contains(OPTION), "{}: {config}", one.id);
        }
    }

    #[test]
    fn the_runtime_is_where_it_was_or_the_largest_chunk() {
        let server = tempfile::tempdir().unwrap();
        let find = |usual: &str| find_chunk(server.path(), "index.mjs", Path::new(usual)).unwrap();
        assert_eq!(find("chunks/runtime.mjs"), Path::new("index.mjs"));
        write(server.path(), "chunks/nitro/nitro.mjs", "larger");
        write(server.path(), "chunks/small.mjs", "x");
        assert_eq!(find("chunks/runtime.mjs"), Path::new("chunks/nitro/nitro.mjs"));
        assert_eq!(find("chunks/small.mjs"), Path::new("chunks/small.mjs"));
    }
}
