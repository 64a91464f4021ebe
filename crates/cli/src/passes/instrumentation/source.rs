//! The instrumentation compiled from its source: every file of the app that it imports becomes a module beside the entry,
//! packages stay packages.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
};

use presentry_parser::{
    CompileOptions, Environment, ModuleUse, SourceSyntax, SyntaxError, UseKind, compile as compile_text,
    is_binding_name,
};
use presentry_rewriter::{
    ModulePath, Sources,
    diagnostics::{Diagnostic, Label},
};

use super::{
    NewFile, Origin, Provided, environment, path_in_build,
    resolution::{AppResolver, Resolved},
};
use crate::{
    diagnostics::{instrumentation_import, instrumentation_name, instrumentation_syntax},
    failure::Failure,
    find::locate::Build,
    paths::show,
};

/// Compiles the source `real`, a canonical path that the user writes as `shown`, and every file of the app it imports.
///
/// # Errors
/// Everything that is wrong in any of the files.
pub(super) fn compile(build: &Build, original: &dyn Sources, real: &Path, shown: &str) -> Result<Provided, Failure> {
    // A source that was named lies in an app of its own, if in any.
    let beside = || real.parent().unwrap_or(real).to_owned();
    let app = build.app.as_ref().and_then(|app| dunce::canonicalize(app).ok()).unwrap_or_else(beside);
    let root = build.options.source_directory(&app);
    let (environment, env_files) = environment::read(&app, &build.options);
    let path = path_in_build(build, shown);
    let mut compiler = Compiler {
        build,
        original,
        resolver: AppResolver::new(&app, &dunce::canonicalize(&root).unwrap_or(root.clone())),
        shown_app: build.app.as_deref().map(show),
        environment,
        root: dunce::canonicalize(&root).unwrap_or(root),
        app,
        paths: BTreeMap::from([(real.to_owned(), path.clone())]),
        taken: BTreeSet::new(),
        waiting: VecDeque::from([real.to_owned()]),
        files: Vec::new(),
        errors: Vec::new(),
        undeclared: BTreeMap::new(),
        defined: BTreeSet::new(),
    };
    compiler.run();
    compiler.name_what_nothing_defines();
    if !compiler.errors.is_empty() {
        return Err(Failure::Refused(compiler.errors));
    }
    let modules: Vec<String> = compiler.paths.keys().map(|file| format!("`{}`", compiler.show(file))).collect();
    let mut reasons = vec![format!("the instrumentation is compiled from {}", modules.join(", "))];
    if !env_files.is_empty() {
        let env_files: Vec<String> = env_files.iter().map(|file| format!("`{}`", compiler.show(file))).collect();
        reasons.push(format!("`import.meta.env` is filled in from {}", env_files.join(", ")));
    }
    let mut files = compiler.files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Provided { path, origin: Origin::Source { file: shown.to_owned() }, files, reasons, warnings: Vec::new() })
}

struct Compiler<'a> {
    build: &'a Build,
    original: &'a dyn Sources,
    resolver: AppResolver,
    /// The directory of the app, canonical, and as the user would write it.
    app: PathBuf,
    shown_app: Option<String>,
    /// `appRoot`, canonical.
    root: PathBuf,
    environment: Environment,
    /// The sources that were found, and the module that each becomes.
    paths: BTreeMap<PathBuf, ModulePath>,
    taken: BTreeSet<ModulePath>,
    waiting: VecDeque<PathBuf>,
    files: Vec<NewFile>,
    errors: Vec<Diagnostic>,
    /// The names that are read and declared nowhere, with the first read of each.
    undeclared: BTreeMap<String, Label>,
    /// Those that some module defines for all.
    defined: BTreeSet<String>,
}

