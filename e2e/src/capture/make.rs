//! One capture: installs the packages, builds the fixture as its row says, and keeps what the build left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Capture, Export, List, RECORD, Row};
use crate::cache;
use crate::process::{Finished, Invocation};
use crate::server::Reservation;
use crate::toolchain::Toolchain;
use crate::tree;

const INSTALL_LIMIT: Duration = Duration::from_secs(20 * 60);
const BUILD_LIMIT: Duration = Duration::from_secs(10 * 60);
const IMPORT_LIMIT: Duration = Duration::from_secs(60);

/// The packages whose versions decide what a build looks like, and the package whose copy of them does.
const VERSIONS: [(&str, Option<&str>); 6] = [
    ("@sentry/solidstart", None),
    ("@solidjs/start", None),
    ("nitropack", Some("vinxi")),
    ("rollup", Some("nitropack")),
    ("vinxi", None),
    ("vite", Some("vinxi")),
];

/// What the harness runs to look at exports, and what it preloads.
const EXPORTS: (&str, &str) = ("exports.mjs", include_str!("../exports.mjs"));
const GLOBALS: (&str, &str) = ("globals.mjs", include_str!("globals.mjs"));

/// Where captures are made.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// The fixture.
    pub source: &'a Path,
    /// Where the app is built. Nitro writes this path into what it builds, so it must not tell whose machine it was.
    /// Everything in it is removed.
    pub app: &'a Path,
    /// Where the captures are kept, each in a directory named by its id.
    pub captures: &'a Path,
    /// What installs and builds the app.
    pub toolchain: &'a Toolchain,
    /// Where the output of npm and Vinxi goes.
    pub logs: &'a Path,
}

/// Makes the capture of `row`, or leaves the one that is there. Says whether it was there.
///
/// # Errors
/// When the packages cannot be installed, the build fails, Nitro used another preset than the row's, or the entry is
/// not where the row says.
pub fn make(list: &List, row: &Row, workshop: &Workshop<'_>) -> Result<bool> {
    let capture = workshop.captures.join(&row.id);
    if capture.is_dir() {
        return Ok(true);
    }
    let unfinished = workshop.captures.join(format!(".{}", row.id));
    cache::remove(&unfinished)?;
    fs::create_dir_all(&unfinished).with_context(|| format!("failed to create `{}`", unfinished.display()))?;
    One { list, row, workshop }.make(&unfinished)?;
    fs::rename(&unfinished, &capture)
        .with_context(|| format!("failed to rename `{}` to `{}`", unfinished.display(), capture.display()))?;
    Ok(false)
}

struct One<'a> {
    list: &'a List,
    row: &'a Row,
    workshop: &'a Workshop<'a>,
}

