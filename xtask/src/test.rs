//! `cargo xtask test`: formatting, lints, all Rust tests, tidy, a short soak, and e2e scenarios, counted in one line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::e2e::GATE;
use crate::{Outcome, flags, print, soak, tidy};

/// How many checks passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl flags::Test {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let mut count = Count::default();

        // These are no tests and count only when they fail, so that a red run never says `0 failed`.
        let mut demand = |name: &str, done: Result<()>| {
            if let Err(error) = done {
                print::note(format_args!("FAIL {name}: {error:#}"));
                count.failed += 1;
            }
        };
        demand("fmt", cmd!(sh, "cargo fmt --all --check").run().map_err(Into::into));
        let clippy = cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings");
        demand("clippy", clippy.run().map_err(Into::into));
        demand("tidy", tidy::check(sh));

        count += rust_tests(sh)?;

        match soak::briefly(sh) {
            Ok(figures) => {
                print::line(format_args!("soak: {figures}"))?;
                count += Count { passed: usize::from(figures.failures.is_empty()), failed: figures.failures.len() };
            }
            Err(error) => {
                print::line(format_args!("FAIL soak: {error:#}"))?;
                count.failed += 1;
            }
        }

        if !self.no_e2e {
            let filter = GATE.iter().map(|id| (*id).to_owned()).collect();
            let e2e = flags::E2e { filter, ..flags::E2e::default() };
            match e2e.runs(sh) {
                Ok(runs) => {
                    for run in runs {
                        count += Count { passed: run.entry.passed, failed: run.entry.failed };
                    }
                }
                Err(error) => {
                    print::line(format_args!("FAIL e2e: {error:#}"))?;
                    count.failed += 1;
                }
            }
        }

        print::line(format_args!("{} passed, {} failed", count.passed, count.failed))?;
        Ok(if count.failed == 0 && count.passed > 0 { Outcome::Green } else { Outcome::Red })
    }
}

/// Runs all unit, integration and documentation tests; their output is passed on as it comes.
fn rust_tests(sh: &Shell) -> Result<Count> {
    print::line("$ cargo test --workspace --no-fail-fast")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(sh.current_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to start `cargo test`")?;
    let mut count = Count::default();
    let stdout = child.stdout.take().context("`cargo test` has no output")?;
    for line in BufReader::new(stdout).lines() {
        let line = line.context("failed to read the output of `cargo test`")?;
        print::line(&line)?;
        count += result_line(&line).unwrap_or_default();
    }
    let status = child.wait().context("failed to wait for `cargo test`")?;
    if !status.success() && count.failed == 0 {
        // It did not compile, or a test binary died without a word.
        print::line(format_args!("FAIL cargo test: {status}"))?;
        count.failed += 1;
    }
    Ok(count)
}

/// `test result: ok. 3 passed; 1 failed; …` → (3, 1).
fn result_line(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, counts) = rest.split_once(". ")?;
    let number = |noun: &str| {
        counts.split("; ").find_map(|count| count.strip_suffix(noun)).and_then(|number| number.trim().parse().ok())
    };
    Some(Count { passed: number(" passed")?, failed: number(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_libtest_says() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(result_line(line), Some(Count { passed: 12, failed: 3 }));
        assert_eq!(result_line("test trace::reads ... ok"), None);
        assert_eq!(result_line("test result: nonsense"), None);
    }
}
