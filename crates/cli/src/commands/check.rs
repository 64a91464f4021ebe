//! `presentry check`: the proof alone, on a build that anyone may have made.

use crate::{
    args::CheckArgs,
    commands::proven::proven,
    failure::Failure,
    find::locate::Build,
    open::for_reading,
    outcome::Outcome,
    say::{
        output::Output,
        proof::{before_the_runtime, exports_with_kinds, say_packages, what_holds},
        report::Report,
        verdict::{Closing, SEE_SPANS},
    },
    store::disk::DiskSources,
};

/// Proves that Sentry starts first, or shows the chain that speaks against it.
pub(crate) fn run(args: &CheckArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    let _lock = for_reading(build, output)?;
    let disk = DiskSources::new(&build.place.server);
    build.warnings().for_each(|warning| output.diagnostic(&warning, Some(&build.place)));
    let proof = proven(build, &disk, &args.trust)?;
    report.tried_proof(&build.place, &proof);
    if output.wants_details() {
        report.found_exports(exports_with_kinds(&disk, &proof, None));
    }
    if !proof.holds() {
        return Err(Failure::NotProven(proof.failures));
    }
    proof.warnings.iter().for_each(|warning| output.diagnostic(warning, Some(&build.place)));
    say_packages(&proof, output);
    let closing = Closing::good(format!("proven: {}", what_holds(&proof)));
    output.close(&closing.more(before_the_runtime(&proof)).next(SEE_SPANS));
    Ok(Outcome::Proven)
}
