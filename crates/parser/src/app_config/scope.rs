//! Which declaration each name of a file means, and which of them the file changes after they were declared. No values.

use std::collections::{HashMap, HashSet};

use swc_core::{
    common::{BytePos, Spanned},
    ecma::{
        ast::{
            ArrowExpr, ArrowFunctionBody, AssignExpr, AssignPat, AssignPatProp, AssignTarget, AssignTargetPat,
            CallExpr, Callee, CatchClause, ClassDecl, ClassExpr, Expr, ExprOrSpread, FnDecl, FnExpr, ForHead,
            ForInStmt, ForOfStmt, Function, Id, Ident, ImportDecl, Module, NewExpr, ObjectPatProp, OptChainBase, Param,
            Pat, Prop, PropOrSpread, ReturnStmt, SimpleAssignTarget, Stmt, TaggedTpl, ThrowStmt, TsEnumDecl, TsType,
            UnaryExpr, UnaryOp, UpdateExpr, VarDeclarator, YieldExpr,
        },
        visit::{Visit, VisitWith},
    },
};

use crate::{
    parse::{bound_names, descend, static_property},
    record::Span,
    syntax::span,
};

/// A declaration: where its name starts.
pub(super) type Declaration = BytePos;

/// Why the value of a declaration is not the one it was declared with.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The expression that changes it.
    pub(super) span: Span,
    /// What it does.
    pub(super) kind: ChangeKind,
}

/// How a value changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// The name gets another value.
    Assigned,
    /// The object or array that the name means gets other contents; a primitive cannot.
    Contents,
    /// The object is given to a function that is not known, and may change its contents.
    Escapes,
}

/// What the names of a file mean.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// The declaration that a name at a position means; none for globals.
    pub(super) references: HashMap<BytePos, Declaration>,
    /// The declarations that change.
    pub(super) changes: HashMap<Declaration, Change>,
}

impl Scopes {
    /// Resolves every name of a file, whose names are marked.
    pub(super) fn of(module: &Module) -> Self {
        let mut declarations = Declarations::default();
        module.visit_with(&mut declarations);
        let Declarations { of_names: declared, imports } = declarations;
        let mut resolver = Resolver { declared, imports, ..Resolver::default() };
        module.visit_with(&mut resolver);
        resolver.finish()
    }
}

/// The packages whose functions leave alone what they are given.
const HARMLESS: [&str; 3] = ["@sentry/solidstart", "@solidjs/start/config", "vinxi"];

/// Methods that leave their object alone, as long as they are given no function.
const READING: [&str; 22] = [
    "at",
    "concat",
    "endsWith",
    "entries",
    "hasOwnProperty",
    "includes",
    "indexOf",
    "join",
    "keys",
    "padEnd",
    "padStart",
    "repeat",
    "replace",
    "replaceAll",
    "slice",
    "split",
    "startsWith",
    "toLowerCase",
    "toString",
    "toUpperCase",
    "trim",
    "values",
];

/// What every visitor here does: it leaves out types, and its stack grows with the tree.
macro_rules! visit_values_in_depth {
    () => {
        fn visit_expr(&mut self, expr: &Expr) {
            descend(|| expr.visit_children_with(self));
        }

        fn visit_stmt(&mut self, stmt: &Stmt) {
            descend(|| stmt.visit_children_with(self));
        }

        fn visit_pat(&mut self, pat: &Pat) {
            descend(|| pat.visit_children_with(self));
        }

        fn visit_ts_type(&mut self, _: &TsType) {}
    };
}

/// The declarations of a file. A name that is declared twice counts from where it is first.
#[derive(Default)]
struct Declarations {
    of_names: HashMap<Id, Declaration>,
    /// Those that are imports, and whether what they import is harmless.
    imports: HashMap<Declaration, bool>,
}

impl Declarations {
    fn declare(&mut self, name: &Ident) {
        self.of_names.entry(name.to_id()).or_insert(name.span.lo);
    }

