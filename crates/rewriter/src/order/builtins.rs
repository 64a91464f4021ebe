//! What the evaluation knows of the host's functions, of methods of its own values, and of the SDK.

use std::{collections::BTreeSet, rc::Rc};

use presentry_parser::{Argument, Expression, Name};

use super::{
    condition::{Condition, ConditionKind},
    evaluator::{Catcher, Evaluator, Frame},
    harmless::{given, is_function, taken},
    host::global,
    log::{LostBy, Why},
    reach::Reach,
    state::State,
    value::{Arguments, Guard, Object, ObjectKind, PromiseValue, Slot, Value},
};

/// What a handler of a promise does.
pub(super) struct Handled {
    pub(super) effect: Reach,
    pub(super) value: Value,
    /// What happens until it fails; nowhere if it is not known to fail.
    failed: Reach,
    /// What decides whether it fails.
    decided: BTreeSet<Condition>,
}

/// The method that a value is, whatever it is called on.
fn called_on(function: &Value) -> Option<Rc<str>> {
    match function {
        Value::Method(method) => Some(method.1.clone()),
        Value::Global(name) => name.strip_prefix("Array.prototype.").map(Rc::from),
        _ => None,
    }
}

fn is_array(value: &Value, state: &State) -> bool {
    let Value::Object(id) = value else { return false };
    state.object(*id).is_some_and(|object| matches!(object.kind, ObjectKind::Array(_)))
}

/// How the names begin of symbols that the modules make.
pub(super) const OWN_SYMBOL: &str = "Symbol.own ";

/// The methods that change an array in place: its length, or elements alone, of which there may be none.
const CHANGE_LENGTH: &[&str] = &["push", "pop", "shift", "unshift", "splice"];
const CHANGE_ELEMENTS: &[&str] = &["sort", "reverse", "fill", "copyWithin"];

