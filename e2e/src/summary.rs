//! The report in Markdown, for the summary of a job in GitHub Actions and for whoever pastes it.

use std::fmt::Write;

use crate::document::{Check, Entry};
use crate::report::{Overview, Row, Standing};
use crate::visible::{visible, words_of_markdown};

/// The name of the file in a report.
pub const FILE: &str = "summary.md";

/// How much of what was seen is shown; the page has the rest.
const SEEN: usize = 300;

/// The whole summary.
pub fn markdown(overview: &Overview<'_>) -> String {
    let mut text = format!("## {}\n\n", overview.headline());
    for remark in overview.remarks() {
        let _ = writeln!(text, "{remark}\n");
    }
    text.push_str(&table(overview));
    let failures: Vec<String> = overview.rows.iter().filter_map(|row| row.entry).flat_map(failures).collect();
    if !failures.is_empty() {
        let _ = write!(text, "\n### What failed\n\n{}", failures.concat());
    }
    let news: Vec<String> = overview.rows.iter().filter_map(|row| row.entry).flat_map(news).collect();
    if !news.is_empty() {
        let _ = write!(text, "\n### What passes although it is known to fail\n\n{}", news.concat());
    }
    text
}

fn table(overview: &Overview<'_>) -> String {
    let titles: Vec<String> = overview.columns.iter().map(|(_, title)| format!(" {} |", table_text(title))).collect();
    let mut text = format!("| cell |{}\n|---|{}\n", titles.concat(), "---|".repeat(titles.len()));
    for row in &overview.rows {
        let _ = write!(text, "| `{}` |", row.cell.id);
        for (key, _) in &overview.columns {
            let _ = write!(text, " {} |", words(row, key));
        }
        text.push('\n');
    }
    text
}

/// What a column of a row came to, in a few words: `proven`, `known: 4, 6`, `**failed**: 2`.
pub(crate) fn words(row: &Row<'_>, column: &str) -> String {
    let checks = || row.entry.and_then(|entry| entry.column(column)).into_iter().flat_map(|column| &column.checks);
    let failed = |wanted: &dyn Fn(&Check) -> bool| {
        let names: Vec<String> = checks()
            .filter(|check| !check.passed && wanted(check))
            .map(|check| check.oracle.map_or_else(|| check.name.clone(), |oracle| oracle.to_string()))
            .collect();
        names.join(", ")
    };
    let standing = row.standing(column);
    let said = standing.words(row.cell.server);
    match standing {
        Standing::Proven { platform } if row.cell.server && !platform.is_empty() => {
            format!("{said}: {}", failed(&|_| true))
        }
        Standing::Known => format!("{said}: {}", failed(&|_| true)),
        Standing::Failed if row.entry.is_some_and(|entry| entry.error.is_some()) => format!("**{said}**: no judgement"),
        Standing::Failed => format!("**{said}**: {}", failed(&Check::failed)),
        Standing::Missing => format!("**{said}**"),
        _ => said.to_owned(),
    }
}

/// What failed of our columns in a run, and is not known.
fn failures(entry: &Entry) -> Vec<String> {
    if let Some(error) = &entry.error {
        return vec![format!("- `{}`: {}\n", entry.id, line_text(error))];
    }
    let ours = entry.columns.iter().filter(|column| column.is_ours());
    ours.flat_map(|column| column.checks.iter().map(move |check| (column, check)))
        .filter(|(_, check)| !check.passed && check.known.is_none())
        .map(|(column, check)| {
            format!("- `{}`, {}, {}: {}\n", entry.id, column.title, check.label(), line_text(&check.seen))
        })
        .collect()
}

fn news(entry: &Entry) -> Vec<String> {
    entry
        .columns
        .iter()
        .flat_map(|column| column.checks.iter().map(move |check| (column, check)))
        .filter_map(|(column, check)| Some((column, check, check.known.as_ref().filter(|_| check.passed)?)))
        .map(|(column, check, known)| {
            format!("- `{}`, {}, {}: {}\n", entry.id, column.title, check.label(), line_text(known))
        })
        .collect()
}

/// One line of Markdown, from what a program printed: no markup comes out of it, and it is not long.
pub(crate) fn line_text(text: &str) -> String {
    let line = without_place(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = match line.char_indices().nth(SEEN) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    };
    words_of_markdown(&visible(&line))
}

/// Without the place of the repository in paths that lead to what the harness made: it differs from machine to machine.
fn without_place(text: &str) -> String {
    let mut text = text.to_owned();
    for made in ["/e2e-work/", "/e2e-cache/"] {
        while let Some(end) = text.find(made) {
            let ends_word = |character: char| character.is_whitespace() || "\"'`(<[=".contains(character);
            let start = text[..end].rfind(ends_word).map_or(0, |at| at + 1);
            text.replace_range(start..=end, "");
        }
    }
    text
}

/// As [`line_text`], in a table.
pub(crate) fn table_text(text: &str) -> String {
    line_text(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::{column, document, entry, judged};
    use crate::document::{OURS, SDK};
    use crate::report::tests::wanted;

    #[test]
    fn the_summary_has_a_row_for_each_cell_and_says_what_failed() {
        let sdk = || column(SDK, vec![judged(1, true, None), judged(4, false, Some("upstream"))]);
        let right = entry("basic", vec![column(OURS, vec![judged(1, true, None)]), sdk()]);
        let wrong =
            entry("bare", vec![column(OURS, vec![judged(2, false, None), judged(3, true, Some("old"))]), sdk()]);
        let mut dead = entry("js", vec![]);
        dead.error = Some("npm failed\n<b>".to_owned());
        let document = document(vec![right, wrong, dead]);
        let cells = ["basic", "bare", "js", "gone"].map(wanted);
        let text = markdown(&Overview::new(&document, &cells, &[]));
        assert_eq!(
            text,
            "## presentry: 1 of 4 cells proven, 0 by spans; SDK alone: 0 of 4\n\n\
             Missing, and counted as failed: 1 of the 4 cells.\n\n\
             | cell | presentry --no-bundle-sdk | SDK alone |\n|---|---|---|\n\
             | `basic` | proven | known: 4 |\n\
             | `bare` | **failed**: 2 | known: 4 |\n\
             | `js` | **failed**: no judgement | **failed**: no judgement |\n\
             | `gone` | **missing** | **missing** |\n\
             \n### What failed\n\n\
             - `bare`, presentry, oracle 2 name 2: nothing &lt;b&gt;\"came\"&lt;/b&gt;\n\
             - `js`: npm failed &lt;b&gt;\n\
             \n### What passes although it is known to fail\n\n\
             - `bare`, presentry, oracle 3 name 3: old\n"
        );
    }

    #[test]
    fn a_line_stays_one_and_short() {
        assert_eq!(line_text("a\n  b `c"), "a b `c`");
        assert!(line_text(&"é".repeat(1000)).chars().count() < SEEN + 5);
        assert_eq!(table_text("a|b"), "a\\|b");
        assert_eq!(
            line_text("at file:///home/x/target/e2e-work/basic/y.mjs:4, `/z/e2e-cache/b`"),
            "at e2e-work/basic/y.mjs:4, `e2e-cache/b`"
        );
    }
}
