//! Reads an ES module into facts: text in, plain data out, in byte ranges of the given text; and compiles one, text in,
//! text out. No I/O, and no type of the parser library in the interface.

mod analyze;
mod annotations;
mod app_config;
mod bindings;
mod compile;
mod error;
mod evaluation;
mod floating;
mod globals;
mod names;
mod namespaces;
mod nesting;
mod outline;
mod parse;
mod position;
mod record;
mod requires;
mod syntax;
mod wrappers;

pub use analyze::analyze;
pub use app_config::{AppConfig, AutoInject, ConfigSyntax, Known, ListItem, app_config};
pub use bindings::{Binding, FunctionShape, ModuleAnalysis, Value, Write};
pub use compile::{
    CompileOptions, Compiled, Environment, EnvironmentValue, GlobalNames, ModuleUse, SourceSyntax, UseKind, compile,
    is_binding_name,
};
pub use error::SyntaxError;
pub use evaluation::{
    Argument, Assignment, Class, ClassId, Evaluation, Expression, ExpressionKind, Function, FunctionId, Logical, Loop,
    LoopKind, Member, MemberKind, Name, Numeral, Pattern, Property, Slot, SlotId, Step, evaluation,
};
pub use globals::{COMMONJS_ALONE, is_defined_by_node};
pub use namespaces::namespace_members;
pub use outline::{Outline, outline};
pub use parse::parse;
pub use position::{Position, line_text, position};
pub use record::{
    Annotation, Directive, DynamicImport, ImportAttribute, ImportEntry, ImportMeta, ImportName, IndirectExportEntry,
    LocalExportEntry, ModuleExportName, ModuleRecord, ModuleRequest, Phase, RequestForm, Span, StarExportEntry,
    StringLiteral, UrlForm, UrlReference,
};
pub use requires::{FileGoal, RequestMeans, RunTimeRequest, commonjs_error, module_requests, run_time_requests};
pub use wrappers::commonjs_wrappers;

#[cfg(test)]
mod tests;
