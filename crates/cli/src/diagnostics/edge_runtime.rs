//! `edge-runtime`: the build is for a runtime without module hooks.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

pub(super) static CODE: Code = Code {
    name: "edge-runtime",
    severity: Severity::Error,
    summary: "the build is for a runtime without module hooks",
    explanation: r#"Workers and edge functions run one bundled file, and there are no hooks through which Sentry could
see a library being loaded. The order of imports changes nothing there. Use the SDK that is made for
the platform. How a worker of Cloudflare gets spans of its libraries is shown in
[ahead.md](ahead.md#workers-of-cloudflare)."#,
};

/// `preset` is the name in the table of presets.
pub(crate) fn diagnostic(preset: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("the preset `{preset}` is for an edge runtime, which has no module hooks"))
        .hint(advice(preset))
}

fn advice(preset: &str) -> &'static str {
    if preset.starts_with("cloudflare") {
        "use `@sentry/cloudflare`, which wraps the handler; presentry has nothing to do for this build"
    } else if preset.starts_with("vercel") {
        "use `@sentry/vercel-edge`; presentry has nothing to do for this build"
    } else if preset.starts_with("deno") || preset.starts_with("netlify") {
        "use `@sentry/deno`; presentry has nothing to do for this build"
    } else {
        "use the Sentry SDK for this platform; presentry has nothing to do for this build"
    }
}
