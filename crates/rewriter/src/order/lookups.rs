//! Lookups that give one of several functions: `providers[name]`, `map.get(name)`, `list.find(…)`. The step that looks up is
//! run once for each of them, as if a test had decided.

use presentry_parser::{Expression, LoopKind, Span, Step};

use super::{
    choices::Choices,
    condition::ConditionKind,
    evaluator::{Evaluator, Exits, Frame, Ways},
    state::State,
    value::{ObjectKind, Slot, Value},
};

/// The longest text of a step that is looked through for lookups, each time the step runs. A longer one holds functions, whose
/// steps are looked at by themselves.
const LONGEST: usize = 4096;

impl Evaluator<'_> {
    /// Runs a step, on a way for each value that a lookup in it may give.
    pub(super) fn step_on_each_way(
        &mut self,
        frame: &Frame,
        step: &Step,
        state: State,
        exits: &mut Exits,
    ) -> Option<Ways> {
        let may_look_up = own_expression(step).is_some_and(|expression| {
            let text = expression.at.of(&frame.code.module.text);
            text.len() <= LONGEST && ["[", ".get", ".find", ".filter"].iter().any(|part| text.contains(part))
        });
        if !may_look_up {
            let outer = self.choices.take();
            let ways = self.step(frame, step, state, exits);
            self.choices = outer;
            return ways;
        }
        let outer = self.choices.replace(Choices::default());
        let mut ways = Vec::new();
        while let Some(copy) = self.copy(&state) {
            ways.extend(self.step(frame, step, copy, exits).into_iter().flatten());
            if !self.choices.as_mut().is_some_and(Choices::next_way) {
                break;
            }
        }
        self.choices = outer;
        (!ways.is_empty()).then_some(ways)
    }

    /// One of several values. If they cannot be followed one by one, it is a value that stands for all of them.
    pub(super) fn one_of(&mut self, frame: &Frame, at: Span, values: Vec<Value>, state: &mut State) -> Value {
        let mut different: Vec<Value> = Vec::new();
        for value in values {
            if !different.contains(&value) {
                different.push(value);
            }
        }
        let is_worth_it = different.len() > 1 && different.iter().any(|value| !state.is_plain(value, 0));
        let chosen = is_worth_it.then(|| self.choices.as_mut()?.choose(different.len())).flatten();
        match chosen {
            Some(chosen) => {
                let condition = self.condition(frame, at, ConditionKind::Test);
                state.path.push(&condition);
                different.swap_remove(chosen)
            }
            None => {
                let mut values = different.into_iter();
                let first = values.next().unwrap_or(Value::Undefined);
                values.fold(first, |any, value| state.either(&any, &value))
            }
        }
    }

    /// A property whose name is not known.
    pub(super) fn looked_up(
        &mut self,
        frame: &Frame,
        object: &Value,
        name: Option<&str>,
        at: Span,
        state: &mut State,
    ) -> Option<Value> {
        if name.is_none()
            && let Value::Object(id) = object
            && self.finds(*id, state)
            && let Some(found) = state.object(*id)
            && matches!(found.kind, ObjectKind::Plain | ObjectKind::Array(Some(_)))
            && !found.open
            && found.class.is_none()
            && found.prototype.is_none()
        {
            let slots = found.slots.values().map(|slot| match slot {
                Slot::Value(value) => Some(value.clone()),
                Slot::Accessor { .. } => None,
            });
            // It may have no such property, or inherit it from what every object has.
            let values: Option<Vec<Value>> = slots.chain([Some(Value::External)]).collect();
            if let Some(values) = values {
                return Some(self.one_of(frame, at, values, state));
            }
        }
        self.member(object, name, state)
    }
}

/// The expression that a step evaluates before any other step.
fn own_expression(step: &Step) -> Option<&Expression> {
    match step {
        Step::Bind { value, .. } | Step::Evaluate(value) | Step::Throw(value) => Some(value),
        Step::If { test, .. } => Some(test),
        Step::Switch { value, .. } => Some(value),
        Step::Return { value, .. } => value.as_ref(),
        Step::Loop(looped) => match &looped.kind {
            LoopKind::Of { iterable, .. } => Some(iterable),
            _ => None,
        },
        Step::Jump { .. } | Step::Try { .. } | Step::Label { .. } => None,
    }
}
