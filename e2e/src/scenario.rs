//! Scenarios: what is built, and what must be seen when it runs. Data only, read from `e2e/scenarios`; how to see it is
//! in `observe`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use toml::Table;

use crate::host::{self, Host, RECIPES};

/// Where the scenarios are in the repository.
pub const DIRECTORY: &str = "e2e/scenarios";

/// What a recipe has for people alone.
const README: &str = "README.md";

/// The scenario that runs when none is named.
pub const DEFAULT: &str = "basic";

/// One application, one shape of build, and what is true of it when Sentry starts first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The scenario's name, as it is printed and selected: the stem of its file.
    #[serde(skip)]
    pub id: String,
    /// What it is there for, in one line.
    pub about: String,
    /// The scenario whose keys this one has as well, where it says nothing of its own. Resolved when the file is read.
    pub base: Option<String>,
    /// The directory of the app below `fixtures-apps`.
    pub fixture: String,
    /// Nitro's preset, as `nitro.json` has it.
    #[serde(default = "usual_preset")]
    pub preset: String,
    /// The directory of the app in its fixture, where that is a workspace.
    #[serde(default = "here")]
    pub app: String,
    /// What installs and builds the app.
    #[serde(default)]
    pub package_manager: Manager,
    /// The exact version of Node.js that installs, builds and starts the app, where the framework needs a newer one than
    /// the harness does. npm brings it.
    pub node: Option<String>,
    /// Whether the Node of a cell starts the builds alone, and that of the scenario, or the one on `PATH`, makes them. The
    /// cells share one build, and the Node that builds is another than the one that runs, as it is for many who deploy.
    #[serde(default)]
    pub starts_only: bool,
    /// The build itself ends rewritten, by the npm package, instead of the command. The controls are made of the same app
    /// built without it.
    pub module: Option<NitroModule>,
    /// Files that are written over the fixture before it is built, by paths relative to the app. They are no part of
    /// what is installed.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Variables for the build.
    #[serde(default)]
    pub build_env: BTreeMap<String, String>,
    /// Variables for every start of the server.
    #[serde(default)]
    pub run_env: BTreeMap<String, String>,
    /// Arguments of the command, in front of the app's path.
    #[serde(default)]
    pub args: Vec<String>,
    /// The directory that the build ends in, relative to the app; where it is not given, the first part of `server`.
    pub output: Option<String>,
    /// The directory of the server, relative to the app.
    #[serde(default = "usual_server")]
    pub server: String,
    /// The server entry, relative to the server directory.
    #[serde(default = "usual_entry")]
    pub entry: String,
    /// The built instrumentation, relative to the server directory.
    #[serde(default = "usual_instrumentation")]
    pub instrumentation: String,
    /// The module that holds the runtime, relative to the server directory, where the unrewritten entry does not import
    /// it statically.
    pub runtime: Option<String>,
    /// Whether the app's `node_modules` is there while the command and the controls run. The judged build is started
    /// without it in any case.
    #[serde(default)]
    pub packages: bool,
    /// Whether the output is started from an empty directory elsewhere.
    #[serde(default)]
    pub r#move: bool,
    /// The platform in `e2e/hosts` that starts the build; Node itself where it is not given. The app is built for it.
    pub host: Option<String>,
    /// The recipe in `examples` whose files are written over the fixture as well: what users copy is what is built and
    /// started here.
    pub recipe: Option<String>,
    /// Whether the fixture's own config names the preset of `host`. Otherwise one that does is written over it.
    #[serde(default)]
    pub own_config: bool,
    /// How the entry is started. Resolved from `host` when the file is read.
    #[serde(skip)]
    pub start: Start,
    /// The function that Firebase's loader finds in the build, and must find after the rewrite.
    pub deploys: Option<String>,
    /// Whether the instrumentation has an SDK before 11 inject channels into libraries, as 11 does by itself.
    #[serde(default)]
    pub channels: bool,
    /// Whether the app gets a PostgreSQL, by `DATABASE_URL`.
    #[serde(default)]
    pub database: bool,
    /// Where nothing is booted: what the command comes to. It then changes nothing.
    pub ends: Option<Ends>,
    /// The builds that must fail.
    #[serde(default = "usual_controls")]
    pub controls: Vec<Control>,
    /// Where the control [`Control::TopLevelImport`] gets its instrumentation, where the build has none that can be
    /// loaded: a module, relative to the app. What it imports by relative specifiers is copied with it.
    pub control_instrumentation: Option<String>,
    /// What Node prints and dies of where the unrewritten build is started, as the judged one is, with `--import` of the
    /// instrumentation that the SDK left.
    pub preload_dies_of: Option<String>,
    /// The kinds of the exports, by name, where the unrewritten build does not have the real ones.
    pub exports: Option<BTreeMap<String, String>>,
    /// A rendered page.
    pub page: Page,
    /// A static file.
    pub asset: Option<Asset>,
    /// Routes that run libraries which the SDK instruments.
    #[serde(rename = "library")]
    pub libraries: Vec<Library>,
    /// The spans of libraries that the app sends when the libraries, which it has in chunks, are left in packages: how many of
    /// each origin.
    #[serde(default)]
    pub in_chunks: BTreeMap<String, usize>,
    /// A route that reports whether an ESM package was patched.
    pub package: Option<Package>,
    /// A route that reports whether the SDK has a client, and flushes it: `{"active":bool,"flushed":bool}`.
    pub status: String,
    /// Routes that report what the instrumentation computed.
    #[serde(default)]
    pub values: Vec<Values>,
    /// Why a part that the oracles look for is not there. Each part is either described or named here.
    #[serde(default)]
    pub absent: Absent,
    /// What the SDK does in the server beside spans of libraries.
    #[serde(default, rename = "feature")]
    pub features: Vec<Feature>,
    /// How the SDK's own build differs, which is judged beside ours.
    #[serde(default)]
    pub sdk: Sdk,
}

