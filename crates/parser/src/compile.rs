//! Compiles one source module of an app to an ES module that Node runs: text in, text and source map out. Where its
//! imports lead, and what the environment holds, is the caller's to say.

mod commonjs;
mod environment;
mod modules;
mod undeclared;

use std::collections::BTreeSet;

use swc_core::{
    common::{
        BytePos, FileName, GLOBALS, Globals, LineCol, Mark, SourceMap, source_map::SourceMapGenConfig, sync::Lrc,
    },
    ecma::{
        ast::{Ident, Module, Pass as _, Program},
        codegen::{Config, Emitter, text_writer::JsWriter},
        transforms::{
            base::{fixer::fixer, hygiene::hygiene, resolver},
            typescript::{Config as TypeScriptConfig, TsImportExportAssignConfig, typescript},
        },
        visit::Visit as _,
    },
};

pub use environment::{Environment, EnvironmentValue};
pub use modules::{ModuleUse, UseKind};
pub use undeclared::GlobalNames;

use crate::{
    error::SyntaxError,
    parse::{parse, too_many_requests},
    position::{BYTE_ORDER_MARK, floor_char_boundary, position},
    record::Span,
    syntax::{self, ModuleSyntax, PASSES, guarded, parse_file},
};

/// The language a source is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceSyntax {
    /// `.ts`, `.mts`
    TypeScript,
    /// `.tsx`
    TypeScriptJsx,
    /// `.js`, `.mjs`, `.jsx`. A file that has nothing of an ES module, and calls `require` or writes `module.exports`, is
    /// read as CommonJS.
    JavaScript,
    /// `.cjs`
    CommonJs,
}

impl SourceSyntax {
    /// The language that a file extension (without its dot) stands for.
    ///
    /// ```
    /// # use presentry_parser::SourceSyntax;
    /// assert_eq!(SourceSyntax::of_extension("mts"), Some(SourceSyntax::TypeScript));
    /// assert_eq!(SourceSyntax::of_extension("css"), None);
    /// ```
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "ts" | "mts" => Some(Self::TypeScript),
            "tsx" => Some(Self::TypeScriptJsx),
            "js" | "mjs" | "jsx" => Some(Self::JavaScript),
            "cjs" => Some(Self::CommonJs),
            _ => None,
        }
    }

    fn module_syntax(self) -> ModuleSyntax {
        match self {
            Self::TypeScript => ModuleSyntax::TypeScript { jsx: false },
            Self::TypeScriptJsx => ModuleSyntax::TypeScript { jsx: true },
            Self::JavaScript | Self::CommonJs => ModuleSyntax::JavaScriptToCompile,
        }
    }

    fn has_types(self) -> bool {
        matches!(self, Self::TypeScript | Self::TypeScriptJsx)
    }
}

/// How a source is compiled.
#[derive(Clone, Copy, Debug)]
pub struct CompileOptions<'a> {
    /// Its language.
    pub syntax: SourceSyntax,
    /// Its path, relative to the source map.
    pub source: &'a str,
    /// [`verbatimModuleSyntax`](https://www.typescriptlang.org/tsconfig/#verbatimModuleSyntax): imports stay, used or
    /// not, unless they say `type`.
    pub verbatim_module_syntax: bool,
    /// What `import.meta.env` and `process.env.NODE_ENV` are.
    pub environment: &'a Environment,
}

/// A compiled module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The text of the ES module. It does not name its map.
    pub code: String,
    /// The source map in JSON, version 3, with the text of the source in it.
    pub source_map: String,
    /// Whether the source is CommonJS. Nothing can be imported from the result then.
    pub was_commonjs: bool,
    /// The names that it reads and nothing declares, and those that it gives to other modules.
    pub names: GlobalNames,
}

