//! A proof in words, and the exports of a build that it is about.

use std::collections::BTreeSet;

use presentry_rewriter::{ChangeKind, Export, ModulePath, Plan, Proof, Sources, Verdict, exports};

use crate::say::output::Output;

/// What holds, in a few words.
pub(crate) fn what_holds(proof: &Proof) -> String {
    let first = match &proof.build_plugin {
        Some(plugin) => format!("Sentry's build plugin instrumented {}", in_words(&plugin.libraries)),
        None => "Sentry starts first".to_owned(),
    };
    match proof.verdict {
        Verdict::UnderCondition => first + ", under a condition",
        Verdict::VouchedFor => first + ", as vouched for",
        Verdict::Proven | Verdict::NotProven => first,
    }
}

fn in_words(libraries: &[String]) -> String {
    if libraries.is_empty() { "no library".to_owned() } else { libraries.join(", ") }
}

/// What is loaded before the runtime.
pub(crate) fn before_the_runtime(proof: &Proof) -> String {
    if let (Some(_), Some(module)) = (&proof.build_plugin, &proof.instrumentation) {
        return format!("Sentry starts with the runtime, in {module}");
    }
    let mut closure: Vec<&ModulePath> = proof.closure.iter().collect();
    // The entry and the instrumentation come first, as they do when they run.
    closure.sort_by_key(|path| (**path != proof.entry, Some(*path) != proof.instrumentation.as_ref()));
    let mut items: Vec<String> = closure.iter().map(|path| path.file_name().to_owned()).collect();
    const SHOWN: usize = 3;
    if items.len() > SHOWN {
        let rest = items.len() - 2;
        items.truncate(2);
        items.push(format!("{rest} modules it imports"));
    }
    match proof.packages.len() {
        0 => {}
        1 => items.push("1 package".to_owned()),
        many => items.push(format!("{many} packages")),
    }
    let last = items.pop().unwrap_or_default();
    let list = if items.is_empty() { last } else { format!("{} and {last}", items.join(", ")) };
    format!("loaded before the runtime: {list}")
}

/// The exports of the entry of a build that may be wrapped, with the kind of each value. A facade only passes values on, so
/// the kinds are those of the module behind it, where that exports the same names.
pub(crate) fn exports_with_kinds(sources: &dyn Sources, proof: &Proof, moved: Option<&ModulePath>) -> Vec<Export> {
    let Ok(own) = exports(sources, &proof.entry) else { return Vec::new() };
    let sole = match proof.runtime.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let names = |exports: &[Export]| exports.iter().map(|export| export.name.clone()).collect::<BTreeSet<_>>();
    let behind = |module: &ModulePath| exports(sources, module).ok().filter(|found| names(found) == names(&own));
    [moved, sole].into_iter().flatten().find_map(behind).unwrap_or(own)
}

/// The same for a build as a plan leaves it.
pub(crate) fn planned_exports(sources: &dyn Sources, plan: &Plan, entry: &ModulePath) -> Vec<Export> {
    let Some(proof) = &plan.proof else { return exports(sources, entry).unwrap_or_default() };
    let overlay = plan.over(sources);
    let moved = plan.changes.iter().find(|change| change.kind == ChangeKind::MovedEntry).map(|change| &change.path);
    exports_with_kinds(&overlay, proof, moved)
}

/// The names of the packages in the closure, for `-v`.
pub(crate) fn say_packages(proof: &Proof, output: &Output) {
    if !proof.packages.is_empty() {
        output.why(format!("packages in the static closure: {}", proof.packages.join(", ")));
    }
}
