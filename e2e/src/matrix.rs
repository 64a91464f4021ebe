//! The list of versions in `e2e/matrix.toml`: what each version needs, which cells there are, which cannot exist, and
//! what is known to fail. Data and choices only; what installs is in `app`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::column::Column;
use crate::pins::Pins;
use crate::process::Invocation;
use crate::report::{LeftOut, Wanted};
use crate::scenario::{DEFAULT, Manager, Scenario, one_or_several};
use crate::toolchain::Toolchain;

/// Where the list is in the repository.
pub const FILE: &str = "e2e/matrix.toml";

/// What stands for the newest release.
pub const LATEST: &str = "latest";

/// Everything the file has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Versions of `vinxi`, each with the fitting `@solidjs/start`.
    pub vinxi: Vec<Row>,
    /// Versions of `nitropack`.
    pub nitropack: Vec<Row>,
    /// Versions of `@sentry/solidstart`.
    pub sentry: Vec<Row>,
    /// Versions of `@sentry/node`, which an app has by itself or beside `@sentry/solidstart`.
    pub sdk: Vec<Row>,
    /// Versions of Node.
    pub node: Vec<Row>,
    /// Cells of more than one version, or of another scenario than the default one.
    #[serde(default)]
    pub cell: Vec<Listed>,
    /// Combinations that cannot be judged.
    #[serde(default)]
    pub impossible: Vec<Impossible>,
    /// Checks that fail for somebody else's reason.
    #[serde(default)]
    pub known: Vec<Known>,
    /// The presets of Nitro whose entry the SDK leaves as it is, though it is told to wrap it.
    #[serde(default)]
    pub not_wrapped: Vec<String>,
}

/// One version, and what has to be done to get it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Such as `0.5.11`.
    pub version: String,
    /// Dependencies that have to fit, by their names: those that the app has, and for an SDK of its own those that it gets.
    #[serde(default)]
    pub dependencies: BTreeMap<String, String>,
    /// npm's overrides, by the names of packages.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    /// Whether npm is told to ignore peer dependencies.
    #[serde(default)]
    pub legacy_peer_deps: bool,
    /// Whether the app's packages are there while the command runs, whatever the scenario says.
    #[serde(default)]
    pub packages: bool,
    /// For a Node: whether it starts builds alone, and the one on `PATH` makes them.
    #[serde(default)]
    pub starts_only: bool,
    /// Why that is.
    pub because: Option<String>,
}

/// Some of the versions that make a cell; what is not named is as the fixture's lockfile and `PATH` have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Versions {
    /// `vinxi`
    pub vinxi: Option<String>,
    /// `nitropack`
    pub nitropack: Option<String>,
    /// `@sentry/solidstart`
    pub sentry: Option<String>,
    /// `@sentry/node`
    pub sdk: Option<String>,
    /// Node
    pub node: Option<String>,
}

/// Cells that are listed: where a key has several values, each combination of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The ids of the scenarios; the default one if not given.
    #[serde(default, deserialize_with = "one_or_several")]
    pub scenario: Vec<String>,
    /// Versions by their kinds.
    #[serde(flatten)]
    pub versions: BTreeMap<String, Several>,
}

/// One version, or several.
#[derive(Debug, Clone, Deserialize)]
pub struct Several(#[serde(deserialize_with = "one_or_several")] Vec<String>);

/// A scenario and versions; a version is meant with all that begin with it, so `18` is every Node 18.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Ids of scenarios; all where there is none.
    #[serde(default)]
    pub scenario: Vec<String>,
    /// Ids of scenarios that are not meant.
    #[serde(default)]
    pub except: Vec<String>,
    /// Whether the SDK wraps the entry of the scenario's preset; either if not given.
    pub wrapped: Option<bool>,
    /// `vinxi`
    pub vinxi: Option<String>,
    /// `nitropack`
    pub nitropack: Option<String>,
    /// `@sentry/solidstart`
    pub sentry: Option<String>,
    /// `@sentry/node`
    pub sdk: Option<String>,
    /// Node
    pub node: Option<String>,
}

/// A combination that cannot be judged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impossible {
    /// The combination.
    pub when: When,
    /// Why.
    pub because: String,
}

