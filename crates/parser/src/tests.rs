//! The checks that all tests of the parser share: a record as text, and what holds for the spans of every record.

mod analysis;
mod app_config;
mod compile;
mod dynamic;
mod errors;
mod evaluation;
mod exports;
mod floating;
mod hiding;
mod imports;
mod outline;
mod robustness;
mod text;

use std::fmt::Write;

use expect_test::Expect;

use crate::{ImportName, ModuleRecord, Phase, Span, StringLiteral, SyntaxError, analyze, parse, position};

/// Compares the record and the errors of a module, as text, with what is expected.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let (record, errors) = parse(text);
    sound(text, &record, &errors);
    assert_eq!(analyze(text).0.record, record, "`analyze` gives another record");
    outline::same(text);
    expected.assert_eq(&(render(text, &record) + &render_errors(text, &errors)));
}

/// What holds for every record: spans can be sliced, and what they cover is what was read.
#[track_caller]
fn sound(text: &str, record: &ModuleRecord, errors: &[SyntaxError]) {
    let literal = |literal: &StringLiteral| {
        assert_eq!(evaluate(literal.span.of(text)).as_deref(), Some(&*literal.value));
    };
    for request in &record.requested_modules {
        literal(&request.specifier);
        assert!(["import", "export"].iter().any(|word| request.statement.of(text).starts_with(word)));
        assert!(within(request.specifier.span, request.statement));
    }
    for entry in &record.import_entries {
        let statement = record.requested_modules[entry.request].statement;
        assert!(within(entry.span, statement));
        if let ImportName::Name(name) = &entry.import_name {
            assert!(within(name.span, entry.span));
        }
    }
    for entry in &record.local_export_entries {
        assert!(within(entry.export_name.span, entry.span));
        name(text, entry.export_name.span, &entry.export_name.value);
    }
    for entry in &record.indirect_export_entries {
        assert!(within(entry.export_name.span, entry.span));
        name(text, entry.export_name.span, &entry.export_name.value);
    }
    for import in &record.dynamic_imports {
        assert!(import.span.of(text).starts_with("import"));
        assert!(within(import.argument, import.span));
        if let Some(specifier) = &import.specifier {
            literal(specifier);
            assert!(within(specifier.span, import.argument));
        }
    }
    for reference in &record.url_references {
        literal(&reference.specifier);
        assert!(within(reference.specifier.span, reference.span));
    }
    for directive in &record.directives {
        assert!(directive.span.of(text).contains(&directive.value));
    }
    for annotation in record.source_mapping_url.iter().chain(&record.debug_id) {
        assert!(annotation.span.of(text).starts_with('/') && annotation.span.of(text).contains(&annotation.value));
    }
    let metas = record.import_metas.iter().map(|meta| meta.span);
    let spans = metas.chain(record.main_checks.iter().copied()).chain(record.top_level_awaits.iter().copied());
    for span in spans.chain(record.hashbang).chain(errors.iter().map(|error| error.span)) {
        assert!(text.get(span.start..span.end).is_some(), "{span:?} cuts a character");
    }
}

fn within(inner: Span, outer: Span) -> bool {
    outer.start <= inner.start && inner.start <= inner.end && inner.end <= outer.end
}

/// Checks that a name is what its span covers.
#[track_caller]
fn name(text: &str, span: Span, value: &str) {
    let written = span.of(text);
    if written.starts_with(['"', '\'']) {
        assert_eq!(evaluate(written).as_deref(), Some(value));
    } else if !written.contains('\\') {
        assert_eq!(written, value);
    }
}

/// The value of a string literal or a template without substitutions, found by rules of its own.
fn evaluate(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let content = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    let content = if quote == '`' { content.replace("\r\n", "\n").replace('\r', "\n") } else { content.to_owned() };
    let mut units: Vec<u16> = Vec::new();
    let mut rest = content.chars();
    while let Some(c) = rest.next() {
        let mut push = |c: char| units.extend(c.encode_utf16(&mut [0; 2]).iter());
        if c != '\\' {
            push(c);
            continue;
        }
        match rest.next()? {
            'n' => push('\n'),
            't' => push('\t'),
            'r' => push('\r'),
            '0' => push('\0'),
            '\n' => {}
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                units.push(u16::from_str_radix(&digits, 16).ok()?);
            }
            'u' if rest.as_str().starts_with('{') => {
                let digits: String = rest.by_ref().skip(1).take_while(|&c| c != '}').collect();
                push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            'u' => {
                let digits: String = rest.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).ok()?);
            }
            other => push(other),
        }
    }
    Some(String::from_utf16_lossy(&units))
}

