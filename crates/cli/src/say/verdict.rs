//! The last words of a command: a mark, the verdict in one line, what else counts, and the next step. No decisions.

use presentry_rewriter::diagnostics::{Diagnostic, Severity};

use crate::{
    failure::Failure,
    outcome::Outcome,
    printable::visible,
    say::{
        render::Palette,
        terminal::{Terminal, wrapped},
    },
};

/// Whether it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// What was wanted is so.
    Good,
    /// It is not.
    Bad,
}

/// The last words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    mark: Mark,
    verdict: String,
    more: Vec<String>,
    next: Option<String>,
    /// Whether they stand with the results, also where it is not well.
    is_result: bool,
}

impl Closing {
    /// What was wanted is so.
    pub(crate) fn good(verdict: impl Into<String>) -> Self {
        Self { mark: Mark::Good, verdict: verdict.into(), more: Vec::new(), next: None, is_result: false }
    }

    /// It is not.
    pub(crate) fn bad(verdict: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, ..Self::good(verdict) }
    }

    /// Why a command did not do its work.
    pub(crate) fn of_failure(failure: &Failure, command: &str) -> Self {
        let word = match failure.outcome() {
            Outcome::Failed if command == "trace" => "failed",
            Outcome::Failed => "not proven",
            Outcome::Refused => "refused",
            Outcome::WrongUsage => "wrong usage",
            _ => "failed",
        };
        let diagnostics: &[Diagnostic] = match failure {
            Failure::Refused(found) | Failure::NotProven(found) => found,
            Failure::Usage(found) => std::slice::from_ref(found),
            Failure::Unexpected(_) => {
                return Self::bad(word).next("`presentry repro` gathers what a bug report needs");
            }
        };
        let count = counted(diagnostics).into_iter().collect::<Vec<_>>().join(" and ");
        if failure.outcome() == Outcome::WrongUsage {
            let code = diagnostics.first().map(|first| format!("`presentry explain {}` tells more", first.code.name));
            return code.into_iter().fold(Self::bad(word), Self::next);
        }
        let unchanged = if ["rewrite", "restore"].contains(&command) { "; nothing was changed" } else { "" };
        let closing = Self::bad(format!("{word}: {count}{unchanged}"));
        match diagnostics.first() {
            Some(first) => closing.next(format!("`presentry explain {}` tells more", first.code.name)),
            None => closing,
        }
    }

    /// Adds a line.
    #[must_use]
    pub(crate) fn more(mut self, line: impl Into<String>) -> Self {
        self.more.push(line.into());
        self
    }

    /// Sets the next step.
    #[must_use]
    pub(crate) fn next(self, step: impl Into<String>) -> Self {
        Self { next: Some(step.into()), ..self }
    }

    /// A command that did its work reports what is not well as its result.
    #[must_use]
    pub(crate) fn among_results(self) -> Self {
        Self { is_result: true, ..self }
    }

    /// Whether they stand with the diagnostics.
    pub(crate) fn is_diagnostic(&self) -> bool {
        self.mark == Mark::Bad && !self.is_result
    }

    /// As it is shown, with the last line end.
    pub(crate) fn shown(&self, terminal: &Terminal) -> String {
        let palette = Palette::of(terminal);
        let (mark, style) = match self.mark {
            Mark::Good => ("✔", palette.good()),
            Mark::Bad => ("✖", palette.bad()),
        };
        let bold = palette.bold();
        let verdict = wrapped(&visible(&self.verdict), "✔ ", "  ", terminal.width);
        let verdict = verdict.strip_prefix("✔ ").unwrap_or(&verdict);
        let mut text = format!("{style}{mark}{style:#} {bold}{verdict}{bold:#}\n");
        for line in &self.more {
            text.push_str(&wrapped(&visible(line), "  ", "  ", terminal.width));
            text.push('\n');
        }
        if let Some(next) = &self.next {
            let hint = palette.hint();
            let line = wrapped(&visible(next), "  next: ", "        ", terminal.width);
            text.push_str(&line.replacen("next:", &format!("{hint}next{hint:#}:"), 1));
            text.push('\n');
        }
        text
    }
}

/// `2 errors`, `1 warning`.
fn counted(diagnostics: &[Diagnostic]) -> Vec<String> {
    let of = |severity| diagnostics.iter().filter(move |one| one.severity == severity).count();
    let words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    [words(of(Severity::Error), "error"), words(of(Severity::Warning), "warning")].into_iter().flatten().collect()
}

/// The next step once Sentry starts first.
pub(crate) const SEE_SPANS: &str = "`presentry trace` starts the server and shows the spans that arrive";

/// A size as people say it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_last_words_fit_the_terminal() {
        let closing = Closing::good("rewritten: Sentry starts first, under a condition")
            .more("node_modules: 27.6 MB, with `--prune` 2.9 MB")
            .next("`presentry trace` starts the server and shows its spans");
        let narrow = Terminal { width: Some(40), ..Terminal::NONE };
        expect![[r#"
            ✔ rewritten: Sentry starts first, under
              a condition
              node_modules: 27.6 MB, with `--prune`
              2.9 MB
              next: `presentry trace` starts the
                    server and shows its spans
        "#]]
        .assert_eq(&closing.shown(&narrow));
        expect![[r#"
            ✔ rewritten: Sentry starts first, under a condition
              node_modules: 27.6 MB, with `--prune` 2.9 MB
              next: `presentry trace` starts the server and shows its spans
        "#]]
        .assert_eq(&closing.shown(&Terminal::NONE));
    }
}
