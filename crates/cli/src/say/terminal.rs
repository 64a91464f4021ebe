//! What the two streams go to: how wide it is, and whether it has colours and links. No text.

use std::{
    env, io,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anstream::{AutoStream, ColorChoice};
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm};
use url::Url;

use crate::args::ColorArg;

/// Longer lines are hard to read, however wide the terminal is.
const WIDEST: usize = 120;

/// In less, nothing looks right.
const NARROWEST: usize = 40;

/// What a stream goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// How many columns a line may have; `None` where lines are not broken: in a file or a pipe.
    pub(crate) width: Option<usize>,
    /// Whether text has colours.
    pub(crate) colors: bool,
    /// Whether text can be a link.
    pub(crate) links: bool,
}

impl Terminal {
    /// A file or a pipe.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { width: None, colors: false, links: false };

    /// Where results go.
    pub(crate) fn of_stdout(color: ColorArg) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| terminal_size::terminal_size_of(&stdout)).flatten();
        Self {
            width: width.map(columns),
            colors: colors(color, AutoStream::choice(&stdout)),
            links: supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout),
        }
    }

    /// Where diagnostics go.
    pub(crate) fn of_stderr(color: ColorArg) -> Self {
        let stderr = io::stderr();
        let width = stderr.is_terminal().then(|| terminal_size::terminal_size_of(&stderr)).flatten();
        Self {
            width: width.map(columns),
            colors: colors(color, AutoStream::choice(&stderr)),
            links: supports_hyperlinks::on(supports_hyperlinks::Stream::Stderr),
        }
    }
}

fn columns((width, _): (terminal_size::Width, terminal_size::Height)) -> usize {
    usize::from(width.0).clamp(NARROWEST, WIDEST)
}

/// <https://no-color.org>, <https://bixense.com/clicolors> and <https://force-color.org>: any value but an empty one counts,
/// and a flag counts more than a variable.
fn colors(flag: ColorArg, conventions: ColorChoice) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match flag {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto if set("NO_COLOR") => false,
        ColorArg::Auto => set("FORCE_COLOR") || conventions != ColorChoice::Never,
    }
}

/// Text in lines that fit, the first behind `first`, the others behind `rest`. Words, which may be paths, are not broken.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return format!("{first}{text}") };
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(&whole_code(text), options).replace(NO_BREAK, " ")
}

/// A space at which no line ends.
const NO_BREAK: char = '\u{a0}';

/// Text in which what stands in backticks is one word, unless it is long.
fn whole_code(text: &str) -> String {
    const LONG: usize = 40;
    let part = |(index, part): (usize, &str)| match index % 2 {
        1 if part.len() <= LONG => part.replace(' ', &NO_BREAK.to_string()),
        _ => part.to_owned(),
    };
    text.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}

/// How many columns text takes.
pub(crate) fn columns_of(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// The page about a diagnostic: that of the release, the one that lies beside the executable in a checkout or a package, or
/// that of the repository which the manifest names.
pub(crate) fn page_of(code: &str) -> Option<String> {
    static PAGE: LazyLock<Option<String>> = LazyLock::new(|| {
        let released = option_env!("PRESENTRY_DIAGNOSTICS_URL").filter(|url| !url.is_empty()).map(str::to_owned);
        let beside = || Some(Url::from_file_path(page_beside(&env::current_exe().ok()?)?).ok()?.into());
        let home = || page_in(env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"));
        released.or_else(beside).or_else(home)
    });
    PAGE.as_ref().map(|page| format!("{page}#{code}"))
}

fn page_beside(executable: &Path) -> Option<PathBuf> {
    const LEVELS: usize = 5;
    let above = executable.ancestors().skip(1).take(LEVELS);
    above.map(|directory| directory.join("docs/diagnostics.md")).find(|page| page.is_file())
}

/// The page in a repository, as of a version; nothing while the manifest names no repository.
fn page_in(repository: &str, version: &str) -> Option<String> {
    let repository = repository.trim_end_matches('/').trim_end_matches(".git");
    (!repository.is_empty()).then(|| format!("{repository}/blob/v{version}/docs/diagnostics.md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_diagnostic_is_that_of_the_repository_and_version() {
        assert_eq!(
            page_in("https://example.com/a/b.git", "1.2.3").as_deref(),
            Some("https://example.com/a/b/blob/v1.2.3/docs/diagnostics.md")
        );
        assert_eq!(page_in("", "1.2.3"), None);
    }

    #[test]
    fn lines_fit_and_paths_stay_whole() {
        let text = "one two three a/long/path/that/does/not/fit four";
        let lines = wrapped(text, "* ", "  ", Some(14));
        assert_eq!(lines, "* one two\n  three\n  a/long/path/that/does/not/fit\n  four");
        assert_eq!(wrapped(text, "* ", "  ", None), format!("* {text}"));
        assert_eq!(wrapped("so `a b c` is", "", "", Some(8)), "so\n`a b c`\nis");
    }

    #[test]
    fn a_flag_counts_more_than_what_a_terminal_has() {
        assert!(colors(ColorArg::Always, ColorChoice::Never));
        assert!(!colors(ColorArg::Never, ColorChoice::Always));
    }
}
