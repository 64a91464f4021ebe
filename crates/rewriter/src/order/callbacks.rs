//! Functions of the host that call what they are given: at once and surely, as far as that is known.

use std::rc::Rc;

use presentry_parser::{Expression, Numeral};

use super::{
    evaluator::{Evaluator, Frame},
    rules::Rule,
    state::State,
    value::{Arguments, Object, ObjectKind, Slot, Value},
};
use crate::linking::is_not_json;

/// How the properties begin that are the listeners of an emitter: a number and the event follow.
const EVERY: &str = "every";
const ONCE: &str = "once";

/// The methods of emitters that are known.
pub(super) const OF_EMITTERS: &[&str] = &[
    "on",
    "once",
    "addListener",
    "emit",
    "setMaxListeners",
    "listenerCount",
    "eventNames",
    "prependListener",
    "prependOnceListener",
    "off",
    "removeListener",
    "removeAllListeners",
    "listeners",
    "rawListeners",
];

impl Evaluator<'_> {
    /// Calls a function once for certain. It may be called more often.
    fn call_surely(
        &mut self,
        frame: &Frame,
        function: &Value,
        given: Vec<Value>,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let given = Arguments::of(given);
        let value = self.call(frame, function, Value::Undefined, given, state, expression, false)?;
        self.escape(function, state);
        Some(value)
    }

    /// `JSON.parse(text, reviver)`: a text that is known is read or fails, and each value in it is shown to the function.
    pub(super) fn parse_json(
        &mut self,
        frame: &Frame,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let Value::Text(text) = arguments.get(0) else {
            return Some(self.call_external(frame, arguments, state, expression));
        };
        if serde_json::from_str::<serde_json::Value>(&text).is_err() && self.holds(Rule::JsonMayFail) {
            if !is_not_json(&text) {
                return Some(self.call_external(frame, arguments, state, expression));
            }
            self.throws(state, frame.place(expression.at));
            return None;
        }
        let reviver = arguments.get(1);
        if matches!(reviver, Value::Closure(_) | Value::Bound(_)) {
            self.call_surely(frame, &reviver, vec![Value::External, Value::External], state, expression)?;
        } else {
            self.escape(&reviver, state);
        }
        Some(Value::External)
    }

    /// A method of a string that is known.
    pub(super) fn call_text_method(
        &mut self,
        frame: &Frame,
        text: &str,
        name: &str,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let function = arguments.get(1);
        match (name, arguments.get(0)) {
            ("replace" | "replaceAll", Value::Text(part))
                if matches!(function, Value::Closure(_) | Value::Bound(_)) =>
            {
                if text.contains(&*part) {
                    self.call_surely(frame, &function, vec![Value::External; 3], state, expression)?;
                }
                Some(Value::External)
            }
            _ => Some(self.call_external(frame, arguments, state, expression)),
        }
    }

    /// `array.sort(compare)` of two elements or more.
    pub(super) fn sorted(
        &mut self,
        frame: &Frame,
        elements: &[Value],
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<()> {
        let compare = arguments.get(0);
        if matches!(compare, Value::Undefined) && !elements.iter().all(Value::is_primitive) {
            self.fail(state, frame.place(expression.at));
        }
        if let [first, rest @ ..] = elements
            && !rest.is_empty()
            && matches!(compare, Value::Closure(_) | Value::Bound(_))
        {
            let element = rest.iter().fold(first.clone(), |all, one| all.or(one));
            self.call_surely(frame, &compare, vec![element.clone(), element], state, expression)?;
        }
        Some(())
    }

    /// The elements that `Array.from({ length: 2 }, …)` makes.
    pub(super) fn of_length(value: &Value, state: &State) -> Option<Vec<Value>> {
        const MOST: u32 = 32;
        let Value::Object(id) = value else { return None };
        let object = state.object(*id)?;
        let is_plain = matches!(object.kind, ObjectKind::Plain) && !object.open && !object.has_unnamed;
        match object.slots.get("length") {
            Some(Slot::Value(Value::Number(Numeral { value: Some(length), .. })))
                if is_plain && object.class.is_none() && object.slots.len() == 1 && *length <= MOST =>
            {
                Some(vec![Value::Undefined; usize::try_from(*length).ok()?])
            }
            _ => None,
        }
    }

    // Emitters of events.

    /// Whether a class of a package is the one of Node's emitters.
    pub(super) fn is_emitter(specifier: &str, path: &[Rc<str>]) -> bool {
        let path: Vec<&str> = path.iter().map(|name| &**name).collect();
        matches!(specifier, "events" | "node:events")
            && matches!(path.as_slice(), [] | ["default" | "EventEmitter"] | ["default", "EventEmitter"])
    }

    pub(super) fn emitter(&mut self, state: &mut State) -> Value {
        Value::Object(self.allocate(state, Object::new(ObjectKind::Emitter)))
    }

    /// A method of an emitter.
    pub(super) fn call_emitter(
        &mut self,
        frame: &Frame,
        id: u32,
        name: &str,
        arguments: &Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let emitter = Value::Object(id);
        let is_open = state.object(id).is_none_or(|object| object.open);
        match (name, arguments.get(0), arguments.open || is_open) {
            ("on" | "once" | "addListener", Value::Text(event), false) => {
                self.takes_function(frame, &arguments.get(1), state, expression);
                let number = self.fresh();
                let how = if name == "once" { ONCE } else { EVERY };
                if let Some(object) = state.object_mut(id) {
                    object.set(&format!("{how} {number:010} {event}"), arguments.get(1));
                }
                Some(emitter)
            }
            ("emit", Value::Text(event), false) => {
                let listeners = self.listeners(id, &event, state);
                if listeners.is_empty() {
                    self.fail(state, frame.place(expression.at));
                }
                for listener in listeners {
                    let given = Arguments { values: arguments.values.iter().skip(1).cloned().collect(), open: false };
                    self.call(frame, &listener, emitter.clone(), given, state, expression, false)?;
                }
                Some(Value::External)
            }
            ("setMaxListeners", _, false) => Some(emitter),
            ("listenerCount" | "eventNames", ..) => Some(Value::External),
            _ => {
                self.escape(&emitter, state);
                self.call_external(frame, arguments, state, expression);
                Some(Value::External)
            }
        }
    }

    /// What an event calls, in order. What is called once is taken off.
    fn listeners(&mut self, id: u32, event: &str, state: &mut State) -> Vec<Value> {
        let Some(object) = state.object_mut(id) else { return Vec::new() };
        let mut found: Vec<(String, Rc<str>, Value)> = Vec::new();
        for (name, slot) in &object.slots {
            let mut parts = name.splitn(3, ' ');
            if let (Some(EVERY | ONCE), Some(number), Some(of)) = (parts.next(), parts.next(), parts.next())
                && of == event
            {
                let value = match slot {
                    Slot::Value(value) => value.clone(),
                    Slot::Accessor { .. } => Value::Any,
                };
                found.push((number.to_owned(), name.clone(), value));
            }
        }
        found.sort_by(|one, two| one.0.cmp(&two.0));
        for (_, name, _) in &found {
            if name.starts_with(ONCE) {
                object.slots.remove(name);
            }
        }
        found.into_iter().map(|(_, _, value)| value).collect()
    }
}
