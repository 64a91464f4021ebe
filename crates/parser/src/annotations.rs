//! Finds the `//# name=value` comments that tools and engines read (`sourceMappingURL`, `debugId`); knows comments and
//! literals, no other syntax.

use crate::{
    position::is_line_terminator,
    record::{Annotation, Span},
};

/// The names that are looked for.
const NAMES: [&str; 2] = ["sourceMappingURL", "debugId"];

/// Whether the text can hold an annotation at all, so that literals need to be collected.
pub(crate) fn possible(text: &str) -> bool {
    NAMES.iter().any(|name| text.contains(name))
}

/// The last `sourceMappingURL` and the last `debugId` annotation, in this order.
///
/// `literals` are the string, template and regular expression literals in source order: the only places where `//` and
/// `/*` do not start a comment. `start` lies after a byte order mark and a hashbang.
pub(crate) fn find(text: &str, start: usize, literals: &[Span]) -> [Option<Annotation>; 2] {
    let mut found = [None, None];
    let mut at = start;
    for literal in literals.iter().copied().chain([Span { start: text.len(), end: text.len() }]) {
        while let Some(comment) = next_comment(text, at, literal.start) {
            at = comment.end;
            for (name, found) in NAMES.iter().zip(&mut found) {
                if let Some(value) = value(comment.of(text), name) {
                    *found = Some(Annotation { span: comment, value: value.to_owned() });
                }
            }
        }
        at = at.max(literal.end);
    }
    found
}

/// The first comment that starts between the two offsets.
fn next_comment(text: &str, from: usize, to: usize) -> Option<Span> {
    let mut at = from;
    while at < to {
        let start = at + text[at..to].find('/')?;
        let rest = &text[start..];
        let length = if rest.starts_with("//") {
            rest.find(is_line_terminator).unwrap_or(rest.len())
        } else if let Some(content) = rest.strip_prefix("/*") {
            content.find("*/").map_or(rest.len(), |length| length + 4)
        } else {
            at = start + 1;
            continue;
        };
        return Some(Span { start, end: start + length });
    }
    None
}

/// The value, when the comment is an annotation with that name. The pattern is that of
/// [ECMA-426](https://tc39.es/ecma426/#sec-MatchSourceMapURL): `^[@#]\s*sourceMappingURL=(\S*?)\s*$`.
fn value<'a>(comment: &'a str, name: &str) -> Option<&'a str> {
    let content = match comment.strip_prefix("//") {
        Some(content) => content,
        None => comment.strip_prefix("/*")?.trim_end_matches("*/"),
    };
    let content = content.strip_prefix(['#', '@'])?.trim();
    let value = content.strip_prefix(name)?.strip_prefix('=')?;
    (!value.is_empty() && !value.contains(char::is_whitespace)).then_some(value)
}
