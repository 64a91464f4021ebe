//! Reads what the module's bindings hold, by the rules of scope. What the module requests and exports, and what it does
//! while it is evaluated, is read elsewhere.

use std::collections::HashMap;

use swc_core::{
    common::Spanned,
    ecma::{
        ast::{
            ArrowExpr, AssignExpr, AssignOp, AssignTarget, AssignTargetPat, BinaryOp, CallExpr, Callee, ClassProp,
            Constructor, Decl, DefaultDecl, Expr, ExprOrSpread, ForHead, ForInStmt, ForOfStmt, Function, Ident, Lit,
            MemberExpr, MemberProp, Module, ModuleDecl, ModuleItem, ObjectPatProp, OptChainBase, Pat, PrivateProp,
            SimpleAssignTarget, Stmt, UnaryExpr, UnaryOp, UpdateExpr, VarDecl, VarDeclKind, VarDeclOrExpr,
        },
        visit::{Visit, VisitWith},
    },
};

use crate::{
    bindings::{Binding, FunctionShape, ModuleAnalysis, Value, Write},
    error::SyntaxError,
    floating::floating_imports,
    names::{Names, with_names},
    parse::{bound_names, default_word, descend, record, static_property, unwrap_parens},
    position::BYTE_ORDER_MARK,
    record::{ModuleRecord, Span},
    syntax::{ModuleSyntax, span},
};

/// The name of the binding that an anonymous default export makes, as in the specification.
const DEFAULT: &str = "*default*";

/// Reads an ES module into its record, and what its top-level bindings hold.
///
/// Names are resolved by scope: a parameter, a declaration in a block or function, the name of a function expression
/// hides the binding or import of the same name. Errors are those of [`parse`](crate::parse).
///
/// ```
/// use presentry_parser::{Value, analyze};
///
/// let (module, _) = analyze("import { init } from '@sentry/solidstart'; init({}); export const handler = {};");
/// assert_eq!(module.bindings[0].value, Value::Object);
/// ```
#[must_use]
pub fn analyze(text: &str) -> (ModuleAnalysis, Vec<SyntaxError>) {
    let (analysis, errors) = with_names(text, ModuleSyntax::JavaScript, |module, resolved| {
        let (record, errors) = record(text, module);
        let bindings = Analyzer::new(text, resolved, module, &record).run(module);
        let floating_imports = floating_imports(text, module, resolved, &bindings);
        (ModuleAnalysis { record, bindings, floating_imports }, errors)
    });
    let byte_order_mark = text.starts_with(BYTE_ORDER_MARK);
    let empty = || ModuleAnalysis {
        record: ModuleRecord { byte_order_mark, ..ModuleRecord::default() },
        ..ModuleAnalysis::default()
    };
    (analysis.unwrap_or_else(empty), errors)
}

struct Analyzer<'a> {
    text: &'a str,
    resolved: Names,
    /// The imports and bindings of the module; the index of a binding.
    names: HashMap<String, Option<usize>>,
    bindings: Vec<Binding>,
    /// Whether code runs later than the module's evaluation, or may.
    later: bool,
    /// The functions that are called in place and not visited yet.
    invoked: Vec<Span>,
}

impl<'a> Analyzer<'a> {
    fn new(text: &'a str, resolved: Names, module: &Module, record: &ModuleRecord) -> Self {
        let imports = record.import_entries.iter();
        let mut analyzer = Self {
            text,
            resolved,
            names: imports.map(|entry| (entry.local_name.clone(), None)).collect(),
            bindings: Vec::new(),
            later: false,
            invoked: Vec::new(),
        };
        for item in &module.body {
            analyzer.declare(item);
        }
        analyzer.bindings.sort_by_key(|binding| binding.span);
        for (index, binding) in analyzer.bindings.iter().enumerate() {
            analyzer.names.insert(binding.name.clone(), Some(index));
        }
        analyzer
    }

