//! A cheap look at a script's bytes: can it hold a specifier that names a given file? May say yes too often, never no
//! wrongly.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memchr2, memmem, memrchr};

use crate::{
    sources::ModulePath,
    specifier::{Target, resolve},
};

/// Whether a script may request, statically or by a literal `import()`, a file with this name.
///
/// A specifier ends in the file's name as it is, or spelled with an escape (`\x69`) or a percent sign (`%69`), or with
/// a tab or line end inside a template, which the URL parser drops. So a script that does not hold the name need only
/// be looked at behind its `from` and `import` words.
#[must_use]
pub fn may_name(script: &[u8], file_name: &str) -> bool {
    memmem::find(script, file_name.as_bytes()).is_some() || ODD_WORDS.iter().any(|word| odd(script, word))
}

/// Several files, to be looked for at once.
pub(crate) struct Wanted<'f> {
    files: &'f BTreeSet<ModulePath>,
    /// `None` when the names are too many for the search: then every script may name one.
    names: Option<AhoCorasick>,
}

impl<'f> Wanted<'f> {
    pub(crate) fn new(files: &'f BTreeSet<ModulePath>) -> Self {
        let names: BTreeSet<&str> = files.iter().map(ModulePath::file_name).collect();
        Self { files, names: AhoCorasick::new(names).ok() }
    }

    /// Whether a script may request one of the files, statically or by a literal `import()`. As with [`may_name`], but a
    /// name that stands in the literal of another path does not count.
    pub(crate) fn may_be_named_in(&self, importer: &ModulePath, script: &[u8]) -> bool {
        let Some(names) = &self.names else { return true };
        // A name may be the end of a longer one, so overlapping finds count, too.
        let mut found = names.find_overlapping_iter(script);
        found.any(|found| self.is_named_at(importer, script, found.start(), found.end()))
            || ODD_WORDS.iter().any(|word| odd(script, word))
    }

    /// Whether a literal that ends in the name at this place names one of the files. The literal may start at any quote
    /// before it on the line.
    fn is_named_at(&self, importer: &ModulePath, script: &[u8], start: usize, end: usize) -> bool {
        match script.get(end) {
            Some(b'"' | b'\'' | b'`' | b'?' | b'#') => {}
            // An escape may follow, or what follows belongs to the path.
            Some(b'\\') => return true,
            _ => return false,
        }
        let line = &script[start.saturating_sub(LONGEST_SPECIFIER)..start];
        let line = &line[memrchr(b'\n', line).map_or(0, |at| at + 1)..];
        [b'"', b'\'', b'`'].into_iter().any(|quote| {
            let mut before = line.len();
            while let Some(at) = memrchr(quote, &line[..before]) {
                if self.is_one_of(importer, &line[at + 1..], quote, &script[start..end]) {
                    return true;
                }
                // A literal that starts before a quote without an escape ends there.
                if at == 0 || line[at - 1] != b'\\' {
                    break;
                }
                before = at;
            }
            false
        })
    }

    /// Whether a literal names one of the files, that has this quote, and these two parts if it does not end in the first.
    fn is_one_of(&self, importer: &ModulePath, directory: &[u8], quote: u8, name: &[u8]) -> bool {
        let specifier = [directory, name].concat();
        if !matches!(specifier.first(), Some(b'.' | b'/' | b'f' | b'F')) || ends_within(&specifier, quote) {
            return false;
        }
        match std::str::from_utf8(&specifier) {
            Ok(text) if text.contains(['\\', '%']) => true,
            Ok(text) => match resolve(importer, text) {
                Target::File(file) => self.files.contains(&file),
                // It may come back in by the name of the server directory, which is not known here.
                Target::Elsewhere(_) => true,
                Target::Builtin(_) | Target::Package(_) => false,
            },
            Err(_) => false,
        }
    }
}

