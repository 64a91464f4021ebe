//! The judge of the analysis: instrumentations are generated, Node runs each behind the facade, and what happened is held
//! against what was proven. A bounded run is a test; `cargo xtask fuzz --order` sets the budget.

mod generate;
mod node;
mod program;

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use presentry_rewriter::{ModulePath, Proof, Rule, Verdict as Certainty, prove, prove_without};

use node::{Fact, Seen};
use program::{Environment, FRAME, Program, Reader};

/// How many programs share a Node process.
const BATCH: u64 = 150;

/// The programs of the bounded run, and the seed of the first.
const BOUNDED: (u64, u64) = (300, 1);

/// The programs of a control.
const CONTROL: u64 = 100;

/// Among how many programs a rule that is left out has to be noticed, and how many of those run at a time on which the
/// verdict changes.
const CANDIDATES: u64 = 5000;
const CHANGED: usize = 8;

/// How many right programs may be refused, in percent.
const MOST_REFUSED: u64 = 2;

/// How many failing programs of a kind are made smaller and shown.
const SHOWN: usize = 6;

/// How many batches run beside each other.
const THREADS: usize = 2;

/// A name that programs read and nothing defines.
const UNDEFINED: &str = "undefined_name";

const ANOTHER_DECIDES: &str = "proven under a condition, and another one decides";

/// Statements of which nothing is known, each with what is known of it: an `await` runs what was queued.
const UNKNOWN: [(&str, &str); 3] = [
    ("globalThis.unknown?.();", "0;"),
    ("globalThis.unknown?.method(globalThis);", "0;"),
    ("await globalThis.unknown;", "await 0;"),
];

/// What the analysis says of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Proven,
    /// Proven if these hold: the texts of the conditions.
    Conditional(Vec<String>),
    /// Not proven, for the reason with this code.
    Refused(String),
}

/// What the verdict on a program is worth, given what Node did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It is true.
    Right,
    /// Sentry is always first, and a condition is named all the same.
    Timid,
    /// A right program is refused.
    Refusal(String),
    /// It is refused, or a condition is named, and Sentry is first all the same because it wins a race.
    Race,
    /// Something else is true than was proven.
    Wrong(&'static str),
}

fn analysed(program: &Program) -> Verdict {
    verdict(program, &prove(&program.sources(), &entry()))
}

fn entry() -> ModulePath {
    ModulePath::new("index.mjs").unwrap()
}

fn verdict(program: &Program, proof: &Proof) -> Verdict {
    match (proof.verdict, proof.failures.first()) {
        (Certainty::Proven, None) => Verdict::Proven,
        (Certainty::UnderCondition, None) => Verdict::Conditional(conditions(program, proof)),
        (Certainty::NotProven, Some(failure)) => Verdict::Refused(failure.code.name.to_owned()),
        (certainty, failure) => panic!("{certainty:?} with {failure:?}"),
    }
}

/// The texts of the conditions of a proof, each with the lines that say what the names in it hold.
fn conditions(program: &Program, proof: &Proof) -> Vec<String> {
    let frame = FRAME.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let texts: BTreeMap<String, String> = frame.chain(program.texts(Reader::Analysis)).collect();
    let words = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    // The generator gives its names numbers.
    let is_generated = |word: &String| word.starts_with(char::is_alphabetic) && word.ends_with(char::is_numeric);
    let conditional = proof.warnings.iter().filter(|warning| warning.code.name == "init-conditional");
    let condition = |text: &str| {
        let names: Vec<String> = words(text).into_iter().filter(is_generated).collect();
        let lines = texts.values().flat_map(|text| text.lines());
        let defining = lines.filter(|line| words(line).iter().any(|word| names.contains(word)));
        defining.fold(text.to_owned(), |all, line| all + "\n" + line)
    };
    conditional.flat_map(|warning| &warning.labels).map(|label| condition(label.span.of(&texts[&label.path]))).collect()
}

