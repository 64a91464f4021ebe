//! `import.meta.env` and `process.env.NODE_ENV` of a module that is compiled get the values that Vite would write there,
//! and what these values decide is decided. Where the values come from is the caller's to know.

use std::collections::BTreeMap;

use swc_core::{
    common::{DUMMY_SP, Spanned as _, SyntaxContext, util::take::Take as _},
    ecma::{
        ast::{
            ArrayLit, BinExpr, BinaryOp, BindingIdent, BlockStmt, Bool, CallExpr, Callee, ComputedPropName, CondExpr,
            Decl, EmptyStmt, Expr, ExprOrSpread, ExprStmt, Ident, IdentName, KeyValueProp, Lit, MemberExpr, MemberProp,
            MetaPropKind, Module, ModuleDecl, ModuleItem, ObjectLit, OptChainBase, Pat, Prop, PropName, PropOrSpread,
            Stmt, Str, UnaryExpr, UnaryOp, UpdateExpr, VarDecl, VarDeclKind, VarDeclarator,
        },
        visit::{Visit, VisitMut, VisitMutWith, VisitWith},
    },
};

use super::{Marks, error};
use crate::{error::SyntaxError, syntax};

/// What a server build of Vite knows of its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The members of `import.meta.env`. What is not among them is `undefined`.
    pub values: BTreeMap<String, EnvironmentValue>,
    /// What stands for `process.env.NODE_ENV`; `None` leaves it to the process.
    pub node_env: Option<String>,
}

/// A member of `import.meta.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentValue {
    /// A string.
    Text(String),
    /// A boolean.
    Flag(bool),
    /// A list of strings.
    List(Vec<String>),
    /// A property of `globalThis`.
    Global(String),
    /// It cannot be known; the reason, as a clause.
    Unknown(String),
}

/// Puts the values in their places, and gives what cannot be put there.
pub(super) fn replace(module: &mut Module, environment: &Environment, marks: &Marks) -> Vec<SyntaxError> {
    let unresolved = SyntaxContext::empty().apply_mark(marks.unresolved);
    let mut replacer = Replacer { environment, unresolved, whole: None, errors: Vec::new() };
    module.visit_mut_with(&mut replacer);
    if let Some(name) = replacer.whole.take() {
        let at = module.body.iter().position(|item| !is_prologue(item)).unwrap_or(module.body.len());
        module.body.insert(at, declaration(name, whole(environment)));
    }
    module.visit_mut_with(&mut Decider);
    replacer.errors
}

/// Whether an item may stand before a declaration: a directive, or an import.
fn is_prologue(item: &ModuleItem) -> bool {
    match item {
        ModuleItem::ModuleDecl(ModuleDecl::Import(_)) => true,
        ModuleItem::Stmt(Stmt::Expr(statement)) => matches!(&*statement.expr, Expr::Lit(Lit::Str(_))),
        _ => false,
    }
}

/// `const name = value;`
pub(super) fn declaration(name: Ident, value: Expr) -> ModuleItem {
    let name = Pat::Ident(BindingIdent { id: name, type_ann: None });
    let declarator = VarDeclarator { span: DUMMY_SP, name, init: Some(Box::new(value)), definite: false };
    ModuleItem::Stmt(Stmt::Decl(Decl::Var(Box::new(VarDecl {
        span: DUMMY_SP,
        ctxt: SyntaxContext::empty(),
        kind: VarDeclKind::Const,
        declare: false,
        decls: vec![declarator],
    }))))
}

/// `import.meta.env` as an object.
fn whole(environment: &Environment) -> Expr {
    let known = environment.values.iter().filter(|(_, value)| !matches!(value, EnvironmentValue::Unknown(_)));
    let property = |(name, value): (&String, &EnvironmentValue)| {
        let key = PropName::Str(name.as_str().into());
        PropOrSpread::Prop(Box::new(Prop::KeyValue(KeyValueProp { key, value: Box::new(literal(value)) })))
    };
    Expr::Object(ObjectLit { span: DUMMY_SP, props: known.map(property).collect() })
}

fn literal(value: &EnvironmentValue) -> Expr {
    match value {
        EnvironmentValue::Text(text) => string(text),
        EnvironmentValue::Flag(flag) => boolean(*flag),
        EnvironmentValue::List(items) => Expr::Array(ArrayLit {
            span: DUMMY_SP,
            elems: items.iter().map(|item| Some(ExprOrSpread { spread: None, expr: Box::new(string(item)) })).collect(),
        }),
        EnvironmentValue::Global(name) => Expr::Member(MemberExpr {
            span: DUMMY_SP,
            obj: Box::new(Expr::Ident(Ident::new_no_ctxt("globalThis".into(), DUMMY_SP))),
            prop: MemberProp::Ident(IdentName::new(name.as_str().into(), DUMMY_SP)),
        }),
        EnvironmentValue::Unknown(_) => undefined(),
    }
}

