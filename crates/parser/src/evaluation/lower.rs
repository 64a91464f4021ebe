//! Makes the steps of a module from the syntax tree: the state that the parts share, and the module's own items.

use std::collections::{BTreeMap, HashMap, HashSet};

use swc_core::{
    common::SyntaxContext,
    ecma::ast::{DefaultDecl, Id, Ident, ImportSpecifier, Module, ModuleDecl, ModuleItem, Stmt},
};

use super::{
    Class, Evaluation, Expression, ExpressionKind, Function, FunctionId, Pattern, Slot, SlotId, Step, declare::Declared,
};
use crate::{
    names::{Names, with_names},
    record::Span,
    syntax::{ModuleSyntax, span},
};

/// Code that is nested deeper is opaque. Nobody writes it by hand, and who walks the steps must not run out of stack.
const DEEPEST: usize = 120;

/// The name of the binding that an anonymous default export makes, as in the specification.
const DEFAULT: &str = "*default*";

/// Gives the steps of an ES module. A text with errors gives none.
///
/// Names are resolved by scope, and `import` of the same name in two modules is told apart by the slots' numbers.
///
/// ```
/// use presentry_parser::{ExpressionKind, Step, evaluation};
///
/// let module = evaluation("import { init } from '@sentry/node'; if (process.env.DSN) init({});").unwrap();
/// let Step::If { test, then, .. } = &module.body[0] else { panic!() };
/// assert_eq!(then.len(), 1);
/// assert!(matches!(test.kind, ExpressionKind::Member { .. }));
/// ```
#[must_use]
pub fn evaluation(text: &str) -> Option<Evaluation> {
    let (read, errors) = with_names(text, ModuleSyntax::JavaScript, |module, resolved| {
        let mut lowering = Lowering::new(resolved);
        let body = lowering.module(module);
        (lowering.finish(body), Vec::new())
    });
    read.filter(|_| errors.is_empty())
}

/// What is gathered while a tree is walked.
pub(super) struct Lowering {
    resolved: Names,
    pub(super) slots: Vec<Slot>,
    by_id: HashMap<Id, SlotId>,
    names: BTreeMap<String, SlotId>,
    pub(super) functions: Vec<Option<Function>>,
    pub(super) classes: Vec<Option<Class>>,
    /// The bindings of each function that is open, the module first.
    pub(super) locals: Vec<Vec<SlotId>>,
    declared: HashSet<SlotId>,
    pub(super) depth: usize,
    pub(super) has_opaque: bool,
    /// Whether the function that is open has read `arguments` so far.
    pub(super) reads_arguments: bool,
}

impl Lowering {
    fn new(resolved: Names) -> Self {
        Self {
            resolved,
            slots: Vec::new(),
            by_id: HashMap::new(),
            names: BTreeMap::new(),
            functions: Vec::new(),
            classes: Vec::new(),
            locals: vec![Vec::new()],
            declared: HashSet::new(),
            depth: 0,
            has_opaque: false,
            reads_arguments: false,
        }
    }

    fn finish(mut self, body: Vec<Step>) -> Evaluation {
        Evaluation {
            body,
            functions: self.functions.into_iter().flatten().collect(),
            classes: self.classes.into_iter().flatten().collect(),
            slots: self.slots,
            names: self.names,
            locals: self.locals.pop().unwrap_or_default(),
            has_opaque: self.has_opaque,
        }
    }

    // Names.

    /// The binding that a name means; `None` where nothing declares it.
    pub(super) fn slot(&mut self, ident: &Ident) -> Option<SlotId> {
        if self.resolved.is_global(ident) {
            return None;
        }
        Some(self.slot_of(&ident.sym, ident.ctxt))
    }

    fn slot_of(&mut self, name: &swc_core::atoms::Atom, context: SyntaxContext) -> SlotId {
        let next = self.slots.len();
        let slot = *self.by_id.entry((name.clone(), context)).or_insert(next);
        if slot == next {
            self.slots.push(Slot { name: name.to_string(), hoisted: false, reassigned: false, constant: false });
        }
        slot
    }

    /// A binding without a name in the text.
    pub(super) fn unnamed(&mut self, name: &str) -> SlotId {
        self.slots.push(Slot { name: name.to_owned(), hoisted: true, reassigned: false, constant: false });
        let slot = self.slots.len() - 1;
        self.own(slot);
        slot
    }

    /// Says that the function which is open declares a name.
    pub(super) fn declare(&mut self, ident: &Ident, declared: Declared) -> SlotId {
        let slot = self.slot_of(&ident.sym, ident.ctxt);
        self.slots[slot].hoisted |= declared == Declared::Hoisted;
        self.slots[slot].constant |= declared == Declared::Constant;
        self.own(slot);
        slot
    }

