//! `presentry repro`: what a bug report needs to say, gathered by the other commands and without what is secret.

use std::{
    env,
    ffi::OsString,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    args::{Cli, Command as Asked, FormatArg, OutputArgs, ReproArgs, RewriteArgs},
    commands::{check, inspect, rewrite, trace},
    failure::Failure,
    find::locate::{self, Build, Located},
    outcome::Outcome,
    paths,
    repro::{self, Facts, redact},
    say::{output::Output, report::Report, verdict::Closing},
};

/// Gathers, removes, and writes.
pub(crate) fn run(args: &ReproArgs, style: &OutputArgs, output: &Output) -> Result<(), Failure> {
    args.out.as_deref().map_or(Ok(()), |file| paths::writable_file(file, "--out"))?;
    let mut facts = facts(args, style, output);
    let mut secrets = secrets(args);
    let names = facts.packages.iter().map(|(name, ..)| name.as_str()).chain(["presentry"]);
    names.for_each(|name| secrets.leave(name));
    // Some secrets are told by the lines around them, and a cell of a table has none: what the app wrote goes through whole.
    for (_, wanted, _) in &mut facts.packages {
        *wanted = removed(&secrets, wanted)?;
    }
    let page = removed(&secrets, &repro::page(&facts))?;
    let Some(file) = &args.out else {
        output.text(&page);
        return Ok(());
    };
    let file = if file.is_dir() { file.join("presentry-report.md") } else { file.clone() };
    fs::write(&file, page).with_context(|| format!("failed to write `{}`", file.display()))?;
    let closing =
        Closing::good(format!("wrote `{}`: versions, tree, verdicts, no content of files", paths::show(&file)));
    output.close(&closing.next("read it, then paste it into an issue"));
    Ok(())
}

/// Text without secrets, or what could not be removed.
fn removed(secrets: &redact::Secrets, text: &str) -> anyhow::Result<String> {
    let removed = secrets.removed_from(text).context("failed to search for secrets")?;
    removed.map_err(|what| anyhow::anyhow!("{what} could not be removed; nothing was written"))
}

fn facts(args: &ReproArgs, style: &OutputArgs, output: &Output) -> Facts {
    let app = &args.build.app;
    let mut facts = Facts { packages: packages(app), ..Facts::default() };
    let mut gather = |command: &str, more: &[&str]| {
        let words = ["presentry", command]
            .into_iter()
            .chain(more.iter().copied())
            .map(OsString::from)
            .chain(args.build_options());
        let cli = Cli::of_arguments(words).expect("these options are those of each command");
        let asked = cli.command.expect("a command was named");
        facts.reports.push(output.during(&format!("presentry {command}"), || gathered(command, &asked, style)));
    };
    gather("inspect", &[]);
    gather("check", &[]);
    gather("rewrite", &["--dry-run"]);
    if !args.no_trace {
        let requests: Vec<String> = args.requests.iter().map(|request| format!("--request={request}")).collect();
        gather("trace", &requests.iter().map(String::as_str).collect::<Vec<_>>());
    }
    match locate::build(&args.build) {
        Ok(Located::Server(build)) => walk(&build.place.server.clone(), "", &mut facts),
        Ok(Located::NoServer { .. }) => {}
        Err(_) => output.note("no build was found: run this in the directory of the app, after the build"),
    }
    facts.machine = machine(&facts.reports);
    facts
}

/// What a command reports, however it ends.
fn gathered(name: &str, asked: &Asked, style: &OutputArgs) -> Report {
    let output = Output::new(style, FormatArg::Json);
    let mut report = Report::new(name);
    let build_args = match asked {
        Asked::Inspect(args) => &args.build,
        Asked::Check(args) => &args.build,
        Asked::Trace(args) => &args.build,
        Asked::Rewrite(RewriteArgs { build, .. }) => build,
        _ => unreachable!("only these commands are gathered"),
    };
    let outcome = match locate::build(build_args) {
        Ok(Located::Server(build)) => {
            report.found_build(&build);
            let run = || of_build(asked, &build, &output, &mut report);
            let ended = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Failure::mistake()));
            ended.unwrap_or_else(|failure| {
                output.failure(&failure, Some(&build.place));
                failure.outcome()
            })
        }
        Ok(Located::NoServer { found }) => {
            report.found_preset(&found);
            Outcome::NoServer
        }
        Err(failure) => {
            output.failure(&failure, None);
            failure.outcome()
        }
    };
    output.gathered(report, outcome)
}

fn of_build(asked: &Asked, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    match asked {
        Asked::Inspect(args) => inspect::run(args, build, output, report),
        Asked::Check(args) => check::run(args, build, output, report),
        Asked::Trace(args) => trace::run(args, build, output, report),
        Asked::Rewrite(args) => rewrite::run(args, build, output, report),
        _ => unreachable!("only these commands are gathered"),
    }
}

