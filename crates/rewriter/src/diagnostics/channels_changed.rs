//! `channels-changed`: a file that holds channels, or what tells the SDK of them, is not as presentry wrote it.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "channels-changed",
    severity: Severity::Error,
    summary: "a file with channels, or the list of them, was changed after presentry wrote it",
    explanation: r#"`presentry` injects the channels of the SDK into the libraries of the build, and one module,
`channels.mjs`, lists those files with their digests and tells the SDK of them. The SDK then
registers no hooks, so a library that has lost its channels sends no spans. The proof holds only
while each of these files is as it was written, and the instrumentation imports `channels.mjs`
before anything else. What `sentry-cli sourcemaps inject` adds does not count as a change."#,
};

const HINT: &str = "build the app again, run `presentry`, and leave the files as they are";

/// A file of a library, or the marker.
pub(crate) fn channels_changed(file: &str) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{file}` holds channels, and was changed after it was written")).hint(HINT)
}

/// The marker comes too late.
pub(crate) fn channels_not_first(marker: &ModulePath, instrumentation: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{marker}` is not the first import of `{instrumentation}`")).hint(HINT)
}
