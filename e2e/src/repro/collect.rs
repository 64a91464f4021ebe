//! What the directory gets of the app and of its builds, and where the secrets of the app are. Reads, and writes to the
//! output alone; the copy that is built is changed in one thing, its DSNs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use presentry_redact::{Secrets, auth_tokens, is_harmless, redirect};
use regex::Regex;
use serde_json::Value;
use walkdir::WalkDir;

use super::exact;
use super::facts::Package;
use super::manager::{PackageManager, is_lockfile, lockfiles_by_name};
use super::output::Output;
use super::source::{Source, holds_variables, is_configuration, is_env};
use crate::app;

/// Modules of a build that are larger than this are not given out.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Variables of the shell whose values are secrets by their names.
const SECRET_NAMES: [&str; 15] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "SIGNING_KEY",
    "CREDENTIAL",
    "DSN",
    "DATABASE_URL",
    "CONNECTION_STRING",
    "WEBHOOK",
];

/// Those packages of an app that decide how it is built and instrumented. The rest is what the app itself asks for.
const TOLD: [&str; 12] = [
    "vinxi",
    "@solidjs/start",
    "solid-js",
    "nuxt",
    "@tanstack/solid-start",
    "nitropack",
    "nitro",
    "vite",
    "@sentry/solidstart",
    "@sentry/nuxt",
    "@sentry/node",
    "import-in-the-middle",
];

/// Everything that the app, the user's configuration of npm and the shell keep secret.
///
/// # Errors
/// When a file of the app cannot be read.
pub(crate) fn secrets(
    source: &Source,
    shell: impl Iterator<Item = (String, String)>,
    home: Option<&Path>,
) -> Result<Secrets> {
    let mut secrets = Secrets::default();
    for (name, value) in shell {
        // A path is where a secret is kept, and none.
        if is_secret_name(&name) && !value.starts_with('/') && !is_harmless(&name, &value) {
            secrets.value(&format!("the variable `{name}`"), &value);
        }
    }
    for file in source.named(is_env)? {
        // A link to nothing, or no text.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let variables = presentry_redact::variables(&text);
        for variable in &variables {
            if !is_harmless(&variable.name, &variable.value) {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let what = format!("`{}` of `{name}`", variable.name);
                secrets.value(&what, &variable.value);
                secrets.value(&what, &presentry_redact::expanded(&variable.value, &variables));
            }
        }
    }
    let own = home.map(|home| home.join(".npmrc"));
    for file in source.named(holds_variables)? {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A list item of Compose, `- NAME=value`, is a line of its own as well.
        let text = text.lines().map(|line| line.trim_start().trim_start_matches("- ")).collect::<Vec<_>>().join("\n");
        for variable in presentry_redact::variables(&text) {
            if is_secret_name(&variable.name) && !is_harmless(&variable.name, &variable.value) {
                secrets.value(&format!("`{}` of `{name}`", variable.name), &variable.value);
            }
        }
    }
    for file in source.named(is_configuration)?.into_iter().chain(own) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for token in auth_tokens(&text)? {
            secrets.value(&format!("a token of `{name}`"), &token);
        }
        if name == "package.json"
            && let Ok(manifest) = serde_json::from_str::<Value>(&text)
        {
            // An app by this name would be none of that name.
            manifest["name"].as_str().into_iter().for_each(|name| secrets.leave(name));
            for group in ["dependencies", "devDependencies", "optionalDependencies"] {
                manifest[group].as_object().into_iter().flatten().for_each(|(package, _)| secrets.leave(package));
            }
        }
    }
    Ok(secrets)
}

/// Whether a variable is a secret by its name.
fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|secret| upper.contains(secret))
}

