//! From a fixture's sources to a finished build: the install and the app's script `build`, each done once for what goes in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use walkdir::WalkDir;

use crate::cache::{Cache, Entry, Key};
use crate::node::Node;
use crate::pins::Pins;
use crate::process::{Finished, Invocation};
use crate::scenario::Manager;
use crate::toolchain::Toolchain;
use crate::tree::{self, Snapshot};

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const BUILD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What npm and the builders make of an app. None of it goes in.
const MADE: [&str; 6] = ["node_modules", ".output", ".vinxi", ".nitro", ".nuxt", ".tanstack"];

/// The pnpm that is installed. The last one but two major versions, which every Node that the fixtures run on can start.
const PNPM: &str = "10.34.8";

/// An app whose packages have to be installed and which has to be built.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// Where its sources are: the directory with the lockfile.
    pub source: &'a Path,
    /// The directory to build in, relative to `source`; another one than `.` in a workspace.
    pub directory: &'a Path,
    /// What installs and builds it.
    pub manager: Manager,
    /// What is written over the sources before the build, by paths relative to `directory`.
    pub files: &'a BTreeMap<String, String>,
    /// Variables for the build.
    pub env: &'a BTreeMap<String, String>,
    /// Versions to install instead of the lockfile's.
    pub pins: &'a Pins,
    /// What installs it: Node and npm.
    pub toolchain: &'a Toolchain,
    /// What builds it.
    pub node: &'a Node,
    /// Where the output of the package manager goes.
    pub logs: &'a Path,
}

