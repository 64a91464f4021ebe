//! The first line of a module of a bundle: which specifier it stands for, what it exports, and its digest.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{debug_id::without_debug_id, digest::Digest};

/// The first words of a module of a bundle, and the word behind the version.
const MARK: &str = "// presentry ";
const WORD: &str = "bundle";

/// The same for a module that injects channels, when it was tried.
const TRIED: &str = "tried-bundle";

/// Which exports of a module somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// Any of them: its namespace is handed on, or asked for a name that is put together.
    All,
    /// Those of these names; none where it is loaded for what it does.
    Names(BTreeSet<String>),
}

impl AskedFor {
    /// Nothing yet.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Names(BTreeSet::new())
    }

    /// Whether everything is among this that is among `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Names(_), Self::All) => false,
            (Self::Names(these), Self::Names(those)) => those.is_subset(these),
        }
    }

    pub(crate) fn name(&mut self, name: &str) {
        // A name that cannot stand in the first line of a module of a bundle.
        if name.is_empty() || name.contains(|char: char| char.is_whitespace() || matches!(char, ',' | '{' | '}')) {
            *self = Self::All;
        } else if let Self::Names(names) = self {
            names.insert(name.to_owned());
        }
    }

    /// The word of the first line of a module of a bundle, `None` for everything.
    fn word(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Names(names) => {
                Some(format!("{{{}}}", names.iter().map(String::as_str).collect::<Vec<_>>().join(",")))
            }
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let names = word.strip_prefix('{')?.strip_suffix('}')?;
        Some(Self::Names(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    }
}

/// What the first line of a module of a bundle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// The version of presentry that wrote it.
    pub version: String,
    /// The specifier whose exports the module has; `None` where it holds code for other modules of the bundle.
    pub stands_for: Option<String>,
    /// Which of those exports were asked for when it was made: it has no others.
    pub asked_for: AskedFor,
    /// Whether the module was tried: it injects channels into libraries.
    pub tried: bool,
    /// Whether the module is as it was written, but for a debug id.
    pub intact: bool,
}

/// The first line of a module of a bundle, before its digest is known.
///
/// ```
/// # use presentry_rewriter::{AskedFor, bundle_header, bundle_line, sealed};
/// let line = bundle_line(Some(("@sentry/node", &AskedFor::All)));
/// let text = format!("{line}\nexport const init = () => {{}};\n");
/// let header = bundle_header(sealed(text).as_bytes()).unwrap();
/// assert!(header.intact);
/// assert_eq!(header.stands_for.as_deref(), Some("@sentry/node"));
/// ```
#[must_use]
pub fn bundle_line(stands_for: Option<(&str, &AskedFor)>) -> String {
    let mut line = format!("{MARK}{} {WORD} {}", env!("CARGO_PKG_VERSION"), Digest::of(b""));
    let words = stands_for.map(|(specifier, asked_for)| [Some(specifier.to_owned()), asked_for.word()]);
    for word in words.into_iter().flatten().flatten() {
        line.push(' ');
        line.push_str(&word);
    }
    line
}

/// Notes in the first line of a module, which [`bundle_line`] made, that it was tried.
///
/// ```
/// # use presentry_rewriter::{bundle_header, bundle_line, sealed, tried};
/// let text = sealed(tried(format!("{}\n", bundle_line(None))));
/// assert!(bundle_header(text.as_bytes()).unwrap().tried);
/// ```
#[must_use]
pub fn tried(text: String) -> String {
    text.replacen(&format!(" {WORD} "), &format!(" {TRIED} "), 1)
}

/// Writes the digest of a module into its first line, which [`bundle_line`] made.
#[must_use]
pub fn sealed(text: String) -> String {
    let Some(parts) = Parts::of(text.as_bytes()) else { return text };
    let (unsealed, digest) = (parts.digest.to_string(), parts.digest_of_rest().to_string());
    text.replacen(&unsealed, &digest, 1)
}

/// Reads the header of a module of a bundle; `None` when the file is none.
#[must_use]
pub fn bundle_header(bytes: &[u8]) -> Option<BundleHeader> {
    let parts = Parts::of(bytes)?;
    let intact = parts.digest_of_rest() == parts.digest;
    let asked_for = parts.asked_for.as_deref().and_then(AskedFor::of_word).unwrap_or(AskedFor::All);
    let Parts { version, stands_for, tried, .. } = parts;
    Some(BundleHeader { version, stands_for, asked_for, tried, intact })
}

/// The first line, taken apart, and what stands around it.
struct Parts<'a> {
    version: String,
    tried: bool,
    digest: Digest,
    stands_for: Option<String>,
    asked_for: Option<String>,
    text: Cow<'a, [u8]>,
    line: std::ops::Range<usize>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        // `sentry-cli` may have put its snippet before the line, so it need not be the first any more.
        const LINES: usize = 4;
        if !bytes.split(|byte| *byte == b'\n').take(LINES).any(|line| line.starts_with(MARK.as_bytes())) {
            return None;
        }
        let text = without_debug_id(bytes);
        let mut start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n').take(LINES) {
            let range = start..start + line.len();
            start = range.end;
            let Some(words) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(MARK)) else { continue };
            let words: Vec<&str> = words.split_ascii_whitespace().collect();
            let [version, word @ (WORD | TRIED), digest, ref stands_for @ ..] = words[..] else { continue };
            let tried = word == TRIED;
            if stands_for.len() > 2 {
                continue;
            }
            let digest = Digest::from_hex(digest)?;
            let word = |at: usize| stands_for.get(at).map(|word| (*word).to_owned());
            let (stands_for, asked_for) = (word(0), word(1));
            return Some(Self { version: version.to_owned(), tried, digest, stands_for, asked_for, text, line: range });
        }
        None
    }

    fn digest_of_rest(&self) -> Digest {
        let words = [&self.stands_for, &self.asked_for].into_iter().flatten().map(String::as_str);
        let words = self.tried.then_some(TRIED).into_iter().chain(words);
        let words = words.collect::<Vec<_>>().join(" ");
        let (before, after) = (&self.text[..self.line.start], &self.text[self.line.end..]);
        Digest::of(&[words.as_bytes(), b"\n", before, after].concat())
    }
}
