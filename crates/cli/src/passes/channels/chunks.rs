//! Libraries that a bundler put into chunks of the build: where a chunk tells which file of a package a part of it comes from, and
//! what becomes of it with channels. Reads the packages of the app, and writes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use presentry_parser::Annotation;
use presentry_rewriter::{
    ChangeKind, Insertion, ModulePath, Overlay, Plan as Rewriting, Sources, WithChannels, import_of_channels, marker,
    moved_by_insertions, package_name, with_insertions,
};
use sourcemap::SourceMap;

use crate::{
    find::source_map::without_parents,
    passes::channels::{
        sdk,
        wire::{self, Answer, ChunkText, MadeChunk, Named, PartText, Text, Token},
    },
    say::report::{AheadReport, Fate, Instrumented, NamedFunction},
};

/// The libraries in chunks, before the SDK was asked which of them it names.
#[derive(Debug, Default)]
pub(super) struct Bundled {
    packages: Vec<Package>,
    chunks: Vec<Chunk>,
}

/// A package of the app with files in chunks.
#[derive(Debug)]
struct Package {
    name: String,
    /// Where a chunk says that it was.
    shown: String,
    directory: PathBuf,
    files: Vec<String>,
}

/// A chunk, as the plan leaves it.
#[derive(Debug)]
struct Chunk {
    path: ModulePath,
    text: String,
    parts: Vec<Part>,
}

/// A source map that is a file, and where it is.
type MapFile = (ModulePath, Vec<u8>);

/// The source map of a chunk.
#[derive(Debug)]
struct Map {
    text: String,
    place: MapPlace,
}

/// Where the source map of a chunk is.
#[derive(Debug)]
enum MapPlace {
    /// A file beside the chunk.
    Beside(ModulePath),
    /// The chunk itself: `//# sourceMappingURL=data:application/json;base64,…`.
    Inline,
}

/// A part of a chunk, made of a file of a package; both as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    package: usize,
    file: usize,
    place: Place,
    /// The text that the file had when it was bundled, where the chunk has it.
    original: Option<String>,
}

/// What tells where a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Paths in the chunk: it is between these lines, from 0, and the second is behind it.
    Lines(usize, usize),
    /// The source map, in which its file has this number.
    Map(u32),
}

impl Place {
    fn in_map(self) -> Option<u32> {
        match self {
            Place::Lines(..) => None,
            Place::Map(number) => Some(number),
        }
    }
}

/// The chunks with parts that the SDK names, ready to be injected.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    chunks: Vec<&'a Chunk>,
    /// The chunks as the SDK is given them, in the same order.
    pub(super) given: Vec<ChunkText<'a>>,
    left: Vec<Left>,
}

/// A library in a chunk that is not injected, or not as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) name: String,
    chunk: ModulePath,
    why: String,
}

impl Left {
    /// Whether a report is of the library.
    pub(super) fn is_of(&self, report: &AheadReport) -> bool {
        report.name == self.name && report.directory.as_deref() == Some(directory_of(&self.chunk))
    }

    /// The report of a library of which the SDK was given nothing.
    pub(super) fn report(&self) -> AheadReport {
        AheadReport {
            name: self.name.clone(),
            version: None,
            directory: Some(directory_of(&self.chunk).to_owned()),
            instrumented: Instrumented::Neither,
            reason: Some(format!("it is bundled in `{}`: {}", self.chunk, self.why)),
            functions: Vec::new(),
        }
    }

    /// For a warning, behind a colon.
    pub(super) fn line(&self) -> String {
        format!("`{}` is bundled in `{}`: {}", self.name, self.chunk, self.why)
    }
}

/// What became of the libraries in chunks.
#[derive(Debug, Default)]
pub(super) struct Injection {
    pub(super) files: BTreeMap<ModulePath, WithChannels>,
    pub(super) maps: BTreeMap<ModulePath, Vec<u8>>,
    pub(super) reports: Vec<AheadReport>,
    pub(super) left: Vec<Left>,
}

