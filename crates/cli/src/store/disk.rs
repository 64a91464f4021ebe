//! A server directory on disk, as the rewriter reads it. Nothing is written here.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use oxc_resolver::FileSystem as _;
use presentry_rewriter::{ModulePath, ReadError, Readings, Sources, Test, is_script};

use crate::{
    parallel,
    paths::{join, module_path},
    store::{
        manifest::DIRECTORY,
        view::{Kind, View},
    },
};

/// The files below a server directory.
#[derive(Clone)]
pub(crate) struct DiskSources {
    root: PathBuf,
    view: View,
    /// Where directories of modules lie, by their paths below the root.
    directories: Arc<Mutex<HashMap<String, PathBuf>>>,
}

impl DiskSources {
    /// The files below `root`, which has to be a canonical path.
    pub(crate) fn new(root: &Path) -> Self {
        Self::of(View::everything(), root)
    }

    /// The same as a view has them.
    pub(crate) fn of(view: View, root: &Path) -> Self {
        Self { root: root.to_owned(), view, directories: Arc::default() }
    }

    /// The files that the modules are among.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Where a file lies. Most are no links, so that it is enough to follow the path of their directory, once.
    fn real(&self, path: &ModulePath) -> Option<PathBuf> {
        let directory = self.real_directory(path.directory())?;
        let file = join(&directory, path.file_name());
        match self.view.symlink_metadata(&file).ok()?.is_symlink() {
            true => self.view.canonicalize(&file).ok(),
            false => Some(file),
        }
    }

    fn real_directory(&self, below: &str) -> Option<PathBuf> {
        let known = || self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(real) = known().get(below) {
            return Some(real.clone());
        }
        let real = self.view.canonicalize(&join(&self.root, below)).ok()?;
        known().insert(below.to_owned(), real.clone());
        Some(real)
    }

    fn list(&self, walk: &mut Walk, directory: &Path, prefix: &str) -> Result<(), ReadError> {
        // A specifier is text, so Node cannot import a file whose name is not UTF-8.
        let names = self.view.try_list(directory).map_err(|error| read_error(&display(prefix), &error))?;
        for (name, kind) in names {
            let path = [prefix, name.as_str()].concat();
            match kind {
                Kind::File => walk.file(path, &name),
                Kind::Directory => self.directory(walk, &directory.join(&name), &name, path)?,
                Kind::Link => self.link(walk, &directory.join(&name), &name, path)?,
            }
        }
        Ok(())
    }

    fn directory(&self, walk: &mut Walk, directory: &Path, name: &str, path: String) -> Result<(), ReadError> {
        if name == "node_modules" || name == DIRECTORY {
            return Ok(());
        }
        self.list(walk, directory, &(path + "/"))
    }

    /// A linked file is listed under the name of the link as well, because that is the name modules import it by. A
    /// linked directory inside the server directory is listed there, and one outside where the link is.
    fn link(&self, walk: &mut Walk, link: &Path, name: &str, path: String) -> Result<(), ReadError> {
        // A link that leads nowhere is not a file.
        let Ok(target) = self.view.canonicalize(link) else { return Ok(()) };
        if self.view.is_file(&target) || target.is_file() {
            walk.file(path, name);
        } else if target.is_dir() && !target.starts_with(&self.root) && walk.followed.insert(target) {
            self.directory(walk, link, name, path)?;
        }
        Ok(())
    }
}

/// What a walk has gathered.
#[derive(Default)]
struct Walk {
    scripts: Vec<ModulePath>,
    /// Directories outside that links led to, so that a circle of links ends.
    followed: HashSet<PathBuf>,
}

impl Walk {
    fn file(&mut self, path: String, name: &str) {
        if is_script(name)
            && let Ok(path) = ModulePath::new(path)
        {
            self.scripts.push(path);
        }
    }
}