/// The SDK's own build of a scenario.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sdk {
    /// Files that are written over all others, by paths relative to the app.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The module that holds the runtime, relative to the server directory, where that is not the unrewritten build's.
    pub runtime: Option<String>,
    /// Why there is none.
    pub absent: Option<String>,
}

/// The one line of configuration that has the build rewritten.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroModule {
    /// Files that are written over the app before it is built with the npm package, by paths relative to the app.
    pub files: BTreeMap<String, String>,
    /// Files beside the entry that two builds of one app do not have in common, by how their names begin, with the reason.
    /// They are not compared with those of the controls' build. Where the entry is one of them, what it was is told by
    /// `restore` on a copy.
    #[serde(default)]
    pub varies: BTreeMap<String, String>,
}

impl NitroModule {
    /// Whether a file beside the entry is one that two builds do not have in common.
    pub fn varies(&self, name: &str) -> bool {
        self.varies.keys().any(|start| name.starts_with(start))
    }
}

/// What installs and builds an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// The npm that comes with Node.
    #[default]
    Npm,
    /// pnpm, installed by npm.
    Pnpm,
}

impl Manager {
    /// All of them.
    pub const ALL: [Manager; 2] = [Manager::Npm, Manager::Pnpm];

    /// The lockfile it reads.
    pub fn lockfile(self) -> &'static str {
        match self {
            Manager::Npm => "package-lock.json",
            Manager::Pnpm => "pnpm-lock.yaml",
        }
    }
}

/// How an entry is started.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Start {
    /// `node ENTRY`
    #[default]
    Process,
    /// As this platform does it.
    Host(Box<Host>),
}

impl Start {
    /// The platform, where there is one.
    pub fn host(&self) -> Option<&Host> {
        match self {
            Start::Process => None,
            Start::Host(host) => Some(host),
        }
    }
}

