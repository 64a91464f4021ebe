//! What must not leave the machine of whoever reports: known values in every form that tools write them in, and what looks
//! like a secret. Bytes to bytes; where the values come from is told by the caller.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use aho_corasick::{AhoCorasick, Input, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex::bytes::{Captures, Regex};

use crate::Error;
use crate::patterns::{self, DSN, Pattern, REDACTED, REGISTRY, is_dsn};

/// Shorter values occur in any text.
const SHORTEST: usize = 6;

/// As many bytes of a value in a row tell it.
const PART: usize = 8;

/// What is said of a value in base 64.
const ENCODED: &str = "a part of a known value, in base 64";

/// Variables whose values are no secrets, and words of any program besides.
const HARMLESS_NAMES: [&str; 14] = [
    "NODE_ENV",
    "SERVER_PRESET",
    "NITRO_PRESET",
    "PRESET",
    "TARGET",
    "PORT",
    "HOST",
    "NITRO_PORT",
    "NITRO_HOST",
    "LOG_LEVEL",
    "NITRO_LOG_LEVEL",
    "SENTRY_ENVIRONMENT",
    "TZ",
    "LANG",
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

/// Whether a variable, or a value, is no secret by what it is called or says.
pub fn is_harmless(name: &str, value: &str) -> bool {
    HARMLESS_NAMES.contains(&name) || HARMLESS_VALUES.contains(&value)
}

/// What has to go, as it is collected.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// What each value is, by the value.
    values: BTreeMap<String, String>,
    /// What stands for each path.
    paths: BTreeMap<String, String>,
    /// Values that are something else as well, such as the name of the app.
    kept: Vec<String>,
}

impl Secrets {
    /// A value that must not be seen; `what` is said where it is found. Lines of a value are values. Those that are too
    /// short to be told from any text are left alone.
    pub fn value(&mut self, what: &str, value: &str) {
        let trimmed = value.trim();
        for part in std::iter::once(trimmed).chain(trimmed.lines().map(str::trim)) {
            self.part(what, part);
            // What a URL holds goes elsewhere alone: the password to a client of the database, for one.
            let Ok(address) = url::Url::parse(part) else { continue };
            for hidden in [address.password().unwrap_or_default(), address.username()] {
                self.part(what, hidden);
                self.part(what, &percent_encoding::percent_decode_str(hidden).decode_utf8_lossy());
            }
        }
    }

    fn part(&mut self, what: &str, part: &str) {
        let told = part.chars().count() >= SHORTEST && !HARMLESS_VALUES.contains(&part);
        if told && !REDACTED.contains(part) && !DSN.contains(part) {
            self.values.entry(part.to_owned()).or_insert_with(|| what.to_owned());
        }
    }

    /// A directory that tells of the machine; `shown` stands in its place.
    pub fn path(&mut self, path: &Path, shown: &str) {
        if path.components().any(|part| matches!(part, Component::Normal(_))) {
            self.paths.entry(path.to_string_lossy().into_owned()).or_insert_with(|| shown.to_owned());
        }
    }

    /// A value that stays, although a variable has it too.
    pub fn leave(&mut self, value: &str) {
        self.kept.push(value.to_owned());
    }

    /// What removes all of it.
    ///
    /// # Errors
    /// When there is more of it than can be searched for.
    pub fn redactor(&self) -> Result<Redactor, Error> {
        Redactor::new(self, |_| true)
    }

    /// As [`Secrets::redactor`], for the sources of an app: there `/app` is more often a route than a directory.
    ///
    /// # Errors
    /// As [`Secrets::redactor`].
    pub fn redactor_of_sources(&self) -> Result<Redactor, Error> {
        Redactor::new(self, |path| Path::new(path).components().count() > 2)
    }
}

/// Something to be searched for.
#[derive(Debug, Clone)]
struct Needle {
    what: String,
    with: String,
    /// Whether it is one only where no name goes on before or behind it.
    bounded: bool,
}