fn string(text: &str) -> Expr {
    Expr::Lit(Lit::Str(text.into()))
}

fn boolean(value: bool) -> Expr {
    Expr::Lit(Lit::Bool(Bool { span: DUMMY_SP, value }))
}

/// `undefined` may be a binding of the module, `void 0` cannot.
fn undefined() -> Expr {
    Expr::Unary(UnaryExpr { span: DUMMY_SP, op: UnaryOp::Void, arg: Box::new(0.0.into()) })
}

/// The object and the name of a property that is read: `a.b`, `a["b"]`, `a?.b`.
pub(super) fn property(expr: &Expr) -> Option<(&Expr, &str)> {
    let member = match expr {
        Expr::Member(member) => member,
        Expr::OptChain(chain) => match &*chain.base {
            OptChainBase::Member(member) => member,
            OptChainBase::Call(_) => return None,
        },
        Expr::Paren(inner) => return property(&inner.expr),
        _ => return None,
    };
    let name = match &member.prop {
        MemberProp::Ident(name) => name.sym.as_str(),
        MemberProp::Computed(ComputedPropName { expr, .. }) => match &**expr {
            Expr::Lit(Lit::Str(name)) => name.value.as_str()?,
            _ => return None,
        },
        MemberProp::PrivateName(_) => return None,
    };
    Some((&member.obj, name))
}

fn is_import_meta(expr: &Expr) -> bool {
    matches!(expr, Expr::MetaProp(meta) if meta.kind == MetaPropKind::ImportMeta)
}

/// The name in `import.meta.name`.
fn of_import_meta(expr: &Expr) -> Option<&str> {
    property(expr).filter(|(object, _)| is_import_meta(object)).map(|(_, name)| name)
}

struct Replacer<'e> {
    environment: &'e Environment,
    unresolved: SyntaxContext,
    /// The name of the object, once it is needed.
    whole: Option<Ident>,
    errors: Vec<SyntaxError>,
}

impl Replacer<'_> {
    fn replacement(&mut self, expr: &Expr) -> Option<Expr> {
        let (object, name) = property(expr)?;
        if of_import_meta(object) == Some("env") {
            return Some(match self.environment.values.get(name) {
                Some(EnvironmentValue::Unknown(reason)) => {
                    let message = format!("the value of `import.meta.env.{name}` is not known: {reason}");
                    self.errors.push(error(message, syntax::span(expr.span())));
                    return None;
                }
                Some(value) => literal(value),
                None => undefined(),
            });
        }
        match of_import_meta(expr) {
            Some("env") => {
                let new = || Ident::new_private("import_meta_env".into(), DUMMY_SP);
                return Some(Expr::Ident(self.whole.get_or_insert_with(new).clone()));
            }
            Some("hot") => return Some(undefined()),
            _ => {}
        }
        let node_env = self.environment.node_env.as_deref().filter(|_| name == "NODE_ENV")?;
        let (process, env) = property(object)?;
        let is_process = matches!(process, Expr::Ident(name) if name.sym == *"process" && name.ctxt == self.unresolved);
        (env == "env" && is_process).then(|| string(node_env))
    }
}

impl VisitMut for Replacer<'_> {
    fn visit_mut_expr(&mut self, expr: &mut Expr) {
        if let Some(replacement) = self.replacement(expr) {
            *expr = replacement;
            return;
        }
        expr.visit_mut_children_with(self);
    }

    fn visit_mut_call_expr(&mut self, call: &mut CallExpr) {
        if let Callee::Expr(callee) = &call.callee
            && let Some(name @ ("glob" | "globEager")) = of_import_meta(callee)
        {
            let message = format!("`import.meta.{name}` is a feature of Vite, which does not compile this module");
            self.errors.push(error(message, syntax::span(call.span)));
            return;
        }
        call.visit_mut_children_with(self);
    }

    /// What is written to is no value.
    fn visit_mut_update_expr(&mut self, update: &mut UpdateExpr) {
        update.arg.visit_mut_children_with(self);
    }

    fn visit_mut_unary_expr(&mut self, unary: &mut UnaryExpr) {
        match unary.op {
            UnaryOp::Delete => unary.arg.visit_mut_children_with(self),
            _ => unary.visit_mut_children_with(self),
        }
    }
}

