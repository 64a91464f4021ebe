//! Imports at run time that a module makes and does not wait for: a tree in, places out.

use swc_core::{
    common::Spanned,
    ecma::ast::{
        ArrowFunctionBody, Callee, Decl, DefaultDecl, Expr, FunctionBody, Id, MemberProp, Module, ModuleDecl,
        ModuleItem, Pat, Stmt, UnaryOp,
    },
};

use crate::{bindings::Binding, names::Names, record::Span, syntax::span};

/// How many functions may call each other.
const DEEPEST: usize = 8;

/// The calls of `import()` that a module always makes by a statement which waits for nothing and handles no error:
/// `import("./a.mjs")`, perhaps with `.then(…)` behind it, in the module itself or in a function that it surely calls.
pub(crate) fn floating_imports(text: &str, module: &Module, names: Names, bindings: &[Binding]) -> Vec<Span> {
    let mut search = Search { text, module, names, bindings, calls: Vec::new(), depth: 0 };
    for item in &module.body {
        if let ModuleItem::Stmt(Stmt::Expr(statement)) = item {
            search.left_alone(&statement.expr);
        }
    }
    search.calls
}

/// What a chain of members and calls begins with: `(await import("./a.mjs")).start()`.
fn first_of(mut expression: &Expr) -> &Expr {
    loop {
        expression = match expression {
            Expr::Paren(inner) => &inner.expr,
            Expr::Member(member) => &member.obj,
            Expr::Call(call) => match &call.callee {
                Callee::Expr(callee) => callee,
                Callee::Super(_) | Callee::Import(_) => return expression,
            },
            _ => return expression,
        }
    }
}

/// A function, as far as it matters here.
#[derive(Clone, Copy)]
struct Function<'a> {
    is_async: bool,
    is_generator: bool,
    body: Body<'a>,
}

#[derive(Clone, Copy)]
enum Body<'a> {
    Block(&'a FunctionBody),
    Expression(&'a Expr),
}

impl<'a> Function<'a> {
    fn of_declaration(function: &'a swc_core::ecma::ast::Function) -> Option<Self> {
        let body = Body::Block(function.body.as_ref()?);
        Some(Self { is_async: function.is_async, is_generator: function.is_generator, body })
    }

    /// The function that an expression is.
    fn of(expression: &'a Expr) -> Option<Self> {
        match expression {
            Expr::Paren(inner) => Self::of(&inner.expr),
            Expr::Fn(function) => Self::of_declaration(&function.function),
            Expr::Arrow(arrow) => {
                let body = match &*arrow.body {
                    ArrowFunctionBody::FunctionBody(block) => Body::Block(block),
                    ArrowFunctionBody::Expr(value) => Body::Expression(value),
                };
                Some(Self { is_async: arrow.is_async, is_generator: arrow.is_generator, body })
            }
            _ => None,
        }
    }
}

/// Gathers each `import()` whose promise is left alone.
struct Search<'a> {
    text: &'a str,
    module: &'a Module,
    names: Names,
    bindings: &'a [Binding],
    calls: Vec<Span>,
    depth: usize,
}

impl<'a> Search<'a> {
    /// An expression whose promise is left alone.
    fn left_alone(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Paren(inner) => self.left_alone(&inner.expr),
            Expr::Unary(unary) if unary.op == UnaryOp::Void => self.left_alone(&unary.arg),
            Expr::Seq(sequence) => sequence.exprs.iter().for_each(|part| self.left_alone(part)),
            Expr::Call(call) => match &call.callee {
                Callee::Import(_) => self.calls.push(span(call.span)),
                Callee::Super(_) => {}
                Callee::Expr(callee) => match (&**callee, &*call.args) {
                    // A second argument handles the error.
                    (Expr::Member(member), [only])
                        if only.spread.is_none()
                            && matches!(&member.prop, MemberProp::Ident(name) if name.sym == "then") =>
                    {
                        self.left_alone(&member.obj);
                    }
                    _ => {
                        if let Some(function) = self.function(callee) {
                            self.called(function);
                        }
                    }
                },
            },
            _ => {}
        }
    }

    /// A function that is called, and whose promise is left alone. What it waits for, or gives back, is left alone as well.
    fn called(&mut self, function: Function<'a>) {
        if self.depth == DEEPEST || function.is_generator {
            return;
        }
        self.depth += 1;
        match function.body {
            Body::Expression(value) => {
                self.evaluated(value, true, function.is_async);
            }
            Body::Block(block) => {
                for statement in &block.stmts {
                    if !self.goes_on(statement, function.is_async) {
                        break;
                    }
                }
            }
        }
        self.depth -= 1;
    }

    /// Looks at a statement, and tells whether what comes behind it is surely reached at once.
    fn goes_on(&mut self, statement: &'a Stmt, is_async: bool) -> bool {
        match statement {
            Stmt::Expr(statement) => self.evaluated(&statement.expr, true, is_async),
            Stmt::Decl(Decl::Var(variables)) => {
                let mut values = variables.decls.iter().filter_map(|variable| variable.init.as_deref());
                values.all(|value| self.evaluated(value, false, is_async))
            }
            Stmt::Decl(Decl::Fn(_)) | Stmt::Empty(_) => true,
            Stmt::Return(returned) => {
                if let Some(value) = &returned.arg {
                    self.evaluated(value, true, is_async);
                }
                false
            }
            // What comes behind other statements may never be reached.
            _ => false,
        }
    }

    /// Looks at a value, and tells whether what comes behind it does not wait for it.
    fn evaluated(&mut self, value: &'a Expr, is_alone: bool, is_async: bool) -> bool {
        match first_of(value) {
            Expr::Await(awaited) if is_async => self.left_alone(&awaited.arg),
            _ if is_alone => self.left_alone(value),
            _ => {}
        }
        Function::of(value).is_some() || !span(value.span()).of(self.text).contains("await")
    }

    /// The function that a callee is: one that stands there, or one that is bound once by a declaration.
    fn function(&self, callee: &'a Expr) -> Option<Function<'a>> {
        match callee {
            Expr::Paren(inner) => self.function(&inner.expr),
            Expr::Ident(name) if self.names.is_of_module(name) => {
                let bound_once = |binding: &&Binding| binding.name == *name.sym && binding.writes.is_empty();
                self.bindings.iter().find(bound_once).and_then(|_| self.declared(&name.to_id()))
            }
            _ => Function::of(callee),
        }
    }

    fn declared(&self, name: &Id) -> Option<Function<'a>> {
        self.module.body.iter().find_map(|item| {
            let declaration = match item {
                ModuleItem::Stmt(Stmt::Decl(declaration)) => declaration,
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => &export.decl,
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                    let DefaultDecl::Fn(function) = &export.decl else { return None };
                    let is_meant = function.ident.as_ref().is_some_and(|ident| ident.to_id() == *name);
                    return is_meant.then(|| Function::of_declaration(&function.function)).flatten();
                }
                _ => return None,
            };
            match declaration {
                Decl::Fn(function) if function.ident.to_id() == *name => Function::of_declaration(&function.function),
                Decl::Var(variables) => variables.decls.iter().find_map(|variable| {
                    let is_meant = matches!(&variable.name, Pat::Ident(ident) if ident.to_id() == *name);
                    variable.init.as_deref().filter(|_| is_meant).and_then(Function::of)
                }),
                _ => None,
            }
        })
    }
}
