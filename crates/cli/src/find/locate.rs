//! Finds the build of an app: its server directory, its entry, and how the host loads it. Reads names and metadata,
//! never a module.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use presentry_rewriter::{EntryLoading, ModulePath, diagnostics::Diagnostic};

use crate::{
    args::BuildArgs,
    diagnostics::{
        app_not_found,
        build_not_found::{self, Instead},
        edge_runtime, file_not_found, outside_output, several_builds, unknown_preset,
    },
    failure::Failure,
    find::presets::loading_text,
    find::{
        libraries::{self, Bundled},
        nitro_json::{self, NitroJson},
        options::{NotStatic, Options, Origin, Setting},
        presets::{self, Preset, Runtime},
        stale,
    },
    paths::{canonical, existing_file, module_path, parent, show},
    store::place::Place,
};

/// How far above the entry a `nitro.json` is looked for: Vercel's lies two directories above the entry's.
const LEVELS_ABOVE: usize = 4;

/// What an app's build was found to be.
#[derive(Debug)]
pub(crate) enum Located {
    /// A build with a server.
    Server(Box<Build>),
    /// A build of a static preset: there is no server, and nothing to do.
    NoServer {
        /// The preset.
        found: FoundPreset,
    },
}

/// The preset of a build, and what says so.
#[derive(Clone, Debug)]
pub(crate) struct FoundPreset {
    /// The row.
    pub(crate) preset: &'static Preset,
    /// The name in `nitro.json`; `None` where there is none, and `--preset` was given.
    pub(crate) written: Option<String>,
    /// What it says to be the version of Nitro.
    pub(crate) nitro: Option<String>,
    /// `nitro.json` as the user would write it.
    pub(crate) file: Option<String>,
}

impl FoundPreset {
    fn new(metadata: &NitroJson, preset: &'static Preset) -> Self {
        Self {
            preset,
            written: Some(metadata.preset.clone()),
            nitro: metadata.version.clone(),
            file: Some(show(&metadata.directory.join(nitro_json::FILE_NAME))),
        }
    }

    fn named(preset: &'static Preset) -> Self {
        Self { preset, written: None, nitro: None, file: None }
    }

    /// What the metadata says, in words.
    pub(crate) fn reason(&self) -> Option<String> {
        let (file, written) = self.file.as_ref().zip(self.written.as_ref())?;
        let version = self.nitro.as_deref().unwrap_or("of an unknown version");
        Some(format!("`{file}` says preset `{written}`, Nitro {version}; known as `{}`", self.preset.name))
    }
}

/// A build with a server.
#[derive(Debug)]
pub(crate) struct Build {
    /// The directory of the app, as the user would write it; `None` for an entry that was named and is not in it.
    pub(crate) app: Option<PathBuf>,
    /// Where it is.
    pub(crate) place: Place,
    /// The server entry.
    pub(crate) entry: ModulePath,
    /// How the host loads it.
    pub(crate) loading: EntryLoading,
    /// The preset, when there is a `nitro.json` that is about this build, or `--preset`.
    pub(crate) found: Option<FoundPreset>,
    /// Why it was chosen, for `-v`.
    pub(crate) reasons: Vec<String>,
    /// What `app.config.*` says.
    pub(crate) options: Options,
    /// What speaks against the choice.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The libraries that its bundler put into chunks.
    pub(crate) bundled: Bundled,
}

impl Build {
    /// What there is to warn of in the build as it is.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Diagnostic> {
        self.warnings_with(&self.bundled.injected)
    }

    /// The same where these libraries of its chunks are injected ahead of time.
    pub(crate) fn warnings_with(&self, injected: &BTreeSet<String>) -> impl Iterator<Item = Diagnostic> + use<> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.bundled.warning(injected));
        warnings.into_iter()
    }
}

/// Finds the build that the arguments mean.
pub(crate) fn build(args: &BuildArgs) -> Result<Located, Failure> {
    let preset = args
        .preset
        .as_deref()
        .map(|name| presets::find(name).ok_or_else(|| Failure::Usage(unknown_preset::named(name, presets::names()))));
    let preset = preset.transpose()?;
    match &args.entry {
        Some(entry) => of_entry(args, entry, preset),
        None => of_app(args, preset),
    }
}

/// A build in an output directory: what `nitro.json` says, or what the user says where there is none.
struct Candidate {
    directory: PathBuf,
    metadata: Option<NitroJson>,
    preset: &'static Preset,
}

