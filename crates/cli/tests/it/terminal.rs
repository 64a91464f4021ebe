//! The command in a terminal: a pseudo-terminal of a given width, and the screen as a person sees it.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// More than any command prints here.
const ROWS: u16 = 500;

/// What a person saw, and how the command ended.
pub(crate) struct Seen {
    /// The lines of the screen, without blanks at their ends.
    pub(crate) lines: Vec<String>,
    /// The lines that the terminal had to break, by their number.
    pub(crate) broken: Vec<usize>,
    /// What came from the command, with all that a terminal obeys.
    pub(crate) raw: String,
    pub(crate) exit_code: Option<i32>,
}

/// Runs the command in a terminal of this width.
pub(crate) fn run(directory: &Path, arguments: &[&str], columns: u16, environment: &[(&str, &str)]) -> Seen {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let controller = openpt(flags).expect("a pseudo-terminal");
    grantpt(&controller).expect("a pseudo-terminal of ours");
    unlockpt(&controller).expect("a pseudo-terminal of ours");
    let name = ptsname(&controller, Vec::new()).expect("its name");
    let user = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
    let size = Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&user, size).expect("a size can be set");
    let mut command = Command::new(env!("CARGO_BIN_EXE_presentry"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm-256color");
    command.envs(environment.iter().copied());
    command.stdout(user.try_clone().expect("a copy")).stderr(user);
    let mut child = command.spawn().expect("the command starts");
    // Its copies of the other end are closed with it, so that the end of the output is seen.
    drop(command);
    let mut raw = Vec::new();
    let mut controller = File::from(controller);
    let mut part = [0; 4096];
    // Linux reports an error where others report the end.
    while let Ok(length @ 1..) = controller.read(&mut part) {
        raw.extend_from_slice(&part[..length]);
    }
    let exit_code = child.wait().expect("the command ends").code();
    let mut parser = vt100::Parser::new(ROWS, columns, 0);
    parser.process(&raw);
    let screen = parser.screen();
    let mut lines: Vec<String> = screen.rows(0, columns).map(|line| line.trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let broken = (0..ROWS).filter(|row| screen.row_wrapped(*row)).map(usize::from).collect();
    Seen { lines, broken, raw: String::from_utf8_lossy(&raw).into_owned(), exit_code }
}
