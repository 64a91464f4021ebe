//! The evaluator: what it keeps beside the state, and the steps of bodies.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use presentry_parser::{Loop, SlotId, Span};

use super::{
    choices::Choices,
    condition::{Condition, ConditionKind, Place},
    log::Log,
    packages::Follow,
    reach::Reach,
    rules::Rule,
    state::{ModuleRun, Pending, State, join},
    targets::Targets,
    value::{CellId, Closure, Code, Object, ObjectId, ObjectKind, Scope, Value},
    watch::Watch,
};
use crate::{graph::Graph, packages::Means, sources::ModulePath};

/// The steps that an evaluation may take. A real instrumentation takes some hundreds.
pub(super) const FUEL: u32 = 100_000;

/// The calls that may be open at once.
pub(super) const DEEPEST: usize = 64;

/// How often the same function may be open at once.
const MOST_RECURSION: usize = 3;

/// What a body runs in.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) code: Rc<Code>,
    pub(super) scope: Rc<Scope>,
    pub(super) this: Value,
    /// What `arguments` holds.
    pub(super) arguments: Value,
    /// What `new.target` holds.
    pub(super) new_target: Value,
    /// The function, for `super`; `None` in the body of a module.
    pub(super) closure: Option<Rc<Closure>>,
}

impl Frame {
    pub(super) fn place(&self, span: Span) -> Place {
        Place { module: self.code.module.path.clone(), span }
    }
}

/// How a body can end besides its end.
#[derive(Debug, Default)]
pub(super) struct Exits {
    /// One for each value that is lost if it is joined with the others.
    pub(super) returns: Vec<(State, Value)>,
    pub(super) jumps: Vec<(bool, Option<String>, State)>,
}

/// A step by its place; `None` for the evaluation of the entry.
pub(super) type StepKey = (Option<ModulePath>, Span);

/// The states in which a body goes on, one for each way that may be followed by itself.
pub(super) type Ways = Vec<State>;

/// A `try` that is open, or something else that a failure does not leave.
#[derive(Debug, Default)]
pub(super) struct Catcher {
    pub(super) state: Option<State>,
    /// Whether reading a name that may not be defined may be what fails: then failing is as likely as not failing.
    pub(super) is_test: bool,
}

/// An asynchronous function or generator that is open.
#[derive(Debug)]
pub(super) enum Activation {
    /// It is awaited: its awaits are those of its caller.
    Inline,
    /// It is not: its caller goes on at the first await, in this state.
    Detached(Option<State>),
    /// A generator that is run up to its first `yield`, where its caller goes on.
    First(Option<State>),
    /// A generator that is run to its end, with the loop that takes its values.
    Whole(Option<Rc<RefCell<Consumer>>>),
}

/// A loop over what a generator yields.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) frame: Frame,
    pub(super) looped: Arc<Loop>,
    pub(super) exits: Exits,
    pub(super) breaks: Option<State>,
}

/// Which objects are changed later.
#[derive(Clone, Debug)]
pub(super) enum Changing {
    /// These, as far as it was found.
    These(BTreeSet<ObjectId>),
    /// Each may be.
    All,
}