/// Checks that fail upstream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// In which columns.
    pub column: Vec<Column>,
    /// Where; everywhere if not given.
    #[serde(default)]
    pub when: When,
    /// The checks, by the number of an oracle or the name of a check.
    #[serde(deserialize_with = "names")]
    pub fails: Vec<String>,
    /// Why.
    pub because: String,
}

/// Numbers and names, both as text.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Oracle(u8),
        Check(String),
    }
    let names = Vec::<Name>::deserialize(deserializer)?;
    Ok(names
        .into_iter()
        .map(|name| match name {
            Name::Oracle(number) => number.to_string(),
            Name::Check(name) => name,
        })
        .collect())
}

/// One run: a scenario with versions.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What is built, and what is true of it.
    pub scenario: Scenario,
    /// The versions it is about, all of them exact.
    pub versions: Versions,
    /// What is installed for them.
    pub pins: Pins,
    /// Whether the Node of the cell starts the builds alone, and the one on `PATH` makes them.
    pub starts_only: bool,
    /// Whose builds are judged.
    pub columns: Vec<Column>,
}

/// The kind of version that an app of the default scenario has not.
const SDK: &str = "sdk";

/// The kinds of versions, in the order in which an id has them: the key, and the package; Node is no package of the app.
const KINDS: [(&str, Option<&str>); 5] = [
    ("vinxi", Some("vinxi")),
    ("nitropack", Some("nitropack")),
    ("sentry", Some("@sentry/solidstart")),
    (SDK, Some("@sentry/node")),
    ("node", None),
];

impl Versions {
    fn get(&self, kind: &str) -> Option<&str> {
        match kind {
            "vinxi" => self.vinxi.as_deref(),
            "nitropack" => self.nitropack.as_deref(),
            "sentry" => self.sentry.as_deref(),
            SDK => self.sdk.as_deref(),
            _ => self.node.as_deref(),
        }
    }

    fn set(&mut self, kind: &str, version: String) {
        let slot = match kind {
            "vinxi" => &mut self.vinxi,
            "nitropack" => &mut self.nitropack,
            "sentry" => &mut self.sentry,
            SDK => &mut self.sdk,
            _ => &mut self.node,
        };
        *slot = Some(version);
    }

    /// Those that are named, with their kinds.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        KINDS.iter().filter_map(|(kind, _)| self.get(kind).map(|version| (*kind, version)))
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        *self == Versions::default()
    }
}

impl Listed {
    /// Each combination of its versions.
    fn versions(&self) -> Vec<Versions> {
        let mut all = vec![Versions::default()];
        for (kind, Several(versions)) in &self.versions {
            let with = |one: &Versions| {
                let one = one.clone();
                versions.iter().map(move |version| {
                    let mut one = one.clone();
                    one.set(kind, version.clone());
                    one
                })
            };
            all = all.iter().flat_map(with).collect();
        }
        all
    }
}

impl std::fmt::Display for Versions {
    /// `vinxi-0.5.3+node-22.23.3`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.named().map(|(kind, version)| format!("{kind}-{version}")).collect();
        f.write_str(&parts.join("+"))
    }
}

impl std::str::FromStr for Versions {
    type Err = String;

    fn from_str(text: &str) -> Result<Versions, String> {
        let mut versions = Versions::default();
        for part in text.split('+') {
            let known = |(kind, version): &(&str, &str)| {
                KINDS.iter().any(|(known, _)| known == kind) && !version.is_empty() && versions.get(kind).is_none()
            };
            let Some((kind, version)) = part.split_once('-').filter(known) else {
                let kinds = KINDS.map(|(kind, _)| kind).join(", ");
                return Err(format!(
                    "`{part}` is not a version such as `vinxi-0.5.3`\nhint: it begins with one of {kinds}"
                ));
            };
            versions.set(kind, version.to_owned());
        }
        Ok(versions)
    }
}

impl Cell {
    /// The scenario with the versions of its lockfile, in the first column alone.
    pub fn locked(scenario: Scenario) -> Cell {
        Cell {
            scenario,
            versions: Versions::default(),
            pins: Pins::default(),
            starts_only: false,
            columns: vec![Column::Presentry],
        }
    }

    /// As it is printed and selected, and the name of its files: `basic`, or `basic@vinxi-0.5.3+node-22.23.3`.
    pub fn id(&self) -> String {
        if self.versions.is_empty() {
            self.scenario.id.clone()
        } else {
            format!("{}@{}", self.scenario.id, self.versions)
        }
    }

