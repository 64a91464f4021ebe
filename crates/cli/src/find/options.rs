//! What a run is to do and where that was said: flags before `app.config.*` before defaults. The file is read, never run.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use anyhow::Context as _;
use presentry_parser::{AppConfig, AutoInject, ConfigSyntax, Known, ListItem, Position, app_config, position};
use presentry_rewriter::diagnostics::{Diagnostic, Label, Severity};

use crate::{
    diagnostics::option_not_static,
    failure::Failure,
    paths::{is_absent, show},
    store::fs_steps::read_regular,
};

/// The names of the configuration file, in the order in which Vinxi looks for them.
const EXTENSIONS: [&str; 5] = ["ts", "tsx", "mts", "js", "mjs"];

/// The functions that the SDK wraps unless it is told otherwise.
pub(crate) const WRAPPED: [&str; 3] = ["default", "handler", "server"];

/// What an app's configuration file says.
#[derive(Debug, Default)]
pub(crate) struct Options {
    file: Option<ConfigFile>,
}

#[derive(Debug)]
struct ConfigFile {
    path: PathBuf,
    /// The path as the user would write it.
    shown: String,
    text: String,
    config: AppConfig,
}

/// Where the value of an option was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line, with this flag.
    Flag(&'static str),
    /// In the configuration file.
    AppConfig {
        /// The file as the user would write it.
        path: String,
        /// Where in it.
        position: Position,
    },
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "{flag}"),
            Origin::AppConfig { path, position } => write!(f, "{path}:{}:{}", position.line, position.column),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// The value of an option, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Setting<T> {
    /// It was set.
    Given {
        /// The value.
        value: T,
        /// Where it was set.
        origin: Origin,
    },
    /// It was not set.
    Unset,
    /// It was set to what only running the configuration file would tell.
    NotStatic(NotStatic),
}

/// An option of the configuration file that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct NotStatic {
    option: &'static str,
    reason: String,
    label: Label,
    flag: &'static str,
}

impl NotStatic {
    /// What is said where the value is needed.
    pub(crate) fn error(&self) -> Diagnostic {
        Diagnostic { severity: Severity::Error, ..self.warning() }
    }

    /// What is said where something was found without it, and may be the wrong thing.
    pub(crate) fn warning(&self) -> Diagnostic {
        option_not_static::diagnostic(self.option, &self.reason, self.label.clone(), self.flag)
    }
}

impl<T> Setting<T> {
    fn flag(value: T, flag: &'static str) -> Self {
        Setting::Given { value, origin: Origin::Flag(flag) }
    }

    fn map<U>(self, with: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Setting::Given { value, origin } => Setting::Given { value: with(value), origin },
            Setting::Unset => Setting::Unset,
            Setting::NotStatic(unknown) => Setting::NotStatic(unknown),
        }
    }
}

/// One option, for a list of them all.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The name in the configuration file.
    pub(crate) name: &'static str,
    /// The value in words; why it is not known.
    pub(crate) value: String,
    /// Where it was set.
    pub(crate) origin: Origin,
}

/// The names of a list, and where each is written in the configuration file.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The names.
    pub(crate) names: Vec<String>,
    labels: Vec<Label>,
}

impl Names {
    /// The place of a name in the configuration file; none for one of the command line.
    pub(crate) fn label(&self, name: &str) -> Option<&Label> {
        self.names.iter().position(|one| one == name).and_then(|index| self.labels.get(index))
    }
}

/// Whether a directory has a configuration file.
pub(crate) fn is_configured(directory: &Path) -> bool {
    EXTENSIONS.iter().any(|extension| directory.join(format!("app.config.{extension}")).is_file())
}

impl Options {
    /// Reads the configuration file of an app, if it has one.
    pub(crate) fn read(app: &Path) -> Result<Self, Failure> {
        for extension in EXTENSIONS {
            let path = app.join(format!("app.config.{extension}"));
            let bytes = match read_regular(&path) {
                Ok(bytes) => bytes,
                Err(error) if is_absent(&error) => continue,
                Err(error) => {
                    let failed = Err(error).with_context(|| format!("failed to read `{}`", show(&path)));
                    return failed.map_err(Failure::Unexpected);
                }
            };
            let Some(syntax) = ConfigSyntax::of_extension(extension) else { continue };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let config = app_config(&text, syntax);
            let file = ConfigFile { shown: show(&path), path, text, config };
            return Ok(Self { file: Some(file) });
        }
        Ok(Self::default())
    }

