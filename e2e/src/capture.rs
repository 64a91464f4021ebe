//! The captured corpus: real builds, made again from `e2e/captures.toml` and packed for the rewriter's tests.
//!
//! A capture is a directory with what a build left outside of `node_modules`, and `capture.json` with what was seen
//! while it was made. [`make`] makes one, [`pack()`] turns all of them into manifests and archives. The two are apart,
//! because making all of them takes an hour, and a capture that is there is not made again.

mod list;
mod make;
mod pack;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use list::{List, Mode, Row};
pub use make::{Workshop, make};
pub use pack::{Packed, pack};

/// The file in a capture that holds a [`Capture`].
const RECORD: &str = "capture.json";

/// What was seen while a build was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Capture {
    /// The day of the build, such as `2026-11-22`, as Nitro wrote it down.
    date: String,
    /// What Nitro calls the preset; some names stand for another preset.
    preset: String,
    /// The versions that were really installed, and that of Node.
    versions: BTreeMap<String, String>,
    /// What the entry exports under Node, where it could be imported.
    exports: Option<Vec<Export>>,
    /// Why it could not.
    load_error: Option<String>,
}

/// One export of an entry, as Node sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    name: String,
    /// As the operator says it, but `null` for null.
    r#type: String,
    /// The name of its prototype's constructor, such as `AsyncFunction`.
    constructor: Option<String>,
    /// Whether it is a class.
    class: bool,
    /// The `length` of a function.
    length: Option<u64>,
    /// Its own properties, without those that every function has.
    own: Vec<String>,
}
