//! The oracles: pure judgements over observations. No I/O, so that each has a test that it passes and one that it fails.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::column::Column;
use crate::document::SPANS;
use crate::envelope::{Event, Item, Span, Transaction};
use crate::evidence::Source;
use crate::host::{Assets, Host};
use crate::intake::Received;
use crate::process::Exit;
use crate::resolved;
use crate::runtime::THROWN;
use crate::scenario::{Control, Ends, Feature, Library, Module, Package, Scenario, Traced, WantedSpan};
use crate::seen::{Again, ControlBuild, Facts, Observation, Proof, Seen, StartSeen, ThrowObservation};
use crate::server::Response;
use crate::trace::{ModuleTrace, RuntimeModules};

mod bundle;
mod spans;

pub use spans::{as_imported, as_in_packages};

/// What an oracle says: what was seen, as `Ok` when it is right and as `Err` when it is wrong.
pub type Judgement = Result<String, String>;

/// What the span of a request comes of: up to SDK 10, and since 11.
const HTTP_ORIGINS: [&str; 2] = ["auto.http.otel.http", "auto.http.http_server"];

/// One oracle, or a check beside them: what it is called, how it judges, and which columns it is asked of.
pub struct Oracle {
    /// Its number in the documents; nothing for the checks beside them.
    pub number: Option<u8>,
    /// Its name.
    pub name: &'static str,
    /// What it says, and which processes it looked at; nothing where the scenario has nothing for it.
    pub judge: fn(&Facts<'_>) -> Option<Judged>,
    /// Whose builds it judges.
    pub columns: fn(Column) -> bool,
}

/// A judgement, and the processes that were looked at.
pub type Judged = (Judgement, Vec<Source>);

const ALL: fn(Column) -> bool = |_| true;
const OURS: fn(Column) -> bool = Column::is_ours;
const FIRST: fn(Column) -> bool = |column| column == Column::Presentry;
const BUNDLED: fn(Column) -> bool = |column| matches!(column, Column::Bundled | Column::Ahead);
const SDKS: fn(Column) -> bool = |column| !column.is_ours();

/// The one table: what is asked of each build, in the order in which it is printed.
pub const ORACLES: &[Oracle] = &[
    row(None, BUILD, SDKS, |_| Some((Ok("it builds".to_owned()), Vec::new()))),
    row(Some(1), "static proof", ALL, |of| {
        let controls = if of.column == Column::Presentry { &of.before.controls[..] } else { &[] };
        let sources = controls.iter().map(|control| control.check_source.clone());
        let sources = of.build.proof.sources.iter().cloned().chain(sources).collect();
        let controls: Vec<_> = controls.iter().map(|control| (control.control, control.check)).collect();
        Some((static_proof(&of.build.proof, &controls), sources))
    }),
    row(Some(2), "runtime through hooks", ALL, |of| {
        start(of, |seen| runtime_through_hooks(of.scenario, &of.build.modules, seen))
    }),
    row(Some(3), "instrumented libraries", ALL, |of| start(of, |seen| libraries_instrumented(of.scenario, seen))),
    row(Some(4), "exports", ALL, |of| {
        let (before, after) = (&of.before.exports, &of.build.exports);
        let judgement = before.up().and_then(|before| Ok((before, after.up()?)));
        let judgement = judgement.and_then(|(before, after)| match &of.scenario.exports {
            None => exports_equal(before, after),
            // The SDK's build has not to restore what it never took.
            Some(kinds) if of.column == Column::Sdk => exports_of_kinds(kinds, after),
            Some(kinds) => exports_restored(kinds, before, after),
        });
        Some((judgement, vec![after.source.clone(), before.source.clone()]))
    }),
    row(Some(5), "one init", OURS, |of| {
        let (plain, preloaded) = (&of.build.seen, of.build.preloaded.as_ref());
        let judgement = plain.up().and_then(|plain| Ok((plain, preloaded.map(Seen::up).transpose()?)));
        let judgement = judgement
            .and_then(|(plain, preloaded)| one_init(of.scenario, &plain.trace, preloaded.map(|seen| &seen.trace)));
        Some((judgement, std::iter::once(plain).chain(preloaded).map(|seen| seen.source.clone()).collect()))
    }),
    row(Some(6), "load errors", ALL, |of| {
        let (first, later, before) = (&of.build.throw_first, &of.build.throw_later, &of.before.throw_later);
        let judgement = first.up().and_then(|first| load_errors(first, later.up()?, before.up()?));
        Some((judgement, [first, later, before].map(|seen| seen.source.clone()).to_vec()))
    }),
    row(Some(7), "page and assets", ALL, |of| start(of, |seen| page_and_assets(of.scenario, &of.before.asset, seen))),
    row(Some(8), "controls", FIRST, |of| {
        let controls = &of.before.controls;
        let seen: Result<Vec<_>, String> = controls.iter().map(ControlSeen::of).collect();
        let judgement = seen.and_then(|controls| controls_fail(of.scenario, &controls));
        Some((judgement, controls.iter().map(|control| control.seen.source.clone()).collect()))
    }),
    row(Some(SPANS), "library spans as under --import", ALL, |of| {
        // Where the build as it was cannot be started so, ours can; where neither can, oracle 5 says why.
        let imported = of.before.imported.as_ref().filter(|seen| seen.seen.is_ok()).or(of.ours.preloaded.as_ref())?;
        let mut controls = Vec::new();
        if of.column == Column::Presentry {
            controls.extend(
                of.before
                    .controls
                    .iter()
                    .filter(|it| it.control == Control::Unrewritten)
                    .map(|it| (it.control.name(), &it.seen)),
            );
            controls.extend(of.build.without_parser.as_ref().map(|seen| ("the build without a parser", seen)));
        }
        let sources = [&of.build.seen, imported].map(|seen| seen.source.clone()).into_iter();
        let sources = sources.chain(controls.iter().map(|(_, seen)| seen.source.clone())).collect();
        let judge = || {
            if of.column == Column::Ahead && !of.scenario.in_chunks.is_empty() {
                return as_in_packages(of.scenario, imported.up()?, of.build.seen.up()?);
            }
            let controls: Result<Vec<_>, String> =
                controls.into_iter().map(|(name, seen)| Ok((name, seen.up()?))).collect();
            spans::as_imported(of.scenario, imported.up()?, &controls?, of.build.seen.up()?)
        };
        Some((judge(), sources))
    }),
    row(None, "the same client", BUNDLED, |of| {
        beside_ours(of, |ours, seen| bundle::same_client(&ours.status.json(), &seen.status.json()))
    }),
    row(None, "the same sdk block", BUNDLED, |of| {
        beside_ours(of, |ours, seen| bundle::same_sdk(&ours.received, &seen.received))
    }),
    row(None, "packages", BUNDLED, |of| {
        let pruned = bundle::pruned(of.ours.packages, of.build.packages, &of.build.sdk_packages);
        let judgement = match (&of.scenario.absent.bundle, pruned) {
            (Some(reason), Ok(found)) => Err(format!("{found}, but {reason}")),
            (Some(reason), Err(_)) => Ok(format!("the SDK is not bundled ({reason})")),
            (None, pruned) => pruned,
        };
        Some((judgement, of.build.proof.sources.clone()))
    }),
    row(None, "versions of the SDK", OURS, |of| {
        let wrong = resolved::differences(&of.before.resolved, &of.build.resolved);
        let found = numbered(of.build.resolved.len(), "import");
        let judgement = verdict(&wrong, || {
            format!("{found} of Sentry's packages find versions that the app or the unrewritten build has there")
        });
        Some((judgement, of.build.proof.sources.clone()))
    }),
    row(None, "values of the instrumentation", OURS, |of| {
        let judge = |seen: &Observation| values_are(of.scenario, seen, unrewritten(of)?);
        if of.scenario.values.is_empty() { None } else { start(of, judge) }
    }),
    row(None, "features", OURS, |of| {
        let judge = |seen: &Observation| features(of.scenario, seen, unrewritten(of)?);
        if of.scenario.features.is_empty() { None } else { start(of, judge) }
    }),
    row(None, "what the SDK left does not start", FIRST, |of| {
        let (wanted, start) = (of.scenario.preload_dies_of.as_ref()?, of.before.preload_dies.as_ref()?);
        Some((start.up().and_then(|start| preload_dies(wanted, start)), vec![start.source.clone()]))
    }),
    row(None, "deployment", OURS, |of| {
        let function = of.scenario.deploys.as_ref()?;
        let seen = [of.before.stack.as_ref()?, of.build.stack.as_ref()?, of.before.stack_wrapped.as_ref()?];
        let judge = || deployed_the_same(function, seen[0].up()?, seen[1].up()?, seen[2].up()?);
        Some((judge(), seen.map(|seen| seen.source.clone()).to_vec()))
    }),
    row(None, "the command of the package", FIRST, |of| {
        let command = of.build.command.as_ref()?;
        Some((command_is(&command.wanted, &command.version), vec![command.source.clone()]))
    }),
    row(None, "the guard", OURS, |of| {
        let control = of.build.without_init.as_ref();
        let judgement = of.build.seen.up().and_then(|seen| guard(seen, control.map(Seen::up).transpose()?));
        Some((judgement, std::iter::once(&of.build.seen).chain(control).map(|seen| seen.source.clone()).collect()))
    }),
    row(None, "a second run changes nothing", OURS, |of| Some(changes_nothing(of.build.again.as_ref()?))),
    row(None, "restore gives back the original", OURS, |of| Some(changes_nothing(of.build.restored.as_ref()?))),
];

/// What the check is called that a build of the SDK's own is there.
pub const BUILD: &str = "build";

const fn row(
    number: Option<u8>,
    name: &'static str,
    columns: fn(Column) -> bool,
    judge: fn(&Facts<'_>) -> Option<Judged>,
) -> Oracle {
    Oracle { number, name, judge, columns }
}

/// The judgement of the start of the build that is judged.
fn start(of: &Facts<'_>, judge: impl FnOnce(&Observation) -> Judgement) -> Option<Judged> {
    Some((of.build.seen.up().and_then(judge), vec![of.build.seen.source.clone()]))
}

/// As [`start`], of both builds of ours.
fn beside_ours(of: &Facts<'_>, judge: impl FnOnce(&Observation, &Observation) -> Judgement) -> Option<Judged> {
    let both = [&of.ours.seen, &of.build.seen];
    let judgement = both[0].up().and_then(|ours| judge(ours, both[1].up()?));
    Some((judgement, both.map(|seen| seen.source.clone()).to_vec()))
}

/// The build as it was, where that is a control.
fn unrewritten<'a>(of: &Facts<'a>) -> Result<Option<&'a Observation>, String> {
    let control = of.before.controls.iter().find(|control| control.control == Control::Unrewritten);
    control.map(|control| control.seen.up()).transpose()
}

