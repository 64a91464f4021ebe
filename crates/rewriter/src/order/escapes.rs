//! Functions that code which is not followed may call, now or later.

use std::rc::Rc;

use presentry_parser::MemberKind;

use super::{
    condition::Place,
    evaluator::{Catcher, Evaluator},
    expressions::method,
    log::Why,
    reach::Reach,
    rules::Rule,
    state::{Pending, State},
    value::{Arguments, ClassValue, Closure, GeneratorCall, ObjectKind, Slot, Value},
};

impl Evaluator<'_> {
    /// Hands a value to code that is not followed. Functions in it may be called now or later: what they load counts, and
    /// what they start does not.
    pub(super) fn escape(&mut self, value: &Value, state: &mut State) {
        if self.burn(1).is_none() {
            return;
        }
        match value {
            Value::Closure(closure) => {
                self.escape_closure(closure, Value::External, state);
                if let Some(prototype) = state.prototypes.get(&closure.key()).copied() {
                    self.escape(&Value::Object(prototype), state);
                }
            }
            Value::Object(id) => {
                let Some(object) = state.object(*id).cloned() else { return };
                if object.is_handed_out {
                    return;
                }
                if object.open && self.targets.is_dangerous {
                    // It may hold any function.
                    state.reach = state.reach.perhaps(Reach::LOADED);
                }
                if let Some(object) = state.object_mut(*id) {
                    object.open = true;
                    object.is_handed_out = true;
                }
                for slot in object.slots.values() {
                    match slot {
                        Slot::Value(value) => self.escape(value, state),
                        Slot::Accessor { get, set } => {
                            self.escape_all([get, set].into_iter().flatten(), state);
                        }
                    }
                }
                if let ObjectKind::Iterator(call) = &object.kind {
                    self.escape_generator(call, state);
                }
                if let Some(class) = &object.class {
                    self.escape_members(class, value, state);
                }
                if let Some(prototype) = object.prototype {
                    self.escape(&Value::Object(prototype), state);
                }
            }
            Value::Class(class) => {
                self.escape(&Value::Object(class.statics), state);
                if let Some(function) = class.code.steps.classes[class.class].constructor {
                    let constructor = Rc::new(method(class, function, false));
                    self.escape_closure(&constructor, Value::Any, state);
                }
                self.escape_members(class, &Value::Any, state);
            }
            Value::Bound(bound) => {
                self.escape_all(&bound.arguments, state);
                self.escape(&bound.function, state);
            }
            Value::Promise(promise) => self.escape(&promise.value, state),
            Value::Settle(id) => {
                self.may_be_rejected(*id);
                self.may_settle(*id);
            }
            Value::Package(specifier, path) if crate::sdk::is_start(specifier, path) => self.log.handed_out = true,
            Value::Namespace(_) if self.targets.is_dangerous => {
                state.reach = state.reach.perhaps(Reach::LOADED);
            }
            _ => {}
        }
    }

    pub(super) fn escape_all<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>, state: &mut State) {
        values.into_iter().for_each(|value| self.escape(value, state));
    }

    fn escape_members(&mut self, class: &Rc<ClassValue>, this: &Value, state: &mut State) {
        let mut class = class.clone();
        while self.burn(1).is_some() {
            let prototype = state.object(class.statics).and_then(|statics| statics.slots.get("prototype").cloned());
            if let Some(Slot::Value(prototype)) = prototype {
                self.escape(&prototype, state);
            }
            let code = class.code.clone();
            for member in code.steps.classes[class.class].members.iter().filter(|member| !member.is_static) {
                if let MemberKind::Method(function) | MemberKind::Getter(function) | MemberKind::Setter(function) =
                    member.kind
                {
                    self.escape_closure(&Rc::new(method(&class, function, false)), this.clone(), state);
                }
            }
            let Value::Class(parent) = &class.parent else { return };
            class = parent.clone();
        }
    }

    fn escape_closure(&mut self, closure: &Rc<Closure>, this: Value, state: &mut State) {
        let key = (closure.key(), state.reach);
        if !Rc::make_mut(&mut state.escaped).insert(key) {
            return;
        }
        let parameters = closure.code.steps.functions[closure.function].parameters.len();
        let arguments = Arguments::of(vec![Value::External; parameters.max(1)]);
        // It may be called by `new`, of any class.
        self.constructing = Some(Value::Any);
        if !self.holds(Rule::CallbackIsPerhaps) {
            let _ = self.call_closure(closure, this, arguments, state, false);
            return;
        }
        self.perhaps(state, Why::Callback, |this_evaluator, state| {
            let value = this_evaluator.call_closure(closure, this, arguments, state, false)?;
            this_evaluator.escape_result(closure, &value, state);
            if let Value::Object(id) = &value
                && let Some(object) = state.object(*id)
                && let ObjectKind::Iterator(call) = &object.kind
            {
                let call = call.clone();
                this_evaluator.run_whole(&call, None, state)?;
            }
            Some(())
        });
    }

    /// What a function returns to code that is not followed, which may call it as well.
    fn escape_result(&mut self, closure: &Closure, value: &Value, state: &mut State) {
        match value {
            Value::Promise(promise) => self.escape_result(closure, &promise.value.clone(), state),
            Value::Any if self.targets.is_dangerous => {
                let place = Place {
                    module: closure.code.module.path.clone(),
                    span: closure.code.steps.functions[closure.function].at,
                };
                self.doubt(place, state);
            }
            value => self.escape(value, state),
        }
    }

    pub(super) fn escape_generator(&mut self, call: &Rc<GeneratorCall>, state: &mut State) {
        self.perhaps(state, Why::Generator, |this, state| this.run_whole(call, None, state));
    }

    /// Runs code that may run or not, now or at another time.
    pub(super) fn perhaps(
        &mut self,
        state: &mut State,
        why: Why,
        run: impl FnOnce(&mut Self, &mut State) -> Option<()>,
    ) {
        let Some(mut inside) = self.copy(state) else { return };
        let was_detached = inside.detached;
        self.loose += 1;
        let reason = self.log.why;
        self.log.why = Some(reason.unwrap_or(why));
        self.catchers.push(Catcher::default());
        self.begin_own();
        let end = self.beside_the_step(|this| run(this, &mut inside));
        self.own.pop();
        let thrown = self.catchers.pop().and_then(|catcher| catcher.state);
        self.log.why = reason;
        self.loose -= 1;
        let ended = end.map(|()| inside);
        for after in [ended, thrown].into_iter().flatten() {
            if after.detached == was_detached {
                state.reach = state.reach.or_worse(after.reach);
            } else {
                state.reach = state.reach.perhaps(after.reach);
            }
            state.unsettle(&after);
            Rc::make_mut(&mut state.escaped).extend(after.escaped.iter().cloned());
            for pending in after.pending.iter() {
                if !state.pending.contains(pending) {
                    Rc::make_mut(&mut state.pending).push(pending.clone());
                }
            }
        }
    }

    /// A function that the host calls at some later time.
    pub(super) fn later(&mut self, function: &Value, state: &mut State) {
        // What it starts is shown as too late, whenever it is called.
        let mut unused = state.clone();
        self.in_timer += 1;
        self.escape(function, &mut unused);
        self.in_timer -= 1;
        let pending = Pending::Callback(function.clone());
        // What it loads after Sentry has started is not early.
        if state.reach.is_early() && !state.pending.contains(&pending) {
            Rc::make_mut(&mut state.pending).push(pending);
        }
        if let Some(changed) = self.copy(&unused) {
            let reach = state.reach;
            state.unsettle(&changed);
            state.reach = reach;
        }
    }

    /// A function that an event of the process calls. Signals come from outside: none is taken to come before Sentry starts.
    pub(super) fn on_event(&mut self, event: &Value, function: &Value, state: &mut State) {
        let from_outside = matches!(event, Value::Text(name) if name.starts_with("SIG") || &**name == "exit");
        let pending = state.pending.clone();
        self.later(function, state);
        if from_outside {
            self.may_settle_all();
            state.pending = pending;
        }
    }
}
