//! Which files of the command may change files on disk. Pure functions over sources; tests in them may write.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    ExprMethodCall, ImplItemFn, Macro,
    visit::{self, Visit},
};

use super::names::{self, Path, Paths};

/// The command, and in it the room that writes to builds.
const COMMAND: &str = "crates/cli/src/";
const STORE: &str = "store/";

/// The file whose functions change a build, one step each.
const STEPS: &str = "store/fs_steps.rs";

/// Who else changes files, and which.
const WRITERS: [(&str, &str); 6] = [
    (STEPS, "those of a build, each change a step"),
    ("store/lock.rs", "an empty one that stands for a directory that the system cannot lock"),
    ("scratch.rs", "temporary ones, outside of the build"),
    ("say/github.rs", "the job summary, which GitHub names"),
    ("commands/repro.rs", "the report that the user names with `--out`"),
    ("commands/trace.rs", "the page that the user names with `--html`"),
];

/// Who hands steps to the store, besides the store itself.
const COMMITTERS: [(&str, &str); 3] = [
    ("pipeline.rs", "the commit of a rewrite"),
    ("commands/restore.rs", "the commit of `restore`"),
    ("open.rs", "what an interrupted run has left"),
];

/// What does not write, of the modules with functions for files. What is not listed counts as writing.
const READS: [&str; 16] = [
    "canonicalize",
    "exists",
    "metadata",
    "read",
    "read_dir",
    "read_link",
    "read_to_string",
    "symlink_metadata",
    "DirEntry",
    "FileType",
    "Metadata",
    "MetadataExt",
    "Permissions",
    "PermissionsExt",
    "ReadDir",
    "TryLockError",
];

/// The modules and crates with functions for files.
const MODULES: [&[&str]; 9] = [
    &["std", "fs"],
    &["std", "os", "unix", "fs"],
    &["std", "os", "windows", "fs"],
    &["std", "os", "linux", "fs"],
    &["cap_std"],
    &["cap_tempfile"],
    &["rustix", "fs"],
    &["tempfile"],
    &["nix"],
];

/// Methods of files, archives and temporary files that write.
const METHODS: [&str; 8] =
    ["set_len", "set_modified", "set_permissions", "set_readonly", "set_times", "extract", "keep", "persist"];

/// Everything that writes and is not listed, and everything that is listed and does not write, one line each.
pub(super) fn writes(texts: &[(String, String)]) -> Vec<String> {
    let sources = texts.iter().filter_map(|(file, text)| {
        let parsed = syn::parse_file(text).ok()?;
        Some((file.strip_prefix(COMMAND)?, without_tests(parsed)))
    });
    let sources: BTreeMap<&str, syn::File> = sources.collect();
    let steps = sources.get(STEPS).map(steps).unwrap_or_default();
    let mut found = Vec::new();
    if steps.is_empty() {
        found.push(format!("{COMMAND}{STEPS} has no step"));
    }
    for (file, source) in sources.iter().filter(|(file, _)| !file.starts_with(STORE)) {
        found.extend(
            methods(source)
                .intersection(&steps)
                .map(|name| format!("{COMMAND}{file} calls the step `{name}`: only the store does")),
        );
    }
    let mut used = BTreeSet::new();
    let mut only = |list: &[(&str, &str)], file, does: &str| {
        used.insert(file);
        if !list.iter().any(|(one, _)| *one == file) {
            let list: Vec<String> = list.iter().map(|(file, what)| format!("`{file}` ({what})")).collect();
            found.push(format!("{COMMAND}{file} {does}; only these may: {}", list.join(", ")));
        }
    };
    for (file, source) in &sources {
        let (is_store, called) = (file.starts_with(STORE), methods(source));
        for name in writing(source) {
            only(&WRITERS, *file, &format!("writes files, by `{name}`"));
        }
        for name in METHODS.into_iter().filter(|name| called.contains(*name) && !(is_store && steps.contains(*name))) {
            only(&WRITERS, *file, &format!("writes files, by `.{name}()`"));
        }
        if !is_store && names_transaction(source) {
            only(&COMMITTERS, *file, "names the transaction of the store");
        }
    }
    let listed = WRITERS.iter().chain(&COMMITTERS);
    found.extend(
        listed
            .filter(|(file, _)| !used.contains(file))
            .map(|(file, what)| format!("{COMMAND}{file} is listed for what it writes ({what}), and writes nothing")),
    );
    found
}

