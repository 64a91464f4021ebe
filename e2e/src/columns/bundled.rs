//! The column of the default: the build rewritten with the SDK bundled and `--prune`, started from its output alone.

use anyhow::Result;

use crate::column::Column;
use crate::columns::{Material, NOT_AHEAD, Outcome, Rewrite, rewritten};

pub(super) fn make(of: &Material<'_>) -> Result<Outcome> {
    rewritten(
        of,
        &Rewrite {
            column: Column::Bundled,
            name: "bundled",
            // It bundles without being told; where it does not, packages of the SDK are left, which is a check.
            args: Some(&["--prune", NOT_AHEAD]),
            // The bundler is one of the app's packages.
            packages: true,
            // A platform's program may need more of the app than the output.
            elsewhere: of.bench.scenario.r#move || of.bench.scenario.start.host().is_none(),
        },
    )
}