impl App<'_> {
    /// The app's packages, installed as the lockfile says, or without it where other versions are wanted: a directory
    /// with every `node_modules` and what decided their contents.
    ///
    /// # Errors
    /// When an input is missing or the package manager fails.
    pub fn install(&self, cache: &Cache) -> Result<Entry> {
        let members = self.manifests()?;
        let inputs = self.install_inputs(&members)?;
        let keep = |path: &Path| self.is_source(path) && is_wanted(path, &inputs);
        let snapshot = Snapshot::take_some(self.source, keep)?;
        let pnpm = self.pnpm(cache)?;
        let key = self.toolchain_key("install").with("inputs", &snapshot.checksum());
        cache.entry("install", &self.pins.in_key(key), |directory| {
            tree::copy(self.source, directory, keep)?;
            if !self.pins.is_empty() {
                let lockfile = directory.join(self.manager.lockfile());
                fs::remove_file(&lockfile).with_context(|| format!("failed to remove `{}`", lockfile.display()))?;
                self.pins.write(directory, &members)?;
                let mut install = Invocation::new(&self.toolchain.npm, directory).args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--prefer-offline",
                ]);
                if self.pins.legacy_peer_deps {
                    install = install.arg("--legacy-peer-deps");
                }
                return install.run_ok(&self.logs.join("install.log"), INSTALL_LIMIT).map(drop);
            }
            let install = match self.manager {
                Manager::Npm => {
                    self.node.npm(self.toolchain, directory).args(["ci", "--no-audit", "--no-fund", "--prefer-offline"])
                }
                Manager::Pnpm => {
                    self.call_pnpm(&pnpm, directory).args(["install", "--frozen-lockfile", "--prefer-offline"])
                }
            };
            install.run_ok(&self.logs.join("install.log"), INSTALL_LIMIT).map(drop)
        })
    }

    /// The packages of `install`, and those in `tarballs` besides, added as a user adds them.
    ///
    /// # Errors
    /// When a tarball cannot be read or the package manager fails.
    pub fn add(&self, cache: &Cache, install: &Path, tarballs: &[PathBuf]) -> Result<Entry> {
        let installed = install.file_name().unwrap_or_default().to_string_lossy();
        let mut key = self.toolchain_key("install-with").with("install", &installed);
        for tarball in tarballs {
            let bytes = fs::read(tarball).with_context(|| format!("failed to read `{}`", tarball.display()))?;
            key = key.with("tarball", &tree::digest(&bytes));
        }
        let pnpm = self.pnpm(cache)?;
        cache.entry("install-with", &key, |directory| {
            tree::copy(install, directory, |_| true)?;
            let app = directory.join(self.directory);
            let add = match self.manager {
                Manager::Npm => self.node.npm(self.toolchain, &app).args([
                    "install",
                    "--save-dev",
                    "--no-audit",
                    "--no-fund",
                    "--prefer-offline",
                ]),
                Manager::Pnpm => {
                    self.node.first_on_path(self.call_pnpm(&pnpm, &app)).args(["add", "--save-dev", "--prefer-offline"])
                }
            };
            add.args(tarballs).run_ok(&self.logs.join("install-package.log"), INSTALL_LIMIT).map(drop)
        })
    }

    /// Runs a command of an installed package, as `npx` does, where it must be installed already.
    ///
    /// # Errors
    /// When it fails.
    pub fn execute(&self, cache: &Cache, install: &Path, words: &[&str], log: &Path) -> Result<Finished> {
        let app = install.join(self.directory);
        let call = match self.manager {
            Manager::Npm => self.node.npm(self.toolchain, &app).args(["exec", "--no", "--"]),
            Manager::Pnpm => self.node.first_on_path(self.call_pnpm(&self.pnpm(cache)?, &app)).arg("exec"),
        };
        call.args(words.iter().copied()).run_ok(log, INSTALL_LIMIT)
    }

    /// What the script `build` of the app calls, such as `vinxi build`.
    ///
    /// # Errors
    /// When `package.json` cannot be read or has no such script.
    pub fn builder(&self) -> Result<String> {
        let manifest = manifest(&self.source.join(self.directory))?;
        let script = manifest["scripts"]["build"].as_str().map(str::to_owned);
        script.with_context(|| format!("`{}` has no script `build`", self.source.join(self.directory).display()))
    }

    /// The built app, without its `node_modules`: its sources, what Vinxi left in between, and `output`.
    ///
    /// # Errors
    /// When the build fails, or ends without `output` (a path relative to the directory that is built in).
    pub fn build(&self, cache: &Cache, install: &Path, output: &Path) -> Result<Entry> {
        let source = Snapshot::take_some(self.source, |path| self.is_source(path))?;
        let installed = install.file_name().unwrap_or_default().to_string_lossy();
        let mut key = self.toolchain_key("build").with("install", &installed).with("source", &source.checksum());
        if self.node.version != self.toolchain.node_version {
            key = key.with("build by", &self.node.version);
        }
        key = key.with("directory", &self.directory.to_string_lossy());
        for (kind, facts) in [("file", self.files), ("variable", self.env)] {
            for (name, value) in facts {
                key = key.with(kind, name).with("is", value);
            }
        }
        let pnpm = self.pnpm(cache)?;
        cache.entry("build", &key, |directory| {
            tree::copy(self.source, directory, |path| self.is_source(path))?;
            if !self.pins.is_empty() {
                // Tools read the manifests of the app that they build, so it has those that were installed from.
                let manifests = self.manifests()?.into_iter().map(|member| member.join("package.json"));
                for file in manifests.chain([PathBuf::from(self.manager.lockfile())]) {
                    let (from, to) = (install.join(&file), directory.join(&file));
                    fs::copy(&from, &to).with_context(|| format!("failed to copy `{}`", from.display()))?;
                }
            }
            let app = directory.join(self.directory);
            for (path, text) in self.files {
                let file = app.join(path);
                let parent = file.parent().unwrap_or(&app);
                fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))?;
                fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))?;
            }
            // Real copies: through a link, Vite and Nitro would resolve packages to another place than the app's.
            let packages = packages(install)?;
            for packages in &packages {
                tree::copy(&install.join(packages), &directory.join(packages), |_| true)?;
            }
            let mut build = match self.manager {
                Manager::Npm => self.node.npm(self.toolchain, &app),
                Manager::Pnpm => self.node.first_on_path(self.call_pnpm(&pnpm, &app)),
            };
            build = build.args(["run", "build"]);
            for (name, value) in self.env {
                build = build.env(name, value);
            }
            build.run_ok(&self.logs.join("build.log"), BUILD_LIMIT)?;
            if !app.join(output).exists() {
                bail!("`{} run build` made no `{}`", self.manager_name(), output.display());
            }
            packages.iter().try_for_each(|packages| crate::cache::remove(&directory.join(packages)))
        })
    }

    fn manager_name(&self) -> &'static str {
        match self.manager {
            Manager::Npm => "npm",
            Manager::Pnpm => "pnpm",
        }
    }

    /// The script of the pinned pnpm; empty where another package manager is used.
    fn pnpm(&self, cache: &Cache) -> Result<PathBuf> {
        if self.manager != Manager::Pnpm {
            return Ok(PathBuf::new());
        }
        let key = Key::default().with("kind", "pnpm").with("version", PNPM);
        let entry = cache.entry("pnpm", &key, |directory| {
            let manifest = directory.join("package.json");
            fs::write(&manifest, "{ \"private\": true }\n")
                .with_context(|| format!("failed to write `{}`", manifest.display()))?;
            self.node
                .npm(self.toolchain, directory)
                .args(["install", "--no-audit", "--no-fund", "--save-exact"])
                .arg(format!("pnpm@{PNPM}"))
                .run_ok(&self.logs.join("pnpm.log"), INSTALL_LIMIT)
                .map(drop)
        })?;
        Ok(entry.path.join("node_modules").join("pnpm").join("bin").join("pnpm.cjs"))
    }

    fn call_pnpm(&self, pnpm: &Path, directory: &Path) -> Invocation {
        // Without a terminal it wants to know that nobody can be asked.
        Invocation::new(&self.toolchain.node, directory).arg(pnpm).env("CI", "true")
    }

    fn toolchain_key(&self, kind: &str) -> Key {
        let key = Key::default()
            .with("kind", kind)
            .with("node", &self.toolchain.node_version)
            .with("npm", &self.toolchain.npm_version)
            .with("system", std::env::consts::OS)
            .with("architecture", std::env::consts::ARCH);
        match self.manager {
            Manager::Npm => key,
            Manager::Pnpm => key.with("pnpm", PNPM),
        }
    }

    /// The directories with a manifest, relative to the source: the root, and the members of a workspace.
    fn manifests(&self) -> Result<Vec<PathBuf>> {
        let root = manifest(self.source)?;
        let mut members = vec![PathBuf::new()];
        for pattern in root["workspaces"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            members.extend(self.members(pattern)?);
        }
        Ok(members)
    }

    /// The files that decide what is installed, relative to the source.
    fn install_inputs(&self, members: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
        let lockfile = self.manager.lockfile();
        if !self.source.join(lockfile).exists() {
            bail!("`{}` has no `{lockfile}`", self.source.display());
        }
        let mut inputs: BTreeSet<PathBuf> = [lockfile, ".npmrc"].into_iter().map(PathBuf::from).collect();
        for member in members {
            let manifest = manifest(&self.source.join(member))?;
            inputs.insert(member.join("package.json"));
            for group in ["dependencies", "devDependencies", "optionalDependencies"] {
                let packages = manifest[group].as_object().into_iter().flat_map(|group| group.values());
                inputs.extend(
                    packages
                        .filter_map(|version| version.as_str()?.strip_prefix("file:"))
                        .map(|path| member.join(path.trim_start_matches("./"))),
                );
            }
        }
        Ok(inputs)
    }

    /// The members of a workspace that one of its patterns names: a directory, or `<directory>/*`.
    fn members(&self, pattern: &str) -> Result<Vec<PathBuf>> {
        let Some(parent) = pattern.strip_suffix("/*") else { return Ok(vec![PathBuf::from(pattern)]) };
        let directory = self.source.join(parent);
        let context = || format!("failed to read `{}`", directory.display());
        let mut members = Vec::new();
        for entry in fs::read_dir(&directory).with_context(context)? {
            let name = entry.with_context(context)?.file_name();
            if directory.join(&name).join("package.json").exists() {
                members.push(Path::new(parent).join(name));
            }
        }
        Ok(members)
    }

    /// Whether `path` is a source, and no lockfile of a package manager that is not used.
    fn is_source(&self, path: &Path) -> bool {
        let made = path.components().any(|part| MADE.iter().any(|made| part.as_os_str() == *made));
        let other =
            Manager::ALL.iter().any(|manager| *manager != self.manager && path == Path::new(manager.lockfile()));
        !made && !other
    }
}

