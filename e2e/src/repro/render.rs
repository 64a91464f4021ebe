//! The report as one pastes it into an issue, and the commands as one runs them by hand. Facts to text.

use super::facts::{Build, Facts, Ran, Step, Verdict, Whose};
use crate::process::shell_word;

/// How much of a log the report shows. The rest is in its file.
const LINES: usize = 40;

/// How many files the tree names.
const FILES: usize = 150;

/// A DSN of a port on which nobody listens: the SDK starts as it does with a real one, and nothing leaves.
pub(crate) const NOWHERE: &str = "http://key@127.0.0.1:9/1";

/// `REPORT.md`
pub(crate) fn report(facts: &Facts) -> String {
    let mut text = String::new();
    let mut add = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    let verdict = facts.verdict();
    add("# Reproduction\n");
    add(&format!("**{}**\n", verdict.sentence()));
    for package in facts.missed() {
        add(&format!(
            "`{}` {} was asked for and {} is installed, so this report tells of the latter.\n",
            package.name,
            package.requested.as_deref().unwrap_or_default(),
            package.installed
        ));
    }
    if !facts.builds.is_empty() {
        add(&outcomes(facts));
    }
    add(&chain(facts, &verdict));
    add("## Versions\n");
    add(&versions(facts));
    add("## Commands\n");
    add(
        "Run by hand, with npm and the released presentry; `sh commands.sh` runs them all and compares the exit codes.\n",
    );
    add(&block("sh", &facts.steps.iter().map(shown).collect::<String>()));
    for build in &facts.builds {
        add(&timeline(build));
    }
    if let Some(rewrite) = &facts.rewrite {
        add(&format!("## The rewrite\n\n`presentry` {}.\n", ended(rewrite.ran.exit)));
        add(&block("", &end_of(&rewrite.ran)));
        if let Some(diff) = rewrite.document["diff"].as_str() {
            add("What it changes (`builds/presentry/rewrite.diff`):\n");
            add(&block("diff", &first_lines(diff, LINES * 2)));
        }
    }
    let mut notes: Vec<String> = facts.notes.clone();
    notes.extend(facts.no_sdk.iter().map(|reason| format!("there is no build of the SDK's own: {reason}")));
    if !notes.is_empty() {
        add("## Notes\n");
        add(&notes.iter().map(|note| format!("- {note}\n")).collect::<String>());
    }
    if !facts.left_out.is_empty() {
        add("## Left out\n");
        let shown = facts.left_out.iter().take(FILES).map(|(path, because)| format!("- `{path}`: {because}\n"));
        add(&shown.collect::<String>());
    }
    if !facts.replaced.is_empty() {
        add("## Replaced\n\nSecrets, and what looks like one. Read the files before you send them all the same.\n");
        let shown =
            facts.replaced.iter().take(FILES).map(|it| format!("- `{}`: {}, {} ×\n", it.file, it.what, it.times));
        add(&shown.collect::<String>());
    }
    add("## Files\n");
    let mut files = facts.files.iter().take(FILES).map(|file| format!("{file}\n")).collect::<String>();
    if facts.files.len() > FILES {
        files.push_str(&format!("… and {} more\n", facts.files.len() - FILES));
    }
    add(&format!("<details><summary>{} files</summary>\n\n{}\n</details>", facts.files.len(), block("", &files)));
    text
}

fn outcomes(facts: &Facts) -> String {
    let mut table = "| build | shape | `presentry check` | `presentry trace` |\n|---|---|---|---|\n".to_owned();
    for build in &facts.builds {
        let whose = match build.whose {
            Whose::Unrewritten => "as it is built",
            Whose::Presentry => "rewritten by presentry",
            Whose::Sdk => "the SDK's `experimental_dynamic-import` alone",
        };
        let proof = if build.check.success() {
            "proven".to_owned()
        } else {
            format!("not proven, {}", ended(build.check.exit))
        };
        let shape = build.inspect["inspection"]["shape"].as_str().unwrap_or("unknown");
        table.push_str(&format!(
            "| {whose} | {shape} | {proof} | {}, {} |\n",
            build.trace_says(),
            ended(build.trace.exit)
        ));
    }
    table
}

/// What went wrong, in the words of the program that says so.
fn chain(facts: &Facts, verdict: &Verdict) -> String {
    let rewritten = facts.of(Whose::Presentry);
    let (title, ran) = match verdict {
        Verdict::DoesNotInstall => ("The end of the install", facts.install.as_ref()),
        Verdict::DoesNotBuild => ("The end of the build", facts.build.as_ref()),
        Verdict::Refused(_) => ("What presentry says", facts.rewrite.as_ref().map(|rewrite| &rewrite.ran)),
        Verdict::NotProven(_) => ("The import chain", rewritten.map(|build| &build.check)),
        Verdict::NotFirst(_) | Verdict::NotStarted(..) => ("What was seen", rewritten.map(|build| &build.trace)),
        Verdict::NoServer => ("What presentry says", facts.rewrite.as_ref().map(|rewrite| &rewrite.ran)),
        Verdict::Holds(_) => {
            // What the app would do without presentry is why it is there.
            ("The import chain of the build as it is built", facts.of(Whose::Unrewritten).map(|build| &build.check))
        }
    };
    let Some(ran) = ran.filter(|ran| !ran.success() || *verdict == Verdict::NoServer) else { return String::new() };
    format!("## {title}\n\n{}\nThe whole of it: `{}`.\n", block("", &end_of(ran)), ran.log)
}

