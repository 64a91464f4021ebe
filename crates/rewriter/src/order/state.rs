//! The state of an evaluation at one point, and how states of several paths are joined.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use presentry_parser::MemberKind;

use super::{
    condition::Condition,
    log::EarlyPackage,
    path::{Parted, Path},
    reach::Reach,
    value::{CellId, Code, Fact, Found, FunctionKey, Object, ObjectId, ObjectKind, Scope, Slot, Value},
    watch::Watch,
};
use crate::sources::ModulePath;

/// A module that was linked.
#[derive(Debug)]
pub(super) struct ModuleRun {
    pub(super) linked: Option<(Rc<Code>, Rc<Scope>)>,
    /// Whether its body was run on some way.
    pub(super) is_run: bool,
    /// Whether it is part of a circle, so that its bindings may be read before they are initialised.
    pub(super) is_circular: bool,
    /// What CommonJS has.
    pub(super) script: Option<Script>,
}

/// What a CommonJS file has besides its bindings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    /// The object `module`.
    pub(super) module: ObjectId,
    /// The object that `exports` holds at first.
    pub(super) exports: ObjectId,
    /// What `exports` holds.
    pub(super) binding: CellId,
}

/// On which of the ways to a point a module was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evaluated {
    Surely,
    Perhaps,
}

/// What may still happen: it is taken into account whenever other code can run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    /// The rest of an asynchronous function.
    Effect(Reach),
    /// A function that a timer or an event calls.
    Callback(Value),
}

