//! `tracer-failed`: packages are missing, and tracing them failed.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "tracer-failed",
    severity: Severity::Warning,
    summary: "packages are missing, and tracing them failed",
    explanation: r#"The tracer that Nitro uses, `@vercel/nft`, was started under Node.js to find the files of packages
that the build lacks, and ended with an error. `package-missing` names the packages."#,
};

/// `reason` is what the tracer said.
pub(crate) fn diagnostic(reason: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("packages could not be traced: {reason}"))
        .hint("import the packages in code of the server, so that Nitro traces them, and build again")
}
