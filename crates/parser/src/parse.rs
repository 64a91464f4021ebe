//! Reads the module record from the syntax tree. What names mean inside functions is no matter here.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use swc_core::{
    atoms::Atom,
    common::Spanned,
    ecma::{
        ast::{
            ArrowExpr, AwaitExpr, CallExpr, Callee, ClassProp, Constructor, Decl, DefaultDecl, ExportAll,
            ExportSpecifier, Expr, ExprOrSpread, ForHead, ForOfStmt, Function, Ident, ImportDecl, ImportPhase,
            ImportSpecifier, Lit, MemberExpr, MemberProp, MetaPropExpr, MetaPropKind, Module, ModuleDecl,
            ModuleExportName as SwcExportName, ModuleItem, NamedExport, NewExpr, ObjectLit, ObjectPatProp,
            OptChainBase, Pat, PrivateProp, Prop, PropName, PropOrSpread, Regex, StaticBlock, Stmt, Str, Tpl,
            TplElement, UsingDecl, VarDecl, VarDeclKind,
        },
        visit::{Visit, VisitWith},
    },
};

use crate::{
    annotations,
    error::SyntaxError,
    position::{BYTE_ORDER_MARK, is_line_terminator},
    record::{
        Directive, DynamicImport, ImportAttribute, ImportEntry, ImportMeta, ImportName, IndirectExportEntry,
        LocalExportEntry, ModuleExportName, ModuleRecord, ModuleRequest, Phase, RequestForm, Span, StarExportEntry,
        StringLiteral, UrlForm, UrlReference,
    },
    syntax::{offset, span, with_module},
};

/// Reads an ES module into its record.
///
/// The text may start with a byte order mark and a hashbang; all spans are byte offsets into it. When an error is
/// fatal the record is empty but for the byte order mark; recovered errors leave it complete. Exports of undeclared
/// names, names that are exported or declared twice and string names that are not well-formed Unicode are errors too,
/// as the [early errors of modules](https://tc39.es/ecma262/#sec-module-semantics-static-semantics-early-errors) say.
///
/// ```
/// let (record, errors) = presentry_parser::parse("export { n as default } from './nitro.mjs';");
/// assert!(errors.is_empty());
/// assert_eq!(record.requested_modules[0].specifier.value, "./nitro.mjs");
/// assert_eq!(record.indirect_export_entries[0].export_name.value, "default");
/// ```
#[must_use]
pub fn parse(text: &str) -> (ModuleRecord, Vec<SyntaxError>) {
    let (record, errors) = with_module(text, |module| record(text, module));
    let empty = || ModuleRecord { byte_order_mark: text.starts_with(BYTE_ORDER_MARK), ..ModuleRecord::default() };
    (record.unwrap_or_else(empty), errors)
}

/// The statements of one module that may name another one. Each such name is looked up in a build.
const MOST_REQUESTS: usize = 10_000;

/// The exports of one module. An entry has a facade with each of them.
const MOST_EXPORTS: usize = 20_000;

/// An error where a module has more statements that import or export from another one than are looked up.
pub(crate) fn too_many_requests(module: &Module) -> Option<SyntaxError> {
    let mut requests = module.body.iter().filter(|item| match item {
        ModuleItem::ModuleDecl(ModuleDecl::Import(_) | ModuleDecl::ExportAll(_)) => true,
        ModuleItem::ModuleDecl(ModuleDecl::ExportNamed(export)) => export.src.is_some(),
        _ => false,
    });
    let past = requests.nth(MOST_REQUESTS)?;
    let message = "the module has more than 10,000 statements that import from others".to_owned();
    Some(SyntaxError { message, span: span(past.span()), fatal: true })
}

