//! `cargo xtask libraries`: what presentry injects ahead of time is what the hooks of the SDK inject. The work is done by
//! `e2e/libraries/compare.mjs`.

use anyhow::Result;
use presentry_e2e::binary;
use xshell::{Shell, cmd};

use crate::{Outcome, flags, print};

impl flags::Libraries {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let logs = target.join("e2e-logs");
        sh.create_dir(&logs)?;
        let presentry = match self.presentry {
            Some(presentry) => presentry.canonicalize()?,
            None => binary::build(&root, &logs.join("cargo-build.log"))?,
        };
        let work = target.join("e2e-work").join("libraries");
        sh.remove_path(&work)?;
        sh.create_dir(&work)?;
        let script = root.join("e2e/libraries/compare.mjs");
        let ran = cmd!(sh, "node {script} {presentry} {work}").ignore_status().quiet().output()?;
        print::line(String::from_utf8_lossy(&ran.stdout).trim_end())?;
        print::note(String::from_utf8_lossy(&ran.stderr).trim_end());
        sh.remove_path(&work)?;
        Ok(if ran.status.success() { Outcome::Green } else { Outcome::Red })
    }
}