fn without_tests(mut file: syn::File) -> syn::File {
    let is_test = |attributes: &[syn::Attribute]| {
        attributes.iter().any(|attribute| {
            let words = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
            attribute.path().is_ident("cfg") && (words == "test" || words.starts_with("all (test ,"))
        })
    };
    file.items.retain(|item| !matches!(item, syn::Item::Mod(module) if is_test(&module.attrs)));
    file
}

/// What a source names that writes.
fn writing(source: &syn::File) -> BTreeSet<String> {
    let imports = names::imports(source);
    let aliases: BTreeMap<&str, &Path> = imports.iter().map(|import| (import.name.as_str(), &import.path)).collect();
    let meant = |path: Path| match path.first().and_then(|first| aliases.get(first.as_str())) {
        Some(alias) => [&alias[..], &path[1..]].concat(),
        None => path,
    };
    let in_code = names::paths(source).into_iter().map(meant);
    let mut found: BTreeSet<String> = in_code.filter(|path| writes_by_name(path)).map(|path| path.join("::")).collect();
    for import in &imports {
        // The name of a module or of `File` says nothing yet, unless others get it here; its uses do.
        let whole = import.name == "*" || import.passed_on;
        if writes_by_name(&import.path) || whole && module_of(&import.path).is_some() {
            found.insert(import.path.join("::"));
        }
    }
    found
}

/// What comes behind the module with functions for files.
fn module_of(path: &[String]) -> Option<&[String]> {
    let starts =
        |module: &&[&str]| path.len() >= module.len() && module.iter().zip(path).all(|(one, other)| one == other);
    MODULES.into_iter().find(starts).map(|module| &path[module.len()..])
}

fn writes_by_name(path: &[String]) -> bool {
    match module_of(path) {
        None | Some([]) => false,
        Some([file]) if file == "File" => false,
        Some([file, how, ..]) if file == "File" => how != "open",
        Some([name, ..]) => !READS.contains(&name.as_str()),
    }
}

fn names_transaction(source: &syn::File) -> bool {
    let named = |path: &Path| path.ends_with(&["store".to_owned(), "transaction".to_owned()]);
    let imported = names::imports(source);
    let below = |path: &Path| (1..=path.len()).any(|length| named(&path[..length].to_vec()));
    imported.iter().any(|import| below(&import.path)) || names::paths(source).iter().any(below)
}

/// The names of all methods that are called, those in macros as well.
fn methods(source: &syn::File) -> BTreeSet<String> {
    let mut methods = Methods(BTreeSet::new());
    methods.visit_file(source);
    methods.0
}

struct Methods(BTreeSet<String>);

impl<'ast> Visit<'ast> for Methods {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.0.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
    }
}

impl Methods {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut behind_dot = false;
        for token in tokens {
            match &token {
                TokenTree::Ident(name) if behind_dot => _ = self.0.insert(name.to_string()),
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
            behind_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
        }
    }
}

