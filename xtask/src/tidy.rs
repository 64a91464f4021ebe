//! `cargo xtask tidy`: what neither the compiler nor clippy checks. The rules are pure functions over the repository.

mod circles;
mod docs;
mod links;
mod names;
mod versions;
mod writes;

use std::path::Path;

use anyhow::{Context, Result, bail};
use presentry_e2e::Scenario;
use presentry_e2e::scenario::DIRECTORY;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::{Outcome, flags, print};

/// Each crate of the workspace, and the crates of the workspace it may depend on. Two chains without an edge between
/// them: parser → rewriter → cli, and e2e → xtask, so that the harness shares no code with what it judges. What neither
/// judges, the removal of secrets, lies below both.
const ARROWS: [(&str, &[&str]); 6] = [
    ("presentry-redact", &[]),
    ("presentry-parser", &[]),
    ("presentry-rewriter", &["presentry-parser"]),
    ("presentry", &["presentry-rewriter", "presentry-parser", "presentry-redact"]),
    ("presentry-e2e", &["presentry-redact"]),
    ("xtask", &["presentry-e2e"]),
];

/// The crates that take text and give text.
const CORE: [&str; 3] = ["crates/parser/", "crates/redact/", "crates/rewriter/"];

/// What a core crate's sources must not contain.
const IO: [&str; 7] = ["std::fs", "std::env", "std::process", "std::time", "std::net", "println!", "print!("];

/// Names of directories that builds make.
const ARTEFACTS: [&str; 4] = ["node_modules", ".output", ".vinxi", "target"];

impl flags::Tidy {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        check(sh)?;
        print::line("tidy")?;
        Ok(Outcome::Green)
    }
}

/// Checks the repository in the shell's directory.
///
/// # Errors
/// Lists everything that is not tidy.
pub(crate) fn check(sh: &Shell) -> Result<()> {
    let found = Repository::read(sh)?.findings();
    if !found.is_empty() {
        bail!("not tidy:\n  {}", found.join("\n  "));
    }
    Ok(())
}

/// What the rules look at.
#[derive(Debug, Default)]
struct Repository {
    /// What `cargo metadata --no-deps` prints.
    metadata: Value,
    /// All files that git tracks or would track, without their contents, by paths with `/`.
    files: Vec<String>,
    /// The Rust sources, lockfiles and pages among them, with their contents.
    texts: Vec<(String, String)>,
    /// The files that git tracks.
    tracked: Vec<String>,
    /// The lockfile of the workspace.
    lockfile: String,
    /// The scenarios of the harness.
    scenarios: Vec<Scenario>,
}

impl Repository {
    fn read(sh: &Shell) -> Result<Repository> {
        let metadata = cmd!(sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
        let metadata = serde_json::from_str(&metadata).context("`cargo metadata` is not JSON")?;
        let listed = |args: &[&str]| -> Result<Vec<String>> {
            // `-z`, as names with odd characters are quoted otherwise.
            let out = cmd!(sh, "git ls-files -z {args...}").quiet().read()?;
            Ok(out.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
        };
        let tracked = listed(&["--cached"])?;
        let mut files = listed(&["--cached", "--others", "--exclude-standard"])?;
        // Removed, and not yet committed as removed.
        files.retain(|file| sh.path_exists(file));
        let mut texts = Vec::new();
        for file in files.iter().filter(|file| is_rust(file) || is_lockfile(file) || docs::is_page(file)) {
            texts.push((file.clone(), sh.read_file(file)?));
        }
        let scenarios = Scenario::read_all(&sh.current_dir().join(DIRECTORY))?;
        let lockfile = sh.read_file("Cargo.lock")?;
        Ok(Repository { metadata, files, texts, tracked, lockfile, scenarios })
    }

    /// Everything that breaks a rule, one line each.
    fn findings(&self) -> Vec<String> {
        let mut found = arrows(&self.metadata);
        found.extend(dependencies_on_swc(&self.metadata));
        for (file, text) in &self.texts {
            if is_rust(file) {
                found.extend(names_of_swc(file, text));
                found.extend(io_in_core(file, text));
                found.extend(first_line(file, text));
                found.extend(leftovers(file, text));
            } else if docs::is_page(file) {
                found.extend(docs::page(file, text));
            } else {
                found.extend(registry_addresses(file, text));
            }
        }
        found.extend(links::links(&self.texts, &self.files));
        let pages: Vec<(&str, &str)> = self
            .texts
            .iter()
            .filter(|(file, _)| docs::is_page(file))
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        found.extend(versions::versions(&self.metadata, &self.lockfile, &pages));
        found.extend(circles::circles(&self.texts));
        found.extend(writes::writes(&self.texts));
        found.extend(clippy_toml(&self.files));
        found.extend(artefacts(&self.tracked));
        let scenarios: Vec<(&str, &str, &str)> = self
            .scenarios
            .iter()
            .map(|scenario| (scenario.id.as_str(), scenario.fixture.as_str(), scenario.package_manager.lockfile()))
            .collect();
        found.extend(fixtures_and_scenarios(&scenarios, &self.files));
        if self.texts.is_empty() {
            found.push("git lists no sources, so nothing was checked".to_owned());
        }
        found
    }
}

fn is_rust(file: &str) -> bool {
    file.ends_with(".rs")
}

fn is_lockfile(file: &str) -> bool {
    ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml"].iter().any(|name| file.ends_with(name))
}

/// The packages of the workspace with the names of their dependencies of any kind.
fn packages(metadata: &Value) -> Vec<(&str, Vec<&str>)> {
    let packages = metadata["packages"].as_array();
    packages
        .into_iter()
        .flatten()
        .map(|package| {
            let dependencies = package["dependencies"].as_array();
            let names = dependencies.into_iter().flatten().filter_map(|dependency| dependency["name"].as_str());
            (package["name"].as_str().unwrap_or_default(), names.collect())
        })
        .collect()
}

/// Dependencies inside the workspace run along [`ARROWS`] alone.
fn arrows(metadata: &Value) -> Vec<String> {
    let packages = packages(metadata);
    let members: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
    let mut found = Vec::new();
    for (package, dependencies) in &packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == package) else {
            found.push(format!("`{package}` has no row in the table of arrows"));
            continue;
        };
        for dependency in dependencies {
            if members.contains(dependency) && !allowed.contains(dependency) {
                found.push(format!("`{package}` must not depend on `{dependency}`"));
            }
        }
    }
    found
}

