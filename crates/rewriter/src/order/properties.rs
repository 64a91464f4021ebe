//! Properties that are read: of objects, classes, namespaces and the host.

use std::rc::Rc;

use presentry_parser::MemberKind;

use super::{
    callbacks::OF_EMITTERS,
    evaluator::{Evaluator, Frame},
    expressions::method,
    host::global,
    state::State,
    value::{Arguments, ClassValue, Closure, Object, ObjectId, ObjectKind, Slot, Value},
};

/// What every object has.
const OF_EVERY_OBJECT: &[&str] =
    &["toString", "valueOf", "hasOwnProperty", "constructor", "isPrototypeOf", "propertyIsEnumerable", "__proto__"];

/// The methods of arrays that are followed.
const OF_ARRAYS: &[&str] = &[
    "forEach",
    "map",
    "filter",
    "some",
    "every",
    "find",
    "findIndex",
    "findLast",
    "flatMap",
    "reduce",
    "push",
    "at",
    "unshift",
    "pop",
    "shift",
    "slice",
    "concat",
    "includes",
    "join",
    "entries",
    "values",
    "keys",
    "sort",
    "reverse",
    "splice",
    "fill",
    "indexOf",
    "flat",
    "reduceRight",
    "toSorted",
    "toReversed",
    "with",
];

/// What has become of the prototype of a class.
pub(super) enum Prototype {
    /// Nothing has read it.
    AsDeclared,
    /// It is this object, and its properties come before what is declared.
    Read(Rc<Object>),
    /// Something that is not followed may have changed it.
    Unknown,
}

