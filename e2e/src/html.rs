//! The report as one page for people: every cell and what was seen of it. It needs no network and no script to be read; the
//! script filters and opens rows. All that comes from runs is escaped.

use std::fmt::Write;

use crate::document::{Check, Entry, Judged};
use crate::evidence::{Exports, Log, Phase};
use crate::report::{Overview, Row, Standing};

mod drawing;

/// The name of the file in a report.
pub const FILE: &str = "index.html";

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The packages whose versions are shown without opening a row.
const SHOWN: [(&str, &str); 4] =
    [("node", "Node.js"), ("vinxi", "vinxi"), ("nitropack", "nitropack"), ("@sentry/solidstart", "sentry")];

/// The whole page.
pub fn page(overview: &Overview<'_>) -> String {
    let mut page = String::new();
    let headline = escape(&overview.headline());
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{headline}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n\
         <noscript><style>.more {{ display: table-row }} .filters, .rows button {{ display: none }}</style></noscript>\n\
         </head>\n<body>\n<header>\n<h1>{headline}</h1>\n"
    );
    let _ = writeln!(
        page,
        "<p>{} {}. Node.js {}; npm {}. All columns of a row are of one run: built, started and judged beside each other.</p>",
        if overview.days().is_some_and(|(first, last)| first == last) { "Run on" } else { "Run from" },
        escape(&overview.date()),
        escape(&overview.versions_of("node")),
        escape(&overview.versions_of("npm")),
    );
    for remark in overview.remarks() {
        let _ = writeln!(page, "<p>{}</p>", escape(&remark));
    }
    page.push_str(&cards(overview));
    page.push_str("</header>\n<main>\n");
    page.push_str(&filters(overview));
    page.push_str("<table class=\"rows\">\n<thead><tr><th>cell</th><th>installed</th>");
    for (_, title) in &overview.columns {
        let _ = write!(page, "<th>{}</th>", escape(title));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in overview.rows.iter().enumerate() {
        page.push_str(&self::row(overview, row, index));
    }
    page.push_str("</tbody>\n</table>\n<p id=\"nothing\" hidden>No cell is left by these filters.</p>\n");
    page.push_str(&left_out(overview));
    let _ = write!(page, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

/// How many cells each column has proven.
fn cards(overview: &Overview<'_>) -> String {
    let all = overview.counted().count();
    let mut cards = String::from("<div class=\"cards\">\n");
    for (key, title) in &overview.columns {
        let proven = overview.proven(key);
        let share = (proven * 100).checked_div(all).unwrap_or_default();
        let _ = writeln!(
            cards,
            "<div class=\"card\"><b>{proven}</b> of {all}<span>{}</span><i><i style=\"width:{share}%\"></i></i></div>",
            escape(title)
        );
    }
    cards.push_str("</div>\n");
    cards
}

fn filters(overview: &Overview<'_>) -> String {
    let mut presets: Vec<&str> = overview.rows.iter().map(|row| row.cell.preset.as_str()).collect();
    presets.sort_unstable();
    presets.dedup();
    let options: String = presets.iter().map(|preset| format!("<option>{}</option>", escape(preset))).collect();
    format!(
        "<form class=\"filters\" id=\"filters\">\n\
         <input type=\"search\" id=\"text\" placeholder=\"id, version, what was seen …\" aria-label=\"text\">\n\
         <select id=\"kind\" aria-label=\"kind\"><option value=\"\">every kind</option><option value=\"app\">apps</option>\
         <option value=\"platform\">platforms</option><option value=\"versions\">versions</option></select>\n\
         <select id=\"preset\" aria-label=\"preset\"><option value=\"\">every preset</option>{options}</select>\n\
         <label><input type=\"checkbox\" id=\"failing\"> only failing</label>\n\
         <label><input type=\"checkbox\" id=\"known\"> only known</label>\n\
         <output id=\"count\">{count} cells</output>\n\
         <button type=\"button\" id=\"open\">open all</button>\n\
         </form>\n\
         <p class=\"legend\">{} {} {} {} A number is an oracle, a dot another check; each says what was seen when it is \
         pointed at.</p>\n",
        square("pass", "2", "passed"),
        square("fail", "2✕", "failed"),
        square("known", "2~", "known to fail upstream"),
        square("platform", "2=", "fails without presentry as well"),
        count = overview.rows.len(),
    )
}

fn square(class: &str, mark: &str, says: &str) -> String {
    format!("<span class=\"sq {class}\">{mark}</span> {says}&ensp;")
}

fn row(overview: &Overview<'_>, row: &Row<'_>, index: usize) -> String {
    let cell = &row.cell;
    let kind = match (cell.id.contains('@'), cell.preset.as_str()) {
        (true, _) => "versions",
        (false, "node-server") => "app",
        (false, _) => "platform",
    };
    let state = state(&row.ours(&overview.columns));
    let mut text = format!("{} {} {} {kind}", cell.id, cell.about, cell.preset);
    let mut versions = String::new();
    if let Some(entry) = row.entry {
        for (package, short) in SHOWN {
            if let Some(version) = entry.versions.get(package) {
                let class = if entry.requested.contains_key(package) { " class=\"asked\"" } else { "" };
                let _ = write!(versions, "<span{class}>{short} {}</span>", escape(version));
                let _ = write!(text, " {short} {version}");
            }
        }
        for check in entry.columns.iter().flat_map(|column| &column.checks).filter(|check| !check.passed) {
            let _ = write!(text, " {}", check.seen);
        }
    }
    let mut out = format!(
        "<tr class=\"row\" id=\"{id}\" data-kind=\"{kind}\" data-preset=\"{}\" data-state=\"{state}\" data-text=\"{}\">\
         <td><button type=\"button\" aria-expanded=\"false\" aria-controls=\"more-{index}\"><code>{id}</code></button>\
         <small>{}</small></td><td class=\"versions\">{versions}</td>",
        escape(&cell.preset),
        escape(&text.to_lowercase()),
        prose(&cell.about),
        id = escape(&cell.id),
    );
    for (key, _) in &overview.columns {
        out.push_str(&judgement(row, key));
    }
    let span = overview.columns.len() + 2;
    let _ = write!(out, "</tr>\n<tr class=\"more\" id=\"more-{index}\" hidden><td colspan=\"{span}\">");
    match row.entry {
        Some(entry) => out.push_str(&more(entry)),
        None => out.push_str("<p>There is no run of this cell. It counts as failed.</p>"),
    }
    out.push_str("</td></tr>\n");
    out
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

/// One column of a row: the verdict in words, and a square for each check.
fn judgement(row: &Row<'_>, column: &str) -> String {
    let standing = row.standing(column);
    let words = match &standing {
        Standing::Proven { .. } if !row.cell.server => "as expected",
        Standing::Proven { platform } if platform.is_empty() => "proven",
        Standing::Proven { .. } => "proven, but for the platform",
        Standing::Known => "known to fail",
        Standing::Failed => "failed",
        Standing::Missing => "missing",
        Standing::Absent(_) => "no such build",
        Standing::NotRun => "not run",
    };
    let mut out = format!("<td><span class=\"verdict {}\">{words}</span>", state(&standing));
    if let Standing::Absent(reason) = &standing {
        let _ = write!(out, "<small>{}</small>", prose(reason));
    }
    if let Some((entry, column)) = row.entry.and_then(|entry| Some((entry, entry.column(column)?))) {
        out.push_str("<div class=\"squares\">");
        for check in &column.checks {
            let number = check.oracle.map_or("•".to_owned(), |oracle| oracle.to_string());
            let (class, mark, says) = verdict(entry, check);
            let title = escape(&format!("{}: {says}\n{}", check.label(), check.seen));
            let _ = write!(
                out,
                "<span class=\"sq {class}\" role=\"img\" title=\"{title}\" aria-label=\"{title}\">{number}{mark}</span>"
            );
        }
        out.push_str("</div>");
    }
    out.push_str("</td>");
    out
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

fn more(entry: &Entry) -> String {
    let mut out = String::from("<div class=\"parts\">");
    if let Some(error) = &entry.error {
        let _ = write!(out, "<section><h3>There is no judgement</h3><pre>{}</pre></section>", escape(error));
    }
    if !entry.evidence.timelines.is_empty() {
        let _ = write!(
            out,
            "<section><h3>The start</h3>{}<p class=\"note\">Milliseconds after the process was started; starts run beside each \
             other, so the order tells, not the length. Grey: before Sentry. Green: the runtime goes through Sentry's hooks. Dashed: \
             Sentry sees nothing of it.</p></section>",
            drawing::starts(&entry.evidence.timelines)
        );
    }
    for column in &entry.columns {
        out.push_str(&checks(entry, column));
    }
    if !entry.evidence.exports.is_empty() {
        out.push_str(&exports(&entry.evidence.exports));
    }
    out.push_str(&versions(entry));
    out.push_str(&phases(entry));
    if !entry.evidence.logs.is_empty() {
        out.push_str("<section><h3>Logs</h3>");
        entry.evidence.logs.iter().for_each(|log| out.push_str(&self::log(log)));
        out.push_str("</section>");
    }
    out.push_str("</div>");
    out
}

fn checks(entry: &Entry, column: &Judged) -> String {
    let mut out = format!("<section><h3>{}</h3><ul class=\"checks\">", escape(&column.title));
    for check in &column.checks {
        let (class, mark, says) = verdict(entry, check);
        let number = check.oracle.map_or("•".to_owned(), |oracle| oracle.to_string());
        let _ = write!(
            out,
            "<li><span class=\"sq {class}\">{number}{mark}</span> <b>{}</b> {says}: {}",
            escape(&check.name),
            prose(&check.seen)
        );
        if let Some(reason) = &check.known {
            let _ = write!(out, "<br><span class=\"note\">known: {}</span>", prose(reason));
        }
        let reference = check.oracle.and_then(|oracle| entry.evidence.reference.get(&oracle));
        if let Some(seen) = reference.filter(|_| entry.is_platforms(check)) {
            let _ = write!(
                out,
                "<br><span class=\"note\">the unrewritten build under <code>--import</code>, in this run: {}</span>",
                prose(seen)
            );
        }
        out.push_str("</li>");
    }
    out.push_str("</ul></section>");
    out
}

/// A row for each name that any build exports, a column for each build.
fn exports(exports: &[Exports]) -> String {
    let mut names: Vec<&String> = exports.iter().flat_map(|exports| exports.kinds.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut out = String::from("<section><h3>Exports of the entry</h3><div class=\"wide\"><table><thead><tr><th></th>");
    for of in exports {
        let _ = write!(out, "<th>{}</th>", escape(&of.of));
    }
    out.push_str("</tr></thead><tbody>");
    for name in &names {
        let _ = write!(out, "<tr><th><code>{}</code></th>", escape(name));
        let before = exports.first().and_then(|of| of.kinds.get(*name));
        for of in exports {
            let kind = of.kinds.get(*name);
            let class = if kind == before { "" } else { " class=\"other\"" };
            let same = if kind == before { "" } else { "≠ " };
            let kind = kind.map_or("none", String::as_str);
            let _ = write!(out, "<td{class}>{same}{}</td>", prose(kind));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if names.is_empty() {
        out.push_str("<p class=\"note\">None.</p>");
    }
    for (of, error) in exports.iter().filter_map(|of| Some((&of.of, of.error.as_ref()?))) {
        let _ = write!(out, "<p>{}: <span class=\"note\">{}</span></p>", escape(of), escape(error));
    }
    out.push_str("</section>");
    out
}

fn versions(entry: &Entry) -> String {
    let mut names: Vec<&String> = entry.versions.keys().chain(entry.requested.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut out = String::from(
        "<section><h3>Versions</h3><div class=\"wide\"><table><thead><tr><th></th><th>installed</th><th>asked for</th></tr></thead><tbody>",
    );
    for name in names {
        let version = |of: Option<&String>, none: &str| escape(of.map_or(none, String::as_str));
        let _ = write!(
            out,
            "<tr><th><code>{}</code></th><td>{}</td><td>{}</td></tr>",
            escape(name),
            version(entry.versions.get(name), "not seen"),
            version(entry.requested.get(name), "—")
        );
    }
    let _ = write!(
        out,
        "</tbody></table></div><p class=\"note\">Run {} on {}.</p></section>",
        escape(&entry.date),
        escape(&entry.system)
    );
    out
}

fn phases(entry: &Entry) -> String {
    let longest = entry.phases.iter().map(|phase| phase.seconds).fold(0.0, f64::max);
    let mut out =
        format!("<section><h3>Time</h3><p class=\"note\">{:.1} s in all</p><ol class=\"phases\">", entry.seconds);
    for Phase { name, seconds, cached } in &entry.phases {
        let share = if longest > 0.0 { seconds / longest * 100.0 } else { 0.0 };
        let took = if *cached { "cached".to_owned() } else { format!("{seconds:.1} s") };
        let _ =
            write!(out, "<li><span>{}</span><span>{took}</span><i style=\"width:{share:.1}%\"></i></li>", escape(name));
    }
    out.push_str("</ol></section>");
    out
}

fn log(log: &Log) -> String {
    let before = match log.before {
        0 => String::new(),
        lines => format!("… {lines} lines before\n"),
    };
    format!(
        "<details><summary><code>{}</code></summary><p class=\"note\"><code>{}</code></p><pre>{}{}</pre></details>",
        escape(&log.name),
        escape(&log.command),
        before,
        escape(&log.tail)
    )
}

fn left_out(overview: &Overview<'_>) -> String {
    if overview.left_out.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h2>Cells that cannot be judged</h2><ul>");
    for left in overview.left_out {
        let _ = write!(out, "<li><code>{}</code>: {}</li>", escape(&left.id), escape(&left.because));
    }
    out.push_str("</ul>\n");
    out
}

/// Text in which what stands between backticks is code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let part = |(index, part): (usize, &&str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

/// For text and for values of attributes in quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            // HTML has no way to write them, such as those of terminal colours.
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
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
        ] {
            assert!(page.contains(told), "`{told}` is not in it");
        }
        for loaded in ["src=", "url(", "http:", "https:", "@import"] {
            assert!(!page.contains(loaded), "`{loaded}` is in it");
        }
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
        hostile.evidence.logs[0].command = text.to_owned();
        let document = document(vec![hostile]);
        let page = page(&Overview::new(&document, &[], &[]));
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains("<img") && !page.contains("onerror='"), "{page}");
        assert_eq!(prose("`<a>` b"), "<code>&lt;a&gt;</code> b");
        assert_eq!(prose("a `<b"), "a `&lt;b");
        assert_eq!(escape("a\u{1b}[1m&\n'\""), "a\u{fffd}[1m&amp;\n&#39;&quot;");
    }
}