impl Default for Changing {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// Runs modules abstractly.
pub(super) struct Evaluator<'g> {
    pub(super) graph: &'g Graph<'g>,
    pub(super) targets: Targets,
    pub(super) fuel: u32,
    pub(super) exhausted: bool,
    /// The functions that are open.
    pub(super) open: Vec<(ModulePath, usize)>,
    pub(super) modules: BTreeMap<ModulePath, ModuleRun>,
    pub(super) catchers: Vec<Catcher>,
    pub(super) activations: Vec<Activation>,
    /// Whether the code runs only since something failed.
    pub(super) failed: usize,
    /// Whether the code may never run, or at another time: what it assigns elsewhere is not known.
    pub(super) loose: usize,
    /// What was possible before the parts whose effects are being found.
    pub(super) bases: Vec<Reach>,
    /// In how many modules that run beside others the code is.
    pub(super) beside: usize,
    /// Bindings that something assigns besides their declaration.
    pub(super) reassigned: BTreeSet<CellId>,
    /// Objects that are changed after code has read them which may run at another time. What they hold then is not known.
    pub(super) changing: Changing,
    pub(super) watch: Rc<Watch>,
    /// What the function that is called next has as `new.target`, where it is called by `new`.
    pub(super) constructing: Option<Value>,
    /// For each function that is open, whether what it returns is awaited at once.
    pub(super) awaited_calls: Vec<bool>,
    /// The first number that is given to what the code makes which may run at another time.
    pub(super) own: Vec<u32>,
    /// The modules that are being evaluated, the entry first.
    pub(super) evaluating: Vec<ModulePath>,
    /// A rule that does not hold.
    pub(super) left_out: Option<Rule>,
    /// Which packages are followed.
    pub(super) follow: Follow,
    /// Whether imports are left alone.
    pub(super) alone: bool,
    /// The global names that the modules assign.
    pub(super) globals: BTreeSet<String>,
    /// The functions of the host that the modules replace, and the methods of what it gives.
    pub(super) patches: BTreeSet<String>,
    /// Modules that neither have a top-level `await`, nor import one that has.
    pub(super) waits_never: BTreeSet<ModulePath>,
    /// The promises of executors that may be settled so that they fail.
    pub(super) perhaps_rejected: BTreeSet<u32>,
    /// Whether what objects inherit may have been frozen: then they cannot get a property of the same name.
    pub(super) has_frozen_prototypes: bool,
    /// Whether the modules have the cache of `require()`.
    pub(super) has_require_cache: bool,
    /// The modules that were imported, with the query and the fragment they were named with.
    pub(super) instances: BTreeMap<ModulePath, BTreeSet<String>>,
    /// Where the `?.` of the chains that are open may have ended them.
    pub(super) shorts: Vec<Option<State>>,
    /// A generator that never came to its end.
    pub(super) left_generator: Option<Activation>,
    /// What is chosen in the step that is run, where the step is run once for each.
    pub(super) choices: Option<Choices>,
    /// The step that is run, where it can be run once for each of several values.
    pub(super) step: Option<(Option<Rc<Code>>, Span)>,
    /// The steps that are run once for each of several values.
    pub(super) apart: BTreeSet<StepKey>,
    /// The steps that give one of several values, which was lost.
    pub(super) wanted: BTreeSet<StepKey>,
    /// How many decisions are being followed to the end of their bodies without joining their two ways.
    pub(super) ways: usize,
    /// Whether the entry is run once for each of several ways.
    pub(super) has_entry_ways: bool,
    next: u32,
    pub(super) log: Log,
    /// The files of packages that are followed, by importer and specifier.
    pub(super) followed: BTreeMap<(ModulePath, String, Means), Option<ModulePath>>,
    /// Whether a package names a module of the build.
    pub(super) package_names_build: bool,
    /// The executors of promises that are open.
    pub(super) executors: Vec<Executor>,
    /// Whether the code is the callback of a timer, which is looked at before its time.
    pub(super) in_timer: usize,
}

/// The executor of a promise that is open.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) id: u32,
    /// In how many callbacks of timers it is called.
    pub(super) in_timer: usize,
    /// Whether something else than a timer may settle the promise.
    pub(super) is_settled: bool,
}

impl<'g> Evaluator<'g> {
    pub(super) fn new(graph: &'g Graph<'g>, targets: Targets) -> Self {
        Self {
            graph,
            targets,
            fuel: FUEL,
            exhausted: false,
            open: Vec::new(),
            modules: BTreeMap::new(),
            catchers: Vec::new(),
            activations: Vec::new(),
            failed: 0,
            loose: 0,
            bases: Vec::new(),
            beside: 0,
            reassigned: BTreeSet::new(),
            changing: Changing::default(),
            watch: Rc::default(),
            constructing: None,
            awaited_calls: Vec::new(),
            own: Vec::new(),
            evaluating: Vec::new(),
            left_out: None,
            follow: Follow::Modules,
            alone: false,
            globals: BTreeSet::new(),
            patches: BTreeSet::new(),
            waits_never: BTreeSet::new(),
            perhaps_rejected: BTreeSet::new(),
            has_frozen_prototypes: false,
            has_require_cache: false,
            instances: BTreeMap::new(),
            shorts: Vec::new(),
            left_generator: None,
            choices: None,
            step: None,
            apart: BTreeSet::new(),
            wanted: BTreeSet::new(),
            ways: 0,
            has_entry_ways: false,
            next: 0,
            log: Log::default(),
            followed: BTreeMap::new(),
            package_names_build: false,
            executors: Vec::new(),
            in_timer: 0,
        }
    }

    pub(super) fn holds(&self, rule: Rule) -> bool {
        self.left_out != Some(rule)
    }

    /// Uses up fuel; `None` when there is none left.
    pub(super) fn burn(&mut self, amount: u32) -> Option<()> {
        match self.fuel.checked_sub(amount) {
            Some(left) if !self.exhausted => {
                self.fuel = left;
                Some(())
            }
            _ => {
                self.exhausted = true;
                None
            }
        }
    }