/// Has every DSN of the copy lead to `dsn`, so that nothing is sent to where it led.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn redirect_all(tree: &Path, dsn: &str) -> Result<Vec<String>> {
    let mut redirected = Vec::new();
    for entry in WalkDir::new(tree) {
        let entry = entry.with_context(|| format!("failed to walk `{}`", tree.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let file = entry.path();
        let bytes = fs::read(file).with_context(|| format!("failed to read `{}`", file.display()))?;
        if let Some(changed) = redirect(&bytes, dsn)? {
            fs::write(file, changed).with_context(|| format!("failed to write `{}`", file.display()))?;
            redirected.push(relative(tree, file));
        }
    }
    redirected.sort();
    Ok(redirected)
}

/// Writes the app: its sources as they are, without the values of `.env` files; the manifests and the lockfile as they were
/// installed from in `installed`, with exact versions. Returns what is left out, and why.
///
/// # Errors
/// When something cannot be read or written.
pub(crate) fn app(source: &Source, installed: &Path, output: &Output) -> Result<Vec<(String, String)>> {
    let (mut shared, left_out) = source.shared()?;
    let (manifests, lockfiles) = installed_files(source, installed)?;
    shared.extend(manifests.keys().chain(lockfiles.keys()).map(Into::into));
    for path in shared {
        let name = path.to_string_lossy().replace('\\', "/");
        let file = source.root.join(&path);
        let out = format!("app/{name}");
        if let Some(text) = manifests.get(&name).or_else(|| lockfiles.get(&name)) {
            output.write(&out, text)?;
            continue;
        }
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            // A lockfile that other versions were asked for instead of.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("failed to read `{}`", file.display())),
        };
        if is_lockfile(path.file_name().unwrap_or_default()) && path.parent() == Some(Path::new("")) {
            // That of the package manager was installed from, and is written above; another one would mislead.
            continue;
        }
        if path.file_name().is_some_and(is_env) {
            let without = presentry_redact::without_values(&String::from_utf8_lossy(&bytes));
            output.write_like(&out, without.as_bytes(), &file)?;
        } else {
            output.write_like(&out, &bytes, &file)?;
        }
    }
    Ok(left_out.into_iter().map(|out| (out.path.to_string_lossy().into_owned(), out.because.to_owned())).collect())
}

type Texts = BTreeMap<String, Vec<u8>>;

/// The manifests and the lockfile that were installed from, the ranges of npm's made exact.
fn installed_files(source: &Source, installed: &Path) -> Result<(Texts, Texts)> {
    let (mut manifests, mut lockfiles) = (Texts::new(), Texts::new());
    // What is asked for by flags, or of an app without one, makes a lockfile of the usual name.
    let there_is = |name: &&str| installed.join(name).is_file();
    let named = source.chosen.lockfile.as_deref();
    let own = named.filter(there_is).or_else(|| lockfiles_by_name().find(|name| there_is(name)));
    let read = |path: &Path| fs::read(path).with_context(|| format!("failed to read `{}`", path.display()));
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let lock_bytes = own.map(|name| read(&installed.join(name))).transpose()?;
    let mut lock = lock_bytes.as_deref().filter(|_| source.chosen.manager == PackageManager::Npm).and_then(parsed);
    for directory in source.manifests() {
        let name = relative(Path::new(""), &directory.join("package.json"));
        let bytes = read(&installed.join(&directory).join("package.json"))?;
        let exact = lock.as_mut().zip(parsed(&bytes)).map(|(lock, mut manifest)| {
            exact::pin(&mut manifest, lock, &directory.to_string_lossy().replace('\\', "/"));
            pretty(&manifest)
        });
        manifests.insert(name, exact.unwrap_or(Ok(bytes))?);
    }
    if let (Some(name), Some(bytes)) = (own, lock_bytes) {
        let text = match &mut lock {
            Some(lock) => {
                exact::without_registries(lock);
                pretty(lock)?
            }
            None => bytes,
        };
        lockfiles.insert(name.to_owned(), text);
    }
    Ok((manifests, lockfiles))
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?).into_bytes())
}

/// The versions that are installed for the app in `app`, a directory of `root`, and what asks for them.
///
/// # Errors
/// When a manifest cannot be read.
pub(crate) fn packages(root: &Path, app: &Path) -> Result<Vec<Package>> {
    let manifest = app::manifest(app)?;
    let top = app::manifest(root)?;
    let groups = ["dependencies", "devDependencies"].map(|group| &manifest[group]);
    let overrides = [&top["overrides"], &top["pnpm"]["overrides"], &top["resolutions"]];
    // An override decides, whatever the app asks for.
    let asked = |package: &str| {
        let holders = overrides.into_iter().chain(groups);
        holders.into_iter().find_map(|holder| holder[package].as_str()).map(str::to_owned)
    };
    let direct = groups.into_iter().filter_map(Value::as_object).flatten().map(|(name, _)| name.as_str());
    let direct: Vec<&str> = direct.filter(|name| !TOLD.contains(name)).collect();
    let mut found = Vec::new();
    for name in TOLD.into_iter().chain(direct) {
        // The Nitro that builds is Vinxi's.
        let own = (name == "nitropack").then(|| app::locate(app, "vinxi").ok()).flatten();
        let place = own.and_then(|vinxi| app::locate(&vinxi, name).ok()).or_else(|| app::locate(app, name).ok());
        if let Some(installed) = place.and_then(|place| app::version(&place).ok()) {
            found.push(Package { name: name.to_owned(), requested: asked(name), installed });
        }
    }
    Ok(found)
}

