//! A report for GitHub Actions: workflow commands that become annotations, and the job summary. Text, and one appended
//! file.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    paths::show,
    printable::{printable, visible},
    say::report::{DiagnosticReport, Report, TraceReport},
    store::manifest::WireChange,
};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// One workflow command for each diagnostic, each on a line
/// (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
pub(crate) fn annotations(report: &Report) -> String {
    let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    report.diagnostics.iter().map(|diagnostic| annotation(diagnostic, workspace.as_deref())).collect()
}

/// Appends the summary to the file that `GITHUB_STEP_SUMMARY` names, when it does.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn append_summary(report: &Report) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(()) };
    let path = Path::new(&path);
    let failed = || format!("failed to append to `{}`", path.display());
    let mut file = OpenOptions::new().append(true).create(true).open(path).with_context(failed)?;
    file.write_all(summary(report).as_bytes()).with_context(failed)
}

fn annotation(diagnostic: &DiagnosticReport, workspace: Option<&Path>) -> String {
    let mut properties: Vec<String> = Vec::new();
    if let Some(label) = diagnostic.labels.first() {
        properties.push(format!("file={}", property(&in_workspace(&label.path, workspace))));
        properties.push(format!("line={}", label.line));
        properties.push(format!("col={}", label.column));
    }
    properties.push(format!("title={}", property(diagnostic.code.unwrap_or("presentry"))));
    let mut message = visible(&diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        write!(message, "\nhint: {}", visible(hint)).expect(INFALLIBLE);
    }
    format!("::{} {}::{}\n", diagnostic.severity, properties.join(","), data(&message))
}

/// Annotations are shown at files by their path in the repository, and a step may run anywhere below it.
fn in_workspace(path: &str, workspace: Option<&Path>) -> String {
    let real = dunce::canonicalize(path).ok();
    let workspace = workspace.and_then(|workspace| dunce::canonicalize(workspace).ok());
    let below = real.zip(workspace).and_then(|(real, workspace)| Some(show(real.strip_prefix(workspace).ok()?)));
    below.unwrap_or_else(|| path.to_owned())
}

/// The message of a workflow command, escaped as `@actions/core` does it in `escapeData`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command, escaped as `@actions/core` does it in `escapeProperty`.
fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}

fn summary(report: &Report) -> String {
    let mut text = format!("### presentry {}: {}\n\n", report.command, report.outcome.as_str());
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(preset) = &report.preset {
        rows.push(("preset", code(preset.name)));
    }
    if let Some(build) = &report.build {
        rows.push(("entry", code(&build.entry)));
        rows.extend(build.instrumentation.as_ref().map(|path| ("instrumentation", code(path))));
    }
    if let Some(proof) = &report.proof {
        let failures: Vec<String> = proof.failures.iter().map(|failure| code(failure)).collect();
        let holds = if proof.holds { "holds".to_owned() } else { format!("does not hold: {}", failures.join(", ")) };
        rows.push(("proof", holds));
        let packages: Vec<String> = proof.packages.iter().map(|package| code(package)).collect();
        if !packages.is_empty() {
            rows.push(("packages before the runtime", packages.join(", ")));
        }
    }
    if let Some(trace) = &report.trace {
        let telling = trace.processes.iter().find(|process| !process.first).or(trace.processes.first());
        rows.extend(telling.map(|process| ("start of the server", prose(&process.sentence))));
    }
    let exports: Vec<String> =
        report.exports.iter().map(|export| format!("{} ({})", code(&export.name), export.kind)).collect();
    if !exports.is_empty() {
        rows.push(("exports", exports.join(", ")));
    }
    if !rows.is_empty() {
        text.push_str("| | |\n|---|---|\n");
        rows.iter().for_each(|(name, value)| writeln!(text, "| {name} | {value} |").expect(INFALLIBLE));
        text.push('\n');
    }
    if !report.changes.is_empty() {
        text.push_str("| file | change |\n|---|---|\n");
        // Hundreds of files of packages would bury the rest; each package has a line of its own.
        for change in report.changes.iter().filter(|change| change.kind != WireChange::Package) {
            writeln!(text, "| {} | {} |", code(&change.path), change.kind.words()).expect(INFALLIBLE);
        }
        for package in &report.traced {
            let (path, version) = (code(&package.path), code(&package.version));
            writeln!(text, "| {path} | package {version}, traced in |").expect(INFALLIBLE);
        }
        text.push('\n');
    }
    if let Some(trace) = &report.trace {
        text.push_str(&spans(trace));
    }
    for diagnostic in &report.diagnostics {
        let (severity, name) = (diagnostic.severity, diagnostic.code.map(|name| format!(" `{name}`")));
        writeln!(text, "- **{severity}**{}: {}", name.unwrap_or_default(), sentence(&diagnostic.message))
            .expect(INFALLIBLE);
        for label in &diagnostic.labels {
            let at = format!("{}:{}:{}", label.path, label.line, label.column);
            writeln!(text, "  - {}", code(&at)).expect(INFALLIBLE);
        }
        if let Some(hint) = &diagnostic.hint {
            writeln!(text, "  - hint: {}", sentence(hint)).expect(INFALLIBLE);
        }
    }
    if !report.diagnostics.is_empty() {
        text.push('\n');
    }
    text
}