    /// Says that code begins which may run at another time.
    pub(super) fn begin_own(&mut self) {
        self.own.push(self.next + 1);
    }

    pub(super) fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub(super) fn allocate(&mut self, state: &mut State, object: Object) -> ObjectId {
        let id = self.fresh();
        Rc::make_mut(&mut state.objects).insert(id, Rc::new(object));
        id
    }

    /// A new scope with the bindings of a body.
    pub(super) fn scope(
        &mut self,
        state: &mut State,
        code: &Code,
        locals: &[SlotId],
        parent: Option<Rc<Scope>>,
    ) -> Rc<Scope> {
        let mut cells = std::collections::HashMap::with_capacity(locals.len());
        for slot in locals {
            let cell = self.fresh();
            let info = &code.steps.slots[*slot];
            let value = if info.hoisted { Value::Undefined } else { Value::Uninitialised };
            state.set(cell, value);
            if info.reassigned {
                self.reassigned.insert(cell);
            }
            cells.insert(*slot, cell);
        }
        Rc::new(Scope { id: self.fresh(), cells, parent })
    }

    /// A copy of a state for another path.
    pub(super) fn copy(&mut self, state: &State) -> Option<State> {
        self.burn(1 + state.weight())?;
        Some(state.clone())
    }

    // Joins.

    /// Joins two paths of one body.
    pub(super) fn meet(&mut self, one: Option<State>, two: Option<State>) -> Option<State> {
        let (mut one, mut two) = (one, two);
        if let (Some(one), Some(two)) = (&mut one, &mut two)
            && one.detached != two.detached
        {
            self.detach(if one.detached { two } else { one });
        }
        join(one, two)
    }

    pub(super) fn leave_with(&mut self, exits: &mut Exits, state: State, value: Value) {
        const MOST: usize = 4;
        let is_joined = |(before, old): &(State, Value)| !before.loses_value(old, &state, &value);
        let at = exits.returns.iter().position(is_joined);
        match at.or_else(|| exits.returns.len().checked_sub(1).filter(|last| last + 1 >= MOST)) {
            None => exits.returns.push((state, value)),
            Some(at) => {
                let before = exits.returns.swap_remove(at);
                exits.returns.extend(self.meet_with(before, (state, value)));
            }
        }
    }

    /// Joins two paths that give a value.
    pub(super) fn meet_with(&mut self, one: (State, Value), two: (State, Value)) -> Option<(State, Value)> {
        let mut state = self.meet(Some(one.0), Some(two.0))?;
        let value = state.either(&one.1, &two.1);
        Some((state, value))
    }

    // Failures and suspensions.

    /// An error is certain here.
    pub(super) fn throws(&mut self, state: &State, place: Place) {
        if self.catchers.is_empty() {
            self.log.thrown.insert(place);
        }
        self.throw(state.clone());
    }

    /// Something may fail here.
    pub(super) fn fail(&mut self, state: &State, place: Place) {
        if !self.catchers.is_empty() {
            self.fail_by(state.clone(), &BTreeSet::new(), place);
        }
    }

    /// Something may fail here, as these conditions decide; where there are none, it decides itself.
    pub(super) fn fail_by(&mut self, mut state: State, decided: &BTreeSet<Condition>, place: Place) {
        if self.catchers.is_empty() || !self.holds(Rule::CallsMayFail) {
            return;
        }
        decided.iter().for_each(|condition| state.path.push_joined(condition));
        if decided.is_empty() {
            state.path.push_joined(&Condition { place, kind: ConditionKind::Failure });
        }
        self.throw(state);
    }

    /// A name is read here that may not be defined.
    pub(super) fn fail_by_name(&mut self, state: &State, place: Place) {
        self.fail(state, place);
        if let Some(catcher) = self.catchers.last_mut() {
            catcher.is_test = true;
        }
    }

    /// Something fails here.
    pub(super) fn throw(&mut self, state: State) {
        let Some(mut catcher) = self.catchers.pop() else { return };
        // Each of the decisions leads to the `catch`, beside a way that does not.
        let decided = catcher.state.as_ref().map(|before| before.path.decided_beside(&state.path)).unwrap_or_default();
        catcher.state = self.meet(catcher.state, Some(state));
        if let Some(caught) = &mut catcher.state {
            decided.iter().for_each(|condition| caught.path.push_joined(condition));
        }
        self.catchers.push(catcher);
    }