/// Writes the modules of the server in `server` to `builds/<name>`, and which packages it has. Returns what is left out.
///
/// # Errors
/// When something cannot be read or written.
pub(crate) fn build(server: &Path, name: &str, output: &Output) -> Result<Vec<String>> {
    let mut packages = Vec::new();
    let (mut maps, mut large) = (0, Vec::new());
    let mut walk = WalkDir::new(server).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.with_context(|| format!("failed to walk `{}`", server.display()))?;
        let path = entry.path();
        if entry.file_name() == "node_modules" && !entry.file_type().is_file() {
            packages.extend(packages_in(path));
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        if !entry.file_type().is_file() {
            continue;
        }
        let within = relative(server, path);
        let size = entry.metadata().map_or(0, |it| it.len());
        if path.extension().is_some_and(|extension| extension == "map") {
            maps += 1;
        } else if size > LARGEST {
            large.push(format!("`{within}` ({size} bytes)"));
        } else {
            let bytes = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
            output.write(&format!("builds/{name}/server/{within}"), &bytes)?;
        }
    }
    let mut left_out = Vec::new();
    if !packages.is_empty() {
        packages.sort();
        packages.dedup();
        left_out.push(format!("the {} packages of `node_modules`, which `packages.txt` lists", packages.len()));
        output.write(&format!("builds/{name}/packages.txt"), format!("{}\n", packages.join("\n")).as_bytes())?;
    }
    if maps > 0 {
        left_out.push(format!("{maps} source maps"));
    }
    left_out.extend(large);
    left_out.push("what lies outside of the directory of the server".to_owned());
    Ok(left_out)
}

/// `name version` of every package in a `node_modules`, those inside of packages included.
fn packages_in(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let walk = WalkDir::new(directory).into_iter().flatten();
    for entry in walk.filter(|entry| entry.file_name() == "package.json" && entry.file_type().is_file()) {
        let manifest = entry.path().parent().and_then(|package| app::manifest(package).ok()).unwrap_or_default();
        // Manifests that only say what kind of modules lie in a directory have neither.
        if let (Some(name), Some(version)) = (manifest["name"].as_str(), manifest["version"].as_str()) {
            found.push(format!("{name} {version}"));
        }
    }
    found
}

/// The names that a configuration can have.
const CONFIGS: [&str; 5] = ["app.config.ts", "app.config.js", "app.config.mjs", "app.config.mts", "app.config.tsx"];

