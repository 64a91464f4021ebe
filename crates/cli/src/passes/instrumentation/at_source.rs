//! Diagnostics of a compiled instrumentation, at the places of its sources: what was compiled is not on the disk.

use std::fs;

use presentry_parser::Span;
use presentry_rewriter::diagnostics::{Diagnostic, Label, Subject, call_it_in};
use sourcemap::SourceMap;

use super::{Origin, Provided};

/// Has diagnostics name the sources of an instrumentation that was compiled.
pub(super) fn named(diagnostics: &mut [Diagnostic], provided: &Provided) {
    let Origin::Source { file } = &provided.origin else { return };
    for diagnostic in diagnostics {
        if diagnostic.subject.as_deref() == Some(&Subject::NoInit) {
            diagnostic.hint = Some(call_it_in(file));
        }
        for label in &mut diagnostic.labels {
            if let Some(at_source) = at_source(label, provided) {
                *label = at_source;
            }
        }
    }
}

/// The same place in the source, if the label is in a module that was compiled.
fn at_source(label: &Label, provided: &Provided) -> Option<Label> {
    let file = |path: &str| provided.files.iter().find(|file| label.in_build && file.path.as_str() == path);
    let from = &file(&label.path)?.from;
    let map = SourceMap::from_slice(&file(&format!("{}.map", label.path))?.bytes).ok()?;
    let number = |one_based: usize| u32::try_from(one_based - 1).ok();
    let token = map.lookup_token(number(label.position.line)?, number(label.position.column)?)?;
    let text = fs::read_to_string(from).ok()?;
    let start = offset(&text, token.get_src_line(), token.get_src_col())?;
    // As long as in what was compiled, which may end within a character of the source.
    let end = text.floor_char_boundary(start + (label.span.end - label.span.start));
    Some(Label::in_file(from, &text, Span { start, end }, label.message.clone()))
}

/// The byte at a line and a column, both from zero; columns are counted in UTF-16.
fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let mut lines = text.split_inclusive('\n');
    let skipped: usize = lines.by_ref().take(line.try_into().ok()?).map(str::len).sum();
    let line = lines.next()?;
    let mut left = usize::try_from(column).ok()?;
    let before = line.chars().take_while(|one| {
        let is_before = left > 0;
        left = left.saturating_sub(one.len_utf16());
        is_before
    });
    Some(skipped + before.map(char::len_utf8).sum::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_counted_in_utf_16() {
        let text = "a\n😀b();\n";
        assert_eq!(offset(text, 0, 0), Some(0));
        assert_eq!(offset(text, 1, 2), Some(2 + "😀".len()));
        assert_eq!(offset(text, 1, 99), Some(text.len()));
        assert_eq!(offset(text, 7, 0), None);
    }
}
