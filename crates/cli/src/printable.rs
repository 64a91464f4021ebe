//! Text that someone else wrote, as it can be shown. No decisions.

/// Text that someone else wrote, as it can be shown on one line of a terminal: what would move the cursor, change colours
/// or turn the direction of writing is written out, and long text is cut.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::new();
    for character in text.chars().take(LONGEST) {
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            _ if character.is_control() || hidden => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    // GitHub reads commands of an old form anywhere in a line.
    shown.replace("##[", "# #[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(printable("GET /grün ✓"), "GET /grün ✓");
        assert_eq!(printable("a\u{1b}[31mb\r\nc\u{9b}d"), "a\\u{1b}[31mb\\u{d}\\nc\\u{9b}d");
        assert_eq!(printable("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        assert_eq!(printable("##[error]x"), "# #[error]x");
        assert_eq!(printable(&"x".repeat(201)).chars().count(), 201);
    }
}