/// Whether a literal with this quote ends before the text does.
fn ends_within(text: &[u8], quote: u8) -> bool {
    let mut escaped = false;
    text.iter().any(|byte| {
        let ends = *byte == quote && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

/// No path that Node can open is longer (`PATH_MAX` on Linux).
const LONGEST_SPECIFIER: usize = 4096;

/// The words before a specifier.
const ODD_WORDS: [&[u8]; 2] = [b"from", b"import"];

/// The literals behind the words before a specifier: all specifiers of a script that holds no odd one, and what stands in
/// comments and strings as a specifier would.
pub(crate) fn literals(script: &[u8]) -> impl Iterator<Item = &str> {
    let behind = move |word: &'static [u8]| memmem::find_iter(script, word).map(move |at| &script[at + word.len()..]);
    ODD_WORDS.into_iter().flat_map(behind).filter_map(|rest| {
        let rest = behind_parenthesis(rest);
        let quote = rest.first().filter(|quote| matches!(quote, b'"' | b'\'' | b'`'))?;
        let literal = &rest[1..];
        std::str::from_utf8(&literal[..memchr(*quote, literal)?]).ok().filter(|literal| !literal.contains(' '))
    })
}

/// Whether an odd specifier may follow one of the words.
fn odd(script: &[u8], word: &[u8]) -> bool {
    // Comments behind the words may hold the words again. Where they are looked through time and again, the answer is yes.
    let mut budget = script.len().saturating_mul(4).saturating_add(1 << 16);
    memmem::find_iter(script, word).any(|at| {
        let rest = &script[at + word.len()..];
        let specifier = behind_parenthesis(rest);
        match budget.checked_sub(rest.len() - specifier.len()) {
            Some(left) => budget = left,
            None => return true,
        }
        odd_specifier(specifier)
    })
}

/// What follows the word, its space and its comments.
fn odd_specifier(rest: &[u8]) -> bool {
    match rest.first() {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            // An unescaped quote ends the literal; with an escape in it the answer is yes anyhow.
            let end = memchr2(*quote, b'\\', &rest[1..]).map_or(rest.len(), |end| end + 1);
            rest.get(end) == Some(&b'\\')
                || rest[1..end].iter().any(|byte| matches!(byte, b'%' | b'\t' | b'\n' | b'\r'))
        }
        // A space outside of ASCII may hide the specifier.
        Some(byte) if !byte.is_ascii() => true,
        // `import.defer(…)` and `import.source(…)`, but not the common `import.meta`.
        Some(b'.') => !skip_space(&rest[1..]).starts_with(b"meta"),
        _ => false,
    }
}

/// What follows a word, or the parenthesis behind it.
fn behind_parenthesis(rest: &[u8]) -> &[u8] {
    let rest = skip_space_and_comments(rest);
    match rest.first() {
        Some(b'(') => skip_space_and_comments(&rest[1..]),
        _ => rest,
    }
}

fn skip_space_and_comments(bytes: &[u8]) -> &[u8] {
    let mut rest = skip_space(bytes);
    loop {
        let after = match rest {
            [b'/', b'*', comment @ ..] => memmem::find(comment, b"*/").map(|end| &comment[end + 2..]),
            [b'/', b'/', comment @ ..] => memchr2(b'\n', b'\r', comment).map(|end| &comment[end..]),
            _ => return rest,
        };
        // A comment that does not end hides nothing.
        let Some(after) = after else { return &[] };
        rest = skip_space(after);
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)).count();
    &bytes[spaces..]
}

/// Whether a module surely exports a constant under a name: it ends in one plain `export { … }` clause, as Rollup writes
/// it, and every use of the exported binding is plainly none that assigns. May say no too often, never yes wrongly.
pub(crate) fn exports_constant(module: &[u8], name: &str) -> bool {
    local_of_last_clause(module, name).is_some_and(|(local, body)| !may_be_assigned(body, local))
}

/// Whether a module surely exports an empty object under a name, and does nothing else with it: its declaration is the only
/// place that names it. May say no too often, never yes wrongly.
pub(crate) fn exports_empty_object(module: &[u8], name: &str) -> bool {
    let Some((local, body)) = local_of_last_clause(module, name) else { return false };
    let is_part = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'\\') || !byte.is_ascii())
    };
    let whole = |at: &usize| {
        !is_part(at.checked_sub(1).and_then(|before| body.get(before))) && !is_part(body.get(at + local.len()))
    };
    let mut places = memmem::find_iter(body, local.as_bytes()).filter(whole);
    let (Some(at), None) = (places.next(), places.next()) else { return false };
    let before = body[..at].trim_ascii_end();
    let is_declared = [&b"const"[..], b"var", b"let"].iter().any(|word| {
        before.strip_suffix(*word).is_some_and(|before| before.last().is_none_or(|byte| matches!(byte, b'\n' | b';')))
    });
    let value = body[at + local.len()..].trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    let rest = value.and_then(|value| value.strip_prefix(b"{")).and_then(|value| skip_space(value).strip_prefix(b"}"));
    is_declared && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b';' | b'\n' | b'\r')))
}

