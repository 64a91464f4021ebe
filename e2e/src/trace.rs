//! The module trace: what the instrumentation's own hooks saw, as the fixture writes it to `MODULE_TRACE_FILE`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use url::Url;

/// A trace file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleTrace {
    /// How many times the instrumentation was evaluated.
    pub evaluations: usize,
    /// The URL of each module that went through the hooks, in order.
    pub loads: Vec<String>,
}

/// A line of a trace file. The times are those of `Date.now()`: milliseconds since 1970, the clock that the harness has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The instrumentation was evaluated: `Sentry.init()` has returned, and hooks are being registered.
    Instrumentation {
        /// When; nothing where the line does not say.
        time: Option<u64>,
    },
    /// A module went through the hooks.
    Load {
        /// Its URL.
        url: String,
        /// When; nothing where the line does not say.
        time: Option<u64>,
    },
}

/// The modules that must have gone through the instrumentation's hooks. Relative paths are those in a copy of the build whose
/// place is not known.
#[derive(Debug, Clone)]
pub struct RuntimeModules {
    /// The entry, where it was moved to; nothing where no file has its bytes.
    pub moved_entry: Option<PathBuf>,
    /// The runtime chunk.
    pub chunk: PathBuf,
}

impl ModuleTrace {
    /// Reads the trace in `file`. Without a file the trace is empty: the instrumentation never ran.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not one of the two events.
    pub fn read(file: &Path) -> Result<ModuleTrace> {
        Ok(ModuleTrace::of(&events(file)?))
    }

    /// What the events of a trace come to.
    pub fn of(events: &[Event]) -> ModuleTrace {
        let mut trace = ModuleTrace::default();
        for event in events {
            match event {
                Event::Instrumentation { .. } => trace.evaluations += 1,
                Event::Load { url, .. } => trace.loads.push(url.clone()),
            }
        }
        trace
    }

    /// Whether the module in `file` went through the hooks, under its plain URL.
    ///
    /// A URL with a query does not count. `import-in-the-middle` loads its wrapper of a module as `<module>?iitm=true`,
    /// also when the module itself was loaded long ago and a lazy chunk merely imports it again.
    ///
    /// A relative path is one in a copy of the build whose place is not known.
    pub fn saw(&self, file: &Path) -> bool {
        self.loads.iter().any(|url| is_module(url, file))
    }

    /// Whether a module of the external package `name` went through the hooks, under its plain URL.
    pub fn saw_package(&self, name: &str) -> bool {
        let within = format!("/node_modules/{name}/");
        self.urls().any(|url| url.scheme() == "file" && url.path().contains(&within))
    }

    fn urls(&self) -> impl Iterator<Item = Url> {
        self.loads.iter().filter_map(|url| plain(url))
    }
}

/// The events in `file`, in order. Without a file there are none: the instrumentation never ran.
///
/// # Errors
/// When the file cannot be read or a line is not one of the two events.
pub fn events(file: &Path) -> Result<Vec<Event>> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text).with_context(|| format!("`{}` is not a module trace", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", file.display())),
    }
}

/// Reads a trace of JSON lines.
///
/// # Errors
/// When a line is not one of the two events; the message has its number. A last line without its line end was cut
/// off when the server was killed, and does not count.
pub fn parse(text: &str) -> Result<Vec<Event>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("line {} is no event: `{line}`", index + 1))
        })
        .collect()
}

/// Whether `url` is the plain URL of the module in `file`; as [`ModuleTrace::saw`].
pub fn is_module(url: &str, file: &Path) -> bool {
    plain(url).and_then(|url| url.to_file_path().ok()).is_some_and(|seen| seen.ends_with(file))
}

fn plain(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| url.query().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &Path) -> String {
        Url::from_file_path(path).unwrap().to_string()
    }

    #[test]
    fn reads_both_events() {
        let root = std::env::temp_dir();
        let (seen, unseen) = (root.join("a b.mjs"), root.join("b.mjs"));
        let package = root.join("node_modules/esm-probe/index.js");
        let text = format!(
            "{}\n{}\n{}\n",
            r#"{"event":"instrumentation","pid":1,"time":2}"#,
            serde_json::json!({"event": "load", "url": url(&seen), "time": 3}),
            serde_json::json!({"event": "load", "url": url(&package), "time": 3}),
        );
        let events = parse(&text).unwrap();
        assert_eq!(events[0], Event::Instrumentation { time: Some(2) });
        assert!(matches!(events[1], Event::Load { time: Some(3), .. }));
        let trace = ModuleTrace::of(&events);
        assert_eq!(trace.evaluations, 1);
        assert!(trace.saw(&seen));
        assert!(!trace.saw(&unseen));
        assert!(trace.saw(Path::new("esm-probe/index.js")) && !trace.saw(Path::new("probe/index.js")));
        assert!(trace.saw(&package));
        assert!(trace.saw_package("esm-probe"));
        assert!(!trace.saw_package("probe"));
    }

    #[test]
    fn a_wrapper_is_not_the_module() {
        let package = std::env::temp_dir().join("node_modules/esm-probe/index.js");
        let loads = vec![format!("{}?iitm=true", url(&package))];
        let trace = ModuleTrace { evaluations: 1, loads };
        assert!(!trace.saw(&package));
        assert!(!trace.saw_package("esm-probe"));
    }

    #[test]
    fn no_file_means_no_instrumentation() {
        let trace = ModuleTrace::read(Path::new("/nowhere/trace.jsonl")).unwrap();
        assert_eq!(trace, ModuleTrace::default());
    }

    #[test]
    fn a_line_cut_off_does_not_count_but_nonsense_is_an_error() {
        let whole = r#"{"event":"instrumentation","pid":1,"time":2}"#;
        let events = parse(&format!("{whole}\n{{\"event\":\"lo")).unwrap();
        assert_eq!(ModuleTrace::of(&events).evaluations, 1);
        let error = parse(&format!("{whole}\nnonsense\n")).unwrap_err();
        assert_eq!(error.to_string(), "line 2 is no event: `nonsense`");
        assert!(parse("{\"event\":\"other\"}\n").is_err());
    }

    #[test]
    fn a_line_without_a_time_is_an_event() {
        assert_eq!(parse("{\"event\":\"instrumentation\"}\n").unwrap(), [Event::Instrumentation { time: None }]);
    }
}
