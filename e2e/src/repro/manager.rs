//! The package managers of other people's apps: which one an app uses, and how it is told to install and to build. Starts
//! nothing.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::pins::Pins;

/// What installs an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageManager {
    /// npm
    Npm,
    /// pnpm
    Pnpm,
    /// Yarn 1
    YarnClassic,
    /// Yarn 2 and later
    Yarn,
    /// Bun
    Bun,
}

/// The lockfiles, in the order in which they count where there are several.
const LOCKFILES: [(&str, PackageManager); 6] = [
    ("package-lock.json", PackageManager::Npm),
    ("npm-shrinkwrap.json", PackageManager::Npm),
    ("pnpm-lock.yaml", PackageManager::Pnpm),
    ("yarn.lock", PackageManager::Yarn),
    ("bun.lock", PackageManager::Bun),
    ("bun.lockb", PackageManager::Bun),
];

/// Which one an app uses, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The package manager.
    pub manager: PackageManager,
    /// The lockfile that it has there; nothing where there is none.
    pub lockfile: Option<String>,
    /// What the reader has to know about the choice.
    pub note: Option<String>,
}

impl PackageManager {
    /// The one that `packageManager` of the manifest in `root` names, else the one whose lockfile is there, else npm.
    ///
    /// # Errors
    /// When `packageManager` names an unknown one.
    pub(crate) fn of(root: &Path, manifest: &Value) -> Result<Chosen> {
        let there: Vec<(&str, PackageManager)> =
            LOCKFILES.into_iter().filter(|(name, _)| root.join(name).is_file()).collect();
        let named = manifest["packageManager"].as_str().map(|named| named.split_once('@').unwrap_or((named, "")));
        let manager = match named {
            Some(("npm", _)) => PackageManager::Npm,
            Some(("pnpm", _)) => PackageManager::Pnpm,
            Some(("bun", _)) => PackageManager::Bun,
            Some(("yarn", version)) if version.starts_with("1.") => PackageManager::YarnClassic,
            Some(("yarn", _)) => PackageManager::Yarn,
            Some((other, _)) => bail!("`packageManager` of `{}` is `{other}`, which is not known", root.display()),
            None => match there.first() {
                None => PackageManager::Npm,
                Some(("yarn.lock", _)) => yarn_of(root),
                Some((_, manager)) => *manager,
            },
        };
        let own =
            there.iter().find(|(_, other)| other.program() == manager.program()).map(|(name, _)| (*name).to_owned());
        let others: Vec<&str> =
            there.iter().filter(|(_, other)| other.program() != manager.program()).map(|(name, _)| *name).collect();
        let note = match (&own, others.as_slice()) {
            (None, _) => Some(format!(
                "the app has no lockfile of {}: the versions are those that were newest when this report was made",
                manager.program()
            )),
            (Some(_), []) => None,
            (Some(own), others) => {
                Some(format!("the app has several lockfiles: `{own}` was used, `{}` was not", others.join("`, `")))
            }
        };
        Ok(Chosen { manager, lockfile: own, note })
    }