impl Bundled {
    /// Looks at every script of the build outside of packages.
    pub(super) fn find(plan: &Rewriting, build: &Overlay<'_>, server: &Path, app: &Path) -> Self {
        let mut found = Self::default();
        for path in build.scripts().unwrap_or_default() {
            let bytes = build.read(&path).ok().flatten().unwrap_or_default();
            // The list of files with channels has their paths in comments.
            if marker(&bytes).is_some() {
                continue;
            }
            let Ok(text) = String::from_utf8(bytes.into_owned()) else { continue };
            let mut told = by_banners(&text);
            // Where another bundler has made a library, its comments are in there, with paths of its own.
            if !told.iter().any(|told| app.join(&told.file).is_file()) {
                let map = Map::of(built_as(&path, plan).0, &text, build).ok().flatten();
                let by_map = map.map(|map| by_map(&map.text, &server.join(path.directory()), app));
                told = by_map.filter(|by_map| !by_map.is_empty()).unwrap_or(told);
            }
            let parts: Vec<Part> = told.into_iter().filter_map(|told| found.part(app, told)).collect();
            if !parts.is_empty() {
                found.chunks.push(Chunk { path, text, parts });
            }
        }
        found
    }

    /// A part that was made of a file of a package.
    fn part(&mut self, app: &Path, told: Told) -> Option<Part> {
        let Told { file, place, original } = told;
        let start = file.rfind(MODULES)? + MODULES.len();
        let name = package_name(&file[start..]);
        let inside = file[start + name.len()..].strip_prefix('/')?;
        let shown = &file[..start + name.len()];
        let at = self.packages.iter().position(|package| package.shown == shown).unwrap_or_else(|| {
            let (name, shown) = (name.to_owned(), shown.to_owned());
            self.packages.push(Package { name, directory: app.join(&shown), shown, files: Vec::new() });
            self.packages.len() - 1
        });
        let files = &mut self.packages[at].files;
        let number = files.iter().position(|known| known == inside).unwrap_or_else(|| {
            files.push(inside.to_owned());
            files.len() - 1
        });
        Some(Part { package: at, file: number, place, original })
    }

    /// What the SDK's list looks at.
    pub(super) fn named(&self) -> Vec<Named<'_>> {
        self.packages.iter().map(|one| Named { name: &one.name, version: "", files: &one.files }).collect()
    }

    /// What there is to inject, of the files that the SDK names, in the versions and texts that the app has.
    pub(super) fn wanted(&self, wanted: &[(usize, usize)], plan: &Rewriting, build: &Overlay<'_>) -> Wanted<'_> {
        let mut found = Wanted::default();
        let wanted: BTreeSet<(usize, usize)> = wanted.iter().copied().collect();
        for chunk in &self.chunks {
            let named: Vec<&Part> =
                chunk.parts.iter().filter(|part| wanted.contains(&(part.package, part.file))).collect();
            if named.is_empty() {
                continue;
            }
            let tokens = chunk.tokens(&named, plan, build);
            let mut parts = Vec::new();
            for part in named {
                let package = &self.packages[part.package];
                let tokens = tokens.as_ref().map_err(Clone::clone);
                match tokens.and_then(|tokens| package.part(part, tokens)) {
                    Ok(given) => parts.push(given),
                    Err(why) => found.left.push(Left::of(&package.name, chunk, why)),
                }
            }
            found.chunks.push(chunk);
            found.given.push(ChunkText { text: &chunk.text, parts });
        }
        found
    }
}

impl Package {
    /// A part that was made of a file of it, with the file and the version that the app has.
    fn part(&self, part: &Part, tokens: &BTreeMap<u32, Vec<Token>>) -> Result<PartText<'_>, String> {
        let file = &self.files[part.file];
        let version = sdk::version_of(&self.directory)
            .ok_or_else(|| format!("its version is not known, as the app has no `{}`", self.shown))?;
        let original = fs::read_to_string(self.directory.join(file))
            .map_err(|error| format!("`{}/{file}` cannot be read: {error}", self.shown))?;
        if part.original.as_ref().is_some_and(|bundled| *bundled != original) {
            return Err(format!("`{}/{file}` is another one than the one that was bundled", self.shown));
        }
        let place = match part.place {
            Place::Lines(first, behind) => wire::Place::Lines(first, behind),
            Place::Map(number) => {
                wire::Place::Tokens(tokens.get(&number).ok_or("the source map does not tell where it is")?.clone())
            }
        };
        Ok(PartText { name: &self.name, version, file, original: Text::of(file, original), place })
    }
}