/// How many spans of a request are listed.
const SPANS: usize = 50;

/// The spans that arrived, and what became of the libraries.
fn spans(trace: &TraceReport) -> String {
    let mut text = String::new();
    for request in &trace.requests {
        let answer = request.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let title = prose(&format!("{} {}", request.method, request.path));
        writeln!(text, "**{title}** {answer}\n").expect(INFALLIBLE);
        if !request.spans.is_empty() {
            text.push_str("| span | origin | ms |\n|---|---|---:|\n");
        }
        for span in request.spans.iter().take(SPANS) {
            let (indent, name) = ("&ensp;".repeat(span.depth.min(8)), prose(&span.name));
            let origin = prose(span.origin.as_deref().unwrap_or("manual"));
            writeln!(text, "| {indent}{name} | {origin} | {:.1} |", span.ms).expect(INFALLIBLE);
        }
        text.push('\n');
        if request.spans.is_empty() {
            text.push_str("No span arrived.\n\n");
        }
        if let Some(more) = request.spans.len().checked_sub(SPANS).filter(|more| *more > 0) {
            writeln!(text, "And {more} more spans.\n").expect(INFALLIBLE);
        }
    }
    for library in &trace.libraries {
        let mark = if library.instrumented { "✔" } else { "✖" };
        let name = prose(&format!("{} {}", library.name, library.version.as_deref().unwrap_or_default()));
        writeln!(text, "- {mark} **{}** {}", name.trim_end(), prose(&library.because)).expect(INFALLIBLE);
    }
    if !trace.libraries.is_empty() {
        text.push('\n');
    }
    text
}

/// Text that someone else wrote, as words of Markdown, where long text is cut.
fn prose(text: &str) -> String {
    words(&printable(text))
}

/// A sentence of ours with names of others in it, which stand between backticks. A name that holds one itself has the parts
/// change their places, and each is harmless in either.
fn sentence(text: &str) -> String {
    let text = visible(text);
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let part = |(number, part): (usize, &&str)| match number % 2 {
        0 => words(part),
        _ if number == last => format!("&#96;{}", words(part)),
        _ => code(part),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Visible text as words of Markdown: what is punctuation in ASCII is a reference, so that it has no meaning in Markdown, in
/// HTML, or to GitHub (`@name`, `#1`, `www.`).
fn words(visible: &str) -> String {
    let mut words = String::new();
    for character in visible.chars() {
        match character {
            '-' | ',' | ' ' | '/' | '(' | ')' | ';' | '\'' => words.push(character),
            _ if character.is_ascii_punctuation() => {
                write!(words, "&#{};", u32::from(character)).expect(INFALLIBLE);
            }
            _ => words.push(character),
        }
    }
    words
}

/// Text as code, also in a cell of a table.
fn code(text: &str) -> String {
    let text = visible(text);
    // Between backticks there is no way to write one, and no empty text.
    if text.contains('`') || text.trim().is_empty() {
        return format!("<code>{}</code>", words(&text));
    }
    format!("`{}`", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::report::LabelReport;

    #[test]
    fn words_are_no_markup() {
        let hostile = "a | b `c` <img src=x> [x](y) **z** @team #1 http://x\n## h";
        let escaped = prose(hostile);
        assert!(!escaped.contains(['|', '`', '<', '>', '[', ']', '*', '@', ':', '\n']), "{escaped}");
        assert_eq!(prose("GET /a-b (query)"), "GET /a-b (query)");
        assert_eq!(prose("www.x"), "www&#46;x");
    }

    #[test]
    fn names_in_sentences_are_no_markup() {
        assert_eq!(sentence("`a.mjs` reaches `b|c`, before"), "`a.mjs` reaches `b\\|c`, before");
        // A name with a backtick, before and after the parts change their places.
        let hostile = sentence("`x` reaches `a`<img src=x>[l](u)`b`, then `<script>`");
        assert!(!hostile.contains("<img") && !hostile.contains("[l]"), "{hostile}");
        assert_eq!(sentence("one ` alone <b>"), "one &#96; alone &#60;b&#62;");
        assert_eq!(code("a`<b>"), "<code>a&#96;&#60;b&#62;</code>");
        assert_eq!(code("a\n|"), "`a\\n\\|`");
    }

    #[test]
    fn what_github_would_read_as_syntax_is_escaped() {
        let diagnostic = DiagnosticReport {
            code: Some("static-edge-to-runtime"),
            severity: "error",
            message: "100% of `a`,\nb: c".to_owned(),
            hint: Some("run it".to_owned()),
            labels: vec![LabelReport {
                path: "a,b:c%.mjs".to_owned(),
                line: 3,
                column: 7,
                text: String::new(),
                message: String::new(),
            }],
        };
        assert_eq!(
            annotation(&diagnostic, None),
            "::error file=a%2Cb%3Ac%25.mjs,line=3,col=7,title=static-edge-to-runtime::100%25 of `a`,\\nb: c%0Ahint: run it\n"
        );
    }
}
