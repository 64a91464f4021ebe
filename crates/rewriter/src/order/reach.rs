//! How far an evaluation can have come: a small set of possibilities, and how two parts of an evaluation combine.

/// What can be true of Sentry and the runtime at some point, over all paths that lead there.
///
/// As an *effect* it tells the same of a part of the evaluation alone, as if nothing had happened before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reach(u8);

impl Reach {
    /// No path leads here.
    pub(crate) const NOWHERE: Self = Self(0);
    /// Neither has Sentry started nor was the runtime loaded.
    pub(crate) const NOTHING: Self = Self(1);
    /// Sentry started, and nothing of the runtime was loaded before.
    pub(crate) const STARTED: Self = Self(2);
    /// The runtime was loaded, and Sentry has not started.
    pub(crate) const LOADED: Self = Self(4);
    /// The runtime was loaded, and Sentry started after it.
    pub(crate) const TOO_LATE: Self = Self(8);
    /// Sentry started first, but only since something else failed.
    pub(crate) const STARTED_AFTER_FAILURE: Self = Self(16);

    const ALL: [Self; 5] = [Self::NOTHING, Self::STARTED, Self::LOADED, Self::TOO_LATE, Self::STARTED_AFTER_FAILURE];

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn each(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |one| self.has(*one))
    }

    /// Whether something that is loaded here can be loaded before Sentry starts.
    pub(crate) fn is_early(self) -> bool {
        self.has(Self::NOTHING.or(Self::LOADED))
    }

    /// What follows when a part with this effect is run.
    pub(crate) fn then(self, effect: Self) -> Self {
        if effect == Self::NOWHERE {
            return Self::NOWHERE;
        }
        self.each().fold(Self::NOWHERE, |all, before| {
            all.or(match before {
                Self::NOTHING => effect,
                Self::LOADED => effect.each().fold(Self::NOWHERE, |all, after| {
                    all.or(match after {
                        Self::NOTHING | Self::LOADED => Self::LOADED,
                        _ => Self::TOO_LATE,
                    })
                }),
                decided => decided,
            })
        })
    }

    /// What follows when a part with this effect may have run or not, at any time: a start counts for nothing.
    pub(crate) fn perhaps(self, effect: Self) -> Self {
        self.or_worse(self.then(effect))
    }

    /// What follows when a part that leads to `after` may have run or not: a start counts for nothing.
    pub(crate) fn or_worse(self, after: Self) -> Self {
        let loads = after.has(Self::LOADED.or(Self::TOO_LATE)) && self.is_early();
        if loads { self.or(Self::LOADED) } else { self }
    }

    /// The effect of two parts that run beside each other, in an order that is not known.
    pub(crate) fn beside(self, other: Self) -> Self {
        let mut all = Self::NOWHERE;
        for one in self.each() {
            for two in other.each() {
                all = all.or(match (one, two) {
                    (Self::NOTHING, two) => two,
                    (one, Self::NOTHING) => one,
                    (Self::TOO_LATE, _) | (_, Self::TOO_LATE) => Self::TOO_LATE,
                    (Self::LOADED, Self::LOADED) => Self::LOADED,
                    (Self::LOADED, start) | (start, Self::LOADED) => start.or(Self::TOO_LATE),
                    (Self::STARTED, _) | (_, Self::STARTED) => Self::STARTED,
                    _ => Self::STARTED_AFTER_FAILURE,
                });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    fn subsets() -> impl Iterator<Item = Reach> {
        (0..32).map(Reach)
    }

    #[test]
    fn one_after_the_other() {
        assert_eq!(Reach::NOTHING.then(Reach::STARTED), Reach::STARTED);
        assert_eq!(Reach::LOADED.then(Reach::STARTED), Reach::TOO_LATE);
        assert_eq!(Reach::STARTED.then(Reach::LOADED), Reach::STARTED);
        assert_eq!(Reach::STARTED.then(Reach::NOWHERE), Reach::NOWHERE);
        let either = Reach::NOTHING.or(Reach::STARTED);
        assert_eq!(either.then(Reach::LOADED), Reach::LOADED.or(Reach::STARTED));
    }

    #[test]
    fn beside_each_other_the_worse_order_counts() {
        assert!(Reach::STARTED.beside(Reach::LOADED).has(Reach::TOO_LATE));
        assert_eq!(Reach::STARTED.beside(Reach::NOTHING), Reach::STARTED);
        for one in subsets() {
            for two in subsets() {
                assert_eq!(one.beside(two), two.beside(one));
            }
        }
    }

    #[test]
    fn what_may_have_run_never_starts_sentry() {
        for before in subsets() {
            for effect in subsets() {
                let after = before.perhaps(effect);
                assert_eq!(after.has(Reach::STARTED), before.has(Reach::STARTED));
                assert!(before.each().all(|one| after.has(one)), "what was possible stays possible");
            }
        }
    }
}
