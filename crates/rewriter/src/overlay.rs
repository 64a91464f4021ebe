//! A build as it would be after some changes, so that a plan can be proven before a byte is written.

use std::{borrow::Cow, collections::BTreeMap};

use crate::readings::Readings;
use crate::sources::{ModulePath, ReadError, Sources, Test, is_script};

/// Other sources with some files replaced, added or taken away.
pub struct Overlay<'a> {
    base: &'a dyn Sources,
    /// `None` stands for a file that is taken away.
    files: BTreeMap<ModulePath, Option<Cow<'a, [u8]>>>,
}

impl<'a> Overlay<'a> {
    /// An overlay that changes nothing yet.
    #[must_use]
    pub fn new(base: &'a dyn Sources) -> Self {
        Self { base, files: BTreeMap::new() }
    }

    /// Gives a file new contents; `None` takes it away.
    pub fn set(&mut self, path: ModulePath, contents: Option<Cow<'a, [u8]>>) {
        self.files.insert(path, contents);
    }
}

impl Sources for Overlay<'_> {
    fn read(&self, path: &ModulePath) -> Result<Option<Cow<'_, [u8]>>, ReadError> {
        match self.files.get(path) {
            Some(contents) => Ok(contents.as_deref().map(Cow::Borrowed)),
            None => self.base.read(path),
        }
    }

    fn scripts(&self) -> Result<Vec<ModulePath>, ReadError> {
        let mut scripts = self.base.scripts()?;
        scripts.retain(|path| !self.files.contains_key(path));
        let of_package = |path: &ModulePath| path.as_str().split('/').any(|segment| segment == "node_modules");
        let added = self.files.iter().filter(|(path, contents)| contents.is_some() && is_script(path.as_str()));
        let added = added.filter(|(path, _)| !of_package(path));
        scripts.extend(added.map(|(path, _)| path.clone()));
        scripts.sort();
        Ok(scripts)
    }

    fn filter(&self, scripts: &[ModulePath], passes: &Test<'_>) -> Result<Vec<ModulePath>, ReadError> {
        let of_base: Vec<ModulePath> = scripts.iter().filter(|path| !self.files.contains_key(path)).cloned().collect();
        let mut passed = self.base.filter(&of_base, passes)?.into_iter().peekable();
        let passes = |path: &&ModulePath| match self.files.get(path) {
            Some(contents) => contents.as_deref().is_some_and(|bytes| passes(path, bytes)),
            None => passed.next_if(|next| next == *path).is_some(),
        };
        Ok(scripts.iter().filter(passes).cloned().collect())
    }

    fn exists(&self, path: &ModulePath) -> bool {
        match self.files.get(path) {
            Some(contents) => contents.is_some(),
            None => self.base.exists(path),
        }
    }

    fn is_file(&self, path: &ModulePath) -> bool {
        match self.files.get(path) {
            Some(contents) => contents.is_some(),
            None => self.base.is_file(path),
        }
    }

    fn canonical(&self, path: &ModulePath) -> ModulePath {
        match self.files.get(path) {
            Some(_) => path.clone(),
            None => self.base.canonical(path),
        }
    }

    fn readings(&self) -> Option<&Readings> {
        self.base.readings()
    }

    fn root(&self) -> Option<&str> {
        self.base.root()
    }
}
