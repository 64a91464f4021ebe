//! Which of the libraries that Sentry instruments are bundled into a build. Reads names of files, source maps, and texts of
//! scripts: for what Sentry's build plugin leaves there, and, where nothing else tells, for the strings of a library.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use presentry_rewriter::{
    ModulePath, diagnostics::Diagnostic, instrumented, instrumented_by_plugin, instrumented_by_sdk, is_script, marker,
};
use serde::Deserialize;

use crate::{
    diagnostics::bundled_library,
    find::texts::Texts,
    paths::{join, show},
    store::{
        disk::DiskSources,
        view::{Kind, View},
    },
};

/// Where Nitro 3 puts modules that are made of packages alone, relative to the server directory. Nitro 2 has no such
/// directory.
const DIRECTORY: &str = "_libs";

/// The libraries that are bundled into a build, and that Sentry's own build plugin did not inject.
#[derive(Debug, Default)]
pub(crate) struct Bundled {
    /// Each with the directory or the script that it is in, as the user would write it.
    libraries: BTreeMap<String, String>,
    nitro: Nitro,
    /// Those that presentry has injected before, as the build has it now, where there are libraries.
    pub(crate) injected: BTreeSet<String>,
}

/// What stands in the name of a module of Nitro 3 for packages that are not named.
const CUT_SHORT: &str = "[...]";

/// How a build is laid out.
#[derive(Clone, Copy, Debug, Default)]
enum Nitro {
    #[default]
    Two,
    Three,
}

/// Looks for them. `shown` is the server directory as the user would write it.
pub(crate) fn bundled(server: &Path, shown: &str, app: &Path) -> Bundled {
    let nitro = if server.join(DIRECTORY).is_dir() { Nitro::Three } else { Nitro::Two };
    let of_app = packages_above(app);
    let (mut libraries, untold) = match nitro {
        Nitro::Three => of_nitro_3(server, shown),
        // Where the app has no packages, nothing tells what such scripts say.
        Nitro::Two => of_nitro_2(server, shown, !of_app.is_empty()),
    };
    let of_app = if untold.is_empty() { Vec::new() } else { of_app };
    if !libraries.is_empty() || !of_app.is_empty() {
        let instrumented = instrumented_by(server, app);
        libraries.retain(|package, _| instrumented.contains(package));
        for (package, script) in by_their_texts(server, &of_app, &instrumented, untold) {
            libraries.entry(package).or_insert_with(|| shown_script(server, shown, &script));
        }
    }
    if libraries.is_empty() {
        return Bundled { nitro, ..Bundled::default() };
    }
    let (by_plugin, injected) = injected(server);
    libraries.retain(|library, _| !by_plugin.contains(library));
    Bundled { libraries, nitro, injected }
}

impl Bundled {
    /// A warning where there are any that are not `injected` ahead of time either.
    pub(crate) fn warning(&self, injected: &BTreeSet<String>) -> Option<Diagnostic> {
        let left = self.libraries.iter().filter(|(library, _)| !injected.contains(*library));
        let (names, places): (Vec<&str>, Vec<&String>) = left.map(|(name, place)| (name.as_str(), place)).unzip();
        let place = places.first()?;
        Some(match self.nitro {
            Nitro::Two => bundled_library::inlined(&names, place),
            Nitro::Three => bundled_library::diagnostic(&names, place),
        })
    }
}

/// The names of what the SDK instruments that the build has, or the app where the build lacks it.
fn instrumented_by(server: &Path, app: &Path) -> BTreeSet<String> {
    let app = &canonical(app);
    let has_sdk = |place: &&Path| place.join("node_modules/@sentry").is_dir();
    let mut places = std::iter::once(server).chain(app.ancestors()).filter(has_sdk);
    let any_module = ModulePath::new("index.mjs").expect("the name of a file");
    let by_sdk = places.find_map(|place| instrumented_by_sdk(&DiskSources::new(place), &any_module));
    by_sdk.unwrap_or_else(|| instrumented().map(str::to_owned).collect())
}

fn canonical(directory: &Path) -> PathBuf {
    dunce::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
}

