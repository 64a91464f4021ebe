//! The `dependencies` of the `package.json` that Nitro writes into a server directory, from which some hosts install.

use std::collections::BTreeMap;

use presentry_rewriter::ModulePath;
use serde_json::Value;

use crate::{
    failure::Failure,
    report::{TracedReport, WireChange},
    store::Place,
    transaction::Change,
};

/// The change that adds the packages of the top to the `dependencies`; `None` where there are none to add to.
pub(super) fn change(place: &Place, traced: &[TracedReport]) -> Result<Option<Change>, Failure> {
    let path = ModulePath::new("package.json").expect("one segment");
    let Some(before) = place.read_file(&path)? else { return Ok(None) };
    let of_top = traced.iter().filter(|package| package.directory == format!("node_modules/{}", package.name));
    let added: BTreeMap<&str, &str> = of_top.map(|package| (&*package.name, &*package.version)).collect();
    let after = with_dependencies(&before, &added).filter(|after| *after != before);
    Ok(after.map(|after| Change {
        path: path.into(),
        kind: WireChange::Dependencies,
        before: Some(before),
        after: Some(after),
        like: None,
    }))
}

/// A `package.json` with more dependencies, in the order of the names, as Nitro writes them. `None` for one that has no
/// `dependencies` or is no JSON: nobody installs from it.
fn with_dependencies(package: &[u8], added: &BTreeMap<&str, &str>) -> Option<Vec<u8>> {
    let mut json: Value = serde_json::from_slice(package).ok()?;
    let dependencies = json.get_mut("dependencies")?.as_object_mut()?;
    let before = dependencies.len();
    for (name, version) in added {
        dependencies.entry(*name).or_insert_with(|| Value::from(*version));
    }
    if dependencies.len() == before {
        return None;
    }
    dependencies.sort_keys();
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
    fn check(package: &str, added: &[(&str, &str)], expected: Option<&str>) {
        let added = added.iter().copied().collect();
        let after = with_dependencies(package.as_bytes(), &added).map(|after| String::from_utf8(after).unwrap());
        assert_eq!(after.as_deref(), expected);
    }

    #[test]
    fn names_are_added_in_order() {
        check(
            "{\n  \"name\": \"a\",\n  \"type\": \"module\",\n  \"dependencies\": {\n    \"b\": \"1.0.0\"\n  }\n}",
            &[("c", "2.0.0"), ("a", "3.0.0"), ("b", "9.0.0")],
            Some(
                "{\n  \"name\": \"a\",\n  \"type\": \"module\",\n  \"dependencies\": {\n    \"a\": \"3.0.0\",\n    \"b\": \"1.0.0\",\n    \"c\": \"2.0.0\"\n  }\n}",
            ),
        );
    }

    #[test]
    fn what_has_no_dependencies_stays() {
        for package in ["{ \"type\": \"module\" }", "[]", "", "{ \"dependencies\": 1 }"] {
            check(package, &[("a", "1.0.0")], None);
        }
        check("{ \"dependencies\": { \"a\": \"1\" } }", &[("a", "2")], None);
    }
}
