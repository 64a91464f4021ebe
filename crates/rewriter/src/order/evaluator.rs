//! The evaluator: what it keeps beside the state, and the steps of bodies.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use presentry_parser::{Assignment, Expression, ExpressionKind, Loop, LoopKind, Pattern, SlotId, Span, Step};

use super::{
    condition::{Condition, ConditionKind, Place},
    expressions::Tested,
    log::Log,
    packages::Follow,
    reach::Reach,
    rules::Rule,
    state::{ModuleRun, Pending, State, join},
    targets::Targets,
    value::{CellId, Closure, Code, Fact, Object, ObjectId, ObjectKind, Scope, Value},
    watch::Watch,
};
use crate::{graph::Graph, packages::Means, sources::ModulePath};

/// The steps that an evaluation may take. A real instrumentation takes some hundreds.
pub(super) const FUEL: u32 = 100_000;

/// The calls that may be open at once.
pub(super) const DEEPEST: usize = 64;

/// How often the same function may be open at once.
const MOST_RECURSION: usize = 3;

/// The rounds after which a loop that still changes something is forgotten.
const MOST_ROUNDS: usize = 4;

/// What a body runs in.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) code: Rc<Code>,
    pub(super) scope: Rc<Scope>,
    pub(super) this: Value,
    /// What `arguments` holds.
    pub(super) arguments: Value,
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
    pub(super) returns: Option<(State, Value)>,
    jumps: Vec<(bool, Option<String>, State)>,
}

/// Where a step leads.
enum Ways {
    One(State),
    /// On either side of a test that is not known.
    Two(Box<State>, Box<State>),
}

