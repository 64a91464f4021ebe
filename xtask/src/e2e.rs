//! `cargo xtask e2e` and `cargo xtask matrix`: which cells run, and in which form the result is shown. The work is done by
//! `presentry-e2e`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use presentry_e2e::column::Column;
use presentry_e2e::columns::sdk;
use presentry_e2e::document::{self, Document};
use presentry_e2e::matrix::{self, Versions};
use presentry_e2e::progress::{Console, Shown, Took};
use presentry_e2e::report::{LeftOut, Overview};
use presentry_e2e::run::Ran;
use presentry_e2e::scenario::{self, DEFAULT, DIRECTORY};
use presentry_e2e::toolchain::Toolchain;
use presentry_e2e::{Cell, Config, Matrix, Scenario, binary, cache, junit, run_all};
use serde_json::json;
use xshell::Shell;

use crate::flags::{self, ListFormat, ResultFormat};
use crate::{Outcome, dist, print};

/// The scenarios that have to pass before a change goes in: those that show most in little time.
pub(crate) const GATE: &[&str] = &[DEFAULT, "bare", "instrument-imports"];

impl flags::E2e {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let runs = self.runs(sh)?;
        let document = document_of(&runs);
        if let Some(directory) = &self.report {
            let step_summary = crate::report::step_summary();
            write_report(sh, &sh.current_dir().join(directory), &runs, step_summary.as_deref())?;
        }
        match self.format {
            // One cell has said it itself.
            ResultFormat::Text if runs.len() == 1 => {}
            ResultFormat::Text => print::line(format_args!("\n{}", document.total()))?,
            ResultFormat::Json => print::line(serde_json::to_string_pretty(&document)?)?,
            ResultFormat::Junit => print::text(junit::xml(&document)?)?,
        }
        if self.format != ResultFormat::Text {
            print::note(format_args!("\n{}", document.total()));
        }
        Ok(if document.success() { Outcome::Green } else { Outcome::Red })
    }

    /// Runs the cells; what they do and find is printed as it comes.
    pub(crate) fn runs(&self, sh: &Shell) -> Result<Vec<Ran>> {
        let root = sh.current_dir();
        let target = binary::target_directory(&root)?;
        let logs = target.join("e2e-logs");
        sh.create_dir(&logs)?;
        // Before the build, which takes minutes the first time.
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), &logs)?;
        let list = Matrix::read(&root.join(matrix::FILE))?;
        let ask = |package: &str, range: &str| matrix::ask(&toolchain, &logs, package, range);
        let cells = self.cells(&list, Scenario::read_all(&root.join(DIRECTORY))?, &ask)?;
        let cells = match self.shard {
            Some(shard) => shard.of(cells)?,
            None => cells,
        };
        let shown = match self.format {
            ResultFormat::Text => Shown::Stdout,
            ResultFormat::Json | ResultFormat::Junit => Shown::Stderr,
        };
        let binary = match &self.presentry {
            Some(binary) => root.join(binary),
            None => Console::new(shown).step("cargo build", || {
                binary::build(&root, &logs.join("cargo-build.log")).map(|binary| (binary, Took::Time))
            })?,
        };
        let tarballs = if cells.iter().any(|cell| cell.scenario.module.is_some()) {
            Console::new(shown).step("pack the npm package", || {
                dist::tarballs(sh, &binary, &toolchain, &target).map(|tarballs| (tarballs, Took::Time))
            })?
        } else {
            Vec::new()
        };
        let config = Config {
            fixtures: root.join("fixtures-apps"),
            overlays: root.join(sdk::DIRECTORY),
            matrix: list,
            binary,
            tarballs,
            toolchain,
            target,
            rewrite: !self.without_rewrite,
            cache: !self.no_cache,
            keep: self.keep,
        };
        let cells_report = self.report.as_ref().map(|report| root.join(report).join(CELLS));
        if let Some(directory) = &cells_report {
            // Of a run that was interrupted.
            cache::remove(directory)?;
        }
        let keep = |run: &Ran| {
            let kept = cells_report.as_ref().map(|directory| keep_cell(directory, run));
            if let Some(Err(error)) = kept {
                print::note(format_args!("warning: the report of {} is not kept: {error:#}", run.entry.id));
            }
        };
        run_all(&cells, &config, self.jobs.unwrap_or(1), shown, &keep)
    }

    /// Whether the flags have this column judged.
    fn judges(&self, column: Column) -> bool {
        match column {
            Column::Bundled => !self.no_bundle,
            Column::Ahead => !self.no_ahead,
            Column::Sdk => self.sdk || self.all && !self.no_sdk,
            _ => true,
        }
    }

    /// The cells that the flags name.
    fn cells(&self, list: &Matrix, scenarios: Vec<Scenario>, ask: &matrix::Ask<'_>) -> Result<Vec<Cell>> {
        let versions = Versions::from(&self.versions);
        let columns: Vec<Column> = Column::ALL.into_iter().filter(|column| self.judges(*column)).collect();
        let of_preset =
            |scenario: &Scenario| self.preset.as_ref().is_none_or(|preset| preset == scenario.nitro_preset());
        let mut cells = if self.all && self.filter.is_empty() && versions.is_empty() {
            listed(list, &scenarios)?
        } else {
            let (ids, filters): (Vec<String>, Vec<String>) =
                self.filter.iter().cloned().partition(|filter| filter.contains('@'));
            let mut cells = Vec::new();
            for id in &ids {
                if !versions.is_empty() {
                    bail!("`{id}` has its versions, so no flag can have others");
                }
                let (scenario, versions) = id.split_once('@').unwrap_or((id, ""));
                let versions: Versions = versions.parse().map_err(anyhow::Error::msg)?;
                let scenarios = scenario::select(scenarios.clone(), &[scenario.to_owned()], false)?;
                for scenario in &scenarios {
                    cells.push(list.cell(scenario, &versions, ask)?);
                }
            }
            if !filters.is_empty() || ids.is_empty() {
                // A preset is a filter of its own.
                let all = self.all || filters.is_empty() && self.preset.is_some();
                for scenario in &scenario::select(scenarios, &filters, all)? {
                    if of_preset(scenario) {
                        cells.push(list.cell(scenario, &versions, ask)?);
                    }
                }
            }
            for cell in &cells {
                if let Some(reason) = list.impossible(cell) {
                    bail!("`{}` cannot be judged: {reason}", cell.id());
                }
            }
            cells
        };
        cells.retain(|cell| of_preset(&cell.scenario));
        if let (Some(preset), true) = (&self.preset, cells.is_empty()) {
            bail!("no scenario that is selected has the preset `{preset}`");
        }
        for cell in &mut cells {
            cell.columns.clone_from(&columns);
        }
        Ok(cells)
    }
}