fn of_app(args: &BuildArgs, named: Option<&'static Preset>) -> Result<Located, Failure> {
    let app = &args.app;
    if !app.is_dir() {
        return Err(Failure::Usage(app_not_found::diagnostic(app)));
    }
    let options = Options::read(app)?;
    let mut warnings = Vec::new();
    let mut reasons = Vec::new();
    let candidate = match choose(args, named, &options, &mut reasons, &mut warnings)? {
        Ok(candidate) => candidate,
        Err(no_server) => return Ok(Located::NoServer { found: no_server }),
    };
    let Candidate { directory, metadata, preset } = candidate;
    let server = server_directory(app, &options, &directory, preset, &mut warnings)?;
    let output = if server.starts_with(&directory) { &directory } else { &server };
    let found =
        metadata.as_ref().map_or_else(|| FoundPreset::named(preset), |metadata| FoundPreset::new(metadata, preset));
    reasons.extend(found.reason());
    reasons.extend(named.map(|preset| format!("the preset is `{}`, as `--preset` says", preset.name)));
    reasons.push(format!("the host loads the entry as: {}", loading_text(preset.loading)));
    let place = Place::open(canonical(&server)?, canonical(output)?, show(&server))?;
    if !place.server.starts_with(&place.output) {
        return Err(outside_output::diagnostic(&place.shown, &place.server).into());
    }
    let bundled = libraries::bundled(&place.server, &place.shown, app);
    let name = entry_name(&options, &server, preset, &mut reasons, &mut warnings);
    let (entry, modified) = match dunce::canonicalize(server.join(&name)) {
        // Node gives the entry its real path, so a link to another directory changes what its specifiers mean.
        Ok(real) => {
            let entry = module_path(&place.server, &real)
                .ok_or_else(|| outside_output::diagnostic(&format!("{}/{name}", place.shown), &real))?;
            (entry, modified(&real))
        }
        Err(_) => (ModulePath::new(name).expect("the name of a file"), None),
    };
    let built = metadata.and_then(|metadata| metadata.built).or(modified);
    warnings.extend(built.and_then(|built| stale::warning(app, &options, built, &place.show(&entry))));
    let rows = options.rows(args.preset.as_deref(), args.output_dir.as_deref(), &[]);
    reasons.extend(rows.iter().filter(|row| row.origin != Origin::Default).map(|row| row.reason()));
    Ok(Located::Server(Box::new(Build {
        app: Some(app.clone()),
        place,
        entry,
        loading: preset.loading,
        found: Some(found),
        reasons,
        options,
        warnings,
        bundled,
    })))
}