/// The local name behind an export in the clause at the end of a module, and what stands before the clause.
fn local_of_last_clause<'m>(module: &'m [u8], name: &str) -> Option<(&'m str, &'m [u8])> {
    let start = memmem::rfind(module, b"export")?;
    // Code before it on its line might be a comment or a string.
    let line = module[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if start != line {
        return None;
    }
    let clause = skip_space(&module[start + "export".len()..]).strip_prefix(b"{")?;
    let end = clause.iter().position(|byte| *byte == b'}')?;
    // Only line comments may follow: then the clause stands in no template and in no block comment.
    let rest = std::str::from_utf8(clause.get(end + 1..)?).ok()?;
    let mut rest = rest.trim_start_matches([';', ' ']).lines();
    if !rest.all(|line| line.trim().is_empty() || line.starts_with("//")) {
        return None;
    }
    let clause = std::str::from_utf8(&clause[..end]).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | ',' | ' ' | '\n' | '\r' | '\t');
    if !clause.chars().all(plain) {
        return None;
    }
    let local = clause.split(',').find_map(|export| {
        let mut words = export.split_ascii_whitespace();
        let local = words.next()?;
        match (words.next(), words.next()) {
            (Some("as"), Some(exported)) if exported == name => Some(local),
            (None, None) if local == name => Some(local),
            _ => None,
        }
    })?;
    Some((local, &module[..start]))
}