/// All cells of the matrix. Those that cannot be are named, so that nobody takes them for green.
fn listed(list: &Matrix, scenarios: &[Scenario]) -> Result<Vec<Cell>> {
    let (cells, left_out) = list.cells(scenarios)?;
    for LeftOut { id, because } in left_out {
        print::note(format_args!("skipped {id}: {because}"));
    }
    Ok(cells)
}

impl From<&flags::Versions> for Versions {
    fn from(flags: &flags::Versions) -> Versions {
        let flags::Versions { vinxi, nitropack, sentry, sdk_version: sdk, node } = flags.clone();
        Versions { vinxi, nitropack, sentry, sdk, node }
    }
}

impl flags::Matrix {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let root = sh.current_dir();
        let list = Matrix::read(&root.join(matrix::FILE))?;
        let cells = listed(&list, &Scenario::read_all(&root.join(DIRECTORY))?)?;
        let cells = match self.shard {
            Some(shard) => shard.of(cells)?,
            None => cells,
        };
        match self.format {
            ListFormat::Text => {
                let width = cells.iter().map(|cell| cell.id().len()).max().unwrap_or_default();
                for cell in &cells {
                    print::line(format_args!("{:width$}  {}", cell.id(), cell.scenario.about))?;
                }
            }
            ListFormat::Github => print::line(github(&cells))?,
        }
        Ok(Outcome::Green)
    }
}

/// `{"include":[{"cell":"basic@vinxi-0.5.3","artefact":"e2e-basic-vinxi-0.5.3"}]}`
fn github(cells: &[Cell]) -> serde_json::Value {
    let rows = cells.iter().map(|cell| {
        let id = cell.id();
        // Artefacts of GitHub Actions have no `@` and no `+` in their names, lest they be quoted.
        let artefact = format!("e2e-{}", id.replace(['@', '+'], "-"));
        json!({ "cell": id, "artefact": artefact })
    });
    json!({ "include": rows.collect::<Vec<_>>() })
}

fn document_of(runs: &[Ran]) -> Document {
    Document::new(runs.iter().map(|run| run.entry.clone()).collect())
}

/// Where a report has its cells while the run goes on.
const CELLS: &str = "cells";

/// A run of all cells takes hours. What it has so far can be read by `cargo xtask report` when it does not come to its end.
fn keep_cell(directory: &Path, run: &Ran) -> Result<()> {
    let directory = directory.join(&run.entry.id);
    fs::create_dir_all(&directory)?;
    let document = document_of(std::slice::from_ref(run));
    fs::write(directory.join(document::FILE), serde_json::to_string(&document)?)?;
    Ok(())
}

