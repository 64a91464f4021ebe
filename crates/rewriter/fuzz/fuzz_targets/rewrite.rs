//! Generated builds, as they are and with some bytes wrong: planning and proving never panic, and what holds for every
//! build holds. The grammar and the properties are those of the property test.

#![no_main]

use std::{panic, sync::Once};

use libfuzzer_sys::fuzz_target;

// The property test uses more of both.
#[allow(dead_code)]
#[path = "../../tests/it/grammar.rs"]
mod grammar;
#[allow(dead_code)]
#[path = "../../tests/it/invariants.rs"]
mod invariants;

static HOOK: Once = Once::new();

fuzz_target!(|entropy: &[u8]| {
    // The hook of libFuzzer aborts at once, also where the parser turns a panic of its library into an error.
    HOOK.call_once(|| drop(panic::take_hook()));
    let mut dice = grammar::Dice::new(entropy);
    let case = grammar::case(&mut dice);
    let files = invariants::sources(&case);
    hold(&files, &case, true);
    hold(&grammar::mangled(&files, &mut dice), &case, false);
});

fn hold(files: &presentry_rewriter::MemorySources, case: &grammar::Case, made_by_grammar: bool) {
    if let Err(reason) = invariants::check(files, &case.request, case.shape, made_by_grammar) {
        for (path, bytes) in files.iter() {
            eprintln!("--- {path}\n{}", String::from_utf8_lossy(bytes));
        }
        panic!("{reason}");
    }
}