/// Compares a verdict with the runs in all environments.
fn worth(verdict: &Verdict, runs: &[(Environment, Seen)]) -> Worth {
    let facts: Vec<Fact> = runs.iter().map(|(_, seen)| seen.fact()).filter(|fact| *fact != Fact::Ended).collect();
    let all_first = facts.iter().all(|fact| *fact == Fact::First);
    let some_first = facts.contains(&Fact::First);
    match verdict {
        Verdict::Proven if all_first => Worth::Right,
        Verdict::Proven => Worth::Wrong("proven, and Sentry is not first"),
        Verdict::Conditional(_) if all_first => Worth::Timid,
        Verdict::Conditional(conditions) if !some_first && !never_met(conditions, runs) => {
            Worth::Wrong("proven under a condition, and Sentry is never first")
        }
        Verdict::Conditional(conditions) if unnamed_condition(conditions, runs) => Worth::Wrong(ANOTHER_DECIDES),
        Verdict::Conditional(_) => Worth::Right,
        Verdict::Refused(reason) => {
            let right = some_first && facts.iter().all(|fact| matches!(fact, Fact::First | Fact::Without));
            let lost = runs.iter().any(|(_, seen)| seen.library_lost());
            if right && !lost { Worth::Refusal(reason.clone()) } else { Worth::Right }
        }
    }
}

/// Whether Sentry never starts, and what is named never holds: a program can test for what contradicts itself, or read a
/// name that nothing defines, and the condition is true of it all the same.
fn never_met(conditions: &[String], runs: &[(Environment, Seen)]) -> bool {
    let variables = runs.iter().flat_map(|(environment, _)| environment.iter().copied());
    let mut never = variables.chain([UNDEFINED]);
    never.any(|name| conditions.iter().any(|text| text.contains(name)))
        && runs.iter().all(|(_, seen)| matches!(seen.fact(), Fact::Without | Fact::Ended))
}

/// Whether Sentry is first in one environment and not in another one, and no variable in which they differ is named.
fn unnamed_condition(conditions: &[String], runs: &[(Environment, Seen)]) -> bool {
    let named = |environment: &Environment| -> Vec<&'static str> {
        environment.iter().copied().filter(|variable| conditions.iter().any(|text| text.contains(variable))).collect()
    };
    let runs: Vec<_> = runs.iter().filter(|(_, seen)| seen.fact() != Fact::Ended).collect();
    runs.iter().any(|(first, seen)| {
        runs.iter().any(|(second, other)| named(first) == named(second) && seen.fact() != other.fact())
    })
}

/// What was found over all programs.
#[derive(Debug, Default)]
struct Counts {
    programs: u64,
    runs: u64,
    proven: u64,
    conditional: u64,
    refused: u64,
    right: u64,
    timid: u64,
    races: u64,
    ended: u64,
    refusals: BTreeMap<String, u64>,
    wrong: BTreeMap<&'static str, u64>,
}

impl Counts {
    fn add(&mut self, verdict: &Verdict, worth: &Worth, runs: &[(Environment, Seen)]) {
        self.programs += 1;
        self.runs += runs.len() as u64;
        let facts: Vec<Fact> = runs.iter().map(|(_, seen)| seen.fact()).filter(|fact| *fact != Fact::Ended).collect();
        self.ended += u64::from(facts.is_empty());
        let right =
            facts.contains(&Fact::First) && facts.iter().all(|fact| matches!(fact, Fact::First | Fact::Without));
        let lost = runs.iter().any(|(_, seen)| seen.library_lost());
        self.right += u64::from(right && !lost && *worth != Worth::Race);
        match verdict {
            Verdict::Proven => self.proven += 1,
            Verdict::Conditional(_) => self.conditional += 1,
            Verdict::Refused(_) => self.refused += 1,
        }
        match worth {
            Worth::Right => {}
            Worth::Timid => self.timid += 1,
            Worth::Race => self.races += 1,
            Worth::Refusal(reason) => *self.refusals.entry(reason.clone()).or_default() += 1,
            Worth::Wrong(reason) => *self.wrong.entry(reason).or_default() += 1,
        }
    }