    fn run(mut self, module: &Module) -> Vec<Binding> {
        for item in &module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => self.top_level(&export.decl),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => match &export.decl {
                    DefaultDecl::Fn(function) => {
                        let name = function.ident.as_ref().map_or(DEFAULT, |ident| &ident.sym);
                        self.give(name, function_value(&function.function));
                        function.function.visit_with(&mut self);
                    }
                    DefaultDecl::Class(class) => {
                        let name = class.ident.as_ref().map_or(DEFAULT, |ident| &ident.sym);
                        self.give(name, Value::Class);
                        class.class.visit_with(&mut self);
                    }
                    DefaultDecl::TsInterfaceDecl(_) => {}
                },
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultExpr(export)) => {
                    let value = self.value(&export.expr);
                    self.give(DEFAULT, value);
                    export.expr.visit_with(&mut self);
                }
                ModuleItem::ModuleDecl(_) => {}
                ModuleItem::Stmt(Stmt::Decl(decl)) => self.top_level(decl),
                ModuleItem::Stmt(stmt) => stmt.visit_with(&mut self),
            }
        }
        for binding in &mut self.bindings {
            binding.writes.sort_by_key(|write| write.span);
            binding.property_writes.sort_unstable();
        }
        self.bindings
    }

    // The module's own bindings.

    fn declare(&mut self, item: &ModuleItem) {
        let decl = match item {
            ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => &export.decl,
            ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                let ident = match &export.decl {
                    DefaultDecl::Class(class) => class.ident.as_ref(),
                    DefaultDecl::Fn(function) => function.ident.as_ref(),
                    DefaultDecl::TsInterfaceDecl(_) => None,
                };
                return match ident {
                    Some(ident) => self.bind(ident, false),
                    None => self.bind_name(DEFAULT, default_word(self.text, span(export.span)), false),
                };
            }
            ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultExpr(export)) => {
                return self.bind_name(DEFAULT, default_word(self.text, span(export.span)), false);
            }
            ModuleItem::ModuleDecl(_) => return,
            ModuleItem::Stmt(Stmt::Decl(decl)) => decl,
            ModuleItem::Stmt(stmt) => {
                hoisted(stmt, &mut |name| self.bind(name, true));
                return;
            }
        };
        match decl {
            Decl::Class(class) => self.bind(&class.ident, false),
            Decl::Fn(function) => self.bind(&function.ident, false),
            Decl::Var(var) => {
                for declarator in &var.decls {
                    let uninitialised = declarator.init.is_none();
                    bound_names(&declarator.name, &mut |name| self.bind(name, uninitialised));
                }
            }
            Decl::Using(using) => {
                for declarator in &using.decls {
                    bound_names(&declarator.name, &mut |name| self.bind(name, false));
                }
            }
            Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
        }
    }

    fn bind(&mut self, ident: &Ident, uninitialised: bool) {
        self.bind_name(&ident.sym, span(ident.span), uninitialised);
    }

    fn bind_name(&mut self, name: &str, at: Span, uninitialised: bool) {
        // The second `var` of a name, or an error that the record tells of.
        if self.names.contains_key(name) {
            return;
        }
        self.names.insert(name.to_owned(), None);
        self.bindings.push(Binding {
            name: name.to_owned(),
            span: at,
            value: Value::Unknown,
            uninitialised,
            writes: Vec::new(),
            property_writes: Vec::new(),
        });
    }

    /// A declaration that stands directly at the top level.
    fn top_level(&mut self, decl: &Decl) {
        match decl {
            Decl::Fn(function) => {
                self.give(&function.ident.sym, function_value(&function.function));
                function.function.visit_with(self);
            }
            Decl::Class(class) => {
                self.give(&class.ident.sym, Value::Class);
                class.visit_with(self);
            }
            Decl::Var(var) => {
                for declarator in &var.decls {
                    match (&declarator.name, &declarator.init) {
                        (Pat::Ident(name), Some(init)) => {
                            let value = self.value(init);
                            if self.declared_at(&name.id) {
                                self.give(&name.id.sym, value);
                            } else {
                                self.write(&name.id, span(declarator.span), value);
                            }
                        }
                        (pattern, Some(_)) => bound_names(pattern, &mut |name| {
                            if !self.declared_at(name) {
                                self.write(name, span(declarator.span), Value::Unknown);
                            }
                        }),
                        (_, None) => {}
                    }
                    declarator.visit_children_with(self);
                }
            }
            Decl::Using(using) => {
                for declarator in &using.decls {
                    if let (Pat::Ident(name), Some(init)) = (&declarator.name, &declarator.init) {
                        let value = self.value(init);
                        self.give(&name.id.sym, value);
                    }
                    declarator.visit_children_with(self);
                }
            }
            Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
        }
    }

    fn declared_at(&self, ident: &Ident) -> bool {
        self.binding(ident).is_some_and(|index| self.bindings[index].span == span(ident.span))
    }

    fn give(&mut self, name: &str, value: Value) {
        if let Some(Some(index)) = self.names.get(name) {
            self.bindings[*index].value = value;
        }
    }

    // Names.

    /// Whether the name means a binding or import of the module.
    fn resolves(&self, ident: &Ident) -> bool {
        self.resolved.is_of_module(ident) && self.names.contains_key(&*ident.sym)
    }

    /// The module's own binding that the name means.
    fn binding(&self, ident: &Ident) -> Option<usize> {
        if self.resolves(ident) { self.names[&*ident.sym] } else { None }
    }

    // Functions.

    /// Visits a function. It runs in place when it is invoked there; a generator does not.
    fn function(&mut self, at: Span, shape: FunctionShape, visit: impl FnOnce(&mut Self)) {
        let invoked = self.invoked.iter().position(|&target| target == at);
        let invoked = invoked.map(|index| self.invoked.swap_remove(index)).is_some();
        let invoked = invoked && !shape.is_generator;
        let later = self.later;
        // After its first `await` an async function runs whenever it likes.
        self.later = later || !invoked || shape.is_async;
        visit(self);
        self.later = later;
    }

    /// Visits code that runs when a function of the class runs.
    fn in_method(&mut self, visit: impl FnOnce(&mut Self)) {
        let later = self.later;
        self.later = true;
        visit(self);
        self.later = later;
    }

    // Writes.

    fn write(&mut self, ident: &Ident, at: Span, value: Value) {
        let in_function = self.later;
        if let Some(index) = self.binding(ident) {
            self.bindings[index].writes.push(Write { span: at, value, in_function });
        }
    }

    fn property_write(&mut self, object: &Expr, at: Span) {
        if let Expr::Ident(ident) = unwrap_parens(object)
            && let Some(index) = self.binding(ident)
        {
            self.bindings[index].property_writes.push(at);
        }
    }

    /// The targets of an assignment that is not plain, as `++`, `[a, b] = …`, `for (a of …)` are not.
    fn write_expr(&mut self, target: &Expr, at: Span) {
        match unwrap_parens(target) {
            Expr::Ident(ident) => self.write(ident, at, Value::Unknown),
            Expr::Member(member) => self.property_write(&member.obj, at),
            _ => {}
        }
    }

    fn write_pattern(&mut self, pattern: &Pat, at: Span) {
        let mut rest = vec![pattern];
        while let Some(pattern) = rest.pop() {
            match pattern {
                Pat::Ident(ident) => self.write(&ident.id, at, Value::Unknown),
                Pat::Expr(expr) => self.write_expr(expr, at),
                Pat::Array(array) => rest.extend(array.elems.iter().flatten()),
                Pat::Rest(spread) => rest.push(&spread.arg),
                Pat::Assign(assign) => rest.push(&assign.left),
                Pat::Object(object) => self.write_properties(&object.props, at, &mut rest),
                Pat::Invalid(_) => {}
            }
        }
    }

    fn write_properties<'p>(&mut self, properties: &'p [ObjectPatProp], at: Span, rest: &mut Vec<&'p Pat>) {
        for property in properties {
            match property {
                ObjectPatProp::Assign(shorthand) => self.write(&shorthand.key, at, Value::Unknown),
                ObjectPatProp::KeyValue(property) => rest.push(&property.value),
                ObjectPatProp::Rest(spread) => rest.push(&spread.arg),
            }
        }
    }

    fn assign(&mut self, assign: &AssignExpr) {
        let at = span(assign.span);
        match &assign.left {
            AssignTarget::Simple(SimpleAssignTarget::Ident(target)) => {
                let value = if assign.op == AssignOp::Assign { self.value(&assign.right) } else { Value::Unknown };
                self.write(&target.id, at, value);
            }
            AssignTarget::Simple(SimpleAssignTarget::Member(member)) => {
                self.property_write(&member.obj, at);
            }
            AssignTarget::Simple(SimpleAssignTarget::Paren(paren)) => match unwrap_parens(&paren.expr) {
                Expr::Ident(target) if assign.op == AssignOp::Assign => {
                    let value = self.value(&assign.right);
                    self.write(target, at, value);
                }
                target => self.write_expr(target, at),
            },
            AssignTarget::Simple(_) => {}
            AssignTarget::Pat(AssignTargetPat::Array(array)) => {
                for element in array.elems.iter().flatten() {
                    self.write_pattern(element, at);
                }
            }
            AssignTarget::Pat(AssignTargetPat::Object(object)) => {
                let mut rest = Vec::new();
                self.write_properties(&object.props, at, &mut rest);
                for pattern in rest {
                    self.write_pattern(pattern, at);
                }
            }
            AssignTarget::Pat(AssignTargetPat::Invalid(_)) => {}
        }
    }

    fn head(&mut self, head: &ForHead) {
        match head {
            ForHead::Pat(pattern) => self.write_pattern(pattern, span(pattern.span())),
            ForHead::VarDecl(var) if var.kind == VarDeclKind::Var => {
                for declarator in &var.decls {
                    let at = span(declarator.span);
                    bound_names(&declarator.name, &mut |name| self.write(name, at, Value::Unknown));
                }
            }
            ForHead::VarDecl(_) | ForHead::UsingDecl(_) => {}
        }
    }

    // Calls.

    fn call(&mut self, callee: &Expr, arguments: &[ExprOrSpread], at: Span) {
        if let Some(target) = invoked_in_place(callee) {
            self.invoked.push(target);
        }
        let Some((root, path)) = self.path(callee) else { return };
        let changes_first = matches!(
            (&*root.sym, &path[..]),
            ("Object", ["assign" | "defineProperty" | "defineProperties" | "setPrototypeOf"])
                | ("Reflect", ["set" | "defineProperty" | "setPrototypeOf"])
        );
        if changes_first
            && self.resolved.is_global(root)
            && let Some(first) = arguments.first()
        {
            self.property_write(&first.expr, at);
        }
    }

    /// The identifier and the property names after it, when the expression is nothing else.
    fn path<'e>(&self, expr: &'e Expr) -> Option<(&'e Ident, Vec<&'e str>)> {
        let mut path = Vec::new();
        let mut expr = expr;
        loop {
            expr = match expr {
                Expr::Ident(ident) => {
                    path.reverse();
                    return Some((ident, path));
                }
                Expr::Paren(paren) => &paren.expr,
                Expr::Member(member) => {
                    path.push(static_property(&member.prop)?);
                    &member.obj
                }
                Expr::OptChain(chain) => match &*chain.base {
                    OptChainBase::Member(member) => {
                        path.push(static_property(&member.prop)?);
                        &member.obj
                    }
                    OptChainBase::Call(_) => return None,
                },
                // `(0, ns.init)()`, as compilers write it to lose `this`.
                Expr::Seq(sequence) => sequence.exprs.last()?,
                _ => return None,
            };
        }
    }

    // Values.

    fn value(&self, expr: &Expr) -> Value {
        let mut expr = expr;
        loop {
            expr = match expr {
                Expr::Paren(paren) => &paren.expr,
                Expr::Seq(sequence) => match sequence.exprs.last() {
                    Some(last) => last,
                    None => return Value::Unknown,
                },
                Expr::Assign(assign) if assign.op == AssignOp::Assign => &assign.right,
                _ => break,
            };
        }
        match expr {
            Expr::Fn(function) => function_value(&function.function),
            Expr::Arrow(arrow) => Value::Function(arrow_shape(arrow)),
            Expr::Class(_) => Value::Class,
            Expr::Object(_) => Value::Object,
            Expr::Array(_) => Value::Array,
            Expr::New(_) => Value::New,
            Expr::Ident(ident) if self.resolves(ident) => Value::Reference(ident.sym.to_string()),
            Expr::Ident(ident) if self.resolved.is_global(ident) => match &*ident.sym {
                "undefined" => Value::Primitive("undefined"),
                "NaN" | "Infinity" => Value::Primitive("number"),
                _ => Value::Unknown,
            },
            Expr::Call(CallExpr { callee: Callee::Expr(callee), .. }) => {
                Value::Call { callee: span(callee.span()).of(self.text).to_owned(), root: self.root(callee) }
            }
            _ => primitive(expr).map_or(Value::Unknown, Value::Primitive),
        }
    }

    /// The binding or import that a callee starts with.
    fn root(&self, callee: &Expr) -> Option<String> {
        let mut expr = callee;
        loop {
            expr = match expr {
                Expr::Ident(ident) => {
                    return self.resolves(ident).then(|| ident.sym.to_string());
                }
                Expr::Paren(paren) => &paren.expr,
                Expr::Member(member) => &member.obj,
                Expr::Call(CallExpr { callee: Callee::Expr(callee), .. }) => callee,
                Expr::TaggedTpl(tagged) => &tagged.tag,
                Expr::OptChain(chain) => match &*chain.base {
                    OptChainBase::Member(member) => &member.obj,
                    OptChainBase::Call(call) => &call.callee,
                },
                Expr::Seq(sequence) => sequence.exprs.last()?,
                _ => return None,
            };
        }
    }
}