/// The record of a parsed module, with the early errors that the parser library does not know.
pub(crate) fn record(text: &str, module: &Module) -> (ModuleRecord, Vec<SyntaxError>) {
    if let Some(error) = too_many_requests(module) {
        return (ModuleRecord::default(), vec![error]);
    }
    let mut reader = Reader {
        text,
        record: ModuleRecord::default(),
        errors: Vec::new(),
        imported: HashMap::new(),
        declared: HashMap::new(),
        argv: Vec::new(),
        functions: 0,
        static_blocks: 0,
        awaited: None,
        started: Vec::new(),
        literals: annotations::possible(text).then(Vec::new),
    };
    reader.prologue(module);
    for item in &module.body {
        reader.record.statements.push(span(item.span()));
        match item {
            ModuleItem::ModuleDecl(item) => reader.module_declaration(item),
            ModuleItem::Stmt(Stmt::Decl(decl)) => reader.declaration(decl),
            ModuleItem::Stmt(_) => {}
        }
    }
    let entries = &reader.record;
    let exports = entries.local_export_entries.iter().map(|entry| entry.export_name.span);
    let mut exports = exports.chain(entries.indirect_export_entries.iter().map(|entry| entry.export_name.span));
    if let Some(past) = exports.nth(MOST_EXPORTS) {
        let message = "the module has more than 20,000 exports".to_owned();
        return (ModuleRecord::default(), vec![SyntaxError { message, span: past, fatal: true }]);
    }
    module.visit_with(&mut reader);
    reader.finish()
}

struct Reader<'a> {
    text: &'a str,
    record: ModuleRecord,
    errors: Vec<SyntaxError>,
    /// The local name of each import, with its place among the import entries.
    imported: HashMap<String, usize>,
    /// The names of the module's top level: where they are declared, and whether lexically.
    declared: HashMap<Atom, (Span, bool)>,
    /// The local names of `process` and `argv` when they are imported.
    argv: Vec<(String, ArgvRoot)>,
    /// How many functions the visitor is in; instance fields count as one.
    functions: usize,
    /// How many static blocks the visitor is in, which hold `var` as functions do.
    static_blocks: usize,
    /// The operand of the `await` that is being visited.
    awaited: Option<Span>,
    /// Where the URLs start that are arguments of `new Worker(…)` and the like.
    started: Vec<usize>,
    /// The literals that may hide a comment, when it matters.
    literals: Option<Vec<Span>>,
}

#[derive(Clone, Copy, PartialEq)]
enum ArgvRoot {
    Process,
    Argv,
}