/// Removes what was collected, and what looks like a secret.
#[derive(Debug)]
pub struct Redactor {
    needles: Vec<Needle>,
    search: AhoCorasick,
    /// Parts of values, for what was encoded in base 64: an encoder sees more or less than one value.
    parts: AhoCorasick,
    encoded: Regex,
    patterns: Vec<Pattern>,
}

impl Redactor {
    fn new(secrets: &Secrets, is_wanted: impl Fn(&str) -> bool) -> Result<Redactor, Error> {
        let mut needles: BTreeMap<Vec<u8>, Needle> = BTreeMap::new();
        for (value, what) in secrets.values.iter().filter(|(value, _)| !secrets.kept.contains(value)) {
            let with = if is_dsn(value) { DSN } else { REDACTED };
            let needle = Needle { what: what.clone(), with: with.to_owned(), bounded: false };
            for form in forms(value) {
                needles.entry(form).or_insert_with(|| needle.clone());
            }
        }
        for (path, shown) in secrets.paths.iter().filter(|(path, _)| is_wanted(path)) {
            let needle = Needle { what: "a path of this machine".to_owned(), with: shown.clone(), bounded: true };
            for form in path_forms(path) {
                needles.entry(form).or_insert_with(|| needle.clone());
            }
            // As a part of a query, where a letter may stand before it. Of a short one too much would be meant.
            if Path::new(path).components().count() > 2 {
                let form = url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
                needles.entry(form.into_bytes()).or_insert_with(|| Needle { bounded: false, ..needle.clone() });
            }
        }
        let (bytes, needles): (Vec<_>, Vec<_>) = needles.into_iter().unzip();
        let search =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(bytes).map_err(Error::too_many)?;
        let values = secrets.values.keys().filter(|value| !secrets.kept.contains(value));
        let parts: BTreeSet<&[u8]> = values.flat_map(|value| value.as_bytes().windows(PART.min(value.len()))).collect();
        let parts = AhoCorasick::new(parts).map_err(Error::too_many)?;
        let encoded = Regex::new(r"(?-u)[A-Za-z0-9+/_-]{12,}={0,2}").map_err(Error::pattern("base 64"))?;
        Ok(Redactor { needles, search, parts, encoded, patterns: patterns::all()? })
    }

    /// The bytes without secrets.
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        self.redact_noting(bytes, &mut |_| ())
    }

    /// As [`Redactor::redact`], and notes what each replaced secret is; paths are none.
    pub fn redact_noting(&self, bytes: &[u8], note: &mut dyn FnMut(&str)) -> Vec<u8> {
        let mut redacted = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some((needle, start, end)) = self.next(bytes, at) {
            redacted.extend_from_slice(&bytes[at..start]);
            redacted.extend_from_slice(needle.with.as_bytes());
            at = end;
            if !needle.bounded {
                note(&needle.what);
            }
        }
        redacted.extend_from_slice(&bytes[at..]);
        if let Cow::Owned(replaced) = self.encoded.replace_all(&redacted, |found: &Captures<'_>| {
            if !self.hides_a_part(&found[0]) {
                return found[0].to_vec();
            }
            note(ENCODED);
            REDACTED.as_bytes().to_vec()
        }) {
            redacted = replaced;
        }
        for pattern in &self.patterns {
            let replaced = pattern.regex.replace_all(&redacted, |found: &Captures<'_>| {
                let with = (pattern.with)(found);
                if with.is_some() {
                    note(pattern.what);
                }
                with.unwrap_or_else(|| found[0].to_vec())
            });
            if let Cow::Owned(replaced) = replaced {
                redacted = replaced;
            }
        }
        redacted
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }

    /// What is left of what must not be there, by what it is and never by its value; nothing where all is well.
    pub fn remains(&self, bytes: &[u8]) -> Option<&str> {
        if let Some((needle, _, _)) = self.next(bytes, 0) {
            return Some(&needle.what);
        }
        if self.encoded.find_iter(bytes).any(|found| self.hides_a_part(found.as_bytes())) {
            return Some(ENCODED);
        }
        let left =
            |pattern: &&Pattern| pattern.regex.captures_iter(bytes).any(|found| (pattern.with)(&found).is_some());
        self.patterns.iter().find(left).map(|pattern| pattern.what)
    }

    /// Whether letters of base 64 are those of a part of a value. What stands before may belong to something else, so they are
    /// read from each of the first four.
    fn hides_a_part(&self, letters: &[u8]) -> bool {
        let standard: Vec<u8> = letters
            .iter()
            .filter(|letter| **letter != b'=')
            .map(|letter| match letter {
                b'-' => b'+',
                b'_' => b'/',
                letter => *letter,
            })
            .collect();
        (0..4.min(standard.len())).any(|start| {
            let whole = (standard.len() - start) / 4 * 4;
            let decoded = STANDARD_NO_PAD.decode(&standard[start..start + whole]).unwrap_or_default();
            let rest = STANDARD_NO_PAD.decode(&standard[start + whole..]).unwrap_or_default();
            self.parts.is_match(&[decoded, rest].concat())
        })
    }

    fn next(&self, bytes: &[u8], mut from: usize) -> Option<(&Needle, usize, usize)> {
        while let Some(found) = self.search.find(Input::new(bytes).range(from..)) {
            let needle = &self.needles[found.pattern().as_usize()];
            let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
            let behind = bytes.get(found.end());
            if !needle.bounded || !(goes_on(before) || goes_on(behind) || behind == Some(&b'-')) {
                return Some((needle, found.start(), found.end()));
            }
            from = found.start() + 1;
        }
        None
    }
}

