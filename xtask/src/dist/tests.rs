//! Tests of the packages: what they hold, and that they install and start. A script stands in for the executable.

use std::process::Command;

use super::*;

/// The packages of `platforms`, laid out and packed in a directory of their own.
fn packed(take: impl Fn(&Platform) -> bool) -> (tempfile::TempDir, Vec<Packed>) {
    let root = crate::root();
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let script = directory.path().join("stand-in");
    fs::write(&script, format!("#!/bin/sh\necho \"presentry {VERSION} $*\"\nexit 3\n")).unwrap();
    let platforms = platforms(&root).unwrap();
    let executables: Vec<(&Platform, PathBuf)> =
        platforms.iter().filter(|platform| take(platform)).map(|platform| (platform, script.clone())).collect();
    let out = directory.path().join("out");
    let url = Some("https://example.com/owner/presentry");
    let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs).unwrap();
    let packages = lay_out(&root, &out, &platforms, &executables, url).unwrap();
    let packed = packages.iter().map(|package| pack(&toolchain, package, &out, &logs).unwrap()).collect();
    (directory, packed)
}

fn manifest(directory: &Path, package: &str) -> Value {
    let text = fs::read_to_string(directory.join("out/packages").join(package).join("package.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_packages_hold_these_files_and_no_others() {
    let (_directory, packed) = packed(|platform| platform.target == "x86_64-unknown-linux-gnu");
    let [platform, main] = packed.as_slice() else { panic!("{packed:?}") };
    assert_eq!(platform.files, ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "bin/presentry", "package.json"]);
    assert_eq!(
        main.files,
        [
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "bin/presentry.js",
            "index.cjs",
            "index.d.cts",
            "index.d.mts",
            "index.mjs",
            "lib/command.cjs",
            "lib/errors.cjs",
            "lib/executable.cjs",
            "lib/options.cjs",
            "lib/render.cjs",
            "lib/trace-include.cjs",
            "nitro.cjs",
            "nitro.d.cts",
            "nitro.d.mts",
            "nitro.mjs",
            "package.json",
            "platforms.json",
        ]
    );
    assert!(main.unpacked < 100_000, "the package `presentry` has {} bytes", main.unpacked);
}

#[test]
fn the_complete_package_names_every_platform_exactly() {
    let (directory, packed) = packed(|_| true);
    let platforms = platforms(&crate::root()).unwrap();
    assert_eq!(packed.len(), platforms.len() + 1);
    let main = manifest(directory.path(), "presentry");
    let mut named: Vec<(&str, &str)> = main["optionalDependencies"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, version)| (name.as_str(), version.as_str().unwrap()))
        .collect();
    let mut expected: Vec<(&str, &str)> = platforms.iter().map(|row| (row.package.as_str(), VERSION)).collect();
    // Whether a map of serde_json is sorted depends on what else is built with it.
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(main["private"], Value::Null);
    for row in &platforms {
        let manifest = manifest(directory.path(), &row.package);
        assert_eq!(manifest["version"], VERSION);
        assert_eq!(manifest["os"], json!([row.os]));
        assert_eq!(manifest["cpu"], json!([row.cpu]));
        assert_eq!(manifest["libc"], row.libc.as_ref().map_or(Value::Null, |libc| json!([libc])));
        assert_eq!(manifest["repository"]["url"], "git+https://example.com/owner/presentry.git");
    }
    for name in ["scripts", "dependencies", "devDependencies"] {
        assert_eq!(main[name], Value::Null, "the package has `{name}`, and nothing may run or be fetched at install");
    }
}

#[test]
fn an_incomplete_package_cannot_be_published() {
    let (directory, _) = packed(|platform| platform.os == "darwin");
    let main = manifest(directory.path(), "presentry");
    assert_eq!(main["private"], true);
    assert_eq!(main["optionalDependencies"], Value::Null);
}

