//! What a reproduction found, as data, and what it comes to. Pure: the report and the exit code are made of these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that the report says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// What presentry says of itself.
    pub presentry: String,
    /// The system, such as `linux`.
    pub system: String,
    /// The architecture, such as `x86_64`.
    pub architecture: String,
    /// The version of the Node that built and started the app.
    pub node: String,
    /// The package manager and its version.
    pub manager: (String, String),
    /// The preset that was asked for.
    pub preset: Option<String>,
    /// Each package, what was asked for, and what is installed.
    pub packages: Vec<Package>,
    /// What was run, in order, as one does it by hand.
    pub steps: Vec<Step>,
    /// The install; nothing where it could not be tried.
    pub install: Option<Ran>,
    /// The build of the app.
    pub build: Option<Ran>,
    /// The builds, and what was seen of each.
    pub builds: Vec<Build>,
    /// The rewrite.
    pub rewrite: Option<Rewrite>,
    /// Why there is no build of the SDK's own.
    pub no_sdk: Option<String>,
    /// What the reader has to know.
    pub notes: Vec<String>,
    /// What of the app is not in the directory, by path, and why.
    pub left_out: Vec<(String, String)>,
    /// What was replaced because it is, or looks like, a secret.
    pub replaced: Vec<Replaced>,
    /// What the directory holds.
    pub files: Vec<String>,
}

/// A kind of secret that was replaced in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// The file, by its path with `/`.
    pub file: String,
    /// What it was; never its value.
    pub what: String,
    /// How many times.
    pub times: usize,
}

/// A package of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The version or range that the app or the command line asks for.
    pub requested: Option<String>,
    /// What is installed.
    pub installed: String,
}

/// One command of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The directory, relative to the one that is installed.
    pub directory: String,
    /// Variables in front.
    pub env: BTreeMap<String, String>,
    /// The words.
    pub words: Vec<String>,
    /// The exit code; nothing where it did not end by itself.
    pub exit: Option<i32>,
}

/// A command that was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// The exit code; nothing where it did not end by itself.
    pub exit: Option<i32>,
    /// What it printed, in the order in which it came.
    pub text: String,
    /// The name of its log in the directory.
    pub log: String,
}

impl Ran {
    /// Whether it returned 0.
    pub fn success(&self) -> bool {
        self.exit == Some(0)
    }
}

/// Whose build it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// As the app's script leaves it.
    Unrewritten,
    /// Rewritten by presentry.
    Presentry,
    /// Wrapped by the SDK alone.
    Sdk,
}

impl Whose {
    /// The name of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Whose::Unrewritten => "unrewritten",
            Whose::Presentry => "presentry",
            Whose::Sdk => "sdk",
        }
    }
}

/// A build, and what presentry says of it.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    /// Whose it is.
    pub whose: Whose,
    /// Its document of `presentry inspect`.
    pub inspect: Value,
    /// `presentry check`.
    pub check: Ran,
    /// `presentry trace`.
    pub trace: Ran,
    /// Its document.
    pub trace_document: Value,
    /// What of the build is not in the directory.
    pub left_out: Vec<String>,
}

impl Build {
    /// The codes of the errors that `presentry trace` reports.
    fn trace_codes(&self) -> Vec<&str> {
        codes(&self.trace_document)
    }

    /// Whether Sentry was seen to be first; nothing where the app did not start.
    pub fn first(&self) -> Option<bool> {
        let first = self.trace_document["trace"]["first"].as_bool()?;
        (first || self.trace_codes().contains(&"sentry-not-first")).then_some(first)
    }

    /// What `presentry trace` came to, in few words.
    pub fn trace_says(&self) -> String {
        match (self.trace.success(), self.first()) {
            (true, Some(true)) => "Sentry was first".to_owned(),
            (_, Some(false)) => "Sentry was **not** first".to_owned(),
            (true, _) => "nothing to start".to_owned(),
            (false, _) => match self.trace_codes().as_slice() {
                [] => "not seen".to_owned(),
                codes => format!("not seen: `{}`", codes.join("`, `")),
            },
        }
    }
}

/// What the rewrite came to.
#[derive(Debug, Clone, Serialize)]
pub struct Rewrite {
    /// The command.
    pub ran: Ran,
    /// Its document.
    pub document: Value,
}

