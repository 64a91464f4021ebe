//! Text that goes into a module between what is there, on lines that are there, and what becomes of the module's source map.

use std::collections::BTreeMap;

/// A text that goes in at a place, and what makes room behind it: as many spaces stand for that then, so that only what is
/// inserted moves anything.
///
/// Places are counted from 0, in lines and in units of UTF-16, as source maps count them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// The line.
    pub line: usize,
    /// The unit of UTF-16 in it.
    pub column: usize,
    /// What goes in, without a line end.
    pub text: String,
    /// What stands there, without a line end: `async`, `*`, `super.name`, or nothing.
    pub instead_of: String,
}

/// A text with insertions, which are in the order of their places; `None` when one of them does not fit.
///
/// ```
/// # use presentry_rewriter::{Insertion, with_insertions};
/// let at = |column, text: &str, instead_of: &str| {
///     Insertion { line: 1, column, text: text.to_owned(), instead_of: instead_of.to_owned() }
/// };
/// let made = with_insertions("a;\nasync f() {}\n", &[at(0, "", "async"), at(8, "...a", "")]);
/// assert_eq!(made.as_deref(), Some("a;\n      f(...a) {}\n"));
/// assert_eq!(with_insertions("a;\n", &[at(9, "b", "")]), None);
/// ```
#[must_use]
pub fn with_insertions(text: &str, insertions: &[Insertion]) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> = lines
        .iter()
        .scan(0, |next, line| {
            let start = *next;
            *next += line.len();
            Some(start)
        })
        .collect();
    let mut made = String::with_capacity(text.len());
    let mut last = 0;
    for insertion in insertions {
        let Insertion { line, column, text: inserted, instead_of } = insertion;
        let at = starts.get(*line)? + byte_of(lines[*line].trim_end_matches('\n'), *column)?;
        if at < last || inserted.contains('\n') || instead_of.contains('\n') {
            return None;
        }
        let behind = text[at..].strip_prefix(instead_of.as_str())?;
        made.push_str(&text[last..at]);
        made.push_str(inserted);
        made.extend(std::iter::repeat_n(' ', instead_of.encode_utf16().count()));
        last = text.len() - behind.len();
    }
    made.push_str(&text[last..]);
    Some(made)
}

/// The byte at which a unit of UTF-16 starts.
fn byte_of(line: &str, column: usize) -> Option<usize> {
    let mut units = 0;
    let starts = line.char_indices().map(|(at, char)| (at, char.len_utf16())).chain([(line.len(), 0)]);
    for (at, width) in starts {
        if units == column {
            return Some(at);
        }
        units += width;
    }
    None
}

/// The source map of a module with insertions: every place is where it went. All but the mappings stays as it is. `None` when
/// the map has no mappings of its own, as an index map.
#[must_use]
pub fn moved_by_insertions(map: &str, insertions: &[Insertion]) -> Option<String> {
    let (before, mappings, behind) = split_at_mappings(map)?;
    let mut of_line: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for Insertion { line, column, text, .. } in insertions {
        of_line.entry(*line).or_default().push((*column, text.encode_utf16().count()));
    }
    let lines = mappings.split(';').enumerate().map(|(line, segments)| match of_line.get(&line) {
        Some(inserted) => moved_line(segments, inserted),
        None => Some(segments.to_owned()),
    });
    Some(format!("{before}{}{behind}", lines.collect::<Option<Vec<_>>>()?.join(";")))
}

