//! `cargo xtask dist`: lays out the npm packages and packs them. What is in the package `presentry` stands in `npm/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use presentry_e2e::process::Invocation;
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{binary, cache, tree};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::{Outcome, flags, print};

/// The version of all packages: all crates of the workspace have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What an executable may weigh. It is downloaded by every install on every CI machine.
const MOST_BYTES: u64 = 14_000_000;

/// The licences, which every package carries.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The file with the digests of all that is published, as `sha256sum --check` reads it.
const CHECKSUMS: &str = "SHA256SUMS";

/// How long `npm pack` may take.
const LIMIT: Duration = Duration::from_secs(120);

impl flags::Dist {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let logs = binary::target_directory(&root)?.join("dist-logs");
        sh.create_dir(&logs)?;
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let platforms = platforms(&root)?;
        let executables = match &self.binaries {
            Some(directory) => given(&platforms, directory)?,
            None => vec![(host(sh, &platforms)?, binary::build_release(&root, &logs.join("cargo-build.log"))?)],
        };
        executables.iter().try_for_each(|(_, executable)| is_small(executable))?;
        let packages = lay_out(&root, &self.out, &platforms, &executables, self.repository.as_deref())?;
        for package in packages {
            let packed = pack(&toolchain, &package, &self.out, &logs)?;
            print::line(format_args!(
                "{}: {} bytes packed, {} bytes installed",
                packed.tarball.display(),
                packed.size,
                packed.unpacked
            ))?;
        }
        for (platform, executable) in &executables {
            let name = platform.executable().replacen("presentry", &format!("presentry-{}", platform.target), 1);
            copy_file(executable, &self.out.join(name))?;
        }
        write(&self.out.join(CHECKSUMS), &checksums(&self.out)?)?;
        if executables.len() < platforms.len() {
            let missing = platforms.len() - executables.len();
            print::line(format_args!("{missing} platforms have no executable here; install these tarballs together"))?;
        }
        Ok(Outcome::Green)
    }
}

/// Tarballs of the packages for this machine with the executable `binary`, of whatever size, in `target`. They are packed
/// once for what goes in.
pub(crate) fn tarballs(sh: &Shell, binary: &Path, toolchain: &Toolchain, target: &Path) -> Result<Vec<PathBuf>> {
    let root = sh.current_dir();
    let logs = target.join("dist-logs");
    sh.create_dir(&logs)?;
    let bytes = fs::read(binary).with_context(|| format!("failed to read `{}`", binary.display()))?;
    let source = tree::Snapshot::take(&root.join("npm"))?;
    let key = cache::Key::default()
        .with("executable", &tree::digest(&bytes))
        .with("package", &source.checksum())
        .with("version", VERSION)
        .with("npm", &toolchain.npm_version);
    let cache = cache::Cache::open(&target.join("e2e-tarballs"), true)?;
    let entry = cache.entry("tarballs", &key, |out| {
        let platforms = platforms(&root)?;
        let executables = [(host(sh, &platforms)?, binary.to_owned())];
        for package in lay_out(&root, out, &platforms, &executables, None)? {
            pack(toolchain, &package, out, &logs)?;
        }
        cache::remove(&out.join("packages"))
    })?;
    let mut tarballs = sh.read_dir(&entry.path)?;
    tarballs.sort();
    Ok(tarballs)
}

fn is_small(executable: &Path) -> Result<()> {
    let bytes = fs::metadata(executable).with_context(|| format!("failed to read `{}`", executable.display()))?.len();
    if bytes > MOST_BYTES {
        bail!("`{}` has {bytes} bytes, and {MOST_BYTES} are the most", executable.display());
    }
    Ok(())
}

/// A row of `npm/presentry/platforms.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Platform {
    /// The package that holds the executable.
    package: String,
    /// The target of rustc.
    target: String,
    /// As Node.js names it.
    os: String,
    /// As Node.js names it.
    cpu: String,
    /// As npm names it; Linux alone has one.
    libc: Option<String>,
}

