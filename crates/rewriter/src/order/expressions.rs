//! Expressions, and what is bound to a pattern.

use std::rc::Rc;

use presentry_parser::{
    Argument, Assignment, COMMONJS_ALONE, Expression, ExpressionKind as Kind, Logical, MemberKind, Name, Numeral,
    Pattern, Property, SlotId, Span, is_defined_by_node,
};

use super::{
    callbacks::OF_EMITTERS,
    condition::ConditionKind,
    evaluator::{Evaluator, Exits, Frame},
    host::global,
    reach::Reach,
    rules::Rule,
    state::State,
    value::{
        Arguments, Birth, BoundValue, ClassValue, Closure, Guard, Object, ObjectKind, PromiseValue, Slot, Value, known,
    },
};

/// The place of what has none of its own.
const NOWHERE: Span = Span { start: 0, end: 0 };

/// What every object has.
const OF_EVERY_OBJECT: &[&str] =
    &["toString", "valueOf", "hasOwnProperty", "constructor", "isPrototypeOf", "propertyIsEnumerable", "__proto__"];

/// The methods of arrays that are followed.
const OF_ARRAYS: &[&str] = &[
    "forEach",
    "map",
    "filter",
    "some",
    "every",
    "find",
    "findIndex",
    "findLast",
    "flatMap",
    "reduce",
    "push",
    "at",
    "unshift",
    "pop",
    "shift",
    "slice",
    "concat",
    "includes",
    "join",
    "entries",
    "values",
    "keys",
    "sort",
    "reverse",
    "splice",
    "fill",
    "indexOf",
    "flat",
    "reduceRight",
    "toSorted",
    "toReversed",
    "with",
];

/// What evaluating a test gives.
#[derive(Debug)]
pub(super) struct Tested {
    pub(super) value: Value,
    /// Its truth as far as that is known, which may be where the value is not.
    pub(super) truth: Option<bool>,
    /// Its truth if nothing has changed what was found on the way.
    pub(super) believed: Option<bool>,
}

impl Tested {
    const UNKNOWN: Self = Self { value: Value::External, truth: None, believed: None };

    pub(super) fn of(value: Value, state: &State) -> Self {
        Self { truth: state.truth(&value), believed: state.believed(&value), value }
    }

    fn negated(self) -> Self {
        let Self { value, truth, believed } = self;
        let not = |truth: Option<bool>| truth.map(|truth| !truth);
        Self { value: value.as_test(truth, true), truth: not(truth), believed: not(believed) }
    }
}

