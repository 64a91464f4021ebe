//! Expressions.

use std::rc::Rc;

use presentry_parser::{
    Argument, COMMONJS_ALONE, Expression, ExpressionKind as Kind, Logical, MemberKind, Name, Numeral, Property, SlotId,
    Span, is_defined_by_node,
};

use super::{
    evaluator::{Catcher, Evaluator, Exits, Frame},
    host::global,
    reach::Reach,
    rules::Rule,
    state::State,
    value::{Arguments, Birth, BoundValue, ClassValue, Closure, Object, ObjectKind, PromiseValue, Slot, Value, known},
};

/// The place of what has none of its own.
pub(super) const NOWHERE: Span = Span { start: 0, end: 0 };

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
                let Some(value) = self.of_script(frame, name, state) else {
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
            Kind::NewTarget => frame.new_target.clone(),
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
                self.looked_up(frame, &value, name.as_deref(), expression.at, state)?
            }
            Kind::SuperMember(name) => {
                let name = self.name(frame, name, state)?;
                self.super_member(frame, name.as_deref(), state)
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
                self.delete(frame, member, state)?;
                Value::External
            }
            Kind::TypeOf(operand) => match self.type_of(frame, operand, state)? {
                Some(word) => Value::Text(word.into()),
                None => Value::Primitive,
            },
            Kind::Equal { left, right, negated, loose } => {
                let left = self.expression(frame, left, state)?;
                let right = self.expression(frame, right, state)?;
                let both = [&left, &right];
                if *loose && !both.into_iter().any(|value| matches!(value, Value::Undefined | Value::Null)) {
                    for value in both.into_iter().filter(|value| matches!(value, Value::Object(_))) {
                        self.operand(frame, value, state, expression)?;
                    }
                }
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
                    _ => Value::Primitive,
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
                text.map_or(Value::Primitive, |text| Value::Text(text.into()))
            }
            Kind::Operands(operands) => {
                // Without operands it is a `bigint` or an expression that makes an object.
                let mut is_primitive = !operands.is_empty();
                for operand in operands {
                    let value = self.expression(frame, operand, state)?;
                    self.operand(frame, &value, state, expression)?;
                    is_primitive &= value.is_primitive();
                }
                if is_primitive { Value::Primitive } else { Value::External }
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
                    self.fail(state, frame.place(expression.at));
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

    /// Whether code that runs at another time may have assigned to a binding. What the present code has made itself is its
    /// own.
    pub(super) fn is_uncertain(&self, cell: u32, state: &State) -> bool {
        let is_loose = state.detached || self.loose > 0;
        is_loose && self.reassigned.contains(&cell) && !self.is_own(cell)
    }

    /// Whether the code that may run at another time has made a binding itself, so that it alone initialises it.
    fn is_own(&self, cell: u32) -> bool {
        self.own.last().is_some_and(|own| cell >= *own)
    }

    pub(super) fn read(&mut self, frame: &Frame, slot: SlotId, state: &mut State) -> Option<Value> {
        if let Some(value) = self.imported(frame, slot, state) {
            return Some(value);
        }
        let Some(cell) = frame.scope.cell(slot) else { return Some(Value::Any) };
        if self.is_uncertain(cell, state) {
            return Some(Value::Any);
        }
        let is_loose = (state.detached || self.loose > 0) && !self.is_own(cell);
        match state.cells.get(&cell) {
            Some(Value::Uninitialised) if is_loose || self.is_circular(&frame.code.module.path, state) => {
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
    pub(super) fn this(&mut self, frame: &Frame, expression: &Expression, state: &mut State) -> Option<Value> {
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

    pub(super) fn closure(&mut self, frame: &Frame, id: usize) -> Value {
        let function = &frame.code.steps.functions[id];
        let outer = frame.closure.as_ref();
        let is_arrow = function.is_arrow;
        Value::Closure(Rc::new(Closure {
            code: frame.code.clone(),
            function: id,
            scope: frame.scope.clone(),
            this: if is_arrow { frame.this.clone() } else { Value::Undefined },
            arguments: if is_arrow { frame.arguments.clone() } else { Value::Undefined },
            new_target: if is_arrow { frame.new_target.clone() } else { Value::Undefined },
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

    pub(super) fn object(&mut self, frame: &Frame, properties: &[Property], state: &mut State) -> Option<Value> {
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
                Property::Spread(value) => self.spread_into(frame, id, value, state)?,
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

    /// `{ ...value }`. Of one of two values, what both have and what neither has stays known.
    fn spread_into(&mut self, frame: &Frame, id: u32, value: &Expression, state: &mut State) -> Option<()> {
        let spread = |this: &mut Self, value: &Expression, state: &mut State| {
            this.spread_into(frame, id, value, state).map(|()| Value::Undefined)
        };
        match &value.kind {
            Kind::Conditional { test, then, otherwise } => {
                self.burn(1)?;
                self.chosen(
                    frame,
                    test,
                    state,
                    |this, state| spread(this, then, state),
                    |this, state| spread(this, otherwise, state),
                )?;
            }
            Kind::Logical { operator, left, right } => {
                self.burn(1)?;
                let left_value = self.expression(frame, left, state)?;
                let (goes_on, assumed) = self.goes_on(*operator, &left_value, state);
                // What counts as false has no properties.
                let stays = if *operator == Logical::And { Value::Undefined } else { left_value };
                let stay = |this: &mut Self, state: &mut State| this.copy_into(id, &stays, state);
                match goes_on {
                    Some(true) => self.spread_into(frame, id, right, state)?,
                    Some(false) => stay(self, state),
                    None => {
                        let (tested, truth) = &assumed;
                        self.fork(
                            frame,
                            left,
                            (tested, *truth),
                            state,
                            |this, state| spread(this, right, state),
                            |this, state| {
                                stay(this, state);
                                Some(Value::Undefined)
                            },
                        )?;
                    }
                }
            }
            _ => {
                let value = self.expression(frame, value, state)?;
                self.copy_into(id, &value, state);
            }
        }
        Some(())
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
            Value::External | Value::Primitive | Value::Text(_) | Value::Global(_) => {
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

    pub(super) fn class(&mut self, frame: &Frame, id: usize, state: &mut State) -> Option<Value> {
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
                if matches!(value, Value::Object(_) | Value::Any) {
                    self.fail(state, frame.place(expression.at));
                }
                self.made_primitive(&value, state)?;
                None
            }
        })
    }

    /// An operand of an operator. A symbol, or a mixture of numbers, is an error.
    pub(super) fn operand(
        &mut self,
        frame: &Frame,
        value: &Value,
        state: &mut State,
        expression: &Expression,
    ) -> Option<()> {
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
            Value::Class(_) => {}
            // It needs a prototype, which is an object.
            Value::Closure(closure) => {
                let function = &closure.code.steps.functions[closure.function];
                let has_none = function.is_arrow || function.is_method || function.is_async;
                let prototype = state.prototypes.get(&closure.key()).and_then(|id| state.object(*id));
                if has_none || prototype.is_some_and(|prototype| prototype.open) {
                    self.fail(state, frame.place(expression.at));
                }
            }
            Value::Global(name) if is_always_there(name) && !NOT_CALLED.contains(&&**name) => {}
            _ => self.fail(state, frame.place(expression.at)),
        }
        Some(())
    }

    /// A property of a value is read that may be `undefined` or `null`: that may fail.
    pub(super) fn may_be_nullish(&mut self, frame: &Frame, value: &Value, state: &State, at: Span) {
        let is_there = match value {
            Value::External | Value::Primitive | Value::Any => false,
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
    pub(super) fn made_primitive(&mut self, value: &Value, state: &mut State) -> Option<()> {
        let Value::Object(id) = value else { return Some(()) };
        let Some(object) = state.object(*id).cloned() else { return Some(()) };
        if let ObjectKind::Array(_) = object.kind {
            // Its text is made of those of its elements.
            self.burn(1)?;
            for slot in object.slots.values() {
                if let Slot::Value(element @ Value::Object(inner)) = slot
                    && inner != id
                {
                    self.made_primitive(element, state)?;
                }
            }
        }
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

    fn type_of(&mut self, frame: &Frame, operand: &Expression, state: &mut State) -> Option<Option<&'static str>> {
        // `typeof` of a name that nothing declares is no error.
        let value = match &operand.kind {
            Kind::Global(name) if COMMONJS_ALONE.contains(&name.as_str()) => {
                self.of_script(frame, name, state).unwrap_or(Value::Undefined)
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
                    self.fail_by(failed, &promise.decided, frame.place(operand.at));
                }
                if let Some(rejected) = promise.rejected {
                    let mut failed = self.copy(state)?;
                    failed.reach = failed.reach.or(rejected);
                    self.fail_by(failed, &promise.decided, frame.place(operand.at));
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
                        // Once it has settled the promise, it may fail.
                        self.catchers.push(Catcher::default());
                        let mut inside = self.copy(state)?;
                        let end = self.call_closure(&then, value.clone(), resolve, &mut inside, false);
                        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
                        *state = self.meet(end.map(|_| inside), thrown)?;
                        self.fail(state, frame.place(operand.at));
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
            decided: Rc::default(),
        }))
    }

    pub(super) fn bound(function: Value, this: Value, arguments: Vec<Value>) -> Value {
        Value::Bound(Rc::new(BoundValue { function, this, arguments }))
    }

    /// The ends of the body of a function, each with what it returns.
    pub(super) fn run_body(&mut self, frame: &Frame, closure: &Closure, state: State) -> Vec<(State, Value)> {
        let function = &closure.code.steps.functions[closure.function];
        let mut exits = Exits::default();
        let ends = self.steps_on_ways(frame, &function.body, state, &mut exits);
        ends.into_iter().map(|end| (end, Value::Undefined)).chain(exits.returns).collect()
    }
}

impl Value {
    /// Whether it is `undefined`, where that is known.
    pub(super) fn is_undefined(&self) -> Option<bool> {
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
        new_target: Value::Undefined,
        parent: Some(class.parent.clone()),
        is_static,
        class: Some(class.clone()),
    }
}

/// Objects of the host with capital names that are no constructors.
const NOT_CALLED: &[&str] = &["Math", "JSON", "Reflect", "Atomics", "Intl", "WebAssembly"];

/// Whether a name of the host is an object in every Node.
pub(super) fn is_always_there(name: &str) -> bool {
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
