//! The column of libraries that are injected ahead of time, in a build whose SDK is bundled and whose output is started alone. There
//! is one where the SDK injects channels.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::column::Column;
use crate::columns::{Material, Outcome, Rewrite, injects_in_every_build, rewritten};

pub(super) fn make(of: &Material<'_>) -> Result<Outcome> {
    let Material { bench, prepared, .. } = *of;
    if !injects_in_every_build(prepared) || !has_public_transformer(&bench.scenario.app_in(&prepared.install)) {
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

/// Whether the app can import what injects: 11.0 has it inside alone.
fn has_public_transformer(app: &Path) -> bool {
    let mut manifests = app.ancestors().map(|above| above.join("node_modules/@sentry/server-utils/package.json"));
    let manifest = manifests.find_map(|manifest| fs::read_to_string(manifest).ok());
    manifest.is_some_and(|text| text.contains("\"./orchestrion/load-hook\""))
}
