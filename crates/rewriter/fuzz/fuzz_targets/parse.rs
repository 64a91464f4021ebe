//! Any text is parsed and analyzed without a panic, and every span lies on it.

#![no_main]

use std::{panic, sync::Once};

use libfuzzer_sys::fuzz_target;
use presentry_parser::{ModuleRecord, Span, StringLiteral, analyze, outline, parse};

static HOOK: Once = Once::new();

fuzz_target!(|data: &[u8]| {
    // The hook of libFuzzer aborts at once, also where the parser turns a panic of its library into an error.
    HOOK.call_once(|| drop(panic::take_hook()));
    let text = String::from_utf8_lossy(data);
    let (record, errors) = parse(&text);
    for error in &errors {
        check(&text, error.span);
    }
    spans(&text, &record);
    if errors.is_empty() {
        let (outline, errors) = outline(&text);
        assert!(errors.is_empty());
        assert_eq!(outline.links.requested_modules, record.requested_modules);
        assert_eq!(outline.links.local_export_entries, record.local_export_entries);
    }
    let (analysis, analysis_errors) = analyze(&text);
    assert_eq!(analysis.record, record);
    assert_eq!(analysis_errors, errors);
    for binding in &analysis.bindings {
        check(&text, binding.span);
    }
});

fn spans(text: &str, record: &ModuleRecord) {
    let mut all: Vec<Span> = record.statements.clone();
    all.extend(record.hashbang);
    all.extend(record.directives.iter().map(|directive| directive.span));
    all.extend(record.requested_modules.iter().map(|request| request.statement));
    all.extend(record.import_entries.iter().map(|entry| entry.span));
    all.extend(record.local_export_entries.iter().flat_map(|entry| [entry.span, entry.export_name.span]));
    all.extend(record.indirect_export_entries.iter().flat_map(|entry| [entry.span, entry.export_name.span]));
    all.extend(record.dynamic_imports.iter().flat_map(|import| [import.span, import.argument]));
    all.extend(record.url_references.iter().map(|reference| reference.span));
    all.extend(record.import_metas.iter().map(|meta| meta.span));
    all.extend(record.main_checks.iter().chain(&record.top_level_awaits));
    all.extend(record.source_mapping_url.iter().chain(&record.debug_id).map(|annotation| annotation.span));
    for span in all {
        check(text, span);
    }
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    let named = record.url_references.iter().map(|reference| &reference.specifier);
    for literal in requested.chain(imported).chain(named) {
        quoted(text, literal);
    }
}

/// An edit of a specifier keeps its quotes, so they have to be where the span says.
fn quoted(text: &str, literal: &StringLiteral) {
    check(text, literal.span);
    let quote = literal.span.of(text).chars().next();
    assert!(matches!(quote, Some('"' | '\'' | '`')), "{literal:?}");
    assert!(literal.span.end - literal.span.start >= 2 && literal.span.of(text).ends_with(quote.unwrap()));
}

fn check(text: &str, span: Span) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is no range of a text of {} bytes", text.len());
}
