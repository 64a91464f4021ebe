//! The modules that import the entry back: who they are, and how their specifiers are made to name the moved entry.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    rc::Rc,
};

use presentry_parser::{Span, StringLiteral};

use crate::{
    diagnostics::{Diagnostic, codes},
    edits::TextEdit,
    graph::{Graph, Module},
    prefilter::Wanted,
    sources::ModulePath,
    specifier::{Target, encode_segment},
};

/// A module of the runtime that imports the entry, with the specifiers that name it.
#[derive(Debug)]
pub(crate) struct BackImporter {
    pub(crate) module: Rc<Module>,
    pub(crate) specifiers: Vec<StringLiteral>,
}

/// Finds every module that is loaded by the entry, statically or dynamically, and names the entry in an import. The
/// entry itself may be one.
///
/// A module that names the entry but is not loaded by it stands in front of it: Netlify's `server.mjs`, a launcher. It
/// has to keep naming the facade.
pub(crate) fn back_importers(
    graph: &Graph<'_>,
    entry: &ModulePath,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<BackImporter>, Box<Diagnostic>> {
    let leading = Leading::to(graph, entry)?;
    if let Some((module, span)) = &leading.leaving {
        return Err(Box::new(codes::unrepointable_specifier(module, *span)));
    }
    let loaded = leading.loaded_by(entry);
    let mut found = Vec::new();
    for path in leading.naming_entry.iter().filter(|path| loaded.contains(*path)) {
        let Some(module) = graph.load(path)? else { continue };
        for reference in &module.record.url_references {
            if graph.resolve(&module.path, &reference.specifier.value) == Target::File(entry.clone()) {
                warnings.push(codes::entry_url(&module, reference.span));
            }
        }
        let names_entry =
            |specifier: &&StringLiteral| graph.resolve(&module.path, &specifier.value) == Target::File(entry.clone());
        let specifiers: Vec<StringLiteral> = specifiers(&module).filter(names_entry).cloned().collect();
        if !specifiers.is_empty() {
            found.push(BackImporter { module, specifiers });
        }
    }
    Ok(found)
}

/// The modules from which imports lead to the entry. Few modules have to be parsed to know them: those that hold the
/// name of the entry, then those that hold the name of one of these, and so on.
struct Leading {
    /// For each module, those of its imports that are the entry or lead to it.
    imported: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    /// The modules that name the entry, in an import or by its URL, in path order.
    naming_entry: BTreeSet<ModulePath>,
    /// A specifier that leaves the server directory and ends in the name of the entry: it may come back in.
    leaving: Option<(Rc<Module>, Span)>,
}

impl Leading {
    fn to(graph: &Graph<'_>, entry: &ModulePath) -> Result<Self, Box<Diagnostic>> {
        let unreadable = |error| Box::new(codes::unreadable(&error));
        let scripts = graph.sources().scripts().map_err(unreadable)?;
        // The entry first: as soon as it leads to all that name it, the rest of the build need not be looked at.
        let (entry_itself, others): (Vec<_>, Vec<_>) = scripts.into_iter().partition(|script| script == entry);
        let mut leading = Self { imported: BTreeMap::new(), naming_entry: BTreeSet::new(), leaving: None };
        let mut known = BTreeSet::from([entry.clone()]);
        let mut wanted = known.clone();
        let mapped = graph.packages().map_own_modules();
        while !wanted.is_empty() {
            let sought = Wanted::new(&wanted);
            let may_name = |script: &ModulePath, bytes: &[u8]| mapped || sought.may_be_named_in(script, bytes);
            let first_wave = known.len() == 1;
            let mut next = BTreeSet::new();
            for scripts in [&entry_itself, &others] {
                for script in graph.sources().filter(scripts, &may_name).map_err(unreadable)? {
                    if let Some(module) = graph.load(&script)?
                        && leading.note(graph, &module, &wanted, entry)
                        && known.insert(script.clone())
                    {
                        next.insert(script);
                    }
                }
                if !first_wave && leading.naming_entry.is_subset(&leading.loaded_by(entry)) {
                    return Ok(leading);
                }
            }
            wanted = next;
        }
        Ok(leading)
    }

    /// Notes which of the wanted modules a module names; whether there are any.
    fn note(
        &mut self,
        graph: &Graph<'_>,
        module: &Rc<Module>,
        wanted: &BTreeSet<ModulePath>,
        entry: &ModulePath,
    ) -> bool {
        let path = &module.path;
        let named = specifiers(module).filter_map(|specifier| match graph.resolve(path, &specifier.value) {
            Target::File(file) => Some(file),
            _ => None,
        });
        let named: BTreeSet<ModulePath> = named.filter(|file| wanted.contains(file)).collect();
        let mut references = module.record.url_references.iter();
        let names_by_url =
            references.any(|reference| graph.resolve(path, &reference.specifier.value) == Target::File(entry.clone()));
        let leaves = |specifier: &&StringLiteral| match graph.resolve(path, &specifier.value) {
            Target::Elsewhere(reference) => {
                reference.starts_with('.') && reference[last_segment(&reference)] == *entry.file_name()
            }
            _ => false,
        };
        if let (None, Some(specifier)) = (&self.leaving, specifiers(module).find(leaves)) {
            self.leaving = Some((module.clone(), specifier.span));
        }
        let names_entry = named.contains(entry) || names_by_url;
        if names_entry {
            self.naming_entry.insert(path.clone());
        }
        let any = names_entry || !named.is_empty();
        if !named.is_empty() {
            self.imported.entry(path.clone()).or_default().extend(named);
        }
        any
    }

    /// The modules that the entry loads, among those that lead back to it; the entry is one.
    fn loaded_by(&self, entry: &ModulePath) -> BTreeSet<ModulePath> {
        let mut loaded = BTreeSet::new();
        let mut queue = vec![entry.clone()];
        while let Some(path) = queue.pop() {
            if loaded.insert(path.clone()) {
                queue.extend(self.imported.get(&path).into_iter().flatten().cloned());
            }
        }
        loaded
    }
}

/// The specifiers of a module's imports, static ones first.
pub(crate) fn specifiers(module: &Module) -> impl Iterator<Item = &StringLiteral> {
    let requested = module.record.requested_modules.iter().map(|request| &request.specifier);
    requested.chain(module.record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref()))
}