/// What the command comes to where it rewrites nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// Its exit code.
    pub exit: i32,
    /// What it prints.
    pub says: String,
    /// The spans that the build sends as it is.
    pub traced: Option<Traced>,
}

/// A request, and the spans that `presentry trace` has to see of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traced {
    /// The path to request.
    pub path: String,
    /// The library or origin, as `--expect` has it.
    pub expect: String,
    /// Files that are written over the app for the control, whose build must send no such span.
    pub control: BTreeMap<String, String>,
}

/// A build that works as a server and must fail what a proven one passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// The build as it was.
    Unrewritten,
    /// The entry imports the instrumentation first.
    TopLevelImport,
    /// The entry, wrapped by the SDK, imports the runtime statically as well.
    StaticEdge,
}

impl Control {
    /// As it is printed, and the name of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Control::Unrewritten => "unrewritten",
            Control::TopLevelImport => "top-level-import",
            Control::StaticEdge => "static-edge",
        }
    }
}

/// A page, and what its HTML contains.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The path to request.
    pub path: String,
    /// What the server function returned, as the HTML has it.
    pub contains: String,
}

/// A static file, and where its bytes are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// The path to request.
    pub path: String,
    /// The file, relative to the app.
    pub file: String,
}

/// A library whose spans tell that it was instrumented.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// What its modules are. It decides what the control [`Control::TopLevelImport`] must show, and is left out where that
    /// is only reported.
    pub module: Option<Module>,
    /// The path to request.
    pub path: String,
    /// What the response contains when the library did its work.
    pub contains: String,
    /// Its spans. Each of them has to arrive at least once.
    pub spans: Vec<WantedSpan>,
}

/// What the modules of a library are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    /// Patched when it is evaluated, which is after the instrumentation of a top-level import.
    Commonjs,
    /// Patched when it is loaded, which is before.
    Esm,
}

/// A span that has to arrive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedSpan {
    /// What it comes of: one of these, as origins changed with SDK 11.
    #[serde(deserialize_with = "one_or_several")]
    pub origin: Vec<String>,
    /// Its operation, where that matters.
    pub op: Option<String>,
    /// Its whole description, where that matters.
    pub description: Option<String>,
}

/// A text, or a list of texts.
pub(crate) fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::One(one) => vec![one],
        Either::Several(several) => several,
    })
}

impl std::fmt::Display for WantedSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.description {
            Some(description) => write!(f, "`{description}` ({})", self.origin.join(" or ")),
            None => write!(f, "`{}`", self.origin.join("` or `")),
        }
    }
}

/// An external ESM package of the runtime's static graph, which the instrumentation patches.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The path to request.
    pub path: String,
    /// The field of the JSON response to look at.
    pub field: String,
    /// Its value when the package was loaded too early.
    pub original: String,
    /// Its value when the package was patched.
    pub patched: String,
}

/// A request, and what Sentry makes of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// As it is printed.
    pub name: String,
    /// The path to request.
    pub path: String,
    /// Headers of the last request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether the form of the page is then sent.
    #[serde(default)]
    pub form: bool,
    /// Whether the request is sent again where nothing arrives, for what a worker does that may not have started yet.
    #[serde(default)]
    pub again: bool,
    /// The status of the last response.
    #[serde(default = "usual_status")]
    pub status: u16,
    /// What that response contains.
    #[serde(default)]
    pub contains: String,
    /// A span that arrives.
    pub span: Option<WantedSpan>,
    /// The trace that the transaction of the request belongs to.
    pub trace: Option<String>,
    /// An error that arrives: a part of its text.
    pub error: Option<String>,
    /// The value of a local variable in a frame of that error. Its name is the minifier's.
    pub local: Option<Value>,
    /// The type of an item that arrives, one that is looked at no further: `profile_chunk`.
    pub item: Option<String>,
}

