//! `cargo xtask fuzz`: generated builds through the rewriter and a real Node, for as long as is asked. What is checked
//! stands in the rewriter's tests.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{Outcome, flags, print};

impl flags::Fuzz {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        // A seed alone repeats one build.
        let minutes = self.minutes.or(self.seed.is_none().then_some(1));
        let seed = match self.seed {
            Some(seed) => seed,
            None => SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs() << 20,
        };
        print::line(format_args!("seed {seed}"))?;
        let run = cmd!(sh, "cargo test -p presentry-rewriter --test it -- --exact fuzz::generated_builds --nocapture")
            .env("PRESENTRY_FUZZ_SEED", seed.to_string());
        let run = match minutes {
            Some(minutes) => run.env("PRESENTRY_FUZZ_SECONDS", (minutes * 60).to_string()),
            None => run.env_remove("PRESENTRY_FUZZ_SECONDS"),
        };
        // What went wrong has been printed, with the seed.
        Ok(if run.run().is_ok() { Outcome::Green } else { Outcome::Red })
    }
}