impl Evaluator<'_> {
    /// `a.then(f)` and the like in the operand of `await`, with what `a` is when it is no promise.
    #[allow(clippy::type_complexity)]
    pub(super) fn promise_chain(
        &mut self,
        frame: &Frame,
        object: &Expression,
        name: &Name,
        arguments: &[Argument],
        state: &mut State,
        expression: &Expression,
    ) -> Option<Result<Value, Value>> {
        let Name::Known(name) = name else { return Some(Err(self.evaluate(frame, object, state, false)?)) };
        let is_catch = name == "catch" || name == "finally" || arguments.len() > 1;
        if is_catch {
            self.catchers.push(Catcher::default());
        }
        let value = self.evaluate(frame, object, state, true);
        let settled = match value {
            Some(value @ (Value::Promise(_) | Value::External)) => self.settle(frame, value, state, object),
            Some(value) => {
                if is_catch {
                    self.catchers.pop();
                }
                return Some(Err(value));
            }
            None => None,
        };
        let thrown = if is_catch { self.catchers.pop() } else { None }.unwrap_or_default();
        let mut failed = thrown.state;
        let mut ended = settled.map(|value| (value, std::mem::replace(state, State::new())));
        let list = match (&mut ended, &mut failed) {
            (Some((_, state)), _) | (None, Some(state)) => self.arguments(frame, arguments, state)?,
            (None, None) => return None,
        };
        let (on_value, on_failure) = match name.as_str() {
            "then" => (list.get(0), list.get(1)),
            "catch" => (Value::Undefined, list.get(0)),
            _ => (list.get(0), list.get(0)),
        };
        let is_finally = name == "finally";
        let after = match ended {
            Some((value, mut state)) => {
                let given = if is_finally { Arguments::default() } else { Arguments::of(vec![value.clone()]) };
                let result = self.callback(frame, &on_value, given, &mut state, expression);
                result.map(|result| (if is_finally { value } else { result.unwrap_or(value) }, state))
            }
            None => None,
        };
        let is_exception = usize::from(after.is_some());
        let caught = match failed {
            Some(mut state) if !matches!(on_failure, Value::Undefined) => {
                self.failed += is_exception;
                let given = if is_finally { Arguments::default() } else { Arguments::of(vec![Value::External]) };
                let result = self.callback(frame, &on_failure, given, &mut state, expression);
                self.failed -= is_exception;
                if is_finally {
                    self.throw(state);
                    None
                } else {
                    result.map(|result| (result.unwrap_or(Value::External), state))
                }
            }
            Some(failed) => {
                self.throw(failed);
                None
            }
            None => None,
        };
        let (value, after) = match (after, caught) {
            (Some((one, left)), Some((two, right))) => (one.or(&two), self.meet(Some(left), Some(right))?),
            (Some((value, state)), None) | (None, Some((value, state))) => (value, state),
            (None, None) => return None,
        };
        *state = after;
        Some(Ok(Self::promise(Reach::NOTHING, value)))
    }

    /// Calls a handler of a promise that is awaited; `None` inside where there is none.
    #[allow(clippy::option_option)]
    fn callback(
        &mut self,
        frame: &Frame,
        handler: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Option<Value>> {
        if matches!(handler, Value::Undefined | Value::Null) {
            return Some(None);
        }
        let value = self.call(frame, handler, Value::Undefined, arguments, state, expression, true)?;
        if matches!(value, Value::Promise(_) | Value::Object(_)) {
            return Some(Some(self.settle(frame, value, state, expression)?));
        }
        Some(Some(value))
    }

    /// The effect of a handler that runs after the promise before it.
    pub(super) fn effect_of(
        &mut self,
        frame: &Frame,
        handler: &Value,
        arguments: Arguments,
        state: &mut State,
        conditions: &mut BTreeSet<Condition>,
        expression: &Expression,
    ) -> Handled {
        let failed = Reach::NOWHERE;
        let Some(mut inside) = self.copy(state) else {
            return Handled { effect: Reach::NOWHERE, value: Value::Any, failed, decided: BTreeSet::new() };
        };
        inside.reach = Reach::NOTHING;
        inside.detached = true;
        self.loose += 1;
        let why = self.log.why;
        self.log.why = Some(why.unwrap_or(Why::NotAwaited));
        self.catchers.push(Catcher::default());
        self.begin_own();
        let value = self.beside_the_step(|this| {
            this.call(frame, handler, Value::Undefined, arguments, &mut inside, expression, false)
        });
        self.own.pop();
        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
        self.log.why = why;
        self.loose -= 1;
        let mut failed = thrown.as_ref().map_or(failed, |state| state.reach);
        let mut decided = BTreeSet::new();
        if let Some(thrown) = &thrown
            && value.is_some()
        {
            decided = thrown.path.decided_since(&inside.path);
            decided.extend(thrown.conditions.difference(&state.conditions).cloned());
        }
        let (effect, value) = match value {
            Some(Value::Promise(promise)) => {
                conditions.extend(promise.conditions.iter().cloned());
                (inside.reach.then(promise.effect), promise.value.clone())
            }
            Some(value) => {
                if matches!(value, Value::Object(_)) && self.is_thenable(&value, &mut inside) {
                    failed = failed.or(inside.reach);
                }
                (inside.reach, value)
            }
            None => (Reach::NOWHERE, Value::Any),
        };
        conditions.extend(inside.conditions.difference(&state.conditions).cloned());
        state.unsettle(&inside);
        if let Some(thrown) = thrown {
            state.unsettle(&thrown);
        }
        self.adopt(state, &inside);
        Handled { effect, value, failed, decided }
    }

    /// Takes over what another state has made.
    pub(super) fn adopt(&mut self, state: &mut State, other: &State) {
        let cells = Rc::make_mut(&mut state.cells);
        for (cell, value) in other.cells.iter() {
            cells.entry(*cell).or_insert_with(|| value.clone());
        }
        let objects = Rc::make_mut(&mut state.objects);
        for (id, object) in other.objects.iter() {
            objects.entry(*id).or_insert_with(|| object.clone());
        }
        for pending in other.pending.iter() {
            if !state.pending.contains(pending) {
                Rc::make_mut(&mut state.pending).push(pending.clone());
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn call_method(
        &mut self,
        frame: &Frame,
        receiver: &Value,
        name: &str,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        if self.is_patched(name) {
            self.escape(receiver, state);
            return self.call_unknown(frame, arguments, state, expression);
        }
        match (receiver, name) {
            (Value::Client, "init") => {
                self.start_at(frame.place(expression.at), state);
                Some(Value::Undefined)
            }
            (Value::Client, _) => {
                self.call_external(frame, &arguments, state, expression);
                Some(Value::External)
            }
            (Value::Text(text), _) => {
                let text = text.clone();
                self.call_text_method(frame, &text, name, &arguments, state, expression)
            }
            (Value::Promise(promise), _) => {
                let promise = promise.clone();
                Some(self.on_promise(frame, &promise, name, &arguments, state, expression))
            }
            (Value::Object(id), _) => {
                self.call_object_method(frame, *id, receiver, name, arguments, state, expression, awaited)
            }
            (function, "call") => {
                let this = arguments.get(0);
                let rest = arguments.values.into_iter().skip(1).collect();
                let rest = Arguments { values: rest, open: arguments.open };
                if let Some(name) = called_on(function) {
                    return self.call_method(frame, &this, &name, rest, state, expression, awaited);
                }
                self.call(frame, function, this, rest, state, expression, awaited)
            }
            (function, "apply") => {
                let this = arguments.get(0);
                let list = arguments.get(1);
                let rest = match self.elements(&list, state) {
                    Some(values) => Arguments::of(values),
                    None if matches!(list, Value::Undefined | Value::Null) => Arguments::default(),
                    None => self.listed(frame, &list, state, expression),
                };
                if let Some(name) = called_on(function) {
                    return self.call_method(frame, &this, &name, rest, state, expression, awaited);
                }
                self.call(frame, function, this, rest, state, expression, awaited)
            }
            (function, "bind") => {
                let this = arguments.get(0);
                let rest = arguments.values.into_iter().skip(1).collect();
                Some(Self::bound(function.clone(), this, rest))
            }
            _ => Some(self.call_external(frame, &arguments, state, expression)),
        }
    }

    /// `promise.then(f)` of a promise that is not awaited here.
    fn on_promise(
        &mut self,
        frame: &Frame,
        promise: &Rc<PromiseValue>,
        name: &str,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Value {
        if name == "catch" || name == "then" && arguments.values.len() > 1 || name == "finally" {
            // The failure before the first suspension does not end the process.
            if let Some(rejected) = promise.rejected {
                if rejected != state.reach {
                    let condition = Condition { place: frame.place(expression.at), kind: ConditionKind::Failure };
                    let decided = Rc::make_mut(&mut state.conditions);
                    decided.extend(promise.decided.iter().cloned());
                    if promise.decided.is_empty() {
                        decided.insert(condition);
                    }
                }
                state.reach = state.reach.or(rejected);
            }
        }
        let (mut effect, mut failed, mut value) = (promise.effect, promise.failed, promise.value.clone());
        let mut conditions: BTreeSet<Condition> = promise.conditions.iter().cloned().collect();
        let mut decided: BTreeSet<Condition> = promise.decided.iter().cloned().collect();
        match name {
            "then" => {
                let given = Arguments::of(vec![promise.value.clone()]);
                let handled = self.effect_of(frame, &arguments.get(0), given, state, &mut conditions, expression);
                effect = promise.effect.then(handled.effect);
                let thrown = promise.effect.then(handled.failed);
                failed = failed.or(thrown);
                value = handled.value;
                if !matches!(arguments.get(1), Value::Undefined) {
                    let given = Arguments::of(vec![Value::External]);
                    let caught = self.effect_of(frame, &arguments.get(1), given, state, &mut conditions, expression);
                    effect = effect.or(promise.failed.then(caught.effect));
                    failed = thrown.or(promise.failed.then(caught.failed));
                    conditions.append(&mut decided);
                    value = Value::Any;
                }
                decided.extend(handled.decided);
            }
            "catch" => {
                let given = Arguments::of(vec![Value::External]);
                self.failed += 1;
                let caught = self.effect_of(frame, &arguments.get(0), given, state, &mut conditions, expression);
                self.failed -= 1;
                let after = failed.then(caught.effect);
                if after != effect {
                    conditions.append(&mut decided);
                }
                effect = effect.or(after);
                failed = failed.then(caught.failed);
                decided = caught.decided;
                value = value.or(&Value::Any);
            }
            "finally" => {
                let given = Arguments::default();
                let after = self.effect_of(frame, &arguments.get(0), given, state, &mut conditions, expression).effect;
                effect = effect.then(after);
                failed = failed.then(after);
            }
            _ => {}
        }
        self.pending_effect(state, effect.or(failed));
        let (conditions, decided) = (Rc::new(conditions), Rc::new(decided));
        Value::Promise(Rc::new(PromiseValue { effect, value, rejected: None, failed, conditions, decided }))
    }

    pub(super) fn pending_effect(&mut self, state: &mut State, effect: Reach) {
        let pending = super::state::Pending::Effect(effect);
        if effect.has(Reach::LOADED.or(Reach::TOO_LATE)) && !state.pending.contains(&pending) {
            Rc::make_mut(&mut state.pending).push(pending);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn call_object_method(
        &mut self,
        frame: &Frame,
        id: u32,
        receiver: &Value,
        name: &str,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        if let Some(call) = self.generator(receiver, state) {
            return match name {
                "next" => self.next(frame, id, &call, state, expression),
                _ => {
                    self.fail(state, frame.place(expression.at));
                    self.escape(receiver, state);
                    Some(Value::External)
                }
            };
        }
        match state.object(id).map(|object| object.kind.clone()) {
            Some(ObjectKind::Collection { is_map, .. }) => {
                return self.call_collection(frame, id, is_map, name, &arguments, state, expression);
            }
            Some(ObjectKind::Emitter) => return self.call_emitter(frame, id, name, &arguments, state, expression),
            Some(ObjectKind::Storage) => {
                return self.call_storage(frame, name, arguments, state, expression, awaited);
            }
            _ => {}
        }
        let changes_length = CHANGE_LENGTH.contains(&name);
        if changes_length || CHANGE_ELEMENTS.contains(&name) {
            match state.object(id).map(|object| object.guard) {
                Some(Guard::Frozen) if changes_length => {
                    self.throws(state, frame.place(expression.at));
                    return None;
                }
                Some(Guard::Frozen | Guard::Doubtful) => self.fail(state, frame.place(expression.at)),
                Some(Guard::None) | None => {}
            }
        }
        let elements = self.elements(receiver, state);
        if matches!(name, "sort" | "toSorted")
            && let Some(elements) = &elements
        {
            if !matches!(arguments.get(0), Value::Undefined) {
                self.takes_function(frame, &arguments.get(0), state, expression);
            }
            self.sorted(frame, elements, &arguments, state, expression)?;
            self.made_primitive(receiver, state)?;
        }
        match name {
            "forEach" | "map" | "filter" | "some" | "every" | "find" | "findIndex" | "findLast" | "flatMap" => {
                let function = arguments.get(0);
                self.takes_function(frame, &function, state, expression);
                let Some(elements) = elements else {
                    return self.call_with_elements(frame, receiver, arguments, state, expression);
                };
                let mut results = Vec::new();
                let all = elements.clone();
                for (index, element) in elements.into_iter().enumerate() {
                    let given = Arguments::of(vec![element, Value::External, receiver.clone()]);
                    let may_stop = index > 0 && matches!(name, "some" | "every" | "find" | "findIndex" | "findLast");
                    if may_stop {
                        // What came before may have been enough.
                        let condition = self.condition(frame, expression.at, ConditionKind::Test);
                        let mut copy = self.copy(state)?;
                        copy.path.push(&condition, 0);
                        state.path.push(&condition, 1);
                        self.call(frame, &function, arguments.get(1), given, state, expression, false)?;
                        let before = std::mem::replace(state, State::new());
                        *state = self.meet(Some(before), Some(copy))?;
                        continue;
                    }
                    results.push(self.call(frame, &function, arguments.get(1), given, state, expression, false)?);
                }
                Some(match name {
                    "filter" => {
                        let mut kept = Vec::new();
                        for (result, element) in results.iter().zip(all) {
                            let is_kept = match state.truth(result) {
                                Some(truth) => truth,
                                // One of two values, of which only the truth counts.
                                None => match self.one_of(
                                    frame,
                                    expression.at,
                                    vec![element.clone(), Value::Undefined],
                                    state,
                                ) {
                                    Value::Undefined => false,
                                    value if value == element => true,
                                    _ => {
                                        return Some(if state.is_plain(receiver, 0) {
                                            Value::External
                                        } else {
                                            Value::Any
                                        });
                                    }
                                },
                            };
                            kept.extend(is_kept.then_some(element));
                        }
                        self.array(kept, false, state)
                    }
                    "find" | "findLast" => {
                        let values = all.into_iter().chain([Value::Undefined]).collect();
                        self.one_of(frame, expression.at, values, state)
                    }
                    "map" => self.array(results, false, state),
                    "forEach" => Value::Undefined,
                    "some" | "every" | "findIndex" => Value::External,
                    _ => Value::Any,
                })
            }
            "reduce" | "reduceRight" => {
                self.takes_function(frame, &arguments.get(0), state, expression);
                let Some(mut elements) = elements else {
                    return self.call_with_elements(frame, receiver, arguments, state, expression);
                };
                if name == "reduceRight" {
                    elements.reverse();
                }
                if elements.is_empty() && arguments.values.len() < 2 && !arguments.open {
                    self.throws(state, frame.place(expression.at));
                    return None;
                }
                let mut elements = elements.into_iter();
                let first = if arguments.values.len() > 1 { Some(arguments.get(1)) } else { elements.next() };
                let mut value = first.unwrap_or(Value::Any);
                for element in elements {
                    let given = Arguments::of(vec![value, element, Value::External, receiver.clone()]);
                    value = self.call(frame, &arguments.get(0), Value::Undefined, given, state, expression, false)?;
                }
                Some(value)
            }
            "push" => {
                let Some(object) = state.object_mut(id) else { return Some(Value::External) };
                let ObjectKind::Array(length) = &mut object.kind else { return Some(Value::Any) };
                match length {
                    Some(known) if !arguments.open => {
                        let start = *known;
                        *known += arguments.values.len();
                        for (index, value) in arguments.values.into_iter().enumerate() {
                            object.set(&(start + index).to_string(), value);
                        }
                    }
                    _ => {
                        self.escape_all(&arguments.values, state);
                        if let Some(object) = state.object_mut(id) {
                            object.open = true;
                        }
                    }
                }
                Some(Value::External)
            }
            "slice" if arguments.values.is_empty() => match elements {
                Some(elements) => Some(self.array(elements, false, state)),
                None => Some(Value::Any),
            },
            "includes" | "join" | "indexOf" => {
                let are_primitive =
                    elements.is_some_and(|elements| name != "join" || elements.iter().all(Value::is_primitive));
                if !are_primitive || !arguments.values.iter().skip(usize::from(name != "join")).all(Value::is_primitive)
                {
                    self.fail(state, frame.place(expression.at));
                }
                if name == "join" {
                    self.made_primitive(receiver, state)?;
                }
                Some(Value::Primitive)
            }
            "values" | "entries" | "keys" if elements.is_some() => {
                let pairs = elements.into_iter().flatten().enumerate();
                let pairs = pairs.map(|(index, element)| (Value::number(index), element)).collect();
                Some(self.iterator(name, pairs, state))
            }
            "at" | "values" | "entries" | "keys" | "slice" | "concat" | "flat" | "toReversed" | "toSorted" | "with" => {
                if name == "with" || !arguments.values.iter().all(Value::is_primitive) && name != "toSorted" {
                    self.fail(state, frame.place(expression.at));
                }
                self.escape_all(&arguments.values, state);
                Some(Value::Any)
            }
            _ => {
                if !is_array(receiver, state) || arguments.open || !arguments.values.iter().all(Value::is_primitive) {
                    self.fail(state, frame.place(expression.at));
                }
                self.escape_all(&arguments.values, state);
                if !is_array(receiver, state) {
                    self.escape(receiver, state);
                }
                // It may be changed in place.
                if let Some(object) = state.object_mut(id)
                    && matches!(object.kind, ObjectKind::Array(_))
                {
                    object.kind = ObjectKind::Array(None);
                    object.open = true;
                }
                Some(Value::Any)
            }
        }
    }

    /// A method of an array that calls what it is given with elements that are not known: they may be functions.
    fn call_with_elements(
        &mut self,
        frame: &Frame,
        array: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        if !is_array(array, state) {
            // What is like an array has its elements read.
            self.escape(array, state);
        }
        if state.is_plain(array, 0) && !matches!(array, Value::Object(id) if !self.finds(*id, state)) {
            return Some(self.call_external(frame, &arguments, state, expression));
        }
        self.call_unknown(frame, arguments, state, expression)
    }

    /// The names of the properties of a plain object, where all are known.
    fn names_of(&self, value: &Value, state: &State) -> Option<Vec<Value>> {
        let Value::Object(id) = value else { return None };
        let object = state.object(*id).filter(|_| self.finds(*id, state))?;
        let is_known = matches!(object.kind, ObjectKind::Plain)
            && !(object.open || object.has_unnamed || object.has_hidden || object.class.is_some())
            && !object.slots.keys().any(|name| name.starts_with("Symbol."));
        // A property that was deleted, or is there on one path alone, has a value that is not known.
        let is_there = |slot: &Slot| !matches!(slot, Slot::Value(Value::Any | Value::External | Value::Undefined));
        // The order of several is not known.
        let is_known = is_known && object.slots.len() <= 1 && object.slots.values().all(is_there);
        is_known.then(|| object.slots.keys().map(|name| Value::Text(name.clone())).collect())
    }

    pub(super) fn global_property(&mut self, name: &str, _state: &State) -> Value {
        if self.globals.contains(name) {
            return Value::Any;
        }
        match global(name) {
            Value::Global(name) if !KNOWN_GLOBALS.contains(&&*name) => Value::External,
            value => value,
        }
    }

    pub(super) fn set_global(&mut self, name: &str) {
        self.globals.insert(name.to_owned());
    }

    pub(super) fn call_global(
        &mut self,
        frame: &Frame,
        name: &Rc<str>,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        let root = name.split('.').next().unwrap_or_default();
        if self.globals.contains(root) || self.is_patched(name) {
            return self.call(frame, &Value::Any, Value::Undefined, arguments, state, expression, awaited);
        }
        match &**name {
            "process.exit" | "process.abort" | "process.reallyExit" => {
                self.log.ended.insert(frame.place(expression.at));
                None
            }
            "Boolean" => {
                let value = arguments.get(0);
                Some(value.as_test(state.truth(&value), false))
            }
            "Promise.resolve" => Some(match arguments.get(0) {
                promise @ Value::Promise(_) => promise,
                value if self.is_thenable(&value, state) => Self::perhaps_rejected(),
                value => Self::promise(Reach::NOTHING, value),
            }),
            "Promise.reject" => Some(Self::rejected()),
            "Promise.all" | "Promise.allSettled" | "Promise.any" | "Promise.race" => {
                Some(self.all(&name["Promise.".len()..], &arguments, state))
            }
            "Promise.try" => {
                self.fail(state, frame.place(expression.at));
                let function = arguments.get(0);
                let rest = Arguments { values: arguments.values.into_iter().skip(1).collect(), open: arguments.open };
                let value = self.call(frame, &function, Value::Undefined, rest, state, expression, awaited)?;
                Some(match value {
                    Value::Promise(_) => value,
                    value => Self::promise(Reach::NOTHING, value),
                })
            }
            "setTimeout" | "setImmediate" | "setInterval" | "queueMicrotask" | "process.nextTick" => {
                self.takes_function(frame, &arguments.get(0), state, expression);
                self.escape_all(arguments.values.iter().skip(1), state);
                self.later(&arguments.get(0), state);
                if &**name == "queueMicrotask" {
                    self.soon(&arguments.get(0), state);
                }
                Some(Value::External)
            }
            "process.on"
            | "process.once"
            | "process.addListener"
            | "process.prependListener"
            | "process.prependOnceListener" => {
                self.takes_function(frame, &arguments.get(1), state, expression);
                self.on_event(&arguments.get(0), &arguments.get(1), state);
                Some(Value::Global("process".into()))
            }
            "Reflect.apply" => {
                let list = arguments.get(2);
                let rest = match self.elements(&list, state) {
                    Some(values) => Arguments::of(values),
                    None => self.listed(frame, &list, state, expression),
                };
                self.call(frame, &arguments.get(0), arguments.get(1), rest, state, expression, awaited)
            }
            // The third argument gives the prototype.
            "Reflect.construct" if arguments.values.len() > 2 || arguments.open => {
                self.call_unknown(frame, arguments, state, expression)
            }
            "Reflect.construct" => {
                let list = arguments.get(1);
                let rest = match self.elements(&list, state) {
                    Some(values) => Arguments::of(values),
                    None => self.listed(frame, &list, state, expression),
                };
                self.construct(frame, &arguments.get(0), rest, state, expression)
            }
            "Object.freeze" | "Object.seal" | "Object.preventExtensions" => {
                let value = arguments.get(0);
                let guarded = match &value {
                    Value::Object(id) => Some(*id),
                    Value::Class(class) => Some(class.statics),
                    _ => None,
                };
                if matches!(value, Value::Global(_) | Value::Package(..)) {
                    self.has_frozen_prototypes = true;
                    self.patched(&value, None);
                    self.fail(state, frame.place(expression.at));
                }
                if let Some(object) = guarded.and_then(|id| state.object_mut(id)) {
                    self.has_frozen_prototypes |= object.class.is_some();
                    object.guard = if &**name == "Object.freeze" { Guard::Frozen } else { Guard::Doubtful };
                }
                Some(value)
            }
            "Object.create" if arguments.values.len() == 1 && !arguments.open => {
                let mut made = Object::new(ObjectKind::Plain);
                match arguments.get(0) {
                    Value::Null => {}
                    Value::Object(prototype) => made.prototype = Some(prototype),
                    _ => return Some(self.call_external(frame, &arguments, state, expression)),
                }
                Some(Value::Object(self.allocate(state, made)))
            }
            "Object.getPrototypeOf" | "Reflect.getPrototypeOf" => match arguments.get(0) {
                object @ Value::Object(_) => self.member(&object, Some("__proto__"), state),
                Value::Class(class) if !matches!(class.parent, Value::Undefined) => Some(class.parent.clone()),
                _ => Some(self.call_external(frame, &arguments, state, expression)),
            },
            "Object.keys" | "Object.getOwnPropertyNames" | "Reflect.ownKeys"
                if self.names_of(&arguments.get(0), state).is_some() =>
            {
                let names = self.names_of(&arguments.get(0), state)?;
                Some(self.array(names, false, state))
            }
            "Object.values" | "Object.entries" if self.names_of(&arguments.get(0), state).is_some() => {
                let names = self.names_of(&arguments.get(0), state)?;
                let has_names = &**name == "Object.entries";
                let mut found = Vec::new();
                for name in names {
                    let Value::Text(text) = &name else { continue };
                    let value = self.member(&arguments.get(0), Some(text), state)?;
                    found.push(if has_names { self.array(vec![name, value], false, state) } else { value });
                }
                Some(self.array(found, false, state))
            }
            "Object.defineProperty"
            | "Object.defineProperties"
            | "Object.assign"
            | "Object.setPrototypeOf"
            | "Reflect.set"
            | "Reflect.defineProperty"
            | "Reflect.setPrototypeOf"
                if matches!(arguments.get(0), Value::Global(_) | Value::Package(..)) =>
            {
                self.patched_by(&arguments, state);
                Some(self.call_external(frame, &arguments, state, expression))
            }
            "Object.defineProperty" => {
                let (target, name, described) = (arguments.get(0), arguments.get(1), arguments.get(2));
                if let (Value::Object(id), Value::Text(name), Value::Object(described)) = (&target, &name, &described)
                    && let Some(described) = state.object(*described).filter(|object| !object.open).cloned()
                    && described.slots.values().all(|slot| matches!(slot, Slot::Value(_)))
                {
                    let part = |name: &str| match described.slots.get(name) {
                        Some(Slot::Value(value)) => Some(value.clone()),
                        _ => None,
                    };
                    let is_function = |value: &Value| matches!(value, Value::Undefined) || is_function(value);
                    let slot = match (part("get"), part("set")) {
                        (None, None) => Slot::Value(part("value").unwrap_or(Value::Undefined)),
                        (get, set) => {
                            let has_both = part("value").is_some() || part("writable").is_some();
                            if has_both || ![&get, &set].into_iter().flatten().all(is_function) {
                                self.fail(state, frame.place(expression.at));
                            }
                            Slot::Accessor { get, set }
                        }
                    };
                    if state.object(*id).is_none_or(|object| object.guard != Guard::None) {
                        self.fail(state, frame.place(expression.at));
                    }
                    self.put(*id, Some(name), slot, state);
                    if let Some(object) = state.object_mut(*id) {
                        object.has_hidden = true;
                        object.guard = Guard::Doubtful;
                    }
                    return Some(target);
                }
                Some(self.call_external(frame, &arguments, state, expression))
            }
            "Object.assign" => {
                state.doubt_facts();
                let target = arguments.get(0);
                if let Value::Object(id) = target {
                    if state.object(id).is_none_or(|object| object.guard != Guard::None) {
                        self.fail(state, frame.place(expression.at));
                    }
                    for value in arguments.values.iter().skip(1) {
                        self.copy_into(id, value, state);
                    }
                } else {
                    state.forget_facts();
                    self.fail(state, frame.place(expression.at));
                    self.escape_all(&arguments.values, state);
                }
                Some(target)
            }
            "Array.from" | "Array.of" => {
                let first = arguments.get(0);
                let first = match first {
                    Value::Object(id) if self.is_iterator(id, state) => self.taken(id, state),
                    first => first,
                };
                if &**name == "Array.from"
                    && let Some(generator) = self.generator(&first, state)
                {
                    self.run_whole(&generator, None, state)?;
                    return Some(Value::Any);
                }
                if &**name == "Array.from"
                    && let Some(elements) = self.elements(&first, state).or_else(|| Self::of_length(&first, state))
                    && !arguments.open
                {
                    let function = arguments.get(1);
                    if matches!(function, Value::Undefined) {
                        return Some(self.array(elements, false, state));
                    }
                    let mut results = Vec::new();
                    for element in elements {
                        let given = Arguments::of(vec![element, Value::External]);
                        let this = arguments.get(2);
                        results.push(self.call(frame, &function, this, given, state, expression, false)?);
                    }
                    return Some(self.array(results, false, state));
                }
                self.call_external(frame, &arguments, state, expression);
                Some(Value::Any)
            }
            "process.loadEnvFile" => {
                state.forget_facts();
                Some(self.call_external(frame, &arguments, state, expression))
            }
            "Symbol" | "Symbol.for" => {
                if !arguments.values.iter().all(Value::is_primitive) {
                    self.fail(state, frame.place(expression.at));
                }
                let known = match arguments.get(0) {
                    Value::Text(key) if &**name == "Symbol.for" => format!("for {key}"),
                    _ if &**name == "Symbol" => self.fresh().to_string(),
                    _ => return Some(self.call_external(frame, &arguments, state, expression)),
                };
                Some(Value::Global(format!("{OWN_SYMBOL}{known}").into()))
            }
            "JSON.parse" => self.parse_json(frame, &arguments, state, expression),
            "eval" | "Function" => {
                self.unknown_code(frame, expression, state);
                self.may_load(frame, expression, state);
                self.fail(state, frame.place(expression.at));
                Some(Value::Any)
            }
            "require" => {
                let specifier = arguments.get(0);
                self.require(frame, &specifier, state, expression)
            }
            "process.getBuiltinModule" => {
                // Older versions of Node do not have it.
                self.fail(state, frame.place(expression.at));
                Some(match arguments.get(0) {
                    Value::Text(specifier) => Value::Package(specifier, Rc::from([])),
                    _ => Value::External,
                })
            }
            "module.createRequire" => {
                let is_own = |of: &str| matches!(of, "import.meta.url" | "import.meta.filename" | "__filename");
                if !matches!(arguments.get(0), Value::Global(of) if is_own(&of)) {
                    self.fail(state, frame.place(expression.at));
                }
                Some(Value::Require(frame.code.module.path.clone()))
            }
            "module.Module._load" | "module._load" | "process.dlopen" | "module.runMain" => {
                self.may_load(frame, expression, state);
                Some(Value::External)
            }
            "import.meta.resolve" => {
                let found = sibling(frame, &arguments.get(0));
                if found.is_none() {
                    self.fail(state, frame.place(expression.at));
                }
                Some(found.unwrap_or(Value::External))
            }
            name if let Some(taken) = taken(name) => {
                if !taken.holds_for(&arguments) {
                    self.fail(state, frame.place(expression.at));
                }
                match name {
                    "Object.keys" | "Array.isArray" => {}
                    "JSON.stringify" => self.escape_all(&arguments.values, state),
                    // It shows what the objects hold, and calls what they have for that.
                    _ if name.starts_with("console.") => {
                        for value in &arguments.values {
                            if state.shows_itself(value) {
                                self.fail(state, frame.place(expression.at));
                                self.escape(value, state);
                            }
                        }
                    }
                    _ => {
                        let objects = arguments.values.iter().filter(|value| matches!(value, Value::Object(_)));
                        self.escape_all(objects, state);
                    }
                }
                Some(given(name))
            }
            _ => Some(self.call_external(frame, &arguments, state, expression)),
        }
    }

    pub(super) fn construct_global(
        &mut self,
        frame: &Frame,
        name: &str,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        match name {
            "Promise" => {
                let executor = arguments.get(0);
                self.takes_function(frame, &executor, state, expression);
                self.promise_of(frame, &executor, state, expression)
            }
            "Proxy" => {
                let is_object = |value: &Value| matches!(value, Value::Object(_) | Value::Closure(_) | Value::Class(_));
                if arguments.values.len() != 2 || !arguments.values.iter().all(is_object) {
                    self.fail(state, frame.place(expression.at));
                }
                self.escape_all(&arguments.values, state);
                Some(Value::Any)
            }
            "Function" => {
                self.unknown_code(frame, expression, state);
                Some(Value::Any)
            }
            "Worker" => Some(self.call_external(frame, &arguments, state, expression)),
            "Map" | "Set" if let Some(made) = self.collection(name == "Map", &arguments, state) => Some(made),
            "Map" | "Set" | "WeakMap" | "WeakSet" | "Array" => {
                if !arguments.values.is_empty() {
                    self.fail(state, frame.place(expression.at));
                }
                self.escape_all(&arguments.values, state);
                Some(Value::External)
            }
            "URL" => self.url(frame, &arguments, state, expression),
            "Headers" => {
                self.fail(state, frame.place(expression.at));
                Some(Value::External)
            }
            "URLSearchParams" | "Error" | "TypeError" | "Date" | "AbortController" => {
                if !arguments.values.iter().all(Value::is_primitive) || arguments.open {
                    self.fail(state, frame.place(expression.at));
                    self.escape_all(&arguments.values, state);
                }
                Some(Value::External)
            }
            _ => Some(self.call_external(frame, &arguments, state, expression)),
        }
    }

    /// `new URL(text)`: a text that is known is a URL or not.
    fn url(&mut self, frame: &Frame, arguments: &Arguments, state: &State, expression: &Expression) -> Option<Value> {
        if let [specifier, Value::Global(base)] = arguments.values.as_slice()
            && &**base == "import.meta.url"
            && let Some(sibling) = sibling(frame, specifier)
        {
            return Some(sibling);
        }
        match arguments.values.as_slice() {
            [Value::Text(text)] if !arguments.open && !text.contains(':') => {
                self.throws(state, frame.place(expression.at));
                return None;
            }
            [Value::Text(text)] if text.is_ascii() && url::Url::parse(text).is_ok() => {}
            _ => self.fail(state, frame.place(expression.at)),
        }
        Some(Value::External)
    }

    /// Whether the host calls a method of a value to know when it is there. That method may fail.
    pub(super) fn is_thenable(&mut self, value: &Value, state: &mut State) -> bool {
        let Value::Object(id) = value else { return matches!(value, Value::Any | Value::External) };
        let is_plain = state.object(*id).is_some_and(|object| {
            let has_more = object.open || object.class.is_some() || object.prototype.is_some();
            !has_more && !object.slots.contains_key("then")
        });
        if !is_plain {
            self.escape(value, state);
        }
        !is_plain
    }

    /// A promise that fails.
    pub(super) fn rejected() -> Value {
        Self::failing(Reach::NOWHERE)
    }

    /// A promise that fails or not.
    pub(super) fn perhaps_rejected() -> Value {
        Self::failing(Reach::NOTHING)
    }

    fn failing(effect: Reach) -> Value {
        Value::Promise(Rc::new(PromiseValue {
            effect,
            value: Value::Any,
            rejected: None,
            failed: Reach::NOTHING,
            conditions: Rc::default(),
            decided: Rc::default(),
        }))
    }

    /// `Promise.all` and its like: what is given runs beside each other.
    fn all(&mut self, which: &str, arguments: &Arguments, state: &mut State) -> Value {
        let list = arguments.get(0);
        let Some(elements) = self.elements(&list, state) else {
            self.escape(&list, state);
            return Self::perhaps_rejected();
        };
        let mut effect = Reach::NOTHING;
        let (mut failed, mut rejected) = (Reach::NOWHERE, None::<Reach>);
        let mut values = Vec::new();
        let mut conditions = BTreeSet::new();
        let mut decided = BTreeSet::new();
        for element in elements {
            match element {
                Value::Promise(promise) => {
                    conditions.extend(promise.conditions.iter().cloned());
                    let decides = which == "allSettled" && promise.effect != promise.failed;
                    let of = if decides { &mut conditions } else { &mut decided };
                    of.extend(promise.decided.iter().cloned());
                    effect = match which {
                        "all" => effect.beside(promise.effect),
                        "allSettled" => effect.beside(promise.effect.or(promise.failed)),
                        // One of them is waited for, and which one is not known.
                        _ => effect.perhaps(promise.effect.or(promise.failed)),
                    };
                    failed = failed.or(promise.failed);
                    rejected = match (rejected, promise.rejected.filter(|_| which != "allSettled")) {
                        (Some(one), Some(other)) => Some(one.or(other)),
                        (one, other) => one.or(other),
                    };
                    values.push(promise.value.clone());
                }
                value => {
                    if self.is_thenable(&value, state) {
                        failed = failed.or(Reach::NOTHING);
                    }
                    values.push(value);
                }
            }
        }
        if values.is_empty() && matches!(which, "any" | "race") {
            // No promise of them can be fulfilled.
            effect = Reach::NOWHERE;
        }
        let value = match which {
            "all" => self.array(values, false, state),
            _ => Value::Any,
        };
        let failed = match which {
            "allSettled" => Reach::NOWHERE,
            // Where all of them fail, so does it.
            "any" => failed.or(Reach::NOTHING),
            _ => failed,
        };
        let (conditions, decided) = (Rc::new(conditions), Rc::new(decided));
        Value::Promise(Rc::new(PromiseValue { effect, value, rejected, failed, conditions, decided }))
    }

    pub(super) fn call_package(
        &mut self,
        frame: &Frame,
        specifier: &Rc<str>,
        path: &Rc<[Rc<str>]>,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        if crate::sdk::is_start(specifier, path) {
            self.options(frame, arguments, state, expression);
            self.before_client(arguments, state);
            if crate::sdk::is_required(path) {
                self.log.required.insert(frame.place(expression.at), specifier.to_string());
            }
            self.start_at(frame.place(expression.at), state);
            self.escape_all(&arguments.values, state);
            return Some(Value::External);
        }
        if crate::sdk::looks_for_client(specifier, path) && self.has_no_client(state) {
            let is_test = path.last().is_some_and(|name| &**name == "isInitialized");
            return Some(if is_test { Value::Boolean(false) } else { Value::Undefined });
        }
        if crate::sdk::is_of_sentry(specifier) {
            self.escape_all(&arguments.values, state);
            state.may_have_client |= !crate::sdk::looks_for_client(specifier, path);
            return Some(Value::External);
        }
        if !super::host::is_builtin(specifier) {
            state.forget_facts();
        }
        if matches!(specifier.strip_prefix("node:").unwrap_or(specifier), "vm" | "repl") {
            self.unknown_code(frame, expression, state);
            self.may_load(frame, expression, state);
        }
        Some(self.call_external(frame, arguments, state, expression))
    }

    /// What `init` calls of its options before there is a client.
    fn before_client(&mut self, arguments: &Arguments, state: &mut State) {
        let Value::Object(id) = arguments.get(0) else { return };
        let slots = state.object(id).map(|object| object.slots.clone()).unwrap_or_default();
        for (name, slot) in &slots {
            match slot {
                Slot::Accessor { get, .. } => self.escape_all(get, state),
                Slot::Value(value @ (Value::Closure(_) | Value::Bound(_)))
                    if matches!(&**name, "integrations" | "transport") =>
                {
                    self.escape(value, state);
                }
                Slot::Value(_) => {}
            }
        }
    }

    /// What is called with a list that is not known. It fails where that is no object.
    fn listed(&mut self, frame: &Frame, list: &Value, state: &State, expression: &Expression) -> Arguments {
        if !matches!(list, Value::Object(_)) {
            self.fail(state, frame.place(expression.at));
        }
        Arguments { values: Vec::new(), open: true }
    }

    /// A function of the host fails if it is given something else than a function.
    pub(super) fn takes_function(&mut self, frame: &Frame, value: &Value, state: &State, expression: &Expression) {
        if !is_function(value) {
            self.fail(state, frame.place(expression.at));
        }
    }

    /// Whether there is no client, unless the SDK of a server has started at a time that is not known.
    fn has_no_client(&self, state: &State) -> bool {
        let is_in_order = self.loose == 0 && !state.detached && self.beside == 0 && !self.alone;
        is_in_order && state.reach == Reach::NOTHING && !state.may_have_client
    }

    /// The options of a call of `init` by which something is lost.
    fn options(&mut self, frame: &Frame, arguments: &Arguments, state: &State, expression: &Expression) {
        let place = frame.place(expression.at);
        let (slots, open) = match arguments.get(0) {
            Value::Object(id) => match state.object(id) {
                Some(object) => (Some(object.slots.clone()), object.open || object.class.is_some()),
                None => return,
            },
            Value::Undefined => (None, false),
            _ => return,
        };
        if open {
            return;
        }
        let value = |name: &str| match slots.as_ref().and_then(|slots| slots.get(name)) {
            Some(Slot::Value(value)) => Some(value.clone()),
            Some(Slot::Accessor { .. }) => Some(Value::Any),
            None => None,
        };
        let mut lost = Vec::new();
        if matches!(value("registerEsmLoaderHooks"), Some(Value::Boolean(false))) {
            lost.push(LostBy::NoLoaderHooks);
        }
        if matches!(value("enabled"), Some(Value::Boolean(false))) {
            lost.push(LostBy::Disabled);
        }
        if matches!(value("dsn"), Some(Value::Text(text)) if text.is_empty()) {
            lost.push(LostBy::NoDsn);
        }
        let is_set = |name: &str| !matches!(value(name), None | Some(Value::Undefined));
        if !is_set("tracesSampleRate") && !is_set("tracesSampler") {
            lost.push(LostBy::NoTracing);
        }
        self.log.options.extend(lost.into_iter().map(|lost| (place.clone(), lost)));
    }
}

/// How the name begins of the URL of a file beside a module.
pub(super) const SIBLING: &str = "URL of ";

/// The URL of a file that is named relative to a module.
fn sibling(frame: &Frame, specifier: &Value) -> Option<Value> {
    let Value::Text(specifier) = specifier else { return None };
    let is_relative = specifier.starts_with("./") || specifier.starts_with("../");
    is_relative.then(|| Value::Global(format!("{SIBLING}{}\n{specifier}", frame.code.module.path).into()))
}

/// The names of the host that the evaluation knows something of.
const KNOWN_GLOBALS: &[&str] = &[
    "process",
    "Promise",
    "setTimeout",
    "setImmediate",
    "setInterval",
    "queueMicrotask",
    "console",
    "Object",
    "Reflect",
    "Array",
    "eval",
    "Function",
    "globalThis",
    "global",
    "JSON",
    "Math",
    "Symbol",
    "require",
];