impl Feature {
    /// Whether it looks at what arrives, which a build without Sentry cannot pass.
    pub fn needs_sentry(&self) -> bool {
        self.span.is_some() || self.trace.is_some() || self.error.is_some() || self.item.is_some()
    }
}

fn usual_status() -> u16 {
    200
}

/// A route that answers with a JSON object, and what is in it when the instrumentation ran.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// The path to request.
    pub path: String,
    /// The fields that are compared.
    pub fields: BTreeMap<String, Value>,
}

/// Why a part is not there, as it is printed beside the oracle that would have looked for it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// [`Scenario::asset`]
    pub asset: Option<String>,
    /// [`Scenario::package`]
    pub package: Option<String>,
    /// The `sentry-trace` meta tag of the page, which is there unless this is given.
    pub trace_meta: Option<String>,
    /// A module with the bytes of the entry, which is there unless this is given.
    pub moved_entry: Option<String>,
    /// The bundle of the SDK in the build that is pruned, which is there unless this is given.
    pub bundle: Option<String>,
}

fn here() -> String {
    ".".to_owned()
}

fn usual_preset() -> String {
    "node-server".to_owned()
}

fn usual_server() -> String {
    ".output/server".to_owned()
}

fn usual_entry() -> String {
    "index.mjs".to_owned()
}

fn usual_instrumentation() -> String {
    "instrument.server.mjs".to_owned()
}

fn usual_controls() -> Vec<Control> {
    vec![Control::Unrewritten, Control::TopLevelImport]
}

impl Scenario {
    /// Nitro's preset: the one of the host, where there is one.
    pub fn nitro_preset(&self) -> &str {
        self.start.host().map_or(&self.preset, |host| &host.preset)
    }