impl Reader<'_> {
    fn prologue(&mut self, module: &Module) {
        self.record.byte_order_mark = self.text.starts_with(BYTE_ORDER_MARK);
        if module.shebang.is_some() {
            let start = if self.record.byte_order_mark { BYTE_ORDER_MARK.len_utf8() } else { 0 };
            let rest = &self.text[start..];
            let length = rest.find(is_line_terminator).unwrap_or(rest.len());
            self.record.hashbang = Some(Span { start, end: start + length });
        }
        for item in &module.body {
            let ModuleItem::Stmt(Stmt::Expr(statement)) = item else { break };
            let Expr::Lit(Lit::Str(string)) = &*statement.expr else { break };
            let literal = span(string.span).of(self.text);
            let value = literal.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
            let value = value.unwrap_or(literal).to_owned();
            self.record.directives.push(Directive { span: span(statement.span), value });
        }
    }

    fn error(&mut self, message: String, span: Span) {
        self.errors.push(SyntaxError { message, span, fatal: false });
    }

    // Requests and imports.

    fn request(
        &mut self,
        statement: Span,
        src: &Str,
        form: RequestForm,
        phase: Phase,
        with: Option<&ObjectLit>,
    ) -> usize {
        let attributes = with.map_or_else(Vec::new, |with| self.attributes(with));
        let specifier = literal(src);
        self.record.requested_modules.push(ModuleRequest { statement, specifier, form, phase, attributes });
        self.record.requested_modules.len() - 1
    }

    fn attributes(&mut self, with: &ObjectLit) -> Vec<ImportAttribute> {
        let mut attributes: Vec<ImportAttribute> = Vec::new();
        // The library takes any token for the brace.
        if !span(with.span).of(self.text).starts_with('{') {
            self.error("expected `{` after `with`".to_owned(), span(with.span));
        }
        for property in &with.props {
            let at = span(property.span());
            let Some((key, value)) = attribute(property) else {
                self.error("the value of an import attribute is a string".to_owned(), at);
                continue;
            };
            if attributes.iter().any(|other| other.key == key) {
                self.error(format!("the import attribute `{key}` is given twice"), at);
            }
            attributes.push(ImportAttribute { key, value });
        }
        attributes
    }

    fn import(&mut self, import: &ImportDecl) {
        let statement = span(import.span);
        let after_keyword = skip_trivia(self.text, statement.start + "import".len());
        let form = if after_keyword == offset(import.src.span.lo) { RequestForm::Bare } else { RequestForm::Import };
        let phase = phase(import.phase);
        let request = self.request(statement, &import.src, form, phase, import.with.as_deref());
        for specifier in &import.specifiers {
            let local = specifier.local();
            let (import_name, at) = match specifier {
                ImportSpecifier::Named(named) => {
                    let name = match &named.imported {
                        Some(name) => self.export_name(name),
                        None => named_by(local.span, &local.sym),
                    };
                    (ImportName::Name(name), named.span)
                }
                ImportSpecifier::Default(default) if phase == Phase::Source => (ImportName::Source, default.span),
                ImportSpecifier::Default(default) => {
                    (ImportName::Name(named_by(default.span, "default")), default.span)
                }
                ImportSpecifier::Namespace(namespace) => (ImportName::Namespace, namespace.span),
            };
            self.process_binding(request, &import_name, &local.sym);
            let index = self.record.import_entries.len();
            self.declare(&local.sym, span(local.span), true);
            self.imported.insert(local.sym.to_string(), index);
            self.record.import_entries.push(ImportEntry {
                request,
                import_name,
                local_name: local.sym.to_string(),
                span: span(at),
            });
        }
    }

    /// Notes under which name `process` or its `argv` is imported.
    fn process_binding(&mut self, request: usize, import_name: &ImportName, local: &str) {
        if !matches!(&*self.record.requested_modules[request].specifier.value, "process" | "node:process") {
            return;
        }
        let root = match import_name {
            ImportName::Name(name) if name.value == "argv" => ArgvRoot::Argv,
            ImportName::Name(name) if name.value != "default" => return,
            _ => ArgvRoot::Process,
        };
        self.argv.push((local.to_owned(), root));
    }

    // Declarations of the top level.

    fn declaration(&mut self, decl: &Decl) {
        match decl {
            Decl::Class(class) => self.declare_ident(Some(&class.ident), true),
            Decl::Fn(function) => self.declare_ident(Some(&function.ident), true),
            // A `var` is declared by the visitor, which finds those in blocks as well.
            Decl::Var(var) if var.kind == VarDeclKind::Var => {}
            Decl::Var(var) => {
                for declarator in &var.decls {
                    self.declare_pattern(&declarator.name, true);
                }
            }
            Decl::Using(using) => {
                for declarator in &using.decls {
                    self.declare_pattern(&declarator.name, true);
                }
            }
            Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
        }
    }

    fn declare_pattern(&mut self, pattern: &Pat, lexical: bool) {
        let mut names = Vec::new();
        bound_names(pattern, &mut |name| names.push((name.sym.clone(), span(name.span))));
        for (name, at) in names {
            self.declare(&name, at, lexical);
        }
    }

    fn declare_ident(&mut self, ident: Option<&Ident>, lexical: bool) {
        if let Some(ident) = ident {
            self.declare(&ident.sym, span(ident.span), lexical);
        }
    }

    fn declare(&mut self, name: &Atom, at: Span, lexical: bool) {
        match self.declared.entry(name.clone()) {
            Entry::Vacant(entry) => {
                entry.insert((at, lexical));
            }
            Entry::Occupied(entry) => {
                let (other, also_lexical) = *entry.get();
                // Only `var` may be declared twice. It is seen last, wherever it stands.
                if lexical || also_lexical {
                    self.error(format!("`{name}` is declared twice"), at.max(other));
                }
            }
        }
    }

    // Exports.

    fn module_declaration(&mut self, item: &ModuleDecl) {
        match item {
            ModuleDecl::Import(import) => self.import(import),
            ModuleDecl::ExportDecl(export) => {
                self.declaration(&export.decl);
                let statement = span(export.span);
                match &export.decl {
                    Decl::Class(class) => self.export_binding(&class.ident, statement),
                    Decl::Fn(function) => self.export_binding(&function.ident, statement),
                    Decl::Var(var) => {
                        for declarator in &var.decls {
                            bound_names(&declarator.name, &mut |name| {
                                self.export_binding(name, statement);
                            });
                        }
                    }
                    // `export using` is no syntax, and this is not TypeScript.
                    Decl::Using(_)
                    | Decl::TsInterface(_)
                    | Decl::TsTypeAlias(_)
                    | Decl::TsEnum(_)
                    | Decl::TsModule(_) => {}
                }
            }
            ModuleDecl::ExportNamed(export) => match &export.src {
                Some(src) => self.export_from(export, src),
                None => self.export_names(export),
            },
            ModuleDecl::ExportDefaultDecl(export) => {
                let ident = match &export.decl {
                    DefaultDecl::Class(class) => class.ident.as_ref(),
                    DefaultDecl::Fn(function) => function.ident.as_ref(),
                    DefaultDecl::TsInterfaceDecl(_) => None,
                };
                self.declare_ident(ident, true);
                self.export_default(span(export.span), ident.map(|ident| ident.sym.to_string()));
            }
            ModuleDecl::ExportDefaultExpr(export) => self.export_default(span(export.span), None),
            ModuleDecl::ExportAll(export) => self.export_all(export),
            ModuleDecl::TsImportEquals(_) | ModuleDecl::TsExportAssignment(_) | ModuleDecl::TsNamespaceExport(_) => {}
        }
    }

    fn export_binding(&mut self, ident: &Ident, statement: Span) {
        self.record.local_export_entries.push(LocalExportEntry {
            export_name: named_by(ident.span, &ident.sym),
            local_name: Some(ident.sym.to_string()),
            span: statement,
        });
    }

    fn export_default(&mut self, statement: Span, local_name: Option<String>) {
        let span = default_word(self.text, statement);
        self.record.local_export_entries.push(LocalExportEntry {
            export_name: ModuleExportName { span, value: "default".to_owned() },
            local_name,
            span: statement,
        });
    }

    /// `export { … }`. Whether a name is an import's, so that the export is indirect, is known at the end only.
    fn export_names(&mut self, export: &NamedExport) {
        for specifier in &export.specifiers {
            let ExportSpecifier::Named(named) = specifier else { continue };
            let local = self.export_name(&named.orig);
            let export_name = named.exported.as_ref().map(|name| self.export_name(name));
            self.record.local_export_entries.push(LocalExportEntry {
                local_name: Some(local.value.clone()),
                export_name: export_name.unwrap_or(local),
                span: span(named.span),
            });
        }
    }

    /// `export { … } from` and `export * as ns from`.
    fn export_from(&mut self, export: &NamedExport, src: &Str) {
        let form = match export.specifiers.first() {
            Some(ExportSpecifier::Namespace(_)) => RequestForm::ExportStarAs,
            _ => RequestForm::ExportNamed,
        };
        let with = export.with.as_deref();
        let request = self.request(span(export.span), src, form, Phase::Evaluation, with);
        for specifier in &export.specifiers {
            let (import_name, export_name, at) = match specifier {
                ExportSpecifier::Namespace(namespace) => {
                    (ImportName::Namespace, self.export_name(&namespace.name), namespace.span)
                }
                ExportSpecifier::Named(named) => {
                    let imported = self.export_name(&named.orig);
                    let exported = named.exported.as_ref().map(|name| self.export_name(name));
                    let exported = exported.unwrap_or_else(|| imported.clone());
                    (ImportName::Name(imported), exported, named.span)
                }
                // `export x from` is a proposal that no engine runs; the library has it switched off.
                ExportSpecifier::Default(_) => continue,
            };
            self.record.indirect_export_entries.push(IndirectExportEntry {
                request,
                import_name,
                export_name,
                span: span(at),
            });
        }
    }

    fn export_all(&mut self, export: &ExportAll) {
        let (statement, with) = (span(export.span), export.with.as_deref());
        let form = RequestForm::ExportStar;
        let request = self.request(statement, &export.src, form, Phase::Evaluation, with);
        self.record.star_export_entries.push(StarExportEntry { request });
    }

    fn export_name(&mut self, name: &SwcExportName) -> ModuleExportName {
        match name {
            SwcExportName::Ident(ident) => named_by(ident.span, &ident.sym),
            SwcExportName::Str(string) => {
                let StringLiteral { span, value } = literal(string);
                if string.value.as_str().is_none() {
                    let text = span.of(self.text);
                    self.error(format!("the name {text} is not well-formed Unicode"), span);
                }
                ModuleExportName { span, value }
            }
        }
    }

    // The end.

    fn finish(mut self) -> (ModuleRecord, Vec<SyntaxError>) {
        self.settle_exports();
        self.duplicate_exports();
        if let Some(literals) = &mut self.literals {
            literals.sort_unstable();
            let start = self.record.hashbang.map_or(0, |hashbang| hashbang.end);
            let [url, debug_id] = annotations::find(self.text, start, literals);
            self.record.source_mapping_url = url;
            self.record.debug_id = debug_id;
        }
        // The visitor sees the outer expression first, whatever its place.
        let record = &mut self.record;
        record.dynamic_imports.sort_by_key(|found| found.span);
        record.url_references.sort_by_key(|found| found.span);
        record.import_metas.sort_by_key(|found| found.span);
        record.main_checks.sort_unstable();
        record.top_level_awaits.sort_unstable();
        (self.record, self.errors)
    }

    /// Exports of imports become indirect, as in
    /// [ParseModule](https://tc39.es/ecma262/#sec-parsemodule), and those of nothing become errors.
    fn settle_exports(&mut self) {
        let mut local = Vec::new();
        for entry in std::mem::take(&mut self.record.local_export_entries) {
            let Some(name) = &entry.local_name else {
                local.push(entry);
                continue;
            };
            let import = self.imported.get(name).map(|&index| &self.record.import_entries[index]);
            match import {
                Some(ImportEntry { request, import_name: import_name @ ImportName::Name(_), .. }) => {
                    self.record.indirect_export_entries.push(IndirectExportEntry {
                        request: *request,
                        import_name: import_name.clone(),
                        export_name: entry.export_name,
                        span: entry.span,
                    });
                }
                Some(_) => local.push(entry),
                None => {
                    let literal = self.text[entry.span.start..].starts_with(['"', '\'']);
                    if !literal && !self.declared.contains_key(&Atom::from(name.as_str())) {
                        self.errors.push(SyntaxError {
                            message: format!("`{name}` is exported but not declared"),
                            span: entry.span,
                            fatal: false,
                        });
                    }
                    local.push(entry);
                }
            }
        }
        self.record.local_export_entries = local;
        self.record.indirect_export_entries.sort_by_key(|entry| entry.span);
    }

    fn duplicate_exports(&mut self) {
        let local = self.record.local_export_entries.iter().map(|entry| &entry.export_name);
        let indirect = self.record.indirect_export_entries.iter().map(|entry| &entry.export_name);
        let mut names: Vec<_> = local.chain(indirect).collect();
        names.sort_by_key(|name| name.span);
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(&name.value) {
                self.errors.push(SyntaxError {
                    message: format!("`{}` is exported twice", name.value),
                    span: name.span,
                    fatal: false,
                });
            }
        }
    }

    // Expressions.

    /// Reads one expression, and returns the operand on its left, where chains such as `a + b + c` and `a.b().c` grow
    /// long: those are walked in a loop, everything else by recursion.
    fn expression<'e>(&mut self, expr: &'e Expr) -> Option<&'e Expr> {
        match expr {
            Expr::Bin(binary) => {
                self.visit_expr(&binary.right);
                Some(&binary.left)
            }
            Expr::Member(member) => self.member(member),
            Expr::Call(call) => {
                self.call(call);
                self.visit_expr_or_spreads(&call.args);
                match &call.callee {
                    Callee::Expr(callee) => Some(callee),
                    Callee::Super(_) | Callee::Import(_) => None,
                }
            }
            Expr::TaggedTpl(tagged) => {
                self.visit_tpl(&tagged.tpl);
                Some(&tagged.tag)
            }
            Expr::OptChain(chain) => match &*chain.base {
                OptChainBase::Member(member) => self.member(member),
                OptChainBase::Call(call) => {
                    self.starts(&call.callee, &call.args);
                    self.visit_expr_or_spreads(&call.args);
                    Some(&call.callee)
                }
            },
            _ => {
                descend(|| expr.visit_children_with(self));
                None
            }
        }
    }

    /// Reads `object.property` and returns the object, unless it is known already.
    fn member<'e>(&mut self, member: &'e MemberExpr) -> Option<&'e Expr> {
        let property = static_property(&member.prop);
        if let MemberProp::Computed(computed) = &member.prop {
            self.visit_expr(&computed.expr);
        }
        if is_import_meta(&member.obj) {
            let property = property.map(ToOwned::to_owned);
            self.record.import_metas.push(ImportMeta { span: span(member.span), property });
            return None;
        }
        if is_one(&member.prop) && self.is_argv(&member.obj) {
            self.record.main_checks.push(span(member.span));
        }
        Some(&member.obj)
    }

    /// Whether the expression is `process.argv`, by whatever name `process` and `argv` are imported.
    fn is_argv(&self, expr: &Expr) -> bool {
        let bound_to = |ident: &Ident, root| self.argv.iter().any(|(name, to)| *name == *ident.sym && *to == root);
        match unwrap_parens(expr) {
            Expr::Ident(ident) => bound_to(ident, ArgvRoot::Argv),
            Expr::Member(MemberExpr { obj, prop, .. }) if static_property(prop) == Some("argv") => {
                match unwrap_parens(obj) {
                    Expr::Ident(ident) => &*ident.sym == "process" || bound_to(ident, ArgvRoot::Process),
                    Expr::Member(MemberExpr { obj, prop, .. }) => {
                        static_property(prop) == Some("process")
                            && matches!(unwrap_parens(obj), Expr::Ident(ident) if &*ident.sym == "globalThis")
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn call(&mut self, call: &CallExpr) {
        let callee = match &call.callee {
            Callee::Import(import) => return self.dynamic_import(call, phase(import.phase)),
            Callee::Super(_) => return,
            Callee::Expr(callee) => unwrap_parens(callee),
        };
        self.starts(callee, &call.args);
        if let Expr::Member(member) = callee
            && is_import_meta(&member.obj)
            && static_property(&member.prop) == Some("resolve")
            && let Some(specifier) = call.args.first().and_then(literal_argument)
        {
            self.url_reference(span(call.span), specifier, UrlForm::Resolve);
        }
    }

    fn dynamic_import(&mut self, call: &CallExpr, phase: Phase) {
        // The library reports a call without arguments.
        let Some(argument) = call.args.first() else { return };
        self.record.dynamic_imports.push(DynamicImport {
            span: span(call.span),
            argument: span(argument.expr.span()),
            specifier: literal_argument(argument),
            phase,
            has_options: call.args.len() > 1,
            top_level: self.functions == 0,
            awaited: self.awaited == Some(span(call.span)),
        });
    }

    /// Notes which URLs among the arguments name a file that is started.
    fn starts(&mut self, callee: &Expr, arguments: &[ExprOrSpread]) {
        let name = match unwrap_parens(callee) {
            Expr::Ident(ident) => &*ident.sym,
            Expr::Member(member) => static_property(&member.prop).unwrap_or_default(),
            _ => return,
        };
        if name == "fork" {
            self.started.extend(arguments.iter().filter_map(url_in));
        }
    }

    fn url_reference(&mut self, span: Span, specifier: StringLiteral, form: UrlForm) {
        let form = if self.started.contains(&span.start) { UrlForm::Started } else { form };
        self.record.url_references.push(UrlReference { span, specifier, form });
    }

    fn in_function(&mut self, visit: impl FnOnce(&mut Self)) {
        self.functions += 1;
        visit(self);
        self.functions -= 1;
    }

    fn literal(&mut self, at: swc_core::common::Span) {
        if let Some(literals) = &mut self.literals {
            literals.push(span(at));
        }
    }
}

impl Visit for Reader<'_> {
    fn visit_expr(&mut self, expr: &Expr) {
        let mut next = Some(expr);
        while let Some(expr) = next {
            next = self.expression(expr);
        }
    }

    fn visit_stmt(&mut self, stmt: &Stmt) {
        let mut next = Some(stmt);
        while let Some(stmt) = next.take() {
            if let Stmt::If(branch) = stmt {
                self.visit_expr(&branch.test);
                self.visit_stmt(&branch.cons);
                // `else if` chains grow long.
                next = branch.alt.as_deref();
            } else {
                descend(|| stmt.visit_children_with(self));
            }
        }
    }

    fn visit_pat(&mut self, pat: &Pat) {
        descend(|| pat.visit_children_with(self));
    }

    fn visit_member_expr(&mut self, member: &MemberExpr) {
        if let Some(object) = self.member(member) {
            self.visit_expr(object);
        }
    }

    fn visit_meta_prop_expr(&mut self, meta: &MetaPropExpr) {
        if meta.kind == MetaPropKind::ImportMeta {
            let span = span(meta.span);
            self.record.import_metas.push(ImportMeta { span, property: None });
        }
    }

    fn visit_new_expr(&mut self, new: &NewExpr) {
        let arguments = new.args.as_deref().unwrap_or_default();
        if let Expr::Ident(callee) = unwrap_parens(&new.callee) {
            match &*callee.sym {
                "Worker" | "SharedWorker" => self.started.extend(arguments.iter().filter_map(url_in)),
                "URL" => {
                    if let [specifier, base] = arguments
                        && let Some(specifier) = literal_argument(specifier)
                        && is_import_meta_url(base)
                    {
                        self.url_reference(span(new.span), specifier, UrlForm::NewUrl);
                    }
                }
                _ => {}
            }
        }
        new.visit_children_with(self);
    }

    fn visit_await_expr(&mut self, expr: &AwaitExpr) {
        if self.functions == 0 {
            self.record.top_level_awaits.push(span(expr.span));
        }
        self.awaited = Some(span(unwrap_parens(&expr.arg).span()));
        expr.visit_children_with(self);
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        let is_await = statement.is_await || matches!(&statement.left, ForHead::UsingDecl(using) if using.is_await);
        if is_await && self.functions == 0 {
            self.record.top_level_awaits.push(span(statement.span));
        }
        match &statement.left {
            ForHead::UsingDecl(using) => using.visit_children_with(self),
            head => head.visit_with(self),
        }
        statement.right.visit_with(self);
        statement.body.visit_with(self);
    }

    fn visit_using_decl(&mut self, using: &UsingDecl) {
        if using.is_await && self.functions == 0 {
            self.record.top_level_awaits.push(span(using.span));
        }
        using.visit_children_with(self);
    }

    fn visit_var_decl(&mut self, var: &VarDecl) {
        if var.kind == VarDeclKind::Var && self.functions == 0 && self.static_blocks == 0 {
            for declarator in &var.decls {
                self.declare_pattern(&declarator.name, false);
            }
        }
        var.visit_children_with(self);
    }

    fn visit_function(&mut self, function: &Function) {
        self.in_function(|reader| function.visit_children_with(reader));
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        self.in_function(|reader| arrow.visit_children_with(reader));
    }

    fn visit_constructor(&mut self, constructor: &Constructor) {
        self.in_function(|reader| constructor.visit_children_with(reader));
    }

    // The value of an instance field is computed by the constructor, that of a static field with the class.
    fn visit_class_prop(&mut self, field: &ClassProp) {
        self.visit_prop_name(&field.key);
        if field.is_static {
            field.value.visit_with(self);
        } else {
            self.in_function(|reader| field.value.visit_with(reader));
        }
    }

    fn visit_private_prop(&mut self, field: &PrivateProp) {
        if field.is_static {
            field.value.visit_with(self);
        } else {
            self.in_function(|reader| field.value.visit_with(reader));
        }
    }

    fn visit_static_block(&mut self, block: &StaticBlock) {
        self.static_blocks += 1;
        block.visit_children_with(self);
        self.static_blocks -= 1;
    }

    fn visit_str(&mut self, string: &Str) {
        self.literal(string.span);
    }

    fn visit_regex(&mut self, regex: &Regex) {
        self.literal(regex.span);
    }

    fn visit_tpl_element(&mut self, element: &TplElement) {
        self.literal(element.span);
    }
}

/// Runs one step of the descent into the tree, on a new piece of stack when the present one ends.
pub(crate) fn descend<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, step)
}

/// The word `default` of an `export default` statement.
pub(crate) fn default_word(text: &str, statement: Span) -> Span {
    let start = skip_trivia(text, statement.start + "export".len());
    Span { start, end: start + "default".len() }
}

/// The names that a pattern binds.
pub(crate) fn bound_names<'p>(pattern: &'p Pat, found: &mut impl FnMut(&'p Ident)) {
    let mut rest = vec![pattern];
    while let Some(pattern) = rest.pop() {
        match pattern {
            Pat::Ident(ident) => found(ident),
            Pat::Array(array) => rest.extend(array.elems.iter().flatten().rev()),
            Pat::Rest(spread) => rest.push(&spread.arg),
            Pat::Assign(assign) => rest.push(&assign.left),
            Pat::Object(object) => {
                // A shorthand property is no pattern of its own, so nested ones would overtake it on the stack.
                for property in object.props.iter() {
                    match property {
                        ObjectPatProp::Assign(shorthand) => found(&shorthand.key),
                        ObjectPatProp::KeyValue(property) => bound_names(&property.value, found),
                        ObjectPatProp::Rest(spread) => bound_names(&spread.arg, found),
                    }
                }
            }
            Pat::Invalid(_) | Pat::Expr(_) => {}
        }
    }
}

pub(crate) fn unwrap_parens(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}

/// The property's name when it is written in the text.
pub(crate) fn static_property(property: &MemberProp) -> Option<&str> {
    match property {
        MemberProp::Ident(name) => Some(&name.sym),
        MemberProp::Computed(computed) => match unwrap_parens(&computed.expr) {
            Expr::Lit(Lit::Str(string)) => string.value.as_str(),
            _ => None,
        },
        MemberProp::PrivateName(_) => None,
    }
}

fn is_one(property: &MemberProp) -> bool {
    match property {
        MemberProp::Computed(computed) => match unwrap_parens(&computed.expr) {
            Expr::Lit(Lit::Num(number)) => number.value == 1.0,
            Expr::Lit(Lit::Str(string)) => string.value.as_str() == Some("1"),
            _ => false,
        },
        _ => false,
    }
}

fn is_import_meta(expr: &Expr) -> bool {
    matches!(unwrap_parens(expr), Expr::MetaProp(meta) if meta.kind == MetaPropKind::ImportMeta)
}

fn is_import_meta_url(argument: &ExprOrSpread) -> bool {
    argument.spread.is_none()
        && matches!(
            unwrap_parens(&argument.expr),
            Expr::Member(member) if is_import_meta(&member.obj) && static_property(&member.prop) == Some("url")
        )
}

/// Where the expression starts that makes a URL, in an argument such as `fileURLToPath(new URL(…))` or
/// `new URL(…).pathname`.
fn url_in(argument: &ExprOrSpread) -> Option<usize> {
    let mut expr = &*argument.expr;
    loop {
        expr = match expr {
            Expr::Paren(paren) => &paren.expr,
            Expr::Member(member) if !is_import_meta(&member.obj) => &member.obj,
            Expr::Call(CallExpr { callee: Callee::Expr(callee), args, .. }) => match &**callee {
                Expr::Member(member) if is_import_meta(&member.obj) => return Some(offset(expr.span().lo)),
                _ => match &args[..] {
                    [argument] => &argument.expr,
                    _ => return None,
                },
            },
            Expr::New(new) => return Some(offset(new.span.lo)),
            _ => return None,
        };
    }
}

/// The argument, when it is a string literal or a template without substitutions.
fn literal_argument(argument: &ExprOrSpread) -> Option<StringLiteral> {
    match unwrap_parens(&argument.expr) {
        _ if argument.spread.is_some() => None,
        Expr::Lit(Lit::Str(string)) => Some(literal(string)),
        Expr::Tpl(Tpl { span: at, exprs, quasis }) if exprs.is_empty() => {
            let cooked = quasis.first()?.cooked.as_ref()?;
            Some(StringLiteral { span: span(*at), value: cooked.to_string_lossy().into_owned() })
        }
        _ => None,
    }
}

fn literal(string: &Str) -> StringLiteral {
    StringLiteral { span: span(string.span), value: string.value.to_string_lossy().into_owned() }
}

fn named_by(at: swc_core::common::Span, name: &str) -> ModuleExportName {
    ModuleExportName { span: span(at), value: name.to_owned() }
}

fn phase(phase: ImportPhase) -> Phase {
    match phase {
        ImportPhase::Evaluation => Phase::Evaluation,
        ImportPhase::Defer => Phase::Defer,
        ImportPhase::Source => Phase::Source,
    }
}

/// The key and the value of an import attribute.
fn attribute(property: &PropOrSpread) -> Option<(String, String)> {
    let PropOrSpread::Prop(property) = property else { return None };
    let Prop::KeyValue(pair) = &**property else { return None };
    let key = match &pair.key {
        PropName::Ident(name) => name.sym.to_string(),
        PropName::Str(string) => literal(string).value,
        PropName::Num(_) | PropName::Computed(_) | PropName::BigInt(_) => return None,
    };
    let Expr::Lit(Lit::Str(value)) = &*pair.value else { return None };
    Some((key, literal(value).value))
}

/// The first offset at or after `at` that is neither in white space nor in a comment.
fn skip_trivia(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start_matches(|c: char| c.is_whitespace() || c == BYTE_ORDER_MARK);
        at = text.len() - rest.len();
        let length = if rest.starts_with("//") {
            rest.find(is_line_terminator)
        } else if let Some(content) = rest.strip_prefix("/*") {
            content.find("*/").map(|length| length + 4)
        } else {
            return at;
        };
        at = length.map_or(text.len(), |length| at + length);
    }
}
