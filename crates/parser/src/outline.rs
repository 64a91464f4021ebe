//! Reads of a module what it is linked by, without a tree of all of it: tokens tell where its imports and exports stand, and
//! which bodies of functions can be left out. What tokens cannot tell for certain is not guessed: then all of it is read.
//!
//! Two things are hard to tell in JavaScript without a tree: whether a `/` divides, and whether a `{` opens the body of a
//! function. A `/` that may be either is the end of it here. A body follows `=>`, or the parenthesis of something else than
//! a statement, on the same line: on a line of its own it might be a block. In a body nothing counts but brackets, and what
//! may hide one.

use std::ops::Range;

use memchr::{memchr3, memmem};

use crate::{
    error::SyntaxError,
    parse::record,
    position::BYTE_ORDER_MARK,
    record::{ImportName, ModuleRecord, Span},
    requires::{RequestMeans, RunTimeRequest, requests_in},
    syntax::with_module,
};

/// What a module is linked by, and what else it has to have to be evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The static requests, the imports and the exports. All else is left out of it.
    pub links: ModuleRecord,
    /// What the module requires or imports whatever happens while it is evaluated.
    pub requests: Vec<RunTimeRequest>,
}

/// Reads the outline of an ES module. It takes a fraction of the time that [`crate::parse`] takes, and gives the same links;
/// but it may miss that a text is not a module.
///
/// ```
/// let (outline, errors) = presentry_parser::outline("import a from 'a'; await import('b'); const c = () => import('c');");
/// assert!(errors.is_empty());
/// assert_eq!(outline.links.requested_modules[0].specifier.value, "a");
/// assert_eq!(outline.requests[0].specifier.value, "b");
/// ```
#[must_use]
pub fn outline(text: &str) -> (Outline, Vec<SyntaxError>) {
    let reduced = Scanner::new(text).run().map(|scanner| match scanner.items() {
        // What is exported is declared elsewhere.
        Some(items) => (Reduced::to(text, items), true),
        None => (Reduced::without(text, &scanner.bodies), false),
    });
    if let Some((reduced, is_in_part)) = reduced {
        let (mut outline, errors) = read(&reduced.text, is_in_part);
        if errors.is_empty() {
            reduced.put_back(&mut outline);
            return (outline, errors);
        }
    }
    read(text, false)
}

fn read(text: &str, is_in_part: bool) -> (Outline, Vec<SyntaxError>) {
    let (outline, errors) = with_module(text, |module| {
        let (record, mut errors) = record(text, module);
        errors.retain(|error| error.fatal || !is_in_part);
        let requests = requests_in(module).into_iter();
        let requests = requests.filter(|request| request.always && request.means != RequestMeans::Register).collect();
        (Outline { links: links(record), requests }, errors)
    });
    (outline.unwrap_or_default(), errors)
}

pub(crate) fn links(record: ModuleRecord) -> ModuleRecord {
    ModuleRecord {
        requested_modules: record.requested_modules,
        import_entries: record.import_entries,
        local_export_entries: record.local_export_entries,
        indirect_export_entries: record.indirect_export_entries,
        star_export_entries: record.star_export_entries,
        ..ModuleRecord::default()
    }
}

/// Whether tokens tell where the imports and exports are.
#[cfg(test)]
pub(crate) fn is_told_by_tokens(text: &str) -> bool {
    Scanner::new(text).run().is_some()
}

/// The parts of a text that are read, one behind the other.
struct Reduced {
    text: String,
    /// Where each part starts, here and in the whole text.
    starts: Vec<(usize, usize)>,
}

impl Reduced {
    /// Reduces a text to these parts of it.
    fn to(text: &str, parts: &[Range<usize>]) -> Self {
        let mut reduced = Self { text: String::new(), starts: Vec::with_capacity(parts.len()) };
        for part in parts {
            reduced.starts.push((reduced.text.len(), part.start));
            reduced.text.push_str(&text[part.clone()]);
        }
        reduced
    }

