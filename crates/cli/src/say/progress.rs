//! A sign of life on stderr while something takes longer than a second.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// What is done sooner needs no word.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Does `work`, and shows on a terminal `what` is being done if it takes longer than a second.
pub(crate) fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner().with_message(what.to_owned()).with_elapsed(PATIENCE);
            bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a constant template"));
            bar.enable_steady_tick(TICK);
            let _ = wait.recv();
            bar.finish_and_clear();
        });
        // Dropped with the end of the work, also when it panics.
        let _done = done;
        work()
    })
}

/// Text for the one who watches. Nothing can be done about one that does not arrive.
pub(super) fn to_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
