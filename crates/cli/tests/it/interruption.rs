//! A run that is killed, or whose file system fails, at each of its steps: the build is what it was or what it was to
//! become, never something between.

use crate::{
    archive::packed,
    builds::{App, Found, INSTRUMENTATION, Snapshot},
    bundle::app_with_packages,
    channels::{BUNDLED, PRUNED, with_bundler, with_chunk, with_libraries},
    packages::lacking_one,
};

/// A build, and a command that changes it.
struct Scenario {
    name: &'static str,
    app: App,
    arguments: &'static [&'static str],
    before: Snapshot,
    after: Snapshot,
}

impl Scenario {
    fn new(name: &'static str, app: App, arguments: &'static [&'static str]) -> Self {
        let before = app.snapshot();
        app.succeeds(arguments);
        let after = app.snapshot();
        assert_ne!(before, after, "{name} changes nothing");
        app.reset(&before);
        Self { name, app, arguments, before, after }
    }

    /// Runs the command with a fault.
    fn run_with(&self, faults: &[(&str, &str)]) -> std::process::Output {
        let mut command = self.app.presentry(self.arguments);
        command.envs(faults.iter().copied()).output().expect("the command starts")
    }

    /// Runs the command and kills it before a step; whether there was such a step.
    fn killed_at(&self, step: u32) -> bool {
        !self.run_with(&[("PRESENTRY_ABORT_AT", &step.to_string())]).status.success()
    }

    /// How many steps the command takes.
    fn steps(&self) -> u32 {
        let (mut taken, mut not_taken) = (0, 1024);
        while not_taken - taken > 1 {
            let middle = u32::midpoint(taken, not_taken);
            self.app.reset(&self.before);
            if self.killed_at(middle) { taken = middle } else { not_taken = middle }
        }
        taken
    }
}

fn injected(app: App, arguments: &[&str]) -> App {
    app.succeeds(arguments);
    app
}

/// The kinds of build and command. A new kind of rewrite gets a row here.
fn scenarios() -> Vec<Scenario> {
    let rewritten = |app: App| {
        app.succeeds(&[]);
        app
    };
    let with_another_instrumentation = |app: App| {
        app.write(".output/server/other.mjs", INSTRUMENTATION);
        app
    };
    let without_store = |app: App| {
        std::fs::remove_dir_all(app.join(".output/server/.presentry")).expect("it is there");
        app
    };
    let other: &[&str] = &["--instrumentation", ".output/server/other.mjs"];
    vec![
        Scenario::new("facade", App::facade(), &[]),
        Scenario::new("inline with modules that import it back", App::inline(12), &[]),
        Scenario::new("an instrumentation compiled from its source", App::with_source(), &[]),
        Scenario::new("a build that the SDK wrapped, repaired", App::wrapped_by_the_sdk(), &[]),
        Scenario::new("restore of a repaired build", rewritten(App::wrapped_by_the_sdk()), &["restore"]),
        Scenario::new("restore of a facade", rewritten(App::facade()), &["restore"]),
        Scenario::new("restore of inline", rewritten(App::inline(12)), &["restore"]),
        Scenario::new("other options", rewritten(with_another_instrumentation(App::inline(3))), other),
        Scenario::new("packages that are traced in", lacking_one(), &[]),
        Scenario::new("restore of a build with packages", rewritten(lacking_one()), &["restore"]),
        Scenario::new("libraries that are injected", with_libraries(), &["--instrument-ahead"]),
        Scenario::new("libraries in a chunk that are injected", with_chunk(), &["--instrument-ahead"]),
        Scenario::new("restore of an injected chunk", injected(with_chunk(), &["--instrument-ahead"]), &["restore"]),
        Scenario::new(
            "restore of injected libraries",
            injected(with_libraries(), &["--instrument-ahead"]),
            &["restore"],
        ),
        Scenario::new("an archive", packed(), &[]),
        Scenario::new("restore of an archive", rewritten(packed()), &["restore"]),
        Scenario::new("restore without saved originals", without_store(rewritten(App::facade())), &["restore"]),
    ]
}

/// The same for packages that go and come back. None of these touches the entry.
fn pruning() -> Vec<Scenario> {
    let prune: &[&str] = &["--bundle-sdk", "--prune"];
    let bundled = || {
        let app = app_with_packages();
        // One file has no twin among the packages of the app, so it is kept.
        app.write(".output/server/node_modules/helper/more.mjs", "export const more = 1;\n");
        app.succeeds(&["--bundle-sdk"]);
        app
    };
    let pruned = || {
        let app = bundled();
        app.succeeds(prune);
        app
    };
    vec![
        Scenario::new("pruning", bundled(), prune),
        Scenario::new("bringing packages back", pruned(), &["--bundle-sdk"]),
        Scenario::new("restore of a pruned build", pruned(), &["restore"]),
        Scenario::new("pruning an injected build", injected(with_bundler(), BUNDLED), PRUNED),
        Scenario::new("restore of an injected and pruned build", injected(with_bundler(), PRUNED), &["restore"]),
    ]
}

#[test]
fn a_run_that_is_killed_at_any_step_is_undone_or_complete() {
    let mut total = 0;
    for scenario in scenarios().into_iter().chain(pruning()) {
        let Scenario { name, app, arguments, before, after } = &scenario;
        let points = scenario.steps();
        for step in 1..=points {
            app.reset(before);
            assert!(scenario.killed_at(step), "{name}, step {step}");
            let left = app.snapshot();
            // Whether the proof holds is not asked here; any command repairs what it finds.
            app.presentry(&["check"]).output().expect("the command starts");
            let found = app.snapshot();
            assert!(found == *before || found == *after, "{name}, killed at step {step}, then checked: {found:#?}");
            if found == *before {
                app.succeeds(arguments);
                assert_eq!(app.snapshot(), *after, "{name}, killed at step {step}, then run again");
            }
            app.reset(&left);
            app.succeeds(arguments);
            assert_eq!(app.snapshot(), *after, "{name}, killed at step {step}, run again at once");
        }
        println!("{name}: {points} points");
        total += points;
    }
    println!("{total} interruption points, none lost");
    assert!(total >= 200, "only {total} points");
}

#[test]
fn a_repair_that_is_killed_at_any_step_can_be_repaired() {
    let mut total = 0;
    for scenario in scenarios().into_iter().chain(pruning()) {
        let Scenario { name, app, before, after, .. } = &scenario;
        // Every fifth step of the run is enough: what is left differs little from one to the next.
        for step in (1..=scenario.steps()).rev().step_by(5) {
            app.reset(before);
            assert!(scenario.killed_at(step));
            let left = app.snapshot();
            for repair in 1.. {
                app.reset(&left);
                let mut check = app.presentry(&["check"]);
                let output = check.env("PRESENTRY_ABORT_AT", repair.to_string()).output().expect("the command starts");
                if !was_killed(&output) {
                    break;
                }
                total += 1;
                app.presentry(&["check"]).output().expect("the command starts");
                let found = app.snapshot();
                let whole = found == *before || found == *after;
                assert!(whole, "{name}, killed at step {step}, its repair at {repair}: {found:#?}");
            }
        }
    }
    println!("{total} repairs interrupted, none lost");
    assert!(total >= 100, "only {total} repairs were interrupted");
}

/// A command that ends by itself says so with an exit code of its own.
fn was_killed(output: &std::process::Output) -> bool {
    !matches!(output.status.code(), Some(0..=2))
}

#[test]
fn a_step_that_fails_leaves_everything_as_it_was() {
    for scenario in scenarios().into_iter().chain(pruning()) {
        let steps = scenario.steps();
        for (kind, code) in [("disk-full", "disk-full"), ("read-only", "read-only"), ("broken", "write-failed")] {
            let Scenario { name, app, before, after, .. } = &scenario;
            let mut failed = 0;
            for step in 1..=steps {
                app.reset(before);
                let output =
                    scenario.run_with(&[("PRESENTRY_FAIL_AT", &step.to_string()), ("PRESENTRY_FAIL_WITH", kind)]);
                let stderr = String::from_utf8_lossy(&output.stderr);
                if output.status.success() {
                    // A link that could not be made became a copy, or something could not be taken away at the end.
                    app.presentry(&["check"]).output().expect("the command starts");
                    assert_eq!(app.snapshot(), *after, "{name}, {kind} at step {step}");
                } else {
                    failed += 1;
                    assert!(stderr.contains(&format!("error[{code}]: ")), "{name}, {kind} at step {step}: {stderr}");
                    assert_eq!(app.snapshot(), *before, "{name}, {kind} at step {step}");
                }
            }
            assert!(failed > 5, "{name}, {kind}: only {failed} of {steps} steps failed");
        }
    }
}

#[test]
fn a_file_that_changes_while_the_run_lasts() {
    const CHANGED: &str = ".output/server/index.mjs";
    for scenario in scenarios() {
        let Scenario { name, app, before, .. } = &scenario;
        let mut noticed = 0;
        for step in 1..=scenario.steps() {
            app.reset(before);
            let mut with_change = before.clone();
            if let Some(Found::File(_, bytes)) = with_change.get_mut(CHANGED) {
                bytes.extend_from_slice(b"// changed\n");
            }
            let output =
                scenario.run_with(&[("PRESENTRY_CHANGE_AT", &step.to_string()), ("PRESENTRY_CHANGE", CHANGED)]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            // Later than its own step a change is one to the finished file, which the next run looks at.
            if !output.status.success() {
                noticed += 1;
                assert!(stderr.contains("error[changed-meanwhile]: "), "{name}, step {step}: {stderr}");
                assert_eq!(app.snapshot(), with_change, "{name}, step {step}");
            }
        }
        assert!(noticed > 5, "{name}: noticed {noticed} times");
    }
}

/// What goes is compared where no one changes it any more, and comes back as it is.
#[test]
fn a_file_that_changes_before_it_goes_comes_back() {
    const CHANGED: &str = ".output/server/node_modules/helper/index.mjs";
    let scenario = pruning().remove(0);
    let Scenario { app, before, after, .. } = &scenario;
    let mut with_change = before.clone();
    let Some(Found::File(_, bytes)) = with_change.get_mut(CHANGED) else { panic!("`{CHANGED}` is not there") };
    bytes.extend_from_slice(b"// changed\n");
    let mut noticed = 0;
    for step in 1..=scenario.steps() {
        app.reset(before);
        let output = scenario.run_with(&[("PRESENTRY_CHANGE_AT", &step.to_string()), ("PRESENTRY_CHANGE", CHANGED)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            // What could not be taken away at the end.
            app.presentry(&["check"]).output().expect("the command starts");
        }
        let found = app.snapshot();
        if found == with_change {
            noticed += 1;
            assert!(stderr.contains("error[changed-meanwhile]: "), "step {step}: {stderr}");
        } else {
            // It was gone already, so that it could not be changed.
            assert!(found == *before || found == *after, "step {step}: {found:#?}");
        }
    }
    assert!(noticed > 5, "noticed {noticed} times");
}