    /// The configuration file.
    pub(crate) fn config_path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// What the configuration file says.
    pub(crate) fn config(&self) -> Option<&AppConfig> {
        self.file.as_ref().map(|file| &file.config)
    }

    /// The directory of the app's sources: `appRoot`.
    pub(crate) fn source_directory(&self, app: &Path) -> PathBuf {
        let root = self.file.as_ref().and_then(|file| file.config.app_root.value());
        app.join(root.map_or("src", String::as_str))
    }

    /// `server.preset`, or `--preset`.
    pub(crate) fn preset(&self, flag: Option<&str>) -> Setting<String> {
        match flag {
            Some(name) => Setting::flag(name.to_owned(), "--preset"),
            None => self.setting("server.preset", "--preset NAME", |config| &config.preset),
        }
    }

    /// `server.output.dir`, or `--output-dir`: the path from where the user is.
    pub(crate) fn output_dir(&self, flag: Option<&Path>, app: &Path) -> Setting<PathBuf> {
        match flag {
            Some(directory) => Setting::flag(directory.to_owned(), "--output-dir"),
            None => self.path("server.output.dir", "--output-dir DIR", |config| &config.output_dir, app, None),
        }
    }

    /// `server.output.serverDir` of a build in the output directory: the path from where the user is.
    pub(crate) fn server_dir(&self, app: &Path, output: &Path) -> Setting<PathBuf> {
        self.path("server.output.serverDir", "--entry FILE", |config| &config.server_dir, app, Some(output))
    }

    /// `serverEntrypointFileName`. The SDK looks for it in the path of Nitro's source, so it need not be the name of a
    /// file of the build.
    pub(crate) fn entry_file_name(&self) -> Setting<String> {
        self.setting("serverEntrypointFileName", "--entry FILE", |config| &config.server_entrypoint_file_name)
    }

    /// `instrumentation`: the path of the source. `--instrumentation` may name a file of the build as well.
    pub(crate) fn instrumentation(&self) -> Setting<String> {
        self.setting("instrumentation", "--instrumentation FILE", |config| &config.instrumentation)
    }

    /// `debug`: whether the SDK is to explain itself during the build, and so are we.
    pub(crate) fn debug(&self) -> bool {
        let setting = self.setting("debug", "-v", |config| &config.debug);
        matches!(setting, Setting::Given { value: true, .. })
    }

    /// `experimental_entrypointWrappedFunctions`, or `--wrap`.
    pub(crate) fn wrapped(&self, flag: &[String]) -> Setting<Names> {
        if !flag.is_empty() {
            return Setting::flag(Names { names: flag.to_vec(), labels: Vec::new() }, "--wrap");
        }
        let option = "experimental_entrypointWrappedFunctions";
        let setting = self.setting(option, "--wrap NAME", |config| &config.entrypoint_wrapped_functions);
        setting.map(|items| {
            let label = |item: &ListItem| {
                self.file.as_ref().map(|file| Label::in_file(&file.shown, &file.text, item.span, "named here"))
            };
            let labels = items.iter().filter_map(label).collect();
            Names { names: items.into_iter().map(|item| item.value).collect(), labels }
        })
    }