    /// Takes these ranges out of a text.
    fn without(text: &str, ranges: &[Range<usize>]) -> Self {
        let starts = [0].into_iter().chain(ranges.iter().map(|range| range.end));
        let ends = ranges.iter().map(|range| range.start).chain([text.len()]);
        Self::to(text, &starts.zip(ends).map(|(start, end)| start..end).collect::<Vec<_>>())
    }

    /// Gives everything the place that it has in the whole text.
    fn put_back(&self, outline: &mut Outline) {
        let Outline { links, requests } = outline;
        for request in &mut links.requested_modules {
            self.move_back([&mut request.statement, &mut request.specifier.span]);
        }
        for entry in &mut links.import_entries {
            self.move_back([&mut entry.span]);
            self.move_name_back(&mut entry.import_name);
        }
        for entry in &mut links.local_export_entries {
            self.move_back([&mut entry.span, &mut entry.export_name.span]);
        }
        for entry in &mut links.indirect_export_entries {
            self.move_back([&mut entry.span, &mut entry.export_name.span]);
            self.move_name_back(&mut entry.import_name);
        }
        for request in requests {
            self.move_back([&mut request.specifier.span]);
        }
    }

    fn move_name_back(&self, name: &mut ImportName) {
        if let ImportName::Name(name) = name {
            self.move_back([&mut name.span]);
        }
    }

    fn move_back<const N: usize>(&self, spans: [&mut Span; N]) {
        for span in spans {
            // Where one part ends, the next one starts: a span ends behind its last character.
            let last = span.end.saturating_sub(1).max(span.start);
            let length = span.end - last;
            *span = Span { start: self.place_of(span.start), end: self.place_of(last) + length };
        }
    }

    /// The place in the whole text.
    fn place_of(&self, at: usize) -> usize {
        let part = self.starts.partition_point(|(start, _)| *start <= at);
        part.checked_sub(1).map_or(at, |part| at - self.starts[part].0 + self.starts[part].1)
    }
}

/// What an open bracket is.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// The parentheses of `if (…)` and the like.
    Head,
    Parenthesis,
    Square,
    Brace,
    /// `${…}`
    Substitution,
}

/// An open bracket.
struct Open {
    level: Level,
    at: usize,
    /// What [`Scanner::has_heritage`] was before it.
    has_heritage: bool,
}

/// What stood before the present token, as far as it tells what `/` and `{` mean.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// The end of an operand: `/` divides.
    Operand,
    /// An operator or a word before an operand: `/` starts a regular expression.
    Operator,
    /// `.` or `#`: a name follows.
    Dot,
    /// `if`, `for` and the like: a head follows.
    HeadWord,
    /// `for`, which `await` may follow.
    For,
    /// `class`: the name may follow.
    Class,
    /// The name of a class: `extends` may follow.
    ClassName,
    Arrow,
    /// The end of a head: a statement or a block follows.
    Head,
    /// The end of other parentheses: a body follows, or `/` divides.
    Parenthesis,
    /// What `/` means behind it is not known.
    Unclear,
}

