//! What a file asks for while it runs: `require()`, awaited `import()`, and loader hooks that it registers. Text in, plain
//! data out.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use swc_core::{
    atoms::Atom,
    common::{BytePos, FileName, SourceFile, sync::Lrc},
    ecma::{
        ast::{
            ArrowExpr, AwaitExpr, BinExpr, BinaryOp, CallExpr, Callee, ClassProp, CondExpr, Constructor, EsVersion,
            Expr, Function, GetterProp, IfStmt, ImportDecl, ImportSpecifier, Lit, MemberProp, ModuleExportName,
            NewExpr, OptChainExpr, Pat, PrivateProp, Program, SetterProp, Stmt, Str, SwitchStmt, TryStmt,
            VarDeclarator,
        },
        parser::{EsSyntax, Lexer, Parser, StringInput, Syntax},
        visit::{Visit, VisitWith},
    },
};

use crate::{
    error::SyntaxError,
    nesting::stack_needed,
    parse::record,
    position::BYTE_ORDER_MARK,
    record::{ModuleRecord, Span, StringLiteral},
    syntax::{ModuleSyntax, guarded, span, syntax_error, with_module},
};

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileGoal {
    /// An ES module.
    Module,
    /// CommonJS: the body of a function.
    CommonJs,
}

/// How a file asks for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestMeans {
    /// `require("x")`
    Require,
    /// `await import("x")`
    Import,
    /// `register("x", …)` or `register(new URL("./x.mjs", import.meta.url))` of `node:module`: loader hooks.
    Register,
}

/// A literal by which a file asks for another one while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTimeRequest {
    /// The specifier.
    pub specifier: StringLiteral,
    /// How it is requested.
    pub means: RequestMeans,
    /// Whether loading this file runs the request whatever happens, and ends when it fails: it stands in no function, no
    /// condition and no `try`.
    pub always: bool,
}

/// The requests of a file that are made while it runs, in source order; none for a text that cannot be read.
///
/// ```
/// use presentry_parser::{FileGoal, run_time_requests};
/// let text = "const a = require('a'); try { require('b') } catch {}";
/// let requests = run_time_requests(text, FileGoal::CommonJs);
/// assert_eq!(requests[0].specifier.value, "a");
/// assert!(requests[0].always);
/// assert!(!requests[1].always);
/// ```
#[must_use]
pub fn run_time_requests(text: &str, goal: FileGoal) -> Vec<RunTimeRequest> {
    let Some(stack) = stack_needed(text).filter(|_| text.len() < u32::MAX as usize) else { return Vec::new() };
    let run = || catch_unwind(AssertUnwindSafe(|| read(text, goal)));
    stacker::maybe_grow(stack, stack, run).unwrap_or_default()
}

/// The record of an ES module, as [`parse`](crate::parse) gives it, with what it requests while it runs, by reading it once.
///
/// ```
/// use presentry_parser::module_requests;
/// let (record, requests, errors) = module_requests("import 'a'; await import('b');");
/// assert_eq!(record.requested_modules.len(), 1);
/// assert_eq!(requests[0].specifier.value, "b");
/// assert!(errors.is_empty());
/// ```
#[must_use]
pub fn module_requests(text: &str) -> (ModuleRecord, Vec<RunTimeRequest>, Vec<SyntaxError>) {
    let (read, errors) = with_module(text, |module| {
        let (record, errors) = record(text, module);
        ((record, requests_in(module)), errors)
    });
    let empty =
        || (ModuleRecord { byte_order_mark: text.starts_with(BYTE_ORDER_MARK), ..ModuleRecord::default() }, vec![]);
    let (record, requests) = read.unwrap_or_else(empty);
    (record, requests, errors)
}

fn read(text: &str, goal: FileGoal) -> Vec<RunTimeRequest> {
    parsed(text, goal).map(|program| requests_in(&program)).unwrap_or_default()
}

/// Why Node would not run a text as CommonJS; `None` where it would.
///
/// ```
/// use presentry_parser::commonjs_error;
/// assert!(commonjs_error("with (Math) exports.a = max(1, 2); return").is_none());
/// assert!(commonjs_error("export const a = 1").is_some());
/// ```
#[must_use]
pub fn commonjs_error(text: &str) -> Option<SyntaxError> {
    guarded(text, ModuleSyntax::JavaScript, 1, || parsed(text, FileGoal::CommonJs).err()).unwrap_or_else(Some)
}