impl Chunk {
    /// Its source map, if it has one. Fails where nothing can be inserted into it.
    fn map_if_fit(&self, plan: &Rewriting, build: &Overlay<'_>) -> Result<Option<Map>, String> {
        let made = |kind| !matches!(kind, ChangeKind::Repointed | ChangeKind::MovedEntry);
        if plan.changes.iter().any(|change| change.path == self.path && made(change.kind)) {
            return Err("it is a module that presentry makes".to_owned());
        }
        if !is_es_module(self.path.as_str(), &self.text) {
            return Err("the chunk is not an ES module".to_owned());
        }
        let (built, text) = built_as(&self.path, plan);
        if text.is_some_and(|text| text.lines().count() != self.text.lines().count()) {
            return Err("lines are taken out of the entry when it moves".to_owned());
        }
        match Map::of(built, &self.text, build)? {
            Some(map) if moved_by_insertions(&map.text, &[]).is_none() => {
                Err("its source map has another form than the one that is known".to_owned())
            }
            map => Ok(map),
        }
    }

    /// What its source map tells of these parts, by the number of their files. Fails where nothing can be inserted into it.
    fn tokens(
        &self,
        parts: &[&Part],
        plan: &Rewriting,
        build: &Overlay<'_>,
    ) -> Result<BTreeMap<u32, Vec<Token>>, String> {
        let map = self.map_if_fit(plan, build)?;
        let mut found: BTreeMap<u32, Vec<Token>> = BTreeMap::new();
        let wanted: BTreeSet<u32> = parts.iter().filter_map(|part| part.place.in_map()).collect();
        let map = map.filter(|_| !wanted.is_empty()).and_then(|map| SourceMap::from_slice(map.text.as_bytes()).ok());
        // Where the entry asks whether it is the main module, its line is another one since it was built.
        let lines = built_as(&self.path, plan).1.into_iter().flat_map(str::lines).zip(self.text.lines()).zip(0..);
        let changed: BTreeSet<u32> =
            lines.filter(|((was, is), _)| was.len() != is.len()).map(|(_, line)| line).collect();
        for token in map.iter().flat_map(SourceMap::tokens).filter(|token| wanted.contains(&token.get_src_id())) {
            let ((line, column), (source_line, source_column)) = (token.get_dst(), token.get_src());
            if changed.contains(&line) {
                continue;
            }
            found.entry(token.get_src_id()).or_default().push([line, column, source_line, source_column]);
        }
        Ok(found)
    }

    /// The chunk with channels, and the map beside it, if there is one. What it publishes is noted by the caller.
    fn injected(
        &self,
        made: &MadeChunk,
        module: &ModulePath,
        plan: &Rewriting,
        build: &Overlay<'_>,
    ) -> Result<(Vec<u8>, Option<MapFile>), String> {
        let import = import_of_channels(&self.text, &self.path, module, &made.names);
        let edits = made.edits.iter().map(|edit| Insertion {
            line: edit.line,
            column: edit.column,
            text: edit.insert.clone(),
            instead_of: edit.remove.clone(),
        });
        let insertions: Vec<Insertion> = std::iter::once(import).chain(edits).collect();
        let mut text = with_insertions(&self.text, &insertions).ok_or("what was to be inserted does not fit")?;
        let (record, errors) = presentry_parser::parse(&text);
        if let Some(error) = errors.first() {
            return Err(format!("it cannot be parsed with channels: {error}"));
        }
        let Some(map) = Map::of(built_as(&self.path, plan).0, &self.text, build)? else {
            return Ok((text.into_bytes(), None));
        };
        let moved = moved_by_insertions(&map.text, &insertions);
        let moved = moved.ok_or("its source map has a place that cannot be read")?;
        match map.place {
            MapPlace::Beside(path) => Ok((text.into_bytes(), Some((path, moved.into_bytes())))),
            MapPlace::Inline => {
                let place = record.source_mapping_url.and_then(|url| inline_map(&text, &url));
                text.replace_range(place.ok_or("its source map was lost")?, &BASE64.encode(moved));
                Ok((text.into_bytes(), None))
            }
        }
    }
}

