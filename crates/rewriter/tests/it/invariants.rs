//! What must hold for every build and every plan made for it, whatever the build is. Nothing is run here.

use std::collections::BTreeSet;

use presentry_parser::{ModuleRecord, RequestForm, StringLiteral, outline, parse};
use presentry_rewriter::{
    ChangeKind, MemorySources, ModulePath, Outcome, Plan, Request, Sources as _, Target, may_name, plan, prove, resolve,
};

use crate::grammar::{Case, Shape};

/// A plan that passed, with the build as it will be; `None` when it was refused.
pub(crate) struct Checked {
    pub(crate) plan: Plan,
    pub(crate) after: Option<MemorySources>,
}

/// The files of a case.
pub(crate) fn sources(case: &Case) -> MemorySources {
    let path = |text: &str| ModulePath::new(text).expect("the grammar makes valid paths");
    MemorySources::new(case.files.iter().map(|(name, text)| (path(name), text.clone().into_bytes())))
}

/// The outline of a module has the requests, imports and exports that all of it has.
///
/// # Errors
/// Names the module of which that is not so.
pub(crate) fn outlines_are_true(files: &MemorySources) -> Result<(), String> {
    for (path, bytes) in files.iter().filter(|(path, _)| path.as_str().ends_with("js")) {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let (whole, errors) = parse(text);
        let (outline, outline_errors) = outline(text);
        let links = ModuleRecord {
            requested_modules: whole.requested_modules,
            import_entries: whole.import_entries,
            local_export_entries: whole.local_export_entries,
            indirect_export_entries: whole.indirect_export_entries,
            star_export_entries: whole.star_export_entries,
            ..ModuleRecord::default()
        };
        if errors.is_empty() && (outline.links != links || !outline_errors.is_empty()) {
            return Err(format!("the outline of `{path}` is not what all of it tells"));
        }
    }
    Ok(())
}

/// Makes a plan for a build and checks all that can be checked without running it.
///
/// `made_by_grammar` is false for builds whose bytes were mangled, which may hold a proof by accident.
///
/// # Errors
/// Says which property does not hold.
pub(crate) fn check(
    files: &MemorySources,
    request: &Request,
    shape: Shape,
    made_by_grammar: bool,
) -> Result<Checked, String> {
    prefilter_is_safe(files)?;
    outlines_are_true(files)?;
    if made_by_grammar && shape == Shape::Fresh && prove(files, &request.entry).holds() {
        return Err("the proof holds for the build as it was".into());
    }
    let planned = plan(files, request);
    if plan(files, request) != planned {
        return Err("a plan is not made the same way every time".into());
    }
    match planned.outcome {
        Outcome::Refused => {
            if !planned.changes.is_empty() || planned.diagnostics.is_empty() {
                return Err("a refused plan has changes, or no reason".into());
            }
            return Ok(Checked { plan: planned, after: None });
        }
        Outcome::AlreadyFirst if !made_by_grammar => return Ok(Checked { plan: planned, after: None }),
        Outcome::AlreadyFirst => return Err("the build as it was is taken for a rewritten one".into()),
        Outcome::Rewritten => {}
    }
    let after = applied(files, &planned)?;
    let proof = prove(&after, &request.entry);
    if !proof.holds() || planned.proof.as_ref() != Some(&proof) {
        return Err(format!("the plan's proof is not the changed build's: {:?}", proof.failures));
    }
    let again = plan(&after, request);
    if again.outcome != Outcome::AlreadyFirst || again.exports != planned.exports {
        return Err(format!("a second run is not idle: {:?} {:?}", again.outcome, again.diagnostics));
    }
    for (path, bytes) in after.iter() {
        let (_, errors) = parse(&String::from_utf8_lossy(bytes));
        if planned.changes.iter().any(|change| change.path == *path) && !errors.is_empty() {
            return Err(format!("`{path}` cannot be parsed any more: {errors:?}"));
        }
    }
    if shape != Shape::SdkWrapped {
        bytes_are_kept(files, request, &planned)?;
    }
    runtime_is_closed(&after, request, &planned)?;
    Ok(Checked { plan: planned, after: Some(after) })
}

/// The build after the changes of a plan, which can be taken back.
fn applied(files: &MemorySources, planned: &Plan) -> Result<MemorySources, String> {
    let mut after = files.clone();
    for change in &planned.changes {
        let before = after.remove(&change.path);
        if before != change.before {
            return Err(format!("the plan is wrong about what `{}` was, or changes it twice", change.path));
        }
        if let Some(bytes) = &change.after {
            after.insert(change.path.clone(), bytes.clone());
        }
    }
    let mut restored = after.clone();
    for change in planned.changes.iter().rev() {
        restored.remove(&change.path);
        if let Some(bytes) = &change.before {
            restored.insert(change.path.clone(), bytes.clone());
        }
    }
    if restored != *files {
        return Err("the reverse of the plan does not give the original back".into());
    }
    Ok(after)
}

/// A module that requests a file is never skipped when the importers of that file are looked for.
fn prefilter_is_safe(files: &MemorySources) -> Result<(), String> {
    for (path, bytes) in files.iter() {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let (record, _) = parse(text);
        for specifier in specifiers(&record) {
            if let Target::File(file) = resolve(path, &specifier.value)
                && !may_name(bytes, file.file_name())
            {
                return Err(format!("the prefilter does not see that `{path}` requests `{file}`"));
            }
        }
    }
    Ok(())
}