/// The edit that makes a specifier name a sibling of the file it names now, without changing the length of the line:
/// so every position in the source map of the module stays true. `None` when that cannot be done.
///
/// `file_name` must not be longer than the name it replaces; [`moved_name`] gives such names.
pub(crate) fn repoint(text: &str, specifier: &StringLiteral, file_name: &str) -> Option<TextEdit> {
    let inner = Span { start: specifier.span.start + 1, end: specifier.span.end - 1 };
    let raw = inner.of(text);
    if raw.contains(['\n', '\r']) {
        return None;
    }
    let name = encode_segment(file_name);
    if !raw.contains('\\') {
        let segment = last_segment(raw);
        let span = Span { start: inner.start + segment.start, end: inner.start + segment.end };
        let missing = utf16_length(span.of(text)).checked_sub(utf16_length(&name))?;
        return Some(TextEdit { span, replacement: padded(name, missing) });
    }
    // An escape may stand for a separator, so the value is written anew.
    let segment = last_segment(&specifier.value);
    let quote = specifier.span.of(text).chars().next()?;
    let before = escaped(&specifier.value[..segment.start], quote);
    let after = escaped(&specifier.value[segment.end..], quote);
    let missing = utf16_length(raw).checked_sub(utf16_length(&before) + utf16_length(&name) + utf16_length(&after))?;
    Some(TextEdit { span: inner, replacement: format!("{before}{}{after}", padded(name, missing)) })
}

/// The last segment of a relative reference: behind the last separator before a query or fragment. A backslash is a
/// separator in `file:` URLs.
fn last_segment(reference: &str) -> Range<usize> {
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let start = reference[..end].rfind(['/', '\\']).map_or(0, |separator| separator + 1);
    start..end
}

/// A path segment in a string literal, made longer without another meaning: `\x65` for `e` is three longer, `./` in front
/// two, a needless backslash one.
pub(crate) fn padded(mut segment: String, mut missing: usize) -> String {
    if missing % 2 == 1 && missing >= 3 && segment.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let first = segment.remove(0);
        segment.insert_str(0, &format!("\\x{:02x}", u32::from(first)));
        missing -= 3;
    }
    segment.insert_str(0, &"./".repeat(missing / 2));
    if missing % 2 == 1 {
        let end = segment.rfind('.').unwrap_or(0);
        segment.insert(end, '\\');
    }
    segment
}

/// A piece of a string literal, with no more escapes than it needs.
fn escaped(value: &str, quote: char) -> String {
    let mut literal = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\\' => literal.push_str("\\\\"),
            '$' if quote == '`' => literal.push_str("\\$"),
            c if c == quote => literal.extend(['\\', c]),
            c => literal.push(c),
        }
    }
    literal
}

