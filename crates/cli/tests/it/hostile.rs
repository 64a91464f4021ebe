//! Names and texts that are made to be obeyed, through every output: they are shown, and nothing obeys them. The pages of
//! `trace`, the spans of its summary and the reports of the harness have their own tests beside their code.

use std::{fs, process::Command};

use serde_json::Value;

use crate::builds::{App, link};

/// For terminals, for GitHub, for pages and for tables, in one name each that a file system takes.
const NAMES: [&str; 6] = [
    "line\n::error::x\n##[error]y",
    "esc\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}1m",
    "markup<script>alert(1)<img src=x>",
    "cell | b ` c **d** [l](u) @team",
    "turn\u{202e}sjm.\u{200b}\u{2066}",
    "percent%0A::add-mask::z\r",
];

/// An app with a build whose chunk, instrumentation and package have a name.
fn app(name: &str) -> App {
    let app = with_chunk(name);
    let entry = ".output/server/index.mjs";
    app.write(entry, format!("import {};\n{}", serde_json::to_string(name).unwrap(), app.read(entry)));
    app
}

/// The same without the package, which is not there.
fn with_chunk(name: &str) -> App {
    let app = App::facade();
    let entry = ".output/server/index.mjs";
    // A specifier is a URL, and one of a package may be any text.
    let encoded =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") };
    let file: String = name.bytes().map(encoded).collect();
    app.write(entry, format!("import \"./chunks/{file}.mjs\";\n{}", app.read(entry)));
    app.write(&format!(".output/server/chunks/{name}.mjs"), format!("import '../index.mjs'; /* {name} */\n"));
    app.write(&format!(".output/server/{name}.mjs"), app.read(".output/server/instrument.server.mjs"));
    app
}

/// The commands that speak of such a build, whatever they come to.
fn commands(name: &str) -> Vec<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let instrumentation = format!(".output/server/{name}.mjs");
    vec![
        words(&["check"]),
        words(&["inspect", "-v"]),
        words(&["--dry-run", "--packages-elsewhere"]),
        words(&["rewrite", "-v", "--instrumentation", &instrumentation, "--packages-elsewhere"]),
        words(&["check", "-v"]),
        words(&["restore", "--dry-run"]),
        words(&["restore", "-v"]),
        words(&["check", "--entry", name]),
        words(&["inspect", "--preset", name]),
        words(&["explain", name]),
        words(&[name]),
    ]
}

/// What would be obeyed in lines of a log, by a terminal or by GitHub.
#[track_caller]
fn is_only_seen(text: &str, what: &str) {
    let obeyed = |character: char| {
        character.is_control() && character != '\n' && character != '\t'
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(obeyed), "{what}: {text:?}");
    // The runner takes the room before a command away, and finds those of the old form anywhere.
    let command = text.lines().find(|line| line.trim_start().starts_with("::") || line.contains("##["));
    assert_eq!(command, None, "{what}: {text}");
}

/// The lines without those that are commands on purpose, and without what stands where commands are stopped.
fn without_commands(text: &str) -> String {
    let mut kept = String::new();
    let mut stopped: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let line_end = line.trim_end();
        if let Some(word) = &stopped {
            if line_end == format!("::{word}::") {
                stopped = None;
            }
        } else if let Some(word) = line_end.strip_prefix("::stop-commands::") {
            assert!(word.len() == 32 && word.chars().all(|digit| digit.is_ascii_hexdigit()), "{word}");
            stopped = Some(word.to_owned());
        } else if let Some(rest) = ["::error ", "::warning "].iter().find_map(|start| line_end.strip_prefix(start)) {
            let (properties, message) = rest.split_once("::").expect("properties, and a message");
            assert!(properties.split(',').all(|property| property.contains('=')), "{line}");
            kept += &format!("annotation {}\n", message.replace("::", ": :"));
        } else {
            kept += line;
        }
    }
    assert_eq!(stopped, None, "commands are read again");
    kept
}

fn run(app: &App, words: &[String], format: &str) -> (String, String) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // `--` and an app of a hostile name are the last words.
    let format: &[&str] = if words[0] == "explain" { &[] } else { &["--format", format] };
    let mut command = app.presentry(&[&words[..], format].concat());
    let output = command.env("GITHUB_STEP_SUMMARY", app.join("summary.md")).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[cfg(unix)]
