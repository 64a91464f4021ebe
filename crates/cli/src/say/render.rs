//! Diagnostics as text: the first line, a frame for each place, the hint. No decisions.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet, renderer};
use clap::builder::styling::{AnsiColor, Style};
use presentry_rewriter::diagnostics::{Diagnostic, Label, Severity};

use crate::{
    printable::{visible, visible_code},
    say::terminal::{Terminal, page_of, wrapped},
    store::place::Place,
};

/// The colours of a terminal, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    error: Style,
    warning: Style,
    quiet: Style,
    hint: Style,
    bold: Style,
    good: Style,
}

impl Palette {
    /// Text without any escape sequence.
    pub(crate) const fn plain() -> Self {
        let plain = Style::new();
        Self { error: plain, warning: plain, quiet: plain, hint: plain, bold: plain, good: plain }
    }

    /// The usual colours of compilers.
    pub(crate) const fn colored() -> Self {
        Self {
            error: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            quiet: AnsiColor::Blue.on_default(),
            hint: AnsiColor::Cyan.on_default().bold(),
            bold: Style::new().bold(),
            good: AnsiColor::Green.on_default().bold(),
        }
    }

    /// The colours of a terminal.
    pub(crate) const fn of(terminal: &Terminal) -> Self {
        if terminal.colors { Self::colored() } else { Self::plain() }
    }

    /// What stands back.
    pub(crate) fn quiet(&self) -> Style {
        self.quiet
    }

    /// What stands out.
    pub(crate) fn bold(&self) -> Style {
        self.bold
    }

    /// What is right.
    pub(crate) fn good(&self) -> Style {
        self.good
    }

    /// What is wrong.
    pub(crate) fn bad(&self) -> Style {
        self.error
    }

    /// What can be done.
    pub(crate) fn hint(&self) -> Style {
        self.hint
    }

    fn of_severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }
}

/// A diagnostic as it is shown, with its last line end. Paths of modules are shown as paths from where the user is.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, place: Option<&Place>, terminal: &Terminal) -> String {
    let palette = Palette::of(terminal);
    let mut text = head(diagnostic, terminal, &palette);
    if !diagnostic.labels.is_empty() {
        text.push_str(&frames(diagnostic, place, terminal));
        text.push('\n');
    }
    if let Some(hint) = &diagnostic.hint {
        let style = palette.hint;
        let lines = wrapped(&visible(hint), "hint: ", "      ", terminal.width);
        text.push_str(&lines.replacen("hint", &format!("{style}hint{style:#}"), 1));
        text.push('\n');
    }
    text
}

fn head(diagnostic: &Diagnostic, terminal: &Terminal, palette: &Palette) -> String {
    let (style, bold) = (palette.of_severity(diagnostic.severity), palette.bold);
    let name = diagnostic.code.name;
    let head = format!("{}[{name}]: ", diagnostic.severity.as_str());
    let lines = wrapped(&visible(&diagnostic.message), &head, "  ", terminal.width);
    let message = lines.strip_prefix(&head).unwrap_or(&lines);
    let link = page_of(name).filter(|_| terminal.links);
    let name = link.map_or_else(|| name.to_owned(), |page| linked(name, &page));
    format!("{style}{}[{name}]{style:#}{bold}: {message}{bold:#}\n", diagnostic.severity.as_str())
}

