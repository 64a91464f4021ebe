//! What goes to the terminal: results to stdout, everything else to stderr, as much of it as was asked for. What was said
//! is kept for the report.

use std::{
    cell::RefCell,
    io::{IsTerminal as _, Write as _},
};

use presentry_rewriter::diagnostics::{Diagnostic, Severity};

use crate::{
    args::{ColorArg, FormatArg, OutputArgs},
    failure::Failure,
    outcome::Outcome,
    say::{
        github, progress,
        render::{self, Palette},
        report::{Report, Said},
    },
    store::place::Place,
};

/// The two streams, and how much goes to them.
#[derive(Debug)]
pub(crate) struct Output {
    format: FormatArg,
    quiet: bool,
    verbose: bool,
    palette: Palette,
    /// The same for stdout, which may go to a file while stderr goes to a terminal.
    stdout_palette: Palette,
    said: RefCell<Said>,
}

impl Output {
    /// As the arguments ask, and for colours the environment where they leave it open.
    pub(crate) fn new(args: &OutputArgs, format: FormatArg) -> Self {
        let colored = match args.color {
            ColorArg::Always => true,
            ColorArg::Never => false,
            ColorArg::Auto => environment_wants_color(),
        };
        let palette = if colored { Palette::colored() } else { Palette::plain() };
        let to_terminal = args.color == ColorArg::Always || std::io::stdout().is_terminal();
        let stdout_palette = if to_terminal { palette } else { Palette::plain() };
        Self { format, quiet: args.quiet, verbose: args.verbose, palette, stdout_palette, said: RefCell::default() }
    }

    /// Says why each choice is made, as `-v` asks for, unless the run is to be quiet.
    pub(crate) fn say_why(&mut self) {
        self.verbose = !self.quiet;
    }

    /// A line of the report.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.text(&format!("{}\n", line.as_ref()));
        }
    }

    /// The colours for text that goes to stdout.
    pub(crate) fn stdout_palette(&self) -> &Palette {
        &self.stdout_palette
    }

    /// Where what another program prints is to go: to stderr, when it was asked for.
    pub(crate) fn echo(&self) -> Option<fn(&str)> {
        let shown = self.verbose && self.format != FormatArg::Json;
        shown.then_some(|line| to_stderr(&format!("server: {line}\n")))
    }

    /// Text that was asked for by name, and comes however quiet the run is. A document in JSON holds it in another form.
    pub(crate) fn text(&self, text: &str) {
        if self.format != FormatArg::Json {
            to_stdout(text);
        }
    }

    /// Whether more than text is asked for, so that it is worth finding out more than text says.
    pub(crate) fn wants_details(&self) -> bool {
        self.verbose || self.format != FormatArg::Text
    }

    /// Something that happened and was not asked for.
    pub(crate) fn note(&self, note: impl AsRef<str>) {
        self.remember(note.as_ref(), !self.quiet);
    }

    /// The reason of a choice.
    pub(crate) fn why(&self, reason: impl AsRef<str>) {
        self.remember(reason.as_ref(), self.verbose);
    }

    /// Does what may take longer than a second, and shows that it is being done.
    pub(crate) fn during<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        // A document in JSON is read by a program, and its stderr is often shown to nobody.
        if self.quiet || self.format == FormatArg::Json { work() } else { progress::during(what, work) }
    }

    fn remember(&self, note: &str, shown: bool) {
        self.said.borrow_mut().notes.push(note.to_owned());
        if shown && self.format != FormatArg::Json {
            to_stderr(&format!("note: {note}\n"));
        }
    }

    /// A diagnostic; warnings are left out of a quiet run.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic, place: Option<&Place>) {
        self.record(diagnostic, place);
        let shown = diagnostic.severity == Severity::Error || !self.quiet;
        if shown && self.format != FormatArg::Json {
            to_stderr(&render::diagnostic(diagnostic, place, &self.palette));
        }
    }

    /// Keeps a diagnostic for the report without showing it.
    pub(crate) fn record(&self, diagnostic: &Diagnostic, place: Option<&Place>) {
        self.said.borrow_mut().diagnostic(diagnostic, place);
    }

    /// Keeps an error that was shown already for the report.
    pub(crate) fn said_already(&self, message: String) {
        self.said.borrow_mut().error(message);
    }

    /// Says why a command ends.
    pub(crate) fn failure(&self, failure: &Failure, place: Option<&Place>) {
        match failure {
            Failure::Refused(diagnostics) | Failure::NotProven(diagnostics) => {
                diagnostics.iter().for_each(|diagnostic| self.diagnostic(diagnostic, place));
            }
            Failure::Usage(diagnostic) => self.diagnostic(diagnostic, place),
            Failure::Unexpected(error) => {
                let message = format!("{error:#}");
                if self.format != FormatArg::Json {
                    to_stderr(&format!("error: {message}\n"));
                }
                self.said.borrow_mut().error(message);
            }
        }
    }

    /// The end of a command: the document or the annotations, where they were asked for.
    pub(crate) fn report(&self, report: Report, outcome: Outcome, exit_code: u8) {
        let report = report.finished(outcome, exit_code, self.said.take());
        match self.format {
            FormatArg::Text => {}
            FormatArg::Json => to_stdout(&report.to_json()),
            FormatArg::Github => {
                to_stdout(&github::annotations(&report));
                if let Err(error) = github::append_summary(&report) {
                    to_stderr(&format!("note: the job summary was not written: {error:#}\n"));
                }
            }
        }
    }
}

fn to_stdout(text: &str) {
    // A reader that closed the pipe, as `head` does, has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn to_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// <https://no-color.org> and <https://force-color.org>: any value but an empty one counts.
fn environment_wants_color() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") {
        return false;
    }
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    set("FORCE_COLOR") || (std::io::stderr().is_terminal() && !dumb)
}