    /// Reads one scenario.
    ///
    /// # Errors
    /// When the file cannot be read, or is no scenario: an unknown key, a part neither described nor absent, a path that
    /// leads elsewhere.
    pub fn read(file: &Path) -> Result<Scenario> {
        let id = file.file_stem().and_then(|stem| stem.to_str()).context("its name is not UTF-8")?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let read =
            |file: &Path| std::fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()));
        let text = read(file)?;
        let base = |base: &str| read(&directory.join(format!("{base}.toml")));
        // The two directories lie beside each other.
        let hosts = directory.join("..").join(Path::new(host::DIRECTORY).file_name().unwrap_or_default());
        Scenario::parse(id, &text, base, &hosts).with_context(|| format!("`{}` is no scenario", file.display()))
    }

    /// All scenarios of a directory, by their ids.
    ///
    /// # Errors
    /// When one cannot be read, there is another file among them, or there is none.
    pub fn read_all(directory: &Path) -> Result<Vec<Scenario>> {
        let context = || format!("failed to read `{}`", directory.display());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory).with_context(context)? {
            files.push(entry.with_context(context)?.path());
        }
        files.sort();
        if let Some(other) = files.iter().find(|file| file.extension().is_none_or(|extension| extension != "toml")) {
            bail!("`{}` is no scenario\nhint: scenarios are files `<id>.toml`", other.display());
        }
        if files.is_empty() {
            bail!("there are no scenarios in `{}`", directory.display());
        }
        files.iter().map(|file| Scenario::read(file)).collect()
    }

    fn parse(id: &str, text: &str, base: impl Fn(&str) -> Result<String>, hosts: &Path) -> Result<Scenario> {
        let base_of = |table: &Table| table.get("base").and_then(toml::Value::as_str).map(str::to_owned);
        let mut next = base_of(&toml::from_str(text)?);
        let mut scenario: Scenario = if next.is_none() {
            // From the text itself, so that an error shows the line.
            toml::from_str(text)?
        } else {
            let mut table = toml::from_str::<Table>(text)?;
            let mut above = vec![id.to_owned()];
            while let Some(name) = next {
                if above.contains(&name) {
                    bail!("`base` leads back to `{name}`");
                }
                let base: Table = toml::from_str(&base(&name)?)?;
                next = base_of(&base);
                table = over(base, table);
                above.push(name);
            }
            table.try_into()?
        };
        scenario.id = id.to_owned();
        let recipe = match &scenario.recipe {
            Some(recipe) => recipe_files(&hosts.join("../..").join(RECIPES).join(recipe))?,
            None => BTreeMap::new(),
        };
        let own_config = scenario.own_config || recipe.contains_key(CONFIG);
        for (name, text) in recipe {
            if scenario.files.insert(name.clone(), text).is_some() {
                bail!("`files` has `{name}`, and `recipe` writes it");
            }
        }
        if let Some(id) = &scenario.host {
            let host = Host::read(hosts, id)?;
            if !own_config && scenario.files.insert(CONFIG.to_owned(), host.config()).is_some() {
                bail!("`files` has `{CONFIG}`, and `host` writes it\nhint: with `own_config = true` it does not");
            }
            scenario.start = Start::Host(Box::new(host));
        }
        scenario.check()?;
        Ok(scenario)
    }

    /// What the types do not say.
    fn check(&self) -> Result<()> {
        for (name, described, absent) in [
            ("asset", self.asset.is_some(), &self.absent.asset),
            ("package", self.package.is_some(), &self.absent.package),
        ] {
            match (described, absent) {
                (true, Some(_)) => bail!("`{name}` is described, and `absent.{name}` says that there is none"),
                (false, None) => bail!("`{name}` is missing\nhint: say why under `absent.{name}`"),
                _ => {}
            }
        }
        let inside = [Some(&self.fixture), Some(&self.app), Some(&self.server), self.output.as_ref()];
        let with_module = self.module.iter().flat_map(|module| module.files.keys());
        for path in inside.into_iter().flatten().chain(self.files.keys()).chain(with_module.clone()) {
            let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if path.is_empty() || !Path::new(path).components().all(is_plain) {
                bail!("`{path}` is no path inside the app");
            }
        }
        if let Some(file) = self.files.keys().chain(with_module).find(|file| decides_the_install(file)) {
            bail!("`files` has `{file}`, which decides what is installed\nhint: make it a fixture of its own");
        }
        if self.module.as_ref().is_some_and(|module| module.files.is_empty()) {
            bail!("`module.files` is empty, so no line of configuration has the build rewritten");
        }
        if self.controls.is_empty() {
            bail!("`controls` is empty, so nothing shows that the oracles can fail");
        }
        if self.libraries.is_empty() {
            bail!("`library` is empty, so nothing shows that Sentry instruments");
        }
        if let Some(library) = self.libraries.iter().find(|library| library.spans.is_empty()) {
            bail!("the library of `{}` has no `spans`", library.path);
        }
        if let Some(feature) = self.features.iter().find(|one| !one.needs_sentry() && one.contains.is_empty()) {
            bail!("nothing is looked at of the feature `{}`", feature.name);
        }
        if let Some(feature) = self.features.iter().find(|one| one.error.is_none() && one.local.is_some()) {
            bail!("the feature `{}` has `local` and no `error` that has it", feature.name);
        }
        if self.own_config && self.host.is_none() {
            bail!("`own_config` is about the config that `host` writes, and there is none");
        }
        Ok(())
    }

    /// The directory that the build ends in, relative to the app.
    pub fn output(&self) -> &Path {
        match &self.output {
            Some(output) => Path::new(output),
            None => Path::new(&self.server).iter().next().map_or(Path::new(""), Path::new),
        }
    }

    /// The app in a copy of its fixture, or in an install.
    pub fn app_in(&self, root: &Path) -> PathBuf {
        let plain = Path::new(&self.app).components().filter(|part| *part != Component::CurDir);
        root.components().chain(plain).collect()
    }

    /// Whether it has this control.
    pub fn has(&self, control: Control) -> bool {
        self.controls.contains(&control)
    }
}

