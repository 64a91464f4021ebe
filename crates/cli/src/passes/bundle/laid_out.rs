//! The packages of a build for a child process to read: in the build itself, or in a copy outside of it where the disk is
//! not what the plan is made for.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    failure::Failure,
    scratch::Scratch,
    store::{
        place::Place,
        view::{Kind, View},
    },
};

/// A server directory with the packages of a build.
pub(super) struct LaidOut {
    server: PathBuf,
    /// The server directory of the build, and the copy, which goes when this goes.
    copy: Option<(PathBuf, Scratch)>,
}

impl LaidOut {
    /// The packages as a view has them.
    pub(super) fn of(view: &View, place: &Place) -> Result<Self, Failure> {
        let modules = place.server.join("node_modules");
        if !view.differs_below(&modules) {
            return Ok(Self { server: place.server.clone(), copy: None });
        }
        let made = || -> io::Result<Scratch> {
            let directory = Scratch::new("packages")?;
            copy(view, &modules, &directory, Path::new("node_modules"))?;
            Ok(directory)
        };
        let directory = made().context("failed to copy the packages of the build for the bundler")?;
        let server = directory.real_path().context("failed to find the copy")?;
        Ok(Self { server, copy: Some((place.server.clone(), directory)) })
    }

    /// The directory in which they are.
    pub(super) fn server(&self) -> &Path {
        &self.server
    }

    /// A file of the copy as a file of the build.
    pub(super) fn in_build(&self, file: PathBuf) -> PathBuf {
        match &self.copy {
            Some((server, _)) => {
                file.strip_prefix(&self.server).map(|below| server.join(below)).unwrap_or(file.clone())
            }
            None => file,
        }
    }
}

/// Copies a directory. A link that leads inside of it keeps what it says, and another one leads where it led.
fn copy(view: &View, from: &Path, to: &Scratch, below: &Path) -> io::Result<()> {
    to.directory(below)?;
    for (name, kind) in view.list(from) {
        let (source, target) = (from.join(&name), below.join(&name));
        match kind {
            Kind::Directory => copy(view, &source, to, &target)?,
            Kind::File => to.write(&target, view.bytes(&source).unwrap_or_default())?,
            Kind::Link => {
                let says = view.link(&source).unwrap_or_default();
                let outside = dunce::canonicalize(&source).ok().filter(|real| !view.holds(real));
                to.link(&target, outside.as_deref().unwrap_or(&says))?;
            }
        }
    }
    Ok(())
}