impl Analyzer<'_> {
    /// Visits one expression, and returns the operand on its left, which is walked in a loop as chains grow long.
    fn expression<'e>(&mut self, expr: &'e Expr) -> Option<&'e Expr> {
        match expr {
            Expr::Bin(binary) => {
                self.visit_expr(&binary.right);
                Some(&binary.left)
            }
            Expr::Member(member) => Some(self.member(member)),
            Expr::Call(call) => {
                if let Callee::Expr(callee) = &call.callee {
                    self.call(callee, &call.args, span(call.span));
                }
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
                OptChainBase::Member(member) => Some(self.member(member)),
                OptChainBase::Call(call) => {
                    self.call(&call.callee, &call.args, span(chain.span));
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

    fn member<'e>(&mut self, member: &'e MemberExpr) -> &'e Expr {
        if let MemberProp::Computed(computed) = &member.prop {
            self.visit_expr(&computed.expr);
        }
        &member.obj
    }
}

impl Visit for Analyzer<'_> {
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
        let object = self.member(member);
        self.visit_expr(object);
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        self.assign(assign);
        assign.visit_children_with(self);
    }

    fn visit_update_expr(&mut self, update: &UpdateExpr) {
        self.write_expr(&update.arg, span(update.span));
        update.visit_children_with(self);
    }

    fn visit_unary_expr(&mut self, unary: &UnaryExpr) {
        if unary.op == UnaryOp::Delete {
            match unwrap_parens(&unary.arg) {
                Expr::Member(member) => self.property_write(&member.obj, span(unary.span)),
                Expr::OptChain(chain) => {
                    if let OptChainBase::Member(member) = &*chain.base {
                        self.property_write(&member.obj, span(unary.span));
                    }
                }
                _ => {}
            }
        }
        unary.visit_children_with(self);
    }

    // A `var` in a block of the top level.
    fn visit_var_decl(&mut self, var: &VarDecl) {
        for declarator in &var.decls {
            if let Some(init) = &declarator.init
                && var.kind == VarDeclKind::Var
            {
                let at = span(declarator.span);
                if let Pat::Ident(name) = &declarator.name {
                    let value = self.value(init);
                    self.write(&name.id, at, value);
                } else {
                    bound_names(&declarator.name, &mut |name| self.write(name, at, Value::Unknown));
                }
            }
            declarator.visit_children_with(self);
        }
    }

    fn visit_for_in_stmt(&mut self, statement: &ForInStmt) {
        self.head(&statement.left);
        statement.visit_children_with(self);
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        self.head(&statement.left);
        statement.visit_children_with(self);
    }

    fn visit_function(&mut self, function: &Function) {
        self.function(span(function.span), function_shape(function), |this| function.visit_children_with(this));
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        self.function(span(arrow.span), arrow_shape(arrow), |this| arrow.visit_children_with(this));
    }

    fn visit_constructor(&mut self, constructor: &Constructor) {
        self.in_method(|this| constructor.visit_children_with(this));
    }

    fn visit_class_prop(&mut self, field: &ClassProp) {
        self.visit_prop_name(&field.key);
        if field.is_static {
            field.value.visit_with(self);
        } else {
            self.in_method(|this| field.value.visit_with(this));
        }
    }

    fn visit_private_prop(&mut self, field: &PrivateProp) {
        if field.is_static {
            field.value.visit_with(self);
        } else {
            self.in_method(|this| field.value.visit_with(this));
        }
    }
}