/// What it all comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The packages cannot be installed.
    DoesNotInstall,
    /// The app cannot be built.
    DoesNotBuild,
    /// The build has no server.
    NoServer,
    /// presentry does not rewrite the build, for these reasons.
    Refused(Vec<String>),
    /// The rewritten build is not proven.
    NotProven(Vec<String>),
    /// The rewritten build is right as far as presentry tells, and a start showed otherwise.
    NotFirst(Certainty),
    /// The rewritten build is right as far as presentry tells, and no start could be watched, for these reasons.
    NotStarted(Certainty, Vec<String>),
    /// All is well.
    Holds(Certainty),
}

/// How certain presentry is of a build that it calls right, as its documents say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certainty {
    /// On every path.
    #[serde(rename = "proven")]
    Proven,
    /// On each path on which Sentry starts at all.
    #[serde(rename = "proven under a condition")]
    UnderCondition,
    /// Somebody vouches for it.
    #[serde(rename = "vouched for")]
    VouchedFor,
}

impl Certainty {
    /// The word of the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Certainty::Proven => "proven",
            Certainty::UnderCondition => "proven under a condition",
            Certainty::VouchedFor => "vouched for",
        }
    }

    /// What a document of presentry says of a build that is right. One of an early version knows no difference.
    fn of(document: &Value) -> Option<Self> {
        match &document["proof"]["verdict"] {
            Value::Null => Some(Certainty::Proven),
            verdict => Self::deserialize(verdict).ok(),
        }
    }
}

impl Verdict {
    /// The first lines of the report.
    pub fn sentence(&self) -> String {
        let named = |codes: &[String]| match codes {
            [] => "no code was given".to_owned(),
            codes => format!("`{}`", codes.join("`, `")),
        };
        match self {
            Verdict::DoesNotInstall => "The app does not install.".to_owned(),
            Verdict::DoesNotBuild => "The app does not build.".to_owned(),
            Verdict::NoServer => "The build has no server, so there is nothing to rewrite.".to_owned(),
            Verdict::Refused(codes) => format!("presentry does not rewrite this build: {}.", named(codes)),
            Verdict::NotProven(codes) => {
                format!("The rewritten build is not proven: {}.", named(codes))
            }
            Verdict::NotFirst(certainty) => {
                format!("The rewritten build is {}, and Sentry is not first when it starts.", certainty.as_str())
            }
            Verdict::NotStarted(certainty, codes) => format!(
                "The rewritten build is {}, and its start could not be watched: {}.",
                certainty.as_str(),
                named(codes)
            ),
            Verdict::Holds(certainty) => {
                format!("Sentry starts first in the rewritten build: {}, and seen at a start.", certainty.as_str())
            }
        }
    }
}

impl Facts {
    /// The build of this kind.
    pub fn of(&self, whose: Whose) -> Option<&Build> {
        self.builds.iter().find(|build| build.whose == whose)
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        let owned = |codes: Vec<&str>| codes.into_iter().map(str::to_owned).collect();
        if !self.install.as_ref().is_some_and(Ran::success) {
            return Verdict::DoesNotInstall;
        }
        if !self.build.as_ref().is_some_and(Ran::success) {
            return Verdict::DoesNotBuild;
        }
        let Some(rewrite) = &self.rewrite else { return Verdict::Refused(Vec::new()) };
        if rewrite.document["outcome"] == "no-server" {
            return Verdict::NoServer;
        }
        let Some(build) = self.of(Whose::Presentry).filter(|_| rewrite.ran.success()) else {
            return Verdict::Refused(owned(codes(&rewrite.document)));
        };
        let certainty = Certainty::of(&build.inspect).filter(|_| build.check.success());
        let Some(certainty) = certainty else { return Verdict::NotProven(owned(codes(&build.inspect))) };
        match (build.trace.success(), build.first()) {
            (true, Some(true)) => Verdict::Holds(certainty),
            (_, Some(false)) => Verdict::NotFirst(certainty),
            _ => Verdict::NotStarted(certainty, owned(build.trace_codes())),
        }
    }

    /// The packages of which another version is installed than was asked for exactly.
    pub fn missed(&self) -> Vec<&Package> {
        let missed = |package: &&Package| {
            package
                .requested
                .as_deref()
                .is_some_and(|wanted| crate::app::is_exact(wanted) && wanted != package.installed)
        };
        self.packages.iter().filter(missed).collect()
    }
}

