//! `cargo xtask report`: the reports of several runs as one, and `docs/compatibility.md` of a full run. What the pages look like
//! is told by `presentry-e2e`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use presentry_e2e::compare::compare;
use presentry_e2e::document::{Document, FILE, SDK};
use presentry_e2e::matrix;
use presentry_e2e::report::{LeftOut, Overview, Wanted};
use presentry_e2e::scenario::DIRECTORY;
use presentry_e2e::{Cell, Matrix, Scenario, compatibility, html, summary};
use xshell::Shell;

use crate::{Outcome, flags, print};

/// Where GitHub Actions wants the summary of a job.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

impl flags::Report {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        self.of(&sh.current_dir(), step_summary().as_deref())
    }

    fn of(self, root: &Path, step_summary: Option<&Path>) -> Result<Outcome> {
        if let [old, new] = &self.compare[..] {
            return compared(&read(root, &[old])?, &read(root, &[new])?);
        }
        let document = read(root, &self.directory)?;
        let (wanted, left_out) = if self.partial { (Vec::new(), Vec::new()) } else { wanted(root)? };
        let overview = Overview::new(&document, &wanted, &left_out);
        if let Some(out) = &self.out {
            write(&root.join(out), &document, &overview)?;
        }
        if let Some(file) = &self.compatibility {
            if overview.judged(SDK) == 0 {
                bail!("no run has a column of the SDK's own build\nhint: run some cells again with `--sdk`");
            }
            let file = root.join(file);
            fs::write(&file, compatibility::markdown(&overview))
                .with_context(|| format!("failed to write `{}`", file.display()))?;
        }
        if let Some(file) = step_summary {
            append(file, &overview)?;
        }
        print::line(overview.headline())?;
        overview.remarks().iter().try_for_each(print::line)?;
        Ok(if overview.success() { Outcome::Green } else { Outcome::Red })
    }
}

/// The reports of some directories as one.
fn read(root: &Path, directories: &[impl AsRef<Path>]) -> Result<Document> {
    let mut documents = Vec::new();
    for directory in directories {
        for directory in reports_in(&root.join(directory))? {
            documents.push((directory.clone(), Document::read(&directory)?));
        }
    }
    Document::merge(documents)
}

fn compared(old: &Document, new: &Document) -> Result<Outcome> {
    let differences = compare(old, new);
    differences.iter().try_for_each(print::line)?;
    let worse = differences.iter().filter(|difference| difference.worse).count();
    let (all, cells) = (differences.len(), new.scenarios.len());
    print::line(format_args!("{all} verdicts differ over {cells} cells, {worse} of them are worse"))?;
    Ok(if worse == 0 { Outcome::Green } else { Outcome::Red })
}

/// The directory itself where it is a report, else the reports in it, as an artefact of each cell is downloaded.
fn reports_in(directory: &Path) -> Result<Vec<PathBuf>> {
    if directory.join(FILE).is_file() {
        return Ok(vec![directory.to_owned()]);
    }
    let entries = fs::read_dir(directory).with_context(|| format!("failed to read `{}`", directory.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let within = entry.with_context(|| format!("failed to read `{}`", directory.display()))?.path();
        if within.join(FILE).is_file() {
            found.push(within);
        }
    }
    if found.is_empty() {
        bail!("`{}` has no `{FILE}`, and no directory that has one", directory.display());
    }
    found.sort();
    Ok(found)
}

/// All cells of the matrix, and those that cannot be judged.
fn wanted(root: &Path) -> Result<(Vec<Wanted>, Vec<LeftOut>)> {
    let list = Matrix::read(&root.join(matrix::FILE))?;
    let (cells, left_out) = list.cells(&Scenario::read_all(&root.join(DIRECTORY))?)?;
    Ok((cells.iter().map(Cell::wanted).collect(), left_out))
}

/// Writes the page, the summary and the document to `directory`.
pub(crate) fn write(directory: &Path, document: &Document, overview: &Overview<'_>) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
    let write = |name: &str, text: &str| {
        let file = directory.join(name);
        fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))
    };
    write(FILE, &format!("{}\n", serde_json::to_string_pretty(document)?))?;
    write(html::FILE, &html::page(overview))?;
    write(summary::FILE, &summary::markdown(overview))
}