/// Every `node_modules` of an install that lies in no other one, relative to it.
///
/// # Errors
/// When the install cannot be read, or has none.
pub fn packages(install: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut walk = WalkDir::new(install).into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.with_context(|| format!("failed to walk `{}`", install.display()))?;
        if entry.file_type().is_dir() && entry.file_name() == "node_modules" {
            walk.skip_current_dir();
            found.push(entry.path().strip_prefix(install).map(Path::to_owned).unwrap_or_default());
        }
    }
    if found.is_empty() {
        bail!("`{}` has no `node_modules`", install.display());
    }
    Ok(found)
}

/// Checks that Nitro built for `preset`, as far as it said so in `output`.
///
/// # Errors
/// When it built for another one: the run would tell of another host than it says.
pub fn demand_preset(output: &Path, preset: &str) -> Result<()> {
    let file = output.join("nitro.json");
    if !file.is_file() {
        return Ok(());
    }
    let context = || format!("failed to read `{}`", file.display());
    let text = fs::read_to_string(&file).with_context(context)?;
    let facts: Value = serde_json::from_str(&text).with_context(context)?;
    let built = facts["preset"].as_str().unwrap_or_default().replace('_', "-");
    // `deno-server` is two presets, of which the compatibility date chooses one.
    if built != preset && built.strip_suffix("-legacy") != Some(preset) {
        bail!("Nitro built for the preset `{built}`, not for `{preset}` as the scenario says");
    }
    Ok(())
}