    fn merge(&mut self, other: Counts) {
        self.programs += other.programs;
        self.runs += other.runs;
        self.proven += other.proven;
        self.conditional += other.conditional;
        self.refused += other.refused;
        self.right += other.right;
        self.timid += other.timid;
        self.races += other.races;
        self.ended += other.ended;
        other.refusals.into_iter().for_each(|(reason, count)| *self.refusals.entry(reason).or_default() += count);
        other.wrong.into_iter().for_each(|(reason, count)| *self.wrong.entry(reason).or_default() += count);
    }

    fn refused_right(&self) -> u64 {
        self.refusals.values().sum()
    }

    fn show(&self) -> String {
        let list = |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        format!(
            "order: {} programs, {} runs: {} proven, {} under a condition, {} not proven; {} never reach the runtime\n\
             order: wrong: {}\n\
             order: {} right programs, {} refused ({:.2} %): {}; {} with a condition that none needs, {} races refused",
            self.programs,
            self.runs,
            self.proven,
            self.conditional,
            self.refused,
            self.ended,
            list(self.wrong.iter().map(|(reason, count)| format!("{count} {reason}")).collect()),
            self.right,
            self.refused_right(),
            self.refused_right() as f64 * 100.0 / self.right.max(1) as f64,
            list(self.refusals.iter().map(|(reason, count)| format!("{reason} {count}")).collect()),
            self.timid,
            self.races,
        )
    }
}

/// A program whose verdict is not what Node did.
#[derive(Clone)]
struct Finding {
    seed: u64,
    worth: Worth,
    program: Program,
    runs: Vec<(Environment, Seen)>,
}

/// Judges programs, all in one process.
fn judged(programs: &[(u64, Program)], analyse: &dyn Fn(&Program) -> Verdict, counts: &mut Counts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut racing = Vec::new();
    for ((seed, program), runs) in programs.iter().zip(observed(programs.iter().map(|(_, program)| program))) {
        let verdict = analyse(program);
        let worth = worth(&verdict, &runs);
        if matches!(worth, Worth::Refusal(_) | Worth::Wrong(ANOTHER_DECIDES)) && program.races() {
            racing.push((*seed, program, verdict, worth, runs));
            continue;
        }
        counts.add(&verdict, &worth, &runs);
        found.push(Finding { seed: *seed, worth, program: program.clone(), runs });
    }
    // Whether they are right without what runs later.
    let calm: Vec<Program> = racing.iter().map(|(_, program, ..)| program.without_races()).collect();
    for ((seed, program, verdict, mut worth, runs), calm) in racing.into_iter().zip(observed(calm.iter())) {
        if self::worth(&verdict, &calm) != worth {
            worth = Worth::Race;
        }
        counts.add(&verdict, &worth, &runs);
        found.push(Finding { seed, worth, program: program.clone(), runs });
    }
    found.retain(|finding| matches!(finding.worth, Worth::Wrong(_) | Worth::Refusal(_)));
    found
}

/// What Node does with programs, each in all its environments.
fn observed<'p>(programs: impl Iterator<Item = &'p Program>) -> Vec<Vec<(Environment, Seen)>> {
    let all: Vec<(&Program, Vec<Environment>)> = programs.map(|program| (program, program.environments())).collect();
    let flat: Vec<(&Program, Environment)> = all
        .iter()
        .flat_map(|(program, environments)| environments.iter().map(|environment| (*program, environment.clone())))
        .collect();
    let mut seen = node::run(&flat).into_iter();
    all.into_iter()
        .map(|(_, environments)| {
            environments.into_iter().map(|environment| (environment, seen.next().unwrap())).collect()
        })
        .collect()
}

