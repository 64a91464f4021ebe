//! Functions and classes: their bodies as steps, kept in lists of their own.

use swc_core::ecma::ast::{
    ArrowExpr, ArrowFunctionBody, Class as SwcClass, ClassMember, Expr, Function as SwcFunction, Ident, Key,
    MethodKind, ParamOrTsParamProp, Pat, Stmt,
};

use super::{
    Class, ClassId, Function, FunctionId, Member, MemberKind, Name, Pattern, SlotId, Step, declare::Declared,
    lower::Lowering,
};
use crate::{parse::bound_names, record::Span, syntax::span};

/// What is known of a function before its body is walked.
struct Head<'n> {
    at: Span,
    name: Option<&'n str>,
    is_async: bool,
    is_generator: bool,
    is_arrow: bool,
    is_method: bool,
    itself: Option<&'n Ident>,
}

impl<'n> Head<'n> {
    fn of(function: &SwcFunction, name: Option<&'n str>) -> Self {
        Self { name, is_async: function.is_async, is_generator: function.is_generator, ..Self::at(span(function.span)) }
    }

    fn at(at: Span) -> Self {
        Self { at, name: None, is_async: false, is_generator: false, is_arrow: false, is_method: false, itself: None }
    }
}

impl Lowering {
    pub(super) fn function(&mut self, function: &SwcFunction, name: Option<&str>) -> FunctionId {
        self.function_expression(function, name, None)
    }

    pub(super) fn function_expression(
        &mut self,
        function: &SwcFunction,
        name: Option<&str>,
        itself: Option<&Ident>,
    ) -> FunctionId {
        self.function_with(function, Head { itself, ..Head::of(function, name) })
    }

    /// A method, a getter or a setter.
    pub(super) fn method(&mut self, function: &SwcFunction, name: Option<&str>) -> FunctionId {
        self.function_with(function, Head { is_method: true, ..Head::of(function, name) })
    }

    fn function_with(&mut self, function: &SwcFunction, head: Head<'_>) -> FunctionId {
        let parameters: Vec<&Pat> = function.params.iter().map(|param| &param.pat).collect();
        let body = function.body.as_ref().map_or(&[][..], |body| &body.stmts);
        self.make(&head, &parameters, |this| this.body(body))
    }

    pub(super) fn arrow(&mut self, arrow: &ArrowExpr) -> FunctionId {
        let head = Head { is_async: arrow.is_async, is_arrow: true, ..Head::at(span(arrow.span)) };
        let parameters: Vec<&Pat> = arrow.params.iter().collect();
        self.make(&head, &parameters, |this| match &*arrow.body {
            ArrowFunctionBody::FunctionBody(body) => this.body(&body.stmts),
            ArrowFunctionBody::Expr(expr) => this.returned(expr),
        })
    }

    fn returned(&mut self, expr: &Expr) -> Vec<Step> {
        let value = self.expression(expr);
        vec![Step::Return { at: value.at, value: Some(value) }]
    }

    fn make(&mut self, head: &Head<'_>, parameters: &[&Pat], body: impl FnOnce(&mut Self) -> Vec<Step>) -> FunctionId {
        let id = self.functions.len();
        self.functions.push(None);
        self.locals.push(Vec::new());
        let outer_reads = std::mem::take(&mut self.reads_arguments);
        let itself = head.itself.map(|ident| self.declare(ident, Declared::Constant));
        for parameter in parameters {
            bound_names(parameter, &mut |name| {
                self.declare(name, Declared::Hoisted);
            });
        }
        let has_rest = matches!(parameters.last(), Some(Pat::Rest(_)));
        let parameters: Vec<Pattern> = parameters
            .iter()
            .map(|parameter| match parameter {
                Pat::Rest(rest) => self.pattern(&rest.arg),
                parameter => self.pattern(parameter),
            })
            .collect();
        let at = head.at;
        let body = self.deeper(|| vec![Step::Evaluate(Self::opaque(at))], body);
        let locals: Vec<SlotId> = self.locals.pop().unwrap_or_default();
        let reads_arguments = self.reads_arguments;
        self.reads_arguments = outer_reads || head.is_arrow && reads_arguments;
        self.functions[id] = Some(Function {
            at: head.at,
            name: head.name.map(str::to_owned),
            is_async: head.is_async,
            is_generator: head.is_generator,
            is_arrow: head.is_arrow,
            is_method: head.is_method,
            reads_arguments,
            itself,
            parameters,
            has_rest,
            locals,
            body,
        });
        id
    }

