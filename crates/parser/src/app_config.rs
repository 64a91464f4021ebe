//! What a SolidStart `app.config.*` says, as far as its text tells: the options of `withSentry` and where the build
//! goes. A value that only running the file would give is said to be unknown, never guessed.

mod evaluate;
mod scope;

use crate::{names::with_names, record::Span, syntax::ModuleSyntax};

use self::evaluate::{Evaluator, Value};

/// The language a configuration file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigSyntax {
    /// `.ts`, `.mts`
    TypeScript,
    /// `.tsx`
    TypeScriptJsx,
    /// `.js`, `.mjs`
    JavaScript,
}

impl ConfigSyntax {
    /// The language that a file extension (without its dot) stands for.
    ///
    /// ```
    /// # use presentry_parser::ConfigSyntax;
    /// assert_eq!(ConfigSyntax::of_extension("mts"), Some(ConfigSyntax::TypeScript));
    /// ```
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "ts" | "mts" => Some(Self::TypeScript),
            "tsx" => Some(Self::TypeScriptJsx),
            "js" | "mjs" => Some(Self::JavaScript),
            _ => None,
        }
    }
}

/// A value of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// The text tells it; the bytes are where it is written.
    Value(T, Span),
    /// It is not set, or set to nothing: `undefined`, `null`, an empty string.
    Absent,
    /// Only running the file would tell.
    Unknown {
        /// The expression that cannot be followed.
        span: Span,
        /// Why, as a clause: "it is read from the environment".
        reason: String,
    },
}

impl<T> Known<T> {
    /// The value, when the text tells it.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Value(value, _) => Some(value),
            Known::Absent | Known::Unknown { .. } => None,
        }
    }
}

/// The option `autoInjectServerSentry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AutoInject {
    /// `"experimental_dynamic-import"`
    DynamicImport,
    /// `"top-level-import"`
    TopLevelImport,
}

/// A string of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListItem {
    /// The string.
    pub value: String,
    /// Where it is written.
    pub span: Span,
}

/// What is read from an `app.config.*`. The names are those of `SentrySolidStartPluginOptions` in `@sentry/solidstart`,
/// and of the configuration of Nitro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppConfig {
    /// The call of `withSentry`, when one is found.
    pub with_sentry: Option<Span>,
    /// `autoInjectServerSentry`
    pub auto_inject_server_sentry: Known<AutoInject>,
    /// `experimental_entrypointWrappedFunctions`
    pub entrypoint_wrapped_functions: Known<Vec<ListItem>>,
    /// `instrumentation`: a path, relative to the app.
    pub instrumentation: Known<String>,
    /// `serverEntrypointFileName`
    pub server_entrypoint_file_name: Known<String>,
    /// `debug`
    pub debug: Known<bool>,
    /// `server.preset`
    pub preset: Known<String>,
    /// `server.output.dir`
    pub output_dir: Known<String>,
    /// `server.output.serverDir`
    pub server_dir: Known<String>,
    /// `server.output.publicDir`
    pub public_dir: Known<String>,
    /// `appRoot`: the directory of the sources.
    pub app_root: Known<String>,
    /// `server.baseURL`
    pub base_url: Known<String>,
    /// `ssr`
    pub ssr: Known<bool>,
    /// `devOverlay`
    pub dev_overlay: Known<bool>,
    /// `experimental.islands`
    pub islands: Known<bool>,
    /// `serialization.mode`
    pub serialization_mode: Known<String>,
}

/// Reads a configuration file.
///
/// It follows `export default` through constants, spreads, type assertions, `defineConfig` of `@solidjs/start/config`,
/// `withSentry` of `@sentry/solidstart` (in either order), and functions of the file itself. What is imported, called,
/// read from the environment, chosen by a condition or changed later is [`Known::Unknown`]. So is everything in a file
/// that is not valid.
///
/// ```
/// use presentry_parser::{ConfigSyntax, app_config};
///
/// let config = app_config(
///     "import { withSentry } from '@sentry/solidstart';
///      export default withSentry({ server: { preset: process.env.PRESET } }, { instrumentation: './src/start.ts' });",
///     ConfigSyntax::TypeScript,
/// );
/// assert_eq!(config.instrumentation.value().map(String::as_str), Some("./src/start.ts"));
/// assert_eq!(config.preset.value(), None);
/// ```
#[must_use]
pub fn app_config(text: &str, syntax: ConfigSyntax) -> AppConfig {
    let syntax = match syntax {
        ConfigSyntax::TypeScript => ModuleSyntax::TypeScript { jsx: false },
        ConfigSyntax::TypeScriptJsx => ModuleSyntax::TypeScript { jsx: true },
        ConfigSyntax::JavaScript => ModuleSyntax::JavaScript,
    };
    let (config, errors) =
        with_names(text, syntax, |module, _| (read(&Evaluator::new(text, module).default_export()), Vec::new()));
    config.unwrap_or_else(|| {
        let error = errors.iter().find(|error| error.fatal);
        let reason = error.map_or_else(String::new, |error| format!(": {}", error.message));
        let span = error.map_or(Span { start: 0, end: 0 }, |error| error.span);
        read(&Value::unknown(span, format!("the file is not valid{reason}")))
    })
}