/// How a module was built: under which name, and with which text where that is not the name it has in a plan.
fn built_as<'a>(path: &'a ModulePath, plan: &'a Rewriting) -> (&'a ModulePath, Option<&'a str>) {
    let is_moved = plan.changes.iter().any(|change| change.path == *path && change.kind == ChangeKind::MovedEntry);
    let facade = plan.changes.iter().find(|change| is_moved && change.kind == ChangeKind::Facade);
    let before = facade.and_then(|facade| std::str::from_utf8(facade.before.as_deref()?).ok());
    (facade.map_or(path, |facade| &facade.path), before)
}

impl Map {
    /// The source map of a chunk that was built under a name; `None` where it has none.
    fn of(chunk: &ModulePath, text: &str, build: &Overlay<'_>) -> Result<Option<Self>, String> {
        const URL: &str = "//# sourceMappingURL=";
        let not_text = |_| "its source map is not text".to_owned();
        // A library that writes such maps has the beginning of one in a string.
        let inline = text.contains("sourceMappingURL=data:").then(|| presentry_parser::parse(text).0);
        let inline = inline.and_then(|record| record.source_mapping_url);
        if let Some(place) = inline.as_ref().and_then(|url| inline_map(text, url)) {
            let map = BASE64.decode(&text[place]).map_err(|error| format!("its source map cannot be read: {error}"))?;
            return Ok(Some(Self { text: String::from_utf8(map).map_err(not_text)?, place: MapPlace::Inline }));
        }
        let name = format!("{}.map", chunk.file_name());
        let last = || text.rfind(URL).map(|at| text[at + URL.len()..].lines().next().unwrap_or_default().trim());
        let url = inline.as_ref().map(|url| url.value.as_str()).or_else(last);
        if url.is_some_and(|url| url != name) {
            return Err("its source map is neither in it nor the file beside it".to_owned());
        }
        let path = chunk.sibling(&name).map_err(|error| error.to_string())?;
        let Some(bytes) = build.read(&path).map_err(|error| error.to_string())? else { return Ok(None) };
        let text = String::from_utf8(bytes.into_owned()).map_err(not_text)?;
        Ok(Some(Self { text, place: MapPlace::Beside(path) }))
    }
}

/// Where the base 64 of a map stands that is in the module itself.
fn inline_map(text: &str, url: &Annotation) -> Option<Range<usize>> {
    let (kind, map) = url.value.split_once(',')?;
    (kind.starts_with("data:application/json") && kind.ends_with(";base64")).then_some(())?;
    let start = url.span.start + url.span.of(text).find(map)?;
    Some(start..start + map.len())
}

impl Left {
    fn of(name: &str, chunk: &Chunk, why: String) -> Self {
        Self { name: name.to_owned(), chunk: chunk.path.clone(), why }
    }
}

