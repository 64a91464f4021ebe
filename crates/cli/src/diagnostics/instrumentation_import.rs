//! `instrumentation-import`: an import of the instrumentation leads to nothing that can be compiled.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Label, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-import",
    severity: Severity::Error,
    summary: "an import of the instrumentation leads to nothing that can be compiled",
    explanation: r#"If the build has no instrumentation, presentry compiles it from its source, with every file of the
app that it imports. Imports are found as Vite finds them: relative ones with its extensions and
`index` files, `~/` for `appRoot`, `/` for the app, `imports` of its `package.json`, and the `paths`
of `tsconfig.json`. Packages are left alone, and Node.js finds them when the server starts.

What only Vite knows cannot be compiled: `virtual:` modules, `?raw`, style sheets, images, aliases
and plugins of its configuration. An instrumentation that needs them has to be built by Vite: name
it in `withSentry`'s option `instrumentation`, and presentry uses the file that Vite built."#,
};

/// `reason` says what is wrong with the import at `label`.
pub(crate) fn diagnostic(reason: &str, label: Label, hint: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("an import of the instrumentation cannot be followed: {reason}"))
        .label(label)
        .hint(hint)
}

/// A file that is there cannot be read.
pub(crate) fn unreadable(message: String) -> Diagnostic {
    Diagnostic::new(&CODE, message).hint("the instrumentation imports it, so it has to be a text that can be read")
}

/// `file` is imported, and is CommonJS.
pub(crate) fn commonjs(file: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{file}` is imported by the instrumentation, and is CommonJS"))
        .hint("write it as an ES module, with `import` and `export`, as Vite wants it, too")
}
