//! The oracles: pure judgements over observations. No I/O, so that each has a test that it passes and one that it fails.

use std::path::PathBuf;

use serde_json::Value;

use crate::envelope::{Span, Transaction};
use crate::intake::Received;
use crate::process::Exit;
use crate::runtime::THROWN;
use crate::scenario::Scenario;
use crate::server::Response;
use crate::trace::ModuleTrace;

/// What an oracle says: what was seen, as `Ok` when it is right and as `Err` when it is wrong.
pub type Judgement = Result<String, String>;

const HTTP_ORIGIN: &str = "auto.http.otel.http";

/// The runs of the command on the build that is judged and on the controls.
#[derive(Debug, Clone)]
pub struct Proof {
    /// `presentry <app>`; nothing where the rewrite was disabled.
    pub rewrite: Option<Exit>,
    /// `presentry check` after it.
    pub check: Exit,
    /// `presentry check` on the unrewritten build.
    pub check_unrewritten: Exit,
    /// `presentry check` on the build whose entry imports the instrumentation first.
    pub check_top_level: Exit,
}

/// One boot, the requests sent to it, and what arrived at the intake.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The response to the page.
    pub page: Response,
    /// The response to the static file.
    pub asset: Response,
    /// The response of the route that runs the library.
    pub library: Response,
    /// The response of the route that reports on the ESM package.
    pub package: Response,
    /// The last response of the status route.
    pub status: Response,
    /// What the instrumentation's hooks saw.
    pub trace: ModuleTrace,
    /// What arrived at the intake.
    pub received: Received,
}

/// The modules that must have gone through the instrumentation's hooks.
#[derive(Debug, Clone)]
pub struct RuntimeModules {
    /// The entry, where it was moved to; nothing where no file has its bytes.
    pub moved_entry: Option<PathBuf>,
    /// The runtime chunk.
    pub chunk: PathBuf,
}

/// What a server did whose runtime throws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrowObservation {
    /// Whether it ever said that it listens.
    pub listened: bool,
    /// How it ended; nothing where it stayed up.
    pub exit: Option<Exit>,
    /// Whether it printed the error.
    pub printed: bool,
    /// The status of the static file, where it listened and answered. Not of the page: lazy chunks import the module
    /// that threw, so a page never answers, in any build. The file is a 404, as the entry's own first statement, which
    /// says where files are, never runs.
    pub asset: Option<u16>,
}

/// 1: the command proves the build, and refuses to prove the controls.
///
/// # Errors
/// Says which of the runs exited otherwise.
pub fn static_proof(proof: &Proof) -> Judgement {
    let mut wrong = Vec::new();
    if let Some(exit) = proof.rewrite.filter(|exit| !exit.success()) {
        wrong.push(format!("`presentry` {exit}"));
    }
    if !proof.check.success() {
        wrong.push(format!("`presentry check` {}", proof.check));
    }
    for (name, exit) in [("unrewritten", proof.check_unrewritten), ("top-level-import", proof.check_top_level)] {
        if exit != Exit::Code(1) {
            wrong.push(format!("`presentry check` on the {name} build {exit}, wanted code 1"));
        }
    }
    verdict(&wrong, || "`presentry check` exits 0, and 1 on the unrewritten and the top-level-import build".to_owned())
}

/// 2: the runtime was loaded through hooks that the instrumentation itself registered.
///
/// # Errors
/// Names each module that the hooks did not see.
pub fn runtime_through_hooks(scenario: &Scenario, modules: &RuntimeModules, seen: &Observation) -> Judgement {
    let mut missing = Vec::new();
    match &modules.moved_entry {
        None => missing.push("the moved entry (no new file has the bytes of the entry)".to_owned()),
        Some(entry) if !seen.trace.saw(entry) => missing.push(format!("`{}`", entry.display())),
        Some(_) => {}
    }
    if !seen.trace.saw(&modules.chunk) {
        missing.push(format!("`{}`", modules.chunk.display()));
    }
    if !seen.trace.saw_package(&scenario.package.name) {
        missing.push(format!("the package `{}`", scenario.package.name));
    }
    let loads = seen.trace.loads.len();
    if missing.is_empty() {
        Ok(format!("{loads} modules, the moved entry, the runtime and `{}` among them", scenario.package.name))
    } else {
        Err(format!(
            "the hooks of the instrumentation (evaluated {}) saw {loads} modules, but not {}",
            numbered(seen.trace.evaluations, "time"),
            missing.join(", ")
        ))
    }
}

