//! `presentry check`: the proof alone, on a build that anyone may have made.

use presentry_rewriter::{diagnostics::Severity, prove_with};

use crate::{
    args::{CheckArgs, trust},
    failure::Failure,
    find::locate::Build,
    open::for_reading,
    outcome::Outcome,
    passes::packages::{self, Supply},
    say::{
        output::Output,
        proof::{exports_with_kinds, say_packages, what_holds},
        report::Report,
    },
    store::disk::DiskSources,
};

/// Proves that Sentry starts first, or shows the chain that speaks against it.
pub(crate) fn run(args: &CheckArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let _lock = for_reading(build, output)?;
    let disk = DiskSources::new(&build.place.server);
    build.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
    let proof = prove_with(&disk, &build.entry, trust(args.trust_init));
    report.tried_proof(&build.place, &proof);
    if output.wants_details() {
        report.found_exports(exports_with_kinds(&disk, &proof, None));
    }
    if !proof.holds() {
        return Err(Failure::NotProven(proof.failures));
    }
    let supply = Supply::of(build, args.packages_elsewhere);
    let lacks = packages::lacks(&build.place, &args.build.app, &proof, supply)?;
    if lacks.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Failure::NotProven(lacks));
    }
    proof.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
    lacks.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
    say_packages(&proof, output);
    output.line(what_holds(&proof));
    Ok(Outcome::Proven)
}
