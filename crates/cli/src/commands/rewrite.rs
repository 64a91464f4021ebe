//! `presentry rewrite`: runs the pipeline.

use crate::{
    args::RewriteArgs,
    failure::Failure,
    find::locate::Build,
    outcome::Outcome,
    pipeline,
    say::{output::Output, report::Report},
};

/// Rewrites a build, or finds that it is right already.
pub(crate) fn run(args: &RewriteArgs, build: &Build, output: &Output, report: &mut Report) -> Result<Outcome, Failure> {
    pipeline::rewrite(args, build, output, report)
}
