//! What the code replaces of the host, so that it does something else from then on.

use super::{
    evaluator::Evaluator,
    state::State,
    value::{Arguments, Value},
};

/// Stands for functions of the host whose names are not known.
pub(super) const EVERYTHING: &str = "*";

impl Evaluator<'_> {
    /// Notes that a property of the host's is set.
    pub(super) fn patched(&mut self, object: &Value, name: Option<&str>) {
        let of_prototype = match object {
            // These are texts.
            Value::Global(of) if &**of == "process.env" => return,
            Value::Global(of) => of.ends_with(".prototype"),
            Value::Package(_, path) => path.last().is_some_and(|last| &**last == "prototype"),
            _ => return,
        };
        self.patches.insert(match (object, name) {
            (_, None) => EVERYTHING.to_owned(),
            (Value::Global(of), Some(name)) if !of_prototype => format!("{of}.{name}"),
            (_, Some(name)) => name.to_owned(),
        });
    }

    /// The same by a function that is given what to set.
    pub(super) fn patched_by(&mut self, arguments: &Arguments, state: &State) {
        let target = arguments.get(0);
        let described = match arguments.get(1) {
            Value::Text(name) => return self.patched(&target, Some(&name)),
            Value::Object(id) => state.object(id).filter(|object| !object.open && !object.has_unnamed).cloned(),
            _ => None,
        };
        match described {
            Some(object) => object.slots.keys().for_each(|name| self.patched(&target, Some(name))),
            None => self.patched(&target, None),
        }
    }

    /// Whether the code has replaced a function of the host, known by its name.
    pub(super) fn is_patched(&self, name: &str) -> bool {
        !self.patches.is_empty() && (self.patches.contains(name) || self.patches.contains(EVERYTHING))
    }
}
