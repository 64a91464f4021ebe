//! What goes to the terminal: results to stdout, everything else to stderr, as much of it as was asked for. What was said
//! is kept for the report.

use std::{
    cell::{Cell, RefCell},
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
        render,
        report::{Report, Said},
        terminal::{Terminal, wrapped},
        verdict::Closing,
    },
    store::place::Place,
};

/// The two streams, and how much goes to them.
#[derive(Debug)]
pub(crate) struct Output {
    format: FormatArg,
    quiet: bool,
    verbose: bool,
    stdout: Terminal,
    /// It may be a terminal while stdout goes to a file.
    stderr: Terminal,
    said: RefCell<Said>,
    /// Whether something came to stdout.
    printed: Cell<bool>,
    /// What came to stderr last.
    last: Cell<Last>,
    /// Whether a diff was printed.
    diffed: Cell<bool>,
    /// Why something did not come to stdout.
    lost: RefCell<Option<io::Error>>,
}

/// What came to stderr last. Blank lines stand around diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Note,
    Diagnostic,
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
        Self {
            format,
            quiet: args.quiet,
            verbose: args.verbose,
            stdout: Terminal::of_stdout(args.color),
            stderr: Terminal::of_stderr(args.color),
            said: RefCell::default(),
            printed: Cell::new(false),
            last: Cell::new(Last::Nothing),
            diffed: Cell::new(false),
            lost: RefCell::default(),
        }
    }

    /// Says why each choice is made, as `-v` asks for, unless the run is to be quiet.
    pub(crate) fn say_why(&mut self) {
        self.verbose = !self.quiet;
    }

    /// A line of the report.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        self.styled(&wrapped(&visible(line.as_ref()), "", "  ", self.stdout.width));
    }

    /// A row of the report: what it is about, in a column of this width, and what there is to say.
    pub(crate) fn row(&self, about: &str, width: usize, text: impl AsRef<str>) {
        self.styled(&wrapped(
            &visible(text.as_ref()),
            &format!("{about:width$}"),
            &" ".repeat(width),
            self.stdout.width,
        ));
    }

    /// A row that the user wants, and that comes however quiet the run is. A command line is not broken, so that it can be copied.
    pub(crate) fn asked_row(&self, about: &str, width: usize, text: &str) {
        let columns = self.stdout.width.filter(|_| !text.contains("node --import"));
        let row = wrapped(&visible(text), &format!("{about:width$}"), &" ".repeat(width), columns);
        self.text(&format!("{row}\n"));
    }

    /// Whether the reasons of choices are shown.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// The last words of a command. What is not well stands with the diagnostics, and so do words beside a diff, which may
    /// go to a file.
    pub(crate) fn close(&self, closing: &Closing) {
        if self.quiet || self.format == FormatArg::Json {
            return;
        }
        let to_stderr_too = closing.is_diagnostic() || self.diffed.get();
        let spoke = match (self.is_one_screen(), to_stderr_too) {
            (true, _) => self.printed.get() || self.last.get() != Last::Nothing,
            (false, true) => self.last.get() != Last::Nothing,
            (false, false) => self.printed.get(),
        };
        let blank = if spoke { "\n" } else { "" };
        if to_stderr_too {
            to_stderr(&format!("{blank}{}", closing.shown(&self.stderr)));
        } else {
            self.text(&format!("{blank}{}", closing.shown(&self.stdout)));
        }
    }

    /// Lines of the report that have colours. What others wrote is made visible in them already.
    pub(crate) fn styled(&self, lines: &str) {
        if !self.quiet {
            self.text(&format!("{lines}\n"));
        }
    }

    /// A diff that was asked for. A terminal gets it in a form that it does not obey, and GitHub reads no commands in it.
    pub(crate) fn diff(&self, diff: &str) {
        self.diffed.set(true);
        if self.format == FormatArg::Github {
            let word = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
            self.text(&format!("::stop-commands::{word}\n{diff}\n::{word}::\n"));
        } else if io::stdout().is_terminal() {
            diff.lines().for_each(|line| self.text(&format!("{}\n", visible_code(line))));
        } else {
            self.text(diff);
        }
    }

    /// Where results go.
    pub(crate) fn stdout(&self) -> &Terminal {
        &self.stdout
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
        self.printed.set(self.printed.get() || !text.is_empty());
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
            self.say(Last::Note, &wrapped(&visible(note), "note: ", "      ", self.stderr.width));
        }
    }

    /// A diagnostic; warnings are left out of a quiet run.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic, place: Option<&Place>) {
        self.record(diagnostic, place);
        let shown = diagnostic.severity == Severity::Error || !self.quiet;
        if shown && self.format != FormatArg::Json {
            self.say(Last::Diagnostic, render::diagnostic(diagnostic, place, &self.stderr).trim_end_matches('\n'));
        }
    }

    /// Whether both streams are seen together.
    fn is_one_screen(&self) -> bool {
        self.stdout.width.is_some() && self.stderr.width.is_some()
    }

    /// Lines for stderr.
    fn say(&self, kind: Last, lines: &str) {
        let blank = match (self.last.replace(kind), kind) {
            (Last::Nothing, _) if self.printed.get() && self.is_one_screen() => "\n",
            (Last::Nothing, _) | (Last::Note, Last::Note) => "",
            _ => "\n",
        };
        to_stderr(&format!("{blank}{lines}\n"));
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
                    self.say(Last::Diagnostic, &wrapped(&visible(&message), "error: ", "  ", self.stderr.width));
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

    /// The report of a command whose facts another one uses: nothing is printed.
    pub(crate) fn gathered(&self, report: Report, outcome: Outcome) -> Report {
        report.finished(outcome, outcome.exit_code(), self.said.take())
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