/// A value as it is, as URLs, JSON, scripts, pages and shells write it, and as hexadecimal digits.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    let mut add = |form: String| {
        if form != value && form.len() >= SHORTEST {
            forms.push(form.into_bytes());
        }
    };
    let form_encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    // `encodeURIComponent` leaves `!'()*` and encodes what forms leave; some encode everything.
    let component = percent_encoding::utf8_percent_encode(value, COMPONENT).to_string();
    let everything = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    for encoded in [form_encoded.replace('+', "%20"), form_encoded, component, everything] {
        add(lowercase_escapes(&encoded));
        // A URL that is a parameter of another one.
        add(encoded.replace('%', "%25"));
        add(encoded);
    }
    let json = serde_json::Value::from(value).to_string().trim_matches('"').to_owned();
    add(json.replace('/', "\\/"));
    // A document in a document.
    add(serde_json::Value::from(json.as_str()).to_string().trim_matches('"').to_owned());
    add(json);
    let escaped = |ascii: fn(char) -> String| value.chars().map(ascii).collect::<String>();
    add(escaped(|it| if it.is_ascii_alphanumeric() { it.to_string() } else { format!("\\u{:04x}", u32::from(it)) }));
    add(escaped(|it| if it.is_ascii_alphanumeric() { it.to_string() } else { format!("\\u{:04X}", u32::from(it)) }));
    add(escaped(|it| if it.is_ascii_alphanumeric() { it.to_string() } else { format!("\\x{:02x}", u32::from(it)) }));
    // As shells and pages write it.
    add(value.replace('\'', r"'\''"));
    add(escaped(|it| if "\"$`\\".contains(it) { format!("\\{it}") } else { it.to_string() }));
    add(value.replace('\'', "\\'"));
    add(escaped(
        |it| if it.is_ascii_alphanumeric() || "-_./".contains(it) { it.to_string() } else { format!("\\{it}") },
    ));
    let page = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    add(page.replace('\'', "&#39;"));
    add(page.replace('\'', "&#x27;"));
    add(page);
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    add(hex.to_ascii_uppercase());
    add(hex);
    forms
}

/// What `encodeURIComponent` encodes.
const COMPONENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// `%2F` as `%2f`.
fn lowercase_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// A path as it is, and as it is in a URL and in JSON.
fn path_forms(path: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![path.to_owned()];
    if let Ok(address) = url::Url::from_file_path(path) {
        forms.push(address.path().to_owned());
    }
    forms.push(serde_json::Value::from(path).to_string().trim_matches('"').to_owned());
    forms.into_iter().map(String::into_bytes).collect()
}

