//! `presentry repro`: what a report says, and what it must not say.

use predicates::str::contains;

use crate::builds::App;

#[path = "../../../redact/tests/planted/mod.rs"]
mod planted;

/// Values that are planted wherever they may come from.
const PLANTED: [&str; 6] = [
    "hunter2-of-the-database",
    "s3cr3t-of-the-shell",
    "pass-in-a-url",
    "db.intern.example",
    "second line of a key",
    "key@example.invalid",
];

/// An app with secrets in its variables, its configuration and its build.
fn with_secrets() -> App {
    let app = App::facade();
    app.write(
        "package.json",
        r#"{ "name": "my-app", "dependencies": { "@sentry/solidstart": "^10", "left-pad": "1" } }"#,
    );
    app.write(
        ".env",
        "DB_PASSWORD=hunter2-of-the-database\nDATABASE_URL=postgres://ann:pass-in-a-url@db.intern.example/x\n",
    );
    app.write(".env.local", "KEY=\"first line\nsecond line of a key\"\n");
    // A diagnostic shows the line, and a file has the name.
    app.write(
        ".output/server/index.mjs",
        "export { n as default } from './chunks/nitro/nitro.mjs'; // hunter2-of-the-database\n",
    );
    app.write(".output/server/chunks/hunter2-of-the-database.mjs", "");
    app
}

#[test]
fn a_report_says_what_is_needed_and_no_secret() {
    let app = with_secrets();
    let before = app.snapshot();
    let mut command = app.presentry(&["repro", "--no-trace"]);
    let output = command.env("API_TOKEN", "s3cr3t-of-the-shell").assert().success().get_output().clone();
    let page = String::from_utf8(output.stdout).unwrap();
    for planted in PLANTED {
        assert!(!page.contains(planted), "`{planted}` is in the report:\n{page}");
    }
    assert!(!page.contains(app.path().to_str().unwrap()), "{page}");
    for part in [
        "`check`: **failed**",
        "| `@sentry/solidstart` | `^10` |",
        "**error** `sentry-not-started`",
        "`.output/server/index.mjs:1:1`",
        "preset | `node-server`, Nitro 2.13.5",
        "chunks/nitro/nitro.mjs",
        "node_modules/graphql@16.12.0",
        "chunks/<redacted>.mjs",
    ] {
        assert!(page.contains(part), "`{part}` is missing:\n{page}");
    }
    assert!(!page.contains("left-pad") && !page.contains("export { n"), "{page}");
    assert_eq!(app.snapshot(), before, "a report changes nothing");
}

#[test]
fn a_report_goes_to_a_file_and_shows_an_app_without_a_build() {
    let app = App::empty();
    let told = app.presentry(&["repro", "--out", "report.md"]).assert().success();
    told.stdout(contains("✔ wrote `report.md`"))
        .stderr(contains("note: no build was found: run this in the directory"));
    assert!(app.read("report.md").contains("**error** `build-not-found`"));
}

/// The wanted version of a package is the one text of an app that is shown as it is.
#[test]
fn none_of_the_secrets_that_the_harness_plants_is_in_a_report() {
    let app = App::facade();
    planted::files().iter().for_each(|(path, text)| app.write(path, text));
    let forms = planted::forms();
    let packages: serde_json::Map<String, serde_json::Value> = forms
        .iter()
        .enumerate()
        .map(|(number, (_, around, secret))| (format!("@sentry/p{number}"), around.replacen("@@", secret, 1).into()))
        .collect();
    let manifest = serde_json::json!({ "name": "my-app", "dependencies": packages });
    app.write("package.json", manifest.to_string());
    let output = app.presentry(&["repro", "--no-trace"]).assert().success().get_output().clone();
    let page = String::from_utf8(output.stdout).unwrap();
    let mut left = Vec::new();
    for (number, (name, _, secret)) in forms.iter().enumerate() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `@sentry/p{number}` |")));
        assert!(row.is_some(), "no row of `{name}`:\n{page}");
        if page.contains(secret.as_str()) {
            left.push(*name);
        }
    }
    assert_eq!(left, [""; 0], "{page}");
}

#[test]
fn a_request_is_sent_and_a_start_can_be_vouched_for() {
    let app = App::facade();
    let page = app.succeeds(&["repro", "--request", "POST /of-mine {}", "--trust-init"]);
    assert!(page.contains("## `presentry trace`"), "{page}");
    app.presentry(&["repro", "--request", ""]).assert().code(2);
    app.presentry(&["repro", "--request", "/x", "--no-trace"]).assert().code(2);
}