impl Evaluator<'_> {
    pub(super) fn expression(&mut self, frame: &Frame, expression: &Expression, state: &mut State) -> Option<Value> {
        self.evaluate(frame, expression, state, false)
    }

    /// What a function returns; if its caller awaits that at once, what it calls is awaited as well.
    pub(super) fn returned(&mut self, frame: &Frame, expression: &Expression, state: &mut State) -> Option<Value> {
        let is_awaited = frame.closure.is_some() && self.awaited_calls.last().copied().unwrap_or(false);
        self.evaluate(frame, expression, state, is_awaited)
    }

    /// Evaluates an expression. With `awaited` its promise is awaited at once, so that what is called may run to its end.
    pub(super) fn evaluate(
        &mut self,
        frame: &Frame,
        expression: &Expression,
        state: &mut State,
        awaited: bool,
    ) -> Option<Value> {
        self.burn(1)?;
        Some(match &expression.kind {
            Kind::Undefined => Value::Undefined,
            Kind::Null => Value::Null,
            Kind::Boolean(value) => Value::Boolean(*value),
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(text) => Value::Text(text.as_str().into()),
            Kind::Slot(slot) => self.read(frame, *slot, state)?,
            Kind::Global(name) if name == "arguments" && frame.closure.is_some() => frame.arguments.clone(),
            Kind::Global(name) if COMMONJS_ALONE.contains(&name.as_str()) => {
                let Some(value) = self.of_script(frame, name) else {
                    self.throws(state, frame.place(expression.at));
                    return None;
                };
                value
            }
            Kind::Global(name) => {
                if !is_defined_by_node(name) {
                    self.fail_by_name(state, frame.place(expression.at));
                }
                global(name)
            }
            Kind::This => self.this(frame, expression, state)?,
            Kind::ImportMeta => Value::Global("import.meta".into()),
            Kind::Function(id) => self.closure(frame, *id),
            Kind::Class(id) => self.class(frame, *id, state)?,
            Kind::Object(properties) => self.object(frame, properties, state)?,
            Kind::Array(elements) => {
                let elements = self.arguments(frame, elements, state)?;
                self.array(elements.values, elements.open, state)
            }
            Kind::Member { object, name, optional } => {
                let value = self.evaluate(frame, object, state, false)?;
                if *optional {
                    self.short_circuit(&value, frame, object, state)?;
                }
                let name = self.name(frame, name, state)?;
                self.may_be_nullish(frame, &value, state, expression.at);
                self.member(&value, name.as_deref(), state)?
            }
            Kind::SuperMember(name) => {
                let name = self.name(frame, name, state)?;
                self.super_member(frame, name.as_deref())
            }
            Kind::Call { callee, arguments, optional } => {
                let optional = *optional;
                if let Kind::Conditional { test, then, otherwise } = &callee.kind {
                    let call = |this: &mut Self, callee: &Expression, state: &mut State| {
                        this.call_expression(frame, expression, callee, arguments, optional, state, awaited)
                    };
                    return self.chosen(
                        frame,
                        test,
                        state,
                        |this, state| call(this, then, state),
                        |this, state| call(this, otherwise, state),
                    );
                }
                return self.call_expression(frame, expression, callee, arguments, optional, state, awaited);
            }
            Kind::New { callee, arguments } => {
                let callee = self.expression(frame, callee, state)?;
                let arguments = self.arguments(frame, arguments, state)?;
                self.construct(frame, &callee, arguments, state, expression)?
            }
            Kind::SuperCall(arguments) => {
                let arguments = self.arguments(frame, arguments, state)?;
                self.super_call(frame, arguments, state, expression)?
            }
            Kind::Import(specifier) => {
                let specifier = self.expression(frame, specifier, state)?;
                self.import(frame, &specifier, state, expression, awaited)?
            }
            Kind::Disposed(value) => {
                let value = self.expression(frame, value, state)?;
                self.escape(&value, state);
                self.fail(state, frame.place(expression.at));
                value
            }
            Kind::Await(operand) => {
                let value = self.evaluate(frame, operand, state, true)?;
                self.settle(frame, value, state, operand)?
            }
            Kind::Yield { value, is_delegate } => {
                let value = match value {
                    Some(value) => self.expression(frame, value, state)?,
                    None => Value::Undefined,
                };
                self.yielded(frame, value, *is_delegate, state, expression)?
            }
            Kind::Assign { target, assignment, value } => {
                self.assignment(frame, target, *assignment, value, state, expression)?
            }
            Kind::Conditional { test, then, otherwise } => self.chosen(
                frame,
                test,
                state,
                |this, state| this.evaluate(frame, then, state, awaited),
                |this, state| this.evaluate(frame, otherwise, state, awaited),
            )?,
            Kind::Logical { operator, left, right } => {
                let value = self.expression(frame, left, state)?;
                let (goes_on, assumed) = self.goes_on(*operator, &value, state);
                match goes_on {
                    Some(true) => self.evaluate(frame, right, state, awaited)?,
                    Some(false) => value,
                    None => self.fork(
                        frame,
                        left,
                        (&assumed.0, assumed.1),
                        state,
                        |this, state| this.evaluate(frame, right, state, awaited),
                        |_, _| Some(value),
                    )?,
                }
            }
            Kind::Not(operand) => {
                let tested = self.tested(frame, operand, state)?;
                tested.value.as_test(tested.truth, true)
            }
            Kind::Delete(member) => {
                self.fail(state, frame.place(expression.at));
                self.assign_member(frame, member, Value::Any, state)?;
                Value::External
            }
            Kind::TypeOf(operand) => match self.type_of(frame, operand, state)? {
                Some(word) => Value::Text(word.into()),
                None => Value::External,
            },
            Kind::Equal { left, right, negated } => {
                let left = self.expression(frame, left, state)?;
                let right = self.expression(frame, right, state)?;
                self.comparison(&left, &right, *negated)
            }
            Kind::Less { left, right, or_equal, negated } => {
                let left = self.expression(frame, left, state)?;
                let right = self.expression(frame, right, state)?;
                self.operand(frame, &left, state, expression)?;
                self.operand(frame, &right, state, expression)?;
                match (&left, &right) {
                    (
                        Value::Number(Numeral { value: Some(left), .. }),
                        Value::Number(Numeral { value: Some(right), .. }),
                    ) => Value::Boolean((left < right || *or_equal && left == right) != *negated),
                    // Other texts are compared as UTF-16 has them.
                    (Value::Text(left), Value::Text(right)) if left.is_ascii() && right.is_ascii() => {
                        Value::Boolean((left < right || *or_equal && left == right) != *negated)
                    }
                    _ => Value::External,
                }
            }
            Kind::Sequence(expressions) => {
                let mut value = Value::Undefined;
                for (index, expression) in expressions.iter().enumerate() {
                    let is_last = index + 1 == expressions.len();
                    value = self.evaluate(frame, expression, state, awaited && is_last)?;
                }
                value
            }
            Kind::Concatenation(parts) => {
                let mut text = Some(String::new());
                for part in parts {
                    let value = self.expression(frame, part, state)?;
                    match (&mut text, value) {
                        (Some(text), Value::Text(part)) => text.push_str(&part),
                        (text, value) => {
                            *text = None;
                            self.operand(frame, &value, state, expression)?;
                        }
                    }
                }
                text.map_or(Value::External, |text| Value::Text(text.into()))
            }
            Kind::Operands(operands) => {
                for operand in operands {
                    let value = self.expression(frame, operand, state)?;
                    self.operand(frame, &value, state, expression)?;
                }
                Value::External
            }
            Kind::Within { left, right } => {
                let left = self.expression(frame, left, state)?;
                self.made_primitive(&left, state)?;
                let right = self.expression(frame, right, state)?;
                self.must_be_object(frame, &right, state, expression)?;
                // `instanceof` calls it.
                if let Value::Object(_) | Value::Class(_) = right
                    && let method @ Value::Closure(_) = self.member(&right, Some("Symbol.hasInstance"), state)?
                {
                    self.escape(&method, state);
                }
                Value::External
            }
            Kind::Chain(inner) => self.chain(frame, inner, state, awaited)?,
            Kind::Opaque => {
                self.opaque(frame, expression, state);
                Value::Any
            }
        })
    }

    /// Whether the right side of an operator is evaluated, where that is known, and what holds of the left side if it is.
    pub(super) fn goes_on(&self, operator: Logical, left: &Value, state: &State) -> (Option<bool>, (Tested, bool)) {
        let tested = Tested::of(left.clone(), state);
        match operator {
            Logical::And => (tested.truth, (tested, true)),
            Logical::Or => (tested.truth.map(|truth| !truth), (tested, false)),
            Logical::Nullish => (left.is_nullish(), (Tested::of(Value::External, state), false)),
        }
    }

    /// Evaluates a test.
    pub(super) fn tested(&mut self, frame: &Frame, test: &Expression, state: &mut State) -> Option<Tested> {
        let (operator, left, right) = match &test.kind {
            Kind::Not(operand) => {
                self.burn(1)?;
                return self.tested(frame, operand, state).map(Tested::negated);
            }
            Kind::Conditional { test, then, otherwise } => {
                self.burn(1)?;
                return self.tested_choice(frame, test, (then, otherwise), state);
            }
            Kind::Logical { operator, left, right } if *operator != Logical::Nullish => (*operator, left, right),
            _ => {
                let value = self.expression(frame, test, state)?;
                return Some(Tested::of(value, state));
            }
        };
        self.burn(1)?;
        let goes_on_if = operator == Logical::And;
        let tested = self.tested(frame, left, state)?;
        match tested.truth {
            Some(truth) if truth == goes_on_if => return self.tested(frame, right, state),
            Some(_) => return Some(tested),
            None => {}
        }
        // Where the right side does not come to its end, the left side alone decides.
        let (mut of_right, mut believed) = (Some(!goes_on_if), Some(!goes_on_if));
        let value = tested.value.clone();
        let joined = self.fork(
            frame,
            left,
            (&tested, goes_on_if),
            state,
            |this, state| {
                let right = this.tested(frame, right, state)?;
                (of_right, believed) = (right.truth, right.believed);
                Some(right.value)
            },
            |_, _| Some(value),
        )?;
        let truth = of_right.filter(|truth| *truth != goes_on_if).or_else(|| state.truth(&joined));
        let believed = match tested.believed {
            Some(left) if left != goes_on_if => Some(left),
            Some(_) => believed,
            None => truth.or(believed.filter(|right| *right != goes_on_if)),
        };
        Some(Tested { value: joined, truth, believed })
    }

    /// `test ? then : otherwise` as a test itself.
    fn tested_choice(
        &mut self,
        frame: &Frame,
        test: &Expression,
        (then, otherwise): (&Expression, &Expression),
        state: &mut State,
    ) -> Option<Tested> {
        let tested = self.tested(frame, test, state)?;
        if let Some(truth) = tested.truth {
            return self.tested(frame, if truth { then } else { otherwise }, state);
        }
        let (mut of_then, mut of_otherwise) = (None, None);
        let value = self.fork(
            frame,
            test,
            (&tested, true),
            state,
            |this, state| {
                let then = of_then.insert(this.tested(frame, then, state)?);
                Some(then.value.clone())
            },
            |this, state| {
                let otherwise = of_otherwise.insert(this.tested(frame, otherwise, state)?);
                Some(otherwise.value.clone())
            },
        )?;
        let agreed = |one: Option<Option<bool>>, two: Option<Option<bool>>| match (one, two) {
            (Some(one), Some(two)) => one.filter(|_| one == two),
            (one, two) => one.or(two).flatten(),
        };
        let of = |read: fn(&Tested) -> Option<bool>| (of_then.as_ref().map(read), of_otherwise.as_ref().map(read));
        let (truth, beliefs) = (of(|tested| tested.truth), of(|tested| tested.believed));
        let believed = match tested.believed {
            Some(true) => beliefs.0.flatten(),
            Some(false) => beliefs.1.flatten(),
            None => agreed(beliefs.0, beliefs.1),
        };
        Some(Tested { value, truth: agreed(truth.0, truth.1), believed })
    }

    /// What one of two parts gives, as a test decides.
    fn chosen(
        &mut self,
        frame: &Frame,
        test: &Expression,
        state: &mut State,
        one: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
        two: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
    ) -> Option<Value> {
        let tested = self.tested(frame, test, state)?;
        match tested.truth {
            Some(true) => one(self, state),
            Some(false) => two(self, state),
            None => self.fork(frame, test, (&tested, true), state, one, two),
        }
    }

    /// Two ways to go on, of which one is taken.
    fn fork(
        &mut self,
        frame: &Frame,
        test: &Expression,
        (tested, truth): (&Tested, bool),
        state: &mut State,
        one: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
        two: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
    ) -> Option<Value> {
        let condition = self.condition(frame, test.at, ConditionKind::Test);
        let mut other = self.copy(state)?;
        state.path.push(&condition);
        state.assume(&tested.value, truth, tested.believed);
        other.path.push(&condition);
        other.assume(&tested.value, !truth, tested.believed);
        let first = one(self, state);
        let second = two(self, &mut other);
        match (first, second) {
            (Some(first), Some(second)) => {
                let before = std::mem::replace(state, State::new());
                *state = self.meet(Some(before), Some(other))?;
                Some(state.either(&first, &second))
            }
            (Some(value), None) => Some(value),
            (None, Some(value)) => {
                *state = other;
                Some(value)
            }
            (None, None) => None,
        }
    }

    /// `?.`: where the value is nullish the chain ends, and where that is not known it may.
    pub(super) fn short_circuit(
        &mut self,
        value: &Value,
        frame: &Frame,
        object: &Expression,
        state: &mut State,
    ) -> Option<()> {
        let is_nullish = value.is_nullish();
        if is_nullish != Some(false) {
            let mut here = self.copy(state)?;
            if is_nullish.is_none() {
                let condition = self.condition(frame, object.at, ConditionKind::Test);
                here.path.push(&condition);
                state.path.push(&condition);
            }
            let before = self.shorts.pop().flatten();
            let joined = self.meet(before, Some(here));
            self.shorts.push(joined);
        }
        (is_nullish != Some(true)).then_some(())
    }

    fn chain(&mut self, frame: &Frame, inner: &Expression, state: &mut State, awaited: bool) -> Option<Value> {
        self.shorts.push(None);
        let value = self.evaluate(frame, inner, state, awaited);
        match (value, self.shorts.pop().flatten()) {
            (Some(value), None) => Some(value),
            (Some(value), Some(short)) => {
                let before = std::mem::replace(state, State::new());
                *state = self.meet(Some(before), Some(short))?;
                Some(value.or(&Value::Undefined))
            }
            (None, Some(short)) => {
                *state = short;
                Some(Value::Undefined)
            }
            (None, None) => None,
        }
    }

    /// Whether code that runs at another time may have assigned to a binding. What the present code has made itself is its
    /// own.
    pub(super) fn is_uncertain(&self, cell: u32, state: &State) -> bool {
        let is_loose = state.detached || self.loose > 0;
        is_loose && self.reassigned.contains(&cell) && self.own.last().is_none_or(|own| cell < *own)
    }

    fn read(&mut self, frame: &Frame, slot: SlotId, state: &mut State) -> Option<Value> {
        if let Some(value) = self.imported(frame, slot, state) {
            return Some(value);
        }
        let Some(cell) = frame.scope.cell(slot) else { return Some(Value::Any) };
        let is_loose = state.detached || self.loose > 0;
        if self.is_uncertain(cell, state) {
            return Some(Value::Any);
        }
        match state.cells.get(&cell) {
            Some(Value::Uninitialised) if is_loose || self.is_circular(&frame.code.module.path) => {
                self.fail(state, frame.place(NOWHERE));
                Some(Value::Any)
            }
            Some(Value::Uninitialised) if !self.holds(Rule::DeadZone) => Some(Value::Any),
            Some(Value::Uninitialised) => {
                self.throw(state.clone());
                None
            }
            Some(value) => Some(value.clone()),
            None => Some(Value::Any),
        }
    }

    /// `this`, which is an error in the constructor of a derived class before its `super()`.
    fn this(&mut self, frame: &Frame, expression: &Expression, state: &mut State) -> Option<Value> {
        if let Value::Object(id) = &frame.this {
            match state.object(*id).map(|object| object.birth) {
                Some(Birth::Awaited) => {
                    self.throws(state, frame.place(expression.at));
                    return None;
                }
                Some(Birth::Doubtful) => self.fail(state, frame.place(expression.at)),
                Some(Birth::Done) | None => {}
            }
        }
        Some(frame.this.clone())
    }

    fn closure(&mut self, frame: &Frame, id: usize) -> Value {
        let function = &frame.code.steps.functions[id];
        let outer = frame.closure.as_ref();
        let is_arrow = function.is_arrow;
        Value::Closure(Rc::new(Closure {
            code: frame.code.clone(),
            function: id,
            scope: frame.scope.clone(),
            this: if is_arrow { frame.this.clone() } else { Value::Undefined },
            arguments: if is_arrow { frame.arguments.clone() } else { Value::Undefined },
            parent: outer.filter(|_| is_arrow).and_then(|outer| outer.parent.clone()),
            is_static: outer.is_some_and(|outer| is_arrow && outer.is_static),
            class: outer.filter(|_| is_arrow).and_then(|outer| outer.class.clone()),
        }))
    }

    pub(super) fn array(&mut self, values: Vec<Value>, open: bool, state: &mut State) -> Value {
        let mut object = Object::new(ObjectKind::Array((!open).then_some(values.len())));
        for (index, value) in values.into_iter().enumerate() {
            object.set(&index.to_string(), value);
        }
        Value::Object(self.allocate(state, object))
    }

    fn object(&mut self, frame: &Frame, properties: &[Property], state: &mut State) -> Option<Value> {
        let id = self.allocate(state, Object::new(ObjectKind::Plain));
        for property in properties {
            match property {
                Property::Value(name, value) => {
                    let name = self.name(frame, name, state)?;
                    let value = self.expression(frame, value, state)?;
                    self.put(id, name.as_deref(), Slot::Value(value), state);
                }
                Property::Getter(name, function) => {
                    let name = self.name(frame, name, state)?;
                    let get = Some(self.closure(frame, *function));
                    let set = match name.as_deref().and_then(|name| state.object(id)?.slots.get(name)) {
                        Some(Slot::Accessor { set, .. }) => set.clone(),
                        _ => None,
                    };
                    self.put(id, name.as_deref(), Slot::Accessor { get, set }, state);
                }
                Property::Setter(name, function) => {
                    let name = self.name(frame, name, state)?;
                    let set = Some(self.closure(frame, *function));
                    let get = match name.as_deref().and_then(|name| state.object(id)?.slots.get(name)) {
                        Some(Slot::Accessor { get, .. }) => get.clone(),
                        _ => None,
                    };
                    self.put(id, name.as_deref(), Slot::Accessor { get, set }, state);
                }
                Property::Spread(value) => {
                    let value = self.expression(frame, value, state)?;
                    self.copy_into(id, &value, state);
                }
            }
        }
        Some(Value::Object(id))
    }

    pub(super) fn put(&mut self, id: u32, name: Option<&str>, slot: Slot, state: &mut State) {
        let is_plain = matches!(&slot, Slot::Value(value) if state.is_plain(value, 0));
        let Some(object) = state.object_mut(id) else { return };
        match name {
            Some(name) => {
                object.slots.insert(name.into(), slot);
            }
            None => match slot {
                Slot::Value(_) if is_plain => {
                    object.has_unnamed = true;
                    for slot in object.slots.values_mut() {
                        if let Slot::Value(before) = slot {
                            *before = before.or(&Value::External);
                        }
                    }
                }
                _ => object.open = true,
            },
        }
    }

    /// `{ ...value }`
    pub(super) fn copy_into(&mut self, id: u32, value: &Value, state: &mut State) {
        match value {
            Value::Object(other) if !self.finds(*other, state) => self.copy_into(id, &Value::Any, state),
            Value::Object(other) => {
                let Some(other) = state.object(*other).cloned() else { return };
                for (name, slot) in &other.slots {
                    // Copying calls the getter, and `Object.assign` the setter of what it copies to.
                    let Some(copied) = self.slot_value(slot.clone(), value, state) else { continue };
                    let before = state.object(id).and_then(|object| object.slots.get(name).cloned());
                    if let Some(Slot::Accessor { set: Some(set), .. }) = before {
                        self.escape(&set, state);
                    }
                    if let Some(object) = state.object_mut(id) {
                        object.slots.insert(name.clone(), Slot::Value(copied));
                    }
                }
                if let Some(object) = state.object_mut(id) {
                    object.open |= other.open || other.class.is_some();
                    object.has_unnamed |= other.has_unnamed;
                }
            }
            Value::Undefined | Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Test(_) => {}
            Value::Package(specifier, path) if crate::sdk::is_of_sentry(specifier) && crate::sdk::is_whole(path) => {
                self.copy_sdk_into(id, specifier, path, state);
            }
            Value::Namespace(module) => self.copy_namespace_into(id, &module.clone(), state),
            Value::External | Value::Text(_) | Value::Global(_) => {
                if let Some(object) = state.object_mut(id) {
                    object.has_unnamed = true;
                    for slot in object.slots.values_mut() {
                        let value = match &*slot {
                            Slot::Value(value) => value.or(&Value::External),
                            Slot::Accessor { .. } => Value::Any,
                        };
                        *slot = Slot::Value(value);
                    }
                }
            }
            _ => {
                if let Some(object) = state.object_mut(id) {
                    object.open = true;
                    // What is copied may take the place of any property before it.
                    for slot in object.slots.values_mut() {
                        *slot = Slot::Value(Value::Any);
                    }
                }
            }
        }
    }

    /// `{ ...Sentry }`: what starts Sentry keeps its name, and the rest is not of the modules.
    fn copy_sdk_into(&mut self, id: u32, specifier: &Rc<str>, path: &[Rc<str>], state: &mut State) {
        self.copy_into(id, &Value::External, state);
        if let Some(object) = state.object_mut(id) {
            for name in crate::sdk::starting_names() {
                let path: Vec<Rc<str>> = path.iter().cloned().chain([Rc::from(name)]).collect();
                object.set(name, Value::Package(specifier.clone(), path.into()));
            }
        }
    }

    /// `{ ...namespace }` of a module of the build.
    fn copy_namespace_into(&mut self, id: u32, module: &crate::sources::ModulePath, state: &mut State) {
        let loaded = self.graph.linked(module).ok().flatten();
        let names = loaded.and_then(|module| crate::exports::exported_names(self.graph, &module).ok());
        let Some(names) = names else {
            return self.copy_into(id, &Value::Any, state);
        };
        for (name, _) in names {
            let value = self.export(module, &name, state);
            if let Some(object) = state.object_mut(id) {
                object.set(&name, value);
            }
        }
    }

    fn class(&mut self, frame: &Frame, id: usize, state: &mut State) -> Option<Value> {
        let class = &frame.code.steps.classes[id];
        let parent = match &class.parent {
            Some(parent) => {
                let value = self.expression(frame, parent, state)?;
                if !matches!(value, Value::Class(_)) {
                    self.fail(state, frame.place(parent.at));
                }
                value
            }
            None => Value::Undefined,
        };
        let mut names = Vec::new();
        for member in &class.members {
            names.push(self.name(frame, &member.name, state)?);
        }
        let statics = self.allocate(state, Object::new(ObjectKind::Plain));
        let value = Rc::new(ClassValue {
            statics,
            code: frame.code.clone(),
            class: id,
            scope: frame.scope.clone(),
            parent,
            names,
        });
        if let Some(object) = state.object_mut(statics) {
            object.class = None;
        }
        if let Some(slot) = class.itself
            && let Some(cell) = frame.scope.cell(slot)
        {
            state.set(cell, Value::Class(value.clone()));
        }
        let itself = Value::Class(value.clone());
        for (index, member) in class.members.iter().enumerate().filter(|(_, member)| member.is_static) {
            let name = value.names[index].clone();
            let method = |function| Value::Closure(Rc::new(method(&value, function, true)));
            match member.kind {
                MemberKind::Method(function) => {
                    self.put(statics, name.as_deref(), Slot::Value(method(function)), state);
                }
                MemberKind::Getter(function) => {
                    let slot = Slot::Accessor { get: Some(method(function)), set: None };
                    self.put(statics, name.as_deref(), slot, state);
                }
                MemberKind::Setter(function) => {
                    let slot = Slot::Accessor { get: None, set: Some(method(function)) };
                    self.put(statics, name.as_deref(), slot, state);
                }
                MemberKind::Field(_) | MemberKind::Block(_) => {}
            }
        }
        for (index, member) in class.members.iter().enumerate().filter(|(_, member)| member.is_static) {
            match member.kind {
                MemberKind::Field(Some(function)) | MemberKind::Block(function) => {
                    let closure = Rc::new(method(&value, function, true));
                    let result = self.call_closure(&closure, itself.clone(), Arguments::default(), state, false)?;
                    if matches!(member.kind, MemberKind::Field(_)) {
                        self.put(statics, value.names[index].clone().as_deref(), Slot::Value(result), state);
                    }
                }
                MemberKind::Field(None) => {
                    self.put(statics, value.names[index].clone().as_deref(), Slot::Value(Value::Undefined), state);
                }
                _ => {}
            }
        }
        Some(itself)
    }

    /// The name of a property; `None` where it is not known.
    #[allow(clippy::option_option)]
    pub(super) fn name(&mut self, frame: &Frame, name: &Name, state: &mut State) -> Option<Option<Rc<str>>> {
        if let Some(name) = known(name) {
            return Some(Some(name));
        }
        let Name::Computed(expression) = name else { return Some(None) };
        Some(match self.expression(frame, expression, state)? {
            Value::Text(text) => Some(text),
            Value::Number(Numeral { value: Some(number), .. }) => Some(number.to_string().into()),
            Value::Global(name) if name.starts_with("Symbol.") => Some(name),
            value => {
                self.made_primitive(&value, state)?;
                None
            }
        })
    }

    /// An operand of an operator. A symbol, or a mixture of numbers, is an error.
    fn operand(&mut self, frame: &Frame, value: &Value, state: &mut State, expression: &Expression) -> Option<()> {
        self.made_primitive(value, state)?;
        let is_symbol = matches!(value, Value::Global(name) if name.starts_with("Symbol."));
        if is_symbol || matches!(value, Value::External | Value::Any | Value::Object(_)) {
            self.fail(state, frame.place(expression.at));
        }
        Some(())
    }

    /// The right operand of `in` or `instanceof`.
    fn must_be_object(&mut self, frame: &Frame, value: &Value, state: &State, expression: &Expression) -> Option<()> {
        match value {
            Value::Undefined | Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Test(_) => {
                self.throws(state, frame.place(expression.at));
                return None;
            }
            Value::Class(_) | Value::Closure(_) => {}
            Value::Global(name) if is_always_there(name) => {}
            _ => self.fail(state, frame.place(expression.at)),
        }
        Some(())
    }

    /// A property of a value is read that may be `undefined` or `null`: that may fail.
    fn may_be_nullish(&mut self, frame: &Frame, value: &Value, state: &State, at: Span) {
        let is_there = match value {
            Value::External | Value::Any => false,
            Value::Global(name) => is_always_there(name),
            Value::Package(specifier, path) => {
                let is_host =
                    specifier.starts_with("node:") || !specifier.contains('/') && super::host::is_builtin(specifier);
                let path = if path.first().is_some_and(|name| &**name == "default") { &path[1..] } else { path };
                path.is_empty() || crate::sdk::is_of_sentry(specifier) || is_host && path.len() < 2
            }
            _ => true,
        };
        if !is_there {
            self.fail(state, frame.place(at));
        }
    }

    /// The operand of an operator becomes a primitive: methods of an object may be called.
    fn made_primitive(&mut self, value: &Value, state: &mut State) -> Option<()> {
        let Value::Object(id) = value else { return Some(()) };
        let Some(object) = state.object(*id) else { return Some(()) };
        let has = |name: &str| object.slots.contains_key(name) || object.class.is_some() || object.prototype.is_some();
        if ["toString", "valueOf", "Symbol.toPrimitive"].iter().any(|name| has(name)) {
            self.escape(value, state);
        }
        Some(())
    }

    pub(super) fn arguments(&mut self, frame: &Frame, list: &[Argument], state: &mut State) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        for argument in list {
            let value = self.expression(frame, &argument.value, state)?;
            if !argument.is_spread {
                if !arguments.open {
                    arguments.values.push(value);
                } else {
                    self.escape(&value, state);
                }
                continue;
            }
            let value = self.iterated(frame, &value, state, argument.value.at)?;
            if let Some(elements) = self.elements(&value, state) {
                if !arguments.open {
                    arguments.values.extend(elements);
                }
            } else {
                if let Some(generator) = self.generator(&value, state) {
                    self.run_whole(&generator, None, state)?;
                }
                arguments.open = true;
            }
        }
        Some(arguments)
    }

    // Properties.

    pub(super) fn member(&mut self, object: &Value, name: Option<&str>, state: &mut State) -> Option<Value> {
        self.burn(1)?;
        let Some(name) = name else {
            return Some(match object {
                Value::External
                | Value::Global(_)
                | Value::Text(_)
                | Value::Number(_)
                | Value::Boolean(_)
                | Value::Test(_) => Value::External,
                Value::Package(specifier, _) if !crate::sdk::is_of_sentry(specifier) => Value::External,
                Value::Undefined | Value::Null => {
                    self.throw(state.clone());
                    return None;
                }
                Value::Object(_) if state.is_plain(object, 0) => Value::External,
                _ => Value::Any,
            });
        };
        let method = |object: &Value| Value::Method(Rc::new((object.clone(), name.into())));
        Some(match object {
            Value::Any | Value::Uninitialised => Value::Any,
            Value::Text(_) if matches!(name, "replace" | "replaceAll") => method(object),
            Value::External | Value::Text(_) | Value::Number(_) | Value::Boolean(_) | Value::Test(_) => Value::External,
            Value::Undefined | Value::Null => {
                self.throw(state.clone());
                return None;
            }
            Value::Namespace(module) => self.export(&module.clone(), name, state),
            Value::Package(specifier, path) => {
                if matches!(name, "call" | "apply" | "bind") && !path.is_empty() {
                    return Some(method(object));
                }
                const LONGEST: usize = 8;
                if path.len() >= LONGEST {
                    return Some(Value::External);
                }
                let path: Rc<[Rc<str>]> = path.iter().cloned().chain([Rc::from(name)]).collect();
                super::host::of_host(specifier, &path)
                    .map_or_else(|| Value::Package(specifier.clone(), path.clone()), |name| global(&name))
            }
            Value::Global(of) => match &**of {
                "globalThis" | "global" => self.global_property(name, state),
                of if matches!(name, "call" | "apply" | "bind") && of != "Reflect" => method(object),
                of if of.len() > 80 => Value::External,
                of => Value::Global(format!("{of}.{name}").into()),
            },
            Value::Closure(_) | Value::Bound(_) | Value::Method(_) => match name {
                "call" | "apply" | "bind" => method(object),
                "name" | "length" | "prototype" | "toString" => Value::External,
                _ => Value::Any,
            },
            Value::Require(_) => match name {
                "call" | "apply" | "bind" => method(object),
                "main" => Value::Undefined,
                _ => Value::External,
            },
            Value::Promise(_) | Value::Client => method(object),
            Value::Settle(id) => {
                self.may_settle(*id);
                Value::External
            }
            Value::Class(class) => {
                let mut class = class.clone();
                loop {
                    if !self.finds(class.statics, state) {
                        return Some(Value::Any);
                    }
                    let found = state.object(class.statics).and_then(|object| object.slots.get(name).cloned());
                    if let Some(slot) = found {
                        return self.slot_value(slot, object, state);
                    }
                    if state.object(class.statics).is_none_or(|object| object.open) {
                        return Some(Value::Any);
                    }
                    if matches!(name, "call" | "apply" | "bind") {
                        return Some(method(object));
                    }
                    match &class.parent {
                        Value::Class(parent) => class = parent.clone(),
                        Value::Undefined => return Some(Value::Undefined),
                        _ => return Some(Value::Any),
                    }
                }
            }
            Value::Object(id) => self.property(*id, object, name, state)?,
        })
    }

    pub(super) fn slot_value(&mut self, slot: Slot, this: &Value, state: &mut State) -> Option<Value> {
        match slot {
            Slot::Value(value) => Some(value),
            Slot::Accessor { get: Some(Value::Closure(get)), .. } => {
                self.call_closure(&get, this.clone(), Arguments::default(), state, false)
            }
            Slot::Accessor { get: Some(_), .. } => Some(Value::Any),
            Slot::Accessor { get: None, .. } => Some(Value::Undefined),
        }
    }

    fn property(&mut self, id: u32, this: &Value, name: &str, state: &mut State) -> Option<Value> {
        let Some(object) = state.object(id).cloned() else { return Some(Value::Any) };
        if matches!(object.kind, ObjectKind::Collection { .. }) {
            let method = || Value::Method(Rc::new((this.clone(), name.into())));
            return Some(if name == "size" { Value::External } else { method() });
        }
        if object.open {
            return Some(Value::Any);
        }
        let has_methods = matches!(object.kind, ObjectKind::Array(_) | ObjectKind::Storage);
        if !has_methods && !self.finds(id, state) {
            return Some(Value::Any);
        }
        if let Some(slot) = object.slots.get(name) {
            return self.slot_value(slot.clone(), this, state);
        }
        let method = |object: &Value| Value::Method(Rc::new((object.clone(), name.into())));
        match &object.kind {
            ObjectKind::Array(_) if OF_ARRAYS.contains(&name) => return Some(method(this)),
            ObjectKind::Array(_) if name == "length" => return Some(Value::External),
            ObjectKind::Array(None) => return Some(Value::Any),
            ObjectKind::Iterator(_) => return Some(method(this)),
            ObjectKind::Emitter if OF_EMITTERS.contains(&name) => return Some(method(this)),
            ObjectKind::Emitter => return Some(Value::External),
            ObjectKind::Storage => return Some(method(this)),
            // A method of an iterator is not followed.
            ObjectKind::Elements => {
                self.escape(this, state);
                return Some(Value::Any);
            }
            _ => {}
        }
        if name.starts_with('#') {
            let found = match &object.class {
                Some(class) => self.class_member(class, this, name, state)?,
                None => Value::Undefined,
            };
            // A private name that an object does not have is an error.
            if matches!(found, Value::Undefined) {
                self.throw(state.clone());
                return None;
            }
            return Some(found);
        }
        if let Some(prototype) = object.prototype {
            return self.property(prototype, this, name, state);
        }
        if let Some(class) = &object.class {
            return self.class_member(class, this, name, state);
        }
        if object.has_unnamed || OF_EVERY_OBJECT.contains(&name) {
            return Some(Value::External);
        }
        Some(Value::Undefined)
    }

    /// What an instance of a class has by its class.
    fn class_member(&mut self, class: &Rc<ClassValue>, this: &Value, name: &str, state: &mut State) -> Option<Value> {
        let mut class = class.clone();
        loop {
            let code = class.code.clone();
            let members = &code.steps.classes[class.class].members;
            for (index, member) in members.iter().enumerate().rev().filter(|(_, member)| !member.is_static) {
                match &class.names[index] {
                    None => return Some(Value::Any),
                    Some(known) if &**known != name => continue,
                    Some(_) => {}
                }
                match member.kind {
                    MemberKind::Method(function) => {
                        return Some(Value::Closure(Rc::new(method(&class, function, false))));
                    }
                    MemberKind::Getter(function) => {
                        let getter = Rc::new(method(&class, function, false));
                        return self.call_closure(&getter, this.clone(), Arguments::default(), state, false);
                    }
                    MemberKind::Setter(_) | MemberKind::Field(_) | MemberKind::Block(_) => {}
                }
            }
            match &class.parent {
                Value::Class(parent) => class = parent.clone(),
                Value::Undefined if OF_EVERY_OBJECT.contains(&name) => return Some(Value::External),
                Value::Undefined => return Some(Value::Undefined),
                Value::Package(specifier, path) if crate::sdk::is_client(specifier, path) => {
                    return Some(Value::Method(Rc::new((Value::Client, name.into()))));
                }
                Value::Package(..) | Value::Global(_) | Value::External => return Some(Value::External),
                _ => return Some(Value::Any),
            }
        }
    }

    fn super_member(&mut self, frame: &Frame, name: Option<&str>) -> Value {
        let Some(closure) = &frame.closure else { return Value::Any };
        let (Some(name), Some(Value::Class(parent))) = (name, &closure.parent) else {
            return match &closure.parent {
                Some(Value::Package(specifier, path)) if crate::sdk::is_client(specifier, path) => {
                    Value::Method(Rc::new((Value::Client, name.unwrap_or_default().into())))
                }
                Some(Value::Package(..) | Value::Global(_) | Value::External) => Value::External,
                _ => Value::Any,
            };
        };
        let mut class = parent.clone();
        loop {
            let code = class.code.clone();
            let members = &code.steps.classes[class.class].members;
            let found = members.iter().enumerate().rev().find(|(index, member)| {
                member.is_static == closure.is_static
                    && class.names[*index].as_deref().is_none_or(|known| known == name)
            });
            if let Some((index, member)) = found {
                return match (&class.names[index], &member.kind) {
                    (Some(_), MemberKind::Method(function)) => {
                        Value::Closure(Rc::new(method(&class, *function, member.is_static)))
                    }
                    _ => Value::Any,
                };
            }
            match &class.parent {
                Value::Class(parent) => class = parent.clone(),
                Value::Undefined => return Value::Undefined,
                _ => return Value::Any,
            }
        }
    }

    // Assignments.

    fn assignment(
        &mut self,
        frame: &Frame,
        target: &Pattern,
        assignment: Assignment,
        value: &Expression,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        if assignment == Assignment::Plain {
            let value = self.expression(frame, value, state)?;
            self.assign(frame, target, value.clone(), state)?;
            return Some(value);
        }
        let old = match target {
            Pattern::Slot(slot) => self.read(frame, *slot, state)?,
            Pattern::Member(member) => self.expression(frame, member, state)?,
            _ => Value::Any,
        };
        let goes_on = match assignment {
            Assignment::Arithmetic | Assignment::Plain => {
                self.expression(frame, value, state)?;
                self.assign(frame, target, Value::External, state)?;
                return Some(Value::External);
            }
            Assignment::IfTrue => state.truth(&old),
            Assignment::IfFalse => state.truth(&old).map(|truth| !truth),
            Assignment::IfNullish => old.is_nullish(),
        };
        let give = |this: &mut Self, state: &mut State| {
            let value = this.expression(frame, value, state)?;
            this.assign(frame, target, value.clone(), state)?;
            Some(value)
        };
        match goes_on {
            Some(false) => Some(old),
            Some(true) => give(self, state),
            None => self.fork(frame, expression, (&Tested::UNKNOWN, true), state, give, |_, _| Some(old)),
        }
    }

    pub(super) fn assign(&mut self, frame: &Frame, pattern: &Pattern, value: Value, state: &mut State) -> Option<()> {
        self.burn(1)?;
        match pattern {
            Pattern::Slot(slot) => {
                if let Some(cell) = frame.scope.cell(*slot) {
                    state.set(cell, value);
                }
            }
            Pattern::Constant if !self.holds(Rule::ConstantsStay) => {}
            Pattern::Constant => {
                self.throw(state.clone());
                return None;
            }
            Pattern::Global(name) if self.set_exports(frame, name, &value) => {}
            Pattern::Global(name) => {
                if !is_defined_by_node(name) {
                    self.fail_by_name(state, frame.place(NOWHERE));
                }
                self.escape(&value, state);
                state.doubt_facts();
                self.set_global(name);
            }
            Pattern::Member(member) => self.assign_member(frame, member, value, state)?,
            Pattern::Default { target, value: default } => match value.is_undefined() {
                Some(false) => self.assign(frame, target, value, state)?,
                Some(true) => {
                    let value = self.expression(frame, default, state)?;
                    self.assign(frame, target, value, state)?;
                }
                None => {
                    let value = self.fork(
                        frame,
                        default,
                        (&Tested::UNKNOWN, true),
                        state,
                        |this, state| this.expression(frame, default, state),
                        |_, _| Some(value),
                    )?;
                    self.assign(frame, target, value, state)?;
                }
            },
            Pattern::Object { properties, rest } => {
                if matches!(value, Value::Undefined | Value::Null) {
                    self.throw(state.clone());
                    return None;
                }
                self.may_be_nullish(frame, &value, state, NOWHERE);
                for (name, target) in properties {
                    let name = self.name(frame, name, state)?;
                    let member = self.member(&value, name.as_deref(), state)?;
                    self.assign(frame, target, member, state)?;
                }
                if let Some(rest) = rest {
                    let left = self.rest_of(&value, properties, state);
                    self.assign(frame, rest, left, state)?;
                }
            }
            Pattern::Array { elements, rest } => {
                let value = self.iterated(frame, &value, state, NOWHERE)?;
                let known = self.elements(&value, state);
                if known.is_none()
                    && let Some(generator) = self.generator(&value, state)
                {
                    if rest.is_some() {
                        self.run_whole(&generator, None, state)?;
                    } else if !elements.is_empty() {
                        self.run_first(&generator, state)?;
                    }
                }
                let unknown = if matches!(value, Value::External) { Value::External } else { Value::Any };
                for (index, element) in elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    let value = match &known {
                        Some(known) => known.get(index).cloned().unwrap_or(Value::Undefined),
                        None => unknown.clone(),
                    };
                    self.assign(frame, element, value, state)?;
                }
                if let Some(rest) = rest {
                    let left = match known {
                        Some(known) => self.array(known.into_iter().skip(elements.len()).collect(), false, state),
                        None => unknown,
                    };
                    self.assign(frame, rest, left, state)?;
                }
            }
            Pattern::Opaque => {
                self.escape(&value, state);
                self.forget(state);
            }
        }
        Some(())
    }

    fn rest_of(&mut self, value: &Value, taken: &[(Name, Pattern)], state: &mut State) -> Value {
        match value {
            Value::Object(_) => {
                let id = self.allocate(state, Object::new(ObjectKind::Plain));
                self.copy_into(id, value, state);
                if let Some(object) = state.object_mut(id) {
                    for (name, _) in taken {
                        match known(name) {
                            Some(name) => {
                                object.slots.remove(&name);
                            }
                            None => object.open = true,
                        }
                    }
                }
                Value::Object(id)
            }
            // What is left of a namespace has its other exports.
            Value::Namespace(_) => value.clone(),
            Value::Package(_, path) if crate::sdk::is_whole(path) => value.clone(),
            Value::External | Value::Global(_) | Value::Package(..) => Value::External,
            _ => Value::Any,
        }
    }

    fn assign_member(&mut self, frame: &Frame, member: &Expression, value: Value, state: &mut State) -> Option<()> {
        let Kind::Member { object, name, .. } = &member.kind else {
            self.escape(&value, state);
            return Some(());
        };
        let object = self.expression(frame, object, state)?;
        let name = self.name(frame, name, state)?;
        if let Value::Object(id) = &object
            && let Some(object) = state.object(*id)
        {
            if object.guard == Guard::Frozen && !object.open && !frame.code.is_script {
                self.throws(state, frame.place(member.at));
                return None;
            }
            if object.guard != Guard::None || object.open {
                self.fail(state, frame.place(member.at));
            }
        }
        match &object {
            Value::Object(id) => {
                self.set_property(frame, *id, &object, name.as_deref(), value, state)?;
            }
            Value::Class(class) => {
                self.set_property(frame, class.statics, &object, name.as_deref(), value, state)?;
            }
            Value::Undefined | Value::Null => {
                self.throws(state, frame.place(member.at));
                return None;
            }
            Value::Any => {
                self.escape(&value, state);
                self.forget(state);
            }
            Value::Global(of) if matches!(&**of, "globalThis" | "global") => {
                self.escape(&value, state);
                state.doubt_facts();
                self.set_global(name.as_deref().unwrap_or_default());
            }
            // In an ES module.
            Value::Namespace(_) | Value::Text(_) | Value::Number(_) | Value::Boolean(_) if !frame.code.is_script => {
                self.throws(state, frame.place(member.at));
                return None;
            }
            object => {
                if !matches!(object, Value::Global(name) if is_always_there(name)) {
                    self.fail(state, frame.place(member.at));
                }
                self.escape(&value, state);
                match object {
                    Value::Global(name) if &**name == "process.env" => state.forget_facts(),
                    _ => state.doubt_facts(),
                }
            }
        }
        Some(())
    }

    #[allow(clippy::too_many_arguments)]
    fn set_property(
        &mut self,
        frame: &Frame,
        id: u32,
        this: &Value,
        name: Option<&str>,
        value: Value,
        state: &mut State,
    ) -> Option<()> {
        let Some(object) = state.object(id) else { return Some(()) };
        if object.open {
            self.escape(&value, state);
            return Some(());
        }
        let setter = match name.and_then(|name| object.slots.get(name)) {
            Some(Slot::Accessor { set, .. }) => Some(set.clone()),
            Some(Slot::Value(_)) => None,
            None if object.prototype.is_some() => {
                let prototype = object.prototype.map(Value::Object);
                prototype.iter().for_each(|prototype| self.escape(prototype, state));
                None
            }
            None => object.class.clone().and_then(|class| setter(&class, name)).map(Some),
        };
        match setter {
            Some(Some(Value::Closure(setter))) => {
                self.call_closure(&setter, this.clone(), Arguments::of(vec![value]), state, false)?;
            }
            Some(Some(_)) => self.escape(&value, state),
            // An error in an ES module, and nothing in CommonJS.
            Some(None) if !frame.code.is_script => {
                self.throw(state.clone());
                return None;
            }
            Some(None) => {
                if let Some(catcher) = self.catchers.last_mut() {
                    catcher.is_test = true;
                }
                self.throw(state.clone());
            }
            None => self.put(id, name, Slot::Value(value), state),
        }
        if let Some(object) = state.object_mut(id)
            && let ObjectKind::Array(length) = &mut object.kind
        {
            *length = None;
        }
        Some(())
    }

    fn type_of(&mut self, frame: &Frame, operand: &Expression, state: &mut State) -> Option<Option<&'static str>> {
        // `typeof` of a name that nothing declares is no error.
        let value = match &operand.kind {
            Kind::Global(name) if COMMONJS_ALONE.contains(&name.as_str()) => {
                self.of_script(frame, name).unwrap_or(Value::Undefined)
            }
            Kind::Global(name) => global(name),
            _ => self.expression(frame, operand, state)?,
        };
        Some(match value {
            Value::Undefined => Some("undefined"),
            Value::Boolean(_) | Value::Test(_) => Some("boolean"),
            Value::Text(_) => Some("string"),
            Value::Null | Value::Object(_) | Value::Namespace(_) | Value::Promise(_) | Value::Client => Some("object"),
            Value::Closure(_)
            | Value::Class(_)
            | Value::Bound(_)
            | Value::Method(_)
            | Value::Settle(_)
            | Value::Require(_) => Some("function"),
            Value::Global(name) => match &*name {
                "window" | "document" | "Bun" | "Deno" | "EdgeRuntime" | "WebSocketPair" | "importScripts" => None,
                "process" | "globalThis" | "global" | "console" => Some("object"),
                "Promise" | "setTimeout" | "Object" => Some("function"),
                _ => None,
            },
            Value::Package(specifier, path) if crate::sdk::is_start(&specifier, &path) => Some("function"),
            _ => None,
        })
    }

    // Promises and generators.

    /// What `await` gives for a value.
    pub(super) fn settle(
        &mut self,
        frame: &Frame,
        value: Value,
        state: &mut State,
        operand: &Expression,
    ) -> Option<Value> {
        let settled = match &value {
            Value::Promise(promise) => {
                self.suspend(state);
                if promise.failed != Reach::NOWHERE {
                    let mut failed = self.copy(state)?;
                    failed.reach = failed.reach.then(promise.failed);
                    self.fail(&failed, frame.place(operand.at));
                }
                state.reach = state.reach.then(promise.effect);
                state.depends_on(&promise.conditions);
                if state.reach == Reach::NOWHERE {
                    let place = frame.place(operand.at);
                    if promise.failed == Reach::NOWHERE {
                        self.log.stuck.insert(place);
                    } else if self.catchers.is_empty() {
                        self.log.thrown.insert(place);
                    }
                    return None;
                }
                promise.value.clone()
            }
            Value::Object(_) => {
                // A thenable: its method is called, and gives the value.
                let then = self.member(&value, Some("then"), state)?;
                self.suspend(state);
                match then {
                    Value::Closure(then) => {
                        let resolve = Arguments::of(vec![Value::External, Value::External]);
                        self.call_closure(&then, value.clone(), resolve, state, false)?;
                        Value::Any
                    }
                    Value::Undefined => value.clone(),
                    _ => Value::Any,
                }
            }
            _ => {
                self.suspend(state);
                if matches!(value, Value::External | Value::Any) {
                    self.fail(state, frame.place(operand.at));
                }
                value.clone()
            }
        };
        Some(settled)
    }

    pub(super) fn promise(effect: Reach, value: Value) -> Value {
        Value::Promise(Rc::new(PromiseValue {
            effect,
            value,
            rejected: None,
            failed: Reach::NOWHERE,
            conditions: Rc::default(),
        }))
    }

    pub(super) fn bound(function: Value, this: Value, arguments: Vec<Value>) -> Value {
        Value::Bound(Rc::new(BoundValue { function, this, arguments }))
    }

    /// A frame for the body of a function.
    pub(super) fn run_body(
        &mut self,
        frame: &Frame,
        closure: &Closure,
        state: State,
    ) -> (Option<State>, Option<(State, Value)>) {
        let function = &closure.code.steps.functions[closure.function];
        let mut exits = Exits::default();
        let end = self.steps(frame, &function.body, state, &mut exits);
        (end, exits.returns)
    }
}

