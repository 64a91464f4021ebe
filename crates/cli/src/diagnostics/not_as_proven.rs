//! `not-as-proven`: a server that runs differs from what was proven of its build. The guard of a facade prints it
//! (`guard/function.mjs` of the rewriter), and no command.

use presentry_rewriter::diagnostics::{Code, Severity};

pub(super) static CODE: Code = Code {
    name: "not-as-proven",
    severity: Severity::Warning,
    summary: "a server that runs differs from what was proven of its build",
    explanation: r#"The guard in the facade prints this when the server starts, on one line, and sets
`contexts.presentry` on the events of Sentry. The server runs on. The line gives one of these
findings, and the verdict of the build:

- *Sentry has no client.* Nothing called `init`. The build is not the one that was proven, or
  `--trust-init` vouched for a start that does not happen here. Under a condition
  (`init-conditional`) the guard stays silent: the condition does not hold.
- *Sentry started only after the runtime was loaded.* There was no client when the facade came to
  the runtime, and there is one now. Libraries that were loaded in between have no spans.
- *Sentry does not listen to the channels in the libraries.* They were injected ahead of time, and
  the client makes no spans of them: its integrations are turned off, or it is another SDK.
- *The hooks of Sentry are not registered.* The SDK (11 or later) could not register them in this
  version of Node.js. On Bun, which has no hooks, the guard does not look for them.

`presentry trace` shows the same start in full, with the variables that it is given. A client that
sends nothing, without a DSN or with `enabled: false`, counts as one; the guard then skips the
libraries. `--no-guard` writes a facade without the guard."#,
};
