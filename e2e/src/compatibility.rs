//! `docs/compatibility.md`: every cell of the matrix, what each column came to in one run, and why what is not proven is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::document::{OURS, SDK};
use crate::report::{Overview, Row, Standing};
use crate::summary::{line_text, table_text, words};

/// The versions that are columns of the table, and their titles.
const VERSIONS: [(&str, &str); 5] = [
    ("node", "Node.js"),
    ("@solidjs/start", "@solidjs/start"),
    ("vinxi", "vinxi"),
    ("nitropack", "nitropack"),
    ("@sentry/solidstart", "@sentry/solidstart"),
];

/// The SDK of the server where that is not the framework's.
const SDK_PACKAGE: &str = "@sentry/node";

/// The whole page.
pub fn markdown(overview: &Overview<'_>) -> String {
    let mut text = format!("# Compatibility\n\n{}\n\n", overview.headline());
    text.push_str("<!-- Made by `cargo xtask report DIR --compatibility docs/compatibility.md`, from a full run. Not to be edited. -->\n\n");
    let _ = writeln!(
        text,
        "Run: {}. Node.js {}; npm {}.\n",
        overview.date(),
        overview.versions_of("node"),
        overview.versions_of("npm")
    );
    for remark in overview.remarks() {
        let _ = writeln!(text, "{remark}\n");
    }
    text.push_str(
        "A row is a cell: an app, how it is built and started, and the versions that were installed. One run built, started \
         and judged the columns of a row, with the same oracles; [CONTRIBUTING.md](../CONTRIBUTING.md) describes how to run a \
         cell again. The numbers beside a verdict are those of the oracles that fail.\n\n\
         - **proven**: each check passes.\n\
         - **known**: a check fails because of an upstream bug, which is named below. This does not count as proven.\n\
         - **proven, but for the platform**: a check fails, and in the same run it fails in the same words for the unrewritten \
         build under `node --import`, the start that Sentry documents. The order of modules cannot mend that. This counts \
         as proven in each column.\n\
         - **failed**, **missing**: a check failed unexpectedly, or the cell was not run. Both count as failed.\n\n",
    );
    let titles: Vec<&str> = VERSIONS.iter().map(|(_, title)| *title).collect();
    let columns: Vec<&str> = overview.columns.iter().map(|(_, title)| title.as_str()).collect();
    let head: Vec<String> =
        ["cell", "preset"].iter().chain(&titles).chain(&columns).map(|title| format!(" {title} |")).collect();
    let _ = writeln!(text, "|{}\n|{}", head.concat(), "---|".repeat(head.len()));
    for row in overview.counted() {
        text.push_str(&line(overview, row));
    }
    text.push_str(&sdks(overview));
    if overview.without_server().next().is_some() {
        let _ = writeln!(
            text,
            "\n## Builds that are not rewritten\n\nThe command gives the reason, and changes nothing.\n"
        );
        for row in overview.without_server() {
            let _ = writeln!(text, "- `{}`: {}. {}", row.cell.id, line_text(&row.cell.about), words(row, OURS));
        }
    }
    let reasons = reasons(overview);
    if !reasons.is_empty() {
        let _ = write!(text, "\n## What fails, and why\n{reasons}");
    }
    if !overview.left_out.is_empty() {
        text.push_str("\n## Combinations that cannot be judged\n\n");
        for left in overview.left_out {
            let _ = writeln!(text, "- `{}`: {}", left.id, line_text(&left.because));
        }
    }
    text
}