/// The config of the app, which selects the preset.
const CONFIG: &str = "app.config.ts";

/// The files of a recipe, by their names.
fn recipe_files(directory: &Path) -> Result<BTreeMap<String, String>> {
    let context = || format!("failed to read the recipe `{}`", directory.display());
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != README {
            files.insert(name, std::fs::read_to_string(entry.path()).with_context(context)?);
        }
    }
    Ok(files)
}

/// The key of the files that a scenario adds to its fixture.
const FILES: &str = "files";

/// The keys of `scenario`, and those of `base` that it has not; the files of both, where they have some. A part that the scenario says to be absent is not the base's
/// either.
fn over(base: Table, mut scenario: Table) -> Table {
    let absent: Vec<String> = scenario
        .get("absent")
        .and_then(toml::Value::as_table)
        .map(|absent| absent.keys().cloned().collect())
        .unwrap_or_default();
    for (key, value) in base {
        match (scenario.get_mut(&key), value) {
            (Some(toml::Value::Table(files)), toml::Value::Table(of_base)) if key == FILES => {
                for (file, text) in of_base {
                    files.entry(file).or_insert(text);
                }
            }
            (None, value) if !absent.contains(&key) => _ = scenario.insert(key, value),
            _ => {}
        }
    }
    scenario
}

fn decides_the_install(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name == "package.json" || name == ".npmrc" || Manager::ALL.iter().any(|manager| manager.lockfile() == name)
}

/// The scenarios that `filters` name: an id itself, or a part of ids. Without filters, [`DEFAULT`]; with `all`, all.
///
/// # Errors
/// When a filter names none.
pub fn select(scenarios: Vec<Scenario>, filters: &[String], all: bool) -> Result<Vec<Scenario>> {
    if all && !filters.is_empty() {
        bail!("`--all` and `{}` do not go together", filters.join(" "));
    }
    if all {
        return Ok(scenarios);
    }
    let default = [DEFAULT.to_owned()];
    let filters = if filters.is_empty() { &default[..] } else { filters };
    let matches = |filter: &str, id: &str| {
        // An id that is part of another one can be named alone.
        if scenarios.iter().any(|scenario| scenario.id == filter) { id == filter } else { id.contains(filter) }
    };
    for filter in filters {
        if !scenarios.iter().any(|scenario| matches(filter, &scenario.id)) {
            let ids: Vec<&str> = scenarios.iter().map(|scenario| scenario.id.as_str()).collect();
            bail!("no scenario is named `{filter}`\nhint: there are {}", ids.join(", "));
        }
    }
    let selected = |scenario: &&Scenario| filters.iter().any(|filter| matches(filter, &scenario.id));
    Ok(scenarios.iter().filter(selected).cloned().collect())
}

