//! What `import.meta.env` is in the server build that Vinxi has Vite make, found without running either: `.env` files,
//! the environment of the process, and what `app.config.*` says.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use presentry_parser::{AppConfig, Environment, EnvironmentValue, Known};

use super::dotenv;
use crate::{find::options::Options, paths::show};

/// `vinxi build` builds in this mode unless it is told otherwise.
const MODE: &str = "production";

/// What Vite lets code see of the environment, unless `envPrefix` says otherwise.
const PREFIX: &str = "VITE_";

/// The environment, and the files it was read from.
pub(super) fn read(app: &Path, options: &Options) -> (Environment, Vec<PathBuf>) {
    let process: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut parsed = Vec::new();
    let mut files = Vec::new();
    for name in [".env".to_owned(), ".env.local".to_owned(), format!(".env.{MODE}"), format!(".env.{MODE}.local")] {
        let file = app.join(name);
        let Ok(bytes) = fs::read(&file) else { continue };
        parsed.extend(dotenv::parse(&String::from_utf8_lossy(&bytes)));
        files.push(file);
    }
    let mut values = constants(app, options.config());
    let variables = dotenv::expand(parsed, &process).into_iter().chain(process);
    let seen = variables.filter(|(name, _)| name.starts_with(PREFIX));
    values.extend(seen.map(|(name, value)| (name, EnvironmentValue::Text(value))));
    // `vinxi/lib/plugins/manifest.js` writes the variable of the process that builds, and `vinxi build` sets it.
    (Environment { values, node_env: Some(MODE.to_owned()) }, files)
}

/// What Vite (`MODE` to `BASE_URL`), Vinxi (`vinxi/lib/plugins/manifest.js`) and SolidStart (`@solidjs/start/config`) define
/// for the router `ssr`.
fn constants(app: &Path, config: Option<&AppConfig>) -> BTreeMap<String, EnvironmentValue> {
    let text = |text: &str| EnvironmentValue::Text(text.to_owned());
    let flag = EnvironmentValue::Flag;
    let base = |with: &dyn Fn(&str) -> String| match config.map(|config| &config.base_url) {
        None | Some(Known::Absent) => EnvironmentValue::Text(with("")),
        Some(Known::Value(base, _)) => EnvironmentValue::Text(with(base)),
        Some(Known::Unknown { reason, .. }) => unknown("server.baseURL", reason),
    };
    let root = config.and_then(|config| config.app_root.value()).map_or("./src", String::as_str);
    let extension = if app.join(root).join("app.jsx").is_file() { "jsx" } else { "tsx" };
    let handler = format!("{}/entry-server.{extension}", root.strip_prefix("./").unwrap_or(root));
    let routers = ["public", "ssr", "client", "server-fns"].map(str::to_owned).to_vec();
    let directory = dunce::canonicalize(app).unwrap_or_else(|_| app.to_owned());
    [
        ("MODE", text(MODE)),
        ("PROD", flag(true)),
        ("DEV", flag(false)),
        ("SSR", flag(true)),
        ("BASE_URL", base(&|base| format!("{}/_build", base.trim_end_matches('/')))),
        ("SERVER_BASE_URL", base(&str::to_owned)),
        ("CWD", text(&show(&directory))),
        ("DEVTOOLS", flag(false)),
        ("MANIFEST", EnvironmentValue::Global("MANIFEST".to_owned())),
        ("ROUTERS", EnvironmentValue::List(routers)),
        ("ROUTER_NAME", text("ssr")),
        ("ROUTER_TYPE", text("http")),
        ("ROUTER_HANDLER", EnvironmentValue::Text(handler)),
        ("START_APP", EnvironmentValue::Text(format!("{root}/app.{extension}"))),
        ("START_SSR", switch("ssr", config.map(|config| &config.ssr), true)),
        ("START_ISLANDS", switch("experimental.islands", config.map(|config| &config.islands), false)),
        ("START_DEV_OVERLAY", switch("devOverlay", config.map(|config| &config.dev_overlay), true)),
        (
            "SEROVAL_MODE",
            match config.map(|config| &config.serialization_mode) {
                None | Some(Known::Absent) => text("js"),
                Some(Known::Value(mode, _)) => text(mode),
                Some(Known::Unknown { reason, .. }) => unknown("serialization.mode", reason),
            },
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn switch(option: &str, known: Option<&Known<bool>>, default: bool) -> EnvironmentValue {
    match known {
        None | Some(Known::Absent) => EnvironmentValue::Flag(default),
        Some(Known::Value(value, _)) => EnvironmentValue::Flag(*value),
        Some(Known::Unknown { reason, .. }) => unknown(option, reason),
    }
}

fn unknown(option: &str, reason: &str) -> EnvironmentValue {
    EnvironmentValue::Unknown(format!("it is made from `{option}`, and {reason}"))
}
