//! How the build of an app is found.

use crate::builds::{App, INSTRUMENTATION, nitro_json};

/// A build with a one-line runtime in the server directory of a preset.
fn build(preset: &str, output: &str, server: &str, entry: &str) -> App {
    let app = App::empty();
    app.write(&format!("{output}/nitro.json"), nitro_json(preset));
    app.write(
        &format!("{output}/{server}/{entry}"),
        "import 'graphql';\nexport { a as handler } from './chunks/nitro.mjs';\n",
    );
    app.write(&format!("{output}/{server}/chunks/nitro.mjs"), "import 'graphql';\nexport const a = {};\n");
    app.write(&format!("{output}/{server}/instrument.server.mjs"), INSTRUMENTATION);
    app.with_packages(&format!("{output}/{server}"))
}

#[test]
fn every_kind_of_place() {
    for (preset, output, server, entry) in [
        ("node-server", ".output", "server", "index.mjs"),
        ("node_server", ".output", "server", "index.mjs"),
        ("heroku", ".output", "server", "index.mjs"),
        ("bun", ".output", "server", "index.mjs"),
        ("deno-server-legacy", ".output", "server", "index.mjs"),
        ("vercel", ".vercel/output", "functions/__fallback.func", "index.mjs"),
        ("vercel", ".vercel/output", "functions/__nitro.func", "index.mjs"),
        ("netlify", ".netlify/functions-internal", "server", "main.mjs"),
        ("netlify-legacy", ".netlify/functions-internal", "server", "server.mjs"),
        ("azure-swa", ".output", "server/functions", "index.mjs"),
        ("zeabur", ".zeabur/output", "functions/__nitro.func", "index.mjs"),
        ("stormkit", ".stormkit", "server", "index.mjs"),
    ] {
        let app = build(preset, output, server, entry);
        let report = app.succeeds(&[]);
        assert!(report.starts_with(&format!("facade  {output}/{server}/{entry}\n")), "{preset}: {report}");
        app.succeeds(&["check"]);
    }
}

#[test]
fn a_launcher_gets_a_facade_that_throws_outside_of_the_promise() {
    for named in [false, true] {
        let app = build("aws-amplify", ".amplify-hosting", "compute/default", "index.mjs");
        if named {
            app.succeeds(&["--entry", ".amplify-hosting/compute/default/index.mjs"]);
        } else {
            app.succeeds(&[]);
        }
        assert!(app.read(".amplify-hosting/compute/default/index.mjs").contains("process.nextTick"));
    }
}

#[test]
fn netlifys_own_file_is_left_alone() {
    let app = build("netlify", ".netlify/functions-internal", "server", "main.mjs");
    let config = "export { handler } from \"./main.mjs\";\nexport const config = { path: \"/*\" };\n";
    app.write(".netlify/functions-internal/server/server.mjs", config);
    app.succeeds(&[]);
    assert!(app.read(".netlify/functions-internal/server/main.mjs").starts_with("// presentry "));
}

#[test]
fn a_static_build_has_nothing_to_do() {
    for command in [&[][..], &["check"], &["restore"]] {
        let app = App::empty();
        app.write(".output/nitro.json", nitro_json("github-pages"));
        assert_eq!(app.succeeds(command), "✔ nothing to do: a build of the preset `github-pages` has no server\n");
    }
}

#[test]
fn an_app_elsewhere_is_shown_as_it_was_named() {
    let app = App::facade();
    let parent = app.path().parent().unwrap();
    let name = app.path().file_name().unwrap().to_str().unwrap();
    let output = crate::builds::presentry(parent, &[name]).assert().success().get_output().clone();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.starts_with(&format!("facade  {name}/.output/server/index.mjs\n")), "{report}");
}

#[test]
fn an_instrumentation_of_another_name() {
    let app = App::facade();
    std::fs::create_dir(app.join(".output/server/lib")).unwrap();
    std::fs::rename(app.join(".output/server/instrument.server.mjs"), app.join(".output/server/lib/start.mjs"))
        .unwrap();
    app.succeeds(&["--instrumentation", ".output/server/lib/start.mjs"]);
    assert!(app.read(".output/server/index.mjs").contains("import \"./lib/start.mjs\";"));
}

#[cfg(unix)]
#[test]
fn an_output_directory_that_is_a_link() {
    let app = App::facade();
    std::fs::rename(app.join(".output"), app.join("built")).unwrap();
    crate::builds::link("built".as_ref(), &app.join(".output"));
    let original = app.snapshot();
    app.succeeds(&[]);
    assert!(app.read("built/server/index.mjs").starts_with("// presentry "));
    app.succeeds(&["restore"]);
    assert_eq!(app.snapshot(), original);
}
