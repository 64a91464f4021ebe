//! CommonJS as an ES module: what is required of `@sentry/*` is imported, since the SDK registers its hooks for ES
//! modules only when it is one itself; the rest goes through `createRequire`.

use std::collections::{BTreeMap, BTreeSet};

use swc_core::{
    common::{DUMMY_SP, Span as SwcSpan, SyntaxContext},
    ecma::{
        ast::{
            CallExpr, Callee, Decl, Expr, ExprOrSpread, Ident, IdentName, ImportDecl, ImportNamedSpecifier,
            ImportPhase, ImportSpecifier, ImportStarAsSpecifier, KeyValueProp, Lit, MemberExpr, MemberProp,
            MetaPropExpr, MetaPropKind, Module, ModuleDecl, ModuleExportName, ModuleItem, ObjectLit, ObjectPatProp,
            Pat, Prop, PropName, PropOrSpread, Stmt, Str, TsModuleRef, VarDeclKind,
        },
        visit::{Visit, VisitMut, VisitMutWith, VisitWith},
    },
};

use super::{
    Marks,
    environment::declaration,
    error,
    modules::{Rewrite, UseKind, asked},
};
use crate::{error::SyntaxError, syntax};

const SDK: &str = "@sentry/";

/// What Node.js defines for a CommonJS module, apart from `require`.
const NAMES: [&str; 4] = ["module", "exports", "__filename", "__dirname"];

/// `import Sentry = require("@sentry/node")` becomes `import * as Sentry from "@sentry/node"`.
pub(super) fn import_sentry_by_equals(module: &mut Module) {
    for item in &mut module.body {
        let ModuleItem::ModuleDecl(ModuleDecl::TsImportEquals(import)) = item else { continue };
        let TsModuleRef::TsExternalModuleRef(reference) = &import.module_ref else { continue };
        if import.is_type_only || import.is_export || !is_sdk(&reference.expr) {
            continue;
        }
        *item = namespace_import(import.span, import.id.clone(), reference.expr.clone());
    }
}

fn is_sdk(specifier: &Str) -> bool {
    specifier.value.as_str().is_some_and(|specifier| specifier.starts_with(SDK))
}

/// `import * as name from "specifier";`
fn namespace_import(span: SwcSpan, name: Ident, specifier: Str) -> ModuleItem {
    let star = ImportSpecifier::Namespace(ImportStarAsSpecifier { span: DUMMY_SP, local: name });
    import(span, vec![star], specifier)
}

fn import(span: SwcSpan, specifiers: Vec<ImportSpecifier>, specifier: Str) -> ModuleItem {
    ModuleItem::ModuleDecl(ModuleDecl::Import(ImportDecl {
        span,
        specifiers,
        src: Box::new(specifier),
        type_only: false,
        with: None,
        phase: ImportPhase::Evaluation,
    }))
}

/// `import { name } from "specifier";` of Node.js itself.
fn import_of(imported: &str, local: &Ident, specifier: &str) -> ModuleItem {
    import(DUMMY_SP, vec![named_import(imported, local.clone())], specifier.into())
}

/// `{ imported as local }`
fn named_import(imported: &str, local: Ident) -> ImportSpecifier {
    let other = local.sym != *imported;
    let imported = other.then(|| ModuleExportName::Ident(Ident::new_no_ctxt(imported.into(), DUMMY_SP)));
    ImportSpecifier::Named(ImportNamedSpecifier { span: DUMMY_SP, local, imported, is_type_only: false })
}

/// Whether a module has nothing of an ES module, and uses what only CommonJS has.
pub(super) fn is_commonjs(module: &Module, marks: &Marks) -> bool {
    let mut signs = Signs::new(marks);
    module.visit_with(&mut signs);
    !signs.is_module && signs.names.iter().any(|name| matches!(name.as_str(), "require" | "module" | "exports"))
}

/// What a module uses that nothing in it declares.
struct Signs {
    unresolved: SyntaxContext,
    names: BTreeSet<String>,
    is_module: bool,
    in_function: bool,
}

impl Signs {
    fn new(marks: &Marks) -> Self {
        let unresolved = SyntaxContext::empty().apply_mark(marks.unresolved);
        Self { unresolved, names: BTreeSet::new(), is_module: false, in_function: false }
    }

    fn within(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.in_function, true);
        visit(self);
        self.in_function = before;
    }
}

