//! The module record: what a module requests and exports, as plain data named after the specification; no parsing.

/// A half-open range of byte offsets into the text that was given to [`crate::parse`], byte order mark included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just after the last byte.
    pub end: usize,
}

impl Span {
    /// The text between the two offsets.
    ///
    /// # Panics
    /// When the span was not made from `text`.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.start..self.end]
    }
}

/// A string literal as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringLiteral {
    /// The literal with its quotes.
    ///
    /// ```js
    /// import a from "./a.mjs";
    /// //            ^^^^^^^^^
    /// ```
    pub span: Span,
    /// What the literal means, escapes resolved. A lone surrogate becomes U+FFFD.
    pub value: String,
}

/// An `IdentifierName` or string literal that names an import or export (`ModuleExportName` in the specification).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleExportName {
    /// The name as written, quotes included when it is a string literal. For `export default …` the word `default`.
    pub span: Span,
    /// The name itself, escapes resolved.
    pub value: String,
}

/// When a requested module is linked and evaluated.
///
/// See the proposals [`import defer`](https://tc39.es/proposal-defer-import-eval/) and
/// [`import source`](https://tc39.es/proposal-source-phase-imports/).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `import … from`: linked and evaluated before the importer.
    Evaluation,
    /// `import defer * as ns from`: linked before the importer, evaluated at the first access.
    Defer,
    /// `import source x from`: compiled, neither linked nor evaluated.
    Source,
}

/// One `key: "value"` of a `with { … }` (or the older `assert { … }`) clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportAttribute {
    /// The attribute's key, for example `type`.
    pub key: String,
    /// The attribute's value, for example `json`.
    pub value: String,
}

/// The form of the statement that requests a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestForm {
    /// `import "x"`
    Bare,
    /// `import … from "x"`, `import {} from "x"` included.
    Import,
    /// `export { … } from "x"`
    ExportNamed,
    /// `export * from "x"`
    ExportStar,
    /// `export * as ns from "x"`
    ExportStarAs,
}

/// One static request of another module (`ModuleRequest` in the specification); a module that is requested by two
/// statements has two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRequest {
    /// The whole statement, its semicolon included when there is one.
    pub statement: Span,
    /// The specifier.
    pub specifier: StringLiteral,
    /// The form of the statement.
    pub form: RequestForm,
    /// The phase that is asked for.
    pub phase: Phase,
    /// The import attributes, in source order.
    pub attributes: Vec<ImportAttribute>,
}

/// What is taken from the requested module (`[[ImportName]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportName {
    /// One export. `import x from` names `default`.
    Name(ModuleExportName),
    /// The namespace object: `* as ns`.
    Namespace,
    /// The module source: `import source x from`.
    Source,
}

/// A binding made by an import declaration
/// ([`ImportEntry`](https://tc39.es/ecma262/#table-importentry-record-fields)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEntry {
    /// Index into [`ModuleRecord::requested_modules`].
    pub request: usize,
    /// What is taken from the requested module.
    pub import_name: ImportName,
    /// The name it has in this module.
    pub local_name: String,
    /// The import specifier.
    ///
    /// ```js
    /// import { a as b } from "./a.mjs";
    /// //       ^^^^^^
    /// ```
    pub span: Span,
}

/// An export of something this module declares
/// ([`LocalExportEntries`](https://tc39.es/ecma262/#table-exportentry-records)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalExportEntry {
    /// The name importers use.
    pub export_name: ModuleExportName,
    /// The name of the binding in this module; `None` for an anonymous `export default` (the specification's
    /// `*default*`).
    pub local_name: Option<String>,
    /// The export specifier, or the whole statement for an exported declaration.
    pub span: Span,
}

