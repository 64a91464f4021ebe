//! Which versions of Sentry's packages the files of a build find, and those of the app: an app may have two of one package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use walkdir::WalkDir;

use crate::app::{locate, manifest, version};

const SCOPE: &str = "@sentry/";

/// Who imports what, and the versions that are found: several where the importer is there several times.
pub type Found = BTreeMap<(String, String), BTreeSet<String>>;

/// What the files in `app`, and the packages of Sentry below `directory`, find of Sentry's packages.
///
/// # Errors
/// When a manifest cannot be read.
pub fn found(directory: &Path, app: &Path) -> Result<Found> {
    let mut found = Found::new();
    let mut note = |importer: &str, from: &Path, package: &str| -> Result<()> {
        // What is not there is not imported, or another check's business.
        if let Ok(place) = locate(from, package) {
            found.entry((importer.to_owned(), package.to_owned())).or_default().insert(version(&place)?);
        }
        Ok(())
    };
    for entry in WalkDir::new(directory).into_iter() {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        let within = entry.path().parent().is_some_and(|parent| parent.ends_with("node_modules/@sentry"))
            || entry.path().parent().is_some_and(|parent| parent.ends_with("node_modules/.nitro/@sentry"));
        if !within || !entry.path().join("package.json").is_file() {
            continue;
        }
        let package = manifest(entry.path())?;
        let name = package["name"].as_str().unwrap_or_default();
        let importer = format!("{name} {}", package["version"].as_str().unwrap_or_default());
        let dependencies =
            package["dependencies"].as_object().into_iter().flat_map(serde_json::Map::<String, Value>::keys);
        for dependency in dependencies.filter(|dependency| dependency.starts_with(SCOPE)) {
            note(&importer, entry.path(), dependency)?;
        }
        note("the app", app, name)?;
    }
    Ok(found)
}

/// What a build finds in another version than the app does, a line each. What the app does not find at all tells nothing.
pub fn differences(app: &Found, build: &Found) -> Vec<String> {
    let listed = |versions: &BTreeSet<String>| versions.iter().cloned().collect::<Vec<_>>().join(" and ");
    let is_other = |(key, versions): &(&(String, String), &BTreeSet<String>)| {
        app.get(*key).is_some_and(|wanted| !versions.is_subset(wanted))
    };
    if !build.is_empty() && !build.keys().any(|key| app.contains_key(key)) {
        return vec!["nothing that the build finds was looked up in the app".to_owned()];
    }
    build
        .iter()
        .filter(is_other)
        .map(|(key, versions)| {
            let wanted = app.get(key).map(listed).unwrap_or_default();
            format!("{} finds `{}` {}, wanted {wanted}", key.0, key.1, listed(versions))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(root: &Path, at: &str, name: &str, version: &str, dependency: &str) {
        let directory = root.join(at);
        std::fs::create_dir_all(&directory).unwrap();
        let manifest = serde_json::json!({ "name": name, "version": version, "dependencies": { dependency: "*" } });
        std::fs::write(directory.join("package.json"), manifest.to_string()).unwrap();
    }

    #[test]
    fn each_file_finds_the_version_that_it_finds_in_the_app() {
        let (app, build) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (root, nested) in [(app.path(), true), (build.path(), false)] {
            package(root, "node_modules/@sentry/node", "@sentry/node", "11.12.0", "@sentry/core");
            package(root, "node_modules/@sentry/core", "@sentry/core", "11.12.0", "none");
            let old = "node_modules/@sentry/solidstart";
            package(root, old, "@sentry/solidstart", "10.70.0", "@sentry/core");
            if nested {
                package(root, &format!("{old}/node_modules/@sentry/core"), "@sentry/core", "10.70.0", "none");
            }
        }
        let (in_app, in_build) = (found(app.path(), app.path()).unwrap(), found(build.path(), build.path()).unwrap());
        assert_eq!(differences(&in_app, &in_app), [""; 0]);
        assert_eq!(differences(&Found::new(), &in_build).len(), 1);
        assert_eq!(
            differences(&in_app, &in_build),
            ["@sentry/solidstart 10.70.0 finds `@sentry/core` 11.12.0, wanted 10.70.0"]
        );
    }
}