    fn declare_all(&mut self, pattern: &Pat) {
        bound_names(pattern, &mut |name| self.declare(name));
    }
}

impl Visit for Declarations {
    fn visit_import_decl(&mut self, import: &ImportDecl) {
        let harmless = import.src.value.as_str().is_some_and(|from| HARMLESS.contains(&from));
        for specifier in &import.specifiers {
            let local = specifier.local();
            self.declare(local);
            self.imports.insert(local.span.lo, harmless);
        }
    }

    fn visit_var_declarator(&mut self, declarator: &VarDeclarator) {
        self.declare_all(&declarator.name);
        declarator.visit_children_with(self);
    }

    fn visit_param(&mut self, param: &Param) {
        self.declare_all(&param.pat);
        param.visit_children_with(self);
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        arrow.params.iter().for_each(|param| self.declare_all(param));
        arrow.visit_children_with(self);
    }

    fn visit_catch_clause(&mut self, clause: &CatchClause) {
        clause.param.iter().for_each(|param| self.declare_all(param));
        clause.visit_children_with(self);
    }

    fn visit_fn_decl(&mut self, declared: &FnDecl) {
        self.declare(&declared.ident);
        declared.function.visit_with(self);
    }

    fn visit_fn_expr(&mut self, expr: &FnExpr) {
        expr.ident.iter().for_each(|name| self.declare(name));
        expr.function.visit_with(self);
    }

    fn visit_class_decl(&mut self, declared: &ClassDecl) {
        self.declare(&declared.ident);
        declared.class.visit_with(self);
    }

    fn visit_class_expr(&mut self, expr: &ClassExpr) {
        expr.ident.iter().for_each(|name| self.declare(name));
        expr.class.visit_with(self);
    }

    fn visit_ts_enum_decl(&mut self, declared: &TsEnumDecl) {
        self.declare(&declared.id);
        declared.visit_children_with(self);
    }

    visit_values_in_depth!();
}

#[derive(Default)]
struct Resolver {
    declared: HashMap<Id, Declaration>,
    found: Scopes,
    /// The declarations whose contents change, whether or not they get another value besides.
    contents: HashMap<Declaration, Change>,
    /// The declarations that are imports, and whether what they import is harmless.
    imports: HashMap<Declaration, bool>,
    /// The parameters of the functions that a declaration holds.
    functions: HashMap<Declaration, Vec<Vec<Declaration>>>,
    /// Objects that one declaration holds and another one may hold, too: a change through the first changes the second.
    aliases: HashMap<Declaration, Vec<Declaration>>,
    /// Calls of functions of the file, to be judged when all of them are known.
    calls: Vec<(Declaration, Vec<Vec<Declaration>>, Span)>,
    /// The declaration whose initialiser is a function that is visited next.
    holder: Option<Declaration>,
    /// The declaration that holds the function the visitor is in.
    within: Option<Declaration>,
}

impl Resolver {
    fn finish(mut self) -> Scopes {
        for (function, arguments, at) in std::mem::take(&mut self.calls) {
            let parameters = self.functions.get(&function).cloned();
            for (index, values) in arguments.into_iter().enumerate() {
                for value in values {
                    // What is given beyond the last parameter may be in a rest parameter.
                    match parameters.as_ref().map(|parameters| parameters.get(index).or(parameters.last())) {
                        Some(Some(parameters)) => {
                            parameters.iter().for_each(|parameter| self.alias(*parameter, value));
                        }
                        Some(None) => {}
                        None => self.change(value, at, ChangeKind::Escapes),
                    }
                }
            }
        }
        // A change reaches everything that the changed object may be.
        let mut rest: Vec<Declaration> = self.contents.keys().copied().collect();
        rest.sort_unstable();
        let mut reached: HashSet<Declaration> = rest.iter().copied().collect();
        while let Some(changed) = rest.pop() {
            // An import is not followed anyway.
            let Some(change) = self.contents.get(&changed).cloned() else { continue };
            for alias in self.aliases.get(&changed).cloned().unwrap_or_default() {
                self.change(alias, change.span, change.kind);
                if reached.insert(alias) {
                    rest.push(alias);
                }
            }
        }
        self.found
    }