/// Which `@sentry/node` works with which Node.js and framework: a row for each app and SDK, a column for each Node.js.
fn sdks(overview: &Overview<'_>) -> String {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<u32, String>> = BTreeMap::new();
    for row in overview.counted() {
        let Some(entry) = row.entry.filter(|entry| entry.requested.contains_key(SDK_PACKAGE)) else { continue };
        let (Some(sdk), Some(node)) = (entry.versions.get(SDK_PACKAGE), entry.versions.get("node")) else { continue };
        let major = node.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
        // The columns of ours that have a build here.
        let has_build = |key: &str| !matches!(row.standing(key), Standing::Absent(_) | Standing::NotRun);
        let ours = overview.columns.iter().filter(|(key, _)| key != SDK && has_build(key));
        let words: Vec<String> = ours.map(|(key, _)| words(row, key)).collect();
        // One word where the columns agree.
        let mut different = words.clone();
        different.dedup();
        let said = if different.len() == 1 { different } else { words }.join(" / ");
        rows.entry((entry.about.as_str(), sdk.as_str())).or_default().insert(major, table_text(&said));
    }
    if rows.is_empty() {
        return String::new();
    }
    let nodes: BTreeSet<u32> = rows.values().flat_map(BTreeMap::keys).copied().collect();
    let head: String = nodes.iter().map(|node| format!(" Node.js {node} |")).collect();
    let mut text = format!(
        "\n## Which SDK with which Node.js and framework\n\nOf the cells above. One verdict is that of each column of ours that has a build; where they differ, each is given, in the order of the columns.\n\n\
         | app | `{SDK_PACKAGE}` |{head}\n|---|---|{}\n",
        "---|".repeat(nodes.len())
    );
    for ((about, sdk), by_node) in rows {
        let cells: String =
            nodes.iter().map(|node| format!(" {} |", by_node.get(node).map_or("", String::as_str))).collect();
        let _ = writeln!(text, "| {} | {sdk} |{cells}", table_text(about));
    }
    text
}

fn line(overview: &Overview<'_>, row: &Row<'_>) -> String {
    let mut text = format!("| `{}` | {} |", row.cell.id, table_text(&row.cell.preset));
    for (package, _) in VERSIONS {
        let version = row.entry.and_then(|entry| entry.versions.get(package));
        let _ = write!(text, " {} |", version.map_or("", String::as_str));
    }
    for (key, _) in &overview.columns {
        let _ = write!(text, " {} |", table_text(&words(row, key)));
    }
    text.push('\n');
    text
}

