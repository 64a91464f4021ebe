//! Other versions than a lockfile's, written into the manifests of a copy of an app.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::cache::Key;

/// What is asked for instead of what the lockfile has. Empty, the lockfile decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Versions of packages that a manifest depends on.
    pub dependencies: BTreeMap<String, String>,
    /// Versions of packages that the app may lack.
    pub additions: BTreeMap<String, String>,
    /// npm's overrides.
    pub overrides: BTreeMap<String, String>,
    /// Whether npm is told to ignore peer dependencies.
    pub legacy_peer_deps: bool,
}

impl Pins {
    /// Whether the lockfile decides.
    pub fn is_empty(&self) -> bool {
        *self == Pins::default()
    }

    /// The key with everything that is asked for.
    #[must_use]
    pub fn in_key(&self, mut key: Key) -> Key {
        for (kind, versions) in
            [("dependency", &self.dependencies), ("addition", &self.additions), ("override", &self.overrides)]
        {
            for (package, version) in versions {
                key = key.with(kind, package).with("is", version);
            }
        }
        if self.legacy_peer_deps { key.with("legacy-peer-deps", "true") } else { key }
    }

    /// Writes them into the manifests of the app in `root`, given by their directories; the first is the root's.
    ///
    /// # Errors
    /// When a manifest cannot be read or written, or none depends on a package that is pinned.
    pub fn write(&self, root: &Path, manifests: &[PathBuf]) -> Result<()> {
        let mut found = BTreeSet::new();
        for (at, directory) in manifests.iter().enumerate() {
            let file = root.join(directory).join("package.json");
            let context = || format!("failed to read `{}`", file.display());
            let text = fs::read_to_string(&file).with_context(context)?;
            let mut manifest: Map<String, Value> = serde_json::from_str(&text).with_context(context)?;
            for group in ["dependencies", "devDependencies", "optionalDependencies"] {
                let Some(group) = manifest.get_mut(group).and_then(Value::as_object_mut) else { continue };
                for (package, version) in self.dependencies.iter().chain(&self.additions) {
                    if let Some(asked) = group.get_mut(package) {
                        *asked = Value::from(version.as_str());
                        found.insert(package.as_str());
                    }
                }
                // npm refuses an override that differs from what the manifest itself asks for.
                for (package, version) in &self.overrides {
                    if let Some(asked) = group.get_mut(package) {
                        *asked = Value::from(version.as_str());
                    }
                }
            }
            if at == 0 && !self.additions.is_empty() {
                let dependencies = manifest.entry("dependencies").or_insert_with(|| Value::Object(Map::new()));
                let dependencies = dependencies.as_object_mut().context("`dependencies` is not an object")?;
                dependencies
                    .extend(self.additions.iter().map(|(name, version)| (name.clone(), version.as_str().into())));
            }
            if at == 0 && !self.overrides.is_empty() {
                let overrides = manifest.entry("overrides").or_insert_with(|| Value::Object(Map::new()));
                let overrides = overrides.as_object_mut().context("`overrides` is no object")?;
                overrides.extend(self.overrides.iter().map(|(name, version)| (name.clone(), version.as_str().into())));
            }
            let text = format!("{}\n", serde_json::to_string_pretty(&manifest)?);
            fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))?;
        }
        if let Some(missing) = self.dependencies.keys().find(|package| !found.contains(package.as_str())) {
            bail!("the app does not depend on `{missing}`, so no version of it can be asked for");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(dependencies: &[(&str, &str)], overrides: &[(&str, &str)]) -> Pins {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Pins { dependencies: owned(dependencies), overrides: owned(overrides), ..Pins::default() }
    }

    #[test]
    fn versions_go_where_they_are_asked_for_and_overrides_to_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("apps/web")).unwrap();
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        let read = |path: &str| -> Value {
            serde_json::from_str(&fs::read_to_string(root.path().join(path)).unwrap()).unwrap()
        };
        write("package.json", r#"{ "overrides": { "own": "1.0.0" } }"#);
        write("apps/web/package.json", r#"{ "devDependencies": { "vinxi": "0.5.11", "other": "1.0.0" } }"#);
        let manifests = [PathBuf::new(), PathBuf::from("apps/web")];
        pins(&[("vinxi", "0.5.3")], &[("nitropack", "2.9.7")]).write(root.path(), &manifests).unwrap();
        assert_eq!(read("package.json")["overrides"], serde_json::json!({ "own": "1.0.0", "nitropack": "2.9.7" }));
        let web = read("apps/web/package.json");
        assert_eq!(web["devDependencies"], serde_json::json!({ "vinxi": "0.5.3", "other": "1.0.0" }));
        assert!(web["overrides"].is_null());
        let additions = pins(&[("new", "11.0.0")], &[]).dependencies;
        Pins { additions, ..Pins::default() }.write(root.path(), &manifests).unwrap();
        assert_eq!(read("package.json")["dependencies"], serde_json::json!({ "new": "11.0.0" }));
        let error = pins(&[("gone", "1.0.0")], &[]).write(root.path(), &manifests).unwrap_err();
        assert!(error.to_string().contains("does not depend on `gone`"));
    }

    #[test]
    fn every_pin_makes_another_key() {
        let digest = |pins: &Pins| pins.in_key(Key::default()).digest();
        let all = [
            Pins::default(),
            pins(&[("a", "1")], &[]),
            pins(&[], &[("a", "1")]),
            pins(&[("a", "2")], &[]),
            Pins { legacy_peer_deps: true, ..Pins::default() },
            Pins { additions: pins(&[("a", "1")], &[]).dependencies, ..Pins::default() },
        ];
        let digests: BTreeSet<String> = all.iter().map(digest).collect();
        assert_eq!(digests.len(), all.len());
        assert!(all[0].is_empty() && !all[4].is_empty());
    }
}
