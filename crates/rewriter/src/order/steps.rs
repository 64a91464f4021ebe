//! The steps of bodies: branches, jumps, `switch` and `try`.

use std::rc::Rc;

use presentry_parser::{Assignment, Expression, ExpressionKind, Pattern, Span, Step};

use super::{
    condition::{Condition, ConditionKind},
    decisions::Tested,
    evaluator::{Catcher, Evaluator, Exits, FUEL, Frame, Ways, equal},
    rules::Rule,
    state::State,
    value::{Fact, Value},
};

impl Evaluator<'_> {
    /// Runs the steps of a body.
    pub(super) fn steps(&mut self, frame: &Frame, steps: &[Step], state: State, exits: &mut Exits) -> Option<State> {
        let ends = self.steps_on_ways(frame, steps, state, exits);
        ends.into_iter().fold(None, |all, end| self.meet(all, Some(end)))
    }

    /// Runs the steps of a body that may come to its end on several ways, none where it does not.
    pub(super) fn steps_on_ways(&mut self, frame: &Frame, steps: &[Step], mut state: State, exits: &mut Exits) -> Ways {
        for (index, step) in steps.iter().enumerate() {
            if self.burn(1).is_none() {
                return Vec::new();
            }
            let Some(mut ways) = self.step_on_each_way(frame, step, state, exits) else { return Vec::new() };
            if ways.len() > 1 && self.stay_apart(&ways) {
                // Each function is known on its own way alone.
                let rest = &steps[index + 1..];
                let decisions = ways.len().ilog2() as usize;
                self.ways += decisions;
                let ends = ways.into_iter().flat_map(|way| self.steps_on_ways(frame, rest, way, exits)).collect();
                self.ways -= decisions;
                return ends;
            }
            let first = ways.remove(0);
            let joined = ways.into_iter().try_fold(first, |all, way| self.meet(Some(all), Some(way)));
            let Some(joined) = joined else { return Vec::new() };
            state = joined;
        }
        vec![state]
    }

    /// Whether joining ways would lose a function that one of them binds. Few ways are followed beside each other.
    fn stay_apart(&self, ways: &[State]) -> bool {
        const MOST_DECISIONS: usize = 4;
        const MOST_WAYS: usize = 1 << MOST_DECISIONS;
        self.ways < MOST_DECISIONS
            && ways.len() <= MOST_WAYS
            && self.fuel > FUEL / 2
            && ways[1..].iter().any(|way| ways[0].loses_by_joining(way))
    }

    pub(super) fn step(&mut self, frame: &Frame, step: &Step, mut state: State, exits: &mut Exits) -> Option<Ways> {
        let end = match step {
            Step::If { test, then, otherwise } => {
                return self.choice(frame, test, (then, otherwise), state, exits);
            }
            Step::Bind { target, value } => return self.binding(frame, target, value, state),
            Step::Evaluate(expression) => {
                // The value of an assignment that is a statement is not read.
                if let ExpressionKind::Assign { target, assignment: Assignment::Plain, value } = &expression.kind
                    && matches!(**target, Pattern::Slot(_))
                {
                    return self.binding(frame, target, value, state);
                }
                self.expression(frame, expression, &mut state)?;
                Some(state)
            }
            Step::Return { value, .. } => {
                let value = match value {
                    Some(value) => self.returned(frame, value, &mut state)?,
                    None => Value::Undefined,
                };
                if !self.holds(Rule::ReturnEnds) {
                    return Some(vec![state]);
                }
                self.leave_with(exits, state, value);
                None
            }
            Step::Throw(value) => {
                self.expression(frame, value, &mut state)?;
                self.throws(&state, frame.place(value.at));
                None
            }
            Step::Jump { is_continue, label } => {
                exits.jumps.push((*is_continue, label.clone(), state));
                None
            }
            Step::Loop(looped) => self.looped(frame, looped, state, exits),
            Step::Switch { value, cases } => self.switch(frame, value, cases, state, exits),
            Step::Try { block, catch, finally } => {
                return self.guarded(frame, block, catch.as_ref(), finally.as_deref(), state, exits);
            }
            Step::Label { name, body } => {
                let mut inner = Exits::default();
                let after = self.steps(frame, body, state, &mut inner);
                let left = self.take_jumps(&mut inner, |is_continue, label| {
                    !is_continue && label.is_some_and(|label| label == name)
                });
                self.pass_on(inner, exits);
                self.meet(after, left)
            }
        };
        end.map(|state| vec![state])
    }

    fn choice(
        &mut self,
        frame: &Frame,
        test: &Expression,
        (then, otherwise): (&[Step], &[Step]),
        mut state: State,
        exits: &mut Exits,
    ) -> Option<Ways> {
        let tested = self.tested(frame, test, &mut state)?;
        match tested.truth {
            Some(true) => some(self.steps_on_ways(frame, then, state, exits)),
            Some(false) => some(self.steps_on_ways(frame, otherwise, state, exits)),
            None => {
                let (state, other) = self.part(frame, test, &tested, state, ConditionKind::Test)?;
                let one = self.steps_on_ways(frame, then, state, exits);
                let two = self.steps_on_ways(frame, otherwise, other, exits);
                if !self.holds(Rule::BranchesPart) && !one.is_empty() {
                    return Some(one);
                }
                some(one.into_iter().chain(two).collect())
            }
        }
    }

    /// Binds a value. One of two values, by a test that is not known, is bound on two ways.
    pub(super) fn binding(
        &mut self,
        frame: &Frame,
        target: &Pattern,
        value: &Expression,
        mut state: State,
    ) -> Option<Ways> {
        let bind = |this: &mut Self, value: &Expression, mut state: State| {
            let value = this.expression(frame, value, &mut state)?;
            this.assign(frame, target, value, &mut state)?;
            Some(state)
        };
        let (test, then, otherwise) = match &value.kind {
            ExpressionKind::Conditional { test, then, otherwise } => (test, then, otherwise),
            ExpressionKind::Logical { operator, left, right } => {
                let left_value = self.expression(frame, left, &mut state)?;
                let (goes_on, assumed) = self.goes_on(*operator, &left_value, &state);
                match goes_on {
                    Some(true) => return bind(self, right, state).map(|state| vec![state]),
                    Some(false) => {
                        self.assign(frame, target, left_value, &mut state)?;
                        return Some(vec![state]);
                    }
                    None => {}
                }
                let (one, mut two) = self.part(frame, left, &assumed.0, state, ConditionKind::Test)?;
                let (one, mut two) =
                    if assumed.1 { (one, two) } else { (std::mem::replace(&mut two, State::new()), one) };
                let one = bind(self, right, one);
                let two = self.assign(frame, target, left_value, &mut two).map(|()| two);
                return ways(one, two);
            }
            _ => return bind(self, value, state).map(|state| vec![state]),
        };
        let tested = self.tested(frame, test, &mut state)?;
        if let Some(truth) = tested.truth {
            return bind(self, if truth { then } else { otherwise }, state).map(|state| vec![state]);
        }
        let (state, other) = self.part(frame, test, &tested, state, ConditionKind::Test)?;
        let one = bind(self, then, state);
        let two = bind(self, otherwise, other);
        ways(one, two)
    }

    pub(super) fn condition(&self, frame: &Frame, at: Span, kind: ConditionKind) -> Condition {
        Condition { place: frame.place(at), kind }
    }

    /// The states in which a test holds and does not hold, where it is not known which.
    pub(super) fn part(
        &mut self,
        frame: &Frame,
        test: &Expression,
        tested: &Tested,
        mut state: State,
        kind: ConditionKind,
    ) -> Option<(State, State)> {
        let condition = self.condition(frame, test.at, kind);
        let mut other = self.copy(&state)?;
        state.path.push(&condition, 1);
        state.assume(&tested.value, true, tested.believed);
        other.path.push(&condition, 0);
        other.assume(&tested.value, false, tested.believed);
        Some((state, other))
    }

    pub(super) fn take_jumps(
        &mut self,
        exits: &mut Exits,
        wanted: impl Fn(bool, Option<&String>) -> bool,
    ) -> Option<State> {
        let mut taken = None;
        let jumps = std::mem::take(&mut exits.jumps);
        for (is_continue, label, state) in jumps {
            if wanted(is_continue, label.as_ref()) {
                taken = self.meet(taken, Some(state));
            } else {
                exits.jumps.push((is_continue, label, state));
            }
        }
        taken
    }

    /// Ends that leave what surrounds the body, too.
    pub(super) fn take_breaks(&mut self, exits: &mut Exits) -> Option<State> {
        self.take_jumps(exits, |is_continue, label| !is_continue && label.is_none())
    }

    pub(super) fn pass_on(&mut self, inner: Exits, exits: &mut Exits) {
        for (state, value) in inner.returns {
            self.leave_with(exits, state, value);
        }
        exits.jumps.extend(inner.jumps);
    }

    pub(super) fn switch(
        &mut self,
        frame: &Frame,
        value: &Expression,
        cases: &[(Option<Expression>, Vec<Step>)],
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let compared = self.expression(frame, value, &mut state)?;
        // The states in which a case is entered by its test.
        let mut entries: Vec<Option<State>> = cases.iter().map(|_| None).collect();
        let mut left = Some(state);
        for (index, (test, _)) in cases.iter().enumerate() {
            let Some(test) = test else { continue };
            let Some(mut state) = left.take() else { break };
            let Some(case) = self.expression(frame, test, &mut state) else { break };
            let matches = Tested::of(self.comparison(&compared, &case, false), &state);
            match matches.truth {
                Some(true) => entries[index] = Some(state),
                Some(false) => left = Some(state),
                None => {
                    let decides = if compared.is_literal() { test } else { value };
                    let (one, other) = self.part(frame, decides, &matches, state, ConditionKind::Test)?;
                    (entries[index], left) = (Some(one), Some(other));
                }
            }
        }
        if let Some(default) = cases.iter().position(|(test, _)| test.is_none()) {
            entries[default] = left.take();
        }
        let mut inner = Exits::default();
        let mut running = None;
        for ((_, body), entry) in cases.iter().zip(entries) {
            running = self.meet(running, entry);
            running = match running {
                Some(state) => self.steps(frame, body, state, &mut inner),
                None => None,
            };
        }
        running = self.meet(running, left);
        let broken = self.take_breaks(&mut inner);
        self.pass_on(inner, exits);
        self.meet(running, broken)
    }

    /// Whether two values are equal, as a value.
    pub(super) fn comparison(&self, one: &Value, two: &Value, negated: bool) -> Value {
        match (one, two) {
            (Value::Global(name), Value::Text(text)) | (Value::Text(text), Value::Global(name))
                if name.starts_with("process.env.") =>
            {
                Value::Test(Rc::new((Fact::Is(name.clone(), text.clone()), !negated)))
            }
            // `switch (true) { case test: … }`
            (Value::Boolean(truth), Value::Test(test)) | (Value::Test(test), Value::Boolean(truth)) => {
                Value::Test(Rc::new((test.0.clone(), (test.1 == *truth) != negated)))
            }
            _ => equal(one, two).map_or(Value::External, |equal| Value::Boolean(equal != negated)),
        }
    }

    fn guarded(
        &mut self,
        frame: &Frame,
        block: &[Step],
        catch: Option<&(Option<Pattern>, Vec<Step>)>,
        finally: Option<&[Step]>,
        state: State,
        exits: &mut Exits,
    ) -> Option<Ways> {
        let mut inner = Exits::default();
        let path = state.path.clone();
        self.catchers.push(Catcher::default());
        let mut after = self.steps_on_ways(frame, block, state, &mut inner);
        let mut thrown = self.catchers.pop().unwrap_or_default();
        let ends_well = !after.is_empty() || !inner.returns.is_empty() || !inner.jumps.is_empty();
        if let Some(state) = &mut thrown.state
            && !ends_well
        {
            // Each way leads to the `catch`, so nothing has decided that.
            state.path = path;
        }
        if let Some((binding, body)) = catch
            && let Some(mut state) = thrown.state.take()
        {
            // If the block can also end well, what is caught is the exception.
            let is_exception = ends_well && !thrown.is_test && self.holds(Rule::FailureIsException);
            self.failed += usize::from(is_exception);
            self.catchers.push(Catcher::default());
            let caught = match binding {
                Some(binding) => self.assign(frame, binding, Value::Any, &mut state),
                None => Some(()),
            };
            if caught.is_some() {
                after.extend(self.steps_on_ways(frame, body, state, &mut inner));
            }
            thrown = self.catchers.pop().unwrap_or_default();
            self.failed -= usize::from(is_exception);
        }
        let Some(finally) = finally else {
            if let Some(state) = thrown.state {
                self.throw(state);
            }
            self.pass_on(inner, exits);
            return some(after);
        };
        let joined = after.into_iter().fold(None, |all, end| self.meet(all, Some(end)));
        let after = match joined {
            Some(state) => self.steps_on_ways(frame, finally, state, exits),
            None => Vec::new(),
        };
        if let Some(state) = thrown.state
            && let Some(state) = self.steps(frame, finally, state, exits)
        {
            self.throw(state);
        }
        for (state, value) in std::mem::take(&mut inner.returns) {
            if let Some(state) = self.steps(frame, finally, state, exits) {
                self.leave_with(exits, state, value);
            }
        }
        for (is_continue, label, state) in std::mem::take(&mut inner.jumps) {
            if let Some(state) = self.steps(frame, finally, state, exits) {
                exits.jumps.push((is_continue, label, state));
            }
        }
        some(after)
    }
}

fn ways(one: Option<State>, two: Option<State>) -> Option<Ways> {
    some(one.into_iter().chain(two).collect())
}

fn some(ways: Ways) -> Option<Ways> {
    (!ways.is_empty()).then_some(ways)
}