fn machine(reports: &[Report]) -> Vec<(String, String)> {
    let node = reports.iter().find_map(|report| report.trace.as_ref()?.node.clone());
    vec![
        ("presentry".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("Node.js".to_owned(), node.unwrap_or_else(|| "not started".to_owned())),
        ("system".to_owned(), format!("{} {}", env::consts::OS, env::consts::ARCH)),
    ]
}

/// The packages that matter to this: of Sentry, of SolidStart, what builds, and what Sentry instruments by itself.
fn packages(app: &Path) -> Vec<(String, String, String)> {
    const NAMES: [&str; 12] = [
        "@solidjs/start",
        "solid-js",
        "vinxi",
        "nitropack",
        "nitro",
        "vite",
        "esbuild",
        "rolldown",
        "import-in-the-middle",
        "require-in-the-middle",
        "@opentelemetry/api",
        "@opentelemetry/instrumentation",
    ];
    let manifest = manifest(&app.join("package.json")).unwrap_or_default();
    let mut wanted: Vec<(String, String)> = Vec::new();
    for kind in ["dependencies", "devDependencies", "overrides", "resolutions"] {
        for (name, range) in manifest[kind].as_object().into_iter().flatten() {
            if NAMES.contains(&name.as_str()) || name.starts_with("@sentry/") {
                wanted.push((name.clone(), range.as_str().unwrap_or("…").to_owned()));
            }
        }
    }
    let indirect = NAMES.iter().filter(|name| !wanted.iter().any(|(found, _)| found == *name)).copied();
    let indirect: Vec<(String, String)> = indirect.map(|name| (name.to_owned(), String::new())).collect();
    let installed = |name: &str| version(&app.join("node_modules").join(name)).unwrap_or_else(|| "none".to_owned());
    let found = |(name, range): (String, String)| {
        let version = installed(&name);
        (name, if range.is_empty() { "indirectly".to_owned() } else { range }, version)
    };
    let rows = wanted.into_iter().map(found).chain(indirect.into_iter().map(found));
    rows.filter(|(_, range, version)| range != "indirectly" || version != "none").collect()
}

fn manifest(file: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn version(directory: &Path) -> Option<String> {
    manifest(&directory.join("package.json"))?["version"].as_str().map(str::to_owned)
}

/// The files of the server, and the packages instead of theirs.
fn walk(directory: &Path, prefix: &str, facts: &mut Facts) {
    let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let Ok(kind) = entry.file_type() else { continue };
        let is_package =
            prefix.ends_with("node_modules/") || prefix.rsplit('/').nth(1).is_some_and(|up| up.starts_with('@'));
        match kind.is_dir() {
            true if is_package && !name.starts_with(['@', '.']) => {
                let name = format!("{prefix}{name}");
                facts.built.extend(version(&path).map(|version| (name, version)));
            }
            true => walk(&path, &format!("{prefix}{name}/"), facts),
            false => {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                facts.files.push((format!("{prefix}{name}"), size));
            }
        }
    }
}

/// Values of the environment and of the `.env` files of the app, and paths of this machine.
fn secrets(args: &ReproArgs) -> redact::Secrets {
    let mut secrets = redact::Secrets::default();
    for (name, value) in env::vars_os() {
        secrets.variable(&name.to_string_lossy(), &value.to_string_lossy());
    }
    let app = &args.build.app;
    let here = env::current_dir().unwrap_or_default();
    let beside = [app.as_path(), Path::new("."), &app.join("..")].map(Path::to_owned);
    for file in beside.iter().flat_map(|directory| files_of_variables(directory)) {
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // A list item of Compose, `- NAME=value`, is a line of its own as well.
        let text = text.lines().map(|line| line.trim_start().trim_start_matches("- ")).collect::<Vec<_>>().join("\n");
        let variables = presentry_redact::variables(&text);
        for variable in &variables {
            secrets.variable(&variable.name, &variable.value);
            secrets.variable(&variable.name, &presentry_redact::expanded(&variable.value, &variables));
        }
        for token in presentry_redact::auth_tokens(&text).unwrap_or_default() {
            secrets.variable("a token", &token);
        }
    }
    secrets.path(&here, ".");
    if let Ok(app) = dunce::canonicalize(app) {
        secrets.path(&app, "APP");
    }
    if let Some(home) = env::home_dir() {
        secrets.path(&home, "~");
    }
    secrets
}

/// The files of variables and tokens: of the app, of direnv, Wrangler, Compose and npm.
fn files_of_variables(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_wanted = |name: &str| {
        let is_compose = (name.starts_with("docker-compose") || name.starts_with("compose"))
            && (name.ends_with(".yml") || name.ends_with(".yaml"));
        let is_env = name == ".env" || name.starts_with(".env.") || name.ends_with(".env");
        is_env || is_compose || name.starts_with(".dev.vars") || [".envrc", ".npmrc", ".sentryclirc"].contains(&name)
    };
    entries.filter(|entry| is_wanted(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}