    /// Code of a class that runs as a function without parameters does.
    fn initialiser(&mut self, at: Span, body: impl FnOnce(&mut Self) -> Vec<Step>) -> FunctionId {
        self.make(&Head::at(at), &[], body)
    }

    pub(super) fn class(&mut self, class: &SwcClass, itself: Option<&Ident>) -> ClassId {
        let id = self.classes.len();
        self.classes.push(None);
        let itself = itself.map(|ident| self.declare(ident, Declared::Lexical));
        // In its own text, the name of a class is a constant.
        let outside = itself.map(|slot| (slot, std::mem::replace(&mut self.slots[slot].constant, true)));
        let parent = class.super_class.as_ref().map(|parent| self.expression(parent));
        let mut constructor = None;
        let mut members = Vec::new();
        for member in &class.body {
            match member {
                ClassMember::Constructor(written) => {
                    let head = Head { name: Some("constructor"), ..Head::at(span(written.span)) };
                    let parameters: Vec<&Pat> = written
                        .params
                        .iter()
                        .filter_map(|param| match param {
                            ParamOrTsParamProp::Param(param) => Some(&param.pat),
                            ParamOrTsParamProp::TsParamProp(_) => None,
                        })
                        .collect();
                    let body: &[Stmt] = written.body.as_ref().map_or(&[][..], |body| &body.stmts);
                    constructor = Some(self.make(&head, &parameters, |this| this.body(body)));
                }
                ClassMember::Method(method) => {
                    let name = self.property_name(&method.key);
                    let text = known(&name);
                    let function = self.method(&method.function, text.as_deref());
                    let kind = member_kind(method.kind, function);
                    members.push(Member { name, is_static: method.is_static, kind });
                }
                ClassMember::PrivateMethod(method) => {
                    let name = Name::Known(format!("#{}", method.key.name));
                    let text = known(&name);
                    let function = self.method(&method.function, text.as_deref());
                    let kind = member_kind(method.kind, function);
                    members.push(Member { name, is_static: method.is_static, kind });
                }
                ClassMember::ClassProp(field) => {
                    let name = self.property_name(&field.key);
                    let value = field.value.as_deref();
                    members.push(self.field(name, field.is_static, span(field.span), value));
                }
                ClassMember::PrivateProp(field) => {
                    let name = Name::Known(format!("#{}", field.key.name));
                    let value = field.value.as_deref();
                    members.push(self.field(name, field.is_static, span(field.span), value));
                }
                ClassMember::AutoAccessor(field) => {
                    let name = match &field.key {
                        Key::Private(name) => Name::Known(format!("#{}", name.name)),
                        Key::Public(name) => self.property_name(name),
                    };
                    let value = field.value.as_deref();
                    members.push(self.field(name, field.is_static, span(field.span), value));
                }
                ClassMember::StaticBlock(block) => {
                    let function = self.initialiser(span(block.span), |this| this.body(&block.body.stmts));
                    let name = Name::Known(String::new());
                    members.push(Member { name, is_static: true, kind: MemberKind::Block(function) });
                }
                ClassMember::TsIndexSignature(_) | ClassMember::Empty(_) => {}
            }
        }
        if let Some((slot, is_constant)) = outside {
            self.slots[slot].constant = is_constant;
        }
        self.classes[id] = Some(Class { at: span(class.span), itself, parent, constructor, members });
        id
    }

    fn field(&mut self, name: Name, is_static: bool, at: Span, value: Option<&Expr>) -> Member {
        let value = value.map(|value| self.initialiser(at, |this| this.returned(value)));
        Member { name, is_static, kind: MemberKind::Field(value) }
    }
}

fn member_kind(kind: MethodKind, function: FunctionId) -> MemberKind {
    match kind {
        MethodKind::Method => MemberKind::Method(function),
        MethodKind::Getter => MemberKind::Getter(function),
        MethodKind::Setter => MemberKind::Setter(function),
    }
}

fn known(name: &Name) -> Option<String> {
    match name {
        Name::Known(name) => Some(name.clone()),
        Name::Computed(_) => None,
    }
}