impl One<'_> {
    fn make(&self, capture: &Path) -> Result<()> {
        let Workshop { source, app, toolchain, .. } = *self.workshop;
        self.install()?;
        let sources: Vec<PathBuf> = names(source)?.into_iter().filter(|name| is_source(source, name)).collect();
        self.clean(&sources)?;
        self.write_changes()?;
        Invocation::new(&toolchain.node, app)
            .args(["node_modules/vinxi/bin/cli.mjs", "build"])
            .run_ok(&self.log("vinxi-build"), BUILD_LIMIT)?;
        let server = app.join(&self.row.server);
        let entry = server.join(&self.row.entry);
        if !entry.is_file() {
            bail!("the build made no `{}`", entry.display());
        }
        if self.row.debug_ids {
            Invocation::new(&toolchain.node, app)
                .args(["node_modules/@sentry/cli/bin/sentry-cli", "sourcemaps", "inject"])
                .arg(&self.row.server)
                .args(["--ignore", "node_modules"])
                .run_ok(&self.log("sourcemaps-inject"), IMPORT_LIMIT)?;
        }
        let nitro = find_nitro_json(app)?;
        let text = |key: &str| nitro[key].as_str().unwrap_or_default().to_owned();
        let (preset, date) = (text("preset"), text("date"));
        if preset != self.row.preset && preset != format!("{}-legacy", self.row.preset) {
            bail!("Nitro built for `{preset}`, not for `{}`", self.row.preset);
        }
        let mut versions = BTreeMap::from([("node".to_owned(), toolchain.node_version.clone())]);
        for (package, of) in VERSIONS {
            // npm puts a copy below the package that cannot use the one at the top.
            let own = of
                .map(|of| app.join("node_modules").join(of))
                .filter(|of| of.join("node_modules").join(package).is_dir());
            versions.insert(package.to_owned(), installed_version(own.as_deref().unwrap_or(app), package)?);
        }
        let (exports, load_error) = match self.exports(&entry)? {
            Ok(exports) => (Some(exports), None),
            Err(error) => (None, Some(error)),
        };
        for name in names(app)?.into_iter().filter(|name| is_output(app, name)) {
            tree::copy(&app.join(&name), &capture.join(&name), |path| !is_in(path, "node_modules"))?;
        }
        let date = date.split('T').next().unwrap_or_default().to_owned();
        let record = Capture { date, preset, versions, exports, load_error };
        write(&capture.join(RECORD), &serde_json::to_string_pretty(&record)?)
    }

    /// Leaves the app with the packages that the row wants. Those of the row before are kept where they are the same.
    fn install(&self) -> Result<()> {
        let Workshop { source, app, toolchain, .. } = *self.workshop;
        let name = self.row.install.as_deref().unwrap_or("fixture");
        let mark = app.join("node_modules").join(".captured-install");
        if fs::read_to_string(&mark).is_ok_and(|installed| installed == name) {
            return Ok(());
        }
        cache::remove(app)?;
        tree::copy(source, app, |path| path.iter().all(|name| is_source(source, Path::new(name))))?;
        let npm = Invocation::new(&toolchain.npm, app);
        let npm = match &self.row.install {
            None => npm.arg("ci"),
            Some(name) => {
                let install = &self.list.install[name];
                let file = app.join("package.json");
                let mut manifest: Value = serde_json::from_str(&read(&file)?)?;
                for (package, version) in &install.dependencies {
                    manifest["dependencies"][package] = json!(version);
                }
                manifest["overrides"] = json!(install.overrides);
                write(&file, &serde_json::to_string_pretty(&manifest)?)?;
                // It holds the fixture's versions, and npm would keep them.
                let lockfile = app.join("package-lock.json");
                fs::remove_file(&lockfile).with_context(|| format!("failed to remove `{}`", lockfile.display()))?;
                npm.arg("install")
            }
        };
        npm.args(["--no-audit", "--no-fund"]).run_ok(&self.log("npm"), INSTALL_LIMIT)?;
        for (package, version) in self.row.install.iter().flat_map(|name| &self.list.install[name].overrides) {
            let installed = installed_version(app, package)?;
            if installed != *version && !version.starts_with('^') {
                bail!("npm installed {package} {installed}, not the override {version}");
            }
        }
        write(&mark, name)
    }

    /// Removes what the row before left, besides the packages, and puts the fixture's sources back.
    fn clean(&self, sources: &[PathBuf]) -> Result<()> {
        let Workshop { source, app, .. } = *self.workshop;
        let install = ["node_modules", "package.json", "package-lock.json"];
        for name in names(app)? {
            if install.iter().any(|kept| name.as_os_str() == *kept) {
                continue;
            }
            let path = app.join(&name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("failed to remove `{}`", path.display()))?;
        }
        for made in ["node_modules/.vite", "node_modules/.cache", "node_modules/.nitro"] {
            cache::remove(&app.join(made))?;
        }
        for name in sources.iter().filter(|name| !install.iter().any(|kept| name.as_os_str() == *kept)) {
            let from = source.join(name);
            if from.is_dir() {
                tree::copy(&from, &app.join(name), |path| !is_in(path, "node_modules"))?;
            } else {
                fs::copy(&from, app.join(name)).with_context(|| format!("failed to copy `{}`", from.display()))?;
            }
        }
        Ok(())
    }

    fn write_changes(&self) -> Result<()> {
        let app = self.workshop.app;
        write(&app.join("app.config.ts"), &self.app_config()?)?;
        for (path, text) in self.list.files(self.row) {
            let file = app.join(path);
            let directory = file.parent().unwrap_or(app);
            fs::create_dir_all(directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
            write(&file, text)?;
        }
        Ok(())
    }

    fn app_config(&self) -> Result<String> {
        let mut server = json!({ "preset": self.row.preset });
        for (key, value) in &self.row.nitro {
            server[key] = serde_json::to_value(value)?;
        }
        let mut options = json!({ "sourceMapsUploadOptions": { "enabled": false, "telemetry": false } });
        if let Some(mode) = self.row.mode.option() {
            options["autoInjectServerSentry"] = json!(mode);
        }
        Ok(format!(
            r#"import {{ withSentry }} from "@sentry/solidstart";
import {{ defineConfig }} from "@solidjs/start/config";

export default defineConfig(
  withSentry(
    {{ middleware: "./src/middleware.ts", server: {server} }},
    {options},
  ),
);
"#
        ))
    }

    /// What the entry exports, or why it cannot be imported.
    fn exports(&self, entry: &Path) -> Result<Result<Vec<Export>, String>> {
        let scripts = self.workshop.logs.join("scripts");
        fs::create_dir_all(&scripts).with_context(|| format!("failed to create `{}`", scripts.display()))?;
        for (name, text) in [EXPORTS, GLOBALS] {
            write(&scripts.join(name), text)?;
        }
        let file = scripts.join("exports.json");
        let _ = fs::remove_file(&file);
        let port = Reservation::new()?.hand_over().to_string();
        let host = self.row.preset.split('-').next().unwrap_or_default();
        let Finished { exit, text, .. } = Invocation::new(&self.workshop.toolchain.node, self.workshop.app)
            .arg("--import")
            .arg(scripts.join(GLOBALS.0))
            .arg(scripts.join(EXPORTS.0))
            .args([entry, &file])
            .env("CAPTURE_HOST", host)
            .env("HOST", "127.0.0.1")
            .env("PORT", &port)
            .env("NITRO_CLUSTER_WORKERS", "1")
            .run(&self.log("exports"), IMPORT_LIMIT)?;
        if !exit.success() {
            return Ok(Err(error_code(&text)));
        }
        let seen: BTreeMap<String, Value> = serde_json::from_str(&read(&file)?).context("the exports are not JSON")?;
        Ok(Ok(seen.into_iter().map(|(name, value)| export(name, &value)).collect()))
    }

    fn log(&self, what: &str) -> PathBuf {
        self.workshop.logs.join(format!("{}-{what}.log", self.row.id))
    }
}

