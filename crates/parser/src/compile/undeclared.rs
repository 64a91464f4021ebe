//! Names that a compiled module reads and that nothing defines: those of a bundler's `define`, auto-imports, mistakes.

use std::collections::{BTreeMap, BTreeSet};

use swc_core::{
    common::SyntaxContext,
    ecma::{
        ast::{
            ArrowExpr, AssignExpr, AssignTarget, BindingIdent, CallExpr, Callee, Decl, Expr, Function, Id, Ident, Lit,
            Module, Prop, PropName, PropOrSpread, SimpleAssignTarget, TryStmt, UnaryExpr, UnaryOp,
        },
        visit::{Visit, VisitWith},
    },
};

use super::{Marks, environment::property};
use crate::{
    globals::{COMMONJS_ALONE, is_of_browsers, may_be_defined},
    record::Span,
    syntax,
};

/// What a module reads and gives of the names that all modules share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalNames {
    /// Names that nothing is known to define, in alphabetical order, each with the first place in the given text that
    /// reads it. Names that the module asks `typeof` of are left out, and what stands in a `try`.
    pub undeclared: Vec<(String, Span)>,
    /// Names that the module itself defines on `globalThis`.
    pub defined: BTreeSet<String>,
}

/// Looks through a module, `before` bytes of which stand before its first.
pub(super) fn global_names(
    module: &Module,
    marks: &Marks,
    ambient: BTreeSet<Id>,
    was_commonjs: bool,
    before: usize,
) -> GlobalNames {
    let unresolved = SyntaxContext::empty().apply_mark(marks.unresolved);
    let mut finder = Finder { unresolved, ambient, ..Finder::default() };
    module.visit_with(&mut finder);
    let Finder { read, asked, defined, .. } = finder;
    let is_known = |name: &String| {
        asked.contains(name)
            || defined.contains(name)
            || may_be_defined(name)
            || was_commonjs && COMMONJS_ALONE.contains(&name.as_str())
    };
    let moved = |span: Span| Span { start: span.start + before, end: span.end + before };
    let undeclared = read.into_iter().filter(|(name, _)| !is_known(name)).map(|(name, span)| (name, moved(span)));
    GlobalNames { undeclared: undeclared.collect(), defined }
}

/// The names that a module of TypeScript declares for types alone: `declare const X: string`.
pub(super) fn ambient_names(module: &Module) -> BTreeSet<Id> {
    let mut names = Ambient(BTreeSet::new());
    module.visit_with(&mut names);
    names.0
}

struct Ambient(BTreeSet<Id>);

impl Visit for Ambient {
    fn visit_decl(&mut self, decl: &Decl) {
        match decl {
            Decl::Var(var) if var.declare => {
                let mut names = Bound(&mut self.0);
                var.visit_with(&mut names);
            }
            Decl::Fn(function) if function.declare => self.0.extend([function.ident.to_id()]),
            Decl::Class(class) if class.declare => self.0.extend([class.ident.to_id()]),
            Decl::TsEnum(decl) if decl.declare => self.0.extend([decl.id.to_id()]),
            decl => decl.visit_children_with(self),
        }
    }
}

/// The names that patterns bind.
struct Bound<'n>(&'n mut BTreeSet<Id>);

impl Visit for Bound<'_> {
    fn visit_binding_ident(&mut self, name: &BindingIdent) {
        self.0.insert(name.to_id());
    }
}

#[derive(Default)]
struct Finder {
    unresolved: SyntaxContext,
    ambient: BTreeSet<Id>,
    functions: usize,
    /// The first read of each name that would throw.
    read: BTreeMap<String, Span>,
    /// The names of which `typeof` is asked.
    asked: BTreeSet<String>,
    defined: BTreeSet<String>,
}

impl Finder {
    fn read(&mut self, name: &Ident) {
        let is_guarded = self.functions > 0 && is_of_browsers(&name.sym);
        if (name.ctxt == self.unresolved || self.ambient.contains(&name.to_id())) && !is_guarded {
            self.read.entry(name.sym.to_string()).or_insert_with(|| syntax::span(name.span));
        }
    }

    fn in_function(&mut self, visit: impl FnOnce(&mut Self)) {
        self.functions += 1;
        visit(self);
        self.functions -= 1;
    }

    fn is_global(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Ident(name) => {
                name.ctxt == self.unresolved && matches!(name.sym.as_str(), "globalThis" | "global" | "self")
            }
            Expr::Paren(inner) => self.is_global(&inner.expr),
            _ => false,
        }
    }

    fn define(&mut self, of: &Expr, name: &str) {
        if self.is_global(of) {
            self.defined.insert(name.to_owned());
        }
    }
}

impl Visit for Finder {
    fn visit_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Ident(name) => self.read(name),
            expr => expr.visit_children_with(self),
        }
    }

    fn visit_prop(&mut self, prop: &Prop) {
        match prop {
            Prop::Shorthand(name) => self.read(name),
            prop => prop.visit_children_with(self),
        }
    }

    fn visit_unary_expr(&mut self, unary: &UnaryExpr) {
        match (&unary.op, &*unary.arg) {
            (UnaryOp::TypeOf, Expr::Ident(name)) => {
                self.asked.insert(name.sym.to_string());
            }
            _ => unary.visit_children_with(self),
        }
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        match &assign.left {
            AssignTarget::Simple(SimpleAssignTarget::Ident(name)) => self.read(&name.id),
            AssignTarget::Simple(SimpleAssignTarget::Member(member)) => {
                if let Some((of, name)) = property(&Expr::Member(member.clone())) {
                    self.define(of, name);
                }
            }
            _ => {}
        }
        assign.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.visit_children_with(self);
        let Callee::Expr(callee) = &call.callee else { return };
        let arguments = call.args.as_slice();
        match (property(callee), arguments) {
            (Some((_, "defineProperty")), [of, name, ..]) => {
                if let Expr::Lit(Lit::Str(name)) = &*name.expr {
                    self.define(&of.expr, &name.value.to_string_lossy());
                }
            }
            (Some((_, "assign")), [of, from @ ..]) => {
                for from in from {
                    let Expr::Object(object) = &*from.expr else { continue };
                    for name in object.props.iter().filter_map(name_of) {
                        self.define(&of.expr, &name);
                    }
                }
            }
            _ => {}
        }
    }

    fn visit_try_stmt(&mut self, attempt: &TryStmt) {
        // What throws there is caught; `catch` and `finally` are as other code.
        let read = self.read.clone();
        attempt.block.visit_with(self);
        if attempt.handler.is_some() {
            self.read = read;
        }
        attempt.handler.visit_with(self);
        attempt.finalizer.visit_with(self);
    }

    fn visit_function(&mut self, function: &Function) {
        self.in_function(|finder| function.visit_children_with(finder));
    }

    fn visit_arrow_expr(&mut self, function: &ArrowExpr) {
        self.in_function(|finder| function.visit_children_with(finder));
    }
}

/// The name of a property of an object literal.
fn name_of(prop: &PropOrSpread) -> Option<String> {
    let PropOrSpread::Prop(prop) = prop else { return None };
    match &**prop {
        Prop::Shorthand(name) => Some(name.sym.to_string()),
        Prop::KeyValue(pair) => match &pair.key {
            PropName::Ident(name) => Some(name.sym.to_string()),
            PropName::Str(name) => Some(name.value.to_string_lossy().into_owned()),
            _ => None,
        },
        _ => None,
    }
}
