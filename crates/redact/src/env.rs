//! `.env` files: which variables they set, and how such a file looks without its values. Text to text.

use crate::known::is_harmless;
use crate::patterns::{DSN, REDACTED, redirect};

/// A variable of a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, without quotes, and not expanded.
    pub value: String,
}

/// A line that sets a variable, with the lines that belong to it, or another one.
enum Piece<'a> {
    Variable { before: &'a str, variable: Variable },
    Other(&'a str),
}

/// The variables that the text sets.
pub fn variables(text: &str) -> Vec<Variable> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Variable { variable, .. } => Some(variable),
            Piece::Other(_) => None,
        })
        .collect()
}

/// The text with the names and without the values. What is no variable goes too: values that were tried are kept in comments. A DSN
/// becomes one that leads nowhere, so that the SDK starts as it did.
pub fn without_values(text: &str) -> String {
    let mut lines = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Variable { before, variable: Variable { name, value } } => {
                let is_dsn = value == DSN || matches!(redirect(value.as_bytes(), DSN), Ok(Some(_)));
                let shown = match () {
                    () if value.is_empty() || is_harmless(&name, &value) => value.as_str(),
                    () if is_dsn => DSN,
                    () => REDACTED,
                };
                lines.push_str(&format!("{before}{name}={shown}\n"));
            }
            Piece::Other(line) if line.trim().is_empty() => lines.push('\n'),
            Piece::Other(_) => lines.push_str("#\n"),
        }
    }
    lines
}

/// A value as dotenv-expand gives it to the app: `$NAME` and `${NAME}` are the values of other variables of the file.
pub fn expanded(value: &str, variables: &[Variable]) -> String {
    let mut expanded = value.to_owned();
    // A value that names itself never ends.
    for _ in 0..8 {
        if !expanded.contains('$') {
            break;
        }
        for variable in variables {
            expanded = expanded.replace(&format!("${{{}}}", variable.name), &variable.value);
        }
        for variable in variables {
            expanded = expanded.replace(&format!("${}", variable.name), &variable.value);
        }
    }
    expanded.replace("\\$", "$")
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = behind;
        let trimmed = line.trim();
        let (before, assignment) = match trimmed.strip_prefix("export ") {
            Some(assignment) => ("export ", assignment.trim_start()),
            None => ("", trimmed),
        };
        let parts = assignment.split_once('=').or_else(|| assignment.split_once(": "));
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter))
        };
        let Some((name, value)) = parts.filter(|(name, _)| is_name(name.trim())) else {
            pieces.push(Piece::Other(line));
            continue;
        };
        let value = value.trim();
        let quote = value.chars().next().filter(|first| ['"', '\'', '`'].contains(first));
        let value = match quote {
            None => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
            Some(quote) => match value[1..].split_once(quote) {
                Some((inside, _)) => inside.to_owned(),
                // It goes on until the quote ends; a quote that never ends is a part of the value.
                None => match behind.split_once(quote) {
                    Some((more, after)) => {
                        rest = after.split_once('\n').map_or("", |(_, next)| next);
                        format!("{}\n{more}", &value[1..])
                    }
                    None => value.to_owned(),
                },
            },
        };
        // In double quotes, `\n` is the end of a line.
        let value = if quote == Some('"') { value.replace("\\n", "\n") } else { value };
        pieces.push(Piece::Variable { before, variable: Variable { name: name.trim().to_owned(), value } });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment with old-secret
A=plain # why
export B=\"in quotes # not a comment\"
C='single'
KEY=\"-----BEGIN\nabc\n-----END\" # key
LINES=\"one\\ntwo\"
EMPTY=

NODE_ENV=production
DSN=https://abc@o1.ingest.sentry.io/42
what is this
OPEN=\"never closed
";

    #[test]
    fn values_are_read_as_tools_read_them() {
        let seen: Vec<(String, String)> = variables(FILE).into_iter().map(|it| (it.name, it.value)).collect();
        let seen: Vec<(&str, &str)> = seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("A", "plain"),
                ("B", "in quotes # not a comment"),
                ("C", "single"),
                ("KEY", "-----BEGIN\nabc\n-----END"),
                ("LINES", "one\ntwo"),
                ("EMPTY", ""),
                ("NODE_ENV", "production"),
                ("DSN", "https://abc@o1.ingest.sentry.io/42"),
                ("OPEN", "\"never closed"),
            ]
        );
    }

    #[test]
    fn names_stay_and_values_go() {
        let without = without_values(FILE);
        let expected = "\
#
A=<redacted>
export B=<redacted>
C=<redacted>
KEY=<redacted>
LINES=<redacted>
EMPTY=

NODE_ENV=production
DSN=https://redacted@redacted.invalid/0
#
OPEN=<redacted>
";
        assert_eq!(without, expected);
        assert_eq!(without_values(&without), without);
    }
}
