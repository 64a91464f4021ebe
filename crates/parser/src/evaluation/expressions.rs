//! Expressions and patterns.

use swc_core::{
    common::Spanned,
    ecma::ast::{
        AssignExpr, AssignOp, AssignTarget, AssignTargetPat, BinExpr, BinaryOp, Callee, Expr, ExprOrSpread, Ident, Lit,
        MemberProp, MetaPropKind, ObjectPatProp, OptChainBase, Pat, Prop, PropName, PropOrSpread, SimpleAssignTarget,
        Str, SuperProp, Tpl, UnaryOp,
    },
};

use super::{
    Argument, Assignment, Expression, ExpressionKind as Kind, Logical, Name, Numeral, Pattern, Property,
    lower::Lowering,
};
use crate::syntax::span;

impl Lowering {
    pub(super) fn expression(&mut self, expr: &Expr) -> Expression {
        let at = span(expr.span());
        let kind = self.deeper(|| Kind::Opaque, |this| this.kind(expr));
        Expression { at, kind }
    }

    fn boxed(&mut self, expr: &Expr) -> Box<Expression> {
        Box::new(self.expression(expr))
    }

    fn kind(&mut self, expr: &Expr) -> Kind {
        match expr {
            Expr::This(_) => Kind::This,
            Expr::Paren(paren) => self.kind(&paren.expr),
            Expr::Ident(ident) => self.name(ident),
            Expr::Lit(literal) => literal_kind(literal),
            Expr::Array(array) => Kind::Array(
                array
                    .elems
                    .iter()
                    .map(|element| match element {
                        Some(element) => self.argument(element),
                        // Callbacks leave a hole out, so it is as a spread whose elements are not known.
                        None => Argument {
                            is_spread: true,
                            value: Expression { at: span(array.span), kind: Kind::Text(String::new()) },
                        },
                    })
                    .collect(),
            ),
            Expr::Object(object) => Kind::Object(object.props.iter().map(|prop| self.property(prop)).collect()),
            Expr::Fn(function) => {
                let name = function.ident.as_ref().map(|ident| ident.sym.to_string());
                Kind::Function(self.function_expression(&function.function, name.as_deref(), function.ident.as_ref()))
            }
            Expr::Arrow(arrow) => Kind::Function(self.arrow(arrow)),
            Expr::Class(class) => Kind::Class(self.class(&class.class, class.ident.as_ref())),
            Expr::Unary(unary) => match unary.op {
                UnaryOp::Bang => Kind::Not(self.boxed(&unary.arg)),
                UnaryOp::TypeOf => Kind::TypeOf(self.boxed(&unary.arg)),
                UnaryOp::Void => match &*unary.arg {
                    Expr::Lit(_) => Kind::Undefined,
                    operand => {
                        let at = span(unary.span);
                        Kind::Sequence(vec![self.expression(operand), undefined(at)])
                    }
                },
                UnaryOp::Delete if is_member(&unary.arg) => Kind::Delete(Box::new(self.deleted(&unary.arg))),
                UnaryOp::Minus | UnaryOp::Plus | UnaryOp::Tilde | UnaryOp::Delete => {
                    Kind::Operands(vec![self.expression(&unary.arg)])
                }
            },
            Expr::Update(update) => {
                let at = span(update.span);
                let target = Box::new(self.target_expression(&update.arg));
                let value = Box::new(Expression { at, kind: Kind::Number(Numeral { truth: true, value: None }) });
                Kind::Assign { target, assignment: Assignment::Arithmetic, value }
            }
            Expr::Bin(binary) => self.binary(binary),
            Expr::Assign(assign) => self.assignment(assign),
            Expr::Member(member) => {
                let object = self.boxed(&member.obj);
                let name = self.member_name(&member.prop);
                Kind::Member { object, name, optional: false }
            }
            Expr::SuperProp(member) => Kind::SuperMember(match &member.prop {
                SuperProp::Ident(name) => Name::Known(name.sym.to_string()),
                SuperProp::Computed(computed) => self.computed(&computed.expr),
            }),
            Expr::Cond(cond) => Kind::Conditional {
                test: self.boxed(&cond.test),
                then: self.boxed(&cond.cons),
                otherwise: self.boxed(&cond.alt),
            },
            Expr::Call(call) => match &call.callee {
                Callee::Super(_) => Kind::SuperCall(self.arguments(&call.args)),
                Callee::Import(_) => {
                    let at = span(call.span);
                    let specifier = call.args.first().filter(|first| first.spread.is_none());
                    Kind::Import(match specifier {
                        Some(specifier) => self.boxed(&specifier.expr),
                        None => Box::new(Self::opaque(at)),
                    })
                }
                Callee::Expr(callee) => {
                    let callee = self.boxed(callee);
                    Kind::Call { callee, arguments: self.arguments(&call.args), optional: false }
                }
            },
            Expr::New(new) => {
                let callee = self.boxed(&new.callee);
                let arguments = new.args.as_ref().map_or_else(Vec::new, |args| self.arguments(args));
                Kind::New { callee, arguments }
            }
            Expr::Seq(sequence) => Kind::Sequence(sequence.exprs.iter().map(|expr| self.expression(expr)).collect()),
            Expr::Tpl(template) => Kind::Concatenation(self.template(template)),
            Expr::TaggedTpl(tagged) => {
                let callee = self.boxed(&tagged.tag);
                let strings = Expression { at: span(tagged.tpl.span), kind: Kind::Array(Vec::new()) };
                let mut arguments = vec![Argument { is_spread: false, value: strings }];
                for expr in &tagged.tpl.exprs {
                    let value = self.expression(expr);
                    arguments.push(Argument { is_spread: false, value });
                }
                Kind::Call { callee, arguments, optional: false }
            }
            Expr::Yield(r#yield) => {
                let value = r#yield.arg.as_ref().map(|value| self.boxed(value));
                Kind::Yield { value, is_delegate: r#yield.delegate }
            }
            Expr::Await(r#await) => Kind::Await(self.boxed(&r#await.arg)),
            Expr::MetaProp(meta) => match meta.kind {
                MetaPropKind::ImportMeta => Kind::ImportMeta,
                MetaPropKind::NewTarget => Kind::NewTarget,
            },
            Expr::OptChain(chain) => {
                let at = span(chain.span);
                let inner = self.chain_kind(&chain.base, chain.optional);
                Kind::Chain(Box::new(Expression { at, kind: inner }))
            }
            Expr::PrivateName(_)
            | Expr::JSXElement(_)
            | Expr::JSXMember(_)
            | Expr::JSXNamespacedName(_)
            | Expr::JSXEmpty(_)
            | Expr::JSXFragment(_)
            | Expr::TsTypeAssertion(_)
            | Expr::TsConstAssertion(_)
            | Expr::TsNonNull(_)
            | Expr::TsAs(_)
            | Expr::TsInstantiation(_)
            | Expr::TsSatisfies(_)
            | Expr::Invalid(_) => {
                self.has_opaque = true;
                Kind::Opaque
            }
        }
    }

    /// The parts of `a?.b.c()` without a boundary of their own: an `?.` in them ends the whole.
    fn chain_kind(&mut self, base: &OptChainBase, optional: bool) -> Kind {
        match base {
            OptChainBase::Member(member) => {
                let object = Box::new(self.chain_part(&member.obj));
                let name = self.member_name(&member.prop);
                Kind::Member { object, name, optional }
            }
            OptChainBase::Call(call) => {
                let callee = Box::new(self.chain_part(&call.callee));
                Kind::Call { callee, arguments: self.arguments(&call.args), optional }
            }
        }
    }

    fn chain_part(&mut self, expr: &Expr) -> Expression {
        match expr {
            Expr::OptChain(chain) => {
                let at = span(chain.span);
                let kind = self.deeper(|| Kind::Opaque, |this| this.chain_kind(&chain.base, chain.optional));
                Expression { at, kind }
            }
            expr => self.expression(expr),
        }
    }

    fn name(&mut self, ident: &Ident) -> Kind {
        match self.slot(ident) {
            Some(slot) => Kind::Slot(slot),
            None if ident.sym == *"undefined" => Kind::Undefined,
            None => {
                self.reads_arguments |= ident.sym == *"arguments";
                Kind::Global(ident.sym.to_string())
            }
        }
    }

    fn binary(&mut self, binary: &BinExpr) -> Kind {
        let logical = match binary.op {
            BinaryOp::LogicalAnd => Some(Logical::And),
            BinaryOp::LogicalOr => Some(Logical::Or),
            BinaryOp::NullishCoalescing => Some(Logical::Nullish),
            _ => None,
        };
        if let Some(operator) = logical {
            let left = self.boxed(&binary.left);
            return Kind::Logical { operator, left, right: self.boxed(&binary.right) };
        }
        match binary.op {
            BinaryOp::EqEq | BinaryOp::EqEqEq | BinaryOp::NotEq | BinaryOp::NotEqEq => {
                let negated = matches!(binary.op, BinaryOp::NotEq | BinaryOp::NotEqEq);
                let loose = matches!(binary.op, BinaryOp::EqEq | BinaryOp::NotEq);
                let left = self.boxed(&binary.left);
                Kind::Equal { left, right: self.boxed(&binary.right), negated, loose }
            }
            BinaryOp::Lt | BinaryOp::LtEq | BinaryOp::Gt | BinaryOp::GtEq => {
                let left = self.boxed(&binary.left);
                let right = self.boxed(&binary.right);
                let or_equal = matches!(binary.op, BinaryOp::LtEq | BinaryOp::Gt);
                let negated = matches!(binary.op, BinaryOp::Gt | BinaryOp::GtEq);
                Kind::Less { left, right, or_equal, negated }
            }
            BinaryOp::In | BinaryOp::InstanceOf => {
                let left = match &*binary.left {
                    Expr::PrivateName(name) => Box::new(undefined(span(name.span))),
                    left => self.boxed(left),
                };
                Kind::Within { left, right: self.boxed(&binary.right) }
            }
            operator => {
                // A long sum leans to the left, and is walked in a loop.
                let mut operands = vec![self.expression(&binary.right)];
                let mut left = &*binary.left;
                while let Expr::Bin(inner) = left
                    && inner.op == operator
                {
                    operands.push(self.expression(&inner.right));
                    left = &inner.left;
                }
                operands.push(self.expression(left));
                operands.reverse();
                if operator == BinaryOp::Add { Kind::Concatenation(operands) } else { Kind::Operands(operands) }
            }
        }
    }

    fn template(&mut self, template: &Tpl) -> Vec<Expression> {
        let mut parts = Vec::new();
        for (index, quasi) in template.quasis.iter().enumerate() {
            let at = span(quasi.span);
            let text = quasi.cooked.as_ref().and_then(|text| text.as_str().map(str::to_owned));
            parts.push(Expression { at, kind: text.map_or(Kind::Operands(Vec::new()), Kind::Text) });
            if let Some(expr) = template.exprs.get(index) {
                parts.push(self.expression(expr));
            }
        }
        parts
    }

    fn assignment(&mut self, assign: &AssignExpr) -> Kind {
        let assignment = match assign.op {
            AssignOp::Assign => Assignment::Plain,
            AssignOp::AndAssign => Assignment::IfTrue,
            AssignOp::OrAssign => Assignment::IfFalse,
            AssignOp::NullishAssign => Assignment::IfNullish,
            _ => Assignment::Arithmetic,
        };
        let target = match &assign.left {
            AssignTarget::Simple(simple) => match simple {
                SimpleAssignTarget::Ident(ident) => self.target_name(&ident.id),
                SimpleAssignTarget::Member(member) => {
                    let object = self.boxed(&member.obj);
                    let name = self.member_name(&member.prop);
                    let kind = Kind::Member { object, name, optional: false };
                    Pattern::Member(Box::new(Expression { at: span(member.span), kind }))
                }
                SimpleAssignTarget::Paren(paren) => self.target_expression(&paren.expr),
                _ => Pattern::Opaque,
            },
            AssignTarget::Pat(AssignTargetPat::Array(array)) => {
                let pattern = Pat::Array(array.clone());
                self.assigned(&pattern)
            }
            AssignTarget::Pat(AssignTargetPat::Object(object)) => {
                let pattern = Pat::Object(object.clone());
                self.assigned(&pattern)
            }
            AssignTarget::Pat(AssignTargetPat::Invalid(_)) => Pattern::Opaque,
        };
        Kind::Assign { target: Box::new(target), assignment, value: self.boxed(&assign.right) }
    }

    fn target_name(&mut self, ident: &Ident) -> Pattern {
        match self.slot(ident) {
            Some(slot) => {
                self.reassign(slot);
                if self.slots[slot].constant { Pattern::Constant } else { Pattern::Slot(slot) }
            }
            None => Pattern::Global(ident.sym.to_string()),
        }
    }

    fn target_expression(&mut self, expr: &Expr) -> Pattern {
        match expr {
            Expr::Ident(ident) => self.target_name(ident),
            Expr::Paren(paren) => self.target_expression(&paren.expr),
            Expr::Member(_) => Pattern::Member(self.boxed(expr)),
            _ => Pattern::Opaque,
        }
    }

    /// A pattern on the left of an assignment.
    pub(super) fn assigned(&mut self, pattern: &Pat) -> Pattern {
        crate::parse::bound_names(pattern, &mut |name| {
            if let Some(slot) = self.slot(name) {
                self.reassign(slot);
            }
        });
        let mut pattern = self.pattern(pattern);
        self.forbid_constants(&mut pattern);
        pattern
    }

    fn forbid_constants(&self, pattern: &mut Pattern) {
        match pattern {
            Pattern::Slot(slot) if self.slots[*slot].constant => *pattern = Pattern::Constant,
            Pattern::Object { properties, rest } => {
                let targets = properties.iter_mut().map(|(_, target)| target);
                targets.chain(rest.as_deref_mut()).for_each(|target| self.forbid_constants(target));
            }
            Pattern::Array { elements, rest } => {
                let targets = elements.iter_mut().flatten();
                targets.chain(rest.as_deref_mut()).for_each(|target| self.forbid_constants(target));
            }
            Pattern::Default { target, .. } => self.forbid_constants(target),
            Pattern::Slot(_) | Pattern::Member(_) | Pattern::Global(_) | Pattern::Constant | Pattern::Opaque => {}
        }
    }

    fn deleted(&mut self, expr: &Expr) -> Expression {
        match expr {
            Expr::Paren(paren) => self.deleted(&paren.expr),
            expr => self.expression(expr),
        }
    }

    pub(super) fn pattern(&mut self, pattern: &Pat) -> Pattern {
        self.deeper(|| Pattern::Opaque, |this| this.pattern_here(pattern))
    }

    fn pattern_here(&mut self, pattern: &Pat) -> Pattern {
        match pattern {
            Pat::Ident(ident) => match self.slot(&ident.id) {
                Some(slot) => Pattern::Slot(slot),
                None => Pattern::Global(ident.id.sym.to_string()),
            },
            Pat::Expr(expr) => self.target_expression(expr),
            Pat::Array(array) => {
                let mut elements = Vec::new();
                let mut rest = None;
                for element in &array.elems {
                    match element {
                        Some(Pat::Rest(spread)) => rest = Some(Box::new(self.pattern(&spread.arg))),
                        Some(element) => elements.push(Some(self.pattern(element))),
                        None => elements.push(None),
                    }
                }
                Pattern::Array { elements, rest }
            }
            Pat::Rest(spread) => self.pattern(&spread.arg),
            Pat::Assign(assign) => {
                let target = Box::new(self.pattern(&assign.left));
                Pattern::Default { target, value: self.boxed(&assign.right) }
            }
            Pat::Object(object) => {
                let mut properties = Vec::new();
                let mut rest = None;
                for property in &object.props {
                    match property {
                        ObjectPatProp::Assign(shorthand) => {
                            let name = Name::Known(shorthand.key.sym.to_string());
                            let mut target = match self.slot(&shorthand.key.id) {
                                Some(slot) => Pattern::Slot(slot),
                                None => Pattern::Global(shorthand.key.sym.to_string()),
                            };
                            if let Some(value) = &shorthand.value {
                                target = Pattern::Default { target: Box::new(target), value: self.boxed(value) };
                            }
                            properties.push((name, target));
                        }
                        ObjectPatProp::KeyValue(property) => {
                            let name = self.property_name(&property.key);
                            properties.push((name, self.pattern(&property.value)));
                        }
                        ObjectPatProp::Rest(spread) => rest = Some(Box::new(self.pattern(&spread.arg))),
                    }
                }
                Pattern::Object { properties, rest }
            }
            Pat::Invalid(_) => Pattern::Opaque,
        }
    }

    fn property(&mut self, property: &PropOrSpread) -> Property {
        let property = match property {
            PropOrSpread::Spread(spread) => return Property::Spread(self.expression(&spread.expr)),
            PropOrSpread::Prop(property) => property,
        };
        match &**property {
            Prop::Shorthand(ident) => {
                let value = Expression { at: span(ident.span), kind: self.name(ident) };
                Property::Value(Name::Known(ident.sym.to_string()), value)
            }
            Prop::KeyValue(property) => {
                let name = self.property_name(&property.key);
                Property::Value(name, self.expression(&property.value))
            }
            Prop::Assign(property) => {
                let value = self.expression(&property.value);
                Property::Value(Name::Known(property.key.sym.to_string()), value)
            }
            Prop::Getter(getter) => {
                let name = self.property_name(&getter.key);
                Property::Getter(name, self.method(&getter.function, None))
            }
            Prop::Setter(setter) => {
                let name = self.property_name(&setter.key);
                Property::Setter(name, self.method(&setter.function, None))
            }
            Prop::Method(method) => {
                let name = self.property_name(&method.key);
                let text = match &name {
                    Name::Known(text) => Some(text.clone()),
                    Name::Computed(_) => None,
                };
                let id = self.method(&method.function, text.as_deref());
                let at = span(method.function.span);
                Property::Value(name, Expression { at, kind: Kind::Function(id) })
            }
        }
    }

    fn argument(&mut self, argument: &ExprOrSpread) -> Argument {
        Argument { is_spread: argument.spread.is_some(), value: self.expression(&argument.expr) }
    }

    fn arguments(&mut self, arguments: &[ExprOrSpread]) -> Vec<Argument> {
        arguments.iter().map(|argument| self.argument(argument)).collect()
    }

    fn member_name(&mut self, name: &MemberProp) -> Name {
        match name {
            MemberProp::Ident(name) => Name::Known(name.sym.to_string()),
            MemberProp::PrivateName(name) => Name::Known(format!("#{}", name.name)),
            MemberProp::Computed(computed) => self.computed(&computed.expr),
        }
    }

    pub(super) fn property_name(&mut self, name: &PropName) -> Name {
        match name {
            PropName::Ident(name) => Name::Known(name.sym.to_string()),
            PropName::Str(text) => text_of(text).map_or_else(|| Name::Known("\u{fffd}".to_owned()), Name::Known),
            PropName::Num(number) => Name::Known(number.value.to_string()),
            PropName::BigInt(number) => Name::Known(number.value.to_string()),
            PropName::Computed(computed) => self.computed(&computed.expr),
        }
    }

    fn computed(&mut self, expr: &Expr) -> Name {
        match expr {
            Expr::Lit(Lit::Str(text)) => text_of(text).map_or_else(|| Name::Known("\u{fffd}".to_owned()), Name::Known),
            Expr::Lit(Lit::Num(number)) => Name::Known(number.value.to_string()),
            expr => Name::Computed(self.boxed(expr)),
        }
    }
}

fn undefined(at: crate::record::Span) -> Expression {
    Expression { at, kind: Kind::Undefined }
}

fn text_of(text: &Str) -> Option<String> {
    text.value.as_str().map(str::to_owned)
}

fn numeral(number: f64) -> Numeral {
    Numeral { truth: number != 0.0 && !number.is_nan(), value: number.to_string().parse().ok() }
}

fn is_member(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => is_member(&paren.expr),
        expr => matches!(expr, Expr::Member(_)),
    }
}

fn literal_kind(literal: &Lit) -> Kind {
    match literal {
        Lit::Str(text) => text_of(text).map_or(Kind::Number(Numeral { truth: true, value: None }), Kind::Text),
        Lit::Bool(value) => Kind::Boolean(value.value),
        Lit::Null(_) => Kind::Null,
        Lit::Num(number) => Kind::Number(numeral(number.value)),
        // Operators that mix one with a number fail.
        Lit::BigInt(_) | Lit::Regex(_) | Lit::JSXText(_) => Kind::Operands(Vec::new()),
    }
}
