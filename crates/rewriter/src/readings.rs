//! The outlines of modules, read once for everything that looks at a build.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use presentry_parser::{Outline, SyntaxError, outline};

/// What [`outline`] finds in a text: an outline, and the errors that it came upon.
pub type ReadOutline = (Outline, Vec<SyntaxError>);

/// Outlines by the texts that they are of. The same text is read once, whatever its path, and whichever state of a build
/// it belongs to.
///
/// ```
/// let outlines = presentry_rewriter::Outlines::default();
/// let (outline, errors) = &*outlines.of("import 'a';");
/// assert_eq!((outline.links.requested_modules.len(), errors.len()), (1, 0));
/// ```
#[derive(Debug, Default)]
pub struct Outlines {
    /// By the hash of the text and its length. The hash has 64 bits and a random key: that two of 100,000 texts have the same
    /// one is as likely as 1 in 10⁹.
    known: Mutex<HashMap<(u64, usize), Arc<ReadOutline>>>,
    hasher: RandomState,
}

impl Outlines {
    /// The outline of an ES module.
    #[must_use]
    pub fn of(&self, text: &str) -> Arc<ReadOutline> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.hasher.hash_one(text), text.len());
        if let Some(read) = known().get(&key) {
            return read.clone();
        }
        let read = Arc::new(outline(text));
        known().insert(key, read.clone());
        read
    }
}