impl Wanted<'_> {
    /// Has what the SDK answered carried out. `module` is where the channels of all chunks are made.
    pub(super) fn injected(
        self,
        answer: &mut Answer,
        module: &ModulePath,
        plan: &Rewriting,
        build: &Overlay<'_>,
    ) -> Injection {
        let mut injection = Injection { left: self.left, ..Injection::default() };
        let made = std::mem::take(&mut answer.chunks);
        for ((chunk, given), mut made) in self.chunks.into_iter().zip(&self.given).zip(made) {
            let written = if made.edits.is_empty() { None } else { Some(chunk.injected(&made, module, plan, build)) };
            if let Some(Err(why)) = &written {
                fail(&mut made, why);
            }
            let mut channels = Vec::new();
            for (part, functions) in given.parts.iter().zip(made.parts) {
                let done = functions.iter().filter(|function| function.state == Fate::Injected);
                channels.extend(done.map(|function| (function.channel.clone(), function.function.clone())));
                if let Some(failed) = functions.iter().find(|function| function.state == Fate::Failed) {
                    let why = format!("`{}`: {}", failed.function, failed.why.as_deref().unwrap_or_default());
                    injection.left.push(Left::of(part.name, chunk, why));
                }
                let report = injection.report(chunk, part);
                report.functions.extend(functions.into_iter().map(|function| NamedFunction {
                    file: chunk.path.file_name().to_owned(),
                    function: function.function,
                    channel: function.channel,
                    state: function.state,
                    reason: function.why,
                }));
            }
            channels.dedup();
            if let Some(Ok((text, map))) = written {
                injection.files.insert(chunk.path.clone(), WithChannels { text, channels });
                injection.maps.extend(map);
            }
        }
        if let Some(text) = answer.module.take().filter(|_| !injection.files.is_empty()) {
            injection.files.insert(module.clone(), WithChannels { text: text.into_bytes(), channels: Vec::new() });
        }
        injection
    }
}

/// Takes back what was to be done in a chunk.
fn fail(made: &mut MadeChunk, why: &str) {
    for function in made.parts.iter_mut().flatten().filter(|function| function.state == Fate::Injected) {
        function.state = Fate::Failed;
        function.why = Some(why.to_owned());
    }
}

impl Injection {
    /// The report of a library in a chunk.
    fn report(&mut self, chunk: &Chunk, part: &PartText<'_>) -> &mut AheadReport {
        let directory = directory_of(&chunk.path);
        let same = |one: &AheadReport| one.name == part.name && one.directory.as_deref() == Some(directory);
        let at = self.reports.iter().position(same).unwrap_or_else(|| {
            self.reports.push(AheadReport {
                name: part.name.to_owned(),
                version: Some(part.version.clone()),
                directory: Some(directory.to_owned()),
                instrumented: Instrumented::Neither,
                reason: None,
                functions: Vec::new(),
            });
            self.reports.len() - 1
        });
        &mut self.reports[at]
    }
}

/// The directory of a chunk, relative to the server directory.
pub(super) fn directory_of(chunk: &ModulePath) -> &str {
    match chunk.directory() {
        "" => ".",
        directory => directory.trim_end_matches('/'),
    }
}

/// Whether Node runs a script of a build as an ES module. What is not called `.mjs` is known by its syntax.
fn is_es_module(name: &str, text: &str) -> bool {
    let (record, errors) = presentry_parser::parse(text);
    let has_syntax = !(record.requested_modules.is_empty()
        && record.local_export_entries.is_empty()
        && record.indirect_export_entries.is_empty());
    errors.is_empty() && !name.ends_with(".cjs") && (name.ends_with(".mjs") || has_syntax)
}

/// Before the name of a package in a path.
const MODULES: &str = "node_modules/";

/// What a chunk tells of a part.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// The file, relative to the directory of the app where it lies below it.
    file: String,
    place: Place,
    original: Option<String>,
}

/// The parts of a chunk that Rolldown tells of: it puts the path of a file before what it made of it, in a comment, and with
/// `//#region` before and `//#endregion` behind where it is told to (`module_banner` of Rolldown).
fn by_banners(text: &str) -> Vec<Told> {
    let mut parts = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let lines = text.lines().enumerate();
    let banners = lines.filter_map(|(number, line)| Some((number, banner(line)?)));
    for (number, banner) in banners.chain([(text.lines().count(), "")]) {
        if let Some((file, first)) = open.take().filter(|(file, _)| file.contains(MODULES)) {
            parts.push(Told { file: file.to_owned(), place: Place::Lines(first, number), original: None });
        }
        open = Some((banner, number + 1));
    }
    parts
}

