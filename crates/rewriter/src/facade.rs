//! The text of the facade, and how one is known again.

use std::collections::BTreeSet;

use crate::{
    digest::Digest,
    guard,
    main_checks::MAIN,
    sources::ModulePath,
    specifier::{literal, string_literal},
};

/// The first words of a facade.
const MARK: &str = "// presentry ";

/// The one export of a passage: the namespace of the moved entry.
pub(crate) const PASSAGE_EXPORT: &str = "runtime";

/// An inline source map without mappings. `sentry-cli` takes a map of the same name for the module's own when a module
/// does not name one, and the map beside the facade belongs to the moved entry.
pub(crate) const NO_SOURCE_MAP: &str = "//# sourceMappingURL=data:application/json;base64,\
                             eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXSwibmFtZXMiOltdLCJtYXBwaW5ncyI6IiJ9\n";

/// Ends the process where nothing looks at a promise: Sentry handles its rejection, which would end in exit code 0 with no
/// server.
const FAILING: &str = "(_error) => { process.exitCode = 1; process.nextTick(() => { throw _error; }); }";

/// How the host loads the server entry; it decides what a facade has to do with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryLoading {
    /// `node index.mjs`: a rejected top-level await ends the process with exit code 1.
    Process,
    /// A start file floats `import("./index.mjs")`, or Deno runs the entry: a rejection that Sentry handles does not end the
    /// process, and the facade has to throw outside of the promise.
    Launcher,
    /// The host imports the entry and handles the rejection itself.
    Imported,
    /// The host calls `require()` on the entry, where top-level await is an error.
    Required,
}

/// What the first line of a facade says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacadeHeader {
    /// The version of presentry that wrote it.
    pub version: String,
    /// The digest of the entry that it replaced.
    pub replaced: Digest,
}

/// Reads the header of a facade; `None` when the file is none. `sentry-cli` may have put its snippet before the header,
/// and a hashbang stays on the first line.
#[must_use]
pub fn facade_header(bytes: &[u8]) -> Option<FacadeHeader> {
    bytes.split(|byte| *byte == b'\n').take(4).find_map(|line| {
        let mut words = std::str::from_utf8(line).ok()?.strip_prefix(MARK)?.trim_end().split(' ');
        let (version, digest) = (words.next()?, words.next()?);
        let replaced = Digest::from_hex(digest)?;
        words.next().is_none().then(|| FacadeHeader { version: version.to_owned(), replaced })
    })
}

/// What a facade is written from.
pub(crate) struct Facade<'a> {
    /// The version of presentry.
    pub(crate) version: &'a str,
    /// The digest of the entry that is replaced.
    pub(crate) replaced: Digest,
    /// The hashbang of the entry that is replaced, without its line end.
    pub(crate) hashbang: Option<&'a str>,
    /// Where the facade stands.
    pub(crate) entry: &'a ModulePath,
    /// What registers the hooks for ES modules, where the instrumentation does not.
    pub(crate) hooks: Option<&'a str>,
    /// The instrumentation.
    pub(crate) instrumentation: &'a ModulePath,
    /// The moved entry.
    pub(crate) moved: &'a ModulePath,
    /// Where the runtime's namespace is imported from under the name `runtime`, when the moved entry exports `then`.
    pub(crate) passage: Option<&'a ModulePath>,
    /// How the host loads the facade.
    pub(crate) loading: EntryLoading,
    /// The directory in which Node keeps compiled code, absolute or relative to that of the facade.
    pub(crate) compile_cache: Option<&'a str>,
    /// The modules that the moved entry loads without waiting for them.
    pub(crate) floating: &'a [ModulePath],
    /// Whether the moved entry asks whether this is the main module.
    pub(crate) tells_main: bool,
    /// The line of the guard that runs before the runtime is loaded; `None` for no guard.
    pub(crate) guard: Option<&'a str>,
}

/// An export of a facade in the `wrap` style.
pub(crate) struct Forwarder {
    /// The export name.
    pub(crate) name: String,
    /// The `length` of the function it stands for.
    pub(crate) length: usize,
}

