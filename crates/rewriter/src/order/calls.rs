//! Calls: of functions that are followed, of constructors, of generators, and of what is not followed.

use std::{collections::BTreeSet, rc::Rc};

use presentry_parser::{Argument, Expression, ExpressionKind as Kind, Name};

use super::{
    condition::Place,
    evaluator::{Activation, Catcher, Evaluator, Frame},
    harmless::needs_its_object,
    reach::Reach,
    rules::Rule,
    state::{Pending, State, join},
    value::{Arguments, Closure, GeneratorCall, Object, ObjectKind, PromiseValue, Value},
};

impl Evaluator<'_> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn call_expression(
        &mut self,
        frame: &Frame,
        expression: &Expression,
        callee: &Expression,
        arguments: &[Argument],
        optional: bool,
        state: &mut State,
        awaited: bool,
    ) -> Option<Value> {
        let (function, this) = match &callee.kind {
            Kind::Member { object, name, optional } => {
                let is_promise_method =
                    matches!(name, Name::Known(name) if matches!(&**name, "then" | "catch" | "finally"));
                let object_value = if awaited && is_promise_method {
                    // A chain on a promise that is awaited in the end.
                    match self.promise_chain(frame, object, name, arguments, state, expression)? {
                        Ok(value) => return Some(value),
                        Err(object) => object,
                    }
                } else {
                    self.evaluate(frame, object, state, false)?
                };
                if *optional {
                    self.short_circuit(&object_value, frame, object, state)?;
                }
                let name = self.name(frame, name, state)?;
                (self.looked_up(frame, &object_value, name.as_deref(), callee.at, state)?, object_value)
            }
            Kind::SuperMember(_) => (self.expression(frame, callee, state)?, frame.this.clone()),
            _ => (self.expression(frame, callee, state)?, Value::Undefined),
        };
        if optional {
            self.short_circuit(&function, frame, callee, state)?;
        }
        let arguments = self.arguments(frame, arguments, state)?;
        self.call(frame, &function, this, arguments, state, expression, awaited)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn call(
        &mut self,
        frame: &Frame,
        function: &Value,
        this: Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        self.burn(1)?;
        let value = match function {
            Value::Closure(closure) => self.call_closure(closure, this, arguments, state, awaited)?,
            Value::Bound(bound) => {
                let mut values = bound.arguments.clone();
                values.extend(arguments.values);
                let arguments = Arguments { values, open: arguments.open };
                let bound = bound.clone();
                self.call(frame, &bound.function, bound.this.clone(), arguments, state, expression, awaited)?
            }
            Value::Method(method) => {
                let (receiver, name) = (method.0.clone(), method.1.clone());
                self.call_method(frame, &receiver, &name, arguments, state, expression, awaited)?
            }
            // They call what they are called on.
            Value::Global(name) if matches!(&**name, "Function.prototype.call" | "Function.prototype.apply") => {
                let name = name.rsplit_once('.').map_or("", |(_, name)| name);
                self.call_method(frame, &this, name, arguments, state, expression, awaited)?
            }
            Value::Global(name) => {
                if needs_its_object(name) && !matches!(this, Value::Global(_) | Value::Package(..)) {
                    self.fail(state, frame.place(expression.at));
                }
                self.call_global(frame, name, arguments, state, expression, awaited)?
            }
            Value::Package(specifier, path) => {
                self.call_package(frame, specifier, path, &arguments, state, expression)?
            }
            Value::Require(_) => {
                let specifier = arguments.get(0);
                self.require(frame, &specifier, state, expression)?
            }
            Value::Undefined
            | Value::Null
            | Value::Boolean(_)
            | Value::Number(_)
            | Value::Test(_)
            | Value::Text(_)
            | Value::Primitive
            | Value::Namespace(_)
            | Value::Object(_)
            | Value::Class(_)
            | Value::Promise(_) => {
                let is_open =
                    matches!(function, Value::Object(id) if state.object(*id).is_none_or(|object| object.open));
                if is_open {
                    return self.call_unknown(frame, arguments, state, expression);
                }
                self.throws(state, frame.place(expression.at));
                return None;
            }
            Value::Settle(id) => {
                self.escape_all(&arguments.values, state);
                if !arguments.values.iter().all(Value::is_primitive) || arguments.open {
                    self.may_be_rejected(*id);
                }
                self.may_settle(*id);
                Value::Undefined
            }
            Value::External | Value::Client => self.call_external(frame, &arguments, state, expression),
            Value::Any | Value::Uninitialised => return self.call_unknown(frame, arguments, state, expression),
        };
        Some(value)
    }

    /// Calls something of a package or of the host: it may call what it is given, now or later.
    pub(super) fn call_external(
        &mut self,
        frame: &Frame,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Value {
        self.escape_all(&arguments.values, state);
        state.doubt_facts();
        state.may_have_client = true;
        self.fail(state, frame.place(expression.at));
        Value::External
    }

    /// Calls something that was lost track of: any function of the modules.
    pub(super) fn call_unknown(
        &mut self,
        frame: &Frame,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        self.escape_all(&arguments.values, state);
        self.fail(state, frame.place(expression.at));
        self.unknown_code(frame, expression, state);
        Some(Value::Any)
    }

    /// Code that is not followed runs here.
    pub(super) fn unknown_code(&mut self, frame: &Frame, expression: &Expression, state: &mut State) {
        self.log.unknown(frame.place(expression.at));
        self.may_settle_all();
        self.forget(state);
        if self.targets.is_dangerous {
            self.may_load(frame, expression, state);
        }
    }

    pub(super) fn opaque(&mut self, frame: &Frame, expression: &Expression, state: &mut State) {
        self.log.unknown(frame.place(expression.at));
        self.may_settle_all();
        self.forget(state);
        let text = expression.at.of(&frame.code.module.text);
        if text.contains("import") || text.contains("require") || text.contains("eval") || self.targets.is_dangerous {
            self.may_load(frame, expression, state);
        }
    }

    // Functions.

    pub(super) fn call_closure(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        arguments: Arguments,
        state: &mut State,
        awaited: bool,
    ) -> Option<Value> {
        let target = self.constructing.take();
        let code = closure.code.clone();
        let function = &code.steps.functions[closure.function];
        self.log.called(&code.module.path, closure.function);
        if function.is_generator && self.holds(Rule::GeneratorWaits) {
            let call = GeneratorCall { closure: closure.clone(), this, arguments };
            let object = Object::new(ObjectKind::Iterator(Rc::new(call)));
            return Some(Value::Object(self.allocate(state, object)));
        }
        let path = &code.module.path;
        if !self.may_open(path, closure.function) {
            self.escape_all(&arguments.values, state);
            let frame = self.frame_of(closure, this, closure.scope.clone());
            let expression = Expression { at: function.at, kind: Kind::Opaque };
            // It may go on for ever.
            self.fail(state, frame.place(function.at));
            self.unknown_code(&frame, &expression, state);
            return Some(Value::Any);
        }
        self.burn(2 + u32::try_from(function.locals.len() / 8).unwrap_or(u32::MAX))?;
        self.open.push((path.clone(), closure.function));
        self.constructing = target;
        let value = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || match (function.is_async, awaited) {
            (false, _) => self.run_function(closure, this, arguments, state, awaited),
            (true, true) => self.run_inline(closure, this, arguments, state),
            (true, false) => self.run_detached(closure, this, arguments, state),
        });
        self.open.pop();
        value
    }

    pub(super) fn frame_of(&self, closure: &Rc<Closure>, this: Value, scope: Rc<super::value::Scope>) -> Frame {
        let is_arrow = closure.code.steps.functions[closure.function].is_arrow;
        let this = if is_arrow { closure.this.clone() } else { this };
        let arguments = if is_arrow { closure.arguments.clone() } else { Value::Any };
        let new_target = closure.new_target.clone();
        Frame { code: closure.code.clone(), scope, this, arguments, new_target, closure: Some(closure.clone()) }
    }

    /// Runs the body of a function that is no generator, up to its end.
    pub(super) fn run_function(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        arguments: Arguments,
        state: &mut State,
        awaited: bool,
    ) -> Option<Value> {
        self.awaited_calls.push(awaited);
        let result = self.run_here(closure, this, arguments, state);
        self.awaited_calls.pop();
        result
    }

    fn run_here(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        arguments: Arguments,
        state: &mut State,
    ) -> Option<Value> {
        let begin = self.fresh();
        let target = self.constructing.take();
        let frame = self.enter(closure, this, target, arguments, state)?;
        let body = std::mem::replace(state, State::new());
        let ends = self.run_body(&frame, closure, body);
        let (after, value) = self.one_end(ends, begin)?;
        *state = after;
        Some(value)
    }

    /// One of the ends of a body. What was made since this number is lost.
    pub(super) fn one_end(&mut self, ends: Vec<(State, Value)>, begin: u32) -> Option<(State, Value)> {
        let mut apart: Vec<(State, Value)> = Vec::new();
        for end in ends {
            let is_joined = |(state, value): &(State, Value)| {
                !state.loses_value(value, &end.0, &end.1) && !state.loses_before(&end.0, begin)
            };
            match apart.iter().position(is_joined) {
                None => apart.push(end),
                Some(at) => {
                    let before = apart.swap_remove(at);
                    apart.push(self.meet_with(before, end)?);
                }
            }
        }
        // What happens later belongs to no way of the caller.
        let is_later = apart.iter().any(|(state, _)| state.detached);
        if apart.len() > 1
            && !is_later
            && let Some(chosen) = self.choose(apart.len())
        {
            return Some(apart.swap_remove(chosen));
        }
        let mut apart = apart.into_iter();
        let first = apart.next()?;
        apart.try_fold(first, |all, end| self.meet_with(all, end))
    }

    /// Binds the parameters of a call.
    fn enter(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        target: Option<Value>,
        arguments: Arguments,
        state: &mut State,
    ) -> Option<Frame> {
        let code = closure.code.clone();
        let function = &code.steps.functions[closure.function];
        let scope = self.scope(state, &code, &function.locals, Some(closure.scope.clone()));
        let mut frame = self.frame_of(closure, this, scope);
        if let Some(target) = target.filter(|_| !function.is_arrow) {
            frame.new_target = target;
        }
        if function.reads_arguments && !function.is_arrow {
            frame.arguments = self.array(arguments.values.clone(), arguments.open, state);
        }
        if let Some(slot) = function.itself
            && let Some(cell) = frame.scope.cell(slot)
        {
            state.set(cell, Value::Closure(closure.clone()));
        }
        for (index, parameter) in function.parameters.iter().enumerate() {
            let is_rest = function.has_rest && index + 1 == function.parameters.len();
            let value = if is_rest {
                let rest = arguments.values.iter().skip(index).cloned().collect();
                self.array(rest, arguments.open, state)
            } else {
                arguments.get(index)
            };
            self.assign(&frame, parameter, value, state)?;
        }
        Some(frame)
    }

    /// An asynchronous call that is awaited at once.
    fn run_inline(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        arguments: Arguments,
        state: &mut State,
    ) -> Option<Value> {
        self.activations.push(Activation::Inline);
        let value = self.run_function(closure, this, arguments, state, true);
        self.activations.pop();
        let value = match value? {
            Value::Promise(promise) => {
                state.reach = state.reach.then(promise.effect);
                state.depends_on(&promise.conditions);
                if state.reach == Reach::NOWHERE {
                    return None;
                }
                promise.value.clone()
            }
            value => {
                if matches!(value, Value::Object(_)) && self.is_thenable(&value, state) {
                    let span = closure.code.steps.functions[closure.function].at;
                    let place = Place { module: closure.code.module.path.clone(), span };
                    self.fail(state, place);
                }
                value
            }
        };
        Some(Self::promise(Reach::NOTHING, value))
    }

    /// An asynchronous call that is not awaited at once: it runs to its first suspension, and the rest runs later.
    fn run_detached(
        &mut self,
        closure: &Rc<Closure>,
        this: Value,
        arguments: Arguments,
        state: &mut State,
    ) -> Option<Value> {
        let was_detached = std::mem::replace(&mut state.detached, false);
        self.loose += usize::from(was_detached);
        self.catchers.push(Catcher::default());
        self.activations.push(Activation::Detached(None));
        self.begin_own();
        let Some(mut body) = self.copy(state) else {
            self.own.pop();
            return None;
        };
        let value = self.run_function(closure, this, arguments, &mut body, false);
        self.own.pop();
        let activation = self.activations.pop();
        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
        self.loose -= usize::from(was_detached);
        let Some(Activation::Detached(suspended)) = activation else { return None };
        let mut is_thenable = false;
        let mut effect = Reach::NOWHERE;
        let mut rest = Reach::NOWHERE;
        let mut result = Value::Undefined;
        let mut caller = suspended;
        let mut later = Vec::new();
        let mut conditions = BTreeSet::new();
        if let Some(value) = value {
            let value = match value {
                Value::Promise(promise) => {
                    conditions.extend(promise.conditions.iter().cloned());
                    if body.detached {
                        body.reach = body.reach.then(promise.effect);
                    } else {
                        effect = effect.or(promise.effect);
                    }
                    promise.value.clone()
                }
                value => {
                    is_thenable = matches!(value, Value::Object(_)) && self.is_thenable(&value, &mut body);
                    value
                }
            };
            result = value;
            if body.detached {
                effect = effect.or(body.reach);
                rest = rest.or(body.reach);
                later.push(body);
            } else {
                if effect == Reach::NOWHERE {
                    effect = Reach::NOTHING;
                }
                caller = join(caller, Some(body));
            }
        }
        let mut rejected = None;
        let mut failed = if is_thenable { effect } else { Reach::NOWHERE };
        let decided = thrown.as_ref().map(|thrown| thrown.path.clone());
        if let Some(thrown) = thrown {
            if thrown.detached {
                failed = failed.or(thrown.reach);
                rest = rest.or(failed);
                later.push(thrown);
            } else {
                rejected = Some(thrown.reach);
                if caller.is_none() {
                    // It fails at once, on each path: what it returns is a promise that is rejected.
                    caller = Some(thrown);
                    result = Value::Any;
                    failed = Reach::NOTHING;
                }
            }
        }
        let mut caller = caller?;
        let decided = decided.map(|path| path.decided_since(&caller.path)).unwrap_or_default();
        for later in &later {
            conditions.extend(later.conditions.difference(&caller.conditions).cloned());
            caller.unsettle(later);
            for pending in later.pending.iter() {
                if !caller.pending.contains(pending) {
                    Rc::make_mut(&mut caller.pending).push(pending.clone());
                }
            }
            // What the rest made can be reached by what it returns.
            let cells = Rc::make_mut(&mut caller.cells);
            for (cell, value) in later.cells.iter() {
                cells.entry(*cell).or_insert_with(|| value.clone());
            }
            let objects = Rc::make_mut(&mut caller.objects);
            for (id, object) in later.objects.iter() {
                objects.entry(*id).or_insert_with(|| object.clone());
            }
        }
        if rest != Reach::NOWHERE {
            let pending = Pending::Effect(rest);
            if rest.has(Reach::LOADED.or(Reach::TOO_LATE)) && !caller.pending.contains(&pending) {
                Rc::make_mut(&mut caller.pending).push(pending);
            }
        }
        caller.detached = was_detached;
        *state = caller;
        let (conditions, decided) = (Rc::new(conditions), Rc::new(decided));
        Some(Value::Promise(Rc::new(PromiseValue { effect, value: result, rejected, failed, conditions, decided })))
    }
}
