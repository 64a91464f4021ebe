//! The platforms of `e2e/hosts`: which one a scenario is started by, what it wants installed, and what is true of it.
//! What a host does with a build is written there, in JavaScript.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::cache::{Cache, Key};
use crate::process::Invocation;
use crate::toolchain::Toolchain;
use crate::tree;

/// Where the hosts are in the repository, beside the scenarios.
pub const DIRECTORY: &str = "e2e/hosts";
/// Where the recipes are in the repository, which some of the hosts carry out.
pub const RECIPES: &str = "examples";
/// The list of hosts in it.
const LIST: &str = "hosts.json";

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const TEST_LIMIT: Duration = Duration::from_secs(10 * 60);

/// One row of `hosts.json`, which says what each field is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The name that scenarios call it by.
    pub id: String,
    /// The preset of Nitro.
    pub preset: String,
    /// What else of `server` in the app's config makes this form of the preset.
    pub options: BTreeMap<String, Value>,
    /// Packages that the app has to have besides.
    pub dependencies: BTreeMap<String, String>,
    /// What is started.
    pub start: Program,
    /// The directories below the hosts' in which packages have to be installed first.
    pub packages: Vec<String>,
    /// Variables for the start.
    pub env: BTreeMap<String, String>,
    /// Who serves static files.
    pub assets: Assets,
    /// How often the instrumentation is evaluated where Sentry starts first.
    pub evaluations: usize,
    /// Whether module hooks reach ES modules there.
    pub patched: bool,
    /// Whether spans of a CommonJS library arrive.
    pub spans: bool,
    /// How the instrumentation is preloaded; nothing where it cannot be.
    pub preload: Option<Preload>,
    /// Whether the process that loads the entry serves HTTP through `node:http`, where the SDK makes a transaction of a
    /// request.
    pub serves: bool,
    /// The directory of the app that a copy is started of, which is made of an archive.
    #[serde(default)]
    pub unpacks: Option<String>,
    /// Variables that start the directory of the app itself, where a copy is started otherwise.
    #[serde(default)]
    pub in_place: BTreeMap<String, String>,
    /// The origins of the spans of libraries that the platform loads for itself before the function: `--import` reaches them,
    /// and nothing in a build can.
    #[serde(default)]
    pub platform_spans: Vec<String>,
    /// Program and arguments that import the entry, where Node cannot.
    #[serde(default)]
    pub engine: Vec<String>,
    /// What the platform or this host of it cannot do.
    pub limits: Vec<String>,
}

/// A program with its arguments and directory. `{app}` stands for the directory of the app, `{hosts}` for that of the hosts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// `node`, or a path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub cwd: String,
}

/// Who serves static files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assets {
    /// The function.
    Function,
    /// The platform, before a request comes to the function.
    Cdn,
    /// Nobody, unless more than the function is deployed.
    None,
}

/// How the instrumentation is preloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preload {
    /// The started program loads the entry itself.
    Argument,
    /// The host hands the options on to the process that loads it.
    Environment,
}

/// The hosts in a directory of a run's own, with the packages that one of them needs.
#[derive(Debug, Clone)]
pub struct Placed {
    directory: PathBuf,
}

/// Where the hosts are on this machine: beside the sources of the harness that was built.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts")
}

impl Host {
    /// The host called `id` in the list of `directory`.
    ///
    /// # Errors
    /// When the list cannot be read, or has no such host.
    pub fn read(directory: &Path, id: &str) -> Result<Host> {
        let hosts = Host::read_all(directory)?;
        let ids: Vec<String> = hosts.iter().map(|host| host.id.clone()).collect();
        let Some(host) = hosts.into_iter().find(|host| host.id == id) else {
            bail!("no host is named `{id}`\nhint: there are {}", ids.join(", "));
        };
        Ok(host)
    }

    /// All hosts of a directory.
    ///
    /// # Errors
    /// When the list cannot be read, or is none.
    pub fn read_all(directory: &Path) -> Result<Vec<Host>> {
        #[derive(Deserialize)]
        struct List {
            hosts: Vec<Host>,
        }
        let file = directory.join(LIST);
        let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        let list: List =
            serde_json::from_str(&text).with_context(|| format!("`{}` is no list of hosts", file.display()))?;
        Ok(list.hosts)
    }

    /// Whether a program of the host loads the entry, and not Node by the entry's name.
    pub fn loads_the_entry(&self) -> bool {
        self.start.args.iter().any(|arg| arg.starts_with("{hosts}"))
    }

    /// The `app.config.ts` that builds for it: that of the fixture `basic` with this preset.
    pub fn config(&self) -> String {
        let preset = ("preset".to_owned(), Value::from(self.preset.as_str()));
        let server: BTreeMap<String, Value> = self.options.clone().into_iter().chain([preset]).collect();
        let server = serde_json::json!(server);
        format!(
            r#"import {{ withSentry }} from "@sentry/solidstart";
import {{ defineConfig }} from "@solidjs/start/config";

export default defineConfig(
  withSentry(
    {{ middleware: "./src/middleware.ts", server: {server} }},
    {{ sourceMapsUploadOptions: {{ enabled: false, telemetry: false }} }},
  ),
);
"#
        )
    }

