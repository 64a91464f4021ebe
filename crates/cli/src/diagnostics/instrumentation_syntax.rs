//! `instrumentation-syntax`: the source of the instrumentation cannot be compiled.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Label, Severity};

pub(super) static CODE: Code = Code {
    name: "instrumentation-syntax",
    severity: Severity::Error,
    summary: "the source of the instrumentation cannot be compiled",
    explanation: r#"If the build has no instrumentation, presentry compiles it from its source. Types are removed, enums
and namespaces become JavaScript, and `import.meta.env` gets the values that Vite's server build
has. JSX, decorators and features of Vite such as `import.meta.glob` are not compiled. In a `.cjs`
file, `require("@sentry/…")` becomes an import, because the SDK registers its hooks for ES modules
only when it is one itself; a file of the app cannot be required."#,
};

/// `message` says what is wrong at `label`; `in_commonjs` says that it is in a CommonJS file.
pub(crate) fn diagnostic(message: String, label: Label, in_commonjs: bool) -> Diagnostic {
    Diagnostic::new(&CODE, message).label(label).hint(if in_commonjs {
        "write the instrumentation as an ES module, with `import` and `export`: what it imports is compiled as well then"
    } else {
        "the instrumentation runs before everything else: keep it, and what it imports, plain TypeScript or JavaScript"
    })
}
