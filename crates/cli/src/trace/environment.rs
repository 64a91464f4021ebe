//! The variables of the traced server: what every program needs, what the trace sets, and what flags give. The variables of
//! an app in the shell are left out.

use std::{ffi::OsString, path::Path};

/// What a program needs to run at all, and what version managers of Node.js look at when `node` is a shim of theirs.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TERM",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "ICU_DATA",
    "NODE_ICU_DATA",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    // Windows, in capitals.
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "USERNAME",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
];

/// Beginnings of such names.
const KEPT_BEGINNINGS: &[&str] = &["LC_", "NVM_", "FNM_", "VOLTA_", "MISE_", "NODENV_", "NODIST_", "XDG_"];

/// A variable that `--env` gives: one of the shell, or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// `None` stands for the value that the shell has.
    pub(crate) value: Option<String>,
}

impl Variable {
    /// Reads `NAME` or `NAME=VALUE`.
    ///
    /// # Errors
    /// When there is no name.
    pub(crate) fn from_argument(argument: &str) -> Result<Self, String> {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument, None),
        };
        if name.is_empty() || name.contains('\0') || name.chars().any(char::is_whitespace) {
            return Err("a variable is `NAME` or `NAME=VALUE`".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// The variables that are there before the trace sets its own. `shell` is what this process has.
pub(crate) fn base(
    shell: impl IntoIterator<Item = (OsString, OsString)>,
    given: &[Variable],
) -> Vec<(OsString, OsString)> {
    let shell: Vec<(OsString, OsString)> = shell.into_iter().collect();
    let passed = |name: &Path| given.iter().any(|given| given.value.is_none() && Path::new(&given.name) == name);
    let kept = shell.into_iter().filter(|(name, _)| is_kept(&name.to_string_lossy()) || passed(Path::new(name)));
    let set = given.iter().filter_map(|given| Some((given.name.clone().into(), given.value.clone()?.into())));
    kept.chain(set).collect()
}

fn is_kept(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let name = if cfg!(windows) { upper.as_str() } else { name };
    KEPT.contains(&name) || KEPT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_app_need_a_flag() {
        let shell = ["PATH", "LC_ALL", "SENTRY_DSN", "DATABASE_URL", "NODE_OPTIONS"];
        let shell = || shell.map(|name| (OsString::from(name), OsString::from("x")));
        let names = |given: &[&str]| {
            let given: Vec<Variable> = given.iter().map(|text| Variable::from_argument(text).unwrap()).collect();
            let found = base(shell(), &given).into_iter();
            found.map(|(name, value)| format!("{}={}", name.display(), value.display())).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["PATH=x", "LC_ALL=x"]);
        assert_eq!(names(&["DATABASE_URL", "NOT_THERE"]), ["PATH=x", "LC_ALL=x", "DATABASE_URL=x"]);
        assert_eq!(names(&["DATABASE_URL=a=b"]), ["PATH=x", "LC_ALL=x", "DATABASE_URL=a=b"]);
    }

    #[test]
    fn a_variable_has_a_name() {
        for wrong in ["", "=x", "A B=c"] {
            assert!(Variable::from_argument(wrong).is_err(), "{wrong}");
        }
    }
}