/// A text with more open brackets is nested too deeply to be parsed.
const DEEPEST: usize = 100_000;

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the token before the present one ends.
    end: usize,
    levels: Vec<Open>,
    /// Where the bracket stands that the last one which closed belongs to.
    closed: usize,
    /// The last comment, with those that stand right before it.
    comment: Range<usize>,
    before: Before,
    /// Whether a line has ended before the present token.
    on_new_line: bool,
    /// Whether a class that `extends` something waits for its body.
    has_heritage: bool,
    bodies: Vec<Range<usize>>,
    /// Where an import or export starts that has not ended yet.
    item: Option<usize>,
    items: Vec<Range<usize>>,
    /// Whether the items are all that is to be read.
    is_plain: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 },
            end: 0,
            levels: Vec::new(),
            closed: 0,
            comment: 0..0,
            before: Before::Operator,
            on_new_line: false,
            has_heritage: false,
            bodies: Vec::new(),
            item: None,
            items: Vec::new(),
            is_plain: true,
        }
    }

    /// Goes through all tokens. `None` where they cannot be told, or where more brackets are open than are parsed.
    fn run(mut self) -> Option<Self> {
        if self.text[self.at..].starts_with(b"#!") {
            self.skip_line();
        }
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | 0x0b | 0x0c => {
                    let rest = &self.text[self.at..];
                    self.at += rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len()).max(1);
                }
                b'\n' | b'\r' => {
                    self.on_new_line = true;
                    self.at += 1;
                }
                b'/' if self.peek(1) == b'/' => self.skip_line(),
                b'/' if self.peek(1) == b'*' => self.comment()?,
                _ => {
                    if let Some(start) = self.item.filter(|_| self.levels.is_empty()) {
                        self.go_on(start, byte);
                    }
                    self.token(byte)?;
                    self.on_new_line = false;
                    self.end = self.at;
                }
            }
        }
        self.items.extend(self.item.map(|start| start..self.at));
        self.levels.is_empty().then_some(self)
    }

    /// The imports and exports of a module that has no other form of them than `import …`, `export { … }` and `export *`, and
    /// that requests nothing more while it is evaluated.
    fn items(&self) -> Option<&[Range<usize>]> {
        self.is_plain.then_some(&self.items)
    }

    /// Finds out whether an import or export goes on with the present token.
    fn go_on(&mut self, start: usize, byte: u8) {
        let is_first = self.end - start == "import".len();
        let may_end = matches!(self.text[self.end - 1], b'"' | b'\'' | b'}');
        self.item = match (self.text[start], byte) {
            // An expression.
            (b'i', b'(' | b'.') if is_first => None,
            (b'i', _) | (_, b'{' | b'*') if is_first => Some(start),
            _ if is_first => {
                self.is_plain = false;
                None
            }
            (_, b';') => {
                self.items.push(start..self.at + 1);
                None
            }
            _ if may_end && self.on_new_line => {
                let goes_on = |word: &&[u8]| self.text[self.at..].starts_with(word);
                self.is_plain &= ![&b"from"[..], b"with", b"assert"].iter().any(goes_on);
                self.items.push(start..self.at);
                None
            }
            _ => Some(start),
        };
    }

    fn token(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'.' if self.text[self.at..].starts_with(b"...") => self.operator(3, Before::Operator),
            b'.' | b'#' => self.operator(1, Before::Dot),
            b'"' | b'\'' => self.string(byte),
            b'`' => self.template(),
            b'(' => {
                let is_head = matches!(self.before, Before::HeadWord | Before::For);
                self.open(if is_head { Level::Head } else { Level::Parenthesis })
            }
            b'[' => self.open(Level::Square),
            b'{' => self.brace(),
            b')' | b']' | b'}' => self.close(byte),
            b'/' => self.slash(),
            b'=' if self.peek(1) == b'>' => self.operator(2, Before::Arrow),
            b'+' | b'-' if self.peek(1) == byte => {
                let is_behind = matches!(self.before, Before::Operand | Before::Parenthesis) && !self.on_new_line;
                self.operator(2, if is_behind { Before::Operand } else { Before::Unclear })
            }
            b'=' | b'+' | b'-' | b'*' | b'%' | b'<' | b'>' | b'!' | b'&' | b'|' | b'^' | b'~' | b'?' | b':' | b','
            | b';' => self.operator(1, Before::Operator),
            // Letters and spaces beyond ASCII, and what is no token.
            _ => None,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn operator(&mut self, length: usize, before: Before) -> Option<()> {
        self.at += length;
        self.before = before;
        Some(())
    }

    fn skip_line(&mut self) {
        let start = self.at;
        self.at = self.text.len();
        let mut rest = &self.text[start..];
        while let Some(end) = memchr3(b'\n', b'\r', 0xe2, rest) {
            rest = &rest[end..];
            if rest[0] != 0xe2 || is_separator(rest) {
                self.at = self.text.len() - rest.len();
                break;
            }
            rest = &rest[1..];
        }
        self.note_comment(start);
    }

    fn comment(&mut self) -> Option<()> {
        let start = self.at;
        let comment = &self.text[start + 2..];
        let comment = &comment[..memmem::find(comment, b"*/")?];
        self.on_new_line |= memchr3(b'\n', b'\r', 0xe2, comment).is_some();
        self.at += comment.len() + 4;
        self.note_comment(start);
        Some(())
    }

    fn note_comment(&mut self, start: usize) {
        let goes_on = self.text[self.comment.end..start].trim_ascii().is_empty();
        self.comment = if goes_on { self.comment.start } else { start }..self.at;
    }

    fn word(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !IS_WORD[usize::from(*byte)]).unwrap_or(rest.len());
        // An escape, or a letter beyond ASCII.
        if rest.get(length).is_some_and(|byte| *byte == b'\\' || !byte.is_ascii()) {
            return None;
        }
        self.at += length;
        let word = &rest[..length];
        if self.before == Before::Dot {
            self.before = Before::Operand;
            return Some(());
        }
        if length > LONGEST_WORD || !STARTS_TELLING[usize::from(word[0])] {
            self.before = if self.before == Before::Class { Before::ClassName } else { Before::Operand };
            return Some(());
        }
        self.note(word);
        let is_name = self.before == Before::Class;
        self.before = match word {
            b"extends" if matches!(self.before, Before::Class | Before::ClassName) => {
                self.has_heritage = true;
                Before::Operator
            }
            // The body of such a class is not told from that of the one that is extended.
            b"class" | b"function" if self.has_heritage => return None,
            _ if is_name => Before::ClassName,
            b"class" => Before::Class,
            b"for" => Before::For,
            b"await" if self.before == Before::For => Before::HeadWord,
            b"if" | b"while" | b"with" | b"switch" | b"catch" => Before::HeadWord,
            b"of" => Before::Unclear,
            _ if is_before_operand(word) => Before::Operator,
            _ => Before::Operand,
        };
        Some(())
    }

    /// Notes a word that starts an import or export, or that requests another file at once.
    fn note(&mut self, word: &[u8]) {
        match word {
            // A key is followed by a colon, a call is not.
            b"require" if self.text[self.at..].trim_ascii_start().first() != Some(&b':') => {
                self.is_plain = false;
            }
            b"createRequire" => self.is_plain = false,
            b"import" if self.text[..self.end].ends_with(b"await") => self.is_plain = false,
            b"import" | b"export" if self.levels.is_empty() => {
                self.is_plain &= self.item.is_none();
                self.item = Some(self.at - word.len());
            }
            _ => {}
        }
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        self.operator(rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len()), Before::Operand)
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let stop = rest.iter().position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r'))?;
            self.at += stop + 1;
            match rest[stop] {
                b'\\' => self.at += 1,
                b'\n' | b'\r' => return None,
                _ => return self.operator(0, Before::Operand),
            }
            if self.at > self.text.len() {
                return None;
            }
        }
    }

    /// A template, or what follows a substitution in one, up to its end or the next substitution.
    fn template(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += memchr3(b'`', b'\\', b'$', self.text.get(self.at..)?)?;
            match self.peek(0) {
                b'`' => return self.operator(1, Before::Operand),
                b'$' if self.peek(1) == b'{' => {
                    self.at += 1;
                    return self.open(Level::Substitution);
                }
                b'$' => self.at += 1,
                _ => self.at += 2,
            }
        }
    }

    fn slash(&mut self) -> Option<()> {
        match self.before {
            Before::Operator | Before::Arrow | Before::Head => self.regular_expression(),
            // On a new line it may start a statement.
            Before::Operand | Before::Parenthesis if !self.on_new_line => self.operator(1, Before::Operator),
            _ => None,
        }
    }

    fn regular_expression(&mut self) -> Option<()> {
        let mut is_in_class = false;
        loop {
            self.at += 1;
            match *self.text.get(self.at)? {
                b'\\' if !matches!(self.peek(1), b'\n' | b'\r') => self.at += 1,
                b'[' => is_in_class = true,
                b']' => is_in_class = false,
                b'/' if !is_in_class => break,
                b'\\' | b'\n' | b'\r' => return None,
                _ if is_separator(&self.text[self.at..]) => return None,
                _ => {}
            }
        }
        let flags = &self.text[self.at + 1..];
        let flags = flags.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(flags.len());
        self.operator(1 + flags, Before::Operand)
    }

    fn open(&mut self, level: Level) -> Option<()> {
        self.levels.push(Open { level, at: self.at, has_heritage: std::mem::take(&mut self.has_heritage) });
        (self.levels.len() <= DEEPEST).then(|| self.operator(1, Before::Operator))?
    }

    fn brace(&mut self) -> Option<()> {
        let of_class = std::mem::take(&mut self.has_heritage);
        if of_class && !matches!(self.before, Before::Operand | Before::Parenthesis) {
            return None;
        }
        let follows = match self.before {
            Before::Arrow => true,
            Before::Parenthesis => !self.on_new_line && !of_class,
            _ => false,
        };
        if follows { self.skip_body() } else { self.open(Level::Brace) }
    }

    /// Goes through the body of a function, in which only brackets count, and what may hide one. Braces alone tell where it
    /// ends; the others are looked at where they have to tell what a slash means.
    fn skip_body(&mut self) -> Option<()> {
        let (start, around, comment) = (self.at, self.levels.len(), self.comment.clone());
        self.body(&IS_DULL_BETWEEN_BRACES).or_else(|| {
            self.levels.truncate(around);
            (self.at, self.comment) = (start, comment);
            self.body(&IS_DULL)
        })
    }

    fn body(&mut self, is_dull: &[bool; 256]) -> Option<()> {
        let around = self.levels.len();
        self.open(Level::Brace)?;
        let start = self.at;
        let knows_heads = !is_dull[usize::from(b'(')];
        loop {
            self.at += dull(&self.text[self.at..], is_dull);
            match *self.text.get(self.at)? {
                quote @ (b'"' | b'\'') => self.string(quote)?,
                b'`' => self.template()?,
                b'(' => self.open(Level::Parenthesis)?,
                b'[' => self.open(Level::Square)?,
                b'{' => self.open(Level::Brace)?,
                b'/' if self.peek(1) == b'/' => self.skip_line(),
                b'/' if self.peek(1) == b'*' => self.comment()?,
                b'/' if self.divides(knows_heads)? => self.at += 1,
                b'/' => self.regular_expression()?,
                close @ (b')' | b']' | b'}') => {
                    let end = self.at;
                    self.close(close)?;
                    if self.levels.len() == around {
                        self.bodies.push(start..end);
                        return Some(());
                    }
                }
                _ => return None,
            }
        }
    }

    /// Whether a slash in the body of a function divides; `None` where what stands before it does not tell.
    fn divides(&self, knows_heads: bool) -> Option<bool> {
        let before = self.text[..self.at].trim_ascii_end();
        let before = if self.comment.contains(&before.len().saturating_sub(1)) {
            self.text[..self.comment.start].trim_ascii_end()
        } else {
            before
        };
        let is_operand = match *before.last()? {
            byte if IS_WORD[usize::from(byte)] => match last_word(before) {
                b"of" => return None,
                word => !is_before_operand(word),
            },
            b')' if !knows_heads => return None,
            b')' => !self.closes_head()?,
            b']' | b'"' | b'\'' | b'`' => true,
            // On the left of an operand it is another operator than on the right.
            byte @ (b'+' | b'-') if before.ends_with(&[byte, byte]) => return None,
            // A slash ends a regular expression, or is an operator.
            b'}' | b'.' | b'#' | b'/' | 0x0b => return None,
            _ => false,
        };
        // On a new line a slash behind an operand may start a statement.
        let is_on_new_line = memchr3(b'\n', b'\r', 0xe2, &self.text[before.len()..self.at]).is_some();
        (!is_operand || !is_on_new_line).then_some(is_operand)
    }

    /// Whether the parenthesis that was closed last is that of `if (…)` and the like.
    fn closes_head(&self) -> Option<bool> {
        let before = &self.text[..self.closed];
        let word = before.trim_ascii_end();
        // A comment may stand there.
        if word.ends_with(b"*/") || memchr3(b'\n', b'\r', 0xe2, &before[word.len()..]).is_some() {
            return None;
        }
        Some(match last_word(word) {
            b"if" | b"while" | b"with" | b"switch" | b"catch" | b"for" => true,
            b"await" => last_word(word[..word.len() - "await".len()].trim_ascii_end()) == b"for",
            _ => false,
        })
    }

    fn close(&mut self, byte: u8) -> Option<()> {
        let Open { level, at, has_heritage } = self.levels.pop()?;
        self.closed = at;
        self.has_heritage = has_heritage;
        self.before = match (byte, level) {
            (b')', Level::Head) => Before::Head,
            (b')', Level::Parenthesis) => Before::Parenthesis,
            (b']', Level::Square) => Before::Operand,
            (b'}', Level::Brace) => Before::Unclear,
            (b'}', Level::Substitution) => return self.template(),
            _ => return None,
        };
        self.at += 1;
        Some(())
    }
}