/// The codes of the errors of a document, each once.
fn codes(document: &Value) -> Vec<&str> {
    let mut codes = Vec::new();
    for diagnostic in document["diagnostics"].as_array().into_iter().flatten() {
        if let Some(code) = diagnostic["code"].as_str().filter(|_| diagnostic["severity"] == "error")
            && !codes.contains(&code)
        {
            codes.push(code);
        }
    }
    codes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn ran(exit: i32, text: &str) -> Ran {
        Ran { exit: Some(exit), text: text.to_owned(), log: "logs/x.log".to_owned() }
    }

    pub(crate) fn build(whose: Whose, check: i32, first: Option<bool>) -> Build {
        let trace = if first == Some(true) { 0 } else { 1 };
        Build {
            whose,
            inspect: json!({ "proof": { "verdict": "proven" }, "diagnostics": [
                { "severity": "error", "code": "static-edge-to-runtime" },
                { "severity": "warning", "code": "stale-build" },
                { "severity": "error", "code": "static-edge-to-runtime" },
            ] }),
            check: ran(check, "the proof\n"),
            trace: ran(trace, "     0.0 ms  ●  process start\n"),
            trace_document: match first {
                Some(first) => json!({
                    "trace": { "first": first },
                    "diagnostics": [{ "severity": if first { "warning" } else { "error" }, "code": "sentry-not-first" }],
                }),
                // A server that ended was not first either.
                None => json!({
                    "trace": { "first": false },
                    "diagnostics": [{ "severity": "error", "code": "server-not-started" }],
                }),
            },
            left_out: vec!["`node_modules`".to_owned()],
        }
    }

    pub(crate) fn facts(builds: Vec<Build>, rewrite: i32) -> Facts {
        Facts {
            install: Some(ran(0, "")),
            build: Some(ran(0, "")),
            rewrite: Some(Rewrite {
                ran: ran(rewrite, ""),
                document: json!({ "outcome": "x", "diagnostics": [{ "severity": "error", "code": "no-entry" }] }),
            }),
            builds,
            ..Facts::default()
        }
    }

    #[test]
    fn each_way_has_its_verdict() {
        let rewritten = |check, first| facts(vec![build(Whose::Presentry, check, first)], 0).verdict();
        assert_eq!(rewritten(0, Some(true)), Verdict::Holds(Certainty::Proven));
        assert_eq!(rewritten(0, Some(false)), Verdict::NotFirst(Certainty::Proven));
        let codes = vec!["server-not-started".to_owned()];
        assert_eq!(rewritten(0, None), Verdict::NotStarted(Certainty::Proven, codes));
        let mut conditional = build(Whose::Presentry, 0, Some(true));
        conditional.inspect["proof"]["verdict"] = json!("proven under a condition");
        let conditional = facts(vec![conditional], 0).verdict();
        assert_eq!(conditional, Verdict::Holds(Certainty::UnderCondition));
        assert!(conditional.sentence().contains("proven under a condition"));
        assert_eq!(rewritten(1, Some(true)), Verdict::NotProven(vec!["static-edge-to-runtime".to_owned()]));
        let refused = facts(vec![build(Whose::Unrewritten, 1, Some(false))], 1);
        assert_eq!(refused.verdict(), Verdict::Refused(vec!["no-entry".to_owned()]));
        let mut early = facts(Vec::new(), 0);
        early.rewrite.as_mut().unwrap().document = json!({ "outcome": "no-server" });
        assert_eq!(early.verdict(), Verdict::NoServer);
        early.build = Some(ran(1, ""));
        assert_eq!(early.verdict(), Verdict::DoesNotBuild);
        early.install = Some(Ran::default());
        assert_eq!(early.verdict(), Verdict::DoesNotInstall);
    }

    #[test]
    fn an_exact_version_that_was_not_installed_is_told() {
        let package = |requested: &str, installed: &str| Package {
            name: "vinxi".to_owned(),
            requested: Some(requested.to_owned()),
            installed: installed.to_owned(),
        };
        let facts = Facts {
            packages: vec![package("0.4.3", "0.5.11"), package("^0.4.3", "0.5.11"), package("0.5.11", "0.5.11")],
            ..Facts::default()
        };
        assert_eq!(facts.missed().len(), 1);
    }
}
