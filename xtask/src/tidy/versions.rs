//! One version everywhere: the manifests, the lockfile, the newest entry of the changelog, and the pages that show one.

use serde_json::Value;

const CHANGELOG: &str = "CHANGELOG.md";

/// How pages show the version of presentry, each in front of it.
const SHOWN: [&str; 4] = ["presentry ", "presentry@", "\"presentry\": \"", "presentry-v"];

/// Everything that has another version than the workspace, one line each.
pub(super) fn versions(metadata: &Value, lockfile: &str, pages: &[(&str, &str)]) -> Vec<String> {
    let packages: Vec<(&str, &str)> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|package| Some((package["name"].as_str()?, package["version"].as_str()?)))
        .collect();
    let Some((_, version)) = packages.iter().find(|(name, _)| *name == "presentry") else {
        return vec!["the workspace has no crate `presentry`".to_owned()];
    };
    let mut found = Vec::new();
    for (name, other) in &packages {
        if other != version {
            found.push(format!("`{name}` has version {other}, and `presentry` {version}"));
        }
        if !lockfile.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")) {
            found.push(format!("`Cargo.lock` does not have `{name}` {version}"));
        }
    }
    for (file, text) in pages {
        if *file == CHANGELOG {
            found.extend(newest(text, version));
            continue;
        }
        for other in shown(text).filter(|other| other != version) {
            found.push(format!("`{file}` shows version {other}, and this is {version}"));
        }
    }
    found
}

/// The first entry of the changelog is that of this version, and has a date.
fn newest(changelog: &str, version: &str) -> Option<String> {
    let first = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default();
    let date = first.strip_prefix(version).and_then(|rest| rest.strip_prefix(" - "));
    let is_date = date.is_some_and(|date| {
        let parts: Vec<&str> = date.split('-').collect();
        let digits = |part: &&str, count| part.len() == count && part.bytes().all(|it| it.is_ascii_digit());
        parts.len() == 3 && digits(&parts[0], 4) && digits(&parts[1], 2) && digits(&parts[2], 2)
    });
    (!is_date).then(|| format!("`{CHANGELOG}` begins with `{first}`, not with `{version} - YYYY-MM-DD`"))
}

/// The versions behind one of [`SHOWN`].
fn shown(text: &str) -> impl Iterator<Item = &str> {
    SHOWN.iter().flat_map(|before| text.split(before).skip(1)).filter_map(|rest| {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
        let version = rest[..end].trim_end_matches('.');
        (version.split('.').count() == 3).then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LOCK: &str = "name = \"presentry\"\nversion = \"0.2.0\"\nname = \"xtask\"\nversion = \"0.2.0\"\n";

    fn found(xtask: &str, lockfile: &str, pages: &[(&str, &str)]) -> Vec<String> {
        let package = |name: &str, version: &str| json!({ "name": name, "version": version });
        versions(&json!({ "packages": [package("presentry", "0.2.0"), package("xtask", xtask)] }), lockfile, pages)
    }

    #[test]
    fn one_version_is_tidy() {
        let pages = [
            ("README.md", "// presentry 0.2.0 155d\n"),
            ("docs/a.md", "stores that 0.1.0 wrote; `\"presentry\": \"0.2.0\"`, presentry 10 times"),
            ("CHANGELOG.md", "# Changelog\n\n## 0.2.0 - 2026-11-27\n\n## 0.1.0 - 2026-11-22\n"),
        ];
        assert_eq!(found("0.2.0", LOCK, &pages), [""; 0]);
    }

    #[test]
    fn every_other_version_is_found() {
        let pages = [
            ("README.md", "// presentry 0.1.0 155d\n"),
            ("docs/a.md", "npx presentry@0.3.0."),
            ("CHANGELOG.md", "## Unreleased\n"),
        ];
        assert_eq!(
            found("0.1.0", "", &pages),
            [
                "`Cargo.lock` does not have `presentry` 0.2.0",
                "`xtask` has version 0.1.0, and `presentry` 0.2.0",
                "`Cargo.lock` does not have `xtask` 0.2.0",
                "`README.md` shows version 0.1.0, and this is 0.2.0",
                "`docs/a.md` shows version 0.3.0, and this is 0.2.0",
                "`CHANGELOG.md` begins with `Unreleased`, not with `0.2.0 - YYYY-MM-DD`",
            ]
        );
        assert!(!found("0.2.0", LOCK, &[("CHANGELOG.md", "## 0.2.0 - soon\n")]).is_empty());
    }
}