    /// The cell, as a report names it.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            id: self.id(),
            about: self.scenario.about.clone(),
            preset: self.scenario.nitro_preset().to_owned(),
            server: self.scenario.ends.is_none(),
        }
    }

    /// What was asked for, by the names of packages; Node is `node`.
    pub fn requested(&self) -> BTreeMap<String, String> {
        let mut requested = self.pins.dependencies.clone();
        requested.extend(self.pins.additions.clone());
        requested.extend(self.pins.overrides.clone());
        requested.extend(self.versions.node.iter().map(|version| ("node".to_owned(), version.clone())));
        requested
    }
}

impl When {
    /// Whether it speaks of this scenario, whose preset the SDK wraps or not, with `versions`, given by kind.
    fn holds<'a>(&self, scenario: &str, wrapped: bool, versions: impl Fn(&str) -> Option<&'a str>) -> bool {
        let wanted = [
            ("vinxi", &self.vinxi),
            ("nitropack", &self.nitropack),
            ("sentry", &self.sentry),
            (SDK, &self.sdk),
            ("node", &self.node),
        ];
        (self.scenario.is_empty() || self.scenario.iter().any(|id| id == scenario))
            && !self.except.iter().any(|id| id == scenario)
            && self.wrapped.is_none_or(|wanted| wanted == wrapped)
            && wanted.into_iter().all(|(kind, wanted)| match wanted {
                None => true,
                Some(wanted) => versions(kind).is_some_and(|version| begins_with(version, wanted)),
            })
    }
}

/// Whether `version` is `start`, or begins with it and a point.
fn begins_with(version: &str, start: &str) -> bool {
    version.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The numbers of a version, to compare with; what is no number counts as 0.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or_default()).collect()
}

/// Asks npm's registry for the newest version of `package` in `range`, which may be the name of a tag.
///
/// # Errors
/// When npm fails, or knows none.
pub fn ask(toolchain: &Toolchain, logs: &Path, package: &str, range: &str) -> Result<String> {
    let wanted = format!("{package}@{range}");
    let finished = Invocation::new(&toolchain.npm, logs)
        .args(["view", "--json", &wanted, "version"])
        .run(&logs.join("npm-view.log"), Duration::from_secs(120))?;
    let answer: Value = serde_json::from_str(&finished.stdout).with_context(|| finished.failure())?;
    if answer["error"].is_object() && answer["error"]["code"] != "E404" {
        bail!("{}", finished.failure());
    }
    // One version, or several in no promised order.
    let versions = match &answer {
        Value::Array(versions) => versions.iter().collect(),
        one => vec![one],
    };
    let newest = versions.into_iter().filter_map(Value::as_str).max_by_key(|version| numbers(version));
    newest.map(str::to_owned).with_context(|| format!("there is no `{wanted}`"))
}

/// As [`ask`], with the registry that the caller has.
pub type Ask<'a> = dyn Fn(&str, &str) -> Result<String> + 'a;