/// Chooses among the output directories; the inner error is a build without a server.
fn choose(
    args: &BuildArgs,
    named: Option<&'static Preset>,
    options: &Options,
    reasons: &mut Vec<String>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Result<Candidate, FoundPreset>, Failure> {
    let app = &args.app;
    let by_default = || presets::output_directories().into_iter().map(|directory| app.join(directory)).collect();
    let mut not_static: Option<NotStatic> = None;
    let (directories, chosen): (Vec<PathBuf>, bool) = match options.output_dir(args.output_dir.as_deref(), app) {
        Setting::Given { value, origin } => {
            reasons.push(format!("the output directory is `{}` ({origin})", show(&value)));
            (vec![value], true)
        }
        Setting::Unset => (by_default(), false),
        Setting::NotStatic(unknown) => {
            not_static = Some(unknown);
            (by_default(), false)
        }
    };
    let mut found: Vec<NitroJson> = Vec::new();
    for directory in &directories {
        found.extend(nitro_json::read(directory)?);
    }
    let metadata = match <[NitroJson; 1]>::try_from(found) {
        Ok([metadata]) => Some(metadata),
        Err(none) if none.is_empty() => None,
        Err(several) => Some(among(several, args, options, reasons)?),
    };
    let Some(metadata) = metadata else {
        return match (not_static, named) {
            (_, Some(preset)) => {
                let own = app.join(preset.output);
                let directory = if chosen { directories.into_iter().next().unwrap_or(own) } else { own };
                with_server(preset, Candidate { directory, metadata: None, preset })
            }
            (Some(unknown), None) => Err(unknown.error().into()),
            (None, None) => Err(nothing_found(app, &directories, chosen).into()),
        };
    };
    warnings.extend(not_static.map(|unknown| unknown.warning()));
    let Some(preset) = named.or_else(|| presets::find(&metadata.preset)) else {
        let file = show(&metadata.directory.join(nitro_json::FILE_NAME));
        return Err(unknown_preset::diagnostic(&metadata.preset, &file).into());
    };
    if preset.runtime == Runtime::Static && named.is_none() {
        return Ok(Err(FoundPreset::new(&metadata, preset)));
    }
    with_server(preset, Candidate { directory: metadata.directory.clone(), metadata: Some(metadata), preset })
}

/// The one of several builds that has the preset that was asked for.
fn among(
    several: Vec<NitroJson>,
    args: &BuildArgs,
    options: &Options,
    reasons: &mut Vec<String>,
) -> Result<NitroJson, Failure> {
    let candidates = several.iter().map(|one| (show(&one.directory), one.preset.clone())).collect::<Vec<_>>();
    let refused = || several_builds::diagnostic(&candidates);
    match options.preset(args.preset.as_deref()) {
        Setting::Given { value, origin } => {
            let wanted = presets::find(&value).map(|preset| preset.name);
            let is_wanted = |one: &NitroJson| {
                one.preset == value
                    || (wanted.is_some() && presets::find(&one.preset).map(|preset| preset.name) == wanted)
            };
            let Ok([one]) = <[NitroJson; 1]>::try_from(several.into_iter().filter(is_wanted).collect::<Vec<_>>())
            else {
                return Err(refused().into());
            };
            let (directory, preset) = (show(&one.directory), &one.preset);
            reasons.push(format!("of several builds the one in `{directory}` has the preset `{preset}` ({origin})"));
            Ok(one)
        }
        Setting::Unset => Err(refused().into()),
        Setting::NotStatic(unknown) => Err(Failure::Refused(vec![refused(), unknown.error()])),
    }
}

fn with_server(preset: &Preset, candidate: Candidate) -> Result<Result<Candidate, FoundPreset>, Failure> {
    match preset.runtime {
        Runtime::Edge => Err(edge_runtime::diagnostic(preset.name).into()),
        Runtime::Static => Err(Failure::Usage(unknown_preset::without_server(preset.name))),
        Runtime::Node | Runtime::Bun | Runtime::Deno => Ok(Ok(candidate)),
    }
}

fn server_directory(
    app: &Path,
    options: &Options,
    output: &Path,
    preset: &Preset,
    warnings: &mut Vec<Diagnostic>,
) -> Result<PathBuf, Failure> {
    let (directories, not_static): (Vec<PathBuf>, Option<NotStatic>) = match options.server_dir(app, output) {
        Setting::Given { value, .. } => (vec![value], None),
        Setting::Unset => (preset.server.iter().map(|server| output.join(server)).collect(), None),
        Setting::NotStatic(unknown) => {
            (preset.server.iter().map(|server| output.join(server)).collect(), Some(unknown))
        }
    };
    match (directories.iter().find(|directory| directory.is_dir()), not_static) {
        (Some(server), not_static) => {
            // Where the whole of `output` is not known, one warning says so.
            let told = |unknown: &NotStatic| warnings.iter().any(|warning| warning.labels == unknown.warning().labels);
            let more = not_static.filter(|unknown| !told(unknown));
            warnings.extend(more.map(|unknown| unknown.warning()));
            Ok(server.clone())
        }
        (None, Some(unknown)) => Err(unknown.error().into()),
        (None, None) => {
            let looked: Vec<String> = directories.iter().map(|directory| show(directory)).collect();
            Err(build_not_found::without_server(preset.name, &looked).into())
        }
    }
}

/// The file name of the entry, whether or not it is there.
fn entry_name(
    options: &Options,
    server: &Path,
    preset: &Preset,
    reasons: &mut Vec<String>,
    warnings: &mut Vec<Diagnostic>,
) -> String {
    let of_preset = preset.entry.iter().find(|name| server.join(name).exists());
    match options.entry_file_name() {
        Setting::Given { value, origin } => {
            let names = [value.clone(), format!("{value}.mjs")];
            let is_there = |name: &String| {
                ModulePath::new(name.as_str()).is_ok_and(|path| path.file_name() == name.as_str())
                    && server.join(name).is_file()
            };
            if let Some(name) = names.into_iter().find(is_there) {
                reasons.push(format!("the entry is `{name}`, as `serverEntrypointFileName` says ({origin})"));
                return name;
            }
            // For the SDK it is a part of the path of Nitro's source.
            reasons.push(format!("`serverEntrypointFileName` is `{value}` ({origin}), which is no file of the build"));
        }
        Setting::Unset => {}
        Setting::NotStatic(unknown) => {
            if of_preset.is_none() {
                warnings.push(unknown.warning());
            }
        }
    }
    (*of_preset.unwrap_or(&preset.entry[0])).to_owned()
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

fn of_entry(args: &BuildArgs, named: &Path, preset: Option<&'static Preset>) -> Result<Located, Failure> {
    if let Some(edge) = preset.filter(|preset| preset.runtime == Runtime::Edge) {
        return Err(edge_runtime::diagnostic(edge.name).into());
    }
    let real = existing_file(named, "--entry")?;
    let server = real.parent().unwrap_or(&real).to_owned();
    let Some(entry) = module_path(&server, &real) else {
        return Err(Failure::Usage(file_not_found::not_text(named)));
    };
    // The entry may be one of another app than the one the command is run in.
    let is_of_app = dunce::canonicalize(&args.app).is_ok_and(|app| real.starts_with(app));
    let options = if is_of_app { Options::read(&args.app)? } else { Options::default() };
    let mut built = modified(&real);
    let mut loading = preset.map_or(EntryLoading::Process, |preset| preset.loading);
    let mut output = server.clone();
    let mut found = None;
    let mut reasons = vec![format!("the entry was named by `--entry`; the server directory is `{}`", parent(named))];
    for above in server.ancestors().take(LEVELS_ABOVE) {
        let Some(metadata) = nitro_json::read(above)? else { continue };
        built = metadata.built.or(built);
        if let Some(preset) = preset.or_else(|| presets::find(&metadata.preset)) {
            if preset.runtime == Runtime::Edge {
                return Err(edge_runtime::diagnostic(preset.name).into());
            }
            if preset.entry.contains(&entry.as_str()) {
                loading = preset.loading;
            }
            let known = FoundPreset::new(&metadata, preset);
            reasons.extend(known.reason());
            found = Some(known);
        }
        output = metadata.directory;
        break;
    }
    if found.is_none()
        && preset.is_none()
        && let Some(edge) = edge_of(&server, &entry, is_of_app.then_some(args.app.as_path()))?
    {
        return Err(edge_runtime::diagnostic(edge).into());
    }
    reasons.push(format!("the host loads the entry as: {}", loading_text(loading)));
    let place = Place::open(server, output, parent(named))?;
    let stale = built.filter(|_| is_of_app);
    let stale = stale.and_then(|built| stale::warning(&args.app, &options, built, &place.show(&entry)));
    let rows = options.rows(args.preset.as_deref(), None, &[]);
    reasons.extend(rows.iter().filter(|row| row.origin != Origin::Default).map(|row| row.reason()));
    let warnings = stale.into_iter().collect();
    let bundled = Bundled::default();
    let app = is_of_app.then(|| args.app.clone());
    Ok(Located::Server(Box::new(Build { app, place, entry, loading, found, reasons, options, warnings, bundled })))
}

/// What Vercel reads beside a function.
const VERCEL_FUNCTION: &str = ".vc-config.json";

/// The edge preset of an entry whose `nitro.json` does not lie above it: some presets write the server and `nitro.json` to
/// different trees.
fn edge_of(server: &Path, entry: &ModulePath, app: Option<&Path>) -> Result<Option<&'static str>, Failure> {
    #[derive(serde::Deserialize)]
    struct Function {
        runtime: Option<String>,
    }
    let is_below = |name: &str| server.iter().any(|part| part == name);
    if is_below("edge-functions") {
        return Ok(Some("netlify-edge"));
    }
    if is_below("_worker.js") || entry.as_str() == "_worker.js" {
        return Ok(Some("cloudflare-pages"));
    }
    let function = fs::read(server.join(VERCEL_FUNCTION)).ok();
    let function = function.and_then(|text| serde_json::from_slice::<Function>(&text).ok());
    if function.and_then(|function| function.runtime).is_some_and(|runtime| runtime == "edge") {
        return Ok(Some("vercel-edge"));
    }
    let mut presets = Vec::new();
    for directory in
        app.into_iter().flat_map(|app| presets::output_directories().into_iter().map(|name| app.join(name)))
    {
        presets.extend(nitro_json::read(&directory)?.and_then(|metadata| presets::find(&metadata.preset)));
    }
    let all_edge = presets.iter().all(|preset| preset.runtime == Runtime::Edge);
    Ok(presets.first().filter(|_| all_edge).map(|preset| preset.name))
}

/// `chosen` says that the directory was named, so that a build in another one is not meant.
fn nothing_found(app: &Path, directories: &[PathBuf], chosen: bool) -> Diagnostic {
    let looked: Vec<String> =
        directories.iter().map(|directory| show(&directory.join(nitro_json::FILE_NAME))).collect();
    if chosen {
        return build_not_found::without_metadata(app, &looked, &Instead::App);
    }
    // Builds of very old versions of Nitro, and copies that lost their metadata.
    let entries = presets::PRESETS.iter().flat_map(|preset| {
        preset.server.iter().flat_map(move |server| {
            preset.entry.iter().map(move |entry| Path::new(preset.output).join(server).join(entry))
        })
    });
    let entry = entries.map(|entry| app.join(entry)).find(|entry| entry.is_file());
    let instead = match entry {
        Some(entry) => Instead::Entry(show(&entry)),
        None if app.join("package.json").is_file() => Instead::App,
        None => Instead::Nothing,
    };
    build_not_found::without_metadata(app, &looked, &instead)
}
