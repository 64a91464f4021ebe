//! The column that the cell is about: the build rewritten with the SDK in its packages, or by the npm package.

use std::path::Path;

use anyhow::Result;

use crate::column::Column;
use crate::columns::{Material, NOT_AHEAD, Outcome, Rewrite, entry_in_root, rewritten};
use crate::seen::PackagedCommand;

/// What the command gets so that the SDK stays in its packages.
pub(super) const NO_BUNDLE: &str = "--no-bundle-sdk";

pub(super) fn make(of: &Material<'_>) -> Result<Outcome> {
    let Material { bench, prepared, .. } = *of;
    let by_build = prepared.packaged.is_some();
    let args = match (bench.config.rewrite, by_build) {
        (true, false) => Some(&[NO_BUNDLE, NOT_AHEAD][..]),
        (true, true) => {
            bench.console.print("  presentry: not run, the build ran it\n");
            None
        }
        (false, _) => {
            bench.console.print("  presentry: not run, the rewrite is disabled\n");
            None
        }
    };
    let how = Rewrite {
        column: Column::Presentry,
        name: "app",
        args,
        packages: bench.scenario.packages,
        elsewhere: bench.scenario.r#move,
    };
    let mut outcome = rewritten(of, &how)?;
    if let (Outcome::Made(made), Some((_, version))) = (&mut outcome, &prepared.packaged) {
        let (wanted, said) = (bench.version()?, version.stdout.trim().to_owned());
        made.build.command = Some(PackagedCommand { wanted, version: said, source: version.source.clone() });
        // The build that the package rewrote is another one than the unrewritten one.
        if let (Some(module), Some(restored)) = (&bench.scenario.module, &mut made.build.restored) {
            for (start, reason) in &module.varies {
                bench.console.print(&format!("  not compared: `{start}…`, {reason}\n"));
            }
            let entry = entry_in_root(bench);
            restored.differences.retain(|line| is_beside_the_entry(line, &entry, |name| module.varies(name)));
        }
    }
    Ok(outcome)
}

/// Whether a difference is one of a file beside the entry that does not vary, where everything is that the rewrite makes. Two
/// builds of one app differ in the rest: in the date, in names of chunks that are hashes of paths, and in the packages that were
/// traced.
fn is_beside_the_entry(difference: &str, entry: &Path, varies: impl Fn(&str) -> bool) -> bool {
    let path = difference.split('`').nth(1).map(Path::new);
    path.is_some_and(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.parent() == entry.parent() && name != "package.json" && !varies(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_builds_what_is_beside_the_entry_is_compared() {
        let entry = Path::new("apps/web/.output/server/index.mjs");
        for (difference, counts) in [
            ("`apps/web/.output/server/index.mjs` changed", true),
            ("`apps/web/.output/server/entry.mjs` is new", true),
            ("`apps/web/.output/server/.presentry` is new", true),
            ("`apps/web/.output/server/package.json` changed", false),
            ("`apps/web/.output/server/chunks/build/app-1.mjs` is gone", false),
            ("`apps/web/.output/nitro.json` changed", false),
            ("`apps/web/.output/server/manifest-x.mjs` is new", false),
        ] {
            let beside = is_beside_the_entry(difference, entry, |name| name.starts_with("manifest-"));
            assert_eq!(beside, counts, "{difference}");
        }
    }
}
