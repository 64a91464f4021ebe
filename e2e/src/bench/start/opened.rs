//! Which files of a directory are opened, as Linux tells whoever watches it. The process that opens them notices nothing.

use std::path::Path;

use anyhow::Result;

/// A directory that is watched, with all that it held when the watch began.
#[cfg(target_os = "linux")]
pub(super) struct Watch {
    inotify: nix::sys::inotify::Inotify,
}

#[cfg(target_os = "linux")]
impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the directory cannot be read, or the system allows no more watches.
    pub(super) fn begin(directory: &Path) -> Result<Watch> {
        use anyhow::Context;
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .context("failed to watch for opened files")?;
        for entry in walkdir::WalkDir::new(directory) {
            let entry = entry.with_context(|| format!("failed to walk `{}`", directory.display()))?;
            if entry.file_type().is_dir() {
                inotify
                    .add_watch(entry.path(), AddWatchFlags::IN_OPEN)
                    .with_context(|| format!("failed to watch `{}`", entry.path().display()))?;
            }
        }
        Ok(Watch { inotify })
    }

    /// How many files were opened so far, each counted once.
    ///
    /// # Errors
    /// When the system lost count.
    pub(super) fn files(self) -> Result<Option<usize>> {
        use anyhow::{Context, bail};
        use nix::errno::Errno;
        use nix::sys::inotify::AddWatchFlags;

        let mut files = std::collections::BTreeSet::new();
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error).context("failed to read which files were opened"),
            };
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    bail!("more files were opened than the system keeps in mind");
                }
                // A directory that is listed is opened, too.
                if !event.mask.contains(AddWatchFlags::IN_ISDIR)
                    && let Some(name) = event.name
                {
                    files.insert((event.wd, name));
                }
            }
        }
        Ok(Some(files.len()))
    }
}

/// Other systems tell nobody without rights, or not of single files.
#[cfg(not(target_os = "linux"))]
pub(super) struct Watch;

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(super) fn begin(_directory: &Path) -> Result<Watch> {
        Ok(Watch)
    }

    pub(super) fn files(self) -> Result<Option<usize>> {
        Ok(None)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_file_that_is_opened_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        for file in [below.join("one"), below.join("two"), directory.path().join("one")] {
            fs::write(file, "text").unwrap();
        }
        let watch = Watch::begin(directory.path()).unwrap();
        assert_eq!(watch.files().unwrap(), Some(0), "the walk of its own does not count");

        let watch = Watch::begin(directory.path()).unwrap();
        fs::read(below.join("one")).unwrap();
        fs::read(below.join("one")).unwrap();
        fs::read(directory.path().join("one")).unwrap();
        fs::read_dir(&below).unwrap().count();
        assert!(fs::read(below.join("absent")).is_err());
        fs::metadata(below.join("two")).unwrap();
        assert_eq!(watch.files().unwrap(), Some(2));
    }
}