/// 3: the libraries were really instrumented.
///
/// # Errors
/// Says which part was not seen, and what was instead.
pub fn libraries_instrumented(scenario: &Scenario, seen: &Observation) -> Judgement {
    let parts = [library_spans(scenario, seen), package_patched(scenario, seen)];
    let (right, wrong): (Vec<_>, Vec<_>) = parts.into_iter().partition(Result::is_ok);
    verdict(&wrong.into_iter().filter_map(Result::err).collect::<Vec<_>>(), || {
        right.into_iter().filter_map(Result::ok).collect::<Vec<_>>().join("; ")
    })
}

/// The part of oracle 3 about the CommonJS library: its spans are in the trace of the request that ran it.
///
/// # Errors
/// Says what arrived instead.
pub fn library_spans(scenario: &Scenario, seen: &Observation) -> Judgement {
    let library = &scenario.library;
    answered(&library.path, &seen.library, &library.contains)?;
    let of_request: Vec<&Transaction> = seen
        .received
        .transactions()
        .filter(|transaction| transaction.path.as_deref() == Some(&library.path) && is_http_server(&transaction.root))
        .collect();
    let spans = |transaction: &Transaction| {
        let trace = &transaction.root.trace_id;
        transaction
            .spans
            .iter()
            .filter(|span| span.origin.as_deref() == Some(&library.origin) && span.trace_id == *trace)
            .count()
    };
    match of_request.iter().map(|transaction| spans(transaction)).max() {
        Some(count) if count > 0 => {
            Ok(format!("{} `{}` in the trace of `GET {}`", numbered(count, "span"), library.origin, library.path))
        }
        Some(_) => {
            Err(format!("no span `{}` in the `http.server` transaction of `GET {}`", library.origin, library.path))
        }
        None => {
            let names: Vec<String> = seen
                .received
                .transactions()
                .map(|transaction| {
                    let origin = transaction.root.origin.as_deref().unwrap_or("none");
                    format!("`{}` ({origin})", transaction.name)
                })
                .collect();
            Err(format!(
                "no `http.server` transaction of `GET {}` arrived, only [{}]{}",
                library.path,
                names.join(", "),
                refused(&seen.received)
            ))
        }
    }
}

/// The part of oracle 3 about the ESM package: it was patched while it was loaded.
///
/// # Errors
/// Says what the package answered.
pub fn package_patched(scenario: &Scenario, seen: &Observation) -> Judgement {
    let package = &scenario.package;
    let value = package_value(scenario, seen)?;
    if value == package.patched {
        Ok(format!("`{}` is {value}", package.name))
    } else {
        Err(format!("`{}` is `{value}`, wanted `{}`", package.name, package.patched))
    }
}