/// Text that leads to a page: <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>.
fn linked(text: &str, page: &str) -> String {
    format!("\u{1b}]8;;{page}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
}

/// A frame for each place.
fn frames(diagnostic: &Diagnostic, place: Option<&Place>, terminal: &Terminal) -> String {
    /// As wide as the excerpt of a line.
    const UNBROKEN: usize = 140;
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let renderer = if terminal.colors { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(renderer::DecorStyle::Ascii).term_width(terminal.width.unwrap_or(UNBROKEN));
    // Each in a group of its own: those of one group are brought into the order of a file, and a chain has its own.
    let frame = |label| renderer.render(&[Group::with_level(level.clone()).element(snippet(label, place, terminal))]);
    diagnostic.labels.iter().map(frame).collect::<Vec<_>>().join("\n")
}

fn snippet<'l>(label: &'l Label, place: Option<&Place>, terminal: &Terminal) -> Snippet<'l, Annotation<'l>> {
    /// What stands around a line: its number, and where it was cut.
    const AROUND: usize = 12;
    // Where the line was cut, blanks stand for what is missing, so that the column is right.
    let cut = (label.position.column - 1).saturating_sub(label.caret.start);
    let line = format!("{}{}", " ".repeat(cut), visible_code(&label.line));
    let byte = |character: usize| line.char_indices().nth(cut + character).map_or(line.len(), |(at, _)| at);
    // A place that is wider than the terminal is shown from its start.
    let longest = terminal.width.map_or(usize::MAX, |width| width - AROUND);
    let span = byte(label.caret.start)..byte(label.caret.start + label.caret.len().min(longest));
    let message = Some(visible(&label.message)).filter(|message| !message.is_empty());
    let annotation = AnnotationKind::Primary.span(span).label(message);
    let path = visible(&label_path(label, place));
    Snippet::source(line).path(path).line_start(label.position.line).annotation(annotation)
}

/// The path of a label as the user would write it.
pub(crate) fn label_path(label: &Label, place: Option<&Place>) -> String {
    match place {
        Some(place) if label.in_build && place.shown != "." => format!("{}/{}", place.shown, label.path),
        _ => label.path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use presentry_parser::Span;
    use presentry_rewriter::{ModulePath, diagnostics::Code};

    use super::*;

    static CODE: Code = Code { name: "some-code", severity: Severity::Error, summary: "", explanation: "" };

    fn example() -> Diagnostic {
        let text = "import 'a';\n\timport { grün } from './chunks/build/a-module-with-a-long-name.mjs';\n";
        let start = text.find("import {").unwrap();
        let path = ModulePath::new("index.mjs").unwrap();
        let label = |message| Label::new(&path, text, Span { start, end: text.len() - 1 }, message);
        Diagnostic::new(&CODE, "`index.mjs` reaches `chunks/build/a-module-with-a-long-name.mjs` by static imports")
            .label(label(""))
            .label(label("and \u{1b}[31mhere"))
            .hint("run `presentry` on the build, which moves the entry and writes a facade in its place")
    }

    #[test]
    fn a_diagnostic_fits_the_terminal() {
        let narrow = Terminal { width: Some(60), ..Terminal::NONE };
        expect![[r#"
            error[some-code]: `index.mjs` reaches
              `chunks/build/a-module-with-a-long-name.mjs` by static
              imports
             --> index.mjs:2:2
              |
            2 |     import { grün } from './chunks/build/a-module-with-...
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
             --> index.mjs:2:2
              |
            2 |     import { grün } from './chunks/build/a-module-with-...
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ and \u{1b}[31mhere
            hint: run `presentry` on the build, which moves the entry
                  and writes a facade in its place
        "#]]
        .assert_eq(&diagnostic(&example(), None, &narrow));
    }

    #[test]
    fn a_pipe_gets_whole_lines() {
        expect![[r#"
            error[some-code]: `index.mjs` reaches `chunks/build/a-module-with-a-long-name.mjs` by static imports
             --> index.mjs:2:2
              |
            2 |     import { grün } from './chunks/build/a-module-with-a-long-name.mjs';
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
             --> index.mjs:2:2
              |
            2 |     import { grün } from './chunks/build/a-module-with-a-long-name.mjs';
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ and \u{1b}[31mhere
            hint: run `presentry` on the build, which moves the entry and writes a facade in its place
        "#]]
        .assert_eq(&diagnostic(&example(), None, &Terminal::NONE));
    }

    #[test]
    fn a_place_in_a_long_line_keeps_its_column() {
        let path = ModulePath::new("a.mjs").unwrap();
        let text = format!("{};import './b.mjs';{}", "x".repeat(500), "y".repeat(500));
        let label = Label::new(&path, &text, Span { start: 501, end: 518 }, "");
        let diagnostic = Diagnostic::new(&CODE, "no").label(label);
        expect![[r#"
            error[some-code]: no
             --> a.mjs:1:502
              |
            1 | ...xxxxxxxxxxxxxxx;import './b.mjs';yyyyyyyyyyyyyyyyy...
              |                    ^^^^^^^^^^^^^^^^^
        "#]]
        .assert_eq(&super::diagnostic(&diagnostic, None, &Terminal { width: Some(60), ..Terminal::NONE }));
        expect![[r#"
            error[some-code]: no
             --> a.mjs:1:502
              |
            1 | ...   …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;import './b.mjs';yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
              |                                                           ^^^^^^^^^^^^^^^^^
        "#]].assert_eq(&super::diagnostic(&diagnostic, None, &Terminal::NONE));
    }

    #[test]
    fn a_code_leads_to_its_page_where_a_terminal_has_links() {
        let with_links = Terminal { links: true, ..Terminal::NONE };
        let text = diagnostic(&example(), None, &with_links);
        let page = page_of("some-code").expect("a test runs in a checkout");
        assert!(page.ends_with("/docs/diagnostics.md#some-code"), "{page}");
        assert!(text.starts_with(&format!("error[\u{1b}]8;;{page}\u{1b}\\some-code\u{1b}]8;;\u{1b}\\]: ")), "{text}");
        assert!(!diagnostic(&example(), None, &Terminal::NONE).contains('\u{1b}'));
    }
}