fn changes_nothing(again: &Again) -> Judged {
    (nothing_changed(again.exit, &again.differences, &again.checksum), vec![again.source.clone()])
}

/// 1: the command proves the build, and refuses to prove the controls.
///
/// # Errors
/// Says which of the runs exited otherwise.
pub fn static_proof(proof: &Proof, controls: &[(Control, Exit)]) -> Judgement {
    let mut wrong = Vec::new();
    if let Some(exit) = proof.rewrite.filter(|exit| !exit.success()) {
        wrong.push(format!("`presentry` {exit}"));
    }
    if !proof.check.success() {
        wrong.push(format!("`presentry check` {}", proof.check));
    }
    for (control, exit) in controls {
        if *exit != Exit::Code(1) {
            wrong.push(format!("`presentry check` on the {} build {exit}, wanted code 1", control.name()));
        }
    }
    verdict(&wrong, || match controls {
        [] => "`presentry check` exits 0".to_owned(),
        _ => {
            let controls: Vec<String> = controls.iter().map(|(control, _)| format!("the {}", control.name())).collect();
            format!("`presentry check` exits 0, and 1 on {} build", controls.join(" and "))
        }
    })
}

/// 2: the runtime was loaded through hooks that the instrumentation itself registered.
///
/// # Errors
/// Names each module that the hooks did not see.
pub fn runtime_through_hooks(scenario: &Scenario, modules: &RuntimeModules, seen: &Observation) -> Judgement {
    if let Some(host) = unpatched(scenario) {
        return unseen(host, modules, seen);
    }
    let (mut among, mut missing, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    match (&scenario.absent.moved_entry, &modules.moved_entry) {
        (Some(reason), _) => left_out.push(format!("the moved entry does not apply ({reason})")),
        (None, None) => missing.push("the moved entry (no new file has the bytes of the entry)".to_owned()),
        (None, Some(entry)) if !seen.trace.saw(entry) => missing.push(format!("`{}`", entry.display())),
        (None, Some(_)) => among.push("the moved entry".to_owned()),
    }
    if seen.trace.saw(&modules.chunk) {
        among.push("the runtime".to_owned());
    } else {
        missing.push(format!("`{}`", modules.chunk.display()));
    }
    match (&scenario.package, &scenario.absent.package) {
        (None, reason) => left_out.push(format!("the package does not apply ({})", reason_of(reason))),
        (Some(package), _) if !seen.trace.saw_package(&package.name) => {
            missing.push(format!("the package `{}`", package.name));
        }
        (Some(package), _) => among.push(format!("`{}`", package.name)),
    }
    let loads = seen.trace.loads.len();
    if missing.is_empty() {
        let seen = format!("{loads} modules, {} among them", listed(&among));
        Ok(std::iter::once(seen).chain(left_out).collect::<Vec<_>>().join("; "))
    } else {
        Err(format!(
            "the hooks of the instrumentation (evaluated {}) saw {loads} modules, but not {}",
            numbered(seen.trace.evaluations, "time"),
            missing.join(", ")
        ))
    }
}

/// 2, where module hooks reach nothing: what is left of it is that the instrumentation ran.
fn unseen(host: &Host, modules: &RuntimeModules, seen: &Observation) -> Judgement {
    let mut wrong = Vec::new();
    if seen.trace.evaluations == 0 {
        wrong.push("the instrumentation was never evaluated".to_owned());
    }
    if seen.trace.saw(&modules.chunk) && host.engine.is_empty() {
        wrong.push(format!("the hooks saw the runtime, but {}", host.limit()));
    }
    let loads = seen.trace.loads.len();
    verdict(&wrong, || format!("does not apply ({}); {} seen", host.limit(), numbered(loads, "module")))
}

/// The host whose module hooks reach no ES module, where it is such a one.
fn unpatched(scenario: &Scenario) -> Option<&Host> {
    scenario.start.host().filter(|host| !host.patched)
}

/// 3: the libraries were really instrumented.
///
/// # Errors
/// Says which part was not seen, and what was instead.
pub fn libraries_instrumented(scenario: &Scenario, seen: &Observation) -> Judgement {
    let mut parts: Vec<Judgement> =
        (0..scenario.libraries.len()).map(|index| library_spans(scenario, index, seen)).collect();
    parts.push(package_patched(scenario, seen));
    let (right, wrong): (Vec<_>, Vec<_>) = parts.into_iter().partition(Result::is_ok);
    verdict(&wrong.into_iter().filter_map(Result::err).collect::<Vec<_>>(), || {
        right.into_iter().filter_map(Result::ok).collect::<Vec<_>>().join("; ")
    })
}

/// The part of oracle 3 about the library that is the scenario's `index`th: its spans are in the trace of the request that ran
/// it. Where the process of the function serves no HTTP, so that there is no transaction of the request, they are in any.
///
/// # Errors
/// Says what arrived instead.
pub fn library_spans(scenario: &Scenario, index: usize, seen: &Observation) -> Judgement {
    let library = &scenario.libraries[index];
    library_answered(library, index, seen)?;
    let host = scenario.start.host();
    let serves = host.is_none_or(|host| host.serves);
    let transactions = seen.received.transactions();
    let of_request: Vec<&Transaction> = transactions
        .iter()
        .filter(|transaction| !serves || is_of(library, transaction) && is_http_server(&transaction.root))
        .collect();
    let arrived = |wanted: &WantedSpan| {
        let counts = of_request.iter().map(|transaction| {
            let root = (!serves).then_some(&transaction.root);
            let of_trace = |span: &&Span| span.trace_id == transaction.root.trace_id;
            transaction.spans.iter().filter(of_trace).chain(root).filter(|span| is_wanted(wanted, span)).count()
        });
        // Where a request may be several transactions, all of them count.
        if serves { counts.max() } else { Some(counts.sum()) }
    };
    let mut count = 0;
    let mut missing = Vec::new();
    for wanted in &library.spans {
        match arrived(wanted) {
            Some(0) => missing.push(wanted.to_string()),
            Some(arrived) => count += arrived,
            None => {
                let names: Vec<String> = transactions
                    .iter()
                    .map(|transaction| {
                        let origin = transaction.root.origin.as_deref().unwrap_or("none");
                        format!("`{}` ({origin})", transaction.name)
                    })
                    .collect();
                return Err(format!(
                    "no `http.server` transaction of `GET {}` arrived, only [{}]{}",
                    library.path,
                    names.join(", "),
                    refused(&seen.received)
                ));
            }
        }
    }
    let place = if serves {
        format!("in the trace of `GET {}`", library.path)
    } else {
        format!("after `GET {}`, in no transaction of a request, as none comes through `node:http` there", library.path)
    };
    if !missing.is_empty() {
        let transaction = if serves { "in the `http.server` transaction of" } else { "after" };
        return Err(format!(
            "no span {} {transaction} `GET {}`{}",
            missing.join(", "),
            library.path,
            refused(&seen.received)
        ));
    }
    match &library.spans[..] {
        [one] => Ok(format!("{} {one} {place}", numbered(count, "span"))),
        kinds => Ok(format!("{} of {} kinds {place}", numbered(count, "span"), kinds.len())),
    }
}

fn is_of(library: &Library, transaction: &Transaction) -> bool {
    transaction.path.as_deref() == Some(&library.path)
}

fn is_wanted(wanted: &WantedSpan, span: &Span) -> bool {
    let is = |wanted: &Option<String>, got: &Option<String>| wanted.is_none() || wanted == got;
    span.origin.as_ref().is_some_and(|origin| wanted.origin.contains(origin))
        && is(&wanted.op, &span.op)
        && is(&wanted.description, &span.description)
}

fn library_answered(library: &Library, index: usize, seen: &Observation) -> Result<(), String> {
    match seen.libraries.get(index) {
        Some(response) => answered(&library.path, response, &library.contains),
        None => Err(format!("`GET {}` was not sent", library.path)),
    }
}

/// The part of oracle 3 about the ESM package: it was patched while it was loaded.
///
/// # Errors
/// Says what the package answered.
pub fn package_patched(scenario: &Scenario, seen: &Observation) -> Judgement {
    let Some(package) = &scenario.package else {
        return Ok(format!("the package does not apply ({})", reason_of(&scenario.absent.package)));
    };
    let value = package_value(package, seen)?;
    if let Some(host) = unpatched(scenario) {
        return if value == package.original {
            Ok(format!("`{}` is {value} as expected ({})", package.name, host.limit()))
        } else {
            Err(format!("`{}` is `{value}`, but {}", package.name, host.limit()))
        };
    }
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

/// 4, for a build beside which there is none with the real exports: they are of the kinds that the scenario names.
///
/// # Errors
/// Says which there are instead.
pub fn exports_of_kinds(kinds: &BTreeMap<String, String>, exports: &Value) -> Judgement {
    let seen = kinds_of(exports);
    if seen == *kinds {
        Ok(shown_kinds(&seen))
    } else {
        Err(format!("the exports are {}, wanted {}", shown_kinds(&seen), shown_kinds(kinds)))
    }
}

fn kinds_of(exports: &Value) -> BTreeMap<String, String> {
    let exports = exports.as_object().into_iter().flatten();
    exports.map(|(name, value)| (name.clone(), value["typeof"].as_str().unwrap_or_default().to_owned())).collect()
}

fn shown_kinds(kinds: &BTreeMap<String, String>) -> String {
    let kinds: Vec<String> = kinds.iter().map(|(name, kind)| format!("`{name}`: {kind}")).collect();
    listed(&kinds)
}

/// 4, where the unrewritten build does not have the real exports: they are of the kinds that the scenario names.
///
/// # Errors
/// Names the exports that differ; and says so where the unrewritten build has them, as nothing is shown then.
pub fn exports_restored(kinds: &BTreeMap<String, String>, unrewritten: &Value, rewritten: &Value) -> Judgement {
    let shown = shown_kinds;
    let (before, after) = (kinds_of(unrewritten), kinds_of(rewritten));
    let mut wrong = Vec::new();
    if after != *kinds {
        wrong.push(format!("the exports are {}, wanted {}", shown(&after), shown(kinds)));
    }
    if before == *kinds {
        wrong.push(format!("no control: the unrewritten build has {} as well", shown(&before)));
    }
    verdict(&wrong, || format!("{}, where the unrewritten build has {}", shown(&after), shown(&before)))
}

/// 5: the instrumentation is evaluated once in each process that loads the entry, also when Node preloads it. `preloaded` is
/// nothing where it cannot be preloaded.
///
/// # Errors
/// Says how often it was.
pub fn one_init(scenario: &Scenario, plain: &ModuleTrace, preloaded: Option<&ModuleTrace>) -> Judgement {
    let host = scenario.start.host();
    let expected = host.map_or(1, |host| host.evaluations);
    let mut wrong = Vec::new();
    for (how, trace) in [("", Some(plain)), (" under `--import`", preloaded)] {
        let Some(trace) = trace.filter(|trace| trace.evaluations != expected) else { continue };
        let times = numbered(trace.evaluations, "time");
        let wanted = if expected == 1 { String::new() } else { format!(", wanted {expected}") };
        wrong.push(format!("the instrumentation was evaluated {times}{how}{wanted}"));
    }
    verdict(&wrong, || {
        let number = if expected == 1 { "one".to_owned() } else { format!("{expected}, one in each process") };
        match (preloaded, host) {
            (None, Some(host)) => format!("{number}; `--import` does not apply ({})", host.limit()),
            _ => format!("{number}, also under `--import`"),
        }
    })
}

/// The guard of the facade is silent, and tells in a build without `init` that Sentry has no client.
///
/// # Errors
/// Shows what it printed.
pub fn guard(seen: &Observation, without_init: Option<&Observation>) -> Judgement {
    let mut wrong: Vec<String> = seen.guard.iter().map(|line| format!("it printed `{line}`")).collect();
    let tells = |seen: &&Observation| seen.guard.iter().any(|line| line.contains("Sentry has no client"));
    if without_init.is_some_and(|seen| !tells(&seen)) {
        wrong.push("without `init` it did not tell that Sentry has no client".to_owned());
    }
    verdict(&wrong, || match without_init {
        Some(_) => "silent; without `init` it tells that Sentry has no client".to_owned(),
        None => "silent".to_owned(),
    })
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
    if !ends_alike(later, later_unrewritten) {
        wrong.push(format!("thrown later: {later}; unrewritten: {later_unrewritten}"));
    }
    verdict(&wrong, || {
        let exit = first.exit.map_or_else(String::new, |exit| exit.to_string());
        format!("thrown at once: {exit}, printed; later as unrewritten: {later}")
    })
}

/// Whether a server came to the same as the unrewritten one. Where both ended, it does not count whether one could be reached
/// before: the SDK sends the error first, which takes the time in which a host finds that the server accepts connections.
/// Where both stay up, it may serve a static file that the unrewritten one does not find: under Nuxt the first statement
/// of the instrumentation says where files are, as that of the entry does, and the entry's does not run any more.
fn ends_alike(one: &ThrowObservation, unrewritten: &ThrowObservation) -> bool {
    match (one.exit, unrewritten.exit) {
        (Some(exit), Some(of_other)) => exit == of_other && one.printed == unrewritten.printed,
        _ if one.asset == Some(200) => *one == ThrowObservation { asset: one.asset, ..*unrewritten },
        _ => one == unrewritten,
    }
}

/// 7: the page renders, with what the server function returned and the SDK's meta tag, and static files are served.
///
/// `asset` is what the static file holds.
///
/// # Errors
/// Says what is not as it should be.
pub fn page_and_assets(scenario: &Scenario, asset: &[u8], seen: &Observation) -> Judgement {
    let mut right = vec!["page".to_owned()];
    let mut wrong = Vec::new();
    if let Err(error) = answered(&scenario.page.path, &seen.page, &scenario.page.contains) {
        wrong.push(error);
    }
    match (&scenario.absent.trace_meta, has_trace_meta(&seen.page.text())) {
        (None, true) => right.push("`sentry-trace` meta tag".to_owned()),
        (None, false) => wrong.push("the page has no `sentry-trace` meta tag with a trace and a span".to_owned()),
        (Some(reason), false) => right.push(format!("no `sentry-trace` meta tag ({reason})")),
        (Some(reason), true) => wrong.push(format!("the page has a `sentry-trace` meta tag, but {reason}")),
    }
    match (&scenario.asset, &seen.asset) {
        (None, _) => {
            right.push(format!("static files do not apply ({})", reason_of(&scenario.absent.asset)));
        }
        (Some(wanted), Some(got)) if got.status == 200 && got.body == asset => {
            let platform = scenario.start.host().is_some_and(|host| host.assets == Assets::Cdn);
            right.push(format!("`{}`{}", wanted.path, if platform { " from the platform" } else { "" }));
        }
        (Some(wanted), Some(got)) if got.status == 200 => {
            wrong.push(format!("`GET {}` answered other bytes than `{}` has", wanted.path, wanted.file));
        }
        (Some(wanted), Some(got)) => wrong.push(format!("`GET {}` answered {}", wanted.path, got.status)),
        (Some(wanted), None) => wrong.push(format!("`GET {}` was not sent", wanted.path)),
    }
    verdict(&wrong, || right.join(", "))
}

/// One control of oracle 8.
#[derive(Debug, Clone, Copy)]
pub struct ControlSeen<'a> {
    /// Which one.
    pub control: Control,
    /// Its modules.
    pub modules: &'a RuntimeModules,
    /// What it did.
    pub seen: &'a Observation,
}

impl<'a> ControlSeen<'a> {
    fn of(build: &'a ControlBuild) -> Result<ControlSeen<'a>, String> {
        let ControlBuild { control, modules, seen, .. } = build;
        let seen = seen.up().map_err(|error| format!("{}: no control, {error}", control.name()))?;
        Ok(ControlSeen { control: *control, modules, seen })
    }
}

/// 8: the controls work as servers, and fail what they must fail.
///
/// # Errors
/// Names what a control passed, or why it is no control.
pub fn controls_fail(scenario: &Scenario, controls: &[ControlSeen<'_>]) -> Judgement {
    let mut wrong = Vec::new();
    let mut library = Vec::new();
    for ControlSeen { control, modules, seen } in controls {
        let name = control.name();
        let mut no_control = |error: String| wrong.push(format!("{name}: no control, {error}"));
        // A control that does not even work fails everything, and proves nothing.
        if let Err(error) = answered(&scenario.page.path, &seen.page, &scenario.page.contains) {
            no_control(error);
        }
        for (index, library) in scenario.libraries.iter().enumerate() {
            if let Err(error) = library_answered(library, index, seen) {
                no_control(error);
            }
        }
        if let Some(Err(error)) = scenario.package.as_ref().map(|package| package_value(package, seen)) {
            no_control(error);
        }
        // Not the whole of oracle 2, which a build without a moved entry cannot pass anyhow.
        if seen.trace.saw(&modules.chunk) {
            wrong.push(format!("{name}: the hooks saw the runtime (oracle 2)"));
        }
        if let Some(package) = &scenario.package {
            if seen.trace.saw_package(&package.name) {
                wrong.push(format!("{name}: the hooks saw `{}` (oracle 2)", package.name));
            }
            if let (Ok(passed), None) = (package_patched(scenario, seen), unpatched(scenario)) {
                wrong.push(format!("{name}: {passed} (oracle 3)"));
            }
        }
        if *control != Control::Unrewritten && seen.trace.evaluations == 0 {
            wrong.push(format!("{name}: no control, the instrumentation was never evaluated"));
        }
        for (index, Library { module, path, .. }) in scenario.libraries.iter().enumerate() {
            match (control, module, library_spans(scenario, index, seen)) {
                (Control::Unrewritten, _, Ok(passed)) => wrong.push(format!("{name}: {passed} (oracle 3)")),
                (Control::Unrewritten, _, Err(_)) => {}
                (_, Some(Module::Esm), Ok(passed)) => wrong.push(format!("{name}: {passed} (oracle 3)")),
                (Control::TopLevelImport, Some(Module::Commonjs), Err(error)) => {
                    wrong.push(format!("{name}: no control, {error}"));
                }
                (_, module, judgement) => {
                    let arrive = if judgement.is_ok() { "arrive" } else { "do not arrive" };
                    let whose = match (module, scenario.libraries.len()) {
                        (Some(Module::Esm), _) => format!("the spans of the ESM library of `{path}`"),
                        (_, 1) => "the library's spans".to_owned(),
                        _ => format!("the spans of `{path}`"),
                    };
                    library.push(format!("under {name} {whose} {arrive}"));
                }
            }
        }
    }
    if controls.is_empty() {
        wrong.push("there are no controls".to_owned());
    }
    verdict(&wrong, || {
        let names: Vec<String> = controls.iter().map(|control| control.control.name().to_owned()).collect();
        let (parts, all) = match (&scenario.package, unpatched(scenario)) {
            (_, Some(_)) => ("what is left of 2 and 3", ""),
            (Some(_), None) => ("2 and the ESM part of 3", ", unrewritten all of 3"),
            (None, None) => ("2", ", unrewritten all of 3"),
        };
        let all = if scenario.has(Control::Unrewritten) { all } else { "" };
        let fail = if names.len() == 1 { "fails" } else { "fail" };
        let library = if library.is_empty() { String::new() } else { format!(" ({})", library.join(", ")) };
        format!("{} {fail} {parts}{all}{library}", listed(&names))
    })
}

/// A check beside the oracles: the routes answer with what the instrumentation computed, and the unrewritten build's do
/// not.
///
/// # Errors
/// Names each field that has another value, and each route of the unrewritten build that answers right.
pub fn values_are(scenario: &Scenario, seen: &Observation, unrewritten: Option<&Observation>) -> Judgement {
    let mut wrong = Vec::new();
    let mut right = Vec::new();
    for (index, values) in scenario.values.iter().enumerate() {
        let answer = |seen: &Observation| seen.values.get(index).map(Response::json).unwrap_or_default();
        let got = answer(seen);
        for (field, wanted) in &values.fields {
            if got[field] == *wanted {
                right.push(format!("`{field}`"));
            } else {
                wrong.push(format!("`{field}` of `GET {}` is {}, wanted {wanted}", values.path, got[field]));
            }
        }
        let control = unrewritten.map(answer);
        if control.is_some_and(|got| values.fields.iter().any(|(field, wanted)| got[field] == *wanted)) {
            wrong.push(format!("unrewritten: `GET {}` answers with what the instrumentation computes", values.path));
        }
    }
    if scenario.values.is_empty() {
        wrong.push("no value is looked at".to_owned());
    }
    verdict(&wrong, || listed(&right))
}

/// A check beside the oracles: what Sentry does beside spans of libraries is done, and not by the unrewritten build.
///
/// # Errors
/// Names each feature of which something was not seen, and each that the unrewritten build has as well.
pub fn features(scenario: &Scenario, seen: &Observation, unrewritten: Option<&Observation>) -> Judgement {
    let mut wrong = Vec::new();
    for (index, feature) in scenario.features.iter().enumerate() {
        let answer = seen.features.get(index).ok_or_else(|| format!("`GET {}` was not sent", feature.path));
        let judged = answer.and_then(|answer| {
            if answer.status == feature.status && answer.text().contains(&feature.contains) {
                return feature_arrived(feature, &seen.received);
            }
            Err(format!(
                "the answer is {} without `{}`, wanted {}: `{}`",
                answer.status,
                feature.contains,
                feature.status,
                answer.text().chars().take(200).collect::<String>()
            ))
        });
        if let Err(error) = judged {
            wrong.push(format!("{}: {error}", feature.name));
        }
        let control = unrewritten.filter(|_| feature.needs_sentry());
        if control.is_some_and(|unrewritten| feature_arrived(feature, &unrewritten.received).is_ok()) {
            wrong.push(format!("unrewritten: {} arrives", feature.name));
        }
    }
    if scenario.features.is_empty() {
        wrong.push("no feature is looked at".to_owned());
    }
    verdict(&wrong, || listed(&scenario.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>()))
}

/// The part of a feature that arrives at the intake.
///
/// # Errors
/// Says what did not arrive.
pub fn feature_arrived(feature: &Feature, received: &Received) -> Result<(), String> {
    let transactions = received.transactions();
    let mut wrong = Vec::new();
    if let Some(wanted) = &feature.span {
        let mut spans = transactions.iter().flat_map(|transaction| transaction.spans.iter().chain([&transaction.root]));
        if !spans.any(|span| is_wanted(wanted, span)) {
            wrong.push(format!("no span {wanted} arrived"));
        }
    }
    if let Some(trace) = &feature.trace {
        let of_path = |one: &&Transaction| one.path.as_deref() == Some(&feature.path);
        let traces: Vec<&str> =
            transactions.iter().filter(of_path).map(|transaction| transaction.root.trace_id.as_str()).collect();
        if !traces.contains(&trace.as_str()) {
            wrong.push(format!("the traces of `{}` are [{}], wanted `{trace}`", feature.path, traces.join(", ")));
        }
    }
    if let Some(text) = &feature.error {
        let of_error: Vec<&Event> =
            received.events().filter(|event| event.messages.iter().any(|message| message.contains(text))).collect();
        let has_local = |event: &&Event| match &feature.local {
            None => true,
            Some(local) => event.variables.iter().flat_map(BTreeMap::values).any(|value| value == local),
        };
        if of_error.is_empty() {
            wrong.push(format!("no error `{text}` arrived"));
        } else if !of_error.iter().any(has_local) {
            wrong.push(format!("the error `{text}` arrived without its local variables"));
        }
    }
    if let Some(wanted) = &feature.item {
        let mut items = received.envelopes.iter().flat_map(|envelope| &envelope.items);
        if !items.any(|item| matches!(item, Item::Other(kind) if kind == wanted)) {
            wrong.push(format!("no item `{wanted}` arrived"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}{}", wrong.join(", "), refused(received))) }
}

/// A check beside the oracles: with `--import` of what the SDK left, the unrewritten build dies of `wanted` before it
/// listens, where the judged one runs.
///
/// # Errors
/// Says what it did instead.
pub fn preload_dies(wanted: &str, seen: &StartSeen) -> Judgement {
    match seen {
        StartSeen::Ended { exit, printed } if !exit.success() && printed.contains(wanted) => {
            Ok(format!("unrewritten under `--import`: {exit}, printed `{wanted}`"))
        }
        StartSeen::Ended { exit, .. } => {
            Err(format!("no control: unrewritten under `--import` {exit}, and `{wanted}` is not printed"))
        }
        StartSeen::Listened => Err("no control: unrewritten under `--import` listens".to_owned()),
    }
}

/// A check beside the oracles: the loader of firebase-functions finds in the rewritten build what it finds in the
/// unrewritten one, the function among it, and does not find it behind a wrapper.
///
/// # Errors
/// Says what it finds.
pub fn deployed_the_same(function: &str, unrewritten: &Value, rewritten: &Value, wrapped: &Value) -> Judgement {
    let mut wrong = Vec::new();
    if !unrewritten[function].is_object() {
        wrong.push(format!("no control: `{function}` is not found in the unrewritten build, but {unrewritten}"));
    }
    if rewritten != unrewritten {
        wrong.push(format!("found {rewritten}, unrewritten {unrewritten}"));
    }
    if wrapped[function].is_object() {
        wrong.push(format!("no control: `{function}` is found behind a wrapper"));
    }
    verdict(&wrong, || format!("`{function}` is found as in the unrewritten build, and not behind a wrapper"))
}

/// A check beside the oracles: the command comes to what the scenario says, and prints why.
///
/// # Errors
/// Says what it came to.
pub fn ends_as_said(ends: &Ends, exit: Exit, printed: &str) -> Judgement {
    let mut wrong = Vec::new();
    if exit != Exit::Code(ends.exit) {
        wrong.push(format!("`presentry` {exit}, wanted code {}", ends.exit));
    }
    if !printed.contains(&ends.says) {
        wrong.push(format!("`presentry` does not print `{}`", ends.says));
    }
    verdict(&wrong, || format!("`presentry` {exit}, printed `{}`", ends.says))
}

/// A check beside the oracles: `presentry trace` sees the expected spans in the build, and misses them in the control.
///
/// # Errors
/// Says which of the two came to what.
pub fn spans_traced(traced: &Traced, (exit, printed): (Exit, &str), control: (Exit, &str)) -> Judgement {
    let (request, expect) = (&traced.path, &traced.expect);
    let missing = format!("no span of `{expect}` arrived");
    let mut wrong = Vec::new();
    if exit != Exit::Code(0) || printed.contains(&missing) {
        wrong.push(format!("`trace --request {request} --expect {expect}` {exit}"));
    }
    if control.0 != Exit::Code(1) || !control.1.contains(&missing) {
        wrong.push(format!("no control: where nothing injects it {}, and does not print `{missing}`", control.0));
    }
    verdict(&wrong, || format!("`{expect}` is seen under `GET {request}`, and not where nothing injects"))
}

/// A check beside the oracles: nothing changed between two snapshots, whose `differences` are given.
///
/// # Errors
/// Lists the differences.
pub fn nothing_changed(exit: Exit, differences: &[String], checksum: &str) -> Judgement {
    if !exit.success() {
        return Err(format!("the command {exit}"));
    }
    unchanged(differences, checksum)
}

/// As [`nothing_changed`], whatever the command exited with.
///
/// # Errors
/// Lists the differences.
pub fn unchanged(differences: &[String], checksum: &str) -> Judgement {
    const SHOWN: usize = 5;
    if differences.is_empty() {
        Ok(format!("sha256 {}…", &checksum[..checksum.len().min(16)]))
    } else {
        let more = differences.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Err(format!("{}{more}", differences[..differences.len().min(SHOWN)].join(", ")))
    }
}

/// A check beside the oracles: the command that the npm package brings is the one that is judged.
///
/// # Errors
/// Says what it is.
pub fn command_is(wanted: &str, seen: &str) -> Judgement {
    if seen == wanted && !seen.is_empty() {
        Ok(format!("`{seen}`"))
    } else {
        Err(format!("it says `{seen}`, wanted `{wanted}`"))
    }
}

pub(crate) fn verdict(wrong: &[String], right: impl FnOnce() -> String) -> Judgement {
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

fn package_value(package: &Package, seen: &Observation) -> Result<String, String> {
    let Some(response) = &seen.package else { return Err(format!("`GET {}` was not sent", package.path)) };
    match response.json()[&package.field].as_str() {
        Some(value) if value == package.original || value == package.patched => Ok(value.to_owned()),
        _ => Err(format!("`GET {}` answered {} with `{}`", package.path, response.status, response.text())),
    }
}

fn reason_of(absent: &Option<String>) -> &str {
    absent.as_deref().unwrap_or("no reason is given")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

fn is_http_server(span: &Span) -> bool {
    span.op.as_deref() == Some("http.server")
        && span.origin.as_deref().is_some_and(|origin| HTTP_ORIGINS.contains(&origin))
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
pub(crate) mod tests;
