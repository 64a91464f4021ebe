//! `cargo xtask capture`: makes the captured corpus again. The work is done by `presentry_e2e::capture`.

use anyhow::{Context, Result, bail};
use presentry_e2e::capture::{List, Workshop, make, pack};
use presentry_e2e::progress::{Console, Shown, Took};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{binary, cache};
use xshell::Shell;

use crate::{Outcome, flags, print};

impl flags::Capture {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let list = List::read(&root.join("e2e").join("captures.toml"))?;
        let target = binary::target_directory(&root)?;
        let (captures, logs) = (target.join("captures"), target.join("capture-logs"));
        let app = self.app;
        if self.no_cache {
            cache::remove(&captures)?;
        }
        for directory in [&captures, &logs] {
            sh.create_dir(directory)?;
        }
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        if app.exists() {
            bail!(
                "`{}` is there already\nhint: everything in it would be removed; name another with --app",
                app.display()
            );
        }
        sh.create_dir(&app).context("hint: name a directory that can be created with --app")?;
        let source = root.join("fixtures-apps").join("basic");
        let workshop = Workshop { source: &source, app: &app, captures: &captures, toolchain: &toolchain, logs: &logs };
        let console = Console::new(Shown::Stdout);
        let made = list.build.iter().filter(|row| self.only.as_ref().is_none_or(|id| *id == row.id)).try_fold(
            0,
            |count, row| {
                let took = |cached| ((), if cached { Took::Cached } else { Took::Time });
                console.step(&row.id, || make(&list, row, &workshop).map(took))?;
                anyhow::Ok(count + 1)
            },
        );
        cache::remove(&app)?;
        if made? == 0 {
            bail!("`e2e/captures.toml` has no build `{}`", self.only.unwrap_or_default());
        }
        if self.only.is_some() {
            return Ok(Outcome::Green);
        }
        let corpus = root.join("crates").join("rewriter").join("tests").join("corpus");
        let packed = pack(&list, &captures, &corpus)?;
        print::line(format_args!(
            "{} builds with {} files, {} of them different ({} bytes)",
            packed.builds, packed.files, packed.blobs, packed.bytes
        ))?;
        for (archive, bytes) in packed.archives {
            print::line(format_args!("{archive}: {bytes} bytes"))?;
        }
        Ok(Outcome::Green)
    }
}
