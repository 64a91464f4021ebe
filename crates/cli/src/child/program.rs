//! Where programs are found: by an absolute path, or in a directory that `PATH` names by an absolute path.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{self, Path, PathBuf},
};

/// The Node.js of the `PATH`.
pub(crate) fn node() -> Option<PathBuf> {
    in_path("node", &env::var_os("PATH")?)
}

/// A program that the user names: a path, or the name of a program in `PATH`. It is not resolved further: version managers
/// look at the name they are called by.
pub(crate) fn named(program: &Path) -> Option<PathBuf> {
    let is_path = program.is_absolute() || program.components().count() > 1;
    // A path is the word of the user, and may begin where they are.
    let found = if is_path { which::which(program).ok() } else { in_path(program, &env::var_os("PATH")?) };
    found.and_then(|found| path::absolute(found).ok())
}

/// The entries of a `PATH` that are absolute, where there are any: an empty `PATH` has one entry. Relative ones, and the empty
/// one, which stands for the directory one is in, would have a checkout say what is run.
pub(super) fn absolute_entries(path: &OsStr) -> Option<OsString> {
    let entries: Vec<PathBuf> = env::split_paths(path).filter(|entry| entry.is_absolute()).collect();
    // What came out of a `PATH` fits into one.
    env::join_paths(&entries).ok().filter(|_| !entries.is_empty())
}

fn in_path(name: impl AsRef<OsStr>, path: &OsStr) -> Option<PathBuf> {
    which::which_in_global(name, Some(absolute_entries(path)?)).ok()?.next()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn programs_are_found_in_absolute_entries_alone() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("some-program");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        // The same directory, from where the test runs.
        let up = env::current_dir().unwrap().components().skip(1).map(|_| "..").collect::<PathBuf>();
        let relative = up.join(directory.path().strip_prefix("/").unwrap());
        assert!(relative.join("some-program").is_file());
        let path = |entries: &[&Path]| env::join_paths(entries).unwrap();
        assert_eq!(in_path("some-program", &path(&[directory.path()])), Some(program.clone()));
        assert_eq!(in_path("some-program", &path(&[Path::new(""), &relative, directory.path()])), Some(program));
        assert_eq!(in_path("some-program", &path(&[&relative])), None);
        assert_eq!(in_path("some-program", OsStr::new("")), None);
        assert_eq!(absolute_entries(OsStr::new(":.:/a:b::/c")), Some("/a:/c".into()));
        assert_eq!(absolute_entries(OsStr::new(":.:")), None);
    }
}
