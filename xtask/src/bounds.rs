//! `cargo xtask bounds`: builds the command as it is released, and prints what it spends. The measuring is done by
//! `presentry-e2e`.

use anyhow::{Context, Result};
use presentry_e2e::{binary, bounds};
use xshell::Shell;

use crate::bench::executable;
use crate::print::line;
use crate::{Outcome, flags};

impl flags::Bounds {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let logs = target.join("bounds-logs");
        sh.create_dir(&logs)?;
        let presentry = executable(self.presentry.as_deref(), &root, &logs)?;
        let helper = std::env::current_exe().context("the system does not tell where this program is")?;
        let config = bounds::Config { presentry, helper, work: target.join("bounds"), logs };
        line(bounds::head())?;
        let rows = bounds::run(&config, &self.shape, &mut |row| Ok(line(row)?))?;
        let past = rows.iter().filter(|row| row.is_past()).count();
        let (seconds, megabytes) = (bounds::SECONDS, bounds::MEGABYTES);
        line(format_args!("{past} of {} pass {seconds} s or {megabytes} MB", rows.len()))?;
        Ok(if past == 0 { Outcome::Green } else { Outcome::Red })
    }
}
