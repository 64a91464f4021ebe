//! Loops: rounds that are known one by one, and those whose number is not.

use std::sync::Arc;

use presentry_parser::{Expression, Loop, LoopKind, Pattern};

use super::{
    condition::ConditionKind,
    evaluator::{Evaluator, Exits, Frame},
    rules::Rule,
    state::State,
    value::Value,
};

/// The rounds after which a loop that still changes something is forgotten.
const MOST_ROUNDS: usize = 4;

impl Evaluator<'_> {
    pub(super) fn looped(
        &mut self,
        frame: &Frame,
        looped: &Arc<Loop>,
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut inner = Exits::default();
        let after = match &looped.kind {
            LoopKind::While { test, update } => {
                self.while_loop(frame, looped, test.as_ref(), update.as_ref(), state, &mut inner)
            }
            LoopKind::DoWhile(test) => self.do_while(frame, looped, test, state, &mut inner),
            LoopKind::In { target, object } => {
                let object = self.expression(frame, object, &mut state)?;
                let finds = !matches!(object, Value::Object(id) if !self.finds(id, &state));
                if finds && state.is_empty(&object) {
                    return Some(state);
                }
                self.rounds(frame, looped, state, &mut inner, |this, state| {
                    this.assign(frame, target, Value::External, state)
                })
            }
            LoopKind::Of { target, iterable, is_await } => {
                let value = self.expression(frame, iterable, &mut state)?;
                let value = self.iterated(frame, &value, &mut state, iterable.at)?;
                if *is_await {
                    self.suspend(&mut state);
                }
                if let Some(elements) = self.elements(&value, &state) {
                    self.each(frame, looped, (target, *is_await, iterable), elements, state, &mut inner)
                } else if let Some(generator) = self.generator(&value, &state) {
                    return self.over_generator(frame, looped, &generator, state, exits);
                } else {
                    // What is not known may be a function of the modules.
                    let element =
                        if matches!(value, Value::External | Value::Primitive) { Value::External } else { Value::Any };
                    self.rounds(frame, looped, state, &mut inner, |this, state| {
                        if *is_await {
                            this.suspend(state);
                            this.fail(state, frame.place(iterable.at));
                        }
                        this.assign(frame, target, element.clone(), state)
                    })
                }
            }
        };
        let left = self.take_breaks(&mut inner);
        self.pass_on(inner, exits);
        self.meet(after, left)
    }

    /// One round, with what `continue` leads to.
    pub(super) fn round(&mut self, frame: &Frame, looped: &Loop, state: State, exits: &mut Exits) -> Option<State> {
        let after = self.steps(frame, &looped.body, state, exits);
        let continued = self.take_jumps(exits, |is_continue, label| {
            is_continue && label.is_none_or(|label| looped.labels.contains(label))
        });
        self.meet(after, continued)
    }

    /// Elements that are known, one after the other.
    pub(super) fn each(
        &mut self,
        frame: &Frame,
        looped: &Arc<Loop>,
        (target, is_await, iterable): (&Pattern, bool, &Expression),
        elements: Vec<Value>,
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        for mut element in elements {
            if is_await {
                element = self.settle(frame, element, &mut state, iterable)?;
            }
            self.assign(frame, target, element, &mut state)?;
            state = self.round(frame, looped, state, exits)?;
        }
        Some(state)
    }

    /// A loop whose number of rounds is not known: none, or any.
    fn rounds(
        &mut self,
        frame: &Frame,
        looped: &Arc<Loop>,
        state: State,
        exits: &mut Exits,
        mut begin: impl FnMut(&mut Self, &mut State) -> Option<()>,
    ) -> Option<State> {
        let condition = self.condition(frame, looped.at, ConditionKind::Loop);
        let mut head = state;
        for round in 0..=MOST_ROUNDS {
            let Some(mut inside) = self.copy(&head) else { break };
            inside.path.push(&condition, 1);
            let after = match begin(self, &mut inside) {
                Some(()) => self.round(frame, looped, inside, exits),
                None => None,
            };
            let Some(after) = after else { break };
            if !self.holds(Rule::LoopMayNotRun) {
                return Some(after);
            }
            let Some(next) = self.next_head(&head, after, round) else { break };
            head = next;
        }
        (!self.exhausted).then_some(head)
    }

    /// The state in which the next round of a loop begins; `None` where a further one changes nothing.
    fn next_head(&mut self, head: &State, ended: State, round: usize) -> Option<State> {
        let copy = self.copy(head)?;
        let mut joined = self.meet(Some(copy), Some(ended))?;
        if joined.is_same(head) {
            return None;
        }
        if round + 1 >= MOST_ROUNDS {
            self.forget(&mut joined);
        }
        Some(joined)
    }

    fn while_loop(
        &mut self,
        frame: &Frame,
        looped: &Arc<Loop>,
        test: Option<&Expression>,
        update: Option<&Expression>,
        state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut head = state;
        let mut after = None;
        for round in 0..=MOST_ROUNDS + 1 {
            let mut inside = self.copy(&head)?;
            // The first round may be certain, where those after it are not.
            let mut is_certain = round == 0;
            if let Some(test) = test {
                let Some(tested) = self.tested(frame, test, &mut inside) else { return after };
                match tested.truth {
                    Some(true) => {}
                    Some(false) => return self.meet(after, Some(inside)),
                    None => {
                        let (one, other) = self.part(frame, test, &tested, inside, ConditionKind::Loop)?;
                        after = self.meet(after, Some(other));
                        inside = one;
                        is_certain = false;
                    }
                }
            }
            let mut ended = self.round(frame, looped, inside, exits);
            if let (Some(state), Some(update)) = (&mut ended, update)
                && self.expression(frame, update, state).is_none()
            {
                ended = None;
            }
            let Some(ended) = ended else { return after };
            if is_certain {
                head = ended;
                continue;
            }
            let Some(next) = self.next_head(&head, ended, round) else { return after };
            head = next;
        }
        after
    }

    fn do_while(
        &mut self,
        frame: &Frame,
        looped: &Arc<Loop>,
        test: &Expression,
        state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut head = state;
        let mut after = None;
        for round in 0..=MOST_ROUNDS + 1 {
            let inside = self.copy(&head)?;
            let Some(mut ended) = self.round(frame, looped, inside, exits) else { return after };
            let Some(tested) = self.tested(frame, test, &mut ended) else { return after };
            match tested.truth {
                Some(true) => {}
                Some(false) => return self.meet(after, Some(ended)),
                None => {
                    let (one, other) = self.part(frame, test, &tested, ended, ConditionKind::Loop)?;
                    after = self.meet(after, Some(other));
                    ended = one;
                }
            }
            // The first round is certain.
            if round == 0 {
                head = ended;
                continue;
            }
            let Some(next) = self.next_head(&head, ended, round) else { return after };
            head = next;
        }
        after
    }
}