    fn resolve(&self, name: &Ident) -> Option<Declaration> {
        self.declared.get(&name.to_id()).copied()
    }

    // Changes.

    fn change(&mut self, of: Declaration, at: Span, kind: ChangeKind) {
        if self.imports.contains_key(&of) {
            return;
        }
        if kind != ChangeKind::Assigned {
            self.contents.entry(of).or_insert(Change { span: at, kind });
        }
        let change = self.found.changes.entry(of).or_insert(Change { span: at, kind });
        // A new value is the stronger reason: it counts for primitives as well.
        if change.kind != ChangeKind::Assigned && kind == ChangeKind::Assigned {
            *change = Change { span: at, kind };
        }
    }

    fn alias(&mut self, holder: Declaration, held: Declaration) {
        if holder != held {
            self.aliases.entry(holder).or_default().push(held);
        }
    }

    fn assigned(&mut self, name: &Ident, at: Span) {
        if let Some(declaration) = self.resolve(name) {
            self.change(declaration, at, ChangeKind::Assigned);
        }
    }

    /// An assignment to an expression: to the name, or to the contents of what it means.
    fn written(&mut self, target: &Expr, at: Span) {
        match bare(target) {
            Expr::Ident(name) => self.assigned(name, at),
            other => self.contents_written(other, at),
        }
    }

    fn contents_written(&mut self, target: &Expr, at: Span) {
        for declaration in self.flows(target) {
            self.change(declaration, at, ChangeKind::Contents);
        }
    }

    fn pattern_written(&mut self, pattern: &Pat, at: Span) {
        let mut rest = vec![pattern];
        while let Some(pattern) = rest.pop() {
            match pattern {
                Pat::Ident(name) => self.assigned(&name.id, at),
                Pat::Expr(expr) => self.written(expr, at),
                Pat::Array(array) => rest.extend(array.elems.iter().flatten()),
                Pat::Rest(spread) => rest.push(&spread.arg),
                Pat::Assign(assign) => rest.push(&assign.left),
                Pat::Object(object) => {
                    for property in &object.props {
                        match property {
                            ObjectPatProp::Assign(shorthand) => self.assigned(&shorthand.key, at),
                            ObjectPatProp::KeyValue(property) => rest.push(&property.value),
                            ObjectPatProp::Rest(spread) => rest.push(&spread.arg),
                        }
                    }
                }
                Pat::Invalid(_) => {}
            }
        }
    }

    /// The declarations whose objects may be, or be part of, the value of an expression.
    fn flows(&self, expr: &Expr) -> Vec<Declaration> {
        let mut found = Vec::new();
        let mut rest = vec![expr];
        while let Some(expr) = rest.pop() {
            match bare(expr) {
                Expr::Ident(name) => found.extend(self.resolve(name)),
                Expr::Member(member) => rest.push(&member.obj),
                Expr::OptChain(chain) => match &*chain.base {
                    OptChainBase::Member(member) => rest.push(&member.obj),
                    OptChainBase::Call(call) => {
                        rest.push(&call.callee);
                        rest.extend(call.args.iter().map(|argument| &*argument.expr));
                    }
                },
                Expr::Cond(cond) => rest.extend([&*cond.cons, &*cond.alt]),
                Expr::Bin(bin) => rest.extend([&*bin.left, &*bin.right]),
                Expr::Assign(assign) => rest.push(&assign.right),
                Expr::Await(wait) => rest.push(&wait.arg),
                Expr::Seq(seq) => rest.extend(seq.exprs.last().map(|last| &**last)),
                Expr::Array(array) => rest.extend(array.elems.iter().flatten().map(|element| &*element.expr)),
                Expr::Object(object) => {
                    for property in &object.props {
                        match property {
                            // What is spread is copied, but its own objects are not.
                            PropOrSpread::Spread(spread) => rest.push(&spread.expr),
                            PropOrSpread::Prop(property) => match &**property {
                                Prop::Shorthand(name) => found.extend(self.resolve(name)),
                                Prop::KeyValue(property) => rest.push(&property.value),
                                other => self.mentioned(other, &mut found),
                            },
                        }
                    }
                }
                Expr::Call(call) => {
                    if let Callee::Expr(callee) = &call.callee {
                        rest.push(callee);
                    }
                    rest.extend(call.args.iter().map(|argument| &*argument.expr));
                }
                Expr::Lit(_) | Expr::Tpl(_) | Expr::Unary(_) | Expr::Update(_) | Expr::MetaProp(_) => {}
                // A function gives what it sees to whoever calls it.
                other => self.mentioned(other, &mut found),
            }
        }
        found
    }

