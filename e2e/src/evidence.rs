//! What a run saw besides its checks, kept for whoever reads the report: starts, exports, the ends of logs. Judges nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::timeline::Timeline;

/// How much of a log is kept: what is at the end says why a process ended.
const LINES: usize = 40;
const CHARACTERS: usize = 4000;

/// The evidence of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The starts that were watched, the rewritten build's first.
    pub timelines: Vec<Timeline>,
    /// What each build exports.
    pub exports: Vec<Exports>,
    /// For oracles that are known to fail: what the same oracle says of the reference, where the reference fails it as
    /// well. The reference is the build as it was, started with `--import`.
    pub reference: BTreeMap<u8, String>,
    /// The columns that the cell has not, by their keys, and why.
    pub absent: BTreeMap<String, String>,
    /// The ends of the logs of the processes that the checks are about.
    pub logs: Vec<Log>,
}

/// Where a piece of evidence came from: the command, its directory and its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The command as one would type it.
    pub command: String,
    /// Where it ran.
    pub directory: PathBuf,
    /// What it printed.
    pub log: PathBuf,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  command: {}", self.command)?;
        writeln!(f, "  directory: {}", self.directory.display())?;
        write!(f, "  log: {}", self.log.display())
    }
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// Whether an earlier run had done the work.
    pub cached: bool,
}

/// The exports of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exports {
    /// Which build.
    pub of: String,
    /// The kind of each, by name.
    pub kinds: BTreeMap<String, String>,
    /// Why they are not known.
    pub error: Option<String>,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// The command that printed it.
    pub command: String,
    /// The end.
    pub tail: String,
    /// How many lines are before that.
    pub before: usize,
}

impl Exports {
    /// The exports that the script of the harness described.
    pub fn new(of: &str, described: Result<&Value, String>) -> Exports {
        let (described, error) = match described {
            Ok(value) => (value.as_object().cloned().unwrap_or_default(), None),
            Err(error) => (serde_json::Map::new(), Some(error)),
        };
        let kinds = described.iter().map(|(name, value)| (name.clone(), kind(value))).collect();
        Exports { of: of.to_owned(), kinds, error }
    }
}

/// `async function `handler`, 2 parameters, with `__endpoint``, from what the script of the harness describes.
fn kind(described: &Value) -> String {
    let text = |key: &str| described[key].as_str().unwrap_or_default();
    if let Some(value) = described["value"].as_str() {
        return match text("typeof") {
            same if same == value => value.to_owned(),
            other => format!("{other} `{value}`"),
        };
    }
    // What every function has says nothing of this one.
    let usual = ["length", "name", "prototype", "arguments", "caller"];
    let own: Vec<String> = described["own"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|own| own["key"].as_str())
        .filter(|key| text("typeof") != "function" || !usual.contains(key))
        .map(|key| format!("`{key}`"))
        .collect();
    let with = match own.len() {
        0 => String::new(),
        1..=8 => format!(", with {}", own.join(", ")),
        more => format!(", with {more} properties"),
    };
    if text("typeof") != "function" {
        let constructor = described["constructor"].as_str().unwrap_or("null-prototype");
        return format!("object of `{constructor}`{with}");
    }
    let form = match (described["class"].as_bool(), text("constructor")) {
        (Some(true), _) => "class",
        (_, "AsyncFunction") => "async function",
        (_, "GeneratorFunction") => "generator function",
        (_, "AsyncGeneratorFunction") => "async generator function",
        _ => "function",
    };
    let length = described["length"].as_u64().unwrap_or_default();
    let s = if length == 1 { "" } else { "s" };
    format!("{form} `{}`, {length} parameter{s}{with}", text("name"))
}

/// The ends of the logs of `sources`, each once. The work directory, which is gone when the report is read, is `<work>` in them.
pub fn logs<'a>(sources: impl Iterator<Item = &'a Source>, work: &Path) -> Vec<Log> {
    let work = work.to_string_lossy();
    let mut logs: BTreeMap<&Path, Log> = BTreeMap::new();
    for source in sources.filter(|source| !source.log.as_os_str().is_empty()) {
        logs.entry(&source.log).or_insert_with(|| {
            let text = match std::fs::read(&source.log) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).replace(&*work, "<work>"),
                Err(error) => format!("the log cannot be read: {error}"),
            };
            let (before, tail) = end(&text);
            let name = source.log.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Log { name, command: source.command.replace(&*work, "<work>"), tail, before }
        });
    }
    logs.into_values().collect()
}

/// How many lines are left out, and the lines after them.
fn end(text: &str) -> (usize, String) {
    let lines: Vec<&str> = text.lines().collect();
    let mut from = lines.len().saturating_sub(LINES);
    while from + 1 < lines.len() && lines[from..].iter().map(|line| line.len() + 1).sum::<usize>() > CHARACTERS {
        from += 1;
    }
    let tail = lines[from..].join("\n");
    // A single line can be a whole minified module.
    let tail = if tail.len() > CHARACTERS { tail.chars().take(CHARACTERS).collect::<String>() + " …" } else { tail };
    (from, tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_told_in_words() {
        let function = json!({
            "typeof": "function", "constructor": "AsyncFunction", "name": "handler", "length": 2, "class": false,
            "own": [{ "key": "length" }, { "key": "name" }, { "key": "__endpoint" }],
        });
        let value = json!({ "typeof": "string", "value": "x" });
        let nothing = json!({ "typeof": "undefined", "value": "undefined" });
        let object = json!({ "typeof": "object", "constructor": "Object", "own": [] });
        let exports = json!({ "handler": function, "value": value, "nothing": nothing, "default": object });
        let kinds = Exports::new("ours", Ok(&exports)).kinds;
        assert_eq!(kinds["handler"], "async function `handler`, 2 parameters, with `__endpoint`");
        assert_eq!(kinds["value"], "string `x`");
        assert_eq!(kinds["nothing"], "undefined");
        assert_eq!(kinds["default"], "object of `Object`");
        assert_eq!(Exports::new("ours", Err("it dies".to_owned())).error.as_deref(), Some("it dies"));
    }

    #[test]
    fn the_end_of_a_log_is_kept_once_and_without_the_work_directory() {
        let work = tempfile::tempdir().unwrap();
        let log = work.path().join("boot.log");
        let lines: String = (0..100).map(|line| format!("line {line} of {}\n", work.path().display())).collect();
        std::fs::write(&log, lines).unwrap();
        let command = format!("node {}/x", work.path().display());
        let source = Source { command, directory: work.path().to_owned(), log };
        let found = logs([&source, &source].into_iter(), work.path());
        let [log] = &found[..] else { panic!("{found:?}") };
        assert_eq!((log.name.as_str(), log.before, log.command.as_str()), ("boot.log", 60, "node <work>/x"));
        assert!(log.tail.starts_with("line 60 of <work>\n") && log.tail.ends_with("line 99 of <work>"));
        assert!(end(&"é".repeat(CHARACTERS)).1.len() <= 2 * CHARACTERS + 8);
        let gone = Source { log: work.path().join("gone.log"), ..source };
        assert!(logs([&gone].into_iter(), work.path())[0].tail.contains("cannot be read"));
    }
}
