//! The column of libraries that are injected ahead of time, in a build whose SDK is bundled and whose output is started alone. There
//! is one where the SDK injects channels.

use anyhow::Result;

use crate::column::Column;
use crate::columns::{Material, Outcome, Rewrite, injects_in_every_build, rewritten};

pub(super) fn make(of: &Material<'_>) -> Result<Outcome> {
    let Material { bench, prepared, .. } = *of;
    if !injects_in_every_build(prepared) {
        return Ok(Outcome::Absent("the SDK injects no channels, or its transformer is not public".to_owned()));
    }
    if prepared.packaged.is_some() {
        return Ok(Outcome::Absent("the build of the npm package has its own options".to_owned()));
    }
    rewritten(
        of,
        &Rewrite {
            column: Column::Ahead,
            name: "ahead",
            // Told so, it fails where hooks would have to do it.
            args: Some(&["--instrument-ahead", "--prune"]),
            packages: true,
            elsewhere: bench.scenario.r#move || bench.scenario.start.host().is_none(),
        },
    )
}