impl Visit for Signs {
    fn visit_module_decl(&mut self, _: &ModuleDecl) {
        self.is_module = true;
    }

    fn visit_ident(&mut self, name: &Ident) {
        if name.ctxt == self.unresolved && (name.sym == *"require" || NAMES.contains(&name.sym.as_str())) {
            self.names.insert(name.sym.to_string());
        }
    }

    fn visit_meta_prop_expr(&mut self, meta: &MetaPropExpr) {
        self.is_module |= meta.kind == MetaPropKind::ImportMeta;
    }

    fn visit_await_expr(&mut self, awaited: &swc_core::ecma::ast::AwaitExpr) {
        self.is_module |= !self.in_function;
        awaited.visit_children_with(self);
    }

    fn visit_function(&mut self, function: &swc_core::ecma::ast::Function) {
        self.within(|signs| function.visit_children_with(signs));
    }

    fn visit_arrow_expr(&mut self, arrow: &swc_core::ecma::ast::ArrowExpr) {
        self.within(|signs| arrow.visit_children_with(signs));
    }
}

/// Makes an ES module of a CommonJS one.
pub(super) fn to_module(module: &mut Module, marks: &Marks, rewrite: Rewrite<'_>, before: usize) -> Vec<SyntaxError> {
    let unresolved = SyntaxContext::empty().apply_mark(marks.unresolved);
    let mut requires = Requires { unresolved, namespaces: BTreeMap::new(), errors: Vec::new(), rewrite, before };
    let mut body = Vec::new();
    for item in std::mem::take(&mut module.body) {
        match item {
            ModuleItem::Stmt(Stmt::Decl(Decl::Var(mut declaration))) => {
                let constant = declaration.kind == VarDeclKind::Const;
                let mut rest = Vec::new();
                for declarator in declaration.decls {
                    match imported(&declarator, unresolved).filter(|_| constant) {
                        Some(item) => body.push(item),
                        None => rest.push(declarator),
                    }
                }
                declaration.decls = rest;
                if !declaration.decls.is_empty() {
                    body.push(ModuleItem::Stmt(Stmt::Decl(Decl::Var(declaration))));
                }
            }
            item => body.push(item),
        }
    }
    body.visit_mut_with(&mut requires);
    let mut signs = Signs::new(marks);
    body.visit_with(&mut signs);
    let errors = std::mem::take(&mut requires.errors);
    let hoisted = requires
        .namespaces
        .into_iter()
        .map(|(specifier, name)| namespace_import(DUMMY_SP, name, specifier.as_str().into()));
    let mut items: Vec<ModuleItem> = hoisted.collect();
    items.extend(prelude(&signs.names, unresolved));
    items.append(&mut body);
    module.body = items;
    errors
}

/// The import that a declaration becomes: `const Sentry = require("@sentry/node")`, and the same with a pattern that an
/// import can say.
fn imported(declarator: &swc_core::ecma::ast::VarDeclarator, unresolved: SyntaxContext) -> Option<ModuleItem> {
    let specifier = required(declarator.init.as_deref()?, unresolved).filter(|specifier| is_sdk(specifier))?.clone();
    match &declarator.name {
        Pat::Ident(name) => Some(namespace_import(declarator.span, name.id.clone(), specifier)),
        Pat::Object(pattern) => {
            let names = pattern.props.iter().map(|property| match property {
                ObjectPatProp::Assign(property) if property.value.is_none() => {
                    Some((property.key.id.clone(), property.key.id.sym.to_string()))
                }
                ObjectPatProp::KeyValue(property) => match (&property.key, &*property.value) {
                    (PropName::Ident(imported), Pat::Ident(local)) => {
                        Some((local.id.clone(), imported.sym.to_string()))
                    }
                    _ => None,
                },
                _ => None,
            });
            let specifiers = names.map(|names| {
                let (local, imported) = names?;
                Some(named_import(&imported, local))
            });
            Some(import(declarator.span, specifiers.collect::<Option<Vec<_>>>()?, specifier))
        }
        _ => None,
    }
}

/// The literal of a call of `require`.
fn required(expr: &Expr, unresolved: SyntaxContext) -> Option<&Str> {
    let Expr::Call(CallExpr { callee: Callee::Expr(callee), args, .. }) = expr else { return None };
    let is_require = matches!(&**callee, Expr::Ident(name) if name.sym == *"require" && name.ctxt == unresolved);
    match args.as_slice() {
        [ExprOrSpread { spread: None, expr }] if is_require => match &**expr {
            Expr::Lit(Lit::Str(specifier)) => Some(specifier),
            _ => None,
        },
        _ => None,
    }
}

