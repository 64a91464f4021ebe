//! `bundle-changed`: a module of the bundle of the SDK is not as presentry wrote it.

use super::{Code, Diagnostic, Severity};
use crate::sources::ModulePath;

pub(super) static CODE: Code = Code {
    name: "bundle-changed",
    severity: Severity::Error,
    summary: "a module of the SDK's bundle was changed after presentry wrote it",
    explanation: r#"`presentry` puts the SDK into modules of the build, and the first line of each holds the digest of
the rest. `init` of such a module counts as `init` of the SDK only while that digest is right: the
text of a changed one does not show whether it still starts Sentry. What
`sentry-cli sourcemaps inject` adds does not count as a change. The digest detects mistakes, such as
a minifier that ran over the output or a bad merge; it is not a signature."#,
};

pub(crate) fn bundle_changed(module: &ModulePath) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{module}` was changed after it was written"))
        .hint("build the app again, run `presentry`, and leave the file as it is")
}
