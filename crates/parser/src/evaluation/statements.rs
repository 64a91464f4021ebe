//! The steps of statements.

use std::sync::Arc;

use swc_core::{
    common::Spanned,
    ecma::ast::{
        BlockStmt, Decl, ForHead, IfStmt, Pat, Stmt, SwitchStmt, TryStmt, VarDecl, VarDeclKind, VarDeclOrExpr,
    },
};

use super::{
    Expression, ExpressionKind, Loop, LoopKind, Pattern, Step,
    declare::{Declared, names},
    lower::{Lowering, bind_function},
};
use crate::{analyze::hoisted, syntax::span};

impl Lowering {
    /// The steps of the statements of a block, with its function declarations first.
    pub(super) fn block(&mut self, stmts: &[Stmt]) -> Vec<Step> {
        for stmt in stmts {
            if let Stmt::Decl(decl) = stmt {
                for (name, declared) in names(decl) {
                    self.declare(name, declared);
                }
            }
        }
        let mut steps = Vec::new();
        for stmt in stmts {
            if let Stmt::Decl(decl) = stmt {
                self.hoist_function(decl, &mut steps);
            }
        }
        for stmt in stmts {
            self.statement(stmt, &mut steps);
        }
        steps
    }

    /// The steps of a function's body.
    pub(super) fn body(&mut self, stmts: &[Stmt]) -> Vec<Step> {
        for stmt in stmts {
            hoisted(stmt, &mut |name| {
                self.declare(name, Declared::Hoisted);
            });
        }
        self.block(stmts)
    }

    pub(super) fn hoist_function(&mut self, decl: &Decl, steps: &mut Vec<Step>) {
        if let Decl::Fn(function) = decl {
            let id = self.function(&function.function, Some(&function.ident.sym));
            let slot = self.declare(&function.ident, Declared::Lexical);
            steps.push(bind_function(slot, id, span(function.function.span)));
        }
    }

    pub(super) fn declaration(&mut self, decl: &Decl, steps: &mut Vec<Step>) {
        match decl {
            Decl::Class(class) => {
                let id = self.class(&class.class, Some(&class.ident));
                let target = Pattern::Slot(self.declare(&class.ident, Declared::Lexical));
                let at = span(class.class.span);
                steps.push(Step::Bind { target, value: Expression { at, kind: ExpressionKind::Class(id) } });
            }
            Decl::Var(var) => self.variables(var, steps),
            Decl::Using(using) => {
                for declarator in &using.decls {
                    let target = self.pattern(&declarator.name);
                    if let Some(init) = &declarator.init {
                        let value = self.expression(init);
                        let mut value = Expression { at: value.at, kind: ExpressionKind::Disposed(Box::new(value)) };
                        if using.is_await {
                            value = Expression { at: value.at, kind: ExpressionKind::Await(Box::new(value)) };
                        }
                        steps.push(Step::Bind { target, value });
                    }
                }
            }
            Decl::Fn(_) | Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
        }
    }

    fn variables(&mut self, var: &VarDecl, steps: &mut Vec<Step>) {
        for declarator in &var.decls {
            let value = declarator.init.as_ref().map(|init| self.expression(init));
            // A `var` without a value leaves what an earlier one gave; with one, it may be the second.
            let target = self.bound(&declarator.name, var.kind);
            match value {
                Some(value) => steps.push(Step::Bind { target, value }),
                None if var.kind != VarDeclKind::Var => {
                    let value = Expression { at: span(declarator.span), kind: ExpressionKind::Undefined };
                    steps.push(Step::Bind { target, value });
                }
                None => {}
            }
        }
    }

    fn bound(&mut self, pattern: &Pat, kind: VarDeclKind) -> Pattern {
        crate::parse::bound_names(pattern, &mut |name| {
            let slot = self.declare(name, kind.into());
            if kind == VarDeclKind::Var {
                self.reassign(slot);
            }
        });
        self.pattern(pattern)
    }

    pub(super) fn statement(&mut self, stmt: &Stmt, steps: &mut Vec<Step>) {
        let at = span(stmt.span());
        let opaque = || vec![Step::Evaluate(Self::opaque(at))];
        steps.extend(self.deeper(opaque, |this| {
            let mut steps = Vec::new();
            this.statement_here(stmt, &mut steps);
            steps
        }));
    }

    fn statement_here(&mut self, stmt: &Stmt, steps: &mut Vec<Step>) {
        match stmt {
            Stmt::Block(block) => steps.extend(self.block(&block.stmts)),
            Stmt::Empty(_) | Stmt::Debugger(_) => {}
            // Not in module code.
            Stmt::With(statement) => steps.push(Step::Evaluate(Self::opaque(span(statement.span)))),
            Stmt::Return(statement) => {
                let value = statement.arg.as_ref().map(|value| self.expression(value));
                steps.push(Step::Return { at: span(statement.span), value });
            }
            Stmt::Labeled(_) => steps.extend(self.labeled(stmt)),
            Stmt::Break(statement) => {
                let label = statement.label.as_ref().map(|label| label.sym.to_string());
                steps.push(Step::Jump { is_continue: false, label });
            }
            Stmt::Continue(statement) => {
                let label = statement.label.as_ref().map(|label| label.sym.to_string());
                steps.push(Step::Jump { is_continue: true, label });
            }
            Stmt::If(statement) => steps.push(self.branch(statement)),
            Stmt::Switch(statement) => steps.push(self.switch(statement)),
            Stmt::Throw(statement) => {
                let value = self.expression(&statement.arg);
                steps.push(Step::Throw(value));
            }
            Stmt::Try(statement) => steps.push(self.guarded(statement)),
            Stmt::While(_) | Stmt::DoWhile(_) | Stmt::For(_) | Stmt::ForIn(_) | Stmt::ForOf(_) => {
                self.looped(stmt, Vec::new(), steps);
            }
            Stmt::Decl(decl) => self.declaration(decl, steps),
            Stmt::Expr(statement) => {
                let value = self.expression(&statement.expr);
                steps.push(Step::Evaluate(value));
            }
        }
    }

