//! What the program that runs the bench does when it is started again as a small process: it measures one process, or is
//! the contender that copies. Small, because Linux counts the memory of a process from its parent's on.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Sample;

/// The first argument that makes a program a child of the bench; then [`MEASURE`] or [`COPY`] follows.
pub(crate) const NAME: &str = "bench-child";

/// `bench-child measure PROGRAM ARGS…`: runs the program and prints a [`Sample`].
pub(super) const MEASURE: &str = "measure";

/// `bench-child copy DIRECTORY LIST`: copies each file of a JSON list of paths in the directory to a new name beside it,
/// synced, and syncs the directories.
pub(super) const COPY: &str = "copy";

/// `bench-child bound PROGRAM ARGS…`: runs the program, however it ends, and prints a [`Spent`].
pub(crate) const BOUND: &str = "bound";

/// `bench-child spend`: uses more time and memory than a bound allows.
pub(crate) const SPEND: &str = "spend";

/// A program that processors have spent this many seconds on has passed its bound, and is ended.
const PROCESSOR_LIMIT: u32 = 20;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// From its start to its end, in seconds of the wall clock.
    pub(crate) wall: f64,
    /// What processors spent on it, in seconds, where the system tells.
    pub(crate) processor: Option<f64>,
    /// Its peak resident set, where the system tells.
    pub(crate) peak_mib: Option<f64>,
    /// What it returned; nothing when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed to standard output.
    pub(crate) printed: String,
}

/// Does what a child of the bench has to do, where these arguments (of the whole process) ask for that.
pub fn child(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if args.nth(1)? != NAME {
        return None;
    }
    let done = match args.next().as_ref().and_then(|word| word.to_str()) {
        Some(MEASURE) => measure(args),
        Some(COPY) => copy(args),
        Some(BOUND) => bound(args),
        Some(SPEND) => spend(),
        _ => Err(anyhow::anyhow!("`{NAME}` is for the bench alone")),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn measure(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let program = args.next().context("there is nothing to measure")?;
    let mut command = Command::new(&program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().with_context(|| format!("failed to start `{}`", program.display()))?;
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    if !status.success() {
        bail!("`{}` failed: {status}", program.display());
    }
    let cpu_ms = processor_of_children()?.map(|seconds| seconds * 1000.0);
    println!("{}", serde_json::to_string(&Sample { ms, peak_mib: peak_mib_of_children()?, cpu_ms })?);
    Ok(())
}

fn bound(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let program = args.next().context("there is nothing to measure")?;
    let mut command = within_limit(&program);
    command.args(args).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().with_context(|| format!("failed to start `{}`", program.display()))?;
    let wall = start.elapsed().as_secs_f64();
    let (peak_mib, processor) = (peak_mib_of_children()?, processor_of_children()?);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{}", serde_json::to_string(&Spent { wall, processor, peak_mib, code: output.status.code(), printed })?);
    Ok(())
}

/// The program, which is ended once processors have spent [`PROCESSOR_LIMIT`] on it.
fn within_limit(program: &OsStr) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -t \"$1\" && shift && exec \"$@\"", "sh"])
        .arg(PROCESSOR_LIMIT.to_string())
        .arg(program);
    command
}

/// Somewhat more than a bound allows, on whichever clock.
fn spend() -> Result<()> {
    let start = Instant::now();
    let memory = vec![1u8; 600 << 20];
    let mut sum = 0u64;
    while start.elapsed().as_secs_f64() < 2.5 || processor_of_itself()?.is_some_and(|seconds| seconds < 2.5) {
        sum = memory.iter().step_by(64).fold(sum, |sum, byte| sum.rotate_left(1) ^ u64::from(*byte));
    }
    std::hint::black_box(sum);
    Ok(())
}

/// The seconds that processors spent on the one child that has been waited for.
#[cfg(unix)]
fn processor_of_children() -> Result<Option<f64>> {
    processor(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).map(Some)
}

#[cfg(unix)]
fn processor_of_itself() -> Result<Option<f64>> {
    processor(nix::sys::resource::UsageWho::RUSAGE_SELF).map(Some)
}

#[cfg(unix)]
fn processor(of: nix::sys::resource::UsageWho) -> Result<f64> {
    use nix::sys::time::{TimeVal, TimeValLike};
    let usage = nix::sys::resource::getrusage(of).context("failed to read the times of a process")?;
    let seconds = |time: TimeVal| Ok(f64::from(i32::try_from(time.num_microseconds())?) / 1_000_000.0);
    seconds(usage.user_time()).and_then(|user: f64| Ok(user + seconds(usage.system_time())?))
}

#[cfg(not(unix))]
fn processor_of_children() -> Result<Option<f64>> {
    Ok(None)
}

#[cfg(not(unix))]
fn processor_of_itself() -> Result<Option<f64>> {
    Ok(None)
}

/// The peak resident set of the one child that has been waited for. Linux counts in KiB.
#[cfg(target_os = "linux")]
fn peak_mib_of_children() -> Result<Option<f64>> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("failed to ask for the memory of a child")?;
    Ok(Some(f64::from(u32::try_from(usage.max_rss())?) / 1024.0))
}

/// Other systems count in other units or not at all.
#[cfg(not(target_os = "linux"))]
fn peak_mib_of_children() -> Result<Option<f64>> {
    Ok(None)
}

fn copy(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let (directory, list) = args.next().zip(args.next()).context("there is nothing to copy")?;
    let directory = PathBuf::from(directory);
    let list = std::fs::read(&list).with_context(|| format!("failed to read `{}`", list.display()))?;
    let files: Vec<PathBuf> = serde_json::from_slice(&list).context("the list is no JSON")?;
    let mut directories = BTreeSet::new();
    for file in files {
        let file = directory.join(file);
        copy_one(&file).with_context(|| format!("failed to copy `{}`", file.display()))?;
        directories.extend(file.parent().map(Path::to_owned));
    }
    if cfg!(unix) {
        for directory in directories {
            let synced = File::open(&directory).and_then(|directory| directory.sync_all());
            synced.with_context(|| format!("failed to sync `{}`", directory.display()))?;
        }
    }
    Ok(())
}

/// As durable as presentry's own way to write: the data of the file, and later the names in its directory.
fn copy_one(file: &Path) -> io::Result<()> {
    let mut copy = File::create_new(copied(file))?;
    io::copy(&mut File::open(file)?, &mut copy)?;
    copy.sync_data()
}

/// Where a copy is put.
pub(super) fn copied(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".copy");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn args(words: &[&str]) -> impl Iterator<Item = OsString> {
        words.iter().map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn other_command_lines_are_none_of_its_business() {
        for words in [&["xtask"][..], &["xtask", "help"], &["xtask", "bench", "rewrite"]] {
            assert_eq!(child(args(words)).map(|_| ()), None, "{words:?}");
        }
        assert_eq!(child(args(&["xtask", NAME, "nonsense"])), Some(ExitCode::FAILURE));
    }

    #[test]
    fn copies_to_new_names() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.mjs");
        fs::write(&file, "text").unwrap();
        let list = directory.path().join("list");
        fs::write(&list, r#"["a.mjs"]"#).unwrap();
        let words = ["xtask", NAME, COPY, directory.path().to_str().unwrap(), list.to_str().unwrap()];
        assert_eq!(child(args(&words)), Some(ExitCode::SUCCESS));
        assert_eq!(fs::read_to_string(directory.path().join("a.mjs.copy")).unwrap(), "text");
        // The new name is taken now, and a copy that wrote nothing must not look like a fast one.
        assert_eq!(child(args(&words)), Some(ExitCode::FAILURE));
    }
}
