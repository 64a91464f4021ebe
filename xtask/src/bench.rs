//! `cargo xtask bench rewrite` and `cargo xtask bench start`: build what is measured, and print the tables. The measuring is
//! done by `presentry-e2e`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use presentry_e2e::app::App;
use presentry_e2e::bench::start::{self, FIXTURES, NODES};
use presentry_e2e::bench::{self, Config, PEER};
use presentry_e2e::cache::{self, Cache};
use presentry_e2e::columns::sdk;
use presentry_e2e::matrix::{self, Matrix, Versions};
use presentry_e2e::node::Node;
use presentry_e2e::pins::Pins;
use presentry_e2e::scenario::{DIRECTORY, Manager, Scenario};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{binary, tree};
use xshell::Shell;

use crate::Outcome;
use crate::flags::{self, Format};
use crate::print::{line, note as say, text};

impl flags::Bench {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        self.what.run(sh)
    }
}

impl flags::Rewrite {
    /// Green whatever the figures are, as machines are noisy; an error when an output is wrong.
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let runs = runs(self.runs)?;
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let (work, logs) = (target.join("bench"), target.join("bench-logs"));
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let presentry = executable(self.presentry.as_deref(), &root, &logs)?;
        let peer = target.join("bench-peer");
        install_peer(&root, &target, &toolchain, &logs, &peer)?;
        let config = Config {
            corpus: root.join("crates").join("rewriter").join("tests").join("corpus"),
            presentry,
            before: self.before.map(|before| root.join(before)),
            node: toolchain.node,
            peer: peer.join("peer.mjs"),
            helper: std::env::current_exe().context("the system does not tell where this program is")?,
            work,
            logs,
            runs,
        };
        let measured = bench::run(&config, &|text| say(text))?;
        let rows = bench::rows(&measured);
        match self.format {
            Format::Json => line(bench::json(&rows)?)?,
            Format::Text => {
                text(format_args!("Node.js {}, {runs} runs\n\n{}\n", toolchain.node_version, bench::table(&measured)))?;
                bench::goals(&rows).iter().try_for_each(line)?;
            }
        }
        Ok(Outcome::Green)
    }
}

impl flags::Start {
    /// Green whatever the figures are; an error when a server is not the one that it should be.
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let runs = runs(self.runs)?;
        let root = sh.current_dir();
        let all = Scenario::read_all(&root.join(DIRECTORY))?;
        let target = binary::target_directory(&root)?;
        let logs = target.join("bench-logs");
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let list = Matrix::read(&root.join(matrix::FILE))?;
        let ask = |package: &str, range: &str| matrix::ask(&toolchain, &logs, package, range);
        let mut scenarios = Vec::new();
        for name in names(&self.fixture, &FIXTURES) {
            let scenario = fixture(&all, name)?;
            let cell = list.cell(&scenario, &Versions::default(), &ask)?;
            scenarios.push((cell.scenario, cell.pins));
        }
        let mut nodes = Vec::new();
        for name in names(&self.node, &NODES) {
            let wanted = Versions { node: Some(name.to_owned()), ..Versions::default() };
            let cell = list.cell(&all[0], &wanted, &ask)?;
            nodes.push(cell.versions.node.with_context(|| format!("`{name}` is no version of Node.js"))?);
        }
        let presentry = executable(self.presentry.as_deref(), &root, &logs)?;
        let config = start::Config {
            scenarios,
            nodes,
            fixtures: root.join("fixtures-apps"),
            overlays: root.join(sdk::DIRECTORY),
            without_sentry: root.join(start::WITHOUT_SENTRY),
            presentry,
            toolchain,
            target,
            runs,
        };
        let figures = start::run(&config, &|text| say(text))?;
        if let Some(file) = &self.plot {
            let file = root.join(file);
            sh.write_file(&file, start::plot(&figures)?)?;
            say(format_args!("wrote {}", file.display()));
        }
        match self.format {
            Format::Json => line(figures.json()?)?,
            Format::Text => {
                text(format_args!("{runs} runs\n\n{}\n", figures.table()))?;
                figures.goals().iter().try_for_each(line)?;
            }
        }
        Ok(Outcome::Green)
    }
}

/// What is measured: the executable that is named, or the one that is released.
pub(crate) fn executable(named: Option<&Path>, root: &Path, logs: &Path) -> Result<PathBuf> {
    match named {
        Some(named) => Ok(root.join(named)),
        None => {
            say("cargo build --release");
            binary::build_release(root, &logs.join("cargo-build.log"))
        }
    }
}

fn runs(given: usize) -> Result<usize> {
    match given {
        0 => bail!("`--runs 0` measures nothing"),
        runs => Ok(runs),
    }
}

/// What was asked for, else everything usual.
fn names<'a>(given: &'a [String], usual: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let usual = if given.is_empty() { usual } else { &[] };
    given.iter().map(String::as_str).chain(usual.iter().copied())
}

/// The scenario whose app is started.
fn fixture(all: &[Scenario], name: &str) -> Result<Scenario> {
    let wanted = all.iter().find(|scenario| scenario.id == name).filter(|_| FIXTURES.contains(&name));
    wanted.cloned().with_context(|| {
        format!("`{name}` is no app that is started here\nhint: there are `{}`", FIXTURES.join("` and `"))
    })
}

/// Puts the peer with its packages where Node finds them: beside the script, and outside of the sources.
fn install_peer(root: &Path, target: &Path, toolchain: &Toolchain, logs: &Path, peer: &Path) -> Result<()> {
    say("npm ci, for the node peer");
    let source = root.join(PEER);
    let nothing = BTreeMap::new();
    let app = App {
        source: &source,
        directory: Path::new("."),
        manager: Manager::Npm,
        files: &nothing,
        env: &nothing,
        pins: &Pins::default(),
        toolchain,
        node: &Node::of(toolchain),
        logs,
    };
    let installed = app.install(&Cache::open(&target.join("e2e-cache"), true)?)?;
    cache::remove(peer)?;
    tree::copy(&installed.path, peer, |_| true)?;
    fs::copy(source.join("peer.mjs"), peer.join("peer.mjs")).context("failed to copy the node peer")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_replaces_the_usual() {
        let of = |given: &[&str]| -> Vec<String> {
            let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            names(&given, &NODES).map(str::to_owned).collect()
        };
        assert_eq!(of(&[]), NODES);
        assert_eq!(of(&["26"]), ["26"]);
    }

    #[test]
    fn every_fixture_has_a_scenario_and_others_are_refused() {
        let all = Scenario::read_all(&crate::root().join(DIRECTORY)).unwrap();
        for name in FIXTURES {
            assert_eq!(fixture(&all, name).unwrap().id, name);
        }
        let error = fixture(&all, "heroku").unwrap_err().to_string();
        assert!(error.contains("hint: there are `basic` and `database` and `sdk-basic` and `sdk-alone`"), "{error}");
    }
}