impl Sources for DiskSources {
    fn read(&self, path: &ModulePath) -> Result<Option<Cow<'_, [u8]>>, ReadError> {
        self.view
            .file(&join(&self.root, path.as_str()))
            .map(|bytes| bytes.map(Cow::Owned))
            .map_err(|error| read_error(path.as_str(), &error))
    }

    fn scripts(&self) -> Result<Vec<ModulePath>, ReadError> {
        let mut walk = Walk::default();
        self.list(&mut walk, &self.root, "")?;
        walk.scripts.sort();
        Ok(walk.scripts)
    }

    fn filter(&self, scripts: &[ModulePath], passes: &Test<'_>) -> Result<Vec<ModulePath>, ReadError> {
        let looked = parallel::map(scripts, |script| {
            Ok(self.read(script)?.is_some_and(|bytes| passes(script, &bytes)).then(|| script.clone()))
        });
        looked.into_iter().filter_map(Result::transpose).collect()
    }

    fn exists(&self, path: &ModulePath) -> bool {
        self.view.symlink_metadata(&self.root.join(path.as_str())).is_ok()
    }

    fn is_file(&self, path: &ModulePath) -> bool {
        self.view.is_file(&self.root.join(path.as_str()))
    }

    fn canonical(&self, path: &ModulePath) -> ModulePath {
        let real = self.real(path);
        real.and_then(|real| module_path(&self.root, &real)).unwrap_or_else(|| path.clone())
    }

    fn readings(&self) -> Option<&Readings> {
        Some(self.view.readings())
    }

    fn root(&self) -> Option<&str> {
        // A path of Windows is another URL than its text.
        self.root.to_str().filter(|root| root.starts_with('/'))
    }
}

fn display(prefix: &str) -> String {
    if prefix.is_empty() { ".".to_owned() } else { prefix.trim_end_matches('/').to_owned() }
}

fn read_error(path: &str, error: &io::Error) -> ReadError {
    ReadError { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink, sync::mpsc, thread, time::Duration};

    use presentry_rewriter::Overlay;

    use super::*;

    #[test]
    fn linked_directories_are_listed_once_and_linked_files_by_both_names() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("far.mjs"), "").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        fs::create_dir_all(root.join("chunks/build")).unwrap();
        fs::create_dir_all(root.join("node_modules/pg")).unwrap();
        fs::create_dir_all(root.join(".presentry")).unwrap();
        for file in ["index.mjs", "chunks/build/a.js", "chunks/b.cjs", "node_modules/pg/index.js", "style.css"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink("build", root.join("chunks/same")).unwrap();
        symlink("index.mjs", root.join("start.mjs")).unwrap();
        symlink("..", root.join("chunks/up")).unwrap();
        symlink("nowhere", root.join("broken.mjs")).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        symlink(outside.path(), outside.path().join("again")).unwrap();

        let sources = DiskSources::new(&root);
        let scripts = sources.scripts().unwrap();
        let names: Vec<&str> = scripts.iter().map(ModulePath::as_str).collect();
        assert_eq!(names, ["chunks/b.cjs", "chunks/build/a.js", "index.mjs", "out/far.mjs", "start.mjs"]);
        assert!(sources.exists(&ModulePath::new("broken.mjs").unwrap()));
        assert_eq!(sources.read(&ModulePath::new("chunks").unwrap()).unwrap(), None);
    }

    #[test]
    fn scripts_that_pass_a_test_stay_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        let name = |number: usize| ModulePath::new(format!("{number:02}.mjs")).unwrap();
        for number in 0..50 {
            let text = if number % 3 == 0 { "wanted" } else { "other" };
            fs::write(root.join(name(number).as_str()), text).unwrap();
        }
        let sources = DiskSources::new(&root);
        let mut changed = Overlay::new(&sources);
        changed.set(name(3), None);
        changed.set(name(4), Some(Cow::Borrowed(b"wanted")));
        changed.set(name(6), Some(Cow::Borrowed(b"other")));
        let is_wanted = |_: &ModulePath, bytes: &[u8]| bytes == b"wanted";
        let given: Vec<ModulePath> = (0..51).rev().map(name).collect();
        let passed = |sources: &dyn Sources| sources.filter(&given, &is_wanted).unwrap();
        let expected = |numbers: &dyn Fn(&usize) -> bool| (0..50).rev().filter(numbers).map(name).collect::<Vec<_>>();
        assert_eq!(passed(&sources), expected(&|number| number % 3 == 0));
        assert_eq!(passed(&changed), expected(&|number| *number == 4 || number % 3 == 0 && ![3, 6].contains(number)));
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(directory.path()).unwrap();
        let pipe = root.join("pipe.mjs");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::write(root.join("file.mjs"), "").unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let sources = DiskSources::new(&root);
            let read = |name: &str| sources.read(&ModulePath::new(name).unwrap()).unwrap().map(Cow::into_owned);
            sender.send(["pipe.mjs", "file.mjs", "none.mjs"].map(read))
        });
        let read = receiver.recv_timeout(Duration::from_secs(60)).expect("it does not wait for the pipe");
        assert_eq!(read, [None, Some(Vec::new()), None]);
    }
}