/// The file that GitHub Actions shows as the summary of the job, where this is one.
pub(crate) fn step_summary() -> Option<PathBuf> {
    std::env::var_os(STEP_SUMMARY).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Appends the summary to a file that may have those of other steps.
pub(crate) fn append(file: &Path, overview: &Overview<'_>) -> Result<()> {
    let append = || {
        let mut opened = OpenOptions::new().create(true).append(true).open(file)?;
        opened.write_all(summary::markdown(overview).as_bytes())
    };
    append().with_context(|| format!("failed to append to `{}`, which `{STEP_SUMMARY}` names", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use presentry_e2e::document::{Check, Entry, Judged, OURS, SDK};

    use super::*;
    use crate::flags::{Verb, Xtask};

    fn entry(id: &str, passed: bool) -> Entry {
        let check = Check {
            oracle: Some(1),
            name: "static proof".to_owned(),
            passed,
            seen: "seen".to_owned(),
            known: None,
            sources: Vec::new(),
        };
        let column = |key: &str| Judged { column: key.to_owned(), title: key.to_owned(), checks: vec![check.clone()] };
        Entry {
            id: id.to_owned(),
            server: true,
            date: "2026-11-22T14:37:32Z".to_owned(),
            passed: usize::from(passed),
            failed: usize::from(!passed),
            columns: vec![column(OURS), column(SDK)],
            ..Entry::default()
        }
    }

    fn report(directory: &Path, entries: Vec<Entry>) {
        fs::create_dir_all(directory).unwrap();
        let document = Document::new(entries);
        fs::write(directory.join(FILE), serde_json::to_string(&document).unwrap()).unwrap();
    }

    /// Runs the verb as its flags say; the paths are absolute, so that nothing is written to the repository.
    fn run(args: &[&str]) -> Result<Outcome> {
        let args = [&["cargo xtask", "report"], args].concat();
        let Verb::Report(flags) = Xtask::try_parse_from(args)?.verb else { bail!("no report") };
        // Not the summary of the job that runs the tests.
        flags.of(&crate::root(), None)
    }

    #[test]
    fn reports_of_cells_become_one_and_missing_cells_are_red() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        report(&root.path().join("artefacts/e2e-basic"), vec![entry("basic", true)]);
        report(&root.path().join("artefacts/e2e-bare"), vec![entry("bare", true)]);
        fs::create_dir(root.path().join("artefacts/e2e-died")).unwrap();
        let (artefacts, out) = (path("artefacts"), path("out"));
        assert_eq!(run(&[&artefacts, "--partial", "--out", &out]).unwrap(), Outcome::Green);
        let merged = Document::read(&root.path().join("out")).unwrap();
        assert_eq!(merged.scenarios, [entry("bare", true), entry("basic", true)]);
        let page = fs::read_to_string(root.path().join("out/index.html")).unwrap();
        assert!(page.contains("<h1>presentry: 2 of 2 cells proven, 0 by spans; SDK alone: 2 of 2</h1>"));
        assert!(fs::read_to_string(root.path().join("out/summary.md")).unwrap().contains("| `bare` | proven |"));

        // Of the whole matrix two cells are little.
        let compatibility = path("compatibility.md");
        assert_eq!(run(&[&out, "--compatibility", &compatibility]).unwrap(), Outcome::Red);
        let text = fs::read_to_string(&compatibility).unwrap();
        assert!(text.contains("| `preset-vercel` | vercel |  |  |  |  |  | **missing** | **missing** |"), "{text}");
        assert!(text.contains("\npresentry: 2 of "), "{text}");
    }

    #[test]
    fn what_cannot_be_merged_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        report(&root.path().join("one"), vec![entry("basic", false)]);
        let one = path("one");
        assert_eq!(run(&[&one, "--partial"]).unwrap(), Outcome::Red);
        assert!(run(&[&one, &one, "--partial"]).unwrap_err().to_string().contains("the cell `basic` is in"));
        assert!(
            run(&[&one, "--partial", "--compatibility", "x"]).unwrap_err().to_string().contains("cannot be used with")
        );
        assert!(run(&[]).unwrap_err().to_string().contains("<DIRECTORY>..."));
        fs::create_dir(root.path().join("empty")).unwrap();
        assert!(run(&[&path("empty")]).unwrap_err().to_string().contains("has no `e2e.json`"));
        let mut alone = entry("basic", true);
        alone.columns.truncate(1);
        report(&root.path().join("alone"), vec![alone]);
        let written = path("compatibility.md");
        let error = run(&[&path("alone"), "--compatibility", &written]).unwrap_err();
        assert!(error.to_string().contains("no run has a column of the SDK's own build"), "{error}");
        assert!(!Path::new(&written).exists());
    }

    #[test]
    fn a_report_that_became_worse_is_red() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        report(&root.path().join("good/e2e-basic"), vec![entry("basic", true)]);
        report(&root.path().join("bad"), vec![entry("basic", false)]);
        let (good, bad) = (path("good"), path("bad"));
        assert_eq!(run(&["--compare", &good, &good]).unwrap(), Outcome::Green);
        assert_eq!(run(&["--compare", &good, &bad]).unwrap(), Outcome::Red);
        assert_eq!(run(&["--compare", &bad, &good]).unwrap(), Outcome::Green);
        assert!(run(&["--compare", &good]).is_err());
        assert!(run(&["--compare", &good, &bad, "--partial"]).is_err());
    }

    #[test]
    fn a_summary_is_appended() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("summary.md");
        let document = Document::default();
        let overview = Overview::new(&document, &[], &[]);
        append(&file, &overview).unwrap();
        append(&file, &overview).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().matches("## presentry: ").count(), 2);
        assert!(append(root.path(), &overview).unwrap_err().to_string().contains(STEP_SUMMARY));
    }
}