/// Takes away what a finding does not need.
fn smaller(finding: Finding, analyse: &dyn Fn(&Program) -> Verdict) -> Finding {
    let mut smallest = finding;
    loop {
        // The verdict is cheap, so it is asked first.
        let wanted = matches!(smallest.worth, Worth::Wrong(_));
        let steps = smallest.program.smaller();
        let steps: Vec<(u64, Program)> = steps
            .into_iter()
            .filter(|program| matches!(analyse(program), Verdict::Refused(_)) != wanted)
            .map(|program| (smallest.seed, program))
            .collect();
        let next = judged(&steps, analyse, &mut Counts::default());
        match next.into_iter().find(|next| next.worth == smallest.worth) {
            Some(next) => smallest = next,
            None => return smallest,
        }
    }
}

/// The text of a finding.
fn describe(finding: &Finding) -> String {
    let mut text = format!("seed {}: {:?}\n", finding.seed, finding.worth);
    for (path, module) in finding.program.texts(Reader::Analysis) {
        text.push_str(&format!("--- {path}\n{module}"));
    }
    for (environment, seen) in &finding.runs {
        text.push_str(&format!(
            "with {environment:?}: {:?}{}\n",
            seen.fact(),
            match &seen.error {
                Some(error) => format!(" ({error})"),
                None => String::new(),
            }
        ));
    }
    text.push_str(&format!("repeat it with `cargo xtask fuzz --order --seed {} --programs 1`\n", finding.seed));
    text
}

/// Judges the programs of a range of seeds, on two threads.
fn judge(first: u64, count: u64, analyse: &(dyn Fn(&Program) -> Verdict + Sync)) -> (Counts, Vec<Finding>) {
    let next = AtomicU64::new(0);
    let results = Mutex::new((Counts::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(BATCH, Ordering::Relaxed);
                    if start >= count {
                        return;
                    }
                    let seeds = (start..count.min(start + BATCH)).map(|number| first.wrapping_add(number));
                    let programs: Vec<_> = seeds.map(|seed| (seed, generate::program(seed))).collect();
                    let mut counts = Counts::default();
                    let found = judged(&programs, analyse, &mut counts);
                    let mut results = results.lock().unwrap();
                    results.0.merge(counts);
                    results.1.extend(found);
                }
            });
        }
    });
    let (counts, mut found) = results.into_inner().unwrap();
    found.sort_by_key(|finding| finding.seed);
    (counts, found)
}

/// A number that the verb hands over.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Why a run is red.
fn faults(counts: &Counts) -> Vec<String> {
    let mut faults: Vec<String> = counts.wrong.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    // One program is refused or not.
    if counts.programs > 1 && counts.refused_right() * 100 > counts.right * MOST_REFUSED {
        faults.push(format!("more than {MOST_REFUSED} % of the right programs are refused"));
    }
    faults
}

#[test]
fn generated_programs() {
    let count = number("PRESENTRY_ORDER_PROGRAMS");
    let first = number("PRESENTRY_ORDER_SEED").unwrap_or(BOUNDED.1);
    let (counts, found) = judge(first, count.unwrap_or(BOUNDED.0), &analysed);
    // libtest has begun a line of its own.
    println!("\n{}", counts.show());
    let shown = number("PRESENTRY_ORDER_SHOW").map_or(SHOWN, |count| usize::try_from(count).unwrap());
    let mut of_kind = BTreeMap::<Worth, usize>::new();
    let mut seeds = BTreeMap::<Worth, Vec<u64>>::new();
    let (wrong, refused): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|finding| matches!(finding.worth, Worth::Wrong(_)));
    for finding in wrong.iter().chain(&refused) {
        seeds.entry(finding.worth.clone()).or_default().push(finding.seed);
    }
    seeds.iter().for_each(|(worth, seeds)| println!("{worth:?}: seeds {seeds:?}"));
    for finding in wrong.into_iter().chain(refused) {
        let times = of_kind.entry(finding.worth.clone()).or_default();
        *times += 1;
        if *times <= shown {
            println!("{}", describe(&smaller(finding, &analysed)));
        }
    }
    let faults = faults(&counts);
    assert!(faults.is_empty(), "{}", faults.join("; "));
}