/// 4: the exports are those of the unrewritten build, value kinds and own properties included.
///
/// # Errors
/// Names the exports that differ.
pub fn exports_equal(unrewritten: &Value, rewritten: &Value) -> Judgement {
    let (Value::Object(before), Value::Object(after)) = (unrewritten, rewritten) else {
        return Err("the exports were not described".to_owned());
    };
    let mut wrong = Vec::new();
    for (name, value) in before {
        match after.get(name) {
            None => wrong.push(format!("`{name}` is gone")),
            Some(now) if now != value => wrong.push(format!("`{name}` was {value}, is {now}")),
            Some(_) => {}
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        wrong.push(format!("`{name}` is new"));
    }
    verdict(&wrong, || {
        let names: Vec<String> = before.keys().map(|name| format!("`{name}`")).collect();
        format!("{} equal: {}", numbered(before.len(), "export"), names.join(", "))
    })
}

/// 5: the instrumentation is evaluated once, also when Node preloads it.
///
/// # Errors
/// Says how often it was.
pub fn one_init(plain: &ModuleTrace, preloaded: &ModuleTrace) -> Judgement {
    let mut wrong = Vec::new();
    for (how, trace) in [("", plain), (" under `--import`", preloaded)] {
        if trace.evaluations != 1 {
            let times = numbered(trace.evaluations, "time");
            wrong.push(format!("the instrumentation was evaluated {times}{how}"));
        }
    }
    verdict(&wrong, || "one, also under `--import`".to_owned())
}

/// 6: a runtime that throws before it listens ends the process with an error; one that throws later behaves as in
/// the unrewritten build.
///
/// # Errors
/// Says what the servers did.
pub fn load_errors(
    first: &ThrowObservation,
    later: &ThrowObservation,
    later_unrewritten: &ThrowObservation,
) -> Judgement {
    let mut wrong = Vec::new();
    match first.exit {
        None => wrong.push("thrown on the first line, and the process stays up".to_owned()),
        Some(Exit::Code(0)) => {
            wrong.push("thrown on the first line, and the process exits with code 0".to_owned());
        }
        Some(Exit::Signal(number)) => {
            wrong.push(format!("thrown on the first line, and signal {number} ended the process"));
        }
        Some(Exit::Code(_) | Exit::Unknown) => {}
    }
    if first.listened {
        wrong.push("thrown on the first line, and the server listens".to_owned());
    }
    if !first.printed {
        wrong.push(format!("thrown on the first line, and `{THROWN}` is not printed"));
    }
    if !later_unrewritten.printed {
        wrong.push(format!("the unrewritten build did not throw `{THROWN}` later: {later_unrewritten}"));
    }
    if later != later_unrewritten {
        wrong.push(format!("thrown later: {later}; unrewritten: {later_unrewritten}"));
    }
    verdict(&wrong, || {
        let exit = first.exit.map_or_else(String::new, |exit| exit.to_string());
        format!("thrown at once: {exit}, printed; later as unrewritten: {later}")
    })
}

/// 7: the page renders, with what the server function returned and the SDK's meta tag, and static files are served.
///
/// # Errors
/// Says what is not as it should be.
pub fn page_and_assets(scenario: &Scenario, asset: &[u8], seen: &Observation) -> Judgement {
    let mut wrong = Vec::new();
    if let Err(error) = answered(&scenario.page.path, &seen.page, &scenario.page.contains) {
        wrong.push(error);
    }
    if !has_trace_meta(&seen.page.text()) {
        wrong.push("the page has no `sentry-trace` meta tag with a trace and a span".to_owned());
    }
    if seen.asset.status != 200 {
        wrong.push(format!("`GET {}` answered {}", scenario.asset.path, seen.asset.status));
    } else if seen.asset.body != asset {
        wrong.push(format!("`GET {}` answered other bytes than `{}` has", scenario.asset.path, scenario.asset.file));
    }
    verdict(&wrong, || format!("page, `sentry-trace` meta tag, `{}`", scenario.asset.path))
}

/// 8: the controls work as servers, and fail what they must fail.
///
/// `chunk` of `unrewritten` and of `top_level` is the runtime chunk of each.
///
/// # Errors
/// Names what a control passed, or why it is no control.
pub fn controls_fail(
    scenario: &Scenario,
    unrewritten: (&RuntimeModules, &Observation),
    top_level: (&RuntimeModules, &Observation),
) -> Judgement {
    let mut wrong = Vec::new();
    for (name, (modules, seen)) in [("unrewritten", unrewritten), ("top-level-import", top_level)] {
        // A control that does not even work fails everything, and proves nothing.
        for answer in [
            answered(&scenario.page.path, &seen.page, &scenario.page.contains),
            answered(&scenario.library.path, &seen.library, &scenario.library.contains),
            package_value(scenario, seen).map(drop),
        ] {
            if let Err(error) = answer {
                wrong.push(format!("{name}: no control, {error}"));
            }
        }
        // Not the whole of oracle 2, which a build without a moved entry cannot pass anyhow.
        if seen.trace.saw(&modules.chunk) {
            wrong.push(format!("{name}: the hooks saw the runtime (oracle 2)"));
        }
        if seen.trace.saw_package(&scenario.package.name) {
            wrong.push(format!("{name}: the hooks saw `{}` (oracle 2)", scenario.package.name));
        }
        if let Ok(passed) = package_patched(scenario, seen) {
            wrong.push(format!("{name}: {passed} (oracle 3)"));
        }
    }
    if let Ok(passed) = library_spans(scenario, unrewritten.1) {
        wrong.push(format!("unrewritten: {passed} (oracle 3)"));
    }
    if top_level.1.trace.evaluations == 0 {
        wrong.push("top-level-import: no control, the instrumentation was never evaluated".to_owned());
    }
    verdict(&wrong, || {
        let library = match library_spans(scenario, top_level.1) {
            Ok(_) => "arrive",
            Err(_) => "do not arrive",
        };
        format!(
            "both fail 2 and the ESM part of 3, unrewritten all of 3 (under top-level-import the library's spans {library})"
        )
    })
}

/// A check beside the oracles: nothing changed between two snapshots, whose `differences` are given.
///
/// # Errors
/// Lists the differences.
pub fn nothing_changed(exit: Exit, differences: &[String], checksum: &str) -> Judgement {
    if !exit.success() {
        return Err(format!("the command {exit}"));
    }
    const SHOWN: usize = 5;
    if differences.is_empty() {
        Ok(format!("sha256 {}…", &checksum[..checksum.len().min(16)]))
    } else {
        let more = differences.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Err(format!("{}{more}", differences[..differences.len().min(SHOWN)].join(", ")))
    }
}

impl std::fmt::Display for ThrowObservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listened = if self.listened { "listened" } else { "never listened" };
        let printed = if self.printed { "printed" } else { "did not print" };
        write!(f, "{listened}, {printed} the error, ")?;
        match self.exit {
            Some(exit) => write!(f, "{exit}")?,
            None => write!(f, "stayed up")?,
        }
        match self.asset {
            Some(status) => write!(f, ", static file {status}"),
            None => Ok(()),
        }
    }
}