    /// The declarations that are mentioned anywhere in a part of the file.
    fn mentioned(&self, part: &impl VisitWith<Mentioned>, found: &mut Vec<Declaration>) {
        let mut names = Mentioned::default();
        part.visit_with(&mut names);
        found.extend(names.0.iter().filter_map(|name| self.declared.get(name)));
    }

    fn escapes(&mut self, value: &Expr, at: Span) {
        for value in self.flows(value) {
            self.change(value, at, ChangeKind::Escapes);
        }
    }

    fn defaulted(&mut self, names: &[&Ident], default: &Expr) {
        let holders: Vec<Declaration> = names.iter().filter_map(|name| self.resolve(name)).collect();
        for value in self.flows(default) {
            holders.iter().for_each(|holder| self.alias(*holder, value));
        }
    }

    fn held(&mut self, pattern: &Pat, value: &Expr) {
        let values = self.flows(value);
        let mut holders = Vec::new();
        bound_names(pattern, &mut |name| holders.extend(self.resolve(name)));
        for holder in holders {
            values.iter().for_each(|value| self.alias(holder, *value));
        }
    }

    fn call(&mut self, callee: &Expr, arguments: &[ExprOrSpread], at: Span) {
        let with_function =
            arguments.iter().any(|argument| matches!(bare(&argument.expr), Expr::Fn(_) | Expr::Arrow(_)));
        let given: Vec<Vec<Declaration>> = arguments.iter().map(|argument| self.flows(&argument.expr)).collect();
        match bare(callee) {
            Expr::Ident(name) => match self.resolve(name) {
                Some(declaration) if self.imports.get(&declaration) == Some(&true) => return,
                Some(declaration) if !self.imports.contains_key(&declaration) => {
                    self.calls.push((declaration, given, at));
                    return;
                }
                None if matches!(&*name.sym, "String" | "Boolean" | "Number" | "structuredClone") => return,
                _ => {}
            },
            Expr::Member(member) => {
                let method = static_property(&member.prop);
                let object = match bare(&member.obj) {
                    Expr::Ident(name) => Some((self.resolve(name), &*name.sym)),
                    _ => None,
                };
                match object {
                    Some((Some(declaration), _)) if self.imports.get(&declaration) == Some(&true) => return,
                    Some((None, "console" | "JSON")) => return,
                    Some((None, "Object")) if method == Some("assign") => {
                        let target = given.into_iter().next().unwrap_or_default();
                        target.into_iter().for_each(|value| self.change(value, at, ChangeKind::Contents));
                        return;
                    }
                    Some((None, "Object"))
                        if !method.is_some_and(|method| method.starts_with("define") || method.starts_with("set")) =>
                    {
                        return;
                    }
                    _ => {}
                }
                if !with_function && method.is_some_and(|method| READING.contains(&method)) {
                    return;
                }
                // The method may change its object, or hand parts of it to the function it is given.
                for value in self.flows(&member.obj) {
                    self.change(value, at, ChangeKind::Escapes);
                }
            }
            _ => {}
        }
        given.into_iter().flatten().for_each(|value| self.change(value, at, ChangeKind::Escapes));
    }