/// The state at one point.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) reach: Reach,
    pub(super) cells: Rc<BTreeMap<CellId, Value>>,
    pub(super) objects: Rc<BTreeMap<ObjectId, Rc<Object>>>,
    /// The prototypes of functions that were read or set.
    pub(super) prototypes: Rc<BTreeMap<FunctionKey, ObjectId>>,
    /// The modules that were evaluated on the way.
    pub(super) evaluated: Rc<BTreeMap<ModulePath, Evaluated>>,
    /// Bindings that code may assign at any time.
    pub(super) unstable: Rc<BTreeSet<CellId>>,
    pub(super) conditions: Rc<BTreeSet<Condition>>,
    /// The decisions that led here.
    pub(super) path: Path,
    /// What was found of names of the host on the way.
    pub(super) facts: Rc<BTreeMap<Fact, Found>>,
    /// Whether the way led through a test that can only hold if something has changed what an earlier one found. What
    /// starts on it counts for nothing.
    pub(super) contradicts: bool,
    pub(super) pending: Rc<Vec<Pending>>,
    /// The functions that were handed to code that is not followed, with what had happened then: what they do is counted.
    pub(super) escaped: Rc<BTreeSet<(FunctionKey, Reach)>>,
    /// The functions that run before the code goes on behind its next `await`.
    pub(super) soon: Rc<Vec<Value>>,
    /// Whether something else than a start may have made a client of Sentry.
    pub(super) may_have_client: bool,
    /// The packages that were loaded while Sentry had not started.
    pub(super) packages: Rc<BTreeSet<EarlyPackage>>,
    /// Who has to know of the objects that are changed.
    pub(super) watch: Option<Rc<Watch>>,
    /// Whether the caller has gone on already: the rest of an asynchronous function that is not awaited.
    pub(super) detached: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            reach: Reach::NOTHING,
            cells: Rc::default(),
            objects: Rc::default(),
            prototypes: Rc::default(),
            evaluated: Rc::default(),
            unstable: Rc::default(),
            conditions: Rc::default(),
            path: Path::default(),
            facts: Rc::default(),
            contradicts: false,
            pending: Rc::default(),
            escaped: Rc::default(),
            soon: Rc::default(),
            may_have_client: false,
            packages: Rc::default(),
            watch: None,
            detached: false,
        }
    }

    pub(super) fn set(&mut self, cell: CellId, value: Value) {
        let value = if self.unstable.contains(&cell) { Value::Any } else { value };
        Rc::make_mut(&mut self.cells).insert(cell, value);
    }

    pub(super) fn object(&self, id: ObjectId) -> Option<&Rc<Object>> {
        self.objects.get(&id)
    }

    pub(super) fn object_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        if let Some(watch) = &self.watch {
            watch.changes(id);
        }
        Rc::make_mut(&mut self.objects).get_mut(&id).map(Rc::make_mut)
    }

    /// The truth of a value, where it is known here.
    pub(super) fn truth(&self, value: &Value) -> Option<bool> {
        self.truth_by(value, |found| !found.is_doubted)
    }

    /// The truth of a value if nothing has changed what was found on the way.
    pub(super) fn believed(&self, value: &Value) -> Option<bool> {
        self.truth_by(value, |_| true)
    }

    fn truth_by(&self, value: &Value, counts: impl Fn(&Found) -> bool) -> Option<bool> {
        match value {
            Value::Test(test) => self.fact(&test.0, counts).map(|holds| holds == test.1),
            Value::Global(name) => value.truth().or_else(|| self.fact(&Fact::IsTrue(name.clone()), counts)),
            value => value.truth(),
        }
    }

    fn fact(&self, fact: &Fact, counts: impl Fn(&Found) -> bool) -> Option<bool> {
        let known = |fact: &Fact| self.facts.get(fact).filter(|found| counts(found)).map(|found| found.holds);
        known(fact).or_else(|| match fact {
            // A text that is not empty counts as true.
            Fact::Is(name, text) => {
                known(&Fact::IsTrue(name.clone())).filter(|truth| *truth == text.is_empty()).map(|_| false)
            }
            Fact::IsTrue(_) => None,
        })
    }

    /// Counts it as true, or as false, from here on. `believed` is what it is if nothing has changed on the way.
    pub(super) fn assume(&mut self, value: &Value, truth: bool, believed: Option<bool>) {
        self.contradicts |= believed.is_some_and(|believed| believed != truth);
        let (fact, holds) = match value {
            Value::Global(name) => (Fact::IsTrue(name.clone()), truth),
            Value::Test(test) => (test.0.clone(), test.1 == truth),
            _ => return,
        };
        let found = |holds| Found { holds, is_doubted: false };
        let facts = Rc::make_mut(&mut self.facts);
        if let (Fact::Is(name, text), true) = (&fact, holds) {
            facts.insert(Fact::IsTrue(name.clone()), found(!text.is_empty()));
        }
        facts.insert(fact, found(holds));
    }

    /// Takes over what decides about an effect.
    pub(super) fn depends_on(&mut self, conditions: &Rc<BTreeSet<Condition>>) {
        if !conditions.is_empty() {
            Rc::make_mut(&mut self.conditions).extend(conditions.iter().cloned());
        }
    }

    /// Doubts what was found of names of the host, since something may have changed them.
    pub(super) fn doubt_facts(&mut self) {
        if self.facts.values().any(|found| !found.is_doubted) {
            Rc::make_mut(&mut self.facts).values_mut().for_each(|found| found.is_doubted = true);
        }
    }

    /// Forgets what was found of names of the host, since something sets them that is made for it: the environment is
    /// read from a file, say.
    pub(super) fn forget_facts(&mut self) {
        self.facts = Rc::default();
        self.contradicts = false;
    }

    /// How much work a copy of it is.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from((self.cells.len() + self.objects.len()) / 32).unwrap_or(u32::MAX)
    }

    /// The state after one of two paths. Where they came to different results, what they have decided since they parted is
    /// what decides.
    pub(super) fn join(mut self, other: Self) -> Self {
        let Parted { common, one, two } = self.path.part(&other.path);
        if self.reach != other.reach {
            let early = (self.reach.is_early() && !one.is_empty(), other.reach.is_early() && !two.is_empty());
            let conditions = Rc::make_mut(&mut self.conditions);
            if early.0 || !early.1 {
                conditions.extend(one);
            }
            if early.1 || !early.0 {
                conditions.extend(two);
            }
        }
        self.path = common;
        if !Rc::ptr_eq(&self.facts, &other.facts) {
            self.keep_facts_of(&other);
        }
        self.contradicts &= other.contradicts;
        self.reach = self.reach.or(other.reach);
        if !Rc::ptr_eq(&self.cells, &other.cells) {
            let mut differing = Vec::new();
            let cells = Rc::make_mut(&mut self.cells);
            for (cell, value) in other.cells.iter() {
                match cells.get(cell) {
                    Some(mine) if mine == value => {}
                    Some(mine) => differing.push((*cell, mine.clone(), value.clone())),
                    None => {
                        cells.insert(*cell, value.clone());
                    }
                }
            }
            self.adopt_objects(&other);
            for (cell, mine, value) in differing {
                let value = self.either(&mine, &value);
                Rc::make_mut(&mut self.cells).insert(cell, value);
            }
        }
        if !Rc::ptr_eq(&self.objects, &other.objects) {
            let objects = Rc::make_mut(&mut self.objects);
            for (id, object) in other.objects.iter() {
                match objects.get_mut(id) {
                    Some(mine) if Rc::ptr_eq(mine, object) || mine.is_same(object) => {}
                    Some(mine) => *mine = Rc::new(mine.or(object)),
                    None => {
                        objects.insert(*id, object.clone());
                    }
                }
            }
        }
        if !Rc::ptr_eq(&self.prototypes, &other.prototypes) {
            self.join_prototypes(&other);
        }
        if !Rc::ptr_eq(&self.evaluated, &other.evaluated) {
            self.join_evaluated(&other);
        }
        if !Rc::ptr_eq(&self.unstable, &other.unstable) {
            Rc::make_mut(&mut self.unstable).extend(other.unstable.iter().copied());
        }
        if !Rc::ptr_eq(&self.conditions, &other.conditions) {
            Rc::make_mut(&mut self.conditions).extend(other.conditions.iter().cloned());
        }
        if !Rc::ptr_eq(&self.pending, &other.pending) {
            for pending in other.pending.iter() {
                if !self.pending.contains(pending) {
                    Rc::make_mut(&mut self.pending).push(pending.clone());
                }
            }
        }
        if !Rc::ptr_eq(&self.escaped, &other.escaped) {
            Rc::make_mut(&mut self.escaped).retain(|function| other.escaped.contains(function));
        }
        if !Rc::ptr_eq(&self.soon, &other.soon) {
            Rc::make_mut(&mut self.soon).retain(|function| other.soon.contains(function));
        }
        if !Rc::ptr_eq(&self.packages, &other.packages) {
            Rc::make_mut(&mut self.packages).extend(other.packages.iter().cloned());
        }
        self.may_have_client |= other.may_have_client;
        self.detached |= other.detached;
        self
    }

    /// Keeps the facts that were found on another way as well.
    fn keep_facts_of(&mut self, other: &Self) {
        Rc::make_mut(&mut self.facts).retain(|fact, found| match other.facts.get(fact) {
            Some(there) if there.holds == found.holds => {
                found.is_doubted |= there.is_doubted;
                true
            }
            _ => false,
        });
    }

    /// A prototype that one of two ways has not read is empty there.
    fn join_prototypes(&mut self, other: &Self) {
        let both =
            [(self.prototypes.clone(), other.prototypes.clone()), (other.prototypes.clone(), self.prototypes.clone())];
        for (here, there) in &both {
            for (function, id) in here.iter().filter(|(function, id)| there.get(*function) != Some(*id)) {
                let is_elsewhere = there.contains_key(function);
                if let Some(object) = self.object_mut(*id) {
                    *object = object.or(&Object::new(ObjectKind::Plain));
                    object.open |= is_elsewhere;
                }
                Rc::make_mut(&mut self.prototypes).entry(function.clone()).or_insert(*id);
            }
        }
    }

    /// A module that was evaluated on one of two ways was perhaps evaluated.
    fn join_evaluated(&mut self, other: &Self) {
        let evaluated = Rc::make_mut(&mut self.evaluated);
        for (path, here) in evaluated.iter_mut() {
            if other.evaluated.get(path) != Some(&Evaluated::Surely) {
                *here = Evaluated::Perhaps;
            }
        }
        for path in other.evaluated.keys() {
            evaluated.entry(path.clone()).or_insert(Evaluated::Perhaps);
        }
    }

    fn adopt_objects(&mut self, other: &Self) {
        if !Rc::ptr_eq(&self.objects, &other.objects) {
            let objects = Rc::make_mut(&mut self.objects);
            for (id, object) in other.objects.iter() {
                objects.entry(*id).or_insert_with(|| object.clone());
            }
        }
    }

    /// A value that is one of two.
    pub(super) fn either(&mut self, one: &Value, two: &Value) -> Value {
        if one == two {
            return one.clone();
        }
        if one.is_primitive() && two.is_primitive() {
            return Value::Primitive;
        }
        if self.is_plain(one, 0) && self.is_plain(two, 0) {
            for value in [one, two] {
                if let Value::Object(id) = value
                    && let Some(object) = self.object_mut(*id)
                {
                    object.open = true;
                }
            }
            return Value::External;
        }
        one.or(two)
    }

    /// Whether joining two states loses a function that is the value of one of them.
    pub(super) fn loses_value(&self, value: &Value, other: &Self, of_other: &Value) -> bool {
        value != of_other
            && !matches!((value, of_other), (Value::Any, _) | (_, Value::Any))
            && !(self.is_plain(value, 0) && other.is_plain(of_other, 0))
    }

    /// Whether a binding, or a property, holds a function in one of two states and something else in the other.
    pub(super) fn loses_by_joining(&self, other: &Self) -> bool {
        self.loses_before(other, u32::MAX)
    }

    /// The same for the bindings and objects that were made before the one of this number.
    pub(super) fn loses_before(&self, other: &Self, end: CellId) -> bool {
        let is_lost = |one: &Value, two: &Value| self.loses_value(one, other, two);
        let in_cells = !Rc::ptr_eq(&self.cells, &other.cells)
            && self.cells.range(..end).any(|(cell, one)| other.cells.get(cell).is_some_and(|two| is_lost(one, two)));
        let in_slots = |one: &Object, two: &Object| {
            let values = one.slots.iter().map(|(name, one)| (one, two.slots.get(name)));
            let added = two.slots.iter().filter(|(name, _)| !one.slots.contains_key(*name)).map(|(_, two)| (two, None));
            values.chain(added).any(|pair| match pair {
                (Slot::Value(one), Some(Slot::Value(two))) => is_lost(one, two),
                (Slot::Value(only), None) => !self.is_plain(only, 0) && !other.is_plain(only, 0),
                (Slot::Accessor { .. }, _) | (_, Some(Slot::Accessor { .. })) => false,
            })
        };
        in_cells
            || !Rc::ptr_eq(&self.objects, &other.objects)
                && self.objects.range(..end).any(|(id, one)| {
                    other.objects.get(id).is_some_and(|two| !Rc::ptr_eq(one, two) && in_slots(one, two))
                })
    }

    /// Whether nothing of the modules can be called through a value.
    pub(super) fn is_plain(&self, value: &Value, depth: usize) -> bool {
        const DEEPEST: usize = 4;
        match value {
            Value::Object(id) => {
                let Some(object) = self.object(*id) else { return false };
                depth < DEEPEST
                    && !object.open
                    && object.class.is_none()
                    && object.prototype.is_none()
                    && !matches!(object.kind, ObjectKind::Iterator(_) | ObjectKind::Emitter | ObjectKind::Storage)
                    && object.slots.values().all(|slot| match slot {
                        Slot::Value(value) => self.is_plain(value, depth + 1),
                        Slot::Accessor { .. } => false,
                    })
            }
            value => value.is_plain(),
        }
    }

    /// Whether an object has functions that are called when it is shown, or made a text.
    pub(super) fn shows_itself(&self, value: &Value) -> bool {
        let id = match value {
            Value::Object(id) => id,
            Value::Class(class) => &class.statics,
            _ => return false,
        };
        let is_called = |name: &str| matches!(name, "toString" | "valueOf" | "toJSON") || name.starts_with("Symbol");
        let Some(object) = self.object(*id) else { return false };
        let mut class = object.class.as_ref();
        while let Some(known) = class {
            let members = &known.code.steps.classes[known.class].members;
            let mut named = members.iter().zip(&known.names).filter(|(member, _)| !member.is_static);
            if named.any(|(member, name)| {
                matches!(member.kind, MemberKind::Getter(_)) || name.as_deref().is_none_or(is_called)
            }) {
                return true;
            }
            class = match &known.parent {
                Value::Class(parent) => Some(parent),
                _ => None,
            };
        }
        object.slots.iter().any(|(name, slot)| is_called(name) || matches!(slot, Slot::Accessor { .. }))
    }

    /// Whether a value is an object without properties.
    pub(super) fn is_empty(&self, value: &Value) -> bool {
        let Value::Object(id) = value else { return false };
        self.object(*id).is_some_and(|object| {
            let has_more = object.open || object.has_unnamed || object.class.is_some() || object.prototype.is_some();
            matches!(object.kind, ObjectKind::Plain) && object.slots.is_empty() && !has_more
        })
    }

    /// Whether going on from here is going on from an earlier state: nothing that it knows has changed. What was made
    /// since can be reached only by what has changed.
    pub(super) fn is_same(&self, earlier: &Self) -> bool {
        let cells = || earlier.cells.iter().all(|(cell, value)| self.cells.get(cell) == Some(value));
        let objects = || {
            earlier
                .objects
                .iter()
                .all(|(id, that)| self.objects.get(id).is_some_and(|this| Rc::ptr_eq(this, that) || this.is_same(that)))
        };
        self.reach == earlier.reach
            && (Rc::ptr_eq(&self.cells, &earlier.cells) || cells())
            && (Rc::ptr_eq(&self.objects, &earlier.objects) || objects())
            && self.prototypes == earlier.prototypes
            && self.evaluated == earlier.evaluated
            && self.unstable == earlier.unstable
            && self.facts == earlier.facts
            && self.contradicts == earlier.contradicts
            && self.pending == earlier.pending
            && self.soon == earlier.soon
            && self.may_have_client == earlier.may_have_client
            && self.packages == earlier.packages
    }

    /// Takes everything for unknown that code which is not followed may have changed.
    pub(super) fn forget(&mut self, is_kept: impl Fn(CellId) -> bool) {
        self.doubt_facts();
        self.may_have_client = true;
        if let Some(watch) = &self.watch {
            watch.changes_all();
        }
        let cells = Rc::make_mut(&mut self.cells);
        for (cell, value) in cells.iter_mut() {
            if !is_kept(*cell) {
                *value = Value::Any;
            }
        }
        for object in Rc::make_mut(&mut self.objects).values_mut() {
            if !object.open {
                Rc::make_mut(object).open = true;
            }
        }
    }

    /// Says of the bindings and objects that another state has changed that they may change at any time.
    pub(super) fn unsettle(&mut self, changed: &Self) {
        self.keep_facts_of(changed);
        self.may_have_client |= changed.may_have_client;
        for (function, id) in changed.prototypes.iter() {
            if self.prototypes.get(function) == Some(id) {
                continue;
            }
            let mut unknown = Object::new(ObjectKind::Plain);
            unknown.open = true;
            Rc::make_mut(&mut self.objects).insert(*id, Rc::new(unknown));
            Rc::make_mut(&mut self.prototypes).insert(function.clone(), *id);
        }
        let mut cells = Vec::new();
        for (cell, value) in self.cells.iter() {
            if changed.cells.get(cell).is_some_and(|other| other != value) {
                cells.push(*cell);
            }
        }
        for cell in cells {
            Rc::make_mut(&mut self.unstable).insert(cell);
            Rc::make_mut(&mut self.cells).insert(cell, Value::Any);
        }
        if !Rc::ptr_eq(&self.unstable, &changed.unstable) {
            Rc::make_mut(&mut self.unstable).extend(changed.unstable.iter().copied());
        }
        let mut objects = Vec::new();
        for (id, object) in self.objects.iter() {
            if changed.objects.get(id).is_some_and(|other| !Rc::ptr_eq(other, object) && !other.is_same(object)) {
                objects.push(*id);
            }
        }
        for id in objects {
            if let Some(object) = self.object_mut(id) {
                object.open = true;
            }
        }
    }
}

/// Joins a state with what was found before, if anything was.
pub(super) fn join(one: Option<State>, two: Option<State>) -> Option<State> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.join(two)),
        (one, two) => one.or(two),
    }
}
