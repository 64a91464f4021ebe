//! `spans-missing`: spans that were to arrive at the intake of a trace did not.

use presentry_rewriter::diagnostics::{Code, Diagnostic, Severity};

use crate::printable::printable;

pub(super) static CODE: Code = Code {
    name: "spans-missing",
    severity: Severity::Error,
    summary: "spans that were expected of a traced server did not arrive",
    explanation: r#"`presentry trace` gives the server a DSN on this machine, sends it requests, and waits for the spans
that Sentry makes of them. Either no span of a library or origin arrived that `--expect` names, or
none arrived at all, although the client of the SDK is there and traces.

The request has to reach the code that uses the library: name it with `--request`. Spans that come
later than `--wait` allows are not seen. `ignoreTransactions`, `beforeSendTransaction`,
`beforeSendSpan` and a `tracesSampler` may drop them."#,
};

/// The origins that arrived, each with how many.
type Origins = [(String, usize)];

/// What is known of why no span arrived of what `--expect` names.
#[derive(Debug)]
pub(crate) enum Why<'a> {
    /// No package of this name was loaded, but one with a name that is near.
    Misspelt { near: &'a str },
    /// A request, as it is shown, was answered with an error.
    ErrorAnswer { request: String, status: u16 },
    /// No package of this name was loaded.
    NotLoaded,
    /// It is there, and no request used it.
    Unused,
}

/// `--expect` names `expected`, and no span of it arrived.
pub(crate) fn expected(expected: &str, why: &Why<'_>, arrived: &Origins) -> Diagnostic {
    let name = printable(expected);
    let message = format!("no span of `{name}` arrived; {}", instead(arrived));
    Diagnostic::new(&CODE, message).hint(match why {
        Why::Misspelt { near } => format!("no package `{name}` was loaded; did you mean `{}`?", printable(near)),
        Why::ErrorAnswer { request, status: status @ (404 | 405) } => {
            format!("`{}` was answered with {status}: name a request of the app with `--request`", printable(request))
        }
        Why::ErrorAnswer { request, status } => format!(
            "`{}` was answered with {status}: `-v` shows what the server prints, and `--env NAME` gives it a variable of the shell",
            printable(request)
        ),
        Why::NotLoaded => format!("no package `{name}` was loaded: name a request that uses it with `--request`"),
        Why::Unused => "no request used it: name one that does with `--request`".to_owned(),
    })
}

/// Nothing came at all.
pub(crate) fn none(requests: &str) -> Diagnostic {
    let message = format!("no span arrived for {requests}, although the client of the SDK traces");
    Diagnostic::new(&CODE, message)
        .hint("see whether the SDK drops them (`ignoreTransactions`, `beforeSendTransaction`)")
}

/// What arrived in place of what was expected.
fn instead(arrived: &Origins) -> String {
    const SHOWN: usize = 8;
    let shown = arrived.iter().take(SHOWN).map(|(origin, count)| format!("`{}` ({count})", printable(origin)));
    let shown: Vec<String> = shown.collect();
    match (shown.is_empty(), arrived.len().saturating_sub(SHOWN)) {
        (true, _) => "none arrived at all".to_owned(),
        (false, 0) => format!("what arrived: {}", shown.join(", ")),
        (false, more) => format!("what arrived: {} and {more} more origins", shown.join(", ")),
    }
}
