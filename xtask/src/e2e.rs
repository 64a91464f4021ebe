//! `cargo xtask e2e`: the default scenario. The work is done by `presentry-e2e`.

use anyhow::{Context, Result};
use presentry_e2e::progress::{Took, step};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{Config, Report, Scenario, binary};
use xshell::Shell;

use crate::{Outcome, flags};

impl flags::E2e {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let report = self.report(sh)?;
        print!("\n{}", report.summary());
        Ok(if report.success() { Outcome::Green } else { Outcome::Red })
    }

    /// Runs the scenario; what it does and finds is printed as it comes.
    pub(crate) fn report(&self, sh: &Shell) -> Result<Report> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let logs = target.join("e2e-logs");
        sh.create_dir(&logs)?;
        // Before the build, which takes minutes the first time.
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let scenario = Scenario::basic();
        println!("scenario {} (Node.js {}, npm {})", scenario.id, toolchain.node_version, toolchain.npm_version);
        let binary = step("cargo build", || {
            binary::build(&root, &logs.join("cargo-build.log")).map(|binary| (binary, Took::Time))
        })?;
        let config = Config {
            fixtures: root.join("fixtures-apps"),
            binary,
            toolchain,
            target,
            rewrite: !self.without_rewrite,
            cache: !self.no_cache,
            keep: self.keep,
        };
        presentry_e2e::run(&scenario, &config).context("the run did not end")
    }
}
