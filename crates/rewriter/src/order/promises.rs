//! Promises that an executor makes, and functions that run soon: what has surely run when an `await` goes on.

use std::{collections::BTreeSet, rc::Rc};

use presentry_parser::Expression;

use super::{
    evaluator::{Catcher, Evaluator, Executor, Frame},
    reach::Reach,
    rules::Rule,
    state::{Pending, State},
    value::{Arguments, ClassValue, PromiseValue, Scope, Slot, Value},
};

impl Evaluator<'_> {
    /// `new Promise(executor)`
    ///
    /// Where the callback of one timer is all that can settle it, that callback has run when the promise is settled.
    pub(super) fn promise_of(
        &mut self,
        frame: &Frame,
        executor: &Value,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        self.catchers.push(Catcher::default());
        let mut inside = self.copy(state)?;
        let id = self.fresh();
        self.executors.push(Executor { id, in_timer: self.in_timer, is_settled: false });
        let given = Arguments::of(vec![Value::Settle(id), Value::Settle(id)]);
        let run = self.call(frame, executor, Value::Undefined, given, &mut inside, expression, false);
        let is_settled = self.executors.pop().is_none_or(|executor| executor.is_settled);
        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
        let rejected = thrown.as_ref().map(|state| state.reach);
        let is_certain = run.is_some();
        let decided = thrown.as_ref().filter(|_| is_certain).map(|thrown| thrown.path.decided_since(&inside.path));
        *state = if is_certain { inside } else { thrown? };
        let is_known = !may_reject(executor) && !Self::is_kept(id, state);
        let (mut effect, mut conditions) = (Reach::NOTHING, BTreeSet::new());
        if is_certain && rejected.is_none() && cannot_settle(executor) {
            effect = Reach::NOWHERE;
        } else if is_certain
            && rejected.is_none()
            && !(is_settled && self.holds(Rule::OthersSettle))
            && let Some(callback) = Self::settled_by(id, state)
        {
            effect = self.effect_of_timer(frame, &callback, state, &mut conditions, expression);
        }
        let may_fail = !is_certain || !is_known || self.perhaps_rejected.contains(&id);
        Some(Value::Promise(Rc::new(PromiseValue {
            // It may have been settled before it failed.
            effect: if is_certain || is_settled { effect } else { Reach::NOWHERE },
            value: Value::External,
            rejected: rejected.filter(|_| is_certain),
            failed: match may_fail {
                true if is_certain => effect,
                true => Reach::NOTHING,
                false => Reach::NOWHERE,
            },
            conditions: Rc::new(conditions),
            decided: Rc::new(decided.unwrap_or_default()),
        })))
    }

    /// Whether something that outlives an executor keeps what settles its promise.
    fn is_kept(id: u32, state: &State) -> bool {
        let is_outside = |cell: u32| cell < id;
        let in_cells = state.cells.iter().any(|(cell, value)| is_outside(*cell) && may_reach(value, id));
        let in_objects = state.objects.values().any(|object| {
            object.slots.values().any(|slot| match slot {
                Slot::Value(value) => may_reach(value, id),
                Slot::Accessor { get, set } => [get, set].into_iter().flatten().any(|value| may_reach(value, id)),
            })
        });
        in_cells || in_objects
    }

    /// The one callback that can settle the promise of an executor that has run; `None` where there are several, or where
    /// something else may.
    fn settled_by(id: u32, state: &State) -> Option<Value> {
        if Self::is_kept(id, state) {
            return None;
        }
        let mut callbacks = state.pending.iter().filter_map(|pending| match pending {
            Pending::Callback(value) if may_reach(value, id) => Some(value),
            _ => None,
        });
        let callback = callbacks.next().filter(|callback| matches!(callback, Value::Closure(_)))?;
        callbacks.next().is_none().then(|| callback.clone())
    }

    /// What the callback of a timer does at once.
    fn effect_of_timer(
        &mut self,
        frame: &Frame,
        callback: &Value,
        state: &mut State,
        conditions: &mut BTreeSet<super::condition::Condition>,
        expression: &Expression,
    ) -> Reach {
        if let Value::Closure(closure) = callback
            && closure.code.steps.functions[closure.function].is_async
        {
            return Reach::NOTHING;
        }
        // One that fails ends the process, or what handles that leaves the promise unsettled.
        self.effect_of(frame, callback, Arguments::default(), state, conditions, expression).effect
    }

    /// Something may settle the promise of an executor so that it fails.
    pub(super) fn may_be_rejected(&mut self, id: u32) {
        self.perhaps_rejected.insert(id);
    }

    /// Something may settle the promise of an executor.
    pub(super) fn may_settle(&mut self, id: u32) {
        let in_timer = self.in_timer;
        for executor in self.executors.iter_mut().filter(|executor| executor.id == id && executor.in_timer == in_timer)
        {
            executor.is_settled = true;
        }
    }

    /// Code that is not followed may settle any promise.
    pub(super) fn may_settle_all(&mut self) {
        self.executors.iter_mut().for_each(|executor| executor.is_settled = true);
    }

    /// `queueMicrotask(function)`: it runs before the code that queues it goes on behind an `await`.
    pub(super) fn soon(&mut self, function: &Value, state: &mut State) {
        if self.loose == 0 && !state.detached && matches!(function, Value::Closure(_)) {
            Rc::make_mut(&mut state.soon).push(function.clone());
        }
    }

    /// Runs what was queued.
    pub(super) fn run_soon(&mut self, state: &mut State) {
        for function in std::mem::take(&mut state.soon).iter() {
            let Value::Closure(closure) = function else { continue };
            let Some(mut after) = self.copy(state) else { return };
            self.catchers.push(Catcher::default());
            let end = self.call_closure(closure, Value::Undefined, Arguments::default(), &mut after, false);
            let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
            if let Some(joined) = self.meet(end.map(|_| after), thrown) {
                *state = joined;
            }
        }
    }
}

/// Whether an executor takes nothing by which it could settle its promise.
fn cannot_settle(executor: &Value) -> bool {
    let Value::Closure(closure) = executor else { return false };
    let function = &closure.code.steps.functions[closure.function];
    function.parameters.is_empty() && !function.reads_arguments
}

/// Whether an executor takes by what it can reject its promise.
fn may_reject(executor: &Value) -> bool {
    let Value::Closure(closure) = executor else { return true };
    let function = &closure.code.steps.functions[closure.function];
    function.parameters.len() > 1 || function.has_rest || function.reads_arguments
}

/// Whether a value is what settles a promise, or a function that was made since its executor was called.
fn may_reach(value: &Value, id: u32) -> bool {
    match value {
        Value::Settle(of) => *of == id,
        Value::Closure(closure) => {
            is_made_since(Some(&closure.scope), id)
                || [&closure.this, &closure.arguments].into_iter().any(|value| may_reach(value, id))
        }
        Value::Class(class) => reaches(class, id),
        Value::Bound(bound) => {
            may_reach(&bound.function, id)
                || may_reach(&bound.this, id)
                || bound.arguments.iter().any(|value| may_reach(value, id))
        }
        Value::Method(method) => may_reach(&method.0, id),
        Value::Promise(promise) => may_reach(&promise.value, id),
        _ => false,
    }
}

fn reaches(class: &ClassValue, id: u32) -> bool {
    is_made_since(Some(&class.scope), id) || may_reach(&class.parent, id)
}

fn is_made_since(scope: Option<&Rc<Scope>>, id: u32) -> bool {
    let mut scope = scope;
    while let Some(inner) = scope {
        if inner.id > id {
            return true;
        }
        scope = inner.parent.as_ref();
    }
    false
}
