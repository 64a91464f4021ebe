//! `syntax-error`: a module of the build cannot be parsed.

use super::{Code, Diagnostic, Severity};
use presentry_parser::SyntaxError;

use crate::graph::Module;

pub(super) static CODE: Code = Code {
    name: "syntax-error",
    severity: Severity::Error,
    summary: "a module of the build cannot be parsed",
    explanation: r#"A module that matters for the proof is not a valid ECMAScript module, or the instrumentation imports
a file that is neither JSON nor CommonJS, as Node takes it. Node would refuse it, too.

Some valid modules are refused as well, with the words *nested too deeply*. Some shapes of
4 MB would take minutes or gigabytes, so presentry does not parse them: about 12,000 brackets in one
another (3,000 in a source that is compiled), 5,000 blocks in one another, a chain of 7,000
`else if`, 10,000 imports, or 20,000 exports. A source that is compiled may have 2 MB, and constants of about 1,400
operators. Bundlers and minifiers do not write such code; a generator of tables may. Move that part to a JSON file or to a chunk that does
not import the entry: presentry does not parse it there."#,
};

pub(crate) fn syntax_error(module: &Module, error: &SyntaxError) -> Diagnostic {
    Diagnostic::new(&CODE, format!("`{}` is no valid module: {}", module.path, error.message))
        .label(module.label(error.span, ""))
        .hint("build again; if Node accepts this file, please report it with the line above")
}