/// The names that `var` statements in a statement declare, functions within it left out.
pub(crate) fn hoisted<'s>(stmt: &'s Stmt, found: &mut impl FnMut(&'s Ident)) {
    let mut declared = |var: &'s VarDecl| {
        if var.kind == VarDeclKind::Var {
            for declarator in &var.decls {
                bound_names(&declarator.name, found);
            }
        }
    };
    let mut rest = vec![stmt];
    while let Some(stmt) = rest.pop() {
        match stmt {
            Stmt::Decl(Decl::Var(var)) => declared(var),
            Stmt::Block(block) => rest.extend(&block.stmts),
            Stmt::If(branch) => {
                rest.push(&branch.cons);
                rest.extend(branch.alt.as_deref());
            }
            Stmt::For(statement) => {
                if let Some(VarDeclOrExpr::VarDecl(var)) = &statement.init {
                    declared(var);
                }
                rest.push(&statement.body);
            }
            Stmt::ForIn(ForInStmt { left, body, .. }) | Stmt::ForOf(ForOfStmt { left, body, .. }) => {
                if let ForHead::VarDecl(var) = left {
                    declared(var);
                }
                rest.push(body);
            }
            Stmt::While(statement) => rest.push(&statement.body),
            Stmt::DoWhile(statement) => rest.push(&statement.body),
            Stmt::With(statement) => rest.push(&statement.body),
            Stmt::Labeled(statement) => rest.push(&statement.body),
            Stmt::Switch(switch) => rest.extend(switch.cases.iter().flat_map(|case| &case.cons)),
            Stmt::Try(statement) => {
                rest.extend(&statement.block.stmts);
                rest.extend(statement.handler.iter().flat_map(|handler| &handler.body.stmts));
                rest.extend(statement.finalizer.iter().flat_map(|block| &block.stmts));
            }
            Stmt::Empty(_)
            | Stmt::Debugger(_)
            | Stmt::Return(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::Throw(_)
            | Stmt::Decl(_)
            | Stmt::Expr(_) => {}
        }
    }
}

