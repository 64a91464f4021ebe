//! Somebody's app: where it begins, what of it is copied to be built, and what of it is given out. Reads it, and never
//! writes to it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use serde_json::Value;
use walkdir::WalkDir;

use super::manager::{Chosen, PackageManager, is_lockfile};
use crate::app;

/// What installs, builds and version control leave. None of it is a source, wherever it lies.
const MADE: [&str; 17] = [
    "node_modules",
    ".git",
    ".hg",
    ".svn",
    ".output",
    ".vinxi",
    ".nitro",
    ".nuxt",
    ".tanstack",
    ".vercel",
    ".netlify",
    ".amplify-hosting",
    ".zeabur",
    ".stormkit",
    ".turbo",
    ".wrangler",
    ".presentry",
];

/// What would have a build upload to Sentry. It is not there when the app is built.
const UPLOADS: [&str; 2] = [".sentryclirc", ".env.sentry-build-plugin"];

/// Larger files are not given out. Sources of this size are data.
const LARGEST: u64 = 1024 * 1024;

/// Files by name that a build or an install reads. `package.json`, lockfiles and `.env` files are taken besides.
const NEEDED_NAMES: [&str; 16] = [
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "bunfig.toml",
    "pnpm-workspace.yaml",
    ".pnpmfile.cjs",
    ".node-version",
    ".nvmrc",
    ".tool-versions",
    ".gitignore",
    ".browserslistrc",
    "turbo.json",
    "nx.json",
    "deno.json",
    "deno.jsonc",
    "robots.txt",
];

/// Kinds of files that a build reads: modules, styles, what they import, and what is served.
const NEEDED_KINDS: [&str; 39] = [
    "ts",
    "mts",
    "cts",
    "tsx",
    "js",
    "mjs",
    "cjs",
    "jsx",
    "css",
    "scss",
    "sass",
    "less",
    "styl",
    "html",
    "vue",
    "svelte",
    "astro",
    "md",
    "mdx",
    "graphql",
    "gql",
    "prisma",
    "patch",
    "diff",
    "wasm",
    "svg",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "avif",
    "ico",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "webmanifest",
    "bin",
];

/// JSON holds keys as often as data, so it is taken where it configures the build, or lies beside the modules that import it.
fn is_needed(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let is_json = extension == "json" || extension == "jsonc";
    let configures = ["package.", "tsconfig", "jsconfig", "components."].iter().any(|start| name.starts_with(start));
    let is_source = path
        .components()
        .any(|part| ["src", "app", "server", "i18n", "locales"].iter().any(|it| part.as_os_str() == *it));
    let tells_keys = ["credential", "secret", "service-account", "serviceaccount", "private", "token", ".key"];
    NEEDED_NAMES.contains(&name.as_str())
        || is_lockfile(OsStr::new(&name))
        || NEEDED_KINDS.contains(&extension.as_str())
        || is_json && (configures || is_source && !tells_keys.iter().any(|part| name.contains(part)))
}

/// An app, and the directory that is installed: the same one, or the root of the workspace that it is a member of.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The directory that is installed, as the system names it.
    pub root: PathBuf,
    /// The directory of the app, relative to it; empty where it is the same.
    pub app: PathBuf,
    /// What installs it.
    pub chosen: Chosen,
}

/// Something of the app that is not given out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeftOut {
    /// Relative to the root.
    pub path: PathBuf,
    /// Why.
    pub because: &'static str,
}

impl Source {
    /// The app in `directory`.
    ///
    /// # Errors
    /// When there is no app with a script `build`, or one that leans on files outside of what is copied.
    pub(crate) fn find(directory: &Path) -> Result<Source> {
        let app = directory.canonicalize().with_context(|| format!("failed to find `{}`", directory.display()))?;
        if !app.join("package.json").is_file() {
            bail!(
                "`{}` has no `package.json`\nhint: name the directory in which the app is built",
                directory.display()
            );
        }
        let manifest = app::manifest(&app)?;
        if manifest["scripts"]["build"].as_str().is_none() {
            bail!(
                "`{}` has no script `build`\nhint: name the directory of the app, not of its workspace",
                directory.join("package.json").display()
            );
        }
        let mut root = app.clone();
        for above in app.ancestors().skip(1) {
            if is_workspace_of(above, &app)? {
                root = above.to_owned();
            }
        }
        let chosen = PackageManager::of(&root, &app::manifest(&root)?)?;
        let within = app.strip_prefix(&root).map(Path::to_owned).unwrap_or_default();
        let source = Source { root, app: within, chosen };
        source.demand_own_files()?;
        Ok(source)
    }