/// One of several runs that share the cells: `2/3` is the second of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl Shard {
    /// What this shard has of `cells`.
    ///
    /// # Errors
    /// When that is nothing: a run that checks nothing must not look like one that found nothing.
    pub fn of<T>(self, cells: Vec<T>) -> Result<Vec<T>> {
        let all = cells.len();
        let mine: Vec<T> =
            cells.into_iter().enumerate().filter(|(at, _)| at % self.count == self.index).map(|(_, it)| it).collect();
        if mine.is_empty() {
            bail!("zero cells are selected: there are {all} for {} shards", self.count);
        }
        Ok(mine)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("`{text}` is no shard such as `1/3`");
        let (number, count) = text.split_once('/').ok_or_else(wrong)?;
        let number: usize = number.parse().map_err(|_| wrong())?;
        let count: usize = count.parse().map_err(|_| wrong())?;
        let index = number.checked_sub(1).filter(|index| *index < count).ok_or_else(wrong)?;
        Ok(Shard { index, count })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const BASIC: &str = include_str!("../scenarios/basic.toml");

    fn parse(id: &str, text: &str) -> Result<Scenario> {
        let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts");
        let base = |name: &str| match name {
            "basic" => Ok(BASIC.to_owned()),
            "based" => {
                Ok("about = \"the base\"\nbase = \"basic\"\nstatus = \"/base\"\n[files]\na = \"1\"\nb = \"1\""
                    .to_owned())
            }
            "around" => Ok("base = \"based-around\"".to_owned()),
            "based-around" => Ok("base = \"around\"".to_owned()),
            _ => bail!("there is no `{name}`"),
        };
        Scenario::parse(id, text, base, &hosts)
    }

    /// The default scenario.
    pub(crate) fn basic() -> Scenario {
        parse("basic", BASIC).unwrap()
    }

    fn named(ids: &[&str]) -> Vec<Scenario> {
        ids.iter().map(|id| Scenario { id: (*id).to_owned(), ..basic() }).collect()
    }

    fn ids(scenarios: &[Scenario]) -> Vec<&str> {
        scenarios.iter().map(|scenario| scenario.id.as_str()).collect()
    }

    #[track_caller]
    fn refused(text: &str, saying: &str) {
        let error = format!("{:#}", parse("x", text).unwrap_err());
        assert!(error.contains(saying), "`{error}` does not say `{saying}`");
    }

    #[test]
    fn every_scenario_is_read() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let scenarios = Scenario::read_all(&directory).unwrap();
        assert!(ids(&scenarios).contains(&DEFAULT));
    }

    #[test]
    fn every_host_has_a_scenario_and_its_options() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenarios = Scenario::read_all(&root.join("scenarios")).unwrap();
        for host in Host::read_all(&root.join("hosts")).unwrap() {
            // Node itself is what every scenario without a host is started by.
            let named = scenarios.iter().any(|scenario| scenario.host.as_ref() == Some(&host.id));
            assert!(named || host.id == "node-server", "no scenario is started by `{}`", host.id);
        }
        for Scenario { id, start, asset, .. } in &scenarios {
            let served = start.host().is_none_or(|host| host.assets != host::Assets::None);
            assert_eq!(asset.is_some(), served, "`{id}`: the static file");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        refused(&format!("colour = 1\n{BASIC}"), "unknown field `colour`");
        refused(&BASIC.replace("origin =", "origins ="), "unknown field `origins`");
        refused(&format!("host = \"rocket\"\n{BASIC}"), "no host is named `rocket`");
        refused(&BASIC.replace("spans = [{ origin = \"auto.graphql.otel.graphql\" }]", "spans = []"), "has no `spans`");
        refused(&format!("controls = []\n{BASIC}"), "`controls` is empty");
        refused(&format!("{BASIC}\n[module]\nfiles = {{}}\n"), "`module.files` is empty");
    }

    #[test]
    fn a_part_is_described_or_absent() {
        let (head, tail) = BASIC.split_once("[asset]").unwrap();
        let (_, tail) = tail.split_once("\n\n").unwrap();
        let without = format!("{head}{tail}");
        refused(&without, "`asset` is missing");
        assert!(parse("x", &format!("{without}\n[absent]\nasset = \"there is none\"\n")).is_ok());
        refused(&format!("{BASIC}\n[absent]\nasset = \"there is none\"\n"), "`asset` is described");
    }

    #[test]
    fn paths_stay_inside_and_the_install_is_the_fixtures() {
        refused(&BASIC.replace("fixture = \"basic\"", "fixture = \"../basic\""), "no path inside");
        refused(&format!("{BASIC}\n[files]\n\"/etc/x\" = \"\"\n"), "no path inside");
        refused(&format!("{BASIC}\n[files]\n\"package.json\" = \"\"\n"), "decides what is installed");
    }

    #[test]
    fn a_scenario_has_what_its_base_has_and_it_does_not_say() {
        let based = |text: &str| parse("x", &format!("about = \"it\"\nbase = \"basic\"\n{text}"));
        let scenario = based("status = \"/other\"\n[absent]\npackage = \"there is none\"").unwrap();
        assert_eq!((scenario.about.as_str(), scenario.status.as_str()), ("it", "/other"));
        assert_eq!(scenario.libraries.len(), 1);
        assert!(scenario.package.is_none() && scenario.asset.is_some());
        refused("about = \"it\"\nbase = \"gone\"", "there is no `gone`");
        let upon_based = parse("x", "about = \"it\"\nbase = \"based\"").unwrap();
        assert_eq!((upon_based.about.as_str(), upon_based.status.as_str()), ("it", "/base"));
        assert_eq!(upon_based.libraries.len(), 1);
        let with_files = parse("x", "about = \"it\"\nbase = \"based\"\n[files]\nb = \"2\"").unwrap();
        let files: Vec<(&str, &str)> = with_files.files.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(files, [("a", "1"), ("b", "2")]);
        refused("about = \"it\"\nbase = \"around\"", "`base` leads back to `around`");
        assert!(based("colour = 1").is_err());
    }

    #[test]
    fn a_host_writes_the_config() {
        let with = |text: &str| parse("x", &format!("host = \"vercel\"\n{text}{BASIC}"));
        let scenario = with("").unwrap();
        assert!(scenario.files[CONFIG].contains(r#"server: {"preset":"vercel"}"#), "{:?}", scenario.files);
        assert_eq!(scenario.start.host().unwrap().id, "vercel");
        assert!(with("own_config = true\n").unwrap().files.is_empty());
        refused(&format!("host = \"vercel\"\n{BASIC}\n[files]\n\"app.config.ts\" = \"\"\n"), "`host` writes it");
        refused(&format!("own_config = true\n{BASIC}"), "there is none");
    }

    #[test]
    fn the_app_is_the_fixture_or_in_it() {
        let root = Path::new("fixture");
        let at =
            |app: &str| Scenario { app: app.to_owned(), ..basic() }.app_in(root).to_string_lossy().replace('\\', "/");
        assert_eq!(at("."), "fixture");
        assert_eq!(at("./apps/web"), "fixture/apps/web");
    }

    #[test]
    fn an_id_is_named_alone_and_a_part_names_several() {
        let scenarios = || named(&["bare", "basic", "basic-pnpm", "js"]);
        let select = |filters: &[&str], all| {
            let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            select(scenarios(), &filters, all)
        };
        assert_eq!(ids(&select(&[], false).unwrap()), ["basic"]);
        assert_eq!(ids(&select(&["basic"], false).unwrap()), ["basic"]);
        assert_eq!(ids(&select(&["ba"], false).unwrap()), ["bare", "basic", "basic-pnpm"]);
        assert_eq!(ids(&select(&["js", "pnpm"], false).unwrap()), ["basic-pnpm", "js"]);
        assert_eq!(select(&[], true).unwrap().len(), 4);
        assert!(select(&["js", "cobol"], false).unwrap_err().to_string().contains("no scenario is named `cobol`"));
        assert!(select(&["js"], true).is_err());
    }

    #[test]
    fn shards_share_all_scenarios_and_none_is_an_error() {
        let scenarios = || named(&["a", "b", "c"]);
        let shard = |text: &str| text.parse::<Shard>();
        assert_eq!(ids(&shard("1/2").unwrap().of(scenarios()).unwrap()), ["a", "c"]);
        assert_eq!(ids(&shard("2/2").unwrap().of(scenarios()).unwrap()), ["b"]);
        assert!(shard("4/4").unwrap().of(scenarios()).unwrap_err().to_string().contains("zero cells"));
        for wrong in ["0/2", "3/2", "1/0", "1", "a/b", ""] {
            assert!(shard(wrong).is_err(), "`{wrong}`");
        }
    }
}
