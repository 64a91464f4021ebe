//! What was read of the texts of modules, once for everything that looks at a build.

use std::{
    collections::HashMap,
    hash::BuildHasher as _,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::quality::RandomState;
use presentry_parser::{
    Binding, Evaluation, ModuleAnalysis, ModuleRecord, Outline, RunTimeRequest, Span, SyntaxError, analyze, evaluation,
    module_requests, outline,
};

use crate::{bundle_header::bundle_header, guard::function::without_function};

/// What [`outline`] finds in a text: an outline, and the errors that it came upon.
pub type ReadOutline = (Outline, Vec<SyntaxError>);

/// What is found in the whole text of a module.
#[derive(Clone, Debug, Default)]
pub struct ReadModule {
    /// What it requests, imports and exports.
    pub record: Arc<ModuleRecord>,
    /// The module's own top-level bindings; none of a bundle of the SDK.
    pub bindings: Arc<[Binding]>,
    /// The calls of `import()` that nothing waits for.
    pub floating_imports: Arc<[Span]>,
    /// What is wrong with it.
    pub errors: Arc<[SyntaxError]>,
}

/// What is found in the whole text of a module of which the requests are wanted.
#[derive(Clone, Debug)]
pub struct ReadRequests {
    /// What it requests, imports and exports.
    pub record: Arc<ModuleRecord>,
    /// What it requests while it runs.
    pub at_run_time: Arc<[RunTimeRequest]>,
    /// What is wrong with it.
    pub errors: Arc<[SyntaxError]>,
}

/// What was read, by the texts that it is of. The same text is read once in each way, whatever its path, and whichever state
/// of a build it belongs to.
///
/// ```
/// let readings = presentry_rewriter::Readings::default();
/// let (outline, errors) = &*readings.outline("import 'a';");
/// assert_eq!((outline.links.requested_modules.len(), errors.len()), (1, 0));
/// assert_eq!(readings.module("const b = 1;").bindings[0].name, "b");
/// ```
#[derive(Debug, Default)]
pub struct Readings {
    outlines: Kept<Arc<ReadOutline>>,
    modules: Kept<ReadModule>,
    requests: Kept<ReadRequests>,
    evaluations: Kept<Option<Arc<Evaluation>>>,
}

impl Readings {
    /// The outline of an ES module.
    #[must_use]
    pub fn outline(&self, text: &str) -> Arc<ReadOutline> {
        self.outlines.of(text, |text| Arc::new(outline(text)))
    }

    /// An ES module as a whole.
    #[must_use]
    pub fn module(&self, text: &str) -> ReadModule {
        self.modules.of(text, |text| {
            // No one looks at the bindings in a bundle, which is large, and its requests are wanted as well.
            if bundle_header(text.as_bytes()).is_some() {
                let ReadRequests { record, errors, .. } = self.requests(text);
                return ReadModule { record, errors, ..ReadModule::default() };
            }
            // One reading gives everything; the bindings cost little beside the syntax tree.
            let (ModuleAnalysis { record, bindings, floating_imports }, errors) = analyze(&without_function(text));
            ReadModule {
                record: Arc::new(record),
                bindings: bindings.into(),
                floating_imports: floating_imports.into(),
                errors: errors.into(),
            }
        })
    }

    /// The requests of an ES module, those in its functions among them.
    #[must_use]
    pub fn requests(&self, text: &str) -> ReadRequests {
        self.requests.of(text, |text| {
            let (record, at_run_time, errors) = module_requests(text);
            ReadRequests { record: Arc::new(record), at_run_time: at_run_time.into(), errors: errors.into() }
        })
    }

    /// The steps of its evaluation; `None` where it cannot be read.
    #[must_use]
    pub fn evaluation(&self, text: &str) -> Option<Arc<Evaluation>> {
        self.evaluations.of(text, |text| evaluation(&without_function(text)).map(Arc::new))
    }
}

/// Values by the texts that they are made of.
#[derive(Debug)]
struct Kept<T> {
    /// By the hash of the text and its length. The hash has 64 bits and a random key: that two of 100,000 texts have the same
    /// one is as likely as 1 in 10⁹.
    known: Mutex<HashMap<(u64, usize), T>>,
    hasher: RandomState,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { known: Mutex::default(), hasher: RandomState::default() }
    }
}

impl<T: Clone> Kept<T> {
    fn of(&self, text: &str, make: impl FnOnce(&str) -> T) -> T {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.hasher.hash_one(text), text.len());
        if let Some(read) = known().get(&key) {
            return read.clone();
        }
        let read = make(text);
        known().insert(key, read.clone());
        read
    }
}