impl Platform {
    fn executable(&self) -> &'static str {
        if self.os == "win32" { "presentry.exe" } else { "presentry" }
    }
}

/// The table that the launcher reads as well.
fn platforms(root: &Path) -> Result<Vec<Platform>> {
    let file = root.join("npm").join("presentry").join("platforms.json");
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
    let rows: Vec<Value> = serde_json::from_str(&text).with_context(|| format!("`{}`", file.display()))?;
    let read = |row: &Value| {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        Some(Platform {
            package: text("package")?,
            target: text("target")?,
            os: text("os")?,
            cpu: text("cpu")?,
            libc: text("libc"),
        })
    };
    rows.iter().map(|row| read(row).with_context(|| format!("a row lacks a member: {row}"))).collect()
}

/// The row of the machine that this runs on.
fn host<'a>(sh: &Shell, platforms: &'a [Platform]) -> Result<&'a Platform> {
    let version = cmd!(sh, "rustc --version --verbose").quiet().read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc` names no host")?;
    platforms
        .iter()
        .find(|platform| platform.target == host)
        .with_context(|| format!("`npm/presentry/platforms.json` has no row for `{host}`"))
}

/// The executables of all platforms, each in a directory that is called as its target.
fn given<'a>(platforms: &'a [Platform], directory: &Path) -> Result<Vec<(&'a Platform, PathBuf)>> {
    let found: Vec<(&Platform, PathBuf)> = platforms
        .iter()
        .map(|platform| (platform, directory.join(&platform.target).join(platform.executable())))
        .collect();
    let missing: Vec<String> =
        found.iter().filter(|(_, file)| !file.is_file()).map(|(_, file)| format!("`{}`", file.display())).collect();
    if !missing.is_empty() {
        bail!("executables are missing: {}", missing.join(", "));
    }
    Ok(found)
}

/// Writes the packages to `out/packages`, and returns the directories of those that can be packed, platforms first, as
/// they have to be on the registry before the package that names them.
fn lay_out(
    root: &Path,
    out: &Path,
    platforms: &[Platform],
    executables: &[(&Platform, PathBuf)],
    repository: Option<&str>,
) -> Result<Vec<PathBuf>> {
    let packages = out.join("packages");
    cache::remove(&packages)?;
    let mut complete = Vec::new();
    for (platform, executable) in executables {
        let directory = packages.join(&platform.package);
        write_platform(root, &directory, platform, executable, repository)?;
        complete.push(directory);
    }
    let main = packages.join("presentry");
    let all = executables.len() == platforms.len();
    write_main(root, &main, all.then_some(platforms), repository)?;
    complete.push(main);
    Ok(complete)
}

fn write_platform(
    root: &Path,
    directory: &Path,
    platform: &Platform,
    executable: &Path,
    repository: Option<&str>,
) -> Result<()> {
    let bin = directory.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("failed to create `{}`", bin.display()))?;
    let copy = bin.join(platform.executable());
    copy_file(executable, &copy)?;
    make_executable(&copy)?;
    let mut manifest = json!({
        "name": platform.package,
        "version": VERSION,
        "description": format!("The executable of presentry for {}", platform.target),
        "license": "MIT OR Apache-2.0",
        "os": [platform.os],
        "cpu": [platform.cpu],
        "type": "commonjs",
        "files": ["bin", "LICENSE-*"],
        // Yarn would leave the executable in a zip file.
        "preferUnplugged": true,
    });
    if let Some(libc) = &platform.libc {
        manifest["libc"] = json!([libc]);
    }
    if let Some(repository) = repository {
        manifest["repository"] = repository_member(repository);
    }
    write(&directory.join("package.json"), &format!("{manifest:#}\n"))?;
    let readme =
        format!("The executable of [presentry](https://www.npmjs.com/package/presentry) for `{}`.\n", platform.target);
    write(&directory.join("README.md"), &readme)?;
    licences(root, directory)
}

/// Writes the package `presentry`. Without all platforms it names none, as their packages may be on no registry, and it
/// is private: npm does not publish it.
fn write_main(root: &Path, directory: &Path, platforms: Option<&[Platform]>, repository: Option<&str>) -> Result<()> {
    let source = root.join("npm").join("presentry");
    tree::copy(&source, directory, |path| !path.starts_with("test"))?;
    let mut members = vec![format!("\"version\": {}", json!(VERSION))];
    if let Some(repository) = repository {
        members.push(format!("\"repository\": {}", repository_member(repository)));
    }
    members.push(match platforms {
        Some(platforms) => {
            let rows = platforms.iter().map(|platform| format!("    {}: {}", json!(platform.package), json!(VERSION)));
            format!("\"optionalDependencies\": {{\n{}\n  }}", rows.collect::<Vec<_>>().join(",\n"))
        }
        None => "\"private\": true".to_owned(),
    });
    let file = directory.join("package.json");
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
    // Added as text: the order of the conditions in `exports` has a meaning, and a map of serde_json keeps none.
    let open = text.trim_end().strip_suffix('}').context("`package.json` is not an object")?.trim_end();
    write(&file, &format!("{open},\n  {}\n}}\n", members.join(",\n  ")))?;
    licences(root, directory)
}

/// A line for each file in `out`: its digest and its name, in the order of the names.
fn checksums(out: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(out).with_context(|| format!("failed to read `{}`", out.display()))? {
        let entry = entry.with_context(|| format!("failed to read `{}`", out.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && name != CHECKSUMS {
            let bytes = fs::read(entry.path()).with_context(|| format!("failed to read `{name}`"))?;
            lines.push((name, tree::digest(&bytes)));
        }
    }
    lines.sort();
    Ok(lines.into_iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect())
}

fn repository_member(url: &str) -> Value {
    json!({ "type": "git", "url": format!("git+{url}.git") })
}

fn licences(root: &Path, directory: &Path) -> Result<()> {
    LICENCES.iter().try_for_each(|name| copy_file(&root.join(name), &directory.join(name)))
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("failed to copy `{}` to `{}`", from.display(), to.display()))?;
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}

/// Artefacts of CI lose their modes on the way.
#[cfg(unix)]
fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make `{}` executable", file.display()))
}

/// The system has no such mode; packages for other systems are packed elsewhere.
#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// What `npm pack` made.
#[derive(Debug)]
struct Packed {
    tarball: PathBuf,
    size: u64,
    unpacked: u64,
    /// The files in it, sorted.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests review them"))]
    files: Vec<String>,
}

/// Packs a package into `out`.
fn pack(toolchain: &Toolchain, package: &Path, out: &Path, logs: &Path) -> Result<Packed> {
    let out = fs::canonicalize(out).with_context(|| format!("failed to resolve `{}`", out.display()))?;
    let name = package.file_name().context("a package has a name")?.to_string_lossy().into_owned();
    let finished = Invocation::new(&toolchain.npm, package)
        .args(["pack", "--json", "--ignore-scripts", "--pack-destination"])
        .arg(&out)
        .run_ok(&logs.join(format!("npm-pack-{name}.log")), LIMIT)?;
    let reports: Value = serde_json::from_str(&finished.stdout).context("`npm pack` printed no JSON")?;
    // A list, and since npm 11.6 an object by the name of the package.
    let report = reports.get(0).or_else(|| reports.as_object().and_then(|reports| reports.values().next()));
    let report = report.context("`npm pack` packed nothing")?;
    let tarball = report["filename"].as_str().context("`npm pack` names no file")?;
    // npm 8 writes the scope with a slash there, and the file without.
    let tarball = out.join(tarball.trim_start_matches('@').replace('/', "-"));
    let files = report["files"].as_array().into_iter().flatten();
    let mut files: Vec<String> = files.filter_map(|file| file["path"].as_str().map(str::to_owned)).collect();
    files.sort_unstable();
    let bytes = |name: &str| report[name].as_u64().with_context(|| format!("`npm pack` gives no `{name}`"));
    Ok(Packed { size: bytes("size")?, unpacked: bytes("unpackedSize")?, tarball, files })
}

#[cfg(test)]
mod tests;