/// The packages of a build by name, each with a script that holds it, and the scripts of which nothing is known.
///
/// Nitro 2 leaves packages in `node_modules`, unless `externals.inline`, `noExternals` or a framework says otherwise. Which
/// files a script was made of, its source map tells.
fn of_nitro_2(server: &Path, shown: &str, and_without_map: bool) -> (BTreeMap<String, String>, Vec<PathBuf>) {
    let mut bundled = BTreeMap::new();
    let mut untold = Vec::new();
    for Script { path: script, has_map } in scripts(server, &|_, has_map| has_map || and_without_map) {
        let Some(sources) = has_map.then(|| sources_of(&script)).flatten() else {
            untold.push(script);
            continue;
        };
        for package in sources.iter().filter_map(|source| package_of(source)) {
            if !bundled.contains_key(package) {
                bundled.insert(package.to_owned(), shown_script(server, shown, &script));
            }
        }
    }
    (bundled, untold)
}

fn shown_script(server: &Path, shown: &str, script: &Path) -> String {
    format!("{shown}/{}", show(script.strip_prefix(server).unwrap_or(script)))
}

/// The directories in which an app, and those above it, have packages.
fn packages_above(app: &Path) -> Vec<PathBuf> {
    let app = canonical(app);
    app.ancestors().map(|place| place.join("node_modules")).filter(|packages| packages.is_dir()).collect()
}

/// The packages that are in some scripts by what these say. Those are candidates that Sentry instruments, that the app has, and
/// that the build lacks: what the build has as a package, it imports.
fn by_their_texts(
    server: &Path,
    of_app: &[PathBuf],
    instrumented: &BTreeSet<String>,
    scripts: Vec<PathBuf>,
) -> BTreeMap<String, PathBuf> {
    let found_in_app =
        |name: &String| of_app.iter().map(|packages| packages.join(name)).find(|package| package.is_dir());
    let lacks = |name: &String| !server.join("node_modules").join(name).is_dir();
    let has = instrumented.iter().filter_map(|name| Some((name.clone(), found_in_app(name)?)));
    let candidates: BTreeMap<String, PathBuf> = has.filter(|(name, _)| lacks(name)).collect();
    let mut found = BTreeMap::new();
    let Some(texts) = Texts::of(&candidates) else { return found };
    for script in scripts {
        for package in texts.packages_in(&script) {
            found.entry(package.to_owned()).or_insert_with(|| script.clone());
        }
    }
    found
}

/// A script of a build, and whether a source map lies beside it.
struct Script {
    path: PathBuf,
    has_map: bool,
}

/// The scripts of a directory that are not in packages and that matter, by their names and whether they have a source map.
fn scripts(directory: &Path, is_wanted: &dyn Fn(&str, bool) -> bool) -> Vec<Script> {
    let mut found = Vec::new();
    let entries = View::everything().list(directory);
    let maps: HashSet<&str> = entries.iter().filter_map(|(name, _)| name.strip_suffix(".map")).collect();
    for (name, kind) in &entries {
        match kind {
            Kind::Directory if name != "node_modules" => found.extend(scripts(&join(directory, name), is_wanted)),
            Kind::File if is_script(name) => {
                let has_map = maps.contains(name.as_str());
                if is_wanted(name, has_map) {
                    found.push(Script { path: join(directory, name), has_map });
                }
            }
            _ => {}
        }
    }
    found
}

/// The files that a script was made of, as its source map has them; `None` where it has none, or one that does not tell.
fn sources_of(script: &Path) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct SourceMap {
        #[serde(default)]
        sources: Vec<Option<String>>,
    }
    let map: SourceMap = serde_json::from_slice(&fs::read(script.with_added_extension("map")).ok()?).ok()?;
    Some(map.sources.into_iter().flatten().collect::<Vec<_>>()).filter(|sources| !sources.is_empty())
}

/// The package that a file belongs to, by its path.
fn package_of(source: &str) -> Option<&str> {
    const MODULES: &str = "node_modules/";
    let inside = &source[source.rfind(MODULES)? + MODULES.len()..];
    let end = inside.match_indices('/').nth(usize::from(inside.starts_with('@')))?.0;
    Some(&inside[..end])
}

/// The libraries in scripts that hold channels: by Sentry's build plugin, and by presentry, whose marker lists them.
fn injected(server: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut by_plugin, mut ours) = (BTreeSet::new(), BTreeSet::new());
    for script in scripts(server, &|_, _| true) {
        let bytes = fs::read(script.path).unwrap_or_default();
        by_plugin.extend(instrumented_by_plugin(&bytes));
        let listed = marker(&bytes);
        ours.extend(
            listed.iter().flat_map(|marker| marker.injected.in_chunks()).map(|(library, _)| library.to_owned()),
        );
    }
    (by_plugin, ours)
}

