//! Estimates how much stack the parser library needs for a text, before it is parsed; an over-estimate, made from tokens
//! alone.
//!
//! The library descends by recursion and has no limit of its own: ten thousand open parentheses end the process. So the
//! cost of each token that can make it descend is added up, bracket by bracket, and the parser is given a stack of that
//! size, which costs address space and nothing else until it is used.

use memchr::memchr;

/// Bytes of stack, measured over each construct with optimisation and rounded up.
mod cost {
    /// Without optimisation frames are larger.
    const SCALE: usize = if cfg!(debug_assertions) { 6 } else { 1 };
    /// `(`, `[`, `{`, `${` with what is between two of them (`function () { return (…`).
    pub(super) const BRACKET: usize = 10_000 * SCALE;
    /// `if`, `for`, `while`, `do`, `with`, labels, `class … extends`.
    pub(super) const STATEMENT: usize = 2_500 * SCALE;
    /// `=>`
    pub(super) const ARROW: usize = 5_000 * SCALE;
    /// Operators that bind to the right, or may: `!`, `=`, `?`, `typeof`.
    pub(super) const OPERATOR: usize = 700 * SCALE;
    /// One more step of `a.b().c`: nothing while it is parsed, a frame when the tree is dropped.
    pub(super) const CHAIN: usize = 160 * SCALE;
    /// Any byte of a text whose brackets do not match, where nothing better is known.
    pub(super) const BYTE: usize = 1_700 * SCALE;
    /// What is always needed.
    pub(super) const BASE: usize = 256 * 1024;
    /// The steps that the library may take for each `else if`, assignment and arrow over the chain before it, and for each
    /// label over those around it: a chain of 7,000, or thousands of short ones.
    pub(super) const CHAIN_STEPS: usize = 25_000_000;
    /// The steps that the library may take to look for declarations: in each block it looks through all blocks inside. 8,000
    /// that lie in one another are 32 million.
    pub(super) const BLOCK_STEPS: usize = 12_000_000;
    /// The levels of indentation that the library may print where a source is compiled: each is four bytes.
    pub(super) const INDENTS: usize = 8_000_000;
    /// What is given to a text that is followed. What is touched of it is memory, beside the tree.
    pub(super) const FOLLOWED: usize = if SCALE > 4 { LIMIT } else { LIMIT / 8 * SCALE };
    /// The same for a text that is compiled, which passes go through several times as deep.
    pub(super) const COMPILED: usize = FOLLOWED / 4;
    /// More than this is not asked of any system.
    pub(super) const LIMIT: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 1 << 26 };
}

/// The stack that parsing needs, in bytes; `None` when no system would give that much.
pub(crate) fn stack_needed(text: &str) -> Option<usize> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.run();
    scanner.stack(text)
}

/// Like [`stack_needed`], for a text with types: `A<A<…`, `keyof keyof …` nest without a bracket that is counted, so
/// every token may be one level more.
///
/// Such a text is compiled and printed, which takes a line and its indentation for each statement and member.
pub(crate) fn stack_needed_with_types(text: &str) -> Option<usize> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.run();
    if scanner.indents > cost::INDENTS || scanner.deepest > cost::COMPILED {
        return None;
    }
    let types = text.len().saturating_mul(cost::BYTE);
    Some(scanner.stack(text)?.saturating_add(types).min(cost::LIMIT))
}

/// A pair of brackets, or the whole text.
struct Level {
    close: u8,
    /// What the levels around this one cost, this one included.
    base: usize,
    /// What the statements cost that are open in this level.
    statements: usize,
    /// What the operators cost since the last comma or semicolon.
    operators: usize,
    kind: Kind,
    /// The `?` that wait for their `:`.
    conditionals: usize,
    /// The `else if` that have followed the last `if`.
    chain: usize,
    /// Whether a `case` or `default` waits for its `:`.
    case: bool,
    /// How many blocks and bodies this one lies in, itself included.
    blocks: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The parentheses of `if (…)`, `while (…)`, `for (…)`, `with (…)`: a statement follows.
    Head,
    /// A block in the place of a statement.
    Block,
    /// The body of a function, arrow or class.
    Body,
    /// `${…}`
    Template,
    /// Parentheses, square brackets, object literals.
    Expression,
}

