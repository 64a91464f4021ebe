//! The build without presentry: as it was, as the controls, and under `node --import`. Others are compared with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::app;
use crate::observe::Manner;
use crate::resolved::{self, Found};
use crate::runtime;
use crate::scenario::Control;
use crate::seen::{Before, ControlBuild};
use crate::trace::RuntimeModules;
use crate::tree;
use crate::workbench::{Beside, Copy, Prepared, Workbench};

/// Makes the copies, proves them, and starts them. `chunk` holds the runtime.
pub(crate) fn seen(bench: &Workbench<'_>, prepared: &Prepared, copy: &Copy, chunk: &Path) -> Result<Before> {
    let scenario = bench.scenario;
    let controls = bench.timed("make the controls", || controls(bench, prepared, copy, chunk))?;
    let mut checks = Vec::new();
    for (control, copy) in &controls {
        let name = format!("check-{}", control.name());
        checks.push(bench.timed(&format!("presentry check, {}", control.name()), || {
            bench.command(&name, Some("check"), &[], copy)
        })?);
    }
    let started = if scenario.r#move { bench.move_output("moved-unrewritten", &copy.app)? } else { copy.app.clone() };
    let wrapped = scenario.deploys.as_ref().map(|function| wrapped(bench, &started, function)).transpose()?;
    let imported = bench.preloads().then(|| preloadable(bench, prepared, copy, &started)).transpose()?;

    let (lab, started) = (&bench.lab(prepared, scenario), &started);
    let mut boots = Beside::default();
    // The longest first, so that the cores end together.
    let mut seen = Vec::new();
    for (control, copy) in &controls {
        let (name, log) = (format!("boot, {}", control.name()), format!("boot-{}", control.name()));
        let manner = if *control == Control::Unrewritten { Manner::Finished } else { Manner::Edited };
        seen.push(boots.add(name, move || lab.exercise(&log, &copy.app, manner)));
    }
    let imported = imported.as_ref().map(|app| {
        boots.add("boot, unrewritten under --import", || lab.exercise("boot-imported", app, Manner::Preloaded))
    });
    let preload_dies = scenario
        .preload_dies_of
        .as_ref()
        .map(|_| boots.add("start, unrewritten under --import", || lab.start_preloaded("start-imported", started)));
    let later = "throw-later-unrewritten";
    let throw_later =
        boots.add(later, || lab.throwing(later, &bench.patched(later, started, chunk, runtime::throw_last)?));
    let exports = boots.add("exports, unrewritten", || lab.exports("exports-unrewritten", started));
    let stack = scenario
        .deploys
        .as_ref()
        .map(|_| boots.add("deployment, unrewritten", || lab.firebase_stack("stack-unrewritten", started)));
    let stack_wrapped = wrapped
        .as_ref()
        .map(|wrapped| boots.add("deployment, wrapped", || lab.firebase_stack("stack-wrapped", wrapped)));
    boots.run(bench.console);

    let mut built = Vec::new();
    for (((control, copy), check), seen) in controls.iter().zip(checks).zip(seen) {
        let chunk = bench.traced_server(&copy.app).join(chunk);
        built.push(ControlBuild {
            control: *control,
            modules: RuntimeModules { moved_entry: None, chunk },
            check: check.exit,
            check_source: check.source,
            seen: seen.take()?,
        });
    }
    Ok(Before {
        controls: built,
        throw_later: throw_later.take()?,
        exports: exports.take()?,
        stack: stack.map(|boot| boot.take()).transpose()?,
        stack_wrapped: stack_wrapped.map(|boot| boot.take()).transpose()?,
        preload_dies: preload_dies.map(|boot| boot.take()).transpose()?,
        imported: imported.map(|boot| boot.take()).transpose()?,
        asset: asset(bench)?,
        resolved: resolved(bench, prepared, copy)?,
    })
}

/// What the static file holds; nothing where there is none.
fn asset(bench: &Workbench<'_>) -> Result<Vec<u8>> {
    let Some(asset) = &bench.scenario.asset else { return Ok(Vec::new()) };
    std::fs::read(bench.scenario.app_in(&bench.source).join(&asset.file))
        .with_context(|| format!("failed to read `{}`", asset.file))
}

/// The versions of Sentry's packages that are found in the app, and in the build: Nitro gives some files others than the app does.
fn resolved(bench: &Workbench<'_>, prepared: &Prepared, copy: &Copy) -> Result<Found> {
    let mut found = resolved::found(&prepared.install, &bench.scenario.app_in(&prepared.install))?;
    let server = bench.server(&copy.app);
    for (import, versions) in resolved::found(&server, &server)? {
        found.entry(import).or_default().extend(versions);
    }
    Ok(found)
}

/// The copies that must fail.
fn controls(
    bench: &Workbench<'_>,
    prepared: &Prepared,
    unrewritten: &Copy,
    chunk: &Path,
) -> Result<Vec<(Control, Copy)>> {
    let scenario = bench.scenario;
    let packages = if scenario.packages { app::packages(&prepared.install)? } else { Vec::new() };
    let mut controls = Vec::new();
    for control in &scenario.controls {
        let copy = match control {
            // Not the copy that is started as the subject is.
            Control::Unrewritten if scenario.r#move => bench.copy(&prepared.built, "unrewritten-in-place")?,
            Control::Unrewritten => unrewritten.clone(),
            _ => bench.copy(&prepared.built, control.name())?,
        };
        // A control has to work, so it gets the packages where they are looked for, whatever the build lacks.
        if *control != Control::Unrewritten || scenario.r#move {
            for packages in &packages {
                tree::symlink_directory(&prepared.install.join(packages), &copy.root.join(packages))?;
            }
        }
        let server = bench.server(&copy.app);
        let entry = server.join(&scenario.entry);
        match control {
            Control::Unrewritten => {}
            Control::TopLevelImport => {
                if let Some(module) = &scenario.control_instrumentation {
                    let built = server.join(&scenario.instrumentation);
                    runtime::place_instrumentation(&copy.app.join(module), &built)?;
                }
                runtime::import_at_top(&entry, &scenario.instrumentation)?;
            }
            Control::StaticEdge => runtime::import_runtime(&entry, chunk)?,
        }
        controls.push((*control, copy));
    }
    Ok(controls)
}

/// The build as it was, with its function in a wrapper.
fn wrapped(bench: &Workbench<'_>, started: &Path, function: &str) -> Result<PathBuf> {
    let wrapped = bench.work.join("wrapped");
    tree::copy(started, &wrapped, |_| true)?;
    runtime::wrap_export(&bench.server(&wrapped).join(&bench.scenario.entry), function)?;
    Ok(wrapped)
}

/// The build as it was with an instrumentation that can be preloaded: its own, or what the controls get, with the packages
/// that it needs.
fn preloadable(bench: &Workbench<'_>, prepared: &Prepared, copy: &Copy, started: &Path) -> Result<PathBuf> {
    let scenario = bench.scenario;
    let Some(module) = &scenario.control_instrumentation else { return Ok(started.to_owned()) };
    let root = bench.work.join("imported");
    tree::copy(&copy.root, &root, |_| true)?;
    let app = scenario.app_in(&root);
    runtime::place_instrumentation(&app.join(module), &bench.server(&app).join(&scenario.instrumentation))?;
    for packages in app::packages(&prepared.install)? {
        tree::symlink_directory(&prepared.install.join(&packages), &root.join(&packages))?;
    }
    Ok(app)
}
