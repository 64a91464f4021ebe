//! What must not leave the machine of whoever reports: values of variables, and what looks like a secret. Text to text.

use std::collections::BTreeMap;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// Shorter values occur in any text.
const SHORTEST: usize = 6;

/// As long as a word of letters and digits may be without being a secret.
const LONGEST_WORD: usize = 24;

/// Variables whose values tell no secret: those of a shell, and what programs choose by.
const HARMLESS_NAMES: [&str; 24] = [
    "PATH",
    "PWD",
    "OLDPWD",
    "SHELL",
    "TERM",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "TZ",
    "EDITOR",
    "PAGER",
    "SHLVL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "NODE_ENV",
    "SERVER_PRESET",
    "NITRO_PRESET",
    "PORT",
    "HOST",
    "LOG_LEVEL",
    "SENTRY_ENVIRONMENT",
    "NO_COLOR",
    "FORCE_COLOR",
];

/// Values that say nothing, whatever variable has them.
const HARMLESS_VALUES: [&str; 12] = [
    "production",
    "development",
    "staging",
    "preview",
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "silent",
    "verbose",
    "warning",
    "disabled",
    "enabled",
];

/// How tokens of well-known services begin.
const TOKENS: [&str; 16] = [
    "AKIA",
    "ASIA",
    "AIza",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "npm_",
    "sntrys_",
    "sntryu_",
    "sk_live_",
    "sk-",
    "xoxb-",
    "xoxp-",
    "eyJ",
];

/// What has to go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    values: BTreeMap<String, String>,
}

impl Secrets {
    /// The value of a variable, whole and line by line, and the parts of a URL.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        if HARMLESS_NAMES.contains(&name) || name.starts_with("npm_config_") {
            return;
        }
        for part in std::iter::once(value.trim()).chain(value.lines().map(str::trim)) {
            self.value(part);
            if let Ok(address) = url::Url::parse(part) {
                self.value(address.password().unwrap_or_default());
                self.value(address.username());
                self.value(address.host_str().unwrap_or_default());
            }
        }
    }

    /// A path that tells of the machine; `shown` stands in its place.
    pub(crate) fn path(&mut self, path: &str, shown: &str) {
        if path.len() > 1 {
            self.values.insert(path.to_owned(), shown.to_owned());
        }
    }

    fn value(&mut self, value: &str) {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if value.chars().count() >= SHORTEST && !HARMLESS_VALUES.contains(&value) && !is_number {
            self.values.entry(value.to_owned()).or_insert_with(|| REDACTED.to_owned());
        }
    }

    /// Text without any of it: the longest values first, as one may hold another.
    pub(crate) fn removed_from(&self, text: &str) -> String {
        let mut values: Vec<(&String, &String)> = self.values.iter().collect();
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let known =
            values.into_iter().fold(text.to_owned(), |text, (value, shown)| text.replace(value.as_str(), shown));
        without_what_looks_like_one(&known)
    }

    /// The first value that is in a text all the same.
    pub(crate) fn left_in<'s>(&'s self, text: &str) -> Option<&'s str> {
        let is_left = |value: &&String| text.contains(value.as_str()) && !REDACTED.contains(value.as_str());
        self.values.keys().find(is_left).map(String::as_str)
    }
}

/// Variables of a file as `node --env-file` reads it: names and values, without quotes.
pub(crate) fn variables(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open: Option<char> = None;
    for line in text.lines() {
        // A value in quotes goes on over lines.
        if let Some(quote) = open {
            let (part, ends) = line.split_once(quote).map_or((line, false), |(part, _)| (part, true));
            if let Some((_, value)) = found.last_mut() {
                value.push('\n');
                value.push_str(part);
            }
            open = open.filter(|_| !ends);
            continue;
        }
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let value = value.trim();
        let quote = value.chars().next().filter(|first| ['"', '\'', '`'].contains(first));
        let value = match quote {
            Some(quote) => {
                let inside = &value[1..];
                let end = inside.find(quote);
                open = Some(quote).filter(|_| end.is_none());
                &inside[..end.unwrap_or(inside.len())]
            }
            None => value.split(" #").next().unwrap_or_default().trim(),
        };
        found.push((name.trim().to_owned(), value.to_owned()));
    }
    found
}

