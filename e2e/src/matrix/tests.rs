//! Which cells there are, and which versions a flag means.

use super::*;
use crate::scenario::tests::basic;

const LIST: &str = include_str!("../../matrix.toml");

fn matrix() -> Matrix {
    Matrix::parse(LIST).unwrap()
}

fn scenarios() -> Vec<Scenario> {
    let pnpm = Scenario { id: "pnpm".to_owned(), package_manager: Manager::Pnpm, ..basic() };
    let nitro = Scenario { id: "nitro".to_owned(), ..basic() };
    let features = Scenario { id: "features".to_owned(), ..basic() };
    let sdk = matrix().cell.into_iter().flat_map(|listed| listed.scenario).filter(|id| id.starts_with("sdk-"));
    let mut all = vec![basic(), pnpm, nitro, features];
    all.extend(sdk.map(|id| Scenario { id, starts_only: true, ..basic() }));
    all
}

fn offline(package: &str, range: &str) -> Result<String> {
    match (package, range) {
        ("vinxi", LATEST) => Ok("0.6.0".to_owned()),
        ("@solidjs/start", "^1") => Ok("1.9.0".to_owned()),
        ("vinxi", "0.5.4" | "0.3.0") => Ok(range.to_owned()),
        _ => bail!("`{package}` {range} is not asked for"),
    }
}

fn cell(versions: &str) -> Result<Cell> {
    matrix().cell(&basic(), &versions.parse().map_err(anyhow::Error::msg)?, &offline)
}

#[track_caller]
fn refused(text: &str, saying: &str) {
    let error = format!("{:#}", Matrix::parse(text).unwrap_err());
    assert!(error.contains(saying), "`{error}` does not say `{saying}`");
}

#[test]
fn what_is_not_known_out_of_order_or_without_a_reason_is_refused() {
    refused(&format!("colour = 1\n{LIST}"), "unknown field `colour`");
    refused(&format!("{LIST}\n[[cell]]\nvinxi = \"9.9.9\"\n"), "which has no row");
    refused(&format!("{LIST}\n[[node]]\nversion = \"99.0.0\"\n"), "not from new to old");
    let silent = "[[nitropack]]\nversion = \"2.13.6\"\n";
    refused(&LIST.replacen(silent, &format!("{silent}legacy_peer_deps = true\n"), 1), "does not say why");
    refused(&LIST.replace("[[sentry]]", "[[sentries]]"), "unknown field");
}

#[test]
fn every_version_and_every_scenario_has_a_cell() {
    let (cells, left_out) = matrix().cells(&scenarios()).unwrap();
    let ids: Vec<String> = cells.iter().map(Cell::id).collect();
    for id in ["basic", "pnpm", "basic@vinxi-0.4.3", "basic@node-26.10.0", "basic@vinxi-0.4.3+nitropack-2.9.7"] {
        assert!(ids.iter().any(|other| other == id), "`{id}` in {ids:?}");
    }
    let alone = KINDS.iter().filter(|(kind, _)| *kind != SDK);
    let rows: usize = alone.map(|(kind, _)| matrix().rows(kind).len()).sum();
    let listed: usize = matrix().cell.iter().map(|listed| listed.scenario.len().max(1) * listed.versions().len()).sum();
    let locked = scenarios().iter().filter(|scenario| matrix().own_sdk(scenario).is_none()).count();
    assert_eq!(cells.len() + left_out.len(), locked + rows + listed);
    // An app with an SDK of its own has one in any case.
    let alone = scenarios().into_iter().find(|scenario| scenario.id == "sdk-alone").unwrap();
    assert_eq!(matrix().cell(&alone, &Versions::default(), &offline).unwrap().id(), "sdk-alone@sdk-11.12.0");
    // A build is started by several versions of Node.
    let id = "sdk-beside@sdk-11.12.0+node-24.21.0";
    let cell = cells.iter().find(|cell| cell.id() == id).unwrap();
    assert_eq!(cell.pins.additions["@sentry/node"], "11.12.0");
    assert!(cell.starts_only);
    assert!(matrix().cells(&scenarios()[1..]).is_err());
}

#[test]
fn a_cell_that_cannot_exist_is_left_out_with_the_reason() {
    let list = format!("{LIST}\n[[impossible]]\nwhen = {{ node = \"18\" }}\nbecause = \"too old\"\n");
    let matrix = Matrix::parse(&list).unwrap();
    let (cells, left_out) = matrix.cells(&scenarios()).unwrap();
    assert!(
        left_out.contains(&LeftOut { id: "basic@node-18.20.8".to_owned(), because: "too old".to_owned() }),
        "{left_out:?}"
    );
    assert!(!cells.iter().any(|cell| cell.id().contains("node-18")));
    let asked = matrix.cell(&basic(), &"node-18".parse().unwrap(), &offline).unwrap();
    assert_eq!(matrix.impossible(&asked), Some("too old"));
    assert_eq!(matrix.impossible(&cell("node-20").unwrap()), None);
}