impl Value {
    /// Whether it is `undefined`, where that is known.
    fn is_undefined(&self) -> Option<bool> {
        match self {
            Self::Undefined => Some(true),
            Self::Null => Some(false),
            value => value.is_nullish(),
        }
    }
}

/// A function of a class.
pub(super) fn method(class: &Rc<ClassValue>, function: usize, is_static: bool) -> Closure {
    Closure {
        code: class.code.clone(),
        function,
        scope: class.scope.clone(),
        this: Value::Undefined,
        arguments: Value::Undefined,
        parent: Some(class.parent.clone()),
        is_static,
        class: Some(class.clone()),
    }
}

/// Whether a name of the host is an object in every Node.
fn is_always_there(name: &str) -> bool {
    const OBJECTS: [&str; 8] = [
        "process.env",
        "process.versions",
        "process.argv",
        "process.stdout",
        "process.stderr",
        "import.meta",
        "process.release",
        "process.config",
    ];
    OBJECTS.contains(&name) || !name.contains('.') && is_defined_by_node(name)
}

fn setter(class: &Rc<ClassValue>, name: Option<&str>) -> Option<Value> {
    let mut class = class.clone();
    loop {
        let members = &class.code.steps.classes[class.class].members;
        for (index, member) in members.iter().enumerate().filter(|(_, member)| !member.is_static) {
            if let (MemberKind::Setter(function), true) = (&member.kind, class.names[index].as_deref() == name) {
                return Some(Value::Closure(Rc::new(method(&class, *function, false))));
            }
        }
        let Value::Class(parent) = &class.parent else { return None };
        class = parent.clone();
    }
}
