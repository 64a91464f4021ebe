//! What gives one of several functions: lookups (`providers[name]`, `map.get(name)`, `list.find(…)`), tests inside of an
//! expression, and functions with several ends. The step is run once for each of them, as if a test had decided.

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
        let own = own_expression(step);
        let outer = (self.choices.take(), self.step.take());
        self.step = own.map(|expression| (Some(frame.code.clone()), expression.at));
        let ways = if own.is_some_and(|expression| self.may_choose(frame, expression)) {
            self.step_by_choices(frame, step, &state, exits)
        } else {
            self.step(frame, step, state, exits)
        };
        (self.choices, self.step) = outer;
        ways
    }

    /// Whether a step may look something up, or is known to give one of several values.
    fn may_choose(&self, frame: &Frame, expression: &Expression) -> bool {
        let module = &frame.code.module;
        let text = expression.at.of(&module.text);
        text.len() <= LONGEST && ["[", ".get", ".find", ".filter"].iter().any(|part| text.contains(part))
            || !self.apart.is_empty() && self.apart.contains(&(Some(module.path.clone()), expression.at))
    }

    fn step_by_choices(&mut self, frame: &Frame, step: &Step, state: &State, exits: &mut Exits) -> Option<Ways> {
        self.choices = Some(Choices::default());
        let mut ways = Vec::new();
        while let Some(copy) = self.copy(state) {
            ways.extend(self.step(frame, step, copy, exits).into_iter().flatten());
            if !self.choices.as_mut().is_some_and(Choices::next_way) {
                break;
            }
        }
        (!ways.is_empty()).then_some(ways)
    }

    /// Which of several values the step gives on the present way; `None` where it stands for all of them.
    pub(super) fn choose(&mut self, count: usize) -> Option<usize> {
        if let Some(choices) = &mut self.choices {
            return choices.choose(count);
        }
        if let Some((code, at)) = &self.step {
            self.wanted.insert((code.as_ref().map(|code| code.module.path.clone()), *at));
        }
        None
    }

    /// Runs code that may run at another time: what it gives belongs to no way of the step.
    pub(super) fn beside_the_step<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (self.choices.take(), self.step.take());
        let result = run(self);
        (self.choices, self.step) = outer;
        result
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
        let chosen = is_worth_it.then(|| self.choose(different.len())).flatten();
        match chosen {
            Some(chosen) => {
                let condition = self.condition(frame, at, ConditionKind::Test);
                state.path.push(&condition, chosen);
                different.swap_remove(chosen)
            }
            None => {
                // Whatever it is may be called.
                if is_worth_it && self.choices.is_none() && self.loose > 0 {
                    self.escape_all(&different, state);
                }
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
        // Of a function, and of what it was given: an error in an ES module.
        if matches!(name, Some("caller" | "callee" | "arguments")) {
            self.fail(state, frame.place(at));
        }
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
