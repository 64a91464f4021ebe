//! A bug of a setup as a directory that others can run: the app, how it was built, what each build does, and a report. It
//! installs and builds a copy of the app, and never writes to the app itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cache;
use crate::intake::Intake;
use crate::node::Node;
use crate::pins::Pins;
use crate::process::{Exit, Invocation};
use crate::progress::{Console, Took};
use crate::secretlint::Secretlint;
use crate::toolchain::Toolchain;

mod collect;
mod exact;
mod facts;
mod manager;
mod output;
mod render;
mod source;

pub use facts::{Facts, Replaced, Verdict};

use facts::{Build, Ran, Rewrite, Step, Whose};
use output::Output;
use source::Source;

/// An install or a build that takes longer hangs.
const LONG: Duration = Duration::from_secs(20 * 60);

/// A call of presentry reads a build, or starts it.
const COMMAND_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The `.env` files that Vite reads for a build, later ones over earlier ones.
const ENV_FILES: [&str; 4] = [".env", ".env.local", ".env.production", ".env.production.local"];

/// What to reproduce.
#[derive(Debug, Clone)]
pub struct Request {
    /// The directory of the app. Nothing in it is changed.
    pub app: PathBuf,
    /// Versions to install instead of those of the app.
    pub pins: Pins,
    /// The preset to build for, instead of the one that the app names.
    pub preset: Option<String>,
    /// Where the directory is made; it is empty or not there.
    pub out: PathBuf,
    /// Whether packages are taken from the cache of the package manager where it has them.
    pub cache: bool,
    /// Whether the build that the SDK wraps alone is made as well.
    pub sdk: bool,
    /// Whether the copy that was built stays.
    pub keep: bool,
    /// Whether the start of Sentry is vouched for where it cannot be proven.
    pub trust_init: bool,
}

/// What it is done with.
#[derive(Debug, Clone)]
pub struct Workshop<'a> {
    /// The command that is reported on.
    pub binary: &'a Path,
    /// The Node and npm on `PATH`.
    pub toolchain: &'a Toolchain,
    /// What builds and starts the app.
    pub node: &'a Node,
    /// Where package managers are looked for, as `PATH` has it.
    pub path: Option<OsString>,
    /// What looks through everything that is given out, beside the redaction. The tests that have stand-ins for all
    /// programs go without.
    pub secretlint: Option<&'a Secretlint>,
    /// Where the copy is built.
    pub work: &'a Path,
    /// Directories that tell of this machine, and what stands for each.
    pub paths: Vec<(PathBuf, String)>,
}

/// A reproduction that was made.
#[derive(Debug)]
pub struct Made {
    /// Where it is.
    pub out: PathBuf,
    /// What it found.
    pub facts: Facts,
}