fn verdict(wrong: &[String], right: impl FnOnce() -> String) -> Judgement {
    if wrong.is_empty() { Ok(right()) } else { Err(wrong.join("; ")) }
}

fn answered(path: &str, response: &Response, contains: &str) -> Result<(), String> {
    if response.status != 200 {
        Err(format!("`GET {path}` answered {}", response.status))
    } else if !response.text().contains(contains) {
        Err(format!("`GET {path}` answered without `{contains}`"))
    } else {
        Ok(())
    }
}

fn package_value(scenario: &Scenario, seen: &Observation) -> Result<String, String> {
    let package = &scenario.package;
    match seen.package.json()[&package.field].as_str() {
        Some(value) if value == package.original || value == package.patched => Ok(value.to_owned()),
        _ => Err(format!("`GET {}` answered {} with `{}`", package.path, seen.package.status, seen.package.text())),
    }
}

fn is_http_server(span: &Span) -> bool {
    span.op.as_deref() == Some("http.server") && span.origin.as_deref() == Some(HTTP_ORIGIN)
}

fn refused(received: &Received) -> String {
    if received.refused.is_empty() {
        String::new()
    } else {
        format!("; the intake refused {}", received.refused.join(", "))
    }
}

/// Whether the HTML has `<meta name="sentry-trace" content="<32 hex>-<16 hex>…">`, whatever the attributes' order.
fn has_trace_meta(html: &str) -> bool {
    html.split("<meta").skip(1).any(|rest| {
        let tag = rest.split('>').next().unwrap_or_default();
        let Some(content) =
            tag.split_once("content=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(content, _)| content)
        else {
            return false;
        };
        let mut parts = content.split('-');
        let hex = |part: Option<&str>, length: usize| {
            part.is_some_and(|part| {
                part.len() == length
                    && part.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && part.bytes().any(|byte| byte != b'0')
            })
        };
        tag.contains("name=\"sentry-trace\"") && hex(parts.next(), 32) && hex(parts.next(), 16)
    })
}

fn numbered(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests;
