//! Runs the bundler of the app in a child process of Node. The script writes nothing but what a trial
//! needs, to a directory for temporary files that goes with it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use crate::{
    child::{self, ScriptError},
    diagnostics::{bundle_failed, bundler_not_found},
    failure::Failure,
};

/// What both bundlers need, how each is driven, what tries a bundle, and what chooses one and answers.
const SCRIPT: &str = concat!(
    include_str!("common.mjs"),
    include_str!("esbuild.mjs"),
    include_str!("rolldown.mjs"),
    include_str!("trial.mjs"),
    include_str!("answer.mjs")
);

/// What is to be bundled.
#[derive(Debug, Serialize)]
pub(super) struct Order<'a> {
    /// The directory of the app, canonical: its packages are asked where those of the build are not whole.
    pub(super) app: &'a Path,
    /// The server directory, canonical.
    pub(super) server: &'a Path,
    /// The specifiers of the SDK.
    pub(super) specifiers: Vec<&'a str>,
    /// For each of them, the names of the exports that the build asks for; `None` for all.
    pub(super) names: Vec<Option<Vec<&'a str>>>,
    /// The specifiers that the build asks for beside them.
    pub(super) used: Vec<&'a str>,
    /// The first line of the module that holds the code.
    pub(super) header: String,
    /// The file name of that module.
    pub(super) name: &'a str,
    /// The file name of the module with the hooks of the SDK that run on a thread of their own, and its first line.
    pub(super) hook_name: &'a str,
    pub(super) hook_header: String,
    /// Whether the packages of the app alone are asked, as some of those in the build are about to go.
    pub(super) from_app: bool,
    /// Whether every library holds its channels, so that the SDK injects none.
    pub(super) injected: bool,
}

/// What the bundler made.
#[derive(Debug, Deserialize)]
pub(super) struct Bundled {
    /// The module with the code.
    pub(super) code: String,
    /// Its source map.
    pub(super) map: String,
    /// The hooks of the SDK that run on a thread of their own, where it has such.
    pub(super) hook: Option<Hook>,
    /// The texts of the licences.
    pub(super) licences: String,
    /// One module for each specifier, without their first lines; none when there is one specifier alone.
    pub(super) modules: Vec<String>,
    /// The name and the version of the bundler.
    pub(super) bundler: String,
    /// The packages that are in the bundle, with their versions.
    pub(super) packages: Vec<String>,
    /// The specifiers that stay imports of packages.
    pub(super) external: BTreeMap<String, External>,
    /// Where the packages were taken from: `build` or `app`.
    pub(super) from: String,
    /// What came of trying it; `None` where the code injects no channels.
    pub(super) trial: Option<Trial>,
}

/// A module beside the bundle, which nothing imports: the SDK names it to Node.
#[derive(Debug, Deserialize)]
pub(super) struct Hook {
    /// The code.
    pub(super) code: String,
    /// Its source map.
    pub(super) map: String,
}

/// What came of trying a bundle that injects channels.
#[derive(Debug, Deserialize)]
pub(super) struct Trial {
    /// The version of Node that tried it.
    pub(super) node: String,
    /// What went wrong, with what the SDK printed.
    pub(super) failed: Option<String>,
}

/// A specifier that is not bundled.
#[derive(Debug, Deserialize)]
pub(super) struct External {
    /// The kind of reason.
    pub(super) reason: String,
    /// The file that it stands for.
    pub(super) file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Refused { error: Refusal },
    Bundled(Box<Bundled>),
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

/// Has the SDK bundled.
pub(super) fn run(order: &Order<'_>) -> Result<Bundled, Failure> {
    let Some(node) = child::node() else {
        return Err(bundler_not_found::diagnostic("there is no `node` on the `PATH` to run it with").into());
    };
    let answered = match child::run(&node, SCRIPT, order, order.app) {
        Ok(answered) => answered,
        Err(ScriptError::TooLate(limit)) => return Err(bundle_failed::too_late(limit).into()),
        Err(error) => return Err(Failure::Unexpected(anyhow::Error::from(error).context("failed to run the bundler"))),
    };
    let answer: Answer = serde_json::from_slice(&answered.stdout).map_err(|error| {
        let (status, stderr) = (answered.status, &answered.stderr);
        match answered.stdout.is_empty() {
            true => anyhow!("the bundler ended with {status} and without an answer: {stderr}"),
            false => anyhow!("the bundler ended with {status} and an answer that cannot be read: {error}: {stderr}"),
        }
    })?;
    match answer {
        Answer::Bundled(bundled) => Ok(*bundled),
        Answer::Refused { error } => Err(match error.code.as_str() {
            "bundler-not-found" => bundler_not_found::diagnostic(&error.message),
            "add-on" => bundle_failed::add_on(&error.message),
            _ => bundle_failed::diagnostic(&error.message),
        }
        .into()),
    }
}
