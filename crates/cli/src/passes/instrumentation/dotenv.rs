//! Files of the form `.env`, read as Vite reads them: the grammar of the npm package `dotenv`, the expansion of
//! `dotenv-expand`. Text in, values out.

use std::collections::{BTreeMap, BTreeSet};

/// The assignments of a file in their order; what is none is passed over.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        rest = match assignment(rest) {
            Some((key, value, after)) => {
                found.push((key.to_owned(), value));
                after
            }
            None => rest.split_once('\n').map_or("", |(_, after)| after),
        };
    }
    found
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

/// An assignment at the start of a line: its name, its value, and what follows the line it ends on.
fn assignment(line: &str) -> Option<(&str, String, &str)> {
    let line = line.trim_start();
    let after_export = line.strip_prefix("export").filter(|rest| rest.starts_with(is_blank));
    let line = after_export.map_or(line, |rest| rest.trim_start_matches(is_blank));
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let value = match rest.strip_prefix(':') {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest,
        Some(_) => return None,
        None => rest.trim_start_matches(is_blank).strip_prefix('=')?,
    };
    if key.is_empty() {
        return None;
    }
    if let Some((value, after)) = quoted(value.trim_start_matches(is_blank)) {
        return Some((key, value, after));
    }
    let (line, after) = value.split_once('\n').unwrap_or((value, ""));
    let value = line.split('#').next().unwrap_or_default().trim();
    Some((key, unquoted(value), after))
}

/// A value in quotes, which may go over several lines, and what follows the line it ends on. Nothing but a comment may
/// stand after it there.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let mut escaped = false;
    let mut last = None;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote {
            last = Some(at);
            if !escaped {
                break;
            }
        }
        escaped = c == '\\' && !escaped;
    }
    let end = last? + quote.len_utf8();
    let (line, after) = text[end..].split_once('\n').unwrap_or((&text[end..], ""));
    let rest = line.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then(|| (unquoted(&text[..end]), after))
}

/// A value without the quotes round it. Double ones let `\n` and `\r` stand for line ends.
fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'));
    let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    if quote == Some('"') { inner.replace("\\n", "\n").replace("\\r", "\r") } else { inner.to_owned() }
}

/// Fills in what the values of files take from each other and from the process. What the process has set stays.
pub(super) fn expand(parsed: Vec<(String, String)>, process: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut order: Vec<String> = Vec::new();
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in parsed {
        if values.insert(key.clone(), value).is_none() {
            order.push(key);
        }
    }
    for key in order {
        let value = match process.get(&key) {
            Some(set) if !set.is_empty() => set.clone(),
            _ => filled_in(&values[&key], &values, process),
        };
        values.insert(key, value.replace("\\$", "$"));
    }
    values
}

fn filled_in(value: &str, values: &BTreeMap<String, String>, process: &BTreeMap<String, String>) -> String {
    let mut result = value.to_owned();
    let mut seen = BTreeSet::new();
    while let Some(reference) = first_reference(&result) {
        seen.insert(result.clone());
        let Reference { key, fallback, alternative, template } = reference;
        let known = process.get(&key).or_else(|| values.get(&key)).filter(|value| !value.is_empty());
        let replacement = match (known, alternative) {
            (Some(_), Some(alternative)) => alternative,
            (None, Some(_)) => String::new(),
            (Some(known), None) if !seen.contains(known) => known.clone(),
            (_, None) => fallback,
        };
        result = result.replacen(&template, &replacement, 1);
        if values.get(&key).is_some_and(|value| *value == result) || seen.contains(&result) {
            break;
        }
    }
    result
}

/// `$NAME`, `${NAME}`, `${NAME:-fallback}` or `${NAME:+alternative}`.
struct Reference {
    template: String,
    key: String,
    fallback: String,
    alternative: Option<String>,
}

