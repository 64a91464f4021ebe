//! Runs the SDK's list and transformer in a child process of Node. It reads files of the SDK alone, and writes nothing in the
//! build: texts go in and come out.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    child,
    passes::channels::{chunks::Lines, targets::Text},
    say::report::Fate,
};

/// What runs in Node.
const SCRIPT: &str = concat!(include_str!("chunks.mjs"), include_str!("child.mjs"));

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
    packages: &'a [Named<'a>],
    /// The files whose texts follow, as numbers of a package and of a file in it.
    wanted: &'a [(usize, usize)],
    /// `None` if only the list is wanted.
    texts: Option<&'a [Text]>,
    chunks: &'a [ChunkText<'a>],
}

/// A package, as the SDK's list looks at it.
#[derive(Debug, Serialize)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) files: &'a [String],
}

/// A chunk with parts of libraries in it.
#[derive(Debug, Serialize)]
pub(super) struct ChunkText<'a> {
    pub(super) text: &'a str,
    pub(super) parts: Vec<PartText<'a>>,
}

/// The part of a chunk that a bundler made of a file.
#[derive(Debug, Serialize)]
pub(super) struct PartText<'a> {
    pub(super) name: &'a str,
    pub(super) version: String,
    pub(super) file: &'a str,
    /// The file itself.
    pub(super) original: Text,
    pub(super) lines: Lines,
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
    /// In the order in which they were given.
    pub(super) chunks: Vec<MadeChunk>,
    /// The module that makes the channels of the chunks; `None` where no chunk has any.
    pub(super) module: Option<String>,
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

/// What became of a chunk.
#[derive(Debug, Deserialize)]
pub(super) struct MadeChunk {
    pub(super) edits: Vec<Edit>,
    /// The exports of the module with the channels that it uses.
    pub(super) names: Vec<String>,
    /// The functions of its parts, in the order in which these were given.
    pub(super) parts: Vec<Vec<Function>>,
}

/// A text that goes in, and the word that makes room for it. Lines and units of UTF-16 are counted from 0.
#[derive(Debug, Deserialize)]
pub(super) struct Edit {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) remove: String,
    pub(super) insert: String,
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
    pub(super) fn list(self, packages: &[Named<'_>]) -> Result<Listed, Refused> {
        let listed: Listed =
            self.ask(&Request { sdk: self.client, packages, wanted: &[], texts: None, chunks: &[] })?;
        let known =
            |(package, file): &(usize, usize)| packages.get(*package).is_some_and(|one| *file < one.files.len());
        if listed.wanted.iter().all(known) {
            Ok(listed)
        } else {
            Err(Refused::because("the list of the SDK names unknown files"))
        }
    }

    /// Has the texts of some files injected, in the same order, and chunks.
    pub(super) fn inject(
        self,
        packages: &[Named<'_>],
        wanted: &[(usize, usize)],
        texts: &[Text],
        chunks: &[ChunkText<'_>],
    ) -> Result<Answer, Refused> {
        let request = Request { sdk: self.client, packages, wanted, texts: Some(texts), chunks };
        let answer: Answer = self.ask(&request)?;
        let whole = |(given, made): (&ChunkText<'_>, &MadeChunk)| given.parts.len() == made.parts.len();
        if answer.files.len() == texts.len()
            && answer.chunks.len() == chunks.len()
            && chunks.iter().zip(&answer.chunks).all(whole)
        {
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
