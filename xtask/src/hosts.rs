//! `cargo xtask hosts`: the tests of `e2e/hosts`. The work is done by `presentry-e2e`.

use anyhow::Result;
use presentry_e2e::cache::Cache;
use presentry_e2e::progress::{Console, Shown, Took};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{binary, host};
use xshell::Shell;

use crate::{Outcome, flags, print};

impl flags::Hosts {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let logs = target.join("e2e-logs");
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let cache = Cache::open(&target.join("e2e-cache"), !self.no_cache)?;
        let (hosts, work) = (root.join(host::DIRECTORY), target.join("e2e-work").join("hosts"));
        let console = Console::new(Shown::Stdout);
        let said = console.step("node --test", || {
            host::test(&hosts, &work, &cache, &toolchain, &logs).map(|said| (said, Took::Time))
        });
        match said {
            Ok(said) => {
                print::line(said)?;
                Ok(Outcome::Green)
            }
            Err(error) => {
                print::line(format_args!("FAIL hosts: {error:#}"))?;
                Ok(Outcome::Red)
            }
        }
    }
}