/// The same of a build of Nitro 3, whose modules have the names of their packages; of some the name is cut short.
fn of_nitro_3(server: &Path, shown: &str) -> (BTreeMap<String, String>, Vec<PathBuf>) {
    let packages: Vec<String> = names_in(&server.join(DIRECTORY))
        .iter()
        .flat_map(|name| match name.strip_prefix('@') {
            // The only name with a directory in it is that of a package with a scope, cut short.
            Some(scope) => names_in(&server.join(DIRECTORY).join(name))
                .iter()
                .flat_map(|name| packages_of(&format!("{scope}__{name}")))
                .collect(),
            None => packages_of(name),
        })
        .collect();
    let bundled = packages.into_iter().map(|package| (package, format!("{shown}/{DIRECTORY}"))).collect();
    let cut_short = scripts(&server.join(DIRECTORY), &|name, _| name.contains(CUT_SHORT));
    (bundled, cut_short.into_iter().map(|script| script.path).collect())
}

fn names_in(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter_map(|file| file.file_name().into_string().ok()).collect()
}

/// The packages in a module, by its name: `h3+rou3+srvx.mjs`, `sentry__core.mjs` for one with a scope. A long name is cut
/// short, `pg+[...].mjs`, and the rest is not known then. (`getChunkName` in `build/chunks.ts` of Nitro)
fn packages_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".mjs").unwrap_or_default();
    let package = |name: &str| match name.split_once("__") {
        Some((scope, name)) => format!("@{scope}/{name}"),
        None => name.to_owned(),
    };
    stem.split('+').filter(|name| !name.is_empty() && *name != CUT_SHORT).map(package).collect()
}

#[cfg(test)]
mod tests {
    use presentry_rewriter::{Holder, Hooks, Injected};

    use super::*;

    fn warning(server: &Path, shown: &str) -> Option<Diagnostic> {
        let found = bundled(server, shown, server);
        found.warning(&found.injected)
    }

    #[test]
    fn a_name_tells_the_packages() {
        assert_eq!(packages_of("h3+rou3+srvx.mjs"), ["h3", "rou3", "srvx"]);
        assert_eq!(packages_of("redis__client+[...].mjs"), ["@redis/client"]);
        assert_eq!(packages_of("graphql.mjs.map"), [""; 0]);
    }

    #[test]
    fn a_path_tells_the_package() {
        assert_eq!(package_of("../../../../node_modules/pg/lib/client.js"), Some("pg"));
        assert_eq!(
            package_of("node_modules/.pnpm/pg@8/node_modules/@redis/client/dist/index.js"),
            Some("@redis/client")
        );
        assert_eq!(package_of("../../src/pg/index.ts"), None);
    }

