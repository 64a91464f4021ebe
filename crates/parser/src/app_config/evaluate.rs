//! What the expressions of a configuration file are worth, without running it. What cannot be followed is a value of
//! its own, with the place and the reason.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use swc_core::{
    common::Spanned,
    ecma::ast::{
        ArrayLit, ArrowFunctionBody, AssignTarget, BinaryOp, Callee, Decl, DefaultDecl, ExportSpecifier, Expr,
        ExprOrSpread, Function, Ident, ImportSpecifier, Lit, MemberExpr, MemberProp, Module, ModuleDecl,
        ModuleExportName, ModuleItem, ObjectLit, ObjectPatProp, OptChainBase, Pat, Prop, PropName, PropOrSpread,
        SimpleAssignTarget, Stmt, Tpl, UnaryOp, VarDecl, VarDeclKind,
    },
};

use crate::{
    analyze::hoisted,
    parse::{bound_names, descend},
    record::Span,
    syntax::span,
};

use super::scope::{ChangeKind, Declaration, Scopes, bare};

/// How many functions may be inside of one another.
const DEPTH: usize = 64;

/// How many expressions are looked at. A configuration has hundreds; more are made by constants that name one another.
const STEPS: usize = 20_000;

const SENTRY: &str = "@sentry/solidstart";
const DEFINE_CONFIG: [(&str, &str); 2] = [("@solidjs/start/config", "defineConfig"), ("vinxi", "createApp")];

/// What an expression is worth.
#[derive(Clone)]
pub(super) enum Value<'a> {
    /// `undefined` or `null`.
    Nothing,
    Boolean(bool, Span),
    Number(f64, Span),
    String(String, Span),
    Array(Rc<Vec<Value<'a>>>, Span),
    Object(Rc<Object<'a>>),
    Function(Code<'a>, Span),
    /// An export of a package or file: `None` for the namespace.
    Import {
        from: String,
        name: Option<String>,
        span: Span,
    },
    /// One of several, and it is not known which.
    Choice {
        alternatives: Rc<Vec<Value<'a>>>,
        span: Span,
        reason: &'static str,
    },
    Unknown {
        span: Span,
        reason: String,
    },
}

/// An object literal, or what `withSentry` makes of one.
pub(super) struct Object<'a> {
    entries: Vec<Entry<'a>>,
    /// The call and the options, if `withSentry` made the object.
    sentry: Option<(Span, Value<'a>)>,
    span: Span,
}

enum Entry<'a> {
    Property(String, Value<'a>),
    Spread(Value<'a>),
}

/// The function that a value is.
#[derive(Clone, Copy)]
pub(super) enum Code<'a> {
    Function(&'a Function),
    Arrow(&'a [Pat], &'a ArrowFunctionBody),
}

/// What `withSentry` was given.
pub(super) struct Sentry<'a> {
    /// The call, if it was found.
    pub(super) call: Option<Span>,
    /// The options; nothing without a call.
    pub(super) options: Value<'a>,
}

const CONDITION: &str = "it depends on a condition";
const RETURNS: &str = "the function returns more than one value";

impl<'a> Value<'a> {
    pub(super) fn unknown(span: Span, reason: impl Into<String>) -> Self {
        Value::Unknown { span, reason: reason.into() }
    }

    pub(super) fn span(&self) -> Span {
        match self {
            Value::Nothing => Span { start: 0, end: 0 },
            Value::Boolean(_, span)
            | Value::Number(_, span)
            | Value::String(_, span)
            | Value::Array(_, span)
            | Value::Function(_, span)
            | Value::Import { span, .. }
            | Value::Choice { span, .. }
            | Value::Unknown { span, .. } => *span,
            Value::Object(object) => object.span,
        }
    }

    /// The value of a property.
    pub(super) fn get(&self, name: &str) -> Value<'a> {
        match self {
            Value::Object(object) => lookup(&object.entries, name),
            Value::Choice { alternatives, span, reason } => {
                choice(alternatives.iter().map(|alternative| alternative.get(name)).collect(), *span, reason)
            }
            Value::Import { from, name: None, span } => {
                Value::Import { from: from.clone(), name: Some(name.to_owned()), span: *span }
            }
            // The default import of a CommonJS package is its namespace.
            Value::Import { from, name: Some(export), span } if export == "default" => {
                Value::Import { from: from.clone(), name: Some(name.to_owned()), span: *span }
            }
            Value::Import { .. } | Value::Unknown { .. } => self.opaque(),
            Value::Function(_, span) => Value::unknown(*span, "it is a property of a function"),
            Value::Array(_, span) => Value::unknown(*span, "it is a property of an array"),
            Value::String(_, span) => Value::unknown(*span, "it is a property of a string"),
            Value::Nothing | Value::Boolean(..) | Value::Number(..) => Value::Nothing,
        }
    }

    /// What `withSentry` was given where the value was made.
    pub(super) fn sentry(&self) -> Sentry<'a> {
        self.find_sentry().unwrap_or(Sentry { call: None, options: Value::Nothing })
    }

    fn find_sentry(&self) -> Option<Sentry<'a>> {
        match self {
            Value::Object(object) => match &object.sentry {
                Some((call, options)) => Some(Sentry { call: Some(*call), options: options.clone() }),
                None => object.entries.iter().rev().find_map(|entry| match entry {
                    Entry::Spread(spread) => spread.find_sentry(),
                    Entry::Property(..) => None,
                }),
            },
            Value::Choice { alternatives, span, reason } => {
                let found: Vec<Option<Sentry<'a>>> = alternatives.iter().map(Value::find_sentry).collect();
                let call = found.iter().flatten().find_map(|sentry| sentry.call);
                found.iter().any(Option::is_some).then(|| {
                    let options = found.into_iter().map(|sentry| sentry.map_or(Value::Nothing, |found| found.options));
                    Sentry { call, options: choice(options.collect(), *span, reason) }
                })
            }
            Value::Import { .. } | Value::Unknown { .. } => Some(Sentry { call: None, options: self.opaque() }),
            _ => None,
        }
    }

    /// What cannot be looked into, as an unknown value.
    fn opaque(&self) -> Value<'a> {
        match self {
            Value::Import { from, span, .. } => Value::unknown(*span, format!("it is imported from `{from}`")),
            other => other.clone(),
        }
    }

    fn truthy(&self) -> Option<bool> {
        match self {
            Value::Nothing => Some(false),
            Value::Boolean(value, _) => Some(*value),
            Value::Number(value, _) => Some(*value != 0.0 && !value.is_nan()),
            Value::String(value, _) => Some(!value.is_empty()),
            Value::Array(..) | Value::Object(_) | Value::Function(..) => Some(true),
            Value::Choice { alternatives, .. } => {
                let mut truths = alternatives.iter().map(Value::truthy);
                let first = truths.next()??;
                truths.all(|truth| truth == Some(first)).then_some(first)
            }
            Value::Import { .. } | Value::Unknown { .. } => None,
        }
    }

    /// The text that a template or `+` makes of it.
    fn text(&self) -> Option<String> {
        match self {
            Value::String(text, _) => Some(text.clone()),
            Value::Number(number, _) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.0}")),
            Value::Boolean(value, _) => Some(value.to_string()),
            _ => None,
        }
    }

    /// Whether a change of contents can change it.
    fn has_contents(&self) -> bool {
        match self {
            Value::Nothing | Value::Boolean(..) | Value::Number(..) | Value::String(..) => false,
            Value::Choice { alternatives, .. } => alternatives.iter().any(Value::has_contents),
            // It is unknown for the stronger reason.
            Value::Unknown { .. } => false,
            Value::Array(..) | Value::Object(_) | Value::Function(..) | Value::Import { .. } => true,
        }
    }
}