/// The values of `authToken` and its like in the text of a configuration.
///
/// # Errors
/// When the pattern is none.
pub fn auth_tokens(text: &str) -> Result<Vec<String>, Error> {
    let of = |pattern: &str| regex::Regex::new(pattern).map_err(Error::pattern("a token"));
    let literal = of(r#"(?i)auth_?token["']?\s*[:=]\s*["'`]([^"'`\s$]{6,})["'`]"#)?;
    let registry = of(REGISTRY)?;
    // `.sentryclirc` and `sentry.properties`
    let client = of(r"(?m)^\s*(?:auth\.)?token\s*=\s*([A-Za-z0-9_+/=-]{6,})\s*$")?;
    // A program that assigns a member, as in `_password = other.password`.
    let member = of(r"^[A-Za-z_]+(?:\.[A-Za-z_]+)+$")?;
    let is_value = |token: &String| !token.starts_with('$') && !member.is_match(token);
    let registry = registry.captures_iter(text).map(|found| found[2].to_owned()).filter(is_value);
    let found = literal.captures_iter(text).chain(client.captures_iter(text)).map(|found| found[1].to_owned());
    Ok(found.chain(registry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::redirect;

    fn secrets(values: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for value in values {
            secrets.value("`SECRET` of `.env`", value);
        }
        secrets
    }

    #[track_caller]
    fn check(secrets: &Secrets, before: &str, after: &str) {
        let redactor = secrets.redactor().unwrap();
        assert_eq!(redactor.text(before), after);
        assert_eq!(redactor.remains(before.as_bytes()).is_some(), before != after, "`{before}`");
        assert_eq!(redactor.remains(after.as_bytes()), None, "`{after}`");
    }

    #[test]
    fn values_go_in_every_form() {
        let known = secrets(&["s3cret/with spaces&more"]);
        check(&known, "a s3cret/with spaces&more b", "a <redacted> b");
        check(&known, "?q=s3cret%2Fwith+spaces%26more&x", "?q=<redacted>&x");
        check(&known, "?q=s3cret%2Fwith%20spaces%26more&x", "?q=<redacted>&x");
        check(&secrets(&["quote\"d value"]), r#"{"a":"quote\"d value"}"#, r#"{"a":"<redacted>"}"#);
        for before in ["", "x", "xy", "xyz"] {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before}s3cret/with spaces&more!"));
            let redacted = known.redactor().unwrap().text(&encoded);
            assert!(redacted.contains(REDACTED), "{before}: {encoded} → {redacted}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_redacted_too() {
        let redactor = secrets(&["planted-secret"]).redactor().unwrap();
        let bytes = b"\x00\xff\x01planted-secret\xfe\x00";
        assert_eq!(redactor.remains(bytes), Some("`SECRET` of `.env`"));
        assert_eq!(redactor.redact(bytes), b"\x00\xff\x01<redacted>\xfe\x00");
    }

    #[test]
    fn what_is_short_or_says_nothing_stays() {
        for value in ["true", "12345", "production", "redacted"] {
            check(&secrets(&[value]), &format!("a {value} b"), &format!("a {value} b"));
        }
        let mut known = secrets(&["storefront"]);
        known.leave("storefront");
        check(&known, "\"name\": \"storefront\"", "\"name\": \"storefront\"");
        assert!(is_harmless("NODE_ENV", "anything") && !is_harmless("TOKEN", "anything"));
    }

    #[test]
    fn the_longest_value_goes_first() {
        check(
            &secrets(&["secret-one", "secret-one-and-more"]),
            "secret-one-and-more secret-one",
            "<redacted> <redacted>",
        );
        check(&secrets(&["first line\nsecond line"]), "x second line", "x <redacted>");
    }

    #[test]
    fn what_looks_like_a_secret_goes() {
        let none = Secrets::default();
        let token = format!("sntrys_{}", "eyJpYXQiOjE3MDAwMDAwMDB9_abc");
        check(&none, &format!("Token: {token}."), "Token: <redacted>.");
        let dsn = "https://0123456789abcdef0123456789abcdef@o1.ingest.us.sentry.io/42";
        check(&none, &format!("dsn: \"{dsn}\""), &format!("dsn: \"{DSN}\""));
        check(&none, "dsn: \"http://key@127.0.0.1:4000/1\"", "dsn: \"http://key@127.0.0.1:4000/1\"");
        check(&none, "authToken: \"abcdef123\",", "authToken: \"<redacted>\",");
        check(&none, "authToken: process.env.TOKEN", "authToken: process.env.TOKEN");
        check(&none, "//npm.example/:_authToken=abc-def-ghi", "//npm.example/:_authToken=<redacted>");
        check(&none, "//npm.example/:_authToken=${NPM_TOKEN}", "//npm.example/:_authToken=${NPM_TOKEN}");
        check(&none, "npmAuthToken: \"abc-def-ghi\"", "npmAuthToken: \"<redacted>\"");
        check(&none, "  this._auth = options.auth;", "  this._auth = options.auth;");
        check(&none, "postgres://app:hunter2@db/x", "postgres://<redacted>@db/x");
        check(&none, "`postgres://${user}:${password}@db/x`", "`postgres://${user}:${password}@db/x`");
        check(&none, "git+ssh://git@host/x https://a.b/c:d", "git+ssh://git@host/x https://a.b/c:d");
        check(&none, &format!("npm_{}", "a".repeat(36)), REDACTED);
        check(&none, "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", REDACTED);
    }

    #[test]
    fn a_dsn_stays_one_so_that_the_app_behaves_as_before() {
        let known = secrets(&["https://abc@o1.ingest.sentry.io/42"]);
        check(&known, "init(\"https://abc@o1.ingest.sentry.io/42\")", &format!("init(\"{DSN}\")"));
        let local = "http://key@127.0.0.1:1/1";
        let redirected = redirect(b"a https://abc@o1.ingest.sentry.io/42 b", local).unwrap().unwrap();
        assert_eq!(redirected, format!("a {local} b").as_bytes());
        assert_eq!(redirect(local.as_bytes(), local).unwrap(), None);
    }

    #[test]
    fn paths_go_where_they_are_paths() {
        let mut known = Secrets::default();
        known.path(Path::new("/home/somebody"), "<home>");
        known.path(Path::new("/home/somebody/my app"), "<app>");
        known.path(Path::new("/app"), "<app>");
        known.path(Path::new("/"), "<root>");
        check(&known, "at /home/somebody/my app/src/a.ts", "at <app>/src/a.ts");
        check(&known, "file:///home/somebody/my%20app/src/a.ts", "file://<app>/src/a.ts");
        check(&known, "?at=file%3A%2F%2F%2Fhome%2Fsomebody%2Fx", "?at=file%3A%2F%2F<home>%2Fx");
        check(&known, "/home/somebody/.npmrc", "<home>/.npmrc");
        check(&known, "/home/somebodyelse /home/somebody-2", "/home/somebodyelse /home/somebody-2");
        check(&known, "/app/x y/app/x /apps", "<app>/x y/app/x /apps");
        assert_eq!(known.redactor_of_sources().unwrap().text("href=\"/app/x\""), "href=\"/app/x\"");
    }

    #[test]
    fn tokens_are_found_where_they_are_written() {
        let config = "sourceMapsUploadOptions: { authToken: 'tok-123456', org: 'x' }";
        assert_eq!(auth_tokens(config).unwrap(), ["tok-123456"]);
        assert_eq!(auth_tokens("[auth]\ntoken=abcdef1\n").unwrap(), ["abcdef1"]);
        assert_eq!(auth_tokens("authToken: process.env.SENTRY_AUTH_TOKEN").unwrap(), [""; 0]);
        assert_eq!(auth_tokens("//h/:_authToken=${TOKEN}").unwrap(), [""; 0]);
        assert_eq!(auth_tokens("//h/:_authToken=abc-def-1").unwrap(), ["abc-def-1"]);
        assert_eq!(auth_tokens("token = process.env.TOKEN\n_password = other.password").unwrap(), [""; 0]);
    }
}
