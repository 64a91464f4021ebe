//! What goes to the terminal: results to stdout, everything else to stderr, as much of it as was asked for. What was said
//! is kept for the report.

use std::{
    cell::RefCell,
    hash::{BuildHasher as _, RandomState},
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use presentry_rewriter::diagnostics::{Diagnostic, Severity};

use crate::{
    args::{ColorArg, FormatArg, OutputArgs},
    failure::Failure,
    outcome::Outcome,
    printable::{visible, visible_code},
    say::{
        github,
        progress::{self, to_stderr},
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
    /// Why something did not come to stdout.
    lost: RefCell<Option<io::Error>>,
}

/// What an interruption has to know of the command that it ends.
#[derive(Debug)]
struct Pending {
    command: String,
    format: FormatArg,
    /// The exit code, once the end of the command was told: the document is there.
    told: Option<u8>,
}

static PENDING: Mutex<Pending> = Mutex::new(Pending { command: String::new(), format: FormatArg::Text, told: None });

/// Says which command begins, so that it can be reported when it is interrupted.
pub(crate) fn begin(command: &str, format: FormatArg) {
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    *pending = Pending { command: command.to_owned(), format, told: None };
}

/// The end of a command that is interrupted: the document or the annotation, unless the command has told its end; the exit
/// code.
pub(crate) fn interrupted() -> u8 {
    /// A reader that reads no more must not keep the command from its end.
    const PATIENCE: Duration = Duration::from_secs(2);
    let deadline = Instant::now() + PATIENCE;
    let mut pending = loop {
        match PENDING.try_lock() {
            Ok(pending) => break pending,
            Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Outcome::Error.exit_code(),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    };
    if let Some(exit_code) = pending.told {
        return exit_code;
    }
    let style = OutputArgs { quiet: false, verbose: false, color: ColorArg::Never };
    let output = Output::new(&style, pending.format);
    output.failure(&Failure::Unexpected(anyhow::anyhow!("interrupted")), None);
    let exit_code = output.tell(Report::new(&pending.command), Outcome::Error, Outcome::Error.exit_code());
    pending.told = Some(exit_code);
    exit_code
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
        let to_terminal = args.color == ColorArg::Always || io::stdout().is_terminal();
        let stdout_palette = if to_terminal { palette } else { Palette::plain() };
        Self {
            format,
            quiet: args.quiet,
            verbose: args.verbose,
            palette,
            stdout_palette,
            said: RefCell::default(),
            lost: RefCell::default(),
        }
    }

    /// Says why each choice is made, as `-v` asks for, unless the run is to be quiet.
    pub(crate) fn say_why(&mut self) {
        self.verbose = !self.quiet;
    }

    /// A line of the report.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        self.styled(&visible(line.as_ref()));
    }

    /// Lines of the report that have colours. What others wrote is made visible in them already.
    pub(crate) fn styled(&self, lines: &str) {
        if !self.quiet {
            self.text(&format!("{lines}\n"));
        }
    }

    /// A diff that was asked for. A terminal gets it in a form that it does not obey, and GitHub reads no commands in it.
    pub(crate) fn diff(&self, diff: &str) {
        if self.format == FormatArg::Github {
            let word = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
            self.text(&format!("::stop-commands::{word}\n{diff}\n::{word}::\n"));
        } else if io::stdout().is_terminal() {
            diff.lines().for_each(|line| self.text(&format!("{}\n", visible_code(line))));
        } else {
            self.text(diff);
        }
    }

    /// The colours for text that goes to stdout.
    pub(crate) fn stdout_palette(&self) -> &Palette {
        &self.stdout_palette
    }

    /// Where what another program prints is to go: to stderr, when it was asked for.
    pub(crate) fn echo(&self) -> Option<fn(&str)> {
        let shown = self.verbose && self.format != FormatArg::Json;
        shown.then_some(|line| to_stderr(&format!("server: {}\n", visible(line))))
    }

    /// Text that was asked for by name, and comes however quiet the run is. A document in JSON holds it in another form.
    pub(crate) fn text(&self, text: &str) {
        if self.format != FormatArg::Json {
            self.to_stdout(text);
        }
    }

    fn to_stdout(&self, text: &str) {
        let mut stdout = io::stdout();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.lost.borrow_mut().get_or_insert(error);
        }
    }

    /// The exit code of a command that printed what it was asked for, given what it comes to otherwise.
    pub(crate) fn exit_code(&self, otherwise: u8) -> u8 {
        match self.lost.take() {
            Some(error) => not_printed(&error, self.format, otherwise),
            None => otherwise,
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
            to_stderr(&format!("note: {}\n", visible(note)));
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
                    to_stderr(&format!("error: {}\n", visible(&message)));
                }
                self.said.borrow_mut().error(message);
            }
        }
    }

    /// The end of a command: the document or the annotations, where they were asked for; the exit code.
    pub(crate) fn report(&self, report: Report, outcome: Outcome, exit_code: u8) -> u8 {
        // Locked until it is told, so that there is one document.
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        let exit_code = self.tell(report, outcome, exit_code);
        pending.told = Some(exit_code);
        exit_code
    }

    fn tell(&self, report: Report, outcome: Outcome, exit_code: u8) -> u8 {
        let report = report.finished(outcome, exit_code, self.said.take());
        match self.format {
            FormatArg::Text => {}
            FormatArg::Json => self.to_stdout(&report.to_json()),
            FormatArg::Github => {
                self.to_stdout(&github::annotations(&report));
                if let Err(error) = github::append_summary(&report) {
                    to_stderr(&format!("note: the job summary was not written: {}\n", visible(&format!("{error:#}"))));
                }
            }
        }
        self.exit_code(exit_code)
    }
}

/// The exit code of a command of whose output something is lost, given what it comes to otherwise.
pub(crate) fn not_printed(error: &io::Error, format: FormatArg, otherwise: u8) -> u8 {
    // A reader of text that closed the pipe, as `head` does, has seen enough; half a document is none.
    if format == FormatArg::Text && error.kind() == io::ErrorKind::BrokenPipe {
        return otherwise;
    }
    to_stderr(&format!("error: failed to write to stdout: {error}\n"));
    otherwise.max(Outcome::Error.exit_code())
}

/// <https://no-color.org> and <https://force-color.org>: any value but an empty one counts.
fn environment_wants_color() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") {
        return false;
    }
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    set("FORCE_COLOR") || (io::stderr().is_terminal() && !dumb)
}
