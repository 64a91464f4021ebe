//! Node's resolution of packages over the files of a build: the `node_modules` above an importer, `exports`, `imports`,
//! self-references, `main`. No file system here, and no URLs.
//!
//! The resolver of the command, `oxc_resolver`, owns its file system, and `Sources` are borrowed. `tests/it/resolution.rs`
//! holds this one against a real Node.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    sources::{ModulePath, Sources},
    specifier::package_name,
};

/// How a file is asked for: it decides about conditions, and about names without an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Means {
    /// By `import`, in any form.
    Import,
    /// By `require()`.
    Require,
}

/// What the `type` of a `package.json` says of its `.js` files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PackageType {
    Module,
    CommonJs,
}

/// What a bare specifier, or one that begins with `#`, stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// A file of the build.
    File(ModulePath),
    /// A bare specifier that an `imports` map gives: a module of Node, or a package that the build lacks.
    Bare(String),
    /// Nothing of the build.
    Nothing,
}

/// Reads each `package.json` once.
pub(crate) struct Packages<'a> {
    sources: &'a dyn Sources,
    manifests: RefCell<BTreeMap<String, Option<Rc<Manifest>>>>,
}

#[derive(Debug, Default)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    main: Option<String>,
    exports: Option<Value>,
    imports: Option<Value>,
    kind: Option<PackageType>,
}

impl Manifest {
    fn read(bytes: &[u8]) -> Self {
        // Node ends with an error where it is not JSON; there is nothing to be found then.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).unwrap_or_default();
        // The others, such as the dependencies, are not read.
        let member = |name: &str| serde_json::from_str::<Value>(members.get(name)?.get()).ok();
        let text = |name: &str| member(name)?.as_str().map(str::to_owned);
        let kind = match text("type").as_deref() {
            Some("module") => Some(PackageType::Module),
            Some("commonjs") => Some(PackageType::CommonJs),
            _ => None,
        };
        Self {
            name: text("name"),
            version: text("version"),
            main: text("main"),
            kind,
            exports: member("exports").filter(|exports| !exports.is_null()),
            imports: member("imports"),
        }
    }
}

/// The conditions of Node 20, and of Node 22.10 and later. `node-addons` is one unless `--no-addons` is given.
const CONDITIONS: [&[&str]; 2] = [&["node", "node-addons"], &["node", "node-addons", "module-sync"]];

#[derive(Clone, Copy)]
struct Conditions {
    means: Means,
    names: &'static [&'static str],
}

impl Conditions {
    fn hold(self, name: &str) -> bool {
        let of_means = if self.means == Means::Import { "import" } else { "require" };
        name == "default" || name == of_means || self.names.contains(&name)
    }
}

/// What a target of `exports` or `imports` comes to.
enum Mapped {
    File(ModulePath),
    Bare(String),
    /// `null`, or a target that Node refuses: what stands beside it is not looked at.
    Refused,
    /// No condition holds.
    Nothing,
}

impl<'a> Packages<'a> {
    pub(crate) fn new(sources: &'a dyn Sources) -> Self {
        Self { sources, manifests: RefCell::default() }
    }

    /// What a specifier stands for that is neither a path nor a URL nor the name of a module of Node. There are two
    /// answers where newer versions of Node take another file, the one of older versions first.
    pub(crate) fn resolve(&self, importer: &ModulePath, specifier: &str, means: Means) -> Vec<Resolved> {
        let mut found = Vec::new();
        for names in CONDITIONS {
            let resolved = self.bare(importer.directory(), specifier, Conditions { means, names });
            if !found.contains(&resolved) {
                found.push(resolved);
            }
        }
        found
    }

    /// Whether a specifier is one that the importer's own package maps: `#internal`, or its own name.
    pub(crate) fn is_of_own_package(&self, importer: &ModulePath, specifier: &str) -> bool {
        if specifier.starts_with('#') {
            return true;
        }
        let scope = self.scope(importer.directory());
        scope.is_some_and(|(_, manifest)| {
            manifest.exports.is_some() && manifest.name.as_deref() == Some(package_name(specifier))
        })
    }

    /// The bare specifier that the importer's own package maps a `#name` to, where it does.
    pub(crate) fn mapped_to_package(&self, importer: &ModulePath, specifier: &str) -> Option<String> {
        let conditions = CONDITIONS.into_iter().next().map(|names| Conditions { means: Means::Import, names })?;
        let (scope, manifest) = self.scope(importer.directory()).filter(|_| specifier.starts_with('#'))?;
        let Some(Value::Object(imports)) = &manifest.imports else { return None };
        match self.matched(&scope, specifier, imports, true, conditions) {
            Mapped::Bare(bare) => Some(bare),
            _ => None,
        }
    }