fn read(config: &Value<'_>) -> AppConfig {
    let sentry = config.sentry();
    let options = sentry.options;
    let server = config.get("server");
    let output = server.get("output");
    AppConfig {
        with_sentry: sentry.call,
        auto_inject_server_sentry: auto_inject(&options.get("autoInjectServerSentry")),
        entrypoint_wrapped_functions: list(&options.get("experimental_entrypointWrappedFunctions")),
        instrumentation: string(&options.get("instrumentation")),
        server_entrypoint_file_name: string(&options.get("serverEntrypointFileName")),
        debug: boolean(&options.get("debug")),
        preset: string(&server.get("preset")),
        output_dir: string(&output.get("dir")),
        server_dir: string(&output.get("serverDir")),
        public_dir: string(&output.get("publicDir")),
        app_root: string(&config.get("appRoot")),
        base_url: string(&server.get("baseURL")),
        ssr: boolean(&config.get("ssr")),
        dev_overlay: boolean(&config.get("devOverlay")),
        islands: boolean(&config.get("experimental").get("islands")),
        serialization_mode: string(&config.get("serialization").get("mode")),
    }
}

/// What an expression may be, as a value of the type that `read` gives; several possible ones have to be the same.
fn known<T: PartialEq>(value: &Value<'_>, read: impl Fn(&Value<'_>) -> Known<T> + Copy) -> Known<T> {
    let Value::Choice { alternatives, span, reason } = value else { return read(value) };
    let mut read = alternatives.iter().map(|alternative| known(alternative, read));
    let Some(mut first) = read.next() else { return Known::Absent };
    let mut same = true;
    for next in read {
        if matches!(first, Known::Unknown { .. }) {
            break;
        }
        same &= match (&first, &next) {
            (Known::Value(first, _), Known::Value(next, _)) => first == next,
            (Known::Absent, Known::Absent) => true,
            _ => false,
        };
        // Why one of them cannot be known says more than that there are several.
        if matches!(next, Known::Unknown { .. }) {
            first = next;
        }
    }
    if same || matches!(first, Known::Unknown { .. }) {
        return first;
    }
    Known::Unknown { span: *span, reason: (*reason).to_owned() }
}

fn string(value: &Value<'_>) -> Known<String> {
    known(value, |value| match value {
        Value::String(value, _) if value.is_empty() => Known::Absent,
        Value::String(value, span) => Known::Value(value.clone(), *span),
        other => not(other, "a string"),
    })
}

fn boolean(value: &Value<'_>) -> Known<bool> {
    known(value, |value| match value {
        Value::Boolean(value, span) => Known::Value(*value, *span),
        other => not(other, "a boolean"),
    })
}

fn auto_inject(value: &Value<'_>) -> Known<AutoInject> {
    known(value, |value| match value {
        Value::String(name, span) => match name.as_str() {
            "" => Known::Absent,
            "experimental_dynamic-import" => Known::Value(AutoInject::DynamicImport, *span),
            "top-level-import" => Known::Value(AutoInject::TopLevelImport, *span),
            _ => Known::Unknown {
                span: *span,
                reason: "it is neither `experimental_dynamic-import` nor `top-level-import`".to_owned(),
            },
        },
        other => not(other, "a string"),
    })
}

fn list(value: &Value<'_>) -> Known<Vec<ListItem>> {
    known(value, |value| match value {
        Value::Array(items, span) => {
            let mut list = Vec::new();
            for item in items.iter() {
                match string(item) {
                    Known::Value(value, span) => list.push(ListItem { value, span }),
                    Known::Absent => {
                        return Known::Unknown { span: *span, reason: "it holds what is no string".to_owned() };
                    }
                    Known::Unknown { span, reason } => return Known::Unknown { span, reason },
                }
            }
            Known::Value(list, *span)
        }
        other => not(other, "an array"),
    })
}

/// A value that is not of the type that is wanted.
fn not<T>(value: &Value<'_>, wanted: &str) -> Known<T> {
    match value {
        Value::Nothing => Known::Absent,
        Value::Unknown { span, reason } => Known::Unknown { span: *span, reason: reason.clone() },
        Value::Import { from, span, .. } => {
            Known::Unknown { span: *span, reason: format!("it is imported from `{from}`") }
        }
        other => Known::Unknown { span: other.span(), reason: format!("it is not {wanted}") },
    }
}