/// The report of these runs, beside it `e2e.xml`, and what each scenario printed, as `<id>.txt`.
fn write_report(sh: &Shell, directory: &Path, runs: &[Ran], step_summary: Option<&Path>) -> Result<()> {
    let document = document_of(runs);
    let overview = Overview::new(&document, &[], &[]);
    crate::report::write(directory, &document, &overview)?;
    if let Some(file) = step_summary {
        crate::report::append(file, &overview)?;
    }
    let write = |name: &str, text: &str| {
        sh.write_file(directory.join(name), text).with_context(|| format!("failed to write the report `{name}`"))
    };
    write("e2e.xml", &junit::xml(&document)?)?;
    cache::remove(&directory.join(CELLS))?;
    runs.iter().try_for_each(|run| write(&format!("{}.txt", run.entry.id), &run.text))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use presentry_e2e::document::Entry;

    use super::*;
    use crate::flags::{Verb, Xtask};

    fn scenarios() -> Vec<Scenario> {
        Scenario::read_all(&crate::root().join(DIRECTORY)).unwrap()
    }

    /// The ids of the cells that a command line names; it asks no registry.
    fn ids(args: &[&str]) -> Result<Vec<String>> {
        let args = [&["cargo xtask", "e2e"], args].concat();
        let Verb::E2e(flags) = Xtask::try_parse_from(args)?.verb else { bail!("no e2e") };
        let list = Matrix::read(&crate::root().join(matrix::FILE))?;
        let cells = flags.cells(&list, scenarios(), &|package, _| bail!("`{package}` is asked for"))?;
        let columns = |cell: &Cell| match cell.columns[..] {
            [Column::Presentry, Column::Bundled, Column::Ahead, Column::Sdk] => " + sdk",
            [Column::Presentry, Column::Ahead, Column::Sdk] => " + sdk - bundle",
            [Column::Presentry, Column::Bundled, Column::Ahead] => "",
            [Column::Presentry, Column::Bundled] => " - ahead",
            _ => " - bundle",
        };
        Ok(cells.iter().map(|cell| format!("{}{}", cell.id(), columns(cell))).collect())
    }

    #[test]
    fn the_gate_is_made_of_scenarios() {
        let mut gate = GATE.to_vec();
        gate.sort_unstable();
        assert_eq!(ids(GATE).unwrap(), gate);
    }

    #[test]
    fn flags_name_cells() {
        assert_eq!(ids(&[]).unwrap(), [DEFAULT]);
        assert_eq!(ids(&["--vinxi", "0.4", "--node", "22.23.3"]).unwrap(), ["basic@vinxi-0.4.3+node-22.23.3"]);
        assert_eq!(ids(&["basic@vinxi-0.5.3", "bare", "--sdk"]).unwrap(), ["basic@vinxi-0.5.3 + sdk", "bare + sdk"]);
        assert_eq!(ids(&["--preset", "heroku"]).unwrap(), ["heroku", "preset-heroku"]);
        assert!(ids(&["js", "--preset", "heroku"]).unwrap_err().to_string().contains("has the preset `heroku`"));
        assert!(ids(&["basic@vinxi-0.5.3", "--node", "22"]).is_err());
        assert_eq!(ids(&["bare", "--no-bundle"]).unwrap(), ["bare - bundle"]);
        assert_eq!(ids(&["bare", "--no-ahead"]).unwrap(), ["bare - ahead"]);
        assert!(ids(&["--sdk", "--no-sdk"]).is_err());
        assert!(ids(&["--sentry", "latest"]).unwrap_err().to_string().contains("is asked for"));
    }

    #[test]
    fn all_are_the_matrix_with_all_columns() {
        let all = ids(&["--all"]).unwrap();
        assert!(all.len() >= 30, "{all:?}");
        assert!(all.contains(&"basic@nitropack-2.9.7 + sdk".to_owned()));
        assert!(ids(&["--all", "--no-sdk"]).unwrap().contains(&"basic@nitropack-2.9.7".to_owned()));
        // Another Node is for every scenario, as every package manager installs for it.
        assert_eq!(ids(&["--all", "--node", "22"]).unwrap().len(), scenarios().len());
    }

    #[test]
    fn the_matrix_of_github_has_a_row_for_each_cell_and_each_row_names_it() {
        let list = Matrix::read(&crate::root().join(matrix::FILE)).unwrap();
        let cells = listed(&list, &scenarios()).unwrap();
        let matrix = github(&cells);
        let rows = matrix["include"].as_array().unwrap();
        assert_eq!(rows.len(), cells.len());
        assert!(rows.len() <= 256, "GitHub runs no larger matrix");
        for row in rows {
            let id = row["cell"].as_str().unwrap();
            assert_eq!(ids(&[id]).unwrap(), [id]);
        }
    }

    #[test]
    fn a_cell_is_kept_when_it_is_done_until_the_report_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let cells = root.path().join(CELLS);
        let mut entry = Entry { id: DEFAULT.to_owned(), error: Some("npm failed".to_owned()), ..Entry::default() };
        entry.count();
        let run = Ran { entry, text: "what it printed\n".to_owned() };
        keep_cell(&cells, &run).unwrap();
        let kept = Document::read(&cells.join(DEFAULT)).unwrap();
        assert_eq!(kept, document_of(std::slice::from_ref(&run)));
        let sh = Shell::new().unwrap();
        write_report(&sh, root.path(), &[run], None).unwrap();
        assert!(!cells.exists());
        assert_eq!(Document::read(root.path()).unwrap(), kept);
        for file in ["index.html", "summary.md", "e2e.xml", "basic.txt"] {
            assert!(root.path().join(file).is_file(), "`{file}` is missing");
        }
    }
}
