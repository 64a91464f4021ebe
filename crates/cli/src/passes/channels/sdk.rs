//! Which SDK a build runs, and whether it injects channels. Reads manifests.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{passes::channels::wire::Refused, store::place::Place};

/// The package that makes the client. The packages of Sentry's for other runtimes and hosts depend on it.
const CLIENT: &str = "@sentry/node";

/// Finds the client of the SDK that the instrumentation imports by one of these names, as the app has it: what Nitro copied lacks
/// what no module of the build needed.
pub(super) fn find(place: &Place, app: &Path, names: &[String]) -> Result<PathBuf, Refused> {
    let found = names.iter().find_map(|name| {
        let (in_build, in_app) = (client(name, &place.server), client(name, app));
        Some((in_build.or_else(|| in_app.clone())?, in_app))
    });
    let Some((of_build, of_app)) = found else {
        let name = names.first().map_or("", String::as_str);
        return Err(Refused::without_channels(format!("`{name}` does not bring `{CLIENT}`")));
    };
    let version = version_of(&of_build).unwrap_or_default();
    if !has_channels(&version) {
        return Err(Refused::without_channels(format!("`{CLIENT}` {version} does not inject channels here")));
    }
    let Some(directory) = of_app else {
        return Err(Refused::because(format!("the app has no `{CLIENT}` {version}, which the build has")));
    };
    if !has_public_transformer(&directory) {
        return Err(Refused::without_channels(format!("the transformer of `{CLIENT}` {version} is not public")));
    }
    match version_of(&directory) {
        Some(same) if same == version => Ok(directory),
        other => Err(Refused::because(format!(
            "the build has `{CLIENT}` {version}, and the app has {}",
            other.unwrap_or_default()
        ))),
    }
}

/// Version 11 injects channels. Versions 10.71 to 10.78 do where they are told to, with a transformer that is not public.
fn has_channels(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u64>().ok()).is_some_and(|major| major >= 11)
}

/// Whether the package of the client's that transforms exports what does. Version 11.0 has it inside alone.
fn has_public_transformer(client: &Path) -> bool {
    let manifest = package_above(client, "@sentry/server-utils").map(|utils| utils.join("package.json"));
    let manifest = manifest.and_then(|manifest| fs::read(manifest).ok()).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    manifest.get("exports").is_some_and(|exports| exports.get("./orchestrion/load-hook").is_some())
}

/// Whether a package of the app, such as a company's own for observability, depends on one of Sentry's.
pub(super) fn is_dependency_of(name: &str, app: &Path) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Manifest {
        dependencies: BTreeMap<String, serde_json::Value>,
        peer_dependencies: BTreeMap<String, serde_json::Value>,
    }
    let manifest = package_above(app, name).and_then(|package| fs::read(package.join("package.json")).ok());
    let manifest: Manifest = serde_json::from_slice(&manifest.unwrap_or_default()).unwrap_or_default();
    manifest.dependencies.keys().chain(manifest.peer_dependencies.keys()).any(|name| name.starts_with("@sentry/"))
}

/// The directory of the client, as Node finds it from another directory, through a package of Sentry's or one that depends on it.
fn client(name: &str, from: &Path) -> Option<PathBuf> {
    let directory = package_above(from, name)?;
    if name == CLIENT { Some(directory) } else { package_above(&directory, CLIENT) }
}

fn package_above(from: &Path, name: &str) -> Option<PathBuf> {
    let mut places = from.ancestors().map(|above| above.join("node_modules").join(name));
    places.find(|place| place.join("package.json").is_file()).and_then(|place| dunce::canonicalize(place).ok())
}

/// The version of the package in a directory.
pub(super) fn version_of(directory: &Path) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(directory.join("package.json")).ok()?).ok()?;
    manifest.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::has_channels;

    #[test]
    fn versions_with_channels() {
        for (version, expected) in
            [("11.12.0", true), ("12.0.0-beta.1", true), ("10.78.0", false), ("9.47.1", false), ("", false)]
        {
            assert_eq!(has_channels(version), expected, "{version}");
        }
    }
}
