//! Which decisions an evaluation has come by, so that those which tell two ways apart can be named.

use std::{collections::BTreeSet, rc::Rc};

use super::condition::Condition;

/// The decisions on the way to a point that no join has undone, the last one first.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Option<Rc<Decision>>);

#[derive(Debug)]
struct Decision {
    condition: Condition,
    before: Path,
    count: usize,
}

/// Where two ways parted, and what each has decided since.
pub(super) struct Parted {
    pub(super) common: Path,
    pub(super) one: Vec<Condition>,
    pub(super) two: Vec<Condition>,
}

impl Path {
    /// Adds a decision. Very long ways keep the first ones alone.
    pub(super) fn push(&mut self, condition: &Condition) {
        const LONGEST: usize = 256;
        let count = self.count() + 1;
        if count <= LONGEST {
            let before = std::mem::take(self);
            *self = Self(Some(Rc::new(Decision { condition: condition.clone(), before, count })));
        }
    }

    fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |decision| decision.count)
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(two)) => Rc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        }
    }

    /// Takes off the last decision.
    fn pop(&mut self, decided: &mut Vec<Condition>) {
        if let Some(last) = self.0.take() {
            decided.push(last.condition.clone());
            *self = last.before.clone();
        }
    }

    /// What this way has decided since another one parted from it.
    pub(super) fn decided_since(&self, other: &Self) -> BTreeSet<Condition> {
        self.part(other).one.into_iter().collect()
    }

    /// What two ways have decided since they parted.
    pub(super) fn decided_beside(&self, other: &Self) -> BTreeSet<Condition> {
        let Parted { one, two, .. } = self.part(other);
        one.into_iter().chain(two).collect()
    }

    pub(super) fn part(&self, other: &Self) -> Parted {
        let (mut one, mut two) = (self.clone(), other.clone());
        let mut parted = Parted { common: Self::default(), one: Vec::new(), two: Vec::new() };
        while !one.is(&two) {
            if one.count() >= two.count() {
                one.pop(&mut parted.one);
            } else {
                two.pop(&mut parted.two);
            }
        }
        parted.common = one;
        parted
    }
}