/// The module that sets the SDK's option, whatever the configuration looks like.
pub(crate) const SHIM: &str = "sentry-dynamic-import.mjs";
const SHIM_TEXT: &str = "\
// Sets the option whatever else the configuration says.
import { withSentry as original } from \"@sentry/solidstart\";
export * from \"@sentry/solidstart\";
export const withSentry = (config, options) =>
  original(config, { ...options, autoInjectServerSentry: \"experimental_dynamic-import\" });
";

/// The files that make the SDK's own build of the app, by their paths in it: its configuration, which takes `withSentry` from
/// a module that sets the option.
///
/// # Errors
/// When the configuration cannot be read. Where the option cannot be set, the reason is the value.
pub(crate) fn sdk(app: &Path) -> Result<Result<BTreeMap<String, String>, String>> {
    let Some(config) = CONFIGS.into_iter().find(|name| app.join(name).is_file()) else {
        return Ok(Err("the app has no `app.config.*`".to_owned()));
    };
    let text = fs::read_to_string(app.join(config)).with_context(|| format!("failed to read `{config}`"))?;
    let import = Regex::new(r#"(import\s*\{[^}]*\bwithSentry\b[^}]*\}\s*from\s*)(["'])@sentry/solidstart["']"#)?;
    if import.find_iter(&text).count() != 1 {
        return Ok(Err(format!("`{config}` has no `import {{ withSentry }} from \"@sentry/solidstart\"`")));
    }
    let wrapped = import.replace(&text, format!("${{1}}${{2}}./{SHIM}${{2}}")).into_owned();
    Ok(Ok([(config.to_owned(), wrapped), (SHIM.to_owned(), SHIM_TEXT.to_owned())].into()))
}

/// The name of the configuration among the files of [`sdk`].
pub(crate) fn sdk_config(files: &BTreeMap<String, String>) -> &str {
    files.keys().map(String::as_str).find(|name| CONFIGS.contains(name)).unwrap_or_default()
}

fn relative(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::write;
    use super::*;

    #[test]
    fn secrets_come_from_the_shell_the_variables_and_the_configuration() {
        let root = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        write(root.path(), "package.json", r#"{ "name": "storefront", "scripts": { "build": "b" } }"#);
        write(root.path(), ".env.production", "API=from-env-file\nNODE_ENV=production\nNAME=storefront\n");
        write(root.path(), "app.config.ts", "withSentry({}, { authToken: \"from-config\" })");
        write(home.path(), ".npmrc", "//npm.example/:_authToken=from-home\n");
        let shell = [
            ("MY_TOKEN", "from-shell"),
            ("SENTRY_AUTH_TOKEN", "from-sentry"),
            ("PATH", "/usr/bin:/not-this"),
            ("TOKEN_FILE", "/run/secrets/not-this"),
        ];
        let shell = shell.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let source = Source::find(root.path()).unwrap();
        let redactor = secrets(&source, shell, Some(home.path())).unwrap().redactor().unwrap();
        let text =
            "from-env-file from-config from-home from-shell from-sentry storefront production /run/secrets/not-this";
        assert_eq!(
            redactor.text(text),
            "<redacted> <redacted> <redacted> <redacted> <redacted> storefront production /run/secrets/not-this"
        );
    }

    #[test]
    fn no_dsn_of_the_copy_leads_away() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "src/instrument.server.ts", "init({ dsn: \"https://abc@o1.ingest.sentry.io/42\" })");
        write(root.path(), ".env", "VITE_SENTRY_DSN=https://abc@o1.ingest.sentry.io/42\n");
        write(root.path(), "src/app.tsx", "nothing");
        let dsn = "http://key@127.0.0.1:4000/1";
        assert_eq!(redirect_all(root.path(), dsn).unwrap(), [".env", "src/instrument.server.ts"]);
        assert_eq!(fs::read_to_string(root.path().join(".env")).unwrap(), format!("VITE_SENTRY_DSN={dsn}\n"));
        assert!(redirect_all(root.path(), dsn).unwrap().is_empty());
    }

    #[test]
    fn the_sdks_option_is_set_without_reading_the_configuration() {
        let app = tempfile::tempdir().unwrap();
        assert!(sdk(app.path()).unwrap().unwrap_err().contains("no `app.config.*`"));
        write(app.path(), "app.config.js", "export default defineConfig({});");
        assert!(sdk(app.path()).unwrap().unwrap_err().contains("withSentry"));
        write(
            app.path(),
            "app.config.js",
            "import {\n  withSentry,\n} from '@sentry/solidstart';\nexport default withSentry(x);",
        );
        let files = sdk(app.path()).unwrap().unwrap();
        assert_eq!(sdk_config(&files), "app.config.js");
        assert!(files["app.config.js"].contains("} from './sentry-dynamic-import.mjs';\nexport default"));
        assert!(files[SHIM].contains("experimental_dynamic-import"));
    }

    #[test]
    fn of_a_build_the_modules_are_given_out_and_the_packages_are_listed() {
        let (server, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(server.path(), "index.mjs", "import './x.mjs'");
        write(server.path(), "index.mjs.map", "{}");
        write(server.path(), "large.mjs", &"x".repeat(2 * 1024 * 1024 + 1));
        write(server.path(), "node_modules/a/package.json", r#"{ "name": "a", "version": "1.0.0" }"#);
        write(server.path(), "node_modules/a/esm/package.json", r#"{ "type": "module" }"#);
        write(server.path(), "node_modules/a/node_modules/b/package.json", r#"{ "name": "b", "version": "2.0.0" }"#);
        let output = Output::create(&out.path().join("out"), &Secrets::default()).unwrap();
        let left_out = build(server.path(), "presentry", &output).unwrap();
        assert_eq!(output.files().unwrap(), ["builds/presentry/packages.txt", "builds/presentry/server/index.mjs"]);
        let listed = fs::read_to_string(out.path().join("out").join("builds/presentry/packages.txt")).unwrap();
        assert_eq!(listed, "a 1.0.0\nb 2.0.0\n");
        assert_eq!(left_out.len(), 4, "{left_out:?}");
    }
}