fn parsed(text: &str, goal: FileGoal) -> Result<Program, SyntaxError> {
    let code = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let name = Lrc::new(FileName::Anon);
    let start = BytePos(if code.len() < text.len() { 4 } else { 1 });
    let file = SourceFile::new(name.clone(), false, name, code.to_owned().into(), start);
    let syntax = Syntax::Es(EsSyntax {
        import_attributes: true,
        explicit_resource_management: true,
        allow_return_outside_function: goal == FileGoal::CommonJs,
        ..EsSyntax::default()
    });
    let lexer = Lexer::new(syntax, EsVersion::latest(), StringInput::from(&file), None);
    let mut parser = Parser::new_from(lexer);
    let program = match goal {
        FileGoal::Module => parser.parse_module().map(Program::Module),
        FileGoal::CommonJs => parser.parse_commonjs().map(Program::Script),
    };
    program.map_err(|error| syntax_error(text, &error, true))
}

/// The requests in a tree.
pub(crate) fn requests_in(tree: &impl VisitWith<Reader>) -> Vec<RunTimeRequest> {
    let mut reader = Reader::default();
    tree.visit_with(&mut reader);
    reader.requests
}

#[derive(Default)]
pub(crate) struct Reader {
    requests: Vec<RunTimeRequest>,
    /// The names that stand for functions of `node:module`, and for what `createRequire` gives.
    named: HashMap<Atom, Named>,
    /// How many functions the visitor is in that run later, if at all.
    functions: usize,
    /// How many conditions, loops and `try` statements it is in.
    conditions: usize,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    /// `createRequire`
    Creates,
    /// `require`
    Requires,
    /// `register`
    Registers,
}

impl Named {
    /// What a name stands for that is not bound to something here: of a file that names `node:module` it is its.
    fn by_itself(name: &str) -> Option<Self> {
        match name {
            "createRequire" => Some(Self::Creates),
            "require" => Some(Self::Requires),
            "register" => Some(Self::Registers),
            _ => None,
        }
    }
}

impl Reader {
    /// What is called, as far as it requests files.
    fn named(&self, callee: &Expr) -> Option<Named> {
        match callee {
            Expr::Ident(name) => self.named.get(&name.sym).copied().or_else(|| Named::by_itself(&name.sym)),
            Expr::Member(member) => match &member.prop {
                // `a.require()` may be anything.
                MemberProp::Ident(name) => Named::by_itself(&name.sym).filter(|named| *named != Named::Requires),
                _ => None,
            },
            Expr::Call(_) => self.is_require(callee).then_some(Named::Requires),
            _ => None,
        }
    }

    /// Whether an expression is `createRequire(…)`. What is called is no call itself: of a long chain of them each would be
    /// followed to its start.
    fn is_require(&self, expression: &Expr) -> bool {
        let Expr::Call(call) = expression else { return false };
        let callee = call.callee.as_expr().filter(|callee| !callee.is_call());
        callee.is_some_and(|callee| self.named(callee) == Some(Named::Creates))
    }

    fn add(&mut self, literal: &Str, means: RequestMeans) {
        let Span { start, end } = span(literal.span);
        let value = literal.value.to_string_lossy().into_owned();
        let always = self.functions == 0 && self.conditions == 0;
        self.requests.push(RunTimeRequest {
            specifier: StringLiteral { span: Span { start, end }, value },
            means,
            always,
        });
    }

    fn later(&mut self, node: &impl VisitWith<Self>) {
        self.functions += 1;
        node.visit_children_with(self);
        self.functions -= 1;
    }

    fn perhaps(&mut self, node: &impl VisitWith<Self>) {
        self.conditions += 1;
        node.visit_with(self);
        self.conditions -= 1;
    }

    fn perhaps_children(&mut self, node: &impl VisitWith<Self>) {
        self.conditions += 1;
        node.visit_children_with(self);
        self.conditions -= 1;
    }
}

