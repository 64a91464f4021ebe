//! What is assigned to bindings, patterns and properties.

use std::rc::Rc;

use presentry_parser::{Assignment, Expression, ExpressionKind as Kind, MemberKind, Name, Pattern, is_defined_by_node};

use super::{
    decisions::Tested,
    evaluator::{Evaluator, Frame},
    expressions::NOWHERE,
    expressions::method,
    generators::has_finally,
    harmless::is_settable,
    patches::EVERYTHING,
    properties::Prototype,
    rules::Rule,
    state::State,
    value::{Arguments, ClassValue, Guard, Object, ObjectId, ObjectKind, Slot, Value, known},
};

impl Evaluator<'_> {
    pub(super) fn assignment(
        &mut self,
        frame: &Frame,
        target: &Pattern,
        assignment: Assignment,
        value: &Expression,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        if assignment == Assignment::Plain {
            let value = self.expression(frame, value, state)?;
            self.assign(frame, target, value.clone(), state)?;
            return Some(value);
        }
        let old = match target {
            Pattern::Slot(slot) => self.read(frame, *slot, state)?,
            Pattern::Member(member) => self.expression(frame, member, state)?,
            _ => Value::Any,
        };
        let goes_on = match assignment {
            Assignment::Arithmetic | Assignment::Plain => {
                let operand = self.expression(frame, value, state)?;
                self.operand(frame, &old, state, expression)?;
                self.operand(frame, &operand, state, expression)?;
                let is_primitive = old.is_primitive() && operand.is_primitive();
                let result = if is_primitive { Value::Primitive } else { Value::External };
                self.assign(frame, target, result.clone(), state)?;
                return Some(result);
            }
            Assignment::IfTrue => state.truth(&old),
            Assignment::IfFalse => state.truth(&old).map(|truth| !truth),
            Assignment::IfNullish => old.is_nullish(),
        };
        let give = |this: &mut Self, state: &mut State| {
            let value = this.expression(frame, value, state)?;
            this.assign(frame, target, value.clone(), state)?;
            Some(value)
        };
        match goes_on {
            Some(false) => Some(old),
            Some(true) => give(self, state),
            None => self.fork(frame, expression, (&Tested::UNKNOWN, true), state, give, |_, _| Some(old)),
        }
    }

    pub(super) fn assign(&mut self, frame: &Frame, pattern: &Pattern, value: Value, state: &mut State) -> Option<()> {
        self.burn(1)?;
        match pattern {
            Pattern::Slot(slot) => {
                if let Some(cell) = frame.scope.cell(*slot) {
                    state.set(cell, value);
                }
            }
            Pattern::Constant if !self.holds(Rule::ConstantsStay) => {}
            Pattern::Constant => {
                self.throw(state.clone());
                return None;
            }
            Pattern::Global(name) if self.set_exports(frame, name, &value, state) => {}
            Pattern::Global(name) if matches!(name.as_str(), "undefined" | "NaN" | "Infinity") => {
                self.throw(state.clone());
                return None;
            }
            Pattern::Global(name) => {
                if !is_defined_by_node(name) {
                    self.fail_by_name(state, frame.place(NOWHERE));
                }
                self.escape(&value, state);
                state.doubt_facts();
                self.set_global(name);
            }
            Pattern::Member(member) => self.assign_member(frame, member, value, state)?,
            Pattern::Default { target, value: default } => match value.is_undefined() {
                Some(false) => self.assign(frame, target, value, state)?,
                Some(true) => {
                    let value = self.expression(frame, default, state)?;
                    self.assign(frame, target, value, state)?;
                }
                None => {
                    let value = self.fork(
                        frame,
                        default,
                        (&Tested::UNKNOWN, true),
                        state,
                        |this, state| this.expression(frame, default, state),
                        |_, _| Some(value),
                    )?;
                    self.assign(frame, target, value, state)?;
                }
            },
            Pattern::Object { properties, rest } => {
                if matches!(value, Value::Undefined | Value::Null) {
                    self.throw(state.clone());
                    return None;
                }
                self.may_be_nullish(frame, &value, state, NOWHERE);
                for (name, target) in properties {
                    let name = self.name(frame, name, state)?;
                    let member = self.member(&value, name.as_deref(), state)?;
                    self.assign(frame, target, member, state)?;
                }
                if let Some(rest) = rest {
                    let left = self.rest_of(&value, properties, state);
                    self.assign(frame, rest, left, state)?;
                }
            }
            Pattern::Array { elements, rest } => {
                let value = self.iterated(frame, &value, state, NOWHERE)?;
                let known = self.elements(&value, state);
                if known.is_none()
                    && let Some(generator) = self.generator(&value, state)
                {
                    if rest.is_some() {
                        self.run_whole(&generator, None, state)?;
                    } else if !elements.is_empty() {
                        self.run_first(&generator, state)?;
                        if elements.len() > 1 || has_finally(&generator.closure) {
                            self.resumed(frame, &generator, state, NOWHERE);
                        }
                    }
                }
                let unknown =
                    if matches!(value, Value::External | Value::Primitive) { Value::External } else { Value::Any };
                for (index, element) in elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    let value = match &known {
                        Some(known) => known.get(index).cloned().unwrap_or(Value::Undefined),
                        None => unknown.clone(),
                    };
                    self.assign(frame, element, value, state)?;
                }
                if let Some(rest) = rest {
                    let left = match known {
                        Some(known) => self.array(known.into_iter().skip(elements.len()).collect(), false, state),
                        None => unknown,
                    };
                    self.assign(frame, rest, left, state)?;
                }
            }
            Pattern::Opaque => {
                self.escape(&value, state);
                self.forget(state);
            }
        }
        Some(())
    }

    fn rest_of(&mut self, value: &Value, taken: &[(Name, Pattern)], state: &mut State) -> Value {
        match value {
            Value::Object(_) => {
                let id = self.allocate(state, Object::new(ObjectKind::Plain));
                self.copy_into(id, value, state);
                if let Some(object) = state.object_mut(id) {
                    for (name, _) in taken {
                        match known(name) {
                            Some(name) => {
                                object.slots.remove(&name);
                            }
                            None => object.open = true,
                        }
                    }
                }
                Value::Object(id)
            }
            // What is left of a namespace has its other exports.
            Value::Namespace(_) => value.clone(),
            Value::Package(_, path) if crate::sdk::is_whole(path) => value.clone(),
            Value::External | Value::Primitive | Value::Global(_) | Value::Package(..) => Value::External,
            _ => Value::Any,
        }
    }

    pub(super) fn assign_member(
        &mut self,
        frame: &Frame,
        member: &Expression,
        value: Value,
        state: &mut State,
    ) -> Option<()> {
        let Kind::Member { object, name, .. } = &member.kind else {
            self.escape(&value, state);
            return Some(());
        };
        let object = self.expression(frame, object, state)?;
        let name = self.name(frame, name, state)?;
        let guarded = match &object {
            Value::Object(id) => Some(*id),
            Value::Class(class) => Some(class.statics),
            _ => None,
        };
        if let Some(object) = guarded.and_then(|id| state.object(id)) {
            let is_length = matches!(object.kind, ObjectKind::Array(_)) && name.as_deref() == Some("length");
            let is_known = matches!(object.kind, ObjectKind::Plain | ObjectKind::Array(_));
            if !is_known || is_length && !value.is_whole_number() {
                self.fail(state, frame.place(member.at));
            }
            if object.guard == Guard::Frozen && !object.open && !frame.code.is_script {
                self.throws(state, frame.place(member.at));
                return None;
            }
            if object.guard != Guard::None || object.open {
                self.fail(state, frame.place(member.at));
            }
        }
        match &object {
            Value::Object(id) => {
                self.set_property(frame, *id, &object, name.as_deref(), value, state)?;
            }
            // They can be defined anew alone, as a static member is.
            Value::Class(class)
                if name.as_deref() == Some("prototype")
                    || name.as_deref().is_some_and(|name| matches!(name, "name" | "length"))
                        && !self.has_static(class, name.as_deref(), state) =>
            {
                self.throws(state, frame.place(member.at));
                return None;
            }
            Value::Class(class) => {
                if name.is_none() {
                    self.fail(state, frame.place(member.at));
                }
                self.set_property(frame, class.statics, &object, name.as_deref(), value, state)?;
            }
            Value::Closure(function) if name.as_deref().is_none_or(|name| name == "prototype") => {
                self.set_prototype_of_function(function, &value, state);
            }
            Value::Undefined | Value::Null => {
                self.throws(state, frame.place(member.at));
                return None;
            }
            Value::Any => {
                self.escape(&value, state);
                self.forget(state);
            }
            Value::Global(of) if matches!(&**of, "globalThis" | "global") => {
                if let Some("undefined" | "NaN" | "Infinity") = name.as_deref() {
                    self.throws(state, frame.place(member.at));
                    return None;
                }
                if name.is_none() || self.is_patched(EVERYTHING) {
                    self.fail(state, frame.place(member.at));
                }
                self.escape(&value, state);
                state.doubt_facts();
                self.set_global(name.as_deref().unwrap_or_default());
            }
            // In an ES module.
            Value::Namespace(_) | Value::Text(_) | Value::Number(_) | Value::Boolean(_) if !frame.code.is_script => {
                self.throws(state, frame.place(member.at));
                return None;
            }
            object => {
                let property = |of: &str| format!("{of}.{}", name.as_deref().unwrap_or_default());
                let is_set = |of: &str| is_settable(of, name.as_deref(), &value) && !self.is_patched(&property(of));
                if !matches!(object, Value::Global(of) if is_set(of)) {
                    self.fail(state, frame.place(member.at));
                }
                self.patched(object, name.as_deref());
                self.escape(&value, state);
                match object {
                    Value::Global(name) if &**name == "process.env" => state.forget_facts(),
                    _ => state.doubt_facts(),
                }
            }
        }
        Some(())
    }

    /// `delete object.name`, which calls no accessor.
    pub(super) fn delete(&mut self, frame: &Frame, member: &Expression, state: &mut State) -> Option<()> {
        let Kind::Member { object, name, .. } = &member.kind else { return Some(()) };
        let object = self.expression(frame, object, state)?;
        let name = self.name(frame, name, state)?;
        let statics = match &object {
            Value::Class(class) => Some(class.statics),
            Value::Object(id) => Some(*id),
            _ => None,
        };
        let stays = |object: &Rc<Object>| {
            let has_it = name.as_deref().is_some_and(|name| object.slots.contains_key(name));
            object.guard == Guard::Frozen && !object.open && has_it
        };
        if !frame.code.is_script && statics.and_then(|id| state.object(id)).is_some_and(stays) {
            self.throws(state, frame.place(member.at));
            return None;
        }
        match &object {
            Value::Undefined | Value::Null => {
                self.throws(state, frame.place(member.at));
                return None;
            }
            Value::Any => self.forget(state),
            Value::Global(of) if matches!(&**of, "globalThis" | "global") => {
                state.doubt_facts();
                self.set_global(name.as_deref().unwrap_or_default());
            }
            Value::Global(of) if &**of == "process.env" => state.forget_facts(),
            object => {
                self.patched(object, name.as_deref());
                state.doubt_facts();
            }
        }
        if let Some(id) = statics {
            self.put(id, name.as_deref(), Slot::Value(Value::Any), state);
            if let Some(object) = state.object_mut(id)
                && let ObjectKind::Array(length) = &mut object.kind
            {
                *length = None;
            }
        }
        Some(())
    }

    #[allow(clippy::too_many_arguments)]
    fn set_property(
        &mut self,
        frame: &Frame,
        id: u32,
        this: &Value,
        name: Option<&str>,
        value: Value,
        state: &mut State,
    ) -> Option<()> {
        let Some(object) = state.object(id) else { return Some(()) };
        if object.open {
            self.escape(&value, state);
            return Some(());
        }
        let has_own = name.is_some_and(|name| object.slots.contains_key(name));
        if !has_own && self.has_frozen_prototypes {
            self.fail(state, frame.place(NOWHERE));
        }
        let is_private = name.is_some_and(|name| name.starts_with('#'));
        let setter = match name.and_then(|name| object.slots.get(name)) {
            Some(Slot::Accessor { set, .. }) => Some(set.clone()),
            Some(Slot::Value(_)) => None,
            // One that an object does not have is not made.
            None if is_private => {
                let class = object.class.clone();
                Some(class.and_then(|class| self.setter(&class, name, state)).flatten())
            }
            None if object.prototype.is_some() => self.inherited_setter(object.prototype, name, state),
            None => object.class.clone().and_then(|class| self.setter(&class, name, state)),
        };
        match setter {
            Some(Some(Value::Closure(setter))) => {
                self.call_closure(&setter, this.clone(), Arguments::of(vec![value]), state, false)?;
            }
            Some(Some(_)) => {
                self.fail(state, frame.place(NOWHERE));
                self.escape(&value, state);
            }
            // An error in an ES module, and nothing in CommonJS.
            Some(None) if !frame.code.is_script => {
                self.throw(state.clone());
                return None;
            }
            Some(None) => {
                if let Some(catcher) = self.catchers.last_mut() {
                    catcher.is_test = true;
                }
                self.throw(state.clone());
            }
            None => self.put(id, name, Slot::Value(value), state),
        }
        if let Some(object) = state.object_mut(id)
            && let ObjectKind::Array(length) = &mut object.kind
        {
            *length = None;
            // Elements may be gone.
            object.open |= name == Some("length");
        }
        Some(())
    }

    /// Whether a class has a static member of a name.
    fn has_static(&self, class: &ClassValue, name: Option<&str>, state: &State) -> bool {
        let statics = state.object(class.statics);
        statics.is_none_or(|object| object.open || name.is_none_or(|name| object.slots.contains_key(name)))
    }

    /// What an assignment to a property that an object does not have calls, if a prototype of it has an accessor.
    fn inherited_setter(
        &mut self,
        mut prototype: Option<ObjectId>,
        name: Option<&str>,
        state: &mut State,
    ) -> Option<Option<Value>> {
        while let Some(id) = prototype {
            let Some(object) = state.object(id).filter(|object| !object.open && self.finds(id, state)) else {
                self.escape(&Value::Object(id), state);
                return None;
            };
            match name.map(|name| object.slots.get(name)) {
                Some(Some(Slot::Accessor { set, .. })) => return Some(set.clone()),
                Some(Some(Slot::Value(_))) => return None,
                Some(None) => {}
                None => return Some(Some(Value::Any)),
            }
            if let Some(class) = &object.class {
                return self.setter(class, name, state);
            }
            prototype = object.prototype;
        }
        None
    }

    /// What an assignment to a property of an instance calls, if its class has an accessor of this name.
    fn setter(&self, class: &Rc<ClassValue>, name: Option<&str>, state: &State) -> Option<Option<Value>> {
        let mut class = class.clone();
        loop {
            match self.prototype_now(&class, state) {
                Prototype::Unknown => return Some(Some(Value::Any)),
                Prototype::Read(prototype) => match name.and_then(|name| prototype.slots.get(name)) {
                    Some(Slot::Accessor { set, .. }) => return Some(set.clone()),
                    Some(Slot::Value(_)) => return None,
                    None => {}
                },
                Prototype::AsDeclared => {}
            }
            let members = &class.code.steps.classes[class.class].members;
            let mut is_read_only = false;
            for (index, member) in members.iter().enumerate().filter(|(_, member)| !member.is_static) {
                match (&member.kind, class.names[index].as_deref()) {
                    (MemberKind::Setter(function), Some(known)) if Some(known) == name => {
                        return Some(Some(Value::Closure(Rc::new(method(&class, *function, false)))));
                    }
                    (MemberKind::Setter(_) | MemberKind::Getter(_), None) => return Some(Some(Value::Any)),
                    (MemberKind::Getter(_), Some(known)) if Some(known) == name => is_read_only = true,
                    // The methods with such names belong to the object, and stay.
                    (MemberKind::Method(_), Some(known)) if Some(known) == name && known.starts_with('#') => {
                        is_read_only = true;
                    }
                    _ => {}
                }
            }
            if is_read_only {
                return Some(None);
            }
            let Value::Class(parent) = &class.parent else { return None };
            class = parent.clone();
        }
    }
}