    fn one(&mut self, stmt: &Stmt) -> Vec<Step> {
        match stmt {
            Stmt::Block(block) => self.block(&block.stmts),
            stmt => self.block(std::slice::from_ref(stmt)),
        }
    }

    /// Labels are taken off in a loop: a text may have any number of them in a row.
    fn labeled(&mut self, mut stmt: &Stmt) -> Vec<Step> {
        const MOST: usize = 16;
        let mut labels: Vec<String> = Vec::new();
        while let Stmt::Labeled(labeled) = stmt {
            if labels.len() >= MOST {
                self.has_opaque = true;
                return vec![Step::Evaluate(Self::opaque(span(stmt.span())))];
            }
            labels.push(labeled.label.sym.to_string());
            stmt = &labeled.body;
        }
        let mut body = Vec::new();
        match stmt {
            Stmt::While(_) | Stmt::DoWhile(_) | Stmt::For(_) | Stmt::ForIn(_) | Stmt::ForOf(_) => {
                self.looped(stmt, labels.clone(), &mut body);
            }
            stmt => body = self.one(stmt),
        }
        labels.into_iter().rev().fold(body, |body, name| vec![Step::Label { name, body }])
    }

    /// `else if` becomes nested steps, as many as may be nested.
    fn branch(&mut self, statement: &IfStmt) -> Step {
        let test = self.expression(&statement.test);
        let then = self.one(&statement.cons);
        let otherwise = statement.alt.as_ref().map_or_else(Vec::new, |alt| {
            let mut steps = Vec::new();
            match &**alt {
                Stmt::Block(block) => steps = self.block(&block.stmts),
                alt => self.statement(alt, &mut steps),
            }
            steps
        });
        Step::If { test, then, otherwise }
    }

    fn switch(&mut self, statement: &SwitchStmt) -> Step {
        let value = self.expression(&statement.discriminant);
        for case in &statement.cases {
            for stmt in &case.cons {
                if let Stmt::Decl(decl) = stmt {
                    names(decl).into_iter().for_each(|(name, declared)| {
                        self.declare(name, declared);
                    });
                }
            }
        }
        let cases = statement.cases.iter().map(|case| {
            let test = case.test.as_ref().map(|test| self.expression(test));
            (test, self.block(&case.cons))
        });
        Step::Switch { value, cases: cases.collect() }
    }

    fn guarded(&mut self, statement: &TryStmt) -> Step {
        let block = self.block(&statement.block.stmts);
        let catch = statement.handler.as_ref().map(|handler| {
            let param = handler.param.as_ref().map(|param| {
                crate::parse::bound_names(param, &mut |name| {
                    self.declare(name, Declared::Lexical);
                });
                self.pattern(param)
            });
            (param, self.block(&handler.body.stmts))
        });
        let finally = statement.finalizer.as_ref().map(|block: &BlockStmt| self.block(&block.stmts));
        Step::Try { block, catch, finally }
    }

    fn looped(&mut self, stmt: &Stmt, labels: Vec<String>, steps: &mut Vec<Step>) {
        let (at, kind, body) = match stmt {
            Stmt::While(statement) => {
                let test = self.expression(&statement.test);
                (test.at, LoopKind::While { test: Some(test), update: None }, self.one(&statement.body))
            }
            Stmt::DoWhile(statement) => {
                let body = self.one(&statement.body);
                let test = self.expression(&statement.test);
                (test.at, LoopKind::DoWhile(test), body)
            }
            Stmt::For(statement) => {
                match &statement.init {
                    Some(VarDeclOrExpr::VarDecl(var)) => self.variables(var, steps),
                    Some(VarDeclOrExpr::Expr(expr)) => {
                        let value = self.expression(expr);
                        steps.push(Step::Evaluate(value));
                    }
                    None => {}
                }
                let test = statement.test.as_ref().map(|test| self.expression(test));
                let update = statement.update.as_ref().map(|update| self.expression(update));
                let body = self.one(&statement.body);
                let at = test.as_ref().map_or_else(|| span(statement.span), |test| test.at);
                (at, LoopKind::While { test, update }, body)
            }
            Stmt::ForIn(statement) => {
                let object = self.expression(&statement.right);
                let target = self.head(&statement.left);
                (object.at, LoopKind::In { target, object }, self.one(&statement.body))
            }
            Stmt::ForOf(statement) => {
                let iterable = self.expression(&statement.right);
                let target = self.head(&statement.left);
                let is_await = statement.is_await;
                (iterable.at, LoopKind::Of { target, iterable, is_await }, self.one(&statement.body))
            }
            _ => return,
        };
        steps.push(Step::Loop(Arc::new(Loop { at, labels, kind, body })));
    }

    fn head(&mut self, head: &ForHead) -> Pattern {
        match head {
            ForHead::VarDecl(var) => {
                let kind = var.kind;
                var.decls.first().map_or(Pattern::Opaque, |declarator| self.bound(&declarator.name, kind))
            }
            ForHead::UsingDecl(using) => using
                .decls
                .first()
                .map_or(Pattern::Opaque, |declarator| self.bound(&declarator.name, VarDeclKind::Const)),
            ForHead::Pat(pattern) => self.assigned(pattern),
        }
    }
}