    /// The body that is open waits here: other code may run.
    pub(super) fn suspend(&mut self, state: &mut State) {
        state.doubt_facts();
        if !self.holds(Rule::AwaitSuspends) {
            return;
        }
        let detached = self.activations.iter().rev().find(|activation| !matches!(activation, Activation::Inline));
        if matches!(detached, Some(Activation::Detached(_))) {
            if !state.detached {
                self.detach(state);
            }
            return;
        }
        if !self.holds(Rule::PendingGoesOn) {
            return;
        }
        // What goes on here may begin more, which goes on as well.
        let mut next = 0;
        while let Some(pending) = state.pending.get(next).cloned() {
            next += 1;
            match pending {
                Pending::Effect(effect) => state.reach = state.reach.perhaps(effect),
                Pending::Callback(function) => self.escape(&function, state),
            }
        }
        self.run_soon(state);
    }

    /// The caller of the asynchronous function that is open goes on in this state, and what follows is the rest of it.
    pub(super) fn detach(&mut self, state: &mut State) {
        let found = self.activations.iter().rposition(|activation| matches!(activation, Activation::Detached(_)));
        let Some(index) = found else { return };
        if let Activation::Detached(suspended) = &mut self.activations[index] {
            *suspended = join(suspended.take(), Some(state.clone()));
        }
        state.reach = Reach::NOTHING;
        state.soon = Rc::default();
        state.detached = true;
    }

    /// Takes for unknown what code that is not followed may have changed.
    pub(super) fn forget(&mut self, state: &mut State) {
        let reassigned = &self.reassigned;
        state.forget(|cell| !reassigned.contains(&cell));
    }

    /// Whether the code that runs finds in an object what it holds now. What the code has made itself is its own.
    pub(super) fn finds(&self, id: ObjectId, state: &State) -> bool {
        if !state.detached && self.loose == 0 || self.own.last().is_none_or(|own| id >= *own) {
            return true;
        }
        self.watch.reads(id);
        match &self.changing {
            Changing::These(changing) => !changing.contains(&id),
            Changing::All => false,
        }
    }

    /// The elements of an array that is known.
    pub(super) fn elements(&self, value: &Value, state: &State) -> Option<Vec<Value>> {
        const MOST: usize = 32;
        let Value::Object(id) = value else { return None };
        let object = state.object(*id).filter(|_| self.finds(*id, state))?;
        let (ObjectKind::Array(Some(length)) | ObjectKind::Collection { length, .. }) = object.kind else {
            return None;
        };
        if object.open || length > MOST {
            return None;
        }
        let element = |index: usize| match object.slots.get(index.to_string().as_str()) {
            Some(super::value::Slot::Value(value)) => value.clone(),
            Some(_) => Value::Any,
            None => Value::Undefined,
        };
        Some((0..length).map(element).collect())
    }
}

/// Whether two values are equal, where that is known.
pub(super) fn equal(one: &Value, two: &Value) -> Option<bool> {
    use Value::{Boolean, Class, Closure, Namespace, Null, Number, Object, Text, Undefined};
    match (one, two) {
        (Text(one), Text(two)) => Some(one == two),
        (Boolean(one), Boolean(two)) => Some(one == two),
        (Number(one), Number(two)) => one.value.zip(two.value).map(|(one, two)| one == two),
        (Undefined, Undefined) | (Null, Null) => Some(true),
        (Undefined, Null) | (Null, Undefined) => None,
        (Object(one), Object(two)) => Some(one == two),
        (Class(one), Class(two)) => Some(one.statics == two.statics),
        (Undefined | Null, other) | (other, Undefined | Null) => {
            other.is_nullish().filter(|nullish| !nullish).map(|_| false)
        }
        (Text(_), Boolean(_)) | (Boolean(_), Text(_)) => None,
        // Two functions of the text are never the same.
        (Closure(one), Closure(two)) => {
            (one.function != two.function || !Rc::ptr_eq(&one.code, &two.code)).then_some(false)
        }
        (Closure(_) | Class(_) | Namespace(_), Text(_) | Boolean(_))
        | (Text(_) | Boolean(_), Closure(_) | Class(_) | Namespace(_)) => Some(false),
        _ => None,
    }
}

impl Evaluator<'_> {
    /// Whether a function may be called once more while it is open.
    pub(super) fn may_open(&self, module: &ModulePath, function: usize) -> bool {
        let same = self.open.iter().filter(|(path, id)| *id == function && path == module).count();
        self.open.len() < DEEPEST && same < MOST_RECURSION
    }
}
