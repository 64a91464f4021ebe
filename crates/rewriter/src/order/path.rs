//! Which decisions an evaluation has come by, so that those which tell two ways apart can be named.

use std::{collections::BTreeSet, rc::Rc};

use super::condition::Condition;

/// The decisions on the way to a point that no join has undone, the last one first.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Option<Rc<Decision>>);

#[derive(Debug)]
struct Decision {
    condition: Condition,
    /// Which of the ways that it leaves was taken; `None` for several of them.
    way: Option<usize>,
    before: Path,
    count: usize,
}

/// What two ways have decided alike, and what each has decided otherwise since they parted.
pub(super) struct Parted {
    pub(super) common: Path,
    pub(super) one: Vec<Condition>,
    pub(super) two: Vec<Condition>,
}

impl Path {
    /// Adds a decision, and which of its ways was taken.
    pub(super) fn push(&mut self, condition: &Condition, way: usize) {
        self.add(condition, Some(way));
    }

    /// Adds a decision of which several ways lead here.
    pub(super) fn push_joined(&mut self, condition: &Condition) {
        self.add(condition, None);
    }

    /// Very long paths keep the first decisions alone.
    fn add(&mut self, condition: &Condition, way: Option<usize>) {
        const LONGEST: usize = 256;
        let count = self.count() + 1;
        if count <= LONGEST {
            let before = std::mem::take(self);
            *self = Self(Some(Rc::new(Decision { condition: condition.clone(), way, before, count })));
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
    fn pop(&mut self, decided: &mut Vec<Rc<Decision>>) {
        if let Some(last) = self.0.take() {
            *self = last.before.clone();
            decided.push(last);
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
        let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
        while !one.is(&two) {
            if one.count() >= two.count() {
                one.pop(&mut of_one);
            } else {
                two.pop(&mut of_two);
            }
        }
        // Code that runs on both decides alike on both.
        let alike: BTreeSet<_> = taken(&of_one).intersection(&taken(&of_two)).copied().collect();
        let mut common = one;
        alike.iter().for_each(|(condition, way)| common.push(condition, *way));
        let is_alike = |one: &Decision| one.way.is_some_and(|way| alike.contains(&(&one.condition, way)));
        let own = |decisions: &[Rc<Decision>]| {
            let own = decisions.iter().filter(|decision| !is_alike(decision));
            own.map(|decision| decision.condition.clone()).collect()
        };
        Parted { common, one: own(&of_one), two: own(&of_two) }
    }
}

/// Decisions, each with the way that was taken.
fn taken(decisions: &[Rc<Decision>]) -> BTreeSet<(&Condition, usize)> {
    decisions.iter().filter_map(|decision| Some((&decision.condition, decision.way?))).collect()
}