    /// The program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            PackageManager::Npm => "npm",
            PackageManager::Pnpm => "pnpm",
            PackageManager::YarnClassic | PackageManager::Yarn => "yarn",
            PackageManager::Bun => "bun",
        }
    }

    /// Finds the program on `path`, a `PATH` as the environment has it.
    ///
    /// # Errors
    /// When it is not there; the message says what to install.
    pub(crate) fn find(self, path: Option<&OsStr>) -> Result<PathBuf> {
        let name = self.program();
        let directory = std::env::current_dir().context("failed to read the current directory")?;
        let hint = match self {
            PackageManager::Npm => "install Node.js, which brings npm",
            PackageManager::Pnpm => "`npm install --global pnpm`, or `corepack enable pnpm`",
            PackageManager::YarnClassic | PackageManager::Yarn => {
                "`npm install --global yarn`, or `corepack enable yarn`"
            }
            PackageManager::Bun => "`npm install --global bun`",
        };
        match which::which_in(name, path, directory) {
            Ok(found) => Ok(found),
            Err(_) => bail!("the app is installed by `{name}`, which was not found on PATH\nhint: {hint}"),
        }
    }

    /// The arguments of an install as the lockfile says, or of one that makes the lockfile.
    pub(crate) fn install(self, locked: bool, pins: &Pins) -> Vec<&'static str> {
        let mut args = match (self, locked) {
            (PackageManager::Npm, true) => vec!["ci", "--no-audit", "--no-fund"],
            (PackageManager::Npm, false) => vec!["install", "--no-audit", "--no-fund"],
            (PackageManager::Pnpm | PackageManager::YarnClassic | PackageManager::Bun, true) => {
                vec!["install", "--frozen-lockfile"]
            }
            (PackageManager::Yarn, true) => vec!["install", "--immutable"],
            // Both refuse to make a lockfile where they think that nobody can be asked.
            (PackageManager::Pnpm, false) => vec!["install", "--no-frozen-lockfile"],
            (PackageManager::Yarn, false) => vec!["install", "--no-immutable"],
            (PackageManager::YarnClassic | PackageManager::Bun, false) => vec!["install"],
        };
        if pins.legacy_peer_deps && self == PackageManager::Npm {
            args.push("--legacy-peer-deps");
        }
        args
    }

    /// The argument that has it take from its cache what is there; nothing where it does so by itself.
    pub(crate) fn prefer_offline(self) -> Option<&'static str> {
        match self {
            PackageManager::Npm | PackageManager::Pnpm | PackageManager::YarnClassic => Some("--prefer-offline"),
            PackageManager::Yarn | PackageManager::Bun => None,
        }
    }

    /// Writes other versions into the manifests of the app in `root`, given by their directories; the first is the root's.
    /// Removes the lockfiles, which have others.
    ///
    /// # Errors
    /// When a manifest or a lockfile cannot be changed, or none depends on what is pinned.
    pub(crate) fn pin(self, pins: &Pins, root: &Path, manifests: &[PathBuf]) -> Result<()> {
        let own = if self == PackageManager::Npm { pins.overrides.clone() } else { Default::default() };
        Pins { overrides: own, ..pins.clone() }.write(root, manifests)?;
        for (name, _) in LOCKFILES {
            let file = root.join(name);
            if file.is_file() {
                fs::remove_file(&file).with_context(|| format!("failed to remove `{}`", file.display()))?;
            }
        }
        if self == PackageManager::Npm || pins.overrides.is_empty() {
            return Ok(());
        }
        let file = root.join("package.json");
        let mut manifest = crate::app::manifest(root)?;
        let top = manifest.as_object_mut().with_context(|| format!("`{}` is no object", file.display()))?;
        let holder = match self {
            PackageManager::Pnpm => {
                let pnpm = top.entry("pnpm").or_insert_with(|| Value::Object(Map::new()));
                pnpm.as_object_mut().context("`pnpm` of `package.json` is no object")?
            }
            _ => top,
        };
        let name = match self {
            PackageManager::YarnClassic | PackageManager::Yarn => "resolutions",
            PackageManager::Npm | PackageManager::Pnpm | PackageManager::Bun => "overrides",
        };
        let versions = holder.entry(name).or_insert_with(|| Value::Object(Map::new()));
        let versions = versions.as_object_mut().with_context(|| format!("`{name}` of `package.json` is no object"))?;
        versions.extend(pins.overrides.iter().map(|(name, version)| (name.clone(), version.as_str().into())));
        let text = format!("{}\n", serde_json::to_string_pretty(&manifest)?);
        fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))
    }
}

/// Which Yarn a `yarn.lock` is of.
fn yarn_of(root: &Path) -> PackageManager {
    let text = fs::read_to_string(root.join("yarn.lock")).unwrap_or_default();
    if text.contains("__metadata:") { PackageManager::Yarn } else { PackageManager::YarnClassic }
}

