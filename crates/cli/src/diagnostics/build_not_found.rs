//! `build-not-found`: no finished build was found.

use std::path::Path;

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "build-not-found",
    severity: Severity::Error,
    summary: "no finished build was found",
    explanation: r#"A build is found by the `nitro.json` that Nitro writes into its output directory. The message lists
every place where presentry looked, which includes `server.output.dir` of `app.config.*`. If the
build is elsewhere, name it with `--output-dir` or `--entry`."#,
};

/// What there is in place of a build.
#[derive(Debug)]
pub(crate) enum Instead {
    /// A file that looks like an entry.
    Entry(String),
    /// An app.
    App,
    /// Not even a `package.json`.
    Nothing,
}

/// There is no `nitro.json` in any of the places `looked` at.
pub(crate) fn without_metadata(app: &Path, looked: &[String], instead: &Instead) -> Diagnostic {
    let message = format!("no build found in `{}`; looked for {}", app.display(), list(looked));
    Diagnostic::new(&CODE, message).hint(match instead {
        Instead::Entry(entry) => {
            format!("`{entry}` is there: name it with `--entry {entry}` if it is what the platform starts")
        }
        Instead::App => {
            "build the app first, or name its output directory with `--output-dir`, or the built entry with `--entry`"
                .to_owned()
        }
        Instead::Nothing => {
            "there is no `package.json` either: run it in the directory of the app, or name that, as in `presentry my-app`"
                .to_owned()
        }
    })
}

/// There is a `nitro.json`, but none of the server directories its preset stands for.
pub(crate) fn without_server(preset: &str, looked: &[String]) -> Diagnostic {
    Diagnostic::new(
        &CODE,
        format!("the build of preset `{preset}` has no server directory; looked for {}", list(looked)),
    )
    .hint("build the app again, or name the built entry with `--entry`")
}

fn list(paths: &[String]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}
