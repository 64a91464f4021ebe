//! Why Node would not link a module of the build: then it evaluates neither that module nor what imports it.

use std::rc::Rc;

use presentry_parser::{ImportName, ModuleRequest, Span, commonjs_error};

use crate::{
    diagnostics::Diagnostic,
    exports::{Resolution, resolve_export},
    graph::{Graph, Module},
    sources::ModulePath,
    specifier::{Target, is_of_node},
};

/// A request that Node cannot satisfy.
#[derive(Debug)]
pub(crate) struct Unlinkable {
    /// The module that requests it.
    pub(crate) importer: Rc<Module>,
    /// The statement.
    pub(crate) at: Span,
    pub(crate) specifier: String,
    pub(crate) why: Unlinked,
}

/// Why Node cannot satisfy a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlinked {
    /// There is no such file. A directory does not count as one.
    Missing,
    /// Node has no such module of its own.
    NoBuiltin,
    /// The module does not export this name.
    NoExport(String),
    /// The file is JSON, and the import lacks the attribute.
    NoAttribute,
    /// The import has the attribute of JSON, and the file is of another kind.
    WrongAttribute,
    /// The text is not JSON, or not the kind of script that Node treats the file as.
    Syntax(String),
    /// Node does not know the extension.
    UnknownExtension,
}

/// The first request of some modules of the build that Node cannot satisfy.
///
/// # Errors
/// When a module cannot be read.
pub(crate) fn unlinkable<'p>(
    graph: &Graph<'_>,
    modules: impl IntoIterator<Item = &'p ModulePath>,
) -> Result<Option<Unlinkable>, Box<Diagnostic>> {
    for path in modules {
        let Some(importer) = graph.load(path)? else { continue };
        for (index, request) in importer.record.requested_modules.iter().enumerate() {
            let why = match why_not(graph, &importer, request)? {
                None => missing_export(graph, &importer, index)?.map(Unlinked::NoExport),
                why => why,
            };
            if let Some(why) = why {
                let (at, specifier) = (request.statement, request.specifier.value.clone());
                return Ok(Some(Unlinkable { importer, at, specifier, why }));
            }
        }
    }
    Ok(None)
}

/// Whether Node would link a module of the build that is loaded at run time. What cannot be read is not linked.
pub(crate) fn is_linked(graph: &Graph<'_>, module: &ModulePath) -> bool {
    let Ok(closure) = graph.closure(module) else { return false };
    graph.is_file(module)
        && why_not_alone(graph, module).is_none()
        && unlinkable(graph, closure.paths()).is_ok_and(|found| found.is_none())
}

fn why_not(graph: &Graph<'_>, importer: &Module, request: &ModuleRequest) -> Result<Option<Unlinked>, Box<Diagnostic>> {
    let says_json = request.attributes.iter().any(|attribute| attribute.key == "type" && attribute.value == "json");
    Ok(match graph.resolve(&importer.path, &request.specifier.value) {
        Target::File(file) if !graph.is_file(&file) => Some(Unlinked::Missing),
        Target::File(file) if is_json(&file) != says_json => {
            Some(if says_json { Unlinked::WrongAttribute } else { Unlinked::NoAttribute })
        }
        Target::File(file) => why_not_alone(graph, &file),
        Target::Builtin(name) if !is_of_node(&name) => Some(Unlinked::NoBuiltin),
        _ => None,
    })
}

/// Why a file is not linked, however it is imported.
pub(crate) fn why_not_alone(graph: &Graph<'_>, file: &ModulePath) -> Option<Unlinked> {
    let name = file.file_name();
    if is_json(file) {
        let bytes = graph.sources().read(file).ok()??;
        let text = std::str::from_utf8(&bytes).ok()?;
        let is_wrong = is_not_json(text.strip_prefix('\u{feff}').unwrap_or(text));
        return is_wrong.then(|| Unlinked::Syntax("it is not JSON".to_owned()));
    }
    if let Some(script) = graph.script(file) {
        return commonjs_error(&script.text).map(|error| Unlinked::Syntax(error.message));
    }
    // Of these some versions of Node load the one, and some the other.
    const LOADED: [&str; 8] = ["js", "mjs", "cjs", "wasm", "node", "ts", "mts", "cts"];
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| !LOADED.contains(&extension)).then_some(Unlinked::UnknownExtension)
}

pub(crate) fn is_json(file: &ModulePath) -> bool {
    file.as_str().ends_with(".json")
}

/// Whether `JSON.parse` fails on a text for certain. Of some texts it thinks otherwise than the reader here: deep ones,
/// large numbers, halves of surrogate pairs.
pub(crate) fn is_not_json(text: &str) -> bool {
    const DEEPEST: usize = 100;
    let deeper = |(depth, most): (usize, usize), byte| match byte {
        b'[' | b'{' => (depth + 1, most.max(depth + 1)),
        b']' | b'}' => (depth.saturating_sub(1), most),
        _ => (depth, most),
    };
    let (_, depth) = text.bytes().fold((0, 0), deeper);
    let is_exponent = |pair: &[u8]| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E');
    let may_differ = depth > DEEPEST || text.contains("\\u") || text.as_bytes().windows(2).any(is_exponent);
    !may_differ && serde_json::from_str::<serde_json::Value>(text).is_err()
}

/// A name that a request imports, and that the module of the build does not export.
fn missing_export(graph: &Graph<'_>, importer: &Module, request: usize) -> Result<Option<String>, Box<Diagnostic>> {
    let specifier = &importer.record.requested_modules[request].specifier.value;
    let Target::File(file) = graph.resolve(&importer.path, specifier) else { return Ok(None) };
    let names = importer.record.import_entries.iter().filter(|import| import.request == request);
    let mut names = names.filter_map(|import| match &import.import_name {
        ImportName::Name(name) => Some(&name.value),
        _ => None,
    });
    if is_json(&file) {
        return Ok(names.find(|name| *name != "default").cloned());
    }
    if graph.is_data(&file) || graph.load(&file)?.is_none() {
        return Ok(None);
    }
    for name in names {
        let lacks = matches!(resolve_export(graph, &file, name), Ok(Resolution::NotFound | Resolution::Ambiguous));
        if lacks && exports_are_known(graph, &file)? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Whether a module, and what it imports, re-exports as a whole nothing but ES modules of the build.
fn exports_are_known(graph: &Graph<'_>, module: &ModulePath) -> Result<bool, Box<Diagnostic>> {
    for path in graph.closure(module)?.paths() {
        let Some(module) = graph.load(path)? else { continue };
        for star in &module.record.star_export_entries {
            let specifier = &module.record.requested_modules[star.request].specifier.value;
            match graph.resolve(path, specifier) {
                Target::File(file) if graph.load(&file)?.is_some() => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
}
