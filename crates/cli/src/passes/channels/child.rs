//! Runs the SDK's list and transformer in a child process of Node. It reads files of the SDK alone, and writes nothing in the
//! build: texts go in and come out.

use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    child,
    passes::channels::wire::{Answer, ChunkText, Listed, MadeChunk, Named, Refused, Text},
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