impl Compiler<'_> {
    fn run(&mut self) {
        self.taken.extend(self.paths.values().cloned());
        while let Some(source) = self.waiting.pop_front() {
            let path = self.paths[&source].clone();
            match read(&source) {
                Ok(text) if extension(&source) == "json" => self.json(&source, path, &text),
                Ok(text) => self.module(&source, path, &text),
                Err(reason) => {
                    let message = format!("`{}` cannot be read: {reason}", self.show(&source));
                    self.errors.push(instrumentation_import::unreadable(message));
                }
            }
        }
    }

    fn module(&mut self, source: &Path, path: ModulePath, text: &str) {
        let shown = self.show(source);
        let is_root = self.files.is_empty() && self.paths.len() == 1;
        let syntax = SourceSyntax::of_extension(extension(source)).unwrap_or(SourceSyntax::JavaScript);
        let environment = self.environment.clone();
        let relative = self.relative_to_build(source);
        let options = CompileOptions {
            syntax,
            source: &relative,
            verbatim_module_syntax: self.resolver.keeps_unused_imports(source),
            environment: &environment,
        };
        let errors_before = self.errors.len();
        let compiled = compile_text(text, &options, &mut |module| self.rewritten(source, text, &path, module));
        match compiled {
            Ok(compiled) if compiled.was_commonjs && !is_root => {
                self.errors.push(instrumentation_import::commonjs(&shown));
            }
            Ok(compiled) => {
                for (name, span) in compiled.names.undeclared {
                    let label = Label::in_file(&shown, text, span, "");
                    self.undeclared.entry(name).or_insert(label);
                }
                self.defined.extend(compiled.names.defined);
                let map = format!("{}.map", path.file_name());
                let code = format!("{}//# sourceMappingURL={}\n", compiled.code, in_url(&map));
                self.add(path.sibling(&map).expect("the name of a file"), compiled.source_map, &shown);
                self.add(path, code, &shown);
            }
            Err(errors) => {
                // What the imports of a broken module are is not known for sure.
                self.errors.truncate(errors_before);
                let broken = errors.iter().map(|error| broken(&shown, text, error));
                self.errors.extend(broken);
            }
        }
    }

    /// A name that is read in one module may be defined by another.
    fn name_what_nothing_defines(&mut self) {
        let undeclared = std::mem::take(&mut self.undeclared);
        let left = undeclared.into_iter().filter(|(name, _)| !self.defined.contains(name));
        let (names, labels): (Vec<String>, Vec<Label>) = left.unzip();
        if !names.is_empty() {
            self.errors.push(instrumentation_name::diagnostic(&names, labels));
        }
    }

    /// The specifier that takes the place of another; `None` where it stays.
    fn rewritten(&mut self, source: &Path, text: &str, path: &ModulePath, module: &ModuleUse<'_>) -> Option<String> {
        if module.kind == UseKind::Require {
            return None;
        }
        let label = || Label::in_file(&self.show(source), text, module.span, "");
        match self.resolver.resolve(source, module.specifier) {
            Resolved::External => None,
            Resolved::Failed { reason, hint } => {
                self.errors.push(instrumentation_import::diagnostic(&reason, label(), &hint));
                None
            }
            Resolved::File(file) => {
                let known = extension(&file);
                if known != "json" && SourceSyntax::of_extension(known).is_none() {
                    let reason = format!("`{}` is no module that can be compiled", self.show(&file));
                    let hint = "only TypeScript, JavaScript and JSON can be imported by the instrumentation";
                    self.errors.push(instrumentation_import::diagnostic(&reason, label(), hint));
                    return None;
                }
                let target = self.path_of(file);
                debug_assert_eq!(target.directory(), path.directory());
                Some(format!("./{}", in_url(target.file_name())))
            }
        }
    }

    /// The module that a source becomes.
    fn path_of(&mut self, file: PathBuf) -> ModulePath {
        if let Some(path) = self.paths.get(&file) {
            return path.clone();
        }
        let path = self.free_path(&self.slug(&file));
        self.taken.insert(path.clone());
        self.paths.insert(file.clone(), path.clone());
        self.waiting.push_back(file);
        path
    }

    /// A path beside the instrumentation that begins with its name, and that no file of the build and no other module has.
    fn free_path(&self, slug: &str) -> ModulePath {
        let of = |number: usize| {
            let more = if number == 1 { String::new() } else { format!("-{number}") };
            self.build.entry.sibling(&format!("{}.{slug}{more}.mjs", super::SOURCES[0])).expect("the name of a file")
        };
        let free = |path: &ModulePath| {
            let map = path.sibling(&format!("{}.map", path.file_name())).expect("the name of a file");
            !self.taken.contains(path) && !self.original.exists(path) && !self.original.exists(&map)
        };
        (1..).map(of).find(free).expect("there are more numbers than files")
    }

    /// The path of a source in `appRoot` or in the app, as a part of a file name: `config/level.ts` is `config-level`.
    fn slug(&self, file: &Path) -> String {
        let below = file.strip_prefix(&self.root).or_else(|_| file.strip_prefix(&self.app));
        let below = below.map_or_else(|_| PathBuf::from(file.file_name().unwrap_or_default()), Path::to_owned);
        // `a.json` and `a.ts` are two modules.
        let below = if extension(file) == "json" { below } else { below.with_extension("") };
        let parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        parts.join("-").replace(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')), "_")
    }

    /// A module that exports what a file of JSON holds, as Vite makes it: the whole as the default export, and what has a
    /// name that can be one as a named export.
    fn json(&mut self, source: &Path, path: ModulePath, text: &str) {
        let shown = self.show(source);
        let value: serde_json::Value = match serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            Ok(value) => value,
            Err(error) => {
                let span = span_of(text, error.line(), error.column());
                let label = Label::in_file(&shown, text, span, "");
                let message = format!("`{shown}` is no valid JSON");
                self.errors.push(instrumentation_syntax::diagnostic(message, label, false));
                return;
            }
        };
        let keys: Vec<&String> = value.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        let names: Vec<&str> = keys.iter().map(|key| key.as_str()).filter(|key| is_binding_name(key)).collect();
        let mut own = "json".to_owned();
        while names.contains(&own.as_str()) {
            own.insert(0, '_');
        }
        let written = serde_json::to_string_pretty(&value).expect("what was JSON can be written as JSON");
        // In an object literal the key `__proto__` would set the prototype.
        let value = if written.contains("\"__proto__\"") {
            format!("JSON.parse({})", serde_json::Value::from(written))
        } else {
            written
        };
        let mut code = format!("const {own} = {value};\nexport default {own};\n");
        if !names.is_empty() {
            code.push_str(&format!("export const {{ {} }} = {own};\n", names.join(", ")));
        }
        self.add(path, code, &shown);
    }

    fn add(&mut self, path: ModulePath, text: String, from: &str) {
        self.files.push(NewFile { path, bytes: text.into_bytes(), from: from.to_owned() });
    }

    /// A source as the user would write it.
    fn show(&self, file: &Path) -> String {
        match (file.strip_prefix(&self.app), self.shown_app.as_deref()) {
            (Ok(below), Some(".")) => show(below),
            (Ok(below), Some(app)) => show(&Path::new(app).join(below)),
            _ => show(file),
        }
    }

    /// The path of a source from the directory of the entry, for the source map.
    fn relative_to_build(&self, file: &Path) -> String {
        let directory = self.build.place.server.join(self.build.entry.directory());
        let from: Vec<_> = directory.components().collect();
        let to: Vec<_> = file.components().collect();
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
        let down = to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
        up.chain(down).collect::<Vec<_>>().join("/")
    }
}

fn read(source: &Path) -> Result<String, String> {
    let bytes = fs::read(source).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn broken(shown: &str, text: &str, error: &SyntaxError) -> Diagnostic {
    let label = Label::in_file(shown, text, error.span, "");
    let requires = error.message.starts_with("`require(") || shown.ends_with(".cjs");
    instrumentation_syntax::diagnostic(format!("`{shown}` cannot be compiled: {}", error.message), label, requires)
}

/// The byte that a line and column of an error of JSON mean.
fn span_of(text: &str, line: usize, column: usize) -> presentry_parser::Span {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut start = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    presentry_parser::Span { start, end: start + length }
}

/// A file name as a relative URL.
fn in_url(name: &str) -> String {
    name.replace('%', "%25").replace('#', "%23").replace('?', "%3F").replace(' ', "%20")
}
