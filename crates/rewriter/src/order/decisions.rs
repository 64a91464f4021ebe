//! Tests and what they decide: the two ways to go on, and how they meet.

use presentry_parser::{Expression, ExpressionKind as Kind, Logical};

use super::{
    condition::ConditionKind,
    evaluator::{Evaluator, Frame},
    state::State,
    value::Value,
};

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
    pub(super) const UNKNOWN: Self = Self { value: Value::External, truth: None, believed: None };

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
        let joined = self.fork_of_test(
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
        let value = self.fork_of_test(
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
    pub(super) fn chosen(
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

    /// Two ways to go on, of which one is taken. Where joining them loses a function, the step is run on each.
    pub(super) fn fork(
        &mut self,
        frame: &Frame,
        test: &Expression,
        tested: (&Tested, bool),
        state: &mut State,
        one: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
        two: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
    ) -> Option<Value> {
        let mut ends = self.forked(frame, test, tested, state, one, two)?;
        if let [(one, first), (two, second)] = ends.as_slice()
            && (one.loses_value(first, two, second) || one.loses_by_joining(two))
            && let Some(chosen) = self.choose(ends.len())
        {
            ends = vec![ends.swap_remove(chosen)];
        }
        self.met(ends, state)
    }

    /// Two ways to go on of which the truth of the values counts.
    fn fork_of_test(
        &mut self,
        frame: &Frame,
        test: &Expression,
        tested: (&Tested, bool),
        state: &mut State,
        one: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
        two: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
    ) -> Option<Value> {
        let ends = self.forked(frame, test, tested, state, one, two)?;
        self.met(ends, state)
    }

    /// The ends of two ways to go on.
    fn forked(
        &mut self,
        frame: &Frame,
        test: &Expression,
        (tested, truth): (&Tested, bool),
        state: &mut State,
        one: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
        two: impl FnOnce(&mut Self, &mut State) -> Option<Value>,
    ) -> Option<Vec<(State, Value)>> {
        let condition = self.condition(frame, test.at, ConditionKind::Test);
        let mut other = self.copy(state)?;
        let mut here = std::mem::replace(state, State::new());
        here.path.push(&condition, usize::from(truth));
        here.assume(&tested.value, truth, tested.believed);
        other.path.push(&condition, usize::from(!truth));
        other.assume(&tested.value, !truth, tested.believed);
        let first = one(self, &mut here).map(|value| (here, value));
        let second = two(self, &mut other).map(|value| (other, value));
        Some(first.into_iter().chain(second).collect())
    }

    /// Goes on from where several ways meet.
    fn met(&mut self, ends: Vec<(State, Value)>, state: &mut State) -> Option<Value> {
        let mut ends = ends.into_iter();
        let first = ends.next()?;
        let value;
        (*state, value) = ends.try_fold(first, |all, end| self.meet_with(all, end))?;
        Some(value)
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
                here.path.push(&condition, 0);
                state.path.push(&condition, 1);
            }
            let before = self.shorts.pop().flatten();
            let joined = self.meet(before, Some(here));
            self.shorts.push(joined);
        }
        (is_nullish != Some(true)).then_some(())
    }

    pub(super) fn chain(
        &mut self,
        frame: &Frame,
        inner: &Expression,
        state: &mut State,
        awaited: bool,
    ) -> Option<Value> {
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
}