    /// Visits a function, which `holder` holds if it was the initialiser of a declaration.
    fn function<'p>(&mut self, parameters: impl Iterator<Item = &'p Pat>, visit: impl FnOnce(&mut Self)) {
        let holder = self.holder.take();
        if let Some(holder) = holder {
            let parameters = parameters.map(|parameter| {
                let mut names = Vec::new();
                bound_names(parameter, &mut |name| names.push(name.span.lo));
                names
            });
            self.functions.insert(holder, parameters.collect());
        }
        let within = std::mem::replace(&mut self.within, holder);
        visit(self);
        self.within = within;
    }

    fn returned(&mut self, value: &Expr) {
        if let Some(function) = self.within {
            for value in self.flows(value) {
                self.alias(function, value);
            }
        }
    }

    fn head(&mut self, head: &ForHead, over: &Expr) {
        match head {
            ForHead::VarDecl(var) => {
                for declarator in &var.decls {
                    self.held(&declarator.name, over);
                }
            }
            ForHead::Pat(pattern) => self.pattern_written(pattern, span(pattern.span())),
            ForHead::UsingDecl(_) => {}
        }
    }
}

impl Visit for Resolver {
    fn visit_ident(&mut self, name: &Ident) {
        if let Some(declaration) = self.resolve(name) {
            self.found.references.insert(name.span.lo, declaration);
        }
    }

    visit_values_in_depth!();

    fn visit_var_declarator(&mut self, declarator: &VarDeclarator) {
        if let Some(init) = &declarator.init {
            // The second `var` of a name is an assignment.
            let mut again = Vec::new();
            bound_names(&declarator.name, &mut |name| {
                if self.resolve(name).is_some_and(|declaration| declaration != name.span.lo) {
                    again.push(name);
                }
            });
            again.into_iter().for_each(|name| self.assigned(name, span(declarator.span)));
            self.held(&declarator.name, init);
            if let Pat::Ident(name) = &declarator.name
                && matches!(bare(init), Expr::Fn(_) | Expr::Arrow(_))
            {
                self.holder = self.resolve(&name.id);
            }
        }
        declarator.visit_children_with(self);
        self.holder = None;
    }

    fn visit_fn_decl(&mut self, declared: &FnDecl) {
        let declaration = self.resolve(&declared.ident);
        if declaration.is_some_and(|declaration| declaration != declared.ident.span.lo) {
            self.assigned(&declared.ident, span(declared.ident.span));
        }
        self.holder = declaration;
        declared.function.visit_with(self);
        self.holder = None;
    }

    fn visit_return_stmt(&mut self, stmt: &ReturnStmt) {
        if let Some(value) = &stmt.arg {
            self.returned(value);
        }
        stmt.visit_children_with(self);
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        let at = span(assign.span);
        let mut holders = Vec::new();
        match &assign.left {
            AssignTarget::Simple(target) => match target {
                SimpleAssignTarget::Ident(name) => {
                    self.assigned(&name.id, at);
                    holders.extend(self.resolve(&name.id));
                }
                SimpleAssignTarget::Member(member) => {
                    self.contents_written(&member.obj, at);
                    holders = self.flows(&member.obj);
                }
                SimpleAssignTarget::Paren(paren) => self.written(&paren.expr, at),
                SimpleAssignTarget::TsAs(cast) => self.written(&cast.expr, at),
                SimpleAssignTarget::TsSatisfies(cast) => self.written(&cast.expr, at),
                SimpleAssignTarget::TsNonNull(cast) => self.written(&cast.expr, at),
                SimpleAssignTarget::TsTypeAssertion(cast) => self.written(&cast.expr, at),
                SimpleAssignTarget::OptChain(chain) => {
                    if let OptChainBase::Member(member) = &*chain.base {
                        self.contents_written(&member.obj, at);
                    }
                }
                SimpleAssignTarget::TsInstantiation(_)
                | SimpleAssignTarget::SuperProp(_)
                | SimpleAssignTarget::Invalid(_) => {}
            },
            AssignTarget::Pat(pattern) => {
                match pattern {
                    AssignTargetPat::Array(array) => {
                        array.elems.iter().flatten().for_each(|element| self.pattern_written(element, at));
                    }
                    AssignTargetPat::Object(object) => self.pattern_written(&Pat::Object(object.clone()), at),
                    AssignTargetPat::Invalid(_) => {}
                }
                self.mentioned(pattern, &mut holders);
            }
        }
        for value in self.flows(&assign.right) {
            holders.iter().for_each(|holder| self.alias(*holder, value));
        }
        assign.visit_children_with(self);
    }