fn export(name: String, value: &Value) -> Export {
    const EVERY_FUNCTION_HAS: [&str; 5] = ["length", "name", "prototype", "arguments", "caller"];
    let is_function = value["typeof"] == "function";
    let own = value["own"].as_array().into_iter().flatten().filter_map(|own| own["key"].as_str());
    Export {
        name,
        r#type: value["typeof"].as_str().unwrap_or_default().to_owned(),
        constructor: value["constructor"].as_str().map(str::to_owned),
        class: value["class"] == true,
        length: value["length"].as_u64(),
        own: own.filter(|key| !is_function || !EVERY_FUNCTION_HAS.contains(key)).map(str::to_owned).collect(),
    }
}

/// Node's code for the error, such as `ERR_MODULE_NOT_FOUND`: the message has paths in it.
fn error_code(printed: &str) -> String {
    let mut words = printed.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.find(|word| word.starts_with("ERR_")).unwrap_or("unknown").to_owned()
}

/// Whether a name in `app` is that of a directory that a preset writes to: `.output`, `.vercel`, `.netlify`, ….
fn is_output(app: &Path, name: &Path) -> bool {
    app.join(name).is_dir() && name != ".vinxi" && name.to_string_lossy().starts_with('.')
}

/// Whether a name in the fixture is that of a source, and not of something that was made by hand there.
fn is_source(fixture: &Path, name: &Path) -> bool {
    name != "node_modules" && name != ".vinxi" && !is_output(fixture, name)
}

/// Nitro writes it into the preset's output directory, wherever that is.
fn find_nitro_json(app: &Path) -> Result<Value> {
    let files = walkdir::WalkDir::new(app)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules" && entry.file_name() != ".vinxi");
    for file in files {
        let file = file.with_context(|| format!("failed to walk `{}`", app.display()))?;
        if file.file_name() == "nitro.json" {
            let text = read(file.path())?;
            return serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", file.path().display()));
        }
    }
    bail!("there is no nitro.json in `{}`", app.display())
}

fn installed_version(app: &Path, package: &str) -> Result<String> {
    let file = app.join("node_modules").join(package).join("package.json");
    let manifest: Value = serde_json::from_str(&read(&file)?)?;
    manifest["version"].as_str().map(str::to_owned).with_context(|| format!("`{}` has no version", file.display()))
}

fn is_in(path: &Path, directory: &str) -> bool {
    path.components().any(|part| part.as_os_str() == directory)
}

/// What lies in a directory; nothing where there is none.
fn names(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    let entries = fs::read_dir(directory).with_context(|| format!("failed to read `{}`", directory.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to read `{}`", directory.display()))?;
        names.push(PathBuf::from(entry.file_name()));
    }
    names.sort();
    Ok(names)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}
