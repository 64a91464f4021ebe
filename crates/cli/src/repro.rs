//! What a bug report needs to say of an app and its build, as Markdown. Only facts that are listed here go in: names,
//! versions, the tree of the build, verdicts. The content of a file never does. No I/O.

pub(crate) mod redact;

use std::fmt::Write as _;

use crate::say::report::{DiagnosticReport, Report};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// What was gathered.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The system and the programs, each with what it is.
    pub(crate) machine: Vec<(String, String)>,
    /// The packages that matter: name, what the app wants, what is installed.
    pub(crate) packages: Vec<(String, String, String)>,
    /// What each command reported, in the order in which they ran.
    pub(crate) reports: Vec<Report>,
    /// The files of the server: path and size.
    pub(crate) files: Vec<(String, u64)>,
    /// The packages in the build, with their versions.
    pub(crate) built: Vec<(String, String)>,
}

/// How many files and packages are listed.
const LISTED: usize = 200;

/// The facts as one page for an issue.
pub(crate) fn page(facts: &Facts) -> String {
    let mut page = String::from("# presentry: report of a build\n\n");
    let outcomes: Vec<String> =
        facts.reports.iter().map(|report| format!("`{}`: **{}**", report.command, report.outcome.as_str())).collect();
    writeln!(page, "{}\n", outcomes.join(" · ")).expect(INFALLIBLE);
    page.push_str("What I expected, and what happened instead:\n\n…\n\n");
    rows(&mut page, "Versions", &["", ""], facts.machine.iter().map(|(name, value)| vec![name.clone(), value.clone()]));
    let packages = facts.packages.iter().map(|(name, wanted, found)| vec![code(name), code(wanted), code(found)]);
    rows(&mut page, "Packages", &["package", "wanted", "installed"], packages);
    facts.reports.iter().for_each(|report| section(&mut page, report));
    let files = facts.files.iter().map(|(path, size)| format!("{size:>9}  {path}"));
    list(&mut page, "Files of the server", files.collect());
    let built = facts.built.iter().map(|(name, version)| format!("{name}@{version}"));
    list(&mut page, "Packages in the build", built.collect());
    page
}

fn section(page: &mut String, report: &Report) {
    writeln!(page, "## `presentry {}`: {}\n", report.command, report.outcome.as_str()).expect(INFALLIBLE);
    let mut facts: Vec<Vec<String>> = Vec::new();
    let mut fact = |name: &str, value: String| facts.push(vec![name.to_owned(), value]);
    if let (Some(preset), "inspect") = (&report.preset, report.command.as_str()) {
        fact("preset", format!("{}, Nitro {}", code(preset.name), preset.nitro.as_deref().unwrap_or("unknown")));
    }
    if let (Some(build), "inspect") = (&report.build, report.command.as_str()) {
        fact("entry", format!("{}, loaded as: {}", code(&build.entry), build.loading));
        fact("instrumentation", build.instrumentation.as_deref().map_or("none".to_owned(), code));
        build.instrumentation_source.iter().for_each(|source| fact("made from", code(source)));
    }
    if let Some(proof) = &report.proof {
        fact("proof", proof.verdict.to_owned());
        fact("loaded before the runtime", proof.closure.iter().map(|path| code(path)).collect::<Vec<_>>().join(", "));
        fact(
            "packages before the runtime",
            proof.packages.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
        );
    }
    if let Some(inspection) = &report.inspection {
        fact("a rewrite", inspection.rewrite.as_str().to_owned());
        for option in &inspection.options {
            fact(&code(option.name), cell(&option.value));
        }
    }
    if let Some(trace) = &report.trace {
        trace.processes.iter().for_each(|process| fact("start", cell(&process.sentence)));
        for request in &trace.requests {
            let status = request.status.map_or("no answer".to_owned(), |status| status.to_string());
            let origins = request.spans.iter().map(|span| span.origin.as_deref().unwrap_or("manual"));
            let origins = origins.map(code).collect::<Vec<_>>().join(", ");
            fact(&format!("{} {}", request.method, code(&request.path)), format!("{status}; spans: {origins}"));
        }
        for library in &trace.libraries {
            let mark = if library.instrumented { "✔" } else { "✖" };
            fact(&code(&library.name), format!("{mark} {}", cell(&library.because)));
        }
    }
    rows(page, "", &["", ""], facts.into_iter());
    report.diagnostics.iter().for_each(|diagnostic| told(page, diagnostic));
    if !report.diagnostics.is_empty() {
        page.push('\n');
    }
}

/// A diagnostic with its places, and without the lines that are there.
fn told(page: &mut String, diagnostic: &DiagnosticReport) {
    let name = diagnostic.code.map(|name| format!(" {}", code(name))).unwrap_or_default();
    writeln!(page, "- **{}**{name}: {}", diagnostic.severity, cell(&diagnostic.message)).expect(INFALLIBLE);
    for label in &diagnostic.labels {
        let at = format!("{}:{}:{}", label.path, label.line, label.column);
        writeln!(page, "  - {}", code(&at)).expect(INFALLIBLE);
    }
}

fn rows(page: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    if !title.is_empty() {
        writeln!(page, "## {title}\n").expect(INFALLIBLE);
    }
    writeln!(page, "| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len())).expect(INFALLIBLE);
    rows.iter().for_each(|row| writeln!(page, "| {} |", row.join(" | ")).expect(INFALLIBLE));
    page.push('\n');
}

/// A list that is folded, as it is long.
fn list(page: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let (total, rest) = (lines.len(), lines.len().saturating_sub(LISTED));
    let mut shown: Vec<String> = lines.into_iter().take(LISTED).map(|line| line.replace("```", "'''")).collect();
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    let shown = shown.join("\n");
    writeln!(page, "<details><summary>{title}: {total}</summary>\n\n```\n{shown}\n```\n\n</details>\n")
        .expect(INFALLIBLE);
}

/// Text in a cell of a table, which no bar ends.
fn cell(text: &str) -> String {
    crate::printable::visible(text).replace('|', "\\|").replace('<', "&lt;")
}

fn code(text: &str) -> String {
    format!("`{}`", crate::printable::visible(text).replace('`', "'").replace('|', "\\|"))
}