/// A free name for the moved entry beside the entry. It has the same length in UTF-16 code units as the entry's where
/// `same_length` asks for it, the same extension, and is chosen the same way every time.
pub(crate) fn moved_name(entry: &ModulePath, same_length: bool, taken: &dyn Fn(&str) -> bool) -> Option<String> {
    let name = entry.file_name();
    let (stem, extension) =
        name.rsplit_once('.').map_or((name, String::new()), |(stem, ext)| (stem, format!(".{ext}")));
    let length = if same_length { utf16_length(stem) } else { "entry".len() };
    (0..10_000).find_map(|attempt| {
        let number = if attempt == 0 { String::new() } else { attempt.to_string() };
        let letters = length.checked_sub(number.len())?;
        // One letter at least, so that the name never starts with a digit.
        if letters == 0 {
            return None;
        }
        let word: String = "entry".chars().chain(std::iter::repeat('_')).take(letters).collect();
        let candidate = format!("{word}{number}{extension}");
        (candidate != name && !taken(&candidate)).then_some(candidate)
    })
}

pub(crate) fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edits::apply, specifier::resolve};

    #[track_caller]
    fn check(literal: &str, name: &str, expected: &str) {
        let text = format!("import {literal}; rest");
        let (record, errors) = presentry_parser::parse(&text);
        assert_eq!(errors, []);
        let specifier = &record.requested_modules[0].specifier;
        let edited = apply(&text, vec![repoint(&text, specifier, name).unwrap()]);
        assert_eq!(edited, format!("import {expected}; rest"));
        assert_eq!(utf16_length(&edited), utf16_length(&text), "the rest of the line moved");
        let (record, errors) = presentry_parser::parse(&edited);
        assert_eq!(errors, []);
        let importer = ModulePath::new("a/b/c.mjs").unwrap();
        let Target::File(target) = resolve(&importer, &record.requested_modules[0].specifier.value) else {
            panic!("no file");
        };
        assert_eq!(target.file_name(), name);
    }

    #[test]
    fn repointing_keeps_every_position() {
        check("'../../index.mjs'", "entry.mjs", "'../../entry.mjs'");
        check(r#""./index.mjs?v=1#x""#, "entry.mjs", r#""./entry.mjs?v=1#x""#);
        check("'./%69ndex.mjs'", "entry.mjs", "'././entry.mjs'");
        check(r"'./\x69ndex.mjs'", "entry.mjs", r"'./\x65ntry.mjs'");
        check(r"'./i\ndex.mjs'", "entry.mjs", r"'./entry\.mjs'");
        check("'./gr\u{fc}n.mjs'", "entr.mjs", "'./entr.mjs'");
        check("'./gr%C3%BCn.mjs'", "entr.mjs", r"'././\x65ntr.mjs'");
        check("'./%5B...404%5D.mjs'", "entry___.mjs", "'./././entry___.mjs'");
        check(r"'..\u002findex.%6Djs?v=1'", "entry.mjs", r"'../././\x65ntry.mjs?v=1'");
        check(r"'./functions\\index.mjs'", "entry.mjs", r"'./functions\\entry.mjs'");
        check(r"'./index.mjs\u003fv=1'", "entry.mjs", r"'././\x65ntry.mjs?v=1'");
        check(r#""./it\'s/index.mjs""#, "entry.mjs", r#""./it's/entry\.mjs""#);
    }

    #[test]
    fn specifiers_over_several_lines_are_left_alone() {
        let text = "import './\\x69ndex.m\\\njs';";
        let (record, errors) = presentry_parser::parse(text);
        assert_eq!(errors, []);
        assert_eq!(repoint(text, &record.requested_modules[0].specifier, "entry.mjs"), None);
    }

    #[test]
    fn names_for_the_moved_entry() {
        let free = |_: &str| false;
        let name = |entry: &str, same_length: bool, taken: &[&str]| {
            moved_name(&ModulePath::new(entry).unwrap(), same_length, &|name| taken.contains(&name))
        };
        assert_eq!(moved_name(&ModulePath::new("index.mjs").unwrap(), true, &free).as_deref(), Some("entry.mjs"));
        assert_eq!(name("index.mjs", true, &["entry.mjs"]).as_deref(), Some("entr1.mjs"));
        assert_eq!(name("main.mjs", true, &[]).as_deref(), Some("entr.mjs"));
        assert_eq!(name("main.mjs", false, &[]).as_deref(), Some("entry.mjs"));
        assert_eq!(name("server.mjs", true, &[]).as_deref(), Some("entry_.mjs"));
        assert_eq!(name("entry.mjs", true, &[]).as_deref(), Some("entr1.mjs"));
        assert_eq!(name("gr\u{fc}n.js", true, &[]).as_deref(), Some("entr.js"));
        assert_eq!(name("e.mjs", true, &[]), None);
    }
}