/// One of several values, or the one that they all are.
fn choice<'a>(alternatives: Vec<Value<'a>>, span: Span, reason: &'static str) -> Value<'a> {
    if alternatives.iter().all(|value| matches!(value, Value::Nothing)) {
        return Value::Nothing;
    }
    match <[Value<'a>; 1]>::try_from(alternatives) {
        Ok([only]) => only,
        Err(alternatives) => Value::Choice { alternatives: Rc::new(alternatives), span, reason },
    }
}

fn lookup<'a>(entries: &[Entry<'a>], name: &str) -> Value<'a> {
    match setting(entries, name) {
        Setting::Always(value) => value,
        Setting::Never => Value::Nothing,
        Setting::Sometimes(mut values, span, reason) => {
            values.push(Value::Nothing);
            choice(values, span, reason)
        }
    }
}

/// Whether a property is set, and to what.
enum Setting<'a> {
    Always(Value<'a>),
    Never,
    Sometimes(Vec<Value<'a>>, Span, &'static str),
}

/// The last entry that sets a property wins.
fn setting<'a>(entries: &[Entry<'a>], name: &str) -> Setting<'a> {
    let mut rest = entries;
    let mut possible: Option<(Vec<Value<'a>>, Span, &'static str)> = None;
    while let Some((last, before)) = rest.split_last() {
        rest = before;
        let set = match last {
            Entry::Property(property, value) if property == name => Setting::Always(value.clone()),
            Entry::Property(..) => Setting::Never,
            Entry::Spread(spread) => descend(|| set_by(spread, name)),
        };
        match (set, &mut possible) {
            (Setting::Never, _) => {}
            (Setting::Always(value), None) => return Setting::Always(value),
            (Setting::Always(value), Some((values, span, reason))) => {
                values.push(value);
                return Setting::Always(choice(std::mem::take(values), *span, reason));
            }
            (Setting::Sometimes(values, span, reason), None) => possible = Some((values, span, reason)),
            (Setting::Sometimes(more, ..), Some((values, ..))) => values.extend(more),
        }
    }
    match possible {
        Some((values, span, reason)) => Setting::Sometimes(values, span, reason),
        None => Setting::Never,
    }
}

/// What spreading a value does to a property.
fn set_by<'a>(spread: &Value<'a>, name: &str) -> Setting<'a> {
    match spread {
        Value::Object(object) => setting(&object.entries, name),
        Value::Choice { alternatives, span, reason } => {
            let mut values = Vec::new();
            let mut always = true;
            for alternative in alternatives.iter() {
                match descend(|| set_by(alternative, name)) {
                    Setting::Always(value) => values.push(value),
                    Setting::Never => always = false,
                    Setting::Sometimes(more, ..) => {
                        values.extend(more);
                        always = false;
                    }
                }
            }
            match (values.is_empty(), always) {
                (true, _) => Setting::Never,
                (false, true) => Setting::Always(choice(values, *span, reason)),
                (false, false) => Setting::Sometimes(values, *span, reason),
            }
        }
        Value::Import { .. } | Value::Unknown { .. } => Setting::Always(spread.opaque()),
        _ => Setting::Never,
    }
}