/// Whether some use of an identifier in a module may assign to it: anything but its declaration, a call, a property, or
/// a plain mention.
fn may_be_assigned(module: &[u8], local: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'\\') || !byte.is_ascii();
    memmem::find_iter(module, local.as_bytes()).any(|at| {
        let before = &module[..at];
        let after = &module[at + local.len()..];
        if before.last().is_some_and(|byte| is_part(*byte)) || after.first().is_some_and(|byte| is_part(*byte)) {
            return false;
        }
        let before = before.trim_ascii_end();
        let after = skip_space(after);
        if before.ends_with(b"const") || before.ends_with(b"function") || before.ends_with(b"class") {
            return false;
        }
        // Before a colon stands a key, and behind `as` or before it an export.
        let mention = match after {
            [b'=', b'=' | b'>', ..] => true,
            [b'=', ..] | [b'+', b'+', ..] | [b'-', b'-', ..] => false,
            [_, b'=', ..] | [b'*' | b'&' | b'|' | b'?' | b'<' | b'>', _, b'=', ..] => false,
            [b'>', b'>', b'>', b'=', ..] => false,
            _ => true,
        };
        let exported = after.starts_with(b"as ") || before.ends_with(b" as");
        let prefixed = before.ends_with(b"++") || before.ends_with(b"--");
        // `[a] = …`, `{ a } = …`, `{ b: a } = …`, `...a`, `for (a of …)`.
        let pattern = matches!(before.last(), Some(b'[' | b'{' | b',' | b':' | b'.'));
        let looped = after.starts_with(b"of ") || after.starts_with(b"in ");
        !mention || prefixed || looped || (pattern && !exported)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_name() {
        for script in [
            "import '../index.mjs'",
            "export{a}from'../index.mjs'",
            "import('./index.mjs?x')",
            r"import './\x69ndex.mjs'",
            r#"import "./i\u{6e}dex.mjs""#,
            "import './%69ndex.mjs'",
            "import('./i%6Edex.mjs')",
            "import(`./in\ndex.mjs`)",
            "import /* c */ './%69ndex.mjs'",
            "import(/* @vite-ignore */ './%69ndex.mjs')",
            "import { a } from/**/'./%69ndex.mjs'",
            "import\u{a0}'./%69ndex.mjs'",
            "import.defer('./%69ndex.mjs')",
            "import { a } from \n '\\x2e/index.mjs'",
        ] {
            assert!(may_name(script.as_bytes(), "index.mjs"), "{script}");
        }
    }

    #[test]
    fn literals_behind_the_words() {
        let script = b"import a from'x';import \"@y/z\";export*from/* */`w`;import( // c\n'v' );import.meta.url;from 'no such';'u';import('t"
            .as_slice();
        let mut found: Vec<&str> = literals(script).collect();
        found.sort_unstable();
        assert_eq!(found, ["@y/z", "v", "w", "x"]);
        assert!(!may_name(script, "@sentry/"));
    }

    #[test]
    fn comments_are_not_looked_through_time_and_again() {
        // A few are, and say no.
        assert!(!may_name("'from /* ".repeat(4).as_bytes(), "index.mjs"));
        for piece in ["from /* ", "import // ", "/*from/**/ "] {
            assert!(may_name(piece.repeat(20_000).as_bytes(), "index.mjs"), "{piece}");
        }
    }

    #[test]
    fn scripts_that_cannot() {
        for script in [
            "import './other.mjs'; import.meta.url; const from = '\\n';",
            "import a from 'a'; const b = /\\d/; import('./c.mjs')",
            "",
            "from",
            "import",
            "import '",
        ] {
            assert!(!may_name(script.as_bytes(), "index.mjs"), "{script}");
        }
    }

    /// The file is `index.mjs` in the server directory.
    #[track_caller]
    fn check_wanted(importer: &str, script: &str, expected: bool) {
        let path = |text: &str| ModulePath::new(text).unwrap();
        let files = BTreeSet::from([path("index.mjs"), path("it's \"odd\"/x.mjs")]);
        assert_eq!(Wanted::new(&files).may_be_named_in(&path(importer), script.as_bytes()), expected, "{script}");
    }

    #[test]
    fn literals_of_other_paths_do_not_count() {
        for script in [
            "import '../../index.mjs'",
            "import './index.mjs';import \"../../index.mjs\"",
            "import '.././../index.mjs?x'",
            "const a = 'x', b = () => import('../../index.mjs#y')",
            "import(`../../index.mjs`)",
            "import \"../../it's \\\"odd\\\"/x.mjs\"",
            "import \"../../it's%20%22odd%22/x.mjs\"",
            "import '../../chunks/../index.mjs'",
            "import '../../index.mjs\\u003fx'",
            "import './\\x69ndex.mjs'",
        ] {
            check_wanted("chunks/build/a.mjs", script, true);
        }
        check_wanted("a.mjs", "import './index.mjs'", true);
        check_wanted("a.mjs", "import \"./it's%20%22odd%22/x.mjs\"", true);
        for script in [
            "import './index.mjs'",
            "import '../build/index.mjs'",
            "import 'index.mjs'",
            "//# sourceMappingURL=index.mjs.map",
            "import '../../index.mjs.js'",
            "import '../../xindex.mjs'",
            "a = () => import('../../../y.mjs'), b = () => import('../build/index.mjs')",
            "return import(\n\t/* @vite-ignore */ pathToFileURL(chunkPath).href\n);",
        ] {
            check_wanted("chunks/build/a.mjs", script, false);
        }
    }

    #[test]
    fn constants_of_the_last_clause() {
        let constant = |module: &str, name: &str| exports_constant(module.as_bytes(), name);
        assert!(constant(
            "const server = {};\nuse(server);\n\nexport { x as y, server as h };\n//# sourceMappingURL=a.map\n",
            "h"
        ));
        assert!(constant("function f(a) { return f; }\nexport { f };", "f"));
        for module in [
            "let a = 1;\nexport { a };",
            "function f() {}\nf = 1;\nexport { f as a };",
            "var a;\n[a] = [1];\nexport { a };",
            "function a() {}\n({ b: a } = x);\nexport { a };",
            "function a() {}\nfor (a of x);\nexport { a };",
            "function a() {}\na ||= x;\nexport { a };",
            "function a() {}\n++a;\nexport { a };",
            "const b = 1;\n`\nexport { b as a };\n`",
            "const b = 1; // export { b as a };",
            "const b = 1;\nexport { b as a };\nlater();",
            "const b = 1;\nexport { b as \"a\" };",
            "export const a = 1;",
        ] {
            assert!(!constant(module, "a"), "{module}");
        }
    }
}
