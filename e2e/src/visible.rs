//! Text of servers and builds, as terminals, pages and reports can show it. The command has rules of its own, which this judge
//! does not share.

/// Text in which nothing is obeyed instead of being seen: controls (of colours, of the cursor), what turns the direction of
/// writing, and what has no width are one mark each. Lines stay lines.
pub fn visible(text: &str) -> String {
    text.chars().map(|character| if is_hidden(character) { '\u{fffd}' } else { character }).collect()
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{180e}' | '\u{feff}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => character.is_control(),
    }
}

/// Words of Markdown that make no link, no image, no markup of HTML and no mention. What stands between backticks is code,
/// in which nothing has a meaning; where the other backtick was cut off, it is put there again.
pub fn words_of_markdown(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let part = |(number, part): (usize, &&str)| match number % 2 {
        0 => words(part),
        _ => format!("`{part}`"),
    };
    parts.iter().enumerate().map(part).collect()
}

fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => words.push_str("&amp;"),
            '<' => words.push_str("&lt;"),
            '>' => words.push_str("&gt;"),
            '[' => words.push_str("&#91;"),
            '@' => words.push_str("&#64;"),
            _ => words.push(character),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_a_mark() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\r\u{feff}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(visible("grün\n\t✓"), "grün\n\t✓");
    }

    #[test]
    fn words_are_no_markup_wherever_backticks_are() {
        assert_eq!(words_of_markdown("a `<b>` <i> ![x](y) @team"), "a `<b>` &lt;i&gt; !&#91;x](y) &#64;team");
        assert_eq!(words_of_markdown("<a> `cut <b>"), "&lt;a&gt; `cut <b>`");
    }
}