fn first_reference(text: &str) -> Option<Reference> {
    for (at, _) in text.match_indices('$') {
        if text[..at].ends_with('\\') {
            continue;
        }
        let rest = &text[at + 1..];
        let braced = rest.strip_prefix('{').and_then(|rest| {
            let end = rest.find(['{', '}'])?;
            (end > 0 && rest[end..].starts_with('}')).then(|| &rest[..end])
        });
        if let Some(expression) = braced {
            return Some(reference(&text[at..at + expression.len() + "${}".len()], expression));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = &rest[..rest.find(|c: char| !plain(c)).unwrap_or(rest.len())];
        if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Some(reference(&text[at..=at + name.len()], name));
        }
    }
    None
}

fn reference(template: &str, expression: &str) -> Reference {
    let operators = [":+", "+", ":-", "-"];
    let found = operators.iter().filter_map(|operator| Some((expression.find(operator)?, *operator)));
    // Of two that begin at one place the longer one is meant.
    let first = found.min_by_key(|(at, operator)| (*at, usize::MAX - operator.len()));
    let (key, operator, rest) = match first {
        Some((at, operator)) => (&expression[..at], operator, &expression[at + operator.len()..]),
        None => (expression, "", ""),
    };
    let is_alternative = operator.ends_with('+');
    Reference {
        template: template.to_owned(),
        key: key.to_owned(),
        fallback: if is_alternative { String::new() } else { rest.to_owned() },
        alternative: is_alternative.then(|| rest.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let parsed = parse(text);
        let parsed: Vec<(&str, &str)> = parsed.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(parsed, expected);
    }

    /// As Vite 6.4.6 reads them.
    #[test]
    fn every_form_of_an_assignment() {
        check(
            "A=plain\nB = sp aced  \nexport C=exp\nD: colon\nE=\n",
            &[("A", "plain"), ("B", "sp aced"), ("C", "exp"), ("D", "colon"), ("E", "")],
        );
        check(
            "A=a#b\nB=a # b\nC='a#b' # c\nD=\"a#b\"\n# E=1\nF='a' b\n",
            &[("A", "a"), ("B", "a"), ("C", "a#b"), ("D", "a#b"), ("F", "'a' b")],
        );
        check(
            "A=\"line\\nnew 'q'\"\nB='$X \\n'\nC=`a \"'`\nD=\"a\nb\"\r\nE=\"a \\\" b\"\n",
            &[("A", "line\nnew 'q'"), ("B", "$X \\n"), ("C", "a \"'"), ("D", "a\nb"), ("E", "a \\\" b")],
        );
        check("\u{feff}A=1\n\nnonsense\n=x\nB:c\nC=\"open\nD=2", &[("A", "1"), ("C", "\"open"), ("D", "2")]);
        check("A=1\rB=2", &[("A", "1"), ("B", "2")]);
        check("", &[]);
    }

    #[track_caller]
    fn expanded(text: &str, process: &[(&str, &str)]) -> BTreeMap<String, String> {
        let process = process.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        expand(parse(text), &process)
    }

    #[test]
    fn what_values_take_from_each_other() {
        let values = expanded(
            "X=plain\nA=${X}-$X-\\$5-${NOPE}-${NOPE:-dflt}\nB=${LATER}\nLATER=later\nC=${X:+yes}${NOPE:+no}\nD='$X'\nE=$P-${Q-q}\n",
            &[("P", "process")],
        );
        let of = |key: &str| values[key].as_str();
        assert_eq!(of("A"), "plain-plain-$5--dflt");
        assert_eq!(of("B"), "later");
        assert_eq!(of("C"), "yes");
        assert_eq!(of("D"), "plain");
        assert_eq!(of("E"), "process-q");
    }

    #[test]
    fn the_process_comes_first_and_circles_end() {
        let values = expanded("A=file\nB=$A\nC=$D\nD=$C\nE=$E\nF=${F}x\n", &[("A", "process")]);
        assert_eq!((values["A"].as_str(), values["B"].as_str()), ("process", "process"));
        assert_eq!(expanded("A=1\nB=2\nA=$B\n", &[])["A"], "2");
    }
}
