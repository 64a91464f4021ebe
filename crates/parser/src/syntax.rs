//! Runs the parser library over a text: its tree goes to a reader, its errors become ours; nothing is read from the
//! tree here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use swc_core::{
    common::{BytePos, FileName, SourceFile, Span as SwcSpan, Spanned, sync::Lrc},
    ecma::{
        ast::{EsVersion, Module},
        parser::{
            EsSyntax, Syntax, TsSyntax,
            error::{Error, SyntaxError as Kind},
            parse_file_as_module,
        },
    },
};

use crate::{
    error::SyntaxError,
    nesting::{stack_needed, stack_needed_with_types},
    position::{BYTE_ORDER_MARK, floor_char_boundary},
    record::Span,
};

/// How many times deeper than the parser passes of the library go: each level has frames of a visitor and of its walk.
pub(crate) const PASSES: usize = 3;

/// The stack that is asked for at most where work goes deeper than the parser.
const MOST_STACK: usize = 1 << 29;

/// The language of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleSyntax {
    /// ECMAScript.
    JavaScript,
    /// ECMAScript with types, and with elements if `jsx` is set.
    TypeScript { jsx: bool },
    /// ECMAScript with elements and decorators, which no engine runs: read so that they can be named.
    JavaScriptToCompile,
}

/// Parses `text` as an ES module and hands the tree to `read`, which may find more errors. `None` when an error was
/// fatal.
pub(crate) fn with_module<T>(
    text: &str,
    read: impl FnOnce(&Module) -> (T, Vec<SyntaxError>),
) -> (Option<T>, Vec<SyntaxError>) {
    with_owned_module(text, ModuleSyntax::JavaScript, 1, |module| read(&module))
}

/// Like [`with_module`], for a module in any language. `passes` is that of [`guarded`].
pub(crate) fn with_owned_module<T>(
    text: &str,
    syntax: ModuleSyntax,
    passes: usize,
    read: impl FnOnce(Module) -> (T, Vec<SyntaxError>),
) -> (Option<T>, Vec<SyntaxError>) {
    guarded(text, syntax, passes, || parse_and_read(text, syntax, read)).unwrap_or_else(|error| (None, vec![error]))
}

/// Does with a text what needs the library. A text that the library cannot take, or on which it fails, is an error.
/// `passes` says how many times deeper than the parser the work goes for each level of nesting.
pub(crate) fn guarded<T>(
    text: &str,
    syntax: ModuleSyntax,
    passes: usize,
    work: impl FnOnce() -> T,
) -> Result<T, SyntaxError> {
    // The library counts in 32 bits, and from 1.
    if text.len() >= u32::MAX as usize {
        return Err(failure("the text is longer than 4 GiB"));
    }
    let stack = match syntax {
        ModuleSyntax::JavaScript => stack_needed(text),
        ModuleSyntax::TypeScript { .. } | ModuleSyntax::JavaScriptToCompile => stack_needed_with_types(text),
    };
    let Some(stack) = stack.map(|stack| stack.saturating_mul(passes).min(MOST_STACK.max(stack))) else {
        return Err(failure("the code is nested too deeply"));
    };
    // The tree is dropped on the same stack. A panic of the library is a defect of it, and no reason to end a build
    // that can be refused instead.
    let run = || catch_unwind(AssertUnwindSafe(work));
    stacker::maybe_grow(stack, stack, run).map_err(|_| failure("the parser failed on this text"))
}

/// A fatal error that has no place of its own.
fn failure(message: &str) -> SyntaxError {
    SyntaxError { message: message.to_owned(), span: Span { start: 0, end: 0 }, fatal: true }
}

fn parse_and_read<T>(
    text: &str,
    syntax: ModuleSyntax,
    read: impl FnOnce(Module) -> (T, Vec<SyntaxError>),
) -> (Option<T>, Vec<SyntaxError>) {
    let code = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let name = Lrc::new(FileName::Anon);
    // Starting after the byte order mark makes "position minus one" an offset into `text` in either case.
    let start = BytePos(if code.len() < text.len() { 4 } else { 1 });
    let file = SourceFile::new(name.clone(), false, name, code.to_owned().into(), start);
    let (module, mut errors) = parse_file(text, &file, syntax);
    let value = module.map(|module| {
        let (value, early) = read(module);
        errors.extend(early);
        value
    });
    // The library reports some errors once for each attempt to read on.
    errors.sort_by_key(|error| (error.span, !error.fatal));
    errors.dedup_by(|next, kept| next.span == kept.span && next.message == kept.message);
    (value, errors)
}

