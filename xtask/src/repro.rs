//! `cargo xtask repro`: which app is reproduced, with which versions, and where the result goes. The work is done by
//! `presentry_e2e::repro`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use presentry_e2e::cache::{self, Cache};
use presentry_e2e::matrix::{self, Versions};
use presentry_e2e::node::Node;
use presentry_e2e::progress::{Console, Shown, Took};
use presentry_e2e::repro::{self, Request, Workshop};
use presentry_e2e::scenario::{self, DIRECTORY};
use presentry_e2e::secretlint::Secretlint;
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{Cell, Matrix, Scenario, binary};
use xshell::Shell;

use crate::{Outcome, flags, print};

/// Where fixtures are in the repository.
const FIXTURES: &str = "fixtures-apps";

impl flags::Repro {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        // What is typed is meant from where it is typed.
        let here = std::env::current_dir().context("failed to read the current directory")?;
        let (name, app) = self.app(&root, &here)?;
        let target = binary::target_directory(&root)?;
        let logs = target.join("repro-logs");
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let list = Matrix::read(&root.join(matrix::FILE))?;
        let ask = |package: &str, range: &str| matrix::ask(&toolchain, &logs, package, range);
        let Cell { pins, versions, .. } = self.cell(&list, Scenario::read_all(&root.join(DIRECTORY))?, &ask)?;
        let console = Console::new(Shown::Stdout);
        let cache = Cache::open(&target.join("e2e-cache"), true)?;
        let secretlint = console.step("secretlint", || {
            Secretlint::install(&cache, &toolchain, &logs).map(|secretlint| (secretlint, Took::Time))
        })?;
        let node = match &versions.node {
            None => Node::of(&toolchain),
            Some(version) => console.step(&format!("Node.js {version}"), || {
                Node::install(version, &cache, &toolchain, &logs).map(|node| (node, Took::Time))
            })?,
        };
        let binary = match &self.presentry {
            Some(binary) => here.join(binary),
            None => console.step("cargo build", || {
                binary::build(&root, &logs.join("cargo-build.log")).map(|binary| (binary, Took::Time))
            })?,
        };
        let out = match &self.out {
            Some(out) => here.join(out),
            None => {
                // The last one of this app. It is ours, so it can go.
                let out = target.join("repro").join(&name);
                cache::remove(&out)?;
                out
            }
        };
        let request = Request {
            app,
            pins,
            preset: self.preset,
            out,
            cache: !self.no_cache,
            sdk: !self.no_sdk,
            keep: self.keep,
            trust_init: self.trust_init,
        };
        let workshop = Workshop {
            binary: &binary,
            toolchain: &toolchain,
            node: &node,
            path: std::env::var_os("PATH"),
            secretlint: Some(&secretlint),
            work: &target.join("repro-work").join(&name),
            paths: vec![(target.clone(), "<target>".to_owned()), (root, "<presentry>".to_owned())],
        };
        let made = repro::make(&request, &workshop, &console)?;
        print::line(format_args!("\n{}\n{}", made.facts.verdict().sentence(), made.out.join("REPORT.md").display()))?;
        if self.keep {
            print::line(format_args!("the copy that was built: {}", workshop.work.display()))?;
        }
        // A setup that fails is what was to be shown.
        Ok(Outcome::Green)
    }

    /// The name and the directory of the app.
    fn app(&self, root: &Path, here: &Path) -> Result<(String, PathBuf)> {
        match (&self.source.app, &self.source.fixture) {
            (Some(app), None) => {
                let app = here.join(app);
                let real = app.canonicalize().with_context(|| format!("failed to find `{}`", app.display()))?;
                let name = real.file_name().map_or("app".to_owned(), |name| name.to_string_lossy().into_owned());
                Ok((name, app))
            }
            (None, Some(fixture)) => {
                let scenarios = Scenario::read_all(&root.join(DIRECTORY))?;
                let Some(scenario) = scenarios.iter().find(|scenario| scenario.fixture == *fixture) else {
                    let mut fixtures: Vec<&str> = scenarios.iter().map(|scenario| scenario.fixture.as_str()).collect();
                    fixtures.sort_unstable();
                    fixtures.dedup();
                    bail!("there is no fixture `{fixture}`\nhint: there are {}", fixtures.join(", "));
                };
                Ok((fixture.clone(), scenario.app_in(&root.join(FIXTURES).join(fixture))))
            }
            // The parser asks for one of both.
            _ => bail!("name an app with `--app`, or a fixture with `--fixture`"),
        }
    }

    /// The versions, and what each needs. They do not depend on the app, so any scenario of npm's will do.
    fn cell(&self, list: &Matrix, scenarios: Vec<Scenario>, ask: &matrix::Ask<'_>) -> Result<Cell> {
        let versions = Versions::from(&self.versions);
        let scenarios = scenario::select(scenarios, &[], false)?;
        let scenario = scenarios.first().context("there is no scenario")?;
        list.cell(scenario, &versions, ask)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::flags::{Verb, Xtask};

    fn repro(args: &[&str]) -> flags::Repro {
        // An app has to be named, whatever is asked of the versions.
        let app: &[&str] = if args.contains(&"--app") || args.contains(&"--fixture") { &[] } else { &["--app", "x"] };
        let args = [&["cargo xtask", "repro"], app, args].concat();
        let Verb::Repro(flags) = Xtask::try_parse_from(args).unwrap().verb else { panic!("no repro") };
        flags
    }

    #[test]
    fn one_app_is_named() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("shop")).unwrap();
        let app = |args: &[&str]| repro(args).app(&crate::root(), here.path());
        assert_eq!(app(&["--app", "shop"]).unwrap(), ("shop".to_owned(), here.path().join("shop")));
        let (name, directory) = app(&["--fixture", "monorepo"]).unwrap();
        assert!(name == "monorepo" && directory.ends_with("fixtures-apps/monorepo/apps/web"));
        assert!(app(&["--fixture", "none"]).unwrap_err().to_string().contains("hint: there are bare, basic"));
    }

    #[test]
    fn versions_have_the_needs_of_their_rows() {
        let list = Matrix::read(&crate::root().join(matrix::FILE)).unwrap();
        let cell = |args: &[&str]| {
            let scenarios = Scenario::read_all(&crate::root().join(DIRECTORY)).unwrap();
            repro(args).cell(&list, scenarios, &|package, _| bail!("`{package}` is asked for")).unwrap()
        };
        let old = cell(&["--vinxi", "0.4", "--sentry", "8.55.2"]).pins;
        assert_eq!(old.dependencies["vinxi"], "0.4.3");
        assert_eq!(old.dependencies["@solidjs/start"], "1.0.11");
        assert!(old.overrides.contains_key("vite") && old.legacy_peer_deps);
        assert!(cell(&["--node", "24"]).pins.is_empty());
    }
}