/// The text of a map before, of, and behind the string of its mappings.
pub(crate) fn split_at_mappings(map: &str) -> Option<(&str, &str, &str)> {
    const MEMBER: &str = "\"mappings\"";
    // In the text of a source the quotes are escaped, and behind a name or a path there is no colon.
    let value = |at: usize| {
        let behind = map[at + MEMBER.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        (!map[..at].ends_with('\\')).then_some(map.len() - behind.len())
    };
    let start = map.match_indices(MEMBER).find_map(|(at, _)| value(at))?;
    let end = start + map[start..].find('"')?;
    Some((&map[..start], &map[start..end], &map[end..]))
}

/// The segments of a line. Each begins with its column, counted from that of the one before it; the rest has no columns of
/// this module in it.
fn moved_line(segments: &str, inserted: &[(usize, usize)]) -> Option<String> {
    let (mut column, mut moved_before) = (0i64, 0i64);
    let moved = segments.split(',').map(|segment| {
        if segment.is_empty() {
            return Some(String::new());
        }
        let (step, rest) = number(segment)?;
        column += step;
        let place = usize::try_from(column).ok()?;
        let by: usize = inserted.iter().filter(|(at, _)| *at <= place).map(|(_, length)| length).sum();
        let now = column + i64::try_from(by).ok()?;
        let step = now - std::mem::replace(&mut moved_before, now);
        Some(format!("{}{rest}", written(step)))
    });
    Some(moved.collect::<Option<Vec<_>>>()?.join(","))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Reads the first number of a segment (base 64 VLQ of the source map specification, ECMA-426).
fn number(segment: &str) -> Option<(i64, &str)> {
    let mut value = 0i64;
    for (at, byte) in segment.bytes().enumerate().take(7) {
        let digit = i64::try_from(DIGITS.iter().position(|digit| *digit == byte)?).ok()?;
        value |= (digit & 31) << (5 * at);
        if digit & 32 == 0 {
            let number = value >> 1;
            return Some((if value & 1 == 1 { -number } else { number }, &segment[at + 1..]));
        }
    }
    None
}

fn written(number: i64) -> String {
    let mut value = (number.unsigned_abs() << 1) | u64::from(number < 0);
    let mut text = String::new();
    loop {
        let digit = usize::try_from(value & 31).expect("five bits");
        value >>= 5;
        text.push(char::from(DIGITS[if value > 0 { digit | 32 } else { digit }]));
        if value == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insertion(line: usize, column: usize, text: &str) -> Insertion {
        Insertion { line, column, text: text.to_owned(), instead_of: String::new() }
    }

    #[test]
    fn columns_are_units_of_utf_16() {
        let made = with_insertions("'\u{1f600}ä' + f()\r\nb", &[insertion(0, 10, "x"), insertion(0, 11, "y")]);
        assert_eq!(made.as_deref(), Some("'\u{1f600}ä' + f(x)y\r\nb"));
        assert_eq!(with_insertions("'\u{1f600}'", &[insertion(0, 2, "x")]), None, "inside of a character");
        assert_eq!(with_insertions("a", &[insertion(0, 0, "x\ny")]), None);
        assert_eq!(with_insertions("ab", &[insertion(0, 1, "x"), insertion(0, 0, "y")]), None);
        let instead_of = |text: &str| Insertion { instead_of: text.to_owned(), ..insertion(0, 1, "x") };
        assert_eq!(with_insertions("a'ä'b", &[instead_of("'ä'")]).as_deref(), Some("ax   b"));
        assert_eq!(with_insertions("ab", &[instead_of("c")]), None);
        assert_eq!(with_insertions("a\nb", &[instead_of("\nb")]), None);
    }

    /// Every place of a text maps to the same source as before, wherever it went.
    #[test]
    fn a_map_stays_true() {
        let text = "const a = f(1), b = g(2);\nfoo(a, b);\nlast();\n";
        let mut builder = sourcemap::SourceMapBuilder::new(Some("chunk.mjs"));
        for (line, text) in text.lines().enumerate() {
            for column in (0..=text.len()).filter(|column| column % 2 == 0) {
                let [line, column] = [line, column].map(|number| u32::try_from(number).unwrap());
                builder.add(line, column, 100 - line, 7 * column, Some("a.js"), Some(&format!("n{column}")), false);
            }
        }
        let mut map = Vec::new();
        builder.into_sourcemap().to_writer(&mut map).unwrap();
        let map = String::from_utf8(map).unwrap();
        let insertions = [
            insertion(0, 0, "import 'x'; "),
            insertion(0, 12, &"y".repeat(700)),
            insertion(1, 10, "zz"),
            insertion(2, 1, "q"),
        ];
        let made = with_insertions(text, &insertions).unwrap();
        let moved = moved_by_insertions(&map, &insertions).unwrap();
        let [map, moved] = [map, moved].map(|map| sourcemap::SourceMap::from_slice(map.as_bytes()).unwrap());
        assert_eq!(map.get_token_count(), moved.get_token_count());
        for (before, after) in map.tokens().zip(moved.tokens()) {
            assert_eq!((before.get_src(), before.get_name()), (after.get_src(), after.get_name()));
            let rest = |text: &str, (line, column): (u32, u32)| {
                text.lines().nth(line as usize).unwrap()[column as usize..].chars().next()
            };
            assert_eq!(rest(text, before.get_dst()), rest(&made, after.get_dst()));
        }
        let index = r#"{"version":3,"sections":[]}"#;
        assert_eq!(moved_by_insertions(index, &insertions), None);
        assert_eq!(moved_by_insertions(r#"{"mappings":""}"#, &insertions).as_deref(), Some(r#"{"mappings":""}"#));
        assert_eq!(moved_by_insertions(r#"{"mappings":"!"}"#, &insertions), None);
        // The name is also that of a source and of a variable.
        let named = r#"{"sources":["mappings"],"names":["a","mappings"],"sourcesContent":["{\"mappings\":\"\"}"],"mappings" : "AAAA"}"#;
        assert_eq!(moved_by_insertions(named, &[]).as_deref(), Some(named));
        assert!(moved_by_insertions(named, &[insertion(0, 0, "ab")]).unwrap().ends_with("\"mappings\" : \"EAAA\"}"));
    }
}