fn may_be_nothing(value: &Value<'_>) -> bool {
    match value {
        Value::Nothing => true,
        Value::Choice { alternatives, .. } => alternatives.iter().any(may_be_nothing),
        _ => false,
    }
}

/// What a declaration starts with.
#[derive(Clone)]
enum Initial<'a> {
    Expression(&'a Expr),
    /// A property of an initialiser that is taken apart, or the default when it is not there.
    Property(&'a Expr, Vec<String>, Option<&'a Expr>),
    Function(&'a Function),
    Import(String, Option<String>),
    /// Declared without a value.
    Nothing,
    /// A class, an enumeration, a pattern that is not followed.
    NotFollowed(Span),
}

/// Follows the expressions of one file.
pub(super) struct Evaluator<'a> {
    text: &'a str,
    module: &'a Module,
    scopes: Scopes,
    initial: HashMap<Declaration, Initial<'a>>,
    /// The `var` of function bodies and of the file, which can be seen before they have their value.
    variables: HashSet<Declaration>,
    /// The parameters of the functions that are being called, innermost last.
    frames: Vec<HashMap<Declaration, Value<'a>>>,
    /// The declarations that are being evaluated.
    active: Vec<Declaration>,
    steps: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(text: &'a str, module: &'a Module) -> Self {
        Self {
            text,
            module,
            scopes: Scopes::of(module),
            initial: HashMap::new(),
            variables: HashSet::new(),
            frames: Vec::new(),
            active: Vec::new(),
            steps: 0,
        }
    }

    /// What the file exports as its default, which is the configuration.
    pub(super) fn default_export(mut self) -> Value<'a> {
        for item in &self.module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::Import(import)) => {
                    let from = import.src.value.to_string_lossy().into_owned();
                    for specifier in &import.specifiers {
                        let (local, name) = match specifier {
                            ImportSpecifier::Named(named) => {
                                let name =
                                    named.imported.as_ref().map_or_else(|| named.local.sym.to_string(), exported);
                                (&named.local, Some(name))
                            }
                            ImportSpecifier::Default(default) => (&default.local, Some("default".to_owned())),
                            ImportSpecifier::Namespace(namespace) => (&namespace.local, None),
                        };
                        self.initial.insert(local.span.lo, Initial::Import(from.clone(), name));
                    }
                }
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => self.declare(&export.decl),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                    if let DefaultDecl::Fn(function) = &export.decl
                        && let Some(name) = &function.ident
                    {
                        self.initial.insert(name.span.lo, Initial::Function(&function.function));
                    }
                }
                ModuleItem::ModuleDecl(_) => {}
                ModuleItem::Stmt(stmt) => self.declare_in(stmt),
            }
        }
        let config = self.exported_value();
        self.configuration(config)
    }

    fn exported_value(&mut self) -> Value<'a> {
        for item in &self.module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultExpr(export)) => return self.value(&export.expr),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                    return match &export.decl {
                        DefaultDecl::Fn(function) => {
                            Value::Function(Code::Function(&function.function), span(export.span))
                        }
                        _ => Value::unknown(span(export.span), "it is no object"),
                    };
                }
                ModuleItem::ModuleDecl(ModuleDecl::ExportNamed(export)) => {
                    for specifier in &export.specifiers {
                        let ExportSpecifier::Named(named) = specifier else { continue };
                        if exported(named.exported.as_ref().unwrap_or(&named.orig)) != "default" {
                            continue;
                        }
                        return match (&export.src, &named.orig) {
                            (None, ModuleExportName::Ident(name)) => self.name(name),
                            (Some(from), _) => {
                                let from = from.value.to_string_lossy();
                                Value::unknown(span(export.span), format!("it is imported from `{from}`"))
                            }
                            (None, ModuleExportName::Str(_)) => Value::Nothing,
                        };
                    }
                }
                _ => {}
            }
        }
        // A file that is loaded as CommonJS.
        for item in &self.module.body {
            if let ModuleItem::Stmt(Stmt::Expr(stmt)) = item
                && let Expr::Assign(assign) = &*stmt.expr
                && let AssignTarget::Simple(SimpleAssignTarget::Member(target)) = &assign.left
                && span(target.span).of(self.text) == "module.exports"
            {
                return self.value(&assign.right);
            }
        }
        Value::Nothing
    }

    // Declarations.

    fn declare_in(&mut self, stmt: &'a Stmt) {
        if let Stmt::Decl(Decl::Var(var)) = stmt
            && var.kind == VarDeclKind::Var
        {
            bound_names_of(var, &mut |name| {
                self.variables.insert(name.span.lo);
            });
        }
        if let Stmt::Decl(decl) = stmt {
            return self.declare(decl);
        }
        let mut rest = vec![stmt];
        while let Some(stmt) = rest.pop() {
            match stmt {
                // It can be seen outside of the statement, which may not have run.
                Stmt::Decl(Decl::Var(var)) if var.kind == VarDeclKind::Var => {
                    bound_names_of(var, &mut |name| {
                        self.initial.insert(name.span.lo, Initial::NotFollowed(span(name.span)));
                    });
                }
                Stmt::Decl(decl) => self.declare(decl),
                Stmt::Block(block) => rest.extend(&block.stmts),
                Stmt::If(branch) => {
                    rest.push(&branch.cons);
                    rest.extend(branch.alt.as_deref());
                }
                Stmt::Labeled(labeled) => rest.push(&labeled.body),
                Stmt::Try(attempt) => {
                    rest.extend(&attempt.block.stmts);
                    rest.extend(attempt.handler.iter().flat_map(|handler| &handler.body.stmts));
                    rest.extend(attempt.finalizer.iter().flat_map(|block| &block.stmts));
                }
                Stmt::Switch(switch) => rest.extend(switch.cases.iter().flat_map(|case| &case.cons)),
                // What a loop declares has another value each time; only `var` can be seen outside of it.
                Stmt::For(_) | Stmt::ForIn(_) | Stmt::ForOf(_) | Stmt::While(_) | Stmt::DoWhile(_) => {
                    hoisted(stmt, &mut |name| {
                        self.initial.insert(name.span.lo, Initial::NotFollowed(span(name.span)));
                    });
                }
                _ => {}
            }
        }
    }

    fn declare(&mut self, decl: &'a Decl) {
        match decl {
            Decl::Fn(function) => {
                self.initial.insert(function.ident.span.lo, Initial::Function(&function.function));
            }
            Decl::Class(class) => {
                self.initial.insert(class.ident.span.lo, Initial::NotFollowed(span(class.ident.span)));
            }
            Decl::TsEnum(declared) => {
                self.initial.insert(declared.id.span.lo, Initial::NotFollowed(span(declared.id.span)));
            }
            Decl::Var(var) => {
                for declarator in &var.decls {
                    match (&declarator.name, declarator.init.as_deref()) {
                        (Pat::Ident(name), None) => {
                            self.initial.entry(name.id.span.lo).or_insert(Initial::Nothing);
                        }
                        (pattern, Some(init)) => self.declare_pattern(pattern, init, &[], None),
                        (_, None) => {}
                    }
                }
            }
            Decl::Using(_) | Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsModule(_) => {}
        }
    }

    fn declare_pattern(&mut self, pattern: &'a Pat, init: &'a Expr, path: &[String], default: Option<&'a Expr>) {
        match pattern {
            Pat::Ident(name) if path.is_empty() => {
                self.initial.insert(name.id.span.lo, Initial::Expression(init));
            }
            Pat::Ident(name) => {
                self.initial.insert(name.id.span.lo, Initial::Property(init, path.to_vec(), default));
            }
            Pat::Assign(assign) if default.is_none() && !path.is_empty() => {
                self.declare_pattern(&assign.left, init, path, Some(&assign.right));
            }
            Pat::Object(object) if default.is_none() => {
                for property in &object.props {
                    match property {
                        ObjectPatProp::Assign(shorthand) => {
                            let path = [path, &[shorthand.key.sym.to_string()]].concat();
                            let initial = Initial::Property(init, path, shorthand.value.as_deref());
                            self.initial.insert(shorthand.key.span.lo, initial);
                        }
                        ObjectPatProp::KeyValue(property) => match plain_key(&property.key) {
                            Some(key) => {
                                let path = [path, &[key]].concat();
                                descend(|| self.declare_pattern(&property.value, init, &path, None));
                            }
                            None => self.leave(&property.value),
                        },
                        ObjectPatProp::Rest(spread) => self.leave(&spread.arg),
                    }
                }
            }
            other => self.leave(other),
        }
    }

    fn leave(&mut self, pattern: &'a Pat) {
        bound_names(pattern, &mut |name| {
            self.initial.insert(name.span.lo, Initial::NotFollowed(span(name.span)));
        });
    }

    fn name(&mut self, name: &'a Ident) -> Value<'a> {
        let at = span(name.span);
        let Some(&declaration) = self.scopes.references.get(&name.span.lo) else {
            return match &*name.sym {
                "undefined" => Value::Nothing,
                global => Value::unknown(at, format!("`{global}` is not declared in the file")),
            };
        };
        if let Some(change) = self.scopes.changes.get(&declaration)
            && change.kind == ChangeKind::Assigned
        {
            return Value::unknown(change.span, format!("`{}` is assigned again", name.sym));
        }
        if self.variables.contains(&declaration) && name.span.lo < declaration {
            return Value::unknown(at, format!("`{}` may be used before it is set", name.sym));
        }
        let value = self.declared(declaration, name);
        match self.scopes.changes.get(&declaration) {
            Some(change) if value.has_contents() => {
                let reason = match change.kind {
                    ChangeKind::Escapes => "is given to a function that may change it",
                    _ => "is changed",
                };
                Value::unknown(change.span, format!("`{}` {reason}", name.sym))
            }
            _ => value,
        }
    }

    fn declared(&mut self, declaration: Declaration, name: &'a Ident) -> Value<'a> {
        let at = span(name.span);
        if let Some(value) = self.frames.iter().rev().find_map(|frame| frame.get(&declaration)) {
            return value.clone();
        }
        if self.active.contains(&declaration) {
            return Value::unknown(at, "it refers to itself");
        }
        self.active.push(declaration);
        let value = match self.initial.get(&declaration).cloned() {
            Some(Initial::Expression(init)) => self.value(init),
            Some(Initial::Property(init, path, default)) => {
                let mut value = self.value(init);
                for name in &path {
                    value = value.get(name);
                }
                self.or_default(value, default, at)
            }
            Some(Initial::Function(function)) => Value::Function(Code::Function(function), span(function.span)),
            Some(Initial::Import(from, export)) => Value::Import { from, name: export, span: at },
            Some(Initial::Nothing) => Value::Nothing,
            Some(Initial::NotFollowed(span)) => Value::unknown(span, format!("`{}` is no plain constant", name.sym)),
            None => Value::unknown(at, format!("`{}` is a parameter", name.sym)),
        };
        self.active.pop();
        value
    }

    fn or_default(&mut self, value: Value<'a>, default: Option<&'a Expr>, at: Span) -> Value<'a> {
        match (value, default) {
            (Value::Nothing, Some(default)) => self.value(default),
            (value, Some(default)) if may_be_nothing(&value) => {
                let default = self.value(default);
                choice(vec![value, default], at, CONDITION)
            }
            (value, _) => value,
        }
    }

    // Expressions.

    pub(super) fn value(&mut self, expr: &'a Expr) -> Value<'a> {
        self.steps += 1;
        let at = span(expr.span());
        if self.steps > STEPS {
            return Value::unknown(at, "the file is too intricate");
        }
        descend(|| self.expression(bare(expr)))
    }

    fn expression(&mut self, expr: &'a Expr) -> Value<'a> {
        let at = span(expr.span());
        match expr {
            Expr::Lit(literal) => match literal {
                Lit::Str(string) => match string.value.as_str() {
                    Some(text) => Value::String(text.to_owned(), at),
                    None => Value::unknown(at, "it is not well-formed Unicode"),
                },
                Lit::Bool(boolean) => Value::Boolean(boolean.value, at),
                Lit::Null(_) => Value::Nothing,
                Lit::Num(number) => Value::Number(number.value, at),
                Lit::BigInt(_) | Lit::Regex(_) | Lit::JSXText(_) => Value::unknown(at, "it is not followed"),
            },
            Expr::Tpl(template) => self.template(template),
            Expr::Ident(name) => self.name(name),
            Expr::Object(object) => self.object(object),
            Expr::Array(array) => self.array(array),
            Expr::Fn(function) => Value::Function(Code::Function(&function.function), at),
            Expr::Arrow(arrow) => Value::Function(Code::Arrow(&arrow.params, &arrow.body), at),
            Expr::Member(member) => self.member(member),
            Expr::OptChain(chain) => match &*chain.base {
                OptChainBase::Member(member) => self.member(member),
                OptChainBase::Call(call) => self.call(&call.callee, &call.args, at),
            },
            Expr::Call(call) => match &call.callee {
                Callee::Expr(callee) => self.call(callee, &call.args, at),
                Callee::Import(_) => Value::unknown(at, "it is imported"),
                Callee::Super(_) => Value::unknown(at, "it is not followed"),
            },
            Expr::Await(wait) => self.value(&wait.arg),
            Expr::Seq(sequence) => match sequence.exprs.last() {
                Some(last) => self.value(last),
                None => Value::Nothing,
            },
            Expr::Cond(condition) => {
                let test = self.value(&condition.test);
                match test.truthy() {
                    Some(true) => self.value(&condition.cons),
                    Some(false) => self.value(&condition.alt),
                    None => {
                        let alternatives = vec![self.value(&condition.cons), self.value(&condition.alt)];
                        choice(alternatives, at, CONDITION)
                    }
                }
            }
            Expr::Bin(binary) => self.binary(binary.op, &binary.left, &binary.right, at),
            Expr::Unary(unary) => match unary.op {
                UnaryOp::Void => Value::Nothing,
                UnaryOp::Bang => match self.value(&unary.arg).truthy() {
                    Some(truth) => Value::Boolean(!truth, at),
                    None => Value::unknown(at, CONDITION),
                },
                _ => Value::unknown(at, "it is not followed"),
            },
            Expr::New(_) => Value::unknown(at, "it is made by a constructor"),
            _ => Value::unknown(at, "it is not followed"),
        }
    }

    fn template(&mut self, template: &'a Tpl) -> Value<'a> {
        let at = span(template.span);
        let mut text = String::new();
        for (index, part) in template.quasis.iter().enumerate() {
            match part.cooked.as_ref().and_then(|cooked| cooked.as_str()) {
                Some(part) => text.push_str(part),
                None => return Value::unknown(at, "it is not well-formed Unicode"),
            }
            if let Some(expr) = template.exprs.get(index) {
                let value = self.value(expr);
                match value.text() {
                    Some(value) => text.push_str(&value),
                    None => return no_text(&value, at),
                }
            }
        }
        Value::String(text, at)
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr, at: Span) -> Value<'a> {
        match op {
            BinaryOp::Add => {
                let (left, right) = (self.value(left), self.value(right));
                match (left.text(), right.text()) {
                    (Some(first), Some(second))
                        if matches!(left, Value::String(..)) || matches!(right, Value::String(..)) =>
                    {
                        Value::String(first + &second, at)
                    }
                    (None, _) => no_text(&left, at),
                    (_, None) => no_text(&right, at),
                    _ => Value::unknown(at, "it is not followed"),
                }
            }
            BinaryOp::LogicalAnd => {
                let left = self.value(left);
                match left.truthy() {
                    Some(true) => self.value(right),
                    Some(false) => left,
                    // Whatever is falsy sets nothing.
                    None => choice(vec![Value::Nothing, self.value(right)], at, CONDITION),
                }
            }
            BinaryOp::LogicalOr => {
                let left = self.value(left);
                match left.truthy() {
                    Some(true) => left,
                    Some(false) => self.value(right),
                    None => choice(vec![left.opaque(), self.value(right)], at, CONDITION),
                }
            }
            BinaryOp::NullishCoalescing => {
                let left = self.value(left);
                self.or_default_opaque(left, right, at)
            }
            BinaryOp::EqEqEq | BinaryOp::NotEqEq | BinaryOp::EqEq | BinaryOp::NotEq => {
                let (left, right) = (self.value(left), self.value(right));
                match (&left, &right) {
                    (Value::String(left, _), Value::String(right, _)) => {
                        Value::Boolean((left == right) == matches!(op, BinaryOp::EqEqEq | BinaryOp::EqEq), at)
                    }
                    _ => Value::unknown(at, CONDITION),
                }
            }
            _ => Value::unknown(at, "it is not followed"),
        }
    }

    fn or_default_opaque(&mut self, left: Value<'a>, right: &'a Expr, at: Span) -> Value<'a> {
        match left {
            Value::Nothing => self.value(right),
            Value::Unknown { .. } | Value::Import { .. } | Value::Choice { .. } => {
                let right = self.value(right);
                choice(vec![left.opaque(), right], at, CONDITION)
            }
            left => left,
        }
    }

    fn object(&mut self, object: &'a ObjectLit) -> Value<'a> {
        let mut entries = Vec::new();
        for property in &object.props {
            entries.push(match property {
                PropOrSpread::Spread(spread) => Entry::Spread(self.value(&spread.expr)),
                PropOrSpread::Prop(property) => match &**property {
                    Prop::Shorthand(name) => Entry::Property(name.sym.to_string(), self.name(name)),
                    Prop::KeyValue(property) => match self.key(&property.key) {
                        Ok(key) => Entry::Property(key, self.value(&property.value)),
                        Err(unknown) => Entry::Spread(unknown),
                    },
                    Prop::Getter(getter) => self.accessor(&getter.key, span(getter.span), "it is a getter"),
                    Prop::Setter(setter) => self.accessor(&setter.key, span(setter.span), "it is a setter"),
                    Prop::Method(method) => match self.key(&method.key) {
                        Ok(key) => {
                            let at = span(method.function.span);
                            Entry::Property(key, Value::Function(Code::Function(&method.function), at))
                        }
                        Err(unknown) => Entry::Spread(unknown),
                    },
                    Prop::Assign(assign) => Entry::Spread(Value::unknown(span(assign.span), "it is not followed")),
                },
            });
        }
        Value::Object(Rc::new(Object { entries, sentry: None, span: span(object.span) }))
    }

    fn accessor(&mut self, key: &'a PropName, at: Span, reason: &str) -> Entry<'a> {
        match self.key(key) {
            Ok(key) => Entry::Property(key, Value::unknown(at, reason)),
            Err(unknown) => Entry::Spread(unknown),
        }
    }

    /// The name of a property; a computed one may be any.
    fn key(&mut self, key: &'a PropName) -> Result<String, Value<'a>> {
        if let Some(key) = plain_key(key) {
            return Ok(key);
        }
        let at = span(key.span());
        if let PropName::Computed(computed) = key
            && let Some(key) = self.value(&computed.expr).text()
        {
            return Ok(key);
        }
        Err(Value::unknown(at, "the name of the property is computed"))
    }

    fn array(&mut self, array: &'a ArrayLit) -> Value<'a> {
        let mut items = Vec::new();
        for element in &array.elems {
            match element {
                None => items.push(Value::Nothing),
                Some(ExprOrSpread { spread: None, expr }) => items.push(self.value(expr)),
                Some(ExprOrSpread { spread: Some(_), expr }) => match self.value(expr) {
                    Value::Array(more, _) => items.extend(more.iter().cloned()),
                    other => {
                        let other = match other.opaque() {
                            unknown @ Value::Unknown { .. } => unknown,
                            other => Value::unknown(other.span(), "what is spread is not a known array"),
                        };
                        items.push(other);
                    }
                },
            }
        }
        Value::Array(Rc::new(items), span(array.span))
    }

    fn member(&mut self, member: &'a MemberExpr) -> Value<'a> {
        let at = span(member.span);
        let text = at.of(self.text);
        for environment in ["process.env", "import.meta.env", "Bun.env", "process.argv"] {
            if text.strip_prefix(environment).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric())) {
                return Value::unknown(at, "it is read from the environment");
            }
        }
        let name = match &member.prop {
            MemberProp::Ident(name) => name.sym.to_string(),
            MemberProp::Computed(computed) => {
                let key = self.value(&computed.expr);
                match (key.text(), &key) {
                    (Some(name), _) => name,
                    (None, _) => return Value::unknown(at, "the name of the property is computed"),
                }
            }
            MemberProp::PrivateName(_) => return Value::unknown(at, "it is not followed"),
        };
        let object = self.value(&member.obj);
        if let (Value::Array(items, _), Ok(index)) = (&object, name.parse::<usize>()) {
            return items.get(index).cloned().unwrap_or(Value::Nothing);
        }
        match object.get(&name) {
            // The whole path says more than its first name.
            Value::Unknown { span, reason } if at.start <= span.start && span.end <= at.end => {
                Value::Unknown { span: at, reason }
            }
            value => value,
        }
    }

    // Calls.

    fn call(&mut self, callee: &'a Expr, arguments: &'a [ExprOrSpread], at: Span) -> Value<'a> {
        let written = span(callee.span()).of(self.text);
        let bare_callee = bare(callee);
        if let Expr::Ident(name) = bare_callee
            && &*name.sym == "require"
            && !self.scopes.references.contains_key(&name.span.lo)
            && let Some(Value::String(from, span)) = arguments.first().map(|argument| self.value(&argument.expr))
        {
            return Value::Import { from, name: None, span };
        }
        let is_global = |this: &Self, object: &str| match bare_callee {
            Expr::Member(member) => matches!(bare(&member.obj), Expr::Ident(name)
                if &*name.sym == object && !this.scopes.references.contains_key(&name.span.lo)),
            _ => false,
        };
        if is_global(self, "Object") && written == "Object.freeze" {
            return self.argument(arguments, 0);
        }
        if is_global(self, "Object")
            && written == "Object.assign"
            && arguments.iter().all(|argument| argument.spread.is_none())
            && arguments.first().is_some_and(|target| matches!(bare(&target.expr), Expr::Object(_)))
        {
            let entries = arguments.iter().map(|argument| Entry::Spread(self.value(&argument.expr))).collect();
            return Value::Object(Rc::new(Object { entries, sentry: None, span: at }));
        }
        let callee = self.value(callee);
        match &callee {
            Value::Import { from, name: Some(name), .. } if from == SENTRY && name == "withSentry" => {
                if arguments.iter().any(|argument| argument.spread.is_some()) {
                    return Value::unknown(at, "the arguments of `withSentry` are spread");
                }
                let base = self.argument(arguments, 0);
                let base = self.configuration(base);
                let options = self.argument(arguments, 1).opaque();
                Value::Object(Rc::new(Object {
                    entries: vec![Entry::Spread(base)],
                    sentry: Some((at, options)),
                    span: at,
                }))
            }
            Value::Import { from, name: Some(name), .. }
                if DEFINE_CONFIG.contains(&(from.as_str(), name.as_str()))
                    && arguments.iter().all(|argument| argument.spread.is_none()) =>
            {
                let config = self.argument(arguments, 0);
                self.configuration(config)
            }
            Value::Function(code, _) => {
                if arguments.iter().any(|argument| argument.spread.is_some()) {
                    return Value::unknown(at, "the arguments are spread");
                }
                let arguments: Vec<Value<'a>> = arguments.iter().map(|argument| self.value(&argument.expr)).collect();
                self.invoke(*code, Some(&arguments), at)
            }
            Value::Unknown { span, reason } if !(at.start <= span.start && span.end <= at.end) => {
                Value::Unknown { span: *span, reason: reason.clone() }
            }
            _ => Value::unknown(at, format!("it is the result of a call of `{}`", one_line(written))),
        }
    }

    fn argument(&mut self, arguments: &'a [ExprOrSpread], index: usize) -> Value<'a> {
        arguments.get(index).map_or(Value::Nothing, |argument| self.value(&argument.expr))
    }

    /// A configuration may be given as a function, too.
    fn configuration(&mut self, value: Value<'a>) -> Value<'a> {
        match value {
            Value::Function(code, at) => self.invoke(code, None, at),
            Value::Import { .. } => value.opaque(),
            other => other,
        }
    }

    /// Calls a function of the file; without arguments when its caller is not known.
    fn invoke(&mut self, code: Code<'a>, arguments: Option<&[Value<'a>]>, at: Span) -> Value<'a> {
        if self.frames.len() >= DEPTH {
            return Value::unknown(at, "the calls are nested too deeply");
        }
        let parameters: Vec<&'a Pat> = match code {
            Code::Function(function) if function.is_generator => {
                return Value::unknown(at, "it is the result of a generator");
            }
            Code::Function(function) => function.params.iter().map(|param| &param.pat).collect(),
            Code::Arrow(parameters, _) => parameters.iter().collect(),
        };
        let mut frame = HashMap::new();
        for (index, parameter) in parameters.into_iter().enumerate() {
            let given = arguments.map(|arguments| arguments.get(index).cloned().unwrap_or(Value::Nothing));
            self.bind(parameter, given, &mut frame);
        }
        self.frames.push(frame);
        // A function that is called again has its own constants again.
        let active = std::mem::take(&mut self.active);
        let value = match code {
            Code::Arrow(_, ArrowFunctionBody::Expr(value)) => self.value(value),
            Code::Arrow(_, ArrowFunctionBody::FunctionBody(body)) => self.body(&body.stmts, at),
            Code::Function(function) => match &function.body {
                Some(body) => self.body(&body.stmts, at),
                None => Value::unknown(at, "it is not followed"),
            },
        };
        self.active = active;
        self.frames.pop();
        value
    }

    fn bind(&mut self, parameter: &'a Pat, given: Option<Value<'a>>, frame: &mut HashMap<Declaration, Value<'a>>) {
        match (parameter, given) {
            (Pat::Ident(name), Some(value)) => {
                frame.insert(name.id.span.lo, value);
            }
            (Pat::Assign(assign), Some(value)) => {
                let value = self.or_default(value, Some(&assign.right), span(assign.span));
                self.bind(&assign.left, Some(value), frame);
            }
            (Pat::Object(object), Some(value)) => {
                for property in &object.props {
                    match property {
                        ObjectPatProp::Assign(shorthand) => {
                            let at = span(shorthand.span);
                            let value = self.or_default(value.get(&shorthand.key.sym), shorthand.value.as_deref(), at);
                            frame.insert(shorthand.key.span.lo, value);
                        }
                        ObjectPatProp::KeyValue(property) => {
                            let value = plain_key(&property.key).map(|key| value.get(&key));
                            self.bind(&property.value, value, frame);
                        }
                        ObjectPatProp::Rest(spread) => self.bind(&spread.arg, None, frame),
                    }
                }
            }
            (pattern, _) => bound_names(pattern, &mut |name| {
                let reason = format!("`{}` is a parameter", name.sym);
                frame.insert(name.span.lo, Value::unknown(span(name.span), reason));
            }),
        }
    }

    fn body(&mut self, stmts: &'a [Stmt], at: Span) -> Value<'a> {
        stmts.iter().for_each(|stmt| self.declare_in(stmt));
        let mut returned = Vec::new();
        if !self.returns(stmts, &mut returned) {
            returned.push(Value::Nothing);
        }
        choice(returned, at, RETURNS)
    }

    /// Gathers what statements may return; whether they always do.
    fn returns(&mut self, stmts: &'a [Stmt], returned: &mut Vec<Value<'a>>) -> bool {
        stmts.iter().any(|stmt| descend(|| self.returns_of(stmt, returned)))
    }

    fn returns_of(&mut self, stmt: &'a Stmt, returned: &mut Vec<Value<'a>>) -> bool {
        match stmt {
            Stmt::Return(stmt) => {
                returned.push(stmt.arg.as_ref().map_or(Value::Nothing, |value| self.value(value)));
                true
            }
            Stmt::Throw(_) => true,
            Stmt::Block(block) => self.returns(&block.stmts, returned),
            Stmt::Labeled(labeled) => {
                self.returns_of(&labeled.body, returned);
                false
            }
            Stmt::If(branch) => match self.value(&branch.test).truthy() {
                Some(true) => self.returns_of(&branch.cons, returned),
                Some(false) => branch.alt.as_ref().is_some_and(|alt| self.returns_of(alt, returned)),
                None => {
                    let cons = self.returns_of(&branch.cons, returned);
                    let alt = branch.alt.as_ref().is_some_and(|alt| self.returns_of(alt, returned));
                    cons && alt
                }
            },
            Stmt::Switch(switch) => {
                for case in &switch.cases {
                    self.returns(&case.cons, returned);
                }
                false
            }
            Stmt::Try(attempt) => {
                let block = self.returns(&attempt.block.stmts, returned);
                let handled = match &attempt.handler {
                    Some(handler) => self.returns(&handler.body.stmts, returned),
                    None => true,
                };
                let last = attempt.finalizer.as_ref().is_some_and(|block| self.returns(&block.stmts, returned));
                last || (block && handled)
            }
            Stmt::While(stmt) => self.loop_body(&stmt.body, returned),
            Stmt::DoWhile(stmt) => self.loop_body(&stmt.body, returned),
            Stmt::For(stmt) => self.loop_body(&stmt.body, returned),
            Stmt::ForIn(stmt) => self.loop_body(&stmt.body, returned),
            Stmt::ForOf(stmt) => self.loop_body(&stmt.body, returned),
            _ => false,
        }
    }

    fn loop_body(&mut self, body: &'a Stmt, returned: &mut Vec<Value<'a>>) -> bool {
        self.returns_of(body, returned);
        false
    }
}

fn exported(name: &ModuleExportName) -> String {
    match name {
        ModuleExportName::Ident(name) => name.sym.to_string(),
        ModuleExportName::Str(name) => name.value.to_string_lossy().into_owned(),
    }
}

fn bound_names_of<'p>(var: &'p VarDecl, found: &mut impl FnMut(&'p Ident)) {
    var.decls.iter().for_each(|declarator| bound_names(&declarator.name, found));
}

/// The name of a property that is written out.
fn plain_key(key: &PropName) -> Option<String> {
    match key {
        PropName::Ident(name) => Some(name.sym.to_string()),
        PropName::Str(name) => name.value.as_str().map(str::to_owned),
        PropName::Num(_) | PropName::Computed(_) | PropName::BigInt(_) => None,
    }
}

/// Why a part of a text is not known.
fn no_text<'a>(part: &Value<'a>, whole: Span) -> Value<'a> {
    match part.opaque() {
        unknown @ Value::Unknown { .. } => unknown,
        _ => Value::unknown(whole, "a part of it is not known"),
    }
}

/// The start of a text, for a message.
fn one_line(text: &str) -> String {
    const SHOWN: usize = 40;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN { line } else { line.chars().take(SHOWN).chain(['…']).collect() }
}