/// swc's version changes monthly, so one crate knows it.
fn dependencies_on_swc(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (package, dependencies) in packages(metadata) {
        for dependency in dependencies {
            if dependency.starts_with("swc") && package != "presentry-parser" {
                found.push(format!("`{package}` must not depend on `{dependency}`: only the parser does"));
            }
        }
    }
    found
}

fn names_of_swc(file: &str, text: &str) -> Option<String> {
    let name = concat!("swc", "_");
    (!file.starts_with("crates/parser/") && text.contains(name))
        .then(|| format!("`{file}` names `{name}…`: only the parser does"))
}

fn io_in_core(file: &str, text: &str) -> Vec<String> {
    let is_source = CORE.iter().any(|core| file.starts_with(&format!("{core}src/")));
    IO.iter()
        .filter(|name| is_source && text.contains(*name))
        .map(|name| format!("`{file}` contains `{name}`: core crates do no I/O"))
        .collect()
}

fn clippy_toml(files: &[String]) -> Vec<String> {
    CORE.iter()
        .map(|core| format!("{core}clippy.toml"))
        .filter(|file| !files.contains(file))
        .map(|file| format!("`{file}` is missing: it keeps I/O out of the crate"))
        .collect()
}

fn first_line(file: &str, text: &str) -> Option<String> {
    let tells =
        text.strip_prefix("//!").is_some_and(|rest| rest.lines().next().is_some_and(|line| !line.trim().is_empty()));
    (!tells).then(|| format!("`{file}` does not open with a `//!` line"))
}

fn leftovers(file: &str, text: &str) -> Vec<String> {
    // In halves, or this file would not be tidy.
    [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("#[ig", "nore"), concat!("db", "g!")]
        .into_iter()
        .filter(|name| text.contains(name))
        .map(|name| format!("`{file}` contains `{name}`"))
        .collect()
}

/// Every fixture has a scenario, and every scenario a fixture with the lockfile that it installs from. A scenario is its
/// id, its fixture and its lockfile.
fn fixtures_and_scenarios(scenarios: &[(&str, &str, &str)], files: &[String]) -> Vec<String> {
    const FIXTURES: &str = "fixtures-apps/";
    let mut found = Vec::new();
    for (id, fixture, lockfile) in scenarios {
        for file in ["package.json", lockfile, "README.md"] {
            let file = format!("{FIXTURES}{fixture}/{file}");
            if !files.contains(&file) {
                found.push(format!("`{file}` is missing: scenario `{id}` wants it"));
            }
        }
    }
    let within = files.iter().filter_map(|file| file.strip_prefix(FIXTURES)?.split_once('/'));
    let mut fixtures: Vec<&str> = within.map(|(fixture, _)| fixture).collect();
    fixtures.sort_unstable();
    fixtures.dedup();
    for fixture in fixtures {
        if !scenarios.iter().any(|(_, wanted, _)| *wanted == fixture) {
            found.push(format!("the fixture `{FIXTURES}{fixture}` has no scenario in `{DIRECTORY}`"));
        }
    }
    for file in files.iter().filter(|file| file.starts_with(FIXTURES) && is_lockfile(file)) {
        let used = scenarios.iter().any(|(_, fixture, lockfile)| *file == format!("{FIXTURES}{fixture}/{lockfile}"));
        if !used {
            found.push(format!("no scenario installs from `{file}`"));
        }
    }
    found
}

/// A lockfile with addresses installs from the registry of whoever wrote it.
fn registry_addresses(file: &str, text: &str) -> Option<String> {
    (text.contains("\"resolved\": \"http") || text.contains("tarball: http"))
        .then(|| format!("`{file}` holds registry addresses: install with `omit-lockfile-registry-resolved`"))
}