struct Requires<'r> {
    unresolved: SyntaxContext,
    /// The packages of the SDK that are required in the midst of an expression, and the names of their namespaces.
    namespaces: BTreeMap<String, Ident>,
    errors: Vec<SyntaxError>,
    rewrite: Rewrite<'r>,
    before: usize,
}

impl VisitMut for Requires<'_> {
    fn visit_mut_expr(&mut self, expr: &mut Expr) {
        if let Some(specifier) = required(expr, self.unresolved) {
            let name = specifier.value.to_string_lossy().into_owned();
            if let Some(package) = name.strip_prefix(SDK) {
                let local = format!("Sentry_{}", package.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
                let new = || Ident::new_private(local.as_str().into(), DUMMY_SP);
                *expr = Expr::Ident(self.namespaces.entry(name).or_insert_with(new).clone());
                return;
            }
            if name.starts_with("./") || name.starts_with("../") || name == "." || name == ".." {
                let message =
                    format!("`require(\"{name}\")` asks for a file of the app, which is not part of the build");
                self.errors.push(error(message, syntax::span(specifier.span)));
                return;
            }
            asked(self.rewrite, specifier, UseKind::Require, self.before);
        }
        expr.visit_mut_children_with(self);
    }
}

/// What CommonJS code finds without declaring it.
fn prelude(names: &BTreeSet<String>, unresolved: SyntaxContext) -> Vec<ModuleItem> {
    let mut imports = Vec::new();
    let mut items = Vec::new();
    let uses = |name: &str| names.contains(name);
    let own = |name: &str| Ident::new(name.into(), DUMMY_SP, unresolved);
    let private = |name: &str| Ident::new_private(name.into(), DUMMY_SP);
    if uses("require") {
        let create = private("createRequire");
        imports.push(import_of("createRequire", &create, "node:module"));
        items.push(declaration(own("require"), call(Expr::Ident(create), vec![own_url()])));
    }
    if uses("__filename") || uses("__dirname") {
        let to_path = private("fileURLToPath");
        imports.push(import_of("fileURLToPath", &to_path, "node:url"));
        items.push(declaration(own("__filename"), call(Expr::Ident(to_path), vec![own_url()])));
    }
    if uses("__dirname") {
        let dirname = private("dirname");
        imports.push(import_of("dirname", &dirname, "node:path"));
        let of = vec![Expr::Ident(own("__filename"))];
        items.push(declaration(own("__dirname"), call(Expr::Ident(dirname), of)));
    }
    if uses("module") || uses("exports") {
        let empty = Expr::Object(ObjectLit { span: DUMMY_SP, props: Vec::new() });
        let key = PropName::Ident(IdentName::new("exports".into(), DUMMY_SP));
        let property = Prop::KeyValue(KeyValueProp { key, value: Box::new(empty) });
        let props = vec![PropOrSpread::Prop(Box::new(property))];
        items.push(declaration(own("module"), Expr::Object(ObjectLit { span: DUMMY_SP, props })));
    }
    if uses("exports") {
        let member = MemberExpr {
            span: DUMMY_SP,
            obj: Box::new(Expr::Ident(own("module"))),
            prop: MemberProp::Ident(IdentName::new("exports".into(), DUMMY_SP)),
        };
        items.push(declaration(own("exports"), Expr::Member(member)));
    }
    imports.append(&mut items);
    imports
}

/// `import.meta.url`
fn own_url() -> Expr {
    Expr::Member(MemberExpr {
        span: DUMMY_SP,
        obj: Box::new(Expr::MetaProp(MetaPropExpr { span: DUMMY_SP, kind: MetaPropKind::ImportMeta })),
        prop: MemberProp::Ident(IdentName::new("url".into(), DUMMY_SP)),
    })
}

fn call(callee: Expr, arguments: Vec<Expr>) -> Expr {
    Expr::Call(CallExpr {
        span: DUMMY_SP,
        ctxt: SyntaxContext::empty(),
        callee: Callee::Expr(Box::new(callee)),
        args: arguments.into_iter().map(|expr| ExprOrSpread { spread: None, expr: Box::new(expr) }).collect(),
        type_args: None,
    })
}
