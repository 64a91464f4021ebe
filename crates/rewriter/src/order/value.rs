//! What a value can be as far as the evaluation follows it. No rules of evaluation here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

use presentry_parser::{ClassId, Evaluation, FunctionId, Name, Numeral, SlotId};

use super::{condition::Condition, reach::Reach};
use crate::{graph::Module, sources::ModulePath};

/// A place in the memory of the evaluation that holds the value of one binding.
pub(super) type CellId = u32;

/// An object in the memory of the evaluation.
pub(super) type ObjectId = u32;

/// A module whose code is run.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) module: Rc<Module>,
    pub(super) steps: Arc<Evaluation>,
    /// Whether it is CommonJS.
    pub(super) is_script: bool,
}

/// The bindings that a piece of code sees.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) id: u32,
    pub(super) cells: HashMap<SlotId, CellId>,
    pub(super) parent: Option<Rc<Scope>>,
}

impl Scope {
    pub(super) fn cell(&self, slot: SlotId) -> Option<CellId> {
        let mut scope = self;
        loop {
            if let Some(cell) = scope.cells.get(&slot) {
                return Some(*cell);
            }
            scope = scope.parent.as_deref()?;
        }
    }
}

/// A function with what it closes over.
#[derive(Debug)]
pub(super) struct Closure {
    pub(super) code: Rc<Code>,
    pub(super) function: FunctionId,
    pub(super) scope: Rc<Scope>,
    /// The `this` of an arrow function.
    pub(super) this: Value,
    /// The `arguments` of an arrow function.
    pub(super) arguments: Value,
    /// The `new.target` of an arrow function.
    pub(super) new_target: Value,
    /// What `super` means in it.
    pub(super) parent: Option<Value>,
    pub(super) is_static: bool,
    /// The class whose constructor it is in.
    pub(super) class: Option<Rc<ClassValue>>,
}

/// What tells one function from others: its text, and what it closes over.
pub(super) type FunctionKey = (ModulePath, FunctionId, u32);

impl Closure {
    pub(super) fn key(&self) -> FunctionKey {
        (self.code.module.path.clone(), self.function, self.scope.id)
    }
}

/// A class that was evaluated.
#[derive(Debug)]
pub(super) struct ClassValue {
    /// The object that holds what is static.
    pub(super) statics: ObjectId,
    pub(super) code: Rc<Code>,
    pub(super) class: ClassId,
    pub(super) scope: Rc<Scope>,
    pub(super) parent: Value,
    /// The names of the members, as far as they are known.
    pub(super) names: Vec<Option<Rc<str>>>,
}

/// A promise.
#[derive(Debug)]
pub(super) struct PromiseValue {
    /// What happens until it is settled, beside what has happened when it was made.
    pub(super) effect: Reach,
    pub(super) value: Value,
    /// What the caller would see if it failed before its first suspension.
    pub(super) rejected: Option<Reach>,
    /// What happens until it fails; nowhere if it is not known to fail.
    pub(super) failed: Reach,
    /// What decides about the effect.
    pub(super) conditions: Rc<BTreeSet<Condition>>,
    /// What decides whether it fails.
    pub(super) decided: Rc<BTreeSet<Condition>>,
}

/// A function with what was bound to it.
#[derive(Debug)]
pub(super) struct BoundValue {
    pub(super) function: Value,
    pub(super) this: Value,
    pub(super) arguments: Vec<Value>,
}

/// The call of a generator function, not begun.
#[derive(Debug)]
pub(super) struct GeneratorCall {
    pub(super) closure: Rc<Closure>,
    pub(super) this: Value,
    pub(super) arguments: Arguments,
}

/// What a call is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pub(super) values: Vec<Value>,
    /// Whether more may follow.
    pub(super) open: bool,
}

impl Arguments {
    pub(super) fn of(values: Vec<Value>) -> Self {
        Self { values, open: false }
    }