/// The length of `createRequire`, the longest word that tells something.
const LONGEST_WORD: usize = 13;

/// The letters with which words begin that tell something.
const STARTS_TELLING: [bool; 256] = with([false; 256], b"acdefinorstvwy");

/// Which bytes words are made of.
const IS_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        byte += 1;
    }
    table
};

/// The bytes that neither open or close a bracket nor may hide one: words, spaces and operators without the slash.
const IS_DULL: [bool; 256] = with(IS_WORD, b" \t\x0b\x0c\n\r.#=+-*%<>!&|^~?:,;");

/// The same, with the brackets that are no braces.
const IS_DULL_BETWEEN_BRACES: [bool; 256] = with(IS_DULL, b"()[]");

/// How many bytes at the start of a text are dull. Eight at a time take half of the time.
fn dull(text: &[u8], is_dull: &[bool; 256]) -> usize {
    let (eights, _) = text.as_chunks::<8>();
    let all = |eight: &[u8; 8]| eight.iter().fold(true, |all, byte| all & is_dull[usize::from(*byte)]);
    let at = eights.iter().take_while(|eight| all(eight)).count() * 8;
    at + text[at..].iter().take_while(|byte| is_dull[usize::from(**byte)]).count()
}

/// A table of bytes with more of them in it.
const fn with(mut table: [bool; 256], bytes: &[u8]) -> [bool; 256] {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Whether a word stands before an operand, so that a slash behind it starts a regular expression.
fn is_before_operand(word: &[u8]) -> bool {
    matches!(
        word,
        b"await"
            | b"case"
            | b"default"
            | b"delete"
            | b"do"
            | b"else"
            | b"extends"
            | b"in"
            | b"instanceof"
            | b"new"
            | b"return"
            | b"throw"
            | b"typeof"
            | b"void"
            | b"yield"
    )
}

/// The word at the end of a text; none where it is the name of a property.
fn last_word(text: &[u8]) -> &[u8] {
    let start = text.iter().rposition(|byte| !IS_WORD[usize::from(*byte)]).map_or(0, |at| at + 1);
    let (before, word) = text.split_at(start);
    let is_property = before.ends_with(b"#") || before.ends_with(b".") && !before.ends_with(b"...");
    if is_property { b"" } else { word }
}

/// Whether a text starts with U+2028 or U+2029, which end a line.
fn is_separator(text: &[u8]) -> bool {
    matches!(text, [0xe2, 0x80, 0xa8 | 0xa9, ..])
}
