//! Runs the SDK's list and transformer in a child process of Node. It reads files of the SDK alone, and writes nothing in the
//! build: texts go in and come out.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    child,
    passes::channels::targets::{Target, Text},
    say::report::Fate,
};

/// What runs in Node.
const SCRIPT: &str = include_str!("child.mjs");

/// The SDK that is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sdk<'a> {
    /// The directory of the app, canonical.
    pub(super) app: &'a Path,
    /// The directory of the SDK's client among its packages.
    pub(super) client: &'a Path,
}

/// What the script is to do.
#[derive(Debug, Serialize)]
struct Request<'a> {
    sdk: &'a Path,
    packages: &'a [Target],
    /// The files whose texts follow, as numbers of a package and of a file in it.
    wanted: &'a [(usize, usize)],
    /// `None` if only the list is wanted.
    texts: Option<&'a [Text]>,
}

/// Why nothing is injected.
#[derive(Debug)]
pub(super) struct Refused {
    /// Whether the SDK is one that has no channels, or no public transformer for them, so that nothing is wrong with it.
    pub(super) without_channels: bool,
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn without_channels(reason: impl Into<String>) -> Self {
        Self { without_channels: true, reason: reason.into() }
    }

    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self { without_channels: false, reason: reason.into() }
    }
}

/// What the transformer made of all files.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    /// In the order in which they were given.
    pub(super) files: Vec<Made>,
    /// The channels that the SDK subscribed to when it was started with the marker.
    pub(super) subscribed: Vec<String>,
    /// The functions of `node:module` by which it registered hooks all the same.
    pub(super) hooks: Vec<String>,
}

/// What became of a file.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    /// `None` where nothing was injected.
    pub(super) text: Option<String>,
    pub(super) functions: Vec<Function>,
}

/// A function that the SDK names for a file.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) function: String,
    pub(super) channel: String,
    pub(super) state: Fate,
    pub(super) why: Option<String>,
}

/// What the SDK's list says.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    /// The names of the packages that the SDK instruments.
    pub(super) packages: BTreeSet<String>,
    /// The files that it names, as numbers of a package and of a file in it.
    pub(super) wanted: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line<T> {
    Refused { error: String },
    Value(T),
}

impl Sdk<'_> {
    /// Asks the SDK's list which packages it names, and which files of these.
    pub(super) fn list(self, packages: &[Target]) -> Result<Listed, Refused> {
        let listed: Listed = self.ask(&Request { sdk: self.client, packages, wanted: &[], texts: None })?;
        let known =
            |(target, file): &(usize, usize)| packages.get(*target).is_some_and(|target| *file < target.files.len());
        if listed.wanted.iter().all(known) {
            Ok(listed)
        } else {
            Err(Refused::because("the list of the SDK names unknown files"))
        }
    }

    /// Has the texts of some files injected, in the same order.
    pub(super) fn inject(
        self,
        packages: &[Target],
        wanted: &[(usize, usize)],
        texts: &[Text],
    ) -> Result<Answer, Refused> {
        let answer: Answer = self.ask(&Request { sdk: self.client, packages, wanted, texts: Some(texts) })?;
        if answer.files.len() == texts.len() {
            Ok(answer)
        } else {
            Err(Refused::because("the transformer did not answer for each file"))
        }
    }

    fn ask<T: DeserializeOwned>(self, request: &Request<'_>) -> Result<T, Refused> {
        let node = child::node().ok_or_else(|| Refused::because("there is no `node` on the `PATH`"))?;
        let answered = child::run(&node, SCRIPT, request, self.app).map_err(|error| {
            let error = anyhow::Error::from(error);
            Refused::because(format!("the transformer of the SDK gave no answer: {error:#}"))
        })?;
        match serde_json::from_slice::<Line<T>>(&answered.stdout) {
            Ok(Line::Value(value)) => Ok(value),
            Ok(Line::Refused { error }) => Err(Refused::because(error)),
            Err(_) => {
                let said = answered.stderr.lines().map(str::trim).find(|line| line.contains("Error"));
                let said = said.unwrap_or_default();
                Err(Refused::because(format!("the transformer of the SDK ended with {}: {said}", answered.status)))
            }
        }
    }
}
