//! The proof of a build as it lies on disk, the same for each command that reports one.

use presentry_rewriter::{Proof, Verdict, diagnostics::Severity, prove_with};

use crate::{
    args::TrustArgs,
    failure::Failure,
    find::{init_in_runtime, locate::Build},
    passes::packages::{self, Supply},
    store::disk::DiskSources,
};

/// Proves that Sentry starts first, and that the build has what it needs to start.
///
/// # Errors
/// When a file of the build cannot be read.
pub(crate) fn proven(build: &Build, disk: &DiskSources, trust: &TrustArgs) -> Result<Proof, Failure> {
    let mut proof = prove_with(disk, &build.entry, trust.trust());
    if !proof.holds() {
        return Ok(proof);
    }
    let app = build.app.as_deref().unwrap_or(&build.place.server);
    let lacks = packages::lacks(disk, &build.place, app, &proof, Supply::of(build, trust.packages_elsewhere))?;
    let (failures, warnings): (Vec<_>, Vec<_>) =
        lacks.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    if failures.is_empty() {
        proof.warnings.extend(warnings);
        proof.warnings.extend(init_in_runtime::warning(build, &proof));
    } else {
        proof.verdict = Verdict::NotProven;
        proof.failures = failures.into_iter().chain(warnings).collect();
    }
    Ok(proof)
}
