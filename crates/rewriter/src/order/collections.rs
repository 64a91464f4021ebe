//! `Map`, `Set` and the iterators over what is known, and `AsyncLocalStorage`, which calls what it is given at once.

use std::rc::Rc;

use presentry_parser::Expression;

use super::{
    evaluator::{Evaluator, Frame, equal},
    state::State,
    value::{Arguments, Object, ObjectId, ObjectKind, Slot, Value},
};

/// The most elements that a collection is followed with.
const MOST: usize = 32;

impl Evaluator<'_> {
    /// A `Map` or a `Set` of elements that are known and all differ; `None` for others.
    pub(super) fn collection(&mut self, is_map: bool, arguments: &Arguments, state: &mut State) -> Option<Value> {
        let elements = match arguments.get(0) {
            Value::Undefined | Value::Null if !arguments.open => Vec::new(),
            iterable => self.elements(&iterable, state)?,
        };
        let mut keys = Vec::new();
        for element in &elements {
            keys.push(if is_map { self.elements(element, state)?.first()?.clone() } else { element.clone() });
        }
        let differs =
            |(index, key): (usize, &Value)| keys[..index].iter().all(|before| equal(before, key) == Some(false));
        if !keys.iter().enumerate().all(differs) {
            return None;
        }
        let mut object = Object::new(ObjectKind::Collection { is_map, length: elements.len() });
        for (index, element) in elements.into_iter().enumerate() {
            object.set(&index.to_string(), element);
        }
        Some(Value::Object(self.allocate(state, object)))
    }

    /// What a collection holds, as keys and values; `None` where that is not known.
    fn entries(&self, id: ObjectId, is_map: bool, state: &State) -> Option<Vec<(Value, Value)>> {
        let elements = self.elements(&Value::Object(id), state)?;
        let entry = |element: Value| {
            if !is_map {
                return Some((element.clone(), element));
            }
            let pair = self.elements(&element, state)?;
            let part = |index: usize| pair.get(index).cloned().unwrap_or(Value::Undefined);
            Some((part(0), part(1)))
        };
        elements.into_iter().map(entry).collect()
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn call_collection(
        &mut self,
        frame: &Frame,
        id: ObjectId,
        is_map: bool,
        name: &str,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let receiver = Value::Object(id);
        let entries = self.entries(id, is_map, state).filter(|_| !arguments.open);
        let Some(entries) = entries else {
            self.escape(&receiver, state);
            self.call_external(frame, arguments, state, expression);
            return Some(Value::Any);
        };
        let key = arguments.get(0);
        let at = position(&entries, &key);
        match (name, at) {
            ("forEach", _) => {
                for (key, value) in entries {
                    let given = Arguments::of(vec![value, key, receiver.clone()]);
                    self.call(frame, &arguments.get(0), arguments.get(1), given, state, expression, false)?;
                }
                Some(Value::Undefined)
            }
            ("get", Ok(at)) if is_map => Some(at.map_or(Value::Undefined, |at| entries[at].1.clone())),
            ("has", Ok(at)) => Some(Value::Boolean(at.is_some())),
            ("get", Err(())) if is_map => {
                let values = entries.into_iter().map(|(_, value)| value).chain([Value::Undefined]).collect();
                Some(self.one_of(frame, expression.at, values, state))
            }
            ("has", Err(())) => Some(Value::External),
            ("values" | "keys" | "entries", _) => Some(self.iterator(name, entries, state)),
            ("set" | "add", Ok(at)) if entries.len() < MOST => {
                let element = if is_map { self.array(vec![key, arguments.get(1)], false, state) } else { key };
                let index = at.unwrap_or(entries.len());
                if let Some(object) = state.object_mut(id) {
                    object.set(&index.to_string(), element);
                    object.kind = ObjectKind::Collection { is_map, length: entries.len().max(index + 1) };
                }
                Some(receiver)
            }
            _ => {
                self.escape(&receiver, state);
                self.call_external(frame, arguments, state, expression);
                Some(Value::Any)
            }
        }
    }

    /// The iterator that `values`, `keys` or `entries` gives.
    pub(super) fn iterator(&mut self, name: &str, entries: Vec<(Value, Value)>, state: &mut State) -> Value {
        let mut object = Object::new(ObjectKind::Elements);
        for (index, (key, value)) in entries.into_iter().enumerate() {
            let element = match name {
                "values" => value,
                "keys" => key,
                _ => self.array(vec![key, value], false, state),
            };
            // In the order of their numbers.
            object.set(&format!("{index:010}"), element);
        }
        Value::Object(self.allocate(state, object))
    }

    pub(super) fn is_iterator(&self, id: ObjectId, state: &State) -> bool {
        state.object(id).is_some_and(|object| matches!(object.kind, ObjectKind::Elements) && !object.open)
            && self.finds(id, state)
    }

    /// Takes what an iterator gives, as an array. What is left of it is not known.
    pub(super) fn taken(&mut self, id: ObjectId, state: &mut State) -> Value {
        let Some(object) = state.object_mut(id) else { return Value::Any };
        object.open = true;
        let values = object.slots.values().map(|slot| match slot {
            Slot::Value(value) => value.clone(),
            Slot::Accessor { .. } => Value::Any,
        });
        let values = values.collect();
        self.array(values, false, state)
    }

    // AsyncLocalStorage.

    /// Whether a class of a package is the one of Node's storages.
    pub(super) fn is_storage(specifier: &str, path: &[Rc<str>]) -> bool {
        matches!(specifier, "async_hooks" | "node:async_hooks")
            && path.last().is_some_and(|name| &**name == "AsyncLocalStorage")
    }

    /// A method of a storage: `run(store, function, ...arguments)` and `exit(function, ...arguments)` call it at once.
    pub(super) fn call_storage(
        &mut self,
        frame: &Frame,
        name: &str,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        let before = match name {
            "run" => 1,
            "exit" => 0,
            "getStore" => return Some(Value::Any),
            _ => {
                self.call_external(frame, &arguments, state, expression);
                return Some(Value::External);
            }
        };
        self.escape_all(arguments.values.iter().take(before), state);
        let function = arguments.get(before);
        let rest = arguments.values.into_iter().skip(before + 1).collect();
        let given = Arguments { values: rest, open: arguments.open };
        self.call(frame, &function, Value::Undefined, given, state, expression, awaited)
    }
}

/// Where a key stands among others; an error where that is not known.
fn position(entries: &[(Value, Value)], wanted: &Value) -> Result<Option<usize>, ()> {
    for (index, (key, _)) in entries.iter().enumerate() {
        match equal(key, wanted) {
            Some(true) => return Ok(Some(index)),
            Some(false) => {}
            None => return Err(()),
        }
    }
    Ok(None)
}