    pub(super) fn get(&self, index: usize) -> Value {
        match self.values.get(index) {
            Some(value) => value.clone(),
            None if self.open => Value::Any,
            None => Value::Undefined,
        }
    }
}

/// What a test finds out about a name of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// It counts as true.
    IsTrue(Rc<str>),
    /// It is this text.
    Is(Rc<str>, Rc<str>),
}

/// What a test has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) holds: bool,
    /// Whether something may have changed it since.
    pub(super) is_doubted: bool,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Lost track of: it may be any function of the modules.
    Any,
    /// Something of the host or of a package, or a primitive that is not known. It is not a function of the modules.
    External,
    /// The binding is not initialised.
    Uninitialised,
    Undefined,
    Null,
    Boolean(bool),
    /// A number or the like, with its truth.
    Number(Numeral),
    /// Whether a fact is true, or whether it is not.
    Test(Rc<(Fact, bool)>),
    Text(Rc<str>),
    /// A text, a number or a truth that is not known, or `undefined` or `null`: no symbol, no `bigint` and no object.
    Primitive,
    Closure(Rc<Closure>),
    Class(Rc<ClassValue>),
    Object(ObjectId),
    /// The namespace of a module of the build.
    Namespace(ModulePath),
    /// An export of a package or of the host, with the properties that were read: `node:module`, `createRequire`.
    Package(Rc<str>, Rc<[Rc<str>]>),
    /// A name of the host: `Promise.all`.
    Global(Rc<str>),
    /// A method of a value that the evaluation knows itself.
    Method(Rc<(Value, Rc<str>)>),
    Bound(Rc<BoundValue>),
    Promise(Rc<PromiseValue>),
    /// What `createRequire()` gives, for a module.
    Require(ModulePath),
    /// A client of Sentry that `init()` starts.
    Client,
    /// What settles the promise of an executor with this number.
    Settle(u32),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any)
            | (Self::External, Self::External)
            | (Self::Primitive, Self::Primitive)
            | (Self::Uninitialised, Self::Uninitialised)
            | (Self::Undefined, Self::Undefined)
            | (Self::Null, Self::Null)
            | (Self::Client, Self::Client) => true,
            (Self::Boolean(one), Self::Boolean(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::Settle(one), Self::Settle(two)) => one == two,
            (Self::Test(one), Self::Test(two)) => one == two,
            (Self::Text(one), Self::Text(two)) | (Self::Global(one), Self::Global(two)) => one == two,
            (Self::Closure(one), Self::Closure(two)) => {
                Rc::ptr_eq(one, two)
                    || Rc::ptr_eq(&one.code, &two.code)
                        && one.function == two.function
                        && one.scope.id == two.scope.id
                        && one.this == two.this
            }
            (Self::Class(one), Self::Class(two)) => one.statics == two.statics,
            (Self::Object(one), Self::Object(two)) => one == two,
            (Self::Namespace(one), Self::Namespace(two)) | (Self::Require(one), Self::Require(two)) => one == two,
            (Self::Package(one, path), Self::Package(two, other)) => one == two && path == other,
            (Self::Method(one), Self::Method(two)) => one.0 == two.0 && one.1 == two.1,
            (Self::Bound(one), Self::Bound(two)) => Rc::ptr_eq(one, two),
            (Self::Promise(one), Self::Promise(two)) => {
                one.effect == two.effect && one.value == two.value && one.rejected == two.rejected
            }
            _ => false,
        }
    }
}

