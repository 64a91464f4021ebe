//! The report as one page for people: every cell and what was seen of it. It needs no network and no script to be read; the
//! script filters and opens rows. maud escapes all that comes from runs.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::column::Column;
use crate::document::{Check, Entry, Judged};
use crate::evidence::{Exports, Log, Phase};
use crate::report::{Overview, Row, Standing};
use crate::scenario::Control;
use crate::timeline::Timeline;
use crate::visible::visible;

mod drawing;

/// The name of the file in a report.
pub const FILE: &str = "index.html";

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");
const WITHOUT_SCRIPT: &str = ".more { display: table-row } .filters, .rows button { display: none }";

/// The packages whose versions are shown without opening a row.
const SHOWN: [(&str, &str); 4] =
    [("node", "Node.js"), ("vinxi", "vinxi"), ("nitropack", "nitropack"), ("@sentry/solidstart", "sentry")];

/// How many steps of a run are shown.
const PHASES: usize = 8;

/// The whole page.
pub fn page(overview: &Overview<'_>) -> String {
    let headline = overview.headline();
    let run = if overview.days().is_some_and(|(first, last)| first == last) { "Run on" } else { "Run from" };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (headline) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
                noscript { style { (PreEscaped(WITHOUT_SCRIPT)) } }
            }
            body {
                header {
                    h1 { (headline) }
                    p {
                        (run) " " (overview.date()) ". Node.js " (overview.versions_of("node")) "; npm "
                        (overview.versions_of("npm")) ". All columns of a row are of one run: built, started and judged \
                        beside each other."
                    }
                    @for remark in overview.remarks() { p { (prose(&remark)) } }
                    (cards(overview))
                }
                main {
                    (filters(overview))
                    table.rows {
                        thead { tr {
                            th { "cell" } th { "installed" }
                            @for (_, title) in &overview.columns { th { (title) } }
                        } }
                        tbody { @for (index, row) in worst_first(overview).into_iter().enumerate() { (self::row(overview, row, index)) } }
                    }
                    p #nothing hidden { "No cell is left by these filters." }
                    @if !overview.left_out.is_empty() {
                        h2 { "Cells that cannot be judged" }
                        ul { @for left in overview.left_out { li { code { (left.id) } ": " (prose(&left.because)) } } }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    // HTML has no way to write control characters, such as those of terminal colours.
    visible(&page.into_string())
}

/// The rows, those with something to look at before the others, which stay in the order of the cells.
fn worst_first<'o, 'a>(overview: &'o Overview<'a>) -> Vec<&'o Row<'a>> {
    let mut rows: Vec<&Row<'_>> = overview.rows.iter().collect();
    rows.sort_by_key(|row| match row.ours(&overview.columns) {
        Standing::Failed => 0,
        Standing::Missing => 1,
        Standing::Known => 2,
        _ => 3,
    });
    rows
}

/// How many cells each column has proven.
fn cards(overview: &Overview<'_>) -> Markup {
    let all = overview.counted().count();
    html! {
        .cards {
            @for (key, title) in &overview.columns {
                @let proven = overview.proven(key);
                @let share = (proven * 100).checked_div(all).unwrap_or_default();
                .card { b { (proven) } " of " (all) span { (title) } i { i style=(format!("width:{share}%")) {} } }
            }
        }
    }
}

fn filters(overview: &Overview<'_>) -> Markup {
    let mut presets: Vec<&str> = overview.rows.iter().map(|row| row.cell.preset.as_str()).collect();
    presets.sort_unstable();
    presets.dedup();
    let kinds = [("", "every kind"), ("app", "apps"), ("platform", "platforms"), ("versions", "versions")];
    let legend = [
        ("pass", "2", "passed"),
        ("fail", "2✕", "failed"),
        ("known", "2~", "known to fail upstream"),
        ("platform", "2=", "fails without presentry as well"),
    ];
    html! {
        form.filters #filters {
            input type="search" #text placeholder="id, version, what was seen …" aria-label="text";
            select #kind aria-label="kind" { @for (value, kind) in kinds { option value=(value) { (kind) } } }
            select #preset aria-label="preset" {
                option value="" { "every preset" }
                @for preset in presets { option { (preset) } }
            }
            label { input type="checkbox" #failing; " only failing" }
            label { input type="checkbox" #known; " only known" }
            output #count { (overview.rows.len()) " cells" }
            button type="button" #open { "open all" }
        }
        p.legend {
            @for (class, mark, says) in legend { span class={ "sq " (class) } { (mark) } " " (says) "\u{2002}" }
            "A number is an oracle, a dot another check; one that did not pass tells what was seen when it is pointed at."
        }
    }
}

fn row(overview: &Overview<'_>, row: &Row<'_>, index: usize) -> Markup {
    let cell = &row.cell;
    let kind = match (cell.id.contains('@'), cell.preset.as_str()) {
        (true, _) => "versions",
        (false, "node-server") => "app",
        (false, _) => "platform",
    };
    let shown: Vec<(&str, &str, bool)> = SHOWN
        .iter()
        .filter_map(|(package, short)| {
            let entry = row.entry?;
            Some((*short, entry.versions.get(*package)?.as_str(), entry.requested.contains_key(*package)))
        })
        .collect();
    let mut words = vec![cell.id.as_str(), &cell.about, &cell.preset, kind];
    words.extend(shown.iter().flat_map(|(short, version, _)| [*short, *version]));
    let checks = row.entry.iter().flat_map(|entry| &entry.columns).flat_map(|column| &column.checks);
    words.extend(checks.filter(|check| !check.passed).map(|check| check.seen.as_str()));
    let more_id = format!("more-{index}");
    html! {
        tr.row id=(cell.id) data-kind=(kind) data-preset=(cell.preset) data-state=(state(&row.ours(&overview.columns)))
            data-text=(words.join(" ").to_lowercase()) {
            td {
                button type="button" aria-expanded="false" aria-controls=(more_id) { code { (cell.id) } }
                small { (prose(&cell.about)) }
            }
            td.versions {
                @for (short, version, asked) in shown { span class=[asked.then_some("asked")] { (short) " " (version) } }
            }
            @for (key, title) in &overview.columns { (judgement(row, key, title)) }
        }
        tr.more id=(more_id) hidden {
            td colspan=(overview.columns.len() + 2) {
                @match row.entry {
                    Some(entry) => (more(entry, row.default_column())),
                    None => p { "There is no run of this cell. It counts as failed." },
                }
            }
        }
    }
}

/// What a filter and a colour call a standing.
fn state(standing: &Standing) -> &'static str {
    match standing {
        Standing::Proven { platform } if platform.is_empty() => "proven",
        Standing::Proven { .. } => "platform",
        Standing::Known => "known",
        Standing::Failed => "failed",
        Standing::Missing => "missing",
        Standing::Absent(_) => "absent",
        Standing::NotRun => "unasked",
    }
}

/// One column of a row: the verdict in words, what failed by its name, and a square for each check.
fn judgement(row: &Row<'_>, column: &str, title: &str) -> Markup {
    let standing = row.standing(column);
    html! {
        td data-title=(title) {
            span class={ "verdict " (state(&standing)) } { (standing.words(row.cell.server)) }
            @if let Standing::Absent(reason) = &standing { small { (prose(reason)) } }
            @if let Some((entry, column)) = row.entry.and_then(|entry| Some((entry, entry.column(column)?))) {
                @if column.checks.iter().all(|check| check.passed && check.known.is_none()) {
                    small { (column.checks.len()) " checks passed" }
                } @else { .squares {
                    @for check in &column.checks {
                        @let (class, mark, says) = verdict(entry, check);
                        @let title = format!("{}: {says}{}", check.label(), told(check));
                        span class={ "sq " (class) } role="img" title=(title) { (number(check)) (mark) }
                    }
                } }
                @let failed = names(&column.checks, |check| !check.passed && check.known.is_none());
                @if !failed.is_empty() { small.failed { "failed: " (failed) } }
                @let known = names(&column.checks, |check| !check.passed && check.known.is_some());
                @if !known.is_empty() { small { "known: " (known) } }
            }
        }
    }
}

/// What was seen, where it is more than that all is well; the opened row has the rest.
fn told(check: &Check) -> String {
    if check.passed { String::new() } else { format!("\n{}", check.seen.replace('`', "")) }
}

/// The names of these checks, as they are read out.
fn names(checks: &[Check], wanted: impl Fn(&Check) -> bool) -> String {
    checks.iter().filter(|check| wanted(check)).map(|check| check.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn number(check: &Check) -> String {
    check.oracle.map_or("•".to_owned(), |oracle| oracle.to_string())
}

/// The class of a check, the mark beside its number, and the same in words.
fn verdict(entry: &Entry, check: &Check) -> (&'static str, &'static str, &'static str) {
    match (check.passed, &check.known) {
        (true, None) => ("pass", "", "passed"),
        (true, Some(_)) => ("news", "!", "passed, although it is known to fail"),
        (false, None) => ("fail", "✕", "failed"),
        (false, Some(_)) if entry.is_platforms(check) => ("platform", "=", "fails without presentry as well"),
        (false, Some(_)) => ("known", "~", "failed, as is known upstream"),
    }
}

fn more(entry: &Entry, default: &str) -> Markup {
    let title = entry.column(default).map(|column| column.title.as_str());
    // The start of the default build before the others, which it is compared with.
    let mut timelines: Vec<&Timeline> = entry.evidence.timelines.iter().collect();
    timelines.sort_by_key(|timeline| Some(timeline.of.as_str()) != title);
    let is_fine = entry.failed == 0 && entry.error.is_none();
    if is_fine {
        // The build as it was, and the one that the SDK makes: what else was started tells nothing new.
        let compared = [Control::Unrewritten.name(), Column::Sdk.title()];
        let of = |timeline: &&Timeline| compared.contains(&timeline.of.as_str());
        timelines =
            timelines.iter().copied().enumerate().filter(|(at, it)| *at == 0 || of(it)).map(|(_, it)| it).collect();
    }
    html! {
        .parts {
            @if let Some(error) = &entry.error { section { h3 { "There is no judgement" } pre { (error) } } }
            @if !timelines.is_empty() {
                section {
                    h3 { "The start" }
                    (drawing::starts(&timelines))
                    p.note {
                        "Milliseconds after the process was started; starts run beside each other, so the order tells, not the \
                        length. Grey: before Sentry. Green: the runtime goes through Sentry's hooks. Dashed: Sentry sees nothing \
                        of it."
                    }
                }
            }
            @for column in &entry.columns {
                (checks(entry, column, entry.column(default).filter(|_| column.column != default)))
            }
            @if !entry.evidence.exports.is_empty() { (exports(&entry.evidence.exports)) }
            (versions(entry))
            (phases(entry))
            // Of a cell in which all went well, `e2e.json` has them.
            @if !entry.evidence.logs.is_empty() && !is_fine {
                section { h3 { "Logs" } @for log in &entry.evidence.logs { (self::log(log)) } }
            }
        }
    }
}

/// The checks of a column. Those that came to the same in `reference` are told there.
fn checks(entry: &Entry, column: &Judged, reference: Option<&Judged>) -> Markup {
    let is_told = |check: &&Check| {
        let same = |other: &Check| other.name == check.name && other.seen == check.seen && other.passed;
        check.passed && check.known.is_none() && reference.is_some_and(|column| column.checks.iter().any(same))
    };
    let as_in_reference = column.checks.iter().filter(is_told).count();
    html! {
        section {
            h3 { (column.title) }
            @if let (Some(reference), true) = (reference, as_in_reference > 0) {
                p.note { (as_in_reference) " checks passed as in " code { (reference.title) } "." }
            }
            ul.checks {
                @for check in column.checks.iter().filter(|check| !is_told(check)) {
                    @let (class, mark, says) = verdict(entry, check);
                    li {
                        span class={ "sq " (class) } { (number(check)) (mark) } " "
                        b { (check.name) } @if class != "pass" { " " (says) } ": " (prose(&check.seen))
                        @if let Some(reason) = &check.known { br; span.note { "known: " (prose(reason)) } }
                        @if let Some(seen) = check.oracle.and_then(|oracle| entry.evidence.reference.get(&oracle)) {
                            @if entry.is_platforms(check) {
                                br;
                                span.note {
                                    "the unrewritten build under " code { "--import" } ", in this run: " (prose(seen))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A row for each name that any build exports, a column for each build.
fn exports(exports: &[Exports]) -> Markup {
    let mut names: Vec<&String> = exports.iter().flat_map(|exports| exports.kinds.keys()).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        section {
            h3 { "Exports of the entry" }
            .wide { table {
                thead { tr { th {} @for of in exports { th { (of.of) } } } }
                tbody {
                    @for name in &names {
                        @let before = exports[0].kinds.get(*name);
                        tr {
                            th { code { (name) } }
                            @for of in exports {
                                @let kind = of.kinds.get(*name);
                                td class=[(kind != before).then_some("other")] {
                                    @if kind != before { "≠ " }
                                    (prose(kind.map_or("none", String::as_str)))
                                }
                            }
                        }
                    }
                }
            } }
            @if names.is_empty() { p.note { "None." } }
            @for of in exports {
                @if let Some(error) = &of.error { p { (of.of) ": " span.note { (error) } } }
            }
        }
    }
}

fn versions(entry: &Entry) -> Markup {
    let mut names: Vec<&String> = entry.versions.keys().chain(entry.requested.keys()).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        section {
            h3 { "Versions" }
            .wide { table {
                thead { tr { th {} th { "installed" } th { "asked for" } } }
                tbody {
                    @for name in names {
                        tr {
                            th { code { (name) } }
                            td { (entry.versions.get(name).map_or("not seen", String::as_str)) }
                            td { (entry.requested.get(name).map_or("—", String::as_str)) }
                        }
                    }
                }
            } }
            p.note { "Run " (entry.date) " on " (entry.system) "." }
        }
    }
}

fn phases(entry: &Entry) -> Markup {
    let mut shown: Vec<&Phase> = entry.phases.iter().collect();
    shown.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let others = shown.split_off(shown.len().min(PHASES));
    let longest = entry.phases.iter().map(|phase| phase.seconds).fold(0.0, f64::max);
    html! {
        section {
            h3 { "Time" }
            p.note {
                (format!("{:.1} s in all", entry.seconds))
                @if !others.is_empty() { (format!("; the longest of {} steps", entry.phases.len())) }
            }
            ol.phases {
                @for Phase { name, seconds, cached } in shown {
                    @let share = if longest > 0.0 { seconds / longest * 100.0 } else { 0.0 };
                    li {
                        span { (name) }
                        span { @if *cached { "cached" } @else { (format!("{seconds:.1} s")) } }
                        i style=(format!("width:{share:.1}%")) {}
                    }
                }
            }
        }
    }
}

fn log(log: &Log) -> Markup {
    html! {
        details {
            summary { code { (log.name) } }
            p.note { code { (log.command) } }
            pre {
                @if log.before > 0 { "… " (log.before) " lines before\n" }
                (log.tail)
            }
        }
    }
}

/// Text in which what stands between backticks is code. A backtick without another one is left out.
fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let is_code = |index: usize| index % 2 == 1 && index + 1 < parts.len();
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if is_code(index) { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::{column, document, entry, judged};
    use crate::document::{OURS, SDK};
    use crate::report::tests::wanted;

    #[test]
    fn the_page_tells_every_cell_and_loads_nothing() {
        let ours = vec![judged(1, true, None), judged(2, false, None), judged(7, false, Some("upstream"))];
        let document =
            document(vec![entry("basic", vec![column(OURS, ours), column(SDK, vec![judged(4, true, None)])])]);
        let page = page(&Overview::new(&document, &[wanted("basic"), wanted("bare")], &[]));
        assert!(page.contains("<h1>presentry: 0 of 2 cells proven, 0 by spans; SDK alone: 1 of 2</h1>"), "{page}");
        for told in [
            "id=\"basic\"",
            "data-state=\"failed\"",
            "id=\"bare\"",
            "data-state=\"missing\"",
            ">2✕</span>",
            ">7~</span>",
            "known: upstream",
            "object of <code>Object</code>",
            "npm ci",
            "… 3 lines before",
            "<svg",
            "failed: name 2",
            "known: name 7",
        ] {
            assert!(page.contains(told), "`{told}` is not in it");
        }
        for loaded in ["src=", "url(", "http:", "https:", "@import"] {
            assert!(!page.contains(loaded), "`{loaded}` is in it");
        }
    }

    #[test]
    fn what_failed_comes_first_and_the_default_build_is_drawn_first() {
        let failing = entry("b", vec![column(OURS, vec![judged(2, false, None)])]);
        let mut fine = entry("a", vec![column(OURS, vec![judged(2, true, None)])]);
        fine.columns.push(column("bundled", vec![judged(2, true, None)]));
        let first = fine.evidence.timelines[0].clone();
        fine.evidence.timelines.push(Timeline { of: "unrewritten".to_owned(), ..first.clone() });
        fine.evidence.timelines.push(Timeline { of: "bundled".to_owned(), ..first });
        let document = document(vec![fine, failing]);
        let page = page(&Overview::new(&document, &[], &[]));
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("`{text}` is not in it"));
        assert!(at("id=\"b\"") < at("id=\"a\""), "{page}");
        let drawn = &page[at("id=\"a\"")..];
        let name = |of: &str| drawn.find(&format!(">{of}</text>")).unwrap_or(usize::MAX);
        assert!(name("bundled") < name("unrewritten") && name("unrewritten") < usize::MAX, "{drawn}");
        assert_eq!(name("presentry"), usize::MAX, "a start that tells nothing new");
        assert!(!drawn.contains("boot.log"), "logs of a cell in which all went well");
    }

    #[test]
    fn a_hundred_cells_fit_and_nothing_is_shown_raw() {
        const LIMIT: usize = 1_500_000;
        let seen = "4 library spans, as under `--import`: 1 of `auto.graphql.otel.graphql` and 3 of `manual`; not so \
            unrewritten; the hooks of the instrumentation saw 27 modules";
        let checks = || (1..=14).map(|oracle| Check { seen: seen.to_owned(), ..judged(oracle, true, None) }).collect();
        let cells = (0..100).map(|number| {
            let columns = [OURS, "bundled", "ahead", SDK].map(|key| column(key, checks()));
            let mut cell = entry(&format!("cell-{number}"), columns.into());
            let mut one = cell.evidence.timelines[0].clone();
            one.moments.extend(one.moments.clone());
            let starts = ["bundled", "ahead", "unrewritten", "SDK alone", "top-level-import"];
            cell.evidence.timelines = starts.map(|of| Timeline { of: of.to_owned(), ..one.clone() }).into();
            let log = Log { tail: "x".repeat(4_000), ..cell.evidence.logs[0].clone() };
            cell.evidence.logs = vec![log; 30];
            let phase = cell.phases[0].clone();
            cell.phases = vec![phase; 30];
            // A sentence of its own in a check out of three, as where a digest or a number differs.
            let column = |(at, column): (usize, &mut Judged)| {
                let own = column.checks.iter_mut().step_by(3);
                own.for_each(|check| check.seen = format!("{seen} {at}"));
            };
            cell.columns.iter_mut().enumerate().for_each(column);
            cell
        });
        let document = document(cells.collect());
        let page = page(&Overview::new(&document, &[], &[]));
        assert!(page.len() < LIMIT, "{} bytes", page.len());
        let (_, body) = page.split_once("<body>").unwrap();
        let (body, _) = body.split_once("<script>").unwrap();
        assert!(!body.contains('`') && !body.contains("{&quot;"), "raw text");
    }

    #[test]
    fn what_was_printed_is_no_markup() {
        let mut hostile = entry("basic", vec![column(OURS, vec![judged(2, false, Some("<i>"))])]);
        let text = "\"><script>alert(1)</script><img onerror='x'>";
        hostile.about = text.to_owned();
        hostile.preset = text.to_owned();
        hostile.error = Some(text.to_owned());
        hostile.versions.insert(text.to_owned(), text.to_owned());
        hostile.phases[0].name = text.to_owned();
        hostile.evidence.timelines[0].of = text.to_owned();
        hostile.evidence.exports[0].kinds.insert(text.to_owned(), text.to_owned());
        hostile.evidence.logs[0].command = format!("{text}\u{1b}[1m\u{202e}");
        let document = document(vec![hostile]);
        let page = page(&Overview::new(&document, &[], &[]));
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(
            !page.contains("<img") && page.contains("\u{fffd}[1m") && !page.contains(['\u{1b}', '\u{202e}']),
            "{page}"
        );
        assert_eq!(prose("`<a>` b").into_string(), "<code>&lt;a&gt;</code> b");
        assert_eq!(prose("a `<b").into_string(), "a &lt;b");
    }
}