#[test]
fn a_version_may_be_short_or_not_listed_or_the_newest() {
    let short = cell("vinxi-0.4").unwrap();
    assert_eq!(short.id(), "basic@vinxi-0.4.3");
    assert_eq!(short.pins.dependencies["@solidjs/start"], "1.0.11");
    assert_eq!(short.pins.overrides["vite"], "^5.4.21");
    let between = cell("vinxi-0.5.4").unwrap();
    assert_eq!(between.pins.dependencies["vinxi"], "0.5.4");
    assert_eq!(between.pins.dependencies["@solidjs/start"], "1.1.1");
    assert_eq!(cell("vinxi-0.3.0").unwrap().pins.dependencies["@solidjs/start"], "1.0.6");
    let newest = cell("vinxi-latest").unwrap();
    assert_eq!(newest.id(), "basic@vinxi-0.6.0");
    assert_eq!(newest.pins.dependencies["@solidjs/start"], "1.9.0");
    for unknown in ["vinxi-0.4.3.1", "vinxi-^0.5", "vinxi-9.9.9", "node-99.0.0"] {
        let error = cell(unknown).unwrap_err().to_string();
        assert!(error.contains("is not a version of `") && error.contains("matrix.toml has "), "{error}");
    }
    assert!(
        cell("vue-3.0.0").unwrap_err().to_string().contains("begins with one of vinxi, nitropack, sentry, sdk, node")
    );
}

#[test]
fn each_kind_of_version_is_asked_for_in_its_own_way() {
    let cell = cell("nitropack-2.9+sentry-8+node-22").unwrap();
    assert_eq!(cell.id(), "basic@nitropack-2.9.7+sentry-8.55.2+node-22.23.3");
    assert_eq!(cell.pins.overrides, BTreeMap::from([("nitropack".to_owned(), "2.9.7".to_owned())]));
    assert_eq!(cell.pins.dependencies, BTreeMap::from([("@sentry/solidstart".to_owned(), "8.55.2".to_owned())]));
    assert!(cell.pins.legacy_peer_deps && cell.scenario.packages);
    assert!(!basic().packages);
    assert_eq!(cell.requested()["node"], "22.23.3");
}

#[test]
fn a_node_too_old_to_build_starts_what_another_built() {
    assert!(cell("node-18").unwrap().starts_only);
    assert!(!cell("node-22").unwrap().starts_only);
}

#[test]
fn pnpm_has_no_other_versions_than_its_lockfile() {
    let pnpm = &scenarios()[1];
    let versions = |text: &str| matrix().cell(pnpm, &text.parse().unwrap(), &offline);
    assert!(versions("vinxi-0.4").unwrap_err().to_string().contains("from its lockfile alone"));
    assert!(versions("node-22").is_ok());
}

#[test]
fn ids_are_read_back() {
    for (text, right) in
        [("vinxi-0.5.3+node-22", true), ("vinxi", false), ("deno-2", false), ("vinxi-1+vinxi-2", false), ("", false)]
    {
        assert_eq!(text.parse::<Versions>().is_ok(), right, "`{text}`");
    }
    assert_eq!("node-22+vinxi-0.5.3".parse::<Versions>().unwrap().to_string(), "vinxi-0.5.3+node-22");
}

#[test]
fn a_known_failure_is_one_of_its_column_its_versions_and_its_checks() {
    let list = format!(
        "{LIST}\n[[known]]\ncolumn = [\"presentry\"]\nwhen = {{ scenario = [\"basic\"], sentry = \"9.99\" }}\nfails = [3, \"build\"]\nbecause = \"odd\"\n"
    );
    let matrix = Matrix::parse(&list).unwrap();
    let of = |scenario: &str| Scenario { id: scenario.to_owned(), preset: scenario.to_owned(), ..basic() };
    let known = |column, scenario: &str, version: &str, oracle, name: &str| {
        let installed = BTreeMap::from([("@sentry/solidstart".to_owned(), version.to_owned())]);
        matrix.known(column, &of(scenario), &installed, (oracle, name)) == Some("odd")
    };
    assert!(known(Column::Presentry, "basic", "9.99.1", Some(3), "x"));
    assert!(known(Column::Presentry, "basic", "9.99.1", None, "build"));
    assert!(!known(Column::Presentry, "basic", "9.99.1", Some(2), "x"));
    assert!(!known(Column::Presentry, "basic", "9.9.9", Some(3), "x"));
    assert!(!known(Column::Presentry, "bare", "9.99.1", Some(3), "x"));
    assert!(!known(Column::Sdk, "basic", "9.99.1", Some(3), "x"));
    let sdk = |scenario: &str, oracle| {
        matrix.known(Column::Sdk, &of(scenario), &BTreeMap::new(), (Some(oracle), "x")).is_some()
    };
    assert!(sdk("basic", 4) && !sdk("heroku", 4) && sdk("heroku", 7) && !sdk("basic", 7));
}

#[test]
fn the_list_names_presets_and_scenarios_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scenarios = Scenario::read_all(&root.join(crate::scenario::DIRECTORY)).unwrap();
    let matrix = matrix();
    for preset in &matrix.not_wrapped {
        assert!(scenarios.iter().any(|scenario| scenario.nitro_preset() == preset), "no scenario has `{preset}`");
    }
    let whens = matrix.known.iter().map(|row| &row.when).chain(matrix.impossible.iter().map(|row| &row.when));
    for id in whens.flat_map(|when| when.scenario.iter().chain(&when.except)) {
        assert!(scenarios.iter().any(|scenario| scenario.id == *id), "there is no scenario `{id}`");
    }
}
