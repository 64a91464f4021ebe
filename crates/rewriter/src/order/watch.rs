//! Which objects are changed after code has read them that may run at another time: it may then find something else.

use std::{cell::RefCell, collections::BTreeSet};

use super::value::ObjectId;

/// What is read early and changed later, over all paths of a run.
#[derive(Debug, Default)]
pub(super) struct Watch {
    read: RefCell<BTreeSet<ObjectId>>,
    changed: RefCell<BTreeSet<ObjectId>>,
}

impl Watch {
    /// Code reads an object that may run at another time.
    pub(super) fn reads(&self, id: ObjectId) {
        self.read.borrow_mut().insert(id);
    }

    /// An object is changed.
    pub(super) fn changes(&self, id: ObjectId) {
        if self.read.borrow().contains(&id) {
            self.changed.borrow_mut().insert(id);
        }
    }

    /// Each object may be changed.
    pub(super) fn changes_all(&self) {
        self.changed.borrow_mut().extend(self.read.borrow().iter().copied());
    }

    /// The objects that were changed after they were read.
    pub(super) fn changed(&self) -> BTreeSet<ObjectId> {
        self.changed.borrow().clone()
    }
}