impl Visit for Reader {
    fn visit_import_decl(&mut self, node: &ImportDecl) {
        if !matches!(node.src.value.as_str(), Some("node:module" | "module")) {
            return;
        }
        for specifier in node.specifiers.iter().filter_map(ImportSpecifier::as_named) {
            let imported = match &specifier.imported {
                Some(ModuleExportName::Ident(name)) => &name.sym,
                Some(ModuleExportName::Str(_)) => continue,
                None => &specifier.local.sym,
            };
            self.named.extend(Named::by_itself(imported).map(|named| (specifier.local.sym.clone(), named)));
        }
    }

    fn visit_var_declarator(&mut self, node: &VarDeclarator) {
        if let (Pat::Ident(name), Some(value)) = (&node.name, &node.init)
            && self.functions == 0
            && self.is_require(value)
        {
            self.named.insert(name.sym.clone(), Named::Requires);
        }
        node.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        let first = call.args.first().filter(|argument| argument.spread.is_none()).map(|argument| &*argument.expr);
        if let (Callee::Expr(callee), Some(first)) = (&call.callee, first) {
            match (self.named(callee), first) {
                (Some(Named::Requires), Expr::Lit(Lit::Str(literal))) => self.add(literal, RequestMeans::Require),
                (Some(Named::Registers), first) => {
                    if let Some(literal) = hook_file(first) {
                        self.add(literal, RequestMeans::Register);
                    }
                }
                _ => {}
            }
        }
        call.visit_children_with(self);
    }

    fn visit_await_expr(&mut self, expression: &AwaitExpr) {
        if let Expr::Call(call) = &*expression.arg
            && matches!(call.callee, Callee::Import(_))
            && let Some(Expr::Lit(Lit::Str(literal))) = call.args.first().map(|argument| &*argument.expr)
        {
            self.add(literal, RequestMeans::Import);
        }
        expression.visit_children_with(self);
    }

    fn visit_function(&mut self, node: &Function) {
        self.later(node);
    }

    fn visit_arrow_expr(&mut self, node: &ArrowExpr) {
        self.later(node);
    }

    fn visit_constructor(&mut self, node: &Constructor) {
        self.later(node);
    }

    fn visit_getter_prop(&mut self, node: &GetterProp) {
        self.later(node);
    }

    fn visit_setter_prop(&mut self, node: &SetterProp) {
        self.later(node);
    }

    fn visit_class_prop(&mut self, node: &ClassProp) {
        if node.is_static { node.visit_children_with(self) } else { self.later(node) }
    }

    fn visit_private_prop(&mut self, node: &PrivateProp) {
        if node.is_static { node.visit_children_with(self) } else { self.later(node) }
    }

    fn visit_try_stmt(&mut self, node: &TryStmt) {
        self.perhaps_children(node);
    }

    fn visit_if_stmt(&mut self, node: &IfStmt) {
        node.test.visit_with(self);
        self.perhaps(&node.cons);
        if let Some(alternative) = &node.alt {
            self.perhaps(alternative);
        }
    }

    fn visit_cond_expr(&mut self, node: &CondExpr) {
        node.test.visit_with(self);
        self.perhaps(&node.cons);
        self.perhaps(&node.alt);
    }

    fn visit_bin_expr(&mut self, node: &BinExpr) {
        node.left.visit_with(self);
        match node.op {
            BinaryOp::LogicalAnd | BinaryOp::LogicalOr | BinaryOp::NullishCoalescing => self.perhaps(&node.right),
            _ => node.right.visit_with(self),
        }
    }

    fn visit_opt_chain_expr(&mut self, node: &OptChainExpr) {
        self.perhaps_children(node);
    }

    fn visit_switch_stmt(&mut self, node: &SwitchStmt) {
        node.discriminant.visit_with(self);
        node.cases.iter().for_each(|case| self.perhaps(case));
    }

    fn visit_stmt(&mut self, node: &Stmt) {
        match node {
            Stmt::For(_) | Stmt::ForIn(_) | Stmt::ForOf(_) | Stmt::While(_) | Stmt::Labeled(_) => {
                self.perhaps_children(node);
            }
            _ => node.visit_children_with(self),
        }
    }
}