impl Matrix {
    /// Reads the list.
    ///
    /// # Errors
    /// When the file cannot be read, has an unknown key, a version twice, or a need without a reason.
    pub fn read(file: &Path) -> Result<Matrix> {
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))?;
        Matrix::parse(&text).with_context(|| format!("`{}` is no list of versions", file.display()))
    }

    fn parse(text: &str) -> Result<Matrix> {
        let matrix: Matrix = toml::from_str(text)?;
        for (kind, _) in KINDS {
            let rows = matrix.rows(kind);
            if rows.is_empty() {
                bail!("`{kind}` has no rows");
            }
            for (newer, older) in rows.iter().zip(&rows[1..]) {
                if numbers(&newer.version) <= numbers(&older.version) {
                    bail!("`{kind}` has {} before {}, which is not from new to old", newer.version, older.version);
                }
            }
            if let Some(row) = rows.iter().find(|row| {
                row.because.is_none()
                    && (row.legacy_peer_deps || row.packages || row.starts_only || !row.overrides.is_empty())
            }) {
                bail!("`{kind}` {} needs something, and does not say why", row.version);
            }
        }
        for (kind, Several(versions)) in matrix.cell.iter().flat_map(|listed| &listed.versions) {
            if !KINDS.iter().any(|(known, _)| known == kind) {
                bail!("a cell has `{kind}`, which is not a kind of version");
            }
            if let Some(version) = versions.iter().find(|version| !matrix.has_row(kind, version)) {
                bail!("a cell has `{kind}` {version}, which has no row");
            }
        }
        Ok(matrix)
    }

    fn has_row(&self, kind: &str, version: &str) -> bool {
        self.rows(kind).iter().any(|row| row.version == version)
    }

    fn rows(&self, kind: &str) -> &[Row] {
        match kind {
            "vinxi" => &self.vinxi,
            "nitropack" => &self.nitropack,
            "sentry" => &self.sentry,
            SDK => &self.sdk,
            _ => &self.node,
        }
    }

    /// The cells that stand for all combinations: every scenario as its lockfile has it, but for those with an SDK of their own, every version with the default
    /// scenario, and the combinations that are listed. What cannot exist is left out, and returned with the reason.
    ///
    /// # Errors
    /// When there is no default scenario, a cell is listed twice, or one has a scenario that there is not.
    pub fn cells(&self, scenarios: &[Scenario]) -> Result<(Vec<Cell>, Vec<LeftOut>)> {
        let default = scenarios.iter().find(|scenario| scenario.id == DEFAULT);
        let default = default.with_context(|| format!("there is no scenario `{DEFAULT}`"))?;
        let mut wanted: Vec<(&Scenario, Versions)> =
            scenarios.iter().filter(|it| self.own_sdk(it).is_none()).map(|it| (it, Versions::default())).collect();
        for (kind, _) in KINDS.iter().filter(|(kind, _)| *kind != SDK) {
            for row in self.rows(kind) {
                let mut versions = Versions::default();
                versions.set(kind, row.version.clone());
                wanted.push((default, versions));
            }
        }
        for listed in &self.cell {
            let ids = if listed.scenario.is_empty() { &[DEFAULT.to_owned()][..] } else { &listed.scenario };
            for id in ids {
                let scenario = scenarios.iter().find(|scenario| scenario.id == *id);
                let scenario =
                    scenario.with_context(|| format!("a cell has the scenario `{id}`, which there is not"))?;
                wanted.extend(listed.versions().into_iter().map(|versions| (scenario, versions)));
            }
        }
        let (mut cells, mut left_out) = (Vec::new(), Vec::new());
        for (scenario, versions) in wanted {
            let cell = self.cell(scenario, &versions, &|_, _| bail!("the list has exact versions alone"))?;
            let id = cell.id();
            if cells.iter().any(|other: &Cell| other.id() == id) {
                bail!("the cell `{id}` is there twice");
            }
            match self.impossible(&cell) {
                Some(reason) => left_out.push(LeftOut { id, because: reason.to_owned() }),
                None => cells.push(cell),
            }
        }
        Ok((cells, left_out))
    }

    /// The cell of a scenario and versions, which may be short (`0.4`, the newest listed one that begins so), not listed
    /// (with the needs of the listed one before), or [`LATEST`].
    ///
    /// # Errors
    /// When a version is none, or the scenario cannot have it.
    pub fn cell(&self, scenario: &Scenario, wanted: &Versions, ask: &Ask<'_>) -> Result<Cell> {
        let mut pins = Pins::default();
        let mut versions = Versions::default();
        let mut scenario = scenario.clone();
        let mut starts_only = scenario.starts_only;
        let mut wanted = wanted.clone();
        wanted.sdk = wanted.sdk.or(self.own_sdk(&scenario).map(str::to_owned));
        for (kind, version) in wanted.named() {
            let package = KINDS.iter().find(|(name, _)| *name == kind).and_then(|(_, package)| *package);
            let (version, row) = self.find(kind, package, version, ask)?;
            // An SDK of its own is none of the app's dependencies yet, and neither is what has to fit it.
            let fitting_ones = if kind == SDK { &mut pins.additions } else { &mut pins.dependencies };
            for (name, wanted_version) in &row.dependencies {
                // The newest Vinxi is tried with the newest SolidStart that is built by Vinxi.
                let newest = wanted.get(kind) == Some(LATEST);
                let fitting = if newest { ask(name, "^1")? } else { wanted_version.clone() };
                fitting_ones.insert(name.clone(), fitting);
            }
            pins.overrides.extend(row.overrides.clone());
            pins.legacy_peer_deps |= row.legacy_peer_deps;
            scenario.packages |= row.packages;
            starts_only |= row.starts_only;
            match (kind, package) {
                ("nitropack", Some(package)) => {
                    pins.overrides.insert(package.to_owned(), version.clone());
                }
                (SDK, Some(package)) => {
                    pins.additions.insert(package.to_owned(), version.clone());
                }
                (_, Some(package)) => {
                    pins.dependencies.insert(package.to_owned(), version.clone());
                }
                (_, None) => {}
            }
            versions.set(kind, version);
        }
        if scenario.package_manager != Manager::Npm && !pins.is_empty() {
            bail!(
                "scenario `{}` is installed from its lockfile alone, so `{versions}` cannot be had\nhint: name a scenario that npm installs",
                scenario.id
            );
        }
        Ok(Cell { scenario, versions, pins, starts_only, columns: vec![Column::Presentry] })
    }

    /// The version of `@sentry/node` that a scenario has where none is named: the first that a cell of it is listed with. An app
    /// whose server has an SDK of its own has none in its lockfile.
    fn own_sdk(&self, scenario: &Scenario) -> Option<&str> {
        let listed = self.cell.iter().filter(|listed| listed.scenario.contains(&scenario.id));
        let versions = listed.filter_map(|listed| listed.versions.get(SDK)).flat_map(|Several(versions)| versions);
        versions.map(String::as_str).next()
    }

    /// The exact version that is meant, and the row whose needs it has.
    fn find(&self, kind: &str, package: Option<&str>, version: &str, ask: &Ask<'_>) -> Result<(String, &Row)> {
        let rows = self.rows(kind);
        let package = package.unwrap_or("node");
        let unknown = || {
            let listed: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
            format!(
                "`{version}` is not a version of `{package}`\nhint: {FILE} has {}; or name an exact one, or `{LATEST}`",
                listed.join(", ")
            )
        };
        let exact = if version == LATEST {
            // Every platform has a package of its own; they are released together.
            ask(package, LATEST)?
        } else if let Some(row) = rows.iter().find(|row| begins_with(&row.version, version)) {
            row.version.clone()
        } else if crate::app::is_exact(version) {
            ask(package, version).with_context(unknown)?
        } else {
            bail!("{}", unknown());
        };
        let row = rows.iter().find(|row| numbers(&row.version) <= numbers(&exact)).or(rows.last());
        let row = row.with_context(|| format!("`{kind}` has no rows"))?;
        Ok((exact, row))
    }

    /// Why a cell cannot be judged, where that is so.
    pub fn impossible(&self, cell: &Cell) -> Option<&str> {
        let holds = |row: &&Impossible| {
            row.when.holds(&cell.scenario.id, self.wraps(&cell.scenario), |kind| cell.versions.get(kind))
        };
        self.impossible.iter().find(holds).map(|row| row.because.as_str())
    }

    /// Why this check fails upstream, where that is known. `installed` has the versions by the names of packages.
    pub fn known(
        &self,
        column: Column,
        scenario: &Scenario,
        installed: &BTreeMap<String, String>,
        check: (Option<u8>, &str),
    ) -> Option<&str> {
        let installed = |kind: &str| {
            let package = KINDS.iter().find(|(name, _)| *name == kind).and_then(|(_, package)| *package);
            installed.get(package.unwrap_or(kind)).map(String::as_str)
        };
        let (oracle, name) = check;
        let wrapped = self.wraps(scenario);
        let is_it = |fails: &String| *fails == name || oracle.is_some_and(|number| *fails == number.to_string());
        let row = self.known.iter().find(|row| {
            row.column.contains(&column)
                && row.when.holds(&scenario.id, wrapped, installed)
                && row.fails.iter().any(is_it)
        });
        row.map(|row| row.because.as_str())
    }

    /// Whether the SDK wraps the entry of the scenario's preset.
    fn wraps(&self, scenario: &Scenario) -> bool {
        !self.not_wrapped.iter().any(|preset| preset == scenario.nitro_preset())
    }
}

#[cfg(test)]
mod tests;