pub(crate) fn manifest(directory: &Path) -> Result<Value> {
    let file = directory.join("package.json");
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", file.display()))
}

/// Whether `path` is one of `inputs`, lies in one, or leads to one.
fn is_wanted(path: &Path, inputs: &BTreeSet<PathBuf>) -> bool {
    inputs.iter().any(|input| path.starts_with(input) || input.starts_with(path))
}

/// The packages whose versions a run reports, and the package whose copy of it is meant. Those of SolidStart 1 come first;
/// of the rest an app has what its framework is made of.
const REPORTED: [(&str, Option<&str>); 10] = [
    ("vinxi", None),
    ("@solidjs/start", None),
    ("nuxt", None),
    ("@tanstack/solid-start", None),
    ("nitropack", Some("vinxi")),
    ("nitropack", None),
    ("nitro", None),
    ("@sentry/solidstart", None),
    ("@sentry/nuxt", None),
    ("@sentry/node", None),
];

/// The versions that are really installed for the app in `app`, a directory of the install that `root` is.
///
/// # Errors
/// When a package is missing, or what was asked for exactly (a dependency of the app, an override of the root) is there
/// in another version: an override that does nothing would let the run tell of other versions than it says.
pub fn versions(root: &Path, app: &Path) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for (package, of) in REPORTED {
        let Ok(from) = of.map_or(Ok(app.to_owned()), |of| locate(app, of)) else { continue };
        match locate(&from, package) {
            Ok(found) if !versions.contains_key(package) => {
                versions.insert(package.to_owned(), version(&found)?);
            }
            _ => {}
        }
    }
    let has = |prefix: &str| versions.keys().any(|package: &String| package.starts_with(prefix));
    if !has("@sentry/") || !(has("nitro") || has("vinxi")) {
        bail!("neither an SDK nor Nitro is installed for `{}`", app.display());
    }
    let wanted = manifest(app)?;
    let root_manifest = manifest(root)?;
    let groups = [&wanted["dependencies"], &wanted["devDependencies"]];
    for (package, version_wanted) in groups.into_iter().filter_map(Value::as_object).flatten() {
        let exact = version_wanted.as_str().filter(|wanted| is_exact(wanted));
        let Some(exact) = exact else { continue };
        let installed = version(&locate(app, package)?)?;
        if installed != exact {
            bail!("`{package}` {installed} is installed, not {exact} as `package.json` says");
        }
    }
    let overrides = [&root_manifest["overrides"], &root_manifest["pnpm"]["overrides"]];
    for (package, version_wanted) in overrides.into_iter().filter_map(Value::as_object).flatten() {
        let exact = version_wanted.as_str().filter(|wanted| is_exact(wanted));
        let (Some(exact), false) = (exact, package.contains('>')) else { continue };
        for directory in copies(root, package)? {
            let installed = version(&directory)?;
            if installed != exact {
                bail!("the override of `{package}` to {exact} does nothing: `{}` is {installed}", directory.display());
            }
        }
    }
    Ok(versions)
}

