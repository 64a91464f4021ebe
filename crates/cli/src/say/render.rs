//! Diagnostics as text: the first line, a frame for each place, the hint. No decisions.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use presentry_rewriter::diagnostics::{Diagnostic, Label, Severity};

use crate::{
    printable::{visible, visible_code},
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

    fn of(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }
}

/// A diagnostic as it is shown, with its last line end. Paths of modules are shown as paths from where the user is.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, place: Option<&Place>, palette: &Palette) -> String {
    let mut text = String::new();
    let style = palette.of(diagnostic.severity);
    let head = format!("{}[{}]", diagnostic.severity.as_str(), diagnostic.code.name);
    let bold = palette.bold;
    writeln!(text, "{style}{head}{style:#}{bold}: {}{bold:#}", visible(&diagnostic.message)).expect(INFALLIBLE);
    for label in &diagnostic.labels {
        frame(&mut text, label, place, style, palette);
    }
    if let Some(hint) = &diagnostic.hint {
        let style = palette.hint;
        writeln!(text, "{style}hint{style:#}: {}", visible(hint)).expect(INFALLIBLE);
    }
    text
}

const INFALLIBLE: &str = "writing to a string cannot fail";

fn frame(text: &mut String, label: &Label, place: Option<&Place>, style: Style, palette: &Palette) {
    let path = label_path(label, place);
    let number = label.position.line.to_string();
    let margin = " ".repeat(number.len());
    let quiet = palette.quiet;
    let before: String = label.line.chars().take(label.caret.start).map(blank).collect();
    let carets = "^".repeat(label.caret.len().max(1));
    let message = if label.message.is_empty() { String::new() } else { format!(" {}", visible(&label.message)) };
    let column = label.position.column;
    writeln!(text, "{margin}{quiet}-->{quiet:#} {}:{number}:{column}", visible(&path)).expect(INFALLIBLE);
    writeln!(text, "{quiet}{number} |{quiet:#} {}", visible_code(&label.line)).expect(INFALLIBLE);
    writeln!(text, "{quiet}{margin} |{quiet:#} {before}{style}{carets}{message}{style:#}").expect(INFALLIBLE);
}

/// The path of a label as the user would write it.
pub(crate) fn label_path(label: &Label, place: Option<&Place>) -> String {
    match place {
        Some(place) if label.in_build && place.shown != "." => format!("{}/{}", place.shown, label.path),
        _ => label.path.clone(),
    }
}

/// What takes as much room as a character: a tab stays one.
fn blank(character: char) -> char {
    if character == '\t' { '\t' } else { ' ' }
}