    fn own(&mut self, slot: SlotId) {
        if self.declared.insert(slot)
            && let Some(locals) = self.locals.last_mut()
        {
            locals.push(slot);
        }
    }

    pub(super) fn reassign(&mut self, slot: SlotId) {
        self.slots[slot].reassigned = true;
    }

    // Depth.

    /// Runs one step of the descent; what would be deeper than anybody writes is opaque.
    pub(super) fn deeper<T>(&mut self, opaque: impl FnOnce() -> T, step: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= DEEPEST {
            self.has_opaque = true;
            return opaque();
        }
        self.depth += 1;
        let value = step(self);
        self.depth -= 1;
        value
    }

    pub(super) fn opaque(at: Span) -> Expression {
        Expression { at, kind: ExpressionKind::Opaque }
    }

    // The module.

    fn module(&mut self, module: &Module) -> Vec<Step> {
        for item in &module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::Import(import)) => {
                    for specifier in &import.specifiers {
                        let local = match specifier {
                            ImportSpecifier::Named(named) => &named.local,
                            ImportSpecifier::Default(default) => &default.local,
                            ImportSpecifier::Namespace(namespace) => &namespace.local,
                        };
                        let slot = self.declare(local, Declared::Constant);
                        self.names.insert(local.sym.to_string(), slot);
                    }
                }
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => self.declare_top(&export.decl),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => match &export.decl {
                    DefaultDecl::Fn(function) => self.declare_default(function.ident.as_ref()),
                    DefaultDecl::Class(class) => self.declare_default(class.ident.as_ref()),
                    DefaultDecl::TsInterfaceDecl(_) => {}
                },
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultExpr(_)) => self.declare_default(None),
                ModuleItem::Stmt(Stmt::Decl(decl)) => self.declare_top(decl),
                ModuleItem::ModuleDecl(_) | ModuleItem::Stmt(_) => {}
            }
        }
        let mut steps = Vec::new();
        for item in &module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => self.hoist_function(&export.decl, &mut steps),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                    if let DefaultDecl::Fn(function) = &export.decl {
                        let id = self.function(&function.function, function.ident.as_ref().map(|ident| &*ident.sym));
                        let target = self.default_slot(function.ident.as_ref());
                        steps.push(bind_function(target, id, span(function.function.span)));
                    }
                }
                ModuleItem::Stmt(Stmt::Decl(decl)) => self.hoist_function(decl, &mut steps),
                ModuleItem::ModuleDecl(_) | ModuleItem::Stmt(_) => {}
            }
        }
        for item in &module.body {
            match item {
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => self.declaration(&export.decl, &mut steps),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultDecl(export)) => {
                    if let DefaultDecl::Class(class) = &export.decl {
                        let id = self.class(&class.class, class.ident.as_ref());
                        let at = span(class.class.span);
                        let target = Pattern::Slot(self.default_slot(class.ident.as_ref()));
                        steps.push(Step::Bind { target, value: Expression { at, kind: ExpressionKind::Class(id) } });
                    }
                }
                ModuleItem::ModuleDecl(ModuleDecl::ExportDefaultExpr(export)) => {
                    let value = self.expression(&export.expr);
                    let target = Pattern::Slot(self.default_slot(None));
                    steps.push(Step::Bind { target, value });
                }
                ModuleItem::ModuleDecl(_) => {}
                ModuleItem::Stmt(stmt) => self.statement(stmt, &mut steps),
            }
        }
        steps
    }

    fn declare_top(&mut self, decl: &swc_core::ecma::ast::Decl) {
        for (ident, declared) in super::declare::names(decl) {
            let slot = self.declare(ident, declared);
            self.names.insert(ident.sym.to_string(), slot);
        }
    }

    fn declare_default(&mut self, ident: Option<&Ident>) {
        match ident {
            Some(ident) => {
                let slot = self.declare(ident, Declared::Lexical);
                self.names.insert(ident.sym.to_string(), slot);
            }
            None => {
                let slot = self.unnamed(DEFAULT);
                self.slots[slot].hoisted = false;
                self.names.insert(DEFAULT.to_owned(), slot);
            }
        }
    }

    fn default_slot(&mut self, ident: Option<&Ident>) -> SlotId {
        match ident {
            Some(ident) => self.declare(ident, Declared::Lexical),
            None => self.names.get(DEFAULT).copied().unwrap_or_default(),
        }
    }
}

pub(super) fn bind_function(slot: SlotId, id: FunctionId, at: Span) -> Step {
    Step::Bind { target: Pattern::Slot(slot), value: Expression { at, kind: ExpressionKind::Function(id) } }
}