    fn visit_update_expr(&mut self, update: &UpdateExpr) {
        self.written(&update.arg, span(update.span));
        update.visit_children_with(self);
    }

    fn visit_unary_expr(&mut self, unary: &UnaryExpr) {
        if unary.op == UnaryOp::Delete {
            self.contents_written(&unary.arg, span(unary.span));
        }
        unary.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        if let Callee::Expr(callee) = &call.callee {
            self.call(callee, &call.args, span(call.span));
        }
        call.visit_children_with(self);
    }

    fn visit_opt_chain_base(&mut self, base: &OptChainBase) {
        if let OptChainBase::Call(call) = base {
            self.call(&call.callee, &call.args, span(call.span));
        }
        base.visit_children_with(self);
    }

    fn visit_new_expr(&mut self, new: &NewExpr) {
        new.args.iter().flatten().for_each(|argument| self.escapes(&argument.expr, span(new.span)));
        new.visit_children_with(self);
    }

    fn visit_tagged_tpl(&mut self, tagged: &TaggedTpl) {
        tagged.tpl.exprs.iter().for_each(|value| self.escapes(value, span(tagged.span)));
        tagged.visit_children_with(self);
    }

    fn visit_throw_stmt(&mut self, stmt: &ThrowStmt) {
        self.escapes(&stmt.arg, span(stmt.span));
        stmt.visit_children_with(self);
    }

    fn visit_yield_expr(&mut self, expr: &YieldExpr) {
        expr.arg.iter().for_each(|value| self.escapes(value, span(expr.span)));
        expr.visit_children_with(self);
    }

    fn visit_assign_pat(&mut self, pattern: &AssignPat) {
        let mut names = Vec::new();
        bound_names(&pattern.left, &mut |name| names.push(name));
        self.defaulted(&names, &pattern.right);
        pattern.visit_children_with(self);
    }

    fn visit_assign_pat_prop(&mut self, property: &AssignPatProp) {
        if let Some(default) = &property.value {
            self.defaulted(&[&property.key.id], default);
        }
        property.visit_children_with(self);
    }

    fn visit_for_in_stmt(&mut self, statement: &ForInStmt) {
        self.head(&statement.left, &statement.right);
        statement.visit_children_with(self);
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        self.head(&statement.left, &statement.right);
        statement.visit_children_with(self);
    }

    fn visit_function(&mut self, function: &Function) {
        self.function(function.params.iter().map(|param| &param.pat), |this| function.visit_children_with(this));
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        self.function(arrow.params.iter(), |this| {
            if let ArrowFunctionBody::Expr(value) = &*arrow.body {
                this.returned(value);
            }
            arrow.visit_children_with(this);
        });
    }
}

/// The names in a part of a file, whatever they mean there.
#[derive(Default)]
struct Mentioned(Vec<Id>);

impl Visit for Mentioned {
    fn visit_ident(&mut self, name: &Ident) {
        self.0.push(name.to_id());
    }

    visit_values_in_depth!();
}

/// An expression without parentheses and without what TypeScript adds to it.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    loop {
        expr = match expr {
            Expr::Paren(inner) => &inner.expr,
            Expr::TsAs(inner) => &inner.expr,
            Expr::TsSatisfies(inner) => &inner.expr,
            Expr::TsConstAssertion(inner) => &inner.expr,
            Expr::TsNonNull(inner) => &inner.expr,
            Expr::TsTypeAssertion(inner) => &inner.expr,
            Expr::TsInstantiation(inner) => &inner.expr,
            other => return other,
        };
    }
}
