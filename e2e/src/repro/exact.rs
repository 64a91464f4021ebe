//! Exact versions in a manifest, as the lockfile of npm has them, so that a later `npm install` moves nothing. JSON to JSON.

use serde_json::{Map, Value};

const GROUPS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// Writes the versions of `lock` over the ranges of the manifest in `directory` (relative to the root, with `/`, empty for
/// the root), and the same into the part of the lockfile that repeats the manifest, as `npm ci` compares the two.
pub(crate) fn pin(manifest: &mut Value, lock: &mut Value, directory: &str) {
    let overridden: Vec<String> =
        manifest["overrides"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let Some(packages) = lock["packages"].as_object_mut() else { return };
    for group in GROUPS {
        let Some(wanted) = manifest.get_mut(group).and_then(Value::as_object_mut) else { continue };
        for (package, spec) in wanted {
            // npm refuses an override of a dependency that is not asked for in the same words.
            if overridden.contains(package) || !spec.as_str().is_some_and(is_range) {
                continue;
            }
            let Some(version) = installed(packages, directory, package) else { continue };
            *spec = Value::from(version.as_str());
            let repeated = packages.get_mut(directory).and_then(|own| own.get_mut(group));
            if let Some(repeated) = repeated.and_then(|group| group.get_mut(package)) {
                *repeated = Value::from(version);
            }
        }
    }
}

/// The version of `package` that a module in `directory` gets. A link and a package by another name have none of their own.
fn installed(packages: &Map<String, Value>, directory: &str, package: &str) -> Option<String> {
    let mut above = Some(directory);
    while let Some(at) = above {
        let place =
            if at.is_empty() { format!("node_modules/{package}") } else { format!("{at}/node_modules/{package}") };
        if let Some(found) = packages.get(&place) {
            let is_itself = found["link"] != true && found["name"].is_null();
            return found["version"].as_str().filter(|_| is_itself).map(str::to_owned);
        }
        above = match at.rsplit_once('/') {
            Some((parent, _)) => Some(parent),
            None if at.is_empty() => None,
            None => Some(""),
        };
    }
    None
}

/// A range or a version of the registry; not a path, an address, a tag or another name.
fn is_range(spec: &str) -> bool {
    !spec.contains([':', '/'])
        && spec.chars().next().is_some_and(|first| first.is_ascii_digit() || "^~><=*vx".contains(first))
}

/// Takes the addresses of registries out of a lockfile: npm asks the one that it is configured with, and the address of a
/// private one tells of its owner. What was installed from elsewhere keeps its address.
pub(crate) fn without_registries(lock: &mut Value) {
    let Some(packages) = lock["packages"].as_object_mut() else { return };
    for package in packages.values_mut().filter_map(Value::as_object_mut) {
        let is_registry = |resolved: &Value| {
            resolved.as_str().is_some_and(|address| address.starts_with("http") && address.contains("/-/"))
        };
        if package.get("resolved").is_some_and(is_registry) {
            package.shift_remove("resolved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_become_what_was_installed_in_both_files() {
        let mut manifest = json!({
            "dependencies": {
                "vinxi": "^0.5.0", "@solidjs/start": "~1.3.0", "own": "file:packages/own", "tag": "latest",
                "alias": "npm:other@^1.0.0", "linked": "*", "overridden": "^2.0.0", "gone": "^1.0.0"
            },
            "devDependencies": { "vite": ">=5" },
            "overrides": { "overridden": "^2.0.0" }
        });
        let mut lock = json!({ "packages": {
            "": { "dependencies": { "vinxi": "^0.5.0", "own": "file:packages/own" } },
            "apps/web": { "dependencies": manifest["dependencies"], "devDependencies": { "vite": ">=5" } },
            "node_modules/vinxi": { "version": "0.5.11" },
            "apps/web/node_modules/vinxi": { "version": "0.4.3" },
            "node_modules/@solidjs/start": { "version": "1.3.2" },
            "node_modules/own": { "version": "1.0.0" },
            "node_modules/tag": { "version": "3.0.0" },
            "node_modules/alias": { "name": "other", "version": "1.2.0" },
            "node_modules/linked": { "resolved": "packages/linked", "link": true },
            "node_modules/overridden": { "version": "2.1.0" },
            "node_modules/vite": { "version": "6.0.0" },
        } });
        pin(&mut manifest, &mut lock, "apps/web");
        assert_eq!(
            manifest["dependencies"],
            json!({
                "vinxi": "0.4.3", "@solidjs/start": "1.3.2", "own": "file:packages/own", "tag": "latest",
                "alias": "npm:other@^1.0.0", "linked": "*", "overridden": "^2.0.0", "gone": "^1.0.0"
            })
        );
        assert_eq!(manifest["devDependencies"]["vite"], "6.0.0");
        assert_eq!(lock["packages"]["apps/web"]["dependencies"], manifest["dependencies"]);
        assert_eq!(lock["packages"]["apps/web"]["devDependencies"], manifest["devDependencies"]);
        assert_eq!(lock["packages"][""]["dependencies"]["vinxi"], "^0.5.0");
        let mut of_root = json!({ "dependencies": { "vinxi": "^0.5.0" } });
        pin(&mut of_root, &mut lock, "");
        assert_eq!(of_root["dependencies"]["vinxi"], "0.5.11");
    }

    #[test]
    fn a_lockfile_names_no_registry() {
        let mut lock = json!({ "packages": {
            "node_modules/a": { "version": "1.0.0", "resolved": "https://npm.example/a/-/a-1.0.0.tgz", "integrity": "x" },
            "node_modules/b": { "version": "1.0.0", "resolved": "https://host.example/b.tgz" },
            "node_modules/c": { "resolved": "packages/c", "link": true },
        } });
        without_registries(&mut lock);
        assert_eq!(lock["packages"]["node_modules/a"], json!({ "version": "1.0.0", "integrity": "x" }));
        assert!(!lock["packages"]["node_modules/b"]["resolved"].is_null());
        assert!(!lock["packages"]["node_modules/c"]["resolved"].is_null());
    }
}
