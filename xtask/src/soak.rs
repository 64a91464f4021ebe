//! `cargo xtask soak`: gathers the builds, and prints the figures. The rounds are played by `presentry-e2e`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use presentry_e2e::bench::builds;
use presentry_e2e::cache::{self, Cache};
use presentry_e2e::node::Node;
use presentry_e2e::pins::Pins;
use presentry_e2e::scenario::{DIRECTORY, Scenario};
use presentry_e2e::soak::{self, App, Config, Figures, Length};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{app, binary};
use xshell::Shell;

use crate::bench::executable;
use crate::fuzz::new_seed;
use crate::print::{line, note as say};
use crate::{Outcome, flags};

/// Captured builds, which have no packages.
const CAPTURED: [&str; 4] =
    ["node-server.default", "node-cluster.default", "node-server.sdk-dynamic", "azure-functions.default"];

/// Apps that npm installs and Vinxi builds, by their scenarios.
const BUILT: [&str; 2] = ["basic", "sdk-alone"];

impl flags::Soak {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let (work, logs) = (target.join("soak"), target.join("soak-logs"));
        sh.create_dir(&logs)?;
        let presentry = executable(self.presentry.as_deref(), &root, &logs)?;
        let apps = match self.app.as_slice() {
            [] => [captured(&root, &target)?, built(&root, &target, &logs)?].concat(),
            given => given.iter().map(|directory| named(root.join(directory))).collect(),
        };
        let seed = self.rounds.first_seed()?;
        let length =
            self.rounds.minutes().map_or(Length::Rounds(1), |minutes| Length::For(Duration::from_secs(60 * minutes)));
        let config = Config { presentry, apps, work, logs, seed, length, plants: self.plant };
        let figures = soak::run(&config, &mut |text| Ok(line(text)?))?;
        line(&figures)?;
        Ok(if figures.failures.is_empty() { Outcome::Green } else { Outcome::Red })
    }
}

/// Some rounds on captured builds, for the tests: the command as it is built for them, no packages, and ten seconds.
pub(crate) fn briefly(sh: &Shell) -> Result<Figures> {
    let root = sh.current_dir();
    let target = binary::target_directory(&root)?;
    let (work, logs) = (target.join("soak"), target.join("soak-logs"));
    sh.create_dir(&logs)?;
    let presentry = binary::build(&root, &logs.join("cargo-build.log"))?;
    let apps = captured(&root, &target)?;
    let length = Length::For(Duration::from_secs(10));
    let config = Config { presentry, apps, work, logs, seed: new_seed()?, length, plants: false };
    soak::run(&config, &mut |text| Ok(line(text)?))
}

fn named(directory: PathBuf) -> App {
    App { name: directory.display().to_string(), directory, packages: None }
}

fn captured(root: &Path, target: &Path) -> Result<Vec<App>> {
    let corpus = root.join("crates").join("rewriter").join("tests").join("corpus");
    let captured = target.join("soak-captured");
    cache::remove(&captured)?;
    CAPTURED
        .iter()
        .map(|id| {
            let directory = captured.join(id);
            builds::extract(&corpus, id, &directory)?;
            Ok(App { name: (*id).to_owned(), directory, packages: None })
        })
        .collect()
}

fn built(root: &Path, target: &Path, logs: &Path) -> Result<Vec<App>> {
    let all = Scenario::read_all(&root.join(DIRECTORY))?;
    let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), logs)?;
    let cache = Cache::open(&target.join("e2e-cache"), true)?;
    BUILT
        .iter()
        .map(|id| {
            say(format_args!("{id}: install and build"));
            let scenario = all.iter().find(|scenario| scenario.id == *id).context("there is no such scenario")?;
            let app = app::App {
                source: &root.join("fixtures-apps").join(&scenario.fixture),
                directory: Path::new(&scenario.app),
                manager: scenario.package_manager,
                files: &scenario.files,
                env: &scenario.build_env,
                pins: &Pins::default(),
                toolchain: &toolchain,
                node: &Node::of(&toolchain),
                logs,
            };
            let install = app.install(&cache)?.path;
            let entry = Path::new(&scenario.server).join(&scenario.entry);
            let directory = app.build(&cache, &install, &entry)?.path;
            Ok(App { name: (*id).to_owned(), directory, packages: Some(install) })
        })
        .collect()
}