/// An export of something another module declares
/// ([`IndirectExportEntries`](https://tc39.es/ecma262/#table-exportentry-records)).
///
/// As in the specification, `import { a } from "x"; export { a }` is one as well; `import * as ns from "x"; export
/// { ns }` is a local export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndirectExportEntry {
    /// Index into [`ModuleRecord::requested_modules`].
    pub request: usize,
    /// What is taken from the requested module.
    pub import_name: ImportName,
    /// The name importers use.
    pub export_name: ModuleExportName,
    /// The export specifier.
    pub span: Span,
}

/// `export * from "x"` ([`StarExportEntries`](https://tc39.es/ecma262/#table-exportentry-records)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StarExportEntry {
    /// Index into [`ModuleRecord::requested_modules`].
    pub request: usize,
}

/// One `import(…)` expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicImport {
    /// The whole call.
    pub span: Span,
    /// The first argument.
    pub argument: Span,
    /// The specifier, when the first argument is a string literal or a template without substitutions. The span is
    /// the literal's, with quotes or backticks.
    pub specifier: Option<StringLiteral>,
    /// `import.defer(…)`, `import.source(…)` or plain.
    pub phase: Phase,
    /// Whether a second argument is given.
    pub has_options: bool,
    /// Whether the call runs when the module is evaluated, that is, stands in no function.
    pub top_level: bool,
    /// Whether the call is the operand of `await`.
    pub awaited: bool,
}

/// How a module names a file by its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UrlForm {
    /// `new URL("./x.mjs", import.meta.url)`
    NewUrl,
    /// `import.meta.resolve("./x.mjs")`
    Resolve,
    /// The same inside `new Worker(…)`, `new SharedWorker(…)` or `fork(…)`: the file is started, not read.
    Started,
}

/// A literal that names a file relative to this module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlReference {
    /// The whole expression.
    pub span: Span,
    /// The relative URL.
    pub specifier: StringLiteral,
    /// How it is named.
    pub form: UrlForm,
}

/// One use of `import.meta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportMeta {
    /// `import.meta`, with the property when there is one.
    pub span: Span,
    /// The property that is read, when it is known statically.
    pub property: Option<String>,
}

/// The value of a `//# name=value` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The whole comment.
    pub span: Span,
    /// What stands after the equals sign.
    pub value: String,
}

/// A directive such as `"use strict"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The whole statement.
    pub span: Span,
    /// The string without quotes, escapes unresolved.
    pub value: String,
}

/// What a module requests and exports
/// ([Source Text Module Record](https://tc39.es/ecma262/#sec-source-text-module-records)).
///
/// All lists are in source order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleRecord {
    /// Whether the text starts with a byte order mark.
    pub byte_order_mark: bool,
    /// `#!…` on the first line, without the line end.
    pub hashbang: Option<Span>,
    /// The directive prologue.
    pub directives: Vec<Directive>,
    /// The top-level statements and declarations, directives included.
    pub statements: Vec<Span>,
    /// The static requests.
    pub requested_modules: Vec<ModuleRequest>,
    /// The bindings made by imports.
    pub import_entries: Vec<ImportEntry>,
    /// The exports of this module's own bindings.
    pub local_export_entries: Vec<LocalExportEntry>,
    /// The exports of other modules' bindings.
    pub indirect_export_entries: Vec<IndirectExportEntry>,
    /// The `export * from` statements.
    pub star_export_entries: Vec<StarExportEntry>,
    /// The `import(…)` expressions, wherever they stand.
    pub dynamic_imports: Vec<DynamicImport>,
    /// The literals that name a file relative to this module.
    pub url_references: Vec<UrlReference>,
    /// The uses of `import.meta`.
    pub import_metas: Vec<ImportMeta>,
    /// The reads of `process.argv[1]`, by which a module asks whether it is what the process was started with.
    pub main_checks: Vec<Span>,
    /// The `await` expressions and `for await` statements outside of any function.
    pub top_level_awaits: Vec<Span>,
    /// `//# sourceMappingURL=…`, the last one.
    pub source_mapping_url: Option<Annotation>,
    /// `//# debugId=…`, the last one.
    pub debug_id: Option<Annotation>,
}