/// The parts of a chunk in a directory that its source map tells of.
fn by_map(map: &str, directory: &Path, app: &Path) -> Vec<Told> {
    let Ok(map) = SourceMap::from_slice(map.as_bytes()) else { return Vec::new() };
    let told = (0..map.get_source_count()).filter_map(|number| {
        let source = map.get_source(number).filter(|source| source.contains(MODULES))?;
        let file = without_parents(&directory.join(source));
        let file = file.strip_prefix(app).unwrap_or(&file).to_str()?.replace('\\', "/");
        let original = map.get_source_contents(number).map(str::to_owned);
        Some(Told { file, place: Place::Map(number), original })
    });
    told.collect()
}

/// The path in a line that is a banner; nothing in it for one that ends a region.
fn banner(line: &str) -> Option<&str> {
    const EXTENSIONS: [&str; 12] =
        ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "json", "vue", "svelte", "astro"];
    if line.starts_with("//#endregion") {
        return Some("");
    }
    if let Some(path) = line.strip_prefix("//#region ") {
        return Some(path.trim_end());
    }
    let path = line.strip_prefix("// ")?.trim_end();
    let is_path = !path.contains(": ")
        && EXTENSIONS.iter().any(|extension| path.strip_suffix(extension).is_some_and(|stem| stem.ends_with('.')));
    (is_path || path.starts_with("\\0") || path.starts_with("virtual:") || path.starts_with('#')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: Vec<Told>) -> Vec<(String, Place)> {
        parts.into_iter().map(|part| (part.file, part.place)).collect()
    }

    #[test]
    fn banners_tell_the_parts() {
        let both = "//#region \\0rolldown/runtime.js\na();\n//#endregion\n//#region node_modules/pg/lib/client.js\nb();\n//#endregion\nc();\n";
        let client = "node_modules/pg/lib/client.js".to_owned();
        assert_eq!(told(by_banners(both)), [(client, Place::Lines(4, 5))]);
        let plain = "import 'x';\n// ../node_modules/.pnpm/a@1/node_modules/a/i.mjs\nb();\n// a remark: see x.js\nc();\n// src/x y.ts\nd();\n// node_modules/@s/b/i.js\ne();\n";
        let a = "../node_modules/.pnpm/a@1/node_modules/a/i.mjs".to_owned();
        let b = "node_modules/@s/b/i.js".to_owned();
        assert_eq!(told(by_banners(plain)), [(a, Place::Lines(2, 5)), (b, Place::Lines(8, 9))]);
        assert_eq!(by_banners("a();\n"), []);
    }

    #[test]
    fn a_map_tells_the_parts() {
        let sources = r#"["../../node_modules/a/i.js","../../src/x.ts","../../../node_modules/b/i.js"]"#;
        let map =
            format!(r#"{{"version":3,"sources":{sources},"sourcesContent":["a();"],"names":[],"mappings":"AAAA"}}"#);
        let found = by_map(&map, Path::new("/app/server/chunks"), Path::new("/app"));
        assert_eq!(found[0].original.as_deref(), Some("a();"));
        let [a, b] = ["node_modules/a/i.js", "/node_modules/b/i.js"].map(str::to_owned);
        assert_eq!(told(found), [(a, Place::Map(0)), (b, Place::Map(2))]);
        assert_eq!(by_map("", Path::new("/"), Path::new("/")), []);
    }

    #[test]
    fn files_belong_to_packages() {
        let mut found = Bundled::default();
        let app = Path::new("/app");
        let part = |found: &mut Bundled, file: &str| {
            let told = Told { file: file.to_owned(), place: Place::Lines(0, 1), original: None };
            found.part(app, told).map(|part| (part.package, part.file))
        };
        assert_eq!(part(&mut found, "node_modules/@s/b/lib/i.js"), Some((0, 0)));
        assert_eq!(part(&mut found, "node_modules/@s/b/j.js"), Some((0, 1)));
        assert_eq!(part(&mut found, "node_modules/x/node_modules/@s/b/j.js"), Some((1, 0)));
        assert_eq!(part(&mut found, "src/a.js"), None);
        assert_eq!(found.packages[1].directory, Path::new("/app/node_modules/x/node_modules/@s/b"));
        assert_eq!(found.packages[1].name, "@s/b");
    }
}