    /// What the nearest `package.json` says of a `.js` file.
    pub(crate) fn kind(&self, file: &ModulePath) -> Option<PackageType> {
        self.scope(file.directory()).and_then(|(_, manifest)| manifest.kind)
    }

    /// Whether modules of the build itself can name each other through its `package.json`.
    pub(crate) fn map_own_modules(&self) -> bool {
        self.manifest("").is_some_and(|manifest| manifest.exports.is_some() || manifest.imports.is_some())
    }

    /// The name of the package that a file belongs to.
    pub(crate) fn name_of(&self, file: &ModulePath) -> Option<String> {
        self.package_of(file)?.name.clone()
    }

    /// The first number of the version of the package that a file belongs to.
    pub(crate) fn major_version(&self, file: &ModulePath) -> Option<u64> {
        self.package_of(file)?.version.as_ref()?.split('.').next()?.parse().ok()
    }

    /// The first number of the version of the package that an importer finds, if it exports the subpath. The file itself
    /// may be missing: it is added later.
    pub(crate) fn major_that_exports(&self, importer: &ModulePath, specifier: &str) -> Option<u64> {
        let name = package_name(specifier);
        let directory = importer.directory().trim_end_matches('/');
        let above = std::iter::successors(Some(directory), |directory| parent(directory));
        let found = |directory| self.manifest(join(directory, &format!("node_modules/{name}"))?.as_str());
        let manifest = above.filter(|directory| last_segment(directory) != "node_modules").find_map(found)?;
        let exports = manifest.exports.as_ref().and_then(Value::as_object);
        let subpath = &specifier[name.len()..];
        let has_it = subpath.is_empty() || exports.is_some_and(|map| map.contains_key(&format!(".{subpath}")));
        manifest.version.as_ref().filter(|_| has_it)?.split('.').next()?.parse().ok()
    }

    /// The nearest `package.json` with a name: others only say what kind of modules lie beside them.
    fn package_of(&self, file: &ModulePath) -> Option<Rc<Manifest>> {
        let mut from = file.directory().trim_end_matches('/').to_owned();
        loop {
            let (directory, manifest) = self.scope(&from)?;
            if manifest.name.is_some() {
                return Some(manifest);
            }
            from = parent(&directory)?.to_owned();
        }
    }

    /// The file that `require()` takes a path for; `root` is the absolute path of the server directory.
    pub(crate) fn required_path(
        &self,
        importer: &ModulePath,
        specifier: &str,
        root: Option<&str>,
    ) -> Option<ModulePath> {
        let path = match specifier.strip_prefix('/') {
            Some(_) => specifier.strip_prefix(root?)?.trim_start_matches('/').to_owned(),
            None => format!("{}{specifier}", importer.directory()),
        };
        // Where the path leaves the directory and comes back, the names of the directories above count.
        let below = normalized(&path).or_else(|| {
            let root = root?.trim_start_matches('/');
            let whole = normalized(&format!("{root}/{path}"))?;
            ModulePath::new(whole.as_str().strip_prefix(root)?.strip_prefix('/')?).ok()
        })?;
        let ends_in_directory = specifier.ends_with('/') || specifier.ends_with("/.") || specifier.ends_with("..");
        let file = if ends_in_directory { self.as_directory(below.as_str()) } else { self.as_path(below.as_str()) };
        file.map(|file| self.sources.canonical(&file))
    }

    /// `LOAD_AS_FILE`, then `LOAD_AS_DIRECTORY`.
    fn as_path(&self, path: &str) -> Option<ModulePath> {
        self.with_extension(path).or_else(|| self.as_directory(path))
    }

    fn as_directory(&self, path: &str) -> Option<ModulePath> {
        let main = self.manifest(path).and_then(|manifest| manifest.main.clone());
        main.and_then(|main| self.legacy_main(path, Some(&main))).or_else(|| self.legacy_main(path, None))
    }

    fn manifest(&self, directory: &str) -> Option<Rc<Manifest>> {
        if let Some(known) = self.manifests.borrow().get(directory) {
            return known.clone();
        }
        let read = || {
            let bytes = self.sources.read(&join(directory, "package.json")?).ok()??;
            Some(Rc::new(Manifest::read(&bytes)))
        };
        let manifest = read();
        self.manifests.borrow_mut().insert(directory.to_owned(), manifest.clone());
        manifest
    }

