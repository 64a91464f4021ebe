//! What a run came to: its checks, how they are printed, and their count.

use std::fmt::Write;
use std::path::PathBuf;

use crate::oracles::Judgement;
use crate::process::Source;

/// One oracle, or one check beside them.
#[derive(Debug, Clone)]
pub struct Check {
    /// The oracle's number in the design; nothing for the checks beside them.
    pub oracle: Option<u8>,
    /// Its name.
    pub name: &'static str,
    /// What was seen.
    pub judgement: Judgement,
    /// The processes that were looked at.
    pub sources: Vec<Source>,
}

/// The checks of one scenario.
#[derive(Debug, Clone)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// In the order they are printed.
    pub checks: Vec<Check>,
    /// The work directory, where it was kept.
    pub kept: Option<PathBuf>,
}

impl Check {
    /// `ok oracle 2 name: seen`, or `FAIL …` followed by the evidence.
    pub fn render(&self) -> String {
        let label = match self.oracle {
            Some(number) => format!("oracle {number}"),
            None => "check".to_owned(),
        };
        match &self.judgement {
            Ok(seen) => format!("ok {label} {}: {seen}\n", self.name),
            Err(seen) => {
                let mut text = format!("FAIL {label} {}: {seen}\n", self.name);
                for source in &self.sources {
                    let _ = writeln!(text, "{source}");
                }
                text
            }
        }
    }
}

impl Report {
    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.judgement.is_ok()).count()
    }

    /// How many checks failed.
    pub fn failed(&self) -> usize {
        self.checks.len() - self.passed()
    }

    /// Whether something was checked, and nothing failed.
    pub fn success(&self) -> bool {
        self.failed() == 0 && self.passed() > 0
    }

    /// `scenario basic: 10 passed, 0 failed`, and where the work directory is when it was kept.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        if let Some(kept) = &self.kept {
            let _ = writeln!(text, "work directory: {}", kept.display());
        }
        let _ = writeln!(text, "scenario {}: {} passed, {} failed", self.scenario, self.passed(), self.failed());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(judgements: &[Judgement]) -> Report {
        let check = |judgement: &Judgement| Check {
            oracle: Some(2),
            name: "name",
            judgement: judgement.clone(),
            sources: vec![Source { command: "node x".to_owned(), directory: "/d".into(), log: "/l".into() }],
        };
        Report { scenario: "basic".to_owned(), checks: judgements.iter().map(check).collect(), kept: None }
    }

    #[test]
    fn counts_and_says_what_failed() {
        let report = report(&[Ok("fine".to_owned()), Err("nothing".to_owned())]);
        assert!(!report.success());
        assert_eq!(report.summary(), "scenario basic: 1 passed, 1 failed\n");
        assert_eq!(report.checks[0].render(), "ok oracle 2 name: fine\n");
        assert_eq!(
            report.checks[1].render(),
            "FAIL oracle 2 name: nothing\n  command: node x\n  directory: /d\n  log: /l\n"
        );
    }

    #[test]
    fn nothing_checked_is_no_success() {
        assert!(!report(&[]).success());
        assert!(report(&[Ok(String::new())]).success());
    }
}