impl Value {
    /// The truth of the value, where it is known.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Any | Self::External | Self::Primitive | Self::Uninitialised | Self::Test(_) => None,
            Self::Global(name) => match &**name {
                "window" | "document" => Some(false),
                "process" | "globalThis" | "global" | "Promise" | "console" => Some(true),
                "process.versions"
                | "process.versions.node"
                | "process.version"
                | "process.env"
                | "process.argv"
                | "process.pid"
                | "process.platform"
                | "process.arch"
                | "process.execPath" => Some(true),
                _ => None,
            },
            // What a package exports is not known, but that the package is there.
            Self::Package(specifier, path) => {
                (path.is_empty() || crate::sdk::is_server_export(specifier, path)).then_some(true)
            }
            Self::Undefined | Self::Null => Some(false),
            Self::Boolean(value) => Some(*value),
            Self::Number(number) => Some(number.truth),
            Self::Text(text) => Some(!text.is_empty()),
            Self::Closure(_)
            | Self::Class(_)
            | Self::Object(_)
            | Self::Namespace(_)
            | Self::Method(_)
            | Self::Bound(_)
            | Self::Promise(_)
            | Self::Require(_)
            | Self::Settle(_)
            | Self::Client => Some(true),
        }
    }

    /// Whether it is `undefined` or `null`, where that is known.
    pub(super) fn is_nullish(&self) -> Option<bool> {
        match self {
            Self::Undefined | Self::Null => Some(true),
            Self::Boolean(_) | Self::Number(_) | Self::Text(_) | Self::Test(_) => Some(false),
            Self::Global(name) => match &**name {
                "window" | "document" => Some(true),
                "process" | "globalThis" | "global" | "Promise" | "console" | "process.env" => Some(false),
                _ => None,
            },
            value => value.truth().map(|truth| !truth),
        }
    }

    /// Its truth as a value, or the opposite of it; `truth` is what is known of it.
    pub(super) fn as_test(&self, truth: Option<bool>, negated: bool) -> Self {
        match (truth, self) {
            (Some(truth), _) => Self::Boolean(truth != negated),
            (None, Self::Global(name)) => Self::Test(Rc::new((Fact::IsTrue(name.clone()), !negated))),
            (None, Self::Test(test)) => Self::Test(Rc::new((test.0.clone(), test.1 != negated))),
            (None, _) => Self::External,
        }
    }

    /// A whole number.
    pub(super) fn number(value: usize) -> Self {
        Self::Number(Numeral { truth: value != 0, value: u32::try_from(value).ok() })
    }

    /// Whether it is a small whole number.
    pub(super) fn is_whole_number(&self) -> bool {
        matches!(self, Self::Number(Numeral { value: Some(_), .. }))
    }

    /// Whether the text alone gives it.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null | Self::Boolean(_) | Self::Number(_) | Self::Text(_))
    }

    /// Whether it is surely a text, a number, a truth, `undefined` or `null`: what the host makes a text or a number of
    /// without an error.
    pub(super) fn is_primitive(&self) -> bool {
        match self {
            Self::Primitive | Self::Test(_) => true,
            Self::Global(name) => {
                name.starts_with("process.env.")
                    || matches!(
                        &**name,
                        "process.version"
                            | "process.versions.node"
                            | "process.platform"
                            | "process.arch"
                            | "process.pid"
                            | "process.execPath"
                            | "import.meta.url"
                            | "import.meta.dirname"
                            | "import.meta.filename"
                            | "Infinity"
                    )
            }
            value => value.is_literal(),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(
            self,
            Self::Primitive
                | Self::Undefined
                | Self::Null
                | Self::Boolean(_)
                | Self::Number(_)
                | Self::Test(_)
                | Self::Text(_)
                | Self::External
                | Self::Global(_)
        )
    }

    /// A value that is one of two.
    pub(super) fn or(&self, other: &Self) -> Self {
        if self == other {
            self.clone()
        } else if self.is_primitive() && other.is_primitive() {
            Self::Primitive
        } else if self.is_plain() && other.is_plain() {
            Self::External
        } else {
            Self::Any
        }
    }
}

/// A property of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot {
    Value(Value),
    Accessor { get: Option<Value>, set: Option<Value> },
}