    /// `LOOKUP_PACKAGE_SCOPE`: the nearest `package.json`, with its directory.
    fn scope(&self, directory: &str) -> Option<(String, Rc<Manifest>)> {
        let mut at = directory.trim_end_matches('/');
        loop {
            if last_segment(at) == "node_modules" {
                return None;
            }
            if let Some(manifest) = self.manifest(at) {
                return Some((at.to_owned(), manifest));
            }
            at = parent(at)?;
        }
    }

    /// `PACKAGE_IMPORTS_RESOLVE` and `PACKAGE_RESOLVE`.
    fn bare(&self, directory: &str, specifier: &str, conditions: Conditions) -> Resolved {
        if specifier.starts_with('#') {
            return self.own_import(directory, specifier, conditions);
        }
        let name = package_name(specifier);
        if name.is_empty() || name.starts_with('.') || name.contains(['\\', '%']) {
            return Resolved::Nothing;
        }
        let subpath = &specifier[name.len()..];
        if let Some((scope, manifest)) = self.scope(directory)
            && let (Some(exports), true) = (&manifest.exports, manifest.name.as_deref() == Some(name))
        {
            return self.finished(self.exported(&scope, subpath, exports, conditions));
        }
        let mut at = Some(directory.trim_end_matches('/'));
        while let Some(directory) = at {
            if last_segment(directory) != "node_modules"
                && let Some(package) = join(directory, &format!("node_modules/{name}"))
                && self.sources.exists(&package)
            {
                let found = self.in_package(package.as_str(), subpath, conditions);
                // `require()` looks further up where a package has nothing of that name.
                if found != Resolved::Nothing || conditions.means == Means::Import {
                    return found;
                }
            }
            at = parent(directory);
        }
        Resolved::Nothing
    }

    fn own_import(&self, directory: &str, specifier: &str, conditions: Conditions) -> Resolved {
        let Some((scope, manifest)) = self.scope(directory) else { return Resolved::Nothing };
        let Some(Value::Object(imports)) = &manifest.imports else { return Resolved::Nothing };
        match self.matched(&scope, specifier, imports, true, conditions) {
            Mapped::Bare(bare) if crate::specifier::is_builtin(&bare) => Resolved::Bare(bare),
            Mapped::Bare(bare) => match self.bare(&scope, &bare, conditions) {
                Resolved::Nothing => Resolved::Bare(bare),
                found => found,
            },
            mapped => self.finished(mapped),
        }
    }

    fn in_package(&self, package: &str, subpath: &str, conditions: Conditions) -> Resolved {
        let manifest = self.manifest(package);
        if let Some(exports) = manifest.as_ref().and_then(|manifest| manifest.exports.as_ref()) {
            return self.finished(self.exported(package, subpath, exports, conditions));
        }
        let file = match (subpath, conditions.means) {
            ("", _) => {
                let main = manifest.as_ref().and_then(|manifest| manifest.main.as_deref());
                main.and_then(|main| self.legacy_main(package, Some(main))).or_else(|| self.legacy_main(package, None))
            }
            (subpath, Means::Require) => {
                self.as_path(normalized(&format!("{package}{subpath}")).as_ref().map_or("", ModulePath::as_str))
            }
            (subpath, Means::Import) => {
                let decoded = percent_decode_str(subpath).decode_utf8().ok();
                decoded.and_then(|subpath| join(package, subpath.trim_start_matches('/')))
            }
        };
        file.map_or(Resolved::Nothing, |file| self.file(file))
    }

    fn finished(&self, mapped: Mapped) -> Resolved {
        match mapped {
            Mapped::File(file) => self.file(file),
            Mapped::Bare(_) | Mapped::Refused | Mapped::Nothing => Resolved::Nothing,
        }
    }

    fn file(&self, file: ModulePath) -> Resolved {
        if self.sources.is_file(&file) { Resolved::File(self.sources.canonical(&file)) } else { Resolved::Nothing }
    }

    /// `PACKAGE_EXPORTS_RESOLVE`; `subpath` is empty, or begins with `/`.
    fn exported(&self, package: &str, subpath: &str, exports: &Value, conditions: Conditions) -> Mapped {
        let of_subpaths = exports.as_object().filter(|map| map.keys().any(|key| key.starts_with('.')));
        match (of_subpaths, subpath) {
            (None, "") => self.target(package, exports, None, false, conditions),
            (Some(map), "") => match map.get(".") {
                Some(target) => self.target(package, target, None, false, conditions),
                None => Mapped::Nothing,
            },
            (Some(map), subpath) => self.matched(package, &format!(".{subpath}"), map, false, conditions),
            (None, _) => Mapped::Nothing,
        }
    }