impl Evaluator<'_> {
    pub(super) fn member(&mut self, object: &Value, name: Option<&str>, state: &mut State) -> Option<Value> {
        self.burn(1)?;
        let Some(name) = name else {
            return Some(match object {
                Value::External
                | Value::Primitive
                | Value::Global(_)
                | Value::Text(_)
                | Value::Number(_)
                | Value::Boolean(_)
                | Value::Test(_) => Value::External,
                Value::Package(specifier, _) if !crate::sdk::is_of_sentry(specifier) => Value::External,
                Value::Undefined | Value::Null => {
                    self.throw(state.clone());
                    return None;
                }
                Value::Object(_) if state.is_plain(object, 0) => Value::External,
                _ => Value::Any,
            });
        };
        let method = |object: &Value| Value::Method(Rc::new((object.clone(), name.into())));
        Some(match object {
            Value::Any | Value::Uninitialised => Value::Any,
            Value::Text(_) if matches!(name, "replace" | "replaceAll") => method(object),
            Value::External
            | Value::Primitive
            | Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Test(_) => Value::External,
            Value::Undefined | Value::Null => {
                self.throw(state.clone());
                return None;
            }
            Value::Namespace(module) => self.export(&module.clone(), name, state),
            Value::Package(specifier, path) => {
                if matches!(name, "call" | "apply" | "bind") && !path.is_empty() {
                    return Some(method(object));
                }
                const LONGEST: usize = 8;
                if path.len() >= LONGEST {
                    return Some(Value::External);
                }
                let path: Rc<[Rc<str>]> = path.iter().cloned().chain([Rc::from(name)]).collect();
                super::host::of_host(specifier, &path)
                    .map_or_else(|| Value::Package(specifier.clone(), path.clone()), |name| global(&name))
            }
            Value::Global(of) => match &**of {
                "globalThis" | "global" => self.global_property(name, state),
                of if matches!(name, "call" | "apply" | "bind") && !matches!(of, "Reflect" | "Function.prototype") => {
                    method(object)
                }
                of if name == "href" && of.starts_with(super::builtins::SIBLING) => object.clone(),
                of if of.len() > 80 => Value::External,
                _ if matches!(name, "_cache" | "_extensions" | "_resolveFilename") => {
                    self.has_require_cache = true;
                    Value::External
                }
                of => Value::Global(format!("{of}.{name}").into()),
            },
            Value::Closure(_) | Value::Bound(_) | Value::Method(_) => match name {
                "call" | "apply" | "bind" => method(object),
                "prototype" => match object {
                    Value::Closure(closure) => Value::Object(self.prototype_of_function(closure, state)),
                    _ => Value::External,
                },
                "name" | "length" | "toString" => Value::External,
                _ => Value::Any,
            },
            Value::Require(_) => match name {
                "call" | "apply" | "bind" => method(object),
                "main" => Value::Undefined,
                "cache" | "extensions" => {
                    self.has_require_cache = true;
                    Value::External
                }
                _ => Value::External,
            },
            Value::Promise(_) | Value::Client => method(object),
            Value::Settle(id) => {
                self.may_settle(*id);
                Value::External
            }
            Value::Class(class) => {
                let mut class = class.clone();
                loop {
                    if !self.finds(class.statics, state) {
                        return Some(Value::Any);
                    }
                    let found = state.object(class.statics).and_then(|object| object.slots.get(name).cloned());
                    if let Some(slot) = found {
                        return self.slot_value(slot, object, state);
                    }
                    if state.object(class.statics).is_none_or(|object| object.open) {
                        return Some(Value::Any);
                    }
                    if matches!(name, "call" | "apply" | "bind") {
                        return Some(method(object));
                    }
                    match &class.parent {
                        _ if name == "prototype" => return Some(self.prototype(&class, state)),
                        _ if matches!(name, "name" | "length") => return Some(Value::External),
                        Value::Class(parent) => class = parent.clone(),
                        Value::Undefined if OF_EVERY_OBJECT.contains(&name) => return Some(Value::External),
                        Value::Undefined => return Some(Value::Undefined),
                        _ => return Some(Value::Any),
                    }
                }
            }
            Value::Object(id) => self.property(*id, object, name, state)?,
        })
    }

    pub(super) fn slot_value(&mut self, slot: Slot, this: &Value, state: &mut State) -> Option<Value> {
        match slot {
            Slot::Value(value) => Some(value),
            Slot::Accessor { get: Some(Value::Closure(get)), .. } => {
                self.call_closure(&get, this.clone(), Arguments::default(), state, false)
            }
            Slot::Accessor { get: Some(_), .. } => Some(Value::Any),
            Slot::Accessor { get: None, .. } => Some(Value::Undefined),
        }
    }

    pub(super) fn property(&mut self, id: u32, this: &Value, name: &str, state: &mut State) -> Option<Value> {
        let Some(object) = state.object(id).cloned() else { return Some(Value::Any) };
        if matches!(object.kind, ObjectKind::Collection { .. }) {
            let method = || Value::Method(Rc::new((this.clone(), name.into())));
            return Some(if name == "size" { Value::External } else { method() });
        }
        if object.open {
            return Some(Value::Any);
        }
        let is_method = match object.kind {
            ObjectKind::Array(_) => name == "length" || OF_ARRAYS.contains(&name),
            ObjectKind::Storage => true,
            _ => false,
        };
        if !self.finds(id, state) && (!is_method || object.slots.contains_key(name)) {
            return Some(Value::Any);
        }
        if let Some(slot) = object.slots.get(name) {
            return self.slot_value(slot.clone(), this, state);
        }
        let method = |object: &Value| Value::Method(Rc::new((object.clone(), name.into())));
        match &object.kind {
            ObjectKind::Array(_) if OF_ARRAYS.contains(&name) => return Some(method(this)),
            ObjectKind::Array(_) if name == "length" => return Some(Value::External),
            // Its other methods are not followed.
            ObjectKind::Array(_) if !name.bytes().all(|byte| byte.is_ascii_digit()) => return Some(Value::Any),
            ObjectKind::Array(None) => return Some(Value::Any),
            ObjectKind::Iterator(_) => return Some(method(this)),
            ObjectKind::Emitter if OF_EMITTERS.contains(&name) => return Some(method(this)),
            ObjectKind::Emitter => return Some(Value::External),
            ObjectKind::Storage => return Some(method(this)),
            // A method of an iterator is not followed.
            ObjectKind::Elements => {
                self.escape(this, state);
                return Some(Value::Any);
            }
            _ => {}
        }
        if name.starts_with('#') {
            let found = match &object.class {
                Some(class) => self.class_member(class, this, name, state)?,
                None => Value::Undefined,
            };
            // A private name that an object does not have is an error.
            if matches!(found, Value::Undefined) {
                self.throw(state.clone());
                return None;
            }
            return Some(found);
        }
        if let Some(prototype) = object.prototype {
            return match name {
                "__proto__" => Some(Value::Object(prototype)),
                _ => self.property(prototype, this, name, state),
            };
        }
        if let Some(class) = &object.class {
            return self.class_member(class, this, name, state);
        }
        if object.has_unnamed || OF_EVERY_OBJECT.contains(&name) {
            return Some(Value::External);
        }
        Some(Value::Undefined)
    }

    /// What the instances of a function have. It is an object from when it is first read.
    pub(super) fn prototype_of_function(&mut self, function: &Rc<Closure>, state: &mut State) -> ObjectId {
        if let Some(prototype) = state.prototypes.get(&function.key()) {
            return *prototype;
        }
        let mut prototype = Object::new(ObjectKind::Plain);
        prototype.set("constructor", Value::Closure(function.clone()));
        // It may have been assigned meanwhile.
        prototype.open = state.detached || self.loose > 0;
        let prototype = self.allocate(state, prototype);
        Rc::make_mut(&mut state.prototypes).insert(function.key(), prototype);
        prototype
    }

    /// `Function.prototype = value`
    pub(super) fn set_prototype_of_function(&mut self, function: &Rc<Closure>, value: &Value, state: &mut State) {
        match value {
            Value::Object(id) if !state.prototypes.contains_key(&function.key()) => {
                Rc::make_mut(&mut state.prototypes).insert(function.key(), *id);
            }
            // Some instances may have the one, and some the other.
            _ => {
                self.escape(value, state);
                let prototype = self.prototype_of_function(function, state);
                self.escape(&Value::Object(prototype), state);
            }
        }
    }

    /// The prototype of a class. It is an object from when it is first read, and a static property of the class.
    fn prototype(&mut self, class: &Rc<ClassValue>, state: &mut State) -> Value {
        let mut prototype = Object::new(ObjectKind::Plain);
        prototype.class = Some(class.clone());
        let prototype = Value::Object(self.allocate(state, prototype));
        self.put(class.statics, Some("prototype"), Slot::Value(prototype.clone()), state);
        prototype
    }

    /// What has become of the prototype of a class since it was declared.
    pub(super) fn prototype_now(&self, class: &ClassValue, state: &State) -> Prototype {
        let known = |id| state.object(id).filter(|object| !object.open && self.finds(id, state));
        match known(class.statics).map(|statics| statics.slots.get("prototype")) {
            Some(None) => Prototype::AsDeclared,
            Some(Some(Slot::Value(Value::Object(id)))) => {
                known(*id).map_or(Prototype::Unknown, |prototype| Prototype::Read(prototype.clone()))
            }
            Some(Some(_)) | None => Prototype::Unknown,
        }
    }

    /// What an instance of a class has by its class.
    fn class_member(&mut self, class: &Rc<ClassValue>, this: &Value, name: &str, state: &mut State) -> Option<Value> {
        match name {
            "constructor" => return Some(Value::Class(class.clone())),
            "__proto__" => return self.member(&Value::Class(class.clone()), Some("prototype"), state),
            _ => {}
        }
        let mut class = class.clone();
        loop {
            match self.prototype_now(&class, state) {
                Prototype::Unknown => return Some(Value::Any),
                Prototype::Read(prototype) => {
                    if let Some(slot) = prototype.slots.get(name) {
                        return self.slot_value(slot.clone(), this, state);
                    }
                }
                Prototype::AsDeclared => {}
            }
            let code = class.code.clone();
            let members = &code.steps.classes[class.class].members;
            for (index, member) in members.iter().enumerate().rev().filter(|(_, member)| !member.is_static) {
                match &class.names[index] {
                    None => return Some(Value::Any),
                    Some(known) if &**known != name => continue,
                    Some(_) => {}
                }
                match member.kind {
                    MemberKind::Method(function) => {
                        return Some(Value::Closure(Rc::new(method(&class, function, false))));
                    }
                    MemberKind::Getter(function) => {
                        let getter = Rc::new(method(&class, function, false));
                        return self.call_closure(&getter, this.clone(), Arguments::default(), state, false);
                    }
                    MemberKind::Setter(_) | MemberKind::Field(_) | MemberKind::Block(_) => {}
                }
            }
            match &class.parent {
                Value::Class(parent) => class = parent.clone(),
                Value::Undefined if OF_EVERY_OBJECT.contains(&name) => return Some(Value::External),
                Value::Undefined => return Some(Value::Undefined),
                Value::Package(specifier, path) if crate::sdk::is_client(specifier, path) => {
                    return Some(Value::Method(Rc::new((Value::Client, name.into()))));
                }
                Value::Package(..) | Value::Global(_) | Value::External => return Some(Value::External),
                _ => return Some(Value::Any),
            }
        }
    }

    pub(super) fn super_member(&mut self, frame: &Frame, name: Option<&str>, state: &State) -> Value {
        let Some(closure) = &frame.closure else { return Value::Any };
        let (Some(name), Some(Value::Class(parent))) = (name, &closure.parent) else {
            return match &closure.parent {
                Some(Value::Package(specifier, path)) if crate::sdk::is_client(specifier, path) => {
                    Value::Method(Rc::new((Value::Client, name.unwrap_or_default().into())))
                }
                Some(Value::Package(..) | Value::Global(_) | Value::External | Value::Primitive) => Value::External,
                _ => Value::Any,
            };
        };
        let mut class = parent.clone();
        loop {
            if !matches!(self.prototype_now(&class, state), Prototype::AsDeclared) {
                return Value::Any;
            }
            let code = class.code.clone();
            let members = &code.steps.classes[class.class].members;
            let found = members.iter().enumerate().rev().find(|(index, member)| {
                member.is_static == closure.is_static
                    && class.names[*index].as_deref().is_none_or(|known| known == name)
            });
            if let Some((index, member)) = found {
                return match (&class.names[index], &member.kind) {
                    (Some(_), MemberKind::Method(function)) => {
                        Value::Closure(Rc::new(method(&class, *function, member.is_static)))
                    }
                    _ => Value::Any,
                };
            }
            match &class.parent {
                Value::Class(parent) => class = parent.clone(),
                Value::Undefined => return Value::Undefined,
                _ => return Value::Any,
            }
        }
    }
}