fn artefacts(tracked: &[String]) -> Vec<String> {
    tracked
        .iter()
        .filter(|file| Path::new(file).components().any(|part| ARTEFACTS.iter().any(|name| part.as_os_str() == *name)))
        .map(|file| format!("`{file}` is tracked by git, and a build made it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(package: &str, dependency: &str) -> Value {
        serde_json::json!({ "packages": [
            { "name": package, "dependencies": [{ "name": dependency, "kind": "dev" }] },
            { "name": "presentry-parser", "dependencies": [{ "name": "anyhow" }] },
            { "name": "presentry-rewriter", "dependencies": [] },
            { "name": "presentry-e2e", "dependencies": [] },
        ] })
    }

    #[test]
    fn the_repository_is_tidy() {
        let sh = Shell::new().unwrap();
        sh.change_dir(crate::root());
        check(&sh).unwrap();
    }

    #[test]
    fn an_edge_against_the_arrows_is_found() {
        assert_eq!(
            arrows(&metadata("xtask", "presentry-rewriter")),
            ["`xtask` must not depend on `presentry-rewriter`"]
        );
        assert_eq!(arrows(&metadata("presentry", "presentry-e2e")), ["`presentry` must not depend on `presentry-e2e`"]);
        assert_eq!(arrows(&metadata("presentry", "presentry-rewriter")), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(arrows(&metadata("newcomer", "anyhow")), ["`newcomer` has no row in the table of arrows"]);
    }

    #[test]
    fn the_parser_alone_knows_swc() {
        let name = concat!("swc", "_core");
        assert_eq!(dependencies_on_swc(&metadata("presentry", name)).len(), 1);
        assert_eq!(dependencies_on_swc(&metadata("presentry-parser", name)), [""; 0]);
        assert!(names_of_swc("crates/cli/src/main.rs", &format!("use {name}::x;")).is_some());
        assert!(names_of_swc("crates/parser/src/lib.rs", &format!("use {name}::x;")).is_none());
    }

    #[test]
    fn io_in_a_core_crate_is_found() {
        for name in IO {
            let text = format!("//! x\nuse {name};");
            assert_eq!(io_in_core("crates/parser/src/lib.rs", &text).len(), 1, "`{name}`");
            assert_eq!(io_in_core("crates/cli/src/main.rs", &text), [""; 0]);
            assert_eq!(io_in_core("crates/rewriter/tests/it/main.rs", &text), [""; 0]);
        }
    }

    #[test]
    fn a_core_crate_without_clippy_toml_is_found() {
        let files = ["crates/parser/clippy.toml".to_owned()];
        assert_eq!(clippy_toml(&files).len(), CORE.len() - 1);
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        for text in ["", "fn main() {}", "//!\nfn main() {}", "\n//! late"] {
            assert!(first_line("a.rs", text).is_some(), "{text:?}");
        }
        assert!(first_line("a.rs", "//! what lives here\n").is_none());
    }

    #[test]
    fn leftovers_are_found() {
        let text = concat!("to", "do!() unimple", "mented!() #[ig", "nore] db", "g!(x)");
        assert_eq!(leftovers("a.rs", text).len(), 4);
        assert_eq!(leftovers("a.rs", "fn main() {}"), [""; 0]);
    }

    #[test]
    fn registry_addresses_are_found() {
        let text = format!("\"resolved\": \"{}://registry/x.tgz\"", "http");
        assert!(registry_addresses("package-lock.json", &text).is_some());
        assert!(registry_addresses("package-lock.json", "\"resolved\": \"packages/x\"").is_none());
        assert!(registry_addresses("pnpm-lock.yaml", &format!("{{tarball: {}://registry/x.tgz}}", "http")).is_some());
        assert!(registry_addresses("pnpm-lock.yaml", "resolution: {integrity: sha512-x}").is_none());
    }

    #[test]
    fn a_fixture_without_a_scenario_and_a_scenario_without_a_fixture_are_found() {
        let files: Vec<String> = ["package.json", "package-lock.json", "README.md", "src/app.tsx"]
            .iter()
            .map(|file| format!("fixtures-apps/basic/{file}"))
            .collect();
        let basic = ("basic", "basic", "package-lock.json");
        assert_eq!(fixtures_and_scenarios(&[basic], &files), [""; 0]);
        assert_eq!(
            fixtures_and_scenarios(&[basic, ("pnpm", "basic", "pnpm-lock.yaml")], &files),
            ["`fixtures-apps/basic/pnpm-lock.yaml` is missing: scenario `pnpm` wants it"]
        );
        assert_eq!(fixtures_and_scenarios(&[basic, ("bare", "bare", "package-lock.json")], &files).len(), 3);
        let found = fixtures_and_scenarios(&[], &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("has no scenario") && found[1].contains("no scenario installs from"), "{found:?}");
    }

    #[test]
    fn tracked_artefacts_are_found() {
        let tracked = ["fixtures-apps/basic/.output/nitro.json".to_owned(), "xtask/src/main.rs".to_owned()];
        assert_eq!(artefacts(&tracked).len(), 1);
    }
}
