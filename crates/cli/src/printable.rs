//! Text that someone else wrote, as it can be shown. No decisions.

/// Text that someone else wrote, as it can be shown on one line of a terminal: as [`visible`], and long text is cut.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown: String = text.chars().take(LONGEST).collect();
    let cut = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("{}{cut}", visible(&shown))
}

/// Text on one line: what would end the line, move the cursor, change colours or turn the direction of writing is written out.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            _ if is_hidden(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    // GitHub reads commands of an old form anywhere in a line.
    shown.replace("##[", "# #[")
}

/// A line of code that stays as wide as it is: what [`visible`] writes out is one mark each.
pub(crate) fn visible_code(line: &str) -> String {
    let shown = |character: char| if character != '\t' && is_hidden(character) { '\u{fffd}' } else { character };
    line.chars().map(shown).collect::<String>().replace("##[", "#\u{fffd}[")
}

/// Whether a character does something instead of being seen: controls, what turns the direction of writing, and what has no
/// width.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
        assert_eq!(visible(&"x".repeat(201)).chars().count(), 201);
    }

    #[test]
    fn a_line_of_code_keeps_its_width() {
        assert_eq!(visible_code("\ta\u{1b}[2Jb\u{202e}c"), "\ta\u{fffd}[2Jb\u{fffd}c");
    }
}
