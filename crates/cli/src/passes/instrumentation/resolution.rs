//! Where the imports of a source lead, as Vite and SolidStart resolve them: to a file of the app, which is compiled as
//! well, or to a package, which Node.js finds when the server starts.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use oxc_resolver::{AliasValue, ResolveError, ResolveOptions, Resolver, TsConfig};
use presentry_rewriter::{ModulePath, Target, resolve};

use crate::paths::show;

/// The extensions that Vite tries, in its order.
const EXTENSIONS: [&str; 7] = [".mjs", ".js", ".mts", ".ts", ".jsx", ".tsx", ".json"];

/// What a specifier stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// A package, a module of Node.js, or a URL: it stays as it is.
    External,
    /// A file of the app.
    File(PathBuf),
    /// Nothing that could be imported when the server runs; why, and what to do.
    Failed { reason: String, hint: String },
}

/// Finds what the modules of one app import.
pub(super) struct AppResolver {
    resolver: Resolver,
    /// The directory of the app, canonical.
    app: PathBuf,
    /// `appRoot`, canonical.
    root: PathBuf,
}

impl AppResolver {
    /// `app` and `root` have to be canonical.
    pub(super) fn new(app: &Path, root: &Path) -> Self {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        // What TypeScript has one write for the file it will become; Vite tries what is written first.
        let written_for = |extension: &str, others: &[&str]| (extension.to_owned(), owned(others));
        let options = ResolveOptions {
            alias: vec![("~".to_owned(), vec![AliasValue::Path(root.to_string_lossy().into_owned())])],
            extensions: owned(&EXTENSIONS),
            extension_alias: vec![
                written_for(".js", &[".js", ".ts", ".tsx"]),
                written_for(".jsx", &[".jsx", ".tsx"]),
                written_for(".mjs", &[".mjs", ".mts"]),
            ],
            condition_names: owned(&["node", "import", "module", "default", "production"]),
            main_fields: owned(&["module", "main"]),
            roots: vec![app.to_owned()],
            node_path: false,
            ..ResolveOptions::default()
        };
        Self { resolver: Resolver::new(options), app: app.to_owned(), root: root.to_owned() }
    }

    /// What `specifier` stands for in the module `importer`.
    pub(super) fn resolve(&self, importer: &Path, specifier: &str) -> Resolved {
        let anywhere = ModulePath::new("x.mjs").expect("a constant");
        let local = specifier.starts_with(['.', '/', '#']) || specifier == "~" || specifier.starts_with("~/");
        if specifier.starts_with('\0') || specifier.starts_with("virtual:") || specifier.starts_with('$') {
            return Self::of_vite(specifier);
        }
        match resolve(&anywhere, specifier) {
            Target::Builtin(_) => return Resolved::External,
            Target::Elsewhere(_) if !local => return Resolved::External,
            _ => {}
        }
        if specifier.contains('?') {
            return Self::of_vite(specifier);
        }
        let directory = importer.parent().unwrap_or(&self.app);
        if !local {
            return self.bare(directory, specifier);
        }
        match self.resolver.resolve(directory, specifier) {
            Ok(found) if in_packages(found.path()) => Resolved::Failed {
                reason: format!("it leads to `{}`, which is a package", self.show(found.path())),
                hint: "import the package by its name, so that Node.js finds it beside the server".to_owned(),
            },
            Ok(found) => Resolved::File(found.into_path_buf()),
            Err(error) => match self.by_paths(directory, specifier) {
                Some(file) => Resolved::File(file),
                None => self.not_found(directory, specifier, &error),
            },
        }
    }

    /// A name that may be an alias of `tsconfig.json`, the app's own name, or a package.
    fn bare(&self, directory: &Path, specifier: &str) -> Resolved {
        if let Some(file) = self.by_paths(directory, specifier) {
            return if in_packages(&file) { Resolved::External } else { Resolved::File(file) };
        }
        match self.resolver.resolve(directory, specifier) {
            Ok(found) => {
                let own = found.package_json().is_some_and(|package| directory.starts_with(package.directory()));
                if own && !in_packages(found.path()) {
                    Resolved::File(found.into_path_buf())
                } else {
                    Resolved::External
                }
            }
            Err(error) if !is_package_name(specifier) => self.not_found(directory, specifier, &error),
            // Whether the build has it is asked where packages are looked at.
            Err(_) => Resolved::External,
        }
    }

