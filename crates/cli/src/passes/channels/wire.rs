//! What goes to the child process of the SDK and comes back: plain data.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::say::report::Fate;

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
    pub(super) place: Place,
}

/// A text that is to be transformed.
#[derive(Debug, Serialize)]
pub(super) struct Text {
    pub(super) text: String,
    /// Whether Node runs it as an ES module.
    pub(super) module: bool,
}

impl Text {
    /// The text of a file with this name whose package does not tell what it is.
    pub(super) fn of(name: &str, text: String) -> Self {
        let module = match name.rsplit('.').next() {
            Some("mjs") => true,
            Some("cjs") => false,
            // Node looks whether the syntax is that of an ES module.
            _ => {
                let (record, _) = presentry_parser::parse(&text);
                !(record.requested_modules.is_empty() && record.local_export_entries.is_empty())
            }
        };
        Self { text, module }
    }
}

/// Where the part of a chunk is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// The first line of it, from 0, and the line behind it.
    Lines(usize, usize),
    /// What the source map of the chunk tells.
    Tokens(Vec<Token>),
}

/// A line and a column of a chunk, and the line and the column of the file that they come from; all from 0, in units of UTF-16.
pub(super) type Token = [u32; 4];

/// Why nothing is injected.
#[derive(Debug)]
pub(super) struct Refused {
    /// Whether nothing is wrong: the SDK has no channels, or no public transformer for them, or is that of another package.
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

/// A text that goes in, and what makes room for it. Lines and units of UTF-16 are counted from 0.
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