/// Decides conditions whose value is written in them, so that a module that only a development server loads is not asked
/// for.
struct Decider;

impl Decider {
    fn decided(expr: &mut Expr) -> Option<Expr> {
        match expr {
            Expr::Paren(inner) => truth(&inner.expr).map(boolean),
            Expr::Unary(UnaryExpr { op: UnaryOp::Bang, arg, .. }) => truth(arg).map(|value| boolean(!value)),
            Expr::Bin(BinExpr { op, left, right, .. }) => match op {
                BinaryOp::EqEq | BinaryOp::EqEqEq => same(left, right).map(boolean),
                BinaryOp::NotEq | BinaryOp::NotEqEq => same(left, right).map(|same| boolean(!same)),
                BinaryOp::LogicalAnd => match truth(left)? {
                    true => kept(right),
                    false => Some(left.take()).map(|left| *left),
                },
                BinaryOp::LogicalOr => match truth(left)? {
                    true => Some(*left.take()),
                    false => kept(right),
                },
                _ => None,
            },
            Expr::Cond(CondExpr { test, cons, alt, .. }) => match truth(test)? {
                true => kept(cons),
                false => kept(alt),
            },
            _ => None,
        }
    }
}

/// The branch that is left; a property that is called loses its object when it stands in parentheses alone.
fn kept(branch: &mut Box<Expr>) -> Option<Expr> {
    let is_reference = matches!(**branch, Expr::Member(_) | Expr::SuperProp(_) | Expr::OptChain(_))
        || matches!(&**branch, Expr::Ident(name) if name.sym == *"eval");
    (!is_reference).then(|| *branch.take())
}

fn truth(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Lit(Lit::Bool(literal)) => Some(literal.value),
        _ => None,
    }
}

fn same(left: &Expr, right: &Expr) -> Option<bool> {
    let text = |literal: &Str| literal.value.as_str().map(str::to_owned);
    match (left, right) {
        (Expr::Lit(Lit::Str(left)), Expr::Lit(Lit::Str(right))) => Some(text(left)? == text(right)?),
        (Expr::Lit(Lit::Bool(left)), Expr::Lit(Lit::Bool(right))) => Some(left.value == right.value),
        _ => None,
    }
}

impl VisitMut for Decider {
    fn visit_mut_expr(&mut self, expr: &mut Expr) {
        expr.visit_mut_children_with(self);
        if let Some(decided) = Self::decided(expr) {
            *expr = decided;
        }
    }

    fn visit_mut_stmt(&mut self, statement: &mut Stmt) {
        statement.visit_mut_children_with(self);
        match statement {
            Stmt::If(branch) => {
                let Some(value) = truth(&branch.test) else { return };
                let dropped = if value { branch.alt.as_deref() } else { Some(&*branch.cons) };
                if dropped.is_some_and(declares) {
                    return;
                }
                let kept = if value { Some(branch.cons.take()) } else { branch.alt.take() };
                *statement = match kept.map(|kept| *kept) {
                    // A block keeps what is declared in it to itself.
                    Some(Stmt::Block(block)) => Stmt::Block(block),
                    Some(kept) => {
                        Stmt::Block(BlockStmt { span: kept.span(), ctxt: SyntaxContext::empty(), stmts: vec![kept] })
                    }
                    None => Stmt::Empty(EmptyStmt { span: DUMMY_SP }),
                };
            }
            // What `false && call()` has come to.
            Stmt::Expr(ExprStmt { expr, .. }) if matches!(**expr, Expr::Lit(Lit::Bool(_))) => {
                *statement = Stmt::Empty(EmptyStmt { span: DUMMY_SP });
            }
            _ => {}
        }
    }

    fn visit_mut_module_items(&mut self, items: &mut Vec<ModuleItem>) {
        items.visit_mut_children_with(self);
        items.retain(|item| !matches!(item, ModuleItem::Stmt(Stmt::Empty(_))));
    }
}

/// Whether a statement declares something that is seen outside of it.
fn declares(statement: &Stmt) -> bool {
    struct Declarations {
        found: bool,
    }
    impl Visit for Declarations {
        fn visit_var_decl(&mut self, declaration: &VarDecl) {
            self.found |= declaration.kind == VarDeclKind::Var;
        }
        fn visit_function(&mut self, _: &swc_core::ecma::ast::Function) {}
        fn visit_arrow_expr(&mut self, _: &swc_core::ecma::ast::ArrowExpr) {}
        fn visit_class(&mut self, _: &swc_core::ecma::ast::Class) {}
    }
    let mut declarations = Declarations { found: false };
    statement.visit_with(&mut declarations);
    declarations.found
}