fn render(text: &str, record: &ModuleRecord) -> String {
    let mut out = String::new();
    let at = |span: Span| format!("`{}`", visible(span.of(text)));
    if record.byte_order_mark {
        out += "byte order mark\n";
    }
    if let Some(span) = record.hashbang {
        writeln!(out, "hashbang {}", at(span)).unwrap();
    }
    for directive in &record.directives {
        writeln!(out, "directive {} {}", directive.value, at(directive.span)).unwrap();
    }
    for (index, request) in record.requested_modules.iter().enumerate() {
        write!(out, "request {index} {:?} {:?}", request.form, request.specifier.value).unwrap();
        if request.phase != Phase::Evaluation {
            write!(out, " {:?}", request.phase).unwrap();
        }
        for attribute in &request.attributes {
            write!(out, " {{{:?}: {:?}}}", attribute.key, attribute.value).unwrap();
        }
        writeln!(out, " {} {}", at(request.specifier.span), at(request.statement)).unwrap();
    }
    for entry in &record.import_entries {
        let (from, local) = (import_name(text, &entry.import_name), &entry.local_name);
        writeln!(out, "import {}.{from} as {local} {}", entry.request, at(entry.span)).unwrap();
    }
    for entry in &record.local_export_entries {
        let (name, local) = (&entry.export_name, entry.local_name.as_deref().unwrap_or("*default*"));
        writeln!(out, "local export {} of {local} {} {}", name.value, at(name.span), at(entry.span)).unwrap();
    }
    for entry in &record.indirect_export_entries {
        let (from, name) = (import_name(text, &entry.import_name), &entry.export_name);
        let (request, value) = (entry.request, &name.value);
        writeln!(out, "indirect export {value} of {request}.{from} {} {}", at(name.span), at(entry.span)).unwrap();
    }
    for entry in &record.star_export_entries {
        writeln!(out, "star export of {}", entry.request).unwrap();
    }
    for import in &record.dynamic_imports {
        write!(out, "dynamic import").unwrap();
        match &import.specifier {
            Some(specifier) => write!(out, " {:?} {}", specifier.value, at(specifier.span)).unwrap(),
            None => write!(out, " of {}", at(import.argument)).unwrap(),
        }
        if import.phase != Phase::Evaluation {
            write!(out, " {:?}", import.phase).unwrap();
        }
        let flags = [(import.has_options, "options"), (import.top_level, "top-level"), (import.awaited, "awaited")];
        for (_, flag) in flags.iter().filter(|(set, _)| *set) {
            write!(out, " {flag}").unwrap();
        }
        writeln!(out, " {}", at(import.span)).unwrap();
    }
    for reference in &record.url_references {
        let (specifier, form) = (&reference.specifier, reference.form);
        writeln!(out, "url {form:?} {:?} {} {}", specifier.value, at(specifier.span), at(reference.span)).unwrap();
    }
    for meta in &record.import_metas {
        writeln!(out, "import.meta {:?} {}", meta.property.as_deref().unwrap_or("-"), at(meta.span)).unwrap();
    }
    for span in &record.main_checks {
        writeln!(out, "main check {}", at(*span)).unwrap();
    }
    for span in &record.top_level_awaits {
        writeln!(out, "top-level await {}", at(*span)).unwrap();
    }
    for (name, annotation) in [("source map", &record.source_mapping_url), ("debug id", &record.debug_id)] {
        if let Some(annotation) = annotation {
            writeln!(out, "{name} {} {}", annotation.value, at(annotation.span)).unwrap();
        }
    }
    out
}

/// The text on one line.
fn visible(text: &str) -> String {
    let line_ends = [('\n', "\\n"), ('\r', "\\r"), ('\u{feff}', "<BOM>"), ('\u{2028}', "<LS>"), ('\u{2029}', "<PS>")];
    line_ends.iter().fold(text.to_owned(), |text, (from, to)| text.replace(*from, to))
}

fn import_name(text: &str, name: &ImportName) -> String {
    match name {
        ImportName::Name(name) => format!("{}(`{}`)", name.value, name.span.of(text)),
        ImportName::Namespace => "*".to_owned(),
        ImportName::Source => "source".to_owned(),
    }
}

fn render_errors(text: &str, errors: &[SyntaxError]) -> String {
    let mut out = String::new();
    for error in errors {
        let position = position(text, error.span.start);
        let kind = if error.fatal { "fatal" } else { "error" };
        let covered = visible(error.span.of(text));
        writeln!(out, "{kind} {}:{} {error} `{covered}`", position.line, position.column).unwrap();
    }
    out
}
