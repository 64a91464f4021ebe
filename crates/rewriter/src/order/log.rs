//! What an evaluation came across: starts of Sentry, and what was loaded before them, with places.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Place;
use crate::sources::ModulePath;

/// Why a start does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// It stands behind an `await` in a function that nothing awaits.
    NotAwaited,
    /// It stands in a function that something else calls, at a time that is not known.
    Callback,
    /// It stands in a generator that is not iterated here.
    Generator,
    /// It stands in a function that nothing calls.
    NeverCalled,
}

/// An option of `init` by which something is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LostBy {
    /// `registerEsmLoaderHooks: false`
    NoLoaderHooks,
    /// `enabled: false`
    Disabled,
    /// `dsn: ""`
    NoDsn,
    /// Neither `tracesSampleRate` nor `tracesSampler`.
    NoTracing,
}

/// A load of a package before Sentry has started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EarlyPackage {
    pub(crate) specifier: String,
    pub(crate) place: Place,
}

/// What was come across, each once.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Calls that start Sentry, with the modules that were being evaluated: the entry first.
    pub(crate) starts: BTreeSet<(Place, Vec<ModulePath>)>,
    /// Calls that would start it, but at a time that is not known.
    pub(crate) late: BTreeSet<(Place, Why)>,
    /// Loads of the runtime before Sentry has started.
    pub(crate) early: BTreeSet<Place>,
    /// Loads that may be loads of the runtime before Sentry has started.
    pub(crate) doubtful: BTreeSet<Place>,
    /// Loads of packages before Sentry has started.
    pub(crate) packages: BTreeSet<EarlyPackage>,
    /// Code that was not followed.
    pub(crate) unknown: BTreeSet<Place>,
    /// Whether a function that starts Sentry was given to something that is not followed.
    pub(crate) handed_out: bool,
    pub(crate) options: BTreeSet<(Place, LostBy)>,
    /// Starts of a copy of the SDK that `require()` gave, with its specifier.
    pub(crate) required: BTreeMap<Place, String>,
    /// Where the process ends.
    pub(crate) ended: BTreeSet<Place>,
    /// Errors that nothing catches.
    pub(crate) thrown: BTreeSet<Place>,
    /// Where it waits for what never happens.
    pub(crate) stuck: BTreeSet<Place>,
    /// The functions that were called.
    pub(crate) called: BTreeSet<(ModulePath, usize)>,
    /// Why code runs at a time that is not known, where it does.
    pub(crate) why: Option<Why>,
}

impl Log {
    pub(crate) fn unknown(&mut self, place: Place) {
        self.unknown.insert(place);
    }

    pub(crate) fn called(&mut self, module: &ModulePath, function: usize) {
        if !self.called.contains(&(module.clone(), function)) {
            self.called.insert((module.clone(), function));
        }
    }
}
