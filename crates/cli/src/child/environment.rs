//! The variables of child processes: what every program needs, and for a traced server what flags give. The variables of an
//! app in the shell, tokens above all, are left out.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::program::absolute_entries;

/// What a program needs to run at all, and what version managers of Node.js look at when `node` is a shim of theirs. Each is
/// named in full: `MISE_GITHUB_TOKEN`, `NVM_AUTH_HEADER` and the like begin as others do.
const KEPT: &[&str] = &[
    PATH,
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "TZ",
    "TMPDIR",
    "TERM",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "ASDF_CONFIG_FILE",
    "ASDF_DATA_DIR",
    "ASDF_DIR",
    "ASDF_NODEJS_VERSION",
    "FNM_DIR",
    "FNM_MULTISHELL_PATH",
    "MISE_CACHE_DIR",
    "MISE_CONFIG_DIR",
    "MISE_DATA_DIR",
    "MISE_ENV",
    "MISE_NODE_VERSION",
    "MISE_STATE_DIR",
    "NODENV_ROOT",
    "NODENV_VERSION",
    "NODIST_NODE_VERSION",
    "NODIST_PREFIX",
    "NODIST_X64",
    "NVM_BIN",
    "NVM_DIR",
    "NVM_HOME",
    "NVM_INC",
    "NVM_SYMLINK",
    "VOLTA_HOME",
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

const PATH: &str = "PATH";

/// Programs and libraries of bundlers where those of their packages do not run. They count by absolute paths, as all do.
const PROGRAMS: [&str; 2] = ["ESBUILD_BINARY_PATH", "NAPI_RS_NATIVE_LIBRARY_PATH"];

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

/// The variables of a child, before its own are set. `shell` is what this process has; its `PATH` is handed on without the
/// entries in which nothing is looked for here either.
pub(crate) fn base(
    shell: impl IntoIterator<Item = (OsString, OsString)>,
    given: &[Variable],
) -> Vec<(OsString, OsString)> {
    let passed = |name: &OsStr| given.iter().any(|given| given.value.is_none() && OsStr::new(&given.name) == name);
    let handed_on = |(name, value): (OsString, OsString)| match () {
        () if passed(&name) => Some((name, value)),
        () if is(&name, PATH) => Some((name, absolute_entries(&value)?)),
        () if PROGRAMS.iter().any(|program| is(&name, program)) => {
            Path::new(&value).is_absolute().then_some((name, value))
        }
        () => KEPT.iter().any(|kept| is(&name, kept)).then_some((name, value)),
    };
    let set = given.iter().filter_map(|given| Some((given.name.clone().into(), given.value.clone()?.into())));
    shell.into_iter().filter_map(handed_on).chain(set).collect()
}

/// Whether a variable has a name. Windows looks at letters without their case.
fn is(variable: &OsStr, name: &str) -> bool {
    if cfg!(windows) { variable.eq_ignore_ascii_case(name) } else { variable == name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_app_need_a_flag() {
        let tokens =
            ["SENTRY_AUTH_TOKEN", "NPM_TOKEN", "GITHUB_TOKEN", "MISE_GITHUB_TOKEN", "NVM_AUTH_HEADER", "LC_TOKEN"];
        let shell = ["LC_ALL", "SENTRY_DSN", "DATABASE_URL", "NODE_OPTIONS", "HTTPS_PROXY"];
        let shell = || shell.iter().chain(&tokens).map(|name| (OsString::from(name), OsString::from("x")));
        let names = |given: &[&str]| {
            let given: Vec<Variable> = given.iter().map(|text| Variable::from_argument(text).unwrap()).collect();
            let found = base(shell(), &given).into_iter();
            found.map(|(name, value)| format!("{}={}", name.display(), value.display())).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["LC_ALL=x"]);
        assert_eq!(names(&["DATABASE_URL", "NOT_THERE"]), ["LC_ALL=x", "DATABASE_URL=x"]);
        assert_eq!(names(&["DATABASE_URL=a=b"]), ["LC_ALL=x", "DATABASE_URL=a=b"]);
    }

    #[test]
    fn a_variable_has_a_name() {
        for wrong in ["", "=x", "A B=c"] {
            assert!(Variable::from_argument(wrong).is_err(), "{wrong}");
        }
    }
}
