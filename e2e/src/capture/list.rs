//! `e2e/captures.toml`, read: which builds there are to capture, and what each differs in from the fixture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The whole file. Its own comments say what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub(super) install: BTreeMap<String, Install>,
    pub(super) instrumentation: BTreeMap<String, Instrumentation>,
    /// The builds, in the order of their capture.
    pub build: Vec<Row>,
}

/// Packages other than the fixture's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Install {
    #[serde(default)]
    pub(super) dependencies: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) overrides: BTreeMap<String, String>,
}

/// Another `src/instrument.server.ts`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instrumentation {
    pub(super) text: String,
    /// Further files, by paths relative to the app.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
}

/// One build.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Unique, and the name of its manifest.
    pub id: String,
    /// Nitro's name of the preset.
    pub preset: String,
    /// How `withSentry` is called.
    pub mode: Mode,
    /// The server directory, relative to the app.
    #[serde(default = "Row::usual_server")]
    pub server: String,
    /// The entry, relative to the server directory.
    #[serde(default = "Row::usual_entry")]
    pub entry: String,
    pub(super) install: Option<String>,
    instrumentation: Option<String>,
    #[serde(default)]
    pub(super) nitro: toml::Table,
    #[serde(default)]
    pub(super) keep_maps: bool,
    #[serde(default)]
    pub(super) debug_ids: bool,
}

/// The SDK's `autoInjectServerSentry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not given.
    Default,
    /// `top-level-import`
    TopLevelImport,
    /// `experimental_dynamic-import`
    DynamicImport,
}

impl Mode {
    /// As `app.config.ts` has it.
    pub(super) fn option(self) -> Option<&'static str> {
        match self {
            Mode::Default => None,
            Mode::TopLevelImport => Some("top-level-import"),
            Mode::DynamicImport => Some("experimental_dynamic-import"),
        }
    }

    /// As the list and the manifests have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Mode::Default => "default",
            Mode::TopLevelImport => "top-level-import",
            Mode::DynamicImport => "dynamic-import",
        }
    }
}

impl Row {
    fn usual_server() -> String {
        ".output/server".to_owned()
    }

    fn usual_entry() -> String {
        "index.mjs".to_owned()
    }

    /// The name of the instrumentation; the fixture's own is not in the list.
    fn instrumentation(&self) -> &str {
        match (&self.instrumentation, self.mode) {
            (Some(name), _) => name,
            (None, Mode::DynamicImport) => "traced",
            (None, Mode::Default | Mode::TopLevelImport) => "fixture",
        }
    }
}

impl List {
    /// Reads the list.
    ///
    /// # Errors
    /// When the file cannot be read, has an unknown key, no build, two builds of one id, or names what it does not
    /// define.
    pub fn read(file: &Path) -> Result<List> {
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))?;
        List::parse(&text).with_context(|| format!("`{}` is no list of captures", file.display()))
    }

    fn parse(text: &str) -> Result<List> {
        let list: List = toml::from_str(text)?;
        if list.build.is_empty() {
            bail!("there is no build in it");
        }
        let mut ids = BTreeSet::new();
        for row in &list.build {
            if !ids.insert(&row.id) {
                bail!("`{}` is there twice", row.id);
            }
            if let Some(name) = row.install.as_ref().filter(|name| !list.install.contains_key(*name)) {
                bail!("`{}` wants the install `{name}`, which is not defined", row.id);
            }
            if row.instrumentation() != "fixture" && !list.instrumentation.contains_key(row.instrumentation()) {
                bail!("`{}` wants the instrumentation `{}`, which is not defined", row.id, row.instrumentation());
            }
        }
        Ok(list)
    }

    /// The files that the row puts into the app, by paths relative to it.
    pub(super) fn files(&self, row: &Row) -> BTreeMap<&str, &str> {
        let instrumentation = self.instrumentation.get(row.instrumentation());
        let files = instrumentation.into_iter().flat_map(|instrumentation| {
            let text = ("src/instrument.server.ts", instrumentation.text.as_str());
            instrumentation.files.iter().map(|(path, text)| (path.as_str(), text.as_str())).chain([text])
        });
        files.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITIONS: &str = "[install.old]\n[instrumentation.traced]\ntext = 't'\n";

    fn parse(builds: &str) -> Result<List> {
        List::parse(&format!("{DEFINITIONS}{builds}"))
    }

    fn error(builds: &str) -> String {
        format!("{:#}", parse(builds).expect_err("it must be refused"))
    }

    #[test]
    fn the_list_of_the_repository_is_one() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures.toml");
        List::read(&file).unwrap();
    }

    #[test]
    fn a_row_says_only_what_is_unusual() {
        let list = parse("[[build]]\nid = 'a'\npreset = 'p'\nmode = 'dynamic-import'\n").unwrap();
        let [row] = &list.build[..] else { panic!("{list:?}") };
        assert_eq!((row.server.as_str(), row.entry.as_str()), (".output/server", "index.mjs"));
        assert_eq!(list.files(row), BTreeMap::from([("src/instrument.server.ts", "t")]));
        let list = parse("[[build]]\nid = 'a'\npreset = 'p'\nmode = 'default'\n").unwrap();
        assert_eq!(list.files(&list.build[0]), BTreeMap::new());
    }

    #[test]
    fn refuses_what_would_capture_something_else() {
        let row = "[[build]]\nid = 'a'\npreset = 'p'\nmode = 'default'\n";
        assert!(error(&format!("{row}{row}")).contains("`a` is there twice"));
        assert!(error(&format!("{row}install = 'new'\n")).contains("the install `new`"));
        assert!(error(&format!("{row}instrumentation = 'x'\n")).contains("the instrumentation `x`"));
        assert!(error(&format!("{row}entri = 'x'\n")).contains("unknown field"));
        assert!(
            format!("{:#}", List::parse("build = []\n[install]\n[instrumentation]").unwrap_err()).contains("no build")
        );
    }
}