#[test]
fn names_are_shown_and_not_obeyed() {
    let mut seen = 0;
    for name in NAMES {
        let app = app(name);
        for words in commands(name) {
            let what = format!("{words:?}");
            let (stdout, stderr) = run(&app, &words, "text");
            is_only_seen(&stderr, &what);
            // A diff is for `git apply`, and keeps what it is about.
            if !words.contains(&"--dry-run".to_owned()) {
                is_only_seen(&stdout, &what);
            }
            let begins = &name[..name.find(|character: char| !character.is_ascii_alphabetic()).unwrap()];
            seen += usize::from(stderr.contains(begins) || stdout.contains(begins));
        }
    }
    assert!(seen >= NAMES.len() * 6, "the names come to the outputs: {seen}");
}

#[cfg(unix)]
#[test]
fn names_make_no_commands_of_github() {
    for name in NAMES {
        let app = app(name);
        for words in commands(name) {
            let what = format!("{words:?}");
            let (stdout, stderr) = run(&app, &words, "github");
            is_only_seen(&stderr, &what);
            is_only_seen(&without_commands(&stdout), &what);
        }
        let summary = app.read("summary.md");
        is_only_seen(&summary, name);
        is_no_markup(&summary);
    }
}

/// Whether nothing of the names is markup of the summary: neither HTML nor a link, and tables have two columns.
#[track_caller]
fn is_no_markup(summary: &str) {
    for line in summary.lines() {
        let mut outside = String::new();
        for (number, part) in line.split('`').enumerate() {
            if number % 2 == 0 {
                outside += part;
            }
        }
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        let outside = outside.replace("<code>", "").replace("</code>", "");
        for markup in ["<", "[l]", "@team", "**d**"] {
            assert!(!outside.contains(markup), "`{markup}`: {line}");
        }
        if line.starts_with('|') {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 3, "{line}");
        }
    }
}

#[cfg(unix)]
#[test]
fn names_leave_a_document_one_document() {
    for name in NAMES {
        let app = app(name);
        for words in commands(name).into_iter().filter(|words| words[0] != "explain") {
            let (stdout, stderr) = run(&app, &words, "json");
            let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert_eq!(crate::schema::errors(&document), Vec::<String>::new());
            assert_eq!(stderr, "", "{words:?}");
        }
    }
}

/// What `git apply` reads must be the change that was shown, whatever the names.
#[cfg(unix)]
#[test]
fn a_diff_of_hostile_names_applies() {
    for name in NAMES {
        let app = with_chunk(name);
        let patch = app.succeeds(&["--dry-run", "--packages-elsewhere"]);
        let server = app.join(".output/server");
        fs::write(app.join("patch"), &patch).unwrap();
        let applied = Command::new("git").args(["apply", "../../patch"]).current_dir(&server).output();
        let Ok(applied) = applied else { return };
        assert!(applied.status.success(), "{name:?}: {}", String::from_utf8_lossy(&applied.stderr));
        let applied = app.snapshot();
        app.reset(&with_chunk(name).snapshot());
        app.succeeds(&["--packages-elsewhere"]);
        for (path, found) in app.snapshot().iter().filter(|(path, _)| !path.contains(".presentry")) {
            assert_eq!(applied.get(path), Some(found), "{path:?}");
        }
    }
}

/// Names that are no text, where the system has such.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_no_end() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let app = App::facade();
    let name = OsStr::from_bytes(b"bad\xff\x1b[2J\n::error::x.mjs");
    fs::write(app.join(".output/server/chunks").join(name), "import '../index.mjs';\n").unwrap();
    link(&app.join(".output/server").join(name), &app.join(".output/server/link.mjs"));
    for words in [&["check"][..], &["inspect", "-v"], &["--dry-run"], &["-v"], &["restore", "-v"]] {
        let output = app.presentry(words).output().unwrap();
        is_only_seen(&String::from_utf8(output.stderr).unwrap(), &format!("{words:?}"));
        is_only_seen(&String::from_utf8(output.stdout).unwrap(), &format!("{words:?}"));
    }
    let output = app.presentry(&["check"]).arg("--entry").arg(name).output().unwrap();
    is_only_seen(&String::from_utf8(output.stderr).unwrap(), "--entry");
}