/// The names of lockfiles.
pub(crate) fn lockfiles_by_name() -> impl Iterator<Item = &'static str> {
    LOCKFILES.iter().map(|(name, _)| *name)
}

/// Whether a file is a lockfile of any of them.
pub(crate) fn is_lockfile(name: &OsStr) -> bool {
    LOCKFILES.iter().any(|(lockfile, _)| name == *lockfile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[(&str, &str)], manifest: &str) -> Result<Chosen> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        PackageManager::of(root.path(), &serde_json::from_str(manifest).unwrap())
    }

    #[test]
    fn the_lockfile_tells_the_manager_and_the_manifest_decides() {
        for (file, text, manager) in [
            ("package-lock.json", "{}", PackageManager::Npm),
            ("pnpm-lock.yaml", "", PackageManager::Pnpm),
            ("yarn.lock", "# yarn lockfile v1", PackageManager::YarnClassic),
            ("yarn.lock", "__metadata:\n  version: 8", PackageManager::Yarn),
            ("bun.lock", "", PackageManager::Bun),
        ] {
            let chosen = chosen(&[(file, text)], "{}").unwrap();
            assert_eq!((chosen.manager, chosen.lockfile.as_deref(), chosen.note), (manager, Some(file), None));
        }
        let named =
            chosen(&[("package-lock.json", ""), ("pnpm-lock.yaml", "")], r#"{ "packageManager": "pnpm@9.1.0" }"#);
        let named = named.unwrap();
        assert_eq!((named.manager, named.lockfile.as_deref()), (PackageManager::Pnpm, Some("pnpm-lock.yaml")));
        assert!(named.note.unwrap().contains("`package-lock.json` was not"));
        assert!(chosen(&[], "{}").unwrap().note.unwrap().contains("has no lockfile of npm"));
        assert!(chosen(&[], r#"{ "packageManager": "other@1" }"#).is_err());
    }

    #[test]
    fn a_manager_that_is_not_there_is_named_with_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        for manager in [PackageManager::Npm, PackageManager::Pnpm, PackageManager::Yarn, PackageManager::Bun] {
            let error = format!("{:#}", manager.find(Some(empty.path().as_os_str())).unwrap_err());
            assert!(!error.contains("binary path"), "{error}");
            assert!(error.contains(manager.program()) && error.contains("hint: "), "{error}");
        }
    }

    #[test]
    fn overrides_go_where_each_manager_reads_them() {
        let pins = Pins {
            dependencies: [("vinxi".to_owned(), "0.4.3".to_owned())].into(),
            overrides: [("vite".to_owned(), "^5.4.21".to_owned())].into(),
            legacy_peer_deps: true,
            ..Pins::default()
        };
        for (manager, place) in [
            (PackageManager::Npm, "/overrides/vite"),
            (PackageManager::Pnpm, "/pnpm/overrides/vite"),
            (PackageManager::YarnClassic, "/resolutions/vite"),
            (PackageManager::Yarn, "/resolutions/vite"),
            (PackageManager::Bun, "/overrides/vite"),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("package.json"), r#"{ "dependencies": { "vinxi": "^0.5.0" } }"#).unwrap();
            fs::write(root.path().join("pnpm-lock.yaml"), "").unwrap();
            manager.pin(&pins, root.path(), &[PathBuf::new()]).unwrap();
            let manifest = crate::app::manifest(root.path()).unwrap();
            assert_eq!(manifest.pointer(place), Some(&Value::from("^5.4.21")), "{manager:?}");
            assert_eq!(manifest["dependencies"]["vinxi"], "0.4.3");
            assert!(!root.path().join("pnpm-lock.yaml").exists());
        }
        assert!(PackageManager::Npm.install(false, &pins).contains(&"--legacy-peer-deps"));
        assert!(!PackageManager::Pnpm.install(true, &pins).contains(&"--legacy-peer-deps"));
    }
}