    /// The first of its limits, which says what kind of runtime it is; for verdicts on what it cannot do.
    pub fn limit(&self) -> &str {
        self.limits.first().map_or("no reason is given", String::as_str)
    }
}

impl Placed {
    /// Copies the hosts of `from` to `directory`, with the packages that `packages` names installed there.
    ///
    /// # Errors
    /// When a file cannot be copied, or npm fails.
    pub fn new(
        from: &Path,
        directory: &Path,
        packages: &[String],
        cache: &Cache,
        toolchain: &Toolchain,
        logs: &Path,
    ) -> Result<Placed> {
        tree::copy(from, directory, |path| !path.components().any(|part| part.as_os_str() == "node_modules"))?;
        for within in packages {
            let manifests = from.join(within);
            let installed = install(&manifests, cache, toolchain, logs)?;
            let link = directory.join(within).join("node_modules");
            tree::symlink_directory(&installed.join("node_modules"), &link)?;
        }
        Ok(Placed { directory: directory.to_owned() })
    }

    /// A word of `hosts.json` for the app in `app`.
    pub fn word(&self, word: &str, app: &Path) -> OsString {
        let directory = |path: &Path| path.to_string_lossy().into_owned();
        word.replace("{app}", &directory(app)).replace("{hosts}", &directory(&self.directory)).into()
    }

    /// A file of the hosts.
    pub fn file(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }
}

/// The packages of the `package.json` in `manifests`, installed as its lockfile says.
fn install(manifests: &Path, cache: &Cache, toolchain: &Toolchain, logs: &Path) -> Result<PathBuf> {
    const INPUTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
    let mut key = Key::default()
        .with("kind", "hosts")
        .with("node", &toolchain.node_version)
        .with("npm", &toolchain.npm_version)
        .with("system", std::env::consts::OS)
        .with("architecture", std::env::consts::ARCH);
    for name in INPUTS {
        let file = manifests.join(name);
        let bytes = std::fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        key = key.with(name, &tree::digest(&bytes));
    }
    let entry = cache.entry("hosts", &key, |directory| {
        for name in INPUTS {
            let (from, to) = (manifests.join(name), directory.join(name));
            std::fs::copy(&from, &to).with_context(|| format!("failed to copy `{}`", from.display()))?;
        }
        Invocation::new(&toolchain.npm, directory)
            .args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"])
            .run_ok(&logs.join("install-hosts.log"), INSTALL_LIMIT)
            .map(drop)
    })?;
    Ok(entry.path)
}

/// Runs the tests that the hosts have of their own, on stand-ins of builds. What they print goes to a file in `logs`.
///
/// # Errors
/// When the packages cannot be installed, or a test fails; the message ends with what was printed last.
pub fn test(from: &Path, work: &Path, cache: &Cache, toolchain: &Toolchain, logs: &Path) -> Result<String> {
    crate::cache::remove(work)?;
    let placed = Placed::new(from, work, &[".".to_owned(), "pm2".to_owned()], cache, toolchain, logs)?;
    let finished = Invocation::new(&toolchain.node, &placed.directory)
        .args(["--test", "--test-reporter=tap"])
        .arg(placed.file("hosts.test.mjs"))
        .env("HOSTS_EXAMPLES", from.join("../..").join(RECIPES))
        .run_ok(&logs.join("hosts.log"), TEST_LIMIT)?;
    let count = |name: &str| {
        let prefix = format!("# {name} ");
        let line = finished.stdout.lines().rev().find_map(|line| line.strip_prefix(&prefix));
        line.and_then(|number| number.trim().parse::<usize>().ok())
    };
    match (count("pass"), count("fail")) {
        (Some(passed), Some(0)) if passed > 0 => Ok(format!("{passed} passed, 0 failed")),
        _ => bail!("`node --test` did not say how many tests passed\n{}", finished.source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_is_read() {
        let hosts = Host::read_all(&directory()).unwrap();
        for host in &hosts {
            assert!(host.loads_the_entry() || host.preload == Some(Preload::Argument), "`{}`", host.id);
            assert!(host.patched || !host.limits.is_empty(), "`{}` says no reason", host.id);
            assert!(host.preload.is_some() || !host.limits.is_empty(), "`{}` says no reason", host.id);
            assert_eq!(host.unpacks.is_some(), !host.in_place.is_empty(), "`{}`", host.id);
        }
        assert!(Host::read(&directory(), "rocket").unwrap_err().to_string().contains("no host is named `rocket`"));
    }

    #[test]
    fn the_config_names_the_preset_and_its_options() {
        let host = Host::read(&directory(), "aws-lambda-streaming").unwrap();
        let wanted = r#"server: {"awsLambda":{"streaming":true},"preset":"aws-lambda"} }"#;
        assert!(host.config().contains(wanted), "{}", host.config());
    }

    #[test]
    fn words_are_filled_in() {
        let placed = Placed { directory: PathBuf::from("/hosts") };
        assert_eq!(placed.word("{hosts}/a.mjs", Path::new("/app")), "/hosts/a.mjs");
        assert_eq!(placed.word("{app}", Path::new("/app")), "/app");
    }
}