/// `"x"`, `new URL("./x.mjs", import.meta.url)`, or either with `.href` or in a call of `String`.
fn hook_file(argument: &Expr) -> Option<&Str> {
    match argument {
        Expr::Lit(Lit::Str(literal)) => Some(literal),
        Expr::New(NewExpr { callee, args: Some(arguments), .. }) if callee.is_ident_ref_to("URL") => {
            let url = arguments.first().map(|argument| &*argument.expr)?;
            arguments.get(1)?;
            hook_file(url)
        }
        Expr::Member(member) if matches!(&member.prop, MemberProp::Ident(name) if &*name.sym == "href") => {
            hook_file(&member.obj)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(goal: FileGoal, text: &str, expected: &[(&str, RequestMeans, bool)]) {
        let found = run_time_requests(text, goal);
        for request in &found {
            let literal = request.specifier.span.of(text);
            assert_eq!(&literal[1..literal.len() - 1], request.specifier.value);
        }
        let found: Vec<_> =
            found.iter().map(|request| (&*request.specifier.value, request.means, request.always)).collect();
        assert_eq!(found, expected, "{text}");
    }

    use FileGoal::{CommonJs, Module};
    use RequestMeans::{Import, Register, Require};

    #[test]
    fn requires_that_always_run() {
        for text in [
            "const a = require('a');",
            "\u{feff}module.exports = require('a').b;",
            "#!/usr/bin/env node\nrequire('a');",
            "__exportStar(require(\"a\"), exports);",
            "var b = _interop(require('a')), c;",
            "return require('a');",
            "with (b) {}; var package; require('a');",
            "class A { static b = require('a'); static { } }",
            "if (require('a').b) {}",
            "require('a') || b;",
        ] {
            check(CommonJs, text, &[("a", Require, true)]);
        }
    }

    #[test]
    fn requires_of_modules() {
        for text in [
            "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); require('a');",
            "import o,{createRequire as s}from\"module\";const f=s(import.meta.url),r=f(\"a\");r.init();",
            "import m from 'node:module'; m.createRequire(import.meta.url)('a');",
            "const { createRequire } = process.getBuiltinModule('module'); createRequire(import.meta.url)('a').init();",
        ] {
            check(Module, text, &[("a", Require, true)]);
        }
        check(Module, "import { x as s } from 'node:module'; const f = s(import.meta.url); f('a');", &[]);
        check(Module, "import { createRequire as s } from 'other'; const f = s(import.meta.url); f('a');", &[]);
        check(Module, "import { createRequire } from 'module'; createRequire(import.meta.url)()('a');", &[]);
        check(Module, "function g(createRequire) { const f = createRequire(u); } f('a');", &[]);
    }

    #[test]
    fn requires_that_may_not_run() {
        for text in [
            "function f() { return require('a'); }",
            "try { require('a') } catch {}",
            "if (b) require('a'); ",
            "b ? require('a') : 0;",
            "b && require('a');",
            "const f = () => require('a');",
            "Object.defineProperty(exports, 'b', { get: function () { return require('a'); } });",
            "const b = { get c() { return require('a') } };",
            "class A { b = require('a') }",
            "for (;;) { require('a') }",
            "switch (b) { case 1: require('a') }",
            "while (b) require('a');",
        ] {
            check(CommonJs, text, &[("a", Require, false)]);
        }
    }

    #[test]
    fn what_is_no_request() {
        for text in
            ["require(a);", "a.require('b');", "// require('a')", "'require(\"a\")'", "require.resolve('a')", "{"]
        {
            check(CommonJs, text, &[]);
        }
    }

    #[test]
    fn awaited_imports() {
        check(Module, "const a = await import('a');", &[("a", Import, true)]);
        check(Module, "try { await import('a') } catch {}", &[("a", Import, false)]);
        check(Module, "import('a').catch(() => {});", &[]);
    }

    #[test]
    fn loader_hooks() {
        for (text, specifier) in [
            ("import { register } from 'node:module'; register('a/hook.mjs', import.meta.url);", "a/hook.mjs"),
            ("import * as m from 'module'; function f() { m.register(\"a/hook.mjs\", u); }", "a/hook.mjs"),
            ("import { register as r } from 'node:module'; r('a/hook.mjs', import.meta.url);", "a/hook.mjs"),
            ("register(new URL('./hook.mjs', import.meta.url));", "./hook.mjs"),
            ("register(new URL('./hook.mjs', import.meta.url).href);", "./hook.mjs"),
        ] {
            let always = !text.contains("function");
            check(Module, text, &[(specifier, Register, always)]);
        }
        check(Module, "register(specifier, { parentURL });", &[]);
    }
}