    /// The directory of the app in a copy of the root.
    pub(crate) fn app_in(&self, root: &Path) -> PathBuf {
        root.components().chain(self.app.components()).collect()
    }

    /// The directories with the manifests that versions are asked for in: the root's first.
    pub(crate) fn manifests(&self) -> Vec<PathBuf> {
        let mut manifests = vec![PathBuf::new()];
        if !self.app.as_os_str().is_empty() {
            manifests.push(self.app.clone());
        }
        manifests
    }

    /// Copies everything that is no product to `to`. What a link leads to outside of the root becomes a copy.
    ///
    /// # Errors
    /// When something cannot be read or written.
    pub(crate) fn copy(&self, to: &Path) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        self.copy_tree(&self.root, to, 0, &mut notes)?;
        Ok(notes)
    }

    fn copy_tree(&self, from: &Path, to: &Path, depth: usize, notes: &mut Vec<String>) -> Result<()> {
        for entry in
            WalkDir::new(from).into_iter().filter_entry(|entry| entry.depth() == 0 || !is_made(entry.file_name()))
        {
            let entry = entry.with_context(|| format!("failed to walk `{}`", from.display()))?;
            let path = entry.path();
            let target = to.join(path.strip_prefix(from).unwrap_or(path));
            let kind = entry.file_type();
            let copied = if kind.is_dir() {
                fs::create_dir_all(&target)
            } else if kind.is_symlink() {
                self.copy_link(path, &target, depth, notes)?;
                Ok(())
            } else if kind.is_file() && !UPLOADS.iter().any(|name| entry.file_name() == *name) {
                fs::copy(path, &target).map(drop)
            } else {
                Ok(())
            };
            copied.with_context(|| format!("failed to copy `{}`", path.display()))?;
        }
        Ok(())
    }

    fn copy_link(&self, link: &Path, target: &Path, depth: usize, notes: &mut Vec<String>) -> Result<()> {
        let context = || format!("failed to copy the link `{}`", link.display());
        let shown = link.strip_prefix(&self.root).unwrap_or(link).display();
        let to = fs::read_link(link).with_context(context)?;
        let Ok(real) = link.canonicalize() else {
            notes.push(format!("`{shown}` is a link to nothing, and was left out"));
            return Ok(());
        };
        if real.starts_with(&self.root) && to.is_relative() && depth == 0 {
            #[cfg(unix)]
            return std::os::unix::fs::symlink(&to, target).with_context(context);
        }
        notes.push(format!("`{shown}` is a link, and was copied as what it leads to"));
        if real.is_file() {
            return fs::copy(&real, target).map(drop).with_context(context);
        }
        // A link may lead to where it lies.
        if link.starts_with(&real) || depth > 4 {
            notes.push(format!("`{shown}` leads around in a circle, and was left out"));
            return Ok(());
        }
        self.copy_tree(&real, target, depth + 1, notes)
    }

    /// The files that are given out, relative to the root, and what is not. `.env` files are given out as well, without
    /// their values.
    ///
    /// # Errors
    /// When the app cannot be read.
    pub(crate) fn shared(&self) -> Result<(BTreeSet<PathBuf>, BTreeSet<LeftOut>)> {
        let (mut shared, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        let mut builder = WalkBuilder::new(&self.root);
        // What is above the root is no part of the app, and whether git runs there does not matter.
        builder.hidden(false).ignore(false).git_global(false).git_exclude(false).parents(false).require_git(false);
        builder.filter_entry(|entry| entry.depth() == 0 || !is_made(entry.file_name()));
        let mut not_ignored = BTreeSet::new();
        for entry in builder.build() {
            let entry = entry.with_context(|| format!("failed to walk `{}`", self.root.display()))?;
            not_ignored.insert(self.relative(entry.path()));
        }
        let mut walk = WalkDir::new(&self.root).min_depth(1).into_iter();
        while let Some(entry) = walk.next() {
            let entry = entry.with_context(|| format!("failed to walk `{}`", self.root.display()))?;
            let path = self.relative(entry.path());
            let is_directory = entry.file_type().is_dir();
            if is_made(entry.file_name()) {
                if is_directory {
                    walk.skip_current_dir();
                }
            } else if is_env(entry.file_name()) && !is_directory {
                shared.insert(path);
            } else if !not_ignored.contains(&path) {
                if is_directory {
                    // Its `.env` files are given out all the same, so it is walked; it is named once.
                    let holds_env = WalkDir::new(entry.path()).into_iter().flatten().any(|it| is_env(it.file_name()));
                    if !holds_env {
                        walk.skip_current_dir();
                    }
                }
                if !left_out.iter().any(|out: &LeftOut| path.starts_with(&out.path)) {
                    left_out.insert(LeftOut { path, because: "`.gitignore` names it" });
                }
            } else if !is_directory {
                let reason = match is_needed(&path) {
                    true => reason_to_keep_back(entry.path(), entry.file_type().is_symlink())?,
                    false => Some("no build reads a file of this name or kind"),
                };
                match reason {
                    Some(because) => drop(left_out.insert(LeftOut { path, because })),
                    None => drop(shared.insert(path)),
                }
            }
        }
        Ok((shared, left_out))
    }

    /// Every file with a name that `is_wanted`, among the sources.
    ///
    /// # Errors
    /// When the app cannot be read.
    pub(crate) fn named(&self, is_wanted: impl Fn(&OsStr) -> bool) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let walk = WalkDir::new(&self.root).into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_made(entry.file_name())) {
            let entry = entry.with_context(|| format!("failed to walk `{}`", self.root.display()))?;
            if !entry.file_type().is_dir() && is_wanted(entry.file_name()) {
                found.push(entry.into_path());
            }
        }
        Ok(found)
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).map(Path::to_owned).unwrap_or_default()
    }

    /// A dependency on a path outside of the root would not be in the copy.
    fn demand_own_files(&self) -> Result<()> {
        for file in self.named(|name| name == "package.json")? {
            let directory = file.parent().unwrap_or(&self.root);
            // A fixture of a test may be anything.
            let Ok(manifest) = app::manifest(directory) else { continue };
            for group in ["dependencies", "devDependencies", "optionalDependencies"] {
                for (package, spec) in manifest[group].as_object().into_iter().flatten() {
                    let spec = spec.as_str().unwrap_or_default();
                    let path = ["file:", "link:", "portal:"].iter().find_map(|kind| spec.strip_prefix(kind));
                    let Some(path) = path else { continue };
                    if !normal(&directory.join(path)).starts_with(&self.root) {
                        bail!(
                            "`{}` depends on `{package}` at `{spec}`, outside of `{}`, which is what is copied\nhint: copy it into the app and depend on the copy",
                            self.relative(&file).display(),
                            self.root.display()
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_made(name: &OsStr) -> bool {
    MADE.iter().any(|made| name == *made)
}

/// Whether a file holds variables: `.env`, `.env.production`, `.env.local`, …
pub(crate) fn is_env(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name == ".env" || name.starts_with(".env."))
}

/// Whether a file holds variables for another program: direnv, Wrangler, Compose. It is not given out; its values are known.
pub(crate) fn holds_variables(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let is_compose = (name.starts_with("docker-compose") || name.starts_with("compose"))
        && (name.ends_with(".yml") || name.ends_with(".yaml"));
    is_compose || name == ".envrc" || name.starts_with(".dev.vars") || name.ends_with(".env")
}

/// Whether a file may hold a token as a matter of course.
pub(crate) fn is_configuration(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let stem = name.split('.').next().unwrap_or_default();
    [".npmrc", ".yarnrc", ".yarnrc.yml", ".sentryclirc", "bunfig.toml", "sentry.properties", "package.json"]
        .contains(&name)
        || ["app", "vite", "nuxt", "nitro", "sentry"].contains(&stem) && name.contains(".config.")
}

fn reason_to_keep_back(file: &Path, is_link: bool) -> Result<Option<&'static str>> {
    let name = file.file_name().unwrap_or_default();
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(_) if is_link => return Ok(Some("it is a link to nothing")),
        Err(error) => return Err(error).with_context(|| format!("failed to read `{}`", file.display())),
    };
    if !metadata.is_file() {
        return Ok(Some(if is_link { "it is a link to a directory" } else { "it is no file" }));
    }
    let is_yarn = file.parent().is_some_and(|parent| parent.ends_with(".yarn/releases"));
    if metadata.len() > LARGEST && !is_lockfile(name) && !is_yarn {
        return Ok(Some("it is larger than 1 MiB"));
    }
    Ok(None)
}

/// Whether `root` is a workspace with the member `app`.
fn is_workspace_of(root: &Path, app: &Path) -> Result<bool> {
    let mut patterns: Vec<String> = Vec::new();
    let yaml = root.join("pnpm-workspace.yaml");
    if yaml.is_file() {
        let text = fs::read_to_string(&yaml).with_context(|| format!("failed to read `{}`", yaml.display()))?;
        patterns.extend(pnpm_members(&text));
    }
    if root.join("package.json").is_file() {
        // What lies above an app is not its business where it cannot be read.
        let manifest = app::manifest(root).unwrap_or_default();
        let listed = manifest["workspaces"].as_array().or(manifest["workspaces"]["packages"].as_array());
        patterns.extend(listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    if patterns.is_empty() {
        return Ok(false);
    }
    let mut globs = OverrideBuilder::new(root);
    for pattern in &patterns {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        // With a slash in front it is matched from the root, as workspaces are.
        let anchored = match pattern.strip_prefix('!') {
            Some(not) => format!("!/{not}"),
            None => format!("/{pattern}"),
        };
        globs
            .add(&anchored)
            .with_context(|| format!("`{pattern}` of the workspace `{}` is no pattern", root.display()))?;
    }
    let globs = globs.build().with_context(|| format!("the workspace `{}` cannot be read", root.display()))?;
    Ok(globs.matched(app, true).is_whitelist())
}

/// The list `packages` of a `pnpm-workspace.yaml`, as people and pnpm write it.
fn pnpm_members(text: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        match line.trim_start().strip_prefix("- ") {
            Some(item) if inside => members.push(item.trim().trim_matches(['"', '\'']).to_owned()),
            _ if !line.starts_with([' ', '-', '#']) && !line.is_empty() => {
                inside = line.starts_with("packages:");
                if let Some(list) = line.strip_prefix("packages:").map(str::trim).filter(|list| list.starts_with('[')) {
                    let items = list.trim_matches(['[', ']']).split(',');
                    members.extend(items.map(|item| item.trim().trim_matches(['"', '\'']).to_owned()));
                }
            }
            _ => {}
        }
    }
    members
}

/// The path without `.` and `..`, asked of nobody.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn app(root: &Path, at: &str) {
        write(root, &format!("./{at}/package.json"), r#"{ "scripts": { "build": "vinxi build" } }"#);
    }

    #[test]
    fn a_member_is_installed_from_the_root_of_its_workspace() {
        for (file, text) in [
            ("package.json", r#"{ "workspaces": ["apps/*", "!apps/other"] }"#),
            ("package.json", r#"{ "workspaces": { "packages": ["./apps/web/"] } }"#),
            (
                "pnpm-workspace.yaml",
                "onlyBuiltDependencies:\n  - esbuild\npackages:\n  - 'apps/*' # all\n  - \"tools\"\n",
            ),
            ("pnpm-workspace.yaml", "packages: ['tools', \"apps/**\"]\n"),
        ] {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), "package.json", "{}");
            write(root.path(), file, text);
            app(root.path(), "apps/web");
            app(root.path(), "alone");
            let found = Source::find(&root.path().join("apps/web")).unwrap();
            assert_eq!(found.app, Path::new("apps/web"), "{text}");
            assert_eq!(found.manifests(), [PathBuf::new(), PathBuf::from("apps/web")]);
            let alone = Source::find(&root.path().join("alone")).unwrap();
            assert_eq!((alone.app.as_path(), alone.manifests().len()), (Path::new(""), 1));
        }
    }

    #[test]
    fn what_is_no_app_or_leans_on_others_is_refused_with_a_way_out() {
        let root = tempfile::tempdir().unwrap();
        let error = |at: &str| Source::find(&root.path().join(at)).unwrap_err().to_string();
        write(root.path(), "empty/x", "");
        assert!(error("empty").contains("has no `package.json`"));
        write(root.path(), "lib/package.json", "{}");
        assert!(error("lib").contains("has no script `build`"));
        write(
            root.path(),
            "web/package.json",
            r#"{ "scripts": { "build": "b" }, "dependencies": { "in": "file:./vendor/x.tgz", "out": "file:../lib" } }"#,
        );
        assert!(error("web").contains("depends on `out` at `file:../lib`, outside of"));
    }

    #[test]
    fn products_and_what_git_ignores_are_not_given_out_and_variables_are() {
        let root = tempfile::tempdir().unwrap();
        app(root.path(), "");
        write(root.path(), ".gitignore", "*.log\n/private/\n.env\n");
        for path in [
            "src/app.tsx",
            "src/.gitignore",
            "private/notes.txt",
            "src/private/kept.ts",
            "a.log",
            ".env",
            "src/.env.local",
            "node_modules/x/index.js",
            ".output/server/index.mjs",
            "data.sqlite",
            "certs/server.pem",
            ".sentryclirc",
        ] {
            write(root.path(), path, "x");
        }
        write(root.path(), "large.json", &"x".repeat(1024 * 1024 + 1));
        write(root.path(), "package-lock.json", &"x".repeat(1024 * 1024 + 1));
        let source = Source::find(root.path()).unwrap();
        let (shared, left_out) = source.shared().unwrap();
        let shared: Vec<&str> = shared.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            shared,
            [
                ".env",
                ".gitignore",
                "package-lock.json",
                "package.json",
                "src/.env.local",
                "src/.gitignore",
                "src/app.tsx",
                "src/private/kept.ts"
            ]
        );
        let left_out: Vec<&str> = left_out.iter().map(|out| out.path.to_str().unwrap()).collect();
        assert_eq!(left_out, [".sentryclirc", "a.log", "certs/server.pem", "data.sqlite", "large.json", "private"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_unless_they_lead_outside() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        app(root.path(), "web");
        write(root.path(), "web/src/a.ts", "a");
        write(root.path(), "shared/b.ts", "b");
        write(root.path(), "shared/node_modules/c.js", "c");
        symlink("src/a.ts", root.path().join("web/inside.ts")).unwrap();
        symlink("../shared", root.path().join("web/outside")).unwrap();
        symlink(root.path().join("web/src/a.ts"), root.path().join("web/absolute.ts")).unwrap();
        symlink("nowhere", root.path().join("web/dangling")).unwrap();
        symlink("..", root.path().join("web/circle")).unwrap();
        let copy = tempfile::tempdir().unwrap();
        let to = copy.path().join("tree");
        let notes = Source::find(&root.path().join("web")).unwrap().copy(&to).unwrap();
        assert_eq!(fs::read_link(to.join("inside.ts")).unwrap(), Path::new("src/a.ts"));
        assert_eq!(fs::read_to_string(to.join("outside/b.ts")).unwrap(), "b");
        assert!(!to.join("outside").is_symlink() && !to.join("outside/node_modules").exists());
        assert!(!to.join("absolute.ts").is_symlink());
        assert!(!to.join("dangling").is_symlink() && !to.join("circle").exists());
        assert_eq!(notes.len(), 5, "{notes:?}");
    }

    #[test]
    fn what_would_upload_is_not_built_with() {
        let root = tempfile::tempdir().unwrap();
        app(root.path(), "");
        for path in [".sentryclirc", ".env.sentry-build-plugin", ".env", ".git/config", "dist/kept.js"] {
            write(root.path(), path, "x");
        }
        let copy = tempfile::tempdir().unwrap();
        Source::find(root.path()).unwrap().copy(&copy.path().join("tree")).unwrap();
        let there = |path: &str| copy.path().join("tree").join(path).exists();
        assert!(!there(".sentryclirc") && !there(".env.sentry-build-plugin") && !there(".git"));
        assert!(there(".env") && there("dist/kept.js"));
    }
}
