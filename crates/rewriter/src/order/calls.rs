//! Calls: of functions that are followed, of constructors, of generators, and of what is not followed.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use presentry_parser::{Argument, Expression, ExpressionKind as Kind, Loop, LoopKind, MemberKind, Name};

use super::{
    evaluator::{Activation, Catcher, Consumer, Evaluator, Exits, Frame},
    expressions::method,
    log::Why,
    reach::Reach,
    rules::Rule,
    state::{Pending, State, join},
    value::{Arguments, Birth, ClassValue, Closure, GeneratorCall, Object, ObjectKind, PromiseValue, Slot, Value},
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
                (self.member(&object_value, name.as_deref(), state)?, object_value)
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
            Value::Global(name) => self.call_global(frame, name, arguments, state, expression, awaited)?,
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
                for value in &arguments.values {
                    self.escape(value, state);
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
        for value in &arguments.values {
            self.escape(value, state);
        }
        state.doubt_facts();
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
        for value in &arguments.values {
            self.escape(value, state);
        }
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
            for value in &arguments.values {
                self.escape(value, state);
            }
            let frame = self.frame_of(closure, this, closure.scope.clone());
            let expression = Expression { at: function.at, kind: Kind::Opaque };
            // It may go on for ever.
            self.fail(state, frame.place(function.at));
            self.unknown_code(&frame, &expression, state);
            return Some(Value::Any);
        }
        self.burn(2 + u32::try_from(function.locals.len() / 8).unwrap_or(u32::MAX))?;
        self.open.push((path.clone(), closure.function));
        let value = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || match (function.is_async, awaited) {
            (false, _) => self.run_function(closure, this, arguments, state, awaited),
            (true, true) => self.run_inline(closure, this, arguments, state),
            (true, false) => self.run_detached(closure, this, arguments, state),
        });
        self.open.pop();
        value
    }

    fn frame_of(&self, closure: &Rc<Closure>, this: Value, scope: Rc<super::value::Scope>) -> Frame {
        let is_arrow = closure.code.steps.functions[closure.function].is_arrow;
        let this = if is_arrow { closure.this.clone() } else { this };
        let arguments = if is_arrow { closure.arguments.clone() } else { Value::Any };
        Frame { code: closure.code.clone(), scope, this, arguments, closure: Some(closure.clone()) }
    }

    /// Runs the body of a function that is no generator, up to its end.
    fn run_function(
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
        let frame = self.enter(closure, this, arguments, state)?;
        let body = std::mem::replace(state, State::new());
        let (end, returned) = self.run_body(&frame, closure, body);
        let (after, value) = match (end, returned) {
            (Some(end), Some((returned, value))) => {
                (self.meet(Some(end), Some(returned))?, value.or(&Value::Undefined))
            }
            (Some(end), None) => (end, Value::Undefined),
            (None, Some((returned, value))) => (returned, value),
            (None, None) => return None,
        };
        *state = after;
        Some(value)
    }

    /// Binds the parameters of a call.
    fn enter(&mut self, closure: &Rc<Closure>, this: Value, arguments: Arguments, state: &mut State) -> Option<Frame> {
        let code = closure.code.clone();
        let function = &code.steps.functions[closure.function];
        let scope = self.scope(state, &code, &function.locals, Some(closure.scope.clone()));
        let mut frame = self.frame_of(closure, this, scope);
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
            value => value,
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
                value => value,
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
        let mut failed = Reach::NOWHERE;
        if let Some(thrown) = thrown {
            if thrown.detached {
                failed = thrown.reach;
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
        let conditions = Rc::new(conditions);
        Some(Value::Promise(Rc::new(PromiseValue { effect, value: result, rejected, failed, conditions })))
    }

    // Functions that code which is not followed may call.

    /// Hands a value to code that is not followed. Functions in it may be called now or later: what they load counts, and
    /// what they start does not.
    pub(super) fn escape(&mut self, value: &Value, state: &mut State) {
        if self.burn(1).is_none() {
            return;
        }
        match value {
            Value::Closure(closure) => self.escape_closure(closure, Value::External, state),
            Value::Object(id) => {
                let Some(object) = state.object(*id).cloned() else { return };
                if object.open {
                    return;
                }
                if let Some(object) = state.object_mut(*id) {
                    object.open = true;
                }
                for slot in object.slots.values() {
                    match slot {
                        Slot::Value(value) => self.escape(value, state),
                        Slot::Accessor { get, set } => {
                            for value in [get, set].into_iter().flatten() {
                                self.escape(value, state);
                            }
                        }
                    }
                }
                if let ObjectKind::Iterator(call) = &object.kind {
                    self.escape_generator(call, state);
                }
                if let Some(class) = &object.class {
                    self.escape_members(class, value, state);
                }
                if let Some(prototype) = object.prototype {
                    self.escape(&Value::Object(prototype), state);
                }
            }
            Value::Class(class) => {
                self.escape(&Value::Object(class.statics), state);
                if let Some(function) = class.code.steps.classes[class.class].constructor {
                    let constructor = Rc::new(method(class, function, false));
                    self.escape_closure(&constructor, Value::Any, state);
                }
                self.escape_members(class, &Value::Any, state);
            }
            Value::Bound(bound) => {
                for value in &bound.arguments {
                    self.escape(value, state);
                }
                self.escape(&bound.function, state);
            }
            Value::Promise(promise) => self.escape(&promise.value, state),
            Value::Settle(id) => self.may_settle(*id),
            Value::Package(specifier, path) if crate::sdk::is_start(specifier, path) => self.log.handed_out = true,
            Value::Namespace(_) if self.targets.is_dangerous => {
                state.reach = state.reach.perhaps(Reach::LOADED);
            }
            _ => {}
        }
    }

    fn escape_members(&mut self, class: &Rc<ClassValue>, this: &Value, state: &mut State) {
        let mut class = class.clone();
        loop {
            let code = class.code.clone();
            for member in code.steps.classes[class.class].members.iter().filter(|member| !member.is_static) {
                if let MemberKind::Method(function) | MemberKind::Getter(function) | MemberKind::Setter(function) =
                    member.kind
                {
                    self.escape_closure(&Rc::new(method(&class, function, false)), this.clone(), state);
                }
            }
            let Value::Class(parent) = &class.parent else { return };
            class = parent.clone();
        }
    }

    fn escape_closure(&mut self, closure: &Rc<Closure>, this: Value, state: &mut State) {
        let key = (closure.code.module.path.clone(), closure.function, closure.scope.id, state.reach);
        if !self.escaped.insert(key) {
            return;
        }
        let parameters = closure.code.steps.functions[closure.function].parameters.len();
        let arguments = Arguments::of(vec![Value::External; parameters.max(1)]);
        if !self.holds(Rule::CallbackIsPerhaps) {
            let _ = self.call_closure(closure, this, arguments, state, false);
            return;
        }
        self.perhaps(state, Why::Callback, |this_evaluator, state| {
            let value = this_evaluator.call_closure(closure, this, arguments, state, false)?;
            if let Value::Object(id) = &value
                && let Some(object) = state.object(*id)
                && let ObjectKind::Iterator(call) = &object.kind
            {
                let call = call.clone();
                this_evaluator.run_whole(&call, None, state)?;
            }
            Some(())
        });
    }

    fn escape_generator(&mut self, call: &Rc<GeneratorCall>, state: &mut State) {
        self.perhaps(state, Why::Generator, |this, state| this.run_whole(call, None, state));
    }

    /// Runs code that may run or not, now or at another time.
    pub(super) fn perhaps(
        &mut self,
        state: &mut State,
        why: Why,
        run: impl FnOnce(&mut Self, &mut State) -> Option<()>,
    ) {
        let Some(mut inside) = self.copy(state) else { return };
        let was_detached = inside.detached;
        self.loose += 1;
        let reason = self.log.why;
        self.log.why = Some(reason.unwrap_or(why));
        self.catchers.push(Catcher::default());
        self.begin_own();
        let end = run(self, &mut inside);
        self.own.pop();
        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
        self.log.why = reason;
        self.loose -= 1;
        let ended = end.map(|()| inside);
        for after in [ended, thrown].into_iter().flatten() {
            if after.detached == was_detached {
                state.reach = state.reach.or_worse(after.reach);
            } else {
                state.reach = state.reach.perhaps(after.reach);
            }
            state.unsettle(&after);
            for pending in after.pending.iter() {
                if !state.pending.contains(pending) {
                    Rc::make_mut(&mut state.pending).push(pending.clone());
                }
            }
        }
    }

    /// A function that the host calls at some later time.
    pub(super) fn later(&mut self, function: &Value, state: &mut State) {
        // What it starts is shown as too late, whenever it is called.
        let mut unused = state.clone();
        let escaped = self.escaped.clone();
        self.in_timer += 1;
        self.escape(function, &mut unused);
        self.in_timer -= 1;
        self.escaped = escaped;
        let pending = Pending::Callback(function.clone());
        if !state.pending.contains(&pending) {
            Rc::make_mut(&mut state.pending).push(pending);
        }
        if let Some(changed) = self.copy(&unused) {
            let reach = state.reach;
            state.unsettle(&changed);
            state.reach = reach;
        }
    }

    /// A function that an event of the process calls. Signals come from outside: none is taken to come before Sentry starts.
    pub(super) fn on_event(&mut self, event: &Value, function: &Value, state: &mut State) {
        let from_outside = matches!(event, Value::Text(name) if name.starts_with("SIG") || &**name == "exit");
        let pending = state.pending.clone();
        self.later(function, state);
        if from_outside {
            self.may_settle_all();
            state.pending = pending;
        }
    }

    // Constructors.

    pub(super) fn construct(
        &mut self,
        frame: &Frame,
        callee: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        self.burn(1)?;
        match callee {
            Value::Class(class) => {
                let mut object = Object::new(ObjectKind::Plain);
                object.class = Some(class.clone());
                let this = Value::Object(self.allocate(state, object));
                self.construct_class(frame, class, &this, arguments, state, expression)
            }
            Value::Closure(closure) => {
                let function = &closure.code.steps.functions[closure.function];
                if function.is_arrow || function.is_async || function.is_generator {
                    self.throws(state, frame.place(expression.at));
                    return None;
                }
                let this = Value::Object(self.allocate(state, Object::new(ObjectKind::Plain)));
                // What its prototype has is not followed.
                if let Value::Object(id) = &this
                    && closure.code.module.text.contains(".prototype")
                    && let Some(object) = state.object_mut(*id)
                {
                    object.open = true;
                }
                let value = self.call_closure(closure, this.clone(), arguments, state, false)?;
                Some(if matches!(value, Value::Undefined) { this } else { value })
            }
            Value::Package(specifier, path) if Self::is_emitter(specifier, path) => Some(self.emitter(state)),
            Value::Package(specifier, path) if Self::is_storage(specifier, path) => {
                Some(Value::Object(self.allocate(state, Object::new(ObjectKind::Storage))))
            }
            Value::Package(specifier, path) => {
                for value in &arguments.values {
                    self.escape(value, state);
                }
                if crate::sdk::is_client(specifier, path) {
                    return Some(Value::Client);
                }
                if !crate::sdk::is_of_sentry(specifier) {
                    self.fail(state, frame.place(expression.at));
                }
                Some(Value::External)
            }
            Value::Global(name) => self.construct_global(frame, name, arguments, state, expression),
            Value::Bound(bound) => {
                let mut values = bound.arguments.clone();
                values.extend(arguments.values);
                let arguments = Arguments { values, open: arguments.open };
                self.construct(frame, &bound.function.clone(), arguments, state, expression)
            }
            Value::External => Some(self.call_external(frame, &arguments, state, expression)),
            Value::Any | Value::Uninitialised | Value::Object(_) => {
                self.call_unknown(frame, arguments, state, expression)
            }
            _ => {
                self.throws(state, frame.place(expression.at));
                None
            }
        }
    }

    /// Runs the constructor of a class for an object.
    pub(super) fn construct_class(
        &mut self,
        frame: &Frame,
        class: &Rc<ClassValue>,
        this: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let code = class.code.clone();
        let definition = &code.steps.classes[class.class];
        let is_derived = definition.parent.is_some();
        set_birth(this, if is_derived { Birth::Awaited } else { Birth::Done }, state);
        if !is_derived {
            self.fields(class, this, state)?;
        }
        let Some(constructor) = definition.constructor else {
            if is_derived {
                self.construct_parent(frame, class, this, arguments, state, expression)?;
            }
            return Some(this.clone());
        };
        let constructor = Rc::new(method(class, constructor, false));
        let value = self.call_closure(&constructor, this.clone(), arguments, state, false)?;
        if is_derived && !matches!(value, Value::Object(_) | Value::Any) && birth(this, state) == Birth::Awaited {
            self.throw(state.clone());
            return None;
        }
        Some(match value {
            Value::Undefined => this.clone(),
            Value::Object(_) | Value::Closure(_) | Value::Promise(_) => value,
            Value::Any => Value::Any,
            _ => this.clone(),
        })
    }

    pub(super) fn super_call(
        &mut self,
        frame: &Frame,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let class = frame.closure.as_ref().and_then(|closure| closure.class.clone());
        let Some(class) = class else { return Some(Value::Any) };
        self.construct_parent(frame, &class, &frame.this.clone(), arguments, state, expression)?;
        Some(frame.this.clone())
    }

    fn construct_parent(
        &mut self,
        frame: &Frame,
        class: &Rc<ClassValue>,
        this: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<()> {
        match &class.parent {
            Value::Class(parent) => {
                self.construct_class(frame, parent, this, arguments, state, expression)?;
            }
            Value::Closure(parent) => {
                set_birth(this, Birth::Done, state);
                self.call_closure(parent, this.clone(), arguments, state, false)?;
            }
            Value::Any | Value::Uninitialised => {
                self.call_unknown(frame, arguments, state, expression)?;
            }
            Value::Undefined => {
                self.throws(state, frame.place(expression.at));
                return None;
            }
            Value::Package(specifier, _) if crate::sdk::is_of_sentry(specifier) => {
                for value in &arguments.values {
                    self.escape(value, state);
                }
            }
            _ => {
                self.call_external(frame, &arguments, state, expression);
            }
        }
        set_birth(this, Birth::Done, state);
        self.fields(class, this, state)
    }

    /// Runs the initialisers of an instance's fields.
    fn fields(&mut self, class: &Rc<ClassValue>, this: &Value, state: &mut State) -> Option<()> {
        let code = class.code.clone();
        for (index, member) in code.steps.classes[class.class].members.iter().enumerate() {
            let MemberKind::Field(value) = &member.kind else { continue };
            if member.is_static {
                continue;
            }
            let value = match value {
                Some(function) => {
                    let initialiser = Rc::new(method(class, *function, false));
                    self.call_closure(&initialiser, this.clone(), Arguments::default(), state, false)?
                }
                None => Value::Undefined,
            };
            if let Value::Object(id) = this
                && let Some(object) = state.object_mut(*id)
            {
                match &class.names[index] {
                    Some(name) => object.set(name, value),
                    None => object.open = true,
                }
            }
        }
        Some(())
    }

    // Generators.

    /// The call of a generator function that a value is.
    pub(super) fn generator(&self, value: &Value, state: &State) -> Option<Rc<GeneratorCall>> {
        let Value::Object(id) = value else { return None };
        match &state.object(*id)?.kind {
            ObjectKind::Iterator(call) => Some(call.clone()),
            _ => None,
        }
    }

    /// Runs a generator to its end. A loop that takes its values runs at each `yield`.
    pub(super) fn run_whole(
        &mut self,
        call: &Rc<GeneratorCall>,
        consumer: Option<Rc<RefCell<Consumer>>>,
        state: &mut State,
    ) -> Option<()> {
        self.run_generator(call, Activation::Whole(consumer), state).map(|_| ())
    }

    /// Runs a generator to its first `yield`.
    pub(super) fn run_first(&mut self, call: &Rc<GeneratorCall>, state: &mut State) -> Option<()> {
        let mut inside = self.copy(state)?;
        let (end, activation) = match self.run_generator(call, Activation::First(None), &mut inside) {
            Some(activation) => (Some(inside), Some(activation)),
            None => (None, self.left_generator.take()),
        };
        let yielded = match activation {
            Some(Activation::First(yielded)) => yielded,
            _ => None,
        };
        *state = self.meet(end, yielded)?;
        Some(())
    }

    fn run_generator(
        &mut self,
        call: &Rc<GeneratorCall>,
        activation: Activation,
        state: &mut State,
    ) -> Option<Activation> {
        let closure = &call.closure;
        let path = &closure.code.module.path;
        if !self.may_open(path, closure.function) {
            let frame = self.frame_of(closure, call.this.clone(), closure.scope.clone());
            let expression = Expression { at: closure.code.steps.functions[closure.function].at, kind: Kind::Opaque };
            self.unknown_code(&frame, &expression, state);
            return Some(activation);
        }
        self.open.push((path.clone(), closure.function));
        self.activations.push(activation);
        let value = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || {
            self.run_function(closure, call.this.clone(), call.arguments.clone(), state, false)
        });
        let activation = self.activations.pop();
        self.open.pop();
        if value.is_none() {
            self.left_generator = activation;
            return None;
        }
        activation
    }

    /// `yield` in the generator that runs.
    pub(super) fn yielded(
        &mut self,
        frame: &Frame,
        value: Value,
        is_delegate: bool,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        if is_delegate {
            let value = self.iterated(frame, &value, state, expression.at)?;
            if let Some(inner) = self.generator(&value, state) {
                let outer = self.activations.pop()?;
                let (result, outer) = match outer {
                    Activation::Whole(consumer) => {
                        let result = self.run_whole(&inner, consumer.clone(), state);
                        (result, Activation::Whole(consumer))
                    }
                    outer => {
                        let result = self.run_first(&inner, state);
                        (result, outer)
                    }
                };
                self.activations.push(outer);
                result?;
            } else {
                self.escape(&value, state);
            }
            if matches!(self.activations.last(), Some(Activation::Whole(_))) {
                return Some(Value::Any);
            }
        }
        let top = self.activations.len().checked_sub(1)?;
        match &mut self.activations[top] {
            Activation::First(yielded) => {
                let before = yielded.take();
                let here = state.clone();
                let joined = self.meet(before, Some(here));
                if let Activation::First(yielded) = &mut self.activations[top] {
                    *yielded = joined;
                }
                None
            }
            Activation::Whole(Some(consumer)) => {
                let consumer = consumer.clone();
                self.consume(&consumer, value, state)?;
                Some(Value::External)
            }
            Activation::Whole(None) => Some(Value::External),
            Activation::Inline | Activation::Detached(_) => Some(Value::Any),
        }
    }

    /// Runs one round of the loop over a generator.
    fn consume(&mut self, consumer: &Rc<RefCell<Consumer>>, value: Value, state: &mut State) -> Option<()> {
        let (frame, looped) = {
            let consumer = consumer.try_borrow().ok()?;
            (consumer.frame.clone(), consumer.looped.clone())
        };
        let LoopKind::Of { target, .. } = &looped.kind else { return None };
        // The loop stands outside of the generator: its ends are not the generator's.
        let generator = self.activations.pop()?;
        let mut exits = Exits::default();
        let mut inside = std::mem::replace(state, State::new());
        let after = match self.assign(&frame, target, value, &mut inside) {
            Some(()) => self.round(&frame, &looped, inside, &mut exits),
            None => None,
        };
        let left = self.take_breaks(&mut exits);
        self.activations.push(generator);
        if let Ok(mut consumer) = consumer.try_borrow_mut() {
            let before = consumer.breaks.take();
            consumer.breaks = join(before, left);
            let mut all = std::mem::take(&mut consumer.exits);
            self.pass_on(exits, &mut all);
            consumer.exits = all;
        }
        *state = after?;
        Some(())
    }

    /// `for (… of generator())`: the loop runs whenever the generator yields.
    pub(super) fn over_generator(
        &mut self,
        frame: &Frame,
        looped: &Rc<Loop>,
        call: &Rc<GeneratorCall>,
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let consumer = Consumer { frame: frame.clone(), looped: looped.clone(), exits: Exits::default(), breaks: None };
        let consumer = Rc::new(RefCell::new(consumer));
        let end = self.run_whole(call, Some(consumer.clone()), &mut state);
        let Ok(mut taken) = consumer.try_borrow_mut() else { return None };
        let inner = std::mem::take(&mut taken.exits);
        self.pass_on(inner, exits);
        let breaks = taken.breaks.take();
        self.meet(end.map(|()| state), breaks)
    }

    /// What a loop, a spread or a pattern takes its elements from: the iterator that an object gives.
    pub(super) fn iterated(
        &mut self,
        frame: &Frame,
        value: &Value,
        state: &mut State,
        at: presentry_parser::Span,
    ) -> Option<Value> {
        match value {
            Value::Undefined | Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Test(_) => {
                self.throws(state, frame.place(at));
                return None;
            }
            Value::Text(_) => return Some(Value::External),
            Value::Object(id) if self.is_iterator(*id, state) => return Some(self.taken(*id, state)),
            Value::Object(_) if self.elements(value, state).is_some() || self.generator(value, state).is_some() => {
                return Some(value.clone());
            }
            _ => self.fail(state, frame.place(at)),
        }
        let Value::Object(id) = value else { return Some(value.clone()) };
        if state.object(*id).is_some_and(|object| matches!(object.kind, ObjectKind::Array(_))) {
            return Some(Value::Any);
        }
        for name in ["Symbol.asyncIterator", "Symbol.iterator"] {
            if let Value::Closure(make) = self.member(value, Some(name), state)? {
                let iterator = self.call_closure(&make, value.clone(), Arguments::default(), state, false)?;
                if self.generator(&iterator, state).is_none() {
                    self.escape(&iterator, state);
                    return Some(Value::Any);
                }
                return Some(iterator);
            }
        }
        self.escape(value, state);
        Some(Value::Any)
    }

    /// `generator.next()`
    pub(super) fn next(&mut self, id: u32, call: &Rc<GeneratorCall>, state: &mut State) -> Option<Value> {
        const BEGUN: &str = "#begun";
        let begun = state.object(id).is_some_and(|object| object.slots.contains_key(BEGUN));
        if begun || state.object(id).is_none_or(|object| object.open) {
            self.escape_generator(call, state);
        } else {
            self.run_first(call, state)?;
            if let Some(object) = state.object_mut(id) {
                object.set(BEGUN, Value::Boolean(true));
            }
        }
        let result = Value::External;
        if call.closure.code.steps.functions[call.closure.function].is_async {
            return Some(Self::promise(Reach::NOTHING, result));
        }
        Some(result)
    }
}

fn birth(this: &Value, state: &State) -> Birth {
    match this {
        Value::Object(id) => state.object(*id).map_or(Birth::Done, |object| object.birth),
        _ => Birth::Done,
    }
}

fn set_birth(this: &Value, birth: Birth, state: &mut State) {
    if let Value::Object(id) = this
        && let Some(object) = state.object_mut(*id)
    {
        object.birth = birth;
    }
}