/// `1.2.3`, and neither a range nor a path.
pub(crate) fn is_exact(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3
        && core.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The real directory of `package` as a module in `from` finds it.
pub(crate) fn locate(from: &Path, package: &str) -> Result<PathBuf> {
    let from = from.canonicalize().with_context(|| format!("failed to find `{}`", from.display()))?;
    let candidates = from.ancestors().map(|directory| directory.join("node_modules").join(package));
    let found = candidates.into_iter().find(|directory| directory.join("package.json").is_file());
    let found = found.with_context(|| format!("`{package}` is not installed for `{}`", from.display()))?;
    found.canonicalize().with_context(|| format!("failed to find `{}`", found.display()))
}

/// Every copy of `package` in an install.
fn copies(root: &Path, package: &str) -> Result<Vec<PathBuf>> {
    let within = Path::new("node_modules").join(package);
    let mut found = Vec::new();
    for entry in WalkDir::new(root) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", root.display()))?;
        if entry.file_type().is_dir() && entry.path().ends_with(&within) {
            found.push(entry.into_path());
        }
    }
    if found.is_empty() {
        bail!("the override of `{package}` does nothing: it is not installed");
    }
    Ok(found)
}

pub(crate) fn version(directory: &Path) -> Result<String> {
    let version = manifest(directory)?["version"].as_str().map(str::to_owned);
    version.with_context(|| format!("`{}` has no version", directory.join("package.json").display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_the_install_goes_into_it() {
        let inputs = BTreeSet::from([PathBuf::from("package.json"), PathBuf::from("packages/esm-probe")]);
        for (path, wanted) in [
            ("package.json", true),
            ("packages", true),
            ("packages/esm-probe", true),
            ("packages/esm-probe/index.js", true),
            ("packages/other", false),
            ("src", false),
        ] {
            assert_eq!(is_wanted(Path::new(path), &inputs), wanted, "`{path}`");
        }
    }

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// A workspace with the app in `apps/web`, hoisted packages, and a nitropack below vinxi.
    fn install() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let package = |path: &str, version: &str| {
            write(root.path(), &format!("{path}/package.json"), &format!("{{ \"version\": \"{version}\" }}"));
        };
        write(root.path(), "package.json", r#"{ "workspaces": ["apps/*", "tools"] }"#);
        write(
            root.path(),
            "apps/web/package.json",
            r#"{ "dependencies": { "vinxi": "0.5.11", "own": "file:vendor/own", "loose": "^1.0.0" } }"#,
        );
        write(root.path(), "tools/package.json", "{}");
        write(root.path(), "package-lock.json", "{}");
        package("node_modules/vinxi", "0.5.11");
        package("node_modules/vinxi/node_modules/nitropack", "2.13.6");
        package("node_modules/nitropack", "2.9.7");
        package("node_modules/@solidjs/start", "1.3.2");
        package("node_modules/@sentry/solidstart", "10.70.0");
        package("apps/web/node_modules/loose", "1.2.0");
        root
    }

    #[test]
    fn the_versions_are_those_that_the_app_gets() {
        let root = install();
        let app = root.path().join("apps/web");
        let seen = versions(root.path(), &app).unwrap();
        assert_eq!(seen["nitropack"], "2.13.6");
        assert_eq!(seen["@solidjs/start"], "1.3.2");
        write(root.path(), "node_modules/vinxi/package.json", r#"{ "version": "0.5.10" }"#);
        let error = versions(root.path(), &app).unwrap_err().to_string();
        assert_eq!(error, "`vinxi` 0.5.10 is installed, not 0.5.11 as `package.json` says");
    }

    #[test]
    fn an_override_that_does_nothing_is_an_error() {
        let root = install();
        let app = root.path().join("apps/web");
        let with = |overrides: &str| {
            write(root.path(), "package.json", &format!("{{ \"overrides\": {overrides} }}"));
            versions(root.path(), &app).map_err(|error| error.to_string())
        };
        assert!(with(r#"{ "nitropack": "2.13.6" }"#).unwrap_err().contains("is 2.9.7"));
        assert!(with(r#"{ "absent": "1.0.0" }"#).unwrap_err().contains("not installed"));
        assert!(with(r#"{ "@solidjs/start": "1.3.2", "loose": "^1.0.0" }"#).is_ok());
    }

    #[test]
    fn a_build_for_another_preset_is_an_error() {
        let output = tempfile::tempdir().unwrap();
        assert!(demand_preset(output.path(), "heroku").is_ok());
        write(output.path(), "nitro.json", r#"{ "preset": "node_server" }"#);
        assert!(demand_preset(output.path(), "node-server").is_ok());
        assert!(demand_preset(output.path(), "heroku").unwrap_err().to_string().contains("not for `heroku`"));
    }

    #[test]
    fn a_workspace_is_installed_from_all_its_manifests() {
        let root = install();
        let (files, env) = (BTreeMap::new(), BTreeMap::new());
        let toolchain = Toolchain {
            node: PathBuf::new(),
            npm: PathBuf::new(),
            node_version: String::new(),
            npm_version: String::new(),
        };
        let (pins, node) = (Pins::default(), Node::of(&toolchain));
        let app = |manager| App {
            source: root.path(),
            directory: Path::new("apps/web"),
            manager,
            files: &files,
            env: &env,
            pins: &pins,
            toolchain: &toolchain,
            node: &node,
            logs: Path::new(""),
        };
        let members = app(Manager::Npm).manifests().unwrap();
        let inputs = app(Manager::Npm).install_inputs(&members).unwrap();
        for input in ["package.json", "apps/web/package.json", "apps/web/vendor/own", "tools/package.json"] {
            assert!(inputs.contains(Path::new(input)), "`{input}` in {inputs:?}");
        }
        assert!(
            app(Manager::Pnpm).install_inputs(&members).unwrap_err().to_string().contains("has no `pnpm-lock.yaml`")
        );
        assert!(app(Manager::Npm).is_source(Path::new("package-lock.json")));
        assert!(!app(Manager::Pnpm).is_source(Path::new("package-lock.json")));
        assert!(!app(Manager::Npm).is_source(Path::new("apps/web/.output/x")));
        assert_eq!(packages(root.path()).unwrap().len(), 2);
    }
}
