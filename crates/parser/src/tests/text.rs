//! Lines and columns.

use crate::{Position, line_text, position};

#[track_caller]
fn check(text: &str, offset: usize, line: usize, column: usize, of: &str) {
    assert_eq!(position(text, offset), Position { line, column });
    assert_eq!(line_text(text, offset), of);
}

#[test]
fn lines_end_where_the_language_ends_them() {
    let text = "a\nb\rc\r\nd\u{2028}e\u{2029}f";
    for (line, name) in (1..).zip(["a", "b", "c", "d", "e", "f"]) {
        check(text, text.find(name).unwrap(), line, 1, name);
    }
}

#[test]
fn a_line_end_belongs_to_its_line() {
    check("ab\r\ncd", 2, 1, 3, "ab");
    check("ab\r\ncd", 3, 1, 4, "ab");
    check("ab\r\ncd", 4, 2, 1, "cd");
    check("a\n\n", 2, 2, 1, "");
    check("a\n\n", 3, 3, 1, "");
}

#[test]
fn columns_count_code_units() {
    check("'ä名𝒳' x", "'ä名𝒳' ".len(), 1, 8, "'ä名𝒳' x");
}

#[test]
fn a_byte_order_mark_has_no_column() {
    check("\u{feff}a\nb", 0, 1, 1, "a");
    check("\u{feff}a\nb", 3, 1, 1, "a");
    check("\u{feff}a\nb", 4, 1, 2, "a");
    check("\u{feff}a\nb", 5, 2, 1, "b");
    check("a\n\u{feff}b", 5, 2, 2, "\u{feff}b");
}

#[test]
fn offsets_out_of_place() {
    check("ab", 99, 1, 3, "ab");
    check("", 0, 1, 1, "");
    check("𝒳", 2, 1, 1, "𝒳");
}