/// What kind of object it is.
#[derive(Clone, Debug)]
pub(super) enum ObjectKind {
    Plain,
    /// With its length, where it is known.
    Array(Option<usize>),
    /// A `Map` or a `Set` with what it was made of, of which no two are the same.
    Collection {
        is_map: bool,
        length: usize,
    },
    /// An iterator over elements that are known, until something takes them.
    Elements,
    /// An emitter of Node's; each listener is a property.
    Emitter,
    /// An `AsyncLocalStorage`.
    Storage,
    /// What a generator function gives; whether it was begun is a property.
    Iterator(Rc<GeneratorCall>),
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: ObjectKind,
    pub(super) slots: BTreeMap<Rc<str>, Slot>,
    pub(super) class: Option<Rc<ClassValue>>,
    /// The object that gives what it does not have itself.
    pub(super) prototype: Option<ObjectId>,
    /// Whether something that is not followed may have changed it.
    pub(super) open: bool,
    /// Whether code that is not followed has it, so that what its functions do is counted.
    pub(super) is_handed_out: bool,
    /// Whether it has properties whose names are not known, with values that are not functions of the modules.
    pub(super) has_unnamed: bool,
    /// Whether it has properties that may not be enumerable.
    pub(super) has_hidden: bool,
    pub(super) guard: Guard,
    pub(super) birth: Birth,
}

/// Whether the constructors of an object have come so far that `this` can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// `super()` has not been called.
    Awaited,
    /// It may have been.
    Doubtful,
    Done,
}

/// Whether assigning to the properties of an object is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// It is not.
    None,
    /// It may be: some were defined as such, or no more can be added.
    Doubtful,
    /// It is, where the code is strict.
    Frozen,
}

impl Object {
    pub(super) fn new(kind: ObjectKind) -> Self {
        Self {
            kind,
            slots: BTreeMap::new(),
            class: None,
            prototype: None,
            open: false,
            is_handed_out: false,
            has_unnamed: false,
            has_hidden: false,
            guard: Guard::None,
            birth: Birth::Done,
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.slots.insert(name.into(), Slot::Value(value));
    }

    /// An object that is one of two states of the same object.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.open |= other.open;
        joined.is_handed_out &= other.is_handed_out;
        joined.has_unnamed |= other.has_unnamed;
        joined.has_hidden |= other.has_hidden;
        if self.guard != other.guard {
            joined.guard = Guard::Doubtful;
        }
        if self.birth != other.birth {
            joined.birth = Birth::Doubtful;
        }
        if let (ObjectKind::Array(one), ObjectKind::Array(two)) = (&self.kind, &other.kind)
            && one != two
        {
            joined.kind = ObjectKind::Array(None);
        }
        if let (ObjectKind::Collection { length: one, .. }, ObjectKind::Collection { length: two, .. }) =
            (&self.kind, &other.kind)
            && one != two
        {
            joined.open = true;
        }
        for (name, slot) in &mut joined.slots {
            if other.slots.get(name) != Some(slot) {
                let value = match (&*slot, other.slots.get(name)) {
                    (Slot::Value(one), Some(Slot::Value(two))) => one.or(two),
                    (Slot::Value(one), None) => other.or_missing(one),
                    _ => Value::Any,
                };
                *slot = Slot::Value(value);
            }
        }
        for (name, slot) in &other.slots {
            let value = match slot {
                Slot::Value(value) => self.or_missing(value),
                Slot::Accessor { .. } => Value::Any,
            };
            joined.slots.entry(name.clone()).or_insert(Slot::Value(value));
        }
        joined
    }

    /// A property that has this value, or is not there in this state of the object.
    fn or_missing(&self, value: &Value) -> Value {
        if self.class.is_some() || self.open { Value::Any } else { value.or(&Value::Undefined) }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.open == other.open
            && self.is_handed_out == other.is_handed_out
            && self.has_unnamed == other.has_unnamed
            && self.has_hidden == other.has_hidden
            && self.guard == other.guard
            && self.birth == other.birth
            && self.prototype == other.prototype
            && self.slots == other.slots
    }
}

/// The text of a name that is known without evaluating anything.
pub(super) fn known(name: &Name) -> Option<Rc<str>> {
    match name {
        Name::Known(name) => Some(name.as_str().into()),
        Name::Computed(_) => None,
    }
}