/// The function expression that a call with this callee runs on the spot: `(() => {})()`, `(function () {}).call(this)`.
fn invoked_in_place(callee: &Expr) -> Option<Span> {
    match unwrap_parens(callee) {
        Expr::Fn(function) => Some(span(function.function.span)),
        Expr::Arrow(arrow) => Some(span(arrow.span)),
        Expr::Member(member) if matches!(static_property(&member.prop), Some("call" | "apply")) => {
            match unwrap_parens(&member.obj) {
                Expr::Fn(function) => Some(span(function.function.span)),
                Expr::Arrow(arrow) => Some(span(arrow.span)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn function_value(function: &Function) -> Value {
    Value::Function(function_shape(function))
}

fn function_shape(function: &Function) -> FunctionShape {
    FunctionShape {
        is_async: function.is_async,
        is_generator: function.is_generator,
        is_arrow: false,
        length: length(function.params.iter().map(|param| &param.pat)),
    }
}

fn arrow_shape(arrow: &ArrowExpr) -> FunctionShape {
    FunctionShape { is_async: arrow.is_async, is_generator: false, is_arrow: true, length: length(&arrow.params) }
}

/// [ExpectedArgumentCount](https://tc39.es/ecma262/#sec-static-semantics-expectedargumentcount)
fn length<'p>(params: impl IntoIterator<Item = &'p Pat>) -> usize {
    params.into_iter().take_while(|param| !matches!(param, Pat::Assign(_) | Pat::Rest(_))).count()
}

/// What `typeof` gives for an expression whose value is a primitive, whatever its operands are.
fn primitive(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Lit(Lit::Str(_)) | Expr::Tpl(_) => Some("string"),
        Expr::Lit(Lit::Bool(_)) => Some("boolean"),
        Expr::Lit(Lit::Null(_)) => Some("null"),
        Expr::Lit(Lit::Num(_)) => Some("number"),
        Expr::Lit(Lit::BigInt(_)) => Some("bigint"),
        Expr::Unary(unary) => match unary.op {
            UnaryOp::Void => Some("undefined"),
            UnaryOp::TypeOf => Some("string"),
            UnaryOp::Bang | UnaryOp::Delete => Some("boolean"),
            UnaryOp::Plus => Some("number"),
            UnaryOp::Minus | UnaryOp::Tilde => match unwrap_parens(&unary.arg) {
                Expr::Lit(Lit::Num(_)) => Some("number"),
                Expr::Lit(Lit::BigInt(_)) => Some("bigint"),
                _ => None,
            },
        },
        Expr::Bin(binary) => match binary.op {
            BinaryOp::EqEq
            | BinaryOp::NotEq
            | BinaryOp::EqEqEq
            | BinaryOp::NotEqEq
            | BinaryOp::Lt
            | BinaryOp::LtEq
            | BinaryOp::Gt
            | BinaryOp::GtEq
            | BinaryOp::In
            | BinaryOp::InstanceOf => Some("boolean"),
            _ => None,
        },
        _ => None,
    }
}
