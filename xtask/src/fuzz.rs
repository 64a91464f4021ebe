//! `cargo xtask fuzz`: generated builds through the rewriter and a real Node, for as long as is asked, or generated
//! instrumentations. What is checked stands in the rewriter's tests.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use presentry_e2e::binary;
use xshell::{Shell, cmd};

use crate::{Outcome, flags, print};

/// The packages that the stand-ins of the judge are compared with.
const REAL: [&str; 2] = ["@sentry/node@10.70.0", "graphql@16.12.0"];

impl flags::Fuzz {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        if self.order { self.order(sh) } else { self.builds(sh) }
    }

    fn builds(self, sh: &Shell) -> Result<Outcome> {
        let seed = self.rounds.first_seed()?;
        let run = cmd!(sh, "cargo test -p presentry-rewriter --test it -- --exact fuzz::generated_builds --nocapture")
            .env("PRESENTRY_FUZZ_SEED", seed.to_string());
        let run = match self.rounds.minutes() {
            Some(minutes) => run.env("PRESENTRY_FUZZ_SECONDS", (minutes * 60).to_string()),
            None => run.env_remove("PRESENTRY_FUZZ_SECONDS"),
        };
        // What went wrong has been printed, with the seed.
        Ok(if run.run().is_ok() { Outcome::Green } else { Outcome::Red })
    }

    fn order(self, sh: &Shell) -> Result<Outcome> {
        let seed = self.rounds.first_seed()?;
        let mut run = cmd!(sh, "cargo test -p presentry-rewriter --test it -- judge:: --nocapture --test-threads 1")
            .env("PRESENTRY_ORDER_SEED", seed.to_string())
            .env("PRESENTRY_ORDER_PROGRAMS", self.programs.to_string());
        if let Some(real) = self.real {
            run = run.env("PRESENTRY_ORDER_REAL", real.to_string()).env("PRESENTRY_ORDER_MODULES", real_packages(sh)?);
        }
        Ok(if run.run().is_ok() { Outcome::Green } else { Outcome::Red })
    }
}

impl flags::Rounds {
    /// How long; nothing where a seed alone repeats one round.
    pub(crate) fn minutes(&self) -> Option<u64> {
        self.minutes.or(self.seed.is_none().then_some(1))
    }

    /// The seed that is given, or one that no earlier run had; it is printed.
    pub(crate) fn first_seed(&self) -> Result<u64> {
        let seed = self.seed.map_or_else(new_seed, Ok)?;
        print::line(format_args!("seed {seed}"))?;
        Ok(seed)
    }
}

/// A seed that no earlier run had.
pub(crate) fn new_seed() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs() << 20)
}

/// Installs the real packages, and gives the directory that holds them.
fn real_packages(sh: &Shell) -> Result<PathBuf> {
    let at = binary::target_directory(&sh.current_dir())?.join("judge-packages");
    sh.create_dir(&at)?;
    sh.write_file(at.join("package.json"), "{ \"private\": true }\n")?;
    let packages = REAL;
    cmd!(sh, "npm install --prefix {at} --no-audit --no-fund --ignore-scripts {packages...}").run()?;
    Ok(at.join("node_modules"))
}