/// The methods that count a step.
fn steps(source: &syn::File) -> BTreeSet<String> {
    struct Steps(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Steps {
        fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
            let mut paths = Paths::default();
            paths.visit_block(&function.block);
            if paths.0.contains(&vec!["step".to_owned()]) {
                self.0.insert(function.sig.ident.to_string());
            }
        }
    }
    let mut steps = Steps(BTreeSet::new());
    steps.visit_file(source);
    steps.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command that keeps to the rule, with one more file or with one that is replaced.
    fn command(more: &[(&str, &str)]) -> Vec<String> {
        let mut files = BTreeMap::from([
            (
                STEPS,
                "use cap_std::fs::Dir; impl Root { fn rename(&self) { step(Needs::Space); self.directory.rename() } fn read(&self) {} }",
            ),
            ("store/lock.rs", "fn f() { File::options(); } use std::fs::File;"),
            ("store/transaction.rs", "fn f(root: &Root) { root.rename(); root.read(); }"),
            ("scratch.rs", "fn f() { std::fs::remove_dir_all(x); }"),
            ("say/github.rs", "use std::fs::OpenOptions;"),
            ("commands/trace.rs", "fn f() { std::fs::write(x, y); }"),
            ("commands/repro.rs", "fn f() { std::fs::write(x, y); }"),
            ("pipeline.rs", "use crate::store::transaction; fn f() { transaction::run(); }"),
            ("commands/restore.rs", "use crate::store::{place, transaction::run};"),
            ("open.rs", "fn f() { crate::store::transaction::recover(); }"),
            ("find.rs", "use std::fs::{self, File}; fn f() { fs::read(x); File::open(x); fs::DirEntry::file_name; }"),
        ]);
        files.extend(more.iter().copied());
        let texts: Vec<(String, String)> =
            files.iter().map(|(file, text)| (format!("{COMMAND}{file}"), (*text).to_owned())).collect();
        writes(&texts)
    }

    #[test]
    fn what_keeps_to_the_rule_is_tidy() {
        assert_eq!(command(&[]), [""; 0]);
        assert_eq!(command(&[("a.rs", "#[cfg(test)] mod tests { fn f() { std::fs::write(x, y); } }")]), [""; 0]);
    }

    #[test]
    fn a_file_that_writes_is_seen_however_it_is_written() {
        for code in [
            "fn f() { std::fs::write(a, b); }",
            "use std::{fs, io}; fn f() { fs::rename(a, b) }",
            "use std::fs as disk; fn f() { disk::remove_file(a) }",
            "use std::fs::write;",
            "use std::fs::*;",
            "pub(crate) use std::fs;",
            "use std::fs::File; fn f() { File::create(a) }",
            "use std::fs::File as Handle; fn f() { Handle::create_new(a) }",
            "fn f() { std::fs::OpenOptions::new() }",
            "fn f() { println!(\"{:?}\", std::fs::remove_dir_all(a)); }",
            "fn f() { list.iter().map(std::fs::remove_file) }",
            "fn f() { std::os::unix::fs::symlink(a, b) }",
            "use std::os::unix::fs::PermissionsExt as _; fn f(file: File) { file.set_permissions(mode) }",
            "fn f(file: File) { assert!(file.set_len(0).is_ok()); }",
            "use cap_std::fs::Dir;",
            "use tempfile::NamedTempFile;",
            "mod inner { pub fn f() { std::fs::hard_link(a, b) } }",
        ] {
            let found = command(&[("passes/a.rs", code)]);
            assert!(
                found.iter().all(|line| line.starts_with("crates/cli/src/passes/a.rs writes files, by `")),
                "{found:?}"
            );
            assert!(!found.is_empty(), "{code}");
        }
    }

    #[test]
    fn a_pass_neither_takes_a_step_nor_commits() {
        let found = command(&[("passes/a.rs", "fn f(place: &Place) { place.root.rename(a, b); place.root.read(a); }")]);
        assert_eq!(found, ["crates/cli/src/passes/a.rs calls the step `rename`: only the store does"]);
        let found = command(&[("passes/a.rs", "use crate::store::transaction::run;")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("names the transaction of the store; only these may: `pipeline.rs`"), "{found:?}");
    }

    #[test]
    fn a_row_that_is_not_needed_is_found() {
        let found = command(&[("scratch.rs", "fn f() {}")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("scratch.rs is listed for what it writes"), "{found:?}");
        assert_eq!(command(&[(STEPS, "use std::fs::write;")]), ["crates/cli/src/store/fs_steps.rs has no step"]);
    }
}