fn versions(facts: &Facts) -> String {
    let (manager, manager_version) = &facts.manager;
    let mut table = "| | requested | installed |\n|---|---|---|\n".to_owned();
    let mut row = |name: &str, requested: &str, installed: &str| {
        table.push_str(&format!("| {name} | {requested} | {installed} |\n"));
    };
    row("presentry", "", &facts.presentry);
    row("Node.js", "", &facts.node);
    row(manager, "", manager_version);
    row("system", "", &format!("{} {}", facts.system, facts.architecture));
    if let Some(preset) = &facts.preset {
        row("preset", preset, "");
    }
    for package in &facts.packages {
        let requested = package.requested.as_deref().map(|wanted| format!("`{wanted}`")).unwrap_or_default();
        row(&format!("`{}`", package.name), &requested, &package.installed);
    }
    let preset = facts.builds.iter().find_map(|build| build.inspect["preset"]["name"].as_str());
    let nitro = facts.builds.iter().find_map(|build| build.inspect["preset"]["nitro"].as_str());
    if let Some(preset) = preset {
        let said = format!("`{preset}`, Nitro {}", nitro.unwrap_or("unknown"));
        table.push_str(&format!("\nThe build says: {said}.\n"));
    }
    table
}

fn timeline(build: &Build) -> String {
    let heading = match build.whose {
        Whose::Unrewritten => "The start of the build as it is built",
        Whose::Presentry => "The start of the rewritten build",
        Whose::Sdk => "The start of the build that the SDK wraps alone",
    };
    let left_out = match build.left_out.as_slice() {
        [] => String::new(),
        some => format!(" without {}", some.join(", ")),
    };
    format!(
        "## {heading}\n\n{}\nThe build is in `builds/{}`{left_out}.\n",
        block("", &end_of(&build.trace)),
        build.whose.name()
    )
}

fn ended(exit: Option<i32>) -> String {
    match exit {
        Some(code) => format!("exit code {code}"),
        None => "did not end".to_owned(),
    }
}

/// The end of what a command printed, as the last lines tell why it ended.
fn end_of(ran: &Ran) -> String {
    let lines: Vec<&str> = ran.text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let cut = if from > 0 { format!("… {from} lines above\n") } else { String::new() };
    format!("{cut}{}\n", lines[from..].join("\n"))
}

fn first_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(most);
    let cut = if more > 0 { format!("… {more} lines more\n") } else { String::new() };
    format!("{}\n{cut}", lines[..lines.len().min(most)].join("\n"))
}