    #[test]
    fn what_nitro_2_has_inlined_is_told() {
        let server = tempfile::tempdir().unwrap();
        let chunks = server.path().join("chunks");
        fs::create_dir(&chunks).unwrap();
        let has = |code: &str, sources: &str| {
            fs::write(chunks.join("nitro.mjs"), code).unwrap();
            fs::write(chunks.join("nitro.mjs.map"), format!(r#"{{ "version": 3, "sources": [{sources}, null] }}"#))
                .unwrap();
            warning(server.path(), "server").map(|diagnostic| diagnostic.message)
        };
        assert_eq!(has("", r#""../node_modules/h3/dist/index.mjs""#), None);
        let inlined = r#""../node_modules/pg/lib/client.js", "../node_modules/graphql/index.mjs""#;
        let said = has("", inlined).unwrap();
        assert_eq!(
            said,
            "`graphql`, `pg` are bundled in `server/chunks/nitro.mjs`, where Sentry cannot instrument them"
        );
        // What Sentry's build plugin leaves in a library, also when it is minified.
        let graphql = r#"globalThis.__SENTRY_ORCHESTRION_INJECT__ = orchestrionModuleInjected("graphql", () => x());"#;
        let said = has(graphql, inlined).unwrap();
        assert_eq!(said, "`pg` is bundled in `server/chunks/nitro.mjs`, where Sentry cannot instrument it");
        assert_eq!(has(&format!("{graphql}globalThis.__SENTRY_ORCHESTRION_INJECT__=a('pg')"), inlined), None);
        // What presentry's marker lists.
        let chunk = ModulePath::new("chunks/nitro.mjs").unwrap();
        let holder = Holder::of(b"", vec![("orchestrion:pg:query".to_owned(), "Client.query".to_owned())]);
        let injected =
            Injected { libraries: vec!["pg".to_owned()], files: [(chunk, holder)].into(), hooks: Hooks::Off };
        fs::write(server.path().join("channels.mjs"), injected.marker()).unwrap();
        assert_eq!(has(graphql, inlined), None);
    }

    #[test]
    fn a_script_without_a_map_is_told_by_what_it_says() {
        let app = tempfile::tempdir().unwrap();
        let server = app.path().join(".output/server");
        let file = |path: &str, text: &str| {
            let file = app.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let told = || bundled(&server, "server", app.path()).warning(&BTreeSet::new()).map(|warning| warning.message);
        let says =
            "throw Error('the pool is closed'); throw Error('no more clients left'); log('a client was lost: why');";
        file("node_modules/pg/lib/client.js", says);
        file("node_modules/other/index.js", &says.replace("client", "kettle"));
        file(".output/server/chunks/nitro.mjs", &says.replace("client", "kettle"));
        assert_eq!(told(), None, "Sentry does not instrument the other one");
        file(".output/server/chunks/nitro.mjs", says);
        let said = "`pg` is bundled in `server/chunks/nitro.mjs`, where Sentry cannot instrument it";
        assert_eq!(told().unwrap(), said);
        file(".output/server/node_modules/pg/package.json", "{}");
        assert_eq!(told(), None, "what the build has as a package, it imports");
        fs::remove_dir_all(server.join("node_modules")).unwrap();
        file(".output/server/chunks/nitro.mjs.map", r#"{ "version": 3, "sources": ["../../../src/own.ts"] }"#);
        assert_eq!(told(), None, "the map tells what the script was made of");
        fs::remove_dir_all(server.join("chunks")).unwrap();
        file(".output/server/_libs/@redis/client+[...].mjs", says);
        assert_eq!(
            told().unwrap(),
            "`@redis/client`, `pg` are bundled in `server/_libs`, where Sentry cannot instrument them"
        );
    }

    #[test]
    fn the_sdk_of_the_app_tells_what_it_instruments() {
        let app = tempfile::tempdir().unwrap();
        let server = app.path().join(".output/server");
        fs::create_dir_all(server.join(DIRECTORY)).unwrap();
        fs::write(server.join(DIRECTORY).join("pg+soup.mjs"), "").unwrap();
        let told = || bundled(&server, "server", app.path()).warning(&BTreeSet::new()).map(|warning| warning.message);
        let packages = app.path().join("node_modules/@sentry");
        let file = |path: &str, text: &str| {
            fs::create_dir_all(packages.join(path).parent().unwrap()).unwrap();
            fs::write(packages.join(path), text).unwrap();
        };
        file("node/package.json", r#"{ "name": "@sentry/node", "version": "10.70.0", "main": "index.js" }"#);
        file("node/index.js", "");
        let exports = r#"{ "./orchestrion/config": "./config.mjs" }"#;
        file("server-utils/package.json", &format!(r#"{{ "name": "@sentry/server-utils", "exports": {exports} }}"#));
        file("server-utils/config.mjs", r#"export default [{ module: { name: "soup", versionRange: "*" } }];"#);
        assert_eq!(told().unwrap(), "`pg` is bundled in `server/_libs`, where Sentry cannot instrument it");
        file("node/package.json", r#"{ "name": "@sentry/node", "version": "11.12.0", "main": "index.js" }"#);
        assert_eq!(told().unwrap(), "`soup` is bundled in `server/_libs`, where Sentry cannot instrument it");
    }

    #[test]
    fn only_what_sentry_instruments_is_told() {
        let server = tempfile::tempdir().unwrap();
        let has = |name: &str| {
            fs::create_dir_all(server.path().join(DIRECTORY)).unwrap();
            fs::write(server.path().join(DIRECTORY).join(name), "").unwrap();
            warning(server.path(), "server").map(|diagnostic| diagnostic.message)
        };
        assert!(warning(server.path(), "server").is_none(), "there is no such directory");
        assert_eq!(has("graphql-yoga+h3.mjs"), None);
        let said = has("h3+pg.mjs").unwrap();
        assert_eq!(said, "`pg` is bundled in `server/_libs`, where Sentry cannot instrument it");
        fs::create_dir_all(server.path().join(DIRECTORY).join("@redis")).unwrap();
        let said = has("@redis/client+[...].mjs").unwrap();
        assert_eq!(said, "`@redis/client`, `pg` are bundled in `server/_libs`, where Sentry cannot instrument them");
    }
}