impl Ways {
    fn of(one: Option<State>, two: Option<State>) -> Option<Self> {
        match (one, two) {
            (Some(one), Some(two)) => Some(Self::Two(Box::new(one), Box::new(two))),
            (one, two) => one.or(two).map(Self::One),
        }
    }
}

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
    pub(super) looped: Rc<Loop>,
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
    pub(super) escaped: BTreeSet<(ModulePath, usize, u32, Reach)>,
    /// Bindings that something assigns besides their declaration.
    pub(super) reassigned: BTreeSet<CellId>,
    /// Objects that are changed after code has read them which may run at another time. What they hold then is not known.
    pub(super) changing: Changing,
    pub(super) watch: Rc<Watch>,
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
    /// Where the `?.` of the chains that are open may have ended them.
    pub(super) shorts: Vec<Option<State>>,
    /// A generator that never came to its end.
    pub(super) left_generator: Option<Activation>,
    /// How many decisions are being followed to the end of their bodies without joining their two ways.
    ways: usize,
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
            escaped: BTreeSet::new(),
            reassigned: BTreeSet::new(),
            changing: Changing::default(),
            watch: Rc::default(),
            awaited_calls: Vec::new(),
            own: Vec::new(),
            evaluating: Vec::new(),
            left_out: None,
            follow: Follow::Modules,
            alone: false,
            globals: BTreeSet::new(),
            shorts: Vec::new(),
            left_generator: None,
            ways: 0,
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
        exits.returns = Some(match exits.returns.take() {
            None => (state, value),
            Some((before, old)) => match self.meet(Some(before), Some(state)) {
                Some(mut state) => {
                    let value = state.either(&old, &value);
                    (state, value)
                }
                None => return,
            },
        });
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
        if self.catchers.is_empty() || !self.holds(Rule::CallsMayFail) {
            return;
        }
        let mut state = state.clone();
        state.path.push(&Condition { place, kind: ConditionKind::Failure });
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
        // Each of the failures leads to the `catch`.
        let failures = catcher.state.as_ref().map_or_else(Vec::new, |before| before.path.failures_beside(&state.path));
        catcher.state = self.meet(catcher.state, Some(state));
        if let Some(caught) = &mut catcher.state {
            failures.iter().for_each(|failure| caught.path.push(failure));
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

    // Steps.

    pub(super) fn steps(
        &mut self,
        frame: &Frame,
        steps: &[Step],
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        for (index, step) in steps.iter().enumerate() {
            self.burn(1)?;
            state = match self.step(frame, step, state, exits)? {
                Ways::One(only) => only,
                Ways::Two(one, two) if self.stay_apart(&one, &two) => {
                    // Each function is known on its own way alone.
                    let rest = &steps[index + 1..];
                    self.ways += 1;
                    let one = self.steps(frame, rest, *one, exits);
                    let two = self.steps(frame, rest, *two, exits);
                    self.ways -= 1;
                    return self.meet(one, two);
                }
                Ways::Two(one, two) => self.meet(Some(*one), Some(*two))?,
            };
        }
        Some(state)
    }

    /// Whether joining two ways would lose a function that one of them binds. Few ways are followed beside each other.
    fn stay_apart(&self, one: &State, two: &State) -> bool {
        const MOST_WAYS: usize = 4;
        self.ways < MOST_WAYS && self.fuel > FUEL / 2 && one.loses_by_joining(two)
    }

    fn step(&mut self, frame: &Frame, step: &Step, mut state: State, exits: &mut Exits) -> Option<Ways> {
        let end = match step {
            Step::If { test, then, otherwise } => {
                return self.choice(frame, test, (then, otherwise), state, exits);
            }
            Step::Bind { target, value } => return self.binding(frame, target, value, state),
            Step::Evaluate(expression) => {
                // The value of an assignment that is a statement is not read.
                if let ExpressionKind::Assign { target, assignment: Assignment::Plain, value } = &expression.kind
                    && matches!(**target, Pattern::Slot(_))
                {
                    return self.binding(frame, target, value, state);
                }
                self.expression(frame, expression, &mut state)?;
                Some(state)
            }
            Step::Return { value, .. } => {
                let value = match value {
                    Some(value) => self.returned(frame, value, &mut state)?,
                    None => Value::Undefined,
                };
                if !self.holds(Rule::ReturnEnds) {
                    return Some(Ways::One(state));
                }
                self.leave_with(exits, state, value);
                None
            }
            Step::Throw(value) => {
                self.expression(frame, value, &mut state)?;
                self.throws(&state, frame.place(value.at));
                None
            }
            Step::Jump { is_continue, label } => {
                exits.jumps.push((*is_continue, label.clone(), state));
                None
            }
            Step::Loop(looped) => self.looped(frame, looped, state, exits),
            Step::Switch { value, cases } => self.switch(frame, value, cases, state, exits),
            Step::Try { block, catch, finally } => {
                self.guarded(frame, block, catch.as_ref(), finally.as_deref(), state, exits)
            }
            Step::Label { name, body } => {
                let mut inner = Exits::default();
                let after = self.steps(frame, body, state, &mut inner);
                let left = self.take_jumps(&mut inner, |is_continue, label| {
                    !is_continue && label.is_some_and(|label| label == name)
                });
                self.pass_on(inner, exits);
                self.meet(after, left)
            }
        };
        end.map(Ways::One)
    }

    fn choice(
        &mut self,
        frame: &Frame,
        test: &Expression,
        (then, otherwise): (&[Step], &[Step]),
        mut state: State,
        exits: &mut Exits,
    ) -> Option<Ways> {
        let tested = self.tested(frame, test, &mut state)?;
        match tested.truth {
            Some(true) => self.steps(frame, then, state, exits).map(Ways::One),
            Some(false) => self.steps(frame, otherwise, state, exits).map(Ways::One),
            None => {
                let (state, other) = self.part(frame, test, &tested, state, ConditionKind::Test)?;
                let one = self.steps(frame, then, state, exits);
                let two = self.steps(frame, otherwise, other, exits);
                if !self.holds(Rule::BranchesPart) && one.is_some() {
                    return one.map(Ways::One);
                }
                Ways::of(one, two)
            }
        }
    }

    /// Binds a value. One of two values, by a test that is not known, is bound on two ways.
    fn binding(&mut self, frame: &Frame, target: &Pattern, value: &Expression, mut state: State) -> Option<Ways> {
        let bind = |this: &mut Self, value: &Expression, mut state: State| {
            let value = this.expression(frame, value, &mut state)?;
            this.assign(frame, target, value, &mut state)?;
            Some(state)
        };
        let (test, then, otherwise) = match &value.kind {
            ExpressionKind::Conditional { test, then, otherwise } => (test, then, otherwise),
            ExpressionKind::Logical { operator, left, right } => {
                let left_value = self.expression(frame, left, &mut state)?;
                let (goes_on, assumed) = self.goes_on(*operator, &left_value, &state);
                match goes_on {
                    Some(true) => return bind(self, right, state).map(Ways::One),
                    Some(false) => {
                        self.assign(frame, target, left_value, &mut state)?;
                        return Some(Ways::One(state));
                    }
                    None => {}
                }
                let (one, mut two) = self.part(frame, left, &assumed.0, state, ConditionKind::Test)?;
                let (one, mut two) =
                    if assumed.1 { (one, two) } else { (std::mem::replace(&mut two, State::new()), one) };
                let one = bind(self, right, one);
                let two = self.assign(frame, target, left_value, &mut two).map(|()| two);
                return Ways::of(one, two);
            }
            _ => return bind(self, value, state).map(Ways::One),
        };
        let tested = self.tested(frame, test, &mut state)?;
        if let Some(truth) = tested.truth {
            return bind(self, if truth { then } else { otherwise }, state).map(Ways::One);
        }
        let (state, other) = self.part(frame, test, &tested, state, ConditionKind::Test)?;
        let one = bind(self, then, state);
        let two = bind(self, otherwise, other);
        Ways::of(one, two)
    }

    pub(super) fn condition(&self, frame: &Frame, at: Span, kind: ConditionKind) -> Condition {
        Condition { place: frame.place(at), kind }
    }

    /// The states in which a test holds and does not hold, where it is not known which.
    pub(super) fn part(
        &mut self,
        frame: &Frame,
        test: &Expression,
        tested: &Tested,
        mut state: State,
        kind: ConditionKind,
    ) -> Option<(State, State)> {
        let condition = self.condition(frame, test.at, kind);
        let mut other = self.copy(&state)?;
        state.path.push(&condition);
        state.assume(&tested.value, true, tested.believed);
        other.path.push(&condition);
        other.assume(&tested.value, false, tested.believed);
        Some((state, other))
    }

    fn take_jumps(&mut self, exits: &mut Exits, wanted: impl Fn(bool, Option<&String>) -> bool) -> Option<State> {
        let mut taken = None;
        let jumps = std::mem::take(&mut exits.jumps);
        for (is_continue, label, state) in jumps {
            if wanted(is_continue, label.as_ref()) {
                taken = self.meet(taken, Some(state));
            } else {
                exits.jumps.push((is_continue, label, state));
            }
        }
        taken
    }

    /// Ends that leave what surrounds the body, too.
    pub(super) fn take_breaks(&mut self, exits: &mut Exits) -> Option<State> {
        self.take_jumps(exits, |is_continue, label| !is_continue && label.is_none())
    }

    pub(super) fn pass_on(&mut self, inner: Exits, exits: &mut Exits) {
        if let Some((state, value)) = inner.returns {
            self.leave_with(exits, state, value);
        }
        exits.jumps.extend(inner.jumps);
    }

    fn switch(
        &mut self,
        frame: &Frame,
        value: &Expression,
        cases: &[(Option<Expression>, Vec<Step>)],
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let compared = self.expression(frame, value, &mut state)?;
        // The states in which a case is entered by its test.
        let mut entries: Vec<Option<State>> = cases.iter().map(|_| None).collect();
        let mut left = Some(state);
        for (index, (test, _)) in cases.iter().enumerate() {
            let Some(test) = test else { continue };
            let Some(mut state) = left.take() else { break };
            let Some(case) = self.expression(frame, test, &mut state) else { break };
            let matches = Tested::of(self.comparison(&compared, &case, false), &state);
            match matches.truth {
                Some(true) => entries[index] = Some(state),
                Some(false) => left = Some(state),
                None => {
                    let decides = if compared.is_literal() { test } else { value };
                    let (one, other) = self.part(frame, decides, &matches, state, ConditionKind::Test)?;
                    (entries[index], left) = (Some(one), Some(other));
                }
            }
        }
        if let Some(default) = cases.iter().position(|(test, _)| test.is_none()) {
            entries[default] = left.take();
        }
        let mut inner = Exits::default();
        let mut running = None;
        for ((_, body), entry) in cases.iter().zip(entries) {
            running = self.meet(running, entry);
            running = match running {
                Some(state) => self.steps(frame, body, state, &mut inner),
                None => None,
            };
        }
        running = self.meet(running, left);
        let broken = self.take_breaks(&mut inner);
        self.pass_on(inner, exits);
        self.meet(running, broken)
    }

    /// Whether two values are equal, as a value.
    pub(super) fn comparison(&self, one: &Value, two: &Value, negated: bool) -> Value {
        match (one, two) {
            (Value::Global(name), Value::Text(text)) | (Value::Text(text), Value::Global(name))
                if name.starts_with("process.env.") =>
            {
                Value::Test(Rc::new((Fact::Is(name.clone(), text.clone()), !negated)))
            }
            // `switch (true) { case test: … }`
            (Value::Boolean(truth), Value::Test(test)) | (Value::Test(test), Value::Boolean(truth)) => {
                Value::Test(Rc::new((test.0.clone(), (test.1 == *truth) != negated)))
            }
            _ => equal(one, two).map_or(Value::External, |equal| Value::Boolean(equal != negated)),
        }
    }

    fn guarded(
        &mut self,
        frame: &Frame,
        block: &[Step],
        catch: Option<&(Option<Pattern>, Vec<Step>)>,
        finally: Option<&[Step]>,
        state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut inner = Exits::default();
        self.catchers.push(Catcher::default());
        let mut after = self.steps(frame, block, state, &mut inner);
        let mut thrown = self.catchers.pop().unwrap_or_default();
        if let Some((binding, body)) = catch
            && let Some(mut state) = thrown.state.take()
        {
            // If the block can also end well, what is caught is the exception.
            let is_exception = after.is_some() || inner.returns.is_some() || !inner.jumps.is_empty();
            let is_exception = is_exception && !thrown.is_test && self.holds(Rule::FailureIsException);
            self.failed += usize::from(is_exception);
            self.catchers.push(Catcher::default());
            let caught = match binding {
                Some(binding) => self.assign(frame, binding, Value::Any, &mut state),
                None => Some(()),
            };
            let caught = match caught {
                Some(()) => self.steps(frame, body, state, &mut inner),
                None => None,
            };
            thrown = self.catchers.pop().unwrap_or_default();
            self.failed -= usize::from(is_exception);
            after = self.meet(after, caught);
        }
        let Some(finally) = finally else {
            if let Some(state) = thrown.state {
                self.throw(state);
            }
            self.pass_on(inner, exits);
            return after;
        };
        let after = match after {
            Some(state) => self.steps(frame, finally, state, exits),
            None => None,
        };
        if let Some(state) = thrown.state
            && let Some(state) = self.steps(frame, finally, state, exits)
        {
            self.throw(state);
        }
        if let Some((state, value)) = inner.returns.take()
            && let Some(state) = self.steps(frame, finally, state, exits)
        {
            self.leave_with(exits, state, value);
        }
        for (is_continue, label, state) in std::mem::take(&mut inner.jumps) {
            if let Some(state) = self.steps(frame, finally, state, exits) {
                exits.jumps.push((is_continue, label, state));
            }
        }
        after
    }

    // Loops.

    fn looped(&mut self, frame: &Frame, looped: &Rc<Loop>, mut state: State, exits: &mut Exits) -> Option<State> {
        let mut inner = Exits::default();
        let after = match &looped.kind {
            LoopKind::While { test, update } => {
                self.while_loop(frame, looped, test.as_ref(), update.as_ref(), state, &mut inner)
            }
            LoopKind::DoWhile(test) => self.do_while(frame, looped, test, state, &mut inner),
            LoopKind::In { target, object } => {
                let object = self.expression(frame, object, &mut state)?;
                let finds = !matches!(object, Value::Object(id) if !self.finds(id, &state));
                if finds && state.is_empty(&object) {
                    return Some(state);
                }
                self.rounds(frame, looped, state, &mut inner, |this, state| {
                    this.assign(frame, target, Value::External, state)
                })
            }
            LoopKind::Of { target, iterable, is_await } => {
                let value = self.expression(frame, iterable, &mut state)?;
                let value = self.iterated(frame, &value, &mut state, iterable.at)?;
                if *is_await {
                    self.suspend(&mut state);
                }
                if let Some(elements) = self.elements(&value, &state) {
                    self.each(frame, looped, target, elements, state, &mut inner)
                } else if let Some(generator) = self.generator(&value, &state) {
                    return self.over_generator(frame, looped, &generator, state, exits);
                } else {
                    self.rounds(frame, looped, state, &mut inner, |this, state| {
                        if *is_await {
                            this.suspend(state);
                        }
                        this.assign(frame, target, Value::External, state)
                    })
                }
            }
        };
        let left = self.take_breaks(&mut inner);
        self.pass_on(inner, exits);
        self.meet(after, left)
    }

    /// One round, with what `continue` leads to.
    pub(super) fn round(&mut self, frame: &Frame, looped: &Loop, state: State, exits: &mut Exits) -> Option<State> {
        let after = self.steps(frame, &looped.body, state, exits);
        let continued = self.take_jumps(exits, |is_continue, label| {
            is_continue && label.is_none_or(|label| looped.labels.contains(label))
        });
        self.meet(after, continued)
    }

    /// Elements that are known, one after the other.
    fn each(
        &mut self,
        frame: &Frame,
        looped: &Rc<Loop>,
        target: &Pattern,
        elements: Vec<Value>,
        mut state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        for element in elements {
            self.assign(frame, target, element, &mut state)?;
            state = self.round(frame, looped, state, exits)?;
        }
        Some(state)
    }

    /// A loop whose number of rounds is not known: none, or any.
    fn rounds(
        &mut self,
        frame: &Frame,
        looped: &Rc<Loop>,
        state: State,
        exits: &mut Exits,
        mut begin: impl FnMut(&mut Self, &mut State) -> Option<()>,
    ) -> Option<State> {
        let condition = self.condition(frame, looped.at, ConditionKind::Loop);
        let mut head = state;
        for round in 0..=MOST_ROUNDS {
            let Some(mut inside) = self.copy(&head) else { break };
            inside.path.push(&condition);
            let after = match begin(self, &mut inside) {
                Some(()) => self.round(frame, looped, inside, exits),
                None => None,
            };
            let Some(after) = after else { break };
            if !self.holds(Rule::LoopMayNotRun) {
                return Some(after);
            }
            let Some(next) = self.next_head(&head, after, round) else { break };
            head = next;
        }
        (!self.exhausted).then_some(head)
    }

    /// The state in which the next round of a loop begins; `None` where a further one changes nothing.
    fn next_head(&mut self, head: &State, ended: State, round: usize) -> Option<State> {
        let copy = self.copy(head)?;
        let mut joined = self.meet(Some(copy), Some(ended))?;
        if joined.is_same(head) {
            return None;
        }
        if round + 1 >= MOST_ROUNDS {
            self.forget(&mut joined);
        }
        Some(joined)
    }

    fn while_loop(
        &mut self,
        frame: &Frame,
        looped: &Rc<Loop>,
        test: Option<&Expression>,
        update: Option<&Expression>,
        state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut head = state;
        let mut after = None;
        for round in 0..=MOST_ROUNDS + 1 {
            let mut inside = self.copy(&head)?;
            // The first round may be certain, where those after it are not.
            let mut is_certain = round == 0;
            if let Some(test) = test {
                let Some(tested) = self.tested(frame, test, &mut inside) else { return after };
                match tested.truth {
                    Some(true) => {}
                    Some(false) => return self.meet(after, Some(inside)),
                    None => {
                        let (one, other) = self.part(frame, test, &tested, inside, ConditionKind::Loop)?;
                        after = self.meet(after, Some(other));
                        inside = one;
                        is_certain = false;
                    }
                }
            }
            let mut ended = self.round(frame, looped, inside, exits);
            if let (Some(state), Some(update)) = (&mut ended, update)
                && self.expression(frame, update, state).is_none()
            {
                ended = None;
            }
            let Some(ended) = ended else { return after };
            if is_certain {
                head = ended;
                continue;
            }
            let Some(next) = self.next_head(&head, ended, round) else { return after };
            head = next;
        }
        after
    }

    fn do_while(
        &mut self,
        frame: &Frame,
        looped: &Rc<Loop>,
        test: &Expression,
        state: State,
        exits: &mut Exits,
    ) -> Option<State> {
        let mut head = state;
        let mut after = None;
        for round in 0..=MOST_ROUNDS + 1 {
            let inside = self.copy(&head)?;
            let Some(mut ended) = self.round(frame, looped, inside, exits) else { return after };
            let Some(tested) = self.tested(frame, test, &mut ended) else { return after };
            match tested.truth {
                Some(true) => {}
                Some(false) => return self.meet(after, Some(ended)),
                None => {
                    let (one, other) = self.part(frame, test, &tested, ended, ConditionKind::Loop)?;
                    after = self.meet(after, Some(other));
                    ended = one;
                }
            }
            // The first round is certain.
            if round == 0 {
                head = ended;
                continue;
            }
            let Some(next) = self.next_head(&head, ended, round) else { return after };
            head = next;
        }
        after
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