/// As far as npm does that without a registry and an account: it reads, corrects and packs.
#[test]
fn npm_publishes_the_packages_as_they_are() {
    let (directory, packed) = packed(|platform| platform.os == "linux");
    let publish = |package: &str| {
        let mut npm = Command::new("npm");
        npm.args(["publish", "--dry-run", "--access", "public", "--fetch-retries", "0"]);
        // Nobody listens there.
        npm.args(["--registry", "http://127.0.0.1:9/"]);
        let output = npm.arg(directory.path().join("out/packages").join(package)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(packed.len() > 2, "{packed:?}");
    for package in ["@presentry/linux-x64-gnu", "presentry"] {
        let said = publish(package);
        assert!(said.contains("with tag latest and public access") && !said.contains("corrected"), "{said}");
    }

    // The control: npm says what it had to correct.
    let file = directory.path().join("out/packages/presentry/package.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("bin/presentry.js\"", "/bin/presentry.js\"")).unwrap();
    let said = publish("presentry");
    assert!(said.contains("corrected"), "{said}");
}

#[test]
fn a_platform_without_an_executable_stops_a_release() {
    let directory = tempfile::tempdir().unwrap();
    let platforms = platforms(&crate::root()).unwrap();
    for platform in &platforms[1..] {
        let target = directory.path().join(&platform.target);
        fs::create_dir(&target).unwrap();
        fs::write(target.join(platform.executable()), "").unwrap();
    }
    let error = given(&platforms, directory.path()).unwrap_err().to_string();
    assert!(error.contains(&platforms[0].target) && !error.contains(&platforms[1].target), "{error}");
}

#[test]
fn a_heavy_executable_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let heavy = directory.path().join("heavy");
    fs::File::create(&heavy).unwrap().set_len(MOST_BYTES + 1).unwrap();
    let error = is_small(&heavy).unwrap_err().to_string();
    assert!(error.contains("are the most"), "{error}");
    fs::File::create(&heavy).unwrap().set_len(MOST_BYTES).unwrap();
    is_small(&heavy).unwrap();
}

/// The tarballs of one machine, installed without a registry.
#[cfg(unix)]
#[test]
fn the_tarballs_install_offline_and_start() {
    let sh = Shell::new().unwrap();
    let table = platforms(&crate::root()).unwrap();
    let host = host(&sh, &table).unwrap().clone();
    let (directory, packed) = packed(|platform| *platform == host);
    let app = directory.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("package.json"), r#"{ "name": "app", "private": true }"#).unwrap();
    let npm = |words: &[&str]| {
        let tarballs = packed.iter().map(|packed| packed.tarball.clone().into_os_string());
        let mut npm = Command::new("npm");
        npm.args(words).current_dir(&app);
        if words[0] == "install" {
            npm.args(tarballs);
        }
        npm.output().unwrap()
    };
    let installed = npm(&["install", "--offline", "--no-audit", "--no-fund"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let started = npm(&["exec", "--offline", "--", "presentry", "check", "."]);
    assert_eq!(String::from_utf8_lossy(&started.stdout).trim(), format!("presentry {VERSION} check ."));
    assert_eq!(started.status.code(), Some(3));

    // The control: without the package of the platform it says what is missing.
    cache::remove(&app.join("node_modules").join(&host.package)).unwrap();
    let started = npm(&["exec", "--offline", "--", "presentry", "--version"]);
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(said.contains("error[platform-package-missing]") && said.contains(&host.package), "{said}");
    assert_eq!(started.status.code(), Some(1));
}

#[test]
fn the_release_builds_every_platform() {
    let workflow = fs::read_to_string(crate::root().join(".github/workflows/release.yml")).unwrap();
    let mut built: Vec<&str> = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- { target: "))
        .filter_map(|row| row.split(',').next())
        .collect();
    built.sort_unstable();
    let platforms = platforms(&crate::root()).unwrap();
    let mut expected: Vec<&str> = platforms.iter().map(|platform| platform.target.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(built, expected);
}

#[test]
fn the_same_sources_make_the_same_tarballs() {
    let [(first, _), (second, _)] = [(); 2].map(|()| packed(|platform| platform.target == "x86_64-unknown-linux-gnu"));
    let sums = |directory: &tempfile::TempDir| checksums(&directory.path().join("out")).unwrap();
    assert_eq!(sums(&first).lines().count(), 2);
    assert_eq!(sums(&first), sums(&second));
    // The control: one byte more in one of them.
    fs::write(second.path().join("out/packages/presentry/README.md"), "x").unwrap();
    let logs = second.path().join("logs");
    let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs).unwrap();
    pack(&toolchain, &second.path().join("out/packages/presentry"), &second.path().join("out"), &logs).unwrap();
    assert_ne!(sums(&first), sums(&second));
}