/// Makes the directory. That the app does not install, build or start is a finding, and no error.
///
/// # Errors
/// When the app cannot be read or copied, its package manager is missing, or the directory cannot be made without secrets.
pub fn make(request: &Request, shop: &Workshop<'_>, console: &Console) -> Result<Made> {
    let source = Source::find(&request.app)?;
    let manager = source.chosen.manager.find(shop.path.as_deref())?;
    let out = std::path::absolute(&request.out).context("failed to find the output directory")?;
    if out.starts_with(&source.root) {
        bail!(
            "`{}` is inside of the app, which is not changed\nhint: name another directory with --out",
            out.display()
        );
    }
    cache::remove(shop.work)?;
    fs::create_dir_all(shop.work.join("logs"))
        .with_context(|| format!("failed to create `{}`", shop.work.display()))?;
    let work = shop.work.canonicalize().with_context(|| format!("failed to find `{}`", shop.work.display()))?;
    if work.starts_with(&source.root) {
        bail!("`{}` is inside of the app, which is not changed\nhint: set CARGO_TARGET_DIR", work.display());
    }
    let home = std::env::home_dir();
    let mut secrets = collect::secrets(&source, shell(), home.as_deref())?;
    // The first name of a directory counts, so those that lie in others come first.
    secrets.path(&work.join("tree"), "<app>");
    secrets.path(&source.root, "<app>");
    if let Ok(given) = std::path::absolute(&request.app) {
        secrets.path(&given, "<app>");
    }
    secrets.path(&work, "<work>");
    for (path, shown) in &shop.paths {
        secrets.path(path, shown);
    }
    if let Some(home) = &home {
        secrets.path(home, "<home>");
    }
    let output = Output::create(&out, &secrets)?;
    let intake = Intake::start()?;
    let run = Run {
        request,
        shop,
        console,
        source: &source,
        manager,
        app: source.app_in(&work.join("tree")),
        tree: work.join("tree"),
        work: work.clone(),
        dsn: intake.dsn(),
        output: &output,
        facts: Facts::default(),
    };
    let mut facts = match run.make() {
        Ok(facts) => facts,
        Err(error) => {
            // A half is not to be sent.
            cache::remove(&out)?;
            return Err(error);
        }
    };
    let received = intake.received().envelopes.len();
    if received > 0 {
        facts.notes.push(format!("{received} envelopes of the SDK went to a server of the harness on this machine"));
    }
    if let Some(secretlint) = shop.secretlint {
        output.lint(secretlint)?;
    }
    facts.replaced = output.replaced();
    facts.files = output.files()?;
    facts.files.extend(["REPORT.md", "commands.sh", "report.json"].map(str::to_owned));
    output.write_json("report.json", &facts)?;
    output.write("commands.sh", render::commands(&facts).as_bytes())?;
    output.write("REPORT.md", render::report(&facts).as_bytes())?;
    // The report quotes logs.
    if let Some(secretlint) = shop.secretlint {
        output.lint(secretlint)?;
    }
    output.sweep()?;
    if !request.keep {
        cache::remove(&work)?;
    }
    let out = out.canonicalize().with_context(|| format!("failed to find `{}`", out.display()))?;
    Ok(Made { out, facts })
}

/// The variables of the shell that are text.
fn shell() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

struct Run<'a> {
    request: &'a Request,
    shop: &'a Workshop<'a>,
    console: &'a Console,
    source: &'a Source,
    /// The program of the package manager.
    manager: PathBuf,
    /// The copy of what is installed.
    tree: PathBuf,
    /// The app in it.
    app: PathBuf,
    /// Where the copy and the logs are.
    work: PathBuf,
    /// Where the SDK sends what it sends.
    dsn: String,
    output: &'a Output,
    facts: Facts,
}

/// A call of presentry, as text and as a document.
struct Told {
    ran: Ran,
    document: Value,
}

