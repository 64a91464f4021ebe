//! Constructors: of classes, functions and packages.

use std::rc::Rc;

use presentry_parser::{Expression, MemberKind};

use super::{
    evaluator::{Catcher, Evaluator, Frame},
    expressions::method,
    state::State,
    value::{Arguments, Birth, ClassValue, Object, ObjectKind, Slot, Value},
};

impl Evaluator<'_> {
    pub(super) fn construct(
        &mut self,
        frame: &Frame,
        callee: &Value,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        self.burn(1)?;
        match callee {
            Value::Class(class) => {
                let mut object = Object::new(ObjectKind::Plain);
                object.class = Some(class.clone());
                let this = Value::Object(self.allocate(state, object));
                self.construct_class(frame, class, (&this, callee), arguments, state, expression)
            }
            Value::Closure(closure) => {
                let function = &closure.code.steps.functions[closure.function];
                if function.is_arrow || function.is_method || function.is_async || function.is_generator {
                    self.throws(state, frame.place(expression.at));
                    return None;
                }
                let mut object = Object::new(ObjectKind::Plain);
                object.prototype = Some(self.prototype_of_function(closure, state));
                let this = Value::Object(self.allocate(state, object));
                self.constructing = Some(callee.clone());
                let value = self.call_closure(closure, this.clone(), arguments, state, false)?;
                Some(if matches!(value, Value::Undefined) { this } else { value })
            }
            Value::Package(specifier, path) if Self::is_emitter(specifier, path) => Some(self.emitter(state)),
            Value::Package(specifier, path) if Self::is_storage(specifier, path) => {
                Some(Value::Object(self.allocate(state, Object::new(ObjectKind::Storage))))
            }
            Value::Package(specifier, path) => {
                self.escape_all(&arguments.values, state);
                state.may_have_client = true;
                if crate::sdk::is_client(specifier, path) {
                    return Some(Value::Client);
                }
                if !crate::sdk::is_of_sentry(specifier) {
                    self.fail(state, frame.place(expression.at));
                }
                Some(Value::External)
            }
            Value::Global(name) => self.construct_global(frame, name, arguments, state, expression),
            Value::Bound(bound) => {
                let mut values = bound.arguments.clone();
                values.extend(arguments.values);
                let arguments = Arguments { values, open: arguments.open };
                self.construct(frame, &bound.function.clone(), arguments, state, expression)
            }
            Value::External => Some(self.call_external(frame, &arguments, state, expression)),
            Value::Any | Value::Uninitialised | Value::Object(_) => {
                self.call_unknown(frame, arguments, state, expression)
            }
            _ => {
                self.throws(state, frame.place(expression.at));
                None
            }
        }
    }

    /// Runs the constructor of a class for an object, with its `new.target`.
    fn construct_class(
        &mut self,
        frame: &Frame,
        class: &Rc<ClassValue>,
        (this, target): (&Value, &Value),
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let code = class.code.clone();
        let definition = &code.steps.classes[class.class];
        let is_derived = definition.parent.is_some();
        set_birth(this, if is_derived { Birth::Awaited } else { Birth::Done }, state);
        if !is_derived {
            self.fields(class, this, state)?;
        }
        let Some(constructor) = definition.constructor else {
            if is_derived {
                self.construct_parent(frame, class, (this, target), arguments, state, expression)?;
            }
            return Some(this.clone());
        };
        let constructor = Rc::new(method(class, constructor, false));
        self.constructing = Some(target.clone());
        let value = self.call_closure(&constructor, this.clone(), arguments, state, false)?;
        if is_derived && !matches!(value, Value::Object(_) | Value::Any) && birth(this, state) == Birth::Awaited {
            self.throw(state.clone());
            return None;
        }
        Some(match value {
            Value::Undefined => this.clone(),
            Value::Object(_) | Value::Closure(_) | Value::Promise(_) => value,
            Value::Any => Value::Any,
            _ => this.clone(),
        })
    }

    pub(super) fn super_call(
        &mut self,
        frame: &Frame,
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let class = frame.closure.as_ref().and_then(|closure| closure.class.clone());
        let Some(class) = class else { return Some(Value::Any) };
        let is_again = birth(&frame.this, state) == Birth::Done;
        let catches = !self.catchers.is_empty();
        if catches {
            self.catchers.push(Catcher::default());
        }
        let these = (&frame.this, &frame.new_target);
        let end = self.construct_parent(frame, &class, these, arguments, state, expression);
        if catches && let Some(mut thrown) = self.catchers.pop().and_then(|catcher| catcher.state) {
            // The object is not made.
            set_birth(&frame.this, Birth::Awaited, &mut thrown);
            self.throw(thrown);
        }
        end?;
        if is_again {
            self.fail(state, frame.place(expression.at));
        }
        Some(frame.this.clone())
    }

    fn construct_parent(
        &mut self,
        frame: &Frame,
        class: &Rc<ClassValue>,
        (this, target): (&Value, &Value),
        arguments: Arguments,
        state: &mut State,
        expression: &Expression,
    ) -> Option<()> {
        match &class.parent {
            Value::Class(parent) => {
                self.construct_class(frame, parent, (this, target), arguments, state, expression)?;
            }
            Value::Closure(parent) => {
                set_birth(this, Birth::Done, state);
                self.constructing = Some(target.clone());
                self.call_closure(parent, this.clone(), arguments, state, false)?;
            }
            Value::Any | Value::Uninitialised => {
                self.call_unknown(frame, arguments, state, expression)?;
            }
            Value::Undefined => {
                self.throws(state, frame.place(expression.at));
                return None;
            }
            Value::Package(specifier, _) if crate::sdk::is_of_sentry(specifier) => {
                self.escape_all(&arguments.values, state);
            }
            _ => {
                self.call_external(frame, &arguments, state, expression);
                self.escape_species(this, state);
            }
        }
        set_birth(this, Birth::Done, state);
        self.fields(class, this, state)
    }

    /// The methods of native classes ask the class of an object which class their results are to have.
    fn escape_species(&mut self, this: &Value, state: &mut State) {
        let Value::Object(id) = this else { return };
        let mut class = state.object(*id).and_then(|object| object.class.clone());
        while let Some(asked) = class {
            let species = state.object(asked.statics).and_then(|statics| statics.slots.get("Symbol.species").cloned());
            if let Some(Slot::Accessor { get: Some(get), .. }) = species {
                return self.escape(&get, state);
            }
            class = match &asked.parent {
                Value::Class(parent) => Some(parent.clone()),
                _ => None,
            };
        }
    }

    /// Runs the initialisers of an instance's fields.
    fn fields(&mut self, class: &Rc<ClassValue>, this: &Value, state: &mut State) -> Option<()> {
        let code = class.code.clone();
        for (index, member) in code.steps.classes[class.class].members.iter().enumerate() {
            let MemberKind::Field(value) = &member.kind else { continue };
            if member.is_static {
                continue;
            }
            let value = match value {
                Some(function) => {
                    let initialiser = Rc::new(method(class, *function, false));
                    self.call_closure(&initialiser, this.clone(), Arguments::default(), state, false)?
                }
                None => Value::Undefined,
            };
            if let Value::Object(id) = this
                && let Some(object) = state.object_mut(*id)
            {
                match &class.names[index] {
                    Some(name) => object.set(name, value),
                    None => object.open = true,
                }
            }
        }
        Some(())
    }
}

fn birth(this: &Value, state: &State) -> Birth {
    match this {
        Value::Object(id) => state.object(*id).map_or(Birth::Done, |object| object.birth),
        _ => Birth::Done,
    }
}

fn set_birth(this: &Value, birth: Birth, state: &mut State) {
    if let Value::Object(id) = this
        && let Some(object) = state.object_mut(*id)
    {
        object.birth = birth;
    }
}