/// Parses a file of the library whose positions, less one, are offsets into `text`.
pub(crate) fn parse_file(text: &str, file: &SourceFile, syntax: ModuleSyntax) -> (Option<Module>, Vec<SyntaxError>) {
    let syntax = match syntax {
        ModuleSyntax::JavaScript => {
            Syntax::Es(EsSyntax { import_attributes: true, explicit_resource_management: true, ..EsSyntax::default() })
        }
        ModuleSyntax::JavaScriptToCompile => Syntax::Es(EsSyntax {
            import_attributes: true,
            explicit_resource_management: true,
            jsx: true,
            decorators: true,
            ..EsSyntax::default()
        }),
        ModuleSyntax::TypeScript { jsx } => {
            Syntax::Typescript(TsSyntax { tsx: jsx, decorators: true, ..TsSyntax::default() })
        }
    };
    let mut recovered = Vec::new();
    let parsed = parse_file_as_module(file, syntax, EsVersion::latest(), None, &mut recovered);
    let mut errors: Vec<_> = recovered.iter().map(|error| syntax_error(text, error, is_fatal(error.kind()))).collect();
    let module = match parsed {
        Ok(_) if errors.iter().any(|error| error.fatal) => None,
        Ok(module) => Some(module),
        Err(error) => {
            errors.push(syntax_error(text, &error, true));
            None
        }
    };
    (module, errors)
}

/// A span of the library as a range of offsets into the text that was given.
pub(crate) fn span(of: SwcSpan) -> Span {
    Span { start: offset(of.lo), end: offset(of.hi) }
}

/// A position of the library as an offset into the text that was given.
pub(crate) fn offset(of: BytePos) -> usize {
    (of.0 as usize).saturating_sub(1)
}

/// Whether an error that the library recovers from leaves tokens that are no tokens.
fn is_fatal(error: &Kind) -> bool {
    matches!(
        error,
        Kind::UnterminatedStrLit | Kind::UnterminatedBlockComment | Kind::UnterminatedRegExp | Kind::UnterminatedTpl
    )
}

pub(crate) fn syntax_error(text: &str, error: &Error, fatal: bool) -> SyntaxError {
    let Span { start, end } = span(error.span());
    let start = floor_char_boundary(text, start);
    let end = floor_char_boundary(text, end).max(start);
    SyntaxError { message: message(&error.kind().msg()), span: Span { start, end }, fatal }
}

/// The library's words in the form of ours: lower case, operands in backticks, no final period.
fn message(words: &str) -> String {
    let words = words.trim().trim_end_matches('.').replace(". E", ", e");
    let mut message = String::with_capacity(words.len());
    let mut rest = words.chars().peekable();
    if let Some(first) = rest.next_if(|c| c.is_uppercase()) {
        // A name such as `JSX` stays as it is.
        match rest.peek() {
            Some(second) if second.is_uppercase() => message.push(first),
            _ => message.extend(first.to_lowercase()),
        }
    }
    let mut quoted = false;
    let mut before = ' ';
    for c in rest {
        // An apostrophe within a word is no quote.
        if c == '\'' && (quoted || !before.is_alphanumeric()) {
            quoted = !quoted;
            message.push('`');
        } else {
            message.push(c);
        }
        before = c;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn messages_are_in_the_form_of_ours() {
        assert_eq!(message("Expected ';', '}' or <eof>"), "expected `;`, `}` or <eof>");
        assert_eq!(message("await isn't allowed in 'x'."), "await isn't allowed in `x`");
        assert_eq!(message("JSX is off"), "JSX is off");
        assert_eq!(message("Unexpected token `a`. Expected b"), "unexpected token `a`, expected b");
    }
}