impl Facade<'_> {
    fn head(&self) -> String {
        let hashbang = self.hashbang.map(|line| format!("{line}\n")).unwrap_or_default();
        let hooks = self.hooks.map(|entry| format!("import {};\n", string_literal(entry))).unwrap_or_default();
        let instrumentation = literal(self.entry, self.instrumentation);
        let cache = self.compile_cache.map(enabling_cache).unwrap_or_default();
        let main = match self.tells_main {
            true => format!("globalThis[Symbol.for({} + import.meta.url)] = import.meta.main;\n", string_literal(MAIN)),
            false => String::new(),
        };
        let guard = self.guard.unwrap_or_default();
        let mark = format!("{MARK}{} {}\n", self.version, self.replaced);
        format!("{hashbang}{mark}{hooks}import {instrumentation};\n{cache}{main}{guard}")
    }

    /// What has the guard compare once a promise of the runtime is fulfilled.
    fn settles(&self) -> String {
        self.guard.map(|_| format!(".then({})", guard::SETTLE)).unwrap_or_default()
    }

    /// The end of each facade.
    fn tail(&self) -> String {
        let function = self.guard.map(|_| guard::FUNCTION).unwrap_or_default();
        format!("{function}{NO_SOURCE_MAP}")
    }

    /// What sees to the exit code where the moved entry does not: Sentry handles the rejection of an `import()` that
    /// nothing awaits.
    fn floats(&self) -> String {
        let watched = |file: &ModulePath| format!("import({}).catch({FAILING});\n", literal(self.entry, file));
        self.floating.iter().map(watched).collect()
    }

    /// The facade without top-level await for a runtime whose exports are empty objects: new ones do as well.
    pub(crate) fn of_constants(&self, exports: &[String]) -> String {
        let mut text = self.head();
        let import = format!("import({}){}", literal(self.entry, self.moved), self.settles());
        text.push_str(&format!("{import}.catch({FAILING});\n"));
        text.push_str(&self.floats());
        let names = local_names(exports);
        let pairs = || exports.iter().zip(&names);
        text.extend(pairs().map(|(_, local)| format!("const {local} = {{}};\n")));
        let list: Vec<String> = pairs().map(|(name, local)| format!("{local} as {}", export_name(name))).collect();
        text.push_str(&format!("export {{ {} }};\n", list.join(", ")));
        text.push_str(&self.tail());
        text
    }

    /// The facade that awaits the runtime and passes every export on as the value it is.
    pub(crate) fn awaiting(&self, exports: &[String]) -> String {
        let mut text = self.head();
        // Sentry 8 and 9 handle the error of a rejected top-level await as well, and the process ends with exit code 0 when
        // nothing is left to do (`@sentry/node` 8.55.2 and 9.47.1). A host that imports the entry sees to that itself.
        let exit = match self.loading {
            EntryLoading::Process => ".catch((_error) => {\n  process.exitCode = 1;\n  throw _error;\n})",
            EntryLoading::Launcher | EntryLoading::Imported | EntryLoading::Required => "",
        };
        let import = match self.passage {
            Some(passage) => format!("(await import({}){exit}).{PASSAGE_EXPORT}", literal(self.entry, passage)),
            None => format!("await import({}){exit}", literal(self.entry, self.moved)),
        };
        let names = local_names(exports);
        let members = |separator: &str| -> String {
            let pairs = exports.iter().zip(&names);
            pairs.map(|(name, local)| format!("{}{separator}{local}", export_name(name))).collect::<Vec<_>>().join(", ")
        };
        let floated = self.loading == EntryLoading::Launcher;
        if floated {
            // The launcher does not look at the promise of its import(), and Sentry handles the rejection, so that a
            // plain `await` would end in exit code 0 with no server. Thrown outside of the promise it ends the process.
            text.push_str("let _runtime;\ntry {\n");
            text.push_str(&format!("  _runtime = {import};\n"));
            text.push_str("} catch (_error) {\n  process.exitCode = 1;\n  process.nextTick(() => { throw _error; });\n  throw _error;\n}\n");
        }
        match (exports.is_empty(), floated) {
            (true, true) => {}
            (true, false) => text.push_str(&format!("{import};\n")),
            (false, true) => text.push_str(&format!("const {{ {} }} = _runtime;\n", members(": "))),
            (false, false) => text.push_str(&format!("const {{ {} }} = {import};\n", members(": "))),
        }
        text.push_str(&self.floats());
        text.extend(self.guard.map(|_| format!("{}();\n", guard::SETTLE)));
        if !exports.is_empty() {
            let pairs = exports.iter().zip(&names);
            let list: Vec<String> = pairs.map(|(name, local)| format!("{local} as {}", export_name(name))).collect();
            text.push_str(&format!("export {{ {} }};\n", list.join(", ")));
        }
        text.push_str(&self.tail());
        text
    }

    /// The facade without top-level await: async forwarders for functions.
    pub(crate) fn forwarding(&self, exports: &[Forwarder]) -> String {
        let mut text = self.head();
        // A namespace with a `then` stays inside the one that carries it.
        let (from, member) = match self.passage {
            Some(passage) => (passage, format!(".{PASSAGE_EXPORT}")),
            None => (self.moved, String::new()),
        };
        text.push_str(&format!("const _runtime = import({});\n", literal(self.entry, from)));
        // Sentry handles the rejection of a floating import(), which would end in exit code 0 with no server.
        text.push_str(&format!("_runtime{}.catch({FAILING});\n", self.settles()));
        text.push_str(&self.floats());
        let names: Vec<String> = exports.iter().map(|export| export.name.clone()).collect();
        let locals = local_names(&names);
        for (export, local) in exports.iter().zip(&locals) {
            let name = string_literal(&export.name);
            text.push_str(&format!(
                "async function {local}() {{ return (await _runtime){member}[{name}].apply(this, arguments); }}\n\
                 Object.defineProperty({local}, \"length\", {{ value: {}, configurable: true }});\n",
                export.length
            ));
        }
        let list: Vec<String> =
            names.iter().zip(&locals).map(|(name, local)| format!("{local} as {}", export_name(name))).collect();
        text.push_str(&format!("export {{ {} }};\n", list.join(", ")));
        text.push_str(&self.tail());
        text
    }
}

