//! Generators, and what loops and patterns take their elements from.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use presentry_parser::{Expression, ExpressionKind as Kind, Loop, LoopKind, Step};

use super::{
    evaluator::{Activation, Catcher, Consumer, Evaluator, Exits, Frame},
    reach::Reach,
    state::{State, join},
    value::{Arguments, Closure, GeneratorCall, ObjectKind, Value},
};

impl Evaluator<'_> {
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
                self.consume(&consumer, value, state, (frame, expression))?;
                Some(Value::External)
            }
            Activation::Whole(None) => Some(Value::External),
            Activation::Inline | Activation::Detached(_) => Some(Value::Any),
        }
    }

    /// Runs one round of the loop over a generator, which has come to this `yield`.
    fn consume(
        &mut self,
        consumer: &Rc<RefCell<Consumer>>,
        value: Value,
        state: &mut State,
        (generator, at): (&Frame, &Expression),
    ) -> Option<()> {
        let (frame, looped) = {
            let consumer = consumer.try_borrow().ok()?;
            (consumer.frame.clone(), consumer.looped.clone())
        };
        let LoopKind::Of { target, is_await, iterable } = &looped.kind else { return None };
        // The loop stands outside of the generator: its ends are not the generator's.
        let activation = self.activations.pop()?;
        let mut exits = Exits::default();
        let mut inside = std::mem::replace(state, State::new());
        let value = match is_await {
            true => self.settle(&frame, value, &mut inside, iterable),
            false => Some(value),
        };
        let after = match value.and_then(|value| self.assign(&frame, target, value, &mut inside)) {
            Some(()) => self.round(&frame, &looped, inside, &mut exits),
            None => None,
        };
        let mut left = self.take_breaks(&mut exits);
        if generator.closure.as_ref().is_some_and(|closure| has_finally(closure)) {
            // What stands there runs as the loop ends.
            let returned = exits.returns.iter_mut().map(|(state, _)| state);
            let jumped = exits.jumps.iter_mut().map(|(_, _, state)| state);
            left.iter_mut().chain(returned).chain(jumped).for_each(|state| self.unknown_code(generator, at, state));
        }
        self.activations.push(activation);
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
        looped: &Arc<Loop>,
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
            Value::Object(_) if self.elements(value, state).is_some() => return Some(value.clone()),
            Value::Object(id) if let Some(call) = self.generator(value, state) => {
                if !self.begins(*id, state) {
                    self.resumed(frame, &call, state, at);
                    return Some(Value::Any);
                }
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
    pub(super) fn next(
        &mut self,
        frame: &Frame,
        id: u32,
        call: &Rc<GeneratorCall>,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let is_async = call.closure.code.steps.functions[call.closure.function].is_async;
        if !self.begins(id, state) {
            self.resumed(frame, call, state, expression.at);
        } else if is_async {
            // Where it fails, the promise does.
            self.catchers.push(Catcher::default());
            let mut inside = self.copy(state)?;
            let end = self.run_first(call, &mut inside);
            let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
            let fails = thrown.is_some();
            *state = self.meet(end.map(|()| inside), thrown)?;
            return Some(if fails { Self::perhaps_rejected() } else { Self::promise(Reach::NOTHING, Value::External) });
        } else {
            self.run_first(call, state)?;
        }
        Some(if is_async { Self::perhaps_rejected() } else { Value::External })
    }

    /// Whether a generator has not run before; from now on it has.
    fn begins(&mut self, id: u32, state: &mut State) -> bool {
        const BEGUN: &str = "#begun";
        let is_new = |object: &super::value::Object| !object.open && !object.slots.contains_key(BEGUN);
        let begins = state.object(id).is_some_and(|object| is_new(object));
        if let Some(object) = state.object_mut(id) {
            object.set(BEGUN, Value::Boolean(true));
        }
        begins
    }

    /// A generator that has begun may go on, or end.
    pub(super) fn resumed(
        &mut self,
        frame: &Frame,
        call: &Rc<GeneratorCall>,
        state: &mut State,
        at: presentry_parser::Span,
    ) {
        self.fail(state, frame.place(at));
        self.escape_generator(call, state);
    }
}

/// Whether a function has a `finally`, outside of the functions in it.
pub(super) fn has_finally(closure: &Closure) -> bool {
    fn any(steps: &[Step]) -> bool {
        steps.iter().any(|step| match step {
            Step::If { then, otherwise, .. } => any(then) || any(otherwise),
            Step::Loop(looped) => any(&looped.body),
            Step::Switch { cases, .. } => cases.iter().any(|(_, body)| any(body)),
            Step::Try { block, catch, finally } => {
                finally.is_some() || any(block) || catch.as_ref().is_some_and(|(_, body)| any(body))
            }
            Step::Label { body, .. } => any(body),
            Step::Bind { .. } | Step::Evaluate(_) | Step::Return { .. } | Step::Throw(_) | Step::Jump { .. } => false,
        })
    }
    any(&closure.code.steps.functions[closure.function].body)
}