/// The specifiers of a record in the order they stand in the text.
fn specifiers(record: &ModuleRecord) -> Vec<&StringLiteral> {
    let requested = record.requested_modules.iter().map(|request| &request.specifier);
    let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
    let mut all: Vec<_> = requested.chain(imported).collect();
    all.sort_by_key(|specifier| specifier.span);
    all
}

/// Every byte outside of an edit stays, and no position in a source map moves.
fn bytes_are_kept(files: &MemorySources, request: &Request, planned: &Plan) -> Result<(), String> {
    let text = |path: &ModulePath| {
        let bytes = files.read(path).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let moved = planned.changes.iter().find(|change| change.kind == ChangeKind::MovedEntry);
    let moved = moved.map(|change| &change.path).ok_or("the plan does not move the entry")?;
    for change in &planned.changes {
        let after = String::from_utf8_lossy(change.after.as_deref().unwrap_or_default());
        match change.kind {
            ChangeKind::Facade | ChangeKind::Passage => {}
            ChangeKind::Instrumentation | ChangeKind::TopLevelImport | ChangeKind::Bundle | ChangeKind::Channels => {
                return Err(format!("`{}` is not ours to change", change.path));
            }
            ChangeKind::Repointed => only_repointed(&change.path, &text(&change.path), &after, &request.entry, moved)?,
            ChangeKind::MovedEntry => {
                let entry = text(&request.entry);
                let entry = without_instrumentation(&entry, request);
                only_repointed(&request.entry, entry, &after, &request.entry, moved)?;
            }
        }
    }
    Ok(())
}

/// The text of an entry without the line that the SDK's `top-level-import` puts before it.
fn without_instrumentation<'t>(text: &'t str, request: &Request) -> &'t str {
    let (record, _) = parse(text);
    let injected = record.requested_modules.first().filter(|first| {
        let named = resolve(&request.entry, &first.specifier.value);
        first.form == RequestForm::Bare
            && first.statement.start == 0
            && named == Target::File(request.instrumentation.clone())
    });
    let rest = injected.map_or(text, |first| &text[first.statement.end..]);
    if injected.is_some() { rest.strip_prefix('\n').unwrap_or(rest) } else { rest }
}

fn only_repointed(
    path: &ModulePath,
    before: &str,
    after: &str,
    entry: &ModulePath,
    moved: &ModulePath,
) -> Result<(), String> {
    let (old, new) = (parse(before).0, parse(after).0);
    let (old, new) = (specifiers(&old), specifiers(&new));
    if old.len() != new.len() {
        return Err(format!("`{path}` has {} specifiers in place of {}", new.len(), old.len()));
    }
    let (mut old_at, mut new_at) = (0, 0);
    for (old, new) in old.iter().zip(&new) {
        let kept = before.get(old_at..old.span.start) == after.get(new_at..new.span.start);
        (old_at, new_at) = (old.span.end, new.span.end);
        let (old_text, new_text) = (old.span.of(before), new.span.of(after));
        if !kept {
            return Err(format!("`{path}` changed before {old_text}"));
        }
        if resolve(path, &old.value) != Target::File(entry.clone()) {
            if old_text != new_text {
                return Err(format!("{old_text} in `{path}` became {new_text}, and does not name the entry"));
            }
            continue;
        }
        if resolve(path, &new.value) != Target::File(moved.clone()) {
            return Err(format!("{old_text} in `{path}` became {new_text}, which does not name `{moved}`"));
        }
        if shape(old_text) != shape(new_text) {
            return Err(format!("{old_text} in `{path}` became {new_text}: positions moved"));
        }
        let behind = |value: &str| value.find(['?', '#']).map(|at| value[at..].to_owned());
        if behind(&old.value) != behind(&new.value) {
            return Err(format!("{old_text} in `{path}` became {new_text}: another query or fragment"));
        }
    }
    if before[old_at..] != after[new_at..] {
        return Err(format!("`{path}` changed at its end"));
    }
    Ok(())
}

/// Lines and columns in UTF-16 code units.
fn shape(text: &str) -> Vec<usize> {
    text.split(['\n', '\r', '\u{2028}', '\u{2029}']).map(|line| line.encode_utf16().count()).collect()
}

/// Nothing that the moved entry loads asks for the facade, which waits for it.
fn runtime_is_closed(after: &MemorySources, request: &Request, planned: &Plan) -> Result<(), String> {
    let moved = planned.changes.iter().filter(|change| change.kind == ChangeKind::MovedEntry);
    let mut queue: Vec<ModulePath> = moved.map(|change| change.path.clone()).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = queue.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Ok(Some(bytes)) = after.read(&path) else { continue };
        let (record, errors) = parse(&String::from_utf8_lossy(&bytes));
        if !errors.is_empty() {
            // Node does not get beyond it.
            continue;
        }
        for specifier in specifiers(&record) {
            if let Target::File(file) = resolve(&path, &specifier.value) {
                if file == request.entry {
                    return Err(format!("`{path}` is loaded by the moved entry and still requests the facade"));
                }
                queue.push(file);
            }
        }
    }
    Ok(())
}
