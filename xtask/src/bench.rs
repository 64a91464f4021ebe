//! `cargo xtask bench rewrite`: builds what is measured, and prints the table. The measuring is done by `presentry-e2e`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use presentry_e2e::app::App;
use presentry_e2e::bench::{self, Config, PEER};
use presentry_e2e::cache::{self, Cache};
use presentry_e2e::node::Node;
use presentry_e2e::pins::Pins;
use presentry_e2e::scenario::Manager;
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{binary, tree};
use xshell::Shell;

use crate::{Outcome, flags};

/// How often each contender runs on each build.
const RUNS: usize = 15;

/// The form of the result on standard output. Progress goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A table, and the goals.
    Text,
    /// Rows for a program.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err("it is `text` or `json`".to_owned()),
        }
    }
}

impl flags::Rewrite {
    /// Green whatever the figures are, as machines are noisy; an error when an output is wrong.
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let runs = self.runs.unwrap_or(RUNS);
        if runs == 0 {
            bail!("`--runs 0` measures nothing");
        }
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let (work, logs) = (target.join("bench"), target.join("bench-logs"));
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        say("cargo build --release");
        let presentry = binary::build_release(&root, &logs.join("cargo-build.log"))?;
        let peer = target.join("bench-peer");
        install_peer(&root, &target, &toolchain, &logs, &peer)?;
        let config = Config {
            corpus: root.join("crates").join("rewriter").join("tests").join("corpus"),
            presentry,
            node: toolchain.node,
            peer: peer.join("peer.mjs"),
            helper: std::env::current_exe().context("the system does not tell where this program is")?,
            work,
            logs,
            runs,
        };
        let measured = bench::run(&config, &say)?;
        let rows = bench::rows(&measured);
        match self.format.unwrap_or(Format::Text) {
            Format::Json => println!("{}", bench::json(&rows)?),
            Format::Text => {
                print!("Node.js {}, {} runs\n\n{}\n", toolchain.node_version, runs, bench::table(&measured));
                bench::goals(&rows).iter().for_each(|goal| println!("{goal}"));
            }
        }
        Ok(Outcome::Green)
    }
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

fn say(line: &str) {
    eprintln!("{line}");
}