/// What stood before the present token, as far as it decides what `/` and `{` mean.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// The end of a statement or the start of a block: a statement follows.
    Statement,
    /// The end of an operand: `/` divides.
    Operand,
    /// A word that a block follows, such as `try`, or `do`.
    BlockWord,
    Else,
    /// `if`, `while`, `for`, `with`.
    HeadWord,
    Arrow,
    Colon,
    Dot,
    /// An operator, a comma, an open bracket, `return` and the like: an expression follows.
    Operator,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    before: Before,
    deepest: usize,
    chain_steps: usize,
    /// The assignments and arrows since the last line, bracket, comma or semicolon.
    chained: usize,
    block_steps: usize,
    indents: usize,
    /// Whether every bracket was closed by its like so far.
    matched: bool,
    /// Whether a statement ended just now, unless `else` or the `while` of `do` goes on with it.
    ended: bool,
}

/// The bytes of identifiers, keywords and numbers.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte, 0x30..=0x39 | 0x41..=0x5a | 0x61..=0x7a | 0x24 | 0x5c | 0x5f | 0x80..);
        byte += 1;
    }
    table
};

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        let whole = Level {
            close: 0,
            base: 0,
            statements: 0,
            operators: 0,
            kind: Kind::Block,
            conditionals: 0,
            chain: 0,
            case: false,
            blocks: 0,
        };
        Self {
            text,
            at: 0,
            levels: vec![whole],
            before: Before::Statement,
            deepest: 0,
            chain_steps: 0,
            chained: 0,
            block_steps: 0,
            indents: 0,
            matched: true,
            ended: false,
        }
    }

    fn run(&mut self) {
        if self.text.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        if self.text[self.at..].starts_with(b"#!") {
            self.skip_line();
        }
        while let Some(&byte) = self.text.get(self.at).filter(|_| self.deepest <= cost::FOLLOWED) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                    if byte == b'\n' {
                        self.chained = 0;
                    }
                    self.at += 1;
                    continue;
                }
                b'/' if self.comment() => continue,
                _ if WORD[usize::from(byte)] => self.word(),
                _ => {
                    self.settle(false);
                    self.punctuator(byte);
                }
            }
        }
    }

    /// The stack that parsing needs, once the scanner has run.
    fn stack(&self, text: &str) -> Option<usize> {
        if self.chain_steps > cost::CHAIN_STEPS || self.block_steps > cost::BLOCK_STEPS {
            return None;
        }
        let needed = cost::BASE.saturating_add(self.deepest);
        if needed > cost::FOLLOWED {
            return None;
        }
        if self.matched && self.levels.len() == 1 {
            return Some(needed);
        }
        // The text is broken, or a regular expression was taken for a division: every token may be one level.
        let brackets = text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
        let needed = brackets.saturating_mul(cost::BRACKET).saturating_add(text.len().saturating_mul(cost::BYTE));
        Some(needed.saturating_add(cost::BASE).min(cost::LIMIT))
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn level(&mut self) -> &mut Level {
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    }

    fn comment(&mut self) -> bool {
        match self.peek(1) {
            b'/' => self.skip_line(),
            b'*' => {
                self.at += 2;
                loop {
                    let rest = &self.text[self.at..];
                    self.at += memchr(b'*', rest).map_or(rest.len(), |length| length + 1);
                    if self.at >= self.text.len() || self.peek(0) == b'/' {
                        break;
                    }
                }
                self.at = self.text.len().min(self.at + 1);
            }
            _ => return false,
        }
        true
    }

    /// Ends the statement that ended before the present token, unless the token goes on with it.
    fn settle(&mut self, goes_on: bool) {
        if std::mem::take(&mut self.ended) && !goes_on {
            self.level().statements = 0;
        }
    }

    /// Something that is printed on a line of its own.
    fn line(&mut self) {
        self.indents += self.levels.len() + self.level().statements / cost::STATEMENT;
    }

    fn operator(&mut self, cost: usize) {
        let level = self.level();
        level.operators += cost;
        let depth = level.base + level.statements + level.operators;
        self.deepest = self.deepest.max(depth);
    }

    fn statement(&mut self) {
        self.line();
        let level = self.level();
        level.operators = 0;
        level.statements += cost::STATEMENT;
        let depth = level.base + level.statements;
        self.deepest = self.deepest.max(depth);
    }

    fn word(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let length = rest.iter().position(|&byte| !WORD[usize::from(byte)]).unwrap_or(rest.len());
        self.at += length;
        let word = &rest[..length];
        self.settle(matches!(word, b"else" | b"while" | b"catch" | b"finally"));
        let name = self.before == Before::Dot;
        self.before = match word {
            _ if name => Before::Operand,
            b"if" if self.before == Before::Else => {
                self.level().chain += 1;
                self.chain_steps += self.level().chain;
                Before::HeadWord
            }
            b"if" | b"while" | b"for" | b"with" => {
                self.statement();
                self.level().chain = 0;
                Before::HeadWord
            }
            b"do" => {
                self.statement();
                Before::BlockWord
            }
            // `else if` is read in a loop, and hung below the one before by a small recursion.
            b"else" => {
                self.operator(cost::OPERATOR);
                Before::Else
            }
            b"try" | b"finally" => Before::BlockWord,
            b"await" if self.before == Before::HeadWord => Before::HeadWord,
            b"class" | b"extends" => {
                self.operator(cost::STATEMENT);
                Before::Operator
            }
            b"typeof" | b"void" | b"delete" | b"await" | b"yield" | b"new" | b"in" | b"instanceof" => {
                self.operator(cost::OPERATOR);
                Before::Operator
            }
            b"case" | b"default" if matches!(self.level().kind, Kind::Block | Kind::Body) => {
                let level = self.level();
                (level.operators, level.case) = (0, true);
                Before::Operator
            }
            b"return" | b"throw" | b"const" | b"var" | b"case" | b"export" => {
                // The words of statements end whatever expression a line end has ended.
                if matches!(self.level().kind, Kind::Block | Kind::Body) {
                    self.level().operators = 0;
                }
                Before::Operator
            }
            b"default" => Before::Operator,
            // Two operands side by side: this is the `of` of a loop.
            b"of" if self.before == Before::Operand => Before::Operator,
            _ => Before::Operand,
        };
    }

    /// Counts an assignment, or an arrow, which costs more: the library looks again at those that it lies in.
    fn link(&mut self, steps: usize) {
        self.chained += steps;
        self.chain_steps += self.chained;
    }

    /// Whether the `=` here is that of an assignment, and of no comparison.
    fn assigns(&self) -> bool {
        let is_compared = match &self.text[..self.at] {
            [.., b'<', b'<'] | [.., b'>', b'>'] => false,
            [.., b'=' | b'!' | b'<' | b'>'] => true,
            _ => false,
        };
        !is_compared && self.peek(1) != b'='
    }

    fn punctuator(&mut self, byte: u8) {
        if matches!(byte, b'(' | b'[' | b'{' | b')' | b']' | b'}' | b';' | b',') {
            self.chained = 0;
        }
        match byte {
            b'"' | b'\'' => self.string(byte),
            b'`' => {
                self.at += 1;
                self.operator(cost::CHAIN);
                self.template();
            }
            b'(' | b'[' | b'{' => self.open(byte),
            b')' | b']' | b'}' => self.close(byte),
            b'/' if self.before == Before::Operand || !self.regex() => self.plain(cost::OPERATOR),
            b'/' => {}
            b';' => {
                self.at += 1;
                self.level().operators = 0;
                self.block_steps += self.level().blocks;
                self.line();
                self.ended = true;
                self.before = Before::Statement;
            }
            b',' => {
                self.at += 1;
                self.line();
                self.level().operators = 0;
                self.before = Before::Operator;
            }
            b'.' => {
                let spread = self.peek(1) == b'.';
                self.at += if spread { 3 } else { 1 };
                self.at = self.at.min(self.text.len());
                self.operator(cost::CHAIN);
                self.before = if spread { Before::Operator } else { Before::Dot };
            }
            b'=' if self.peek(1) == b'>' => {
                self.at += 2;
                self.link(2);
                self.operator(cost::ARROW);
                self.before = Before::Arrow;
            }
            // After an operand they belong to it.
            b'+' | b'-' if self.peek(1) == byte => {
                self.at += 2;
                self.operator(cost::OPERATOR);
                if self.before != Before::Operand {
                    self.before = Before::Operator;
                }
            }
            b'?' => {
                let other = match self.peek(1) {
                    b'?' => true,
                    b'.' => !self.peek(2).is_ascii_digit(),
                    _ => false,
                };
                if !other {
                    self.level().conditionals += 1;
                }
                self.plain(cost::OPERATOR);
            }
            b':' => {
                let level = self.level();
                let conditional = level.conditionals > 0;
                level.conditionals = level.conditionals.saturating_sub(1);
                let label = !conditional && matches!(level.kind, Kind::Block | Kind::Body);
                let case = std::mem::take(&mut level.case);
                if label {
                    self.statement();
                    if !case {
                        // Each label is compared with those around it.
                        self.chain_steps += self.level().statements / cost::STATEMENT;
                    }
                } else {
                    self.operator(cost::OPERATOR);
                }
                self.at += 1;
                self.before = if label { Before::Colon } else { Before::Operator };
            }
            b'#' => self.at += 1,
            b'=' if self.assigns() => {
                self.link(1);
                self.plain(cost::OPERATOR);
            }
            _ => self.plain(cost::OPERATOR),
        }
    }

    fn plain(&mut self, cost: usize) {
        self.at += 1;
        self.operator(cost);
        self.before = Before::Operator;
    }

    fn open(&mut self, byte: u8) {
        let kind = match (byte, self.before) {
            (b'(', Before::HeadWord) => Kind::Head,
            (b'{', Before::Statement | Before::BlockWord | Before::Else | Before::Colon) => Kind::Block,
            (b'{', Before::Operand | Before::Arrow | Before::HeadWord) => Kind::Body,
            (b'{', Before::Operator) if self.class_body() => Kind::Body,
            _ => Kind::Expression,
        };
        let close = match byte {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        self.push(close, kind);
        self.at += 1;
        self.before = match kind {
            Kind::Block | Kind::Body => Before::Statement,
            Kind::Head | Kind::Template | Kind::Expression => Before::Operator,
        };
    }

    /// Whether the `{` follows the word `class` at once.
    fn class_body(&self) -> bool {
        self.text[..self.at].trim_ascii_end().ends_with(b"class")
    }

    fn push(&mut self, close: u8, kind: Kind) {
        self.line();
        let level = self.level();
        let base = level.base + level.statements + level.operators + cost::BRACKET;
        let blocks = match kind {
            // A function is looked through by itself. Here, its body cannot be told from that of `switch`.
            Kind::Block | Kind::Body => level.blocks + 1,
            Kind::Head | Kind::Template | Kind::Expression => level.blocks,
        };
        self.deepest = self.deepest.max(base);
        self.block_steps += if matches!(kind, Kind::Block | Kind::Body) { blocks } else { 0 };
        self.levels.push(Level {
            close,
            base,
            statements: 0,
            operators: 0,
            kind,
            conditionals: 0,
            chain: 0,
            case: false,
            blocks,
        });
    }

    fn close(&mut self, byte: u8) {
        self.at += 1;
        if self.levels.len() == 1 || self.level().close != byte {
            self.matched = false;
            self.before = Before::Operand;
            return;
        }
        let kind = self.levels.pop().map_or(Kind::Expression, |level| level.kind);
        match kind {
            Kind::Template => return self.template(),
            Kind::Head => self.before = Before::Statement,
            Kind::Block => {
                self.level().operators = 0;
                self.ended = true;
                self.before = Before::Statement;
            }
            // Whether an expression goes on after the body of a function is not known.
            Kind::Body => self.before = Before::Statement,
            Kind::Expression => self.before = Before::Operand,
        }
        self.operator(cost::CHAIN);
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        self.before = Before::Operand;
        loop {
            let rest = &self.text[self.at..];
            let stop = |byte: &u8| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r');
            let Some(length) = rest.iter().position(stop) else {
                self.at = self.text.len();
                return;
            };
            let escape = rest[length] == b'\\';
            self.at = self.text.len().min(self.at + length + if escape { 2 } else { 1 });
            if !escape {
                return;
            }
        }
    }

    /// The text of a template up to its end or the next `${`.
    fn template(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = rest.iter().position(|byte| matches!(byte, b'\\' | b'`' | b'$')) else {
                self.at = self.text.len();
                self.matched = false;
                return;
            };
            self.at += length;
            match (self.peek(0), self.peek(1)) {
                (b'\\', _) => self.at = self.text.len().min(self.at + 2),
                (b'`', _) => {
                    self.at += 1;
                    self.before = Before::Operand;
                    return;
                }
                (_, b'{') => {
                    self.at += 2;
                    self.push(b'}', Kind::Template);
                    self.before = Before::Operator;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }

    /// Skips a regular expression; whether there is one.
    fn regex(&mut self) -> bool {
        let mut at = self.at + 1;
        let mut class = false;
        loop {
            match self.text.get(at).copied() {
                None | Some(b'\n' | b'\r') => return false,
                Some(b'\\') => at += 1,
                Some(b'[') => class = true,
                Some(b']') => class = false,
                Some(b'/') if !class => break,
                Some(_) => {}
            }
            at += 1;
        }
        self.at = at + 1;
        self.before = Before::Operand;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate above the base, in brackets and a rest that is less than one.
    fn brackets(text: &str) -> Option<usize> {
        stack_needed(text).map(|needed| (needed - cost::BASE) / cost::BRACKET)
    }

    #[test]
    fn counts_what_is_open_at_a_time() {
        assert_eq!(brackets("a(); b(); c();"), Some(1));
        assert_eq!(brackets("a(b(c()))"), Some(3));
        assert_eq!(brackets(&"f({ a: [1] });\n".repeat(1000)), Some(3));
        assert_eq!(brackets(&"if (a) { b = c ? d : e } else { f() }\n".repeat(1000)), Some(2));
        assert_eq!(brackets(&"const a = b => c.d(e)\n".repeat(1000)), Some(1));
    }

    #[test]
    fn every_token_is_read_as_what_it_is() {
        // Only where all brackets are matched the estimate is small.
        for text in [
            "f(...a); function g(...b) { return h(...b) } [...c]; ({ ...d })",
            "a ? .5 : { b: c }; d ? (e) : f; x = a ? { b: 1 } : { c: 2 }",
            "label: for (const a of /[)]/g) {} switch (b) { case 1: { } default: /[(]/ }",
            "class A { static { } get b() { } 'c'() { } [d] = 1; #e = /[}]/ } class B extends (C) { }",
            "const f = a => ({ b: a }), g = async () => { await /[(]/; return /[)]/ }",
            "do { a } while (b) /[(]/.test(c); if (d) /[(]/.test(e); else /[)]/.test(f)",
            "`a${b}c${`d${{ e: '}' }}`}\\`${'`'}`; x = `}`; y`{`",
            "'\\'('; \"\\\\\"; a = '/*'; b = \"//\"; /* ' */ c // \"\n",
            "a /= b / c / d; e = f++ / g; h = (i) / j[0] / k; l = m.if / n; o = { p: 1 }.p / q",
            "return /a/\nthrow /b/\n[/c/, /d/].e(/f/) + /g/ + (x => /h/) + !/i/",
            "for (;;) { } for await (const a of b) { } while (c) { } with (d) { }",
            "/**/ a /***/ b /* * */ c /*/ ( /*/",
        ] {
            assert!(brackets(text) <= Some(5), "{text}");
            assert!(brackets(&text.repeat(2000)) <= Some(2000), "{text}");
        }
    }

    #[test]
    fn brackets_in_literals_and_comments_do_not_count() {
        for text in [
            "'((((' + \"[[[[\"",
            "`(((( ${a} \\${ \\` {{{`",
            "/* (((( */ // [[[[\n",
            "a = /[[(/]\\/((((/g",
            "if (a) /((((/.test(b)",
            "return /((((/",
            "{} /((((/.test(b)",
            "#!((((\n",
        ] {
            assert!(brackets(text) <= Some(2), "{text}");
        }
    }

    #[test]
    fn a_slash_after_an_operand_divides() {
        for text in ["a / (b / (c))", "(a) / (b / (c))", "a[0] / (b / (c))", "a++ / (b / (c))", "1. / (b / (c))"] {
            assert!(brackets(text) >= Some(2), "{text}");
        }
    }

    #[test]
    fn where_brackets_do_not_match_everything_counts() {
        assert!(brackets(&")(".repeat(1000)) >= Some(1000));
        assert!(brackets(&"(".repeat(1000)) >= Some(1000));
        // What is never closed is as deep as what is.
        assert_eq!(stack_needed(&"(".repeat(30_000)), None);
        assert!(brackets(&"}".repeat(1000)) >= Some(100));
    }

    #[test]
    fn what_nests_without_brackets_counts() {
        let deep = |piece: &str| stack_needed(&piece.repeat(1000)).map_or(0, |needed| needed - cost::BASE);
        for piece in ["if(a)", "for(;;)", "if(a);else while(b)", "while(a)", "do ", "a:"] {
            assert!(deep(piece) >= 1000 * cost::STATEMENT, "{piece}");
        }
        for piece in ["!", "a=", "a?b:", "a?", "typeof ", "new ", "a=>", "a**", "await "] {
            assert!(deep(piece) >= 1000 * cost::OPERATOR, "{piece}");
        }
        assert!(deep("if(a);else ") < 100 * cost::BRACKET);
        assert!(deep("do a; while(") >= 1000 * cost::STATEMENT);
    }

    #[test]
    fn only_a_long_chain_is_refused() {
        let chain = |links: usize| format!("if (a) {{}} {}", "else if (b) {} ".repeat(links));
        assert!(stack_needed(&chain(5_000)).is_some());
        assert_eq!(stack_needed(&chain(8_000)), None);
        assert_eq!(stack_needed(&chain(2_000).repeat(20)), None);
        assert!(stack_needed(&chain(20).repeat(20_000)).is_some());
        assert!(stack_needed(&"a: ".repeat(5_000)).is_some());
        assert_eq!(stack_needed(&"a: ".repeat(8_000)), None);
        assert!(stack_needed(&format!("switch (a) {{ {} }}", "case 1: ".repeat(8_000))).is_some());
        assert!(stack_needed(&"if (a) b(); else if (c) d();\n".repeat(50_000)).is_some());
        for (link, fits, ends) in
            [("a = ", 6_000, "; "), ("a += ", 6_000, "\n"), ("a <<= ", 6_000, ";"), ("a => ", 3_000, ", ")]
        {
            assert!(stack_needed(&format!("b = {}1", link.repeat(fits))).is_some(), "{link}");
            assert_eq!(stack_needed(&format!("b = {}1", link.repeat(2 * fits))), None, "{link}");
            // Each by itself is no chain.
            assert!(stack_needed(&format!("{link}1{ends}").repeat(50_000)).is_some(), "{link}");
        }
        assert!(stack_needed(&"a == b === c != d <= e >= f !== g ".repeat(5_000)).is_some());
    }

    #[test]
    fn only_many_blocks_in_one_another_are_refused() {
        let nested =
            |open: &str, depth: usize, close: &str| format!("{}b();{}", open.repeat(depth), close.repeat(depth));
        for (open, close) in
            [("{ ", " }"), ("try { ", " } catch {}"), ("switch (a) { case 1: ", "}"), ("if (a) {", "}")]
        {
            assert!(stack_needed(&nested(open, 2_000, close)).is_some(), "{open}");
            assert_eq!(stack_needed(&nested(open, 8_000, close)), None, "{open}");
            assert!(stack_needed(&nested(open, 20, close).repeat(5_000)).is_some(), "{open}");
            let functions = format!("function f() {{ {} }}\n", nested(open, 100, close)).repeat(1_000);
            assert!(stack_needed(&functions).is_some(), "{open}");
        }
        let long = format!("{{ {} }}", "b(); ".repeat(500_000));
        assert!(stack_needed(&long).is_some());
    }

    #[test]
    fn what_would_be_printed_with_much_indentation_is_refused() {
        for (open, close) in [("if (a) ", ""), ("while (a) ", ""), ("{ ", " }"), ("x = { a: ", " }"), ("[", "]")] {
            let nested = |depth: usize| format!("{}b();{}", open.repeat(depth), close.repeat(depth));
            assert!(stack_needed_with_types(&nested(500)).is_some(), "{open}");
            assert_eq!(stack_needed_with_types(&nested(6_000)), None, "{open}");
        }
        assert!(stack_needed_with_types(&"if (a) { b({ c: [d, e] }); }\n".repeat(100_000)).is_some());
    }

    #[test]
    fn too_much_is_refused() {
        let nested = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
        // The same with optimisation and without, where frames are larger and more is given.
        assert!(stack_needed(&nested(15_000)).is_some());
        assert_eq!(stack_needed(&nested(30_000)), None);
    }
}
