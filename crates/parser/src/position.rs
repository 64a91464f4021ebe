//! Turns byte offsets into the lines and columns that people and Node count in; knows text only, no syntax.

/// A place in a text as Node and editors show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in UTF-16 code units. A byte order mark has no column.
    pub column: usize,
}

/// The position of a byte offset. An offset past the end stands for the end, one within a character for its start.
///
/// Lines end where ECMAScript ends them: LF, CR, CRLF, U+2028, U+2029
/// ([LineTerminatorSequence](https://tc39.es/ecma262/#sec-line-terminators)).
///
/// ```
/// use presentry_parser::{Position, position};
///
/// assert_eq!(position("a;\r\n𝒳 = b;", 11), Position { line: 2, column: 6 });
/// ```
#[must_use]
pub fn position(text: &str, offset: usize) -> Position {
    let offset = floor_char_boundary(text, offset);
    let (line, start) = line_start(text, offset);
    let before = &text[start..offset];
    let before = if start == 0 { before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before) } else { before };
    Position { line, column: before.encode_utf16().count() + 1 }
}

/// The line in which a byte offset lies, without its line end and without a byte order mark.
///
/// ```
/// assert_eq!(presentry_parser::line_text("a;\r\nb;\n", 5), "b;");
/// ```
#[must_use]
pub fn line_text(text: &str, offset: usize) -> &str {
    let offset = floor_char_boundary(text, offset);
    let (_, start) = line_start(text, offset);
    let line = &text[start..];
    let line = &line[..line.find(is_line_terminator).unwrap_or(line.len())];
    if start == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line }
}

pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

pub(crate) fn is_line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The number of the line that holds `offset`, and where that line starts. The LF of a CRLF belongs to the line it ends.
fn line_start(text: &str, offset: usize) -> (usize, usize) {
    let (mut line, mut start) = (1, 0);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if !is_line_terminator(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && rest.next_if(|&(_, next)| next == '\n').is_some() {
            end += 1;
        }
        if end > offset {
            break;
        }
        (line, start) = (line + 1, end);
    }
    (line, start)
}
