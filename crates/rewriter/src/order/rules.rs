//! The rules that can be left out, so that a test can see that the judge of the analysis notices.

/// A rule of the abstract run without which it proves too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What stands behind an `await` that nothing awaits runs later.
    AwaitSuspends,
    /// Where a test is not known, both branches are possible.
    BranchesPart,
    /// A loop may not run once.
    LoopMayNotRun,
    /// What is not followed may fail.
    CallsMayFail,
    /// `return` ends a function.
    ReturnEnds,
    /// A function that something else is given may never be called.
    CallbackIsPerhaps,
    /// A generator runs when it is iterated.
    GeneratorWaits,
    /// A binding cannot be read before it is declared.
    DeadZone,
    /// A constant cannot be assigned to.
    ConstantsStay,
    /// What starts only since something failed does not count as a start.
    FailureIsException,
    /// `import()` of the runtime loads it.
    ImportLoads,
    /// What was begun before an `await` may go on there.
    PendingGoesOn,
    /// A promise may be settled by more than the callback of a timer.
    OthersSettle,
    /// A text may not be JSON.
    JsonMayFail,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::AwaitSuspends,
        Self::BranchesPart,
        Self::LoopMayNotRun,
        Self::CallsMayFail,
        Self::ReturnEnds,
        Self::CallbackIsPerhaps,
        Self::GeneratorWaits,
        Self::DeadZone,
        Self::ConstantsStay,
        Self::FailureIsException,
        Self::ImportLoads,
        Self::PendingGoesOn,
        Self::OthersSettle,
        Self::JsonMayFail,
    ];
}