    /// Every option, with its value and where it was set.
    pub(crate) fn rows(&self, preset: Option<&str>, output: Option<&Path>, wrapped: &[String]) -> Vec<Row> {
        let output = match output {
            Some(directory) => Setting::flag(show(directory), "--output-dir"),
            None => self.setting("server.output.dir", "", |config| &config.output_dir),
        };
        let inject = self.setting("autoInjectServerSentry", "", |config| &config.auto_inject_server_sentry);
        let inject = inject.map(|value| match value {
            AutoInject::DynamicImport => "experimental_dynamic-import".to_owned(),
            AutoInject::TopLevelImport => "top-level-import".to_owned(),
        });
        let debug = self.setting("debug", "", |config| &config.debug).map(|value| value.to_string());
        let server_dir = self.setting("server.output.serverDir", "", |config| &config.server_dir);
        let public_dir = self.setting("server.output.publicDir", "", |config| &config.public_dir);
        vec![
            row("autoInjectServerSentry", inject, "not set"),
            row(
                "experimental_entrypointWrappedFunctions",
                self.wrapped(wrapped).map(|names| names.names.join(", ")),
                &WRAPPED.join(", "),
            ),
            row("instrumentation", self.instrumentation(), "src/instrument.server.*"),
            row("serverEntrypointFileName", self.entry_file_name(), "as the preset has it"),
            row("debug", debug, "false"),
            row("server.preset", self.preset(preset), "as the build says"),
            row("server.output.dir", output, "as the preset has it"),
            row("server.output.serverDir", server_dir, "as the preset has it"),
            row("server.output.publicDir", public_dir, "as the preset has it"),
        ]
    }

    fn setting<T: Clone>(
        &self,
        option: &'static str,
        flag: &'static str,
        known: impl FnOnce(&AppConfig) -> &Known<T>,
    ) -> Setting<T> {
        let Some(file) = &self.file else { return Setting::Unset };
        match known(&file.config) {
            Known::Absent => Setting::Unset,
            Known::Value(value, span) => Setting::Given {
                value: value.clone(),
                origin: Origin::AppConfig { path: file.shown.clone(), position: position(&file.text, span.start) },
            },
            Known::Unknown { span, reason } => {
                let label = Label::in_file(&file.shown, &file.text, *span, "");
                Setting::NotStatic(NotStatic { option, reason: reason.clone(), label, flag })
            }
        }
    }

    /// A directory as Nitro resolves it: `{{ rootDir }}` and `{{ output.dir }}` are filled in, and what is relative starts
    /// at the app.
    fn path(
        &self,
        option: &'static str,
        flag: &'static str,
        known: impl Fn(&AppConfig) -> &Known<String>,
        app: &Path,
        output: Option<&Path>,
    ) -> Setting<PathBuf> {
        let setting = self.setting(option, flag, &known);
        let Setting::Given { value, origin } = setting else { return setting.map(PathBuf::from) };
        match (filled_in(&value, app, output), &self.file) {
            (None, Some(ConfigFile { shown, text, config, .. })) if let Known::Value(_, span) = known(config) => {
                let reason = "Nitro fills in a part of it".to_owned();
                Setting::NotStatic(NotStatic { option, reason, label: Label::in_file(shown, text, *span, ""), flag })
            }
            (path, _) => Setting::Given { value: path.unwrap_or_else(|| app.join(value)), origin },
        }
    }
}

/// The directory that a template stands for; `None` when it holds more than is known here.
fn filled_in(template: &str, app: &Path, output: Option<&Path>) -> Option<PathBuf> {
    let mut path = match template.trim_start().strip_prefix("{{") {
        None => return (!template.contains("{{")).then(|| plain(&app.join(template))),
        Some(rest) => rest.split_once("}}")?,
    };
    path.1 = path.1.trim_start_matches(['/', '\\']);
    let base = match path.0.trim() {
        "rootDir" => app,
        "output.dir" => output?,
        _ => return None,
    };
    (!path.1.contains("{{")).then(|| plain(&base.join(path.1)))
}

/// A path without `.` in its midst.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for (index, component) in path.components().enumerate() {
        if index == 0 || component != Component::CurDir {
            plain.push(component);
        }
    }
    plain
}

fn row(name: &'static str, setting: Setting<String>, default: &str) -> Row {
    match setting {
        Setting::Given { value, origin } => Row { name, value, origin },
        Setting::Unset => Row { name, value: default.to_owned(), origin: Origin::Default },
        Setting::NotStatic(unknown) => Row {
            name,
            value: format!("not known: {}", unknown.reason),
            origin: Origin::AppConfig { path: unknown.label.path.clone(), position: unknown.label.position },
        },
    }
}

impl Row {
    /// The row as a sentence, for `-v`.
    pub(crate) fn reason(&self) -> String {
        format!("option `{}`: {} ({})", self.name, self.value, self.origin)
    }
}