#[test]
fn a_verdict_is_held_against_every_run() {
    let first = |variables: &[&'static str]| (variables.to_vec(), Seen::of(&["started", "loaded", "runtime"]));
    let late = |variables: &[&'static str]| (variables.to_vec(), Seen::of(&["loaded", "started", "runtime"]));
    let without = |variables: &[&'static str]| (variables.to_vec(), Seen::of(&["loaded", "runtime"]));
    let ended = |variables: &[&'static str]| (variables.to_vec(), Seen::of(&["loaded", "ended", "runtime"]));
    let given = |text: &str| Verdict::Conditional(vec![format!("process.env.{text}")]);
    let refused = Verdict::Refused("why".to_owned());
    let refusal = Worth::Refusal("why".to_owned());
    let (never, other) = ("proven under a condition, and Sentry is never first", ANOTHER_DECIDES);
    for (verdict, runs, expected) in [
        (Verdict::Proven, vec![first(&[])], Worth::Right),
        (Verdict::Proven, vec![first(&[]), ended(&["A"])], Worth::Right),
        (Verdict::Proven, vec![ended(&[])], Worth::Right),
        (Verdict::Proven, vec![first(&[]), without(&["A"])], Worth::Wrong("proven, and Sentry is not first")),
        (Verdict::Proven, vec![late(&[])], Worth::Wrong("proven, and Sentry is not first")),
        (given("A"), vec![without(&[]), first(&["A"])], Worth::Right),
        (given("A"), vec![first(&[]), first(&["A"])], Worth::Timid),
        (given("A"), vec![without(&[]), late(&["A"])], Worth::Wrong(never)),
        (given("A"), vec![without(&[]), without(&["A"])], Worth::Right),
        (given("B"), vec![without(&[]), without(&["A"])], Worth::Wrong(never)),
        (given("A"), vec![without(&[]), without(&["A"]), first(&["B"]), first(&["A", "B"])], Worth::Wrong(other)),
        (refused.clone(), vec![first(&[])], refusal.clone()),
        (refused.clone(), vec![first(&["A"]), without(&[])], refusal),
        (refused.clone(), vec![first(&["A"]), late(&[])], Worth::Right),
        (refused, vec![ended(&[])], Worth::Right),
    ] {
        assert_eq!(worth(&verdict, &runs), expected, "{verdict:?} of {runs:?}");
    }
}

/// The control: an analysis that accepts everything, and one that refuses everything.
#[test]
fn a_blind_analysis_is_red() {
    let (accepting, _) = judge(BOUNDED.1, CONTROL, &|_| Verdict::Proven);
    assert!(accepting.wrong.values().sum::<u64>() * 10 > CONTROL, "{}", accepting.show());
    let (refusing, _) = judge(BOUNDED.1, CONTROL, &|_| Verdict::Refused("control".to_owned()));
    assert!(refusing.right * 4 > CONTROL, "too few programs are right: {}", refusing.show());
    assert!(!faults(&refusing).is_empty(), "{}", refusing.show());
}

/// Each rule of the analysis is needed: without it something is proven that is not true. Node runs the programs on which
/// the verdict becomes another one.
#[test]
fn a_rule_that_is_left_out_is_noticed() {
    let programs: Vec<Program> = (0..CANDIDATES).map(|number| generate::program(BOUNDED.1 + number)).collect();
    let verdicts: Vec<Verdict> = programs.iter().map(analysed).collect();
    let without = |program: &Program, rule| verdict(program, &prove_without(&program.sources(), &entry(), rule));
    let is_noticed = |rule: Rule| {
        let judged =
            programs.iter().zip(&verdicts).map(|(program, verdict)| (program, without(program, rule), verdict));
        let mut changed = judged.filter(|(_, without, verdict)| without != *verdict).peekable();
        while changed.peek().is_some() {
            let some: Vec<_> = changed.by_ref().take(CHANGED).collect();
            let runs = observed(some.iter().map(|(program, ..)| *program));
            let mut worths = some.iter().zip(&runs).map(|((_, without, _), runs)| worth(without, runs));
            if worths.any(|worth| matches!(worth, Worth::Wrong(_))) {
                return true;
            }
        }
        false
    };
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(rule) = Rule::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !is_noticed(*rule) {
                        missed.lock().unwrap().push(*rule);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:?}");
}

/// What is not known must never make a verdict better.
#[test]
fn an_unknown_never_improves_a_verdict() {
    let count = number("PRESENTRY_ORDER_PROGRAMS").unwrap_or(BOUNDED.0).min(CANDIDATES);
    let first = number("PRESENTRY_ORDER_SEED").unwrap_or(BOUNDED.1);
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Proven => 2,
        Verdict::Conditional(_) => 1,
        Verdict::Refused(_) => 0,
    };
    for seed in (0..count).map(|number| first.wrapping_add(number)) {
        let program = generate::program(seed);
        for (number, (unknown, known)) in UNKNOWN.into_iter().enumerate() {
            let place = usize::try_from(seed % 9973).unwrap() * 31 + number * 17;
            let before = analysed(&program.with_statement(place, known));
            let more = program.with_statement(place, unknown);
            let after = analysed(&more);
            assert!(
                rank(&after) <= rank(&before),
                "seed {seed}: {before:?} became {after:?} by `{unknown}`:\n{}",
                more.texts(Reader::Analysis)
                    .iter()
                    .map(|(path, text)| format!("--- {path}\n{text}"))
                    .collect::<String>()
            );
        }
    }
}

/// The stand-ins do what the real SDK and a real library do.
#[test]
fn the_stand_ins_are_equal_to_the_real_sdk() {
    let (Some(count), Ok(modules)) = (number("PRESENTRY_ORDER_REAL"), env::var("PRESENTRY_ORDER_MODULES")) else {
        // Packages from npm are brought by the verb.
        return;
    };
    let modules = Path::new(&modules);
    node::complete(modules);
    let first = number("PRESENTRY_ORDER_SEED").unwrap_or(BOUNDED.1);
    // Who wins a race differs from run to run.
    let calm = (0..).map(|number| generate::program(first.wrapping_add(number))).filter(|program| !program.races());
    let programs: Vec<Program> = calm.take(usize::try_from(count).unwrap()).collect();
    let runs: Vec<_> = programs.iter().zip(observed(programs.iter())).collect();
    let next = AtomicUsize::new(0);
    let counts = Mutex::new((0, BTreeMap::<String, u64>::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((program, runs)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for (environment, seen) in runs {
                        let real = node::run_real(program, environment, modules);
                        let mut counts = counts.lock().unwrap();
                        counts.0 += 1;
                        *counts.1.entry(format!("{:?}", seen.fact())).or_default() += 1;
                        if let Err(why) = seen.agrees(real) {
                            let texts = program.texts(Reader::Analysis).into_iter();
                            let text: String = texts.map(|(path, text)| format!("--- {path}\n{text}")).collect();
                            counts.2.push(format!("with {environment:?}, {seen:?}: {why}\n{text}"));
                        }
                    }
                }
            });
        }
    });
    let (runs, facts, differences) = counts.into_inner().unwrap();
    println!("\norder: {count} programs with the real SDK, {runs} runs: {facts:?}, {} differ", differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(runs >= count, "{runs} runs of {count} programs");
}
