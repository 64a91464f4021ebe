//! Ctrl-C, SIGTERM and SIGHUP: who ends the command when one comes. What an end consists of is given by `main`.

use std::{
    process,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is known of interruptions.
struct State {
    /// Whether one has come.
    came: bool,
    /// Whether the main thread is at a work that it brings to an end itself.
    in_section: bool,
}

static STATE: Mutex<State> = Mutex::new(State { came: false, in_section: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has interruptions end the command by `end`, which gives the exit code. A second one ends it in a section as well.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn watch(end: fn() -> u8) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        let mut state = state();
        let again = std::mem::replace(&mut state.came, true);
        if state.in_section && !again {
            return;
        }
        // The state stays locked, which stops the main thread at the next look at it.
        process::exit(end().into());
    })
}

/// Whether the user wants to have it end.
pub(crate) fn came() -> bool {
    state().came
}

/// Does not come back once the command is being ended. The main thread must not take the end of a child that was ended with
/// the command for a result.
pub(crate) fn checkpoint() {
    drop(state());
}

/// A work that an interruption does not cut off: the main thread looks at [`came`], or has done soon.
#[derive(Debug)]
pub(crate) struct Section(());

impl Section {
    /// Begins one. Does not come back once the command is being ended.
    pub(crate) fn begin() -> Self {
        state().in_section = true;
        Self(())
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        state().in_section = false;
    }
}
