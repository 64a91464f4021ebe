//! No two files import each other in a circle, in code as well as by `use`. Pure functions over sources.

use std::collections::{BTreeMap, BTreeSet};

use super::names;

/// The folders whose files are looked at, each a crate.
const CRATES: [&str; 6] =
    ["crates/parser/src/", "crates/redact/src/", "crates/rewriter/src/", "crates/cli/src/", "e2e/src/", "xtask/src/"];

/// The path of a module in its crate, such as `["store", "place"]`.
type Module = Vec<String>;

/// The circles of files with their contents, one line each. A module and its own submodules may import each other.
pub(super) fn circles(texts: &[(String, String)]) -> Vec<String> {
    CRATES.iter().flat_map(|folder| circles_of(folder, texts)).collect()
}

fn circles_of(folder: &str, texts: &[(String, String)]) -> Vec<String> {
    let mut files: BTreeMap<Module, Names> = BTreeMap::new();
    let mut found = Vec::new();
    for (file, text) in texts {
        let Some(module) = file.strip_prefix(folder).and_then(module_of) else { continue };
        match syn::parse_file(text) {
            Ok(parsed) => _ = files.insert(module.clone(), Names::of(module, &parsed)),
            Err(error) => found.push(format!("{file} cannot be parsed: {error}")),
        }
    }
    let edges: BTreeMap<&Module, BTreeSet<Module>> =
        files.iter().map(|(module, names)| (module, imports(module, names, &files))).collect();
    for circle in strongly_connected(&edges) {
        let imported = |from: &Module| edges[from].iter().filter(|to| circle.contains(to)).collect::<Vec<_>>();
        let arrows = circle.iter().flat_map(|from| imported(from).into_iter().map(|to| arrow(from, to)));
        found.push(format!("{folder} has a circle of imports: {}", arrows.collect::<Vec<_>>().join(", ")));
    }
    found
}

fn arrow(from: &Module, to: &Module) -> String {
    format!("{} → {}", from.join("::"), to.join("::"))
}

/// The module of a file; `None` for tests, which may look at anything.
fn module_of(file: &str) -> Option<Module> {
    let mut module: Module = file.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if module.len() == 1 && ["main", "lib"].contains(&module[0].as_str()) {
        module.clear();
    }
    (!module.iter().any(|segment| segment == "tests")).then_some(module)
}

/// What a file names.
#[derive(Default)]
struct Names {
    module: Module,
    /// Every path that starts at the crate.
    paths: BTreeSet<Module>,
    /// What a name stands for, by `use`.
    aliases: BTreeMap<String, Module>,
    /// The same of what is passed on.
    passed_on: BTreeMap<String, Module>,
}

impl Names {
    /// A `use` of a sibling or a child may leave `self::` out.
    fn of(module: Module, file: &syn::File) -> Self {
        let mut names = Self { module, ..Self::default() };
        for names::Import { path, name, passed_on } in names::imports(file) {
            let in_module = || [&["self".to_owned()], &path[..]].concat();
            let Some(absolute) = names.absolute(&path).or_else(|| names.absolute(&in_module())) else { continue };
            names.paths.insert(absolute.clone());
            if passed_on {
                names.passed_on.insert(name.clone(), absolute.clone());
            }
            if path.first().is_some_and(|first| ["crate", "self", "super"].contains(&first.as_str())) {
                names.aliases.insert(name, absolute);
            }
        }
        let in_code: Vec<Module> = names::paths(file).iter().filter_map(|path| names.absolute(path)).collect();
        names.paths.extend(in_code);
        names
    }

    /// A path as one that starts at the crate; `None` for one of another crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let up = path.iter().take_while(|segment| *segment == "super").count();
        let start = match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => return Some([&self.module[..], rest].concat()),
            "super" => self.module.get(..self.module.len().checked_sub(up)?)?,
            _ => return Some([&self.aliases.get(first)?[..], rest].concat()),
        };
        Some([start, &path[up..]].concat())
    }
}

/// The files that a file imports something of, itself, its submodules and those it lies in left out.
fn imports(module: &Module, names: &Names, files: &BTreeMap<Module, Names>) -> BTreeSet<Module> {
    let owners = names.paths.iter().map(|path| owner(path, files));
    owners.filter(|owner| !owner.is_empty() && !owner.starts_with(module) && !module.starts_with(owner)).collect()
}

/// The file in which the thing lives that a path names, wherever it is passed on.
fn owner(path: &[String], files: &BTreeMap<Module, Names>) -> Module {
    const HOPS: usize = 8;
    let mut path = path.to_vec();
    for _ in 0..HOPS {
        let length = (0..=path.len()).rev().find(|length| files.contains_key(&path[..*length])).unwrap_or(0);
        let (module, rest) = path.split_at(length);
        let passed_on = rest.first().and_then(|name| files.get(module)?.passed_on.get(name));
        match passed_on {
            Some(target) => path = [&target[..], &rest[1..]].concat(),
            None => return module.to_vec(),
        }
    }
    path
}

/// The groups of more than one file that reach each other.
fn strongly_connected(edges: &BTreeMap<&Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        edges.keys().map(|start| (*start, reached_from(start, edges))).collect();
    let mut groups: BTreeSet<Vec<Module>> = BTreeSet::new();
    for (module, reaches) in &reached {
        let circle: Vec<Module> = reaches
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(module)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            groups.insert(circle);
        }
    }
    groups.into_iter().collect()
}

fn reached_from<'m>(start: &'m Module, edges: &'m BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<&'m Module> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Module> = edges.get(start).into_iter().flatten().collect();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(edges.get(next).into_iter().flatten());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let texts: Vec<(String, String)> =
            files.iter().map(|(file, text)| (format!("crates/cli/src/{file}"), (*text).to_owned())).collect();
        let circles: Vec<String> =
            circles(&texts).into_iter().map(|line| line.rsplit(": ").next().unwrap_or_default().to_owned()).collect();
        assert_eq!(circles, expected);
    }

    #[test]
    fn a_circle_is_seen_however_it_is_written() {
        check(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::{a::A, c};")], &["a → b, b → a"]);
        check(&[("a.rs", "fn f() { crate::b::g() }"), ("b.rs", "use super::a::f;")], &["a → b, b → a"]);
        check(
            &[("a.rs", "fn f() -> Vec<crate::b::B> { vec![] }"), ("b.rs", "fn g() { println!(\"{}\", crate::a::X); }")],
            &["a → b, b → a"],
        );
        check(
            &[("a.rs", "use crate::b;\nfn f() { b::g(); }"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")],
            &["a → b, b → c, c → a"],
        );
        check(&[("a.rs", "use crate as all;\nfn f() { all::b::g(); }"), ("b.rs", "use crate::a;")], &["a → b, b → a"]);
    }

    #[test]
    fn what_is_passed_on_belongs_to_where_it_lives() {
        let room = ("room.rs", "mod a; mod b; pub(crate) use a::A;");
        check(
            &[room, ("room/a.rs", "use crate::room::b::B;"), ("room/b.rs", "use crate::room::A;")],
            &["room::a → room::b, room::b → room::a"],
        );
        check(&[room, ("room/a.rs", ""), ("room/b.rs", "use crate::room::A;")], &[]);
    }

    #[test]
    fn a_module_may_import_its_submodules_and_they_it() {
        check(&[("a.rs", "mod b; use crate::a::b::B;"), ("a/b.rs", "use super::A; use crate::a;")], &[]);
        check(&[("a.rs", "use std::fs; use crate::b::B;"), ("b.rs", "use serde::a;")], &[]);
    }
}