/// A block of Markdown, fenced by more backticks than are in it.
fn block(language: &str, text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(3.max(longest + 1));
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// A step as one types it.
fn shown(step: &Step) -> String {
    let exit = match step.exit {
        Some(0) => String::new(),
        exit => format!("    # {}", ended(exit)),
    };
    let env: String = step.env.iter().map(|(name, value)| format!("{name}={} ", shell_word(value))).collect();
    format!("{env}{}{exit}\n", words(step))
}

fn words(step: &Step) -> String {
    step.words.iter().map(|one| shell_word(one)).collect::<Vec<_>>().join(" ")
}

/// `commands.sh`: every step, and whether it ended as it did for the report.
pub(crate) fn commands(facts: &Facts) -> String {
    let version = facts.presentry.rsplit(' ').next().unwrap_or_default();
    let mut text = format!(
        "#!/bin/sh
# Repeats what REPORT.md tells, in the directory app/, and compares the exit codes. Needs Node.js {node} with npm{manager}.
# PRESENTRY is the command to use; the released one if it is not set.
: \"${{PRESENTRY:=npx --yes presentry@{version}}}\"
cd \"$(dirname \"$0\")/app\" || exit 1
root=$PWD
other=0

# step EXIT-CODE DIRECTORY WORD…
step() {{
  wanted=$1
  cd \"$root/$2\" || exit 1
  shift 2
  echo \"\\$ $*\"
  \"$@\"
  code=$?
  if [ \"$code\" = \"$wanted\" ]; then
    echo \"= exit code $code, as in the report\"
  else
    echo \"! exit code $code, and $wanted in the report\"
    other=1
  fi
}}

here=$(node --version)
[ \"$here\" = \"v{node}\" ] || echo \"! this is Node.js $here, and v{node} in the report\"
",
        node = facts.node,
        manager = match facts.manager.0.as_str() {
            "npm" => String::new(),
            other => format!(" and {other} {}", facts.manager.1),
        },
    );
    for step in &facts.steps {
        let exit = step.exit.map_or("none".to_owned(), |code| code.to_string());
        let directory = if step.directory.is_empty() { "." } else { &step.directory };
        let env: String = step.env.iter().map(|(name, value)| format!("{name}={} ", shell_word(value))).collect();
        let env = if env.is_empty() { env } else { format!("env {env}") };
        let line = words(step);
        // Unquoted, as it may be several words.
        let line = match line.strip_prefix("presentry") {
            Some(rest) => format!("$PRESENTRY{rest}"),
            None => line,
        };
        text.push_str(&format!("step {exit} {} {env}{line}\n", shell_word(directory)));
    }
    text.push_str("\nexit $other\n");
    text
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{build, facts};
    use super::super::facts::{Package, Rewrite};
    use super::*;
    use serde_json::json;

    fn step(words: &[&str], exit: i32) -> Step {
        Step {
            directory: String::new(),
            env: Default::default(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            exit: Some(exit),
        }
    }

    fn example() -> Facts {
        let mut facts =
            facts(vec![build(Whose::Unrewritten, 1, Some(false)), build(Whose::Presentry, 0, Some(true))], 0);
        facts.presentry = "presentry 0.1.0".to_owned();
        facts.node = "20.20.2".to_owned();
        facts.manager = ("npm".to_owned(), "11.19.1".to_owned());
        facts.packages = vec![Package {
            name: "vinxi".to_owned(),
            requested: Some("0.4.3".to_owned()),
            installed: "0.4.3".to_owned(),
        }];
        let mut trace = step(&["presentry", "trace", "."], 1);
        trace.env.insert("SENTRY_DSN".to_owned(), NOWHERE.to_owned());
        trace.directory = "apps/my web".to_owned();
        facts.steps = vec![step(&["npm", "ci"], 0), trace];
        facts.rewrite = Some(Rewrite {
            ran: super::super::facts::tests::ran(0, "facade\n"),
            document: json!({ "diff": "--- a\n+++ b\n" }),
        });
        facts.no_sdk = Some("the app does not call `withSentry`".to_owned());
        facts.files = vec!["app/package.json".to_owned()];
        facts
    }

    #[test]
    fn the_report_begins_with_what_it_comes_to() {
        let text = report(&example());
        assert!(text.starts_with("# Reproduction\n\n**Sentry starts first in the rewritten build"), "{text}");
        for part in [
            "| as it is built | unknown | not proven, exit code 1 | Sentry was **not** first, exit code 1 |",
            "| rewritten by presentry | unknown | proven | Sentry was first, exit code 0 |",
            "## The import chain of the build as it is built\n\n```\nthe proof\n```",
            "| `vinxi` | `0.4.3` | 0.4.3 |",
            "SENTRY_DSN=http://key@127.0.0.1:9/1 presentry trace .    # exit code 1\n",
            "```diff\n--- a\n+++ b\n```",
            "there is no build of the SDK's own: the app does not call `withSentry`",
            "The build is in `builds/presentry` without `node_modules`.",
        ] {
            assert!(text.contains(part), "no `{part}` in:\n{text}");
        }
    }

    #[test]
    fn what_fails_is_shown_by_its_end() {
        let mut failed = example();
        failed.builds.clear();
        let many: String = (0..100).map(|line| format!("line {line}\n")).collect();
        failed.build = Some(super::super::facts::tests::ran(1, &many));
        let text = report(&failed);
        assert!(text.contains("**The app does not build.**"), "{text}");
        assert!(text.contains("… 60 lines above\nline 60\n") && text.contains("line 99"), "{text}");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(block("", "a ``` b"), "````\na ``` b\n````\n");
    }

    #[test]
    fn the_commands_are_the_steps_with_their_exit_codes() {
        let text = commands(&example());
        assert!(text.contains("\nstep 0 . npm ci\n"), "{text}");
        assert!(
            text.contains("\nstep 1 'apps/my web' env SENTRY_DSN=http://key@127.0.0.1:9/1 $PRESENTRY trace .\n"),
            "{text}"
        );
        assert!(text.contains("npx --yes presentry@0.1.0"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn the_commands_tell_another_exit_code() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("app")).unwrap();
        let run = |exit: i32| {
            let mut facts = example();
            facts.steps = vec![step(&["presentry", "check"], exit)];
            let file = directory.path().join("commands.sh");
            std::fs::write(&file, commands(&facts)).unwrap();
            let output =
                std::process::Command::new("sh").arg(&file).env("PRESENTRY", "test 1 = 2 -o").output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        // `test 1 = 2 -o check` is true.
        assert_eq!(run(0).0, Some(0));
        let (code, text) = run(1);
        assert_eq!(code, Some(1));
        assert!(text.contains("! exit code 0, and 1 in the report"), "{text}");
    }
}
