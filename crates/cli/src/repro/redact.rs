//! What must not leave the machine of whoever reports: what its variables and paths tell, and long words that may be tokens.
//! `presentry_redact` finds both in every form. Text to text.

use std::path::Path;

use presentry_redact::{Error, REDACTED, is_harmless};

/// As long as a word of letters and digits may be without being a secret.
const LONGEST_WORD: usize = 24;

/// Variables of a shell whose values tell no secret.
const HARMLESS_NAMES: [&str; 15] = [
    "PATH",
    "PWD",
    "OLDPWD",
    "SHELL",
    "TERM",
    "COLORTERM",
    "LC_ALL",
    "EDITOR",
    "PAGER",
    "SHLVL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "NO_COLOR",
    "FORCE_COLOR",
];

/// What has to go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    known: presentry_redact::Secrets,
}

impl Secrets {
    /// The value of a variable, whole and line by line, and the parts of a URL.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number || HARMLESS_NAMES.contains(&name) || is_harmless(name, value) || is_option_of_npm(name) {
            return;
        }
        let what = format!("the variable `{name}`");
        self.known.value(&what, value);
        // Where the database is stays private, too.
        for host in value.lines().filter_map(|line| url::Url::parse(line.trim()).ok()?.host_str().map(str::to_owned)) {
            self.known.value(&what, &host);
        }
    }

    /// A name that stays, although a variable has it too.
    pub(crate) fn leave(&mut self, name: &str) {
        self.known.leave(name);
    }

    /// A path that tells of the machine; `shown` stands in its place.
    pub(crate) fn path(&mut self, path: &Path, shown: &str) {
        self.known.path(path, shown);
    }

    /// Text without any of it.
    ///
    /// # Errors
    /// When there is more of it than can be searched for, or something is left: then by what it is, never by its value.
    pub(crate) fn removed_from(&self, text: &str) -> Result<Result<String, String>, Error> {
        let redactor = self.known.redactor()?;
        // Addresses first: what stands before their hosts is not a word once it is redacted.
        let shown = by_word(&redactor.text(&by_word(text, without_host)), without_long_words);
        Ok(match redactor.remains(shown.as_bytes()) {
            Some(what) => Err(what.to_owned()),
            None => Ok(shown),
        })
    }
}

/// npm hands its configuration on to what it starts. Most of that is known to anyone.
fn is_option_of_npm(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("npm_") && !["auth", "token", "password", "secret"].iter().any(|word| lower.contains(word))
}

/// Text with each of its words as `judge` gives it.
fn by_word(text: &str, judge: fn(&str) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars().chain(std::iter::once('\n')) {
        let ends = character.is_whitespace() || "`'\"()[]{}<>,;|".contains(character);
        if !ends {
            word.push(character);
            continue;
        }
        shown.push_str(&judge(&word));
        shown.push(character);
        word.clear();
    }
    shown.pop();
    shown
}

/// An address with a name in it leads to where only some may go.
fn without_host(word: &str) -> String {
    let parts = word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1)));
    let Some((scheme, host)) = parts else { return word.to_owned() };
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    format!("{scheme}://{REDACTED}{}", if end < host.len() { "/…" } else { "" })
}

/// Long words of letters and digits may be tokens that no pattern knows.
fn without_long_words(word: &str) -> String {
    let looks = |part: &str| {
        let has = |of: fn(&u8) -> bool| part.bytes().any(|byte| of(&byte));
        part.len() > LONGEST_WORD && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    };
    // Hyphens and underlines are part of tokens, and of names: a name is told by the short words between.
    let is_secret = |part: &str| part.split(['-', '_', '+']).any(looks);
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

    fn shown(secrets: &Secrets, text: &str) -> String {
        secrets.removed_from(text).unwrap().unwrap()
    }

    #[test]
    fn values_of_variables_go() {
        let mut secrets = Secrets::default();
        secrets.variable("DATABASE_URL", "postgres://ann:p4ssw0rd@db.intern.example/app");
        secrets.variable("MULTI", "first line\nsecond line");
        secrets.variable("NODE_ENV", "production");
        secrets.variable("PATH", "/usr/bin:/bin");
        secrets.variable("COLUMNS", "1234567");
        secrets.variable("npm_config_user_agent", "npm/11.0.0 node/v20.0.0");
        secrets.variable("npm_config_//host.example/:_authToken", "abc-def-ghi");
        secrets.path(Path::new("/home/ann"), "~");
        secrets.variable("CARGO_PKG_NAME", "presentry");
        secrets.leave("presentry");
        assert_eq!(shown(&secrets, "# presentry"), "# presentry");
        let text = "at /home/ann/app: p4ssw0rd of db.intern.example; second line, production, /usr/bin:/bin, 1234567";
        let expected = "at ~/app: <redacted> of <redacted>; <redacted>, production, /usr/bin:/bin, 1234567";
        assert_eq!(shown(&secrets, text), expected);
        assert_eq!(shown(&secrets, "npm/11.0.0 abc-def-ghi"), "npm/11.0.0 <redacted>");
    }

    #[test]
    fn what_looks_like_a_secret_goes() {
        let secrets = Secrets::default();
        for (text, wanted) in [
            ("dsn https://abcdef@o1.ingest.sentry.io/42.", "dsn https://<redacted>/…"),
            ("redis://:pw@host", "redis://<redacted>"),
            ("redis://ann@host", "redis://<redacted>"),
            ("?key=AKIAIOSFODNN7EXAMPLE&a=1", "?key=<redacted>&a=1"),
            ("`0123456789abcdef0123456789abcdef`", "`<redacted>`"),
        ] {
            assert_eq!(shown(&secrets, text), wanted);
        }
        for harmless in [
            ".output/server/chunks/build/app-C0rXxUlC.mjs:10:1",
            "@sentry/solidstart@10.70.0 import-in-the-middle",
            "experimental_entrypointWrappedFunctions",
            "https://nodejs.org/api/esm.html",
        ] {
            assert_eq!(shown(&secrets, harmless), harmless);
        }
    }
}