impl Run<'_> {
    fn make(mut self) -> Result<Facts> {
        let Run { request, shop, console, source, .. } = self;
        self.describe()?;
        console.step("copy the app", || {
            self.facts.notes.extend(source.copy(&self.tree)?);
            let redirected = collect::redirect_all(&self.tree, &self.dsn)?;
            if !redirected.is_empty() {
                self.facts.notes.push(format!(
                    "while it was built and started, the DSN in `{}` led to a server of the harness",
                    redirected.join("`, `")
                ));
            }
            if !request.pins.is_empty() {
                source.chosen.manager.pin(&request.pins, &self.tree, &source.manifests())?;
            }
            anyhow::Ok(((), Took::Time))
        })?;
        let installed = self.install()?;
        if installed {
            self.facts.packages = collect::packages(&self.tree, &self.app)?;
        }
        let left_out = collect::app(source, &self.tree, self.output)?;
        self.facts.left_out = left_out;
        if installed {
            self.demand_lockfile();
        }
        if installed && self.build()? {
            self.unrewritten()?;
            self.rewrite()?;
            self.sdk()?;
        }
        self.facts.node = shop.node.version.clone();
        Ok(self.facts)
    }

    /// What can be said before anything is done.
    fn describe(&mut self) -> Result<()> {
        let log = self.log("version");
        let limit = Duration::from_secs(60);
        let version = |program: &Path| -> Result<String> {
            let call = Invocation::new(program, &self.work).arg("--version");
            Ok(self.shop.node.first_on_path(call).run_ok(&log, limit)?.stdout.trim().to_owned())
        };
        self.facts.presentry = version(self.shop.binary)?;
        let of_manager = match self.source.chosen.manager {
            manager::PackageManager::Npm => self.shop.toolchain.npm_version.clone(),
            _ => version(&self.manager)?,
        };
        self.facts.manager = (self.source.chosen.manager.program().to_owned(), of_manager);
        self.facts.system = std::env::consts::OS.to_owned();
        self.facts.architecture = std::env::consts::ARCH.to_owned();
        self.facts.preset = self.request.preset.clone();
        self.facts.notes.extend(self.source.chosen.note.clone());
        if !self.request.pins.is_empty() {
            let note = "other versions were asked for than the app has, so its lockfile was made again";
            self.facts.notes.push(note.to_owned());
        }
        Ok(())
    }

    fn install(&mut self) -> Result<bool> {
        let manager = self.source.chosen.manager;
        let locked = self.source.chosen.lockfile.is_some() && self.request.pins.is_empty();
        let mut words = vec![manager.program().to_owned()];
        words.extend(manager.install(locked, &self.request.pins).into_iter().map(str::to_owned));
        let mut call = self.call_manager(&self.tree).args(&words[1..]);
        if self.request.cache {
            call = call.args(manager.prefer_offline());
        }
        let ran =
            self.console.step(&words[..2].join(" "), || anyhow::Ok((self.ran(&call, "install", LONG), Took::Time)))?;
        // Whoever repeats it has the lockfile that it made.
        let mut by_hand = vec![manager.program().to_owned()];
        by_hand.extend(manager.install(locked || ran.success(), &self.request.pins).into_iter().map(str::to_owned));
        self.step("", BTreeMap::new(), by_hand, ran.exit);
        self.keep_log("install", &words, &ran)?;
        let success = ran.success();
        self.facts.install = Some(Ran { log: "logs/install.log".to_owned(), ..ran });
        Ok(success)
    }

    /// Has npm compare the manifests and the lockfile that are given out. It writes lockfiles that it does not accept: without
    /// optional packages that its registry does not have, for one. `npm install` takes what such a lockfile has.
    fn demand_lockfile(&mut self) {
        let manager = self.source.chosen.manager;
        if manager != manager::PackageManager::Npm {
            return;
        }
        let args = manager.install(true, &self.request.pins);
        let call = self.call_manager(&self.output.directory().join("app")).args(args).arg("--dry-run");
        if self.ran(&call, "lockfile", LONG).success() {
            return;
        }
        let by_hand = std::iter::once(manager.program()).chain(manager.install(false, &self.request.pins));
        if let Some(step) = self.facts.steps.first_mut() {
            step.words = by_hand.map(str::to_owned).collect();
        }
        self.facts.notes.push(
            "`npm ci` does not accept the lockfile, so the commands have `npm install`, which follows it".to_owned(),
        );
    }

    fn build(&mut self) -> Result<bool> {
        let ran = self.run_build("build")?;
        let success = ran.success();
        self.facts.build = Some(Ran { log: "logs/build.log".to_owned(), ..ran });
        Ok(success)
    }

    fn run_build(&mut self, name: &str) -> Result<Ran> {
        let words = [self.source.chosen.manager.program(), "run", "build"].map(str::to_owned).to_vec();
        let mut call = self.call_manager(&self.app).args(&words[1..]);
        for (variable, value) in self.preset() {
            call = call.env(&variable, value);
        }
        // Nothing is uploaded: there is no token, and no program that would send anything.
        call = call.env("SENTRY_AUTH_TOKEN", "");
        if let Some(program) = self.no_upload()? {
            call = call.env("SENTRY_BINARY_PATH", program);
        }
        let ran = self.console.step(name, || anyhow::Ok((self.ran(&call, name, LONG), Took::Time)))?;
        self.step(&self.in_app(), self.preset(), words.clone(), ran.exit);
        self.keep_log(name, &words, &ran)?;
        Ok(ran)
    }

    /// The build as the app's script leaves it, or as it was before presentry was called by that script.
    fn unrewritten(&mut self) -> Result<()> {
        let inspect = self.document(&["inspect"], "inspect")?;
        if inspect["inspection"]["shape"] == "facade" {
            let told = self.console.step("presentry restore", || self.tell(&["restore"], "restore"))?;
            self.step(&self.in_app(), BTreeMap::new(), presentry(&["restore"]), told.ran.exit);
            self.facts.notes.push("the app's own build calls presentry; what it did was taken back first".to_owned());
        }
        self.look(Whose::Unrewritten)
    }

    fn rewrite(&mut self) -> Result<()> {
        let dry = self.document(&["rewrite", "--dry-run"], "dry-run")?;
        let diff = dry["diff"].as_str().unwrap_or_default();
        self.step(&self.in_app(), BTreeMap::new(), presentry(&self.trusting(&["--dry-run"])), exit_of(&dry));
        let Told { ran, mut document } = self.console.step("presentry", || self.tell(&["rewrite", "-v"], "rewrite"))?;
        self.step(&self.in_app(), BTreeMap::new(), presentry(&self.trusting(&["-v"])), ran.exit);
        if let Some(document) = document.as_object_mut() {
            document.insert("diff".to_owned(), dry["diff"].clone());
        }
        self.output.write("builds/presentry/rewrite.diff", diff.as_bytes())?;
        self.output.write("builds/presentry/rewrite.txt", ran.text.as_bytes())?;
        self.output.write_json("builds/presentry/rewrite.json", &document)?;
        let rewritten = ran.success() && document["outcome"] != "no-server";
        let ran = Ran { log: "builds/presentry/rewrite.txt".to_owned(), ..ran };
        self.facts.rewrite = Some(Rewrite { ran, document });
        if rewritten { self.look(Whose::Presentry) } else { Ok(()) }
    }

    /// The build that the SDK wraps alone, where that can be made.
    fn sdk(&mut self) -> Result<()> {
        let reason = match self.sdk_files()? {
            Err(reason) => reason,
            Ok(files) => {
                let config = collect::sdk_config(&files).to_owned();
                for (name, text) in &files {
                    self.output.write(&format!("sdk/{name}"), text.as_bytes())?;
                    let file = self.app.join(name);
                    fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))?;
                }
                let up = "../".repeat(self.source.app.components().count() + 1);
                let aside = format!("{config}.original");
                self.step(&self.in_app(), BTreeMap::new(), words(&["cp", &config, &aside]), Some(0));
                self.step(&self.in_app(), BTreeMap::new(), words(&["cp", "-R", &format!("{up}sdk/."), "."]), Some(0));
                let ran = self.run_build("build-sdk")?;
                let built = ran.success();
                if built {
                    self.look(Whose::Sdk)?;
                    let note = format!(
                        "the SDK's own build has `withSentry` from `sdk/{}`, which sets the option; that presentry does not \
                         know the options of that configuration is of no account",
                        collect::SHIM
                    );
                    self.facts.notes.push(note);
                }
                self.step(&self.in_app(), BTreeMap::new(), words(&["mv", &aside, &config]), Some(0));
                if built {
                    return Ok(());
                }
                "with `autoInjectServerSentry: \"experimental_dynamic-import\"` the app does not build (`logs/build-sdk.log`)"
                    .to_owned()
            }
        };
        self.facts.no_sdk = Some(reason);
        Ok(())
    }

    fn sdk_files(&self) -> Result<Result<BTreeMap<String, String>, String>> {
        if !self.request.sdk {
            return Ok(Err("it was not asked for".to_owned()));
        }
        let options = self.facts.of(Whose::Unrewritten).map(|build| &build.inspect["inspection"]["options"]);
        let mode = options.and_then(Value::as_array).into_iter().flatten();
        let mut mode = mode.filter(|option| option["name"] == "autoInjectServerSentry");
        if mode
            .any(|option| option["value"].as_str().is_some_and(|value| value.contains("experimental_dynamic-import")))
        {
            return Ok(Err("the app's own build is one".to_owned()));
        }
        collect::sdk(&self.app)
    }

    /// Has presentry look at the build that is there, and keeps it.
    fn look(&mut self, whose: Whose) -> Result<()> {
        let name = whose.name();
        let inspect = self.document(&["inspect"], &format!("inspect-{name}"))?;
        let check = self.console.step(&format!("presentry check, {name}"), || self.tell(&["check", "-v"], "check"))?;
        self.step(&self.in_app(), BTreeMap::new(), presentry(&self.trusting(&["check", "-v"])), check.ran.exit);
        let env_files = self.env_files();
        // A machine that does other work as well takes long.
        let mut args = vec!["trace", "-v", "--timeout", "120", "."];
        args.extend((!env_files.is_empty()).then_some("--"));
        args.extend(env_files.iter().map(String::as_str));
        let trace = self.console.step(&format!("presentry trace, {name}"), || self.tell(&args, "trace"))?;
        let nowhere = BTreeMap::from([("SENTRY_DSN".to_owned(), render::NOWHERE.to_owned())]);
        self.step(&self.in_app(), nowhere, presentry(&self.trusting(&args)), trace.ran.exit);
        for (file, text) in [("check.txt", &check.ran.text), ("trace.txt", &trace.ran.text)] {
            self.output.write(&format!("builds/{name}/{file}"), text.as_bytes())?;
        }
        for (file, document) in
            [("inspect.json", &inspect), ("check.json", &check.document), ("trace.json", &trace.document)]
        {
            self.output.write_json(&format!("builds/{name}/{file}"), document)?;
        }
        let server = inspect["build"]["server"].as_str().map(|server| self.app.join(server));
        let left_out = match server.filter(|server| server.is_dir()) {
            Some(server) => collect::build(&server, name, self.output)?,
            None => Vec::new(),
        };
        if let Some(file) =
            inspect["preset"]["file"].as_str().map(|file| self.app.join(file)).filter(|file| file.is_file())
        {
            let bytes = fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
            let file_name = file.file_name().unwrap_or_default().to_string_lossy();
            self.output.write(&format!("builds/{name}/{file_name}"), &bytes)?;
        }
        let check = Ran { log: format!("builds/{name}/check.txt"), ..check.ran };
        let trace_ran = Ran { log: format!("builds/{name}/trace.txt"), ..trace.ran };
        let trace_document = trace.document;
        self.facts.builds.push(Build { whose, inspect, check, trace: trace_ran, trace_document, left_out });
        Ok(())
    }

    /// The options that have Node read what Vite reads for a build, so that the app starts with what it was built with.
    fn env_files(&self) -> Vec<String> {
        // Node 18 has no such option.
        let major: u32 =
            self.shop.node.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
        let there = ENV_FILES.iter().filter(|name| major >= 20 && self.app.join(name).is_file());
        there.map(|name| format!("--env-file={name}")).collect()
    }

    /// Runs presentry on the app, for people and for programs.
    fn tell(&self, args: &[&str], log: &str) -> Result<(Told, Took)> {
        let ran = self.ran(&self.call_presentry(args), log, COMMAND_LIMIT);
        Ok((Told { ran, document: self.document(args, log)? }, Took::Time))
    }

    /// The document of a command. Where it printed none, an empty one: what it printed is told as text.
    fn document(&self, args: &[&str], log: &str) -> Result<Value> {
        // What comes behind `--` is not for presentry, and what `-v` tells is in the document.
        let at = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
        let mut words: Vec<&str> = args[..at].iter().copied().filter(|arg| *arg != "-v").collect();
        words.extend(["--format", "json"]);
        words.extend(&args[at..]);
        let finished = self.call_presentry(&words).run(&self.log(&format!("{log}-json")), COMMAND_LIMIT);
        let stdout = finished.map(|finished| finished.stdout).unwrap_or_default();
        Ok(serde_json::from_str(&stdout).unwrap_or_default())
    }

    /// The arguments, with what vouches for the start of Sentry where a command takes that.
    fn trusting<'w>(&self, args: &[&'w str]) -> Vec<&'w str> {
        let mut args = args.to_vec();
        let first = args.first().copied().unwrap_or_default();
        let proves = first.starts_with('-') || ["rewrite", "check", "trace", "inspect"].contains(&first);
        if self.request.trust_init && proves {
            args.insert(usize::from(!first.starts_with('-')), "--trust-init");
        }
        args
    }

    fn call_presentry(&self, args: &[&str]) -> Invocation {
        let args = self.trusting(args);
        let call = Invocation::new(self.shop.binary, &self.app).args(args).env("SENTRY_DSN", &self.dsn);
        self.shop.node.first_on_path(call)
    }

    fn call_manager(&self, directory: &Path) -> Invocation {
        let call = match self.source.chosen.manager {
            // It may be too new for the Node of the app, and runs under its own.
            manager::PackageManager::Npm => self.shop.node.npm(self.shop.toolchain, directory),
            // Without a terminal it wants to know that nobody can be asked.
            manager::PackageManager::Pnpm => {
                self.shop.node.first_on_path(Invocation::new(&self.manager, directory)).env("CI", "true")
            }
            _ => self.shop.node.first_on_path(Invocation::new(&self.manager, directory)),
        };
        // The copy lies in a repository that is not the app's.
        call.env("GIT_CEILING_DIRECTORIES", &self.work)
    }

    /// Runs a command to its end. That it has none is a finding as well.
    fn ran(&self, call: &Invocation, log: &str, limit: Duration) -> Ran {
        match call.run(&self.log(log), limit) {
            Ok(finished) => {
                let exit = match finished.exit {
                    Exit::Code(code) => Some(code),
                    Exit::Signal(_) | Exit::Unknown => None,
                };
                Ran { exit, text: finished.text, log: String::new() }
            }
            Err(error) => Ran { exit: None, text: format!("{error:#}\n"), log: String::new() },
        }
    }

    fn keep_log(&mut self, name: &str, words: &[String], ran: &Ran) -> Result<()> {
        let text = format!("$ {}\n{}", words.join(" "), ran.text);
        self.output.write(&format!("logs/{name}.log"), text.as_bytes())
    }

    fn step(&mut self, directory: &str, env: BTreeMap<String, String>, words: Vec<String>, exit: Option<i32>) {
        self.facts.steps.push(Step { directory: directory.to_owned(), env, words, exit });
    }

    /// The variables that choose the preset: the first is Vinxi's, the other is Nitro's.
    fn preset(&self) -> BTreeMap<String, String> {
        let preset = self.request.preset.iter();
        preset
            .flat_map(|preset| ["SERVER_PRESET", "NITRO_PRESET"].map(|name| (name.to_owned(), preset.clone())))
            .collect()
    }

    fn in_app(&self) -> String {
        self.source.app.to_string_lossy().replace('\\', "/")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.work.join("logs").join(format!("{name}.log"))
    }

    /// A program that takes the place of `sentry-cli`, and does nothing.
    fn no_upload(&self) -> Result<Option<PathBuf>> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let file = self.work.join("sentry-cli");
            let context = || format!("failed to write `{}`", file.display());
            fs::write(&file, "#!/bin/sh\nexit 0\n").with_context(context)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).with_context(context)?;
            Ok(Some(file))
        }
        #[cfg(not(unix))]
        Ok(None)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn presentry(args: &[&str]) -> Vec<String> {
    std::iter::once("presentry").chain(args.iter().copied()).map(str::to_owned).collect()
}

fn exit_of(document: &Value) -> Option<i32> {
    document["exit_code"].as_i64().and_then(|code| i32::try_from(code).ok())
}

// The stand-ins are shell scripts.
#[cfg(all(test, unix))]
mod tests;
