//! `unknown-preset`: the build was made with a preset that presentry does not know.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::similar::nearest;

pub(super) static CODE: Code = Code {
    name: "unknown-preset",
    severity: Severity::Error,
    summary: "the build was made with a preset that presentry does not know",
    explanation: r#"How the host loads the entry depends on the preset, and so does where the entry is. For a preset of
your own, name the entry with `--entry`; the facade then awaits the runtime, as for a process that
is started with `node index.mjs`. Or name with `--preset` the preset of Nitro that yours extends."#,
};

/// `file` is the `nitro.json` that names the preset.
pub(crate) fn diagnostic(preset: &str, file: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{file}` names the preset `{preset}`, which is not known"))
        .hint("name the file that the platform starts with `--entry`, or the preset it extends with `--preset`")
}

/// The preset was named on the command line, and builds no server.
pub(crate) fn without_server(preset: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`--preset` names the preset `{preset}`, which builds no server"))
        .hint("leave `--preset` out: there is nothing to do for a build without a server")
}

/// The preset was named on the command line.
///
/// `known` are the names of those that are known.
pub(crate) fn named<'n>(preset: &str, known: impl IntoIterator<Item = &'n str>) -> Diagnostic {
    let near = nearest(preset, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Diagnostic::new(&CODE, format!("`--preset` names the preset `{preset}`, which is not known"))
        .hint(format!("{near}`presentry explain --presets` lists the presets that are known"))
}