/// The lines that have the runtime's code kept compiled. A Node without the function (before 22.8) goes without, which a
/// named import would not let it; `import.meta.dirname` is older than the function.
fn enabling_cache(directory: &str) -> String {
    let absolute = directory.starts_with(['/', '\\']) || directory.as_bytes().get(1) == Some(&b':');
    let path = if absolute {
        string_literal(directory)
    } else {
        format!("import.meta.dirname + {}", string_literal(&format!("/{directory}")))
    };
    format!("import _module from \"node:module\";\n_module.enableCompileCache?.({path});\n")
}

/// The module between facade and moved entry that carries a namespace with a `then` through `await`.
pub(crate) fn passage(passage: &ModulePath, moved: &ModulePath) -> String {
    format!("export * as {PASSAGE_EXPORT} from {};\n{NO_SOURCE_MAP}", literal(passage, moved))
}

/// A `ModuleExportName`: an identifier name, reserved or not, as it is, everything else as a string literal.
pub(crate) fn export_name(name: &str) -> String {
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '$'));
    if starts && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$')) {
        name.to_owned()
    } else {
        string_literal(name)
    }
}

/// A binding name for each export: `_` and the name with everything odd replaced, made unique by a number.
pub(crate) fn local_names(exports: &[String]) -> Vec<String> {
    // The names the facade uses itself.
    let mut taken: BTreeSet<String> =
        ["_runtime", "_error", "_module", "_guard", guard::SETTLE].map(str::to_owned).into();
    let mut names = Vec::new();
    for export in exports {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '$' { c } else { '_' };
        let stem: String = std::iter::once('_').chain(export.chars().map(plain)).collect();
        let mut name = stem.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{stem}_{number}");
        }
        names.push(name);
    }
    names
}
