//! The paths that a Rust source names, by `use` and in code. Reads one file; what a path stands for is decided elsewhere.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    ItemUse, Macro, UseTree, Visibility,
    visit::{self, Visit},
};

/// A path as it is written, such as `["std", "fs", "write"]`.
pub(super) type Path = Vec<String>;

/// A name that `use` brings into scope.
pub(super) struct Import {
    pub(super) path: Path,
    /// `*` where all names come.
    pub(super) name: String,
    /// Whether others see it here.
    pub(super) passed_on: bool,
}

/// Every `use` of a file, one import for each leaf.
pub(super) fn imports(file: &syn::File) -> Vec<Import> {
    let mut imports = Imports(Vec::new());
    imports.visit_file(file);
    imports.0
}

/// Every path in the code of a file, those in macros as well.
pub(super) fn paths(file: &syn::File) -> Vec<Path> {
    let mut paths = Paths::default();
    paths.visit_file(file);
    paths.0
}

struct Imports(Vec<Import>);

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
        let passed_on = !matches!(item.vis, Visibility::Inherited);
        self.0.extend(leaves.into_iter().map(|(path, name)| Import { path, name, passed_on }));
    }
}

fn leaves_of(tree: &UseTree, above: &mut Path, leaves: &mut Vec<(Path, String)>) {
    match tree {
        UseTree::Path(path) => {
            above.push(path.ident.to_string());
            leaves_of(&path.tree, above, leaves);
            above.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((above.clone(), above.last().cloned().unwrap_or_default()));
        }
        UseTree::Name(name) => leaves.push(([&above[..], &[name.ident.to_string()]].concat(), name.ident.to_string())),
        UseTree::Rename(renamed) => {
            leaves.push(([&above[..], &[renamed.ident.to_string()]].concat(), renamed.rename.to_string()));
        }
        UseTree::Glob(_) => leaves.push((above.clone(), "*".to_owned())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves_of(tree, above, leaves)),
    }
}

/// Gathers the paths of what it visits.
#[derive(Default)]
pub(super) struct Paths(pub(super) Vec<Path>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

impl Paths {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.0.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.0.push(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.0.push(path);
    }
}