/// Compiles a source: types, enums and namespaces become JavaScript, imports that only types use go, `import.meta.env`
/// gets its values, and CommonJS becomes an ES module that imports what it requires of `@sentry/*`.
///
/// `rewrite` is asked for each specifier that is left then, and gives another one or `None` to keep it.
///
/// # Errors
/// When the source is not valid, or has what no Node.js runs: elements of JSX, decorators, features of Vite.
///
/// ```
/// use presentry_parser::{CompileOptions, Environment, SourceSyntax, compile};
///
/// let options = CompileOptions {
///     syntax: SourceSyntax::TypeScript,
///     source: "../src/instrument.server.ts",
///     verbatim_module_syntax: false,
///     environment: &Environment::default(),
/// };
/// let text = "import { level, type Level } from './level';\nexport const high: Level = level;";
/// let compiled = compile(text, &options, &mut |module| Some(format!("{}.mjs", module.specifier))).unwrap();
/// assert_eq!(compiled.code, "import { level } from \"./level.mjs\";\nexport const high = level;\n");
/// ```
pub fn compile(
    text: &str,
    options: &CompileOptions<'_>,
    rewrite: &mut dyn FnMut(&ModuleUse<'_>) -> Option<String>,
) -> Result<Compiled, Vec<SyntaxError>> {
    let work = || GLOBALS.set(&Globals::new(), || compile_here(text, options, rewrite));
    guarded(text, options.syntax.module_syntax(), PASSES, work).unwrap_or_else(|error| Err(vec![error]))
}

/// Whether a module can declare a binding of this name.
///
/// ```
/// # use presentry_parser::is_binding_name;
/// assert!(is_binding_name("größe") && !is_binding_name("a-b") && !is_binding_name("class"));
/// ```
#[must_use]
pub fn is_binding_name(name: &str) -> bool {
    Ident::verify_symbol(name).is_ok() && name != "await"
}

/// What the passes share.
struct Marks {
    unresolved: Mark,
    top_level: Mark,
}

fn compile_here(
    text: &str,
    options: &CompileOptions<'_>,
    rewrite: &mut dyn FnMut(&ModuleUse<'_>) -> Option<String>,
) -> Result<Compiled, Vec<SyntaxError>> {
    if text.len() > LONGEST {
        let message = "the source is longer than 2 MB; code that need not be compiled can be a package".to_owned();
        return Err(vec![error(message, Span { start: 0, end: 0 })]);
    }
    let code = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let before = text.len() - code.len();
    let sources = Lrc::new(SourceMap::default());
    let name = FileName::Custom(options.source.to_owned());
    let file = sources.new_source_file(name.into(), code.to_owned());
    let moved = |mut errors: Vec<SyntaxError>| {
        for error in &mut errors {
            let start = floor_char_boundary(text, error.span.start + before);
            let end = floor_char_boundary(text, error.span.end + before).max(start);
            error.span = Span { start, end };
        }
        errors
    };
    let (module, errors) = parse_file(code, &file, options.syntax.module_syntax());
    let Some(mut module) = module.filter(|_| errors.is_empty()) else { return Err(moved(errors)) };
    let mut unsupported =
        Unsupported { has_types: options.syntax.has_types(), constants: 0, copied: 0, errors: Vec::new() };
    unsupported.visit_module(&module);
    unsupported.errors.extend(too_many_requests(&module));
    if !unsupported.errors.is_empty() {
        return Err(moved(unsupported.errors));
    }
    let marks = Marks { unresolved: Mark::new(), top_level: Mark::new() };
    if options.syntax.has_types() {
        commonjs::import_sentry_by_equals(&mut module);
    }
    let mut program = Program::Module(module);
    resolver(marks.unresolved, marks.top_level, options.syntax.has_types()).process(&mut program);
    let mut ambient = BTreeSet::new();
    if options.syntax.has_types() {
        if let Program::Module(module) = &program {
            ambient = undeclared::ambient_names(module);
        }
        strip(&mut program, &marks, options.verbatim_module_syntax);
    }
    let Program::Module(module) = &mut program else {
        return Err(vec![error("the text is no module".to_owned(), Span { start: 0, end: 0 })]);
    };
    let mut errors = environment::replace(module, options.environment, &marks);
    let by_sign = options.syntax == SourceSyntax::JavaScript && commonjs::is_commonjs(module, &marks);
    let was_commonjs = options.syntax == SourceSyntax::CommonJs || by_sign;
    if was_commonjs {
        errors.extend(commonjs::to_module(module, &marks, rewrite, before));
    }
    if !errors.is_empty() {
        return Err(moved(errors));
    }
    let names = undeclared::global_names(module, &marks, ambient, was_commonjs, before);
    modules::rewrite(module, rewrite, before);
    program.mutate(hygiene());
    program.mutate(fixer(None));
    let Program::Module(module) = program else {
        return Err(vec![error("the text is no module".to_owned(), Span { start: 0, end: 0 })]);
    };
    let (compiled, mappings) = print(&module, &sources)?;
    // What comes next makes another tree.
    drop(module);
    let compiled = Compiled { was_commonjs, names, ..compiled };
    let (_, errors) = parse(&compiled.code);
    if errors.is_empty() { Ok(compiled) } else { Err(moved(in_source(errors, &compiled.code, &mappings))) }
}

/// What is wrong with the result is told where the source has it: what the parser does not mind in a tree, such as a name
/// that is declared twice.
fn in_source(mut errors: Vec<SyntaxError>, code: &str, mappings: &[(BytePos, LineCol)]) -> Vec<SyntaxError> {
    for error in &mut errors {
        let at = position(code, error.span.start);
        let before = |mapping: &&(BytePos, LineCol)| {
            let (line, column) = (mapping.1.line as usize + 1, mapping.1.col as usize + 1);
            mapping.0.0 != 0 && (line, column) <= (at.line, at.column)
        };
        let start = mappings.iter().rfind(before).map_or(0, |(from, _)| syntax::offset(*from));
        error.span = Span { start, end: start + error.span.end.saturating_sub(error.span.start) };
    }
    errors
}

fn strip(program: &mut Program, marks: &Marks, verbatim_module_syntax: bool) {
    let config = TypeScriptConfig {
        verbatim_module_syntax,
        native_class_properties: true,
        // A module without imports and exports is one all the same: the file is an `.mjs`.
        no_empty_export: true,
        import_export_assign_config: TsImportExportAssignConfig::NodeNext,
        ..TypeScriptConfig::default()
    };
    typescript(config, marks.unresolved, marks.top_level).process(program);
}

/// From where a place of the result came.
type Mappings = Vec<(BytePos, LineCol)>;

fn print(module: &Module, sources: &Lrc<SourceMap>) -> Result<(Compiled, Mappings), Vec<SyntaxError>> {
    let mut code = Vec::new();
    let mut mappings = Mappings::new();
    let writer = JsWriter::new(sources.clone(), "\n", &mut code, Some(&mut mappings));
    let mut emitter = Emitter { cfg: Config::default(), cm: sources.clone(), comments: None, wr: writer };
    let at_start = Span { start: 0, end: 0 };
    let failed = |words: String| vec![error(words, at_start)];
    emitter.emit_module(module).map_err(|reason| failed(format!("the module cannot be printed: {reason}")))?;
    let mut source_map = Vec::new();
    let map = sources.build_source_map(&mappings, None, WithContents);
    map.to_writer(&mut source_map).map_err(|reason| failed(format!("the source map cannot be printed: {reason}")))?;
    let utf8 = |bytes| String::from_utf8(bytes).map_err(|reason| failed(format!("the result is not text: {reason}")));
    let (code, source_map) = (utf8(code)?, utf8(source_map)?);
    Ok((Compiled { code, source_map, was_commonjs: false, names: GlobalNames::default() }, mappings))
}

/// A map that holds the text of its source, which is not deployed.
struct WithContents;

impl SourceMapGenConfig for WithContents {
    fn file_name_to_source(&self, file: &FileName) -> String {
        match file {
            FileName::Custom(name) => name.clone(),
            other => other.to_string(),
        }
    }

    fn inline_sources_content(&self, _: &FileName) -> bool {
        true
    }
}

/// An error with a place in the text without its byte order mark.
fn error(message: String, span: Span) -> SyntaxError {
    SyntaxError { message, span, fatal: true }
}

/// The bytes of source whose tree the library may copy to know the values of constants, which enums can name: it copies
/// each initializer, and in it each sum, and each template, with those that it is made of.
const COPIED: usize = 16_000_000;

/// The bytes of the longest source. Half a second is spent on each million.
const LONGEST: usize = 2_000_000;

/// How much more a sum counts. Its copies are there at once, and take some 35 bytes of memory for each byte.
const OF_SUMS: usize = 4;

/// Finds what is valid for the parser, and runs nowhere.
struct Unsupported {
    has_types: bool,
    /// How many declarations of constants and enums the visitor is in.
    constants: usize,
    copied: usize,
    errors: Vec<SyntaxError>,
}

impl Unsupported {
    fn found(&mut self, what: &str, at: swc_core::common::Span) {
        self.errors.push(error(format!("{what} cannot stand in the instrumentation"), syntax::span(at)));
    }

    /// Counts an expression of a constant, which the library copies where a source has types.
    fn copies(&mut self, at: swc_core::common::Span, times: usize) {
        let before = self.copied;
        self.copied += if self.has_types && self.constants > 0 { (at.hi - at.lo).0 as usize * times } else { 0 };
        if before <= COPIED && self.copied > COPIED {
            self.found("a constant with so many operators", at);
        }
    }
}

mod unsupported {
    //! The visitor of [`Unsupported`](super::Unsupported).

    use swc_core::{
        common::Spanned,
        ecma::{
            ast::{
                BinExpr, Decorator, JSXElement, JSXFragment, Tpl, TsEnumDecl, TsExportAssignment, VarDecl, VarDeclKind,
            },
            visit::{Visit, VisitWith, noop_visit_type},
        },
    };

    impl Visit for super::Unsupported {
        fn visit_jsx_element(&mut self, element: &JSXElement) {
            self.found("an element of JSX", element.opening.span);
        }

        fn visit_jsx_fragment(&mut self, fragment: &JSXFragment) {
            self.found("a fragment of JSX", fragment.opening.span);
        }

        fn visit_decorator(&mut self, decorator: &Decorator) {
            self.found("a decorator", decorator.span);
        }

        fn visit_ts_export_assignment(&mut self, export: &TsExportAssignment) {
            self.found("`export =`, which only CommonJS has,", export.span);
        }

        fn visit_var_decl(&mut self, declared: &VarDecl) {
            if declared.kind != VarDeclKind::Const {
                return declared.visit_children_with(self);
            }
            self.constants += 1;
            declared.decls.iter().filter_map(|one| one.init.as_ref()).for_each(|init| self.copies(init.span(), 1));
            declared.visit_children_with(self);
            self.constants -= 1;
        }

        fn visit_ts_enum_decl(&mut self, declared: &TsEnumDecl) {
            self.constants += 1;
            declared.visit_children_with(self);
            self.constants -= 1;
        }

        fn visit_bin_expr(&mut self, expression: &BinExpr) {
            if !expression.op.may_short_circuit() {
                self.copies(expression.span, super::OF_SUMS);
            }
            expression.visit_children_with(self);
        }

        fn visit_tpl(&mut self, template: &Tpl) {
            if !template.exprs.is_empty() {
                self.copies(template.span, super::OF_SUMS);
            }
            template.visit_children_with(self);
        }

        noop_visit_type!();
    }
}