/// The reasons, by column, each with the cells that it is the reason of.
fn reasons(overview: &Overview<'_>) -> String {
    let mut text = String::new();
    for (key, title) in &overview.columns {
        // By the reason, then by what fails for it.
        let mut found: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
        let mut add =
            |reason: String, what: String, id| found.entry(reason).or_default().entry(what).or_default().push(id);
        for row in &overview.rows {
            let id = row.cell.id.as_str();
            match (row.standing(key), row.entry) {
                // Said once, of the first column.
                (Standing::Missing, _) if key == OURS => {
                    add("There is no run of the cell".to_owned(), "missing".to_owned(), id);
                }
                (Standing::Absent(reason), _) => add(line_text(&reason), "no such build".to_owned(), id),
                (_, Some(entry)) => {
                    if let Some(error) = entry.error.as_ref().filter(|_| key == OURS) {
                        add(line_text(error), "no judgement".to_owned(), id);
                    }
                    let checks = entry.column(key).into_iter().flat_map(|column| &column.checks);
                    for check in checks.filter(|check| !check.passed) {
                        let reason = match &check.known {
                            Some(reason) => line_text(reason),
                            None => format!("Not known; seen was: {}", line_text(&check.seen)),
                        };
                        let mut what = check.label();
                        if entry.is_platforms(check) {
                            what.push_str(" (as does the unrewritten build under `--import`)");
                        }
                        add(reason, what, id);
                    }
                }
                (_, None) => {}
            }
        }
        if found.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {title}\n");
        for (reason, whats) in found {
            let _ = writeln!(text, "- {reason}");
            for (what, ids) in whats {
                let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
                let _ = writeln!(text, "  - {what}: {}", ids.join(", "));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::{NOTHING, column, document, entry, judged};
    use crate::report::tests::wanted;
    use crate::report::{LeftOut, Wanted};

    #[test]
    fn the_first_line_is_the_result_and_every_cell_has_a_row_or_a_reason() {
        let sdk = || column(SDK, vec![judged(4, false, Some("the wrapper makes everything async"))]);
        let right = entry("basic", vec![column(OURS, vec![judged(1, true, None)]), sdk()]);
        let mut platform =
            entry("basic@nitropack-2.10.4", vec![column(OURS, vec![judged(7, false, Some("500 for files"))]), sdk()]);
        platform.evidence.reference.insert(7, NOTHING.to_owned());
        let wrong = entry("bare", vec![column(OURS, vec![judged(2, false, None)]), sdk()]);
        let mut nuxt = entry("nuxt", vec![column(OURS, vec![judged(1, true, None)])]);
        nuxt.evidence.absent.insert(SDK.to_owned(), "another SDK".to_owned());
        let document = document(vec![right, platform, wrong, nuxt]);
        let mut cells = ["basic", "basic@nitropack-2.10.4", "bare", "nuxt", "gone"].map(wanted).to_vec();
        cells.push(Wanted { server: false, ..wanted("static") });
        let left_out = [LeftOut { id: "x@node-18".to_owned(), because: "it cannot".to_owned() }];
        let overview = Overview::new(&document, &cells, &left_out);
        let text = markdown(&overview);
        assert!(
            text.starts_with("# Compatibility\n\npresentry: 3 of 5 cells proven, 0 by spans; SDK alone: 0 of 5\n"),
            "{text}"
        );
        for line in [
            "Run: 2026-11-22. Node.js 20.20.2; npm 11.19.1.",
            "| `basic` | node-server | 20.20.2 |  | 0.5.11 |  |  | proven | known: 4 |",
            "| `basic@nitropack-2.10.4` | node-server | 20.20.2 |  | 0.5.11 |  |  | proven, but for the platform: 7 | known: 4 |",
            "| `bare` | node-server | 20.20.2 |  | 0.5.11 |  |  | **failed**: 2 | known: 4 |",
            "| `nuxt` | node-server | 20.20.2 |  | 0.5.11 |  |  | proven | no such build |",
            "| `gone` | node-server |  |  |  |  |  | **missing** | **missing** |",
            "  - missing: `gone`, `static`",
            "- 500 for files\n  - oracle 7 name 7 (as does the unrewritten build under `--import`): `basic@nitropack-2.10.4`",
            "- the wrapper makes everything async\n  - oracle 4 name 4: `basic`, `basic@nitropack-2.10.4`, `bare`",
            "- another SDK\n  - no such build: `nuxt`",
            "- Not known; seen was: nothing &lt;b&gt;",
            "- `x@node-18`: it cannot",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
    }

    #[test]
    fn each_app_and_sdk_has_a_row_with_a_column_for_each_node() {
        let of = |node: &str, passed| {
            let mut entry = entry(&format!("sdk@node-{node}"), vec![column(OURS, vec![judged(1, true, None)])]);
            entry.columns.push(column("bundled", vec![judged(1, passed, None)]));
            entry.requested.insert(SDK_PACKAGE.to_owned(), "11.12.0".to_owned());
            entry.versions.insert(SDK_PACKAGE.to_owned(), "11.12.0".to_owned());
            entry.versions.insert("node".to_owned(), node.to_owned());
            entry.evidence.absent.insert("ahead".to_owned(), "no channels".to_owned());
            entry
        };
        let document = document(vec![of("20.20.2", true), of("24.21.0", false)]);
        let text = markdown(&Overview::new(&document, &[], &[]));
        assert!(text.contains("| app | `@sentry/node` | Node.js 20 | Node.js 24 |\n|---|---|---|---|"), "{text}");
        assert!(text.contains("| what it is there for | 11.12.0 | proven | proven / **failed**: 1 |"), "{text}");
    }

    #[test]
    fn the_build_of_the_sdk_counts_where_it_was_judged() {
        let ours = |id| entry(id, vec![column(OURS, vec![judged(1, true, None)])]);
        let alone = document(vec![ours("basic")]);
        let overview = Overview::new(&alone, &[wanted("basic")], &[]);
        assert!(overview.headline().ends_with("SDK alone: not run"));
        assert_eq!(overview.judged(SDK), 0);
        let mut both = ours("bare");
        both.columns.push(column(SDK, vec![judged(4, false, Some("why"))]));
        let mixed = document(vec![ours("basic"), both]);
        let overview = Overview::new(&mixed, &["basic", "bare"].map(wanted), &[]);
        assert!(overview.headline().ends_with("SDK alone: 0 of 1"), "{}", overview.headline());
        assert!(markdown(&overview).contains("The SDK's own build was judged in 1 of the 2 cells."));
    }
}
