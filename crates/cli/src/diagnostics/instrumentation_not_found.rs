//! `instrumentation-not-found`: there is neither a built instrumentation nor a source to compile.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-not-found",
    severity: Severity::Error,
    summary: "there is neither a built instrumentation nor a source to compile",
    explanation: r#"`withSentry` of `@sentry/solidstart` copies the built `src/instrument.server.ts` to
`instrument.server.mjs` beside the server entry. Where it did not, presentry looks for what Vite
built in `.vinxi/build/ssr/` (the SDK copies nothing when its option `instrumentation` names a file
with another base name), and then for the source: what that option names, or
`instrument.server.{ts,mts,js,mjs,cjs}` in `appRoot`. Apps of other frameworks have that file, or
`sentry.server.config.*` as `@sentry/nuxt` calls it, in their own directory; Nuxt's SDK has it built
beside the entry. Without any of them there is nothing that could start first."#,
};

/// `looked` are the files that were looked for, because the option `instrumentation` names `source`. `there` is the file
/// that the SDK would copy, if it is there.
pub(crate) fn configured(looked: &[String], source: &str, there: Option<&str>) -> Diagnostic {
    let message =
        format!("there is no instrumentation; looked for {}, as `instrumentation` is `{source}`", list(looked));
    Diagnostic::new(&CODE, message).hint(match there {
        Some(there) => format!("`{there}` is there: name it with `--instrumentation {there}` if it is the one"),
        None => {
            "run `presentry` where the sources of the app are, or name the file, built or not, with `--instrumentation`"
                .to_owned()
        }
    })
}

/// `looked` are the files that were looked for; `in_app` says that the build is one of the app at hand. `meant` is a script
/// of the app that starts Sentry, if there is one.
pub(crate) fn diagnostic(looked: &[String], in_app: bool, meant: Option<&str>) -> Diagnostic {
    let message = format!("there is no instrumentation; looked for {}", list(looked));
    Diagnostic::new(&CODE, message).hint(match (meant, in_app) {
        (Some(meant), _) => format!(
            "`{meant}` starts Sentry: rename it to `src/instrument.server.{}`, or name it with `--instrumentation {meant}`",
            meant.rsplit('.').next().unwrap_or("ts")
        ),
        (None, true) => {
            "write `src/instrument.server.ts` with `Sentry.init()` in it, or name the file, built or not, with `--instrumentation`"
                .to_owned()
        }
        (None, false) => "the build is of another app: name the file, built or not, with `--instrumentation`".to_owned(),
    })
}

fn list(files: &[String]) -> String {
    files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ")
}