    /// `PACKAGE_IMPORTS_EXPORTS_RESOLVE`.
    fn matched(
        &self,
        package: &str,
        key: &str,
        map: &Map<String, Value>,
        imports: bool,
        conditions: Conditions,
    ) -> Mapped {
        if let Some(target) = map.get(key).filter(|_| !key.contains('*') && !key.ends_with('/')) {
            return self.target(package, target, None, imports, conditions);
        }
        let mut patterns: Vec<(&str, &str, &Value)> = map
            .iter()
            .filter_map(|(pattern, target)| {
                let (base, trailer) = pattern.split_once('*')?;
                (!trailer.contains('*')).then_some((base, trailer, target))
            })
            .collect();
        // `PATTERN_KEY_COMPARE`: the longest base, then the longest key.
        patterns.sort_by_key(|(base, trailer, _)| std::cmp::Reverse((base.len(), trailer.len())));
        for (base, trailer, target) in patterns {
            let rest = key.strip_prefix(base).filter(|rest| !rest.is_empty());
            let Some(rest) = rest.and_then(|rest| rest.strip_suffix(trailer)) else { continue };
            if key.len() > base.len() + trailer.len() {
                return self.target(package, target, Some(rest), imports, conditions);
            }
        }
        Mapped::Nothing
    }

    /// `PACKAGE_TARGET_RESOLVE`.
    fn target(
        &self,
        package: &str,
        target: &Value,
        matched: Option<&str>,
        imports: bool,
        conditions: Conditions,
    ) -> Mapped {
        match target {
            Value::String(target) => {
                let target = match matched {
                    Some(matched) => target.replace('*', matched),
                    None => target.clone(),
                };
                match target.strip_prefix("./") {
                    Some(below) => {
                        let decoded = percent_decode_str(below).decode_utf8().ok();
                        let below = decoded.filter(|below| !has_forbidden_segment(below));
                        let file = below.and_then(|below| join(package, &below.replace('\\', "/")));
                        file.map_or(Mapped::Refused, Mapped::File)
                    }
                    None if imports && !target.starts_with(['.', '/']) => Mapped::Bare(target),
                    None => Mapped::Refused,
                }
            }
            Value::Object(map) => {
                for (_, target) in map.iter().filter(|(name, _)| conditions.hold(name)) {
                    let mapped = self.target(package, target, matched, imports, conditions);
                    if !matches!(mapped, Mapped::Nothing) {
                        return mapped;
                    }
                }
                Mapped::Nothing
            }
            Value::Array(targets) => {
                let mut mapped = targets.iter().map(|one| self.target(package, one, matched, imports, conditions));
                let found = mapped.find(|mapped| matches!(mapped, Mapped::File(_) | Mapped::Bare(_)));
                found.unwrap_or(Mapped::Refused)
            }
            _ => Mapped::Refused,
        }
    }

    /// `LOAD_AS_FILE`.
    fn with_extension(&self, path: &str) -> Option<ModulePath> {
        let candidates = ["", ".js", ".json", ".node"].map(|extension| normalized(&format!("{path}{extension}")));
        candidates.into_iter().flatten().find(|file| self.sources.is_file(file))
    }

    /// The file that `main` names, or `index.js` and its like.
    fn legacy_main(&self, package: &str, main: Option<&str>) -> Option<ModulePath> {
        let Some(main) = main else { return self.with_index(package) };
        let path = normalized(&format!("{package}/{main}"))?;
        self.with_extension(path.as_str()).or_else(|| self.with_index(path.as_str()))
    }

    fn with_index(&self, directory: &str) -> Option<ModulePath> {
        let files = ["index.js", "index.json", "index.node"].map(|name| join(directory, name));
        files.into_iter().flatten().find(|file| self.sources.is_file(file))
    }
}

/// A target must not leave its package, nor go into the packages below it.
fn has_forbidden_segment(below: &str) -> bool {
    below
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "" | "." | "..") || segment.eq_ignore_ascii_case("node_modules"))
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The directory above one; `None` above the server directory.
fn parent(directory: &str) -> Option<&str> {
    if directory.is_empty() {
        return None;
    }
    Some(directory.rsplit_once('/').map_or("", |(above, _)| above))
}

fn join(directory: &str, below: &str) -> Option<ModulePath> {
    let path = if directory.is_empty() { below.to_owned() } else { format!("{directory}/{below}") };
    ModulePath::new(path).ok()
}

/// A path without `.` and `..`; `None` when it leaves the server directory.
fn normalized(path: &str) -> Option<ModulePath> {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop()?,
            segment => segments.push(segment),
        }
    }
    ModulePath::new(segments.join("/")).ok()
}
