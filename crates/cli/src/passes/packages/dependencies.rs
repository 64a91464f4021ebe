//! The `dependencies` of the `package.json` that Nitro writes into a server directory, from which some hosts install.

use std::collections::{BTreeMap, BTreeSet};

use presentry_rewriter::ModulePath;
use serde_json::Value;

use crate::{
    failure::Failure,
    passes::{Plan, View},
    paths::package_directory,
    store::{
        history::{self, Tracked},
        manifest::{PrunedPackages, WireChange},
        steps::Change,
    },
};

/// The file, relative to the server directory.
pub(crate) const FILE: &str = "package.json";

/// The change of the file for the packages that a plan adds and takes out.
pub(super) fn change(view: &View<'_>, plan: &Plan) -> Result<Option<Change>, Failure> {
    let place = &view.build.place;
    let path = ModulePath::new(FILE).expect("one segment");
    let Some(original) = history::read(&view.modules, &path)? else { return Ok(None) };
    let of_top = |directory: &str, name: &str| directory.strip_prefix("node_modules/") == Some(name);
    let traced = plan.traced.iter().filter(|package| of_top(&package.directory, &package.name));
    let mut added: BTreeMap<String, String> =
        traced.map(|package| (package.name.clone(), package.version.clone())).collect();
    let stays = |one: &&Tracked| one.file.kind == WireChange::Package && plan.stays(one);
    let staying: Vec<&Tracked> = view.earlier.tracked.iter().filter(stays).collect();
    // Those of an earlier run are named already, with their versions.
    let named = match staying.is_empty() {
        true => BTreeMap::new(),
        false => versions(&place.read_file(&path)?.unwrap_or_default()),
    };
    for one in staying {
        let directory = package_directory(one.file.path.as_str());
        if let Some((name, version)) = named.iter().find(|(name, _)| of_top(directory, name)) {
            added.entry(name.clone()).or_insert_with(|| version.clone());
        }
    }
    let gone = plan.pruned.iter().flat_map(names).map(str::to_owned).collect();
    let after = changed(&original, &added, &gone).unwrap_or_else(|| original.clone());
    Ok(Some(Change::edited(path.into(), WireChange::Dependencies, original, after)))
}

/// The names of the packages that are taken out of the top of `node_modules`.
fn names(pruned: &PrunedPackages) -> impl Iterator<Item = &str> {
    let names = pruned.packages.iter().filter_map(|package| package.strip_prefix("node_modules/"));
    names.filter(|name| !name.contains("node_modules/"))
}

/// The versions that a `package.json` asks for, by the names of packages.
pub(crate) fn versions(package: &[u8]) -> BTreeMap<String, String> {
    let json: Value = serde_json::from_slice(package).unwrap_or_default();
    let dependencies = json["dependencies"].as_object().into_iter().flatten();
    dependencies.filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned()))).collect()
}

/// A `package.json` with more dependencies, in the order of the names, as Nitro writes them, and without others. `None` where
/// that is the same, or for one that has no `dependencies` or is no JSON: nobody installs from it.
pub(crate) fn changed(package: &[u8], added: &BTreeMap<String, String>, gone: &BTreeSet<String>) -> Option<Vec<u8>> {
    if added.is_empty() && gone.is_empty() {
        return None;
    }
    let mut json: Value = serde_json::from_slice(package).ok()?;
    let dependencies = json.get_mut("dependencies")?.as_object_mut()?;
    let before = dependencies.len();
    dependencies.retain(|name, _| !gone.contains(name));
    let left = dependencies.len();
    for (name, version) in added {
        dependencies.entry(name.as_str()).or_insert_with(|| Value::from(version.as_str()));
    }
    if dependencies.len() > left {
        dependencies.sort_keys();
    } else if left == before {
        return None;
    }
    let mut text = serde_json::to_vec_pretty(&json).ok()?;
    if package.ends_with(b"\n") {
        text.push(b'\n');
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(package: &str, added: &[(&str, &str)], gone: &[&str], expected: Option<&str>) {
        let added = added.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let gone = gone.iter().map(|name| (*name).to_owned()).collect();
        let after = changed(package.as_bytes(), &added, &gone).map(|after| String::from_utf8(after).unwrap());
        assert_eq!(after.as_deref(), expected);
    }

    #[test]
    fn names_are_added_in_order() {
        check(
            "{\n  \"name\": \"a\",\n  \"type\": \"module\",\n  \"dependencies\": {\n    \"b\": \"1.0.0\"\n  }\n}",
            &[("c", "2.0.0"), ("a", "3.0.0"), ("b", "9.0.0")],
            &[],
            Some(
                "{\n  \"name\": \"a\",\n  \"type\": \"module\",\n  \"dependencies\": {\n    \"a\": \"3.0.0\",\n    \"b\": \"1.0.0\",\n    \"c\": \"2.0.0\"\n  }\n}",
            ),
        );
    }

    #[test]
    fn names_of_what_is_gone_go_and_the_others_stay_where_they_are() {
        check(
            "{ \"dependencies\": { \"c\": \"1\", \"b\": \"1\", \"a\": \"1\" } }\n",
            &[],
            &["b", "x"],
            Some("{\n  \"dependencies\": {\n    \"c\": \"1\",\n    \"a\": \"1\"\n  }\n}\n"),
        );
        check("{ \"dependencies\": { \"a\": \"1\" } }", &[], &["x"], None);
    }

    #[test]
    fn what_has_no_dependencies_stays() {
        for package in ["{ \"type\": \"module\" }", "[]", "", "{ \"dependencies\": 1 }"] {
            check(package, &[("a", "1.0.0")], &["b"], None);
        }
        check("{ \"dependencies\": { \"a\": \"1\" } }", &[("a", "2")], &[], None);
    }

    #[test]
    fn versions_are_read() {
        let package = b"{ \"dependencies\": { \"a\": \"1\", \"b\": 2 } }";
        assert_eq!(versions(package), BTreeMap::from([("a".to_owned(), "1".to_owned())]));
        assert_eq!(versions(b"{}"), BTreeMap::new());
    }
}