    /// The file that `paths` or `baseUrl` of the nearest `tsconfig.json` give a specifier.
    fn by_paths(&self, directory: &Path, specifier: &str) -> Option<PathBuf> {
        let config = self.tsconfig(directory)?;
        let configs = std::iter::once(&config).chain(&config.references_resolved);
        let mut candidates = configs.flat_map(|config| config.resolve_path_alias_or_base_url(specifier));
        candidates.find_map(|candidate| {
            let found = self.resolver.resolve(directory, &candidate.to_string_lossy()).ok()?;
            Some(found.into_path_buf())
        })
    }

    fn tsconfig(&self, directory: &Path) -> Option<Arc<TsConfig>> {
        let files =
            directory.ancestors().flat_map(|above| ["tsconfig.json", "jsconfig.json"].map(|name| above.join(name)));
        let nearest = files.into_iter().find(|file| file.is_file())?;
        self.resolver.resolve_tsconfig(nearest).ok()
    }

    /// Whether `tsconfig.json` wants imports to stay that nothing uses.
    pub(super) fn keeps_unused_imports(&self, source: &Path) -> bool {
        let config = source.parent().and_then(|directory| self.tsconfig(directory));
        config.is_some_and(|config| {
            let options = &config.compiler_options;
            let preserve = options.imports_not_used_as_values.as_deref().is_some_and(|value| value != "remove");
            options.verbatim_module_syntax == Some(true) || options.preserve_value_imports == Some(true) || preserve
        })
    }

    fn of_vite(specifier: &str) -> Resolved {
        Resolved::Failed {
            reason: format!("`{specifier}` exists for Vite alone"),
            hint: "take the import out of the instrumentation, or read what is needed when the server runs".to_owned(),
        }
    }

    fn not_found(&self, directory: &Path, specifier: &str, error: &ResolveError) -> Resolved {
        let base = match specifier.strip_prefix('~') {
            Some(rest) => Some(self.root.join(rest.trim_start_matches('/'))),
            None if specifier.starts_with('.') => Some(directory.join(specifier)),
            None => specifier.strip_prefix('/').map(|rest| self.app.join(rest)),
        };
        let hint = match base {
            Some(base) => format!("looked for {}", self.looked_for(&base)),
            None if specifier.starts_with('#') => {
                format!("`imports` of the app's `package.json` has to name a file of the app ({error})")
            }
            None => {
                "an alias has to be in `paths` of `tsconfig.json`, as an alias of the configuration of Vite cannot be \
                     read without running it"
                    .to_owned()
            }
        };
        Resolved::Failed { reason: format!("`{specifier}` cannot be found"), hint }
    }

    /// The files that a path without an extension may mean, in words.
    fn looked_for(&self, base: &Path) -> String {
        let shown = self.show(&normal(base));
        let names: Vec<&str> = EXTENSIONS.iter().map(|extension| &extension[1..]).collect();
        let names = names.join(",");
        match base.extension().and_then(OsStr::to_str) {
            Some(extension) if EXTENSIONS.contains(&format!(".{extension}").as_str()) => format!("`{shown}`"),
            _ => format!("`{shown}.{{{names}}}` and `{shown}/index.{{{names}}}`"),
        }
    }

    /// A path as it is written from the directory of the app.
    pub(super) fn show(&self, file: &Path) -> String {
        show(file.strip_prefix(&self.app).unwrap_or(file))
    }
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn in_packages(file: &Path) -> bool {
    file.components().any(|component| component.as_os_str() == "node_modules")
}

/// Whether npm would let a package have the name at the start of a specifier.
fn is_package_name(specifier: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_', '~'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~'))
    };
    match specifier.strip_prefix('@') {
        Some(rest) => {
            let mut parts = rest.split('/');
            parts.next().is_some_and(plain) && parts.next().is_some_and(plain)
        }
        None => specifier.split('/').next().is_some_and(plain),
    }
}