/// What no variable tells of, and looks like a secret: tokens, what stands before the host of a URL, long words of letters
/// and digits.
fn without_what_looks_like_one(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars().chain(std::iter::once('\n')) {
        let ends = character.is_whitespace() || "`'\"()[]{}<>,;|".contains(character);
        if !ends {
            word.push(character);
            continue;
        }
        shown.push_str(&judged(&word));
        shown.push(character);
        word.clear();
    }
    shown.pop();
    shown
}

fn judged(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.split_once('@')
    {
        let end = host.find(['/', '?', '#']).unwrap_or(host.len());
        return format!("{scheme}://{REDACTED}{}", if end < host.len() { "/…" } else { "" });
    }
    let begins = |part: &str| TOKENS.iter().any(|token| part.len() > token.len() + 8 && part.starts_with(token));
    let looks = |part: &str| {
        let has = |of: fn(&u8) -> bool| part.bytes().any(|byte| of(&byte));
        begins(part) || (part.len() > LONGEST_WORD && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic))
    };
    // Hyphens and underlines are part of tokens, and of names: a name is told by the short words between.
    let is_secret = |part: &str| begins(part) || part.split(['-', '_', '+']).any(looks);
    let parts = word.split_inclusive(['/', '.', ':', '=', '&', '?', '@']);
    let shown = parts.map(|part| {
        let (text, end) = part.split_at(part.trim_end_matches(['/', '.', ':', '=', '&', '?', '@']).len());
        if is_secret(text) { format!("{REDACTED}{end}") } else { part.to_owned() }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_go_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.variable("DATABASE_URL", "postgres://ann:p4ssw0rd@db.intern.example/app");
        secrets.variable("MULTI", "first line\nsecond line");
        secrets.variable("NODE_ENV", "production");
        secrets.variable("PATH", "/usr/bin:/bin");
        secrets.path("/home/ann", "~");
        let text = "at /home/ann/app: p4ssw0rd of db.intern.example; second line, production, /usr/bin:/bin";
        let shown = secrets.removed_from(text);
        assert_eq!(shown, "at ~/app: <redacted> of <redacted>; <redacted>, production, /usr/bin:/bin");
        assert_eq!(secrets.left_in(text), Some("/home/ann"));
        assert_eq!(secrets.left_in(&shown), None);
    }

    #[test]
    fn what_looks_like_a_secret_goes() {
        let secrets = Secrets::default();
        for (text, shown) in [
            ("dsn https://abcdef@o1.ingest.sentry.io/42.", "dsn https://<redacted>/…"),
            ("redis://:pw@host", "redis://<redacted>"),
            ("token ghp_0123456789abcdefABCDEF", "token <redacted>"),
            ("?key=AKIAIOSFODNN7EXAMPLE&a=1", "?key=<redacted>&a=1"),
            ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Bearer <redacted>.<redacted>.c2ln"),
            ("`0123456789abcdef0123456789abcdef`", "`<redacted>`"),
        ] {
            assert_eq!(secrets.removed_from(text), shown);
        }
        for harmless in [
            ".output/server/chunks/build/app-C0rXxUlC.mjs:10:1",
            "@sentry/solidstart@10.70.0 import-in-the-middle",
            "experimental_entrypointWrappedFunctions",
            "https://nodejs.org/api/esm.html",
        ] {
            assert_eq!(secrets.removed_from(harmless), harmless);
        }
    }

    #[test]
    fn files_of_variables() {
        let text = "# A=1\nA=one\nexport B = \"two # 2\"\nC='three\nfour'\nD=five # a comment\n\nE\n";
        let found = variables(text);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("A", "one"), ("B", "two # 2"), ("C", "three\nfour"), ("D", "five")]);
    }
}
