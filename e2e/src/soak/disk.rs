//! A disk that is full, for one command.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::Invocation;

/// How a disk can be made full on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// A file system in memory, of the size that is wanted, in a namespace of its own. A limit of the size of files, too.
    Mounted,
    /// A limit of the size of files alone.
    Limited,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Disk::Mounted => "a file system in memory, and a limit of the size of files",
            Disk::Limited => "a limit of the size of files, as this machine lets us mount nothing",
        })
    }
}

/// `sh -c MOUNTED sh KILOBYTES SCRATCH DIRECTORY PROGRAM ARGUMENTS…`: runs the program while the directory has a file
/// system of this size, and then puts there what it left. The scratch directory is outside.
const MOUNTED: &str = r#"set -e
size=$1 scratch=$2 directory=$3
shift 3
mount -t tmpfs -o "size=${size}k,mode=$(stat -c %a "$directory")" none "$scratch"
cp -a "$directory/." "$scratch/"
mount --bind "$scratch" "$directory"
set +e
"$@"
code=$?
set -e
umount "$directory"
find "$directory" -mindepth 1 -delete
cp -a "$scratch/." "$directory/"
umount "$scratch"
exit $code"#;

/// `sh -c LIMITED sh BLOCKS PROGRAM ARGUMENTS…`: no file gets larger than so many blocks of 512 bytes.
const LIMITED: &str = r#"trap '' XFSZ
ulimit -f "$1"
shift
exec "$@""#;

impl Disk {
    /// What this machine can do.
    ///
    /// # Errors
    /// When a directory cannot be made to try it in.
    pub fn find(work: &Path) -> Result<Disk> {
        let (scratch, directory) = (work.join("scratch"), work.join("tried"));
        for made in [&scratch, &directory] {
            std::fs::create_dir_all(made).with_context(|| format!("failed to create `{}`", made.display()))?;
        }
        let tried = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", "64"])
            .args([scratch.as_path(), &directory, Path::new("true")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Ok(if tried.is_ok_and(|status| status.success()) { Disk::Mounted } else { Disk::Limited })
    }

    /// A command for `program` in `app`, that can add `spare` kilobytes to a directory.
    pub(super) fn full(
        self,
        program: &Path,
        app: &Path,
        directory: &Path,
        scratch: &Path,
        spare: u64,
    ) -> Result<Invocation> {
        if self == Disk::Limited {
            return Ok(limited(program, app, spare));
        }
        let size = kilobytes(directory)? + spare;
        Ok(Invocation::new("unshare", app)
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh"])
            .arg(size.to_string())
            .args([scratch, directory, program]))
    }
}

/// A command for `program` in `app`, whose files do not get larger than so many kilobytes.
pub(super) fn limited(program: &Path, app: &Path, kilobytes: u64) -> Invocation {
    Invocation::new("sh", app).args(["-c", LIMITED, "sh"]).arg((kilobytes * 2).to_string()).arg(program)
}

/// What a directory takes in memory: whole pages.
fn kilobytes(directory: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in walkdir::WalkDir::new(directory) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
        if entry.file_type().is_file() {
            let metadata = entry.metadata().with_context(|| format!("failed to read `{}`", entry.path().display()))?;
            sum += metadata.len().div_ceil(4096) * 4;
        }
    }
    Ok(sum)
}
