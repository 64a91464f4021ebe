//! Modules in the order in which they are evaluated, and what loads them.

use std::rc::Rc;

use presentry_parser::{Expression, ImportName, Phase, SlotId, Span};

use super::{
    choices::Choices,
    condition::Place,
    evaluator::{Catcher, Evaluator, Exits, Frame},
    expressions::NOWHERE,
    log::{EarlyPackage, Why},
    packages::{code, followed},
    reach::Reach,
    rules::Rule,
    state::{Evaluated, ModuleRun, Script, State},
    value::{Arguments, Code, Object, ObjectKind, Scope, Slot, Value},
};
use crate::{
    exports::{Resolution, resolve_export},
    graph::stands_for,
    linking::{is_json, is_linked, why_not_alone},
    packages::Means,
    sdk,
    sources::ModulePath,
    specifier::Target,
};

impl Evaluator<'_> {
    /// The code and the bindings of a module; `None` where it is not one whose steps are known.
    pub(super) fn link(&mut self, path: &ModulePath, state: &mut State) -> Option<(Rc<Code>, Rc<Scope>)> {
        if let Some(run) = self.modules.get(path) {
            let linked = run.linked.clone();
            if let Some(script) = run.script {
                self.begin_script(script, state);
            }
            return linked;
        }
        let linked = self.read_module(path, state);
        let script = linked.as_ref().filter(|(code, _)| code.is_script).map(|_| self.script(state));
        let run = ModuleRun { linked: linked.clone(), is_run: false, is_circular: false, script };
        self.modules.insert(path.clone(), run);
        linked
    }

    fn read_module(&mut self, path: &ModulePath, state: &mut State) -> Option<(Rc<Code>, Rc<Scope>)> {
        let module = code(self.graph, path, self.follow).filter(|module| module.bundle.is_none())?;
        let is_script = self.graph.load(path).ok().flatten().is_none();
        // A module is read in as many steps as its text is long, so that a large one is not read for nothing.
        self.burn(u32::try_from(module.text.len() / 256).unwrap_or(u32::MAX))?;
        let steps = self.graph.readings().evaluation(&module.text)?;
        let code = Rc::new(Code { module, steps, is_script });
        let scope = self.scope(state, &code, &code.steps.locals.clone(), None);
        Some((code, scope))
    }

    fn script(&mut self, state: &mut State) -> Script {
        let script = Script { module: self.fresh(), exports: self.fresh(), binding: self.fresh() };
        self.begin_script(script, state);
        script
    }

    /// Gives a CommonJS file what it has before it runs, on a way on which it has not run.
    fn begin_script(&self, script: Script, state: &mut State) {
        if state.cells.contains_key(&script.binding) {
            return;
        }
        let exports = Value::Object(script.exports);
        let mut module = Object::new(ObjectKind::Plain);
        module.set("exports", exports.clone());
        let objects = Rc::make_mut(&mut state.objects);
        objects.insert(script.module, Rc::new(module));
        objects.insert(script.exports, Rc::new(Object::new(ObjectKind::Plain)));
        state.set(script.binding, exports);
    }

    /// A name that every CommonJS file has; `None` elsewhere.
    pub(super) fn of_script(&self, frame: &Frame, name: &str, state: &State) -> Option<Value> {
        let path = &frame.code.module.path;
        let script = self.modules.get(path)?.script?;
        Some(match name {
            "require" => Value::Require(path.clone()),
            "module" => Value::Object(script.module),
            "exports" => state.cells.get(&script.binding).cloned().unwrap_or(Value::Any),
            _ => Value::External,
        })
    }

    /// `exports = …`
    pub(super) fn set_exports(&self, frame: &Frame, name: &str, value: &Value, state: &mut State) -> bool {
        let script = self.modules.get(&frame.code.module.path).and_then(|run| run.script);
        match script {
            Some(script) if name == "exports" => {
                state.set(script.binding, value.clone());
                true
            }
            _ => false,
        }
    }

    /// What a CommonJS file exports; `None` for ES modules.
    fn exported(&mut self, path: &ModulePath, state: &mut State) -> Option<Value> {
        let module = self.modules.get(path)?.script?.module;
        Some(match state.object(module) {
            Some(object) if !object.open => match object.slots.get("exports") {
                Some(Slot::Value(value)) => value.clone(),
                _ => Value::Any,
            },
            _ => Value::Any,
        })
    }

    /// What `require()` gives for a file that was run.
    fn required(&mut self, path: ModulePath, state: &mut State) -> Value {
        self.exported(&path, state).unwrap_or(Value::Namespace(path))
    }

    /// Whether the bindings of a module may be read before they are initialised, or were never: it is part of a circle,
    /// or is not evaluated here.
    pub(super) fn is_circular(&self, path: &ModulePath, state: &State) -> bool {
        let is_begun = || self.evaluating.contains(path) || state.evaluated.contains_key(path);
        self.modules.get(path).is_none_or(|run| run.is_circular || !is_begun())
    }

    /// Evaluates the entry, once for each way on which a module that is imported statically binds one of several functions.
    pub(super) fn entry(&mut self, path: &ModulePath, mut state: State) -> Option<State> {
        self.step = Some((None, NOWHERE));
        if !self.apart.contains(&(None, NOWHERE)) {
            return self.module(path, &mut state).map(|()| state);
        }
        (self.choices, self.has_entry_ways) = (Some(Choices::default()), true);
        let mut ended = None;
        while let Some(mut way) = self.copy(&state) {
            let end = self.module(path, &mut way).map(|()| way);
            ended = self.meet(ended, end);
            if !self.choices.as_mut().is_some_and(Choices::next_way) {
                break;
            }
        }
        (self.choices, self.step) = (None, None);
        ended
    }

    /// Evaluates a module and, before it, what it imports, if that has not been done.
    pub(super) fn module(&mut self, path: &ModulePath, state: &mut State) -> Option<()> {
        self.burn(1)?;
        let linked = self.link(path, state);
        if self.evaluating.contains(path) {
            if let Some(run) = self.modules.get_mut(path) {
                run.is_circular = true;
            }
            return Some(());
        }
        let evaluated = state.evaluated.get(path).copied();
        if evaluated == Some(Evaluated::Surely) {
            return Some(());
        }
        if let Some((code, scope)) = linked {
            let before = evaluated.and_then(|_| self.copy(state));
            let end = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || self.body(&code, scope, state));
            match before {
                None => end?,
                // On some ways to here it was evaluated before, and has done once what it does now.
                Some(mut before) => {
                    before.reach = end.map_or(before.reach, |()| state.reach);
                    let after = end.map(|()| std::mem::replace(state, State::new()));
                    *state = self.meet(Some(before), after)?;
                }
            }
        }
        Rc::make_mut(&mut state.evaluated).insert(path.clone(), Evaluated::Surely);
        Some(())
    }

    fn body(&mut self, code: &Rc<Code>, scope: Rc<Scope>, state: &mut State) -> Option<()> {
        self.evaluating.push(code.module.path.clone());
        if let Some(run) = self.modules.get_mut(&code.module.path) {
            run.is_run = true;
        }
        let result = self.requests(code, state).and_then(|()| {
            let frame = Frame {
                code: code.clone(),
                scope,
                this: Value::Undefined,
                arguments: Value::External,
                new_target: Value::Undefined,
                closure: None,
            };
            let before = std::mem::replace(state, State::new());
            let ends = self.steps_on_ways(&frame, &code.steps.body, before, &mut Exits::default());
            let ends = ends.into_iter().map(|end| (end, Value::Undefined)).collect();
            // Its bindings are read by those that import it.
            *state = self.one_end(ends, u32::MAX)?.0;
            Some(())
        });
        self.evaluating.pop();
        result
    }

    /// Evaluates what a module imports, in order. Those that wait run beside those that come after them.
    fn requests(&mut self, code: &Rc<Code>, state: &mut State) -> Option<()> {
        if self.alone {
            return Some(());
        }
        let requests = code.module.record.requested_modules.iter().filter(|request| request.phase != Phase::Source);
        let requests: Vec<_> = requests.map(|request| (request.specifier.value.clone(), request.statement)).collect();
        let mut waiting: Option<Reach> = None;
        for (specifier, at) in requests {
            let target = self.graph.resolve(&code.module.path, &specifier);
            self.note_instance(&target, &specifier);
            let place = Place { module: code.module.path.clone(), span: at };
            let waits = self.waits(&target, state);
            if !waits && waiting.is_none() {
                self.request(&target, place, state)?;
                continue;
            }
            // Its effect is found alone, and then set beside that of the ones before it.
            let before = state.reach;
            state.reach = Reach::NOTHING;
            self.bases.push(waiting.map_or(before, |waiting| before.then(waiting).or(before)));
            self.beside += usize::from(waiting.is_some());
            let result = self.request(&target, place, state);
            self.beside -= usize::from(waiting.is_some());
            self.bases.pop();
            result?;
            let effect = state.reach;
            state.reach = before;
            waiting = Some(waiting.map_or(effect, |waiting| waiting.beside(effect)));
        }
        if let Some(effect) = waiting {
            state.reach = state.reach.then(effect);
        }
        Some(())
    }

    /// Notes by which URL a module is loaded. One that is loaded by several is several modules.
    fn note_instance(&mut self, target: &Target, specifier: &str) {
        if let Target::File(file) = target {
            let path = specifier.find(['?', '#']).filter(|at| *at > 0).unwrap_or(specifier.len());
            self.instances.entry(file.clone()).or_default().insert(specifier[path..].to_owned());
        }
    }

    fn has_instances(&self, module: &ModulePath) -> bool {
        self.instances.get(module).is_some_and(|instances| instances.len() > 1)
    }

    /// Whether a module, or one that it imports, has a top-level `await`.
    fn waits(&mut self, target: &Target, state: &State) -> bool {
        let Target::File(path) = target else { return false };
        if self.waits_never.contains(path) {
            return false;
        }
        let Ok(closure) = self.graph.closure(path) else { return true };
        let awaits = |path: &&ModulePath| {
            let module = self.graph.load(path).ok().flatten();
            module.is_some_and(|module| !module.record.top_level_awaits.is_empty())
        };
        let mut awaiting = closure.paths().filter(awaits).peekable();
        if awaiting.peek().is_none() {
            drop(awaiting);
            self.waits_never.extend(closure.paths().cloned());
            return false;
        }
        awaiting.any(|path| state.evaluated.get(path) != Some(&Evaluated::Surely))
    }

    fn request(&mut self, target: &Target, place: Place, state: &mut State) -> Option<()> {
        match target {
            Target::File(file) => {
                if self.targets.is_root(file) {
                    self.load_runtime(place, state);
                    return Some(());
                }
                if let Some(specifier) = self.of_bundle(file) {
                    self.load_package(&specifier, place, state);
                    return Some(());
                }
                self.module(file, state)
            }
            Target::Package(specifier) => {
                if let Some(file) = self.package(specifier, &place, Means::Import) {
                    return self.module(&file, state);
                }
                self.load_package(specifier, place, state);
                Some(())
            }
            Target::Builtin(_) => Some(()),
            Target::Elsewhere(_) => {
                self.doubt(place, state);
                Some(())
            }
        }
    }

    fn is_runtime(&self, file: &ModulePath) -> bool {
        self.targets.is_runtime(self.graph, file).unwrap_or(true)
    }

    /// The specifier of the SDK that a module of its bundle stands for.
    fn of_bundle(&self, file: &ModulePath) -> Option<String> {
        let module = self.graph.linked(file).ok().flatten()?;
        module.bundle()?;
        stands_for(self.graph, &module).ok().flatten()
    }

    /// The file of a package that may start Sentry, and has to be followed.
    fn package(&mut self, specifier: &str, place: &Place, means: Means) -> Option<ModulePath> {
        if sdk::is_of_sentry(specifier) {
            return None;
        }
        let key = (place.module.clone(), specifier.to_owned(), means);
        if let Some(file) = self.followed.get(&key) {
            return file.clone();
        }
        let found = followed(self.graph, &place.module, specifier, means, self.follow);
        self.package_names_build |= found.names_build;
        self.followed.insert(key, found.file.clone());
        found.file
    }

    fn is_early(&self, state: &State) -> bool {
        state.reach.is_early() && self.bases.iter().all(|base| base.is_early())
    }

    /// The runtime is loaded here.
    fn load_runtime(&mut self, place: Place, state: &mut State) {
        if !self.holds(Rule::ImportLoads) {
            return;
        }
        if self.is_early(state) {
            self.log.early.insert(place);
        }
        state.reach = state.reach.then(Reach::LOADED);
    }

    /// Something is loaded here that may be the runtime.
    pub(super) fn doubt(&mut self, place: Place, state: &mut State) {
        if self.is_early(state) {
            self.log.doubtful.insert(place);
        }
        state.reach = state.reach.perhaps(Reach::LOADED);
    }

    pub(super) fn may_load(&mut self, frame: &Frame, expression: &Expression, state: &mut State) {
        self.doubt(frame.place(expression.at), state);
    }

    fn load_package(&mut self, specifier: &str, place: Place, state: &mut State) {
        if specifier.ends_with(".json") {
            return;
        }
        if !sdk::is_of_sentry(specifier) {
            state.forget_facts();
            state.may_have_client = true;
        }
        if sdk::starts_on_import(specifier) {
            self.start_at(place, state);
        } else if self.is_early(state) && !sdk::is_of_sentry(specifier) {
            let package = EarlyPackage { specifier: specifier.to_owned(), place };
            let is_in_order = self.loose == 0 && !state.detached && self.beside == 0;
            if is_in_order && (state.reach.has(Reach::STARTED) || self.ways > 0 || self.has_entry_ways) {
                // On the paths on which Sentry has not started here it may start later, or never. Beside a way that is followed
                // by itself are others.
                Rc::make_mut(&mut state.packages).insert(package);
            } else {
                self.log.packages.insert(package);
            }
        }
    }

    /// Tells of the packages that were loaded before a start.
    pub(super) fn too_early(&mut self, state: &State) {
        if state.reach.is_early() {
            self.log.packages.extend(state.packages.iter().cloned());
        }
    }

    /// Sentry starts here.
    pub(super) fn start_at(&mut self, place: Place, state: &mut State) {
        if self.loose > 0 || state.detached {
            self.log.late.insert((place.clone(), self.log.why.unwrap_or(Why::NotAwaited)));
        }
        self.log.starts.insert((place, self.evaluating.clone()));
        if state.contradicts {
            return;
        }
        self.too_early(state);
        let effect = if self.failed > 0 { Reach::STARTED_AFTER_FAILURE } else { Reach::STARTED };
        state.reach = state.reach.then(effect);
    }

    // Loads at run time.

    /// `import(specifier)`
    pub(super) fn import(
        &mut self,
        frame: &Frame,
        specifier: &Value,
        state: &mut State,
        expression: &Expression,
        awaited: bool,
    ) -> Option<Value> {
        let place = frame.place(expression.at);
        let (importer, specifier) = match specifier {
            Value::Text(specifier) => (frame.code.module.path.clone(), specifier.clone()),
            Value::Global(name) if let Some((importer, specifier)) = named_by_url(name) => (importer, specifier),
            _ => {
                self.doubt(place.clone(), state);
                self.fail(state, place);
                return Some(Self::promise(Reach::NOTHING, Value::Any));
            }
        };
        let target = self.by_name(&importer, self.graph.resolve(&importer, &specifier));
        self.note_instance(&target, &specifier);
        Some(match target {
            Target::Builtin(name) => {
                if !crate::specifier::is_of_node(&name) {
                    self.fail(state, place);
                }
                Self::promise(Reach::NOTHING, package(&name))
            }
            Target::Package(name) => match self.package(&name, &place, Means::Import) {
                Some(file) => self.import_module(&file, state, awaited)?,
                None => {
                    self.load_package(&name, place.clone(), state);
                    if !sdk::is_of_sentry(&name) {
                        self.fail(state, place);
                    }
                    Self::promise(Reach::NOTHING, package(&name))
                }
            },
            Target::File(file) => {
                if self.is_runtime(&file) {
                    self.load_runtime(place.clone(), state);
                    self.fail(state, place);
                    return Some(Self::promise(Reach::NOTHING, Value::External));
                }
                if is_json(&file) {
                    let imports = &frame.code.module.record.dynamic_imports;
                    if imports.iter().any(|import| import.span == expression.at && !import.has_options) {
                        return Some(Self::rejected());
                    }
                    self.fail(state, place.clone());
                }
                match self.of_bundle(&file) {
                    Some(name) => {
                        self.load_package(&name, place, state);
                        Self::promise(Reach::NOTHING, package(&name))
                    }
                    None => self.import_module(&file, state, awaited)?,
                }
            }
            Target::Elsewhere(_) => {
                self.doubt(place.clone(), state);
                self.fail(state, place);
                Self::promise(Reach::NOTHING, Value::Any)
            }
        })
    }

    /// The package whose main module a file is, where a path leads to it.
    fn by_name(&self, importer: &ModulePath, target: Target) -> Target {
        let Target::File(file) = &target else { return target };
        if !super::packages::is_in_packages(file) {
            return target;
        }
        let name = self.graph.packages().name_of(file);
        let is_main = |name: &String| self.graph.files_of(importer, name, Means::Import).contains(file);
        name.filter(is_main).map_or(target, Target::Package)
    }

    fn import_module(&mut self, file: &ModulePath, state: &mut State, awaited: bool) -> Option<Value> {
        if !is_linked(self.graph, file) {
            return Some(Self::rejected());
        }
        let namespace = Value::Namespace(file.clone());
        if awaited {
            // It is evaluated once it was read, and other code runs meanwhile.
            self.suspend(state);
            self.module(file, state)?;
            return Some(Self::promise(Reach::NOTHING, namespace));
        }
        // It is evaluated later, and its promise waits for that.
        let before = state.reach;
        let was_detached = state.detached;
        state.reach = Reach::NOTHING;
        state.detached = true;
        self.bases.push(before);
        self.catchers.push(Catcher::default());
        let result = self.module(file, state);
        self.catchers.pop();
        self.bases.pop();
        result?;
        let effect = state.reach;
        state.reach = before;
        state.detached = was_detached;
        self.pending_effect(state, effect);
        Some(Self::promise(effect, namespace))
    }

    /// `require(specifier)`
    pub(super) fn require(
        &mut self,
        frame: &Frame,
        specifier: &Value,
        state: &mut State,
        expression: &Expression,
    ) -> Option<Value> {
        let place = frame.place(expression.at);
        let Value::Text(specifier) = specifier else {
            self.doubt(place.clone(), state);
            self.fail(state, place);
            return Some(Value::External);
        };
        if self.has_require_cache {
            self.doubt(place.clone(), state);
            return self.call_unknown(frame, Arguments::default(), state, expression);
        }
        let importer = &frame.code.module.path;
        let target = match self.graph.resolve(importer, specifier) {
            Target::File(file) => {
                // `require()` tries extensions and directories.
                let found = self.graph.files_of(importer, specifier, Means::Require).into_iter().next();
                Target::File(found.unwrap_or(file))
            }
            target => target,
        };
        match target {
            Target::Builtin(name) => Some(package(&name)),
            Target::Package(name) => {
                if let Some(file) = self.package(&name, &place, Means::Require) {
                    self.module(&file, state)?;
                    return Some(self.required(file, state));
                }
                self.load_package(&name, place.clone(), state);
                if !sdk::is_of_sentry(&name) {
                    self.fail(state, place);
                    return Some(package(&name));
                }
                if sdk::starts_on_import(&name) {
                    self.log.required.insert(place, name.clone());
                }
                Some(Value::Package(name.as_str().into(), Rc::from([Rc::from(sdk::REQUIRED)])))
            }
            Target::File(file) => {
                if self.is_runtime(&file) {
                    self.load_runtime(place.clone(), state);
                } else if why_not_alone(self.graph, &file).is_some() || !self.graph.is_file(&file) {
                    self.throws(state, place);
                    return None;
                } else if self.link(&file, state).is_some() {
                    self.module(&file, state)?;
                    return Some(self.required(file, state));
                } else if !is_json(&file) {
                    // CommonJS of the build is not followed.
                    self.doubt(place.clone(), state);
                }
                self.fail(state, place);
                Some(Value::External)
            }
            Target::Elsewhere(_) => {
                self.doubt(place.clone(), state);
                self.fail(state, place);
                Some(Value::External)
            }
        }
    }

    // Imported bindings.

    /// The value of a binding that an import makes; `None` for other bindings.
    pub(super) fn imported(&mut self, frame: &Frame, slot: SlotId, state: &mut State) -> Option<Value> {
        let name = &frame.code.steps.slots[slot].name;
        if frame.code.steps.names.get(name) != Some(&slot) {
            return None;
        }
        let module = frame.code.module.clone();
        let import = module.record.import_entries.iter().find(|import| &import.local_name == name)?;
        let request = &module.record.requested_modules[import.request];
        let target = self.graph.resolve(&module.path, &request.specifier.value);
        let place = Place { module: module.path.clone(), span: request.statement };
        Some(match &import.import_name {
            ImportName::Namespace => self.namespace(&target, &place),
            ImportName::Name(name) => {
                let namespace = self.namespace(&target, &place);
                self.export_of(&namespace, &name.value, state)
            }
            ImportName::Source => Value::External,
        })
    }

    fn namespace(&mut self, target: &Target, place: &Place) -> Value {
        match target {
            Target::File(file) => match self.of_bundle(file) {
                Some(specifier) => package(&specifier),
                None => Value::Namespace(file.clone()),
            },
            Target::Package(specifier) => match self.package(specifier, place, Means::Import) {
                Some(file) => Value::Namespace(file),
                None => package(specifier),
            },
            Target::Builtin(name) => package(name),
            Target::Elsewhere(_) => Value::Any,
        }
    }

    fn export_of(&mut self, namespace: &Value, name: &str, state: &mut State) -> Value {
        match namespace {
            Value::Namespace(module) => self.export(&module.clone(), name, state),
            Value::Package(specifier, _) => {
                let path: Rc<[Rc<str>]> = Rc::from([Rc::from(name)]);
                super::host::of_host(specifier, &path)
                    .map_or_else(|| Value::Package(specifier.clone(), path.clone()), |name| super::host::global(&name))
            }
            value => value.clone(),
        }
    }

    /// An export of a module of the build.
    pub(super) fn export(&mut self, module: &ModulePath, name: &str, state: &mut State) -> Value {
        if is_json(module) {
            return Value::External;
        }
        if let Some(exports) = self.exported(module, state) {
            return match (&exports, name) {
                (_, "default" | "module.exports") => exports,
                (Value::Object(id), name) => {
                    match state.object(*id).map(|object| (object.open, object.slots.get(name))) {
                        Some((false, Some(slot))) => {
                            let slot = slot.clone();
                            self.slot_value(slot, &exports, state).unwrap_or(Value::Any)
                        }
                        Some((false, None)) => Value::Undefined,
                        _ => Value::Any,
                    }
                }
                _ => Value::Any,
            };
        }
        let Ok(resolution) = resolve_export(self.graph, module, name) else { return Value::Any };
        match resolution {
            // What it holds is known once it was evaluated.
            Resolution::Binding { module, .. } if self.alone && !self.evaluating.contains(&module) => Value::Any,
            Resolution::Binding { module, .. } if self.has_instances(&module) => Value::Any,
            Resolution::Binding { module, local_name, .. } => {
                let Some((code, scope)) = self.link(&module, state) else { return Value::Any };
                let local = local_name.as_deref().unwrap_or("*default*");
                let Some(slot) = code.steps.names.get(local) else { return Value::Any };
                let frame = Frame {
                    code: code.clone(),
                    scope: scope.clone(),
                    this: Value::Undefined,
                    arguments: Value::External,
                    new_target: Value::Undefined,
                    closure: None,
                };
                if let Some(value) = self.imported(&frame, *slot, state) {
                    return value;
                }
                let Some(cell) = scope.cell(*slot) else { return Value::Any };
                if self.is_uncertain(cell, state) {
                    return Value::Any;
                }
                match state.cells.get(&cell) {
                    // It may be imported in a circle.
                    Some(Value::Uninitialised) | None => self.hoisted(&code, &scope, *slot),
                    Some(value) => value.clone(),
                }
            }
            Resolution::Namespace { of, module, .. } => {
                let span = Span { start: 0, end: 0 };
                self.namespace(&of, &Place { module, span })
            }
            Resolution::External { target, name } => {
                let place = Place { module: module.clone(), span: Span { start: 0, end: 0 } };
                let namespace = match &target {
                    Target::File(_) => Value::Any,
                    target => self.namespace(target, &place),
                };
                self.export_of(&namespace, &name, state)
            }
            Resolution::NotFound => match self.starred(module, name) {
                Some(specifier) => self.export_of(&package(&specifier), name, state),
                None => Value::Any,
            },
            Resolution::Ambiguous => Value::Any,
        }
    }

    /// A package of Sentry that a module re-exports as a whole, where it is the only one.
    fn starred(&self, module: &ModulePath, name: &str) -> Option<String> {
        if name == "default" {
            return None;
        }
        let module = self.graph.load(module).ok().flatten()?;
        let record = &module.record;
        let mut stars = record.star_export_entries.iter().filter_map(|star| {
            let specifier = &record.requested_modules[star.request].specifier.value;
            match self.graph.resolve(&module.path, specifier) {
                Target::Package(specifier) => Some(specifier),
                Target::File(file) => self.of_bundle(&file).or_else(|| self.starred(&file, name)),
                _ => None,
            }
        });
        let found = stars.next()?;
        stars.next().is_none().then_some(found)
    }

    /// A function declaration of a module that is not evaluated yet: it is there from the start.
    fn hoisted(&self, code: &Rc<Code>, scope: &Rc<Scope>, slot: SlotId) -> Value {
        for step in &code.steps.body {
            let presentry_parser::Step::Bind { target: presentry_parser::Pattern::Slot(bound), value } = step else {
                break;
            };
            let presentry_parser::ExpressionKind::Function(function) = value.kind else { break };
            if *bound == slot {
                return Value::Closure(Rc::new(super::value::Closure {
                    code: code.clone(),
                    function,
                    scope: scope.clone(),
                    this: Value::Undefined,
                    arguments: Value::Undefined,
                    new_target: Value::Undefined,
                    parent: None,
                    is_static: false,
                    class: None,
                }));
            }
        }
        Value::Any
    }
}

/// The module and the specifier that a URL was made of.
fn named_by_url(name: &str) -> Option<(ModulePath, Rc<str>)> {
    let (importer, specifier) = name.strip_prefix(super::builtins::SIBLING)?.split_once('\n')?;
    Some((ModulePath::new(importer).ok()?, specifier.into()))
}

fn package(specifier: &str) -> Value {
    Value::Package(specifier.into(), Rc::from([]))
}
